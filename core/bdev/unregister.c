/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How a device goes, also with I/O on it: UNREGISTERING (nobody opens it any more) → what waits in
 * its channels is aborted → every descriptor is told → the last one is closed → REMOVING: its names
 * are free → its channels are gone → the module's destruct() → the callback.
 * From the first step to destruct() everything runs on the app thread, the callback where
 * unregistering was asked for. */

#include "bdev_internal.h"
#include "spdk/notify.h"

/* Begun and not yet answered. */
static uint32_t g_unregistrations;

uint32_t
bdev_unregistrations(void)
{
	return __atomic_load_n(&g_unregistrations, __ATOMIC_ACQUIRE);
}

struct unregister_done {
	spdk_bdev_unregister_cb cb;
	void *cb_arg;
	int rc;
};

static void
unregister_answer(void *arg)
{
	struct unregister_done *done = arg;

	done->cb(done->cb_arg, done->rc);
	free(done);
}

static void
answer_on(struct spdk_thread *thread, spdk_bdev_unregister_cb cb, void *cb_arg, int rc)
{
	struct unregister_done *done;

	__atomic_sub_fetch(&g_unregistrations, 1, __ATOMIC_RELEASE);
	if (cb == NULL) {
		return;
	}
	done = malloc(sizeof(*done));
	if (done == NULL) {
		SPDK_ERRLOG("out of memory: the end of an unregistration is not reported\n");
		return;
	}
	done->cb = cb;
	done->cb_arg = cb_arg;
	done->rc = rc;
	spdk_thread_send_msg(thread, unregister_answer, done);
}

void
spdk_bdev_destruct_done(struct spdk_bdev *bdev, int rc)
{
	answer_on(bdev->internal.unregister_td, bdev->internal.unregister_cb,
	          bdev->internal.unregister_ctx, rc);
}

/* No channel is left. After destruct() has returned other than 1 the device may be freed memory. */
static void
channels_gone(void *io_device)
{
	struct spdk_bdev *bdev = bdev_from_io_device(io_device);
	struct spdk_thread *thread = bdev->internal.unregister_td;
	spdk_bdev_unregister_cb cb = bdev->internal.unregister_cb;
	void *cb_arg = bdev->internal.unregister_ctx;
	int rc;

	bdev_stat_free(bdev->internal.stat);
	bdev->internal.stat = NULL;
	free(bdev->internal.bdev_name.name);
	spdk_spin_destroy(&bdev->internal.spinlock);
	rc = bdev->fn_table->destruct(bdev->ctxt);
	if (rc < 0) {
		SPDK_ERRLOG("a module could not destroy its block device: %s\n", strerror(-rc));
	}
	if (rc <= 0) {
		answer_on(thread, cb, cb_arg, rc);
	}
}

static void
destruct(void *arg)
{
	struct spdk_bdev *bdev = arg;

	spdk_spin_lock(&g_bdev_mgr.spinlock);
	spdk_spin_lock(&bdev->internal.spinlock);
	bdev->internal.status = SPDK_BDEV_STATUS_REMOVING;
	bdev_cursors_leave_locked(bdev);
	TAILQ_REMOVE(&g_bdev_mgr.bdevs, bdev, internal.link);
	bdev_name_del_locked(&bdev->internal.bdev_name);
	spdk_spin_unlock(&bdev->internal.spinlock);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	spdk_bdev_alias_del_all(bdev);
	spdk_notify_send("bdev_unregister", bdev->name);
	spdk_io_device_unregister(bdev_io_device(bdev), channels_gone);
}

void
bdev_destruct(struct spdk_bdev *bdev)
{
	/* By message even on the app thread: the caller still looks at the device. */
	spdk_thread_send_msg(spdk_thread_get_app_thread(), destruct, bdev);
}

static void
sweep_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch,
              void *ctx)
{
	bdev_channel_abort_queued(spdk_io_channel_get_ctx(ch));
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
swept(struct spdk_bdev *bdev, void *ctx, int rc)
{
	bool closed;

	/* From here on the closer of the last descriptor goes on. If that has happened already, we
	 * do: never both, since nobody opens any more. */
	spdk_spin_lock(&bdev->internal.spinlock);
	bdev->internal.swept = true;
	bdev_notify_descs_locked(bdev, SPDK_BDEV_EVENT_REMOVE);
	closed = TAILQ_EMPTY(&bdev->internal.open_descs);
	spdk_spin_unlock(&bdev->internal.spinlock);
	if (closed) {
		bdev_destruct(bdev);
	}
}

static void
unregister_begin(void *arg)
{
	spdk_bdev_for_each_channel(arg, sweep_channel, NULL, swept);
}

void
spdk_bdev_unregister(struct spdk_bdev *bdev, spdk_bdev_unregister_cb cb_fn, void *cb_arg)
{
	struct spdk_thread *thread = spdk_get_thread();

	if (thread == NULL) {
		SPDK_ERRLOG("%s: unregistered outside of any spdk_thread\n", bdev->name);
		if (cb_fn != NULL) {
			cb_fn(cb_arg, -EINVAL);
		}
		return;
	}
	spdk_spin_lock(&bdev->internal.spinlock);
	if (bdev->internal.status != SPDK_BDEV_STATUS_READY) {
		spdk_spin_unlock(&bdev->internal.spinlock);
		if (cb_fn != NULL) {
			cb_fn(cb_arg, -EBUSY);
		}
		return;
	}
	bdev->internal.status = SPDK_BDEV_STATUS_UNREGISTERING;
	bdev->internal.unregister_cb = cb_fn;
	bdev->internal.unregister_ctx = cb_arg;
	bdev->internal.unregister_td = thread;
	__atomic_add_fetch(&g_unregistrations, 1, __ATOMIC_RELAXED);
	spdk_spin_unlock(&bdev->internal.spinlock);
	spdk_thread_exec_msg(spdk_thread_get_app_thread(), unregister_begin, bdev);
}

static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

int
spdk_bdev_unregister_by_name(const char *bdev_name, struct spdk_bdev_module *module,
                             spdk_bdev_unregister_cb cb_fn, void *cb_arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	int rc;

	rc = spdk_bdev_open_ext(bdev_name, false, ignore_event, NULL, &desc);
	if (rc != 0) {
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(desc);
	if (bdev->module != module) {
		spdk_bdev_close(desc);
		return -ENODEV;
	}
	spdk_bdev_unregister(bdev, cb_fn, cb_arg);
	spdk_bdev_close(desc);
	return 0;
}
