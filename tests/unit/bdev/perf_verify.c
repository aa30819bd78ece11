/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Each kind of damage to what was written is recognised for what it is, and its first byte named.
 */

#include "tests/unit/test.h"

#include "core/bdev/perf_verify.h"

#define BLOCK       512ul
#define SLOT_BLOCKS 4ul
#define SLOT_BYTES  (BLOCK * SLOT_BLOCKS)
#define SLOTS       8

static struct perf_verify g_verify;
static uint8_t g_disk[SLOTS][SLOT_BYTES] __attribute__((aligned(8)));

static void
write_slot(uint64_t slot)
{
	perf_verify_fill(&g_verify, slot, g_disk[slot]);
	perf_verify_written(&g_verify, slot, true);
}

static void
start(void)
{
	uint64_t slot;

	memset(g_disk, 0, sizeof(g_disk));
	REQUIRE(perf_verify_init(&g_verify, 42, BLOCK, SLOT_BLOCKS, SLOTS) == 0);
	for (slot = 0; slot < SLOTS; slot++) {
		CHECK(!perf_verify_known(&g_verify, slot));
		write_slot(slot);
		CHECK(perf_verify_known(&g_verify, slot));
	}
}

static bool
reason_has(const char *text)
{
	if (strstr(g_verify.first.reason, text) != NULL) {
		return true;
	}
	fprintf(stderr, "reason: %s\n", g_verify.first.reason);
	return false;
}

static void
intact_blocks_pass(void)
{
	uint64_t slot;

	start();
	write_slot(3);
	write_slot(3);
	for (slot = 0; slot < SLOTS; slot++) {
		CHECK_EQ(perf_verify_check(&g_verify, slot, g_disk[slot]), 0);
	}
	CHECK_EQ(g_verify.checked, SLOTS * SLOT_BLOCKS);
	CHECK_EQ(g_verify.mismatches, 0);
	perf_verify_fini(&g_verify);
}

static void
every_flipped_bit_is_found_where_it_is(void)
{
	size_t byte;

	for (byte = 0; byte < SLOT_BYTES; byte += 13) {
		start();
		g_disk[5][byte] ^= 1u << (byte % 8);
		CHECK_EQ(perf_verify_check(&g_verify, 5, g_disk[5]), 1);
		CHECK_EQ(g_verify.mismatches, 1);
		CHECK_EQ(g_verify.first.lba, 5 * SLOT_BLOCKS + byte / BLOCK);
		CHECK_EQ(g_verify.first.offset, byte % BLOCK);
		CHECK_EQ(g_verify.first.expected ^ g_verify.first.found, 1u << (byte % 8));
		perf_verify_fini(&g_verify);
	}
}

static void
a_lost_write_is_stale(void)
{
	uint8_t old[SLOT_BYTES];

	start();
	memcpy(old, g_disk[2], sizeof(old));
	write_slot(2);
	memcpy(g_disk[2], old, sizeof(old));
	CHECK_EQ(perf_verify_check(&g_verify, 2, g_disk[2]), SLOT_BLOCKS);
	CHECK(reason_has("stale: generation 1 in place of 2"));
	perf_verify_fini(&g_verify);
}

static void
a_write_to_the_wrong_place_says_where_it_belongs(void)
{
	start();
	memcpy(g_disk[6], g_disk[1], SLOT_BYTES);
	CHECK_EQ(perf_verify_check(&g_verify, 6, g_disk[6]), SLOT_BLOCKS);
	CHECK(reason_has("misplaced: this is block 4"));
	CHECK_EQ(g_verify.first.lba, 24);
	perf_verify_fini(&g_verify);
}

static void
a_torn_block_has_a_bad_checksum(void)
{
	uint8_t old[SLOT_BYTES];

	start();
	memcpy(old, g_disk[0], sizeof(old));
	write_slot(0);
	memcpy(g_disk[0] + BLOCK / 2, old + BLOCK / 2, BLOCK / 2);
	CHECK_EQ(perf_verify_check(&g_verify, 0, g_disk[0]), 1);
	CHECK(reason_has("bad checksum"));
	CHECK_EQ(g_verify.first.offset, BLOCK / 2);
	perf_verify_fini(&g_verify);
}

static void
zeroes_and_other_jobs_blocks_are_told_apart(void)
{
	struct perf_verify other;

	start();
	memset(g_disk[4], 0, SLOT_BYTES);
	CHECK_EQ(perf_verify_check(&g_verify, 4, g_disk[4]), SLOT_BLOCKS);
	CHECK(reason_has("no pattern"));
	perf_verify_fini(&g_verify);

	start();
	REQUIRE(perf_verify_init(&other, 43, BLOCK, SLOT_BLOCKS, SLOTS) == 0);
	perf_verify_fill(&other, 4, g_disk[4]);
	perf_verify_fini(&other);
	CHECK_EQ(perf_verify_check(&g_verify, 4, g_disk[4]), SLOT_BLOCKS);
	CHECK(reason_has("earlier job"));
	perf_verify_fini(&g_verify);
}

static void
a_failed_write_leaves_the_slot_unknown_until_the_next(void)
{
	start();
	perf_verify_written(&g_verify, 7, false);
	CHECK(!perf_verify_known(&g_verify, 7));
	write_slot(7);
	CHECK(perf_verify_known(&g_verify, 7));
	/* The failed one was generation 2; should its blocks turn up late, they are not taken for
	 * the new ones. */
	CHECK_EQ(g_verify.generation[7], 3);
	CHECK_EQ(perf_verify_check(&g_verify, 7, g_disk[7]), 0);
	perf_verify_fini(&g_verify);
}

static void
too_many_slots_are_refused(void)
{
	struct perf_verify verify;

	CHECK_EQ(perf_verify_init(&verify, 1, BLOCK, 1, PERF_VERIFY_MAX_SLOTS + 1ull), -EFBIG);
}

static const struct test_case cases[] = {
	TEST(intact_blocks_pass),
	TEST(every_flipped_bit_is_found_where_it_is),
	TEST(a_lost_write_is_stale),
	TEST(a_write_to_the_wrong_place_says_where_it_belongs),
	TEST(a_torn_block_has_a_bad_checksum),
	TEST(zeroes_and_other_jobs_blocks_are_told_apart),
	TEST(a_failed_write_leaves_the_slot_unknown_until_the_next),
	TEST(too_many_slots_are_refused),
};

TEST_MAIN("bdev/perf_verify", cases)
