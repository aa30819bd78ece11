/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reactors as SPDK's modules and tests know them. The rest of the tree uses
 * core/reactor/reactor_internal.h. */

#ifndef SPDK_INTERNAL_EVENT_H
#define SPDK_INTERNAL_EVENT_H

#include "spdk/stdinc.h"
#include "spdk/event.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_event {
	uint32_t lcore;
	spdk_event_fn fn;
	void *arg1;
	void *arg2;
};

enum spdk_reactor_state {
	SPDK_REACTOR_STATE_UNINITIALIZED = 0,
	SPDK_REACTOR_STATE_INITIALIZED = 1,
	SPDK_REACTOR_STATE_RUNNING = 2,
	SPDK_REACTOR_STATE_EXITING = 3,
	SPDK_REACTOR_STATE_SHUTDOWN = 4,
};

struct spdk_lw_thread;
struct spdk_reactor;

/** The reactor of a core, NULL when there is none. Any thread. */
struct spdk_reactor *spdk_reactor_get(uint32_t lcore);

/** Call `fn(arg1, arg2)` on every reactor, one after another, then `cpl(arg1, arg2)` on the one
 * that called (the main one when called from outside of any). */
void spdk_for_each_reactor(spdk_event_fn fn, void *arg1, void *arg2, spdk_event_fn cpl);

#ifdef __cplusplus
}
#endif
#endif
