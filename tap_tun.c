// SPDX-License-Identifier: BSD-3-Clause
/* tap_tun.c - back-end of the port to the guest: a tun device, in tap mode
 *
 * The device lives in the guest's network namespace; we hold its descriptor.
 * IFF_VNET_HDR makes the kernel put a virtio-net header in front of each frame
 * and accept one, so that frames of up to 64 KiB pass whatever the MTU is, with
 * partial checksums both ways.
 *
 * One read(2) is one frame, one write(2) is one frame: there is nothing to
 * batch, and nothing to flush. A write doesn't block: the kernel runs the
 * guest's receive path inside it. So one hot buffer serves for most frames to
 * the guest; there are more of them for callers that reserve several at once.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/if.h>
#include <linux/if_tun.h>

#include "log.h"
#include "syscalls.h"
#include "tap.h"
#include "tap_tun.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char tap_tun_syscalls[] = "read write";

/* Since Linux 6.2, missing from older headers */
#ifndef TUN_F_USO4
#define TUN_F_USO4		0x20
#define TUN_F_USO6		0x40
#endif

#define TUN_PATH		"/dev/net/tun"
#define TUN_HDR_LEN		((int)sizeof(struct virtio_net_hdr_v1))
#define TUN_TO_GUEST_SLOTS	32
/* Take no more than this at once, so that it is still cached when it is sent */
#define TUN_BATCH_BYTES		(1024U * 1024)

/**
 * struct tun_buf - room for one frame and the header in front of it
 * @pad:	Aligns what follows the Ethernet header to four bytes
 * @vnet:	Offload header as the device takes it
 * @data:	Frame
 */
struct tun_buf {
	uint8_t pad[6];
	struct virtio_net_hdr_v1 vnet;
	uint8_t data[FRAME_LEN_MAX];
};
static_assert(offsetof(struct tun_buf, data) ==
	      offsetof(struct tun_buf, vnet) + TUN_HDR_LEN, "a gap");

/* What the device reads and writes begins here in a struct tun_buf */
#define TUN_START		offsetof(struct tun_buf, vnet)

/**
 * struct tun - what the port's @priv refers to
 * @free:	Stack of free slots to the guest: the last used is on top
 * @free_count:	How many
 * @to_guest:	Slots for frames to the guest
 * @from_guest:	Slots for a batch of frames from the guest
 */
struct tun {
	uint32_t free[TUN_TO_GUEST_SLOTS];
	unsigned free_count;
	struct tun_buf to_guest[TUN_TO_GUEST_SLOTS];
	struct tun_buf from_guest[TAP_BATCH_MAX];
};

/**
 * tap_tun_create() - Create a tap device in the present network namespace
 * @ifname:	Name of the interface
 * @caps:	Filled with what the kernel's tun driver offers
 * @failed:	On failure, what can't be done, to be put behind "Can't "; kept
 *		if that is to create the interface
 *
 * Return: descriptor of the device, or -errno
 *
 * Source: kernel, Documentation/networking/tuntap.rst and linux/if_tun.h
 */
int tap_tun_create(const char *ifname, struct tap_caps *caps,
		   const char **failed)
{
	unsigned basic = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, hdr_len = TUN_HDR_LEN, e;
	unsigned features;

	fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		*failed = "open " TUN_PATH " (passt(1) tells how to have it)";
		return -errno;
	}
	if (ioctl(fd, TUNGETFEATURES, &features)) {
		*failed = "use " TUN_PATH ", it is no tun device";
		goto fail;
	}

	util_copy_str(ifr.ifr_name, ifname, sizeof(ifr.ifr_name));
	if (ioctl(fd, TUNSETIFF, &ifr) ||
	    ioctl(fd, TUNSETVNETHDRSZ, &hdr_len))
		goto fail;

	memset(caps, 0, sizeof(*caps));
	caps->len_max = FRAME_LEN_MAX;
	caps->uso = !ioctl(fd, TUNSETOFFLOAD,
			   (unsigned long)(basic | TUN_F_USO4 | TUN_F_USO6));
	if (!caps->uso && ioctl(fd, TUNSETOFFLOAD, (unsigned long)basic))
		goto fail;
	caps->csum = caps->tso4 = caps->tso6 = true;
	return fd;

fail:
	e = errno;
	close(fd);
	return -e;
}

/**
 * tun_recv() - struct tap_ops @recv
 * @tap:	Port to the guest
 * @frames:	Filled with what came
 * @max:	Frames to take at most
 *
 * Return: frames filled, 0 if there are none, -errno if the device is gone
 */
static int tun_recv(struct tap *tap, struct frame *frames, int max)
{
	struct tun *t = tap->priv;
	size_t bytes = 0;
	int n = 0;

	while (n < MIN(max, TAP_BATCH_MAX) && bytes < TUN_BATCH_BYTES) {
		struct tun_buf *b = &t->from_guest[n];
		ssize_t len;

		len = read(tap->fd, (char *)b + TUN_START,
			   sizeof(*b) - TUN_START);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || n))
			break;
		if (len < 0)
			return -errno;
		if (len < TUN_HDR_LEN)
			continue;

		/* One by one: the rest of @iov isn't worth being cleared */
		frames[n].vnet = b->vnet;
		frames[n].len = (size_t)(len - TUN_HDR_LEN);
		frames[n].iov[0] = (struct iovec){ b->data, frames[n].len };
		frames[n].iov_cnt = 1;
		bytes += frames[n++].len;
	}
	return n;
}

/**
 * tun_release() - struct tap_ops @release: the next batch reuses the slots
 * @tap:	Port to the guest
 */
static void tun_release(struct tap *tap)
{
	(void)tap;
}

/**
 * tun_reserve() - struct tap_ops @reserve
 * @tap:	Port to the guest
 * @len:	Bytes needed at most
 * @f:		Filled with a slot
 *
 * Return: 0, -EAGAIN if all slots are taken
 */
static int tun_reserve(struct tap *tap, size_t len, struct frame *f)
{
	struct tun *t = tap->priv;

	if (!t->free_count)
		return -EAGAIN;

	f->slot = t->free[--t->free_count];
	f->iov[0] = (struct iovec){ t->to_guest[f->slot].data, len };
	f->iov_cnt = 1;
	f->len = len;
	return 0;
}

/**
 * tun_cancel() - struct tap_ops @cancel
 * @tap:	Port to the guest
 * @f:		Frame from tun_reserve()
 */
static void tun_cancel(struct tap *tap, struct frame *f)
{
	struct tun *t = tap->priv;

	t->free[t->free_count++] = f->slot;
	tap_has_room(tap);
}

/**
 * tun_commit() - struct tap_ops @commit
 * @tap:	Port to the guest
 * @f:		Frame from tun_reserve()
 * @len:	Its length
 *
 * Return: 0, or -errno if the device did not take it: -EIO if it is down
 */
static int tun_commit(struct tap *tap, struct frame *f, size_t len)
{
	struct tun *t = tap->priv;
	struct tun_buf *b = &t->to_guest[f->slot];
	ssize_t n;

	b->vnet = f->vnet;
	do
		n = write(tap->fd, (char *)b + TUN_START,
			  (size_t)TUN_HDR_LEN + len);
	while (n < 0 && errno == EINTR);

	tun_cancel(tap, f);
	return n < 0 ? -errno : 0;
}

static const struct tap_ops tun_ops = {
	.name		= "tun",
	.recv		= tun_recv,
	.release	= tun_release,
	.reserve	= tun_reserve,
	.commit		= tun_commit,
	.cancel		= tun_cancel,
};

/**
 * tap_tun_attach() - Make a tap device the port to the guest
 * @tap:	Port to the guest
 * @fd:		Descriptor from tap_tun_create()
 * @caps:	What came with it
 *
 * Return: 0, or -errno: -ENOMEM, or it can't be watched
 */
int tap_tun_attach(struct tap *tap, int fd, const struct tap_caps *caps)
{
	struct tun *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;

	while (t->free_count < TUN_TO_GUEST_SLOTS) {
		t->free[t->free_count] = t->free_count;
		t->free_count++;
	}
	tap->ops = &tun_ops;
	tap->caps = *caps;
	tap->fd = fd;
	tap->priv = t;
	tap->ready = true;
	return tap_watch(tap, fd, EPOLLIN);
}
