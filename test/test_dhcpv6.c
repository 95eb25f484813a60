// SPDX-License-Identifier: BSD-3-Clause
/* test_dhcpv6.c - DHCPv6 server */

#include "svc_fake.h"

#include "dhcpv6.h"
#include "text_addr.h"
#include "util.h"

#define UDP_HLEN	8
#define BODY		UDP_HLEN

#define CLIENT		"0001 000e 0001000132 96a1cfbebd481b3c62 "
#define OURS		"0002 000a 0003 0001 9a559a559a55 "
#define THEIRS		"0002 000a 0003 0001 9a559a559a56 "
#define XID		"abcdef "
#define ADDR		"20010db8000000000000000000000002 "
#define OTHER		"20010db8000000000000000000000099 "
#define FOREIGN		"20010db8ffff00000000000000000002 "

/* What clients send: no lifetimes known yet, or those of before */
#define IA_EMPTY	"0003 000c 00000007 00000e10 00001518 "
#define IA_WITH(addr)	"0003 0028 00000007 00000e10 00001518 "		\
			"0005 0018 " addr "00001c20 00001d4c "
/* What they get */
#define IA_GIVEN	"0003 0028 00000007 ffffffff ffffffff "		\
			"0005 0018 " ADDR "ffffffff ffffffff "
#define IA_STATUS(code)	"0003 0012 00000007 ffffffff ffffffff "		\
			"000d 0002 " code " "
#define SUCCESS		"000d 0002 0000"
#define NOT_ON_LINK	"000d 0002 0004"
#define BEST		"0007 0001 ff "

static uint8_t message[1400];
static size_t message_len;

static bool give_to(struct ctx *c, const char *dst)
{
	struct pkt pkt = { .v = V6, .proto = IPPROTO_UDP };
	struct iovec iov;

	pkt.src = text_addr("fe80::5054:ff:fe12:3456");
	pkt.dst = text_addr(dst);
	pkt.l4 = view_from_buf(&iov, message, message_len);
	sent.count = 0;
	return dhcpv6_from_guest(c, &pkt);
}

/* Hand over a message; its UDP header is written here */
static void give(struct ctx *c, const char *hex)
{
	fake_hex("02220223 00000000", message, UDP_HLEN);
	message_len = UDP_HLEN + fake_hex(hex, message + UDP_HLEN,
					  sizeof(message) - UDP_HLEN);
	message[4] = (uint8_t)(message_len >> 8);
	message[5] = (uint8_t)message_len;
	assert_true(give_to(c, "ff02::1:2"));
}

static void assert_reply(struct ctx *c, const char *hex, const char *reply)
{
	give(c, hex);
	assert_int_equal(sent.count, 1);
	assert_sent(BODY, reply);
}

static void assert_no_reply(struct ctx *c, const char *hex)
{
	give(c, hex);
	assert_int_equal(sent.count, 0);
}

static void test_advertise_is_exact(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, "01" XID CLIENT "0006 0004 00170018 0008 0002 0000" IA_EMPTY);
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.proto, IPPROTO_UDP);
	assert_addr(&sent.src, "fe80::1");
	assert_addr(&sent.dst, "fe80::5054:ff:fe12:3456");
	assert_sent(0, "0223 0222 005d 0000 02" XID OURS CLIENT BEST IA_GIVEN);

	/* What the client had before doesn't matter */
	assert_reply(&c, "01" XID CLIENT IA_WITH(FOREIGN),
		     "02" XID OURS CLIENT BEST IA_GIVEN);
}

static void test_rapid_commit(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "01" XID CLIENT "000e 0000" IA_EMPTY,
		     "07" XID OURS CLIENT "000e 0000" IA_GIVEN);
	/* Only there */
	assert_reply(&c, "03" XID CLIENT OURS "000e 0000" IA_EMPTY,
		     "07" XID OURS CLIENT IA_GIVEN);
}

static void test_request(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "03" XID CLIENT OURS IA_WITH(ADDR),
		     "07" XID OURS CLIENT IA_GIVEN);
	assert_reply(&c, "03" XID CLIENT OURS IA_EMPTY,
		     "07" XID OURS CLIENT IA_GIVEN);
	assert_reply(&c, "03" XID CLIENT OURS IA_WITH(OTHER),
		     "07" XID OURS CLIENT IA_STATUS("0004"));
	assert_reply(&c, "03" XID CLIENT OURS IA_WITH(FOREIGN),
		     "07" XID OURS CLIENT IA_STATUS("0004"));
}

static void test_renew_and_rebind(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "05" XID CLIENT OURS IA_WITH(ADDR),
		     "07" XID OURS CLIENT IA_GIVEN);
	assert_reply(&c, "06" XID CLIENT IA_WITH(ADDR),
		     "07" XID OURS CLIENT IA_GIVEN);

	/* Another one: its time is up, ours comes along */
	assert_reply(&c, "05" XID CLIENT OURS IA_WITH(FOREIGN),
		     "07" XID OURS CLIENT
		     "0003 0044 00000007 ffffffff ffffffff "
		     "0005 0018 " ADDR "ffffffff ffffffff"
		     "0005 0018 " FOREIGN "00000000 00000000 ");
}

static void test_confirm(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "04" XID CLIENT IA_WITH(ADDR),
		     "07" XID OURS CLIENT SUCCESS);
	assert_reply(&c, "04" XID CLIENT IA_WITH(FOREIGN),
		     "07" XID OURS CLIENT NOT_ON_LINK);
	assert_reply(&c, "04" XID CLIENT IA_WITH(ADDR) IA_WITH(FOREIGN),
		     "07" XID OURS CLIENT NOT_ON_LINK);
	/* Nothing to tell about */
	assert_no_reply(&c, "04" XID CLIENT IA_EMPTY);
	assert_no_reply(&c, "04" XID CLIENT);
}

static void test_release_and_decline(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "08" XID CLIENT OURS IA_WITH(ADDR),
		     "07" XID OURS CLIENT SUCCESS);
	assert_reply(&c, "09" XID CLIENT OURS IA_WITH(ADDR),
		     "07" XID OURS CLIENT SUCCESS);
}

static void test_information(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "0b" XID CLIENT, "07" XID OURS CLIENT);
	assert_reply(&c, "0b" XID, "07" XID OURS);
	assert_reply(&c, "0b" XID OURS, "07" XID OURS);
	assert_no_reply(&c, "0b" XID THEIRS);
	assert_no_reply(&c, "0b" XID CLIENT IA_EMPTY);
}

/* One address and no prefix: each association gets an answer of its own */
static void test_associations(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_reply(&c, "01" XID CLIENT
		     "0019 000c 00000001 00000000 00000000" IA_EMPTY
		     "0004 0004 00000002"
		     "0003 000c 00000008 00000000 00000000",
		     "02" XID OURS CLIENT BEST
		     "0019 0012 00000001 00000000 00000000 000d 0002 0006"
		     IA_GIVEN
		     "0004 000a 00000002 000d 0002 0002"
		     "0003 0012 00000008 ffffffff ffffffff 000d 0002 0002");

	c.conf.ip[V6].addr = (struct addr){ 0 };
	assert_reply(&c, "01" XID CLIENT IA_EMPTY,
		     "02" XID OURS CLIENT BEST IA_STATUS("0002"));
}

/* RFC 8415, 16: identifiers that each message must have, or must not */
static void test_identifiers(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	assert_no_reply(&c, "01" XID IA_EMPTY);
	assert_no_reply(&c, "01" XID CLIENT OURS IA_EMPTY);
	assert_no_reply(&c, "03" XID CLIENT IA_EMPTY);
	assert_no_reply(&c, "03" XID OURS IA_EMPTY);
	assert_no_reply(&c, "03" XID CLIENT THEIRS IA_EMPTY);
	assert_no_reply(&c, "04" XID CLIENT OURS IA_WITH(ADDR));
	assert_no_reply(&c, "05" XID CLIENT THEIRS IA_WITH(ADDR));
	assert_no_reply(&c, "06" XID CLIENT OURS IA_WITH(ADDR));
	assert_no_reply(&c, "08" XID CLIENT THEIRS IA_WITH(ADDR));
	assert_no_reply(&c, "09" XID CLIENT IA_WITH(ADDR));
	/* Ours is no more than a part of theirs, or the other way round */
	assert_no_reply(&c, "03" XID CLIENT
			"0002 000b 0003 0001 9a559a559a5500" IA_EMPTY);
	assert_no_reply(&c, "03" XID CLIENT "0002 0002 0003" IA_EMPTY);
	/* What servers and relays send, and what no one does */
	assert_no_reply(&c, "00" XID CLIENT);
	assert_no_reply(&c, "02" XID CLIENT OURS IA_EMPTY);
	assert_no_reply(&c, "07" XID CLIENT OURS IA_EMPTY);
	assert_no_reply(&c, "0a" XID CLIENT OURS);
	assert_no_reply(&c, "0c" XID CLIENT IA_EMPTY);
	assert_no_reply(&c, "ff" XID CLIENT IA_EMPTY);
}

#define DNS	"0017 0020 20010db8000000000000000000000053 "		\
		"20010db8000000000000000000000054 "
/* Scenario 55: each domain with its own end */
#define SEARCH	"0018 0018 07 6578616d706c65 03 6f7267 00 "		\
		"01 61 07 6578616d706c65 00 "

static void test_name_servers(void **state)
{
	struct conf_ip *ip;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	ip = &c.conf.ip[V6];
	util_copy_str(c.conf.search, "example.org a.example",
		      sizeof(c.conf.search));
	ip->dns[0] = text_addr("2001:db8::53");
	ip->dns[1] = text_addr("2001:db8::54");
	ip->dns_count = 2;

	/* Only if asked for */
	assert_reply(&c, "0b" XID, "07" XID OURS);
	c.conf.dhcp_dns = true;
	assert_reply(&c, "0b" XID, "07" XID OURS DNS);
	c.conf.dhcp_search = true;
	assert_reply(&c, "0b" XID, "07" XID OURS DNS SEARCH);
	assert_reply(&c, "01" XID CLIENT IA_EMPTY,
		     "02" XID OURS CLIENT BEST IA_GIVEN DNS SEARCH);

	/* Scenario 56: no search list without name servers */
	ip->dns_count = 0;
	assert_reply(&c, "0b" XID, "07" XID OURS);
	ip->dns_count = 2;
	c.conf.dhcp_dns = false;
	assert_reply(&c, "0b" XID, "07" XID OURS);
}

static void test_name(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	util_copy_str(c.conf.fqdn, "gt.example", sizeof(c.conf.fqdn));
	assert_reply(&c, "0b" XID,
		     "07" XID OURS "0027 000d 04 026774 076578616d706c65 00");
	/* It asks for updates of the name server, which is not done */
	assert_reply(&c, "0b" XID "0027 0004 01026774",
		     "07" XID OURS "0027 000d 06 026774 076578616d706c65 00");
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"", "01", "01abcd",
		"01" XID CLIENT "00",
		"01" XID CLIENT "0003 00",
		"01" XID CLIENT "0003 0001",
		"01" XID CLIENT "0003 ffff 00",
		"01" XID CLIENT "0003 000b 00000007 00000e10 000015",
		"01" XID CLIENT "0003 000e 00000007 00000e10 00001518 0005",
		"01" XID CLIENT "0003 0010 00000007 00000e10 00001518 "
			"0005 0001",
		"01" XID CLIENT "0003 0011 00000007 00000e10 00001518 "
			"0005 0001 00",
		"01" XID CLIENT "0004 0003 000000",
		"01" XID CLIENT "0019 000b 00000007 00000e10 000015",
		"01" XID CLIENT "000e 0001 00",
		"01" XID CLIENT "0027 0000",
		"01" XID "0001 0000",
		"01" XID CLIENT CLIENT,
		"03" XID CLIENT OURS OURS,
		"03" XID CLIENT "0002 0000",
	};
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_no_reply(&c, bad[i]);
		assert_int_equal(c.stats.count[STAT_BAD_FRAME], i + 1);
	}

	fake_csum_is_good = false;
	assert_no_reply(&c, "0b" XID);
	assert_int_equal(c.stats.count[STAT_BAD_CSUM], 1);
}

/* Identifiers of each length, up to the longest there is */
static void test_client_identifiers(void **state)
{
	char hex[600] = "0b" XID, *len = hex + strlen(hex) + 4;
	struct ctx c;
	unsigned i;

	(void)state;
	fake_setup(&c);
	strncat(hex, "00010000", 9);
	for (i = 1; i <= 140; i++) {
		static const char digits[] = "0123456789abcdef";

		len[2] = digits[i >> 4];
		len[3] = digits[i & 15];
		strncat(hex, "5a", 3);
		give(&c, hex);
		assert_int_equal(sent.count, i <= 130);
		if (sent.count)
			assert_int_equal(sent.len, BODY + 4 + 14 + 4 + i);
	}
}

/* A message cut anywhere, by the packet or by the length in its header */
static void test_truncated(void **state)
{
	size_t len, full;
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, "01" XID CLIENT "000e 0000" IA_WITH(ADDR));
	assert_int_equal(sent.count, 1);

	full = message_len;
	for (message_len = 0; message_len < full; message_len++) {
		assert_true(give_to(&c, "ff02::1:2"));
		assert_int_equal(sent.count, 0);
	}

	for (len = 0; len < full; len++) {
		/* Only ever between two options */
		bool whole = len == UDP_HLEN + 22 || len == UDP_HLEN + 26;

		message[4] = (uint8_t)(len >> 8);
		message[5] = (uint8_t)len;
		assert_true(give_to(&c, "ff02::1:2"));
		assert_int_equal(sent.count, whole);
	}
}

/* More associations than replies have room for, and addresses likewise */
static void test_too_much(void **state)
{
	struct ctx c;
	size_t i, n;

	(void)state;
	fake_setup(&c);
	c.conf.dhcp_dns = true;
	c.conf.ip[V6].dns[0] = text_addr("2001:db8::53");
	c.conf.ip[V6].dns_count = 1;

	give(&c, "01" XID CLIENT);
	for (n = message_len, i = 0; i < 80; i++)
		n += fake_hex(IA_EMPTY, message + n, sizeof(message) - n);
	message_len = n;
	message[4] = (uint8_t)(n >> 8);
	message[5] = (uint8_t)n;
	assert_true(give_to(&c, "ff02::1:2"));
	assert_int_equal(sent.count, 1);
	assert_true(sent.len <= IPV6_MTU_MIN - IPV6_HLEN);

	/* 45 addresses that are not ours, in one association */
	give(&c, "06" XID CLIENT "0003 04f8 00000007 00000e10 00001518");
	assert_int_equal(sent.count, 0);
	for (n = message_len, i = 0; i < 45; i++)
		n += fake_hex("0005 0018" FOREIGN "00000001 00000001",
			      message + n, sizeof(message) - n);
	message_len = n;
	message[4] = (uint8_t)(n >> 8);
	message[5] = (uint8_t)n;
	assert_true(give_to(&c, "ff02::1:2"));
	assert_int_equal(sent.count, 1);
	assert_true(sent.len <= IPV6_MTU_MIN - IPV6_HLEN);
	/* Ours comes first, then as many as fit: the option holds just these */
	n = BODY + 4 + 14 + 18;
	assert_int_equal(sent.data[n + 1], 3);
	assert_int_equal(sent.len - n - 4,
			 sent.data[n + 2] << 8 | sent.data[n + 3]);
	assert_int_equal((sent.len - n - 4 - 12) % 28, 0);
	assert_true(sent.len + 28 > IPV6_MTU_MIN - IPV6_HLEN);
	assert_int_equal(sent.data[n + 4 + 12 + 4 + 15], 2);
	assert_int_equal(sent.data[n + 4 + 12 + 4 + 16], 0xff);
}

static void test_not_for_us(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	give(&c, "0b" XID);
	assert_int_equal(sent.count, 1);
	assert_true(give_to(&c, "ff05::1:3"));
	assert_int_equal(sent.count, 1);

	/* To us alone is not allowed; a server elsewhere is none of ours */
	assert_true(give_to(&c, "fe80::1"));
	assert_int_equal(sent.count, 0);
	assert_false(give_to(&c, "2001:db8::9"));
	assert_int_equal(sent.count, 0);

	c.conf.no_dhcpv6 = true;
	assert_no_reply(&c, "0b" XID);
	c.conf.no_dhcpv6 = false;
	c.conf.ip[V6].enabled = false;
	assert_no_reply(&c, "0b" XID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advertise_is_exact),
		cmocka_unit_test(test_rapid_commit),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_renew_and_rebind),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_release_and_decline),
		cmocka_unit_test(test_information),
		cmocka_unit_test(test_associations),
		cmocka_unit_test(test_identifiers),
		cmocka_unit_test(test_name_servers),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_client_identifiers),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_not_for_us),
	};

	return cmocka_run_group_tests_name("dhcpv6", tests, NULL, NULL);
}
