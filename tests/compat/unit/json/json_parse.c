/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For SPDK's json_parse_ut.c: what it needs beside the public header. */

#include "core/rpc/json_internal.h"

#define SPDK_JSON_MAX_NESTING_DEPTH JSON_MAX_DEPTH
