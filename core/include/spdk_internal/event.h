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

/** `cb_arg2` is NULL. */
typedef void (*spdk_reactor_set_interrupt_mode_cb)(void *cb_arg1, void *cb_arg2);

/** Have a reactor go into interrupt mode or come back to polling. App thread, or an
 *  event on the scheduling core; `cb_fn(cb_arg, NULL)` is called there when it has happened (NULL
 *  allowed). Unlike SPDK's, it may have threads: they go
 *  with it. Returns 0, -EPERM on another thread, -EINVAL without a reactor there, -EBUSY while an
 *  earlier change of it is under way. */
int spdk_reactor_set_interrupt_mode(uint32_t lcore, bool new_in_interrupt,
                                    spdk_reactor_set_interrupt_mode_cb cb_fn, void *cb_arg);

#ifdef __cplusplus
}
#endif
#endif
