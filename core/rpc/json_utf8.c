/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/rpc/json_internal.h"

static inline bool
is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

unsigned
json_utf8_decode(const uint8_t *p, const uint8_t *end, uint32_t *codepoint)
{
	/* The least code point of each length: what is below it was encoded too long. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned len, i;
	uint32_t c;

	if (p[0] < 0x80) {
		*codepoint = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || (size_t)(end - p) < len) {
		return 0;
	}
	c = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if (!is_tail(p[i])) {
			return 0;
		}
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
		return 0;
	}
	*codepoint = c;
	return len;
}

unsigned
json_utf8_encode(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* Every name and string of an answer is looked at here, on a reactor: eight bytes at a time. */
static const uint8_t *
skip_ascii(const uint8_t *p, const uint8_t *end)
{
	uint64_t word;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0) {
			break;
		}
	}
	while (p < end && p[0] < 0x80) {
		p++;
	}
	return p;
}

bool
json_utf8_valid(const void *bytes, size_t len)
{
	const uint8_t *p = bytes, *end = p + len;
	uint32_t codepoint;
	unsigned n;

	while ((p = skip_ascii(p, end)) < end) {
		n = json_utf8_decode(p, end, &codepoint);
		if (n == 0) {
			return false;
		}
		p += n;
	}
	return true;
}

void
json_utf8_clean(char *text)
{
	uint8_t *p = (uint8_t *)text, *end = p + strlen(text);
	uint32_t codepoint;
	unsigned n;

	while (p < end) {
		n = json_utf8_decode(p, end, &codepoint);
		if (n == 0 || (n == 1 && (*p < 0x20 || *p == 0x7f))) {
			*p++ = '?';
		} else {
			p += n;
		}
	}
}
