/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEMUX_H
#define DEMUX_H

struct ctx;

int demux_from_guest(struct ctx *c);

#endif /* DEMUX_H */
