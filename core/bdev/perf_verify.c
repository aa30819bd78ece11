/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "perf_verify.h"

#include <nmmintrin.h>

#define BLOCK_MAGIC 0x31594652564c4143ull /* "CALVRFY1" */

struct block_header {
	uint64_t magic;
	uint64_t lba;
	uint64_t seed;
	uint32_t generation;
	uint32_t crc; /* of the block with this field 0 */
};

int
perf_verify_init(struct perf_verify *verify, uint64_t seed, uint32_t block_size,
                 uint32_t slot_blocks, uint64_t num_slots)
{
	memset(verify, 0, sizeof(*verify));
	if (num_slots > PERF_VERIFY_MAX_SLOTS) {
		return -EFBIG;
	}
	verify->generation = calloc(num_slots, sizeof(*verify->generation));
	if (verify->generation == NULL) {
		return -ENOMEM;
	}
	verify->seed = seed;
	verify->block_size = block_size;
	verify->slot_blocks = slot_blocks;
	verify->num_slots = num_slots;
	return 0;
}

void
perf_verify_fini(struct perf_verify *verify)
{
	free(verify->generation);
	verify->generation = NULL;
}

/* Block sizes are multiples of 8. The instruction is part of the machine level DPDK is built for.
 */
static uint32_t
crc32c(const void *buf, size_t len)
{
	const uint64_t *word = buf, *end = word + len / sizeof(*word);
	uint64_t crc = UINT32_MAX;

	for (; word < end; word++) {
		crc = _mm_crc32_u64(crc, *word);
	}
	return ~(uint32_t)crc;
}

static void
block_fill(const struct perf_verify *verify, uint64_t lba, uint32_t generation, uint8_t *block)
{
	struct block_header *header = (struct block_header *)block;
	uint64_t *word = (uint64_t *)(block + sizeof(*header));
	uint64_t *end = (uint64_t *)(block + verify->block_size);
	/* A Weyl sequence through a multiplication: fast, and neighbours in LBA or generation
	 * differ in every word. */
	uint64_t step = (lba * 0x9e3779b97f4a7c15ull ^ verify->seed) + generation, value = step;

	for (; word < end; word++) {
		value += 0xd1b54a32d192ed03ull;
		*word = value * (step | 1);
	}
	header->magic = BLOCK_MAGIC;
	header->lba = lba;
	header->seed = verify->seed;
	header->generation = generation;
	header->crc = 0;
	header->crc = crc32c(block, verify->block_size);
}

/* A generation that failed is not used again: its blocks may still turn up. */
static uint32_t
next_generation(const struct perf_verify *verify, uint64_t slot)
{
	uint32_t now = verify->generation[slot];
	uint32_t next = (now & ~PERF_VERIFY_UNKNOWN) + ((now & PERF_VERIFY_UNKNOWN) != 0 ? 2 : 1);

	return next < PERF_VERIFY_UNKNOWN ? next : 1;
}

void
perf_verify_written(struct perf_verify *verify, uint64_t slot, bool success)
{
	if (success) {
		verify->generation[slot] = next_generation(verify, slot);
	} else {
		verify->generation[slot] |= PERF_VERIFY_UNKNOWN;
	}
}

void
perf_verify_fill(const struct perf_verify *verify, uint64_t slot, void *buf)
{
	uint32_t generation = next_generation(verify, slot);
	uint64_t lba = slot * verify->slot_blocks;
	uint32_t i;

	for (i = 0; i < verify->slot_blocks; i++) {
		block_fill(verify, lba + i, generation,
		           (uint8_t *)buf + (size_t)i * verify->block_size);
	}
}

/* What is wrong with a block whose header or checksum is not what it should be. */
static void
explain(const struct perf_verify *verify, uint64_t lba, uint32_t generation,
        const struct block_header *header, bool crc_good, char *reason, size_t size)
{
	if (header->magic != BLOCK_MAGIC) {
		snprintf(reason, size, "no pattern: this block was never written, or overwritten");
	} else if (!crc_good) {
		snprintf(reason, size, "bad checksum: a torn or damaged block");
	} else if (header->seed != verify->seed) {
		snprintf(reason, size, "a block of an earlier job: the write never arrived");
	} else if (header->lba != lba) {
		snprintf(reason, size, "misplaced: this is block %" PRIu64, header->lba);
	} else {
		snprintf(reason, size, "stale: generation %u in place of %u", header->generation,
		         generation);
	}
}

static bool
block_check(struct perf_verify *verify, uint64_t lba, uint32_t generation, uint8_t *block)
{
	struct block_header *header = (struct block_header *)block;
	uint32_t crc = header->crc, i;
	uint8_t *expected;
	bool crc_good;

	header->crc = 0;
	crc_good = crc32c(block, verify->block_size) == crc;
	header->crc = crc;
	if (crc_good && header->magic == BLOCK_MAGIC && header->seed == verify->seed &&
	    header->lba == lba && header->generation == generation) {
		return true;
	}
	if (verify->mismatches++ > 0) {
		return false;
	}
	verify->first.lba = lba;
	explain(verify, lba, generation, header, crc_good, verify->first.reason,
	        sizeof(verify->first.reason));
	expected = calloc(1, verify->block_size);
	if (expected == NULL) {
		return false;
	}
	block_fill(verify, lba, generation, expected);
	for (i = 0; i < verify->block_size - 1 && expected[i] == block[i]; i++) {
	}
	verify->first.offset = i;
	verify->first.expected = expected[i];
	verify->first.found = block[i];
	free(expected);
	return false;
}

uint32_t
perf_verify_check(struct perf_verify *verify, uint64_t slot, void *buf)
{
	uint64_t lba = slot * verify->slot_blocks;
	uint32_t i, wrong = 0;

	for (i = 0; i < verify->slot_blocks; i++) {
		wrong += !block_check(verify, lba + i, verify->generation[slot],
		                      (uint8_t *)buf + (size_t)i * verify->block_size);
	}
	verify->checked += verify->slot_blocks;
	return wrong;
}
