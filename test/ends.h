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

/**
 * ends_fill_up() - Send as much as the window takes while the host doesn't read
 * @e:		Connection
 *
 * Return: bytes sent
 */
static inline uint64_t ends_fill_up(struct ends *e)
{
	struct guest_tcp *g = e->g;
	uint64_t total = 0;
	struct seg seg;
	int idle = 0;

	while (idle < 3) {
		int32_t room = seq_diff(g->snd_una + g->peer_wnd, g->snd_nxt);

		if (room > 0) {
			room = MIN(room, g->peer_mss);
			guest_tcp_send(g, F_ACK, (size_t)room);
			total += (uint64_t)room;
			stack_turn(e->s, 0);
			assert_true(total < 256 << 20);
		} else {
			stack_settle(e->s);
			idle++;
		}
		while (guest_tcp_recv(g, &seg))
			idle = 0;
	}
	return total;
}

#endif /* ENDS_H */
