// SPDX-License-Identifier: BSD-3-Clause
/* test_dhcp.c - DHCP and BOOTP server */

#include <stdio.h>

#include "svc_fake.h"

#include "dhcp.h"
#include "text_addr.h"
#include "util.h"

#define UDP_HLEN	8
#define OPTS		(UDP_HLEN + 240)	/* First option of a reply */

#define MAC		"525400123456 "
#define Z16		"00000000000000000000000000000000 "
#define COOKIE		"63825363 "
#define DISCOVER	COOKIE "350101 "
#define REQUEST		COOKIE "350103 "
#define SERVER		"3604c0000201 "
#define WANTED		"3204c0000202 "
#define LEASE		"3304ffffffff "
#define NET		"0104ffffff00 0304c0000201 "
#define MTU		"1a02fff0 "

/* The message all tests start from, changed by them; network byte order */
struct message {
	uint8_t udp[UDP_HLEN];
	uint8_t op, htype, hlen, hops;
	uint8_t xid[4];
	uint8_t secs[2];
	uint8_t flags[2];
	uint8_t ciaddr[4];
	uint8_t yiaddr[4];
	uint8_t siaddr[4];
	uint8_t giaddr[4];
	uint8_t chaddr[16];
	uint8_t unused[192];
	uint8_t opts[700];
	size_t opts_len;
};

static const struct message plain = {
	.op = 1, .htype = 1, .hlen = 6, .hops = 3,
	.xid = { 0xde, 0xad, 0xbe, 0xef },
	.secs = { 0, 7 },
	.chaddr = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 },
};

static bool give_to(struct ctx *c, struct message *m, const char *src,
		    const char *dst)
{
	struct pkt pkt = { .v = V4, .proto = IPPROTO_UDP };
	size_t len = offsetof(struct message, opts) + m->opts_len;
	struct iovec iov;

	m->udp[1] = 68;
	m->udp[3] = 67;
	m->udp[4] = (uint8_t)(len >> 8);
	m->udp[5] = (uint8_t)len;
	pkt.src = text_addr(src);
	pkt.dst = text_addr(dst);
	pkt.l4 = view_from_buf(&iov, m, len);
	sent.count = 0;
	return dhcp_from_guest(c, &pkt);
}

static void give(struct ctx *c, struct message *m, const char *opts)
{
	m->opts_len = fake_hex(opts, m->opts, sizeof(m->opts));
	assert_true(give_to(c, m, "0.0.0.0", "255.255.255.255"));
}

/* Compare the options of a reply, its padding not counted */
static void assert_options(const char *text)
{
	uint8_t want[1500];
	size_t len = fake_hex(text, want, sizeof(want));
	size_t i;

	assert_int_equal(sent.count, 1);
	assert_true(sent.len >= OPTS + len + 1);
	assert_memory_equal(sent.data + OPTS, want, len);
	assert_int_equal(sent.data[OPTS + len], 255);
	for (i = OPTS + len + 1; i < sent.len; i++)
		assert_int_equal(sent.data[i], 0);
	assert_true(i == OPTS + len + 1 || i == UDP_HLEN + 300);
}

/* Scenario 53 too: the type comes first */
static void test_offer_is_exact(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.proto, IPPROTO_UDP);
	assert_addr(&sent.src, "192.0.2.1");
	assert_addr(&sent.dst, "192.0.2.2");
	/* Ports 67 and 68, 300 bytes and the UDP header */
	assert_int_equal(sent.len, 308);
	sent.len = OPTS;
	assert_sent(0, "0043 0044 0134 0000 02010600 deadbeef 0000 0000 "
		    "00000000 c0000202 00000000 00000000 "
		    MAC "00000000000000000000 "
		    Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 COOKIE);
	sent.len = 308;
	assert_options("350102 " SERVER LEASE NET MTU);
}

static void test_ack(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* Selecting, with an identifier to give back */
	give(&c, &m, REQUEST SERVER WANTED "3d0701" MAC "ff");
	assert_options("350105 " SERVER LEASE "3d0701" MAC NET MTU);
	assert_addr(&sent.dst, "192.0.2.2");

	/* After a restart, and without any wish */
	give(&c, &m, REQUEST WANTED "ff");
	assert_options("350105 " SERVER LEASE NET MTU);
	give(&c, &m, REQUEST "ff");
	assert_options("350105 " SERVER LEASE NET MTU);

	/* Renewing: sent to us alone, and so is the reply */
	fake_hex("c0000202", m.ciaddr, 4);
	m.opts_len = fake_hex(REQUEST "ff", m.opts, sizeof(m.opts));
	assert_true(give_to(&c, &m, "192.0.2.2", "192.0.2.1"));
	assert_options("350105 " SERVER LEASE NET MTU);
	assert_addr(&sent.dst, "192.0.2.2");
	assert_memory_equal(sent.data + 8 + 12, m.ciaddr, 4);
	assert_memory_equal(sent.data + 8 + 16, m.ciaddr, 4);
}

static void test_nak(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, &m, REQUEST "3204c0000203 3d0701" MAC "ff");
	assert_options("350106 " SERVER "3d0701" MAC);
	assert_addr(&sent.dst, "255.255.255.255");
	assert_memory_equal(sent.data + 8 + 16, "\0\0\0\0", 4);

	/* The same if it has got the address already */
	fake_hex("c0000203", m.ciaddr, 4);
	give(&c, &m, REQUEST "ff");
	assert_options("350106 " SERVER);
	assert_addr(&sent.dst, "255.255.255.255");
	assert_memory_equal(sent.data + 8 + 12, "\0\0\0\0", 4);

	/* Another server's business */
	m = plain;
	give(&c, &m, REQUEST "3604c0000209" "3204c0000203 ff");
	assert_int_equal(sent.count, 0);
}

static void test_other_types(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* Decline, release, what servers send, what no one does */
	give(&c, &m, COOKIE "350104 ff");
	assert_int_equal(sent.count, 0);
	give(&c, &m, COOKIE "350107 ff");
	assert_int_equal(sent.count, 0);
	give(&c, &m, COOKIE "350102 ff");
	assert_int_equal(sent.count, 0);
	give(&c, &m, COOKIE "350109 ff");
	assert_int_equal(sent.count, 0);
	give(&c, &m, COOKIE "3501ff ff");
	assert_int_equal(sent.count, 0);
	give(&c, &m, COOKIE "350100 ff");
	assert_int_equal(sent.count, 0);

	/* Inform: all but an address and its lease */
	fake_hex("c0000209", m.ciaddr, 4);
	give(&c, &m, COOKIE "350108 ff");
	assert_options("350105 " SERVER NET MTU);
	assert_addr(&sent.dst, "192.0.2.9");
	assert_memory_equal(sent.data + 8 + 16, "\0\0\0\0", 4);
	fake_hex("00000000", m.ciaddr, 4);
	give_to(&c, &m, "192.0.2.8", "255.255.255.255");
	assert_addr(&sent.dst, "192.0.2.8");
	give_to(&c, &m, "0.0.0.0", "255.255.255.255");
	assert_addr(&sent.dst, "255.255.255.255");
}

/* Nobody has these addresses: neither a client nor a relay */
static void test_bad_destinations(void **state)
{
	static const char *const bad[] = {
		"7f000001", "e0000001", "ffffffff",
	};
	struct message m;
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	for (i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		m = plain;
		fake_hex(bad[i / 2], i % 2 ? m.ciaddr : m.giaddr, 4);
		give(&c, &m, COOKIE "350108 ff");
		assert_int_equal(sent.count, 0);
		assert_int_equal(c.stats.count[STAT_BAD_FRAME], i + 1);
	}
}

/* Scenario 50: the broadcast flag, and relays */
static void test_destinations(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	m.flags[0] = 0x80;
	give(&c, &m, DISCOVER "ff");
	assert_addr(&sent.dst, "255.255.255.255");
	assert_int_equal(sent.data[8 + 10], 0x80);

	/* A relay gets it on the servers' port */
	fake_hex("c6336401", m.giaddr, 4);
	give(&c, &m, DISCOVER "ff");
	assert_addr(&sent.dst, "198.51.100.1");
	assert_memory_equal(sent.data + 2, "\0\103", 2);
	assert_memory_equal(sent.data + 8 + 24, m.giaddr, 4);

	/* and is told not to look for the address refused */
	m.flags[0] = 0;
	give(&c, &m, REQUEST "3204c0000203 ff");
	assert_options("350106 " SERVER);
	assert_addr(&sent.dst, "198.51.100.1");
	assert_int_equal(sent.data[8 + 10], 0x80);
}

/* Scenario 51 */
static void test_rapid_commit(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, &m, DISCOVER "5000 ff");
	assert_options("350105 " SERVER LEASE "5000" NET MTU);

	/* Only there */
	give(&c, &m, REQUEST "5000" WANTED "ff");
	assert_options("350105 " SERVER LEASE NET MTU);
}

/* Scenario 52 */
static void test_bootp(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* With options, with an empty list, with something else, with none */
	give(&c, &m, COOKIE "0c0161 ff");
	assert_options(NET MTU);
	assert_int_equal(sent.len, 308);
	assert_memory_equal(sent.data + 8 + 16, "\300\0\2\2", 4);
	assert_addr(&sent.dst, "192.0.2.2");
	give(&c, &m, COOKIE);
	assert_options(NET MTU);
	give(&c, &m, "0102030405");
	assert_options(NET MTU);
	give(&c, &m, "");
	assert_options(NET MTU);
}

static void assert_mask(int bits, const char *option)
{
	struct message m = plain;
	struct ctx c;

	fake_setup(&c);
	c.conf.ip[V4].prefix_len = bits;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 1);
	/* Behind type, server and lease */
	sent.len = OPTS + 15 + 6;
	assert_sent(OPTS + 15, option);
}

/* Scenario 54 */
static void test_masks(void **state)
{
	(void)state;
	assert_mask(0, "0104 00000000");
	assert_mask(1, "0104 80000000");
	assert_mask(8, "0104 ff000000");
	assert_mask(23, "0104 fffffe00");
	assert_mask(31, "0104 fffffffe");
	assert_mask(32, "0104 ffffffff");
}

static void test_routes(void **state)
{
	struct message m = plain;
	struct conf_ip *ip;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	ip = &c.conf.ip[V4];
	ip->prefix_len = 32;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE "0104ffffffff 0304c0000201 "
		       "790e 20c000020100000000 00c0000201 " MTU);

	/* No gateway: all is on the link. The server is never 0.0.0.0 */
	ip->gw = (struct addr){ 0 };
	ip->map_host_loopback = text_addr("203.0.113.1");
	give(&c, &m, DISCOVER "ff");
	assert_addr(&sent.src, "203.0.113.1");
	assert_options("350102 3604cb007101 " LEASE "0104ffffffff "
		       "7905 0000000000 " MTU);

	ip->map_host_loopback = (struct addr){ 0 };
	give(&c, &m, DISCOVER "ff");
	assert_addr(&sent.src, "169.254.2.2");
	assert_options("350102 3604a9fe0202 " LEASE "0104ffffffff "
		       "7905 0000000000 " MTU);
}

static void test_mtu(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.conf.mtu = 1500;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET "1a0205dc");
	c.tap.mtu = 1400;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET "1a020578");
	c.conf.mtu = 0;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET);
}

#define FQDN_E	"51 13 0c ff ff 026774 076578616d706c65 036f7267 00 "

static void test_names(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.conf.mtu = 0;
	util_copy_str(c.conf.hostname, "gt",
		      sizeof(c.conf.hostname));
	util_copy_str(c.conf.fqdn, "gt.example.org",
		      sizeof(c.conf.fqdn));
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET "0c026774 " FQDN_E);

	/* It asks for updates of the name server, which is not done */
	give(&c, &m, DISCOVER "5103050000 ff");
	assert_options("350102 " SERVER LEASE NET "0c026774 5113 0e ffff "
		       "026774 076578616d706c65 036f7267 00");
	/* It wants plain text */
	give(&c, &m, DISCOVER "5103000000 ff");
	assert_options("350102 " SERVER LEASE NET "0c026774 5111 08 ffff "
		       "67742e6578616d706c652e6f7267");
	/* Not for a refused client */
	give(&c, &m, REQUEST "3204c0000203 ff");
	assert_options("350106 " SERVER);
}

#define DNS	"0608 c0000235 c6336435 "

static void test_name_servers(void **state)
{
	struct message m = plain;
	struct conf_ip *ip;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	ip = &c.conf.ip[V4];
	c.conf.mtu = 0;
	util_copy_str(c.conf.search, "example.org a.example",
		      sizeof(c.conf.search));
	ip->dns[0] = text_addr("192.0.2.53");
	ip->dns[1] = text_addr("198.51.100.53");
	ip->dns_count = 2;

	/* Only if asked for */
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET);
	c.conf.dhcp_dns = true;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET DNS);
	c.conf.dhcp_search = true;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET DNS "7718 "
		       "076578616d706c65036f726700 0161076578616d706c6500");

	/* Scenario 56: no search list without name servers */
	ip->dns_count = 0;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET);
	ip->dns_count = 2;
	c.conf.dhcp_dns = false;
	give(&c, &m, DISCOVER "ff");
	assert_options("350102 " SERVER LEASE NET);
}

/* Put the search list of a reply together. Return: its length */
static size_t get_search(uint8_t *list, unsigned *parts)
{
	size_t i = OPTS, len = 0;

	*parts = 0;
	while (sent.data[i] != 255) {
		assert_true(i + 2 + sent.data[i + 1] < sent.len);
		if (sent.data[i] == 119) {
			memcpy(list + len, sent.data + i + 2, sent.data[i + 1]);
			len += sent.data[i + 1];
			++*parts;
		}
		i += 2U + sent.data[i + 1];
	}
	return len;
}

static void test_long_search_list(void **state)
{
	struct message m = plain;
	uint8_t list[1500];
	unsigned parts;
	struct ctx c;
	size_t i, len;

	(void)state;
	fake_setup(&c);
	c.conf.dhcp_dns = c.conf.dhcp_search = true;
	c.conf.ip[V4].dns[0] = text_addr("192.0.2.53");
	c.conf.ip[V4].dns_count = 1;
	/* 60 names of 10 bytes, 12 on the wire */
	for (i = 0; i < 60 * 11 - 1; i++)
		c.conf.search[i] = "0123.56789 "[i % 11];

	/* All of it where it fits, over the ends of options */
	give(&c, &m, DISCOVER "390205dc ff");
	len = get_search(list, &parts);
	assert_int_equal(len, 60 * 12);
	assert_int_equal(parts, 3);
	for (i = 0; i < len; i++)
		assert_int_equal(list[i], "\0040123\00556789"[i % 12]);

	/* Without a word on length, 576 bytes are what a client takes */
	give(&c, &m, DISCOVER "ff");
	assert_true(sent.len <= 576 - 20);
	assert_true(sent.len > 576 - 20 - 14);
	len = get_search(list, &parts);
	assert_int_equal(len % 12, 0);
	assert_true(len > 0);

	/* Less is never to be believed; nor is more than goes over the link */
	give(&c, &m, DISCOVER "39020000 ff");
	assert_int_equal(get_search(list, &parts), len);
	c.tap.mtu = 600;
	give(&c, &m, DISCOVER "3902ffff ff");
	assert_true(sent.len <= 600 - 20);
	assert_true(get_search(list, &parts) > len);
}

/* Each length of the room that is left */
static void test_search_list_that_just_fits(void **state)
{
	uint8_t list[1500];
	unsigned parts;
	struct ctx c;
	size_t len;

	(void)state;
	fake_setup(&c);
	c.conf.dhcp_dns = c.conf.dhcp_search = true;
	c.conf.ip[V4].dns[0] = text_addr("192.0.2.53");
	c.conf.ip[V4].dns_count = 1;
	for (len = 0; len < CONF_SEARCH_MAX - 1; len++)
		c.conf.search[len] = len % 2 ? ' ' : 'x';

	for (len = 576; len <= 1500; len++) {
		struct message m = plain;
		char opts[64];

		snprintf(opts, sizeof(opts), DISCOVER "3902%04zx ff", len);
		give(&c, &m, opts);
		assert_int_equal(sent.count, 1);
		assert_true(sent.len <= len - 20);
		assert_true(sent.len > len - 20 - 7);
		assert_int_equal(get_search(list, &parts) % 3, 0);
	}
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		COOKIE "35",			/* No length */
		COOKIE "3501",			/* No data */
		COOKIE "350201",		/* Not enough */
		COOKIE "3500 ff",		/* Lengths that can't be */
		COOKIE "35020101 ff",
		DISCOVER "3203c00002 ff",
		DISCOVER "3205c000020200 ff",
		DISCOVER "360100 ff",
		DISCOVER "390101 ff",
		DISCOVER "3d00 ff",
		DISCOVER "500100 ff",
		DISCOVER "51020000 ff",
		DISCOVER "00000c",
		DISCOVER "0cff61",
	};
	struct message m = plain;
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		give(&c, &m, bad[i]);
		assert_int_equal(sent.count, 0);
		assert_int_equal(c.stats.count[STAT_BAD_FRAME], i + 1);
	}

	/* All right: padding, the first of two, no end */
	give(&c, &m, COOKIE "000035010100 350107 00");
	assert_int_equal(sent.count, 1);

	m.op = 2;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);
	m = plain;
	m.htype = 6;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);
	m = plain;
	m.hlen = 16;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);

	m = plain;
	fake_csum_is_good = false;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);
	assert_int_equal(c.stats.count[STAT_BAD_CSUM], 1);
}

/* A message cut anywhere, by the packet or by the length in its header */
static void test_truncated(void **state)
{
	struct pkt pkt = { .v = V4, .proto = IPPROTO_UDP };
	struct message m = plain;
	size_t len, full, opts = offsetof(struct message, opts);
	struct iovec iov;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, &m, DISCOVER "3204c0000202 3d0701" MAC "5000 ff");
	assert_int_equal(sent.count, 1);
	full = opts + m.opts_len;

	pkt.src = text_addr("0.0.0.0");
	pkt.dst = text_addr("255.255.255.255");
	for (len = 0; len < full; len++) {
		sent.count = 0;
		pkt.l4 = view_from_buf(&iov, &m, len);
		assert_true(dhcp_from_guest(&c, &pkt));
		assert_int_equal(sent.count, 0);
	}

	pkt.l4 = view_from_buf(&iov, &m, full);
	for (len = 0; len < full; len++) {
		size_t left = len - opts;
		/* A BOOTP message, or between two options */
		bool whole = len >= opts && (left <= 4 || left == 7 ||
					     left == 13 || left == 22 ||
					     left == 24);

		sent.count = 0;
		m.udp[4] = (uint8_t)(len >> 8);
		m.udp[5] = (uint8_t)len;
		assert_true(dhcp_from_guest(&c, &pkt));
		assert_int_equal(sent.count, whole);
	}
}

static void test_not_for_us(void **state)
{
	struct message m = plain;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	m.opts_len = fake_hex(DISCOVER "ff", m.opts, sizeof(m.opts));
	assert_false(give_to(&c, &m, "192.0.2.2", "192.0.2.9"));
	assert_int_equal(sent.count, 0);

	/* Switched off, or nothing to give: taken, not answered */
	c.conf.no_dhcp = true;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);
	c.conf.no_dhcp = false;
	c.conf.ip[V4].addr = (struct addr){ 0 };
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);
	fake_setup(&c);
	c.conf.ip[V4].enabled = false;
	give(&c, &m, DISCOVER "ff");
	assert_int_equal(sent.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer_is_exact),
		cmocka_unit_test(test_ack),
		cmocka_unit_test(test_nak),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_bad_destinations),
		cmocka_unit_test(test_rapid_commit),
		cmocka_unit_test(test_bootp),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_servers),
		cmocka_unit_test(test_long_search_list),
		cmocka_unit_test(test_search_list_that_just_fits),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_for_us),
	};

	return cmocka_run_group_tests_name("dhcp", tests, NULL, NULL);
}
