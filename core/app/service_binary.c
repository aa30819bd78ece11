/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Which program a service is started from. One that somebody chose runs with our rights, so nobody
 * but root and our user may be able to put another in its place: neither the file nor any folder on
 * the way to it may be writable by others. It is looked at before each start. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/app/service_private.h"

/* In a folder with the sticky bit (/tmp) nobody can replace what is another's. */
static bool
is_changed_by_others(const struct stat *st)
{
	return (st->st_uid != 0 && st->st_uid != geteuid()) ||
	       ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	        !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0));
}

/* `path` has no links left in it. Returns 0 or a negative errno with a sentence. */
static int
check_owners(char *path, char *err, size_t err_size)
{
	char *slash = path + strlen(path);
	struct stat st;

	for (;;) {
		char kept = *slash;

		*slash = '\0';
		if (lstat(path[0] != '\0' ? path : "/", &st) != 0) {
			int rc = -errno;

			snprintf(err, err_size, "%s: %s", path, strerror(-rc));
			*slash = kept;
			return rc;
		}
		if (is_changed_by_others(&st)) {
			snprintf(err, err_size,
			         "%s belongs to user %u and has mode %o: others than root and user "
			         "%u could change what is started; use chown and chmod",
			         path[0] != '\0' ? path : "/", st.st_uid, st.st_mode & 07777,
			         geteuid());
			*slash = kept;
			return -EACCES;
		}
		*slash = kept;
		if (slash == path) {
			return 0;
		}
		do {
			slash--;
		} while (slash > path && *slash != '/');
	}
}

static int
check_program(const char *path, const struct stat *st, char *err, size_t err_size)
{
	if (!S_ISREG(st->st_mode)) {
		snprintf(err, err_size, "%s is no regular file", path);
		return -EINVAL;
	}
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0) {
		snprintf(err, err_size, "%s is not executable: use chmod +x", path);
		return -EACCES;
	}
	return 0;
}

/* Whether it is the one that would be started anyway. */
static bool
is_default(const struct service *svc, const char *real)
{
	char path[CAL_PATH_MAX * 2], other[PATH_MAX];

	return service_find(svc->binary, path, sizeof(path)) == 0 &&
	       realpath(path, other) != NULL && strcmp(real, other) == 0;
}

static int
choose_path(const struct service *svc, const char *path, struct service_binary *out, char *err,
            size_t err_size)
{
	char real[PATH_MAX], inside[PATH_MAX];
	struct stat st;
	int rc;

	if (path[0] != '/') {
		snprintf(err, err_size,
		         "'%s' is not the whole path of a program: begin with /, or say `default`",
		         path);
		return -EINVAL;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		if ((size_t)snprintf(inside, sizeof(inside), "%s/%s", path, svc->binary) >=
		    sizeof(inside)) {
			snprintf(err, err_size, "%.100s…: use a shorter path", path);
			return -ENAMETOOLONG;
		}
		path = inside;
	}
	if (stat(path, &st) != 0 || realpath(path, real) == NULL) {
		rc = -errno;
		snprintf(err, err_size, "%s: %s", path, strerror(-rc));
		return rc;
	}
	if (strlen(real) >= CAL_SERVICE_BINARY_MAX) {
		snprintf(err, err_size, "%.100s… is longer than %d bytes: use a shorter path", real,
		         CAL_SERVICE_BINARY_MAX - 1);
		return -ENAMETOOLONG;
	}
	rc = check_program(real, &st, err, err_size);
	if (rc == 0) {
		rc = check_owners(real, err, err_size);
	}
	if (rc == 0) {
		memcpy(out->path, real, strlen(real) + 1);
		out->chosen = !is_default(svc, real);
	}
	return rc;
}

static int
find_default(const struct service *svc, struct service_binary *out, char *err, size_t err_size)
{
	char places[CAL_PATH_MAX * 2];
	int rc = service_find(svc->binary, places, sizeof(places));

	if (rc != 0) {
		snprintf(err, err_size,
		         "%s was not found in %s: set CALANDRIA_LIBEXEC to its folder", svc->binary,
		         places);
		return rc;
	}
	memcpy(out->path, places, strlen(places) + 1);
	out->chosen = false;
	return 0;
}

int
service_binary_choose(const struct service *svc, const char *path, struct service_binary *out,
                      char *err, size_t err_size)
{
	return strcmp(path, "default") == 0 ? find_default(svc, out, err, err_size)
	                                    : choose_path(svc, path, out, err, err_size);
}

int
service_binary_usual(const struct service *svc, struct service_binary *out, char *err,
                     size_t err_size)
{
	return svc->kept.chosen ? choose_path(svc, svc->kept.path, out, err, err_size)
	                        : find_default(svc, out, err, err_size);
}
