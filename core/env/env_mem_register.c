/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What memory devices may be pointed at: EAL's, and what a program registers. Regions are kept as
 * they were registered, since that is how maps are told of them, and how they are told to forget:
 * an RDMA memory region, say, cannot be split. */

#include "core/env/env_mem_map.h"

#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/tree.h"

struct region {
	uint64_t start;
	uint64_t end;
	RB_ENTRY(region) node;
	SLIST_ENTRY(region) spare;
};

static int
region_compare(struct region *a, struct region *b)
{
	return (a->start > b->start) - (a->start < b->start);
}

RB_HEAD(region_tree, region);
RB_GENERATE_STATIC(region_tree, region, node, region_compare)

static struct {
	/* Of regions and of the list of maps; held while maps are told. */
	pthread_mutex_t lock;
	struct region_tree regions;
	SLIST_HEAD(, region) spares; /* of spdk_mem_reserve() */
} g_memory = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool
range_is_valid(const void *vaddr, size_t len)
{
	uint64_t start = (uintptr_t)vaddr;

	return ((start | len) & MASK_4KB) == 0 && start >> 48 == 0 && len <= (uint64_t)1 << 48 &&
	       start + len <= (uint64_t)1 << 48;
}

/* The first region that ends after `start`. */
static struct region *
region_from(uint64_t start)
{
	struct region key = { .start = start }, *found = NULL, *before;

	found = RB_NFIND(region_tree, &g_memory.regions, &key);
	before = found != NULL ? RB_PREV(region_tree, &g_memory.regions, found)
	                       : RB_MAX(region_tree, &g_memory.regions);
	return before != NULL && before->end > start ? before : found;
}

static bool
range_is_free(uint64_t start, uint64_t end)
{
	struct region *region = region_from(start);

	return region == NULL || region->start >= end;
}

/* --- maps ------------------------------------------------------------------------------------- */

static void
map_forget_until(struct spdk_mem_map *map, struct region *until)
{
	struct region *region;

	RB_FOREACH (region, region_tree, &g_memory.regions) {
		if (region == until) {
			break;
		}
		env_mem_map_notify(map, SPDK_MEM_MAP_NOTIFY_UNREGISTER, region->start,
		                   region->end - region->start);
	}
}

int
env_mem_maps_add(struct spdk_mem_map *map)
{
	struct region *region;
	int rc = 0;

	pthread_mutex_lock(&g_memory.lock);
	RB_FOREACH (region, region_tree, &g_memory.regions) {
		rc = env_mem_map_notify(map, SPDK_MEM_MAP_NOTIFY_REGISTER, region->start,
		                        region->end - region->start);
		if (rc != 0) {
			map_forget_until(map, region);
			break;
		}
	}
	if (rc == 0) {
		env_mem_maps_link(map);
	}
	pthread_mutex_unlock(&g_memory.lock);
	return rc;
}

void
env_mem_maps_remove(struct spdk_mem_map *map)
{
	pthread_mutex_lock(&g_memory.lock);
	env_mem_maps_unlink(map);
	map_forget_until(map, NULL);
	pthread_mutex_unlock(&g_memory.lock);
}

/* --- registering ------------------------------------------------------------------------------ */

static struct region *
region_alloc(void)
{
	struct region *region = SLIST_FIRST(&g_memory.spares);

	if (region != NULL) {
		SLIST_REMOVE_HEAD(&g_memory.spares, spare);
		return region;
	}
	return calloc(1, sizeof(*region));
}

static int
maps_tell(uint64_t start, uint64_t len)
{
	struct spdk_mem_map *map = NULL, *undo = NULL;
	int rc;

	while ((map = env_mem_maps_next(map)) != NULL) {
		rc = env_mem_map_notify(map, SPDK_MEM_MAP_NOTIFY_REGISTER, start, len);
		if (rc != 0) {
			while ((undo = env_mem_maps_next(undo)) != map) {
				env_mem_map_notify(undo, SPDK_MEM_MAP_NOTIFY_UNREGISTER, start,
				                   len);
			}
			return rc;
		}
	}
	return 0;
}

static int
region_add(uint64_t start, uint64_t len)
{
	struct region *region;
	int rc;

	if (!range_is_free(start, start + len)) {
		return -EBUSY;
	}
	region = region_alloc();
	if (region == NULL) {
		return -ENOMEM;
	}
	rc = maps_tell(start, len);
	if (rc != 0) {
		free(region);
		return rc;
	}
	region->start = start;
	region->end = start + len;
	RB_INSERT(region_tree, &g_memory.regions, region);
	return 0; // NOLINT(clang-analyzer-unix.Malloc): the tree has it
}

int
spdk_mem_register(void *vaddr, size_t len)
{
	int rc;

	if (!range_is_valid(vaddr, len)) {
		SPDK_ERRLOG("memory %p of %zu bytes is not in whole pages of 4 KB: not "
		            "registered\n",
		            vaddr, len);
		return -EINVAL;
	}
	if (len == 0) {
		return 0;
	}
	pthread_mutex_lock(&g_memory.lock);
	rc = region_add((uintptr_t)vaddr, len);
	pthread_mutex_unlock(&g_memory.lock);
	return rc;
}

/* Whether [start, end) is whole regions without a gap. */
static int
regions_check(uint64_t start, uint64_t end)
{
	struct region *region = region_from(start);
	uint64_t at = start;

	if (region != NULL && region->start < start) {
		return -ERANGE;
	}
	for (; at < end; region = RB_NEXT(region_tree, &g_memory.regions, region)) {
		if (region == NULL || region->start != at) {
			return -EINVAL;
		}
		at = region->end;
	}
	return at == end ? 0 : -ERANGE;
}

static void
region_remove(struct region *region)
{
	struct spdk_mem_map *map = NULL;

	while ((map = env_mem_maps_next(map)) != NULL) {
		env_mem_map_notify(map, SPDK_MEM_MAP_NOTIFY_UNREGISTER, region->start,
		                   region->end - region->start);
	}
	RB_REMOVE(region_tree, &g_memory.regions, region);
	free(region);
}

int
spdk_mem_unregister(void *vaddr, size_t len)
{
	uint64_t start = (uintptr_t)vaddr, end = start + len;
	struct region *region;
	int rc;

	if (!range_is_valid(vaddr, len)) {
		SPDK_ERRLOG("memory %p of %zu bytes is not in whole pages of 4 KB: not "
		            "unregistered\n",
		            vaddr, len);
		return -EINVAL;
	}
	pthread_mutex_lock(&g_memory.lock);
	rc = regions_check(start, end);
	while (rc == 0 && (region = region_from(start)) != NULL && region->start < end) {
		region_remove(region);
	}
	pthread_mutex_unlock(&g_memory.lock);
	return rc;
}

int
spdk_mem_reserve(void *vaddr, size_t len)
{
	struct spdk_mem_map *map = NULL;
	struct region *spare;
	int rc = 0;

	if (!range_is_valid(vaddr, len)) {
		SPDK_ERRLOG("memory %p of %zu bytes is not in whole pages of 4 KB: not reserved\n",
		            vaddr, len);
		return -EINVAL;
	}
	if (len == 0) {
		return 0;
	}
	spare = calloc(1, sizeof(*spare));
	if (spare == NULL) {
		return -ENOMEM;
	}
	pthread_mutex_lock(&g_memory.lock);
	if (!range_is_free((uintptr_t)vaddr, (uintptr_t)vaddr + len)) {
		rc = -EBUSY;
	}
	while (rc == 0 && (map = env_mem_maps_next(map)) != NULL) {
		rc = env_mem_map_reserve(map, (uintptr_t)vaddr, len);
	}
	if (rc == 0) {
		SLIST_INSERT_HEAD(&g_memory.spares, spare, spare);
		spare = NULL;
	}
	pthread_mutex_unlock(&g_memory.lock);
	free(spare);
	return rc;
}
