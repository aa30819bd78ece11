/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/bit_pool.h"

#include "spdk/bit_array.h"
#include "spdk/util.h"

struct spdk_bit_pool {
	struct spdk_bit_array *taken;
	uint32_t num_free;
	uint32_t lowest; /* nothing below it is free */
};

static void
pool_recount(struct spdk_bit_pool *pool)
{
	pool->num_free = spdk_bit_array_count_clear(pool->taken);
	pool->lowest = 0;
}

struct spdk_bit_pool *
spdk_bit_pool_create_from_array(struct spdk_bit_array *array)
{
	struct spdk_bit_pool *pool = calloc(1, sizeof(*pool));

	if (pool != NULL) {
		pool->taken = array;
		pool_recount(pool);
	}
	return pool;
}

struct spdk_bit_pool *
spdk_bit_pool_create(uint32_t num_bits)
{
	struct spdk_bit_array *array = spdk_bit_array_create(num_bits);
	struct spdk_bit_pool *pool = NULL;

	if (array != NULL) {
		pool = spdk_bit_pool_create_from_array(array);
		if (pool == NULL) {
			spdk_bit_array_free(&array);
		}
	}
	return pool;
}

void
spdk_bit_pool_free(struct spdk_bit_pool **pool)
{
	if (pool != NULL && *pool != NULL) {
		spdk_bit_array_free(&(*pool)->taken);
		free(*pool);
		*pool = NULL;
	}
}

int
spdk_bit_pool_resize(struct spdk_bit_pool **pool, uint32_t num_bits)
{
	int rc;

	if (pool == NULL) {
		return -EINVAL;
	}
	if (*pool == NULL) {
		*pool = spdk_bit_pool_create(num_bits);
		return *pool != NULL ? 0 : num_bits == UINT32_MAX ? -EINVAL : -ENOMEM;
	}
	rc = spdk_bit_array_resize(&(*pool)->taken, num_bits);
	if (rc == 0) {
		pool_recount(*pool);
	}
	return rc;
}

uint32_t
spdk_bit_pool_capacity(const struct spdk_bit_pool *pool)
{
	return spdk_bit_array_capacity(pool->taken);
}

bool
spdk_bit_pool_is_allocated(const struct spdk_bit_pool *pool, uint32_t bit_index)
{
	return spdk_bit_array_get(pool->taken, bit_index);
}

uint32_t
spdk_bit_pool_allocate_bit(struct spdk_bit_pool *pool)
{
	uint32_t bit;

	if (pool->num_free == 0) {
		return UINT32_MAX;
	}
	bit = spdk_bit_array_find_first_clear(pool->taken, pool->lowest);
	spdk_bit_array_set(pool->taken, bit);
	pool->lowest = bit + 1;
	pool->num_free--;
	return bit;
}

int
spdk_bit_pool_set_bit_allocated(struct spdk_bit_pool *pool, uint32_t bit_index)
{
	if (bit_index >= spdk_bit_array_capacity(pool->taken)) {
		return -EINVAL;
	}
	if (spdk_bit_array_get(pool->taken, bit_index)) {
		return -EBUSY;
	}
	spdk_bit_array_set(pool->taken, bit_index);
	pool->num_free--;
	return 0;
}

void
spdk_bit_pool_free_bit(struct spdk_bit_pool *pool, uint32_t bit_index)
{
	/* One that nobody took stays as it is: the pool would count it twice. */
	if (!spdk_bit_array_get(pool->taken, bit_index)) {
		assert(false);
		return;
	}
	spdk_bit_array_clear(pool->taken, bit_index);
	pool->lowest = spdk_min(pool->lowest, bit_index);
	pool->num_free++;
}

void
spdk_bit_pool_free_all_bits(struct spdk_bit_pool *pool)
{
	spdk_bit_array_clear_mask(pool->taken);
	pool_recount(pool);
}

uint32_t
spdk_bit_pool_count_allocated(const struct spdk_bit_pool *pool)
{
	return spdk_bit_array_capacity(pool->taken) - pool->num_free;
}

uint32_t
spdk_bit_pool_count_free(const struct spdk_bit_pool *pool)
{
	return pool->num_free;
}

void
spdk_bit_pool_store_mask(const struct spdk_bit_pool *pool, void *mask)
{
	spdk_bit_array_store_mask(pool->taken, mask);
}

void
spdk_bit_pool_load_mask(struct spdk_bit_pool *pool, const void *mask)
{
	spdk_bit_array_load_mask(pool->taken, mask);
	pool_recount(pool);
}
