/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Balanced trees: the RB_* and SPLAY_* macros of the BSDs, from libbsd. */

#ifndef SPDK_TREE_H
#define SPDK_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <bsd/sys/tree.h>

/* libbsd's own use a word that it does not define. */
#undef RB_PROTOTYPE_STATIC
#undef RB_GENERATE_STATIC
#define RB_PROTOTYPE_STATIC(name, type, field, cmp) \
	RB_PROTOTYPE_INTERNAL(name, type, field, cmp, __attribute__((unused)) static)
#define RB_GENERATE_STATIC(name, type, field, cmp) \
	RB_GENERATE_INTERNAL(name, type, field, cmp, __attribute__((unused)) static)

#endif
