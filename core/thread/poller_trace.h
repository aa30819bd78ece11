/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The probe calandria:poller_run. It fires once a run, at its end, with the duration that was
 * measured here, and only for runs of at least a threshold and every N-th besides: a hit costs
 * about a microsecond, an idle reactor makes ten million runs a second. */

#ifndef CAL_CORE_THREAD_POLLER_TRACE_H
#define CAL_CORE_THREAD_POLLER_TRACE_H

#include <stdint.h>

#include "core/util/probe.h"

struct spdk_poller;
struct spdk_thread;

PROBE_DECLARE_SEMAPHORE(poller_run);

/** A call of the poller took so long: remember the longest, and fire the probe if somebody listens
 *  and it is worth it. */
void poller_watched(struct spdk_thread *thread, struct spdk_poller *poller, uint64_t ticks);

/** Which runs fire: those of `min_us` microseconds or more, and every `sample`-th of a reactor. Any
 *  thread; reactors see it soon. Returns 0, or -EINVAL when `sample` is 0. */
int poller_trace_set(uint32_t min_us, uint32_t sample);

#endif
