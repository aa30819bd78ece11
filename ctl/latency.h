/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Percentiles of measured times. */

#ifndef CAL_CTL_LATENCY_H
#define CAL_CTL_LATENCY_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds. */
struct ctl_latency {
	uint64_t *samples;
	size_t count;
	size_t cap;
};

/** Room for `cap` samples. Returns 0 or -ENOMEM. */
int ctl_latency_init(struct ctl_latency *latency, size_t cap);
/** Samples beyond the room are dropped. */
void ctl_latency_add(struct ctl_latency *latency, uint64_t ns);
/** Sort the samples: before the following. */
void ctl_latency_sort(struct ctl_latency *latency);
/** The smallest sample that at least `percent` of all are not above, in microseconds; 0 without
 *  samples. */
double ctl_latency_percentile_us(const struct ctl_latency *latency, double percent);
double ctl_latency_average_us(const struct ctl_latency *latency);
void ctl_latency_free(struct ctl_latency *latency);

/** CLOCK_MONOTONIC. */
uint64_t ctl_now_ns(void);
/** Sleep; a signal ends it early. */
void ctl_sleep_ms(uint64_t ms);

#endif
