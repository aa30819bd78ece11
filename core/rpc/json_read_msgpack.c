/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* MessagePack into an array of values. Twice over the bytes: once to measure and refuse, once to
 * fill. Numbers become text because that is what a value's `start` promises, and handlers of SPDK's
 * do read it; so does every decoder, hence one set of acceptance rules for both formats. */

#include <inttypes.h>
#include <math.h>

#include "core/rpc/json_internal.h"

/* The longest text of a number: -1.7976931348623157e+308, 18446744073709551615. */
#define NUMBER_TEXT_MAX 25

static unsigned
number_text(char *text, const struct codec_item *item)
{
	if (item->kind == CODEC_UINT) {
		char digits[20];
		unsigned n = 0, i;
		uint64_t u = item->u;

		do {
			digits[n++] = (char)('0' + u % 10);
			u /= 10;
		} while (u != 0);
		for (i = 0; i < n; i++) {
			text[i] = digits[n - 1 - i];
		}
		text[n] = '\0';
		return n;
	}
	if (item->kind == CODEC_INT) {
		return (unsigned)snprintf(text, NUMBER_TEXT_MAX, "%" PRId64, item->i);
	}
	/* Seventeen digits name every double; 1e3 comes out as 1000, an integer again. */
	return (unsigned)snprintf(text, NUMBER_TEXT_MAX, "%.17g", item->d);
}

struct open_container {
	uint64_t left; /* values still to come: names and values of an object */
	bool object;
	struct spdk_json_val *begin;
};

static bool
is_name(const struct open_container *around)
{
	return around != NULL && around->object && around->left % 2 == 0;
}

static const char *
refuse(const struct codec_item *item, bool name)
{
	if (name && item->kind != CODEC_STR) {
		return "a name in params is no string";
	}
	switch (item->kind) {
	case CODEC_BIN:
		return "params contain a byte string";
	case CODEC_STR:
		return json_utf8_valid(item->str.data, item->str.len)
		               ? NULL
		               : "params contain a string that is not UTF-8";
	case CODEC_DOUBLE:
		return isfinite(item->d) ? NULL : "params contain a number that is not finite";
	case CODEC_END:
		return "params are malformed";
	default:
		return NULL;
	}
}

static size_t
text_size(const struct codec_item *item)
{
	switch (item->kind) {
	case CODEC_STR:
		return item->str.len + 1;
	case CODEC_UINT:
	case CODEC_INT:
	case CODEC_DOUBLE:
		return NUMBER_TEXT_MAX;
	default:
		return 0;
	}
}

int
json_values_measure(const void *value, size_t len, size_t max_values, struct json_values_size *size,
                    const char **why)
{
	struct open_container open[CODEC_MAX_DEPTH];
	struct codec_cursor cur;
	unsigned depth = 0;

	size->num_values = size->text = 0;
	codec_cursor_init(&cur, value, len);
	do {
		struct codec_item item = codec_next(&cur);
		bool container = item.kind == CODEC_ARRAY || item.kind == CODEC_MAP;

		*why = refuse(&item, is_name(depth > 0 ? &open[depth - 1] : NULL));
		if (*why == NULL && container && depth == CODEC_MAX_DEPTH) {
			*why = "params nest too deep";
		}
		if (*why != NULL) {
			return -EINVAL;
		}
		size->num_values += container ? 2 : 1;
		size->text += text_size(&item);
		if (size->num_values > max_values) {
			*why = "params contain too many values";
			return -E2BIG;
		}
		if (container) {
			open[depth].object = item.kind == CODEC_MAP;
			open[depth].left =
				item.kind == CODEC_MAP ? 2 * (uint64_t)item.count : item.count;
			depth++;
		} else if (depth > 0) {
			open[depth - 1].left--;
		}
		while (depth > 0 && open[depth - 1].left == 0) {
			depth--;
			if (depth > 0) {
				open[depth - 1].left--;
			}
		}
	} while (depth > 0);
	return 0;
}

/* What the values that have no text of their own point to. */
static char g_null[] = "null", g_true[] = "true", g_false[] = "false";
static char g_brackets[][2] = { "[", "]", "{", "}" };

static void
fill_constant(struct spdk_json_val *val, enum spdk_json_val_type type, char *text)
{
	val->type = type;
	val->start = text;
	val->len = (uint32_t)strlen(text);
}

static char *
fill_one(struct spdk_json_val *val, const struct codec_item *item, bool name, char *text)
{
	switch (item->kind) {
	case CODEC_NIL:
		fill_constant(val, SPDK_JSON_VAL_NULL, g_null);
		return text;
	case CODEC_BOOL:
		fill_constant(val, item->b ? SPDK_JSON_VAL_TRUE : SPDK_JSON_VAL_FALSE,
		              item->b ? g_true : g_false);
		return text;
	case CODEC_STR:
		val->type = name ? SPDK_JSON_VAL_NAME : SPDK_JSON_VAL_STRING;
		val->start = text;
		val->len = (uint32_t)item->str.len;
		memcpy(text, item->str.data, item->str.len);
		text[item->str.len] = '\0';
		return text + item->str.len + 1;
	case CODEC_ARRAY:
		fill_constant(val, SPDK_JSON_VAL_ARRAY_BEGIN, g_brackets[0]);
		return text;
	case CODEC_MAP:
		fill_constant(val, SPDK_JSON_VAL_OBJECT_BEGIN, g_brackets[2]);
		return text;
	default:
		val->type = SPDK_JSON_VAL_NUMBER;
		val->start = text;
		val->len = number_text(text, item);
		return text + NUMBER_TEXT_MAX;
	}
}

/* The _END of a container; its _BEGIN learns how much stands in between. */
static void
fill_end(struct spdk_json_val *end, const struct open_container *open)
{
	fill_constant(end, open->object ? SPDK_JSON_VAL_OBJECT_END : SPDK_JSON_VAL_ARRAY_END,
	              g_brackets[open->object ? 3 : 1]);
	open->begin->len = (uint32_t)(end - open->begin - 1);
}

void
json_values_fill(const void *value, size_t len, struct spdk_json_val *values, char *text)
{
	struct open_container open[CODEC_MAX_DEPTH];
	struct codec_cursor cur;
	unsigned depth = 0;

	codec_cursor_init(&cur, value, len);
	do {
		struct codec_item item = codec_next(&cur);

		text = fill_one(values, &item, is_name(depth > 0 ? &open[depth - 1] : NULL), text);
		if (item.kind == CODEC_ARRAY || item.kind == CODEC_MAP) {
			open[depth].object = item.kind == CODEC_MAP;
			open[depth].left =
				item.kind == CODEC_MAP ? 2 * (uint64_t)item.count : item.count;
			open[depth].begin = values;
			depth++;
		} else if (depth > 0) {
			open[depth - 1].left--;
		}
		values++;
		while (depth > 0 && open[depth - 1].left == 0) {
			depth--;
			fill_end(values++, &open[depth]);
			if (depth > 0) {
				open[depth - 1].left--;
			}
		}
	} while (depth > 0);
}
