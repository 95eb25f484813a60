// SPDX-License-Identifier: BSD-3-Clause
/* test_csum.c - Internet checksum against one that adds byte by byte */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "addr.h"
#include "csum.h"
#include "util.h"
#include "view.h"

#define SIZE	700

/* As the text of RFC 1071 has it: 16-bit words, first byte is the high one */
static uint16_t naive(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return htons((uint16_t)~sum);
}

static void fill(uint8_t *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (uint8_t)(random() >> 8);
}

/* The example of RFC 1071, section 3 */
static void test_published_example(void **state)
{
	const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03,
				  0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(csum_fold(csum_add_buf(0, bytes, 8)), htons(0x220d));
}

/* scenario 89: right for buffers at odd addresses */
static void test_any_address_and_length(void **state)
{
	static uint8_t buf[SIZE + 16];
	size_t off, len;

	(void)state;
	fill(buf, sizeof(buf));
	for (off = 0; off < 16; off++) {
		for (len = 0; len <= SIZE; len++) {
			assert_int_equal(csum_fold(csum_add_buf(0, buf + off,
								len)),
					 naive(0, buf + off, len));
		}
	}
}

/* Carries out of all words, and sums of zero in both of its forms */
static void test_extreme_bytes(void **state)
{
	static uint8_t buf[65535];
	size_t len;

	(void)state;
	assert_int_equal(csum_fold(csum_add_buf(0, buf, sizeof(buf))), 0xffff);
	memset(buf, 0xff, sizeof(buf));
	for (len = 1; len <= sizeof(buf); len += 1 + len / 3)
		assert_int_equal(csum_fold(csum_add_buf(0, buf, len)),
				 naive(0, buf, len));
	assert_int_equal(csum_fold(csum_add_buf(UINT64_MAX, buf, 65535)),
			 naive(0xffff, buf, 65535));
	assert_int_equal(csum_fold(0), 0xffff);
	assert_int_equal(csum_fold(UINT64_MAX), 0);
	assert_int_equal(csum_fold(0xffffffff00000001ULL), 0xfffe);
	assert_int_equal(csum_fold(0xffffffff0000ffffULL), 0);
}

static void test_any_split(void **state)
{
	static uint8_t buf[SIZE];
	struct iovec iov[SIZE + 1];
	int round;

	(void)state;
	for (round = 0; round < 2000; round++) {
		size_t skip = (size_t)random() % 50, n = 0, at = 0;
		/* Every fourth time bytes one by one, else also long parts */
		size_t part_max = round % 4 ? 1 + (size_t)random() % 90 : 1;
		struct view v;

		fill(buf, sizeof(buf));
		while (at < SIZE) {
			size_t part = (size_t)random() % (part_max + 1);

			part = part_max == 1 ? 1 : MIN(part, SIZE - at);
			if (n == SIZE)
				part = SIZE - at;
			iov[n++] = (struct iovec){ buf + at, part };
			at += part;
		}
		v = view_from_iov(iov, n, SIZE - (size_t)random() % 50);
		assert_true(view_skip(&v, skip));
		assert_int_equal(csum_fold(csum_add_view(0, &v)),
				 naive(0, buf + skip, v.len));
	}
}

static void test_pseudo_header(void **state)
{
	const uint8_t v4[] = { 192, 0, 2, 1, 198, 51, 100, 255, 0, 17,
			       0xfd, 0xe9 };
	uint8_t v6[40] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1,
			   [16] = 0xfe, 0x80, [31] = 0xff,
			   0, 1, 0x02, 0x03, 0, 0, 0, 6 };
	struct in_addr s4, d4;
	struct in6_addr s6, d6;
	struct addr src, dst;

	(void)state;
	memcpy(&s4, v4, 4);
	memcpy(&d4, v4 + 4, 4);
	src = addr_from_v4(s4);
	dst = addr_from_v4(d4);
	assert_int_equal(csum_fold(csum_pseudo(&src, &dst, 17, 0xfde9)),
			 naive(0, v4, sizeof(v4)));
	memcpy(&s6, v6, 16);
	memcpy(&d6, v6 + 16, 16);
	src = addr_from_v6(&s6);
	dst = addr_from_v6(&d6);
	assert_int_equal(csum_fold(csum_pseudo(&src, &dst, 6, 0x10203)),
			 naive(0, v6, sizeof(v6)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_example),
		cmocka_unit_test(test_any_address_and_length),
		cmocka_unit_test(test_extreme_bytes),
		cmocka_unit_test(test_any_split),
		cmocka_unit_test(test_pseudo_header),
	};

	srandom(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
