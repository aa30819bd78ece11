/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of this room share. */

#ifndef CAL_CORE_REACTOR_PRIVATE_H
#define CAL_CORE_REACTOR_PRIVATE_H

#include "core/reactor/reactor_internal.h"
#include "core/thread/thread_internal.h"
#include "spdk/queue.h"

#define REACTOR_EVENT_BATCH 8u
#define REACTOR_EVENT_RING  4096u
/* Depths of queues are added up every so many iterations: it touches every thread's queue. */
#define REACTOR_DEPTH_PERIOD 1024u

/* An event as it travels. */
struct reactor_event {
	spdk_event_fn fn;
	void *arg1;
	void *arg2;
};

/* The reactor's part of a lightweight thread, in its context. Belongs to the reactor that has it.
 */
struct spdk_lw_thread {
	TAILQ_ENTRY(spdk_lw_thread) link;
	uint64_t start_tsc;
	uint32_t lcore; /* where it is, or is sent to; written by who sends it, read by anybody */
	uint32_t wish_lcore; /* where it shall go, UINT32_MAX: wherever its mask allows */
	bool resched;        /* place it again */
};
TAILQ_HEAD(lw_thread_list, spdk_lw_thread);

struct spdk_reactor {
	struct msg_queue events;

	/* The reactor's own. */
	struct lw_thread_list threads __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
	struct cal_stats_reactor *slot;
	uint64_t last_tsc;
	uint64_t stop_tsc;   /* when it saw that it is to stop */
	uint64_t rusage_tsc; /* of the last look at context switches */
	uint32_t lcore;

	/* Written by the reactor, read by others: relaxed atomics. */
	uint32_t thread_count;
	int tid;
	uint64_t busy_tsc;
	uint64_t idle_tsc;
	struct reactor_switches switches;
};

/** Send an event without allocating. Any thread. */
void reactor_send(struct spdk_reactor *reactor, spdk_event_fn fn, void *arg1, void *arg2);
/** Run waiting events. Returns how many. On the reactor. */
uint32_t reactor_run_events(struct spdk_reactor *reactor);

/** What the threading library asks (spdk_thread_op_fn). */
int placement_op(struct spdk_thread *thread, enum spdk_thread_op op);
bool placement_op_supported(enum spdk_thread_op op);
/** Poll the threads of a reactor once. Returns whether one was busy. On the reactor. */
bool placement_poll(struct spdk_reactor *reactor);
/** While stopping: tell threads to exit that nobody told. On the reactor. */
void placement_drain(struct spdk_reactor *reactor);
/** Lightweight threads that exist, on a reactor or on their way to one. */
uint32_t placement_count(void);

/** Add what passed since the last time to busy or idle. On the reactor. */
static inline void
reactor_account(struct spdk_reactor *reactor, uint64_t now, bool busy)
{
	uint64_t *sum = busy ? &reactor->busy_tsc : &reactor->idle_tsc;

	__atomic_store_n(sum, *sum + (now - reactor->last_tsc), __ATOMIC_RELAXED);
	reactor->last_tsc = now;
}

#endif
