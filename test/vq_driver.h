/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VQ_DRIVER_H
#define VQ_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_ring.h>

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
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	unsigned free;
	uint16_t seen_used;
	uint16_t told_avail;
};

size_t vq_driver_init(struct vq_driver *d, void *at, unsigned size,
		      uint16_t idx);
uint16_t vq_driver_desc(struct vq_driver *d, uint64_t addr, uint32_t len,
			uint16_t flags);
void vq_driver_offer(struct vq_driver *d, uint16_t head);
bool vq_driver_used(struct vq_driver *d, struct vring_used_elem *e);
bool vq_driver_wants_kick(struct vq_driver *d, bool event_idx);

#endif /* VQ_DRIVER_H */
