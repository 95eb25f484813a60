// SPDX-License-Identifier: BSD-3-Clause
/* flow.c - the flow table: what all connections and flows have in common
 *
 * Entries are of one size and at a fixed place, so that an index in an epoll
 * event finds them without a lookup. Each protocol keeps its own fields behind
 * the struct flow at the head, and is called back through its struct flow_ops.
 *
 * Life-cycle: flow_alloc() takes a free entry, zeroed; the protocol fills its
 * sides and makes them known with flow_hash_side(). flow_close() takes it out
 * of the hash, the timer wheel and all lists, and marks it as closing: from
 * then on no call-back is made for it. Its memory is reused only after
 * flow_end_turn(), once the events taken in the same turn of the loop are
 * handled, so that a stale one never meets another flow.
 *
 * A flow that can't go on waits: for room to the guest, which the back-end
 * tells of, or just for the others to have had their turn, that is for the next
 * turn of the loop. Each kind goes on first come, first served; see
 * flow_resume().
 *
 * A full table closes the flow that was unused for longest, attempts that came
 * to nothing yet first, then echo flows, UDP, TCP: a few entries are kept back
 * for that, as what was closed is free only at the end of the turn. Attempts
 * are bounded besides: a flood of them doesn't get at what is established. Who
 * may as well let more of them wait asks flow_is_crowded() first. So are echo
 * flows, as the kernel looks for their sockets in no more than 64 lists.
 *
 * Lookups are O(1) as long as the hash, keyed with a secret, spreads. Memory
 * of entries that were never used isn't touched.
 */

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "flow.h"
#include "log.h"
#include "passt.h"
#include "siphash.h"
#include "syscalls.h"

/* What is called after start-up, see seccomp.c */
const char flow_syscalls[] = "epoll_ctl";

#define FLOW_RESERVE		64	/* Kept for use while evicting */
#define FLOW_HALF_OPEN_MAX	2048	/* Attempts at the same time */
#define FLOW_GRACE_MS		3000	/* A SYN and its first repetition */
#define FLOW_ECHO_MAX		4096	/* Echo flows */
#define FLOW_BUCKETS		(FLOW_MAX * 2)
#define FLOW_PORT_TRIES		16	/* Ports looked at */
#define FLOW_PORT_DYNAMIC	49152	/* RFC 6335, 6: from here on */

static const char *const flow_type_names[] = {
	[FLOW_FREE] = "free", [FLOW_TCP] = "TCP",
	[FLOW_TCP_SPLICE] = "TCP (spliced)", [FLOW_UDP] = "UDP",
	[FLOW_UDP_SPLICE] = "UDP (spliced)", [FLOW_ICMP] = "ping",
};
static_assert(ARRAY_SIZE(flow_type_names) == FLOW_TYPE_MAX, "a name each");

/**
 * enum flow_waits - what a flow waits for, index of lists
 * @FLOW_WAITS_NOT:	Nothing
 * @FLOW_WAITS_ROOM:	Room to the guest
 * @FLOW_WAITS_TURN:	Others to have had their turn
 * @FLOW_WAITS_KINDS:	Number of them
 */
enum flow_waits {
	FLOW_WAITS_NOT, FLOW_WAITS_ROOM, FLOW_WAITS_TURN, FLOW_WAITS_KINDS,
};

/**
 * struct flow_list - head of a list of flows
 * @first:	First flow, FLOW_NONE if it is empty
 * @last:	Last flow, FLOW_NONE if it is empty
 */
struct flow_list {
	uint32_t first;
	uint32_t last;
};

/**
 * union flow_entry - room for one flow of any type
 * @flow:	Common head
 * @room:	All of it
 */
union flow_entry {
	struct flow flow;
	char room[FLOW_ENTRY_SIZE];
};

/**
 * struct flowtab - the flow table
 * @max:	Entries that may be used
 * @fresh:	Entries from here on were never used
 * @free:	Entries used before, linked by @lru
 * @closing:	Entries to be freed at the end of the turn, linked by @lru
 * @by_type:	Entries of each type, the longest unused first
 * @half_open:	Attempts, which aren't in @by_type, the oldest first
 * @half_open_count: How many those are
 * @waiting:	Those that wait, by what for, first come first served
 * @waiting_count: How many those are
 * @count:	Entries of each type
 * @ops:	Call-backs of each type
 * @key:	Secret of the hash
 * @buckets:	First reference, 0 for none, see flow_hash_side()
 * @entries:	The entries
 */
struct flowtab {
	uint32_t max;
	uint32_t fresh;
	struct flow_list free;
	struct flow_list closing;
	struct flow_list by_type[FLOW_TYPE_MAX];
	struct flow_list half_open;
	uint32_t half_open_count;
	struct flow_list waiting[FLOW_WAITS_KINDS];
	uint32_t waiting_count[FLOW_WAITS_KINDS];
	uint32_t count[FLOW_TYPE_MAX];
	const struct flow_ops *ops[FLOW_TYPE_MAX];
	struct siphash_key key;
	uint32_t buckets[FLOW_BUCKETS];
	union flow_entry entries[];
};

/**
 * flow_at() - Entry of an index
 * @ft:		Flow table
 * @index:	Index, below FLOW_MAX
 *
 * Return: the flow
 */
static struct flow *flow_at(struct flowtab *ft, uint32_t index)
{
	return &ft->entries[index].flow;
}

/**
 * flow_index() - Index of an entry
 * @ft:		Flow table
 * @flow:	Flow
 *
 * Return: index
 */
uint32_t flow_index(const struct flowtab *ft, const struct flow *flow)
{
	return (uint32_t)((const union flow_entry *)flow - ft->entries);
}

/**
 * flow_link_of() - Link of a flow in one of the kinds of lists
 * @ft:		Flow table
 * @index:	Flow
 * @wait:	The link of the waiting list, not @lru
 *
 * Return: the link
 */
static struct flow_link *flow_link_of(struct flowtab *ft, uint32_t index,
				      bool wait)
{
	struct flow *flow = flow_at(ft, index);

	return wait ? &flow->wait : &flow->lru;
}

/**
 * flow_list_is_wait() - Is a list one of flows that wait?
 * @ft:		Flow table
 * @list:	List
 *
 * Return: true if it is linked by @wait, false if by @lru
 */
static bool flow_list_is_wait(const struct flowtab *ft,
			      const struct flow_list *list)
{
	return list == &ft->waiting[FLOW_WAITS_ROOM] ||
	       list == &ft->waiting[FLOW_WAITS_TURN];
}

/**
 * flow_append() - Put a flow at the end of a list
 * @ft:		Flow table
 * @list:	List
 * @index:	Flow
 */
static void flow_append(struct flowtab *ft, struct flow_list *list,
			uint32_t index)
{
	bool wait = flow_list_is_wait(ft, list);

	*flow_link_of(ft, index, wait) =
		(struct flow_link){ list->last, FLOW_NONE };
	if (list->last == FLOW_NONE)
		list->first = index;
	else
		flow_link_of(ft, list->last, wait)->next = index;
	list->last = index;
}

/**
 * flow_remove() - Take a flow out of a list
 * @ft:		Flow table
 * @list:	List it is in
 * @index:	Flow
 */
static void flow_remove(struct flowtab *ft, struct flow_list *list,
			uint32_t index)
{
	bool wait = flow_list_is_wait(ft, list);
	struct flow_link *l = flow_link_of(ft, index, wait);

	if (l->prev == FLOW_NONE)
		list->first = l->next;
	else
		flow_link_of(ft, l->prev, wait)->next = l->next;
	if (l->next == FLOW_NONE)
		list->last = l->prev;
	else
		flow_link_of(ft, l->next, wait)->prev = l->prev;
}

/**
 * flow_table_new() - Allocate the flow table, at start-up
 * @max:	Flows at the same time, at most FLOW_MAX
 *
 * Return: the table; doesn't return without memory
 */
struct flowtab *flow_table_new(uint32_t max)
{
	const struct flow_list empty = { FLOW_NONE, FLOW_NONE };
	struct flowtab *ft;
	unsigned i;

	max = MIN(max, FLOW_MAX);
	max = MAX(max, FLOW_RESERVE * 2);
	/* Zero pages that aren't backed until they are used */
	ft = calloc(1, sizeof(*ft) + max * sizeof(ft->entries[0]));
	if (!ft)
		die("No memory for a table of %u flows", max);

	ft->max = max;
	ft->free = ft->closing = ft->half_open = empty;
	for (i = 0; i < FLOW_WAITS_KINDS; i++)
		ft->waiting[i] = empty;
	for (i = 0; i < FLOW_TYPE_MAX; i++)
		ft->by_type[i] = empty;
	util_random(&ft->key, sizeof(ft->key));
	return ft;
}

/**
 * flow_register() - Say who handles the flows of a type
 * @ft:		Flow table
 * @type:	Type
 * @ops:	Call-backs
 */
void flow_register(struct flowtab *ft, enum flow_type type,
		   const struct flow_ops *ops)
{
	ft->ops[type] = ops;
}

/**
 * flow_list_of() - List that a flow in use stands in, by its age
 * @ft:		Flow table
 * @flow:	Flow
 *
 * Return: the list
 */
static struct flow_list *flow_list_of(struct flowtab *ft,
				      const struct flow *flow)
{
	return flow->half_open ? &ft->half_open : &ft->by_type[flow->type];
}

/**
 * flow_evict_first() - Close the oldest flow of a list
 * @c:		Execution context
 * @list:	List
 * @except:	Flow to be kept, NULL for none
 *
 * Return: false if there is none to close
 */
static bool flow_evict_first(struct ctx *c, const struct flow_list *list,
			     const struct flow *except)
{
	struct flow *flow = NULL;

	if (list->first != FLOW_NONE)
		flow = flow_at(c->flows, list->first);
	if (!flow || flow == except)
		return false;
	c->flows->ops[flow->type]->evict(c, flow);
	return true;
}

/**
 * flow_set_half_open() - Say that a flow is an attempt, or that it succeeded
 * @c:		Execution context
 * @flow:	Flow, not closing
 * @half_open:	It is an attempt; if there are too many, the oldest is closed
 */
void flow_set_half_open(struct ctx *c, struct flow *flow, bool half_open)
{
	struct flowtab *ft = c->flows;
	uint32_t index = flow_index(ft, flow);

	if (flow->half_open == half_open)
		return;
	if (half_open && ft->half_open_count >= FLOW_HALF_OPEN_MAX &&
	    flow_evict_first(c, &ft->half_open, flow))
		stats_add(&c->stats, STAT_FLOW_FULL, 1);

	flow_remove(ft, flow_list_of(ft, flow), index);
	flow->half_open = half_open;
	flow->attempt_ms = (uint32_t)c->now_ms;
	flow_append(ft, flow_list_of(ft, flow), index);
	if (half_open)
		ft->half_open_count++;
	else
		ft->half_open_count--;
}

/**
 * flow_is_crowded() - Would one more attempt close one that has a chance yet?
 * @c:		Execution context
 *
 * After FLOW_GRACE_MS, an attempt makes room for others: peers that never
 * answer must not keep out those that do.
 *
 * Return: true if there are as many as may be, and the oldest is a recent one
 */
bool flow_is_crowded(const struct ctx *c)
{
	const struct flowtab *ft = c->flows;

	return ft->half_open_count >= FLOW_HALF_OPEN_MAX &&
	       (uint32_t)c->now_ms -
	       ft->entries[ft->half_open.first].flow.attempt_ms <
	       FLOW_GRACE_MS;
}

/**
 * flow_evict() - Close the flow that was unused for longest
 * @c:		Execution context
 * @except:	Flow to be kept, NULL for none
 *
 * Return: type of the flow, FLOW_FREE if there is none to close,
 *	   FLOW_TYPE_MAX for an attempt
 */
static enum flow_type flow_evict(struct ctx *c, const struct flow *except)
{
	static const enum flow_type order[] = {
		FLOW_ICMP, FLOW_UDP, FLOW_UDP_SPLICE, FLOW_TCP,
		FLOW_TCP_SPLICE,
	};
	struct flowtab *ft = c->flows;
	unsigned i;

	if (flow_evict_first(c, &ft->half_open, except))
		return FLOW_TYPE_MAX;
	for (i = 0; i < ARRAY_SIZE(order); i++)
		if (flow_evict_first(c, &ft->by_type[order[i]], except))
			return order[i];
	return FLOW_FREE;
}

/**
 * flow_evict_for_room() - Close a flow as the place is needed for others
 * @c:		Execution context
 * @except:	Flow to be kept, NULL for none
 *
 * Return: false if there is none to close
 */
static bool flow_evict_for_room(struct ctx *c, const struct flow *except)
{
	enum flow_type type = flow_evict(c, except);

	if (type == FLOW_FREE)
		return false;
	stats_add(&c->stats, STAT_FLOW_FULL, 1);
	if (type != FLOW_TYPE_MAX)
		warn_limited("No room for more flows: closed the oldest"
			     " %s flow", flow_type_names[type]);
	return true;
}

/**
 * flow_make_room() - After a failure: is it worth to try again with less flows?
 * @c:		Execution context
 * @except:	Flow that is being set up, NULL for none
 * @rc:		Descriptor, or -errno
 *
 * Return: true if descriptors had run out, and one is free again now
 */
bool flow_make_room(struct ctx *c, const struct flow *except, int rc)
{
	return (rc == -EMFILE || rc == -ENFILE) &&
	       flow_evict_for_room(c, except);
}

/**
 * flow_close_all() - Close all flows: the guest is gone
 * @c:		Execution context
 */
void flow_close_all(struct ctx *c)
{
	while (flow_evict(c, NULL) != FLOW_FREE)
		;
}

/**
 * flow_count_busy() - How many flows have data on its way that would be lost?
 * @c:		Execution context
 *
 * Return: their number
 */
unsigned flow_count_busy(const struct ctx *c)
{
	const struct flowtab *ft = c->flows;
	unsigned type, busy = 0;
	uint32_t i;

	for (type = 0; type < FLOW_TYPE_MAX; type++) {
		if (!ft->ops[type] || !ft->ops[type]->is_busy)
			continue;
		for (i = ft->by_type[type].first; i != FLOW_NONE;
		     i = ft->entries[i].flow.lru.next)
			busy += ft->ops[type]->is_busy(c, &ft->entries[i].flow);
	}
	return busy;
}

/**
 * flow_alloc() - Get an entry for a new flow
 * @c:		Execution context
 * @type:	Type of flow
 * @proto:	IPPROTO_* of the flow
 *
 * Return: the flow, zeroed but for @type and @proto, NULL if the table is full
 */
struct flow *flow_alloc(struct ctx *c, enum flow_type type, uint8_t proto)
{
	struct flowtab *ft = c->flows;
	uint32_t index, used = 0;
	struct flow *flow;
	unsigned i;

	for (i = 0; i < FLOW_TYPE_MAX; i++)
		used += ft->count[i];
	if (used + FLOW_RESERVE >= ft->max)
		flow_evict_for_room(c, NULL);
	else if (type == FLOW_ICMP && ft->count[type] >= FLOW_ECHO_MAX)
		flow_evict_first(c, &ft->by_type[type], NULL);

	if (ft->free.first != FLOW_NONE) {
		index = ft->free.first;
		flow_remove(ft, &ft->free, index);
	} else if (ft->fresh < ft->max) {
		index = ft->fresh++;
	} else {
		stats_add(&c->stats, STAT_FLOW_FULL, 1);
		return NULL;
	}

	flow = flow_at(ft, index);
	memset(flow, 0, sizeof(ft->entries[0]));
	flow->type = (uint8_t)type;
	flow->proto = proto;
	flow_append(ft, &ft->by_type[type], index);
	ft->count[type]++;
	stats_add(&c->stats, STAT_FLOW_OPENED, 1);
	return flow;
}

/**
 * flow_bucket() - Hash bucket of one side's addresses
 * @ft:		Flow table
 * @proto:	IPPROTO_* of the flow
 * @s:		Addresses
 *
 * Return: where the first reference of the bucket is kept
 */
static uint32_t *flow_bucket(struct flowtab *ft, uint8_t proto,
			     const struct flow_side *s)
{
	struct {
		struct addr far, near;
		uint16_t far_port, near_port, place, proto;
	} in = {
		s->far, s->near, s->far_port, s->near_port, s->place, proto,
	};

	return &ft->buckets[siphash(&ft->key, &in, sizeof(in)) % FLOW_BUCKETS];
}

/**
 * flow_hash_side() - Make a flow known by the addresses of one of its sides
 * @ft:		Flow table
 * @flow:	Flow, @flow->side filled
 * @side:	SIDE_INI or SIDE_TGT
 */
void flow_hash_side(struct flowtab *ft, struct flow *flow, unsigned side)
{
	uint32_t *b = flow_bucket(ft, flow->proto, &flow->side[side]);

	flow->hash_next[side] = *b;
	flow->hashed |= (uint8_t)(1U << side);
	/* A reference is index and side, plus one as zero means none */
	*b = ((flow_index(ft, flow) << 1) | side) + 1;
}

/**
 * flow_unhash_side() - Undo flow_hash_side()
 * @ft:		Flow table
 * @flow:	Flow
 * @side:	Side
 */
static void flow_unhash_side(struct flowtab *ft, struct flow *flow,
			     unsigned side)
{
	uint32_t *b = flow_bucket(ft, flow->proto, &flow->side[side]);
	uint32_t self = ((flow_index(ft, flow) << 1) | side) + 1;

	while (*b && *b != self)
		b = &flow_at(ft, (*b - 1) >> 1)->hash_next[(*b - 1) & 1];
	if (*b)
		*b = flow->hash_next[side];
	flow->hashed &= (uint8_t)~(1U << side);
}

/**
 * flow_side_is_equal() - Are the addresses of two sides the same?
 * @a:		One
 * @b:		The other
 *
 * Return: true if they are
 */
static bool flow_side_is_equal(const struct flow_side *a,
			       const struct flow_side *b)
{
	return a->far_port == b->far_port && a->near_port == b->near_port &&
	       a->place == b->place && addr_is_equal(&a->far, &b->far) &&
	       addr_is_equal(&a->near, &b->near);
}

/**
 * flow_lookup() - Find a flow by the addresses of one of its sides
 * @ft:		Flow table
 * @proto:	IPPROTO_* of the flow
 * @key:	Addresses
 * @side:	Set to the side they are, may be NULL
 *
 * Return: the flow, NULL if there is none
 */
struct flow *flow_lookup(struct flowtab *ft, uint8_t proto,
			 const struct flow_side *key, unsigned *side)
{
	uint32_t ref = *flow_bucket(ft, proto, key);

	while (ref) {
		struct flow *flow = flow_at(ft, (ref - 1) >> 1);
		unsigned s = (ref - 1) & 1;

		if (flow->proto == proto &&
		    flow_side_is_equal(&flow->side[s], key)) {
			if (side)
				*side = s;
			return flow;
		}
		ref = flow->hash_next[s];
	}
	return NULL;
}

/**
 * flow_pick_port() - Find a port to speak to the guest from
 * @ft:		Flow table
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @guest:	The guest's side; the client's own port is kept if possible
 * @may_share:	Tells if a flow that has these addresses already doesn't
 *		matter, NULL if it always does
 * @arg:	Handed to @may_share
 *
 * Clients of different addresses look the same to the guest if these are
 * translated to one.
 *
 * Return: false if the ports tried are all in use
 */
bool flow_pick_port(struct flowtab *ft, uint8_t proto, struct flow_side *guest,
		    bool (*may_share)(const struct flow *, const void *),
		    const void *arg)
{
	unsigned i;

	for (i = 0; i < FLOW_PORT_TRIES; i++) {
		const struct flow *flow = flow_lookup(ft, proto, guest, NULL);

		if (flow ? may_share && may_share(flow, arg) :
			   guest->near_port)
			return true;
		util_random(&guest->near_port, sizeof(guest->near_port));
		guest->near_port |= FLOW_PORT_DYNAMIC;
	}
	return false;
}

/**
 * flow_touch() - Note that a flow was used
 * @ft:		Flow table
 * @flow:	Flow, not closing
 */
void flow_touch(struct flowtab *ft, struct flow *flow)
{
	struct flow_list *list = flow_list_of(ft, flow);
	uint32_t index = flow_index(ft, flow);

	if (list->last == index)
		return;
	flow_remove(ft, list, index);
	flow_append(ft, list, index);
}

/**
 * flow_unhash() - Make a flow unknown to lookups, on both sides
 * @ft:		Flow table
 * @flow:	Flow
 */
void flow_unhash(struct flowtab *ft, struct flow *flow)
{
	unsigned side;

	for (side = 0; side < SIDES; side++) {
		if (flow->hashed & (1U << side))
			flow_unhash_side(ft, flow, side);
	}
}

/**
 * flow_wait_end() - Have a flow wait no longer
 * @ft:		Flow table
 * @flow:	Flow that waits
 */
static void flow_wait_end(struct flowtab *ft, struct flow *flow)
{
	flow_remove(ft, &ft->waiting[flow->waiting], flow_index(ft, flow));
	ft->waiting_count[flow->waiting]--;
	flow->waiting = FLOW_WAITS_NOT;
}

/**
 * flow_close() - Take a flow out of use; its memory stays until the turn ends
 * @c:		Execution context
 * @flow:	Flow; its descriptors are the caller's to close
 */
void flow_close(struct ctx *c, struct flow *flow)
{
	struct flowtab *ft = c->flows;
	uint32_t index = flow_index(ft, flow);

	if (flow->closing)
		return;

	timer_cancel(c->wheel, &flow->timer);
	flow_unhash(ft, flow);
	if (flow->waiting)
		flow_wait_end(ft, flow);
	flow->closing = true;
	flow_remove(ft, flow_list_of(ft, flow), index);
	if (flow->half_open)
		ft->half_open_count--;
	flow_append(ft, &ft->closing, index);
}

/**
 * flow_wait() - Have a flow resumed later
 * @c:		Execution context
 * @flow:	Flow, its type has a resume call-back; nothing happens if it is
 *		closing, or waits already
 * @what:	What it waits for
 */
static void flow_wait(struct ctx *c, struct flow *flow, enum flow_waits what)
{
	if (flow->waiting || flow->closing)
		return;
	flow->waiting = (uint8_t)what;
	c->flows->waiting_count[what]++;
	flow_append(c->flows, &c->flows->waiting[what],
		    flow_index(c->flows, flow));
}

/**
 * flow_wait_room() - Have a flow resumed when there is room to the guest
 * @c:		Execution context
 * @flow:	Flow, its type has a resume call-back
 */
void flow_wait_room(struct ctx *c, struct flow *flow)
{
	flow_wait(c, flow, FLOW_WAITS_ROOM);
}

/**
 * flow_wait_turn() - Have a flow resumed once others had their turn
 * @c:		Execution context
 * @flow:	Flow, its type has a resume call-back
 */
void flow_wait_turn(struct ctx *c, struct flow *flow)
{
	flow_wait(c, flow, FLOW_WAITS_TURN);
}

/**
 * flow_any_ready() - Does any flow wait for what is there?
 * @c:		Execution context
 *
 * Return: true if flow_resume() has something to do
 */
bool flow_any_ready(const struct ctx *c)
{
	const uint32_t *count = c->flows->waiting_count;

	return count[FLOW_WAITS_TURN] ||
	       (count[FLOW_WAITS_ROOM] && !c->tap.blocked);
}

/**
 * flow_resume() - Let flows go on that waited for what is there now
 * @c:		Execution context
 *
 * In the order they came, each once. Those that wait for room to the guest
 * remain where they are as soon as there is none again.
 */
void flow_resume(struct ctx *c)
{
	struct flowtab *ft = c->flows;
	enum flow_waits what;

	for (what = FLOW_WAITS_ROOM; what < FLOW_WAITS_KINDS; what++) {
		const struct flow_list *list = &ft->waiting[what];
		uint32_t left = ft->waiting_count[what];

		while (left-- && list->first != FLOW_NONE) {
			struct flow *flow = flow_at(ft, list->first);

			if (what == FLOW_WAITS_ROOM && c->tap.blocked)
				break;
			flow_wait_end(ft, flow);
			ft->ops[flow->type]->resume(c, flow);
		}
	}
}

/**
 * flow_end_turn() - Free the flows that were closed in this turn of the loop
 * @c:		Execution context
 */
void flow_end_turn(struct ctx *c)
{
	struct flowtab *ft = c->flows;

	while (ft->closing.first != FLOW_NONE) {
		uint32_t index = ft->closing.first;
		struct flow *flow = flow_at(ft, index);

		flow_remove(ft, &ft->closing, index);
		ft->count[flow->type]--;
		flow->type = FLOW_FREE;
		flow_append(ft, &ft->free, index);
	}
}

/**
 * flow_handle_event() - Hand an epoll event to the protocol of the flow
 * @c:		Execution context
 * @index:	Flow
 * @side:	Side of the socket
 * @events:	From epoll
 */
void flow_handle_event(struct ctx *c, uint32_t index, unsigned side,
		       uint32_t events)
{
	struct flow *flow = flow_at(c->flows, index);

	if (flow->type != FLOW_FREE && !flow->closing)
		c->flows->ops[flow->type]->event(c, flow, side, events);
}

/**
 * flow_timer_fired() - Hand a timer that ran out to the protocol of the flow
 * @t:		Timer of a flow
 * @arg:	Execution context
 */
static void flow_timer_fired(struct timer *t, void *arg)
{
	struct flow *flow = container_of(t, struct flow, timer);
	struct ctx *c = arg;

	c->flows->ops[flow->type]->timer(c, flow);
}

/**
 * flow_timer_set() - Set the one timer of a flow
 * @c:		Execution context
 * @flow:	Flow
 * @due_ms:	When it is to fire, on the clock of @c->now_ms
 */
void flow_timer_set(struct ctx *c, struct flow *flow, uint64_t due_ms)
{
	if (flow->closing)
		return;
	flow->timer.fn = flow_timer_fired;
	timer_set(c->wheel, &flow->timer, due_ms);
}

/**
 * flow_count() - Flows of a type
 * @ft:		Flow table
 * @type:	Type
 *
 * Return: how many there are, those closed in this turn included
 */
uint32_t flow_count(const struct flowtab *ft, enum flow_type type)
{
	return ft->count[type];
}

/**
 * flow_guest_index() - Which side of a flow is the guest on?
 * @flow:	Flow
 *
 * Return: SIDE_INI or SIDE_TGT, the former if it has no part in it
 */
unsigned flow_guest_index(const struct flow *flow)
{
	return flow->side[SIDE_TGT].place == PLACE_GUEST ? SIDE_TGT : SIDE_INI;
}

/**
 * flow_keyed() - Hash by the secret of this table, for what can't be guessed
 * @ft:		Flow table
 * @data:	What is hashed, as long as no other use has the same @len
 * @len:	Bytes of it
 *
 * Return: the hash
 */
uint64_t flow_keyed(const struct flowtab *ft, const void *data, size_t len)
{
	return siphash(&ft->key, data, len);
}

/**
 * flow_epoll() - Have the events of a socket delivered to a flow
 * @c:		Execution context
 * @flow:	Flow
 * @side:	Side of the socket
 * @op:		EPOLL_CTL_ADD or EPOLL_CTL_MOD
 * @fd:		Socket
 * @events:	EPOLL*
 *
 * Return: 0, or -errno
 */
int flow_epoll(struct ctx *c, struct flow *flow, unsigned side, int op, int fd,
	       uint32_t events)
{
	union event_ref ref = {
		.index = flow_index(c->flows, flow),
		.side = (uint16_t)side,
		.type = EVENT_FLOW,
	};
	struct epoll_event ev = { .events = events, .data.u64 = ref.u64 };

	return epoll_ctl(c->epollfd, op, fd, &ev) ? -errno : 0;
}

/**
 * flow_str() - Describe a flow for messages
 * @flow:	Flow
 * @buf:	Filled with the text
 * @size:	Size of @buf, FLOW_STRLEN is enough
 *
 * Return: @buf
 */
const char *flow_str(const struct flow *flow, char *buf, size_t size)
{
	char a[4][ADDR_STRLEN];

	snprintf(buf, size, "%s [%s]:%u -> [%s]:%u => [%s]:%u -> [%s]:%u",
		 flow_type_names[flow->type],
		 addr_str(&flow->side[SIDE_INI].far, a[0]),
		 flow->side[SIDE_INI].far_port,
		 addr_str(&flow->side[SIDE_INI].near, a[1]),
		 flow->side[SIDE_INI].near_port,
		 addr_str(&flow->side[SIDE_TGT].near, a[2]),
		 flow->side[SIDE_TGT].near_port,
		 addr_str(&flow->side[SIDE_TGT].far, a[3]),
		 flow->side[SIDE_TGT].far_port);
	return buf;
}
