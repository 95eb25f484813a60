/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ARP_H
#define ARP_H

struct ctx;
struct frame;

void arp_from_guest(struct ctx *c, const struct frame *f);
void arp_announce(struct ctx *c);

#endif /* ARP_H */
