// SPDX-License-Identifier: BSD-3-Clause
/* test_addr.c - classes, prefixes and conversions of addresses */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "addr.h"
#include "text_addr.h"
#include "util.h"

/* Letters: Loopback, unSpecified, Multicast, Broadcast, linK-local, Unicast,
 * External
 */
static void test_classes(void **state)
{
	static const struct {
		const char *text;
		const char *classes;
	} rows[] = {
		{ "0.0.0.0", "S" },		{ "::", "S" },
		{ "127.0.0.1", "LU" },		{ "::1", "LU" },
		{ "127.255.255.255", "LU" },	{ "::2", "UE" },
		{ "126.255.255.255", "UE" },	{ "128.0.0.0", "UE" },
		{ "223.255.255.255", "UE" },	{ "224.0.0.0", "M" },
		{ "239.255.255.255", "M" },	{ "240.0.0.0", "UE" },
		{ "255.255.255.255", "B" },	{ "255.255.255.254", "UE" },
		{ "169.254.0.0", "KUE" },	{ "169.254.255.255", "KUE" },
		{ "169.253.255.255", "UE" },	{ "169.255.0.0", "UE" },
		{ "fe80::", "KUE" },		{ "febf:ffff::1", "KUE" },
		{ "fec0::1", "UE" },		{ "fe7f::1", "UE" },
		{ "ff02::1", "M" },		{ "feff::1", "UE" },
		{ "2001:db8::1", "UE" },	{ "192.0.2.1", "UE" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr a = text_addr(rows[i].text);
		char got[8] = "", *p = got;

		if (addr_is_loopback(&a))
			*p++ = 'L';
		if (addr_is_unspecified(&a))
			*p++ = 'S';
		if (addr_is_multicast(&a))
			*p++ = 'M';
		if (addr_is_broadcast(&a))
			*p++ = 'B';
		if (addr_is_linklocal(&a))
			*p++ = 'K';
		if (addr_is_unicast(&a))
			*p++ = 'U';
		if (addr_is_external(&a))
			*p++ = 'E';
		if (strcmp(got, rows[i].classes))
			fail_msg("%s: %s", rows[i].text, got);
		assert_int_equal(addr_may_send(&a),
				 !!strpbrk(rows[i].classes, "ES"));
	}
}

static void test_versions_and_unset(void **state)
{
	struct addr unset = { 0 }, any4 = text_addr("0.0.0.0");
	struct addr a = text_addr("192.0.2.1");

	(void)state;
	assert_false(addr_is_set(&unset));
	assert_true(addr_is_set(&any4));
	assert_true(addr_is_set(&a));
	assert_int_equal(addr_version(&any4), V4);
	assert_int_equal(addr_version(&unset), V6);
	assert_int_equal(addr_family(V4), AF_INET);
	assert_int_equal(addr_family(V6), AF_INET6);
	a = text_addr("127.0.0.1");
	assert_true(addr_is_equal(&addr_loopback[V4], &a));
	assert_false(addr_is_equal(&addr_loopback[V6], &a));
	a = text_addr("::1");
	assert_true(addr_is_equal(&addr_loopback[V6], &a));
	assert_true(addr_is_equal(&addr_any[V4], &any4));
	assert_true(addr_is_equal(&addr_any[V6], &unset));
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *a;
		const char *net;
		int bits;
		bool in;
	} rows[] = {
		{ "192.0.2.77", "192.0.2.0", 24, true },
		{ "192.0.3.77", "192.0.2.0", 24, false },
		{ "192.0.3.77", "192.0.2.9", 23, true },
		{ "192.0.2.1", "192.0.2.1", 32, true },
		{ "192.0.2.0", "192.0.2.1", 32, false },
		{ "192.0.2.0", "192.0.2.1", 31, true },
		{ "198.51.100.1", "192.0.2.0", 0, true },
		{ "192.0.2.1", "192.0.2.1", 33, false },
		{ "192.0.2.1", "192.0.2.1", -1, false },
		{ "192.0.2.1", "::", 0, false },
		{ "2001:db8::1", "0.0.0.0", 0, false },
		{ "2001:db8::1", "::", 0, true },
		{ "2001:db8:0:1::1", "2001:db8::", 63, true },
		{ "2001:db8:0:1::1", "2001:db8::", 64, false },
		{ "2001:db8:4000::", "2001:db8::", 33, true },
		{ "2001:db8:8000::", "2001:db8::", 33, false },
		{ "2001:db8::1", "2001:db8::1", 128, true },
		{ "2001:db8::1", "2001:db8::", 128, false },
		{ "2001:db8::1", "2001:db8::1", 129, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr net = text_addr(rows[i].net);
		struct addr a = text_addr(rows[i].a);

		if (addr_in_prefix(&a, &net, rows[i].bits) != rows[i].in)
			fail_msg("%s in %s/%d", rows[i].a, rows[i].net,
				 rows[i].bits);
	}
}

static void test_text(void **state)
{
	struct addr a = text_addr("192.0.2.1");
	char buf[ADDR_STRLEN];

	(void)state;
	assert_string_equal(addr_str(&a, buf), "192.0.2.1");
	a = text_addr("2001:db8::1");
	assert_string_equal(addr_str(&a, buf), "2001:db8::1");
	a = text_addr("::");
	assert_string_equal(addr_str(&a, buf), "::");
}

static void test_socket_addresses(void **state)
{
	struct addr a = text_addr("192.0.2.1"), b;
	union sockaddr_any sa;
	uint16_t port = 0;

	(void)state;
	memset(&sa, 0xff, sizeof(sa));
	assert_int_equal(addr_to_sockaddr(&sa, &a, 0x1234, 5), sizeof(sa.v4));
	assert_int_equal(sa.v4.sin_family, AF_INET);
	assert_int_equal(sa.v4.sin_port, htons(0x1234));
	assert_int_equal(ntohl(sa.v4.sin_addr.s_addr), 0xc0000201);
	assert_true(addr_from_sockaddr(&sa, &b, &port));
	assert_true(addr_is_equal(&a, &b));
	assert_int_equal(port, 0x1234);

	a = text_addr("fe80::1");
	memset(&sa, 0xff, sizeof(sa));
	assert_int_equal(addr_to_sockaddr(&sa, &a, 0x4321, 5), sizeof(sa.v6));
	assert_int_equal(sa.v6.sin6_family, AF_INET6);
	assert_int_equal(sa.v6.sin6_scope_id, 5);
	assert_int_equal(sa.v6.sin6_flowinfo, 0);
	assert_true(addr_from_sockaddr(&sa, &b, NULL));
	assert_true(addr_is_equal(&a, &b));

	/* What a dual-stack socket says of an IPv4 peer */
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1",
				   &sa.v6.sin6_addr), 1);
	assert_true(addr_from_sockaddr(&sa, &b, &port));
	assert_int_equal(addr_version(&b), V4);
	assert_int_equal(port, 0x4321);

	sa.sa.sa_family = AF_UNIX;
	port = 7;
	assert_false(addr_from_sockaddr(&sa, &a, &port));
	assert_int_equal(port, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_versions_and_unset),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_socket_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
