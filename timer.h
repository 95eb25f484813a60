/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_LEVELS		4
#define TIMER_SLOT_BITS		6
#define TIMER_SLOTS		(1 << TIMER_SLOT_BITS)

struct timer;

typedef void timer_fn(struct timer *t, void *arg);

/**
 * struct timer - one pending deadline, embedded in what it belongs to
 * @next:	Next timer of the same slot, NULL at its end
 * @pprev:	Link that points here, NULL if the timer isn't pending
 * @due_ms:	Deadline asked for
 * @slot_ms:	Deadline the timer is filed under, never after @due_ms
 * @fn:		Called once the deadline has passed, set once by the owner
 */
struct timer {
	struct timer *next;
	struct timer **pprev;
	uint64_t due_ms;
	uint64_t slot_ms;
	timer_fn *fn;
};

/**
 * struct wheel - hierarchical timer wheel, one millisecond a tick
 * @now_ms:	Time up to which the wheel has run
 * @used:	One bit for each slot of a level that holds a timer
 * @slots:	Heads of the lists of timers
 */
struct wheel {
	uint64_t now_ms;
	uint64_t used[TIMER_LEVELS];
	struct timer *slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_init(struct wheel *w, uint64_t now_ms);
void timer_set(struct wheel *w, struct timer *t, uint64_t due_ms);
void timer_cancel(struct wheel *w, struct timer *t);
bool timer_is_pending(const struct timer *t);
int timer_next_ms(const struct wheel *w, uint64_t now_ms);
void timer_run(struct wheel *w, uint64_t now_ms, void *arg);

#endif /* TIMER_H */
