/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Scheduling beyond spdk/scheduler.h: rounds, isolated cores, and what the schedulers of this room
 * know of a thread besides its load. */

#ifndef CAL_CORE_REACTOR_SCHEDULER_INTERNAL_H
#define CAL_CORE_REACTOR_SCHEDULER_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/scheduler.h"

/* What schedulers that are not told a period use. */
#define SCHEDULER_DEFAULT_PERIOD_US 1000000u

struct spdk_reactor;

/* They register themselves. A program that takes single files out of the library names them. */
extern struct spdk_scheduler scheduler_static;
extern struct spdk_scheduler scheduler_dynamic;

/* --- isolated cores --------------------------------------------------------------------------- */

/** Keep schedulers away from these cores: no thread comes or goes, except by its own mask or wish.
 *  Replaces what was isolated before. App thread. Returns 0, -EINVAL (logged) when the mask has a
 *  core without a reactor, or the scheduling one. */
int scheduler_isolate(const struct spdk_cpuset *mask);
/** spdk_scheduler_set_scheduling_lcore() with a reason: -EINVAL (logged), or -EBUSY while a round
 * is under way. */
int scheduler_set_lcore(uint32_t lcore);
/** Which they are. Any thread; it changes before subsystems are initialised only. */
const struct spdk_cpuset *scheduler_isolated(void);

/* --- what is known of a thread ---------------------------------------------------------------- */

struct scheduler_facts {
	struct spdk_cpuset cpumask;
	uint32_t first_lcore; /* where it was placed when it was created, or moved itself since */
	bool bound;
};

/** Of thread `index` of a core that balance() was given. Within balance() only. NULL for a core
 *  that the framework did not pass. */
const struct scheduler_facts *scheduler_facts(const struct spdk_scheduler_core_info *core,
                                              uint32_t index);

/* --- for the reactors ------------------------------------------------------------------------- */

/** Memory for rounds over the reactors that exist. Main thread. Returns 0 or -ENOMEM. */
int scheduler_rounds_init(void);
void scheduler_rounds_fini(void);

/** Use none, and forget what was chosen. Main thread, when no reactor runs. */
void scheduler_forget(void);

/** Make the next round due by the present period, or, `now`, at once, on the scheduling reactor,
 *  which hears of it by an event. Any thread. Nothing happens before the reactors run: they begin
 *  with it. */
void scheduler_rearm(bool now);
/** The same for the reactor that calls. */
void scheduler_arm(struct spdk_reactor *reactor, bool now);
/** Begin a round if one is due. On the reactor, outside of any thread's turn. */
void scheduler_look(struct spdk_reactor *reactor);
/** How long it may sleep: until a round is due; -1 for as long as nothing wakes it. On the
 *  reactor. */
int scheduler_patience_ms(const struct spdk_reactor *reactor);
/** Keep rounds from beginning; false if one is under way. Any thread, for a moment only. */
bool scheduler_round_lock(void);
void scheduler_round_unlock(void);
/** Rounds that have ended, since the reactors were made. Any thread. */
uint64_t scheduler_rounds(void);

#endif
