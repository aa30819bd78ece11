/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Looking at a device's I/O from outside: each request that is under way, and how many there are.
 */

#include "bdev_internal.h"

struct walk {
	spdk_bdev_io_fn fn;
	spdk_bdev_for_each_io_cb done;
	spdk_bdev_get_current_qd_cb qd_done;
	void *ctx;
	uint64_t qd;
};

static void
visit_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch,
              void *ctx)
{
	struct spdk_bdev_channel *bch = spdk_io_channel_get_ctx(ch);
	struct walk *walk = ctx;
	struct spdk_bdev_io *io, *next;
	int rc = 0;

	TAILQ_FOREACH_SAFE (io, &bch->io_submitted, internal.ch_link, next) {
		rc = walk->fn(walk->ctx, io);
		if (rc != 0) {
			break;
		}
	}
	spdk_bdev_for_each_channel_continue(i, rc);
}

static void
visited(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct walk *walk = ctx;

	walk->done(walk->ctx, status);
	free(walk);
}

void
spdk_bdev_for_each_bdev_io(struct spdk_bdev *bdev, void *ctx, spdk_bdev_io_fn fn,
                           spdk_bdev_for_each_io_cb cb)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		cb(ctx, -ENOMEM);
		return;
	}
	walk->fn = fn;
	walk->done = cb;
	walk->ctx = ctx;
	spdk_bdev_for_each_channel(bdev, visit_channel, walk, visited);
}

static void
add_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch,
            void *ctx)
{
	struct spdk_bdev_channel *bch = spdk_io_channel_get_ctx(ch);
	struct walk *walk = ctx;

	/* One channel at a time: nobody adds beside us. */
	walk->qd += bch->io_outstanding;
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
added(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct walk *walk = ctx;

	walk->qd_done(bdev, walk->qd, walk->ctx, status);
	free(walk);
}

void
spdk_bdev_get_current_qd(struct spdk_bdev *bdev, spdk_bdev_get_current_qd_cb cb_fn, void *cb_arg)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		cb_fn(bdev, 0, cb_arg, -ENOMEM);
		return;
	}
	walk->qd_done = cb_fn;
	walk->ctx = cb_arg;
	spdk_bdev_for_each_channel(bdev, add_channel, walk, added);
}
