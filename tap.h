/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "frame.h"
#include "util.h"

struct ctx;
struct guest_macs;
struct neigh;
struct stats;
struct tap;

/* Frames handled between two looks at the other events */
#define TAP_BATCH_MAX		32

/**
 * struct tap_caps - what a back-end takes off our hands
 * @csum:	Takes and gives frames with partial checksums
 * @tso4:	Takes TCP segments over IPv4 longer than the MTU
 * @tso6:	Takes TCP segments over IPv6 longer than the MTU
 * @uso:	Takes UDP datagrams joined to VIRTIO_NET_HDR_GSO_UDP_L4
 * @len_max:	Longest frame it takes, Ethernet header included
 */
struct tap_caps {
	bool csum;
	bool tso4;
	bool tso6;
	bool uso;
	size_t len_max;
};

/**
 * struct tap_ops - a back-end of the port to the guest
 * @name:	Name for messages
 * @recv:	Fill up to @max frames from the guest. Return: frames filled, 0
 *		if none is left, -errno if the link is down
 * @release:	Give back the buffers of the frames that @recv filled last
 * @reserve:	Describe room for a frame of up to @len bytes to the guest.
 *		Return: 0, -EAGAIN if there is none now, -errno else
 * @commit:	Send the first @len bytes of a reserved frame. Return: 0, or
 *		-errno if the frame is lost
 * @cancel:	Give back a reserved frame unsent
 * @flush:	Push out what @commit has batched; may be NULL
 * @event:	Handle epoll @events of descriptor @fd, which tap_watch() was
 *		called for. Return: 1 if there may be frames to take, 0 if not,
 *		-errno if the link is down. NULL: they always tell of frames
 * @close:	Forget the guest, let go of its descriptors; may be NULL
 *
 * A @reserve that has failed with -EAGAIN is followed by tap_has_room() once it
 * could succeed. Frames that @recv leaves behind without an event to come are
 * told by @more of struct tap. What fails where it can't be returned is told by
 * tap_fail().
 */
struct tap_ops {
	const char *name;
	int (*recv)(struct tap *tap, struct frame *frames, int max);
	void (*release)(struct tap *tap);
	int (*reserve)(struct tap *tap, size_t len, struct frame *f);
	int (*commit)(struct tap *tap, struct frame *f, size_t len);
	void (*cancel)(struct tap *tap, struct frame *f);
	void (*flush)(struct tap *tap);
	int (*event)(struct tap *tap, int fd, uint32_t events);
	void (*close)(struct tap *tap);
};

/**
 * struct tap - the port to the guest
 * @ops:	Back-end
 * @caps:	What the back-end does for us
 * @fd:		Descriptor with frames to read, -1 if none
 * @epollfd:	Event loop, for tap_watch()
 * @priv:	Of the back-end
 * @mtu:	Largest IP packet that is no GSO frame
 * @our_mac:	Our MAC address on this link
 * @guest_mac:	The guest's: configured, then as last seen
 * @macs:	Which MAC address has which IP address, if there are several
 * @neigh:	Those of the host's neighbours, NULL: all have ours
 * @guest_addr:	The guest's addresses as last seen, or as configured
 * @guest_seen:	Packets have come from a global address of the guest
 * @guest_ll:	The guest's IPv6 link-local address as last seen
 * @ready:	The guest takes frames, set by the back-end
 * @blocked:	There is no room to the guest, until tap_has_room()
 * @more:	Frames can be taken though no event tells of them, set by @recv
 * @failed:	errno that the link went down with, 0 as long as it is up
 * @pcap_fd:	Capture file, -1 if none
 * @stats:	Counters
 */
struct tap {
	const struct tap_ops *ops;
	struct tap_caps caps;
	int fd;
	int epollfd;
	void *priv;
	unsigned mtu;
	uint8_t our_mac[MAC_LEN];
	uint8_t guest_mac[MAC_LEN];
	struct guest_macs *macs;
	struct neigh *neigh;
	struct addr guest_addr[IPVER_MAX];
	bool guest_seen[IPVER_MAX];
	struct addr guest_ll;
	bool ready;
	bool blocked;
	bool more;
	int failed;
	int pcap_fd;
	struct stats *stats;
};

void tap_attach_none(struct tap *tap);
int tap_watch(const struct tap *tap, int fd, uint32_t events);
void tap_unwatch(const struct tap *tap, int fd);
void tap_has_room(struct tap *tap);
bool tap_is_full(const struct tap *tap);
void tap_fail(struct tap *tap, int e);
int tap_recv(struct tap *tap, struct frame *frames, int max);
void tap_release(struct tap *tap);
int tap_reserve(struct tap *tap, size_t len, struct frame *f);
int tap_commit(struct tap *tap, struct frame *f, size_t len);
void tap_cancel(struct tap *tap, struct frame *f);
void tap_flush(struct tap *tap);
int tap_send_buf(struct tap *tap, const void *frame, size_t len);
size_t tap_tcp_len_max(const struct tap *tap, enum ipver v);

#endif /* TAP_H */
