// SPDX-License-Identifier: BSD-3-Clause
/* test_frag.c - reassembly: orders, overlaps, limits, time-outs */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "frag.h"
#include "ip.h"
#include "stats.h"
#include "util.h"

#define MORE	true
#define LAST	false

static struct stats stats;
static struct frag *frag;
static struct frame frame;
static struct pkt pkt;
static uint8_t sent[70000];

static struct addr addr_of(enum ipver v, unsigned host)
{
	char text[ADDR_STRLEN];
	struct in6_addr a6;

	snprintf(text, sizeof(text), v == V4 ? "::ffff:192.0.2.%u" :
		 "2001:db8::%x", host);
	assert_int_equal(inet_pton(AF_INET6, text, &a6), 1);
	return addr_from_v6(&a6);
}

/* Hand in bytes @from to @to of @sent, one byte in each of the first elements
 * at odd places
 */
static bool add(enum ipver v, uint32_t id, size_t from, size_t to, bool more,
		uint64_t now_ms)
{
	static uint8_t first[3];
	size_t i, n;

	memcpy(first, sent + from, MIN(sizeof(first), to - from));
	memset(&pkt, 0, sizeof(pkt));
	for (i = n = 0; i < 3 && from + i < to; i++)
		frame.iov[n++] = (struct iovec){ first + i, 1 };
	if (from + i < to)
		frame.iov[n++] = (struct iovec){ sent + from + i,
						 to - from - i };
	pkt.f = &frame;
	pkt.v = v;
	pkt.src = addr_of(v, 1);
	pkt.dst = addr_of(v, 2);
	pkt.proto = IPPROTO_UDP;
	pkt.ttl = from ? 7 : 64;
	pkt.is_frag = true;
	pkt.frag_more = more;
	pkt.frag_off = (unsigned)from;
	pkt.frag_id = id;
	pkt.l4 = view_from_iov(frame.iov, n, to - from);
	return frag_add(frag, &pkt, now_ms);
}

static void assert_whole(size_t len)
{
	static uint8_t got[70000];

	assert_false(pkt.is_frag);
	assert_int_equal(pkt.ttl, 64);
	assert_int_equal(pkt.f->vnet.flags, 0);
	assert_ptr_not_equal(pkt.f, &frame);
	assert_int_equal(pkt.l4.len, len);
	assert_true(view_pull(&pkt.l4, got, len));
	assert_memory_equal(got, sent, len);
}

static int setup(void **state)
{
	size_t i;

	(void)state;
	memset(&stats, 0, sizeof(stats));
	memset(&frame, 0, sizeof(frame));
	for (i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)random();
	frag = frag_new(&stats);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(frag);
	return 0;
}

static void test_each_order(void **state)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	static const size_t at[4] = { 0, 8, 1488, 1489 };
	unsigned i, j;

	(void)state;
	for (i = 0; i < 12; i++) {
		for (j = 0; j < 3; j++) {
			int n = orders[i / 2][j];

			assert_int_equal(add(i % 2 ? V6 : V4, i, at[n],
					     at[n + 1], n < 2, 0), j == 2);
		}
		assert_whole(1489);
	}
	assert_int_equal(stats.count[STAT_FRAG_LOST], 0);
}

static void test_longest_packets(void **state)
{
	size_t off;

	(void)state;
	for (off = 0; off < 65528; off += 1024)
		assert_false(add(V6, 1, off, MIN(off + 1024, 65528), MORE, 0));
	assert_true(add(V6, 1, 65528, 65535, LAST, 0));
	assert_whole(65535);

	assert_false(add(V4, 1, 0, 8, MORE, 0));
	assert_false(add(V4, 1, 8, 65512, MORE, 0));
	assert_true(add(V4, 1, 65512, 65515, LAST, 0));
	assert_whole(65515);
}

static void test_too_long(void **state)
{
	(void)state;
	assert_false(add(V6, 1, 65528, 65536, LAST, 0));
	assert_false(add(V6, 1, 0, 65528, MORE, 0));
	assert_false(add(V4, 1, 65512, 65516, LAST, 0));
	assert_false(add(V4, 1, 0, 65512, MORE, 0));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 4);
}

/* RFC 6946: such a fragment is a packet, and leaves others alone */
static void test_atomic_fragment(void **state)
{
	(void)state;
	assert_false(add(V6, 5, 0, 16, MORE, 0));
	assert_true(add(V6, 5, 0, 20, LAST, 0));
	assert_false(pkt.is_frag);
	assert_int_equal(pkt.l4.len, 20);
	assert_ptr_equal(pkt.f, &frame);
	assert_true(add(V6, 5, 16, 30, LAST, 0));
	assert_whole(30);
}

/* Each pair contradicts itself; then nothing completes the packet any more */
static void test_contradictions(void **state)
{
	static const struct {
		const char *what;
		size_t from[2], to[2];
		bool more[2];
	} rows[] = {
		{ "duplicate",		{ 0, 0 }, { 16, 16 }, { MORE, MORE } },
		{ "tail overlaps",	{ 0, 8 }, { 16, 24 }, { MORE, MORE } },
		{ "head overlaps",	{ 8, 0 }, { 24, 16 }, { MORE, MORE } },
		{ "inside",		{ 0, 8 }, { 24, 16 }, { MORE, MORE } },
		{ "around",		{ 8, 0 }, { 16, 24 }, { MORE, MORE } },
		{ "last overlaps",	{ 8, 8 }, { 16, 9 }, { MORE, LAST } },
		{ "odd last, overlap",	{ 8, 8 }, { 13, 16 }, { LAST, MORE } },
		{ "two ends",		{ 8, 16 }, { 16, 24 }, { LAST, LAST } },
		{ "beyond the end",	{ 8, 16 }, { 16, 24 }, { LAST, MORE } },
		{ "end in the middle",	{ 16, 8 }, { 24, 16 }, { MORE, LAST } },
		{ "odd length",		{ 0, 8 }, { 8, 17 }, { MORE, MORE } },
		{ "empty",		{ 0, 8 }, { 8, 8 }, { MORE, LAST } },
		{ "empty, more",	{ 0, 8 }, { 8, 8 }, { MORE, MORE } },
	};
	unsigned i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		stats.count[STAT_FRAG_LOST] = 0;
		for (j = 0; j < 2; j++) {
			if (add(V4, i, rows[i].from[j], rows[i].to[j],
				rows[i].more[j], 0))
				fail_msg("%s: completed", rows[i].what);
		}
		if (stats.count[STAT_FRAG_LOST] != 2)
			fail_msg("%s: not discarded", rows[i].what);
		for (j = 0; j < 32; j += 8) {
			if (add(V4, i, j, j + 8, j < 24, 0))
				fail_msg("%s: came back", rows[i].what);
		}
		assert_int_equal(stats.count[STAT_FRAG_LOST], 6);
	}
}

static void test_keys_are_kept_apart(void **state)
{
	(void)state;
	assert_false(add(V4, 1, 0, 8, MORE, 0));
	assert_false(add(V4, 2, 8, 16, LAST, 0));
	assert_false(add(V6, 1, 8, 16, LAST, 0));

	add(V4, 3, 0, 8, MORE, 0);
	assert_false(add(V4, 4, 8, 9, LAST, 0));
	pkt.frag_id = 3;
	pkt.src = addr_of(V4, 9);
	assert_false(frag_add(frag, &pkt, 0));
	pkt.src = addr_of(V4, 1);
	pkt.dst = addr_of(V4, 9);
	assert_false(frag_add(frag, &pkt, 0));
	pkt.dst = addr_of(V4, 2);
	pkt.proto = IPPROTO_TCP;
	assert_false(frag_add(frag, &pkt, 0));
	pkt.proto = IPPROTO_UDP;
	assert_true(frag_add(frag, &pkt, 0));
}

/* RFC 8200, 4.5: the protocol is that of the first fragment */
static void test_ipv6_protocol_of_first(void **state)
{
	(void)state;
	assert_false(add(V6, 1, 0, 8, MORE, 0));
	assert_false(add(V6, 2, 8, 9, LAST, 0));
	pkt.frag_id = 1;
	pkt.proto = IPPROTO_TCP;
	assert_true(frag_add(frag, &pkt, 0));
	assert_int_equal(pkt.proto, IPPROTO_UDP);
}

static void test_partial_checksum(void **state)
{
	(void)state;
	frame.vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	assert_false(add(V4, 1, 0, 8, MORE, 0));
	frame.vnet.flags = 0;
	assert_false(add(V4, 1, 8, 16, LAST, 0));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 2);
}

/* A frame said to be checked says nothing about the whole packet */
static void test_checked_frames(void **state)
{
	(void)state;
	frame.vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	assert_false(add(V4, 1, 0, 8, MORE, 0));
	assert_true(add(V4, 1, 8, 16, LAST, 0));
	assert_whole(16);
}

static void test_timeout(void **state)
{
	(void)state;
	assert_false(add(V4, 1, 0, 8, MORE, 1000));
	assert_true(add(V4, 1, 8, 16, LAST, 30999));

	assert_false(add(V4, 1, 0, 8, MORE, 1000));
	assert_false(add(V4, 1, 8, 16, LAST, 31000));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 1);
	assert_true(add(V4, 1, 0, 8, MORE, 60999));
	assert_whole(16);

	/* What is discarded is so no longer than that, either */
	assert_false(add(V4, 2, 0, 8, MORE, 70000));
	assert_false(add(V4, 2, 0, 8, MORE, 70000));
	assert_false(add(V4, 2, 0, 8, MORE, 100000));
	assert_true(add(V4, 2, 8, 16, LAST, 100000));
}

/* The seventeenth packet takes the place of the oldest, wherever that is */
/* The next guest's fragments aren't put together with those of the last one */
static void test_guest_is_gone(void **state)
{
	(void)state;
	assert_false(add(V4, 1, 0, 8, MORE, 0));
	assert_false(add(V6, 1, 0, 8, MORE, 0));
	frag_clear(frag);
	assert_int_equal(stats.count[STAT_FRAG_LOST], 2);
	assert_false(add(V4, 1, 8, 16, LAST, 0));
	assert_false(add(V6, 1, 8, 16, LAST, 0));
	frag_clear(frag);
	frag_clear(frag);
	assert_int_equal(stats.count[STAT_FRAG_LOST], 4);
}

static void test_eviction(void **state)
{
	uint32_t id;

	(void)state;
	for (id = 0; id < 16; id++)
		assert_false(add(V4, id, 0, 8, MORE, 100 + id));
	assert_true(add(V4, 0, 8, 16, LAST, 200));
	assert_false(add(V4, 16, 0, 8, MORE, 200));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 0);

	assert_false(add(V4, 17, 0, 8, MORE, 200));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 1);
	for (id = 2; id < 18; id++)
		assert_true(add(V4, id, 8, 16, LAST, 200));
	assert_false(add(V4, 1, 8, 16, LAST, 200));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 1);
}

static void test_many_small_fragments(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 127; i++)
		assert_false(add(V4, 1, i * 8, i * 8 + 8, MORE, 0));
	assert_true(add(V4, 1, i * 8, i * 8 + 1, LAST, 0));
	assert_whole(127 * 8 + 1);

	for (i = 0; i < 128; i++)
		assert_false(add(V4, 2, i * 8, i * 8 + 8, MORE, 0));
	assert_false(add(V4, 2, i * 8, i * 8 + 8, LAST, 0));
	assert_int_equal(stats.count[STAT_FRAG_LOST], 129);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_order),
		TEST(test_longest_packets),
		TEST(test_too_long),
		TEST(test_atomic_fragment),
		TEST(test_contradictions),
		TEST(test_keys_are_kept_apart),
		TEST(test_ipv6_protocol_of_first),
		TEST(test_partial_checksum),
		TEST(test_checked_frames),
		TEST(test_timeout),
		TEST(test_guest_is_gone),
		TEST(test_eviction),
		TEST(test_many_small_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
