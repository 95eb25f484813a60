/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_H
#define TCP_H

struct ctx;
struct flow_side;
struct pkt;

void tcp_init(struct ctx *c);
void tcp_from_guest(struct ctx *c, struct pkt *pkt);
void tcp_end_batch(struct ctx *c);
void tcp_accepted(struct ctx *c, int fd, const struct flow_side *host,
		  const struct flow_side *guest);

#endif /* TCP_H */
