/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The spdk_bdev_io objects. They are ordinary memory, not hugepages: no device reads them. The
 * mapping is as large as the option says, but a page of it exists only once it has been used, and
 * the last object freed is the next one taken, so what is used stays small.
 *
 * Each thread keeps bdev_io_cache_size objects of its own from the moment it has a channel, so that
 * nobody can starve it. Beyond these it moves objects from and to the pool in batches, under a lock
 * that is held for a few dozen instructions. */

#include "bdev_internal.h"

#include <pthread.h>
#include <sys/mman.h>

static struct {
	char *base;
	size_t map_size;
	size_t stride;
	uint32_t count;
	uint32_t cache_size;
	uint32_t batch;
	pthread_spinlock_t lock;
	/* Under the lock: objects given back, as a stack, and the first never used. */
	struct spdk_bdev_io **stack;
	uint32_t depth;
	uint32_t fresh;
} g_pool;

int
bdev_io_pool_create(uint32_t count, uint32_t cache_size, size_t ctx_size)
{
	size_t stride = SPDK_ALIGN_CEIL(sizeof(struct spdk_bdev_io) + ctx_size,
	                                (size_t)SPDK_CACHE_LINE_SIZE);

	/* An even number of lines lets objects share few cache sets; make it odd. */
	if ((stride / SPDK_CACHE_LINE_SIZE) % 2 == 0) {
		stride += SPDK_CACHE_LINE_SIZE;
	}
	g_pool.map_size = (size_t)count * stride;
	g_pool.base = mmap(NULL, g_pool.map_size, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (g_pool.base == MAP_FAILED) {
		g_pool.base = NULL;
		return -ENOMEM;
	}
	g_pool.stack = calloc(count, sizeof(struct spdk_bdev_io *));
	if (g_pool.stack == NULL) {
		munmap(g_pool.base, g_pool.map_size);
		g_pool.base = NULL;
		return -ENOMEM;
	}
	pthread_spin_init(&g_pool.lock, PTHREAD_PROCESS_PRIVATE);
	g_pool.stride = stride;
	g_pool.count = count;
	/* A thread with none of its own could wait for ever for one that others have. */
	g_pool.cache_size = spdk_max(1u, cache_size);
	/* So few objects as a test may ask for must not end up in one thread's hands. */
	g_pool.batch = spdk_min(32u, spdk_max(1u, count / 1024));
	g_pool.depth = 0;
	g_pool.fresh = 0;
	return 0;
}

uint32_t
bdev_io_pool_available(void)
{
	return g_pool.depth + (g_pool.count - g_pool.fresh);
}

void
bdev_io_pool_destroy(void)
{
	if (g_pool.base == NULL) {
		return;
	}
	if (bdev_io_pool_available() != g_pool.count) {
		SPDK_ERRLOG("%u of %u bdev_io were never given back\n",
		            g_pool.count - bdev_io_pool_available(), g_pool.count);
	}
	pthread_spin_destroy(&g_pool.lock);
	free(g_pool.stack);
	munmap(g_pool.base, g_pool.map_size);
	memset(&g_pool, 0, sizeof(g_pool));
}

/* Move up to `want` objects from the pool to the cache. Returns how many. */
static uint32_t
pool_take(struct bdev_mgmt_channel *mgmt, uint32_t want)
{
	struct spdk_bdev_io *io;
	uint32_t n;

	pthread_spin_lock(&g_pool.lock);
	for (n = 0; n < want; n++) {
		if (g_pool.depth > 0) {
			io = g_pool.stack[--g_pool.depth];
		} else if (g_pool.fresh < g_pool.count) {
			io = (struct spdk_bdev_io *)(g_pool.base + g_pool.fresh++ * g_pool.stride);
		} else {
			break;
		}
		STAILQ_INSERT_HEAD(&mgmt->free, io, internal.buf_link);
	}
	pthread_spin_unlock(&g_pool.lock);
	mgmt->num_free += n;
	return n;
}

static void
pool_give(struct bdev_mgmt_channel *mgmt, uint32_t count)
{
	struct spdk_bdev_io *io;

	mgmt->num_free -= count;
	pthread_spin_lock(&g_pool.lock);
	while (count-- > 0) {
		io = STAILQ_FIRST(&mgmt->free);
		STAILQ_REMOVE_HEAD(&mgmt->free, internal.buf_link);
		g_pool.stack[g_pool.depth++] = io;
	}
	pthread_spin_unlock(&g_pool.lock);
}

int
bdev_io_cache_fill(struct bdev_mgmt_channel *mgmt)
{
	struct spdk_bdev_io *io;

	if (pool_take(mgmt, g_pool.cache_size) < g_pool.cache_size) {
		pool_give(mgmt, mgmt->num_free);
		return -ENOMEM;
	}
	mgmt->spare = aligned_alloc(SPDK_CACHE_LINE_SIZE, g_pool.stride);
	if (mgmt->spare == NULL) {
		pool_give(mgmt, mgmt->num_free);
		return -ENOMEM;
	}
	mgmt->spare->internal.f.raw = 0;
	mgmt->spare_free = true;
	/* Touch what the thread will use now, not under its first I/O. */
	STAILQ_FOREACH (io, &mgmt->free, internal.buf_link) {
		io->internal.f.raw = 0;
	}
	return 0;
}

void
bdev_io_cache_drain(struct bdev_mgmt_channel *mgmt)
{
	pool_give(mgmt, mgmt->num_free);
	free(mgmt->spare);
	mgmt->spare = NULL;
}

struct spdk_bdev_io *
bdev_io_get(struct bdev_mgmt_channel *mgmt)
{
	struct spdk_bdev_io *io = STAILQ_FIRST(&mgmt->free);

	/* Whoever waits comes first. */
	if (spdk_unlikely(!TAILQ_EMPTY(&mgmt->waiters))) {
		return NULL;
	}
	if (spdk_unlikely(io == NULL)) {
		if (pool_take(mgmt, g_pool.batch) == 0) {
			return NULL;
		}
		io = STAILQ_FIRST(&mgmt->free);
	}
	STAILQ_REMOVE_HEAD(&mgmt->free, internal.buf_link);
	mgmt->num_free--;
	return io;
}

struct spdk_bdev_io *
bdev_io_get_child(struct bdev_mgmt_channel *mgmt)
{
	struct spdk_bdev_io *io = bdev_io_get(mgmt);

	if (spdk_unlikely(io == NULL) && mgmt->spare_free) {
		mgmt->spare_free = false;
		io = mgmt->spare;
	}
	return io;
}

static bool
waiter_can_go(const struct bdev_mgmt_channel *mgmt)
{
	const struct spdk_bdev_io_wait_entry *first = TAILQ_FIRST(&mgmt->waiters);

	return first != NULL && (mgmt->num_free > 0 || (mgmt->spare_free && first->dep_unblock));
}

/* Each waiter is called with the queue out of sight, so that its own bdev_io_get() succeeds; those
 * that it adds go behind the ones that waited before. */
static void
waiters_serve(struct bdev_mgmt_channel *mgmt)
{
	struct bdev_wait_tailq rest;
	struct spdk_bdev_io_wait_entry *entry;

	while (waiter_can_go(mgmt)) {
		TAILQ_INIT(&rest);
		TAILQ_CONCAT(&rest, &mgmt->waiters, link);
		entry = TAILQ_FIRST(&rest);
		TAILQ_REMOVE(&rest, entry, link);
		entry->cb_fn(entry->cb_arg);
		TAILQ_CONCAT(&rest, &mgmt->waiters, link);
		TAILQ_CONCAT(&mgmt->waiters, &rest, link);
	}
}

static void
waiter_add(struct bdev_mgmt_channel *mgmt, struct spdk_bdev_io_wait_entry *entry)
{
	struct spdk_bdev_io_wait_entry *other;

	if (entry->dep_unblock) {
		TAILQ_FOREACH (other, &mgmt->waiters, link) {
			if (!other->dep_unblock) {
				TAILQ_INSERT_BEFORE(other, entry, link);
				return;
			}
		}
	}
	TAILQ_INSERT_TAIL(&mgmt->waiters, entry, link);
}

void
bdev_io_wait_child(struct bdev_mgmt_channel *mgmt, struct spdk_bdev_io_wait_entry *entry)
{
	entry->dep_unblock = true;
	waiter_add(mgmt, entry);
}

void
spdk_bdev_free_io(struct spdk_bdev_io *io)
{
	struct bdev_mgmt_channel *mgmt = io->internal.ch->mgmt;

	if (spdk_unlikely(!io->internal.f.in_use ||
	                  io->internal.status == SPDK_BDEV_IO_STATUS_PENDING)) {
		SPDK_ERRLOG("%s: an I/O was freed twice or before it ended\n", io->bdev->name);
		abort();
	}
	if (spdk_unlikely(io->internal.f.has_buf)) {
		bdev_io_buf_put(io);
	}
	io->internal.f.in_use = 0;
	if (spdk_unlikely(io == mgmt->spare)) {
		mgmt->spare_free = true;
	} else {
		STAILQ_INSERT_HEAD(&mgmt->free, io, internal.buf_link);
		mgmt->num_free++;
	}
	if (spdk_unlikely(mgmt->num_free >= g_pool.cache_size + 2 * g_pool.batch)) {
		pool_give(mgmt, g_pool.batch);
	}
	if (spdk_unlikely(!TAILQ_EMPTY(&mgmt->waiters))) {
		waiters_serve(mgmt);
	}
}

int
spdk_bdev_queue_io_wait(struct spdk_bdev *bdev, struct spdk_io_channel *io_ch,
                        struct spdk_bdev_io_wait_entry *entry)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct bdev_mgmt_channel *mgmt = ch->mgmt;

	if (entry->bdev != bdev) {
		SPDK_ERRLOG("%s: the wait entry is of another device\n", bdev->name);
		return -EINVAL;
	}
	if (mgmt->num_free > 0 && TAILQ_EMPTY(&mgmt->waiters)) {
		SPDK_ERRLOG("%s: asked to wait while a bdev_io is free\n", bdev->name);
		return -EINVAL;
	}
	waiter_add(mgmt, entry);
	return 0;
}
