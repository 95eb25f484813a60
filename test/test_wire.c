// SPDX-License-Identifier: BSD-3-Clause
/* test_wire.c - bounded writer of messages */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "util.h"
#include "wire.h"

static void test_all_or_nothing(void **state)
{
	uint8_t buf[8] = { 0 };
	struct wire w = { .buf = buf, .size = 7 };

	(void)state;
	assert_true(wire_put_u32(&w, 0x01020304));
	assert_false(wire_put_u32(&w, 0));
	assert_int_equal(w.len, 4);
	assert_true(wire_put_u16(&w, 0x0506));
	assert_false(wire_put_u16(&w, 0));
	assert_false(wire_put_zeros(&w, 2));
	assert_false(wire_put(&w, buf, SIZE_MAX));
	assert_true(wire_put_u8(&w, 7));
	assert_false(wire_put_u8(&w, 8));
	assert_true(wire_put(&w, NULL, 0));
	assert_memory_equal(buf, "\1\2\3\4\5\6\7\0", 8);
}

static void test_set(void **state)
{
	uint8_t buf[4] = { 0 };
	struct wire w = { .buf = buf, .size = 4 };

	(void)state;
	assert_false(wire_set_u16(&w, 0, 1));
	wire_put_zeros(&w, 3);
	assert_true(wire_set_u16(&w, 1, 0x0102));
	assert_false(wire_set_u16(&w, 2, 1));
	assert_false(wire_set_u16(&w, SIZE_MAX, 1));
	assert_memory_equal(buf, "\0\1\2\0", 4);
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", ".a", "a..b", "a..",
		"01234567890123456789012345678901"
		"23456789012345678901234567890123",
	};
	uint8_t buf[32];
	struct wire w = { .buf = buf, .size = sizeof(buf) };
	size_t i;

	(void)state;
	assert_true(wire_put_name(&w, "example.org", 11));
	assert_true(wire_put_name(&w, "a.", 2));
	assert_int_equal(w.len, 16);
	assert_memory_equal(buf, "\7example\3org\0\1a\0", 16);

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(wire_put_name(&w, bad[i], strlen(bad[i])));
		assert_int_equal(w.len, 16);
	}

	/* One byte too few, each time */
	for (w.size = 16; w.size < 29; w.size++) {
		assert_false(wire_put_name(&w, "example.net", 11));
		assert_int_equal(w.len, 16);
	}
	assert_true(wire_put_name(&w, "example.net", 11));
}

static void test_longest_name(void **state)
{
	uint8_t buf[300];
	struct wire w = { .buf = buf, .size = sizeof(buf) };
	char name[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(name); i++)
		name[i] = i % 64 == 63 ? '.' : 'x';

	assert_true(wire_put_name(&w, name, 253));
	assert_int_equal(w.len, WIRE_NAME_MAX);
	assert_false(wire_put_name(&w, name, 254));
}

static void test_search(void **state)
{
	uint8_t buf[32];
	struct wire w = { .buf = buf, .size = sizeof(buf) };

	(void)state;
	assert_int_equal(wire_put_search(&w, ""), 0);
	assert_int_equal(wire_put_search(&w, "  "), 0);
	assert_int_equal(wire_put_search(&w, " a..b  b.c d "), 2);
	assert_int_equal(w.len, 8);
	assert_memory_equal(buf, "\1b\1c\0\1d\0", 8);

	/* Nothing comes before its turn */
	w.len = 0;
	w.size = 13;
	assert_int_equal(wire_put_search(&w, "a example.org b"), 1);
	assert_int_equal(w.len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
