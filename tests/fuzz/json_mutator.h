/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Mutation that keeps JSON text JSON: one token of it becomes another one, comes twice, goes, or is
 * wrapped. Plain mutation breaks most texts before anything interesting is reached. */

#ifndef CAL_TESTS_FUZZ_JSON_MUTATOR_H
#define CAL_TESTS_FUZZ_JSON_MUTATOR_H

#include "tests/fuzz/fuzz.h"

struct json_token {
	size_t begin, end;
};

static inline uint32_t
json_mutator_pick(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return n == 0 ? 0 : (uint32_t)(*state >> 33) % n;
}

/* The scalars, names included; at most `max`. */
static inline size_t
json_tokens(const uint8_t *data, size_t size, struct json_token *out, size_t max)
{
	size_t n = 0, i = 0, begin;

	while (i < size && n < max) {
		begin = i;
		if (data[i] == '"') {
			for (i++; i < size && data[i] != '"'; i++) {
				i += data[i] == '\\';
			}
			i = i < size ? i + 1 : size;
		} else if (data[i] > ' ' && data[i] < 0x80 && strchr("{}[],:", data[i]) == NULL) {
			while (i < size && data[i] > ' ' && data[i] < 0x80 &&
			       strchr("{}[],:\"", data[i]) == NULL) {
				i++;
			}
		} else {
			i++;
			continue;
		}
		out[n].begin = begin;
		out[n++].end = i;
	}
	return n;
}

static inline size_t
json_splice(uint8_t *data, size_t size, size_t max_size, size_t begin, size_t end, const char *text)
{
	size_t len = strlen(text), i;

	if (size - (end - begin) + len > max_size) {
		return size;
	}
	memmove(data + begin + len, data + end, size - end);
	for (i = 0; i < len; i++) {
		data[begin + i] = (uint8_t)text[i];
	}
	return size - (end - begin) + len;
}

/** Change one token of the JSON text at `data`; `names` (NULL at the end) are what names become. */
static inline size_t
json_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed, const char *const *names)
{
	static const char *const values[] = {
		"0",
		"1",
		"-1",
		"4096",
		"512",
		"2147483648",
		"4294967295",
		"4294967296",
		"9223372036854775808",
		"18446744073709551615",
		"18446744073709551616",
		"1e3",
		"1.5",
		"-0",
		"1e400",
		"0.1e1",
		"true",
		"false",
		"null",
		"\"\"",
		"\"a\"",
		"\"\\u0000\"",
		"\"0x1\"",
		"\"[0-1]\"",
		"\"[0,1-3]\"",
		"\"[\"",
		"\"ffffffffffffffffffff\"",
		"\"%s%n\"",
		"\"../x\"",
		"\"\\ud834\\udd1e\"",
		"\"00000000-0000-4000-8000-000000000001\"",
		"[]",
		"{}",
		"[1]",
		"{\"a\":1}",
		"[[[[[[[[]]]]]]]]",
		"\"ERROR\"",
		"\"Malloc0\"",
		"\"Null0\"",
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaa\"",
	};
	struct json_token tokens[512], t;
	size_t n = json_tokens(data, size, tokens, 512), num_names = 0;
	uint64_t random = seed | 1;
	char text[300] = "";
	bool name;

	while (names != NULL && names[num_names] != NULL) {
		num_names++;
	}
	json_mutator_pick(&random, 1);
	if (n == 0) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	t = tokens[json_mutator_pick(&random, (uint32_t)n)];
	name = t.end < size && data[t.end] == ':' && num_names > 0;
	switch (json_mutator_pick(&random, 8)) {
	default:
		if (name) {
			snprintf(text, sizeof(text), "\"%s\"",
			         names[json_mutator_pick(&random, (uint32_t)num_names)]);
			return json_splice(data, size, max_size, t.begin, t.end, text);
		}
		return json_splice(
			data, size, max_size, t.begin, t.end,
			values[json_mutator_pick(&random, sizeof(values) / sizeof(values[0]))]);
	case 0: /* its bytes */
		if (t.end - t.begin > 2 && size == max_size) {
			data[t.begin + 1] ^= (uint8_t)(1u << json_mutator_pick(&random, 7));
			return size;
		}
		text[0] = (char)(0x20 + json_mutator_pick(&random, 0x5f));
		text[1] = '\0';
		return json_splice(data, size, max_size, t.begin + (t.end > t.begin + 1),
		                   t.begin + (t.end > t.begin + 1), text);
	case 1: /* another member before it */
		snprintf(text, sizeof(text), "\"%s\":%s,",
		         num_names > 0 ? names[json_mutator_pick(&random, (uint32_t)num_names)]
		                       : "a",
		         values[json_mutator_pick(&random, 30)]);
		return json_splice(data, size, max_size, t.begin, t.begin, text);
	case 2:
		return json_splice(data, size, max_size, t.begin, t.end, "");
	case 3:
		size = json_splice(data, size, max_size, t.end, t.end, "]");
		return json_splice(data, size, max_size, t.begin, t.begin, "[");
	case 4:
		return LLVMFuzzerMutate(data, size, max_size);
	}
}

#endif
