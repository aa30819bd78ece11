/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Base64 of RFC 4648, with the standard and with the URL and file name safe alphabet. */

#ifndef SPDK_BASE64_H
#define SPDK_BASE64_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Length of the encoded string without its terminator. */
static inline size_t
spdk_base64_get_encoded_strlen(size_t raw_len)
{
	return (raw_len + 2) / 3 * 4;
}

/** The most bytes that a string of that length can decode to; less with padding. */
static inline size_t
spdk_base64_get_decoded_len(size_t encoded_strlen)
{
	return encoded_strlen / 4 * 3 + ((encoded_strlen % 4 + 1) / 2);
}

/** Write the terminated encoding of `src` to `dst`. Returns 0, or -EINVAL for NULL or no bytes. */
int spdk_base64_encode(char *dst, const void *src, size_t src_len);
int spdk_base64_urlsafe_encode(char *dst, const void *src, size_t src_len);

/** Decode. `dst` NULL only computes *dst_len; `dst_len` NULL is allowed. Padding may be missing.
 *  Returns 0 or -EINVAL. */
int spdk_base64_decode(void *dst, size_t *dst_len, const char *src);
int spdk_base64_urlsafe_decode(void *dst, size_t *dst_len, const char *src);

#ifdef __cplusplus
}
#endif
#endif
