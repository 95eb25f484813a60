/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ICMP_ERR_H
#define ICMP_ERR_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct ctx;
struct flow_side;
struct pkt;
struct sock_extended_err;

/* Bytes of the datagram's payload that an ICMP error carries back at most */
#define ICMP_ERR_PAYLOAD_MAX	1232

void icmp_err_relay(struct ctx *c, const struct flow_side *guest,
		    uint8_t proto, const struct sock_extended_err *ee,
		    const struct addr *offender,
		    const void *payload, size_t payload_len,
		    size_t datagram_len);
void icmp_err_unreachable(struct ctx *c, const struct pkt *pkt, int err);

#endif /* ICMP_ERR_H */
