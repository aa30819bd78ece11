/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Text is looked at eight bytes at a time: nothing may hide in any of them. */

#include "core/rpc/json_internal.h"

#include "tests/unit/test.h"

static bool
valid_slowly(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	uint32_t codepoint;
	unsigned n;

	for (; p < end; p += n) {
		n = json_utf8_decode(p, end, &codepoint);
		if (n == 0) {
			return false;
		}
	}
	return true;
}

/* One piece at each place of strings of each length, in memory that ends with them. */
static void
every_place(void)
{
	static const struct {
		const char *bytes;
		bool valid;
	} pieces[] = {
		{ "\xc3\xa4", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x98\x80", true },
		{ "\x80", false },
		{ "\xff", false },
		{ "\xc0\x80", false },
		{ "\xed\xa0\x80", false },
		{ "\xe2\x82", false },
		{ "\xc3", false },
		{ "\xf4\x90\x80\x80", false },
	};
	size_t i, len, at, size;
	uint8_t *text;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size = strlen(pieces[i].bytes);
		for (len = size; len < 40; len++) {
			for (at = 0; at + size <= len; at++) {
				text = malloc(len);
				memset(text, 'a', len);
				CHECK(json_utf8_valid(text, len));
				memcpy(text + at, pieces[i].bytes, size);
				CHECK_EQ(json_utf8_valid(text, len), pieces[i].valid);
				free(text);
			}
		}
	}
	CHECK(json_utf8_valid(NULL, 0));
}

static void
anything(void)
{
	uint8_t text[48];
	unsigned round, i, odd, len;

	for (round = 0; round < 200000; round++) {
		len = (unsigned)rand() % sizeof(text);
		odd = 1 + (unsigned)rand() % 32;
		for (i = 0; i < len; i++) {
			text[i] = (unsigned)rand() % odd == 0 ? (uint8_t)rand() : 'a';
		}
		CHECK_EQ(json_utf8_valid(text, len), valid_slowly(text, len));
	}
}

static const struct test_case cases[] = {
	TEST(every_place),
	TEST(anything),
};
TEST_MAIN("rpc/json_utf8", cases)
