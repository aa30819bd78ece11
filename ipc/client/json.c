/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ipc/client/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MIN    256u
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* --- UTF-8 ------------------------------------------------------------------------------------ */

size_t
cal_utf8_next(const unsigned char *p, size_t len, bool *valid)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t need, i;

	*valid = true;
	if (p[0] < 0x80) {
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		need = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		need = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;  /* overlong below */
		high = p[0] == 0xed ? 0x9f : 0xbf; /* surrogates above */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		need = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;  /* overlong below */
		high = p[0] == 0xf4 ? 0x8f : 0xbf; /* beyond U+10FFFF above */
	} else {
		*valid = false;
		return 1;
	}
	for (i = 1; i < need; i++) {
		if (i >= len || p[i] < low || p[i] > high) {
			*valid = false;
			return i;
		}
		low = 0x80;
		high = 0xbf;
	}
	return need;
}

/* --- text buffer ------------------------------------------------------------------------------ */

int
cal_text_reserve(struct cal_text *text, size_t more)
{
	size_t cap = text->cap;
	char *data;

	/* One byte more for the end. */
	if (more < cap - text->len) {
		return 0;
	}
	if (more >= SIZE_MAX / 4 || text->len >= SIZE_MAX / 4) {
		return -ENOMEM;
	}
	cap = cap * 2 > text->len + more + 1 ? cap * 2 : text->len + more + 1;
	cap = cap < TEXT_MIN ? TEXT_MIN : cap;
	data = realloc(text->data, cap);
	if (data == NULL) {
		return -ENOMEM;
	}
	text->data = data;
	text->cap = cap;
	return 0;
}

int
cal_text_append(struct cal_text *text, const char *bytes, size_t len)
{
	int rc = cal_text_reserve(text, len);

	if (rc != 0) {
		return rc;
	}
	if (len > 0) {
		memcpy(text->data + text->len, bytes, len);
	}
	text->len += len;
	text->data[text->len] = '\0';
	return 0;
}

int
cal_text_append_cstr(struct cal_text *text, const char *str)
{
	return cal_text_append(text, str, strlen(str));
}

void
cal_text_free(struct cal_text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

/* --- json-c → MessagePack --------------------------------------------------------------------- */

static int
pack(struct codec_buf *buf, struct json_object *value, unsigned depth)
{
	int64_t number;
	double real;
	size_t i, count;
	int rc;

	switch (json_object_get_type(value)) {
	case json_type_null:
		codec_put_nil(buf);
		return 0;
	case json_type_boolean:
		codec_put_bool(buf, json_object_get_boolean(value));
		return 0;
	case json_type_int:
		number = json_object_get_int64(value);
		if (number < 0) {
			codec_put_int(buf, number);
		} else {
			codec_put_uint(buf, json_object_get_uint64(value));
		}
		return 0;
	case json_type_double:
		real = json_object_get_double(value);
		if (isfinite(real)) {
			codec_put_double(buf, real);
		} else {
			codec_put_nil(buf);
		}
		return 0;
	case json_type_string:
		codec_put_str(buf, json_object_get_string(value),
		              (size_t)json_object_get_string_len(value));
		return 0;
	case json_type_array:
		if (depth >= CODEC_MAX_DEPTH) {
			return -E2BIG;
		}
		count = json_object_array_length(value);
		codec_put_array(buf, (uint32_t)count);
		for (i = 0; i < count; i++) {
			rc = pack(buf, json_object_array_get_idx(value, i), depth + 1);
			if (rc != 0) {
				return rc;
			}
		}
		return 0;
	case json_type_object:
		if (depth >= CODEC_MAX_DEPTH) {
			return -E2BIG;
		}
		codec_put_map(buf, (uint32_t)json_object_object_length(value));
		json_object_object_foreach(value, key, member)
		{
			codec_put_cstr(buf, key);
			rc = pack(buf, member, depth + 1);
			if (rc != 0) {
				return rc;
			}
		}
		return 0;
	}
	return -EINVAL;
}

int
cal_json_pack(struct codec_buf *buf, struct json_object *value)
{
	int rc = pack(buf, value, 0);

	return rc != 0 ? rc : buf->failed ? -ENOMEM : 0;
}

/* --- MessagePack → json-c --------------------------------------------------------------------- */

static int
clean_utf8(struct cal_text *text, const uint8_t *p, size_t len)
{
	size_t n;
	bool valid;
	int rc = cal_text_append(text, "", 0);

	for (; rc == 0 && len > 0; p += n, len -= n) {
		n = cal_utf8_next(p, len, &valid);
		rc = valid ? cal_text_append(text, (const char *)p, n)
		           : cal_text_append_cstr(text, REPLACEMENT);
	}
	return rc;
}

static int unpack(struct codec_cursor *cur, struct json_object **out);

static int
unpack_array(struct codec_cursor *cur, uint32_t count, struct json_object *array)
{
	struct json_object *element;
	uint32_t i;
	int rc;

	for (i = 0; i < count; i++) {
		rc = unpack(cur, &element);
		if (rc != 0) {
			return rc;
		}
		if (json_object_array_add(array, element) != 0) {
			json_object_put(element);
			return -ENOMEM;
		}
	}
	return 0;
}

static int
unpack_map(struct codec_cursor *cur, uint32_t count, struct json_object *map)
{
	struct json_object *member;
	struct codec_item key;
	struct cal_text name = { 0 };
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < count; i++) {
		key = codec_next(cur);
		if (key.kind != CODEC_STR || memchr(key.str.data, '\0', key.str.len) != NULL) {
			rc = -EBADMSG;
			break;
		}
		name.len = 0;
		rc = clean_utf8(&name, key.str.data, key.str.len);
		if (rc == 0) {
			rc = unpack(cur, &member);
		}
		if (rc == 0 && json_object_object_add(map, name.data, member) != 0) {
			json_object_put(member);
			rc = -ENOMEM;
		}
	}
	cal_text_free(&name);
	return rc;
}

static int
unpack_string(struct codec_span str, struct json_object **out)
{
	struct cal_text clean = { 0 };
	int rc = clean_utf8(&clean, str.data, str.len);

	if (rc == 0) {
		*out = json_object_new_string_len(clean.data, (int)clean.len);
		rc = *out == NULL ? -ENOMEM : 0;
	}
	cal_text_free(&clean);
	return rc;
}

/* The value was checked as a whole: depth and lengths are good. */
static int
unpack(struct codec_cursor *cur, struct json_object **out)
{
	struct codec_item item = codec_next(cur);
	int rc = 0;

	*out = NULL;
	switch (item.kind) {
	case CODEC_NIL:
		return 0;
	case CODEC_BOOL:
		*out = json_object_new_boolean(item.b);
		break;
	case CODEC_UINT:
		*out = json_object_new_uint64(item.u);
		break;
	case CODEC_INT:
		*out = json_object_new_int64(item.i);
		break;
	case CODEC_DOUBLE:
		if (!isfinite(item.d)) {
			return 0;
		}
		*out = json_object_new_double(item.d);
		break;
	case CODEC_STR:
	case CODEC_BIN:
		return unpack_string(item.str, out);
	case CODEC_ARRAY:
		*out = json_object_new_array();
		rc = *out == NULL ? -ENOMEM : unpack_array(cur, item.count, *out);
		break;
	case CODEC_MAP:
		*out = json_object_new_object();
		rc = *out == NULL ? -ENOMEM : unpack_map(cur, item.count, *out);
		break;
	case CODEC_END:
		return -EBADMSG;
	}
	if (rc != 0) {
		json_object_put(*out);
		*out = NULL;
		return rc;
	}
	return *out == NULL ? -ENOMEM : 0;
}

int
cal_json_unpack(const void *value, size_t len, struct json_object **out)
{
	struct codec_cursor cur;

	*out = NULL;
	if (len == 0 || codec_value_len(value, len) != len) {
		return -EBADMSG;
	}
	codec_cursor_init(&cur, value, len);
	return unpack(&cur, out);
}
