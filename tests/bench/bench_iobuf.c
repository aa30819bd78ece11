/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */
/* links: client */

/* What a buffer costs: from the channel's own, from the pool that all share, in line. No hugepages,
 * no EAL; one OS thread pinned to CPU 0 or what $CAL_BENCH_CPUS begins with. One line a
 * measurement: nanoseconds a get and its put, minimum and median of 51 windows. */

#include "spdk/env.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define WINDOWS 51
#define PAIRS   100000u
#define BURST   256u

static struct spdk_iobuf_channel g_own, g_none;
static void *g_bufs[BURST];

/* In place of the environment's, which would want hugepages. */
void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	return aligned_alloc(align, SPDK_ALIGN_CEIL(size, align));
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	void *buf = spdk_malloc(size, align, unused, numa_id, flags);

	return buf != NULL ? memset(buf, 0, size) : NULL;
}

void
spdk_free(void *buf)
{
	free(buf);
}

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
measure(const char *what, void (*fn)(uint32_t pairs))
{
	double took[WINDOWS], begin;
	int i;

	fn(PAIRS);
	for (i = 0; i < WINDOWS; i++) {
		begin = now_ns();
		fn(PAIRS);
		took[i] = (now_ns() - begin) / PAIRS;
	}
	qsort(took, WINDOWS, sizeof(took[0]), by_value);
	printf("%-46s %8.1f %8.1f ns\n", what, took[0], took[WINDOWS / 2]);
}

static void
pairs(struct spdk_iobuf_channel *ch, uint32_t count)
{
	while (count-- > 0) {
		spdk_iobuf_put(ch, spdk_iobuf_get(ch, 4096, NULL, NULL), 4096);
	}
}

static void
from_own(uint32_t count)
{
	pairs(&g_own, count);
}

static void
from_pool(uint32_t count)
{
	pairs(&g_none, count);
}

/* As many at a time as a deep queue has: half of them are not the channel's own. */
static void
in_bursts(uint32_t count)
{
	uint32_t i;

	for (; count >= BURST; count -= BURST) {
		for (i = 0; i < BURST; i++) {
			g_bufs[i] = spdk_iobuf_get(&g_own, 4096, NULL, NULL);
		}
		for (i = 0; i < BURST; i++) {
			spdk_iobuf_put(&g_own, g_bufs[i], 4096);
		}
	}
}

static void *g_passed;

static void
granted(struct spdk_iobuf_entry *entry, void *buf)
{
	g_passed = buf;
}

/* One buffer that goes from each to the next in line. */
static void
in_line(uint32_t count)
{
	struct spdk_iobuf_entry entry;

	while (count-- > 0) {
		if (spdk_iobuf_get(&g_none, 4096, &entry, granted) != NULL) {
			abort();
		}
		spdk_iobuf_put(&g_none, g_passed, 4096);
	}
}

static void
up(void)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	opts.small_pool_count = 1024;
	opts.large_pool_count = 8;
	if (spdk_thread_lib_init(NULL, 0) != 0) {
		exit(1);
	}
	spdk_set_thread(spdk_thread_create("bench", NULL));
	if (spdk_iobuf_set_opts(&opts) != 0 || spdk_iobuf_initialize() != 0 ||
	    spdk_iobuf_register_module("bench") != 0 ||
	    spdk_iobuf_channel_init(&g_own, "bench", 128, 0) != 0 ||
	    spdk_iobuf_channel_init(&g_none, "bench", 0, 0) != 0) {
		exit(1);
	}
}

int
main(void)
{
	const char *cpus = getenv("CAL_BENCH_CPUS");
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus != NULL ? strtoul(cpus, NULL, 10) : 0, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	up();
	measure("get + put, the channel's own", from_own);
	measure("get + put, the pool's", from_pool);
	measure("get + put, 256 at a time, 128 of its own", in_bursts);
	while ((g_passed = spdk_iobuf_get(&g_none, 4096, NULL, NULL)) != NULL) {
		g_bufs[0] = g_passed;
	}
	g_passed = g_bufs[0];
	measure("wait + put", in_line);
	return 0;
}
