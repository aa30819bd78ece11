/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Buffers for I/O that came without one, or with one that the device cannot use. They are pinned
 * memory from the heap, kept by the thread in two sizes; longer ones, and those that must be
 * aligned to more than a page, go back at once. When the heap is empty the I/O waits, in order, for
 * a buffer of this thread to come back, and looks again now and then in case another thread has let
 * go of one. */

#include "bdev_internal.h"

#define BUF_RETRY_US 1000

void
bdev_buf_cache_init(struct bdev_mgmt_channel *mgmt)
{
	mgmt->small.size = SPDK_BDEV_BUF_SIZE_WITH_MD(SPDK_BDEV_SMALL_BUF_MAX_SIZE);
	mgmt->large.size = SPDK_BDEV_BUF_SIZE_WITH_MD(SPDK_BDEV_LARGE_BUF_MAX_SIZE);
	TAILQ_INIT(&mgmt->buf_waiters);
}

static void
cache_drain(struct bdev_buf_cache *cache)
{
	while (cache->num_free > 0) {
		spdk_free(cache->free[--cache->num_free]);
	}
}

void
bdev_buf_cache_drain(struct bdev_mgmt_channel *mgmt)
{
	spdk_poller_unregister(&mgmt->buf_poller);
	cache_drain(&mgmt->small);
	cache_drain(&mgmt->large);
}

static struct bdev_buf_cache *
cache_for(struct bdev_mgmt_channel *mgmt, uint64_t len, size_t align)
{
	if (align > BDEV_BUF_ALIGN) {
		return NULL;
	}
	if (len <= mgmt->small.size) {
		return &mgmt->small;
	}
	return len <= mgmt->large.size ? &mgmt->large : NULL;
}

static void *
buf_alloc(const struct spdk_bdev_io *io)
{
	struct bdev_mgmt_channel *mgmt = io->internal.ch->mgmt;
	size_t align = spdk_bdev_get_buf_align(io->bdev);
	uint64_t len = io->internal.buf.len;
	struct bdev_buf_cache *cache = cache_for(mgmt, len, align);

	if (cache != NULL && cache->num_free > 0) {
		return cache->free[--cache->num_free];
	}
	return spdk_malloc(cache != NULL ? cache->size : spdk_max(len, UINT64_C(1)),
	                   spdk_max(align, (size_t)BDEV_BUF_ALIGN), NULL, SPDK_ENV_NUMA_ID_ANY,
	                   SPDK_MALLOC_DMA);
}

static void
buf_free(const struct spdk_bdev_io *io)
{
	struct bdev_mgmt_channel *mgmt = io->internal.ch->mgmt;
	void *buf = io->internal.buf.ptr;
	struct bdev_buf_cache *cache =
		cache_for(mgmt, io->internal.buf.len, spdk_bdev_get_buf_align(io->bdev));

	if (cache != NULL && cache->num_free < SPDK_COUNTOF(cache->free)) {
		cache->free[cache->num_free++] = buf;
	} else {
		spdk_free(buf);
	}
}

/* --- copying ---------------------------------------------------------------------------------- */

static void
bounce_begin(struct spdk_bdev_io *io, void *buf)
{
	struct spdk_bdev_io_block_params *p = &io->u.bdev;
	uint64_t len = p->num_blocks * io->bdev->blocklen;

	io->internal.bounce.orig_iovs = p->iovs;
	io->internal.bounce.orig_iovcnt = p->iovcnt;
	io->internal.bounce.iov.iov_base = buf;
	io->internal.bounce.iov.iov_len = len;
	io->internal.f.has_bounce = 1;
	if (io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		spdk_copy_iovs_to_buf(buf, len, p->iovs, p->iovcnt);
	}
	p->iovs = &io->internal.bounce.iov;
	p->iovcnt = 1;
}

void
bdev_io_bounce_finish(struct spdk_bdev_io *io)
{
	struct spdk_bdev_io_block_params *p = &io->u.bdev;

	if (io->type == SPDK_BDEV_IO_TYPE_READ &&
	    io->internal.status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		spdk_copy_buf_to_iovs(
			io->internal.bounce.orig_iovs, io->internal.bounce.orig_iovcnt,
			io->internal.bounce.iov.iov_base, io->internal.bounce.iov.iov_len);
	}
	p->iovs = io->internal.bounce.orig_iovs;
	p->iovcnt = io->internal.bounce.orig_iovcnt;
	io->internal.f.has_bounce = 0;
	/* The user's data is where it belongs: nobody looks at ours any more. */
	bdev_io_buf_put(io);
}

/* --- getting and waiting ---------------------------------------------------------------------- */

static void
buf_use(struct spdk_bdev_io *io, void *buf)
{
	spdk_bdev_io_get_buf_cb cb = io->internal.get_buf_cb;

	io->internal.buf.ptr = buf;
	io->internal.f.has_buf = 1;
	if (io->u.bdev.iovs != NULL && io->u.bdev.iovs[0].iov_base != NULL) {
		bounce_begin(io, buf);
	} else {
		spdk_bdev_io_set_buf(io, buf, io->internal.buf.len);
	}
	cb(io->internal.ch->module_ch, io, true);
}

static void
waiters_serve(struct bdev_mgmt_channel *mgmt)
{
	struct spdk_bdev_io *io;
	void *buf;

	/* What is served may end at once and give its buffer back to us: once around is enough. */
	if (mgmt->buf_serving) {
		return;
	}
	mgmt->buf_serving = true;
	while ((io = TAILQ_FIRST(&mgmt->buf_waiters)) != NULL) {
		buf = buf_alloc(io);
		if (buf == NULL) {
			break;
		}
		TAILQ_REMOVE(&mgmt->buf_waiters, io, internal.link);
		buf_use(io, buf);
	}
	mgmt->buf_serving = false;
	if (TAILQ_EMPTY(&mgmt->buf_waiters)) {
		spdk_poller_unregister(&mgmt->buf_poller);
	}
}

static int
waiters_poll(void *arg)
{
	waiters_serve(arg);
	return SPDK_POLLER_BUSY;
}

void
bdev_io_buf_put(struct spdk_bdev_io *io)
{
	struct bdev_mgmt_channel *mgmt = io->internal.ch->mgmt;

	if (!io->internal.f.has_buf) {
		return;
	}
	io->internal.f.has_buf = 0;
	buf_free(io);
	if (!TAILQ_EMPTY(&mgmt->buf_waiters)) {
		waiters_serve(mgmt);
	}
}

static bool
is_aligned(const struct spdk_bdev_io *io)
{
	uintptr_t mask = spdk_bdev_get_buf_align(io->bdev) - 1;
	int i;

	for (i = 0; i < io->u.bdev.iovcnt; i++) {
		if (((uintptr_t)io->u.bdev.iovs[i].iov_base & mask) != 0) {
			return false;
		}
		/* A vector that ends off the grid leaves the device a fragment. */
		if (io->u.bdev.iovcnt > 1 && (io->u.bdev.iovs[i].iov_len & mask) != 0) {
			return false;
		}
	}
	return true;
}

void
spdk_bdev_io_get_buf(struct spdk_bdev_io *io, spdk_bdev_io_get_buf_cb cb, uint64_t len)
{
	struct bdev_mgmt_channel *mgmt = io->internal.ch->mgmt;
	struct spdk_io_channel *module_ch = io->internal.ch->module_ch;
	bool has_data = io->u.bdev.iovs != NULL && io->u.bdev.iovs[0].iov_base != NULL;
	void *buf;

	if (has_data && spdk_likely(is_aligned(io))) {
		cb(module_ch, io, true);
		return;
	}
	if (!has_data && len > SPDK_BDEV_LARGE_BUF_MAX_SIZE && !io->internal.f.split) {
		SPDK_ERRLOG("%s: %" PRIu64 " bytes asked for a read without a buffer; at most %u\n",
		            io->bdev->name, len, SPDK_BDEV_LARGE_BUF_MAX_SIZE);
		cb(module_ch, io, false);
		return;
	}
	io->internal.get_buf_cb = cb;
	io->internal.buf.len = has_data ? io->u.bdev.num_blocks * io->bdev->blocklen : len;
	if (TAILQ_EMPTY(&mgmt->buf_waiters)) {
		buf = buf_alloc(io);
		if (buf != NULL) {
			buf_use(io, buf);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&mgmt->buf_waiters, io, internal.link);
	if (mgmt->buf_poller == NULL) {
		mgmt->buf_poller = SPDK_POLLER_REGISTER(waiters_poll, mgmt, BUF_RETRY_US);
	}
}

void
spdk_bdev_io_set_buf(struct spdk_bdev_io *io, void *buf, size_t len)
{
	size_t align = spdk_bdev_get_buf_align(io->bdev);
	char *aligned = (char *)SPDK_ALIGN_CEIL((uintptr_t)buf, (uintptr_t)align);

	if (io->u.bdev.iovs == NULL) {
		io->u.bdev.iovs = &io->iov;
		io->u.bdev.iovcnt = 1;
	}
	io->u.bdev.iovs[0].iov_base = aligned;
	io->u.bdev.iovs[0].iov_len = len;
}

void
spdk_bdev_io_set_md_buf(struct spdk_bdev_io *io, void *md_buf, size_t len)
{
	io->u.bdev.md_buf = md_buf;
}
