// SPDX-License-Identifier: BSD-3-Clause
/* test_arp.c - address resolution for the guest */

#include <stdio.h>

#include "svc_fake.h"

#include "arp.h"
#include "guest_mac.h"
#include "neigh.h"
#include "text_addr.h"

#define ETH	"ffffffffffff 525400123456 0806 "
#define HEAD	ETH "0001 0800 06 04 0001 "
#define PAD	"000000000000000000000000000000000000"

static void send_request(struct ctx *c, const char *hex, size_t cut)
{
	struct frame f = { .iov_cnt = 1 };
	uint8_t buf[64];

	f.len = fake_hex(hex, buf, sizeof(buf)) - cut;
	f.iov[0] = (struct iovec){ buf, f.len };
	sent.count = 0;
	arp_from_guest(c, &f);
}

#define REQUEST(sender, target)						\
	HEAD "525400123456 " sender " 000000000000 " target

/* Scenario 57 too: the reply is padded to the least length of a frame */
static void test_reply_is_exact(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	send_request(&c, REQUEST("c0000202", "c0000201"), 0);
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.len, 60);
	assert_sent(0, "525400123456 9a559a559a55 0806 0001 0800 06 04 0002 "
		       "9a559a559a55 c0000201 525400123456 c0000202 " PAD);

	/* Any other address, on the link or not */
	send_request(&c, REQUEST("c0000202", "c00002fe"), 0);
	assert_int_equal(sent.count, 1);
	send_request(&c, REQUEST("c0000202", "cb007109"), 0);
	assert_int_equal(sent.count, 1);
}

/* Scenario 46: no answer to probes, nor to announcements */
static void test_probes_for_duplicates(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* The configured address, one observed, any other one */
	send_request(&c, REQUEST("00000000", "c0000202"), 0);
	assert_int_equal(sent.count, 0);
	c.tap.guest_addr[V4] = text_addr("192.0.2.77");
	send_request(&c, REQUEST("00000000", "c000024d"), 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("00000000", "c0000263"), 0);
	assert_int_equal(sent.count, 0);

	/* The gateway's is taken indeed */
	send_request(&c, REQUEST("00000000", "c0000201"), 0);
	assert_int_equal(sent.count, 1);

	/* Announcements, of its own address and of a further one */
	send_request(&c, REQUEST("c0000202", "c0000202"), 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("c0000263", "c0000263"), 0);
	assert_int_equal(sent.count, 0);
}

static void test_own_addresses(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.tap.guest_addr[V4] = text_addr("192.0.2.77");
	send_request(&c, REQUEST("c000024d", "c0000202"), 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("c0000202", "c000024d"), 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("c000024d", "c0000201"), 0);
	assert_int_equal(sent.count, 1);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		ETH "0006 0800 06 04 0001 525400123456 c0000202 000000000000 "
		    "c0000201",
		ETH "0001 86dd 06 04 0001 525400123456 c0000202 000000000000 "
		    "c0000201",
		ETH "0001 0800 07 04 0001 525400123456 c0000202 000000000000 "
		    "c0000201",
		ETH "0001 0800 06 10 0001 525400123456 c0000202 000000000000 "
		    "c0000201",
	};
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		send_request(&c, bad[i], 0);
		assert_int_equal(sent.count, 0);
		assert_int_equal(c.stats.count[STAT_BAD_FRAME], i + 1);
	}

	/* Cut anywhere */
	for (i = 1; i <= 42; i++) {
		send_request(&c, REQUEST("c0000202", "c0000201"), i);
		assert_int_equal(sent.count, 0);
	}
}

/* Nobody has these addresses, or we do: an answer would go there */
static void test_bad_senders(void **state)
{
	static const char *const bad[] = {
		"ffffffffffff c0000202 ", "01005e000001 c0000202 ",
		"000000000000 c0000202 ", "9a559a559a55 c0000202 ",
		"525400123456 7f000001 ", "525400123456 e0000001 ",
		"525400123456 ffffffff ",
	};
	char hex[200];
	struct ctx c;
	size_t i;

	(void)state;
	fake_setup(&c);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(hex, sizeof(hex), HEAD "%s 000000000000 c0000201",
			 bad[i]);
		send_request(&c, hex, 0);
		assert_int_equal(sent.count, 0);
		assert_int_equal(c.stats.count[STAT_BAD_SOURCE], i + 1);
	}
}

static void test_not_answered(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	/* A reply, groups and broadcast, IPv4 switched off */
	send_request(&c, ETH "0001 0800 06 04 0002 525400123456 c0000202 "
			 "9a559a559a55 c0000201", 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("c0000202", "e0000001"), 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("c0000202", "ffffffff"), 0);
	assert_int_equal(sent.count, 0);
	send_request(&c, REQUEST("c0000202", "00000000"), 0);
	assert_int_equal(sent.count, 0);
	c.conf.ip[V4].enabled = false;
	send_request(&c, REQUEST("c0000202", "c0000201"), 0);
	assert_int_equal(sent.count, 0);
}

/* Scenario 59: the guest learns of us, and we of it, when it connects */
static void test_announcement(void **state)
{
	struct ctx c;

	(void)state;
	fake_setup(&c);
	arp_announce(&c);
	assert_int_equal(sent.count, 1);
	assert_sent(0, "ffffffffffff 9a559a559a55 0806 0001 0800 06 04 0001 "
		       "9a559a559a55 c0000201 000000000000 c0000202 " PAD);

	/* Without a gateway: a probe, Linux answers these as well */
	c.conf.ip[V4].gw = (struct addr){ 0 };
	arp_announce(&c);
	assert_int_equal(sent.count, 2);
	assert_sent(0, "ffffffffffff 9a559a559a55 0806 0001 0800 06 04 0001 "
		       "9a559a559a55 00000000 000000000000 c0000202 " PAD);

	c.conf.ip[V4].enabled = false;
	arp_announce(&c);
	assert_int_equal(sent.count, 2);
}

/* Scenario 58: neighbours of the host are shown by their MAC addresses */
static void test_neighbours(void **state)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0x58, 1 };
	struct addr near = text_addr("192.0.2.9");
	struct addr own = text_addr("192.0.2.77");
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.tap.neigh = neigh_new(&c.conf);
	assert_true(neigh_learn(c.tap.neigh, &near, mac));
	send_request(&c, REQUEST("c0000202", "c0000209"), 0);
	assert_sent(0, "525400123456 020000005801 0806 0001 0800 06 04 0002 "
		       "020000005801 c0000209 525400123456 c0000202 " PAD);
	send_request(&c, REQUEST("c0000202", "c0000208"), 0);
	assert_sent(0, "525400123456 9a559a559a55 0806 0001 0800 06 04 0002 "
		       "9a559a559a55 c0000208 525400123456 c0000202 " PAD);

	arp_announce_neighbour(&c, &near);
	assert_sent(0, "ffffffffffff 020000005801 0806 0001 0800 06 04 0001 "
		       "020000005801 c0000209 000000000000 c0000209 " PAD);

	/* It is the guest's, whatever a neighbour says */
	sent.count = 0;
	c.tap.guest_addr[V4] = own;
	assert_true(neigh_learn(c.tap.neigh, &own, mac));
	arp_announce_neighbour(&c, &own);
	assert_int_equal(sent.count, 0);

	/* A gateway that is one, --no-map-gw */
	arp_announce(&c);
	assert_sent(0, "ffffffffffff 9a559a559a55 0806 0001 0800 06 04 0001 "
		       "9a559a559a55 c0000201 000000000000 c0000202 " PAD);
	c.conf.ip[V4].map_host_loopback = (struct addr){ 0 };
	assert_true(neigh_learn(c.tap.neigh, &c.conf.ip[V4].gw, mac));
	arp_announce(&c);
	assert_sent(0, "ffffffffffff 020000005801 0806 0001 0800 06 04 0001 "
		       "020000005801 c0000201 000000000000 c0000202 " PAD);
	free(c.tap.neigh);
}

/* Another machine has the address: it is to answer, as long as it is heard */
static void test_machine_behind(void **state)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0, 0x77 };
	static const uint8_t guest[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	struct addr other = text_addr("192.0.2.77");
	struct ctx c;

	(void)state;
	fake_setup(&c);
	c.tap.macs = guest_macs_new();
	guest_mac_learn(c.tap.macs, &other, mac);
	send_request(&c, REQUEST("c0000202", "c000024d"), 0);
	assert_int_equal(sent.count, 0);
	/* It doesn't: the address is elsewhere now */
	send_request(&c, REQUEST("c0000202", "c000024d"), 0);
	assert_int_equal(sent.count, 1);
	guest_mac_learn(c.tap.macs, &other, mac);
	send_request(&c, REQUEST("c0000202", "c000024d"), 0);
	assert_int_equal(sent.count, 0);

	/* It is the asker's, or was; and no gateway's, whatever is said */
	guest_mac_learn(c.tap.macs, &other, guest);
	send_request(&c, REQUEST("c0000202", "c000024d"), 0);
	assert_int_equal(sent.count, 1);
	guest_mac_learn(c.tap.macs, &c.conf.ip[V4].gw, mac);
	send_request(&c, REQUEST("c0000202", "c0000201"), 0);
	assert_int_equal(sent.count, 1);

	/* A neighbour of the host can't take it away */
	other = text_addr("192.0.2.9");
	c.tap.neigh = neigh_new(&c.conf);
	assert_true(neigh_learn(c.tap.neigh, &other, mac));
	guest_mac_learn(c.tap.macs, &other, mac);
	send_request(&c, REQUEST("c0000202", "c0000209"), 0);
	assert_int_equal(sent.count, 0);
	arp_announce_neighbour(&c, &other);
	assert_int_equal(sent.count, 0);
	free(c.tap.neigh);
	free(c.tap.macs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_is_exact),
		cmocka_unit_test(test_probes_for_duplicates),
		cmocka_unit_test(test_own_addresses),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bad_senders),
		cmocka_unit_test(test_not_answered),
		cmocka_unit_test(test_announcement),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_machine_behind),
	};

	return cmocka_run_group_tests_name("arp", tests, NULL, NULL);
}
