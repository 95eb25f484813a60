// SPDX-License-Identifier: BSD-3-Clause
/* test_virtq.c - rings shared with a guest, the device's side
 *
 * The guest's memory is two regions of two pages each that follow each other,
 * and a third one after a gap.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "util.h"
#include "virtq.h"
#include "vq_driver.h"
#include "vu_mem.h"

#define REGION		8192U
#define GUEST		0x40000000ULL
#define USER		0x7f0000000000ULL
#define LOW		GUEST			/* Rings are here */
#define HIGH		(GUEST + REGION)	/* Data is here */
#define END		(GUEST + 2 * REGION)
#define FAR		(GUEST + 16 * REGION)
#define TABLE		(HIGH + 4096)		/* Indirect tables */

#define SIZE		8U
#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT

static struct vu_mem mem;
static struct vq_driver drv;
static struct virtq q;
static int fd;

/* What the test, as the guest, has at an address */
static void *guest(uint64_t addr)
{
	struct iovec iov;

	assert_int_equal(vu_mem_iov(&mem, addr, 1, &iov, 1), 1);
	return iov.iov_base;
}

static struct virtq_addrs addrs(const struct vq_driver *d)
{
	const char *base = guest(LOW);

	return (struct virtq_addrs){
		.desc = USER + (uint64_t)((char *)d->desc - base),
		.avail = USER + (uint64_t)((char *)d->avail - base),
		.used = USER + (uint64_t)((char *)d->used - base),
	};
}

static void restart(unsigned size, uint16_t idx)
{
	struct virtq_addrs a;

	vq_driver_init(&drv, guest(LOW), size, idx);
	a = addrs(&drv);
	q.size = size;
	assert_true(virtq_map(&q, &a));
	virtq_start(&q, idx);
}

static int setup(void **state)
{
	struct vu_mem_desc d[] = {
		{ LOW, REGION, USER, 0 },
		{ HIGH, REGION, USER + 4 * REGION, REGION },
		{ FAR, REGION, USER + 8 * REGION, 2 * REGION },
	};
	unsigned i;

	(void)state;
	fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 3 * REGION), 0);
	for (i = 0; i < ARRAY_SIZE(d); i++)
		assert_int_equal(vu_mem_add(&mem, &d[i], fd), 0);
	q = (struct virtq){ .mem = &mem, .indirect = true };
	restart(SIZE, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_mem_clear(&mem);
	close(fd);
	return 0;
}

/* The next buffer has to be taken, and to be like this */
static uint16_t expect_chain(bool writable, size_t cnt, size_t len)
{
	struct iovec iov[64];
	struct virtq_chain c = { .iov = iov, .max = ARRAY_SIZE(iov) };
	uint16_t head;

	assert_true(virtq_take(&q, &head));
	assert_int_equal(virtq_chain(&q, head, writable, &c), 0);
	assert_int_equal(c.cnt, cnt);
	assert_int_equal(c.len, len);
	assert_null(q.broken);
	return head;
}

/* The next buffer has to break the ring, for this reason, until a reset */
static void expect_broken(bool writable, const char *why)
{
	struct iovec iov[64];
	struct virtq_chain c = { .iov = iov, .max = ARRAY_SIZE(iov) };
	uint16_t head, used = drv.used->idx;

	if (virtq_take(&q, &head))
		assert_int_equal(virtq_chain(&q, head, writable, &c), -EIO);
	assert_non_null(q.broken);
	assert_string_equal(q.broken, why);

	assert_int_equal(virtq_pending(&q), 0);
	assert_false(virtq_take(&q, &head));
	virtq_use(&q, 0, 0);
	assert_false(virtq_flush(&q));
	assert_false(virtq_watch(&q));
	assert_int_equal(drv.used->idx, used);

	restart(SIZE, 0);
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 10, 0));
	expect_chain(false, 1, 10);
	restart(SIZE, 0);
}

/* An indirect table of these, and a descriptor that refers to it */
static void offer_table(const struct vq_desc *d, unsigned n, uint32_t len)
{
	memcpy(guest(TABLE), d, n * sizeof(*d));
	vq_driver_offer(&drv, vq_driver_desc(&drv, TABLE, len, INDIRECT));
}

static void test_direct(void **state)
{
	struct vq_used_elem e;
	uint16_t head;
	char buf[5];

	(void)state;
	assert_int_equal(virtq_pending(&q), 0);
	assert_false(virtq_take(&q, &head));
	memcpy(guest(HIGH), "abcdefgh", 8);
	head = vq_driver_desc(&drv, HIGH, 1, NEXT);
	vq_driver_desc(&drv, HIGH + 100, 0, NEXT);
	vq_driver_desc(&drv, HIGH + 1, 5, 0);
	vq_driver_offer(&drv, head);
	assert_int_equal(virtq_pending(&q), 1);
	head = expect_chain(false, 2, 6);
	assert_true(virtq_read(&q, head, buf, sizeof(buf)));
	assert_memory_equal(buf, "abcde", 5);
	assert_false(virtq_read(&q, head, guest(FAR), 7));
	assert_null(q.broken);

	virtq_use(&q, head, 0);
	assert_false(vq_driver_used(&drv, &e));
	assert_true(virtq_flush(&q));
	assert_true(vq_driver_used(&drv, &e));
	assert_int_equal(e.id, head);
	assert_int_equal(e.len, 0);
	assert_false(virtq_flush(&q));
}

static void test_across_regions(void **state)
{
	(void)state;
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH - 6, 10, WRITE));
	expect_chain(true, 2, 10);
	vq_driver_offer(&drv, vq_driver_desc(&drv, END - 6, 6, WRITE));
	expect_chain(true, 1, 6);
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH - 6, REGION + 6, 0));
	expect_chain(false, 2, REGION + 6);
}

static void test_indirect(void **state)
{
	struct vq_desc d[4] = {
		{ HIGH, 12, NEXT, 3 },
		{ HIGH + 40, 4, 0, 9 },
		{ 0, UINT32_MAX, WRITE, 0 },
		{ HIGH + 20, 8, NEXT, 1 },
	};

	(void)state;
	offer_table(d, 4, sizeof(d));
	expect_chain(false, 3, 24);

	/* Behind an ordinary one, not aligned, across regions; the flag that
	 * it can be written to is ignored
	 */
	memcpy(guest(HIGH), (char *)d + 19, sizeof(d) - 19);
	memcpy(guest(HIGH - 19), d, 19);
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH + 200, 3, NEXT));
	vq_driver_desc(&drv, HIGH - 19, sizeof(d), INDIRECT | WRITE);
	expect_chain(false, 4, 27);
}

static void test_too_scattered(void **state)
{
	struct iovec iov[3] = { { NULL, 0 } };
	struct virtq_chain c = { .iov = iov, .max = 2 };
	uint16_t head;
	char buf[4];

	(void)state;
	memcpy(guest(HIGH), "abcd", 4);
	head = vq_driver_desc(&drv, HIGH, 1, NEXT);
	vq_driver_desc(&drv, HIGH - 1, 2, NEXT);
	vq_driver_desc(&drv, HIGH + 1, 1, 0);
	vq_driver_offer(&drv, head);
	assert_true(virtq_take(&q, &head));
	assert_int_equal(virtq_chain(&q, head, false, &c), -E2BIG);
	assert_int_equal(c.cnt, 1);
	assert_int_equal(c.len, 4);
	assert_null(iov[2].iov_base);
	assert_true(virtq_read(&q, head, buf, 4));
	assert_memory_equal(buf, "a\0ab", 4);

	/* As many as there may be in all */
	restart(SIZE, 0);
	for (head = 0; head < SIZE; head++)
		vq_driver_desc(&drv, HIGH, 1, head < SIZE - 1 ? NEXT : 0);
	vq_driver_offer(&drv, 0);
	expect_chain(false, SIZE, SIZE);
}

static void test_untake(void **state)
{
	uint16_t a, b, c;

	(void)state;
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, WRITE));
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 2, WRITE));
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 3, WRITE));
	a = expect_chain(true, 1, 1);
	b = expect_chain(true, 1, 2);
	c = expect_chain(true, 1, 3);
	virtq_untake(&q, 2);
	assert_int_equal(virtq_pending(&q), 2);
	assert_int_equal(expect_chain(true, 1, 2), b);
	assert_int_equal(expect_chain(true, 1, 3), c);
	virtq_untake(&q, 3);
	assert_int_equal(expect_chain(true, 1, 1), a);
}

/* Once around all values of the indices, as the guest wants it: to be woken up
 * for every so-manieth buffer
 */
static void wrap_with(bool event_idx, unsigned every)
{
	unsigned n, calls = 0, kicks = 0, asked = 0;
	struct vq_used_elem e;
	uint16_t head;

	q.event_idx = event_idx;
	restart(SIZE, 65000);
	drv.avail->ring[SIZE] = (uint16_t)(65000 + every - 1);
	drv.avail->flags = 0;
	for (n = 0; n < 70000; n++) {
		assert_false(virtq_watch(&q));
		asked++;
		vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, 0));
		kicks += vq_driver_wants_kick(&drv, event_idx);
		virtq_unwatch(&q);

		/* This one isn't asked for */
		vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, 0));
		assert_false(vq_driver_wants_kick(&drv, event_idx));
		head = expect_chain(false, 1, 1);
		virtq_use(&q, head, 0);
		head = expect_chain(false, 1, 1);
		virtq_use(&q, head, 0);
		if (virtq_flush(&q)) {
			calls++;
			while (vq_driver_used(&drv, &e))
				;
			drv.avail->ring[SIZE] =
				(uint16_t)(drv.seen_used + every - 1);
		}
	}
	assert_int_equal(kicks, asked);
	assert_int_equal(calls, event_idx ? n / (every / 2) : n);
	assert_int_equal((uint16_t)(65000 + 140000), drv.used->idx);
}

static void test_wrap(void **state)
{
	(void)state;
	wrap_with(true, 2);
	wrap_with(true, 100);
	wrap_with(false, 2);

	drv.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, 0));
	virtq_use(&q, expect_chain(false, 1, 1), 0);
	assert_false(virtq_flush(&q));
}

static void test_watch_sees_what_came(void **state)
{
	(void)state;
	q.event_idx = true;
	assert_int_equal(virtq_pending(&q), 0);
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, 0));
	assert_true(virtq_watch(&q));
	assert_int_equal(virtq_pending(&q), 1);
	assert_false(virtq_watch(&q));
}

static void test_restart_goes_on(void **state)
{
	struct virtq_addrs a = addrs(&drv);
	struct vq_used_elem e;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, 0));
		virtq_use(&q, expect_chain(false, 1, 1), 0);
	}
	virtq_flush(&q);
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 7, 0));

	virtq_unmap(&q);
	q = (struct virtq){ .mem = &mem, .size = SIZE };
	assert_true(virtq_map(&q, &a));
	virtq_start(&q, 3);
	virtq_use(&q, expect_chain(false, 1, 7), 0);
	virtq_flush(&q);
	for (i = 0; i < 4; i++)
		assert_true(vq_driver_used(&drv, &e));
	assert_int_equal(e.id, 3);
	assert_false(vq_driver_used(&drv, &e));
}

static void test_where_a_ring_can_be(void **state)
{
	struct virtq_addrs good = addrs(&drv), a;
	uint32_t i;

	(void)state;
	for (i = 0; i <= 16; i++)
		assert_int_equal(virtq_size_is_valid(i), i == 1 || i == 2 ||
				 i == 4 || i == 8 || i == 16);
	assert_true(virtq_size_is_valid(32768));
	assert_false(virtq_size_is_valid(65536));
	assert_false(virtq_size_is_valid(UINT32_MAX));

	for (i = 1; i < 16; i++) {
		a = (struct virtq_addrs){ USER + i, USER, USER };
		assert_false(virtq_addrs_are_valid(&a));
		a = (struct virtq_addrs){ USER, USER + i, USER };
		assert_int_equal(virtq_addrs_are_valid(&a), !(i % 2));
		a = (struct virtq_addrs){ USER, USER, USER + i };
		assert_int_equal(virtq_addrs_are_valid(&a), !(i % 4));
	}

	/* Each of the three where there is nothing, and where it just doesn't
	 * fit
	 */
	a = good;
	a.desc = 0;
	assert_false(virtq_map(&q, &a));
	a.desc = USER + REGION - SIZE * 16;
	assert_true(virtq_map(&q, &a));
	a.desc += 16;
	assert_false(virtq_map(&q, &a));
	a = good;
	a.avail = UINT64_MAX - 1;
	assert_false(virtq_map(&q, &a));
	a.avail = USER + REGION - (SIZE * 2 + 6);
	assert_true(virtq_map(&q, &a));
	a.avail += 2;
	assert_false(virtq_map(&q, &a));
	a = good;
	a.used = GUEST;
	assert_false(virtq_map(&q, &a));
	a.used = USER + REGION - (SIZE * 8 + 8);
	assert_true(virtq_map(&q, &a));
	a.used += 4;
	assert_false(virtq_map(&q, &a));
	assert_null(q.desc);
	q.size = 3;
	assert_false(virtq_map(&q, &good));
	q.size = 32768;
	assert_false(virtq_map(&q, &good));
}

static void test_region_not_aligned(void **state)
{
	struct vu_mem_desc d = { 0, 4096, USER + 16 * REGION, 24 };
	struct virtq_addrs a = addrs(&drv);

	(void)state;
	assert_int_equal(vu_mem_add(&mem, &d, fd), 0);
	a.desc = d.user_addr;
	assert_true(virtq_addrs_are_valid(&a));
	assert_false(virtq_map(&q, &a));
	a.desc += 8;
	assert_false(virtq_addrs_are_valid(&a));
}

static void test_hostile_indices(void **state)
{
	(void)state;
	drv.avail->idx = SIZE + 1;
	expect_broken(false, "more buffers offered than the ring has room");
	drv.avail->idx = 0x8000;
	expect_broken(false, "more buffers offered than the ring has room");
	/* Back, behind what was taken */
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 10, 0));
	virtq_use(&q, expect_chain(false, 1, 10), 0);
	drv.avail->idx = 0;
	expect_broken(false, "more buffers offered than the ring has room");
	vq_driver_offer(&drv, SIZE);
	expect_broken(false, "a buffer offered that can't be");
	vq_driver_offer(&drv, 0xffff);
	expect_broken(false, "a buffer offered that can't be");
}

static void test_hostile_direct(void **state)
{
	unsigned i;

	(void)state;
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, NEXT));
	drv.desc[0].next = 0;
	expect_broken(false, "chain longer than the ring");
	for (i = 0; i < SIZE; i++)
		vq_driver_desc(&drv, HIGH, 1, NEXT);
	vq_driver_offer(&drv, 3);
	expect_broken(false, "chain longer than the ring");
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, NEXT));
	drv.desc[0].next = SIZE;
	expect_broken(false, "no such descriptor");
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, NEXT));
	drv.desc[0].next = 0xffff;
	expect_broken(false, "no such descriptor");

	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, WRITE));
	expect_broken(false, "buffer that can't be read");
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, 0));
	expect_broken(true, "buffer that can't be written to");
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, NEXT));
	vq_driver_desc(&drv, HIGH, 1, WRITE);
	expect_broken(false, "buffer that can't be read");
	vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1, NEXT | WRITE));
	vq_driver_desc(&drv, HIGH, 1, 0);
	expect_broken(true, "buffer that can't be written to");
}

static void test_hostile_addresses(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ 0, 1 }, { GUEST - 1, 1 }, { GUEST - 1, 2 }, { END, 1 },
		{ END - 1, 2 }, { HIGH, UINT32_MAX - 1 }, { UINT64_MAX, 1 },
		{ UINT64_MAX, 2 }, { UINT64_MAX - 9, 10 },
		{ 0 - 0x80000000ULL, UINT32_MAX - 1 }, { FAR - 1, 1 },
		{ FAR + REGION - 1, 2 }, { LOW, 17 * REGION }, { USER, 1 },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vq_driver_offer(&drv, vq_driver_desc(&drv, bad[i].addr,
						     bad[i].len, 0));
		expect_broken(false, "buffer not in memory");
		vq_driver_offer(&drv, vq_driver_desc(&drv, HIGH, 1,
						     WRITE | NEXT));
		vq_driver_desc(&drv, bad[i].addr, bad[i].len, WRITE);
		expect_broken(true, "buffer not in memory");
	}
}

static void test_hostile_indirect(void **state)
{
	struct vq_desc d[16] = { { HIGH, 1, 0, 0 } };
	const uint32_t len = 16 * sizeof(d[0]);
	unsigned i;

	(void)state;
	offer_table(d, 1, 15);
	expect_broken(false, "bad length of an indirect table");
	offer_table(d, 1, 17);
	expect_broken(false, "bad length of an indirect table");
	offer_table(d, 1, 0);
	expect_broken(false, "bad length of an indirect table");
	vq_driver_offer(&drv, vq_driver_desc(&drv, END - 8, 16, INDIRECT));
	expect_broken(false, "table not in memory");
	vq_driver_offer(&drv, vq_driver_desc(&drv, UINT64_MAX - 15, 16,
					     INDIRECT));
	expect_broken(false, "table not in memory");
	vq_driver_offer(&drv, vq_driver_desc(&drv, UINT64_MAX - 7, 16,
					     INDIRECT));
	expect_broken(false, "table not in memory");
	vq_driver_offer(&drv, vq_driver_desc(&drv, 0, UINT32_MAX - 15,
					     INDIRECT));
	expect_broken(false, "table not in memory");
	vq_driver_offer(&drv, vq_driver_desc(&drv, TABLE, 16, INDIRECT | NEXT));
	expect_broken(false, "descriptor behind an indirect table");

	q.indirect = false;
	offer_table(d, 1, 16);
	expect_broken(false, "indirect table without the feature");
	q.indirect = true;

	d[0] = (struct vq_desc){ TABLE, 16, INDIRECT, 0 };
	offer_table(d, 1, 16);
	expect_broken(false, "indirect table in an indirect table");
	d[0] = (struct vq_desc){ HIGH, 1, NEXT, 1 };
	offer_table(d, 1, 16);
	expect_broken(false, "no such descriptor");
	d[0].next = 0xffff;
	offer_table(d, 1, 16);
	expect_broken(false, "no such descriptor");
	d[0].next = 0;
	offer_table(d, 1, 16);
	expect_broken(false, "chain longer than the ring");
	for (i = 0; i < ARRAY_SIZE(d); i++)
		d[i] = (struct vq_desc){ HIGH, 1, NEXT, (uint16_t)(i + 1) };
	d[SIZE].flags = 0;
	offer_table(d, 16, len);
	expect_broken(false, "chain longer than the ring");
}

static void test_hostile_length(void **state)
{
	struct vu_mem_desc d = { 0x100000000ULL, 1ULL << 32, 1, 0 };
	int big = memfd_create("big", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(big, 1LL << 32), 0);
	assert_int_equal(vu_mem_add(&mem, &d, big), 0);
	close(big);
	vq_driver_offer(&drv, vq_driver_desc(&drv, d.guest_addr, UINT32_MAX,
					     NEXT));
	vq_driver_desc(&drv, HIGH, 1, 0);
	expect_broken(false, "buffer of more than 4 GiB");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_direct),
		TEST(test_across_regions),
		TEST(test_indirect),
		TEST(test_too_scattered),
		TEST(test_untake),
		TEST(test_wrap),
		TEST(test_watch_sees_what_came),
		TEST(test_restart_goes_on),
		TEST(test_where_a_ring_can_be),
		TEST(test_region_not_aligned),
		TEST(test_hostile_indices),
		TEST(test_hostile_direct),
		TEST(test_hostile_addresses),
		TEST(test_hostile_indirect),
		TEST(test_hostile_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
