/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Which values each decoder takes: SPDK's rules, row by row, for values out of text and for the
 * same ones out of MessagePack. (With an SPDK tree at hand tests/compat/same_json.c compares with
 * it.) */

#include "spdk/stdinc.h"
#include "spdk/util.h"

#include "core/rpc/json_internal.h"
#include "tests/unit/test.h"

static const struct {
	const char *name;
	spdk_json_decode_fn fn;
} g_decoders[] = {
	{ "bool", spdk_json_decode_bool },     { "u8", spdk_json_decode_uint8 },
	{ "u16", spdk_json_decode_uint16 },    { "i32", spdk_json_decode_int32 },
	{ "u32", spdk_json_decode_uint32 },    { "u64", spdk_json_decode_uint64 },
	{ "string", spdk_json_decode_string }, { "uuid", spdk_json_decode_uuid },
};

/* One letter a decoder, in that order: x takes it. */
static const struct {
	const char *json;
	const char *taken;
} g_table[] = {
	{ "null", "........" },
	{ "true", "x......." },
	{ "false", "x......." },
	{ "[]", "........" },
	{ "[1]", "........" },
	{ "{}", "........" },
	{ "{\"a\":1}", "........" },
	/* integers, however they are written */
	{ "0", ".xxxxx.." },
	{ "-0", "...x...." },
	{ "1", ".xxxxx.." },
	{ "-1", "...x...." },
	{ "1.0", ".xxxxx.." },
	{ "1.000e2", ".xxxxx.." },
	{ "150e-1", ".xxxxx.." },
	{ "1e3", "..xxxx.." },
	{ "1E+3", "..xxxx.." },
	{ "-4.0e0", "...x...." },
	/* and what is none */
	{ "1.5", "........" },
	{ "-0.5", "........" },
	{ "1e-1", "........" },
	{ "15e-2", "........" },
	/* ranges */
	{ "255", ".xxxxx.." },
	{ "256", "..xxxx.." },
	{ "65535", "..xxxx.." },
	{ "65536", "...xxx.." },
	{ "2147483647", "...xxx.." },
	{ "2147483648", "....xx.." },
	{ "-2147483648", "...x...." },
	{ "-2147483649", "........" },
	{ "4294967295", "....xx.." },
	{ "4294967296", ".....x.." },
	{ "9007199254740993", ".....x.." },
	{ "18446744073709551615", ".....x.." },
	{ "18446744073709551616", "........" },
	{ "1e19", ".....x.." },
	{ "1e20", "........" },
	{ "1e300", "........" },
	{ "-1e300", "........" },
	/* strings */
	{ "\"\"", "......x." },
	{ "\"1\"", "......x." },
	{ "\"true\"", "......x." },
	{ "\"a\\u0000b\"", "........" },
	{ "\"\\u00e9\"", "......x." },
	{ "\"11111111-2222-3333-4444-555555555555\"", "......xx" },
	{ "\"AAAAAAAA-bbbb-CCCC-dddd-EEEEEEEEEEEE\"", "......xx" },
	{ "\"11111111-2222-3333-4444-55555555555\"", "......x." },
	{ "\"{11111111-2222-3333-4444-555555555555}\"", "......x." },
};

static void
decode_all(const struct spdk_json_val *val, char *taken)
{
	union {
		uint64_t any;
		char *str;
		struct spdk_uuid uuid;
	} out;
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_decoders); i++) {
		memset(&out, 0, sizeof(out));
		taken[i] = g_decoders[i].fn(val, &out) == 0 ? 'x' : '.';
		if (g_decoders[i].fn == spdk_json_decode_string) {
			free(out.str);
		}
	}
	taken[i] = '\0';
}

static void
compare(size_t row, const struct spdk_json_val *val, const char *source)
{
	char taken[SPDK_COUNTOF(g_decoders) + 1];

	decode_all(val, taken);
	if (strcmp(taken, g_table[row].taken) != 0) {
		printf("\n  %s out of %s: %s\n", g_table[row].json, source, taken);
		CU_FAIL("another decoder takes it");
	}
}

static void
out_of_text(void)
{
	struct spdk_json_val values[16];
	char text[100];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_table); i++) {
		snprintf(text, sizeof(text), "%s", g_table[i].json);
		REQUIRE(spdk_json_parse(text, strlen(text), values, SPDK_COUNTOF(values), NULL,
		                        SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) > 0);
		compare(i, values, "text");
	}
}

static void
out_of_msgpack(void)
{
	struct spdk_json_val values[16];
	struct json_values_size size;
	struct json_msgpack_writer w;
	struct codec_buf buf;
	const char *why;
	char text[200];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_table); i++) {
		codec_buf_init(&buf);
		json_msgpack_writer_init(&w, &buf);
		REQUIRE(spdk_json_write_val_raw(&w.base, g_table[i].json,
		                                strlen(g_table[i].json)) == 0);
		REQUIRE(json_values_measure(buf.data, buf.len, 16, &size, &why) == 0);
		REQUIRE(size.text <= sizeof(text));
		json_values_fill(buf.data, buf.len, values, text);
		compare(i, values, "MessagePack");
		codec_buf_free(&buf);
	}
}

/* --- objects ---------------------------------------------------------------------------------- */

struct thing {
	char *name;
	uint32_t count;
	uint16_t list[3];
	size_t list_len;
};

static int
decode_list(const struct spdk_json_val *val, void *out)
{
	struct thing *thing = SPDK_CONTAINEROF(out, struct thing, list);

	return spdk_json_decode_array(val, spdk_json_decode_uint16, thing->list, 3,
	                              &thing->list_len, sizeof(uint16_t));
}

static const struct spdk_json_object_decoder thing_decoders[] = {
	{ "name", offsetof(struct thing, name), spdk_json_decode_string },
	{ "count", offsetof(struct thing, count), spdk_json_decode_uint32, true },
	{ "list", offsetof(struct thing, list), decode_list, true },
};

/* Whether decoding takes it, strictly and relaxed. */
static const struct {
	const char *json;
	bool strict, relaxed;
} g_objects[] = {
	{ "{\"name\":\"a\"}", true, true },
	{ "{\"n\\u0061me\":\"a\"}", true, true },
	{ "{\"list\":[1,2,3],\"name\":\"a\",\"count\":7}", true, true },
	{ "{\"name\":\"a\",\"list\":[]}", true, true },
	{ "{}", false, false },
	{ "[]", false, false },
	{ "null", false, false },
	{ "{\"count\":1}", false, false },
	{ "{\"Name\":\"a\"}", false, false },
	{ "{\"name\":null}", false, false },
	{ "{\"name\":\"a\",\"count\":null}", false, false }, /* no way to leave it out */
	{ "{\"name\":\"a\",\"name\":\"a\"}", false, false },
	{ "{\"name\":\"a\",\"other\":1}", false, true },
	{ "{\"name\":\"a\",\"other\":[{\"name\":1}],\"other\":2}", false, true },
	{ "{\"other\":{\"name\":\"a\"}}", false, false },
	{ "{\"name\":\"a\",\"list\":[1,2,3,4]}", false, false },
	{ "{\"name\":\"a\",\"list\":[1,\"2\"]}", false, false },
	{ "{\"name\":\"a\",\"list\":[65536]}", false, false },
	{ "{\"name\":\"a\",\"list\":{}}", false, false },
};

static bool
taken(const char *json, bool relaxed)
{
	struct spdk_json_val values[32];
	struct thing thing = { 0 };
	char text[100];
	int rc;

	snprintf(text, sizeof(text), "%s", json);
	REQUIRE(spdk_json_parse(text, strlen(text), values, SPDK_COUNTOF(values), NULL,
	                        SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) > 0);
	json_note_collect(&thing);
	rc = relaxed ? spdk_json_decode_object_relaxed(values, thing_decoders,
	                                               SPDK_COUNTOF(thing_decoders), &thing)
	             : spdk_json_decode_object(values, thing_decoders, SPDK_COUNTOF(thing_decoders),
	                                       &thing);
	json_note_collect(NULL);
	spdk_json_free_object(thing_decoders, SPDK_COUNTOF(thing_decoders), &thing);
	CHECK(thing.name == NULL);
	return rc == 0;
}

static void
objects(void)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_objects); i++) {
		if (taken(g_objects[i].json, false) != g_objects[i].strict ||
		    taken(g_objects[i].json, true) != g_objects[i].relaxed) {
			printf("\n  %s\n", g_objects[i].json);
			CU_FAIL("not as it should be");
		}
	}
}

/* --- finding ---------------------------------------------------------------------------------- */

static void
a_name_that_stands_twice_is_not_found(void)
{
	char json[] = "{\"a\":1,\"b\":\"x\",\"a\":2,\"b\":3}";
	struct spdk_json_val values[16], *val = NULL;

	REQUIRE(spdk_json_parse(json, strlen(json), values, 16, NULL, 0) > 0);
	CHECK_EQ(spdk_json_find(values, "a", NULL, &val, SPDK_JSON_VAL_ANY), -EINVAL);
	CHECK_EQ(spdk_json_find_string(values, "b", NULL, &val), -EINVAL);
	CHECK_EQ(spdk_json_find_array(values, "b", NULL, &val), -EDOM);
	CHECK(val == NULL);
}

static const struct test_case cases[] = {
	TEST(out_of_text),
	TEST(out_of_msgpack),
	TEST(objects),
	TEST(a_name_that_stands_twice_is_not_found),
};
TEST_MAIN("rpc/json_accept", cases)
