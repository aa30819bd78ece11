/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Abort: every I/O on a channel with a given callback argument. What still waits in the block layer
 * is ended here; for what the module has, the module gets a request of type ABORT each; of a split
 * I/O the pieces are aborted, which ends the whole. It succeeds if at least one was found and each
 * found one could be aborted. */

#include "bdev_internal.h"

/* What u.abort holds while the block layer works on the user's own request. */
static inline void *
abort_arg(const struct spdk_bdev_io *parent)
{
	return parent->u.bdev.abort.bio_cb_arg;
}

static void
abort_settle(struct spdk_bdev_io *parent)
{
	if (--parent->internal.split.outstanding > 0) {
		return;
	}
	bdev_io_defer(parent, parent->internal.split.remaining_num_blocks > 0
	                              ? SPDK_BDEV_IO_STATUS_SUCCESS
	                              : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
abort_failed(struct spdk_bdev_io *parent)
{
	parent->internal.split.failed = true;
	parent->internal.split.remaining_num_blocks = 0;
}

static void
child_done(struct spdk_bdev_io *child, bool success, void *arg)
{
	struct spdk_bdev_io *parent = arg;

	spdk_bdev_free_io(child);
	if (!success) {
		abort_failed(parent);
	}
	abort_settle(parent);
}

static bool
is_target(const struct spdk_bdev_io *io, const struct spdk_bdev_io *parent)
{
	const struct spdk_bdev_io *of = io;

	if (io == parent || io->type == SPDK_BDEV_IO_TYPE_ABORT || io->internal.f.abort_seen) {
		return false;
	}
	if (io->internal.f.child_io) {
		of = io->internal.caller_ctx; /* the split I/O */
	}
	return of->internal.caller_ctx == abort_arg(parent) && (of != io || !io->internal.f.split);
}

/* Whether it was in the block layer and has been ended. */
static bool
end_waiting(struct spdk_bdev_channel *ch, struct spdk_bdev_io *io)
{
	struct spdk_bdev_io *other;

	TAILQ_FOREACH (other, &ch->shared->nomem, internal.link) {
		if (other == io) {
			TAILQ_REMOVE(&ch->shared->nomem, io, internal.link);
			bdev_io_defer(io, SPDK_BDEV_IO_STATUS_ABORTED);
			return true;
		}
	}
	return false;
}

static void
abort_one(struct spdk_bdev_io *parent, struct spdk_bdev_io *target)
{
	struct spdk_bdev_channel *ch = parent->internal.ch;
	struct spdk_bdev_io *child;

	if (!parent->internal.split.failed) {
		parent->internal.split.remaining_num_blocks = 1;
	}
	if (target->internal.status != SPDK_BDEV_IO_STATUS_PENDING &&
	    target->internal.status != SPDK_BDEV_IO_STATUS_NOMEM) {
		/* It has ended; only its user does not know yet. */
		abort_failed(parent);
		return;
	}
	if (end_waiting(ch, target)) {
		return;
	}
	child = bdev_io_get_child(ch->mgmt);
	if (child == NULL) {
		abort_failed(parent);
		return;
	}
	bdev_io_init(child, ch, parent->internal.desc, SPDK_BDEV_IO_TYPE_ABORT, child_done, parent);
	child->internal.f.child_io = 1;
	child->internal.submit_tsc = parent->internal.submit_tsc;
	child->u.abort.bio_to_abort = target;
	parent->internal.split.outstanding++;
	TAILQ_INSERT_TAIL(&ch->io_submitted, child, internal.ch_link);
	/* Also while the device is being reset. */
	bdev_io_to_module(ch, child);
}

/* By message: what an abort ends may call its user at once, who must not be called from inside
 * spdk_bdev_abort(). */
static void
abort_begin(void *arg)
{
	struct spdk_bdev_io *parent = arg, *io;
	struct spdk_bdev_channel *ch = parent->internal.ch;

	TAILQ_FOREACH (io, &ch->io_submitted, internal.ch_link) {
		io->internal.f.abort_seen = 0;
	}
	/* From the start each time: the module may have ended any of them meanwhile. */
	do {
		TAILQ_FOREACH (io, &ch->io_submitted, internal.ch_link) {
			if (is_target(io, parent)) {
				io->internal.f.abort_seen = 1;
				abort_one(parent, io);
				break;
			}
		}
	} while (io != NULL);
	abort_settle(parent);
}

int
spdk_bdev_abort(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, void *bio_cb_arg,
                spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *io;

	if (bio_cb_arg == NULL) {
		return -EINVAL;
	}
	if (!bdev_type_supported(desc->bdev, SPDK_BDEV_IO_TYPE_ABORT)) {
		return -ENOTSUP;
	}
	io = bdev_io_get(ch->mgmt);
	if (io == NULL) {
		return -ENOMEM;
	}
	bdev_io_init(io, ch, desc, SPDK_BDEV_IO_TYPE_ABORT, cb, cb_arg);
	bdev_io_init_block(io, NULL, 0, NULL, 0, 0);
	io->u.bdev.abort.bio_cb_arg = bio_cb_arg;
	io->internal.split.failed = false;
	io->internal.split.remaining_num_blocks = 0; /* 1: found, and none has failed */
	io->internal.split.outstanding = 1;          /* the search itself */
	io->internal.submit_tsc = spdk_get_ticks();
	TAILQ_INSERT_TAIL(&ch->io_submitted, io, internal.ch_link);
	if (spdk_thread_send_msg(ch->mgmt->thread, abort_begin, io) != 0) {
		bdev_io_defer(io, SPDK_BDEV_IO_STATUS_FAILED);
	}
	return 0;
}
