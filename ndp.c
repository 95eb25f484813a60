// SPDX-License-Identifier: BSD-3-Clause
/* ndp.c - neighbour discovery and router advertisements for the guest, IPv6
 *
 * Whatever address the guest asks for is reached through us, so each
 * solicitation is answered with our MAC address or, for a neighbour of the
 * host, with its own: neigh.c. Not answered are those of the guest's own
 * addresses and those without a source, by which a guest looks for duplicates
 * of an address it is about to use: it may use any it likes, and an answer
 * would disable the address.
 *
 * Routers are us as well: we advertise ourselves from our link-local address,
 * in reply to solicitations and from time to time, so that what a guest knows
 * never expires, even if a single advertisement was lost or the guest lost its
 * state. All lifetimes are the greatest there are. Periodic advertisements
 * start when the guest connects, ndp_guest_connected(), and go on for ever.
 *
 * Of the neighbour discovery messages only solicitations are handled. The
 * others are taken and dropped: the guest's MAC address is learnt from each
 * frame, in demux.c. Options of solicitations are checked for length only.
 */

#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/icmp6.h>

#include "guest_mac.h"
#include "ip.h"
#include "log.h"
#include "ndp.h"
#include "neigh.h"
#include "passt.h"
#include "timer.h"
#include "view.h"
#include "wire.h"

#define NDP_HOP_LIMIT		255		/* RFC 4861, 7.1.1 */
#define NDP_OPT_UNIT		8		/* Option lengths count these */
#define NDP_OPT_UNITS_MAX	255

/* RFC 8106, 5.1 and 5.2 */
#define NDP_OPT_RDNSS		25
#define NDP_OPT_DNSSL		31

#define RA_CUR_HOP_LIMIT	255
#define RA_LIFETIME_S		UINT16_MAX	/* Field's maximum, RFC 8319 */
#define RA_INFINITY_S		UINT32_MAX	/* RFC 4861, 4.6.2 */
#define RA_PREFIX_LEN		64		/* RFC 4862, 5.5.3 d) */
#define RA_INTERVAL_MAX_MS	600000		/* RFC 4861, 6.2.1 */
#define RA_INTERVAL_MIN_MS	198000		/* 0.33 times that */
#define RA_INITIAL_COUNT	3		/* RFC 4861, 10 */
#define RA_INITIAL_MS		4000		/* RFC 4861, 10: 3 to 16 s */

/**
 * struct ndp - what neighbour discovery keeps in mind
 * @timer:	Time of the next periodic advertisement
 * @initial:	Initial advertisements, at shorter intervals, yet to be sent
 */
struct ndp {
	struct timer timer;
	unsigned initial;
};

static const struct addr ndp_all_nodes = {
	.a6.s6_addr = { 0xff, 0x02, [15] = 0x01 },
};

/**
 * ndp_send() - Send an ICMPv6 message of neighbour discovery
 * @c:		Execution context
 * @src:	Source address
 * @dst:	Destination address
 * @hdr:	Header of the message, its checksum field zero
 * @hdr_len:	Length of @hdr, bytes
 * @opts:	Options
 */
static void ndp_send(struct ctx *c, const struct addr *src,
		     const struct addr *dst, const void *hdr, size_t hdr_len,
		     const struct wire *opts)
{
	struct ip_out out = {
		.src = src,
		.dst = dst,
		.proto = IPPROTO_ICMPV6,
		.ttl = NDP_HOP_LIMIT,
		.l4 = hdr,
		.l4_len = hdr_len,
	};

	/* Lost if there is no room: who asked will ask again */
	ip_send(&c->tap, &out, opts->buf, opts->len);
}

/**
 * ndp_put_lladdr() - Append a MAC address as an option
 * @w:		Writer of options
 * @type:	ND_OPT_SOURCE_LINKADDR or ND_OPT_TARGET_LINKADDR
 * @mac:	MAC address
 *
 * Source: RFC 4861, 4.6.1
 */
static void ndp_put_lladdr(struct wire *w, uint8_t type, const uint8_t *mac)
{
	wire_put_u8(w, type);
	wire_put_u8(w, 1);
	wire_put(w, mac, MAC_LEN);
}

/**
 * ndp_options_are_good() - Check the options of a message from the guest
 * @opts:	Options
 * @src_lladdr:	Set if there is one with the source's link-layer address
 *
 * Return: false if an option is empty or longer than the message
 *
 * Source: RFC 4861, 4.6: such a message must be dropped
 */
static bool ndp_options_are_good(struct view opts, bool *src_lladdr)
{
	*src_lladdr = false;

	while (opts.len) {
		struct nd_opt_hdr opt;

		if (!view_peek(&opts, &opt, sizeof(opt)) || !opt.nd_opt_len ||
		    !view_skip(&opts, (size_t)opt.nd_opt_len * NDP_OPT_UNIT))
			return false;

		if (opt.nd_opt_type == ND_OPT_SOURCE_LINKADDR)
			*src_lladdr = true;
	}

	return true;
}

/**
 * ndp_is_guest() - Is this an address of the guest's own?
 * @c:		Execution context
 * @a:		IPv6 address
 *
 * Return: true if it is the configured address or one seen
 */
static bool ndp_is_guest(const struct ctx *c, const struct addr *a)
{
	return addr_is_equal(a, &c->conf.ip[V6].addr) ||
	       addr_is_equal(a, &c->tap.guest_addr[V6]) ||
	       addr_is_equal(a, &c->tap.guest_ll);
}

/**
 * ndp_is_router() - Does the guest take this address for its router's?
 * @conf:	Configuration
 * @a:		IPv6 address
 *
 * A router that advertises itself as something else is given up by the guest
 * (RFC 4861, 7.2.5), so both of our names for it need to be told.
 *
 * Return: true if it is the gateway's address or ours on the link
 */
static bool ndp_is_router(const struct conf *conf, const struct addr *a)
{
	return addr_is_equal(a, &conf->ip[V6].gw) ||
	       addr_is_equal(a, &conf->ip[V6].our_ll);
}

/**
 * ndp_is_ours() - Is this an address that we stand for ourselves?
 * @conf:	Configuration
 * @a:		IPv6 address
 *
 * Return: true for the router's and each address with a special meaning
 */
static bool ndp_is_ours(const struct conf *conf, const struct addr *a)
{
	return ndp_is_router(conf, a) || conf_ip_is_mapped(&conf->ip[V6], a);
}

/**
 * ndp_is_on_link() - Can a machine on the link have this address?
 * @a:		IPv6 address; an IPv4 address in IPv6 form is on no link
 *
 * Return: true if so
 */
static bool ndp_is_on_link(const struct addr *a)
{
	return addr_version(a) == V6 && addr_is_external(a);
}

/**
 * ndp_advertise_neighbour() - Tell the guest who has an address
 * @c:		Execution context
 * @target:	Address
 * @dst:	Address it asked from, or ndp_all_nodes if it didn't ask
 *
 * Machines behind the guest may ask for each other: who really has an address
 * is believed, whichever answer comes first, as ours doesn't override another
 * one unless we know better.
 *
 * Source: RFC 4861, 7.2.4 (on proxies) and 7.2.6
 */
static void ndp_advertise_neighbour(struct ctx *c, const struct addr *target,
				    const struct addr *dst)
{
	uint8_t buf[NDP_OPT_UNIT];
	const uint8_t *mac = neigh_mac(&c->tap, target);
	struct wire opts = { .buf = buf, .size = sizeof(buf) };
	struct nd_neighbor_advert na = {
		.nd_na_type = ND_NEIGHBOR_ADVERT,
		.nd_na_target = target->a6,
	};
	bool asked = dst != &ndp_all_nodes;

	if (asked)
		na.nd_na_flags_reserved |= ND_NA_FLAG_SOLICITED;
	if (!asked || ndp_is_ours(&c->conf, target) ||
	    (mac != c->tap.our_mac &&
	     !guest_mac_is_known(c->tap.macs, target)))
		na.nd_na_flags_reserved |= ND_NA_FLAG_OVERRIDE;
	if (ndp_is_router(&c->conf, target))
		na.nd_na_flags_reserved |= ND_NA_FLAG_ROUTER;

	ndp_put_lladdr(&opts, ND_OPT_TARGET_LINKADDR, mac);
	ndp_send(c, target, dst, &na, sizeof(na), &opts);
}

/**
 * ndp_learn_guest() - Note an address that the guest is about to use
 * @c:		Execution context
 * @target:	Address that it looks for duplicates of
 *
 * It may never send from there unless it is asked: a server with an address of
 * its own choice couldn't be reached. What it does send from counts more.
 */
static void ndp_learn_guest(struct ctx *c, const struct addr *target)
{
	struct tap *tap = &c->tap;

	if (!ndp_is_on_link(target) || ndp_is_router(&c->conf, target))
		return;
	if (!addr_is_linklocal(target)) {
		if (!tap->guest_seen[V6])
			tap->guest_addr[V6] = *target;
	} else if (!addr_is_set(&tap->guest_ll)) {
		tap->guest_ll = *target;
	}
}

/**
 * ndp_handle_ns() - Handle a neighbour solicitation
 * @c:		Execution context
 * @pkt:	Packet
 *
 * Return: false if the message is malformed
 *
 * Source: RFC 4861, 7.1.1 and 7.2.3
 */
static bool ndp_handle_ns(struct ctx *c, const struct pkt *pkt)
{
	struct nd_neighbor_solicit ns;
	struct view v = pkt->l4;
	struct addr target;
	bool src_lladdr;

	if (!view_pull(&v, &ns, sizeof(ns)) ||
	    !ndp_options_are_good(v, &src_lladdr))
		return false;

	target = addr_from_v6(&ns.nd_ns_target);
	if (addr_is_multicast(&target))
		return false;

	/* Looking for duplicates, or for itself */
	if (addr_is_unspecified(&pkt->src)) {
		ndp_learn_guest(c, &target);
		return true;
	}
	if (addr_is_equal(&pkt->src, &target) || ndp_is_guest(c, &target))
		return true;

	if (ndp_is_on_link(&target))
		ndp_advertise_neighbour(c, &target, &pkt->src);

	return true;
}

/**
 * ndp_put_prefix() - Append the prefix that the guest's address is from
 * @conf:	Configuration
 * @w:		Writer of options
 *
 * Source: RFC 4861, 4.6.2
 */
static void ndp_put_prefix(const struct conf *conf, struct wire *w)
{
	struct nd_opt_prefix_info pi = {
		.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
		.nd_opt_pi_len = sizeof(pi) / NDP_OPT_UNIT,
		.nd_opt_pi_prefix_len = RA_PREFIX_LEN,
		.nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK |
					    ND_OPT_PI_FLAG_AUTO,
		.nd_opt_pi_valid_time = RA_INFINITY_S,
		.nd_opt_pi_preferred_time = RA_INFINITY_S,
	};

	if (!addr_is_set(&conf->ip[V6].addr))
		return;

	memcpy(&pi.nd_opt_pi_prefix, &conf->ip[V6].addr.a6, RA_PREFIX_LEN / 8);
	wire_put(w, &pi, sizeof(pi));
}

/**
 * ndp_put_mtu() - Append the link's MTU
 * @c:		Execution context
 * @w:		Writer of options
 *
 * Source: RFC 4861, 4.6.4
 */
static void ndp_put_mtu(const struct ctx *c, struct wire *w)
{
	unsigned mtu = passt_guest_mtu(c);
	struct nd_opt_mtu opt = {
		.nd_opt_mtu_type = ND_OPT_MTU,
		.nd_opt_mtu_len = sizeof(opt) / NDP_OPT_UNIT,
		.nd_opt_mtu_mtu = htonl(mtu),
	};

	if (mtu >= IPV6_MTU_MIN)
		wire_put(w, &opt, sizeof(opt));
}

/**
 * ndp_put_dns() - Append name servers and search list
 * @conf:	Configuration
 * @w:		Writer of options
 *
 * A list without name servers is not given: a guest may take it for a whole
 * new resolver configuration.
 *
 * Source: RFC 8106, 5.1 and 5.2
 */
static void ndp_put_dns(const struct conf *conf, struct wire *w)
{
	const struct conf_ip *ip = &conf->ip[V6];
	struct wire names;
	unsigned i;

	if (!conf->dhcp_dns || !ip->dns_count)
		return;

	wire_put_u8(w, NDP_OPT_RDNSS);
	wire_put_u8(w, (uint8_t)(1 + 2 * ip->dns_count));
	wire_put_u16(w, 0);
	wire_put_u32(w, RA_INFINITY_S);
	for (i = 0; i < ip->dns_count; i++)
		wire_put(w, &ip->dns[i].a6, sizeof(ip->dns[i].a6));

	if (!conf->dhcp_search || w->size - w->len < NDP_OPT_UNIT)
		return;

	/* The names behind the option's header, then padded to its unit */
	names = (struct wire){
		.buf = w->buf + w->len + NDP_OPT_UNIT,
		.size = ROUND_DOWN(w->size - w->len - NDP_OPT_UNIT,
				   NDP_OPT_UNIT),
	};
	names.size = MIN(names.size, NDP_OPT_UNIT * (NDP_OPT_UNITS_MAX - 1));
	if (!wire_put_search(&names, conf->search))
		return;
	wire_put_zeros(&names, -names.len % NDP_OPT_UNIT);

	wire_put_u8(w, NDP_OPT_DNSSL);
	wire_put_u8(w, (uint8_t)(1 + names.len / NDP_OPT_UNIT));
	wire_put_u16(w, 0);
	wire_put_u32(w, RA_INFINITY_S);
	w->len += names.len;
}

/**
 * ndp_advertise_router() - Send a router advertisement
 * @c:		Execution context
 * @dst:	Address it is for
 *
 * Managed addresses are only told of if our DHCPv6 server has one to give;
 * without it, there's no server that could be asked for other things either.
 *
 * Source: RFC 4861, 4.2
 */
static void ndp_advertise_router(struct ctx *c, const struct addr *dst)
{
	const struct conf *conf = &c->conf;
	const struct conf_ip *ip = &conf->ip[V6];
	/* What fits into any link's packet */
	uint8_t buf[IPV6_MTU_MIN - IPV6_HLEN -
		    sizeof(struct nd_router_advert)];
	struct wire opts = { .buf = buf, .size = sizeof(buf) };
	struct nd_router_advert ra = {
		.nd_ra_type = ND_ROUTER_ADVERT,
	};

	ra.nd_ra_curhoplimit = RA_CUR_HOP_LIMIT;
	ra.nd_ra_router_lifetime = htons(RA_LIFETIME_S);
	if (!conf->no_dhcpv6)
		ra.nd_ra_flags_reserved = addr_is_set(&ip->addr) ?
					  ND_RA_FLAG_MANAGED : ND_RA_FLAG_OTHER;

	ndp_put_prefix(conf, &opts);
	ndp_put_lladdr(&opts, ND_OPT_SOURCE_LINKADDR, c->tap.our_mac);
	ndp_put_mtu(c, &opts);
	ndp_put_dns(conf, &opts);

	ndp_send(c, &ip->our_ll, dst, &ra, sizeof(ra), &opts);
}

/**
 * ndp_handle_rs() - Handle a router solicitation
 * @c:		Execution context
 * @pkt:	Packet
 *
 * Answered at once and to the guest alone: on a link of two, there is no one
 * that a random delay would spare.
 *
 * Return: false if the message is malformed
 *
 * Source: RFC 4861, 6.1.1 and 6.2.6
 */
static bool ndp_handle_rs(struct ctx *c, const struct pkt *pkt)
{
	struct nd_router_solicit rs;
	struct view v = pkt->l4;
	bool anonymous = addr_is_unspecified(&pkt->src);
	bool src_lladdr;

	if (!view_pull(&v, &rs, sizeof(rs)) ||
	    !ndp_options_are_good(v, &src_lladdr) ||
	    (anonymous && src_lladdr))
		return false;

	if (c->conf.no_ra)
		return true;

	debug("NDP: router solicitation from guest, advertising");
	ndp_advertise_router(c, anonymous ? &ndp_all_nodes : &pkt->src);
	return true;
}

/* Messages that are handled; each function returns false if malformed */
static const struct ndp_type {
	uint8_t type;
	bool (*handle)(struct ctx *c, const struct pkt *pkt);
} ndp_types[] = {
	{ ND_ROUTER_SOLICIT,	ndp_handle_rs },
	{ ND_ROUTER_ADVERT,	NULL },
	{ ND_NEIGHBOR_SOLICIT,	ndp_handle_ns },
	{ ND_NEIGHBOR_ADVERT,	NULL },
	{ ND_REDIRECT,		NULL },
};

/**
 * ndp_handle() - Check and handle a message of neighbour discovery
 * @c:		Execution context
 * @type:	Type of the message
 * @hdr:	Its first bytes
 * @pkt:	Packet
 *
 * Return: false if the message is malformed
 */
static bool ndp_handle(struct ctx *c, const struct ndp_type *type,
		       const struct icmp6_hdr *hdr, const struct pkt *pkt)
{
	if (pkt->ttl != NDP_HOP_LIMIT || hdr->icmp6_code)
		return false;

	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return true;
	}

	return type->handle(c, pkt);
}

/**
 * ndp_from_guest() - Handle an ICMPv6 packet if it is neighbour discovery
 * @c:		Execution context
 * @pkt:	Packet, IPv6 and ICMPv6
 *
 * Return: true if it was and nothing is left to do, whether or not it was
 *	   answered; false if it is for another handler
 */
bool ndp_from_guest(struct ctx *c, const struct pkt *pkt)
{
	struct icmp6_hdr hdr;
	size_t i;

	if (!view_peek(&pkt->l4, &hdr, sizeof(hdr)))
		return false;

	for (i = 0; i < ARRAY_SIZE(ndp_types); i++) {
		const struct ndp_type *t = &ndp_types[i];

		if (t->type != hdr.icmp6_type)
			continue;

		if (t->handle && c->conf.ip[V6].enabled && !c->conf.no_ndp &&
		    !ndp_handle(c, t, &hdr, pkt)) {
			stats_add(&c->stats, STAT_BAD_FRAME, 1);
			debug("NDP: malformed message, type %u, dropped",
			      t->type);
		}
		return true;
	}

	return false;
}

/**
 * ndp_ask() - Ask who on the guest's link has an address
 * @c:		Execution context
 * @a:		IPv6 address
 *
 * The guest learns our MAC address from the question, and we its from the
 * answer.
 *
 * Source: RFC 4861, 4.3; RFC 4291, 2.7.1 (solicited-node address)
 */
void ndp_ask(struct ctx *c, const struct addr *a)
{
	uint8_t buf[NDP_OPT_UNIT];
	struct wire opts = { .buf = buf, .size = sizeof(buf) };
	struct nd_neighbor_solicit ns = {
		.nd_ns_type = ND_NEIGHBOR_SOLICIT,
		.nd_ns_target = a->a6,
	};
	struct addr dst = {
		.a6.s6_addr = { 0xff, 0x02, [11] = 0x01, [12] = 0xff },
	};

	if (c->conf.no_ndp)
		return;
	memcpy(dst.a6.s6_addr + 13, a->a6.s6_addr + 13, 3);
	ndp_put_lladdr(&opts, ND_OPT_SOURCE_LINKADDR, c->tap.our_mac);
	ndp_send(c, &c->conf.ip[V6].our_ll, &dst, &ns, sizeof(ns), &opts);
}

/**
 * ndp_schedule() - Set the time of the next periodic advertisement
 * @c:		Execution context
 *
 * The first ones follow soon, as the guest may not be listening yet when it
 * gets connected: a namespace's interface is set up by someone else.
 *
 * Source: RFC 4861, 6.2.4: uniformly distributed between two intervals, the
 *	   first ones no longer than an initial interval
 */
static void ndp_schedule(struct ctx *c)
{
	uint64_t delay_ms;
	uint32_t r;

	util_random(&r, sizeof(r));
	delay_ms = RA_INTERVAL_MIN_MS +
		   r % (RA_INTERVAL_MAX_MS - RA_INTERVAL_MIN_MS + 1);

	if (c->ndp->initial) {
		c->ndp->initial--;
		delay_ms = RA_INITIAL_MS;
	}

	timer_set(c->wheel, &c->ndp->timer, c->now_ms + delay_ms);
}

/**
 * ndp_timer() - Send a periodic advertisement
 * @t:		Timer
 * @arg:	Execution context
 */
static void ndp_timer(struct timer *t, void *arg)
{
	struct ctx *c = arg;

	(void)t;
	ndp_advertise_router(c, &ndp_all_nodes);
	ndp_schedule(c);
}

/**
 * ndp_init() - Allocate what neighbour discovery keeps in mind
 * @c:		Execution context, its wheel there already
 */
void ndp_init(struct ctx *c)
{
	c->ndp = calloc(1, sizeof(*c->ndp));
	if (!c->ndp)
		die("No memory for neighbour discovery");

	c->ndp->timer.fn = ndp_timer;
}

/**
 * ndp_guest_connected() - Advertise to a guest that has just connected
 * @c:		Execution context, initialised by ndp_init()
 *
 * From here on advertisements are sent periodically. Called again, for a guest
 * that comes back, it starts over.
 */
void ndp_guest_connected(struct ctx *c)
{
	if (!c->conf.ip[V6].enabled || c->conf.no_ndp)
		return;

	/* So that it needn't send anything of its own accord before */
	if (addr_is_set(&c->conf.ip[V6].addr))
		ndp_ask(c, &c->conf.ip[V6].addr);
	if (c->conf.no_ra)
		return;

	ndp_advertise_router(c, &ndp_all_nodes);
	c->ndp->initial = RA_INITIAL_COUNT - 1;
	ndp_schedule(c);
}

/**
 * ndp_guest_gone() - Advertise nothing more until there is a guest again
 * @c:		Execution context, initialised by ndp_init()
 */
void ndp_guest_gone(struct ctx *c)
{
	timer_cancel(c->wheel, &c->ndp->timer);
}

/**
 * ndp_announce_neighbour() - Tell the guest of a neighbour's new MAC address
 * @c:		Execution context
 * @a:		IPv6 address of the neighbour
 *
 * Not if the guest uses the address itself: it would find a duplicate. Nor if a
 * machine behind it does: a neighbour could take that one's place there.
 *
 * Source: RFC 4861, 7.2.6
 */
void ndp_announce_neighbour(struct ctx *c, const struct addr *a)
{
	if (!ndp_is_guest(c, a) && !guest_mac_is_known(c->tap.macs, a))
		ndp_advertise_neighbour(c, a, &ndp_all_nodes);
}
