/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STACK_H
#define STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "passt.h"
#include "tap_mem.h"

/* cmocka.h wants these before it, and is wanted by every frame-level test */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct guest_tcp;
struct vu_front;
struct vu_shape;

#define STACK_CONNS		64	/* Connections of the guest in a test */
#define STACK_FLOWS		1024	/* Size of the flow table */
#define STACK_START_MS		1000000	/* Where the fake clock starts */

/**
 * struct stack_variant - under what circumstances a test runs
 * @name:		Appended to the name of the test
 * @v:			IP version the guest uses
 * @offload:		The link takes partial checksums and GSO frames
 * @no_peek_off:	The kernel has no SO_PEEK_OFF for TCP
 * @no_meminfo:		The kernel doesn't tell how full a socket is
 * @mtu:		Of the link
 * @from_guest:		How buffers of frames from the guest are cut
 * @to_guest:		How buffers of frames to the guest are cut
 * @shape:		The guest is behind a vhost-user device, and its
 *			driver is like this, instead of the two above; or NULL
 */
struct stack_variant {
	const char *name;
	enum ipver v;
	bool offload;
	bool no_peek_off;
	bool no_meminfo;
	unsigned mtu;
	struct tap_mem_scatter from_guest;
	struct tap_mem_scatter to_guest;
	const struct vu_shape *shape;
};

extern const struct stack_variant stack_v4;
extern const struct stack_variant stack_v6;
extern const struct stack_variant stack_v4_offload;
extern const struct stack_variant stack_v6_offload;
extern const struct stack_variant stack_v4_bytes;
extern const struct stack_variant stack_v6_bytes;
extern const struct stack_variant stack_v4_twelve;
extern const struct stack_variant stack_v6_twelve;
extern const struct stack_variant stack_v4_no_peek_off;
extern const struct stack_variant stack_v6_no_peek_off;
extern const struct stack_variant stack_v4_no_meminfo;

/**
 * struct stack - everything but main(), between a guest and host sockets that
 *		  are both the test
 * @c:		The stack's own context
 * @var:	Circumstances
 * @front:	Front-end and driver of its device, NULL for the back-end in
 *		memory
 * @v:		IP version, from @var
 * @guest:	The guest's address
 * @host:	What the guest calls the host's loopback address
 * @near:	A neighbour of the host, unset for none
 * @near_mac:	Its MAC address, which frames from there must have
 * @conns:	The guest's connections
 * @conn_count:	How many
 * @fds:	Descriptors open before anything was set up
 * @events:	Events of sockets handled so far
 * @port:	Port of the guest used last
 * @has_bridge:	Several machines are on the guest's link: frames may be for
 *		another one than spoke last
 */
struct stack {
	struct ctx c;
	const struct stack_variant *var;
	struct vu_front *front;
	enum ipver v;
	struct addr guest;
	struct addr host;
	struct addr near;
	uint8_t near_mac[MAC_LEN];
	struct guest_tcp *conns[STACK_CONNS];
	unsigned conn_count;
	unsigned fds;
	unsigned events;
	uint16_t port;
	bool has_bridge;
};

extern unsigned stack_step_us;	/* What a look at its clock takes opening.c */

int stack_setup(void **state);
int stack_teardown(void **state);
bool stack_push(struct stack *s, const struct virtio_net_hdr_v1 *vnet,
		const void *data, size_t len);
bool stack_pop(struct stack *s, struct tap_mem_frame *f);
void stack_turn(struct stack *s, int timeout_ms);
void stack_settle(struct stack *s);
void stack_advance(struct stack *s, uint64_t ms);
uint64_t stack_stat(const struct stack *s, enum stat_id what);

/* A row of a cmocka table: function @f under the circumstances @var */
#define STACK_TEST(f, var)						\
	{ #f " " #var, (f), stack_setup, stack_teardown,		\
	  (void *)(uintptr_t)&(stack_##var) }

/* The host's side: plain sockets on loopback */
#define HOST_WAIT_MS		5000

int host_listen(struct stack *s, uint16_t *port);
int host_accept(int listener);
void host_set_int(int fd, int level, int opt, int value);
bool host_wait(int fd, short events, int timeout_ms);
void host_write(int fd, uint64_t offset, size_t len);
void host_read(struct stack *s, int fd, uint64_t offset, size_t len);
void host_expect_eof(struct stack *s, int fd);
void host_expect_reset(struct stack *s, int fd);
void host_expect_quiet(struct stack *s, int fd);
void host_reset(int fd);

/* What every stream of data consists of, so that a byte tells where it was */
void pattern_fill(void *buf, uint64_t offset, size_t len);
void pattern_check(const void *buf, uint64_t offset, size_t len);

#endif /* STACK_H */
