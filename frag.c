// SPDX-License-Identifier: BSD-3-Clause
/* frag.c - reassembly of fragmented packets from the guest
 *
 * Fragments are copied into one of FRAG_SLOTS slots, each with room for the
 * longest packet, until all bytes of the upper-layer packet are there. All
 * memory is allocated by frag_new().
 *
 * The guest can't make us keep more than that: without a free slot, the oldest
 * one is taken. A packet in more than FRAG_COUNT_MAX fragments, with fragments
 * that overlap or contradict each other, or with a partial checksum is
 * discarded as a whole. Its slot stays, marked dead, and swallows what is still
 * to come of it, until it times out or is needed.
 *
 * Exact duplicates count as overlap: the link to the guest makes none. ICMP
 * errors about time-outs aren't sent: it loses none either, so what is missing
 * was never sent.
 *
 * There are no timers: a slot that timed out is noticed when the next fragment
 * looks for one.
 *
 * Source: RFC 791, 3.2; RFC 8200, 4.5; RFC 5722; RFC 6946
 */

#include <stdlib.h>
#include <string.h>

#include "frag.h"
#include "ip.h"
#include "log.h"
#include "stats.h"
#include "util.h"

#define FRAG_SLOTS	16
#define FRAG_COUNT_MAX	128		/* 512 bytes each for 64 KiB */
#define FRAG_LEN_MAX	65535U
#define FRAG_UNIT	8U		/* Bytes: RFC 791, 3.1 */
#define FRAG_UNITS	((FRAG_LEN_MAX + FRAG_UNIT - 1) / FRAG_UNIT)

/* RFC 791 proposes 15 s, RFC 8200 has 60 s, and all fragments of a packet come
 * at once on this link
 */
#define FRAG_TIMEOUT_MS	30000

/**
 * struct frag_slot - a packet of which some fragments are here
 * @used:	The slot holds a packet
 * @dead:	The packet is discarded, and so are further fragments of it
 * @first_ms:	When its first fragment arrived
 * @pkt:	Headers: those of the fragment at offset 0 once that is there
 * @count:	Fragments held
 * @have:	Bytes held
 * @end:	End of the bytes held
 * @total:	Bytes of the packet, 0 until the last fragment is there
 * @map:	One bit for each unit held
 * @data:	Bytes
 */
struct frag_slot {
	bool used;
	bool dead;
	uint64_t first_ms;
	struct pkt pkt;
	unsigned count;
	size_t have;
	size_t end;
	size_t total;
	uint64_t map[FRAG_UNITS / 64 + 1];
	uint8_t data[FRAG_LEN_MAX];
};

/**
 * struct frag - all packets being reassembled
 * @stats:	Counters
 * @frame:	What reassembled packets say they came in: no bytes, and no
 *		offloads, so their checksums are checked as usual
 * @iov:	Bytes of the packet handed out last
 * @slots:	Packets
 */
struct frag {
	struct stats *stats;
	struct frame frame;
	struct iovec iov;
	struct frag_slot slots[FRAG_SLOTS];
};

/**
 * frag_new() - Allocate what reassembly needs; exits if there is no memory
 * @stats:	Counters, must outlive the result
 *
 * Return: reassembly without any fragments
 */
struct frag *frag_new(struct stats *stats)
{
	struct frag *fr = calloc(1, sizeof(*fr));

	if (!fr)
		die("No memory for fragments");

	fr->stats = stats;
	return fr;
}

/**
 * frag_is_same() - Does a fragment belong to the packet of a slot?
 * @s:		Slot in use
 * @pkt:	Fragment
 *
 * Return: true if it does
 *
 * Source: RFC 791, 3.2; RFC 8200, 4.5, where the protocol doesn't matter
 */
static bool frag_is_same(const struct frag_slot *s, const struct pkt *pkt)
{
	return s->pkt.v == pkt->v && s->pkt.frag_id == pkt->frag_id &&
	       (pkt->v == V6 || s->pkt.proto == pkt->proto) &&
	       addr_is_equal(&s->pkt.src, &pkt->src) &&
	       addr_is_equal(&s->pkt.dst, &pkt->dst);
}

/**
 * frag_forget() - Count the fragments of a slot as lost, and empty it
 * @fr:		Reassembly
 * @s:		Slot
 */
static void frag_forget(struct frag *fr, struct frag_slot *s)
{
	if (s->used)
		stats_add(fr->stats, STAT_FRAG_LOST, s->count);
	s->used = false;
	s->count = 0;
}

/**
 * frag_clear() - Forget all fragments: who sent them is gone
 * @fr:		Reassembly
 *
 * The next guest may send packets that look the same.
 */
void frag_clear(struct frag *fr)
{
	unsigned i;

	for (i = 0; i < FRAG_SLOTS; i++)
		frag_forget(fr, &fr->slots[i]);
}

/**
 * frag_find() - Find the slot of a packet, or take one for it
 * @fr:		Reassembly
 * @pkt:	Fragment of the packet
 * @now_ms:	Time now
 *
 * Return: slot
 */
static struct frag_slot *frag_find(struct frag *fr, const struct pkt *pkt,
				   uint64_t now_ms)
{
	struct frag_slot *s, *pick = fr->slots;

	for (s = fr->slots; s < fr->slots + FRAG_SLOTS; s++) {
		if (s->used && now_ms - s->first_ms >= FRAG_TIMEOUT_MS)
			frag_forget(fr, s);
		if (s->used && frag_is_same(s, pkt))
			return s;
		if (pick->used && (!s->used || s->first_ms < pick->first_ms))
			pick = s;
	}

	frag_forget(fr, pick);
	memset(pick, 0, offsetof(struct frag_slot, data));
	pick->used = true;
	pick->first_ms = now_ms;
	pick->pkt = *pkt;
	return pick;
}

/**
 * frag_fits() - Is a fragment consistent with those already here?
 * @s:		Slot of its packet
 * @pkt:	Fragment
 * @end:	Offset of the end of the fragment
 *
 * Return: false if not, or if it breaks a limit
 */
static bool frag_fits(const struct frag_slot *s, const struct pkt *pkt,
		      size_t end)
{
	size_t max = FRAG_LEN_MAX - (pkt->v == V4 ? IPV4_HLEN : 0), i;

	if (!pkt->l4.len || pkt->l4.len > max || end > max ||
	    pkt->frag_off % FRAG_UNIT || s->count == FRAG_COUNT_MAX)
		return false;
	if (pkt->f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return false;

	if (pkt->frag_more) {
		if (end % FRAG_UNIT || (s->total && end > s->total))
			return false;
	} else if (s->total || s->end > end) {
		return false;
	}

	for (i = pkt->frag_off / FRAG_UNIT; i * FRAG_UNIT < end; i++) {
		if (s->map[i / 64] & 1ULL << i % 64)
			return false;
	}

	return true;
}

/**
 * frag_store() - Copy a fragment into its slot
 * @s:		Slot of its packet
 * @pkt:	Fragment that fits
 * @end:	Offset of the end of the fragment
 */
static void frag_store(struct frag_slot *s, const struct pkt *pkt, size_t end)
{
	size_t i;

	if (!view_peek(&pkt->l4, s->data + pkt->frag_off, pkt->l4.len))
		return;

	for (i = pkt->frag_off / FRAG_UNIT; i * FRAG_UNIT < end; i++)
		s->map[i / 64] |= 1ULL << i % 64;

	if (!pkt->frag_off)
		s->pkt = *pkt;
	if (!pkt->frag_more)
		s->total = end;
	s->end = MAX(s->end, end);
	s->have += pkt->l4.len;
	s->count++;
}

/**
 * frag_add() - Take in a fragment
 * @fr:		Reassembly
 * @pkt:	Fragment: @l4 is what follows the IPv4 header or the Fragment
 *		header, @proto as given there. Becomes the whole packet if it
 *		was the missing one; its @l4 is valid until the next call.
 * @now_ms:	Time now
 *
 * Return: true if @pkt is a whole packet now
 */
bool frag_add(struct frag *fr, struct pkt *pkt, uint64_t now_ms)
{
	size_t end = pkt->frag_off + pkt->l4.len;
	struct frag_slot *s;

	/* An atomic fragment is on its own, whatever its Identification */
	if (!pkt->frag_off && !pkt->frag_more) {
		pkt->is_frag = false;
		return true;
	}

	s = frag_find(fr, pkt, now_ms);
	if (s->dead || !frag_fits(s, pkt, end)) {
		if (!s->dead)
			debug("Discarding packet with bad fragment, ID %u",
			      pkt->frag_id);
		stats_add(fr->stats, STAT_FRAG_LOST, 1ULL + s->count);
		s->count = 0;
		s->dead = true;
		return false;
	}

	frag_store(s, pkt, end);
	if (!s->total || s->have < s->total)
		return false;

	s->used = false;
	*pkt = s->pkt;
	pkt->f = &fr->frame;
	pkt->is_frag = false;
	pkt->frag_more = false;
	pkt->l4 = view_from_buf(&fr->iov, s->data, s->total);
	return true;
}
