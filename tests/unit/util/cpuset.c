/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include "spdk/cpuset.h"

static struct spdk_cpuset
parsed(const char *text)
{
	struct spdk_cpuset set;

	CHECK_EQ(spdk_cpuset_parse(&set, text), 0);
	return set;
}

static void
check_text(const char *text, const char *hex)
{
	struct spdk_cpuset set = parsed(text);

	CHECK_STR(spdk_cpuset_fmt(&set), hex);
}

static void
reads_masks_and_lists(void)
{
	check_text("0x1", "1");
	check_text("0xFf", "ff");
	check_text("ff", "ff");
	check_text("0", "0");
	check_text("00010", "10");
	check_text(" f0\n", "f0");
	check_text("80000000,00000001", "8000000000000001");
	check_text("[0]", "1");
	check_text("[0,2-3]", "d");
	check_text("[ 1 , 3 ]", "a");
	check_text("[64]", "10000000000000000");
	check_text("[1020-1023]",
	           "f000000000000000000000000000000000000000000000000000000000000000"
	           "0000000000000000000000000000000000000000000000000000000000000000"
	           "0000000000000000000000000000000000000000000000000000000000000000"
	           "0000000000000000000000000000000000000000000000000000000000000000");
}

static void
refuses_the_rest(void)
{
	static const char *const bad[] = {
		"",
		"0x",
		"g",
		"0xg",
		"[",
		"[]",
		"[0",
		"[,]",
		"[0,]",
		"[3-2]",
		"[1024]",
		"[0-1024]",
		"[0-]",
		"[-1]",
		"[0]x",
		"1 1",
		"[a]",
		"[0-1-2]",
		"[99999999999999999999]",
	};
	char wide[300];
	struct spdk_cpuset set;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&set, 0xff, sizeof(set));
		if (spdk_cpuset_parse(&set, bad[i]) == 0) {
			fprintf(stderr, "accepted: %s\n", bad[i]);
			CHECK(false);
		}
		CHECK_EQ(spdk_cpuset_count(&set), 0);
	}
	CHECK(spdk_cpuset_parse(&set, NULL) != 0);
	/* More digits than CPUs, unless they are zeroes. */
	memset(wide, '0', sizeof(wide));
	wide[299] = '\0';
	CHECK_EQ(spdk_cpuset_parse(&set, wide), 0);
	wide[0] = '1';
	CHECK(spdk_cpuset_parse(&set, wide) != 0);
}

static void
add(void *ctx, uint32_t cpu)
{
	*(uint64_t *)ctx = *(uint64_t *)ctx * 100 + cpu;
}

static void
combines(void)
{
	struct spdk_cpuset a = parsed("[1,2,40]"), b = parsed("[2,3]"), c;
	uint64_t seen = 0;

	CHECK_EQ(spdk_cpuset_count(&a), 3);
	spdk_cpuset_copy(&c, &a);
	CHECK(spdk_cpuset_equal(&a, &c));
	spdk_cpuset_and(&c, &b);
	CHECK_STR(spdk_cpuset_fmt(&c), "4");
	spdk_cpuset_copy(&c, &a);
	spdk_cpuset_or(&c, &b);
	CHECK_STR(spdk_cpuset_fmt(&c), "1000000000e");
	spdk_cpuset_xor(&c, &a);
	CHECK_STR(spdk_cpuset_fmt(&c), "8");
	CHECK(!spdk_cpuset_equal(&a, &c));
	spdk_cpuset_negate(&c);
	CHECK_EQ(spdk_cpuset_count(&c), SPDK_CPUSET_SIZE - 1);
	CHECK(!spdk_cpuset_get_cpu(&c, 3));
	CHECK(spdk_cpuset_get_cpu(&c, 1023));
	CHECK(!spdk_cpuset_get_cpu(&c, 1024));
	spdk_cpuset_zero(&c);
	CHECK_STR(spdk_cpuset_fmt(&c), "0");
	spdk_cpuset_set_cpu(&c, 9, true);
	spdk_cpuset_set_cpu(&c, 8, true);
	spdk_cpuset_set_cpu(&c, 9, false);
	CHECK_STR(spdk_cpuset_fmt(&c), "100");
	spdk_cpuset_for_each_cpu(&a, add, &seen);
	CHECK_EQ(seen, 10240);
}

static const struct test_case cases[] = {
	TEST(reads_masks_and_lists),
	TEST(refuses_the_rest),
	TEST(combines),
};

TEST_MAIN("util/cpuset", cases)
