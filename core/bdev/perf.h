/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The load generator behind `calctl perf`: a job is an spdk_thread of its own, placed like any
 * other, that keeps a number of I/Os under way on one device. Everything of a running job belongs
 * to its thread; others ask for a copy of its figures by message. The jobs' table belongs to the
 * app thread (perf_rpc.c). */

#ifndef CAL_BDEV_PERF_H
#define CAL_BDEV_PERF_H

#include "perf_gaps.h"
#include "spdk/stdinc.h"

#define PERF_NAME_MAX    256
#define PERF_ERROR_MAX   256
#define PERF_MAX_DEPTH   4096
#define PERF_MAX_IO_SIZE (16u << 20)

enum perf_workload {
	PERF_READ,
	PERF_WRITE,
	PERF_RANDREAD,
	PERF_RANDWRITE,
	PERF_RW,
	PERF_RANDRW,
	PERF_NUM_WORKLOADS,
};

/* With verify, reads are of what this job wrote: a job that only reads begins by writing everything
 * (prefill), one that writes ends by reading everything it wrote (readback). Neither is in its
 * figures. */
enum perf_phase { PERF_PREFILL, PERF_RUN, PERF_READBACK, PERF_DONE };

struct perf_params {
	char bdev[PERF_NAME_MAX];
	enum perf_workload workload;
	uint32_t queue_depth;
	uint32_t io_size; /* bytes */
	uint64_t time_ms;
	uint32_t rwmixread; /* per cent, of rw and randrw */
	bool verify;
	bool gaps; /* count the gaps between completions */
};

struct perf_result {
	enum perf_phase phase;
	uint64_t elapsed_us; /* of the run, or of its slice */
	uint64_t ios;        /* that succeeded in it; each figure below is of these */
	uint64_t errors;     /* failed, in any phase */
	uint64_t bytes;
	double latency_avg_us, latency_p50_us, latency_p99_us, latency_p99_9_us, latency_max_us;
	double longest_gap_us; /* between two completions, the start counted as one */
	bool gaps;
	struct perf_gap_figures on_cpu_gaps, wall_gaps;
	const struct perf_gap_count *gap_counts; /* of a slice, during the callback */
	size_t num_gap_counts;
	bool verify;
	uint64_t checked, mismatches; /* blocks */
	uint64_t first_lba;
	uint32_t first_offset;
	uint8_t first_expected, first_found;
	char first_reason[96];
	char error[PERF_ERROR_MAX]; /* why it ended early, "" if it did not */
};

struct perf_job;

/* Called on the app thread. */
typedef void (*perf_started_fn)(void *ctx, int rc, const char *error);
typedef void (*perf_result_fn)(void *ctx, const struct perf_result *result);

/** Names of workloads and phases; NULL out of range. */
const char *perf_workload_name(enum perf_workload workload);
const char *perf_phase_name(enum perf_phase phase);

/** Create job number `id` and start it: `started` says whether its device could be opened and its
 *  memory had (then the job is gone), and `ended` is called once when a job that was started has
 *  ended by itself or after perf_job_stop(), with its final figures; the job is gone afterwards.
 * App thread. Returns 0, -ENOMEM. */
int perf_job_start(uint32_t id, const struct perf_params *params, perf_started_fn started,
                   perf_result_fn ended, void *ctx, struct perf_job **job);

/** Ask for its figures so far; with `slice`, have those of the run begin anew (what failed and what
 *  was verified are counted on). App thread; not after `ended`. Returns 0 or -ENOMEM. */
int perf_job_peek(struct perf_job *job, bool slice, perf_result_fn fn, void *ctx);

/** Have it end: no new I/O, `ended` when what is under way has completed. App thread. */
void perf_job_stop(struct perf_job *job);

#endif
