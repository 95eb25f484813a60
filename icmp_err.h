/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ICMP_ERR_H
#define ICMP_ERR_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct ctx;
struct dgram_error;
struct flow;
struct pkt;

/* Bytes of the datagram concerned that are read from an error queue. An ICMP
 * error carries back fewer: 576 bytes in all (RFC 1812, 4.3.2.3), or 1280
 * (RFC 4443, 2.4 c)
 */
#define ICMP_ERR_PAYLOAD_MAX	1232

/**
 * struct icmp_quote - the packet an ICMP error is about, as the guest sent it
 * @src:	The guest's address
 * @dst:	Address it sent to
 * @proto:	Upper-layer protocol
 * @ttl:	TTL or hop limit to quote
 * @tos:	TOS or traffic class
 * @l4:		Upper-layer header, with a checksum or zero
 * @l4_len:	Its length, 60 bytes at most
 * @payload:	What followed
 * @payload_len: Bytes known of it
 * @total_len:	Bytes there were after the IP header, 0 for those known
 */
struct icmp_quote {
	const struct addr *src;
	const struct addr *dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	const void *l4;
	size_t l4_len;
	const void *payload;
	size_t payload_len;
	size_t total_len;
};

void icmp_err_relay(struct ctx *c, const struct flow *flow,
		    const struct icmp_quote *q, const struct dgram_error *e);
void icmp_err_errno(struct ctx *c, const struct icmp_quote *q, int err);
void icmp_err_unreachable(struct ctx *c, const struct pkt *pkt, int err);

#endif /* ICMP_ERR_H */
