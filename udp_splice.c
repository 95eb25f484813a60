// SPDX-License-Identifier: BSD-3-Clause
/* udp_splice.c - UDP flows between two sockets, past the guest's link
 *
 * A client on loopback that contacts a listener of ours, see udp_in.c, and that
 * is to reach the other namespace, gets a socket there, connected to the target
 * and bound to the address it asks for. What the client sends is passed on by
 * that socket; what the socket receives goes back to the client through the
 * listener. Datagrams keep their bounds, those of no length included.
 *
 * An error that the target's side reports, mostly that nobody is bound to the
 * port, is read and forgotten: it can't be passed on to the client, and the
 * target may be there again with the next datagram.
 *
 * A listener's port may itself be the target of another one in the other
 * direction: what comes from a socket of ours ends there, or one datagram would
 * run in circles for ever.
 */

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "log.h"
#include "nsock.h"
#include "passt.h"
#include "sock.h"
#include "syscalls.h"
#include "udp_flow.h"
#include "udp_relay.h"

/* What is called after start-up, see seccomp.c */
const char udp_splice_syscalls[] = "bind";

/**
 * udp_splice_socket() - Make the socket towards the target
 * @c:		Execution context
 * @tgt:	Target's side; @tgt->near is set if it asks for a source address
 *
 * Return: descriptor, or -errno
 */
static int udp_splice_socket(struct ctx *c, const struct flow_side *tgt)
{
	const struct addr *src = addr_is_set(&tgt->near) ? &tgt->near : NULL;
	union sockaddr_any sa;
	socklen_t len;
	int fd;

	if (tgt->place != PLACE_NS)
		return sock_outbound(&c->conf, IPPROTO_UDP, &tgt->far, src, 0);

	fd = nsock_get(c->nsock, addr_version(&tgt->far), IPPROTO_UDP);
	if (fd < 0 || !src)
		return fd;
	/* Without that address, the target sees another one */
	len = addr_to_sockaddr(&sa, src, 0, 0);
	if (bind(fd, &sa.sa, len))
		debug("Can't bind to the source address in the namespace: %s",
		      log_strerror(errno));
	return fd;
}

/**
 * udp_splice_open() - Open the target's side of a flow
 * @c:		Execution context
 * @uf:		Flow, its sides filled
 *
 * Return: 0, or -errno: the flow is to be closed
 */
int udp_splice_open(struct ctx *c, struct udp_flow *uf)
{
	struct flow_side *tgt = &uf->f.side[SIDE_TGT];
	char str[FLOW_STRLEN];
	int rc;

	uf->s.fd = udp_splice_socket(c, tgt);
	rc = uf->s.fd;
	if (rc >= 0)
		rc = sock_connect(uf->s.fd, &tgt->far, tgt->far_port,
				  sock_scope_id(&c->conf, &tgt->far));
	if (!rc)
		rc = sock_local(uf->s.fd, &tgt->near, &tgt->near_port);
	if (!rc)
		rc = flow_epoll(c, &uf->f, SIDE_TGT, EPOLL_CTL_ADD, uf->s.fd,
				EPOLLIN);
	if (rc) {
		stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
		debug("%s: %s", flow_str(&uf->f, str, sizeof(str)),
		      log_strerror(-rc));
		return rc;
	}

	sock_set_int(uf->s.fd, IPPROTO_UDP, UDP_GRO, 1);
	flow_hash_side(c->flows, &uf->f, SIDE_TGT);
	return 0;
}

/**
 * udp_splice_is_own() - Is the client of a listener a socket of ours?
 * @c:		Execution context
 * @ini:	Client's side
 *
 * Return: true if its address is that of a flow's socket which is connected to
 *	   the listener
 */
bool udp_splice_is_own(struct ctx *c, const struct flow_side *ini)
{
	struct flow_side key = {
		.place = ini->place,
		.far = ini->near, .far_port = ini->near_port,
		.near = ini->far, .near_port = ini->far_port,
	};
	unsigned side;

	return udp_lookup(c, &key, &side) && side == SIDE_TGT;
}

/**
 * udp_splice_to_target() - Pass on messages of a client, from the present batch
 * @c:		Execution context
 * @uf:		Flow
 * @first:	First message
 * @count:	How many
 */
void udp_splice_to_target(struct ctx *c, struct udp_flow *uf, unsigned first,
			  unsigned count)
{
	const struct udp_to to = { .fd = uf->s.fd };

	stats_add(&c->stats, STAT_UDP_LOST,
		  udp_relay_send(c->udp->relay, first, count, &to,
				 &uf->segment_max));
}

/**
 * udp_splice_to_client() - Pass on the present batch from the target
 * @c:		Execution context
 * @uf:		Flow
 * @count:	Messages of the batch
 *
 * One of another source came before the socket was connected: if there is any,
 * it and what follows it in the batch is dropped.
 */
static void udp_splice_to_client(struct ctx *c, struct udp_flow *uf,
				 unsigned count)
{
	const struct flow_side *tgt = &uf->f.side[SIDE_TGT];
	struct udp_relay *r = c->udp->relay;
	struct udp_to to;
	unsigned n;

	for (n = 0; n < count; n++) {
		const struct dgram_info *info = &udp_relay_got(r, n)->info;

		if (info->port != tgt->far_port ||
		    !addr_is_equal(&info->src, &tgt->far))
			break;
	}

	udp_use(c, uf, true);
	udp_to_client(uf, &to);
	stats_add(&c->stats, STAT_UDP_LOST, count - n +
		  udp_relay_send(r, 0, n, &to, &uf->segment_max));
}

/**
 * udp_splice_event() - Handle events of the socket towards the target
 * @c:		Execution context
 * @flow:	Flow
 * @side:	SIDE_TGT
 * @events:	From epoll, level-triggered
 *
 * What is left after UDP_RELAY_ROUNDS batches makes the next event.
 */
static void udp_splice_event(struct ctx *c, struct flow *flow, unsigned side,
			     uint32_t events)
{
	struct udp_flow *uf = container_of(flow, struct udp_flow, f);
	unsigned i;

	(void)side;
	if (events & EPOLLERR)
		dgram_clear_error(&uf->s);
	for (i = 0; i < UDP_RELAY_ROUNDS && events & EPOLLIN; i++) {
		int n = udp_relay_recv(c->udp->relay, uf->s.fd);

		if (n > 0)
			udp_splice_to_client(c, uf, (unsigned)n);
		if (n < (int)UDP_RELAY_MAX)
			break;
	}
	/* Somebody shut the socket down: this would be reported for ever */
	if (events & EPOLLHUP)
		udp_close(c, uf);
}

static const struct flow_ops udp_splice_ops = {
	.event = udp_splice_event,
	.timer = udp_timer,
	.evict = udp_evict,
};

/**
 * udp_splice_init() - Prepare for flows between sockets, at start-up
 * @c:		Execution context, with its flow table
 */
void udp_splice_init(struct ctx *c)
{
	flow_register(c->flows, FLOW_UDP_SPLICE, &udp_splice_ops);
}
