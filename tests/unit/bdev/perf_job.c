/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Jobs of the load generator on a block device made of memory that does what it is told: complete
 * late, fail, run out of memory, lose a write, flip a byte, go away. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include <sys/syscall.h>
#include <time.h>

#include "core/bdev/perf.h"
#include "spdk/bdev.h"

#define BLOCK  512u
#define BLOCKS 1024u

struct fake_io {
	bool is_write;
	void *buf;
	uint64_t offset, count;
	spdk_bdev_io_completion_cb cb;
	void *arg;
	bool success;
};

static struct {
	uint8_t data[BLOCKS][BLOCK];
	struct fake_io pending[64];
	unsigned num_pending, max_pending;
	unsigned opens, channels;
	uint64_t reads, writes;
	spdk_bdev_event_cb_t event_cb;
	void *event_arg;
	struct spdk_bdev_io_wait_entry *waiting;
	bool overlap;
	/* Faults: at the N-th write or read from 1, 0 for never. */
	uint64_t lose_write, flip_read, fail_write, nomem_write, bad_submit;
	int open_rc;
} dev;

static struct spdk_thread *g_threads[8];
static int g_num_threads;

static int
new_thread(struct spdk_thread *thread)
{
	g_threads[g_num_threads++] = thread;
	return 0;
}

/* --- the clock of on-CPU time
 * --------------------------------------------------------------------- */

static uint64_t g_on_cpu_ns;
static bool g_gaps;

/* The library's reads the OS thread's CPU time with it. */
int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_THREAD_CPUTIME_ID) {
		return (int)syscall(SYS_clock_gettime, clock, ts);
	}
	ts->tv_sec = (time_t)(g_on_cpu_ns / 1000000000);
	ts->tv_nsec = (long)(g_on_cpu_ns % 1000000000);
	return 0;
}

/* --- the device ------------------------------------------------------------------------------- */

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	void *buf = aligned_alloc(align, size);

	return buf != NULL ? memset(buf, 0, size) : NULL;
}

void
spdk_free(void *buf)
{
	free(buf);
}

int
spdk_bdev_open_ext(const char *name, bool write, spdk_bdev_event_cb_t cb, void *ctx,
                   struct spdk_bdev_desc **desc)
{
	if (dev.open_rc != 0) {
		return dev.open_rc;
	}
	dev.opens++;
	dev.event_cb = cb;
	dev.event_arg = ctx;
	*desc = (struct spdk_bdev_desc *)&dev;
	return 0;
}

void
spdk_bdev_close(struct spdk_bdev_desc *desc)
{
	dev.opens--;
}

struct spdk_bdev *
spdk_bdev_desc_get_bdev(struct spdk_bdev_desc *desc)
{
	return (struct spdk_bdev *)&dev;
}

uint32_t
spdk_bdev_get_block_size(const struct spdk_bdev *bdev)
{
	return BLOCK;
}

uint64_t
spdk_bdev_get_num_blocks(const struct spdk_bdev *bdev)
{
	return BLOCKS;
}

size_t
spdk_bdev_get_buf_align(const struct spdk_bdev *bdev)
{
	return 1;
}

bool
spdk_bdev_io_type_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type type)
{
	return true;
}

struct spdk_io_channel *
spdk_bdev_get_io_channel(struct spdk_bdev_desc *desc)
{
	return spdk_get_io_channel(&dev);
}

static int
channel_created(void *device, void *ctx)
{
	dev.channels++;
	return 0;
}

static void
channel_destroyed(void *device, void *ctx)
{
	dev.channels--;
}

static int
submit(bool is_write, void *buf, uint64_t offset, uint64_t count, spdk_bdev_io_completion_cb cb,
       void *arg)
{
	struct fake_io *io = &dev.pending[dev.num_pending];
	uint64_t number = is_write ? dev.writes + 1 : dev.reads + 1;
	unsigned i;

	if (is_write && number == dev.nomem_write) {
		dev.nomem_write = 0;
		return -ENOMEM;
	}
	if (is_write && number == dev.bad_submit) {
		return -EBADF;
	}
	for (i = 0; i < dev.num_pending; i++) {
		dev.overlap |= offset < dev.pending[i].offset + dev.pending[i].count &&
		               dev.pending[i].offset < offset + count;
	}
	if (offset + count > BLOCKS || dev.num_pending == 64) {
		return -EINVAL;
	}
	*io = (struct fake_io){ is_write, buf, offset, count, cb, arg, true };
	if (is_write) {
		dev.writes++;
		io->success = number != dev.fail_write;
		if (io->success && number != dev.lose_write) {
			memcpy(dev.data[offset], buf, count * BLOCK);
		}
	} else {
		dev.reads++;
		memcpy(buf, dev.data[offset], count * BLOCK);
		if (number == dev.flip_read) {
			((uint8_t *)buf)[100] ^= 0x40;
		}
	}
	dev.num_pending++;
	dev.max_pending = dev.num_pending > dev.max_pending ? dev.num_pending : dev.max_pending;
	return 0;
}

int
spdk_bdev_write_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                       uint64_t offset, uint64_t count, spdk_bdev_io_completion_cb cb, void *arg)
{
	return submit(true, buf, offset, count, cb, arg);
}

int
spdk_bdev_read_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                      uint64_t offset, uint64_t count, spdk_bdev_io_completion_cb cb, void *arg)
{
	return submit(false, buf, offset, count, cb, arg);
}

int
spdk_bdev_queue_io_wait(struct spdk_bdev *bdev, struct spdk_io_channel *ch,
                        struct spdk_bdev_io_wait_entry *entry)
{
	dev.waiting = entry;
	return 0;
}

void
spdk_bdev_free_io(struct spdk_bdev_io *io)
{
}

/* Complete the newest one that is under way, each a microsecond after the one before. */
static void
complete_one(void)
{
	struct fake_io io = dev.pending[--dev.num_pending];

	fake_delay_us(1);
	spdk_set_thread(g_threads[1]);
	io.cb(NULL, io.success, io.arg);
	spdk_set_thread(NULL);
}

/* --- running a job ---------------------------------------------------------------------------- */

static struct {
	int started_rc;
	bool started, ended, peeked;
	uint64_t gap_counts, gap_max;
	char error[PERF_ERROR_MAX];
	struct perf_result result;
} got;

static void
on_started(void *ctx, int rc, const char *error)
{
	got.started = true;
	got.started_rc = rc;
	snprintf(got.error, sizeof(got.error), "%s", error);
	CHECK(spdk_get_thread() == g_threads[0]);
}

static void
on_ended(void *ctx, const struct perf_result *result)
{
	got.ended = true;
	got.result = *result;
	CHECK(spdk_get_thread() == g_threads[0]);
}

static void
on_peeked(void *ctx, const struct perf_result *result)
{
	size_t i;

	got.peeked = true;
	got.result = *result;
	for (i = 0; i < result->num_gap_counts; i++) {
		CHECK(i == 0 || result->gap_counts[i].ns > result->gap_counts[i - 1].ns);
		got.gap_counts += result->gap_counts[i].count;
		got.gap_max = result->gap_counts[i].ns;
	}
}

static void
settle(void)
{
	fake_poll_all(g_threads, g_num_threads);
}

static struct perf_job *
begin(enum perf_workload workload, uint32_t depth, bool verify)
{
	struct perf_params params = {
		.bdev = "Fake0",
		.workload = workload,
		.queue_depth = depth,
		.io_size = 2 * BLOCK,
		.time_ms = 2,
		.rwmixread = 50,
		.verify = verify,
		.gaps = g_gaps,
	};
	struct perf_job *job = NULL;

	memset(&got, 0, sizeof(got));
	dev.reads = dev.writes = 0;
	dev.max_pending = 0;
	spdk_set_thread(g_threads[0]);
	REQUIRE(perf_job_start(1, &params, on_started, on_ended, NULL, &job) == 0);
	spdk_set_thread(NULL);
	settle();
	return job;
}

static void
run_to_end(void)
{
	unsigned turns = 0;

	while (!got.ended && turns++ < 1000000) {
		if (dev.num_pending > 0) {
			complete_one();
		} else if (dev.waiting != NULL) {
			struct spdk_bdev_io_wait_entry *entry = dev.waiting;

			dev.waiting = NULL;
			spdk_set_thread(g_threads[1]);
			entry->cb_fn(entry->cb_arg);
			spdk_set_thread(NULL);
		} else {
			fake_delay_us(10);
		}
		settle();
	}
	CHECK(got.ended);
	settle();
	/* Everything was given back, and its thread has exited. */
	CHECK_EQ(dev.opens, 0);
	CHECK_EQ(dev.channels, 0);
	CHECK_EQ(dev.num_pending, 0);
	REQUIRE(g_num_threads == 2);
	fake_delay_us(1000000);
	spdk_thread_poll(g_threads[1], 0, 0);
	CHECK(spdk_thread_is_exited(g_threads[1]));
	spdk_thread_destroy(g_threads[1]);
	g_num_threads = 1;
}

static int
setup(void)
{
	if (spdk_thread_lib_init(new_thread, 0) != 0 ||
	    spdk_thread_create("app_thread", NULL) == NULL) {
		return 1;
	}
	spdk_set_thread(g_threads[0]);
	spdk_io_device_register(&dev, channel_created, channel_destroyed, 8, "fake");
	spdk_set_thread(NULL);
	return 0;
}

static int
teardown(void)
{
	spdk_set_thread(g_threads[0]);
	spdk_io_device_unregister(&dev, NULL);
	spdk_set_thread(NULL);
	fake_thread_end(g_threads[0]);
	spdk_thread_lib_fini();
	return 0;
}

static void
reset(void)
{
	memset(&dev, 0, sizeof(dev));
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
every_workload_does_what_it_says(void)
{
	enum perf_workload workload;

	for (workload = 0; workload < PERF_NUM_WORKLOADS; workload++) {
		bool reads = workload != PERF_WRITE && workload != PERF_RANDWRITE;
		bool writes = workload != PERF_READ && workload != PERF_RANDREAD;

		reset();
		begin(workload, 8, false);
		CHECK(got.started && got.started_rc == 0);
		run_to_end();
		CHECK_EQ(dev.max_pending, 8);
		CHECK_EQ(dev.reads > 0, reads);
		CHECK_EQ(dev.writes > 0, writes);
		CHECK_EQ(got.result.ios, dev.reads + dev.writes);
		CHECK_EQ(got.result.bytes, got.result.ios * 2 * BLOCK);
		CHECK_EQ(got.result.errors, 0);
		CHECK_EQ(got.result.phase, PERF_DONE);
		CHECK(got.result.elapsed_us >= 2000 && got.result.elapsed_us < 2100);
		CHECK(got.result.latency_p50_us <= got.result.latency_p99_us);
		CHECK(got.result.latency_p99_us <= got.result.latency_max_us);
		CHECK_STR(got.result.error, "");
	}
}

static void
verify_reads_back_what_it_wrote_and_nothing_overlaps(void)
{
	reset();
	begin(PERF_RANDRW, 16, true);
	run_to_end();
	CHECK(!dev.overlap);
	CHECK(got.result.checked > 0);
	CHECK_EQ(got.result.mismatches, 0);
	/* The readback is not in the figures of the run. */
	CHECK(got.result.ios < dev.reads + dev.writes);
}

static void
verify_of_reads_writes_everything_first(void)
{
	reset();
	begin(PERF_RANDREAD, 4, true);
	run_to_end();
	CHECK_EQ(dev.writes, BLOCKS / 2);
	CHECK_EQ(got.result.ios, dev.reads);
	CHECK_EQ(got.result.checked, dev.reads * 2);
	CHECK_EQ(got.result.mismatches, 0);
}

static void
a_lost_write_is_found(void)
{
	reset();
	/* Late enough not to be written over: some 2,000 of them go round 512 slots. */
	dev.lose_write = 1900;
	begin(PERF_WRITE, 4, true);
	run_to_end();
	CHECK_EQ(got.result.errors, 0);
	CHECK_EQ(got.result.mismatches, 2);
	CHECK(strstr(got.result.first_reason, "stale") != NULL ||
	      strstr(got.result.first_reason, "no pattern") != NULL);
}

static void
a_flipped_byte_is_found(void)
{
	reset();
	dev.flip_read = 30;
	begin(PERF_RANDRW, 4, true);
	run_to_end();
	CHECK_EQ(got.result.mismatches, 1);
	CHECK_EQ(got.result.first_offset, 100);
	CHECK_EQ(got.result.first_expected ^ got.result.first_found, 0x40);
}

static void
a_failed_write_counts_as_an_error_only(void)
{
	reset();
	dev.fail_write = 20;
	begin(PERF_RANDWRITE, 4, true);
	run_to_end();
	CHECK_EQ(got.result.errors, 1);
	CHECK_EQ(got.result.mismatches, 0);
	CHECK_STR(got.result.error, "");
}

static void
enomem_waits_its_turn(void)
{
	reset();
	dev.nomem_write = 10;
	begin(PERF_WRITE, 4, false);
	run_to_end();
	CHECK_EQ(dev.nomem_write, 0);
	CHECK_EQ(got.result.errors, 0);
	CHECK(got.result.ios > 10);
}

static void
a_submission_that_is_refused_ends_the_job(void)
{
	reset();
	dev.bad_submit = 25;
	begin(PERF_WRITE, 4, true);
	run_to_end();
	CHECK(strstr(got.result.error, "cannot be submitted") != NULL);
	CHECK(got.result.errors > 0);
}

static void
a_removed_device_ends_the_job(void)
{
	reset();
	begin(PERF_RANDREAD, 4, false);
	complete_one();
	spdk_set_thread(g_threads[1]);
	dev.event_cb(SPDK_BDEV_EVENT_REMOVE, NULL, dev.event_arg);
	spdk_set_thread(NULL);
	run_to_end();
	CHECK(strstr(got.result.error, "Fake0 was removed") != NULL);
}

static void
figures_can_be_asked_for_and_a_hang_shows(void)
{
	struct perf_job *job;
	int i;

	reset();
	job = begin(PERF_RANDREAD, 4, false);
	for (i = 0; i < 10; i++) {
		complete_one();
	}
	fake_delay_us(700);
	spdk_set_thread(g_threads[0]);
	CHECK_EQ(perf_job_peek(job, false, on_peeked, NULL), 0);
	spdk_set_thread(NULL);
	settle();
	CHECK(got.peeked);
	CHECK_EQ(got.result.phase, PERF_RUN);
	CHECK_EQ(got.result.ios, 10);
	CHECK(got.result.longest_gap_us >= 700);
	run_to_end();
	CHECK(got.result.longest_gap_us >= 700);
}

static void
peek(struct perf_job *job, bool slice)
{
	got.peeked = false;
	got.gap_counts = 0;
	spdk_set_thread(g_threads[0]);
	CHECK_EQ(perf_job_peek(job, slice, on_peeked, NULL), 0);
	spdk_set_thread(NULL);
	settle();
	CHECK(got.peeked);
}

/* A completion, so many microseconds by the clock and on the CPU after the one before. */
static void
gap(uint64_t wall_us, uint64_t on_cpu_us)
{
	fake_delay_us(wall_us - 1);
	g_on_cpu_ns += on_cpu_us * 1000;
	complete_one();
	settle();
}

/* The end of its bucket; a tick of the fake clock is a microsecond. */
static bool
about(double value, double wanted)
{
	return value >= wanted && value <= wanted * (1 + 1.0 / 32) + 1.001;
}

static void
gaps_are_counted_by_the_clock_and_on_the_cpu(void)
{
	struct perf_job *job;
	int i;

	reset();
	g_gaps = true;
	job = begin(PERF_RANDREAD, 4, false);
	g_gaps = false;
	for (i = 0; i < 97; i++) {
		gap(10, 6);
	}
	gap(500, 3); /* the core was somebody else's */
	gap(40, 30);
	gap(100, 90);
	peek(job, false);
	CHECK(got.result.gaps);
	CHECK(about(got.result.wall_gaps.p50, 10));
	CHECK(about(got.result.wall_gaps.p99, 100));
	CHECK_EQ((int)(got.result.wall_gaps.max + 0.5), 500);
	CHECK(about(got.result.on_cpu_gaps.p50, 6));
	CHECK(about(got.result.on_cpu_gaps.p99, 30));
	CHECK(about(got.result.on_cpu_gaps.p99_99, 90));
	CHECK_EQ((int)(got.result.on_cpu_gaps.max + 0.5), 90);
	run_to_end();
	begin(PERF_RANDREAD, 4, false);
	run_to_end();
	CHECK(!got.result.gaps);
}

/* Neither an I/O nor a gap is lost or counted twice between two slices. */
static void
slices_begin_where_the_last_one_ended(void)
{
	struct perf_job *job;
	uint64_t total = 0;
	int i, k;

	reset();
	g_gaps = true;
	job = begin(PERF_RANDREAD, 4, false);
	g_gaps = false;
	for (i = 1; i <= 3; i++) {
		for (k = 0; k < 10 * i; k++) {
			gap(5, 4);
		}
		gap(10ull * i + 10, 9);
		fake_delay_us(30);
		peek(job, true);
		CHECK_EQ(got.result.ios, (uint64_t)(10 * i + 1));
		CHECK_EQ(got.result.phase, PERF_RUN);
		total += got.result.ios;
		/* The one that was open at the last slice is this one's. */
		CHECK_EQ((int)(got.result.wall_gaps.max + 0.5), i == 1             ? 20
		                                                : 10 * i + 10 > 35 ? 40
		                                                                   : 35);
		CHECK_EQ((int)(got.result.on_cpu_gaps.max + 0.5), 9);
		CHECK_EQ(got.gap_counts, (uint64_t)(10 * i + 1));
		CHECK_EQ(got.gap_max, 9000);
		CHECK(got.result.elapsed_us >= 50 * (uint64_t)i && got.result.elapsed_us < 400);
	}
	run_to_end();
	CHECK_EQ(got.result.ios + total, dev.reads);
}

static void
stop_ends_it_at_once_without_readback(void)
{
	struct perf_job *job;
	int i;

	reset();
	job = begin(PERF_RANDWRITE, 4, true);
	for (i = 0; i < 10; i++) {
		complete_one();
	}
	spdk_set_thread(g_threads[0]);
	perf_job_stop(job);
	perf_job_stop(job);
	/* Asked before the news of the end: answered all the same. */
	CHECK_EQ(perf_job_peek(job, false, on_peeked, NULL), 0);
	spdk_set_thread(NULL);
	run_to_end();
	CHECK(got.peeked);
	CHECK_EQ(dev.reads, 0);
	CHECK(got.result.elapsed_us < 2000);
}

static void
what_cannot_start_says_why(void)
{
	struct perf_params params = {
		.bdev = "Fake0", .queue_depth = 4, .io_size = 700, .time_ms = 1
	};
	struct {
		uint32_t io_size, depth;
		int open_rc;
		const char *says;
	} bad[] = {
		{ 700, 4, 0, "no multiple" },
		{ 256 * 1024, 4, 0, "fewer than the queue depth" },
		{ 512, 4, -ENODEV, "there is none of that name" },
		{ 512, 4, -EPERM, "not permitted" },
	};
	struct perf_job *job;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reset();
		memset(&got, 0, sizeof(got));
		dev.open_rc = bad[i].open_rc;
		params.io_size = bad[i].io_size;
		params.queue_depth = bad[i].depth;
		spdk_set_thread(g_threads[0]);
		REQUIRE(perf_job_start(1, &params, on_started, on_ended, NULL, &job) == 0);
		spdk_set_thread(NULL);
		settle();
		CHECK(got.started && got.started_rc != 0 && !got.ended);
		CHECK(strstr(got.error, bad[i].says) != NULL);
		CHECK_EQ(dev.opens, 0);
		fake_delay_us(1000000);
		spdk_thread_poll(g_threads[1], 0, 0);
		CHECK(spdk_thread_is_exited(g_threads[1]));
		spdk_thread_destroy(g_threads[1]);
		g_num_threads = 1;
	}
}

static const struct test_case cases[] = {
	TEST(every_workload_does_what_it_says),
	TEST(verify_reads_back_what_it_wrote_and_nothing_overlaps),
	TEST(verify_of_reads_writes_everything_first),
	TEST(a_lost_write_is_found),
	TEST(a_flipped_byte_is_found),
	TEST(a_failed_write_counts_as_an_error_only),
	TEST(enomem_waits_its_turn),
	TEST(a_submission_that_is_refused_ends_the_job),
	TEST(a_removed_device_ends_the_job),
	TEST(figures_can_be_asked_for_and_a_hang_shows),
	TEST(gaps_are_counted_by_the_clock_and_on_the_cpu),
	TEST(slices_begin_where_the_last_one_ended),
	TEST(stop_ends_it_at_once_without_readback),
	TEST(what_cannot_start_says_why),
};

TEST_MAIN_WITH("bdev/perf_job", cases, setup, teardown)
