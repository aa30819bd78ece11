/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include "core/env/env_private.h"

/* Parsed and written again: "" for what is refused. */
static const char *
cores(const char *text)
{
	static char buf[256];
	cpu_set_t set;

	if (env_cores_parse(text, &set) != 0) {
		return "";
	}
	REQUIRE(env_cpu_list_format(&set, buf, sizeof(buf)) == 0);
	return buf;
}

static void
test_masks(void)
{
	CHECK_STR(cores("0x1"), "0");
	CHECK_STR(cores("0X3"), "0-1");
	CHECK_STR(cores("3"), "0-1");
	CHECK_STR(cores("f0"), "4-7");
	CHECK_STR(cores("10"), "4");
	CHECK_STR(cores("0x8000000000000000000000000000000000"), "135");
	CHECK_STR(cores("0x0"), "");
	CHECK_STR(cores("0x"), "");
	CHECK_STR(cores(""), "");
	CHECK_STR(cores("zz"), "");
	CHECK_STR(cores("0x1 "), "");
	CHECK_STR(cores("-1"), "");
}

static void
test_mask_at_its_limit(void)
{
	char text[300];

	memset(text, '0', sizeof(text));
	text[0] = '8';
	text[CPU_SETSIZE / 4] = '\0';
	CHECK_STR(cores(text), "1023");
	text[CPU_SETSIZE / 4] = '0';
	text[CPU_SETSIZE / 4 + 1] = '\0';
	CHECK_STR(cores(text), "");
	/* Leading zeroes may be as many as one likes. */
	memset(text, '0', sizeof(text));
	text[298] = '1';
	text[299] = '\0';
	CHECK_STR(cores(text), "0");
}

static void
test_lists(void)
{
	CHECK_STR(cores("[0]"), "0");
	CHECK_STR(cores("[0,2-3]"), "0,2-3");
	CHECK_STR(cores("0,2-3"), "0,2-3");
	CHECK_STR(cores("[ 1,2 ]"), "1-2");
	CHECK_STR(cores("[3,1,2]"), "1-3");
	CHECK_STR(cores("[1023]"), "1023");
	CHECK_STR(cores("[1024]"), "");
	CHECK_STR(cores("[]"), "");
	CHECK_STR(cores("[3-1]"), "");
	CHECK_STR(cores("[1,]"), "");
	CHECK_STR(cores("[1"), "");
	CHECK_STR(cores("[1]x"), "");
	CHECK_STR(cores("[1-]"), "");
	CHECK_STR(cores("[a]"), "");
	CHECK_STR(cores("1,,2"), "");
	CHECK_STR(cores("[99999999999999999999]"), "");
}

static void
test_kernel_lists(void)
{
	cpu_set_t set;

	CHECK_EQ(env_cpu_list_parse("0-1\n", &set), 0);
	CHECK_EQ(CPU_COUNT(&set), 2);
	CHECK_EQ(env_cpu_list_parse("\n", &set), 0);
	CHECK_EQ(CPU_COUNT(&set), 0);
	CHECK_EQ(env_cpu_list_parse("0-1x", &set), -EINVAL);
}

static int
map(const char *text, const char *lcores, const char *cpus)
{
	char left[64], right[64];
	cpu_set_t l, c;
	int rc;

	rc = env_lcore_map_parse(text, &l, &c);
	if (rc == 0) {
		REQUIRE(env_cpu_list_format(&l, left, sizeof(left)) == 0);
		REQUIRE(env_cpu_list_format(&c, right, sizeof(right)) == 0);
		CHECK_STR(left, lcores);
		CHECK_STR(right, cpus);
	}
	return rc;
}

static void
test_lcore_maps(void)
{
	CHECK_EQ(map("0", "0", "0"), 0);
	CHECK_EQ(map("0-2", "0-2", "0-2"), 0);
	CHECK_EQ(map("0,1@3", "0-1", "0,3"), 0);
	CHECK_EQ(map("0,1@3,(4-5)@(6,7)", "0-1,4-5", "0,3,6-7"), 0);
	CHECK_EQ(map("(0-3)@0", "0-3", "0"), 0);
	CHECK_EQ(map("0@(1,3-4)", "0", "1,3-4"), 0);
	CHECK_EQ(map("", "", ""), -EINVAL);
	CHECK_EQ(map("0@", "", ""), -EINVAL);
	CHECK_EQ(map("@1", "", ""), -EINVAL);
	CHECK_EQ(map("(0", "", ""), -EINVAL);
	CHECK_EQ(map("0@1@2", "", ""), -EINVAL);
	CHECK_EQ(map("0,", "", ""), -EINVAL);
	CHECK_EQ(map("0 1", "", ""), -EINVAL);
	/* The same lcore twice. */
	CHECK_EQ(map("0@1,0@2", "", ""), -EINVAL);
}

static void
test_format_overflow(void)
{
	char buf[4];
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(10, &set);
	CHECK_EQ(env_cpu_list_format(&set, buf, sizeof(buf)), 0);
	CPU_SET(12, &set);
	CHECK_EQ(env_cpu_list_format(&set, buf, sizeof(buf)), -ENAMETOOLONG);
}

static const struct test_case g_cases[] = {
	TEST(test_masks),        TEST(test_mask_at_its_limit), TEST(test_lists),
	TEST(test_kernel_lists), TEST(test_lcore_maps),        TEST(test_format_overflow),
};

TEST_MAIN("env/cores_parse", g_cases)
