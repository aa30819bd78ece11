/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Calling pollers. The two loops are the hottest code there is: what they need of a poller is its
 * first cache line, and what a poller leaves to be done is one word of the thread, `after`.
 *
 * The one that runs stays where it is; what it did to itself is carried out when it returns. Nobody
 * else moves the front of its class, so the loop over timed ones knows where it is, too. */

#include "core/thread/poller_longest.h"
#include "core/thread/poller_trace.h"
#include "core/thread/thread_internal.h"

/* Whether this is a turn in which each call is timed. */
static bool
turn_is_watched(uint32_t *until)
{
	if (spdk_unlikely(PROBE_ENABLED(poller_run))) {
		return true;
	}
	if (spdk_likely(*until > 0)) {
		--*until;
		return false;
	}
	*until = POLLER_TIMED_TURNS - 1;
	return true;
}

static inline __attribute__((always_inline)) bool
poller_call(struct spdk_thread *thread, struct spdk_poller *poller, struct cal_stats_reactor *slot,
            bool watched, uint64_t *mark)
{
	uint64_t began;
	int rc;

	thread->running = poller;
	SLOT_SET(slot, running_fn, (uint64_t)(uintptr_t)poller->fn);
	slot_set_what(slot, poller->what);
	rc = poller->fn(poller->arg);
	poller->run_count++;
	poller->busy_count += rc > 0;
	if (watched) {
		/* One reading of the clock ends this call and begins the next. */
		began = *mark;
		*mark = spdk_get_ticks();
		poller_watched(thread, poller, *mark - began);
	}
	return rc > 0;
}

/* What the poller that has returned left to be done, except to itself. */
static void
run_after(struct spdk_thread *thread, struct spdk_poller *poller)
{
	uint32_t i;

	if (thread_locks(thread) != 0) {
		thread_locks_held(thread, "poller", poller->name, (uintptr_t)poller->fn);
	}
	for (i = 0; i < thread->num_posts; i++) {
		thread->posts[i].fn(thread->posts[i].arg);
		if (thread_locks(thread) != 0) {
			thread_locks_held(thread, "post-poller handler", "",
			                  (uintptr_t)thread->posts[i].fn);
		}
	}
	thread->num_posts = 0;
}

/* The poller has returned. Which slot the walk has come to. */
static __attribute__((noinline)) uint32_t
after_active(struct spdk_thread *thread, struct spdk_poller *poller)
{
	uint32_t at;

	run_after(thread, poller);
	at = poller->place;
	if (poller->state != POLLER_WAITING) {
		poller_self_stop(thread, poller);
	}
	thread->after = 0;
	return at;
}

static inline __attribute__((always_inline)) bool
active_loop(struct spdk_thread *thread, struct cal_stats_reactor *slot, bool watched)
{
	uint64_t mark = watched ? spdk_get_ticks() : 0;
	uint32_t at = thread->active.used;
	struct spdk_poller *poller;
	bool busy = false;

	while (at-- > 0) {
		poller = thread->active.slots[at];
		if (spdk_unlikely(poller == NULL)) {
			continue;
		}
		busy |= poller_call(thread, poller, slot, watched, &mark);
		if (spdk_unlikely(thread->after != 0)) {
			at = after_active(thread, poller);
			mark = watched ? spdk_get_ticks() : 0;
		}
	}
	return busy;
}

bool
pollers_run_active(struct spdk_thread *thread, struct cal_stats_reactor *slot)
{
	bool busy = spdk_unlikely(turn_is_watched(&thread->active_watch))
	                    ? active_loop(thread, slot, true)
	                    : active_loop(thread, slot, false);

	slot_end(slot);
	thread->running = NULL;
	if (spdk_unlikely(thread->active.holes > 0)) {
		poller_active_settle(&thread->active);
	}
	return busy;
}

/* The poller has returned. Whether it is still to be run. */
static __attribute__((noinline)) bool
after_timed(struct spdk_thread *thread, struct spdk_poller *poller)
{
	bool stays;

	run_after(thread, poller);
	stays = poller->state == POLLER_WAITING;
	if (!stays) {
		poller_self_stop(thread, poller);
	}
	thread->after = 0;
	return stays;
}

/* Arm the first one, which has run, again. */
static inline void
class_rearm(struct timer_class *class, struct spdk_poller *poller, uint64_t due)
{
	timer_class_pop(class);
	if (spdk_unlikely(due < class->last)) {
		timer_class_append(class, poller, due);
		return;
	}
	class->last = due;
	poller->place = class->tail++;
	*timer_class_at(class, poller->place) = (struct timer_entry){ due, poller };
}

/* Run the front class until another one has the next turn, or nothing of it is due. */
static inline __attribute__((always_inline)) bool
class_loop(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint64_t now, bool watched,
           uint64_t *mark)
{
	struct poller_timers *timers = &thread->timed;
	struct timer_class *class = timers->heap[0].class;
	uint64_t due = now + class->period, limit = 0;
	struct spdk_poller *poller;
	struct timer_entry *entry;
	bool busy = false;

	for (;;) {
		poller = timer_class_at(class, class->head)->poller;
		busy |= poller_call(thread, poller, slot, watched, mark);
		if (spdk_unlikely(thread->after != 0)) {
			if (!after_timed(thread, poller)) {
				/* The class may be gone. */
				return busy;
			}
			*mark = watched ? spdk_get_ticks() : 0;
		}
		class_rearm(class, poller, due);
		entry = timer_class_at(class, class->head);
		if (entry->due > now) {
			break;
		}
		if (limit == 0) {
			limit = poller_timers_limit(timers);
		}
		if (entry->due > limit) {
			break;
		}
	}
	poller_timers_settle(timers, class);
	return busy;
}

static inline __attribute__((always_inline)) bool
timed_loop(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint64_t now, bool watched)
{
	uint64_t mark = watched ? spdk_get_ticks() : 0;
	bool busy = false;

	/* A period is at least a tick: each is called once at most. */
	while (poller_timers_any(&thread->timed) && poller_timers_due(&thread->timed) <= now) {
		busy |= class_loop(thread, slot, now, watched, &mark);
	}
	return busy;
}

bool
pollers_run_timed(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint64_t now)
{
	bool busy;

	thread->timed_now = now;
	busy = spdk_unlikely(turn_is_watched(&thread->timed_watch))
	               ? timed_loop(thread, slot, now, true)
	               : timed_loop(thread, slot, now, false);
	thread->timed_now = 0;
	slot_end(slot);
	thread->running = NULL;
	return busy;
}
