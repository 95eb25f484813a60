// SPDX-License-Identifier: BSD-3-Clause
/* frame_udp_flow.c - life of UDP flows, and those to groups and broadcast
 *
 * Time is the fake clock of the stack.
 */

#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fd_count.h"
#include "flow.h"
#include "guest.h"
#include "own_netns.h"
#include "text_addr.h"
#include "udp.h"
#include "udp_ends.h"
#include "udp_flow.h"

/**
 * join_group() - Socket of a host that is in a multicast group
 * @s:		Stack
 * @port:	Port to bind, set
 *
 * Return: descriptor
 */
static int join_group(struct stack *s, uint16_t *port)
{
	struct addr group = text_addr(udp_group_text[s->v]);
	int fd = host_bind_udp(&addr_any[s->v], port);
	struct ipv6_mreq mreq6 = {
		.ipv6mr_multiaddr = group.a6, .ipv6mr_interface = udp_link,
	};
	struct ip_mreqn mreq = {
		.imr_multiaddr = addr_to_v4(&group),
		.imr_ifindex = udp_link,
	};
	int rc;

	if (s->v == V4)
		rc = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq,
				sizeof(mreq));
	else
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq6,
				sizeof(mreq6));
	assert_int_equal(rc, 0);
	return fd;
}

/* scenario 36: SSDP; answers keep the address of who answers */
static void multicast(void **state)
{
	struct stack *s = *state;
	struct dgram d = {
		.dst = text_addr(udp_group_text[s->v]), .len = 100, .ttl = 2,
	};
	struct addr a = udp_remote(s);
	uint16_t port = 0, port_a = 0, our;
	struct guest_in in;
	int fd, fd_a, ttl, tos;

	if (!udp_link)
		skip();
	s->c.conf.ip[s->v].template_index = udp_link;
	fd = join_group(s, &port);
	d.dst_port = port;
	guest_send_dgram(s, &d);
	our = host_expect_udp(s, fd, 0, 100);

	fd_a = host_bind_udp(&a, &port_a);
	host_reply_udp(s, fd_a, our, 5, 200);
	guest_expect_udp(s, &in, 5, 200);
	assert_true(addr_is_equal(&in.src, &a));
	assert_int_equal(get16(in.l4), port_a);
	assert_int_equal(get16(in.l4 + 2), GUEST_PORT);

	host_set_int(fd, s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
		     s->v == V4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
	while (recv(fd, udp_got, sizeof(udp_got), MSG_DONTWAIT) >= 0)
		;
	guest_send_dgram(s, &d);
	host_recv_hop(s, fd, &ttl, &tos);
	assert_int_equal(ttl, 2);
	close(fd);
	close(fd_a);
}

/* scenario 36: a storm to groups nobody is in ends in nothing */
static void multicast_storm(void **state)
{
	struct stack *s = *state;
	struct dgram d = {
		.dst = text_addr(udp_group_text[s->v]),
		.dst_port = 9, .len = 10,
	};
	unsigned i;

	if (!udp_link)
		skip();
	s->c.conf.ip[s->v].template_index = udp_link;
	for (i = 0; i < 2000; i++) {
		d.src_port = (uint16_t)(20000 + i % 100);
		guest_send_dgram(s, &d);
		if (i % TAP_BATCH_MAX == 0)
			stack_turn(s, 0);
	}
	guest_expect_nothing(s);
	assert_true(flow_count(s->c.flows, FLOW_UDP) <= 100);
}

/* scenario 36: limited broadcast leaves, and is answered */
static void broadcast(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = text_addr("255.255.255.255"), .len = 30 };
	struct addr a = udp_remote(s);
	uint16_t port = 0, port_a = 0, our;
	struct guest_in in;
	int fd, fd_a;

	if (!udp_link)
		skip();
	fd = host_bind_udp(&addr_any[V4], &port);
	d.dst_port = port;
	guest_send_dgram(s, &d);
	our = host_expect_udp(s, fd, 0, 30);
	fd_a = host_bind_udp(&a, &port_a);
	host_reply_udp(s, fd_a, our, 0, 40);
	guest_expect_udp(s, &in, 0, 40);
	assert_true(addr_is_equal(&in.src, &a));
	assert_int_equal(get16(in.l4), port_a);
	close(fd);
	close(fd_a);
}

/* scenario 39: from 0.0.0.0, the guest's address stays what it is */
static void no_source(void **state)
{
	struct stack *s = *state;
	struct addr all = text_addr("255.255.255.255"), guest = s->guest;
	struct dgram d = { .dst = s->host, .len = 30 };
	uint16_t port = 0, our;
	struct guest_in in;
	int fd;

	fd = host_bind_udp(&addr_loopback[V4], &port);
	d.dst_port = port;
	s->guest = text_addr("0.0.0.0");
	guest_send_dgram(s, &d);
	s->guest = guest;
	our = host_expect_udp(s, fd, 0, 30);
	assert_true(addr_is_equal(&s->c.tap.guest_addr[V4], &guest));
	host_reply_udp(s, fd, our, 0, 40);
	guest_expect_udp(s, &in, 0, 40);
	assert_true(addr_is_equal(&in.src, &s->host));
	assert_true(addr_is_equal(&in.dst, &all));
	close(fd);
}

/* From ::, nobody can be answered: RFC 4291, 2.5.2 */
static void no_source_v6(void **state)
{
	struct stack *s = *state;
	struct addr guest = s->guest;
	struct dgram d = { .dst = s->host, .dst_port = 9, .len = 30 };

	s->guest = addr_any[V6];
	guest_send_dgram(s, &d);
	s->guest = guest;
	guest_expect_nothing(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
}

/* RFC 4787, REQ-5 and REQ-6 */
static void timeouts(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0, our;
	struct guest_in in;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	stack_advance(s, UDP_ONEWAY_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	/* Use by the guest extends it */
	guest_send_udp(s, GUEST_PORT, port, udp_data, 1);
	host_expect_udp(s, fd, 0, 1);
	stack_advance(s, UDP_ONEWAY_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);

	guest_send_udp(s, GUEST_PORT, port, udp_data, 1);
	our = host_expect_udp(s, fd, 0, 1);
	host_reply_udp(s, fd, our, 0, 1);
	guest_expect_udp(s, &in, 0, 1);
	stack_advance(s, UDP_REPLIED_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	close(fd);
}

static void dns_timeouts(void **state)
{
	struct stack *s = *state;
	uint16_t port = 53, our;
	struct guest_in in;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	/* A slow name server has its time */
	stack_advance(s, UDP_ONEWAY_MS - 1000);
	host_reply_udp(s, fd, our, 0, 50);
	guest_expect_udp(s, &in, 0, 50);
	stack_advance(s, UDP_DNS_REPLIED_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	/* And so it has for another query on the same flow */
	guest_send_udp(s, GUEST_PORT, port, udp_data, 1);
	host_expect_udp(s, fd, 0, 1);
	stack_advance(s, UDP_ONEWAY_MS - 1000);
	host_reply_udp(s, fd, our, 0, 50);
	guest_expect_udp(s, &in, 0, 50);
	stack_advance(s, UDP_DNS_REPLIED_MS + 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	close(fd);
}

/* scenario 40: DNS after days, from one port and from changing ones */
static void dns_for_days(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .dst_port = 53, .len = 40 };
	unsigned fds = fd_count(), i;
	struct guest_in in;
	uint16_t port = 53, our;
	int fd;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	for (i = 0; i < 60; i++) {
		d.src_port = i % 3 ? 0 : (uint16_t)(10000 + i);
		guest_send_dgram(s, &d);
		our = host_expect_udp(s, fd, 0, 40);
		host_reply_udp(s, fd, our, 0, 60);
		guest_expect_udp(s, &in, 0, 60);
		s->c.now_ms += 5 * 60 * 60 * 1000;
		stack_turn(s, 0);
		assert_true(flow_count(s->c.flows, FLOW_UDP) <= 1);
	}
	stack_advance(s, 60 * 60 * 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	close(fd);
	assert_int_equal(fd_count(), fds);
}

/* scenario 43: more flows than the table holds; the oldest ones go */
static void churn(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .len = 4 };
	unsigned fds = fd_count();
	uint16_t port = 0, our;
	struct guest_in in;
	unsigned i;
	int fd;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	d.dst_port = port;
	for (i = 0; i < 3 * STACK_FLOWS; i++) {
		d.src_port = (uint16_t)(10000 + i);
		guest_send_dgram(s, &d);
		if (i % 16)
			continue;
		stack_turn(s, 0);
		while (recv(fd, udp_got, sizeof(udp_got), MSG_DONTWAIT) >= 0)
			;
	}
	stack_settle(s);
	assert_true(flow_count(s->c.flows, FLOW_UDP) <= STACK_FLOWS);
	while (recv(fd, udp_got, sizeof(udp_got), MSG_DONTWAIT) >= 0)
		;
	guest_send_dgram(s, &d);
	our = host_expect_udp(s, fd, 0, 4);
	host_reply_udp(s, fd, our, 0, 9);
	guest_expect_udp(s, &in, 0, 9);

	stack_advance(s, UDP_REPLIED_MS + 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	close(fd);
	assert_int_equal(fd_count(), fds);
}

/**
 * send_to_closed_ports() - Have the guest send from one port to many
 * @s:		Stack
 * @count:	To how many, none of which is open
 */
static void send_to_closed_ports(struct stack *s, unsigned count)
{
	struct dgram d = { .dst = text_addr(udp_other_text[s->v]), .len = 4 };
	struct guest_in in;

	while (count--) {
		d.dst_port++;
		guest_send_dgram(s, &d);
		if (count % TAP_BATCH_MAX == 0)
			stack_settle(s);
		while (guest_recv(s, &in))
			;
	}
}

/* Sockets of the same port cost the kernel more the more there are */
static void one_port_to_many(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s);
	uint16_t ports[5] = { 0 }, our[5];
	struct guest_in in;
	int fd[5], i;

	our[0] = udp_open_flow(s, &a, &fd[0], &ports[0]);
	assert_int_equal(our[0], GUEST_PORT);
	send_to_closed_ports(s, UDP_PORT_FLOWS_MAX - 1);
	our[1] = udp_open_flow(s, &a, &fd[1], &ports[1]);
	assert_int_not_equal(our[1], our[0]);
	our[2] = udp_open_flow(s, &a, &fd[2], &ports[2]);
	assert_int_equal(our[2], our[1]);
	for (i = 0; i < 2; i++) {
		host_reply_udp(s, fd[i], our[i], 0, 20);
		guest_expect_udp(s, &in, 0, 20);
		assert_int_equal(get16(in.l4), ports[i]);
		assert_int_equal(get16(in.l4 + 2), GUEST_PORT);
	}

	/* Those of the first port end, which the second has nothing to do with
	 */
	stack_advance(s, UDP_ONEWAY_MS + 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 2);
	our[3] = udp_open_flow(s, &a, &fd[3], &ports[3]);
	assert_int_equal(our[3], our[1]);

	stack_advance(s, UDP_REPLIED_MS + 1000);
	our[4] = udp_open_flow(s, &a, &fd[4], &ports[4]);
	assert_int_equal(our[4], GUEST_PORT);
	for (i = 0; i < 5; i++)
		close(fd[i]);
}

/* What waits for others to be opened overtakes nothing of its own flow */
static void order_of_what_waits(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .len = 50 };
	uint16_t port = 0;
	int fd, i;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	stack_step_us = 1000;
	for (i = 0; i < 5; i++) {
		d.src_port = (uint16_t)(20000 + i);
		d.dst_port = 9;
		guest_send_dgram(s, &d);
	}
	d.src_port = 0;
	d.dst_port = port;
	for (i = 0; i < 3; i++) {
		d.off = (size_t)i;
		guest_send_dgram(s, &d);
	}
	stack_turn(s, 0);
	assert_true(flow_count(s->c.flows, FLOW_UDP) <= 2);
	for (i = 0; i < 3; i++)
		host_expect_udp(s, fd, (size_t)i, 50);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 6);
	close(fd);
}

/* What was put together of fragments passes by, as far as there is time */
static void what_can_not_wait(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .dst_port = 9, .len = 50 };
	uint16_t port = 0;
	int fd, i;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	stack_step_us = 1000;
	for (i = 0; i < 20; i++) {
		d.src_port = (uint16_t)(20000 + i);
		guest_send_dgram(s, &d);
	}
	stack_turn(s, 0);
	assert_true(flow_count(s->c.flows, FLOW_UDP) <= 2);

	d.dst_port = port;
	d.len = 4000;
	for (i = 0; i < 2; i++) {
		d.src_port++;
		guest_send_fragmented(s, &d);
	}
	stack_turn(s, 0);
	assert_true(flow_count(s->c.flows, FLOW_UDP) <= 4);
	host_expect_udp(s, fd, 0, 4000);
	assert_int_equal(stack_stat(s, STAT_OPENING_LOST), 1);
	stack_settle(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 21);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UDP_TEST(multicast, v4),
		UDP_TEST(multicast, v6),
		UDP_TEST(multicast_storm, v4),
		UDP_TEST(multicast_storm, v6),
		UDP_TEST(broadcast, v4),
		UDP_TEST(no_source, v4),
		UDP_TEST(no_source_v6, v6),
		UDP_TEST(timeouts, v4),
		UDP_TEST(timeouts, v6),
		UDP_TEST(dns_timeouts, v4),
		UDP_TEST(dns_timeouts, v6),
		UDP_TEST(dns_for_days, v4),
		UDP_TEST(dns_for_days, v6),
		UDP_TEST(churn, v4),
		UDP_TEST(churn, v6_offload),
		UDP_TESTS(order_of_what_waits),
		UDP_TESTS(what_can_not_wait),
		UDP_TEST(one_port_to_many, v4),
		UDP_TEST(one_port_to_many, v6),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
