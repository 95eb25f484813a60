// SPDX-License-Identifier: BSD-3-Clause
/* opening.c - when packets of the guest may open flows
 *
 * To open a flow takes as long as to carry some hundred KiB of an open one, and
 * longer where the kernel has to search for a free port. A guest that opens
 * more of them than there is time for would have all else stand still: what is
 * established has to come through the same queue, which then overflows.
 *
 * So once flows were opened for a while in a turn of the loop, packets that
 * would open more are copied and wait, each behind those before it. They get
 * half as much time as all else takes, and all of the time when there is
 * nothing else to do. If too many wait, those that come are dropped, as the
 * link would do with whatever comes: who sent them tries again.
 *
 * tcp_open() and its like ask opening_may() before they begin. A packet that
 * has waited goes through demux_waiting(), since a flow that it belongs to may
 * have been opened by the one before it. Packets put together of fragments, and
 * long ones, can't wait: they pass by those that do, as far as there is time.
 * Nor does what belongs to an open flow: it may overtake datagrams of that flow
 * that wait, from before it was opened.
 */

#include <stdlib.h>

#include "ip.h"
#include "opening.h"
#include "passt.h"

#define OPENING_MAX		2048	/* Wait at most: twice a tun's queue */
#define OPENING_LEN_MAX		2048	/* Bytes of each */
#define OPENING_AT_ONCE_US	500	/* Before others have to wait */
#define OPENING_CREDIT_US	1000	/* Time saved up at most */

/**
 * struct opening_packet - a packet that waits
 * @vnet:	Offload header of its frame
 * @len:	Bytes of the frame
 * @data:	Frame
 */
struct opening_packet {
	struct virtio_net_hdr_v1 vnet;
	size_t len;
	uint8_t data[OPENING_LEN_MAX];
};

/**
 * struct opening - flows about to be opened
 * @now_us:	Clock
 * @begin_us:	When the present packet was let through, 0 if none was
 * @spent_us:	Time that flows were opened for in this turn, at once
 * @at_once:	Packets that this was for
 * @credit_us:	Time for those that wait, below 0 if they had more
 * @is_running:	Packets that waited are being handled
 * @handled:	How many of them, from @first on
 * @handled_us:	When that was looked at last
 * @first:	The packet that waits for longest
 * @count:	Packets that wait
 * @packets:	They, in a ring
 */
struct opening {
	uint64_t (*now_us)(void);
	uint64_t begin_us;
	uint64_t spent_us;
	unsigned at_once;
	int64_t credit_us;
	bool is_running;
	unsigned handled;
	uint64_t handled_us;
	unsigned first;
	unsigned count;
	struct opening_packet packets[OPENING_MAX];
};

/**
 * opening_new() - Let packets wait, at start-up
 * @now_us:	Clock: microseconds, never 0, as that of @now_us of struct ctx
 *
 * Return: none waits yet; NULL without memory
 */
struct opening *opening_new(uint64_t (*now_us)(void))
{
	struct opening *o = calloc(1, sizeof(*o));

	if (o)
		o->now_us = now_us;
	return o;
}

/**
 * opening_can_wait() - Is this a packet that can be kept as it is?
 * @pkt:	Packet
 *
 * Return: true if it can
 */
static bool opening_can_wait(const struct pkt *pkt)
{
	return pkt->f->len <= OPENING_LEN_MAX && !ip_is_reassembled(pkt);
}

/**
 * opening_keep() - Have a packet wait
 * @o:		Those that wait
 * @pkt:	Packet that can
 *
 * Return: false if there are too many
 */
static bool opening_keep(struct opening *o, const struct pkt *pkt)
{
	struct view v = view_from_iov(pkt->f->iov, pkt->f->iov_cnt,
				      pkt->f->len);
	struct opening_packet *p;

	if (o->count == OPENING_MAX)
		return false;
	p = &o->packets[(o->first + o->count) % OPENING_MAX];
	p->vnet = pkt->f->vnet;
	p->len = v.len;
	if (!view_pull(&v, p->data, p->len))
		return false;
	o->count++;
	return true;
}

/**
 * opening_may() - May a packet open a flow now?
 * @c:		Execution context
 * @pkt:	Packet that belongs to no flow
 *
 * Return: false if not: it was seen to, or dropped
 */
bool opening_may(struct ctx *c, const struct pkt *pkt)
{
	bool can_wait = opening_can_wait(pkt);
	struct opening *o = c->opening;

	if (o->is_running)
		return true;
	if (o->at_once < TAP_BATCH_MAX && o->spent_us < OPENING_AT_ONCE_US &&
	    !(o->count && can_wait)) {
		o->at_once++;
		o->begin_us = o->now_us();
		return true;
	}
	if (!can_wait || !opening_keep(o, pkt))
		stats_add(&c->stats, STAT_OPENING_LOST, 1);
	return false;
}

/**
 * opening_done() - A packet was handled: note how long it took to open a flow
 * @c:		Execution context
 */
void opening_done(struct ctx *c)
{
	struct opening *o = c->opening;

	if (!o->begin_us)
		return;
	o->spent_us += o->now_us() - o->begin_us;
	o->begin_us = 0;
}

/**
 * opening_begin() - Begin with packets that wait, at the end of a turn
 * @c:		Execution context
 * @is_idle:	Nothing else was to be done in this turn
 *
 * Return: true if there are some, to be had by opening_next()
 */
bool opening_begin(struct ctx *c, bool is_idle)
{
	struct opening *o = c->opening;
	uint64_t else_us;

	if (!o->count) {
		o->credit_us = 0;
		return false;
	}

	o->handled = 0;
	o->handled_us = o->now_us();
	else_us = o->handled_us - c->now_us - o->spent_us;
	o->credit_us += (int64_t)else_us / 2;
	if (is_idle || o->credit_us > OPENING_CREDIT_US)
		o->credit_us = OPENING_CREDIT_US;
	o->is_running = true;
	return true;
}

/**
 * opening_next() - Take the next packet that waits, if there is time for it
 * @c:		Execution context
 * @f:		Filled with its frame, which stays until opening_end()
 *
 * No more than a batch of them, as from the guest. What is done until the next
 * call is on the account of those that wait.
 *
 * Return: false if it is to wait on, or there is none
 */
bool opening_next(struct ctx *c, struct frame *f)
{
	struct opening *o = c->opening;
	struct opening_packet *p;
	uint64_t now_us;

	if (o->handled) {
		now_us = o->now_us();
		o->credit_us -= (int64_t)(now_us - o->handled_us);
		o->handled_us = now_us;
	}
	if (o->credit_us <= 0 || o->handled == MIN(o->count, TAP_BATCH_MAX))
		return false;

	p = &o->packets[(o->first + o->handled++) % OPENING_MAX];
	f->vnet = p->vnet;
	f->len = p->len;
	f->iov[0] = (struct iovec){ p->data, p->len };
	f->iov_cnt = 1;
	return true;
}

/**
 * opening_end() - The turn ends: forget the packets that were taken
 * @c:		Execution context
 */
void opening_end(struct ctx *c)
{
	struct opening *o = c->opening;

	if (o->is_running) {
		o->first = (o->first + o->handled) % OPENING_MAX;
		o->count -= o->handled;
	}
	o->is_running = false;
	o->spent_us = 0;
	o->at_once = 0;
}

/**
 * opening_count() - How many packets wait
 * @c:		Execution context
 *
 * Return: their number
 */
unsigned opening_count(const struct ctx *c)
{
	return c->opening->count;
}

/**
 * opening_clear() - Forget packets that wait: the guest is gone
 * @c:		Execution context
 */
void opening_clear(struct ctx *c)
{
	c->opening->count = 0;
}
