/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The text parser: what it takes, what it refuses and how, and that it never leaves its input. */

#include "spdk/stdinc.h"
#include "spdk/util.h"

#include "core/rpc/json_internal.h"
#include "tests/unit/test.h"

/* Parse a copy that is exactly as large as the text, so that a sanitizer sees every step beyond. */
static ssize_t
parse(const char *text, size_t len, uint32_t flags, struct spdk_json_val *values, size_t max,
      size_t *rest, char **copy)
{
	void *end = NULL;
	ssize_t n;

	*copy = malloc(len == 0 ? 1 : len);
	REQUIRE(*copy != NULL);
	memcpy(*copy, text, len);
	n = spdk_json_parse(*copy, len, values, max, &end, flags);
	if (n > 0) {
		*rest = len - (size_t)((char *)end - *copy);
	}
	return n;
}

static void
results(void)
{
	static const struct {
		const char *text;
		ssize_t num;
		size_t rest;
	} table[] = {
		{ "true", 1, 0 },
		{ "  null\t\r\n", 1, 0 },
		{ "truefalse", 1, 5 },
		{ "true,", 1, 1 },
		{ "00", 1, 1 },
		{ "-0.5e+10", 1, 0 },
		{ "345.678.1", 1, 2 },
		{ "\"\"", 1, 0 },
		{ "[]", 2, 0 },
		{ "[1, [2, {\"a\": 3}], \"x\"] ]", 11, 1 },
		{ "{\"a\":{},\"b\":[]}", 8, 0 },
		{ "[0]/* c */", 3, 7 },
		{ "", -2, 0 },
		{ " ", -2, 0 },
		{ "tru", -2, 0 },
		{ "trux", -1, 0 },
		{ "True", -1, 0 },
		{ "\"abc", -2, 0 },
		{ "\"a\nb\"", -1, 0 },
		{ "\"\\x\"", -1, 0 },
		{ "\"\\", -2, 0 },
		{ "\"\\u00", -2, 0 },
		{ "\"\\u00\"", -1, 0 },
		{ "\"\\uD834", -2, 0 },
		{ "\"\\uD834\"", -1, 0 },
		{ "\"\\uD834\\uD834\"", -1, 0 },
		{ "\"\\uDC00\"", -1, 0 },
		{ "\"\xe2\x88", -2, 0 },
		{ "\"\xe2\x88\"", -1, 0 },
		{ "\"\xff\"", -1, 0 },
		{ "-", -2, 0 },
		{ "3.", -2, 0 },
		{ "3.e4", -1, 0 },
		{ "3e+", -2, 0 },
		{ "+1", -1, 0 },
		{ ".1", -1, 0 },
		{ "[007]", -1, 0 },
		{ "[", -2, 0 },
		{ "]", -1, 0 },
		{ "[1,]", -1, 0 },
		{ "[,1]", -1, 0 },
		{ "[1}", -1, 0 },
		{ "[1 2]", -1, 0 },
		{ "{\"a\"", -2, 0 },
		{ "{\"a\":", -2, 0 },
		{ "{\"a\":1,", -2, 0 },
		{ "{\"a\":1,}", -1, 0 },
		{ "{\"a\" 1}", -1, 0 },
		{ "{\"a\":}", -1, 0 },
		{ "{a:1}", -1, 0 },
		{ "{,}", -1, 0 },
		{ "{\"a\":1]", -1, 0 },
		{ "/* c */1", -1, 0 },
	};
	size_t i, rest = 0;

	for (i = 0; i < SPDK_COUNTOF(table); i++) {
		struct spdk_json_val values[16];
		ssize_t n;
		char *copy;

		n = parse(table[i].text, strlen(table[i].text), 0, NULL, 0, &rest, &copy);
		CHECK_EQ(n, table[i].num);
		if (n > 0) {
			CHECK_EQ(rest, table[i].rest);
		}
		free(copy);
		n = parse(table[i].text, strlen(table[i].text),
		          SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE, values, 16, &rest, &copy);
		CHECK_EQ(n, table[i].num);
		free(copy);
	}
}

static void
comments(void)
{
	static const struct {
		const char *text;
		ssize_t num;
	} table[] = {
		{ "/* a */[0]", 3 }, { "[/**/0]", 3 }, { "[0//x\n]", 3 }, { "// x\r\n0", 1 },
		{ "/* a", -2 },      { "/* a *", -2 }, { "//", -2 },      { "//\n", -2 },
		{ "[0/", -2 },       { "[0/x", -1 },   { "/*/", -2 },     { "/***/1", 1 },
	};
	size_t i, rest = 0;
	char *copy;

	for (i = 0; i < SPDK_COUNTOF(table); i++) {
		CHECK_EQ(parse(table[i].text, strlen(table[i].text),
		               SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS, NULL, 0, &rest, &copy),
		         table[i].num);
		free(copy);
	}
}

static void
decoding(void)
{
	static const char text[] =
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u0041\\u00f6\\u221a\\uD834\\uDD1E\"]";
	struct spdk_json_val values[4];
	size_t rest = 0;
	char *copy;

	REQUIRE(parse(text, strlen(text), SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE, values, 4, &rest,
	              &copy) == 4);
	CHECK_EQ(values[0].len, 2);
	CHECK(spdk_json_strequal(&values[1], "\"\\/\b\f\n\r\t"));
	CHECK(spdk_json_strequal(&values[2], "A\xc3\xb6\xe2\x88\x9a\xf0\x9d\x84\x9e"));
	free(copy);
	/* Without the flag the input is left alone. */
	REQUIRE(parse(text, strlen(text), 0, values, 4, &rest, &copy) == 4);
	CHECK(memcmp(copy, text, strlen(text)) == 0);
	CHECK_EQ(values[1].len, 16);
	free(copy);
}

static void
few_values(void)
{
	struct spdk_json_val values[3];
	size_t rest = 0;
	char *copy;

	memset(values, 0, sizeof(values));
	CHECK_EQ(parse("[1,2,[3]]", 9, 0, values, 2, &rest, &copy), 7);
	CHECK_EQ(values[0].len, 5);
	CHECK_EQ(values[2].type, SPDK_JSON_VAL_INVALID);
	free(copy);
}

static void
depth(void)
{
	char text[JSON_MAX_DEPTH + 1];
	size_t rest;
	char *copy;

	memset(text, '[', sizeof(text));
	CHECK_EQ(parse(text, JSON_MAX_DEPTH, 0, NULL, 0, &rest, &copy), SPDK_JSON_PARSE_INCOMPLETE);
	free(copy);
	CHECK_EQ(parse(text, JSON_MAX_DEPTH + 1, 0, NULL, 0, &rest, &copy),
	         SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED);
	free(copy);
}

/* Cut a text anywhere, change bytes in it: an answer comes, and what is accepted can be walked. */
static void
hostile_text(void)
{
	static const char text[] =
		"{\"a\":[1,-2.5e3,\"x\\u00f6\\uD834\\uDD1E\xc3\xb6\"],\"b\":{\"c\":null,"
		"\"d\":[true,false,{}]} /* c */ ,\"e\":\"\"}";
	unsigned seed = 1, round, accepted = 0;
	struct spdk_json_val values[64];
	char bytes[sizeof(text)];

	for (round = 0; round < 50000; round++) {
		size_t len = sizeof(text) - 1, rest = 0, i;
		unsigned changes = round % 4;
		ssize_t n;
		char *copy;

		memcpy(bytes, text, len);
		while (changes-- > 0) {
			seed = seed * 1103515245 + 12345;
			bytes[(seed >> 8) % len] = (char)(seed >> 20);
		}
		seed = seed * 1103515245 + 12345;
		len = (seed >> 8) % 3 == 0 ? (seed >> 12) % len : len;
		n = parse(bytes, len,
		          SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE |
		                  SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS,
		          values, 64, &rest, &copy);
		CHECK(n >= -3 && n != 0 && n <= 64);
		if (n > 0) {
			accepted++;
			CHECK_EQ(spdk_json_val_len(values), (size_t)n);
			for (i = 0; i < (size_t)n; i++) {
				if (values[i].type == SPDK_JSON_VAL_STRING ||
				    values[i].type == SPDK_JSON_VAL_NAME) {
					CHECK(json_utf8_valid(values[i].start, values[i].len));
				}
			}
		}
		free(copy);
	}
	CHECK(accepted > 1000);
}

static const struct test_case cases[] = {
	TEST(results),    TEST(comments), TEST(decoding),
	TEST(few_values), TEST(depth),    TEST(hostile_text),
};
TEST_MAIN("rpc/json_parse", cases)
