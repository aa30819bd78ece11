/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <time.h>

#include "ctl/units.c"
#include "tests/unit/test.h"

static void
bytes_have_three_digits_and_none_after_the_point_when_exact(void)
{
	CHECK_STR(ctl_units_bytes(0).s, "0 B");
	CHECK_STR(ctl_units_bytes(512).s, "512 B");
	CHECK_STR(ctl_units_bytes(1023).s, "1023 B");
	CHECK_STR(ctl_units_bytes(1024).s, "1 KiB");
	CHECK_STR(ctl_units_bytes(4096).s, "4 KiB");
	CHECK_STR(ctl_units_bytes(1536).s, "1.50 KiB");
	CHECK_STR(ctl_units_bytes(64u << 20).s, "64 MiB");
	CHECK_STR(ctl_units_bytes(1572864000).s, "1.46 GiB");
	CHECK_STR(ctl_units_bytes((1u << 20) - 1).s, "1.00 MiB");
	CHECK_STR(ctl_units_bytes(UINT64_MAX).s, "16 EiB");
}

static void
counts_and_rates(void)
{
	CHECK_STR(ctl_units_count(0).s, "0");
	CHECK_STR(ctl_units_count(87.4).s, "87");
	CHECK_STR(ctl_units_count(999.4).s, "999");
	CHECK_STR(ctl_units_count(999.6).s, "1.00 k");
	CHECK_STR(ctl_units_count(4120).s, "4.12 k");
	CHECK_STR(ctl_units_count(41200).s, "41.2 k");
	CHECK_STR(ctl_units_count(412000).s, "412 k");
	CHECK_STR(ctl_units_count(1300000).s, "1.30 M");
	CHECK_STR(ctl_units_bandwidth(0).s, "0 B/s");
	CHECK_STR(ctl_units_bandwidth(1728724336.0).s, "1.61 GiB/s");
}

static void
latencies(void)
{
	CHECK_STR(ctl_units_latency(0).s, "0 ns");
	CHECK_STR(ctl_units_latency(0.412).s, "412 ns");
	CHECK_STR(ctl_units_latency(7.3).s, "7.30 us");
	CHECK_STR(ctl_units_latency(999.7).s, "1.00 ms");
	CHECK_STR(ctl_units_latency(1200).s, "1.20 ms");
	CHECK_STR(ctl_units_latency(3400000).s, "3.40 s");
	CHECK_STR(ctl_units_latency(5e9).s, "5000 s");
}

static void
durations(void)
{
	CHECK_STR(ctl_units_duration(0.21).s, "0.21 s");
	CHECK_STR(ctl_units_duration(12.41).s, "12.4 s");
	CHECK_STR(ctl_units_duration(59.94).s, "59.9 s");
	CHECK_STR(ctl_units_duration(59.96).s, "1 min 00 s");
	CHECK_STR(ctl_units_duration(200).s, "3 min 20 s");
	CHECK_STR(ctl_units_duration(7500).s, "2 h 05 min");
	CHECK_STR(ctl_units_duration(3 * 86400 + 4 * 3600).s, "3 d 04 h");
}

static void
ticks_are_times_of_a_clock(void)
{
	CHECK_STR(ctl_units_ticks(100, 0).s, "-");
	CHECK_STR(ctl_units_ticks(0, 1000000).s, "0 s");
	CHECK_STR(ctl_units_ticks(1500, 1000000).s, "1.50 ms");
	CHECK_STR(ctl_units_ticks(200000000, 1000000).s, "3 min 20 s");
}

static void
percentages(void)
{
	CHECK_STR(ctl_units_percent(1, 3).s, "33.3 %");
	CHECK_STR(ctl_units_percent(5, 5).s, "100.0 %");
	CHECK_STR(ctl_units_percent(0, 0).s, "-");
}

static void
times_have_milliseconds_in_utc(void)
{
	CHECK_STR(ctl_units_time(1769857207123456789u, true).s, "2026-01-31T11:00:07.123Z");
	setenv("TZ", "UTC0", 1);
	tzset();
	CHECK_STR(ctl_units_time(1769857207123456789u, false).s, "2026-01-31 11:00:07");
}

static void
sizes_are_parsed_in_powers_of_1024(void)
{
	uint64_t v = 0;

	CHECK_EQ(ctl_units_parse_size("4096", &v), 0);
	CHECK_EQ(v, 4096);
	CHECK_EQ(ctl_units_parse_size("4k", &v), 0);
	CHECK_EQ(v, 4096);
	CHECK_EQ(ctl_units_parse_size("4KiB", &v), 0);
	CHECK_EQ(v, 4096);
	CHECK_EQ(ctl_units_parse_size("1MB", &v), 0);
	CHECK_EQ(v, 1u << 20);
	CHECK_EQ(ctl_units_parse_size("2G", &v), 0);
	CHECK_EQ(v, 2ull << 30);
	CHECK_EQ(ctl_units_parse_size("", &v), -EINVAL);
	CHECK_EQ(ctl_units_parse_size("k", &v), -EINVAL);
	CHECK_EQ(ctl_units_parse_size("-4", &v), -EINVAL);
	CHECK_EQ(ctl_units_parse_size("4x", &v), -EINVAL);
	CHECK_EQ(ctl_units_parse_size("4kk", &v), -EINVAL);
	CHECK_EQ(ctl_units_parse_size("18446744073709551616", &v), -EINVAL);
	CHECK_EQ(ctl_units_parse_size("99999999T", &v), -EINVAL);
}

static void
seconds_are_parsed_to_milliseconds(void)
{
	uint64_t ms = 0;

	CHECK_EQ(ctl_units_parse_seconds("10", &ms), 0);
	CHECK_EQ(ms, 10000);
	CHECK_EQ(ctl_units_parse_seconds("0.5", &ms), 0);
	CHECK_EQ(ms, 500);
	CHECK_EQ(ctl_units_parse_seconds(".25", &ms), 0);
	CHECK_EQ(ms, 250);
	CHECK_EQ(ctl_units_parse_seconds("", &ms), -EINVAL);
	CHECK_EQ(ctl_units_parse_seconds(".", &ms), -EINVAL);
	CHECK_EQ(ctl_units_parse_seconds("-1", &ms), -EINVAL);
	CHECK_EQ(ctl_units_parse_seconds("1s", &ms), -EINVAL);
	CHECK_EQ(ctl_units_parse_seconds("nan", &ms), -EINVAL);
	CHECK_EQ(ctl_units_parse_seconds("1e300", &ms), -EINVAL);
}

static void
numbers_are_decimal_and_nothing_else(void)
{
	uint64_t n = 0;

	CHECK_EQ(ctl_units_parse_number("18446744073709551615", &n), 0);
	CHECK_EQ(n, UINT64_MAX);
	CHECK_EQ(ctl_units_parse_number("18446744073709551616", &n), -EINVAL);
	CHECK_EQ(ctl_units_parse_number("-1", &n), -EINVAL);
	CHECK_EQ(ctl_units_parse_number(" 1", &n), -EINVAL);
	CHECK_EQ(ctl_units_parse_number("1x", &n), -EINVAL);
}

static const struct test_case cases[] = {
	TEST(bytes_have_three_digits_and_none_after_the_point_when_exact),
	TEST(counts_and_rates),
	TEST(latencies),
	TEST(durations),
	TEST(ticks_are_times_of_a_clock),
	TEST(percentages),
	TEST(times_have_milliseconds_in_utc),
	TEST(sizes_are_parsed_in_powers_of_1024),
	TEST(seconds_are_parsed_to_milliseconds),
	TEST(numbers_are_decimal_and_nothing_else),
};
TEST_MAIN("ctl/units", cases)
