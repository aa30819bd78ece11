/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* bdev_check_format(): what it lets through, and that a refusal says what to change. */

#include "tests/unit/test.h"

#include "core/bdev/module_rpc.h"
#include "spdk/log.h"

static char g_said[512];
static unsigned g_lines;

static void
said(int level, const char *file, const int line, const char *func, const char *format,
     va_list args)
{
	g_lines++;
	vsnprintf(g_said, sizeof(g_said), format, args);
}

static bool
good(uint64_t num_blocks, uint32_t block_size, uint32_t physical, uint32_t md, uint32_t dif)
{
	g_lines = 0;
	return bdev_check_format("Dev7", num_blocks, block_size, physical, md, dif) == 0 &&
	       g_lines == 0;
}

/* -EINVAL, and one line with the device's name and `what`. */
static bool
refused(const char *what, uint64_t num_blocks, uint32_t block_size, uint32_t physical, uint32_t md,
        uint32_t dif)
{
	int rc;

	g_lines = 0;
	rc = bdev_check_format("Dev7", num_blocks, block_size, physical, md, dif);
	if (rc == -EINVAL && g_lines == 1 && strstr(g_said, "Dev7") && strstr(g_said, what)) {
		return true;
	}
	fprintf(stderr, "\nwanted -EINVAL and \"%s\": %d, %u lines, %s\n", what, rc, g_lines,
	        g_said);
	return false;
}

static void
good_ones(void)
{
	static const uint32_t md_sizes[] = { 0, 8, 16, 32, 64, 128 };
	size_t i;

	CHECK(good(1, 512, 0, 0, 0));
	CHECK(good(1, 4096, 512, 0, 0));
	CHECK(good(1000000007, 1536, 4608, 0, 0));
	CHECK(good(1, UINT32_MAX - 511, 0, 128, 0));
	for (i = 0; i < sizeof(md_sizes) / sizeof(md_sizes[0]); i++) {
		CHECK(good(8, 512, 0, md_sizes[i], 0));
	}
}

static void
sizes(void)
{
	CHECK(refused("num_blocks", 0, 512, 0, 0, 0));
	CHECK(refused("block_size 0 ", 8, 0, 0, 0, 0));
	CHECK(refused("block_size 1 ", 8, 1, 0, 0, 0));
	CHECK(refused("block_size 511 ", 8, 511, 0, 0, 0));
	CHECK(refused("block_size 520 ", 8, 520, 0, 0, 0));
	CHECK(refused("physical_block_size 513 ", 8, 512, 513, 0, 0));
}

static void
metadata(void)
{
	static const uint32_t bad[] = {
		1, 2, 4, 7, 9, 12, 24, 127, 129, 256, 1u << 31, UINT32_MAX
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(refused("md_size", 8, 512, 0, bad[i], 0));
	}
	CHECK(refused("dif_type 1", 8, 512, 0, 8, 1));
	CHECK(refused("dif_type 3", 8, 512, 0, 0, 3));
}

static void
in_all(void)
{
	/* As many bytes as a uint64_t counts, and one block more. */
	CHECK(good(UINT64_MAX / 512, 512, 0, 0, 0));
	CHECK(refused("blocks", UINT64_MAX / 512 + 1, 512, 0, 0, 0));
	CHECK(good(UINT64_MAX / 640, 512, 0, 128, 0));
	CHECK(refused("blocks", UINT64_MAX / 640 + 1, 512, 0, 128, 0));
	CHECK(refused("blocks", UINT64_MAX, 512, 0, 0, 0));
	CHECK(refused("blocks", 1ull << 33, UINT32_MAX - 511, 0, 0, 0));
}

static int
setup(void)
{
	spdk_log_open(said);
	return 0;
}

static int
teardown(void)
{
	spdk_log_close();
	return 0;
}

static const struct test_case cases[] = {
	TEST(good_ones),
	TEST(sizes),
	TEST(metadata),
	TEST(in_all),
};
TEST_MAIN_WITH("bdev/module_rpc", cases, setup, teardown)
