// SPDX-License-Identifier: BSD-3-Clause
/* listen_event.c - what comes in at listening sockets
 *
 * Events are level-triggered. A listener accepts up to ACCEPT_MAX connections
 * at once; if we run out of descriptors, or if attempts are crowded, it rests
 * for ACCEPT_PAUSE_MS: clients wait in the kernel's queue meanwhile. Where a
 * connection goes is up to fwd_from_socket(), those that have nowhere to go are
 * reset. Datagrams are handled by udp_listen_event(), those that the guest has
 * no room for remain in the socket until listen_release().
 */

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow.h"
#include "fwd.h"
#include "listen.h"
#include "listen_tab.h"
#include "log.h"
#include "passt.h"
#include "sock.h"
#include "splice.h"
#include "syscalls.h"
#include "tcp.h"
#include "udp.h"

/* What is called after start-up, see seccomp.c */
const char listen_event_syscalls[] = "accept4 close";

#define ACCEPT_MAX		64	/* Connections, before others' turn */
#define ACCEPT_PAUSE_MS		100

/**
 * listen_resume() - Accept again
 * @t:		Timer
 * @arg:	Execution context
 *
 * Goes through all listeners, which is all right for what happens seldom.
 */
static void listen_resume(struct timer *t, void *arg)
{
	struct ctx *c = arg;
	struct listeners *ls = c->listen;
	uint32_t i;

	(void)t;
	for (i = 0; i < ls->fresh; i++) {
		struct listener *l = &ls->all[i];

		if (l->fd < 0 || !l->paused)
			continue;
		l->paused = false;
		listen_watch(c, i, EPOLL_CTL_MOD, EPOLLIN);
	}
}

/**
 * listen_pause() - Accept nothing for a while
 * @c:		Execution context
 * @index:	Index of the listener
 * @why:	Reason
 *
 * The connection remains in the socket's queue, so that its event would be
 * there all the time.
 */
static void listen_pause(struct ctx *c, uint32_t index, const char *why)
{
	struct listeners *ls = c->listen;

	warn_limited("Can't accept a connection to port %u: %s",
		     ls->all[index].port, why);
	if (listen_watch(c, index, EPOLL_CTL_MOD, 0))
		return;
	ls->all[index].paused = true;
	ls->resume.fn = listen_resume;
	if (!timer_is_pending(&ls->resume))
		timer_set(c->wheel, &ls->resume, c->now_ms + ACCEPT_PAUSE_MS);
}

/**
 * listen_hold() - Leave datagrams in a socket until there is room to the guest
 * @c:		Execution context
 * @index:	Index of the listener
 *
 * Its errors are still told.
 */
static void listen_hold(struct ctx *c, uint32_t index)
{
	struct listeners *ls = c->listen;
	struct listener *l = &ls->all[index];

	if (listen_watch(c, index, EPOLL_CTL_MOD, 0) || l->held)
		return;
	/* It stays in the list though it may be closed, and used again */
	l->held = true;
	l->held_next = ls->held;
	ls->held = index;
}

/**
 * listen_release() - Have datagrams go on if there is room to the guest
 * @c:		Execution context
 */
void listen_release(struct ctx *c)
{
	struct listeners *ls = c->listen;

	if (tap_is_full(&c->tap))
		return;
	while (ls->held != LISTEN_NONE) {
		uint32_t index = ls->held;
		struct listener *l = &ls->all[index];

		ls->held = l->held_next;
		l->held = false;
		if (l->fd >= 0 && !l->paused)
			listen_watch(c, index, EPOLL_CTL_MOD, EPOLLIN);
	}
}

/**
 * listen_accepted() - Have a connection go where it is meant to
 * @c:		Execution context
 * @rule:	Rule of the listener
 * @fd:		Connection
 * @sa:		The client
 */
static void listen_accepted(struct ctx *c, const struct fwd_rule *rule, int fd,
			    const union sockaddr_any *sa)
{
	struct flow_side ini = { .place = rule->from }, tgt;

	if (addr_from_sockaddr(sa, &ini.far, &ini.far_port) &&
	    !sock_local(fd, &ini.near, &ini.near_port) &&
	    fwd_from_socket(&c->conf, &c->tap, rule, &ini, &tgt)) {
		if (tgt.place == PLACE_GUEST)
			tcp_accepted(c, fd, &ini, &tgt);
		else
			splice_accepted(c, fd, &ini, &tgt);
		return;
	}

	debug("Connection to port %u has nowhere to go", ini.near_port);
	sock_reset_on_close(fd);
	close(fd);
}

/**
 * listen_event() - Something came in at a listener
 * @c:		Execution context
 * @index:	Index of the listener, it may be closed by now
 * @events:	From epoll
 *
 * Source: accept(2): errors of the new connection are passed on, too
 */
void listen_event(struct ctx *c, uint32_t index, uint32_t events)
{
	const struct listener *l = listen_get(c, index);
	const struct fwd_rule *rule;
	unsigned i;

	if (!l)
		return;
	rule = listen_rule(c, l);
	if (rule->proto == IPPROTO_UDP) {
		if (events & EPOLLIN && tap_is_full(&c->tap)) {
			listen_hold(c, index);
			events &= ~(uint32_t)EPOLLIN;
		}
		udp_listen_event(c, l, events);
		return;
	}

	for (i = 0; i < ACCEPT_MAX; i++) {
		union sockaddr_any sa;
		socklen_t len = sizeof(sa);
		int fd;

		if (rule->from == PLACE_HOST && flow_is_crowded(c)) {
			listen_pause(c, index, "too many attempts at once");
			return;
		}
		fd = accept4(l->fd, &sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			listen_accepted(c, rule, fd, &sa);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (listen_is_exhausted(-errno)) {
			listen_pause(c, index, log_strerror(errno));
			return;
		}
	}
}
