// SPDX-License-Identifier: BSD-3-Clause
/* tap.c - the port to the guest
 *
 * Everything that goes to the guest or comes from it passes here, whatever the
 * back-end: counters, the capture file, and the completion of checksums that
 * the back-end can't leave to the guest.
 *
 * To the guest, tap_reserve() hands out room, the caller fills it, and
 * tap_commit() sends it or tap_cancel() gives it back. When there is no room,
 * tap_reserve() says -EAGAIN and the caller leaves its data where it is.
 * From the guest, tap_recv() fills frames whose memory stays valid until
 * tap_release().
 *
 * Back-ends have descriptors of their own in the event loop, by tap_watch(). As
 * link.c sees to guests coming and going, they only tell it: the state of the
 * link is in @ready and @failed of struct tap, looked at once in each turn of
 * the loop, so that nothing is pulled away under somebody who uses it.
 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "csum.h"
#include "ip.h"
#include "passt.h"
#include "pcap.h"
#include "syscalls.h"
#include "view.h"

/* What is called after start-up, see seccomp.c */
const char tap_syscalls[] = "epoll_ctl";

/**
 * none_reserve() - struct tap_ops @reserve: there will be room with a guest
 * @tap:	Not used
 * @len:	Not used
 * @f:		Not used
 *
 * Return: -EAGAIN
 */
static int none_reserve(struct tap *tap, size_t len, struct frame *f)
{
	(void)tap;
	(void)len;
	(void)f;
	return -EAGAIN;
}

static const struct tap_ops none_ops = {
	.name		= "none",
	.reserve	= none_reserve,
};

/**
 * tap_attach_none() - Have no link to the guest: what is for it waits
 * @tap:	Port to the guest
 */
void tap_attach_none(struct tap *tap)
{
	tap->ops = &none_ops;
	tap->caps = (struct tap_caps){ .len_max = FRAME_LEN_MAX };
	tap->fd = -1;
	tap->ready = tap->more = false;
	tap->failed = 0;
}

/**
 * tap_watch() - Have the event loop look at a descriptor of the back-end
 * @tap:	Port to the guest
 * @fd:		Descriptor, may be watched already
 * @events:	EPOLL* to look for, those asked for before are forgotten
 *
 * Return: 0, or -errno
 */
int tap_watch(const struct tap *tap, int fd, uint32_t events)
{
	union event_ref ref = { .index = (uint32_t)fd, .type = EVENT_TAP };
	struct epoll_event ev = { .events = events, .data.u64 = ref.u64 };

	if (!epoll_ctl(tap->epollfd, EPOLL_CTL_MOD, fd, &ev))
		return 0;
	if (errno != ENOENT)
		return -errno;
	return epoll_ctl(tap->epollfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/**
 * tap_unwatch() - Undo tap_watch()
 * @tap:	Port to the guest
 * @fd:		Descriptor, to be done before it is closed
 */
void tap_unwatch(const struct tap *tap, int fd)
{
	epoll_ctl(tap->epollfd, EPOLL_CTL_DEL, fd, NULL);
}

/**
 * tap_has_room() - There is room again after tap_reserve() has said -EAGAIN
 * @tap:	Port to the guest
 *
 * What waited for it goes on at the end of this turn of the loop.
 */
void tap_has_room(struct tap *tap)
{
	tap->blocked = false;
}

/**
 * tap_is_full() - Is it worth waiting for room to the guest?
 * @tap:	Port to the guest
 *
 * Return: true if there will be some: false if there is now, or no guest
 */
bool tap_is_full(const struct tap *tap)
{
	return tap->ready && tap->blocked;
}

/**
 * tap_fail() - The link went down: the guest is let go of in this turn or next
 * @tap:	Port to the guest
 * @e:		errno that tells why; the first one counts
 */
void tap_fail(struct tap *tap, int e)
{
	if (!tap->failed)
		tap->failed = e;
}

/**
 * tap_recv() - Take frames from the guest
 * @tap:	Port to the guest
 * @frames:	Filled with what came
 * @max:	Frames to take at most
 *
 * Return: frames filled, 0 if there are none, -errno if the link is down
 */
int tap_recv(struct tap *tap, struct frame *frames, int max)
{
	int n = tap->ops->recv(tap, frames, max), i;

	for (i = 0; i < n; i++) {
		const struct frame *f = &frames[i];

		stats_add(tap->stats, STAT_FROM_GUEST_BYTES, f->len);
		if (tap->pcap_fd >= 0)
			pcap_frame(tap->pcap_fd, f->iov, f->iov_cnt, f->len);
	}
	if (n > 0)
		stats_add(tap->stats, STAT_FROM_GUEST_FRAMES, (uint64_t)n);
	return n;
}

/**
 * tap_release() - Give back the memory of the frames that tap_recv() filled
 * @tap:	Port to the guest
 */
void tap_release(struct tap *tap)
{
	tap->ops->release(tap);
}

/**
 * tap_reserve() - Get room for a frame to the guest
 * @tap:	Port to the guest
 * @len:	Bytes needed at most, Ethernet header included
 * @f:		Filled with where the frame goes
 *
 * Return: 0, -EAGAIN if there is no room now, -EMSGSIZE if the back-end never
 *	   takes frames that long, other -errno if the link is down
 */
int tap_reserve(struct tap *tap, size_t len, struct frame *f)
{
	int rc;

	if (len > tap->caps.len_max)
		return -EMSGSIZE;

	rc = tap->ops->reserve(tap, len, f);
	if (rc == -EAGAIN) {
		tap->blocked = true;
		stats_add(tap->stats, STAT_TO_GUEST_WAITS, 1);
	}
	return rc;
}

/**
 * tap_complete_csum() - Turn a partial checksum into a whole one
 * @f:		Frame with VIRTIO_NET_HDR_F_NEEDS_CSUM
 * @len:	Bytes of the frame
 *
 * Source: virtio 1.3, 5.1.6.2 (csum_start and csum_offset)
 */
static void tap_complete_csum(struct frame *f, size_t len)
{
	struct view v = view_from_iov(f->iov, f->iov_cnt, len), at;
	__sum16 check;

	if (!view_skip(&v, f->vnet.csum_start))
		return;

	check = csum_fold(csum_add_view(0, &v));
	/* RFC 768: zero would mean "none"; for the others both are zero */
	if (!check)
		check = (__sum16)0xffff;
	at = v;
	if (view_skip(&at, f->vnet.csum_offset))
		view_put(&at, &check, sizeof(check));
	f->vnet.flags = 0;
	f->vnet.csum_start = 0;
	f->vnet.csum_offset = 0;
}

/**
 * tap_commit() - Send a reserved frame
 * @tap:	Port to the guest
 * @f:		Frame from tap_reserve(), filled
 * @len:	Bytes of the frame, at most what was reserved
 *
 * Return: 0, or -errno if the frame is lost
 */
int tap_commit(struct tap *tap, struct frame *f, size_t len)
{
	size_t captured = 0;
	int rc;

	if (f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    f->vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	    (!tap->caps.csum || tap->pcap_fd >= 0))
		tap_complete_csum(f, len);

	/* Before it is sent: the memory may be the guest's after */
	if (tap->pcap_fd >= 0)
		captured = pcap_frame(tap->pcap_fd, f->iov, f->iov_cnt, len);

	rc = tap->ops->commit(tap, f, len);
	if (rc) {
		pcap_undo(tap->pcap_fd, captured);
		stats_add(tap->stats, STAT_TO_GUEST_LOST, 1);
		return rc;
	}
	stats_add(tap->stats, STAT_TO_GUEST_FRAMES, 1);
	stats_add(tap->stats, STAT_TO_GUEST_BYTES, len);
	return 0;
}

/**
 * tap_cancel() - Give back a reserved frame unsent
 * @tap:	Port to the guest
 * @f:		Frame from tap_reserve()
 */
void tap_cancel(struct tap *tap, struct frame *f)
{
	tap->ops->cancel(tap, f);
}

/**
 * tap_flush() - Push out what the back-end has batched
 * @tap:	Port to the guest
 */
void tap_flush(struct tap *tap)
{
	if (tap->ops->flush)
		tap->ops->flush(tap);
}

/**
 * tap_send_buf() - Send a complete frame, copied
 * @tap:	Port to the guest
 * @frame:	Frame from the Ethernet header on, checksums done
 * @len:	Its length
 *
 * Return: 0, or -errno if it was not sent
 */
int tap_send_buf(struct tap *tap, const void *frame, size_t len)
{
	struct frame f;
	struct view v;
	int rc;

	rc = tap_reserve(tap, len, &f);
	if (rc)
		return rc;

	memset(&f.vnet, 0, sizeof(f.vnet));
	v = view_from_iov(f.iov, f.iov_cnt, f.len);
	if (!view_put(&v, frame, len)) {
		tap_cancel(tap, &f);
		return -EMSGSIZE;
	}
	return tap_commit(tap, &f, len);
}

/**
 * tap_tcp_len_max() - Longest IP packet with a TCP segment we may send at once
 * @tap:	Port to the guest
 * @v:		IP version
 *
 * Return: bytes from the IP header on
 */
size_t tap_tcp_len_max(const struct tap *tap, enum ipver v)
{
	bool tso = v == V4 ? tap->caps.tso4 : tap->caps.tso6;

	if (!tso)
		return tap->mtu;
	return tap->caps.len_max - ETH_HLEN;
}
