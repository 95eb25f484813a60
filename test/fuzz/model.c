// SPDX-License-Identifier: BSD-3-Clause
/* model.c - a host without a kernel: sockets that live in this process alone
 *
 * libc's functions for sockets and epoll, defined in a fuzzing program's
 * binary, take precedence over libc's. So nothing leaves the process, nothing
 * depends on time, and a fuzzer decides what the host does: when connections
 * succeed, what arrives, how much is taken, which call fails. What the peers of
 * these sockets do is in model_peer.c.
 *
 * Streams to the guest consist of the pattern of stack.c. Those from the guest
 * must do so as well while model_checks_stream is set, whatever the order,
 * overlap and repetition of segments: a byte lost or doubled ends the program.
 *
 * Not modelled: splice(), sockets in another namespace, ports in use.
 */

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <linux/errqueue.h>
#include <linux/sock_diag.h>

#include "hooks.h"
#include "model.h"
#include "stack.h"

#define MODEL_FD		500	/* Descriptor of the first socket */
#define MODEL_PORT		40000	/* Port of the first one, if any does */
#define MODEL_SNDBUF		(256U * 1024)

bool hook_no_peek_off;
bool hook_no_meminfo;
uint32_t hook_rmem;
bool hook_is_alone;
void (*hook_connect)(int fd);
int hook_sndbuf;
bool hook_bad_fd;
unsigned hook_mod_fails;

bool model_checks_stream;

static struct model_sock socks[MODEL_SOCKS];
static struct { unsigned left; int err; } faults[MODEL_SHORT + 1];

/**
 * model_reset() - Close all sockets, forget what shall fail
 */
void model_reset(void)
{
	memset(socks, 0, sizeof(socks));
	memset(faults, 0, sizeof(faults));
	model_checks_stream = true;
}

/**
 * model_open_count() - How many sockets are open?
 *
 * Return: number of sockets
 */
unsigned model_open_count(void)
{
	unsigned i, n = 0;

	for (i = 0; i < MODEL_SOCKS; i++)
		n += socks[i].open;
	return n;
}

/**
 * model_pick() - Choose a socket
 * @type:	SOCK_STREAM or SOCK_DGRAM
 * @listening:	One that listens, or one that doesn't
 * @n:		Which one of them, any number
 *
 * Return: socket, NULL if there is none of that kind
 */
struct model_sock *model_pick(int type, bool listening, unsigned n)
{
	struct model_sock *found[MODEL_SOCKS];
	unsigned i, count = 0;

	for (i = 0; i < MODEL_SOCKS; i++) {
		struct model_sock *s = &socks[i];

		if (s->open && s->type == type && s->watched &&
		    (s->state == MODEL_LISTENING) == listening)
			found[count++] = s;
	}
	return count ? found[n % count] : NULL;
}

/**
 * model_fail() - Have a call fail once
 * @call:	Call
 * @after:	How many succeed before it
 * @err:	errno; of MODEL_SHORT, how many bytes it gets at most
 */
void model_fail(enum model_call call, unsigned after, int err)
{
	faults[call].left = after + 1;
	faults[call].err = err;
}

/**
 * fault() - Is a call to fail?
 * @call:	Call
 *
 * Return: true if so, with errno set
 */
static bool fault(enum model_call call)
{
	if (!faults[call].left || --faults[call].left)
		return false;
	errno = faults[call].err;
	return true;
}

/**
 * failed() - Result of a call that failed
 * @err:	errno
 *
 * Return: -1
 */
static int failed(int err)
{
	errno = err;
	return -1;
}

/**
 * sock_get() - Socket of a descriptor
 * @fd:		Descriptor
 *
 * Return: the socket, NULL with errno set if there is none
 */
static struct model_sock *sock_get(int fd)
{
	if (fd >= MODEL_FD && fd < MODEL_FD + MODEL_SOCKS &&
	    socks[fd - MODEL_FD].open)
		return &socks[fd - MODEL_FD];

	/* The stack uses what it doesn't own, or no longer */
	fail_msg("descriptor %d is none of a socket", fd);
	return NULL;
}

/**
 * model_stream_len() - How much has the peer of a connection sent?
 * @fd:		Descriptor
 *
 * Return: bytes of the pattern, read or not
 */
uint64_t model_stream_len(int fd)
{
	const struct model_sock *s = sock_get(fd);

	return s->start + s->queued;
}

/**
 * sock_new() - A new socket
 * @family:	AF_INET or AF_INET6
 * @type:	SOCK_STREAM or SOCK_DGRAM
 * @proto:	IPPROTO_*
 *
 * Return: descriptor, -1 with errno set
 */
static int sock_new(int family, int type, int proto)
{
	unsigned i;

	for (i = 0; i < MODEL_SOCKS && socks[i].open; i++)
		;
	if (i == MODEL_SOCKS)
		return failed(EMFILE);

	memset(&socks[i], 0, sizeof(socks[i]));
	socks[i].open = true;
	socks[i].family = socks[i].local.sa.sa_family = (sa_family_t)family;
	socks[i].type = type;
	socks[i].proto = proto;
	socks[i].room = MODEL_ALL;
	socks[i].peek_off = -1;
	return MODEL_FD + (int)i;
}

/**
 * iov_fill() - Write the pattern, or check it
 * @iov:	Elements
 * @cnt:	How many
 * @off:	Where in the pattern
 * @len:	Bytes, not more than there is room for
 * @check:	Check instead
 */
static void iov_fill(const struct iovec *iov, size_t cnt, uint64_t off,
		     size_t len, bool check)
{
	size_t i;

	for (i = 0; i < cnt && len; i++) {
		size_t n = MIN(iov[i].iov_len, len);

		if (check)
			pattern_check(iov[i].iov_base, off, n);
		else
			pattern_fill(iov[i].iov_base, off, n);
		off += n;
		len -= n;
	}
}

/**
 * iov_len() - Bytes of elements
 * @mh:		Message
 *
 * Return: sum of their lengths
 */
static size_t iov_len(const struct msghdr *mh)
{
	size_t i, len = 0;

	for (i = 0; i < mh->msg_iovlen; i++)
		len += mh->msg_iov[i].iov_len;
	return len;
}

/**
 * stream_send() - Take data of the guest
 * @s:		Socket
 * @mh:		Message
 *
 * Return: as sendmsg(2)
 */
static ssize_t stream_send(struct model_sock *s, const struct msghdr *mh)
{
	size_t len = MIN(iov_len(mh), s->room);
	int err = s->error;

	s->error = 0;
	if (err)
		return failed(err);
	if (s->state == MODEL_CONNECTING)
		return failed(EAGAIN);
	if (s->state != MODEL_CONNECTED || s->shut)
		return failed(EPIPE);
	if (!len)
		return failed(EAGAIN);

	if (model_checks_stream)
		iov_fill(mh->msg_iov, mh->msg_iovlen, s->sent, len, true);
	s->sent += len;
	if (s->room != MODEL_ALL)
		s->room -= (uint32_t)len;
	return (ssize_t)len;
}

/**
 * stream_recv() - Give, or take away, what waits in a stream
 * @s:		Socket
 * @mh:		Message, NULL to drop the data
 * @len:	Bytes asked for
 * @flags:	Of recvmsg(2)
 *
 * Return: as recvmsg(2)
 */
static ssize_t stream_recv(struct model_sock *s, const struct msghdr *mh,
			   size_t len, int flags)
{
	uint32_t off = flags & MSG_PEEK && s->peek_off > 0 ?
		       (uint32_t)s->peek_off : 0;
	int err = s->error;

	if (off >= s->queued) {
		if (off > s->queued || s->fin || err) {
			s->error = 0;
			return err ? failed(err) : s->fin ? 0 : failed(EAGAIN);
		}
		return failed(s->state == MODEL_NEW ? ENOTCONN : EAGAIN);
	}

	len = MIN(len, s->queued - off);
	if (fault(MODEL_SHORT))
		len = MIN(len, (size_t)faults[MODEL_SHORT].err);
	if (mh)
		iov_fill(mh->msg_iov, mh->msg_iovlen, s->start + off, len,
			 false);
	if (flags & MSG_PEEK) {
		if (s->peek_off >= 0)
			s->peek_off += (int)len;
		return (ssize_t)len;
	}
	s->start += len;
	s->queued -= (uint32_t)len;
	if (s->peek_off > 0)
		s->peek_off -= MIN(s->peek_off, (int)len);
	return (ssize_t)len;
}

/**
 * put_cmsg() - Add a control message
 * @mh:		Message; its msg_controllen is what is used so far
 * @size:	Room
 * @level:	Level
 * @type:	Type
 * @data:	Content
 * @len:	Bytes of it
 */
static void put_cmsg(struct msghdr *mh, size_t size, int level, int type,
		     const void *data, size_t len)
{
	size_t used = mh->msg_controllen;
	struct cmsghdr *cmsg;

	if (used + CMSG_SPACE(len) > size) {
		mh->msg_flags |= MSG_CTRUNC;
		return;
	}
	cmsg = (struct cmsghdr *)((char *)mh->msg_control + used);
	memset(cmsg, 0, CMSG_SPACE(len));
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	mh->msg_controllen = used + CMSG_SPACE(len);
}

/**
 * put_name() - Tell an address
 * @mh:		Message
 * @a:		Address
 * @port:	Port
 */
static void put_name(struct msghdr *mh, const struct addr *a, uint16_t port)
{
	union sockaddr_any sa;
	socklen_t len = addr_to_sockaddr(&sa, a, port, 0);

	if (mh->msg_name)
		memcpy(mh->msg_name, &sa, MIN(mh->msg_namelen, len));
	mh->msg_namelen = mh->msg_name ? len : 0;
}

/**
 * put_info() - Tell what came with a datagram
 * @s:		Socket
 * @mh:		Message
 * @d:		Datagram
 * @size:	Room for control messages
 */
static void put_info(const struct model_sock *s, struct msghdr *mh,
		     const struct model_dgram *d, size_t size)
{
	bool v6 = s->family == AF_INET6;
	int ttl = d->ttl, tos = d->tos, gro = d->gso_size;
	struct in6_pktinfo p6 = { .ipi6_addr = s->local.v6.sin6_addr };
	struct in_pktinfo p4 = { .ipi_addr = s->local.v4.sin_addr };
	uint8_t tos4 = d->tos;

	if (v6) {
		put_cmsg(mh, size, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, 4);
		put_cmsg(mh, size, IPPROTO_IPV6, IPV6_TCLASS, &tos, 4);
		p6.ipi6_ifindex = 1;
		put_cmsg(mh, size, IPPROTO_IPV6, IPV6_PKTINFO, &p6,
			 sizeof(p6));
	} else {
		put_cmsg(mh, size, IPPROTO_IP, IP_TTL, &ttl, 4);
		put_cmsg(mh, size, IPPROTO_IP, IP_TOS, &tos4, 1);
		p4.ipi_ifindex = 1;
		p4.ipi_spec_dst = p4.ipi_addr;
		put_cmsg(mh, size, IPPROTO_IP, IP_PKTINFO, &p4, sizeof(p4));
	}
	if (gro && s->proto == IPPROTO_UDP)
		put_cmsg(mh, size, IPPROTO_UDP, UDP_GRO, &gro, sizeof(gro));
}

/**
 * dgram_take() - Give the oldest datagram
 * @s:		Socket
 * @mh:		Message
 *
 * Return: as recvmsg(2)
 */
static ssize_t dgram_take(struct model_sock *s, struct msghdr *mh)
{
	bool v6 = s->family == AF_INET6, echo = s->proto != IPPROTO_UDP;
	uint8_t head[8] = { v6 ? 129 : 0 };
	size_t size = mh->msg_controllen, len;
	struct model_dgram d = s->in[0];
	int err = s->error;

	s->error = 0;
	if (err)
		return failed(err);
	if (!s->in_count)
		return failed(EAGAIN);

	memmove(s->in, s->in + 1, --s->in_count * sizeof(s->in[0]));
	len = MIN(d.len, iov_len(mh));
	iov_fill(mh->msg_iov, mh->msg_iovlen, 0, len, false);
	if (echo && mh->msg_iovlen && mh->msg_iov[0].iov_len >= sizeof(head)) {
		memcpy(head + 4, &s->local.v4.sin_port, 2);
		head[6] = (uint8_t)(d.seq >> 8);
		head[7] = (uint8_t)d.seq;
		memcpy(mh->msg_iov[0].iov_base, head, MIN(len, sizeof(head)));
	}
	put_name(mh, &d.src, echo ? 0 : d.port);
	mh->msg_flags = d.len > len ? MSG_TRUNC : 0;
	mh->msg_controllen = 0;
	put_info(s, mh, &d, size);
	return (ssize_t)len;
}

/**
 * dgram_take_error() - Give the oldest error
 * @s:		Socket
 * @mh:		Message
 *
 * Return: as recvmsg(2)
 */
static ssize_t dgram_take_error(struct model_sock *s, struct msghdr *mh)
{
	struct {
		struct sock_extended_err ee;
		union sockaddr_any sa;
	} e = { 0 };
	bool v6 = s->family == AF_INET6;
	size_t size = mh->msg_controllen, len;
	struct model_dgram d = s->errs[0];
	struct addr remote;
	uint16_t port;

	if (!s->err_count)
		return failed(EAGAIN);

	memmove(s->errs, s->errs + 1, --s->err_count * sizeof(s->errs[0]));
	e.ee.ee_errno = (uint32_t)d.err;
	e.ee.ee_origin = v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP;
	if (!d.type)
		e.ee.ee_origin = SO_EE_ORIGIN_LOCAL;
	e.ee.ee_type = d.type;
	e.ee.ee_code = d.code;
	e.ee.ee_info = d.mtu;
	addr_to_sockaddr(&e.sa, &d.src, 0, 0);
	len = MIN(d.len, iov_len(mh));
	iov_fill(mh->msg_iov, mh->msg_iovlen, 0, len, false);
	if (s->peer.sa.sa_family &&
	    addr_from_sockaddr(&s->peer, &remote, &port))
		put_name(mh, &remote, port);
	else
		put_name(mh, &d.src, d.port);
	mh->msg_flags = MSG_ERRQUEUE;
	mh->msg_controllen = 0;
	put_cmsg(mh, size, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
		 v6 ? IPV6_RECVERR : IP_RECVERR, &e,
		 sizeof(e.ee) + (v6 ? sizeof(e.sa.v6) : sizeof(e.sa.v4)));
	return (ssize_t)len;
}

/**
 * sock_mask() - Events that are true of a socket now
 * @s:		Socket
 *
 * Return: EPOLL*
 */
static uint32_t sock_mask(const struct model_sock *s)
{
	uint32_t mask = 0;

	if (s->type == SOCK_DGRAM) {
		return (s->in_count ? EPOLLIN : 0U) | EPOLLOUT |
		       (s->err_count || s->error ? EPOLLERR : 0U);
	}
	if (s->state == MODEL_NEW)
		return EPOLLHUP | EPOLLOUT;
	if (s->state == MODEL_LISTENING)
		return s->queued ? EPOLLIN : 0;
	if (s->state == MODEL_CONNECTING)
		return 0;
	if (s->queued || s->fin)
		mask |= EPOLLIN;
	if (s->fin)
		mask |= EPOLLRDHUP;
	if (s->room || s->state == MODEL_DEAD)
		mask |= EPOLLOUT;
	if (s->error)
		mask |= EPOLLERR;
	if (s->state == MODEL_DEAD || (s->fin && s->shut))
		mask |= EPOLLHUP;
	return mask;
}

/* What follows stands for libc's functions */

/**
 * socket() - See socket(2)
 */
int socket(int family, int type, int proto)
{
	if (fault(MODEL_SOCKET))
		return -1;
	return sock_new(family, type & 15, proto);
}

/**
 * close() - See close(2)
 */
int close(int fd)
{
	if (fd < MODEL_FD || fd >= MODEL_FD + MODEL_SOCKS)
		return (int)syscall(SYS_close, fd);
	sock_get(fd)->open = false;
	return 0;
}

/**
 * bind() - See bind(2)
 */
int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct model_sock *s = sock_get(fd);

	if (fault(MODEL_BIND))
		return -1;
	memcpy(&s->local, sa, MIN(len, sizeof(s->local)));
	return 0;
}

/**
 * listen() - See listen(2)
 */
int listen(int fd, int backlog)
{
	(void)backlog;
	sock_get(fd)->state = MODEL_LISTENING;
	return 0;
}

/**
 * connect() - See connect(2)
 */
int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct model_sock *s = sock_get(fd);
	enum model_fate fate;

	if (fault(MODEL_CONNECT))
		return -1;
	memcpy(&s->peer, sa, MIN(len, sizeof(s->peer)));
	fate = ntohs(s->peer.v4.sin_port) % MODEL_FATES;
	if (fate == MODEL_UNREACHABLE)
		return failed(ENETUNREACH);
	if (s->type == SOCK_DGRAM) {
		s->state = MODEL_CONNECTED;
		return 0;
	}

	s->state = MODEL_CONNECTING;
	if (fate != MODEL_PENDING)
		model_complete(s, fate == MODEL_REFUSED ? ECONNREFUSED : 0);
	return failed(EINPROGRESS);
}

/**
 * accept4() - See accept4(2)
 */
int accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct model_sock *l = sock_get(fd), *s;
	struct addr a = addr_loopback[l->family == AF_INET6 ? V6 : V4];
	int new;

	(void)flags;
	if (fault(MODEL_ACCEPT))
		return -1;
	if (!l->queued)
		return failed(EAGAIN);
	l->queued--;
	new = sock_new(l->family, SOCK_STREAM, IPPROTO_TCP);
	if (new < 0)
		return new;

	s = sock_get(new);
	s->state = MODEL_CONNECTED;
	s->local = l->local;
	addr_to_sockaddr(&s->local, &a, ntohs(l->local.v4.sin_port), 0);
	a.a6.s6_addr[15] ^= 4;
	*len = addr_to_sockaddr(&s->peer, &a, (uint16_t)(MODEL_PORT + new), 0);
	memcpy(sa, &s->peer, *len);
	return new;
}

/**
 * getsockname() - See getsockname(2)
 */
int getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct model_sock *s = sock_get(fd);

	if (fault(MODEL_GET))
		return -1;
	if (!s->local.v4.sin_port)
		s->local.v4.sin_port = htons((uint16_t)(MODEL_PORT + fd));
	*len = s->family == AF_INET6 ? sizeof(s->local.v6) :
				       sizeof(s->local.v4);
	memcpy(sa, &s->local, *len);
	return 0;
}

/**
 * getsockopt() - See getsockopt(2)
 */
int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct model_sock *s = sock_get(fd);
	uint32_t *mem = value;

	if (fault(MODEL_GET))
		return -1;
	memset(value, 0, *len);
	if (level == SOL_SOCKET && name == SO_ERROR) {
		memcpy(value, &s->error, sizeof(s->error));
		s->error = 0;
	}
	if (level == SOL_SOCKET && name == SO_MEMINFO) {
		mem[SK_MEMINFO_SNDBUF] = MODEL_SNDBUF;
		mem[SK_MEMINFO_WMEM_QUEUED] = MODEL_SNDBUF -
			MIN(s->room, MODEL_SNDBUF);
	}
	return 0;
}

/**
 * setsockopt() - See setsockopt(2)
 */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct model_sock *s = sock_get(fd);

	(void)len;
	if (fault(MODEL_SET))
		return -1;
	if (level == SOL_SOCKET && name == SO_PEEK_OFF) {
		if (hook_no_peek_off)
			return failed(EOPNOTSUPP);
		memcpy(&s->peek_off, value, sizeof(s->peek_off));
	}
	return 0;
}

/**
 * shutdown() - See shutdown(2)
 */
int shutdown(int fd, int how)
{
	struct model_sock *s = sock_get(fd);

	(void)how;
	if (s->state != MODEL_CONNECTED)
		return failed(ENOTCONN);
	s->shut = true;
	s->edge = true;
	return 0;
}

/**
 * sendmsg() - See sendmsg(2)
 */
ssize_t sendmsg(int fd, const struct msghdr *mh, int flags)
{
	struct model_sock *s = sock_get(fd);
	int err = s->error;

	(void)flags;
	if (fault(MODEL_SEND))
		return -1;
	if (s->type == SOCK_STREAM)
		return stream_send(s, mh);

	s->error = 0;
	if (err)
		return failed(err);
	if (!mh->msg_name && s->state != MODEL_CONNECTED)
		return failed(EDESTADDRREQ);
	s->sent += iov_len(mh);
	return (ssize_t)iov_len(mh);
}

/**
 * sendmmsg() - See sendmmsg(2)
 */
int sendmmsg(int fd, struct mmsghdr *mh, unsigned count, int flags)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		ssize_t n = sendmsg(fd, &mh[i].msg_hdr, flags);

		if (n < 0)
			return i ? (int)i : -1;
		mh[i].msg_len = (unsigned)n;
	}
	return (int)i;
}

/**
 * recvmsg() - See recvmsg(2)
 */
ssize_t recvmsg(int fd, struct msghdr *mh, int flags)
{
	struct model_sock *s = sock_get(fd);

	if (fault(MODEL_RECV))
		return -1;
	if (s->type == SOCK_STREAM)
		return stream_recv(s, mh, iov_len(mh), flags);
	if (flags & MSG_ERRQUEUE)
		return dgram_take_error(s, mh);
	return dgram_take(s, mh);
}

/**
 * recvmmsg() - See recvmmsg(2)
 */
int recvmmsg(int fd, struct mmsghdr *mh, unsigned count, int flags,
	     struct timespec *timeout)
{
	unsigned i;

	(void)timeout;
	for (i = 0; i < count; i++) {
		ssize_t n = recvmsg(fd, &mh[i].msg_hdr, flags);

		if (n < 0)
			return i ? (int)i : -1;
		mh[i].msg_len = (unsigned)n;
	}
	return (int)i;
}

/**
 * recv() - See recv(2)
 */
ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = { buf, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct model_sock *s = sock_get(fd);

	if (fault(MODEL_RECV))
		return -1;
	if (s->type == SOCK_STREAM)
		return stream_recv(s, buf ? &mh : NULL, len, flags);
	return dgram_take(s, &mh);
}

/**
 * epoll_ctl() - See epoll_ctl(2)
 */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	struct model_sock *s = sock_get(fd);

	(void)epfd;
	if (op != EPOLL_CTL_DEL && fault(MODEL_EPOLL))
		return -1;
	if ((op == EPOLL_CTL_ADD) == s->watched)
		return failed(s->watched ? EEXIST : ENOENT);
	s->watched = op != EPOLL_CTL_DEL;
	if (!s->watched)
		return 0;
	s->events = ev->events;
	s->ref = ev->data.u64;
	s->edge = true;
	return 0;
}

/**
 * epoll_wait() - See epoll_wait(2); never waits
 */
int epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout)
{
	int i, n = 0;

	(void)epfd;
	(void)timeout;
	for (i = 0; i < MODEL_SOCKS && n < max; i++) {
		struct model_sock *s = &socks[i];
		uint32_t mask;

		if (!s->open || !s->watched)
			continue;
		mask = sock_mask(s) & (s->events | EPOLLERR | EPOLLHUP);
		if (!mask || (s->events & EPOLLET && !s->edge))
			continue;
		s->edge = false;
		ev[n].events = mask;
		ev[n++].data.u64 = s->ref;
	}
	return n;
}

/**
 * getrandom() - See getrandom(2); the same in each run
 */
ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	memset(buf, 0x5a, len);
	return (ssize_t)len;
}
