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
 * The agent also binds sockets that we have no right to bind, to ports below
 * 1024: in a user namespace that was joined, it has kept the capability for it.
 * Another one without a namespace does nothing else, on the host.
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
#include <sys/wait.h>
#include <unistd.h>

#include "isolate.h"
#include "log.h"
#include "netns.h"
#include "nsock.h"
#include "sandbox.h"
#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c: by us, and by the agent */
const char nsock_syscalls[] = "close poll recvmsg send sendmsg";
static const char agent_syscalls[] = "bind close recvmsg sendmsg socket";

#define STOCK_MAX	64	/* Below SCM_MAX_FD, 253: see unix(7) */
#define AGENT_TRIES	100	/* Of what fails for the moment */
#define STOCK_WAIT_MS	1000	/* For the agent, if nothing is in stock */

/* Kinds of sockets: each protocol in each IP version */
#define KINDS		(2 * IPVER_MAX)
#define KIND_BIND	KINDS	/* None of them, but a socket to be bound */

/**
 * struct nsock_msg - request to the agent, and its answer
 * @kind:	Index of the kind, or KIND_BIND
 * @count:	Sockets asked for, or sent along
 * @error:	Answer: errno if these are fewer or can't be bound, else 0
 * @len:	Bytes of @sa
 * @sa:		Address that the socket sent along is to be bound to
 */
struct nsock_msg {
	uint8_t kind;
	uint8_t count;
	int32_t error;
	socklen_t len;
	union sockaddr_any sa;
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
 * @binding:	An answer to nsock_bind() is to come
 * @bind_error:	errno of the last one
 * @stock:	What we have, by kind
 */
struct nsock {
	int ctl;
	bool gone;
	bool late;
	bool binding;
	int bind_error;
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
 * struct nsock_fds - descriptors that came with a message
 * @fd:		These
 * @count:	How many
 * @cut:	There were more, but no room in our table
 */
struct nsock_fds {
	int fd[STOCK_MAX];
	unsigned count;
	bool cut;
};

/**
 * nsock_is_transient() - May what failed succeed the next time?
 * @e:		errno
 *
 * Return: true if it isn't about the other end
 */
static bool nsock_is_transient(int e)
{
	return e == EAGAIN || e == EINTR || e == ENOMEM || e == ENOBUFS ||
	       e == ETOOMANYREFS;
}

/**
 * nsock_send() - Send a message, with descriptors
 * @ctl:	End of the pair
 * @msg:	Message
 * @fds:	Descriptors, @msg->count of them
 * @flags:	As of sendmsg(2)
 *
 * Return: 0, or -errno
 */
static int nsock_send(int ctl, struct nsock_msg *msg, const int *fds, int flags)
{
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t len = msg->count * sizeof(*fds);
	union nsock_control control;

	if (len) {
		memset(&control, 0, sizeof(control));
		control.cmsg.cmsg_level = SOL_SOCKET;
		control.cmsg.cmsg_type = SCM_RIGHTS;
		control.cmsg.cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(&control.cmsg), fds, len);
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(len);
	}
	return sendmsg(ctl, &mh, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/**
 * nsock_recv() - Receive a message, with descriptors
 * @ctl:	End of the pair
 * @msg:	Set to the message
 * @fds:	Set to the descriptors
 * @flags:	As of recvmsg(2)
 *
 * Return: 0, -EPIPE if there is nobody any more, or other -errno
 */
static int nsock_recv(int ctl, struct nsock_msg *msg, struct nsock_fds *fds,
		      int flags)
{
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	union nsock_control control;
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	memset(msg, 0, sizeof(*msg));
	fds->count = 0;
	fds->cut = false;
	n = recvmsg(ctl, &mh, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(*msg))
		return -EPIPE;

	fds->cut = mh.msg_flags & MSG_CTRUNC;
	cmsg = CMSG_FIRSTHDR(&mh);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS) {
		size_t len = MIN(cmsg->cmsg_len - CMSG_LEN(0), sizeof(fds->fd));

		memcpy(fds->fd, CMSG_DATA(cmsg), len);
		fds->count = (unsigned)(len / sizeof(*fds->fd));
	}
	return 0;
}

/**
 * agent_enter() - Enter the namespace, for good, and give up all else
 * @ns:		Namespace, NULL to stay in that of the host
 * @conf:	Configuration: user and group to run as
 *
 * Root keeps its user ID in a user namespace that was joined, as there need
 * not be another: it is left with CAP_NET_BIND_SERVICE, for what is the guest's
 * anyway. Without a user namespace, there is nothing left.
 *
 * Return: 0, or -errno
 */
static int agent_enter(const struct netns *ns, const struct conf *conf)
{
	unsigned what = ISOLATE_KEEP_BIND;

	if (ns && ns->user_fd >= 0) {
		if (setns(ns->user_fd, CLONE_NEWUSER))
			return -errno;
		what |= ISOLATE_KEEP_IDS;
	} else if (ns) {
		what = 0;
	}
	if (ns && setns(ns->net_fd, CLONE_NEWNET))
		return -errno;

	/* Nobody in the namespace may trace us, sandbox or not */
	isolate_sandbox(conf, what);
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
 * agent_bind() - Bind a socket
 * @msg:	Request, becomes the answer
 * @fds:	Descriptors that came with it
 * @count:	How many, all are closed
 */
static void agent_bind(struct nsock_msg *msg, const int *fds, unsigned count)
{
	socklen_t len = MIN(msg->len, sizeof(msg->sa));
	unsigned i;

	msg->count = 0;
	msg->error = EBADF;
	if (count)
		msg->error = bind(fds[0], &msg->sa.sa, len) ? errno : 0;
	for (i = 0; i < count; i++)
		close(fds[i]);
}

/**
 * agent_ask() - Wait for a request
 * @ctl:	The agent's end of the pair
 * @msg:	Set to it
 * @fds:	Set to descriptors that come with it
 *
 * Return: 0, or -errno if there will be none any more
 */
static int agent_ask(int ctl, struct nsock_msg *msg, struct nsock_fds *fds)
{
	unsigned tries = AGENT_TRIES;
	int rc;

	do
		rc = nsock_recv(ctl, msg, fds, 0);
	while (nsock_is_transient(-rc) && tries--);
	return rc;
}

/**
 * agent_answer() - Send an answer, with sockets, and close those here
 * @ctl:	The agent's end of the pair
 * @msg:	Answer
 * @fds:	Descriptors
 *
 * If they can't be sent for the moment, the answer is why.
 *
 * Return: 0, or -errno
 */
static int agent_answer(int ctl, struct nsock_msg *msg, const int *fds)
{
	unsigned count = msg->count, tries = AGENT_TRIES, i;
	int rc = nsock_send(ctl, msg, fds, 0);

	for (i = 0; i < count; i++)
		close(fds[i]);
	while (nsock_is_transient(-rc) && tries--) {
		if (count)
			msg->error = -rc;
		msg->count = 0;
		rc = nsock_send(ctl, msg, fds, 0);
	}
	return rc;
}

/**
 * agent() - The agent: enter the namespace, make sockets until we are gone
 * @ns:		Namespace
 * @conf:	Configuration: user and group to run as
 * @ctl:	Its end of the pair
 *
 * Ends by _exit(): what exit() does is up to the process it came from. A step
 * of the sandbox that fails is told of here.
 */
static _Noreturn void agent(const struct netns *ns, const struct conf *conf,
			    int ctl)
{
	static const char *const lists[] = { agent_syscalls, NULL };
	int fds[STOCK_MAX] = { -1 }, fd, rc;
	struct nsock_fds m;
	struct nsock_msg msg;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);

	msg = (struct nsock_msg){ .error = -agent_enter(ns, conf) };
	for (fd = STDIN_FILENO; fd < STDERR_FILENO; fd++)
		close(fd);
	isolate_close_fds(ctl);
	rc = sandbox_filter(conf, lists, false);
	if (rc)
		sandbox_fail(conf, -rc, SANDBOX_FILTER);
	close(STDERR_FILENO);
	if (nsock_send(ctl, &msg, fds, 0) || msg.error)
		_exit(EXIT_FAILURE);

	while (!agent_ask(ctl, &msg, &m)) {
		if (msg.kind == KIND_BIND)
			agent_bind(&msg, m.fd, m.count);
		else
			agent_make(&msg, fds);
		rc = agent_answer(ctl, &msg, fds);
		if (rc)
			break;
	}
	_exit(EXIT_SUCCESS);
}

/**
 * nsock_receive() - Take in one answer
 * @n:		Source of sockets
 *
 * The kernel passes on only part of the sockets if we are out of descriptors.
 *
 * Return: 0, -EAGAIN if there is none now, -EPIPE if the agent is gone
 */
static int nsock_receive(struct nsock *n)
{
	struct nsock_stock *s;
	struct nsock_msg msg;
	struct nsock_fds fds;
	unsigned i;
	int rc;

	rc = nsock_recv(n->ctl, &msg, &fds, MSG_DONTWAIT);
	if (nsock_is_transient(-rc))
		return -EAGAIN;
	if (rc || msg.kind > KIND_BIND) {
		n->gone = true;
		return -EPIPE;
	}

	n->late = false;
	if (msg.kind == KIND_BIND) {
		n->binding = false;
		n->bind_error = msg.error;
		return 0;
	}

	s = &n->stock[msg.kind];
	s->asked = false;
	s->error = fds.cut ? EMFILE : msg.error;
	for (i = 0; i < fds.count; i++) {
		if (s->count < STOCK_MAX)
			s->fd[s->count++] = fds.fd[i];
		else
			close(fds.fd[i]);
	}
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
 * @pending:	What is true until it has come
 */
static void nsock_wait(struct nsock *n, const bool *pending)
{
	while (*pending && !n->gone && !n->late) {
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
 * nsock_agent_failed() - End the program, as the agent ended before it answered
 * @pid:	The agent
 */
static _Noreturn void nsock_agent_failed(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		exit(EXIT_FAILURE);	/* It has told why */
	die("The process that makes sockets in the namespace was killed");
}

/**
 * nsock_start() - Start the agent, and take sockets in stock
 * @ns:		Namespace, NULL for an agent that only binds sockets of the host
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
		nsock_agent_failed(pid);
	if (msg.error)
		log_die(msg.error, "Can't enter the namespace for sockets");

	for (kind = 0; ns && kind < KINDS; kind++) {
		nsock_ask(n, kind);
		nsock_wait(n, &n->stock[kind].asked);
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
		nsock_wait(n, &s->asked);
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

/**
 * nsock_bind() - Have a socket bound, which we have no right to bind
 * @n:		Source of sockets, NULL if there is none
 * @fd:		Socket, not necessarily one from there
 * @addr:	Address
 * @port:	Port, host byte order
 *
 * Waits for that to be done.
 *
 * Return: 0, -EACCES if nobody can do so, or other -errno of bind(2)
 */
int nsock_bind(struct nsock *n, int fd, const struct addr *addr, uint16_t port)
{
	struct nsock_msg msg = { .kind = KIND_BIND, .count = 1 };

	if (!n || n->gone || n->binding)
		return -EACCES;

	msg.len = addr_to_sockaddr(&msg.sa, addr, port, 0);
	if (nsock_send(n->ctl, &msg, &fd, MSG_DONTWAIT))
		return -EACCES;
	n->binding = true;
	nsock_wait(n, &n->binding);
	return n->binding ? -EACCES : -n->bind_error;
}
