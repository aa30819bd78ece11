/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Schedulers, which decide what core a lightweight thread runs on, and governors, which decide the
 * clock of a core. They register by constructor and run on the scheduling reactor. */

#ifndef SPDK_SCHEDULER_H
#define SPDK_SCHEDULER_H

#include "spdk/stdinc.h"
#include "spdk/event.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_json_val;
struct spdk_json_write_ctx;

struct spdk_scheduler_thread_info {
	uint32_t lcore; /* where it runs; a scheduler writes where it shall run */
	uint64_t thread_id;
	struct spdk_thread_stats total_stats;   /* since it was created */
	struct spdk_thread_stats current_stats; /* in the last period */
};

struct spdk_scheduler_core_info {
	uint64_t total_idle_tsc;
	uint64_t total_busy_tsc;
	uint64_t current_idle_tsc; /* in the last period */
	uint64_t current_busy_tsc;
	uint32_t lcore;
	uint32_t threads_count;
	bool interrupt_mode;
	struct spdk_scheduler_thread_info *thread_infos;
	bool isolated;
};

struct spdk_scheduler {
	const char *name;
	/** Called when it becomes the current one, and when it ceases to be. `deinit` may be NULL.
	 */
	int (*init)(void);
	void (*deinit)(void);
	/** Move threads by writing their lcore. `count` cores. */
	void (*balance)(struct spdk_scheduler_core_info *core_info, uint32_t count);
	/** Parameters, from and to RPC; either may be NULL. */
	int (*set_opts)(const struct spdk_json_val *opts);
	void (*get_opts)(struct spdk_json_write_ctx *ctx);
	TAILQ_ENTRY(spdk_scheduler) link;
};

/** Make the named scheduler the current one (the one before is ended); NULL for none. App thread or
 *  before the reactors run. Returns 0, -ENOENT, or what its init returned (then the one before is
 *  kept). */
int spdk_scheduler_set(const char *name);
/** The current one, NULL for none. */
struct spdk_scheduler *spdk_scheduler_get(void);

/** Microseconds between two balances; 0 for never. */
void spdk_scheduler_set_period(uint64_t period);
uint64_t spdk_scheduler_get_period(void);

/** Constructor time. A second one of the same name is refused and logged. */
void spdk_scheduler_register(struct spdk_scheduler *scheduler);

/** The lcore on which schedulers run; it is the main one unless set. False for a core that no
 *  reactor has. */
uint32_t spdk_scheduler_get_scheduling_lcore(void);
bool spdk_scheduler_set_scheduling_lcore(uint32_t lcore);

#define SPDK_SCHEDULER_REGISTER(scheduler)                                                  \
	static void __attribute__((constructor)) _spdk_scheduler_register_##scheduler(void) \
	{                                                                                   \
		spdk_scheduler_register(&scheduler);                                        \
	}

#ifdef __cplusplus
}
#endif
#endif
