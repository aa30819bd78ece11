/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Lock files: in folders where anybody may have put something of that name before. */

#ifndef CAL_CORE_UTIL_LOCK_FILE_H
#define CAL_CORE_UTIL_LOCK_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/** Opens the lock file `path`, makes it (mode 0600) if it is not there. Returns a descriptor,
 * -ELOOP if it is a symbolic link, -EPERM if it is no plain file or has a second name, by which
 * what we write into it, or the removal of the wrong name, would harm somebody; another negative
 * errno. Any thread. */
static inline int
lock_file_open(const char *path)
{
	/* Opening a FIFO must not wait, nor a device do anything. */
	int fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

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
