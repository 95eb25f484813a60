// SPDX-License-Identifier: BSD-3-Clause
/* frame_vu_front.c - front-ends of a vhost-user device that do what they must
 *		      not
 *
 * What a front-end does wrong has to be refused if it asked for an answer, else
 * it loses its connection, and so it does for what is no message; once it
 * connects again, all works. No descriptor that it passed is left.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "fd_count.h"
#include "flow.h"
#include "guest.h"
#include "stack.h"
#include "udp_ends.h"
#include "vu.h"
#include "vu_ends.h"
#include "vu_front.h"
#include "vu_msg.h"

/**
 * connect_again() - Set up the connection anew, after it was given up
 * @s:		Stack
 */
static void connect_again(struct stack *s)
{
	vu_front_connect(s->front);
	vu_front_start(s->front);
	works(s);
}

/**
 * expect_refused() - A request has to be refused; then without asking, too
 * @s:		Stack
 * @request:	Request
 * @payload:	Payload
 * @size:	Its bytes
 * @fd:		Descriptor to pass, -1 for none
 *
 * The connection is set up anew after that.
 */
static void expect_refused(struct stack *s, uint32_t request,
			   const void *payload, uint32_t size, int fd)
{
	struct vu_front *f = s->front;
	uint64_t failed;

	vu_front_send(f, request | VU_FLAG_NEED_REPLY << 16, payload, size,
		      &fd, fd >= 0);
	assert_true(vu_front_reply(f, request, &failed, sizeof(failed)));
	assert_int_equal(failed, 1);
	assert_false(vu_front_is_gone(f));

	vu_front_send(f, request, payload, size, &fd, fd >= 0);
	assert_true(vu_front_is_gone(f));
	connect_again(s);
}

/**
 * expect_dropped() - The connection has to be given up, what was sent was no
 *		      message; it is set up anew after that
 * @s:		Stack
 */
static void expect_dropped(struct stack *s)
{
	assert_true(vu_front_is_gone(s->front));
	connect_again(s);
}

static void message_header(void **state)
{
	static const struct vu_hdr bad[] = {
		{ VU_SET_OWNER, 0, 0 },
		{ VU_SET_OWNER, 2, 0 },
		{ VU_SET_OWNER, 3, 0 },
		{ VU_SET_OWNER, 1 | VU_FLAG_REPLY, 0 },
		{ VU_SET_FEATURES, 1, 1000 },
		{ VU_SET_MEM_TABLE, 1, 8 + 9 * 32 },
		{ VU_SET_FEATURES, 1, 1U << 31 },
		{ VU_SET_FEATURES, 1, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX },
	};
	struct stack *s = *state;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		send(s->front->sock, &bad[i], sizeof(bad[i]), 0);
		expect_dropped(s);
	}
}

/* Each request with a byte too little and too much */
static void message_size(void **state)
{
	static const uint8_t zeros[64];
	struct stack *s = *state;
	uint32_t r, size;
	unsigned dropped = 0;

	for (r = 1; r < VU_REQUESTS; r++) {
		for (size = 1; size < sizeof(zeros); size += 12) {
			vu_front_send(s->front, r, zeros, size, NULL, 0);
			if (!vu_front_is_gone(s->front))
				continue;
			vu_front_connect(s->front);
			vu_front_start(s->front);
			dropped++;
		}
	}
	/* All but those that are unknown */
	assert_int_equal(dropped, 21 * 6);
	works(s);
}

/* In pieces of a byte, which is all right; then the front-end leaves in the
 * middle of one, which has a descriptor
 */
static void message_in_pieces(void **state)
{
	struct stack *s = *state;
	struct {
		struct vu_hdr hdr;
		uint32_t index;
		uint32_t num;
	} msg = { { VU_GET_VRING_BASE, 1, 8 }, 1, 0 };
	struct vhost_vring_state answer;
	struct vu_hdr hdr = { VU_SET_VRING_KICK, 1, 8 };
	unsigned i;

	for (i = 0; i < sizeof(msg); i++) {
		assert_int_equal(send(s->front->sock, (char *)&msg + i, 1, 0),
				 1);
		stack_turn(s, 0);
	}
	assert_true(vu_front_reply(s->front, VU_GET_VRING_BASE, &answer,
				   sizeof(answer)));
	assert_int_equal(answer.index, 1);

	vu_front_send(s->front, VU_SET_VRING_KICK, NULL, 0,
		      &s->front->kick[0], 1);
	expect_dropped(s);
	send(s->front->sock, &hdr, sizeof(hdr), 0);
	shutdown(s->front->sock, SHUT_WR);
	expect_dropped(s);
}

static void message_unknown(void **state)
{
	static const uint32_t unknown[] = { 0, 6, 24, 25, 41, 99, 0x7fff };
	struct stack *s = *state;
	struct vu_front *f = s->front;
	uint64_t failed = 0;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		vu_front_send(f, unknown[i], &failed, 8, &f->mem_fd, 1);
		assert_false(vu_front_is_gone(f));
		vu_front_send(f, unknown[i] | VU_FLAG_NEED_REPLY << 16,
			      &failed, 8, NULL, 0);
		assert_true(vu_front_reply(f, unknown[i], &failed, 8));
		assert_int_equal(failed, 1);
	}
	works(s);
}

/* Descriptors that are no flow's */
static unsigned other_fds(const struct stack *s)
{
	return fd_count() - flow_count(s->c.flows, FLOW_UDP);
}

/* Too many descriptors, for all, and for the request; too few; none where one
 * was told, and the other way round. Those that were passed are closed.
 */
static void message_descriptors(void **state)
{
	static const unsigned too_many[] = { 9, 16, 17, 64 };
	struct stack *s = *state;
	struct vu_front *f = s->front;
	uint64_t ring = FRONT_TX, none = FRONT_TX | 1U << 8;
	unsigned fds = other_fds(s), i;
	struct rlimit limit, none_left = { 0 };
	int fd[64];

	for (i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = f->mem_fd;
	for (i = 0; i < ARRAY_SIZE(too_many); i++) {
		vu_front_send(f, VU_SET_OWNER, NULL, 0, fd, too_many[i]);
		expect_dropped(s);
	}
	vu_front_send(f, VU_SET_OWNER, NULL, 0, fd, 1);
	expect_dropped(s);
	/* More than we can have */
	getrlimit(RLIMIT_NOFILE, &limit);
	none_left.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none_left);
	vu_front_send(f, VU_SET_VRING_CALL, &ring, 8, fd, 1);
	assert_true(vu_front_is_gone(f));
	setrlimit(RLIMIT_NOFILE, &limit);
	connect_again(s);
	vu_front_send(f, VU_SET_VRING_CALL, &ring, 8, fd, 2);
	expect_dropped(s);
	expect_refused(s, VU_SET_VRING_KICK, &ring, 8, -1);
	expect_refused(s, VU_SET_VRING_CALL, &ring, 8, -1);
	expect_refused(s, VU_SET_VRING_ERR, &ring, 8, -1);
	expect_refused(s, VU_SET_VRING_KICK, &none, 8, f->kick[0]);
	expect_refused(s, VU_SET_VRING_CALL, &none, 8, f->kick[0]);
	none |= 1U << 9;
	expect_refused(s, VU_SET_VRING_CALL, &none, 8, -1);
	/* What can't be waited for */
	expect_refused(s, VU_SET_VRING_KICK, &ring, 8, f->mem_fd);
	assert_int_equal(other_fds(s), fds);
}

static void ring_sizes(void **state)
{
	static const uint32_t bad[] = {
		0, 3, 255, 257, 65535, 65536, 1U << 31, UINT32_MAX,
	};
	struct stack *s = *state;
	struct vhost_vring_state state_ = { FRONT_TX, 0 };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vu_front_stop(s->front);
		state_.num = bad[i];
		expect_refused(s, VU_SET_VRING_NUM, &state_, 8, -1);
	}
	state_.num = 128;	/* While it runs */
	expect_refused(s, VU_SET_VRING_NUM, &state_, 8, -1);
	state_.num = 1;
	expect_refused(s, VU_SET_VRING_BASE, &state_, 8, -1);
	vu_front_stop(s->front);
	state_.num = 65536;
	expect_refused(s, VU_SET_VRING_BASE, &state_, 8, -1);
	state_.num = 2;
	expect_refused(s, VU_SET_VRING_ENABLE, &state_, 8, -1);
}

static void ring_indices(void **state)
{
	static const uint32_t set[] = {
		VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_SET_VRING_ENABLE,
	};
	struct vhost_vring_addr addr = { .index = 2 };
	struct stack *s = *state;
	struct vu_front *f = s->front;
	unsigned i, j;

	for (i = 2; i; i <<= 8) {
		struct vhost_vring_state state_ = { i, 1 };
		uint64_t number = i | 1U << 8;

		for (j = 0; j < ARRAY_SIZE(set); j++)
			expect_refused(s, set[j], &state_, 8, -1);
		expect_refused(s, VU_SET_VRING_CALL, &number, 8, -1);
		vu_front_send(f, VU_GET_VRING_BASE, &state_, 8, NULL, 0);
		expect_dropped(s);
	}
	expect_refused(s, VU_SET_VRING_ADDR, &addr, sizeof(addr), -1);
}

static void ring_addresses(void **state)
{
	static const struct { uint64_t desc, used, avail; } bad[] = {
		{ 8, 0, 0 }, { 1, 0, 0 }, { 0, 2, 0 }, { 0, 1, 0 },
		{ 0, 0, 1 },				/* Alignment */
		{ FRONT_MIDDLE - 16, 0, 0 },		/* Region's end */
		{ 0, FRONT_MIDDLE - 16, 0 }, { 0, 0, FRONT_MIDDLE - 16 },
		{ 0ULL - FRONT_USER, 0, 0 },		/* Nowhere */
		{ 0, 0ULL - FRONT_USER, 0 }, { 0, 0, 0ULL - FRONT_USER },
		{ 0ULL - FRONT_USER - 16, 0, 0 },	/* End of all */
		{ 0, 0ULL - FRONT_USER - 16, 0 },
		{ 0, 0, 0ULL - FRONT_USER - 16 },
	};
	struct stack *s = *state;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vhost_vring_addr addr = {
			.index = FRONT_TX,
			.desc_user_addr = FRONT_USER + bad[i].desc,
			.used_user_addr = FRONT_USER + bad[i].used,
			.avail_user_addr = FRONT_USER + bad[i].avail,
		};

		vu_front_stop(s->front);
		expect_refused(s, VU_SET_VRING_ADDR, &addr, sizeof(addr), -1);
		/* While it runs, any other one */
		addr.desc_user_addr = FRONT_USER + DATA;
		expect_refused(s, VU_SET_VRING_ADDR, &addr, sizeof(addr), -1);
	}
}

static void features_not_offered(void **state)
{
	uint64_t one = 1, all = UINT64_MAX, packed = F(VIRTIO_F_RING_PACKED);
	struct stack *s = *state;

	expect_refused(s, VU_SET_FEATURES, &all, 8, -1);
	expect_refused(s, VU_SET_FEATURES, &packed, 8, -1);
	expect_refused(s, VU_SET_PROTOCOL_FEATURES, &all, 8, -1);
	expect_refused(s, VU_NET_SET_MTU, &all, 8, -1);
	expect_refused(s, VU_NET_SET_MTU, &one, 8, -1);
}

/* Regions that can't be, each as a table of its own, and added */
static void memory_regions(void **state)
{
	static const struct vu_mem_desc bad[] = {
		{ END, 0, 0, 0 },			/* Empty */
		{ UINT64_MAX - 4094, 4096, 0, 0 },	/* Wraps */
		{ END, 4096, UINT64_MAX - 4094, 0 },
		{ END, 4096, 0, UINT64_MAX - 10 },
		{ END, UINT64_MAX, 0, 0 },
		{ END, 4096, 0, 48ULL << 20 },		/* Not in the file */
		{ END, (48ULL << 20) + 1, 0, 0 },
	};
	struct {
		union vu_payload table;
		uint64_t more[8];
	} p = { .table.table.count = 1 };
	struct stack *s = *state;
	struct vu_front *f = s->front;
	int fds[8], pipes[2];
	unsigned i;

	for (i = 0; i < 8; i++)
		fds[i] = f->mem_fd;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		p.table.table.count = 1;
		p.table.table.desc[0] = bad[i];
		expect_refused(s, VU_SET_MEM_TABLE, &p, 40, f->mem_fd);
		p.table.region.desc = bad[i];
		expect_refused(s, VU_ADD_MEM_REG, &p, 40, f->mem_fd);
	}
	/* Overlaps with what is there, in the guest, and in the hypervisor */
	p.table.region.desc = (struct vu_mem_desc){ DATA, 4096, 0, 0 };
	expect_refused(s, VU_ADD_MEM_REG, &p, 40, f->mem_fd);
	p.table.region.desc = (struct vu_mem_desc){ END, 4096, FRONT_USER, 0 };
	expect_refused(s, VU_ADD_MEM_REG, &p, 40, f->mem_fd);
	/* No file */
	p.table.region.desc = (struct vu_mem_desc){ END, 4096, 0, 0 };
	assert_int_equal(pipe(pipes), 0);
	expect_refused(s, VU_ADD_MEM_REG, &p, 40, pipes[0]);
	close(pipes[0]);
	close(pipes[1]);
	/* Not there */
	expect_refused(s, VU_REM_MEM_REG, &p, 40, -1);

	/* Within a table; then more or fewer than are told */
	p.table.table.count = 2;
	p.table.table.desc[0] = p.table.table.desc[1] =
		(struct vu_mem_desc){ 0, 4096, 0, 0 };
	vu_front_send(f, VU_SET_MEM_TABLE, &p, 72, fds, 2);
	expect_dropped(s);
	for (i = 0; i < 12; i++) {
		p.table.table.count = i;
		vu_front_send(f, VU_SET_MEM_TABLE, &p, 72, fds, i == 2 ? 3 : 2);
		expect_dropped(s);
	}
	p.table.table.count = UINT32_MAX;
	vu_front_send(f, VU_SET_MEM_TABLE, &p, 72, fds, 2);
	expect_dropped(s);
	vu_front_send(f, VU_ADD_MEM_REG, &p, 40, NULL, 0);
	expect_dropped(s);
	vu_front_send(f, VU_SET_MEM_TABLE, &p, 4, NULL, 0);
	expect_dropped(s);
}

/* More regions than there may be, one by one */
static void memory_regions_without_end(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	struct {
		uint64_t pad;
		struct vu_mem_desc desc;
	} p = { .desc = { END, 4096, 4096, 0 } };
	uint64_t failed = 0;
	unsigned n;

	for (n = 0; !failed; n++) {
		assert_true(n < 1000);
		p.desc.guest_addr += 4096;
		p.desc.user_addr += 4096;
		vu_front_send(f, VU_ADD_MEM_REG | VU_FLAG_NEED_REPLY << 16, &p,
			      sizeof(p), &f->mem_fd, 1);
		assert_true(vu_front_reply(f, VU_ADD_MEM_REG, &failed, 8));
	}
	assert_int_equal(FRONT_REGIONS + n - 1,
			 vu_front_get(f, VU_GET_MAX_MEM_SLOTS));
	works(s);
}

/* Any order of requests will do: nothing happens before all is there */
static void order_of_requests(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	unsigned i;

	shutdown(f->sock, SHUT_WR);
	assert_true(vu_front_is_gone(f));
	vu_front_connect(f);
	for (i = 0; i < FRONT_RINGS; i++) {
		vu_front_state(f, VU_SET_VRING_ENABLE, i, 1);
		vu_front_ring_fd(f, VU_SET_VRING_KICK, i, f->kick[i]);
		vu_front_kick(f, i);
		stack_settle(s);
		vu_front_state(f, VU_SET_VRING_NUM, i, SIZE);
		vu_front_ring_addr(f, i);
		vu_front_kick(f, i);
		stack_settle(s);
		vu_front_state(f, VU_SET_VRING_BASE, i, f->ring[i].used->idx);
	}
	assert_false(s->c.tap.ready);
	vu_front_regions(f);
	vu_front_set(f, VU_SET_FEATURES, f->shape.features);
	assert_true(s->c.tap.ready);
	works(s);
}

/* All memory is taken away while the rings run, with data to be carried */
static void memory_taken_away(void **state)
{
	union vu_payload p = { .table = { .count = 0 } };
	struct stack *s = *state;
	struct vu_front *f = s->front;
	uint16_t port = 0, from;
	struct guest_in in;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	host_reply_udp(s, fd, from, 3, 100);
	vu_front_send(f, VU_SET_MEM_TABLE, &p, 8, NULL, 0);
	vu_front_kick(f, FRONT_TX);
	vu_front_kick(f, FRONT_RX);
	stack_settle(s);
	assert_false(s->c.tap.ready);
	assert_false(s->c.tap.failed);
	vu_front_regions(f);
	guest_expect_udp(s, &in, 3, 100);
	close(fd);
	works(s);
}

/* Descriptors that behave otherwise than event counters: without a busy loop,
 * and without being blocked
 */
static void pipes_as_descriptors(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	int kick[2], call[2], i;
	unsigned before;
	char buf[4096] = { 0 };
	struct vu *vu = s->c.tap.priv;

	assert_int_equal(pipe(kick), 0);
	assert_int_equal(pipe(call), 0);
	vu_front_stop(f);
	vu_front_ring_fd(f, VU_SET_VRING_KICK, FRONT_TX, kick[0]);
	vu_front_ring_fd(f, VU_SET_VRING_KICK, FRONT_RX, f->kick[FRONT_RX]);
	vu_front_ring_fd(f, VU_SET_VRING_CALL, FRONT_RX, call[1]);
	/* Full, so that writing to it would block */
	for (i = 0; i < 100 && write(call[1], buf, sizeof(buf)) > 0; i++)
		;
	assert_int_equal(write(kick[1], buf, 8), 8);
	works(s);
	assert_int_equal(write(kick[1], buf, 3), 3);
	works(s);

	/* Its end: looked at now and then from then on */
	close(kick[1]);
	stack_settle(s);
	assert_int_equal(vu->ring[FRONT_TX].kick_fd, -1);
	before = s->events;
	for (i = 0; i < 20; i++)
		stack_turn(s, 10);
	assert_true(s->events - before <= 20);
	f->shape.no_kick = true;
	works(s);
	f->shape.no_kick = false;
	close(kick[0]);
	close(call[0]);
	close(call[1]);
}

/* A front-end that doesn't read what it asked for */
static void replies_not_read(void **state)
{
	struct vu_hdr hdr = { VU_GET_FEATURES, 1, 0 };
	struct stack *s = *state;
	unsigned i;

	for (i = 0; i < 1000000 && !s->c.tap.failed; i++) {
		send(s->front->sock, &hdr, sizeof(hdr), MSG_DONTWAIT);
		stack_turn(s, 0);
	}
	assert_int_equal(s->c.tap.failed, EAGAIN);
	vu_front_is_gone(s->front);
	vu_front_connect(s->front);
	vu_front_start(s->front);
	works(s);
}

/* Requests, payloads and descriptors by chance, always the same ones */
static void requests_by_chance(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	unsigned n = 1, i, j, gone = 0;
	uint8_t payload[64];
	int fds[3];

	for (i = 0; i < 3000; i++) {
		uint32_t size;

		for (j = 0; j < sizeof(payload); j++) {
			n = n * 1103515245U + 12345;
			payload[j] = n >> 16 & (j % 4 ? n >> 8 & 1 : 0x3);
		}
		fds[0] = f->kick[n >> 20 & 1];
		fds[1] = f->mem_fd;
		fds[2] = f->call[n >> 20 & 1];
		size = 8 * (n >> 17 & 7);
		vu_front_send(f, n >> 21 & 0x1f, payload, size, fds,
			      n >> 26 & 3);
		if (i % 4)
			continue;
		if (!vu_front_is_gone(f))
			continue;
		gone++;
		vu_front_connect(f);
		if (n & 1 << 28)
			vu_front_start(f);
	}
	assert_true(gone > 100);
	shutdown(f->sock, SHUT_WR);
	vu_front_is_gone(f);
	vu_front_connect(f);
	vu_front_start(f);
	works(s);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		BAD_TEST(message_header),
		BAD_TEST(message_size),
		BAD_TEST(message_in_pieces),
		BAD_TEST(message_unknown),
		BAD_TEST(message_descriptors),
		BAD_TEST(ring_sizes),
		BAD_TEST(ring_indices),
		BAD_TEST(ring_addresses),
		BAD_TEST(features_not_offered),
		BAD_TEST(memory_regions),
		BAD_TEST(memory_regions_without_end),
		BAD_TEST(order_of_requests),
		BAD_TEST(memory_taken_away),
		BAD_TEST(pipes_as_descriptors),
		BAD_TEST(replies_not_read),
		BAD_TEST(requests_by_chance),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
