/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VU_TO_GUEST_H
#define VU_TO_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct tap;
struct vu;

#define VU_HDR_MAX		sizeof(struct virtio_net_hdr_v1)
#define VU_SLOTS		32U	/* Frames reserved at once */
#define VU_BUFS			1024U	/* Buffers for those: a power of two */

/**
 * enum vu_buf_state - what becomes of a buffer that was taken
 * @VU_BUF_SPARE:	Nobody has it
 * @VU_BUF_RESERVED:	It belongs to a reserved frame
 * @VU_BUF_USED:	It was given back to the guest
 */
enum vu_buf_state { VU_BUF_SPARE, VU_BUF_RESERVED, VU_BUF_USED };

/**
 * struct vu_buf - buffer of the guest, for a frame to it or a part of one
 * @head:	First descriptor
 * @state:	What became of it
 * @len:	Bytes it has room for, if it is reserved
 */
struct vu_buf {
	uint16_t head;
	enum vu_buf_state state;
	size_t len;
};

/**
 * struct vu_slot - reserved frame
 * @hdr:	Where its offload header goes
 * @hdr_cnt:	Elements of that
 * @bufs:	Its buffers, by position
 * @buf_cnt:	How many; 0 if the slot is free
 */
struct vu_slot {
	struct iovec hdr[VU_HDR_MAX];
	size_t hdr_cnt;
	uint32_t bufs[FRAME_IOV_MAX];
	unsigned buf_cnt;
};

/**
 * struct vu_to_guest - frames on their way to the guest
 * @bufs:	Buffers taken, in the order they were offered, by position
 * @first:	Position of the first one that isn't settled
 * @end:	Position behind the last one
 * @slots:	Reserved frames
 * @spare:	Buffers taken that nobody has
 * @is_full:	A frame couldn't be reserved for lack of a slot
 * @is_probed:	It is known how much room the guest's buffers have
 * @is_shorter:	Flows that wait may go on with shorter frames
 * @bytes:	Committed since the last flush
 */
struct vu_to_guest {
	struct vu_buf bufs[VU_BUFS];
	uint32_t first;
	uint32_t end;
	struct vu_slot slots[VU_SLOTS];
	unsigned spare;
	bool is_full;
	bool is_probed;
	bool is_shorter;
	size_t bytes;
};

int vu_reserve(struct tap *tap, size_t len, struct frame *f);
int vu_commit(struct tap *tap, struct frame *f, size_t len);
void vu_cancel(struct tap *tap, struct frame *f);
void vu_to_guest_probe(struct vu *vu);
void vu_to_guest_stop(struct vu *vu);

#endif /* VU_TO_GUEST_H */
