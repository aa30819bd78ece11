/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What spdk/json.h does, printed: which text each decoder takes and what it makes of it, what the
 * parser says to texts that are JSON and to ones that nearly are, what the writer writes. It uses
 * nothing but public headers, so that it can be built with SPDK's library as well: both must print
 * the same. */

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define ROUNDS     60000
#define MAX_VALUES 256

static uint64_t g_seed = 88172645463325252u;

static uint32_t
pick(uint32_t n)
{
	g_seed ^= g_seed << 13;
	g_seed ^= g_seed >> 7;
	g_seed ^= g_seed << 17;
	return (uint32_t)(g_seed >> 20) % n;
}

/* --- decoders --------------------------------------------------------------------------------- */

static const char *const g_texts[] = {
	"null",
	"true",
	"false",
	"\"\"",
	"\"a\"",
	"\"true\"",
	"\"1\"",
	"\"a\\u0000b\"",
	"[]",
	"{}",
	"[1]",
	"{\"a\":1}",
	"0",
	"-0",
	"1",
	"-1",
	"1.0",
	"1.5",
	"1e0",
	"1e3",
	"1E+3",
	"1.5e1",
	"15e-1",
	"150e-1",
	"1.000e2",
	"0e9",
	"0.5e1",
	"127",
	"128",
	"255",
	"255.0",
	"256",
	"-128",
	"-129",
	"65535",
	"65536",
	"6.5535e4",
	"2147483647",
	"2147483648",
	"-2147483648",
	"-2147483649",
	"4294967295",
	"4294967296",
	"42949672960e-1",
	"9223372036854775807",
	"9223372036854775808",
	"18446744073709551615",
	"18446744073709551616",
	"99999999999999999999",
	"1e19",
	"1e20",
	"1e400",
	"1e-400",
	"-1e400",
	"0.1",
	"1e-1",
	"10e-1",
	"1e18",
	"0.00000000000000000001e20",
	"123456789012345678901234567890e-29",
	"\"11111111-2222-3333-4444-555555555555\"",
	"\"AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee\"",
	"\"11111111-2222-3333-4444-55555555555\"",
	"\"11111111222233334444555555555555\"",
	"\"{11111111-2222-3333-4444-555555555555}\"",
	"\"11111111-2222-3333-4444-5555555555555\"",
	"\"\\u00e9\"",
	"\"\\ud83d\\ude00\"",
};

static void
print_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0) {
		printf("%02x", *p++);
	}
}

static void
decode_one(const struct spdk_json_val *val)
{
	uint64_t u64 = 77;
	uint32_t u32 = 77;
	uint16_t u16 = 77;
	int32_t i32 = 77;
	uint8_t u8 = 77;
	bool flag = false;
	struct spdk_uuid uuid;
	char *str = NULL;
	int rc;

	memset(&uuid, 0, sizeof(uuid));
	rc = spdk_json_decode_bool(val, &flag);
	printf(" bool %d %d", rc == 0, flag);
	rc = spdk_json_decode_uint8(val, &u8);
	printf(" u8 %d %u", rc == 0, rc == 0 ? u8 : 0);
	rc = spdk_json_decode_uint16(val, &u16);
	printf(" u16 %d %u", rc == 0, rc == 0 ? u16 : 0);
	rc = spdk_json_decode_int32(val, &i32);
	printf(" i32 %d %d", rc == 0, rc == 0 ? i32 : 0);
	rc = spdk_json_decode_uint32(val, &u32);
	printf(" u32 %d %u", rc == 0, rc == 0 ? u32 : 0);
	rc = spdk_json_decode_uint64(val, &u64);
	printf(" u64 %d %" PRIu64, rc == 0, rc == 0 ? u64 : 0);
	rc = spdk_json_decode_string(val, &str);
	printf(" str %d ", rc == 0);
	if (rc == 0) {
		print_bytes(str, strlen(str));
	}
	free(str);
	rc = spdk_json_decode_uuid(val, &uuid);
	printf(" uuid %d ", rc == 0);
	if (rc == 0) {
		print_bytes(&uuid, sizeof(uuid));
	}
}

static void
decoders(void)
{
	struct spdk_json_val values[16];
	char text[128];
	size_t i;
	ssize_t n;

	for (i = 0; i < SPDK_COUNTOF(g_texts); i++) {
		snprintf(text, sizeof(text), "%s", g_texts[i]);
		n = spdk_json_parse(text, strlen(text), values, SPDK_COUNTOF(values), NULL,
		                    SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
		printf("decode %s: %zd", g_texts[i], n);
		if (n > 0) {
			decode_one(&values[0]);
		}
		printf("\n");
	}
}

/* --- objects and arrays ----------------------------------------------------------------------- */

struct thing {
	char *name;
	uint32_t count;
	bool flag;
	uint16_t list[3];
	size_t list_len;
};

static int
decode_list(const struct spdk_json_val *val, void *out)
{
	struct thing *thing = SPDK_CONTAINEROF(out, struct thing, list);

	return spdk_json_decode_array(val, spdk_json_decode_uint16, thing->list, 3,
	                              &thing->list_len, sizeof(uint16_t));
}

static const struct spdk_json_object_decoder g_decoders[] = {
	{ "name", offsetof(struct thing, name), spdk_json_decode_string, false },
	{ "count", offsetof(struct thing, count), spdk_json_decode_uint32, true },
	{ "flag", offsetof(struct thing, flag), spdk_json_decode_bool, true },
	{ "list", offsetof(struct thing, list), decode_list, true },
};

static const char *const g_objects[] = {
	"{}",
	"[]",
	"null",
	"\"name\"",
	"{\"name\":\"a\"}",
	"{\"name\":null}",
	"{\"name\":1}",
	"{\"name\":\"a\",\"name\":\"b\"}",
	"{\"name\":\"a\",\"other\":1}",
	"{\"other\":1}",
	"{\"other\":{\"name\":\"a\"}}",
	"{\"other\":[{\"x\":[]}],\"name\":\"a\"}",
	"{\"name\":\"a\",\"other\":1,\"other\":2}",
	"{\"Name\":\"a\"}",
	"{\"name \":\"a\"}",
	"{\"n\\u0061me\":\"a\"}",
	"{\"name\":\"a\",\"count\":4294967295}",
	"{\"name\":\"a\",\"count\":-1}",
	"{\"name\":\"a\",\"count\":4294967296}",
	"{\"name\":\"a\",\"count\":\"1\"}",
	"{\"name\":\"a\",\"count\":null}",
	"{\"name\":\"a\",\"count\":1e2,\"flag\":true}",
	"{\"name\":\"a\",\"flag\":1}",
	"{\"name\":\"a\",\"flag\":null}",
	"{\"name\":\"a\",\"list\":[]}",
	"{\"name\":\"a\",\"list\":[1,2,3]}",
	"{\"name\":\"a\",\"list\":[1,2,3,4]}",
	"{\"name\":\"a\",\"list\":[1,\"2\"]}",
	"{\"name\":\"a\",\"list\":{}}",
	"{\"name\":\"a\",\"list\":[[1]]}",
	"{\"name\":\"a\\u0000\"}",
	"{\"\":\"a\"}",
	"{\"name\":\"a\",\"count\":1,\"flag\":false,\"list\":[65535],\"x\":{}}",
};

static void
object(const char *json, bool relaxed)
{
	struct spdk_json_val values[64];
	struct thing thing;
	char text[200];
	int rc;

	snprintf(text, sizeof(text), "%s", json);
	if (spdk_json_parse(text, strlen(text), values, SPDK_COUNTOF(values), NULL,
	                    SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) <= 0) {
		abort();
	}
	memset(&thing, 0, sizeof(thing));
	rc = relaxed ? spdk_json_decode_object_relaxed(values, g_decoders, SPDK_COUNTOF(g_decoders),
	                                               &thing)
	             : spdk_json_decode_object(values, g_decoders, SPDK_COUNTOF(g_decoders),
	                                       &thing);
	printf("object %s %d: %d", json, relaxed, rc == 0);
	if (rc == 0) {
		printf(" %s %u %d %zu %u", thing.name, thing.count, thing.flag, thing.list_len,
		       thing.list[0]);
	}
	spdk_json_free_object(g_decoders, SPDK_COUNTOF(g_decoders), &thing);
	printf(" %d\n", thing.name == NULL);
}

static void
objects(void)
{
	struct thing thing = { 0 };
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_objects); i++) {
		object(g_objects[i], false);
		object(g_objects[i], true);
	}
	printf("no object %d\n",
	       spdk_json_decode_object(NULL, g_decoders, SPDK_COUNTOF(g_decoders), &thing) == 0);
}

/* --- looking about ---------------------------------------------------------------------------- */

static void
looking(void)
{
	static const char json[] =
		"{\"s\":\"t\",\"o\":{\"i\":1,\"s\":2},\"a\":[3,[],{},\"x\"],\"n\":null,"
		"\"d\":5,\"e\":{},\"f\":[],\"d\":6}";
	static const char *const keys[] = { "s", "o", "a", "n", "i", "x", "", "e", "f", "d" };
	struct spdk_json_val values[64], *key, *val, *at;
	char text[sizeof(json)];
	size_t i, k;
	ssize_t n;

	memcpy(text, json, sizeof(json));
	n = spdk_json_parse(text, strlen(text), values, 64, NULL, 0);
	for (i = 0; i < (size_t)n; i++) {
		printf("value %zu: %zu %zu %d", i, spdk_json_val_len(&values[i]),
		       spdk_json_array_count(&values[i]), spdk_json_strequal(&values[i], "s"));
		for (k = 0; k < SPDK_COUNTOF(keys); k++) {
			key = val = NULL;
			printf(" %d",
			       spdk_json_find(&values[i], keys[k], &key, &val, SPDK_JSON_VAL_ANY));
			printf(" %td", val != NULL ? val - values : -1);
			printf(" %d", spdk_json_find_string(&values[i], keys[k], NULL, NULL));
			printf(" %d", spdk_json_find_array(&values[i], keys[k], NULL, &val));
		}
		printf("\nin it:");
		for (at = spdk_json_object_first(&values[i]); at != NULL; at = spdk_json_next(at)) {
			printf(" %td", at - values);
		}
		at = spdk_json_array_first(&values[i]);
		while (at != NULL && at->type != SPDK_JSON_VAL_ARRAY_END) {
			printf(" %td", at - values);
			at = spdk_json_next(at);
		}
		printf("\n");
	}
}

/* --- the parser ------------------------------------------------------------------------------- */

static void
print_values(const struct spdk_json_val *values, size_t n, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct spdk_json_val *v = &values[i];

		printf(" %x/%u", v->type, v->len);
		if (v->type & (SPDK_JSON_VAL_STRING | SPDK_JSON_VAL_NAME | SPDK_JSON_VAL_NUMBER)) {
			printf("@%td=", (char *)v->start - text);
			print_bytes(v->start, v->len);
		}
	}
}

/* SPDK's parser reads beyond a comment that does not end. */
static bool
has_open_comment(const char *text, size_t size)
{
	size_t i;
	bool open = false;

	for (i = 0; i + 1 < size; i++) {
		if (!open && text[i] == '/' && text[i + 1] == '*') {
			open = true;
			i++;
		} else if (open && text[i] == '*' && text[i + 1] == '/') {
			open = false;
			i++;
		}
	}
	return open || (size > 0 && text[size - 1] == '/');
}

/* A character that ends too early is wrong to SPDK; it may be the end of a piece, too. */
static bool
ends_in_a_character(const char *text, size_t size)
{
	size_t i;

	for (i = size > 3 ? size - 3 : 0; i < size; i++) {
		if ((uint8_t)text[i] >= 0xc2) {
			return true;
		}
	}
	return false;
}

static void
parse(const char *json, size_t size, uint32_t flags)
{
	struct spdk_json_val values[MAX_VALUES];
	char *text = calloc(1, size + 8);
	void *end = NULL;
	ssize_t n, again;

	memcpy(text, json, size);
	if (has_open_comment(json, size)) {
		flags &= ~SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS;
	}
	n = spdk_json_parse(text, size, NULL, 0, &end, flags);
	memset(values, 0, sizeof(values));
	again = spdk_json_parse(text, size, values, MAX_VALUES, &end,
	                        flags | SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	if (again < 0 && ends_in_a_character(json, size)) {
		n = again = -1;
	}
	printf("parse %x %zd %zd %td", flags, n, again, again > 0 ? (char *)end - text : -1);
	if (again > 0 && again <= MAX_VALUES) {
		print_values(values, (size_t)again, text, size);
	}
	printf(" ");
	print_bytes(json, size);
	printf("\n");
	free(text);
}

static void
random_text(char *out, size_t *size)
{
	static const char *const piece[] = {
		"{",
		"}",
		"[",
		"]",
		",",
		":",
		" ",
		"\n",
		"\t",
		"\"\"",
		"\"a\"",
		"\"\\n\\\\\\\"\\/\"",
		"\"\\u0041\"",
		"\"\\ud83d\\ude00\"",
		"\"\\ud83d\"",
		"\"\\ude00\"",
		"\"\\u12\"",
		"\"\\x\"",
		"\"\xc3\xa4\"",
		"\"\xff\"",
		"\"\xc3\"",
		"\"\xed\xa0\x80\"",
		"\"\xf0\x9f\x98\x80\"",
		"\"\t\"",
		"\"a",
		"0",
		"-1",
		"01",
		"1.5",
		"1.",
		".5",
		"1e5",
		"1e",
		"-",
		"--1",
		"+1",
		"1E-2",
		"true",
		"false",
		"null",
		"nul",
		"True",
		"NaN",
		"/",
		"//x\n",
		"//x",
		"/*x*/",
		"/*",
		"/**/",
		"/* * / */",
		"{\"k\":",
		"[1,",
		",\"m\":2}",
		"'a'",
		"\"k\" :",
		"{}",
		"[]",
		"\r",
		"\x0b",
		"1 2",
		"\"\\u0000\"",
		"\x7f",
		"\xef\xbb\xbf",
	};
	unsigned i, n = 1 + pick(7);

	*size = 0;
	for (i = 0; i < n; i++) {
		const char *p = piece[pick(SPDK_COUNTOF(piece))];

		while (*p != '\0') {
			out[(*size)++] = *p++;
		}
	}
	while (*size > 0 && pick(4) == 0) {
		out[pick((uint32_t)*size)] = (char)pick(256);
	}
}

static void
parser(void)
{
	char text[512];
	size_t size;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		random_text(text, &size);
		parse(text, size, pick(2) == 0 ? 0 : SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS);
	}
	for (i = 60; i < 70; i++) {
		memset(text, '[', i);
		memset(text + i, ']', i);
		parse(text, 2 * (size_t)i, 0);
		parse(text, i, 0);
	}
}

/* --- the writer ------------------------------------------------------------------------------- */

static int
to_stdout(void *ctx, const void *data, size_t size)
{
	fwrite(data, 1, size, stdout);
	return 0;
}

static void
write_values(struct spdk_json_write_ctx *w)
{
	static const uint16_t wide[] = { 'a', 0xe9, 0x20ac, 0xd83d, 0xde00, 0 };
	static const double reals[] = { 0, 1, -1.5, 0.1, 1e300, 5e-324, 123456789.125 };
	struct spdk_uuid uuid;
	char text[] = "{\"x\":[1,\"\\u00e9\",null]}";
	struct spdk_json_val values[16];
	size_t i;

	memset(&uuid, 0xab, sizeof(uuid));
	spdk_json_write_object_begin(w);
	spdk_json_write_named_null(w, "null");
	spdk_json_write_named_bool(w, "bool", true);
	spdk_json_write_named_uint8(w, "u8", 255);
	spdk_json_write_named_uint16(w, "u16", 65535);
	spdk_json_write_named_int32(w, "i32", INT32_MIN);
	spdk_json_write_named_uint32(w, "u32", UINT32_MAX);
	spdk_json_write_named_int64(w, "i64", INT64_MIN);
	spdk_json_write_named_uint64(w, "u64", UINT64_MAX);
	spdk_json_write_named_uint128(w, "u128", 5, 0);
	spdk_json_write_named_uint128(w, "u128", UINT64_MAX, UINT64_MAX);
	spdk_json_write_named_string(
		w, "s", "a\"\\/\b\f\n\r\t\x01\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	spdk_json_write_named_string_fmt(w, "fmt", "%d-%s", 5, "x");
	spdk_json_write_named_bytearray(w, "bytes", "\x00\x01\xfe\xff", 4);
	spdk_json_write_named_bytearray(w, "none", "", 0);
	spdk_json_write_named_uuid(w, "uuid", &uuid);
	spdk_json_write_named_array_begin(w, "reals");
	for (i = 0; i < SPDK_COUNTOF(reals); i++) {
		spdk_json_write_double(w, reals[i]);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_named_object_begin(w, "empty");
	spdk_json_write_object_end(w);
	spdk_json_write_named_array_begin(w, "arrays");
	spdk_json_write_array_begin(w);
	spdk_json_write_array_end(w);
	spdk_json_write_batch_begin(w);
	spdk_json_write_uint8(w, 1);
	spdk_json_write_uint8(w, 2);
	spdk_json_write_batch_end(w);
	spdk_json_write_string_raw(w, "raw\0x", 5);
	spdk_json_write_string_utf16le(w, wide);
	spdk_json_write_string_utf16le_raw(w, wide, 3);
	spdk_json_write_val_raw(w, "{\"as\": [\"it\" , \"is\"]}", 21);
	spdk_json_parse(text, strlen(text), values, 16, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	spdk_json_write_val(w, values);
	spdk_json_write_array_end(w);
	spdk_json_write_name_raw(w, "raw name", 3);
	spdk_json_write_null(w);
	spdk_json_write_object_end(w);
}

static void
writer(void)
{
	struct spdk_json_write_ctx *w;
	uint32_t flags;

	for (flags = 0; flags < 4; flags++) {
		w = spdk_json_write_begin(to_stdout, NULL, flags);
		write_values(w);
		printf("\nwrite %u: %d\n", flags, spdk_json_write_end(w) == 0);
	}
}

static int
to_nowhere(void *ctx, const void *data, size_t size)
{
	return 0;
}

static int
fails(void *ctx, const void *data, size_t size)
{
	return -1;
}

static void
refusals(void)
{
	static const char *const bad[] = { "\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80",
		                           "\xf4\x90\x80\x80" };
	static const uint16_t half[] = { 'a', 0xde00, 0 };
	struct spdk_json_write_ctx *w;
	size_t i;
	int rc;

	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		w = spdk_json_write_begin(to_nowhere, NULL, 0);
		rc = spdk_json_write_string(w, bad[i]);
		printf("bad string %zu: %d", i, rc == 0);
		rc = spdk_json_write_end(w);
		printf(" %d\n", rc == 0);
	}
	w = spdk_json_write_begin(to_nowhere, NULL, 0);
	rc = spdk_json_write_string_utf16le(w, half);
	printf("half a pair: %d", rc == 0);
	rc = spdk_json_write_end(w);
	printf(" %d\n", rc == 0);
	w = spdk_json_write_begin(to_nowhere, NULL, 0);
	spdk_json_write_array_begin(w);
	rc = spdk_json_write_end(w);
	printf("open at the end: %d\n", rc == 0);
	w = spdk_json_write_begin(fails, NULL, 0);
	spdk_json_write_null(w);
	rc = spdk_json_write_end(w);
	printf("nobody takes it: %d\n", rc == 0);
}

int
main(void)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED); /* it shares the terminal */
	decoders();
	objects();
	looking();
	writer();
	refusals();
	parser();
	return 0;
}
