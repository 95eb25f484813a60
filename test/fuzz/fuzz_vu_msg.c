// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_vu_msg.c - bytes and descriptors of vhost-user messages
 *
 * The input is what recvmsg() gives, part by part: a byte for how many bytes
 * there are at most, one for how many descriptors come with them, and the
 * bytes. Messages are received until the stream is given up; some of their
 * descriptors are taken, each message is answered. Every descriptor must be
 * closed, and once only.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "own.h"
#include "util.h"
#include "vu_msg.h"

#define FIRST_FD		500	/* None of these is a real one */
#define FDS_MAX			200
#define FDS_AT_ONCE		12	/* More than a message may have */
#define PARTS_MAX		200

static struct fuzz_in in;
static unsigned parts;
static unsigned fds_given;
static bool is_open[FDS_MAX];

/**
 * give_fds() - Have descriptors come with some bytes
 * @mh:		Message
 * @count:	How many
 */
static void give_fds(struct msghdr *mh, unsigned count)
{
	struct cmsghdr *c = mh->msg_control;
	int fds[FDS_AT_ONCE];
	unsigned i, room;

	room = (unsigned)((mh->msg_controllen - CMSG_LEN(0)) / sizeof(int));
	mh->msg_flags = 0;
	if (count > room) {
		mh->msg_flags = MSG_CTRUNC;
		count = room;
	}
	for (i = 0; i < count && fds_given < FDS_MAX; i++) {
		is_open[fds_given] = true;
		fds[i] = FIRST_FD + (int)fds_given++;
	}
	mh->msg_controllen = 0;
	if (!i)
		return;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(i * sizeof(int));
	memcpy(CMSG_DATA(c), fds, i * sizeof(int));
	mh->msg_controllen = CMSG_SPACE(i * sizeof(int));
}

/**
 * recvmsg() - See recvmsg(2): gives the next part
 */
ssize_t recvmsg(int fd, struct msghdr *mh, int flags)
{
	size_t len = fuzz_u8(&in), count = fuzz_u8(&in);

	(void)fd;
	(void)flags;
	if (!in.len || parts++ == PARTS_MAX)
		return 0;
	if (!len) {
		errno = count & 1 ? EINTR : EAGAIN;
		return -1;
	}
	len = MIN(len, mh->msg_iov[0].iov_len);
	len = MIN(len, in.len);
	memcpy(mh->msg_iov[0].iov_base, in.p, len);
	in.p += len;
	in.len -= len;
	give_fds(mh, count % (FDS_AT_ONCE + 1));
	return (ssize_t)len;
}

/**
 * sendmsg() - See sendmsg(2): all bytes must be there
 */
ssize_t sendmsg(int fd, const struct msghdr *mh, int flags)
{
	volatile uint8_t sum = 0;
	size_t i, k, len = 0;

	(void)fd;
	(void)flags;
	for (i = 0; i < mh->msg_iovlen; i++) {
		const uint8_t *p = mh->msg_iov[i].iov_base;

		for (k = 0; k < mh->msg_iov[i].iov_len; k++)
			sum = (uint8_t)(sum + p[k]);
		len += k;
	}
	return (ssize_t)len;
}

/**
 * close() - See close(2)
 */
int close(int fd)
{
	if (fd < FIRST_FD)
		return (int)syscall(SYS_close, fd);
	assert_true(fd < FIRST_FD + (int)fds_given);
	assert_true(is_open[fd - FIRST_FD]);
	is_open[fd - FIRST_FD] = false;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vu_msg m = { .fd_count = 0 };
	unsigned i;
	int rc, fd;

	in = (struct fuzz_in){ data, size };
	parts = fds_given = 0;
	memset(is_open, 0, sizeof(is_open));
	do {
		rc = vu_msg_recv(&m, -1);
		if (rc == -EAGAIN)
			continue;
		assert_true(m.fd_count <= VU_FDS_MAX);
		if (!rc) {
			assert_int_equal(m.got, sizeof(m.hdr) + m.hdr.size);
			assert_true(m.hdr.size <= sizeof(m.payload));
			vu_msg_reply(&m, -1, m.hdr.size);
			fd = vu_msg_take_fd(&m, m.hdr.request & 7);
			if (fd >= 0)
				close(fd);
		}
		vu_msg_done(&m);
	} while (!rc || rc == -EAGAIN);

	for (i = 0; i < fds_given; i++)
		assert_false(is_open[i]);
	return 0;
}
