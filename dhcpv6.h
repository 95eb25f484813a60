/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DHCPV6_H
#define DHCPV6_H

#include <stdbool.h>

struct ctx;
struct pkt;

bool dhcpv6_from_guest(struct ctx *c, const struct pkt *pkt);

#endif /* DHCPV6_H */
