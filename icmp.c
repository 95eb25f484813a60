// SPDX-License-Identifier: BSD-3-Clause
/* icmp.c - echo requests of the guest, sent by ping sockets
 *
 * A flow is what the guest sends to one address with one identifier; it ends
 * after a time without use. Its socket is a datagram one of IPPROTO_ICMP or
 * IPPROTO_ICMPV6, see dgram.c, whose "port" is the identifier. The kernel
 * chooses one that no other socket has, and answers get the guest's back. To
 * ask for the guest's own would not do: the kernel lets several sockets have
 * the same, then hands all answers to one of them, whoever they are from.
 *
 * Which users may have such sockets is set by the sysctl
 * net.ipv4.ping_group_range. If ours may not, that is said once, and the guest
 * is told that its requests are filtered, so that nobody has to wait.
 *
 * Other ICMP messages from the guest end here: errors about what we send to it
 * have no addressee, as sockets can't send them.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include "csum.h"
#include "dgram.h"
#include "flow.h"
#include "fwd.h"
#include "icmp.h"
#include "icmp_err.h"
#include "ip.h"
#include "log.h"
#include "opening.h"
#include "passt.h"
#include "syscalls.h"

/* What is called after start-up, see seccomp.c */
const char icmp_syscalls[] = "close sendmsg socket";

#define ICMP_RECV_MAX		64	/* Receptions before others' turn */
#define ICMP_LEN_MAX		65536	/* More than any message */

/**
 * struct icmp_flow - echo requests to one address, with one identifier
 * @f:		Common head; the identifier is the port of the guest side
 * @s:		Socket
 */
struct icmp_flow {
	struct flow f;
	struct dgram_sock s;
};

static_assert(sizeof(struct icmp_flow) <= FLOW_ENTRY_SIZE, "fits an entry");

/**
 * struct icmp - state of all echo flows together
 * @is_told:	The log says already that ping sockets are not allowed
 * @buf:	Message on its way to the guest
 */
struct icmp {
	bool is_told;
	uint8_t buf[ICMP_LEN_MAX];
};

/* Types of echo messages. The header is struct icmphdr for both versions: up
 * to identifier and sequence number, the one of ICMPv6 has the same layout.
 */
static const struct {
	uint8_t proto;
	uint8_t request;
	uint8_t reply;
} icmp_echo[IPVER_MAX] = {
	[V4] = { IPPROTO_ICMP, ICMP_ECHO, ICMP_ECHOREPLY },
	[V6] = { IPPROTO_ICMPV6, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY },
};

/**
 * icmp_use() - Note that a flow was used
 * @c:		Execution context
 * @ef:		Flow
 */
static void icmp_use(struct ctx *c, struct icmp_flow *ef)
{
	flow_touch(c->flows, &ef->f);
	flow_timer_set(c, &ef->f, c->now_ms + ICMP_TIMEOUT_MS);
}

/**
 * icmp_close() - End a flow
 * @c:		Execution context
 * @ef:		Flow
 */
static void icmp_close(struct ctx *c, struct icmp_flow *ef)
{
	dgram_close(&ef->s);
	flow_close(c, &ef->f);
}

/**
 * icmp_restore_id() - Put the guest's identifier back into an echo header
 * @ih:		Header as it was on the wire, its checksum adjusted
 * @id:		The guest's identifier, network byte order
 *
 * Source: RFC 1624, 3
 */
static void icmp_restore_id(struct icmphdr *ih, __be16 id)
{
	uint64_t sum = (uint16_t)~ih->checksum;

	sum += (uint16_t)~ih->un.echo.id;
	sum += id;
	ih->checksum = csum_fold(sum);
	ih->un.echo.id = id;
}

/**
 * icmp_relay_error() - Tell the guest about an error for one of its requests
 * @c:		Execution context
 * @ef:		Flow
 * @e:		Error from the socket
 */
static void icmp_relay_error(struct ctx *c, const struct icmp_flow *ef,
			     const struct dgram_error *e)
{
	const struct flow_side *guest = &ef->f.side[SIDE_INI];
	struct icmp_quote q = {
		.src = &guest->far, .dst = &guest->near,
		.proto = ef->f.proto, .ttl = ef->s.ttl, .tos = ef->s.tos,
	};
	struct icmphdr ih;

	/* Without a header we don't know which request it was */
	if (e->len < sizeof(ih))
		return;

	memcpy(&ih, e->data, sizeof(ih));
	icmp_restore_id(&ih, htons(guest->far_port));
	q.l4 = &ih;
	q.l4_len = sizeof(ih);
	q.payload = e->data + sizeof(ih);
	q.payload_len = e->len - sizeof(ih);
	icmp_err_relay(c, &ef->f, &q, e);
}

/**
 * icmp_drain_errors() - Pass errors of a flow's socket on to the guest
 * @c:		Execution context
 * @ef:		Flow
 *
 * Return: number of errors there were, DGRAM_ERRORS_MAX at most
 */
static unsigned icmp_drain_errors(struct ctx *c, struct icmp_flow *ef)
{
	struct dgram_error e;
	unsigned i;

	for (i = 0; i < DGRAM_ERRORS_MAX; i++) {
		if (dgram_next_error(&ef->s, &e))
			break;
		icmp_relay_error(c, ef, &e);
	}
	return i;
}

/**
 * icmp_check_permission() - Say so, once, if we may not have ping sockets
 * @c:		Execution context
 * @v:		IP version
 *
 * Return: true if it is so
 *
 * Source: icmp(7), ping_group_range
 */
static bool icmp_check_permission(struct ctx *c, enum ipver v)
{
	int fd = socket(addr_family(v), SOCK_DGRAM | SOCK_CLOEXEC,
			icmp_echo[v].proto);

	if (fd >= 0) {
		close(fd);
		return false;
	}
	if (errno != EACCES)
		return false;

	if (!c->icmp->is_told)
		warn("Can't send the guest's pings: group %u isn't in the "
		     "range of sysctl net.ipv4.ping_group_range",
		     (unsigned)c->conf.runas_gid);
	c->icmp->is_told = true;
	return true;
}

/**
 * icmp_open() - Make a flow for an echo request
 * @c:		Execution context
 * @pkt:	Packet
 * @guest:	Its addresses and identifier
 *
 * Return: the flow, NULL if it can't go anywhere, or not yet
 */
static struct icmp_flow *icmp_open(struct ctx *c, const struct pkt *pkt,
				   const struct flow_side *guest)
{
	struct flow_side host = { 0 };
	struct icmp_flow *ef;
	struct dgram_sock s;
	struct flow *flow;
	int rc;

	if (!fwd_from_guest(&c->conf, pkt->proto, guest, &host) ||
	    !opening_may(c, pkt))
		return NULL;

	do
		rc = dgram_open(&c->conf, pkt->proto, &host, false, &s);
	while (flow_make_room(c, NULL, rc));
	if (rc) {
		stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
		if (rc != -EACCES || !icmp_check_permission(c, pkt->v))
			dgram_warn(&c->conf, "pings", &host.far, -rc);
		if (!dgram_is_transient(-rc))
			icmp_err_unreachable(c, pkt, -rc);
		return NULL;
	}

	flow = flow_alloc(c, FLOW_ICMP, pkt->proto);
	if (!flow) {
		dgram_close(&s);
		return NULL;
	}
	ef = container_of(flow, struct icmp_flow, f);
	ef->s = s;
	flow->side[SIDE_INI] = *guest;
	flow->side[SIDE_TGT] = host;
	flow_hash_side(c->flows, flow, SIDE_INI);
	if (flow_epoll(c, flow, SIDE_TGT, EPOLL_CTL_ADD, s.fd, EPOLLIN)) {
		icmp_close(c, ef);
		return NULL;
	}
	return ef;
}

/**
 * icmp_send() - Send an echo request of the guest
 * @c:		Execution context
 * @ef:		Flow
 * @pkt:	Packet
 * @ih:		Its echo header; the kernel fills identifier and checksum
 * @data:	What follows it
 */
static void icmp_send(struct ctx *c, struct icmp_flow *ef,
		      const struct pkt *pkt, struct icmphdr *ih,
		      const struct view *data)
{
	const struct flow_side *host = &ef->f.side[SIDE_TGT];
	struct iovec iov[FRAME_IOV_MAX + 1] = { { ih, sizeof(*ih) } };
	struct msghdr mh = { .msg_iov = iov };
	union sockaddr_any dst;
	unsigned tries = 0;
	int err;

	mh.msg_iovlen = 1 + view_to_iov(data, iov + 1, FRAME_IOV_MAX);
	if (ef->s.is_open) {
		mh.msg_name = &dst;
		mh.msg_namelen = addr_to_sockaddr(&dst, &host->far, 0, 0);
	}

	dgram_set_hop(&ef->s, pkt->ttl, pkt->tos, pkt->may_cut);
	do {
		if (sendmsg(ef->s.fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return;
		err = errno;
		/* It may have been the error of an earlier request */
	} while (icmp_drain_errors(c, ef) && tries++ < DGRAM_RETRIES_MAX);

	if (dgram_is_transient(err))
		return;
	dgram_warn(&c->conf, "pings", &host->far, err);
	icmp_err_unreachable(c, pkt, err);
	icmp_close(c, ef);
}

/**
 * icmp_from_guest() - Handle an ICMP or ICMPv6 message from the guest
 * @c:		Execution context
 * @pkt:	Packet; neighbour discovery was handled before
 */
void icmp_from_guest(struct ctx *c, struct pkt *pkt)
{
	struct view data = pkt->l4;
	struct icmp_flow *ef;
	struct flow_side key;
	struct flow *flow;
	struct icmphdr ih;

	if (!view_pull(&data, &ih, sizeof(ih)) ||
	    pkt->proto != icmp_echo[pkt->v].proto) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		return;
	}
	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return;
	}
	if (ih.type != icmp_echo[pkt->v].request || ih.code) {
		trace("ICMP message of type %u ignored", ih.type);
		return;
	}

	/* There would be nowhere to send the answer to */
	if (addr_is_unspecified(&pkt->src)) {
		stats_add(&c->stats, STAT_BAD_SOURCE, 1);
		return;
	}

	key = (struct flow_side){
		.far = pkt->src, .far_port = ntohs(ih.un.echo.id),
		.near = pkt->dst, .place = PLACE_GUEST,
	};
	flow = flow_lookup(c->flows, pkt->proto, &key, NULL);
	ef = flow ? container_of(flow, struct icmp_flow, f) :
		    icmp_open(c, pkt, &key);
	if (!ef)
		return;

	icmp_use(c, ef);
	icmp_send(c, ef, pkt, &ih, &data);
}

/**
 * icmp_to_guest() - Send an answer on to the guest
 * @c:		Execution context
 * @ef:		Flow
 * @info:	Who it is from
 * @len:	Bytes received in the common buffer
 *
 * Lost if there is no room to the guest: an answer that waits has a wrong time.
 */
static void icmp_to_guest(struct ctx *c, const struct icmp_flow *ef,
			  const struct dgram_info *info, size_t len)
{
	const struct flow_side *guest = &ef->f.side[SIDE_INI];
	const struct flow_side *host = &ef->f.side[SIDE_TGT];
	const uint8_t *buf = c->icmp->buf;
	struct icmphdr ih;
	struct ip_out out = {
		.src = ef->s.is_open ? &info->src : &guest->near,
		.dst = &guest->far, .proto = ef->f.proto,
		.ttl = info->ttl, .tos = info->tos,
		.l4 = &ih, .l4_len = sizeof(ih),
	};

	if (len < sizeof(ih))
		return;
	memcpy(&ih, buf, sizeof(ih));
	if (ih.type != icmp_echo[ef->s.v].reply)
		return;
	if (!ef->s.is_open && !addr_is_equal(&info->src, &host->far))
		return;

	ih.un.echo.id = htons(guest->far_port);
	ih.checksum = 0;
	if (ip_send_fragmented(&c->tap, &out, buf + sizeof(ih),
			       len - sizeof(ih)))
		debug("Echo reply to the guest lost");
}

/**
 * icmp_event() - Handle events of a flow's socket
 * @c:		Execution context
 * @flow:	Flow
 * @side:	SIDE_TGT
 * @events:	From epoll
 */
static void icmp_event(struct ctx *c, struct flow *flow, unsigned side,
		       uint32_t events)
{
	struct icmp_flow *ef = container_of(flow, struct icmp_flow, f);
	struct iovec iov = { c->icmp->buf, sizeof(c->icmp->buf) };
	struct dgram_info info;
	unsigned i;
	ssize_t n;

	(void)side;
	if (events & EPOLLERR && !icmp_drain_errors(c, ef))
		dgram_clear_error(&ef->s);

	for (i = 0; events & EPOLLIN && i < ICMP_RECV_MAX; i++) {
		n = dgram_recv(&ef->s, &iov, 1, &info);
		if (n == -EAGAIN)
			break;
		if (n >= 0)
			icmp_to_guest(c, ef, &info, (size_t)n);
		icmp_use(c, ef);
	}
	/* Somebody shut the socket down: this would be reported for ever */
	if (events & EPOLLHUP)
		icmp_close(c, ef);
}

/**
 * icmp_timer() - End a flow that wasn't used
 * @c:		Execution context
 * @flow:	Flow
 */
static void icmp_timer(struct ctx *c, struct flow *flow)
{
	icmp_close(c, container_of(flow, struct icmp_flow, f));
}

/**
 * icmp_evict() - End a flow whose place is needed
 * @c:		Execution context
 * @flow:	Flow
 */
static void icmp_evict(struct ctx *c, struct flow *flow)
{
	icmp_close(c, container_of(flow, struct icmp_flow, f));
}

static const struct flow_ops icmp_ops = {
	.event = icmp_event,
	.timer = icmp_timer,
	.evict = icmp_evict,
};

/**
 * icmp_init() - Prepare for echo flows, at start-up
 * @c:		Execution context, with its flow table
 */
void icmp_init(struct ctx *c)
{
	c->icmp = calloc(1, sizeof(*c->icmp));
	if (!c->icmp)
		die("No memory for echo flows");
	flow_register(c->flows, FLOW_ICMP, &icmp_ops);
}
