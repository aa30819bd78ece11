/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Numbers that are handed out and taken back, the lowest free one first. Not for two threads at
 * once. */

#ifndef SPDK_BIT_POOL_H
#define SPDK_BIT_POOL_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_bit_pool;
struct spdk_bit_array;

/** A pool of the numbers below num_bits, all free; NULL without memory. */
struct spdk_bit_pool *spdk_bit_pool_create(uint32_t num_bits);
/** A pool in which the set bits of `array` are allocated. Takes the array; with NULL returned it is
 *  still the caller's. */
struct spdk_bit_pool *spdk_bit_pool_create_from_array(struct spdk_bit_array *array);
/** Free and set the pointer to NULL. */
void spdk_bit_pool_free(struct spdk_bit_pool **pool);
/** Grow (the new ones are free) or shrink; *pool NULL creates. Returns 0 or a negative errno. */
int spdk_bit_pool_resize(struct spdk_bit_pool **pool, uint32_t num_bits);

uint32_t spdk_bit_pool_capacity(const struct spdk_bit_pool *pool);
/** False beyond the end. */
bool spdk_bit_pool_is_allocated(const struct spdk_bit_pool *pool, uint32_t bit_index);
/** Take the lowest free number; UINT32_MAX when there is none. */
uint32_t spdk_bit_pool_allocate_bit(struct spdk_bit_pool *pool);
/** Take a certain one. Returns 0, -EBUSY when it is taken, -EINVAL beyond the end. */
int spdk_bit_pool_set_bit_allocated(struct spdk_bit_pool *pool, uint32_t bit_index);
/** Give back one that was taken. */
void spdk_bit_pool_free_bit(struct spdk_bit_pool *pool, uint32_t bit_index);
void spdk_bit_pool_free_all_bits(struct spdk_bit_pool *pool);

uint32_t spdk_bit_pool_count_allocated(const struct spdk_bit_pool *pool);
uint32_t spdk_bit_pool_count_free(const struct spdk_bit_pool *pool);

/** Copy what is allocated to or from (capacity + 7) / 8 bytes, as a bit array does. */
void spdk_bit_pool_store_mask(const struct spdk_bit_pool *pool, void *mask);
void spdk_bit_pool_load_mask(struct spdk_bit_pool *pool, const void *mask);

#ifdef __cplusplus
}
#endif
#endif
