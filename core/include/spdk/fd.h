/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Descriptors: sizes and blocking mode. */

#ifndef SPDK_FD_H
#define SPDK_FD_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Size in bytes of what `fd` refers to, a regular file or a block device; 0 when it has none or on
 *  an error. */
uint64_t spdk_fd_get_size(int fd);

/** Size in bytes of a logical block of what `fd` refers to; 0 on an error. */
uint32_t spdk_fd_get_blocklen(int fd);

/** Set and clear O_NONBLOCK. Return 0 or a negative errno. */
int spdk_fd_set_nonblock(int fd);
int spdk_fd_clear_nonblock(int fd);

#ifdef __cplusplus
}
#endif
#endif
