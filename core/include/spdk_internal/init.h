/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Where older modules look for the subsystem macros, which are public by now. */

#ifndef SPDK_INTERNAL_INIT_H
#define SPDK_INTERNAL_INIT_H

#include "spdk/init.h"

#endif
