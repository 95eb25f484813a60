// SPDX-License-Identifier: BSD-3-Clause
/* frame_udp_splice.c - UDP from clients on loopback to sockets
 *
 * There is one namespace here: a port is said to be another one's, so that what
 * comes in there goes to the same address on the host.
 */

#include <errno.h>
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

#define PORT			5000	/* That clients contact */
#define TO_PORT			6000	/* Of the target */

/**
 * forward() - Forward a port to another socket
 * @s:		Stack
 * @port:	Port to listen on
 * @to:		Port of the target
 */
static void forward(struct stack *s, uint16_t port, uint16_t to)
{
	struct fwd_rule rule = ports_rule(IPPROTO_UDP, port, to);

	ports_add(s, &rule);
	ports_place(s, port, PLACE_NS);
}

/**
 * loopback_at() - Socket on loopback
 * @s:		Stack
 * @port:	Port wished for, 0 for any; set to its port
 *
 * Return: descriptor
 */
static int loopback_at(const struct stack *s, uint16_t *port)
{
	return host_bind_udp(&addr_loopback[s->v], port);
}

/* scenario 33, 34, 35: several clients, any size, answers by the port */
static void both_ways(void **state)
{
	static const size_t size[] = { 10, 0, 1, 1000, 0, 0, 65507, 1200 };
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port[3] = { 0 }, seen[3];
	int server, fd[3];
	unsigned i, k;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	for (k = 0; k < 3; k++)
		fd[k] = loopback_at(s, &port[k]);
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		for (k = 0; k < 3; k++)
			client_send(fd[k], lo, PORT, i + k, size[i]);
		for (k = 0; k < 3; k++)
			seen[k] = host_expect_udp(s, server, i + k, size[i]);
		assert_int_not_equal(seen[0], seen[1]);
		assert_int_not_equal(seen[1], seen[2]);
		for (k = 3; k--; )
			client_send(server, lo, seen[k], i + k + 9, size[i]);
		for (k = 0; k < 3; k++)
			client_expect(s, fd[k], lo, PORT, i + k + 9, size[i]);
	}
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 3);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 0);
	for (k = 0; k < 3; k++) {
		client_expect_nothing(s, fd[k]);
		close(fd[k]);
	}
	close(server);
}

/* More than a batch, clients mixed, order kept */
static void many(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port[2] = { 0 };
	unsigned i, next[2] = { 0, 0 }, k;
	int server, fd[2];

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	fd[0] = loopback_at(s, &port[0]);
	fd[1] = loopback_at(s, &port[1]);
	for (i = 0; i < 100; i++)
		client_send(fd[i / 3 % 2], lo, PORT, i, 1 + i / 3 % 2);
	for (i = 0; i < 100; i++) {
		ssize_t n;

		stack_settle(s);
		n = recv(server, udp_got, sizeof(udp_got), MSG_DONTWAIT);
		assert_true(n == 1 || n == 2);
		/* Those of one client come in their order */
		k = (unsigned)n - 1;
		while (next[k] / 3 % 2 != k)
			next[k]++;
		assert_memory_equal(udp_got, udp_data + next[k]++, (size_t)n);
	}
	close(server);
	close(fd[0]);
	close(fd[1]);
}

/* Joined datagrams are the same datagrams at the other end */
static void gso(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port = 0, seen;
	size_t off;
	int server, fd, round;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	fd = loopback_at(s, &port);
	host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 1000);
	host_set_int(server, IPPROTO_UDP, UDP_SEGMENT, 700);
	for (round = 0; round < 2; round++) {
		client_send(fd, lo, PORT, 0, 10300);
		for (off = 0; off < 10300; off += 1000)
			seen = host_expect_udp(s, server, off,
					       MIN(1000, 10300 - off));
		client_send(server, lo, seen, 0, 10300);
		for (off = 0; off < 10300; off += 700)
			client_expect(s, fd, lo, PORT, off,
				      MIN(700, 10300 - off));
	}
	client_expect_nothing(s, fd);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 0);
	close(server);
	close(fd);
}

/* As the kernel can't cut datagrams beyond the MTU, nor may what was received
 * joined be sent as one datagram then
 */
static void gso_beyond_mtu(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port = 0;
	int server, fd, round;
	size_t off;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	fd = loopback_at(s, &port);
	for (round = 0; round < 2; round++) {
		host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 1400);
		client_send(fd, lo, PORT, 0, 7000);
		host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
		client_send(fd, lo, PORT, 0, 10);
		host_set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 1400);
		client_send(fd, lo, PORT, 0, 2800);
		own_netns_set_mtu(1280);
		for (off = 0; off < 7000; off += 1400)
			host_expect_udp(s, server, off, 1400);
		host_expect_udp(s, server, 0, 10);
		host_expect_udp(s, server, 0, 1400);
		host_expect_udp(s, server, 1400, 1400);
		own_netns_set_mtu(65536);
	}
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 0);
	close(server);
	close(fd);
}

/* scenario 37: nobody there makes no storm, and doesn't end the flow */
static void refused(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port = 0, seen;
	unsigned i, events;
	int server, fd;

	forward(s, PORT, TO_PORT);
	fd = loopback_at(s, &port);
	for (i = 0; i < 200; i++) {
		client_send(fd, lo, PORT, i, 10);
		if (i % 8 == 0)
			stack_settle(s);
	}
	stack_settle(s);
	events = s->events;
	stack_settle(s);
	assert_int_equal(s->events, events);
	assert_true(events < 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 1);

	server = loopback_at(s, &to);
	for (i = 0; i < 5; i++)
		client_send(fd, lo, PORT, i, 20);
	for (i = 0; i < 5; i++)
		seen = host_expect_udp(s, server, i, 20);
	/* The client is gone: the same the other way round */
	close(fd);
	for (i = 0; i < 100; i++) {
		client_send(server, lo, seen, i, 10);
		if (i % 8 == 0)
			stack_settle(s);
	}
	stack_settle(s);
	events = s->events;
	stack_settle(s);
	assert_int_equal(s->events, events);
	close(server);
}

/* A client that is gone costs others nothing */
static void client_gone(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port[2] = { 0 }, seen[2];
	int server, fd[2];
	unsigned i;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	for (i = 0; i < 2; i++) {
		fd[i] = loopback_at(s, &port[i]);
		client_send(fd[i], lo, PORT, i, 10);
		seen[i] = host_expect_udp(s, server, i, 10);
	}
	close(fd[0]);
	for (i = 0; i < 20; i++) {
		client_send(server, lo, seen[0], i, 10);
		client_send(server, lo, seen[1], i, 20);
		stack_turn(s, 0);
	}
	for (i = 0; i < 20; i++)
		client_expect(s, fd[1], lo, PORT, i, 20);
	close(fd[1]);
	close(server);
}

/* scenario 30: another loopback address is kept, there and back */
static void other_loopback(void **state)
{
	struct stack *s = *state;
	struct addr five = text_addr("127.0.0.5");
	struct addr nine = text_addr("127.0.0.9");
	uint16_t to[2] = { TO_PORT, TO_PORT }, port = 0, seen;
	int server[2], fd;

	forward(s, PORT, TO_PORT);
	server[0] = host_bind_udp(&addr_loopback[V4], &to[0]);
	server[1] = host_bind_udp(&five, &to[1]);
	fd = host_bind_udp(&nine, &port);
	client_send(fd, &five, PORT, 1, 10);
	seen = host_expect_udp(s, server[1], 1, 10);
	client_send(fd, &addr_loopback[V4], PORT, 2, 10);
	assert_int_not_equal(host_expect_udp(s, server[0], 2, 10), seen);
	/* scenario 38: the answer comes from the one that was contacted */
	client_send(server[1], &addr_loopback[V4], seen, 3, 10);
	client_expect(s, fd, &five, PORT, 3, 10);
	close(server[0]);
	close(server[1]);
	close(fd);
}

/* Only the target's answers get to a client */
static void stranger(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port = 0, strange = 0, seen;
	int server, fd, other;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	fd = loopback_at(s, &port);
	other = loopback_at(s, &strange);
	client_send(fd, lo, PORT, 0, 10);
	seen = host_expect_udp(s, server, 0, 10);
	/* The kernel itself refuses that */
	client_send(other, lo, seen, 0, 10);
	client_expect_nothing(s, fd);
	close(server);
	close(other);
	close(fd);
}

/* Ports that lead to each other don't keep a datagram for ever: the second one
 * doesn't even try to reach the other namespace
 */
static void circle(void **state)
{
	struct fwd_rule back = ports_rule(IPPROTO_UDP, TO_PORT, PORT);
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t port = 0;
	int fd;

	s->c.conf.splice = true;
	forward(s, PORT, TO_PORT);
	ports_add(s, &back);
	fd = loopback_at(s, &port);
	client_send(fd, lo, PORT, 0, 10);
	client_expect_nothing(s, fd);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 1);
	assert_int_equal(stack_stat(s, STAT_UDP_LOST), 1);
	assert_int_equal(stack_stat(s, STAT_FLOW_REFUSED), 0);

	client_send(fd, lo, TO_PORT, 0, 10);
	client_expect_nothing(s, fd);
	assert_int_equal(stack_stat(s, STAT_FLOW_REFUSED), 1);
	close(fd);
}

/* RFC 4787, REQ-5 and REQ-6; scenario 40 */
static void timeouts(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	unsigned fds = fd_count();
	uint16_t to = TO_PORT, port = 0, seen;
	int server, fd;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	fd = loopback_at(s, &port);
	client_send(fd, lo, PORT, 0, 10);
	host_expect_udp(s, server, 0, 10);
	stack_advance(s, UDP_ONEWAY_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 1);
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 0);

	client_send(fd, lo, PORT, 0, 10);
	seen = host_expect_udp(s, server, 0, 10);
	client_send(server, lo, seen, 0, 10);
	client_expect(s, fd, lo, PORT, 0, 10);
	stack_advance(s, UDP_REPLIED_MS - 1000);
	client_send(server, lo, seen, 0, 10);
	client_expect(s, fd, lo, PORT, 0, 10);
	stack_advance(s, UDP_REPLIED_MS - 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 1);
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 0);
	close(server);
	close(fd);
	/* But for the listener */
	assert_int_equal(fd_count(), fds + 1);
}

/* A rule that is removed takes its flows with it */
static void listener_closed(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	unsigned fds = fd_count();
	uint16_t to = TO_PORT, port = 0, again = PORT, seen;
	struct fwd_rule rule = ports_rule(IPPROTO_UDP, PORT, TO_PORT);
	int server, fd;

	forward(s, PORT, TO_PORT);
	rule.from = PLACE_NS;
	server = loopback_at(s, &to);
	fd = loopback_at(s, &port);
	client_send(fd, lo, PORT, 0, 10);
	seen = host_expect_udp(s, server, 0, 10);
	client_send(server, lo, seen, 0, 10);
	ports_remove(s, &rule);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 0);
	client_expect_nothing(s, fd);
	close(server);
	close(fd);
	assert_int_equal(fd_count(), fds);
	fd = loopback_at(s, &again);
	close(fd);
}

/* scenario 43: more clients than the table holds; the oldest ones go */
static void churn(void **state)
{
	struct stack *s = *state;
	const struct addr *lo = &addr_loopback[s->v];
	uint16_t to = TO_PORT, port, seen;
	int server, fd = -1;
	unsigned i;

	forward(s, PORT, TO_PORT);
	server = loopback_at(s, &to);
	for (i = 0; i < 3 * STACK_FLOWS; i++) {
		if (fd >= 0)
			close(fd);
		port = 0;
		fd = loopback_at(s, &port);
		client_send(fd, lo, PORT, i % 100, 10);
		seen = host_expect_udp(s, server, i % 100, 10);
	}
	assert_true(flow_count(s->c.flows, FLOW_UDP_SPLICE) <= STACK_FLOWS);
	client_send(server, lo, seen, 0, 10);
	client_expect(s, fd, lo, PORT, 0, 10);
	close(fd);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORTS_TEST(both_ways, v4),
		PORTS_TEST(both_ways, v6),
		PORTS_TEST(many, v4),
		PORTS_TEST(many, v6),
		PORTS_TEST(gso, v4),
		PORTS_TEST(gso, v6),
		PORTS_TEST(gso_beyond_mtu, v4),
		PORTS_TEST(gso_beyond_mtu, v6),
		PORTS_TEST(refused, v4),
		PORTS_TEST(refused, v6),
		PORTS_TEST(client_gone, v4),
		PORTS_TEST(client_gone, v6),
		PORTS_TEST(other_loopback, v4),
		PORTS_TEST(stranger, v4),
		PORTS_TEST(stranger, v6),
		PORTS_TEST(circle, v4),
		PORTS_TEST(circle, v6),
		PORTS_TEST(timeouts, v4),
		PORTS_TEST(timeouts, v6),
		PORTS_TEST(listener_closed, v4),
		PORTS_TEST(listener_closed, v6),
		PORTS_TEST(churn, v4),
		PORTS_TEST(churn, v6),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
