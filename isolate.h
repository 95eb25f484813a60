/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ISOLATE_H
#define ISOLATE_H

#include <stdbool.h>

struct conf;

void isolate_start(void);
void isolate_close_fds(int keep_fd);
bool isolate_can_change_ids(void);
int isolate_open_pidfile(const char *path);
void isolate_drop_caps(void);
void isolate_drop_ids(const struct conf *conf);
void isolate_background(const struct conf *conf, int pid_fd);

#endif /* ISOLATE_H */
