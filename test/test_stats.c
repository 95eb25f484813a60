// SPDX-License-Identifier: BSD-3-Clause
/* test_stats.c - when the table of counters is shown, and what it lists */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"
#include "stats.h"

enum log_level log_level = LOG_LEVEL_INFO;

static char text[4096];

/* Stands in for log.c, keeps the lines */
void log_print(enum log_level level, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	assert_int_equal(level, LOG_LEVEL_INFO);
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	strncat(text, "\n", sizeof(text) - strlen(text) - 1);
}

static const char *print(struct stats *s, unsigned delay_s, uint64_t now_ms)
{
	text[0] = '\0';
	stats_print_due(s, delay_s, now_ms);
	return text;
}

static void test_changed_counters_only(void **state)
{
	struct stats s = { .last_ms = 1000 };

	(void)state;
	stats_add(&s, STAT_BAD_FRAME, 3);
	stats_add(&s, STAT_TO_GUEST_BYTES, UINT64_MAX);
	print(&s, 1, 2000);
	assert_non_null(strstr(text, " 3 malformed frames dropped\n"));
	assert_non_null(strstr(text, " 18446744073709551615 bytes to guest\n"));
	assert_null(strstr(text, "flows opened"));

	stats_add(&s, STAT_BAD_FRAME, 4);
	print(&s, 1, 3000);
	assert_non_null(strstr(text, " 7                    4 malformed"));
	assert_null(strstr(text, "bytes to guest"));
}

static void test_delay(void **state)
{
	struct stats s = { .last_ms = 1000 };

	(void)state;
	stats_add(&s, STAT_FLOW_OPENED, 1);
	assert_string_equal(print(&s, 0, 99000), "");
	assert_string_equal(print(&s, 5, 5999), "");
	assert_string_not_equal(print(&s, 5, 6000), "");
	stats_add(&s, STAT_FLOW_OPENED, 1);
	assert_string_equal(print(&s, 5, 10999), "");
	assert_string_not_equal(print(&s, 5, 11000), "");
}

static void test_nothing_happened(void **state)
{
	struct stats s = { .last_ms = 1000 };

	(void)state;
	assert_string_equal(print(&s, 1, 9000), "");
	stats_add(&s, STAT_LOOP_TURNS, 1);
	assert_string_equal(print(&s, 1, 9000), "");
	stats_add(&s, STAT_FLOW_OPENED, 1);
	assert_non_null(strstr(print(&s, 1, 9000),
			       "1 wake-ups of the program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed_counters_only),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_nothing_happened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
