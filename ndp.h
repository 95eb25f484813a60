/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NDP_H
#define NDP_H

#include <stdbool.h>
#include <stdint.h>

struct addr;
struct ctx;
struct pkt;

bool ndp_from_guest(struct ctx *c, const struct pkt *pkt);
void ndp_ask(struct ctx *c, const struct addr *a);
void ndp_init(struct ctx *c);
void ndp_guest_connected(struct ctx *c);
void ndp_guest_gone(struct ctx *c);
void ndp_announce_neighbour(struct ctx *c, const struct addr *a);

#endif /* NDP_H */
