/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "perf_gaps.h"

#include <time.h>

#include "spdk/env.h"
#include "spdk/histogram_data.h"
#include "spdk/util.h"

/* 32 buckets for each power of two: 15 KiB a histogram, which stay in the cache beside the I/O. */
#define GRANULARITY 5

struct quantiles {
	const double *shares;
	uint64_t *values;
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
		q->values[q->next++] = end;
	}
}

void
perf_quantiles(const struct spdk_histogram_data *histogram, const double *shares, uint64_t *values,
               size_t count)
{
	struct quantiles q = { shares, values, count, 0 };

	spdk_histogram_data_iterate(histogram, take_quantiles, &q);
}

static uint64_t
on_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

int
perf_gaps_init(struct perf_gaps *gaps)
{
	gaps->wall = spdk_histogram_data_alloc_sized(GRANULARITY);
	gaps->on_cpu = spdk_histogram_data_alloc_sized(GRANULARITY);
	return gaps->wall != NULL && gaps->on_cpu != NULL ? 0 : -ENOMEM;
}

void
perf_gaps_fini(struct perf_gaps *gaps)
{
	spdk_histogram_data_free(gaps->wall);
	spdk_histogram_data_free(gaps->on_cpu);
	gaps->wall = gaps->on_cpu = NULL;
}

void
perf_gaps_mark(struct perf_gaps *gaps)
{
	gaps->last_on_cpu = on_cpu_ns();
	gaps->last_core = spdk_env_get_current_core();
}

void
perf_gaps_tally(struct perf_gaps *gaps, uint64_t wall)
{
	uint64_t before = gaps->last_on_cpu, on_cpu;
	uint32_t core = gaps->last_core;

	perf_gaps_mark(gaps);
	spdk_histogram_data_tally(gaps->wall, wall);
	gaps->wall_max = spdk_max(gaps->wall_max, wall);
	if (core == gaps->last_core) {
		on_cpu = gaps->last_on_cpu - before;
		spdk_histogram_data_tally(gaps->on_cpu, on_cpu);
		gaps->on_cpu_max = spdk_max(gaps->on_cpu_max, on_cpu);
	}
}

void
perf_gaps_reset(struct perf_gaps *gaps)
{
	spdk_histogram_data_reset(gaps->wall);
	spdk_histogram_data_reset(gaps->on_cpu);
	gaps->wall_max = gaps->on_cpu_max = 0;
}

/* A bucket's end may lie beyond the largest value that was seen. */
static void
figures(const struct spdk_histogram_data *histogram, uint64_t max, double us,
        struct perf_gap_figures *out)
{
	static const double shares[] = { 0.50, 0.99, 0.999, 0.9999 };
	uint64_t values[SPDK_COUNTOF(shares)] = { 0 };

	perf_quantiles(histogram, shares, values, SPDK_COUNTOF(shares));
	out->p50 = (double)spdk_min(values[0], max) * us;
	out->p99 = (double)spdk_min(values[1], max) * us;
	out->p99_9 = (double)spdk_min(values[2], max) * us;
	out->p99_99 = (double)spdk_min(values[3], max) * us;
	out->max = (double)max * us;
}

struct counts {
	struct perf_gap_count *list;
	size_t num;
	uint64_t max;
};

static void
take_count(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total, uint64_t so_far)
{
	struct counts *c = ctx;

	if (count > 0) {
		c->list[c->num].ns = spdk_min(end, c->max);
		c->list[c->num++].count = count;
	}
}

struct perf_gap_count *
perf_gaps_counts(const struct perf_gaps *gaps, size_t *num)
{
	struct counts c = { .max = gaps->on_cpu_max };
	uint64_t i, buckets = SPDK_HISTOGRAM_NUM_BUCKETS(gaps->on_cpu), used = 0;

	for (i = 0; i < buckets; i++) {
		used += gaps->on_cpu->bucket[i] > 0;
	}
	c.list = calloc(spdk_max(used, (uint64_t)1), sizeof(*c.list));
	if (c.list != NULL) {
		spdk_histogram_data_iterate(gaps->on_cpu, take_count, &c);
	}
	*num = c.num;
	return c.list;
}

void
perf_gaps_figures(const struct perf_gaps *gaps, struct perf_gap_figures *wall,
                  struct perf_gap_figures *on_cpu)
{
	figures(gaps->wall, gaps->wall_max, 1e6 / (double)spdk_get_ticks_hz(), wall);
	figures(gaps->on_cpu, gaps->on_cpu_max, 1e-3, on_cpu);
}
