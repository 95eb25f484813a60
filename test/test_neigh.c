// SPDX-License-Identifier: BSD-3-Clause
/* test_neigh.c - the table of neighbours */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "conf.h"
#include "guest_mac.h"
#include "neigh.h"
#include "tap.h"
#include "text_addr.h"

#define ADDRS	(2 * NEIGH_MAX)
#define MACS	37
#define STEPS	200000

static struct conf conf;
static struct tap tap;

static const uint8_t our[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t guest[MAC_LEN] = { 2, 0, 0, 0, 0, 2 };

static int setup(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	conf.ip[V4].addr = text_addr("192.0.2.2");
	conf.ip[V4].gw = text_addr("192.0.2.1");
	conf.ip[V6].addr = text_addr("2001:db8::2");
	conf.ip[V6].gw = text_addr("2001:db8::1");
	conf.ip[V6].our_ll = text_addr("fe80::1");
	memcpy(tap.our_mac, our, MAC_LEN);
	memcpy(tap.guest_mac, guest, MAC_LEN);
	tap.neigh = neigh_new(&conf);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(tap.neigh);
	return 0;
}

/* The address with a number, one in three is IPv6 */
static struct addr nth_addr(unsigned i)
{
	struct addr a = text_addr(i % 3 ? "198.51.0.0" : "2001:db8:1::");

	a.a6.s6_addr[14] = (uint8_t)(i >> 8);
	a.a6.s6_addr[15] = (uint8_t)i;
	return a;
}

static const uint8_t *nth_mac(unsigned i)
{
	static uint8_t mac[MAC_LEN];

	memcpy(mac, "\x02\xff\x00\x00", 4);
	mac[4] = (uint8_t)(i >> 8);
	mac[5] = (uint8_t)i;
	return mac;
}

static bool learn(unsigned a, unsigned mac)
{
	struct addr addr = nth_addr(a);

	return neigh_learn(tap.neigh, &addr, nth_mac(mac));
}

static void gone(unsigned a)
{
	struct addr addr = nth_addr(a);

	neigh_gone(tap.neigh, &addr);
}

static bool has(unsigned mac)
{
	return neigh_has_mac(tap.neigh, nth_mac(mac));
}

static bool shows(unsigned a, unsigned mac)
{
	struct addr addr = nth_addr(a);

	return !memcmp(neigh_mac(&tap, &addr), nth_mac(mac), MAC_LEN);
}

static bool shows_ours(unsigned a)
{
	struct addr addr = nth_addr(a);

	return neigh_mac(&tap, &addr) == tap.our_mac;
}

static void test_none_and_empty(void **state)
{
	struct neigh *n = tap.neigh;

	(void)state;
	assert_true(shows_ours(1));
	assert_false(has(1));
	gone(1);
	tap.neigh = NULL;
	assert_true(shows_ours(1));
	assert_false(has(1));
	tap.neigh = n;
}

static void test_learnt_and_gone(void **state)
{
	(void)state;
	assert_true(learn(1, 10));
	assert_true(learn(3, 30));
	assert_true(shows(1, 10) && shows(3, 30) && shows_ours(2));
	assert_true(has(10) && has(30));
	assert_false(has(20));
	/* Nothing new */
	assert_false(learn(1, 10));

	/* It may be there again before the kernel hears of it */
	gone(1);
	assert_true(shows(1, 10) && has(10));
	assert_false(learn(1, 10));
}

/* The last one is shown, that and the one before are taken */
static void test_changed(void **state)
{
	(void)state;
	assert_true(learn(1, 10));
	assert_true(learn(1, 11));
	assert_true(shows(1, 11) && has(10) && has(11));
	assert_true(learn(1, 12));
	assert_true(shows(1, 12) && has(11) && has(12));
	assert_false(has(10));

	/* Back to the one before, again and again */
	assert_true(learn(1, 11));
	assert_true(shows(1, 11) && has(11) && has(12));
	assert_true(learn(1, 12));
	assert_true(shows(1, 12) && has(11) && has(12));

	/* Of an entry that was given up already */
	gone(1);
	assert_true(learn(1, 13));
	assert_true(shows(1, 13) && has(12) && has(13));
	assert_false(has(11));
}

/* Proxy ARP, or a router with many addresses */
static void test_shared_mac(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < NEIGH_MAX; i++)
		assert_true(learn(i, 7));
	for (i = 0; i < NEIGH_MAX; i++)
		assert_true(shows(i, 7));
	for (i = 0; i < NEIGH_MAX; i++) {
		gone(i);
		assert_true(has(7));
		assert_true(learn(NEIGH_MAX + i, 8));
		assert_true(shows_ours(i));
	}
	assert_false(has(7));
}

static void test_full(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < NEIGH_MAX; i++)
		assert_true(learn(i, i));
	assert_false(learn(NEIGH_MAX, NEIGH_MAX));
	assert_true(shows_ours(NEIGH_MAX));
	/* There is no room for the new beside the old one */
	assert_false(learn(5, NEIGH_MAX));
	assert_true(shows(5, 5));

	/* In the order in which they went, but for those that are back */
	gone(900);
	gone(3);
	gone(3);
	gone(77);
	gone(78);
	assert_false(learn(3, 3));
	assert_true(learn(NEIGH_MAX, NEIGH_MAX));
	assert_true(shows_ours(900) && !has(900));
	assert_true(shows(3, 3) && shows(77, 77) && shows(78, 78));

	/* What isn't shown any more may be replaced as well */
	assert_true(learn(5, NEIGH_MAX + 1));
	assert_true(shows_ours(77) && shows(78, 78) && has(5));
	assert_true(learn(NEIGH_MAX + 2, NEIGH_MAX + 2));
	assert_true(shows_ours(78) && has(5));
	assert_true(learn(NEIGH_MAX + 3, NEIGH_MAX + 3));
	assert_true(shows(5, NEIGH_MAX + 1) && !has(5));
	assert_false(learn(NEIGH_MAX + 4, NEIGH_MAX + 4));

	/* Only its own entry is left to be replaced */
	gone(9);
	assert_true(learn(9, NEIGH_MAX + 5));
	assert_true(shows(9, NEIGH_MAX + 5) && !has(9));
	assert_false(learn(NEIGH_MAX + 4, NEIGH_MAX + 4));
}

static void check_not_learnt(const char *text)
{
	struct addr a = text_addr(text);

	assert_false(neigh_learn(tap.neigh, &a, nth_mac(1)));
	assert_ptr_equal(neigh_mac(&tap, &a), tap.our_mac);
	assert_false(has(1));
}

static void test_special_addresses(void **state)
{
	static const char *const never[] = {
		"192.0.2.2", "2001:db8::2", "fe80::1", "0.0.0.0", "::",
		"224.0.0.1", "255.255.255.255", "ff02::1", "127.0.0.1", "::1",
	};
	struct addr gw4 = conf.ip[V4].gw, gw6 = conf.ip[V6].gw;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(never); i++)
		check_not_learnt(never[i]);

	conf.ip[V4].map_host_loopback = gw4;
	conf.ip[V6].map_host_loopback = gw6;
	check_not_learnt("192.0.2.1");
	check_not_learnt("2001:db8::1");
	conf.ip[V4].dns_forward = text_addr("192.0.2.53");
	conf.ip[V6].map_guest_addr = text_addr("2001:db8::53");
	check_not_learnt("192.0.2.53");
	check_not_learnt("2001:db8::53");

	/* --no-map-gw */
	conf.ip[V4].map_host_loopback = conf.ip[V6].map_host_loopback =
		(struct addr){ 0 };
	assert_true(neigh_learn(tap.neigh, &gw4, nth_mac(1)));
	assert_true(neigh_learn(tap.neigh, &gw6, nth_mac(1)));
	assert_memory_equal(neigh_mac(&tap, &gw4), nth_mac(1), MAC_LEN);
	assert_memory_equal(neigh_mac(&tap, &gw6), nth_mac(1), MAC_LEN);
}

static void test_special_macs(void **state)
{
	static const uint8_t all[] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t group[] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t none[MAC_LEN];
	struct addr a = nth_addr(1);

	(void)state;
	assert_false(neigh_learn(tap.neigh, &a, all));
	assert_false(neigh_learn(tap.neigh, &a, group));
	assert_false(neigh_learn(tap.neigh, &a, none));
	assert_true(shows_ours(1));

	/* As long as the guest has it */
	assert_true(neigh_learn(tap.neigh, &a, guest));
	assert_true(shows_ours(1));
	tap.guest_mac[5]++;
	assert_memory_equal(neigh_mac(&tap, &a), guest, MAC_LEN);
}

/* What machines behind the guest have, whoever came first */
static void test_macs_behind_guest(void **state)
{
	struct addr a = text_addr("192.0.2.3");
	unsigned i;

	(void)state;
	tap.macs = guest_macs_new();
	assert_true(learn(1, 1));
	for (i = 1; i < 100; i++) {
		a.a6.s6_addr[15] = (uint8_t)i;
		guest_mac_learn(tap.macs, &a, nth_mac(i));
	}
	assert_true(shows_ours(1));
	for (i = 2; i < 100; i++) {
		assert_true(learn(i, i));
		assert_true(shows_ours(i));
	}
	assert_true(learn(i, i));
	assert_true(shows(i, i));
	guest_macs_forget(tap.macs);
	assert_true(shows(1, 1));
	free(tap.macs);
	tap.macs = NULL;
}

/* Whatever comes, what is shown is what was learnt last, or ours */
static void test_at_random(void **state)
{
	static unsigned last[ADDRS];
	unsigned i, step, seed = 12345, shown = 0;

	(void)state;
	memset(last, 0, sizeof(last));
	for (step = 0; step < STEPS; step++) {
		unsigned a = (unsigned)rand_r(&seed) % ADDRS;
		unsigned mac = (unsigned)rand_r(&seed) % MACS + 1;

		if (rand_r(&seed) % 2) {
			gone(a);
			continue;
		}
		if (learn(a, mac))
			last[a] = mac;
		else
			assert_true(shows_ours(a) || shows(a, last[a]));
		assert_true(shows_ours(a) || has(last[a]));
	}
	for (i = 0; i < ADDRS; i++) {
		if (shows_ours(i))
			continue;
		assert_true(shows(i, last[i]) && has(last[i]));
		shown++;
	}
	assert_in_range(shown, NEIGH_MAX / 4, NEIGH_MAX);
}

#define NEIGH_TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NEIGH_TEST(test_none_and_empty),
		NEIGH_TEST(test_learnt_and_gone),
		NEIGH_TEST(test_changed),
		NEIGH_TEST(test_shared_mac),
		NEIGH_TEST(test_full),
		NEIGH_TEST(test_special_addresses),
		NEIGH_TEST(test_special_macs),
		NEIGH_TEST(test_macs_behind_guest),
		NEIGH_TEST(test_at_random),
	};

	return cmocka_run_group_tests_name("neigh", tests, NULL, NULL);
}
