/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Where the dynamic scheduler puts threads: a function of what was measured, without a look at
 * anything else. What it aims at is SPDK's documentation of that scheduler; README.md says how. */

#ifndef CAL_CORE_REACTOR_SCHEDULER_PLAN_H
#define CAL_CORE_REACTOR_SCHEDULER_PLAN_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"

/* Loads are in parts of a core. */
#define PLAN_CORE 10000u
/* What a move must gain, or leave free, so that what is measured a little differently next time
 * does not undo it. */
#define PLAN_MARGIN 500u

struct plan_limits {
	uint32_t load; /* above it a thread is active */
	uint32_t core; /* a core takes no more threads above it, and gives some away */
	uint32_t busy; /* above it a core is overloaded: what its threads want cannot be seen */
};

struct plan_core {
	uint32_t lcore;
	bool isolated; /* no thread comes or goes */
	uint32_t base; /* load that is no thread's */

	/* Of the plan. */
	uint32_t load;
	uint32_t threads;
	bool tried;
};

struct plan_thread {
	uint64_t id;
	uint32_t core; /* where it is, an index; plan_make() writes where it shall be */
	uint32_t load;
	bool bound;
	const struct spdk_cpuset *mask;

	/* Of the plan. */
	uint32_t origin;
	bool fixed;
	bool active;
	bool tried;
};

struct plan {
	struct plan_core *cores;
	uint32_t num_cores;
	struct plan_thread *threads;
	uint32_t num_threads;
	uint32_t home; /* index of the scheduling core, where idle threads go; not isolated */
	struct plan_limits limits;
};

/** Write each thread's core, and each core's planned load and threads. Any thread; allocates
 *  nothing. Costs threads x cores, a few times. */
void plan_make(struct plan *plan);

#endif
