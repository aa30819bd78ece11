/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

/* not in the primary's library */
#include "ipc/client/json.c"
#include "ipc/client/json_print.c"

#include <errno.h>
#include <math.h>

#include "tests/unit/test.h"

static char *
printed(struct codec_buf *buf)
{
	struct cal_text text = { 0 };
	int rc = cal_json_print(&text, buf->data, buf->len);

	codec_buf_free(buf);
	CHECK_EQ(rc, 0);
	return text.data != NULL ? text.data : strdup("(nothing)");
}

/* JSON text → json-c → MessagePack → JSON text, and the same through a second tree. */
static void
round_trip(const char *in, const char *expected)
{
	struct json_object *obj = json_tokener_parse(in), *again = NULL;
	struct codec_buf buf;
	char *out;

	codec_buf_init(&buf);
	CHECK_EQ(cal_json_pack(&buf, obj), 0);
	CHECK_EQ(cal_json_unpack(buf.data, buf.len, &again), 0);
	CHECK(json_object_equal(obj, again));
	out = printed(&buf);
	if (strcmp(out, expected) != 0) {
		fprintf(stderr, "\n    got  %s\n    want %s\n", out, expected);
	}
	CHECK_STR(out, expected);
	free(out);
	json_object_put(obj);
	json_object_put(again);
}

static void
values(void)
{
	round_trip("null", "null");
	round_trip("true", "true");
	round_trip("false", "false");
	round_trip("\"\"", "\"\"");
	round_trip("[]", "[]");
	round_trip("{}", "{}");
	round_trip("[1, [2, [null]], {\"a\": {\"b\": [false]}}]",
	           "[1,[2,[null]],{\"a\":{\"b\":[false]}}]");
	round_trip("{\"\": 1, \"z\": 2, \"a\": 3}", "{\"\":1,\"z\":2,\"a\":3}");
}

static void
integers_are_exact(void)
{
	static const char *const exact[] = {
		"0",
		"1",
		"-1",
		"127",
		"128",
		"-32",
		"-33",
		"255",
		"256",
		"-128",
		"-129",
		"65535",
		"65536",
		"-32768",
		"-32769",
		"4294967295",
		"4294967296",
		"-2147483648",
		"-2147483649",
		"9007199254740993",
		"9223372036854775807",
		"9223372036854775808",
		"18446744073709551615",
		"-9223372036854775808",
	};
	size_t i;

	for (i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		round_trip(exact[i], exact[i]);
	}
}

static void
doubles(void)
{
	static const double odd[] = {
		0.1, 1.0 / 3, 1e300, 5e-324, -2.5, 1e20, 123456789.123456789
	};
	struct codec_buf buf;
	char *out;
	size_t i;

	round_trip("1.5", "1.5");
	round_trip("-0.25", "-0.25");
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		codec_buf_init(&buf);
		codec_put_double(&buf, odd[i]);
		out = printed(&buf);
		CHECK(strtod(out, NULL) == odd[i]);
		free(out);
	}
	codec_buf_init(&buf);
	codec_put_array(&buf, 2);
	codec_put_double(&buf, NAN);
	codec_put_double(&buf, -INFINITY);
	out = printed(&buf);
	CHECK_STR(out, "[null,null]");
	free(out);
}

static void
strings(void)
{
	struct codec_buf buf;
	char *out;

	round_trip("\"a\\\"b\\\\c\\/d\\n\\t\\r\\b\\f\\u0001\"",
	           "\"a\\\"b\\\\c/d\\n\\t\\r\\b\\f\\u0001\"");
	round_trip("\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"",
	           "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"");
	round_trip("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
	codec_buf_init(&buf);
	codec_put_str(&buf, "a\0b", 3);
	out = printed(&buf);
	CHECK_STR(out, "\"a\\u0000b\"");
	free(out);
}

#define FFFD "\xef\xbf\xbd"
static void
invalid_utf8_is_replaced(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "\xff", "\"" FFFD "\"" },
		{ "a\x80z", "\"a" FFFD "z\"" },
		{ "\xc0\xaf", "\"" FFFD FFFD "\"" }, /* overlong */
		{ "\xe2\x82", "\"" FFFD "\"" },      /* cut short: one subpart */
		{ "\xe2\x82z", "\"" FFFD "z\"" },
		{ "\xed\xa0\x80", "\"" FFFD FFFD FFFD "\"" },          /* surrogate */
		{ "\xf4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"" }, /* beyond U+10FFFF */
		{ "\xf0\x9f\x98", "\"" FFFD "\"" },
		{ "\xc3\xa4\xc3", "\"\xc3\xa4" FFFD "\"" },
	};
	struct json_object *obj;
	struct codec_buf buf;
	char *out;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		codec_buf_init(&buf);
		codec_put_cstr(&buf, cases[i].in);
		REQUIRE(cal_json_unpack(buf.data, buf.len, &obj) == 0);
		CHECK_STR(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN),
		          cases[i].out);
		json_object_put(obj);
		out = printed(&buf);
		CHECK_STR(out, cases[i].out);
		free(out);
	}
}

static void
nesting_is_bounded(void)
{
	struct json_object *top = NULL, *outer;
	struct codec_buf buf;
	struct cal_text text = { 0 };
	uint8_t bytes[CODEC_MAX_DEPTH + 2];
	int i;

	for (i = 0; i < CODEC_MAX_DEPTH; i++) {
		outer = json_object_new_array();
		json_object_array_add(outer, top);
		top = outer;
	}
	codec_buf_init(&buf);
	CHECK_EQ(cal_json_pack(&buf, top), 0);
	codec_buf_free(&buf);
	outer = json_object_new_array();
	json_object_array_add(outer, top);
	codec_buf_init(&buf);
	CHECK_EQ(cal_json_pack(&buf, outer), -E2BIG);
	codec_buf_free(&buf);
	json_object_put(outer);

	memset(bytes, 0x91, sizeof(bytes)); /* arrays of one */
	bytes[CODEC_MAX_DEPTH + 1] = 0xc0;
	CHECK_EQ(cal_json_print(&text, bytes, sizeof(bytes)), -EBADMSG);
	CHECK_EQ(cal_json_unpack(bytes, sizeof(bytes), &top), -EBADMSG);
	CHECK_EQ(cal_json_print(&text, bytes + 1, sizeof(bytes) - 1), 0);
	CHECK_EQ(text.len, 2 * CODEC_MAX_DEPTH + 4);
	cal_text_free(&text);
}

static void
malformed_is_refused(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "\x92\x01", 2 },
		{ "\xa5"
		  "abc",
		  4 },
		{ "\xc1", 1 },
		{ "\x01\x02", 2 },
		{ "\xdf\xff\xff\xff\xff", 5 },
		{ "\x81\x01\x01", 3 }, /* a key that is not a string */
	};
	struct json_object *obj;
	struct cal_text text = { 0 };
	size_t i;

	REQUIRE(cal_text_append_cstr(&text, "kept") == 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(cal_json_print(&text, cases[i].bytes, cases[i].len), -EBADMSG);
		CHECK_EQ(cal_json_unpack(cases[i].bytes, cases[i].len, &obj), -EBADMSG);
		CHECK(obj == NULL);
	}
	CHECK_STR(text.data, "kept");
	cal_text_free(&text);
	CHECK_EQ(cal_json_unpack("\x81\xa3"
	                         "a\0b\x01",
	                         6, &obj),
	         -EBADMSG);
}

static void
long_text_grows(void)
{
	struct cal_text text = { 0 };
	struct codec_buf buf;
	char *big = malloc(100000);

	memset(big, 'x', 100000);
	codec_buf_init(&buf);
	codec_put_str(&buf, big, 100000);
	CHECK_EQ(cal_json_print(&text, buf.data, buf.len), 0);
	CHECK_EQ(text.len, 100002);
	CHECK(text.data != NULL && memcmp(text.data + 1, big, 100000) == 0);
	codec_buf_free(&buf);
	cal_text_free(&text);
	free(big);
}

static const struct test_case cases[] = {
	TEST(values),
	TEST(integers_are_exact),
	TEST(doubles),
	TEST(strings),
	TEST(invalid_utf8_is_replaced),
	TEST(nesting_is_bounded),
	TEST(malformed_is_refused),
	TEST(long_text_grows),
};
TEST_MAIN("ipc/client/json", cases)
