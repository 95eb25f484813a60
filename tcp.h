/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_H
#define TCP_H

struct ctx;
struct pkt;

void tcp_init(struct ctx *c);
void tcp_from_guest(struct ctx *c, struct pkt *pkt);
void tcp_end_batch(struct ctx *c);

#endif /* TCP_H */
