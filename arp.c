// SPDX-License-Identifier: BSD-3-Clause
/* arp.c - address resolution for the guest, IPv4
 *
 * Whatever address the guest asks for is reached through us, so each request
 * is answered, with our MAC address or, for a neighbour of the host, with its
 * own: neigh.c. Left unanswered are:
 *
 * - requests for an address of the guest's own, configured or observed, and
 *   announcements, that is requests for the sender's address: an answer would
 *   tell the guest that its address is taken;
 * - probes, requests without a sender's address, but for addresses that we
 *   stand for: a guest may use any other address it likes;
 * - requests for what another machine behind the guest has, the first time: the
 *   asker would believe whoever answers first.
 *
 * Nothing is kept here. The guest's MAC address is learnt from each frame, in
 * demux.c, and who has which IP address from each sender, by guest_mac.c, so
 * that replies to our own request need nothing else.
 */

#include <string.h>
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>

#include "arp.h"
#include "guest_mac.h"
#include "log.h"
#include "neigh.h"
#include "passt.h"
#include "view.h"

/**
 * struct arp_packet - ARP for IPv4 over Ethernet, RFC 826
 * @hrd:	Hardware type, network byte order
 * @pro:	Protocol type, network byte order
 * @hln:	Length of hardware addresses
 * @pln:	Length of protocol addresses
 * @op:		Operation, network byte order
 * @sha:	Sender's MAC address
 * @spa:	Sender's IPv4 address
 * @tha:	Target's MAC address
 * @tpa:	Target's IPv4 address
 */
struct arp_packet {
	uint16_t hrd;
	uint16_t pro;
	uint8_t hln;
	uint8_t pln;
	uint16_t op;
	uint8_t sha[ETH_ALEN];
	struct in_addr spa;
	uint8_t tha[ETH_ALEN];
	struct in_addr tpa;
} __attribute__((packed));

/**
 * struct arp_frame - Ethernet frame with an ARP packet, padded
 * @eth:	Ethernet header
 * @arp:	Packet
 * @pad:	Up to the least length of a frame
 */
struct arp_frame {
	struct ethhdr eth;
	struct arp_packet arp;
	uint8_t pad[ETH_ZLEN - sizeof(struct ethhdr) -
		    sizeof(struct arp_packet)];
} __attribute__((packed));

/**
 * arp_is_guest() - Is this an address of the guest's own?
 * @c:		Execution context
 * @a:		IPv4 address
 *
 * Return: true if it is the configured address or the one last seen
 */
static bool arp_is_guest(const struct ctx *c, const struct addr *a)
{
	return addr_is_equal(a, &c->conf.ip[V4].addr) ||
	       addr_is_equal(a, &c->tap.guest_addr[V4]);
}

/**
 * arp_is_ours() - Is this an address that we stand for ourselves?
 * @conf:	Configuration
 * @a:		IPv4 address
 *
 * Return: true for the gateway and each address with a special meaning
 */
static bool arp_is_ours(const struct conf *conf, const struct addr *a)
{
	const struct conf_ip *ip = &conf->ip[V4];

	return addr_is_equal(a, &ip->gw) || conf_ip_is_mapped(ip, a);
}

/**
 * arp_sender_is_good() - Can somebody have the addresses that this is from?
 * @c:		Execution context
 * @arp:	ARP packet from the guest
 *
 * An answer goes there, whatever addresses the frame has. A probe has no IP
 * address yet.
 *
 * Return: false for addresses of groups and none, loopback ones, and our own
 *	   MAC address
 */
static bool arp_sender_is_good(const struct ctx *c,
			       const struct arp_packet *arp)
{
	struct addr sender = addr_from_v4(arp->spa);

	return util_mac_is_one(arp->sha) &&
	       memcmp(arp->sha, c->tap.our_mac, sizeof(arp->sha)) &&
	       addr_may_send(&sender);
}

/**
 * arp_is_answered() - Does a request from the guest deserve an answer?
 * @c:		Execution context
 * @req:	Request
 *
 * Return: true if we answer
 *
 * Source: RFC 5227, 2.1.1 (probes) and 2.3 (announcements)
 */
static bool arp_is_answered(const struct ctx *c, const struct arp_packet *req)
{
	struct addr sender = addr_from_v4(req->spa);
	struct addr target = addr_from_v4(req->tpa);

	if (addr_is_equal(&sender, &target) || !addr_is_unicast(&target) ||
	    arp_is_guest(c, &target))
		return false;

	if (arp_is_ours(&c->conf, &target))
		return true;
	if (addr_is_unspecified(&sender))
		return false;

	return !guest_mac_answers(c->tap.macs, &target, req->sha);
}

/**
 * arp_send() - Send an ARP packet to the guest
 * @c:		Execution context
 * @op:		ARPOP_REQUEST or ARPOP_REPLY
 * @spa:	Sender's address
 * @tha:	Target's MAC address
 * @tpa:	Target's address
 */
static void arp_send(struct ctx *c, uint16_t op, struct in_addr spa,
		     const uint8_t *tha, struct in_addr tpa)
{
	struct addr sender = addr_from_v4(spa);
	const uint8_t *mac = neigh_mac(&c->tap, &sender);
	struct arp_frame f = {
		.eth.h_proto = htons(ETH_P_ARP),
		.arp = {
			.hrd = htons(ARPHRD_ETHER),
			.pro = htons(ETH_P_IP),
			.hln = ETH_ALEN,
			.pln = sizeof(f.arp.spa),
			.op = htons(op),
			.spa = spa,
			.tpa = tpa,
		},
	};

	memcpy(f.eth.h_source, mac, ETH_ALEN);
	memcpy(f.arp.sha, mac, ETH_ALEN);
	if (op == ARPOP_REQUEST) {
		memset(f.eth.h_dest, 0xff, ETH_ALEN);
	} else {
		memcpy(f.eth.h_dest, tha, ETH_ALEN);
		memcpy(f.arp.tha, tha, ETH_ALEN);
	}

	/* Lost if there is no room: who asked will ask again */
	tap_send_buf(&c->tap, &f, sizeof(f));
}

/**
 * arp_learn_sender() - Note who has the IP address that this is from
 * @tap:	Port to the guest
 * @arp:	ARP packet with a sender that was checked
 *
 * Source: RFC 826, packet reception: before it is asked what it is
 */
static void arp_learn_sender(struct tap *tap, const struct arp_packet *arp)
{
	struct addr sender = addr_from_v4(arp->spa);

	if (!addr_is_unspecified(&sender))
		guest_mac_learn(tap->macs, &sender, arp->sha);
}

/**
 * arp_from_guest() - Handle an ARP frame from the guest
 * @c:		Execution context
 * @f:		Frame, its type is ETH_P_ARP
 *
 * Source: RFC 826
 */
void arp_from_guest(struct ctx *c, const struct frame *f)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, f->len);
	struct arp_packet req;

	if (!view_skip(&v, ETH_HLEN) || !view_pull(&v, &req, sizeof(req)) ||
	    req.hrd != htons(ARPHRD_ETHER) || req.pro != htons(ETH_P_IP) ||
	    req.hln != ETH_ALEN || req.pln != sizeof(req.tpa)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		debug("ARP: malformed packet dropped");
		return;
	}
	if (!arp_sender_is_good(c, &req)) {
		stats_add(&c->stats, STAT_BAD_SOURCE, 1);
		return;
	}
	arp_learn_sender(&c->tap, &req);

	if (!c->conf.ip[V4].enabled || req.op != htons(ARPOP_REQUEST) ||
	    !arp_is_answered(c, &req))
		return;

	arp_send(c, ARPOP_REPLY, req.tpa, req.sha, req.spa);
}

/**
 * arp_ask() - Ask who on the guest's link has an address
 * @c:		Execution context
 * @a:		IPv4 address
 *
 * In the name of the gateway: the guest learns its MAC address from it.
 */
void arp_ask(struct ctx *c, const struct addr *a)
{
	const struct addr *gw = &c->conf.ip[V4].gw;
	struct in_addr sender = { 0 };

	/* Else a probe, which is answered just as well */
	if (addr_is_set(gw) && !addr_is_equal(gw, a))
		sender = addr_to_v4(gw);

	arp_send(c, ARPOP_REQUEST, sender, NULL, addr_to_v4(a));
}

/**
 * arp_announce() - Tell a guest that has just connected where we are
 * @c:		Execution context
 *
 * By a request for the guest's address: we learn the guest's MAC address from
 * its reply, before it has sent anything of its own accord.
 */
void arp_announce(struct ctx *c)
{
	const struct conf_ip *ip = &c->conf.ip[V4];

	if (ip->enabled && addr_is_set(&ip->addr))
		arp_ask(c, &ip->addr);
}

/**
 * arp_announce_neighbour() - Tell the guest of a neighbour's new MAC address
 * @c:		Execution context
 * @a:		IPv4 address of the neighbour
 *
 * Not if the guest uses the address itself: it would find a conflict. Nor if a
 * machine behind it does: a neighbour could take that one's place there.
 *
 * Source: RFC 5227, 3: an announcement, which hosts take as they did in the
 *	   days of RFC 826: who knows the address learns the new one
 */
void arp_announce_neighbour(struct ctx *c, const struct addr *a)
{
	struct in_addr a4 = addr_to_v4(a);

	if (!arp_is_guest(c, a) && !guest_mac_is_known(c->tap.macs, a))
		arp_send(c, ARPOP_REQUEST, a4, NULL, a4);
}
