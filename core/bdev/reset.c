/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reset: freeze every channel and abort what waits there → give the I/O that is under way its
 * reset_io_drain_timeout to end by itself (then the device is spared the reset) → hand the reset to
 * the module → thaw every channel → answer. One at a time a device: those that are asked for before
 * the module is done end with it, those that come during the thaw are carried out after it. */

#include "bdev_internal.h"

#define DRAIN_POLL_US 1000

static void reset_start(void *arg);
static void drain_check(struct spdk_bdev_io *io);

static void
reset_answer(void *arg)
{
	bdev_io_finish(arg);
}

/* On the thread that asked, as all the steps. */
static void
thaw_done(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct spdk_bdev_io *io = ctx, *other, *next_up;
	bdev_io_tailq_t ended = TAILQ_HEAD_INITIALIZER(ended);
	int8_t status = io->internal.status;

	spdk_spin_lock(&bdev->internal.spinlock);
	TAILQ_CONCAT(&ended, &bdev->internal.ended_resets, internal.link);
	next_up = TAILQ_FIRST(&bdev->internal.queued_resets);
	if (next_up != NULL) {
		TAILQ_REMOVE(&bdev->internal.queued_resets, next_up, internal.link);
	}
	bdev->internal.reset_in_progress = next_up;
	bdev->internal.reset_thawing = false;
	spdk_spin_unlock(&bdev->internal.spinlock);

	if (next_up != NULL) {
		spdk_thread_send_msg(spdk_bdev_io_get_thread(next_up), reset_start, next_up);
	}
	while ((other = TAILQ_FIRST(&ended)) != NULL) {
		TAILQ_REMOVE(&ended, other, internal.link);
		other->internal.status = status;
		spdk_thread_send_msg(spdk_bdev_io_get_thread(other), reset_answer, other);
	}
	spdk_put_io_channel(io->u.reset.ch_ref);
	bdev_io_finish(io);
}

static void
thaw_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch,
             void *ctx)
{
	((struct spdk_bdev_channel *)spdk_io_channel_get_ctx(ch))->flags &=
		~BDEV_CH_RESET_IN_PROGRESS;
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
thaw(struct spdk_bdev_io *io)
{
	struct spdk_bdev *bdev = io->bdev;

	spdk_spin_lock(&bdev->internal.spinlock);
	bdev->internal.reset_thawing = true;
	TAILQ_CONCAT(&bdev->internal.ended_resets, &bdev->internal.queued_resets, internal.link);
	spdk_spin_unlock(&bdev->internal.spinlock);
	spdk_bdev_for_each_channel(bdev, thaw_channel, io, thaw_done);
}

static void
thaw_msg(void *arg)
{
	thaw(arg);
}

/* The module is done; possibly still inside submit_request(). */
void
bdev_reset_complete(struct spdk_bdev_io *io)
{
	spdk_thread_send_msg(spdk_bdev_io_get_thread(io), thaw_msg, io);
}

static void
to_module(struct spdk_bdev_io *io)
{
	io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
	io->bdev->fn_table->submit_request(io->internal.ch->module_ch, io);
}

/* --- waiting for I/O that ends by itself ------------------------------------------------------ */

static int
drain_poll(void *arg)
{
	struct spdk_bdev_io *io = arg;

	spdk_poller_unregister(&io->u.reset.wait_poller.poller);
	drain_check(io);
	return SPDK_POLLER_BUSY;
}

static void
drain_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev,
              struct spdk_io_channel *io_ch, void *ctx)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	spdk_bdev_for_each_channel_continue(i, ch->io_outstanding > 0 ? -EBUSY : 0);
}

static void
drain_checked(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct spdk_bdev_io *io = ctx;

	if (rc == 0) {
		io->internal.status = SPDK_BDEV_IO_STATUS_SUCCESS;
		thaw(io);
	} else if (rc != -EBUSY || spdk_get_ticks() >= io->u.reset.wait_poller.stop_time_tsc) {
		to_module(io);
	} else {
		io->u.reset.wait_poller.poller =
			SPDK_POLLER_REGISTER(drain_poll, io, DRAIN_POLL_US);
	}
}

static void
drain_check(struct spdk_bdev_io *io)
{
	spdk_bdev_for_each_channel(io->bdev, drain_channel, io, drain_checked);
}

/* --- freezing --------------------------------------------------------------------------------- */

static void
freeze_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev,
               struct spdk_io_channel *io_ch, void *ctx)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	ch->flags |= BDEV_CH_RESET_IN_PROGRESS;
	bdev_channel_abort_queued(ch);
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
frozen(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct spdk_bdev_io *io = ctx;

	if (bdev->reset_io_drain_timeout == 0) {
		to_module(io);
		return;
	}
	io->u.reset.wait_poller.stop_time_tsc =
		spdk_get_ticks() + bdev->reset_io_drain_timeout * spdk_get_ticks_hz();
	drain_check(io);
}

static void
reset_start(void *arg)
{
	struct spdk_bdev_io *io = arg;

	/* The channel must outlast the walks, whatever its user does. */
	io->u.reset.ch_ref = spdk_get_io_channel(bdev_io_device(io->bdev));
	spdk_bdev_for_each_channel(io->bdev, freeze_channel, io, frozen);
}

int
spdk_bdev_reset(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
                spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *io;
	bool start;

	if (!bdev_type_supported(bdev, SPDK_BDEV_IO_TYPE_RESET)) {
		return -ENOTSUP;
	}
	io = bdev_io_get(ch->mgmt);
	if (io == NULL) {
		return -ENOMEM;
	}
	bdev_io_init(io, ch, desc, SPDK_BDEV_IO_TYPE_RESET, cb, cb_arg);
	memset(&io->u.reset, 0, sizeof(io->u.reset));
	io->internal.submit_tsc = spdk_get_ticks();
	TAILQ_INSERT_TAIL(&ch->io_submitted, io, internal.ch_link);

	spdk_spin_lock(&bdev->internal.spinlock);
	start = bdev->internal.reset_in_progress == NULL;
	if (start) {
		bdev->internal.reset_in_progress = io;
	} else {
		TAILQ_INSERT_TAIL(&bdev->internal.queued_resets, io, internal.link);
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	if (start) {
		reset_start(io);
	}
	return 0;
}
