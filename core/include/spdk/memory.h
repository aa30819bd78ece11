/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Page arithmetic, under the names that SPDK's users know. */

#ifndef SPDK_MEMORY_H
#define SPDK_MEMORY_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Linux has had VFIO since 3.6, which is older than anything that runs this. */
#define VFIO_ENABLED 1

#define SHIFT_2MB 21
#define VALUE_2MB (1ULL << SHIFT_2MB)
#define MASK_2MB  (VALUE_2MB - 1)

#define SHIFT_4KB 12
#define VALUE_4KB (1ULL << SHIFT_4KB)
#define MASK_4KB  (VALUE_4KB - 1)

#define _4KB_OFFSET(ptr) (((uintptr_t)(ptr)) & MASK_4KB)
#define _2MB_OFFSET(ptr) (((uintptr_t)(ptr)) & MASK_2MB)
#define _2MB_PAGE(ptr)   FLOOR_2MB((uintptr_t)(ptr))
#define FLOOR_2MB(x)     (((uintptr_t)(x)) & ~MASK_2MB)
#define CEIL_2MB(x)      FLOOR_2MB(((uintptr_t)(x)) + VALUE_2MB - 1)

#ifdef __cplusplus
}
#endif
#endif
