/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reactors: one OS thread a core that polls the lightweight threads placed on it and runs events.
 * What the application framework and the RPC methods ask of them. */

#ifndef CAL_CORE_REACTOR_INTERNAL_H
#define CAL_CORE_REACTOR_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/thread.h"
#include "spdk_internal/event.h"

/** Make a reactor for each core of the environment and start the threading library over them.
 *  After spdk_env_init(), main thread. Threads may be created and events sent from then on; they
 * run once the reactors do. Returns 0 or a negative errno. */
int reactors_init(void);

/** Take /var/tmp/spdk_cpu_lock_NNN for each of our cores, so that no other SPDK-like process polls
 *  them ($CALANDRIA_CPU_LOCK_DIR replaces the folder). After spdk_env_init(), any thread that may
 *  block; nothing to do for cores that we hold. Returns 0, -EBUSY with *busy_core and *owner (0:
 * unknown) set, or another negative errno with *busy_core set; nothing is held after an error. */
int reactors_lock_cores(int *busy_core, pid_t *owner);
/** Give them back. Nothing to do if none are held. Any thread that may block. */
void reactors_unlock_cores(void);

/** Run: the main core's reactor on this thread, the others on theirs. Main thread. Returns after
 *  reactors_stop(), when every lightweight thread has exited: 0, or a negative errno when a core
 *  could not be started (nothing runs then). */
int reactors_start(void);

/** Ask the reactors to stop. Threads that nobody told to exit are named in the log and told now,
 *  the app thread last and without a word. Any thread, at once; callable from a message. */
void reactors_stop(void);

/** Free the reactors and stop the threading library. After reactors_start() has returned (or was
 *  never called), main thread. */
void reactors_fini(void);

/* --- looking at them -------------------------------------------------------------------------- */

/** The reactor of a core, NULL if there is none. */
struct spdk_reactor *reactor_get(uint32_t lcore);
/** The reactor that calls, NULL on other OS threads. */
struct spdk_reactor *reactor_current(void);
/** All of them in ascending order of their core; NULL at the end. */
struct spdk_reactor *reactor_first(void);
struct spdk_reactor *reactor_next(struct spdk_reactor *reactor);

/* These may be called on any thread. */
uint32_t reactor_get_lcore(const struct spdk_reactor *reactor);
/** The OS thread's id, 0 before it runs. */
int reactor_get_tid(const struct spdk_reactor *reactor);
bool reactor_in_interrupt(const struct spdk_reactor *reactor);
uint64_t reactor_get_busy_tsc(const struct spdk_reactor *reactor);
uint64_t reactor_get_idle_tsc(const struct spdk_reactor *reactor);
uint32_t reactor_get_thread_count(const struct spdk_reactor *reactor);

/** Context switches of its OS thread as of its last look, which is every second while
 *  spdk_framework_context_switch_monitor_enabled(). Any thread. */
struct reactor_switches {
	uint64_t voluntary;
	uint64_t involuntary;
};
struct reactor_switches reactor_get_switches(const struct spdk_reactor *reactor);

/** The lightweight threads on it. On that reactor only (by spdk_for_each_reactor()). */
struct spdk_thread *reactor_first_thread(struct spdk_reactor *reactor);
struct spdk_thread *reactor_next_thread(struct spdk_reactor *reactor, struct spdk_thread *thread);
/** Ticks since the thread was placed for the first time. On its reactor. */
uint64_t reactor_thread_elapsed(struct spdk_thread *thread);
/** The core that a thread is, or is about to be, on. */
uint32_t reactor_thread_lcore(struct spdk_thread *thread);

/** The cores that have a reactor. */
const struct spdk_cpuset *reactors_get_cpuset(void);
enum spdk_reactor_state reactors_get_state(void);

/** Called on the app thread: 0, or a negative errno and the reactor stays as it was. */
typedef void (*reactor_mode_cb)(void *arg, int rc);

/** Have a reactor go into interrupt mode, in which it sleeps while nobody has anything to do, or
 *  come back; its threads with it. Nothing that is under way is lost. App thread. Returns 0 (`cb`,
 *  NULL allowed, is called when it is done), -EPERM on another thread, -EINVAL without a reactor
 *  there, -EBUSY while an earlier change of it is under way. */
int reactor_set_interrupt_mode(uint32_t lcore, bool enable, reactor_mode_cb cb, void *arg);

/** Have a thread moved to another core, once it returns to its present one's reactor. On that
 *  thread. Returns 0, -EINVAL without a reactor there, -EPERM while it is bound. */
int reactor_thread_move(struct spdk_thread *thread, uint32_t lcore);

#endif
