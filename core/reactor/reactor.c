/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Life of the reactors, and the loop. */

#include "core/reactor/reactor_private.h"

#include "core/reactor/scheduler_internal.h"
#include "core/thread/thread_turn.h"
#include "core/util/log_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

struct spdk_reactor **reactor_table;
uint32_t reactor_table_size;
__thread struct spdk_reactor *reactor_this_os;
static struct spdk_cpuset g_cpuset;
static int g_state;      /* enum spdk_reactor_state; relaxed, the queues order what matters */
static int g_stop_calls; /* calls of reactors_stop() that have not returned */
static bool g_switch_monitor = true;

SPDK_LOG_REGISTER_COMPONENT(reactor)

static void
state_set(enum spdk_reactor_state state)
{
	__atomic_store_n(&g_state, (int)state, __ATOMIC_RELAXED);
}

enum spdk_reactor_state
reactors_get_state(void)
{
	return (enum spdk_reactor_state)__atomic_load_n(&g_state, __ATOMIC_RELAXED);
}

struct spdk_reactor *
reactor_get(uint32_t lcore)
{
	return reactor_at(lcore);
}

struct spdk_reactor *
spdk_reactor_get(uint32_t lcore)
{
	return reactor_get(lcore);
}

struct spdk_reactor *
reactor_current(void)
{
	return reactor_this_os;
}

static struct spdk_reactor *
reactor_from(uint32_t lcore)
{
	while (lcore < reactor_table_size && reactor_table[lcore] == NULL) {
		lcore++;
	}
	return reactor_get(lcore);
}

struct spdk_reactor *
reactor_first(void)
{
	return reactor_from(0);
}

struct spdk_reactor *
reactor_next(struct spdk_reactor *reactor)
{
	return reactor_from(reactor->lcore + 1);
}

const struct spdk_cpuset *
reactors_get_cpuset(void)
{
	return &g_cpuset;
}

static void
reactors_free(void)
{
	uint32_t lcore, left;

	for (lcore = 0; lcore < reactor_table_size; lcore++) {
		if (reactor_table[lcore] == NULL) {
			continue;
		}
		reactor_interrupt_fini(reactor_table[lcore]);
		left = msg_queue_fini(&reactor_table[lcore]->events);
		if (left > 0) {
			SPDK_INFOLOG(reactor, "%u events to reactor_%u were never run\n", left,
			             lcore);
		}
		free(reactor_table[lcore]);
	}
	free(reactor_table);
	reactor_table = NULL;
	reactor_table_size = 0;
	spdk_cpuset_zero(&g_cpuset);
}

static int
reactor_create(uint32_t lcore, uint32_t index)
{
	struct spdk_reactor *reactor = aligned_alloc(SPDK_CACHE_LINE_SIZE, sizeof(*reactor));
	int rc;

	if (reactor == NULL) {
		return -ENOMEM;
	}
	memset(reactor, 0, sizeof(*reactor));
	rc = reactor_interrupt_init(reactor);
	if (rc != 0) {
		free(reactor);
		return rc;
	}
	msg_queue_init(&reactor->events, REACTOR_EVENT_WORDS);
	TAILQ_INIT(&reactor->threads);
	reactor->lcore = lcore;
	reactor->sched_tsc = UINT64_MAX;
	reactor->slot = cal_stats_reactor(index);
	reactor->slot->lcore = lcore;
	SLOT_SET(reactor->slot, in_use, 1);
	reactor->idle_seen = reactor_get_idle_tsc(reactor);
	reactor_table[lcore] = reactor;
	spdk_cpuset_set_cpu(&g_cpuset, lcore, true);
	return 0;
}

int
reactors_init(void)
{
	uint32_t lcore, index = 0;
	int rc = 0;

	reactor_table_size = spdk_env_get_last_core() + 1;
	reactor_table = calloc(reactor_table_size, sizeof(void *));
	if (reactor_table == NULL) {
		reactor_table_size = 0;
		return -ENOMEM;
	}
	SPDK_ENV_FOREACH_CORE (lcore) {
		if (index == CAL_STATS_MAX_REACTORS) {
			SPDK_ERRLOG("%u cores are more than the %d reactors there can be: give "
			            "fewer\n",
			            spdk_env_get_core_count(), CAL_STATS_MAX_REACTORS);
			rc = -E2BIG;
			break;
		}
		rc = reactor_create(lcore, index++);
		if (rc != 0) {
			break;
		}
	}
	if (rc == 0) {
		rc = scheduler_rounds_init();
	}
	if (rc == 0) {
		rc = spdk_thread_lib_init_ext(placement_op, placement_op_supported,
		                              sizeof(struct spdk_lw_thread),
		                              SPDK_DEFAULT_MSG_MEMPOOL_SIZE);
	}
	if (rc != 0) {
		scheduler_rounds_fini();
		reactors_free();
		return rc;
	}
	state_set(SPDK_REACTOR_STATE_INITIALIZED);
	return 0;
}

void
reactors_fini(void)
{
	if (reactors_get_state() == SPDK_REACTOR_STATE_UNINITIALIZED) {
		return;
	}
	/* Who has told the reactors to stop may still be on its way through their table. */
	while (__atomic_load_n(&g_stop_calls, __ATOMIC_ACQUIRE) != 0) {
		sched_yield();
	}
	scheduler_forget();
	scheduler_rounds_fini();
	spdk_thread_lib_fini();
	thread_interrupt_mode_forget();
	reactors_free();
	state_set(SPDK_REACTOR_STATE_UNINITIALIZED);
}

void
spdk_framework_enable_context_switch_monitor(bool enabled)
{
	__atomic_store_n(&g_switch_monitor, enabled, __ATOMIC_RELAXED);
}

bool
spdk_framework_context_switch_monitor_enabled(void)
{
	return __atomic_load_n(&g_switch_monitor, __ATOMIC_RELAXED);
}

/* Once a second: an involuntary switch on a reactor's core means that something else runs there. */
static void
look_at_switches(struct spdk_reactor *reactor)
{
	struct rusage usage;

	if (reactor->last_tsc - reactor->rusage_tsc < reactor->ticks_hz) {
		return;
	}
	reactor->rusage_tsc = reactor->last_tsc;
	if (!spdk_framework_context_switch_monitor_enabled() ||
	    getrusage(RUSAGE_THREAD, &usage) != 0) {
		return;
	}
	if ((uint64_t)usage.ru_nivcsw != reactor->switches.involuntary) {
		SPDK_INFOLOG(reactor,
		             "reactor_%u: %ld voluntary, %ld involuntary context switches\n",
		             reactor->lcore, usage.ru_nvcsw, usage.ru_nivcsw);
	}
	__atomic_store_n(&reactor->switches.voluntary, (uint64_t)usage.ru_nvcsw, __ATOMIC_RELAXED);
	__atomic_store_n(&reactor->switches.involuntary, (uint64_t)usage.ru_nivcsw,
	                 __ATOMIC_RELAXED);
}

static void
look_at_depth(struct spdk_reactor *reactor)
{
	struct spdk_thread *thread;
	uint64_t depth = 0;

	for (thread = reactor_first_thread(reactor); thread != NULL;
	     thread = reactor_next_thread(reactor, thread)) {
		depth += thread_msg_depth(thread);
	}
	SLOT_SET(reactor->slot, message_depth, (uint32_t)spdk_min(depth, UINT32_MAX));
}

/* What is too dear for every turn: it touches every thread. */
static __attribute__((noinline)) void
look_around(struct spdk_reactor *reactor)
{
	uint64_t next = reactor->last_tsc + reactor->ticks_hz / REACTOR_LOOKS_PER_S;

	look_at_switches(reactor);
	look_at_depth(reactor);
	placement_credit_idle(reactor);
	scheduler_look(reactor);
	reactor->look_tsc = spdk_min(next, reactor->sched_tsc);
}

/* Poll its threads once. Returns whether one was busy. */
static inline bool
poll_threads(struct spdk_reactor *reactor)
{
	struct spdk_lw_thread *lw, *next;
	struct spdk_thread *thread;
	bool busy, any = false;

	TAILQ_FOREACH_SAFE (lw, &reactor->threads, link, next) {
		thread = SPDK_CONTAINEROF((void *)lw, struct spdk_thread, ctx);
		busy = thread_turn(thread, THREAD_MSG_BATCH, reactor->last_tsc, true);
		any |= busy;
		if (thread->last_tsc != reactor->last_tsc) {
			reactor_account(reactor, thread->last_tsc, busy);
		}
		if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED || lw->resched)) {
			placement_after_turn(reactor, lw);
		}
	}
	return any;
}

static inline void
reactor_turn(struct spdk_reactor *reactor)
{
	struct cal_stats_reactor *slot = reactor->slot;
	uint64_t began = reactor->last_tsc;
	bool events_ran;

	SLOT_SET(slot, heartbeat_tsc, began);
	SLOT_SET(slot, iterations, slot->iterations + 1);
	events_ran = !msg_queue_is_empty(&reactor->events) && reactor_run_events(reactor) > 0;
	if (events_ran) {
		reactor_account(reactor, spdk_get_ticks(), true);
	}
	if (spdk_unlikely(reactor->in_interrupt)) {
		reactor_interrupt_turn(reactor, events_ran);
	} else if (!poll_threads(reactor) && reactor->last_tsc == began) {
		/* Nobody had reason to read the clock. */
		reactor_account(reactor, spdk_get_ticks(), false);
	}
	if (spdk_unlikely(reactor->last_tsc >= reactor->look_tsc)) {
		look_around(reactor);
	}
}

/* Reactors that could not be started: what waits there, threads above all, is taken by the main
 * one, to end. */
static void
stand_in(struct spdk_reactor *reactor)
{
	struct spdk_reactor *other;

	if (reactor->lcore != spdk_env_get_main_core()) {
		return;
	}
	for (other = reactor_first(); other != NULL; other = reactor_next(other)) {
		if (other->unmanned) {
			reactor_run_events(other);
		}
	}
}

/* Before each turn while stopping. False: all threads have gone. */
static __attribute__((noinline)) bool
reactor_drain(struct spdk_reactor *reactor)
{
	if (reactor->stop_tsc == 0) {
		reactor->stop_tsc = reactor->last_tsc;
		reactor_interrupt_leave(reactor);
	}
	/* Threads of different reactors may need each other to exit: go on until all are gone. */
	if (placement_count() == 0) {
		return false;
	}
	stand_in(reactor);
	placement_drain(reactor);
	return true;
}

static int
reactor_run(void *arg)
{
	struct spdk_reactor *reactor = arg;
	char name[16];

	snprintf(name, sizeof(name), "reactor_%u", reactor->lcore);
	pthread_setname_np(pthread_self(), name);
	reactor_this_os = reactor;
	__atomic_store_n(&reactor->tid, spdk_get_tid(), __ATOMIC_RELAXED);
	SLOT_SET(reactor->slot, tid, reactor->tid);
	thread_stats_slot_set(reactor->slot);
	log_defer_on_this_thread(true);
	reactor_event_cache_begin();
	reactor->ticks_hz = spdk_get_ticks_hz();
	reactor->last_tsc = reactor->rusage_tsc = spdk_get_ticks();
	scheduler_arm(reactor, false);
	if (spdk_interrupt_mode_is_enabled()) {
		/* If it cannot, it has said so, and polls. */
		(void)reactor_interrupt_enter(reactor);
	}

	while (spdk_likely(reactors_get_state() == SPDK_REACTOR_STATE_RUNNING) ||
	       reactor_drain(reactor)) {
		reactor_turn(reactor);
	}

	reactor_event_cache_end();
	log_defer_on_this_thread(false);
	thread_stats_slot_set(NULL);
	SLOT_SET(reactor->slot, in_use, 0);
	reactor_this_os = NULL;
	return 0;
}

int
reactors_start(void)
{
	struct spdk_reactor *reactor, *main_reactor = reactor_get(spdk_env_get_main_core());
	char name[16] = "";
	int rc = 0;

	if (reactors_get_state() != SPDK_REACTOR_STATE_INITIALIZED || main_reactor == NULL) {
		SPDK_ERRLOG("the reactors are not initialized\n");
		return -EINVAL;
	}
	pthread_getname_np(pthread_self(), name, sizeof(name));
	state_set(SPDK_REACTOR_STATE_RUNNING);
	for (reactor = reactor_first(); reactor != NULL; reactor = reactor_next(reactor)) {
		if (reactor == main_reactor) {
			continue;
		}
		if (rc == 0) {
			rc = spdk_env_thread_launch_pinned(reactor->lcore, reactor_run, reactor);
			if (rc != 0) {
				SPDK_ERRLOG("reactor_%u cannot be started: %d\n", reactor->lcore,
				            rc);
				reactors_stop();
			}
		}
		reactor->unmanned = rc != 0;
	}
	reactor_run(main_reactor);
	spdk_env_thread_wait_all();
	/* The main thread has a name of its own, which is the program's. */
	pthread_setname_np(pthread_self(), name);
	state_set(SPDK_REACTOR_STATE_SHUTDOWN);
	return rc;
}

void
reactors_stop(void)
{
	int running = SPDK_REACTOR_STATE_RUNNING;
	struct spdk_reactor *reactor;

	/* Seen by reactors_fini(), which must not free what we are about to wake: partner there. */
	__atomic_fetch_add(&g_stop_calls, 1, __ATOMIC_SEQ_CST);
	if (__atomic_compare_exchange_n(&g_state, &running, (int)SPDK_REACTOR_STATE_EXITING, false,
	                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
		for (reactor = reactor_first(); reactor != NULL; reactor = reactor_next(reactor)) {
			reactor_wake(reactor);
		}
	}
	__atomic_fetch_sub(&g_stop_calls, 1, __ATOMIC_RELEASE);
}

uint32_t
reactor_get_lcore(const struct spdk_reactor *reactor)
{
	return reactor->lcore;
}

int
reactor_get_tid(const struct spdk_reactor *reactor)
{
	return __atomic_load_n(&reactor->tid, __ATOMIC_RELAXED);
}

bool
reactor_in_interrupt(const struct spdk_reactor *reactor)
{
	return __atomic_load_n(&reactor->slot->in_interrupt, __ATOMIC_RELAXED) != 0;
}

uint64_t
reactor_get_busy_tsc(const struct spdk_reactor *reactor)
{
	return __atomic_load_n(&reactor->slot->busy_tsc, __ATOMIC_RELAXED);
}

uint64_t
reactor_get_idle_tsc(const struct spdk_reactor *reactor)
{
	return __atomic_load_n(&reactor->slot->idle_tsc, __ATOMIC_RELAXED);
}

uint32_t
reactor_get_thread_count(const struct spdk_reactor *reactor)
{
	return __atomic_load_n(&reactor->thread_count, __ATOMIC_RELAXED);
}

struct reactor_switches
reactor_get_switches(const struct spdk_reactor *reactor)
{
	return (struct reactor_switches){
		__atomic_load_n(&reactor->switches.voluntary, __ATOMIC_RELAXED),
		__atomic_load_n(&reactor->switches.involuntary, __ATOMIC_RELAXED),
	};
}
