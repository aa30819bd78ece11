/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The codec against the format, against msgpack-c, and against bytes that mean harm. Inputs are put
 * right before an unmapped page, so that a read past the end is a crash in every build. */

#include <errno.h>
#include <msgpack.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ipc/codec/codec.h"
#include "tests/unit/test.h"

#define GUARD_ROOM ((size_t)64 * 1024)

static uint8_t *g_guard_end; /* the first byte that can't be read */
static uint64_t g_seed;

static int
setup(void)
{
	const char *given = getenv("CAL_TEST_SEED");
	struct timespec now;
	uint8_t *map;

	map = mmap(NULL, GUARD_ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	           0);
	if (map == MAP_FAILED || mprotect(map + GUARD_ROOM, 4096, PROT_NONE) != 0) {
		return 1;
	}
	g_guard_end = map + GUARD_ROOM;
	clock_gettime(CLOCK_REALTIME, &now);
	g_seed = given != NULL ? strtoull(given, NULL, 0)
	                       : (uint64_t)now.tv_nsec * 2654435761u + (uint64_t)now.tv_sec;
	g_seed |= 1; /* xorshift stays at zero */
	printf("seed: CAL_TEST_SEED=%#llx\n", (unsigned long long)g_seed);
	return 0;
}

static const uint8_t *
guarded(const void *bytes, size_t len)
{
	REQUIRE(len <= GUARD_ROOM);
	return memcpy(g_guard_end - len, bytes, len);
}

static uint64_t
rnd(void)
{
	g_seed ^= g_seed << 13;
	g_seed ^= g_seed >> 7;
	g_seed ^= g_seed << 17;
	return g_seed;
}

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(rnd() >> 33) % n;
}

/* Integers around every border of the format are likelier than the ones between. */
static uint64_t
rnd_uint(void)
{
	return (UINT64_C(1) << below(64)) + below(5) - 2;
}

static void
check_integer(int64_t i)
{
	struct codec_cursor cur;
	struct codec_item item;
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_int(&buf, i);
	codec_cursor_init(&cur, guarded(buf.data, buf.len), buf.len);
	item = codec_next(&cur);
	if (i < 0) {
		CHECK_EQ(item.kind, CODEC_INT);
		CHECK_EQ(item.i, i);
	} else {
		CHECK_EQ(item.kind, CODEC_UINT);
		CHECK_EQ(item.u, (uint64_t)i);
	}
	CHECK_EQ(codec_next(&cur).kind, CODEC_END);
	codec_buf_free(&buf);
}

static void
integers(void)
{
	unsigned bit;
	int64_t off;

	for (bit = 0; bit < 63; bit++) {
		for (off = -2; off <= 2; off++) {
			check_integer((INT64_C(1) << bit) + off);
			check_integer(-(INT64_C(1) << bit) + off);
		}
	}
	check_integer(INT64_MIN);
	check_integer(INT64_MAX);
}

static void
non_negative_signed_forms(void)
{
	static const uint8_t bytes[] = { 0xd0, 5, 0xd1, 0, 5, 0xd2, 0, 0, 0, 5,
		                         0xd3, 0, 0,    0, 0, 0,    0, 0, 5 };
	struct codec_cursor cur;
	int i;

	codec_cursor_init(&cur, guarded(bytes, sizeof(bytes)), sizeof(bytes));
	for (i = 0; i < 4; i++) {
		struct codec_item item = codec_next(&cur);

		CHECK_EQ(item.kind, CODEC_UINT);
		CHECK_EQ(item.u, 5);
	}
	CHECK_EQ(codec_next(&cur).kind, CODEC_END);
}

static void
strings(void)
{
	static const size_t lens[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	char *text = malloc(65536);
	size_t i;

	REQUIRE(text != NULL);
	memset(text, 'x', 65536);
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct codec_cursor cur;
		struct codec_item item;
		struct codec_buf buf;

		codec_buf_init(&buf);
		codec_put_str(&buf, text, lens[i]);
		codec_cursor_init(&cur, buf.data, buf.len);
		item = codec_next(&cur);
		CHECK_EQ(item.kind, CODEC_STR);
		CHECK_EQ(item.str.len, lens[i]);
		CHECK(memcmp(item.str.data, text, lens[i]) == 0);
		CHECK_EQ(codec_value_len(buf.data, buf.len), buf.len);
		CHECK_EQ(codec_value_len(buf.data, buf.len - 1), 0);
		codec_buf_free(&buf);
	}
	free(text);
}

static void
back_patched_containers(void)
{
	struct codec_cursor cur;
	struct codec_item item;
	struct codec_buf buf;
	size_t array, map;
	uint32_t i;

	codec_buf_init(&buf);
	array = codec_begin_array(&buf);
	for (i = 0; i < 1000; i++) {
		map = codec_begin_map(&buf);
		codec_put_cstr(&buf, "n");
		codec_put_uint(&buf, i);
		codec_end(&buf, map, 1);
	}
	codec_end(&buf, array, 1000);
	CHECK_EQ(codec_value_len(buf.data, buf.len), buf.len);
	codec_cursor_init(&cur, buf.data, buf.len);
	item = codec_next(&cur);
	CHECK_EQ(item.kind, CODEC_ARRAY);
	CHECK_EQ(item.count, 1000);
	for (i = 0; i < 1000; i++) {
		struct codec_cursor value;

		REQUIRE(codec_map_find(cur.p, (size_t)(cur.end - cur.p), "n", &value) == 0);
		CHECK_EQ(codec_next(&value).u, i);
		CHECK_EQ(codec_next(&value).kind, CODEC_END);
		CHECK_EQ(codec_skip(&cur), 0);
	}
	CHECK_EQ(codec_next(&cur).kind, CODEC_END);
	codec_buf_free(&buf);
}

static void
map_find(void)
{
	struct codec_cursor value;
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_map(&buf, 3);
	codec_put_uint(&buf, 7); /* a key that is no string is passed over */
	codec_put_nil(&buf);
	codec_put_cstr(&buf, "deep");
	codec_put_map(&buf, 1);
	codec_put_cstr(&buf, "want");
	codec_put_uint(&buf, 1);
	codec_put_cstr(&buf, "want");
	codec_put_uint(&buf, 2);
	REQUIRE(codec_map_find(buf.data, buf.len, "want", &value) == 0);
	CHECK_EQ(codec_next(&value).u, 2);
	CHECK_EQ(codec_map_find(buf.data, buf.len, "wan", &value), -ENOENT);
	CHECK_EQ(codec_map_find(buf.data, buf.len - 1, "want", &value), -ENOENT);
	CHECK_EQ(codec_map_find("\xc0", 1, "want", &value), -ENOENT);
	CHECK_EQ(codec_map_find("", 0, "want", &value), -ENOENT);
	codec_buf_free(&buf);
}

static void
envelope_request(void)
{
	struct codec_envelope env;
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_request(&buf, UINT32_MAX, "spdk_get_version", NULL, 0);
	REQUIRE(codec_parse(guarded(buf.data, buf.len), buf.len, &env) == 0);
	CHECK_EQ(env.type, CODEC_REQUEST);
	CHECK_EQ(env.id, UINT32_MAX);
	CHECK_EQ(env.method.len, strlen("spdk_get_version"));
	CHECK(memcmp(env.method.data, "spdk_get_version", env.method.len) == 0);
	CHECK_EQ(env.params.len, 1);
	CHECK_EQ(env.params.data[0], 0xc0);
	/* No byte may be missing and none left over. */
	CHECK_EQ(codec_parse(guarded(buf.data, buf.len - 1), buf.len - 1, &env), -EBADMSG);
	codec_put_nil(&buf);
	CHECK_EQ(codec_parse(guarded(buf.data, buf.len), buf.len, &env), -EBADMSG);
	codec_buf_free(&buf);
}

static void
envelope_response(void)
{
	struct codec_span message;
	struct codec_envelope env;
	struct codec_buf buf;
	int code = 0;

	codec_buf_init(&buf);
	codec_put_error(&buf, 5, -32601, "Method not found");
	REQUIRE(codec_parse(guarded(buf.data, buf.len), buf.len, &env) == 0);
	CHECK_EQ(env.type, CODEC_RESPONSE);
	CHECK_EQ(env.id, 5);
	REQUIRE(codec_parse_error(env.error.data, env.error.len, &code, &message) == 0);
	CHECK_EQ(code, -32601);
	CHECK_EQ(message.len, 16);
	CHECK(memcmp(message.data, "Method not found", 16) == 0);
	codec_buf_free(&buf);

	codec_begin_result(&buf, 6);
	codec_put_bool(&buf, true);
	REQUIRE(codec_parse(guarded(buf.data, buf.len), buf.len, &env) == 0);
	CHECK_EQ(env.error.len, 0);
	CHECK_EQ(env.result.len, 1);
	CHECK_EQ(env.result.data[0], 0xc3);
	codec_buf_free(&buf);
}

static void
envelope_refused(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "", 0 },
		{ "\xc0", 1 },
		{ "\x80", 1 },
		{ "\x94\x00\x01\xa1m", 5 },                      /* params missing */
		{ "\x93\x00\x01\xa1m", 5 },                      /* a request of three */
		{ "\x94\x02\xa1m\xc0\xc0", 6 },                  /* a notification of four */
		{ "\x94\x03\x01\xa1m\xc0", 6 },                  /* no such type */
		{ "\x94\xff\x01\xa1m\xc0", 6 },                  /* type -1 */
		{ "\x94\x00\xff\xa1m\xc0", 6 },                  /* id -1 */
		{ "\x94\x00\xcf\0\0\0\1\0\0\0\0\xa1m\xc0", 14 }, /* id 2^32 */
		{ "\x94\x00\x01\x07\xc0", 5 },                   /* method is a number */
		{ "\x94\x00\x01\xa1m\xc1", 6 },                  /* c1 is never used */
		{ "\x94\x00\x01\xa1m\xd4\x01\x02", 8 },          /* an extension type */
		{ "\x94\x00\x01\xa1m\xdd\xff\xff\xff\xff", 10 },
		{ "\x94\x00\x01\xa1m\xdf\xff\xff\xff\xff", 10 },
		{ "\x94\x00\x01\xa1m\xdb\xff\xff\xff\xff", 10 },
		{ "\x94\x00\x01\xa1m\xc6\xff\xff\xff\xff", 10 },
	};
	struct codec_envelope env;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(codec_parse(guarded(bad[i].bytes, bad[i].len), bad[i].len, &env),
		         -EBADMSG);
	}
	/* The same with a map's count that overflows when doubled would do on 32 bits. */
	CHECK_EQ(codec_value_len(guarded("\xdf\x80\0\0\0\xc0\xc0", 7), 7), 0);
}

static void
nesting(void)
{
	struct codec_envelope env;
	struct codec_buf buf;
	uint8_t deep[CODEC_MAX_DEPTH + 2];

	memset(deep, 0x91, sizeof(deep));
	deep[CODEC_MAX_DEPTH] = 0x01;
	CHECK_EQ(codec_value_len(deep, CODEC_MAX_DEPTH + 1), CODEC_MAX_DEPTH + 1);
	deep[CODEC_MAX_DEPTH] = 0x91;
	deep[CODEC_MAX_DEPTH + 1] = 0x01;
	CHECK_EQ(codec_value_len(deep, CODEC_MAX_DEPTH + 2), 0);

	/* The envelope is a level itself. */
	deep[CODEC_MAX_DEPTH - 1] = 0x01;
	codec_buf_init(&buf);
	codec_put_request(&buf, 1, "m", deep, CODEC_MAX_DEPTH);
	CHECK_EQ(codec_parse(buf.data, buf.len, &env), 0);
	codec_buf_free(&buf);
	deep[CODEC_MAX_DEPTH - 1] = 0x91;
	deep[CODEC_MAX_DEPTH] = 0x01;
	codec_put_request(&buf, 1, "m", deep, CODEC_MAX_DEPTH + 1);
	CHECK_EQ(codec_parse(buf.data, buf.len, &env), -EBADMSG);
	codec_buf_free(&buf);
}

static void
error_refused(void)
{
	struct codec_span message;
	int code;

	CHECK_EQ(codec_parse_error("\xc0", 1, &code, &message), -EBADMSG);
	CHECK_EQ(codec_parse_error("\x92\xff", 2, &code, &message), -EBADMSG);
	CHECK_EQ(codec_parse_error("\x92\xff\xff", 3, &code, &message), -EBADMSG);
	CHECK_EQ(codec_parse_error("\x92\xff\xa1x\xc0", 5, &code, &message), -EBADMSG);
	CHECK_EQ(codec_parse_error("\x92\xce\x80\0\0\0\xa0", 7, &code, &message), -EBADMSG);
	CHECK_EQ(codec_parse_error("\x92\x00\xa0", 3, &code, &message), 0);
	CHECK_EQ(codec_parse_error("\x92\xd2\x80\0\0\0\xa0", 7, &code, &message), 0);
	CHECK_EQ(code, INT32_MIN);
}

static void
buffer_ownership(void)
{
	struct codec_buf buf;
	size_t len = 99;
	void *data;

	codec_buf_init(&buf);
	CHECK(codec_buf_take(&buf, &len) == NULL);
	CHECK_EQ(len, 0);
	codec_put_uint(&buf, 300);
	data = codec_buf_take(&buf, &len);
	CHECK(data != NULL);
	CHECK_EQ(len, 3);
	CHECK(buf.data == NULL && buf.len == 0);
	free(data);

	/* A failed buffer ignores writes and owns up when asked. */
	codec_put_nil(&buf);
	buf.failed = true;
	codec_end(&buf, codec_begin_map(&buf), 3);
	codec_put_cstr(&buf, "lost");
	CHECK_EQ(buf.len, 1);
	CHECK(codec_buf_take(&buf, &len) == NULL);
	CHECK_EQ(len, 0);
}

/* --- against msgpack-c ------------------------------------------------------------------------ */

static void
write_random(struct codec_buf *buf, unsigned depth)
{
	static const char text[256] = "the text that random strings are taken from";
	uint32_t i, count;
	size_t place;

	switch (below(depth > 0 ? 10 : 7)) {
	case 0:
		codec_put_nil(buf);
		break;
	case 1:
		codec_put_bool(buf, below(2));
		break;
	case 2:
		codec_put_uint(buf, rnd_uint());
		break;
	case 3:
		codec_put_int(buf, -(int64_t)(rnd_uint() >> 1));
		break;
	case 4:
		codec_put_double(buf, (double)(int64_t)rnd() / 3);
		break;
	case 5:
	case 6:
		codec_put_str(buf, text, below(40) == 0 ? sizeof(text) : below(40));
		break;
	case 7:
		count = below(20);
		codec_put_array(buf, count);
		for (i = 0; i < count; i++) {
			write_random(buf, depth - 1);
		}
		break;
	default:
		count = below(6);
		place = codec_begin_map(buf);
		for (i = 0; i < count; i++) {
			codec_put_str(buf, text, below(20));
			write_random(buf, depth - 1);
		}
		codec_end(buf, place, count);
		break;
	}
}

/* NaN is equal to itself here. */
static uint64_t
bits_of(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	return bits;
}

static bool
same_bytes(struct codec_span span, const char *ptr, size_t size)
{
	return span.len == size && (size == 0 || memcmp(span.data, ptr, size) == 0);
}

/* Whether what the cursor reads is what msgpack-c understood. */
static bool
same(struct codec_cursor *cur, const msgpack_object *o)
{
	struct codec_item item = codec_next(cur);
	uint32_t i;

	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		return item.kind == CODEC_NIL;
	case MSGPACK_OBJECT_BOOLEAN:
		return item.kind == CODEC_BOOL && item.b == o->via.boolean;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return item.kind == CODEC_UINT && item.u == o->via.u64;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return item.kind == CODEC_INT && item.i == o->via.i64;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return item.kind == CODEC_DOUBLE && bits_of(item.d) == bits_of(o->via.f64);
	case MSGPACK_OBJECT_STR:
		return item.kind == CODEC_STR &&
		       same_bytes(item.str, o->via.str.ptr, o->via.str.size);
	case MSGPACK_OBJECT_BIN:
		return item.kind == CODEC_BIN &&
		       same_bytes(item.str, o->via.bin.ptr, o->via.bin.size);
	case MSGPACK_OBJECT_ARRAY:
		if (item.kind != CODEC_ARRAY || item.count != o->via.array.size) {
			return false;
		}
		for (i = 0; i < item.count; i++) {
			if (!same(cur, &o->via.array.ptr[i])) {
				return false;
			}
		}
		return true;
	case MSGPACK_OBJECT_MAP:
		if (item.kind != CODEC_MAP || item.count != o->via.map.size) {
			return false;
		}
		for (i = 0; i < item.count; i++) {
			if (!same(cur, &o->via.map.ptr[i].key) ||
			    !same(cur, &o->via.map.ptr[i].val)) {
				return false;
			}
		}
		return true;
	default:
		return false;
	}
}

static bool
agrees_with_msgpack_c(const void *bytes, size_t len)
{
	msgpack_unpacked result;
	struct codec_cursor cur;
	size_t off = 0;
	bool ok;

	msgpack_unpacked_init(&result);
	ok = msgpack_unpack_next(&result, bytes, len, &off) == MSGPACK_UNPACK_SUCCESS && off == len;
	if (ok) {
		codec_cursor_init(&cur, bytes, len);
		ok = same(&cur, &result.data) && cur.p == cur.end;
	}
	msgpack_unpacked_destroy(&result);
	return ok;
}

static void
we_write_msgpack_c_reads(void)
{
	int round;

	for (round = 0; round < 3000; round++) {
		struct codec_buf buf;

		codec_buf_init(&buf);
		write_random(&buf, 4);
		CHECK_EQ(codec_value_len(buf.data, buf.len), buf.len);
		CHECK(agrees_with_msgpack_c(buf.data, buf.len));
		codec_buf_free(&buf);
	}
}

static void
pack_random(msgpack_packer *pk, unsigned depth)
{
	static const char text[300] = "other text";
	uint32_t i, count;

	switch (below(depth > 0 ? 11 : 9)) {
	case 0:
		msgpack_pack_nil(pk);
		break;
	case 1:
		below(2) ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
		break;
	case 2:
		msgpack_pack_uint64(pk, rnd_uint());
		break;
	case 3:
		msgpack_pack_int64(pk, (int64_t)rnd_uint());
		break;
	case 4:
		msgpack_pack_fix_int64(pk, (int64_t)rnd_uint());
		break;
	case 5:
		msgpack_pack_float(pk, (float)rnd());
		break;
	case 6:
		msgpack_pack_double(pk, (double)rnd() / 7);
		break;
	case 7:
		msgpack_pack_str_with_body(pk, text, below(sizeof(text)));
		break;
	case 8:
		msgpack_pack_bin_with_body(pk, text, below(sizeof(text)));
		break;
	case 9:
		count = below(30);
		msgpack_pack_array(pk, count);
		for (i = 0; i < count; i++) {
			pack_random(pk, depth - 1);
		}
		break;
	default:
		count = below(20);
		msgpack_pack_map(pk, count);
		for (i = 0; i < 2 * count; i++) {
			pack_random(pk, depth - 1);
		}
		break;
	}
}

static void
msgpack_c_writes_we_read(void)
{
	int round;

	for (round = 0; round < 3000; round++) {
		msgpack_packer pk;
		msgpack_sbuffer sb;

		msgpack_sbuffer_init(&sb);
		msgpack_packer_init(&pk, &sb, msgpack_sbuffer_write);
		pack_random(&pk, 3);
		CHECK_EQ(codec_value_len((uint8_t *)sb.data, sb.size), sb.size);
		CHECK(agrees_with_msgpack_c(sb.data, sb.size));
		msgpack_sbuffer_destroy(&sb);
	}
}

/* --- bytes that mean harm --------------------------------------------------------------------- */

static void
mutate(uint8_t *bytes, size_t *len)
{
	unsigned n = 1 + below(4);

	while (n-- > 0 && *len > 0) {
		size_t at = below((uint32_t)*len);

		switch (below(4)) {
		case 0:
			bytes[at] = (uint8_t)rnd();
			break;
		case 1:
			bytes[at] ^= (uint8_t)(1u << below(8));
			break;
		case 2:
			*len = at;
			break;
		default:
			bytes[at] = (uint8_t)(0xc0 + below(32));
			break;
		}
	}
}

/* Everything that reads must come back, and what is accepted must be what msgpack-c understands:
 * counts are bounded by the bytes then, so it allocates no more than they justify. */
static void
check_hostile(const uint8_t *bytes, size_t len)
{
	const uint8_t *p = guarded(bytes, len);
	struct codec_envelope env;
	struct codec_cursor cur;
	struct codec_span message;
	size_t value, items = 0;
	int code;

	value = codec_value_len(p, len);
	CHECK(value <= len);
	if (value > 0) {
		CHECK(agrees_with_msgpack_c(p, value));
	}
	codec_cursor_init(&cur, p, len);
	while (codec_next(&cur).kind != CODEC_END) {
		items++;
	}
	CHECK(items <= len);
	codec_map_find(p, len, "the text", &cur);
	codec_parse_error(p, len, &code, &message);
	if (codec_parse(p, len, &env) == 0) {
		CHECK_EQ(value, len);
		if (env.type == CODEC_RESPONSE) {
			CHECK(env.result.data + env.result.len == p + len);
		} else {
			CHECK(env.params.data + env.params.len == p + len);
			CHECK(env.method.data + env.method.len <= env.params.data);
			CHECK_EQ(codec_value_len(env.params.data, env.params.len), env.params.len);
		}
	}
}

static void
hostile_bytes(void)
{
	unsigned accepted = 0;
	int round;

	for (round = 0; round < 100000; round++) {
		struct codec_envelope env;
		struct codec_buf buf, params;
		uint8_t bytes[512];
		size_t len, i;

		if (below(8) == 0) {
			len = below(64);
			for (i = 0; i < len; i++) {
				bytes[i] = (uint8_t)rnd();
			}
		} else {
			codec_buf_init(&params);
			write_random(&params, 2);
			codec_buf_init(&buf);
			codec_put_request(&buf, (uint32_t)rnd(), "method", params.data, params.len);
			len = buf.len < sizeof(bytes) ? buf.len : sizeof(bytes);
			memcpy(bytes, buf.data, len);
			codec_buf_free(&buf);
			codec_buf_free(&params);
			mutate(bytes, &len);
		}
		check_hostile(bytes, len);
		accepted += codec_parse(bytes, len, &env) == 0;
	}
	/* Mutations that all fail at the first byte would prove little. */
	CHECK(accepted > 1000);
}

static const struct test_case cases[] = {
	TEST(integers),
	TEST(non_negative_signed_forms),
	TEST(strings),
	TEST(back_patched_containers),
	TEST(map_find),
	TEST(envelope_request),
	TEST(envelope_response),
	TEST(envelope_refused),
	TEST(nesting),
	TEST(error_refused),
	TEST(buffer_ownership),
	TEST(we_write_msgpack_c_reads),
	TEST(msgpack_c_writes_we_read),
	TEST(hostile_bytes),
};
TEST_MAIN_WITH("codec", cases, setup, NULL)
