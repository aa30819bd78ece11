/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Schedulers, which decide what core a lightweight thread runs on, and governors, which decide the
 * clock of a core. Names and meaning are those of SPDK's header of the same name. Both register by
 * constructor and are called on the scheduling reactor only, where nothing may block. */

#ifndef SPDK_SCHEDULER_H
#define SPDK_SCHEDULER_H

#include "spdk/stdinc.h"

#include "spdk/event.h"
#include "spdk/json.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- governors -------------------------------------------------------------------------------- */

/** Frequencies that a core can have at most; what DPDK's RTE_MAX_LCORE_FREQS is. */
#define SPDK_MAX_LCORE_FREQS 64

struct spdk_governor_capabilities {
	bool priority; /* the core's base frequency is higher than others' */
};

/* Functions that change a frequency return 1 when it has changed, 0 when it could not go further,
 * and a negative number on error. */
struct spdk_governor {
	const char *name;
	/** Write the core's frequencies into freqs[num]. Returns how many; 0 on error and when they
	 *  are more than `num`. */
	uint32_t (*get_core_avail_freqs)(uint32_t lcore_id, uint32_t *freqs, uint32_t num);
	uint32_t (*get_core_curr_freq)(uint32_t lcore_id);
	/** To the next one, or to the last. */
	int (*core_freq_up)(uint32_t lcore_id);
	int (*core_freq_down)(uint32_t lcore_id);
	int (*set_core_freq_max)(uint32_t lcore_id);
	int (*set_core_freq_min)(uint32_t lcore_id);
	/** Returns 0 or a negative number. */
	int (*get_core_capabilities)(uint32_t lcore_id,
	                             struct spdk_governor_capabilities *capabilities);
	/** Write one named value into the object that is open in `w`. */
	int (*dump_info_json)(struct spdk_json_write_ctx *w);
	/** Called when it becomes the current one (0, or it does not), and when it ceases to be. */
	int (*init)(void);
	void (*deinit)(void);
	TAILQ_ENTRY(spdk_governor) link;
};

/** End the current governor, then make the named one the current one; NULL for none. Scheduling
 *  reactor. Returns 0, -ENOENT, or what its init returned (there is none then). */
int spdk_governor_set(const char *name);
/** The current one, NULL for none. */
struct spdk_governor *spdk_governor_get(void);
/** Constructor time. A second one of the same name is refused and logged. */
void spdk_governor_register(struct spdk_governor *governor);

#define SPDK_GOVERNOR_REGISTER(governor)                                                  \
	static void __attribute__((constructor)) _spdk_governor_register_##governor(void) \
	{                                                                                 \
		spdk_governor_register(&governor);                                        \
	}

/* --- schedulers ------------------------------------------------------------------------------- */

struct spdk_scheduler_thread_info {
	uint32_t lcore; /* where it runs; a scheduler writes where it shall run */
	uint64_t thread_id;
	struct spdk_thread_stats total_stats;   /* since it was created */
	struct spdk_thread_stats current_stats; /* in the last period */
};

struct spdk_scheduler_core_info {
	uint64_t total_idle_tsc; /* since it was started */
	uint64_t total_busy_tsc;
	uint64_t current_idle_tsc; /* in the last period */
	uint64_t current_busy_tsc;
	uint32_t lcore;
	uint32_t threads_count; /* threads that are about to exit are left out */
	bool interrupt_mode;    /* it sleeps; a scheduler writes whether it shall */
	struct spdk_scheduler_thread_info *thread_infos;
	bool isolated; /* to be left alone */
};

struct spdk_scheduler {
	const char *name;
	/** Called when it becomes the current one (0, or it does not), and when it ceases to be.
	 *  `deinit` may be NULL. */
	int (*init)(void);
	void (*deinit)(void);
	/** Move threads by writing their lcore, put cores to sleep and wake them by writing their
	 *  interrupt_mode. `count` cores. What a thread's mask does not allow, and what would move
	 *  a bound one, is not done; nor does a core sleep that has threads. */
	void (*balance)(struct spdk_scheduler_core_info *core_info, uint32_t count);
	/** Parameters, from and to RPC; either may be NULL. */
	int (*set_opts)(const struct spdk_json_val *opts);
	void (*get_opts)(struct spdk_json_write_ctx *ctx);
	TAILQ_ENTRY(spdk_scheduler) link;
};

/** Make the named scheduler the current one (the one before is ended); NULL for none. Before the
 *  reactors run, or on the scheduling reactor. Returns 0, -ENOENT, -EPERM elsewhere, or what its
 *  init returned (the one before is kept then). */
int spdk_scheduler_set(const char *name);
/** The current one, NULL for none. Any thread. */
struct spdk_scheduler *spdk_scheduler_get(void);

/** Microseconds between two balances; 0 for never. Takes effect at once. Any thread. */
void spdk_scheduler_set_period(uint64_t period);
uint64_t spdk_scheduler_get_period(void);

/** Constructor time. A second one of the same name is refused and logged. */
void spdk_scheduler_register(struct spdk_scheduler *scheduler);

/** The lcore on which schedulers run; it is the main one unless set. False (and logged) for a core
 *  without a reactor, an isolated one, and while a balance is under way. */
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
