// SPDX-License-Identifier: BSD-3-Clause
/* tcp_ahead.c - TCP: data of the guest that has come too early
 *
 * On the link from the guest nothing overtakes, but its queue may overflow: a
 * guest that sends much at once loses some of it there. What comes behind a gap
 * is kept in the pool until that is filled, as one piece: what neither begins
 * nor continues it is dropped, and sent again.
 *
 * To drop all of it would do for a guest that repeats all from the gap on. But
 * Linux, without SACK, sends new data in between after a time-out (RFC 5682),
 * and then takes duplicate acknowledgements of all that it has repeated for
 * late ones (RFC 6582, 4): if the new data is gone, the next time-out comes,
 * twice as late, and so on without end.
 *
 * No more than half of the pool is used for it: the rest is for what was
 * offered to guests by their windows.
 */

#include "flow.h"
#include "passt.h"
#include "tcp_ahead.h"
#include "tcp_conn.h"
#include "tcp_seq.h"
#include "view.h"

/**
 * tcp_ahead_keep() - Keep data behind a gap, if it can be
 * @c:		Execution context
 * @conn:	Connection
 * @seq:	Sequence number of the data, beyond what is expected next
 * @v:		Data
 */
void tcp_ahead_keep(struct ctx *c, struct tcp_conn *conn, uint32_t seq,
		    struct view v)
{
	uint32_t end = seq + (uint32_t)v.len, from = seq;
	struct tcp_pool *p = &c->tcp->pool;

	if (conn->flags & CONN_GUEST_FIN || !tcp_pool_slack(p, conn->mss))
		return;
	if (conn->ahead.kept.len)
		from = conn->ahead.seq + conn->ahead.kept.len;
	if (seq_lt(conn->rcv_adv, end))
		end = conn->rcv_adv;
	if (seq_lt(from, seq) || seq_le(end, from))
		return;

	view_skip(&v, from - seq);
	view_trim(&v, end - from);
	if (!conn->ahead.kept.len)
		conn->ahead.seq = from;
	tcp_pool_add(p, &conn->ahead.kept, v);
}

/**
 * tcp_ahead_move() - Put what was kept ahead behind what the socket didn't take
 * @c:		Execution context
 * @conn:	Connection
 */
static void tcp_ahead_move(struct ctx *c, struct tcp_conn *conn)
{
	struct tcp_pool *p = &c->tcp->pool;
	struct iovec iov[TCP_KEPT_IOV];

	if (!conn->kept.len) {
		conn->kept = conn->ahead.kept;
		conn->rcv_nxt += conn->ahead.kept.len;
		conn->ahead.kept.len = 0;
	}
	while (conn->ahead.kept.len) {
		size_t n = tcp_pool_peek(p, &conn->ahead.kept, iov), len = 0, i;

		for (i = 0; i < n; i++)
			len += iov[i].iov_len;
		if (!tcp_pool_add(p, &conn->kept, view_from_iov(iov, n, len)))
			break;
		conn->rcv_nxt += (uint32_t)len;
		tcp_pool_take(p, &conn->ahead.kept, len);
	}
	tcp_ahead_drop(c, conn);
}

/**
 * tcp_ahead_take() - Deliver what was kept, if the gap before it is filled
 * @c:		Execution context
 * @conn:	Connection, closing afterwards if its socket failed
 *
 * Source: RFC 5681, 4.2: acknowledged at once
 */
void tcp_ahead_take(struct ctx *c, struct tcp_conn *conn)
{
	uint32_t old;

	if (!conn->ahead.kept.len || seq_lt(conn->rcv_nxt, conn->ahead.seq))
		return;
	conn->flags |= CONN_ACK_NOW;
	/* All before it first; what there is no room for leaves a gap again */
	tcp_batch_flush(c, conn);
	if (conn->f.closing || seq_lt(conn->rcv_nxt, conn->ahead.seq))
		return;

	old = MIN(conn->rcv_nxt - conn->ahead.seq, conn->ahead.kept.len);
	tcp_pool_take(&c->tcp->pool, &conn->ahead.kept, old);
	tcp_ahead_move(c, conn);
	tcp_flush_kept(c, conn);
}

/**
 * tcp_ahead_drop() - Drop what was kept
 * @c:		Execution context
 * @conn:	Connection
 */
void tcp_ahead_drop(struct ctx *c, struct tcp_conn *conn)
{
	tcp_pool_take(&c->tcp->pool, &conn->ahead.kept, conn->ahead.kept.len);
}
