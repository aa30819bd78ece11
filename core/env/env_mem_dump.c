/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <inttypes.h>
#include <stdio.h>

#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include "spdk/env_dpdk.h"

static void
count_zone(const struct rte_memzone *mz, void *arg)
{
	(*(unsigned *)arg)++;
}

static void
count_pool(struct rte_mempool *pool, void *arg)
{
	(*(unsigned *)arg)++;
}

/* The headings are what SPDK's dpdk_mem_info.py looks for. It reads on only behind a zone and a
 * pool, of which there may be none here. */
void
spdk_env_dpdk_dump_mem_stats(FILE *file)
{
	unsigned zones = 0, pools = 0;

	fprintf(file, "DPDK memory size %" PRIu64 "\n", rte_eal_get_physmem_size());
	fprintf(file, "DPDK memory layout\n");
	rte_dump_physmem_layout(file);
	fprintf(file, "DPDK memzones.\n");
	rte_memzone_dump(file);
	rte_memzone_walk(count_zone, &zones);
	if (zones == 0) {
		fprintf(file, "Zone -: name:<(none)>, len:0x0, virt:0x0, -\n");
	}
	fprintf(file, "DPDK mempools.\n");
	rte_mempool_list_dump(file);
	rte_mempool_walk(count_pool, &pools);
	if (pools == 0) {
		fprintf(file, "mempool <(none)>@0x0\n  size=0\n  populated_size=0\n"
		              "  total_obj_size=0\n");
	}
	fprintf(file, "DPDK malloc stats.\n");
	rte_malloc_dump_stats(file, NULL);
	fprintf(file, "DPDK malloc heaps.\n");
	rte_malloc_dump_heaps(file);
}
