/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Groups of descriptors that are waited for together: what interrupt mode is made of. */

#ifndef SPDK_FD_GROUP_H
#define SPDK_FD_GROUP_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spdk_fd_type {
	SPDK_FD_TYPE_DEFAULT = 0x0,
	SPDK_FD_TYPE_EVENTFD = 0x1, /* an eventfd: read before its handler is called */
};

struct spdk_event_handler_opts {
	size_t opts_size; /* of this structure as the caller knows it */
	uint32_t events;
	uint32_t fd_type; /* enum spdk_fd_type */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_event_handler_opts) == 16, "Incorrect size");

/** Handler of a descriptor. Returns 0 for nothing done, more for events handled, or a negative
 *  errno. */
typedef int (*spdk_fd_fn)(void *ctx);

struct spdk_fd_group;

#ifdef __cplusplus
}
#endif
#endif
