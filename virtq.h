/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIRTQ_H
#define VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct vring_avail;
struct vring_desc;
struct vring_used;
struct vu_mem;

#define VIRTQ_SIZE_MAX		32768	/* virtio 1.3, 2.7 */

/**
 * struct virtq_addrs - where a ring is, as addresses of the front-end
 * @desc:	Descriptor table
 * @avail:	What the guest has to offer
 * @used:	What it gets back
 */
struct virtq_addrs {
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
};

/**
 * struct virtq - the device's side of a split virtqueue
 * @mem:	The guest's memory
 * @desc:	Descriptor table, NULL if the ring isn't mapped
 * @avail:	What the guest offers
 * @used:	What it gets back
 * @size:	Entries in each of the three
 * @next_avail:	Entry of @avail that is taken next
 * @next_used:	Entry of @used that is filled next
 * @told_used:	As much of @used the guest knows of
 * @called_used: As much of @used it was woken up for
 * @seen_avail:	As much of @avail we know of
 * @event_idx:	VIRTIO_RING_F_EVENT_IDX is negotiated
 * @indirect:	VIRTIO_RING_F_INDIRECT_DESC is negotiated
 * @broken:	What the guest did wrong, NULL if nothing
 */
struct virtq {
	const struct vu_mem *mem;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	unsigned size;
	uint16_t next_avail;
	uint16_t next_used;
	uint16_t told_used;
	uint16_t called_used;
	uint16_t seen_avail;
	bool event_idx;
	bool indirect;
	const char *broken;
};

/**
 * struct virtq_chain - buffer of the guest: a chain of descriptors
 * @iov:	Elements to fill, in memory of the guest
 * @max:	Room in @iov
 * @cnt:	Elements filled
 * @len:	Bytes of the whole chain, even if @iov is too short for it
 */
struct virtq_chain {
	struct iovec *iov;
	size_t max;
	size_t cnt;
	size_t len;
};

bool virtq_size_is_valid(uint32_t size);
bool virtq_addrs_are_valid(const struct virtq_addrs *a);
bool virtq_map(struct virtq *q, const struct virtq_addrs *a);
void virtq_unmap(struct virtq *q);
void virtq_start(struct virtq *q, uint16_t base);
int virtq_break(struct virtq *q, const char *why);
unsigned virtq_pending(struct virtq *q);
bool virtq_is_full(const struct virtq *q);
bool virtq_take(struct virtq *q, uint16_t *head);
void virtq_untake(struct virtq *q, uint16_t count);
int virtq_chain(struct virtq *q, uint16_t head, bool writable,
		struct virtq_chain *c);
bool virtq_read(struct virtq *q, uint16_t head, void *buf, size_t len);
void virtq_use(struct virtq *q, uint16_t head, uint32_t len);
bool virtq_flush(struct virtq *q);
bool virtq_call_is_due(struct virtq *q);
bool virtq_has_more(const struct virtq *q);
bool virtq_watch(struct virtq *q);
void virtq_unwatch(struct virtq *q);

#endif /* VIRTQ_H */
