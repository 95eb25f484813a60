/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ip.h"
#include "stack.h"

/**
 * struct guest_out - a packet the guest sends
 * @src:	Source address
 * @dst:	Destination address, same version
 * @proto:	Upper-layer protocol
 * @ttl:	TTL or hop limit, 0 for TTL_DEFAULT
 * @tos:	TOS or traffic class
 * @gso_size:	Payload of each segment, 0 if it is no GSO frame
 * @bad_csum:	Spoil the checksum of the upper layer
 * @full_csum:	Complete it even if the link takes partial ones
 * @l4:		Upper-layer header and payload, checksum field zero
 * @len:	Length of @l4
 */
struct guest_out {
	const struct addr *src;
	const struct addr *dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	uint16_t gso_size;
	bool bad_csum;
	bool full_csum;
	const void *l4;
	size_t len;
};

/**
 * struct guest_in - a packet the guest received, checked
 * @v:		IP version
 * @ethertype:	ETH_P_IP, ETH_P_IPV6, or ETH_P_ARP with only @src besides
 * @src:	Source address, with ARP the sender's
 * @dst:	Destination address
 * @proto:	Upper-layer protocol
 * @ttl:	TTL or hop limit
 * @tos:	TOS or traffic class
 * @gso_size:	Payload of each segment, 0 if it is no GSO frame
 * @is_frag:	A fragment; its upper layer wasn't checked
 * @frame:	All of the frame
 * @frame_len:	Its length
 * @l4:		Upper-layer header and payload
 * @l4_len:	Length of @l4
 */
struct guest_in {
	enum ipver v;
	uint16_t ethertype;
	struct addr src;
	struct addr dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	uint16_t gso_size;
	bool is_frag;
	const uint8_t *frame;
	size_t frame_len;
	const uint8_t *l4;
	size_t l4_len;
};

uint16_t guest_csum(uint32_t sum, const void *buf, size_t len);
size_t guest_build(struct stack *s, const struct guest_out *out,
		   struct virtio_net_hdr_v1 *vnet, uint8_t *frame);
void guest_send(struct stack *s, const struct guest_out *out);
void guest_send_udp(struct stack *s, uint16_t src_port, uint16_t dst_port,
		    const void *data, size_t len);
void guest_moves(struct stack *s, uint8_t last);
bool guest_recv(struct stack *s, struct guest_in *in);
bool guest_wait(struct stack *s, struct guest_in *in);

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void put16(uint8_t *p, uint16_t x)
{
	p[0] = (uint8_t)(x >> 8);
	p[1] = (uint8_t)x;
}

static inline void put32(uint8_t *p, uint32_t x)
{
	put16(p, (uint16_t)(x >> 16));
	put16(p + 2, (uint16_t)x);
}

#endif /* GUEST_H */
