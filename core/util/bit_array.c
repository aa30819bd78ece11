/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/bit_array.h"

#include "spdk/util.h"

struct spdk_bit_array {
	uint32_t num_bits;
	uint64_t words[]; /* bits beyond num_bits are clear */
};

static size_t
bit_array_words(uint32_t num_bits)
{
	return ((size_t)num_bits + 63) / 64;
}

struct spdk_bit_array *
spdk_bit_array_create(uint32_t num_bits)
{
	struct spdk_bit_array *ba = NULL;

	return spdk_bit_array_resize(&ba, num_bits) == 0 ? ba : NULL;
}

void
spdk_bit_array_free(struct spdk_bit_array **bap)
{
	if (bap != NULL) {
		free(*bap);
		*bap = NULL;
	}
}

int
spdk_bit_array_resize(struct spdk_bit_array **bap, uint32_t num_bits)
{
	size_t keep, words = bit_array_words(num_bits);
	struct spdk_bit_array *ba;

	/* The last index means "none". */
	if (bap == NULL || num_bits == UINT32_MAX) {
		return -EINVAL;
	}
	ba = calloc(1, sizeof(*ba) + words * sizeof(ba->words[0]));
	if (ba == NULL) {
		return -ENOMEM;
	}
	ba->num_bits = num_bits;
	if (*bap != NULL) {
		keep = spdk_min(words, bit_array_words((*bap)->num_bits));
		memcpy(ba->words, (*bap)->words, keep * sizeof(ba->words[0]));
		free(*bap);
	}
	if (num_bits % 64 != 0) {
		ba->words[words - 1] &= SPDK_BIT(num_bits % 64) - 1;
	}
	*bap = ba;
	return 0;
}

uint32_t
spdk_bit_array_capacity(const struct spdk_bit_array *ba)
{
	return ba->num_bits;
}

bool
spdk_bit_array_get(const struct spdk_bit_array *ba, uint32_t bit_index)
{
	return bit_index < ba->num_bits &&
	       (ba->words[bit_index / 64] & SPDK_BIT(bit_index % 64)) != 0;
}

int
spdk_bit_array_set(struct spdk_bit_array *ba, uint32_t bit_index)
{
	if (bit_index >= ba->num_bits) {
		return -EINVAL;
	}
	ba->words[bit_index / 64] |= SPDK_BIT(bit_index % 64);
	return 0;
}

void
spdk_bit_array_clear(struct spdk_bit_array *ba, uint32_t bit_index)
{
	if (bit_index < ba->num_bits) {
		ba->words[bit_index / 64] &= ~SPDK_BIT(bit_index % 64);
	}
}

static uint32_t
bit_array_find(const struct spdk_bit_array *ba, uint32_t start, uint64_t invert)
{
	size_t i, words = bit_array_words(ba->num_bits);
	uint64_t word, found;

	if (start >= ba->num_bits) {
		return UINT32_MAX;
	}
	i = start / 64;
	word = (ba->words[i] ^ invert) & ~(SPDK_BIT(start % 64) - 1);
	while (word == 0) {
		if (++i == words) {
			return UINT32_MAX;
		}
		word = ba->words[i] ^ invert;
	}
	found = i * 64 + (uint64_t)__builtin_ctzll(word);
	return found < ba->num_bits ? (uint32_t)found : UINT32_MAX;
}

uint32_t
spdk_bit_array_find_first_set(const struct spdk_bit_array *ba, uint32_t start_bit_index)
{
	return bit_array_find(ba, start_bit_index, 0);
}

uint32_t
spdk_bit_array_find_first_clear(const struct spdk_bit_array *ba, uint32_t start_bit_index)
{
	return bit_array_find(ba, start_bit_index, UINT64_MAX);
}

uint32_t
spdk_bit_array_count_set(const struct spdk_bit_array *ba)
{
	size_t i, words = bit_array_words(ba->num_bits);
	uint32_t count = 0;

	for (i = 0; i < words; i++) {
		count += (uint32_t)__builtin_popcountll(ba->words[i]);
	}
	return count;
}

uint32_t
spdk_bit_array_count_clear(const struct spdk_bit_array *ba)
{
	return ba->num_bits - spdk_bit_array_count_set(ba);
}

void
spdk_bit_array_store_mask(const struct spdk_bit_array *ba, void *mask)
{
	uint8_t *out = mask;
	uint32_t i;

	for (i = 0; i < (ba->num_bits + 7) / 8; i++) {
		out[i] = (uint8_t)(ba->words[i / 8] >> (i % 8 * 8));
	}
}

void
spdk_bit_array_load_mask(struct spdk_bit_array *ba, const void *mask)
{
	const uint8_t *in = mask;
	uint32_t i;

	spdk_bit_array_clear_mask(ba);
	for (i = 0; i < (ba->num_bits + 7) / 8; i++) {
		ba->words[i / 8] |= (uint64_t)in[i] << (i % 8 * 8);
	}
	if (ba->num_bits % 64 != 0) {
		ba->words[ba->num_bits / 64] &= SPDK_BIT(ba->num_bits % 64) - 1;
	}
}

void
spdk_bit_array_clear_mask(struct spdk_bit_array *ba)
{
	memset(ba->words, 0, bit_array_words(ba->num_bits) * sizeof(ba->words[0]));
}
