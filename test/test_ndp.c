// SPDX-License-Identifier: BSD-3-Clause
/* test_ndp.c - neighbour discovery and router advertisements */

#include "svc_fake.h"

#include "guest_mac.h"
#include "ndp.h"
#include "neigh.h"
#include "text_addr.h"
#include "timer.h"
#include "util.h"

#define LLADDR	"0101525400123456 "
#define NS(target)	"87000000 00000000 " target

#define GW		"20010db8000000000000000000000001 "
#define GUEST		"20010db8000000000000000000000002 "
#define OTHER		"20010db8000000000000000000000099 "
#define GUEST_LL	"fe800000000000005054000000123456 "
#define OUR_LL		"fe800000000000000000000000000001 "

#define RA_HEAD		"86000000 ff 80 ffff 00000000 00000000 "
#define RA_PREFIX	"0304 40 c0 ffffffff ffffffff 00000000 "	\
			"20010db8000000000000000000000000 "
#define RA_LLADDR	"0101 9a559a559a55 "
#define RA_MTU		"0501 0000 0000fff0 "

/* Hand over a message. Return: what ndp_from_guest() does */
static bool from_guest(struct ctx *c, const char *src, const char *hex,
		       uint8_t ttl, size_t cut)
{
	struct pkt pkt = { .v = V6, .proto = IPPROTO_ICMPV6, .ttl = ttl };
	uint8_t buf[256];
	struct iovec iov;

	pkt.src = text_addr(src);
	pkt.dst = text_addr("ff02::2");
	pkt.l4 = view_from_buf(&iov, buf,
			       fake_hex(hex, buf, sizeof(buf)) - cut);
	sent.count = 0;
	return ndp_from_guest(c, &pkt);
}

static void solicit(struct ctx *c, const char *src, const char *hex)
{
	assert_true(from_guest(c, src, hex, 255, 0));
}

static void test_advertisement_is_exact(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* Solicited, not a router; if another one answers, that one counts */
	solicit(&c, "2001:db8::2", NS(OTHER) LLADDR);
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.proto, IPPROTO_ICMPV6);
	assert_int_equal(sent.ttl, 255);
	assert_addr(&sent.src, "2001:db8::99");
	assert_addr(&sent.dst, "2001:db8::2");
	assert_sent(0, "88000000 40000000 " OTHER "0201 9a559a559a55");

	/* The router by both of its names */
	solicit(&c, "fe80::5054:ff:fe12:3456", NS(GW) LLADDR);
	assert_sent(0, "88000000 e0000000 " GW "0201 9a559a559a55");
	assert_addr(&sent.dst, "fe80::5054:ff:fe12:3456");
	solicit(&c, "2001:db8::2", NS(OUR_LL));
	assert_sent(0, "88000000 e0000000 " OUR_LL "0201 9a559a559a55");
}

/* Scenario 46 */
static void test_probes_for_duplicates(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	solicit(&c, "::", NS(GUEST));
	assert_int_equal(sent.count, 0);
	solicit(&c, "::", NS(GUEST_LL));
	assert_int_equal(sent.count, 0);
	solicit(&c, "::", NS(OTHER));
	assert_int_equal(sent.count, 0);
	solicit(&c, "::", NS(GW));
	assert_int_equal(sent.count, 0);
	/* With a nonce: RFC 7527 */
	solicit(&c, "::", NS(GUEST) "0e01 40bb9ae2285b");
	assert_int_equal(sent.count, 0);
	assert_int_equal(c.stats.count[STAT_BAD_FRAME], 0);
}

/* A guest that only waits for connections is found all the same */
static void test_probes_are_learnt(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.tap.guest_addr[V6] = c.conf.ip[V6].addr;
	solicit(&c, "::", NS(GUEST_LL));
	solicit(&c, "::", NS(OTHER));
	assert_addr(&c.tap.guest_ll, "fe80::5054:0:12:3456");
	assert_addr(&c.tap.guest_addr[V6], "2001:db8::99");

	/* Not what can't be the guest's */
	solicit(&c, "::", NS(GW));
	solicit(&c, "::", NS(OUR_LL));
	solicit(&c, "::", NS("00000000000000000000000000000001"));
	solicit(&c, "::", NS("00000000000000000000ffffc0000202"));
	assert_addr(&c.tap.guest_addr[V6], "2001:db8::99");

	/* What it has been seen with is known to work */
	c.tap.guest_seen[V6] = true;
	solicit(&c, "::", NS(GUEST));
	solicit(&c, "::", NS("fe80000000000000000000000000000a"));
	assert_addr(&c.tap.guest_addr[V6], "2001:db8::99");
	assert_addr(&c.tap.guest_ll, "fe80::5054:0:12:3456");
}

static void test_own_addresses(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.tap.guest_ll = text_addr("fe80::5054:0:12:3456");
	c.tap.guest_addr[V6] = text_addr("2001:db8::99");
	solicit(&c, "2001:db8::7", NS(GUEST));
	assert_int_equal(sent.count, 0);
	solicit(&c, "2001:db8::7", NS(OTHER));
	assert_int_equal(sent.count, 0);
	solicit(&c, "2001:db8::7", NS(GUEST_LL));
	assert_int_equal(sent.count, 0);
	/* Its own, though not known to be */
	solicit(&c, "2001:db8::1", NS(GW));
	assert_int_equal(sent.count, 0);
	solicit(&c, "2001:db8::7", NS(GW));
	assert_int_equal(sent.count, 1);
}

/* RFC 4861, 7.1.1: each reason to drop a solicitation */
static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"87010000 00000000 " GW,		/* Code */
		NS("ff020000000000000000000000000001"),	/* A group */
		NS(GW) "0100525400123456",		/* Option of length 0 */
		NS(GW) "0102525400123456",		/* and beyond the end */
		NS(GW) LLADDR "0e",
		NS(GW) LLADDR "0eff",
		"85010000 00000000",
		"85000000 00000000 0000525400123456",
	};
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		solicit(&c, "2001:db8::2", bad[i]);
		assert_int_equal(sent.count, 0);
		assert_int_equal(c.stats.count[STAT_BAD_FRAME], i + 1);
	}

	/* From a router on its way, or with a link-layer address only */
	assert_true(from_guest(&c, "2001:db8::2", NS(GW), 254, 0));
	assert_int_equal(sent.count, 0);
	solicit(&c, "::", "85000000 00000000 " LLADDR);
	assert_int_equal(sent.count, 0);
	assert_int_equal(c.stats.count[STAT_BAD_FRAME], i + 2);

	/* Cut anywhere: inside options, just before them, inside the header */
	for (i = 1; i < 32; i++) {
		from_guest(&c, "2001:db8::2", NS(GW) LLADDR, 255, i);
		assert_int_equal(sent.count, i == 8);
	}

	fake_csum_is_good = false;
	solicit(&c, "2001:db8::2", NS(GW));
	assert_int_equal(sent.count, 0);
	assert_int_equal(c.stats.count[STAT_BAD_CSUM], 1);
}

static void test_others_handle_the_rest(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* Echo is not for us; advertisements and redirects are for no one */
	assert_false(from_guest(&c, "2001:db8::2", "80000000 00000000", 64, 0));
	assert_false(from_guest(&c, "2001:db8::2", "8700", 255, 0));
	assert_true(from_guest(&c, "2001:db8::2", "88000000 00000000", 255, 0));
	assert_true(from_guest(&c, "2001:db8::2", "86000000 00000000", 255, 0));
	assert_true(from_guest(&c, "2001:db8::2", "89000000 00000000", 255, 0));
	assert_int_equal(sent.count, 0);

	/* An IPv4 address in IPv6 form, loopback */
	solicit(&c, "2001:db8::2", NS("00000000000000000000ffffc0000201"));
	assert_int_equal(sent.count, 0);
	solicit(&c, "2001:db8::2", NS("00000000000000000000000000000001"));
	assert_int_equal(sent.count, 0);
}

static const char rs[] = "85000000 00000000 " LLADDR;

/* Scenario 49: hop limit 255 and the greatest lifetimes */
static void test_router_advertisement_is_exact(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* Of the address only the first half is prefix */
	c.conf.ip[V6].prefix_len = 128;
	solicit(&c, "fe80::5", rs);
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.ttl, 255);
	assert_addr(&sent.src, "fe80::1");
	assert_addr(&sent.dst, "fe80::5");
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU);

	/* To all if the guest has no address yet */
	solicit(&c, "::", "85000000 00000000");
	assert_int_equal(sent.count, 1);
	assert_addr(&sent.dst, "ff02::1");

	/* The link takes less than is configured */
	c.tap.mtu = 1400;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR "0501 0000 00000578");
	c.tap.mtu = 1279;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR);

	/* Nothing assigned: nothing managed, no prefix; MTU not assigned */
	c.conf.ip[V6].addr = (struct addr){ 0 };
	c.conf.mtu = 0;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, "86000000 ff 40 ffff 00000000 00000000 " RA_LLADDR);
	c.conf.no_dhcpv6 = true;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, "86000000 ff 00 ffff 00000000 00000000 " RA_LLADDR);
}

#define RDNSS	"1903 0000 ffffffff 20010db8000000000000000000000053 "
#define DNSSL	"1f05 0000 ffffffff 076578616d706c65036f726700 "	\
		"0161076578616d706c65036e657400 00000000"

static void test_name_servers(void **state)
{
	struct conf_ip *ip;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	ip = &c.conf.ip[V6];
	util_copy_str(c.conf.search, "example.org a.example.net",
		      sizeof(c.conf.search));
	ip->dns[0] = text_addr("2001:db8::53");
	ip->dns_count = 1;

	/* Only if asked for */
	solicit(&c, "fe80::5", rs);
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU);

	c.conf.dhcp_dns = true;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU RDNSS);

	c.conf.dhcp_search = true;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU RDNSS DNSSL);

	/* Scenario 56: no search list without name servers */
	ip->dns_count = 0;
	solicit(&c, "fe80::5", rs);
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU);
}

static void test_many_name_servers(void **state)
{
	struct conf_ip *ip;
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	ip = &c.conf.ip[V6];
	ip->dns_count = CONF_DNS_MAX;
	for (i = 0; i < CONF_DNS_MAX; i++)
		ip->dns[i] = text_addr("2001:db8::53");
	/* More on the wire than as text: it doesn't fit as a whole */
	for (i = 0; i < CONF_SEARCH_MAX - 1; i++)
		c.conf.search[i] = i % 2 ? ' ' : 'x';
	c.conf.dhcp_dns = c.conf.dhcp_search = true;

	solicit(&c, "fe80::5", rs);
	assert_int_equal(sent.count, 1);
	assert_true(sent.len <= IPV6_MTU_MIN - IPV6_HLEN);
	assert_true(sent.len > IPV6_MTU_MIN - IPV6_HLEN - 16);
	assert_int_equal(sent.len % 8, 0);
	/* Behind header, prefix, address, MTU and name servers */
	i = 16 + 32 + 8 + 8 + 8 + 8 * 16;
	assert_int_equal(sent.data[i], 31);
	assert_int_equal(i + sent.data[i + 1] * 8, sent.len);
}

static void test_switched_off(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.conf.no_ra = true;
	solicit(&c, "fe80::5", rs);
	assert_int_equal(sent.count, 0);
	solicit(&c, "fe80::5", NS(GW));
	assert_int_equal(sent.count, 1);

	c.conf.no_ndp = true;
	solicit(&c, "fe80::5", NS(GW));
	assert_int_equal(sent.count, 0);

	fake_setup(&c);
	c.conf.ip[V6].enabled = false;
	solicit(&c, "fe80::5", rs);
	assert_int_equal(sent.count, 0);
}

static void start(struct ctx *c, struct wheel *w)
{
	c->wheel = w;
	c->now_ms = 1000000;
	timer_init(w, c->now_ms);
	ndp_init(c);
}

/* Let time pass up to the next timer. Return: how long, ms; 0 if none */
static uint64_t pass(struct ctx *c)
{
	uint64_t begin_ms = c->now_ms;
	unsigned before = sent.count, turns = 0;

	while (sent.count == before) {
		int next_ms = timer_next_ms(c->wheel, c->now_ms);

		if (next_ms < 0 || turns++ > 1000)
			return 0;
		c->now_ms += (uint64_t)MAX(next_ms, 1);
		timer_run(c->wheel, c->now_ms, c);
	}

	return c->now_ms - begin_ms;
}

/* Scenario 48: advertised for ever, but not before the guest is there */
static void test_periodic(void **state)
{
	struct wheel w;
	struct ctx c;
	unsigned i;

	(void)state;
	fake_setup(&c);
	start(&c, &w);
	assert_int_equal(pass(&c), 0);
	assert_int_equal(sent.count, 0);

	ndp_guest_connected(&c);
	assert_int_equal(sent.count, 2);
	assert_addr(&sent.dst, "ff02::1");
	assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU);

	/* More than 18 hours */
	for (i = 0; i < 400; i++) {
		uint64_t ms = pass(&c);

		if (i < 2)
			assert_in_range(ms, 3000, 16000);
		else
			assert_in_range(ms, 198000, 600000);
		assert_int_equal(sent.count, 3 + i);
		assert_addr(&sent.dst, "ff02::1");
		assert_sent(0, RA_HEAD RA_PREFIX RA_LLADDR RA_MTU);
	}

	/* A guest that comes back is soon told again */
	ndp_guest_connected(&c);
	assert_in_range(pass(&c), 3000, 16000);
	free(c.ndp);
}

/* Scenario 48: none if switched off */
static void test_periodic_switched_off(void **state)
{
	struct wheel w;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	start(&c, &w);
	c.conf.no_ndp = true;
	ndp_guest_connected(&c);
	assert_int_equal(pass(&c), 0);
	assert_int_equal(sent.count, 0);

	c.conf.no_ndp = false;
	c.conf.no_ra = true;
	ndp_guest_connected(&c);
	assert_int_equal(pass(&c), 0);
	assert_int_equal(sent.count, 1);

	c.conf.no_ra = false;
	c.conf.ip[V6].enabled = false;
	ndp_guest_connected(&c);
	assert_int_equal(pass(&c), 0);
	assert_int_equal(sent.count, 1);
	free(c.ndp);
}

/* Scenario 59: the guest learns of us, and we of it, when it connects */
static void test_announcement(void **state)
{
	struct wheel w;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	start(&c, &w);
	c.conf.no_ra = true;
	c.conf.ip[V6].addr = text_addr("2001:db8::aa:bbcc");
	ndp_guest_connected(&c);
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.ttl, 255);
	assert_addr(&sent.src, "fe80::1");
	assert_addr(&sent.dst, "ff02::1:ffaa:bbcc");
	assert_sent(0, "87000000 00000000 20010db800000000 0000000000aabbcc "
		       "0101 9a559a559a55");

	/* Without an address there's nothing to ask for */
	c.conf.ip[V6].addr = (struct addr){ 0 };
	ndp_guest_connected(&c);
	assert_int_equal(sent.count, 1);
	free(c.ndp);
}

/* Scenario 58: neighbours of the host are shown by their MAC addresses */
static void test_neighbours(void **state)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0x58, 1 };
	static const uint8_t behind[] = { 2, 0, 0, 0, 0x58, 2 };
	struct addr near = text_addr("2001:db8::99");
	struct addr own = text_addr("2001:db8::77");
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.tap.neigh = neigh_new(&c.conf);
	assert_true(neigh_learn(c.tap.neigh, &near, mac));
	solicit(&c, "2001:db8::2", NS(OTHER) LLADDR);
	assert_sent(0, "88000000 60000000 " OTHER "0201 020000005801");
	/* The router, with a link-local address of ours */
	solicit(&c, "2001:db8::2", NS(OUR_LL) LLADDR);
	assert_sent(0, "88000000 e0000000 " OUR_LL "0201 9a559a559a55");

	/* Unsolicited: to all, overriding, from the neighbour */
	ndp_announce_neighbour(&c, &near);
	assert_sent(0, "88000000 20000000 " OTHER "0201 020000005801");
	assert_addr(&sent.src, "2001:db8::99");
	assert_addr(&sent.dst, "ff02::1");

	/* The gateway, as it isn't mapped, is still a router to the guest */
	assert_true(neigh_learn(c.tap.neigh, &c.conf.ip[V6].gw, mac));
	ndp_announce_neighbour(&c, &c.conf.ip[V6].gw);
	assert_sent(0, "88000000 a0000000 " GW "0201 020000005801");

	/* It is the guest's, whatever a neighbour says */
	sent.count = 0;
	c.tap.guest_addr[V6] = own;
	assert_true(neigh_learn(c.tap.neigh, &own, mac));
	ndp_announce_neighbour(&c, &own);
	assert_int_equal(sent.count, 0);

	/* Nor can it take anything from a machine behind the guest */
	c.tap.macs = guest_macs_new();
	guest_mac_learn(c.tap.macs, &near, behind);
	ndp_announce_neighbour(&c, &near);
	assert_int_equal(sent.count, 0);
	solicit(&c, "2001:db8::2", NS(OTHER) LLADDR);
	assert_sent(0, "88000000 40000000 " OTHER "0201 020000005801");
	free(c.tap.macs);
	free(c.tap.neigh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advertisement_is_exact),
		cmocka_unit_test(test_probes_for_duplicates),
		cmocka_unit_test(test_probes_are_learnt),
		cmocka_unit_test(test_own_addresses),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_others_handle_the_rest),
		cmocka_unit_test(test_router_advertisement_is_exact),
		cmocka_unit_test(test_name_servers),
		cmocka_unit_test(test_many_name_servers),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_periodic),
		cmocka_unit_test(test_periodic_switched_off),
		cmocka_unit_test(test_announcement),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests_name("ndp", tests, NULL, NULL);
}
