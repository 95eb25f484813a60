// SPDX-License-Identifier: BSD-3-Clause
/* test_tap_stream.c - tests of tap_stream.c: the guest is a socket's other end
 *
 * Frames are told apart by a number in them, and what follows it is a pattern
 * made from that, so that each byte has one place where it may arrive.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "log.h"
#include "passt.h"
#include "tap_stream.h"

#define HDR		4U
#define BIG_MTU		65520
#define MANY		3000U
#define SMALL_BUF	40000
#define READ_MAX	(1U << 20)

static struct ctx ctx;
static struct tap *const tap = &ctx.tap;
static int guest;
static void *memory[2];
static struct frame frames[TAP_BATCH_MAX];
static uint8_t buf[HDR + FRAME_LEN_MAX];

/* What is at a place of frame number n */
static uint8_t pattern(uint32_t n, size_t at)
{
	return (uint8_t)(n * 31 + at * 7 + at / 251);
}

static void fill(uint8_t *data, uint32_t n, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = pattern(n, i);
}

static void expect_pattern(const uint8_t *data, uint32_t n, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (data[i] != pattern(n, i))
			fail_msg("frame %u, byte %zu of %zu", n, i, len);
}

static void attach(void)
{
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	assert_int_equal(tap_stream_attach(tap, p[0]), 0);
	guest = p[1];
}

static void start(unsigned mtu)
{
	log_set_level(LOG_LEVEL_ERR);
	memset(&ctx, 0, sizeof(ctx));
	tap->stats = &ctx.stats;
	tap->epollfd = epoll_create1(EPOLL_CLOEXEC);
	tap->pcap_fd = -1;
	tap->mtu = mtu;
	tap_attach_none(tap);
	/* Allocated once, at start-up, for all guests to come */
	if (!memory[mtu == BIG_MTU]) {
		tap_stream_init(tap);
		memory[mtu == BIG_MTU] = tap->priv;
	}
	tap->priv = memory[mtu == BIG_MTU];
	attach();
}

static void detach(void)
{
	tap->ops->close(tap);
	tap_attach_none(tap);
	close(guest);
}

static void stop(void)
{
	detach();
	close(tap->epollfd);
}

/* Events of the back-end's socket now, 0 for none */
static uint32_t events(void)
{
	struct epoll_event ev;
	union event_ref ref;

	if (epoll_wait(tap->epollfd, &ev, 1, 0) != 1)
		return 0;
	ref.u64 = ev.data.u64;
	assert_int_equal(ref.type, EVENT_TAP);
	assert_int_equal(ref.index, tap->fd);
	return ev.events;
}

static void guest_write(const void *data, size_t len)
{
	assert_int_equal(send(guest, data, len, MSG_DONTWAIT), len);
}

/* Put a frame from the guest behind others in memory. Return: bytes */
static size_t put_frame(uint8_t *at, uint32_t n, uint32_t len)
{
	uint32_t be = htonl(len);

	memcpy(at, &be, HDR);
	fill(at + HDR, n, len);
	return HDR + len;
}

/* Take what has come in, in frames of the lengths given from *n on */
static void take_all(uint32_t *n, uint32_t (*len)(uint32_t n))
{
	int got, i;

	while ((got = tap_recv(tap, frames, TAP_BATCH_MAX)) > 0) {
		for (i = 0; i < got; i++, ++*n) {
			assert_int_equal(frames[i].len, len(*n));
			assert_int_equal(frames[i].vnet.flags, 0);
			expect_pattern(frames[i].iov[0].iov_base, *n,
				       frames[i].len);
		}
		tap_release(tap);
	}
	assert_int_equal(got, 0);
	assert_false(tap->more);
}

static uint32_t short_len(uint32_t n)
{
	const uint32_t lens[] = { ETH_HLEN, 60, 261 };

	return lens[n];
}

static void test_split_anywhere(void **state)
{
	size_t len = 0, cut;
	uint32_t i, got;

	(void)state;
	start(1500);
	for (i = 0; i < 3; i++)
		len += put_frame(buf + len, i, short_len(i));

	for (cut = 0; cut <= len; cut++) {
		got = 0;
		guest_write(buf, cut);
		take_all(&got, short_len);
		guest_write(buf + cut, len - cut);
		take_all(&got, short_len);
		assert_int_equal(got, 3);
	}
	stop();
}

static void test_byte_by_byte(void **state)
{
	size_t len, i;

	(void)state;
	start(1500);
	len = put_frame(buf, 5, 90);
	for (i = 0; i < len; i++) {
		assert_int_equal(tap_recv(tap, frames, 1), 0);
		guest_write(buf + i, 1);
		assert_true(events() & EPOLLIN);
	}
	assert_int_equal(tap_recv(tap, frames, 1), 1);
	expect_pattern(frames[0].iov[0].iov_base, 5, 90);
	assert_int_equal(events(), 0);
	stop();
}

/* No event tells of what was read already, so that @more has to */
static void test_joined(void **state)
{
	uint32_t i, got = 0;
	size_t len = 0;
	int n;

	(void)state;
	start(1500);
	for (i = 0; i < 3 * TAP_BATCH_MAX + 1; i++)
		len += put_frame(buf + len, i, 100 + i);
	guest_write(buf, len);

	do {
		n = tap_recv(tap, frames, TAP_BATCH_MAX);
		assert_int_equal(events(), 0);
		for (i = 0; i < (uint32_t)n; i++, got++)
			expect_pattern(frames[i].iov[0].iov_base, got,
				       100 + got);
		assert_int_equal(tap->more, got < 3 * TAP_BATCH_MAX + 1);
	} while (tap->more);
	assert_int_equal(got, 3 * TAP_BATCH_MAX + 1);
	stop();
}

/* Lengths that aren't a divisor of the buffer's */
static uint32_t long_len(uint32_t n)
{
	return FRAME_LEN_MAX - n * 3;
}

/* Scenario 81: frames are never cut, wherever they come to lie in the buffer */
static void test_longest(void **state)
{
	uint32_t n, got = 0;
	size_t len, sent;
	ssize_t rc;

	(void)state;
	start(BIG_MTU);
	for (n = 0; n < 40; n++) {
		len = put_frame(buf, n, long_len(n));
		for (sent = 0; sent < len; sent += rc > 0 ? (size_t)rc : 0) {
			rc = send(guest, buf + sent, len - sent, MSG_DONTWAIT);
			assert_true(rc > 0 || errno == EAGAIN);
			/* Now and then only, so that several are there */
			if (rc < 0 || n % 5 == 0)
				take_all(&got, long_len);
		}
	}
	take_all(&got, long_len);
	assert_int_equal(got, 40);
	stop();
}

/* Scenario 82: what came before a bad length is good, then it is over */
static void test_bad_length(void **state)
{
	const uint32_t bad[] = {
		0, 1, ETH_HLEN - 1, FRAME_LEN_MAX + 1, 1 << 20, INT32_MAX,
		UINT32_MAX - 3, UINT32_MAX,
	};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t be = htonl(bad[i]);
		size_t len;

		start(1500);
		len = put_frame(buf, 1, 80);
		memcpy(buf + len, &be, HDR);
		memset(buf + len + HDR, 0x55, 100);
		guest_write(buf, len + HDR + 100);
		assert_int_equal(tap_recv(tap, frames, TAP_BATCH_MAX), 1);
		expect_pattern(frames[0].iov[0].iov_base, 1, 80);
		assert_true(tap->more);
		assert_int_equal(tap_recv(tap, frames, TAP_BATCH_MAX), -EPROTO);

		/* The next guest isn't taken for this one */
		detach();
		attach();
		guest_write(buf, len);
		assert_int_equal(tap_recv(tap, frames, TAP_BATCH_MAX), 1);
		expect_pattern(frames[0].iov[0].iov_base, 1, 80);
		stop();
	}
}

static void test_end(void **state)
{
	size_t len;

	(void)state;
	start(1500);
	len = put_frame(buf, 1, 80);
	put_frame(buf + len, 2, 80);
	guest_write(buf, len + HDR + 5);
	shutdown(guest, SHUT_WR);
	assert_int_equal(tap_recv(tap, frames, TAP_BATCH_MAX), 1);
	assert_int_equal(tap_recv(tap, frames, TAP_BATCH_MAX), -ENOTCONN);
	stop();

	/* Found while sending: told to whoever looks after the link */
	start(1500);
	close(guest);
	assert_int_equal(tap_send_buf(tap, buf, 100), 0);
	assert_int_equal(tap->failed, 0);
	tap_flush(tap);
	assert_int_equal(tap->failed, EPIPE);
	tap_flush(tap);
	stop();
}

/* What the guest gets, at most max bytes of it, put behind what is there */
static size_t guest_read(uint8_t *data, size_t have, size_t max)
{
	ssize_t n = recv(guest, data + have, max, MSG_DONTWAIT);

	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	return n > 0 ? have + (size_t)n : have;
}

/* Scenario 57: and nothing of an earlier frame shows in the padding */
static void test_padding(void **state)
{
	static const uint8_t zero[ETH_ZLEN];
	uint8_t got[2 * FRAME_LEN_MAX];
	uint32_t len, be;

	(void)state;
	start(1500);
	for (len = ETH_HLEN; len <= ETH_ZLEN + 1; len++) {
		size_t expected = len < ETH_ZLEN ? ETH_ZLEN : len;

		/* Leaves something in the slot that is used next */
		memset(buf, 0xff, 1500);
		assert_int_equal(tap_send_buf(tap, buf, 1500), 0);
		tap_flush(tap);
		assert_int_equal(guest_read(got, 0, sizeof(got)), HDR + 1500);

		fill(buf, len, len);
		assert_int_equal(tap_send_buf(tap, buf, len), 0);
		tap_flush(tap);
		assert_int_equal(guest_read(got, 0, sizeof(got)),
				 HDR + expected);
		memcpy(&be, got, HDR);
		assert_int_equal(ntohl(be), expected);
		expect_pattern(got + HDR, len, len);
		assert_memory_equal(got + HDR + len, zero, expected - len);
	}
	stop();
}

/* Length of frame number n to the guest */
static size_t len_of(uint32_t n, unsigned mtu)
{
	return ETH_ZLEN + n * 977 % (mtu + ETH_HLEN - ETH_ZLEN + 1);
}

/* Take the frames that are complete out of what the guest has read */
static size_t guest_parse(uint8_t *data, size_t have, uint32_t *n,
			  unsigned mtu)
{
	size_t at = 0;
	uint32_t be;

	while (have - at >= HDR) {
		memcpy(&be, data + at, HDR);
		assert_int_equal(ntohl(be), len_of(*n, mtu));
		if (have - at < HDR + ntohl(be))
			break;
		expect_pattern(data + at + HDR, *n, ntohl(be));
		at += HDR + ntohl(be);
		++*n;
	}
	memmove(data, data + at, have - at);
	return have - at;
}

/* Scenario 7: with the socket full, nothing is lost or sent in part, room is
 * told as soon as there is some, and nothing is told as long as there is none
 */
static void run_full(unsigned mtu, size_t read_max)
{
	static uint8_t data[READ_MAX + HDR + FRAME_LEN_MAX];
	uint32_t sent = 0, got = 0, stops = 0;
	size_t have = 0;

	start(mtu);
	assert_int_equal(setsockopt(tap->fd, SOL_SOCKET, SO_SNDBUF,
				    &(int){ SMALL_BUF }, sizeof(int)), 0);
	while (got < MANY) {
		int rc = 0;

		while (sent < MANY && !rc) {
			fill(buf, sent, len_of(sent, mtu));
			rc = tap_send_buf(tap, buf, len_of(sent, mtu));
			if (!rc)
				sent++;
		}
		tap_flush(tap);
		if (rc) {
			assert_int_equal(rc, -EAGAIN);
			assert_true(tap->blocked);
			assert_int_equal(tap_send_buf(tap, buf, 60), -EAGAIN);
			stops++;
		}

		/* No event until the guest has read, then one that helps */
		assert_false(rc && events());
		while (!events() && got < MANY) {
			have = guest_read(data, have, read_max);
			have = guest_parse(data, have, &got, mtu);
		}
		if (events() & EPOLLOUT)
			assert_int_equal(tap->ops->event(tap, tap->fd,
							 EPOLLOUT), 0);
	}
	assert_true(stops > 2);
	assert_int_equal(have, 0);
	assert_int_equal(events(), 0);
	assert_false(tap->blocked);
	stop();
}

static void test_full_small(void **state)
{
	(void)state;
	run_full(1500, 5003);
}

static void test_full_big(void **state)
{
	(void)state;
	run_full(BIG_MTU, READ_MAX);
}

static void test_cancel(void **state)
{
	struct frame f[1024];
	unsigned i, n = 0;

	(void)state;
	start(BIG_MTU);
	while (!tap_reserve(tap, 1000, &f[n]))
		assert_true(++n < ARRAY_SIZE(f));
	assert_true(n >= TAP_BATCH_MAX && tap->blocked);
	assert_int_equal(tap_reserve(tap, BIG_MTU + ETH_HLEN + 1, &f[n]),
			 -EMSGSIZE);
	for (i = 0; i < n; i++)
		tap_cancel(tap, &f[i]);
	assert_false(tap->blocked);
	for (i = 0; i < n; i++)
		assert_int_equal(tap_reserve(tap, BIG_MTU + ETH_HLEN, &f[i]),
				 0);

	/* A guest that is gone leaves nothing behind */
	detach();
	attach();
	for (i = 0; i < n; i++)
		assert_int_equal(tap_reserve(tap, 60, &f[i]), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_anywhere),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_bad_length),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_full_small),
		cmocka_unit_test(test_full_big),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
