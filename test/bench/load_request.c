// SPDX-License-Identifier: BSD-3-Clause
/* load_request.c - load by requests of one byte and answers of one byte
 *
 * rr asks again and again by one TCP connection, udp-rr by UDP, crr by a new
 * connection for each request. With the latter, the server ends each
 * connection, so that the client's port can be used again at once.
 */

#include <errno.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "load.h"

#define ANSWER_US	200000	/* A datagram is taken as lost after this */

/**
 * rr_server() - struct load_test @server
 * @o:		Options
 * @s:		Shared memory
 */
static void rr_server(const struct load_opts *o, struct load_shared *s)
{
	int fd = load_listen(o, SOCK_STREAM), peer;
	char c;

	atomic_store(&s->ready, 1);
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		load_fail("accept");
	load_set(peer, IPPROTO_TCP, TCP_NODELAY, 1);
	while (recv(peer, &c, 1, 0) == 1)
		send(peer, &c, 1, 0);
}

/**
 * rr_client() - struct load_test @client
 * @o:		Options
 * @s:		Shared memory
 */
static void rr_client(const struct load_opts *o, struct load_shared *s)
{
	int fd = load_connect(o, SOCK_STREAM);
	char c = 0;

	if (fd < 0)
		load_fail("connect");
	atomic_store(&s->running, 1);
	for (;;) {
		uint64_t begin = load_now_ns();

		if (send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1)
			load_fail("request");
		load_answered(s, begin);
	}
}

/**
 * crr_server() - struct load_test @server
 * @o:		Options
 * @s:		Shared memory
 */
static void crr_server(const struct load_opts *o, struct load_shared *s)
{
	int fd = load_listen(o, SOCK_STREAM), peer;
	char c;

	atomic_store(&s->ready, 1);
	for (;;) {
		peer = accept(fd, NULL, NULL);
		if (peer < 0)
			load_fail("accept");
		if (recv(peer, &c, 1, 0) == 1)
			send(peer, &c, 1, 0);
		close(peer);
	}
}

/**
 * crr_client() - struct load_test @client
 * @o:		Options
 * @s:		Shared memory
 */
static void crr_client(const struct load_opts *o, struct load_shared *s)
{
	char c = 0;

	atomic_store(&s->running, 1);
	for (;;) {
		uint64_t begin = load_now_ns();
		int fd = load_connect(o, SOCK_STREAM);

		if (fd >= 0 && send(fd, &c, 1, 0) == 1 &&
		    recv(fd, &c, 1, 0) == 1 && !recv(fd, &c, 1, 0))
			load_answered(s, begin);
		else
			atomic_fetch_add(&s->errors, 1);
		if (fd >= 0)
			close(fd);
	}
}

/**
 * udp_rr_server() - struct load_test @server
 * @o:		Options
 * @s:		Shared memory
 */
static void udp_rr_server(const struct load_opts *o, struct load_shared *s)
{
	int fd = load_listen(o, SOCK_DGRAM);
	struct sockaddr_storage sa;
	char c;

	atomic_store(&s->ready, 1);
	for (;;) {
		socklen_t len = sizeof(sa);

		if (recvfrom(fd, &c, 1, 0, (struct sockaddr *)&sa, &len) == 1)
			sendto(fd, &c, 1, 0, (struct sockaddr *)&sa, len);
	}
}

/**
 * udp_rr_client() - struct load_test @client
 * @o:		Options
 * @s:		Shared memory
 */
static void udp_rr_client(const struct load_opts *o, struct load_shared *s)
{
	struct timeval patience = { .tv_usec = ANSWER_US };
	int fd = load_connect(o, SOCK_DGRAM);
	char c = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience)))
		load_fail("connect");
	atomic_store(&s->running, 1);
	for (;;) {
		uint64_t begin = load_now_ns();

		if (send(fd, &c, 1, 0) == 1 && recv(fd, &c, 1, 0) == 1)
			load_answered(s, begin);
		else
			atomic_fetch_add(&s->errors, 1);
	}
}

const struct load_test load_rr = {
	.name = "rr", .server = rr_server, .client = rr_client,
};
const struct load_test load_crr = {
	.name = "crr", .server = crr_server, .client = crr_client,
};
const struct load_test load_udp_rr = {
	.name = "udp-rr", .server = udp_rr_server, .client = udp_rr_client,
};
