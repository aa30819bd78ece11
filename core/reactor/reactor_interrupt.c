/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A reactor that sleeps. It waits in a group of descriptors: its own eventfd, for events and for
 * the stop, and the descriptor of each of its threads, which is readable when that thread has
 * something to do (a message, a timer, an interrupt). Nothing else wakes it.
 *
 * A thread that cannot be waited for (it went back into poll mode, or there are no descriptors
 * left) is polled, and its reactor does not sleep. In the second case it is tried again,
 * once a second.
 *
 * The mode changes in an event, hence never within a wait; what was sent before and is sent
 * meanwhile stays in the queues, which do not depend on the mode. */

#include "core/reactor/reactor_private.h"
#include "core/reactor/scheduler_internal.h"

#include <sys/eventfd.h>

#include "spdk/fd_group.h"
#include "spdk/log.h"
#include "spdk/string.h"

int
reactor_interrupt_init(struct spdk_reactor *reactor)
{
	/* Always there, so that the stop finds it whatever the reactor is about to do. */
	reactor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return reactor->wake_fd >= 0 ? 0 : -errno;
}

void
reactor_interrupt_fini(struct spdk_reactor *reactor)
{
	if (reactor->fgrp != NULL) {
		spdk_fd_group_remove(reactor->fgrp, reactor->wake_fd);
		spdk_fd_group_destroy(reactor->fgrp);
	}
	close(reactor->wake_fd);
}

void
reactor_wake(struct spdk_reactor *reactor)
{
	uint64_t one = 1;
	ssize_t n = write(reactor->wake_fd, &one, sizeof(one));

	(void)n; /* it can fail only when the counter is full, and then it is readable */
}

/* The group has read the eventfd; the queue is looked at in the turn that follows. */
static int
woken(void *arg)
{
	return 0;
}

static int
group_make(struct spdk_reactor *reactor)
{
	struct spdk_event_handler_opts opts = {
		.opts_size = sizeof(opts),
		.events = EPOLLIN,
		.fd_type = SPDK_FD_TYPE_EVENTFD,
	};
	struct spdk_fd_group *fgrp;
	int rc;

	if (reactor->fgrp != NULL) {
		return 0;
	}
	rc = spdk_fd_group_create(&fgrp);
	if (rc != 0) {
		return rc;
	}
	rc = spdk_fd_group_add_ext(fgrp, reactor->wake_fd, woken, reactor, "events", &opts);
	if (rc != 0) {
		spdk_fd_group_destroy(fgrp);
		return rc;
	}
	reactor->fgrp = fgrp;
	return 0;
}

/* --- the threads of a reactor that sleeps ----------------------------------------------------- */

static int
thread_ready(void *arg)
{
	struct spdk_reactor *reactor = reactor_current();
	uint64_t now = spdk_get_ticks();

	/* Before anything is shown to run: who looks must not take the sleep for a hang. */
	SLOT_SET(reactor->slot, heartbeat_tsc, now);
	reactor_account(reactor, now, false);
	return placement_poll_thread(reactor, arg) ? 1 : 0;
}

static void
watch(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	struct spdk_thread *thread = spdk_thread_get_from_ctx(lw);
	int rc, fd = -1;

	rc = thread_interrupt_enter(thread);
	if (rc == 0) {
		fd = spdk_thread_get_interrupt_fd(thread);
		rc = fd >= 0 ? spdk_fd_group_add(reactor->fgrp, fd, thread_ready, lw,
		                                 spdk_thread_get_name(thread))
		             : fd;
	}
	if (rc == 0) {
		lw->fd = fd;
		lw->watch_fails = 0;
		/* What came before is not to wait for what comes next. */
		thread_interrupt_kick(thread);
		return;
	}
	thread_interrupt_leave(thread);
	reactor->polled++;
	if (lw->watch_fails < 2 && ++lw->watch_fails == 2) {
		SPDK_ERRLOG("thread %s cannot be waited for: %s; reactor_%u polls it, does not "
		            "sleep and tries again every second\n",
		            spdk_thread_get_name(thread), spdk_strerror(-rc), reactor->lcore);
	}
}

static void
unwatch(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	if (lw->fd >= 0) {
		spdk_fd_group_remove(reactor->fgrp, lw->fd);
		lw->fd = -1;
	} else {
		reactor->polled--;
	}
}

void
reactor_interrupt_arrive(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	if (reactor->in_interrupt) {
		watch(reactor, lw);
	} else {
		thread_interrupt_leave(spdk_thread_get_from_ctx(lw));
	}
}

void
reactor_interrupt_depart(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	if (reactor->in_interrupt) {
		unwatch(reactor, lw);
	}
}

void
reactor_interrupt_polled(struct spdk_reactor *reactor, struct spdk_lw_thread *lw)
{
	bool waits = thread_in_interrupt(spdk_thread_get_from_ctx(lw));

	if (waits == (lw->fd >= 0)) {
		return;
	}
	unwatch(reactor, lw);
	if (waits) {
		watch(reactor, lw);
	} else {
		reactor->polled++;
	}
}

/* Those that are in no group of descriptors. */
static void
poll_unwatched(struct spdk_reactor *reactor)
{
	bool again = reactor->last_tsc >= reactor->watch_tsc;
	struct spdk_lw_thread *lw, *next;

	TAILQ_FOREACH_SAFE (lw, &reactor->threads, link, next) {
		if (lw->fd < 0 && lw->watch_fails > 0 && again) {
			unwatch(reactor, lw);
			watch(reactor, lw);
			reactor->watch_tsc = reactor->last_tsc + reactor->ticks_hz;
		}
		if (lw->fd < 0) {
			placement_poll_thread(reactor, lw);
		}
	}
}

/* --- the mode --------------------------------------------------------------------------------- */

int
reactor_interrupt_enter(struct spdk_reactor *reactor)
{
	struct spdk_lw_thread *lw;
	int rc;

	if (reactor->in_interrupt) {
		return 0;
	}
	rc = group_make(reactor);
	if (rc != 0) {
		SPDK_ERRLOG("reactor_%u cannot go into interrupt mode: %s\n", reactor->lcore,
		            spdk_strerror(-rc));
		return rc;
	}
	reactor->in_interrupt = true;
	SLOT_SET(reactor->slot, in_interrupt, 1);
	TAILQ_FOREACH (lw, &reactor->threads, link) {
		watch(reactor, lw);
	}
	return 0;
}

void
reactor_interrupt_leave(struct spdk_reactor *reactor)
{
	struct spdk_lw_thread *lw;

	if (!reactor->in_interrupt) {
		return;
	}
	TAILQ_FOREACH (lw, &reactor->threads, link) {
		unwatch(reactor, lw);
		thread_interrupt_leave(spdk_thread_get_from_ctx(lw));
	}
	msg_queue_disarm(&reactor->events);
	reactor->in_interrupt = false;
	SLOT_SET(reactor->slot, in_interrupt, 0);
}

void
reactor_interrupt_turn(struct spdk_reactor *reactor, bool events_ran)
{
	bool sleeps;
	int rc;

	if (reactor->polled > 0) {
		poll_unwatched(reactor);
	}
	/* Threads see to their own queues; ours is looked at by the arming, or its sender will
	 * still see the flag that nobody has cleared since. */
	sleeps = !events_ran && reactor->polled == 0 &&
	         (__atomic_load_n(&reactor->events.armed, __ATOMIC_RELAXED) != 0 ||
	          msg_queue_arm(&reactor->events, reactor->wake_fd));
	if (sleeps) {
		SLOT_SET(reactor->slot, message_depth, 0);
		SLOT_SET(reactor->slot, heartbeat_tsc, spdk_get_ticks());
	}
	rc = spdk_fd_group_wait(reactor->fgrp, sleeps ? scheduler_patience_ms(reactor) : 0);
	/* What the threads did is accounted for; what is left was sleep. */
	reactor_account(reactor, spdk_get_ticks(), false);
	if (spdk_unlikely(rc < 0 && rc != -EINTR)) {
		SPDK_ERRLOG("reactor_%u cannot sleep: %s; it polls from now on\n", reactor->lcore,
		            spdk_strerror(-rc));
		reactor_interrupt_leave(reactor);
	}
}

/* --- changing it from outside ----------------------------------------------------------------- */

/* Where it was asked for: on the app thread, or on the scheduling reactor. */
static void
mode_changed(void *arg)
{
	struct spdk_reactor *reactor = arg;
	struct reactor_mode_change change = reactor->change;

	/* Release, for who asks next: it may be the other one of the two. */
	__atomic_store_n(&reactor->change.under_way, false, __ATOMIC_RELEASE);
	if (change.cb != NULL) {
		change.cb(change.arg, change.rc);
	}
	if (change.spdk_cb != NULL) {
		change.spdk_cb(change.arg, NULL);
	}
}

static void
mode_changed_event(void *arg1, void *arg2)
{
	mode_changed(arg1);
}

/* On the reactor. */
static void
mode_change(void *arg1, void *arg2)
{
	struct spdk_reactor *reactor = arg1, *asker = reactor->change.asker;
	struct spdk_thread *app = spdk_thread_get_app_thread();

	reactor->change.rc = 0;
	if (reactors_get_state() != SPDK_REACTOR_STATE_RUNNING) {
		reactor->change.rc = -ESHUTDOWN;
	} else if (reactor->change.enable) {
		reactor->change.rc = reactor_interrupt_enter(reactor);
	} else {
		reactor_interrupt_leave(reactor);
	}
	if (asker != NULL) {
		reactor_send(asker, mode_changed_event, reactor, NULL);
	} else if (app != NULL) {
		spdk_thread_send_msg(app, mode_changed, reactor);
	}
}

/* The scheduling reactor when one of its events runs, as SPDK's programs ask. */
static struct spdk_reactor *
scheduling_reactor(void)
{
	struct spdk_reactor *reactor = reactor_current();

	return reactor != NULL && spdk_get_thread() == NULL &&
	                       reactor->lcore == spdk_scheduler_get_scheduling_lcore()
	               ? reactor
	               : NULL;
}

static int
change_begin(uint32_t lcore, const struct reactor_mode_change *change)
{
	struct spdk_reactor *reactor = reactor_get(lcore), *asker = scheduling_reactor();

	if (asker == NULL && (spdk_get_thread() == NULL || !spdk_thread_is_app_thread(NULL))) {
		SPDK_ERRLOG("the mode of reactor_%u is changed on the app thread, or by an event "
		            "on core %u, only\n",
		            lcore, spdk_scheduler_get_scheduling_lcore());
		return -EPERM;
	}
	if (reactor == NULL) {
		return -EINVAL;
	}
	if (__atomic_exchange_n(&reactor->change.under_way, true, __ATOMIC_ACQUIRE)) {
		return -EBUSY;
	}
	reactor->change.enable = change->enable;
	reactor->change.cb = change->cb;
	reactor->change.spdk_cb = change->spdk_cb;
	reactor->change.arg = change->arg;
	reactor->change.asker = asker;
	reactor_send(reactor, mode_change, reactor, NULL);
	return 0;
}

int
reactor_set_interrupt_mode(uint32_t lcore, bool enable, reactor_mode_cb cb, void *arg)
{
	struct reactor_mode_change change = { .enable = enable, .cb = cb, .arg = arg };

	return change_begin(lcore, &change);
}

int
spdk_reactor_set_interrupt_mode(uint32_t lcore, bool new_in_interrupt,
                                spdk_reactor_set_interrupt_mode_cb cb_fn, void *cb_arg)
{
	struct reactor_mode_change change = {
		.enable = new_in_interrupt,
		.spdk_cb = cb_fn,
		.arg = cb_arg,
	};

	return change_begin(lcore, &change);
}
