// SPDX-License-Identifier: BSD-3-Clause
/* frame_udp_in.c - UDP from clients of the host to the guest, and back */

#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "fd_count.h"
#include "flow.h"
#include "guest.h"
#include "own_netns.h"
#include "ports.h"
#include "text_addr.h"
#include "udp.h"
#include "udp_ends.h"
#include "udp_flow.h"

#define PORT			5000	/* Of the host */
#define TO_PORT			6000	/* Of the guest */

/**
 * client_new() - Socket of a client, at udp_remote()
 * @s:		Stack
 * @port:	Set to its port
 *
 * Return: descriptor
 */
static int client_new(const struct stack *s, uint16_t *port)
{
	struct addr a = udp_remote(s);

	*port = 0;
	return host_bind_udp(&a, port);
}

/**
 * forward() - Forward a port of the host to the guest
 * @s:		Stack
 */
static void forward(struct stack *s)
{
	struct fwd_rule rule = ports_rule(IPPROTO_UDP, PORT, TO_PORT);

	ports_add(s, &rule);
}

/**
 * expect_from() - The guest must get a datagram at the port forwarded to
 * @s:		Stack
 * @src:	From this address
 * @off:	Its data is this part of udp_data[]
 * @len:	Its length
 *
 * Return: source port
 */
static uint16_t expect_from(struct stack *s, const struct addr *src,
			    size_t off, size_t len)
{
	struct guest_in in;

	guest_expect_udp(s, &in, off, len);
	assert_true(addr_is_equal(&in.src, src));
	assert_true(addr_is_equal(&in.dst, &s->guest));
	assert_int_equal(get16(in.l4 + 2), TO_PORT);
	return get16(in.l4);
}

/**
 * answer() - Have the guest answer from the port forwarded to
 * @s:		Stack
 * @dst:	Client
 * @port:	Its port
 * @off:	Part of udp_data[]
 * @len:	Its length
 */
static void answer(struct stack *s, const struct addr *dst, uint16_t port,
		   size_t off, size_t len)
{
	struct dgram d = {
		.dst = *dst, .dst_port = port, .src_port = TO_PORT,
		.off = off, .len = len,
	};

	guest_send_dgram(s, &d);
}

/**
 * client_begin() - Have a client's first datagram reach the guest
 * @s:		Stack
 * @port:	Set to the client's port
 *
 * Return: the client's descriptor
 */
static int client_begin(struct stack *s, uint16_t *port)
{
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	int fd;

	forward(s);
	fd = client_new(s, port);
	client_send(fd, &to, PORT, 0, 10);
	assert_int_equal(expect_from(s, &a, 0, 10), *port);
	return fd;
}

/* The guest has an address of its own choice, which we hear of late */
static void guessed_address_is_given_up(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), b = text_addr(udp_other_text[s->v]);
	uint16_t port;
	int fd = client_begin(s, &port);

	guest_moves(s, 0x77);
	client_send(fd, &b, PORT, 1, 10);
	assert_int_equal(expect_from(s, &a, 1, 10), port);
	answer(s, &a, port, 2, 10);
	client_expect(s, fd, &b, PORT, 2, 10);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	close(fd);
}

/* Who has answered stays the one that is spoken to */
static void answering_address_is_kept(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), b = text_addr(udp_other_text[s->v]);
	struct addr before = s->guest;
	uint16_t port;
	int fd = client_begin(s, &port);

	answer(s, &a, port, 1, 10);
	client_expect(s, fd, &b, PORT, 1, 10);
	guest_moves(s, 0x77);
	s->guest = before;
	client_send(fd, &b, PORT, 2, 10);
	assert_int_equal(expect_from(s, &a, 2, 10), port);
	close(fd);
}

/* scenario 34: answers come from the port contacted; scenario 33 */
static void clients_both_ways(void **state)
{
	static const size_t size[] = { 10, 0, 1, 1000, 0, 1200 };
	struct stack *s = *state;
	struct addr a = udp_remote(s), b = text_addr(udp_other_text[s->v]);
	uint16_t port;
	unsigned i;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		client_send(fd, &b, PORT, i, size[i]);
		assert_int_equal(expect_from(s, &a, i, size[i]), port);
		answer(s, &a, port, i + 7, size[i]);
		client_expect(s, fd, &b, PORT, i + 7, size[i]);
	}
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);

	guest_expect_nothing(s);
	client_expect_nothing(s, fd);
	close(fd);
}

/* scenario 35: a batch with several sources keeps each, and the order */
static void batch_sources(void **state)
{
	struct stack *s = *state;
	struct addr a[3], to = text_addr(udp_other_text[s->v]);
	uint16_t port[3];
	int fd[3], i;

	forward(s);
	for (i = 0; i < 3; i++) {
		a[i] = udp_remote(s);
		fd[i] = client_new(s, &port[i]);
	}
	for (i = 0; i < 90; i++)
		client_send(fd[i / 2 % 3], &to, PORT, (size_t)i, 100);
	for (i = 0; i < 90; i++)
		assert_int_equal(expect_from(s, &a[i / 2 % 3], (size_t)i, 100),
				 port[i / 2 % 3]);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 3);

	for (i = 0; i < 90; i++)
		answer(s, &a[i % 3], port[i % 3], (size_t)i, 50);
	for (i = 0; i < 90; i++)
		client_expect(s, fd[i % 3], &to, PORT, (size_t)i, 50);
	for (i = 0; i < 3; i++) {
		client_expect_nothing(s, fd[i]);
		close(fd[i]);
	}
}

/* scenario 38: the answer comes from the address contacted, for each of them */
static void contacted_address(void **state)
{
	static const char *const own0[] = { "198.51.100.3", "2001:db8:1::3" };
	struct stack *s = *state;
	const char *to_text[] = {
		udp_other_text[s->v], udp_remote_text[s->v], own0[s->v],
	};
	struct addr a = udp_remote(s), to[3];
	uint16_t port, seen[3];
	int fd, i, count = udp_link ? 3 : 2;

	forward(s);
	fd = client_new(s, &port);
	for (i = 0; i < count; i++) {
		to[i] = text_addr(to_text[i]);
		client_send(fd, &to[i], PORT, (size_t)i, 10);
	}
	for (i = 0; i < count; i++)
		seen[i] = expect_from(s, &a, (size_t)i, 10);
	/* They are told apart by the port that the guest sees */
	assert_int_equal(seen[0], port);
	assert_int_not_equal(seen[1], port);
	for (i = count - 1; i >= 0; i--) {
		answer(s, &a, seen[i], (size_t)i, 20);
		client_expect(s, fd, &to[i], PORT, (size_t)i, 20);
	}
	close(fd);
}

/* scenario 34: two ports that lead to the same one */
static void two_ports(void **state)
{
	struct fwd_rule rule = ports_rule(IPPROTO_UDP, PORT + 1, TO_PORT);
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port, seen[2];
	int fd;

	forward(s);
	ports_add(s, &rule);
	fd = client_new(s, &port);
	client_send(fd, &to, PORT, 1, 10);
	seen[0] = expect_from(s, &a, 1, 10);
	client_send(fd, &to, PORT + 1, 2, 10);
	seen[1] = expect_from(s, &a, 2, 10);
	assert_int_equal(seen[0], port);
	assert_int_not_equal(seen[1], port);
	answer(s, &a, seen[1], 3, 10);
	client_expect(s, fd, &to, PORT + 1, 3, 10);
	answer(s, &a, seen[0], 4, 10);
	client_expect(s, fd, &to, PORT, 4, 10);
	close(fd);
}

/* Clients that have the same address and port once translated */
static void translated_collide(void **state)
{
	static const char *const from[] = { "127.0.0.1", "127.0.0.5" };
	struct stack *s = *state;
	struct addr to = addr_loopback[V4];
	uint16_t port = 0, seen[2];
	int fd[2], i;

	forward(s);
	for (i = 0; i < 2; i++) {
		struct addr a = text_addr(from[i]);

		fd[i] = host_bind_udp(&a, &port);
		client_send(fd[i], &to, PORT, (size_t)i, 10);
		seen[i] = expect_from(s, &s->host, (size_t)i, 10);
	}
	assert_int_equal(seen[0], port);
	assert_int_not_equal(seen[1], port);
	for (i = 0; i < 2; i++) {
		answer(s, &s->host, seen[i], (size_t)i, 20);
		client_expect(s, fd[i], &to, PORT, (size_t)i, 20);
		close(fd[i]);
	}
}

/* A rule for one address, and what can't go anywhere */
static void one_address(void **state)
{
	struct fwd_rule rule = ports_rule(IPPROTO_UDP, PORT, TO_PORT);
	struct stack *s = *state;
	struct addr a = udp_remote(s);
	uint16_t port;
	int fd;

	rule.listen = text_addr(udp_other_text[s->v]);
	ports_add(s, &rule);
	fd = client_new(s, &port);
	client_send(fd, &rule.listen, PORT, 0, 10);
	assert_int_equal(expect_from(s, &a, 0, 10), port);
	answer(s, &a, port, 5, 10);
	client_expect(s, fd, &rule.listen, PORT, 5, 10);
	client_send(fd, &a, PORT, 0, 10);
	guest_expect_nothing(s);

	/* What has nowhere to go makes no flow */
	s->c.conf.ip[s->v].enabled = false;
	close(fd);
	fd = client_new(s, &port);
	client_send(fd, &rule.listen, PORT, 0, 10);
	client_send(fd, &rule.listen, PORT, 0, 10);
	guest_expect_nothing(s);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 2);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	close(fd);
}

/* The longest datagrams, and those around the MTU, in fragments if need be */
static void longest(void **state)
{
	struct stack *s = *state;
	size_t max = s->v == V4 ? 65507 : 65527, len;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	struct dgram d = { .dst = a, .src_port = TO_PORT };
	uint16_t port;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	d.dst_port = port;
	for (len = max; len > max - 3; len--) {
		client_send(fd, &to, PORT, 0, len);
		guest_expect_fragmented(s, len);
		d.len = len;
		guest_send_fragmented(s, &d);
		client_expect(s, fd, &to, PORT, 0, len);
	}
	for (len = s->c.tap.mtu - 60; len < s->c.tap.mtu - 20; len++) {
		client_send(fd, &to, PORT, 0, len);
		guest_expect_fragmented(s, len);
	}
	guest_expect_nothing(s);
	close(fd);
}

/* Joined datagrams go through as such, or are cut as they were */
static void gso(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	unsigned frames;
	uint16_t port;
	size_t off;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 1000);
	client_send(fd, &to, PORT, 0, 10300);
	frames = guest_collect(s, 1000, 10300);
	assert_int_equal(frames, s->var->offload ? 1 : 11);

	if (s->c.tap.mtu < 2000) {
		host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 2000);
		client_send(fd, &to, PORT, 0, 4000);
		guest_expect_fragmented(s, 2000);
		stack_settle(s);
		while (tap_mem_pending(&s->c.tap))
			assert_true(guest_recv(s, &(struct guest_in){ 0 }));
	}

	/* The other way: many in a batch, of several sizes */
	for (off = 0; off < 60; off++)
		answer(s, &a, port, off, off % 7 ? 1000 : 400);
	for (off = 0; off < 60; off++)
		client_expect(s, fd, &to, PORT, off, off % 7 ? 1000 : 400);
	client_expect_nothing(s, fd);
	close(fd);
}

/* As the kernel can't cut datagrams beyond the MTU */
static void gso_beyond_mtu(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	unsigned round;
	uint16_t port;
	size_t i;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	client_send(fd, &to, PORT, 0, 10);
	expect_from(s, &a, 0, 10);
	own_netns_set_mtu(1280);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 6; i++)
			answer(s, &a, port, i, 1350);
		for (i = 0; i < 6; i++)
			client_expect(s, fd, &to, PORT, i, 1350);
	}
	own_netns_set_mtu(65536);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 0);
	close(fd);
}

/* Two clients of one socket don't get each other's TTL and TOS */
static void ttl_and_tos(void **state)
{
	static const struct { uint8_t ttl, tos; } hop[] = {
		{ 1, 0 }, { 255, 0xb9 }, { 64, 2 }, { 64, 0 },
	};
	struct stack *s = *state;
	struct dgram d = { .dst = udp_remote(s), .src_port = TO_PORT };
	struct addr to = text_addr(udp_other_text[s->v]);
	int fd[2], ttl, tos;
	uint16_t port[2];
	struct guest_in in;
	unsigned i;

	forward(s);
	for (i = 0; i < 2; i++) {
		fd[i] = client_new(s, &port[i]);
		host_set_int(fd[i], s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
			     s->v == V4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
		host_set_int(fd[i], s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
			     s->v == V4 ? IP_RECVTOS : IPV6_RECVTCLASS, 1);
		host_set_int(fd[i], s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
			     s->v == V4 ? IP_TOS : IPV6_TCLASS, i ? 0xb9 : 2);
		client_send(fd[i], &to, PORT, i, 10);
		guest_expect_udp(s, &in, i, 10);
		assert_int_equal(in.tos, i ? 0xb9 : 2);
	}
	for (i = 0; i < 2 * ARRAY_SIZE(hop); i++) {
		d.dst_port = port[i % 2];
		d.len = 20;
		d.ttl = hop[i / 2].ttl;
		d.tos = hop[(i / 2 + i) % ARRAY_SIZE(hop)].tos;
		guest_send_dgram(s, &d);
	}
	for (i = 0; i < 2 * ARRAY_SIZE(hop); i++) {
		host_recv_hop(s, fd[i % 2], &ttl, &tos);
		assert_int_equal(ttl, hop[i / 2].ttl);
		assert_int_equal(tos, hop[(i / 2 + i) % ARRAY_SIZE(hop)].tos);
	}
	close(fd[0]);
	close(fd[1]);
}

/* scenario 37: a client that is gone is told to the guest, and to it only */
static void client_gone(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port, port_gone;
	unsigned i, events;
	struct guest_in in;
	int fd, gone;

	forward(s);
	fd = client_new(s, &port);
	gone = client_new(s, &port_gone);
	client_send(fd, &to, PORT, 0, 10);
	client_send(gone, &to, PORT, 0, 10);
	expect_from(s, &a, 0, 10);
	expect_from(s, &a, 0, 10);
	close(gone);

	answer(s, &a, port_gone, 0, 30);
	assert_true(guest_wait(s, &in));
	assert_int_equal(in.proto,
			 s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	assert_int_equal(in.l4[0], s->v == V4 ? 3 : 1);
	assert_int_equal(in.l4[1], s->v == V4 ? 3 : 4);
	assert_true(addr_is_equal(&in.src, &a));
	/* Ports of the datagram that the error is about */
	i = 8 + (s->v == V4 ? IPV4_HLEN : IPV6_HLEN);
	assert_int_equal(get16(in.l4 + i), TO_PORT);
	assert_int_equal(get16(in.l4 + i + 2), port_gone);

	/* An error makes no event after the next, and loses nothing */
	events = s->events;
	stack_settle(s);
	assert_int_equal(s->events, events);
	for (i = 0; i < 20; i++) {
		answer(s, &a, port_gone, i, 30);
		answer(s, &a, port, i, 40);
	}
	for (i = 0; i < 20; i++)
		client_expect(s, fd, &to, PORT, i, 40);
	client_expect_nothing(s, fd);
	while (tap_mem_pending(&s->c.tap)) {
		assert_true(guest_recv(s, &in));
		assert_int_not_equal(in.proto, IPPROTO_UDP);
	}
	client_send(fd, &to, PORT, 3, 10);
	assert_int_equal(expect_from(s, &a, 3, 10), port);
	close(fd);
}

/* RFC 4787, REQ-5 and REQ-6 */
static void timeouts(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	client_send(fd, &to, PORT, 0, 10);
	expect_from(s, &a, 0, 10);
	stack_advance(s, UDP_ONEWAY_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);

	client_send(fd, &to, PORT, 0, 10);
	expect_from(s, &a, 0, 10);
	answer(s, &a, port, 0, 10);
	client_expect(s, fd, &to, PORT, 0, 10);
	stack_advance(s, UDP_REPLIED_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	/* The client's use extends it, and it stays a flow with answers */
	client_send(fd, &to, PORT, 0, 10);
	expect_from(s, &a, 0, 10);
	stack_advance(s, UDP_REPLIED_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	close(fd);
}

/* A rule that is removed takes its flows with it, and nobody else's, such as
 * those of a descriptor that is in the same bucket
 */
static void listener_closed(void **state)
{
	struct fwd_rule rule = ports_rule(IPPROTO_UDP, PORT, TO_PORT);
	struct fwd_rule other = ports_rule(IPPROTO_UDP, PORT + 1, TO_PORT + 1);
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port, again = PORT;
	unsigned fds = fd_count(), i;
	struct guest_in in;
	int fd[4], server;

	ports_add(s, &rule);
	ports_add(s, &other);
	if (!ports_move(s, PORT + 1, (int)UDP_VIA_BUCKETS - 1))
		skip();
	for (i = 0; i < 4; i++) {
		fd[i] = client_new(s, &port);
		client_send(fd[i], &to, i == 1 ? PORT + 1 : PORT, 0, 10);
		guest_expect_udp(s, &in, 0, 10);
	}
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 4);
	ports_remove(s, &rule);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	/* The one listener left, and the clients */
	assert_int_equal(fd_count(), fds + 1 + 4);

	/* The port is free, and what the guest answers isn't sent from it */
	server = host_bind_udp(&addr_any[s->v], &again);
	answer(s, &a, port, 0, 10);
	assert_int_not_equal(host_expect_udp(s, fd[3], 0, 10), PORT);
	client_send(fd[3], &to, PORT, 0, 10);
	guest_expect_nothing(s);
	client_expect(s, server, &a, port, 0, 10);

	client_send(fd[1], &to, PORT + 1, 0, 20);
	guest_expect_udp(s, &in, 0, 20);
	for (i = 0; i < 4; i++)
		close(fd[i]);
	close(server);
}

/* Nothing is sent by a descriptor that isn't the listener's any more */
static void listener_changed(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port;
	int fd = client_begin(s, &port);

	assert_true(ports_move(s, PORT, 10));
	client_send(fd, &to, PORT, 0, 10);
	assert_int_equal(expect_from(s, &a, 0, 10), port);
	answer(s, &a, port, 0, 20);
	client_expect(s, fd, &to, PORT, 0, 20);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	close(fd);
}

/* A client the guest has contacted before comes by the port contacted */
static void begun_by_both(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port, our;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	answer(s, &a, port, 0, 10);
	our = host_expect_udp(s, fd, 0, 10);
	host_reply_udp(s, fd, our, 0, 20);
	assert_int_equal(expect_from(s, &a, 0, 20), port);

	client_send(fd, &to, PORT, 0, 30);
	assert_int_equal(expect_from(s, &a, 0, 30), port);
	answer(s, &a, port, 1, 10);
	client_expect(s, fd, &to, PORT, 1, 10);
	close(fd);
}

/* Without room to the guest, datagrams are lost that were read together, those
 * that come after that wait in the socket, and nothing spins (scenario 42)
 */
static void no_room(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), to = text_addr(udp_other_text[s->v]);
	uint16_t port;
	unsigned i;
	int fd;

	forward(s);
	fd = client_new(s, &port);
	tap_mem_set_room(&s->c.tap, 3);
	for (i = 0; i < 10; i++)
		client_send(fd, &to, PORT, i, 100);
	for (i = 0; i < 3; i++)
		expect_from(s, &a, i, 100);
	guest_expect_nothing(s);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 7);
	for (i = 10; i < 20; i++)
		client_send(fd, &to, PORT, i, 100);
	guest_expect_nothing(s);
	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	for (i = 10; i < 20; i++)
		expect_from(s, &a, i, 100);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 7);
	client_send(fd, &to, PORT, 0, 100);
	expect_from(s, &a, 0, 100);
	close(fd);
}

/* scenario 43: more clients than the table holds; the oldest ones go */
static void churn(void **state)
{
	struct stack *s = *state;
	struct addr to = text_addr(udp_other_text[s->v]);
	struct guest_in in;
	uint16_t port;
	unsigned i;
	int fd;

	forward(s);
	for (i = 0; i < 3 * STACK_FLOWS; i++) {
		fd = client_new(s, &port);
		client_send(fd, &to, PORT, 0, 10);
		guest_expect_udp(s, &in, 0, 10);
		close(fd);
	}
	assert_true(flow_count(s->c.flows, FLOW_UDP) <= STACK_FLOWS);
	assert_true(flow_count(s->c.flows, FLOW_UDP) > STACK_FLOWS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORTS_TESTS(guessed_address_is_given_up),
		PORTS_TESTS(answering_address_is_kept),
		PORTS_TESTS(clients_both_ways),
		PORTS_TESTS(batch_sources),
		PORTS_TESTS(contacted_address),
		PORTS_TEST(two_ports, v4),
		PORTS_TEST(two_ports, v6),
		PORTS_TEST(translated_collide, v4),
		PORTS_TEST(one_address, v4),
		PORTS_TEST(one_address, v6),
		PORTS_TESTS(longest),
		PORTS_TESTS(gso),
		PORTS_TEST(gso_beyond_mtu, v4),
		PORTS_TEST(gso_beyond_mtu, v6),
		PORTS_TESTS(ttl_and_tos),
		PORTS_TEST(client_gone, v4),
		PORTS_TEST(client_gone, v6),
		PORTS_TEST(timeouts, v4),
		PORTS_TEST(timeouts, v6),
		PORTS_TEST(listener_closed, v4),
		PORTS_TEST(listener_closed, v6),
		PORTS_TEST(listener_changed, v4),
		PORTS_TEST(listener_changed, v6),
		PORTS_TEST(begun_by_both, v4),
		PORTS_TEST(begun_by_both, v6),
		PORTS_TEST(no_room, v4),
		PORTS_TEST(no_room, v6_offload),
		PORTS_TEST(churn, v4),
		PORTS_TEST(churn, v6_offload),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
