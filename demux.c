// SPDX-License-Identifier: BSD-3-Clause
/* demux.c - who handles what the guest sends
 *
 * demux_from_guest() takes frames from the guest in batches, drops those that
 * are for another machine and those with a source that nobody could answer,
 * learns the guest's addresses, has fragments put together and hands each
 * packet to the handler of its protocol. Only here it is known which protocols
 * there are.
 *
 * The guest is whoever spoke last: it may change its MAC address, and have
 * machines of its own behind a bridge. So frames are not dropped because they
 * come from another MAC address than before, but if that is a group's or ours.
 * Which of these machines gets an answer is up to guest_mac.c.
 */

#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/udp.h>

#include "arp.h"
#include "demux.h"
#include "dhcp.h"
#include "dhcpv6.h"
#include "frag.h"
#include "guest_mac.h"
#include "icmp.h"
#include "ip.h"
#include "log.h"
#include "ndp.h"
#include "neigh.h"
#include "opening.h"
#include "passt.h"
#include "syscalls.h"
#include "tcp.h"
#include "udp.h"

/* What is called after start-up, see seccomp.c */
const char demux_syscalls[] = "epoll_ctl";

#define PORT_DHCP_SERVER	67	/* RFC 2131, 4.1 */
#define PORT_DHCPV6_SERVER	547	/* RFC 8415, 7.2 */

/**
 * from_guest_udp() - Hand a UDP packet to whom its port belongs
 * @c:		Execution context
 * @pkt:	Packet
 */
static void from_guest_udp(struct ctx *c, struct pkt *pkt)
{
	struct udphdr uh;

	if (view_peek(&pkt->l4, &uh, sizeof(uh))) {
		if (uh.dest == htons(PORT_DHCP_SERVER) &&
		    dhcp_from_guest(c, pkt))
			return;
		if (uh.dest == htons(PORT_DHCPV6_SERVER) &&
		    dhcpv6_from_guest(c, pkt))
			return;
	}
	if (!c->conf.no_udp)
		udp_from_guest(c, pkt);
}

/**
 * from_guest_tcp() - Hand on a TCP packet
 * @c:		Execution context
 * @pkt:	Packet
 */
static void from_guest_tcp(struct ctx *c, struct pkt *pkt)
{
	if (!c->conf.no_tcp)
		tcp_from_guest(c, pkt);
}

/**
 * from_guest_icmp() - Hand on an ICMP packet
 * @c:		Execution context
 * @pkt:	Packet
 */
static void from_guest_icmp(struct ctx *c, struct pkt *pkt)
{
	if (!c->conf.no_icmp)
		icmp_from_guest(c, pkt);
}

/**
 * from_guest_icmpv6() - Hand an ICMPv6 packet to neighbour discovery, or on
 * @c:		Execution context
 * @pkt:	Packet
 */
static void from_guest_icmpv6(struct ctx *c, struct pkt *pkt)
{
	if (!ndp_from_guest(c, pkt) && !c->conf.no_icmp)
		icmp_from_guest(c, pkt);
}

/* Handlers of upper-layer protocols, for each IP version; a source may be
 * unspecified with those by which a guest gets its address: RFC 1122, 3.2.1.3;
 * RFC 4291, 2.5.2
 */
static const struct {
	enum ipver v;
	uint8_t proto;
	bool may_lack_source;
	void (*handler)(struct ctx *c, struct pkt *pkt);
} protocols[] = {
	{ V4, IPPROTO_TCP,	false,	from_guest_tcp },
	{ V6, IPPROTO_TCP,	false,	from_guest_tcp },
	{ V4, IPPROTO_UDP,	true,	from_guest_udp },
	{ V6, IPPROTO_UDP,	false,	from_guest_udp },
	{ V4, IPPROTO_ICMP,	false,	from_guest_icmp },
	{ V6, IPPROTO_ICMPV6,	true,	from_guest_icmpv6 },
};

/**
 * learn_mac() - Note the MAC address that the guest uses
 * @tap:	Port to the guest
 * @mac:	MAC address that was checked
 */
static void learn_mac(struct tap *tap, const uint8_t *mac)
{
	char str[MAC_STRLEN];

	if (!memcmp(tap->guest_mac, mac, MAC_LEN))
		return;
	memcpy(tap->guest_mac, mac, MAC_LEN);
	debug("Guest's MAC address: %s", util_mac_str(mac, str));
}

/**
 * learn_guest() - Note the addresses that the guest uses
 * @tap:	Port to the guest
 * @pkt:	Packet with a source that was checked
 */
static void learn_guest(struct tap *tap, const struct pkt *pkt)
{
	learn_mac(tap, pkt->src_mac);
	if (addr_is_unspecified(&pkt->src))
		return;
	guest_mac_learn(tap->macs, &pkt->src, pkt->src_mac);
	if (pkt->v == V6 && addr_is_linklocal(&pkt->src)) {
		tap->guest_ll = pkt->src;
		return;
	}
	tap->guest_addr[pkt->v] = pkt->src;
	tap->guest_seen[pkt->v] = true;
}

/**
 * mac_is_good() - May a frame come from this MAC address?
 * @tap:	Port to the guest
 * @mac:	Source
 *
 * Return: false for a group's, none, and our own
 */
static bool mac_is_good(const struct tap *tap, const uint8_t *mac)
{
	return util_mac_is_one(mac) && memcmp(mac, tap->our_mac, MAC_LEN);
}

/**
 * mac_is_ours() - Is a frame to this MAC address for us?
 * @tap:	Port to the guest
 * @mac:	Destination
 *
 * Return: true for ours, a group's, and those that the guest is shown as a
 *	   neighbour's
 */
static bool mac_is_ours(const struct tap *tap, const uint8_t *mac)
{
	return !memcmp(mac, tap->our_mac, MAC_LEN) || mac[0] & 1 ||
	       neigh_has_mac(tap->neigh, mac);
}

/**
 * source_is_good() - May a packet come from this address?
 * @pkt:	Packet
 *
 * Return: false if nobody could answer it, or if it claims to come from whom
 *	   it is for
 */
static bool source_is_good(const struct pkt *pkt)
{
	return addr_may_send(&pkt->src) &&
	       !addr_is_equal(&pkt->src, &pkt->dst);
}

/**
 * hand_on() - Hand a packet to the handler of its protocol
 * @c:		Execution context
 * @pkt:	Packet
 */
static void hand_on(struct ctx *c, struct pkt *pkt)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i].v == pkt->v &&
		    protocols[i].proto == pkt->proto)
			break;
	}
	if (i == ARRAY_SIZE(protocols)) {
		stats_add(&c->stats, STAT_NO_HANDLER, 1);
	} else if (addr_is_unspecified(&pkt->src) &&
		   !protocols[i].may_lack_source) {
		stats_add(&c->stats, STAT_BAD_SOURCE, 1);
	} else {
		protocols[i].handler(c, pkt);
		opening_done(c);
	}
}

/**
 * ip_take() - Parse an IP packet from the guest, drop it if it is none we take
 * @c:		Execution context
 * @f:		Frame
 * @eh:		Its Ethernet header, from eth_take()
 * @pkt:	Filled with the packet
 *
 * Return: false if it was dropped
 */
static bool ip_take(struct ctx *c, const struct frame *f,
		    const struct ethhdr *eh, struct pkt *pkt)
{
	if (!ip_parse(f, pkt)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		return false;
	}
	/* As it was checked: a guest may have put another one there since */
	memcpy(pkt->src_mac, eh->h_source, MAC_LEN);
	if (!c->conf.ip[pkt->v].enabled)
		return false;
	if (!source_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_SOURCE, 1);
		return false;
	}
	return true;
}

/**
 * ip_from_guest() - Handle an IP packet from the guest
 * @c:		Execution context
 * @f:		Frame
 * @eh:		Its Ethernet header
 */
static void ip_from_guest(struct ctx *c, const struct frame *f,
			  const struct ethhdr *eh)
{
	struct pkt pkt;

	if (!ip_take(c, f, eh, &pkt))
		return;
	learn_guest(&c->tap, &pkt);

	if (pkt.is_frag && !frag_add(c->frag, &pkt, c->now_ms))
		return;
	hand_on(c, &pkt);
}

/**
 * eth_take() - Copy out the Ethernet header of a frame from the guest, drop the
 *		frame if it is none we take
 * @c:		Execution context
 * @f:		Frame
 * @eh:		Filled with the header
 *
 * Return: false if it was dropped
 */
static bool eth_take(struct ctx *c, const struct frame *f, struct ethhdr *eh)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, f->len);

	if (!view_peek(&v, eh, sizeof(*eh))) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		return false;
	}
	if (!mac_is_good(&c->tap, eh->h_source)) {
		stats_add(&c->stats, STAT_BAD_SOURCE, 1);
		return false;
	}
	if (!mac_is_ours(&c->tap, eh->h_dest)) {
		stats_add(&c->stats, STAT_NOT_OURS, 1);
		return false;
	}
	return true;
}

/**
 * demux_again() - Handle a frame that was put off by opening_may()
 * @c:		Execution context
 * @f:		Frame
 *
 * It was copied after it had been checked: a guest whose memory it was in may
 * have made another one of it in between.
 */
void demux_again(struct ctx *c, const struct frame *f)
{
	struct ethhdr eh;
	struct pkt pkt;

	if (!eth_take(c, f, &eh) || !ip_take(c, f, &eh, &pkt))
		return;
	if (pkt.is_frag)
		stats_add(&c->stats, STAT_FRAG_LOST, 1);
	else
		hand_on(c, &pkt);
}

/**
 * frame_from_guest() - Handle a frame from the guest
 * @c:		Execution context
 * @f:		Frame
 */
static void frame_from_guest(struct ctx *c, const struct frame *f)
{
	struct ethhdr eh;

	if (!eth_take(c, f, &eh))
		return;
	if (eh.h_proto == htons(ETH_P_ARP)) {
		/* A guest that only answers to us is known by that */
		learn_mac(&c->tap, eh.h_source);
		arp_from_guest(c, f);
	} else if (eh.h_proto == htons(ETH_P_IP) ||
		   eh.h_proto == htons(ETH_P_IPV6)) {
		ip_from_guest(c, f, &eh);
	} else {
		stats_add(&c->stats, STAT_NO_HANDLER, 1);
	}
}

/**
 * demux_from_guest() - Take a batch of frames from the guest and handle it
 * @c:		Execution context
 *
 * Acknowledgements are sent once all frames of the batch are handled.
 *
 * Return: frames handled, -errno if the link is down
 */
int demux_from_guest(struct ctx *c)
{
	static struct frame frames[TAP_BATCH_MAX];
	int n = tap_recv(&c->tap, frames, TAP_BATCH_MAX), i;

	if (n < 0)
		return n;

	for (i = 0; i < n; i++)
		frame_from_guest(c, &frames[i]);
	tcp_end_batch(c);
	udp_end_batch(c);
	tap_release(&c->tap);
	return n;
}

/**
 * demux_waiting() - Handle frames that wait to open flows, at the end of a turn
 * @c:		Execution context
 * @is_idle:	Nothing else was to be done in this turn
 */
void demux_waiting(struct ctx *c, bool is_idle)
{
	static struct frame f;

	if (opening_begin(c, is_idle)) {
		while (opening_next(c, &f))
			demux_again(c, &f);
		tcp_end_batch(c);
		udp_end_batch(c);
	}
	opening_end(c);
}
