/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Looking at pollers and channels: spdk_internal/thread.h. */

#include "core/thread/poller_longest.h"
#include "core/thread/thread_internal.h"

#include "spdk_internal/thread.h"

const char *
spdk_poller_get_name(struct spdk_poller *poller)
{
	return poller->name;
}

uint64_t
spdk_poller_get_id(struct spdk_poller *poller)
{
	return poller->id;
}

const char *
spdk_poller_get_state_str(struct spdk_poller *poller)
{
	switch ((enum poller_state)poller->state) {
	case POLLER_WAITING:
		return poller->thread->running == poller ? "running" : "waiting";
	case POLLER_UNREGISTERED:
		return "unregistered";
	case POLLER_PAUSING:
		return "pausing";
	case POLLER_PAUSED:
		return "paused";
	}
	return NULL;
}

uint64_t
spdk_poller_get_period_ticks(struct spdk_poller *poller)
{
	return poller->period;
}

void
spdk_poller_get_stats(struct spdk_poller *poller, struct spdk_poller_stats *stats)
{
	stats->run_count = poller->run_count;
	stats->busy_count = poller->busy_count;
}

uint64_t
poller_get_longest(const struct spdk_poller *poller)
{
	return poller->longest_tsc;
}

uint64_t
thread_get_longest_turn(const struct spdk_thread *thread)
{
	return thread->longest_turn;
}

struct spdk_poller *
spdk_thread_get_first_active_poller(struct spdk_thread *thread)
{
	struct spdk_poller *first = poller_active_first(&thread->active);

	return first != NULL ? first : poller_quiet_next(thread, NULL, false);
}

struct spdk_poller *
spdk_thread_get_next_active_poller(struct spdk_poller *prev)
{
	struct spdk_poller *next = NULL;

	if (!prev->quiet) {
		next = poller_active_next(&prev->thread->active, prev);
	}
	return next != NULL ? next : poller_quiet_next(prev->thread, prev, false);
}

struct spdk_poller *
spdk_thread_get_first_timed_poller(struct spdk_thread *thread)
{
	struct spdk_poller *first = poller_timers_first(&thread->timed);

	return first != NULL ? first : poller_quiet_next(thread, NULL, true);
}

struct spdk_poller *
spdk_thread_get_next_timed_poller(struct spdk_poller *prev)
{
	struct spdk_poller *next = NULL;

	if (!prev->quiet) {
		next = poller_timers_next(&prev->thread->timed, prev);
	}
	return next != NULL ? next : poller_quiet_next(prev->thread, prev, true);
}

struct spdk_poller *
spdk_thread_get_first_paused_poller(struct spdk_thread *thread)
{
	return TAILQ_FIRST(&thread->paused);
}

struct spdk_poller *
spdk_thread_get_next_paused_poller(struct spdk_poller *prev)
{
	return TAILQ_NEXT(prev, link);
}
