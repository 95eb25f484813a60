// SPDX-License-Identifier: BSD-3-Clause
/* tcp_batch.c - TCP: what a batch of frames from the guest comes to
 *
 * Data goes to the host's socket from where it is, in the frames: what a batch
 * has of a connection, its run, by one sendmsg(2), whatever came in between of
 * others. A guest without offloads sends a frame for each 1460 bytes, so that
 * makes most of the difference there; and with many connections at work, the
 * receiver of each is woken up less often. What the socket doesn't take is kept
 * in the pool.
 *
 * Until tcp_batch_flush(), the sequence number that is expected next counts
 * what isn't delivered yet, but nothing that tells the guest of it is sent:
 * tcp_from_guest() flushes first, unless a segment only continues the run.
 *
 * Once for all segments of a batch, tcp_end_batch() acknowledges what came, or
 * has the host's answer do so, if that usually comes in a moment.
 */

#include <errno.h>
#include <sys/socket.h>

#include "flow.h"
#include "passt.h"
#include "stats.h"
#include "syscalls.h"
#include "tcp.h"
#include "tcp_batch.h"
#include "tcp_conn.h"
#include "tcp_peek.h"

/* What is called after start-up, see seccomp.c */
const char tcp_batch_syscalls[] = "sendmsg";

#define TCP_BATCH_LEN		(512U * 1024)	/* Bytes delivered at once */

/**
 * tcp_batch_mark() - Have tcp_end_batch() look after a connection
 * @c:		Execution context
 * @conn:	Connection
 */
void tcp_batch_mark(struct ctx *c, struct tcp_conn *conn)
{
	struct tcp_batch *b = &c->tcp->batch;

	if (conn->flags & CONN_DIRTY || b->dirty_count == TAP_BATCH_MAX)
		return;
	conn->flags |= CONN_DIRTY;
	b->dirty[b->dirty_count++] = conn;
}

/**
 * tcp_find_run() - What a connection has in the present batch
 * @b:		Batch
 * @conn:	Connection
 *
 * There are few, and the last one is asked for most often.
 *
 * Return: run, without data once that was delivered; NULL if there is none
 */
static struct tcp_run *tcp_find_run(struct tcp_batch *b,
				    const struct tcp_conn *conn)
{
	unsigned i = b->run_count;

	while (i--)
		if (b->runs[i].conn == conn)
			return &b->runs[i];
	return NULL;
}

/**
 * tcp_gather() - Take the pieces of a run out of the batch
 * @b:		Batch
 * @run:	Run with data, left without
 * @iov:	Filled, room for @run->iov_cnt elements
 *
 * Return: view of all its data, by @iov
 */
static struct view tcp_gather(const struct tcp_batch *b, struct tcp_run *run,
			      struct iovec *iov)
{
	size_t cnt = run->iov_cnt, len = run->len, i;
	unsigned at = run->first;

	for (i = 0; i < cnt; i++, at = b->next[at])
		iov[i] = b->iov[at];
	run->iov_cnt = 0;
	run->len = 0;
	return view_from_iov(iov, cnt, len);
}

/**
 * tcp_deliver() - Give data of the guest to the host's socket, keep the rest
 * @c:		Execution context
 * @conn:	Connection
 * @v:		Its data
 *
 * Return: bytes taken, -errno if the socket failed
 */
static ssize_t tcp_deliver(struct ctx *c, struct tcp_conn *conn, struct view v)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)v.iov, .msg_iovlen = v.cnt,
	};
	size_t len = v.len;
	ssize_t n = 0;

	if (!conn->kept.len) {
		do
			n = sendmsg(conn->fd, &msg,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN)
			return -errno;
		n = MAX(n, 0);
		view_skip(&v, (size_t)n);
	}

	if (!v.len || tcp_pool_add(&c->tcp->pool, &conn->kept, v))
		return (ssize_t)len;

	stats_add(&c->stats, STAT_TCP_POOL_FULL, 1);
	return n;
}

/**
 * tcp_flush_run() - Deliver the data of a run so far
 * @c:		Execution context
 * @run:	Run, may be without
 *
 * If the socket fails, the connection is reset; see f.closing. What there is
 * no room for is as if it had never come: the guest sends it again.
 */
static void tcp_flush_run(struct ctx *c, struct tcp_run *run)
{
	struct iovec iov[TCP_BATCH_IOV];
	struct view v;
	ssize_t n;

	if (!run->len)
		return;
	v = tcp_gather(&c->tcp->batch, run, iov);
	if (run->conn->f.closing)
		return;

	n = tcp_deliver(c, run->conn, v);
	if (n < 0)
		tcp_reset(c, run->conn);
	else
		run->conn->rcv_nxt -= (uint32_t)(v.len - (size_t)n);
}

/**
 * tcp_flush_all() - Deliver the data of all runs
 * @c:		Execution context
 */
static void tcp_flush_all(struct ctx *c)
{
	struct tcp_batch *b = &c->tcp->batch;
	unsigned i;

	for (i = 0; i < b->run_count; i++)
		tcp_flush_run(c, &b->runs[i]);
	b->run_count = 0;
	b->iov_cnt = 0;
}

/**
 * tcp_batch_has() - Does data of a connection wait for its delivery?
 * @b:		Batch
 * @conn:	Connection
 *
 * Return: true if so
 */
bool tcp_batch_has(struct tcp_batch *b, const struct tcp_conn *conn)
{
	const struct tcp_run *run = tcp_find_run(b, conn);

	return run && run->len;
}

/**
 * tcp_batch_flush() - Deliver the data of a connection in the batch so far
 * @c:		Execution context
 * @conn:	Connection, closing afterwards if its socket failed
 */
void tcp_batch_flush(struct ctx *c, struct tcp_conn *conn)
{
	struct tcp_run *run = tcp_find_run(&c->tcp->batch, conn);

	if (run)
		tcp_flush_run(c, run);
}

/**
 * tcp_batch_add() - Have data of the guest delivered with what follows it
 * @c:		Execution context
 * @conn:	Connection
 * @v:		Data, next in order; in memory that stays until the batch ends
 */
void tcp_batch_add(struct ctx *c, struct tcp_conn *conn, const struct view *v)
{
	struct tcp_batch *b = &c->tcp->batch;
	struct tcp_run *run = tcp_find_run(b, conn);
	uint32_t seq = conn->rcv_nxt;
	size_t n, i;

	if (run && run->len + v->len > TCP_BATCH_LEN)
		tcp_flush_run(c, run);
	if (b->iov_cnt + FRAME_IOV_MAX > TCP_BATCH_IOV ||
	    (!run && b->run_count == TAP_BATCH_MAX)) {
		tcp_flush_all(c);
		run = NULL;
	}
	if (conn->f.closing || conn->rcv_nxt != seq)
		return;
	if (!run) {
		run = &b->runs[b->run_count++];
		*run = (struct tcp_run){ .conn = conn };
	}

	n = view_to_iov(v, &b->iov[b->iov_cnt], FRAME_IOV_MAX);
	for (i = 0; i < n; i++) {
		if (run->iov_cnt++)
			b->next[run->last] = b->iov_cnt;
		else
			run->first = b->iov_cnt;
		run->last = b->iov_cnt++;
	}
	run->len += v->len;
	conn->rcv_nxt += (uint32_t)v->len;
}

/**
 * tcp_hold_ack() - Decide whether an ACK waits for the host's answer
 * @c:		Execution context
 * @conn:	Connection with CONN_ACK_SOON, made CONN_ACK_NOW if it doesn't
 *
 * It waits for TCP_ACK_HOLD_MS: tcp_timer_update() sees to that.
 */
static void tcp_hold_ack(struct ctx *c, struct tcp_conn *conn)
{
	if (tcp_window_is_wide(c, conn) && !conn->hold_skip)
		return;
	if (conn->hold_skip)
		conn->hold_skip--;
	conn->flags &= ~(uint32_t)CONN_ACK_SOON;
	conn->flags |= CONN_ACK_NOW;
}

/**
 * tcp_end_batch() - Deliver and acknowledge what a batch of frames has brought
 * @c:		Execution context
 */
void tcp_end_batch(struct ctx *c)
{
	uint32_t done = CONN_FIN_ACKED | CONN_GUEST_FIN;
	struct tcp_batch *b = &c->tcp->batch;
	unsigned i;

	tcp_flush_all(c);
	for (i = 0; i < b->dirty_count; i++) {
		struct tcp_conn *conn = b->dirty[i];

		conn->flags &= ~(uint32_t)CONN_DIRTY;
		if (conn->f.closing)
			continue;

		if (conn->flags & CONN_ACK_SOON)
			tcp_hold_ack(c, conn);
		/* What is closed now is emptied by tcp_close_if_done() */
		if ((conn->flags & done) != done && !tcp_discard_acked(c, conn))
			continue;
		/* Data carries the acknowledgement, if there is some */
		tcp_send_data(c, conn);
		if (conn->f.closing)
			continue;
		if (conn->flags & CONN_ACK_NOW)
			tcp_send_ack(c, conn);
		tcp_close_if_done(c, conn);
	}
	b->dirty_count = 0;
}
