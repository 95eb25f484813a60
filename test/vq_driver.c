// SPDX-License-Identifier: BSD-3-Clause
/* vq_driver.c - a guest's side of a split virtqueue, for tests
 *
 * It does what it is told, right or wrong: tests write to rings and tables as
 * they like, besides the calls here.
 *
 * Source: virtio 1.3, 2.7
 */

#include <endian.h>
#include <string.h>

#include "vq_driver.h"

/**
 * vq_driver_init() - Lay out an empty ring
 * @d:		Ring
 * @at:		Where its memory is, aligned to 16 bytes
 * @size:	Entries
 * @idx:	Value of both indices to begin with
 *
 * Return: bytes of the ring
 */
size_t vq_driver_init(struct vq_driver *d, void *at, unsigned size,
		      uint16_t idx)
{
	size_t len;

	memset(d, 0, sizeof(*d));
	d->size = size;
	d->desc = at;
	d->avail = (void *)(d->desc + size);
	len = size * sizeof(*d->desc) + (size + 3) * 2;
	len = (len + 63) / 64 * 64;
	d->used = (void *)((char *)at + len);
	len += 6 + size * sizeof(struct vq_used_elem);
	memset(at, 0, len);
	d->avail->idx = d->used->idx = idx;
	d->avail->ring[size] = idx;
	d->seen_used = d->told_avail = idx;
	return (len + 63) / 64 * 64;
}

/**
 * vq_driver_desc() - Write the next descriptor
 * @d:		Ring
 * @addr:	Guest address
 * @len:	Bytes
 * @flags:	VRING_DESC_F_*; with VRING_DESC_F_NEXT the next one follows
 *
 * Return: index of the descriptor
 */
uint16_t vq_driver_desc(struct vq_driver *d, uint64_t addr, uint32_t len,
			uint16_t flags)
{
	uint16_t i = (uint16_t)(d->free++ % d->size);

	d->desc[i] = (struct vq_desc){
		.addr = addr, .len = len, .flags = flags,
		.next = (uint16_t)(d->free % d->size),
	};
	return i;
}

/**
 * vq_driver_offer() - Put a chain into the avail ring
 * @d:		Ring
 * @head:	Its first descriptor
 */
void vq_driver_offer(struct vq_driver *d, uint16_t head)
{
	uint16_t idx = d->avail->idx;

	d->avail->ring[idx % d->size] = head;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	d->avail->idx = (uint16_t)(idx + 1);
}

/**
 * vq_driver_used() - Take an entry from the used ring
 * @d:		Ring
 * @e:		Set to the entry
 *
 * With VIRTIO_RING_F_EVENT_IDX, asks to be woken up for the next one.
 *
 * Return: false if there is none
 */
bool vq_driver_used(struct vq_driver *d, struct vq_used_elem *e)
{
	if (d->used->idx == d->seen_used)
		return false;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*e = d->used->ring[d->seen_used++ % d->size];
	d->avail->ring[d->size] = d->seen_used;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return true;
}

/**
 * vq_driver_wants_kick() - Has the device to be told of what was offered?
 * @d:		Ring
 * @event_idx:	VIRTIO_RING_F_EVENT_IDX is negotiated
 *
 * Return: true if so
 */
bool vq_driver_wants_kick(struct vq_driver *d, bool event_idx)
{
	uint16_t old = d->told_avail, now = d->avail->idx, event;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	d->told_avail = now;
	if (!event_idx)
		return !(d->used->flags & VRING_USED_F_NO_NOTIFY);
	memcpy(&event, &d->used->ring[d->size], sizeof(event));
	return now != old && vring_need_event(le16toh(event), now, old);
}
