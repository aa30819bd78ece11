/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/poller_trace.h"

#include "core/thread/thread_internal.h"
#include "spdk/env.h"

PROBE_DEFINE_SEMAPHORE(poller_run);

/* Set by the app thread, read by every reactor: each value alone makes sense, so relaxed will do.
 */
static uint64_t g_min_tsc = UINT64_MAX;
static uint32_t g_sample = 4096;

static __thread uint32_t t_until_sample;

int
poller_trace_set(uint32_t min_us, uint32_t sample)
{
	if (sample == 0) {
		return -EINVAL;
	}
	__atomic_store_n(&g_min_tsc, min_us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC,
	                 __ATOMIC_RELAXED);
	__atomic_store_n(&g_sample, sample, __ATOMIC_RELAXED);
	return 0;
}

void
poller_watched(struct spdk_thread *thread, struct spdk_poller *poller, uint64_t ticks)
{
	uint32_t sample;
	bool sampled;

	if (ticks > poller->longest_tsc) {
		poller->longest_tsc = ticks;
	}
	if (!PROBE_ENABLED(poller_run)) {
		return;
	}
	/* A sample that was made smaller counts from now on. */
	sample = __atomic_load_n(&g_sample, __ATOMIC_RELAXED);
	sampled = t_until_sample == 0 || t_until_sample >= sample;
	t_until_sample = sampled ? sample - 1 : t_until_sample - 1;
	if (sampled || ticks >= __atomic_load_n(&g_min_tsc, __ATOMIC_RELAXED)) {
		PROBE6(poller_run, thread->id, poller->id, (uintptr_t)thread->name,
		       (uintptr_t)poller->name, (uintptr_t)poller->fn, ticks);
	}
}
