/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For SPDK's log_ut.c, which looks into struct spdk_deprecation. */

#include "core/util/deprecation.c"
