/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a thread has for interrupt mode. Who only polls threads, or reads them, need not know. */

#ifndef CAL_CORE_THREAD_THREAD_INTERRUPT_H
#define CAL_CORE_THREAD_THREAD_INTERRUPT_H

#include "core/thread/fd_group.h"
#include "core/thread/thread_internal.h"

TAILQ_HEAD(interrupt_list, spdk_interrupt);

/* Belongs to who polls the thread. */
struct thread_interrupt {
	struct spdk_fd_group *fgrp;
	struct interrupt_list interrupts; /* the application's */
	int wake_fd;                      /* eventfd: messages, and whatever else asks for a turn */
	int active_fd;                    /* eventfd, never read but to switch it off */
	int timer_fd;
	bool armed;           /* senders of messages write to wake_fd */
	bool active_on;       /* active_fd is readable */
	bool timer_fired;     /* and not been set since */
	uint64_t timer_due;   /* ticks that timer_fd is set to, 0: none */
	bool pollers_changed; /* some may have to become quiet */

	/* The turn under way. */
	bool in_turn;
	bool busy;
	bool ran;
	uint32_t max_msgs; /* what spdk_thread_poll() was told, 0: nothing */
	uint64_t now;      /* likewise, then the time of the turn */
	struct spdk_thread *before;
};

/** The application's interrupts of a thread; NULL at the end. */
struct spdk_interrupt *interrupt_first(const struct spdk_thread *thread);
struct spdk_interrupt *interrupt_next(struct spdk_interrupt *prev);
const char *interrupt_name(const struct spdk_interrupt *intr);
/** Call them no more: the thread has exited, or has been waited for in vain. */
void interrupts_drop(struct spdk_thread *thread);
void interrupts_free(struct spdk_thread *thread);

/** What the timer must be set to, in nanoseconds from now, for a time in ticks; at least 1. */
uint64_t interrupt_timer_ns(uint64_t due, uint64_t now);

#endif
