/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/base64.h"

static const char base64_standard[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_urlsafe[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
base64_encode(char *dst, const uint8_t *src, size_t len, const char *alphabet)
{
	uint32_t bits;
	size_t take;

	if (dst == NULL || src == NULL || len == 0) {
		return -EINVAL;
	}
	while (len > 0) {
		take = len < 3 ? len : 3;
		bits = (uint32_t)src[0] << 16;
		bits |= take > 1 ? (uint32_t)src[1] << 8 : 0;
		bits |= take > 2 ? (uint32_t)src[2] : 0;
		*dst++ = alphabet[bits >> 18];
		*dst++ = alphabet[(bits >> 12) & 63];
		*dst++ = take > 1 ? alphabet[(bits >> 6) & 63] : '=';
		*dst++ = take > 2 ? alphabet[bits & 63] : '=';
		src += take;
		len -= take;
	}
	*dst = '\0';
	return 0;
}

static int
base64_value(char c, const char *alphabet)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	if (c == alphabet[62]) {
		return 62;
	}
	return c == alphabet[63] ? 63 : -1;
}

static int
base64_decode(uint8_t *dst, size_t *dst_len, const char *src, const char *alphabet)
{
	size_t len, out = 0, i;
	uint32_t bits = 0;
	int value;

	if (src == NULL) {
		return -EINVAL;
	}
	len = strlen(src);
	/* Padding completes a group of four; without it, one character alone is not a byte. */
	if (len % 4 == 0 && len > 0) {
		len -= src[len - 1] == '=';
		len -= len % 4 == 3 && src[len - 1] == '=';
	}
	if (len == 0 || len % 4 == 1) {
		return -EINVAL;
	}
	for (i = 0; i < len; i++) {
		value = base64_value(src[i], alphabet);
		if (value < 0) {
			return -EINVAL;
		}
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 0) {
			if (dst != NULL) {
				dst[out] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
			}
			out++;
		}
	}
	if (dst_len != NULL) {
		*dst_len = out;
	}
	return 0;
}

int
spdk_base64_encode(char *dst, const void *src, size_t src_len)
{
	return base64_encode(dst, src, src_len, base64_standard);
}

int
spdk_base64_urlsafe_encode(char *dst, const void *src, size_t src_len)
{
	return base64_encode(dst, src, src_len, base64_urlsafe);
}

int
spdk_base64_decode(void *dst, size_t *dst_len, const char *src)
{
	return base64_decode(dst, dst_len, src, base64_standard);
}

int
spdk_base64_urlsafe_decode(void *dst, size_t *dst_len, const char *src)
{
	return base64_decode(dst, dst_len, src, base64_urlsafe);
}
