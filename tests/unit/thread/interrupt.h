/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A thread in interrupt mode as the one who runs it sees it. */

#ifndef CAL_TESTS_UNIT_THREAD_INTERRUPT_H
#define CAL_TESTS_UNIT_THREAD_INTERRUPT_H

#include "core/thread/thread_interrupt.h"

#include <sys/timerfd.h>

/* Whether it asks for a turn within so many milliseconds. */
static inline bool
intr_ready_in(struct spdk_thread *thread, int ms)
{
	struct pollfd pfd = { .fd = spdk_thread_get_interrupt_fd(thread), .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

static inline bool
intr_ready(struct spdk_thread *thread)
{
	return intr_ready_in(thread, 0);
}

/* Turns until it sleeps; how many, or -1 if it does not. */
static inline int
intr_settle(struct spdk_thread *thread)
{
	int turns;

	for (turns = 0; intr_ready(thread); turns++) {
		if (turns == 100) {
			return -1;
		}
		spdk_thread_poll(thread, 0, 0);
	}
	return turns;
}

/* What its timer is set to, in microseconds from now; 0: not at all. */
static inline uint64_t
intr_timer_us(struct spdk_thread *thread)
{
	struct itimerspec spec;

	timerfd_gettime(thread->intr->timer_fd, &spec);
	return ((uint64_t)spec.it_value.tv_sec * 1000000000u + (uint64_t)spec.it_value.tv_nsec +
	        999) /
	       1000;
}

static inline int
intr_eventfd(void)
{
	return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static inline void
intr_fire(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one)) {
		abort();
	}
}

#endif
