/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* spdk_json_write_*(): what every backend has in common. A failure sticks to the context. */

#include <stdarg.h>

#include "core/rpc/json_internal.h"

/* Call one operation of the backend unless something has failed before. */
#define WRITE(w, call) ((w)->failed || (w)->ops->call != 0 ? ((w)->failed = true, -1) : 0)

int
spdk_json_write_end(struct spdk_json_write_ctx *w)
{
	return w == NULL ? 0 : w->ops->finish(w);
}

void
spdk_json_write_reset(struct spdk_json_write_ctx *w)
{
	w->failed = false;
	w->ops->reset(w);
}

void
spdk_json_write_add_flags(struct spdk_json_write_ctx *w, uint32_t flags)
{
	w->flags |= flags;
}

int
spdk_json_write_null(struct spdk_json_write_ctx *w)
{
	return WRITE(w, put_null(w));
}

int
spdk_json_write_bool(struct spdk_json_write_ctx *w, bool val)
{
	return WRITE(w, put_bool(w, val));
}

int
spdk_json_write_uint8(struct spdk_json_write_ctx *w, uint8_t val)
{
	return WRITE(w, put_uint(w, val));
}

int
spdk_json_write_uint16(struct spdk_json_write_ctx *w, uint16_t val)
{
	return WRITE(w, put_uint(w, val));
}

int
spdk_json_write_int32(struct spdk_json_write_ctx *w, int32_t val)
{
	return WRITE(w, put_int(w, val));
}

int
spdk_json_write_uint32(struct spdk_json_write_ctx *w, uint32_t val)
{
	return WRITE(w, put_uint(w, val));
}

int
spdk_json_write_int64(struct spdk_json_write_ctx *w, int64_t val)
{
	return WRITE(w, put_int(w, val));
}

int
spdk_json_write_uint64(struct spdk_json_write_ctx *w, uint64_t val)
{
	return WRITE(w, put_uint(w, val));
}

int
spdk_json_write_uint128(struct spdk_json_write_ctx *w, uint64_t low_val, uint64_t high_val)
{
	return WRITE(w, put_uint128(w, low_val, high_val));
}

int
spdk_json_write_double(struct spdk_json_write_ctx *w, double val)
{
	return WRITE(w, put_double(w, val));
}

int
spdk_json_write_string_raw(struct spdk_json_write_ctx *w, const char *val, size_t len)
{
	return WRITE(w, put_string(w, val, len));
}

int
spdk_json_write_string(struct spdk_json_write_ctx *w, const char *val)
{
	return spdk_json_write_string_raw(w, val, strlen(val));
}

int
spdk_json_write_string_fmt_v(struct spdk_json_write_ctx *w, const char *fmt, va_list args)
{
	char few[128], *text;
	va_list again;
	int len, rc;

	va_copy(again, args);
	len = vsnprintf(few, sizeof(few), fmt, again);
	va_end(again);
	if (len < 0) {
		w->failed = true;
		return -1;
	}
	if ((size_t)len < sizeof(few)) {
		return spdk_json_write_string_raw(w, few, (size_t)len);
	}
	text = malloc((size_t)len + 1);
	if (text == NULL) {
		w->failed = true;
		return -1;
	}
	vsnprintf(text, (size_t)len + 1, fmt, args);
	rc = spdk_json_write_string_raw(w, text, (size_t)len);
	free(text);
	return rc;
}

int
spdk_json_write_string_fmt(struct spdk_json_write_ctx *w, const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = spdk_json_write_string_fmt_v(w, fmt, args);
	va_end(args);
	return rc;
}

int
spdk_json_write_bytearray(struct spdk_json_write_ctx *w, const void *val, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *bytes = val;
	char *text;
	size_t i;
	int rc;

	text = malloc(2 * len + 1);
	if (text == NULL) {
		w->failed = true;
		return -1;
	}
	for (i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	rc = spdk_json_write_string_raw(w, text, 2 * len);
	free(text);
	return rc;
}

int
spdk_json_write_uuid(struct spdk_json_write_ctx *w, const struct spdk_uuid *uuid)
{
	char text[SPDK_UUID_STRING_LEN];

	if (spdk_uuid_fmt_lower(text, sizeof(text), uuid) != 0) {
		w->failed = true;
		return -1;
	}
	return spdk_json_write_string(w, text);
}

/* One character of UTF-16, which may take two units. Returns how many it took, 0 when malformed. */
static size_t
utf16_decode(const uint8_t *p, size_t units, uint32_t *codepoint)
{
	uint32_t high = p[0] | (uint32_t)p[1] << 8, low;

	if (high < 0xd800 || high > 0xdfff) {
		*codepoint = high;
		return 1;
	}
	if (high > 0xdbff || units < 2) {
		return 0;
	}
	low = p[2] | (uint32_t)p[3] << 8;
	if (low < 0xdc00 || low > 0xdfff) {
		return 0;
	}
	*codepoint = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
	return 2;
}

int
spdk_json_write_string_utf16le_raw(struct spdk_json_write_ctx *w, const uint16_t *val, size_t len)
{
	const uint8_t *p = (const uint8_t *)val; /* may be unaligned, may be another endianness */
	uint8_t *text = malloc(3 * len + 1);     /* at most three bytes a unit */
	size_t i = 0, n, out = 0;
	uint32_t codepoint;
	int rc = -1;

	if (text == NULL) {
		w->failed = true;
		return -1;
	}
	while (i < len) {
		n = utf16_decode(p + 2 * i, len - i, &codepoint);
		if (n == 0) {
			break;
		}
		out += json_utf8_encode(text + out, codepoint);
		i += n;
	}
	if (i == len) {
		rc = spdk_json_write_string_raw(w, (char *)text, out);
	} else {
		w->failed = true;
	}
	free(text);
	return rc;
}

int
spdk_json_write_string_utf16le(struct spdk_json_write_ctx *w, const uint16_t *val)
{
	const uint8_t *p = (const uint8_t *)val;
	size_t len = 0;

	while (p[2 * len] != 0 || p[2 * len + 1] != 0) {
		len++;
	}
	return spdk_json_write_string_utf16le_raw(w, val, len);
}

/* --- structure -------------------------------------------------------------------------------- */

int
spdk_json_write_array_begin(struct spdk_json_write_ctx *w)
{
	return WRITE(w, begin(w, false));
}

int
spdk_json_write_array_end(struct spdk_json_write_ctx *w)
{
	return WRITE(w, end(w, false));
}

int
spdk_json_write_batch_begin(struct spdk_json_write_ctx *w)
{
	if (w->flags & SPDK_JSON_WRITE_FLAG_FLATTEN_BATCHES) {
		return 0;
	}
	return spdk_json_write_array_begin(w);
}

int
spdk_json_write_batch_end(struct spdk_json_write_ctx *w)
{
	if (w->flags & SPDK_JSON_WRITE_FLAG_FLATTEN_BATCHES) {
		return 0;
	}
	return spdk_json_write_array_end(w);
}

int
spdk_json_write_object_begin(struct spdk_json_write_ctx *w)
{
	return WRITE(w, begin(w, true));
}

int
spdk_json_write_object_end(struct spdk_json_write_ctx *w)
{
	return WRITE(w, end(w, true));
}

int
spdk_json_write_name_raw(struct spdk_json_write_ctx *w, const char *name, size_t len)
{
	return WRITE(w, put_name(w, name, len));
}

int
spdk_json_write_name(struct spdk_json_write_ctx *w, const char *name)
{
	return spdk_json_write_name_raw(w, name, strlen(name));
}

int
spdk_json_write_val_raw(struct spdk_json_write_ctx *w, const void *data, size_t len)
{
	return WRITE(w, put_raw(w, data, len));
}

static int
write_one(struct spdk_json_write_ctx *w, const struct spdk_json_val *val)
{
	switch (val->type) {
	case SPDK_JSON_VAL_NULL:
		return spdk_json_write_null(w);
	case SPDK_JSON_VAL_TRUE:
	case SPDK_JSON_VAL_FALSE:
		return spdk_json_write_bool(w, val->type == SPDK_JSON_VAL_TRUE);
	case SPDK_JSON_VAL_NUMBER:
		return WRITE(w, put_number(w, val->start, val->len));
	case SPDK_JSON_VAL_STRING:
		return spdk_json_write_string_raw(w, val->start, val->len);
	case SPDK_JSON_VAL_NAME:
		return spdk_json_write_name_raw(w, val->start, val->len);
	case SPDK_JSON_VAL_ARRAY_BEGIN:
		return spdk_json_write_array_begin(w);
	case SPDK_JSON_VAL_ARRAY_END:
		return spdk_json_write_array_end(w);
	case SPDK_JSON_VAL_OBJECT_BEGIN:
		return spdk_json_write_object_begin(w);
	case SPDK_JSON_VAL_OBJECT_END:
		return spdk_json_write_object_end(w);
	default:
		w->failed = true;
		return -1;
	}
}

int
spdk_json_write_val(struct spdk_json_write_ctx *w, const struct spdk_json_val *val)
{
	size_t i, len = spdk_json_val_len(val);
	int rc = 0;

	for (i = 0; i < len && rc == 0; i++) {
		rc = write_one(w, &val[i]);
	}
	return rc;
}
