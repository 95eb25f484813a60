// SPDX-License-Identifier: BSD-3-Clause
/* guest_tcp.c - a small TCP of the guest, which a test drives by hand
 *
 * It keeps sequence numbers, counts what comes twice or too early, and fails a
 * test at once if the stack does what no TCP may: acknowledge what was never
 * sent, take an acknowledgment back, send beyond the window, send other bytes
 * on a retransmission, send segments longer than the MSS or ones without any
 * of ACK, SYN and RST. It never acknowledges, retransmits or answers by
 * itself, but for guest_tcp_read(), guest_tcp_upload() and
 * guest_tcp_download(), which stand for a plain peer.
 *
 * Data in both directions is the pattern of stack.c from its start, so that
 * each byte can be checked by its sequence number alone. Streams are shorter
 * than 4 GiB.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "guest_tcp.h"

#define TCP_HLEN		20
#define OPT_END			0
#define OPT_NOP			1
#define OPT_MSS			2
#define OPT_WSCALE		3

#define MSS_DEFAULT		1448
#define MSS_NONE_V4		536U	/* RFC 9293, 3.7.1 */
#define MSS_NONE_V6		1220U
#define WSCALE_DEFAULT		7
#define ISS_DEFAULT		0x12345678U

/* Turns without progress after which a transfer has stalled */
#define STALL_TURNS		500
#define STALL_WAIT_MS		5

/**
 * seq_diff() - Distance of two sequence numbers
 * @a:		Sequence number
 * @b:		The other
 *
 * Return: @a - @b, negative if @a is before @b
 */
int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/**
 * guest_tcp_new() - A connection of the guest that isn't begun yet
 * @s:		Stack, which frees it at tear-down
 * @dst_port:	Port on the host's loopback
 *
 * Return: connection with an own port
 */
struct guest_tcp *guest_tcp_new(struct stack *s, uint16_t dst_port)
{
	struct guest_tcp *g = calloc(1, sizeof(*g));

	assert_true(s->conn_count < STACK_CONNS);
	s->conns[s->conn_count++] = g;
	g->s = s;
	g->port = ++s->port;
	g->dst_port = dst_port;
	g->dst = s->host;
	g->wnd = UINT16_MAX;
	g->wscale = WSCALE_DEFAULT;
	g->mss = MSS_DEFAULT;
	guest_tcp_restart(g, ISS_DEFAULT);
	return g;
}

/**
 * guest_tcp_restart() - Make it a new connection of the same ports
 * @g:		Connection
 * @iss:	Initial sequence number
 */
void guest_tcp_restart(struct guest_tcp *g, uint32_t iss)
{
	g->iss = g->snd_una = g->snd_nxt = iss;
	g->irs = g->rcv_nxt = g->edge = 0;
	g->peer_wnd = 0;
	g->peer_wscale = g->peer_mss = -1;
	g->synced = g->fin = g->reset = false;
	g->segs = g->retrans = g->gaps = g->probes = 0;
	g->count = 0;
}

/**
 * syn_options() - Options of the guest's SYN
 * @g:		Connection
 * @seg:	Segment to add them to
 */
static void syn_options(const struct guest_tcp *g, struct seg *seg)
{
	uint8_t *p = seg->opt + seg->opt_len;

	if (g->mss >= 0) {
		p[0] = OPT_MSS;
		p[1] = 4;
		put16(p + 2, (uint16_t)g->mss);
		p += 4;
	}
	if (g->wscale >= 0) {
		p[0] = OPT_NOP;
		p[1] = OPT_WSCALE;
		p[2] = 3;
		p[3] = (uint8_t)g->wscale;
		p += 4;
	}
	seg->opt_len = (size_t)(p - seg->opt);
}

/**
 * seg_init() - A segment as the connection would send it next, without data
 * @g:		Connection
 * @seg:	Segment to set
 * @flags:	Its flags; F_SYN brings the options
 */
void seg_init(const struct guest_tcp *g, struct seg *seg, uint8_t flags)
{
	memset(seg, 0, sizeof(*seg));
	seg->src_port = g->port;
	seg->dst_port = g->dst_port;
	seg->seq = g->snd_nxt;
	seg->ack = flags & F_ACK ? g->rcv_nxt : 0;
	seg->flags = flags;
	seg->wnd = g->wnd;
	seg->mss = seg->wscale = -1;
	if (flags & F_SYN)
		syn_options(g, seg);
}

/**
 * seg_build() - Write a segment
 * @seg:	Segment, its data not NULL unless @len is 0
 * @buf:	Where to
 *
 * Return: its length
 */
size_t seg_build(const struct seg *seg, uint8_t *buf)
{
	size_t hlen = TCP_HLEN + seg->opt_len;

	put16(buf, seg->src_port);
	put16(buf + 2, seg->dst_port);
	put32(buf + 4, seg->seq);
	put32(buf + 8, seg->ack);
	buf[12] = (uint8_t)((seg->doff ? seg->doff : hlen / 4) << 4);
	buf[13] = seg->flags;
	put16(buf + 14, seg->wnd);
	put16(buf + 16, 0);
	put16(buf + 18, seg->urg);
	memcpy(buf + TCP_HLEN, seg->opt, seg->opt_len);
	if (seg->len)
		memcpy(buf + hlen, seg->data, seg->len);
	return hlen + seg->len;
}

/**
 * trace_segment() - Tell a segment if STACK_DEBUG is set in the environment
 * @g:		Connection
 * @seg:	Segment
 * @arrow:	Its direction
 */
static void trace_segment(const struct guest_tcp *g, const struct seg *seg,
			  const char *arrow)
{
	bool from_guest = seg->src_port == g->port;

	if (!getenv("STACK_DEBUG"))
		return;

	printf("%u %s %s%s%s%s%s%s seq %d ack %d len %zu wnd %u gso %u\n",
	       g->port, arrow,
	       seg->flags & F_SYN ? "S" : "", seg->flags & F_FIN ? "F" : "",
	       seg->flags & F_RST ? "R" : "", seg->flags & F_PSH ? "P" : "",
	       seg->flags & F_ACK ? "." : "", seg->flags & F_URG ? "U" : "",
	       seq_diff(seg->seq, from_guest ? g->iss : g->irs),
	       seq_diff(seg->ack, from_guest ? g->irs : g->iss),
	       seg->len, seg->wnd, seg->gso_size);
}

/**
 * guest_tcp_put() - Send a segment as it is
 * @g:		Connection; only what concerns the window offered changes
 * @seg:	Segment; without @data, it carries the pattern
 */
void guest_tcp_put(struct guest_tcp *g, const struct seg *seg)
{
	static uint8_t buf[FRAME_LEN_MAX], data[SEG_LEN_MAX];
	struct guest_out out = {
		.src = &g->s->guest, .dst = &g->dst, .proto = IPPROTO_TCP,
		.gso_size = seg->gso_size, .bad_csum = seg->bad_csum,
		.l4 = buf,
	};
	int shift = seg->flags & F_SYN || g->peer_wscale < 0 || g->wscale < 0 ?
		    0 : g->wscale;
	struct seg copy = *seg;
	uint32_t edge;

	assert_true(seg->len <= SEG_LEN_MAX);
	if (!copy.data) {
		pattern_fill(data, (uint32_t)(seg->seq - g->iss - 1), seg->len);
		copy.data = data;
	}
	out.len = seg_build(&copy, buf);
	trace_segment(g, seg, ">");
	guest_send(g->s, &out);

	edge = seg->ack + ((uint32_t)seg->wnd << shift);
	if (seg->flags & F_ACK && !seg->bad_csum &&
	    seq_diff(edge, g->edge) > 0)
		g->edge = edge;
}

/**
 * guest_tcp_send() - Send the next segment
 * @g:		Connection
 * @flags:	Flags
 * @len:	Bytes of data
 */
void guest_tcp_send(struct guest_tcp *g, uint8_t flags, size_t len)
{
	guest_tcp_send_at(g, flags, g->snd_nxt, len);
	g->snd_nxt += (uint32_t)len + !!(flags & F_SYN) + !!(flags & F_FIN);
}

/**
 * guest_tcp_send_at() - Send a segment from anywhere in the stream
 * @g:		Connection, which doesn't advance
 * @flags:	Flags
 * @seq:	Sequence number, the data is the pattern there
 * @len:	Bytes of data
 */
void guest_tcp_send_at(struct guest_tcp *g, uint8_t flags, uint32_t seq,
		       size_t len)
{
	struct seg seg;

	seg_init(g, &seg, flags);
	seg.seq = seq;
	seg.len = len;
	guest_tcp_put(g, &seg);
}

/**
 * guest_tcp_ack() - Acknowledge all data received in order
 * @g:		Connection
 */
void guest_tcp_ack(struct guest_tcp *g)
{
	guest_tcp_send(g, F_ACK, 0);
}

/**
 * seg_parse_options() - Take the options of a received segment
 * @seg:	Segment, its options are set
 */
static void seg_parse_options(struct seg *seg)
{
	size_t i = 0;

	seg->mss = seg->wscale = -1;
	while (i < seg->opt_len && seg->opt[i] != OPT_END) {
		size_t len;

		if (seg->opt[i] == OPT_NOP) {
			i++;
			continue;
		}
		assert_true(i + 1 < seg->opt_len);
		len = seg->opt[i + 1];
		assert_true(len >= 2 && i + len <= seg->opt_len);
		if (seg->opt[i] == OPT_MSS) {
			assert_int_equal(len, 4);
			seg->mss = get16(seg->opt + i + 2);
		} else if (seg->opt[i] == OPT_WSCALE) {
			assert_int_equal(len, 3);
			seg->wscale = seg->opt[i + 2];
		}
		i += len;
	}
}

/**
 * seg_parse() - Take a received segment apart
 * @in:		Packet
 * @seg:	Set to the segment
 */
static void seg_parse(const struct guest_in *in, struct seg *seg)
{
	const uint8_t *p = in->l4;
	size_t hlen;

	memset(seg, 0, sizeof(*seg));
	assert_true(in->l4_len >= TCP_HLEN);
	hlen = (p[12] >> 4) * 4U;
	assert_true(hlen >= TCP_HLEN && hlen <= in->l4_len);
	seg->src_port = get16(p);
	seg->dst_port = get16(p + 2);
	seg->seq = get32(p + 4);
	seg->ack = get32(p + 8);
	seg->doff = p[12] >> 4;
	seg->flags = p[13];
	seg->wnd = get16(p + 14);
	seg->urg = get16(p + 18);
	seg->opt_len = hlen - TCP_HLEN;
	memcpy(seg->opt, p + TCP_HLEN, seg->opt_len);
	seg->gso_size = in->gso_size;
	seg->data = p + hlen;
	seg->len = in->l4_len - hlen;
	seg_parse_options(seg);
}

/**
 * take_ack() - Acknowledgment and window of a received segment
 * @g:		Connection
 * @seg:	Segment with ACK
 */
static void take_ack(struct guest_tcp *g, const struct seg *seg)
{
	int shift = seg->flags & F_SYN || g->wscale < 0 || g->peer_wscale < 0 ?
		    0 : g->peer_wscale;

	/* Nothing is acknowledged that wasn't sent, nothing taken back */
	assert_true(seq_diff(seg->ack, g->snd_nxt) <= 0);
	assert_true(seq_diff(seg->ack, g->snd_una) >= 0);
	g->snd_una = seg->ack;
	g->peer_wnd = (uint32_t)seg->wnd << shift;
}

/**
 * take_data() - Data and FIN of a received segment
 * @g:		Connection
 * @seg:	Segment
 */
static void take_data(struct guest_tcp *g, const struct seg *seg)
{
	size_t len = seg->len + !!(seg->flags & F_FIN);
	size_t none = g->s->v == V4 ? MSS_NONE_V4 : MSS_NONE_V6, max = none;
	int32_t ahead = seq_diff(seg->seq, g->rcv_nxt);
	uint32_t old = (uint32_t)-ahead;

	if (!len)
		return;

	/* Nobody has to cut data into less than the least MSS */
	if (g->mss > 0)
		max = MAX((size_t)g->mss, MSS_NONE_V4);
	assert_true((seg->gso_size ? seg->gso_size : seg->len) <= max);
	if (seq_diff(seg->seq + (uint32_t)seg->len, g->edge) > 0) {
		/* Only a probe, RFC 9293, 3.8.6.1 */
		assert_int_equal(seg->len, 1);
		g->probes++;
		return;
	}
	if (ahead > 0) {
		g->gaps++;
		return;
	}

	/* @old counts a FIN, which is no data */
	pattern_check(seg->data, g->count + g->fin - old, seg->len);
	if (old >= len || (old && g->fin)) {
		g->retrans++;
		return;
	}
	if (old)
		g->retrans++;
	g->count += seg->len - old;
	g->rcv_nxt += (uint32_t)(len - old);
	if (seg->flags & F_FIN)
		g->fin = true;
}

/**
 * take_segment() - Check a received segment, follow the connection's state
 * @g:		Connection
 * @seg:	Segment
 */
static void take_segment(struct guest_tcp *g, const struct seg *seg)
{
	g->segs++;
	trace_segment(g, seg, "<");
	assert_true(seg->flags & (F_ACK | F_SYN | F_RST));
	if (seg->flags & F_RST) {
		assert_int_equal(seg->len, 0);
		g->reset = true;
		return;
	}
	if (seg->flags & F_SYN) {
		assert_int_equal(seg->len, 0);
		if (g->synced)
			assert_int_equal(seg->seq, g->irs);
		else
			g->edge = seg->seq + 1 + g->wnd;
		g->synced = true;
		g->irs = seg->seq;
		g->rcv_nxt = seg->seq + 1;
		g->peer_wscale = seg->wscale;
		g->peer_mss = seg->mss;
	}
	if (seg->flags & F_ACK)
		take_ack(g, seg);
	take_data(g, seg);
}

/**
 * take_frame() - Take one frame, for whatever connection it is
 * @s:		Stack
 * @seg:	Set to the segment
 *
 * Return: connection it belongs to, NULL if there is no frame
 */
static struct guest_tcp *take_frame(struct stack *s, struct seg *seg)
{
	struct guest_in in;
	unsigned i;

	if (!guest_recv(s, &in))
		return NULL;

	assert_int_equal(in.proto, IPPROTO_TCP);
	assert_int_equal(in.v, s->v);
	seg_parse(&in, seg);
	for (i = 0; i < s->conn_count; i++) {
		struct guest_tcp *g = s->conns[i];

		if (seg->dst_port != g->port || seg->src_port != g->dst_port ||
		    !addr_is_equal(&in.src, &g->dst))
			continue;
		take_segment(g, seg);
		return g;
	}
	fail_msg("segment from port %u to %u is none of ours",
		 seg->src_port, seg->dst_port);
	return NULL;
}

/**
 * guest_tcp_recv() - Take the next segment if there is one by now
 * @g:		Connection
 * @seg:	Set to it
 *
 * Segments of other connections are taken on the way.
 *
 * Return: false if there is none
 */
bool guest_tcp_recv(struct guest_tcp *g, struct seg *seg)
{
	struct guest_tcp *owner;

	while ((owner = take_frame(g->s, seg))) {
		if (owner == g)
			return true;
	}
	return false;
}

/**
 * turn_idle() - A turn of the loop, of a guest that waits for something
 * @g:		Connection
 * @idle:	How many turns in vain it follows
 *
 * If that is an acknowledgement of data, time passes after the first: it may be
 * held back for a moment.
 */
static void turn_idle(struct guest_tcp *g, int idle)
{
	if (idle && g->snd_una != g->snd_nxt && g->snd_una != g->iss)
		g->s->c.now_ms++;
	stack_turn(g->s, idle ? STALL_WAIT_MS : 0);
}

/**
 * guest_tcp_expect() - Wait for the next segment, fail if it is another one
 * @g:		Connection
 * @flags:	Flags it must have, exactly, but for PSH
 * @seg:	Set to it
 *
 * Bare acknowledgments, as window updates are, may come before others.
 */
void guest_tcp_expect(struct guest_tcp *g, uint8_t flags, struct seg *seg)
{
	int i;

	for (i = 0; i < STALL_TURNS; i++) {
		if (guest_tcp_recv(g, seg)) {
			if (seg->flags == F_ACK && flags != F_ACK && !seg->len)
				continue;
			assert_int_equal(seg->flags & ~F_PSH, flags);
			return;
		}
		turn_idle(g, i);
	}
	fail_msg("no segment");
}

/**
 * guest_tcp_expect_none() - Fail if any segment comes
 * @g:		Connection
 */
void guest_tcp_expect_none(struct guest_tcp *g)
{
	struct seg seg;

	stack_settle(g->s);
	assert_false(guest_tcp_recv(g, &seg));
}

/**
 * guest_tcp_expect_acked() - Wait until all that was sent is acknowledged
 * @g:		Connection
 */
void guest_tcp_expect_acked(struct guest_tcp *g)
{
	struct seg seg;
	int i;

	for (i = 0; i < STALL_TURNS && g->snd_una != g->snd_nxt; i++) {
		while (guest_tcp_recv(g, &seg))
			;
		if (g->snd_una != g->snd_nxt)
			turn_idle(g, i);
	}
	assert_int_equal(g->snd_una, g->snd_nxt);
}

/**
 * guest_tcp_drain() - Take all segments that come, answer none
 * @g:		Connection
 */
void guest_tcp_drain(struct guest_tcp *g)
{
	struct seg seg;

	do {
		stack_settle(g->s);
	} while (guest_tcp_recv(g, &seg));
}

/**
 * guest_tcp_connect() - Handshake
 * @g:		New connection
 * @listener:	Host's listening socket
 *
 * Return: the host's end, to be closed by the test
 */
int guest_tcp_connect(struct guest_tcp *g, int listener)
{
	struct seg seg;
	int fd;

	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	assert_int_equal(seg.ack, g->iss + 1);
	guest_tcp_ack(g);
	stack_turn(g->s, 0);
	fd = host_accept(listener);
	/* A window update may follow, as that of a SYN isn't scaled */
	guest_tcp_drain(g);
	return fd;
}

/**
 * guest_tcp_read() - Receive and acknowledge data until so much has come
 * @g:		Connection
 * @count:	Bytes since the start of the connection
 */
void guest_tcp_read(struct guest_tcp *g, uint64_t count)
{
	struct seg seg;
	int idle = 0;

	while (g->count < count) {
		if (guest_tcp_recv(g, &seg)) {
			if (seg.len || seg.flags & F_FIN)
				guest_tcp_ack(g);
			idle = 0;
			continue;
		}
		assert_true(idle < STALL_TURNS);
		turn_idle(g, idle++);
	}
	stack_turn(g->s, 0);
}

/**
 * upload_segments() - Send as much as window and remainder allow
 * @g:		Connection
 * @left:	Bytes still to be sent
 *
 * Return: bytes sent
 */
static size_t upload_segments(struct guest_tcp *g, size_t left)
{
	size_t mss = g->peer_mss > 0 ? (size_t)g->peer_mss : MSS_NONE_V4;
	size_t room, sent = 0;

	while (left) {
		room = g->peer_wnd - (size_t)(g->snd_nxt - g->snd_una);
		if (seq_diff(g->snd_nxt, g->snd_una + g->peer_wnd) >= 0)
			break;
		mss = MIN(MIN(mss, room), left);
		guest_tcp_send(g, left == mss ? F_ACK | F_PSH : F_ACK, mss);
		left -= mss;
		sent += mss;
		if (sent >= 64 * 1024)
			break;
	}
	return sent;
}

/**
 * guest_tcp_upload() - Send data and have the host read it, without any loss
 * @g:		Connection
 * @fd:		The host's end
 * @len:	Bytes
 *
 * Fails if it stalls: the guest has no timer here.
 */
void guest_tcp_upload(struct guest_tcp *g, int fd, size_t len)
{
	uint64_t start = (uint32_t)(g->snd_nxt - g->iss - 1), done = 0;
	static uint8_t buf[1 << 18];
	size_t left = len;
	int idle = 0;
	struct seg seg;
	ssize_t n;

	while (done < len || g->snd_una != g->snd_nxt) {
		size_t sent = upload_segments(g, left);

		left -= sent;
		turn_idle(g, idle);
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		if (n > 0) {
			pattern_check(buf, start + done, (size_t)n);
			done += (size_t)n;
		}
		idle = sent || n > 0 ? 0 : idle + 1;
		while (guest_tcp_recv(g, &seg))
			idle = 0;
		assert_true(idle < STALL_TURNS);
	}
	assert_int_equal(done, len);
}

/**
 * guest_tcp_download() - Have the host send data, receive and acknowledge it
 * @g:		Connection
 * @fd:		The host's end, non-blocking
 * @len:	Bytes
 */
void guest_tcp_download(struct guest_tcp *g, int fd, size_t len)
{
	uint64_t start = g->count, done = 0;
	static uint8_t buf[1 << 16];
	struct seg seg;
	int idle = 0;

	while (g->count - start < len) {
		size_t want = MIN(sizeof(buf), len - done);
		ssize_t n = 0;

		if (want) {
			pattern_fill(buf, start + done, want);
			n = send(fd, buf, want, MSG_DONTWAIT | MSG_NOSIGNAL);
			assert_true(n > 0 || errno == EAGAIN);
			done += n > 0 ? (size_t)n : 0;
		}
		turn_idle(g, idle);
		idle = n > 0 ? 0 : idle + 1;
		while (guest_tcp_recv(g, &seg)) {
			idle = 0;
			if (seg.len)
				guest_tcp_ack(g);
		}
		assert_true(idle < STALL_TURNS);
	}
	stack_turn(g->s, 0);
}
