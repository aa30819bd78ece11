/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The empty snapshot: our EAL's run-time files as a secondary needs to see them, and no more. See
 * README.md for what this protects from. */

#include "core/env/env_private.h"

#include "calandria/instance.h"
#include "core/env/env_internal.h"
#include "core/env/env_snapshot.h"
#include "spdk/env_dpdk.h"
#include "spdk/log.h"

#define MAX_HUGEDIRS 16

/* Writes `len` bytes at `offset`. */
static int
write_at(int fd, const void *data, size_t len, off_t offset)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, offset);
		if (n <= 0) {
			return n < 0 ? -errno : -EIO;
		}
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Copy a file from where this process has it mapped. Opening it is out of the question: EAL's lock
 * on `config` is a POSIX one, which the first close() of any descriptor of that file gives up. */
static int
mapped_file_copy(const char *path, size_t size, int to)
{
	unsigned long start, end, offset;
	size_t copied = 0, len;
	char line[PATH_MAX + 128], file[PATH_MAX];
	FILE *maps;
	int rc = 0;

	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL) {
		return -errno;
	}
	while (rc == 0 && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095s", &start, &end, &offset, file) !=
		            4 ||
		    strcmp(file, path) != 0 || offset >= size) {
			continue;
		}
		len = end - start < size - offset ? end - start : size - offset;
		rc = write_at(to, (const void *)start, len, (off_t)offset);
		copied += len;
	}
	fclose(maps);
	/* Less means that a part of it is not mapped, more that a part is mapped twice. */
	return rc == 0 && copied != size ? -EIO : rc;
}

/* Put the mark over every place where `hugedir` stands as a whole string. Returns their number. */
static unsigned
hugedir_mark(char *info, size_t size, const char *hugedir)
{
	size_t len = strlen(hugedir) + 1, mark = strlen(SNAPSHOT_HUGEDIR_MARK) + 1;
	char *p = info;
	unsigned count = 0;

	while ((p = memmem(p, size - (size_t)(p - info), hugedir, len)) != NULL) {
		if ((p > info && p[-1] != '\0') || (size_t)(p - info) + mark > size) {
			p++;
			continue;
		}
		memset(p, 0, len);
		memcpy(p, SNAPSHOT_HUGEDIR_MARK, mark);
		count++;
	}
	return count;
}

/* The file with the marks in it, to be freed; NULL when it is not what we know. */
static char *
hugepage_info_read(const char *path, size_t size)
{
	struct env_hugedir dirs[MAX_HUGEDIRS];
	unsigned marks = 0;
	int fd, i, count;
	char *info;
	ssize_t n;

	info = malloc(size);
	if (info == NULL) {
		return NULL;
	}
	/* EAL keeps no lock on this one. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n = fd >= 0 ? read(fd, info, size) : -1;
	if (fd >= 0) {
		close(fd);
	}
	if (n == (ssize_t)size && env_hugedir()[0] != '\0') {
		marks += hugedir_mark(info, size, env_hugedir());
	}
	/* The others are in it, too, if EAL was started by somebody else. */
	count = env_machine_hugedirs(dirs, MAX_HUGEDIRS);
	for (i = 0; i < count && n == (ssize_t)size; i++) {
		marks += hugedir_mark(info, size, dirs[i].path);
	}
	if (n != (ssize_t)size || marks == 0) {
		free(info);
		return NULL;
	}
	return info;
}

/* What there is to copy. It is looked up once: an application that is started again has the EAL
 * that it had before, and its files may have gone with the instance of that time. */
struct runtime_file {
	char name[NAME_MAX + 1];
	size_t size;
	void *text; /* of hugepage_info: what secondaries shall see */
};

static struct {
	char dir[PATH_MAX]; /* as the kernel's list of mappings names it */
	struct runtime_file *files;
	size_t count;
} g_runtime;

static bool
file_is_wanted(const char *name)
{
	/* Without hugepages that file is a predecessor's. */
	if (strcmp(name, SNAPSHOT_HUGEPAGE_INFO) == 0) {
		return env_hugedir()[0] != '\0' || spdk_env_dpdk_external_init();
	}
	return strncmp(name, SNAPSHOT_FBARRAY, strlen(SNAPSHOT_FBARRAY)) == 0 ||
	       strcmp(name, SNAPSHOT_CONFIG) == 0;
}

static int
file_note(const char *dir, const char *name)
{
	struct runtime_file *more, *file;
	char path[PATH_MAX + 256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &st) != 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)SNAPSHOT_MAX_FILE) {
		return -EINVAL;
	}
	more = realloc(g_runtime.files, (g_runtime.count + 1) * sizeof(*more));
	if (more == NULL) {
		return -ENOMEM;
	}
	g_runtime.files = more;
	file = &more[g_runtime.count];
	memset(file, 0, sizeof(*file));
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->size = (size_t)st.st_size;
	if (strcmp(name, SNAPSHOT_HUGEPAGE_INFO) == 0) {
		file->text = hugepage_info_read(path, file->size);
		if (file->text == NULL) {
			return -EIO;
		}
	}
	g_runtime.count++;
	return 0;
}

static void
runtime_forget(void)
{
	size_t i;

	for (i = 0; i < g_runtime.count; i++) {
		free(g_runtime.files[i].text);
	}
	free(g_runtime.files);
	memset(&g_runtime, 0, sizeof(g_runtime));
}

static int
runtime_note(const char *dir, char *failed, size_t failed_size)
{
	struct dirent *entry;
	DIR *files;
	int rc = 0;

	files = opendir(dir);
	if (files == NULL) {
		return -errno;
	}
	while (rc == 0 && (entry = readdir(files)) != NULL) {
		rc = file_is_wanted(entry->d_name) ? file_note(dir, entry->d_name) : 0;
		if (rc != 0) {
			snprintf(failed, failed_size, "%s", entry->d_name);
		}
	}
	closedir(files);
	if (rc == 0) {
		snprintf(g_runtime.dir, sizeof(g_runtime.dir), "%s", dir);
	} else {
		runtime_forget();
	}
	return rc;
}

static int
file_snapshot(int template_fd, mode_t mode, const struct runtime_file *file)
{
	char path[PATH_MAX + 256];
	int to, rc;

	to = openat(template_fd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (to < 0) {
		return -errno;
	}
	/* Zeroes, and in the lists of memory segments nothing else: there is no memory of ours to
	 * be mapped. */
	rc = ftruncate(to, (off_t)file->size) != 0 ? -errno : 0;
	if (rc == 0 && file->text != NULL) {
		rc = write_at(to, file->text, file->size, 0);
	} else if (rc == 0 && (strcmp(file->name, SNAPSHOT_CONFIG) == 0 ||
	                       strcmp(file->name, SNAPSHOT_MEMZONE) == 0)) {
		snprintf(path, sizeof(path), "%s/%s", g_runtime.dir, file->name);
		rc = mapped_file_copy(path, file->size, to);
	}
	close(to);
	return rc;
}

static int
empty_page_list_write(int template_fd, mode_t mode)
{
	int rc, fd;

	fd = openat(template_fd, SNAPSHOT_HUGEPAGE_DATA, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	            mode);
	if (fd < 0) {
		return -errno;
	}
	rc = ftruncate(fd, SNAPSHOT_HUGEPAGE_DATA_SIZE) != 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int
folder_snapshot(int id, const char *template_dir, char *failed, size_t failed_size)
{
	mode_t mode = cal_instance_mode(id, 0400);
	int fd, rc;
	size_t i;

	fd = open(template_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? -errno : empty_page_list_write(fd, mode);
	for (i = 0; i < g_runtime.count && rc == 0; i++) {
		rc = file_snapshot(fd, mode, &g_runtime.files[i]);
		if (rc != 0) {
			snprintf(failed, failed_size, "%s", g_runtime.files[i].name);
		}
	}
	/* Now: it takes the bit that gave the files their group. */
	if (rc == 0 && fchmod(fd, cal_instance_mode(id, 0700)) != 0) {
		rc = -errno;
	}
	if (fd >= 0) {
		close(fd);
	}
	return rc;
}

/* They are mapped and nobody is to open them any more: by its name a process of our user could map
 * our rte_mem_config. What there is to be seen of them is in the template. */
static void
runtime_unlink(void)
{
	char path[PATH_MAX + 256];
	size_t i;

	for (i = 0; i < g_runtime.count && !spdk_env_dpdk_external_init(); i++) {
		snprintf(path, sizeof(path), "%s/%s", g_runtime.dir, g_runtime.files[i].name);
		unlink(path);
	}
	/* EAL's own socket for secondaries, of which no one asks it anything. Its mode is the
	 * umask's. */
	if (!spdk_env_dpdk_external_init()) {
		snprintf(path, sizeof(path), "%s/mp_socket", g_runtime.dir);
		unlink(path);
	}
}

int
env_template_write(int id)
{
	char template_dir[CAL_PATH_MAX], runtime[CAL_PATH_MAX], real[PATH_MAX];
	char failed[256] = "its folder";
	int rc;

	rc = cal_instance_path(template_dir, sizeof(template_dir), id, CAL_TEMPLATE_DIR);
	if (rc == 0) {
		rc = cal_instance_path(runtime, sizeof(runtime), id, "dpdk/" CAL_EAL_PREFIX);
	}
	if (rc != 0) {
		return rc;
	}
	env_dir_remove(template_dir);
	if (g_runtime.count == 0) {
		/* The kernel's list of mappings knows no symbolic links. */
		rc = realpath(runtime, real) == NULL ? -errno
		                                     : runtime_note(real, failed, sizeof(failed));
	}
	if (rc == 0) {
		rc = env_dir_make(template_dir);
	}
	if (rc == 0) {
		rc = folder_snapshot(id, template_dir, failed, sizeof(failed));
	}
	if (rc != 0) {
		SPDK_ERRLOG("cannot write the template that secondaries attach by (%s of %s): %s\n",
		            failed, runtime, strerror(-rc));
		env_dir_remove(template_dir);
		return rc;
	}
	runtime_unlink();
	return 0;
}
