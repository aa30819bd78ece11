/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>

#include "ipc/codec/codec.h"
#include "ipc/codec/item.h"

void
codec_cursor_init(struct codec_cursor *cur, const void *value, size_t len)
{
	cur->p = value;
	cur->end = cur->p + len;
}

struct codec_item
codec_next(struct codec_cursor *cur)
{
	struct codec_item item;
	const uint8_t *next = item_read(cur->p, cur->end, &item);

	if (next == NULL) {
		/* Malformed bytes end the walk: whoever asks again gets the same answer. */
		item.kind = CODEC_END;
		item.u = 0;
		next = cur->end;
	}
	cur->p = next;
	return item;
}

int
codec_skip(struct codec_cursor *cur)
{
	const uint8_t *next = item_walk(cur->p, cur->end, CODEC_MAX_DEPTH);

	if (next == NULL) {
		cur->p = cur->end;
		return -EBADMSG;
	}
	cur->p = next;
	return 0;
}

int
codec_map_find(const void *map, size_t len, const char *key, struct codec_cursor *out)
{
	size_t key_len = strlen(key);
	struct codec_cursor cur;
	struct codec_item item;
	const uint8_t *value;
	uint32_t i, pairs;
	bool match;

	codec_cursor_init(&cur, map, len);
	item = codec_next(&cur);
	if (item.kind != CODEC_MAP) {
		return -ENOENT;
	}
	pairs = item.count;
	for (i = 0; i < pairs; i++) {
		struct codec_cursor name = cur;

		item = codec_next(&name);
		match = item.kind == CODEC_STR && item.str.len == key_len &&
		        memcmp(item.str.data, key, key_len) == 0;
		if (codec_skip(&cur) != 0) {
			break;
		}
		value = cur.p;
		if (codec_skip(&cur) != 0) {
			break;
		}
		if (match) {
			out->p = value;
			out->end = cur.p;
			return 0;
		}
	}
	return -ENOENT;
}
