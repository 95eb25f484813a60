// SPDX-License-Identifier: BSD-3-Clause
/* frame_vu.c - the whole stack behind a vhost-user device
 *
 * The same things happen for drivers of all shapes: see shapes[]. What the
 * guest gets is checked by guest.c and guest_tcp.c, as for any other back-end.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "ends.h"
#include "guest.h"
#include "guest_tcp.h"
#include "stack.h"
#include "udp_ends.h"
#include "vu.h"
#include "vu_front.h"
#include "vu_msg.h"

#define F(n)		(1ULL << (n))
#define BASIC		(F(VIRTIO_F_VERSION_1) | F(30))
#define OFFLOAD		(F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_GUEST_CSUM) | \
			 F(VIRTIO_NET_F_GUEST_TSO4) | F(54) | F(55) | F(56) | \
			 F(VIRTIO_NET_F_GUEST_TSO6) | \
			 F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6))
#define MERGE		F(VIRTIO_NET_F_MRG_RXBUF)
#define EVENT_IDX	F(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT	F(VIRTIO_RING_F_INDIRECT_DESC)

#define BIG		65562	/* virtio 1.3, 5.1.6.3.1 */

#define SHAPE(name_, mtu_, ...)						\
	static const struct vu_shape shape_##name_ = { __VA_ARGS__ };	\
	static const struct stack_variant stack_##name_##_v4 = {	\
		.name = #name_, .v = V4, .mtu = (mtu_),			\
		.shape = &shape_##name_,				\
	};								\
	static const struct stack_variant stack_##name_##_v6 = {	\
		.name = #name_, .v = V6, .mtu = (mtu_),			\
		.shape = &shape_##name_,				\
	}

/* As Linux does it, with MTU 1500 and 65520 */
SHAPE(linux_1500, 1500, .size = 256, .rx_len = 1536, .indirect = true,
      .features = BASIC | OFFLOAD | MERGE | EVENT_IDX | INDIRECT);
SHAPE(linux_65520, 65520, .size = 256, .rx_len = 4096, .first = 12,
      .indirect = true,
      .features = BASIC | OFFLOAD | MERGE | EVENT_IDX | INDIRECT);
/* Nothing negotiated, and old drivers */
SHAPE(plain, 1500, .size = 64, .rx_len = 1526, .features = BASIC);
SHAPE(legacy, 1500, .size = 64, .rx_len = 1524, .first = 10, .features = F(30));
SHAPE(legacy_merge, 1500, .size = 256, .rx_len = 1526, .first = 12,
      .features = F(30) | OFFLOAD | MERGE);
/* Large buffers, as if for merging nothing were known */
SHAPE(big, 1500, .size = 256, .rx_len = BIG, .first = 12, .piece = 4096,
      .features = BASIC | OFFLOAD | EVENT_IDX);
SHAPE(big_65520, 65520, .size = 64, .rx_len = BIG, .first = 1,
      .features = BASIC | OFFLOAD | EVENT_IDX);
/* First descriptors of one and twelve bytes */
SHAPE(one_byte, 1500, .size = 256, .rx_len = 2048, .first = 1, .idx = 65500,
      .features = BASIC | MERGE | EVENT_IDX);
SHAPE(one_byte_offload, 1500, .size = 256, .rx_len = 2048, .first = 1,
      .indirect = true, .idx = 65500,
      .features = BASIC | OFFLOAD | MERGE | EVENT_IDX | INDIRECT);
SHAPE(twelve_bytes, 1500, .size = 256, .rx_len = 1600, .first = 12,
      .piece = 100, .idx = 65000, .indirect = true,
      .features = BASIC | MERGE | INDIRECT);
/* All in small pieces, as many as a frame to the guest may have */
SHAPE(pieces, 1500, .size = 256, .rx_len = 1526, .first = 14, .piece = 24,
      .indirect = true, .features = BASIC | INDIRECT);
/* Nobody wakes us up */
SHAPE(polled, 1500, .size = 256, .rx_len = 1536, .no_kick = true,
      .features = BASIC | OFFLOAD | MERGE);
/* So few buffers that a long frame never fits */
SHAPE(short_ring, 1500, .size = 16, .rx_len = 1536, .indirect = true,
      .features = BASIC | OFFLOAD | MERGE | EVENT_IDX | INDIRECT);
/* Buffers for usual Ethernet, though the MTU is larger */
SHAPE(short_buffers, 65520, .size = 256, .rx_len = 1526,
      .features = BASIC | EVENT_IDX);

#define DATA	(1U << 20)

/* TCP both ways, more than all buffers of the guest */
static void tcp_data(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_upload(e.g, e.fd, DATA);
	guest_tcp_download(e.g, e.fd, DATA);
	ends_close(&e);
}

/* UDP both ways: little, as much as fits in a frame, more than that */
static void udp_data_both_ways(void **state)
{
	/* The last one takes fifteen frames, no ring has fewer buffers */
	static const size_t len[] = { 0, 1, 1400, 1472, 9000, 20000 };
	struct stack *s = *state;
	uint16_t port = 0, from;
	size_t i;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		struct dgram d = {
			.dst = s->host, .dst_port = port, .len = len[i],
		};

		host_reply_udp(s, fd, from, 0, len[i]);
		guest_expect_fragmented(s, len[i]);
		if (len[i] <= 1400)
			guest_send_dgram(s, &d);
		else
			guest_send_fragmented(s, &d);
		host_expect_udp(s, fd, 0, len[i]);
	}
	guest_expect_nothing(s);
	close(fd);
}

/* Frames from the guest in more pieces than one call can tell: several of them
 * in one batch, with others in between
 */
static void scattered_frames_from_guest(void **state)
{
	struct stack *s = *state;
	uint16_t port = 0;
	unsigned i;
	int fd;

	udp_open_flow(s, NULL, &fd, &port);
	s->front->shape.first = s->front->shape.piece = 1;
	for (i = 0; i < 10; i++) {
		struct dgram d = {
			.dst = s->host, .dst_port = port, .off = i,
			.len = i % 3 == 2 ? 2 : 100 + i,
		};

		guest_send_dgram(s, &d);
	}
	for (i = 0; i < 10; i++)
		host_expect_udp(s, fd, i, i % 3 == 2 ? 2 : 100 + i);
	close(fd);
}

/* Paused and resumed while data goes both ways: nothing is lost, nothing is
 * sent twice
 */
static void guest_is_paused(void **state)
{
	struct ends e = ends_open(state);
	struct vu_front *f = e.s->front;
	unsigned i;

	for (i = 0; i < 20; i++) {
		guest_tcp_upload(e.g, e.fd, 3000 * i + 1);
		host_write(e.fd, e.g->count, 20000);
		vu_front_stop(f);
		assert_int_equal(f->base[FRONT_RX],
				 f->ring[FRONT_RX].used->idx);
		assert_int_equal(f->base[FRONT_TX],
				 f->ring[FRONT_TX].used->idx);
		stack_settle(e.s);
		vu_front_resume(f);
		guest_tcp_read(e.g, e.g->count + 20000);
	}
	assert_int_equal(e.g->retrans, 0);
	ends_close(&e);
}

/* The guest restarts, with another driver; its connections are unknown to it,
 * all else works
 */
static void guest_reboots(void **state)
{
	static const struct vu_shape *const others[] = {
		&shape_plain, &shape_linux_65520, &shape_legacy, &shape_big,
		&shape_one_byte_offload, &shape_linux_1500,
	};
	struct stack *s = *state;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		struct ends e;

		/* By a reset of the device now and then */
		if (i % 2)
			vu_front_do(s->front, VU_RESET_DEVICE);
		else
			vu_front_stop(s->front);
		s->front->shape = *others[i];
		vu_front_start(s->front);
		e = ends_open(state);
		guest_tcp_upload(e.g, e.fd, 100000);
		guest_tcp_download(e.g, e.fd, 100000);
		ends_close(&e);
	}
}

/* The hypervisor is gone and another one comes, nothing of the first is left */
static void hypervisor_reconnects(void **state)
{
	struct stack *s = *state;
	unsigned i;

	for (i = 0; i < 3; i++) {
		struct ends e = ends_open(state);

		guest_tcp_download(e.g, e.fd, 100000);
		ends_close(&e);
		shutdown(s->front->sock, SHUT_WR);
		stack_turn(s, 0);
		assert_int_equal(s->c.tap.failed, EPIPE);
		assert_true(vu_front_is_gone(s->front));
		vu_front_connect(s->front);
		vu_front_start(s->front);
	}
}

/* One region of the guest's memory, for requests that add or remove it */
static void region_request(struct vu_front *f, uint32_t request, bool low)
{
	struct {
		uint64_t pad;
		struct vu_mem_desc desc;
	} p = { 0 };
	uint64_t failed;

	vu_front_region(f, low ? 0 : FRONT_REGIONS - 1, &p.desc);
	vu_front_send(f, request | VU_FLAG_NEED_REPLY << 16, &p, sizeof(p),
		      &f->mem_fd, request == VU_ADD_MEM_REG);
	assert_true(vu_front_reply(f, request, &failed, sizeof(failed)));
	assert_int_equal(failed, 0);
}

/* Memory is set anew, and comes and goes in parts, while data goes both ways */
static void memory_is_replaced(void **state)
{
	struct ends e = ends_open(state);
	struct vu_front *f = e.s->front;
	unsigned i;

	assert_true(vu_front_get(f, VU_GET_MAX_MEM_SLOTS) >= FRONT_REGIONS);
	for (i = 0; i < 20; i++) {
		guest_tcp_upload(e.g, e.fd, 3000 * i + 1);
		host_write(e.fd, e.g->count, 20000);
		if (i % 2) {
			vu_front_regions(f);
		} else {
			/* With the rings in it: nothing can go on then */
			region_request(f, VU_REM_MEM_REG, true);
			stack_settle(e.s);
			assert_false(e.s->c.tap.ready);
			region_request(f, VU_REM_MEM_REG, false);
			region_request(f, VU_ADD_MEM_REG, false);
			region_request(f, VU_ADD_MEM_REG, true);
			assert_true(e.s->c.tap.ready);
		}
		guest_tcp_read(e.g, e.g->count + 20000);
	}
	assert_int_equal(e.g->retrans, 0);
	assert_int_equal(stack_stat(e.s, STAT_RING_BROKEN), 0);
	ends_close(&e);
}

/* Until we don't look at rings any more that nobody wakes us up for */
static void wait_no_poll(struct stack *s)
{
	const struct vu *vu = s->c.tap.priv;

	stack_settle(s);
	while (vu->poll_ms)
		stack_turn(s, HOST_WAIT_MS);
}

/* Is there nothing that would keep the loop from sleeping? */
static void expect_sleep(struct stack *s)
{
	wait_no_poll(s);
	assert_false(flow_any_ready(&s->c));
	assert_false(s->c.tap.more);
	assert_false(host_wait(s->c.epollfd, POLLIN, 0));
}

/* As long as the guest isn't ready, what is for it waits, without a busy loop;
 * it isn't lost
 */
static void scenario_42_guest_not_ready(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	struct ends e = ends_open(state);
	uint16_t port = 0, from;
	struct guest_in in;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);

	/* Stopped: as before its driver is there */
	vu_front_stop(f);
	host_reply_udp(s, fd, from, 0, 100);
	host_write(e.fd, e.g->count, 1000);
	expect_sleep(s);
	assert_false(s->c.tap.ready);
	vu_front_resume(f);
	assert_true(s->c.tap.ready);
	guest_expect_udp(s, &in, 0, 100);
	guest_tcp_read(e.g, e.g->count + 1000);

	/* Disabled */
	vu_front_state(f, VU_SET_VRING_ENABLE, FRONT_RX, 0);
	host_write(e.fd, e.g->count, 1000);
	expect_sleep(s);
	vu_front_state(f, VU_SET_VRING_ENABLE, FRONT_RX, 1);
	guest_tcp_read(e.g, e.g->count + 1000);

	/* It doesn't take its frames, until there are no buffers */
	while (s->c.tap.blocked == false) {
		host_reply_udp(s, fd, from, 0, 1000);
		stack_turn(s, 0);
	}
	host_reply_udp(s, fd, from, 1, 1000);
	expect_sleep(s);
	while (guest_recv(s, &in))
		stack_turn(s, 0);
	assert_memory_equal(in.l4 + UDP_HLEN, udp_data + 1, 1000);
	ends_close(&e);
	close(fd);
}

/* Frames of the guest are dropped while its ring is disabled, but given back */
static void disabled_ring_drops_frames(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	struct dgram d = { .dst = s->host, .len = 10 };
	uint16_t port = 0;
	int fd;

	udp_open_flow(s, NULL, &fd, &port);
	d.dst_port = port;
	vu_front_state(f, VU_SET_VRING_ENABLE, FRONT_TX, 0);
	guest_send_dgram(s, &d);
	stack_settle(s);
	assert_false(host_wait(fd, POLLIN, 0));
	assert_int_equal(f->ring[FRONT_TX].used->idx,
			 f->ring[FRONT_TX].avail->idx);
	vu_front_state(f, VU_SET_VRING_ENABLE, FRONT_TX, 1);
	guest_send_dgram(s, &d);
	host_expect_udp(s, fd, 0, 10);
	close(fd);
}

/* The guest is woken up once for a batch, and not if it doesn't want that; it
 * doesn't have to wake us up for each frame
 */
static void few_signals(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	uint16_t port = 0, from;
	eventfd_t calls;
	unsigned i;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	while (vu_front_pop(f, &(struct tap_mem_frame){ 0 }))
		;
	read(f->call[FRONT_RX], &calls, sizeof(calls));
	for (i = 0; i < 20; i++)
		host_reply_udp(s, fd, from, 0, 100);
	stack_turn(s, 0);
	assert_int_equal(eventfd_read(f->call[FRONT_RX], &calls), 0);
	assert_int_equal(calls, 1);

	/* It has seen none of them: so it isn't told of more */
	host_reply_udp(s, fd, from, 0, 100);
	stack_turn(s, 0);
	assert_int_equal(eventfd_read(f->call[FRONT_RX], &calls), -1);

	f->kicks = 0;
	for (i = 0; i < 20; i++) {
		struct dgram d = { .dst = s->host, .dst_port = port, .len = i };

		guest_send_dgram(s, &d);
	}
	stack_settle(s);
	assert_int_equal(f->kicks, 1);
	close(fd);
}

/* Signals of the guest that get lost are made up for: those for frames from it
 * that come just after others, and those for buffers that we wait for
 */
static void kick_is_lost(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	uint16_t port = 0, from;
	struct guest_in in;
	struct dgram d;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	d = (struct dgram){ .dst = s->host, .dst_port = port, .len = 10 };
	guest_send_dgram(s, &d);
	stack_turn(s, 0);
	f->shape.no_kick = true;
	d.len = 20;
	guest_send_dgram(s, &d);
	host_expect_udp(s, fd, 0, 10);
	host_expect_udp(s, fd, 0, 20);

	while (!s->c.tap.blocked) {
		host_reply_udp(s, fd, from, 0, 1000);
		stack_turn(s, 0);
	}
	host_reply_udp(s, fd, from, 1, 1000);
	while (guest_recv(s, &in))
		;
	guest_expect_udp(s, &in, 1, 1000);
	close(fd);
}

/* Ask to be woken up for the next frame, or not to be */
static void want_call(struct vu_front *f, bool wanted)
{
	struct vq_driver *d = &f->ring[FRONT_RX];

	d->avail->flags = wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
	d->avail->ring[d->size] = (uint16_t)(d->seen_used +
					     (wanted ? 0 : 1000));
}

/* A guest that wanted to be woken up, but what it wrote came too late for us to
 * see it, is woken up later; one that didn't want it isn't
 */
static void call_is_lost(void **state)
{
	struct stack *s = *state;
	struct vu_front *f = s->front;
	uint16_t port = 0, from;
	eventfd_t calls;
	int fd, i;

	from = udp_open_flow(s, NULL, &fd, &port);
	while (vu_front_pop(f, &(struct tap_mem_frame){ 0 }))
		;
	want_call(f, false);
	eventfd_read(f->call[FRONT_RX], &calls);
	host_reply_udp(s, fd, from, 0, 100);
	wait_no_poll(s);
	assert_int_equal(eventfd_read(f->call[FRONT_RX], &calls), -1);

	host_reply_udp(s, fd, from, 0, 100);
	stack_turn(s, HOST_WAIT_MS);
	assert_int_equal(eventfd_read(f->call[FRONT_RX], &calls), -1);
	want_call(f, true);
	for (i = 0; eventfd_read(f->call[FRONT_RX], &calls); i++) {
		assert_true(i < 3);
		stack_turn(s, HOST_WAIT_MS);
	}
	assert_int_equal(calls, 1);
	wait_no_poll(s);
	assert_int_equal(eventfd_read(f->call[FRONT_RX], &calls), -1);
	close(fd);
}

/* The guest doesn't hear of an MTU that is more than its hypervisor told it */
static void mtu_of_hypervisor(void **state)
{
	struct stack *s = *state;

	assert_int_equal(s->c.tap.mtu, 65520);
	vu_front_set(s->front, VU_NET_SET_MTU, 1400);
	assert_int_equal(s->c.tap.mtu, 1400);
	vu_front_stop(s->front);
	vu_front_start(s->front);
	assert_int_equal(s->c.tap.mtu, 1400);
	vu_front_set(s->front, VU_NET_SET_MTU, 65535);
	assert_int_equal(s->c.tap.mtu, 65520);
}

#define VU_TEST(f, var)							\
	{ #f " " #var, (f), stack_setup, udp_teardown,			\
	  (void *)(uintptr_t)&(stack_##var) }

#define ALL(f)								\
	VU_TEST(f, linux_1500_v4), VU_TEST(f, linux_1500_v6),	\
	VU_TEST(f, linux_65520_v4), VU_TEST(f, linux_65520_v6),	\
	VU_TEST(f, plain_v4), VU_TEST(f, plain_v6),		\
	VU_TEST(f, legacy_v4), VU_TEST(f, legacy_v6),		\
	VU_TEST(f, legacy_merge_v4), VU_TEST(f, legacy_merge_v6),	\
	VU_TEST(f, big_v4), VU_TEST(f, big_v6),			\
	VU_TEST(f, big_65520_v4), VU_TEST(f, big_65520_v6),	\
	VU_TEST(f, one_byte_v4), VU_TEST(f, one_byte_v6),		\
	VU_TEST(f, one_byte_offload_v4),				\
	VU_TEST(f, one_byte_offload_v6),				\
	VU_TEST(f, twelve_bytes_v4), VU_TEST(f, twelve_bytes_v6),	\
	VU_TEST(f, pieces_v4), VU_TEST(f, pieces_v6),		\
	VU_TEST(f, polled_v4), VU_TEST(f, polled_v6),		\
	VU_TEST(f, short_ring_v4), VU_TEST(f, short_ring_v6),	\
	VU_TEST(f, short_buffers_v4), VU_TEST(f, short_buffers_v6)

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		ALL(tcp_data),
		ALL(udp_data_both_ways),
		VU_TEST(scattered_frames_from_guest, linux_1500_v4),
		VU_TEST(scattered_frames_from_guest, linux_1500_v6),
		VU_TEST(guest_is_paused, linux_1500_v4),
		VU_TEST(guest_is_paused, one_byte_v6),
		VU_TEST(guest_is_paused, plain_v4),
		VU_TEST(guest_reboots, linux_1500_v4),
		VU_TEST(guest_reboots, linux_1500_v6),
		VU_TEST(hypervisor_reconnects, linux_1500_v4),
		VU_TEST(hypervisor_reconnects, polled_v6),
		VU_TEST(memory_is_replaced, linux_1500_v4),
		VU_TEST(memory_is_replaced, big_v6),
		VU_TEST(scenario_42_guest_not_ready, linux_1500_v4),
		VU_TEST(scenario_42_guest_not_ready, plain_v6),
		VU_TEST(disabled_ring_drops_frames, linux_1500_v4),
		VU_TEST(few_signals, linux_1500_v4),
		VU_TEST(kick_is_lost, linux_1500_v4),
		VU_TEST(kick_is_lost, plain_v6),
		VU_TEST(call_is_lost, linux_1500_v4),
		VU_TEST(call_is_lost, plain_v6),
		VU_TEST(mtu_of_hypervisor, linux_65520_v6),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return udp_run_tests(tests, ARRAY_SIZE(tests));
}
