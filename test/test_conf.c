// SPDX-License-Identifier: BSD-3-Clause
/* test_conf.c - options, and the rules between them */

#include "conf_fake.h"

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

/* Where a row puts its value: options that do just that */
static void test_plain_values(void **state)
{
	static const struct {
		const char *option;
		bool *value;
	} flags[] = {
		{ "--dhcp-dns", &conf.dhcp_dns },
		{ "--dhcp-search", &conf.dhcp_search },
		{ "--no-tcp", &conf.no_tcp }, { "--no-udp", &conf.no_udp },
		{ "--no-icmp", &conf.no_icmp }, { "--no-icmp", &conf.no_ndp },
		{ "--no-dhcp", &conf.no_dhcp }, { "--no-ndp", &conf.no_ndp },
		{ "--no-dhcpv6", &conf.no_dhcpv6 },
		{ "--no-ra", &conf.no_ra }, { "--no-map-gw", &conf.no_map_gw },
		{ "--netns-only", &conf.netns_only },
		{ "--no-netns-quit", &conf.no_netns_quit },
		{ "--no-pidns", &conf.no_pidns },
		{ "--config-net", &conf.config_net },
	};
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		assert_true(parse("pasta true"));
		assert_false(*flags[i].value);
		snprintf(line, sizeof(line), "pasta %s", flags[i].option);
		assert_true(parse(line));
		assert_true(*flags[i].value);
	}
	assert_true(parse("passt --no-dhcp-dns --no-dhcp-search"));
	assert_false(conf.dhcp_dns || conf.dhcp_search || conf.foreground);
	assert_true(parse("passt -f") && conf.foreground);
	assert_true(parse("pasta --config-net --no-copy-routes"));
	assert_false(conf.ip[V4].copy_routes || conf.ip[V6].copy_routes);
	assert_true(conf.ip[V4].copy_addrs && conf.ip[V6].copy_addrs);
	assert_true(parse("pasta --config-net --no-copy-addrs"));
	assert_false(conf.ip[V4].copy_addrs || conf.ip[V6].copy_addrs);

	assert_true(parse("pasta -l a -p b -P c --log-size 4096 --stats 86400 "
			  "-m 68 -H host -H h2 --fqdn h2.example.com."));
	assert_string_equal(conf.log_file, "a");
	assert_string_equal(conf.pcap, "b");
	assert_string_equal(conf.pid_file, "c");
	assert_int_equal(conf.log_size, 4096);
	assert_int_equal(conf.stats_s, 86400);
	assert_int_equal(conf.mtu, 68);
	assert_string_equal(conf.hostname, "h2");
	assert_string_equal(conf.fqdn, "h2.example.com");

	assert_false(conf.ns_mac_given);
	assert_true(parse("pasta -M 02:00:00:00:00:01 --ns-mac-addr "
			  "02:00:00:00:00:02 --ns-mac-addr 02:00:00:00:00:03"));
	assert_memory_equal(conf.our_mac, "\x02\0\0\0\0\x01", MAC_LEN);
	assert_memory_equal(conf.ns_mac, "\x02\0\0\0\0\x03", MAC_LEN);
	assert_true(conf.ns_mac_given);

	/* Scenario 68: 15 characters */
	assert_true(start("pasta -I tap0 -I fifteen.charact"));
	assert_string_equal(conf.ns_ifname, "fifteen.charact");

	/* Scenario 71: both apply */
	assert_true(parse("pasta -D 192.0.2.53 -t auto"));
	assert_int_equal(conf.ip[V4].dns_count, 1);
	assert_int_equal(conf.ports_count[PORTS_TCP], 1);
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

	/* A caller's own default, then the user's choice */
	assert_true(start("pasta -a 198.51.100.8/28 -a 198.51.100.9/25"));
	assert_addr(&conf.ip[V4].addr, "198.51.100.9");
	assert_int_equal(conf.ip[V4].prefix_len, 25);

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
	assert_false(parse("pasta -o fe80::2"));
	assert_true(parse("pasta -o 192.0.2.2 --outbound 2001:db8::2"));
	assert_addr(&conf.ip[V4].outbound, "192.0.2.2");
	assert_addr(&conf.ip[V6].outbound, "2001:db8::2");
	assert_string_equal(conf.ip[V4].outbound_if, "");
	assert_int_equal(conf.ip[V4].template_index, 0);

	assert_true(start("pasta --outbound-if4 out0"));
	assert_string_equal(conf.ip[V4].outbound_if, "out0");
	assert_int_equal(conf.ip[V4].outbound_index, 7);
	assert_int_equal(host_wanted[V4], 7);
	assert_string_equal(conf.ip[V6].outbound_if, "");
	assert_int_equal(conf.ip[V6].outbound_index, 0);
	assert_int_equal(host_wanted[V6], 0);

	assert_true(start("pasta --outbound-if6 out0"));
	assert_int_equal(conf.ip[V4].outbound_index, 0);
	assert_int_equal(host_wanted[V4], 0);
	assert_int_equal(conf.ip[V6].outbound_index, 7);
	assert_int_equal(host_wanted[V6], 7);

	assert_true(start("pasta -i lo"));
	assert_int_equal(host_wanted[V4], 1);
	assert_int_equal(host_wanted[V6], 1);
	assert_string_equal(conf.ip[V4].outbound_if, "");
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
	snprintf(path, sizeof(path), "of process %d", getpid());
	assert_string_equal(conf.netns_name, path);
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
	assert_true(conf.netns_only && !conf.command);
	assert_string_equal(conf.netns_name, "/proc/self/ns/net");
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
	char line[4096] = "pasta";
	size_t len = strlen(line);
	int i;

	(void)state;
	assert_true(parse("pasta -t 22,80:8080 -U none --tcp-ports=::1/auto"));
	assert_int_equal(conf.ports_count[PORTS_TCP], 2);
	assert_string_equal(conf.ports[PORTS_TCP][0], "22,80:8080");
	assert_string_equal(conf.ports[PORTS_TCP][1], "::1/auto");
	assert_int_equal(conf.ports_count[PORTS_UDP], 0);
	assert_int_equal(conf.ports_count[PORTS_TCP_NS], 0);
	assert_int_equal(conf.ports_count[PORTS_UDP_NS], 1);
	assert_true(parse("passt -t none -u ~53"));
	assert_false(parse("passt -t auto"));
	assert_non_null(strstr(message, "auto is for pasta only"));
	assert_false(parse("passt -u 8000-8010,auto"));
	assert_false(parse("passt -T none"));

	/* Scenario 71 */
	assert_true(parse("pasta -D 192.0.2.53 -t 22"));
	assert_int_equal(conf.ports_count[PORTS_TCP], 1);
	assert_int_equal(conf.ip[V4].dns_count, 1);

	for (i = 0; i < 512; i++)
		len += snprintf(line + len, sizeof(line) - len, " -t22");
	assert_true(parse(line));
	snprintf(line + len, sizeof(line) - len, " -t22");
	assert_false(parse(line));
	assert_non_null(strstr(message, "512"));
}

/* Callers append it to what their users say: that counts all the same */
static void test_ports_none(void **state)
{
	(void)state;
	assert_true(parse("pasta -T6379 -T5432 -T none"));
	assert_string_equal(told, "");
	assert_string_equal(conf.ports[PORTS_TCP_NS][0], "6379");
	assert_string_equal(conf.ports[PORTS_TCP_NS][1], "5432");

	assert_true(parse("pasta -t none -t none"));
	assert_string_equal(told, "");
	assert_true(conf.ports_count[PORTS_TCP] > 0);
}

/* Each use is right by itself */
static void test_ports_conflict(void **state)
{
	(void)state;
	assert_false(parse("pasta -u 53 -u 50-60:1050-1060"));
	assert_non_null(strstr(message, "'--udp-ports'"));
	assert_non_null(strstr(message, "'50-60:1050-1060'"));
	assert_non_null(strstr(message, "one target for each port"));
	assert_false(parse("pasta -T 192.0.2.1/53 -T 192.0.2.1/all "
			   "-T 192.0.2.1/53:192.0.2.5"));
	assert_non_null(strstr(message, "'--tcp-ns'"));

	assert_false(parse("pasta -u 53 -u 50-60 -u 192.0.2.1/53:54"));
	assert_non_null(strstr(message, "'UDP [*]:53  =>  53' and "
			       "'UDP [192.0.2.1]:53  =>  54' overlap"));
	assert_true(parse("pasta -t 53 -u 53:54 -T 53:55"));
	assert_true(parse("pasta -t 53:54 -t all"));
}

static void test_local_flows(void **state)
{
	(void)state;
	assert_true(parse("pasta"));
	assert_true(conf.splice);
	assert_false(conf.splice_only || conf.host_lo_to_ns_lo ||
		     conf.freebind);
	assert_true(parse("passt --freebind"));
	assert_false(conf.splice);
	assert_true(conf.freebind);
	assert_true(parse("pasta --no-splice"));
	assert_false(conf.splice);
	assert_true(parse("pasta --host-lo-to-ns-lo"));
	assert_true(conf.host_lo_to_ns_lo);
	assert_true(parse("pasta --splice-only"));
	assert_true(conf.splice_only && conf.host_lo_to_ns_lo && conf.no_ndp);

	assert_false(parse("pasta --no-splice --host-lo-to-ns-lo"));
	assert_non_null(strstr(message, "--host-lo-to-ns-lo"));
	assert_false(parse("pasta --splice-only --no-splice"));
	assert_non_null(strstr(message, "--splice-only"));
	assert_false(parse("passt --no-splice"));
	assert_false(parse("passt --host-lo-to-ns-lo"));
}

static void test_runas(void **state)
{
	char line[64];

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

	privileged = false;
	assert_false(parse("pasta --runas 54321"));
	assert_non_null(strstr(message, "--runas"));
	assert_non_null(strstr(message, "only with privileges"));
	snprintf(line, sizeof(line), "pasta --runas %u:%u", geteuid(),
		 getegid());
	assert_true(parse(line));
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
		"pasta --config-net -T auto -t 192.0.2.1/8080-8080:80-80 "
		"-t ::1/8080-8080:80-80 -u 8080-8080:80-80 "
		"--dns-forward 169.254.1.1 -U none --no-map-gw --quiet "
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

#define TEST(f)	cmocka_unit_test_setup(f, usual_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_mode_by_name),
		TEST(test_verbosity),
		TEST(test_plain_values),
		TEST(test_address_and_gateway_given),
		TEST(test_netmask),
		TEST(test_search),
		TEST(test_families),
		TEST(test_outbound),
		TEST(test_targets),
		TEST(test_targets_wrong),
		TEST(test_ports),
		TEST(test_ports_none),
		TEST(test_ports_conflict),
		TEST(test_local_flows),
		TEST(test_runas),
		TEST(test_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
