/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Which reactor polls which lightweight thread. A thread belongs to the reactor whose list it is
 * in; it moves by an event that takes it there, so that what it did before happens before what it
 * does after. */

#include "core/reactor/reactor_private.h"

#include "core/reactor/scheduler_internal.h"
#include "spdk/log.h"

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t g_next_lcore; /* where round robin goes on */
static uint32_t g_num_threads;

uint32_t
placement_count(void)
{
	return __atomic_load_n(&g_num_threads, __ATOMIC_ACQUIRE);
}

/* The next core of the mask in turn; of all cores, if the mask has none of ours. Isolated ones only
 * if there is no other. */
static struct spdk_reactor *
pick_reactor(const struct spdk_cpuset *mask)
{
	struct spdk_cpuset allowed, open;
	uint32_t i, lcore;

	spdk_cpuset_copy(&allowed, reactors_get_cpuset());
	spdk_cpuset_and(&allowed, mask);
	if (spdk_cpuset_count(&allowed) == 0) {
		spdk_cpuset_copy(&allowed, reactors_get_cpuset());
	}
	spdk_cpuset_copy(&open, scheduler_isolated());
	spdk_cpuset_negate(&open);
	spdk_cpuset_and(&open, &allowed);
	if (spdk_cpuset_count(&open) > 0) {
		spdk_cpuset_copy(&allowed, &open);
	}
	pthread_mutex_lock(&g_lock);
	for (i = 0; i < SPDK_CPUSET_SIZE; i++) {
		lcore = (g_next_lcore + i) % SPDK_CPUSET_SIZE;
		if (spdk_cpuset_get_cpu(&allowed, lcore)) {
			break;
		}
	}
	g_next_lcore = lcore + 1;
	pthread_mutex_unlock(&g_lock);
	return reactor_get(lcore);
}

/* The reactor is the one it was sent to, or, if that could not be started, the main one. */
static void
arrive(void *arg1, void *arg2)
{
	struct spdk_reactor *reactor = reactor_current();
	struct spdk_lw_thread *lw = arg1;

	TAILQ_INSERT_TAIL(&reactor->threads, lw, link);
	__atomic_store_n(&reactor->thread_count, reactor->thread_count + 1, __ATOMIC_RELAXED);
	SLOT_SET(reactor->slot, threads, reactor->thread_count);
	reactor_interrupt_arrive(reactor, lw);
}

static void
leave(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	reactor_interrupt_depart(reactor, lw);
	TAILQ_REMOVE(&reactor->threads, lw, link);
	__atomic_store_n(&reactor->thread_count, reactor->thread_count - 1, __ATOMIC_RELAXED);
	SLOT_SET(reactor->slot, threads, reactor->thread_count);
}

static void
send_to(struct spdk_lw_thread *lw, struct spdk_reactor *reactor)
{
	__atomic_store_n(&lw->lcore, reactor->lcore, __ATOMIC_RELAXED);
	lw->wish_lcore = UINT32_MAX;
	lw->resched = false;
	reactor_send(reactor, arrive, lw, NULL);
}

int
placement_op(struct spdk_thread *thread, enum spdk_thread_op op)
{
	struct spdk_lw_thread *lw = spdk_thread_get_ctx(thread);
	struct spdk_reactor *reactor;

	switch (op) {
	case SPDK_THREAD_OP_NEW:
		lw->start_tsc = spdk_get_ticks();
		lw->fd = -1;
		__atomic_fetch_add(&g_num_threads, 1, __ATOMIC_RELEASE);
		reactor = pick_reactor(spdk_thread_get_cpumask(thread));
		lw->first_lcore = reactor->lcore;
		send_to(lw, reactor);
		return 0;
	case SPDK_THREAD_OP_RESCHED:
		/* On the thread, hence on its reactor, which looks when the turn is over. */
		lw->resched = true;
		return 0;
	}
	return -ENOTSUP;
}

bool
placement_op_supported(enum spdk_thread_op op)
{
	return op == SPDK_THREAD_OP_NEW || op == SPDK_THREAD_OP_RESCHED;
}

int
reactor_thread_move(struct spdk_thread *thread, uint32_t lcore)
{
	struct spdk_lw_thread *lw = spdk_thread_get_ctx(thread);

	thread_check(__func__, "thread", spdk_thread_get_name(thread), thread, thread);
	if (reactor_get(lcore) == NULL) {
		return -EINVAL;
	}
	if (spdk_thread_is_bound(thread)) {
		return -EPERM;
	}
	lw->wish_lcore = lcore;
	lw->resched = true;
	thread_end_chain(thread);
	return 0;
}

/* A thread asked to be placed again; it may stay if its mask and wish allow. */
static void
place_again(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	struct spdk_thread *thread = spdk_thread_get_from_ctx(lw);
	struct spdk_reactor *target;

	if (lw->wish_lcore != UINT32_MAX) {
		target = reactor_get(lw->wish_lcore);
	} else if (spdk_cpuset_get_cpu(spdk_thread_get_cpumask(thread), reactor->lcore)) {
		target = reactor;
	} else {
		target = pick_reactor(spdk_thread_get_cpumask(thread));
	}
	if (target == reactor || spdk_thread_is_bound(thread)) {
		lw->wish_lcore = UINT32_MAX;
		lw->resched = false;
		return;
	}
	lw->first_lcore = target->lcore;
	leave(reactor, lw);
	send_to(lw, target);
}

void
placement_after_turn(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	struct spdk_thread *thread = spdk_thread_get_from_ctx(lw);

	if (spdk_unlikely(spdk_thread_is_exited(thread))) {
		leave(reactor, lw);
		spdk_thread_destroy(thread);
		__atomic_fetch_sub(&g_num_threads, 1, __ATOMIC_RELEASE);
	} else if (spdk_unlikely(lw->resched)) {
		place_again(reactor, lw);
	}
}

void
placement_send(struct spdk_reactor *reactor, struct spdk_lw_thread *lw, uint32_t lcore)
{
	leave(reactor, lw);
	send_to(lw, reactor_get(lcore));
}

void
placement_credit_idle(struct spdk_reactor *reactor)
{
	uint64_t total = reactor_get_idle_tsc(reactor), idle = total - reactor->idle_seen;
	uint64_t free_tsc, counted = 0;
	struct spdk_lw_thread *lw;
	struct spdk_thread *thread;

	if (reactor->thread_count == 0) {
		reactor->idle_seen = total;
		return;
	}
	TAILQ_FOREACH (lw, &reactor->threads, link) {
		thread = spdk_thread_get_from_ctx(lw);
		counted += thread->stats.idle_tsc - lw->idle_seen;
	}
	free_tsc = idle > counted ? (idle - counted) / reactor->thread_count : 0;
	TAILQ_FOREACH (lw, &reactor->threads, link) {
		thread = spdk_thread_get_from_ctx(lw);
		thread->stats.idle_tsc += free_tsc;
		lw->idle_seen = thread->stats.idle_tsc;
	}
	reactor->idle_seen = total;
}

bool
placement_poll_thread(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	struct spdk_thread *thread = spdk_thread_get_from_ctx(lw);
	bool busy;

	busy = spdk_thread_poll(thread, 0, reactor->last_tsc) > 0;
	reactor_account(reactor, spdk_thread_get_last_tsc(thread), busy);
	reactor_interrupt_polled(reactor, lw);
	placement_after_turn(reactor, lw);
	return busy;
}

void
placement_drain(struct spdk_reactor *reactor)
{
	struct spdk_lw_thread *lw;
	struct spdk_thread *thread;
	bool app;

	TAILQ_FOREACH (lw, &reactor->threads, link) {
		thread = spdk_thread_get_from_ctx(lw);
		app = spdk_thread_is_app_thread(thread);
		if (!spdk_thread_is_running(thread) || (app && placement_count() > 1)) {
			continue;
		}
		/* The message that tells it may be on its way. */
		if (!msg_queue_is_empty(&thread->msgs) &&
		    reactor->last_tsc - reactor->stop_tsc < spdk_get_ticks_hz()) {
			continue;
		}
		if (!app) {
			SPDK_WARNLOG("thread %s still runs at the end: nobody called "
			             "spdk_thread_exit() on it; it is told to exit now\n",
			             spdk_thread_get_name(thread));
		}
		spdk_set_thread(thread);
		spdk_thread_exit(thread);
		spdk_set_thread(NULL);
	}
}

struct spdk_thread *
reactor_first_thread(struct spdk_reactor *reactor)
{
	struct spdk_lw_thread *lw = TAILQ_FIRST(&reactor->threads);

	return lw != NULL ? spdk_thread_get_from_ctx(lw) : NULL;
}

struct spdk_thread *
reactor_next_thread(struct spdk_reactor *reactor, struct spdk_thread *thread)
{
	struct spdk_lw_thread *lw =
		TAILQ_NEXT((struct spdk_lw_thread *)spdk_thread_get_ctx(thread), link);

	return lw != NULL ? spdk_thread_get_from_ctx(lw) : NULL;
}

uint64_t
reactor_thread_elapsed(struct spdk_thread *thread)
{
	struct spdk_lw_thread *lw = spdk_thread_get_ctx(thread);

	return spdk_get_ticks() - lw->start_tsc;
}

uint32_t
reactor_thread_lcore(struct spdk_thread *thread)
{
	struct spdk_lw_thread *lw = spdk_thread_get_ctx(thread);

	return __atomic_load_n(&lw->lcore, __ATOMIC_RELAXED);
}
