/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A secondary's EAL over a private copy of the template: nothing that it locks, allocates or maps
 * is anybody else's, so nothing is left behind wherever it dies. See README.md. */

#include "core/env/env_private.h"

#include <rte_eal.h>

#include "calandria/instance.h"
#include "core/env/env_internal.h"
#include "core/env/env_snapshot.h"

/* --- what EAL must not do in such a process --------------------------------------------------- */

/* rte_service_init() allocates from the shared heap. In a snapshot there is none: the addresses in
 * it are the primary's. Linked with --wrap these stand in front of EAL's own; in a primary, and in
 * a program that attaches as plain DPDK does, they pass the call on. */
static bool g_over_snapshot;
static char g_private_dir[PATH_MAX]; /* without symbolic links */

int32_t __real_rte_service_init(void) __attribute__((weak));
int32_t __real_rte_service_start_with_defaults(void) __attribute__((weak));
void __real_rte_service_finalize(void) __attribute__((weak));
int32_t __wrap_rte_service_init(void);
int32_t __wrap_rte_service_start_with_defaults(void);
void __wrap_rte_service_finalize(void);

int32_t
__wrap_rte_service_init(void)
{
	return g_over_snapshot ? 0 : __real_rte_service_init();
}

int32_t
__wrap_rte_service_start_with_defaults(void)
{
	return g_over_snapshot ? 0 : __real_rte_service_start_with_defaults();
}

void
__wrap_rte_service_finalize(void)
{
	if (!g_over_snapshot) {
		__real_rte_service_finalize();
	}
}

/* --- the private copy ------------------------------------------------------------------------- */

static int
data_copy(int from, int to, off_t offset, off_t end)
{
	char buf[65536];
	ssize_t n, done;

	while (offset < end) {
		n = pread(from, buf, sizeof(buf), offset);
		if (n <= 0) {
			return n < 0 ? -errno : 0;
		}
		done = pwrite(to, buf, (size_t)n, offset);
		if (done <= 0) {
			return done < 0 ? -errno : -EIO;
		}
		offset += done;
	}
	return 0;
}

/* Only what is not a hole: most of the template is. */
static int
file_copy(int from_dir, int to_dir, const char *name)
{
	off_t data, hole = 0;
	int from, to = -1, rc = 0;
	struct stat st;

	from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0) {
		return -errno;
	}
	if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)SNAPSHOT_MAX_FILE) {
		rc = -EINVAL;
	}
	if (rc == 0) {
		to = openat(to_dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		rc = to < 0 || ftruncate(to, st.st_size) != 0 ? -errno : 0;
	}
	while (rc == 0 && (data = lseek(from, hole, SEEK_DATA)) >= 0) {
		hole = lseek(from, data, SEEK_HOLE);
		rc = hole < 0 ? -errno : data_copy(from, to, data, hole);
	}
	if (to >= 0) {
		close(to);
	}
	close(from);
	return rc;
}

/* Write the folder of our own over the marks. */
static int
hugedir_patch(int dir, const char *hugedir)
{
	size_t len = strlen(hugedir) + 1, mark = strlen(SNAPSHOT_HUGEDIR_MARK) + 1;
	int fd, rc = 0;
	struct stat st;
	char *info, *p;

	fd = openat(dir, SNAPSHOT_HUGEPAGE_INFO, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		/* A primary without hugepages has none. */
		return errno == ENOENT ? 0 : -errno;
	}
	if (fstat(fd, &st) != 0 || st.st_size == 0) {
		close(fd);
		return -EINVAL;
	}
	info = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (info == MAP_FAILED) {
		return -errno;
	}
	p = info;
	while ((p = memmem(p, (size_t)(st.st_size - (p - info)), SNAPSHOT_HUGEDIR_MARK, mark)) !=
	       NULL) {
		/* What follows the mark is the rest of a field of PATH_MAX zeroes. */
		if ((size_t)(st.st_size - (p - info)) < len) {
			rc = -EINVAL;
			break;
		}
		memcpy(p, hugedir, len);
		p += len;
	}
	munmap(info, (size_t)st.st_size);
	return rc;
}

static int
template_copy(const char *template_dir, const char *to_path, const char *hugedir)
{
	int from, to, rc = 0;
	struct dirent *entry;
	DIR *files;

	files = opendir(template_dir);
	if (files == NULL) {
		return -errno;
	}
	from = dirfd(files);
	to = open(to_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0) {
		rc = -errno;
	}
	while (rc == 0 && (entry = readdir(files)) != NULL) {
		if (entry->d_name[0] != '.') {
			rc = file_copy(from, to, entry->d_name);
		}
	}
	if (rc == 0) {
		rc = hugedir_patch(to, hugedir);
	}
	if (to >= 0) {
		close(to);
	}
	closedir(files);
	return rc;
}

/* --- attach ----------------------------------------------------------------------------------- */

struct paths {
	char dpdk[CAL_PATH_MAX];
	char runtime[CAL_PATH_MAX];
	char huge[CAL_PATH_MAX];
};

static int
paths_make(struct paths *paths, const char *private_dir)
{
	int n, rc;

	/* The longest of them, and EAL's socket below it has to fit into 108 bytes. */
	n = snprintf(paths->runtime, sizeof(paths->runtime), "%s/dpdk/%s", private_dir,
	             CAL_EAL_PREFIX);
	if (n < 0 || (size_t)n >= sizeof(paths->runtime)) {
		return -ENAMETOOLONG;
	}
	snprintf(paths->dpdk, sizeof(paths->dpdk), "%.*s/dpdk", CAL_PATH_MAX - 16, private_dir);
	snprintf(paths->huge, sizeof(paths->huge), "%.*s/huge", CAL_PATH_MAX - 16, private_dir);
	rc = env_dir_make(paths->dpdk);
	if (rc == 0) {
		rc = env_dir_make(paths->runtime);
	}
	return rc == 0 ? env_dir_make(paths->huge) : rc;
}

static int
args_make(struct env_args *args, const cpu_set_t *cpus, bool has_hugepages)
{
	char list[1024];
	int rc;

	rc = env_cpu_list_format(cpus, list, sizeof(list));
	if (rc != 0) {
		return rc;
	}
	memset(args, 0, sizeof(*args));
	env_args_add(args, "calandria-secondary");
	env_args_add(args, "--proc-type=secondary");
	env_args_add(args, "--file-prefix=%s", CAL_EAL_PREFIX);
	/* One lcore on all the CPUs that we may use, so EAL's threads may use them, too. */
	env_args_add(args, "--lcores=0@(%s)", list);
	env_args_add(args, "--no-pci");
	env_args_add(args, "--no-telemetry");
	env_args_add(args, "--log-level=*:error");
	if (!has_hugepages) {
		env_args_add(args, "--no-huge");
	}
	if (args->failed) {
		env_args_free(args);
		return -ENOMEM;
	}
	return 0;
}

/* EAL leaves its files mapped and open: they have no names any more, but a process that goes on for
 * days without a primary need not keep them from being freed. Which descriptors are theirs is found
 * while links in /proc may be read. */
#define MAX_PRIVATE_FDS 64
static struct {
	int fd;
	dev_t dev;
	ino_t ino;
} g_private_fds[MAX_PRIVATE_FDS];
static unsigned g_num_private_fds;

static bool
is_private(const char *path)
{
	size_t len = strlen(g_private_dir);

	return len > 0 && strncmp(path, g_private_dir, len) == 0 && path[len] == '/';
}

static void
private_fds_note(void)
{
	char target[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	ssize_t len;
	DIR *dir;
	int fd;

	dir = opendir("/proc/self/fd");
	while (dir != NULL && g_num_private_fds < MAX_PRIVATE_FDS &&
	       (entry = readdir(dir)) != NULL) {
		len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		fd = (int)strtol(entry->d_name, NULL, 10);
		if (is_private(target) && fstat(fd, &st) == 0) {
			g_private_fds[g_num_private_fds].fd = fd;
			g_private_fds[g_num_private_fds].dev = st.st_dev;
			g_private_fds[g_num_private_fds++].ino = st.st_ino;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
}

static void
private_fds_close(void)
{
	struct stat st;
	unsigned i;

	for (i = 0; i < g_num_private_fds; i++) {
		/* EAL has closed some of them, and the number may be another file's. */
		if (fstat(g_private_fds[i].fd, &st) == 0 && st.st_dev == g_private_fds[i].dev &&
		    st.st_ino == g_private_fds[i].ino) {
			close(g_private_fds[i].fd);
		}
	}
	g_num_private_fds = 0;
}

static void
private_unmap(void)
{
	char line[PATH_MAX + 128];
	unsigned long from, to;
	const char *path;
	FILE *maps;

	maps = fopen("/proc/self/maps", "re");
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		path = strchr(line, '/');
		if (path != NULL && is_private(path) && sscanf(line, "%lx-%lx", &from, &to) == 2) {
			munmap((void *)from, to - from);
		}
	}
	if (maps != NULL) {
		fclose(maps);
	}
}

int
env_secondary_init(const char *template_dir, const char *private_dir, char *err, size_t err_size)
{
	char info[CAL_PATH_MAX * 2];
	struct env_args args;
	struct paths paths = { 0 };
	cpu_set_t cpus;
	int rc;

	if (g_over_snapshot) {
		return env_fail(err, err_size, -EALREADY, "this process is attached already");
	}
	if (realpath(private_dir, g_private_dir) == NULL) {
		g_private_dir[0] = '\0';
	}
	rc = paths_make(&paths, private_dir);
	if (rc == 0) {
		rc = template_copy(template_dir, paths.runtime, paths.huge);
	}
	if (rc != 0) {
		env_fail(err, err_size, rc, "cannot copy %s to %s: %s", template_dir, private_dir,
		         strerror(-rc));
		goto out;
	}
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) {
		rc = env_fail(err, err_size, -errno, "cannot tell the CPUs of this process");
		goto out;
	}
	snprintf(info, sizeof(info), "%s/%s", paths.runtime, SNAPSHOT_HUGEPAGE_INFO);
	rc = args_make(&args, &cpus, access(info, F_OK) == 0);
	if (rc != 0) {
		env_fail(err, err_size, rc, "cannot set up DPDK's arguments: %s", strerror(-rc));
		goto out;
	}
	g_over_snapshot = true;
	rc = env_eal_start(&args, private_dir, err, err_size);
	env_args_free(&args);
	/* EAL has narrowed it to the CPUs of its lcore: the same ones, but say so. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	private_fds_note();
out:
	/* Mapped by now, or of no use. */
	env_dir_remove(paths.dpdk);
	env_dir_remove(paths.huge);
	return rc;
}

void
env_secondary_fini(void)
{
	if (g_over_snapshot) {
		/* All that it unmaps and unlocks is of the private copy. */
		(void)rte_eal_cleanup();
		private_unmap();
		private_fds_close();
	}
}
