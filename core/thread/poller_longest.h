/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How long pollers and turns took. Reading the clock costs more than most pollers do, so a call is
 * timed only in every POLLER_TIMED_TURNS-th turn that has any, and in each while the probe
 * calandria:poller_run is listened to. That a whole turn took long is known of each of them. */

#ifndef CAL_CORE_THREAD_POLLER_LONGEST_H
#define CAL_CORE_THREAD_POLLER_LONGEST_H

#include <stdint.h>

struct spdk_poller;
struct spdk_thread;

/* Prime, so that work that repeats every few turns cannot hide from it. */
#define POLLER_TIMED_TURNS 61u

/** Ticks of the longest call that was timed, 0 if none was. On the poller's thread. */
uint64_t poller_get_longest(const struct spdk_poller *poller);
/** Ticks of the longest turn in which anything ran, from what it was told to be its beginning. On
 *  the thread. */
uint64_t thread_get_longest_turn(const struct spdk_thread *thread);

#endif
