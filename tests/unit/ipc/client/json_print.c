/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The printer looks at 16 bytes at a time: what it says of anything is compared with what a byte at
 * a time says. Single values and what is refused are tested with the rest of json.h. */
/* links: client */

#include "ipc/client/json.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/test.h"

/* --- the same, slowly ------------------------------------------------------------------------- */

static void
say_string(struct cal_text *text, const uint8_t *s, size_t len)
{
	static const char *const names[] = {
		['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r",
		['\t'] = "\\t", ['"'] = "\\\"", ['\\'] = "\\\\"
	};
	char escape[8];
	size_t n;
	bool valid;

	cal_text_append_cstr(text, "\"");
	for (; len > 0; s += n, len -= n) {
		n = cal_utf8_next(s, len, &valid);
		if (!valid) {
			cal_text_append_cstr(text, "\xef\xbf\xbd");
		} else if (n == 1 && s[0] <= '\\' && names[s[0]] != NULL) {
			cal_text_append_cstr(text, names[s[0]]);
		} else if (s[0] < 0x20) {
			snprintf(escape, sizeof(escape), "\\u%04x", s[0]);
			cal_text_append_cstr(text, escape);
		} else {
			cal_text_append(text, (const char *)s, n);
		}
	}
	cal_text_append_cstr(text, "\"");
}

static void
say(struct cal_text *text, struct codec_cursor *cur)
{
	struct codec_item item = codec_next(cur);
	char number[32];
	uint32_t i;

	switch (item.kind) {
	case CODEC_NIL:
		cal_text_append_cstr(text, "null");
		break;
	case CODEC_BOOL:
		cal_text_append_cstr(text, item.b ? "true" : "false");
		break;
	case CODEC_UINT:
		snprintf(number, sizeof(number), "%llu", (unsigned long long)item.u);
		cal_text_append_cstr(text, number);
		break;
	case CODEC_INT:
		snprintf(number, sizeof(number), "%lld", (long long)item.i);
		cal_text_append_cstr(text, number);
		break;
	case CODEC_STR:
		say_string(text, item.str.data, item.str.len);
		break;
	default:
		cal_text_append_cstr(text, item.kind == CODEC_MAP ? "{" : "[");
		for (i = 0; i < item.count; i++) {
			cal_text_append_cstr(text, i > 0 ? "," : "");
			if (item.kind == CODEC_MAP) {
				struct codec_item key = codec_next(cur);

				say_string(text, key.str.data, key.str.len);
				cal_text_append_cstr(text, ":");
			}
			say(text, cur);
		}
		cal_text_append_cstr(text, item.kind == CODEC_MAP ? "}" : "]");
	}
}

/* --- anything --------------------------------------------------------------------------------- */

static unsigned
below(unsigned limit)
{
	return (unsigned)rand() % limit;
}

/* Mostly plain, so that runs of every length come before what is not. */
static void
put_any_string(struct codec_buf *buf)
{
	uint8_t bytes[300];
	size_t i, len = below(3) == 0 ? below(sizeof(bytes)) : below(40);
	unsigned odd = 1 + below(60);

	for (i = 0; i < len; i++) {
		bytes[i] = below(odd) == 0 ? (uint8_t)below(256) : (uint8_t)('a' + below(26));
	}
	codec_put_str(buf, (const char *)bytes, len);
}

static void
put_any(struct codec_buf *buf, unsigned depth)
{
	unsigned i, count = below(6), kind = below(depth > 4 ? 5 : 7);

	switch (kind) {
	case 0:
		codec_put_nil(buf);
		break;
	case 1:
		codec_put_bool(buf, below(2));
		break;
	case 2:
		codec_put_uint(buf, ((uint64_t)rand() << 33 ^ (uint64_t)rand()) >> below(64));
		break;
	case 3:
		codec_put_int(buf, -((int64_t)((uint64_t)rand() << 32 | 1) >> below(63)));
		break;
	case 4:
		put_any_string(buf);
		break;
	case 5:
		codec_put_array(buf, count);
		for (i = 0; i < count; i++) {
			put_any(buf, depth + 1);
		}
		break;
	default:
		codec_put_map(buf, count);
		for (i = 0; i < count; i++) {
			put_any_string(buf);
			put_any(buf, depth + 1);
		}
	}
}

static void
anything(void)
{
	struct cal_text fast = { 0 }, slow = { 0 };
	struct codec_cursor cur;
	struct codec_buf buf;
	unsigned round;
	uint8_t *exact;
	size_t len;

	for (round = 0; round < 20000; round++) {
		codec_buf_init(&buf);
		put_any(&buf, 0);
		/* In memory that ends with it: a look beyond is seen by sanitizers and valgrind. */
		len = buf.len;
		exact = malloc(len);
		memcpy(exact, buf.data, len);
		codec_buf_free(&buf);
		fast.len = slow.len = 0;
		CHECK_EQ(cal_json_print(&fast, exact, len), 0);
		codec_cursor_init(&cur, exact, len);
		say(&slow, &cur);
		CHECK_EQ(fast.len, slow.len);
		CHECK_STR(fast.data, slow.data);
		/* Cut short it is refused. */
		exact = realloc(exact, len > 1 ? len - 1 : 1);
		CHECK_EQ(cal_json_print(&fast, exact, len - 1), -EBADMSG);
		CHECK_EQ(fast.len, slow.len);
		free(exact);
		/* The next one begins in a small text, or in this one. */
		if (below(2) == 0) {
			cal_text_free(&fast);
		}
	}
	cal_text_free(&fast);
	cal_text_free(&slow);
}

/* Every byte of a string grows to six. */
static void
growing(void)
{
	struct cal_text text = { 0 };
	char zeroes[5000] = { 0 };
	size_t i;

	for (i = 0; i < sizeof(zeroes); i = i * 2 + 1) {
		text.len = 0;
		CHECK_EQ(cal_json_print_string(&text, zeroes, i), 0);
		CHECK_EQ(text.len, 6 * i + 2);
		CHECK_EQ(text.data[text.len], '\0');
		CHECK(text.len < text.cap);
		cal_text_free(&text);
	}
}

/* Nothing but opening brackets and the longest number, after a text that ends anywhere in its
 * memory. */
static void
as_deep_as_can_be(void)
{
	static const uint8_t lowest[8] = { 0xff, 0xef, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe };
	const unsigned depth = CODEC_MAX_DEPTH - 1; /* in one more */
	uint8_t packed[4096];
	struct cal_text text;
	size_t n, len;
	unsigned i;

	for (n = 1; n < 2000; n++) {
		packed[0] = 0x92; /* array of 2 */
		packed[1] = 0xda; /* str16 */
		packed[2] = (uint8_t)(n >> 8);
		packed[3] = (uint8_t)n;
		memset(packed + 4, 1, n);
		len = 4 + n;
		memset(packed + len, 0x91, depth);
		len += depth;
		packed[len++] = 0xcb; /* the longest double */
		memcpy(packed + len, lowest, sizeof(lowest));
		len += 8;
		memset(&text, 0, sizeof(text));
		CHECK_EQ(cal_json_print(&text, packed, len), 0);
		REQUIRE(text.len > 2 * depth + 25);
		for (i = 0; i < depth; i++) {
			CHECK_EQ(text.data[text.len - 2 - i], ']');
		}
		CHECK_EQ(text.data[text.len - 2 - depth], '8');
		CHECK(text.len < text.cap);
		cal_text_free(&text);
	}
}

static void
reserve(void)
{
	struct cal_text text = { 0 };

	CHECK_EQ(cal_text_reserve(&text, 0), 0);
	CHECK(text.cap > 0);
	CHECK_EQ(cal_text_append_cstr(&text, "abc"), 0);
	CHECK_EQ(cal_text_reserve(&text, 100000), 0);
	CHECK(text.cap > 100003);
	CHECK_STR(text.data, "abc");
	CHECK_EQ(cal_text_reserve(&text, SIZE_MAX), -ENOMEM);
	CHECK_EQ(cal_text_reserve(&text, SIZE_MAX / 2), -ENOMEM);
	CHECK_STR(text.data, "abc");
	cal_text_free(&text);
}

static const struct test_case cases[] = {
	TEST(anything),
	TEST(growing),
	TEST(as_deep_as_can_be),
	TEST(reserve),
};
TEST_MAIN("client/json_print", cases)
