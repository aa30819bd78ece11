/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Channels: the per-thread halves of the block layer and of each device. */

#include "bdev_internal.h"

int
bdev_mgmt_channel_create(void *io_device, void *ctx)
{
	struct bdev_mgmt_channel *mgmt = ctx;
	int rc;

	memset(mgmt, 0, sizeof(*mgmt));
	STAILQ_INIT(&mgmt->free);
	STAILQ_INIT(&mgmt->completed);
	TAILQ_INIT(&mgmt->waiters);
	TAILQ_INIT(&mgmt->shared);
	mgmt->thread = spdk_get_thread();
	rc = bdev_io_cache_fill(mgmt);
	if (rc != 0) {
		SPDK_ERRLOG("thread %s: fewer than %u bdev_io are left for its cache; raise "
		            "bdev_io_pool_size or lower bdev_io_cache_size (bdev_set_options)\n",
		            spdk_thread_get_name(mgmt->thread), g_bdev_mgr.opts.bdev_io_cache_size);
		return rc;
	}
	rc = bdev_buf_channel_init(mgmt);
	if (rc != 0) {
		bdev_io_cache_drain(mgmt);
	}
	return rc;
}

void
bdev_mgmt_channel_destroy(void *io_device, void *ctx)
{
	struct bdev_mgmt_channel *mgmt = ctx;

	if (!TAILQ_EMPTY(&mgmt->shared) || !TAILQ_EMPTY(&mgmt->waiters)) {
		SPDK_ERRLOG("the channel of the block layer ends with somebody still on it\n");
	}
	bdev_buf_channel_fini(mgmt);
	bdev_io_cache_drain(mgmt);
}

static struct bdev_shared *
shared_get(struct bdev_mgmt_channel *mgmt, struct spdk_io_channel *module_ch)
{
	struct bdev_shared *shared;

	TAILQ_FOREACH (shared, &mgmt->shared, link) {
		if (shared->module_ch == module_ch) {
			/* The first user's reference to the module's channel keeps it alive. */
			shared->refs++;
			return shared;
		}
	}
	shared = calloc(1, sizeof(*shared));
	if (shared == NULL) {
		return NULL;
	}
	shared->mgmt = mgmt;
	shared->module_ch = module_ch;
	shared->refs = 1;
	TAILQ_INIT(&shared->nomem);
	TAILQ_INSERT_TAIL(&mgmt->shared, shared, link);
	return shared;
}

static void
shared_put(struct bdev_shared *shared)
{
	if (--shared->refs > 0) {
		return;
	}
	spdk_poller_unregister(&shared->nomem_poller);
	TAILQ_REMOVE(&shared->mgmt->shared, shared, link);
	free(shared);
}

int
bdev_channel_create(void *io_device, void *ctx)
{
	struct spdk_bdev *bdev = bdev_from_io_device(io_device);
	struct spdk_bdev_channel *ch = ctx;

	memset(ch, 0, sizeof(*ch));
	ch->bdev = bdev;
	TAILQ_INIT(&ch->io_submitted);
	bdev_stat_init(&ch->stat, &ch->error_stat);
	ch->module_ch = bdev->fn_table->get_io_channel(bdev->ctxt);
	if (ch->module_ch == NULL) {
		return -ENOMEM;
	}
	ch->mgmt_io_ch = spdk_get_io_channel(&g_bdev_mgr);
	if (ch->mgmt_io_ch == NULL) {
		spdk_put_io_channel(ch->module_ch);
		return -ENOMEM;
	}
	ch->mgmt = spdk_io_channel_get_ctx(ch->mgmt_io_ch);
	ch->shared = shared_get(ch->mgmt, ch->module_ch);
	if (ch->shared == NULL) {
		spdk_put_io_channel(ch->mgmt_io_ch);
		spdk_put_io_channel(ch->module_ch);
		return -ENOMEM;
	}
	/* A reset under way may have walked past this thread already. The walk that thaws begins
	 * after reset_thawing is set, so it will find us. */
	spdk_spin_lock(&bdev->internal.spinlock);
	if (bdev->internal.reset_in_progress != NULL && !bdev->internal.reset_thawing) {
		ch->flags |= BDEV_CH_RESET_IN_PROGRESS;
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	return 0;
}

void
bdev_channel_destroy(void *io_device, void *ctx)
{
	struct spdk_bdev_channel *ch = ctx;
	struct spdk_bdev *bdev = ch->bdev;

	if (!TAILQ_EMPTY(&ch->io_submitted)) {
		SPDK_ERRLOG("%s: its channel was put while I/O was on it\n", bdev->name);
		abort();
	}
	spdk_spin_lock(&bdev->internal.spinlock);
	spdk_bdev_add_io_stat(bdev->internal.stat, &ch->stat);
	spdk_spin_unlock(&bdev->internal.spinlock);
	shared_put(ch->shared);
	spdk_put_io_channel(ch->mgmt_io_ch);
	spdk_put_io_channel(ch->module_ch);
}

struct spdk_io_channel *
spdk_bdev_get_io_channel(struct spdk_bdev_desc *desc)
{
	return spdk_get_io_channel(bdev_io_device(desc->bdev));
}

void
bdev_channel_abort_queued(struct spdk_bdev_channel *ch)
{
	bdev_io_tailq_t mine = TAILQ_HEAD_INITIALIZER(mine);
	struct spdk_bdev_io *io, *next;

	TAILQ_FOREACH_SAFE (io, &ch->shared->nomem, internal.link, next) {
		if (io->internal.ch == ch) {
			TAILQ_REMOVE(&ch->shared->nomem, io, internal.link);
			bdev_io_defer(io, SPDK_BDEV_IO_STATUS_ABORTED);
		}
	}
	/* These the module has seen, except for the whole of a split I/O. Their users are called
	 * after the list has been left alone. */
	bdev_buf_waiters_take(ch, &mine);
	while ((io = TAILQ_FIRST(&mine)) != NULL) {
		TAILQ_REMOVE(&mine, io, internal.link);
		if (io->internal.f.split) {
			bdev_io_defer(io, SPDK_BDEV_IO_STATUS_ABORTED);
		} else {
			spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_ABORTED);
		}
	}
}

/* --- walking ---------------------------------------------------------------------------------- */

struct spdk_bdev_channel_iter {
	spdk_bdev_for_each_channel_msg fn;
	spdk_bdev_for_each_channel_done done;
	struct spdk_io_channel_iter *i;
	struct spdk_bdev *bdev;
	void *ctx;
};

static void
walk_channel(struct spdk_io_channel_iter *i)
{
	struct spdk_bdev_channel_iter *iter = spdk_io_channel_iter_get_ctx(i);

	iter->i = i;
	iter->fn(iter, iter->bdev, spdk_io_channel_iter_get_channel(i), iter->ctx);
}

static void
walk_done(struct spdk_io_channel_iter *i, int status)
{
	struct spdk_bdev_channel_iter *iter = spdk_io_channel_iter_get_ctx(i);

	iter->done(iter->bdev, iter->ctx, status);
	free(iter);
}

void
spdk_bdev_for_each_channel_continue(struct spdk_bdev_channel_iter *iter, int status)
{
	spdk_for_each_channel_continue(iter->i, status);
}

void
spdk_bdev_for_each_channel(struct spdk_bdev *bdev, spdk_bdev_for_each_channel_msg fn, void *ctx,
                           spdk_bdev_for_each_channel_done done)
{
	struct spdk_bdev_channel_iter *iter = calloc(1, sizeof(*iter));

	if (iter == NULL) {
		SPDK_ERRLOG("%s: out of memory to walk its channels\n", bdev->name);
		done(bdev, ctx, -ENOMEM);
		return;
	}
	iter->fn = fn;
	iter->done = done;
	iter->bdev = bdev;
	iter->ctx = ctx;
	spdk_for_each_channel(bdev_io_device(bdev), walk_channel, iter, walk_done);
}
