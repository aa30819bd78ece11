/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A job of the load generator, as its files share it: perf_setup.c creates it, perf_job.c runs it,
 * perf_figures.c says how it does. */

#ifndef CAL_BDEV_PERF_INTERNAL_H
#define CAL_BDEV_PERF_INTERNAL_H

#include "perf.h"
#include "perf_gaps.h"
#include "perf_verify.h"

#include "spdk/bdev.h"
#include "spdk/env.h"
#include "spdk/histogram_data.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct perf_io {
	struct perf_job *job;
	void *buf;
	uint64_t slot;
	uint64_t submit_tsc;
	bool is_write;
	struct spdk_bdev_io_wait_entry wait;
};

struct perf_job {
	struct perf_params params;
	uint32_t id;
	struct spdk_thread *thread;
	perf_started_fn started;
	perf_result_fn ended;
	void *ctx;

	/* Everything below belongs to `thread`. */
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct spdk_poller *timer;
	struct perf_io *ios;
	void *buffers;
	uint32_t depth;
	uint32_t outstanding;
	uint32_t io_blocks;
	uint64_t num_slots;
	enum perf_phase phase;
	bool stopping;
	uint64_t next_slot; /* of sequential workloads, prefill and readback */
	uint64_t rng;
	uint64_t *busy; /* with verify, a bit a slot: I/O under way */
	struct perf_verify verify;

	uint64_t run_begin_tsc; /* of the slice, if there are some */
	uint64_t run_end_tsc;
	uint64_t last_completion_tsc;
	uint64_t longest_gap;
	uint64_t num_ios;
	uint64_t num_errors;
	uint64_t latency_sum;
	uint64_t latency_max;
	struct spdk_histogram_data *histogram;
	struct perf_gaps gaps; /* when asked for */
	int start_rc;
	char error[PERF_ERROR_MAX];
	struct perf_result result; /* final, on its way to the app thread */
};

/* All on the job's thread. */

static inline bool
perf_job_only_reads(const struct perf_job *job)
{
	return job->params.workload == PERF_READ || job->params.workload == PERF_RANDREAD;
}

/** End it with this sentence: no new I/O. The first one stays. */
void perf_job_fail(struct perf_job *job, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Begin a phase with all its I/Os. */
void perf_job_begin_phase(struct perf_job *job, enum perf_phase phase);

/** Give everything back but the structure and the thread. */
void perf_job_release(struct perf_job *job);

/** The message that ends both; app thread → job's thread. */
void perf_job_exit(void *ctx);

/** Begin a new slice: what the run's figures are of begins now. */
void perf_job_reset(struct perf_job *job);

/** Its figures as they stand. */
void perf_job_result(const struct perf_job *job, struct perf_result *result);

#endif
