/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Strings. "Allocated" means by malloc(), to be given to free(). */

#ifndef SPDK_STRING_H
#define SPDK_STRING_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define _SPDK_STRINGIFY(x) #x
#define SPDK_STRINGIFY(x)  _SPDK_STRINGIFY(x)

/** Print into an allocated string. NULL without memory. */
char *spdk_sprintf_alloc(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *spdk_vsprintf_alloc(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/** Print behind the end of the allocated string `buffer` (NULL: begin one). Returns the string,
 *  which may have moved, or NULL with `buffer` as it was. */
char *spdk_sprintf_append_realloc(char *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *spdk_vsprintf_append_realloc(char *buffer, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/** Make ASCII letters lower case in place. Returns `s`. */
char *spdk_strlwr(char *s);

/** As strsep(), but a field may be quoted by ' or " and then contain delimiters; the quotes are
 *  removed, leading delimiters skipped. */
char *spdk_strsepq(char **stringp, const char *delim);

/** Remove white space at both ends in place. Returns `s`. */
char *spdk_str_trim(char *s);

/** The text of an error number (its sign is ignored), into `buf` or into memory of the calling
 *  thread. */
void spdk_strerror_r(int errnum, char *buf, size_t buflen);
const char *spdk_strerror(int errnum);

/** Remove \\r and \\n from the end. Returns how many. */
size_t spdk_str_chomp(char *s);

/** Fill the `size` bytes of `dst` with the string, cut if need be, and behind it with `pad`. There
 *  is no terminator. */
void spdk_strcpy_pad(void *dst, const char *src, size_t size, int pad);
/** Length of the text in such a field. */
size_t spdk_strlen_pad(const void *str, size_t size, int pad);

/** Cut "host[:port]" or "[IPv6][:port]" in place. *port is NULL when there is none. Returns 0 or
 *  -EINVAL. */
int spdk_parse_ip_addr(char *ip, char **host, char **port);

/** Read a number of bytes that may end in K, M or G (either case, B allowed behind): powers of
 *  1024. *has_prefix (NULL allowed) says whether it did. Returns 0, -EINVAL or -ERANGE. */
int spdk_parse_capacity(const char *cap_str, uint64_t *cap, bool *has_prefix);

bool spdk_mem_all_zero(const void *data, size_t size);

/** strtol() and strtoll() for a whole string that is a number of 0 and above. Returns it or
 *  -EINVAL, -ERANGE. */
long int spdk_strtol(const char *nptr, int base);
long long int spdk_strtoll(const char *nptr, int base);

/** Cut at every character of `delim`: an allocated, NULL-terminated array of allocated strings,
 *  empty fields included. NULL without memory. */
char **spdk_strarray_from_string(const char *str, const char *delim);
char **spdk_strarray_dup(const char **strarray);
/** NULL is allowed. */
void spdk_strarray_free(char **strarray);

/** Copy `src` to `dst` with each `search` become `replace`. Returns 0 or -EINVAL when it does not
 *  fit. */
int spdk_strcpy_replace(char *dst, size_t size, const char *src, const char *search,
                        const char *replace);

#ifdef __cplusplus
}
#endif
#endif
