/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "perf_internal.h"

static const char *const workload_names[] = {
	[PERF_READ] = "read",           [PERF_WRITE] = "write", [PERF_RANDREAD] = "randread",
	[PERF_RANDWRITE] = "randwrite", [PERF_RW] = "rw",       [PERF_RANDRW] = "randrw",
};
static const char *const phase_names[] = {
	[PERF_PREFILL] = "prefill",
	[PERF_RUN] = "run",
	[PERF_READBACK] = "readback",
	[PERF_DONE] = "done",
};

const char *
perf_workload_name(enum perf_workload workload)
{
	return (size_t)workload < SPDK_COUNTOF(workload_names) ? workload_names[workload] : NULL;
}

const char *
perf_phase_name(enum perf_phase phase)
{
	return (size_t)phase < SPDK_COUNTOF(phase_names) ? phase_names[phase] : NULL;
}

/* --- figures ---------------------------------------------------------------------------------- */

void
perf_job_result(const struct perf_job *job, struct perf_result *result)
{
	static const double shares[] = { 0.50, 0.99, 0.999 };
	uint64_t ticks[SPDK_COUNTOF(shares)] = { 0 }, end, gap = job->longest_gap;
	double us = 1e6 / (double)spdk_get_ticks_hz();

	memset(result, 0, sizeof(*result));
	result->phase = job->phase;
	result->errors = job->num_errors;
	snprintf(result->error, sizeof(result->error), "%s", job->error);
	if (job->run_begin_tsc != 0) {
		end = job->run_end_tsc != 0 ? job->run_end_tsc : spdk_get_ticks();
		result->elapsed_us = (uint64_t)((double)(end - job->run_begin_tsc) * us);
		/* The gap that is open now counts too: a device that hangs shows while it hangs. */
		if (job->run_end_tsc == 0 && end > job->last_completion_tsc) {
			gap = spdk_max(gap, end - job->last_completion_tsc);
		}
	}
	result->ios = job->num_ios;
	result->bytes = job->num_ios * job->params.io_size;
	if (job->num_ios > 0) {
		perf_quantiles(job->histogram, shares, ticks, SPDK_COUNTOF(shares));
		result->latency_avg_us = (double)job->latency_sum / (double)job->num_ios * us;
		result->latency_max_us = (double)job->latency_max * us;
		/* A bucket's end may lie beyond the largest value that was seen. */
		result->latency_p50_us = (double)spdk_min(ticks[0], job->latency_max) * us;
		result->latency_p99_us = (double)spdk_min(ticks[1], job->latency_max) * us;
		result->latency_p99_9_us = (double)spdk_min(ticks[2], job->latency_max) * us;
	}
	result->longest_gap_us = (double)gap * us;
	result->gaps = job->params.gaps;
	if (result->gaps) {
		perf_gaps_figures(&job->gaps, &result->wall_gaps, &result->on_cpu_gaps);
	}
	result->verify = job->params.verify;
	result->checked = job->verify.checked;
	result->mismatches = job->verify.mismatches;
	result->first_lba = job->verify.first.lba;
	result->first_offset = job->verify.first.offset;
	result->first_expected = job->verify.first.expected;
	result->first_found = job->verify.first.found;
	memcpy(result->first_reason, job->verify.first.reason, sizeof(result->first_reason));
}

void
perf_job_reset(struct perf_job *job)
{
	/* Before the run there is nothing to begin anew. */
	if (job->phase != PERF_RUN || job->run_end_tsc != 0) {
		return;
	}
	job->run_begin_tsc = spdk_get_ticks();
	job->num_ios = 0;
	job->latency_sum = job->latency_max = 0;
	job->longest_gap = 0;
	spdk_histogram_data_reset(job->histogram);
	if (job->params.gaps) {
		perf_gaps_reset(&job->gaps);
	}
}

/* --- figures for others ----------------------------------------------------------------------- */

struct peek {
	struct perf_job *job;
	bool slice;
	struct perf_result result;
	perf_result_fn fn;
	void *ctx;
	struct perf_gap_count *gap_counts;
};

static void
peek_deliver(void *ctx)
{
	struct peek *peek = ctx;

	peek->fn(peek->ctx, &peek->result);
	free(peek->gap_counts);
	free(peek);
}

static void
peek_take(void *ctx)
{
	struct peek *peek = ctx;

	/* An ended job has its figures ready; what they were made from is gone. */
	if (peek->job->phase == PERF_DONE) {
		peek->result = peek->job->result;
	} else {
		perf_job_result(peek->job, &peek->result);
		if (peek->slice && peek->result.gaps) {
			peek->gap_counts =
				perf_gaps_counts(&peek->job->gaps, &peek->result.num_gap_counts);
			peek->result.gap_counts = peek->gap_counts;
		}
		if (peek->slice) {
			perf_job_reset(peek->job);
		}
	}
	spdk_thread_send_msg(spdk_thread_get_app_thread(), peek_deliver, peek);
}

int
perf_job_peek(struct perf_job *job, bool slice, perf_result_fn fn, void *ctx)
{
	struct peek *peek = calloc(1, sizeof(*peek));

	if (peek == NULL) {
		return -ENOMEM;
	}
	peek->job = job;
	peek->slice = slice;
	peek->fn = fn;
	peek->ctx = ctx;
	spdk_thread_send_msg(job->thread, peek_take, peek);
	return 0;
}
