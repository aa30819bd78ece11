/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Looking at pollers and channels: spdk_internal/thread.h. */

#include "core/thread/poller_longest.h"
#include "core/thread/thread_internal.h"
#include "core/thread/thread_walk.h"

#include "spdk_internal/thread.h"

static int
id_compare(struct spdk_poller *a, struct spdk_poller *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}
RB_GENERATE_STATIC(poller_tree, spdk_poller, by_id, id_compare)

void
poller_info_add(struct spdk_thread *thread, struct spdk_poller *poller)
{
	RB_INSERT(poller_tree, &thread->pollers, poller);
}

void
poller_info_remove(struct spdk_thread *thread, struct spdk_poller *poller)
{
	RB_REMOVE(poller_tree, &thread->pollers, poller);
}

struct spdk_poller *
thread_walk_poller(struct spdk_thread *thread, uint64_t *position)
{
	struct spdk_poller wanted, *found;

	wanted.id = *position;
	found = RB_NFIND(poller_tree, &thread->pollers, &wanted);
	if (found != NULL) {
		*position = found->id + 1;
	}
	return found;
}

enum poller_kind
poller_get_kind(const struct spdk_poller *poller)
{
	if (poller->state == POLLER_PAUSED) {
		return POLLER_IS_PAUSED;
	}
	return poller->class != NULL ? POLLER_IS_TIMED : POLLER_IS_ACTIVE;
}

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
