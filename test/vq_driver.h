/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VQ_DRIVER_H
#define VQ_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_ring.h>

/* Little endian whatever the machine: virtio 1.3, 1.4. Of our compilers only
 * gcc can lay out fields so; others don't come by a big-endian machine.
 */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VQ_LITTLE_ENDIAN __attribute__((scalar_storage_order("little-endian")))
#else
#define VQ_LITTLE_ENDIAN
#endif

/* As struct vring_desc and others of linux/virtio_ring.h */
struct vq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
} VQ_LITTLE_ENDIAN;

struct vq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
} VQ_LITTLE_ENDIAN;

struct vq_used_elem {
	uint32_t id;
	uint32_t len;
} VQ_LITTLE_ENDIAN;

struct vq_used {
	uint16_t flags;
	uint16_t idx;
	struct vq_used_elem ring[];
} VQ_LITTLE_ENDIAN;

/**
 * struct vq_driver - a guest's side of a split virtqueue
 * @size:	Entries
 * @desc:	Descriptor table
 * @avail:	Avail ring
 * @used:	Used ring
 * @free:	Descriptor to be used next: they go round, none is kept
 * @seen_used:	Entry of the used ring to look at next
 * @told_avail:	Value of the avail index when last asked whether to kick
 */
struct vq_driver {
	unsigned size;
	struct vq_desc *desc;
	struct vq_avail *avail;
	struct vq_used *used;
	unsigned free;
	uint16_t seen_used;
	uint16_t told_avail;
};

size_t vq_driver_init(struct vq_driver *d, void *at, unsigned size,
		      uint16_t idx);
uint16_t vq_driver_desc(struct vq_driver *d, uint64_t addr, uint32_t len,
			uint16_t flags);
void vq_driver_offer(struct vq_driver *d, uint16_t head);
bool vq_driver_used(struct vq_driver *d, struct vq_used_elem *e);
bool vq_driver_wants_kick(struct vq_driver *d, bool event_idx);

#endif /* VQ_DRIVER_H */
