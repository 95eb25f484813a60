/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENDS_H
#define ENDS_H

#include <unistd.h>

#include "flow.h"
#include "guest_tcp.h"
#include "stack.h"

/**
 * struct ends - a connection and both its ends
 * @s:		Stack
 * @g:		The guest's end
 * @listener:	The host's listening socket
 * @fd:		The host's end
 */
struct ends {
	struct stack *s;
	struct guest_tcp *g;
	int listener;
	int fd;
};

/**
 * ends_open() - Connect
 * @state:	Of the test
 *
 * Return: an established connection
 */
static inline struct ends ends_open(void **state)
{
	struct ends e = { .s = *state };
	uint16_t port;

	e.listener = host_listen(e.s, &port);
	e.g = guest_tcp_new(e.s, port);
	e.fd = guest_tcp_connect(e.g, e.listener);
	return e;
}

/**
 * ends_close() - Close the host's sockets
 * @e:		Connection
 */
static inline void ends_close(struct ends *e)
{
	close(e->fd);
	close(e->listener);
}

/**
 * expect_flows() - How many connections must there be?
 * @s:		Stack
 * @count:	Number
 */
static inline void expect_flows(struct stack *s, uint32_t count)
{
	stack_settle(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_TCP), count);
}

#endif /* ENDS_H */
