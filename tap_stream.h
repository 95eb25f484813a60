/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAP_STREAM_H
#define TAP_STREAM_H

struct tap;

void tap_stream_init(struct tap *tap);
int tap_stream_attach(struct tap *tap, int fd);

#endif /* TAP_STREAM_H */
