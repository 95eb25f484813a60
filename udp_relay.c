// SPDX-License-Identifier: BSD-3-Clause
/* udp_relay.c - batches of UDP datagrams, taken from a socket, sent by others
 *
 * One recvmmsg() takes what a socket has, one sendmmsg() passes on those of the
 * batch that follow each other and have the same way. Datagrams that the kernel
 * joined on reception (UDP_GRO) are sent joined again (UDP_SEGMENT), and cross
 * both stacks as one; where it refuses that, they are sent one by one.
 *
 * There is one set of buffers, valid until the next udp_relay_recv(). A
 * datagram that a socket doesn't take is lost, and so is one whose receiver is
 * too slow: nobody waits for room.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/udp.h>

#include "syscalls.h"
#include "udp_flow.h"
#include "udp_relay.h"
#include "util.h"
#include "view.h"

/* What is called after start-up, see seccomp.c */
const char udp_relay_syscalls[] = "recvmmsg sendmmsg sendmsg";

#define UDP_SPLIT_IOVS		512	/* As many as a joined message has */

/**
 * struct udp_relay - the buffers
 * @count:	Messages received last
 * @mh:		As recvmmsg() takes them
 * @send:	As sendmmsg() takes them
 * @iov:	One element each
 * @sa:		Source addresses
 * @control:	Control messages received
 * @send_control: Control messages to be sent
 * @got:	What is known of each
 * @data:	Payloads
 */
struct udp_relay {
	unsigned count;
	struct mmsghdr mh[UDP_RELAY_MAX];
	struct mmsghdr send[UDP_RELAY_MAX];
	struct iovec iov[UDP_RELAY_MAX];
	union sockaddr_any sa[UDP_RELAY_MAX];
	union {
		struct cmsghdr align;
		char buf[DGRAM_CMSG_MAX];
	} control[UDP_RELAY_MAX];
	union udp_control send_control[UDP_RELAY_MAX];
	struct udp_got got[UDP_RELAY_MAX];
	uint8_t data[UDP_RELAY_MAX][UDP_LEN_MAX];
};

/**
 * udp_relay_new() - Allocate the buffers, at start-up
 *
 * Return: buffers, NULL without memory
 */
struct udp_relay *udp_relay_new(void)
{
	struct udp_relay *r = calloc(1, sizeof(*r));

	if (r)
		r->count = UDP_RELAY_MAX;	/* All are to be prepared */
	return r;
}

/**
 * udp_relay_recv() - Take a batch of datagrams from a socket
 * @r:		Buffers
 * @fd:		Socket
 *
 * Return: number of messages, or -errno: -EAGAIN if there is none
 */
int udp_relay_recv(struct udp_relay *r, int fd)
{
	unsigned i;
	int n;

	/* What was not written to last time is as it should be */
	for (i = 0; i < r->count; i++) {
		r->iov[i] = (struct iovec){ r->data[i], UDP_LEN_MAX };
		r->mh[i].msg_hdr = (struct msghdr){
			.msg_name = &r->sa[i], .msg_namelen = sizeof(r->sa[i]),
			.msg_iov = &r->iov[i], .msg_iovlen = 1,
			.msg_control = &r->control[i],
			.msg_controllen = sizeof(r->control[i]),
		};
	}

	n = recvmmsg(fd, r->mh, UDP_RELAY_MAX, MSG_DONTWAIT, NULL);
	r->count = n > 0 ? (unsigned)n : 0;
	if (n < 0)
		return -errno;
	for (i = 0; i < r->count; i++) {
		struct udp_got *g = &r->got[i];

		dgram_read_info(&r->mh[i].msg_hdr, &g->info);
		g->data = r->data[i];
		g->len = r->mh[i].msg_len;
		if (g->info.gso_size >= g->len)
			g->info.gso_size = 0;
	}
	return n;
}

/**
 * udp_relay_got() - Look at a message of the last batch
 * @r:		Buffers
 * @i:		Which one, below what udp_relay_recv() returned
 *
 * Return: the message
 */
const struct udp_got *udp_relay_got(const struct udp_relay *r, unsigned i)
{
	return &r->got[i];
}

/**
 * udp_put_cmsg() - Append a control message
 * @u:		Where to
 * @off:	Bytes used there
 * @head:	Level and type
 * @data:	Its data
 * @len:	Bytes of it; there is room
 *
 * Return: bytes used then
 */
size_t udp_put_cmsg(union udp_control *u, size_t off,
		    const struct cmsghdr *head, const void *data, size_t len)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)(u->buf + off);

	memset(cmsg, 0, CMSG_SPACE(len));
	cmsg->cmsg_level = head->cmsg_level;
	cmsg->cmsg_type = head->cmsg_type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	return off + CMSG_SPACE(len);
}

/**
 * udp_put_segment() - Ask for a message to be cut, as the last control message
 * @u:		Where to append that
 * @off:	Bytes used there
 * @size:	Length of each datagram but the last
 *
 * Return: bytes used then
 *
 * Source: udp(7), UDP_SEGMENT
 */
size_t udp_put_segment(union udp_control *u, size_t off, uint16_t size)
{
	static const struct cmsghdr head = {
		.cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT,
	};

	return udp_put_cmsg(u, off, &head, &size, sizeof(size));
}

/**
 * udp_is_uncut() - Did a joined message fail as the kernel can't cut it?
 * @err:	Positive errno of the send
 *
 * Return: true if its datagrams may do better one by one
 *
 * Source: Linux net/ipv4/udp.c: UDP_SEGMENT fails with EINVAL (EMSGSIZE since
 *	   6.14) for datagrams beyond the path's MTU, with EIO without checksum
 *	   offload
 */
bool udp_is_uncut(int err)
{
	return err == EINVAL || err == EMSGSIZE || err == EIO;
}

/**
 * udp_send_split() - Send the datagrams of a joined message one by one
 * @fd:		Socket
 * @mh:		Message, its control messages not asking for it to be cut
 * @len:	Bytes of all of them
 * @size:	Length of each but the last
 *
 * Return: number of datagrams lost
 */
unsigned udp_send_split(int fd, const struct msghdr *mh, size_t len,
			size_t size)
{
	struct view v = view_from_iov(mh->msg_iov, mh->msg_iovlen, len);
	struct iovec iov[UDP_SPLIT_IOVS];
	struct msghdr one = *mh;
	unsigned lost = 0;
	struct view part;

	one.msg_iov = iov;
	while (v.len && view_sub(&v, MIN(v.len, size), &part)) {
		one.msg_iovlen = view_to_iov(&part, iov, ARRAY_SIZE(iov));
		if (sendmsg(fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			lost++;
	}
	return lost;
}

/**
 * udp_relay_prepare() - Describe messages as sendmmsg() takes them
 * @r:		Buffers
 * @first:	First message of the batch
 * @count:	How many
 * @to:		Where they go
 */
static void udp_relay_prepare(struct udp_relay *r, unsigned first,
			      unsigned count, const struct udp_to *to)
{
	unsigned i;

	for (i = first; i < first + count; i++) {
		uint16_t size = r->got[i].info.gso_size;
		struct msghdr *mh = &r->send[i].msg_hdr;
		union udp_control *u = &r->send_control[i];
		size_t n = to->control_len;

		r->iov[i].iov_len = r->got[i].len;
		*mh = (struct msghdr){
			.msg_name = to->sa_len ? (void *)&to->sa : NULL,
			.msg_namelen = to->sa_len,
			.msg_iov = &r->iov[i], .msg_iovlen = 1,
		};
		memcpy(u, &to->control, n);
		if (size)
			n = udp_put_segment(u, n, size);
		mh->msg_control = n ? u : NULL;
		mh->msg_controllen = n;
	}
}

/**
 * udp_relay_split() - Send a joined message of the batch one by one
 * @r:		Buffers
 * @i:		Message
 * @to:		Where it goes
 *
 * Return: number of datagrams lost
 */
static unsigned udp_relay_split(struct udp_relay *r, unsigned i,
				const struct udp_to *to)
{
	struct msghdr mh = r->send[i].msg_hdr;

	mh.msg_control = to->control_len ? mh.msg_control : NULL;
	mh.msg_controllen = to->control_len;
	return udp_send_split(to->fd, &mh, r->got[i].len,
			      r->got[i].info.gso_size);
}

/**
 * udp_relay_send() - Pass on messages of the last batch
 * @r:		Buffers
 * @first:	First one
 * @count:	How many
 * @to:		Where they go
 * @segment_max: Longest datagram that the kernel joins for this destination,
 *		lowered if it turns out to be less
 *
 * Return: number of datagrams lost
 *
 * Source: udp(7): a send may report the error of an earlier one, and then may
 *	   be tried again
 */
unsigned udp_relay_send(struct udp_relay *r, unsigned first, unsigned count,
			const struct udp_to *to, uint16_t *segment_max)
{
	unsigned i = first, end = first + count, tries = 0, lost = 0;

	udp_relay_prepare(r, first, count, to);
	while (i < end) {
		const struct dgram_info *info = &r->got[i].info;
		int n;

		/* Joined, but it must not be sent so: if it isn't the first
		 * of those left, the kernel stops before it
		 */
		if (info->gso_size > *segment_max) {
			lost += udp_relay_split(r, i++, to);
			continue;
		}
		n = sendmmsg(to->fd, r->send + i, end - i,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			i += (unsigned)n;
		} else if (info->gso_size && udp_is_uncut(errno)) {
			*segment_max = (uint16_t)(errno == EIO ? 0 :
						  info->gso_size - 1);
		} else if (dgram_is_transient(errno) ||
			   tries++ >= DGRAM_RETRIES_MAX) {
			lost++;
			i++;
		}
	}
	return lost;
}
