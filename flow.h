/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "timer.h"

struct ctx;
struct flowtab;

#define FLOW_MAX		(1U << 17)
#define FLOW_ENTRY_SIZE		384	/* Bytes; each protocol asserts it */
#define FLOW_NONE		UINT32_MAX

/**
 * enum flow_type - what an entry of the flow table is, index of its ops
 * @FLOW_FREE:		No flow
 * @FLOW_TCP:		TCP connection between guest and host
 * @FLOW_TCP_SPLICE:	TCP connection between two sockets
 * @FLOW_UDP:		UDP flow between guest and host
 * @FLOW_UDP_SPLICE:	UDP flow between two sockets
 * @FLOW_ICMP:		ICMP or ICMPv6 echo between guest and host
 * @FLOW_TYPE_MAX:	Number of types
 */
enum flow_type {
	FLOW_FREE, FLOW_TCP, FLOW_TCP_SPLICE, FLOW_UDP, FLOW_UDP_SPLICE,
	FLOW_ICMP, FLOW_TYPE_MAX,
};

/**
 * enum flow_place - where one side of a flow lives
 * @PLACE_NONE:		Not known yet
 * @PLACE_GUEST:	Behind the tap
 * @PLACE_HOST:		Sockets in the host's namespace
 * @PLACE_NS:		Sockets in the guest's namespace
 */
enum flow_place { PLACE_NONE, PLACE_GUEST, PLACE_HOST, PLACE_NS };

/**
 * struct flow_side - addresses of a flow as one side sees them
 * @far:	Of the endpoint on that side: the guest's own, if it is that
 * @near:	The one that endpoint contacted, and gets answers from
 * @far_port:	Port of the endpoint, or echo identifier; host byte order
 * @near_port:	Port we answer from, host byte order
 * @place:	Where the side lives
 * @is_guess:	Nobody was heard from @far yet: the guest may be elsewhere
 */
struct flow_side {
	struct addr far, near;
	uint16_t far_port, near_port;
	uint8_t place;
	bool is_guess;
};

/* Sides of a flow: the one that began it, the one it was meant for */
enum { SIDE_INI, SIDE_TGT, SIDES };

/**
 * struct flow_link - place in a list of flows, by index
 * @prev:	Flow before this one, FLOW_NONE if it is the first
 * @next:	Flow after this one, FLOW_NONE if it is the last
 */
struct flow_link {
	uint32_t prev, next;
};

/**
 * struct flow - head of each entry of the flow table, common to all protocols
 * @timer:	The one timer of the flow
 * @side:	Addresses on both sides
 * @hash_next:	Next in the hash bucket of each side, see flow_hash_side()
 * @wait:	Place among those that wait for the same
 * @lru:	Place among those of the same type, the longest unused first
 * @type:	Type, FLOW_FREE if unused
 * @proto:	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP or IPPROTO_ICMPV6
 * @hashed:	Bit for each side that is in the hash table
 * @waiting:	What it waits for, 0 for nothing
 * @closing:	Freed at the end of this turn of the loop
 * @half_open:	An attempt, see flow_set_half_open()
 * @attempt_ms:	Since when it is one, lower half
 */
struct flow {
	struct timer timer;
	struct flow_side side[SIDES];
	uint32_t hash_next[SIDES];
	struct flow_link wait, lru;
	uint8_t type;
	uint8_t proto;
	uint8_t hashed;
	uint8_t waiting;
	bool closing, half_open;
	uint32_t attempt_ms;
};

/**
 * struct flow_ops - what the flow table calls of a protocol
 * @event:	Handle epoll @events of the socket of @side
 * @timer:	The flow's timer has run out
 * @resume:	What it waited for is there; NULL if it never waits
 * @evict:	Close the flow, the table needs its place
 * @is_busy:	Is data on its way that would be lost? NULL: it doesn't matter
 */
struct flow_ops {
	void (*event)(struct ctx *, struct flow *, unsigned side, uint32_t);
	void (*timer)(struct ctx *c, struct flow *flow);
	void (*resume)(struct ctx *c, struct flow *flow);
	void (*evict)(struct ctx *c, struct flow *flow);
	bool (*is_busy)(const struct ctx *c, const struct flow *flow);
};

struct flowtab *flow_table_new(uint32_t max);
void flow_register(struct flowtab *ft, enum flow_type type,
		   const struct flow_ops *ops);
struct flow *flow_alloc(struct ctx *c, enum flow_type type, uint8_t proto);
void flow_hash_side(struct flowtab *ft, struct flow *flow, unsigned side);
struct flow *flow_lookup(struct flowtab *ft, uint8_t proto,
			 const struct flow_side *key, unsigned *side);
bool flow_pick_port(struct flowtab *ft, uint8_t proto, struct flow_side *guest,
		    bool (*may_share)(const struct flow *, const void *),
		    const void *arg);
void flow_set_half_open(struct ctx *c, struct flow *flow, bool half_open);
bool flow_is_crowded(const struct ctx *c);
bool flow_make_room(struct ctx *c, const struct flow *except, int rc);
void flow_close_all(struct ctx *c);
unsigned flow_count_busy(const struct ctx *c);
void flow_touch(struct flowtab *ft, struct flow *flow);
void flow_unhash(struct flowtab *ft, struct flow *flow);
void flow_close(struct ctx *c, struct flow *flow);
void flow_wait_room(struct ctx *c, struct flow *flow);
void flow_wait_turn(struct ctx *c, struct flow *flow);
void flow_resume(struct ctx *c);
bool flow_any_ready(const struct ctx *c);
void flow_end_turn(struct ctx *c);
void flow_handle_event(struct ctx *c, uint32_t index, unsigned side,
		       uint32_t events);
void flow_timer_set(struct ctx *c, struct flow *flow, uint64_t due_ms);
uint32_t flow_index(const struct flowtab *ft, const struct flow *flow);
uint32_t flow_count(const struct flowtab *ft, enum flow_type type);
uint64_t flow_keyed(const struct flowtab *ft, const void *data, size_t len);
int flow_epoll(struct ctx *c, struct flow *flow, unsigned side, int op, int fd,
	       uint32_t events);
unsigned flow_guest_index(const struct flow *flow);
const char *flow_str(const struct flow *flow, char *buf, size_t size);
#define FLOW_STRLEN		320

#endif /* FLOW_H */
