/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DHCP_H
#define DHCP_H

#include <stdbool.h>

struct ctx;
struct pkt;

bool dhcp_from_guest(struct ctx *c, const struct pkt *pkt);

#endif /* DHCP_H */
