// SPDX-License-Identifier: BSD-3-Clause
/* tap_mem.c - back-end of the port to the guest in memory, for tests
 *
 * Frames that tap_mem_push() queues are what the guest sent; frames the stack
 * commits are kept until tap_mem_pop() takes them. Every buffer handed to the
 * stack is an allocation of exactly its size, freed at once when the stack
 * gives it back, so that an address sanitizer sees any access out of bounds or
 * too late. Buffers can be cut into small elements, the link can be full, and
 * it can lose frames. What the stack does wrong is counted, not asserted: see
 * struct tap_mem_check.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "tap_mem.h"

/**
 * struct tap_mem_queue - frames in the order they were sent
 * @frames:	Ring of frames
 * @head:	Oldest one
 * @count:	How many
 */
struct tap_mem_queue {
	struct tap_mem_frame frames[TAP_MEM_QUEUE];
	size_t head;
	size_t count;
};

/**
 * struct tap_mem_slot - buffer handed to the stack
 * @iov:	Its elements, each an allocation of its own
 * @cnt:	How many, 0 if the slot is free
 * @len:	Bytes in all
 */
struct tap_mem_slot {
	struct iovec iov[FRAME_IOV_MAX];
	size_t cnt;
	size_t len;
};

/**
 * struct tap_mem - the back-end
 * @from_guest:		Not received yet
 * @to_guest:		Not popped yet
 * @lent:		Buffers of frames received, until release
 * @reserved:		Buffers of reserved frames
 * @scatter_from:	How buffers of frames from the guest are cut
 * @scatter_to:		How reserved buffers are cut
 * @room:		Frames that can still be reserved
 * @lose:		Next commits that fail
 * @popped:		Data of the frame popped last
 * @check:		What to assert on
 */
struct tap_mem {
	struct tap_mem_queue from_guest;
	struct tap_mem_queue to_guest;
	struct tap_mem_slot lent[TAP_BATCH_MAX];
	struct tap_mem_slot reserved[TAP_MEM_SLOTS];
	struct tap_mem_scatter scatter_from;
	struct tap_mem_scatter scatter_to;
	uint32_t room;
	uint32_t lose;
	uint8_t *popped;
	struct tap_mem_check check;
};

/**
 * queue_add() - Append a frame to a queue
 * @q:		Queue
 * @f:		Frame, whose data the queue owns on success
 *
 * Return: false if the queue is full
 */
static bool queue_add(struct tap_mem_queue *q, const struct tap_mem_frame *f)
{
	if (q->count == TAP_MEM_QUEUE)
		return false;

	q->frames[(q->head + q->count++) % TAP_MEM_QUEUE] = *f;
	return true;
}

/**
 * queue_take() - Remove the oldest frame of a queue
 * @q:		Queue
 * @f:		Set to the frame, whose data the caller must free
 *
 * Return: false if the queue is empty
 */
static bool queue_take(struct tap_mem_queue *q, struct tap_mem_frame *f)
{
	if (!q->count)
		return false;

	*f = q->frames[q->head];
	q->head = (q->head + 1) % TAP_MEM_QUEUE;
	q->count--;
	return true;
}

/**
 * slot_fill() - Allocate the elements of a slot
 * @slot:	Free slot
 * @how:	How to cut
 * @len:	Bytes in all
 */
static void slot_fill(struct tap_mem_slot *slot,
		      const struct tap_mem_scatter *how, size_t len)
{
	size_t left = len, want;

	slot->cnt = 0;
	slot->len = len;
	do {
		want = slot->cnt ? how->size : how->first;
		if (!want || want > left || slot->cnt == FRAME_IOV_MAX - 1)
			want = left;
		slot->iov[slot->cnt].iov_base = malloc(want ? want : 1);
		slot->iov[slot->cnt].iov_len = want;
		slot->cnt++;
		left -= want;
	} while (left);
}

/**
 * slot_free() - Free the elements of a slot
 * @slot:	Slot in use
 */
static void slot_free(struct tap_mem_slot *slot)
{
	size_t i;

	for (i = 0; i < slot->cnt; i++)
		free(slot->iov[i].iov_base);
	slot->cnt = 0;
}

/**
 * slot_copy() - Copy bytes between a slot and one buffer
 * @slot:	Slot in use
 * @buf:	Buffer
 * @len:	Bytes to copy, not more than the slot holds
 * @to_slot:	Direction
 */
static void slot_copy(struct tap_mem_slot *slot, uint8_t *buf, size_t len,
		      bool to_slot)
{
	size_t i, n;

	for (i = 0; i < slot->cnt && len; i++, buf += n, len -= n) {
		n = MIN(len, slot->iov[i].iov_len);
		if (to_slot)
			memcpy(slot->iov[i].iov_base, buf, n);
		else
			memcpy(buf, slot->iov[i].iov_base, n);
	}
}

/**
 * slot_to_frame() - Describe a slot to the stack
 * @slot:	Slot in use
 * @f:		Frame to set, but for its offload header
 * @index:	Of the slot
 */
static void slot_to_frame(const struct tap_mem_slot *slot, struct frame *f,
			  uint32_t index)
{
	memcpy(f->iov, slot->iov, sizeof(f->iov[0]) * slot->cnt);
	f->iov_cnt = slot->cnt;
	f->len = slot->len;
	f->slot = index;
}

/**
 * mem_recv() - Hand frames of the guest to the stack, see struct tap_ops
 */
static int mem_recv(struct tap *tap, struct frame *frames, int max)
{
	struct tap_mem *m = tap->priv;
	struct tap_mem_frame f;
	int n;

	if (m->check.lent)
		m->check.misused++;

	for (n = 0; n < MIN(max, TAP_BATCH_MAX); n++) {
		if (!queue_take(&m->from_guest, &f))
			break;
		slot_fill(&m->lent[n], &m->scatter_from, f.len);
		slot_copy(&m->lent[n], f.data, f.len, true);
		free(f.data);
		slot_to_frame(&m->lent[n], &frames[n], (uint32_t)n);
		frames[n].vnet = f.vnet;
		m->check.lent++;
	}
	return n;
}

/**
 * mem_release() - Free the frames received last, see struct tap_ops
 */
static void mem_release(struct tap *tap)
{
	struct tap_mem *m = tap->priv;
	unsigned i;

	for (i = 0; i < TAP_BATCH_MAX; i++)
		slot_free(&m->lent[i]);
	m->check.lent = 0;
}

/**
 * mem_reserve() - Allocate a frame to the guest, see struct tap_ops
 */
static int mem_reserve(struct tap *tap, size_t len, struct frame *f)
{
	struct tap_mem *m = tap->priv;
	uint32_t i = 0;

	if (len > tap->caps.len_max) {
		m->check.too_long++;
		return -EMSGSIZE;
	}
	while (i < TAP_MEM_SLOTS && m->reserved[i].cnt)
		i++;
	if (!m->room || i == TAP_MEM_SLOTS ||
	    m->to_guest.count + m->check.reserved >= TAP_MEM_QUEUE) {
		m->check.refused++;
		return -EAGAIN;
	}

	slot_fill(&m->reserved[i], &m->scatter_to, len);
	slot_to_frame(&m->reserved[i], f, i);
	memset(&f->vnet, 0, sizeof(f->vnet));
	m->check.reserved++;
	if (m->room != TAP_MEM_UNLIMITED)
		m->room--;
	return 0;
}

/**
 * mem_tell_room() - Tell that frames can be reserved, if they can
 * @tap:	Port to the guest
 */
static void mem_tell_room(struct tap *tap)
{
	const struct tap_mem *m = tap->priv;

	if (m->room && m->check.reserved < TAP_MEM_SLOTS &&
	    m->to_guest.count + m->check.reserved < TAP_MEM_QUEUE)
		tap_has_room(tap);
}

/**
 * mem_slot() - Find the slot of a frame that comes back
 * @m:		Back-end
 * @f:		Frame
 *
 * Return: the slot, NULL if it isn't reserved
 */
static struct tap_mem_slot *mem_slot(struct tap_mem *m, const struct frame *f)
{
	if (f->slot < TAP_MEM_SLOTS && m->reserved[f->slot].cnt)
		return &m->reserved[f->slot];

	m->check.misused++;
	return NULL;
}

/**
 * mem_commit() - Keep a frame for the test to look at, see struct tap_ops
 */
static int mem_commit(struct tap *tap, struct frame *f, size_t len)
{
	struct tap_mem *m = tap->priv;
	struct tap_mem_slot *slot = mem_slot(m, f);
	struct tap_mem_frame sent = { .vnet = f->vnet };

	if (!slot)
		return -EINVAL;

	m->check.reserved--;
	if (len > slot->len) {
		m->check.misused++;
		len = slot->len;
	}
	if (m->lose) {
		m->lose--;
		slot_free(slot);
		mem_tell_room(tap);
		return -EIO;
	}
	sent.data = malloc(len);
	sent.len = len;
	memcpy(sent.guest_mac, tap->guest_mac, MAC_LEN);
	slot_copy(slot, sent.data, len, false);
	slot_free(slot);
	queue_add(&m->to_guest, &sent);
	mem_tell_room(tap);
	return 0;
}

/**
 * mem_cancel() - Take back a reserved frame, see struct tap_ops
 */
static void mem_cancel(struct tap *tap, struct frame *f)
{
	struct tap_mem *m = tap->priv;
	struct tap_mem_slot *slot = mem_slot(m, f);

	if (!slot)
		return;

	slot_free(slot);
	m->check.reserved--;
	if (m->room != TAP_MEM_UNLIMITED)
		m->room++;
	mem_tell_room(tap);
}

/**
 * mem_flush() - Count flushes, see struct tap_ops
 */
static void mem_flush(struct tap *tap)
{
	struct tap_mem *m = tap->priv;

	m->check.flushes++;
}

static const struct tap_ops mem_ops = {
	.name		= "memory",
	.recv		= mem_recv,
	.release	= mem_release,
	.reserve	= mem_reserve,
	.commit		= mem_commit,
	.cancel		= mem_cancel,
	.flush		= mem_flush,
};

/**
 * tap_mem_open() - Attach the back-end
 * @tap:	Port to the guest
 * @caps:	What the back-end shall be able to do
 */
void tap_mem_open(struct tap *tap, const struct tap_caps *caps)
{
	struct tap_mem *m = calloc(1, sizeof(*m));

	m->room = TAP_MEM_UNLIMITED;
	tap->ready = true;
	tap->ops = &mem_ops;
	tap->caps = *caps;
	tap->fd = -1;
	tap->priv = m;
}

/**
 * tap_mem_close() - Free all the back-end has
 * @tap:	Port to the guest
 */
void tap_mem_close(struct tap *tap)
{
	struct tap_mem *m = tap->priv;
	struct tap_mem_frame f;
	unsigned i;

	mem_release(tap);
	for (i = 0; i < TAP_MEM_SLOTS; i++)
		slot_free(&m->reserved[i]);
	while (queue_take(&m->from_guest, &f) || queue_take(&m->to_guest, &f))
		free(f.data);
	free(m->popped);
	free(m);
	tap->priv = NULL;
}

/**
 * tap_mem_push() - Have the guest send a frame
 * @tap:	Port to the guest
 * @vnet:	Offload header, NULL for none
 * @data:	Frame, copied
 * @len:	Its length
 *
 * Return: false if the queue is full
 */
bool tap_mem_push(struct tap *tap, const struct virtio_net_hdr_v1 *vnet,
		  const void *data, size_t len)
{
	struct tap_mem_frame f = { .data = malloc(len ? len : 1), .len = len };
	struct tap_mem *m = tap->priv;

	if (vnet)
		f.vnet = *vnet;
	memcpy(f.data, data, len);
	if (queue_add(&m->from_guest, &f))
		return true;

	free(f.data);
	return false;
}

/**
 * tap_mem_pop() - Take the oldest frame that was sent to the guest
 * @tap:	Port to the guest
 * @f:		Set to the frame; its data is valid until the next call
 *
 * Return: false if there is none
 */
bool tap_mem_pop(struct tap *tap, struct tap_mem_frame *f)
{
	struct tap_mem *m = tap->priv;

	free(m->popped);
	m->popped = NULL;
	if (!queue_take(&m->to_guest, f))
		return false;

	m->popped = f->data;
	mem_tell_room(tap);
	return true;
}

/**
 * tap_mem_pending() - How many frames to the guest wait to be popped?
 * @tap:	Port to the guest
 *
 * Return: number of frames
 */
size_t tap_mem_pending(const struct tap *tap)
{
	const struct tap_mem *m = tap->priv;

	return m->to_guest.count;
}

/**
 * tap_mem_from_guest() - How many frames of the guest wait to be received?
 * @tap:	Port to the guest
 *
 * Return: number of frames
 */
size_t tap_mem_from_guest(const struct tap *tap)
{
	const struct tap_mem *m = tap->priv;

	return m->from_guest.count;
}

/**
 * tap_mem_set_room() - Let so many further frames pass to the guest
 * @tap:	Port to the guest
 * @frames:	How many can be reserved, TAP_MEM_UNLIMITED for any number
 */
void tap_mem_set_room(struct tap *tap, uint32_t frames)
{
	struct tap_mem *m = tap->priv;

	m->room = frames;
	mem_tell_room(tap);
}

/**
 * tap_mem_lose() - Have the next frames to the guest fail at commit
 * @tap:	Port to the guest
 * @frames:	How many
 */
void tap_mem_lose(struct tap *tap, uint32_t frames)
{
	struct tap_mem *m = tap->priv;

	m->lose = frames;
}

/**
 * tap_mem_set_scatter() - Choose how buffers are cut into elements
 * @tap:	Port to the guest
 * @from_guest:	For frames that the guest sends
 * @to_guest:	For reserved frames
 */
void tap_mem_set_scatter(struct tap *tap,
			 const struct tap_mem_scatter *from_guest,
			 const struct tap_mem_scatter *to_guest)
{
	struct tap_mem *m = tap->priv;

	m->scatter_from = *from_guest;
	m->scatter_to = *to_guest;
}

/**
 * tap_mem_check() - Tell what the stack did
 * @tap:	Port to the guest
 *
 * Return: counters
 */
const struct tap_mem_check *tap_mem_check(const struct tap *tap)
{
	const struct tap_mem *m = tap->priv;

	return &m->check;
}
