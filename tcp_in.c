// SPDX-License-Identifier: BSD-3-Clause
/* tcp_in.c - TCP segments from the guest
 *
 * Segments are checked in the order of RFC 9293, 3.10.7, with the answers of
 * RFC 5961 to blind attacks. What becomes of their data, and when it is
 * acknowledged, see tcp_batch.c.
 *
 * Segments out of order are rare, as nothing overtakes on the link from the
 * guest: see tcp_ahead.c. The guest is told by duplicate acknowledgements and
 * sends again.
 */

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <linux/tcp.h>

#include "fwd.h"
#include "icmp_err.h"
#include "ip.h"
#include "log.h"
#include "opening.h"
#include "passt.h"
#include "sock.h"
#include "stats.h"
#include "tcp.h"
#include "tcp_ahead.h"
#include "tcp_batch.h"
#include "tcp_conn.h"
#include "tcp_seq.h"

#define TCP_DUP_ACKS		3	/* RFC 5681, 3.2 */
#define TCP_MSS_MIN		48	/* Less is mostly header */
#define TCP_MSS_DEFAULT_V4	536	/* RFC 9293, 3.7.1 */
#define TCP_MSS_DEFAULT_V6	1220	/* RFC 9293, 3.7.1 */
#define TCP_CHALLENGE_RATE	2	/* A second: RFC 5961, 7 */
#define TCP_CHALLENGE_BURST	10	/* As above */
#define TCP_SHORT_LEN		4096	/* Data that may be a whole question */

/**
 * struct tcp_seg - a segment from the guest
 * @seq:	Sequence number
 * @ack:	Acknowledgement number
 * @wnd:	Window field, not scaled
 * @flags:	SEG_*
 * @mss:	MSS option, 0 if there is none
 * @wscale:	Window scale option, -1 if there is none
 * @reassembled: See ip_is_reassembled()
 * @data:	Payload
 */
struct tcp_seg {
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t flags;
	uint16_t mss;
	int wscale;
	bool reassembled;
	struct view data;
};

/**
 * tcp_parse_options() - Read the options of a SYN
 * @v:		View of the options alone
 * @seg:	Segment to fill
 *
 * What is malformed ends the list; options we don't know are passed over.
 *
 * Source: RFC 9293, 3.1 and 3.2; RFC 7323, 2.2
 */
static void tcp_parse_options(struct view v, struct tcp_seg *seg)
{
	uint8_t kind, len, body[2];

	while (view_pull(&v, &kind, 1) && kind != TCP_OPT_END) {
		if (kind == TCP_OPT_NOP)
			continue;
		if (!view_pull(&v, &len, 1) || len < 2)
			return;
		if (kind == TCP_OPT_MSS && len == TCP_OPT_MSS_LEN &&
		    view_peek(&v, body, 2))
			seg->mss = (uint16_t)(body[0] << 8 | body[1]);
		if (kind == TCP_OPT_WSCALE && len == TCP_OPT_WSCALE_LEN &&
		    view_peek(&v, body, 1))
			seg->wscale = MIN(body[0], TCP_WSCALE_MAX);
		if (!view_skip(&v, len - 2U))
			return;
	}
}

/**
 * tcp_parse() - Check and copy out a TCP header
 * @pkt:	Packet
 * @seg:	Filled with the segment
 * @key:	Filled with its addresses, the guest's side of a flow
 *
 * Return: false if the header is malformed
 */
static bool tcp_parse(const struct pkt *pkt, struct tcp_seg *seg,
		      struct flow_side *key)
{
	struct view v = pkt->l4, opts;
	struct tcphdr th;

	if (!view_pull(&v, &th, sizeof(th)) || th.doff * 4U < sizeof(th) ||
	    !view_sub(&v, th.doff * 4U - sizeof(th), &opts))
		return false;

	*seg = (struct tcp_seg){
		.seq = ntohl(th.seq), .ack = ntohl(th.ack_seq),
		.wnd = ntohs(th.window), .wscale = -1, .data = v,
		.reassembled = ip_is_reassembled(pkt),
		.flags = (uint8_t)(th.fin * SEG_FIN | th.syn * SEG_SYN |
				   th.rst * SEG_RST | th.psh * SEG_PSH |
				   th.ack * SEG_ACK),
	};
	if (seg->flags & SEG_SYN)
		tcp_parse_options(opts, seg);

	*key = (struct flow_side){
		.far = pkt->src, .near = pkt->dst,
		.far_port = ntohs(th.source), .near_port = ntohs(th.dest),
		.place = PLACE_GUEST,
	};
	return true;
}

/**
 * tcp_refuse() - Answer a segment with a reset
 * @c:		Execution context
 * @pkt:	Packet
 * @seg:	Segment
 *
 * Source: RFC 9293, 3.10.7.1
 */
static void tcp_refuse(struct ctx *c, const struct pkt *pkt,
		       const struct tcp_seg *seg)
{
	uint32_t end = seg->seq + (uint32_t)seg->data.len +
		       !!(seg->flags & SEG_SYN) + !!(seg->flags & SEG_FIN);

	if (seg->flags & SEG_RST)
		return;
	if (seg->flags & SEG_ACK)
		tcp_send_rst_to(c, pkt, seg->ack, 0, SEG_RST);
	else
		tcp_send_rst_to(c, pkt, 0, end, SEG_RST | SEG_ACK);
}

/**
 * tcp_challenge() - Tell where we are, after a segment that was out of place
 * @c:		Execution context
 * @conn:	Connection
 * @seg:	Segment
 *
 * The limit is each connection's own: one for all would tell somebody who
 * guesses about others, as CVE-2016-5696 did. Data is always answered, as the
 * guest repeats it until it knows that we have got it.
 *
 * Source: RFC 5961, 3.2, 4.2, 5.2 and 7
 */
static void tcp_challenge(struct ctx *c, struct tcp_conn *conn,
			  const struct tcp_seg *seg)
{
	bool repeated = (seg->data.len || seg->flags & SEG_FIN) &&
			!(seg->flags & (SEG_SYN | SEG_RST));

	if (repeated ||
	    util_rate_allow(&conn->challenges, c->now_ms, TCP_CHALLENGE_RATE,
			    TCP_CHALLENGE_BURST))
		tcp_send_ack(c, conn);
	else
		stats_add(&c->stats, STAT_ANSWERS_WITHHELD, 1);
}

/**
 * tcp_connect() - Open and connect the host's socket of a connection
 * @c:		Execution context
 * @conn:	Connection, its target side filled
 *
 * Return: 0 if it is on its way, or -errno
 */
static int tcp_connect(struct ctx *c, struct tcp_conn *conn)
{
	const struct flow_side *host = tcp_host(conn);
	int rc;

	do
		conn->fd = sock_outbound(&c->conf, IPPROTO_TCP, &host->far,
					 &host->near, 0);
	while (flow_make_room(c, &conn->f, conn->fd));
	if (conn->fd < 0)
		return conn->fd;

	conn->flags |= CONN_CONNECTING;
	rc = sock_connect(conn->fd, &host->far, host->far_port,
			  sock_scope_id(&c->conf, &host->far));
	if (rc && rc != -EINPROGRESS)
		return rc;
	/* If it is connected already, the first event tells */
	return tcp_watch(c, conn, EPOLL_CTL_ADD);
}

/**
 * tcp_take_syn() - Note what the guest's SYN tells of it
 * @c:		Execution context
 * @conn:	Connection
 * @seg:	SYN, or SYN,ACK
 *
 * Source: RFC 9293, 3.7.1 (MSS); RFC 7323, 2.2 (window scale)
 */
static void tcp_take_syn(const struct ctx *c, struct tcp_conn *conn,
			 const struct tcp_seg *seg)
{
	enum ipver v = addr_version(&tcp_guest(conn)->far);
	unsigned mss = seg->mss;

	if (!mss)
		mss = v == V4 ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
	/* A guest may name more than the link to it carries */
	conn->mss = MIN(MAX(mss, TCP_MSS_MIN), tcp_link_mss(c, v));
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
	conn->snd_wnd = seg->wnd;
	if (seg->wscale >= 0) {
		conn->flags |= CONN_WSCALE;
		conn->snd_wscale = (uint8_t)seg->wscale;
	} else {
		conn->flags &= ~(uint32_t)CONN_WSCALE;
		conn->rcv_wscale = 0;
	}
}

/**
 * tcp_open() - The guest opens a connection
 * @c:		Execution context
 * @pkt:	Packet
 * @seg:	SYN
 * @guest:	Addresses of the guest's side
 */
static void tcp_open(struct ctx *c, const struct pkt *pkt,
		     const struct tcp_seg *seg, const struct flow_side *guest)
{
	struct flow_side host;
	struct tcp_conn *conn;
	int rc;

	if (!addr_is_unicast(&guest->near) || !guest->far_port ||
	    !fwd_from_guest(&c->conf, IPPROTO_TCP, guest, &host) ||
	    !opening_may(c, pkt))
		return;

	conn = tcp_new(c, guest, &host, 0);
	if (!conn) {
		tcp_refuse(c, pkt, seg);
		return;
	}

	conn->rcv_nxt = conn->rcv_adv = seg->seq + 1;
	tcp_take_syn(c, conn, seg);

	rc = tcp_connect(c, conn);
	if (!rc)
		return;

	stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
	if (rc == -ENETUNREACH || rc == -EHOSTUNREACH)
		icmp_err_unreachable(c, pkt, -rc);
	else
		tcp_refuse(c, pkt, seg);
	flow_unhash(c->flows, &conn->f);
	tcp_abort_host(c, conn);
}

/**
 * tcp_take_window() - Note the window a segment tells
 * @conn:	Connection
 * @seg:	Segment with an acceptable acknowledgement
 *
 * Source: RFC 9293, 3.10.7.4, fifth
 */
static void tcp_take_window(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	if (!seq_lt(conn->snd_wl1, seg->seq) &&
	    !(conn->snd_wl1 == seg->seq && seq_le(conn->snd_wl2, seg->ack)))
		return;

	conn->snd_wnd = (uint32_t)seg->wnd << conn->snd_wscale;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
}

/**
 * tcp_take_room() - The guest has more room than before, but nothing new
 * @c:		Execution context
 * @conn:	Connection, closing afterwards if its socket failed
 *
 * After time-outs, the guest hasn't taken what is in flight: it had no room,
 * and Linux drops then what doesn't fit, within the window, too. That it has
 * room isn't to be found out by a timer that has become slow.
 */
static void tcp_take_room(struct ctx *c, struct tcp_conn *conn)
{
	if (conn->rto_ms == TCP_RTO_INIT_MS)
		return;

	conn->rto_ms = TCP_RTO_INIT_MS;
	conn->retry_ms = 0;
	if (conn->snd_nxt != conn->snd_una)
		tcp_retransmit(c, conn);
}

/**
 * tcp_take_ack() - Handle the acknowledgement of a segment
 * @c:		Execution context
 * @conn:	Connection
 * @seg:	Acceptable segment with ACK
 *
 * Return: false if it acknowledges what was never sent: segment to be dropped
 *
 * Source: RFC 9293, 3.10.7.4, fifth; RFC 5681, 3.2; RFC 6582, 3.2
 */
static bool tcp_take_ack(struct ctx *c, struct tcp_conn *conn,
			 const struct tcp_seg *seg)
{
	uint32_t wnd = conn->snd_wnd;

	if (seq_lt(conn->snd_max, seg->ack)) {
		tcp_challenge(c, conn, seg);
		return false;
	}
	if (seq_lt(seg->ack, conn->snd_una))
		return true;

	tcp_take_window(conn, seg);
	/* A guest that answers is alive, even if it has no room */
	if (conn->snd_una == conn->snd_max || !conn->snd_wnd)
		conn->retries = 0;

	if (seg->ack == conn->snd_una) {
		if (wnd < conn->snd_wnd)
			tcp_take_room(c, conn);
		if (seg->data.len || seg->flags & SEG_FIN ||
		    wnd != conn->snd_wnd || conn->snd_una == conn->snd_max)
			return true;
		if (++conn->dup_acks == TCP_DUP_ACKS &&
		    !(conn->flags & CONN_RECOVERY))
			tcp_retransmit(c, conn);
		return true;
	}

	conn->snd_una = seg->ack;
	if (seq_lt(conn->snd_nxt, conn->snd_una))
		conn->snd_nxt = conn->snd_una;
	if (conn->flags & CONN_FIN_SENT && conn->snd_una == conn->snd_max)
		conn->flags |= CONN_FIN_ACKED;
	if (seq_le(conn->recover, conn->snd_una))
		conn->flags &= ~(uint32_t)CONN_RECOVERY;
	conn->dup_acks = 0;
	conn->retries = 0;
	conn->rto_ms = TCP_RTO_INIT_MS;
	conn->retry_ms = 0;
	return true;
}

/**
 * tcp_note_data() - Have data acknowledged, at once or soon
 * @conn:	Connection
 * @seg:	Segment with data
 *
 * A short segment is the end of a question, maybe, to which the host answers
 * soon. The next one, or what is out of place, is acknowledged without delay:
 * RFC 9293, 3.8.6.3.
 */
static void tcp_note_data(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	bool soon = !(conn->flags & (CONN_ACK_NOW | CONN_ACK_SOON)) &&
		    seg->seq == conn->rcv_nxt && seg->data.len < TCP_SHORT_LEN;

	conn->flags |= soon ? CONN_ACK_SOON : CONN_ACK_NOW;
}

/**
 * tcp_take_data() - Handle the payload of a segment
 * @c:		Execution context
 * @conn:	Connection, closing afterwards if its socket failed
 * @seg:	Acceptable segment, what isn't new or doesn't fit is taken off
 *
 * Source: RFC 9293, 3.10.7.4, seventh
 */
static void tcp_take_data(struct ctx *c, struct tcp_conn *conn,
			  struct tcp_seg *seg)
{
	uint32_t wnd = conn->rcv_adv - conn->rcv_nxt;
	struct view *v = &seg->data;

	if (!v->len)
		return;

	tcp_note_data(conn, seg);
	/* What we have got already; a FIN behind it may be new */
	if (seq_lt(seg->seq, conn->rcv_nxt)) {
		uint32_t old = conn->rcv_nxt - seg->seq;

		view_skip(v, MIN(old, v->len));
		seg->seq = conn->rcv_nxt;
	}
	if (conn->flags & CONN_GUEST_FIN)
		return;
	if (v->len > wnd) {
		view_trim(v, wnd);
		seg->flags &= (uint8_t)~SEG_FIN;
	}
	if (!v->len)
		return;

	tcp_batch_add(c, conn, v);
	if (seg->flags & SEG_FIN || seg->reassembled)
		tcp_batch_flush(c, conn);
}

/**
 * tcp_take_fin() - The guest has sent all
 * @c:		Execution context
 * @conn:	Connection, all data before the FIN taken
 *
 * Return: false if the connection is gone
 */
static bool tcp_take_fin(struct ctx *c, struct tcp_conn *conn)
{
	conn->flags |= CONN_ACK_NOW;
	if (conn->flags & CONN_GUEST_FIN)
		return true;

	conn->flags |= CONN_GUEST_FIN;
	/* What it has sent for behind that is no part of the stream */
	tcp_ahead_drop(c, conn);
	conn->rcv_nxt++;
	if (seq_lt(conn->rcv_adv, conn->rcv_nxt))
		conn->rcv_adv = conn->rcv_nxt;
	return tcp_flush_kept(c, conn);
}

/**
 * tcp_is_acceptable() - Does a segment touch the window we told the guest?
 * @conn:	Connection
 * @seg:	Segment
 *
 * Return: false if all of it lies outside
 *
 * Source: RFC 9293, 3.4; a segment without data right at the edge passes, as a
 * guest that has used up the window sends its acknowledgements there
 */
static bool tcp_is_acceptable(const struct tcp_conn *conn,
			      const struct tcp_seg *seg)
{
	uint32_t len = (uint32_t)seg->data.len + !!(seg->flags & SEG_FIN);

	if (!len || seg->seq == conn->rcv_nxt)
		return seq_le(conn->rcv_nxt, seg->seq) &&
		       seq_le(seg->seq, conn->rcv_adv);
	return seq_lt(seg->seq, conn->rcv_adv) &&
	       seq_lt(conn->rcv_nxt, seg->seq + len);
}

/**
 * tcp_syn_received() - A segment before the guest has acknowledged our SYN
 * @c:		Execution context
 * @conn:	Connection
 * @pkt:	Packet
 * @seg:	Segment
 *
 * Return: true if the connection is established now: the segment goes on
 *
 * Source: RFC 9293, 3.10.7.4, for SYN-RECEIVED
 */
static bool tcp_syn_received(struct ctx *c, struct tcp_conn *conn,
			     const struct pkt *pkt, const struct tcp_seg *seg)
{
	if (seg->flags & SEG_RST) {
		if (seg->seq == conn->rcv_nxt)
			tcp_abort_host(c, conn);
		return false;
	}
	if (seg->flags & SEG_SYN && seg->seq != conn->rcv_nxt - 1) {
		/* It gave up the first attempt without telling */
		tcp_abort_host(c, conn);
		tcp_open(c, pkt, seg, tcp_guest(conn));
		return false;
	}
	/* Not yet connected: the guest repeats its SYN meanwhile */
	if (!(conn->flags & CONN_SYN_SENT))
		return false;
	if (seg->flags & SEG_SYN) {
		tcp_send_syn(c, conn);
		return false;
	}
	if (!(seg->flags & SEG_ACK))
		return false;
	if (!tcp_is_acceptable(conn, seg)) {
		tcp_challenge(c, conn, seg);
		return false;
	}
	if (seg->ack != conn->iss + 1) {
		tcp_refuse(c, pkt, seg);
		return false;
	}

	conn->flags |= CONN_ESTABLISHED;
	flow_set_half_open(c, &conn->f, false);
	conn->snd_una = seg->ack;
	conn->snd_wl2 = seg->ack;
	conn->retries = 0;
	conn->retry_ms = 0;
	conn->snd_wnd = (uint32_t)seg->wnd << conn->snd_wscale;
	return true;
}

/**
 * tcp_syn_sent() - A segment on a connection that we have begun
 * @c:		Execution context
 * @conn:	Connection
 * @pkt:	Packet
 * @seg:	Segment
 *
 * Source: RFC 9293, 3.10.7.3; a simultaneous SYN isn't expected
 */
static void tcp_syn_sent(struct ctx *c, struct tcp_conn *conn,
			 const struct pkt *pkt, const struct tcp_seg *seg)
{
	uint32_t wnd = conn->rcv_adv - conn->rcv_nxt;

	if (!(seg->flags & SEG_ACK))
		return;
	if (seg->ack != conn->iss + 1) {
		tcp_refuse(c, pkt, seg);
		return;
	}
	if (seg->flags & SEG_RST) {
		stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
		tcp_abort_host(c, conn);
		return;
	}
	if (!(seg->flags & SEG_SYN))
		return;

	tcp_take_syn(c, conn, seg);
	conn->rcv_nxt = seg->seq + 1;
	conn->rcv_adv = conn->rcv_nxt + wnd;
	conn->snd_una = seg->ack;
	conn->retries = 0;
	conn->retry_ms = 0;
	conn->flags |= CONN_ESTABLISHED | CONN_ACK_NOW;
	flow_set_half_open(c, &conn->f, false);
	tcp_batch_mark(c, conn);
}

/**
 * tcp_syn_again() - A SYN on a connection that exists
 * @c:		Execution context
 * @conn:	Connection
 * @pkt:	Packet
 * @seg:	SYN
 * @guest:	Addresses of the guest's side
 *
 * A guest that had finished may use its port for a new connection. The old
 * one goes on to deliver what was kept for it, unknown to the guest.
 *
 * Source: RFC 5961, 4.2; RFC 9293, 3.6.1 for the sequence number
 */
static void tcp_syn_again(struct ctx *c, struct tcp_conn *conn,
			  const struct pkt *pkt, const struct tcp_seg *seg,
			  const struct flow_side *guest)
{
	bool done = conn->flags & CONN_FIN_ACKED;

	if (!(conn->flags & CONN_GUEST_FIN) || seg->flags & SEG_ACK ||
	    !(done || seq_lt(conn->rcv_nxt, seg->seq))) {
		tcp_challenge(c, conn, seg);
		return;
	}

	flow_unhash(c->flows, &conn->f);
	/* Nothing of it is outstanding to the guest any more */
	conn->flags |= CONN_FIN_ACKED | CONN_HOST_FIN | CONN_FIN_SENT;
	conn->snd_una = conn->snd_nxt = conn->snd_max;
	conn->flags &= ~(uint32_t)(CONN_ACK_NOW | CONN_ACK_SOON);
	tcp_close_if_done(c, conn);
	tcp_open(c, pkt, seg, guest);
}

/**
 * tcp_segment() - Handle a segment of a connection
 * @c:		Execution context
 * @conn:	Connection, established
 * @seg:	Segment, neither RST nor SYN
 */
static void tcp_segment(struct ctx *c, struct tcp_conn *conn,
			struct tcp_seg *seg)
{
	if (!(seg->flags & SEG_ACK))
		return;

	if (!tcp_take_ack(c, conn, seg) || conn->f.closing)
		return;
	tcp_batch_mark(c, conn);

	/* Out of order: told at once, the guest counts duplicates */
	if (seq_lt(conn->rcv_nxt, seg->seq)) {
		tcp_ahead_keep(c, conn, seg->seq, seg->data);
		if (seg->data.len || seg->flags & SEG_FIN)
			tcp_send_ack(c, conn);
		return;
	}

	tcp_take_data(c, conn, seg);
	if (!conn->f.closing)
		tcp_ahead_take(c, conn);
	if (seg->flags & SEG_FIN && !conn->f.closing &&
	    conn->rcv_nxt == seg->seq + seg->data.len)
		tcp_take_fin(c, conn);
}

/**
 * tcp_continues_batch() - Does a segment only add to the data of a batch?
 * @b:		Batch
 * @conn:	Connection
 * @seg:	Segment
 *
 * Return: true if nothing but a later acknowledgement can come of it
 */
static bool tcp_continues_batch(struct tcp_batch *b,
				const struct tcp_conn *conn,
				const struct tcp_seg *seg)
{
	return seg->data.len && seg->seq == conn->rcv_nxt &&
	       tcp_batch_has(b, conn) &&
	       seg->data.len <= conn->rcv_adv - conn->rcv_nxt &&
	       (seg->flags & (uint8_t)~SEG_PSH) == SEG_ACK &&
	       seq_le(seg->ack, conn->snd_max);
}

/**
 * tcp_from_guest() - Handle a TCP packet from the guest
 * @c:		Execution context
 * @pkt:	Packet
 */
void tcp_from_guest(struct ctx *c, struct pkt *pkt)
{
	struct flow_side key;
	struct tcp_conn *conn;
	struct tcp_seg seg;
	struct flow *flow;

	if (!tcp_parse(pkt, &seg, &key)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		return;
	}
	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return;
	}

	flow = flow_lookup(c->flows, IPPROTO_TCP, &key, NULL);
	if (!flow) {
		if (seg.flags & SEG_SYN && !(seg.flags & (SEG_ACK | SEG_RST)))
			tcp_open(c, pkt, &seg, &key);
		else
			tcp_refuse(c, pkt, &seg);
		return;
	}

	conn = container_of(flow, struct tcp_conn, f);
	if (!tcp_continues_batch(&c->tcp->batch, conn, &seg))
		tcp_batch_flush(c, conn);
	if (flow->closing)
		return;
	/* New flows may use up a table within less than a second: its age is
	 * exact to what the clock tells apart
	 */
	if (c->now_ms != conn->active_ms)
		flow_touch(c->flows, flow);
	conn->active_ms = c->now_ms;
	conn->flags &= ~(uint32_t)CONN_WND_TOLD;

	if (!(conn->flags & CONN_ESTABLISHED) && conn->flags & CONN_INBOUND) {
		tcp_syn_sent(c, conn, pkt, &seg);
		return;
	}
	if (!(conn->flags & CONN_ESTABLISHED) &&
	    !tcp_syn_received(c, conn, pkt, &seg))
		return;

	if (seg.flags & SEG_RST) {
		if (seg.seq == conn->rcv_nxt)
			tcp_abort_host(c, conn);
		else if (tcp_is_acceptable(conn, &seg))
			tcp_challenge(c, conn, &seg);
	} else if (seg.flags & SEG_SYN) {
		tcp_syn_again(c, conn, pkt, &seg, &key);
	} else if (!tcp_is_acceptable(conn, &seg)) {
		tcp_challenge(c, conn, &seg);
	} else {
		tcp_segment(c, conn, &seg);
	}
}
