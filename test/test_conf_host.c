// SPDX-License-Identifier: BSD-3-Clause
/* test_conf_host.c - what the host completes, and what is shown of it */

#include "conf_fake.h"

/* Scenario 60: a kernel without IPv6 starts, unless that was asked for */
static void test_kernel_without_ipv6(void **state)
{
	(void)state;
	no_ipv6 = true;
	assert_true(start("pasta -o 2001:db8::2"));
	assert_true(conf.ip[V4].enabled && !conf.ip[V6].enabled);
	assert_addr(&conf.ip[V4].addr, "192.0.2.2");
	conf_print(&conf);
	assert_non_null(strstr(told, "eth0 (IPv4), disabled (IPv6)"));
	assert_false(start("pasta -6"));
	assert_non_null(strstr(message, "--ipv6-only"));
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
	assert_addr(&conf.ip[V4].map_host_loopback, "169.254.2.2");
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
	assert_addr(&conf.ip[V6].map_host_loopback, "fe80::1");
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
	assert_true(start("pasta -i lo"));
	assert_int_equal(conf.ip[V6].template_index, 0);

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

/* What the kernel would bind to, but never send from */
static void test_outbound_broadcast(void **state)
{
	(void)state;
	assert_false(start("pasta -q -o 192.0.2.255"));
	assert_string_equal(message, "option '--outbound': invalid value "
			    "'192.0.2.255', the broadcast address of a subnet "
			    "of this host, accepted: unicast address of this "
			    "host");
	assert_true(start("pasta -q -6 -o 192.0.2.255"));
}

/* An interface without address, and options without effect, are told of, but
 * nothing is said if all is well, or about an IP version that is disabled
 */
static void test_warnings(void **state)
{
	static const struct {
		const char *options, *told;
	} cases[] = {
		{ "-a 2001:db8::5/48", "1 option '--address': IPv6 prefix of "
		  "48 bits, taking 64\n" },
		{ "-a 2001:db8::5/64", "" },
		{ "-a 2001:db8::5", "" },
		{ "-4 -a 2001:db8::5/48", "" },
		{ "--dns-host 192.0.2.53", "1 --dns-host has no effect for "
		  "IPv4: no address leads there, see --dns-forward\n" },
		{ "--dns-host 192.0.2.53 --dns-forward 192.0.2.9", "" },
		{ "--dns-host 192.0.2.53 --dns-forward 2001:db8::9",
		  "1 --dns-host has no effect for IPv4: no address leads "
		  "there, see --dns-forward\n" },
		{ "-6 --dns-host 192.0.2.53", "" },
		{ "--log-size 4096", "1 --log-size has no effect: there is no "
		  "file, see --log-file\n" },
		{ "--log-size 4096 --log-file x", "" },
		{ "--stats 5", "1 --stats has no effect: counters are not told "
		  "with --quiet\n" },
		{ "--map-guest-addr 192.0.2.1", "1 --map-guest-addr has no "
		  "effect for IPv4: the gateway means the host's loopback, "
		  "see --no-map-gw\n" },
		{ "--map-guest-addr 192.0.2.1 --no-map-gw", "" },
		{ "-6 --map-guest-addr 192.0.2.1", "" },
		{ "--map-guest-addr 192.0.2.2", "1 --map-guest-addr has no "
		  "effect for IPv4: 192.0.2.2 is the guest's own\n" },
		{ "--map-host-loopback 2001:db8::2", "1 --map-host-loopback "
		  "has no effect for IPv6: 2001:db8::2 is the guest's own\n" },
		{ "--dns-forward 192.0.2.2 -a 192.0.2.7 --dns-host 192.0.2.53",
		  "" },
		{ "-6 --map-guest-addr 192.0.2.2", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[256];

		snprintf(line, sizeof(line), "pasta -q %s", cases[i].options);
		assert_true(start(line));
		assert_string_equal(told, cases[i].told);
	}

	/* It leads there by the address told in place of 127.0.0.53 */
	host_dns = "127.0.0.53";
	assert_true(start("pasta -q --dns-host 192.0.2.53"));
	assert_string_equal(told, "");

	host[V4] = template("out0", "", 0, "");
	assert_true(start("pasta -q --outbound-if4 out0"));
	assert_non_null(strstr(told, "1 Interface out0, given by "
				     "--outbound-if4, has no IPv4 address"));
	assert_true(start("pasta -q -i out0"));
	assert_string_equal(told, "");
}

/* Each line that may be of interest, none too many */
static void test_print(void **state)
{
	(void)state;
	log_level = LOG_LEVEL_INFO;
	host_dns = "127.0.0.53";
	host_search = "a b";
	assert_true(start("pasta --outbound-if4 out0 "
			  "--map-guest-addr 169.254.1.2"));
	conf.runas_uid = geteuid();
	conf_print(&conf);
	assert_string_equal(told,
		"1 Can't bind to out0, given by --outbound-if4 (some error): "
		"until this works, IPv4 traffic is refused\n"
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
		"2 Guest's addresses on the host: 169.254.1.2\n"
		"2 Outbound IPv4 interface: out0\n");

	host[V4] = (struct nl_template){ 0 };
	host_dns = host_search = "";
	assert_true(start("passt -4 -n 0 --no-dhcp"));
	conf.runas_uid = geteuid();
	conf_print(&conf);
	assert_string_equal(told,
		"2 Template interface: none (IPv4), disabled (IPv6)\n"
		"2 Our MAC address: 9a:55:9a:55:9a:55\n"
		"2 IPv4, no DHCP: assign 169.254.2.1, mask 0.0.0.0, "
		"router 169.254.2.2\n"
		"2 Host's loopback: 169.254.2.2\n");
}

#define TEST(f)	cmocka_unit_test_setup(f, usual_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kernel_without_ipv6),
		TEST(test_local_mode),
		TEST(test_template_without_address),
		TEST(test_no_gateway),
		TEST(test_host_mappings),
		TEST(test_dns),
		TEST(test_dns_other_states),
		TEST(test_outbound_probe),
		TEST(test_outbound_broadcast),
		TEST(test_warnings),
		TEST(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
