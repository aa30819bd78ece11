/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices: registered pointers. One that is unregistered lives on until the last walk over it and
 * its last channel have ended; whoever ends last calls io_device_settle(). */

#include "core/thread/io_device.h"

#include "spdk/log.h"
#include "spdk_internal/thread.h"

static int
io_device_compare(struct io_device *a, struct io_device *b)
{
	return a->key < b->key ? -1 : a->key > b->key;
}

static RB_HEAD(io_device_tree, io_device) g_devices = RB_INITIALIZER(g_devices);
RB_GENERATE_STATIC(io_device_tree, io_device, node, io_device_compare)

struct io_device *
io_device_find(void *key)
{
	struct io_device wanted = { .key = key };

	return RB_FIND(io_device_tree, &g_devices, &wanted);
}

void
spdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb,
                        spdk_io_channel_destroy_cb destroy_cb, uint32_t ctx_size, const char *name)
{
	struct io_device *dev, *other;
	struct spdk_thread *thread;
	char address[24], as[64];
	size_t name_size;

	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", io_device);
		name = address;
	}
	thread = thread_required(__func__, name);
	name_size = strlen(name) + 1;
	dev = calloc(1, sizeof(*dev) + name_size);
	if (dev == NULL) {
		SPDK_ERRLOG("thread %s cannot register I/O device %s (%p): no memory\n",
		            thread->name, name, io_device);
		return;
	}
	memcpy(dev->name, name, name_size);
	dev->key = io_device;
	dev->create_cb = create_cb;
	dev->destroy_cb = destroy_cb;
	dev->ctx_size = ctx_size;
	thread_lib_lock();
	other = RB_INSERT(io_device_tree, &g_devices, dev);
	if (other != NULL) {
		snprintf(as, sizeof(as), "%s", other->name);
	}
	thread_lib_unlock();
	if (other != NULL) {
		SPDK_ERRLOG("thread %s cannot register I/O device %s: %p is registered already, "
		            "as %s\n",
		            thread->name, name, io_device, as);
		free(dev);
	}
}

static void
call_unregister_cb(void *ctx)
{
	struct io_device *dev = ctx;

	thread_lib_lock();
	TAILQ_REMOVE(&dev->owed_to->owed_to_it, dev, owed_link);
	thread_lib_unlock();
	dev->unregister_cb(dev->key);
	free(dev);
}

void
io_device_settle(struct io_device *dev)
{
	if (!dev->unregistering || dev->for_each > 0) {
		return;
	}
	if (!dev->unregistered) {
		dev->unregistered = true;
		RB_REMOVE(io_device_tree, &g_devices, dev);
	}
	if (dev->channels > 0) {
		return;
	}
	if (dev->owed_to != NULL) {
		dev->gone = true;
		spdk_thread_send_msg(dev->owed_to, call_unregister_cb, dev);
	} else {
		free(dev);
	}
}

void
io_devices_let_go(struct spdk_thread *thread)
{
	struct io_device *dev;

	while ((dev = TAILQ_FIRST(&thread->owed_to_it)) != NULL) {
		TAILQ_REMOVE(&thread->owed_to_it, dev, owed_link);
		dev->owed_to = NULL;
		if (dev->gone) {
			free(dev);
		}
	}
}

void
io_channels_let_go(struct spdk_thread *thread)
{
	struct spdk_io_channel *ch;

	for (ch = spdk_thread_get_first_io_channel(thread); ch != NULL;
	     ch = spdk_thread_get_next_io_channel(ch)) {
		if (ch->dev->channel_lost != NULL) {
			ch->dev->channel_lost(spdk_io_channel_get_ctx(ch));
		}
	}
}

void
spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb)
{
	struct spdk_thread *thread = thread_required(__func__, "I/O device");
	struct io_device *dev;
	char name[64] = "";

	thread_lib_lock();
	dev = io_device_find(io_device);
	if (dev != NULL && !dev->unregistering) {
		dev->unregistering = true;
		dev->unregister_cb = unregister_cb;
		if (unregister_cb != NULL) {
			dev->owed_to = thread;
			TAILQ_INSERT_TAIL(&thread->owed_to_it, dev, owed_link);
		}
		io_device_settle(dev);
		thread_lib_unlock();
		return;
	}
	if (dev != NULL) {
		snprintf(name, sizeof(name), "%s", dev->name);
	}
	thread_lib_unlock();
	SPDK_ERRLOG("thread %s cannot unregister I/O device %s (%p): it %s\n", thread->name,
	            dev != NULL ? name : "unknown", io_device,
	            dev != NULL ? "is being unregistered already" : "is not registered");
}

void
io_device_report_left(void)
{
	struct io_device *dev, *next;

	thread_lib_lock();
	RB_FOREACH_SAFE (dev, io_device_tree, &g_devices, next) {
		SPDK_ERRLOG("I/O device %s was not unregistered before the library's end\n",
		            dev->name);
	}
	thread_lib_unlock();
}

/* Under the lock. */
static void
report_pending(struct io_device *dev)
{
	struct spdk_thread *thread;
	char names[256] = "";
	size_t len = 0;

	TAILQ_FOREACH (thread, &thread_lib_threads, link) {
		if (io_channel_find(thread, dev) != NULL && len < sizeof(names)) {
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
			                        len > 0 ? ", " : "", thread->name);
		}
	}
	SPDK_ERRLOG("I/O device %s waits for its last %u channels to be put, on threads: %s\n",
	            dev->name, dev->channels, names);
}

void
io_devices_report_pending(void)
{
	struct spdk_thread *thread;
	struct io_device *dev;

	thread_lib_lock();
	TAILQ_FOREACH (thread, &thread_lib_threads, link) {
		TAILQ_FOREACH (dev, &thread->owed_to_it, owed_link) {
			if (dev->channels > 0) {
				report_pending(dev);
			}
		}
	}
	thread_lib_unlock();
}

const char *
spdk_io_device_get_name(struct io_device *dev)
{
	return dev->name;
}
