// SPDX-License-Identifier: BSD-3-Clause
/* ports.c - forwarded ports of the frame-level tests, and clients of them
 *
 * Rules are added and removed by the functions that serve at run time, without
 * those of the options: ports that others have bound are never looked for.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "flow.h"
#include "listen.h"
#include "listen_tab.h"
#include "ports.h"
#include "udp.h"
#include "udp_ends.h"

/**
 * ports_rule() - Rule for a port of the host, any address, both IP versions
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @port:	Port
 * @to:		Port it goes to
 *
 * Return: the rule
 */
struct fwd_rule ports_rule(uint8_t proto, uint16_t port, uint16_t to)
{
	return (struct fwd_rule){
		.proto = proto, .from = PLACE_HOST,
		.first = port, .last = port, .to_first = to,
	};
}

/**
 * ports_open() - Prepare for rules
 * @s:		Stack
 */
void ports_open(struct stack *s)
{
	struct listeners *ls = calloc(1, sizeof(*ls));
	unsigned i;

	assert_non_null(ls);
	ls->all = calloc(LISTEN_MAX, sizeof(*ls->all));
	assert_non_null(ls->all);
	ls->free = ls->held = LISTEN_NONE;
	for (i = 0; i < FWD_RULES_MAX; i++)
		ls->head[i] = LISTEN_NONE;
	memset(ls->files, 0xff, sizeof(ls->files));
	s->c.listen = ls;
}

/**
 * ports_add() - Add a rule
 * @s:		Stack
 * @rule:	Rule, of the host
 */
void ports_add(struct stack *s, const struct fwd_rule *rule)
{
	char why[LISTEN_WHY_MAX];

	if (listen_add(&s->c, rule, why, sizeof(why)))
		fail_msg("%s", why);
}

/**
 * ports_remove() - Remove a rule
 * @s:		Stack
 * @rule:	Rule
 */
void ports_remove(struct stack *s, const struct fwd_rule *rule)
{
	assert_int_equal(listen_remove(&s->c, rule), 0);
	stack_turn(s, 0);
}

/**
 * ports_place() - Have a port seem to be in another namespace
 * @s:		Stack
 * @port:	Port
 * @place:	PLACE_NS
 */
void ports_place(struct stack *s, uint16_t port, uint8_t place)
{
	struct fwd_table *t = &s->c.listen->table;
	unsigned i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		if (t->rules[i].first == port)
			t->rules[i].from = place;
	}
}

/**
 * ports_move() - Give the listener of a port another descriptor
 * @s:		Stack
 * @port:	Port, of one listener
 * @add:	What to add to the descriptor's number
 *
 * Return: false if our limit of descriptors doesn't allow it
 */
bool ports_move(struct stack *s, uint16_t port, int add)
{
	struct listener *l = s->c.listen->all;
	struct rlimit lim;
	int fd;

	while (l->fd < 0 || l->port != port)
		l++;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	lim.rlim_cur = lim.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
	fd = fcntl(l->fd, F_DUPFD_CLOEXEC, l->fd + add);
	if (fd < 0)
		return false;
	assert_int_equal(fd, l->fd + add);
	/* Events of the socket come as long as it is open */
	close(l->fd);
	l->fd = fd;
	return true;
}

/**
 * ports_close() - Remove all rules
 * @s:		Stack
 */
void ports_close(struct stack *s)
{
	struct listeners *ls = s->c.listen;
	struct fwd_rule rule;
	unsigned i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		rule = ls->table.rules[i];
		if (rule.proto)
			ports_remove(s, &rule);
	}
	free(ls->all);
	free(ls);
	s->c.listen = NULL;
}

/**
 * client_send() - Have a client send a datagram
 * @fd:		Its socket
 * @dst:	Where to
 * @port:	Port there
 * @off:	Part of udp_data[]
 * @len:	Its length
 */
void client_send(int fd, const struct addr *dst, uint16_t port, size_t off,
		 size_t len)
{
	union sockaddr_any sa;
	socklen_t sl = addr_to_sockaddr(&sa, dst, port, 0);

	assert_int_equal(sendto(fd, udp_data + off, len, 0, &sa.sa, sl), len);
}

/**
 * client_expect() - A client must get a datagram
 * @s:		Stack
 * @fd:		Its socket
 * @src:	Where from
 * @port:	Port there
 * @off:	Its data is this part of udp_data[]
 * @len:	Its length
 */
void client_expect(struct stack *s, int fd, const struct addr *src,
		   uint16_t port, size_t off, size_t len)
{
	union sockaddr_any sa;
	socklen_t sl = sizeof(sa);
	uint16_t from_port;
	struct addr from;
	ssize_t n;
	int i;

	for (i = 0; i < HOST_WAIT_MS / 10 && !host_wait(fd, POLLIN, 0); i++)
		stack_turn(s, 10);
	n = recvfrom(fd, udp_got, sizeof(udp_got), MSG_DONTWAIT, &sa.sa, &sl);
	assert_int_equal(n, len);
	assert_memory_equal(udp_got, udp_data + off, len);
	assert_true(addr_from_sockaddr(&sa, &from, &from_port));
	assert_true(addr_is_equal(&from, src));
	assert_int_equal(from_port, port);
}

/**
 * client_expect_nothing() - A client must get nothing more
 * @s:		Stack
 * @fd:		Its socket
 */
void client_expect_nothing(struct stack *s, int fd)
{
	stack_settle(s);
	assert_int_equal(recv(fd, udp_got, sizeof(udp_got), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/**
 * ports_udp_setup() - As stack_setup(), ready for rules
 * @state:	Points to the circumstances, then to the new struct stack
 *
 * Return: 0
 */
int ports_udp_setup(void **state)
{
	stack_setup(state);
	ports_open(*state);
	return 0;
}

/**
 * ports_udp_teardown() - Remove all rules, and check that their flows are gone
 * @state:	The struct stack
 *
 * Return: 0
 */
int ports_udp_teardown(void **state)
{
	struct stack *s = *state;

	ports_close(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP_SPLICE), 0);
	return udp_teardown(state);
}
