/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The pollers and channels of a thread one after another, by positions that are numbers: a walk may
 * stop anywhere and go on in a later visit, whatever came, went or was called meanwhile. On the
 * thread. */

#ifndef CAL_CORE_THREAD_WALK_H
#define CAL_CORE_THREAD_WALK_H

#include <stdint.h>

struct spdk_io_channel;
struct spdk_poller;
struct spdk_thread;

/* What a poller is at present. */
enum poller_kind { POLLER_IS_ACTIVE, POLLER_IS_TIMED, POLLER_IS_PAUSED };
#define POLLER_NUM_KINDS 3

enum poller_kind poller_get_kind(const struct spdk_poller *poller);

/** The first one at *position (0: the beginning) or behind it, which then stands behind that one;
 * NULL at the end. Pollers come in the order in which they were registered. */
struct spdk_poller *thread_walk_poller(struct spdk_thread *thread, uint64_t *position);
struct spdk_io_channel *thread_walk_channel(struct spdk_thread *thread, uint64_t *position);

#endif
