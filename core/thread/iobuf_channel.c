/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A module's channels, and what a thread has that they share. */

#include "core/thread/iobuf.h"

#include "spdk/log.h"

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
		iobuf_cache_push(cache, buf);
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
		iobuf_queue_release(iobuf_queue_of(cache), buf);
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
	struct iobuf_user *user = iobuf_user_of(ch->module);

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

	if (!iobuf_queue_remove(&here->queues[IOBUF_SMALL], entry)) {
		iobuf_queue_remove(&here->queues[IOBUF_LARGE], entry);
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
	iobuf_channel_check(ch, __func__);
	spdk_iobuf_for_each_entry(ch, entry_forget, &forgotten);
	if (forgotten > 0) {
		SPDK_ERRLOG("module %s ends its iobuf channel on thread %s while %" PRIu32
		            " requests wait there; they will not be answered\n",
		            iobuf_user_of(ch->module)->module->name,
		            spdk_thread_get_name(spdk_get_thread()), forgotten);
	}
	channel_release(ch);
}
