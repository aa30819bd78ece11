/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ipc/client/json_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/client/json.h"
#include "ipc/client/json_bytes.h"

enum scan_state {
	IN_START = 0,    /* before the outermost value */
	IN_VALUE,        /* a value must follow */
	IN_VALUE_OR_END, /* after '[' */
	IN_NAME,         /* after ',' in an object */
	IN_NAME_OR_END,  /* after '{' */
	IN_COLON,
	IN_AFTER, /* after a value in a container: ',' or its end */
	IN_STRING,
	IN_NUMBER,
	IN_LITERAL,
	IN_DONE,
};

/* Where in a number we are; the ones that may be its end are marked. */
enum number_state {
	NUM_MINUS,
	NUM_ZERO, /* end */
	NUM_INT,  /* end */
	NUM_DOT,
	NUM_FRAC, /* end */
	NUM_E,
	NUM_E_SIGN,
	NUM_EXP, /* end */
};

/* What a step of the machine returns: go on, wait for more bytes, or a negative errno. */
enum { STEP_ON = 0, STEP_MORE = 1 };

#define FNV_BASIS 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

void
cal_json_scan_init(struct cal_json_scan *scan, cal_json_event_fn event, void *ctx)
{
	memset(scan, 0, sizeof(*scan));
	scan->event = event;
	scan->ctx = ctx;
}

void
cal_json_scan_free(struct cal_json_scan *scan)
{
	free(scan->names);
	scan->names = NULL;
	scan->cap_names = 0;
}

void
cal_json_scan_reset(struct cal_json_scan *scan)
{
	scan->error = NULL;
	scan->error_offset = 0;
	scan->pos = scan->token = 0;
	scan->state = IN_START;
	scan->depth = 0;
	scan->in_object = 0;
	scan->values = 0;
	scan->num_names = 0;
}

static int
fail(struct cal_json_scan *scan, size_t offset, const char *error)
{
	scan->error = error;
	scan->error_offset = offset;
	return -EBADMSG;
}

static int
emit(struct cal_json_scan *scan, enum cal_json_event_kind kind, size_t start, bool flag)
{
	struct cal_json_event event = {
		.kind = kind,
		.depth = scan->depth,
		.start = start,
		.end = scan->pos,
		.repeated = kind == CAL_JSON_NAME && flag,
		.has_nul = kind == CAL_JSON_NAME && scan->has_nul,
		.out_of_range = kind == CAL_JSON_SCALAR && flag,
	};

	if (scan->max_values != 0 && ++scan->values > scan->max_values) {
		scan->error = "too many values";
		scan->error_offset = start;
		return -E2BIG;
	}
	if (scan->event != NULL) {
		scan->event(scan->ctx, &event);
	}
	return 0;
}

static void
value_ended(struct cal_json_scan *scan)
{
	scan->state = scan->depth == 0 ? IN_DONE : IN_AFTER;
}

/* --- strings ---------------------------------------------------------------------------------- */

static void
hash_byte(struct cal_json_scan *scan, unsigned char c)
{
	scan->hash = (scan->hash ^ c) * FNV_PRIME;
}

/* Names are compared by what they mean: "a" and "\u0061" are the same. */
static void
hash_code_point(struct cal_json_scan *scan, uint32_t cp)
{
	if (cp < 0x80) {
		hash_byte(scan, (unsigned char)cp);
		return;
	}
	if (cp < 0x800) {
		hash_byte(scan, (unsigned char)(0xc0 | cp >> 6));
	} else {
		if (cp < 0x10000) {
			hash_byte(scan, (unsigned char)(0xe0 | cp >> 12));
		} else {
			hash_byte(scan, (unsigned char)(0xf0 | cp >> 18));
			hash_byte(scan, (unsigned char)(0x80 | (cp >> 12 & 0x3f)));
		}
		hash_byte(scan, (unsigned char)(0x80 | (cp >> 6 & 0x3f)));
	}
	hash_byte(scan, (unsigned char)(0x80 | (cp & 0x3f)));
}

/* Four hex digits; -1 when they are not. */
static int32_t
hex4(const char *p)
{
	int32_t value = 0;
	int i, digit;

	for (i = 0; i < 4; i++) {
		if (p[i] >= '0' && p[i] <= '9') {
			digit = p[i] - '0';
		} else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f') {
			digit = (p[i] | 0x20) - 'a' + 10;
		} else {
			return -1;
		}
		value = value << 4 | digit;
	}
	return value;
}

static int
unicode_escape(struct cal_json_scan *scan, const char *text, size_t len)
{
	const char *p = text + scan->pos;
	size_t left = len - scan->pos;
	int32_t cp, low;

	if (left < 6) {
		return STEP_MORE;
	}
	cp = hex4(p + 2);
	if (cp < 0) {
		return fail(scan, scan->pos, "a \\u escape needs four hex digits");
	}
	scan->has_nul |= cp == 0;
	if (cp == 0 && scan->name && !scan->nul_names) {
		return fail(scan, scan->pos, "a name must not have a NUL in it");
	}
	if (cp >= 0xdc00 && cp <= 0xdfff) {
		return fail(scan, scan->pos, "half of a surrogate pair");
	}
	if (cp >= 0xd800 && cp <= 0xdbff) {
		if ((left > 6 && p[6] != '\\') || (left > 7 && p[7] != 'u')) {
			return fail(scan, scan->pos, "half of a surrogate pair");
		}
		if (left < 12) {
			return STEP_MORE;
		}
		low = hex4(p + 8);
		if (low < 0xdc00 || low > 0xdfff) {
			return fail(scan, scan->pos, "half of a surrogate pair");
		}
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
		scan->pos += 6;
	}
	scan->pos += 6;
	hash_code_point(scan, (uint32_t)cp);
	return STEP_ON;
}

static int
string_escape(struct cal_json_scan *scan, const char *text, size_t len)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c;

	if (len - scan->pos < 2) {
		return STEP_MORE;
	}
	c = text[scan->pos + 1];
	if (c == 'u') {
		return unicode_escape(scan, text, len);
	}
	found = c == '\0' ? NULL : strchr(letters, c);
	if (found == NULL) {
		return fail(scan, scan->pos, "an unknown escape in a string");
	}
	hash_byte(scan, (unsigned char)meanings[found - letters]);
	scan->pos += 2;
	return STEP_ON;
}

static int
name_ended(struct cal_json_scan *scan)
{
	size_t i, cap;
	uint64_t *names;
	bool repeated = false;

	for (i = scan->first_name[scan->depth - 1]; i < scan->num_names && !repeated; i++) {
		repeated = scan->names[i] == scan->hash;
	}
	if (scan->num_names == scan->cap_names) {
		cap = scan->cap_names == 0 ? 64 : scan->cap_names * 2;
		names = realloc(scan->names, cap * sizeof(*names));
		if (names == NULL) {
			return -ENOMEM;
		}
		scan->names = names;
		scan->cap_names = cap;
	}
	scan->names[scan->num_names++] = scan->hash;
	scan->state = IN_COLON;
	return emit(scan, CAL_JSON_NAME, scan->token, repeated);
}

static int
step_string(struct cal_json_scan *scan, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;
	bool valid;
	int rc;

	while (scan->pos < len) {
		unsigned char c = p[scan->pos];

		if (c == '"') {
			scan->pos++;
			if (scan->name) {
				return name_ended(scan);
			}
			value_ended(scan);
			return emit(scan, CAL_JSON_SCALAR, scan->token, false);
		}
		if (c == '\\') {
			rc = string_escape(scan, text, len);
			if (rc != STEP_ON) {
				return rc;
			}
			continue;
		}
		if (c < 0x20) {
			return fail(scan, scan->pos, "a control character in a string");
		}
		if (c < 0x80) {
			n = json_plain_run(p + scan->pos, len - scan->pos);
			/* Of values nobody asks whether they are the same. */
			for (; scan->name && n > 0; n--) {
				hash_byte(scan, p[scan->pos++]);
			}
			scan->pos += n;
			continue;
		}
		n = cal_utf8_next(p + scan->pos, len - scan->pos, &valid);
		if (!valid) {
			return n == len - scan->pos
			               ? STEP_MORE
			               : fail(scan, scan->pos, "bytes that are not UTF-8");
		}
		for (; n > 0; n--) {
			hash_byte(scan, p[scan->pos++]);
		}
	}
	return STEP_MORE;
}

/* --- numbers and literals --------------------------------------------------------------------- */

static bool
number_may_end(unsigned state)
{
	return state == NUM_ZERO || state == NUM_INT || state == NUM_FRAC || state == NUM_EXP;
}

/* The state after `c`, or -1 when `c` is no part of the number. */
static int
number_next(unsigned state, char c)
{
	bool digit = c >= '0' && c <= '9';

	switch (state) {
	case NUM_MINUS:
		return c == '0' ? NUM_ZERO : digit ? NUM_INT : -1;
	case NUM_ZERO:
	case NUM_INT:
		if (digit && state == NUM_INT) {
			return NUM_INT;
		}
		return c == '.' ? NUM_DOT : (c | 0x20) == 'e' ? NUM_E : -1;
	case NUM_DOT:
		return digit ? NUM_FRAC : -1;
	case NUM_FRAC:
		return digit ? NUM_FRAC : (c | 0x20) == 'e' ? NUM_E : -1;
	case NUM_E:
		return digit ? NUM_EXP : c == '+' || c == '-' ? NUM_E_SIGN : -1;
	case NUM_E_SIGN:
	case NUM_EXP:
		return digit ? NUM_EXP : -1;
	}
	return -1;
}

static bool
integer_out_of_range(const char *digits, size_t len)
{
	static const char max[] = "18446744073709551615", min[] = "9223372036854775808";
	bool negative = digits[0] == '-';
	const char *limit = negative ? min : max;
	size_t limit_len = negative ? sizeof(min) - 1 : sizeof(max) - 1;

	digits += negative;
	len -= negative;
	return len > limit_len || (len == limit_len && memcmp(digits, limit, len) > 0);
}

static int
step_number(struct cal_json_scan *scan, const char *text, size_t len, bool last)
{
	bool integer, out_of_range;
	int next;

	while (scan->pos < len) {
		next = number_next(scan->number, text[scan->pos]);
		if (next < 0) {
			break;
		}
		scan->number = (unsigned)next;
		scan->pos++;
	}
	if (scan->pos == len && !last) {
		return STEP_MORE;
	}
	/* A digit here is one after a leading zero. */
	if (!number_may_end(scan->number) ||
	    (scan->pos < len && strchr("0123456789+-._", text[scan->pos]) != NULL &&
	     text[scan->pos] != '\0')) {
		return fail(scan, scan->pos < len ? scan->pos : scan->token, "a malformed number");
	}
	integer = scan->number == NUM_ZERO || scan->number == NUM_INT;
	out_of_range = integer && integer_out_of_range(text + scan->token, scan->pos - scan->token);
	value_ended(scan);
	return emit(scan, CAL_JSON_SCALAR, scan->token, out_of_range);
}

static int
step_literal(struct cal_json_scan *scan, const char *text, size_t len)
{
	const char *start = text + scan->token;
	const char *word = start[0] == 't' ? "true" : start[0] == 'f' ? "false" : "null";
	size_t want = strlen(word), have = len - scan->token;

	if (memcmp(start, word, have < want ? have : want) != 0) {
		return fail(scan, scan->token, "an unknown word");
	}
	if (have < want) {
		return STEP_MORE;
	}
	scan->pos = scan->token + want;
	value_ended(scan);
	return emit(scan, CAL_JSON_SCALAR, scan->token, false);
}

/* --- structure -------------------------------------------------------------------------------- */

static int
open_container(struct cal_json_scan *scan, bool object)
{
	size_t start = scan->pos;
	int rc;

	if (scan->depth == CAL_JSON_MAX_DEPTH) {
		return fail(scan, start, "nested more than 64 levels deep");
	}
	scan->pos++;
	rc = emit(scan, object ? CAL_JSON_OBJECT : CAL_JSON_ARRAY, start, false);
	if (object) {
		scan->in_object |= 1ull << scan->depth;
	} else {
		scan->in_object &= ~(1ull << scan->depth);
	}
	scan->first_name[scan->depth] = scan->num_names;
	scan->depth++;
	scan->state = object ? IN_NAME_OR_END : IN_VALUE_OR_END;
	return rc;
}

static int
close_container(struct cal_json_scan *scan)
{
	size_t start = scan->pos++;

	scan->depth--;
	scan->num_names = scan->first_name[scan->depth];
	value_ended(scan);
	return emit(scan, CAL_JSON_END, start, false);
}

static int
begin_string(struct cal_json_scan *scan, bool name)
{
	scan->token = scan->pos++;
	scan->name = name;
	scan->has_nul = false;
	scan->hash = FNV_BASIS;
	scan->state = IN_STRING;
	return STEP_ON;
}

static int
begin_value(struct cal_json_scan *scan, char c)
{
	switch (c) {
	case '{':
	case '[':
		return open_container(scan, c == '{');
	case '"':
		return begin_string(scan, false);
	case 't':
	case 'f':
	case 'n':
		scan->token = scan->pos;
		scan->state = IN_LITERAL;
		return STEP_ON;
	case '-':
		scan->number = NUM_MINUS;
		break;
	case '0':
		scan->number = NUM_ZERO;
		break;
	default:
		if (c < '1' || c > '9') {
			return fail(scan, scan->pos, "a value was expected here");
		}
		scan->number = NUM_INT;
	}
	scan->token = scan->pos++;
	scan->state = IN_NUMBER;
	return STEP_ON;
}

static int
step_after(struct cal_json_scan *scan, char c)
{
	bool object = (scan->in_object >> (scan->depth - 1) & 1) != 0;

	if (c == (object ? '}' : ']')) {
		return close_container(scan);
	}
	if (c != ',') {
		return fail(scan, scan->pos,
		            object ? "a comma or '}' was expected here"
		                   : "a comma or ']' was expected here");
	}
	scan->pos++;
	scan->state = object ? IN_NAME : IN_VALUE;
	return STEP_ON;
}

static int
step_structure(struct cal_json_scan *scan, char c)
{
	switch (scan->state) {
	case IN_VALUE_OR_END:
		if (c == ']') {
			return close_container(scan);
		}
		return begin_value(scan, c);
	case IN_NAME_OR_END:
		if (c == '}') {
			return close_container(scan);
		}
		/* fall through */
	case IN_NAME:
		if (c != '"') {
			return fail(scan, scan->pos, "a name in double quotes was expected here");
		}
		return begin_string(scan, true);
	case IN_COLON:
		if (c != ':') {
			return fail(scan, scan->pos, "a colon was expected here");
		}
		scan->pos++;
		scan->state = IN_VALUE;
		return STEP_ON;
	case IN_AFTER:
		return step_after(scan, c);
	default:
		return begin_value(scan, c);
	}
}

/* The length of the comment at `p`, 0 when it is incomplete, -1 when there is none. */
static long
comment_length(const char *p, size_t len, bool last)
{
	const char *end;

	if (len < 2) {
		return last ? -1 : 0;
	}
	if (p[1] == '/') {
		/* Either character of a line's end ends it, as for spdk_json_parse(). */
		for (end = p + 2; end < p + len && *end != '\n' && *end != '\r'; end++) {
		}
		return end < p + len || last ? end - p : 0;
	}
	if (p[1] == '*') {
		end = len < 4 ? NULL : memmem(p + 2, len - 2, "*/", 2);
		return end != NULL ? end + 2 - p : 0;
	}
	return -1;
}

static int
skip_blank(struct cal_json_scan *scan, const char *text, size_t len, bool last)
{
	long n;

	while (scan->pos < len) {
		char c = text[scan->pos];

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			scan->pos++;
		} else if (c == '/' && scan->comments) {
			n = comment_length(text + scan->pos, len - scan->pos, last);
			if (n < 0) {
				return fail(scan, scan->pos, "a value was expected here");
			}
			if (n == 0) {
				return last ? fail(scan, scan->pos, "a comment without an end")
				            : STEP_MORE;
			}
			scan->pos += (size_t)n;
		} else {
			return STEP_ON;
		}
	}
	return STEP_MORE;
}

int
cal_json_scan(struct cal_json_scan *scan, const char *text, size_t len, bool last, size_t *end)
{
	int rc = STEP_ON;

	*end = 0;
	while (rc == STEP_ON && scan->state != IN_DONE) {
		switch (scan->state) {
		case IN_STRING:
			rc = step_string(scan, text, len);
			break;
		case IN_NUMBER:
			rc = step_number(scan, text, len, last);
			break;
		case IN_LITERAL:
			rc = step_literal(scan, text, len);
			break;
		default:
			rc = skip_blank(scan, text, len, last);
			if (rc == STEP_ON) {
				rc = step_structure(scan, text[scan->pos]);
			}
		}
	}
	if (rc < 0) {
		return rc;
	}
	if (scan->state == IN_DONE) {
		*end = scan->pos;
		return 1;
	}
	if (scan->state == IN_START) {
		*end = scan->pos;
		return 0;
	}
	return last ? fail(scan, len, "the text ends in the middle of a value") : 0;
}

void
cal_json_blank_comments(char *text, size_t len)
{
	bool in_string = false;
	size_t i = 0;
	long n;

	while (i < len) {
		n = !in_string && text[i] == '/' ? comment_length(text + i, len - i, true) : 0;
		if (n > 0) {
			/* What follows is looked at: it may be a string's beginning. */
			for (; n > 0; n--, i++) {
				text[i] = text[i] == '\n' ? '\n' : ' ';
			}
			continue;
		}
		if (in_string && text[i] == '\\') {
			i++;
		} else if (text[i] == '"') {
			in_string = !in_string;
		}
		i++;
	}
}

void
cal_json_position(const char *text, size_t offset, unsigned *line, unsigned *column)
{
	size_t i, start = 0;

	*line = 1;
	for (i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			(*line)++;
			start = i + 1;
		}
	}
	*column = (unsigned)(offset - start) + 1;
}
