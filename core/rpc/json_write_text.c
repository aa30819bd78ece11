/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The write context of applications: JSON text to a callback. As in SPDK the structure is the
 * caller's business; only strings are checked. Everything outside ASCII is escaped. */

#include <inttypes.h>
#include <math.h>

#include "core/rpc/json_internal.h"

struct json_text_writer {
	struct spdk_json_write_ctx base;
	spdk_json_write_cb cb;
	void *cb_ctx;
	unsigned indent;
	bool first;  /* nothing stands in this container yet: no comma */
	bool opened; /* a container was opened and nothing stands in it */
	bool named;  /* a name was written: no comma and no new line */
	size_t len;
	char buf[4096];
};

static inline struct json_text_writer *
writer(struct spdk_json_write_ctx *w)
{
	return SPDK_CONTAINEROF(w, struct json_text_writer, base);
}

static int
flush(struct json_text_writer *w)
{
	size_t len = w->len;

	w->len = 0;
	return len == 0 ? 0 : w->cb(w->cb_ctx, w->buf, len);
}

static int
emit(struct json_text_writer *w, const char *text, size_t len)
{
	if (len > sizeof(w->buf) - w->len && flush(w) != 0) {
		return -1;
	}
	if (len > sizeof(w->buf)) {
		return w->cb(w->cb_ctx, text, len) == 0 ? 0 : -1;
	}
	memcpy(w->buf + w->len, text, len);
	w->len += len;
	return 0;
}

static int
new_line(struct json_text_writer *w)
{
	unsigned i;
	int rc;

	if (!(w->base.flags & SPDK_JSON_WRITE_FLAG_FORMATTED)) {
		return 0;
	}
	rc = emit(w, "\n", 1);
	for (i = 0; i < w->indent && rc == 0; i++) {
		rc = emit(w, "  ", 2);
	}
	return rc;
}

/* What stands between the last value and the next. */
static int
separate(struct json_text_writer *w)
{
	int rc = 0;

	if (w->named) {
		w->named = false;
		return 0;
	}
	if (!w->first) {
		rc = emit(w, ",", 1);
	}
	if (rc == 0 && (!w->first || w->opened)) {
		rc = new_line(w);
	}
	w->first = w->opened = false;
	return rc;
}

static int
put_text(struct spdk_json_write_ctx *ctx, const char *text, size_t len)
{
	struct json_text_writer *w = writer(ctx);

	return separate(w) != 0 ? -1 : emit(w, text, len);
}

static int
text_put_null(struct spdk_json_write_ctx *w)
{
	return put_text(w, "null", 4);
}

static int
text_put_bool(struct spdk_json_write_ctx *w, bool value)
{
	return value ? put_text(w, "true", 4) : put_text(w, "false", 5);
}

static int
text_put_int(struct spdk_json_write_ctx *w, int64_t value)
{
	char text[24];

	return put_text(w, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, value));
}

static int
text_put_uint(struct spdk_json_write_ctx *w, uint64_t value)
{
	char text[24];

	return put_text(w, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, value));
}

static int
text_put_uint128(struct spdk_json_write_ctx *w, uint64_t low, uint64_t high)
{
	unsigned __int128 value = (unsigned __int128)high << 64 | low;
	char text[40], *p = text + sizeof(text);

	do {
		*--p = (char)('0' + (int)(value % 10));
		value /= 10;
	} while (value != 0);
	return put_text(w, p, (size_t)(text + sizeof(text) - p));
}

static int
text_put_double(struct spdk_json_write_ctx *w, double value)
{
	char text[32];

	if (!isfinite(value)) {
		return -1;
	}
	return put_text(w, text, (size_t)snprintf(text, sizeof(text), "%.20e", value));
}

static int
text_put_number(struct spdk_json_write_ctx *w, const char *text, size_t len)
{
	return put_text(w, text, len);
}

static int
emit_unit(struct json_text_writer *w, uint32_t unit)
{
	char text[8];

	return emit(w, text, (size_t)snprintf(text, sizeof(text), "\\u%04X", unit));
}

static int
emit_character(struct json_text_writer *w, uint32_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
	const char *at = c == 0 || c > 0x7f ? NULL : strchr(plain, (int)c);
	char text[2];

	if (at != NULL) {
		text[0] = '\\';
		text[1] = escaped[at - plain];
		return emit(w, text, 2);
	}
	if (c >= 0x20 && c < 0x7f) {
		text[0] = (char)c;
		return emit(w, text, 1);
	}
	if (c < 0x10000) {
		return emit_unit(w, c);
	}
	c -= 0x10000;
	return emit_unit(w, 0xd800 + (c >> 10)) != 0 ? -1 : emit_unit(w, 0xdc00 + (c & 0x3ff));
}

static int
emit_string(struct json_text_writer *w, const char *str, size_t len)
{
	const uint8_t *p = (const uint8_t *)str, *end = p + len;
	uint32_t codepoint;
	unsigned n;
	int rc;

	rc = emit(w, "\"", 1);
	while (rc == 0 && p < end) {
		n = json_utf8_decode(p, end, &codepoint);
		if (n == 0) {
			return -1;
		}
		p += n;
		rc = emit_character(w, codepoint);
	}
	return rc != 0 ? -1 : emit(w, "\"", 1);
}

static int
text_put_string(struct spdk_json_write_ctx *ctx, const char *str, size_t len)
{
	struct json_text_writer *w = writer(ctx);

	return separate(w) != 0 ? -1 : emit_string(w, str, len);
}

static int
text_put_raw(struct spdk_json_write_ctx *w, const void *json, size_t len)
{
	return put_text(w, json, len);
}

static int
text_put_name(struct spdk_json_write_ctx *ctx, const char *name, size_t len)
{
	struct json_text_writer *w = writer(ctx);

	if (separate(w) != 0 || emit_string(w, name, len) != 0) {
		return -1;
	}
	w->named = true;
	return w->base.flags & SPDK_JSON_WRITE_FLAG_FORMATTED ? emit(w, ": ", 2) : emit(w, ":", 1);
}

static int
text_begin(struct spdk_json_write_ctx *ctx, bool object)
{
	struct json_text_writer *w = writer(ctx);

	if (put_text(ctx, object ? "{" : "[", 1) != 0) {
		return -1;
	}
	w->first = w->opened = true;
	w->indent++;
	return 0;
}

static int
text_end(struct spdk_json_write_ctx *ctx, bool object)
{
	struct json_text_writer *w = writer(ctx);

	if (w->indent == 0) {
		return -1;
	}
	w->indent--;
	if (!w->opened && new_line(w) != 0) {
		return -1;
	}
	w->first = w->opened = false;
	return emit(w, object ? "}" : "]", 1);
}

static int
text_finish(struct spdk_json_write_ctx *ctx)
{
	struct json_text_writer *w = writer(ctx);
	bool failed = ctx->failed || flush(w) != 0;

	free(w);
	return failed ? -1 : 0;
}

static void
text_reset(struct spdk_json_write_ctx *ctx)
{
	struct json_text_writer *w = writer(ctx);

	w->indent = 0;
	w->first = true;
	w->opened = w->named = false;
	w->len = 0;
}

static const struct json_write_ops text_ops = {
	.put_null = text_put_null,
	.put_bool = text_put_bool,
	.put_int = text_put_int,
	.put_uint = text_put_uint,
	.put_uint128 = text_put_uint128,
	.put_double = text_put_double,
	.put_number = text_put_number,
	.put_string = text_put_string,
	.put_raw = text_put_raw,
	.put_name = text_put_name,
	.begin = text_begin,
	.end = text_end,
	.reset = text_reset,
	.finish = text_finish,
};

struct spdk_json_write_ctx *
spdk_json_write_begin(spdk_json_write_cb write_cb, void *cb_ctx, uint32_t flags)
{
	struct json_text_writer *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		return NULL;
	}
	w->base.ops = &text_ops;
	w->base.flags = flags;
	w->cb = write_cb;
	w->cb_ctx = cb_ctx;
	w->first = true;
	return &w->base;
}
