/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

/* One row a counter: name in the code, text shown by --stats */
#define STATS_ROWS							\
	STAT(FROM_GUEST_FRAMES,	"frames from guest")			\
	STAT(FROM_GUEST_BYTES,	"bytes from guest")			\
	STAT(TO_GUEST_FRAMES,	"frames to guest")			\
	STAT(TO_GUEST_BYTES,	"bytes to guest")			\
	STAT(TO_GUEST_LOST,	"frames to guest lost")			\
	STAT(TO_GUEST_WAITS,	"waits for room to guest")		\
	STAT(BAD_FRAME,		"malformed frames dropped")		\
	STAT(BAD_CSUM,		"frames with wrong checksum dropped")	\
	STAT(BAD_SOURCE,	"frames with bad source dropped")	\
	STAT(NOT_OURS,		"frames for other machines dropped")	\
	STAT(NO_HANDLER,	"frames of no known protocol dropped")	\
	STAT(RING_BROKEN,	"rings broken by guest")		\
	STAT(FRAG_LOST,		"fragments dropped")			\
	STAT(FLOW_OPENED,	"flows opened")				\
	STAT(FLOW_FULL,		"flows refused, table full")		\
	STAT(FLOW_REFUSED,	"flows refused by host")		\
	STAT(OPENING_LOST,	"packets of new flows dropped, too many") \
	STAT(TCP_RETRANS,	"TCP retransmissions to guest")		\
	STAT(TCP_POOL_FULL,	"TCP segments dropped, pool full")	\
	STAT(ANSWERS_WITHHELD,	"answers withheld, too many")		\
	STAT(UDP_LOST,		"UDP datagrams dropped")		\
	STAT(LOOP_TURNS,	"wake-ups of the program")

/**
 * enum stat_id - counters, see STATS_ROWS
 * @STAT_MAX:	Number of counters
 */
#define STAT(name, text) STAT_##name,
enum stat_id { STATS_ROWS STAT_MAX };
#undef STAT

/**
 * struct stats - counters since start-up
 * @count:	Value of each counter
 * @printed:	Value when last shown
 * @last_ms:	When they were last shown
 */
struct stats {
	uint64_t count[STAT_MAX];
	uint64_t printed[STAT_MAX];
	uint64_t last_ms;
};

void stats_print_due(struct stats *s, unsigned delay_s, uint64_t now_ms);

static inline void stats_add(struct stats *s, enum stat_id what, uint64_t n)
{
	s->count[what] += n;
}

#endif /* STATS_H */
