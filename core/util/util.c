/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/util.h"

uint32_t
spdk_u32log2(uint32_t x)
{
	return x == 0 ? 0 : 31u - (uint32_t)__builtin_clz(x);
}

uint64_t
spdk_u64log2(uint64_t x)
{
	return x == 0 ? 0 : 63u - (uint64_t)__builtin_clzll(x);
}
