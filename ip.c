// SPDX-License-Identifier: BSD-3-Clause
/* ip.c - Ethernet and IP headers, parsed once and built once
 *
 * ip_parse() turns a frame from the guest into a struct pkt, for both IP
 * versions: every length is checked against the frame, headers are copied out
 * before they are looked at, and options and extension headers are passed
 * over. What comes out needs no further check at this layer.
 *
 * ip_fill_headers() is the other way: it writes Ethernet, IP and upper-layer
 * headers in front of a payload that is in place already. The upper-layer
 * checksum is left partial, as virtio defines it: tap_commit() completes it
 * for back-ends that can't.
 *
 * VLAN tags, jumbograms and IPsec are not handled: such frames are dropped.
 */

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "csum.h"
#include "guest_mac.h"
#include "ip.h"
#include "neigh.h"
#include "tap.h"

#define IPV4_DF			0x4000	/* RFC 791, 3.1 */
#define IPV4_MF			0x2000
#define IPV4_OFFSET_MASK	0x1fff
#define IPV6_OFFSET_MASK	0xfff8	/* RFC 8200, 4.5 */
#define IPV6_MF			0x0001
#define IPV6_EXT_MAX		8	/* Extension headers we follow */
/* Ethernet, IPv6 and fragment headers, and the longest of TCP: bytes */
#define HEADERS_MAX		(ETH_HLEN + IPV6_HLEN + 8 + 60)

/**
 * struct ip6_frag - IPv6 fragment header
 * @nexthdr:	Protocol of what is fragmented
 * @reserved:	Zero
 * @off_flags:	Offset in the upper 13 bits, "more" in the lowest
 * @id:		Identification
 *
 * Source: RFC 8200, 4.5
 */
struct ip6_frag {
	uint8_t nexthdr;
	uint8_t reserved;
	__be16 off_flags;
	__be32 id;
};

/**
 * ip_parse_v4() - Check and copy out an IPv4 header
 * @v:		View from the IP header on, moved past it and cut to the packet
 * @pkt:	Packet to fill
 *
 * Return: false if the header is malformed
 *
 * Source: RFC 791, 3.1; RFC 1122, 3.2.1.2 (checksum)
 */
static bool ip_parse_v4(struct view *v, struct pkt *pkt)
{
	struct in_addr src, dst;
	size_t hlen, tot_len;
	uint8_t opts[60];
	struct iphdr ih;
	uint16_t off;

	if (!view_peek(v, &ih, sizeof(ih)) || ih.version != 4)
		return false;

	hlen = ih.ihl * 4UL;
	tot_len = ntohs(ih.tot_len);
	if (hlen < sizeof(ih) || tot_len < hlen || !view_trim(v, tot_len))
		return false;
	if (!view_pull(v, opts, hlen) || csum_fold(csum_add_buf(0, opts, hlen)))
		return false;

	off = ntohs(ih.frag_off);
	pkt->v = V4;
	src.s_addr = ih.saddr;
	dst.s_addr = ih.daddr;
	pkt->src = addr_from_v4(src);
	pkt->dst = addr_from_v4(dst);
	pkt->proto = ih.protocol;
	pkt->ttl = ih.ttl;
	pkt->tos = ih.tos;
	pkt->may_cut = !(off & IPV4_DF);
	pkt->frag_more = off & IPV4_MF;
	pkt->frag_off = (off & IPV4_OFFSET_MASK) * 8U;
	pkt->is_frag = pkt->frag_more || pkt->frag_off;
	pkt->frag_id = ntohs(ih.id);
	return true;
}

/**
 * ip_skip_ext() - Move past one IPv6 extension header
 * @v:		View from the extension header on, moved past it
 * @pkt:	Packet, its protocol is that header's; becomes the next one
 *
 * Return: false if the header is cut short, or if it is a route that the
 *	   packet hasn't come to the end of: we are no stop on any
 *
 * Source: RFC 8200, 4.3 to 4.6; RFC 5095, 3
 */
static bool ip_skip_ext(struct view *v, struct pkt *pkt)
{
	struct { uint8_t nexthdr, len, type, left; } ext;
	struct ip6_frag fh;
	uint16_t off;

	if (pkt->proto != IPPROTO_FRAGMENT) {
		if (!view_peek(v, &ext, sizeof(ext)) ||
		    (pkt->proto == IPPROTO_ROUTING && ext.left))
			return false;
		pkt->proto = ext.nexthdr;
		return view_skip(v, (ext.len + 1UL) * 8);
	}

	if (!view_pull(v, &fh, sizeof(fh)))
		return false;
	off = ntohs(fh.off_flags);
	pkt->proto = fh.nexthdr;
	pkt->frag_more = off & IPV6_MF;
	pkt->frag_off = off & IPV6_OFFSET_MASK;
	pkt->frag_id = ntohl(fh.id);
	/* RFC 6946: an atomic fragment is a whole packet */
	pkt->is_frag = pkt->frag_more || pkt->frag_off;
	return true;
}

/**
 * ip_is_ext() - Is this an IPv6 extension header we can pass over?
 * @proto:	Next header value
 *
 * Return: true if it is
 */
static bool ip_is_ext(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_DSTOPTS || proto == IPPROTO_FRAGMENT;
}

/**
 * ip_parse_v6() - Check and copy out an IPv6 header and its extensions
 * @v:		View from the IP header on, moved past the headers
 * @pkt:	Packet to fill
 *
 * Return: false if a header is malformed
 *
 * Source: RFC 8200, 3 and 4
 */
static bool ip_parse_v6(struct view *v, struct pkt *pkt)
{
	struct ipv6hdr ih;
	unsigned i;

	if (!view_pull(v, &ih, sizeof(ih)) || ih.version != 6)
		return false;
	if (!view_trim(v, ntohs(ih.payload_len)))
		return false;

	pkt->v = V6;
	pkt->src = addr_from_v6(&ih.saddr);
	pkt->dst = addr_from_v6(&ih.daddr);
	/* Mapped addresses on the wire would be taken for IPv4 further on */
	if (addr_version(&pkt->src) != V6 || addr_version(&pkt->dst) != V6)
		return false;

	pkt->proto = ih.nexthdr;
	pkt->ttl = ih.hop_limit;
	pkt->tos = (uint8_t)(ih.priority << 4 | ih.flow_lbl[0] >> 4);

	for (i = 0; ip_is_ext(pkt->proto) && !pkt->is_frag; i++) {
		if (i == IPV6_EXT_MAX || !ip_skip_ext(v, pkt))
			return false;
	}
	return true;
}

/**
 * ip_parse() - Parse a frame from the guest down to the upper-layer header
 * @f:		Frame
 * @pkt:	Packet to fill; @pkt->l4 refers to the memory of @f
 *
 * Return: false if the frame is no well-formed IPv4 or IPv6 packet
 */
bool ip_parse(const struct frame *f, struct pkt *pkt)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, f->len);
	struct ethhdr eh;
	bool good;

	if (!view_pull(&v, &eh, sizeof(eh)))
		return false;

	memset(pkt, 0, sizeof(*pkt));
	pkt->f = f;

	if (eh.h_proto == htons(ETH_P_IP))
		good = ip_parse_v4(&v, pkt);
	else if (eh.h_proto == htons(ETH_P_IPV6))
		good = ip_parse_v6(&v, pkt);
	else
		return false;

	pkt->l4 = v;
	return good;
}

/**
 * ip_is_reassembled() - Did a packet come in fragments?
 * @pkt:	Packet
 *
 * Return: true if its memory serves for the next such packet, too: it is larger
 *	   than the frame it is said to have come in
 */
bool ip_is_reassembled(const struct pkt *pkt)
{
	return pkt->l4.len > pkt->f->len;
}

/**
 * ip_csum_is_good() - Is the upper-layer checksum right, or vouched for?
 * @pkt:	Packet, reassembled if it was fragmented
 *
 * Return: false if the checksum is wrong
 *
 * Source: virtio 1.3, 5.1.6.4.1: a partial checksum needs no check
 */
bool ip_csum_is_good(const struct pkt *pkt)
{
	uint64_t sum = 0;
	struct udphdr uh;

	if (pkt->f->vnet.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM |
				  VIRTIO_NET_HDR_F_DATA_VALID))
		return true;

	/* RFC 768: zero means that none was computed; RFC 8200, 8.1: not so
	 * with IPv6
	 */
	if (pkt->proto == IPPROTO_UDP) {
		if (!view_peek(&pkt->l4, &uh, sizeof(uh)))
			return false;
		if (!uh.check)
			return pkt->v == V4;
	}

	if (pkt->proto != IPPROTO_ICMP)
		sum = csum_pseudo(&pkt->src, &pkt->dst, pkt->proto,
				  pkt->l4.len);
	return !csum_fold(csum_add_view(sum, &pkt->l4));
}

/**
 * ip_headroom() - Bytes of headers in front of a payload to the guest
 * @v:		IP version
 * @l4_len:	Length of the upper-layer header
 *
 * Return: Ethernet, IP and upper-layer header together, bytes
 */
size_t ip_headroom(enum ipver v, size_t l4_len)
{
	return ETH_HLEN + (v == V4 ? IPV4_HLEN : IPV6_HLEN) + l4_len;
}

/**
 * ip_csum_offset() - Where an upper-layer header has its checksum
 * @proto:	Protocol
 *
 * Return: offset of the field, bytes
 */
static size_t ip_csum_offset(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	default:
		return offsetof(struct icmphdr, checksum);
	}
}

/**
 * ip_put_eth() - Write the Ethernet header of a packet to the guest
 * @tap:	Port to the guest
 * @out:	What the headers are made from
 * @dst:	Where to write the header
 *
 * Source: RFC 1112, 6.4 and RFC 2464, 7 for multicast
 */
static void ip_put_eth(const struct tap *tap, const struct ip_out *out,
		       void *dst)
{
	const uint8_t *a = out->dst->a6.s6_addr;
	bool v4 = addr_version(out->dst) == V4;
	const uint8_t *mac = out->mac;
	struct ethhdr eh;

	memcpy(eh.h_source, neigh_mac(tap, out->src), sizeof(eh.h_source));
	eh.h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6);

	if (addr_is_broadcast(out->dst)) {
		memset(eh.h_dest, 0xff, sizeof(eh.h_dest));
	} else if (!addr_is_multicast(out->dst)) {
		if (!mac)
			mac = guest_mac_of(tap, out->dst);
		memcpy(eh.h_dest, mac, sizeof(eh.h_dest));
	} else if (v4) {
		memcpy(eh.h_dest, "\x01\x00\x5e", 3);
		eh.h_dest[3] = a[13] & 0x7f;
		memcpy(eh.h_dest + 4, a + 14, 2);
	} else {
		memcpy(eh.h_dest, "\x33\x33", 2);
		memcpy(eh.h_dest + 2, a + 12, 4);
	}
	memcpy(dst, &eh, sizeof(eh));
}

/**
 * ip_put_v4() - Write an IPv4 header
 * @out:	What it is made from
 * @dst:	Where to write it
 * @len:	Bytes that follow the header in this packet
 * @id:		Identification, host byte order
 * @off:	Flags and fragment offset as on the wire, host byte order
 */
static void ip_put_v4(const struct ip_out *out, void *dst, size_t len,
		      uint16_t id, uint16_t off)
{
	struct iphdr ih = {
		.version = 4, .ihl = IPV4_HLEN / 4,
		.tos = out->tos,
		.tot_len = htons((uint16_t)(IPV4_HLEN + len)),
		.id = htons(id), .frag_off = htons(off),
		.ttl = out->ttl ? out->ttl : TTL_DEFAULT,
		.protocol = out->proto,
		.saddr = addr_to_v4(out->src).s_addr,
		.daddr = addr_to_v4(out->dst).s_addr,
	};

	ih.check = csum_fold(csum_add_buf(0, &ih, sizeof(ih)));
	memcpy(dst, &ih, sizeof(ih));
}

/**
 * ip_put_v6() - Write an IPv6 header
 * @out:	What it is made from
 * @dst:	Where to write it
 * @len:	Bytes that follow the header in this packet
 * @nexthdr:	What follows
 */
static void ip_put_v6(const struct ip_out *out, void *dst, size_t len,
		      uint8_t nexthdr)
{
	struct ipv6hdr ih = {
		.version = 6, .priority = out->tos >> 4,
		.flow_lbl = { (uint8_t)(out->tos << 4), 0, 0 },
		.payload_len = htons((uint16_t)len),
		.nexthdr = nexthdr,
		.hop_limit = out->ttl ? out->ttl : TTL_DEFAULT,
		.saddr = out->src->a6, .daddr = out->dst->a6,
	};

	memcpy(dst, &ih, sizeof(ih));
}

/**
 * ip_set_gso() - Say in the offload header how a long frame is to be cut
 * @f:		Frame, its checksum fields set
 * @out:	What the headers are made from
 * @payload_len: Bytes of payload
 *
 * Source: virtio 1.3, 5.1.6.2
 */
static void ip_set_gso(struct frame *f, const struct ip_out *out,
		       size_t payload_len)
{
	enum ipver v = addr_version(out->dst);

	f->vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	if (!out->gso_size || payload_len <= out->gso_size)
		return;

	if (out->proto == IPPROTO_UDP)
		f->vnet.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else
		f->vnet.gso_type = v == V4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
					     VIRTIO_NET_HDR_GSO_TCPV6;
	f->vnet.gso_size = out->gso_size;
	f->vnet.hdr_len = (uint16_t)ip_headroom(v, out->l4_len);
}

/**
 * ip_fill_headers() - Write all headers in front of a payload in place
 * @tap:	Port to the guest
 * @f:		Reserved frame, its payload at ip_headroom()
 * @out:	What the headers are made from
 * @payload_len: Bytes of payload
 *
 * Return: false if the frame has no room for them
 */
bool ip_fill_headers(const struct tap *tap, struct frame *f,
		     const struct ip_out *out, size_t payload_len)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, f->len);
	size_t l4_len = out->l4_len + payload_len, l4_off;
	uint8_t h[HEADERS_MAX], *l4;
	uint64_t sum = 0;
	__sum16 check;

	ip_put_eth(tap, out, h);
	if (addr_version(out->dst) == V4) {
		ip_put_v4(out, h + ETH_HLEN, l4_len, 0, IPV4_DF);
		l4_off = ETH_HLEN + IPV4_HLEN;
	} else {
		ip_put_v6(out, h + ETH_HLEN, l4_len, out->proto);
		l4_off = ETH_HLEN + IPV6_HLEN;
	}

	l4 = h + l4_off;
	memcpy(l4, out->l4, out->l4_len);
	/* A segment's own length is put in by whoever cuts the frame */
	if (out->proto != IPPROTO_ICMP)
		sum = csum_pseudo(out->src, out->dst, out->proto, l4_len);
	check = (__sum16)~csum_fold(sum);
	memcpy(l4 + ip_csum_offset(out->proto), &check, sizeof(check));

	memset(&f->vnet, 0, sizeof(f->vnet));
	f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	f->vnet.csum_start = (uint16_t)l4_off;
	f->vnet.csum_offset = (uint16_t)ip_csum_offset(out->proto);
	ip_set_gso(f, out, payload_len);

	return view_put(&v, h, l4_off + out->l4_len);
}

/**
 * ip_payload_iov() - Where the payload of a reserved frame goes
 * @f:		Reserved frame
 * @headroom:	Bytes of headers, from ip_headroom()
 * @iov:	Filled with the rest of the frame
 * @max:	Elements in @iov
 *
 * Return: elements used, 0 if there is no room
 */
size_t ip_payload_iov(const struct frame *f, size_t headroom,
		      struct iovec *iov, size_t max)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, f->len);

	if (!view_skip(&v, headroom))
		return 0;
	return view_to_iov(&v, iov, max);
}

/**
 * ip_send() - Send one packet to the guest, its payload copied
 * @tap:	Port to the guest
 * @out:	What the headers are made from
 * @payload:	Payload, may be NULL if @payload_len is 0
 * @payload_len: Its length; with headers at most 65535 bytes
 *
 * Return: 0, -EAGAIN if there is no room now, -EMSGSIZE if it is too long,
 *	   other -errno if the packet is lost
 */
int ip_send(struct tap *tap, const struct ip_out *out,
	    const void *payload, size_t payload_len)
{
	size_t headroom = ip_headroom(addr_version(out->dst), out->l4_len);
	size_t len = headroom + payload_len;
	struct frame f;
	struct view v;
	int rc;

	if (len > FRAME_LEN_MAX)
		return -EMSGSIZE;

	rc = tap_reserve(tap, len, &f);
	if (rc)
		return rc;

	v = view_from_iov(f.iov, f.iov_cnt, f.len);
	if (!ip_fill_headers(tap, &f, out, payload_len) ||
	    !view_skip(&v, headroom) || !view_put(&v, payload, payload_len)) {
		tap_cancel(tap, &f);
		return -EMSGSIZE;
	}
	return tap_commit(tap, &f, len);
}

/**
 * struct ip_cut - a datagram on its way out in fragments
 * @out:	What the headers are made from
 * @whole:	Upper-layer header and payload
 * @id:		Identification of all fragments, host byte order
 */
struct ip_cut {
	const struct ip_out *out;
	struct view whole;
	uint32_t id;
};

/**
 * ip_send_fragment() - Send one fragment of a datagram
 * @tap:	Port to the guest
 * @cut:	The datagram, moved past this fragment
 * @off:	Offset of the fragment, bytes
 * @len:	Length of the fragment, bytes
 *
 * Return: 0, or -errno as for ip_send()
 */
static int ip_send_fragment(struct tap *tap, struct ip_cut *cut, size_t off,
			    size_t len)
{
	bool more = len < cut->whole.len, v4;
	uint8_t h[HEADERS_MAX];
	struct ip6_frag fh;
	struct iovec iov[2];
	struct view part, v;
	size_t hlen, i, n;
	struct frame f;
	int rc;

	v4 = addr_version(cut->out->dst) == V4;
	ip_put_eth(tap, cut->out, h);
	if (v4) {
		hlen = ETH_HLEN + IPV4_HLEN;
		ip_put_v4(cut->out, h + ETH_HLEN, len, (uint16_t)cut->id,
			  (uint16_t)(off / 8 | (more ? IPV4_MF : 0)));
	} else {
		hlen = ETH_HLEN + IPV6_HLEN + sizeof(fh);
		ip_put_v6(cut->out, h + ETH_HLEN, len + sizeof(fh),
			  IPPROTO_FRAGMENT);
		fh.nexthdr = cut->out->proto;
		fh.reserved = 0;
		fh.off_flags = htons((uint16_t)(off | (more ? IPV6_MF : 0)));
		fh.id = htonl(cut->id);
		memcpy(h + ETH_HLEN + IPV6_HLEN, &fh, sizeof(fh));
	}

	rc = tap_reserve(tap, hlen + len, &f);
	if (rc)
		return rc;

	v = view_from_iov(f.iov, f.iov_cnt, f.len);
	view_put(&v, h, hlen);
	view_sub(&cut->whole, len, &part);
	n = view_to_iov(&part, iov, ARRAY_SIZE(iov));
	for (i = 0; i < n; i++)
		view_put(&v, iov[i].iov_base, iov[i].iov_len);
	memset(&f.vnet, 0, sizeof(f.vnet));
	return tap_commit(tap, &f, hlen + len);
}

/**
 * ip_send_fragmented() - Send a datagram of any length, cut to the MTU
 * @tap:	Port to the guest
 * @out:	What the headers are made from; @out->gso_size is ignored
 * @payload:	Payload
 * @payload_len: Its length
 *
 * Return: 0, or -errno as for ip_send(): part of the datagram may be sent then
 *
 * Source: RFC 791, 3.2; RFC 8200, 4.5
 */
int ip_send_fragmented(struct tap *tap, const struct ip_out *out,
		       const void *payload, size_t payload_len)
{
	bool v4 = addr_version(out->dst) == V4;
	size_t l4_len = out->l4_len + payload_len, off, max, len;
	struct iovec iov[2];
	static uint32_t id;
	struct ip_cut cut;
	uint8_t l4[60];
	__sum16 check;
	uint64_t sum;
	int rc;

	if (l4_len + (v4 ? IPV4_HLEN : IPV6_HLEN) <= tap->mtu)
		return ip_send(tap, out, payload, payload_len);
	if (l4_len > 65535 - (v4 ? IPV4_HLEN : 0))
		return -EMSGSIZE;

	memcpy(l4, out->l4, out->l4_len);
	iov[0] = (struct iovec){ l4, out->l4_len };
	iov[1] = (struct iovec){ (void *)payload, payload_len };
	cut = (struct ip_cut){ out, view_from_iov(iov, 2, l4_len), ++id };

	sum = out->proto == IPPROTO_ICMP ? 0 :
	      csum_pseudo(out->src, out->dst, out->proto, l4_len);
	check = csum_fold(csum_add_view(sum, &cut.whole));
	if (out->proto == IPPROTO_UDP && !check)
		check = (__sum16)0xffff;	/* RFC 768 */
	memcpy(l4 + ip_csum_offset(out->proto), &check, sizeof(check));

	max = tap->mtu - (v4 ? IPV4_HLEN : IPV6_HLEN + sizeof(struct ip6_frag));
	max = ROUND_DOWN(max, 8);
	for (off = 0; off < l4_len; off += len) {
		len = MIN(max, l4_len - off);
		rc = ip_send_fragment(tap, &cut, off, len);
		if (rc)
			return rc;
	}
	return 0;
}
