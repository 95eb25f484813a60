/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ARP_H
#define ARP_H

struct addr;
struct ctx;
struct frame;

void arp_from_guest(struct ctx *c, const struct frame *f);
void arp_ask(struct ctx *c, const struct addr *a);
void arp_announce(struct ctx *c);
void arp_announce_neighbour(struct ctx *c, const struct addr *a);

#endif /* ARP_H */
