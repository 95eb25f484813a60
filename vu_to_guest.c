// SPDX-License-Identifier: BSD-3-Clause
/* vu_to_guest.c - frames to a guest, filled right into its memory
 *
 * A frame is reserved by taking buffers of the guest from the ring, as many as
 * it needs: several if VIRTIO_NET_F_MRG_RXBUF is negotiated, else one that has
 * to be large enough. The first bytes are for the offload header, which is
 * written when the frame is committed, over whatever pieces of memory it lies
 * in. Buffers that turn out not to be needed are untaken.
 *
 * Frames may be committed and cancelled in any order, but buffers can only be
 * untaken from the end. So each buffer that was taken has a position, and a
 * state, and what lies between @first and @end of struct vu_to_guest isn't
 * settled yet: spare ones in between are the next to be reserved. As long as
 * no frame is reserved, there are hardly ever any.
 *
 * If the guest has offered too few buffers, it is asked to wake us up for more,
 * and flows wait. If it can't ever offer enough, as its buffers are too small
 * or too few, frames get shorter from then on: see learn_room().
 *
 * Source: virtio 1.3, 5.1.6.3 and 5.1.6.4
 */

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "tap.h"
#include "util.h"
#include "view.h"
#include "vu.h"

/* Flushed before the turn of the loop ends if it is as much as that, so that
 * the guest can begin
 */
#define FLUSH_BYTES	(256U * 1024)
/* Looks for buffers that the guest offers just now */
#define TRIES		3
/* Frames don't get shorter than those that each link has to carry, RFC 8200 */
#define ROOM_MIN	(ETH_HLEN + 1280)

/**
 * buf_at() - A buffer that was taken
 * @t:		Frames to the guest
 * @pos:	Its position
 *
 * Return: the buffer
 */
static struct vu_buf *buf_at(struct vu_to_guest *t, uint32_t pos)
{
	return &t->bufs[pos % VU_BUFS];
}

/**
 * buf_take() - Take a buffer: a spare one, or the next that the guest offers
 * @vu:		Device
 * @pos:	Set to its position
 *
 * Return: false if there is none
 */
static bool buf_take(struct vu *vu, uint32_t *pos)
{
	struct vu_to_guest *t = &vu->to_guest;
	uint16_t head;

	if (t->spare) {
		*pos = t->first;
		while (buf_at(t, *pos)->state != VU_BUF_SPARE)
			(*pos)++;
		t->spare--;
	} else {
		if (t->end - t->first == VU_BUFS) {
			t->is_full = true;
			return false;
		}
		if (!virtq_take(&vu->ring[VU_TO_GUEST].q, &head))
			return false;
		*pos = t->end++;
		buf_at(t, *pos)->head = head;
	}
	buf_at(t, *pos)->state = VU_BUF_RESERVED;
	return true;
}

/**
 * bufs_settle() - Untake spare buffers at the end, forget used ones in front
 * @vu:		Device
 */
static void bufs_settle(struct vu *vu)
{
	struct vu_to_guest *t = &vu->to_guest;
	uint16_t untaken = 0;

	while (t->end != t->first &&
	       buf_at(t, t->end - 1)->state == VU_BUF_SPARE) {
		t->end--;
		t->spare--;
		untaken++;
	}
	virtq_untake(&vu->ring[VU_TO_GUEST].q, untaken);
	while (t->first != t->end && buf_at(t, t->first)->state == VU_BUF_USED)
		t->first++;
}

/**
 * slot_free() - Free a slot, the buffers left in it are spare
 * @vu:		Device
 * @s:		Slot
 * @from:	First of its buffers that was not used
 */
static void slot_free(struct vu *vu, struct vu_slot *s, unsigned from)
{
	struct vu_to_guest *t = &vu->to_guest;

	for (; from < s->buf_cnt; from++) {
		buf_at(t, s->bufs[from])->state = VU_BUF_SPARE;
		t->spare++;
	}
	s->buf_cnt = 0;
	bufs_settle(vu);
}

/**
 * slot_is_free() - Let flows go on that found no slot
 * @vu:		Device
 */
static void slot_is_free(struct vu *vu)
{
	if (vu->to_guest.is_full) {
		vu->to_guest.is_full = false;
		tap_has_room(vu->tap);
	}
}

/**
 * learn_room() - The guest can't take frames of more than this
 * @vu:		Device
 * @room:	Bytes that it had room for, header included
 *
 * What its buffers are like is known only once they are there. Guests without
 * VIRTIO_NET_F_MRG_RXBUF may have them just as large as for usual Ethernet.
 *
 * Return: true if that is new
 */
static bool learn_room(struct vu *vu, size_t room)
{
	struct tap *tap = vu->tap;
	size_t len = MAX(room, vu->hdr_len + ROOM_MIN) - vu->hdr_len;

	if (len >= tap->caps.len_max)
		return false;
	tap->caps.len_max = len;
	tap->mtu = MIN(tap->mtu, (unsigned)(len - ETH_HLEN));
	return true;
}

/**
 * buf_gather() - Take a further buffer for a frame
 * @vu:		Device
 * @s:		Slot that gets it
 * @c:		Room for all its elements, filled so far
 *
 * Return: 0, -EAGAIN if there is none now, or if the ring is broken; -E2BIG if
 *	   it has more elements than there is room, some of which are filled
 */
static int buf_gather(struct vu *vu, struct vu_slot *s, struct virtq_chain *c)
{
	struct virtq_chain one = { c->iov + c->cnt, c->max - c->cnt, 0, 0 };
	struct virtq *q = &vu->ring[VU_TO_GUEST].q;
	struct vu_buf *b;
	uint32_t pos;
	size_t i;
	int rc;

	if (!buf_take(vu, &pos))
		return -EAGAIN;
	s->bufs[s->buf_cnt++] = pos;
	b = buf_at(&vu->to_guest, pos);
	rc = virtq_chain(q, b->head, true, &one);
	if (rc == -EIO)
		return -EAGAIN;
	if (one.len < vu->hdr_len) {
		virtq_break(q, "buffer shorter than a header");
		return -EAGAIN;
	}

	if (rc)
		one.len = 0;
	for (i = 0; rc && i < one.cnt; i++)
		one.len += one.iov[i].iov_len;
	b->len = one.len;
	c->len += one.len;
	c->cnt += one.cnt;
	return rc;
}

/**
 * bufs_gather() - Take as many buffers as a frame needs
 * @vu:		Device
 * @s:		Slot, empty: gets the buffers, even if they aren't enough
 * @c:		Room for elements, filled
 * @need:	Bytes, header included
 *
 * Return: 0, -EAGAIN if there are too few buffers now, -EMSGSIZE if there will
 *	   never be enough, and that was known before
 */
static int bufs_gather(struct vu *vu, struct vu_slot *s, struct virtq_chain *c,
		       size_t need)
{
	bool merge = vu->features & 1ULL << VIRTIO_NET_F_MRG_RXBUF;
	const struct virtq *q = &vu->ring[VU_TO_GUEST].q;
	struct vu_to_guest *t = &vu->to_guest;
	int rc;

	do
		rc = buf_gather(vu, s, c);
	while (!rc && c->len < need && merge);

	if (c->len >= need && !q->broken)
		return 0;
	/* Is what we have got all there can be? */
	if (q->broken || (rc == -EAGAIN && (t->end - t->first > s->buf_cnt ||
					    !virtq_is_full(q))))
		return -EAGAIN;
	if (!learn_room(vu, c->len))
		return -EMSGSIZE;
	t->is_shorter = true;
	vu_poll_set(vu, VU_POLL_MIN_MS);
	return -EAGAIN;
}

/**
 * frame_fill() - Reserve a frame, if the guest has the buffers
 * @vu:		Device
 * @s:		Free slot
 * @len:	Bytes of the frame
 * @f:		Filled
 *
 * Return: 0, otherwise as bufs_gather(), the slot is free then
 */
static int frame_fill(struct vu *vu, struct vu_slot *s, size_t len,
		      struct frame *f)
{
	struct iovec iov[FRAME_IOV_MAX];
	struct virtq_chain c = { .iov = iov, .max = FRAME_IOV_MAX };
	struct view v, hdr;
	int rc;

	rc = bufs_gather(vu, s, &c, vu->hdr_len + len);
	if (!rc) {
		/* Both have no more elements than there were together */
		v = view_from_iov(iov, c.cnt, vu->hdr_len + len);
		view_sub(&v, vu->hdr_len, &hdr);
		s->hdr_cnt = view_to_iov(&hdr, s->hdr, ARRAY_SIZE(s->hdr));
		f->iov_cnt = view_to_iov(&v, f->iov, FRAME_IOV_MAX);
		f->len = len;
		return 0;
	}
	slot_free(vu, s, 0);
	return rc;
}

/**
 * vu_to_guest_probe() - See what the guest's buffers are like, by the first one
 * @vu:		Device
 *
 * Best before anything is promised to anybody, such as the length of segments.
 */
void vu_to_guest_probe(struct vu *vu)
{
	struct iovec iov[FRAME_IOV_MAX];
	struct virtq_chain c = { .iov = iov, .max = FRAME_IOV_MAX };
	struct vu_slot *s = &vu->to_guest.slots[0];

	if (vu->to_guest.is_probed || s->buf_cnt ||
	    !vu_ring_runs(&vu->ring[VU_TO_GUEST]))
		return;
	if (vu->features & 1ULL << VIRTIO_NET_F_MRG_RXBUF ||
	    buf_gather(vu, s, &c) != -EAGAIN) {
		vu->to_guest.is_probed = true;
		if (c.len)
			learn_room(vu, c.len);
	}
	slot_free(vu, s, 0);
}

/**
 * vu_reserve() - struct tap_ops @reserve
 * @tap:	Port to the guest
 * @len:	Bytes needed at most
 * @f:		Filled with memory of the guest
 *
 * Return: 0, -EAGAIN if there is no room now, which includes that the guest
 *	   isn't ready or has broken its ring, -EMSGSIZE if there will never be
 */
int vu_reserve(struct tap *tap, size_t len, struct frame *f)
{
	struct vu *vu = tap->priv;
	struct vu_to_guest *t = &vu->to_guest;
	struct vu_ring *r = &vu->ring[VU_TO_GUEST];
	int tries = TRIES, rc;
	uint32_t i;

	if (!vu_ring_runs(r) || !r->is_enabled)
		return -EAGAIN;
	for (i = 0; i < VU_SLOTS && t->slots[i].buf_cnt; i++)
		;
	if (i == VU_SLOTS) {
		t->is_full = true;
		return -EAGAIN;
	}
	vu_to_guest_probe(vu);
	len = MAX(len, ETH_ZLEN);
	if (len > tap->caps.len_max)
		return -EMSGSIZE;

	do {
		rc = frame_fill(vu, &t->slots[i], len, f);
		if (rc != -EAGAIN || t->is_full || len > tap->caps.len_max)
			break;
		/* It may wait for what we haven't told yet */
		vu_ring_flush(vu, VU_TO_GUEST);
	} while (virtq_watch(&r->q) && --tries);
	if (!tries)
		vu_poll_set(vu, VU_POLL_MIN_MS);
	else if (rc == -EAGAIN)
		vu_poll_later(vu);
	f->slot = i;
	return rc;
}

/**
 * hdr_put() - Write the header of a frame
 * @vu:		Device
 * @s:		Slot of the frame
 * @vnet:	Header
 * @bufs:	Buffers that the frame takes
 */
static void hdr_put(const struct vu *vu, const struct vu_slot *s,
		    const struct virtio_net_hdr_v1 *vnet, unsigned bufs)
{
	struct view v = view_from_iov(s->hdr, s->hdr_cnt, vu->hdr_len);
	const struct virtio_net_hdr_v1 h = {
		.flags = vnet->flags,
		.gso_type = vnet->gso_type,
		.hdr_len = htole16(vnet->hdr_len),
		.gso_size = htole16(vnet->gso_size),
		.csum_start = htole16(vnet->csum_start),
		.csum_offset = htole16(vnet->csum_offset),
		.num_buffers = htole16((uint16_t)bufs),
	};

	view_put(&v, &h, vu->hdr_len);
}

/**
 * pad() - Bring a frame to the least length of Ethernet, as tap_stream.c does
 * @f:		Frame
 * @len:	Its length
 *
 * Return: its length then
 */
static size_t pad(struct frame *f, size_t len)
{
	static const char zeros[ETH_ZLEN];
	struct view v = view_from_iov(f->iov, f->iov_cnt, ETH_ZLEN);

	if (len >= ETH_ZLEN)
		return len;
	view_skip(&v, len);
	view_put(&v, zeros, ETH_ZLEN - len);
	return ETH_ZLEN;
}

/**
 * vu_commit() - struct tap_ops @commit
 * @tap:	Port to the guest
 * @f:		Frame from vu_reserve()
 * @len:	Its length
 *
 * Return: 0, -EIO if the ring isn't there any more
 */
int vu_commit(struct tap *tap, struct frame *f, size_t len)
{
	struct vu *vu = tap->priv;
	struct vu_to_guest *t = &vu->to_guest;
	struct vu_slot *s = &t->slots[f->slot];
	struct vu_ring *r = &vu->ring[VU_TO_GUEST];
	size_t left = vu->hdr_len + len, part;
	unsigned n;

	if (!s->buf_cnt || !vu_ring_runs(r)) {
		slot_free(vu, s, 0);
		return -EIO;
	}
	left += pad(f, len) - len;
	for (n = 0; n < s->buf_cnt && left; n++) {
		struct vu_buf *b = buf_at(t, s->bufs[n]);

		part = MIN(left, b->len);
		left -= part;
		b->state = VU_BUF_USED;
		virtq_use(&r->q, b->head, (uint32_t)part);
	}
	hdr_put(vu, s, &f->vnet, n);
	slot_free(vu, s, n);
	slot_is_free(vu);

	t->bytes += len;
	if (t->bytes >= FLUSH_BYTES)
		vu_ring_flush(vu, VU_TO_GUEST);
	return 0;
}

/**
 * vu_cancel() - struct tap_ops @cancel
 * @tap:	Port to the guest
 * @f:		Frame from vu_reserve()
 */
void vu_cancel(struct tap *tap, struct frame *f)
{
	struct vu *vu = tap->priv;

	slot_free(vu, &vu->to_guest.slots[f->slot], 0);
	slot_is_free(vu);
}

/**
 * vu_to_guest_stop() - Give back what is still there, when the ring stops
 * @vu:		Device
 *
 * A spare buffer between used ones can't be untaken: it comes back empty, which
 * drivers take for a frame that is too short.
 */
void vu_to_guest_stop(struct vu *vu)
{
	struct vu_ring *r = &vu->ring[VU_TO_GUEST];
	struct vu_to_guest *t = &vu->to_guest;
	unsigned i;

	for (i = 0; i < VU_SLOTS; i++)
		slot_free(vu, &t->slots[i], 0);
	for (; t->first != t->end; t->first++) {
		const struct vu_buf *b = buf_at(t, t->first);

		if (b->state == VU_BUF_SPARE && vu_ring_runs(r))
			virtq_use(&r->q, b->head, 0);
	}
	vu_ring_flush(vu, VU_TO_GUEST);
	t->spare = 0;
	t->is_probed = false;
}
