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
 * reactor keeps some, where there is room; other OS threads have libc's cache. */
static __thread struct {
	uint32_t count;
	uint32_t room;
	struct spdk_event *events[REACTOR_EVENT_CACHE];
} t_cache __attribute__((tls_model("initial-exec")));

void
reactor_event_cache_begin(void)
{
	t_cache.room = REACTOR_EVENT_CACHE;
}

void
reactor_event_cache_end(void)
{
	while (t_cache.count > 0) {
		free(t_cache.events[--t_cache.count]);
	}
	t_cache.room = 0;
}

static inline struct spdk_event *
event_fill(struct spdk_event *event, uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	event->lcore = lcore;
	event->fn = fn;
	event->arg1 = arg1;
	event->arg2 = arg2;
	return event;
}

/* What allocate and call seldom do is done by others, so that they need no frame. */
static __attribute__((noinline)) struct spdk_event *
allocate_slow(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	struct spdk_event *event;

	if (reactor_at(lcore) == NULL) {
		SPDK_ERRLOG("core %u has no reactor to send an event to\n", lcore);
		return NULL;
	}
	event = malloc(sizeof(*event));
	if (event == NULL) {
		SPDK_ERRLOG("no memory for an event\n");
		return NULL;
	}
	return event_fill(event, lcore, fn, arg1, arg2);
}

static __attribute__((noinline)) void
call_slow(struct spdk_event *event)
{
	reactor_send(reactor_table[event->lcore], event->fn, event->arg1, event->arg2);
	if (t_cache.count < t_cache.room) {
		t_cache.events[t_cache.count++] = event;
	} else {
		free(event);
	}
}

struct spdk_event *
spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	if (spdk_unlikely(reactor_at(lcore) == NULL || t_cache.count == 0)) {
		return allocate_slow(lcore, fn, arg1, arg2);
	}
	return event_fill(t_cache.events[--t_cache.count], lcore, fn, arg1, arg2);
}

void
spdk_event_call(struct spdk_event *event)
{
	/* It was allocated: there is such a core. */
	struct msg_queue *q = &reactor_table[event->lcore]->events;

	if (spdk_unlikely(t_cache.count >= t_cache.room ||
	                  !msg_queue_try_push(q, &thread_this_os.sender, REACTOR_EVENT_WORDS,
	                                      (uintptr_t)event->fn, (uintptr_t)event->arg1,
	                                      (uintptr_t)event->arg2))) {
		call_slow(event);
		return;
	}
	t_cache.events[t_cache.count++] = event;
	if (spdk_unlikely(msg_queue_is_armed(q))) {
		msg_queue_wake(q);
	}
}

static inline bool
run_event(void *ctx, uint64_t fn, uint64_t arg1, uint64_t arg2)
{
	slot_begin(ctx, CAL_RUNNING_EVENT, (uintptr_t)fn, 0);
	((spdk_event_fn)(uintptr_t)fn)((void *)(uintptr_t)arg1, (void *)(uintptr_t)arg2);
	return true;
}

uint32_t
reactor_run_events(struct spdk_reactor *reactor)
{
	uint32_t count;

	/* A turn is so many, also when one leads to the next. */
	count = msg_queue_run(&reactor->events,
	                      (struct msg_limit){ REACTOR_EVENT_BATCH, MSG_LANES },
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
