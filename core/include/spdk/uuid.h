/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* UUIDs. */

#ifndef SPDK_UUID_H
#define SPDK_UUID_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_uuid {
	union {
		uint8_t raw[16];
	} u;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_uuid) == 16, "Incorrect size");

#define SPDK_UUID_STRING_LEN 37 /* 36 characters and the end */

/** Read the usual text form. Returns 0 or -EINVAL. */
int spdk_uuid_parse(struct spdk_uuid *uuid, const char *uuid_str);
/** Write it in lower case; the buffer has at least SPDK_UUID_STRING_LEN bytes. Returns 0 or
 *  -EINVAL. */
int spdk_uuid_fmt_lower(char *uuid_str, size_t uuid_str_size, const struct spdk_uuid *uuid);
/** As memcmp() does. */
int spdk_uuid_compare(const struct spdk_uuid *u1, const struct spdk_uuid *u2);
/** A new random UUID. */
void spdk_uuid_generate(struct spdk_uuid *uuid);
/** The UUID (version 5) of a name in a namespace. Returns 0 or a negative errno. */
int spdk_uuid_generate_sha1(struct spdk_uuid *uuid, struct spdk_uuid *ns_uuid, const char *name,
                            size_t len);
void spdk_uuid_copy(struct spdk_uuid *dst, const struct spdk_uuid *src);
bool spdk_uuid_is_null(const struct spdk_uuid *uuid);
void spdk_uuid_set_null(struct spdk_uuid *uuid);

#ifdef __cplusplus
}
#endif
#endif
