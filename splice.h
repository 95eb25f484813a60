/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SPLICE_H
#define SPLICE_H

struct ctx;
struct flow_side;

void splice_init(struct ctx *c);
void splice_accepted(struct ctx *c, int fd, const struct flow_side *ini,
		     const struct flow_side *tgt);

#endif /* SPLICE_H */
