// SPDX-License-Identifier: BSD-3-Clause
/* timer.c - hierarchical timer wheel
 *
 * Each level has 64 slots, each 64 times as long as those of the level below;
 * one of level 0 is a millisecond. A timer is filed on the level of the highest
 * group of TIMER_SLOT_BITS bits in which its deadline differs from the wheel's
 * time, in the slot those bits of its deadline name. Hence:
 *
 * - levels below the last hold only deadlines of the current slot of the level
 *   above, so whatever is on a lower level is due before all on a higher one;
 * - the last level wraps around: it reaches 64 of its slots (4.6 hours) far,
 *   and a deadline beyond that is met some rounds early, and filed anew.
 *
 * When the wheel arrives at a slot, its timers run out (level 0) or are filed
 * anew, relative to that time, that is, on a lower level.
 *
 * Putting off a pending timer just stores the later deadline: when the earlier
 * one passes, the timer is filed anew. This makes it cheap to put off a timer
 * for each packet. Bringing a deadline forward files it anew at once.
 *
 * Timers may be set and cancelled at any time, also by those that run out. The
 * wheel knows no clock, its user tells the time. Setting and cancelling cost
 * O(1), running costs O(timers filed anew or run out).
 *
 * Source: Varghese, Lauck: Hashed and Hierarchical Timing Wheels, SOSP 1987
 */

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "timer.h"
#include "util.h"

#define TIMER_SLOT_MASK		(TIMER_SLOTS - 1U)

static_assert(TIMER_SLOTS == 64, "Slots of a level are bits of a uint64_t");

/**
 * timer_file() - Put a timer into its slot
 * @w:		Wheel
 * @t:		Timer that is in no slot
 * @at_ms:	Deadline to file it under, after the wheel's time
 */
static void timer_file(struct wheel *w, struct timer *t, uint64_t at_ms)
{
	unsigned level, shift, slot;
	struct timer **head;

	level = (unsigned)(63 - __builtin_clzll(at_ms ^ w->now_ms)) /
		TIMER_SLOT_BITS;
	level = MIN(level, TIMER_LEVELS - 1U);
	shift = level * TIMER_SLOT_BITS;
	slot = (unsigned)(at_ms >> shift) & TIMER_SLOT_MASK;

	head = &w->slots[level][slot];
	t->slot_ms = at_ms;
	t->next = *head;
	t->pprev = head;
	if (t->next)
		t->next->pprev = &t->next;
	*head = t;
	w->used[level] |= 1ULL << slot;
}

/**
 * timer_unlink() - Take a timer out of its slot
 * @w:		Wheel
 * @t:		Pending timer
 */
static void timer_unlink(struct wheel *w, struct timer *t)
{
	uintptr_t pos = (uintptr_t)t->pprev - (uintptr_t)w->slots;

	*t->pprev = t->next;
	if (t->next)
		t->next->pprev = t->pprev;

	/* The last of a slot; those about to run out are in none any more */
	if (!*t->pprev && pos < sizeof(w->slots)) {
		size_t i = pos / (sizeof(w->slots[0]) / TIMER_SLOTS);

		w->used[i / TIMER_SLOTS] &= ~(1ULL << i % TIMER_SLOTS);
	}

	t->next = NULL;
	t->pprev = NULL;
}

/**
 * timer_next_slot() - Find the slot the wheel arrives at next
 * @w:		Wheel
 * @start_ms:	When it does
 *
 * Return: index of the slot, counted through all levels; -1 if no timer is
 *	   pending
 */
static int timer_next_slot(const struct wheel *w, uint64_t *start_ms)
{
	unsigned level, shift, slot;
	uint64_t used;

	for (level = 0; level < TIMER_LEVELS && !w->used[level]; level++)
		;
	if (level == TIMER_LEVELS)
		return -1;

	/* Turn the word so that bit 0 is the slot after the current one */
	shift = level * TIMER_SLOT_BITS;
	slot = (unsigned)((w->now_ms >> shift) + 1) & TIMER_SLOT_MASK;
	used = w->used[level] >> slot;
	if (slot)
		used |= w->used[level] << (TIMER_SLOTS - slot);

	*start_ms = (w->now_ms >> shift) + 1 + (unsigned)__builtin_ctzll(used);
	slot = (unsigned)*start_ms & TIMER_SLOT_MASK;
	*start_ms <<= shift;
	return (int)(level * TIMER_SLOTS + slot);
}

/**
 * timer_init() - Start a wheel without timers
 * @w:		Wheel
 * @now_ms:	Time now
 */
void timer_init(struct wheel *w, uint64_t now_ms)
{
	memset(w, 0, sizeof(*w));
	w->now_ms = now_ms;
}

/**
 * timer_is_pending() - Will this timer run out?
 * @t:		Timer
 *
 * Return: true if it was set, and neither ran out nor was cancelled since
 */
bool timer_is_pending(const struct timer *t)
{
	return t->pprev;
}

/**
 * timer_set() - Set a timer, or change its deadline
 * @w:		Wheel
 * @t:		Timer, zeroed before its first use, @fn set
 * @due_ms:	Deadline; if the wheel has passed it already, the timer runs
 *		out with the next millisecond
 */
void timer_set(struct wheel *w, struct timer *t, uint64_t due_ms)
{
	uint64_t at_ms = MAX(due_ms, w->now_ms + 1);

	t->due_ms = due_ms;
	if (timer_is_pending(t)) {
		if (at_ms >= t->slot_ms)
			return;
		timer_unlink(w, t);
	}
	timer_file(w, t, at_ms);
}

/**
 * timer_cancel() - Let a timer not run out
 * @w:		Wheel
 * @t:		Timer, pending or not
 */
void timer_cancel(struct wheel *w, struct timer *t)
{
	if (timer_is_pending(t))
		timer_unlink(w, t);
}

/**
 * timer_next_ms() - How long can one sleep?
 * @w:		Wheel
 * @now_ms:	Time now
 *
 * The time until the next occupied slot, which may hold later deadlines only:
 * then the sleeper wakes up once for each level, too early, but never too late.
 *
 * Return: milliseconds until timer_run() has something to do, 0 if it has now,
 *	   -1 if no timer is pending: as epoll_wait(2) takes it
 */
int timer_next_ms(const struct wheel *w, uint64_t now_ms)
{
	uint64_t start_ms;

	if (timer_next_slot(w, &start_ms) < 0)
		return -1;
	if (start_ms <= now_ms)
		return 0;

	return (int)MIN(start_ms - now_ms, (uint64_t)INT_MAX);
}

/**
 * timer_run_slot() - Let the timers of a slot run out, or file them anew
 * @w:		Wheel, its time is that of the slot
 * @i:		Index of the slot, counted through all levels; it isn't empty
 * @arg:	Passed on to the timers
 *
 * The slot is emptied first: timers that others set meanwhile go into later
 * slots, and timers that others cancel leave the list as usual.
 */
static void timer_run_slot(struct wheel *w, unsigned i, void *arg)
{
	struct timer **head = &w->slots[i / TIMER_SLOTS][i % TIMER_SLOTS];
	struct timer *list = *head, *t;

	*head = NULL;
	w->used[i / TIMER_SLOTS] &= ~(1ULL << i % TIMER_SLOTS);
	list->pprev = &list;

	while ((t = list)) {
		timer_unlink(w, t);
		if (t->due_ms <= w->now_ms)
			t->fn(t, arg);
		else
			timer_file(w, t, t->due_ms);
	}
}

/**
 * timer_run() - Let all timers run out whose deadline has passed
 * @w:		Wheel
 * @now_ms:	Time now; never goes back, what is before the wheel's time does
 *		nothing
 * @arg:	Passed on to the timers
 *
 * They run out in the order of their deadlines, those of the same millisecond
 * in any order.
 */
void timer_run(struct wheel *w, uint64_t now_ms, void *arg)
{
	uint64_t start_ms;
	int slot;

	while ((slot = timer_next_slot(w, &start_ms)) >= 0 &&
	       start_ms <= now_ms) {
		w->now_ms = start_ms;
		timer_run_slot(w, (unsigned)slot, arg);
	}

	if (now_ms > w->now_ms)
		w->now_ms = now_ms;
}
