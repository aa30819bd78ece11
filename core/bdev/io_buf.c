/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Buffers for I/O that came without one, or with one that the device cannot use. They are taken
 * from the pools that all modules share (spdk_iobuf_get), where an I/O waits in line if there is
 * none. What would not fit (a copy may be of any length, alignment may take room) comes from the
 * heap, and if that is empty a poller looks again now and then. */

#include "bdev_internal.h"
#include "core/thread/iobuf.h"

#define LONG_RETRY_US 1000
/* As many threads shall find their part in the pools as with SPDK's counts. */
#define FAIR_THREADS 64

/* --- the channel ------------------------------------------------------------------------------ */

static uint32_t
cache_size(uint32_t option, uint32_t by_default, uint64_t pool_count)
{
	uint64_t fair = spdk_max(UINT64_C(1), pool_count / FAIR_THREADS);

	/* The pools follow the memory, so what nobody chose follows the pools. */
	return option == by_default ? (uint32_t)spdk_min((uint64_t)option, fair) : option;
}

int
bdev_buf_channel_init(struct bdev_mgmt_channel *mgmt)
{
	struct spdk_iobuf_opts pools;
	uint32_t small, large;
	int rc;

	TAILQ_INIT(&mgmt->long_waiters);
	spdk_iobuf_get_opts(&pools, sizeof(pools));
	small = cache_size(g_bdev_mgr.opts.iobuf_small_cache_size, BDEV_IOBUF_SMALL_CACHE,
	                   pools.small_pool_count);
	large = cache_size(g_bdev_mgr.opts.iobuf_large_cache_size, BDEV_IOBUF_LARGE_CACHE,
	                   pools.large_pool_count);
	rc = iobuf_channel_try_init(&mgmt->iobuf, BDEV_IOBUF_NAME, small, large);
	if (rc != -ENOMEM) {
		return rc;
	}
	/* With one of each the thread gets on. */
	SPDK_WARNLOG("thread %s: %" PRIu32 " small and %" PRIu32
	             " large iobufs of its own are not left, it gets one of each; raise the pools' "
	             "counts (iobuf_set_options) or lower the caches (bdev_set_options)\n",
	             spdk_thread_get_name(mgmt->thread), small, large);
	return spdk_iobuf_channel_init(&mgmt->iobuf, BDEV_IOBUF_NAME, spdk_min(small, 1u),
	                               spdk_min(large, 1u));
}

void
bdev_buf_channel_fini(struct bdev_mgmt_channel *mgmt)
{
	spdk_poller_unregister(&mgmt->long_poller);
	spdk_iobuf_channel_fini(&mgmt->iobuf);
}

/* --- pool or heap ----------------------------------------------------------------------------- */

/* What is asked of the pool: its buffers are aligned to pages, more must be found inside. */
static uint64_t
pool_len(const struct spdk_bdev_io *io)
{
	size_t align = spdk_bdev_get_buf_align(io->bdev);

	return io->internal.buf.len + (align > BDEV_BUF_ALIGN ? align - BDEV_BUF_ALIGN : 0);
}

static bool
is_long(const struct spdk_bdev_io *io)
{
	return pool_len(io) > io->internal.ch->mgmt->iobuf.cache[0].large.bufsize;
}

static void *
long_alloc(const struct spdk_bdev_io *io)
{
	return spdk_malloc(io->internal.buf.len,
	                   spdk_max(spdk_bdev_get_buf_align(io->bdev), (size_t)BDEV_BUF_ALIGN),
	                   NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
}

static char *
aligned_start(const struct spdk_bdev_io *io, void *buf)
{
	return (char *)SPDK_ALIGN_CEIL((uintptr_t)buf,
	                               (uintptr_t)spdk_bdev_get_buf_align(io->bdev));
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
		bounce_begin(io, aligned_start(io, buf));
	} else {
		spdk_bdev_io_set_buf(io, buf, io->internal.buf.len);
	}
	cb(io->internal.ch->module_ch, io, true);
}

static void
pool_buf_here(struct spdk_iobuf_entry *entry, void *buf)
{
	buf_use(SPDK_CONTAINEROF(entry, struct spdk_bdev_io, internal.iobuf), buf);
}

static int
long_poll(void *arg)
{
	struct bdev_mgmt_channel *mgmt = arg;
	struct spdk_bdev_io *io;
	void *buf;

	while ((io = TAILQ_FIRST(&mgmt->long_waiters)) != NULL && (buf = long_alloc(io)) != NULL) {
		TAILQ_REMOVE(&mgmt->long_waiters, io, internal.link);
		buf_use(io, buf);
	}
	if (TAILQ_EMPTY(&mgmt->long_waiters)) {
		spdk_poller_unregister(&mgmt->long_poller);
	}
	return SPDK_POLLER_BUSY;
}

static void
long_get(struct bdev_mgmt_channel *mgmt, struct spdk_bdev_io *io)
{
	void *buf = TAILQ_EMPTY(&mgmt->long_waiters) ? long_alloc(io) : NULL;

	if (buf != NULL) {
		buf_use(io, buf);
		return;
	}
	TAILQ_INSERT_TAIL(&mgmt->long_waiters, io, internal.link);
	if (mgmt->long_poller == NULL) {
		mgmt->long_poller = SPDK_POLLER_REGISTER(long_poll, mgmt, LONG_RETRY_US);
	}
}

void
bdev_io_buf_put(struct spdk_bdev_io *io)
{
	if (!io->internal.f.has_buf) {
		return;
	}
	io->internal.f.has_buf = 0;
	if (is_long(io)) {
		spdk_free(io->internal.buf.ptr);
	} else {
		spdk_iobuf_put(&io->internal.ch->mgmt->iobuf, io->internal.buf.ptr, pool_len(io));
	}
}

struct taking {
	struct spdk_bdev_channel *ch;
	bdev_io_tailq_t *taken;
};

static int
waiter_take(struct spdk_iobuf_channel *iobuf, struct spdk_iobuf_entry *entry, void *ctx)
{
	struct spdk_bdev_io *io = SPDK_CONTAINEROF(entry, struct spdk_bdev_io, internal.iobuf);
	struct taking *taking = ctx;

	if (io->internal.ch == taking->ch) {
		spdk_iobuf_entry_abort(iobuf, entry, pool_len(io));
		TAILQ_INSERT_TAIL(taking->taken, io, internal.link);
	}
	return 0;
}

void
bdev_buf_waiters_take(struct spdk_bdev_channel *ch, bdev_io_tailq_t *taken)
{
	struct taking taking = { ch, taken };
	struct spdk_bdev_io *io, *next;

	spdk_iobuf_for_each_entry(&ch->mgmt->iobuf, waiter_take, &taking);
	TAILQ_FOREACH_SAFE (io, &ch->mgmt->long_waiters, internal.link, next) {
		if (io->internal.ch == ch) {
			TAILQ_REMOVE(&ch->mgmt->long_waiters, io, internal.link);
			TAILQ_INSERT_TAIL(taken, io, internal.link);
		}
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
	io->internal.get_buf_cb = cb;
	io->internal.buf.len = has_data ? io->u.bdev.num_blocks * io->bdev->blocklen : len;
	if (is_long(io)) {
		if (!has_data && !io->internal.f.split &&
		    len > mgmt->iobuf.cache[0].large.bufsize) {
			SPDK_ERRLOG("%s: %" PRIu64 " bytes asked for a read without a buffer; at "
			            "most %" PRIu32 " (large_bufsize of iobuf_set_options)\n",
			            io->bdev->name, len, mgmt->iobuf.cache[0].large.bufsize);
			cb(module_ch, io, false);
			return;
		}
		long_get(mgmt, io);
		return;
	}
	buf = spdk_iobuf_get(&mgmt->iobuf, pool_len(io), &io->internal.iobuf, pool_buf_here);
	if (buf != NULL) {
		buf_use(io, buf);
	}
}

void
spdk_bdev_io_set_buf(struct spdk_bdev_io *io, void *buf, size_t len)
{
	if (io->u.bdev.iovs == NULL) {
		io->u.bdev.iovs = &io->iov;
		io->u.bdev.iovcnt = 1;
	}
	io->u.bdev.iovs[0].iov_base = aligned_start(io, buf);
	io->u.bdev.iovs[0].iov_len = len;
}

void
spdk_bdev_io_set_md_buf(struct spdk_bdev_io *io, void *md_buf, size_t len)
{
	io->u.bdev.md_buf = md_buf;
}
