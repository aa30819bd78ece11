/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The times between the completions of one job, by the clock and in on-CPU time: what of such a gap
 * the reactor's OS thread spent running. On a machine that takes a core away now and then (a
 * virtual one; whatever else is scheduled there) the first says what the I/O sees, the second what
 * the runtime did to it. On Linux a thread's CPU time has neither the time that the scheduler gave
 * to others nor, with CONFIG_PARAVIRT_TIME_ACCOUNTING, what the hypervisor reports as stolen; it
 * has the interrupts that came meanwhile. Reading it is a system call of 0.2 to 0.6 µs.
 *
 * All of this belongs to the job's thread. */

#ifndef CAL_BDEV_PERF_GAPS_H
#define CAL_BDEV_PERF_GAPS_H

#include "spdk/stdinc.h"

struct spdk_histogram_data;

struct perf_gaps {
	struct spdk_histogram_data *wall;   /* of ticks */
	struct spdk_histogram_data *on_cpu; /* of ns; NULL: none of this is counted */
	uint64_t wall_max, on_cpu_max;
	uint64_t last_on_cpu; /* ns, of the OS thread of `last_core` */
	uint32_t last_core;
};

/* So many gaps of at most `ns` (the end of a bucket, and the largest one's own value). */
struct perf_gap_count {
	uint64_t ns;
	uint64_t count;
};

/* In µs; 0 when there were none. The quantiles are exact to 1/32. */
struct perf_gap_figures {
	double p50, p99, p99_9, p99_99, max;
};

/** Returns 0 or -ENOMEM. Once it has been called fini may be. */
int perf_gaps_init(struct perf_gaps *gaps);
void perf_gaps_fini(struct perf_gaps *gaps);

/** Something completed just now, or the run begins: the next gap counts from here. */
void perf_gaps_mark(struct perf_gaps *gaps);

/** A completion, `wall` ticks after the one before. Its gap has no on-CPU time when the job has
 *  moved to another reactor in between. */
void perf_gaps_tally(struct perf_gaps *gaps, uint64_t wall);

/** Forget what was counted; the gap that is open goes on. */
void perf_gaps_reset(struct perf_gaps *gaps);

void perf_gaps_figures(const struct perf_gaps *gaps, struct perf_gap_figures *wall,
                       struct perf_gap_figures *on_cpu);

/** The on-CPU histogram's buckets that are not empty, ascending, for who adds up several; the
 *  caller's to free, NULL without memory. */
struct perf_gap_count *perf_gaps_counts(const struct perf_gaps *gaps, size_t *num);

/** The values that so many of all are at most as large as: `shares` ascending, one of `values`
 *  each, as the ends of buckets. They stay as they are when the histogram is empty. */
void perf_quantiles(const struct spdk_histogram_data *histogram, const double *shares,
                    uint64_t *values, size_t count);

#endif
