/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Interrupt mode of a thread. Its group holds an eventfd by which it is woken, a timerfd for all of
 * its timed pollers, an eventfd that is readable as long as it has active ones, and what the
 * application has registered. Whenever something in it is ready, and whoever waits for it, the
 * thread has a turn: the application's handlers, then all that a turn is without interrupt mode,
 * then the descriptors are made to say what it waits for next.
 *
 * So every turn looks at everything, and all that has to be right is that there is one: who changes
 * something outside of a turn wakes the thread, and what the thread does not see at the end of its
 * turn finds the queue armed. The wake eventfd is reported by its edge, for each write, and never
 * read; the timerfd is reset by setting it. */

#include "core/thread/thread_interrupt.h"
#include "core/thread/thread_turn.h"

#include "core/util/log_internal.h"
#include "spdk/log.h"
#include "spdk/string.h"

#include <sys/timerfd.h>

/* What an exiting thread waits for may be on other threads: it looks again after so long. */
#define EXIT_LOOK_US 10000

static bool g_enabled;

int
spdk_interrupt_mode_enable(void)
{
	if (!g_enabled && spdk_thread_get_count() > 0) {
		SPDK_ERRLOG("interrupt mode must be enabled before the first thread is created\n");
		return -EBUSY;
	}
	g_enabled = true;
	return 0;
}

void
thread_interrupt_mode_forget(void)
{
	g_enabled = false;
}

bool
spdk_interrupt_mode_is_enabled(void)
{
	return g_enabled;
}

bool
thread_in_interrupt(const struct spdk_thread *thread)
{
	return thread->interrupt;
}

/* --- the descriptors -------------------------------------------------------------------------- */

/* It has done its work by being ready: the turn does the rest. */
static int
on_wake(void *arg)
{
	struct thread_interrupt *intr = arg;

	/* The sender that wrote has disarmed the queue; or it was somebody else, and arming it
	 * again does no harm. */
	intr->armed = false;
	return 0;
}

static int
on_timer(void *arg)
{
	struct thread_interrupt *intr = arg;

	intr->timer_fired = true;
	return 0;
}

static int
on_active(void *arg)
{
	return 0;
}

static void
eventfd_signal(int fd)
{
	uint64_t one = 1;

	/* It refuses only when it is readable as it is. */
	if (write(fd, &one, sizeof(one)) < 0) {
		return;
	}
}

/* Every handler of the application's is called by way of this one. */
static int
call_on_thread(void *ctx, spdk_fd_fn fn, void *arg)
{
	struct spdk_thread *thread = ctx;
	struct thread_interrupt *intr = thread->intr;
	struct cal_stats_reactor *slot = thread_this_os.slot;
	int rc;

	if (arg == intr) {
		return fn(arg);
	}
	if (thread_this_os.current != thread) {
		/* It has exited, and this group is nested in one of its own. */
		return 0;
	}
	slot_begin(slot, CAL_RUNNING_INTERRUPT, (uintptr_t)fn, 0);
	rc = fn(arg);
	slot_end(slot);
	if (spdk_unlikely(thread_locks(thread) != 0)) {
		thread_locks_held(thread, "interrupt", "", (uintptr_t)fn);
	}
	intr->ran = true;
	intr->busy |= rc > 0;
	return rc;
}

/* Add a descriptor that was just made (-1: it was not) and keep it in *own. */
static int
add_own(struct thread_interrupt *intr, int *own, int fd, uint32_t events, spdk_fd_fn fn,
        const char *name)
{
	int rc = fd >= 0 ? spdk_fd_group_add_for_events(intr->fgrp, fd, events, fn, intr, name)
	                 : -errno;

	if (rc == 0) {
		*own = fd;
	} else if (fd >= 0 && own != &intr->wake_fd) {
		close(fd);
	}
	return rc;
}

static void
remove_own(struct thread_interrupt *intr, int fd)
{
	if (fd >= 0) {
		spdk_fd_group_remove(intr->fgrp, fd);
	}
}

static void
close_own(struct thread_interrupt *intr, int fd)
{
	remove_own(intr, fd);
	if (fd >= 0) {
		close(fd);
	}
}

static void turn_begin(void *ctx);
static void turn_end(void *ctx);

static int
group_init(struct spdk_thread *thread, struct thread_interrupt *intr)
{
	static const struct fd_group_turn turn = { turn_begin, turn_end };
	int rc = spdk_fd_group_create(&intr->fgrp);
	uint64_t count;

	if (rc != 0) {
		return rc;
	}
	/* An earlier thread's, if the memory has it: see thread_free(). */
	if (thread->kept_fd < 0) {
		thread->kept_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	} else if (read(thread->kept_fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
		return -errno;
	}
	rc = add_own(intr, &intr->wake_fd, thread->kept_fd, EPOLLIN | EPOLLET, on_wake, "messages");
	if (rc == 0) {
		rc = add_own(intr, &intr->active_fd, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		             EPOLLIN, on_active, "active pollers");
	}
	if (rc == 0) {
		rc = add_own(intr, &intr->timer_fd,
		             timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), EPOLLIN,
		             on_timer, "timed pollers");
	}
	if (rc == 0) {
		rc = spdk_fd_group_set_wrapper(intr->fgrp, call_on_thread, thread);
		fd_group_set_turn(intr->fgrp, &turn, thread);
	}
	return rc;
}

static void
intr_free(struct thread_interrupt *intr)
{
	remove_own(intr, intr->wake_fd); /* it is kept */
	close_own(intr, intr->active_fd);
	close_own(intr, intr->timer_fd);
	spdk_fd_group_destroy(intr->fgrp);
	free(intr);
}

int
thread_interrupt_init(struct spdk_thread *thread)
{
	struct thread_interrupt *intr;
	int rc;

	if (thread->intr != NULL) {
		return 0;
	}
	intr = calloc(1, sizeof(*intr));
	if (intr == NULL) {
		return -ENOMEM;
	}
	TAILQ_INIT(&intr->interrupts);
	intr->wake_fd = intr->active_fd = intr->timer_fd = -1;
	rc = group_init(thread, intr);
	if (rc != 0) {
		intr_free(intr);
		return rc;
	}
	thread->intr = intr;
	return 0;
}

void
thread_interrupt_fini(struct spdk_thread *thread)
{
	__atomic_store_n(&thread->wake_fd, -1, __ATOMIC_RELAXED);
	msg_queue_disarm(&thread->msgs);
	if (thread->intr != NULL) {
		interrupts_free(thread);
		intr_free(thread->intr);
		thread->intr = NULL;
	}
}

struct spdk_fd_group *
spdk_thread_get_interrupt_fd_group(struct spdk_thread *thread)
{
	return thread_interrupt_init(thread) == 0 ? thread->intr->fgrp : NULL;
}

int
spdk_thread_get_interrupt_fd(struct spdk_thread *thread)
{
	int rc = thread_interrupt_init(thread);

	return rc == 0 ? spdk_fd_group_get_fd(thread->intr->fgrp) : rc;
}

/* --- what they say ---------------------------------------------------------------------------- */

uint64_t
interrupt_timer_ns(uint64_t due, uint64_t now)
{
	uint64_t hz = spdk_get_ticks_hz(), left = due > now ? due - now : 0, seconds = left / hz;

	/* In two parts, and rounded up: woken too early, it would have to be set again. */
	if (seconds >= UINT32_MAX) {
		seconds = UINT32_MAX;
		left = 0;
	}
	left = seconds * SPDK_SEC_TO_NSEC + (left % hz * SPDK_SEC_TO_NSEC + hz - 1) / hz;
	return spdk_max(left, 1);
}

static void
timer_set(struct thread_interrupt *intr, uint64_t due)
{
	struct itimerspec spec = { 0 };
	uint64_t ns;

	if (due == intr->timer_due && !intr->timer_fired) {
		return;
	}
	if (due != 0) {
		ns = interrupt_timer_ns(due, spdk_get_ticks());
		spec.it_value.tv_sec = (time_t)(ns / SPDK_SEC_TO_NSEC);
		spec.it_value.tv_nsec = (long)(ns % SPDK_SEC_TO_NSEC);
	}
	timerfd_settime(intr->timer_fd, 0, &spec, NULL);
	intr->timer_due = due;
	intr->timer_fired = false;
}

static void
active_set(struct thread_interrupt *intr, bool on)
{
	uint64_t value;

	if (on == intr->active_on) {
		return;
	}
	intr->active_on = on;
	if (on) {
		eventfd_signal(intr->active_fd);
	} else if (read(intr->active_fd, &value, sizeof(value)) < 0) {
		/* It was not readable, and that is what is wanted. */
		return;
	}
}

/* When the clock alone must wake it, 0: never. */
static uint64_t
next_due(const struct spdk_thread *thread)
{
	uint64_t due = UINT64_MAX;

	if (poller_timers_any(&thread->timed)) {
		due = poller_timers_due(&thread->timed);
	}
	if (thread_is_exiting(thread)) {
		due = spdk_min(due, thread->exit_deadline);
		due = spdk_min(due, thread->intr->now +
		                            spdk_get_ticks_hz() * EXIT_LOOK_US / SPDK_SEC_TO_USEC);
	}
	return due != UINT64_MAX ? spdk_max(due, 1) : 0;
}

/* The end of a turn: sleep until there is something to do. */
static void
descriptors_set(struct spdk_thread *thread)
{
	struct thread_interrupt *intr = thread->intr;

	timer_set(intr, next_due(thread));
	active_set(intr, poller_active_any(&thread->active));
	if (!intr->armed) {
		intr->armed = msg_queue_arm(&thread->msgs, intr->wake_fd);
		if (!intr->armed) {
			eventfd_signal(intr->wake_fd);
		}
	}
}

void
thread_interrupt_kick(struct spdk_thread *thread)
{
	if (thread->interrupt) {
		eventfd_signal(thread->intr->wake_fd);
	}
}

/* --- turns ------------------------------------------------------------------------------------ */

static void
turn_begin(void *ctx)
{
	struct spdk_thread *thread = ctx;
	struct thread_interrupt *intr = thread->intr;

	if (thread->in_poll || thread_state_get(thread) == THREAD_EXITED) {
		/* Its group is waited for in a turn of its own, or when it is over. */
		return;
	}
	intr->in_turn = true;
	thread->in_poll = 1;
	intr->before = thread_turn_here(thread);
	SLOT_SET(thread_this_os.slot, running_thread, thread->id);
	if (intr->now == 0) {
		intr->now = spdk_get_ticks();
	}
	if (thread->interrupt && intr->now > thread->last_tsc) {
		thread->stats.idle_tsc += intr->now - thread->last_tsc;
	}
	intr->busy = intr->ran = false;
}

static void
turn_quieten(struct spdk_thread *thread)
{
	if (thread->intr->pollers_changed && thread->interrupt) {
		thread->intr->pollers_changed = false;
		pollers_quieten(thread);
	}
}

static void
turn_end(void *ctx)
{
	struct spdk_thread *thread = ctx;
	struct thread_interrupt *intr = thread->intr;
	struct cal_stats_reactor *slot = thread_this_os.slot;
	uint32_t max_msgs = intr->max_msgs != 0 ? intr->max_msgs : THREAD_MSG_BATCH;
	bool busy;

	if (!intr->in_turn) {
		/* The turn that this wait is part of may have begun before interrupt mode did, and
		 * what woke the thread has been reported: have another one. */
		if (thread->in_poll) {
			thread_interrupt_kick(thread);
		}
		return;
	}
	turn_quieten(thread);
	intr->ran |= thread_turn_work(thread, slot, max_msgs, intr->now, false, &busy);
	intr->busy |= busy;
	if (intr->ran) {
		thread_turn_account(thread, intr->now, intr->busy);
	} else {
		thread->last_tsc = intr->now;
	}
	if (spdk_unlikely(thread_state_get(thread) == THREAD_EXITED)) {
		interrupts_drop(thread);
		msg_queue_disarm(&thread->msgs);
		timer_set(intr, 0);
		active_set(intr, false);
	} else if (thread->interrupt) {
		turn_quieten(thread);
		descriptors_set(thread);
	}
	SLOT_SET(slot, running_thread, 0);
	intr->now = 0;
	intr->in_turn = false;
	thread->in_poll = 0;
	thread_this_os.current = intr->before;
}

int
thread_interrupt_poll(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	struct thread_interrupt *intr = thread->intr;

	if (!thread->interrupt || thread->in_poll || thread_state_get(thread) == THREAD_EXITED) {
		return 0;
	}
	intr->busy = false;
	intr->max_msgs = max_msgs;
	intr->now = now;
	if (spdk_fd_group_wait(intr->fgrp, 0) == 0 && thread_is_exiting(thread)) {
		turn_begin(thread);
		turn_end(thread);
	}
	intr->max_msgs = 0;
	intr->now = 0;
	return intr->busy;
}

/* --- in and out ------------------------------------------------------------------------------- */

void
thread_interrupt_wake(struct spdk_thread *thread)
{
	/* Partner of the store in thread_interrupt_enter(). */
	int fd = __atomic_load_n(&thread->wake_fd, __ATOMIC_SEQ_CST), saved = errno;

	if (fd >= 0) {
		eventfd_signal(fd);
	}
	errno = saved;
}

void
thread_interrupt_changed(struct spdk_thread *thread)
{
	if (!thread->interrupt) {
		return;
	}
	thread->intr->pollers_changed = true;
	if (!thread->intr->in_turn) {
		thread_interrupt_kick(thread);
	}
}

int
thread_interrupt_enter(struct spdk_thread *thread)
{
	struct spdk_thread *before = thread_this_os.current;
	int rc;

	if (thread->interrupt) {
		return 0;
	}
	rc = thread_interrupt_init(thread);
	if (rc != 0) {
		return rc;
	}
	thread->interrupt = true;
	thread_end_chain(thread);
	thread->intr->armed = false;
	/* The sender of a critical message stores it and then looks here; after this the first turn
	 * looks at it. In one order or the other, somebody sees. */
	__atomic_store_n(&thread->wake_fd, thread->intr->wake_fd, __ATOMIC_SEQ_CST);
	thread_interrupt_changed(thread);
	thread_interrupt_kick(thread);
	spdk_set_thread(thread);
	pollers_interrupt_enter(thread);
	thread_this_os.current = before;
	return 0;
}

void
thread_interrupt_leave(struct spdk_thread *thread)
{
	struct spdk_thread *before = thread_this_os.current;

	if (!thread->interrupt) {
		return;
	}
	thread->interrupt = false;
	__atomic_store_n(&thread->wake_fd, -1, __ATOMIC_RELAXED);
	msg_queue_disarm(&thread->msgs);
	timer_set(thread->intr, 0);
	active_set(thread->intr, false);
	spdk_set_thread(thread);
	pollers_interrupt_leave(thread);
	thread_this_os.current = before;
}

void
spdk_thread_set_interrupt_mode(bool enable_interrupt)
{
	struct spdk_thread *thread = thread_required(__func__, "interrupt mode");
	int rc;

	if (!enable_interrupt) {
		thread_interrupt_leave(thread);
		return;
	}
	rc = thread_interrupt_enter(thread);
	if (rc != 0) {
		SPDK_ERRLOG("thread %s goes on polling: there are no descriptors for interrupt "
		            "mode: %s\n",
		            thread->name, spdk_strerror(-rc));
	}
}
