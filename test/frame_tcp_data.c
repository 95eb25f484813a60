// SPDX-License-Identifier: BSD-3-Clause
/* frame_tcp_data.c - TCP, segment by segment: data, windows, retransmission */

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "ends.h"
#include "guest_tcp.h"
#include "hooks.h"
#include "stack.h"
#include "tap.h"

#define LITTLE_WINDOW		40000	/* Less than a long segment */
#define FILL_SEGS_MAX		20000
#define STREAM_LEN		600000
#define SOME_LEN		20000
/* RFC 6298: the first time-out comes after 1 s, later ones up to 60 s apart */
#define RTO_MS			3000
#define BACKOFF_MS		120000

static void upload(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_upload(e.g, e.fd, STREAM_LEN);
	guest_tcp_expect_none(e.g);
	ends_close(&e);
}

static void download(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_download(e.g, e.fd, STREAM_LEN);
	/* The link loses nothing, so nothing comes twice */
	assert_int_equal(e.g->retrans, 0);
	assert_int_equal(e.g->gaps, 0);
	assert_int_equal(stack_stat(e.s, STAT_TCP_RETRANS), 0);
	ends_close(&e);
}

static void both_directions_in_turns(void **state)
{
	struct ends e = ends_open(state);
	size_t len;

	for (len = 1; len < 100000; len = len * 3 + 1) {
		guest_tcp_upload(e.g, e.fd, len);
		guest_tcp_download(e.g, e.fd, len);
	}
	assert_int_equal(e.g->retrans, 0);
	ends_close(&e);
}

static void guest_sequence_wraps(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	int listener, fd;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	guest_tcp_restart(g, UINT32_MAX - 5000);
	fd = guest_tcp_connect(g, listener);
	guest_tcp_upload(g, fd, 100000);
	assert_true(g->snd_nxt < 0x80000000U);
	guest_tcp_download(g, fd, 1000);

	/* And with the SYN as the last number before the wrap */
	guest_tcp_send(g, F_RST | F_ACK, 0);
	host_expect_reset(s, fd);
	close(fd);
	guest_tcp_restart(g, UINT32_MAX);
	fd = guest_tcp_connect(g, listener);
	guest_tcp_upload(g, fd, 1000);
	close(fd);
	close(listener);
}

static void stack_sequence_wraps(void **state)
{
	struct ends e = ends_open(state);
	uint64_t ticks;

	/* RFC 6528: the initial number follows a clock of 4 microseconds, so
	 * that time takes it to shortly before the wrap
	 */
	ticks = UINT32_MAX - 10000 - e.g->irs;
	guest_tcp_send(e.g, F_RST | F_ACK, 0);
	stack_settle(e.s);
	host_expect_reset(e.s, e.fd);
	close(e.fd);
	stack_advance(e.s, ticks / 250);

	guest_tcp_restart(e.g, e.g->iss + 100000);
	e.fd = guest_tcp_connect(e.g, e.listener);
	assert_true(e.g->irs > UINT32_MAX - 11000);
	guest_tcp_download(e.g, e.fd, 5000);

	/* The retransmission of a segment on the wrap, then all the rest */
	host_write(e.fd, 5000, SOME_LEN);
	guest_tcp_drain(e.g);
	stack_advance(e.s, RTO_MS);
	guest_tcp_drain(e.g);
	assert_true(e.g->retrans > 0);
	assert_true(e.g->rcv_nxt < 0x80000000U);
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	guest_tcp_read(e.g, 5000 + SOME_LEN);
	guest_tcp_download(e.g, e.fd, STREAM_LEN);
	ends_close(&e);
}

static void scenario_4_keepalive_is_acked(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	int i;

	guest_tcp_upload(e.g, e.fd, 100);
	guest_tcp_download(e.g, e.fd, 100);
	guest_tcp_drain(e.g);
	for (i = 0; i < 2; i++) {
		uint8_t garbage = 0xaa;

		/* RFC 9293, 3.8.4: with or without a garbage byte */
		seg_init(e.g, &seg, F_ACK);
		seg.seq = e.g->snd_nxt - 1;
		seg.len = (size_t)i;
		seg.data = &garbage;
		guest_tcp_put(e.g, &seg);
		guest_tcp_expect(e.g, F_ACK, &seg);
		assert_int_equal(seg.ack, e.g->snd_nxt);
		assert_int_equal(seg.seq, e.g->rcv_nxt);
		assert_int_equal(seg.len, 0);
		guest_tcp_expect_none(e.g);
	}
	assert_int_equal(e.g->retrans, 0);
	host_expect_quiet(e.s, e.fd);
	ends_close(&e);
}

static void scenario_6_window_shrunk_to_zero_and_update_lost(void **state)
{
	struct ends e = ends_open(state);
	unsigned segs;
	int i;

	host_write(e.fd, 0, SOME_LEN);
	guest_tcp_read(e.g, 1);
	guest_tcp_drain(e.g);
	/* Took what came, now is full */
	e.g->wnd = 0;
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	host_write(e.fd, SOME_LEN, SOME_LEN);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->count, SOME_LEN);

	/* Has room again, but what said so got lost: probes have to come */
	segs = e.g->segs;
	stack_advance(e.s, BACKOFF_MS);
	guest_tcp_drain(e.g);
	assert_true(e.g->segs > segs);
	assert_true(e.g->segs < segs + 50);
	assert_false(e.g->reset);

	e.g->wnd = UINT16_MAX;
	segs = e.g->segs;
	for (i = 0; i < 120 && e.g->segs == segs; i++) {
		stack_advance(e.s, 1000);
		guest_tcp_drain(e.g);
	}
	assert_true(e.g->segs > segs);
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, 2 * SOME_LEN);
	ends_close(&e);
}

static void zero_window_reopened(void **state)
{
	struct ends e = ends_open(state);

	e.g->wnd = 0;
	guest_tcp_ack(e.g);
	/* The window offered before may be used up, then it is closed */
	stack_settle(e.s);
	host_write(e.fd, 0, 5 * SOME_LEN);
	guest_tcp_drain(e.g);
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	assert_int_equal(e.g->count, 0);

	/* Less than a segment, then some, then all */
	e.g->wnd = 1;
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, 128);
	e.g->wnd = UINT16_MAX;
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, 5 * SOME_LEN);
	assert_int_equal(e.g->retrans, 0);
	ends_close(&e);
}

static void window_in_syn_is_zero(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	int listener, fd;
	uint16_t port;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	g->wnd = 0;
	fd = guest_tcp_connect(g, listener);
	host_write(fd, 0, SOME_LEN);
	guest_tcp_drain(g);
	assert_int_equal(g->count, 0);
	g->wnd = UINT16_MAX;
	guest_tcp_ack(g);
	guest_tcp_read(g, SOME_LEN);
	close(fd);
	close(listener);
}

static void window_is_kept_to(void **state)
{
	struct ends e = ends_open(state);

	/* guest_tcp.c fails on any byte beyond the window */
	e.g->wnd = 40;
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	e.g->edge = e.g->rcv_nxt + (40 << e.g->wscale);
	host_write(e.fd, 0, 3 * SOME_LEN);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->count, 40 << e.g->wscale);
	assert_int_equal(e.g->probes, 0);
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, 3 * SOME_LEN);
	ends_close(&e);
}

/**
 * full_link() - Download while only a few frames fit at a time
 * @state:	Of the test
 * @room:	Frames each time
 */
static void full_link(void **state, uint32_t room)
{
	struct ends e = ends_open(state);
	uint64_t refused = 0;
	struct seg seg;
	unsigned i;

	tap_mem_set_room(&e.s->c.tap, 0);
	host_write(e.fd, 0, 10 * SOME_LEN);
	for (i = 0; e.g->count < 10 * SOME_LEN; i++) {
		assert_true(i < 2000);
		stack_settle(e.s);
		refused = tap_mem_check(&e.s->c.tap)->refused;
		tap_mem_set_room(&e.s->c.tap, room);
		stack_turn(e.s, 0);
		while (guest_tcp_recv(e.g, &seg))
			;
		tap_mem_set_room(&e.s->c.tap, 0);
		guest_tcp_ack(e.g);
	}
	assert_true(refused > 0);
	assert_int_equal(e.g->retrans, 0);
	assert_int_equal(e.g->gaps, 0);

	/* Acknowledgments wait for room as well, and come in the end */
	guest_tcp_send(e.g, F_ACK, 1000);
	host_read(e.s, e.fd, 0, 1000);
	tap_mem_set_room(&e.s->c.tap, TAP_MEM_UNLIMITED);
	guest_tcp_expect_acked(e.g);
	ends_close(&e);
}

static void scenario_7_full_link_loses_nothing(void **state)
{
	full_link(state, 3);
}

static void scenario_7_link_with_room_for_one(void **state)
{
	full_link(state, 1);
}

static void scenario_7_full_link_with_lost_data(void **state)
{
	struct ends e = ends_open(state);
	int i;

	/* What is peeked must stay right over losses and retransmissions */
	tap_mem_set_room(&e.s->c.tap, 5);
	host_write(e.fd, 0, 10 * SOME_LEN);
	stack_settle(e.s);
	tap_mem_lose(&e.s->c.tap, 2);
	for (i = 0; i < 200 && e.g->count < 10 * SOME_LEN; i++) {
		tap_mem_set_room(&e.s->c.tap, (uint32_t)(i % 7));
		stack_settle(e.s);
		tap_mem_set_room(&e.s->c.tap, 50);
		tap_mem_lose(&e.s->c.tap, (uint32_t)(i % 3));
		stack_advance(e.s, RTO_MS);
		guest_tcp_drain(e.g);
		guest_tcp_ack(e.g);
	}
	tap_mem_lose(&e.s->c.tap, 0);
	tap_mem_set_room(&e.s->c.tap, TAP_MEM_UNLIMITED);
	guest_tcp_read(e.g, 10 * SOME_LEN);
	ends_close(&e);
}

static void scenario_7_handshake_and_fin_wait_for_room(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	int listener, fd;
	uint16_t port;
	struct seg seg;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	tap_mem_set_room(&s->c.tap, 0);
	guest_tcp_send(g, F_SYN, 0);
	stack_settle(s);
	tap_mem_set_room(&s->c.tap, 1);
	stack_advance(s, RTO_MS);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	tap_mem_set_room(&s->c.tap, 0);
	guest_tcp_ack(g);
	stack_settle(s);
	fd = host_accept(listener);
	close(fd);
	stack_settle(s);
	tap_mem_set_room(&s->c.tap, 1);
	stack_advance(s, RTO_MS);
	guest_tcp_expect(g, F_FIN | F_ACK, &seg);
	close(listener);
}

static void scenario_8_upload_resumes_when_host_reads(void **state)
{
	struct ends e = ends_open(state);
	uint64_t total = ends_fill_up(&e);

	/* It reads: the guest learns of the window without asking */
	host_read(e.s, e.fd, 0, total);
	guest_tcp_expect_acked(e.g);
	guest_tcp_drain(e.g);
	assert_true(e.g->peer_wnd > 0);
	guest_tcp_upload(e.g, e.fd, STREAM_LEN);
	ends_close(&e);
}

/* A guest sends whole segments: less window than one is of no use to it */
static void scenario_8_window_of_a_segment_when_host_reads(void **state)
{
	struct ends e = ends_open(state);
	struct guest_tcp *g = e.g;
	uint32_t left = LITTLE_WINDOW;
	uint64_t total = 0;
	unsigned i;

	for (i = 0; i < FILL_SEGS_MAX; i++) {
		size_t len;

		left = g->snd_una + g->peer_wnd - g->snd_nxt;
		if (left <= LITTLE_WINDOW)
			break;
		len = MIN((size_t)g->peer_mss, left - LITTLE_WINDOW);
		guest_tcp_send(g, F_ACK, len);
		guest_tcp_drain(g);
		total += len;
	}
	assert_true(i < FILL_SEGS_MAX);

	host_read(e.s, e.fd, 0, total);
	guest_tcp_drain(g);
	left = g->snd_una + g->peer_wnd - g->snd_nxt;
	assert_true(left >= (uint32_t)g->peer_mss);
	ends_close(&e);
}

static void scenario_9_partial_ack_keeps_retransmission(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;

	host_write(e.fd, 0, SOME_LEN);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->count, SOME_LEN);

	/* The first bytes are acknowledged, then older ones again */
	seg_init(e.g, &seg, F_ACK);
	seg.ack = e.g->irs + 1 + 100;
	guest_tcp_put(e.g, &seg);
	stack_settle(e.s);
	seg.ack = e.g->irs + 1 + 50;
	guest_tcp_put(e.g, &seg);
	guest_tcp_drain(e.g);

	e.g->retrans = 0;
	stack_advance(e.s, RTO_MS);
	guest_tcp_recv(e.g, &seg);
	assert_int_equal(e.g->retrans, 1);
	assert_int_equal(seg.seq, e.g->irs + 1 + 100);
	guest_tcp_drain(e.g);
	guest_tcp_ack(e.g);
	guest_tcp_download(e.g, e.fd, 100);
	ends_close(&e);
}

static void retransmission_backs_off(void **state)
{
	struct ends e = ends_open(state);
	unsigned i, first, second;

	host_write(e.fd, 0, 100);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->count, 100);
	stack_advance(e.s, RTO_MS);
	guest_tcp_drain(e.g);
	assert_true(e.g->retrans >= 1);

	/* RFC 6298, 5.5: the time doubles */
	stack_advance(e.s, 20000);
	guest_tcp_drain(e.g);
	first = e.g->retrans;
	stack_advance(e.s, 20000);
	guest_tcp_drain(e.g);
	second = e.g->retrans - first;
	assert_true(second < first);
	assert_true(first <= 8);
	assert_true(stack_stat(e.s, STAT_TCP_RETRANS) >= e.g->retrans);

	/* 5.2: all acknowledged, the timer is off */
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	stack_advance(e.s, BACKOFF_MS);
	guest_tcp_expect_none(e.g);

	/* A new segment starts from the beginning */
	host_write(e.fd, 100, 100);
	guest_tcp_drain(e.g);
	first = e.g->retrans;
	for (i = 0; i < 10; i++)
		stack_advance(e.s, 1000);
	guest_tcp_drain(e.g);
	assert_true(e.g->retrans > first);
	ends_close(&e);
}

static void unanswered_data_is_given_up(void **state)
{
	struct ends e = ends_open(state);

	host_write(e.fd, 0, 100);
	guest_tcp_drain(e.g);
	stack_advance(e.s, 20 * 60 * 1000);
	guest_tcp_drain(e.g);
	assert_true(e.g->reset);
	expect_flows(e.s, 0);
	host_expect_reset(e.s, e.fd);
	ends_close(&e);
}

/**
 * duplicate_acks() - Acknowledge the same number again
 * @e:		Connection
 * @ack:	What to acknowledge
 * @count:	How often
 */
static void duplicate_acks(struct ends *e, uint32_t ack, int count)
{
	struct seg seg;

	while (count--) {
		seg_init(e->g, &seg, F_ACK);
		seg.ack = ack;
		guest_tcp_put(e->g, &seg);
		stack_turn(e->s, 0);
	}
}

static void fast_retransmit_on_third_duplicate(void **state)
{
	struct ends e = ends_open(state);
	uint32_t lost = e.g->irs + 1;
	struct seg seg;

	guest_tcp_download(e.g, e.fd, 1000);
	guest_tcp_drain(e.g);
	lost = e.g->rcv_nxt;
	host_write(e.fd, 1000, SOME_LEN);
	guest_tcp_drain(e.g);

	/* RFC 5681, 3.2; no time passes */
	duplicate_acks(&e, lost, 2);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->retrans, 0);
	duplicate_acks(&e, lost, 1);
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.seq, lost);
	assert_true(seg.len > 0);

	/* More of them don't have it sent each time */
	guest_tcp_drain(e.g);
	e.g->retrans = 0;
	duplicate_acks(&e, lost, 10);
	guest_tcp_drain(e.g);
	assert_true(e.g->retrans <= SOME_LEN / 500);
	guest_tcp_ack(e.g);
	guest_tcp_download(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

static void window_updates_are_no_duplicates(void **state)
{
	struct ends e = ends_open(state);
	uint32_t ack = e.g->rcv_nxt;
	struct seg seg;
	int i;

	/* RFC 5681, 2: same number, but another window or data with it */
	host_write(e.fd, 0, SOME_LEN);
	guest_tcp_drain(e.g);
	for (i = 1; i < 8; i++) {
		seg_init(e.g, &seg, F_ACK);
		seg.ack = ack;
		seg.wnd = (uint16_t)(e.g->wnd - i);
		guest_tcp_put(e.g, &seg);
		stack_turn(e.s, 0);
	}
	e.g->wnd = seg.wnd;
	for (i = 0; i < 8; i++) {
		seg_init(e.g, &seg, F_ACK);
		seg.ack = ack;
		seg.len = 10;
		guest_tcp_put(e.g, &seg);
		e.g->snd_nxt += 10;
		stack_turn(e.s, 0);
	}
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->retrans, 0);
	ends_close(&e);
}

static void lost_segments_come_again(void **state)
{
	struct ends e = ends_open(state);
	unsigned i;

	/* Of the first burst the first frames get lost on the link */
	tap_mem_lose(&e.s->c.tap, 2);
	host_write(e.fd, 0, 5 * SOME_LEN);
	guest_tcp_drain(e.g);
	for (i = 0; i < 50 && e.g->count < 5 * SOME_LEN; i++) {
		guest_tcp_ack(e.g);
		stack_advance(e.s, RTO_MS);
		guest_tcp_drain(e.g);
	}
	assert_int_equal(e.g->count, 5 * SOME_LEN);
	ends_close(&e);
}

static void scenario_14_last_segment_of_batch_has_psh(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg, last = { 0 };
	uint64_t sent = 0;
	size_t len;

	for (len = 1; len < 60000; len = len * 5 + 3) {
		host_write(e.fd, sent, len);
		sent += len;
		/* All that one turn of the loop sends is a batch */
		while (e.g->count < sent) {
			stack_turn(e.s, 5);
			last.len = 0;
			while (guest_tcp_recv(e.g, &seg))
				last = seg.len ? seg : last;
			if (last.len)
				assert_true(last.flags & F_PSH);
			guest_tcp_ack(e.g);
		}
	}
	ends_close(&e);
}

static void scenario_16_send_buffer_below_mss(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	int listener, fd;
	uint16_t port;

	listener = host_listen(s, &port);
	host_set_int(listener, SOL_SOCKET, SO_RCVBUF, 1);
	g = guest_tcp_new(s, port);
	g->mss = 8960;
	hook_sndbuf = 1;
	fd = guest_tcp_connect(g, listener);
	hook_sndbuf = 0;
	guest_tcp_upload(g, fd, 10 * SOME_LEN);
	guest_tcp_download(g, fd, SOME_LEN);
	close(fd);
	close(listener);
}

/**
 * ask() - Have the guest send a short question
 * @e:		Connection
 *
 * Return: true if it is acknowledged at once
 */
static bool ask(struct ends *e)
{
	struct seg seg;

	guest_tcp_send(e->g, F_ACK | F_PSH, 10);
	stack_settle(e->s);
	if (!guest_tcp_recv(e->g, &seg))
		return false;
	assert_int_equal(seg.flags, F_ACK);
	assert_int_equal(seg.ack, e->g->snd_nxt);
	return true;
}

static void answer_takes_acknowledgement_along(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	unsigned i;

	/* At first the guest may be one that waits with its next segment */
	assert_true(ask(&e));
	assert_true(ask(&e));
	for (i = 0; i < 100; i++) {
		assert_false(ask(&e));
		host_write(e.fd, i * 20, 20);
		guest_tcp_expect(e.g, F_ACK, &seg);
		assert_int_equal(seg.len, 20);
		assert_int_equal(seg.ack, e.g->snd_nxt);
		guest_tcp_expect_none(e.g);
	}
	guest_tcp_ack(e.g);
	ends_close(&e);
}

static void acknowledgement_does_not_wait_for_long(void **state)
{
	struct ends e = ends_open(state);
	unsigned at_once = 2, i, held = 0;
	struct seg seg;

	while (held < 5) {
		for (i = 0; i < at_once; i++)
			assert_true(ask(&e));
		assert_false(ask(&e));
		stack_advance(e.s, 3);
		guest_tcp_expect(e.g, F_ACK, &seg);
		assert_int_equal(seg.ack, e.g->snd_nxt);
		guest_tcp_expect_none(e.g);
		/* As there was no answer, less often from now on */
		at_once = (1U << ++held) - 1;
	}
	ends_close(&e);
}

static void second_segment_is_acknowledged_at_once(void **state)
{
	struct ends e = ends_open(state);

	assert_true(ask(&e));
	assert_true(ask(&e));
	assert_false(ask(&e));
	assert_true(ask(&e));
	/* In one batch, too; and an end, with nothing to wait for */
	guest_tcp_send(e.g, F_ACK, 10);
	assert_true(ask(&e));
	guest_tcp_send(e.g, F_ACK | F_FIN, 10);
	stack_settle(e.s);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->snd_una, e.g->snd_nxt);
	ends_close(&e);
}

static void scenario_18_burst_is_acked_without_timer(void **state)
{
	struct ends e = ends_open(state);
	uint64_t done = 0;
	int i, n;

	/* Slow start: each burst twice as long, and no time passes at all */
	for (n = 1; n <= 32; n *= 2) {
		for (i = 0; i < n; i++) {
			guest_tcp_send(e.g, F_ACK, 1000);
			done += 1000;
		}
		guest_tcp_expect_acked(e.g);
	}
	host_read(e.s, e.fd, 0, done);
	ends_close(&e);
}

static void scenario_19_no_event_storm(void **state)
{
	struct ends e = ends_open(state);
	unsigned before;
	int i;

	/* The guest takes nothing and the host has data, and still is full */
	e.g->wnd = 0;
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	host_write(e.fd, 0, 10 * SOME_LEN);
	guest_tcp_drain(e.g);
	guest_tcp_ack(e.g);
	guest_tcp_drain(e.g);
	before = e.s->events;
	for (i = 0; i < 20; i++)
		stack_turn(e.s, 1);
	assert_true(e.s->events - before <= 1);

	/* The same with the link full */
	e.g->wnd = UINT16_MAX;
	tap_mem_set_room(&e.s->c.tap, 0);
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	before = e.s->events;
	for (i = 0; i < 20; i++)
		stack_turn(e.s, 1);
	assert_true(e.s->events - before <= 1);
	tap_mem_set_room(&e.s->c.tap, TAP_MEM_UNLIMITED);
	guest_tcp_read(e.g, 10 * SOME_LEN);
	ends_close(&e);
}

static void gso_frames_from_guest(void **state)
{
	struct ends e = ends_open(state);
	size_t lens[] = { 1401, 2800, 14000, 60000, 65000 };
	uint64_t done = 0;
	struct seg seg;
	unsigned i;

	guest_tcp_upload(e.g, e.fd, 100);
	done = 100;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		seg_init(e.g, &seg, F_ACK | F_PSH);
		seg.len = MIN(lens[i], e.g->peer_wnd);
		seg.gso_size = 1400;
		guest_tcp_put(e.g, &seg);
		e.g->snd_nxt += (uint32_t)seg.len;
		host_read(e.s, e.fd, done, seg.len);
		done += seg.len;
		guest_tcp_expect_acked(e.g);
	}
	ends_close(&e);
}

/**
 * with_mss() - Transfers with an MSS of the guest
 * @state:	Of the test
 * @mss:	MSS, -1 for no option
 */
static void with_mss(void **state, int mss)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	int listener, fd;
	uint16_t port;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	g->mss = mss;
	fd = guest_tcp_connect(g, listener);
	/* guest_tcp.c fails on longer segments */
	guest_tcp_download(g, fd, SOME_LEN);
	guest_tcp_upload(g, fd, SOME_LEN);
	assert_int_equal(g->retrans, 0);
	close(fd);
	close(listener);
}

static void mss_of_guest_536(void **state)
{
	with_mss(state, 536);
}

static void mss_of_guest_1(void **state)
{
	with_mss(state, 1);
}

static void mss_of_guest_0(void **state)
{
	with_mss(state, 0);
}

static void mss_of_guest_not_given(void **state)
{
	with_mss(state, -1);
}

static void mss_of_guest_65535(void **state)
{
	with_mss(state, 65535);
}

#define BOTH(f)		STACK_TEST(f, v4), STACK_TEST(f, v6)
#define ALL(f)								\
	BOTH(f),							\
	STACK_TEST(f, v4_offload), STACK_TEST(f, v6_offload),		\
	STACK_TEST(f, v4_bytes), STACK_TEST(f, v6_bytes),		\
	STACK_TEST(f, v4_twelve), STACK_TEST(f, v6_twelve),		\
	STACK_TEST(f, v4_no_peek_off), STACK_TEST(f, v6_no_peek_off)
#define SEVERAL(f)							\
	BOTH(f), STACK_TEST(f, v4_offload), STACK_TEST(f, v6_bytes),	\
	STACK_TEST(f, v4_no_peek_off), STACK_TEST(f, v6_no_peek_off)

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		ALL(upload),
		ALL(download),
		ALL(both_directions_in_turns),
		BOTH(guest_sequence_wraps),
		SEVERAL(stack_sequence_wraps),
		SEVERAL(scenario_4_keepalive_is_acked),
		SEVERAL(scenario_6_window_shrunk_to_zero_and_update_lost),
		SEVERAL(zero_window_reopened),
		ALL(scenario_8_window_of_a_segment_when_host_reads),
		BOTH(window_in_syn_is_zero),
		SEVERAL(window_is_kept_to),
		SEVERAL(scenario_7_full_link_loses_nothing),
		SEVERAL(scenario_7_link_with_room_for_one),
		SEVERAL(scenario_7_full_link_with_lost_data),
		BOTH(scenario_7_handshake_and_fin_wait_for_room),
		BOTH(scenario_8_upload_resumes_when_host_reads),
		SEVERAL(scenario_9_partial_ack_keeps_retransmission),
		SEVERAL(retransmission_backs_off),
		BOTH(unanswered_data_is_given_up),
		SEVERAL(fast_retransmit_on_third_duplicate),
		SEVERAL(window_updates_are_no_duplicates),
		SEVERAL(lost_segments_come_again),
		SEVERAL(scenario_14_last_segment_of_batch_has_psh),
		BOTH(scenario_16_send_buffer_below_mss),
		BOTH(answer_takes_acknowledgement_along),
		BOTH(acknowledgement_does_not_wait_for_long),
		BOTH(second_segment_is_acknowledged_at_once),
		SEVERAL(scenario_18_burst_is_acked_without_timer),
		SEVERAL(scenario_19_no_event_storm),
		STACK_TEST(gso_frames_from_guest, v4_offload),
		STACK_TEST(gso_frames_from_guest, v6_offload),
		STACK_TEST(gso_frames_from_guest, v4_bytes),
		SEVERAL(mss_of_guest_536),
		BOTH(mss_of_guest_1),
		BOTH(mss_of_guest_0),
		BOTH(mss_of_guest_not_given),
		SEVERAL(mss_of_guest_65535),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
