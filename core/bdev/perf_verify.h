/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What --verify writes and how it tells what came back.
 *
 * Every block begins with a header that carries its LBA, the generation of its slot (how many times
 * this job wrote it), the job's seed and a CRC-32C of the whole block; the rest is a sequence that
 * follows from these three. So whatever comes back says itself what it is: an older generation with
 * a good checksum is a lost write, another LBA a misplaced one, a bad checksum a torn or damaged
 * block.
 *
 * A slot is an aligned piece of the device of one I/O's size: one generation number each. */

#ifndef CAL_BDEV_PERF_VERIFY_H
#define CAL_BDEV_PERF_VERIFY_H

#include "spdk/stdinc.h"

/* Four bytes a slot: 256 MB of private memory at most. */
#define PERF_VERIFY_MAX_SLOTS (64u << 20)

/* Set in a slot's generation when a write of it failed: it may hold either. */
#define PERF_VERIFY_UNKNOWN 0x80000000u

struct perf_verify {
	uint64_t seed;
	uint32_t block_size; /* bytes, at least 512 */
	uint32_t slot_blocks;
	uint64_t num_slots;
	uint32_t *generation; /* of what a slot holds, 0: not written by this job */
	uint64_t checked;     /* blocks */
	uint64_t mismatches;  /* blocks */
	struct {
		uint64_t lba;
		uint32_t offset; /* of the first wrong byte, in the block */
		uint8_t expected;
		uint8_t found;
		char reason[96];
	} first;
};

/** Returns 0, -EFBIG for more than PERF_VERIFY_MAX_SLOTS, -ENOMEM. */
int perf_verify_init(struct perf_verify *verify, uint64_t seed, uint32_t block_size,
                     uint32_t slot_blocks, uint64_t num_slots);
void perf_verify_fini(struct perf_verify *verify);

/** Whether it is known what the slot holds. */
static inline bool
perf_verify_known(const struct perf_verify *verify, uint64_t slot)
{
	uint32_t generation = verify->generation[slot];

	return generation != 0 && (generation & PERF_VERIFY_UNKNOWN) == 0;
}

/** Fill a buffer with the slot's next generation. */
void perf_verify_fill(const struct perf_verify *verify, uint64_t slot, void *buf);

/** That write has completed. */
void perf_verify_written(struct perf_verify *verify, uint64_t slot, bool success);

/** Check a buffer that was read from `slot` against what the slot should hold. Counts, and keeps
 * the first mismatch. Returns how many blocks were wrong. */
uint32_t perf_verify_check(struct perf_verify *verify, uint64_t slot, void *buf);

#endif
