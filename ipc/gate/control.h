/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The control pthread: the one place of the primary that may block, fork, or touch files once the
 * reactors run. An epoll loop with descriptors, timers and posted functions; the gate, the service
 * supervisor and the signal handling are its users. It never runs on a reactor's core if there is
 * another. */

#ifndef CAL_IPC_GATE_CONTROL_H
#define CAL_IPC_GATE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct control_fd;
struct control_timer;

/** Start the pthread (name "cal-control"). Main thread, before anything else here. Returns 0 or a
 *  negative errno. */
int control_start(void);

/** Keep the control pthread, and what it spawns, off these CPUs (if any other CPU is left). `cpus`
 *  is a cpu_set_t. Any thread. Returns 0 or a negative errno. */
int control_avoid_cpus(const void *cpus, unsigned long size);

/** Run what is posted, then end the loop and join it. Main thread. */
void control_stop(void);

/** True on the control pthread. */
bool control_is_current(void);

/** Have `fn(arg)` called on the control pthread, soon, in order of posting per caller. Any thread,
 *  reactors included: lock-free, at most one small allocation and one non-blocking eventfd write.
 *  Returns 0, -ENOMEM, or -ESHUTDOWN after control_stop(). */
int control_post(void (*fn)(void *arg), void *arg);

/* A post in memory of the caller's. */
struct control_post {
	struct control_post *next;
	void (*fn)(void *arg);
	void *arg;
	bool lasting; /* nobody frees it but its owner */
};

/** The same without an allocation, for what may not fail: `post` lasts until `fn` is called, which
 *  may free it. Once at a time. Returns 0 or -ESHUTDOWN. */
int control_post_in(struct control_post *post, void (*fn)(void *arg), void *arg);

/** Post and wait until it has run; its return value is returned. Not from a reactor that runs, not
 *  from the control pthread. */
int control_call(int (*fn)(void *arg), void *arg);

/* The following are for the control pthread only. */

typedef void (*control_fd_fn)(void *arg, uint32_t events);

/** Watch `fd` (level-triggered EPOLL* events). The descriptor stays the caller's. Returns 0 or a
 *  negative errno. */
int control_fd_add(int fd, uint32_t events, control_fd_fn fn, void *arg, struct control_fd **out);
/** Stop watching and free. Safe inside any callback: a pending event of it is not delivered. */
void control_fd_del(struct control_fd *cfd);
/** Call `fn(arg)` once after `ms` milliseconds; the timer is freed before the call. */
struct control_timer *control_timer_start(uint64_t ms, void (*fn)(void *arg), void *arg);
/** Cancel; NULL is allowed. Not for a timer that has fired. */
void control_timer_cancel(struct control_timer *timer);

#endif
