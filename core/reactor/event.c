/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/reactor/reactor_private.h"

#include "spdk/log.h"

void
reactor_send(struct spdk_reactor *reactor, spdk_event_fn fn, void *arg1, void *arg2)
{
	struct reactor_event event = { fn, arg1, arg2 };

	msg_queue_push(&reactor->events, &event, sizeof(event), thread_token());
}

struct spdk_event *
spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	struct spdk_event *event;

	if (reactor_get(lcore) == NULL) {
		SPDK_ERRLOG("core %u has no reactor to send an event to\n", lcore);
		return NULL;
	}
	/* Freed by the sender when it is called: libc's per-thread cache serves both. */
	event = malloc(sizeof(*event));
	if (event == NULL) {
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
	reactor_send(reactor_get(event->lcore), event->fn, event->arg1, event->arg2);
	free(event);
}

uint32_t
reactor_run_events(struct spdk_reactor *reactor)
{
	struct reactor_event batch[REACTOR_EVENT_BATCH];
	uint32_t count, i;

	count = msg_queue_pop(&reactor->events, batch, REACTOR_EVENT_BATCH, true);
	for (i = 0; i < count; i++) {
		slot_begin(reactor->slot, CAL_RUNNING_EVENT, (uintptr_t)batch[i].fn, 0);
		batch[i].fn(batch[i].arg1, batch[i].arg2);
		slot_end(reactor->slot);
	}
	if (count > 0) {
		SLOT_SET(reactor->slot, events, reactor->slot->events + count);
	}
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
	struct spdk_reactor *origin = reactor_current();
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
