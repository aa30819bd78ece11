/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The heap: DPDK's, of a fixed size. Its accounts in the stats segment are kept here, allocation by
 * allocation: to ask EAL for them would be to walk the heap under its lock. */

#include "core/env/env_private.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "calandria/stats.h"
#include "spdk/env_dpdk.h"
#include "spdk/memory.h"

static bool g_enforce_numa;

static int
growth_deny(int socket, size_t limit, size_t new_len)
{
	return -1;
}

void
env_memory_start(const struct env_plan *plan, bool enforce_numa)
{
	struct cal_stats_memory *stats = cal_stats_memory();
	struct rte_malloc_socket_stats heap;
	int i, node;

	g_enforce_numa = enforce_numa;
	stats->heap_bytes = stats->heap_used_bytes = stats->heap_allocs = 0;
	for (i = 0; i < (int)rte_socket_count(); i++) {
		node = rte_socket_id_by_idx((unsigned)i);
		if (node < 0) {
			continue;
		}
		if (rte_malloc_get_socket_stats(node, &heap) == 0) {
			stats->heap_bytes += heap.heap_totalsz_bytes;
			stats->heap_used_bytes += heap.heap_allocsz_bytes;
			stats->heap_allocs += heap.alloc_count;
		}
		/* EAL takes a limit of 0 for "none": a node that gets nothing is closed here. */
		if (plan != NULL && node < ENV_MAX_NODES && plan->mem_mb[node] == 0) {
			rte_mem_alloc_validator_register("calandria", growth_deny, node, 0);
		}
	}
}

void
env_memory_account(int64_t bytes, int64_t allocs)
{
	struct cal_stats_memory *stats = cal_stats_memory();

	/* Any thread allocates: the one block of the segment with more than one writer. */
	__atomic_fetch_add(&stats->heap_used_bytes, (uint64_t)bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&stats->heap_allocs, (uint64_t)allocs, __ATOMIC_RELAXED);
}

static int64_t
buffer_size(const void *buf)
{
	size_t size = 0;

	return rte_malloc_validate(buf, &size) == 0 ? (int64_t)size : 0;
}

static bool
alignment_is_valid(size_t align)
{
	return (align & (align - 1)) == 0 && align <= UINT32_MAX;
}

/* --- buffers ---------------------------------------------------------------------------------- */

static void *
buffer_alloc(void *(*alloc)(const char *, size_t, unsigned, int), size_t size, size_t align,
             int numa_id)
{
	unsigned alignment = align < RTE_CACHE_LINE_SIZE ? RTE_CACHE_LINE_SIZE : (unsigned)align;
	void *buf;

	if (!alignment_is_valid(align)) {
		return NULL;
	}
	buf = alloc(NULL, size, alignment, numa_id);
	if (buf == NULL && numa_id != SOCKET_ID_ANY && !g_enforce_numa) {
		buf = alloc(NULL, size, alignment, SOCKET_ID_ANY);
	}
	if (buf != NULL) {
		env_memory_account(buffer_size(buf), 1);
	}
	return buf;
}

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	return flags == 0 || unused != NULL ? NULL
	                                    : buffer_alloc(rte_malloc_socket, size, align, numa_id);
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	/* rte_zmalloc_socket() trusts the heap to hand out zeroes, as it may: it clears what it
	 * gets back. */
	return flags == 0 || unused != NULL
	               ? NULL
	               : buffer_alloc(rte_zmalloc_socket, size, align, numa_id);
}

void *
spdk_realloc(void *buf, size_t size, size_t align)
{
	unsigned alignment = align < RTE_CACHE_LINE_SIZE ? RTE_CACHE_LINE_SIZE : (unsigned)align;
	int64_t old = 0;
	void *new;

	if (!alignment_is_valid(align)) {
		return NULL;
	}
	if (buf != NULL) {
		old = buffer_size(buf);
	}
	new = rte_realloc(buf, size, alignment);
	if (new != NULL) {
		env_memory_account(buffer_size(new) - old, buf == NULL);
	} else if (buf != NULL && size == 0) {
		env_memory_account(-old, -1);
	}
	return new;
}

void
spdk_free(void *buf)
{
	if (buf != NULL) {
		env_memory_account(-buffer_size(buf), -1);
		rte_free(buf);
	}
}

void *
spdk_dma_malloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id)
{
	return spdk_malloc(size, align, unused, numa_id, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
}

void *
spdk_dma_zmalloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id)
{
	return spdk_zmalloc(size, align, unused, numa_id, SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE);
}

void *
spdk_dma_malloc(size_t size, size_t align, uint64_t *unused)
{
	return spdk_dma_malloc_socket(size, align, unused, SPDK_ENV_NUMA_ID_ANY);
}

void *
spdk_dma_zmalloc(size_t size, size_t align, uint64_t *unused)
{
	return spdk_dma_zmalloc_socket(size, align, unused, SPDK_ENV_NUMA_ID_ANY);
}

void *
spdk_dma_realloc(void *buf, size_t size, size_t align, uint64_t *unused)
{
	return unused != NULL ? NULL : spdk_realloc(buf, size, align);
}

void
spdk_dma_free(void *buf)
{
	spdk_free(buf);
}

/* --- memory zones ----------------------------------------------------------------------------- */

void *
spdk_memzone_reserve_aligned(const char *name, size_t len, int numa_id, unsigned flags,
                             unsigned align)
{
	unsigned rte_flags = flags & SPDK_MEMZONE_NO_IOVA_CONTIG ? 0 : RTE_MEMZONE_IOVA_CONTIG;
	const struct rte_memzone *mz;

	mz = rte_memzone_reserve_aligned(name, len, numa_id, rte_flags, align);
	if (mz == NULL && rte_errno == ENOMEM && numa_id != SOCKET_ID_ANY && !g_enforce_numa) {
		mz = rte_memzone_reserve_aligned(name, len, SOCKET_ID_ANY, rte_flags, align);
	}
	if (mz == NULL) {
		return NULL;
	}
	env_memory_account((int64_t)mz->len, 1);
	memset(mz->addr, 0, len);
	return mz->addr;
}

void *
spdk_memzone_reserve(const char *name, size_t len, int numa_id, unsigned flags)
{
	return spdk_memzone_reserve_aligned(name, len, numa_id, flags, RTE_CACHE_LINE_SIZE);
}

void *
spdk_memzone_lookup(const char *name)
{
	const struct rte_memzone *mz = rte_memzone_lookup(name);

	return mz != NULL ? mz->addr : NULL;
}

int
spdk_memzone_free(const char *name)
{
	const struct rte_memzone *mz = rte_memzone_lookup(name);
	int64_t len;

	if (mz == NULL) {
		return -1;
	}
	len = (int64_t)mz->len;
	if (rte_memzone_free(mz) != 0) {
		return -1;
	}
	env_memory_account(-len, -1);
	return 0;
}

void
spdk_memzone_dump(FILE *f)
{
	rte_memzone_dump(f);
}

/* --- for people ------------------------------------------------------------------------------- */

int
spdk_env_dpdk_get_mem_stats(struct spdk_env_dpdk_mem_stats *stats, uint32_t numa_id)
{
	struct rte_malloc_socket_stats heap;

	if (stats == NULL || rte_malloc_get_socket_stats((int)numa_id, &heap) != 0) {
		return -EINVAL;
	}
	stats->heap_totalsz_bytes = heap.heap_totalsz_bytes;
	stats->heap_freesz_bytes = heap.heap_freesz_bytes;
	stats->greatest_free_size = heap.greatest_free_size;
	stats->heap_allocsz_bytes = heap.heap_allocsz_bytes;
	stats->free_count = heap.free_count;
	stats->alloc_count = heap.alloc_count;
	return 0;
}
