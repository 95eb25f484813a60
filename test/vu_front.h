/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VU_FRONT_H
#define VU_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vq_driver.h"

struct stack;
struct tap_mem_frame;
struct vu_mem_desc;

#define FRONT_RINGS		2
#define FRONT_RX		0	/* Frames to the guest */
#define FRONT_TX		1

/* The guest's memory: two regions that follow each other, and one far away */
#define FRONT_LOW		0ULL
#define FRONT_MIDDLE		(8ULL << 20)
#define FRONT_FAR		(4ULL << 30)
#define FRONT_USER		0x7f5500000000ULL
#define FRONT_REGIONS		3

/**
 * struct vu_shape - what a guest's driver is like
 * @features:	Negotiated ones
 * @size:	Entries of each ring
 * @rx_len:	Bytes of each buffer for frames to it
 * @first:	Bytes of the first descriptor of a buffer, 0 for all
 * @piece:	Bytes of each further one, 0 for the rest
 * @indirect:	Buffers are in indirect tables
 * @no_kick:	The device has to look at the rings by itself
 * @idx:	Where the indices begin
 */
struct vu_shape {
	uint64_t features;
	unsigned size;
	uint32_t rx_len;
	uint32_t first;
	uint32_t piece;
	bool indirect;
	bool no_kick;
	uint16_t idx;
};

/**
 * struct vu_front - hypervisor and guest of a vhost-user device
 * @s:		Stack with the device
 * @shape:	What the driver is like
 * @sock:	Connection to the device
 * @mem_fd:	The guest's memory
 * @mem:	The same, mapped
 * @ring:	Rings
 * @base:	Where each of them was stopped, or begins
 * @tx_cnt:	Descriptors of each buffer of FRONT_TX that is under way
 * @tx_head:	Oldest one of these
 * @tx_len:	How many
 * @tx_descs:	Descriptors in all of them
 * @rx_per:	Descriptors of each buffer of FRONT_RX
 * @kick:	Event counters, by ring
 * @call:	Likewise
 * @err:	Likewise
 * @protocol:	Protocol features that were negotiated
 * @hdr_len:	Bytes of the header in front of each frame
 * @popped:	Data of the frame popped last
 * @merged:	Buffers that it took
 * @kicks:	Times the device was woken up
 */
struct vu_front {
	struct stack *s;
	struct vu_shape shape;
	int sock;
	int mem_fd;
	uint8_t *mem;
	struct vq_driver ring[FRONT_RINGS];
	unsigned base[FRONT_RINGS];
	unsigned tx_cnt[32768];
	unsigned tx_head;
	unsigned tx_len;
	unsigned tx_descs;
	unsigned rx_per;
	int kick[FRONT_RINGS];
	int call[FRONT_RINGS];
	int err[FRONT_RINGS];
	uint64_t protocol;
	size_t hdr_len;
	uint8_t *popped;
	unsigned merged;
	unsigned kicks;
};

void vu_front_new(struct stack *s, const struct vu_shape *shape);
void vu_front_free(struct vu_front *f);
void vu_front_connect(struct vu_front *f);
void vu_front_start(struct vu_front *f);
void vu_front_resume(struct vu_front *f);
void vu_front_ring(struct vu_front *f, unsigned ring);
void vu_front_stop(struct vu_front *f);
void vu_front_regions(struct vu_front *f);
void vu_front_region(struct vu_front *f, unsigned i, struct vu_mem_desc *d);
void vu_front_send(struct vu_front *f, uint32_t request, const void *payload,
		   uint32_t size, const int *fds, unsigned fd_count);
bool vu_front_reply(struct vu_front *f, uint32_t request, void *payload,
		    uint32_t size);
uint64_t vu_front_get(struct vu_front *f, uint32_t request);
void vu_front_do(struct vu_front *f, uint32_t request);
void vu_front_set(struct vu_front *f, uint32_t request, uint64_t value);
void vu_front_state(struct vu_front *f, uint32_t request, unsigned ring,
		    unsigned num);
void vu_front_ring_addr(struct vu_front *f, unsigned ring);
void vu_front_ring_fd(struct vu_front *f, uint32_t request, unsigned ring,
		      int fd);
bool vu_front_is_gone(struct vu_front *f);
void *vu_front_at(struct vu_front *f, uint64_t guest_addr);
void vu_front_kick(struct vu_front *f, unsigned ring);
bool vu_front_push(struct vu_front *f, const void *hdr, const void *data,
		   size_t len);
bool vu_front_pop(struct vu_front *f, struct tap_mem_frame *frame);

#endif /* VU_FRONT_H */
