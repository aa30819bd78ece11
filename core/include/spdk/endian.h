/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Integers in memory of a given byte order and any alignment. */

#ifndef SPDK_ENDIAN_H
#define SPDK_ENDIAN_H

#include "spdk/stdinc.h"
#include <endian.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline uint16_t
from_be16(const void *ptr)
{
	uint16_t v;

	memcpy(&v, ptr, sizeof(v));
	return be16toh(v);
}

static inline void
to_be16(void *out, uint16_t in)
{
	in = htobe16(in);
	memcpy(out, &in, sizeof(in));
}

static inline uint32_t
from_be32(const void *ptr)
{
	uint32_t v;

	memcpy(&v, ptr, sizeof(v));
	return be32toh(v);
}

static inline void
to_be32(void *out, uint32_t in)
{
	in = htobe32(in);
	memcpy(out, &in, sizeof(in));
}

static inline uint64_t
from_be64(const void *ptr)
{
	uint64_t v;

	memcpy(&v, ptr, sizeof(v));
	return be64toh(v);
}

static inline void
to_be64(void *out, uint64_t in)
{
	in = htobe64(in);
	memcpy(out, &in, sizeof(in));
}

static inline uint16_t
from_le16(const void *ptr)
{
	uint16_t v;

	memcpy(&v, ptr, sizeof(v));
	return le16toh(v);
}

static inline void
to_le16(void *out, uint16_t in)
{
	in = htole16(in);
	memcpy(out, &in, sizeof(in));
}

static inline uint32_t
from_le32(const void *ptr)
{
	uint32_t v;

	memcpy(&v, ptr, sizeof(v));
	return le32toh(v);
}

static inline void
to_le32(void *out, uint32_t in)
{
	in = htole32(in);
	memcpy(out, &in, sizeof(in));
}

static inline uint64_t
from_le64(const void *ptr)
{
	uint64_t v;

	memcpy(&v, ptr, sizeof(v));
	return le64toh(v);
}

static inline void
to_le64(void *out, uint64_t in)
{
	in = htole64(in);
	memcpy(out, &in, sizeof(in));
}

#ifdef __cplusplus
}
#endif
#endif
