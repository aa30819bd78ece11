/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* MessagePack → JSON text in one pass: what was received is checked as it is read, nothing is
 * built. An answer may be a megabyte, nearly all of it short strings, so these are looked at and
 * copied 16 bytes at a time. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/client/json.h"
#include "ipc/client/json_bytes.h"
#include "ipc/codec/item.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Room that is there after every value: what all the brackets that open before the next one take,
 * then a number, a word or punctuation, and what a step of 16 bytes writes beyond the end of its
 * string. */
#define SLACK (CODEC_MAX_DEPTH + 64u)

/* Where the next byte goes in a text whose length is not kept up to date meanwhile. */
struct out {
	struct cal_text *text;
	char *p, *end;
};

static void
out_begin(struct out *out, struct cal_text *text)
{
	out->text = text;
	out->p = text->data + text->len;
	out->end = text->data + text->cap;
}

static void
out_finish(struct out *out)
{
	out->text->len = (size_t)(out->p - out->text->data);
	*out->p = '\0';
}

static __attribute__((noinline)) int
out_grow(struct out *out, size_t need)
{
	int rc;

	out->text->len = (size_t)(out->p - out->text->data);
	rc = cal_text_reserve(out->text, need);
	if (rc == 0) {
		out_begin(out, out->text);
	}
	return rc;
}

/* `need` bytes, and SLACK. */
static inline int
out_room(struct out *out, size_t need)
{
	return (size_t)(out->end - out->p) >= need + SLACK ? 0 : out_grow(out, need + SLACK);
}

static inline void
out_bytes(struct out *out, const char *bytes, size_t len)
{
	memcpy(out->p, bytes, len);
	out->p += len;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* The character at `p`. Returns how many bytes it had. */
static size_t
put_special(struct out *out, const unsigned char *p, size_t len)
{
	static const char short_form[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
	const char *found;
	size_t taken;
	bool valid;

	if (p[0] >= 0x80) {
		taken = cal_utf8_next(p, len, &valid);
		out_bytes(out, valid ? (const char *)p : REPLACEMENT, valid ? taken : 3);
		return taken;
	}
	found = p[0] == '\0' ? NULL : strchr(short_form, p[0]);
	if (found != NULL) {
		*out->p++ = '\\';
		*out->p++ = letter[found - short_form];
	} else {
		out->p += snprintf(out->p, SLACK, "\\u%04x", p[0]);
	}
	return 1;
}

/* Bytes up to `readable` may be looked at, though only `len` are the string's. */
static inline int
put_string(struct out *out, const uint8_t *s, size_t len, const uint8_t *readable)
{
	unsigned run, n;
	__m128i chunk;

	if (out_room(out, len) != 0) {
		return -ENOMEM;
	}
	*out->p++ = '"';
	while (len > 0) {
		if (readable - s >= 16) {
			chunk = _mm_loadu_si128((const __m128i *)s);
			_mm_storeu_si128((__m128i *)out->p, chunk);
			n = len < 16 ? (unsigned)len : 16;
			run = (unsigned)__builtin_ctz(json_special_bytes(chunk) | 1u << n);
		} else {
			n = (unsigned)len;
			for (run = 0; run < n && !json_is_special(s[run]); run++) {
				out->p[run] = (char)s[run];
			}
		}
		out->p += run;
		s += run;
		len -= run;
		if (run < n) {
			size_t taken = put_special(out, s, len);

			s += taken;
			len -= taken;
			if (out_room(out, len) != 0) {
				return -ENOMEM;
			}
		}
	}
	*out->p++ = '"';
	return 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static inline void
put_unsigned(struct out *out, uint64_t value)
{
	char digits[20];
	unsigned at = sizeof(digits);

	while (value >= 10) {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	}
	digits[--at] = (char)('0' + value);
	out_bytes(out, digits + at, sizeof(digits) - at);
}

/* The shortest of the usual forms that reads back as the same number. */
static void
put_double(struct out *out, double value)
{
	int digits, len = 0;

	if (!isfinite(value)) {
		out_bytes(out, "null", 4);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		len = snprintf(out->p, SLACK, "%.*g", digits, value);
		if (strtod(out->p, NULL) == value) {
			break;
		}
	}
	out->p += len;
}

/* --- values ----------------------------------------------------------------------------------- */

static int print(struct out *out, struct codec_cursor *cur, unsigned depth);

static int
print_container(struct out *out, struct codec_cursor *cur, const struct codec_item *item,
                unsigned depth)
{
	bool is_map = item->kind == CODEC_MAP;
	struct codec_item key;
	uint32_t i;
	int rc;

	if (depth == CODEC_MAX_DEPTH) {
		return -EBADMSG;
	}
	*out->p++ = is_map ? '{' : '[';
	for (i = 0; i < item->count; i++) {
		if (i > 0) {
			*out->p++ = ',';
		}
		if (is_map) {
			cur->p = item_read(cur->p, cur->end, &key);
			if (cur->p == NULL || key.kind != CODEC_STR) {
				return -EBADMSG;
			}
			rc = put_string(out, key.str.data, key.str.len, cur->end);
			if (rc != 0) {
				return rc;
			}
			*out->p++ = ':';
		}
		rc = print(out, cur, depth + 1);
		if (rc != 0) {
			return rc;
		}
	}
	*out->p++ = is_map ? '}' : ']';
	return 0;
}

/* There is SLACK before the outermost, and again after each. */
static int
print(struct out *out, struct codec_cursor *cur, unsigned depth)
{
	struct codec_item item;
	int rc = 0;

	cur->p = item_read(cur->p, cur->end, &item);
	if (cur->p == NULL) {
		return -EBADMSG;
	}
	switch (item.kind) {
	case CODEC_NIL:
		out_bytes(out, "null", 4);
		break;
	case CODEC_BOOL:
		out_bytes(out, item.b ? "true " : "false", 5);
		out->p -= item.b;
		break;
	case CODEC_UINT:
		put_unsigned(out, item.u);
		break;
	case CODEC_INT:
		*out->p++ = '-';
		put_unsigned(out, -(uint64_t)item.i);
		break;
	case CODEC_DOUBLE:
		put_double(out, item.d);
		break;
	case CODEC_STR:
	case CODEC_BIN:
		rc = put_string(out, item.str.data, item.str.len, cur->end);
		break;
	case CODEC_ARRAY:
	case CODEC_MAP:
		rc = print_container(out, cur, &item, depth);
		break;
	case CODEC_END:
		rc = -EBADMSG;
		break;
	}
	return rc != 0 ? rc : out_room(out, 0);
}

int
cal_json_print(struct cal_text *text, const void *value, size_t len)
{
	struct codec_cursor cur;
	size_t before = text->len;
	struct out out;
	int rc;

	codec_cursor_init(&cur, value, len);
	/* Text is about half as long again; an estimate saves the growing. */
	rc = cal_text_reserve(text, len + len / 2 + SLACK);
	if (rc != 0) {
		return rc;
	}
	out_begin(&out, text);
	rc = print(&out, &cur, 0);
	if (rc == 0 && cur.p != cur.end) {
		rc = -EBADMSG;
	}
	if (rc != 0) {
		out.p = text->data + before;
	}
	out_finish(&out);
	return rc;
}

int
cal_json_print_string(struct cal_text *text, const char *bytes, size_t len)
{
	const uint8_t *s = (const uint8_t *)bytes;
	struct out out;
	int rc = cal_text_reserve(text, len + SLACK);

	if (rc == 0) {
		out_begin(&out, text);
		rc = put_string(&out, s, len, s + len);
		out_finish(&out);
	}
	return rc;
}
