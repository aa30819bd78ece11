/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#ifndef SPDK_INTERNAL_ASSERT_H
#define SPDK_INTERNAL_ASSERT_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

/** Here no execution comes. One that does ends the process, in every build: an optimiser's licence
 *  to go anywhere is not worth the instruction. */
#define SPDK_UNREACHABLE() abort()

#endif
