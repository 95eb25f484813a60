// SPDX-License-Identifier: BSD-3-Clause
/* test_resolv.c - name servers and search list of resolv.conf */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "resolv.h"
#include "util.h"

/* Servers as text, separated by spaces */
static const char *servers(const struct resolv *r)
{
	static char list[RESOLV_SERVERS_MAX * ADDR_STRLEN];
	char str[ADDR_STRLEN];
	size_t len = 0;
	unsigned i;

	list[0] = '\0';
	for (i = 0; i < r->count; i++)
		len += snprintf(list + len, sizeof(list) - len, "%s%s",
				i ? " " : "", addr_str(&r->servers[i], str));
	return list;
}

static const struct {
	const char *text, *servers, *search;
} files[] = {
	{ "", "", "" },
	{ "\n\n", "", "" },
	{ "nameserver 192.0.2.1", "192.0.2.1", "" },
	{ "nameserver 192.0.2.1\nnameserver 2001:db8::1\n"
	  "nameserver 127.0.0.53\n", "192.0.2.1 2001:db8::1 127.0.0.53", "" },
	/* blanks of all kinds, no newline at the end, other line ends */
	{ "  nameserver\t192.0.2.1\t\nsearch\ta  b\tc", "192.0.2.1", "a b c" },
	{ "nameserver 192.0.2.1\r\nsearch a b\r\n", "192.0.2.1", "a b" },
	/* comments and other keywords */
	{ "# nameserver 192.0.2.9\n;nameserver 192.0.2.9\n"
	  "options edns0 trust-ad ndots:2\nsortlist 192.0.2.0\n"
	  "nameserver 192.0.2.1 # the first one\n", "192.0.2.1", "" },
	{ "nameservers 192.0.2.9\nname 192.0.2.9\nNAMESERVER 192.0.2.9\n"
	  "nameserver192.0.2.9\n", "", "" },
	/* zones */
	{ "nameserver fe80::1%eth0\nnameserver fe80::2%2 x\n",
	  "fe80::1 fe80::2", "" },
	/* addresses that are none, or not of a server */
	{ "nameserver\nnameserver x\nnameserver 192.0.2\n"
	  "nameserver 192.0.2.1x\nnameserver 224.0.0.1\n"
	  "nameserver ff02::1\nnameserver 255.255.255.255\n"
	  "nameserver ::ffff:192.0.2.1\n", "", "" },
	{ "nameserver 0.0.0.0\nnameserver ::\n", "127.0.0.1 ::1", "" },
	/* the last one of search and domain counts */
	{ "search a b\nsearch c\n", "", "c" },
	{ "search a b\ndomain c\n", "", "c" },
	{ "domain c\nsearch a b\n", "", "a b" },
	{ "domain c d\n", "", "c" },
	{ "search a b\nsearch\ndomain \t\n", "", "a b" },
	{ "search a.\n", "", "a" },
	{ "search . a -b c..d x_y\n", "", "a x_y" },
};

static void test_files(void **state)
{
	struct resolv r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		memset(&r, 0xff, sizeof(r));
		resolv_parse(files[i].text, &r);
		assert_string_equal(servers(&r), files[i].servers);
		assert_string_equal(r.search, files[i].search);
	}
}

/* Names that don't fit are left out whole, lines that don't are no end */
static void test_long(void **state)
{
	static char text[20000], name[64];
	struct resolv r;
	size_t len, i;

	(void)state;
	len = snprintf(text, sizeof(text), "search");
	for (i = 0; i < 300; i++)
		len += snprintf(text + len, sizeof(text) - len,
				" name-%03zu.example.com", i);
	snprintf(text + len, sizeof(text) - len, "\nnameserver 192.0.2.1\n");
	resolv_parse(text, &r);

	assert_string_equal(servers(&r), "192.0.2.1");
	assert_true(strlen(r.search) < sizeof(r.search));
	for (i = 0; i < strlen(r.search); i += strlen(name) + 1) {
		snprintf(name, sizeof(name), "name-%03zu.example.com",
			 i / strlen("name-000.example.com "));
		assert_memory_equal(r.search + i, name, strlen(name));
	}
	assert_true(strlen(r.search) > 1000);

	/* Wherever a line is cut, no part of a name remains */
	for (i = 2000; i < 2100; i++) {
		memset(text, 0, sizeof(text));
		memset(text, ' ', i);
		memcpy(text, "search b", 8);
		memcpy(text + i, "example.com", 11);
		resolv_parse(text, &r);
		if (strcmp(r.search, "b"))
			assert_string_equal(r.search, "b example.com");
	}

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "search b ", 9);
	resolv_parse(text, &r);
	assert_string_equal(r.search, "b");
}

static void test_many_servers(void **state)
{
	char text[2048];
	size_t len = 0;
	struct resolv r;
	int i;

	(void)state;
	for (i = 1; i <= RESOLV_SERVERS_MAX + 5; i++)
		len += snprintf(text + len, sizeof(text) - len,
				"nameserver 192.0.2.%d\n", i);
	resolv_parse(text, &r);
	assert_int_equal(r.count, RESOLV_SERVERS_MAX);
}

static void test_read(void **state)
{
	char path[] = "/tmp/test_resolv.XXXXXX";
	struct resolv r = { .count = 3, .search = "x" };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "nameserver 192.0.2.7\n", 21), 21);
	close(fd);
	assert_int_equal(resolv_read(path, &r), 0);
	assert_string_equal(servers(&r), "192.0.2.7");
	unlink(path);

	assert_true(resolv_read(path, &r) < 0);
	assert_int_equal(r.count, 0);
	assert_string_equal(r.search, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_many_servers),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
