/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "calandria/instance.h"
#include "calandria/state.h"
#include "core/util/folder.h"
#include "core/util/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* How often, and how long apart, a folder is emptied that others still fill. */
#define EMPTY_TRIES   100
#define EMPTY_WAIT_US 2000

static const char *
run_root(void)
{
	const char *root = getenv("CALANDRIA_RUN_ROOT");

	return root != NULL && root[0] != '\0' ? root : CAL_RUN_ROOT;
}

int
cal_instance_path(char *buf, size_t size, int id, const char *name)
{
	int n;

	n = snprintf(buf, size, "%s/%d%s%s", run_root(), id, name[0] != '\0' ? "/" : "", name);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* What a claim leaves: a living monitor may be behind its socket. */
static const char *const g_keep_claim[] = { CAL_LOCK_NAME, CAL_MONITOR_SOCKET, NULL };
static const char *const g_keep_release[] = { CAL_LOCK_NAME, NULL };

/* A service of a killed predecessor that is just attaching puts files there until it notices. */
static int
instance_empty(int id, const char *const *keep)
{
	char path[CAL_PATH_MAX];
	int fd, rc, tries;

	rc = cal_instance_path(path, sizeof(path), id, "");
	if (rc != 0) {
		return rc;
	}
	for (tries = 0; tries < EMPTY_TRIES; tries++) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		rc = fd < 0 ? -errno : folder_empty(fd, keep);
		if (rc != -ENOTEMPTY) {
			break;
		}
		usleep(EMPTY_WAIT_US);
	}
	return rc;
}

static pid_t
pid_read(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
		return 0;
	}
	return (pid_t)strtol(text, NULL, 10);
}

/* The lock is one on the open file description: like flock() it goes with the last descriptor, and
 * unlike flock() others can ask for it without taking it, so that a reader never gets in the way of
 * a primary that starts. */
static int
lock_take(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

static bool
lock_is_taken(int fd)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* A folder that was there is ours, and nobody else may enter it: who put one of his own in its
 * place would have our sockets. */
static int
folder_take(int id)
{
	char path[CAL_PATH_MAX];
	struct stat st;
	int fd, rc;

	rc = cal_instance_path(path, sizeof(path), id, "");
	if (rc != 0) {
		return rc;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT ? -EAGAIN : -errno;
	}
	if (fstat(fd, &st) != 0 || st.st_uid != geteuid()) {
		rc = -EPERM;
	} else if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) != 0) {
		rc = -errno;
	}
	close(fd);
	return rc;
}

/* Modes do not depend on the umask, which is the application's. */
static int
folders_create(int id)
{
	char path[CAL_PATH_MAX];
	int rc;

	if (mkdir(run_root(), 0755) == 0) {
		(void)chmod(run_root(), 0755);
	} else if (errno != EEXIST) {
		return -errno;
	}
	rc = cal_instance_path(path, sizeof(path), id, "");
	if (rc == 0 && mkdir(path, 0700) != 0 && errno != EEXIST) {
		/* The last instance that stopped took the root with it, just now. */
		rc = errno == ENOENT ? -EAGAIN : -errno;
	}
	return rc;
}

/* One try. -EAGAIN: the folder went away under us. */
static int
claim_once(int id, const char *path, pid_t *owner)
{
	int fd, rc;

	rc = folders_create(id);
	if (rc != 0) {
		return rc;
	}
	fd = lock_file_open(path);
	if (fd < 0) {
		return fd == -ENOENT ? -EAGAIN : fd;
	}
	rc = lock_take(fd);
	if (rc == -EAGAIN || rc == -EACCES) {
		*owner = pid_read(fd);
		rc = -EBUSY;
	} else if (rc == 0 && !lock_file_is_current(fd, path)) {
		rc = -EAGAIN;
	}
	if (rc == 0) {
		rc = folder_take(id);
	}
	/* The pid before the rest: a dead predecessor's state file must not seem to be of the one
	 * who holds the lock. */
	if (rc == 0 && (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)) {
		rc = -errno;
	}
	if (rc == 0) {
		rc = instance_empty(id, g_keep_claim);
	}
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int
cal_instance_claim(int id, pid_t *owner)
{
	char path[CAL_PATH_MAX];
	int rc, tries;

	*owner = 0;
	rc = cal_instance_path(path, sizeof(path), id, CAL_LOCK_NAME);
	for (tries = 0; rc == 0 && tries < 100; tries++) {
		rc = claim_once(id, path, owner);
		if (rc != -EAGAIN) {
			return rc;
		}
		rc = 0;
	}
	return rc != 0 ? rc : -EAGAIN;
}

void
cal_instance_release(int id, int lock_fd)
{
	char path[CAL_PATH_MAX];

	(void)instance_empty(id, g_keep_release);
	if (cal_instance_path(path, sizeof(path), id, CAL_LOCK_NAME) == 0) {
		(void)unlink(path);
	}
	if (cal_instance_path(path, sizeof(path), id, "") == 0) {
		(void)rmdir(path);
	}
	/* Ours to remove if it is the usual one and nobody else is in it. */
	if (strcmp(run_root(), CAL_RUN_ROOT) == 0) {
		(void)rmdir(CAL_RUN_ROOT);
	}
	close(lock_fd);
}

/* The folder's own set-group-ID bit is the mark: with it what is created there gets its group, also
 * from a service without capabilities. The lock stays ours: who may read it could keep it. */
int
cal_instance_share(int id, gid_t gid)
{
	bool shared = gid != (gid_t)-1;
	char path[CAL_PATH_MAX];
	int rc;

	rc = cal_instance_path(path, sizeof(path), id, "");
	if (rc != 0) {
		return rc;
	}
	/* Closed to all while the group changes. */
	if (chmod(path, 0700) != 0 || chown(path, (uid_t)-1, shared ? gid : getegid()) != 0 ||
	    (shared && chmod(path, S_ISGID | 0710) != 0)) {
		return -errno;
	}
	return 0;
}

mode_t
cal_instance_mode(int id, mode_t mode)
{
	char path[CAL_PATH_MAX];
	struct stat st;

	if (cal_instance_path(path, sizeof(path), id, "") != 0 || stat(path, &st) != 0 ||
	    (st.st_mode & S_ISGID) == 0) {
		return mode;
	}
	return mode | ((mode & (S_IRUSR | S_IXUSR)) >> 3);
}

/* Who may not open the lock, in a shared folder, can still see in /proc/locks whether it is taken;
 * by whom stands in the state file. */
static pid_t
owner_from_outside(int id, const char *lock_path)
{
	unsigned dev_major, dev_minor;
	char line[256], path[CAL_PATH_MAX];
	unsigned long inode;
	struct cal_state_file file;
	bool taken = false;
	struct stat st;
	FILE *locks;
	ssize_t n;
	int fd;

	if (stat(lock_path, &st) != 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	locks = fopen("/proc/locks", "re");
	if (locks == NULL) {
		return -errno;
	}
	while (!taken && fgets(line, sizeof(line), locks) != NULL) {
		taken = sscanf(line, "%*s OFDLCK %*s WRITE %*s %x:%x:%lu", &dev_major, &dev_minor,
		               &inode) == 3 &&
		        makedev(dev_major, dev_minor) == st.st_dev && inode == st.st_ino;
	}
	fclose(locks);
	if (!taken) {
		return 0;
	}
	if (cal_instance_path(path, sizeof(path), id, CAL_STATE_NAME) != 0) {
		return -ENAMETOOLONG;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	n = pread(fd, &file, sizeof(file), 0);
	close(fd);
	return n == sizeof(file) && file.magic == CAL_STATE_MAGIC ? file.main.pid : -EAGAIN;
}

pid_t
cal_instance_owner(int id)
{
	char path[CAL_PATH_MAX];
	pid_t pid;
	int fd, rc;

	rc = cal_instance_path(path, sizeof(path), id, CAL_LOCK_NAME);
	if (rc != 0) {
		return rc;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		return owner_from_outside(id, path);
	}
	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	pid = lock_is_taken(fd) ? pid_read(fd) : 0;
	close(fd);
	return pid;
}
