// SPDX-License-Identifier: BSD-3-Clause
/* stats.c - counters, and the table of them
 *
 * Counters only grow. Each module adds to them by stats_add() where something
 * happens; only this file reads them. The table lists those that changed since
 * it was last shown, and isn't shown if none did.
 */

#include <inttypes.h>

#include "log.h"
#include "stats.h"

#define STAT(name, text) text,
static const char *const stats_text[STAT_MAX] = { STATS_ROWS };
#undef STAT

/**
 * stats_print_due() - Show the table of counters that changed, if it is time
 * @s:		Counters
 * @delay_s:	Least seconds since it was last shown, 0 to never show it
 * @now_ms:	Time now
 *
 * Turns of the loop, told as wake-ups, don't count as a change: this very
 * function may be all that a turn was for.
 */
void stats_print_due(struct stats *s, unsigned delay_s, uint64_t now_ms)
{
	bool any = false;
	unsigned i;

	if (!delay_s || now_ms - s->last_ms < (uint64_t)delay_s * 1000)
		return;

	for (i = 0; i < STAT_MAX; i++)
		any |= i != STAT_LOOP_TURNS && s->count[i] != s->printed[i];
	if (!any)
		return;

	info("%20s %20s", "total", "new");
	for (i = 0; i < STAT_MAX; i++) {
		if (s->count[i] == s->printed[i])
			continue;
		info("%20" PRIu64 " %20" PRIu64 " %s", s->count[i],
		     s->count[i] - s->printed[i], stats_text[i]);
		s->printed[i] = s->count[i];
	}
	s->last_ms = now_ms;
}
