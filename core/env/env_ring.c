/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

/* C11 atomics also where the CPU's own order would do: sanitizers see them. */
#ifndef RTE_USE_C11_MEM_MODEL
#define RTE_USE_C11_MEM_MODEL 1
#endif
#include <rte_ring.h>

static struct rte_ring *
rte_of(struct spdk_ring *ring)
{
	return (struct rte_ring *)ring;
}

struct spdk_ring *
spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id)
{
	static uint32_t number;
	struct rte_ring *ring;
	char name[32];
	unsigned flags;
	ssize_t size;

	switch (type) {
	case SPDK_RING_TYPE_SP_SC:
		flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
		break;
	case SPDK_RING_TYPE_MP_SC:
		flags = RING_F_SC_DEQ;
		break;
	case SPDK_RING_TYPE_MP_MC:
		flags = 0;
		break;
	default:
		return NULL;
	}
	if (count > UINT32_MAX) {
		return NULL;
	}
	size = rte_ring_get_memsize((unsigned)count);
	if (size < 0) {
		return NULL;
	}
	/* In memory of our own, not a memory zone: of those there are 2560 in all, and nobody looks
	 * a ring up by its name. */
	ring = spdk_zmalloc((size_t)size, RTE_CACHE_LINE_SIZE, NULL, numa_id, SPDK_MALLOC_SHARE);
	if (ring == NULL) {
		return NULL;
	}
	snprintf(name, sizeof(name), "ring_%u", __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
	if (rte_ring_init(ring, name, (unsigned)count, flags) != 0) {
		spdk_free(ring);
		return NULL;
	}
	return (struct spdk_ring *)ring;
}

void
spdk_ring_free(struct spdk_ring *ring)
{
	spdk_free(ring);
}

size_t
spdk_ring_count(struct spdk_ring *ring)
{
	return rte_ring_count(rte_of(ring));
}

size_t
spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space)
{
	unsigned left = 0;
	size_t done;

	done = rte_ring_enqueue_bulk(rte_of(ring), objs, (unsigned)count, &left);
	if (free_space != NULL) {
		*free_space = left;
	}
	return done;
}

size_t
spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count)
{
	return rte_ring_dequeue_burst(rte_of(ring), objs, (unsigned)count, NULL);
}
