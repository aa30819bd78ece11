/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Bytes that are to be MessagePack: the envelope, the cursor, what rpcd prints of it, what the
 * primary makes of it. msgpack-c is the judge of what is in good form, json-c of what is JSON. */

/* libs: -ljson-c */

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <json-c/json.h>
#include <msgpack.h>

#include "core/rpc/json_internal.h"
#include "ipc/client/json.h"
#include "ipc/client/json_scan.h"
#include "ipc/codec/codec.h"
#include "spdk/json.h"

/* How deep msgpack-c's unpacker can go without refusing. */
#define JUDGED_DEPTH 24

static unsigned
depth_of(const uint8_t *p, size_t len)
{
	struct codec_cursor cur;
	struct codec_item item;
	uint64_t left[CODEC_MAX_DEPTH + 1];
	unsigned depth = 0, deepest = 0;

	codec_cursor_init(&cur, p, len);
	do {
		item = codec_next(&cur);
		FUZZ_CHECK(item.kind != CODEC_END, "whole, but it ends in between");
		if (depth > 0) {
			left[depth - 1]--;
		}
		if ((item.kind == CODEC_ARRAY || item.kind == CODEC_MAP) && item.count > 0) {
			left[depth++] =
				item.kind == CODEC_MAP ? 2 * (uint64_t)item.count : item.count;
			deepest = depth > deepest ? depth : deepest;
		}
		while (depth > 0 && left[depth - 1] == 0) {
			depth--;
		}
	} while (depth > 0);
	FUZZ_CHECK(cur.p == cur.end, "more than a value");
	return deepest;
}

static bool
has_ext(const msgpack_object *object)
{
	uint32_t i;

	switch (object->type) {
	case MSGPACK_OBJECT_EXT:
		return true;
	case MSGPACK_OBJECT_ARRAY:
		for (i = 0; i < object->via.array.size; i++) {
			if (has_ext(&object->via.array.ptr[i])) {
				return true;
			}
		}
		return false;
	case MSGPACK_OBJECT_MAP:
		for (i = 0; i < object->via.map.size; i++) {
			if (has_ext(&object->via.map.ptr[i].key) ||
			    has_ext(&object->via.map.ptr[i].val)) {
				return true;
			}
		}
		return false;
	default:
		return false;
	}
}

/* The same judgement as the codec's. Counts of billions are refused by us at once, by msgpack-c
 * when it has no memory left for them. */
static void
check_judgement(const uint8_t *data, size_t size, size_t value_len)
{
	msgpack_unpacked unpacked;
	size_t offset = 0;
	int rc;

	if (value_len > 0 && depth_of(data, value_len) > JUDGED_DEPTH) {
		return;
	}
	msgpack_unpacked_init(&unpacked);
	rc = value_len > 0 ? msgpack_unpack_next(&unpacked, (const char *)data, size, &offset) : 0;
	FUZZ_CHECK(value_len == 0 || (rc == MSGPACK_UNPACK_SUCCESS && offset == value_len &&
	                              !has_ext(&unpacked.data)),
	           "taken, but it is not MessagePack: %d, %zu of %zu bytes", rc, offset, value_len);
	msgpack_unpacked_destroy(&unpacked);
}

/* One whole value of JSON by both of our readers' ways. */
static void
check_text(const struct cal_text *text)
{
	struct json_tokener *tokener;
	struct cal_json_scan scan;
	struct json_object *value;
	struct codec_buf buf;
	size_t end;

	if (strstr(text->data, "\\u0000") != NULL) { /* nobody takes it in a name */
		return;
	}
	tokener = json_tokener_new_ex(200);
	cal_json_scan_init(&scan, NULL, NULL);
	FUZZ_CHECK(cal_json_scan(&scan, text->data, text->len, true, &end) == 1 && end == text->len,
	           "printed, but it is not JSON: %.300s", text->data);
	cal_json_scan_free(&scan);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, text->data, (int)text->len + 1);
	FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success,
	           "json-c refuses it (%s): %.300s",
	           json_tokener_error_desc(json_tokener_get_error(tokener)), text->data);
	json_object_put(value);
	json_tokener_free(tokener);
	codec_buf_init(&buf);
	FUZZ_CHECK(cal_json_pack_text(&buf, text->data, text->len) == 0 &&
	                   codec_value_len(buf.data, buf.len) == buf.len,
	           "cannot be packed again: %.300s", text->data);
	codec_buf_free(&buf);
}

static void
check_print(const uint8_t *data, size_t len)
{
	struct cal_text first = { 0 }, second = { 0 };
	struct json_object *value;
	struct codec_buf buf;
	int printed = cal_json_print(&first, data, len);
	int unpacked = cal_json_unpack(data, len, &value);

	FUZZ_CHECK(printed == 0 || (printed == -EBADMSG && first.len == 0), "print: %d", printed);
	FUZZ_CHECK(unpacked == -EBADMSG || (unpacked == 0 && printed == 0), "unpack: %d after %d",
	           unpacked, printed);
	if (printed == 0) {
		check_text(&first);
	}
	if (unpacked == 0) {
		codec_buf_init(&buf);
		FUZZ_CHECK(cal_json_pack(&buf, value) == 0 &&
		                   cal_json_print(&second, buf.data, buf.len) == 0,
		           "what was unpacked cannot be packed");
		/* Of two equal names json-c keeps one. */
		FUZZ_CHECK(second.len < first.len ||
		                   (second.len == first.len &&
		                    memcmp(first.data, second.data, first.len) == 0),
		           "not the same again: %.300s and %.300s", first.data, second.data);
		codec_buf_free(&buf);
		json_object_put(value);
	}
	cal_text_free(&first);
	cal_text_free(&second);
}

static int
to_text(void *ctx, const void *data, size_t len)
{
	return cal_text_append(ctx, data, len);
}

/* The way into a handler's params, and out again as text. */
static void
check_values(const uint8_t *data, size_t len)
{
	struct json_values_size size = { 0, 0 };
	struct cal_text text = { 0 };
	struct spdk_json_write_ctx *w;
	struct spdk_json_val *values;
	const char *why = NULL;
	char *strings;
	int rc = json_values_measure(data, len, 8192, &size, &why);

	if (rc != 0) {
		FUZZ_CHECK((rc == -EINVAL || rc == -E2BIG) && why != NULL, "measure: %d", rc);
		return;
	}
	values = malloc(size.num_values * sizeof(*values));
	strings = malloc(size.text + 1);
	json_values_fill(data, len, values, strings);
	FUZZ_CHECK(spdk_json_val_len(values) == size.num_values, "%zu values of %zu",
	           spdk_json_val_len(values), size.num_values);
	w = spdk_json_write_begin(to_text, &text, 0);
	FUZZ_CHECK(spdk_json_write_val(w, values) == 0 && spdk_json_write_end(w) == 0,
	           "cannot be written");
	FUZZ_CHECK(spdk_json_parse(text.data, text.len, NULL, 0, NULL, 0) ==
	                   (ssize_t)size.num_values,
	           "written, but not JSON: %.300s", text.data);
	cal_text_free(&text);
	free(strings);
	free(values);
}

static bool
is_within(const struct codec_span *span, const uint8_t *data, size_t size)
{
	return span->len == 0 || (span->data >= data && span->data + span->len <= data + size);
}

static void
check_envelope(const uint8_t *data, size_t size)
{
	struct codec_envelope env;
	struct codec_span message;
	struct codec_cursor found;
	int code;

	if (codec_parse(data, size, &env) != 0) {
		return;
	}
	FUZZ_CHECK(codec_value_len(data, size) == size, "a message that is no value");
	FUZZ_CHECK(is_within(&env.method, data, size) && is_within(&env.params, data, size) &&
	                   is_within(&env.error, data, size) && is_within(&env.result, data, size),
	           "a part that is not in the message");
	if (env.type == CODEC_RESPONSE && env.error.len > 0) {
		codec_parse_error(env.error.data, env.error.len, &code, &message);
	} else if (env.type == CODEC_REQUEST &&
	           codec_map_find(env.params.data, env.params.len, "name", &found) == 0) {
		FUZZ_CHECK(codec_value_len(found.p, (size_t)(found.end - found.p)) ==
		                   (size_t)(found.end - found.p),
		           "found no value");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_cursor cur;
	size_t len;

	check_envelope(data, size);
	codec_cursor_init(&cur, data, size);
	while (codec_next(&cur).kind != CODEC_END) {
		FUZZ_CHECK(cur.p <= cur.end, "beyond its end");
	}
	len = codec_value_len(data, size);
	check_judgement(data, size, len);
	if (len > 0) {
		check_print(data, len);
		check_values(data, len);
	} else {
		struct cal_text text = { 0 };
		struct json_object *value;

		FUZZ_CHECK(cal_json_print(&text, data, size) == -EBADMSG,
		           "printed what is no value");
		FUZZ_CHECK(cal_json_unpack(data, size, &value) == -EBADMSG, "unpacked no value");
		cal_text_free(&text);
	}
	return 0;
}
