/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/file.h"

int
ctl_file_read(const char *path, char **text, size_t *len, char *err, size_t err_size)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	size_t cap = 65536, got;
	char *bigger;
	int rc = 0;

	*text = NULL;
	*len = 0;
	if (in == NULL) {
		rc = -errno;
		snprintf(err, err_size, "cannot read %s: %s", path, strerror(-rc));
		return rc;
	}
	for (;;) {
		bigger = realloc(*text, cap + 1);
		if (bigger == NULL) {
			rc = -ENOMEM;
			break;
		}
		*text = bigger;
		got = fread(*text + *len, 1, cap - *len, in);
		*len += got;
		(*text)[*len] = '\0';
		if (got == 0) {
			rc = ferror(in) ? -errno : 0;
			break;
		}
		if (*len == cap && (cap *= 2) > 2 * (size_t)CTL_FILE_MAX) {
			rc = -EFBIG;
			break;
		}
	}
	if (!is_stdin) {
		fclose(in);
	}
	if (rc != 0) {
		snprintf(err, err_size, "cannot read %s: %s", is_stdin ? "stdin" : path,
		         strerror(-rc));
		free(*text);
		*text = NULL;
	}
	return rc;
}

static int
write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left > 0) {
		n = write(fd, text, left);
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/* So that the new name survives a crash of the machine. */
static int
sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd, rc;

	snprintf(folder, sizeof(folder), "%.*s",
	         slash == NULL   ? 1
	         : slash == path ? 1
	                         : (int)(slash - path),
	         slash == NULL ? "." : path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

/* `old`: what is there, NULL for nothing. */
static int
replace(const char *path, const struct stat *old, const char *text)
{
	char *next;
	int fd, rc;

	if (asprintf(&next, "%s.%d.new", path, (int)getpid()) < 0) {
		return -ENOMEM;
	}
	fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = -errno;
		free(next);
		return rc;
	}
	rc = write_all(fd, text);
	if (rc == 0 && old != NULL && fchmod(fd, old->st_mode & 07777) != 0) {
		rc = -errno;
	}
	/* Somebody else's stays his, if we may give it to him. */
	if (rc == 0 && old != NULL && (old->st_uid != geteuid() || old->st_gid != getegid()) &&
	    fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM) {
		rc = -errno;
	}
	if (rc == 0 && fsync(fd) != 0) {
		rc = -errno;
	}
	if (close(fd) != 0 && rc == 0) {
		rc = -errno;
	}
	if (rc == 0 && rename(next, path) != 0) {
		rc = -errno;
	}
	if (rc != 0) {
		unlink(next);
	} else {
		rc = sync_folder_of(path);
	}
	free(next);
	return rc;
}

int
ctl_file_write(const char *path, const char *text, char *err, size_t err_size)
{
	struct stat st;
	char *whole;
	int fd, rc;

	if (strcmp(path, "-") == 0) {
		fflush(stdout);
		rc = write_all(STDOUT_FILENO, text);
	} else if (stat(path, &st) != 0) {
		rc = replace(path, NULL, text);
	} else if (S_ISREG(st.st_mode)) {
		/* Of a link, what it points to. */
		whole = realpath(path, NULL);
		rc = replace(whole != NULL ? whole : path, &st, text);
		free(whole);
	} else {
		/* A pipe or a device cannot be replaced. */
		fd = open(path, O_WRONLY | O_CLOEXEC);
		rc = fd < 0 ? -errno : write_all(fd, text);
		if (fd >= 0) {
			close(fd);
		}
	}
	if (rc != 0) {
		snprintf(err, err_size, "cannot write %s: %s", path, strerror(-rc));
	}
	return rc;
}
