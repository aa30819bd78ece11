/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Four steps, each of which moves as few threads as it can: those that are outside of their mask;
 * idle ones to the scheduling core; threads away from cores above their limit; and the threads of
 * whole cores, if others have room for all of them, so that the core can sleep.
 *
 * A thread's load is its share of its core, not of its own turns: only so is it the same wherever
 * it runs, and a plan for a constant load the same every time. */

#include "core/reactor/scheduler_plan.h"

#include "spdk/util.h"

#define NOWHERE UINT32_MAX
/* Below it a thread's leaving helps nobody. */
#define WORTH_MOVING (PLAN_CORE / 100)
#define PASSES       16

static bool
allows(const struct plan_thread *thread, const struct plan_core *core)
{
	return core->lcore < SPDK_CPUSET_SIZE && spdk_cpuset_get_cpu(thread->mask, core->lcore);
}

/* May the scheduler send it there? */
static bool
may_go(const struct plan_thread *thread, const struct plan_core *core)
{
	return !core->isolated && allows(thread, core);
}

static void
move(struct plan *plan, struct plan_thread *thread, uint32_t to)
{
	plan->cores[thread->core].load -= thread->load;
	plan->cores[thread->core].threads--;
	thread->core = to;
	plan->cores[to].load += thread->load;
	plan->cores[to].threads++;
}

static bool
is_active(const struct plan *plan, const struct plan_thread *thread)
{
	const struct plan_core *core = &plan->cores[thread->core];

	if (thread->load > plan->limits.load) {
		return true;
	}
	/* On an overloaded core that many share nobody gets much: a fair share is active. */
	return core->load >= plan->limits.busy && core->threads > 1 &&
	       (uint64_t)thread->load * core->threads * 5 >= (uint64_t)core->load * 4;
}

static void
plan_begin(struct plan *plan)
{
	struct plan_thread *thread;
	uint32_t i, c, ours;

	for (c = 0; c < plan->num_cores; c++) {
		plan->cores[c].load = plan->cores[c].base;
		plan->cores[c].threads = 0;
	}
	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		thread->origin = thread->core;
		plan->cores[thread->core].load += thread->load;
		plan->cores[thread->core].threads++;
	}
	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		thread->active = is_active(plan, thread);
		ours = 0;
		for (c = 0; c < plan->num_cores; c++) {
			ours += allows(thread, &plan->cores[c]);
		}
		/* With a mask that has none of our cores it may be anywhere, and stays. */
		thread->fixed = thread->bound || ours == 0 ||
		                (allows(thread, &plan->cores[thread->core]) &&
		                 (ours == 1 || plan->cores[thread->core].isolated));
	}
}

/* --- the places for a thread ------------------------------------------------------------------ */

/* The fullest core that has room for it up to `limit`: its old one, then the scheduling core, then
 * cores in use, then, if `wake`, one that is not. */
static uint32_t
find_room(const struct plan *plan, const struct plan_thread *thread, uint32_t limit, bool wake)
{
	const struct plan_core *core;
	uint32_t c, best = NOWHERE;
	uint32_t rank, best_rank = 0;

	for (c = 0; c < plan->num_cores; c++) {
		core = &plan->cores[c];
		if (c == thread->core || !may_go(thread, core) ||
		    core->load + thread->load > limit ||
		    (core->threads == 0 && c != plan->home && !wake)) {
			continue;
		}
		rank = c == thread->origin ? 4 : c == plan->home ? 3 : core->threads > 0 ? 2 : 1;
		if (best == NOWHERE || rank > best_rank ||
		    (rank == best_rank && core->load > plan->cores[best].load)) {
			best = c;
			best_rank = rank;
		}
	}
	return best;
}

/* The allowed core with the least load, isolated ones only if there is no other. */
static uint32_t
find_least(const struct plan *plan, const struct plan_thread *thread, bool isolated)
{
	uint32_t c, best = NOWHERE;

	for (c = 0; c < plan->num_cores; c++) {
		if (c == thread->core || !allows(thread, &plan->cores[c]) ||
		    plan->cores[c].isolated != isolated) {
			continue;
		}
		if (best == NOWHERE || plan->cores[c].load < plan->cores[best].load) {
			best = c;
		}
	}
	return best;
}

/* --- the steps -------------------------------------------------------------------------------- */

static void
return_to_masks(struct plan *plan)
{
	struct plan_thread *thread;
	uint32_t i, to;

	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		if (thread->fixed || allows(thread, &plan->cores[thread->core])) {
			continue;
		}
		to = find_room(plan, thread, plan->limits.core, true);
		if (to == NOWHERE) {
			to = find_least(plan, thread, false);
		}
		if (to == NOWHERE) {
			to = find_least(plan, thread, true);
		}
		if (to != NOWHERE) {
			move(plan, thread, to);
		}
	}
}

/* Where an active thread of the scheduling core could go instead: where there is room, or to a core
 * of its own. */
static uint32_t
find_other_home(const struct plan *plan, const struct plan_thread *thread, uint32_t limit)
{
	uint32_t to = find_room(plan, thread, limit, true);

	if (to == NOWHERE) {
		to = find_least(plan, thread, false);
		if (to != NOWHERE && plan->cores[to].load > 0) {
			to = NOWHERE;
		}
	}
	return to;
}

/* An active thread leaves the scheduling core so that `load` more is not above `limit`: the
 * smallest that is enough. Returns whether one did. */
static bool
make_room(struct plan *plan, uint32_t load, uint32_t limit)
{
	const struct plan_core *home = &plan->cores[plan->home];
	struct plan_thread *thread, *best = NULL;
	uint32_t i, to, best_to = NOWHERE;

	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		if (thread->core != plan->home || thread->fixed || !thread->active ||
		    home->load - thread->load + load > limit ||
		    (best != NULL && thread->load >= best->load)) {
			continue;
		}
		to = find_other_home(plan, thread, limit);
		if (to != NOWHERE) {
			best = thread;
			best_to = to;
		}
	}
	if (best != NULL) {
		move(plan, best, best_to);
	}
	return best != NULL;
}

static void
gather_idle(struct plan *plan)
{
	uint32_t limit = plan->limits.core - spdk_min(plan->limits.core, PLAN_MARGIN);
	struct plan_core *home = &plan->cores[plan->home];
	struct plan_thread *thread;
	uint32_t i;

	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		if (thread->fixed || thread->active || thread->core == plan->home ||
		    plan->cores[thread->core].isolated || !may_go(thread, home)) {
			continue;
		}
		if (home->load + thread->load <= limit || make_room(plan, thread->load, limit)) {
			move(plan, thread, plan->home);
		}
	}
}

/* Of two threads that could leave a core that is `over` its limit: the smaller one if it is enough,
 * else the greater one. */
static bool
leaves_better(const struct plan_thread *a, const struct plan_thread *b, uint32_t over)
{
	if (a->load >= over && b->load >= over) {
		return a->load < b->load;
	}
	return a->load > b->load;
}

/* Move one thread to where there is room. Returns whether one was moved. */
static bool
relieve_by_room(struct plan *plan, uint32_t from, bool active)
{
	const struct plan_limits *limits = &plan->limits;
	uint32_t load = plan->cores[from].load, over = load - limits->core;
	/* A little too much is moved only to where it will not be too much again. */
	uint32_t room = over > PLAN_MARGIN ? limits->core
	                                   : limits->core - spdk_min(limits->core, PLAN_MARGIN);
	struct plan_thread *thread, *best = NULL;
	uint32_t i, to, best_to = NOWHERE;

	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		if (thread->core != from || thread->fixed || thread->active != active ||
		    thread->load < WORTH_MOVING ||
		    (best != NULL && !leaves_better(thread, best, over))) {
			continue;
		}
		to = NOWHERE;
		if (active && load >= limits->busy && load - thread->load >= WORTH_MOVING) {
			/* It shares, and wants more than can be seen. */
			to = find_least(plan, thread, false);
			if (to != NOWHERE && plan->cores[to].load > 0) {
				to = NOWHERE;
			}
		}
		if (to == NOWHERE) {
			to = find_room(plan, thread, room, true);
		}
		if (to != NOWHERE) {
			best = thread;
			best_to = to;
		}
	}
	if (best != NULL) {
		move(plan, best, best_to);
	}
	return best != NULL;
}

/* No core has room enough: move an active thread of an overloaded core to where it has less
 * company. The scheduling core is given up for any core without company. */
static bool
relieve_by_company(struct plan *plan, uint32_t from)
{
	struct plan_core *core = &plan->cores[from];
	struct plan_thread *thread, *best = NULL;
	uint32_t i, to, company, gain, best_to = NOWHERE;

	if (core->load < plan->limits.busy) {
		return false;
	}
	for (i = 0; i < plan->num_threads; i++) {
		thread = &plan->threads[i];
		if (thread->core != from || thread->fixed || !thread->active ||
		    (best != NULL && thread->load <= best->load)) {
			continue;
		}
		to = find_least(plan, thread, false);
		if (to == NOWHERE) {
			continue;
		}
		company = core->load - thread->load;
		gain = PLAN_MARGIN;
		if (from == plan->home && core->threads > 1 && plan->cores[to].load == 0) {
			gain = 0;
		}
		if (plan->cores[to].load + gain <= company) {
			best = thread;
			best_to = to;
		}
	}
	if (best != NULL) {
		move(plan, best, best_to);
	}
	return best != NULL;
}

/* What idle threads could give back is enough, or more is lost than they know. */
static bool
idle_may_leave(const struct plan *plan, uint32_t from)
{
	uint32_t i, idle = 0, load = plan->cores[from].load;

	for (i = 0; i < plan->num_threads; i++) {
		if (plan->threads[i].core == from && !plan->threads[i].fixed &&
		    !plan->threads[i].active) {
			idle += plan->threads[i].load;
		}
	}
	return idle > 0 && (load - idle <= plan->limits.core || load >= plan->limits.busy);
}

/* Returns whether anything was moved. */
static bool
relieve(struct plan *plan, uint32_t from)
{
	struct plan_core *core = &plan->cores[from];
	uint32_t moves = 0;

	while (core->load > plan->limits.core && moves <= plan->num_threads) {
		if (!relieve_by_room(plan, from, true) && !relieve_by_company(plan, from) &&
		    !(idle_may_leave(plan, from) && relieve_by_room(plan, from, false))) {
			break;
		}
		moves++;
	}
	return moves > 0;
}

static struct plan_thread *
greatest_on(const struct plan *plan, uint32_t core)
{
	struct plan_thread *best = NULL;
	uint32_t i;

	for (i = 0; i < plan->num_threads; i++) {
		if (plan->threads[i].core == core &&
		    (best == NULL || plan->threads[i].load > best->load)) {
			best = &plan->threads[i];
		}
	}
	return best;
}

/* Empty a core into others that are in use, all of it or nothing. */
static void
empty_core(struct plan *plan, uint32_t from)
{
	uint32_t limit = plan->limits.core - spdk_min(plan->limits.core, PLAN_MARGIN);
	struct plan_thread *thread;
	uint32_t i, to;

	for (i = 0; i < plan->num_threads; i++) {
		plan->threads[i].tried = false;
		if (plan->threads[i].core == from && plan->threads[i].fixed) {
			return;
		}
	}
	while ((thread = greatest_on(plan, from)) != NULL) {
		to = find_room(plan, thread, limit, false);
		if (to == NOWHERE) {
			break;
		}
		thread->tried = true;
		move(plan, thread, to);
	}
	for (i = 0; i < plan->num_threads && thread != NULL; i++) {
		if (plan->threads[i].tried) {
			move(plan, &plan->threads[i], from);
		}
	}
}

/* The core with the least load first. */
static void
empty_cores(struct plan *plan)
{
	struct plan_core *core;
	uint32_t c, least;

	for (c = 0; c < plan->num_cores; c++) {
		core = &plan->cores[c];
		core->tried = c == plan->home || core->isolated || core->threads == 0;
	}
	for (;;) {
		least = NOWHERE;
		for (c = 0; c < plan->num_cores; c++) {
			if (!plan->cores[c].tried &&
			    (least == NOWHERE || plan->cores[c].load < plan->cores[least].load)) {
				least = c;
			}
		}
		if (least == NOWHERE) {
			return;
		}
		plan->cores[least].tried = true;
		empty_core(plan, least);
	}
}

/* Until no core can give anything away: what one takes in may be too much for it later. */
static bool
relieve_all(struct plan *plan)
{
	uint32_t c, passes = 0;
	bool any = false, again;

	do {
		again = relieve(plan, plan->home);
		for (c = 0; c < plan->num_cores; c++) {
			if (c != plan->home && !plan->cores[c].isolated) {
				again |= relieve(plan, c);
			}
		}
		any |= again;
	} while (again && ++passes < PASSES);
	return any;
}

void
plan_make(struct plan *plan)
{
	plan_begin(plan);
	return_to_masks(plan);
	gather_idle(plan);
	/* Loads are known better once those that were moved have run elsewhere. */
	if (!relieve_all(plan)) {
		empty_cores(plan);
		relieve_all(plan); /* into the cores that are empty now */
	}
}
