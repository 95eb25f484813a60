// SPDX-License-Identifier: BSD-3-Clause
/* udp.c - UDP flows between the guest and host sockets
 *
 * A flow is what is sent from one address and port to one other, with what
 * comes back. It ends after a time without use. One that the guest began has a
 * socket of its own, so that its errors, TTL and addresses are its own, see
 * dgram.c. One that a client began, see udp_in.c, has none: what the guest
 * answers leaves through the listener that the client had contacted.
 *
 * What the guest sends leaves through udp_batch.c, without a copy; what sockets
 * receive goes to the guest by udp_out.c.
 *
 * All flows from one port of the guest have one port of the host, which is the
 * guest's if it is free (RFC 4787, REQ-1 and 4.2.1): what a remote learns of it
 * holds for other remotes, too. Only what comes from the remote of a flow is
 * let in (REQ-8 b). There is one more port for each UDP_PORT_FLOWS_MAX flows:
 * the kernel looks through the sockets of a port one by one, to bind another
 * one, and before Linux 6.13 for each datagram it receives.
 *
 * Destination port 0 is dropped; source port 0, "not used" in RFC 768, is sent
 * from any port. From 0.0.0.0, a guest that has no address yet may send.
 */

#include <stdlib.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "fwd.h"
#include "icmp_err.h"
#include "ip.h"
#include "log.h"
#include "opening.h"
#include "passt.h"
#include "sock.h"
#include "udp.h"
#include "udp_flow.h"
#include "udp_relay.h"

#define UDP_PORT_DNS		53	/* RFC 1035, 4.2.1 */

/**
 * udp_deadline() - When a flow ends if nothing more happens
 * @c:		Execution context
 * @uf:		Flow
 *
 * A name server answers once: the port is of use to nobody then.
 *
 * Return: time, ms
 *
 * Source: RFC 4787, 4.3: not less than two minutes but for well-known ports,
 *	   five minutes recommended
 */
static uint64_t udp_deadline(const struct ctx *c, const struct udp_flow *uf)
{
	if (!uf->has_reply)
		return c->now_ms + UDP_ONEWAY_MS;
	if (uf->f.side[SIDE_INI].near_port == UDP_PORT_DNS)
		return c->now_ms + UDP_DNS_REPLIED_MS;
	return c->now_ms + UDP_REPLIED_MS;
}

/**
 * udp_use() - Note that a flow was used
 * @c:		Execution context
 * @uf:		Flow
 * @is_reply:	By the target. To a name server, each datagram the other way is
 *		a new query that waits for its answer.
 */
void udp_use(struct ctx *c, struct udp_flow *uf, bool is_reply)
{
	bool is_dns = uf->f.side[SIDE_INI].near_port == UDP_PORT_DNS;

	uf->has_reply = is_reply || (uf->has_reply && !is_dns);
	flow_touch(c->flows, &uf->f);
	flow_timer_set(c, &uf->f, udp_deadline(c, uf));
}

/**
 * udp_port_of() - Entry for the guest's port of a flow
 * @c:		Execution context
 * @guest:	The flow's guest side
 *
 * Return: entry, may be in use for another address of the guest
 */
static struct udp_port *udp_port_of(struct ctx *c,
				    const struct flow_side *guest)
{
	enum ipver v = addr_version(&guest->far);

	return &c->udp->ports[v][guest->far_port];
}

/**
 * udp_port_is_full() - Is it time for another port of the host?
 * @p:		Entry of the guest's port
 *
 * Return: true if no more flows are to share the present one
 */
static bool udp_port_is_full(const struct udp_port *p)
{
	return p->flows >= UDP_PORT_FLOWS_MAX;
}

/**
 * udp_port_get() - Have a new flow's socket share its port with others to come
 * @c:		Execution context
 * @uf:		Flow
 *
 * Two addresses of the guest that use the same port at the same time are rare
 * enough: only the first one's flows share a port then.
 */
static void udp_port_get(struct ctx *c, struct udp_flow *uf)
{
	const struct flow_side *guest = &uf->f.side[SIDE_INI];
	const struct flow_side *host = &uf->f.side[SIDE_TGT];
	struct udp_port *p = udp_port_of(c, guest);

	if (!guest->far_port ||
	    (p->flows && !addr_is_equal(&p->guest, &guest->far)))
		return;
	if (!p->flows || udp_port_is_full(p)) {
		p->guest = guest->far;
		p->port = host->near_port;
		p->flows = 0;
		p->generation++;
	}
	if (p->port != host->near_port)
		return;

	sock_allow_share(uf->s.fd);
	p->flows++;
	uf->port_generation = p->generation;
}

/**
 * udp_port_put() - Undo udp_port_get()
 * @c:		Execution context
 * @uf:		Flow
 */
static void udp_port_put(struct ctx *c, const struct udp_flow *uf)
{
	struct udp_port *p;

	if (!uf->port_generation)
		return;
	p = udp_port_of(c, &uf->f.side[SIDE_INI]);
	if (uf->port_generation == p->generation)
		p->flows--;
}

/**
 * udp_close() - End a flow
 * @c:		Execution context
 * @uf:		Flow
 */
void udp_close(struct ctx *c, struct udp_flow *uf)
{
	udp_batch_leave(c, uf);
	if (uf->f.closing)
		return;
	udp_port_put(c, uf);
	udp_in_unlink(uf);
	dgram_close(&uf->s);
	flow_close(c, &uf->f);
}

/**
 * udp_quote() - Describe a datagram of a flow, for an ICMP error about it
 * @uf:		Flow
 * @uh:		UDP header to fill
 * @payload:	Start of the payload
 * @len:	Bytes known of it
 *
 * Return: description, refers to @uf, @uh and @payload
 */
struct icmp_quote udp_quote(const struct udp_flow *uf, struct udphdr *uh,
			    const void *payload, size_t len)
{
	const struct flow_side *guest = udp_guest(uf);

	*uh = (struct udphdr){
		.source = htons(guest->far_port),
		.dest = htons(guest->near_port),
		.len = htons((uint16_t)(sizeof(*uh) + len)),
	};

	return (struct icmp_quote){
		.src = &guest->far, .dst = &guest->near,
		.proto = IPPROTO_UDP, .ttl = uf->s.ttl, .tos = uf->s.tos,
		.l4 = uh, .l4_len = sizeof(*uh),
		.payload = payload, .payload_len = len,
	};
}

/**
 * udp_relay_error() - Pass an error on to the guest
 * @c:		Execution context
 * @uf:		Flow it is about
 * @e:		Error
 */
void udp_relay_error(struct ctx *c, const struct udp_flow *uf,
		     const struct dgram_error *e)
{
	struct udphdr uh;
	struct icmp_quote q = udp_quote(uf, &uh, e->data, e->len);

	icmp_err_relay(c, &uf->f, &q, e);
}

/**
 * udp_drain_errors() - Pass errors of a flow's socket on to the guest
 * @c:		Execution context
 * @uf:		Flow, with the guest on one side
 *
 * The flow goes on: RFC 4787, 10, REQ-12.
 *
 * Return: number of errors there were, DGRAM_ERRORS_MAX at most
 */
unsigned udp_drain_errors(struct ctx *c, struct udp_flow *uf)
{
	struct dgram_error e;
	unsigned i;

	if (uf->via.fd >= 0)
		return udp_in_drain_errors(c, uf->via.fd);

	for (i = 0; i < DGRAM_ERRORS_MAX; i++) {
		if (dgram_next_error(&uf->s, &e))
			break;
		udp_relay_error(c, uf, &e);
	}
	return i;
}

/**
 * udp_new() - Enter a new flow in the flow table
 * @c:		Execution context
 * @type:	FLOW_UDP or FLOW_UDP_SPLICE
 * @ini:	Side that begins
 * @tgt:	The other side
 *
 * Return: the flow, without socket or listener, found by its initiating side;
 *	   NULL if the table is full
 */
struct udp_flow *udp_new(struct ctx *c, enum flow_type type,
			 const struct flow_side *ini,
			 const struct flow_side *tgt)
{
	struct flow *flow = flow_alloc(c, type, IPPROTO_UDP);
	struct udp_flow *uf;

	if (!flow)
		return NULL;

	uf = container_of(flow, struct udp_flow, f);
	uf->s.fd = -1;
	uf->via.fd = -1;
	uf->segment_max = UINT16_MAX;
	flow->side[SIDE_INI] = *ini;
	flow->side[SIDE_TGT] = *tgt;
	flow_hash_side(c->flows, flow, SIDE_INI);
	return uf;
}

/**
 * udp_lookup() - Find a flow by the addresses of one of its sides
 * @c:		Execution context
 * @key:	Addresses and place
 * @side:	Set to the side that was found; may be NULL
 *
 * Return: the flow, NULL if there is none
 */
struct udp_flow *udp_lookup(struct ctx *c, const struct flow_side *key,
			    unsigned *side)
{
	struct flow *flow = flow_lookup(c->flows, IPPROTO_UDP, key, side);

	return flow ? container_of(flow, struct udp_flow, f) : NULL;
}

/**
 * udp_open() - Make a flow for a datagram from the guest
 * @c:		Execution context
 * @pkt:	Packet
 * @guest:	Its addresses
 *
 * Return: the flow, NULL if it can't go anywhere, or not yet
 *
 * Source: RFC 4787, 4.2.1: the source port is kept if it is free
 */
static struct udp_flow *udp_open(struct ctx *c, const struct pkt *pkt,
				 const struct flow_side *guest)
{
	const struct udp_port *p = udp_port_of(c, guest);
	struct flow_side host = { 0 };
	struct udp_flow *uf;
	struct dgram_sock s;
	bool has_port, share;
	int rc;

	if (!fwd_from_guest(&c->conf, IPPROTO_UDP, guest, &host)) {
		stats_add(&c->stats, STAT_UDP_LOST, 1);
		return NULL;
	}
	if (!opening_may(c, pkt))
		return NULL;

	has_port = p->flows && addr_is_equal(&p->guest, &guest->far);
	share = has_port && !udp_port_is_full(p);
	host.near_port = share ? p->port : has_port ? 0 : guest->far_port;
	do
		rc = dgram_open(&c->conf, IPPROTO_UDP, &host, share, &s);
	while (flow_make_room(c, NULL, rc));
	if (rc) {
		stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
		dgram_warn(&c->conf, "UDP datagrams", &host.far, -rc);
		if (!dgram_is_transient(-rc))
			icmp_err_unreachable(c, pkt, -rc);
		return NULL;
	}
	if (c->tap.caps.uso)
		sock_set_int(s.fd, IPPROTO_UDP, UDP_GRO, 1);

	uf = udp_new(c, FLOW_UDP, guest, &host);
	if (!uf) {
		dgram_close(&s);
		return NULL;
	}
	uf->s = s;
	udp_port_get(c, uf);
	if (flow_epoll(c, &uf->f, SIDE_TGT, EPOLL_CTL_ADD, s.fd, EPOLLIN)) {
		udp_close(c, uf);
		return NULL;
	}
	return uf;
}

/**
 * udp_pull_header() - Check and take off the UDP header of a packet
 * @pkt:	Packet
 * @uh:		Filled with the header
 * @data:	Filled with the payload
 *
 * Return: false if the datagram is malformed
 *
 * Source: RFC 768; RFC 8200, 8.1
 */
static bool udp_pull_header(const struct pkt *pkt, struct udphdr *uh,
			    struct view *data)
{
	size_t len;

	*data = pkt->l4;
	if (!view_pull(data, uh, sizeof(*uh)))
		return false;
	len = ntohs(uh->len);
	return len >= sizeof(*uh) && view_trim(data, len - sizeof(*uh)) &&
	       uh->dest;
}

/**
 * udp_from_guest() - Handle a UDP datagram from the guest
 * @c:		Execution context
 * @pkt:	Packet; its memory has to stay until udp_end_batch()
 */
void udp_from_guest(struct ctx *c, struct pkt *pkt)
{
	struct udp_flow *uf;
	struct flow_side key;
	struct udphdr uh;
	struct view data;

	if (!udp_pull_header(pkt, &uh, &data)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		return;
	}
	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return;
	}

	key = (struct flow_side){
		.far = pkt->src, .far_port = ntohs(uh.source),
		.near = pkt->dst, .near_port = ntohs(uh.dest),
		.place = PLACE_GUEST,
	};
	uf = udp_lookup(c, &key, NULL);
	if (!uf)
		uf = udp_open(c, pkt, &key);
	if (!uf)
		return;

	udp_use(c, uf, uf->via.fd >= 0);
	udp_batch_send(c, uf, pkt, &data);
}

/**
 * udp_end_batch() - All frames of this batch from the guest were handled
 * @c:		Execution context
 */
void udp_end_batch(struct ctx *c)
{
	udp_batch_flush(c);
}

/**
 * udp_event() - Handle events of a flow's socket
 * @c:		Execution context
 * @flow:	Flow
 * @side:	SIDE_TGT
 * @events:	From epoll
 */
static void udp_event(struct ctx *c, struct flow *flow, unsigned side,
		      uint32_t events)
{
	struct udp_flow *uf = container_of(flow, struct udp_flow, f);

	(void)side;
	if (events & EPOLLERR && !udp_drain_errors(c, uf))
		dgram_clear_error(&uf->s);
	if (events & EPOLLIN)
		udp_readable(c, uf);
	/* Somebody shut the socket down: this would be reported for ever */
	if (events & EPOLLHUP)
		udp_close(c, uf);
}

/**
 * udp_timer() - End a flow that wasn't used
 * @c:		Execution context
 * @flow:	Flow
 */
void udp_timer(struct ctx *c, struct flow *flow)
{
	udp_close(c, container_of(flow, struct udp_flow, f));
}

/**
 * udp_evict() - End a flow whose place is needed
 * @c:		Execution context
 * @flow:	Flow
 */
void udp_evict(struct ctx *c, struct flow *flow)
{
	udp_close(c, container_of(flow, struct udp_flow, f));
}

static const struct flow_ops udp_ops = {
	.event = udp_event,
	.timer = udp_timer,
	.resume = udp_resume,
	.evict = udp_evict,
};

/**
 * udp_init() - Prepare for UDP flows, at start-up
 * @c:		Execution context, with its flow table
 */
void udp_init(struct ctx *c)
{
	c->udp = calloc(1, sizeof(*c->udp));
	if (!c->udp || !(c->udp->batch = udp_batch_new()) ||
	    !(c->udp->relay = udp_relay_new()))
		die("No memory for UDP");
	flow_register(c->flows, FLOW_UDP, &udp_ops);
	udp_splice_init(c);
}
