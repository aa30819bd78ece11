/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* JSON text by its three readers: spdk_json_parse() (applications), cal_json_scan() (the services)
 * and json-c. What the first takes the others take; what is written of it is the same again, as
 * text and as MessagePack; and in pieces the scanner says what it says of the whole. The first byte
 * chooses flags and pieces. */

/* libs: -ljson-c */

#include "tests/fuzz/json_mutator.h"

#include <errno.h>
#include <json-c/json.h>

#include "ipc/client/json.h"
#include "ipc/client/json_scan.h"
#include "spdk/json.h"

#define COMMENTS 1u /* of the first byte; the rest is the size of the pieces */

static int
to_text(void *ctx, const void *data, size_t len)
{
	return cal_text_append(ctx, data, len);
}

static struct spdk_json_val *
parse(char *text, size_t len, uint32_t flags, ssize_t *count)
{
	struct spdk_json_val *values;
	ssize_t n = spdk_json_parse(text, len, NULL, 0, NULL, flags);

	values = n > 0 ? calloc((size_t)n, sizeof(*values)) : NULL;
	if (values != NULL) {
		FUZZ_CHECK(spdk_json_parse(text, len, values, (size_t)n, NULL,
		                           flags | SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) == n,
		           "it parsed before");
	}
	*count = n;
	return values;
}

static void
same_values(const struct spdk_json_val *a, const struct spdk_json_val *b, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		FUZZ_CHECK(a[i].type == b[i].type && a[i].len == b[i].len, "value %zu", i);
		if (a[i].type == SPDK_JSON_VAL_STRING || a[i].type == SPDK_JSON_VAL_NAME ||
		    a[i].type == SPDK_JSON_VAL_NUMBER) {
			FUZZ_CHECK(memcmp(a[i].start, b[i].start, a[i].len) == 0, "value %zu", i);
		}
	}
}

static void
write_again(const struct spdk_json_val *values, size_t count, uint32_t flags)
{
	struct spdk_json_write_ctx *w;
	struct cal_text text = { 0 };
	struct spdk_json_val *again;
	ssize_t n;

	w = spdk_json_write_begin(to_text, &text, flags);
	FUZZ_CHECK(spdk_json_write_val(w, values) == 0 && spdk_json_write_end(w) == 0,
	           "cannot be written");
	again = parse(text.data, text.len, 0, &n);
	FUZZ_CHECK(again != NULL && (size_t)n == count, "%zd of %zu values: %.300s", n, count,
	           text.data);
	same_values(values, again, count);
	free(again);
	cal_text_free(&text);
}

/* Each decoder on each value: they may refuse it. What they take they agree upon. */
static void
decode(const struct spdk_json_val *val)
{
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint16_t u16 = 0;
	uint8_t u8 = 0;
	int32_t i32 = 0;
	struct spdk_uuid uuid;
	char *string = NULL;
	bool flag;

	if (spdk_json_decode_uint8(val, &u8) == 0) {
		FUZZ_CHECK(spdk_json_decode_uint16(val, &u16) == 0 && u16 == u8, "%u", u8);
	}
	if (spdk_json_decode_uint16(val, &u16) == 0) {
		FUZZ_CHECK(spdk_json_decode_uint32(val, &u32) == 0 && u32 == u16, "%u", u16);
	}
	if (spdk_json_decode_uint32(val, &u32) == 0) {
		FUZZ_CHECK(spdk_json_decode_uint64(val, &u64) == 0 && u64 == u32, "%u", u32);
	}
	if (spdk_json_decode_int32(val, &i32) == 0 && i32 > 0) { /* "-0" is none without a sign */
		FUZZ_CHECK(spdk_json_decode_uint32(val, &u32) == 0 && u32 == (uint32_t)i32, "%d",
		           i32);
	}
	if (spdk_json_decode_string(val, &string) == 0) {
		FUZZ_CHECK(spdk_json_strequal(val, string), "not the string that it is");
	}
	free(string);
	(void)spdk_json_decode_uuid(val, &uuid);
	(void)spdk_json_decode_bool(val, &flag);
}

static void
walk(struct spdk_json_val *values, size_t count)
{
	struct spdk_json_val *pos, *found;
	size_t i, steps;

	for (i = 0; i < count; i++) {
		decode(&values[i]);
		steps = 0;
		for (pos = spdk_json_array_first(&values[i]); pos != NULL;
		     pos = spdk_json_next(pos)) {
			FUZZ_CHECK(pos > values && pos < values + count, "out of the values");
			steps++;
		}
		FUZZ_CHECK(steps == spdk_json_array_count(&values[i]) ||
		                   values[i].type != SPDK_JSON_VAL_ARRAY_BEGIN,
		           "%zu elements", steps);
		(void)spdk_json_find(&values[i], "name", NULL, &found, SPDK_JSON_VAL_ANY);
		if (count > 300 && i > 20) { /* it is quadratic */
			break;
		}
	}
}

/* The scanner on the whole, and on pieces that grow. Returns what it says. */
static int
scan(const char *text, size_t len, bool comments, size_t piece, size_t *end)
{
	struct cal_json_scan whole, pieces;
	size_t put = 0, end_pieces = 0, dropped = 0;
	int rc, rc_pieces;

	cal_json_scan_init(&whole, NULL, NULL);
	cal_json_scan_init(&pieces, NULL, NULL);
	whole.comments = pieces.comments = comments;
	rc = cal_json_scan(&whole, text, len, true, end);
	do {
		put = put + piece < len ? put + piece : len;
		rc_pieces = cal_json_scan(&pieces, text + dropped, put - dropped, put == len,
		                          &end_pieces);
		if (rc_pieces == 0 && end_pieces > 0) { /* white space before it */
			dropped += end_pieces;
			cal_json_scan_reset(&pieces);
		}
	} while (rc_pieces == 0 && put < len);
	FUZZ_CHECK(rc_pieces == rc && (rc != 1 || end_pieces + dropped == *end),
	           "whole: %d at %zu, in pieces of %zu: %d at %zu", rc, *end, piece, rc_pieces,
	           end_pieces + dropped);
	if (rc == -EBADMSG) {
		FUZZ_CHECK(whole.error_offset == pieces.error_offset + dropped &&
		                   whole.error_offset <= len,
		           "its mistake is at %zu or %zu", whole.error_offset,
		           pieces.error_offset + dropped);
	}
	cal_json_scan_free(&whole);
	cal_json_scan_free(&pieces);
	return rc;
}

static bool
json_c_takes(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(70);
	struct json_object *value;
	bool taken;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, text, (int)len);
	taken = json_tokener_get_error(tokener) == json_tokener_success ||
	        /* a number at the end */
	        json_tokener_get_error(tokener) == json_tokener_continue;
	json_object_put(value);
	json_tokener_free(tokener);
	return taken;
}

static void
pack(const char *text, size_t len)
{
	struct cal_text printed = { 0 };
	struct codec_buf buf;

	codec_buf_init(&buf);
	FUZZ_CHECK(cal_json_pack_text(&buf, text, len) == 0 &&
	                   codec_value_len(buf.data, buf.len) == buf.len,
	           "cannot be packed: %.300s", text);
	FUZZ_CHECK(cal_json_print(&printed, buf.data, buf.len) == 0, "packed, but not printed");
	cal_text_free(&printed);
	codec_buf_free(&buf);
}

/* Without its comments it is the same. */
static void
blank(const char *text, size_t len, const struct spdk_json_val *values, ssize_t count)
{
	char *blanked = malloc(len + 1);
	struct spdk_json_val *again;
	ssize_t n;

	memcpy(blanked, text, len + 1);
	cal_json_blank_comments(blanked, len);
	again = parse(blanked, len, 0, &n);
	FUZZ_CHECK(n == count, "%zd values, without comments %zd: %.300s", count, n, text);
	same_values(values, again, (size_t)count);
	free(again);
	free(blanked);
}

static char *
copy(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool comments = size > 0 && (data[0] & COMMENTS) != 0;
	size_t piece = size > 0 ? 1 + (data[0] >> 1) : 1, end = 0;
	uint32_t flags = comments ? SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS : 0;
	struct spdk_json_val *values;
	char *text, *changed;
	bool has_nul;
	ssize_t n;
	int rc;

	if (size < 2) {
		return 0;
	}
	text = copy(data + 1, size - 1);
	has_nul = memmem(text, size - 1, "\\u0000", 6) != NULL;
	changed = copy(data + 1, size - 1);
	rc = scan(text, size - 1, comments, piece, &end);
	values = parse(changed, size - 1, flags, &n);
	if (values != NULL) {
		/* What follows the value is none of the parser's business; the scanner does not
		 * take "01" for two numbers, and no NUL in a name. */
		FUZZ_CHECK(rc == 1 || values[0].type == SPDK_JSON_VAL_NUMBER || has_nul,
		           "scan: %d, parse: %zd", rc, n);
		write_again(values, (size_t)n, 0);
		write_again(values, (size_t)n, SPDK_JSON_WRITE_FLAG_FORMATTED);
		walk(values, (size_t)n);
	}
	if (rc == 1) {
		FUZZ_CHECK(n > 0, "scan: %d, parse: %zd", rc, n);
		if (comments && values != NULL && !has_nul) {
			blank(text, end, values, n);
		}
		if (!comments) {
			pack(text, end);
			FUZZ_CHECK(json_c_takes(text, end) || has_nul, "json-c refuses it: %.300s",
			           text);
		}
	}
	free(values);
	free(changed);
	free(text);
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	return json_mutate(data, size, max_size, seed, NULL);
}
