/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For SPDK's notify_ut.c. */

#include "spdk/notify.h"
