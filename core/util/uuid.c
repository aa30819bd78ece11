/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/uuid.h"

#include <uuid/uuid.h>

int
spdk_uuid_parse(struct spdk_uuid *uuid, const char *uuid_str)
{
	return uuid_parse(uuid_str, uuid->u.raw) == 0 ? 0 : -EINVAL;
}

int
spdk_uuid_fmt_lower(char *uuid_str, size_t uuid_str_size, const struct spdk_uuid *uuid)
{
	if (uuid_str_size < SPDK_UUID_STRING_LEN) {
		return -EINVAL;
	}
	uuid_unparse_lower(uuid->u.raw, uuid_str);
	return 0;
}

int
spdk_uuid_compare(const struct spdk_uuid *u1, const struct spdk_uuid *u2)
{
	return memcmp(u1->u.raw, u2->u.raw, sizeof(u1->u.raw));
}

void
spdk_uuid_generate(struct spdk_uuid *uuid)
{
	uuid_generate_random(uuid->u.raw);
}

int
spdk_uuid_generate_sha1(struct spdk_uuid *uuid, struct spdk_uuid *ns_uuid, const char *name,
                        size_t len)
{
	uuid_generate_sha1(uuid->u.raw, ns_uuid->u.raw, name, len);
	return 0;
}

void
spdk_uuid_copy(struct spdk_uuid *dst, const struct spdk_uuid *src)
{
	memmove(dst, src, sizeof(*dst));
}

bool
spdk_uuid_is_null(const struct spdk_uuid *uuid)
{
	return uuid_is_null(uuid->u.raw) != 0;
}

void
spdk_uuid_set_null(struct spdk_uuid *uuid)
{
	uuid_clear(uuid->u.raw);
}
