// SPDX-License-Identifier: BSD-3-Clause
/* frame_vu_bad.c - guests with a vhost-user device that do what they must not
 *
 * What a guest does wrong has to break the one ring, be counted and told to the
 * front-end once, and do no harm: once the ring is set up anew, all works.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "flow.h"
#include "guest.h"
#include "stack.h"
#include "udp_ends.h"
#include "vu.h"
#include "vu_ends.h"
#include "vu_front.h"
#include "vu_msg.h"

#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT

#define TABLE		(DATA + 65536)
#define FAR_END		(FRONT_FAR + (32ULL << 20))

/* What a guest may do wrong with the ring that is given */
typedef void bad_guest(struct vu_front *f, struct vq_driver *d, uint16_t flags);

/* Descriptors: the flags are those of the right direction */

static void offer(struct vq_driver *d, uint64_t addr, uint32_t len,
		  uint16_t flags)
{
	vq_driver_offer(d, vq_driver_desc(d, addr, len, flags));
}

static void loop_of_one(struct vu_front *f, struct vq_driver *d, uint16_t flags)
{
	uint16_t i = vq_driver_desc(d, DATA, 100, flags | NEXT);

	(void)f;
	d->desc[i].next = i;
	vq_driver_offer(d, i);
}

static void loop_of_all(struct vu_front *f, struct vq_driver *d, uint16_t flags)
{
	unsigned i;

	(void)f;
	for (i = 0; i < SIZE; i++)
		vq_driver_desc(d, DATA, 1, flags | NEXT);
	vq_driver_offer(d, 0);
}

static void loop_of_nothing(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	unsigned i;

	(void)f;
	for (i = 0; i < SIZE; i++)
		vq_driver_desc(d, DATA, 0, flags | NEXT);
	vq_driver_offer(d, 0);
}

static void next_is_none(struct vu_front *f, struct vq_driver *d,
			 uint16_t flags)
{
	uint16_t i = vq_driver_desc(d, DATA, 100, flags | NEXT);

	(void)f;
	d->desc[i].next = SIZE;
	vq_driver_offer(d, i);
}

static void next_is_far_off(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	uint16_t i = vq_driver_desc(d, DATA, 100, flags | NEXT);

	(void)f;
	d->desc[i].next = UINT16_MAX;
	vq_driver_offer(d, i);
}

static void empty(struct vu_front *f, struct vq_driver *d, uint16_t flags)
{
	(void)f;
	offer(d, DATA, 0, flags);
}

static void less_than_a_header(struct vu_front *f, struct vq_driver *d,
			       uint16_t flags)
{
	(void)f;
	offer(d, DATA, 11, flags);
}

static void length_too_big(struct vu_front *f, struct vq_driver *d,
			   uint16_t flags)
{
	(void)f;
	offer(d, DATA, UINT32_MAX, flags);
}

static void more_than_4_gib(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	uint16_t i = vq_driver_desc(d, DATA, 100, flags | NEXT);

	(void)f;
	vq_driver_desc(d, FRONT_LOW, UINT32_MAX, flags);
	vq_driver_offer(d, i);
}

static void no_memory(struct vu_front *f, struct vq_driver *d, uint16_t flags)
{
	(void)f;
	offer(d, END + 4096, 100, flags);
}

static void past_all_memory(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	(void)f;
	offer(d, FAR_END, 100, flags);
}

static void out_of_a_region(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	(void)f;
	offer(d, END - 50, 100, flags);
}

static void out_of_the_last_region(struct vu_front *f, struct vq_driver *d,
				   uint16_t flags)
{
	(void)f;
	offer(d, FAR_END - 99, 100, flags);
}

static void into_a_region(struct vu_front *f, struct vq_driver *d,
			  uint16_t flags)
{
	(void)f;
	offer(d, FRONT_FAR - 50, 100, flags);
}

static void address_wraps(struct vu_front *f, struct vq_driver *d,
			  uint16_t flags)
{
	(void)f;
	offer(d, UINT64_MAX - 50, 100, flags);
}

static void address_of_hypervisor(struct vu_front *f, struct vq_driver *d,
				  uint16_t flags)
{
	(void)f;
	offer(d, FRONT_USER + DATA, 100, flags);
}

static void wrong_direction(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	(void)f;
	offer(d, DATA, 100, flags ^ WRITE);
}

static void both_directions(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	uint16_t i = vq_driver_desc(d, DATA, 100, flags | NEXT);

	(void)f;
	vq_driver_desc(d, DATA, 100, flags ^ WRITE);
	vq_driver_offer(d, i);
}

static void head_is_none(struct vu_front *f, struct vq_driver *d,
			 uint16_t flags)
{
	(void)f;
	(void)flags;
	vq_driver_offer(d, SIZE);
}

static void head_is_far_off(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	(void)f;
	(void)flags;
	vq_driver_offer(d, UINT16_MAX);
}

static void index_jumps(struct vu_front *f, struct vq_driver *d, uint16_t flags)
{
	(void)f;
	(void)flags;
	d->avail->idx = (uint16_t)(d->used->idx + SIZE + 1);
}

static void index_jumps_far(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	(void)f;
	(void)flags;
	d->avail->idx = (uint16_t)(d->avail->idx + 0x8000);
}

static void index_goes_back(struct vu_front *f, struct vq_driver *d,
			    uint16_t flags)
{
	(void)f;
	(void)flags;
	d->avail->idx = (uint16_t)(d->used->idx - 1);
}

/* Indirect tables */

static void table_of(struct vu_front *f, struct vq_driver *d, uint32_t len,
		     const struct vq_desc *first)
{
	memcpy(vu_front_at(f, TABLE), first, sizeof(*first));
	offer(d, TABLE, len, INDIRECT);
}

static void table_in_table(struct vu_front *f, struct vq_driver *d,
			   uint16_t flags)
{
	struct vq_desc t = { TABLE, 16, INDIRECT, 0 };

	(void)flags;
	table_of(f, d, 16, &t);
}

static void table_of_15_bytes(struct vu_front *f, struct vq_driver *d,
			      uint16_t flags)
{
	struct vq_desc t = { DATA, 100, flags, 0 };

	table_of(f, d, 15, &t);
}

static void table_of_24_bytes(struct vu_front *f, struct vq_driver *d,
			      uint16_t flags)
{
	struct vq_desc t = { DATA, 100, flags, 0 };

	table_of(f, d, 24, &t);
}

static void table_of_nothing(struct vu_front *f, struct vq_driver *d,
			     uint16_t flags)
{
	(void)f;
	(void)flags;
	offer(d, TABLE, 0, INDIRECT);
}

static void table_in_no_memory(struct vu_front *f, struct vq_driver *d,
			       uint16_t flags)
{
	(void)f;
	(void)flags;
	offer(d, END, 16, INDIRECT);
}

static void table_out_of_memory(struct vu_front *f, struct vq_driver *d,
				uint16_t flags)
{
	(void)f;
	(void)flags;
	offer(d, END - 8, 16, INDIRECT);
}

static void table_wraps(struct vu_front *f, struct vq_driver *d, uint16_t flags)
{
	(void)f;
	(void)flags;
	offer(d, UINT64_MAX - 7, 16, INDIRECT);
}

static void table_of_4_gib(struct vu_front *f, struct vq_driver *d,
			   uint16_t flags)
{
	struct vq_desc t = { DATA, 100, flags | NEXT, 1 };

	/* The first entry of it is the last in memory */
	memcpy(vu_front_at(f, END - 16), &t, sizeof(t));
	offer(d, END - 16, UINT32_MAX - 15, INDIRECT);
}

static void table_and_next(struct vu_front *f, struct vq_driver *d,
			   uint16_t flags)
{
	struct vq_desc t = { DATA, 100, flags, 0 };

	memcpy(vu_front_at(f, TABLE), &t, sizeof(t));
	offer(d, TABLE, 16, INDIRECT | NEXT);
}

static void next_out_of_table(struct vu_front *f, struct vq_driver *d,
			      uint16_t flags)
{
	struct vq_desc t = { DATA, 100, flags | NEXT, 1 };

	table_of(f, d, 16, &t);
}

static void loop_in_table(struct vu_front *f, struct vq_driver *d,
			  uint16_t flags)
{
	struct vq_desc t = { DATA, 1, flags | NEXT, 0 };

	table_of(f, d, 16, &t);
}

static void table_longer_than_ring(struct vu_front *f, struct vq_driver *d,
				   uint16_t flags)
{
	struct vq_desc *t = vu_front_at(f, TABLE);
	unsigned i;

	for (i = 0; i <= SIZE; i++)
		t[i] = (struct vq_desc){ DATA, 1, flags | (i < SIZE ? NEXT :
					 0), (uint16_t)(i + 1) };
	offer(d, TABLE, (SIZE + 1) * 16, INDIRECT);
}

static void bad_buffer_in_table(struct vu_front *f, struct vq_driver *d,
				uint16_t flags)
{
	struct vq_desc t = { END, 100, flags, 0 };

	table_of(f, d, 16, &t);
}

static bad_guest *const bad_guests[] = {
	loop_of_one, loop_of_all, loop_of_nothing, next_is_none,
	next_is_far_off, empty, less_than_a_header, length_too_big,
	more_than_4_gib, no_memory, past_all_memory, out_of_a_region,
	out_of_the_last_region, into_a_region, address_wraps,
	address_of_hypervisor, wrong_direction, both_directions, head_is_none,
	head_is_far_off, index_jumps, index_jumps_far, index_goes_back,
	table_in_table, table_of_15_bytes, table_of_24_bytes, table_of_nothing,
	table_in_no_memory, table_out_of_memory, table_wraps, table_of_4_gib,
	table_and_next, next_out_of_table, loop_in_table,
	table_longer_than_ring, bad_buffer_in_table,
};

/**
 * expect_broken() - A ring has to be broken now, and left alone
 * @s:		Stack
 * @ring:	Which one
 * @before:	Value of the counter before
 */
static void expect_broken(struct stack *s, unsigned ring, uint64_t before)
{
	struct vu_front *f = s->front;
	struct vu *vu = s->c.tap.priv;
	uint16_t used = f->ring[ring].used->idx;
	eventfd_t told;

	stack_settle(s);
	assert_int_equal(stack_stat(s, STAT_RING_BROKEN), before + 1);
	assert_non_null(vu->ring[ring].q.broken);
	assert_null(vu->ring[!ring].q.broken);
	assert_int_equal(eventfd_read(f->err[ring], &told), 0);
	assert_int_equal(told, 1);

	vu_front_kick(f, ring);
	stack_settle(s);
	assert_int_equal(stack_stat(s, STAT_RING_BROKEN), before + 1);
	assert_int_equal(f->ring[ring].used->idx, used);
	assert_false(s->c.tap.failed);
}

/**
 * set_up_anew() - What a front-end does about a device that doesn't work
 * @f:		Front-end
 * @how:	One of several ways
 */
static void set_up_anew(struct vu_front *f, unsigned how)
{
	switch (how % 3) {
	case 0:
		vu_front_stop(f);
		break;
	case 1:
		vu_front_do(f, VU_RESET_DEVICE);
		break;
	case 2:
		shutdown(f->sock, SHUT_WR);
		assert_true(vu_front_is_gone(f));
		vu_front_connect(f);
		break;
	}
	vu_front_start(f);
}

/* Each of them as a frame from the guest */
static void ring_from_guest(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad_guests); i++) {
		uint64_t before = stack_stat(s, STAT_RING_BROKEN);

		works(s);
		bad_guests[i](f, &f->ring[FRONT_TX], 0);
		vu_front_kick(f, FRONT_TX);
		expect_broken(s, FRONT_TX, before);
		set_up_anew(f, i);
	}
	works(s);
}

/* Each of them as a buffer for a frame to it, the only one there is; what was
 * to be sent isn't lost
 */
static void ring_to_guest(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	struct vq_driver *d = &f->ring[FRONT_RX];
	uint16_t port = 0, from;
	struct guest_in in;
	unsigned i;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	for (i = 0; i < ARRAY_SIZE(bad_guests); i++) {
		uint64_t before = stack_stat(s, STAT_RING_BROKEN);

		vu_front_stop(f);
		vu_front_start(f);
		/* As if it had offered no others */
		vu_front_stop(f);
		d->avail->idx = d->used->idx;
		vu_front_resume(f);

		bad_guests[i](f, d, WRITE);
		host_reply_udp(s, fd, from, i, 100);
		vu_front_kick(f, FRONT_RX);
		expect_broken(s, FRONT_RX, before);
		set_up_anew(f, i % 2);
		guest_expect_udp(s, &in, i, 100);
	}
	close(fd);
	works(s);
}

/* A frame that is too long is dropped: it isn't against the rules */
static void frame_too_long(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;

	offer(&f->ring[FRONT_TX], DATA, FRAME_LEN_MAX + 13, 0);
	f->tx_len++;
	vu_front_kick(f, FRONT_TX);
	stack_settle(s);
	assert_int_equal(stack_stat(s, STAT_BAD_FRAME), 1);
	assert_int_equal(stack_stat(s, STAT_RING_BROKEN), 0);
	works(s);
}

/* Without the feature there are no tables */
static void table_without_feature(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;

	vu_front_stop(f);
	f->shape.features &= ~F(VIRTIO_RING_F_INDIRECT_DESC);
	vu_front_start(f);
	offer(&f->ring[FRONT_TX], TABLE, 16, INDIRECT);
	vu_front_kick(f, FRONT_TX);
	expect_broken(s, FRONT_TX, 0);
	set_up_anew(f, 0);
	works(s);
}

/* Rings and tables that are changed while they are read */

struct mess {
	struct vu_front *f;
	bool stop;
};

static void *mess_up(void *arg)
{
	static const uint64_t addr[] = { DATA, END, FRONT_FAR, END - 5, 1 };
	static const uint32_t len[] = { 0, 1, 12, 1500, 65561, UINT32_MAX };
	struct mess *m = arg;
	unsigned n = 1;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		struct vq_driver *d = &m->f->ring[n >> 16 & 1];
		volatile struct vq_desc *t = vu_front_at(m->f, TABLE);

		n = n * 1103515245U + 12345;
		d->desc[n >> 24].addr = addr[(n >> 8) % ARRAY_SIZE(addr)];
		d->desc[n >> 24].len = len[(n >> 12) % ARRAY_SIZE(len)];
		d->desc[n >> 24].flags = n >> 20 & 7;
		d->desc[n >> 24].next = (uint16_t)(n >> 14);
		d->avail->ring[n >> 23 & 0xff] = (uint16_t)(n >> 18);
		t[n >> 28].flags = n >> 4 & 3;
		t[n >> 28].addr = n >> 3 & 1 ? DATA : END;
		t[n >> 28].len = n >> 2 & 0xff;
		if (!(n >> 8 & 0xff))
			d->avail->idx = (uint16_t)(n >> 16);
	}
	return NULL;
}

static void changed_while_read(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	struct mess m = { f, false };
	uint16_t port = 0, from;
	struct guest_in in;
	pthread_t thread;
	unsigned i, j;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	assert_int_equal(pthread_create(&thread, NULL, mess_up, &m), 0);
	for (i = 0; i < 300; i++) {
		vu_front_stop(f);
		f->ring[FRONT_RX].used->idx = (uint16_t)f->base[FRONT_RX];
		vu_front_resume(f);
		for (j = 0; j < 10; j++) {
			host_reply_udp(s, fd, from, 0, 1000);
			f->ring[j % 2].avail->idx++;
			vu_front_kick(f, j % 2);
			stack_turn(s, 0);
		}
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(fd);

	assert_true(stack_stat(s, STAT_RING_BROKEN) > 10);
	set_up_anew(f, 2);
	do {
		stack_settle(s);
		for (i = 0; guest_recv(s, &in); i++)
			;
	} while (i);
	works(s);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		BAD_TEST(ring_from_guest),
		BAD_TEST(ring_to_guest),
		BAD_TEST(frame_too_long),
		BAD_TEST(table_without_feature),
		BAD_TEST(changed_while_read),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
