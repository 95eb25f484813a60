// SPDX-License-Identifier: BSD-3-Clause
/* frame_udp_error.c - ICMP errors about UDP datagrams
 *
 * From closed ports, from routers on the way, and from the host itself.
 */

#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "flow.h"
#include "guest.h"
#include "own_netns.h"
#include "text_addr.h"
#include "udp.h"
#include "udp_ends.h"

#define ICMP_UNREACH_V4		3
#define ICMP_EXCEEDED_V4	11
#define ICMP_UNREACH_V6		1
#define ICMP_TOO_BIG_V6		2
#define ICMP_EXCEEDED_V6	3

/**
 * expect_error() - The guest must get an ICMP error about its datagram
 * @s:		Stack
 * @d:		Datagram
 * @type:	ICMP types by IP version
 * @code:	Codes by IP version
 * @in:		Set to the packet
 */
static void expect_error(struct stack *s, const struct dgram *d,
			 const uint8_t type[IPVER_MAX],
			 const uint8_t code[IPVER_MAX], struct guest_in *in)
{
	size_t hlen = s->v == V4 ? IPV4_HLEN : IPV6_HLEN;
	const uint8_t *ip, *uh;
	size_t n;

	assert_true(guest_wait(s, in));
	assert_int_equal(in->proto,
			 s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	assert_int_equal(in->l4[0], type[s->v]);
	assert_int_equal(in->l4[1], code[s->v]);
	assert_true(addr_is_equal(&in->dst, &s->guest));
	assert_true(in->l4_len >= 8 + hlen + 8);
	assert_true(in->l4_len <= (s->v == V4 ? 576 : 1280) - hlen);

	ip = in->l4 + 8;
	uh = ip + hlen;
	n = in->l4_len - 8 - hlen - UDP_HLEN;
	if (s->v == V4) {
		struct in_addr src = addr_to_v4(&s->guest);
		struct in_addr dst = addr_to_v4(&d->dst);

		assert_int_equal(guest_csum(0, ip, IPV4_HLEN), 0);
		assert_int_equal(ip[9], IPPROTO_UDP);
		assert_memory_equal(ip + 12, &src, 4);
		assert_memory_equal(ip + 16, &dst, 4);
	} else {
		assert_int_equal(ip[6], IPPROTO_UDP);
		assert_memory_equal(ip + 8, &s->guest.a6, 16);
		assert_memory_equal(ip + 24, &d->dst.a6, 16);
	}
	assert_int_equal(get16(uh),
			 d->src_port ? d->src_port : GUEST_PORT);
	assert_int_equal(get16(uh + 2), d->dst_port);
	assert_memory_equal(uh + UDP_HLEN, udp_data + d->off, MIN(n, d->len));
}

static const uint8_t unreachable[IPVER_MAX] = {
	ICMP_UNREACH_V4, ICMP_UNREACH_V6,
};

static const uint8_t exceeded[IPVER_MAX] = {
	ICMP_EXCEEDED_V4, ICMP_EXCEEDED_V6,
};

static const uint8_t no_port[IPVER_MAX] = { 3, 4 };

static const uint8_t no_route[IPVER_MAX] = { 0, 0 };

/* scenario 37: the error of a closed port, once for each datagram, no storm */
static void closed_port(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .len = 100, .off = 3 };
	uint16_t port = 0;
	struct guest_in in;
	unsigned events, i;
	int fd;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	close(fd);
	d.dst_port = port;
	for (i = 0; i < 5; i++) {
		guest_send_dgram(s, &d);
		expect_error(s, &d, unreachable, no_port, &in);
		assert_true(addr_is_equal(&in.src, &s->host));
	}
	guest_expect_nothing(s);

	/* Nothing goes on by itself */
	events = s->events;
	stack_settle(s);
	assert_int_equal(s->events, events);

	/* Many in a batch: the first ones' errors don't swallow the others */
	for (i = 0; i < 20; i++) {
		d.len = 10 + i;
		guest_send_dgram(s, &d);
	}
	stack_settle(s);
	for (i = 0; guest_recv(s, &in); i++)
		assert_int_equal(in.l4[1], no_port[s->v]);
	assert_true(i > 0);

	/* RFC 4787, REQ-12: the flow is still there when somebody listens */
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	fd = host_bind_udp(&addr_loopback[s->v], &port);
	guest_send_dgram(s, &d);
	host_expect_udp(s, fd, d.off, d.len);
	guest_expect_nothing(s);
	close(fd);
}

/* An earlier datagram's error isn't taken for one of the next one's */
static void error_before_send(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host };
	uint16_t port = 0;
	struct guest_in in;
	unsigned i;
	int fd;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	close(fd);
	d.dst_port = port;
	/* Another TTL makes them leave one after the other in one batch */
	for (i = 0; i < 6; i++) {
		d.len = 10 + i;
		d.ttl = (uint8_t)(10 + i);
		guest_send_dgram(s, &d);
	}
	for (i = 0; i < 6; i++) {
		d.len = 10 + i;
		expect_error(s, &d, unreachable, no_port, &in);
		assert_true(addr_is_equal(&in.src, &s->host));
	}
	guest_expect_nothing(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 0);
}

/**
 * inject_error() - Have a router send an ICMP error to the socket of a flow
 * @s:		Stack
 * @type:	ICMP type
 * @code:	Its code
 * @info:	Second word of the header
 * @our:	Port of the flow's socket
 * @port:	Port of the remote; udp_remote() is the address of both
 */
static void inject_error(struct stack *s, uint8_t type, uint8_t code,
			 uint32_t info, uint16_t our, uint16_t port)
{
	struct addr from = text_addr(udp_other_text[s->v]), to = udp_remote(s);
	int proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	uint8_t icmp[128] = { 0 }, *ip = icmp + 8, *uh;
	struct in_addr a4 = addr_to_v4(&to);
	union sockaddr_any sa;
	socklen_t sl;
	size_t len;
	int fd;

	icmp[0] = type;
	icmp[1] = code;
	put32(icmp + 4, info);
	uh = ip + (s->v == V4 ? IPV4_HLEN : IPV6_HLEN);
	if (s->v == V4) {
		ip[0] = 0x45;
		put16(ip + 2, IPV4_HLEN + UDP_HLEN + 10);
		ip[8] = 1;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, &a4, 4);
		memcpy(ip + 16, &a4, 4);
		put16(ip + 10, guest_csum(0, ip, IPV4_HLEN));
	} else {
		put32(ip, 0x60000000);
		put16(ip + 4, UDP_HLEN + 10);
		ip[6] = IPPROTO_UDP;
		ip[7] = 1;
		memcpy(ip + 8, &to.a6, 16);
		memcpy(ip + 24, &to.a6, 16);
	}
	put16(uh, our);
	put16(uh + 2, port);
	put16(uh + 4, UDP_HLEN + 10);
	memcpy(uh + UDP_HLEN, udp_data, 10);
	len = (size_t)(uh - icmp) + UDP_HLEN + 10;
	if (s->v == V4)
		put16(icmp + 2, guest_csum(0, icmp, len));

	fd = socket(addr_family(s->v), SOCK_RAW | SOCK_CLOEXEC, proto);
	assert_true(fd >= 0);
	sl = addr_to_sockaddr(&sa, &from, 0, 0);
	assert_int_equal(bind(fd, &sa.sa, sl), 0);
	sl = addr_to_sockaddr(&sa, &to, 0, 0);
	assert_int_equal(sendto(fd, icmp, len, 0, &sa.sa, sl), len);
	close(fd);
}

/* scenario 37: what routers on the way say, as traceroute wants it */
static void router_error(void **state)
{
	struct stack *s = *state;
	struct addr router = text_addr(udp_other_text[s->v]);
	struct addr dst = udp_remote(s);
	struct dgram d = { .dst = dst, .len = 10 };
	static const uint8_t too_big[IPVER_MAX] = {
		ICMP_UNREACH_V4, ICMP_TOO_BIG_V6,
	};
	static const uint8_t frag_needed[IPVER_MAX] = { 4, 0 };
	uint16_t port = 0, our;
	struct guest_in in;
	int fd;

	our = udp_open_flow(s, &dst, &fd, &port);
	d.dst_port = port;
	inject_error(s, exceeded[s->v], 0, 0, our, port);
	expect_error(s, &d, exceeded, no_route, &in);
	assert_true(addr_is_equal(&in.src, &router));

	/* The MTU is in there */
	inject_error(s, too_big[s->v], frag_needed[s->v], 1400, our, port);
	expect_error(s, &d, too_big, frag_needed, &in);
	assert_int_equal(get32(in.l4 + 4), 1400);

	/* From the destination itself, as the guest knows it */
	guest_send_dgram(s, &d);
	host_expect_udp(s, fd, 0, 10);
	host_reply_udp(s, fd, our, 0, 10);
	guest_expect_udp(s, &in, 0, 10);
	guest_expect_nothing(s);
	close(fd);
}

/* A destination without a route: the guest is told, by its gateway */
static void no_way(void **state)
{
	struct stack *s = *state;
	struct dgram d = {
		.dst = text_addr(udp_nowhere_text[s->v]), .dst_port = 9,
		.len = 900,
	};
	struct guest_in in;

	guest_send_dgram(s, &d);
	expect_error(s, &d, unreachable, no_route, &in);
	if (s->v == V4)
		assert_true(addr_is_equal(&in.src, &s->c.conf.ip[V4].gw));
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	assert_int_equal(stack_stat(s, STAT_FLOW_REFUSED), 1);
}

/* RFC 4443, 2.4 f: no more errors of our own than so many a second */
static void errors_are_limited(void **state)
{
	struct stack *s = *state;
	struct dgram d = {
		.dst = text_addr(udp_nowhere_text[s->v]), .dst_port = 9,
		.len = 9,
	};
	unsigned i, got = 0;
	struct guest_in in;

	for (i = 0; i < 1000; i++) {
		d.src_port = (uint16_t)(20000 + i);
		guest_send_dgram(s, &d);
		stack_turn(s, 0);
		while (guest_recv(s, &in))
			got++;
	}
	assert_int_equal(got, 200);
	assert_int_equal(stack_stat(s, STAT_ANSWERS_WITHHELD), 800);
	stack_advance(s, 10);
	guest_send_dgram(s, &d);
	expect_error(s, &d, unreachable, no_route, &in);
}

/* An outbound address the host doesn't have is an error, not ignored */
static void bad_outbound(void **state)
{
	struct stack *s = *state;
	struct addr dst = udp_remote(s);
	struct dgram d = { .dst = dst, .dst_port = 9, .len = 9 };
	struct guest_in in;
	uint16_t port = 0;
	int fd;

	s->c.conf.ip[s->v].outbound = text_addr(udp_nowhere_text[s->v]);
	guest_send_dgram(s, &d);
	expect_error(s, &d, unreachable, no_route, &in);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);

	/* Loopback stays in reach */
	udp_open_flow(s, NULL, &fd, &port);
	close(fd);
}

static void no_room_errors(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .len = 40 };
	uint16_t port = 0, our;
	unsigned events;
	struct guest_in in;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	d.dst_port = port;
	tap_mem_set_room(&s->c.tap, 0);
	host_reply_udp(s, fd, our, 0, 100);
	stack_settle(s);
	close(fd);
	guest_send_dgram(s, &d);
	stack_settle(s);
	events = s->events;
	stack_settle(s);
	assert_int_equal(s->events, events);
	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	guest_expect_udp(s, &in, 0, 100);
}

/* A name server behind --dns-forward answers from that address */
static void dns_forward(void **state)
{
	struct stack *s = *state;
	struct conf_ip *ip = &s->c.conf.ip[s->v];
	struct dgram d = { .dst_port = 53, .len = 33 };
	uint16_t port = 53, our;
	struct guest_in in;
	int fd;

	ip->dns_host = udp_remote(s);
	ip->dns_forward = text_addr(udp_nowhere_text[s->v]);
	d.dst = ip->dns_forward;
	fd = host_bind_udp(&ip->dns_host, &port);
	guest_send_dgram(s, &d);
	our = host_expect_udp(s, fd, 0, 33);
	host_reply_udp(s, fd, our, 0, 44);
	guest_expect_udp(s, &in, 0, 44);
	assert_true(addr_is_equal(&in.src, &ip->dns_forward));
	close(fd);

	/* If it isn't there, the error comes from that address as well */
	guest_send_dgram(s, &d);
	expect_error(s, &d, unreachable, no_port, &in);
	assert_true(addr_is_equal(&in.src, &ip->dns_forward));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UDP_TESTS(closed_port),
		UDP_TEST(error_before_send, v4),
		UDP_TEST(error_before_send, v6),
		UDP_TEST(router_error, v4),
		UDP_TEST(router_error, v6),
		UDP_TEST(no_way, v4),
		UDP_TEST(no_way, v6),
		UDP_TEST(errors_are_limited, v4),
		UDP_TEST(errors_are_limited, v6),
		UDP_TEST(bad_outbound, v4),
		UDP_TEST(bad_outbound, v6),
		UDP_TEST(no_room_errors, v4),
		UDP_TEST(no_room_errors, v6_offload),
		UDP_TEST(dns_forward, v4),
		UDP_TEST(dns_forward, v6),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
