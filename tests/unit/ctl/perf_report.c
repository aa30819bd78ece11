/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include <stdlib.h>

#include "ctl/perf_report.c"
#include "ctl/json.c"
#include "ctl/term.c"
#include "ctl/units.c"
#include "tests/unit/test.h"

#define RESULT                                                                                    \
	"{\"id\":1,\"bdev\":\"Malloc0\",\"running\":false,\"elapsed_ms\":10002,\"ios\":4120000,"  \
	"\"errors\":0,\"bytes\":16875520000,\"iops\":411917.6,\"mib_per_s\":1609.053,"            \
	"\"latency_us\":{\"avg\":310.512,\"p50\":300,\"p99\":412.5,\"p99_9\":1200,\"max\":3400}," \
	"\"longest_gap_us\":1234.5,\"verify\":{\"checked\":4120000,\"mismatches\":%s}%s}"
#define FIRST                                                                           \
	"1,\"first\":{\"lba\":77,\"offset\":17,\"expected\":90,\"found\":0,\"reason\":" \
	"\"checksum\"}"

static const struct ctl_perf_run verified = {
	.bdev = "Malloc0",
	.workload = "randrw",
	.queue_depth = 128,
	.io_size = 4096,
	.time_ms = 10000,
	.rwmixread = 70,
	.verify = true,
};

static struct json_object *
parse(const char *text)
{
	struct json_object *value;
	char err[64];

	REQUIRE(ctl_json_parse(text, strlen(text), &value, err, sizeof(err)) == 0);
	return value;
}

static struct json_object *
result(const char *mismatches, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text), RESULT, mismatches, more);
	return parse(text);
}

static char *
print(const struct ctl_perf_run *run, struct json_object *value)
{
	struct ctl_term term = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ctl_perf_print(out, &term, run, value);
	fclose(out);
	return text;
}

static void
text_has_units(void)
{
	struct json_object *value = result("0", "");
	char *text = print(&verified, value);

	CHECK_STR(text,
	          "Malloc0: randrw (70 % reads), queue depth 128, 4 KiB I/Os, 10.0 s\n"
	          "  rate      412 k IOPS, 1.57 GiB/s\n"
	          "  done      4.12 M I/Os, 15.7 GiB, 0 errors\n"
	          "  latency   avg 311 us, p50 300 us, p99 412 us, p99.9 1.20 ms, max 3.40 ms\n"
	          "  gap       1.23 ms, the longest time without a completion\n"
	          "  verify    4.12 M blocks read back and checked, 0 mismatches\n");
	CHECK(!ctl_perf_is_bad(value));
	free(text);
	json_object_put(value);
}

static void
the_first_wrong_byte_is_described(void)
{
	struct json_object *value = result(FIRST, "");
	char *text = print(&verified, value);

	CHECK(strstr(text,
	             "1 mismatches\n  first wrong byte: LBA 77, byte 17 of the block: 0x00 in "
	             "place of 0x5a (checksum)\n") != NULL);
	CHECK(ctl_perf_is_bad(value));
	free(text);
	json_object_put(value);
}

static void
json_has_the_agreed_keys_and_ours(void)
{
	struct json_object *value = result(FIRST, ",\"error\":\"bdev was removed\"");
	struct json_object *root = ctl_perf_json(&verified, value);

	CHECK_STR(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN),
	          "{\"bdev\":\"Malloc0\",\"workload\":\"randrw\",\"queue_depth\":128,"
	          "\"io_size\":4096,\"elapsed_ms\":10002,\"ios\":4120000,\"errors\":0,"
	          "\"bytes\":16875520000,\"iops\":411917.6,\"mib_per_s\":1609.053,"
	          "\"latency_us\":{\"avg\":310.51,\"p50\":300.00,\"p99\":412.50,"
	          "\"p99_9\":1200.00,\"max\":3400.00},\"longest_gap_us\":1234.50,"
	          "\"verify\":{\"checked\":4120000,\"mismatches\":1,\"first\":{\"lba\":77,"
	          "\"offset\":17,\"expected\":90,\"found\":0,\"reason\":\"checksum\"}},"
	          "\"interrupted\":false,\"error\":\"bdev was removed\"}");
	CHECK(ctl_perf_is_bad(value));
	json_object_put(root);
	json_object_put(value);
}

static void
gaps_are_shown_when_they_were_counted(void)
{
	struct json_object *value = result(
		"0",
		",\"gaps_us\":{\"p50\":1,\"p99\":2,\"p99_9\":3.123,\"p99_99\":4,\"max\":500},"
		"\"wall_gaps_us\":{\"p50\":1,\"p99\":2,\"p99_9\":3,\"p99_99\":4,\"max\":5000}");
	struct json_object *root = ctl_perf_json(&verified, value);
	char *text = print(&verified, value);

	CHECK(strstr(text,
	             "  gaps      p50 1.00 us, p99 2.00 us, p99.9 3.00 us, p99.99 4.00 us, max "
	             "5.00 ms\n") != NULL);
	CHECK(strstr(text,
	             "  on CPU    p50 1.00 us, p99 2.00 us, p99.9 3.12 us, p99.99 4.00 us, max "
	             "500 us\n") != NULL);
	CHECK_STR(json_object_to_json_string_ext(ctl_json_get(root, "gaps_us"),
	                                         JSON_C_TO_STRING_PLAIN),
	          "{\"p50\":1.00,\"p99\":2.00,\"p99_9\":3.12,\"p99_99\":4.00,\"max\":500.00}");
	CHECK(ctl_json_get(root, "wall_gaps_us") != NULL);
	free(text);
	json_object_put(root);
	json_object_put(value);
}

static void
an_empty_result_prints_zeros(void)
{
	struct ctl_perf_run run = { .bdev = "x", .workload = "read", .interrupted = true };
	struct json_object *root = ctl_perf_json(&run, NULL);
	char *text = print(&run, NULL);

	CHECK_EQ(ctl_json_u64(root, "ios"), 0);
	CHECK(ctl_json_get(ctl_json_get(root, "verify"), "checked") != NULL);
	CHECK(strstr(text, "(interrupted)") != NULL);
	CHECK(strstr(text, "verify") == NULL);
	free(text);
	json_object_put(root);
}

static void
the_live_line_shows_the_rate_since_the_last_look(void)
{
	struct json_object *before, *now;
	char line[256];

	before = parse("{\"elapsed_ms\":1000,\"ios\":1000,\"bytes\":4096000}");
	now = parse("{\"elapsed_ms\":1250,\"ios\":2000,\"bytes\":8192000}");
	ctl_perf_line(line, sizeof(line), &verified, now, before);
	CHECK_STR(line, "1.2 of 10 s  4.00 k IOPS  15.6 MiB/s  p99 0 ns  0 errors  gap 0 ns");
	json_object_put(now);
	now = parse("{\"elapsed_ms\":599900,\"ios\":9e12,\"bytes\":9e15,\"errors\":12345,"
	            "\"latency_us\":{\"p99\":99500},\"verify\":{\"mismatches\":12345}}");
	ctl_perf_line(line, sizeof(line), &verified, now, before);
	CHECK(strstr(line, "12345 errors  12345 WRONG") != NULL);
	CHECK(strlen(line) < 80);
	json_object_put(before);
	json_object_put(now);
}

static const struct test_case cases[] = {
	TEST(text_has_units),
	TEST(the_first_wrong_byte_is_described),
	TEST(json_has_the_agreed_keys_and_ours),
	TEST(gaps_are_shown_when_they_were_counted),
	TEST(an_empty_result_prints_zeros),
	TEST(the_live_line_shows_the_rate_since_the_last_look),
};
TEST_MAIN("ctl/perf_report", cases)
