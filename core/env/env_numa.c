/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

#include <rte_lcore.h>

int32_t
spdk_env_get_numa_id(uint32_t core)
{
	return core < RTE_MAX_LCORE ? (int32_t)rte_lcore_to_socket_id(core) : SPDK_ENV_NUMA_ID_ANY;
}

/* The smallest node above `after`. */
static int32_t
node_above(int32_t after)
{
	int32_t node, best = INT32_MAX;
	unsigned i;

	for (i = 0; i < rte_socket_count(); i++) {
		node = rte_socket_id_by_idx(i);
		if (node > after && node < best) {
			best = node;
		}
	}
	return best;
}

static bool
node_exists(int32_t node)
{
	return node >= 0 && node_above(node - 1) == node;
}

int32_t
spdk_env_get_first_numa_id(void)
{
	return node_above(-1);
}

int32_t
spdk_env_get_last_numa_id(void)
{
	int32_t node, last = INT32_MAX;

	SPDK_ENV_FOREACH_NUMA_ID(node)
	{
		last = node;
	}
	return last;
}

int32_t
spdk_env_get_next_numa_id(int32_t prev_numa_id)
{
	return node_exists(prev_numa_id) ? node_above(prev_numa_id) : INT32_MAX;
}
