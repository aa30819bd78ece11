/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Walks: a message to every thread, or to every thread with a channel of a device, one after
 * another. A walk under way keeps the thread that began it from exiting and its device from going.
 */

#include "core/thread/io_device.h"

#include "spdk/log.h"

/* --- threads ---------------------------------------------------------------------------------- */

struct thread_walk {
	struct spdk_thread *origin;
	struct spdk_thread *at;
	spdk_msg_fn fn;
	spdk_msg_fn cpl;
	void *ctx;
};

/* The first running thread at or behind `thread`. */
static struct spdk_thread *
next_running(struct spdk_thread *thread)
{
	while (thread != NULL && thread_state_get(thread) != THREAD_RUNNING) {
		thread = TAILQ_NEXT(thread, link);
	}
	return thread;
}

static void
thread_walk_done(void *ctx)
{
	struct thread_walk *walk = ctx;

	walk->origin->for_each_count--;
	if (walk->cpl != NULL) {
		walk->cpl(walk->ctx);
	}
	free(walk);
}

static void
thread_walk_step(void *ctx)
{
	struct thread_walk *walk = ctx;

	walk->fn(walk->ctx);
	thread_lib_lock();
	walk->at = next_running(TAILQ_NEXT(walk->at, link));
	thread_lib_unlock();
	if (walk->at != NULL) {
		spdk_thread_send_msg(walk->at, thread_walk_step, walk);
	} else {
		spdk_thread_send_msg(walk->origin, thread_walk_done, walk);
	}
}

void
spdk_for_each_thread(spdk_msg_fn fn, void *ctx, spdk_msg_fn cpl)
{
	struct spdk_thread *origin = thread_required(__func__, "walk over threads");
	struct thread_walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		/* There is no way to tell the caller other than by completing. */
		SPDK_ERRLOG("no memory for a walk over the threads\n");
		if (cpl != NULL) {
			spdk_thread_send_msg(origin, cpl, ctx);
		}
		return;
	}
	walk->origin = origin;
	walk->fn = fn;
	walk->cpl = cpl;
	walk->ctx = ctx;
	origin->for_each_count++;
	thread_lib_lock();
	walk->at = next_running(TAILQ_FIRST(&thread_lib_threads));
	thread_lib_unlock();
	if (walk->at != NULL) {
		spdk_thread_send_msg(walk->at, thread_walk_step, walk);
	} else {
		spdk_thread_send_msg(origin, thread_walk_done, walk);
	}
}

/* --- channels --------------------------------------------------------------------------------- */

struct spdk_io_channel_iter {
	void *key;
	struct io_device *dev; /* NULL: there was none */
	struct spdk_thread *origin;
	struct spdk_thread *at;
	struct spdk_io_channel *ch;
	spdk_channel_msg fn;
	spdk_channel_for_each_cpl cpl;
	void *ctx;
	int status;
};

static void
channel_walk_done(void *ctx)
{
	struct spdk_io_channel_iter *i = ctx;
	struct io_device *gone = NULL;

	i->origin->for_each_count--;
	if (i->cpl != NULL) {
		i->cpl(i, i->status);
	}
	if (i->dev != NULL) {
		thread_lib_lock();
		i->dev->for_each--;
		gone = io_device_settle(i->dev);
		thread_lib_unlock();
		io_device_gone(gone);
	}
	free(i);
}

static void channel_walk_step(void *ctx);

/* Send the walk to the first thread at or behind `thread` that has a channel; under the lock when
 * called, not after. */
static void
channel_walk_to(struct spdk_io_channel_iter *i, struct spdk_thread *thread)
{
	i->ch = NULL;
	while (thread != NULL) {
		i->ch = io_channel_find(thread, i->dev);
		if (i->ch != NULL) {
			break;
		}
		thread = TAILQ_NEXT(thread, link);
	}
	i->at = thread;
	thread_lib_unlock();
	if (thread != NULL) {
		spdk_thread_send_msg(thread, channel_walk_step, i);
	} else {
		spdk_thread_send_msg(i->origin, channel_walk_done, i);
	}
}

static void
channel_walk_step(void *ctx)
{
	struct spdk_io_channel_iter *i = ctx;

	/* It may have gone, or been replaced, since the message was sent. */
	thread_lib_lock();
	i->ch = io_channel_find(i->at, i->dev);
	if (i->ch == NULL) {
		channel_walk_to(i, TAILQ_NEXT(i->at, link));
		return;
	}
	thread_lib_unlock();
	i->fn(i);
}

void
spdk_for_each_channel(void *io_device, spdk_channel_msg fn, void *ctx,
                      spdk_channel_for_each_cpl cpl)
{
	struct spdk_thread *origin = thread_required(__func__, "walk over channels");
	struct spdk_io_channel_iter *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		thread_fatal(__func__, "no memory for a walk over the channels of device %p",
		             io_device);
	}
	i->key = io_device;
	i->origin = origin;
	i->fn = fn;
	i->cpl = cpl;
	i->ctx = ctx;
	origin->for_each_count++;
	thread_lib_lock();
	i->dev = io_device_find(io_device);
	if (i->dev == NULL) {
		thread_lib_unlock();
		SPDK_ERRLOG("no I/O device %p to walk over\n", io_device);
		i->status = -ENODEV;
		spdk_thread_send_msg(origin, channel_walk_done, i);
		return;
	}
	i->dev->for_each++;
	channel_walk_to(i, TAILQ_FIRST(&thread_lib_threads));
}

void
spdk_for_each_channel_continue(struct spdk_io_channel_iter *i, int status)
{
	thread_check(__func__, "walk over", i->dev->name, i, i->at);
	i->status = status;
	if (status != 0) {
		i->ch = NULL;
		spdk_thread_send_msg(i->origin, channel_walk_done, i);
		return;
	}
	thread_lib_lock();
	channel_walk_to(i, TAILQ_NEXT(i->at, link));
}

void *
spdk_io_channel_iter_get_io_device(struct spdk_io_channel_iter *i)
{
	return i->key;
}

struct spdk_io_channel *
spdk_io_channel_iter_get_channel(struct spdk_io_channel_iter *i)
{
	return i->ch;
}

void *
spdk_io_channel_iter_get_ctx(struct spdk_io_channel_iter *i)
{
	return i->ctx;
}
