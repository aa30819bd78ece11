/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "perf_internal.h"

#include "spdk/likely.h"
#include "spdk/string.h"

static void job_submit(struct perf_io *io);
static void job_phase_ended(struct perf_job *job);

static bool
job_is_random(const struct perf_job *job)
{
	return job->params.workload == PERF_RANDREAD || job->params.workload == PERF_RANDWRITE ||
	       job->params.workload == PERF_RANDRW;
}

/* xorshift64*: the upper bits are good ones. */
static uint64_t
job_random(struct perf_job *job)
{
	job->rng ^= job->rng >> 12;
	job->rng ^= job->rng << 25;
	job->rng ^= job->rng >> 27;
	return job->rng * 0x2545f4914f6cdd1dull;
}

/* --- which slot, which way -------------------------------------------------------------------- */

static bool
slot_take(struct perf_job *job, uint64_t slot)
{
	uint64_t bit = 1ull << (slot % 64);

	if (job->busy == NULL) {
		return true;
	}
	if (job->busy[slot / 64] & bit) {
		return false;
	}
	job->busy[slot / 64] |= bit;
	return true;
}

static void
slot_give(struct perf_job *job, uint64_t slot)
{
	if (job->busy != NULL) {
		job->busy[slot / 64] &= ~(1ull << (slot % 64));
	}
}

/* There are more slots than I/Os: one is always free. */
static uint64_t
pick_slot(struct perf_job *job)
{
	uint64_t slot;

	if (job_is_random(job)) {
		slot = (uint64_t)(((unsigned __int128)job_random(job) * job->num_slots) >> 64);
	} else {
		slot = job->next_slot;
	}
	while (!slot_take(job, slot)) {
		slot = slot + 1 < job->num_slots ? slot + 1 : 0;
	}
	if (!job_is_random(job)) {
		job->next_slot = slot + 1 < job->num_slots ? slot + 1 : 0;
	}
	return slot;
}

static bool
pick_direction(struct perf_job *job, uint64_t slot)
{
	switch (job->params.workload) {
	case PERF_READ:
	case PERF_RANDREAD:
		return false;
	case PERF_WRITE:
	case PERF_RANDWRITE:
		return true;
	default:
		/* There is nothing to check in what this job did not write. */
		return (job->params.verify && !perf_verify_known(&job->verify, slot)) ||
		       job_random(job) % 100 >= job->params.rwmixread;
	}
}

/* The next I/O of the phase. Returns false when the phase has none left. */
static bool
pick(struct perf_job *job, struct perf_io *io)
{
	if (job->stopping || job->phase == PERF_DONE) {
		return false;
	}
	if (job->phase == PERF_RUN) {
		if (job->run_end_tsc != 0) {
			return false;
		}
		io->slot = pick_slot(job);
		io->is_write = pick_direction(job, io->slot);
		return true;
	}
	while (job->next_slot < job->num_slots) {
		io->slot = job->next_slot++;
		io->is_write = job->phase == PERF_PREFILL;
		if (io->is_write || perf_verify_known(&job->verify, io->slot)) {
			return true;
		}
	}
	return false;
}

/* --- I/O -------------------------------------------------------------------------------------- */

void
perf_job_fail(struct perf_job *job, const char *format, ...)
{
	va_list args;

	if (job->error[0] == '\0') {
		va_start(args, format);
		vsnprintf(job->error, sizeof(job->error), format, args);
		va_end(args);
	}
	job->stopping = true;
}

static void
job_io_done(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_io *io = arg;
	struct perf_job *job = io->job;
	uint64_t now = spdk_get_ticks(), latency = now - io->submit_tsc;

	spdk_bdev_free_io(bdev_io);
	job->outstanding--;
	if (spdk_unlikely(!success)) {
		job->num_errors++;
	} else if (job->phase == PERF_RUN) {
		job->num_ios++;
		job->latency_sum += latency;
		job->latency_max = spdk_max(job->latency_max, latency);
		spdk_histogram_data_tally(job->histogram, latency);
	}
	if (job->phase == PERF_RUN && job->run_end_tsc == 0) {
		job->longest_gap = spdk_max(job->longest_gap, now - job->last_completion_tsc);
		if (job->params.gaps) {
			perf_gaps_tally(&job->gaps, now - job->last_completion_tsc);
		}
		job->last_completion_tsc = now;
	}
	if (job->params.verify) {
		if (io->is_write) {
			perf_verify_written(&job->verify, io->slot, success);
		} else if (success) {
			perf_verify_check(&job->verify, io->slot, io->buf);
		}
		slot_give(job, io->slot);
	}
	job_submit(io);
}

static void
job_io_retry(void *arg)
{
	struct perf_io *io = arg;
	struct perf_job *job = io->job;
	uint64_t offset = io->slot * job->io_blocks;
	int rc;

	if (io->is_write) {
		rc = spdk_bdev_write_blocks(job->desc, job->ch, io->buf, offset, job->io_blocks,
		                            job_io_done, io);
	} else {
		rc = spdk_bdev_read_blocks(job->desc, job->ch, io->buf, offset, job->io_blocks,
		                           job_io_done, io);
	}
	if (spdk_likely(rc == 0)) {
		return;
	}
	if (rc == -ENOMEM) {
		io->wait.bdev = spdk_bdev_desc_get_bdev(job->desc);
		io->wait.cb_fn = job_io_retry;
		io->wait.cb_arg = io;
		rc = spdk_bdev_queue_io_wait(io->wait.bdev, job->ch, &io->wait);
		if (rc == 0) {
			return;
		}
	}
	perf_job_fail(job, "%s of block %" PRIu64 " cannot be submitted: %s",
	              io->is_write ? "write" : "read", offset, spdk_strerror(-rc));
	job->num_errors++;
	job->outstanding--;
	slot_give(job, io->slot);
	if (job->outstanding == 0) {
		job_phase_ended(job);
	}
}

static void
job_submit(struct perf_io *io)
{
	struct perf_job *job = io->job;

	if (!pick(job, io)) {
		if (job->outstanding == 0) {
			job_phase_ended(job);
		}
		return;
	}
	if (job->params.verify && io->is_write) {
		perf_verify_fill(&job->verify, io->slot, io->buf);
	}
	job->outstanding++;
	io->submit_tsc = spdk_get_ticks();
	job_io_retry(io);
}

/* --- phases ----------------------------------------------------------------------------------- */

/* The app thread has heard of the end: whatever it asked for earlier has been answered by now. */
void
perf_job_exit(void *ctx)
{
	struct perf_job *job = ctx;

	spdk_thread_exit(job->thread);
	free(job);
}

static void
job_send_end(void *ctx)
{
	struct perf_job *job = ctx;

	job->ended(job->ctx, &job->result);
	spdk_thread_send_msg(job->thread, perf_job_exit, job);
}

/* On the job's thread: give everything back. The structure and the thread stay until the app thread
 * knows, so that what it asks meanwhile finds them. */
void
perf_job_release(struct perf_job *job)
{
	spdk_poller_unregister(&job->timer);
	if (job->ch != NULL) {
		spdk_put_io_channel(job->ch);
		job->ch = NULL;
	}
	if (job->desc != NULL) {
		spdk_bdev_close(job->desc);
		job->desc = NULL;
	}
	spdk_free(job->buffers);
	free(job->ios);
	free(job->busy);
	perf_verify_fini(&job->verify);
	spdk_histogram_data_free(job->histogram);
	perf_gaps_fini(&job->gaps);
}

static void
job_end(struct perf_job *job)
{
	job->phase = PERF_DONE;
	perf_job_result(job, &job->result);
	perf_job_release(job);
	spdk_thread_send_msg(spdk_thread_get_app_thread(), job_send_end, job);
}

static int
job_time_over(void *ctx)
{
	struct perf_job *job = ctx;

	spdk_poller_unregister(&job->timer);
	if (job->run_end_tsc == 0) {
		job->run_end_tsc = spdk_get_ticks();
		/* A gap that is still open at the end is as long as it has lasted. */
		job->longest_gap =
			spdk_max(job->longest_gap, job->run_end_tsc - job->last_completion_tsc);
	}
	return SPDK_POLLER_BUSY;
}

void
perf_job_begin_phase(struct perf_job *job, enum perf_phase phase)
{
	uint32_t i;

	job->phase = phase;
	job->next_slot = 0;
	if (phase == PERF_RUN) {
		job->timer = SPDK_POLLER_REGISTER(job_time_over, job, job->params.time_ms * 1000);
		if (job->timer == NULL) {
			perf_job_fail(job, "no memory for a timer");
		}
		if (job->params.gaps) {
			perf_gaps_mark(&job->gaps);
		}
		job->run_begin_tsc = job->last_completion_tsc = spdk_get_ticks();
	}
	/* The first ones may find nothing to do and end the phase: hold it open meanwhile. */
	job->outstanding++;
	for (i = 0; i < job->depth; i++) {
		job_submit(&job->ios[i]);
	}
	job->outstanding--;
	if (job->outstanding == 0) {
		job_phase_ended(job);
	}
}

/* Nothing is under way any more. */
static void
job_phase_ended(struct perf_job *job)
{
	if (job->phase == PERF_RUN && job->run_end_tsc == 0) {
		job->run_end_tsc = spdk_get_ticks();
	}
	if (job->stopping) {
		job_end(job);
	} else if (job->phase == PERF_PREFILL) {
		perf_job_begin_phase(job, PERF_RUN);
	} else if (job->phase == PERF_RUN && job->params.verify && !perf_job_only_reads(job)) {
		perf_job_begin_phase(job, PERF_READBACK);
	} else {
		job_end(job);
	}
}

static void
job_stop_msg(void *ctx)
{
	struct perf_job *job = ctx;

	/* It may have ended, with the news still on its way to the app thread. */
	if (job->phase != PERF_DONE) {
		job->stopping = true;
		if (job->phase == PERF_RUN) {
			job_time_over(job);
		}
	}
}

void
perf_job_stop(struct perf_job *job)
{
	spdk_thread_send_msg(job->thread, job_stop_msg, job);
}
