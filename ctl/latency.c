/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "ctl/latency.h"

int
ctl_latency_init(struct ctl_latency *latency, size_t cap)
{
	latency->samples = calloc(cap, sizeof(*latency->samples));
	latency->count = 0;
	latency->cap = cap;
	return latency->samples == NULL ? -ENOMEM : 0;
}

void
ctl_latency_add(struct ctl_latency *latency, uint64_t ns)
{
	if (latency->count < latency->cap) {
		latency->samples[latency->count++] = ns;
	}
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void
ctl_latency_sort(struct ctl_latency *latency)
{
	qsort(latency->samples, latency->count, sizeof(*latency->samples), compare);
}

double
ctl_latency_percentile_us(const struct ctl_latency *latency, double percent)
{
	double rank = ceil((double)latency->count * percent / 100);
	size_t index = rank < 1 ? 0 : (size_t)rank - 1;

	if (latency->count == 0) {
		return 0;
	}
	if (index >= latency->count) {
		index = latency->count - 1;
	}
	return (double)latency->samples[index] / 1000;
}

double
ctl_latency_average_us(const struct ctl_latency *latency)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < latency->count; i++) {
		sum += (double)latency->samples[i];
	}
	return latency->count == 0 ? 0 : sum / (double)latency->count / 1000;
}

void
ctl_latency_free(struct ctl_latency *latency)
{
	free(latency->samples);
	latency->samples = NULL;
	latency->count = latency->cap = 0;
}

uint64_t
ctl_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
ctl_sleep_ms(uint64_t ms)
{
	struct timespec time = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	nanosleep(&time, NULL);
}
