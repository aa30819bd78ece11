/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Channels: a thread's own part of a device. Each thread has a tree of them, changed by that thread
 * under the library's lock, because walks of others look into it. */

#include "core/thread/io_device.h"
#include "core/thread/thread_walk.h"

#include "spdk/log.h"
#include "spdk_internal/thread.h"

static int
io_channel_compare(struct spdk_io_channel *a, struct spdk_io_channel *b)
{
	return a->dev < b->dev ? -1 : a->dev > b->dev;
}

RB_GENERATE_STATIC(io_channel_tree, spdk_io_channel, node, io_channel_compare)

struct spdk_io_channel *
io_channel_find(struct spdk_thread *thread, struct io_device *dev)
{
	struct spdk_io_channel wanted = { .dev = dev };

	return RB_FIND(io_channel_tree, &thread->channels, &wanted);
}

static void
channel_unlink(struct spdk_io_channel *ch)
{
	thread_lib_lock();
	RB_REMOVE(io_channel_tree, &ch->thread->channels, ch);
	thread_lib_unlock();
}

/* Free a channel that is out of the tree; its device may go with it. */
static void
channel_free(struct spdk_io_channel *ch)
{
	thread_lib_lock();
	ch->dev->channels--;
	io_device_settle(ch->dev);
	thread_lib_unlock();
	free(ch);
}

/* The channel that exists or a new one that its device has yet to fill (*is_new), or why there is
 * none. Under the lock. */
static struct spdk_io_channel *
channel_provide(struct spdk_thread *thread, struct io_device *dev, bool *is_new, const char **why)
{
	struct spdk_io_channel *ch;

	if (dev == NULL || dev->unregistering) {
		*why = dev == NULL ? "it is not registered" : "it is being unregistered";
		return NULL;
	}
	if (thread_state_get(thread) == THREAD_EXITED) {
		*why = "the thread has exited";
		return NULL;
	}
	ch = io_channel_find(thread, dev);
	if (ch != NULL) {
		ch->ref++;
		return ch;
	}
	ch = calloc(1, SPDK_IO_CHANNEL_STRUCT_SIZE + (size_t)dev->ctx_size);
	if (ch == NULL) {
		*why = "no memory";
		return NULL;
	}
	ch->thread = thread;
	ch->dev = dev;
	ch->ref = 1;
	ch->destroy_cb = dev->destroy_cb;
	RB_INSERT(io_channel_tree, &thread->channels, ch);
	dev->channels++;
	*is_new = true;
	return ch;
}

struct spdk_io_channel *
spdk_get_io_channel(void *io_device)
{
	struct spdk_thread *thread = thread_this_os.current;
	struct spdk_io_channel *ch;
	struct io_device *dev;
	const char *why = NULL;
	bool is_new = false;
	char name[64];
	int rc;

	if (thread == NULL) {
		SPDK_ERRLOG("no I/O channel of device %p: the caller is on no thread\n", io_device);
		return NULL;
	}
	thread_lib_lock();
	dev = io_device_find(io_device);
	ch = channel_provide(thread, dev, &is_new, &why);
	if (ch == NULL) {
		snprintf(name, sizeof(name), "%s", dev != NULL ? dev->name : "unknown");
	}
	thread_lib_unlock();
	if (ch == NULL) {
		SPDK_ERRLOG("no I/O channel of device %s (%p) on thread %s: %s\n", name, io_device,
		            thread->name, why);
		return NULL;
	}
	if (!is_new) {
		return ch;
	}
	rc = dev->create_cb(io_device, spdk_io_channel_get_ctx(ch));
	if (rc != 0) {
		SPDK_ERRLOG("no I/O channel of device %s (%p) on thread %s: its create callback "
		            "failed: %d\n",
		            dev->name, io_device, thread->name, rc);
		channel_unlink(ch);
		channel_free(ch);
		return NULL;
	}
	return ch;
}

struct spdk_io_channel *
spdk_io_channel_ref(struct spdk_io_channel *ch)
{
	thread_check(__func__, "I/O channel of", ch->dev->name, ch, ch->thread);
	ch->ref++;
	return ch;
}

/* The last reference was given back a message ago. It may have been taken anew since. */
static void
channel_destroy(void *ctx)
{
	struct spdk_io_channel *ch = ctx;

	ch->destroy_ref--;
	if (ch->ref > 0 || ch->destroy_ref > 0) {
		return;
	}
	/* Out of sight before its owner takes it apart: the callback may ask for a new one. */
	channel_unlink(ch);
	ch->destroy_cb(ch->dev->key, spdk_io_channel_get_ctx(ch));
	channel_free(ch);
}

void
spdk_put_io_channel(struct spdk_io_channel *ch)
{
	thread_check(__func__, "I/O channel of", ch->dev->name, ch, ch->thread);
	if (ch->ref == 0) {
		thread_fatal(__func__, "I/O channel %p of %s on thread %s was put too often",
		             (void *)ch, ch->dev->name, ch->thread->name);
	}
	if (--ch->ref == 0) {
		ch->destroy_ref++;
		spdk_thread_send_msg(ch->thread, channel_destroy, ch);
	}
}

uint32_t
io_channel_free_all(struct spdk_thread *thread)
{
	struct spdk_io_channel *ch;
	uint32_t count = 0;

	while ((ch = RB_MIN(io_channel_tree, &thread->channels)) != NULL) {
		channel_unlink(ch);
		channel_free(ch);
		count++;
	}
	return count;
}

struct spdk_io_channel *
spdk_io_channel_from_ctx(void *ctx)
{
	return (struct spdk_io_channel *)(void *)((uint8_t *)ctx - SPDK_IO_CHANNEL_STRUCT_SIZE);
}

struct spdk_thread *
spdk_io_channel_get_thread(struct spdk_io_channel *ch)
{
	return ch->thread;
}

void *
spdk_io_channel_get_io_device(struct spdk_io_channel *ch)
{
	return ch->dev->key;
}

const char *
spdk_io_channel_get_io_device_name(struct spdk_io_channel *ch)
{
	return ch->dev->name;
}

int
spdk_io_channel_get_ref_count(struct spdk_io_channel *ch)
{
	return (int)ch->ref;
}

struct spdk_io_channel *
thread_walk_channel(struct spdk_thread *thread, uint64_t *position)
{
	struct spdk_io_channel wanted = { .dev = (struct io_device *)(uintptr_t)*position }, *found;

	found = RB_NFIND(io_channel_tree, &thread->channels, &wanted);
	if (found != NULL) {
		*position = (uintptr_t)found->dev + 1;
	}
	return found;
}

struct spdk_io_channel *
spdk_thread_get_first_io_channel(struct spdk_thread *thread)
{
	return RB_MIN(io_channel_tree, &thread->channels);
}

struct spdk_io_channel *
spdk_thread_get_next_io_channel(struct spdk_io_channel *prev)
{
	return RB_NEXT(io_channel_tree, &prev->thread->channels, prev);
}
