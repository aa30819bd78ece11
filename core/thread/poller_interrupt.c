/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Pollers that need not be called in interrupt mode, since what they look at has a descriptor.
 *
 * While their thread is in interrupt mode they are "quiet": neither active nor armed, but in a list
 * of their own. They go there at once, except for the one that runs, which stays where it is until
 * the turn is over. */

#include "core/thread/thread_interrupt.h"

void
spdk_poller_register_interrupt(struct spdk_poller *poller, spdk_poller_set_interrupt_mode_cb cb_fn,
                               void *cb_arg)
{
	struct spdk_thread *thread = poller->thread;

	thread_check(__func__, "poller", poller->name, poller, thread);
	if (poller->state == POLLER_UNREGISTERED) {
		return;
	}
	poller->intr_cb = cb_fn;
	poller->intr_arg = cb_arg;
	if (!poller->has_intr) {
		poller->has_intr = true;
		TAILQ_INSERT_TAIL(&thread->with_intr, poller, intr_link);
	}
	if (thread->interrupt) {
		pollers_quieten(thread);
		thread_interrupt_changed(thread);
		if (cb_fn != NULL) {
			cb_fn(poller, cb_arg, true);
		}
	}
}

void
poller_interrupt_forget(struct spdk_thread *thread, struct spdk_poller *poller)
{
	if (!poller->has_intr) {
		return;
	}
	poller->has_intr = false;
	if (thread->intr_next == poller) {
		thread->intr_next = TAILQ_NEXT(poller, intr_link);
	}
	TAILQ_REMOVE(&thread->with_intr, poller, intr_link);
}

void
pollers_quieten(struct spdk_thread *thread)
{
	struct spdk_poller *poller;

	TAILQ_FOREACH (poller, &thread->with_intr, intr_link) {
		if (poller->state == POLLER_WAITING && !poller->quiet &&
		    poller != thread->running) {
			poller_stop(thread, poller);
			poller_start(thread, poller);
		}
	}
}

/* Callbacks may unregister any poller. */
static void
tell_callbacks(struct spdk_thread *thread, bool interrupt_mode)
{
	struct spdk_poller *poller;

	for (poller = TAILQ_FIRST(&thread->with_intr); poller != NULL; poller = thread->intr_next) {
		thread->intr_next = TAILQ_NEXT(poller, intr_link);
		if (poller->intr_cb != NULL) {
			poller->intr_cb(poller, poller->intr_arg, interrupt_mode);
		}
	}
}

void
pollers_interrupt_enter(struct spdk_thread *thread)
{
	pollers_quieten(thread);
	tell_callbacks(thread, true);
}

void
pollers_interrupt_leave(struct spdk_thread *thread)
{
	struct spdk_poller *poller;

	while ((poller = TAILQ_FIRST(&thread->quiet)) != NULL) {
		poller_stop(thread, poller);
		poller_start(thread, poller);
	}
	tell_callbacks(thread, false);
}

struct spdk_poller *
poller_quiet_next(const struct spdk_thread *thread, const struct spdk_poller *prev, bool timed)
{
	struct spdk_poller *poller =
		prev != NULL && prev->quiet ? TAILQ_NEXT(prev, link) : TAILQ_FIRST(&thread->quiet);

	while (poller != NULL && (poller->period != 0) != timed) {
		poller = TAILQ_NEXT(poller, link);
	}
	return poller;
}
