/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>

#include "ipc/codec/codec.h"
#include "ipc/codec/item.h"

const uint8_t *
item_walk(const uint8_t *p, const uint8_t *end, unsigned max_depth)
{
	uint64_t left[CODEC_MAX_DEPTH]; /* values still to come in each open container */
	struct codec_item item;
	unsigned depth = 0;

	for (;;) {
		p = item_read(p, end, &item);
		if (p == NULL) {
			return NULL;
		}
		if (item.kind == CODEC_ARRAY || item.kind == CODEC_MAP) {
			if (depth == max_depth) {
				return NULL;
			}
			left[depth++] =
				item.kind == CODEC_MAP ? 2 * (uint64_t)item.count : item.count;
		} else if (depth > 0) {
			left[depth - 1]--;
		}
		/* A container that is complete counts as one value of the one around it. */
		while (depth > 0 && left[depth - 1] == 0) {
			depth--;
			if (depth > 0) {
				left[depth - 1]--;
			}
		}
		if (depth == 0) {
			return p;
		}
	}
}

size_t
codec_value_len(const uint8_t *p, size_t len)
{
	const uint8_t *next = item_walk(p, p + len, CODEC_MAX_DEPTH);

	return next == NULL ? 0 : (size_t)(next - p);
}

/* One part of the envelope; the envelope's own array is a level of nesting. */
static const uint8_t *
parse_part(const uint8_t *p, const uint8_t *end, struct codec_span *out)
{
	const uint8_t *next = item_walk(p, end, CODEC_MAX_DEPTH - 1);

	if (next != NULL) {
		out->data = p;
		out->len = (size_t)(next - p);
	}
	return next;
}

static const uint8_t *
parse_id(const uint8_t *p, const uint8_t *end, uint32_t *id)
{
	struct codec_item item;

	p = item_read(p, end, &item);
	if (p == NULL || item.kind != CODEC_UINT || item.u > UINT32_MAX) {
		return NULL;
	}
	*id = (uint32_t)item.u;
	return p;
}

static const uint8_t *
parse_method(const uint8_t *p, const uint8_t *end, struct codec_span *method)
{
	struct codec_item item;

	p = item_read(p, end, &item);
	if (p == NULL || item.kind != CODEC_STR) {
		return NULL;
	}
	*method = item.str;
	return p;
}

int
codec_parse(const void *msg, size_t len, struct codec_envelope *out)
{
	const uint8_t *p = msg, *end = p + len;
	struct codec_item outer, type;

	memset(out, 0, sizeof(*out));
	p = item_read(p, end, &outer);
	if (p == NULL || outer.kind != CODEC_ARRAY) {
		return -EBADMSG;
	}
	p = item_read(p, end, &type);
	if (p == NULL || type.kind != CODEC_UINT || type.u > CODEC_NOTIFICATION ||
	    outer.count != (type.u == CODEC_NOTIFICATION ? 3 : 4)) {
		return -EBADMSG;
	}
	out->type = (enum codec_msg_type)type.u;
	if (out->type != CODEC_NOTIFICATION) {
		p = parse_id(p, end, &out->id);
	}
	if (p != NULL && out->type == CODEC_RESPONSE) {
		p = parse_part(p, end, &out->error);
		if (p != NULL && out->error.data[0] == 0xc0) {
			out->error.len = 0;
		}
		p = p == NULL ? NULL : parse_part(p, end, &out->result);
	} else if (p != NULL) {
		p = parse_method(p, end, &out->method);
		p = p == NULL ? NULL : parse_part(p, end, &out->params);
	}
	return p == end ? 0 : -EBADMSG;
}

int
codec_parse_error(const void *error, size_t len, int *code, struct codec_span *message)
{
	const uint8_t *p = error, *end = p + len;
	struct codec_item item;

	p = item_read(p, end, &item);
	if (p == NULL || item.kind != CODEC_ARRAY || item.count != 2) {
		return -EBADMSG;
	}
	p = item_read(p, end, &item);
	if (p == NULL) {
		return -EBADMSG;
	}
	if (item.kind == CODEC_UINT && item.u <= INT32_MAX) {
		*code = (int)item.u;
	} else if (item.kind == CODEC_INT && item.i >= INT32_MIN) {
		*code = (int)item.i;
	} else {
		return -EBADMSG;
	}
	p = item_read(p, end, &item);
	if (p != end || item.kind != CODEC_STR) {
		return -EBADMSG;
	}
	*message = item.str;
	return 0;
}
