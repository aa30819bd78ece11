/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Arrays of strings, and replacing within one. */

#include "spdk/string.h"

char **
spdk_strarray_from_string(const char *str, const char *delim)
{
	size_t count = 1, i, len;
	const char *p;
	char **out;

	for (p = str; (p = strpbrk(p, delim)) != NULL; p++) {
		count++;
	}
	out = calloc(count + 1, sizeof(char *));
	if (out == NULL) {
		return NULL;
	}
	for (p = str, i = 0; i < count; i++) {
		len = strcspn(p, delim);
		out[i] = strndup(p, len);
		if (out[i] == NULL) {
			spdk_strarray_free(out);
			return NULL;
		}
		p += len + 1;
	}
	return out;
}

char **
spdk_strarray_dup(const char **strarray)
{
	size_t count, i;
	char **out;

	for (count = 0; strarray[count] != NULL; count++) {
	}
	out = calloc(count + 1, sizeof(char *));
	if (out == NULL) {
		return NULL;
	}
	for (i = 0; i < count; i++) {
		out[i] = strdup(strarray[i]);
		if (out[i] == NULL) {
			spdk_strarray_free(out);
			return NULL;
		}
	}
	return out;
}

void
spdk_strarray_free(char **strarray)
{
	size_t i;

	if (strarray == NULL) {
		return;
	}
	for (i = 0; strarray[i] != NULL; i++) {
		free(strarray[i]);
	}
	free(strarray);
}

int
spdk_strcpy_replace(char *dst, size_t size, const char *src, const char *search,
                    const char *replace)
{
	size_t search_len, replace_len, used = 0, piece;
	const char *hit;

	if (dst == NULL || src == NULL || search == NULL || replace == NULL || *search == '\0') {
		return -EINVAL;
	}
	search_len = strlen(search);
	replace_len = strlen(replace);
	while (true) {
		hit = strstr(src, search);
		piece = hit != NULL ? (size_t)(hit - src) : strlen(src);
		if (used + piece + (hit != NULL ? replace_len : 0) >= size) {
			return -EINVAL;
		}
		memcpy(dst + used, src, piece);
		used += piece;
		if (hit == NULL) {
			dst[used] = '\0';
			return 0;
		}
		memcpy(dst + used, replace, replace_len);
		used += replace_len;
		src = hit + search_len;
	}
}
