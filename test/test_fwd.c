// SPDX-License-Identifier: BSD-3-Clause
/* test_fwd.c - where flows go, and the table of rules */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "conf.h"
#include "flow.h"
#include "fwd.h"
#include "parse.h"
#include "tap.h"

static struct conf conf;
static struct tap tap;
static struct fwd_rule rule;
static struct flow_side ini, tgt;

static struct addr addr(const char *text)
{
	struct addr a = { 0 };

	if (*text && !parse_addr_mapped(&text, &a))
		fail_msg("bad address in test: %s", text);
	return a;
}

/* The guest has the host's addresses, the gateways mean the host */
static int usual(void **state)
{
	enum ipver v;

	(void)state;
	memset(&conf, 0, sizeof(conf));
	memset(&tap, 0, sizeof(tap));
	conf.splice = true;
	for (v = 0; v < IPVER_MAX; v++) {
		struct conf_ip *ip = &conf.ip[v];

		ip->enabled = true;
		ip->addr = addr(v == V4 ? "192.0.2.2" : "2001:db8::2");
		ip->gw = addr(v == V4 ? "192.0.2.1" : "fe80::1");
		ip->map_host_loopback = ip->gw;
		tap.guest_addr[v] = ip->addr;
	}
	conf.ip[V6].our_ll = addr("fe80::1");
	tap.guest_ll = addr("fe80::2");

	rule = (struct fwd_rule){
		.proto = IPPROTO_TCP, .from = PLACE_HOST,
		.first = 2000, .last = 2010, .to_first = 3000,
	};
	return 0;
}

/* Have @client at port 5555 contact @contacted at port 2002 */
static bool from(enum flow_place place, const char *client,
		 const char *contacted)
{
	ini = (struct flow_side){
		.place = place, .far = addr(client), .far_port = 5555,
		.near = addr(contacted), .near_port = 2002,
	};
	memset(&tgt, 0x55, sizeof(tgt));
	return fwd_from_socket(&conf, &tap, &rule, &ini, &tgt);
}

/* A side as "PLACE far:port near:port" */
static const char *side_str(const struct flow_side *s)
{
	static const char *const places[] = {
		[PLACE_NONE] = "none", [PLACE_GUEST] = "guest",
		[PLACE_HOST] = "host", [PLACE_NS] = "ns",
	};
	static char text[200];
	char far[ADDR_STRLEN], near[ADDR_STRLEN];

	snprintf(text, sizeof(text), "%s %s %u from %s %u", places[s->place],
		 addr_str(&s->far, far), s->far_port,
		 addr_is_set(&s->near) ? addr_str(&s->near, near) : "any",
		 s->near_port);
	return text;
}

#define assert_goes(call, text)						\
	do {								\
		assert_true(call);					\
		assert_string_equal(side_str(&tgt), (text));		\
	} while (0)

/* To the namespace's own address, scenario 31: not to its loopback */
static void test_local_to_ns(void **state)
{
	(void)state;
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "ns 192.0.2.2 3002 from any 0");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "ns 2001:db8::2 3002 from any 0");
	assert_goes(from(PLACE_HOST, "127.0.0.9", "127.0.0.5"),
		    "ns 192.0.2.2 3002 from any 0");
	/* Scenario 27 */
	assert_goes(from(PLACE_HOST, "::ffff:127.0.0.1", "::ffff:127.0.0.1"),
		    "ns 192.0.2.2 3002 from any 0");

	/* As last seen */
	tap.guest_addr[V4] = addr("192.0.2.99");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "ns 192.0.2.99 3002 from any 0");
	/* Never seen, and none configured */
	tap.guest_addr[V6] = addr("");
	assert_false(from(PLACE_HOST, "::1", "::1"));

	rule.target = addr("198.51.100.7");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "ns 198.51.100.7 3002 from any 0");
}

/* Scenario 30: the loopback address contacted is kept if that is wanted */
static void test_local_to_ns_lo(void **state)
{
	(void)state;
	conf.host_lo_to_ns_lo = true;
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.5"),
		    "ns 127.0.0.5 3002 from 127.0.0.1 0");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "ns ::1 3002 from ::1 0");
	/* Scenario 27 */
	assert_goes(from(PLACE_HOST, "::ffff:127.0.0.1", "::ffff:127.0.0.1"),
		    "ns 127.0.0.1 3002 from 127.0.0.1 0");
	tap.guest_addr[V6] = addr("");
	assert_true(from(PLACE_HOST, "::1", "::1"));

	rule.target = addr("192.0.2.2");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "ns 192.0.2.2 3002 from any 0");

	/* Who isn't local isn't concerned */
	rule.target = addr("");
	assert_goes(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 203.0.113.9 5555");
}

/* Scenario 31: a target on loopback is what was asked for */
static void test_loopback_target(void **state)
{
	(void)state;
	rule.target = addr("127.0.0.1");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "ns 127.0.0.1 3002 from 127.0.0.1 0");
	assert_goes(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"),
		    "ns 127.0.0.1 3002 from 127.0.0.1 0");

	conf.splice = false;
	assert_false(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"));
	assert_false(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"));
}

static void test_splice_only(void **state)
{
	(void)state;
	conf.splice_only = conf.host_lo_to_ns_lo = true;
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "ns 127.0.0.1 3002 from 127.0.0.1 0");
	assert_goes(from(PLACE_NS, "127.0.0.1", "127.0.0.1"),
		    "host 127.0.0.1 3002 from 127.0.0.1 0");
	assert_false(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"));
	assert_false(from(PLACE_HOST, "127.0.0.1", "192.0.2.2"));
	rule.target = addr("127.0.0.1");
	assert_false(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"));
}

static void test_ns_to_host(void **state)
{
	(void)state;
	rule.from = PLACE_NS;
	assert_goes(from(PLACE_NS, "127.0.0.1", "127.0.0.1"),
		    "host 127.0.0.1 3002 from 127.0.0.1 0");
	/* Scenario 32 */
	assert_goes(from(PLACE_NS, "::1", "::1"), "host ::1 3002 from ::1 0");
	/* Scenario 30 */
	assert_goes(from(PLACE_NS, "127.0.0.1", "127.0.0.5"),
		    "host 127.0.0.5 3002 from 127.0.0.1 0");
	/* Scenario 27 */
	assert_goes(from(PLACE_NS, "::ffff:127.0.0.1", "::ffff:127.0.0.1"),
		    "host 127.0.0.1 3002 from 127.0.0.1 0");
	assert_goes(from(PLACE_NS, "192.0.2.2", "192.0.2.2"),
		    "host 127.0.0.1 3002 from 127.0.0.1 0");
	assert_goes(from(PLACE_NS, "2001:db8::2", "2001:db8::2"),
		    "host ::1 3002 from ::1 0");

	/* --no-splice is about what comes in */
	conf.splice = false;
	assert_true(from(PLACE_NS, "127.0.0.1", "127.0.0.1"));

	rule.target = addr("198.51.100.7");
	assert_goes(from(PLACE_NS, "127.0.0.1", "127.0.0.1"),
		    "host 198.51.100.7 3002 from any 0");
	assert_false(from(PLACE_NS, "::1", "::1"));
}

static void test_to_guest(void **state)
{
	(void)state;
	assert_goes(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 203.0.113.9 5555");
	assert_goes(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"),
		    "guest 2001:db8::2 3002 from 2001:db8:9::9 5555");
	/* Another address of the host */
	assert_goes(from(PLACE_HOST, "192.0.2.3", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 192.0.2.3 5555");
	assert_goes(from(PLACE_HOST, "169.254.7.7", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 169.254.7.7 5555");
	/* Scenario 39: left alone */
	assert_goes(from(PLACE_HOST, "0.0.0.0", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 0.0.0.0 5555");
	/* A neighbour of the host on its link */
	assert_goes(from(PLACE_HOST, "fe80::9", "fe80::5"),
		    "guest fe80::2 3002 from fe80::9 5555");
	tap.guest_ll = addr("");
	assert_goes(from(PLACE_HOST, "fe80::9", "fe80::5"),
		    "guest 2001:db8::2 3002 from fe80::9 5555");

	rule.target = addr("198.51.100.7");
	assert_goes(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"),
		    "guest 198.51.100.7 3002 from 203.0.113.9 5555");
}

/* Scenario 34: the port contacted stays what replies come from */
static void test_ports(void **state)
{
	(void)state;
	assert_true(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"));
	assert_int_equal(ini.near_port, 2002);
	assert_int_equal(tgt.far_port, 3002);
	ini.near_port = 2010;
	assert_true(fwd_from_socket(&conf, &tap, &rule, &ini, &tgt));
	assert_int_equal(tgt.far_port, 3010);
	ini.near_port = 2011;
	assert_false(fwd_from_socket(&conf, &tap, &rule, &ini, &tgt));
	ini.near_port = 1999;
	assert_false(fwd_from_socket(&conf, &tap, &rule, &ini, &tgt));

	/* Scenario 69 */
	rule = (struct fwd_rule){
		.first = 65535, .last = 65535, .to_first = 1,
	};
	ini.near_port = 65535;
	assert_true(fwd_from_socket(&conf, &tap, &rule, &ini, &tgt));
	assert_int_equal(tgt.far_port, 1);
}

/* By the tap, as passt does, or with --no-splice */
static void test_loopback_client(void **state)
{
	(void)state;
	conf.splice = false;
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "guest 192.0.2.2 3002 from 192.0.2.1 5555");
	assert_goes(from(PLACE_HOST, "::ffff:127.0.0.1", "127.0.0.10"),
		    "guest 192.0.2.2 3002 from 192.0.2.1 5555");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest fe80::2 3002 from fe80::1 5555");
	/* Also if just the client's is one */
	conf.splice = true;
	assert_goes(from(PLACE_HOST, "127.0.0.1", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 192.0.2.1 5555");
	conf.splice = false;

	conf.ip[V4].map_host_loopback = addr("192.0.2.77");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "guest 192.0.2.2 3002 from 192.0.2.77 5555");

	/* --no-map-gw, with and without such an address of its own */
	conf.no_map_gw = true;
	assert_true(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"));
	conf.ip[V4].map_host_loopback = addr("");
	conf.ip[V6].map_host_loopback = addr("");
	conf.ip[V4].map_guest_addr = addr("169.254.1.2");
	assert_false(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"));
	assert_false(from(PLACE_HOST, "::1", "::1"));

	/* Local mode: the host has no gateway, the guest has one */
	conf.no_map_gw = false;
	conf.ip[V4].gw = addr("169.254.2.2");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "guest 192.0.2.2 3002 from 169.254.2.2 5555");
}

/* Scenario 75: an address of the scope of the one the guest is contacted by */
static void test_scope(void **state)
{
	(void)state;
	conf.splice = false;
	conf.ip[V6].gw = addr("2001:db8::1");
	rule.target = addr("2001:db8::7");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest 2001:db8::7 3002 from 2001:db8::1 5555");
	rule.target = addr("fe80::7");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest fe80::7 3002 from fe80::1 5555");
	rule.target = addr("");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest fe80::2 3002 from fe80::1 5555");
	conf.ip[V6].map_host_loopback = addr("2001:db8::1");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest 2001:db8::2 3002 from 2001:db8::1 5555");
	rule.target = addr("fe80::7");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest fe80::7 3002 from fe80::1 5555");

	/* Whatever there is, if there is none of that scope */
	conf.ip[V6].gw = conf.ip[V6].map_host_loopback = addr("fe80::1");
	rule.target = addr("2001:db8::7");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest 2001:db8::7 3002 from fe80::1 5555");

	/* Scopes are of IPv6 */
	conf.ip[V4].map_host_loopback = addr("169.254.2.2");
	rule.target = addr("198.51.100.7");
	assert_goes(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"),
		    "guest 198.51.100.7 3002 from 169.254.2.2 5555");
}

/* Where the guest's address as last seen isn't known for both scopes */
static void test_guest_unseen(void **state)
{
	(void)state;
	conf.splice = false;
	tap.guest_ll = addr("");
	assert_goes(from(PLACE_HOST, "::1", "::1"),
		    "guest 2001:db8::2 3002 from fe80::1 5555");
	tap.guest_ll = addr("fe80::2");
	tap.guest_addr[V6] = addr("");
	assert_goes(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"),
		    "guest fe80::2 3002 from 2001:db8:9::9 5555");
	tap.guest_ll = addr("");
	assert_false(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"));
	assert_false(from(PLACE_HOST, "::1", "::1"));
	rule.target = addr("2001:db8::7");
	assert_true(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"));
}

/* Where it is thought to be isn't where it is; what an option says is */
static void test_guest_guessed(void **state)
{
	(void)state;
	conf.splice = false;
	assert_true(from(PLACE_HOST, "192.0.2.9", "192.0.2.2"));
	assert_true(tgt.is_guess);
	assert_true(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"));
	assert_true(tgt.is_guess);
	tap.guest_seen[V6] = true;
	assert_true(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"));
	assert_false(tgt.is_guess);
	rule.target = addr("192.0.2.2");
	assert_true(from(PLACE_HOST, "192.0.2.9", "192.0.2.2"));
	assert_false(tgt.is_guess);
	/* It was heard from its link-local one */
	rule.target = addr("");
	tap.guest_seen[V6] = false;
	tap.guest_addr[V6] = addr("");
	assert_true(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"));
	assert_false(tgt.is_guess);
}

/* The guest would not answer to an address of its own */
static void test_shared_address(void **state)
{
	(void)state;
	assert_goes(from(PLACE_HOST, "192.0.2.2", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 192.0.2.1 5555");
	assert_goes(from(PLACE_HOST, "2001:db8::2", "2001:db8::2"),
		    "guest fe80::2 3002 from fe80::1 5555");
	assert_goes(from(PLACE_HOST, "fe80::2", "fe80::2"),
		    "guest fe80::2 3002 from fe80::1 5555");

	/* Podman's way */
	conf.no_map_gw = true;
	conf.ip[V4].map_host_loopback = addr("");
	conf.ip[V6].map_host_loopback = addr("");
	conf.ip[V4].map_guest_addr = addr("169.254.1.2");
	assert_goes(from(PLACE_HOST, "192.0.2.2", "192.0.2.2"),
		    "guest 192.0.2.2 3002 from 169.254.1.2 5555");
	assert_goes(from(PLACE_HOST, "2001:db8::2", "2001:db8::2"),
		    "guest fe80::2 3002 from fe80::1 5555");

	/* With a target that the host has itself */
	rule.target = addr("198.51.100.7");
	assert_goes(from(PLACE_HOST, "198.51.100.7", "192.0.2.2"),
		    "guest 198.51.100.7 3002 from 169.254.1.2 5555");
	rule.target = addr("");

	/* Nothing stands for the host */
	conf.ip[V4].map_guest_addr = addr("");
	conf.ip[V4].gw = addr("");
	assert_false(from(PLACE_HOST, "192.0.2.2", "192.0.2.2"));
	conf.ip[V4].gw = addr("192.0.2.2");
	assert_false(from(PLACE_HOST, "192.0.2.2", "192.0.2.2"));
}

/* With --config-net, the guest may have each address of the host */
static void test_copied_addresses(void **state)
{
	(void)state;
	assert_goes(from(PLACE_HOST, "192.0.2.3", "192.0.2.3"),
		    "guest 192.0.2.2 3002 from 192.0.2.3 5555");
	conf.config_net = conf.ip[V4].copy_addrs = true;
	assert_goes(from(PLACE_HOST, "192.0.2.3", "192.0.2.3"),
		    "guest 192.0.2.2 3002 from 192.0.2.1 5555");

	/* That is no way around --no-map-gw */
	conf.splice = false;
	conf.no_map_gw = true;
	conf.ip[V4].map_host_loopback = addr("");
	assert_false(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"));
}

static void test_versions(void **state)
{
	(void)state;
	rule.target = addr("2001:db8::7");
	assert_false(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"));
	assert_false(from(PLACE_HOST, "127.0.0.1", "127.0.0.1"));
	rule.target = addr("");
	conf.ip[V6].enabled = false;
	assert_false(from(PLACE_HOST, "2001:db8:9::9", "2001:db8::2"));
	assert_false(from(PLACE_HOST, "::1", "::1"));
	assert_false(from(PLACE_NS, "::1", "::1"));
	assert_true(from(PLACE_HOST, "203.0.113.9", "192.0.2.2"));
}

static void test_table(void **state)
{
	static struct fwd_table t;
	static struct fwd_rule other[8];
	struct fwd_rule same;
	unsigned i;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(fwd_table_find(&t, &rule), -ENOENT);
	assert_int_equal(fwd_table_add(&t, &rule), 0);
	assert_int_equal(fwd_table_add(&t, &rule), 0);
	same = rule;
	same.flags = FWD_WEAK | FWD_FREEBIND;
	assert_int_equal(fwd_table_add(&t, &same), 0);

	for (i = 0; i < 8; i++)
		other[i] = rule;
	other[0].proto = IPPROTO_UDP;
	other[1].from = PLACE_NS;
	other[2].listen = addr("0.0.0.0");
	memcpy(other[3].ifname, "eth0", 5);
	other[4].last--;
	other[5].target = addr("192.0.2.2");
	other[6].to_first--;
	other[7].flags = FWD_V6ONLY;
	for (i = 0; i < 8; i++) {
		assert_int_equal(fwd_table_find(&t, &other[i]), -ENOENT);
		assert_int_equal(fwd_table_add(&t, &other[i]), i + 1);
	}

	/* Others stay where they are, a gap is used again */
	fwd_table_remove(&t, 3);
	assert_int_equal(fwd_table_find(&t, &other[2]), -ENOENT);
	assert_int_equal(fwd_table_find(&t, &other[7]), 8);
	assert_int_equal(fwd_table_add(&t, &other[2]), 3);

	same.first = 1;
	for (i = 9; i < FWD_RULES_MAX; i++) {
		same.first++;
		assert_int_equal(fwd_table_add(&t, &same), i);
	}
	same.first++;
	assert_int_equal(fwd_table_add(&t, &same), -ENOSPC);
	assert_int_equal(fwd_table_add(&t, &rule), 0);
}

static void test_rule_str(void **state)
{
	char buf[FWD_RULE_STRLEN];
	struct fwd_rule r = {
		.proto = IPPROTO_TCP, .first = 2222, .last = 2222,
		.to_first = 22,
	};

	(void)state;
	assert_string_equal(fwd_rule_str(&r, buf, sizeof(buf)),
			    "TCP [*]:2222  =>  22");

	r = (struct fwd_rule){
		.proto = IPPROTO_UDP, .flags = 0xff, .first = 60000,
		.last = 65535, .to_first = 50000, .ifname = "abcdefghijklmno",
		.listen = addr("2001:db8:1111:2222:3333:4444:5555:6666"),
		.target = addr("2001:db8:1111:2222:3333:4444:5555:7777"),
	};
	assert_string_equal(fwd_rule_str(&r, buf, sizeof(buf)),
			    "UDP [2001:db8:1111:2222:3333:4444:5555:6666]"
			    "%abcdefghijklmno:60000-65535  =>  "
			    "[2001:db8:1111:2222:3333:4444:5555:7777]:"
			    "50000-55535  (best effort) (auto-scan) (as TCP)");
}

/* What the guest begins */
static bool guest_to(uint8_t proto, const char *dst, uint16_t port)
{
	struct flow_side guest = {
		.place = PLACE_GUEST, .near = addr(dst), .near_port = port,
	};

	memset(&tgt, 0x55, sizeof(tgt));
	return fwd_from_guest(&conf, proto, &guest, &tgt);
}

static void test_from_guest(void **state)
{
	struct conf_ip *ip = &conf.ip[V4];

	(void)state;
	ip->dns_forward = addr("192.0.2.1");
	ip->dns_host = addr("127.0.0.53");
	ip->map_guest_addr = addr("169.254.1.2");
	assert_goes(guest_to(IPPROTO_TCP, "203.0.113.9", 80),
		    "host 203.0.113.9 80 from any 0");
	assert_goes(guest_to(IPPROTO_TCP, "192.0.2.1", 80),
		    "host 127.0.0.1 80 from 127.0.0.1 0");
	assert_goes(guest_to(IPPROTO_TCP, "fe80::1", 80),
		    "host ::1 80 from ::1 0");
	assert_goes(guest_to(IPPROTO_UDP, "192.0.2.1", 53),
		    "host 127.0.0.53 53 from 127.0.0.1 0");
	assert_goes(guest_to(IPPROTO_TCP, "192.0.2.1", 853),
		    "host 127.0.0.53 853 from 127.0.0.1 0");
	assert_goes(guest_to(IPPROTO_ICMP, "192.0.2.1", 53),
		    "host 127.0.0.1 53 from 127.0.0.1 0");
	assert_goes(guest_to(IPPROTO_TCP, "169.254.1.2", 80),
		    "host 192.0.2.2 80 from any 0");

	assert_false(guest_to(IPPROTO_TCP, "127.0.0.1", 80));
	assert_false(guest_to(IPPROTO_TCP, "::1", 80));
	assert_false(guest_to(IPPROTO_TCP, "0.0.0.0", 80));
	ip->addr = addr("");
	assert_false(guest_to(IPPROTO_TCP, "169.254.1.2", 80));
	ip->enabled = false;
	assert_false(guest_to(IPPROTO_TCP, "203.0.113.9", 80));
}

#define TEST(f)	cmocka_unit_test_setup(f, usual)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_local_to_ns),
		TEST(test_local_to_ns_lo),
		TEST(test_loopback_target),
		TEST(test_splice_only),
		TEST(test_ns_to_host),
		TEST(test_to_guest),
		TEST(test_ports),
		TEST(test_loopback_client),
		TEST(test_scope),
		TEST(test_guest_unseen),
		TEST(test_guest_guessed),
		TEST(test_shared_address),
		TEST(test_copied_addresses),
		TEST(test_versions),
		TEST(test_table),
		TEST(test_rule_str),
		TEST(test_from_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
