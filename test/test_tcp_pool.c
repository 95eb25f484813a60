// SPDX-License-Identifier: BSD-3-Clause
/* test_tcp_pool.c - room for data that sockets didn't take, against a model
 *
 * Data of a connection is a pattern of its own that goes on and on, so that a
 * byte at the wrong place, or of another connection, shows.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tcp_pool.h"
#include "util.h"
#include "view.h"

#define CHUNK		TCP_CHUNK_SIZE
#define CONNS		5
#define ROUNDS		1000
#define LEN_MAX		(20U * CHUNK)

/**
 * struct stream - data of one connection
 * @k:		What the pool has of it
 * @added:	Bytes added since the start
 * @taken:	Bytes taken since the start
 * @salt:	Tells its pattern from that of the others
 */
struct stream {
	struct tcp_kept k;
	uint64_t added;
	uint64_t taken;
	unsigned salt;
};

static struct tcp_pool pool;
static char buf[LEN_MAX];

static char pattern(const struct stream *s, uint64_t offset)
{
	return (char)((offset * 2654435761U) >> 13 ^ offset >> 9 ^ s->salt);
}

static bool add(struct stream *s, size_t len)
{
	/* Of two elements, as frames from a guest may be */
	struct iovec iov[2] = {
		{ buf, len / 3 }, { buf + len / 3, len - len / 3 },
	};
	size_t i;

	assert_true(len <= LEN_MAX);
	for (i = 0; i < len; i++)
		buf[i] = pattern(s, s->added + i);
	if (!tcp_pool_add(&pool, &s->k, view_from_iov(iov, 2, len)))
		return false;
	s->added += len;
	return true;
}

/* All that a look at the data shows is right. Return: its length */
static size_t look(const struct stream *s)
{
	struct iovec iov[TCP_KEPT_IOV];
	size_t n = tcp_pool_peek(&pool, &s->k, iov), i, j, len = 0;

	assert_int_equal(s->k.len, s->added - s->taken);
	assert_true(n <= TCP_KEPT_IOV);
	for (i = 0; i < n; i++) {
		const char *p = iov[i].iov_base;

		assert_in_range(iov[i].iov_len, 1, CHUNK);
		for (j = 0; j < iov[i].iov_len; j++, len++)
			assert_int_equal(p[j], pattern(s, s->taken + len));
	}
	assert_true(len == s->k.len || n == TCP_KEPT_IOV);
	return len;
}

static void take(struct stream *s, size_t len)
{
	tcp_pool_take(&pool, &s->k, len);
	s->taken += len;
}

static int setup(void **state)
{
	(void)state;
	tcp_pool_init(&pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(pool.free_count, TCP_CHUNKS);
	free(pool.data);
	return 0;
}

static void test_nothing_is_kept_at_first(void **state)
{
	struct stream s = { .salt = 1 };

	(void)state;
	assert_int_equal(look(&s), 0);
	take(&s, 0);
	assert_true(add(&s, 0));
	assert_int_equal(look(&s), 0);
}

static void test_edges_of_chunks(void **state)
{
	static const size_t lens[] = {
		1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK,
		2 * CHUNK + 1, 5 * CHUNK,
	};
	struct stream s = { .salt = 2 };
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (j = 0; j < ARRAY_SIZE(lens); j++) {
			size_t all = lens[i] + lens[j];

			assert_true(add(&s, lens[i]));
			assert_true(add(&s, lens[j]));
			assert_int_equal(look(&s), all);
			/* No more memory than needed: the last is filled up */
			assert_int_equal(TCP_CHUNKS - pool.free_count,
					 (all + CHUNK - 1) / CHUNK);
			take(&s, lens[j]);
			assert_int_equal(look(&s), lens[i]);
			take(&s, lens[i]);
			assert_int_equal(look(&s), 0);
			assert_int_equal(pool.free_count, TCP_CHUNKS);
		}
	}
}

static void test_take_goes_across_chunks(void **state)
{
	struct stream s = { .salt = 3 };

	(void)state;
	assert_true(add(&s, 4 * CHUNK));
	take(&s, 10);
	take(&s, 2 * CHUNK);
	assert_int_equal(look(&s), 2 * CHUNK - 10);
	assert_int_equal(pool.free_count, TCP_CHUNKS - 2);
	/* Adding goes on behind the end, not where something was taken */
	assert_true(add(&s, 100));
	assert_int_equal(look(&s), 2 * CHUNK + 90);
	take(&s, 2 * CHUNK + 90);
}

static void test_look_is_bounded(void **state)
{
	struct stream s = { .salt = 4 };

	(void)state;
	assert_true(add(&s, (TCP_KEPT_IOV + 3) * CHUNK));
	assert_int_equal(look(&s), TCP_KEPT_IOV * CHUNK);
	take(&s, 1);
	assert_int_equal(look(&s), TCP_KEPT_IOV * CHUNK - 1);
	take(&s, 3 * CHUNK - 1);
	assert_int_equal(look(&s), TCP_KEPT_IOV * CHUNK);
	take(&s, TCP_KEPT_IOV * CHUNK);
}

static void test_exhaustion_keeps_all_or_nothing(void **state)
{
	struct stream s = { .salt = 5 }, t = { .salt = 6 };

	(void)state;
	while (pool.free_count > 2)
		assert_true(add(&s, CHUNK));
	assert_true(add(&t, CHUNK + 100));
	assert_int_equal(pool.free_count, 0);

	/* One byte more than there is room for: none of it is kept */
	assert_false(add(&t, CHUNK - 99));
	assert_false(add(&s, 1));
	assert_int_equal(look(&t), CHUNK + 100);
	assert_true(add(&t, CHUNK - 100));
	assert_false(add(&t, 1));

	/* What is given back serves another */
	take(&s, CHUNK);
	assert_true(add(&t, CHUNK));
	assert_int_equal(look(&t), 3 * CHUNK);
	take(&t, 3 * CHUNK);
	look(&s);
	take(&s, s.k.len);
}

static void test_slack_ends_at_half(void **state)
{
	struct stream s = { .salt = 7 };

	(void)state;
	assert_int_equal(tcp_pool_slack(&pool, 1460), CHUNK);
	assert_int_equal(tcp_pool_slack(&pool, CHUNK + 1), CHUNK + 1);
	while (pool.free_count > TCP_CHUNKS / 2 + 1)
		assert_true(add(&s, CHUNK));
	assert_int_equal(tcp_pool_slack(&pool, 1460), CHUNK);
	assert_true(add(&s, 1));
	assert_int_equal(tcp_pool_slack(&pool, 1460), 0);
	assert_int_equal(tcp_pool_slack(&pool, CHUNK + 1), 0);
	take(&s, CHUNK);
	assert_int_equal(tcp_pool_slack(&pool, 1460), CHUNK);
	take(&s, s.k.len);
}

static void test_many_in_turns(void **state)
{
	struct stream s[CONNS];
	unsigned i;

	(void)state;
	for (i = 0; i < CONNS; i++)
		s[i] = (struct stream){ .salt = i * 37 + 1 };
	for (i = 0; i < ROUNDS; i++) {
		struct stream *p = &s[random() % CONNS];
		size_t len = (size_t)random() % (random() % 2 ? 100 : 40000);

		if (random() % 2 && p->k.len < 10 * CHUNK)
			assert_true(add(p, len));
		else
			take(p, MIN(len, p->k.len));
		look(p);
	}
	for (i = 0; i < CONNS; i++)
		take(&s[i], s[i].k.len);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_nothing_is_kept_at_first),
		ROW(test_edges_of_chunks),
		ROW(test_take_goes_across_chunks),
		ROW(test_look_is_bounded),
		ROW(test_exhaustion_keeps_all_or_nothing),
		ROW(test_slack_ends_at_half),
		ROW(test_many_in_turns),
	};

	srandom(11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
