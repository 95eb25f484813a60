// SPDX-License-Identifier: BSD-3-Clause
/* guest.c - packets as the guest builds and checks them
 *
 * Written apart from ip.c and csum.c, so that a mistake there is not made here
 * as well. Every frame to the guest is checked when it is taken: lengths, MTU,
 * checksums - complete or partial as the link allows - and that GSO is only
 * used where the link takes it. Frames of other kinds than IP are not looked
 * into.
 */

#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/if_ether.h>

#include "guest.h"
#include "ip.h"

/* Turns of the loop that guest_wait() waits for a frame, each this long */
#define WAIT_TURNS		500
#define WAIT_MS			10

#define TCP_CSUM_OFFSET		16
#define UDP_CSUM_OFFSET		6
#define ICMP_CSUM_OFFSET	2

#define UDP_HLEN		8

#define PROTO_TRIAL		253	/* For experiments: RFC 3692, 2.1 */

#define ARP_SENDER		(ETH_HLEN + 8)	/* MAC address, RFC 826 */
#define ARP_TARGET		(ETH_HLEN + 18)	/* The other one */

/**
 * guest_csum() - Internet checksum, RFC 1071
 * @sum:	Sum so far of 16-bit words in host byte order, not folded
 * @buf:	Bytes, NULL if there are none
 * @len:	How many
 *
 * Return: complement of the sum, host byte order
 */
uint16_t guest_csum(uint32_t sum, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (p && len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/**
 * pseudo_sum() - Sum of the pseudo-header, RFC 9293, 3.1 and RFC 8200, 8.1
 * @src:	Source address
 * @dst:	Destination address
 * @proto:	Upper-layer protocol
 * @len:	Its length
 *
 * Return: sum, folded, not complemented
 */
static uint16_t pseudo_sum(const struct addr *src, const struct addr *dst,
			   uint8_t proto, size_t len)
{
	/* ::ffff: of an IPv4 address would add to the sum: skip it */
	size_t skip = addr_version(src) == V4 ? 12 : 0;
	uint32_t sum = (uint32_t)(proto + (len >> 16) + (len & 0xffff));

	sum += (uint16_t)~guest_csum(0, src->a6.s6_addr + skip, 16 - skip);
	sum += (uint16_t)~guest_csum(0, dst->a6.s6_addr + skip, 16 - skip);
	return (uint16_t)~guest_csum(sum, NULL, 0);
}

/**
 * csum_offset() - Where the checksum is
 * @proto:	Upper-layer protocol
 *
 * Return: offset of the field in the upper-layer header
 */
static size_t csum_offset(uint8_t proto)
{
	if (proto == IPPROTO_TCP)
		return TCP_CSUM_OFFSET;
	return proto == IPPROTO_UDP ? UDP_CSUM_OFFSET : ICMP_CSUM_OFFSET;
}

/**
 * put_ip() - Write the IP header
 * @p:		Where to
 * @out:	Packet
 *
 * Return: length of the header
 */
static size_t put_ip(uint8_t *p, const struct guest_out *out)
{
	uint8_t ttl = out->ttl ? out->ttl : TTL_DEFAULT;

	if (addr_version(out->src) == V6) {
		put32(p, 0x60000000U | (uint32_t)out->tos << 20);
		put16(p + 4, (uint16_t)out->len);
		p[6] = out->proto;
		p[7] = ttl;
		memcpy(p + 8, &out->src->a6, 16);
		memcpy(p + 24, &out->dst->a6, 16);
		return IPV6_HLEN;
	}

	memset(p, 0, IPV4_HLEN);
	p[0] = 0x45;
	p[1] = out->tos;
	put16(p + 2, (uint16_t)(IPV4_HLEN + out->len));
	put16(p + 6, 0x4000);	/* Don't fragment */
	p[8] = ttl;
	p[9] = out->proto;
	memcpy(p + 12, out->src->a6.s6_addr + 12, 4);
	memcpy(p + 16, out->dst->a6.s6_addr + 12, 4);
	put16(p + 10, guest_csum(0, p, IPV4_HLEN));
	return IPV4_HLEN;
}

/**
 * put_l4_csum() - Checksum of the upper layer, or what the link will complete
 * @s:		Stack
 * @out:	Packet
 * @l4:		Upper-layer header and payload in the frame
 * @off:	Offset of @l4 in the frame
 * @vnet:	Offload header to set
 */
static void put_l4_csum(struct stack *s, const struct guest_out *out,
			uint8_t *l4, size_t off, struct virtio_net_hdr_v1 *vnet)
{
	size_t field = csum_offset(out->proto);
	uint16_t sum = 0, csum;

	if (out->len < field + 2)
		return;

	if (out->proto != IPPROTO_ICMP)
		sum = pseudo_sum(out->src, out->dst, out->proto, out->len);
	put16(l4 + field, 0);

	if (s->var->offload && !out->full_csum && !out->bad_csum &&
	    (out->proto == IPPROTO_TCP || out->proto == IPPROTO_UDP)) {
		vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet->csum_start = (uint16_t)off;
		vnet->csum_offset = (uint16_t)field;
		put16(l4 + field, sum);
		return;
	}

	csum = guest_csum(sum, l4, out->len);
	if (!csum && out->proto == IPPROTO_UDP)
		csum = 0xffff;
	put16(l4 + field, out->bad_csum ? (uint16_t)(csum ^ 0x5555) : csum);
}

/**
 * guest_build() - Build a frame from the guest
 * @s:		Stack
 * @out:	Packet
 * @vnet:	Set to the offload header
 * @frame:	Set to the frame, FRAME_LEN_MAX bytes of room
 *
 * Return: length of the frame
 */
size_t guest_build(struct stack *s, const struct guest_out *out,
		   struct virtio_net_hdr_v1 *vnet, uint8_t *frame)
{
	bool v6 = addr_version(out->src) == V6;
	size_t off;

	memset(vnet, 0, sizeof(*vnet));
	memcpy(frame, s->c.tap.our_mac, MAC_LEN);
	memcpy(frame + MAC_LEN, s->c.conf.ns_mac, MAC_LEN);
	put16(frame + 2 * MAC_LEN, v6 ? ETH_P_IPV6 : ETH_P_IP);
	off = ETH_HLEN + put_ip(frame + ETH_HLEN, out);
	if (out->len)
		memcpy(frame + off, out->l4, out->len);
	put_l4_csum(s, out, frame + off, off, vnet);

	if (out->gso_size) {
		vnet->gso_size = out->gso_size;
		vnet->hdr_len = (uint16_t)(off + UDP_HLEN);
		vnet->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		if (out->proto == IPPROTO_TCP) {
			const uint8_t *tcp = out->l4;

			vnet->hdr_len = (uint16_t)(off + (tcp[12] >> 4) * 4U);
			vnet->gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
					      VIRTIO_NET_HDR_GSO_TCPV4;
		}
	}
	return off + out->len;
}

/**
 * guest_send() - Have the guest send a packet
 * @s:		Stack
 * @out:	Packet
 *
 * The stack sees it at the next turn of the loop, with all others sent till
 * then.
 */
void guest_send(struct stack *s, const struct guest_out *out)
{
	static uint8_t frame[FRAME_LEN_MAX];
	struct virtio_net_hdr_v1 vnet;
	size_t len = guest_build(s, out, &vnet, frame);

	assert_true(stack_push(s, &vnet, frame, len));
}

/**
 * guest_send_udp() - Have the guest send a datagram to the host's loopback
 * @s:		Stack
 * @src_port:	Source port
 * @dst_port:	Destination port
 * @data:	Payload, may be NULL if @len is 0
 * @len:	Its length
 */
void guest_send_udp(struct stack *s, uint16_t src_port, uint16_t dst_port,
		    const void *data, size_t len)
{
	static uint8_t l4[FRAME_LEN_MAX];
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .proto = IPPROTO_UDP,
		.l4 = l4, .len = UDP_HLEN + len,
	};

	put16(l4, src_port);
	put16(l4 + 2, dst_port);
	put16(l4 + 4, (uint16_t)out.len);
	put16(l4 + 6, 0);
	if (len)
		memcpy(l4 + UDP_HLEN, data, len);
	guest_send(s, &out);
}

/**
 * guest_moves() - Have the guest be heard from another address
 * @s:		Stack
 * @last:	Last byte of that
 */
void guest_moves(struct stack *s, uint8_t last)
{
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .proto = PROTO_TRIAL,
	};

	s->guest.a6.s6_addr[15] = last;
	guest_send(s, &out);
	stack_settle(s);
}

/**
 * take_ipv4() - Check an IPv4 header
 * @in:		Packet: @frame and @frame_len are set, the rest is set here
 */
static void take_ipv4(struct guest_in *in)
{
	const uint8_t *p = in->frame + ETH_HLEN;
	size_t hlen, len;
	struct in_addr a;

	assert_true(in->frame_len >= ETH_HLEN + IPV4_HLEN);
	assert_int_equal(p[0] >> 4, 4);
	hlen = (p[0] & 15) * 4U;
	len = get16(p + 2);
	assert_true(hlen >= IPV4_HLEN && len >= hlen);
	/* Short frames may be padded */
	if (in->frame_len != ETH_ZLEN)
		assert_int_equal(in->frame_len, ETH_HLEN + len);
	assert_true(in->frame_len >= ETH_HLEN + len);
	assert_int_equal(guest_csum(0, p, hlen), 0);

	in->v = V4;
	in->tos = p[1];
	in->is_frag = get16(p + 6) & 0x3fff;
	in->ttl = p[8];
	in->proto = p[9];
	memcpy(&a, p + 12, sizeof(a));
	in->src = addr_from_v4(a);
	memcpy(&a, p + 16, sizeof(a));
	in->dst = addr_from_v4(a);
	in->l4 = p + hlen;
	in->l4_len = len - hlen;
}

/**
 * take_ipv6() - Check an IPv6 header
 * @in:		Packet: @frame and @frame_len are set, the rest is set here
 */
static void take_ipv6(struct guest_in *in)
{
	const uint8_t *p = in->frame + ETH_HLEN;
	struct in6_addr a;

	assert_true(in->frame_len >= ETH_HLEN + IPV6_HLEN);
	assert_int_equal(p[0] >> 4, 6);
	assert_int_equal(in->frame_len, ETH_HLEN + IPV6_HLEN + get16(p + 4));

	in->v = V6;
	in->tos = (uint8_t)(get16(p) >> 4);
	in->proto = p[6];
	in->is_frag = in->proto == IPPROTO_FRAGMENT;
	in->ttl = p[7];
	memcpy(&a, p + 8, sizeof(a));
	in->src = addr_from_v6(&a);
	memcpy(&a, p + 24, sizeof(a));
	in->dst = addr_from_v6(&a);
	in->l4 = p + IPV6_HLEN;
	in->l4_len = get16(p + 4);
}

/**
 * check_csum() - Check the checksum of the upper layer
 * @s:		Stack
 * @in:		Packet
 * @vnet:	Its offload header
 */
static void check_csum(const struct stack *s, const struct guest_in *in,
		       const struct virtio_net_hdr_v1 *vnet)
{
	size_t field = csum_offset(in->proto);
	uint16_t sum = 0;

	assert_true(in->l4_len >= field + 2);
	if (in->proto != IPPROTO_ICMP)
		sum = pseudo_sum(&in->src, &in->dst, in->proto, in->l4_len);

	if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		if (in->proto == IPPROTO_UDP && in->v == V4 &&
		    !get16(in->l4 + field))
			return;
		assert_int_equal(guest_csum(sum, in->l4, in->l4_len), 0);
		return;
	}

	/* Completed by the receiver, who sums up from csum_start: the field
	 * then has to hold the sum of the pseudo-header
	 */
	assert_true(s->c.tap.caps.csum);
	assert_int_equal(vnet->csum_start, in->l4 - in->frame);
	assert_int_equal(vnet->csum_offset, field);
	assert_int_equal(get16(in->l4 + field), sum);
}

/**
 * check_gso() - Check the offload header against link and MTU
 * @s:		Stack
 * @in:		Packet, its @gso_size is set
 * @vnet:	Its offload header
 */
static void check_gso(const struct stack *s, struct guest_in *in,
		      const struct virtio_net_hdr_v1 *vnet)
{
	const struct tap_caps *caps = &s->c.tap.caps;
	size_t ip_len = (size_t)(in->l4 - in->frame) - ETH_HLEN;
	size_t l4_hlen = UDP_HLEN;

	in->gso_size = 0;
	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		assert_true(ip_len + in->l4_len <= s->c.tap.mtu);
		return;
	}

	assert_true(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_TCPV4)
		assert_true(caps->tso4 && in->v == V4);
	else if (vnet->gso_type == VIRTIO_NET_HDR_GSO_TCPV6)
		assert_true(caps->tso6 && in->v == V6);
	else
		assert_true(caps->uso &&
			    vnet->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4);
	assert_int_equal(in->proto,
			 vnet->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 ?
			 IPPROTO_UDP : IPPROTO_TCP);
	if (in->proto == IPPROTO_TCP)
		l4_hlen = (in->l4[12] >> 4) * 4U;

	in->gso_size = vnet->gso_size;
	assert_true(in->gso_size > 0);
	assert_true(ip_len + l4_hlen + in->gso_size <= s->c.tap.mtu);
	assert_int_equal(vnet->hdr_len, ETH_HLEN + ip_len + l4_hlen);
}

/**
 * take_arp() - Take in an ARP packet
 * @in:		Packet, its @src is set
 */
static void take_arp(struct guest_in *in)
{
	struct in_addr a4;

	assert_true(in->frame_len >= ARP_TARGET);
	memcpy(&a4, in->frame + ARP_SENDER + MAC_LEN, sizeof(a4));
	in->src = addr_from_v4(a4);
	assert_memory_equal(in->frame + ARP_SENDER, in->frame + MAC_LEN,
			    MAC_LEN);
}

/**
 * check_source_mac() - Check that a frame is from whom its packet is
 * @s:		Stack
 * @in:		Packet
 */
static void check_source_mac(const struct stack *s, const struct guest_in *in)
{
	bool near = addr_is_set(&s->near) && addr_is_equal(&s->near, &in->src);

	assert_memory_equal(in->frame + MAC_LEN,
			    near ? s->near_mac : s->c.tap.our_mac, MAC_LEN);
}

/**
 * guest_recv() - Take the oldest frame to the guest and check it
 * @s:		Stack
 * @in:		Set to the packet; valid until the next call
 *
 * Return: false if there is none
 */
bool guest_recv(struct stack *s, struct guest_in *in)
{
	struct tap_mem_frame f;

	if (!stack_pop(s, &f))
		return false;

	memset(in, 0, sizeof(*in));
	in->frame = f.data;
	in->frame_len = f.len;
	assert_true(f.len >= ETH_HLEN);
	assert_true(f.len <= s->c.tap.caps.len_max);
	in->ethertype = get16(f.data + 2 * MAC_LEN);
	/* ARP is answered to whom it says it is from, RFC 826 */
	if (in->ethertype == ETH_P_ARP && !(f.data[0] & 1)) {
		assert_true(f.len >= ARP_TARGET + MAC_LEN);
		assert_memory_equal(f.data, f.data + ARP_TARGET, MAC_LEN);
	} else if (!(f.data[0] & 1) && !s->has_bridge) {
		assert_memory_equal(f.data, f.guest_mac, MAC_LEN);
	}

	if (in->ethertype == ETH_P_IP)
		take_ipv4(in);
	else if (in->ethertype == ETH_P_IPV6)
		take_ipv6(in);
	else if (in->ethertype == ETH_P_ARP)
		take_arp(in);
	check_source_mac(s, in);
	if (in->ethertype != ETH_P_IP && in->ethertype != ETH_P_IPV6)
		return true;

	assert_true(in->ttl > 0);
	check_gso(s, in, &f.vnet);
	if (!in->is_frag)
		check_csum(s, in, &f.vnet);
	return true;
}

/**
 * guest_wait() - As guest_recv(), but let the loop turn until there is a frame
 * @s:		Stack
 * @in:		Set to the packet; valid until the next call
 *
 * Return: false if there is none after a bounded time
 */
bool guest_wait(struct stack *s, struct guest_in *in)
{
	int i;

	for (i = 0; i < WAIT_TURNS; i++) {
		if (guest_recv(s, in))
			return true;
		stack_turn(s, i ? WAIT_MS : 0);
	}
	return false;
}
