/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* One lock file a core, shared with SPDK's own applications: a write lock on the file and the
 * holder's pid in its first four bytes. The lock is one of the open file description, so that it
 * neither goes when the process closes another descriptor of the file nor is invisible to SPDK's
 * process locks. */

#include "core/reactor/reactor_internal.h"
#include "core/util/lock_file.h"

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"

#define LOCK_FOLDER "/var/tmp"

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static int g_lock_fds[SPDK_CPUSET_SIZE]; /* descriptor + 1, 0 for none */

static int
lock_path(char *buf, size_t size, uint32_t core)
{
	const char *folder = getenv("CALANDRIA_CPU_LOCK_DIR");
	int len;

	len = snprintf(buf, size, "%s/spdk_cpu_lock_%03u",
	               folder != NULL && folder[0] != '\0' ? folder : LOCK_FOLDER, core);
	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

static pid_t
lock_owner(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int32_t pid = 0;

	/* A process lock tells its owner, ours do not: their owner is in the file. */
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0) {
		return lock.l_pid;
	}
	return pread(fd, &pid, sizeof(pid), 0) == sizeof(pid) && pid > 0 ? pid : 0;
}

/* Open and lock; -ESTALE when the file was removed by its last holder in between. */
static int
lock_try(const char *path, pid_t *owner)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat by_fd, by_path;
	int32_t pid = getpid();
	int fd, rc;

	fd = lock_file_open(path);
	if (fd < 0) {
		return fd;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		rc = errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
		*owner = rc == -EBUSY ? lock_owner(fd) : 0;
		close(fd);
		return rc;
	}
	if (fstat(fd, &by_fd) != 0 || lstat(path, &by_path) != 0 ||
	    by_fd.st_ino != by_path.st_ino) {
		close(fd);
		return -ESTALE;
	}
	if (ftruncate(fd, sizeof(pid)) != 0 || pwrite(fd, &pid, sizeof(pid), 0) != sizeof(pid)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static void
unlock_all(void)
{
	char path[PATH_MAX];
	uint32_t core;

	for (core = 0; core < SPDK_CPUSET_SIZE; core++) {
		if (g_lock_fds[core] == 0) {
			continue;
		}
		/* Removed while it is held: who opened it before finds out by its inode. */
		if (lock_path(path, sizeof(path), core) == 0) {
			unlink(path);
		}
		close(g_lock_fds[core] - 1);
		g_lock_fds[core] = 0;
	}
}

static int
lock_all(int *busy_core, pid_t *owner)
{
	char path[PATH_MAX];
	int fd, tries, rc;
	uint32_t core;

	*busy_core = -1;
	*owner = 0;
	SPDK_ENV_FOREACH_CORE (core) {
		if (core >= SPDK_CPUSET_SIZE || g_lock_fds[core] != 0) {
			continue;
		}
		rc = lock_path(path, sizeof(path), core);
		fd = rc != 0 ? rc : -ESTALE;
		for (tries = 0; fd == -ESTALE && tries < 100; tries++) {
			fd = lock_try(path, owner);
		}
		if (fd < 0) {
			*busy_core = (int)core;
			unlock_all();
			return fd;
		}
		g_lock_fds[core] = fd + 1;
	}
	return 0;
}

int
reactors_lock_cores(int *busy_core, pid_t *owner)
{
	int rc;

	pthread_mutex_lock(&g_lock);
	rc = lock_all(busy_core, owner);
	pthread_mutex_unlock(&g_lock);
	return rc;
}

void
reactors_unlock_cores(void)
{
	pthread_mutex_lock(&g_lock);
	unlock_all();
	pthread_mutex_unlock(&g_lock);
}
