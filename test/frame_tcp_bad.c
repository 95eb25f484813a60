// SPDX-License-Identifier: BSD-3-Clause
/* frame_tcp_bad.c - TCP, segment by segment: what no honest peer sends */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "ends.h"
#include "guest_tcp.h"
#include "stack.h"
#include "tcp.h"

#define TCP_HLEN		20
#define FUZZ_BATCHES		100
#define FUZZ_BATCH		80
#define SOME_LEN		1000

/**
 * expect_alive() - The connection must work in both directions
 * @e:		Connection
 */
static void expect_alive(struct ends *e)
{
	guest_tcp_upload(e->g, e->fd, SOME_LEN);
	guest_tcp_download(e->g, e->fd, SOME_LEN);
	guest_tcp_drain(e->g);
	assert_false(e->g->reset);
}

/**
 * expect_challenge() - A bare ACK of the present state must come, once
 * @e:		Connection
 */
static void expect_challenge(struct ends *e)
{
	struct seg seg;

	guest_tcp_expect(e->g, F_ACK, &seg);
	assert_int_equal(seg.seq, e->g->rcv_nxt);
	assert_int_equal(seg.ack, e->g->snd_nxt);
	assert_int_equal(seg.len, 0);
	guest_tcp_expect_none(e->g);
}

/**
 * put_raw() - Send bytes as TCP
 * @g:		Connection whose addresses are used
 * @l4:		Header and payload
 * @len:	Length
 */
static void put_raw(struct guest_tcp *g, const void *l4, size_t len)
{
	struct guest_out out = {
		.src = &g->s->guest, .dst = &g->dst, .proto = IPPROTO_TCP,
		.full_csum = true, .l4 = l4, .len = len,
	};

	guest_send(g->s, &out);
}

static void wrong_checksum_is_dropped(void **state)
{
	struct ends e = ends_open(state);
	uint64_t before = stack_stat(e.s, STAT_BAD_CSUM);
	struct seg seg;

	seg_init(e.g, &seg, F_ACK | F_PSH);
	seg.len = 100;
	seg.bad_csum = true;
	guest_tcp_put(e.g, &seg);
	guest_tcp_expect_none(e.g);
	host_expect_quiet(e.s, e.fd);
	assert_int_equal(stack_stat(e.s, STAT_BAD_CSUM), before + 1);

	seg_init(e.g, &seg, F_RST | F_ACK);
	seg.bad_csum = true;
	guest_tcp_put(e.g, &seg);
	guest_tcp_expect_none(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void syn_with_wrong_checksum_is_dropped(void **state)
{
	struct guest_tcp *g;
	struct stack *s = *state;
	uint16_t port;
	struct seg seg;
	int listener = host_listen(s, &port);

	g = guest_tcp_new(s, port);
	seg_init(g, &seg, F_SYN);
	seg.bad_csum = true;
	guest_tcp_put(g, &seg);
	guest_tcp_expect_none(g);
	expect_flows(s, 0);
	close(listener);
}

static void truncated_headers(void **state)
{
	struct ends e = ends_open(state);
	uint8_t buf[64];
	struct seg seg;
	size_t len;

	seg_init(e.g, &seg, F_RST | F_ACK);
	for (len = 0; len < TCP_HLEN; len++) {
		seg_build(&seg, buf);
		put_raw(e.g, buf, len);
	}
	guest_tcp_expect_none(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void data_offset_is_nonsense(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	unsigned doff;

	/* Shorter than a header, and beyond the end of the segment */
	for (doff = 1; doff < 16; doff++) {
		if (doff == 5)
			continue;
		seg_init(e.g, &seg, F_RST | F_ACK);
		seg.doff = (uint8_t)doff;
		guest_tcp_put(e.g, &seg);
	}
	seg_init(e.g, &seg, F_RST | F_ACK);
	seg.doff = 15;
	seg.len = 39;
	guest_tcp_put(e.g, &seg);
	guest_tcp_expect_none(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void options_are_nonsense(void **state)
{
	static const uint8_t options[][8] = {
		{ 2, 0, 2, 0 },			/* Length 0 would never end */
		{ 3, 0 }, { 3, 1, 3, 1 }, { 77, 0, 77, 0 }, { 77, 1 },
		{ 2, 255, 1, 1 },		/* Beyond the header */
		{ 1, 1, 1, 1, 1, 1, 1, 2 },	/* No length at all */
		{ 1, 1, 1, 1, 1, 1, 3, 3 },	/* No value */
		{ 2, 3, 5, 1, 3, 2, 1, 1 },	/* Too short for what it is */
		{ 2, 6, 5, 1, 1, 1, 1, 1 },	/* Too long */
		{ 3, 3, 255, 0 },		/* Shift beyond 14 */
		{ 3, 3, 15, 1, 2, 4, 0, 0 },
		{ 0, 2, 0, 1, 2, 3, 4, 5 },	/* Ended before it began */
	};
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	unsigned i;
	int listener = host_listen(s, &port), fd;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		g = guest_tcp_new(s, port);
		/* Shift that RFC 7323, 2.3 has us use instead */
		g->wscale = options[i][0] == 3 && options[i][1] == 3 ? 14 : -1;
		g->wnd = 32;
		g->mss = -1;
		seg_init(g, &seg, F_SYN);
		memcpy(seg.opt, options[i], sizeof(options[i]));
		seg.opt_len = sizeof(options[i]);
		guest_tcp_put(g, &seg);
		g->snd_nxt++;
		guest_tcp_expect(g, F_SYN | F_ACK, &seg);
		assert_int_equal(seg.wscale >= 0, g->wscale >= 0);
		g->wnd = 4096;
		guest_tcp_ack(g);
		stack_turn(s, 0);
		fd = host_accept(listener);
		guest_tcp_download(g, fd, SOME_LEN);
		close(fd);
	}
	close(listener);
}

static void options_in_data_segments_are_nonsense(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	unsigned i;

	for (i = 0; i < 256; i++) {
		seg_init(e.g, &seg, F_ACK);
		memset(seg.opt, (int)i, sizeof(seg.opt));
		seg.opt[1] = (uint8_t)(i * 7);
		seg.opt_len = sizeof(seg.opt);
		seg.len = 10;
		guest_tcp_put(e.g, &seg);
		e.g->snd_nxt += 10;
	}
	host_read(e.s, e.fd, 0, 2560);
	guest_tcp_expect_acked(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void reset_must_have_the_exact_number(void **state)
{
	struct ends e = ends_open(state);
	uint32_t off[] = { 1, 2, 1000, 30000 };
	struct seg seg;
	unsigned i;

	guest_tcp_upload(e.g, e.fd, 100);
	guest_tcp_drain(e.g);
	/* RFC 5961, 3.2: in the window, a challenge; the guest, if it meant
	 * it, answers with the right number
	 */
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		stack_advance(e.s, 5000);
		seg_init(e.g, &seg, F_RST);
		seg.seq += off[i];
		guest_tcp_put(e.g, &seg);
		expect_challenge(&e);
	}
	/* Outside, nothing at all */
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		seg_init(e.g, &seg, F_RST | F_ACK);
		seg.seq -= off[i];
		guest_tcp_put(e.g, &seg);
		seg.seq += 0x80000000U;
		guest_tcp_put(e.g, &seg);
	}
	guest_tcp_expect_none(e.g);
	expect_alive(&e);

	guest_tcp_send(e.g, F_RST, 0);
	host_expect_reset(e.s, e.fd);
	expect_flows(e.s, 0);
	ends_close(&e);
}

static void syn_on_established_is_challenged(void **state)
{
	struct ends e = ends_open(state);
	uint32_t off[] = { 0, 1, 1000, 0x40000000, 0x80000000, 0xfffff000 };
	struct seg seg;
	unsigned i;

	guest_tcp_upload(e.g, e.fd, 100);
	guest_tcp_download(e.g, e.fd, 100);
	guest_tcp_drain(e.g);
	/* RFC 5961, 4.2: whatever its number */
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		stack_advance(e.s, 5000);
		seg_init(e.g, &seg, i & 1 ? F_SYN | F_ACK : F_SYN);
		seg.seq += off[i];
		guest_tcp_put(e.g, &seg);
		expect_challenge(&e);
	}
	expect_alive(&e);
	expect_flows(e.s, 1);
	ends_close(&e);
}

static void challenged_guest_starts_anew(void **state)
{
	struct ends e = ends_open(state);
	uint32_t old_nxt, iss = 0x99000000;
	struct seg seg;
	int fd;

	guest_tcp_upload(e.g, e.fd, 100);
	guest_tcp_drain(e.g);
	old_nxt = e.g->snd_nxt;

	/* The guest was rebooted and knows nothing of the connection: it
	 * resets what acknowledges something it never sent, then gets through
	 */
	guest_tcp_send_at(e.g, F_SYN, iss, 0);
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, old_nxt);
	seg_init(e.g, &seg, F_RST);
	seg.seq = old_nxt;
	guest_tcp_put(e.g, &seg);
	host_expect_reset(e.s, e.fd);

	guest_tcp_restart(e.g, iss);
	fd = guest_tcp_connect(e.g, e.listener);
	guest_tcp_upload(e.g, fd, SOME_LEN);
	close(fd);
	ends_close(&e);
}

static void ack_of_what_was_never_sent(void **state)
{
	struct ends e = ends_open(state);
	uint32_t off[] = { 1, 1000, 0x7fffffff };
	struct seg seg;
	unsigned i;

	guest_tcp_download(e.g, e.fd, 100);
	guest_tcp_drain(e.g);
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		/* RFC 9293, 3.10.7.4: an ACK, and the segment is dropped */
		stack_advance(e.s, 5000);
		seg_init(e.g, &seg, F_ACK);
		seg.ack += off[i];
		seg.len = 10;
		guest_tcp_put(e.g, &seg);
		e.g->edge = e.g->rcv_nxt + ((uint32_t)e.g->wnd << e.g->wscale);
		expect_challenge(&e);
		host_expect_quiet(e.s, e.fd);
	}
	expect_alive(&e);
	ends_close(&e);
}

static void old_acks_are_harmless(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	int i;

	guest_tcp_download(e.g, e.fd, 50000);
	guest_tcp_drain(e.g);
	for (i = 1; i < 10; i++) {
		seg_init(e.g, &seg, F_ACK);
		seg.ack -= (uint32_t)(i * 5000);
		guest_tcp_put(e.g, &seg);
	}
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->retrans, 0);
	expect_alive(&e);
	ends_close(&e);
}

static void wrong_ack_in_handshake_is_reset(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	int listener = host_listen(s, &port), fd;

	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	/* RFC 9293, 3.10.7.4, SYN-RECEIVED */
	seg_init(g, &seg, F_ACK);
	seg.ack += 1000;
	guest_tcp_put(g, &seg);
	guest_tcp_expect(g, F_RST, &seg);
	assert_int_equal(seg.seq, g->rcv_nxt + 1000);

	/* The handshake goes on regardless */
	g->reset = false;
	guest_tcp_ack(g);
	stack_turn(s, 0);
	fd = host_accept(listener);
	guest_tcp_upload(g, fd, SOME_LEN);
	close(fd);
	close(listener);
}

static void urgent_data_is_data(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;

	seg_init(e.g, &seg, F_ACK | F_URG | F_PSH);
	seg.len = 100;
	seg.urg = 50;
	guest_tcp_put(e.g, &seg);
	e.g->snd_nxt += 100;
	host_read(e.s, e.fd, 0, 100);
	seg_init(e.g, &seg, F_ACK | F_URG);
	seg.len = 1;
	seg.urg = 65535;
	guest_tcp_put(e.g, &seg);
	e.g->snd_nxt++;
	host_read(e.s, e.fd, 100, 1);
	guest_tcp_expect_acked(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void host_urgent_data_does_not_stop_the_stream(void **state)
{
	struct ends e = ends_open(state);
	uint8_t byte;

	/* The socket leaves the urgent byte out of the stream or not: what
	 * counts is that all else arrives
	 */
	pattern_fill(&byte, 100, 1);
	host_write(e.fd, 0, 100);
	assert_int_equal(send(e.fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1);
	guest_tcp_read(e.g, 100);
	guest_tcp_drain(e.g);
	if (e.g->count == 101)
		guest_tcp_ack(e.g);
	host_write(e.fd, e.g->count, 1000);
	guest_tcp_read(e.g, e.g->count + 1000);
	expect_alive(&e);
	ends_close(&e);
}

static void data_without_ack_is_dropped(void **state)
{
	struct ends e = ends_open(state);

	/* RFC 9293, 3.10.7.4: "if the ACK bit is off, drop the segment" */
	guest_tcp_send_at(e.g, F_PSH, e.g->snd_nxt, 100);
	guest_tcp_send_at(e.g, 0, e.g->snd_nxt, 100);
	guest_tcp_send_at(e.g, F_FIN, e.g->snd_nxt, 0);
	guest_tcp_drain(e.g);
	host_expect_quiet(e.s, e.fd);
	expect_alive(&e);
	ends_close(&e);
}

static void strange_flags_open_nothing(void **state)
{
	struct guest_tcp *g;
	struct stack *s = *state;
	uint16_t port;
	unsigned flags;
	struct seg seg;
	int listener = host_listen(s, &port);

	for (flags = 0; flags < 64; flags++) {
		/* RFC 9293, 3.10.7.2: whatever else there is, a SYN is one */
		if ((flags & (F_SYN | F_ACK | F_RST)) == F_SYN)
			continue;
		g = guest_tcp_new(s, port);
		seg_init(g, &seg, (uint8_t)flags);
		g->snd_nxt += 2;
		guest_tcp_put(g, &seg);
		guest_tcp_drain(g);
		assert_false(g->synced);
		expect_flows(s, 0);
		s->conn_count--;
	}
	assert_false(host_wait(listener, POLLIN, 0));
	close(listener);
}

static void syn_to_no_unicast_address_is_dropped(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g = guest_tcp_new(s, 80);
	struct in6_addr m6 = { { { 0xff, 2, [15] = 1 } } };
	struct in_addr m4 = { htonl(0xe0000001) }, b4 = { htonl(0xffffffff) };

	g->dst = s->v == V4 ? addr_from_v4(m4) : addr_from_v6(&m6);
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	g->dst = s->v == V4 ? addr_from_v4(b4) : addr_any[V6];
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	g->dst = addr_any[s->v];
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	g->dst = addr_loopback[s->v];
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	guest_tcp_expect_none(g);
	expect_flows(s, 0);
}

static void duplicates_and_overlaps(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;

	guest_tcp_send(e.g, F_ACK, 1000);
	guest_tcp_send_at(e.g, F_ACK, start, 1000);
	guest_tcp_send_at(e.g, F_ACK, start + 500, 1000);
	guest_tcp_send_at(e.g, F_ACK, start + 100, 300);
	guest_tcp_send_at(e.g, F_ACK, start, 2000);
	e.g->snd_nxt = start + 2000;
	host_read(e.s, e.fd, 0, 2000);
	host_expect_quiet(e.s, e.fd);
	guest_tcp_expect_acked(e.g);

	/* A duplicate is acknowledged again, in case the first one got lost */
	guest_tcp_drain(e.g);
	guest_tcp_send_at(e.g, F_ACK, start, 1000);
	expect_challenge(&e);
	/* With a FIN at its end that is new */
	guest_tcp_send_at(e.g, F_FIN | F_ACK, start + 1500, 500);
	e.g->snd_nxt++;
	guest_tcp_expect_acked(e.g);
	host_expect_eof(e.s, e.fd);
	ends_close(&e);
}

static void out_of_order_segments(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;
	struct seg seg;

	e.g->snd_nxt = start + 3000;
	guest_tcp_send_at(e.g, F_ACK, start + 2000, 1000);
	/* RFC 5681, 4.2: at once, so that the guest can retransmit */
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start);
	guest_tcp_send_at(e.g, F_ACK, start + 1000, 1000);
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start);
	host_expect_quiet(e.s, e.fd);

	guest_tcp_send_at(e.g, F_ACK, start, 1000);
	guest_tcp_drain(e.g);
	if (e.g->snd_una != e.g->snd_nxt) {
		guest_tcp_send_at(e.g, F_ACK, start + 1000, 1000);
		guest_tcp_send_at(e.g, F_ACK, start + 2000, 1000);
	}
	host_read(e.s, e.fd, 0, 3000);
	guest_tcp_expect_acked(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void holes_in_one_batch(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;
	int i;

	/* Three of them get lost, the guest hears of it by three duplicates */
	for (i = 0; i < 20; i++) {
		if (i % 7 != 3)
			guest_tcp_send_at(e.g, F_ACK,
					  start + (uint32_t)i * 100, 100);
	}
	e.g->snd_nxt = start + 2000;
	stack_settle(e.s);
	assert_true(tap_mem_pending(&e.s->c.tap) >= 3);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->snd_una, start + 300);
	host_read(e.s, e.fd, 0, 300);
	guest_tcp_send_at(e.g, F_ACK, start + 300, 1700);
	host_read(e.s, e.fd, 300, 1700);
	guest_tcp_expect_acked(e.g);
	ends_close(&e);
}

static void data_outside_the_window(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt, edge;
	struct seg seg;

	guest_tcp_drain(e.g);
	edge = e.g->snd_una + e.g->peer_wnd;
	guest_tcp_send_at(e.g, F_ACK, edge + 1000, 1000);
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start);
	guest_tcp_send_at(e.g, F_ACK, start - 100000, 1000);
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start);
	guest_tcp_send_at(e.g, F_FIN | F_ACK, edge + 5, 0);
	guest_tcp_send_at(e.g, F_ACK, start + 0x80000000U, 1000);
	guest_tcp_drain(e.g);
	host_expect_quiet(e.s, e.fd);
	expect_alive(&e);
	ends_close(&e);
}

static void data_beyond_a_full_window(void **state)
{
	struct ends e = ends_open(state);
	uint64_t total = ends_fill_up(&e);
	uint32_t end = e.g->snd_nxt;

	/* Less than the window scale can tell may be taken, but not what goes
	 * beyond, nor a FIN behind it
	 */
	assert_int_equal(e.g->peer_wnd, 0);
	guest_tcp_send(e.g, F_FIN | F_PSH | F_ACK, 1000);
	guest_tcp_drain(e.g);
	assert_true(e.g->snd_una - end < 1U << e.g->peer_wscale);
	total += e.g->snd_una - end;
	end = e.g->snd_una;
	host_read(e.s, e.fd, 0, total);
	host_expect_quiet(e.s, e.fd);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->snd_una, end);

	e.g->snd_nxt = end;
	guest_tcp_send(e.g, F_FIN | F_PSH | F_ACK, 1000);
	host_read(e.s, e.fd, total, 1000);
	host_expect_eof(e.s, e.fd);
	guest_tcp_expect_acked(e.g);
	ends_close(&e);
}

static void window_of_stack_is_overrun(void **state)
{
	struct ends e = ends_open(state);
	uint64_t total = 0, accepted;
	int i;

	/* A guest that never looks at the window: what isn't taken isn't
	 * acknowledged, and what is acknowledged arrives
	 */
	for (i = 0; i < 1000; i++) {
		guest_tcp_send(e.g, F_ACK, 60000);
		total += 60000;
		stack_turn(e.s, 0);
	}
	guest_tcp_drain(e.g);
	accepted = (uint32_t)(e.g->snd_una - e.g->iss - 1);
	assert_true(accepted < total);
	host_read(e.s, e.fd, 0, accepted);
	host_expect_quiet(e.s, e.fd);
	e.g->snd_nxt = e.g->snd_una;
	guest_tcp_drain(e.g);
	guest_tcp_upload(e.g, e.fd, 100000);
	ends_close(&e);
}

static void frames_shorter_and_longer_than_ip_says(void **state)
{
	struct ends e = ends_open(state);
	static uint8_t frame[2048];
	struct virtio_net_hdr_v1 vnet;
	uint8_t l4[TCP_HLEN + 100];
	struct guest_out out = {
		.src = &e.s->guest, .dst = &e.s->host, .proto = IPPROTO_TCP,
		.full_csum = true, .l4 = l4,
	};
	uint8_t data[100];
	struct seg seg;
	size_t len, cut;

	seg_init(e.g, &seg, F_ACK | F_PSH);
	pattern_fill(data, 0, sizeof(data));
	seg.data = data;
	seg.len = sizeof(data);
	out.len = seg_build(&seg, l4);
	len = guest_build(e.s, &out, &vnet, frame);

	/* Every shorter one is dropped, padding at the end is cut off */
	for (cut = 1; cut <= len; cut++)
		tap_mem_push(&e.s->c.tap, &vnet, frame, len - cut);
	guest_tcp_expect_none(e.g);
	host_expect_quiet(e.s, e.fd);
	assert_true(stack_stat(e.s, STAT_BAD_FRAME) > 0);

	tap_mem_push(&e.s->c.tap, &vnet, frame, len + 333);
	e.g->snd_nxt += 100;
	host_read(e.s, e.fd, 0, 100);
	guest_tcp_expect_acked(e.g);
	expect_alive(&e);
	ends_close(&e);
}

static void offload_header_is_nonsense(void **state)
{
	struct ends e = ends_open(state);
	static uint8_t frame[2048];
	struct virtio_net_hdr_v1 vnet;
	uint8_t l4[TCP_HLEN + 100];
	struct guest_out out = {
		.src = &e.s->guest, .dst = &e.s->host, .proto = IPPROTO_TCP,
		.l4 = l4,
	};
	uint8_t data[100];
	struct seg seg;
	size_t len;
	int i;

	seg_init(e.g, &seg, F_ACK | F_PSH);
	pattern_fill(data, 0, sizeof(data));
	seg.data = data;
	seg.len = sizeof(data);
	out.len = seg_build(&seg, l4);
	len = guest_build(e.s, &out, &vnet, frame);

	/* It must neither crash nor be believed where that matters */
	for (i = 0; i < 64; i++) {
		memset(&vnet, 0, sizeof(vnet));
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.gso_type = (uint8_t)(i * 4 + 1);
		vnet.csum_start = (uint16_t)(i * 1021);
		vnet.csum_offset = (uint16_t)(65535 - i * 777);
		vnet.hdr_len = (uint16_t)(i * 1000);
		vnet.gso_size = (uint16_t)(i % 3);
		tap_mem_push(&e.s->c.tap, &vnet, frame, len);
	}
	e.g->snd_nxt += 100;
	guest_tcp_drain(e.g);
	if (e.g->snd_una != e.g->snd_nxt)
		guest_tcp_send_at(e.g, F_ACK, e.g->snd_una, 100);
	host_read(e.s, e.fd, 0, 100);
	expect_alive(&e);
	ends_close(&e);
}

static void flow_keep(struct ctx *c, struct flow *flow)
{
	(void)c;
	(void)flow;
}

/* A client must not take our lack of room for an orderly end of the server */
static void no_room_for_an_accepted_connection(void **state)
{
	static const struct flow_ops keep = { .evict = flow_keep };
	struct flow *flows[STACK_FLOWS + 1];
	struct stack *s = *state;
	struct flow_side guest = {
		.far = s->guest, .near = s->host, .far_port = 80,
		.near_port = 4000, .place = PLACE_GUEST,
	}, host = { .place = PLACE_HOST };
	union sockaddr_any sa;
	unsigned count = 0;
	socklen_t len;
	uint16_t port;
	int listener = host_listen(s, &port), client;

	flow_register(s->c.flows, FLOW_ICMP, &keep);
	while ((flows[count] = flow_alloc(&s->c, FLOW_ICMP, IPPROTO_ICMP)))
		assert_true(++count <= STACK_FLOWS);

	len = addr_to_sockaddr(&sa, &addr_loopback[s->v], port, 0);
	client = socket(addr_family(s->v), SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, &sa.sa, len), 0);
	tcp_accepted(&s->c, host_accept(listener), &host, &guest);
	host_expect_reset(s, client);

	while (count)
		flow_close(&s->c, flows[--count]);
	close(client);
	close(listener);
}

/**
 * rnd() - Pseudo-random numbers, the same ones each time
 *
 * Return: the next one
 */
static uint32_t rnd(void)
{
	static uint32_t x = 2463534242U;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/**
 * fuzz_frame() - Send a frame with some bytes changed
 * @g:		Connection
 */
static void fuzz_frame(struct guest_tcp *g)
{
	static uint8_t frame[FRAME_LEN_MAX];
	static uint8_t l4[2048], data[1024];
	struct virtio_net_hdr_v1 vnet;
	struct guest_out out = {
		.src = &g->s->guest, .dst = &g->dst, .proto = IPPROTO_TCP,
		.l4 = l4,
	};
	struct seg seg;
	size_t len;
	int n;

	seg_init(g, &seg, (uint8_t)(rnd() % 4 ? F_ACK : rnd() & 0x3f));
	seg.seq += rnd() % 8 ? rnd() % 4096 - 2048 : rnd();
	seg.ack += rnd() % 8 ? rnd() % 4096 - 2048 : rnd();
	seg.len = rnd() % sizeof(data);
	seg.data = data;
	seg.opt_len = rnd() % 11 * 4;
	for (n = 0; n < SEG_OPT_MAX; n++)
		seg.opt[n] = (uint8_t)(rnd() % 3 ? rnd() % 6 : rnd());
	out.len = seg_build(&seg, l4);
	if (rnd() % 4 == 0)
		l4[rnd() % 20] = (uint8_t)rnd();
	out.full_csum = rnd() % 2;
	len = guest_build(g->s, &out, &vnet, frame);
	for (n = (int)(rnd() % 3); rnd() % 4 == 0 && n; n--)
		frame[MAC_LEN * 2 + rnd() % 60] = (uint8_t)rnd();
	/* No packet to anywhere but the host's loopback */
	if (g->s->v == V4)
		memcpy(frame + ETH_HLEN + 16, &g->dst.a6.s6_addr[12], 4);
	else
		memcpy(frame + ETH_HLEN + 24, &g->dst.a6, 16);
	if (rnd() % 8 == 0)
		len = rnd() % (len + 1);
	tap_mem_push(&g->s->c.tap, &vnet, frame, len);
}

static void fuzzed_segments(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	struct guest_in in;
	uint16_t port;
	int listener = host_listen(s, &port), i, j, fd;

	for (i = 0; i < FUZZ_BATCHES; i++) {
		g = guest_tcp_new(s, port);
		fd = guest_tcp_connect(g, listener);
		s->conn_count = 0;
		host_write(fd, 0, SOME_LEN);
		for (j = 0; j < FUZZ_BATCH; j++)
			fuzz_frame(g);
		/* guest_recv() checks that all answers are well-formed */
		stack_turn(s, 0);
		while (guest_recv(s, &in))
			;
		host_reset(fd);
		stack_advance(s, 500);
		while (guest_recv(s, &in))
			;
		/* Changed ports opened further connections */
		while (host_wait(listener, POLLIN, 0))
			close(host_accept(listener));
		stack_settle(s);
		while (guest_recv(s, &in))
			;
		free(g);
	}
	/* What changed segments opened, nobody answers: it ends by itself */
	stack_advance(s, 24ULL * 3600 * 1000);
	while (guest_recv(s, &in))
		;
	expect_flows(s, 0);
	close(listener);
}

#define BOTH(f)		STACK_TEST(f, v4), STACK_TEST(f, v6)
#define SEVERAL(f)							\
	BOTH(f), STACK_TEST(f, v4_offload), STACK_TEST(f, v6_offload),	\
	STACK_TEST(f, v4_bytes), STACK_TEST(f, v6_bytes)

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		BOTH(wrong_checksum_is_dropped),
		STACK_TEST(wrong_checksum_is_dropped, v4_bytes),
		STACK_TEST(wrong_checksum_is_dropped, v6_offload),
		BOTH(syn_with_wrong_checksum_is_dropped),
		SEVERAL(truncated_headers),
		SEVERAL(data_offset_is_nonsense),
		SEVERAL(options_are_nonsense),
		SEVERAL(options_in_data_segments_are_nonsense),
		BOTH(reset_must_have_the_exact_number),
		BOTH(syn_on_established_is_challenged),
		BOTH(challenged_guest_starts_anew),
		BOTH(ack_of_what_was_never_sent),
		BOTH(old_acks_are_harmless),
		BOTH(wrong_ack_in_handshake_is_reset),
		BOTH(urgent_data_is_data),
		BOTH(host_urgent_data_does_not_stop_the_stream),
		BOTH(data_without_ack_is_dropped),
		BOTH(strange_flags_open_nothing),
		BOTH(syn_to_no_unicast_address_is_dropped),
		SEVERAL(duplicates_and_overlaps),
		SEVERAL(out_of_order_segments),
		BOTH(holes_in_one_batch),
		BOTH(data_outside_the_window),
		BOTH(data_beyond_a_full_window),
		BOTH(window_of_stack_is_overrun),
		SEVERAL(frames_shorter_and_longer_than_ip_says),
		BOTH(no_room_for_an_accepted_connection),
		STACK_TEST(offload_header_is_nonsense, v4_offload),
		STACK_TEST(offload_header_is_nonsense, v6_offload),
		STACK_TEST(offload_header_is_nonsense, v4_bytes),
		SEVERAL(fuzzed_segments),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
