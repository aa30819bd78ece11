/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A thread's turn, inline: most turns find nothing to do, and then cost a look at each of the
 * places where something could be. */

#ifndef CAL_CORE_THREAD_TURN_H
#define CAL_CORE_THREAD_TURN_H

#include "core/thread/thread_internal.h"

static inline void
thread_be_polled_here(struct spdk_thread *thread)
{
	if (spdk_unlikely(__atomic_load_n(&thread->polled_by, __ATOMIC_RELAXED) !=
	                  thread_this_os.id)) {
		thread_take_over(thread);
	}
}

/** Do what there is to do at `now`, at most `max_msgs` messages of it, `chain` as in
 *  thread_run_messages(). Returns whether anything ran, with *busy true if it was a message or a
 *  busy poller. The thread is the current one. */
static inline bool
thread_turn_work(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint32_t max_msgs,
                 uint64_t now, bool chain, bool *busy)
{
	bool ran = false;

	*busy = false;
	if (spdk_unlikely(__atomic_load_n(&thread->critical, __ATOMIC_RELAXED) != NULL)) {
		thread_run_critical(thread, slot);
		ran = *busy = true;
	}
	if (!msg_queue_is_empty(&thread->msgs)) {
		/* None runs if all that waits stands at a MARK. */
		chain = chain && !poller_active_any(&thread->active);
		ran = thread_run_messages(thread, slot, chain ? THREAD_MSG_CHAIN : max_msgs,
		                          chain) > 0;
		*busy |= ran;
	}
	if (poller_active_any(&thread->active)) {
		ran = true;
		*busy |= pollers_run_active(thread, slot);
	}
	if (poller_timers_any(&thread->timed) && poller_timers_due(&thread->timed) <= now) {
		ran = true;
		*busy |= pollers_run_timed(thread, slot, now);
	}
	if (spdk_unlikely(!TAILQ_EMPTY(&thread->unregistered))) {
		pollers_free_unregistered(thread);
	}
	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITING)) {
		thread_exit_step(thread, now);
	}
	return ran | *busy;
}

/** A turn in which something ran, and which began at `began`, is over. */
static inline void
thread_turn_account(struct spdk_thread *thread, uint64_t began, bool busy)
{
	uint64_t took;

	thread->last_tsc = spdk_get_ticks();
	if (spdk_unlikely(thread->last_tsc < began)) {
		/* Who polls may say that it is later than it is. */
		return;
	}
	took = thread->last_tsc - began;
	if (busy) {
		thread->stats.busy_tsc += took;
	} else {
		thread->stats.idle_tsc += took;
	}
	if (spdk_unlikely(took > thread->longest_turn)) {
		thread->longest_turn = took;
	}
}

/** spdk_thread_poll() at `now`. With `chain`, and while there are no active pollers, what a message
 *  sends to its own thread may run in the same turn; the turn is THREAD_MSG_CHAIN messages then. */
static inline bool
thread_turn(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now, bool chain)
{
	struct spdk_thread *before = thread_this_os.current;
	struct cal_stats_reactor *slot;
	bool busy;

	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED || thread->in_poll ||
	                  thread->interrupt)) {
		return thread_interrupt_poll(thread, max_msgs, now) > 0;
	}
	thread_be_polled_here(thread);
	slot = thread_this_os.slot;
	thread_this_os.current = thread;
	thread->in_poll = 1;
	SLOT_SET(slot, running_thread, thread->id);

	/* Reading the clock is the dearest part of a turn, and pointless if nothing has happened.
	 */
	if (thread_turn_work(thread, slot, max_msgs, now, chain, &busy)) {
		thread_turn_account(thread, now, busy);
	} else {
		thread->last_tsc = now;
	}

	SLOT_SET(slot, running_thread, 0);
	thread->in_poll = 0;
	thread_this_os.current = before;
	return busy;
}

#endif
