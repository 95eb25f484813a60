// SPDX-License-Identifier: BSD-3-Clause
/* tcp.c - TCP connections: their life-cycle, host sockets and timers
 *
 * A connection of the guest is ended here and begun anew by a socket on the
 * host: the guest's SYN is answered once connect() has succeeded, refused if
 * that was refused, and each direction's FIN is passed on when all before it
 * has been. What each side's window and pace are the kernel decides on both
 * ends: no congestion control stands in between.
 *
 * tcp_in.c has what comes from the guest, tcp_batch.c how that is delivered and
 * acknowledged, tcp_ahead.c what comes too early, tcp_out.c what goes to the
 * guest, tcp_peek.c where that is from, tcp_pool.c what was taken from the
 * guest, and not yet by the socket.
 *
 * The host's socket is registered once, edge-triggered: CONN_READABLE keeps in
 * mind that there may be more to read. An entry ends with a reset from either
 * side, or when both have finished: then tcp_close_if_done() closes it. If the
 * guest has finished but the socket hasn't yet taken all that was kept for it,
 * the entry stays until it has, but is no longer found by the guest's
 * addresses, so that the guest may use these again.
 */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/tcp.h>

#include "fwd.h"
#include "ip.h"
#include "link.h"
#include "log.h"
#include "passt.h"
#include "sock.h"
#include "stats.h"
#include "syscalls.h"
#include "tcp.h"
#include "tcp_conn.h"
#include "tcp_peek.h"
#include "tcp_seq.h"

/* What is called after start-up, see seccomp.c */
const char tcp_syscalls[] = "close getsockopt recv sendmsg socket";

#define TCP_RTO_MAX_MS		60000	/* RFC 6298, 2.5 */
#define TCP_SYN_RETRIES		6	/* RFC 9293, 3.8.3: R2 over 3 minutes */
#define TCP_RETRIES		9	/* As above: R2 over 100 s */
#define TCP_IDLE_MS		7200000	/* RFC 9293, 3.8.4: two hours */
#define TCP_IDLE_PROBE_MS	75000	/* tcp(7), tcp_keepalive_intvl */
#define TCP_WSCALE_OURS		8	/* Windows of up to 16 MiB */
#define TCP_ACK_HOLD_MS		2	/* RFC 9293, 3.8.6.3: below 500 */
#define TCP_HOLD_SKIP_INIT	2	/* ACKs sent at once to begin with */
#define TCP_BUSY_MS		300	/* Who sends does so within that */

static_assert(sizeof(struct tcp_conn) <= FLOW_ENTRY_SIZE, "entry too small");

/**
 * tcp_guest_index() - Which side of a connection the guest is on
 * @conn:	Connection
 *
 * Return: SIDE_INI or SIDE_TGT
 */
static unsigned tcp_guest_index(const struct tcp_conn *conn)
{
	return conn->flags & CONN_INBOUND ? SIDE_TGT : SIDE_INI;
}

/**
 * tcp_close() - Let go of a connection
 * @c:		Execution context
 * @conn:	Connection
 */
static void tcp_close(struct ctx *c, struct tcp_conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	tcp_pool_take(&c->tcp->pool, &conn->kept, conn->kept.len);
	tcp_ahead_drop(c, conn);
	flow_close(c, &conn->f);
}

/**
 * tcp_abort_host() - End a connection that the guest has reset
 * @c:		Execution context
 * @conn:	Connection
 */
void tcp_abort_host(struct ctx *c, struct tcp_conn *conn)
{
	if (conn->fd >= 0)
		sock_reset_on_close(conn->fd);
	tcp_close(c, conn);
}

/**
 * tcp_reset() - End a connection that failed on the host, or ran out of time
 * @c:		Execution context
 * @conn:	Connection
 */
void tcp_reset(struct ctx *c, struct tcp_conn *conn)
{
	char str[FLOW_STRLEN];

	debug("%s: reset", flow_str(&conn->f, str, sizeof(str)));
	if (conn->f.hashed)
		tcp_send_control(c, conn, SEG_RST | SEG_ACK);
	tcp_abort_host(c, conn);
}

/**
 * tcp_close_if_done() - Close a connection both sides have finished with
 * @c:		Execution context
 * @conn:	Connection
 *
 * The guest may keep the last state of its own, and use the addresses again:
 * nothing of ours needs to wait, as the host's socket does its TIME-WAIT in
 * the kernel.
 */
void tcp_close_if_done(struct ctx *c, struct tcp_conn *conn)
{
	if (!(conn->flags & CONN_GUEST_FIN) ||
	    !(conn->flags & CONN_FIN_ACKED) || conn->flags & CONN_ACK_NOW)
		return;

	if (conn->kept.len) {
		flow_unhash(c->flows, &conn->f);
		return;
	}
	sock_discard(conn->fd);
	tcp_close(c, conn);
}

/**
 * tcp_flush_kept() - Give the socket what it didn't take before
 * @c:		Execution context
 * @conn:	Connection
 *
 * Return: false if the socket failed; the connection is reset then
 */
bool tcp_flush_kept(struct ctx *c, struct tcp_conn *conn)
{
	struct iovec iov[TCP_KEPT_IOV];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	while (conn->kept.len) {
		msg.msg_iovlen = tcp_pool_peek(&c->tcp->pool, &conn->kept, iov);
		n = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			tcp_reset(c, conn);
			return false;
		}
		tcp_pool_take(&c->tcp->pool, &conn->kept, (size_t)n);
	}

	/* After the host's own end, tcp_close_if_done() does it */
	if (conn->flags & CONN_GUEST_FIN &&
	    !(conn->flags & (CONN_SHUT_WR | CONN_FIN_ACKED))) {
		if (sock_end(conn->fd)) {
			tcp_reset(c, conn);
			return false;
		}
		conn->flags |= CONN_SHUT_WR;
	}
	return true;
}

/**
 * tcp_timer_update() - Have the flow's timer fire when something is due
 * @c:		Execution context
 * @conn:	Connection
 *
 * Called after each change of what is outstanding: mostly, that only stores a
 * later deadline.
 */
void tcp_timer_update(struct ctx *c, struct tcp_conn *conn)
{
	bool established = conn->flags & CONN_ESTABLISHED, due;
	uint64_t next_ms;

	/* Something sent and not acknowledged, or something to send that the
	 * guest has no window for
	 */
	due = conn->flags & CONN_SYN_SENT && !established;
	if (established && !(conn->flags & CONN_FIN_ACKED))
		due = conn->snd_una != conn->snd_max ||
		      (!conn->snd_wnd && conn->flags & CONN_READABLE);

	if (!due)
		conn->retry_ms = 0;
	else if (!conn->retry_ms)
		conn->retry_ms = c->now_ms + conn->rto_ms;

	next_ms = due ? conn->retry_ms : conn->active_ms + TCP_IDLE_MS;
	if (conn->flags & CONN_ACK_SOON)
		next_ms = MIN(next_ms, conn->active_ms + TCP_ACK_HOLD_MS);
	flow_timer_set(c, &conn->f, next_ms);
}

/**
 * tcp_follow_guest() - Try where the guest was seen since the SYN was sent
 * @c:		Execution context
 * @conn:	Connection begun by the host, not answered yet
 */
static void tcp_follow_guest(struct ctx *c, struct tcp_conn *conn)
{
	struct flow_side *guest = &conn->f.side[SIDE_TGT], now = *guest;
	enum ipver v = addr_version(&guest->far);

	now.far = c->tap.guest_addr[v];
	now.is_guess = !c->tap.guest_seen[v];
	if (!fwd_is_outdated(&c->tap, guest) ||
	    addr_is_equal(&now.far, &guest->near) ||
	    flow_lookup(c->flows, IPPROTO_TCP, &now, NULL))
		return;

	flow_unhash(c->flows, &conn->f);
	*guest = now;
	flow_hash_side(c->flows, &conn->f, SIDE_TGT);
}

/**
 * tcp_retry() - Nothing came from the guest in time: try again, or give up
 * @c:		Execution context
 * @conn:	Connection with something outstanding
 *
 * Source: RFC 6298, 5.5; RFC 9293, 3.8.3 and 3.8.6.1: a guest that answers to
 * probes may keep its window closed for as long as it likes
 */
static void tcp_retry(struct ctx *c, struct tcp_conn *conn)
{
	bool established = conn->flags & CONN_ESTABLISHED;

	if (++conn->retries > (established ? TCP_RETRIES : TCP_SYN_RETRIES)) {
		tcp_reset(c, conn);
		return;
	}

	conn->rto_ms = MIN(conn->rto_ms * 2, TCP_RTO_MAX_MS);
	conn->retry_ms = c->now_ms + conn->rto_ms;
	if (!established && conn->flags & CONN_INBOUND)
		tcp_follow_guest(c, conn);
	link_ask_who_has(c, &tcp_guest(conn)->far);
	if (!established)
		tcp_send_syn(c, conn);
	else if (!conn->snd_wnd)
		tcp_send_probe(c, conn);
	else
		tcp_retransmit(c, conn);
	tcp_timer_update(c, conn);
}

/**
 * tcp_timer() - struct flow_ops @timer
 * @c:		Execution context
 * @flow:	Connection
 */
static void tcp_timer(struct ctx *c, struct flow *flow)
{
	struct tcp_conn *conn = container_of(flow, struct tcp_conn, f);

	if (conn->flags & CONN_ACK_SOON &&
	    c->now_ms >= conn->active_ms + TCP_ACK_HOLD_MS)
		tcp_send_held_ack(c, conn);
	if (conn->retry_ms) {
		if (c->now_ms >= conn->retry_ms)
			tcp_retry(c, conn);
		else
			tcp_timer_update(c, conn);
		return;
	}

	/* What the guest doesn't know any more isn't its to answer for */
	if (!(conn->flags & CONN_ESTABLISHED) || !conn->f.hashed)
		return;
	if (c->now_ms < conn->active_ms + TCP_IDLE_MS) {
		tcp_timer_update(c, conn);
		return;
	}
	if (++conn->retries > TCP_RETRIES) {
		tcp_reset(c, conn);
		return;
	}
	tcp_send_probe(c, conn);
	flow_timer_set(c, flow, c->now_ms + TCP_IDLE_PROBE_MS);
}

/**
 * tcp_connected() - The host's socket is connected: so let the guest be
 * @c:		Execution context
 * @conn:	Connection
 */
static void tcp_connected(struct ctx *c, struct tcp_conn *conn)
{
	enum ipver v = addr_version(&tcp_host(conn)->far);

	conn->flags &= ~(uint32_t)CONN_CONNECTING;
	conn->flags |= CONN_SYN_SENT;
	/* The guest's own stack has decided when to send what */
	sock_set_int(conn->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	sock_set_int(conn->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	/* Urgent data is data in its place: RFC 6093, 4 */
	sock_set_int(conn->fd, SOL_SOCKET, SO_OOBINLINE, 1);
	if (c->tcp->has_peek_off[v] &&
	    !sock_set_int(conn->fd, SOL_SOCKET, SO_PEEK_OFF, 0))
		conn->flags |= CONN_PEEK_OFF;

	conn->active_ms = c->now_ms;
	tcp_send_syn(c, conn);
	tcp_timer_update(c, conn);
}

/**
 * tcp_note_events() - Note what events tell about the socket's queue
 * @conn:	Connection
 * @events:	From epoll
 *
 * With an error, whether there is an end as well isn't known: to look for it
 * would take the error out of the socket.
 */
static void tcp_note_events(struct tcp_conn *conn, uint32_t events)
{
	if (events & ~(uint32_t)EPOLLOUT)
		conn->flags |= CONN_READABLE;
	if (events & EPOLLPRI)
		conn->flags |= CONN_HOST_URG;
	if (events & EPOLLERR)
		conn->flags |= CONN_HOST_ERR;
	else if (events & EPOLLRDHUP)
		conn->flags |= CONN_HOST_EOF;
}

/**
 * tcp_connect_event() - Something happened while connecting
 * @c:		Execution context
 * @conn:	Connection
 * @events:	From epoll
 */
static void tcp_connect_event(struct ctx *c, struct tcp_conn *conn,
			      uint32_t events)
{
	socklen_t len = sizeof(int);
	char str[FLOW_STRLEN];
	int e = 0;

	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return;

	if (events & (EPOLLERR | EPOLLHUP))
		getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &e, &len);
	if (e) {
		debug("%s: %s", flow_str(&conn->f, str, sizeof(str)),
		      log_strerror(e));
		stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
		tcp_reset(c, conn);
		return;
	}
	tcp_note_events(conn, events);
	tcp_connected(c, conn);
}

/**
 * tcp_event() - struct flow_ops @event
 * @c:		Execution context
 * @flow:	Connection
 * @side:	Not used, there is one socket
 * @events:	From epoll
 */
static void tcp_event(struct ctx *c, struct flow *flow, unsigned side,
		      uint32_t events)
{
	struct tcp_conn *conn = container_of(flow, struct tcp_conn, f);

	(void)side;
	if (conn->flags & CONN_CONNECTING) {
		tcp_connect_event(c, conn, events);
		return;
	}

	tcp_note_events(conn, events);
	if (events & EPOLLOUT && conn->flags & CONN_ESTABLISHED) {
		if (!tcp_flush_kept(c, conn))
			return;
		tcp_update_window(c, conn);
		tcp_close_if_done(c, conn);
		if (flow->closing)
			return;
	}

	if (conn->flags & CONN_ESTABLISHED)
		tcp_send_data(c, conn);
	else if (events & EPOLLERR)
		tcp_reset(c, conn);
}

/**
 * tcp_resume() - struct flow_ops @resume: there is room to the guest
 * @c:		Execution context
 * @flow:	Connection
 */
static void tcp_resume(struct ctx *c, struct flow *flow)
{
	struct tcp_conn *conn = container_of(flow, struct tcp_conn, f);

	if (!(conn->flags & CONN_ESTABLISHED)) {
		if (conn->flags & CONN_SYN_SENT)
			tcp_send_syn(c, conn);
		return;
	}

	tcp_send_data(c, conn);
	if (!flow->closing && conn->flags & CONN_ACK_NOW)
		tcp_send_ack(c, conn);
	if (!flow->closing)
		tcp_close_if_done(c, conn);
}

/**
 * tcp_evict() - struct flow_ops @evict
 * @c:		Execution context
 * @flow:	Connection
 *
 * The host is reset, too, unless it was given all that the guest has sent.
 */
static void tcp_evict(struct ctx *c, struct flow *flow)
{
	struct tcp_conn *conn = container_of(flow, struct tcp_conn, f);

	if (!(conn->flags & CONN_SHUT_WR)) {
		tcp_reset(c, conn);
		return;
	}
	if (flow->hashed)
		tcp_send_control(c, conn, SEG_RST | SEG_ACK);
	sock_discard(conn->fd);
	tcp_close(c, conn);
}

/**
 * tcp_is_busy() - struct flow_ops @is_busy
 * @c:		Execution context
 * @flow:	Connection
 *
 * A guest that has more to send does so, or waits for window. Its probes may
 * have become rare, so it is busy until it was heard after it was told of some.
 */
static bool tcp_is_busy(const struct ctx *c, const struct flow *flow)
{
	const struct tcp_conn *conn =
		container_of(flow, const struct tcp_conn, f);
	uint16_t mss = tcp_link_mss(c, addr_version(&tcp_guest(conn)->far));

	if (conn->kept.len)
		return true;
	return conn->flags & CONN_ESTABLISHED &&
	       !(conn->flags & CONN_GUEST_FIN) &&
	       (conn->flags & CONN_WND_TOLD ||
		conn->rcv_adv - conn->rcv_nxt < mss ||
		c->now_ms - conn->active_ms < TCP_BUSY_MS);
}

/**
 * tcp_isn() - Initial sequence number of a connection
 * @c:		Execution context
 * @side:	Its addresses
 *
 * Return: sequence number
 *
 * Source: RFC 6528, 3: a keyed hash of the addresses, and a clock of 4 us
 */
static uint32_t tcp_isn(const struct ctx *c, const struct flow_side *side)
{
	struct {
		struct addr a[2];
		uint16_t port[2];
	} in = {
		{ side->far, side->near }, { side->far_port, side->near_port },
	};

	return (uint32_t)flow_keyed(c->flows, &in, sizeof(in)) +
	       (uint32_t)(c->now_ms * 250);
}

/**
 * tcp_guest() - The side of a connection that the guest is on
 * @conn:	Connection
 *
 * Return: its addresses
 */
const struct flow_side *tcp_guest(const struct tcp_conn *conn)
{
	return &conn->f.side[tcp_guest_index(conn)];
}

/**
 * tcp_host() - The side of a connection that the host's socket is on
 * @conn:	Connection
 *
 * Return: its addresses
 */
const struct flow_side *tcp_host(const struct tcp_conn *conn)
{
	return &conn->f.side[!tcp_guest_index(conn)];
}

/**
 * tcp_watch() - Have all events of the host's socket delivered, as edges
 * @c:		Execution context
 * @conn:	Connection
 * @op:		EPOLL_CTL_ADD, or EPOLL_CTL_MOD to have edges told anew
 *
 * Return: 0, or -errno
 */
int tcp_watch(struct ctx *c, struct tcp_conn *conn, int op)
{
	return flow_epoll(c, &conn->f, !tcp_guest_index(conn), op, conn->fd,
			  EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP |
			  EPOLLET);
}

/**
 * tcp_new() - Enter a new connection in the flow table
 * @c:		Execution context
 * @guest:	The guest's side
 * @host:	The host's side
 * @flags:	CONN_INBOUND if the host begins, else 0
 *
 * Return: the connection, without socket, or NULL if the table is full
 */
struct tcp_conn *tcp_new(struct ctx *c, const struct flow_side *guest,
			 const struct flow_side *host, uint32_t flags)
{
	struct flow *flow = flow_alloc(c, FLOW_TCP, IPPROTO_TCP);
	struct tcp_conn *conn;

	if (!flow)
		return NULL;

	conn = container_of(flow, struct tcp_conn, f);
	conn->flags = flags;
	conn->fd = -1;
	flow->side[tcp_guest_index(conn)] = *guest;
	flow->side[!tcp_guest_index(conn)] = *host;
	flow_hash_side(c->flows, flow, tcp_guest_index(conn));
	flow_set_half_open(c, flow, true);
	conn->rcv_wscale = TCP_WSCALE_OURS;
	conn->rto_ms = TCP_RTO_INIT_MS;
	conn->hold_skip = TCP_HOLD_SKIP_INIT;
	conn->active_ms = c->now_ms;
	conn->iss = tcp_isn(c, guest);
	conn->snd_una = conn->iss;
	conn->snd_nxt = conn->snd_max = conn->sock_seq = conn->iss + 1;
	return conn;
}

/**
 * tcp_accepted() - Pass a connection that the host accepted on to the guest
 * @c:		Execution context
 * @fd:		Connected socket, ours from now on
 * @host:	The client's side
 * @guest:	The guest's side, as fwd_from_socket() chose it
 */
void tcp_accepted(struct ctx *c, int fd, const struct flow_side *host,
		  const struct flow_side *guest)
{
	struct flow_side side = *guest;
	struct tcp_conn *conn = NULL;

	if (flow_pick_port(c->flows, IPPROTO_TCP, &side, NULL, NULL))
		conn = tcp_new(c, &side, host, CONN_INBOUND | CONN_WSCALE);
	if (!conn) {
		/* The client is not to take it for an orderly end */
		sock_reset_on_close(fd);
		close(fd);
		return;
	}

	conn->fd = fd;
	if (tcp_watch(c, conn, EPOLL_CTL_ADD))
		tcp_abort_host(c, conn);
	else
		tcp_connected(c, conn);
}

static const struct flow_ops tcp_ops = {
	.event	= tcp_event,
	.timer	= tcp_timer,
	.resume	= tcp_resume,
	.evict	= tcp_evict,
	.is_busy = tcp_is_busy,
};

/**
 * tcp_probe_peek_off() - Does the kernel keep peek offsets of TCP sockets?
 * @v:		IP version
 *
 * Return: true if it does
 */
static bool tcp_probe_peek_off(enum ipver v)
{
	int fd = socket(addr_family(v), SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has;

	if (fd < 0)
		return false;
	has = !sock_set_int(fd, SOL_SOCKET, SO_PEEK_OFF, 0);
	close(fd);
	return has;
}

/**
 * tcp_init() - Prepare for TCP connections, at start-up
 * @c:		Execution context, the flow table in place
 */
void tcp_init(struct ctx *c)
{
	c->tcp = calloc(1, sizeof(*c->tcp));
	if (!c->tcp || !(c->tcp->trash = calloc(1, TCP_TRASH_SIZE)))
		die("No memory for TCP");

	tcp_pool_init(&c->tcp->pool);
	c->tcp->has_peek_off[V4] = tcp_probe_peek_off(V4);
	c->tcp->has_peek_off[V6] = tcp_probe_peek_off(V6);
	flow_register(c->flows, FLOW_TCP, &tcp_ops);
}
