/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAP_MEM_H
#define TAP_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "util.h"

struct tap;
struct tap_caps;

#define TAP_MEM_QUEUE		4096	/* Frames kept in either direction */
#define TAP_MEM_SLOTS		64	/* Frames reserved at once */
#define TAP_MEM_UNLIMITED	UINT32_MAX

/**
 * struct tap_mem_frame - a frame in a queue
 * @vnet:	Offload header
 * @data:	Bytes from the Ethernet header on, own allocation
 * @len:	How many
 * @guest_mac:	The guest's MAC address as it was known when this was sent
 */
struct tap_mem_frame {
	struct virtio_net_hdr_v1 vnet;
	uint8_t *data;
	size_t len;
	uint8_t guest_mac[MAC_LEN];
};

/**
 * struct tap_mem_scatter - how buffers are cut into elements
 * @first:	Bytes of the first element, 0 for one element for all
 * @size:	Bytes of each further one; the last one takes the rest
 */
struct tap_mem_scatter {
	size_t first;
	size_t size;
};

/**
 * struct tap_mem_check - what the stack did wrong, and what it did
 * @reserved:	Reservations neither committed nor cancelled
 * @lent:	Frames received and not released
 * @misused:	Commits or cancels of what wasn't reserved, commits of more
 *		than was reserved
 * @too_long:	Reservations beyond the longest frame
 * @refused:	Reservations refused as there was no room
 * @flushes:	Calls of flush
 */
struct tap_mem_check {
	unsigned reserved;
	unsigned lent;
	unsigned misused;
	unsigned too_long;
	unsigned refused;
	unsigned flushes;
};

void tap_mem_open(struct tap *tap, const struct tap_caps *caps);
void tap_mem_close(struct tap *tap);
bool tap_mem_push(struct tap *tap, const struct virtio_net_hdr_v1 *vnet,
		  const void *data, size_t len);
bool tap_mem_pop(struct tap *tap, struct tap_mem_frame *f);
size_t tap_mem_pending(const struct tap *tap);
size_t tap_mem_from_guest(const struct tap *tap);
void tap_mem_set_room(struct tap *tap, uint32_t frames);
void tap_mem_lose(struct tap *tap, uint32_t frames);
void tap_mem_set_scatter(struct tap *tap,
			 const struct tap_mem_scatter *from_guest,
			 const struct tap_mem_scatter *to_guest);
const struct tap_mem_check *tap_mem_check(const struct tap *tap);

#endif /* TAP_MEM_H */
