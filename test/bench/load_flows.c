// SPDX-License-Identifier: BSD-3-Clause
/* load_flows.c - many TCP connections, some of which carry requests
 *
 * The client opens as many as it was told, or as many as go in FLOWS_NS. Then
 * each active one has a request of one byte under way at any time. The others
 * do nothing.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "load.h"

#define FLOWS_EVENTS	256
#define FLOWS_TRIES	20	/* Failures in a row before it is enough */
#define FLOWS_NS	12000000000ULL	/* Time to open them */

/**
 * flows_watch() - Have epoll tell of data
 * @epollfd:	epoll
 * @fd:		Socket
 */
static void flows_watch(int epollfd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epollfd, EPOLL_CTL_ADD, fd, &ev))
		load_fail("epoll_ctl");
}

/**
 * flows_accept() - Accept what is there
 * @epollfd:	epoll
 * @fd:		Listening socket
 */
static void flows_accept(int epollfd, int fd)
{
	int peer;

	while ((peer = accept(fd, NULL, NULL)) >= 0) {
		load_set(peer, IPPROTO_TCP, TCP_NODELAY, 1);
		flows_watch(epollfd, peer);
	}
}

/**
 * flows_server() - struct load_test @server
 * @o:		Options
 * @s:		Shared memory
 */
static void flows_server(const struct load_opts *o, struct load_shared *s)
{
	struct epoll_event events[FLOWS_EVENTS];
	int epollfd = epoll_create1(EPOLL_CLOEXEC), fd, i, n;
	char c;

	fd = load_listen(o, SOCK_STREAM);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	flows_watch(epollfd, fd);
	atomic_store(&s->ready, 1);
	while ((n = epoll_wait(epollfd, events, FLOWS_EVENTS, -1)) >= 0) {
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == fd)
				flows_accept(epollfd, fd);
			else if (recv(events[i].data.fd, &c, 1, 0) == 1)
				send(events[i].data.fd, &c, 1, 0);
			else
				close(events[i].data.fd);
		}
	}
}

/**
 * flows_open() - Open connections until there are enough
 * @o:		Options
 * @s:		Shared memory
 * @fds:	Filled with them
 *
 * One that nobody answers counts as failed after the kernel's time for one
 * attempt.
 *
 * Return: connections
 */
static unsigned flows_open(const struct load_opts *o, struct load_shared *s,
			   int *fds)
{
	uint64_t end = load_now_ns() + FLOWS_NS;
	unsigned n = 0, failed = 0;
	char c = 0;

	while (n < o->count && failed < FLOWS_TRIES && load_now_ns() < end) {
		struct timeval patience = { .tv_sec = 2 };
		int fd = load_connect(o, SOCK_STREAM);

		if (fd < 0) {
			failed++;
			atomic_fetch_add(&s->errors, 1);
			continue;
		}
		/* It is there only if the far end answers */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		if (send(fd, &c, 1, 0) == 1 && recv(fd, &c, 1, 0) == 1) {
			fds[n++] = fd;
			failed = 0;
			continue;
		}
		close(fd);
		failed++;
		atomic_fetch_add(&s->errors, 1);
	}
	return n;
}

/**
 * flows_ask_again() - Take an answer and send the next request
 * @fd:		Socket
 * @s:		Shared memory
 */
static void flows_ask_again(int fd, struct load_shared *s)
{
	char c;

	if (recv(fd, &c, 1, 0) != 1) {
		close(fd);
		return;
	}
	atomic_fetch_add_explicit(&s->ops, 1, memory_order_relaxed);
	send(fd, &c, 1, 0);
}

/**
 * flows_client() - struct load_test @client
 * @o:		Options
 * @s:		Shared memory
 */
static void flows_client(const struct load_opts *o, struct load_shared *s)
{
	struct epoll_event events[FLOWS_EVENTS];
	int epollfd = epoll_create1(EPOLL_CLOEXEC), i, n;
	int *fds = calloc(o->count, sizeof(int));
	unsigned flows = flows_open(o, s, fds), k;
	char c = 0;

	/* Spread over all there are, as the active ones of many are */
	for (k = 0; k < o->active && k < flows; k++) {
		int fd = fds[(uint64_t)k * flows / o->active];

		flows_watch(epollfd, fd);
		send(fd, &c, 1, 0);
	}
	atomic_store(&s->flows, flows);
	atomic_store(&s->running, 1);
	if (!o->active)
		pause();

	while ((n = epoll_wait(epollfd, events, FLOWS_EVENTS, -1)) >= 0)
		for (i = 0; i < n; i++)
			flows_ask_again(events[i].data.fd, s);
}

const struct load_test load_flows = {
	.name = "flows", .server = flows_server, .client = flows_client,
};
