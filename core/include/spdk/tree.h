/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Balanced trees: the RB_* and SPLAY_* macros of the BSDs, from libbsd. */

#ifndef SPDK_TREE_H
#define SPDK_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <bsd/sys/tree.h>

#endif
