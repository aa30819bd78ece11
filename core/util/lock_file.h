/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Lock files that are removed when they are given back. */

#ifndef CAL_CORE_UTIL_LOCK_FILE_H
#define CAL_CORE_UTIL_LOCK_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/** Whether `path` still names the file open at `fd`. Its last holder may have removed it between
 * our open and our lock: a lock on a file that has no name protects nothing. Any thread. */
static inline bool
lock_file_is_current(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

#endif
