// SPDX-License-Identifier: BSD-3-Clause
/* test_flow.c - the flow table, with flows that only take notes */

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <cmocka.h>

#include "flow.h"
#include "log.h"
#include "passt.h"
#include "util.h"

#define LARGE		8192U
#define SMALL		128U	/* Half of it is kept back for evictions */
#define SMALL_USE	64U
#define ATTEMPTS	2048U	/* As flow.c bounds them */
#define ECHO_FLOWS	4096U	/* Likewise */
#define NOTES		(2 * LARGE)

/**
 * struct note - what was called, in order
 * @what:	'e'vent, 't'imer, 'r'esume, 'x' for evict
 * @flow:	For which flow
 */
struct note {
	char what;
	const struct flow *flow;
};

static struct ctx ctx;
static struct note notes[NOTES];
static unsigned note_count;
static bool wait_again, block_on_resume;

static void note(char what, const struct flow *flow)
{
	assert_true(note_count < NOTES);
	notes[note_count++] = (struct note){ what, flow };
}

static void on_event(struct ctx *c, struct flow *flow, unsigned side,
		     uint32_t events)
{
	assert_ptr_equal(c, &ctx);
	assert_int_equal(events, EPOLLIN);
	assert_int_equal(side, SIDE_TGT);
	note('e', flow);
}

static void on_timer(struct ctx *c, struct flow *flow)
{
	assert_ptr_equal(c, &ctx);
	note('t', flow);
}

static void on_resume(struct ctx *c, struct flow *flow)
{
	note('r', flow);
	if (wait_again)
		flow_wait_room(c, flow);
	c->tap.blocked = block_on_resume;
}

static void on_evict(struct ctx *c, struct flow *flow)
{
	note('x', flow);
	flow_close(c, flow);
}

static const struct flow_ops ops = {
	.event = on_event, .timer = on_timer, .resume = on_resume,
	.evict = on_evict,
};

/* Fails unless exactly this was called since the last look */
static void expect_one(char what, const struct flow *flow)
{
	assert_int_equal(note_count, 1);
	assert_int_equal(notes[0].what, what);
	assert_ptr_equal(notes[0].flow, flow);
	note_count = 0;
}

static void start(uint32_t max)
{
	enum flow_type type;

	memset(&ctx, 0, sizeof(ctx));
	ctx.wheel = calloc(1, sizeof(*ctx.wheel));
	ctx.epollfd = epoll_create1(EPOLL_CLOEXEC);
	ctx.flows = flow_table_new(max);
	timer_init(ctx.wheel, 0);
	for (type = FLOW_TCP; type < FLOW_TYPE_MAX; type++)
		flow_register(ctx.flows, type, &ops);
	note_count = 0;
	wait_again = block_on_resume = false;
	log_set_level(LOG_LEVEL_ERR);
}

static int teardown(void **state)
{
	(void)state;
	close(ctx.epollfd);
	free(ctx.wheel);
	free(ctx.flows);
	return 0;
}

static struct flow *make(enum flow_type type)
{
	struct flow *flow = flow_alloc(&ctx, type, IPPROTO_TCP);

	assert_non_null(flow);
	return flow;
}

static struct flow *attempt(enum flow_type type)
{
	struct flow *flow = make(type);

	flow_set_half_open(&ctx, flow, true);
	return flow;
}

/* Addresses that differ in whatever number is given */
static struct flow_side side_of(uint32_t n)
{
	struct in_addr far = { htonl(0xc6336400 | (n & 0xff)) };
	struct in_addr near = { htonl(0xc0000201) };

	return (struct flow_side){
		.far = addr_from_v4(far), .near = addr_from_v4(near),
		.far_port = (uint16_t)(n >> 8), .near_port = 80,
		.place = PLACE_GUEST,
	};
}

static void hash(struct flow *flow, uint32_t ini, uint32_t tgt)
{
	flow->side[SIDE_INI] = side_of(ini);
	flow->side[SIDE_TGT] = side_of(tgt);
	flow->side[SIDE_TGT].place = PLACE_HOST;
	flow_hash_side(ctx.flows, flow, SIDE_INI);
	flow_hash_side(ctx.flows, flow, SIDE_TGT);
}

static struct flow *find(uint32_t n, uint8_t place, unsigned *side)
{
	struct flow_side key = side_of(n);

	key.place = place;
	return flow_lookup(ctx.flows, IPPROTO_TCP, &key, side);
}

static void test_lookup_by_either_side(void **state)
{
	struct flow_side key = side_of(1);
	unsigned side = 9;
	struct flow *flow;

	(void)state;
	start(SMALL);
	flow = make(FLOW_TCP);
	hash(flow, 1, 2);
	assert_ptr_equal(find(1, PLACE_GUEST, &side), flow);
	assert_int_equal(side, SIDE_INI);
	assert_ptr_equal(find(2, PLACE_HOST, &side), flow);
	assert_int_equal(side, SIDE_TGT);
	assert_ptr_equal(find(2, PLACE_HOST, NULL), flow);

	/* Each part of the addresses counts, and so does the protocol */
	assert_null(find(1, PLACE_HOST, NULL));
	assert_null(find(2, PLACE_GUEST, NULL));
	assert_null(find(0x101, PLACE_GUEST, NULL));
	assert_null(flow_lookup(ctx.flows, IPPROTO_UDP, &key, NULL));
	key.near_port++;
	assert_null(flow_lookup(ctx.flows, IPPROTO_TCP, &key, NULL));
	key = side_of(1);
	key.near = key.far;
	assert_null(flow_lookup(ctx.flows, IPPROTO_TCP, &key, NULL));

	flow_unhash(ctx.flows, flow);
	assert_null(find(1, PLACE_GUEST, NULL));
	assert_null(find(2, PLACE_HOST, NULL));
	assert_int_equal(flow->hashed, 0);
}

static void test_lookup_among_many(void **state)
{
	static struct flow *flows[LARGE / 2];
	uint32_t i;

	(void)state;
	start(LARGE);
	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		flows[i] = make(FLOW_TCP);
		hash(flows[i], i, i + 0x10000);
	}
	/* Any order, from the middle of a bucket's list as well */
	for (i = 0; i < ARRAY_SIZE(flows); i += 3)
		flow_close(&ctx, flows[i]);
	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		struct flow *want = i % 3 ? flows[i] : NULL;

		assert_ptr_equal(find(i, PLACE_GUEST, NULL), want);
		assert_ptr_equal(find(i + 0x10000, PLACE_HOST, NULL), want);
	}
}

static void test_closed_flow_is_freed_with_the_turn(void **state)
{
	struct flow *flow, *other;
	uint32_t index;

	(void)state;
	start(SMALL);
	flow = make(FLOW_UDP);
	index = flow_index(ctx.flows, flow);
	hash(flow, 1, 2);
	flow_handle_event(&ctx, index, SIDE_TGT, EPOLLIN);
	expect_one('e', flow);
	flow_timer_set(&ctx, flow, 10);
	flow_wait_room(&ctx, flow);

	flow_close(&ctx, flow);
	flow_close(&ctx, flow);
	assert_null(find(1, PLACE_GUEST, NULL));
	assert_false(flow_any_ready(&ctx));
	/* Nothing is called any more, whatever comes late */
	flow_timer_set(&ctx, flow, 20);
	flow_wait_room(&ctx, flow);
	flow_handle_event(&ctx, index, SIDE_TGT, EPOLLIN);
	timer_run(ctx.wheel, 100, &ctx);
	flow_resume(&ctx);
	assert_int_equal(note_count, 0);

	/* Nor is its memory used again, up to the end of the turn */
	other = make(FLOW_TCP);
	assert_ptr_not_equal(other, flow);
	assert_int_equal(flow->type, FLOW_UDP);
	assert_int_equal(flow_count(ctx.flows, FLOW_UDP), 1);
	flow_end_turn(&ctx);
	assert_int_equal(flow_count(ctx.flows, FLOW_UDP), 0);
	flow_handle_event(&ctx, index, SIDE_TGT, EPOLLIN);
	assert_int_equal(note_count, 0);

	flow->side[SIDE_INI].far_port = 77;
	assert_ptr_equal(make(FLOW_TCP), flow);
	assert_int_equal(flow->side[SIDE_INI].far_port, 0);
	assert_false(flow->closing);
}

static void test_timer(void **state)
{
	struct flow *flow;

	(void)state;
	start(SMALL);
	flow = make(FLOW_ICMP);
	flow_timer_set(&ctx, flow, 10);
	flow_timer_set(&ctx, flow, 30);
	timer_run(ctx.wheel, 29, &ctx);
	assert_int_equal(note_count, 0);
	timer_run(ctx.wheel, 30, &ctx);
	expect_one('t', flow);
}

static void test_first_come_first_served(void **state)
{
	struct flow *f[4];
	unsigned i;

	(void)state;
	start(SMALL);
	assert_false(flow_any_ready(&ctx));
	for (i = 0; i < 4; i++) {
		f[i] = make(FLOW_TCP);
		flow_wait_room(&ctx, f[i]);
		flow_wait_room(&ctx, f[i]);
	}
	flow_close(&ctx, f[1]);
	wait_again = true;
	flow_resume(&ctx);

	/* Each once, although all of them wait again */
	assert_int_equal(note_count, 3);
	assert_ptr_equal(notes[0].flow, f[0]);
	assert_ptr_equal(notes[1].flow, f[2]);
	assert_ptr_equal(notes[2].flow, f[3]);
	assert_true(flow_any_ready(&ctx));

	/* No more than there is room for; the others keep their turn */
	note_count = 0;
	wait_again = false;
	block_on_resume = true;
	flow_resume(&ctx);
	expect_one('r', f[0]);
	/* None at all until the back-end tells that there is room */
	assert_false(flow_any_ready(&ctx));
	flow_resume(&ctx);
	assert_int_equal(note_count, 0);
	block_on_resume = ctx.tap.blocked = false;
	assert_true(flow_any_ready(&ctx));
	flow_resume(&ctx);
	assert_int_equal(note_count, 2);
	assert_ptr_equal(notes[0].flow, f[2]);
	assert_ptr_equal(notes[1].flow, f[3]);
	assert_false(flow_any_ready(&ctx));
}

/* Those that are just to let others have their turn don't wait for room */
static void test_turns_go_on_without_room(void **state)
{
	struct flow *room, *turn[2];

	(void)state;
	start(SMALL);
	room = make(FLOW_TCP);
	turn[0] = make(FLOW_TCP_SPLICE);
	turn[1] = make(FLOW_TCP);
	flow_wait_room(&ctx, room);
	flow_wait_turn(&ctx, turn[0]);
	flow_wait_turn(&ctx, turn[1]);
	/* Waiting for one thing, a flow isn't waiting for another */
	flow_wait_room(&ctx, turn[1]);

	ctx.tap.blocked = block_on_resume = true;
	assert_true(flow_any_ready(&ctx));
	flow_resume(&ctx);
	assert_int_equal(note_count, 2);
	assert_ptr_equal(notes[0].flow, turn[0]);
	assert_ptr_equal(notes[1].flow, turn[1]);
	assert_false(flow_any_ready(&ctx));

	/* One each turn, although it asks for another */
	note_count = 0;
	wait_again = true;
	flow_wait_turn(&ctx, turn[0]);
	flow_resume(&ctx);
	expect_one('r', turn[0]);

	ctx.tap.blocked = block_on_resume = wait_again = false;
	flow_resume(&ctx);
	assert_int_equal(note_count, 2);
	assert_ptr_equal(notes[0].flow, room);
	assert_ptr_equal(notes[1].flow, turn[0]);
}

static void test_attempts_are_bounded(void **state)
{
	static struct flow *attempts[ATTEMPTS];
	struct flow *old[4];
	unsigned i;

	(void)state;
	start(LARGE);
	for (i = 0; i < 4; i++)
		old[i] = make(FLOW_TCP);
	for (i = 0; i < ATTEMPTS; i++)
		attempts[i] = attempt(i % 2 ? FLOW_TCP : FLOW_TCP_SPLICE);
	assert_int_equal(note_count, 0);

	/* The oldest attempt goes, not what has been there for longer */
	attempt(FLOW_TCP);
	expect_one('x', attempts[0]);

	/* Said twice counts once; what succeeded is none any more */
	flow_set_half_open(&ctx, attempts[1], false);
	flow_set_half_open(&ctx, attempts[1], false);
	flow_set_half_open(&ctx, attempts[2], true);
	attempt(FLOW_TCP);
	assert_int_equal(note_count, 0);
	attempt(FLOW_TCP);
	expect_one('x', attempts[2]);

	/* Nor is one that is closed */
	flow_close(&ctx, attempts[3]);
	attempt(FLOW_TCP);
	assert_int_equal(note_count, 0);
	for (i = 0; i < 2 * LARGE / 3; i++) {
		attempt(FLOW_TCP);
		flow_end_turn(&ctx);
	}
	for (i = 0; i < 4; i++)
		assert_false(old[i]->closing);
	assert_false(attempts[1]->closing);
	for (i = 0; i < note_count; i++)
		assert_ptr_not_equal(notes[i].flow, attempts[1]);
}

/* As many attempts as may be: a reason to wait, while they are recent */
static void test_crowded(void **state)
{
	struct flow *first;
	unsigned i;

	(void)state;
	start(LARGE);
	/* Only the lower half is kept */
	ctx.now_ms = UINT32_MAX - 1000ULL;
	first = attempt(FLOW_TCP);
	ctx.now_ms += 500;
	for (i = 1; i < ATTEMPTS; i++) {
		assert_false(flow_is_crowded(&ctx));
		attempt(FLOW_TCP);
	}
	assert_true(flow_is_crowded(&ctx));
	ctx.now_ms += 2499;
	assert_true(flow_is_crowded(&ctx));
	ctx.now_ms++;
	assert_false(flow_is_crowded(&ctx));
	flow_set_half_open(&ctx, first, false);
	assert_false(flow_is_crowded(&ctx));
	attempt(FLOW_TCP);
	assert_true(flow_is_crowded(&ctx));
}

static bool is_arg(const struct flow *flow, const void *arg)
{
	return flow == arg;
}

static void test_pick_port(void **state)
{
	struct flow_side side = side_of(1), wish = side;
	struct flow *flow, *other;

	(void)state;
	start(SMALL);
	assert_true(flow_pick_port(ctx.flows, IPPROTO_TCP, &wish, NULL, NULL));
	assert_int_equal(wish.near_port, side.near_port);

	/* In use: another one, unless sharing it is all right */
	flow = make(FLOW_TCP);
	other = make(FLOW_TCP);
	flow->side[SIDE_TGT] = side;
	flow_hash_side(ctx.flows, flow, SIDE_TGT);
	assert_true(flow_pick_port(ctx.flows, IPPROTO_TCP, &wish, is_arg,
				   flow));
	assert_int_equal(wish.near_port, side.near_port);
	assert_true(flow_pick_port(ctx.flows, IPPROTO_TCP, &wish, is_arg,
				   other));
	assert_true(wish.near_port >= 49152);
	wish = side;
	assert_true(flow_pick_port(ctx.flows, IPPROTO_TCP, &wish, NULL, NULL));
	assert_true(wish.near_port >= 49152);

	/* The client has none that could be used */
	wish.near_port = 0;
	assert_true(flow_pick_port(ctx.flows, IPPROTO_TCP, &wish, NULL, NULL));
	assert_true(wish.near_port >= 49152);
}

static void test_full_table_closes_in_order(void **state)
{
	static const enum flow_type order[] = {
		FLOW_ICMP, FLOW_UDP, FLOW_UDP_SPLICE, FLOW_TCP,
		FLOW_TCP_SPLICE,
	};
	struct flow *f[ARRAY_SIZE(order)][2], *half[2];
	unsigned i, n;

	(void)state;
	start(SMALL);
	/* Oldest first those that are to go last */
	for (i = ARRAY_SIZE(order); i--;) {
		f[i][1] = make(order[i]);
		f[i][0] = make(order[i]);
		flow_touch(ctx.flows, f[i][1]);
	}
	half[0] = attempt(FLOW_TCP_SPLICE);
	half[1] = attempt(FLOW_TCP);
	for (n = 2 * ARRAY_SIZE(order) + 2; n < SMALL_USE; n++)
		make(FLOW_TCP_SPLICE);
	assert_int_equal(note_count, 0);

	for (i = 0; i < 2; i++) {
		make(FLOW_TCP_SPLICE);
		expect_one('x', half[i]);
		flow_end_turn(&ctx);
	}
	for (i = 0; i < 2 * ARRAY_SIZE(order); i++) {
		make(FLOW_TCP_SPLICE);
		/* The one that was touched is the younger one */
		if (order[i / 2] != FLOW_TCP_SPLICE)
			expect_one('x', f[i / 2][i % 2]);
		flow_end_turn(&ctx);
	}
	assert_int_equal(flow_count(ctx.flows, FLOW_TCP_SPLICE), SMALL_USE);
	assert_int_equal(flow_count(ctx.flows, FLOW_TCP), 0);
}

/* Of echo flows there are less than the table holds */
static void test_echo_flows_are_bounded(void **state)
{
	struct flow *first, *second;
	unsigned i;

	(void)state;
	start(LARGE);
	make(FLOW_UDP);
	first = make(FLOW_ICMP);
	second = make(FLOW_ICMP);
	for (i = 2; i < ECHO_FLOWS; i++)
		make(FLOW_ICMP);
	flow_touch(ctx.flows, first);
	make(FLOW_UDP);
	assert_int_equal(note_count, 0);

	make(FLOW_ICMP);
	expect_one('x', second);
	flow_end_turn(&ctx);
	flow_close(&ctx, first);
	flow_end_turn(&ctx);
	make(FLOW_ICMP);
	assert_int_equal(note_count, 0);
	assert_int_equal(flow_count(ctx.flows, FLOW_ICMP), ECHO_FLOWS);
}

static void test_all_at_once_in_one_turn(void **state)
{
	unsigned i;

	(void)state;
	start(SMALL);
	/* What is closed isn't free yet: there is a reserve for that */
	for (i = 0; i < SMALL; i++)
		make(FLOW_UDP);
	assert_int_equal(note_count, SMALL - SMALL_USE);
	assert_null(flow_alloc(&ctx, FLOW_UDP, IPPROTO_UDP));
	flow_end_turn(&ctx);
	make(FLOW_UDP);
}

static void test_room_is_made_for_want_of_descriptors_only(void **state)
{
	struct flow *old, *half, *except;

	(void)state;
	start(SMALL);
	assert_false(flow_make_room(&ctx, NULL, -EMFILE));
	old = make(FLOW_TCP);
	half = attempt(FLOW_TCP);
	except = attempt(FLOW_TCP);
	assert_false(flow_make_room(&ctx, except, 5));
	assert_false(flow_make_room(&ctx, except, 0));
	assert_false(flow_make_room(&ctx, except, -ENOBUFS));
	assert_int_equal(note_count, 0);

	assert_true(flow_make_room(&ctx, except, -EMFILE));
	expect_one('x', half);
	assert_true(flow_make_room(&ctx, except, -ENFILE));
	expect_one('x', old);
	assert_false(flow_make_room(&ctx, except, -EMFILE));
	assert_int_equal(note_count, 0);
	assert_false(except->closing);
}

static void test_close_all(void **state)
{
	enum flow_type type;

	(void)state;
	start(SMALL);
	for (type = FLOW_TCP; type < FLOW_TYPE_MAX; type++) {
		flow_wait_room(&ctx, make(type));
		make(type);
		attempt(type);
	}
	flow_close_all(&ctx);
	assert_int_equal(note_count, 3 * (FLOW_TYPE_MAX - 1));
	assert_false(flow_any_ready(&ctx));
	flow_end_turn(&ctx);
	for (type = FLOW_TCP; type < FLOW_TYPE_MAX; type++)
		assert_int_equal(flow_count(ctx.flows, type), 0);
}

static void test_event_finds_its_flow(void **state)
{
	struct epoll_event ev;
	union event_ref ref;
	struct flow *flow;
	int p[2];

	(void)state;
	start(SMALL);
	make(FLOW_TCP);
	flow = make(FLOW_TCP);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(flow_epoll(&ctx, flow, SIDE_TGT, EPOLL_CTL_ADD, p[0],
				    EPOLLIN), 0);
	assert_int_equal(flow_epoll(&ctx, flow, SIDE_TGT, EPOLL_CTL_ADD, p[0],
				    EPOLLIN), -EEXIST);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(epoll_wait(ctx.epollfd, &ev, 1, 0), 1);
	ref.u64 = ev.data.u64;
	assert_int_equal(ref.type, EVENT_FLOW);
	flow_handle_event(&ctx, ref.index, ref.side, ev.events);
	expect_one('e', flow);
	close(p[0]);
	close(p[1]);
}

static void test_guest_side(void **state)
{
	struct flow flow = { 0 };

	(void)state;
	flow.side[SIDE_INI].place = PLACE_GUEST;
	flow.side[SIDE_TGT].place = PLACE_HOST;
	assert_int_equal(flow_guest_index(&flow), SIDE_INI);
	flow.side[SIDE_INI].place = PLACE_HOST;
	flow.side[SIDE_TGT].place = PLACE_GUEST;
	assert_int_equal(flow_guest_index(&flow), SIDE_TGT);
	flow.side[SIDE_TGT].place = PLACE_NS;
	assert_int_equal(flow_guest_index(&flow), SIDE_INI);
}

#define ROW(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_lookup_by_either_side),
		ROW(test_lookup_among_many),
		ROW(test_closed_flow_is_freed_with_the_turn),
		ROW(test_timer),
		ROW(test_first_come_first_served),
		ROW(test_turns_go_on_without_room),
		ROW(test_attempts_are_bounded),
		ROW(test_crowded),
		ROW(test_pick_port),
		ROW(test_full_table_closes_in_order),
		ROW(test_echo_flows_are_bounded),
		ROW(test_all_at_once_in_one_turn),
		ROW(test_room_is_made_for_want_of_descriptors_only),
		ROW(test_close_all),
		ROW(test_event_finds_its_flow),
		cmocka_unit_test(test_guest_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
