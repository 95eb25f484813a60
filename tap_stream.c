// SPDX-License-Identifier: BSD-3-Clause
/* tap_stream.c - back-end of the port to the guest: a stream socket
 *
 * A frame is sent as its length, four bytes in network byte order, and its
 * bytes, from the Ethernet header on: that is what QEMU's stream netdev does.
 * Nothing tells of offloads, so that checksums are complete and no frame is
 * longer than the MTU allows.
 *
 * From the guest, as much is read at once as there is, and frames are handed
 * out where they are, one behind the other. Only the beginning of a frame at
 * the end of what was read is moved to the front, before the next read. A
 * length that no frame has means that we don't understand each other: the link
 * is down then.
 *
 * To the guest, frames are filled into slots and sent together, by
 * stream_flush(). A slot is free again once all of its frame was sent, so that
 * nothing is lost when the socket is full: frames wait in their slots, sockets
 * of flows are left unread when there are no more slots, and EPOLLOUT tells
 * when to go on. As long as that is waited for, nothing is sent.
 *
 * All memory is there from start-up on, see tap_stream_init(), and serves one
 * guest after the other.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "log.h"
#include "syscalls.h"
#include "tap.h"
#include "tap_stream.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char tap_stream_syscalls[] = "close recv sendmsg setsockopt";

#define STREAM_HDR_LEN		sizeof(uint32_t)
#define STREAM_FROM_GUEST_SIZE	(512U * 1024)
#define STREAM_TO_GUEST_SIZE	(4U * 1024 * 1024)
#define STREAM_SLOTS_MAX	512U	/* Below IOV_MAX, see sendmsg(2) */
#define STREAM_SLOT_ALIGN	64U
/* In a slot, so that what follows the Ethernet header is aligned */
#define STREAM_PAD		2U
/* Sent before the turn of the loop ends if it is as much as that */
#define STREAM_FLUSH_BYTES	(256U * 1024)
#define STREAM_SOCK_BUF		(4 << 20)	/* Bytes, wished for */

/**
 * struct stream - what the port's @priv refers to
 * @from_guest:	What was read
 * @start:	Where what wasn't handed out yet begins there
 * @end:	Where what was read ends there
 * @slots:	Slots for frames to the guest
 * @slot_size:	Bytes of each
 * @slot_count:	How many
 * @free:	Stack of free slots: the last used is on top
 * @free_count:	How many
 * @queue:	Ring of what is to be sent: where it is and how long
 * @queue_slot:	The slots it is in
 * @queue_head:	The first
 * @queue_count: How many
 * @queue_bytes: Bytes queued since the last flush
 * @waits:	The socket was full, EPOLLOUT is waited for
 */
struct stream {
	uint8_t *from_guest;
	size_t start;
	size_t end;
	uint8_t *slots;
	size_t slot_size;
	uint32_t slot_count;
	uint32_t free[STREAM_SLOTS_MAX];
	uint32_t free_count;
	struct iovec queue[STREAM_SLOTS_MAX];
	uint32_t queue_slot[STREAM_SLOTS_MAX];
	uint32_t queue_head;
	uint32_t queue_count;
	size_t queue_bytes;
	bool waits;
};

/**
 * stream_slot() - Memory of a slot
 * @s:		Back-end
 * @slot:	Index
 *
 * Return: where the length in front of the frame goes
 */
static uint8_t *stream_slot(const struct stream *s, uint32_t slot)
{
	return s->slots + slot * s->slot_size + STREAM_PAD;
}

/**
 * stream_next_len() - Length of the next frame that was read
 * @s:		Back-end
 * @len:	Set to the length, as it was sent
 *
 * Return: false if not even the length is complete
 */
static bool stream_next_len(const struct stream *s, uint32_t *len)
{
	uint32_t be;

	if (s->end - s->start < sizeof(be))
		return false;
	memcpy(&be, s->from_guest + s->start, sizeof(be));
	*len = ntohl(be);
	return true;
}

/**
 * stream_len_is_good() - Can a frame be as long as that?
 * @len:	Bytes
 *
 * Return: true if so
 */
static bool stream_len_is_good(uint32_t len)
{
	return len >= ETH_HLEN && len <= FRAME_LEN_MAX;
}

/**
 * stream_take() - Hand out frames that were read
 * @s:		Back-end
 * @frames:	Filled with the frames
 * @max:	How many at most
 *
 * Return: frames filled, -EPROTO if there is no frame before a bad length
 */
static int stream_take(struct stream *s, struct frame *frames, int max)
{
	uint32_t len;
	int n;

	for (n = 0; n < max && stream_next_len(s, &len); n++) {
		uint8_t *data = s->from_guest + s->start + STREAM_HDR_LEN;

		if (!stream_len_is_good(len)) {
			if (n)
				break;
			warn("Guest announced a frame of %u bytes, which no "
			     "frame has: dropping its connection (is it for "
			     "--vhost-user?)", len);
			return -EPROTO;
		}
		if (s->end - s->start - STREAM_HDR_LEN < len)
			break;

		frames[n] = (struct frame){
			.iov[0] = { data, len }, .iov_cnt = 1, .len = len,
		};
		s->start += STREAM_HDR_LEN + len;
	}
	return n;
}

/**
 * stream_fill() - Read from the socket
 * @tap:	Port to the guest
 *
 * Nothing that was read before is handed out any more: it may be moved.
 *
 * Return: 0, -EAGAIN if there is nothing to read, -ENOTCONN if the guest has
 *	   left, other -errno
 */
static int stream_fill(struct tap *tap)
{
	struct stream *s = tap->priv;
	ssize_t n;

	memmove(s->from_guest, s->from_guest + s->start, s->end - s->start);
	s->end -= s->start;
	s->start = 0;

	do
		n = recv(tap->fd, s->from_guest + s->end,
			 STREAM_FROM_GUEST_SIZE - s->end, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ENOTCONN;
	s->end += (size_t)n;
	return 0;
}

/**
 * stream_recv() - struct tap_ops @recv
 * @tap:	Port to the guest
 * @frames:	Filled with what came
 * @max:	Frames to take at most
 *
 * Return: frames filled, 0 if there are none, -errno if the link is down
 */
static int stream_recv(struct tap *tap, struct frame *frames, int max)
{
	struct stream *s = tap->priv;
	uint32_t len;
	int n;

	n = stream_take(s, frames, max);
	if (!n) {
		n = stream_fill(tap);
		if (n < 0)
			return n == -EAGAIN ? 0 : n;
		n = stream_take(s, frames, max);
	}

	/* The socket doesn't tell of what was read */
	tap->more = n >= 0 && stream_next_len(s, &len) &&
		    (!stream_len_is_good(len) ||
		     s->end - s->start - STREAM_HDR_LEN >= len);
	return n;
}

/**
 * stream_release() - struct tap_ops @release: the next batch is behind
 * @tap:	Port to the guest
 */
static void stream_release(struct tap *tap)
{
	(void)tap;
}

/**
 * stream_wait() - Have EPOLLOUT tell when the socket has room, or not
 * @tap:	Port to the guest
 * @wait:	Whether to wait for that
 */
static void stream_wait(struct tap *tap, bool wait)
{
	struct stream *s = tap->priv;
	int rc;

	s->waits = wait;
	if (wait)
		tap->blocked = true;
	rc = tap_watch(tap, tap->fd, EPOLLIN | (wait ? EPOLLOUT : 0));
	if (rc)
		tap_fail(tap, -rc);
}

/**
 * stream_sent() - Take what was sent out of the queue
 * @s:		Back-end
 * @n:		Bytes that were sent
 */
static void stream_sent(struct stream *s, size_t n)
{
	while (n) {
		struct iovec *iov = &s->queue[s->queue_head];

		if (n < iov->iov_len) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= n;
			return;
		}
		n -= iov->iov_len;
		s->free[s->free_count++] = s->queue_slot[s->queue_head];
		s->queue_head = (s->queue_head + 1) % STREAM_SLOTS_MAX;
		s->queue_count--;
	}
}

/**
 * stream_flush() - struct tap_ops @flush: send all that is queued
 * @tap:	Port to the guest
 */
static void stream_flush(struct tap *tap)
{
	struct stream *s = tap->priv;

	s->queue_bytes = 0;
	while (s->queue_count && !s->waits && !tap->failed) {
		struct msghdr msg = {
			.msg_iov = &s->queue[s->queue_head],
			/* Up to where the ring begins again */
			.msg_iovlen = MIN(s->queue_count, STREAM_SLOTS_MAX -
							  s->queue_head),
		};
		ssize_t n;

		n = sendmsg(tap->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			stream_sent(s, (size_t)n);
		else if (errno == EAGAIN)
			stream_wait(tap, true);
		else if (errno != EINTR)
			tap_fail(tap, errno);
	}
}

/**
 * stream_reserve() - struct tap_ops @reserve
 * @tap:	Port to the guest
 * @len:	Bytes needed at most
 * @f:		Filled with a slot
 *
 * Return: 0, -EAGAIN if all slots are taken
 */
static int stream_reserve(struct tap *tap, size_t len, struct frame *f)
{
	struct stream *s = tap->priv;

	if (!s->free_count)
		stream_flush(tap);
	if (!s->free_count)
		return -EAGAIN;

	f->slot = s->free[--s->free_count];
	f->iov[0] = (struct iovec){
		stream_slot(s, f->slot) + STREAM_HDR_LEN, len,
	};
	f->iov_cnt = 1;
	f->len = len;
	return 0;
}

/**
 * stream_cancel() - struct tap_ops @cancel
 * @tap:	Port to the guest
 * @f:		Frame from stream_reserve()
 */
static void stream_cancel(struct tap *tap, struct frame *f)
{
	struct stream *s = tap->priv;

	s->free[s->free_count++] = f->slot;
	if (!s->waits)
		tap_has_room(tap);
}

/**
 * stream_commit() - struct tap_ops @commit
 * @tap:	Port to the guest
 * @f:		Frame from stream_reserve()
 * @len:	Its length
 *
 * Short frames are padded to what goes over a wire.
 *
 * Return: 0
 *
 * Source: IEEE 802.3, 4.2.3.3: minFrameSize without the frame check sequence
 */
static int stream_commit(struct tap *tap, struct frame *f, size_t len)
{
	struct stream *s = tap->priv;
	uint8_t *slot = stream_slot(s, f->slot);
	uint32_t i, be;

	if (len < ETH_ZLEN) {
		memset(slot + STREAM_HDR_LEN + len, 0, ETH_ZLEN - len);
		len = ETH_ZLEN;
	}
	be = htonl((uint32_t)len);
	memcpy(slot, &be, sizeof(be));

	i = (s->queue_head + s->queue_count++) % STREAM_SLOTS_MAX;
	s->queue[i] = (struct iovec){ slot, STREAM_HDR_LEN + len };
	s->queue_slot[i] = f->slot;
	s->queue_bytes += STREAM_HDR_LEN + len;
	if (s->queue_bytes >= STREAM_FLUSH_BYTES)
		stream_flush(tap);
	return 0;
}

/**
 * stream_event() - struct tap_ops @event
 * @tap:	Port to the guest
 * @fd:		The socket
 * @events:	From epoll
 *
 * Errors and the end of the connection are found by reading.
 *
 * Return: 1 if there may be frames to read, 0 if not
 */
static int stream_event(struct tap *tap, int fd, uint32_t events)
{
	const struct stream *s = tap->priv;

	(void)fd;
	if (events & EPOLLOUT && s->waits) {
		stream_wait(tap, false);
		stream_flush(tap);
		if (!s->waits)
			tap_has_room(tap);
	}
	return events & ~(uint32_t)EPOLLOUT ? 1 : 0;
}

/**
 * stream_close() - struct tap_ops @close
 * @tap:	Port to the guest
 */
static void stream_close(struct tap *tap)
{
	tap_unwatch(tap, tap->fd);
	close(tap->fd);
}

static const struct tap_ops stream_ops = {
	.name		= "stream",
	.recv		= stream_recv,
	.release	= stream_release,
	.reserve	= stream_reserve,
	.commit		= stream_commit,
	.cancel		= stream_cancel,
	.flush		= stream_flush,
	.event		= stream_event,
	.close		= stream_close,
};

/**
 * stream_len_max() - Longest frame to the guest
 * @tap:	Port to the guest
 *
 * Return: bytes; answers to its own requests aren't bound by a small MTU
 */
static size_t stream_len_max(const struct tap *tap)
{
	return ETH_HLEN + MAX(tap->mtu, ETH_DATA_LEN);
}

/**
 * tap_stream_init() - Allocate all memory the back-end needs, at start-up
 * @tap:	Port to the guest, its MTU known
 */
void tap_stream_init(struct tap *tap)
{
	struct stream *s = calloc(1, sizeof(*s));
	size_t len;

	if (!s)
		die("No memory for the link to the guest");

	len = STREAM_PAD + STREAM_HDR_LEN + stream_len_max(tap);
	s->slot_size = ROUND_DOWN(len + STREAM_SLOT_ALIGN - 1,
				  STREAM_SLOT_ALIGN);
	s->slot_count = (uint32_t)MIN(STREAM_TO_GUEST_SIZE / s->slot_size,
				      STREAM_SLOTS_MAX);

	s->slots = aligned_alloc(STREAM_SLOT_ALIGN,
				 s->slot_count * s->slot_size);
	s->from_guest = malloc(STREAM_FROM_GUEST_SIZE);
	if (!s->slots || !s->from_guest)
		die("No memory for the link to the guest");
	tap->priv = s;
}

/**
 * tap_stream_attach() - Make a stream socket the port to the guest
 * @tap:	Port to the guest, prepared by tap_stream_init()
 * @fd:		Connected socket, ours from now on unless this fails
 *
 * Return: 0, or -errno
 */
int tap_stream_attach(struct tap *tap, int fd)
{
	const int size = STREAM_SOCK_BUF;
	struct stream *s = tap->priv;
	int rc = tap_watch(tap, fd, EPOLLIN);

	if (rc)
		return rc;

	/* As much as net.core.rmem_max and wmem_max allow */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

	s->start = s->end = 0;
	s->queue_head = s->queue_count = 0;
	s->queue_bytes = 0;
	s->waits = false;
	for (s->free_count = 0; s->free_count < s->slot_count; s->free_count++)
		s->free[s->free_count] = s->free_count;

	tap->ops = &stream_ops;
	tap->caps = (struct tap_caps){
		.len_max = stream_len_max(tap),
	};
	tap->fd = fd;
	tap->ready = true;
	return 0;
}
