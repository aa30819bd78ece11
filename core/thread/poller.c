/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Pollers. A poller is in exactly one place: the active list, the heap of timed ones, the paused
 * list, or the list of those to be freed at the end of the turn. The one that runs stays where it
 * is; what it did to itself is carried out when it returns. */

#include "core/thread/poller_trace.h"
#include "core/thread/thread_internal.h"

#include "spdk/log.h"
#include "spdk_internal/thread.h"

static uint64_t
us_to_ticks(uint64_t us)
{
	uint64_t hz = spdk_get_ticks_hz(), ticks;

	if (us == 0) {
		return 0;
	}
	/* In two parts: a period of days times a frequency of gigahertz is more than 64 bits. */
	ticks = us / SPDK_SEC_TO_USEC * hz + us % SPDK_SEC_TO_USEC * hz / SPDK_SEC_TO_USEC;
	return ticks != 0 ? ticks : 1;
}

/* Put a poller that is nowhere to where it runs from. */
static int
poller_start(struct spdk_thread *thread, struct spdk_poller *poller)
{
	int rc;

	if (poller->period == 0) {
		TAILQ_INSERT_TAIL(&thread->active, poller, link);
	} else {
		poller->next_run = spdk_get_ticks() + poller->period;
		rc = poller_heap_insert(&thread->timed, poller);
		if (rc != 0) {
			return rc;
		}
	}
	poller->state = POLLER_WAITING;
	return 0;
}

/* Take a poller out of where it runs from. */
static void
poller_stop(struct spdk_thread *thread, struct spdk_poller *poller)
{
	if (poller->period != 0) {
		poller_heap_remove(&thread->timed, poller);
		return;
	}
	if (thread->next_active == poller) {
		thread->next_active = TAILQ_PREV(poller, poller_list, link);
	}
	TAILQ_REMOVE(&thread->active, poller, link);
}

struct spdk_poller *
spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period_microseconds,
                           const char *name)
{
	struct spdk_thread *thread = thread_this_os.current;
	struct spdk_poller *poller;
	char address[24];
	size_t name_size;

	if (thread == NULL) {
		SPDK_ERRLOG("poller %s cannot be registered: the caller is on no thread\n",
		            name != NULL ? name : "without a name");
		return NULL;
	}
	if (thread_state_get(thread) == THREAD_EXITED) {
		SPDK_ERRLOG("thread %s has exited: no poller can be registered\n", thread->name);
		return NULL;
	}
	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", (void *)(uintptr_t)fn);
		name = address;
	}
	name_size = strlen(name) + 1;
	poller = calloc(1, sizeof(*poller) + name_size);
	if (poller == NULL) {
		SPDK_ERRLOG("no memory for poller %s\n", name);
		return NULL;
	}
	memcpy(poller->name, name, name_size);
	poller->thread = thread;
	poller->fn = fn;
	poller->arg = arg;
	poller->id = thread->next_poller_id++;
	poller->period = us_to_ticks(period_microseconds);
	if (poller_start(thread, poller) != 0) {
		SPDK_ERRLOG("no memory for poller %s\n", name);
		free(poller);
		return NULL;
	}
	return poller;
}

struct spdk_poller *
spdk_poller_register(spdk_poller_fn fn, void *arg, uint64_t period_microseconds)
{
	return spdk_poller_register_named(fn, arg, period_microseconds, NULL);
}

void
spdk_poller_unregister(struct spdk_poller **ppoller)
{
	struct spdk_poller *poller = *ppoller;
	struct spdk_thread *thread;

	if (poller == NULL) {
		return;
	}
	*ppoller = NULL;
	thread = poller->thread;
	thread_check(__func__, "poller", poller->name, poller, thread);
	switch (poller->state) {
	case POLLER_UNREGISTERED:
		thread_fatal(__func__, "poller %s (%p) of thread %s was unregistered before",
		             poller->name, (void *)poller, thread->name);
	case POLLER_RUNNING:
	case POLLER_PAUSING:
		poller->state = POLLER_UNREGISTERED;
		return;
	case POLLER_PAUSED:
		TAILQ_REMOVE(&thread->paused, poller, link);
		break;
	case POLLER_WAITING:
		poller_stop(thread, poller);
		break;
	}
	poller->state = POLLER_UNREGISTERED;
	TAILQ_INSERT_TAIL(&thread->unregistered, poller, link);
}

void
spdk_poller_pause(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;

	thread_check(__func__, "poller", poller->name, poller, thread);
	switch (poller->state) {
	case POLLER_RUNNING:
		poller->state = POLLER_PAUSING;
		break;
	case POLLER_WAITING:
		poller_stop(thread, poller);
		poller->state = POLLER_PAUSED;
		TAILQ_INSERT_TAIL(&thread->paused, poller, link);
		break;
	case POLLER_UNREGISTERED:
	case POLLER_PAUSING:
	case POLLER_PAUSED:
		break;
	}
}

void
spdk_poller_resume(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;

	thread_check(__func__, "poller", poller->name, poller, thread);
	if (poller->state == POLLER_PAUSING) {
		poller->state = POLLER_RUNNING;
	} else if (poller->state == POLLER_PAUSED) {
		TAILQ_REMOVE(&thread->paused, poller, link);
		if (poller_start(thread, poller) != 0) {
			SPDK_ERRLOG("no memory to resume poller %s: it stays paused\n",
			            poller->name);
			TAILQ_INSERT_TAIL(&thread->paused, poller, link);
		}
	}
}

void
spdk_poller_register_interrupt(struct spdk_poller *poller, spdk_poller_set_interrupt_mode_cb cb_fn,
                               void *cb_arg)
{
	thread_check(__func__, "poller", poller->name, poller, poller->thread);
	poller->intr_cb = cb_fn;
	poller->intr_arg = cb_arg;
}

void
spdk_thread_register_post_poller_handler(spdk_post_poller_fn fn, void *fn_arg)
{
	struct spdk_thread *thread = thread_required(__func__, "post-poller handler");

	if (thread->running == NULL || thread->num_posts == THREAD_POST_MAX) {
		thread_fatal(__func__, "thread %s: %s", thread->name,
		             thread->running == NULL ? "no poller runs"
		                                     : "too many handlers for one poller");
	}
	thread->posts[thread->num_posts++] = (struct thread_post){ fn, fn_arg };
}

/* Call the poller, and carry out what it did to itself if that takes it out of its place. Returns
 * what it returned. */
static int
poller_run(struct spdk_thread *thread, struct spdk_poller *poller, struct cal_stats_reactor *slot)
{
	uint32_t i;
	int rc;

	poller->state = POLLER_RUNNING;
	thread->running = poller;
	slot_begin(slot, CAL_RUNNING_POLLER, (uintptr_t)poller->fn, (uint32_t)poller->id);
	rc = spdk_unlikely(PROBE_ENABLED(poller_run)) ? poller_call_traced(thread, poller)
	                                              : poller->fn(poller->arg);
	slot_end(slot);
	poller->run_count++;
	poller->busy_count += rc > 0;
	if (spdk_unlikely(thread->lock_count != 0)) {
		thread_locks_held(thread, "poller", (uintptr_t)poller->fn);
	}
	if (spdk_unlikely(thread->num_posts > 0)) {
		for (i = 0; i < thread->num_posts; i++) {
			thread->posts[i].fn(thread->posts[i].arg);
		}
		thread->num_posts = 0;
	}
	thread->running = NULL;
	switch (poller->state) {
	case POLLER_UNREGISTERED:
		poller_stop(thread, poller);
		TAILQ_INSERT_TAIL(&thread->unregistered, poller, link);
		break;
	case POLLER_PAUSING:
		poller_stop(thread, poller);
		poller->state = POLLER_PAUSED;
		TAILQ_INSERT_TAIL(&thread->paused, poller, link);
		break;
	default:
		poller->state = POLLER_WAITING;
		break;
	}
	return rc;
}

bool
thread_run_active(struct spdk_thread *thread, struct cal_stats_reactor *slot, bool *ran)
{
	struct spdk_poller *poller;
	bool busy = false;

	for (poller = TAILQ_LAST(&thread->active, poller_list); poller != NULL;
	     poller = thread->next_active) {
		thread->next_active = TAILQ_PREV(poller, poller_list, link);
		busy |= poller_run(thread, poller, slot) > 0;
		*ran = true;
	}
	return busy;
}

bool
thread_run_timed(struct spdk_thread *thread, struct cal_stats_reactor *slot, uint64_t now,
                 bool *ran)
{
	struct poller_heap *heap = &thread->timed;
	struct spdk_poller *poller;
	bool busy = false;

	while (heap->count > 0 && heap->entries[0].next_run <= now) {
		poller = heap->entries[0].poller;
		busy |= poller_run(thread, poller, slot) > 0;
		*ran = true;
		/* A period is at least a tick: each is called once at most. */
		if (poller->state == POLLER_WAITING) {
			poller->next_run = now + poller->period;
			poller_heap_update(heap, poller);
		}
	}
	return busy;
}

static void
poller_list_free(struct poller_list *list)
{
	struct spdk_poller *poller;

	while ((poller = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, poller, link);
		free(poller);
	}
}

void
thread_reap_pollers(struct spdk_thread *thread)
{
	if (spdk_unlikely(!TAILQ_EMPTY(&thread->unregistered))) {
		poller_list_free(&thread->unregistered);
	}
}

void
thread_free_pollers(struct spdk_thread *thread)
{
	uint32_t i;

	poller_list_free(&thread->unregistered);
	poller_list_free(&thread->active);
	poller_list_free(&thread->paused);
	for (i = 0; i < thread->timed.count; i++) {
		free(thread->timed.entries[i].poller);
	}
	free(thread->timed.entries);
	memset(&thread->timed, 0, sizeof(thread->timed));
}
