/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IP_H
#define IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "frame.h"
#include "view.h"

struct tap;

#define IPV4_HLEN		20	/* Without options: RFC 791, 3.1 */
#define IPV6_HLEN		40	/* RFC 8200, 3 */
#define TTL_DEFAULT		64	/* RFC 1700, IP time to live */
/* RFC 8200, 5: what any IPv6 link carries; RFC 791: the same for IPv4 */
#define IPV6_MTU_MIN		1280
#define IPV4_MTU_MIN		68

/**
 * struct pkt - a packet from the guest, its headers checked and copied out
 * @f:		Frame it came in
 * @v:		IP version
 * @src_mac:	Source MAC address, as demux.c has checked it
 * @src:	Source address
 * @dst:	Destination address
 * @proto:	Upper-layer protocol, past any IPv6 extension headers
 * @ttl:	TTL or hop limit
 * @tos:	TOS or traffic class
 * @is_frag:	A fragment: @l4 starts inside the packet to be reassembled
 * @may_cut:	Routers may cut it to fragments: IPv4 without DF
 * @frag_more:	Further fragments follow
 * @frag_off:	Offset of @l4 in that packet, bytes
 * @frag_id:	Identification of that packet
 * @l4:		From the upper-layer header to the end of the packet
 */
struct pkt {
	const struct frame *f;
	enum ipver v;
	uint8_t src_mac[ETH_ALEN];
	struct addr src;
	struct addr dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	bool is_frag;
	bool may_cut;
	bool frag_more;
	unsigned frag_off;
	uint32_t frag_id;
	struct view l4;
};

/**
 * struct ip_out - what the headers of a packet to the guest are made from
 * @src:	Source address
 * @dst:	Destination address, of the same version
 * @proto:	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP or IPPROTO_ICMPV6
 * @ttl:	TTL or hop limit, 0 for TTL_DEFAULT
 * @tos:	TOS or traffic class
 * @gso_size:	Payload bytes of each segment, 0 if the frame is one packet
 * @mac:	MAC address of who gets it, NULL for the one that has @dst
 * @l4:		Upper-layer header, its checksum field zero
 * @l4_len:	Length of @l4, 60 bytes at most
 */
struct ip_out {
	const struct addr *src;
	const struct addr *dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	uint16_t gso_size;
	const uint8_t *mac;
	const void *l4;
	size_t l4_len;
};

bool ip_parse(const struct frame *f, struct pkt *pkt);
bool ip_is_reassembled(const struct pkt *pkt);
bool ip_csum_is_good(const struct pkt *pkt);
size_t ip_headroom(enum ipver v, size_t l4_len);
bool ip_fill_headers(const struct tap *tap, struct frame *f,
		     const struct ip_out *out, size_t payload_len);
size_t ip_payload_iov(const struct frame *f, size_t headroom,
		      struct iovec *iov, size_t max);
int ip_send(struct tap *tap, const struct ip_out *out,
	    const void *payload, size_t payload_len);
int ip_send_fragmented(struct tap *tap, const struct ip_out *out,
		       const void *payload, size_t payload_len);

#endif /* IP_H */
