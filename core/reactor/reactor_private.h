/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of this room share. */

#ifndef CAL_CORE_REACTOR_PRIVATE_H
#define CAL_CORE_REACTOR_PRIVATE_H

#include "core/reactor/reactor_internal.h"
#include "core/thread/thread_internal.h"
#include "spdk/queue.h"

/* Events of one iteration, at most. */
#define REACTOR_EVENT_BATCH 32u
/* An event as it travels: function and two arguments. */
#define REACTOR_EVENT_WORDS 3u
/* Event structures that a reactor keeps for the next spdk_event_allocate(). */
#define REACTOR_EVENT_CACHE 32u
/* How often a reactor looks at what need not be looked at in every turn. */
#define REACTOR_LOOKS_PER_S 1000u

/* The reactor's part of a lightweight thread, in its context. Belongs to the reactor that has it.
 */
struct spdk_lw_thread {
	TAILQ_ENTRY(spdk_lw_thread) link;
	uint64_t start_tsc;
	uint64_t idle_seen;                  /* of its idle ticks, when they were last added to */
	struct spdk_thread_stats last_stats; /* as of the last round of scheduling */
	uint32_t first_lcore;                /* where it was placed other than by a scheduler */
	uint32_t lcore; /* where it is, or is sent to; written by who sends it, read by anybody */
	uint32_t wish_lcore; /* where it shall go, UINT32_MAX: wherever its mask allows */
	bool resched;        /* place it again */
	uint8_t watch_fails; /* how often its reactor could not wait for it: 0, 1, 2 or more */
	int fd;              /* in its reactor's group, -1: it is polled */
};
TAILQ_HEAD(lw_thread_list, spdk_lw_thread);

/* A change of mode that was asked for: the app thread's, and in between the reactor's. */
struct reactor_mode_change {
	bool under_way; /* atomic: the app thread and the scheduling reactor may both ask */
	bool enable;
	struct spdk_reactor *asker; /* NULL: the app thread */
	int rc;
	reactor_mode_cb cb;
	spdk_reactor_set_interrupt_mode_cb spdk_cb;
	void *arg;
};

struct spdk_reactor {
	struct msg_queue events;

	/* The reactor's own. */
	struct lw_thread_list threads __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
	struct cal_stats_reactor *slot;
	uint64_t last_tsc;
	uint64_t stop_tsc;   /* when it saw that it is to stop */
	uint64_t rusage_tsc; /* of the last look at context switches */
	uint64_t ticks_hz;
	uint64_t look_tsc;  /* when to look around again */
	uint64_t sched_tsc; /* when to begin a round of scheduling, UINT64_MAX: never */
	uint64_t idle_seen; /* of its idle ticks, when threads were last given their part */
	uint32_t lcore;
	bool in_interrupt;
	bool unmanned;              /* it could not be started; by the main thread */
	uint32_t polled;            /* threads that it polls though it is in interrupt mode */
	uint64_t watch_tsc;         /* when to try again to wait for those that it could not */
	struct spdk_fd_group *fgrp; /* made when it goes there for the first time */
	int wake_fd;                /* eventfd; never changes */
	struct reactor_mode_change change;

	/* Written by the reactor, read by others: relaxed atomics. */
	uint32_t thread_count;
	int tid;
	struct reactor_switches switches;
};

/* All of them by core, and how many cores that is; the one that runs on this OS thread. */
extern struct spdk_reactor **reactor_table __attribute__((visibility("hidden")));
extern uint32_t reactor_table_size __attribute__((visibility("hidden")));
extern __thread struct spdk_reactor *reactor_this_os __attribute__((tls_model("initial-exec")));

/** reactor_get(), inline. */
static inline struct spdk_reactor *
reactor_at(uint32_t lcore)
{
	return spdk_likely(lcore < reactor_table_size) ? reactor_table[lcore] : NULL;
}

/** Send an event without allocating. Any thread. */
void reactor_send(struct spdk_reactor *reactor, spdk_event_fn fn, void *arg1, void *arg2);
/** Run waiting events. Returns how many. On the reactor. */
uint32_t reactor_run_events(struct spdk_reactor *reactor);

/** Keep event structures for the next spdk_event_allocate() on this OS thread, and free them. */
void reactor_event_cache_begin(void);
void reactor_event_cache_end(void);

/** What the threading library asks (spdk_thread_op_fn). */
int placement_op(struct spdk_thread *thread, enum spdk_thread_op op);
bool placement_op_supported(enum spdk_thread_op op);
/** What a thread's turn may have led to: it may have left the list, and be gone. On the reactor. */
void placement_after_turn(struct spdk_reactor *reactor, struct spdk_lw_thread *lw);
/** Poll a thread, which may be gone afterwards; whether it was busy. On the reactor. */
bool placement_poll_thread(struct spdk_reactor *reactor, struct spdk_lw_thread *lw);
/** While stopping: tell threads to exit that nobody told. On the reactor. */
void placement_drain(struct spdk_reactor *reactor);
/** Send a thread of this reactor's to another core, because of a scheduler. On the reactor, outside
 *  of any thread's turn. */
void placement_send(struct spdk_reactor *reactor, struct spdk_lw_thread *lw, uint32_t lcore);
/** Give the threads what idle time there was that none of them has counted: turns in which nothing
 *  happened do not read the clock. On the reactor. */
void placement_credit_idle(struct spdk_reactor *reactor);
/** Lightweight threads that exist, on a reactor or on their way to one. */
uint32_t placement_count(void);

/* --- reactor_interrupt.c ---------------------------------------------------------------------- */

/** What is always there: main thread, before and after it runs. Returns 0 or a negative errno. */
int reactor_interrupt_init(struct spdk_reactor *reactor);
void reactor_interrupt_fini(struct spdk_reactor *reactor);
/** Have it look around, if it sleeps. Any thread, also in a signal handler. */
void reactor_wake(struct spdk_reactor *reactor);
/** Change its mode, and that of its threads. Idempotent. Returns 0 or a negative errno. On the
 *  reactor, outside of any thread's turn. */
int reactor_interrupt_enter(struct spdk_reactor *reactor);
void reactor_interrupt_leave(struct spdk_reactor *reactor);
/** In interrupt mode: wait, for nothing if `events_ran`, and give their turn to the threads that
 *  have reason for one. On the reactor. */
void reactor_interrupt_turn(struct spdk_reactor *reactor, bool events_ran);
/** A thread has come into its list, is about to leave it, was polled. On the reactor. */
void reactor_interrupt_arrive(struct spdk_reactor *reactor, struct spdk_lw_thread *lw);
void reactor_interrupt_depart(struct spdk_reactor *reactor, struct spdk_lw_thread *lw);
void reactor_interrupt_polled(struct spdk_reactor *reactor, struct spdk_lw_thread *lw);

/** Add what passed since the last time to busy or idle. On the reactor. */
static inline void
reactor_account(struct spdk_reactor *reactor, uint64_t now, bool busy)
{
	uint64_t passed = now - reactor->last_tsc;

	if (busy) {
		SLOT_SET(reactor->slot, busy_tsc, reactor->slot->busy_tsc + passed);
	} else {
		SLOT_SET(reactor->slot, idle_tsc, reactor->slot->idle_tsc + passed);
	}
	reactor->last_tsc = now;
}

#endif
