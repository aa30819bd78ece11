/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Walks: a message to every thread, or to every thread with a channel of a device, one after
 * another. A walk under way keeps the thread that began it, the one where it stands, and its device
 * from going: it is in a list of each. It moves, and its message is sent, under the library's lock;
 * so is a thread's end, which therefore never swallows a walk (thread_exit.c). */

#include "core/thread/io_device.h"

#include "spdk/log.h"

struct walk {
	struct spdk_thread *origin; /* NULL: it ended by force, and nobody waits any more */
	struct spdk_thread *at;     /* NULL: on its way back */
	TAILQ_ENTRY(walk) begun_link;
	TAILQ_ENTRY(walk) visitor_link;
	bool over_channels;
	spdk_msg_fn step; /* the messages */
	spdk_msg_fn done;
	void *ctx; /* the caller's */
	/* Over threads: */
	spdk_msg_fn fn;
	spdk_msg_fn cpl;
};

struct spdk_io_channel_iter {
	struct walk walk;
	void *key;
	struct io_device *dev; /* NULL: there was none */
	struct spdk_io_channel *ch;
	spdk_channel_msg fn;
	spdk_channel_for_each_cpl cpl;
	int status;
};

static struct spdk_io_channel_iter *
walk_iter(const struct walk *walk)
{
	return SPDK_CONTAINEROF(walk, struct spdk_io_channel_iter, walk);
}

SPDK_STATIC_ASSERT(offsetof(struct spdk_io_channel_iter, walk) == 0, "freed as a walk");

/* --- both, under the lock --------------------------------------------------------------------- */

static bool
walk_wants(const struct walk *walk, struct spdk_thread *thread)
{
	int state = thread_state_get(thread);

	if (walk->over_channels) {
		return state != THREAD_EXITED &&
		       io_channel_find(thread, walk_iter(walk)->dev) != NULL;
	}
	return state == THREAD_RUNNING;
}

static void
walk_leave(struct walk *walk)
{
	if (walk->at != NULL) {
		TAILQ_REMOVE(&walk->at->visitors, walk, visitor_link);
		walk->at = NULL;
	}
}

/* No longer a walk over its device, and free. */
static void
walk_free(struct walk *walk)
{
	if (walk->over_channels && walk_iter(walk)->dev != NULL) {
		walk_iter(walk)->dev->for_each--;
		io_device_settle(walk_iter(walk)->dev);
	}
	free(walk);
}

static void
walk_home(struct walk *walk)
{
	walk_leave(walk);
	if (walk->origin != NULL) {
		spdk_thread_send_msg(walk->origin, walk->done, walk);
	} else {
		walk_free(walk);
	}
}

/* Go to the first thread at or behind `thread` that is wanted, or home. */
static void
walk_to(struct walk *walk, struct spdk_thread *thread)
{
	while (thread != NULL && !walk_wants(walk, thread)) {
		thread = TAILQ_NEXT(thread, link);
	}
	if (thread == NULL || walk->origin == NULL) {
		walk_home(walk);
		return;
	}
	walk_leave(walk);
	walk->at = thread;
	TAILQ_INSERT_TAIL(&thread->visitors, walk, visitor_link);
	spdk_thread_send_msg(thread, walk->step, walk);
}

static void
walk_begin(struct walk *walk, struct spdk_thread *origin)
{
	walk->origin = origin;
	TAILQ_INSERT_TAIL(&origin->begun, walk, begun_link);
}

void
walks_let_go(struct spdk_thread *thread)
{
	struct walk *walk;

	/* Its own first: one of them may stand at it. */
	while ((walk = TAILQ_FIRST(&thread->begun)) != NULL) {
		TAILQ_REMOVE(&thread->begun, walk, begun_link);
		walk->origin = NULL;
		if (walk->at == NULL) {
			walk_free(walk);
		}
	}
	while ((walk = TAILQ_FIRST(&thread->visitors)) != NULL) {
		walk_to(walk, TAILQ_NEXT(thread, link));
	}
}

void
walk_describe(const struct walk *walk, char *text, size_t size)
{
	const char *what = "threads";

	if (walk->over_channels) {
		what = walk_iter(walk)->dev != NULL ? walk_iter(walk)->dev->name : "no device";
	}
	snprintf(text, size, "over %s%s, begun by %s, now at %s",
	         walk->over_channels ? "channels of " : "", what,
	         walk->origin != NULL ? walk->origin->name : "a thread that ended",
	         walk->at != NULL ? walk->at->name : "its end");
}

struct walk *
walk_next_begun(struct walk *walk)
{
	return TAILQ_NEXT(walk, begun_link);
}

struct walk *
walk_next_visitor(struct walk *walk)
{
	return TAILQ_NEXT(walk, visitor_link);
}

/* Back where it began: the origin may exit from here on, also in the completion callback. */
static void
walk_end(struct walk *walk)
{
	thread_lib_lock();
	TAILQ_REMOVE(&walk->origin->begun, walk, begun_link);
	thread_lib_unlock();
}

/* --- threads ---------------------------------------------------------------------------------- */

static void
thread_walk_done(void *ctx)
{
	struct walk *walk = ctx;

	walk_end(walk);
	if (walk->cpl != NULL) {
		walk->cpl(walk->ctx);
	}
	free(walk);
}

static void
thread_walk_step(void *ctx)
{
	struct walk *walk = ctx;

	walk->fn(walk->ctx);
	thread_lib_lock();
	walk_to(walk, TAILQ_NEXT(walk->at, link));
	thread_lib_unlock();
}

void
spdk_for_each_thread(spdk_msg_fn fn, void *ctx, spdk_msg_fn cpl)
{
	struct spdk_thread *origin = thread_required(__func__, "walk over threads");
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		thread_fatal(__func__, "no memory for a walk over the threads, begun by %s",
		             origin->name);
	}
	walk->step = thread_walk_step;
	walk->done = thread_walk_done;
	walk->ctx = ctx;
	walk->fn = fn;
	walk->cpl = cpl;
	thread_lib_lock();
	walk_begin(walk, origin);
	walk_to(walk, TAILQ_FIRST(&thread_lib_threads));
	thread_lib_unlock();
}

/* --- channels --------------------------------------------------------------------------------- */

static void
channel_walk_done(void *ctx)
{
	struct spdk_io_channel_iter *i = ctx;

	walk_end(&i->walk);
	if (i->cpl != NULL) {
		i->cpl(i, i->status);
	}
	thread_lib_lock();
	walk_free(&i->walk);
	thread_lib_unlock();
}

static void
channel_walk_step(void *ctx)
{
	struct spdk_io_channel_iter *i = ctx;

	/* It may have gone, or been replaced, since the message was sent. */
	thread_lib_lock();
	i->ch = i->walk.origin != NULL ? io_channel_find(i->walk.at, i->dev) : NULL;
	if (i->ch == NULL) {
		walk_to(&i->walk, TAILQ_NEXT(i->walk.at, link));
		thread_lib_unlock();
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
	struct io_device *dev;
	char name[64];

	if (i == NULL) {
		thread_fatal(__func__, "no memory for a walk over the channels of device %p",
		             io_device);
	}
	i->walk.over_channels = true;
	i->walk.step = channel_walk_step;
	i->walk.done = channel_walk_done;
	i->walk.ctx = ctx;
	i->key = io_device;
	i->fn = fn;
	i->cpl = cpl;
	thread_lib_lock();
	walk_begin(&i->walk, origin);
	dev = io_device_find(io_device);
	if (dev != NULL && !dev->unregistering) {
		i->dev = dev;
		dev->for_each++;
		walk_to(&i->walk, TAILQ_FIRST(&thread_lib_threads));
		thread_lib_unlock();
		return;
	}
	/* Walks would otherwise put off the end of a device for ever. */
	snprintf(name, sizeof(name), "%s", dev != NULL ? dev->name : "unknown");
	i->status = -ENODEV;
	walk_home(&i->walk);
	thread_lib_unlock();
	SPDK_ERRLOG("thread %s cannot walk over the channels of I/O device %s (%p): it %s\n",
	            origin->name, name, io_device,
	            dev != NULL ? "is being unregistered" : "is not registered");
}

void
spdk_for_each_channel_continue(struct spdk_io_channel_iter *i, int status)
{
	thread_check(__func__, "walk over channels of", i->dev->name, i, i->walk.at);
	i->status = status;
	i->ch = NULL;
	thread_lib_lock();
	if (status != 0) {
		walk_home(&i->walk);
	} else {
		walk_to(&i->walk, TAILQ_NEXT(i->walk.at, link));
	}
	thread_lib_unlock();
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
	return i->walk.ctx;
}
