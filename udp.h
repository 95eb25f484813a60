/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UDP_H
#define UDP_H

struct ctx;
struct pkt;

void udp_init(struct ctx *c);
void udp_from_guest(struct ctx *c, struct pkt *pkt);
void udp_end_batch(struct ctx *c);

#endif /* UDP_H */
