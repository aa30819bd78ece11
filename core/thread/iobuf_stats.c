/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every module's counters: what channels that have ended left behind, and a walk over the rest. */

#include "core/thread/iobuf.h"

struct gathering {
	spdk_iobuf_get_stats_cb cb_fn;
	void *cb_arg;
	uint32_t count;
	const struct iobuf_module **modules; /* compared with, not followed: one may go meanwhile */
	struct spdk_iobuf_module_stats stats[];
};

static void
pool_add(struct spdk_iobuf_pool_stats *sum, const struct spdk_iobuf_pool_stats *stats)
{
	sum->cache_size += stats->cache_size;
	sum->cache += stats->cache;
	sum->main += stats->main;
	sum->retry += stats->retry;
}

static void
thread_add(struct spdk_io_channel_iter *i)
{
	struct gathering *g = spdk_io_channel_iter_get_ctx(i);
	struct iobuf_thread *here = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));
	struct iobuf_user *user;
	uint32_t m;
	int node;

	TAILQ_FOREACH (user, &here->users, link) {
		for (m = 0; m < g->count && g->modules[m] != user->module; m++) {
		}
		if (m == g->count) {
			continue;
		}
		for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
			pool_add(&g->stats[m].small_pool, &user->ch->cache[node].small.stats);
			pool_add(&g->stats[m].large_pool, &user->ch->cache[node].large.stats);
		}
	}
	spdk_for_each_channel_continue(i, 0);
}

static void
gathered(struct spdk_io_channel_iter *i, int status)
{
	struct gathering *g = spdk_io_channel_iter_get_ctx(i);

	g->cb_fn(g->stats, g->count, g->cb_arg);
	free(g);
}

/* One block: the structure, its statistics, the modules, their names. The lock is held. */
static struct gathering *
gathering_create(void)
{
	const struct iobuf_module *module;
	size_t count = 0, names = 0, len;
	struct gathering *g;
	char *name;

	STAILQ_FOREACH (module, &g_iobuf.modules, link) {
		count++;
		names += strlen(module->name) + 1;
	}
	g = calloc(1, sizeof(*g) +
	                      count * (sizeof(g->stats[0]) + sizeof(const struct iobuf_module *)) +
	                      names);
	if (g == NULL) {
		return NULL;
	}
	g->modules = (const struct iobuf_module **)(void *)&g->stats[count];
	name = (char *)&g->modules[count];
	STAILQ_FOREACH (module, &g_iobuf.modules, link) {
		len = strlen(module->name) + 1;
		g->stats[g->count] = module->past;
		g->stats[g->count].module = memcpy(name, module->name, len);
		g->modules[g->count++] = module;
		name += len;
	}
	return g;
}

int
spdk_iobuf_get_stats(spdk_iobuf_get_stats_cb cb_fn, void *cb_arg)
{
	struct gathering *g;

	if (!g_iobuf.initialized) {
		return -ENODEV;
	}
	pthread_mutex_lock(&g_iobuf.lock);
	g = gathering_create();
	pthread_mutex_unlock(&g_iobuf.lock);
	if (g == NULL) {
		return -ENOMEM;
	}
	g->cb_fn = cb_fn;
	g->cb_arg = cb_arg;
	spdk_for_each_channel(&g_iobuf, thread_add, g, gathered);
	return 0;
}
