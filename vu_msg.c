// SPDX-License-Identifier: BSD-3-Clause
/* vu_msg.c - messages of the vhost-user protocol: bytes and descriptors
 *
 * vu_msg_recv() gathers a message, however it was cut on its way, together
 * with the descriptors that came with it. They belong to the message until
 * vu_msg_take_fd() hands one out; vu_msg_done() closes the others, whatever
 * became of the message. vu_msg_reply() answers one.
 *
 * What is too long, has too many descriptors, or is of another version of the
 * protocol, is an error after which nothing more can be made of the stream:
 * the connection has to be given up. What messages mean is not known here.
 *
 * The socket is not waited for: a front-end that doesn't read its replies is
 * given up too.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "syscalls.h"
#include "util.h"
#include "vu_msg.h"

/* What is called after start-up, see seccomp.c */
const char vu_msg_syscalls[] = "close recvmsg sendmsg";

/* As on the wire; the payload has a gap in front of it here, so it is read
 * apart
 */
static_assert(sizeof(struct vu_hdr) == 12, "header of a message");
static_assert(sizeof(struct vu_mem_desc) == 32, "region of a message");

/**
 * keep_fd() - Take a descriptor that came with some bytes
 * @m:		Message it belongs to
 * @at:		Where it stands
 *
 * Return: 0, -E2BIG if there is no room: then it is closed
 */
static int keep_fd(struct vu_msg *m, const unsigned char *at)
{
	int fd;

	memcpy(&fd, at, sizeof(fd));
	if (m->fd_count == VU_FDS_MAX) {
		close(fd);
		return -E2BIG;
	}
	m->fds[m->fd_count++] = fd;
	return 0;
}

/**
 * keep_fds() - Take the descriptors that came with some bytes
 * @m:		Message they belong to
 * @mh:		As filled by recvmsg(2)
 *
 * All of them are taken, so that each is closed in the end.
 *
 * Return: 0, -E2BIG if there are more than there may be, -EMFILE if we can't
 *	   have any more
 *
 * Source: unix(7), SCM_RIGHTS; cmsg(3)
 */
static int keep_fds(struct vu_msg *m, struct msghdr *mh)
{
	struct cmsghdr *c;
	size_t i, n;
	int rc = 0;

	for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			if (keep_fd(m, CMSG_DATA(c) + i * sizeof(int)))
				rc = -E2BIG;
		}
	}
	if (!rc && mh->msg_flags & MSG_CTRUNC)
		rc = m->fd_count < VU_FDS_MAX ? -EMFILE : -E2BIG;
	return rc;
}

/**
 * recv_part() - Receive more of a message
 * @m:		Message
 * @sock:	Socket
 * @to:		Where it goes
 * @len:	Bytes that are missing there
 *
 * Return: 0, -EAGAIN if there is nothing now, -EPIPE if the front-end closed
 *	   the connection, -E2BIG or -EMFILE as keep_fds(), other -errno
 */
static int recv_part(struct vu_msg *m, int sock, void *to, size_t len)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * VU_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { to, len };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -EPIPE;

	m->got += (size_t)n;
	return keep_fds(m, &mh);
}

/**
 * vu_msg_recv() - Receive a message, or go on with it
 * @m:		Message: empty, or as this has left it
 * @sock:	Socket
 *
 * Return: 0 once it is complete, -EAGAIN if it isn't yet, -EPIPE if the
 *	   front-end closed the connection, -EPROTO for another version or what
 *	   is no request, -EMSGSIZE if it is too long, -E2BIG or -EMFILE as
 *	   keep_fds(), other -errno
 */
int vu_msg_recv(struct vu_msg *m, int sock)
{
	const size_t hdr_len = sizeof(m->hdr);
	int rc;

	while (m->got < hdr_len) {
		rc = recv_part(m, sock, (char *)&m->hdr + m->got,
			       hdr_len - m->got);
		if (rc)
			return rc;
	}
	if ((m->hdr.flags & VU_FLAG_VERSION_MASK) != VU_VERSION ||
	    m->hdr.flags & VU_FLAG_REPLY)
		return -EPROTO;
	if (m->hdr.size > sizeof(m->payload))
		return -EMSGSIZE;

	while (m->got - hdr_len < m->hdr.size) {
		size_t off = m->got - hdr_len;

		rc = recv_part(m, sock, (char *)&m->payload + off,
			       m->hdr.size - off);
		if (rc)
			return rc;
	}
	return 0;
}

/**
 * vu_msg_take_fd() - Take a descriptor out of a message
 * @m:		Message
 * @i:		Which one
 *
 * Return: descriptor, the caller's from now on; -1 if there is none
 */
int vu_msg_take_fd(struct vu_msg *m, unsigned i)
{
	int fd = -1;

	if (i < m->fd_count) {
		fd = m->fds[i];
		m->fds[i] = -1;
	}
	return fd;
}

/**
 * vu_msg_done() - Close what nobody took, be ready for the next message
 * @m:		Message, complete or not
 */
void vu_msg_done(struct vu_msg *m)
{
	unsigned i;

	for (i = 0; i < m->fd_count; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	}
	memset(m, 0, sizeof(*m));
}

/**
 * vu_msg_reply() - Answer a message
 * @m:		Message, its payload replaced by what is to be sent
 * @sock:	Socket
 * @size:	Bytes of the payload
 *
 * Return: 0, -errno; -EAGAIN if the socket had no room for it
 */
int vu_msg_reply(const struct vu_msg *m, int sock, uint32_t size)
{
	struct vu_hdr hdr = {
		.request = m->hdr.request,
		.flags = VU_VERSION | VU_FLAG_REPLY,
		.size = size,
	};
	struct iovec iov[] = {
		{ &hdr, sizeof(hdr) }, { (void *)&m->payload, size },
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t n;

	do
		n = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(hdr) + size ? 0 : -EAGAIN;
}
