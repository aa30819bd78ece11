/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Getters and small setters of a thread, the current OS thread's slot, and the checks that end the
 * process. */

#include "core/thread/thread_internal.h"

#include "spdk/log.h"
#include "core/util/log_internal.h"

void
thread_stats_slot_set(struct cal_stats_reactor *slot)
{
	/* Writers need no check: an OS thread without a slot leaves its traces here. */
	static __thread struct cal_stats_reactor own;

	thread_this_os.slot = slot != NULL ? slot : &own;
}

void
thread_fatal(const char *func, const char *format, ...)
{
	char text[384];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_flush();
	log_defer_on_this_thread(false);
	SPDK_ERRLOG("%s: %s\n", func, text);
	abort();
}

void
thread_wrong(const char *func, const char *kind, const char *name, const void *object,
             const struct spdk_thread *expected)
{
	const struct spdk_thread *actual = thread_this_os.current;

	thread_fatal(func, "%s %s (%p) belongs to thread %s (%p) but was used on %s (%p)", kind,
	             name, object, expected != NULL ? expected->name : "none",
	             (const void *)expected, actual != NULL ? actual->name : "no thread",
	             (const void *)actual);
}

struct spdk_thread *
thread_required(const char *func, const char *what)
{
	if (spdk_unlikely(thread_this_os.current == NULL)) {
		thread_fatal(func, "%s: must be called on a thread, and was called outside of any",
		             what);
	}
	return thread_this_os.current;
}

void
thread_locks_held(struct spdk_thread *thread, const char *what, const char *name, uintptr_t fn)
{
	thread_fatal(what, "%s%sfunction %p on thread %s returned with %u spinlocks held", name,
	             name[0] != '\0' ? ", " : "", (void *)fn, thread->name, thread_locks(thread));
}

void
spdk_thread_bind(struct spdk_thread *thread, bool bind)
{
	__atomic_store_n(&thread->bound, bind, __ATOMIC_RELAXED);
}

bool
spdk_thread_is_bound(struct spdk_thread *thread)
{
	return __atomic_load_n(&thread->bound, __ATOMIC_RELAXED);
}

void *
spdk_thread_get_ctx(struct spdk_thread *thread)
{
	return thread->ctx_size > 0 ? thread->ctx : NULL;
}

struct spdk_thread *
spdk_thread_get_from_ctx(void *ctx)
{
	return ctx != NULL ? SPDK_CONTAINEROF(ctx, struct spdk_thread, ctx) : NULL;
}

struct spdk_cpuset *
spdk_thread_get_cpumask(struct spdk_thread *thread)
{
	return &thread->cpumask;
}

const char *
spdk_thread_get_name(const struct spdk_thread *thread)
{
	return thread->name;
}

uint64_t
spdk_thread_get_id(const struct spdk_thread *thread)
{
	return thread->id;
}

int
spdk_thread_get_stats(struct spdk_thread_stats *stats)
{
	if (thread_this_os.current == NULL || stats == NULL) {
		SPDK_ERRLOG("thread statistics can be read on a thread only\n");
		return -EINVAL;
	}
	*stats = thread_this_os.current->stats;
	return 0;
}

uint64_t
spdk_thread_get_last_tsc(struct spdk_thread *thread)
{
	if (thread == NULL) {
		thread = thread_required(__func__, "time of the last turn");
	}
	return thread->last_tsc;
}

uint16_t
spdk_thread_get_trace_id(struct spdk_thread *thread)
{
	return thread->trace_id;
}

uint64_t
spdk_thread_next_poller_expiration(struct spdk_thread *thread)
{
	uint64_t now, due;

	if (!poller_timers_any(&thread->timed)) {
		return 0;
	}
	now = spdk_get_ticks();
	due = poller_timers_due(&thread->timed);
	return due > now ? due - now : 0;
}

int
spdk_thread_has_active_pollers(struct spdk_thread *thread)
{
	return poller_active_any(&thread->active) || poller_quiet_next(thread, NULL, false) != NULL;
}

bool
spdk_thread_has_pollers(struct spdk_thread *thread)
{
	return poller_active_any(&thread->active) || poller_timers_any(&thread->timed) ||
	       !TAILQ_EMPTY(&thread->paused) || !TAILQ_EMPTY(&thread->quiet);
}

bool
spdk_thread_is_idle(struct spdk_thread *thread)
{
	return msg_queue_is_empty(&thread->msgs) && !poller_active_any(&thread->active) &&
	       __atomic_load_n(&thread->critical, __ATOMIC_RELAXED) == NULL;
}

uint64_t
thread_msg_depth(const struct spdk_thread *thread)
{
	return msg_queue_depth(&thread->msgs);
}
