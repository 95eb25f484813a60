// SPDX-License-Identifier: BSD-3-Clause
/* tap_vu.c - back-end of the port to the guest: a vhost-user device
 *
 * A hypervisor, the front-end, connects to our socket and shares the memory of
 * its guest, where the rings of a virtio network device are. Frames are taken
 * from there and put there without any further copy: sockets read from and
 * write to the guest's memory.
 *
 *  - virtq.c knows rings, and vu_mem.c the guest's memory, which hostile guests
 *    can write to at any time: they check all that is read from there
 *  - vu_msg.c knows how messages of the front-end look, vu_request.c what they
 *    mean, vu_ring.c when rings run and how both sides wake up each other
 *  - vu_to_guest.c fills frames to the guest; frames from it are taken here
 *
 * A guest can break its rings, which are left alone then until they are reset.
 * A front-end that sends nonsense loses its connection. Neither harms the
 * program, or keeps the next guest from connecting.
 *
 * What the device does for us, such as cutting long frames to segments, is up
 * to the guest's driver: see vu_set_features().
 *
 * All memory of ours is there from start-up on, and serves one guest after the
 * other; that of the guest is mapped while it is connected, by vu_mem.c.
 */

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "log.h"
#include "stats.h"
#include "tap.h"
#include "tap_vu.h"
#include "syscalls.h"
#include "util.h"
#include "view.h"
#include "vu.h"

/* What is called after start-up, see seccomp.c */
const char tap_vu_syscalls[] = "close read";

#define MESSAGES_MAX	32	/* Handled between two looks at other events */

/**
 * hdr_take() - Take the offload header off a frame
 * @vu:		Device
 * @f:		Frame: @f->iov begins with the header, then doesn't any more
 *
 * Return: false if there aren't as many bytes
 *
 * Source: virtio 1.3, 5.1.6 (little-endian)
 */
static bool hdr_take(const struct vu *vu, struct frame *f)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, SIZE_MAX);
	struct virtio_net_hdr_v1 h = { 0 };
	size_t skip;

	if (!view_pull(&v, &h, vu->hdr_len))
		return false;

	f->vnet = (struct virtio_net_hdr_v1){
		.flags = h.flags,
		.gso_type = h.gso_type,
		.hdr_len = le16toh(h.hdr_len),
		.gso_size = le16toh(h.gso_size),
		.csum_start = le16toh(h.csum_start),
		.csum_offset = le16toh(h.csum_offset),
	};
	f->len = v.len;

	skip = f->iov_cnt - v.cnt;
	f->iov_cnt = v.cnt;
	if (skip)
		memmove(f->iov, f->iov + skip, v.cnt * sizeof(f->iov[0]));
	if (v.cnt) {
		f->iov[0].iov_base = (char *)f->iov[0].iov_base + v.off;
		f->iov[0].iov_len -= v.off;
	}
	return true;
}

/**
 * take_frame() - Take a frame that the guest has offered
 * @vu:		Device
 * @head:	Its first descriptor
 * @f:		Filled
 * @flat_used:	@vu->flat is another frame's already; set if it is this one's
 *
 * Return: 0; -EAGAIN if it has to wait, -EIO if the ring is broken now,
 *	   -EMSGSIZE if it is too long
 */
static int take_frame(struct vu *vu, uint16_t head, struct frame *f,
		      bool *flat_used)
{
	struct virtq_chain c = { .iov = f->iov, .max = FRAME_IOV_MAX };
	struct virtq *q = &vu->ring[VU_FROM_GUEST].q;
	int rc = virtq_chain(q, head, false, &c);

	if (rc == -EIO)
		return rc;
	if (c.len < vu->hdr_len)
		return virtq_break(q, "frame shorter than its header");
	if (c.len > vu->hdr_len + FRAME_LEN_MAX)
		return -EMSGSIZE;

	if (rc == -E2BIG) {
		if (*flat_used)
			return -EAGAIN;
		*flat_used = true;
		/* It may have become another one meanwhile, of this length */
		if (!virtq_read(q, head, vu->flat, c.len))
			return virtq_break(q, "frame changed while read");
		f->iov[0] = (struct iovec){ vu->flat, c.len };
		c.cnt = 1;
	}
	f->iov_cnt = c.cnt;
	return hdr_take(vu, f) ? 0 : -EMSGSIZE;
}

/**
 * vu_recv() - struct tap_ops @recv
 * @tap:	Port to the guest
 * @frames:	Filled with what came
 * @max:	Frames to take at most
 *
 * As long as frames come, the guest is asked not to wake us up for them.
 *
 * Return: frames filled, 0 if there are none
 */
static int vu_recv(struct tap *tap, struct frame *frames, int max)
{
	struct vu *vu = tap->priv;
	struct vu_ring *r = &vu->ring[VU_FROM_GUEST];
	bool flat_used = false;
	uint16_t head;
	int n = 0;

	tap->more = false;
	if (!vu_ring_runs(r))
		return 0;

	virtq_unwatch(&r->q);
	max = MIN(max, VU_LENT_MAX);
	for (vu->lent_cnt = 0; vu->lent_cnt < max; vu->lent_cnt++) {
		int rc;

		if (!virtq_take(&r->q, &head))
			break;
		rc = take_frame(vu, head, &frames[n], &flat_used);
		if (rc == -EAGAIN)
			virtq_untake(&r->q, 1);
		if (rc == -EAGAIN || rc == -EIO)
			break;
		vu->lent[vu->lent_cnt] = head;
		if (rc)
			stats_add(tap->stats, STAT_BAD_FRAME, 1);
		else if (r->is_enabled)
			n++;
	}
	tap->more = virtq_pending(&r->q) || virtq_watch(&r->q);
	return n;
}

/**
 * vu_release() - struct tap_ops @release
 * @tap:	Port to the guest
 */
static void vu_release(struct tap *tap)
{
	struct vu *vu = tap->priv;
	struct vu_ring *r = &vu->ring[VU_FROM_GUEST];
	int i;

	if (vu_ring_runs(r)) {
		for (i = 0; i < vu->lent_cnt; i++)
			virtq_use(&r->q, vu->lent[i], 0);
	}
	vu->lent_cnt = 0;
	vu_ring_flush(vu, VU_FROM_GUEST);
}

/**
 * vu_flush() - struct tap_ops @flush
 * @tap:	Port to the guest
 */
static void vu_flush(struct tap *tap)
{
	vu_ring_flush(tap->priv, VU_TO_GUEST);
}

/**
 * what_is_wrong() - Why something that the front-end sent is no message
 * @e:		errno of vu_msg_recv()
 *
 * Return: in words, NULL if it isn't that which failed
 */
static const char *what_is_wrong(int e)
{
	switch (e) {
	case EMSGSIZE:
		return "it is too long";
	case E2BIG:
		return "it has too many descriptors";
	case EPROTO:
		return "it is no request of version 1 (is it for passt "
		       "without --vhost-user?)";
	default:
		return NULL;
	}
}

/**
 * on_messages() - The front-end has sent something
 * @vu:		Device
 *
 * Return: 0, -errno if the connection can't go on
 */
static int on_messages(struct vu *vu)
{
	const char *wrong;
	int i, rc;

	for (i = 0; i < MESSAGES_MAX; i++) {
		rc = vu_msg_recv(&vu->msg, vu->tap->fd);
		if (rc == -EAGAIN)
			return 0;
		wrong = what_is_wrong(-rc);
		if (wrong)
			warn("Dropping the connection of the hypervisor, which "
			     "sent what is no message: %s", wrong);
		if (!rc)
			rc = vu_request(vu);
		vu_msg_done(&vu->msg);
		if (rc)
			return rc;
	}
	return 0;
}

/**
 * on_poll() - It is time to look at rings though nobody woke us up for them
 * @vu:		Device
 *
 * Return: 1 if there may be frames to take, 0 if not
 */
static int on_poll(struct vu *vu)
{
	const struct vu_ring *to = &vu->ring[VU_TO_GUEST];
	struct vu_ring *from = &vu->ring[VU_FROM_GUEST];
	unsigned ms = vu->poll_ms, i;
	uint64_t count;
	bool busy;

	if (read(vu->poll_fd, &count, sizeof(count)) < 0)
		return 0;
	vu->poll_ms = 0;
	for (i = 0; i < VU_RINGS; i++) {
		if (vu_ring_runs(&vu->ring[i]) &&
		    virtq_call_is_due(&vu->ring[i].q))
			vu_ring_call(&vu->ring[i]);
	}
	busy = vu_ring_runs(from) && virtq_pending(&from->q);
	if (vu->tap->blocked && vu_ring_runs(to) && to->is_enabled) {
		bool more = virtq_has_more(&to->q);

		busy |= more;
		if (more || vu->to_guest.is_shorter) {
			vu->to_guest.is_shorter = false;
			tap_has_room(vu->tap);
		}
	}
	if ((to->is_started && to->kick_fd < 0) ||
	    (from->is_started && from->kick_fd < 0))
		vu_poll_set(vu, busy ? VU_POLL_MIN_MS :
				       MIN(ms * 2, VU_POLL_MAX_MS));
	else if (vu->is_used)
		vu_poll_set(vu, VU_POLL_MAX_MS);
	vu->is_used = false;
	return busy;
}

/**
 * vu_event() - struct tap_ops @event
 * @tap:	Port to the guest
 * @fd:		Descriptor
 * @events:	From epoll
 *
 * Return: 1 if there may be frames to take, 0 if not, -errno if the link is
 *	   down: -EPIPE if the front-end has left
 */
static int vu_event(struct tap *tap, int fd, uint32_t events)
{
	struct vu *vu = tap->priv;
	unsigned i;

	(void)events;
	for (i = 0; i < VU_RINGS; i++) {
		if (fd == vu->ring[i].kick_fd)
			return vu_ring_kicked(vu, i);
	}
	if (fd == vu->poll_fd)
		return on_poll(vu);
	return on_messages(vu);
}

/**
 * vu_close() - struct tap_ops @close
 * @tap:	Port to the guest
 */
static void vu_close(struct tap *tap)
{
	struct vu *vu = tap->priv;
	unsigned i;

	vu_reset(vu);
	for (i = 0; i < VU_RINGS; i++) {
		vu_fd_replace(&vu->ring[i].call_fd, -1);
		vu_fd_replace(&vu->ring[i].err_fd, -1);
	}
	vu_msg_done(&vu->msg);
	vu_mem_clear(&vu->mem);
	tap_unwatch(tap, vu->poll_fd);
	tap_unwatch(tap, tap->fd);
	close(tap->fd);
	tap->mtu = vu->mtu;
}

static const struct tap_ops vu_ops = {
	.name		= "vhost-user",
	.recv		= vu_recv,
	.release	= vu_release,
	.reserve	= vu_reserve,
	.commit		= vu_commit,
	.cancel		= vu_cancel,
	.flush		= vu_flush,
	.event		= vu_event,
	.close		= vu_close,
};

/**
 * tap_vu_init() - Have all there is to have before guests come
 * @tap:	Port to the guest, its MTU set
 *
 * Ends the program if that can't be done.
 */
void tap_vu_init(struct tap *tap)
{
	struct vu *vu = calloc(1, sizeof(*vu));

	if (!vu)
		die("No memory for vhost-user");
	vu->poll_fd = timerfd_create(CLOCK_MONOTONIC,
				     TFD_NONBLOCK | TFD_CLOEXEC);
	if (vu->poll_fd < 0)
		die_errno("Can't create a timer for vhost-user");
	vu->tap = tap;
	vu->mtu = tap->mtu;
	tap->priv = vu;
}

/**
 * tap_vu_attach() - Make a front-end's connection the port to the guest
 * @tap:	Port to the guest, prepared by tap_vu_init()
 * @fd:		Socket, the port's from now on
 *
 * Return: 0, -errno if it can't be watched: the socket is the caller's then
 */
int tap_vu_attach(struct tap *tap, int fd)
{
	struct vu *vu = tap->priv;
	int rc = tap_watch(tap, fd, EPOLLIN);

	if (rc)
		return rc;
	rc = tap_watch(tap, vu->poll_fd, EPOLLIN);
	if (rc) {
		tap_unwatch(tap, fd);
		return rc;
	}
	vu_init(vu);
	tap->ops = &vu_ops;
	tap->fd = fd;
	vu_reset(vu);
	return 0;
}
