/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Channels, and the two calls that matter. A get from the channel's own and a put back to it touch
 * the channel, the buffer's first bytes and a counter; everything else is "beyond the cache". */

#include "core/thread/iobuf.h"

#include "spdk/log.h"
#include "spdk/string.h"

/* Buffers fetched at a time for a cache that ran dry. */
#define REFILL 8u

/* --- a thread's part -------------------------------------------------------------------------- */

int
iobuf_thread_create(void *io_device, void *ctx)
{
	struct iobuf_thread *here = ctx;
	int size;

	TAILQ_INIT(&here->users);
	for (size = 0; size < IOBUF_SIZES; size++) {
		struct iobuf_queue *q = &here->queues[size];

		memset(q, 0, sizeof(*q));
		STAILQ_INIT(&q->entries);
		STAILQ_INIT(&q->returned);
		q->size = (enum iobuf_size)size;
		q->parent = spdk_io_channel_from_ctx(ctx);
	}
	return 0;
}

void
iobuf_thread_destroy(void *io_device, void *ctx)
{
}

void
iobuf_thread_lost(void *ctx)
{
	struct iobuf_thread *here = ctx;
	int size;

	for (size = 0; size < IOBUF_SIZES; size++) {
		iobuf_lobby_forget(&here->queues[size]);
	}
}

static inline struct iobuf_user *
user_of(const void *module)
{
	/* The public structure calls it constant, so that nobody else touches it. */
	return (struct iobuf_user *)(uintptr_t)module;
}

static inline struct iobuf_queue *
queue_of(const struct spdk_iobuf_pool_cache *cache)
{
	return SPDK_CONTAINEROF(cache->queue, struct iobuf_queue, entries);
}

static void
channel_check(const struct spdk_iobuf_channel *ch, const char *func)
{
	thread_check(func, "iobuf channel of", user_of(ch->module)->module->name, ch,
	             spdk_io_channel_get_thread(ch->parent));
}

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

/* Returns whether it was there. */
static bool
queue_remove(struct iobuf_queue *q, struct spdk_iobuf_entry *entry)
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
		user_of(entry->module)->held[q->size]++;
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

/* A buffer that no cache keeps. */
static void
buffer_release(struct iobuf_queue *q, struct spdk_iobuf_buffer *buf)
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

static inline struct spdk_iobuf_pool_cache *
cache_of(struct spdk_iobuf_channel *ch, int node, enum iobuf_size size)
{
	return size == IOBUF_SMALL ? &ch->cache[node].small : &ch->cache[node].large;
}

static inline void
cache_push(struct spdk_iobuf_pool_cache *cache, struct spdk_iobuf_buffer *buf)
{
	STAILQ_INSERT_HEAD(&cache->cache, buf, stailq);
	cache->cache_count++;
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
		cache_push(cache, bufs[--got]);
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
		cache = cache_of(ch, node, size);
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
	queue_remove(q, entry);
	return buf;
}

static void *
get_beyond_cache(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache,
                 struct spdk_iobuf_entry *entry, spdk_iobuf_get_cb cb_fn)
{
	struct iobuf_queue *q = queue_of(cache);
	struct spdk_iobuf_buffer *buf;

	channel_check(ch, "spdk_iobuf_get");
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
		user_of(ch->module)->held[q->size]++;
	}
	return buf;
}

static void *
get_too_long(const struct spdk_iobuf_channel *ch, uint64_t len)
{
	SPDK_ERRLOG("module %s asked for an iobuf of %" PRIu64 " bytes, the largest is %" PRIu32
	            ": raise large_bufsize (iobuf_set_options)\n",
	            user_of(ch->module)->module->name, len, ch->cache[0].large.bufsize);
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
	user_of(ch->module)->held[size]++;
	return buf;
}

static void
put_beyond_cache(struct spdk_iobuf_channel *ch, struct spdk_iobuf_pool_cache *cache, void *buf)
{
	channel_check(ch, "spdk_iobuf_put");
	buffer_release(queue_of(cache), buf);
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
		             user_of(ch->module)->module->name, buf, len,
		             size == IOBUF_SMALL ? "small" : "large");
	}
	cache = cache_of(ch, node, size);
	user_of(ch->module)->held[size]--;
	if (spdk_unlikely(cache->cache_count >= cache->cache_size || !STAILQ_EMPTY(cache->queue))) {
		put_beyond_cache(ch, cache, buf);
		return;
	}
	cache_push(cache, buf);
}

/* --- who waits -------------------------------------------------------------------------------- */

int
spdk_iobuf_for_each_entry(struct spdk_iobuf_channel *ch, spdk_iobuf_for_each_entry_fn cb_fn,
                          void *cb_ctx)
{
	struct iobuf_thread *here = spdk_io_channel_get_ctx(ch->parent);
	struct spdk_iobuf_entry *entry, *next;
	int size, rc;

	channel_check(ch, __func__);
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

	channel_check(ch, __func__);
	if (!queue_remove(queue_of(cache_of(ch, 0, size)), entry)) {
		SPDK_ERRLOG("module %s aborts an iobuf entry of %" PRIu64
		            " bytes that does not wait\n",
		            user_of(ch->module)->module->name, len);
	}
}

/* --- channels --------------------------------------------------------------------------------- */

static void
cache_init(struct spdk_iobuf_pool_cache *cache, int node, struct iobuf_queue *q, uint32_t bufsize,
           uint32_t cache_size)
{
	cache->pool = g_iobuf.pools[node][q->size].ring;
	STAILQ_INIT(&cache->cache);
	cache->cache_size = cache_size;
	cache->queue = &q->entries;
	cache->bufsize = bufsize;
	cache->stats.cache_size = iobuf_node_exists(node) ? cache_size : 0;
}

static bool
cache_fill(struct spdk_iobuf_pool_cache *cache, int node, enum iobuf_size size)
{
	struct spdk_iobuf_buffer *buf;

	while (cache->cache_count < cache->cache_size) {
		buf = iobuf_pool_take(node, size);
		if (buf == NULL) {
			return false;
		}
		cache_push(cache, buf);
	}
	return true;
}

static void
cache_drain(struct spdk_iobuf_pool_cache *cache)
{
	struct spdk_iobuf_buffer *buf;

	while ((buf = STAILQ_FIRST(&cache->cache)) != NULL) {
		STAILQ_REMOVE_HEAD(&cache->cache, stailq);
		cache->cache_count--;
		buffer_release(queue_of(cache), buf);
	}
}

static void
channel_drain(struct spdk_iobuf_channel *ch)
{
	int node;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		cache_drain(&ch->cache[node].small);
		cache_drain(&ch->cache[node].large);
	}
}

static bool
channel_fill(struct spdk_iobuf_channel *ch)
{
	int node;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		if (iobuf_node_exists(node) &&
		    (!cache_fill(&ch->cache[node].small, node, IOBUF_SMALL) ||
		     !cache_fill(&ch->cache[node].large, node, IOBUF_LARGE))) {
			return false;
		}
	}
	return true;
}

/* Counts as the module's channel from here on. */
static struct iobuf_user *
user_create(const char *name)
{
	struct iobuf_user *user = calloc(1, sizeof(*user));

	if (user == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&g_iobuf.lock);
	user->module = iobuf_module_find(name);
	if (user->module != NULL) {
		user->module->channels++;
	}
	pthread_mutex_unlock(&g_iobuf.lock);
	return user;
}

static void
stats_keep(struct spdk_iobuf_pool_stats *past, const struct spdk_iobuf_pool_stats *stats)
{
	past->cache += stats->cache;
	past->main += stats->main;
	past->retry += stats->retry;
}

static void
user_destroy(struct iobuf_user *user)
{
	struct iobuf_module *module = user->module;
	int node, size;

	pthread_mutex_lock(&g_iobuf.lock);
	module->channels--;
	for (size = 0; size < IOBUF_SIZES; size++) {
		module->held[size] += user->held[size];
	}
	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		stats_keep(&module->past.small_pool, &user->ch->cache[node].small.stats);
		stats_keep(&module->past.large_pool, &user->ch->cache[node].large.stats);
	}
	pthread_mutex_unlock(&g_iobuf.lock);
	free(user);
}

static void
channel_release(struct spdk_iobuf_channel *ch)
{
	struct spdk_io_channel *parent = ch->parent;
	struct iobuf_thread *here = spdk_io_channel_get_ctx(parent);
	struct iobuf_user *user = user_of(ch->module);

	channel_drain(ch);
	TAILQ_REMOVE(&here->users, user, link);
	user_destroy(user);
	ch->module = NULL;
	ch->parent = NULL;
	spdk_put_io_channel(parent);
}

int
iobuf_channel_try_init(struct spdk_iobuf_channel *ch, const char *name, uint32_t small_cache_size,
                       uint32_t large_cache_size)
{
	struct iobuf_thread *here;
	struct iobuf_user *user;
	int node;

	memset(ch, 0, sizeof(*ch));
	if (!g_iobuf.initialized || g_iobuf.finishing) {
		SPDK_ERRLOG("no iobuf channel for module %s: there are no pools %s\n", name,
		            g_iobuf.finishing ? "any more" : "yet (spdk_iobuf_initialize)");
		return -ENODEV;
	}
	user = user_create(name);
	if (user == NULL) {
		return -ENOMEM;
	}
	if (user->module == NULL) {
		SPDK_ERRLOG("no iobuf channel for module %s: it is not registered\n", name);
		free(user);
		return -ENODEV;
	}
	user->ch = ch;
	ch->parent = spdk_get_io_channel(&g_iobuf);
	if (ch->parent == NULL) {
		user_destroy(user);
		return -ENOMEM;
	}
	ch->module = user;
	here = spdk_io_channel_get_ctx(ch->parent);
	TAILQ_INSERT_TAIL(&here->users, user, link);
	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		cache_init(&ch->cache[node].small, node, &here->queues[IOBUF_SMALL],
		           g_iobuf.opts.small_bufsize, small_cache_size);
		cache_init(&ch->cache[node].large, node, &here->queues[IOBUF_LARGE],
		           g_iobuf.opts.large_bufsize, large_cache_size);
	}
	if (!channel_fill(ch)) {
		channel_release(ch);
		return -ENOMEM;
	}
	return 0;
}

int
spdk_iobuf_channel_init(struct spdk_iobuf_channel *ch, const char *name, uint32_t small_cache_size,
                        uint32_t large_cache_size)
{
	int rc = iobuf_channel_try_init(ch, name, small_cache_size, large_cache_size);

	if (rc == -ENOMEM) {
		SPDK_ERRLOG("no iobuf channel for module %s: of %" PRIu64 " small and %" PRIu64
		            " large buffers no %" PRIu32 " and %" PRIu32
		            " are left to be kept by it; raise small_pool_count and "
		            "large_pool_count (iobuf_set_options)\n",
		            name, g_iobuf.opts.small_pool_count, g_iobuf.opts.large_pool_count,
		            small_cache_size, large_cache_size);
	}
	return rc;
}

static int
entry_forget(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, void *ctx)
{
	struct iobuf_thread *here = spdk_io_channel_get_ctx(ch->parent);
	uint32_t *count = ctx;

	if (!queue_remove(&here->queues[IOBUF_SMALL], entry)) {
		queue_remove(&here->queues[IOBUF_LARGE], entry);
	}
	(*count)++;
	return 0;
}

void
spdk_iobuf_channel_fini(struct spdk_iobuf_channel *ch)
{
	uint32_t forgotten = 0;

	if (ch->parent == NULL) {
		return;
	}
	channel_check(ch, __func__);
	spdk_iobuf_for_each_entry(ch, entry_forget, &forgotten);
	if (forgotten > 0) {
		SPDK_ERRLOG("module %s ends its iobuf channel on thread %s while %" PRIu32
		            " requests wait there; they will not be answered\n",
		            user_of(ch->module)->module->name,
		            spdk_thread_get_name(spdk_get_thread()), forgotten);
	}
	channel_release(ch);
}
