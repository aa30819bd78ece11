/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For SPDK's log_ut.c. */

#include "spdk/log.h"
#include "spdk/util.h"
