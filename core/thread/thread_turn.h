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

/* The clock at the end of a turn. Reading it is the dearest part of a short one, and can wait while
 * nothing has happened, or a few messages only. */
static inline bool
thread_turn_ends(struct spdk_thread *thread, uint64_t now, uint32_t clock_every, uint32_t messages,
                 bool ran, bool busy)
{
	uint64_t took;

	thread->unclocked += messages;
	busy |= thread->unclocked > 0;
	thread->last_tsc = now;
	if (ran || thread->unclocked >= clock_every || (thread->unclocked > 0 && messages == 0)) {
		thread->unclocked = 0;
		thread->last_tsc = spdk_get_ticks();
		took = thread->last_tsc - now;
		if (busy) {
			thread->stats.busy_tsc += took;
		} else {
			thread->stats.idle_tsc += took;
		}
		/* Signed: who polls may say that it is later than it is. */
		if (spdk_unlikely((int64_t)took > (int64_t)thread->longest_turn)) {
			thread->longest_turn = took;
		}
	}
	return busy;
}

/** Do what there is to do at `now`, at most `max_msgs` messages of it. Returns how many messages
 * ran; *ran becomes true if a poller was called, and *busy if one was busy. The thread is the
 * current one. */
static inline uint32_t
thread_turn_work(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint32_t max_msgs,
                 uint64_t now, bool *ran, bool *busy)
{
	uint32_t messages = 0;
	int first;

	if (spdk_unlikely(__atomic_load_n(&thread->critical, __ATOMIC_RELAXED) != NULL)) {
		thread_run_critical(thread, slot);
		messages++;
	}
	first = msg_queue_find(&thread->msgs);
	if (first >= 0) {
		messages += thread_run_messages(thread, slot, first, max_msgs);
	}
	if (poller_active_any(&thread->active)) {
		*ran = true;
		*busy |= pollers_run_active(thread, slot);
	}
	if (poller_timers_any(&thread->timed) && poller_timers_due(&thread->timed) <= now) {
		*ran = true;
		*busy |= pollers_run_timed(thread, slot, now);
	}
	if (spdk_unlikely(!TAILQ_EMPTY(&thread->unregistered))) {
		pollers_free_unregistered(thread);
	}
	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITING)) {
		thread_exit_step(thread, now);
	}
	return messages;
}

/** spdk_thread_poll() at `now`. Who polls nothing else in between, and passes the end of one turn
 * as the beginning of the next, may leave the clock unread until `clock_every` messages have run;
 *  others say 1. */
static inline bool
thread_turn(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now, uint32_t clock_every)
{
	struct spdk_thread *before = thread_this_os.current;
	struct cal_stats_reactor *slot;
	bool busy = false, ran = false;
	uint32_t messages;

	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED || thread->in_poll ||
	                  thread->interrupt)) {
		return thread_interrupt_poll(thread, max_msgs, now) > 0;
	}
	thread_be_polled_here(thread);
	slot = thread_this_os.slot;
	thread_this_os.current = thread;
	thread->in_poll = true;
	SLOT_SET(slot, running_thread, thread->id);
	messages = thread_turn_work(thread, slot, max_msgs, now, &ran, &busy);
	busy = thread_turn_ends(thread, now, clock_every, messages, ran, busy);
	SLOT_SET(slot, running_thread, 0);
	thread->in_poll = false;
	thread_this_os.current = before;
	return busy;
}

#endif
