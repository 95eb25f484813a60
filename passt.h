/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PASST_H
#define PASST_H

#include <stdint.h>

#include "conf.h"
#include "stats.h"
#include "tap.h"

#define PASST_EVENTS_MAX	64	/* Taken at once from epoll_wait() */

struct flowtab;
struct frag;
struct icmp;
struct link;
struct listeners;
struct ndp;
struct neigh_watch;
struct nsock;
struct opening;
struct splice;
struct tcp;
struct udp;
struct wheel;

/**
 * enum event_type - what an epoll event is about, index of the handlers
 * @EVENT_TAP:		Descriptor of the back-end to the guest
 * @EVENT_LINK:		A guest wants to connect
 * @EVENT_FLOW:		Socket of a flow
 * @EVENT_SIGNAL:	A signal arrived
 * @EVENT_COMMAND:	The spawned command ended
 * @EVENT_NETNS:	The namespace may have ended
 * @EVENT_LISTEN:	Listening socket
 * @EVENT_NSOCK:	Sockets in the namespace have arrived
 * @EVENT_ALARM:	A timer may have run out
 * @EVENT_NEIGH:	Neighbours of the host have changed
 * @EVENT_TYPES:	Number of them
 */
enum event_type {
	EVENT_TAP, EVENT_LINK, EVENT_FLOW, EVENT_SIGNAL, EVENT_COMMAND,
	EVENT_NETNS, EVENT_LISTEN, EVENT_NSOCK, EVENT_ALARM, EVENT_NEIGH,
	EVENT_TYPES,
};

/**
 * union event_ref - what comes back with an epoll event
 * @index:	Flow's or listener's index, or descriptor
 * @side:	Side of the flow whose socket it is
 * @type:	enum event_type
 * @u64:	As epoll keeps it
 */
union event_ref {
	struct {
		uint32_t index;
		uint16_t side;
		uint16_t type;
	};
	uint64_t u64;
};

/**
 * struct ctx - everything an instance consists of; owned by main()
 * @conf:	Configuration, constant once the loop runs
 * @tap:	Port to the guest
 * @link:	How guests get at that port
 * @flows:	Flow table
 * @wheel:	Timers
 * @frag:	Packets from the guest being reassembled
 * @opening:	Packets from the guest that wait to open flows
 * @tcp:	State of all TCP connections together
 * @udp:	State of all UDP flows together
 * @icmp:	State of all echo flows together
 * @splice:	State of all spliced connections together
 * @nsock:	Source of sockets in the namespace
 * @binder:	Who may bind low ports of the host after start-up, NULL: nobody
 * @listen:	Listening sockets, and the rules they serve
 * @ndp:	Neighbour discovery: when to advertise next
 * @neigh_watch: Where we hear of the host's neighbours, NULL if we don't
 * @errors:	ICMP errors of our own that may be sent yet
 * @questions:	Of link_ask_who_has() that may be sent yet
 * @stats:	Counters
 * @now_us:	CLOCK_MONOTONIC as of this turn of the loop
 * @now_ms:	The same in milliseconds
 * @epollfd:	epoll instance, -1 in tests without sockets
 */
struct ctx {
	struct conf conf;
	struct tap tap;
	struct link *link;
	struct flowtab *flows;
	struct wheel *wheel;
	struct frag *frag;
	struct opening *opening;
	struct tcp *tcp;
	struct udp *udp;
	struct icmp *icmp;
	struct splice *splice;
	struct nsock *nsock;
	struct nsock *binder;
	struct listeners *listen;
	struct ndp *ndp;
	struct neigh_watch *neigh_watch;
	struct rate errors;
	struct rate questions;
	struct stats stats;
	uint64_t now_us;
	uint64_t now_ms;
	int epollfd;
};

/**
 * passt_guest_mtu() - MTU that the guest is told, by DHCP and NDP
 * @c:		Execution context
 *
 * The one configured, unless the link takes less, as a hypervisor may say: what
 * is longer would be lost there.
 *
 * Return: bytes, 0 if the guest is to be told none
 */
static inline unsigned passt_guest_mtu(const struct ctx *c)
{
	return MIN(c->conf.mtu, c->tap.mtu);
}

#endif /* PASST_H */
