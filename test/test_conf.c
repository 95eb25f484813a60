// SPDX-License-Identifier: BSD-3-Clause
/* test_conf.c - options, and what the host completes: the host is a fake */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf.h"
#include "log.h"
#include "netlink.h"
#include "parse.h"
#include "resolv.h"

static jmp_buf died;
static char message[1024];	/* Of die() */
static char told[8192];		/* Of all others, level and text a line */
enum log_level log_level;

void log_die(int err, const char *fmt, ...)
{
	va_list ap;

	(void)err;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	longjmp(died, 1);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	size_t len = strlen(told);
	va_list ap;

	len += snprintf(told + len, sizeof(told) - len, "%d ", level);
	va_start(ap, fmt);
	len += vsnprintf(told + len, sizeof(told) - len, fmt, ap);
	va_end(ap);
	snprintf(told + len, sizeof(told) - len, "\n");
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

const char *log_strerror(int err)
{
	(void)err;
	return "some error";
}

/* The host: a template for each IP version, and what resolv.conf says */
static struct nl_template host[IPVER_MAX];
static unsigned host_wanted[IPVER_MAX];
static int host_error;
static const char *host_dns, *host_search;

int nl_open(void)
{
	return dup(0);
}

int nl_template_find(int nl, enum ipver v, unsigned want_ifindex,
		     struct nl_template *t)
{
	(void)nl;
	host_wanted[v] = want_ifindex;
	*t = host[v];
	return host_error;
}

int resolv_read(const char *path, struct resolv *r)
{
	const char *p = host_dns;

	assert_string_equal(path, "/etc/resolv.conf");
	memset(r, 0, sizeof(*r));
	if (!p)
		return -2;
	for (; parse_addr(&p, &r->servers[r->count]); parse_literal(&p, " "))
		r->count++;
	snprintf(r->search, sizeof(r->search), "%s", host_search);
	return 0;
}

static struct addr addr(const char *text)
{
	struct addr a = { 0 };

	if (*text && !parse_addr(&text, &a))
		fail_msg("bad address in test: %s", text);
	return a;
}

static struct nl_template template(const char *name, const char *a, int bits,
				   const char *gw)
{
	struct nl_template t = { .ifindex = 7 };

	snprintf(t.ifname, sizeof(t.ifname), "%s", name);
	t.addr = addr(a);
	t.has_addr = *a;
	t.prefix_len = bits;
	t.gw = addr(gw);
	t.has_gw = *gw;
	return t;
}

/* A usual host: both versions, routers, a name server elsewhere */
static int usual_host(void **state)
{
	(void)state;
	host[V4] = template("eth0", "192.0.2.2", 24, "192.0.2.1");
	host[V6] = template("eth6", "2001:db8::2", 64, "fe80::ff");
	host_dns = "198.51.100.53 2001:db8::53";
	host_search = "example.com example.org";
	host_error = 0;
	setenv("SHELL", "/bin/some-shell", 1);
	return 0;
}

static struct conf conf;

/* Return: true unless die() was called */
static bool parse(const char *line)
{
	static char words[1024];
	static char *argv[80];
	char *word, *save = NULL;
	int argc = 0;

	message[0] = told[0] = '\0';
	snprintf(words, sizeof(words), "%s", line);
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		char *p;

		for (p = word; *p; p++)
			*p = *p == '+' ? ' ' : *p;
		argv[argc++] = word;
	}
	argv[argc] = NULL;

	if (setjmp(died))
		return false;
	conf_parse(&conf, argc, argv);
	return true;
}

static bool start(const char *line)
{
	if (!parse(line))
		return false;
	if (setjmp(died))
		return false;
	conf_from_host(&conf);
	return true;
}

#define assert_addr(a, text)						\
	do {								\
		char str_[ADDR_STRLEN];					\
									\
		assert_string_equal(addr_is_set(a) ?			\
				    addr_str((a), str_) : "", (text));	\
	} while (0)

static void test_defaults(void **state)
{
	(void)state;
	assert_true(start("pasta"));
	assert_int_equal(conf.mode, MODE_PASTA);
	assert_int_equal(conf.mtu, 65520);
	assert_int_equal(conf.log_size, 1 << 20);
	assert_memory_equal(conf.our_mac, "\x9a\x55\x9a\x55\x9a\x55", 6);
	assert_false(conf.dhcp_dns || conf.dhcp_search || conf.no_dhcp);
	assert_false(conf.config_net || conf.netns_only || conf.no_ndp);
	assert_string_equal(conf.ns_ifname, "eth0");
	assert_string_equal(conf.search, "example.com example.org");
	assert_string_equal(conf.command[0], "/bin/some-shell");
	assert_null(conf.command[1]);
	assert_true(conf.foreground);

	assert_string_equal(conf.ip[V4].template_if, "eth0");
	assert_int_equal(conf.ip[V4].template_index, 7);
	assert_addr(&conf.ip[V4].addr, "192.0.2.2");
	assert_int_equal(conf.ip[V4].prefix_len, 24);
	assert_addr(&conf.ip[V4].gw, "192.0.2.1");
	assert_addr(&conf.ip[V4].map_host_loopback, "192.0.2.1");
	assert_addr(&conf.ip[V4].map_guest_addr, "");
	assert_addr(&conf.ip[V4].dns[0], "198.51.100.53");
	assert_addr(&conf.ip[V4].dns_host, "198.51.100.53");
	assert_addr(&conf.ip[V4].dns_forward, "");
	assert_true(conf.ip[V4].enabled && conf.ip[V4].copy_routes &&
		    conf.ip[V4].copy_addrs && conf.ip[V4].gw_from_host);
	assert_false(conf.ip[V4].local_mode);

	assert_string_equal(conf.ip[V6].template_if, "eth6");
	assert_addr(&conf.ip[V6].addr, "2001:db8::2");
	assert_addr(&conf.ip[V6].gw, "fe80::ff");
	assert_addr(&conf.ip[V6].our_ll, "fe80::ff");
	assert_addr(&conf.ip[V6].map_host_loopback, "fe80::ff");
	assert_addr(&conf.ip[V6].dns[0], "2001:db8::53");

	assert_true(start("/usr/bin/passt"));
	assert_int_equal(conf.mode, MODE_PASST);
	assert_true(conf.dhcp_dns && conf.dhcp_search);
	assert_null(conf.command);
}

static void test_mode_by_name(void **state)
{
	(void)state;
	assert_true(parse("pasta.static") && conf.mode == MODE_PASTA);
	assert_true(parse("./x/pasta") && conf.mode == MODE_PASTA);
	assert_true(parse("/opt/pasta/passt") && conf.mode == MODE_PASST);
	assert_true(parse("qemu-passt") && conf.mode == MODE_PASST);
	assert_true(parse("") && conf.mode == MODE_PASST);
}

static void test_verbosity(void **state)
{
	static const struct {
		const char *line;
		bool quiet, debug, trace;
		enum log_level level;
	} cases[] = {
		{ "pasta", false, false, false, LOG_LEVEL_INFO },
		{ "pasta -q", true, false, false, LOG_LEVEL_WARN },
		{ "pasta -d", false, true, false, LOG_LEVEL_DEBUG },
		{ "pasta --trace", false, true, true, LOG_LEVEL_TRACE },
		{ "pasta --trace -q", true, false, false, LOG_LEVEL_WARN },
		{ "pasta -q -d", false, true, false, LOG_LEVEL_DEBUG },
		{ "pasta -q --trace", false, true, true, LOG_LEVEL_TRACE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(parse(cases[i].line));
		assert_int_equal(conf.quiet, cases[i].quiet);
		assert_int_equal(conf.debug, cases[i].debug);
		assert_int_equal(conf.trace, cases[i].trace);
		assert_int_equal(log_level, cases[i].level);
	}
}

/* Scenario 73: address and gateway as options, of either version */
static void test_address_and_gateway_given(void **state)
{
	(void)state;
	assert_true(start("pasta -a 198.51.100.9 -g 198.51.100.1"));
	assert_addr(&conf.ip[V4].addr, "198.51.100.9");
	assert_int_equal(conf.ip[V4].prefix_len, 24);
	assert_addr(&conf.ip[V4].gw, "198.51.100.1");
	assert_addr(&conf.ip[V4].map_host_loopback, "198.51.100.1");
	assert_false(conf.ip[V4].copy_routes || conf.ip[V4].copy_addrs);
	assert_true(conf.ip[V6].copy_routes && conf.ip[V6].copy_addrs);
	assert_addr(&conf.ip[V6].addr, "2001:db8::2");

	assert_true(start("pasta -a 2001:db8:1::9/100 -g 2001:db8:1::1"));
	assert_addr(&conf.ip[V6].addr, "2001:db8:1::9");
	assert_int_equal(conf.ip[V6].prefix_len, 64);
	assert_addr(&conf.ip[V6].gw, "2001:db8:1::1");
	assert_addr(&conf.ip[V6].our_ll, "fe80::1");
	assert_addr(&conf.ip[V4].addr, "192.0.2.2");
	assert_true(conf.ip[V4].copy_routes && conf.ip[V4].copy_addrs);

	assert_true(start("pasta -g 192.0.2.77 -g 192.0.2.78"));
	assert_addr(&conf.ip[V4].gw, "192.0.2.78");
}

/* Scenario 54: where the length of the IPv4 prefix comes from */
static void test_netmask(void **state)
{
	static const struct {
		const char *line;
		int bits;
	} cases[] = {
		{ "pasta", 24 }, { "pasta -n 16", 16 }, { "pasta -n 0", 0 },
		{ "pasta -n 255.255.255.255", 32 }, { "pasta -n 9 -n 10", 10 },
		{ "pasta -a 192.0.2.9/0", 0 }, { "pasta -a 192.0.2.9/32", 32 },
		{ "pasta -a 192.0.2.9 -n 255.255.0.0", 16 },
		{ "pasta -n 30 -a 192.0.2.9", 30 },
		{ "pasta -a 10.1.2.3", 8 }, { "pasta -a 127.255.0.1", -1 },
		{ "pasta -a 126.0.0.1", 8 }, { "pasta -a 128.0.0.1", 16 },
		{ "pasta -a 191.255.0.1", 16 }, { "pasta -a 192.0.0.1", 24 },
		{ "pasta -a 223.255.0.1", 24 }, { "pasta -a 240.0.0.1", 32 },
		{ "pasta -n 24 -a 192.0.2.9/24", -1 },
		{ "pasta -a 192.0.2.9/24 -n 24", -1 },
		{ "pasta -n 20 -a 2001:db8::9/64", 20 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(start(cases[i].line), cases[i].bits >= 0);
		if (cases[i].bits >= 0)
			assert_int_equal(conf.ip[V4].prefix_len, cases[i].bits);
	}
	assert_true(start("pasta -n 16"));
	assert_false(conf.ip[V4].copy_addrs);
}

/* Scenario 66: each version for itself without a network on the host */
static void test_local_mode(void **state)
{
	(void)state;
	host[V4] = (struct nl_template){ 0 };
	assert_true(start("pasta"));
	assert_true(conf.ip[V4].enabled && conf.ip[V4].local_mode);
	assert_addr(&conf.ip[V4].addr, "169.254.2.1");
	assert_int_equal(conf.ip[V4].prefix_len, 16);
	assert_addr(&conf.ip[V4].gw, "169.254.2.2");
	assert_addr(&conf.ip[V4].map_host_loopback, "");
	assert_false(conf.ip[V4].copy_routes || conf.ip[V4].copy_addrs ||
		     conf.ip[V4].gw_from_host || conf.no_dhcp);
	assert_false(conf.ip[V6].local_mode);
	assert_string_equal(conf.ns_ifname, "eth6");

	host[V6] = (struct nl_template){ 0 };
	assert_true(start("pasta"));
	assert_true(conf.ip[V6].enabled && conf.ip[V6].local_mode);
	assert_addr(&conf.ip[V6].addr, "");
	assert_addr(&conf.ip[V6].gw, "fe80::1");
	assert_addr(&conf.ip[V6].our_ll, "fe80::1");
	assert_addr(&conf.ip[V6].map_host_loopback, "");
	assert_string_equal(conf.ns_ifname, "tap0");

	assert_true(start("pasta -a 192.0.2.9 -g 192.0.2.8 -g 2001:db8::8"));
	assert_addr(&conf.ip[V4].addr, "192.0.2.9");
	assert_int_equal(conf.ip[V4].prefix_len, 24);
	assert_addr(&conf.ip[V4].gw, "192.0.2.8");
	assert_addr(&conf.ip[V4].map_host_loopback, "192.0.2.8");
	assert_addr(&conf.ip[V6].gw, "2001:db8::8");
}

/* A template without a usable address is none, but with -a it is one; an
 * error of the kernel ends in local mode, too
 */
static void test_template_without_address(void **state)
{
	(void)state;
	host[V4] = template("wg0", "", 0, "");
	host[V6] = template("eth6", "", 0, "fe80::ff");
	assert_true(start("pasta"));
	assert_true(conf.ip[V4].local_mode && conf.ip[V6].local_mode);
	assert_int_equal(conf.ip[V6].template_index, 0);
	assert_addr(&conf.ip[V6].gw, "fe80::1");

	assert_true(start("pasta -a 192.0.2.9"));
	assert_false(conf.ip[V4].local_mode);
	assert_string_equal(conf.ip[V4].template_if, "wg0");

	usual_host(NULL);
	host_error = -5;
	assert_true(start("pasta"));
	assert_true(conf.ip[V4].local_mode && conf.ip[V6].local_mode);
	assert_non_null(strstr(told, "1 Can't read the host's IPv4"));
}

/* Scenario 61: a default route without gateway, such as WireGuard's */
static void test_no_gateway(void **state)
{
	(void)state;
	host[V4] = template("wg0", "192.0.2.2", 32, "");
	host[V6] = template("wg0", "2001:db8::2", 128, "");
	assert_true(start("pasta"));
	assert_addr(&conf.ip[V4].gw, "");
	assert_addr(&conf.ip[V4].map_host_loopback, "");
	assert_true(conf.no_dhcp);
	assert_false(conf.ip[V4].local_mode || conf.ip[V4].gw_from_host);
	assert_addr(&conf.ip[V6].gw, "");
	assert_addr(&conf.ip[V6].our_ll, "fe80::1");
	assert_int_equal(conf.ip[V6].prefix_len, 128);

	assert_true(start("pasta -g 192.0.2.1"));
	assert_false(conf.no_dhcp);
	assert_addr(&conf.ip[V4].map_host_loopback, "192.0.2.1");
}

static void test_host_mappings(void **state)
{
	(void)state;
	assert_true(start("pasta --no-map-gw"));
	assert_addr(&conf.ip[V4].map_host_loopback, "");
	assert_addr(&conf.ip[V6].map_host_loopback, "");

	assert_true(start("pasta --map-host-loopback none"));
	assert_addr(&conf.ip[V4].map_host_loopback, "");
	assert_addr(&conf.ip[V6].map_host_loopback, "");

	assert_true(start("pasta --map-host-loopback 192.0.2.66 --no-map-gw"));
	assert_addr(&conf.ip[V4].map_host_loopback, "192.0.2.66");
	assert_addr(&conf.ip[V6].map_host_loopback, "");

	assert_true(start("pasta --map-host-loopback 192.0.2.66"));
	assert_addr(&conf.ip[V4].map_host_loopback, "192.0.2.66");
	assert_addr(&conf.ip[V6].map_host_loopback, "fe80::ff");

	assert_true(start("pasta --map-host-loopback 192.0.2.66 "
			  "--map-host-loopback none"));
	assert_addr(&conf.ip[V4].map_host_loopback, "");

	assert_true(start("pasta --map-guest-addr 169.254.1.2 "
			  "--map-guest-addr 169.254.1.3 "
			  "--map-guest-addr 2001:db8::99"));
	assert_addr(&conf.ip[V4].map_guest_addr, "169.254.1.3");
	assert_addr(&conf.ip[V6].map_guest_addr, "2001:db8::99");
	assert_true(start("pasta --map-guest-addr 169.254.1.2 "
			  "--map-guest-addr none"));
	assert_addr(&conf.ip[V4].map_guest_addr, "");
}

/* resolv.conf, options, and for IPv4: servers told, then what is forwarded
 * where. Scenario 72 is about loopback resolvers.
 */
static const struct {
	const char *resolv, *options, *dns, *forward, *server;
} dns_cases[] = {
	{ "198.51.100.53 203.0.113.53", "", "198.51.100.53 203.0.113.53", "",
	  "198.51.100.53" },
	/* scenario 72: the gateway's address, mapped or not */
	{ "127.0.0.53", "", "192.0.2.1", "192.0.2.1", "127.0.0.53" },
	{ "127.0.0.53", "--no-map-gw", "192.0.2.1", "192.0.2.1", "127.0.0.53" },
	{ "127.0.0.53", "--map-host-loopback=192.0.2.66", "192.0.2.66",
	  "192.0.2.66", "127.0.0.53" },
	{ "127.0.0.53", "--dns-forward=169.254.1.1", "169.254.1.1",
	  "169.254.1.1", "127.0.0.53" },
	{ "127.0.0.53", "--dns-host=203.0.113.9", "192.0.2.1", "192.0.2.1",
	  "203.0.113.9" },
	{ "127.0.0.53 198.51.100.53", "", "192.0.2.1 198.51.100.53",
	  "192.0.2.1", "127.0.0.53" },
	{ "198.51.100.53 127.0.0.53", "", "198.51.100.53 192.0.2.1",
	  "192.0.2.1", "127.0.0.53" },
	{ "127.0.0.53 127.0.0.54", "", "192.0.2.1", "192.0.2.1", "127.0.0.53" },
	/* the gateway is the resolver */
	{ "192.0.2.1", "", "192.0.2.1", "192.0.2.1", "192.0.2.1" },
	{ "192.0.2.1", "--no-map-gw", "192.0.2.1", "", "192.0.2.1" },
	{ "192.0.2.1", "--map-host-loopback=192.0.2.66", "192.0.2.1", "",
	  "192.0.2.1" },
	{ "192.0.2.1", "--dns-forward=169.254.1.1", "169.254.1.1",
	  "169.254.1.1", "192.0.2.1" },
	{ "198.51.100.53 192.0.2.1", "", "198.51.100.53 192.0.2.1",
	  "192.0.2.1", "192.0.2.1" },
	{ "192.0.2.1", "--dns=203.0.113.9", "203.0.113.9", "192.0.2.1",
	  "192.0.2.1" },
	/* as Podman has it */
	{ "198.51.100.53", "--dns-forward=169.254.1.1", "198.51.100.53",
	  "169.254.1.1", "198.51.100.53" },
	/* options are told as they are */
	{ "198.51.100.53", "--dns=127.0.0.1", "127.0.0.1", "",
	  "198.51.100.53" },
	{ "127.0.0.53", "--dns=203.0.113.9", "203.0.113.9", "", "127.0.0.53" },
	{ "198.51.100.53", "--dns=203.0.113.9 --dns=203.0.113.8",
	  "203.0.113.9 203.0.113.8", "", "198.51.100.53" },
	{ "198.51.100.53", "--dns=2001:db8::9", "", "", "198.51.100.53" },
	{ "198.51.100.53", "--dns=none", "", "", "198.51.100.53" },
	{ "198.51.100.53", "--dns=203.0.113.9 --dns=none", "", "",
	  "198.51.100.53" },
	{ "198.51.100.53", "--dns=none --dns=203.0.113.9", "203.0.113.9", "",
	  "198.51.100.53" },
	{ "", "", "", "", "" },
	{ "", "--dns-forward=169.254.1.1", "", "169.254.1.1", "" },
	{ "", "--dns-forward=169.254.1.1 --dns-host=127.0.0.1", "",
	  "169.254.1.1", "127.0.0.1" },
};

static void test_dns(void **state)
{
	char line[512], dns[512], str[ADDR_STRLEN];
	size_t i, j, len;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(dns_cases); i++) {
		host_dns = dns_cases[i].resolv;
		snprintf(line, sizeof(line), "pasta %s", dns_cases[i].options);
		assert_true(start(line));

		for (j = len = 0, dns[0] = '\0'; j < conf.ip[V4].dns_count; j++)
			len += snprintf(dns + len, sizeof(dns) - len, "%s%s",
					j ? " " : "",
					addr_str(&conf.ip[V4].dns[j], str));
		assert_string_equal(dns, dns_cases[i].dns);
		assert_addr(&conf.ip[V4].dns_forward, dns_cases[i].forward);
		assert_addr(&conf.ip[V4].dns_host, dns_cases[i].server);
	}
}

static void test_dns_other_states(void **state)
{
	(void)state;
	host_dns = "::1 fe80::ff";
	assert_true(start("pasta"));
	assert_int_equal(conf.ip[V6].dns_count, 1);
	assert_addr(&conf.ip[V6].dns[0], "fe80::ff");
	assert_addr(&conf.ip[V6].dns_forward, "fe80::ff");
	assert_addr(&conf.ip[V6].dns_host, "::1");

	/* local mode, and a template without gateway */
	host_dns = "127.0.0.53 ::1";
	host[V4] = (struct nl_template){ 0 };
	host[V6] = template("wg0", "2001:db8::2", 128, "");
	assert_true(start("pasta"));
	assert_addr(&conf.ip[V4].dns[0], "169.254.2.2");
	assert_addr(&conf.ip[V4].dns_forward, "169.254.2.2");
	assert_addr(&conf.ip[V6].dns[0], "fe80::1");
	assert_addr(&conf.ip[V6].dns_forward, "fe80::1");

	host_dns = NULL;
	assert_true(start("pasta"));
	assert_int_equal(conf.ip[V4].dns_count, 0);
	assert_string_equal(conf.search, "");
}

static void test_search(void **state)
{
	(void)state;
	assert_true(start("pasta -S none"));
	assert_string_equal(conf.search, "");
	assert_true(start("pasta -S none."));
	assert_string_equal(conf.search, "none");
	assert_true(start("pasta -S ++a+b.c++"));
	assert_string_equal(conf.search, "a b.c");
	assert_true(start("pasta -S a -S b"));
	assert_string_equal(conf.search, "b");
	assert_true(start("pasta -S none --search c"));
	assert_string_equal(conf.search, "c");
}

static void test_families(void **state)
{
	(void)state;
	assert_true(start("pasta -4 -4"));
	assert_true(conf.ip[V4].enabled && !conf.ip[V6].enabled);
	assert_true(start("pasta --ipv6-only"));
	assert_true(conf.ip[V6].enabled && !conf.ip[V4].enabled);
	assert_string_equal(conf.ns_ifname, "eth6");
	assert_false(start("pasta -4 -6"));
	assert_false(start("pasta -6 -4"));

	/* Scenario 74, and what callers pass whatever the family */
	assert_true(start("pasta -4 -t auto"));
	assert_true(start("pasta -6 --dns-forward 169.254.1.1 "
			  "--map-guest-addr 169.254.1.2"));

	/* An MTU too small for IPv6 leaves IPv4 */
	assert_true(start("pasta -m 1279"));
	assert_true(conf.ip[V4].enabled && !conf.ip[V6].enabled);
	assert_true(start("pasta -m 1280") && conf.ip[V6].enabled);
	assert_true(start("pasta -m 0") && conf.ip[V6].enabled);
	assert_false(start("pasta -m 1279 -6"));
	assert_non_null(strstr(message, "--ipv6-only"));
}

static void test_outbound(void **state)
{
	(void)state;
	assert_true(parse("pasta -o 192.0.2.2 --outbound 2001:db8::2"));
	assert_addr(&conf.ip[V4].outbound, "192.0.2.2");
	assert_addr(&conf.ip[V6].outbound, "2001:db8::2");
	assert_string_equal(conf.ip[V4].outbound_if, "");
	assert_int_equal(conf.ip[V4].template_index, 0);

	/* lo is the one interface that is everywhere */
	assert_true(start("pasta --outbound-if4 lo"));
	assert_string_equal(conf.ip[V4].outbound_if, "lo");
	assert_int_equal(conf.ip[V4].outbound_index, 1);
	assert_int_equal(host_wanted[V4], 1);
	assert_string_equal(conf.ip[V6].outbound_if, "");
	assert_int_equal(conf.ip[V6].outbound_index, 0);
	assert_int_equal(host_wanted[V6], 0);

	assert_true(start("pasta --outbound-if6 lo"));
	assert_int_equal(conf.ip[V4].outbound_index, 0);
	assert_int_equal(host_wanted[V4], 0);
	assert_int_equal(conf.ip[V6].outbound_index, 1);
	assert_int_equal(host_wanted[V6], 1);

	assert_true(start("pasta -i lo"));
	assert_int_equal(host_wanted[V4], 1);
	assert_int_equal(host_wanted[V6], 1);
	assert_string_equal(conf.ip[V4].outbound_if, "");
}

/* An address that isn't on the host yet is told, but no error */
static void test_outbound_probe(void **state)
{
	(void)state;
	assert_true(start("pasta -q -o 203.0.113.199"));
	assert_non_null(strstr(told, "1 Can't bind to 203.0.113.199, given by "
				     "--outbound (some error)"));
	assert_true(start("pasta -q -6 -o 203.0.113.199"));
	assert_string_equal(told, "");
}

static void test_targets(void **state)
{
	char line[256], path[64];

	(void)state;
	assert_true(parse("pasta --config-net -- echo -n 1"));
	assert_string_equal(conf.command[0], "echo");
	assert_string_equal(conf.command[1], "-n");
	assert_true(conf.foreground);
	assert_true(parse("pasta 123 abc") && conf.command);
	assert_true(parse("pasta 12x") && conf.command);
	unsetenv("SHELL");
	assert_true(parse("pasta"));
	assert_string_equal(conf.command[0], "/bin/sh");

	snprintf(line, sizeof(line), "pasta -q %d", getpid());
	assert_true(parse(line));
	assert_null(conf.command);
	assert_false(conf.foreground || conf.netns_only);
	assert_int_equal(conf.netns_pid, getpid());
	snprintf(path, sizeof(path), "/proc/%d/ns/net", getpid());
	assert_string_equal(conf.netns, path);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", getpid());
	assert_string_equal(conf.userns, path);

	snprintf(line, sizeof(line), "pasta --userns /dev/null %d", getpid());
	assert_true(parse(line));
	assert_string_equal(conf.userns, "/dev/null");
	snprintf(line, sizeof(line), "pasta --netns-only %d", getpid());
	assert_true(parse(line) && conf.netns_only);
	assert_string_equal(conf.userns, "");

	/* Scenario 85: without --userns, only the network namespace */
	assert_true(parse("pasta --netns /proc/self/ns/net"));
	assert_true(conf.netns_only && !conf.command && !conf.netns_pid);
	assert_string_equal(conf.netns, "/proc/self/ns/net");
	assert_true(parse("pasta --userns=/dev/null --netns=/dev/zero"));
	assert_false(conf.netns_only);
	assert_true(parse("pasta --netns-only true") && conf.netns_only);
	assert_false(parse("pasta --netns ../../dev/nothing"));
}

/* What each message has to name; @ stands for a PID */
static void test_targets_wrong(void **state)
{
	static const struct {
		const char *line, *names;
	} cases[] = {
		{ "pasta 0", "'0'" }, { "pasta 4194305", "'4194305'" },
		{ "pasta 99999999999999999999", "'99999999999999999999'" },
		{ "pasta 4194303", "'4194303'" },
		{ "pasta --netns /dev/null true", "'true'" },
		{ "pasta --netns /dev/null @", "--netns" },
		{ "pasta --netns /dev/null --no-pidns", "--no-pidns" },
		{ "pasta --no-pidns @", "--no-pidns" },
		{ "pasta --userns /dev/null true", "--userns" },
		{ "pasta --userns /dev/null --netns-only @", "--netns-only" },
		{ "pasta --netns nothing-of-this-name", "/run/netns/" },
		{ "pasta --netns ..", "'..'" },
		{ "pasta --no-copy-routes", "--config-net" },
		{ "pasta --no-copy-addrs true", "--config-net" },
		{ "passt word", "'word'" },
		{ "passt -f -- -x", "'-x'" },
	};
	char line[128];
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		len = strcspn(cases[i].line, "@");
		snprintf(line, sizeof(line), "%.*s", (int)len, cases[i].line);
		if (cases[i].line[len])
			snprintf(line + len, sizeof(line) - len, "%d",
				 getpid());
		assert_false(parse(line));
		assert_non_null(strstr(message, cases[i].names));
		assert_non_null(strstr(message, "accepted"));
	}
}

static void test_ports(void **state)
{
	char line[1024] = "pasta";
	size_t len = strlen(line);
	int i;

	(void)state;
	assert_true(parse("pasta -t auto -t none -U none"));
	assert_int_equal(conf.ports_count[PORTS_TCP_IN], 2);
	assert_string_equal(conf.ports[PORTS_TCP_IN][0], "auto");
	assert_string_equal(conf.ports[PORTS_TCP_IN][1], "none");
	assert_int_equal(conf.ports_count[PORTS_UDP_IN], 0);
	assert_int_equal(conf.ports_count[PORTS_TCP_OUT], 0);
	assert_int_equal(conf.ports_count[PORTS_UDP_OUT], 1);
	assert_true(parse("passt -t none -u none"));
	assert_false(parse("passt -t auto"));
	assert_false(parse("passt -T none"));

	for (i = 0; i < 63; i++)
		len += snprintf(line + len, sizeof(line) - len, " -tauto");
	assert_true(parse(line));
	snprintf(line + len, sizeof(line) - len, " -tnone -tnone");
	assert_false(parse(line));
	assert_non_null(strstr(message, "64"));
}

static void test_runas(void **state)
{
	(void)state;
	assert_true(parse("pasta --runas 1234:56"));
	assert_int_equal(conf.runas_uid, 1234);
	assert_int_equal(conf.runas_gid, 56);
	assert_true(parse("pasta --runas root"));
	assert_int_equal(conf.runas_uid, 0);
	assert_int_equal(conf.runas_gid, 0);
	assert_true(parse("pasta --runas 54321"));
	assert_int_equal(conf.runas_gid, 54321);
	assert_true(parse("pasta --runas daemon:root"));
	assert_int_equal(conf.runas_uid, 1);
	assert_int_equal(conf.runas_gid, 0);
	assert_false(parse("pasta --runas 1:"));
	assert_false(parse("pasta --runas :1"));
	assert_false(parse("pasta --runas no-such-user"));
	assert_false(parse("pasta --runas root:no-such-group"));
	assert_false(parse("pasta --runas 4294967295"));
}

static void test_callers(void **state)
{
	static const char *const lines[] = {
		/* RootlessKit */
		"pasta --stderr --ns-ifname=tap0 --mtu=65520 --config-net "
		"--address=10.0.2.100 --netmask=24 --gateway=10.0.2.2 "
		"--dns-forward=10.0.2.3 --no-map-gw --ipv4-only "
		"--tcp-ports=auto --udp-ports=none --host-lo-to-ns-lo "
		"--userns=/proc/self/ns/user --netns=/proc/self/ns/net",
		/* Podman, with an option of the user's before */
		"pasta --config-net -T auto --dns-forward 169.254.1.1 "
		"-t none -u none -T none -U none --no-map-gw --quiet "
		"--netns /proc/self/ns/net --map-guest-addr 169.254.1.2",
		"pasta --config-net --pid /tmp/x.pid --dns-forward "
		"169.254.1.1 -t none -u none -T none -U none --no-map-gw "
		"--quiet --netns /proc/self/ns/net",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_true(start(lines[i]));
		assert_true(conf.config_net);
		/* Podman takes all output for warnings */
		assert_null(strstr(told, "0 "));
		assert_null(strstr(told, "\n1 "));
	}
}

/* Each line that may be of interest, none too many */
static void test_print(void **state)
{
	(void)state;
	log_level = LOG_LEVEL_INFO;
	host_dns = "127.0.0.53";
	host_search = "a b";
	assert_true(start("pasta --outbound-if4 lo"));
	conf.runas_uid = geteuid();
	conf_print(&conf);
	assert_string_equal(told,
		"2 Template interface: eth0 (IPv4), eth6 (IPv6)\n"
		"2 Namespace interface: eth0\n"
		"2 Our MAC address: 9a:55:9a:55:9a:55\n"
		"2 DHCP: assign 192.0.2.2, mask 255.255.255.0, "
		"router 192.0.2.1\n"
		"2 NDP/DHCPv6: assign 2001:db8::2, router fe80::ff, "
		"our link-local fe80::ff\n"
		"2 DNS to 192.0.2.1 goes to 127.0.0.53\n"
		"2 DNS: 192.0.2.1\n"
		"2 Search list: a b\n"
		"2 Host's loopback: 192.0.2.1, fe80::ff\n"
		"2 Outbound IPv4 interface: lo\n");

	host[V4] = (struct nl_template){ 0 };
	host_dns = host_search = "";
	assert_true(start("passt -4 -n 0 --no-dhcp"));
	conf.runas_uid = geteuid();
	conf_print(&conf);
	assert_string_equal(told,
		"2 Template interface: none (IPv4), disabled (IPv6)\n"
		"2 Our MAC address: 9a:55:9a:55:9a:55\n"
		"2 IPv4, no DHCP: assign 169.254.2.1, mask 0.0.0.0, "
		"router 169.254.2.2\n");
}

#define TEST(f)	cmocka_unit_test_setup(f, usual_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults), TEST(test_mode_by_name),
		TEST(test_verbosity), TEST(test_address_and_gateway_given),
		TEST(test_netmask), TEST(test_local_mode),
		TEST(test_template_without_address), TEST(test_no_gateway),
		TEST(test_host_mappings), TEST(test_dns),
		TEST(test_dns_other_states), TEST(test_search),
		TEST(test_families), TEST(test_outbound),
		TEST(test_outbound_probe), TEST(test_targets),
		TEST(test_targets_wrong), TEST(test_ports), TEST(test_runas),
		TEST(test_callers), TEST(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
