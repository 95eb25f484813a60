// SPDX-License-Identifier: BSD-3-Clause
/* frame_udp.c - UDP datagrams between frames and sockets
 *
 * What arrives, in which order, and cut in which way.
 */

#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "flow.h"
#include "guest.h"
#include "hooks.h"
#include "own_netns.h"
#include "text_addr.h"
#include "udp.h"
#include "udp_ends.h"


static void both_ways(void **state)
{
	struct stack *s = *state;
	struct guest_in in;
	uint16_t port = 0, our;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	/* RFC 4787, 4.2.1: the port is kept */
	assert_int_equal(our, GUEST_PORT);
	host_reply_udp(s, fd, our, 7, 1000);
	guest_expect_udp(s, &in, 7, 1000);
	assert_true(addr_is_equal(&in.src, &s->host));
	assert_true(addr_is_equal(&in.dst, &s->guest));
	assert_int_equal(get16(in.l4), port);
	assert_int_equal(get16(in.l4 + 2), GUEST_PORT);

	/* The same flow serves again */
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	guest_send_udp(s, GUEST_PORT, port, udp_data, 30);
	assert_int_equal(host_expect_udp(s, fd, 0, 30), our);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 1);
	close(fd);
}

/* scenario 33 */
static void zero_length(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0, our;
	struct guest_in in;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	guest_send_udp(s, GUEST_PORT, port, NULL, 0);
	host_expect_udp(s, fd, 0, 0);
	host_reply_udp(s, fd, our, 0, 0);
	guest_expect_udp(s, &in, 0, 0);

	/* Also amid others */
	guest_send_udp(s, GUEST_PORT, port, udp_data, 5);
	guest_send_udp(s, GUEST_PORT, port, NULL, 0);
	guest_send_udp(s, GUEST_PORT, port, NULL, 0);
	guest_send_udp(s, GUEST_PORT, port, udp_data, 5);
	host_expect_udp(s, fd, 0, 5);
	host_expect_udp(s, fd, 0, 0);
	host_expect_udp(s, fd, 0, 0);
	host_expect_udp(s, fd, 0, 5);
	guest_expect_nothing(s);
	close(fd);
}

/* scenario 35: a batch with several sources keeps each, and the order */
static void batch_sources(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host };
	uint16_t port = 0, from;
	int fd, i;

	fd = host_bind_udp(&addr_loopback[s->v], &port);
	d.dst_port = port;
	for (i = 0; i < 30; i++) {
		d.src_port = (uint16_t)(GUEST_PORT + i / 2 % 3);
		d.off = (size_t)i;
		d.len = 100;
		guest_send_dgram(s, &d);
	}
	for (i = 0; i < 30; i++) {
		from = host_expect_udp(s, fd, (size_t)i, 100);
		assert_int_equal(from, GUEST_PORT + i / 2 % 3);
	}
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 3);
	close(fd);
}

/* Datagrams are joined on their way out, but stay apart and in order */
static void batch_sizes(void **state)
{
	static const size_t size[] = {
		1, 1, 1, 700, 700, 700, 699, 700, 700, 1, 700, 0, 700, 1200,
		1200, 700, 1200, 1200, 1200, 3,
	};
	struct stack *s = *state;
	uint16_t port = 0;
	unsigned i;
	int fd;

	udp_open_flow(s, NULL, &fd, &port);
	for (i = 0; i < ARRAY_SIZE(size); i++)
		guest_send_udp(s, GUEST_PORT, port, udp_data + i, size[i]);
	for (i = 0; i < ARRAY_SIZE(size); i++)
		host_expect_udp(s, fd, i, size[i]);
	close(fd);
}

/* More, and longer in all, than the kernel takes joined */
static void batch_limits(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0;
	unsigned i;
	int fd;

	udp_open_flow(s, NULL, &fd, &port);
	for (i = 0; i < 200; i++)
		guest_send_udp(s, GUEST_PORT, port, udp_data + i, 1400);
	for (i = 0; i < 200; i++)
		guest_send_udp(s, GUEST_PORT, port, udp_data + i, 1);
	for (i = 0; i < 200; i++)
		host_expect_udp(s, fd, i, 1400);
	for (i = 0; i < 200; i++)
		host_expect_udp(s, fd, i, 1);
	close(fd);
}

/* What the kernel can't cut, because the MTU on the way is too small */
static void batch_beyond_mtu(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0;
	unsigned i, round;
	int fd;

	own_netns_set_mtu(1280);
	udp_open_flow(s, NULL, &fd, &port);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 6; i++)
			guest_send_udp(s, GUEST_PORT, port, udp_data + i, 1350);
		for (i = 0; i < 6; i++)
			host_expect_udp(s, fd, i, 1350);
	}
	guest_expect_nothing(s);
	own_netns_set_mtu(65536);
	close(fd);
}

static void gso_from_guest(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .gso_size = 1000 };
	uint16_t port = 0;
	size_t off;
	int fd;

	udp_open_flow(s, NULL, &fd, &port);
	d.dst_port = port;
	d.len = 10300;
	guest_send_dgram(s, &d);
	for (off = 0; off < d.len; off += 1000)
		host_expect_udp(s, fd, off, MIN(1000, d.len - off));

	/* More datagrams than the kernel takes at once */
	d.gso_size = 100;
	d.len = 20001;
	guest_send_dgram(s, &d);
	for (off = 0; off < d.len; off += 100)
		host_expect_udp(s, fd, off, MIN(100, d.len - off));

	/* A single one that needs no cutting */
	d.gso_size = 1400;
	d.len = 1400;
	guest_send_dgram(s, &d);
	host_expect_udp(s, fd, 0, 1400);
	close(fd);
}

static void gso_beyond_mtu(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .gso_size = 1400, .len = 10000 };
	unsigned round;
	uint16_t port = 0;
	size_t off;
	int fd;

	own_netns_set_mtu(1280);
	udp_open_flow(s, NULL, &fd, &port);
	d.dst_port = port;
	for (round = 0; round < 2; round++) {
		guest_send_dgram(s, &d);
		for (off = 0; off < d.len; off += 1400)
			host_expect_udp(s, fd, off, MIN(1400, d.len - off));
	}
	own_netns_set_mtu(65536);
	close(fd);
}

static void gso_to_guest(void **state)
{
	struct stack *s = *state;
	unsigned frames;
	uint16_t port = 0, our;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 1000);
	host_reply_udp(s, fd, our, 0, 10300);
	frames = guest_collect(s, 1000, 10300);
	assert_int_equal(frames, s->var->offload ? 1 : 11);

	/* Datagrams longer than the guest's MTU can't stay joined */
	if (s->c.tap.mtu < 2000) {
		host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 2000);
		host_reply_udp(s, fd, our, 0, 6000);
		for (frames = 0; frames < 6; frames++) {
			struct guest_in in;

			assert_true(guest_wait(s, &in));
			assert_true(in.is_frag);
		}
	}
	guest_expect_nothing(s);
	close(fd);
}

/* The longest datagrams there are, both ways, some after each other */
static void longest(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host };
	size_t max = s->v == V4 ? 65507 : 65527, len;
	uint16_t port = 0, our;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	for (len = max; len > max - 3; len--) {
		d.dst_port = port;
		d.len = len;
		guest_send_fragmented(s, &d);
		assert_int_equal(host_expect_udp(s, fd, 0, len), our);
		host_reply_udp(s, fd, our, 0, len);
		guest_expect_fragmented(s, len);
	}
	/* Two at once: each needs the memory for reassembly */
	d.off = 1;
	d.len = 3000;
	guest_send_fragmented(s, &d);
	d.off = 2;
	d.len = 2500;
	guest_send_fragmented(s, &d);
	host_expect_udp(s, fd, 1, 3000);
	host_expect_udp(s, fd, 2, 2500);

	/* Around the MTU */
	for (len = s->c.tap.mtu - 60; len < s->c.tap.mtu - 20; len++) {
		host_reply_udp(s, fd, our, 0, len);
		guest_expect_fragmented(s, len);
	}
	guest_expect_nothing(s);
	close(fd);
}

/* scenario 37: traceroute needs the guest's TTL; ECN needs TOS */
static void ttl_and_tos(void **state)
{
	static const struct { uint8_t ttl, tos; } hop[] = {
		{ 1, 0 }, { 2, 0 }, { 255, 0xb9 }, { 64, 2 }, { 64, 0 },
	};
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .len = 20 };
	uint16_t port = 0, our;
	struct guest_in in;
	int fd, ttl, tos;
	unsigned i;

	our = udp_open_flow(s, NULL, &fd, &port);
	d.dst_port = port;
	host_set_int(fd, s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
		     s->v == V4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
	host_set_int(fd, s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
		     s->v == V4 ? IP_RECVTOS : IPV6_RECVTCLASS, 1);
	/* All in one batch */
	for (i = 0; i < ARRAY_SIZE(hop); i++) {
		d.ttl = hop[i].ttl;
		d.tos = hop[i].tos;
		guest_send_dgram(s, &d);
	}
	for (i = 0; i < ARRAY_SIZE(hop); i++) {
		host_recv_hop(s, fd, &ttl, &tos);
		assert_int_equal(ttl, hop[i].ttl);
		assert_int_equal(tos, hop[i].tos);
	}

	host_set_int(fd, s->v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
		     s->v == V4 ? IP_TOS : IPV6_TCLASS, 0xb9);
	host_reply_udp(s, fd, our, 0, 50);
	guest_expect_udp(s, &in, 0, 50);
	assert_int_equal(in.tos, 0xb9);
	close(fd);
}

/* scenario 38: the answer comes from the address that was contacted, and
 * RFC 4787, REQ-1: the guest's port is the same to both
 */
static void two_addresses(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), b = text_addr(udp_other_text[s->v]);
	uint16_t port_a = 0, port_b = 0, port_c = 0, our_a, our_b;
	struct guest_in in;
	int fd_a, fd_b, fd_c;

	our_a = udp_open_flow(s, &a, &fd_a, &port_a);
	our_b = udp_open_flow(s, &b, &fd_b, &port_b);
	assert_int_equal(our_a, our_b);
	host_reply_udp(s, fd_b, our_b, 0, 20);
	guest_expect_udp(s, &in, 0, 20);
	assert_true(addr_is_equal(&in.src, &b));
	assert_int_equal(get16(in.l4), port_b);
	host_reply_udp(s, fd_a, our_a, 0, 20);
	guest_expect_udp(s, &in, 0, 20);
	assert_true(addr_is_equal(&in.src, &a));
	assert_int_equal(get16(in.l4), port_a);
	assert_int_equal(get16(in.l4 + 2), GUEST_PORT);

	/* A stranger can't get in */
	fd_c = host_bind_udp(&a, &port_c);
	host_reply_udp(s, fd_c, our_a, 0, 20);
	guest_expect_nothing(s);
	close(fd_a);
	close(fd_b);
	close(fd_c);
}

/**
 * send_stray() - Send to a socket before it is connected
 * @fd:		Socket
 */
static void send_stray(int fd)
{
	union sockaddr_any sa;
	socklen_t sl = sizeof(sa);
	uint16_t from = 0, to;
	struct addr a;
	int other;

	assert_int_equal(getsockname(fd, &sa.sa, &sl), 0);
	assert_true(addr_from_sockaddr(&sa, &a, &to));
	a = text_addr(udp_other_text[addr_version(&a)]);
	other = host_bind_udp(&a, &from);
	sl = addr_to_sockaddr(&sa, &a, to, 0);
	assert_int_equal(sendto(other, udp_data, 7, 0, &sa.sa, sl), 7);
	close(other);
}

/* A stranger can't get in before the socket is connected, either */
static void stray_datagram(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s);
	uint16_t port = 0, our;
	struct guest_in in;
	int fd;

	hook_connect = send_stray;
	our = udp_open_flow(s, &a, &fd, &port);
	hook_connect = NULL;
	host_reply_udp(s, fd, our, 0, 20);
	guest_expect_udp(s, &in, 0, 20);
	guest_expect_nothing(s);
	close(fd);
}

/* RFC 4787, REQ-1: so it is if the port is another program's, which keeps it */
static void port_in_use(void **state)
{
	struct stack *s = *state;
	struct addr a = udp_remote(s), b = text_addr(udp_other_text[s->v]);
	uint16_t port = GUEST_PORT, port_a = 0, port_b = 0, our_a, our_b;
	int fd, fd_a, fd_b;

	fd = host_bind_udp(&addr_any[s->v], &port);
	host_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	our_a = udp_open_flow(s, &a, &fd_a, &port_a);
	our_b = udp_open_flow(s, &b, &fd_b, &port_b);
	assert_int_not_equal(our_a, GUEST_PORT);
	assert_int_equal(our_a, our_b);
	close(fd_a);
	close(fd_b);

	/* Once all flows have ended, it is the guest's port again */
	close(fd);
	stack_advance(s, UDP_REPLIED_MS + 1000);
	our_a = udp_open_flow(s, &a, &fd_a, &port_a);
	assert_int_equal(our_a, GUEST_PORT);
	close(fd_a);
}

static void port_zero(void **state)
{
	struct stack *s = *state;
	struct dgram d = { .dst = s->host, .len = 4 };
	uint16_t port = 0;
	int fd;

	guest_send_dgram(s, &d);
	guest_expect_nothing(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	assert_int_equal(stack_stat(s, STAT_BAD_FRAME), 1);

	/* RFC 768: source port 0 means that none is used */
	fd = host_bind_udp(&addr_loopback[s->v], &port);
	guest_send_udp(s, 0, port, udp_data, 12);
	host_expect_udp(s, fd, 0, 12);
	close(fd);
}

/**
 * guest_expect_equal() - The guest must get datagrams, maybe joined
 * @s:		Stack
 * @off:	Data of the first is this part of udp_data[], that of each
 *		further one begins a byte later
 * @len:	Length of each
 *
 * Return: how many there were
 */
static unsigned guest_expect_equal(struct stack *s, size_t off, size_t len)
{
	struct guest_in in;
	unsigned i, n;

	assert_true(guest_wait(s, &in));
	assert_int_equal((in.l4_len - UDP_HLEN) % len, 0);
	n = (unsigned)((in.l4_len - UDP_HLEN) / len);
	assert_int_equal(in.gso_size, n > 1 ? len : 0);
	for (i = 0; i < n; i++)
		assert_memory_equal(in.l4 + UDP_HLEN + i * len,
				    udp_data + off + i, len);
	return n;
}

/* Datagrams of one length that come singly are joined, the last may be
 * shorter; what is longer goes alone, and nothing is out of order
 */
static void gather_to_guest(void **state)
{
	static const size_t sizes[] = { 100, 100, 60, 100, 200, 0, 200, 200 };
	struct stack *s = *state;
	uint16_t port = 0, our;
	struct guest_in in;
	size_t off = 0;
	unsigned i;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	for (i = 0; i < 8; i++) {
		host_reply_udp(s, fd, our, off, sizes[i]);
		off += sizes[i];
	}
	guest_expect_udp(s, &in, 0, 260);
	assert_int_equal(in.gso_size, 100);
	guest_expect_udp(s, &in, 260, 100);
	guest_expect_udp(s, &in, 360, 200);
	guest_expect_udp(s, &in, 560, 0);
	guest_expect_udp(s, &in, 560, 400);
	assert_int_equal(in.gso_size, 200);
	guest_expect_nothing(s);
	close(fd);
}

/* As many as one frame takes are joined, the rest makes the next */
static void gather_limits(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0, our;
	unsigned i, count = 0;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	for (i = 0; i < 70; i++)
		host_reply_udp(s, fd, our, i, 1000);
	while (count < 70)
		count += guest_expect_equal(s, count, 1000);
	assert_int_equal(count, 70);
	guest_expect_nothing(s);
	close(fd);
}

/* Without room to the guest, data stays in the socket, and nothing spins */
static void no_room(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0, our;
	struct guest_in in;
	unsigned i;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	tap_mem_set_room(&s->c.tap, 0);
	for (i = 0; i < 10; i++)
		host_reply_udp(s, fd, our, i, 100 + i);
	guest_expect_nothing(s);
	/* An error in the meantime makes no storm either */
	tap_mem_set_room(&s->c.tap, 3);
	for (i = 0; i < 3; i++)
		guest_expect_udp(s, &in, i, 100 + i);
	guest_expect_nothing(s);
	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	for (; i < 10; i++)
		guest_expect_udp(s, &in, i, 100 + i);

	/* Nor does it if epoll can't be told to wait, which comes to pass */
	tap_mem_set_room(&s->c.tap, 0);
	hook_mod_fails = 3;
	host_reply_udp(s, fd, our, 1, 10);
	guest_expect_nothing(s);
	assert_int_equal(hook_mod_fails, 0);
	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	guest_expect_udp(s, &in, 1, 10);

	/* More than is taken at once: what is left makes another event */
	for (i = 0; i < 150; i++)
		host_reply_udp(s, fd, our, i, 10);
	for (i = 0; i < 150; i += guest_expect_equal(s, i, 10))
		;
	assert_int_equal(i, 150);
	guest_expect_nothing(s);
	close(fd);
}

/* A link that is gone loses datagrams; it doesn't spin on them */
static void lost_frames(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0, our;
	struct guest_in in;
	int fd;

	our = udp_open_flow(s, NULL, &fd, &port);
	tap_mem_lose(&s->c.tap, 1);
	host_reply_udp(s, fd, our, 0, 10);
	guest_expect_nothing(s);
	host_reply_udp(s, fd, our, 0, 20);
	guest_expect_udp(s, &in, 0, 20);
	close(fd);
}

/* Malformed datagrams are dropped and counted */
static void malformed(void **state)
{
	struct stack *s = *state;
	uint8_t l4[16] = { 0 };
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .proto = IPPROTO_UDP,
		.l4 = l4, .full_csum = true,
	};
	unsigned bad = 0;
	size_t len;

	put16(l4, 1000);
	put16(l4 + 2, 1000);
	for (len = 0; len < UDP_HLEN; len++) {
		put16(l4 + 4, (uint16_t)len);
		out.len = sizeof(l4);
		guest_send(s, &out);
		out.len = len;
		guest_send(s, &out);
		bad += 2;
	}
	put16(l4 + 4, sizeof(l4) + 1);
	out.len = sizeof(l4);
	guest_send(s, &out);
	guest_expect_nothing(s);
	assert_int_equal(stack_stat(s, STAT_BAD_FRAME), bad + 1);

	put16(l4 + 4, sizeof(l4));
	out.bad_csum = true;
	guest_send(s, &out);
	guest_expect_nothing(s);
	assert_int_equal(stack_stat(s, STAT_BAD_CSUM), 1);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UDP_TESTS(both_ways),
		UDP_TESTS(zero_length),
		UDP_TESTS(batch_sources),
		UDP_TESTS(batch_sizes),
		UDP_TESTS(batch_limits),
		UDP_TEST(batch_beyond_mtu, v4),
		UDP_TEST(batch_beyond_mtu, v6_offload),
		UDP_TEST(gso_from_guest, v4_offload),
		UDP_TEST(gso_from_guest, v6_offload),
		UDP_TEST(gso_beyond_mtu, v4_offload),
		UDP_TEST(gso_beyond_mtu, v6_offload),
		UDP_TESTS(gso_to_guest),
		UDP_TEST(gather_to_guest, v4_offload),
		UDP_TEST(gather_to_guest, v6_offload),
		UDP_TESTS(gather_limits),
		UDP_TESTS(longest),
		UDP_TESTS(ttl_and_tos),
		UDP_TEST(two_addresses, v4),
		UDP_TEST(two_addresses, v6),
		UDP_TEST(stray_datagram, v4),
		UDP_TEST(stray_datagram, v6),
		UDP_TEST(port_in_use, v4),
		UDP_TEST(port_in_use, v6),
		UDP_TEST(port_zero, v4),
		UDP_TEST(port_zero, v6),
		UDP_TESTS(no_room),
		UDP_TEST(lost_frames, v4),
		UDP_TEST(lost_frames, v6_offload),
		UDP_TEST(malformed, v4),
		UDP_TEST(malformed, v6),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
