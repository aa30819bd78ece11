/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The folder of --state-dir, as far as the primary has to do with it: may the configuration service
 * write there, and does no other primary keep the same file? A lock for each, on a byte of its own
 * in config.ID.lock: the primary's while it runs, the service's while it may write. They are locks
 * of open file descriptions: nobody else's closing of the file lets go of them. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/app/app_private.h"
#include "core/util/lock_file.h"

static int g_fd = -1;

static int
lock(int fd)
{
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &byte) == 0 ? 0 : -errno;
}

char *
state_dir_open(const char *dir, int id, char *err, size_t err_size)
{
	char path[PATH_MAX], *whole = realpath(dir, NULL);
	struct stat st;
	int rc;

	if (whole == NULL || stat(whole, &st) != 0) {
		snprintf(err, err_size, "--state-dir %s: %s; create it, or name another folder",
		         dir, strerror(errno));
		goto fail;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(err, err_size, "--state-dir %s: it is no folder; name one", dir);
		goto fail;
	}
	if (snprintf(path, sizeof(path), "%s/config.%d.lock", whole, id) >= (int)sizeof(path)) {
		snprintf(err, err_size, "--state-dir: the folder's path is too long");
		goto fail;
	}
	g_fd = lock_file_open(path);
	if (g_fd < 0) {
		snprintf(err, err_size,
		         "--state-dir %s: it cannot be written to (%s); allow it, or name another "
		         "folder",
		         dir, strerror(-g_fd));
		goto fail;
	}
	rc = lock(g_fd);
	if (rc == 0) {
		return whole;
	}
	if (rc == -EAGAIN || rc == -EACCES) {
		snprintf(err, err_size,
		         "--state-dir %s: another primary keeps config.%d.json there, perhaps in "
		         "another container; choose another folder, or another id (-i)",
		         dir, id);
	} else {
		snprintf(err, err_size,
		         "--state-dir %s: %s cannot be locked (%s); name a folder on another file "
		         "system",
		         dir, path, strerror(-rc));
	}
fail:
	free(whole);
	state_dir_close();
	return NULL;
}

void
state_dir_close(void)
{
	if (g_fd >= 0) {
		close(g_fd);
		g_fd = -1;
	}
}
