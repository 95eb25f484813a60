// SPDX-License-Identifier: BSD-3-Clause
/* udp_in.c - UDP flows that clients begin, at listeners
 *
 * A listener's socket serves all clients of its port. Their datagrams are taken
 * in batches by udp_relay.c and told apart by the client's address and port,
 * and by which of our addresses was contacted: that makes a flow, whose
 * initiating side is the client's. fwd_from_socket() chooses the target: the
 * guest, then it is of type FLOW_UDP and goes on here, or another socket, then
 * it is of type FLOW_UDP_SPLICE, see udp_splice.c.
 *
 * What goes back to a client leaves through the listener, with the address that
 * was contacted as source: on a host of many addresses, the client would not
 * take it from another one. Clients that the guest can't tell apart get
 * different ports towards it. If the guest itself has begun a flow to the same
 * client and port, its answers go the way the client chose last.
 *
 * A flow doesn't own its listener's descriptor. udp_listener_closed() ends the
 * flows of a listener: no client could reach them any more, and the port is
 * free for others at once.
 *
 * While there is no room to the guest, listeners aren't read, as
 * listen_event.c sees to. What was read already doesn't wait for room: it is
 * lost then.
 */

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <linux/udp.h>

#include "flow.h"
#include "fwd.h"
#include "link.h"
#include "listen.h"
#include "log.h"
#include "passt.h"
#include "sock.h"
#include "udp.h"
#include "udp_flow.h"
#include "udp_relay.h"

#define UDP_LISTEN_RCVBUF	(4 << 20)	/* Bytes, wished for */

/**
 * udp_in_link() - Have a flow known by its listener
 * @c:		Execution context
 * @uf:		Flow
 * @fd:		Descriptor of the listener
 */
static void udp_in_link(struct ctx *c, struct udp_flow *uf, int fd)
{
	struct udp_flow **head = &c->udp->via[(unsigned)fd % UDP_VIA_BUCKETS];

	uf->via.fd = fd;
	uf->via.prev = head;
	uf->via.next = *head;
	if (*head)
		(*head)->via.prev = &uf->via.next;
	*head = uf;
}

/**
 * udp_in_unlink() - Undo udp_in_link()
 * @uf:		Flow, may be one without a listener
 */
void udp_in_unlink(struct udp_flow *uf)
{
	if (!uf->via.prev)
		return;
	*uf->via.prev = uf->via.next;
	if (uf->via.next)
		uf->via.next->via.prev = uf->via.prev;
	uf->via.prev = NULL;
}

/**
 * udp_listener_opened() - Prepare the socket of a new listener
 * @fd:		Its descriptor
 *
 * All but the destination address is nice to have. An IPv4 socket refuses what
 * is about IPv6; one that takes both versions needs the options of both.
 *
 * Source: ip(7), ipv6(7), udp(7)
 */
void udp_listener_opened(int fd)
{
	static const struct {
		int level;
		int name;
	} options[] = {
		{ IPPROTO_IP,	IP_PKTINFO },
		{ IPPROTO_IP,	IP_RECVTOS },
		{ IPPROTO_IP,	IP_RECVERR },
		{ IPPROTO_IPV6,	IPV6_RECVPKTINFO },
		{ IPPROTO_IPV6,	IPV6_RECVTCLASS },
		{ IPPROTO_IPV6,	IPV6_RECVERR },
		{ IPPROTO_UDP,	UDP_GRO },
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		sock_set_int(fd, options[i].level, options[i].name, 1);
	/* All clients share it: twice what net.core.rmem_max allows, at most */
	sock_set_int(fd, SOL_SOCKET, SO_RCVBUF, UDP_LISTEN_RCVBUF);
}

/**
 * udp_listener_closed() - End the flows of a listener
 * @c:		Execution context
 * @fd:		Its descriptor, still open
 *
 * O(flows) of those listeners that share its bucket, one mostly.
 */
void udp_listener_closed(struct ctx *c, int fd)
{
	struct udp_flow *uf = c->udp->via[(unsigned)fd % UDP_VIA_BUCKETS];

	while (uf) {
		struct udp_flow *next = uf->via.next;

		if (uf->via.fd == fd)
			udp_close(c, uf);
		uf = next;
	}
}

/**
 * udp_to_client() - Describe how datagrams go back to a client
 * @uf:		Flow begun by a client
 * @to:		To be filled
 *
 * Source: ip(7), ipi_spec_dst of IP_PKTINFO; RFC 3542, 6.7
 */
void udp_to_client(const struct udp_flow *uf, struct udp_to *to)
{
	const struct flow_side *ini = &uf->f.side[SIDE_INI];
	struct in_pktinfo p4 = { .ipi_spec_dst = addr_to_v4(&ini->near) };
	struct in6_pktinfo p6 = {
		.ipi6_addr = ini->near.a6, .ipi6_ifindex = uf->via.ifindex,
	};
	struct cmsghdr head = { .cmsg_len = 0 };
	bool v4 = addr_version(&ini->far) == V4;

	to->fd = uf->via.fd;
	to->sa_len = addr_to_sockaddr(&to->sa, &ini->far, ini->far_port,
				      uf->via.ifindex);
	head.cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	head.cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	to->control_len = udp_put_cmsg(&to->control, 0, &head,
				       v4 ? (void *)&p4 : (void *)&p6,
				       v4 ? sizeof(p4) : sizeof(p6));
}

/**
 * udp_in_key() - Addresses that a datagram from a client belongs to
 * @from:	Place of the listener
 * @port:	Its port
 * @info:	What came with the datagram
 *
 * What was sent to a group or broadcast address is answered from an address of
 * our own, which the kernel chooses if we don't know it.
 *
 * Return: client's side of the flow
 *
 * Source: RFC 1122, 4.1.3.5
 */
static struct flow_side udp_in_key(uint8_t from, uint16_t port,
				   const struct dgram_info *info)
{
	struct flow_side key = {
		.place = from, .far = info->src, .far_port = info->port,
		.near = info->dst, .near_port = port,
	};
	enum ipver v = addr_version(&info->src);

	if (v == V4 && addr_is_set(&info->local) &&
	    !addr_is_unspecified(&info->local))
		key.near = info->local;
	if (!addr_is_set(&key.near) || !addr_is_unicast(&key.near) ||
	    addr_version(&key.near) != v)
		key.near = addr_any[v];
	return key;
}

/**
 * udp_in_is_known() - Does the guest know this client by a flow of its own?
 * @flow:	Flow that has the addresses wished for
 * @arg:	The client's side, a struct flow_side
 *
 * Return: true if the guest has begun the flow, to that client
 */
static bool udp_in_is_known(const struct flow *flow, const void *arg)
{
	const struct udp_flow *uf = container_of(flow, struct udp_flow, f);
	const struct flow_side *ini = arg;

	return uf->via.fd < 0 && udp_host(uf)->far_port == ini->far_port &&
	       addr_is_equal(&udp_host(uf)->far, &ini->far);
}

/**
 * udp_in_new() - Make a flow for a datagram from a client
 * @c:		Execution context
 * @l:		Listener it came by
 * @info:	What came with it
 * @ini:	Client's side
 *
 * Return: the flow, NULL if it can't go anywhere
 */
static struct udp_flow *udp_in_new(struct ctx *c, const struct listener *l,
				   const struct dgram_info *info,
				   const struct flow_side *ini)
{
	struct flow_side tgt = { .place = PLACE_NONE };
	bool to_guest;
	struct udp_flow *uf;

	if (!fwd_from_socket(&c->conf, &c->tap, listen_rule(c, l), ini, &tgt))
		return NULL;
	to_guest = tgt.place == PLACE_GUEST;
	if (to_guest && (addr_version(&tgt.far) != addr_version(&tgt.near) ||
			 !flow_pick_port(c->flows, IPPROTO_UDP, &tgt,
					 udp_in_is_known, ini)))
		return NULL;

	uf = udp_new(c, to_guest ? FLOW_UDP : FLOW_UDP_SPLICE, ini, &tgt);
	if (!uf)
		return NULL;
	uf->s.v = addr_version(&tgt.far);
	if (addr_is_linklocal(&ini->far) || addr_is_linklocal(&ini->near))
		uf->via.ifindex = info->ifindex;
	udp_in_link(c, uf, l->fd);
	if (to_guest)
		flow_hash_side(c->flows, &uf->f, SIDE_TGT);
	if (!to_guest && udp_splice_open(c, uf)) {
		udp_close(c, uf);
		return NULL;
	}
	return uf;
}

/**
 * udp_in_find() - Flow that a message of a batch belongs to, made if need be
 * @c:		Execution context
 * @l:		Listener it came by
 * @g:		Message
 *
 * Two listeners may have the same port, on different interfaces: a client that
 * has changed from one to the other begins anew. So does one that has reached
 * nobody, once the guest is elsewhere.
 *
 * Return: the flow, NULL if the message can't go anywhere
 */
static struct udp_flow *udp_in_find(struct ctx *c, const struct listener *l,
				    const struct udp_got *g)
{
	struct udp_flow *uf;
	struct flow_side key;
	unsigned side;

	/* Nobody can be answered there */
	if (!g->info.port || !addr_is_unicast(&g->info.src))
		return NULL;

	key = udp_in_key(listen_rule(c, l)->from, l->port, &g->info);
	uf = udp_lookup(c, &key, &side);
	if (uf && side == SIDE_INI && uf->via.fd == l->fd &&
	    (uf->has_reply || !fwd_is_outdated(&c->tap, udp_guest(uf))))
		return uf;
	if (uf && side == SIDE_INI)
		udp_close(c, uf);
	if (udp_splice_is_own(c, &key))
		return NULL;
	return udp_in_new(c, l, &g->info, &key);
}

/**
 * udp_in_is_same() - Do two messages of a listener belong to the same flow?
 * @a:		One
 * @b:		The other
 *
 * Return: true if they do
 */
static bool udp_in_is_same(const struct udp_got *a, const struct udp_got *b)
{
	return a->info.port == b->info.port &&
	       addr_is_equal(&a->info.src, &b->info.src) &&
	       addr_is_equal(&a->info.dst, &b->info.dst) &&
	       addr_is_equal(&a->info.local, &b->info.local);
}

/**
 * udp_in_to_guest() - Pass a message of a batch on to the guest
 * @c:		Execution context
 * @uf:		Flow
 * @g:		Message
 */
static void udp_in_to_guest(struct ctx *c, const struct udp_flow *uf,
			    const struct udp_got *g)
{
	const struct flow_side *guest = &uf->f.side[SIDE_TGT];
	struct udphdr uh = {
		.source = htons(guest->near_port),
		.dest = htons(guest->far_port),
		.len = htons((uint16_t)(sizeof(uh) + g->len)),
	};
	struct ip_out out = {
		.src = &guest->near, .dst = &guest->far, .proto = IPPROTO_UDP,
		.tos = g->info.tos, .gso_size = g->info.gso_size,
		.l4 = &uh, .l4_len = sizeof(uh),
	};

	if (!udp_may_stay_joined(c, &out, g->len))
		udp_cut_to_guest(c, &out, &uh, g->data, g->len);
	else if (ip_send(&c->tap, &out, g->data, g->len))
		stats_add(&c->stats, STAT_UDP_LOST, 1);
}

/**
 * udp_in_batch() - Pass a batch of messages on
 * @c:		Execution context
 * @l:		Listener they came by
 * @count:	How many
 */
static void udp_in_batch(struct ctx *c, const struct listener *l,
			 unsigned count)
{
	struct udp_relay *r = c->udp->relay;
	unsigned i, end;

	for (i = 0; i < count; i = end) {
		const struct udp_got *g = udp_relay_got(r, i);
		struct udp_flow *uf = udp_in_find(c, l, g);

		for (end = i + 1; end < count; end++)
			if (!udp_in_is_same(g, udp_relay_got(r, end)))
				break;
		if (!uf) {
			stats_add(&c->stats, STAT_UDP_LOST, end - i);
			continue;
		}

		udp_use(c, uf, false);
		if (uf->f.type == FLOW_UDP && !uf->has_reply)
			link_ask_who_has(c, &udp_guest(uf)->far);
		if (uf->f.type == FLOW_UDP_SPLICE)
			udp_splice_to_target(c, uf, i, end - i);
		for (; uf->f.type == FLOW_UDP && i < end; i++)
			udp_in_to_guest(c, uf, udp_relay_got(r, i));
	}
}

/**
 * udp_in_flow_of_error() - Flow that an error of a listener is about
 * @c:		Execution context
 * @fd:		Descriptor of the listener
 * @e:		Error
 *
 * Return: the flow, NULL if there is none
 */
static struct udp_flow *udp_in_flow_of_error(struct ctx *c, int fd,
					     const struct dgram_error *e)
{
	struct udp_flow *uf = c->udp->via[(unsigned)fd % UDP_VIA_BUCKETS];
	struct flow_side key;

	while (uf && uf->via.fd != fd)
		uf = uf->via.next;
	if (!uf)
		return NULL;

	/* All flows of a listener have its place and port */
	key = uf->f.side[SIDE_INI];
	key.far = e->remote;
	key.far_port = e->remote_port;
	key.near = e->local;
	return udp_lookup(c, &key, NULL);
}

/**
 * udp_in_drain_errors() - Pass errors of a listener on to the guest
 * @c:		Execution context
 * @fd:		Its descriptor
 *
 * A client may be gone: what goes to it is answered by an ICMP error, which the
 * guest gets as if it had sent that itself.
 *
 * Return: number of errors there were, DGRAM_ERRORS_MAX at most
 */
unsigned udp_in_drain_errors(struct ctx *c, int fd)
{
	const struct dgram_sock s = { .fd = fd };
	struct dgram_error e;
	unsigned i;

	for (i = 0; i < DGRAM_ERRORS_MAX; i++) {
		const struct udp_flow *uf;

		if (dgram_next_error(&s, &e))
			break;
		uf = udp_in_flow_of_error(c, fd, &e);
		if (uf && uf->f.type == FLOW_UDP)
			udp_relay_error(c, uf, &e);
	}
	return i;
}

/**
 * udp_listen_event() - Handle events of a listener
 * @c:		Execution context
 * @l:		Listener
 * @events:	From epoll, level-triggered
 *
 * What is left after UDP_RELAY_ROUNDS batches, or as there is no room to the
 * guest any more, makes the next event.
 */
void udp_listen_event(struct ctx *c, const struct listener *l, uint32_t events)
{
	unsigned i;
	int n;

	if (events & EPOLLERR && !udp_in_drain_errors(c, l->fd))
		dgram_clear_error(&(struct dgram_sock){ .fd = l->fd });

	for (i = 0; i < UDP_RELAY_ROUNDS && events & EPOLLIN; i++) {
		n = udp_relay_recv(c->udp->relay, l->fd);
		if (n < 0 && n != -EAGAIN)
			udp_in_drain_errors(c, l->fd);
		if (n > 0)
			udp_in_batch(c, l, (unsigned)n);
		if (n < (int)UDP_RELAY_MAX || tap_is_full(&c->tap))
			break;
	}
}
