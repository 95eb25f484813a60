/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEMUX_H
#define DEMUX_H

#include <stdbool.h>

struct ctx;
struct frame;

int demux_from_guest(struct ctx *c);
void demux_again(struct ctx *c, const struct frame *f);
void demux_waiting(struct ctx *c, bool is_idle);

#endif /* DEMUX_H */
