// SPDX-License-Identifier: BSD-3-Clause
/* test_parse.c - small parsers for the words of options and files */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <linux/if.h>

#include "parse.h"
#include "util.h"

/* A parser that is to fail leaves cursor and results as they were */
#define assert_untouched(call, text, p, result, size)			\
	do {								\
		uint8_t before[64];					\
									\
		(p) = (text);						\
		memcpy(before, (result), (size));			\
		if (call)						\
			fail_msg("'%s' is accepted", (text));		\
		assert_ptr_equal((p), (text));				\
		assert_memory_equal(before, (result), (size));		\
	} while (0)

#if ULONG_MAX > UINT32_MAX
#define ULONG_MAX_TEXT		"18446744073709551615"
#define ULONG_MORE_TEXT		"18446744073709551616"
#else
#define ULONG_MAX_TEXT		"4294967295"
#define ULONG_MORE_TEXT		"4294967296"
#endif

static void test_uint_limits(void **state)
{
	static const struct {
		const char *text;
		unsigned long max, val;
	} good[] = {
		{ "0", 0, 0 }, { "7", 7, 7 }, { "007", 7, 7 },
		{ "65535", 65535, 65535 }, { "10", 10, 10 },
		{ ULONG_MAX_TEXT, ULONG_MAX, ULONG_MAX },
	};
	static const struct {
		const char *text;
		unsigned long max;
	} bad[] = {
		{ "", 9 }, { "-1", 9 }, { "+1", 9 }, { " 1", 9 }, { "x", 9 },
		{ "1", 0 }, { "8", 7 }, { "65536", 65535 }, { "11", 10 },
		{ ULONG_MORE_TEXT, ULONG_MAX },
		{ "99999999999999999999999", ULONG_MAX },
	};
	unsigned long val = 5;
	const char *p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		p = good[i].text;
		assert_true(parse_uint(&p, good[i].max, &val));
		assert_int_equal(val, good[i].val);
		assert_true(parse_end(&p));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_untouched(parse_uint(&p, bad[i].max, &val), bad[i].text,
				 p, &val, sizeof(val));
	p = "12ab";
	assert_true(parse_uint(&p, 99, &val));
	assert_string_equal(p, "ab");
}

/* Scenario 69: 65535 is a port, 0 is none */
static void test_ports(void **state)
{
	static const char *const bad[] = {
		"", "0", "65536", "-1", "a", "0-5", "5-0", "5-", "5-4",
		"1-65536",
	};
	uint16_t range[2] = { 7, 7 };
	const char *p = "65535";
	size_t i;

	(void)state;
	assert_true(parse_port(&p, &range[0]));
	assert_int_equal(range[0], 65535);
	p = "1-65535,";
	assert_true(parse_port_range(&p, &range[0], &range[1]));
	assert_int_equal(range[0], 1);
	assert_int_equal(range[1], 65535);
	assert_string_equal(p, ",");
	p = "22:23";
	assert_true(parse_port_range(&p, &range[0], &range[1]));
	assert_int_equal(range[0], 22);
	assert_int_equal(range[1], 22);
	assert_string_equal(p, ":23");

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_untouched(parse_port_range(&p, &range[0], &range[1]),
				 bad[i], p, range, sizeof(range));
}

/* Scenario 68: names of 15 characters, and what follows them */
static void test_ifname(void **state)
{
	static const char *const bad[] = {
		"", "/", " eth0", ".", "..", "./22", ":1", "\teth0",
		"sixteencharacter", "sixteencharacter/22",
	};
	char name[IFNAMSIZ] = "old";
	const char *p = "fifteen.charact/22";
	size_t i;

	(void)state;
	assert_true(parse_ifname(&p, name));
	assert_string_equal(name, "fifteen.charact");
	assert_string_equal(p, "/22");
	p = "...";
	assert_true(parse_ifname(&p, name));
	assert_string_equal(name, "...");

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_untouched(parse_ifname(&p, name), bad[i], p, name,
				 sizeof(name));
}

static void test_addr(void **state)
{
	static const struct {
		const char *text, *shown, *rest;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1", "" },
		{ "192.0.2.1/24", "192.0.2.1", "/24" },
		{ "192.0.2.1%eth0/22", "192.0.2.1", "%eth0/22" },
		{ "0.0.0.0", "0.0.0.0", "" },
		{ "2001:db8::1", "2001:db8::1", "" },
		{ "2001:DB8::1/64", "2001:db8::1", "/64" },
		{ "[2001:db8::1]/64", "2001:db8::1", "/64" },
		{ "fe80::1%eth0", "fe80::1", "%eth0" },
		{ "::", "::", "" },
		{ "2001:db8::192.0.2.1", "2001:db8::c000:201", "" },
	};
	static const char *const bad[] = {
		"", "1", "192.0.2", "192.0.2.256", "192.0.2.1.1", "192.0.2.01",
		"::ffff:192.0.2.1", "::ffff:c000:201", "[::ffff:192.0.2.1]",
		"[192.0.2.1]", "[2001:db8::1", "[]", ":", "2001:db8::1::",
		"12345::", "eth0", " 192.0.2.1", "localhost", "0x7f.1",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999",
		"000000000000000000000000000000000000000000000000000::1",
	};
	struct addr a = addr_loopback[V4];
	char str[ADDR_STRLEN];
	const char *p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		p = good[i].text;
		assert_true(parse_addr(&p, &a));
		assert_string_equal(addr_str(&a, str), good[i].shown);
		assert_string_equal(p, good[i].rest);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_untouched(parse_addr(&p, &a), bad[i], p, &a, sizeof(a));
}

static void test_addr_prefix(void **state)
{
	static const struct {
		const char *text;
		int bits;
	} good[] = {
		{ "192.0.2.1", -1 }, { "192.0.2.1/0", 0 },
		{ "192.0.2.1/32", 32 }, { "2001:db8::1", -1 },
		{ "2001:db8::1/0", 0 }, { "2001:db8::1/128", 128 },
	};
	static const char *const bad[] = {
		"", "/24", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1",
		"192.0.2.1/x", "2001:db8::1/129", "2001:db8::1/",
	};
	struct addr a = addr_loopback[V6];
	int bits = 77;
	const char *p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		p = good[i].text;
		assert_true(parse_addr_prefix(&p, &a, &bits));
		assert_int_equal(bits, good[i].bits);
		assert_true(parse_end(&p));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		bits = 77;
		assert_untouched(parse_addr_prefix(&p, &a, &bits), bad[i], p,
				 &a, sizeof(a));
		assert_int_equal(bits, 77);
	}
}

/* Scenario 54: each length of a netmask, both forms */
static void test_netmask(void **state)
{
	static const char *const bad[] = {
		"", "33", "-1", "255.0.255.0", "0.0.0.1", "255.255.255.253",
		"x", "/24", "::", "2001:db8::", "255.255.255", "127.0.0.0",
	};
	char text[32];
	const char *p;
	int bits, i;

	(void)state;
	for (i = 0; i <= 32; i++) {
		uint32_t m = i ? ~0U << (32 - i) : 0;

		snprintf(text, sizeof(text), "%u.%u.%u.%u", m >> 24,
			 m >> 16 & 255, m >> 8 & 255, m & 255);
		p = text;
		bits = -2;
		assert_true(parse_netmask(&p, &bits) && parse_end(&p));
		assert_int_equal(bits, i);

		snprintf(text, sizeof(text), "%d", i);
		p = text;
		bits = -2;
		assert_true(parse_netmask(&p, &bits) && parse_end(&p));
		assert_int_equal(bits, i);
	}
	for (i = 0; i < (int)ARRAY_SIZE(bad); i++)
		assert_untouched(parse_netmask(&p, &bits), bad[i], p, &bits,
				 sizeof(bits));
}

static void test_mac(void **state)
{
	static const uint8_t want[MAC_LEN] = {
		0x9a, 0x55, 0x0F, 0xfe, 0x00, 0x01,
	};
	static const char *const bad[] = {
		"", "9a", "9a:", "9a:55:0f:fe:00", "9a:55:0f:fe:00:",
		"9a:55:0f:fe:00:1", "9a:55:0f:fe:0:01", "9a55.0ffe.0001",
		"9a-55:0f:fe:00:01", "9a:55:0f:fe:00-01", "9g:55:0f:fe:00:01",
		"::::::",
	};
	uint8_t mac[MAC_LEN] = { 0 };
	const char *p = "9a:55:0F:fE:00:01";
	size_t i;

	(void)state;
	assert_true(parse_mac(&p, mac) && parse_end(&p));
	assert_memory_equal(mac, want, MAC_LEN);
	memset(mac, 0, sizeof(mac));
	p = "9A-55-0f-fe-00-01:02";
	assert_true(parse_mac(&p, mac));
	assert_memory_equal(mac, want, MAC_LEN);
	assert_string_equal(p, ":02");

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_untouched(parse_mac(&p, mac), bad[i], p, mac, MAC_LEN);
}

#define LABEL63 "a234567890123456789012345678901" \
		"23456789012345678901234567890123"

static void test_domain(void **state)
{
	static const struct {
		const char *text, *name, *rest;
	} good[] = {
		{ "a", "a", "" }, { "none.", "none", "" },
		{ "example.com", "example.com", "" },
		{ "example.com.", "example.com", "" },
		{ "example.com. b", "example.com", " b" },
		{ "example.com..", "example.com", "." },
		{ "_dns.x-y.example", "_dns.x-y.example", "" },
		{ "192.0.2.1", "192.0.2.1", "" },
		{ LABEL63 ".de", LABEL63 ".de", "" },
		{ "a,b", "a", ",b" },
	};
	static const char *const bad[] = {
		"", ".", ".com", "-a", "a-", "a.-b", "a-.b", " a", "\xc3\xa4",
		LABEL63 "4", "a." LABEL63 "4",
		LABEL63 "." LABEL63 "." LABEL63 "." LABEL63,
	};
	char name[256] = "old", small[4] = "old";
	const char *p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		p = good[i].text;
		assert_true(parse_domain(&p, name, sizeof(name)));
		assert_string_equal(name, good[i].name);
		assert_string_equal(p, good[i].rest);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_untouched(parse_domain(&p, name, sizeof(name)), bad[i],
				 p, name, 64);
	assert_untouched(parse_domain(&p, small, sizeof(small)), "abcd", p,
			 small, sizeof(small));
	p = "abc";
	assert_true(parse_domain(&p, small, sizeof(small)));
}

static void test_literal(void **state)
{
	const char *p = "auto,", *start = p;

	(void)state;
	assert_false(parse_literal(&p, "autos"));
	assert_ptr_equal(p, start);
	assert_true(parse_literal(&p, "auto"));
	assert_false(parse_end(&p));
	assert_true(parse_literal(&p, ","));
	assert_true(parse_end(&p));
	assert_false(parse_literal(&p, ","));
	assert_true(parse_literal(&p, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uint_limits),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_ifname),
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_addr_prefix),
		cmocka_unit_test(test_netmask),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
