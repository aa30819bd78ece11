/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Cursors: walks over all devices that stop in between. A new device goes to the end of the list,
 * so one that is there all the time cannot be missed; who removes a device moves the cursors that
 * stand on it. What is registered after a walk has begun is beyond its last number: so a walk ends,
 * and a device that goes and comes again under its name is not met twice. */

#include "bdev_internal.h"

void
bdev_cursor_begin(struct bdev_cursor *cursor)
{
	spdk_spin_lock(&g_bdev_mgr.spinlock);
	cursor->next = TAILQ_FIRST(&g_bdev_mgr.bdevs);
	cursor->last_number = g_bdev_mgr.last_number;
	LIST_INSERT_HEAD(&g_bdev_mgr.cursors, cursor, link);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
}

static bool
is_ready(struct spdk_bdev *bdev)
{
	bool ready;

	spdk_spin_lock(&bdev->internal.spinlock);
	ready = bdev->internal.status == SPDK_BDEV_STATUS_READY;
	spdk_spin_unlock(&bdev->internal.spinlock);
	return ready;
}

struct spdk_bdev *
bdev_cursor_next(struct bdev_cursor *cursor)
{
	struct spdk_bdev *bdev;

	spdk_spin_lock(&g_bdev_mgr.spinlock);
	do {
		bdev = cursor->next;
		if (bdev != NULL && bdev->internal.number > cursor->last_number) {
			bdev = NULL;
		}
		cursor->next = bdev != NULL ? TAILQ_NEXT(bdev, internal.link) : NULL;
	} while (bdev != NULL && !is_ready(bdev));
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	return bdev;
}

void
bdev_cursor_end(struct bdev_cursor *cursor)
{
	spdk_spin_lock(&g_bdev_mgr.spinlock);
	LIST_REMOVE(cursor, link);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
}

void
bdev_cursors_leave_locked(struct spdk_bdev *bdev)
{
	struct bdev_cursor *cursor;

	LIST_FOREACH (cursor, &g_bdev_mgr.cursors, link) {
		if (cursor->next == bdev) {
			cursor->next = TAILQ_NEXT(bdev, internal.link);
		}
	}
}
