/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Values made of MessagePack, and the decoders' rules. */

#include "spdk/stdinc.h"
#include "spdk/util.h"

#include "core/rpc/json_internal.h"
#include "tests/unit/test.h"

/* Values of what was written to a buffer. */
struct made {
	struct codec_buf buf;
	struct spdk_json_val *values;
	char *text;
	size_t num;
};

static int
make(struct made *m, const char **why)
{
	struct json_values_size size;
	int rc;

	rc = json_values_measure(m->buf.data, m->buf.len, 100, &size, why);
	if (rc == 0) {
		m->num = size.num_values;
		m->values = calloc(size.num_values, sizeof(*m->values));
		m->text = malloc(size.text + 1);
		REQUIRE(m->values != NULL && m->text != NULL);
		json_values_fill(m->buf.data, m->buf.len, m->values, m->text);
	}
	return rc;
}

static void
drop(struct made *m)
{
	codec_buf_free(&m->buf);
	free(m->values);
	free(m->text);
	memset(m, 0, sizeof(*m));
}

static void
check_val(const struct spdk_json_val *val, enum spdk_json_val_type type, const char *text)
{
	CHECK_EQ(val->type, type);
	CHECK_EQ(val->len, strlen(text));
	CHECK(memcmp(val->start, text, strlen(text)) == 0);
}

static void
values_of_msgpack(void)
{
	struct made m = { 0 };
	const char *why;

	codec_put_map(&m.buf, 3);
	codec_put_cstr(&m.buf, "name");
	codec_put_cstr(&m.buf, "Malloc0");
	codec_put_cstr(&m.buf, "list");
	codec_put_array(&m.buf, 6);
	codec_put_uint(&m.buf, UINT64_MAX);
	codec_put_int(&m.buf, INT64_MIN);
	codec_put_double(&m.buf, 1000.0);
	codec_put_double(&m.buf, 0.5);
	codec_put_array(&m.buf, 0);
	codec_put_map(&m.buf, 0);
	codec_put_cstr(&m.buf, "flag");
	codec_put_bool(&m.buf, true);
	REQUIRE(make(&m, &why) == 0);
	CHECK_EQ(m.num, 17);
	CHECK_EQ(m.values[0].type, SPDK_JSON_VAL_OBJECT_BEGIN);
	CHECK_EQ(m.values[0].len, 15);
	check_val(&m.values[1], SPDK_JSON_VAL_NAME, "name");
	check_val(&m.values[2], SPDK_JSON_VAL_STRING, "Malloc0");
	check_val(&m.values[3], SPDK_JSON_VAL_NAME, "list");
	CHECK_EQ(m.values[4].type, SPDK_JSON_VAL_ARRAY_BEGIN);
	CHECK_EQ(m.values[4].len, 8);
	CHECK_EQ(spdk_json_array_count(&m.values[4]), 6);
	check_val(&m.values[5], SPDK_JSON_VAL_NUMBER, "18446744073709551615");
	check_val(&m.values[6], SPDK_JSON_VAL_NUMBER, "-9223372036854775808");
	check_val(&m.values[7], SPDK_JSON_VAL_NUMBER, "1000");
	check_val(&m.values[8], SPDK_JSON_VAL_NUMBER, "0.5");
	CHECK_EQ(m.values[9].type, SPDK_JSON_VAL_ARRAY_BEGIN);
	CHECK_EQ(m.values[9].len, 0);
	CHECK_EQ(m.values[10].type, SPDK_JSON_VAL_ARRAY_END);
	CHECK_EQ(m.values[11].type, SPDK_JSON_VAL_OBJECT_BEGIN);
	CHECK_EQ(m.values[12].type, SPDK_JSON_VAL_OBJECT_END);
	CHECK_EQ(m.values[13].type, SPDK_JSON_VAL_ARRAY_END);
	check_val(&m.values[14], SPDK_JSON_VAL_NAME, "flag");
	check_val(&m.values[15], SPDK_JSON_VAL_TRUE, "true");
	CHECK_EQ(m.values[16].type, SPDK_JSON_VAL_OBJECT_END);
	drop(&m);
}

static void
values_refused(void)
{
	struct made m = { 0 };
	const char *why = NULL;
	unsigned i;

	codec_put_map(&m.buf, 1);
	codec_put_uint(&m.buf, 1);
	codec_put_nil(&m.buf);
	CHECK_EQ(make(&m, &why), -EINVAL);
	CHECK(why != NULL);
	drop(&m);

	codec_put_array(&m.buf, 1);
	codec_put_str(&m.buf, "\xff\xfe", 2);
	CHECK_EQ(make(&m, &why), -EINVAL);
	drop(&m);

	codec_put_array(&m.buf, 1);
	codec_put_raw(&m.buf, "\xc4\x01x", 3);
	CHECK_EQ(make(&m, &why), -EINVAL);
	drop(&m);

	codec_put_array(&m.buf, 1);
	codec_put_double(&m.buf, __builtin_inf());
	CHECK_EQ(make(&m, &why), -EINVAL);
	drop(&m);

	codec_put_array(&m.buf, 99);
	for (i = 0; i < 99; i++) {
		codec_put_nil(&m.buf);
	}
	CHECK_EQ(make(&m, &why), -E2BIG);
	drop(&m);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static struct spdk_json_val
number(const char *text)
{
	return (struct spdk_json_val){ (void *)text, (uint32_t)strlen(text), SPDK_JSON_VAL_NUMBER };
}

static void
integers_however_written(void)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t value;
	} table[] = {
		{ "0", 0, 0 },
		{ "-0", -ERANGE, 0 },
		{ "-0.0e5", -ERANGE, 0 },
		{ "1234.00000", 0, 1234 },
		{ "1.2e1", 0, 12 },
		{ "12340e-1", 0, 1234 },
		{ "42.32E2", 0, 4232 },
		{ "0.0012e+4", 0, 12 },
		{ "0e99999999999", 0, 0 },
		{ "0.00e5", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "1844674407370955161500e-2", 0, UINT64_MAX },
		{ "18446744073709551615.0", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "3.4e19", -ERANGE, 0 },
		{ "1e99999999999999999999", -ERANGE, 0 },
		{ "1e-99999999999999999999", -EINVAL, 0 },
		{ "-1", -ERANGE, 0 },
		{ "1.2", -EINVAL, 0 },
		{ "1.234e1", -EINVAL, 0 },
		{ "12341e-1", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "1.", -EINVAL, 0 },
		{ ".1", -EINVAL, 0 },
		{ "1e", -EINVAL, 0 },
		{ "1e+", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
	};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(table); i++) {
		struct spdk_json_val val = number(table[i].text);
		uint64_t got = 77;
		int rc = spdk_json_number_to_uint64(&val, &got);

		/* A number out of range may also fail to be an integer: both are refusals. */
		CHECK_EQ(rc == 0, table[i].rc == 0);
		CHECK_EQ(got, table[i].rc == 0 ? table[i].value : 77);
		if (rc != table[i].rc && table[i].rc != -ERANGE) {
			CU_FAIL("another refusal");
		}
	}
}

static void
integer_ranges(void)
{
	struct spdk_json_val val;
	uint16_t u16 = 1;
	uint32_t u32 = 1;
	uint8_t u8 = 1;
	int32_t i32 = 1;

	val = number("255");
	CHECK(spdk_json_decode_uint8(&val, &u8) == 0 && u8 == 255);
	val = number("256");
	CHECK(spdk_json_decode_uint8(&val, &u8) != 0);
	val = number("65535");
	CHECK(spdk_json_decode_uint16(&val, &u16) == 0 && u16 == 65535);
	val = number("65536");
	CHECK(spdk_json_decode_uint16(&val, &u16) != 0);
	CHECK(spdk_json_decode_uint32(&val, &u32) == 0 && u32 == 65536);
	val = number("4294967296");
	CHECK(spdk_json_decode_uint32(&val, &u32) != 0);
	val = number("2147483647");
	CHECK(spdk_json_decode_int32(&val, &i32) == 0 && i32 == INT32_MAX);
	val = number("2147483648");
	CHECK(spdk_json_decode_int32(&val, &i32) != 0);
	val = number("-2147483648");
	CHECK(spdk_json_decode_int32(&val, &i32) == 0 && i32 == INT32_MIN);
	val = number("-2147483649");
	CHECK(spdk_json_decode_int32(&val, &i32) != 0);
	val = number("-400e-2");
	CHECK(spdk_json_decode_int32(&val, &i32) == 0 && i32 == -4);
	val.type = SPDK_JSON_VAL_STRING;
	CHECK(spdk_json_decode_int32(&val, &i32) != 0);
	CHECK(spdk_json_decode_uint32(&val, &u32) != 0);
}

/* --- objects ---------------------------------------------------------------------------------- */

struct inner {
	uint32_t size;
};

struct params {
	char *name;
	uint32_t count;
	bool flag;
	struct inner inner;
	char *list[2];
	size_t list_len;
};

static const struct spdk_json_object_decoder inner_decoders[] = {
	{ "size", offsetof(struct inner, size), spdk_json_decode_uint32 },
};

static int
decode_inner(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object(val, inner_decoders, SPDK_COUNTOF(inner_decoders), out);
}

static int
decode_list(const struct spdk_json_val *val, void *out)
{
	struct params *p = SPDK_CONTAINEROF(out, struct params, list);

	return spdk_json_decode_array(val, spdk_json_decode_string, p->list, 2, &p->list_len,
	                              sizeof(char *));
}

static int
decode_never(const struct spdk_json_val *val, void *out)
{
	return -1;
}

static const struct spdk_json_object_decoder decoders[] = {
	{ "name", offsetof(struct params, name), spdk_json_decode_string },
	{ "count", offsetof(struct params, count), spdk_json_decode_uint32 },
	{ "flag", offsetof(struct params, flag), spdk_json_decode_bool, true },
	{ "inner", offsetof(struct params, inner), decode_inner, true },
	{ "list", offsetof(struct params, list), decode_list, true },
	{ "never", 0, decode_never, true },
};

/* Decode JSON text; the note goes to `note`. */
static int
decode(const char *json, struct params *out, bool relaxed, char *note, size_t note_size)
{
	struct spdk_json_val values[64];
	char *text = strdup(json);
	int rc;

	REQUIRE(text != NULL);
	REQUIRE(spdk_json_parse(text, strlen(text), values, 64, NULL,
	                        SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) > 0);
	memset(out, 0, sizeof(*out));
	json_note_collect(out);
	rc = relaxed ? spdk_json_decode_object_relaxed(values, decoders, SPDK_COUNTOF(decoders),
	                                               out)
	             : spdk_json_decode_object(values, decoders, SPDK_COUNTOF(decoders), out);
	note[0] = '\0';
	json_note_text(out, note, note_size);
	json_note_collect(NULL);
	free(text);
	return rc;
}

static void
release(struct params *p)
{
	spdk_json_free_object(decoders, SPDK_COUNTOF(decoders), p);
	CHECK(p->name == NULL);
	free(p->list[0]);
	free(p->list[1]);
}

static void
object_accepted(void)
{
	struct params p;
	char note[300];

	CHECK_EQ(
		decode("{\"count\":3,\"name\":\"a\",\"inner\":{\"size\":9},\"list\":[\"x\",\"y\"]}",
	               &p, false, note, sizeof(note)),
		0);
	CHECK_STR(p.name, "a");
	CHECK_EQ(p.count, 3);
	CHECK_EQ(p.inner.size, 9);
	CHECK_EQ(p.list_len, 2);
	CHECK_STR(p.list[1], "y");
	CHECK_STR(note, "");
	release(&p);

	CHECK_EQ(decode("{\"count\":3,\"other\":{\"a\":[1]},\"name\":\"a\",\"other\":1}", &p, true,
	                note, sizeof(note)),
	         0);
	CHECK_EQ(p.count, 3);
	release(&p);
}

static void
object_refused(void)
{
	static const struct {
		const char *json;
		const char *note;
	} table[] = {
		{ "{\"name\":\"a\",\"count\":\"7\"}",
		  "\"count\": expected unsigned integer, got string" },
		{ "{\"name\":\"a\",\"count\":-1}",
		  "\"count\": -1 is out of range (0 to 4294967295)" },
		{ "{\"name\":\"a\",\"count\":4294967296}",
		  "\"count\": 4294967296 is out of range (0 to 4294967295)" },
		{ "{\"name\":\"a\",\"count\":1.5}",
		  "\"count\": expected unsigned integer, got 1.5" },
		{ "{\"name\":7,\"count\":1}", "\"name\": expected string, got 7" },
		{ "{\"name\":null,\"count\":1}", "\"name\": expected string, got null" },
		{ "{\"name\":\"a\\u0000b\",\"count\":1}",
		  "\"name\": no memory, or a NUL in the string" },
		{ "{\"name\":\"a\"}", "\"count\": required, but missing" },
		{ "{}", "\"name\": required, but missing" },
		{ "{\"name\":\"a\",\"count\":1,\"name\":\"b\"}", "\"name\": given twice" },
		{ "{\"name\":\"a\",\"count\":1,\"size\":1}", "\"size\": no such parameter" },
		{ "{\"name\":\"a\",\"count\":1,\"flag\":1}", "\"flag\": expected boolean, got 1" },
		{ "{\"name\":\"a\",\"count\":1,\"inner\":{\"size\":[]}}",
		  "\"inner.size\": expected unsigned integer, got array" },
		{ "{\"name\":\"a\",\"count\":1,\"inner\":[]}",
		  "\"inner\": expected object, got array" },
		{ "{\"name\":\"a\",\"count\":1,\"list\":[\"x\",{}]}",
		  "\"list[1]\": expected string, got object" },
		{ "{\"name\":\"a\",\"count\":1,\"list\":[\"x\",\"y\",\"z\"]}",
		  "\"list\": more than 2 elements" },
		{ "{\"name\":\"a\",\"count\":1,\"list\":\"x\"}",
		  "\"list\": expected array, got string" },
		{ "{\"name\":\"a\",\"count\":1,\"never\":\"blue\"}",
		  "\"never\": invalid value 'blue'" },
		{ "[1]", "expected object with named parameters, got array" },
	};
	struct params p;
	char note[300];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(table); i++) {
		CHECK(decode(table[i].json, &p, false, note, sizeof(note)) != 0);
		if (strcmp(note, table[i].note) != 0) {
			printf("\n  %s: %s\n", table[i].json, note);
			CU_FAIL("another note");
		}
		release(&p);
	}
	CHECK(spdk_json_decode_object(NULL, decoders, SPDK_COUNTOF(decoders), &p) != 0);
}

/* A number or the word "all": the first try fails and must leave nothing behind. */
static int
decode_number_or_all(const struct spdk_json_val *val, void *out)
{
	if (spdk_json_decode_uint32(val, out) == 0) {
		return 0;
	}
	*(uint32_t *)out = 0;
	return spdk_json_strequal(val, "all") ? 0 : -1;
}

static const char *
note_of(const char *json, const void *reader)
{
	static const struct spdk_json_object_decoder two[] = {
		{ "first", 0, decode_number_or_all },
		{ "second", 0, spdk_json_decode_bool },
	};
	static char note[300];
	struct spdk_json_val values[16];
	char text[100];
	uint32_t out;

	snprintf(text, sizeof(text), "%s", json);
	REQUIRE(spdk_json_parse(text, strlen(text), values, 16, NULL, 0) > 0);
	note[0] = '\0';
	json_note_collect(two);
	spdk_json_decode_object(values, two, 2, &out);
	json_note_text(reader == NULL ? two : reader, note, sizeof(note));
	json_note_collect(NULL);
	return note;
}

static void
only_what_failed_is_noted(void)
{
	CHECK_STR(note_of("{\"first\":\"all\",\"second\":true}", NULL), "");
	CHECK_STR(note_of("{\"first\":\"all\",\"second\":1}", NULL),
	          "\"second\": expected boolean, got 1");
	CHECK_STR(note_of("{\"first\":\"all\"}", NULL), "\"second\": required, but missing");
	CHECK_STR(note_of("{\"first\":\"none\"}", NULL),
	          "\"first\": expected unsigned integer, got string");
	/* What another request's handler decodes is none of ours. */
	CHECK_STR(note_of("{\"first\":\"none\"}", "another"), "");
}

/* A name or value is cut within no character, and brings no new line to the log. */
static void
notes_are_text(void)
{
	CHECK_STR(note_of("{\"0123456789012345678901234567890123456789xyz\":1}", NULL),
	          "\"0123456789012345678901234567890123456789\": no such parameter");
	CHECK_STR(note_of("{\"012345678901234567890123456789012345678\xc3\xa4\":1}", NULL),
	          "\"012345678901234567890123456789012345678?\": no such parameter");
	CHECK_STR(note_of("{\"\xc3\xa4\x7f\":1}", NULL), "\"\xc3\xa4?\": no such parameter");
}

static void
string_replaces(void)
{
	struct spdk_json_val val = { (void *)"new", 3, SPDK_JSON_VAL_STRING };
	char *str = strdup("old");

	CHECK_EQ(spdk_json_decode_string(&val, &str), 0);
	CHECK_STR(str, "new");
	val.type = SPDK_JSON_VAL_NUMBER;
	CHECK(spdk_json_decode_string(&val, &str) != 0);
	CHECK_STR(str, "new");
	free(str);
}

static void
uuids(void)
{
	static const char text[] = "e524acae-8c26-43e4-882a-461b8690583b";
	struct spdk_json_val val = { (void *)text, sizeof(text) - 1, SPDK_JSON_VAL_STRING };
	struct spdk_uuid uuid, expected;

	REQUIRE(spdk_uuid_parse(&expected, text) == 0);
	CHECK_EQ(spdk_json_decode_uuid(&val, &uuid), 0);
	CHECK_EQ(spdk_uuid_compare(&uuid, &expected), 0);
	val.len = 13;
	CHECK_EQ(spdk_json_decode_uuid(&val, &uuid), -1);
	val.len = 0;
	CHECK_EQ(spdk_json_decode_uuid(&val, &uuid), -1);
	val.type = SPDK_JSON_VAL_TRUE;
	CHECK_EQ(spdk_json_decode_uuid(&val, &uuid), -1);
}

static void
finding(void)
{
	char json[] = "{\"s\":\"text\",\"o\":{\"in\":1},\"a\":[\"t\",[2],{}],\"n\":5}";
	struct spdk_json_val values[32], *key, *val, *it;

	REQUIRE(spdk_json_parse(json, strlen(json), values, 32, NULL, 0) > 0);
	CHECK_EQ(spdk_json_find(values, "s", &key, &val, SPDK_JSON_VAL_STRING), 0);
	CHECK(spdk_json_strequal(key, "s") && spdk_json_strequal(val, "text"));
	CHECK(!spdk_json_strequal(val, "tex") && !spdk_json_strequal(val, "textt"));
	CHECK_EQ(spdk_json_find(values, "n", NULL, &val, SPDK_JSON_VAL_ANY), 0);
	CHECK_EQ(val->type, SPDK_JSON_VAL_NUMBER);
	CHECK_EQ(spdk_json_find(values, "in", NULL, NULL, SPDK_JSON_VAL_ANY), -ENOENT);
	CHECK_EQ(spdk_json_find_string(values, "n", NULL, NULL), -EDOM);
	CHECK_EQ(spdk_json_find(NULL, "n", NULL, NULL, SPDK_JSON_VAL_ANY), -EINVAL);
	CHECK_EQ(spdk_json_find_array(values, "a", NULL, &val), 0);
	CHECK_EQ(spdk_json_find(val, "t", NULL, NULL, SPDK_JSON_VAL_ANY), -EPROTOTYPE);
	CHECK_EQ(spdk_json_array_count(val), 3);
	it = spdk_json_array_first(val);
	CHECK(spdk_json_strequal(it, "t"));
	it = spdk_json_next(it);
	CHECK_EQ(it->type, SPDK_JSON_VAL_ARRAY_BEGIN);
	it = spdk_json_next(it);
	CHECK_EQ(it->type, SPDK_JSON_VAL_OBJECT_BEGIN);
	CHECK(spdk_json_object_first(it) == NULL);
	CHECK(spdk_json_next(it) == NULL);
	key = spdk_json_object_first(values);
	key = spdk_json_next(spdk_json_next(spdk_json_next(key)));
	CHECK(spdk_json_strequal(key, "n"));
	CHECK(spdk_json_next(key) == NULL);
}

static const struct test_case cases[] = {
	TEST(values_of_msgpack),
	TEST(values_refused),
	TEST(integers_however_written),
	TEST(integer_ranges),
	TEST(object_accepted),
	TEST(object_refused),
	TEST(only_what_failed_is_noted),
	TEST(notes_are_text),
	TEST(string_replaces),
	TEST(uuids),
	TEST(finding),
};
TEST_MAIN("rpc/json_decode", cases)
