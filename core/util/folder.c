/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/util/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 8

static bool
is_kept(const char *name, const char *const *keep)
{
	for (; keep != NULL && *keep != NULL; keep++) {
		if (strcmp(name, *keep) == 0) {
			return true;
		}
	}
	return false;
}

static int
empty(int fd, const char *const *keep, int depth)
{
	struct dirent *entry;
	int rc = 0, sub;
	DIR *dir;

	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = -errno;
		close(fd);
		return rc;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    is_kept(entry->d_name, keep)) {
			continue;
		}
		if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) {
			continue;
		}
		if (errno != EISDIR && errno != EPERM) {
			rc = -errno;
			continue;
		}
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 || depth == MAX_DEPTH) {
			rc = sub < 0 ? -errno : -ELOOP;
			if (sub >= 0) {
				close(sub);
			}
			continue;
		}
		(void)empty(sub, NULL, depth + 1);
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) != 0) {
			rc = -errno;
		}
	}
	closedir(dir);
	return rc;
}

int
folder_empty(int fd, const char *const *keep)
{
	return empty(fd, keep, 0);
}

int
folder_remove(const char *path)
{
	int fd, rc;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	rc = empty(fd, NULL, 0);
	return rmdir(path) == 0 || errno == ENOENT ? 0 : rc != 0 ? rc : -errno;
}
