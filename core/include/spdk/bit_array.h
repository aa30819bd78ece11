/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Arrays of bits that find the next set or clear one quickly. */

#ifndef SPDK_BIT_ARRAY_H
#define SPDK_BIT_ARRAY_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_bit_array;

/** A new array, all bits clear; NULL without memory. */
struct spdk_bit_array *spdk_bit_array_create(uint32_t num_bits);
/** Free and set the pointer to NULL. */
void spdk_bit_array_free(struct spdk_bit_array **bap);
/** Grow (new bits clear) or shrink; *bap NULL creates. Returns 0, -EINVAL or -ENOMEM. */
int spdk_bit_array_resize(struct spdk_bit_array **bap, uint32_t num_bits);

uint32_t spdk_bit_array_capacity(const struct spdk_bit_array *ba);

/** False beyond the end. */
bool spdk_bit_array_get(const struct spdk_bit_array *ba, uint32_t bit_index);
/** Returns 0, or -EINVAL beyond the end. */
int spdk_bit_array_set(struct spdk_bit_array *ba, uint32_t bit_index);
/** Does nothing beyond the end. */
void spdk_bit_array_clear(struct spdk_bit_array *ba, uint32_t bit_index);

/** The first such bit at or after the index; UINT32_MAX when there is none. */
uint32_t spdk_bit_array_find_first_set(const struct spdk_bit_array *ba, uint32_t start_bit_index);
uint32_t spdk_bit_array_find_first_clear(const struct spdk_bit_array *ba, uint32_t start_bit_index);

uint32_t spdk_bit_array_count_set(const struct spdk_bit_array *ba);
uint32_t spdk_bit_array_count_clear(const struct spdk_bit_array *ba);

/** Copy the bits to or from (capacity + 7) / 8 bytes, bit 0 in the lowest bit of the first. */
void spdk_bit_array_store_mask(const struct spdk_bit_array *ba, void *mask);
void spdk_bit_array_load_mask(struct spdk_bit_array *ba, const void *mask);
void spdk_bit_array_clear_mask(struct spdk_bit_array *ba);

#ifdef __cplusplus
}
#endif
#endif
