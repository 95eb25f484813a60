/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ICMP_H
#define ICMP_H

struct ctx;
struct pkt;

void icmp_init(struct ctx *c);
void icmp_from_guest(struct ctx *c, struct pkt *pkt);
void icmp_end_batch(struct ctx *c);

#endif /* ICMP_H */
