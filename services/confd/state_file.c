/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* config.ID.json in the folder of --state-dir. It is only ever replaced as a whole: written beside,
 * synced, renamed, and the folder synced. Whoever may write holds a lock on the second byte of
 * config.ID.lock (the first is the primary's): a confd whose primary was killed may still be in the
 * middle of a write when the next one starts, and is waited for. */

#include "services/confd/confd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/util/lock_file.h"

/* How long an earlier confd may take to end. */
#define LOCK_PATIENCE_MS 5000
#define LOCK_STEP_MS     20

static int
lock(int fd)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000l };
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
	unsigned ms;

	for (ms = 0;; ms += LOCK_STEP_MS) {
		if (fcntl(fd, F_OFD_SETLK, &byte) == 0) {
			return 0;
		}
		if ((errno != EAGAIN && errno != EACCES) || ms >= LOCK_PATIENCE_MS) {
			return -errno;
		}
		nanosleep(&step, NULL);
	}
}

int
state_file_find(struct state_file *file, const char *dir, int id, char *err, size_t err_size)
{
	char path[PATH_MAX];
	int rc;

	file->lock_fd = -1;
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->dir_fd < 0) {
		rc = -errno;
		snprintf(err, err_size, "--state-dir %s: %s; name a folder", dir, strerror(-rc));
		return rc;
	}
	rc = snprintf(file->path, sizeof(file->path), "%s/config.%d.json", dir, id);
	if (rc >= (int)sizeof(file->path) ||
	    snprintf(file->next, sizeof(file->next), "%s.new", file->path) >=
	            (int)sizeof(file->next) ||
	    snprintf(path, sizeof(path), "%s/config.%d.lock", dir, id) >= (int)sizeof(path)) {
		snprintf(err, err_size, "--state-dir: the folder's path is too long");
		state_file_close(file);
		return -ENAMETOOLONG;
	}
	rc = lock_file_open(path);
	file->lock_fd = rc < 0 ? -1 : rc;
	if (rc < 0) {
		snprintf(err, err_size, "%s cannot be kept: %s", file->path, strerror(-rc));
		state_file_close(file);
		return rc;
	}
	return 0;
}

int
state_file_claim(struct state_file *file, char *err, size_t err_size)
{
	int rc = lock(file->lock_fd);

	if (rc != 0) {
		snprintf(err, err_size,
		         rc == -EAGAIN || rc == -EACCES
		                 ? "%s: an earlier cal-confd still keeps it, or one of another "
		                   "primary; end that one (%s)"
		                 : "%s cannot be kept: %s",
		         file->path, strerror(-rc));
		state_file_close(file);
	}
	return rc;
}

int
state_file_open(struct state_file *file, const char *dir, int id, char *err, size_t err_size)
{
	int rc = state_file_find(file, dir, id, err, err_size);

	return rc == 0 ? state_file_claim(file, err, err_size) : rc;
}

void
state_file_close(struct state_file *file)
{
	if (file->lock_fd >= 0) {
		close(file->lock_fd);
	}
	if (file->dir_fd >= 0) {
		close(file->dir_fd);
	}
	file->lock_fd = file->dir_fd = -1;
}

int
state_file_since(const struct state_file *file, const char *format, char *text, size_t size)
{
	struct stat st;
	struct tm tm;

	if (stat(file->path, &st) != 0) {
		return -errno;
	}
	if (localtime_r(&st.st_mtime, &tm) == NULL || strftime(text, size, format, &tm) == 0) {
		snprintf(text, size, "%lld", (long long)st.st_mtime);
	}
	return 0;
}

static int
sync_folder(const struct state_file *file)
{
	return fsync(file->dir_fd) == 0 ? 0 : -errno;
}

int
state_file_set_aside(const struct state_file *file, char *path, size_t size)
{
	char when[32];
	int rc = state_file_since(file, "%Y%m%d-%H%M%S", when, sizeof(when));

	if (rc != 0) {
		return rc;
	}
	if (snprintf(path, size, "%s.%s.bad", file->path, when) >= (int)size) {
		return -ENAMETOOLONG;
	}
	/* The same content already has that name when an earlier start came as far. */
	if (link(file->path, path) != 0 && errno != EEXIST) {
		return -errno;
	}
	return sync_folder(file);
}

static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int
state_file_write(const struct state_file *file, const char *text, size_t len)
{
	int fd, rc;

	/* Only the lock's holder gives it this name: what is there was left by one that was killed,
	 * or is somebody else's to have. The new one may hold keys: nobody else's to read. */
	if (unlink(file->next) != 0 && errno != ENOENT) {
		return -errno;
	}
	fd = open(file->next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	rc = write_all(fd, text, len);
	if (rc == 0 && fsync(fd) != 0) {
		rc = -errno;
	}
	if (close(fd) != 0 && rc == 0) {
		rc = -errno;
	}
	if (rc == 0 && rename(file->next, file->path) != 0) {
		rc = -errno;
	}
	if (rc != 0) {
		(void)unlink(file->next);
		return rc;
	}
	return sync_folder(file);
}
