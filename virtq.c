// SPDX-License-Identifier: BSD-3-Clause
/* virtq.c - rings shared with a guest: split virtqueues, the device's side
 *
 * virtq_take() takes the next buffer the guest offers, virtq_chain() tells
 * where its bytes are, virtq_use() puts it into the used ring, virtq_flush()
 * publishes what was put there and tells whether the guest wants to be woken
 * up. virtq_watch() has the guest wake us up when it offers more.
 *
 * The guest can write to the rings at any time, and what it wrote may be
 * anything. Each index and descriptor is read once, into a variable of ours,
 * before it is checked. Addresses become pointers in vu_mem.c only. What is
 * against the rules marks the ring broken, see @broken: from then on nothing is
 * taken from it, put into it or published any more, until virtq_start() is
 * called again, after a reset. There is no way for a guest to end the program.
 *
 * A chain has at most as many descriptors as the ring has entries, which is
 * also how loops are found.
 *
 * Whoever takes buffers gives them back in any order. Those taken last can be
 * put back as if they had never been taken, virtq_untake().
 *
 * Bytes are in little-endian order, as virtio 1.3 says; for drivers older than
 * virtio 1.0 that is a guess, right for all guests of a little-endian machine.
 *
 * What a chain means is not known here. Packed rings are not done.
 *
 * Source: virtio 1.3, 2.7 (split virtqueues)
 */

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <linux/virtio_ring.h>

#include "util.h"
#include "virtq.h"
#include "vu_mem.h"

#define DESC_LEN	sizeof(struct vring_desc)

/**
 * struct desc - descriptor, copied and in the host's byte order
 * @addr:	Guest address
 * @len:	Bytes
 * @flags:	VRING_DESC_F_*
 * @next:	The one behind it in its table, if there is any
 */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/**
 * struct walk - where we are in a chain
 * @q:		Ring
 * @table:	Guest address of an indirect table, if @count isn't 0
 * @count:	Its entries; 0 while in the ring's own table
 * @next:	Entry to look at next
 * @left:	Descriptors that may still come
 * @end:	Nothing follows
 */
struct walk {
	struct virtq *q;
	uint64_t table;
	uint32_t count;
	uint32_t next;
	unsigned left;
	bool end;
};

/**
 * virtq_break() - Mark a ring as broken
 * @q:		Ring
 * @why:	What was wrong: the first reason counts
 *
 * Return: -EIO
 */
int virtq_break(struct virtq *q, const char *why)
{
	if (!q->broken)
		q->broken = why;
	return -EIO;
}

/**
 * read_idx() - Read an index that the guest may write to at any time
 * @p:		Where it is
 *
 * What the guest wrote before it wrote the index is seen after this.
 *
 * Return: its value at one moment
 */
static uint16_t read_idx(const __virtio16 *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

/**
 * write_idx() - Write an index for the guest
 * @p:		Where it is
 * @value:	What to write
 *
 * What we wrote before this is seen by a guest that sees the index.
 */
static void write_idx(__virtio16 *p, uint16_t value)
{
	__atomic_store_n(p, htole16(value), __ATOMIC_RELEASE);
}

/**
 * used_event() - Where the guest tells when to wake it up
 * @q:		Ring
 *
 * Return: pointer behind the last entry
 */
static const __virtio16 *used_event(const struct virtq *q)
{
	return &q->avail->ring[q->size];
}

/**
 * avail_event() - Where we tell when to wake us up
 * @q:		Ring
 *
 * Return: pointer behind the last entry
 */
static __virtio16 *avail_event(const struct virtq *q)
{
	return (__virtio16 *)&q->used->ring[q->size];
}

/**
 * virtq_size_is_valid() - Can a ring have so many entries?
 * @size:	Entries
 *
 * Return: true if it is a power of two, and not too large
 *
 * Source: virtio 1.3, 2.7
 */
bool virtq_size_is_valid(uint32_t size)
{
	return size && size <= VIRTQ_SIZE_MAX && !(size & (size - 1));
}

/**
 * virtq_addrs_are_valid() - Are addresses aligned as they have to be?
 * @a:		Addresses
 *
 * Return: true if so
 *
 * Source: virtio 1.3, 2.7
 */
bool virtq_addrs_are_valid(const struct virtq_addrs *a)
{
	return !(a->desc % VRING_DESC_ALIGN_SIZE) &&
	       !(a->avail % VRING_AVAIL_ALIGN_SIZE) &&
	       !(a->used % VRING_USED_ALIGN_SIZE);
}

/**
 * virtq_unmap() - Let go of a ring's memory
 * @q:		Ring
 */
void virtq_unmap(struct virtq *q)
{
	q->desc = NULL;
	q->avail = NULL;
	q->used = NULL;
}

/**
 * virtq_map() - Find a ring in memory
 * @q:		Ring, @q->mem and @q->size set
 * @a:		Addresses
 *
 * A region of memory may begin at any address, hence pointers are looked at
 * for alignment, even if addresses were right.
 *
 * Return: false if a part of the ring isn't in memory, or isn't aligned there
 */
bool virtq_map(struct virtq *q, const struct virtq_addrs *a)
{
	size_t used_len = sizeof(struct vring_used) +
			  q->size * sizeof(struct vring_used_elem) +
			  sizeof(__virtio16);
	size_t avail_len = sizeof(struct vring_avail) +
			   (q->size + 1) * sizeof(__virtio16);
	struct virtq_addrs at;

	if (!virtq_size_is_valid(q->size))
		return false;

	q->desc = vu_mem_user(q->mem, a->desc, q->size * DESC_LEN);
	q->avail = vu_mem_user(q->mem, a->avail, avail_len);
	q->used = vu_mem_user(q->mem, a->used, used_len);
	at = (struct virtq_addrs){ (uintptr_t)q->desc, (uintptr_t)q->avail,
				   (uintptr_t)q->used };
	if (q->desc && q->avail && q->used && virtq_addrs_are_valid(&at))
		return true;

	virtq_unmap(q);
	return false;
}

/**
 * virtq_start() - Begin to use a ring, or begin anew
 * @q:		Ring that is mapped
 * @base:	Entry of the avail ring to begin with
 *
 * The used ring goes on where the guest believes it to be.
 */
void virtq_start(struct virtq *q, uint16_t base)
{
	q->broken = NULL;
	q->next_avail = q->seen_avail = base;
	q->next_used = q->told_used = read_idx(&q->used->idx);
	q->called_used = q->told_used;
}

/**
 * virtq_pending() - How many buffers does the guest offer that we know of?
 * @q:		Ring that is mapped
 *
 * Return: buffers, 0 if the ring is broken
 */
unsigned virtq_pending(struct virtq *q)
{
	uint16_t n;

	if (q->broken)
		return 0;
	if (q->seen_avail == q->next_avail)
		q->seen_avail = read_idx(&q->avail->idx);

	n = (uint16_t)(q->seen_avail - q->next_avail);
	if (n > q->size) {
		virtq_break(q, "more buffers offered than the ring has room");
		return 0;
	}
	return n;
}

/**
 * virtq_is_full() - Has the guest offered all it can?
 * @q:		Ring
 *
 * Return: true if it can offer nothing more before something is given back
 */
bool virtq_is_full(const struct virtq *q)
{
	return (uint16_t)(q->seen_avail - q->next_used) >= q->size;
}

/**
 * virtq_take() - Take the next buffer that the guest offers
 * @q:		Ring that is mapped
 * @head:	Set to its first descriptor
 *
 * Return: false if there is none, or if the ring is broken
 */
bool virtq_take(struct virtq *q, uint16_t *head)
{
	volatile const __virtio16 *entry;

	if (!virtq_pending(q))
		return false;

	entry = &q->avail->ring[q->next_avail & (q->size - 1)];
	*head = le16toh(*entry);
	if (*head >= q->size) {
		virtq_break(q, "a buffer offered that can't be");
		return false;
	}
	q->next_avail++;
	return true;
}

/**
 * virtq_untake() - Put back the buffers that were taken last
 * @q:		Ring
 * @count:	How many
 */
void virtq_untake(struct virtq *q, uint16_t count)
{
	q->next_avail = (uint16_t)(q->next_avail - count);
}

/**
 * walk_read() - Copy the next descriptor
 * @w:		Where we are
 * @d:		Set to the descriptor
 *
 * Return: false if it isn't in memory
 */
static bool walk_read(const struct walk *w, struct desc *d)
{
	struct vring_desc raw;

	if (w->count) {
		if (!vu_mem_read(w->q->mem, w->table + w->next * DESC_LEN,
				 &raw, sizeof(raw)))
			return false;
	} else {
		memcpy(&raw, &w->q->desc[w->next], sizeof(raw));
		/* From here on only the copy is looked at */
		__asm__ volatile("" : : : "memory");
	}

	d->addr = le64toh(raw.addr);
	d->len = le32toh(raw.len);
	d->flags = le16toh(raw.flags);
	d->next = le16toh(raw.next);
	return true;
}

/**
 * walk_enter() - Go on in an indirect table
 * @w:		Where we are
 * @d:		Descriptor that refers to the table
 *
 * The flag that says writable has no meaning here.
 *
 * Return: 0, -EIO if the ring is broken now
 *
 * Source: virtio 1.3, 2.7.5.3
 */
static int walk_enter(struct walk *w, const struct desc *d)
{
	if (!w->q->indirect)
		return virtq_break(w->q, "indirect table without the feature");
	if (w->count)
		return virtq_break(w->q, "indirect table in an indirect table");
	if (d->flags & VRING_DESC_F_NEXT)
		return virtq_break(w->q, "descriptor behind an indirect table");
	if (!d->len || d->len % DESC_LEN)
		return virtq_break(w->q, "bad length of an indirect table");
	if (d->len > UINT64_MAX - d->addr)
		return virtq_break(w->q, "table not in memory");

	w->table = d->addr;
	w->count = (uint32_t)(d->len / DESC_LEN);
	w->next = 0;
	return 0;
}

/**
 * walk_next() - Go on to the next descriptor of a chain
 * @w:		Where we are
 * @d:		Set to the descriptor, which is no indirect one
 *
 * Return: 1, 0 at the end of the chain, -EIO if the ring is broken now
 *
 * Source: virtio 1.3, 2.7.5
 */
static int walk_next(struct walk *w, struct desc *d)
{
	if (w->end)
		return 0;

	for (;;) {
		if (w->next >= (w->count ? w->count : w->q->size))
			return virtq_break(w->q, "no such descriptor");
		if (!walk_read(w, d))
			return virtq_break(w->q, "table not in memory");
		if (!(d->flags & VRING_DESC_F_INDIRECT))
			break;
		if (walk_enter(w, d))
			return -EIO;
	}

	if (!w->left--)
		return virtq_break(w->q, "chain longer than the ring");
	w->end = !(d->flags & VRING_DESC_F_NEXT);
	w->next = d->next;
	return 1;
}

/**
 * walk_begin() - Begin at the head of a chain
 * @w:		To be set
 * @q:		Ring
 * @head:	First descriptor, from virtq_take()
 */
static void walk_begin(struct walk *w, struct virtq *q, uint16_t head)
{
	*w = (struct walk){ .q = q, .next = head, .left = q->size };
}

/**
 * virtq_chain() - Find the bytes of a buffer
 * @q:		Ring that is mapped
 * @head:	Its first descriptor, from virtq_take()
 * @writable:	All of it has to be for us to write to, else all to read
 * @c:		Room for elements; filled
 *
 * Return: 0, -E2BIG if it is more scattered than there is room, then @c has
 *	   what comes first; -EIO if the ring is broken now
 *
 * Source: virtio 1.3, 2.7.4.2 (one kind behind the other, of which a network
 *	   device's rings have one only) and 2.7.5.2 (length)
 */
int virtq_chain(struct virtq *q, uint16_t head, bool writable,
		struct virtq_chain *c)
{
	const uint16_t want = writable ? VRING_DESC_F_WRITE : 0;
	bool fits = true;
	struct walk w;
	struct desc d;
	int rc, n;

	c->cnt = c->len = 0;
	walk_begin(&w, q, head);

	while ((rc = walk_next(&w, &d)) > 0) {
		if ((d.flags & VRING_DESC_F_WRITE) != want)
			return virtq_break(q, writable ?
					   "buffer that can't be written to" :
					   "buffer that can't be read");
		if (d.len > UINT32_MAX - c->len)
			return virtq_break(q, "buffer of more than 4 GiB");
		n = vu_mem_iov(q->mem, d.addr, d.len, c->iov + c->cnt,
			       c->max - c->cnt);
		if (n == -EFAULT)
			return virtq_break(q, "buffer not in memory");
		if (n < 0)
			fits = false;
		/* Once one doesn't fit, those behind it have no place either */
		if (!fits)
			c->max = c->cnt;
		else
			c->cnt += (size_t)n;
		c->len += d.len;
	}
	if (rc)
		return rc;
	return fits ? 0 : -E2BIG;
}

/**
 * virtq_read() - Copy the first bytes of a buffer that is to be read
 * @q:		Ring that is mapped
 * @head:	Its first descriptor
 * @buf:	Where to
 * @len:	How many
 *
 * Return: false if it has fewer, or if the ring is broken now
 */
bool virtq_read(struct virtq *q, uint16_t head, void *buf, size_t len)
{
	uint8_t *to = buf;
	struct walk w;
	struct desc d;

	walk_begin(&w, q, head);
	while (len && walk_next(&w, &d) > 0) {
		size_t part = MIN(len, d.len);

		if (!vu_mem_read(q->mem, d.addr, to, part)) {
			virtq_break(q, "buffer not in memory");
			return false;
		}
		to += part;
		len -= part;
	}
	return !len && !q->broken;
}

/**
 * virtq_use() - Give a buffer back, to be told by virtq_flush()
 * @q:		Ring that is mapped
 * @head:	Its first descriptor
 * @len:	Bytes written to it
 */
void virtq_use(struct virtq *q, uint16_t head, uint32_t len)
{
	struct vring_used_elem *e;

	if (q->broken)
		return;
	e = &q->used->ring[q->next_used++ & (q->size - 1)];
	e->id = htole32(head);
	e->len = htole32(len);
}

/**
 * wants_call() - Does the guest want to be woken up for what it was told?
 * @q:		Ring that is mapped
 * @since:	Entry of the used ring that the news begin at
 *
 * Return: true if so, which is taken to be done
 *
 * Source: virtio 1.3, 2.7.7 (suppression by the driver)
 */
static bool wants_call(struct virtq *q, uint16_t since)
{
	bool wants;

	if (q->event_idx)
		wants = vring_need_event(read_idx(used_event(q)), q->told_used,
					 since);
	else
		wants = !(read_idx(&q->avail->flags) &
			  VRING_AVAIL_F_NO_INTERRUPT);
	if (wants)
		q->called_used = q->told_used;
	return wants;
}

/**
 * virtq_flush() - Tell the guest what it got back
 * @q:		Ring that is mapped
 *
 * Return: true if it wants to be woken up for that
 *
 * Source: virtio 1.3, 2.7.8
 */
bool virtq_flush(struct virtq *q)
{
	uint16_t old = q->told_used;

	if (q->next_used == old || q->broken)
		return false;

	write_idx(&q->used->idx, q->next_used);
	q->told_used = q->next_used;
	/* It looks for more after it wrote when to wake it up. Either it sees
	 * ours, or we see its.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return wants_call(q, old);
}

/**
 * virtq_call_is_due() - Does the guest wait for what it was told long ago?
 * @q:		Ring that is mapped
 *
 * So it does if its write of when to wake it up came too late for virtq_flush()
 * and it looked for more too early, which the order of memory accesses rules
 * out: but some hypervisors don't keep it.
 *
 * Return: true if it is to be woken up
 */
bool virtq_call_is_due(struct virtq *q)
{
	return !q->broken && q->told_used != q->called_used &&
	       wants_call(q, q->called_used);
}

/**
 * virtq_has_more() - Has the guest offered more than we have seen?
 * @q:		Ring that is mapped
 *
 * Return: true if so
 */
bool virtq_has_more(const struct virtq *q)
{
	return !q->broken && read_idx(&q->avail->idx) != q->seen_avail;
}

/**
 * virtq_watch() - Have the guest wake us up when it offers more buffers
 * @q:		Ring that is mapped
 *
 * Return: true if it has offered more meanwhile: it may not wake us up then
 *
 * Source: virtio 1.3, 2.7.10
 */
bool virtq_watch(struct virtq *q)
{
	if (q->broken)
		return false;
	if (q->event_idx)
		write_idx(avail_event(q), q->seen_avail);
	else
		write_idx(&q->used->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtq_has_more(q);
}

/**
 * virtq_unwatch() - Have the guest leave us alone: we look by ourselves
 * @q:		Ring that is mapped
 *
 * With VIRTIO_RING_F_EVENT_IDX there is nothing to write: the guest has passed
 * the entry that we wanted to hear of.
 */
void virtq_unwatch(struct virtq *q)
{
	if (!q->event_idx && !q->broken)
		write_idx(&q->used->flags, VRING_USED_F_NO_NOTIFY);
}
