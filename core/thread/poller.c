/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Life of a poller. It is in exactly one place: among the active or the timed ones, in the paused
 * list, or in the list of those to be freed at the end of the turn. The one that runs stays where
 * it is; what it did to itself is carried out when it returns (poller_run.c). */

#include "core/thread/thread_internal.h"

#include "spdk/log.h"
#include "spdk_internal/thread.h"

/* So that a time plus a period is one, too: a century or so. */
#define PERIOD_MAX (UINT64_MAX / 4)

static uint64_t
us_to_ticks(uint64_t us)
{
	uint64_t hz = spdk_get_ticks_hz(), seconds = us / SPDK_SEC_TO_USEC, ticks;

	if (us == 0) {
		return 0;
	}
	if (seconds >= PERIOD_MAX / hz) {
		return PERIOD_MAX;
	}
	/* In two parts: a period of days times a frequency of gigahertz is more than 64 bits. */
	ticks = seconds * hz + us % SPDK_SEC_TO_USEC * hz / SPDK_SEC_TO_USEC;
	return ticks != 0 ? ticks : 1;
}

/* Get, and give up, its room among those of its kind. Until then starting it cannot fail. */
static int
poller_join(struct spdk_thread *thread, struct spdk_poller *poller)
{
	if (poller->period == 0) {
		return poller_active_join(&thread->active);
	}
	poller->class = poller_timers_join(&thread->timed, poller->period);
	return poller->class != NULL ? 0 : -ENOMEM;
}

static void
poller_leave(struct spdk_thread *thread, struct spdk_poller *poller)
{
	if (poller->class != NULL) {
		poller_timers_leave(&thread->timed, poller->class);
		poller->class = NULL;
	} else {
		poller_active_leave(&thread->active);
	}
}

void
poller_start(struct spdk_thread *thread, struct spdk_poller *poller)
{
	uint64_t now;

	poller->state = POLLER_WAITING;
	thread_end_chain(thread);
	if (spdk_unlikely(thread->interrupt && poller->has_intr)) {
		poller->quiet = true;
		TAILQ_INSERT_TAIL(&thread->quiet, poller, link);
		return;
	}
	if (poller->class != NULL) {
		/* A turn that was told a later time than it is must not call it, either. */
		now = spdk_get_ticks();
		now = spdk_max(now, thread->timed_now);
		poller_timers_arm(&thread->timed, poller, now + poller->period);
	} else if (poller_active_add(&thread->active, poller) && thread->running != NULL) {
		thread->after |= AFTER_MOVED;
	}
	if (spdk_unlikely(thread->interrupt)) {
		thread_interrupt_changed(thread);
	}
}

void
poller_stop(struct spdk_thread *thread, struct spdk_poller *poller)
{
	if (spdk_unlikely(poller->quiet)) {
		poller->quiet = false;
		TAILQ_REMOVE(&thread->quiet, poller, link);
		return;
	}
	if (spdk_unlikely(thread->interrupt)) {
		thread_interrupt_changed(thread);
	}
	if (poller->class != NULL) {
		poller_timers_disarm(&thread->timed, poller);
	} else {
		poller_active_remove(&thread->active, poller,
		                     thread->running != NULL && thread->running->class == NULL);
	}
}

/* It is nowhere and will not be called again. */
static void
poller_bury(struct spdk_thread *thread, struct spdk_poller *poller)
{
	poller->state = POLLER_UNREGISTERED;
	poller_info_remove(thread, poller);
	poller_interrupt_forget(thread, poller);
	poller_leave(thread, poller);
	TAILQ_INSERT_TAIL(&thread->unregistered, poller, link);
}

static void
poller_rest(struct spdk_thread *thread, struct spdk_poller *poller)
{
	poller->state = POLLER_PAUSED;
	TAILQ_INSERT_TAIL(&thread->paused, poller, link);
}

void
poller_self_stop(struct spdk_thread *thread, struct spdk_poller *poller)
{
	poller_stop(thread, poller);
	if (poller->state == POLLER_UNREGISTERED) {
		poller_bury(thread, poller);
	} else {
		poller_rest(thread, poller);
	}
}

struct spdk_poller *
spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period_microseconds,
                           const char *name)
{
	struct spdk_thread *thread = thread_this_os.current;
	struct spdk_poller *poller;
	char address[24];
	size_t size;

	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", (void *)(uintptr_t)fn);
		name = address;
	}
	if (thread == NULL) {
		SPDK_ERRLOG("poller %s cannot be registered: the caller is on no thread\n", name);
		return NULL;
	}
	if (thread_state_get(thread) == THREAD_EXITED) {
		SPDK_ERRLOG("thread %s has exited: poller %s cannot be registered\n", thread->name,
		            name);
		return NULL;
	}
	size = offsetof(struct spdk_poller, name) + strlen(name) + 1;
	size = SPDK_ALIGN_CEIL(spdk_max(size, sizeof(*poller)), (size_t)SPDK_CACHE_LINE_SIZE);
	poller = aligned_alloc(SPDK_CACHE_LINE_SIZE, size);
	if (poller == NULL) {
		SPDK_ERRLOG("no memory for poller %s\n", name);
		return NULL;
	}
	memset(poller, 0, size);
	memcpy(poller->name, name, strlen(name) + 1);
	poller->thread = thread;
	poller->fn = fn;
	poller->arg = arg;
	poller->id = thread->next_poller_id++;
	poller->what = slot_what(CAL_RUNNING_POLLER, (uint32_t)poller->id);
	poller->period = us_to_ticks(period_microseconds);
	if (poller_join(thread, poller) != 0) {
		SPDK_ERRLOG("no memory for poller %s\n", name);
		free(poller);
		return NULL;
	}
	poller_info_add(thread, poller);
	poller_start(thread, poller);
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
	if (poller->state == POLLER_UNREGISTERED) {
		thread_fatal(__func__, "poller %s (%p) of thread %s was unregistered before",
		             poller->name, (void *)poller, thread->name);
	}
	if (thread->running == poller) {
		poller->state = POLLER_UNREGISTERED;
		thread->after |= AFTER_SELF;
		return;
	}
	if (poller->state == POLLER_PAUSED) {
		TAILQ_REMOVE(&thread->paused, poller, link);
	} else {
		poller_stop(thread, poller);
	}
	poller_bury(thread, poller);
}

void
spdk_poller_pause(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;

	thread_check(__func__, "poller", poller->name, poller, thread);
	if (poller->state != POLLER_WAITING) {
		return;
	}
	if (thread->running == poller) {
		poller->state = POLLER_PAUSING;
		thread->after |= AFTER_SELF;
		return;
	}
	poller_stop(thread, poller);
	poller_rest(thread, poller);
}

void
spdk_poller_resume(struct spdk_poller *poller)
{
	struct spdk_thread *thread = poller->thread;

	thread_check(__func__, "poller", poller->name, poller, thread);
	if (poller->state == POLLER_PAUSING) {
		poller->state = POLLER_WAITING;
	} else if (poller->state == POLLER_PAUSED) {
		TAILQ_REMOVE(&thread->paused, poller, link);
		poller_start(thread, poller);
	}
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
	thread->after |= AFTER_POSTS;
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
pollers_free_unregistered(struct spdk_thread *thread)
{
	poller_list_free(&thread->unregistered);
}

void
thread_free_pollers(struct spdk_thread *thread)
{
	struct spdk_poller *poller, *next;

	poller_list_free(&thread->unregistered);
	poller_list_free(&thread->paused);
	poller_list_free(&thread->quiet);
	for (poller = poller_active_first(&thread->active); poller != NULL; poller = next) {
		next = poller_active_next(&thread->active, poller);
		free(poller);
	}
	for (poller = poller_timers_first(&thread->timed); poller != NULL; poller = next) {
		next = poller_timers_next(&thread->timed, poller);
		free(poller);
	}
	poller_active_fini(&thread->active);
	poller_timers_fini(&thread->timed);
}
