// SPDX-License-Identifier: BSD-3-Clause
/* icmp_err.c - ICMP errors to the guest
 *
 * An error has one of three origins, each with its function: a router or host
 * reported one for a flow, read from the socket's error queue
 * (icmp_err_relay()); a send failed in our kernel (icmp_err_errno()); or there
 * is no socket for a packet at all (icmp_err_unreachable()). The guest gets the
 * start of its packet back, with the addresses and ports that it used, so that
 * it finds its own socket again.
 *
 * The errors of our own are limited to ICMP_ERR_RATE a second (RFC 4443, 2.4 f;
 * RFC 1812, 4.3.2.8), those of others were limited where they come from. None
 * comes back for a packet to a group or broadcast address (RFC 1122, 3.2.2).
 * IPv6 extension headers of the guest's packet are not carried back.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "dgram.h"
#include "flow.h"
#include "icmp_err.h"
#include "ip.h"
#include "log.h"
#include "passt.h"

#define ICMP_ERR_LEN_MAX_V4	576	/* RFC 1812, 4.3.2.3 */
#define ICMP_ERR_LEN_MAX_V6	IPV6_MTU_MIN	/* RFC 4443, 2.4 c */
#define ICMP_ERR_RATE		1000	/* As of Linux: icmp_msgs_per_sec */
#define ICMP_ERR_BURST		200	/* A guest that finds it has no route */
#define ICMP_ERR_HLEN		8	/* RFC 792; RFC 4443, 2.1 */

/**
 * struct icmp_err - what an error says, besides the packet it is about
 * @type:	ICMP or ICMPv6 type
 * @code:	Code of that type
 * @info:	Second word of the header, host byte order
 * @src:	Who says it
 */
struct icmp_err {
	uint8_t type;
	uint8_t code;
	uint32_t info;
	const struct addr *src;
};

/**
 * icmp_err_put_ip() - Write the IP header of the packet carried back
 * @q:		The packet
 * @dst:	Where to write it, IPV6_HLEN bytes
 *
 * Return: bytes written
 */
static size_t icmp_err_put_ip(const struct icmp_quote *q, uint8_t *dst)
{
	size_t len = q->total_len ? q->total_len : q->l4_len + q->payload_len;

	if (addr_version(q->src) == V4) {
		struct iphdr ih = {
			.version = 4, .ihl = IPV4_HLEN / 4, .tos = q->tos,
			.tot_len = htons((uint16_t)(IPV4_HLEN + len)),
			.frag_off = htons(0x4000),	/* DF */
			.ttl = q->ttl, .protocol = q->proto,
			.saddr = addr_to_v4(q->src).s_addr,
			.daddr = addr_to_v4(q->dst).s_addr,
		};

		ih.check = csum_fold(csum_add_buf(0, &ih, sizeof(ih)));
		memcpy(dst, &ih, sizeof(ih));
		return sizeof(ih);
	} else {
		struct ipv6hdr ih = {
			.version = 6, .priority = q->tos >> 4,
			.flow_lbl = { (uint8_t)(q->tos << 4), 0, 0 },
			.payload_len = htons((uint16_t)len),
			.nexthdr = q->proto, .hop_limit = q->ttl,
			.saddr = q->src->a6, .daddr = q->dst->a6,
		};

		memcpy(dst, &ih, sizeof(ih));
		return sizeof(ih);
	}
}

/**
 * icmp_err_send() - Send an ICMP error to the guest
 * @c:		Execution context
 * @q:		Packet it is about
 * @e:		What it says
 *
 * Lost if there is no room to the guest, as any error may be.
 *
 * Source: RFC 792; RFC 1812, 4.3.2.3; RFC 4443, 2.4 and 3
 */
static void icmp_err_send(struct ctx *c, const struct icmp_quote *q,
			  const struct icmp_err *e)
{
	bool v4 = addr_version(q->src) == V4;
	struct {
		uint8_t type, code;
		__sum16 check;
		__be32 info;
	} ih = { e->type, e->code, 0, htonl(e->info) };
	const struct ip_out out = {
		.src = e->src, .dst = q->src,
		.proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.l4 = &ih, .l4_len = sizeof(ih),
	};
	size_t max = v4 ? ICMP_ERR_LEN_MAX_V4 - IPV4_HLEN :
			  ICMP_ERR_LEN_MAX_V6 - IPV6_HLEN;
	uint8_t buf[ICMP_ERR_LEN_MAX_V6];
	size_t len, n;

	static_assert(sizeof(ih) == ICMP_ERR_HLEN, "header of an ICMP error");
	max = MIN(max, c->tap.mtu - (v4 ? IPV4_HLEN : IPV6_HLEN)) - sizeof(ih);

	if (!addr_is_unicast(q->src) || !addr_is_unicast(e->src) ||
	    (addr_version(e->src) == V4) != v4)
		return;

	len = icmp_err_put_ip(q, buf);
	n = MIN(q->l4_len, max - len);
	if (n && q->l4)
		memcpy(buf + len, q->l4, n);
	len += n;
	n = MIN(q->payload_len, max - len);
	if (n)
		memcpy(buf + len, q->payload, n);
	len += n;

	if (ip_send(&c->tap, &out, buf, len))
		debug("ICMP error to the guest lost");
}

/**
 * icmp_err_may_relay() - Is this an error that goes on to the guest?
 * @ee:		Error from a socket
 *
 * Return: false for what isn't from ICMP and what a guest must not get from
 *	   us, such as redirects
 */
static bool icmp_err_may_relay(const struct sock_extended_err *ee)
{
	if (ee->ee_origin == SO_EE_ORIGIN_ICMP)
		return ee->ee_type == ICMP_DEST_UNREACH ||
		       ee->ee_type == ICMP_TIME_EXCEEDED ||
		       ee->ee_type == ICMP_PARAMETERPROB;

	return ee->ee_origin == SO_EE_ORIGIN_ICMP6 &&
	       ee->ee_type >= ICMPV6_DEST_UNREACH &&
	       ee->ee_type <= ICMPV6_PARAMPROB;
}

/**
 * icmp_err_source() - Who an error seems to come from, as the guest sees it
 * @flow:	Flow it is about, with the guest on one side
 * @offender:	Who reported it, unset if not known
 *
 * Return: the offender, unless it is hidden behind the address that the guest
 *	   contacted: then that one
 */
static const struct addr *icmp_err_source(const struct flow *flow,
					  const struct addr *offender)
{
	unsigned g = flow_guest_index(flow);
	const struct flow_side *guest = &flow->side[g], *host = &flow->side[!g];

	if (!addr_is_external(offender) ||
	    addr_is_equal(offender, &guest->far) ||
	    addr_is_equal(offender, &host->far) ||
	    addr_version(offender) != addr_version(&guest->far))
		return &guest->near;
	return offender;
}

/**
 * icmp_err_relay() - Tell the guest about an error that a socket reports
 * @c:		Execution context
 * @flow:	Flow of the socket, with the guest on one side
 * @q:		Datagram the error is about
 * @e:		Error from dgram_next_error()
 */
void icmp_err_relay(struct ctx *c, const struct flow *flow,
		    const struct icmp_quote *q, const struct dgram_error *e)
{
	struct icmp_err ie = {
		.type = e->ee.ee_type, .code = e->ee.ee_code,
		.src = icmp_err_source(flow, &e->offender),
	};
	bool v4 = addr_version(q->src) == V4;

	/* The next-hop MTU: low half of the second word for IPv4 (RFC 1191, 4),
	 * all of it for IPv6 (RFC 4443, 3.2). A flow to a mapped address has
	 * one IP version on both sides, so types need no translation.
	 */
	if (v4 && ie.type == ICMP_DEST_UNREACH && ie.code == ICMP_FRAG_NEEDED)
		ie.info = e->ee.ee_info & 0xffff;
	else if (!v4 && ie.type == ICMPV6_PKT_TOOBIG)
		ie.info = e->ee.ee_info;

	if (e->ee.ee_origin == SO_EE_ORIGIN_LOCAL)
		icmp_err_errno(c, q, (int)e->ee.ee_errno);
	else if (icmp_err_may_relay(&e->ee) &&
		 (e->ee.ee_origin == SO_EE_ORIGIN_ICMP) == v4)
		icmp_err_send(c, q, &ie);
}

/* Codes of "destination unreachable" by what a system call said; the last row
 * is for all else
 */
static const struct {
	int err;
	uint8_t v4;
	uint8_t v6;
} icmp_err_codes[] = {
	{ ENETUNREACH,	ICMP_NET_UNREACH,	ICMPV6_NOROUTE },
	{ ENETDOWN,	ICMP_NET_UNREACH,	ICMPV6_NOROUTE },
	{ ENODEV,	ICMP_NET_UNREACH,	ICMPV6_NOROUTE },
	{ EADDRNOTAVAIL, ICMP_NET_UNREACH,	ICMPV6_NOROUTE },
	{ EAFNOSUPPORT,	ICMP_NET_UNREACH,	ICMPV6_NOROUTE },
	{ ECONNREFUSED,	ICMP_PORT_UNREACH,	ICMPV6_PORT_UNREACH },
	{ EACCES,	ICMP_PKT_FILTERED,	ICMPV6_ADM_PROHIBITED },
	{ EPERM,	ICMP_PKT_FILTERED,	ICMPV6_ADM_PROHIBITED },
	{ 0,		ICMP_HOST_UNREACH,	ICMPV6_ADDR_UNREACH },
};

/**
 * icmp_err_errno() - Tell the guest that a packet could not be sent
 * @c:		Execution context
 * @q:		The packet
 * @err:	Positive errno
 *
 * The error comes from the default gateway as the guest knows it, as it would
 * from a router without a route, if there is one.
 */
void icmp_err_errno(struct ctx *c, const struct icmp_quote *q, int err)
{
	enum ipver v = addr_version(q->src);
	const struct conf_ip *ip = &c->conf.ip[v];
	const struct addr *gw = v == V4 ? &ip->gw : &ip->our_ll;
	struct icmp_err ie = {
		.type = v == V4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH,
		.src = addr_is_set(gw) ? gw : q->dst,
	};
	unsigned i = 0;

	/* RFC 1122, 3.2.2; RFC 4443, 2.4 e */
	if (!addr_is_unicast(q->dst))
		return;
	if (!util_rate_allow(&c->errors, c->now_ms, ICMP_ERR_RATE,
			     ICMP_ERR_BURST)) {
		stats_add(&c->stats, STAT_ANSWERS_WITHHELD, 1);
		return;
	}

	while (icmp_err_codes[i].err && icmp_err_codes[i].err != err)
		i++;
	ie.code = v == V4 ? icmp_err_codes[i].v4 : icmp_err_codes[i].v6;
	if (err == ECONNREFUSED)
		ie.src = q->dst;
	icmp_err_send(c, q, &ie);
}

/**
 * icmp_err_unreachable() - Tell the guest that there is no way for a packet
 * @c:		Execution context
 * @pkt:	The packet
 * @err:	Positive errno that said so
 */
void icmp_err_unreachable(struct ctx *c, const struct pkt *pkt, int err)
{
	uint8_t buf[ICMP_ERR_PAYLOAD_MAX];
	struct icmp_quote q = {
		.src = &pkt->src, .dst = &pkt->dst,
		.proto = pkt->proto, .ttl = pkt->ttl, .tos = pkt->tos,
		.payload = buf, .total_len = pkt->l4.len,
	};

	q.payload_len = MIN(pkt->l4.len, sizeof(buf));
	if (view_peek(&pkt->l4, buf, q.payload_len))
		icmp_err_errno(c, &q, err);
}
