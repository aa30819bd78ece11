/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/reactor/reactor_private.h"

#include "spdk/log.h"

void
reactor_send(struct spdk_reactor *reactor, spdk_event_fn fn, void *arg1, void *arg2)
{
	msg_queue_push(&reactor->events, &thread_this_os.sender, REACTOR_EVENT_WORDS, (uintptr_t)fn,
	               (uintptr_t)arg1, (uintptr_t)arg2);
}

/* The structure between allocate and call is a form that is filled in and torn up at once. A
 * reactor keeps some; other OS threads have libc's cache. */
static struct spdk_event *
event_get(void)
{
	struct spdk_reactor *reactor = reactor_this_os;

	if (spdk_likely(reactor != NULL && reactor->num_free_events > 0)) {
		return reactor->free_events[--reactor->num_free_events];
	}
	return malloc(sizeof(struct spdk_event));
}

static void
event_put(struct spdk_event *event)
{
	struct spdk_reactor *reactor = reactor_this_os;

	if (spdk_likely(reactor != NULL && reactor->num_free_events < REACTOR_EVENT_CACHE)) {
		reactor->free_events[reactor->num_free_events++] = event;
	} else {
		free(event);
	}
}

void
reactor_free_events(struct spdk_reactor *reactor)
{
	while (reactor->num_free_events > 0) {
		free(reactor->free_events[--reactor->num_free_events]);
	}
}

struct spdk_event *
spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	struct spdk_event *event;

	if (spdk_unlikely(reactor_at(lcore) == NULL)) {
		SPDK_ERRLOG("core %u has no reactor to send an event to\n", lcore);
		return NULL;
	}
	event = event_get();
	if (spdk_unlikely(event == NULL)) {
		SPDK_ERRLOG("no memory for an event\n");
		return NULL;
	}
	event->lcore = lcore;
	event->fn = fn;
	event->arg1 = arg1;
	event->arg2 = arg2;
	return event;
}

void
spdk_event_call(struct spdk_event *event)
{
	reactor_send(reactor_at(event->lcore), event->fn, event->arg1, event->arg2);
	event_put(event);
}

static inline void
run_event(void *ctx, uint64_t fn, uint64_t arg1, uint64_t arg2)
{
	slot_begin(ctx, CAL_RUNNING_EVENT, (uintptr_t)fn, 0);
	((spdk_event_fn)(uintptr_t)fn)((void *)(uintptr_t)arg1, (void *)(uintptr_t)arg2);
}

uint32_t
reactor_run_events(struct spdk_reactor *reactor)
{
	int first = msg_queue_find(&reactor->events);
	uint32_t count;

	if (first < 0) {
		return 0;
	}
	/* A turn is so many, also when one leads to the next. */
	count = msg_queue_run(&reactor->events, first, REACTOR_EVENT_BATCH, NULL,
	                      REACTOR_EVENT_WORDS, run_event, reactor->slot);
	slot_end(reactor->slot);
	SLOT_SET(reactor->slot, events, reactor->slot->events + count);
	return count;
}

struct reactor_walk {
	struct spdk_reactor *origin;
	struct spdk_reactor *at;
	spdk_event_fn fn;
	spdk_event_fn cpl;
	void *arg1;
	void *arg2;
};

static void
reactor_walk_done(void *arg1, void *arg2)
{
	struct reactor_walk *walk = arg1;

	walk->cpl(walk->arg1, walk->arg2);
	free(walk);
}

static void
reactor_walk_step(void *arg1, void *arg2)
{
	struct reactor_walk *walk = arg1;

	walk->fn(walk->arg1, walk->arg2);
	walk->at = reactor_next(walk->at);
	if (walk->at != NULL) {
		reactor_send(walk->at, reactor_walk_step, walk, NULL);
	} else {
		reactor_send(walk->origin, reactor_walk_done, walk, NULL);
	}
}

void
spdk_for_each_reactor(spdk_event_fn fn, void *arg1, void *arg2, spdk_event_fn cpl)
{
	struct spdk_reactor *origin = reactor_this_os;
	struct reactor_walk *walk;

	if (origin == NULL) {
		origin = reactor_get(spdk_env_get_main_core());
	}
	walk = calloc(1, sizeof(*walk));
	if (walk == NULL) {
		SPDK_ERRLOG("no memory for a walk over the reactors\n");
		reactor_send(origin, cpl, arg1, arg2);
		return;
	}
	walk->origin = origin;
	walk->at = reactor_first();
	walk->fn = fn;
	walk->cpl = cpl;
	walk->arg1 = arg1;
	walk->arg2 = arg2;
	reactor_send(walk->at, reactor_walk_step, walk, NULL);
}
