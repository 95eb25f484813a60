// SPDX-License-Identifier: BSD-3-Clause
/* load_stream.c - load by TCP streams: as much as goes through
 *
 * One connection is served by system calls that block, several by epoll. Both
 * ends use a buffer of LOAD_BUF for each call. What the receiver counts is what
 * arrived.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

#define LOAD_BUF	(128U * 1024)
#define LOAD_EVENTS	64

static char buf[LOAD_BUF];

/**
 * stream_step() - Send or receive once
 * @fd:		Socket
 * @s:		Shared memory
 * @sends:	This is the sender
 *
 * Return: false at the end
 */
static bool stream_step(int fd, struct load_shared *s, bool sends)
{
	unsigned long long before;
	ssize_t n;

	if (sends)
		n = send(fd, buf, sizeof(buf), 0);
	else
		n = recv(fd, buf, sizeof(buf), 0);
	if (n <= 0)
		return n && (errno == EAGAIN || errno == EINTR);
	if (sends)
		return true;

	before = atomic_fetch_add_explicit(&s->bytes, (unsigned long long)n,
					   memory_order_relaxed);
	if (before < LOAD_FIRST && before + (size_t)n >= LOAD_FIRST)
		atomic_store(&s->first_ns, load_now_ns());
	return true;
}

/**
 * stream_run() - Send or receive until the end
 * @o:		Options
 * @s:		Shared memory
 * @fds:	Connections
 * @sends:	This is the sender
 */
static void stream_run(const struct load_opts *o, struct load_shared *s,
		       const int *fds, bool sends)
{
	struct epoll_event events[LOAD_EVENTS];
	int epollfd = epoll_create1(EPOLL_CLOEXEC), i, n;
	unsigned k;

	if (o->count == 1) {
		while (stream_step(fds[0], s, sends))
			;
		return;
	}

	for (k = 0; k < o->count; k++) {
		struct epoll_event ev = {
			.events = sends ? EPOLLOUT : EPOLLIN,
			.data.fd = fds[k],
		};

		fcntl(fds[k], F_SETFL, O_NONBLOCK);
		if (epoll_ctl(epollfd, EPOLL_CTL_ADD, fds[k], &ev))
			load_fail("epoll_ctl");
	}
	while ((n = epoll_wait(epollfd, events, LOAD_EVENTS, -1)) >= 0)
		for (i = 0; i < n; i++)
			if (!stream_step(events[i].data.fd, s, sends))
				return;
}

/**
 * stream_server() - struct load_test @server
 * @o:		Options
 * @s:		Shared memory
 */
static void stream_server(const struct load_opts *o, struct load_shared *s)
{
	int *fds = calloc(o->count, sizeof(int));
	int fd = load_listen(o, SOCK_STREAM);
	unsigned i;

	atomic_store(&s->ready, 1);
	for (i = 0; i < o->count; i++) {
		fds[i] = accept(fd, NULL, NULL);
		if (fds[i] < 0)
			load_fail("accept");
	}
	stream_run(o, s, fds, o->down);
}

/**
 * stream_client() - struct load_test @client
 * @o:		Options
 * @s:		Shared memory
 */
static void stream_client(const struct load_opts *o, struct load_shared *s)
{
	int *fds = calloc(o->count, sizeof(int));
	unsigned i;

	atomic_store(&s->begin_ns, load_now_ns());
	for (i = 0; i < o->count; i++) {
		fds[i] = load_connect(o, SOCK_STREAM);
		if (fds[i] < 0)
			load_fail("connect");
	}
	atomic_store(&s->flows, o->count);
	atomic_store(&s->running, 1);
	stream_run(o, s, fds, !o->down);
}

const struct load_test load_stream = {
	.name = "stream", .server = stream_server, .client = stream_client,
};
