// SPDX-License-Identifier: BSD-3-Clause
/* test_view.c - bounded cursor over scattered bytes */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "util.h"
#include "view.h"

static const char text[] = "0123456789";

/* Ten elements of one byte, an empty one before, between and after */
static size_t scatter(struct iovec iov[static 24], char *bytes)
{
	size_t n = 0, i;

	for (i = 0; i < 10; i++) {
		iov[n++] = (struct iovec){ NULL, 0 };
		iov[n++] = (struct iovec){ bytes + i, 1 };
	}
	iov[n++] = (struct iovec){ NULL, 0 };
	return n;
}

static void test_length_is_bounded_by_elements(void **state)
{
	struct iovec iov[24], one;
	char bytes[11] = "0123456789";
	size_t n = scatter(iov, bytes);

	(void)state;
	assert_int_equal(view_from_iov(iov, n, SIZE_MAX).len, 10);
	assert_int_equal(view_from_iov(iov, n, 10).len, 10);
	assert_int_equal(view_from_iov(iov, n, 3).len, 3);
	assert_int_equal(view_from_iov(iov, n, 0).len, 0);
	assert_int_equal(view_from_iov(NULL, 0, 5).len, 0);
	assert_int_equal(view_from_buf(&one, text, 10).len, 10);
}

static void test_pull_across_elements(void **state)
{
	char bytes[11] = "0123456789", got[8] = "";
	struct iovec iov[24];
	struct view v = view_from_iov(iov, scatter(iov, bytes), 9);

	(void)state;
	assert_true(view_pull(&v, got, 3));
	assert_memory_equal(got, "012", 3);
	assert_true(view_peek(&v, got, 6));
	assert_memory_equal(got, "345678", 6);
	assert_int_equal(v.len, 6);
	assert_true(view_skip(&v, 5));
	assert_true(view_pull(&v, got, 1));
	assert_memory_equal(got, "8", 1);
	assert_int_equal(v.len, 0);
}

static void test_short_view_is_untouched(void **state)
{
	char got[8] = "abcdefg";
	struct iovec iov;
	struct view v = view_from_buf(&iov, text, 4), sub = { .len = 77 };

	(void)state;
	assert_false(view_peek(&v, got, 5));
	assert_false(view_pull(&v, got, 5));
	assert_false(view_skip(&v, SIZE_MAX));
	assert_false(view_trim(&v, 5));
	assert_false(view_sub(&v, 5, &sub));
	assert_false(view_put(&v, got, 5));
	assert_string_equal(got, "abcdefg");
	assert_int_equal(v.len, 4);
	assert_int_equal(sub.len, 77);
	assert_true(view_pull(&v, got, 4));
	assert_memory_equal(got, "0123efg", 7);
	assert_true(view_skip(&v, 0));
	assert_false(view_skip(&v, 1));
}

static void test_sub_view_ends_where_told(void **state)
{
	char bytes[11] = "0123456789", got[8];
	struct iovec iov[24];
	struct view v = view_from_iov(iov, scatter(iov, bytes), 10), sub;

	(void)state;
	assert_true(view_sub(&v, 4, &sub));
	assert_false(view_pull(&sub, got, 5));
	assert_true(view_pull(&sub, got, 4));
	assert_memory_equal(got, "0123", 4);
	assert_true(view_trim(&v, 2));
	assert_false(view_pull(&v, got, 3));
	assert_true(view_pull(&v, got, 2));
	assert_memory_equal(got, "45", 2);
}

static void test_put_across_elements(void **state)
{
	char bytes[11] = "..........";
	struct iovec iov[24];
	struct view v = view_from_iov(iov, scatter(iov, bytes), 8);

	(void)state;
	assert_true(view_skip(&v, 1));
	assert_true(view_put(&v, "abc", 3));
	assert_true(view_put(&v, "defg", 4));
	assert_false(view_put(&v, "h", 1));
	assert_string_equal(bytes, ".abcdefg..");
}

static void test_to_iov(void **state)
{
	char bytes[11] = "0123456789";
	struct iovec iov[24], out[10];
	struct view v = view_from_iov(iov, scatter(iov, bytes), 10);

	(void)state;
	assert_int_equal(view_to_iov(&v, out, 10), 10);
	assert_ptr_equal(out[9].iov_base, bytes + 9);
	assert_int_equal(view_to_iov(&v, out, 9), 0);
	assert_true(view_skip(&v, 10));
	assert_int_equal(view_to_iov(&v, out, 10), 0);

	v = view_from_buf(iov, text, 10);
	assert_true(view_skip(&v, 3) && view_trim(&v, 5));
	assert_int_equal(view_to_iov(&v, out, 1), 1);
	assert_ptr_equal(out[0].iov_base, text + 3);
	assert_int_equal(out[0].iov_len, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length_is_bounded_by_elements),
		cmocka_unit_test(test_pull_across_elements),
		cmocka_unit_test(test_short_view_is_untouched),
		cmocka_unit_test(test_sub_view_ends_where_told),
		cmocka_unit_test(test_put_across_elements),
		cmocka_unit_test(test_to_iov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
