/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UDP_ENDS_H
#define UDP_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include "guest.h"
#include "stack.h"

#define UDP_HLEN		8
#define DATA_MAX		65536
#define GUEST_PORT		45678

/* Addresses of each IP version: two of hosts, one without a route, a group */
extern const char *const udp_remote_text[IPVER_MAX];
extern const char *const udp_other_text[IPVER_MAX];
extern const char *const udp_nowhere_text[IPVER_MAX];
extern const char *const udp_group_text[IPVER_MAX];

extern uint8_t udp_data[DATA_MAX];	/* What all datagrams consist of */
extern uint8_t udp_got[DATA_MAX];	/* What a host received last */
extern unsigned udp_link;	/* Interface that does multicast, 0 for none */

/**
 * struct dgram - what a guest sends, or a host gets
 * @src_port:	Source port, 0 for GUEST_PORT
 * @dst:	Destination
 * @dst_port:	Destination port
 * @len:	Bytes of udp_udp_data[] from @off
 * @off:	Offset in udp_udp_data[]
 * @ttl:	TTL, 0 for the default one
 * @tos:	TOS
 * @gso_size:	As in struct guest_out
 */
struct dgram {
	uint16_t src_port;
	struct addr dst;
	uint16_t dst_port;
	size_t len;
	size_t off;
	uint8_t ttl;
	uint8_t tos;
	uint16_t gso_size;
};

struct addr udp_remote(const struct stack *s);
int host_bind_udp(const struct addr *a, uint16_t *port);
uint16_t host_expect_udp(struct stack *s, int fd, size_t off, size_t len);
void host_reply_udp(struct stack *s, int fd, uint16_t port, size_t off,
		    size_t len);
void host_recv_hop(struct stack *s, int fd, int *ttl, int *tos);
void guest_send_dgram(struct stack *s, const struct dgram *d);
void guest_expect_udp(struct stack *s, struct guest_in *in, size_t off,
		      size_t len);
void guest_expect_nothing(struct stack *s);
unsigned guest_collect(struct stack *s, size_t size, size_t total);
void guest_send_fragmented(struct stack *s, const struct dgram *d);
void guest_expect_fragmented(struct stack *s, size_t len);
uint16_t udp_open_flow(struct stack *s, const struct addr *dst, int *fd,
		       uint16_t *port);
int udp_teardown(void **state);
int udp_run_tests(const struct CMUnitTest *tests, size_t count);

#define UDP_TEST(f, var)						\
	{ #f " " #var, (f), stack_setup, udp_teardown,			\
	  (void *)(uintptr_t)&(stack_##var) }

#define UDP_TESTS(f)							\
	UDP_TEST(f, v4), UDP_TEST(f, v6),				\
	UDP_TEST(f, v4_offload), UDP_TEST(f, v6_offload),		\
	UDP_TEST(f, v4_bytes), UDP_TEST(f, v6_bytes)

#endif /* UDP_ENDS_H */
