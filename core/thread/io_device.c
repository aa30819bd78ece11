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
	char address[24];
	size_t name_size;

	if (name == NULL) {
		snprintf(address, sizeof(address), "%p", io_device);
		name = address;
	}
	thread_required(__func__, name);
	name_size = strlen(name) + 1;
	dev = calloc(1, sizeof(*dev) + name_size);
	if (dev == NULL) {
		SPDK_ERRLOG("no memory for I/O device %s\n", name);
		return;
	}
	memcpy(dev->name, name, name_size);
	dev->key = io_device;
	dev->create_cb = create_cb;
	dev->destroy_cb = destroy_cb;
	dev->ctx_size = ctx_size;
	thread_lib_lock();
	other = RB_INSERT(io_device_tree, &g_devices, dev);
	thread_lib_unlock();
	if (other != NULL) {
		SPDK_ERRLOG("I/O device %s (%p) is registered already, as %s\n", name, io_device,
		            other->name);
		free(dev);
	}
}

static void
call_unregister_cb(void *ctx)
{
	struct io_device *dev = ctx;

	dev->unregister_thread->unregister_pending--;
	dev->unregister_cb(dev->key);
	free(dev);
}

void
io_device_gone(struct io_device *dev)
{
	if (dev == NULL) {
		return;
	}
	if (dev->unregister_cb == NULL) {
		free(dev);
	} else {
		spdk_thread_send_msg(dev->unregister_thread, call_unregister_cb, dev);
	}
}

struct io_device *
io_device_settle(struct io_device *dev)
{
	if (!dev->unregistering || dev->for_each > 0) {
		return NULL;
	}
	if (!dev->unregistered) {
		dev->unregistered = true;
		RB_REMOVE(io_device_tree, &g_devices, dev);
	}
	return dev->channels == 0 ? dev : NULL;
}

void
spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb)
{
	struct spdk_thread *thread = thread_required(__func__, "I/O device");
	struct io_device *dev, *gone = NULL;
	bool again;

	thread_lib_lock();
	dev = io_device_find(io_device);
	again = dev != NULL && dev->unregistering;
	if (dev != NULL && !again) {
		dev->unregistering = true;
		dev->unregister_cb = unregister_cb;
		dev->unregister_thread = thread;
		if (unregister_cb != NULL) {
			thread->unregister_pending++;
		}
		gone = io_device_settle(dev);
	}
	thread_lib_unlock();
	if (dev == NULL || again) {
		SPDK_ERRLOG("I/O device %p %s\n", io_device,
		            again ? "is being unregistered already" : "is not registered");
	}
	io_device_gone(gone);
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

const char *
spdk_io_device_get_name(struct io_device *dev)
{
	return dev->name;
}
