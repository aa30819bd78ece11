/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reading the head of one MessagePack value: the one place that knows the format's first bytes.
 * Inline because the checking walk and the cursor both live on it. */

#ifndef CAL_IPC_CODEC_ITEM_H
#define CAL_IPC_CODEC_ITEM_H

#include <string.h>

#include "ipc/codec/codec.h"

static inline uint64_t
item_big_endian(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < width; i++) {
		v = v << 8 | p[i];
	}
	return v;
}

/* A string or byte string whose length field is `width` bytes at `p`. */
static inline const uint8_t *
item_bytes(const uint8_t *p, const uint8_t *end, unsigned width, enum codec_kind kind,
           struct codec_item *item)
{
	uint64_t len;

	if ((size_t)(end - p) < width) {
		return NULL;
	}
	len = item_big_endian(p, width);
	p += width;
	if (len > (size_t)(end - p)) {
		return NULL;
	}
	item->kind = kind;
	item->str.data = p;
	item->str.len = len;
	return p + len;
}

/* A container whose count field is `width` bytes at `p`. Every element takes at least a byte, which
 * refuses the counts that the bytes at hand can't hold before anybody acts on them. */
static inline const uint8_t *
item_container(const uint8_t *p, const uint8_t *end, unsigned width, enum codec_kind kind,
               struct codec_item *item)
{
	uint64_t count;

	if ((size_t)(end - p) < width) {
		return NULL;
	}
	count = item_big_endian(p, width);
	p += width;
	if ((kind == CODEC_MAP ? 2 * count : count) > (size_t)(end - p)) {
		return NULL;
	}
	item->kind = kind;
	item->count = count;
	return p;
}

static inline const uint8_t *
item_integer(const uint8_t *p, const uint8_t *end, uint8_t head, struct codec_item *item)
{
	unsigned width = 1u << (head & 3); /* cc..cf and d0..d3: 1, 2, 4, 8 bytes */
	uint64_t v;

	if ((size_t)(end - p) < width) {
		return NULL;
	}
	v = item_big_endian(p, width);
	if (head >= 0xd0 && v >> (8 * width - 1) != 0) {
		item->kind = CODEC_INT;
		item->i = (int64_t)(width == 8 ? v : v | ~UINT64_C(0) << 8 * width);
	} else {
		item->kind = CODEC_UINT;
		item->u = v;
	}
	return p + width;
}

static inline const uint8_t *
item_float(const uint8_t *p, const uint8_t *end, uint8_t head, struct codec_item *item)
{
	uint64_t v;

	item->kind = CODEC_DOUBLE;
	if (head == 0xca) {
		uint32_t bits;
		float f;

		if (end - p < 4) {
			return NULL;
		}
		bits = (uint32_t)item_big_endian(p, 4);
		memcpy(&f, &bits, sizeof(f));
		item->d = f;
		return p + 4;
	}
	if (end - p < 8) {
		return NULL;
	}
	v = item_big_endian(p, 8);
	memcpy(&item->d, &v, sizeof(v));
	return p + 8;
}

/* Read the head of the value at `p` (for everything but containers: the whole value). Returns what
 * follows it, NULL when it is malformed, incomplete, or of an extension type: the wire has none. */
static inline const uint8_t *
item_read(const uint8_t *p, const uint8_t *end, struct codec_item *item)
{
	uint8_t head;

	if (p >= end) {
		return NULL;
	}
	head = *p++;
	if (head <= 0x7f) {
		item->kind = CODEC_UINT;
		item->u = head;
		return p;
	}
	if (head >= 0xe0) {
		item->kind = CODEC_INT;
		item->i = (int64_t)head - 256;
		return p;
	}
	if (head >= 0xa0 && head <= 0xbf) {
		item->kind = CODEC_STR;
		item->str.data = p;
		item->str.len = head & 0x1f;
		return item->str.len <= (size_t)(end - p) ? p + item->str.len : NULL;
	}
	if (head <= 0x9f) {
		item->kind = head <= 0x8f ? CODEC_MAP : CODEC_ARRAY;
		item->count = head & 0x0f;
		return (size_t)item->count * (head <= 0x8f ? 2 : 1) <= (size_t)(end - p) ? p : NULL;
	}
	switch (head) {
	case 0xc0:
		item->kind = CODEC_NIL;
		return p;
	case 0xc2:
	case 0xc3:
		item->kind = CODEC_BOOL;
		item->b = head == 0xc3;
		return p;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return item_bytes(p, end, 1u << (head - 0xc4), CODEC_BIN, item);
	case 0xca:
	case 0xcb:
		return item_float(p, end, head, item);
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return item_integer(p, end, head, item);
	case 0xd9:
	case 0xda:
	case 0xdb:
		return item_bytes(p, end, 1u << (head - 0xd9), CODEC_STR, item);
	case 0xdc:
	case 0xdd:
		return item_container(p, end, head == 0xdc ? 2 : 4, CODEC_ARRAY, item);
	case 0xde:
	case 0xdf:
		return item_container(p, end, head == 0xde ? 2 : 4, CODEC_MAP, item);
	default:
		return NULL;
	}
}

/* Walk one whole value that nests at most `max_depth` containers. Returns what follows it or NULL.
 */
const uint8_t *item_walk(const uint8_t *p, const uint8_t *end, unsigned max_depth);

#endif
