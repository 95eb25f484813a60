// SPDX-License-Identifier: BSD-3-Clause
/* test_timer.c - timer wheel against a list of deadlines */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "timer.h"
#include "util.h"

#define TIMERS	200
#define HOUR	3600000ULL

/**
 * struct probe - a timer and what is expected of it
 * @t:		Timer
 * @due_ms:	When it has to run out, UINT64_MAX if it isn't pending
 * @fired:	How often it ran out
 */
struct probe {
	struct timer t;
	uint64_t due_ms;
	unsigned fired;
};

static struct wheel wheel;
static struct probe probes[TIMERS];
static uint64_t last_due_ms;

static void set(struct probe *p, uint64_t due_ms)
{
	p->due_ms = MAX(due_ms, wheel.now_ms + 1);
	timer_set(&wheel, &p->t, due_ms);
	assert_true(timer_is_pending(&p->t));
}

static void cancel(struct probe *p)
{
	p->due_ms = UINT64_MAX;
	timer_cancel(&wheel, &p->t);
	assert_false(timer_is_pending(&p->t));
}

/* Deadlines near and far, over all levels and beyond their reach */
static uint64_t any_delay(void)
{
	return (uint64_t)random() >> (random() % 31);
}

static void count(struct timer *t, void *arg)
{
	struct probe *p = container_of(t, struct probe, t);
	uint64_t now_ms = *(uint64_t *)arg;

	assert_false(timer_is_pending(t));
	assert_int_equal(p->due_ms, wheel.now_ms);
	assert_true(p->due_ms <= now_ms);
	assert_true(p->due_ms >= last_due_ms);
	last_due_ms = p->due_ms;
	p->due_ms = UINT64_MAX;
	p->fired++;
}

/* As above, and sets or cancels some timer, perhaps itself */
static void meddle(struct timer *t, void *arg)
{
	struct probe *other = &probes[random() % TIMERS];

	count(t, arg);
	if (random() % 2)
		set(other, wheel.now_ms + any_delay());
	else
		cancel(other);
}

static void start(uint64_t now_ms, timer_fn *fn)
{
	size_t i;

	timer_init(&wheel, now_ms);
	memset(probes, 0, sizeof(probes));
	last_due_ms = 0;
	for (i = 0; i < TIMERS; i++) {
		probes[i].t.fn = fn;
		probes[i].due_ms = UINT64_MAX;
	}
}

/* Nobody is left behind, and the sleep doesn't go past anybody's deadline */
static void check(uint64_t now_ms)
{
	uint64_t first = UINT64_MAX;
	int sleep_ms = timer_next_ms(&wheel, now_ms);
	size_t i;

	for (i = 0; i < TIMERS; i++) {
		assert_true(probes[i].due_ms > now_ms);
		assert_int_equal(timer_is_pending(&probes[i].t),
				 probes[i].due_ms != UINT64_MAX);
		first = MIN(first, probes[i].due_ms);
	}

	if (first == UINT64_MAX) {
		assert_int_equal(sleep_ms, -1);
	} else {
		assert_true(sleep_ms > 0);
		assert_true(now_ms + (uint64_t)sleep_ms <= first);
	}
}

static void run_random(uint64_t now_ms, timer_fn *fn)
{
	int step, n;

	start(now_ms, fn);
	for (step = 0; step < 3000; step++) {
		for (n = (int)(random() % 8); n; n--) {
			struct probe *p = &probes[random() % TIMERS];

			if (random() % 8)
				set(p, now_ms + any_delay());
			else
				cancel(p);
		}
		now_ms += step % 3 ? (uint64_t)random() % 100 : any_delay();
		timer_run(&wheel, now_ms, &now_ms);
		check(now_ms);
	}
}

static void test_random_against_list(void **state)
{
	(void)state;
	run_random(0, count);
	run_random((1ULL << 24) - 50, count);
	run_random((1ULL << 40) - 1, count);
}

static void test_random_with_meddling(void **state)
{
	(void)state;
	run_random(12345, meddle);
	run_random((1ULL << 32) - 7, meddle);
}

/* Sleeping as long as timer_next_ms() says finds each deadline to the
 * millisecond, and doesn't wake up more often than once for each level
 */
static void test_sleep_until_due(void **state)
{
	static const uint64_t delays[] = {
		1, 63, 64, 65, 4095, 4096, 4097, 262143, 262144, 262145,
		16777215, 16777216, 16777217, 5 * HOUR,
	};
	static const uint64_t starts[] = { 0, 1, 63, 4095, 262143, 16777215 };
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(delays) * ARRAY_SIZE(starts); i++) {
		uint64_t now_ms = starts[i / ARRAY_SIZE(delays)];
		uint64_t due_ms = now_ms + delays[i % ARRAY_SIZE(delays)];

		start(now_ms, count);
		set(&probes[0], due_ms);
		for (j = 0; !probes[0].fired; j++) {
			int sleep_ms = timer_next_ms(&wheel, now_ms);

			assert_true(sleep_ms > 0);
			assert_true(j <= TIMER_LEVELS);
			now_ms += (uint64_t)sleep_ms;
			timer_run(&wheel, now_ms, &now_ms);
		}
		assert_int_equal(now_ms, due_ms);
		assert_int_equal(timer_next_ms(&wheel, now_ms), -1);
	}
}

/* Later: only stored, the slot stays. Earlier: filed anew. */
static void test_put_off_and_bring_forward(void **state)
{
	uint64_t now_ms = 1000;

	(void)state;
	start(now_ms, count);
	set(&probes[0], 1100);
	set(&probes[0], 1300);
	assert_int_equal(probes[0].t.slot_ms, 1100);
	timer_run(&wheel, now_ms = 1299, &now_ms);
	assert_int_equal(probes[0].fired, 0);
	timer_run(&wheel, now_ms = 1300, &now_ms);
	assert_int_equal(probes[0].fired, 1);

	set(&probes[0], 9000);
	set(&probes[0], 1310);
	timer_run(&wheel, now_ms = 1310, &now_ms);
	assert_int_equal(probes[0].fired, 2);
}

/* A deadline in the past runs out soon, and not for ever in one run */
static void again(struct timer *t, void *arg)
{
	struct probe *p = container_of(t, struct probe, t);

	(void)arg;
	p->fired++;
	timer_set(&wheel, t, 0);
}

static void test_past_deadline(void **state)
{
	(void)state;
	start(5000, again);
	timer_set(&wheel, &probes[0].t, 10);
	assert_int_equal(timer_next_ms(&wheel, 5000), 1);
	timer_run(&wheel, 5001, NULL);
	assert_int_equal(probes[0].fired, 1);
	timer_run(&wheel, 5001, NULL);
	assert_int_equal(probes[0].fired, 1);
	timer_run(&wheel, 5003, NULL);
	assert_int_equal(probes[0].fired, 3);
}

/* The clock may have gone on since the wheel last ran */
static void test_sleep_when_late(void **state)
{
	(void)state;
	start(100, count);
	set(&probes[0], 120);
	assert_int_equal(timer_next_ms(&wheel, 105), 15);
	assert_int_equal(timer_next_ms(&wheel, 120), 0);
	assert_int_equal(timer_next_ms(&wheel, 9000), 0);
}

static void cancel_next(struct timer *t, void *arg)
{
	struct probe *p = container_of(t, struct probe, t);

	(void)arg;
	p->fired++;
	timer_cancel(&wheel, &probes[!(p - probes)].t);
}

/* Of two that are due together, the first cancels the second */
static void test_cancel_while_running(void **state)
{
	(void)state;
	start(0, cancel_next);
	timer_set(&wheel, &probes[0].t, 70);
	timer_set(&wheel, &probes[1].t, 70);
	timer_run(&wheel, 100, NULL);
	assert_int_equal(probes[0].fired + probes[1].fired, 1);
	assert_int_equal(timer_next_ms(&wheel, 100), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_against_list),
		cmocka_unit_test(test_random_with_meddling),
		cmocka_unit_test(test_sleep_until_due),
		cmocka_unit_test(test_put_off_and_bring_forward),
		cmocka_unit_test(test_past_deadline),
		cmocka_unit_test(test_sleep_when_late),
		cmocka_unit_test(test_cancel_while_running),
	};

	srandom(7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
