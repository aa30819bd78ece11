/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The two backends of a write context: MessagePack for replies, text for applications. Both are
 * checked by reading back what they wrote. */

#include "spdk/stdinc.h"
#include "spdk/util.h"

#include "core/rpc/json_internal.h"
#include "tests/unit/test.h"

struct sink {
	char text[32768];
	size_t len;
	int fail_after;
};

static int
collect(void *ctx, const void *data, size_t size)
{
	struct sink *s = ctx;

	if (s->fail_after > 0 && --s->fail_after == 0) {
		return -1;
	}
	REQUIRE(s->len + size < sizeof(s->text));
	memcpy(s->text + s->len, data, size);
	s->len += size;
	s->text[s->len] = '\0';
	return 0;
}

static struct sink g_sink;

static struct spdk_json_write_ctx *
text_begin(uint32_t flags)
{
	struct spdk_json_write_ctx *w;

	memset(&g_sink, 0, sizeof(g_sink));
	w = spdk_json_write_begin(collect, &g_sink, flags);
	REQUIRE(w != NULL);
	return w;
}

/* Something with every kind of value in it. */
static void
write_sample(struct spdk_json_write_ctx *w)
{
	struct spdk_uuid uuid;

	REQUIRE(spdk_uuid_parse(&uuid, "e524acae-8c26-43e4-882a-461b8690583b") == 0);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_null(w, "null");
	spdk_json_write_named_bool(w, "yes", true);
	spdk_json_write_named_uint8(w, "u8", 255);
	spdk_json_write_named_uint16(w, "u16", 65535);
	spdk_json_write_named_int32(w, "i32", INT32_MIN);
	spdk_json_write_named_uint32(w, "u32", UINT32_MAX);
	spdk_json_write_named_int64(w, "i64", INT64_MIN);
	spdk_json_write_named_uint64(w, "u64", UINT64_MAX);
	spdk_json_write_named_uint128(w, "u128", 7, 0);
	spdk_json_write_named_string(w, "str", "a\"b\n\xc3\xb6");
	spdk_json_write_named_string_fmt(w, "fmt", "%d-%s", 5, "x");
	spdk_json_write_named_bytearray(w, "bytes", "\x01\xab", 2);
	spdk_json_write_named_uuid(w, "uuid", &uuid);
	spdk_json_write_named_array_begin(w, "list");
	spdk_json_write_array_begin(w);
	spdk_json_write_array_end(w);
	spdk_json_write_uint32(w, 1);
	spdk_json_write_object_begin(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
	spdk_json_write_named_object_begin(w, "obj");
	spdk_json_write_named_uint32(w, "in", 2);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

#define SAMPLE                                                                                     \
	"{\"null\":null,\"yes\":true,\"u8\":255,\"u16\":65535,\"i32\":-2147483648,"                \
	"\"u32\":4294967295,\"i64\":-9223372036854775808,\"u64\":18446744073709551615,\"u128\":7," \
	"\"str\":\"a\\\"b\\n\\u00F6\",\"fmt\":\"5-x\",\"bytes\":\"01AB\","                         \
	"\"uuid\":\"e524acae-8c26-43e4-882a-461b8690583b\",\"list\":[[],1,{}],\"obj\":{\"in\":2}}"

static void
text(void)
{
	struct spdk_json_write_ctx *w = text_begin(0);

	write_sample(w);
	CHECK_EQ(spdk_json_write_end(w), 0);
	CHECK_STR(g_sink.text, SAMPLE);
}

static void
text_formatted(void)
{
	struct spdk_json_write_ctx *w = text_begin(SPDK_JSON_WRITE_FLAG_FORMATTED);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "a", 1);
	spdk_json_write_named_array_begin(w, "b");
	spdk_json_write_uint32(w, 2);
	spdk_json_write_uint32(w, 3);
	spdk_json_write_array_end(w);
	spdk_json_write_named_array_begin(w, "c");
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	CHECK_EQ(spdk_json_write_end(w), 0);
	CHECK_STR(g_sink.text, "{\n  \"a\": 1,\n  \"b\": [\n    2,\n    3\n  ],\n  \"c\": []\n}");
}

static void
text_numbers(void)
{
	struct spdk_json_write_ctx *w = text_begin(0);

	spdk_json_write_array_begin(w);
	spdk_json_write_double(w, 1.2);
	spdk_json_write_double(w, -1234.5678);
	spdk_json_write_uint128(w, 0, 1);
	spdk_json_write_uint128(w, UINT64_MAX, UINT64_MAX);
	spdk_json_write_array_end(w);
	CHECK_EQ(spdk_json_write_end(w), 0);
	CHECK_STR(g_sink.text, "[1.19999999999999995559e+00,-1.23456780000000003383e+03,"
	                       "18446744073709551616,340282366920938463463374607431768211455]");
}

static void
text_strings(void)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} table[] = {
		{ "/~ ", "\"/~ \"" },
		{ "\x01\x7f", "\"\\u0001\\u007F\"" },
		{ "\b\f\n\r\t\\", "\"\\b\\f\\n\\r\\t\\\\\"" },
		{ "\xE2\x88\x9A", "\"\\u221A\"" },
		{ "\xF0\x9D\x84\x9E", "\"\\uD834\\uDD1E\"" },
		{ "\xF4\x8F\xBF\xBF", "\"\\uDBFF\\uDFFF\"" },
		{ "\x80", NULL },
		{ "\xC1\x80", NULL },
		{ "\xE0\x9F\xBF", NULL },
		{ "\xE1\x80", NULL },
		{ "\xED\xA0\x80", NULL },
		{ "\xF0\x8F\xBF\xBF", NULL },
		{ "\xF4\x90\x80\x80", NULL },
		{ "\xF5\x80\x80\x80", NULL },
	};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(table); i++) {
		struct spdk_json_write_ctx *w = text_begin(0);
		int rc = spdk_json_write_string(w, table[i].in);

		CHECK_EQ(rc, table[i].out == NULL ? -1 : 0);
		CHECK_EQ(spdk_json_write_end(w), rc);
		if (table[i].out != NULL) {
			CHECK_STR(g_sink.text, table[i].out);
		}
	}
}

static void
text_utf16(void)
{
	static const uint16_t hi[] = { 'H', 0xD834, 0xDD1E, 0xFE15, 0 };
	static const uint16_t lone_high[] = { 0xD800, 0 }, lone_low[] = { 0xDC00, 0xDC00, 0 };
	struct spdk_json_write_ctx *w = text_begin(0);

	CHECK_EQ(spdk_json_write_string_utf16le(w, hi), 0);
	CHECK_EQ(spdk_json_write_end(w), 0);
	CHECK_STR(g_sink.text, "\"H\\uD834\\uDD1E\\uFE15\"");
	w = text_begin(0);
	CHECK_EQ(spdk_json_write_string_utf16le(w, lone_high), -1);
	CHECK_EQ(spdk_json_write_end(w), -1);
	w = text_begin(0);
	CHECK_EQ(spdk_json_write_string_utf16le(w, lone_low), -1);
	CHECK_EQ(spdk_json_write_end(w), -1);
}

static void
text_batches_and_reset(void)
{
	struct spdk_json_write_ctx *w = text_begin(SPDK_JSON_WRITE_FLAG_FLATTEN_BATCHES);

	spdk_json_write_array_begin(w);
	spdk_json_write_batch_begin(w);
	spdk_json_write_uint32(w, 1);
	spdk_json_write_batch_end(w);
	spdk_json_write_array_end(w);
	CHECK_EQ(spdk_json_write_end(w), 0);
	CHECK_STR(g_sink.text, "[1]");

	w = text_begin(0);
	spdk_json_write_array_begin(w);
	spdk_json_write_batch_begin(w);
	spdk_json_write_batch_end(w);
	CHECK(spdk_json_write_string(w, "\xff") != 0);
	CHECK(spdk_json_write_uint32(w, 1) != 0); /* a failure sticks … */
	spdk_json_write_reset(w);                 /* … until it is forgotten */
	CHECK_EQ(spdk_json_write_val_raw(w, "{\"raw\": 1}", 10), 0);
	CHECK_EQ(spdk_json_write_end(w), 0);
	CHECK_STR(g_sink.text, "{\"raw\": 1}");
}

static void
text_callback_fails(void)
{
	struct spdk_json_write_ctx *w = text_begin(0);
	unsigned i;
	int rc = 0;

	g_sink.fail_after = 2;
	spdk_json_write_array_begin(w);
	for (i = 0; i < 5000; i++) {
		rc |= spdk_json_write_uint32(w, 1000000);
	}
	CHECK(rc != 0);
	CHECK_EQ(spdk_json_write_end(w), -1);
	CHECK_EQ(spdk_json_write_end(NULL), 0);
}

/* --- MessagePack ------------------------------------------------------------------------------ */

/* Turn what a reply contains into text, by way of values. */
static void
msgpack_to_text(const struct codec_buf *buf)
{
	struct json_values_size size;
	struct spdk_json_write_ctx *w = text_begin(0);
	struct spdk_json_val *values;
	const char *why;
	char *chars;

	REQUIRE(json_values_measure(buf->data, buf->len, 1000, &size, &why) == 0);
	values = calloc(size.num_values, sizeof(*values));
	chars = malloc(size.text + 1);
	REQUIRE(values != NULL && chars != NULL);
	json_values_fill(buf->data, buf->len, values, chars);
	CHECK_EQ(spdk_json_write_val(w, values), 0);
	CHECK_EQ(spdk_json_write_end(w), 0);
	free(values);
	free(chars);
}

static void
msgpack(void)
{
	struct json_msgpack_writer w;
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_uint(&buf, 9); /* what stood there before is not touched */
	json_msgpack_writer_init(&w, &buf);
	CHECK(!json_msgpack_writer_done(&w));
	write_sample(&w.base);
	CHECK(json_msgpack_writer_done(&w));
	CHECK_EQ(buf.data[0], 9);
	CHECK_EQ(codec_value_len(buf.data + 1, buf.len - 1), buf.len - 1);
	memmove(buf.data, buf.data + 1, --buf.len);
	msgpack_to_text(&buf);
	CHECK_STR(g_sink.text, SAMPLE);
	codec_buf_free(&buf);
}

static void
msgpack_raw_and_numbers(void)
{
	static const char raw[] = " {\"a\\n\":[1,-2.5e0,\"\\u00f6\",null,1e3]} ";
	struct json_msgpack_writer w;
	struct codec_buf buf;

	codec_buf_init(&buf);
	json_msgpack_writer_init(&w, &buf);
	CHECK_EQ(spdk_json_write_val_raw(&w.base, raw, strlen(raw)), 0);
	CHECK(json_msgpack_writer_done(&w));
	msgpack_to_text(&buf);
	CHECK_STR(g_sink.text, "{\"a\\n\":[1,-2.5,\"\\u00F6\",null,1000]}");
	codec_buf_free(&buf);

	json_msgpack_writer_init(&w, &buf);
	CHECK_EQ(spdk_json_write_val_raw(&w.base, "1 2", 3), -1);
	codec_buf_free(&buf);
	json_msgpack_writer_init(&w, &buf);
	CHECK_EQ(spdk_json_write_uint128(&w.base, 0, 1), 0);
	msgpack_to_text(&buf);
	CHECK_STR(g_sink.text, "1.8446744073709552e+19");
	codec_buf_free(&buf);
}

/* Each of these leaves a reply that must not be sent. */
static void
msgpack_structure(void)
{
	unsigned fault;

	for (fault = 0; fault < 10; fault++) {
		struct json_msgpack_writer writer;
		struct spdk_json_write_ctx *w = &writer.base;
		struct codec_buf buf;
		unsigned i;

		codec_buf_init(&buf);
		json_msgpack_writer_init(&writer, &buf);
		switch (fault) {
		case 0: /* nothing */
			break;
		case 1: /* two values */
			spdk_json_write_null(w);
			CHECK(spdk_json_write_null(w) != 0);
			break;
		case 2: /* never closed */
			spdk_json_write_array_begin(w);
			break;
		case 3: /* closed as something else */
			spdk_json_write_array_begin(w);
			CHECK(spdk_json_write_object_end(w) != 0);
			break;
		case 4: /* a value without a name */
			spdk_json_write_object_begin(w);
			CHECK(spdk_json_write_null(w) != 0);
			break;
		case 5: /* a name without a value */
			spdk_json_write_object_begin(w);
			spdk_json_write_name(w, "a");
			CHECK(spdk_json_write_object_end(w) != 0);
			break;
		case 6: /* two names */
			spdk_json_write_object_begin(w);
			spdk_json_write_name(w, "a");
			CHECK(spdk_json_write_name(w, "b") != 0);
			break;
		case 7: /* a name in an array */
			spdk_json_write_array_begin(w);
			CHECK(spdk_json_write_name(w, "a") != 0);
			break;
		case 8: /* an end without a begin */
			CHECK(spdk_json_write_array_end(w) != 0);
			break;
		default: /* deeper than a peer would read */
			for (i = 0; i < JSON_MAX_DEPTH; i++) {
				spdk_json_write_array_begin(w);
			}
			CHECK(w->failed);
			break;
		}
		CHECK(!json_msgpack_writer_done(&writer));
		codec_buf_free(&buf);
	}
}

static void
msgpack_reset(void)
{
	struct json_msgpack_writer w;
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_nil(&buf);
	json_msgpack_writer_init(&w, &buf);
	spdk_json_write_array_begin(&w.base);
	CHECK(spdk_json_write_string(&w.base, "\xff") != 0);
	spdk_json_write_reset(&w.base);
	CHECK_EQ(buf.len, 1);
	CHECK_EQ(spdk_json_write_bool(&w.base, true), 0);
	CHECK_EQ(spdk_json_write_end(&w.base), 0);
	codec_buf_free(&buf);
}

static const struct test_case cases[] = {
	TEST(text),
	TEST(text_formatted),
	TEST(text_numbers),
	TEST(text_strings),
	TEST(text_utf16),
	TEST(text_batches_and_reset),
	TEST(text_callback_fails),
	TEST(msgpack),
	TEST(msgpack_raw_and_numbers),
	TEST(msgpack_structure),
	TEST(msgpack_reset),
};
TEST_MAIN("rpc/json_write", cases)
