// SPDX-License-Identifier: BSD-3-Clause
/* fault_shim.c - has system calls fail that would have succeeded
 *
 * Loaded into the program under test by LD_PRELOAD. A file that is shared with
 * the test says when (struct fault) and tells what was done, site by site. As
 * it is mapped before main(), nothing but the call itself, or none, is done
 * afterwards: filters of system calls don't matter.
 *
 * Faults are such as the kernel may come up with at any time: want of memory,
 * buffers, descriptors or ports, signals, resets, less bytes than asked for.
 * Where it promises something with them, so do we: whoever gets EAGAIN from a
 * descriptor that is watched for edges will get another edge, as fault_again()
 * sees to. Calls that can't fail but for errors of the caller never do:
 * epoll_ctl() on what is watched already, SO_ERROR, connect() to nowhere. Some
 * fail here though nothing but rules of the host's own makes them do so:
 * shutdown(), SO_LINGER, and recv() with MSG_TRUNC, which drops what was looked
 * at before.
 *
 * Other programs than passt and pasta, started with the same environment, are
 * left alone.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <netinet/in.h>

#define SITES		24
#define FDS_MAX		65536
#define ERRORS_MAX	6
#define SHORT		-1	/* No error: less than asked for */

/* Sites, with the errors that come at random */
static const struct {
	const char *name;
	int errors[ERRORS_MAX];
} sites[] = {
#define SOCKET		0
	{ "socket",	{ EMFILE, ENFILE, ENOBUFS, ENOMEM } },
#define BIND		1
	{ "bind",	{ EADDRINUSE, ENOMEM, EADDRNOTAVAIL } },
#define CONNECT		2
	{ "connect",	{ EAGAIN, ENOBUFS, ENETUNREACH, ENOMEM } },
#define LISTEN		3
	{ "listen",	{ EADDRINUSE } },
#define ACCEPT4		4
	{ "accept4",	{ EMFILE, ENFILE, ENOBUFS, ENOMEM, EINTR,
			  ECONNABORTED } },
#define SETSOCKOPT	5
	{ "setsockopt",	{ ENOMEM, ENOBUFS, ENOPROTOOPT } },
#define GETSOCKOPT	6
	{ "getsockopt",	{ ENOBUFS, ENOMEM } },
#define GETSOCKNAME	7
	{ "getsockname", { ENOBUFS } },
#define EPOLL_CTL	8
	{ "epoll_ctl",	{ ENOMEM, ENOSPC } },
#define EPOLL_WAIT	9
	{ "epoll_wait",	{ EINTR } },
#define PIPE2		10
	{ "pipe2",	{ EMFILE, ENFILE, ENOMEM } },
#define SENDMSG		11
	{ "sendmsg",	{ EAGAIN, EINTR, ENOBUFS, ENOMEM, ECONNRESET, SHORT } },
#define RECVMSG		12
	{ "recvmsg",	{ EAGAIN, EINTR, ENOMEM, ECONNRESET, SHORT, SHORT } },
#define RECV		13
	{ "recv",	{ EAGAIN, EINTR, ENOMEM } },
#define SENDMMSG	14
	{ "sendmmsg",	{ EAGAIN, EINTR, ENOBUFS, ENOMEM, ECONNREFUSED,
			  SHORT } },
#define RECVMMSG	15
	{ "recvmmsg",	{ EAGAIN, EINTR, ENOMEM, SHORT } },
#define SPLICE		16
	{ "splice",	{ EAGAIN, EINTR, ENOMEM, ECONNRESET, SHORT, SHORT } },
#define READ		17
	{ "read",	{ EAGAIN, EINTR } },
#define WRITE		18
	{ "write",	{ EAGAIN, EINTR, ENOBUFS, ENOMEM, EIO } },
#define SEND		19
	{ "send",	{ EAGAIN, EINTR, ENOBUFS } },
#define SHUTDOWN	20
	{ "shutdown",	{ ENOMEM } },
#define DROP		21
	{ "drop",	{ EINTR, ENOMEM } },
};

/**
 * struct fault - the file shared with the test
 * @enabled:	One bit for each site that is to fail
 * @every:	One call of so many fails, at random
 * @random:	State of the random numbers, seeded by the test
 * @loaded:	Set once we are
 * @site:	What happened: name, calls while enabled, faults injected
 */
struct fault {
	uint32_t enabled;
	uint32_t every;
	uint32_t random;
	uint32_t loaded;
	struct {
		char name[16];
		uint64_t calls;
		uint64_t faults;
	} site[SITES];
};

static struct fault *fault;
/* What is watched for edges: epoll descriptor plus one, what for */
static struct {
	int epollfd;
	struct epoll_event ev;
} watched[FDS_MAX];
/* See note_type() */
static uint8_t types[FDS_MAX];

/**
 * fault_load() - Map the file, if this is the program to be tested
 */
static __attribute__((constructor)) void fault_load(void)
{
	const char *path = getenv("FAULT_FILE");
	unsigned i;
	int fd;

	if (!path || (strcmp(program_invocation_short_name, "pasta") &&
		      strcmp(program_invocation_short_name, "passt")))
		return;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	close(fd);
	if (fault == MAP_FAILED) {
		fault = NULL;
		return;
	}
	for (i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
		strncpy(fault->site[i].name, sites[i].name,
			sizeof(fault->site[i].name) - 1);
	fault->loaded = 1;
}

/**
 * fault_random() - Next random number
 *
 * Return: number, Marsaglia's xorshift
 */
static uint32_t fault_random(void)
{
	uint32_t x = fault->random ? fault->random : 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return fault->random = x;
}

/**
 * fault_pick() - Is this call to fail, and how?
 * @site:	Site
 *
 * Return: 0 if it isn't, errno, or SHORT
 */
static int fault_pick(unsigned site)
{
	unsigned n = 0;

	if (!fault || !(fault->enabled & 1U << site))
		return 0;
	fault->site[site].calls++;
	if (fault_random() % fault->every)
		return 0;

	while (n < ERRORS_MAX && sites[site].errors[n])
		n++;
	return sites[site].errors[fault_random() % n];
}

/**
 * fault_count() - Note that a call fails
 * @site:	Site
 */
static void fault_count(unsigned site)
{
	fault->site[site].faults++;
}

/**
 * fault_again() - Have the next edge of a descriptor come, as EAGAIN promises
 * @fd:		Descriptor
 */
static void fault_again(int fd)
{
	if (fd >= 0 && fd < FDS_MAX && watched[fd].epollfd &&
	    watched[fd].ev.events & EPOLLET)
		syscall(SYS_epoll_ctl, watched[fd].epollfd - 1, EPOLL_CTL_MOD,
			fd, &watched[fd].ev);
}

/**
 * note_type() - Keep in mind what a descriptor is: asking may be filtered
 * @fd:		Descriptor, or -1
 * @type:	SOCK_STREAM or SOCK_DGRAM if it is one of the network, else 0
 *
 * Return: @fd
 */
static int note_type(int fd, int type)
{
	if (fd >= 0 && fd < FDS_MAX)
		types[fd] = (uint8_t)type;
	return fd;
}

/**
 * type_of() - What is known of a descriptor
 * @fd:		Descriptor
 *
 * Return: as for note_type(), 0 too if it came from another process
 */
static int type_of(int fd)
{
	return fd >= 0 && fd < FDS_MAX ? types[fd] : 0;
}

/**
 * fault_fails() - Have a call fail, if it is its turn
 * @site:	Site
 * @fd:		Descriptor it is about, -1 for none
 * @is_short:	Set if it is to do less than asked for; NULL if it can't
 *
 * Return: true, with errno set, if it fails
 */
static bool fault_fails(unsigned site, int fd, bool *is_short)
{
	int e = fault_pick(site);

	if (is_short)
		*is_short = e == SHORT;
	if (!e || e == SHORT)
		return false;
	/* Between processes of ours, a reset tells that the other one ended */
	if (e == ECONNRESET && site != SPLICE && !type_of(fd))
		e = ENOMEM;
	fault_count(site);
	if (e == EAGAIN)
		fault_again(fd);
	errno = e;
	return true;
}

int socket(int family, int type, int proto)
{
	if (fault_fails(SOCKET, -1, NULL))
		return -1;
	return note_type((int)syscall(SYS_socket, family, type, proto),
			 family == AF_INET || family == AF_INET6 ?
			 type & (SOCK_STREAM | SOCK_DGRAM) : 0);
}

int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (fault_fails(BIND, fd, NULL))
		return -1;
	return (int)syscall(SYS_bind, fd, sa, len);
}

int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (sa->sa_family != AF_UNSPEC && fault_fails(CONNECT, -1, NULL))
		return -1;
	return (int)syscall(SYS_connect, fd, sa, len);
}

int listen(int fd, int backlog)
{
	if (fault_fails(LISTEN, fd, NULL))
		return -1;
	return (int)syscall(SYS_listen, fd, backlog);
}

int accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (fault_fails(ACCEPT4, fd, NULL)) {
		/* The connection is gone then, not the chance to accept it */
		if (errno == ECONNABORTED) {
			static const struct linger now = { 1, 0 };

			fd = (int)syscall(SYS_accept4, fd, sa, len, flags);
			syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, &now,
				sizeof(now));
			close(fd);
			errno = ECONNABORTED;
		}
		return -1;
	}
	return note_type((int)syscall(SYS_accept4, fd, sa, len, flags),
			 SOCK_STREAM);
}

int close(int fd)
{
	note_type(fd, 0);
	return (int)syscall(SYS_close, fd);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (fault_fails(SETSOCKOPT, fd, NULL))
		return -1;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (!(level == SOL_SOCKET && name == SO_ERROR) &&
	    fault_fails(GETSOCKOPT, fd, NULL))
		return -1;
	return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

int getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (fault_fails(GETSOCKNAME, fd, NULL))
		return -1;
	return (int)syscall(SYS_getsockname, fd, sa, len);
}

int epoll_ctl(int epollfd, int op, int fd, struct epoll_event *ev)
{
	if (op == EPOLL_CTL_ADD && fault_fails(EPOLL_CTL, fd, NULL))
		return -1;
	if (fault && ev && fd >= 0 && fd < FDS_MAX) {
		watched[fd].epollfd = op == EPOLL_CTL_DEL ? 0 : epollfd + 1;
		watched[fd].ev = *ev;
	}
	return (int)syscall(SYS_epoll_ctl, epollfd, op, fd, ev);
}

int epoll_wait(int epollfd, struct epoll_event *ev, int max, int timeout)
{
	if (fault_fails(EPOLL_WAIT, -1, NULL))
		return -1;
	return (int)syscall(SYS_epoll_pwait, epollfd, ev, max, timeout, NULL,
			    8);
}

int pipe2(int fds[2], int flags)
{
	if (fault_fails(PIPE2, -1, NULL))
		return -1;
	return (int)syscall(SYS_pipe2, fds, flags);
}

/**
 * shorten() - Reduce a message to part of its first non-empty element
 * @msg:	Message
 * @iov:	Room for that
 *
 * Return: the shorter message
 */
static struct msghdr shorten(const struct msghdr *msg, struct iovec *iov)
{
	struct msghdr less = *msg;
	size_t i;

	for (i = 0; i < msg->msg_iovlen && !msg->msg_iov[i].iov_len; i++)
		;
	if (i == msg->msg_iovlen || msg->msg_iov[i].iov_len < 2)
		return less;
	*iov = msg->msg_iov[i];
	iov->iov_len = 1 + fault_random() % (iov->iov_len - 1);
	less.msg_iov = iov;
	less.msg_iovlen = 1;
	return less;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr less;
	struct iovec iov;
	bool is_short;

	if (fault_fails(SENDMSG, fd, &is_short))
		return -1;
	if (is_short && type_of(fd) == SOCK_STREAM) {
		ssize_t n;

		fault_count(SENDMSG);
		less = shorten(msg, &iov);
		n = syscall(SYS_sendmsg, fd, &less, flags);
		fault_again(fd);
		return n;
	}
	return syscall(SYS_sendmsg, fd, msg, flags);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct msghdr less;
	struct iovec iov;
	bool is_short;
	ssize_t n;

	if (fault_fails(RECVMSG, fd, &is_short))
		return -1;
	if (!is_short || type_of(fd) != SOCK_STREAM)
		return syscall(SYS_recvmsg, fd, msg, flags);

	/* The first elements may be to be passed over: leave these whole */
	fault_count(RECVMSG);
	if (msg->msg_iovlen != 1)
		return syscall(SYS_recvmsg, fd, msg, flags);
	less = shorten(msg, &iov);
	n = syscall(SYS_recvmsg, fd, &less, flags);
	fault_again(fd);
	return n;
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	if (fault_fails(flags & MSG_TRUNC ? DROP : RECV, fd, NULL))
		return -1;
	return syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	if (fault_fails(SEND, fd, NULL))
		return -1;
	return syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
}

int shutdown(int fd, int how)
{
	if (fault_fails(SHUTDOWN, fd, NULL))
		return -1;
	return (int)syscall(SYS_shutdown, fd, how);
}

int sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	bool is_short;

	if (fault_fails(SENDMMSG, fd, &is_short))
		return -1;
	if (is_short && count > 1) {
		fault_count(SENDMMSG);
		count = 1;
	}
	return (int)syscall(SYS_sendmmsg, fd, msgs, count, flags);
}

int recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
	     struct timespec *timeout)
{
	bool is_short;

	if (fault_fails(RECVMMSG, fd, &is_short))
		return -1;
	if (is_short && count > 1) {
		fault_count(RECVMMSG);
		count = 1;
	}
	return (int)syscall(SYS_recvmmsg, fd, msgs, count, flags, timeout);
}

ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t len,
	       unsigned flags)
{
	bool is_short;
	ssize_t n;

	if (fault_fails(SPLICE, in, &is_short)) {
		int e = errno;

		if (e == EAGAIN)
			fault_again(out);
		errno = e;
		return -1;
	}
	if (is_short && len > 1) {
		fault_count(SPLICE);
		len = 1 + fault_random() % len;
	}
	n = syscall(SYS_splice, in, in_off, out, out_off, len, flags);
	if (is_short) {
		int e = errno;

		fault_again(in);
		fault_again(out);
		errno = e;
	}
	return n;
}

ssize_t read(int fd, void *buf, size_t len)
{
	if (fault_fails(READ, fd, NULL))
		return -1;
	return syscall(SYS_read, fd, buf, len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	if (fault_fails(WRITE, fd, NULL))
		return -1;
	return syscall(SYS_write, fd, buf, len);
}
