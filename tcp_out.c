// SPDX-License-Identifier: BSD-3-Clause
/* tcp_out.c - TCP segments to the guest: data from the socket, and ACKs
 *
 * Data comes from the socket's receive queue, where it stays until the guest
 * has acknowledged it: see tcp_peek.c.
 *
 * Three sequence numbers matter: sock_seq is that of the first byte in the
 * socket's queue, snd_una the first not acknowledged, snd_nxt the next to send.
 * sock_seq <= snd_una <= snd_nxt at any time.
 *
 * Frames are as long as the back-end takes: 64 KiB with a header that says how
 * to cut them, or several of the MTU's size filled by one recvmsg().
 */

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include "ip.h"
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
const char tcp_out_syscalls[] = "getsockopt recvmsg";

#define TCP_OUT_FRAMES		16	/* Filled by one recvmsg() at most */
#define TCP_OUT_IOV		(TCP_OUT_FRAMES * 8)
#define TCP_WINDOW_STEP		(16U * 1024)	/* Room worth telling at most */
#define TCP_WINDOW_WIDE		(32U * 1024)	/* Left to a guest that sends */
#define TCP_HOLD_COST_MAX	63	/* Acknowledgements not held back */
/* What is looked at of SO_MEMINFO: old kernels and emulated ones have less */
#define TCP_MEMINFO_LEN	((SK_MEMINFO_WMEM_QUEUED + 1) * sizeof(uint32_t))
/* Bytes a connection may send before others have their turn */
#define TCP_OUT_BUDGET		(512U * 1024)
/* What looks at the queue stop at, and no event tells of what is behind it */
#define CONN_HOST_STOPS		(CONN_HOST_URG | CONN_HOST_EOF | CONN_HOST_ERR)

/**
 * struct tcp_hdr_out - header of a segment to the guest, with room for options
 * @th:		Header
 * @opts:	Options
 */
struct tcp_hdr_out {
	struct tcphdr th;
	uint8_t opts[8];
};

/**
 * tcp_flags_put() - Set the flags of a TCP header
 * @th:		Header
 * @flags:	SEG_*
 *
 * Source: RFC 9293, 3.1
 */
static void tcp_flags_put(struct tcphdr *th, uint8_t flags)
{
	th->fin = !!(flags & SEG_FIN);
	th->syn = !!(flags & SEG_SYN);
	th->rst = !!(flags & SEG_RST);
	th->psh = !!(flags & SEG_PSH);
	th->ack = !!(flags & SEG_ACK);
}

/**
 * tcp_room() - How far the window could reach: what socket and pool can take
 * @c:		Execution context
 * @conn:	Connection
 * @step:	Set to how much more room is worth telling the guest
 *
 * Return: bytes, by the kernel's own account of its buffer; what the pool can
 *	   take if the kernel doesn't tell
 *
 * Source: kernel, net/core/sock.c sk_get_meminfo(); RFC 9293, 3.8.6.2.2 for
 * @step: not more than what the kernel calls writable, so that an event tells
 */
static uint32_t tcp_room(const struct ctx *c, const struct tcp_conn *conn,
			 uint32_t *step)
{
	uint32_t slack = tcp_pool_slack(&c->tcp->pool, conn->mss);
	uint32_t mem[SK_MEMINFO_VARS] = { 0 }, room = slack;
	socklen_t len = sizeof(mem);

	*step = MIN(conn->mss, TCP_WINDOW_STEP);
	if (conn->flags & CONN_SHUT_WR || conn->fd < 0)
		room = UINT16_MAX;
	else if (conn->kept.len)
		room = slack > conn->kept.len ? slack - conn->kept.len : 0;
	else if (!getsockopt(conn->fd, SOL_SOCKET, SO_MEMINFO, mem, &len) &&
		 len >= TCP_MEMINFO_LEN) {
		*step = MIN(*step, mem[SK_MEMINFO_SNDBUF] / 4);
		if (mem[SK_MEMINFO_WMEM_QUEUED] < mem[SK_MEMINFO_SNDBUF])
			room += mem[SK_MEMINFO_SNDBUF] -
				mem[SK_MEMINFO_WMEM_QUEUED];
	}
	return MIN(room, (uint32_t)UINT16_MAX << conn->rcv_wscale);
}

/**
 * tcp_window_is_wide() - Can the window stay without asking the socket?
 * @c:		Execution context
 * @conn:	Connection
 *
 * Where the guest sends little, each question would be answered in the same
 * way: an answer costs as much as a segment is worth. Less than a segment isn't
 * wide, however: the guest would wait for more.
 *
 * Return: true if there is plenty left, and little of it was used since the
 *	   socket was asked
 */
bool tcp_window_is_wide(const struct ctx *c, const struct tcp_conn *conn)
{
	uint32_t mss = tcp_link_mss(c, addr_version(&tcp_guest(conn)->far));

	return !conn->kept.len &&
	       conn->rcv_adv - conn->rcv_nxt >= MAX(TCP_WINDOW_WIDE, mss) &&
	       conn->rcv_nxt - conn->rcv_asked < TCP_WINDOW_STEP;
}

/**
 * tcp_window() - Window to tell the guest, and note its right edge
 * @c:		Execution context
 * @conn:	Connection
 *
 * Return: the window field, host byte order
 *
 * The right edge never moves back, and not for little: RFC 9293, 3.8.6.
 */
static uint16_t tcp_window(struct ctx *c, struct tcp_conn *conn)
{
	uint32_t mss = tcp_link_mss(c, addr_version(&tcp_guest(conn)->far));
	uint32_t left = conn->rcv_adv - conn->rcv_nxt, step, wnd;

	if (tcp_window_is_wide(c, conn))
		return (uint16_t)(left >> conn->rcv_wscale);

	conn->rcv_asked = conn->rcv_nxt;
	wnd = tcp_room(c, conn, &step);
	if (wnd < left + step)
		wnd = left;
	/* Rounded down by the shift, so compute the edge from what is sent */
	wnd >>= conn->rcv_wscale;
	if (seq_lt(conn->rcv_adv, conn->rcv_nxt + (wnd << conn->rcv_wscale))) {
		conn->rcv_adv = conn->rcv_nxt + (wnd << conn->rcv_wscale);
		if (left < mss && conn->flags & CONN_ESTABLISHED)
			conn->flags |= CONN_WND_TOLD;
	}
	return (uint16_t)wnd;
}

/**
 * tcp_await_room() - Have an event tell when the socket takes more, if the
 *		      guest has little window
 * @c:		Execution context
 * @conn:	Connection, after a segment with ACK was sent
 *
 * With little window and nothing kept, no short write has told the kernel that
 * we wait for room: registering anew does. Not before a segment was sent: if
 * there is no room to the guest either, each attempt would make for the event
 * that causes the next one.
 */
static void tcp_await_room(struct ctx *c, struct tcp_conn *conn)
{
	uint32_t mss = tcp_link_mss(c, addr_version(&tcp_guest(conn)->far));
	uint32_t wnd = (conn->rcv_adv - conn->rcv_nxt) >> conn->rcv_wscale;

	if (wnd << conn->rcv_wscale < mss && !conn->kept.len &&
	    !(conn->flags & CONN_SHUT_WR) && conn->fd >= 0)
		tcp_watch(c, conn, EPOLL_CTL_MOD);
}

/**
 * tcp_header() - Make the header of a segment of a connection
 * @c:		Execution context
 * @conn:	Connection
 * @seq:	Sequence number
 * @flags:	Flags
 *
 * Return: the header; a segment with ACK acknowledges all there is
 */
static struct tcp_hdr_out tcp_header(struct ctx *c, struct tcp_conn *conn,
				     uint32_t seq, uint8_t flags)
{
	struct tcp_hdr_out h = { .th = {
		.source = htons(tcp_guest(conn)->near_port),
		.dest = htons(tcp_guest(conn)->far_port),
		.seq = htonl(seq),
		.doff = sizeof(h.th) / 4,
	} };

	tcp_flags_put(&h.th, flags);
	if (flags & (SEG_ACK | SEG_SYN))
		h.th.window = htons(tcp_window(c, conn));
	if (flags & SEG_ACK) {
		h.th.ack_seq = htonl(conn->rcv_nxt);
		conn->flags &= ~(uint32_t)(CONN_ACK_NOW | CONN_ACK_SOON);
	}
	return h;
}

/**
 * tcp_ip_out() - What the IP header of a connection's segments is made from
 * @conn:	Connection
 * @h:		TCP header
 *
 * Return: description for ip_send() and ip_fill_headers()
 */
static struct ip_out tcp_ip_out(const struct tcp_conn *conn,
				const struct tcp_hdr_out *h)
{
	return (struct ip_out){
		.src = &tcp_guest(conn)->near,
		.dst = &tcp_guest(conn)->far,
		.proto = IPPROTO_TCP,
		.l4 = h,
		.l4_len = h->th.doff * 4U,
		.gso_size = conn->mss,
	};
}

/**
 * tcp_link_mss() - Longest payload of a segment that the link carries uncut
 * @c:		Execution context
 * @v:		IP version
 *
 * Return: bytes
 */
uint16_t tcp_link_mss(const struct ctx *c, enum ipver v)
{
	size_t hlen = ip_headroom(v, sizeof(struct tcphdr)) - ETH_HLEN;

	return (uint16_t)MIN(c->tap.mtu - hlen, UINT16_MAX);
}

/**
 * tcp_put_options() - Add the options of a SYN
 * @c:		Execution context
 * @conn:	Connection
 * @h:		Header
 *
 * Source: RFC 9293, 3.2 (MSS); RFC 7323, 2.2 (window scale)
 */
static void tcp_put_options(const struct ctx *c, const struct tcp_conn *conn,
			    struct tcp_hdr_out *h)
{
	enum ipver v = addr_version(&tcp_guest(conn)->far);
	uint16_t mss = tcp_link_mss(c, v);
	uint8_t *o = h->opts;

	o[0] = TCP_OPT_MSS;
	o[1] = TCP_OPT_MSS_LEN;
	o[2] = (uint8_t)(mss >> 8);
	o[3] = (uint8_t)mss;
	h->th.doff++;
	if (conn->flags & CONN_WSCALE) {
		o[4] = TCP_OPT_NOP;
		o[5] = TCP_OPT_WSCALE;
		o[6] = TCP_OPT_WSCALE_LEN;
		o[7] = conn->rcv_wscale;
		h->th.doff++;
	}
}

/**
 * tcp_send_control() - Send a segment without data
 * @c:		Execution context
 * @conn:	Connection
 * @flags:	Flags; SYN and FIN take their sequence number
 *
 * Return: 0, or -errno: without room to the guest the flow waits for it
 */
int tcp_send_control(struct ctx *c, struct tcp_conn *conn, uint8_t flags)
{
	struct tcp_hdr_out h;
	struct ip_out out;
	uint32_t seq = conn->snd_nxt;
	uint8_t wscale = conn->rcv_wscale;
	int rc;

	if (flags & SEG_SYN) {
		seq = conn->iss;
		conn->rcv_wscale = 0;	/* RFC 7323, 2.2: not in a SYN */
	}
	h = tcp_header(c, conn, seq, flags);
	conn->rcv_wscale = wscale;
	if (flags & SEG_SYN)
		tcp_put_options(c, conn, &h);

	out = tcp_ip_out(conn, &h);
	rc = ip_send(&c->tap, &out, NULL, 0);
	if (rc == -EAGAIN) {
		conn->flags |= CONN_ACK_NOW;
		flow_wait_room(c, &conn->f);
	}
	if (!rc && flags & SEG_ACK)
		tcp_await_room(c, conn);
	return rc;
}

/**
 * tcp_send_syn() - Open a connection to the guest, or accept one from it
 * @c:		Execution context
 * @conn:	Connection
 *
 * Return: as tcp_send_control()
 */
int tcp_send_syn(struct ctx *c, struct tcp_conn *conn)
{
	return tcp_send_control(c, conn, conn->flags & CONN_INBOUND ?
					 SEG_SYN : SEG_SYN | SEG_ACK);
}

/**
 * tcp_send_ack() - Acknowledge what came from the guest, tell it our window
 * @c:		Execution context
 * @conn:	Connection
 */
void tcp_send_ack(struct ctx *c, struct tcp_conn *conn)
{
	tcp_send_control(c, conn, SEG_ACK);
}

/**
 * tcp_send_held_ack() - Acknowledge now what was to wait for data
 * @c:		Execution context
 * @conn:	Connection
 *
 * Where the host doesn't answer in a moment, as it is far, it isn't waited for:
 * after each such case twice as many acknowledgements aren't held back.
 */
void tcp_send_held_ack(struct ctx *c, struct tcp_conn *conn)
{
	conn->hold_cost = (uint8_t)MIN(conn->hold_cost * 2 + 1,
				       TCP_HOLD_COST_MAX);
	conn->hold_skip = conn->hold_cost;
	tcp_send_ack(c, conn);
}

/**
 * tcp_send_probe() - Have the guest say where it is: keep-alive, window probe
 * @c:		Execution context
 * @conn:	Connection
 *
 * Source: RFC 9293, 3.8.4 and 3.8.6.1: a sequence number already acknowledged
 */
void tcp_send_probe(struct ctx *c, struct tcp_conn *conn)
{
	struct tcp_hdr_out h = tcp_header(c, conn, conn->snd_una - 1, SEG_ACK);
	struct ip_out out = tcp_ip_out(conn, &h);

	if (!ip_send(&c->tap, &out, NULL, 0))
		tcp_await_room(c, conn);
}

/**
 * tcp_send_rst_to() - Answer a segment of no connection, or of a dead one
 * @c:		Execution context
 * @pkt:	Segment from the guest
 * @seq:	Sequence number
 * @ack:	Acknowledgement number, used if @flags have ACK
 * @flags:	SEG_RST, with or without ACK
 */
void tcp_send_rst_to(struct ctx *c, const struct pkt *pkt, uint32_t seq,
		     uint32_t ack, uint8_t flags)
{
	struct tcphdr th, reply = { 0 };
	struct ip_out out = {
		.src = &pkt->dst, .dst = &pkt->src, .proto = IPPROTO_TCP,
		.l4 = &reply, .l4_len = sizeof(reply),
	};

	if (!view_peek(&pkt->l4, &th, sizeof(th)))
		return;
	reply.source = th.dest;
	reply.dest = th.source;
	reply.seq = htonl(seq);
	reply.ack_seq = htonl(ack);
	reply.doff = sizeof(reply) / 4;
	tcp_flags_put(&reply, flags);
	ip_send(&c->tap, &out, NULL, 0);
}

/**
 * struct tcp_burst - frames filled by one look at the socket
 * @frames:	Reserved frames
 * @room:	Payload bytes each of them takes
 * @count:	How many
 * @iov:	Where their payload goes, after what is to be passed over
 * @iov_cnt:	Elements used in @iov
 * @skip:	Bytes to be passed over
 * @len:	Bytes of payload asked for, then got
 * @fin:	The stream ends with them
 */
struct tcp_burst {
	struct frame frames[TCP_OUT_FRAMES];
	size_t room;
	unsigned count;
	struct iovec iov[TCP_TRASH_IOV + TCP_OUT_IOV];
	size_t iov_cnt;
	size_t skip;
	size_t len;
	bool fin;
};

/**
 * tcp_burst_reserve() - Reserve frames for up to a number of bytes
 * @c:		Execution context
 * @conn:	Connection
 * @b:		Burst to fill, @b->iov_cnt and @b->skip set
 * @want:	Bytes the guest's window takes
 *
 * Return: 0, -EAGAIN if there is no room to the guest, other -errno
 */
static int tcp_burst_reserve(struct ctx *c, const struct tcp_conn *conn,
			     struct tcp_burst *b, size_t want)
{
	enum ipver v = addr_version(&tcp_guest(conn)->far);
	size_t hlen = ip_headroom(v, sizeof(struct tcphdr));
	size_t max = tap_tcp_len_max(&c->tap, v) + ETH_HLEN - hlen;
	int rc = 0;

	/* Whole segments only: a short one in between is waste. One a frame
	 * if the link doesn't cut longer ones.
	 */
	b->room = max > tcp_link_mss(c, v) ? ROUND_DOWN(max, conn->mss) :
					     conn->mss;
	b->count = 0;
	b->len = 0;

	while (b->len < want && b->count < TCP_OUT_FRAMES &&
	       b->iov_cnt + FRAME_IOV_MAX <= ARRAY_SIZE(b->iov)) {
		struct frame *f = &b->frames[b->count];
		size_t len = MIN(b->room, want - b->len), n;

		rc = tap_reserve(&c->tap, hlen + len, f);
		if (rc)
			break;
		n = ip_payload_iov(f, hlen, &b->iov[b->iov_cnt],
				   FRAME_IOV_MAX);
		b->iov_cnt += n;
		b->count++;
		b->len += len;
		/* A long frame is filled by one peek as it is */
		if (b->room > conn->mss)
			break;
	}
	return b->count ? 0 : rc;
}

/**
 * tcp_note_fin() - The FIN was sent to the guest, maybe once more
 * @conn:	Connection, all before the FIN sent
 */
static void tcp_note_fin(struct tcp_conn *conn)
{
	conn->flags |= CONN_HOST_FIN | CONN_FIN_SENT;
	conn->snd_nxt++;
	if (seq_lt(conn->snd_max, conn->snd_nxt))
		conn->snd_max = conn->snd_nxt;
}

/**
 * tcp_burst_commit() - Send what was read, give back the frames left over
 * @c:		Execution context
 * @conn:	Connection
 * @b:		Burst, @b->len set to the bytes read
 */
static void tcp_burst_commit(struct ctx *c, struct tcp_conn *conn,
			     struct tcp_burst *b)
{
	enum ipver v = addr_version(&tcp_guest(conn)->far);
	size_t hlen = ip_headroom(v, sizeof(struct tcphdr));
	size_t left = b->len, len;
	struct tcp_hdr_out h;
	struct ip_out out;
	unsigned i;

	if (left) {
		if (conn->flags & CONN_ACK_SOON)
			conn->hold_cost = 0;
		h = tcp_header(c, conn, 0, SEG_ACK);
	}

	for (i = 0; i < b->count; i++) {
		if (!left) {
			tap_cancel(&c->tap, &b->frames[i]);
			continue;
		}
		len = MIN(left, b->room);
		left -= len;
		h.th.seq = htonl(conn->snd_nxt);
		h.th.psh = !left;
		h.th.fin = !left && b->fin;
		out = tcp_ip_out(conn, &h);
		ip_fill_headers(&c->tap, &b->frames[i], &out, len);
		/* A frame that is lost is found by retransmission */
		tap_commit(&c->tap, &b->frames[i], hlen + len);
		if (seq_lt(conn->snd_nxt, conn->snd_max))
			stats_add(&c->stats, STAT_TCP_RETRANS, 1);
		conn->snd_nxt += (uint32_t)len;
	}
	if (b->fin)
		tcp_note_fin(conn);
	if (seq_lt(conn->snd_max, conn->snd_nxt))
		conn->snd_max = conn->snd_nxt;
	if (b->len)
		tcp_await_room(c, conn);
}

/**
 * tcp_send_fin() - Tell the guest that the host sends no more
 * @c:		Execution context
 * @conn:	Connection, everything before the FIN is sent
 */
static void tcp_send_fin(struct ctx *c, struct tcp_conn *conn)
{
	if (tcp_send_control(c, conn, SEG_FIN | SEG_ACK) != -EAGAIN)
		tcp_note_fin(conn);
}

/**
 * tcp_send_burst() - Peek once at the socket and send what is there
 * @c:		Execution context
 * @conn:	Connection
 * @want:	Bytes the guest's window takes
 *
 * Return: bytes sent; 0 at the end of the stream; -EAGAIN if there is nothing
 *	   to read, -ENOBUFS if there is no room to the guest, other -errno if
 *	   the connection failed
 */
static ssize_t tcp_send_burst(struct ctx *c, struct tcp_conn *conn, size_t want)
{
	static struct tcp_burst b;
	uint32_t off = conn->snd_nxt - conn->sock_seq;
	uint32_t max = tcp_look_max(c, conn);
	struct msghdr msg = { .msg_iov = b.iov };
	ssize_t n;
	int rc;

	if (off >= max)
		return -EAGAIN;
	want = MIN(want, max - off);
	rc = tcp_peek_at(c, conn, b.iov);
	if (rc < 0)
		return -EAGAIN;
	b.iov_cnt = (size_t)rc;
	b.skip = rc ? off : 0;

	rc = tcp_burst_reserve(c, conn, &b, want);
	if (rc)
		return rc == -EAGAIN ? -ENOBUFS : rc;
	msg.msg_iovlen = b.iov_cnt;

	do
		n = recvmsg(conn->fd, &msg, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	rc = n < 0 ? -errno : 0;

	if (n > 0 && conn->flags & CONN_PEEK_OFF)
		conn->peek_off += (uint32_t)n;
	want = b.len;
	b.len = n > 0 && (size_t)n > b.skip ? (size_t)n - b.skip : 0;
	b.fin = b.len && b.len < want && tcp_is_all(conn);
	/* Less than asked for is all there is for now, unless the look has
	 * stopped at something: then the next one may find more, or an end
	 */
	if (b.len < want && !(b.len && !b.fin && conn->flags & CONN_HOST_STOPS))
		conn->flags &= ~(uint32_t)CONN_READABLE;
	tcp_burst_commit(c, conn, &b);
	if (rc)
		return rc;

	/* Without a peek offset, what was passed over is all there is: the
	 * end is only seen once that is gone from the queue
	 */
	if (!b.len && n)
		return -EAGAIN;
	return (ssize_t)b.len;
}

/**
 * tcp_usable_window() - How much we may send to the guest now
 * @conn:	Connection
 * @flight:	Bytes sent and not acknowledged
 *
 * Return: bytes, 0 also for little more while much is in flight
 *
 * Source: RFC 9293, 3.8.6.2.1
 */
static uint32_t tcp_usable_window(const struct tcp_conn *conn, uint32_t flight)
{
	uint32_t usable;

	if (flight >= conn->snd_wnd)
		return 0;
	usable = conn->snd_wnd - flight;
	if (flight && usable < conn->mss && usable < conn->snd_wnd / 2)
		return 0;
	return usable;
}

/**
 * tcp_at_end() - Is the FIN next to be sent to the guest?
 * @conn:	Connection
 *
 * Return: true if all before it was sent; once it was sent itself, only while
 *	   retransmitting
 */
static bool tcp_at_end(const struct tcp_conn *conn)
{
	if (!(conn->flags & CONN_HOST_FIN))
		return false;
	if (!(conn->flags & CONN_FIN_SENT))
		return true;
	return conn->snd_nxt == conn->snd_max - 1;
}

/**
 * tcp_has_data() - May there be data to be sent, now or again?
 * @conn:	Connection
 *
 * Return: true if it is worth to look at the socket
 */
static bool tcp_has_data(const struct tcp_conn *conn)
{
	if (!(conn->flags & CONN_HOST_FIN))
		return conn->flags & CONN_READABLE;
	return conn->flags & CONN_FIN_SENT &&
	       seq_lt(conn->snd_nxt, conn->snd_max - 1);
}

/**
 * tcp_send_data() - Send what the socket has, as far as the guest takes it
 * @c:		Execution context
 * @conn:	Connection, established
 */
void tcp_send_data(struct ctx *c, struct tcp_conn *conn)
{
	size_t sent = 0;
	ssize_t n;

	while (tcp_has_data(conn)) {
		uint32_t flight = conn->snd_nxt - conn->snd_una, want;

		want = tcp_usable_window(conn, flight);
		if (!want)
			break;
		if (sent >= TCP_OUT_BUDGET) {
			flow_wait_turn(c, &conn->f);
			break;
		}

		n = tcp_send_burst(c, conn, want);
		if (n == -ENOBUFS) {
			conn->flags |= CONN_READABLE;
			flow_wait_room(c, &conn->f);
			break;
		}
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			tcp_reset(c, conn);
			return;
		}
		if (!n && conn->flags & CONN_HOST_FIN) {
			/* Sent before, and not in the queue any more: never */
			warn_limited("TCP: lost track of the socket's queue");
			tcp_reset(c, conn);
			return;
		}
		if (!n)
			conn->flags |= CONN_HOST_FIN;
		sent += (size_t)n;
	}

	if (tcp_at_end(conn))
		tcp_send_fin(c, conn);
	/* Reset behind its end: only now has the guest got all before that */
	if (conn->flags & CONN_FIN_ACKED && conn->flags & CONN_HOST_ERR) {
		tcp_reset(c, conn);
		return;
	}
	tcp_timer_update(c, conn);
}

/**
 * tcp_retransmit() - Send again from what the guest acknowledged last
 * @c:		Execution context
 * @conn:	Connection
 *
 * Goes back to snd_una and sends all that the window takes: loss on the link
 * to the guest means that it had no memory, so it is rare, and bandwidth
 * towards the guest costs little.
 *
 * Source: RFC 6298, 5.4; RFC 6582, 3.2 for @recover
 */
void tcp_retransmit(struct ctx *c, struct tcp_conn *conn)
{
	conn->recover = conn->snd_max;
	conn->flags |= CONN_RECOVERY | CONN_READABLE;
	conn->snd_nxt = conn->snd_una;
	conn->dup_acks = 0;

	if (tcp_discard_acked(c, conn))
		tcp_send_data(c, conn);
}

/**
 * tcp_update_window() - Tell the guest if the socket takes much more now
 * @c:		Execution context
 * @conn:	Connection
 *
 * Source: RFC 9293, 3.8.6.2.2: not for a few bytes
 */
void tcp_update_window(struct ctx *c, struct tcp_conn *conn)
{
	uint32_t before = conn->rcv_adv - conn->rcv_nxt, step, room;

	if (conn->kept.len || conn->flags & CONN_GUEST_FIN ||
	    tcp_window_is_wide(c, conn))
		return;

	room = tcp_room(c, conn, &step);
	if (room >= before + step)
		tcp_send_ack(c, conn);
}
