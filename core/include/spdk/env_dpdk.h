/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What SPDK offers of its environment when that is DPDK. */

#ifndef SPDK_ENV_DPDK_H
#define SPDK_ENV_DPDK_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_env_dpdk_mem_stats {
	uint64_t heap_totalsz_bytes;
	uint64_t heap_freesz_bytes;
	uint64_t greatest_free_size;
	uint64_t heap_allocsz_bytes;
	uint32_t free_count;  /* free pieces */
	uint32_t alloc_count; /* allocations alive */
};

/** For a program that called rte_eal_init() itself: make the environment usable over that EAL. Main
 *  thread, in place of spdk_env_init(). Returns 0 or a negative errno. */
int spdk_env_dpdk_post_init(bool legacy_mem);
/** The end of the same; EAL stays the caller's. */
void spdk_env_dpdk_post_fini(void);
/** Whether EAL was started by the program, not by spdk_env_init(). */
bool spdk_env_dpdk_external_init(void);

/** Print EAL's memory, memzones, mempools and heaps to `file`, each under its lock: not on a
 *  reactor. */
void spdk_env_dpdk_dump_mem_stats(FILE *file);
/** The same in figures, of NUMA node `numa_id`. Returns 0 or a negative errno. */
int spdk_env_dpdk_get_mem_stats(struct spdk_env_dpdk_mem_stats *stats, uint32_t numa_id);

#ifdef __cplusplus
}
#endif
#endif
