// SPDX-License-Identifier: BSD-3-Clause
/* stack.c - all of the program but main(), for frame-level tests
 *
 * A test is both ends: as the guest it exchanges frames through tap_mem.c, as
 * the host it has plain sockets on loopback, which the guest reaches through
 * the address that is mapped to the host's loopback. Time is ctx.now_ms and
 * only passes in stack_advance(); what the kernel does is waited for by
 * bounded loops, which end as soon as it has happened.
 *
 * stack_teardown() checks what holds after every test: no buffer kept, no
 * flow left once the guest has reset its connections, no descriptor leaked.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "demux.h"
#include "fd_count.h"
#include "flow.h"
#include "frag.h"
#include "guest_mac.h"
#include "guest_tcp.h"
#include "hooks.h"
#include "icmp.h"
#include "link.h"
#include "listen.h"
#include "log.h"
#include "ndp.h"
#include "opening.h"
#include "stack.h"
#include "tap_vu.h"
#include "tcp.h"
#include "tcp_conn.h"
#include "text_addr.h"
#include "timer.h"
#include "udp.h"
#include "vu.h"
#include "vu_front.h"

/* Turns without end mean that an event is never dealt with */
#define SETTLE_TURNS		2000
/* Turns in a row without any event after which nothing more is to come */
#define SETTLE_QUIET		2
#define SETTLE_WAIT_MS		1
#define SETTLE_POLLED_MS	(2 * VU_POLL_MAX_MS)

#define HOST_BUF		65536

#define V4_MTU			1500
#define BIG_MTU			65520

#define VARIANT(name_, v_, offload_, mtu_, ...)				\
	const struct stack_variant name_ = {				\
		.name = #name_, .v = (v_), .offload = (offload_),	\
		.mtu = (mtu_), __VA_ARGS__				\
	}

VARIANT(stack_v4, V4, false, V4_MTU, .from_guest.first = 0);
VARIANT(stack_v6, V6, false, V4_MTU, .from_guest.first = 0);
VARIANT(stack_v4_offload, V4, true, BIG_MTU, .from_guest.first = 0);
VARIANT(stack_v6_offload, V6, true, V4_MTU, .from_guest.first = 0);
/* One byte an element, once from the start and once around the TCP header */
VARIANT(stack_v4_bytes, V4, true, V4_MTU, .from_guest = { 36, 1 },
	.to_guest = { 1, 1 });
VARIANT(stack_v6_bytes, V6, false, V4_MTU, .from_guest = { 1, 1 },
	.to_guest = { 56, 1 });
VARIANT(stack_v4_twelve, V4, false, BIG_MTU, .from_guest = { 1, 12 },
	.to_guest = { 12, 12 });
VARIANT(stack_v6_twelve, V6, true, V4_MTU, .from_guest = { 12, 12 },
	.to_guest = { 1, 12 });

VARIANT(stack_v4_no_peek_off, V4, true, BIG_MTU, .no_peek_off = true);
VARIANT(stack_v6_no_peek_off, V6, false, V4_MTU, .no_peek_off = true);
VARIANT(stack_v4_no_meminfo, V4, true, BIG_MTU, .no_meminfo = true);

unsigned stack_step_us;
static uint64_t clock_us = 1;

static const uint8_t our_mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t guest_mac[MAC_LEN] = { 2, 0, 0, 0, 0, 2 };

/**
 * __asan_default_options() - The tables live as long as the process, so each
 *			      test leaves one behind
 *
 * Return: options
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/**
 * conf_init() - Configuration as options and host would have made it
 * @conf:	Configuration
 * @mtu:	Of the link
 */
static void conf_init(struct conf *conf, unsigned mtu)
{
	struct conf_ip *ip4 = &conf->ip[V4], *ip6 = &conf->ip[V6];

	conf->mode = MODE_PASTA;
	conf->mtu = mtu;
	conf->no_ra = true;
	memcpy(conf->our_mac, our_mac, MAC_LEN);
	memcpy(conf->ns_mac, guest_mac, MAC_LEN);

	ip4->enabled = true;
	ip4->addr = text_addr("192.0.2.2");
	ip4->prefix_len = 24;
	ip4->gw = text_addr("192.0.2.1");
	ip4->map_host_loopback = ip4->gw;

	ip6->enabled = true;
	ip6->addr = text_addr("2001:db8::2");
	ip6->prefix_len = 64;
	ip6->gw = text_addr("2001:db8::1");
	ip6->map_host_loopback = ip6->gw;
	ip6->our_ll = text_addr("fe80::1");
}

/**
 * tap_init() - Port to the guest
 * @c:		Context, its configuration complete
 * @var:	Circumstances
 */
static void tap_init(struct ctx *c, const struct stack_variant *var)
{
	struct tap_caps caps = {
		.csum = var->offload,
		.tso4 = var->offload,
		.tso6 = var->offload,
		.uso = var->offload,
		.len_max = FRAME_LEN_MAX,
	};

	if (!var->offload)
		caps.len_max = ETH_HLEN + var->mtu;

	c->tap.mtu = var->mtu;
	c->tap.epollfd = c->epollfd;
	if (var->shape) {
		tap_vu_init(&c->tap);
	} else {
		tap_mem_open(&c->tap, &caps);
		tap_mem_set_scatter(&c->tap, &var->from_guest, &var->to_guest);
	}
	memcpy(c->tap.our_mac, our_mac, MAC_LEN);
	memcpy(c->tap.guest_mac, guest_mac, MAC_LEN);
	c->tap.guest_addr[V4] = c->conf.ip[V4].addr;
	c->tap.guest_addr[V6] = c->conf.ip[V6].addr;
	c->tap.guest_ll = text_addr("fe80::2");
	c->tap.macs = guest_macs_new();
	c->tap.pcap_fd = -1;
	c->tap.stats = &c->stats;
}

/**
 * step_clock() - Clock of opening.c, which only that moves on
 *
 * Return: microseconds
 */
static uint64_t step_clock(void)
{
	return clock_us += stack_step_us;
}

/**
 * stack_setup() - Set up everything as main() would
 * @state:	Points to the circumstances, then to the new struct stack
 *
 * Return: 0
 */
int stack_setup(void **state)
{
	const struct stack_variant *var = *state;
	struct stack *s = calloc(1, sizeof(*s));
	struct ctx *c = &s->c;

	log_set_level(getenv("STACK_DEBUG") ? LOG_LEVEL_TRACE : LOG_LEVEL_ERR);
	if (getenv("STACK_DEBUG"))
		setbuf(stdout, NULL);
	s->fds = fd_count();
	s->var = var;
	s->v = var->v;
	s->port = 40000;
	c->now_ms = STACK_START_MS;
	c->epollfd = epoll_create1(EPOLL_CLOEXEC);
	conf_init(&c->conf, var->mtu);
	tap_init(c, var);
	s->guest = c->conf.ip[s->v].addr;
	s->host = c->conf.ip[s->v].map_host_loopback;

	hook_no_peek_off = var->no_peek_off;
	hook_no_meminfo = var->no_meminfo;
	hook_rmem = 0;
	hook_sndbuf = 0;
	hook_bad_fd = false;
	c->wheel = calloc(1, sizeof(*c->wheel));
	timer_init(c->wheel, c->now_ms);
	c->flows = flow_table_new(STACK_FLOWS);
	c->frag = frag_new(&c->stats);
	stack_step_us = 0;
	c->opening = opening_new(step_clock);
	tcp_init(c);
	udp_init(c);
	icmp_init(c);
	ndp_init(c);
	if (var->shape)
		vu_front_new(s, var->shape);
	*state = s;
	return 0;
}

/**
 * stack_stat() - Value of a counter
 * @s:		Stack
 * @what:	Counter
 *
 * Return: its value
 */
uint64_t stack_stat(const struct stack *s, enum stat_id what)
{
	return s->c.stats.count[what];
}

/**
 * end_connections() - Have the guest reset all its connections
 * @s:		Stack
 */
static void end_connections(struct stack *s)
{
	unsigned i;

	if (!s->front) {
		tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
		tap_mem_lose(&s->c.tap, 0);
	}
	for (i = 0; i < s->conn_count; i++) {
		struct guest_tcp *g = s->conns[i];
		struct seg seg;

		guest_tcp_drain(g);
		seg_init(g, &seg, F_RST | F_ACK);
		seg.seq = g->snd_una;
		guest_tcp_put(g, &seg);
		seg.seq = g->snd_nxt;
		guest_tcp_put(g, &seg);
		stack_settle(s);
		free(g);
	}
	s->conn_count = 0;
}

/**
 * teardown_mem() - Check the back-end in memory, and free it
 * @s:		Stack
 */
static void teardown_mem(struct stack *s)
{
	const struct tap_mem_check *check = tap_mem_check(&s->c.tap);

	assert_int_equal(check->reserved, 0);
	assert_int_equal(check->lent, 0);
	assert_int_equal(check->misused, 0);
	assert_int_equal(check->too_long, 0);
	tap_mem_close(&s->c.tap);
}

/**
 * teardown_vu() - Check the vhost-user device, and free it
 * @s:		Stack
 */
static void teardown_vu(struct stack *s)
{
	struct vu *vu = s->c.tap.priv;
	unsigned i;

	for (i = 0; i < VU_SLOTS; i++)
		assert_int_equal(vu->to_guest.slots[i].buf_cnt, 0);
	assert_int_equal(vu->to_guest.first, vu->to_guest.end);
	assert_int_equal(vu->lent_cnt, 0);
	vu_front_free(s->front);
	assert_int_equal(vu->mem.count, 0);
	close(vu->poll_fd);
	free(vu);
}

/**
 * stack_teardown() - Check that nothing is left over and free it
 * @state:	The struct stack
 *
 * Return: 0
 */
int stack_teardown(void **state)
{
	struct stack *s = *state;
	struct tap_mem_frame f;

	stack_settle(s);
	end_connections(s);
	while (stack_pop(s, &f))
		;
	assert_int_equal(flow_count(s->c.flows, FLOW_TCP), 0);
	assert_false(hook_bad_fd);
	if (s->front)
		teardown_vu(s);
	else
		teardown_mem(s);

	close(s->c.epollfd);
	assert_int_equal(fd_count(), s->fds);
	/* The one that is large: with 32 bits, not many of it fit */
	free(s->c.tcp->pool.data);
	free(s->c.wheel);
	free(s);
	return 0;
}

/**
 * stack_push() - Have the guest send a frame
 * @s:		Stack
 * @vnet:	Offload header, NULL for none
 * @data:	Frame, copied
 * @len:	Its length
 *
 * Return: false if there is no room for it
 */
bool stack_push(struct stack *s, const struct virtio_net_hdr_v1 *vnet,
		const void *data, size_t len)
{
	static const struct virtio_net_hdr_v1 none;

	if (s->front)
		return vu_front_push(s->front, vnet ? vnet : &none, data, len);
	return tap_mem_push(&s->c.tap, vnet, data, len);
}

/**
 * stack_pop() - Take the oldest frame that was sent to the guest
 * @s:		Stack
 * @f:		Set to the frame; its data is valid until the next call
 *
 * Return: false if there is none
 */
bool stack_pop(struct stack *s, struct tap_mem_frame *f)
{
	if (s->front)
		return vu_front_pop(s->front, f);
	return tap_mem_pop(&s->c.tap, f);
}

/**
 * stack_turn() - One turn of the loop
 * @s:		Stack
 * @timeout_ms:	How long to wait for an event
 */
void stack_turn(struct stack *s, int timeout_ms)
{
	struct epoll_event ev[PASST_EVENTS_MAX];
	bool is_idle = !flow_any_ready(&s->c);
	struct ctx *c = &s->c;
	union event_ref ref;
	int i, n;

	n = epoll_wait(c->epollfd, ev, PASST_EVENTS_MAX, timeout_ms);
	c->now_us = clock_us;
	for (i = 0; i < n; i++) {
		ref.u64 = ev[i].data.u64;
		if (ref.type == EVENT_LISTEN) {
			listen_event(c, ref.index, ev[i].events);
		} else if (ref.type == EVENT_TAP) {
			link_event(c, (int)ref.index, ev[i].events);
			/* A device that polls never ceases to do so */
			if (s->front && s->front->shape.no_kick)
				continue;
		} else {
			assert_int_equal(ref.type, EVENT_FLOW);
			flow_handle_event(c, ref.index, ref.side, ev[i].events);
		}
		s->events++;
	}
	while (s->front ? c->tap.more && !c->tap.failed :
			  tap_mem_from_guest(&c->tap) > 0) {
		demux_from_guest(c);
		is_idle = false;
	}
	flow_resume(c);
	demux_waiting(c, is_idle && !n);
	if (c->listen)
		listen_release(c);
	timer_run(c->wheel, c->now_ms, c);
	flow_end_turn(c);
	tap_flush(&c->tap);
}

/**
 * stack_settle() - Turns of the loop until nothing happens any more
 * @s:		Stack
 *
 * Fails if events don't come to an end.
 */
void stack_settle(struct stack *s)
{
	bool polled = s->front && s->front->shape.no_kick;
	unsigned turns, quiet = 0, before;

	for (turns = 0; quiet < SETTLE_QUIET; turns++) {
		assert_true(turns < SETTLE_TURNS);
		before = s->events;
		stack_turn(s, polled ? SETTLE_POLLED_MS : SETTLE_WAIT_MS);
		if (s->events == before && !opening_count(&s->c))
			quiet++;
		else
			quiet = 0;
	}
}

/**
 * stack_advance() - Let time pass, timers run when they are due
 * @s:		Stack
 * @ms:		Milliseconds
 */
void stack_advance(struct stack *s, uint64_t ms)
{
	struct ctx *c = &s->c;
	uint64_t end = c->now_ms + ms;

	while (c->now_ms < end) {
		int next = timer_next_ms(c->wheel, c->now_ms);
		uint64_t step = end - c->now_ms;

		if (next >= 0 && (uint64_t)next < step)
			step = next ? (uint64_t)next : 1;
		c->now_ms += step;
		stack_turn(s, 0);
	}
	stack_settle(s);
}

/**
 * host_listen() - Listen on the host's loopback address
 * @s:		Stack
 * @port:	Set to the port
 *
 * Return: descriptor, to be closed by the test
 */
int host_listen(struct stack *s, uint16_t *port)
{
	union sockaddr_any sa;
	socklen_t sl;
	int fd;

	sl = addr_to_sockaddr(&sa, &addr_loopback[s->v], 0, 0);
	fd = socket(addr_family(s->v), SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa.sa, sl), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, &sa.sa, &sl), 0);
	*port = ntohs(s->v == V4 ? sa.v4.sin_port : sa.v6.sin6_port);
	return fd;
}

/**
 * host_wait() - Wait for a socket
 * @fd:		Descriptor
 * @events:	Of poll(2)
 * @timeout_ms:	How long at most
 *
 * Return: true if any of @events, an error or a hang-up is there
 */
bool host_wait(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) == 1;
}

/**
 * host_accept() - Accept a connection
 * @listener:	Descriptor that listens
 *
 * Return: non-blocking descriptor, to be closed by the test
 */
int host_accept(int listener)
{
	int fd;

	assert_true(host_wait(listener, POLLIN, HOST_WAIT_MS));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	return fd;
}

/**
 * host_set_int() - Set a socket option
 * @fd:		Descriptor
 * @level:	Its level
 * @opt:	The option
 * @value:	What to set it to
 */
void host_set_int(int fd, int level, int opt, int value)
{
	assert_int_equal(setsockopt(fd, level, opt, &value, sizeof(value)), 0);
}

/**
 * host_write() - Write part of the pattern, all of it at once
 * @fd:		Descriptor
 * @offset:	Where in the pattern
 * @len:	How much
 */
void host_write(int fd, uint64_t offset, size_t len)
{
	uint8_t *buf = malloc(len);

	pattern_fill(buf, offset, len);
	assert_int_equal(send(fd, buf, len, MSG_NOSIGNAL), len);
	free(buf);
}

/**
 * host_read() - Read part of the pattern, the loop turning
 * @s:		Stack
 * @fd:		Descriptor
 * @offset:	Where in the pattern
 * @len:	How much, fails if there isn't as much
 */
void host_read(struct stack *s, int fd, uint64_t offset, size_t len)
{
	static uint8_t buf[HOST_BUF];
	int idle = 0;
	ssize_t n;

	while (len) {
		stack_turn(s, 0);
		n = recv(fd, buf, MIN(len, sizeof(buf)), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			assert_true(idle++ < HOST_WAIT_MS / 10);
			host_wait(fd, POLLIN, 10);
			continue;
		}
		assert_true(n > 0);
		pattern_check(buf, offset, (size_t)n);
		offset += (size_t)n;
		len -= (size_t)n;
		idle = 0;
	}
}

/**
 * host_end() - Read until something else than EAGAIN comes
 * @s:		Stack
 * @fd:		Descriptor
 *
 * Return: number of bytes, 0 for the end, -errno
 */
static int host_end(struct stack *s, int fd)
{
	ssize_t n;
	char byte;
	int i;

	for (i = 0; i < HOST_WAIT_MS / 10; i++) {
		stack_turn(s, 0);
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (n >= 0)
			return (int)n;
		if (errno != EAGAIN)
			return -errno;
		host_wait(fd, POLLIN, 10);
	}
	return -EAGAIN;
}

/**
 * host_expect_eof() - The stream must end here
 * @s:		Stack
 * @fd:		Descriptor
 */
void host_expect_eof(struct stack *s, int fd)
{
	assert_int_equal(host_end(s, fd), 0);
}

/**
 * host_expect_reset() - The connection must be reset
 * @s:		Stack
 * @fd:		Descriptor
 */
void host_expect_reset(struct stack *s, int fd)
{
	assert_int_equal(host_end(s, fd), -ECONNRESET);
}

/**
 * host_expect_quiet() - There must be nothing to read, and no end
 * @s:		Stack
 * @fd:		Descriptor
 */
void host_expect_quiet(struct stack *s, int fd)
{
	char byte;

	stack_settle(s);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/**
 * host_reset() - Close a connection by a reset
 * @fd:		Descriptor
 */
void host_reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER,
				    &linger, sizeof(linger)), 0);
	close(fd);
}

/**
 * pattern_byte() - Byte of the pattern
 * @offset:	Where
 *
 * Return: the byte
 */
static uint8_t pattern_byte(uint64_t offset)
{
	return (uint8_t)((offset * 2654435761U) >> 16 ^ offset >> 8);
}

/**
 * pattern_fill() - Part of the pattern
 * @buf:	Where to put it
 * @offset:	Where in the pattern it starts
 * @len:	How much
 */
void pattern_fill(void *buf, uint64_t offset, size_t len)
{
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pattern_byte(offset + i);
}

/**
 * pattern_check() - Fail if this isn't the part of the pattern
 * @buf:	What there is
 * @offset:	Where in the pattern it should start
 * @len:	How much
 */
void pattern_check(const void *buf, uint64_t offset, size_t len)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] != pattern_byte(offset + i))
			fail_msg("byte %llu of the stream is wrong",
				 (unsigned long long)(offset + i));
	}
}
