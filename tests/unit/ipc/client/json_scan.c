/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include "ipc/client/json_scan.c" /* not in the primary's library */
#include "ipc/client/json.c"
#include "ipc/client/json_print.c"

#include <stdio.h>

#include "tests/unit/test.h"

#define DEPTH ((size_t)CAL_JSON_MAX_DEPTH)

/* Scan in pieces of `piece` bytes, the last piece marked as such. */
static int
scan_pieces(struct cal_json_scan *scan, const char *text, size_t len, size_t piece, size_t *end)
{
	size_t have = 0;
	int rc;

	do {
		have = len - have > piece ? have + piece : len;
		rc = cal_json_scan(scan, text, have, have == len, end);
	} while (rc == 0 && have < len);
	return rc;
}

static void
accepts(const char *text, size_t len, size_t expected_end)
{
	struct cal_json_scan scan;
	size_t piece, end;
	int rc;

	for (piece = 1; piece <= len; piece++) {
		cal_json_scan_init(&scan, NULL, NULL);
		rc = scan_pieces(&scan, text, len, piece, &end);
		if (rc != 1 || end != expected_end) {
			fprintf(stderr, "\n    %s in pieces of %zu: %d (%s), end %zu\n", text,
			        piece, rc, scan.error != NULL ? scan.error : "-", end);
		}
		CHECK_EQ(rc, 1);
		CHECK_EQ(end, expected_end);
		cal_json_scan_free(&scan);
	}
}

static void
refuses(const char *text, size_t len, size_t offset)
{
	struct cal_json_scan scan;
	size_t piece, end;
	int rc;

	for (piece = 1; piece <= len; piece++) {
		cal_json_scan_init(&scan, NULL, NULL);
		rc = scan_pieces(&scan, text, len, piece, &end);
		if (rc != -EBADMSG || scan.error_offset != offset) {
			fprintf(stderr, "\n    %s in pieces of %zu: %d (%s) at %zu\n", text, piece,
			        rc, scan.error != NULL ? scan.error : "-", scan.error_offset);
		}
		CHECK_EQ(rc, -EBADMSG);
		CHECK_EQ(scan.error_offset, offset);
		CHECK(scan.error != NULL);
		cal_json_scan_free(&scan);
	}
}

static void
good_texts(void)
{
	static const char *const good[] = {
		"{}",
		"[]",
		"null",
		"true",
		"false",
		"\"\"",
		"\"a\"",
		"[1]",
		"[0]",
		"[-0]",
		"[0.5]",
		"[1e5]",
		"[1E+5]",
		"[1.25e-300]",
		"[-12]",
		"{\"a\":1}",
		"{\"a\":{\"b\":[{}]},\"c\":[]}",
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\"]",
		"[\"\\ud83d\\ude00\"]",
		"[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"]",
		"[ 1 , \t2\r\n,3 ]",
		"{ \"a\" : 1 , \"b\" : null }",
		"  \n[1]",
		"18446744073709551616",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		accepts(good[i], strlen(good[i]), strlen(good[i]));
	}
	/* What follows the value is not looked at. */
	accepts("{}x", 3, 2);
	accepts("{}{}", 4, 2);
	accepts("1 2", 3, 1);
	accepts("[] ", 3, 2);
}

static void
bad_texts(void)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{ "}", 0 },
		{ "]", 0 },
		{ ",", 0 },
		{ "x", 0 },
		{ "'a'", 0 },
		{ "nul", 3 },
		{ "nulx", 0 },
		{ "NaN", 0 },
		{ "[NaN]", 1 },
		{ "[Infinity]", 1 },
		{ "[TRUE]", 1 },
		{ "[1,]", 3 },
		{ "[,1]", 1 },
		{ "[1 2]", 3 },
		{ "{\"a\":1,}", 7 },
		{ "{\"a\" 1}", 5 },
		{ "{\"a\":}", 5 },
		{ "{a:1}", 1 },
		{ "{1:1}", 1 },
		{ "{'a':1}", 1 },
		{ "{\"a\":1]", 6 },
		{ "[1}", 2 },
		{ "[", 1 },
		{ "{\"a\":", 5 },
		{ "\"a", 2 },
		{ "[01]", 2 },
		{ "[1.]", 3 },
		{ "[.5]", 1 },
		{ "[1e]", 3 },
		{ "[-]", 2 },
		{ "[+1]", 1 },
		{ "[1.5.5]", 4 },
		{ "[0x10]", 2 },
		{ "[\"\t\"]", 2 },
		{ "[\"\\x\"]", 2 },
		{ "[\"\\u12g4\"]", 2 },
		{ "[\"\\ud800\"]", 2 },
		{ "[\"\\udc00\"]", 2 },
		{ "[\"\\ud800\\u0041\"]", 2 },
		{ "[\"\xff\"]", 2 },
		{ "[\"\xc0\xaf\"]", 2 },
		{ "[\"\xed\xa0\x80\"]", 2 },
		{ "[\"\xe2\x82\"]", 2 },
		{ "\xef\xbb\xbf{}", 0 },
		{ "{\"a\\u0000b\":1}", 3 },
		{ "/* c */ {}", 0 },
		{ "[1 // c\n]", 3 },
		{ "[1\x0b]", 2 },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* "[0x10]": the number 0 ends, and x is no comma. */
		refuses(bad[i].text, strlen(bad[i].text), bad[i].offset);
	}
	refuses("[\"\0\"]", 5, 2);
	refuses("[1\0]", 4, 2);
}

static void
note_nul(void *ctx, const struct cal_json_event *event)
{
	*(unsigned *)ctx = *(unsigned *)ctx << 1 | event->has_nul;
}

static void
nul_names(void)
{
	static const char text[] = "{\"a\\u0000\":\"\\u0000\",\"a\":1,\"\\u0000a\":2}";
	struct cal_json_scan scan;
	unsigned seen = 0;
	size_t end;

	cal_json_scan_init(&scan, note_nul, &seen);
	scan.nul_names = true;
	CHECK_EQ(cal_json_scan(&scan, text, sizeof(text) - 1, true, &end), 1);
	CHECK_EQ(seen,
	         0x44); /* of {, name, value, name, value, name, value, } the 1st and 3rd name */
	cal_json_scan_free(&scan);
}

static void
depth_and_count(void)
{
	struct cal_json_scan scan;
	char text[2 * DEPTH + 3];
	size_t end;

	memset(text, '[', DEPTH);
	memset(text + DEPTH, ']', DEPTH);
	accepts(text, 2 * DEPTH, 2 * DEPTH);
	memset(text, '[', DEPTH + 1);
	refuses(text, 2 * DEPTH, DEPTH);

	cal_json_scan_init(&scan, NULL, NULL);
	scan.max_values = 6; /* two brackets, two names, two numbers */
	CHECK_EQ(cal_json_scan(&scan, "{\"a\":1,\"b\":2}", 13, true, &end), 1);
	cal_json_scan_reset(&scan);
	CHECK_EQ(cal_json_scan(&scan, "[1,2,3,4,5]", 11, true, &end), -E2BIG);
	CHECK_EQ(scan.error_offset, 10);
	cal_json_scan_free(&scan);
}

static char g_events[1024];

static void
note_event(void *ctx, const struct cal_json_event *e)
{
	static const char letters[] = "voaen";
	size_t have = strlen(g_events);

	snprintf(g_events + have, sizeof(g_events) - have, "%c%u:%zu-%zu%s%s ", letters[e->kind],
	         e->depth, e->start, e->end, e->repeated ? "R" : "", e->out_of_range ? "X" : "");
}

static void
events(void)
{
	static const char text[] = " {\"a\": [1, \"x\"], \"b\": {}}";
	struct cal_json_scan scan;
	size_t piece, end;

	for (piece = 1; piece < sizeof(text); piece++) {
		g_events[0] = '\0';
		cal_json_scan_init(&scan, note_event, NULL);
		CHECK_EQ(scan_pieces(&scan, text, sizeof(text) - 1, piece, &end), 1);
		CHECK_STR(g_events,
		          "o0:1-2 n1:2-5 a1:7-8 v2:8-9 v2:11-14 e1:14-15 n1:17-20 o1:22-23 "
		          "e1:23-24 e0:24-25 ");
		cal_json_scan_free(&scan);
	}
}

static void
names_and_numbers_are_judged(void)
{
	static const struct {
		const char *text;
		char mark;
		bool marked;
	} cases[] = {
		{ "{\"a\":1,\"b\":2}", 'R', false },
		{ "{\"a\":1,\"a\":2}", 'R', true },
		{ "{\"a\":1,\"\\u0061\":2}", 'R', true },
		{ "{\"\xc3\xa4\":1,\"\\u00e4\":2}", 'R', true },
		{ "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", 'R', true },
		{ "{\"\xe2\x82\xac\":1,\"\\u20ac\":2}", 'R', true },
		{ "{\"a/\":1,\"a\\/\":2}", 'R', true },
		{ "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", 'R', false },
		{ "{\"a\":{\"b\":1},\"b\":{\"c\":1}}", 'R', false },
		{ "{\"a\":{\"b\":{},\"c\":1},\"a\":2}", 'R', true },
		{ "[18446744073709551615]", 'X', false },
		{ "[18446744073709551616]", 'X', true },
		{ "[-9223372036854775808]", 'X', false },
		{ "[-9223372036854775809]", 'X', true },
		{ "[123456789012345678901234567890]", 'X', true },
		{ "[18446744073709551616.0]", 'X', false },
	};
	struct cal_json_scan scan;
	size_t i, end;

	cal_json_scan_init(&scan, note_event, NULL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		g_events[0] = '\0';
		cal_json_scan_reset(&scan);
		CHECK_EQ(cal_json_scan(&scan, cases[i].text, strlen(cases[i].text), true, &end), 1);
		CHECK_EQ(strchr(g_events, cases[i].mark) != NULL, cases[i].marked);
	}
	cal_json_scan_free(&scan);
}

static void
white_space_alone_is_no_value(void)
{
	struct cal_json_scan scan;
	size_t end;

	cal_json_scan_init(&scan, NULL, NULL);
	CHECK_EQ(cal_json_scan(&scan, " \n\t", 3, false, &end), 0);
	CHECK_EQ(end, 3);
	CHECK_EQ(cal_json_scan(&scan, " \n\t ", 4, true, &end), 0);
	CHECK_EQ(end, 4);
	CHECK_EQ(cal_json_scan(&scan, " \n\t [", 5, false, &end), 0);
	CHECK_EQ(end, 0); /* it has begun: nothing may be dropped */
	cal_json_scan_free(&scan);
}

static void
comments(void)
{
	static const char text[] =
		"// one\n{ /* two */ \"a\": 1, // t\"hree\n\"/*b*/\\\"//\": [/**/2]}//x";
	static const char bad[] = "{} /* no end";
	struct json_object *obj;
	struct cal_json_scan scan;
	char copy[sizeof(text)];
	unsigned line, column;
	size_t end, piece;

	cal_json_scan_init(&scan, NULL, NULL);
	scan.comments = true;
	for (piece = 1; piece < sizeof(text); piece++) {
		cal_json_scan_reset(&scan);
		CHECK_EQ(scan_pieces(&scan, text, sizeof(text) - 1, piece, &end), 1);
		CHECK_EQ(end, sizeof(text) - 4);
	}
	/* What follows the value: another scan finds nothing, or what is wrong with it. */
	cal_json_scan_reset(&scan);
	CHECK_EQ(cal_json_scan(&scan, text + end, 3, true, &end), 0);
	cal_json_scan_reset(&scan);
	CHECK_EQ(cal_json_scan(&scan, bad + 2, sizeof(bad) - 3, true, &end), -EBADMSG);
	cal_json_scan_free(&scan);

	memcpy(copy, text, sizeof(text));
	cal_json_blank_comments(copy, sizeof(text) - 1);
	CHECK_EQ(strlen(copy), strlen(text));
	obj = json_tokener_parse(copy);
	REQUIRE(obj != NULL);
	CHECK_STR(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
	                                                      JSON_C_TO_STRING_NOSLASHESCAPE),
	          "{\"a\":1,\"/*b*/\\\"//\":[2]}");
	json_object_put(obj);
	/* A string right behind a comment is one. */
	snprintf(copy, sizeof(copy), "/*a*//**/\"b//c\"//d\r, 1");
	cal_json_blank_comments(copy, strlen(copy));
	CHECK_STR(copy, "         \"b//c\"   \r, 1");
	cal_json_position(text, 7, &line, &column);
	CHECK_EQ(line, 2);
	CHECK_EQ(column, 1);
	cal_json_position(text, 3, &line, &column);
	CHECK_EQ(line, 1);
	CHECK_EQ(column, 4);
}

static const struct test_case cases[] = {
	TEST(good_texts),
	TEST(bad_texts),
	TEST(nul_names),
	TEST(depth_and_count),
	TEST(events),
	TEST(names_and_numbers_are_judged),
	TEST(white_space_alone_is_no_value),
	TEST(comments),
};
TEST_MAIN("ipc/client/json_scan", cases)
