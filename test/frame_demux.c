// SPDX-License-Identifier: BSD-3-Clause
/* frame_demux.c - which addresses of the guest are taken, and learned */

#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "addr.h"
#include "demux.h"
#include "flow.h"
#include "guest.h"
#include "stack.h"
#include "udp.h"
#include "udp_ends.h"

/**
 * text_addr() - An address from its text
 * @v:		IP version of the result
 * @v4:		Text if that is V4
 * @v6:		Text if that is V6
 *
 * Return: the address
 */
static struct addr text_addr(enum ipver v, const char *v4, const char *v6)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (v == V4) {
		assert_int_equal(inet_pton(AF_INET, v4, &a4), 1);
		return addr_from_v4(a4);
	}
	assert_int_equal(inet_pton(AF_INET6, v6, &a6), 1);
	return addr_from_v6(&a6);
}

/**
 * send_udp_from() - Have the guest send a datagram to the host's loopback
 * @s:		Stack
 * @src:	Source address
 */
static void send_udp_from(struct stack *s, const struct addr *src)
{
	uint8_t l4[12] = { 0 };
	struct guest_out out = {
		.src = src, .dst = &s->host, .proto = IPPROTO_UDP,
		.l4 = l4, .len = sizeof(l4),
	};

	put16(l4, 4000);
	put16(l4 + 2, 9);
	put16(l4 + 4, sizeof(l4));
	guest_send(s, &out);
	stack_settle(s);
}

/* Scenario 83: what nobody could answer is dropped, and counted */
static void scenario_83_bad_sources(void **state)
{
	static const char *const text[][IPVER_MAX] = {
		{ "127.0.0.1", "::1" }, { "127.9.8.7", "::1" },
		{ "224.0.0.1", "ff02::1" }, { "255.255.255.255", "ff0e::1" },
	};
	struct stack *s = *state;
	struct addr before = s->c.tap.guest_addr[s->v], src;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(text); i++) {
		src = text_addr(s->v, text[i][V4], text[i][V6]);
		send_udp_from(s, &src);
		assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), i + 1);
		assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	}
	assert_true(addr_is_equal(&s->c.tap.guest_addr[s->v], &before));
}

/**
 * send_udp_frame() - Have the guest send a datagram with other MAC addresses
 * @s:		Stack
 * @to:		Destination, NULL for the right one
 * @from:	Source, NULL for the right one
 */
static void send_udp_frame(struct stack *s, const uint8_t *to,
			   const uint8_t *from)
{
	static uint8_t frame[FRAME_LEN_MAX];
	uint8_t l4[12] = { [1] = 99, [3] = 9, [5] = sizeof(l4) };
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .proto = IPPROTO_UDP,
		.l4 = l4, .len = sizeof(l4),
	};
	struct virtio_net_hdr_v1 vnet;
	size_t len = guest_build(s, &out, &vnet, frame);

	if (to)
		memcpy(frame, to, MAC_LEN);
	if (from)
		memcpy(frame + MAC_LEN, from, MAC_LEN);
	assert_true(tap_mem_push(&s->c.tap, &vnet, frame, len));
	stack_settle(s);
}

/* Who can't be answered, and what isn't for us */
static void mac_addresses(void **state)
{
	static const uint8_t group[MAC_LEN] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t all[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t other[MAC_LEN] = { 2, 9, 9, 9, 9, 9 };
	static const uint8_t none[MAC_LEN];
	struct stack *s = *state;
	const uint8_t *bad[] = { group, all, none, s->c.tap.our_mac };
	uint8_t before[MAC_LEN];
	unsigned i;

	memcpy(before, s->c.tap.guest_mac, MAC_LEN);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		send_udp_frame(s, NULL, bad[i]);
		assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), i + 1);
	}
	send_udp_frame(s, other, NULL);
	send_udp_frame(s, none, NULL);
	assert_int_equal(stack_stat(s, STAT_NOT_OURS), 2);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	assert_memory_equal(s->c.tap.guest_mac, before, MAC_LEN);

	/* A guest that changes its address, or has others behind a bridge */
	send_udp_frame(s, group, other);
	assert_memory_equal(s->c.tap.guest_mac, other, MAC_LEN);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), 4);
}

/* The one it is for can't be the one it is from: LAND */
static void own_destination_as_source(void **state)
{
	struct stack *s = *state;

	send_udp_from(s, &s->host);
	assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), 1);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
}

/* Without an address, a guest may only ask for one */
static void unspecified_source(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_ICMP };
	struct stack *s = *state;
	struct addr none = addr_any[s->v];
	/* A SYN, or an echo request */
	uint8_t l4[20] = { 8, [3] = 9, [12] = 0x50, [13] = 2 };
	struct guest_out out = {
		.src = &none, .dst = &s->host, .l4 = l4, .len = sizeof(l4),
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		out.proto = protos[i];
		if (s->v == V6 && out.proto == IPPROTO_ICMP) {
			out.proto = IPPROTO_ICMPV6;
			l4[0] = 128;
		}
		guest_send(s, &out);
		stack_settle(s);
		assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), i + 1);
	}
	assert_int_equal(stack_stat(s, STAT_FLOW_OPENED), 0);
	send_udp_from(s, &none);
	assert_int_equal(stack_stat(s, STAT_FLOW_OPENED), s->v == V4);
	assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), 2 + (s->v == V6));
}

/* Scenario 47: not yet having an address is no address */
static void scenario_47_unspecified_not_learned(void **state)
{
	struct stack *s = *state;
	struct addr src = text_addr(s->v, "192.0.2.77", "2001:db8::77"), none;

	none = addr_any[s->v];
	send_udp_from(s, &src);
	assert_true(addr_is_equal(&s->c.tap.guest_addr[s->v], &src));
	send_udp_from(s, &none);
	assert_true(addr_is_equal(&s->c.tap.guest_addr[s->v], &src));
}

/* A link-local address is learned beside the global one */
static void link_local_learned_apart(void **state)
{
	struct stack *s = *state;
	struct addr global = text_addr(s->v, "192.0.2.77", "2001:db8::77");
	struct addr ll = text_addr(s->v, "169.254.7.7", "fe80::77");

	send_udp_from(s, &global);
	send_udp_from(s, &ll);
	assert_true(addr_is_equal(&s->c.tap.guest_ll, &ll));
	assert_true(addr_is_equal(&s->c.tap.guest_addr[s->v], &global));
}

/* Only a global address tells where the guest can be reached */
static void seen_by_a_global_address(void **state)
{
	struct stack *s = *state;
	struct addr none = addr_any[s->v];
	struct addr ll = text_addr(s->v, "0.0.0.0", "fe80::77");

	send_udp_from(s, &none);
	send_udp_from(s, &ll);
	assert_false(s->c.tap.guest_seen[V4]);
	assert_false(s->c.tap.guest_seen[V6]);
	send_udp_from(s, &s->guest);
	assert_true(s->c.tap.guest_seen[s->v]);
	assert_false(s->c.tap.guest_seen[s->v == V4 ? V6 : V4]);
}

/**
 * again() - Have a datagram handled that has waited
 * @s:		Stack
 * @src:	Source address
 * @dst_mac:	Destination
 * @src_mac:	Source
 * @is_frag:	Make a fragment of it
 *
 * Return: flows there are afterwards
 */
static uint32_t again(struct stack *s, const struct addr *src,
		      const uint8_t *dst_mac, const uint8_t *src_mac,
		      bool is_frag)
{
	static uint8_t data[FRAME_LEN_MAX];
	/* Fragment header, of use to IPv6 only, and the datagram */
	uint8_t l4[] = { IPPROTO_UDP, [3] = 8, [8] = 9, [11] = 9, [13] = 12,
			 [19] = 0 };
	size_t skip = s->v == V6 && is_frag ? 0 : 8;
	struct guest_out out = {
		.src = src, .dst = &s->host, .l4 = l4 + skip,
		.len = sizeof(l4) - skip,
		.proto = skip ? IPPROTO_UDP : IPPROTO_FRAGMENT,
	};
	struct frame f = { .iov = { { data, 0 } }, .iov_cnt = 1 };

	f.len = f.iov[0].iov_len = guest_build(s, &out, &f.vnet, data);
	memcpy(data, dst_mac, MAC_LEN);
	memcpy(data + MAC_LEN, src_mac, MAC_LEN);
	if (s->v == V4 && is_frag) {
		uint8_t *ip = data + ETH_HLEN;

		ip[7] = 1;
		put16(ip + 10, 0);
		put16(ip + 10, guest_csum(0, ip, IPV4_HLEN));
	}
	f.vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	demux_again(&s->c, &f);
	udp_end_batch(&s->c);
	return flow_count(s->c.flows, FLOW_UDP);
}

/* Memory of a machine may change after a look at it, before it is copied */
static void changed_before_it_waited(void **state)
{
	struct stack *s = *state;
	struct addr lo = text_addr(s->v, "127.0.0.1", "::1"), *good = &s->guest;
	uint8_t ours[MAC_LEN], guest[MAC_LEN];
	const uint8_t other[MAC_LEN] = { 2, 9, 9, 9, 9, 9 };

	memcpy(ours, s->c.tap.our_mac, MAC_LEN);
	memcpy(guest, s->c.tap.guest_mac, MAC_LEN);
	assert_int_equal(again(s, &lo, ours, guest, false), 0);
	assert_int_equal(again(s, &s->host, ours, guest, false), 0);
	assert_int_equal(again(s, good, ours, ours, false), 0);
	assert_int_equal(stack_stat(s, STAT_BAD_SOURCE), 3);
	assert_int_equal(again(s, good, other, guest, false), 0);
	assert_int_equal(stack_stat(s, STAT_NOT_OURS), 1);
	assert_int_equal(again(s, good, ours, guest, true), 0);
	assert_int_equal(stack_stat(s, STAT_FRAG_LOST), 1);
	assert_int_equal(again(s, good, ours, guest, false), 1);
}

#define DEMUX_TEST(f, var)						\
	{ #f " " #var, (f), stack_setup, udp_teardown,			\
	  (void *)(uintptr_t)&(stack_##var) }

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEMUX_TEST(scenario_83_bad_sources, v4),
		DEMUX_TEST(scenario_83_bad_sources, v6),
		DEMUX_TEST(mac_addresses, v4),
		DEMUX_TEST(mac_addresses, v6),
		DEMUX_TEST(own_destination_as_source, v4),
		DEMUX_TEST(own_destination_as_source, v6),
		DEMUX_TEST(unspecified_source, v4),
		DEMUX_TEST(unspecified_source, v6),
		DEMUX_TEST(scenario_47_unspecified_not_learned, v4),
		DEMUX_TEST(scenario_47_unspecified_not_learned, v6),
		DEMUX_TEST(link_local_learned_apart, v6),
		DEMUX_TEST(seen_by_a_global_address, v4),
		DEMUX_TEST(seen_by_a_global_address, v6),
		DEMUX_TEST(changed_before_it_waited, v4),
		DEMUX_TEST(changed_before_it_waited, v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
