/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include "ipc/client/json.c" /* not in the primary's library */
#include "ipc/client/json_print.c"
#include "ipc/client/json_scan.c"
#include "ipc/client/json_text.c"

#include "tests/unit/seed.h"
#include "tests/unit/test.h"

static const char *
packed(const char *json)
{
	static struct cal_text text;
	struct codec_buf buf;
	size_t len = strlen(json);
	char *exact =
		malloc(len == 0 ? 1 : len); /* so that a sanitizer sees what is read behind it */

	memcpy(exact, json, len);
	text.len = 0;
	codec_buf_init(&buf);
	if (cal_json_pack_text(&buf, exact, len) != 0) {
		codec_buf_free(&buf);
		free(exact);
		return "refused";
	}
	CHECK_EQ(codec_value_len(buf.data, buf.len), buf.len);
	CHECK_EQ(cal_json_print(&text, buf.data, buf.len), 0);
	codec_buf_free(&buf);
	free(exact);
	return text.data;
}

static void
structure(void)
{
	static const char *const same[] = {
		"null",
		"true",
		"false",
		"[]",
		"{}",
		"\"\"",
		"0",
		"[[],{},[[{\"a\":[]}]]]",
		"{\"a\":1,\"b\":[true,false,null,\"x\"],\"c\":{\"d\":-5}}",
		"{\"a\":1,\"a\":2,\"a\":{\"a\":3,\"a\":4}}", /* a decoder shall see both */
	};
	char deep[200];
	size_t i;

	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		CHECK_STR(packed(same[i]), same[i]);
	}
	CHECK_STR(packed(" \n{ \"a\" : [ 1 ,\t2 ] } \r\n"), "{\"a\":[1,2]}");
	memset(deep, 0, sizeof(deep));
	memset(deep, '[', CAL_JSON_MAX_DEPTH);
	memset(deep + CAL_JSON_MAX_DEPTH, ']', CAL_JSON_MAX_DEPTH);
	CHECK_STR(packed(deep), deep);
}

static void
strings(void)
{
	CHECK_STR(packed("\"plain \xc3\xa4\""), "\"plain \xc3\xa4\"");
	CHECK_STR(packed("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
	CHECK_STR(packed("\"a\\u0041\\u00e4\\u20AC\\ud83d\\ude00\\u0000z\""),
	          "\"aA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\\u0000z\"");
	CHECK_STR(packed("{\"n\\u0061me\":\"\\n\"}"), "{\"name\":\"\\n\"}");
}

static void
numbers(void)
{
	static const struct {
		const char *json;
		const char *value;
	} table[] = {
		{ "0", "0" },
		{ "-0", "-0" },
		{ "-0.0", "-0" },
		{ "0e9", "0" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "18446744073709551615.000", "18446744073709551615" },
		{ "1844674407370955161500e-2", "18446744073709551615" },
		{ "9007199254740993.0", "9007199254740993" }, /* no double holds it */
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "1e3", "1000" },
		{ "1.5e1", "15" },
		{ "1E+3", "1000" },
		{ "120e-1", "12" },
		{ "18446744073709551616", "1.8446744073709552e+19" },
		{ "1e400", "1.7976931348623157e+308" },
		{ "-1e99999999999", "-1.7976931348623157e+308" },
		{ "1.5", "1.5" },
		{ "-0.25", "-0.25" },
		{ "12340e-2", "123.4" },
		{ "1.00000000000000000000000000001", "1.0000000000000002" },
		{ "1e-400", "4.94065645841247e-324" },
		{ "9007199254740992.5", "4503599627370495.5" },
		{ "-100000000000000000000000000000000000000000000000000000000000000000000.5",
		  "-4503599627370495.5" },
		{ "0.5e-99999999999", "4.94065645841247e-324" },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *got = packed(table[i].json);

		if (strcmp(got, table[i].value) != 0) {
			printf("\n  %s: %s\n", table[i].json, got);
			CU_FAIL("another number");
		}
	}
}

static void
refused(void)
{
	static const char *const table[] = {
		"",        " ",           "[",       "{\"a\"}",      "]",
		"[1}",     "nul",         "1 2",     "\"a",          "\"\\",
		"\"\\u12", "\"\\ud83d\"", "\"\\x\"", "tru",          "{]",
		"#",       "[1]]",        "\"\\u",   "\"\\ud83d\\u", "\"\\ud83d\\u0041\"",
	};
	char deep[CAL_JSON_MAX_DEPTH + 2];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CHECK_STR(packed(table[i]), "refused");
	}
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	CHECK_STR(packed(deep), "refused");
}

/* Whatever the scanner accepts is packed to what json-c makes of it, where json-c loses nothing;
 * whatever it does not accept does no harm. */
static void
random_texts(void)
{
	static const char *const piece[] = {
		"{",        "}",           "[",      "]",        ",",         ":",   "\"a\"",
		"\"b\\n\"", "\"\\u00e9\"", "1",      "-7",       "0.5",       "1e2", "true",
		"false",    "null",        " ",      "\"\"",     "{\"k\":",   "[1,", "\"x\":",
		"12",       "\\",          "\"c\":", "\"d\":[]", ",\"e\":{}", "}",
	};
	unsigned i, j, n, accepted = 0;

	seed_begin("json_text");

	for (i = 0; i < 200000; i++) {
		char json[256] = "", *print;
		struct cal_json_scan scan = { 0 };
		struct json_object *tree = NULL, *ours;
		struct codec_buf buf;
		size_t end;
		bool good;

		n = 1 + pick(9);
		for (j = 0; j < n; j++) {
			size_t len = strlen(json);

			snprintf(json + len, sizeof(json) - len, "%s",
			         piece[pick(SPDK_COUNTOF(piece))]);
		}
		cal_json_scan_init(&scan, NULL, NULL);
		good = cal_json_scan(&scan, json, strlen(json), true, &end) == 1;
		cal_json_scan_free(&scan);
		if (!good) {
			packed(json);
			continue;
		}
		accepted++;
		json[end] = '\0';
		codec_buf_init(&buf);
		REQUIRE(cal_json_pack_text(&buf, json, end) == 0);
		REQUIRE(cal_json_unpack(buf.data, buf.len, &ours) == 0);
		codec_buf_free(&buf);
		tree = json_tokener_parse(json);
		codec_buf_init(&buf);
		REQUIRE(cal_json_pack(&buf, tree) == 0);
		json_object_put(tree);
		REQUIRE(cal_json_unpack(buf.data, buf.len, &tree) == 0);
		codec_buf_free(&buf);
		/* 1e2 is a double to json-c. */
		print = strdup(json_object_to_json_string(ours));
		if (strstr(json, "1e2") == NULL) {
			CHECK_STR(print, json_object_to_json_string(tree));
		}
		free(print);
		json_object_put(ours);
		json_object_put(tree);
	}
	CHECK(accepted > 1000);
}

static const struct test_case cases[] = {
	TEST(structure), TEST(strings), TEST(numbers), TEST(refused), TEST(random_texts),
};
TEST_MAIN("ipc/client/json_text", cases)
