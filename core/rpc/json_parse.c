/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* JSON text into an array of values, for applications and for modules that bring ready-made text.
 * The runtime's own requests never come by here. One pass, no recursion, no allocation: the stack
 * of open containers is as deep as the nesting may be. */

#include "core/rpc/json_internal.h"

struct open_text {
	size_t begin; /* index of the container's _BEGIN */
	bool object;
};

struct parser {
	uint8_t *p;
	uint8_t *end;
	uint32_t flags;
	struct spdk_json_val *values;
	size_t max;
	size_t count;
	unsigned depth;
	struct open_text open[JSON_MAX_DEPTH];
};

static void
add(struct parser *ps, enum spdk_json_val_type type, void *start, size_t len)
{
	if (ps->values != NULL && ps->count < ps->max) {
		ps->values[ps->count].type = type;
		ps->values[ps->count].start = start;
		ps->values[ps->count].len = (uint32_t)len;
	}
	ps->count++;
}

/* --- white space ------------------------------------------------------------------------------ */

/* `p` stands on a slash. Returns 0 behind the comment or an error. */
static int
skip_comment(struct parser *ps)
{
	uint8_t *p = ps->p + 1;

	if (p == ps->end) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	if (*p == '/') {
		while (p < ps->end && *p != '\n' && *p != '\r') {
			p++;
		}
	} else if (*p == '*') {
		for (p++; p + 1 < ps->end && !(p[0] == '*' && p[1] == '/'); p++) {
		}
		if (p + 1 >= ps->end) {
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		p += 2;
	} else {
		return SPDK_JSON_PARSE_INVALID;
	}
	ps->p = p;
	return 0;
}

static int
skip_space(struct parser *ps)
{
	int rc;

	while (ps->p < ps->end) {
		switch (*ps->p) {
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			ps->p++;
			break;
		case '/':
			if (!(ps->flags & SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS)) {
				return 0;
			}
			rc = skip_comment(ps);
			if (rc != 0) {
				return rc;
			}
			break;
		default:
			return 0;
		}
	}
	return 0;
}

/* --- strings ---------------------------------------------------------------------------------- */

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits at *p. */
static int
unicode_unit(uint8_t **p, const uint8_t *end, uint32_t *unit)
{
	int i, digit;

	*unit = 0;
	for (i = 0; i < 4; i++, (*p)++) {
		if (*p == end) {
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		digit = hex_digit(**p);
		if (digit < 0) {
			return SPDK_JSON_PARSE_INVALID;
		}
		*unit = *unit << 4 | (uint32_t)digit;
	}
	return 0;
}

/* What follows \u, the second half of a surrogate pair included. */
static int
unicode_escape(uint8_t **p, const uint8_t *end, uint32_t *codepoint)
{
	static const uint8_t second[] = { '\\', 'u' };
	uint32_t low;
	int rc, i;

	rc = unicode_unit(p, end, codepoint);
	if (rc != 0 || *codepoint < 0xd800 || *codepoint > 0xdfff) {
		return rc;
	}
	if (*codepoint > 0xdbff) {
		return SPDK_JSON_PARSE_INVALID;
	}
	for (i = 0; i < 2; i++, (*p)++) {
		if (*p == end) {
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		if (**p != second[i]) {
			return SPDK_JSON_PARSE_INVALID;
		}
	}
	rc = unicode_unit(p, end, &low);
	if (rc != 0) {
		return rc;
	}
	if (low < 0xdc00 || low > 0xdfff) {
		return SPDK_JSON_PARSE_INVALID;
	}
	*codepoint = 0x10000 + ((*codepoint - 0xd800) << 10 | (low - 0xdc00));
	return 0;
}

/* `*p` stands behind a backslash. */
static int
escape(uint8_t **p, const uint8_t *end, uint32_t *codepoint)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (*p == end) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	if (**p == 'u') {
		(*p)++;
		return unicode_escape(p, end, codepoint);
	}
	at = **p == '\0' ? NULL : strchr(from, **p);
	if (at == NULL) {
		return SPDK_JSON_PARSE_INVALID;
	}
	(*p)++;
	*codepoint = (uint8_t)to[at - from];
	return 0;
}

/* One character of UTF-8; a sequence that the end of the input cuts off is incomplete. */
static int
character(uint8_t **p, const uint8_t *end, uint32_t *codepoint)
{
	static const uint8_t fill[] = { 0x80, 0x80, 0x80 };
	unsigned len = json_utf8_decode(*p, end, codepoint);
	uint8_t tail[8];
	size_t left = (size_t)(end - *p);

	if (len > 0) {
		*p += len;
		return 0;
	}
	if (left < 4) {
		memcpy(tail, *p, left);
		memcpy(tail + left, fill, sizeof(fill));
		len = json_utf8_decode(tail, tail + left + sizeof(fill), codepoint);
		return len > left ? SPDK_JSON_PARSE_INCOMPLETE : SPDK_JSON_PARSE_INVALID;
	}
	return SPDK_JSON_PARSE_INVALID;
}

/* `p` stands on the opening quote. */
static int
string(struct parser *ps, enum spdk_json_val_type type)
{
	bool decode = ps->values != NULL && (ps->flags & SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) != 0;
	uint8_t *p = ps->p + 1, *start = p, *out = p;
	uint32_t codepoint;
	int rc;

	for (;;) {
		if (p == ps->end) {
			return SPDK_JSON_PARSE_INCOMPLETE;
		}
		if (*p == '"') {
			break;
		}
		if (*p < 0x20) {
			return SPDK_JSON_PARSE_INVALID;
		}
		if (*p == '\\') {
			p++;
			rc = escape(&p, ps->end, &codepoint);
		} else {
			rc = character(&p, ps->end, &codepoint);
		}
		if (rc != 0) {
			return rc;
		}
		if (decode) {
			/* Never longer than what it was written as: at most six bytes became four.
			 */
			out += json_utf8_encode(out, codepoint);
		} else {
			out = p;
		}
	}
	add(ps, type, start, (size_t)(out - start));
	ps->p = p + 1;
	return 0;
}

/* --- other scalars ---------------------------------------------------------------------------- */

static int
digits(uint8_t **p, const uint8_t *end)
{
	if (*p == end) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	if (**p < '0' || **p > '9') {
		return SPDK_JSON_PARSE_INVALID;
	}
	while (*p < end && **p >= '0' && **p <= '9') {
		(*p)++;
	}
	return 0;
}

static int
number(struct parser *ps)
{
	uint8_t *p = ps->p;
	int rc = 0;

	p += *p == '-';
	if (p < ps->end && *p == '0') {
		p++; /* nothing may follow a leading zero */
	} else {
		rc = digits(&p, ps->end);
	}
	if (rc == 0 && p < ps->end && *p == '.') {
		p++;
		rc = digits(&p, ps->end);
	}
	if (rc == 0 && p < ps->end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < ps->end && (*p == '+' || *p == '-');
		rc = digits(&p, ps->end);
	}
	if (rc == 0) {
		add(ps, SPDK_JSON_VAL_NUMBER, ps->p, (size_t)(p - ps->p));
		ps->p = p;
	}
	return rc;
}

static int
literal(struct parser *ps, const char *word, enum spdk_json_val_type type)
{
	size_t len = strlen(word);

	/* As with SPDK it is looked at when it is all there. */
	if ((size_t)(ps->end - ps->p) < len) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	if (memcmp(ps->p, word, len) != 0) {
		return SPDK_JSON_PARSE_INVALID;
	}
	add(ps, type, ps->p, len);
	ps->p += len;
	return 0;
}

static int
open_container(struct parser *ps, bool object)
{
	if (ps->depth == JSON_MAX_DEPTH) {
		return SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED;
	}
	ps->open[ps->depth].begin = ps->count;
	ps->open[ps->depth].object = object;
	ps->depth++;
	add(ps, object ? SPDK_JSON_VAL_OBJECT_BEGIN : SPDK_JSON_VAL_ARRAY_BEGIN, ps->p, 0);
	ps->p++;
	return 0;
}

static void
close_container(struct parser *ps)
{
	const struct open_text *open = &ps->open[--ps->depth];

	if (ps->values != NULL && open->begin < ps->max) {
		ps->values[open->begin].len = (uint32_t)(ps->count - open->begin - 1);
	}
	add(ps, open->object ? SPDK_JSON_VAL_OBJECT_END : SPDK_JSON_VAL_ARRAY_END, ps->p, 1);
	ps->p++;
}

/* --- the grammar ------------------------------------------------------------------------------ */

enum expect {
	VALUE,          /* a value */
	VALUE_OR_CLOSE, /* the same, or ] of an empty array */
	NAME,           /* a member's name */
	NAME_OR_CLOSE,  /* the same, or } of an empty object */
	COMMA_OR_CLOSE,
	DONE,
};

static enum expect
after_value(const struct parser *ps)
{
	return ps->depth == 0 ? DONE : COMMA_OR_CLOSE;
}

static int
value(struct parser *ps, enum expect *expect)
{
	int rc;

	switch (*ps->p) {
	case '{':
		*expect = NAME_OR_CLOSE;
		return open_container(ps, true);
	case '[':
		*expect = VALUE_OR_CLOSE;
		return open_container(ps, false);
	case '"':
		rc = string(ps, SPDK_JSON_VAL_STRING);
		break;
	case 't':
		rc = literal(ps, "true", SPDK_JSON_VAL_TRUE);
		break;
	case 'f':
		rc = literal(ps, "false", SPDK_JSON_VAL_FALSE);
		break;
	case 'n':
		rc = literal(ps, "null", SPDK_JSON_VAL_NULL);
		break;
	default:
		if (*ps->p != '-' && (*ps->p < '0' || *ps->p > '9')) {
			return SPDK_JSON_PARSE_INVALID;
		}
		rc = number(ps);
		break;
	}
	*expect = after_value(ps);
	return rc;
}

static int
name(struct parser *ps)
{
	int rc;

	if (*ps->p != '"') {
		return SPDK_JSON_PARSE_INVALID;
	}
	rc = string(ps, SPDK_JSON_VAL_NAME);
	if (rc == 0) {
		rc = skip_space(ps);
	}
	if (rc != 0) {
		return rc;
	}
	if (ps->p == ps->end) {
		return SPDK_JSON_PARSE_INCOMPLETE;
	}
	return *ps->p++ == ':' ? 0 : SPDK_JSON_PARSE_INVALID;
}

static int
step(struct parser *ps, enum expect *expect)
{
	bool object = ps->depth > 0 && ps->open[ps->depth - 1].object;

	if (*expect != VALUE && *expect != NAME && *ps->p == (object ? '}' : ']')) {
		close_container(ps);
		*expect = after_value(ps);
		return 0;
	}
	switch (*expect) {
	case VALUE:
	case VALUE_OR_CLOSE:
		return value(ps, expect);
	case NAME:
	case NAME_OR_CLOSE:
		*expect = VALUE;
		return name(ps);
	default:
		if (*ps->p != ',') {
			return SPDK_JSON_PARSE_INVALID;
		}
		ps->p++;
		*expect = object ? NAME : VALUE;
		return 0;
	}
}

ssize_t
spdk_json_parse(void *json, size_t size, struct spdk_json_val *values, size_t num_values,
                void **end, uint32_t flags)
{
	struct parser ps = { .p = json, .flags = flags, .values = values, .max = num_values };
	enum expect expect = VALUE;
	int rc;

	ps.end = ps.p + size;
	do {
		rc = skip_space(&ps);
		if (rc == 0 && ps.p == ps.end) {
			rc = SPDK_JSON_PARSE_INCOMPLETE;
		}
		if (rc == 0) {
			rc = step(&ps, &expect);
		}
		if (rc != 0) {
			return rc;
		}
	} while (expect != DONE);
	/* A comment behind the value is whatever the caller reads next. */
	ps.flags &= ~(uint32_t)SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS;
	skip_space(&ps);
	if (end != NULL) {
		*end = ps.p;
	}
	return (ssize_t)ps.count;
}
