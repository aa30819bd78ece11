/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The two calls that matter, and a thread's line of those who wait. A get from the channel's own
 * and a put back to it touch the channel, the buffer's first bytes and a counter; everything else
 * is "beyond the cache". */

#include "core/thread/iobuf.h"

#include "spdk/log.h"

/* Buffers fetched at a time for a cache that ran dry. */
#define REFILL 8u

/* --- waiting ---------------------------------------------------------------------------------- */

static void
queue_insert(struct iobuf_queue *q, struct spdk_iobuf_entry *entry)
{
	if (!q->serving) {
		STAILQ_INSERT_TAIL(&q->entries, entry, stailq);
		return;
	}
	if (q->after == NULL) {
		STAILQ_INSERT_HEAD(&q->entries, entry, stailq);
	} else {
		STAILQ_INSERT_AFTER(&q->entries, q->after, entry, stailq);
	}
	q->after = entry;
}

bool
iobuf_queue_remove(struct iobuf_queue *q, struct spdk_iobuf_entry *entry)
{
	struct spdk_iobuf_entry *before = NULL, *at;

	STAILQ_FOREACH (at, &q->entries, stailq) {
		if (at == entry) {
			break;
		}
		before = at;
	}
	if (at == NULL) {
		return false;
	}
	if (before == NULL) {
		STAILQ_REMOVE_HEAD(&q->entries, stailq);
	} else {
		STAILQ_REMOVE_AFTER(&q->entries, before, stailq);
	}
	if (q->after == entry) {
		q->after = before;
	}
	iobuf_lobby_leave(q);
	return true;
}

void
iobuf_queue_serve(struct iobuf_queue *q, struct spdk_iobuf_buffer *buf)
{
	struct spdk_iobuf_entry *entry;

	q->serving = true;
	while (buf != NULL && (entry = STAILQ_FIRST(&q->entries)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->entries, stailq);
		iobuf_lobby_leave(q);
		iobuf_user_of(entry->module)->held[q->size]++;
		q->after = NULL;
		entry->cb_fn(entry, buf);
		buf = STAILQ_FIRST(&q->returned);
		if (buf != NULL) {
			STAILQ_REMOVE_HEAD(&q->returned, stailq);
		}
	}
	q->serving = false;
	while (buf != NULL) {
		iobuf_pool_give(buf, q->size);
		buf = STAILQ_FIRST(&q->returned);
		if (buf != NULL) {
			STAILQ_REMOVE_HEAD(&q->returned, stailq);
		}
	}
}

void
iobuf_queue_release(struct iobuf_queue *q, struct spdk_iobuf_buffer *buf)
{
	if (STAILQ_EMPTY(&q->entries)) {
		iobuf_pool_give(buf, q->size);
	} else if (q->serving) {
		STAILQ_INSERT_TAIL(&q->returned, buf, stailq);
	} else {
		iobuf_queue_serve(q, buf);
	}
}

/* --- get and put ------------------------------------------------------------------------------ */

static inline int
node_here(void)
{
	int32_t node;

	if (SPDK_CONFIG_MAX_NUMA_NODES == 1 || !g_iobuf.opts.enable_numa) {
		return 0;
	}
	node = spdk_env_get_numa_id(spdk_env_get_current_core());
	if (node < 0 || node >= SPDK_CONFIG_MAX_NUMA_NODES || !iobuf_node_exists(node)) {
		node = spdk_env_get_first_numa_id();
	}
	return node;
}

/* From the pool, with some more for the cache unless they are short. */
static struct spdk_iobuf_buffer *
pool_take(struct spdk_iobuf_pool_cache *cache, enum iobuf_size size)
{
	size_t want =
		iobuf_lobby_is_empty(size) ? spdk_max(1u, spdk_min(REFILL, cache->cache_size)) : 1;
	void *bufs[REFILL];
	size_t got = spdk_ring_dequeue(cache->pool, bufs, want);

	if (got == 0) {
		/* A distant node's is better than none. */
		return SPDK_CONFIG_MAX_NUMA_NODES == 1 ? NULL : iobuf_pool_take_any(size);
	}
	while (got > 1) {
		iobuf_cache_push(cache, bufs[--got]);
	}
	return bufs[0];
}

/* Nobody is overtaken: not from what is put back, except by who is being served, and not from the
 * pool, where there may be something already that will be brought to those who wait. */
static struct spdk_iobuf_buffer *
take_beyond_cache(struct spdk_iobuf_pool_cache *cache, struct iobuf_queue *q)
{
	struct spdk_iobuf_buffer *buf;

	if (q->serving && (buf = STAILQ_FIRST(&q->returned)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->returned, stailq);
		return buf;
	}
	return q->serving || STAILQ_EMPTY(&q->entries) ? pool_take(cache, q->size) : NULL;
}

/* What the channel keeps on other nodes, since its thread has been elsewhere. */
static struct spdk_iobuf_buffer *
take_own_far(struct spdk_iobuf_channel *ch, enum iobuf_size size)
{
	struct spdk_iobuf_pool_cache *cache;
	struct spdk_iobuf_buffer *buf;
	int node;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		cache = iobuf_cache_of(ch, node, size);
		buf = STAILQ_FIRST(&cache->cache);
		if (buf != NULL) {
			STAILQ_REMOVE_HEAD(&cache->cache, stailq);
			cache->cache_count--;
			return buf;
		}
	}
	return NULL;
}

/* Returns a buffer if one has come meanwhile. */
static struct spdk_iobuf_buffer *
wait_begin(struct iobuf_queue *q, struct spdk_iobuf_entry *entry)
{
	struct spdk_iobuf_buffer *buf;

	queue_insert(q, entry);
	if (!iobuf_lobby_enter(q)) {
		return NULL;
	}
	buf = iobuf_pool_take_any(q->size);
	if (buf == NULL) {
		return NULL;
	}
	if (STAILQ_FIRST(&q->entries) != entry) {
		/* By a message: those before us do not expect to be called from here. */
		iobuf_pool_give(buf, q->size);
		return NULL;
	}
	iobuf_queue_remove(q, entry);
	return buf;
}

static void *
get_beyond_cache(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache,
                 struct spdk_iobuf_entry *entry, spdk_iobuf_get_cb cb_fn)
{
	struct iobuf_queue *q = iobuf_queue_of(cache);
	struct spdk_iobuf_buffer *buf;

	iobuf_channel_check(ch, "spdk_iobuf_get");
	buf = take_beyond_cache(cache, q);
	if (SPDK_CONFIG_MAX_NUMA_NODES > 1 && buf == NULL) {
		buf = take_own_far(ch, q->size);
	}
	if (buf == NULL && entry != NULL) {
		entry->module = ch->module;
		entry->cb_fn = cb_fn;
		buf = wait_begin(q, entry);
		cache->stats.retry += buf == NULL;
	}
	if (buf != NULL) {
		cache->stats.main++;
		iobuf_user_of(ch->module)->held[q->size]++;
	}
	return buf;
}

static void *
get_too_long(const struct spdk_iobuf_channel *ch, uint64_t len)
{
	SPDK_ERRLOG("module %s asked for an iobuf of %" PRIu64 " bytes, the largest is %" PRIu32
	            ": raise large_bufsize (iobuf_set_options)\n",
	            iobuf_user_of(ch->module)->module->name, len, ch->cache[0].large.bufsize);
	return NULL;
}

void *
spdk_iobuf_get(struct spdk_iobuf_channel *ch, uint64_t len, struct spdk_iobuf_entry *entry,
               spdk_iobuf_get_cb cb_fn)
{
	struct spdk_iobuf_node_cache *node = &ch->cache[node_here()];
	struct spdk_iobuf_pool_cache *cache = &node->small;
	enum iobuf_size size = IOBUF_SMALL;
	struct spdk_iobuf_buffer *buf;

	if (len > node->small.bufsize) {
		if (spdk_unlikely(len > node->large.bufsize)) {
			return get_too_long(ch, len);
		}
		cache = &node->large;
		size = IOBUF_LARGE;
	}
	buf = STAILQ_FIRST(&cache->cache);
	if (spdk_unlikely(buf == NULL)) {
		return get_beyond_cache(ch, cache, entry, cb_fn);
	}
	STAILQ_REMOVE_HEAD(&cache->cache, stailq);
	cache->cache_count--;
	cache->stats.cache++;
	iobuf_user_of(ch->module)->held[size]++;
	return buf;
}

static void
put_beyond_cache(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache, void *buf)
{
	iobuf_channel_check(ch, "spdk_iobuf_put");
	iobuf_queue_release(iobuf_queue_of(cache), buf);
}

void
spdk_iobuf_put(struct spdk_iobuf_channel *ch, void *buf, uint64_t len)
{
	enum iobuf_size size = len <= ch->cache[0].small.bufsize ? IOBUF_SMALL : IOBUF_LARGE;
	int node = iobuf_node_of(buf, size);
	struct spdk_iobuf_pool_cache *cache;

	/* In the wrong pool it would be handed out as longer than it is. */
	if (spdk_unlikely(node < 0)) {
		thread_fatal(__func__,
		             "module %s put %p as an iobuf of %" PRIu64
		             " bytes, but it is not of the pool of %s ones",
		             iobuf_user_of(ch->module)->module->name, buf, len,
		             size == IOBUF_SMALL ? "small" : "large");
	}
	cache = iobuf_cache_of(ch, node, size);
	iobuf_user_of(ch->module)->held[size]--;
	if (spdk_unlikely(cache->cache_count >= cache->cache_size || !STAILQ_EMPTY(cache->queue))) {
		put_beyond_cache(ch, cache, buf);
		return;
	}
	iobuf_cache_push(cache, buf);
}

/* --- who waits -------------------------------------------------------------------------------- */

int
spdk_iobuf_for_each_entry(struct spdk_iobuf_channel *ch, spdk_iobuf_for_each_entry_fn cb_fn,
                          void *cb_ctx)
{
	struct iobuf_thread *here = spdk_io_channel_get_ctx(ch->parent);
	struct spdk_iobuf_entry *entry, *next;
	int size, rc;

	iobuf_channel_check(ch, __func__);
	for (size = 0; size < IOBUF_SIZES; size++) {
		STAILQ_FOREACH_SAFE (entry, &here->queues[size].entries, stailq, next) {
			if (entry->module != ch->module) {
				continue;
			}
			rc = cb_fn(ch, entry, cb_ctx);
			if (rc != 0) {
				return rc;
			}
		}
	}
	return 0;
}

void
spdk_iobuf_entry_abort(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, uint64_t len)
{
	enum iobuf_size size = len <= ch->cache[0].small.bufsize ? IOBUF_SMALL : IOBUF_LARGE;

	iobuf_channel_check(ch, __func__);
	if (!iobuf_queue_remove(iobuf_queue_of(iobuf_cache_of(ch, 0, size)), entry)) {
		SPDK_ERRLOG("module %s aborts an iobuf entry of %" PRIu64
		            " bytes that does not wait\n",
		            iobuf_user_of(ch->module)->module->name, len);
	}
}
