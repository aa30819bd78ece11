/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* JSON text → MessagePack in one pass, with no tree between: names that stand twice stay twice, and
 * a number is an integer when its value is one, however it is written and whatever a double could
 * hold. So the primary's decoders see what SPDK's would see in the text, and refuse the same.
 *
 * The text has been through the scanner (json_scan.h); what is checked here once more is only what
 * keeps this from reading or writing outside. */

#include "ipc/client/json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/client/json_scan.h"

struct open_container {
	size_t place;
	uint32_t count;
	bool object;
};

struct text_pack {
	struct codec_buf *buf;
	const char *p, *end;
	unsigned depth;
	struct open_container open[CAL_JSON_MAX_DEPTH];
	struct cal_text unescaped;
};

/* --- strings ---------------------------------------------------------------------------------- */

static int
read_hex4(const char *p, const char *end, uint32_t *value)
{
	unsigned i, digit;

	if (end - p < 4) {
		return -EBADMSG;
	}
	*value = 0;
	for (i = 0; i < 4; i++) {
		if (p[i] >= '0' && p[i] <= '9') {
			digit = (unsigned)(p[i] - '0');
		} else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f') {
			digit = (unsigned)((p[i] | 0x20) - 'a') + 10;
		} else {
			return -EBADMSG;
		}
		*value = *value << 4 | digit;
	}
	return 0;
}

static int
append_code_point(struct cal_text *text, uint32_t c)
{
	char out[4];
	size_t len = 0;

	if (c < 0x80) {
		out[len++] = (char)c;
	} else if (c < 0x800) {
		out[len++] = (char)(0xc0 | c >> 6);
		out[len++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[len++] = (char)(0xe0 | c >> 12);
		out[len++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[len++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[len++] = (char)(0xf0 | c >> 18);
		out[len++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[len++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[len++] = (char)(0x80 | (c & 0x3f));
	}
	return cal_text_append(text, out, len);
}

/* Behind \u: four digits, or a pair of surrogates. */
static int
unescape_unicode(struct text_pack *tp)
{
	uint32_t c, low;

	if (read_hex4(tp->p, tp->end, &c) != 0) {
		return -EBADMSG;
	}
	tp->p += 4;
	if (c >= 0xd800 && c <= 0xdfff) {
		if (c > 0xdbff || tp->end - tp->p < 6 || tp->p[0] != '\\' || tp->p[1] != 'u' ||
		    read_hex4(tp->p + 2, tp->end, &low) != 0 || low < 0xdc00 || low > 0xdfff) {
			return -EBADMSG;
		}
		tp->p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return append_code_point(&tp->unescaped, c);
}

static int
unescape(struct text_pack *tp)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (tp->end - tp->p < 2) {
		return -EBADMSG;
	}
	tp->p += 2;
	if (tp->p[-1] == 'u') {
		return unescape_unicode(tp);
	}
	found = tp->p[-1] == '\0' ? NULL : strchr(letters, tp->p[-1]);
	return found == NULL ? -EBADMSG
	                     : cal_text_append(&tp->unescaped, &meanings[found - letters], 1);
}

static const char *
plain_run_end(const struct text_pack *tp)
{
	const char *p = tp->p;

	while (p < tp->end && *p != '"' && *p != '\\') {
		p++;
	}
	return p;
}

static int
pack_string(struct text_pack *tp)
{
	const char *run;
	int rc = 0;

	tp->p++;
	run = plain_run_end(tp);
	if (run < tp->end && *run == '"') {
		codec_put_str(tp->buf, tp->p, (size_t)(run - tp->p));
		tp->p = run + 1;
		return 0;
	}
	tp->unescaped.len = 0;
	while (rc == 0) {
		run = plain_run_end(tp);
		if (run == tp->end) {
			return -EBADMSG;
		}
		rc = cal_text_append(&tp->unescaped, tp->p, (size_t)(run - tp->p));
		tp->p = run;
		if (*run == '"') {
			break;
		}
		rc = rc == 0 ? unescape(tp) : rc;
	}
	if (rc == 0) {
		codec_put_str(tp->buf, tp->unescaped.data, tp->unescaped.len);
		tp->p++;
	}
	return rc;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* A number's digits as one row with the decimal point somewhere. */
struct digits {
	bool negative;
	const char *first, *end; /* the point may be among them */
	long point;              /* of the digits, how many stand before it */
};

enum { IS_INTEGER, IS_HUGE, IS_FRACTION };

#define EXPONENT_LIMIT 1000000

static void
split_number(const char *p, const char *end, struct digits *d)
{
	long exponent = 0;
	bool negative;

	d->negative = *p == '-';
	p += d->negative;
	d->first = p;
	while (p < end && *p >= '0' && *p <= '9') {
		p++;
	}
	d->point = p - d->first;
	while (p < end && *p != 'e' && *p != 'E') {
		p++;
	}
	d->end = p;
	if (p < end) {
		p++;
		negative = p < end && *p == '-';
		for (; p < end; p++) {
			if (*p >= '0' && *p <= '9' && exponent < EXPONENT_LIMIT) {
				exponent = exponent * 10 + (*p - '0');
			}
		}
		d->point += negative ? -exponent : exponent;
	}
}

/* The value, if it is an integer of at most 64 bits. */
static int
integer_of(const struct digits *d, uint64_t *value)
{
	bool huge = false;
	const char *p;
	long place = 0;

	*value = 0;
	for (p = d->first; p < d->end; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (*p == '.') {
			continue;
		}
		if (place++ >= d->point) {
			if (digit != 0) {
				return IS_FRACTION;
			}
		} else if (__builtin_mul_overflow(*value, (uint64_t)10, value) ||
		           __builtin_add_overflow(*value, digit, value)) {
			huge = true;
		}
	}
	for (; place < d->point && *value != 0 && !huge; place++) {
		huge = __builtin_mul_overflow(*value, (uint64_t)10, value);
	}
	return huge ? IS_HUGE : IS_INTEGER;
}

/* What is no integer must not become one by rounding, nor infinite. */
static void
pack_double(struct codec_buf *buf, const char *text, bool fraction)
{
	double value = strtod(text, NULL);

	if (!isfinite(value)) {
		value = copysign(DBL_MAX, value);
	} else if (fraction && fabs(value) > 0x1p52) {
		value = copysign(0x1p52 - 0.5, value);
	} else if (fraction && value == nearbyint(value)) {
		value = nextafter(value, copysign(INFINITY, value));
	}
	codec_put_double(buf, value);
}

static int
pack_number(struct text_pack *tp)
{
	const char *start = tp->p;
	char few[64], *text = few;
	struct digits digits;
	uint64_t value;
	size_t len;
	int kind;

	while (tp->p < tp->end && strchr("+-.eE0123456789", *tp->p) != NULL && *tp->p != '\0') {
		tp->p++;
	}
	split_number(start, tp->p, &digits);
	kind = integer_of(&digits, &value);
	if (kind == IS_INTEGER && !digits.negative) {
		codec_put_uint(tp->buf, value);
		return 0;
	}
	if (kind == IS_INTEGER && value == 0) {
		codec_put_double(tp->buf, -0.0); /* no unsigned integer, SPDK says */
		return 0;
	}
	if (kind == IS_INTEGER && value <= (uint64_t)INT64_MAX + 1) {
		codec_put_int(tp->buf, (int64_t)(0 - value));
		return 0;
	}
	len = (size_t)(tp->p - start);
	if (len >= sizeof(few)) {
		text = malloc(len + 1);
		if (text == NULL) {
			return -ENOMEM;
		}
	}
	memcpy(text, start, len);
	text[len] = '\0';
	pack_double(tp->buf, text, kind == IS_FRACTION);
	if (text != few) {
		free(text);
	}
	return 0;
}

/* --- structure -------------------------------------------------------------------------------- */

static int
pack_word(struct text_pack *tp, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(tp->end - tp->p) < len || memcmp(tp->p, word, len) != 0) {
		return -EBADMSG;
	}
	tp->p += len;
	if (word[0] == 'n') {
		codec_put_nil(tp->buf);
	} else {
		codec_put_bool(tp->buf, word[0] == 't');
	}
	return 0;
}

static int
pack_begin(struct text_pack *tp, bool object)
{
	struct open_container *open;

	if (tp->depth == CAL_JSON_MAX_DEPTH) {
		return -EBADMSG;
	}
	open = &tp->open[tp->depth++];
	open->object = object;
	open->count = 0;
	open->place = object ? codec_begin_map(tp->buf) : codec_begin_array(tp->buf);
	tp->p++;
	return 0;
}

static int
pack_end(struct text_pack *tp, bool object)
{
	struct open_container *open;

	if (tp->depth == 0 || tp->open[tp->depth - 1].object != object) {
		return -EBADMSG;
	}
	open = &tp->open[--tp->depth];
	/* Names and values of an object were counted alike. */
	codec_end(tp->buf, open->place, object ? open->count / 2 : open->count);
	tp->p++;
	return object && open->count % 2 != 0 ? -EBADMSG : 0;
}

static int
pack_token(struct text_pack *tp)
{
	char c = *tp->p;

	if (tp->depth > 0 && c != ']' && c != '}') {
		struct open_container *around = &tp->open[tp->depth - 1];

		if (around->object && around->count % 2 == 0 && c != '"') {
			return -EBADMSG; /* a name was due */
		}
		around->count++;
	}
	switch (c) {
	case '{':
	case '[':
		return pack_begin(tp, c == '{');
	case '}':
	case ']':
		return pack_end(tp, c == '}');
	case '"':
		return pack_string(tp);
	case 't':
		return pack_word(tp, "true");
	case 'f':
		return pack_word(tp, "false");
	case 'n':
		return pack_word(tp, "null");
	default:
		return c == '-' || (c >= '0' && c <= '9') ? pack_number(tp) : -EBADMSG;
	}
}

int
cal_json_pack_text(struct codec_buf *buf, const char *text, size_t len)
{
	struct text_pack tp = { .buf = buf, .p = text, .end = text + len };
	bool any = false;
	int rc = 0;

	while (rc == 0) {
		while (tp.p < tp.end && strchr(" \t\r\n,:", *tp.p) != NULL && *tp.p != '\0') {
			tp.p++;
		}
		if (tp.p == tp.end) {
			rc = any && tp.depth == 0 ? 0 : -EBADMSG;
			break;
		}
		if (any && tp.depth == 0) {
			rc = -EBADMSG; /* a second value */
			break;
		}
		any = true;
		rc = pack_token(&tp);
	}
	cal_text_free(&tp.unescaped);
	return rc != 0 ? rc : buf->failed ? -ENOMEM : 0;
}
