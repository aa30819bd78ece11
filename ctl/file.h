/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Whole files. */

#ifndef CAL_CTL_FILE_H
#define CAL_CTL_FILE_H

#include <stddef.h>

#define CTL_FILE_MAX (64u << 20)

/** Read a file ("-": stdin) whole and terminate it; free() it. Returns 0, or a negative errno with
 * a sentence in `err`. */
int ctl_file_read(const char *path, char **text, size_t *len, char *err, size_t err_size);

/** Write a file ("-": stdout). A regular file is replaced as a whole or not at all. Returns 0, or a
 *  negative errno with a sentence in `err`. */
int ctl_file_write(const char *path, const char *text, char *err, size_t err_size);

#endif
