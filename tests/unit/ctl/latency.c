/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ctl/latency.c"
#include "tests/unit/test.h"

static void
percentiles_of_a_hundred_are_their_ranks(void)
{
	struct ctl_latency l;
	uint64_t i;

	REQUIRE(ctl_latency_init(&l, 100) == 0);
	/* 1 … 100 us, out of order. */
	for (i = 0; i < 100; i++) {
		ctl_latency_add(&l, (i * 37 % 100 + 1) * 1000);
	}
	ctl_latency_add(&l, 1); /* no room: dropped */
	ctl_latency_sort(&l);
	CHECK_EQ(l.count, 100);
	CHECK_EQ(ctl_latency_percentile_us(&l, 0), 1.0);
	CHECK_EQ(ctl_latency_percentile_us(&l, 50), 50.0);
	CHECK_EQ(ctl_latency_percentile_us(&l, 99), 99.0);
	CHECK_EQ(ctl_latency_percentile_us(&l, 99.9), 100.0);
	CHECK_EQ(ctl_latency_percentile_us(&l, 100), 100.0);
	CHECK_EQ(ctl_latency_average_us(&l), 50.5);
	ctl_latency_free(&l);
}

static void
one_sample_is_every_percentile(void)
{
	struct ctl_latency l;

	REQUIRE(ctl_latency_init(&l, 1) == 0);
	ctl_latency_add(&l, 7500);
	ctl_latency_sort(&l);
	CHECK_EQ(ctl_latency_percentile_us(&l, 0), 7.5);
	CHECK_EQ(ctl_latency_percentile_us(&l, 50), 7.5);
	CHECK_EQ(ctl_latency_percentile_us(&l, 100), 7.5);
	ctl_latency_free(&l);
}

static void
no_sample_is_zero(void)
{
	struct ctl_latency l;

	REQUIRE(ctl_latency_init(&l, 4) == 0);
	ctl_latency_sort(&l);
	CHECK_EQ(ctl_latency_percentile_us(&l, 50), 0);
	CHECK_EQ(ctl_latency_average_us(&l), 0);
	ctl_latency_free(&l);
}

static const struct test_case cases[] = {
	TEST(percentiles_of_a_hundred_are_their_ranks),
	TEST(one_sample_is_every_percentile),
	TEST(no_sample_is_zero),
};
TEST_MAIN("ctl/latency", cases)
