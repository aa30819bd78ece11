/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

#include <rte_lcore.h>
#include <rte_mempool.h>

static struct rte_mempool *
rte_of(const struct spdk_mempool *mp)
{
	return (struct rte_mempool *)(uintptr_t)mp;
}

/* What a pool costs the heap: its elements, its ring and itself. */
static int64_t
pool_bytes(struct rte_mempool *mp)
{
	struct rte_mempool_memhdr *chunk;
	int64_t bytes = (int64_t)mp->mz->len;

	STAILQ_FOREACH (chunk, &mp->mem_list, next) {
		bytes += (int64_t)chunk->len;
	}
	return bytes + (int64_t)rte_ring_get_memsize(rte_align32pow2(mp->size + 1));
}

static unsigned
cache_choose(size_t count, size_t cache_size)
{
	/* Half of the elements at most may hide in caches; DPDK refuses more than two thirds. */
	size_t fair = count / (2 * (size_t)rte_lcore_count());

	if (cache_size > fair) {
		cache_size = fair;
	}
	return cache_size > RTE_MEMPOOL_CACHE_MAX_SIZE ? RTE_MEMPOOL_CACHE_MAX_SIZE
	                                               : (unsigned)cache_size;
}

struct spdk_mempool *
spdk_mempool_create_ctor(const char *name, size_t count, size_t ele_size, size_t cache_size,
                         int numa_id, spdk_mempool_obj_cb_t *obj_init, void *obj_init_arg)
{
	struct rte_mempool *mp;

	if (count == 0 || count > UINT32_MAX || ele_size > UINT32_MAX) {
		return NULL;
	}
	mp = rte_mempool_create(name, (unsigned)count, (unsigned)ele_size,
	                        cache_choose(count, cache_size), 0, NULL, NULL,
	                        (rte_mempool_obj_cb_t *)obj_init, obj_init_arg, numa_id, 0);
	if (mp == NULL && numa_id != SPDK_ENV_NUMA_ID_ANY) {
		mp = rte_mempool_create(name, (unsigned)count, (unsigned)ele_size,
		                        cache_choose(count, cache_size), 0, NULL, NULL,
		                        (rte_mempool_obj_cb_t *)obj_init, obj_init_arg,
		                        SPDK_ENV_NUMA_ID_ANY, 0);
	}
	if (mp != NULL) {
		env_memory_account(pool_bytes(mp), 1);
	}
	return (struct spdk_mempool *)mp;
}

struct spdk_mempool *
spdk_mempool_create(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id)
{
	return spdk_mempool_create_ctor(name, count, ele_size, cache_size, numa_id, NULL, NULL);
}

char *
spdk_mempool_get_name(struct spdk_mempool *mp)
{
	return rte_of(mp)->name;
}

void
spdk_mempool_free(struct spdk_mempool *mp)
{
	if (mp != NULL) {
		env_memory_account(-pool_bytes(rte_of(mp)), -1);
		rte_mempool_free(rte_of(mp));
	}
}

void *
spdk_mempool_get(struct spdk_mempool *mp)
{
	void *ele;

	return rte_mempool_get(rte_of(mp), &ele) == 0 ? ele : NULL;
}

int
spdk_mempool_get_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count)
{
	return rte_mempool_get_bulk(rte_of(mp), ele_arr, (unsigned)count);
}

void
spdk_mempool_put(struct spdk_mempool *mp, void *ele)
{
	rte_mempool_put(rte_of(mp), ele);
}

void
spdk_mempool_put_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count)
{
	rte_mempool_put_bulk(rte_of(mp), ele_arr, (unsigned)count);
}

size_t
spdk_mempool_count(const struct spdk_mempool *pool)
{
	return rte_mempool_avail_count(rte_of(pool));
}

uint32_t
spdk_mempool_obj_iter(struct spdk_mempool *mp, spdk_mempool_obj_cb_t obj_cb, void *obj_cb_arg)
{
	return rte_mempool_obj_iter(rte_of(mp), (rte_mempool_obj_cb_t *)obj_cb, obj_cb_arg);
}

struct mem_iteration {
	spdk_mempool_mem_cb_t *cb;
	void *arg;
};

static void
mem_each(struct rte_mempool *mp, void *opaque, struct rte_mempool_memhdr *chunk, unsigned idx)
{
	struct mem_iteration *it = opaque;

	it->cb((struct spdk_mempool *)mp, it->arg, chunk->addr, chunk->iova, chunk->len, idx);
}

uint32_t
spdk_mempool_mem_iter(struct spdk_mempool *mp, spdk_mempool_mem_cb_t mem_cb, void *mem_cb_arg)
{
	struct mem_iteration it = { mem_cb, mem_cb_arg };

	return rte_mempool_mem_iter(rte_of(mp), mem_each, &it);
}

struct spdk_mempool *
spdk_mempool_lookup(const char *name)
{
	return (struct spdk_mempool *)rte_mempool_lookup(name);
}
