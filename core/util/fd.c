/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/fd.h"

#include <linux/fs.h>

uint64_t
spdk_fd_get_size(int fd)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) != 0) {
		return 0;
	}
	if (S_ISREG(st.st_mode)) {
		return (uint64_t)st.st_size;
	}
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &size) == 0) {
		return size;
	}
	return 0;
}

uint32_t
spdk_fd_get_blocklen(int fd)
{
	struct stat st;
	int size;

	if (fstat(fd, &st) != 0) {
		return 0;
	}
	if (S_ISBLK(st.st_mode)) {
		return ioctl(fd, BLKSSZGET, &size) == 0 ? (uint32_t)size : 0;
	}
	return (uint32_t)st.st_blksize;
}

static int
fd_set_flags(int fd, int set, int clear)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, (flags | set) & ~clear) < 0) {
		return -errno;
	}
	return 0;
}

int
spdk_fd_set_nonblock(int fd)
{
	return fd_set_flags(fd, O_NONBLOCK, 0);
}

int
spdk_fd_clear_nonblock(int fd)
{
	return fd_set_flags(fd, 0, O_NONBLOCK);
}
