// SPDX-License-Identifier: BSD-3-Clause
/* splice.c - TCP connections between two sockets, past the guest's link
 *
 * A connection that came from loopback and goes to the other namespace is
 * carried by a socket on each side and by splice(2) between them, through a
 * pipe for each direction. A connection holds one only while there is data in
 * it that the receiving socket hasn't taken. So an idle connection is two
 * descriptors, and many can be open at the same time. As a pipe counts towards
 * what its user may have, and a user may have many of us, few are kept in
 * stock, and few are large: what is needed beyond that is made, and closed
 * again. The more a pipe holds, the less often its receiver is woken up.
 *
 * Both sockets are registered once, edge-triggered. An event on one side moves
 * data from it (something to read) or to it (room to write), until the kernel
 * says EAGAIN: nothing is left that no further event tells of.
 *
 * A direction that gets no pipe, as receivers that don't read hold them all,
 * copies instead: what the receiver takes of what is peeked at is discarded
 * then, so that nothing is held. The same goes for a direction with urgent
 * data, as splice(2) never gets past the mark.
 *
 * Each direction ends with the sender's FIN, passed on once all before it has
 * been; the entry is closed when both have. An error on a socket resets the
 * other one.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "flow.h"
#include "log.h"
#include "nsock.h"
#include "passt.h"
#include "sock.h"
#include "splice.h"
#include "syscalls.h"

/* What is called after start-up, see seccomp.c */
const char splice_syscalls[] =
	"close fcntl getsockopt pipe2 recv send splice";

#define SPLICE_PIPES		128	/* In use at the same time */
#define SPLICE_PIPES_SHARE	8	/* Descriptors allowed for each */
#define SPLICE_PIPES_LARGE	24	/* Of these, how many are large: */
#define SPLICE_PIPE_SIZE	(1024U * 1024)	/* Default fs.pipe-max-size */
#define SPLICE_PIPES_KEPT	4	/* In stock */
/* Bytes a connection may move before others have their turn */
#define SPLICE_BUDGET		(4U * 1024 * 1024)

/**
 * struct splice_pipe - a pipe
 * @end:	Reading and writing end, -1 for no pipe
 * @large:	It holds SPLICE_PIPE_SIZE
 */
struct splice_pipe {
	int end[2];
	bool large;
};

/**
 * struct splice_way - one direction of a connection, named by where it begins
 * @pipe:	Pipe in use
 * @held:	Bytes in the pipe
 * @eof:	The sending side has sent all
 * @shut:	The receiving side was told so
 * @urgent:	There was urgent data: copied from then on
 * @failed:	The sending side failed
 */
struct splice_way {
	struct splice_pipe pipe;
	size_t held;
	bool eof;
	bool shut;
	bool urgent;
	bool failed;
};

/**
 * struct splice_conn - a connection between two sockets
 * @f:		Common head of flows
 * @fd:		Socket of each side
 * @connecting:	The target side's connect() isn't done
 * @way:	Direction that begins at each side
 */
struct splice_conn {
	struct flow f;
	int fd[SIDES];
	bool connecting;
	struct splice_way way[SIDES];
};
static_assert(sizeof(struct splice_conn) <= FLOW_ENTRY_SIZE, "too large");

/**
 * struct splice - what all connections share
 * @max:	Pipes there may be
 * @count:	Pipes there are, in use or not
 * @large_count: How many of them are large
 * @kept:	Stack of pipes not in use
 * @kept_count:	How many
 */
struct splice {
	unsigned max;
	unsigned count;
	unsigned large_count;
	struct splice_pipe kept[SPLICE_PIPES_KEPT];
	unsigned kept_count;
};

/* Of splice_copy() */
static char buffer[64 * 1024];

/**
 * splice_make_pipe() - Make one more pipe
 * @s:		State of all connections
 * @p:		Set to it
 *
 * A user who has too many gets pipes of two pages: better than none.
 *
 * Return: false if there can be none
 *
 * Source: pipe(7), /proc/sys/fs/pipe-user-pages-soft
 */
static bool splice_make_pipe(struct splice *s, struct splice_pipe *p)
{
	if (s->count == s->max || pipe2(p->end, O_CLOEXEC | O_NONBLOCK))
		return false;
	p->large = false;
	s->count++;
	return true;
}

/**
 * splice_enlarge() - Make a pipe large, if there may be one more of these
 * @s:		State of all connections
 * @p:		Pipe that is about to be used: what nobody uses stays small, so
 *		that those of us without local connections take little
 */
static void splice_enlarge(struct splice *s, struct splice_pipe *p)
{
	if (p->large || s->large_count == SPLICE_PIPES_LARGE)
		return;
	p->large = fcntl(p->end[0], F_SETPIPE_SZ, SPLICE_PIPE_SIZE) >= 0;
	s->large_count += p->large;
}

/**
 * splice_take_pipe() - Have a direction use a pipe
 * @s:		State of all connections
 * @w:		Direction without a pipe
 *
 * Return: false if there is none
 */
static bool splice_take_pipe(struct splice *s, struct splice_way *w)
{
	if (s->kept_count)
		w->pipe = s->kept[--s->kept_count];
	else if (!splice_make_pipe(s, &w->pipe))
		return false;
	splice_enlarge(s, &w->pipe);
	return true;
}

/**
 * splice_give_pipe() - Have a direction use a pipe no longer
 * @s:		State of all connections
 * @w:		Direction, may be without a pipe
 *
 * What is left in there must not get into another connection.
 */
static void splice_give_pipe(struct splice *s, struct splice_way *w)
{
	struct splice_pipe *p = &w->pipe;

	if (p->end[0] < 0)
		return;
	if (!w->held && s->kept_count < SPLICE_PIPES_KEPT) {
		s->kept[s->kept_count++] = *p;
	} else {
		close(p->end[0]);
		close(p->end[1]);
		s->large_count -= p->large;
		s->count--;
	}
	p->end[0] = p->end[1] = -1;
}

/**
 * splice_close() - Let go of a connection
 * @c:		Execution context
 * @conn:	Connection
 */
static void splice_close(struct ctx *c, struct splice_conn *conn)
{
	unsigned side;

	for (side = 0; side < SIDES; side++) {
		if (conn->fd[side] >= 0)
			close(conn->fd[side]);
		splice_give_pipe(c->splice, &conn->way[side]);
	}
	flow_close(c, &conn->f);
}

/**
 * splice_reset() - End a connection with a reset of both sides
 * @c:		Execution context
 * @conn:	Connection
 * @e:		Reason, errno
 */
static void splice_reset(struct ctx *c, struct splice_conn *conn, int e)
{
	char str[FLOW_STRLEN];
	unsigned side;

	debug("%s: reset: %s", flow_str(&conn->f, str, sizeof(str)),
	      log_strerror(e));
	for (side = 0; side < SIDES; side++)
		if (conn->fd[side] >= 0)
			sock_reset_on_close(conn->fd[side]);
	splice_close(c, conn);
}

/**
 * splice_copy() - Pass on data without a pipe, nothing held in between
 * @conn:	Connection
 * @from:	Side that sends
 *
 * Return: bytes passed on, 0 at the end of the stream, -errno: -EAGAIN without
 *	   data or without room
 */
static ssize_t splice_copy(struct splice_conn *conn, unsigned from)
{
	ssize_t n;

	do
		n = recv(conn->fd[from], buffer, sizeof(buffer),
			 MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : 0;

	do
		n = send(conn->fd[!from], buffer, (size_t)n,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (recv(conn->fd[from], NULL, (size_t)n,
		 MSG_TRUNC | MSG_DONTWAIT) != n)
		return -EIO;
	return n;
}

/**
 * splice_fill() - Take data from the sending socket into the pipe
 * @c:		Execution context
 * @conn:	Connection
 * @from:	Side that sends
 *
 * Return: bytes taken, 0 at the end of the stream, -errno: -EAGAIN without
 *	   data
 */
static ssize_t splice_fill(struct ctx *c, struct splice_conn *conn,
			   unsigned from)
{
	struct splice_way *w = &conn->way[from];
	ssize_t n;

	if (w->urgent ||
	    (w->pipe.end[0] < 0 && !splice_take_pipe(c->splice, w)))
		return splice_copy(conn, from);

	do
		n = splice(conn->fd[from], NULL, w->pipe.end[1], NULL,
			   SPLICE_PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	w->held += (size_t)n;
	/* At the mark of urgent data, it looks as if the stream had ended */
	return n ? n : splice_copy(conn, from);
}

/**
 * splice_drain() - Give what is in the pipe to the receiving socket
 * @conn:	Connection
 * @from:	Side that sent it
 *
 * Return: 0 once the pipe is empty, -errno: -EAGAIN if the socket is full
 */
static int splice_drain(struct splice_conn *conn, unsigned from)
{
	struct splice_way *w = &conn->way[from];
	ssize_t n;

	while (w->held) {
		n = splice(w->pipe.end[0], NULL, conn->fd[!from], NULL,
			   w->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		w->held -= (size_t)n;
	}
	return 0;
}

/**
 * splice_release() - Give an empty pipe back, pass on the end of the stream
 * @c:		Execution context
 * @conn:	Connection
 * @from:	Side that sends
 *
 * Return: 0, -errno if the end can't be passed on
 */
static int splice_release(struct ctx *c, struct splice_conn *conn,
			  unsigned from)
{
	struct splice_way *w = &conn->way[from];

	if (w->held)
		return 0;
	splice_give_pipe(c->splice, w);
	if (w->eof && !w->shut) {
		int rc = sock_end(conn->fd[!from]);

		if (rc)
			return rc;
		w->shut = true;
	}
	return 0;
}

/**
 * splice_error() - Error that a socket has kept for us
 * @fd:		Socket
 *
 * Return: errno, 0 for none
 */
static int splice_error(int fd)
{
	socklen_t len = sizeof(int);
	int e = 0;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
	return e;
}

/**
 * splice_move() - Move data in one direction until something is in the way
 * @c:		Execution context
 * @conn:	Connection, connected on both sides
 * @from:	Side that sends
 *
 * Return: false if the connection is gone
 */
static bool splice_move(struct ctx *c, struct splice_conn *conn, unsigned from)
{
	struct splice_way *w = &conn->way[from];
	size_t moved = 0;
	ssize_t n;

	for (;;) {
		n = splice_drain(conn, from);
		if (n || w->eof)
			break;
		if (moved >= SPLICE_BUDGET) {
			flow_wait_turn(c, &conn->f);
			break;
		}
		n = splice_fill(c, conn, from);
		if (n < 0)
			break;
		w->eof = !n;
		moved += (size_t)n;
	}

	if (n < 0 && n != -EAGAIN) {
		splice_reset(c, conn, (int)-n);
		return false;
	}

	/* The error is behind data that can't be passed on now: that goes, as
	 * it does when the sender of a direct connection is reset
	 */
	if (w->failed && !conn->f.waiting) {
		splice_reset(c, conn, splice_error(conn->fd[from]));
		return false;
	}

	n = splice_release(c, conn, from);
	if (n) {
		splice_reset(c, conn, (int)-n);
		return false;
	}
	if (conn->way[SIDE_INI].shut && conn->way[SIDE_TGT].shut) {
		splice_close(c, conn);
		return false;
	}
	return true;
}

/**
 * splice_resume() - struct flow_ops @resume: another turn
 * @c:		Execution context
 * @flow:	Connection
 */
static void splice_resume(struct ctx *c, struct flow *flow)
{
	struct splice_conn *conn = container_of(flow, struct splice_conn, f);

	if (splice_move(c, conn, SIDE_INI))
		splice_move(c, conn, SIDE_TGT);
}

/**
 * splice_event() - struct flow_ops @event
 * @c:		Execution context
 * @flow:	Connection
 * @side:	Side whose socket has something
 * @events:	From epoll
 */
static void splice_event(struct ctx *c, struct flow *flow, unsigned side,
			 uint32_t events)
{
	struct splice_conn *conn = container_of(flow, struct splice_conn, f);

	conn->way[side].urgent |= !!(events & EPOLLPRI);
	conn->way[side].failed |= !!(events & EPOLLERR);
	if (conn->connecting) {
		int e;

		/* What the initiating side sends is found once connected */
		if (side != SIDE_TGT ||
		    !(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		e = splice_error(conn->fd[SIDE_TGT]);
		if (e) {
			stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
			splice_reset(c, conn, e);
			return;
		}
		conn->connecting = false;
		flow_set_half_open(c, flow, false);
		splice_resume(c, flow);
		return;
	}

	flow_touch(c->flows, flow);
	if (events & ~(uint32_t)EPOLLOUT && !splice_move(c, conn, side))
		return;
	if (events & EPOLLOUT)
		splice_move(c, conn, !side);
}

/**
 * splice_timer() - struct flow_ops @timer: none is set
 * @c:		Execution context
 * @flow:	Connection
 */
static void splice_timer(struct ctx *c, struct flow *flow)
{
	(void)c;
	(void)flow;
}

/**
 * splice_evict() - struct flow_ops @evict
 * @c:		Execution context
 * @flow:	Connection
 *
 * A side is reset unless it was given all that the other one has sent.
 */
static void splice_evict(struct ctx *c, struct flow *flow)
{
	struct splice_conn *conn = container_of(flow, struct splice_conn, f);
	unsigned side;

	for (side = 0; side < SIDES; side++) {
		if (conn->fd[side] < 0)
			continue;
		if (conn->way[!side].shut)
			sock_discard(conn->fd[side]);
		else
			sock_reset_on_close(conn->fd[side]);
	}
	splice_close(c, conn);
}

/**
 * splice_is_busy() - struct flow_ops @is_busy
 * @c:		Execution context
 * @flow:	Connection
 */
static bool splice_is_busy(const struct ctx *c, const struct flow *flow)
{
	const struct splice_conn *conn =
		container_of(flow, const struct splice_conn, f);

	(void)c;
	return flow->waiting || conn->way[SIDE_INI].held ||
	       conn->way[SIDE_TGT].held;
}

static const struct flow_ops splice_ops = {
	.event	= splice_event,
	.timer	= splice_timer,
	.resume	= splice_resume,
	.evict	= splice_evict,
	.is_busy = splice_is_busy,
};

/**
 * splice_connect() - Open and connect the target side's socket
 * @c:		Execution context
 * @conn:	Connection, its sides filled
 *
 * Return: 0 if it is on its way, or -errno
 */
static int splice_connect(struct ctx *c, struct splice_conn *conn)
{
	struct flow_side *tgt = &conn->f.side[SIDE_TGT];
	uint32_t all = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	unsigned side;
	int fd, rc;

	if (tgt->place == PLACE_NS)
		fd = nsock_get(c->nsock, addr_version(&tgt->far), IPPROTO_TCP);
	else
		do
			fd = sock_outbound(&c->conf, IPPROTO_TCP, &tgt->far,
					   NULL, 0);
		while (flow_make_room(c, &conn->f, fd));
	conn->fd[SIDE_TGT] = fd;
	if (fd < 0)
		return fd;

	rc = sock_connect(fd, &tgt->far, tgt->far_port,
			  sock_scope_id(&c->conf, &tgt->far));
	if (rc && rc != -EINPROGRESS)
		return rc;
	/* For splice_is_ours() */
	if (!sock_local(fd, &tgt->near, &tgt->near_port))
		flow_hash_side(c->flows, &conn->f, SIDE_TGT);

	for (side = 0; side < SIDES; side++) {
		/* Small messages are not to wait for acknowledgements */
		sock_set_int(conn->fd[side], IPPROTO_TCP, TCP_NODELAY, 1);
		sock_set_int(conn->fd[side], SOL_SOCKET, SO_OOBINLINE, 1);
		rc = flow_epoll(c, &conn->f, side, EPOLL_CTL_ADD,
				conn->fd[side], all);
		if (rc)
			return rc;
	}
	return 0;
}

/**
 * splice_is_ours() - Is the client of a connection a socket of our own?
 * @c:		Execution context
 * @ini:	The client's side
 *
 * With the same port forwarded in both directions and no server behind it, a
 * connection would come back to us, and go out again, for as long as there are
 * descriptors.
 *
 * Return: true if it is
 */
static bool splice_is_ours(const struct ctx *c, const struct flow_side *ini)
{
	struct flow_side key = {
		.place = ini->place,
		.far = ini->near, .far_port = ini->near_port,
		.near = ini->far, .near_port = ini->far_port,
	};
	const struct flow *flow;
	unsigned side;

	flow = flow_lookup(c->flows, IPPROTO_TCP, &key, &side);
	return flow && flow->type == FLOW_TCP_SPLICE && side == SIDE_TGT;
}

/**
 * splice_accepted() - Carry on a connection that was accepted on loopback
 * @c:		Execution context
 * @fd:		Connected socket, ours from now on
 * @ini:	The client's side
 * @tgt:	Where it goes, as fwd_from_socket() chose it
 */
void splice_accepted(struct ctx *c, int fd, const struct flow_side *ini,
		     const struct flow_side *tgt)
{
	struct splice_conn *conn;
	struct flow *flow = NULL;
	unsigned side;
	int rc;

	if (splice_is_ours(c, ini))
		debug("Port %u leads back to us: refused", ini->near_port);
	else
		flow = flow_alloc(c, FLOW_TCP_SPLICE, IPPROTO_TCP);
	if (!flow) {
		sock_reset_on_close(fd);
		close(fd);
		return;
	}

	conn = container_of(flow, struct splice_conn, f);
	flow->side[SIDE_INI] = *ini;
	flow->side[SIDE_TGT] = *tgt;
	conn->fd[SIDE_INI] = fd;
	conn->fd[SIDE_TGT] = -1;
	for (side = 0; side < SIDES; side++)
		conn->way[side].pipe.end[0] = conn->way[side].pipe.end[1] = -1;
	conn->connecting = true;
	flow_set_half_open(c, flow, true);

	rc = splice_connect(c, conn);
	if (rc)
		splice_reset(c, conn, -rc);
}

/**
 * splice_init() - Prepare for connections between sockets, at start-up
 * @c:		Execution context, the flow table in place
 *
 * With fewer pipes than wished for, more is copied. They take no more than a
 * quarter of the descriptors we may have.
 */
void splice_init(struct ctx *c)
{
	struct splice *s = calloc(1, sizeof(*s));
	struct rlimit lim;

	if (!s)
		die("No memory for spliced connections");

	c->splice = s;
	s->max = SPLICE_PIPES;
	if (!getrlimit(RLIMIT_NOFILE, &lim))
		s->max = (unsigned)MIN(s->max,
				       lim.rlim_cur / SPLICE_PIPES_SHARE);
	while (s->kept_count < SPLICE_PIPES_KEPT &&
	       splice_make_pipe(s, &s->kept[s->kept_count]))
		s->kept_count++;
	flow_register(c->flows, FLOW_TCP_SPLICE, &splice_ops);
}
