/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* EAL measures the TSC's rate by sleeping for 100 ms and rounds it to 10 MHz; where the rate is
 * 2596.142 MHz, as on the machine that this was written on, every second becomes 1.5 ms too long.
 * The kernel's raw clock *is* the TSC where that is trusted: pairs of readings 10 ms apart give its
 * rate to a few parts in a million. The first pair is taken when the program is loaded, so by the
 * time that somebody asks there is rarely anything to wait for. */

#include "core/env/env_private.h"

#include <rte_cycles.h>
#include <rte_pause.h>

#define MIN_SPAN_NS 10000000ull
#define NS_PER_SEC  1000000000ull

struct reading {
	uint64_t tsc;
	uint64_t ns;
};

static struct reading g_loaded;
static uint64_t g_hz;

/* Of several tries the one that was interrupted least. */
static struct reading
reading_take(void)
{
	uint64_t before, after, best = UINT64_MAX;
	struct reading reading = { 0 };
	struct timespec ts;
	int i;

	for (i = 0; i < 16; i++) {
		before = rte_rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = rte_rdtsc();
		if (after - before < best) {
			best = after - before;
			reading.tsc = before + best / 2;
			reading.ns = (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
		}
	}
	return reading;
}

__attribute__((constructor)) static void
loaded(void)
{
	g_loaded = reading_take();
}

uint64_t
env_tsc_hz(void)
{
	uint64_t hz = __atomic_load_n(&g_hz, __ATOMIC_RELAXED);
	struct reading now;
	uint64_t span;

	if (hz != 0) {
		return hz;
	}
	now = reading_take();
	span = now.ns - g_loaded.ns;
	if (span < MIN_SPAN_NS) {
		usleep((useconds_t)((MIN_SPAN_NS - span) / 1000 + 1));
		now = reading_take();
		span = now.ns - g_loaded.ns;
	}
	hz = (uint64_t)((double)(now.tsc - g_loaded.tsc) * NS_PER_SEC / (double)span + 0.5);
	/* Two threads that measure at once agree on the first result. */
	span = 0;
	if (!__atomic_compare_exchange_n(&g_hz, &span, hz, false, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED)) {
		hz = span;
	}
	return hz;
}

/* Linked with --wrap this is where EAL gets the rate from, in place of its measurement. Without it,
 * nobody calls this. */
uint64_t __wrap_get_tsc_freq_arch(void);

uint64_t
__wrap_get_tsc_freq_arch(void)
{
	return env_tsc_hz();
}

uint64_t
spdk_get_ticks(void)
{
	return rte_rdtsc();
}

uint64_t
spdk_get_ticks_hz(void)
{
	return env_tsc_hz();
}

void
spdk_delay_us(unsigned int us)
{
	uint64_t begin = rte_rdtsc();
	uint64_t ticks = us * env_tsc_hz() / 1000000;

	while (rte_rdtsc() - begin < ticks) {
		rte_pause();
	}
}

void
spdk_pause(void)
{
	rte_pause();
}
