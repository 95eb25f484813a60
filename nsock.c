// SPDX-License-Identifier: BSD-3-Clause
/* nsock.c - sockets that belong to the guest's namespace
 *
 * A socket belongs to the namespace of the process that makes it, for good, and
 * from there on anyone may use it. To enter the namespace takes privileges we
 * give up. So nsock_start() leaves behind an agent: a process that enters the
 * namespace while that is possible, gives up all privileges and all
 * descriptors but one, and then makes sockets on request, nothing else.
 *
 * The sockets come over a pair of UNIX sockets. Sharing the table of
 * descriptors instead would save that, but the agent would then hold all of
 * ours, the link to the guest included, where processes of the guest might
 * get hold of it, and going to the background would end the sharing.
 *
 * We keep some of each kind in stock. nsock_get() asks for more, without
 * waiting, once less than half is left; they are taken in by nsock_event(). It
 * has to wait, for as long as the agent takes for a socket(2), only if more
 * were used up in one turn of the loop than there were.
 *
 * The agent ends as soon as our end of the pair is closed, that is, with us. It
 * ignores signals, as those of the terminal are not meant for it. If it ends
 * before us, as it was killed, nothing can replace it. nsock_event() tells so:
 * what comes by the host's loopback then passes through the guest's link, as
 * with --no-splice; where there is no such link, the program ends.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isolate.h"
#include "log.h"
#include "netns.h"
#include "nsock.h"
#include "util.h"

#define STOCK_MAX	64	/* Below SCM_MAX_FD, 253: see unix(7) */
#define STOCK_WAIT_MS	1000	/* For the agent, if nothing is in stock */

/* Kinds of sockets: each protocol in each IP version */
#define KINDS		(2 * IPVER_MAX)

/**
 * struct nsock_msg - request to the agent, and its answer
 * @kind:	Index of the kind
 * @count:	Sockets asked for, or sent along
 * @error:	Answer: errno if these are fewer, else 0
 */
struct nsock_msg {
	uint8_t kind;
	uint8_t count;
	int32_t error;
};

/**
 * union nsock_control - room for the sockets that come with an answer
 * @cmsg:	For alignment
 * @buf:	The room
 */
union nsock_control {
	struct cmsghdr cmsg;
	char buf[CMSG_SPACE(STOCK_MAX * sizeof(int))];
};

/**
 * struct nsock_stock - sockets of one kind kept ready
 * @fd:		Descriptors
 * @count:	How many
 * @asked:	An answer is to come
 * @error:	errno of the last answer, 0 if it was complete
 */
struct nsock_stock {
	int fd[STOCK_MAX];
	unsigned count;
	bool asked;
	int error;
};

/**
 * struct nsock - where sockets in the namespace come from
 * @ctl:	Our end of the pair, -1 once nsock_event() told that it is gone
 * @gone:	The agent is gone
 * @late:	It doesn't answer, as far as we know
 * @stock:	What we have, by kind
 */
struct nsock {
	int ctl;
	bool gone;
	bool late;
	struct nsock_stock stock[KINDS];
};

/* How many of each kind: there is one of each connection with TCP, one of each
 * flow with UDP
 */
static const uint8_t stock_max[2] = { 32, 16 };

/**
 * kind_of() - Index of a kind
 * @v:		IP version
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 *
 * Return: index
 */
static unsigned kind_of(enum ipver v, uint8_t proto)
{
	return (unsigned)v * 2 + (proto == IPPROTO_UDP);
}

/**
 * agent_enter() - Enter the namespace, for good
 * @ns:		Namespace
 * @conf:	Configuration: user and group to run as
 *
 * Root keeps its user ID in a user namespace that was joined, as there need
 * not be another: it is without capabilities all the same.
 *
 * Return: 0, or -errno
 */
static int agent_enter(const struct netns *ns, const struct conf *conf)
{
	if (ns->user_fd >= 0 && setns(ns->user_fd, CLONE_NEWUSER))
		return -errno;
	if (setns(ns->net_fd, CLONE_NEWNET))
		return -errno;

	if (ns->user_fd >= 0)
		isolate_drop_caps();
	else
		isolate_drop_ids(conf);

	/* Nobody in the namespace may trace us */
	return prctl(PR_SET_DUMPABLE, 0) ? -errno : 0;
}

/**
 * agent_make() - Make sockets
 * @msg:	Request, becomes the answer
 * @fds:	Set to descriptors, as many as the answer says
 */
static void agent_make(struct nsock_msg *msg, int *fds)
{
	static const int types[2] = { SOCK_STREAM, SOCK_DGRAM };
	enum ipver v = msg->kind / 2 % IPVER_MAX;
	unsigned want = MIN(msg->count, STOCK_MAX);

	msg->error = 0;
	for (msg->count = 0; msg->count < want; msg->count++) {
		int fd = socket(addr_family(v), types[msg->kind % 2] |
				SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0) {
			msg->error = errno;
			return;
		}
		fds[msg->count] = fd;
	}
}

/**
 * agent_answer() - Send an answer, with sockets, and close those here
 * @ctl:	The agent's end of the pair
 * @msg:	Answer
 * @fds:	Descriptors
 *
 * Return: 0, or -errno
 */
static int agent_answer(int ctl, struct nsock_msg *msg, const int *fds)
{
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned count = msg->count, i;
	union nsock_control control;
	ssize_t n;

	if (count) {
		size_t len = count * sizeof(int);

		memset(&control, 0, sizeof(control));
		control.cmsg.cmsg_level = SOL_SOCKET;
		control.cmsg.cmsg_type = SCM_RIGHTS;
		control.cmsg.cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(&control.cmsg), fds, len);
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(len);
	}
	n = sendmsg(ctl, &mh, MSG_NOSIGNAL);
	for (i = 0; i < count; i++)
		close(fds[i]);
	return n < 0 ? -errno : 0;
}

/**
 * agent() - The agent: enter the namespace, make sockets until we are gone
 * @ns:		Namespace
 * @conf:	Configuration: user and group to run as
 * @ctl:	Its end of the pair
 *
 * Ends by _exit(): what exit() does is up to the process it came from.
 */
static _Noreturn void agent(const struct netns *ns, const struct conf *conf,
			    int ctl)
{
	int fds[STOCK_MAX] = { -1 }, fd;
	struct nsock_msg msg;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);

	msg = (struct nsock_msg){ .error = -agent_enter(ns, conf) };
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
	isolate_close_fds(ctl);
	if (agent_answer(ctl, &msg, fds) || msg.error)
		_exit(EXIT_FAILURE);

	while (recv(ctl, &msg, sizeof(msg), 0) == (ssize_t)sizeof(msg)) {
		agent_make(&msg, fds);
		if (agent_answer(ctl, &msg, fds))
			break;
	}
	_exit(EXIT_SUCCESS);
}

/**
 * nsock_take_fds() - Take the sockets of an answer in stock
 * @s:		Stock of that kind
 * @mh:		Answer
 *
 * The kernel passes on only part of them if we are out of descriptors.
 */
static void nsock_take_fds(struct nsock_stock *s, struct msghdr *mh)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(mh);
	int fd[STOCK_MAX];
	size_t len, i;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return;

	len = MIN(cmsg->cmsg_len - CMSG_LEN(0), sizeof(fd));
	memcpy(fd, CMSG_DATA(cmsg), len);
	for (i = 0; i < len / sizeof(fd[0]); i++) {
		if (s->count < STOCK_MAX)
			s->fd[s->count++] = fd[i];
		else
			close(fd[i]);
	}
}

/**
 * nsock_receive() - Take in one answer
 * @n:		Source of sockets
 *
 * Return: 0, -EAGAIN if there is none now, -EPIPE if the agent is gone
 */
static int nsock_receive(struct nsock *n)
{
	struct nsock_msg msg = { .kind = KINDS };
	struct iovec iov = { .iov_base = &msg, .iov_len = sizeof(msg) };
	union nsock_control control;
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct nsock_stock *s;
	ssize_t len;

	len = recvmsg(n->ctl, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (len != (ssize_t)sizeof(msg) || msg.kind >= KINDS) {
		n->gone = true;
		return -EPIPE;
	}

	n->late = false;
	s = &n->stock[msg.kind];
	s->asked = false;
	s->error = mh.msg_flags & MSG_CTRUNC ? EMFILE : msg.error;
	nsock_take_fds(s, &mh);
	return 0;
}

/**
 * nsock_event() - Take in what the agent has sent
 * @n:		Source of sockets
 *
 * The descriptor remains readable until this was called, also if nsock_get()
 * finds out first.
 *
 * Return: 0, or -EPIPE if the agent is gone: there will be no more events
 */
int nsock_event(struct nsock *n)
{
	while (!n->gone && !nsock_receive(n))
		;
	if (!n->gone)
		return 0;
	if (n->ctl >= 0)
		close(n->ctl);
	n->ctl = -1;
	return -EPIPE;
}

/**
 * nsock_ask() - Ask for more of a kind, unless that was done already
 * @n:		Source of sockets
 * @kind:	Kind
 */
static void nsock_ask(struct nsock *n, unsigned kind)
{
	struct nsock_stock *s = &n->stock[kind];
	struct nsock_msg msg = {
		.kind = (uint8_t)kind,
		.count = (uint8_t)(stock_max[kind % 2] - s->count),
	};

	if (s->asked || n->gone)
		return;
	if (send(n->ctl, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		s->asked = true;
	} else if (errno != EAGAIN) {
		while (!nsock_receive(n))	/* Up to the end, if it's one */
			;
	}
}

/**
 * nsock_wait() - Wait for the answer to a request
 * @n:		Source of sockets
 * @kind:	Kind that was asked for
 */
static void nsock_wait(struct nsock *n, unsigned kind)
{
	struct nsock_stock *s = &n->stock[kind];

	while (s->asked && !n->gone && !n->late) {
		struct pollfd p = { .fd = n->ctl, .events = POLLIN };
		int rc = poll(&p, 1, STOCK_WAIT_MS);

		if (!rc) {
			/* Once is enough: until it answers, nobody waits */
			n->late = true;
			warn_limited("No answer from the process that opens "
				     "sockets in the namespace");
		}
		if (!rc || (rc < 0 && errno != EINTR))
			return;
		nsock_receive(n);
	}
}

/**
 * nsock_start() - Start the agent, and take sockets in stock
 * @ns:		Namespace
 * @conf:	Configuration: user and group to run as
 *
 * Return: source of sockets; ends the program on failure
 */
struct nsock *nsock_start(const struct netns *ns, const struct conf *conf)
{
	struct nsock *n = calloc(1, sizeof(*n));
	struct nsock_msg msg;
	unsigned kind;
	int ctl[2];
	pid_t pid;

	if (!n || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl))
		die_errno("Can't create a pair of sockets");
	pid = fork();
	if (pid < 0)
		die_errno("Can't start a process in the namespace");
	if (!pid)
		agent(ns, conf, ctl[1]);
	close(ctl[1]);

	n->ctl = ctl[0];
	if (recv(n->ctl, &msg, sizeof(msg), 0) != (ssize_t)sizeof(msg))
		die("The process in the namespace ended");
	if (msg.error)
		log_die(msg.error, "Can't enter the namespace for sockets");

	for (kind = 0; kind < KINDS; kind++) {
		nsock_ask(n, kind);
		nsock_wait(n, kind);
	}
	return n;
}

/**
 * nsock_fd() - Descriptor that becomes readable when nsock_event() is due
 * @n:		Source of sockets
 *
 * Return: descriptor
 */
int nsock_fd(const struct nsock *n)
{
	return n->ctl;
}

/**
 * nsock_get() - Get a socket that belongs to the namespace
 * @n:		Source of sockets, NULL if there is no namespace
 * @v:		IP version
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 *
 * Return: descriptor, non-blocking and with no option set, -EOPNOTSUPP without
 *	   a namespace, -EPIPE if the agent is gone, -EAGAIN if it doesn't
 *	   answer, other -errno of socket(2)
 */
int nsock_get(struct nsock *n, enum ipver v, uint8_t proto)
{
	unsigned kind = kind_of(v, proto);
	struct nsock_stock *s;

	if (!n)
		return -EOPNOTSUPP;

	s = &n->stock[kind];
	if (!s->count) {
		/* That won't change: there is no IPv6, mostly */
		if (s->error == EAFNOSUPPORT)
			return -s->error;
		nsock_ask(n, kind);
		nsock_wait(n, kind);
	}
	if (!s->count && n->gone)
		return -EPIPE;
	if (!s->count)
		return s->error ? -s->error : -EAGAIN;

	s->count--;
	if (s->count < stock_max[kind % 2] / 2)
		nsock_ask(n, kind);
	return s->fd[s->count];
}
