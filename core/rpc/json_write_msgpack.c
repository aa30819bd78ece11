/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The write context of an RPC reply: MessagePack into a buffer or a chain of chunks, the sizes of
 * containers patched in when they end. It keeps track of the structure, because a handler that
 * writes a value without a name would otherwise send bytes that mean something else. */

#include <math.h>

#include "core/rpc/json_internal.h"

static inline struct json_msgpack_writer *
writer(struct spdk_json_write_ctx *w)
{
	return SPDK_CONTAINEROF(w, struct json_msgpack_writer, base);
}

/* Count the value that is about to be written. NULL when there is no place for one here. */
static inline struct codec_buf *
value_begin(struct spdk_json_write_ctx *ctx)
{
	struct json_msgpack_writer *w = writer(ctx);
	struct json_msgpack_level *level = &w->level[w->depth];

	if (ctx->failed || level->object != level->named || (w->depth == 0 && level->count != 0)) {
		return NULL;
	}
	level->named = false;
	level->count++;
	return w->buf;
}

static inline int
value_end(const struct codec_buf *buf)
{
	return buf->failed ? -1 : 0;
}

static int
msgpack_put_null(struct spdk_json_write_ctx *w)
{
	struct codec_buf *buf = value_begin(w);

	if (buf == NULL) {
		return -1;
	}
	codec_put_nil(buf);
	return value_end(buf);
}

static int
msgpack_put_bool(struct spdk_json_write_ctx *w, bool value)
{
	struct codec_buf *buf = value_begin(w);

	if (buf == NULL) {
		return -1;
	}
	codec_put_bool(buf, value);
	return value_end(buf);
}

static int
msgpack_put_int(struct spdk_json_write_ctx *w, int64_t value)
{
	struct codec_buf *buf = value_begin(w);

	if (buf == NULL) {
		return -1;
	}
	codec_put_int(buf, value);
	return value_end(buf);
}

static int
msgpack_put_uint(struct spdk_json_write_ctx *w, uint64_t value)
{
	struct codec_buf *buf = value_begin(w);

	if (buf == NULL) {
		return -1;
	}
	codec_put_uint(buf, value);
	return value_end(buf);
}

static int
msgpack_put_double(struct spdk_json_write_ctx *w, double value)
{
	struct codec_buf *buf;

	if (!isfinite(value)) {
		return -1; /* JSON has no word for it */
	}
	buf = value_begin(w);
	if (buf == NULL) {
		return -1;
	}
	codec_put_double(buf, value);
	return value_end(buf);
}

static int
msgpack_put_uint128(struct spdk_json_write_ctx *w, uint64_t low, uint64_t high)
{
	if (high == 0) {
		return msgpack_put_uint(w, low);
	}
	return msgpack_put_double(w, ldexp((double)high, 64) + (double)low);
}

static int
msgpack_put_number(struct spdk_json_write_ctx *w, const char *text, size_t len)
{
	struct json_integer i;
	char copy[64];

	if (json_integer_parse(text, len, &i) == 0) {
		if (!i.negative) {
			return msgpack_put_uint(w, i.magnitude);
		}
		if (i.magnitude == 0) {
			return msgpack_put_double(w, -0.0);
		}
		if (i.magnitude <= (uint64_t)INT64_MAX + 1) {
			return msgpack_put_int(w, (int64_t)(0 - i.magnitude));
		}
	}
	if (len >= sizeof(copy)) {
		return -1;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	return msgpack_put_double(w, strtod(copy, NULL));
}

static int
msgpack_put_string(struct spdk_json_write_ctx *w, const char *str, size_t len)
{
	struct codec_buf *buf;

	if (!json_utf8_valid(str, len)) {
		return -1;
	}
	buf = value_begin(w);
	if (buf == NULL) {
		return -1;
	}
	codec_put_str(buf, str, len);
	return value_end(buf);
}

/* JSON text in a reply comes from a module that brings it ready-made; nobody else pays for it. */
static int
msgpack_put_raw(struct spdk_json_write_ctx *w, const void *json, size_t len)
{
	struct spdk_json_val *values = NULL;
	char *text = malloc(len);
	ssize_t n, again;
	void *end;
	int rc = -1;

	if (text == NULL) {
		return -1;
	}
	memcpy(text, json, len);
	n = spdk_json_parse(text, len, NULL, 0, &end, 0);
	if (n > 0 && end == text + len) {
		values = calloc((size_t)n, sizeof(*values));
	}
	if (values != NULL) {
		again = spdk_json_parse(text, len, values, (size_t)n, NULL,
		                        SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
		rc = again == n ? spdk_json_write_val(w, values) : -1;
	}
	free(values);
	free(text);
	return rc;
}

static int
msgpack_put_name(struct spdk_json_write_ctx *ctx, const char *name, size_t len)
{
	struct json_msgpack_writer *w = writer(ctx);
	struct json_msgpack_level *level = &w->level[w->depth];

	if (!level->object || level->named || !json_utf8_valid(name, len)) {
		return -1;
	}
	level->named = true;
	codec_put_str(w->buf, name, len);
	return value_end(w->buf);
}

static int
msgpack_begin(struct spdk_json_write_ctx *ctx, bool object)
{
	struct json_msgpack_writer *w = writer(ctx);
	struct json_msgpack_level *level;
	struct codec_buf *buf;

	if (w->depth + 1 >= JSON_MAX_DEPTH) {
		return -1;
	}
	buf = value_begin(ctx);
	if (buf == NULL) {
		return -1;
	}
	level = &w->level[++w->depth];
	level->object = object;
	level->named = false;
	level->count = 0;
	level->place = object ? codec_begin_map(buf) : codec_begin_array(buf);
	return value_end(buf);
}

static int
msgpack_end(struct spdk_json_write_ctx *ctx, bool object)
{
	struct json_msgpack_writer *w = writer(ctx);
	struct json_msgpack_level *level = &w->level[w->depth];

	if (w->depth == 0 || level->object != object || level->named) {
		return -1;
	}
	codec_end(w->buf, level->place, level->count);
	w->depth--;
	return value_end(w->buf);
}

static void
msgpack_reset(struct spdk_json_write_ctx *ctx)
{
	struct json_msgpack_writer *w = writer(ctx);

	codec_buf_cut(w->buf, w->origin);
	w->depth = 0;
	memset(&w->level[0], 0, sizeof(w->level[0]));
}

/* The context of a reply is part of its request: spdk_jsonrpc_end_result() ends it. */
static int
msgpack_finish(struct spdk_json_write_ctx *ctx)
{
	return json_msgpack_writer_done(writer(ctx)) ? 0 : -1;
}

static const struct json_write_ops msgpack_ops = {
	.put_null = msgpack_put_null,
	.put_bool = msgpack_put_bool,
	.put_int = msgpack_put_int,
	.put_uint = msgpack_put_uint,
	.put_uint128 = msgpack_put_uint128,
	.put_double = msgpack_put_double,
	.put_number = msgpack_put_number,
	.put_string = msgpack_put_string,
	.put_raw = msgpack_put_raw,
	.put_name = msgpack_put_name,
	.begin = msgpack_begin,
	.end = msgpack_end,
	.reset = msgpack_reset,
	.finish = msgpack_finish,
};

void
json_msgpack_writer_init(struct json_msgpack_writer *w, struct codec_buf *buf)
{
	w->base.ops = &msgpack_ops;
	w->base.flags = 0;
	w->base.failed = false;
	w->buf = buf;
	w->origin = codec_buf_size(buf);
	w->depth = 0;
	memset(&w->level[0], 0, sizeof(w->level[0]));
}

bool
json_msgpack_writer_done(const struct json_msgpack_writer *w)
{
	return !w->base.failed && !w->buf->failed && w->depth == 0 && w->level[0].count == 1;
}
