/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/string.h"

#include "spdk/assert.h"
#include "spdk/util.h"

char *
spdk_vsprintf_append_realloc(char *buffer, const char *format, va_list args)
{
	size_t old_len = buffer != NULL ? strlen(buffer) : 0;
	va_list again;
	char *str;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0) {
		return NULL;
	}
	str = realloc(buffer, old_len + (size_t)len + 1);
	if (str == NULL) {
		return NULL;
	}
	vsnprintf(str + old_len, (size_t)len + 1, format, args);
	return str;
}

char *
spdk_sprintf_append_realloc(char *buffer, const char *format, ...)
{
	va_list args;
	char *str;

	va_start(args, format);
	str = spdk_vsprintf_append_realloc(buffer, format, args);
	va_end(args);
	return str;
}

char *
spdk_vsprintf_alloc(const char *format, va_list args)
{
	return spdk_vsprintf_append_realloc(NULL, format, args);
}

char *
spdk_sprintf_alloc(const char *format, ...)
{
	va_list args;
	char *str;

	va_start(args, format);
	str = spdk_vsprintf_append_realloc(NULL, format, args);
	va_end(args);
	return str;
}

char *
spdk_strlwr(char *s)
{
	char *p;

	if (s == NULL) {
		return NULL;
	}
	for (p = s; *p != '\0'; p++) {
		*p = (char)tolower((unsigned char)*p);
	}
	return s;
}

char *
spdk_strsepq(char **stringp, const char *delim)
{
	char *begin, *in, *out, quote = '\0';

	if (stringp == NULL || *stringp == NULL) {
		return NULL;
	}
	begin = *stringp + strspn(*stringp, delim);
	if (*begin == '\0') {
		*stringp = NULL;
		return NULL;
	}
	/* Quotes are dropped on the way, so what is written never overtakes what is read. */
	for (in = out = begin; *in != '\0'; in++) {
		if (quote != '\0') {
			if (*in == quote) {
				quote = '\0';
				continue;
			}
		} else if (*in == '"' || *in == '\'') {
			quote = *in;
			continue;
		} else if (strchr(delim, *in) != NULL) {
			break;
		}
		*out++ = *in;
	}
	if (*in != '\0') {
		in++;
		in += strspn(in, delim);
	}
	*stringp = *in != '\0' ? in : NULL;
	*out = '\0';
	return begin;
}

char *
spdk_str_trim(char *s)
{
	char *begin, *end;

	if (s == NULL) {
		return NULL;
	}
	for (begin = s; isspace((unsigned char)*begin); begin++) {
	}
	end = begin + strlen(begin);
	while (end > begin && isspace((unsigned char)end[-1])) {
		end--;
	}
	memmove(s, begin, (size_t)(end - begin));
	s[end - begin] = '\0';
	return s;
}

void
spdk_strerror_r(int errnum, char *buf, size_t buflen)
{
	const char *text;

	if (buflen == 0) {
		return;
	}
	text = strerror_r(abs(errnum), buf, buflen);
	if (text != buf) {
		snprintf(buf, buflen, "%s", text);
	}
}

const char *
spdk_strerror(int errnum)
{
	static __thread char buf[128];

	spdk_strerror_r(errnum, buf, sizeof(buf));
	return buf;
}

size_t
spdk_str_chomp(char *s)
{
	size_t len = strlen(s), removed = 0;

	while (len > 0 && (s[len - 1] == '\r' || s[len - 1] == '\n')) {
		s[--len] = '\0';
		removed++;
	}
	return removed;
}

void
spdk_strcpy_pad(void *dst, const char *src, size_t size, int pad)
{
	size_t len = strnlen(src, size);

	memcpy(dst, src, len);
	memset((uint8_t *)dst + len, pad, size - len);
}

size_t
spdk_strlen_pad(const void *str, size_t size, int pad)
{
	const uint8_t *p = str;

	while (size > 0 && p[size - 1] == (uint8_t)pad) {
		size--;
	}
	return size;
}

int
spdk_parse_ip_addr(char *ip, char **host, char **port)
{
	char *p;

	if (ip == NULL || host == NULL || port == NULL) {
		return -EINVAL;
	}
	*host = NULL;
	*port = NULL;
	if (*ip == '[') {
		p = strchr(ip, ']');
		if (p == NULL) {
			return -EINVAL;
		}
		*host = ip + 1;
		*p++ = '\0';
		if (*p == '\0') {
			return 0;
		}
		if (*p != ':') {
			return -EINVAL;
		}
		p++;
	} else {
		*host = ip;
		p = strchr(ip, ':');
		if (p == NULL) {
			return 0;
		}
		*p++ = '\0';
	}
	if (*p != '\0') {
		*port = p;
	}
	return 0;
}

int
spdk_parse_capacity(const char *cap_str, uint64_t *cap, bool *has_prefix)
{
	unsigned shift = 0;
	char *end;

	if (!isdigit((unsigned char)*cap_str)) {
		return -EINVAL;
	}
	errno = 0;
	*cap = strtoull(cap_str, &end, 10);
	if (errno != 0) {
		return -errno;
	}
	switch (*end) {
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	case '\0':
		break;
	default:
		return -EINVAL;
	}
	if (has_prefix != NULL) {
		*has_prefix = shift != 0;
	}
	if (shift == 0) {
		return 0;
	}
	end++;
	if ((*end == 'b' || *end == 'B') && end[1] == '\0') {
		end++;
	}
	if (*end != '\0') {
		return -EINVAL;
	}
	if (*cap > UINT64_MAX >> shift) {
		return -ERANGE;
	}
	*cap <<= shift;
	return 0;
}

bool
spdk_mem_all_zero(const void *data, size_t size)
{
	const uint8_t *p = data;

	/* Zero at the front, and every byte equal to the one before it. */
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

long long int
spdk_strtoll(const char *nptr, int base)
{
	long long val;
	char *end;

	errno = 0;
	val = strtoll(nptr, &end, base);
	if (errno != 0) {
		return -errno;
	}
	if (end == nptr || *end != '\0') {
		return -EINVAL;
	}
	return val < 0 ? -ERANGE : val;
}

long int
spdk_strtol(const char *nptr, int base)
{
	SPDK_STATIC_ASSERT(sizeof(long) == sizeof(long long), "64-bit long");
	return spdk_strtoll(nptr, base);
}
