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
codec_buf_init_chain(struct codec_buf *buf)
{
	codec_buf_init(buf);
	buf->chained = true;
	buf->chain.pooled = true;
}

void
codec_buf_free(struct codec_buf *buf)
{
	if (buf->chained) {
		codec_chain_free(&buf->chain);
		codec_buf_init_chain(buf);
	} else {
		free(buf->data);
		codec_buf_init(buf);
	}
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

int
codec_buf_take_chain(struct codec_buf *buf, struct codec_chain *out)
{
	int rc = 0;

	if (buf->failed || buf->chain.last == NULL) {
		codec_chain_free(&buf->chain);
		rc = -ENOMEM;
	} else {
		buf->chain.last->len = (uint32_t)buf->len;
	}
	*out = buf->chain;
	codec_buf_init_chain(buf);
	return rc;
}

/* The chunk that takes what does not fit into the last one. What is left there stays empty. */
static bool
chain_grow(struct codec_buf *buf)
{
	struct codec_chain *chain = &buf->chain;
	struct codec_chunk *chunk = codec_chunk_get();

	if (chunk == NULL) {
		buf->failed = true;
		return false;
	}
	if (chain->last == NULL) {
		chain->first = chunk;
	} else {
		chain->last->len = (uint32_t)buf->len;
		chain->last->more = true;
		chain->last->next = chunk;
		buf->before += buf->len;
	}
	chain->last = chunk;
	chain->num_chunks++;
	chain->pooled &= chunk->pooled;
	buf->data = chunk->data;
	buf->len = 0;
	buf->cap = chunk->room;
	return true;
}

void
codec_buf_cut(struct codec_buf *buf, size_t size)
{
	struct codec_chain rest = { .pooled = false };
	struct codec_chunk *chunk = buf->chain.first;
	uint32_t num = 1;

	if (buf->failed || size >= codec_buf_size(buf)) {
		return;
	}
	if (!buf->chained) {
		buf->len = size;
		return;
	}
	buf->chain.last->len = (uint32_t)buf->len;
	buf->before = 0;
	/* At a border the end of a chunk, so that none of them is empty. */
	for (; size - buf->before > chunk->len; chunk = chunk->next) {
		buf->before += chunk->len;
		num++;
	}
	rest.first = chunk->next;
	rest.last = buf->chain.last;
	chunk->next = NULL;
	chunk->more = false;
	buf->chain.last = chunk;
	buf->chain.num_chunks = num;
	codec_chain_free(&rest);
	buf->data = chunk->data;
	buf->len = size - buf->before;
	buf->cap = chunk->room;
}

static bool
buf_grow(struct codec_buf *buf, size_t n)
{
	size_t cap = buf->cap == 0 ? BUF_FIRST_CAP : buf->cap;
	uint8_t *data;

	if (buf->chained) {
		return chain_grow(buf);
	}
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

/* Room for `n` bytes at the end, which count as written; NULL when there is none. In a chain at
 * most a chunk's worth. */
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

/* Bytes that go on in the next chunk. */
static void
put_raw_in_parts(struct codec_buf *buf, const uint8_t *bytes, size_t len)
{
	size_t part;
	uint8_t *p;

	while (len > 0) {
		part = buf->cap - buf->len;
		part = part == 0 ? CODEC_CHUNK_SIZE : part;
		part = len < part ? len : part;
		p = buf_extend(buf, part);
		if (p == NULL) {
			return;
		}
		memcpy(p, bytes, part);
		bytes += part;
		len -= part;
	}
}

void
codec_put_raw(struct codec_buf *buf, const void *bytes, size_t len)
{
	uint8_t *p;

	if (len == 0) {
		return;
	}
	if (buf->chained && buf->cap - buf->len < len) {
		put_raw_in_parts(buf, bytes, len);
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

static uintptr_t
begin(struct codec_buf *buf, uint8_t head)
{
	uint8_t *p = buf_extend(buf, 5);

	if (p == NULL) {
		return 0;
	}
	*p = head;
	memset(p + 1, 0, 4);
	return buf->chained ? (uintptr_t)p : (uintptr_t)(p - buf->data);
}

uintptr_t
codec_begin_array(struct codec_buf *buf)
{
	return begin(buf, 0xdd);
}

uintptr_t
codec_begin_map(struct codec_buf *buf)
{
	return begin(buf, 0xdf);
}

void
codec_end(struct codec_buf *buf, uintptr_t place, uint32_t count)
{
	if (!buf->failed) {
		store_big_endian((buf->chained ? (uint8_t *)place : buf->data + place) + 1, count,
		                 4);
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
