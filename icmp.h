/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ICMP_H
#define ICMP_H

struct ctx;
struct pkt;

/* Idle time after which an echo flow ends: RFC 5508, 3.2, REQ-2 */
#define ICMP_TIMEOUT_MS		(60 * 1000)

void icmp_init(struct ctx *c);
void icmp_from_guest(struct ctx *c, struct pkt *pkt);

#endif /* ICMP_H */
