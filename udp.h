/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UDP_H
#define UDP_H

#include <stdint.h>

struct ctx;
struct listener;
struct pkt;

/* Idle times after which a flow ends, see udp_deadline() in udp.c */
#define UDP_ONEWAY_MS		(120 * 1000)	/* RFC 4787, 4.3, REQ-5 */
#define UDP_REPLIED_MS		(300 * 1000)	/* RFC 4787, 4.3, REQ-5 c */
#define UDP_DNS_REPLIED_MS	(10 * 1000)	/* RFC 4787, 4.3, REQ-5 a */

void udp_init(struct ctx *c);
void udp_from_guest(struct ctx *c, struct pkt *pkt);
void udp_end_batch(struct ctx *c);

/* To be called by who makes listeners: before the first event, and before the
 * descriptor is closed
 */
void udp_listener_opened(int fd);
void udp_listener_closed(struct ctx *c, int fd);
void udp_listen_event(struct ctx *c, const struct listener *l,
		      uint32_t events);

#endif /* UDP_H */
