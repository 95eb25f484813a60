// SPDX-License-Identifier: BSD-3-Clause
/* frame_neigh.c - neighbours of the host, as the kernel knows them and as the
 *		   guest gets to see them
 *
 * What is said of the MAC address of each frame is checked in guest.c, for
 * frames from @near of struct stack and for all others. The kernel is asked
 * about an interface in a network namespace of our own, whose neighbours are
 * what the test says.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>

#include "flow.h"
#include "guest.h"
#include "guest_tcp.h"
#include "neigh.h"
#include "neigh_watch.h"
#include "netlink.h"
#include "nlmsg.h"
#include "own_netns.h"
#include "text_addr.h"
#include "udp_ends.h"

#define MANY		200	/* Neighbours, more than one event tells of */
#define EVENTS_MAX	100
#define ND_SOLICIT	135	/* RFC 4861, 4.3 */
#define ND_ADVERT	136

static const uint8_t mac1[MAC_LEN] = { 2, 0, 0, 0, 0x58, 1 };
static const uint8_t mac2[MAC_LEN] = { 2, 0, 0, 0, 0x58, 2 };
static const uint8_t mac3[MAC_LEN] = { 2, 0, 0, 0, 0x58, 3 };

/**
 * learn() - Have the host know its neighbour by a MAC address
 * @s:		Stack
 * @mac:	MAC address
 */
static void learn(struct stack *s, const uint8_t *mac)
{
	memcpy(s->near_mac, mac, MAC_LEN);
	assert_true(neigh_learn(s->c.tap.neigh, &s->near, mac));
}

/**
 * neigh_setup() - As stack_setup(), with a neighbour that is known
 * @state:	See there
 *
 * Return: 0
 */
static int neigh_setup(void **state)
{
	struct stack *s;

	stack_setup(state);
	s = *state;
	s->near = udp_remote(s);
	s->c.tap.neigh = neigh_new(&s->c.conf);
	learn(s, mac1);
	return 0;
}

/**
 * neigh_teardown() - As udp_teardown(), or without flows as stack_teardown()
 * @state:	See there
 *
 * Return: 0
 */
static int neigh_teardown(void **state)
{
	struct stack *s = *state;

	if (s->c.neigh_watch) {
		close(neigh_watch_fd(s->c.neigh_watch));
		free(s->c.neigh_watch);
	}
	free(s->c.tap.neigh);
	s->c.tap.neigh = NULL;
	memset(&s->near, 0, sizeof(s->near));
	return s->conn_count ? stack_teardown(state) : udp_teardown(state);
}

/**
 * send_to_mac() - Have the guest send a datagram to a MAC address
 * @s:		Stack
 * @mac:	Destination
 *
 * Return: true if it was taken
 */
static bool send_to_mac(struct stack *s, const uint8_t *mac)
{
	uint64_t before = stack_stat(s, STAT_NOT_OURS);
	static uint8_t frame[FRAME_LEN_MAX];
	uint8_t l4[12] = { [1] = 99, [3] = 9, [5] = sizeof(l4) };
	struct guest_out out = {
		.src = &s->guest, .dst = &s->near, .proto = IPPROTO_UDP,
		.l4 = l4, .len = sizeof(l4),
	};
	struct virtio_net_hdr_v1 vnet;
	struct guest_in in;
	size_t len = guest_build(s, &out, &vnet, frame);

	memcpy(frame, mac, MAC_LEN);
	assert_true(stack_push(s, &vnet, frame, len));
	stack_settle(s);
	/* Nobody listens there */
	while (guest_recv(s, &in))
		assert_true(addr_is_equal(&in.src, &s->near));
	return stack_stat(s, STAT_NOT_OURS) == before;
}

/* The guest sends to who it sees, and to who it saw before */
static void scenario_58_destinations(void **state)
{
	static const uint8_t other[MAC_LEN] = { 2, 9, 9, 9, 9, 9 };
	struct stack *s = *state;

	assert_true(send_to_mac(s, mac1));
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	assert_false(send_to_mac(s, mac2));
	assert_false(send_to_mac(s, other));
	assert_true(send_to_mac(s, s->c.tap.our_mac));
	learn(s, mac2);
	assert_true(send_to_mac(s, mac1));
	assert_true(send_to_mac(s, mac2));
	learn(s, mac3);
	assert_false(send_to_mac(s, mac1));
	neigh_gone(s->c.tap.neigh, &s->near);
	assert_true(send_to_mac(s, mac3));
}

/**
 * expect_answer() - The guest must be told the MAC address of an address
 * @s:		Stack
 * @mac:	MAC address
 */
static void expect_answer(struct stack *s, const uint8_t *mac)
{
	struct guest_in in;

	assert_true(guest_wait(s, &in));
	if (s->v == V4) {
		assert_int_equal(in.ethertype, ETH_P_ARP);
		assert_memory_equal(in.frame + ETH_HLEN + 8, mac, MAC_LEN);
	} else {
		assert_int_equal(in.l4[0], ND_ADVERT);
		assert_int_equal(in.l4_len, 32);
		assert_memory_equal(in.l4 + 26, mac, MAC_LEN);
	}
	guest_expect_nothing(s);
}

/**
 * ask() - Have the guest ask for the MAC address of an address
 * @s:		Stack
 * @a:		Address
 */
static void ask(struct stack *s, const struct addr *a)
{
	/* Up to the operation */
	static const uint8_t arp[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint8_t ns[24] = { ND_SOLICIT }, frame[42] = { 0 };
	struct guest_out out = {
		.src = &s->guest, .dst = a, .proto = IPPROTO_ICMPV6,
		.ttl = 255, .l4 = ns, .len = sizeof(ns),
	};
	struct in_addr from = addr_to_v4(&s->guest), to = addr_to_v4(a);

	if (s->v == V6) {
		memcpy(ns + 8, a, sizeof(*a));
		guest_send(s, &out);
	} else {
		memset(frame, 0xff, MAC_LEN);
		memcpy(frame + 6, s->c.tap.guest_mac, MAC_LEN);
		put16(frame + 12, ETH_P_ARP);
		memcpy(frame + 14, arp, sizeof(arp));
		memcpy(frame + 22, s->c.tap.guest_mac, MAC_LEN);
		memcpy(frame + 28, &from, sizeof(from));
		memcpy(frame + 38, &to, sizeof(to));
		assert_true(stack_push(s, NULL, frame, sizeof(frame)));
	}
	stack_settle(s);
}

static void scenario_58_answers(void **state)
{
	struct stack *s = *state;
	struct addr other = text_addr(udp_other_text[s->v]);

	ask(s, &s->near);
	expect_answer(s, mac1);
	ask(s, &other);
	expect_answer(s, s->c.tap.our_mac);
	ask(s, &s->host);
	expect_answer(s, s->c.tap.our_mac);
	learn(s, mac2);
	ask(s, &s->near);
	expect_answer(s, mac2);
}

/* A guest that has the neighbour's MAC address is shown ours */
static void same_mac(void **state)
{
	struct stack *s = *state;

	memcpy(s->c.tap.guest_mac, mac1, MAC_LEN);
	memcpy(s->c.conf.ns_mac, mac1, MAC_LEN);
	memcpy(s->near_mac, s->c.tap.our_mac, MAC_LEN);
	ask(s, &s->near);
	expect_answer(s, s->c.tap.our_mac);
}

/* Datagrams, whole and in fragments, and answers to pings */
static void scenario_58_datagrams(void **state)
{
	struct stack *s = *state;
	struct addr other = text_addr(udp_other_text[s->v]);
	uint16_t port = 0, flow, other_port = 0, other_flow;
	uint8_t echo[16] = { s->v == V4 ? 8 : 128, [5] = 7 };
	struct guest_out ping = {
		.src = &s->guest, .dst = &s->near, .l4 = echo, .len = 16,
		.proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
	};
	struct guest_in in;
	int fd, other_fd;

	flow = udp_open_flow(s, &s->near, &fd, &port);
	host_reply_udp(s, fd, flow, 0, 100);
	guest_expect_udp(s, &in, 0, 100);
	assert_true(addr_is_equal(&in.src, &s->near));
	other_flow = udp_open_flow(s, &other, &other_fd, &other_port);
	host_reply_udp(s, other_fd, other_flow, 0, 100);
	guest_expect_udp(s, &in, 0, 100);

	host_reply_udp(s, fd, flow, 0, 5000);
	guest_expect_fragmented(s, 5000);
	learn(s, mac2);
	host_reply_udp(s, fd, flow, 0, 300);
	guest_expect_udp(s, &in, 0, 300);

	guest_send(s, &ping);
	assert_true(guest_wait(s, &in));
	assert_int_equal(in.proto, ping.proto);
	assert_true(addr_is_equal(&in.src, &s->near));
	close(fd);
	close(other_fd);
}

static void scenario_58_segments(void **state)
{
	struct stack *s = *state;
	union sockaddr_any sa;
	socklen_t sl = addr_to_sockaddr(&sa, &s->near, 0, 0);
	struct guest_tcp *g;
	struct addr bound;
	uint16_t port;
	int fd, peer;

	fd = socket(addr_family(s->v), SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &sa.sa, sl), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, &sa.sa, &sl), 0);
	assert_true(addr_from_sockaddr(&sa, &bound, &port));

	g = guest_tcp_new(s, port);
	g->dst = s->near;
	peer = guest_tcp_connect(g, fd);
	guest_tcp_download(g, peer, 100000);
	learn(s, mac2);
	guest_tcp_upload(g, peer, 100000);
	guest_tcp_download(g, peer, 100000);
	close(peer);
	close(fd);
}

/**
 * tell_kernel() - Have the kernel know a neighbour, or not
 * @ifindex:	Interface
 * @a:		Address
 * @mac:	Its MAC address, NULL to forget it
 */
static void tell_kernel(unsigned ifindex, const struct addr *a,
			const uint8_t *mac)
{
	struct ndmsg ndm = {
		.ndm_family = (uint8_t)addr_family(addr_version(a)),
		.ndm_ifindex = (int)ifindex, .ndm_state = NUD_PERMANENT,
	};
	int nl = nl_open();
	struct nl_req r;

	assert_true(nl >= 0);
	nl_req_start(&r, mac ? RTM_NEWNEIGH : RTM_DELNEIGH,
		     mac ? NLM_F_CREATE | NLM_F_REPLACE : 0, &ndm,
		     sizeof(ndm));
	nl_req_put_addr(&r, NDA_DST, a);
	if (mac)
		nl_req_put(&r, NDA_LLADDR, mac, MAC_LEN);
	assert_int_equal(nl_request(nl, &r), 0);
	close(nl);
}

/**
 * shows() - Is an address shown to the guest by this MAC address?
 * @s:		Stack
 * @a:		Address
 * @mac:	MAC address
 *
 * Return: true if so
 */
static bool shows(const struct stack *s, const struct addr *a,
		  const uint8_t *mac)
{
	return !memcmp(neigh_mac(&s->c.tap, a), mac, MAC_LEN);
}

/**
 * watch() - Watch the neighbours at the interface, there being no guest yet
 * @s:		Stack
 *
 * Return: false if there is no such interface
 */
static bool watch(struct stack *s)
{
	if (!udp_link) {
		puts("skipped: no interface to be had");
		return false;
	}
	s->near = text_addr(s->v == V4 ? "198.51.100.58" : "2001:db8:1::58");
	s->c.conf.ip[V4].template_index = udp_link;
	s->c.conf.ip[V6].template_index = udp_link;
	s->c.tap.ready = false;
	neigh_watch_init(&s->c);
	s->c.tap.ready = true;
	return true;
}

/* What it knows at first, and what changes */
static void scenario_58_kernel(void **state)
{
	struct stack *s = *state;
	struct addr second;

	s->near = text_addr(s->v == V4 ? "198.51.100.58" : "2001:db8:1::58");
	second = s->near;
	second.a6.s6_addr[15]++;
	if (udp_link)
		tell_kernel(udp_link, &s->near, mac1);
	if (!watch(s))
		return;
	assert_true(shows(s, &s->near, mac1));
	guest_expect_nothing(s);

	memcpy(s->near_mac, mac2, MAC_LEN);
	tell_kernel(udp_link, &s->near, mac2);
	tell_kernel(udp_link, &s->near, mac2);
	neigh_watch_event(&s->c);
	assert_true(shows(s, &s->near, mac2));
	expect_answer(s, mac2);

	tell_kernel(udp_link, &s->near, NULL);
	tell_kernel(if_nametoindex("own1"), &second, mac1);
	neigh_watch_event(&s->c);
	assert_true(shows(s, &s->near, mac2));
	assert_true(shows(s, &second, s->c.tap.our_mac));
	guest_expect_nothing(s);

	/* The guest is gone */
	s->c.tap.ready = false;
	tell_kernel(udp_link, &s->near, mac1);
	neigh_watch_event(&s->c);
	assert_true(shows(s, &s->near, mac1));
	guest_expect_nothing(s);
	tell_kernel(udp_link, &s->near, NULL);
	tell_kernel(if_nametoindex("own1"), &second, NULL);
}

/**
 * tell_many() - Have the kernel know many neighbours, or none of them
 * @s:		Stack
 * @mac:	MAC address of all, NULL to forget them
 */
static void tell_many(struct stack *s, const uint8_t *mac)
{
	struct addr a = s->near;
	unsigned i;

	for (i = 0; i < MANY; i++) {
		a.a6.s6_addr[15] = (uint8_t)(i + 10);
		tell_kernel(udp_link, &a, mac);
	}
}

/**
 * count_shown() - How many of them the guest is shown, each announced once
 * @s:		Stack
 * @mac:	MAC address of all
 * @told:	Frames that told of them before, added to
 *
 * Return: how many
 */
static unsigned count_shown(struct stack *s, const uint8_t *mac, unsigned *told)
{
	struct tap_mem_frame f;
	struct addr a = s->near;
	unsigned i, shown = 0;

	for (i = 0; i < MANY; i++) {
		a.a6.s6_addr[15] = (uint8_t)(i + 10);
		shown += shows(s, &a, mac);
	}
	while (stack_pop(s, &f))
		(*told)++;
	assert_int_equal(*told, shown);
	return shown;
}

/* An event is bounded, and what it leaves behind comes with the next ones */
static void bounded_event(void **state)
{
	struct stack *s = *state;
	unsigned i, told = 0, shown;

	if (!watch(s))
		return;
	tell_many(s, mac1);
	neigh_watch_event(&s->c);
	shown = count_shown(s, mac1, &told);
	assert_in_range(shown, 1, MANY - 1);
	for (i = 0; i < EVENTS_MAX && shown < MANY; i++) {
		neigh_watch_event(&s->c);
		shown = count_shown(s, mac1, &told);
	}
	assert_int_equal(shown, MANY);
	tell_many(s, NULL);
}

/* What the kernel had no room to tell is asked for */
static void overrun(void **state)
{
	struct stack *s = *state;
	unsigned i, told = 0, shown = 0;

	if (!watch(s))
		return;
	host_set_int(neigh_watch_fd(s->c.neigh_watch), SOL_SOCKET, SO_RCVBUF,
		     1);
	tell_many(s, mac1);
	for (i = 0; i < EVENTS_MAX && shown < MANY; i++) {
		neigh_watch_event(&s->c);
		shown = count_shown(s, mac1, &told);
	}
	assert_int_equal(shown, MANY);
	tell_many(s, NULL);

	/* And all is as before */
	neigh_watch_event(&s->c);
	memcpy(s->near_mac, mac2, MAC_LEN);
	tell_kernel(udp_link, &s->near, mac2);
	for (i = 0; i < EVENTS_MAX; i++)
		neigh_watch_event(&s->c);
	expect_answer(s, mac2);
	tell_kernel(udp_link, &s->near, NULL);
}

/* Nothing is opened where nothing is to be seen */
static void not_watched(void **state)
{
	struct stack *s = *state;
	struct conf *conf = &s->c.conf;
	unsigned i;

	for (i = 0; i < 3; i++) {
		conf->ip[V4].template_index = i ? 1 : 0;
		conf->our_mac_given = i == 1;
		conf->splice_only = i == 2;
		neigh_watch_init(&s->c);
		assert_null(s->c.neigh_watch);
		assert_null(s->c.tap.neigh);
	}
}

/* --no-ndp: the guest couldn't be told of them */
static void no_ndp(void **state)
{
	struct stack *s = *state;

	s->c.conf.no_ndp = true;
	if (!watch(s))
		return;
	tell_kernel(udp_link, &s->near, mac1);
	neigh_watch_event(&s->c);
	guest_expect_nothing(s);
	assert_true(shows(s, &s->near, s->c.tap.our_mac));
	tell_kernel(udp_link, &s->near, NULL);
}

#define NEIGH_TEST(f, var)						\
	{ #f " " #var, (f), neigh_setup, neigh_teardown,		\
	  (void *)(uintptr_t)&(stack_##var) }

#define WATCH_TEST(f, var)						\
	{ #f " " #var, (f), stack_setup, neigh_teardown,		\
	  (void *)(uintptr_t)&(stack_##var) }

int main(void)
{
	const struct CMUnitTest tests[] = {
		NEIGH_TEST(scenario_58_destinations, v4),
		NEIGH_TEST(scenario_58_destinations, v6),
		NEIGH_TEST(scenario_58_answers, v4),
		NEIGH_TEST(scenario_58_answers, v6),
		NEIGH_TEST(same_mac, v4),
		NEIGH_TEST(same_mac, v6),
		NEIGH_TEST(scenario_58_datagrams, v4),
		NEIGH_TEST(scenario_58_datagrams, v6),
		NEIGH_TEST(scenario_58_segments, v4),
		NEIGH_TEST(scenario_58_segments, v6),
		NEIGH_TEST(scenario_58_segments, v4_offload),
		NEIGH_TEST(scenario_58_segments, v6_bytes),
		WATCH_TEST(scenario_58_kernel, v4),
		WATCH_TEST(scenario_58_kernel, v6),
		WATCH_TEST(bounded_event, v4),
		WATCH_TEST(bounded_event, v6),
		WATCH_TEST(overrun, v4),
		WATCH_TEST(overrun, v6),
		WATCH_TEST(not_watched, v4),
		WATCH_TEST(no_ndp, v6),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
