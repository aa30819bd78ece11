/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "perf_internal.h"

#include "spdk/string.h"

static void
job_bdev_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct perf_job *job = ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		perf_job_fail(job, "%s was removed", job->params.bdev);
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
	if (job->ios == NULL || job->histogram == NULL || job->buffers == NULL ||
	    (job->params.gaps && perf_gaps_init(&job->gaps) != 0)) {
		perf_job_fail(
			job,
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
		perf_job_fail(job,
		              "%s has %" PRIu64 " pieces of %u bytes, more than the %u that can be "
		              "verified: use larger I/O",
		              job->params.bdev, job->num_slots, job->params.io_size,
		              PERF_VERIFY_MAX_SLOTS);
		return rc;
	}
	job->busy = calloc(job->num_slots / 64 + 1, sizeof(*job->busy));
	if (rc != 0 || job->busy == NULL) {
		perf_job_fail(job, "no memory to remember what was written");
		return -ENOMEM;
	}
	return 0;
}

static int
job_open(struct perf_job *job)
{
	bool write = job->params.verify || !perf_job_only_reads(job);
	struct spdk_bdev *bdev;
	uint32_t block_size;
	int rc;

	rc = spdk_bdev_open_ext(job->params.bdev, write, job_bdev_event, job, &job->desc);
	if (rc != 0) {
		perf_job_fail(job, "bdev %s cannot be opened: %s", job->params.bdev,
		              rc == -ENODEV ? "there is none of that name" : spdk_strerror(-rc));
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(job->desc);
	block_size = spdk_bdev_get_block_size(bdev);
	if (job->params.io_size % block_size != 0) {
		perf_job_fail(job, "I/O of %u bytes is no multiple of %s's blocks of %u",
		              job->params.io_size, job->params.bdev, block_size);
		return -EINVAL;
	}
	if (!spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_READ) ||
	    (write && !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE))) {
		perf_job_fail(job, "%s cannot %s", job->params.bdev,
		              write ? "be written" : "be read");
		return -ENOTSUP;
	}
	job->io_blocks = job->params.io_size / block_size;
	job->num_slots = spdk_bdev_get_num_blocks(bdev) / job->io_blocks;
	if (job->num_slots < job->params.queue_depth) {
		perf_job_fail(job,
		              "%s has room for %" PRIu64
		              " I/Os of %u bytes, fewer than the queue depth",
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
			perf_job_fail(job, "no I/O channel for %s", job->params.bdev);
			rc = -ENOMEM;
		}
	}
	return rc;
}

static void
job_send_started(void *ctx)
{
	struct perf_job *job = ctx;

	job->started(job->ctx, job->start_rc, job->error);
	if (job->start_rc != 0) {
		spdk_thread_send_msg(job->thread, perf_job_exit, job);
	}
}

static void
job_start_msg(void *ctx)
{
	struct perf_job *job = ctx;

	job->start_rc = job_open(job);
	if (job->start_rc != 0) {
		perf_job_release(job);
	}
	spdk_thread_send_msg(spdk_thread_get_app_thread(), job_send_started, job);
	if (job->start_rc == 0) {
		perf_job_begin_phase(job, job->params.verify && perf_job_only_reads(job)
		                                  ? PERF_PREFILL
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
