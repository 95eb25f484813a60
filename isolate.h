/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ISOLATE_H
#define ISOLATE_H

struct conf;

void isolate_start(void);
void isolate_drop_ids(const struct conf *conf);
void isolate_background(const struct conf *conf);

#endif /* ISOLATE_H */
