/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A round of scheduling: walk over the reactors and let each write down its threads and what they
 * did; let the scheduler decide, on the scheduling reactor; walk again, to wake cores that shall
 * have threads, and once more, to send threads away and put cores to sleep that have none left.
 *
 * There is one round at a time (g_round.active). The walk is an event that goes from reactor to
 * reactor and back to where it began, and has no memory of its own: reactors that stop may drop it
 * anywhere. What a round knows of a thread is its id and its place in its reactor's list, which it
 * looks up again there: the thread may have gone meanwhile, or others may have come. */

#include "core/reactor/reactor_private.h"
#include "core/reactor/scheduler_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define NEVER UINT64_MAX

/* Beside a struct spdk_scheduler_core_info. */
struct round_core {
	struct spdk_reactor *reactor;
	struct scheduler_facts *facts;
	uint32_t room; /* of facts and of the infos */
	bool slept;    /* when it was visited */
	/* As of the last round. On its reactor. */
	uint64_t busy_tsc;
	uint64_t idle_tsc;
};

static struct {
	bool active; /* taken by exchange: whoever begins a round owns the rest until it ends */
	bool again;  /* another one was asked for meanwhile */
	bool failed;
	struct spdk_reactor *origin;
	uint32_t at;
	void (*visit)(uint32_t index);
	void (*after)(void);
	uint32_t count;
	struct spdk_scheduler_core_info *cores;
	struct round_core *more;
	uint64_t rounds; /* ended; relaxed */
} g_round;

SPDK_LOG_REGISTER_COMPONENT(scheduler)

int
scheduler_rounds_init(void)
{
	struct spdk_reactor *reactor;
	uint32_t i = 0;

	memset(&g_round, 0, sizeof(g_round));
	g_round.count = spdk_cpuset_count(reactors_get_cpuset());
	g_round.cores = calloc(g_round.count, sizeof(*g_round.cores));
	g_round.more = calloc(g_round.count, sizeof(*g_round.more));
	if (g_round.cores == NULL || g_round.more == NULL) {
		scheduler_rounds_fini();
		return -ENOMEM;
	}
	for (reactor = reactor_first(); reactor != NULL; reactor = reactor_next(reactor)) {
		g_round.more[i].reactor = reactor;
		g_round.more[i].busy_tsc = reactor_get_busy_tsc(reactor);
		g_round.more[i].idle_tsc = reactor_get_idle_tsc(reactor);
		g_round.cores[i++].lcore = reactor->lcore;
	}
	return 0;
}

void
scheduler_rounds_fini(void)
{
	uint32_t i;

	for (i = 0; i < g_round.count && g_round.cores != NULL && g_round.more != NULL; i++) {
		free(g_round.cores[i].thread_infos);
		free(g_round.more[i].facts);
	}
	free(g_round.cores);
	free(g_round.more);
	memset(&g_round, 0, sizeof(g_round));
}

uint64_t
scheduler_rounds(void)
{
	return __atomic_load_n(&g_round.rounds, __ATOMIC_RELAXED);
}

const struct scheduler_facts *
scheduler_facts(const struct spdk_scheduler_core_info *core, uint32_t index)
{
	if (core < g_round.cores || core >= g_round.cores + g_round.count) {
		return NULL;
	}
	return &g_round.more[core - g_round.cores].facts[index];
}

/* --- walking ---------------------------------------------------------------------------------- */

static void
walk_step(void *arg1, void *arg2)
{
	if (g_round.at == g_round.count) {
		g_round.after();
		return;
	}
	g_round.visit(g_round.at++);
	reactor_send(g_round.at < g_round.count ? g_round.more[g_round.at].reactor : g_round.origin,
	             walk_step, NULL, NULL);
}

static void
walk(void (*visit)(uint32_t index), void (*after)(void))
{
	g_round.visit = visit;
	g_round.after = after;
	g_round.at = 0;
	reactor_send(g_round.more[0].reactor, walk_step, NULL, NULL);
}

static void
round_end(void)
{
	__atomic_fetch_add(&g_round.rounds, 1, __ATOMIC_RELAXED);
	/* Partner of the exchange in round_begin(): what we wrote belongs to the next round. And
	 * of rearm(): either sees the other. */
	__atomic_store_n(&g_round.active, false, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&g_round.again, false, __ATOMIC_SEQ_CST)) {
		scheduler_rearm(true);
	}
}

/* --- on each reactor: what is there ----------------------------------------------------------- */

static int
make_room(struct spdk_scheduler_core_info *core, struct round_core *more, uint32_t count)
{
	uint32_t room = SPDK_ALIGN_CEIL(count, 16u);
	void *infos, *facts;

	if (count <= more->room) {
		return 0;
	}
	infos = realloc(core->thread_infos, room * sizeof(*core->thread_infos));
	if (infos != NULL) {
		core->thread_infos = infos;
	}
	facts = realloc(more->facts, room * sizeof(*more->facts));
	if (facts != NULL) {
		more->facts = facts;
	}
	if (infos == NULL || facts == NULL) {
		return -ENOMEM;
	}
	more->room = room;
	return 0;
}

static void
gather_thread(struct spdk_scheduler_thread_info *info, struct scheduler_facts *facts,
              struct spdk_lw_thread *lw, uint32_t lcore)
{
	struct spdk_thread *thread = spdk_thread_get_from_ctx(lw);

	info->lcore = lcore;
	info->thread_id = thread->id;
	info->total_stats = thread->stats;
	info->current_stats.busy_tsc = thread->stats.busy_tsc - lw->last_stats.busy_tsc;
	info->current_stats.idle_tsc = thread->stats.idle_tsc - lw->last_stats.idle_tsc;
	lw->last_stats = thread->stats;
	spdk_cpuset_copy(&facts->cpumask, &thread->cpumask);
	facts->bound = spdk_thread_is_bound(thread);
	facts->first_lcore = lw->first_lcore;
}

static void
gather(uint32_t index)
{
	struct spdk_scheduler_core_info *core = &g_round.cores[index];
	struct round_core *more = &g_round.more[index];
	struct spdk_reactor *reactor = more->reactor;
	struct spdk_lw_thread *lw;

	placement_credit_idle(reactor);
	core->total_busy_tsc = reactor_get_busy_tsc(reactor);
	core->total_idle_tsc = reactor_get_idle_tsc(reactor);
	core->current_busy_tsc = core->total_busy_tsc - more->busy_tsc;
	core->current_idle_tsc = core->total_idle_tsc - more->idle_tsc;
	more->busy_tsc = core->total_busy_tsc;
	more->idle_tsc = core->total_idle_tsc;
	core->interrupt_mode = more->slept = reactor_in_interrupt(reactor);
	core->isolated = spdk_cpuset_get_cpu(scheduler_isolated(), reactor->lcore);
	core->threads_count = 0;
	if (make_room(core, more, reactor->thread_count) != 0) {
		SPDK_ERRLOG("no memory to schedule the %u threads of reactor_%u\n",
		            reactor->thread_count, reactor->lcore);
		g_round.failed = true;
		return;
	}
	TAILQ_FOREACH (lw, &reactor->threads, link) {
		/* One that is about to end stays where it is. */
		if (spdk_thread_is_running(spdk_thread_get_from_ctx(lw))) {
			gather_thread(&core->thread_infos[core->threads_count],
			              &more->facts[core->threads_count], lw, reactor->lcore);
			core->threads_count++;
		}
	}
}

/* Interrupt mode, or back to polling. On the reactor. */
static void
core_mode(struct spdk_reactor *reactor, bool sleeps)
{
	if (sleeps) {
		/* If it cannot, it has said so, and polls. */
		(void)reactor_interrupt_enter(reactor);
	} else {
		reactor_interrupt_leave(reactor);
	}
}

/* --- on each reactor: what was decided -------------------------------------------------------- */

static void
wake(uint32_t index)
{
	if (g_round.more[index].slept && !g_round.cores[index].interrupt_mode) {
		core_mode(g_round.more[index].reactor, false);
	}
}

/* May it go there still? */
static bool
may_move(struct spdk_thread *thread, uint32_t lcore)
{
	return spdk_thread_is_running(thread) && !spdk_thread_is_bound(thread) &&
	       lcore < SPDK_CPUSET_SIZE && spdk_cpuset_get_cpu(&thread->cpumask, lcore) &&
	       reactor_get(lcore) != NULL;
}

static void
carry_out(uint32_t index)
{
	struct spdk_scheduler_core_info *core = &g_round.cores[index];
	struct spdk_reactor *reactor = g_round.more[index].reactor;
	const struct spdk_scheduler_thread_info *info;
	struct spdk_lw_thread *lw, *next;
	struct spdk_thread *thread;
	uint32_t i, from = 0;

	if (reactors_get_state() != SPDK_REACTOR_STATE_RUNNING) {
		return;
	}
	TAILQ_FOREACH_SAFE (lw, &reactor->threads, link, next) {
		thread = spdk_thread_get_from_ctx(lw);
		/* Both are in the order of the list: who is missing here has left it. */
		for (i = from; i < core->threads_count; i++) {
			if (core->thread_infos[i].thread_id == thread->id) {
				break;
			}
		}
		if (i == core->threads_count) {
			continue;
		}
		from = i + 1;
		info = &core->thread_infos[i];
		if (info->lcore != reactor->lcore && !lw->resched &&
		    may_move(thread, info->lcore)) {
			SPDK_INFOLOG(scheduler, "thread %s goes from core %u to core %u\n",
			             thread->name, reactor->lcore, info->lcore);
			placement_send(reactor, lw, info->lcore);
		}
	}
	if (core->interrupt_mode && !g_round.more[index].slept && reactor->thread_count == 0) {
		core_mode(reactor, true);
	}
}

/* --- on the scheduling reactor ---------------------------------------------------------------- */

static bool
has_to_wake(void)
{
	uint32_t i;

	for (i = 0; i < g_round.count; i++) {
		if (g_round.more[i].slept && !g_round.cores[i].interrupt_mode) {
			return true;
		}
	}
	return false;
}

static void
send_threads(void)
{
	walk(carry_out, round_end);
}

static void
decide(void)
{
	struct spdk_scheduler *scheduler = spdk_scheduler_get();

	if (g_round.failed || scheduler == NULL ||
	    reactors_get_state() != SPDK_REACTOR_STATE_RUNNING) {
		round_end();
		return;
	}
	scheduler->balance(g_round.cores, g_round.count);
	if (has_to_wake()) {
		walk(wake, send_threads);
	} else {
		send_threads();
	}
}

static void
round_begin(struct spdk_reactor *reactor)
{
	/* Partner of the release in round_end(). */
	if (__atomic_exchange_n(&g_round.active, true, __ATOMIC_ACQUIRE)) {
		return; /* the last one takes longer than a period */
	}
	g_round.failed = false;
	g_round.origin = reactor;
	walk(gather, decide);
}

bool
scheduler_round_lock(void)
{
	return !__atomic_exchange_n(&g_round.active, true, __ATOMIC_ACQUIRE);
}

void
scheduler_round_unlock(void)
{
	__atomic_store_n(&g_round.active, false, __ATOMIC_RELEASE);
}

/* --- when ------------------------------------------------------------------------------------- */

void
scheduler_arm(struct spdk_reactor *reactor, bool now)
{
	uint64_t period = spdk_scheduler_get_period();
	uint64_t ticks_us = reactor->ticks_hz / 1000000;

	if (reactor->lcore != spdk_scheduler_get_scheduling_lcore()) {
		reactor->sched_tsc = NEVER;
	} else if (now) {
		reactor->sched_tsc = 0;
	} else if (period == 0 || period > (NEVER - reactor->last_tsc) / ticks_us) {
		reactor->sched_tsc = NEVER;
	} else {
		reactor->sched_tsc = reactor->last_tsc + period * ticks_us;
	}
	reactor->look_tsc = 0;
}

static void
rearm(void *arg1, void *arg2)
{
	struct spdk_reactor *reactor = arg1;
	bool now = arg2 != NULL;

	if (now && __atomic_load_n(&g_round.active, __ATOMIC_RELAXED)) {
		/* It has been decided perhaps: another one follows, unless it ended just now. */
		__atomic_store_n(&g_round.again, true, __ATOMIC_SEQ_CST);
		now = !__atomic_load_n(&g_round.active, __ATOMIC_SEQ_CST) &&
		      __atomic_exchange_n(&g_round.again, false, __ATOMIC_ACQ_REL);
	}
	scheduler_arm(reactor, now);
}

void
scheduler_rearm(bool now)
{
	struct spdk_reactor *reactor = reactor_get(spdk_scheduler_get_scheduling_lcore());

	if (reactor == NULL || reactors_get_state() != SPDK_REACTOR_STATE_RUNNING) {
		return;
	}
	reactor_send(reactor, rearm, reactor, now ? reactor : NULL);
}

void
scheduler_look(struct spdk_reactor *reactor)
{
	if (spdk_likely(reactor->last_tsc < reactor->sched_tsc)) {
		return;
	}
	scheduler_arm(reactor, false);
	/* It may have become another core's since this one was armed. */
	if (reactor->lcore == spdk_scheduler_get_scheduling_lcore() &&
	    reactors_get_state() == SPDK_REACTOR_STATE_RUNNING && spdk_scheduler_get() != NULL) {
		round_begin(reactor);
	}
}

int
scheduler_patience_ms(const struct spdk_reactor *reactor)
{
	uint64_t now = spdk_get_ticks(), ms;

	if (reactor->sched_tsc == NEVER) {
		return -1;
	}
	ms = reactor->sched_tsc > now ? (reactor->sched_tsc - now) / (reactor->ticks_hz / 1000) + 1
	                              : 0;
	return (int)spdk_min(ms, (uint64_t)INT_MAX);
}
