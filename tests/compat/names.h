/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How the names of SPDK's headers are looked at: a line of names_*.c that does not compile, or does
 * not link, is a name that is missing or has another type than SPDK's. */

#ifndef CAL_TESTS_COMPAT_NAMES_H
#define CAL_TESTS_COMPAT_NAMES_H

#include <stddef.h>

/** It exists, with this type, and is linked. */
#define FUNCTION(name, ...) \
	static __typeof__(__VA_ARGS__) *const name##_is __attribute__((used)) = name

/** It exists. */
#define VALUE(name) enum { name##_is = (int)(name) }

#ifdef __cplusplus
#define TYPE(type) static_assert(alignof(type *) > 0, #type)
#define FIELD(type, field, ...) \
	static_assert(sizeof(((type *)0)->field) == sizeof(__VA_ARGS__), #type "." #field)
#define MEMBER(type, field) static_assert(sizeof(&((type *)0)->field) > 0, #type "." #field)
#else
#define TYPE(type) _Static_assert(_Alignof(type *) > 0, #type)
#define FIELD(type, field, ...)                                                     \
	_Static_assert(__builtin_types_compatible_p(__typeof__(((type *)0)->field), \
	                                            __typeof__(__VA_ARGS__)),       \
	               #type "." #field)
#define MEMBER(type, field) _Static_assert(offsetof(type, field) < 65536, #type "." #field)
#endif

#endif
