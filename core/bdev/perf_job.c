/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "perf.h"
#include "perf_verify.h"

#include "spdk/bdev.h"
#include "spdk/env.h"
#include "spdk/histogram_data.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
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

	uint64_t run_begin_tsc;
	uint64_t run_end_tsc;
	uint64_t last_completion_tsc;
	uint64_t longest_gap;
	uint64_t num_ios;
	uint64_t num_errors;
	uint64_t latency_sum;
	uint64_t latency_max;
	struct spdk_histogram_data *histogram;
	int start_rc;
	char error[PERF_ERROR_MAX];
	struct perf_result result; /* final, on its way to the app thread */
};

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

static void job_submit(struct perf_io *io);
static void job_phase_ended(struct perf_job *job);

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

static bool
job_is_random(const struct perf_job *job)
{
	return job->params.workload == PERF_RANDREAD || job->params.workload == PERF_RANDWRITE ||
	       job->params.workload == PERF_RANDRW;
}

static bool
job_only_reads(const struct perf_job *job)
{
	return job->params.workload == PERF_READ || job->params.workload == PERF_RANDREAD;
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

/* --- figures -------------------------------------------------------------------------------------
 */

struct quantiles {
	const double *shares;
	uint64_t *ticks;
	size_t count;
	size_t next;
};

static void
take_quantiles(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total,
               uint64_t so_far)
{
	struct quantiles *q = ctx;

	while (q->next < q->count && count > 0 &&
	       (double)so_far >= q->shares[q->next] * (double)total) {
		q->ticks[q->next++] = end;
	}
}

static void
job_result(const struct perf_job *job, struct perf_result *result)
{
	static const double shares[] = { 0.50, 0.99, 0.999 };
	uint64_t ticks[SPDK_COUNTOF(shares)] = { 0 }, end, gap = job->longest_gap;
	struct quantiles q = { shares, ticks, SPDK_COUNTOF(shares), 0 };
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
		spdk_histogram_data_iterate(job->histogram, take_quantiles, &q);
		result->latency_avg_us = (double)job->latency_sum / (double)job->num_ios * us;
		result->latency_max_us = (double)job->latency_max * us;
		/* A bucket's end may lie beyond the largest value that was seen. */
		result->latency_p50_us = (double)spdk_min(ticks[0], job->latency_max) * us;
		result->latency_p99_us = (double)spdk_min(ticks[1], job->latency_max) * us;
		result->latency_p99_9_us = (double)spdk_min(ticks[2], job->latency_max) * us;
	}
	result->longest_gap_us = (double)gap * us;
	result->verify = job->params.verify;
	result->checked = job->verify.checked;
	result->mismatches = job->verify.mismatches;
	result->first_lba = job->verify.first.lba;
	result->first_offset = job->verify.first.offset;
	result->first_expected = job->verify.first.expected;
	result->first_found = job->verify.first.found;
	memcpy(result->first_reason, job->verify.first.reason, sizeof(result->first_reason));
}

/* --- which slot, which way -----------------------------------------------------------------------
 */

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

/* --- I/O -----------------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void
job_fail(struct perf_job *job, const char *format, ...)
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
	job_fail(job, "%s of block %" PRIu64 " cannot be submitted: %s",
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

/* --- phases --------------------------------------------------------------------------------------
 */

/* The app thread has heard of the end: whatever it asked for earlier has been answered by now. */
static void
job_exit(void *ctx)
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
	spdk_thread_send_msg(job->thread, job_exit, job);
}

static void
job_send_started(void *ctx)
{
	struct perf_job *job = ctx;

	job->started(job->ctx, job->start_rc, job->error);
	if (job->start_rc != 0) {
		spdk_thread_send_msg(job->thread, job_exit, job);
	}
}

/* On the job's thread: give everything back. The structure and the thread stay until the app thread
 * knows, so that what it asks meanwhile finds them. */
static void
job_release(struct perf_job *job)
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
}

static void
job_end(struct perf_job *job)
{
	job->phase = PERF_DONE;
	job_result(job, &job->result);
	job_release(job);
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

static void
job_begin_phase(struct perf_job *job, enum perf_phase phase)
{
	uint32_t i;

	job->phase = phase;
	job->next_slot = 0;
	if (phase == PERF_RUN) {
		job->timer = SPDK_POLLER_REGISTER(job_time_over, job, job->params.time_ms * 1000);
		if (job->timer == NULL) {
			job_fail(job, "no memory for a timer");
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
		job_begin_phase(job, PERF_RUN);
	} else if (job->phase == PERF_RUN && job->params.verify && !job_only_reads(job)) {
		job_begin_phase(job, PERF_READBACK);
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

/* --- start ---------------------------------------------------------------------------------------
 */

static void
job_bdev_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct perf_job *job = ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		job_fail(job, "%s was removed", job->params.bdev);
	}
}

static int
job_get_memory(struct perf_job *job, struct spdk_bdev *bdev)
{
	size_t align = spdk_max(spdk_bdev_get_buf_align(bdev), (size_t)4096);
	size_t stride = SPDK_ALIGN_CEIL((size_t)job->params.io_size, align);
	uint64_t random = job->rng;
	uint64_t *word;
	size_t i;

	job->depth = job->params.queue_depth;
	job->ios = calloc(job->depth, sizeof(*job->ios));
	job->histogram = spdk_histogram_data_alloc();
	job->buffers = spdk_zmalloc(stride * job->depth, align, NULL, SPDK_ENV_NUMA_ID_ANY,
	                            SPDK_MALLOC_DMA);
	if (job->ios == NULL || job->histogram == NULL || job->buffers == NULL) {
		job_fail(job,
		         "no memory for %u buffers of %u bytes: lower the queue depth or the I/O "
		         "size, or start the primary with more (-s)",
		         job->depth, job->params.io_size);
		return -ENOMEM;
	}
	/* Not zeroes: a device may treat them specially. */
	for (word = job->buffers, i = 0; i < stride * job->depth / sizeof(*word); i++) {
		word[i] = random += 0x9e3779b97f4a7c15ull;
	}
	for (i = 0; i < job->depth; i++) {
		job->ios[i].job = job;
		job->ios[i].buf = (uint8_t *)job->buffers + i * stride;
	}
	return 0;
}

static int
job_prepare_verify(struct perf_job *job, uint32_t block_size)
{
	int rc = perf_verify_init(&job->verify, job->rng, block_size, job->io_blocks,
	                          job->num_slots);

	if (rc == -EFBIG) {
		job_fail(job,
		         "%s has %" PRIu64 " pieces of %u bytes, more than the %u that can be "
		         "verified: use larger I/O",
		         job->params.bdev, job->num_slots, job->params.io_size,
		         PERF_VERIFY_MAX_SLOTS);
		return rc;
	}
	job->busy = calloc(job->num_slots / 64 + 1, sizeof(*job->busy));
	if (rc != 0 || job->busy == NULL) {
		job_fail(job, "no memory to remember what was written");
		return -ENOMEM;
	}
	return 0;
}

static int
job_open(struct perf_job *job)
{
	bool write = job->params.verify || !job_only_reads(job);
	struct spdk_bdev *bdev;
	uint32_t block_size;
	int rc;

	rc = spdk_bdev_open_ext(job->params.bdev, write, job_bdev_event, job, &job->desc);
	if (rc != 0) {
		job_fail(job, "bdev %s cannot be opened: %s", job->params.bdev,
		         rc == -ENODEV ? "there is none of that name" : spdk_strerror(-rc));
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(job->desc);
	block_size = spdk_bdev_get_block_size(bdev);
	if (job->params.io_size % block_size != 0) {
		job_fail(job, "I/O of %u bytes is no multiple of %s's blocks of %u",
		         job->params.io_size, job->params.bdev, block_size);
		return -EINVAL;
	}
	if (!spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_READ) ||
	    (write && !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE))) {
		job_fail(job, "%s cannot %s", job->params.bdev, write ? "be written" : "be read");
		return -ENOTSUP;
	}
	job->io_blocks = job->params.io_size / block_size;
	job->num_slots = spdk_bdev_get_num_blocks(bdev) / job->io_blocks;
	if (job->num_slots < job->params.queue_depth) {
		job_fail(job,
		         "%s has room for %" PRIu64 " I/Os of %u bytes, fewer than the queue depth",
		         job->params.bdev, job->num_slots, job->params.io_size);
		return -EINVAL;
	}
	rc = job->params.verify ? job_prepare_verify(job, block_size) : 0;
	if (rc == 0) {
		rc = job_get_memory(job, bdev);
	}
	if (rc == 0) {
		job->ch = spdk_bdev_get_io_channel(job->desc);
		if (job->ch == NULL) {
			job_fail(job, "no I/O channel for %s", job->params.bdev);
			rc = -ENOMEM;
		}
	}
	return rc;
}

static void
job_start_msg(void *ctx)
{
	struct perf_job *job = ctx;

	job->start_rc = job_open(job);
	if (job->start_rc != 0) {
		job_release(job);
	}
	spdk_thread_send_msg(spdk_thread_get_app_thread(), job_send_started, job);
	if (job->start_rc == 0) {
		job_begin_phase(job, job->params.verify && job_only_reads(job) ? PERF_PREFILL
		                                                               : PERF_RUN);
	}
}

int
perf_job_start(uint32_t id, const struct perf_params *params, perf_started_fn started,
               perf_result_fn ended, void *ctx, struct perf_job **out)
{
	struct perf_job *job = calloc(1, sizeof(*job));
	char name[32];

	if (job == NULL) {
		return -ENOMEM;
	}
	job->params = *params;
	job->id = id;
	job->started = started;
	job->ended = ended;
	job->ctx = ctx;
	/* Never 0, and another one each time: blocks of an earlier job must not pass for ours. */
	job->rng = (spdk_get_ticks() * 0x9e3779b97f4a7c15ull) ^ ((uint64_t)id << 32) ^ 1;
	job->rng = job->rng != 0 ? job->rng : 1;
	snprintf(name, sizeof(name), "perf_%u", id);
	job->thread = spdk_thread_create(name, NULL);
	if (job->thread == NULL) {
		free(job);
		return -ENOMEM;
	}
	*out = job;
	spdk_thread_send_msg(job->thread, job_start_msg, job);
	return 0;
}

/* --- figures for others
 * --------------------------------------------------------------------------- */

struct peek {
	struct perf_job *job;
	struct perf_result result;
	perf_result_fn fn;
	void *ctx;
};

static void
peek_deliver(void *ctx)
{
	struct peek *peek = ctx;

	peek->fn(peek->ctx, &peek->result);
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
		job_result(peek->job, &peek->result);
	}
	spdk_thread_send_msg(spdk_thread_get_app_thread(), peek_deliver, peek);
}

int
perf_job_peek(struct perf_job *job, perf_result_fn fn, void *ctx)
{
	struct peek *peek = calloc(1, sizeof(*peek));

	if (peek == NULL) {
		return -ENOMEM;
	}
	peek->job = job;
	peek->fn = fn;
	peek->ctx = ctx;
	spdk_thread_send_msg(job->thread, peek_take, peek);
	return 0;
}
