/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PORTS_H
#define PORTS_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "fwd.h"
#include "stack.h"

struct fwd_rule ports_rule(uint8_t proto, uint16_t port, uint16_t to);
void ports_open(struct stack *s);
void ports_add(struct stack *s, const struct fwd_rule *rule);
void ports_remove(struct stack *s, const struct fwd_rule *rule);
void ports_place(struct stack *s, uint16_t port, uint8_t place);
bool ports_move(struct stack *s, uint16_t port, int add);
void ports_close(struct stack *s);

/* Clients: plain datagram sockets */
void client_send(int fd, const struct addr *dst, uint16_t port, size_t off,
		 size_t len);
void client_expect(struct stack *s, int fd, const struct addr *src,
		   uint16_t port, size_t off, size_t len);
void client_expect_nothing(struct stack *s, int fd);

int ports_udp_setup(void **state);
int ports_udp_teardown(void **state);

#define PORTS_TEST(f, var)						\
	{ #f " " #var, (f), ports_udp_setup, ports_udp_teardown,	\
	  (void *)(uintptr_t)&(stack_##var) }

#define PORTS_TESTS(f)							\
	PORTS_TEST(f, v4), PORTS_TEST(f, v6),				\
	PORTS_TEST(f, v4_offload), PORTS_TEST(f, v6_offload),		\
	PORTS_TEST(f, v4_bytes), PORTS_TEST(f, v6_bytes)

#endif /* PORTS_H */
