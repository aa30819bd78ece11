/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* From pointers to the addresses that devices use. What the map keeps for a page is how far the two
 * lie apart: then neighbours are contiguous if that is the same, whatever the size of the pages,
 * and memory whose addresses are used as they are is one value. */

#include "core/env/env_mem_map.h"
#include "core/env/env_private.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_vfio.h>

#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/util.h"

#define EVENT_NAME   "calandria"
#define NODE_UNKNOWN ((uint64_t)UINT32_MAX) /* SPDK_ENV_NUMA_ID_ANY */

static struct spdk_mem_map *g_offsets;
static struct spdk_mem_map *g_nodes;
static bool g_iommu;
static bool g_grows; /* EAL takes and gives back pages */

static int
values_are_equal(uint64_t a, uint64_t b)
{
	return a == b;
}

/* --- memory that is not EAL's ----------------------------------------------------------------- */

/* The physical address of a piece that should be one huge page or a small page; looking at the ends
 * finds out ordinary memory that only happens to be aligned. */
static uint64_t
physical_of(const uint8_t *vaddr, uint64_t size)
{
	const uint8_t *last = vaddr + size - VALUE_4KB;
	rte_iova_t begin, end;

	/* A page that nobody touched has no address yet. */
	(void)*(const volatile uint8_t *)vaddr;
	(void)*(const volatile uint8_t *)last;
	begin = rte_mem_virt2iova(vaddr);
	end = rte_mem_virt2iova(last);
	return begin != RTE_BAD_IOVA && begin != 0 && end == begin + (size - VALUE_4KB)
	               ? begin
	               : SPDK_VTOPHYS_ERROR;
}

static int
physical_add(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	uint64_t end = vaddr + size, piece, physical;
	int rc = 0;

	for (; vaddr < end && rc == 0; vaddr += piece) {
		piece = _2MB_OFFSET(vaddr) == 0 && end - vaddr >= VALUE_2MB ? VALUE_2MB : VALUE_4KB;
		physical = physical_of((const uint8_t *)(uintptr_t)vaddr, piece);
		if (physical == SPDK_VTOPHYS_ERROR) {
			SPDK_ERRLOG("memory at 0x%" PRIx64
			            " has no lasting physical address: register hugepages, as "
			            "root\n",
			            vaddr);
			return -EFAULT;
		}
		rc = spdk_mem_map_set_translation(map, vaddr, piece, physical - vaddr);
	}
	return rc;
}

static int
foreign_add(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	int rc;

	if (rte_eal_iova_mode() != RTE_IOVA_VA) {
		rc = physical_add(map, vaddr, size);
		if (rc != 0) {
			spdk_mem_map_clear_translation(map, vaddr, size);
		}
		return rc;
	}
	if (g_iommu &&
	    rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, vaddr, vaddr, size) != 0) {
		SPDK_ERRLOG("the IOMMU does not take %" PRIu64 " bytes at 0x%" PRIx64 "\n", size,
		            vaddr);
		return -EFAULT;
	}
	return spdk_mem_map_set_translation(map, vaddr, size, 0);
}

static void
foreign_remove(uint64_t vaddr, uint64_t size)
{
	if (g_iommu && rte_eal_iova_mode() == RTE_IOVA_VA) {
		rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD, vaddr, vaddr, size);
	}
}

/* --- EAL's memory ----------------------------------------------------------------------------- */

static int
eal_add(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size, bool nodes)
{
	const struct rte_memseg *seg;
	uint64_t end = vaddr + size, piece, value;
	int rc = 0;

	for (; vaddr < end && rc == 0; vaddr += piece) {
		seg = rte_mem_virt2memseg((const void *)(uintptr_t)vaddr, NULL);
		if (seg == NULL || (!nodes && seg->iova == RTE_BAD_IOVA)) {
			return -EFAULT;
		}
		piece = spdk_min(end - vaddr, seg->addr_64 + seg->len - vaddr);
		value = nodes ? (uint64_t)(uint32_t)seg->socket_id : seg->iova - seg->addr_64;
		rc = spdk_mem_map_set_translation(map, vaddr, piece, value);
	}
	return rc;
}

static bool
is_eal(const void *vaddr)
{
	return rte_mem_virt2memseg(vaddr, NULL) != NULL;
}

static int
offsets_notify(void *ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action,
               void *vaddr, size_t size)
{
	uint64_t start = (uintptr_t)vaddr;
	int rc;

	if (action == SPDK_MEM_MAP_NOTIFY_REGISTER) {
		if (!is_eal(vaddr)) {
			return foreign_add(map, start, size);
		}
		rc = eal_add(map, start, size, false);
		if (rc != 0) {
			spdk_mem_map_clear_translation(map, start, size);
		}
		return rc;
	}
	if (!is_eal(vaddr)) {
		foreign_remove(start, size);
	}
	return spdk_mem_map_clear_translation(map, start, size);
}

static int
nodes_notify(void *ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action,
             void *vaddr, size_t size)
{
	if (action == SPDK_MEM_MAP_NOTIFY_UNREGISTER) {
		return spdk_mem_map_clear_translation(map, (uintptr_t)vaddr, size);
	}
	return is_eal(vaddr) ? eal_add(map, (uintptr_t)vaddr, size, true) : 0;
}

static int
eal_register(const struct rte_memseg_list *list, const struct rte_memseg *seg, size_t len,
             void *arg)
{
	/* What the application gave to EAL from outside is its own to register. */
	return list->external ? 0 : spdk_mem_register(seg->addr, len);
}

static int
eal_unregister(const struct rte_memseg_list *list, const struct rte_memseg *seg, size_t len,
               void *arg)
{
	if (!list->external) {
		spdk_mem_unregister(seg->addr, len);
	}
	return 0;
}

static int
eal_register_page(const struct rte_memseg_list *list, const struct rte_memseg *seg, void *arg)
{
	return eal_register(list, seg, seg->len, arg);
}

/* An EAL that grows and shrinks does so by any number of pages: each is a region of its own. Under
 * EAL's lock of its memory. */
static void
eal_changed(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(addr);
	size_t page, at;

	if (list == NULL || list->external) {
		return;
	}
	page = list->page_sz;
	for (at = 0; at < len; at += page) {
		if (event == RTE_MEM_EVENT_ALLOC) {
			spdk_mem_register((char *)(uintptr_t)addr + at, page);
		} else {
			spdk_mem_unregister((char *)(uintptr_t)addr + at, page);
		}
	}
}

int
env_vtophys_start(bool grows)
{
	static const struct spdk_mem_map_ops offsets = { offsets_notify, values_are_equal };
	static const struct spdk_mem_map_ops nodes = { nodes_notify, values_are_equal };
	int rc = -ENOMEM;

	g_iommu = rte_vfio_is_enabled("vfio") && rte_vfio_noiommu_is_enabled() == 0;
	g_offsets = spdk_mem_map_alloc(SPDK_VTOPHYS_ERROR, &offsets, NULL);
	g_nodes = spdk_mem_map_alloc(NODE_UNKNOWN, &nodes, NULL);
	if (g_offsets != NULL && g_nodes != NULL) {
		rc = grows ? rte_memseg_walk(eal_register_page, NULL)
		           : rte_memseg_contig_walk(eal_register, NULL);
	}
	if (rc == 0 && grows) {
		rc = rte_mem_event_callback_register(EVENT_NAME, eal_changed, NULL);
	}
	g_grows = rc == 0 && grows;
	if (rc != 0) {
		env_vtophys_stop();
	}
	return rc;
}

void
env_vtophys_stop(void)
{
	if (g_grows) {
		rte_mem_event_callback_unregister(EVENT_NAME, NULL);
		g_grows = false;
	}
	rte_memseg_contig_walk(eal_unregister, NULL);
	spdk_mem_map_free(&g_nodes);
	spdk_mem_map_free(&g_offsets);
}

/* --- the API ---------------------------------------------------------------------------------- */

bool
spdk_iommu_is_enabled(void)
{
	return g_iommu;
}

uint64_t
spdk_vtophys(const void *buf, uint64_t *size)
{
	uint64_t vaddr = (uintptr_t)buf, offset;

	if (g_offsets == NULL) {
		return SPDK_VTOPHYS_ERROR;
	}
	offset = spdk_mem_map_translate(g_offsets, vaddr, size);
	return offset != SPDK_VTOPHYS_ERROR ? vaddr + offset : SPDK_VTOPHYS_ERROR;
}

int32_t
spdk_mem_get_numa_id(const void *buf, uint64_t *size)
{
	if (g_nodes == NULL) {
		return SPDK_ENV_NUMA_ID_ANY;
	}
	return (int32_t)(uint32_t)spdk_mem_map_translate(g_nodes, (uintptr_t)buf, size);
}

int
spdk_mem_get_fd_and_offset(void *vaddr, uint64_t *offset)
{
	const struct rte_memseg *seg = rte_mem_virt2memseg(vaddr, NULL);
	size_t begin;
	int fd;

	if (seg == NULL || offset == NULL) {
		return -EINVAL;
	}
	fd = rte_memseg_get_fd(seg);
	if (fd < 0 || rte_memseg_get_fd_offset(seg, &begin) != 0) {
		return fd < 0 && rte_errno != 0 ? -rte_errno : -ENODEV;
	}
	*offset = begin + ((uintptr_t)vaddr - seg->addr_64);
	return fd;
}
