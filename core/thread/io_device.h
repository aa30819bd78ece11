/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices and channels between the files that make them. Everything here is under the library's
 * lock. */

#ifndef CAL_CORE_THREAD_IO_DEVICE_H
#define CAL_CORE_THREAD_IO_DEVICE_H

#include "core/thread/thread_internal.h"

struct io_device {
	void *key; /* what the application registered */
	spdk_io_channel_create_cb create_cb;
	spdk_io_channel_destroy_cb destroy_cb;
	spdk_io_device_unregister_cb unregister_cb;
	/* Where to call it; NULL: it is not, or no longer, to be called. */
	struct spdk_thread *owed_to;
	/* NULL, or told with its context that a channel's thread has exited without destroying it,
	 * and who else may reach it must forget it. Sends no message. */
	void (*channel_lost)(void *ctx_buf);
	TAILQ_ENTRY(io_device) owed_link;
	uint32_t ctx_size;
	uint32_t channels;  /* that exist */
	uint32_t for_each;  /* walks under way */
	bool unregistering; /* asked for; waits for the walks, then for the channels */
	bool unregistered;  /* out of the tree */
	bool gone;          /* the message that calls unregister_cb is under way */
	RB_ENTRY(io_device) node;
	char name[];
};

/** Find a registered device, NULL if there is none. */
struct io_device *io_device_find(void *key);

/** One channel or walk less, or unregistration asked for. When nothing is left and the device is to
 *  go, it goes: do not use it after. */
void io_device_settle(struct io_device *dev);

/** The thread's channel for a device, NULL if it has none. */
struct spdk_io_channel *io_channel_find(struct spdk_thread *thread, struct io_device *dev);

#endif
