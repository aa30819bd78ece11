/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Files read whole. All of it blocks: not on a reactor. */

#ifndef SPDK_FILE_H
#define SPDK_FILE_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Read what is left of `file`, at most 1 GB. Returns it, to be freed, and its size in bytes; NULL
 *  without memory, or when it cannot be read. */
void *spdk_posix_file_load(FILE *file, size_t *size);
/** The same by its name. */
void *spdk_posix_file_load_from_name(const char *file_name, size_t *size);

/** Read the first line of a file in /sys without its end. Returns 0 and the text, to be freed, or a
 *  negative errno. */
int spdk_read_sysfs_attribute(char **attribute, const char *path_format, ...)
	__attribute__((format(printf, 2, 3)));
/** The same as a number in C's notation; -EINVAL for what is none, -ERANGE beyond 32 bits. */
int spdk_read_sysfs_attribute_uint32(uint32_t *attribute, const char *path_format, ...)
	__attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
