// SPDX-License-Identifier: BSD-3-Clause
/* frame_tcp_batch.c - segments of one batch: data is delivered together */

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "ends.h"
#include "hooks.h"
#include "passt.h"
#include "stats.h"
#include "tcp_conn.h"

#define COUNT		20		/* Segments of a batch */
#define LEN		100		/* Bytes of each */
#define TOTAL		(COUNT * LEN)
#define LONG_LEN	1400
#define BATCHES		50

/**
 * send_segments() - Have the guest send segments that follow each other
 * @g:		Connection
 * @count:	How many
 */
static void send_segments(struct guest_tcp *g, int count)
{
	while (count--)
		guest_tcp_send(g, count ? F_ACK : F_ACK | F_PSH, LEN);
}

static void a_batch_is_one_call(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	uint64_t i;

	for (i = 0; i < BATCHES; i++) {
		hook_sendmsgs = 0;
		send_segments(e.g, COUNT);
		stack_turn(e.s, 0);
		assert_int_equal(hook_sendmsgs, 1);
		host_read(e.s, e.fd, i * TOTAL, TOTAL);
		/* Nor is there more than one answer */
		guest_tcp_expect(e.g, F_ACK, &seg);
		assert_int_equal(seg.ack, e.g->snd_nxt);
		guest_tcp_expect_none(e.g);
	}
	ends_close(&e);
}

static void what_fits_no_call_makes_two(void **state)
{
	struct ends e = ends_open(state);
	int i;

	/* In pieces of a byte, a few segments have as many as there may be */
	hook_sendmsgs = 0;
	for (i = 0; i < COUNT; i++)
		guest_tcp_send(e.g, F_ACK, LONG_LEN);
	stack_settle(e.s);
	assert_in_range(hook_sendmsgs, 2, COUNT);
	host_read(e.s, e.fd, 0, COUNT * LONG_LEN);
	guest_tcp_expect_acked(e.g);
	ends_close(&e);
}

static void connections_take_turns(void **state)
{
	struct ends e = ends_open(state), other = { .s = e.s };
	uint16_t port;
	int i;

	other.listener = host_listen(e.s, &port);
	other.g = guest_tcp_new(e.s, port);
	other.fd = guest_tcp_connect(other.g, other.listener);
	hook_sendmsgs = 0;
	for (i = 0; i < COUNT / 2; i++) {
		send_segments(e.g, 1);
		send_segments(other.g, 1);
	}
	stack_turn(e.s, 0);
	assert_int_equal(hook_sendmsgs, 2);
	guest_tcp_expect_acked(e.g);
	guest_tcp_expect_acked(other.g);
	host_read(e.s, e.fd, 0, TOTAL / 2);
	host_read(e.s, other.fd, 0, TOTAL / 2);
	ends_close(&e);
	ends_close(&other);
}

/**
 * leave_no_room() - Have sockets full, and no room for what they don't take
 * @s:		Stack
 * @others:	Set to what is kept there
 */
static void leave_no_room(struct stack *s, struct tcp_kept *others)
{
	static char buf[4096];
	struct iovec iov;

	others->len = 0;
	while (tcp_pool_add(&s->c.tcp->pool, others,
			    view_from_buf(&iov, buf, sizeof(buf))))
		;
	hook_no_room = true;
}

static void gap_in_a_batch(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;
	struct seg seg;

	send_segments(e.g, 2);
	guest_tcp_send_at(e.g, F_ACK, start + 3 * LEN, LEN);
	guest_tcp_send_at(e.g, F_ACK, start + 2 * LEN, LEN);
	e.g->snd_nxt = start + 4 * LEN;
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start + 2 * LEN);
	/* The first one behind the gap was kept */
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start + 4 * LEN);
	host_read(e.s, e.fd, 0, 4 * LEN);
	host_expect_quiet(e.s, e.fd);
	ends_close(&e);
}

/**
 * send_ahead() - Have the guest send some behind a gap that remains
 * @e:		Connection
 * @first:	Segment to begin with, the next one is 0
 * @count:	Segments
 */
static void send_ahead(struct ends *e, uint32_t first, uint32_t count)
{
	struct seg seg;
	uint32_t i;

	for (i = first; i < first + count; i++) {
		guest_tcp_send_at(e->g, F_ACK, e->g->snd_una + i * LEN, LEN);
		guest_tcp_expect(e->g, F_ACK, &seg);
		assert_int_equal(seg.ack, e->g->snd_una);
	}
}

/* What Linux does after a time-out without SACK: RFC 5682, 2.1 */
static void new_data_behind_a_gap(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;
	unsigned free = e.s->c.tcp->pool.free_count, round;
	struct seg seg;

	for (round = 0; round < 3; round++, start += 9 * LEN) {
		e.g->snd_nxt = start + 9 * LEN;
		send_ahead(&e, 3, 4);
		/* Twice the same, then some of it new */
		send_ahead(&e, 6, 1);
		guest_tcp_send_at(e.g, F_ACK, start + 5 * LEN, 4 * LEN);
		guest_tcp_expect(e.g, F_ACK, &seg);
		assert_int_equal(seg.ack, start);
		/* Neither before that nor behind another gap */
		send_ahead(&e, 1, 1);
		send_ahead(&e, 10, 1);
		assert_true(e.s->c.tcp->pool.free_count < free);
		/* The gap is filled, with more than is missing */
		guest_tcp_send_at(e.g, F_ACK, start, LEN);
		guest_tcp_send_at(e.g, F_ACK, start + LEN, 3 * LEN);
		guest_tcp_expect_acked(e.g);
		host_read(e.s, e.fd, round * 9 * LEN, 9 * LEN);
		host_expect_quiet(e.s, e.fd);
		assert_int_equal(e.s->c.tcp->pool.free_count, free);
	}

	/* One that is repeated whole */
	send_ahead(&e, 1, 2);
	e.g->snd_nxt = start;
	send_segments(e.g, 4);
	guest_tcp_expect_acked(e.g);
	host_read(e.s, e.fd, round * 9 * LEN, 4 * LEN);
	assert_int_equal(e.s->c.tcp->pool.free_count, free);

	/* One that is never filled */
	send_ahead(&e, 1, 2);
	host_reset(e.fd);
	expect_flows(e.s, 0);
	assert_int_equal(e.s->c.tcp->pool.free_count, free);
	close(e.listener);
}

static void gap_is_filled_without_room(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;

	send_ahead(&e, 2, 2);
	hook_no_room = true;
	guest_tcp_send_at(e.g, F_ACK, start, 2 * LEN);
	e.g->snd_nxt = start + 4 * LEN;
	guest_tcp_expect_acked(e.g);
	hook_no_room = false;
	send_segments(e.g, 1);
	guest_tcp_expect_acked(e.g);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	host_read(e.s, e.fd, 0, 5 * LEN);
	host_expect_eof(e.s, e.fd);
	ends_close(&e);
}

/* The pool is there for what was offered to guests */
static void no_room_behind_a_gap(void **state)
{
	struct ends e = ends_open(state);
	struct tcp_kept others;

	leave_no_room(e.s, &others);
	hook_no_room = false;
	send_ahead(&e, 1, 2);
	assert_int_equal(e.s->c.tcp->pool.free_count, 0);
	tcp_pool_take(&e.s->c.tcp->pool, &others, others.len / 4);
	send_ahead(&e, 1, 2);
	tcp_pool_take(&e.s->c.tcp->pool, &others, others.len);
	assert_int_equal(e.s->c.tcp->pool.free_count, TCP_CHUNKS);
	send_segments(e.g, 3);
	guest_tcp_expect_acked(e.g);
	host_read(e.s, e.fd, 0, 3 * LEN);
	ends_close(&e);
}

/* What a guest sends for behind its own end is nothing to anybody */
static void end_before_what_is_ahead(void **state)
{
	struct ends e = ends_open(state);
	unsigned free = e.s->c.tcp->pool.free_count;
	uint32_t start = e.g->snd_nxt;
	struct seg seg;

	guest_tcp_send_at(e.g, F_ACK, start + 1, LEN);
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	host_expect_eof(e.s, e.fd);
	assert_int_equal(e.s->c.tcp->pool.free_count, free);
	guest_tcp_send(e.g, F_ACK, 0);
	stack_settle(e.s);
	host_write(e.fd, 0, LEN);
	guest_tcp_read(e.g, LEN);
	ends_close(&e);
}

static void end_in_a_batch(void **state)
{
	struct ends e = ends_open(state);

	send_segments(e.g, 3);
	guest_tcp_send(e.g, F_ACK | F_FIN, LEN);
	stack_settle(e.s);
	host_read(e.s, e.fd, 0, 4 * LEN);
	host_expect_eof(e.s, e.fd);
	guest_tcp_expect_acked(e.g);
	ends_close(&e);
}

static void reset_in_a_batch(void **state)
{
	struct ends e = ends_open(state);

	hook_sendmsgs = 0;
	send_segments(e.g, 3);
	guest_tcp_send(e.g, F_RST, 0);
	expect_flows(e.s, 0);
	assert_int_equal(hook_sendmsgs, 1);
	host_read(e.s, e.fd, 0, 3 * LEN);
	host_expect_reset(e.s, e.fd);
	ends_close(&e);
}

static void host_resets_before_a_batch(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;

	host_reset(e.fd);
	send_segments(e.g, COUNT);
	guest_tcp_expect(e.g, F_RST | F_ACK, &seg);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void no_room_for_a_batch(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;
	struct tcp_kept others;
	struct seg seg;

	/* More than was told, as if the kernel had less memory meanwhile */
	leave_no_room(e.s, &others);
	send_segments(e.g, COUNT);
	guest_tcp_send(e.g, F_ACK | F_FIN, LEN);
	stack_settle(e.s);
	hook_no_room = false;
	guest_tcp_expect(e.g, F_ACK, &seg);
	assert_int_equal(seg.ack, start);
	assert_true(stack_stat(e.s, STAT_TCP_POOL_FULL) > 0);
	tcp_pool_take(&e.s->c.tcp->pool, &others, others.len);

	/* The guest sends it again */
	e.g->snd_nxt = start;
	send_segments(e.g, COUNT);
	guest_tcp_expect_acked(e.g);
	host_read(e.s, e.fd, 0, TOTAL);
	host_expect_quiet(e.s, e.fd);
	ends_close(&e);
}

static void new_connection_in_a_batch(void **state)
{
	struct ends e = ends_open(state);
	int old = e.fd;
	struct seg seg;

	shutdown(old, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	hook_no_room = true;
	send_segments(e.g, 1);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_restart(e.g, e.g->snd_nxt + 100000);
	guest_tcp_send(e.g, F_SYN, 0);
	stack_turn(e.s, 0);
	hook_no_room = false;

	/* What was kept goes on, but the guest hears of the new one only */
	guest_tcp_expect(e.g, F_SYN | F_ACK, &seg);
	stack_advance(e.s, 100);
	guest_tcp_expect_none(e.g);
	expect_flows(e.s, 2);
	host_reset(old);
	close(e.listener);
}

static void data_comes_twice_in_a_batch(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;

	send_segments(e.g, 2);
	/* Old, old and new, and what follows that */
	guest_tcp_send_at(e.g, F_ACK, start, LEN);
	guest_tcp_send_at(e.g, F_ACK, start + LEN, 2 * LEN);
	e.g->snd_nxt = start + 3 * LEN;
	send_segments(e.g, 2);
	guest_tcp_expect_acked(e.g);
	host_read(e.s, e.fd, 0, 5 * LEN);
	host_expect_quiet(e.s, e.fd);
	ends_close(&e);
}

/* Flags, and how far beyond the right ones the numbers are */
static const struct {
	uint8_t flags;
	uint32_t seq, ack;
} forged[] = {
	{ F_SYN, 0, 0 }, { F_RST, 1, 0 }, { F_ACK, 0, 1 },
};

/**
 * send_forged() - Have the guest send three segments and what isn't its own
 * @g:		Connection
 * @i:		Which one
 * @answer:	Set to the answer to that
 */
static void send_forged(struct guest_tcp *g, unsigned i, struct seg *answer)
{
	struct seg seg;

	send_segments(g, 3);
	seg_init(g, &seg, forged[i].flags);
	seg.seq += forged[i].seq;
	seg.ack += forged[i].ack;
	seg.len = forged[i].flags & F_ACK ? LEN : 0;
	guest_tcp_put(g, &seg);
	guest_tcp_expect(g, F_ACK, answer);
}

static void forgery_in_a_batch(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		send_forged(e.g, i, &seg);
		assert_int_equal(seg.ack, e.g->snd_nxt);
		send_segments(e.g, 1);
		guest_tcp_expect_acked(e.g);
		host_read(e.s, e.fd, i * 4 * LEN, 4 * LEN);
	}
	host_expect_quiet(e.s, e.fd);
	ends_close(&e);
}

static void answer_to_forgery_knows_what_is_lost(void **state)
{
	struct ends e = ends_open(state);
	uint32_t start = e.g->snd_nxt;
	struct tcp_kept others;
	struct seg seg;
	unsigned i;

	leave_no_room(e.s, &others);
	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		send_forged(e.g, i, &seg);
		assert_int_equal(seg.ack, start);
		guest_tcp_drain(e.g);
		e.g->snd_nxt = start;
	}
	hook_no_room = false;
	tcp_pool_take(&e.s->c.tcp->pool, &others, others.len);
	send_segments(e.g, 3);
	guest_tcp_expect_acked(e.g);
	host_read(e.s, e.fd, 0, 3 * LEN);
	ends_close(&e);
}

static void closed_for_another_in_its_batch(void **state)
{
	struct ends e = ends_open(state);
	struct guest_tcp *other;
	struct rlimit old, none;
	uint16_t port;
	int listener;
	struct seg seg;

	listener = host_listen(e.s, &port);
	other = guest_tcp_new(e.s, port);
	send_segments(e.g, 3);
	guest_tcp_send(other, F_SYN, 0);
	send_segments(e.g, 3);

	/* The new one gets the descriptor of the one whose data is there */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 0, old.rlim_max };
	hook_sendmsgs = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	stack_turn(e.s, 0);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(hook_sendmsgs, 0);
	guest_tcp_expect(e.g, F_RST | F_ACK, &seg);
	close(listener);
	ends_close(&e);
}

#define BOTH(f)		STACK_TEST(f, v4), STACK_TEST(f, v6)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_batch_is_one_call),
		STACK_TEST(a_batch_is_one_call, v4_offload),
		STACK_TEST(a_batch_is_one_call, v6_twelve),
		STACK_TEST(what_fits_no_call_makes_two, v4_bytes),
		BOTH(connections_take_turns),
		BOTH(gap_in_a_batch),
		BOTH(new_data_behind_a_gap),
		BOTH(gap_is_filled_without_room),
		BOTH(no_room_behind_a_gap),
		BOTH(end_before_what_is_ahead),
		BOTH(end_in_a_batch),
		BOTH(reset_in_a_batch),
		BOTH(host_resets_before_a_batch),
		BOTH(no_room_for_a_batch),
		BOTH(new_connection_in_a_batch),
		BOTH(data_comes_twice_in_a_batch),
		BOTH(forgery_in_a_batch),
		BOTH(answer_to_forgery_knows_what_is_lost),
		BOTH(closed_for_another_in_its_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
