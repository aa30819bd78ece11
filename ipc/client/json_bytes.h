/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Looking at the bytes of a string 16 at a time. */

#ifndef CAL_IPC_CLIENT_JSON_BYTES_H
#define CAL_IPC_CLIENT_JSON_BYTES_H

#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>

/** Cannot stand in a JSON string as it is, or may not be UTF-8. */
static inline bool
json_is_special(unsigned char c)
{
	return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

/** A bit for each such byte. */
static inline unsigned
json_special_bytes(__m128i chunk)
{
	/* As signed numbers those from 0x80 on are below the space, too. */
	__m128i found = _mm_cmplt_epi8(chunk, _mm_set1_epi8(' '));

	found = _mm_or_si128(found, _mm_cmpeq_epi8(chunk, _mm_set1_epi8('"')));
	found = _mm_or_si128(found, _mm_cmpeq_epi8(chunk, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(found);
}

/** How many of `len` bytes come before the first such one. */
static inline size_t
json_plain_run(const unsigned char *p, size_t len)
{
	size_t n = 0;
	unsigned found;

	for (; len - n >= 16; n += 16) {
		found = json_special_bytes(_mm_loadu_si128((const __m128i *)(p + n)));
		if (found != 0) {
			return n + (unsigned)__builtin_ctz(found);
		}
	}
	while (n < len && !json_is_special(p[n])) {
		n++;
	}
	return n;
}

#endif
