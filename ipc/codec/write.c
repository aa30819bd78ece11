/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/codec.h"

#define BUF_FIRST_CAP 512

void
codec_buf_init(struct codec_buf *buf)
{
	memset(buf, 0, sizeof(*buf));
}

void
codec_buf_free(struct codec_buf *buf)
{
	free(buf->data);
	codec_buf_init(buf);
}

void *
codec_buf_take(struct codec_buf *buf, size_t *len)
{
	void *data = buf->data;

	if (buf->failed) {
		free(data);
		data = NULL;
	}
	*len = data == NULL ? 0 : buf->len;
	codec_buf_init(buf);
	return data;
}

static bool
buf_grow(struct codec_buf *buf, size_t n)
{
	size_t cap = buf->cap == 0 ? BUF_FIRST_CAP : buf->cap;
	uint8_t *data;

	while (cap - buf->len < n) {
		if (cap > SIZE_MAX / 2) {
			buf->failed = true;
			return false;
		}
		cap *= 2;
	}
	data = realloc(buf->data, cap);
	if (data == NULL) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

/* Room for `n` bytes at the end, which count as written; NULL when there is none. */
static inline uint8_t *
buf_extend(struct codec_buf *buf, size_t n)
{
	uint8_t *p;

	if (buf->failed || (buf->cap - buf->len < n && !buf_grow(buf, n))) {
		return NULL;
	}
	p = buf->data + buf->len;
	buf->len += n;
	return p;
}

static inline void
put_byte(struct codec_buf *buf, uint8_t byte)
{
	uint8_t *p = buf_extend(buf, 1);

	if (p != NULL) {
		*p = byte;
	}
}

static inline void
store_big_endian(uint8_t *p, uint64_t value, unsigned width)
{
	while (width-- > 0) {
		p[width] = (uint8_t)value;
		value >>= 8;
	}
}

static inline void
put_head(struct codec_buf *buf, uint8_t head, uint64_t value, unsigned width)
{
	uint8_t *p = buf_extend(buf, 1 + width);

	if (p != NULL) {
		*p = head;
		store_big_endian(p + 1, value, width);
	}
}

void
codec_put_nil(struct codec_buf *buf)
{
	put_byte(buf, 0xc0);
}

void
codec_put_bool(struct codec_buf *buf, bool value)
{
	put_byte(buf, value ? 0xc3 : 0xc2);
}

void
codec_put_uint(struct codec_buf *buf, uint64_t value)
{
	if (value <= 0x7f) {
		put_byte(buf, (uint8_t)value);
	} else if (value <= UINT8_MAX) {
		put_head(buf, 0xcc, value, 1);
	} else if (value <= UINT16_MAX) {
		put_head(buf, 0xcd, value, 2);
	} else if (value <= UINT32_MAX) {
		put_head(buf, 0xce, value, 4);
	} else {
		put_head(buf, 0xcf, value, 8);
	}
}

void
codec_put_int(struct codec_buf *buf, int64_t value)
{
	if (value >= 0) {
		codec_put_uint(buf, (uint64_t)value);
	} else if (value >= -32) {
		put_byte(buf, (uint8_t)value);
	} else if (value >= INT8_MIN) {
		put_head(buf, 0xd0, (uint64_t)value, 1);
	} else if (value >= INT16_MIN) {
		put_head(buf, 0xd1, (uint64_t)value, 2);
	} else if (value >= INT32_MIN) {
		put_head(buf, 0xd2, (uint64_t)value, 4);
	} else {
		put_head(buf, 0xd3, (uint64_t)value, 8);
	}
}

void
codec_put_double(struct codec_buf *buf, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put_head(buf, 0xcb, bits, 8);
}

void
codec_put_str(struct codec_buf *buf, const char *str, size_t len)
{
	if (len <= 31) {
		put_byte(buf, (uint8_t)(0xa0 | len));
	} else if (len <= UINT8_MAX) {
		put_head(buf, 0xd9, len, 1);
	} else if (len <= UINT16_MAX) {
		put_head(buf, 0xda, len, 2);
	} else if (len <= UINT32_MAX) {
		put_head(buf, 0xdb, len, 4);
	} else {
		buf->failed = true;
	}
	codec_put_raw(buf, str, len);
}

void
codec_put_cstr(struct codec_buf *buf, const char *str)
{
	codec_put_str(buf, str, strlen(str));
}

void
codec_put_raw(struct codec_buf *buf, const void *bytes, size_t len)
{
	uint8_t *p;

	if (len == 0) {
		return;
	}
	p = buf_extend(buf, len);
	if (p != NULL) {
		memcpy(p, bytes, len);
	}
}

void
codec_put_array(struct codec_buf *buf, uint32_t count)
{
	if (count <= 15) {
		put_byte(buf, (uint8_t)(0x90 | count));
	} else if (count <= UINT16_MAX) {
		put_head(buf, 0xdc, count, 2);
	} else {
		put_head(buf, 0xdd, count, 4);
	}
}

void
codec_put_map(struct codec_buf *buf, uint32_t count)
{
	if (count <= 15) {
		put_byte(buf, (uint8_t)(0x80 | count));
	} else if (count <= UINT16_MAX) {
		put_head(buf, 0xde, count, 2);
	} else {
		put_head(buf, 0xdf, count, 4);
	}
}

size_t
codec_begin_array(struct codec_buf *buf)
{
	size_t place = buf->len;

	put_head(buf, 0xdd, 0, 4);
	return place;
}

size_t
codec_begin_map(struct codec_buf *buf)
{
	size_t place = buf->len;

	put_head(buf, 0xdf, 0, 4);
	return place;
}

void
codec_end(struct codec_buf *buf, size_t place, uint32_t count)
{
	if (!buf->failed) {
		store_big_endian(buf->data + place + 1, count, 4);
	}
}

void
codec_put_request(struct codec_buf *buf, uint32_t id, const char *method, const void *params,
                  size_t params_len)
{
	codec_put_array(buf, 4);
	codec_put_uint(buf, CODEC_REQUEST);
	codec_put_uint(buf, id);
	codec_put_cstr(buf, method);
	if (params == NULL) {
		codec_put_nil(buf);
	} else {
		codec_put_raw(buf, params, params_len);
	}
}

void
codec_put_error(struct codec_buf *buf, uint32_t id, int code, const char *message)
{
	codec_put_array(buf, 4);
	codec_put_uint(buf, CODEC_RESPONSE);
	codec_put_uint(buf, id);
	codec_put_array(buf, 2);
	codec_put_int(buf, code);
	codec_put_cstr(buf, message);
	codec_put_nil(buf);
}

void
codec_begin_result(struct codec_buf *buf, uint32_t id)
{
	codec_put_array(buf, 4);
	codec_put_uint(buf, CODEC_RESPONSE);
	codec_put_uint(buf, id);
	codec_put_nil(buf);
}
