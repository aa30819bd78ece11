/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Opening a file blocks as long as its file system likes, so everything here but
 * uring_file_choose() is for the control pthread. */

#include "drivers/uring/uring.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "spdk/string.h"
#include "spdk/util.h"

#define SECTOR 512u
/* Where O_DIRECT gives no alignment and 512 bytes fail, this is the next that disks have. */
#define BIG_SECTOR 4096u

/* --- choosing --------------------------------------------------------------------------------- */

static int __attribute__((format(printf, 2, 3))) refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, URING_WHY_SIZE, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static uint32_t
default_block_size(const struct uring_probe *probe)
{
	if (probe->is_block_device) {
		return probe->logical_block;
	}
	return probe->direct ? spdk_max(SECTOR, probe->offset_align) : SECTOR;
}

int
uring_file_choose(const struct uring_probe *probe, uint32_t block_size, struct uring_file *file,
                  char *why)
{
	if (probe->size == 0) {
		return refuse(why, "it is empty; give it a size, for example with truncate -s 1G");
	}
	if (block_size == 0) {
		block_size = default_block_size(probe);
	}
	if (block_size < SECTOR || !spdk_u32_is_pow2(block_size)) {
		return refuse(why,
		              "a block size of %u is not possible: it must be a power of 2 of "
		              "at least %u",
		              block_size, SECTOR);
	}
	if (probe->is_block_device && block_size < probe->logical_block) {
		return refuse(why, "a block size of %u is not possible: the device's blocks are %u",
		              block_size, probe->logical_block);
	}
	if (probe->size % block_size != 0) {
		return refuse(why,
		              "its size of %" PRIu64 " bytes is not a multiple of the block size, "
		              "%u",
		              probe->size, block_size);
	}
	file->size = probe->size;
	file->block_size = block_size;
	file->direct = probe->direct && block_size >= probe->offset_align;
	/* Lengths of vectors must be aligned as offsets are, and the block layer knows one number
	 * for addresses and lengths. */
	file->align = file->direct ? spdk_max(probe->offset_align, probe->memory_align) : 1;
	return 0;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* One read tells what alignment O_DIRECT wants where the file system does not. */
static bool
direct_read_works(int fd, uint32_t align)
{
	void *buf;
	ssize_t got;

	/* Aligned to `align` and to no more. */
	if (posix_memalign(&buf, 2 * (size_t)align, 2 * (size_t)align) != 0) {
		return false;
	}
	got = pread(fd, (char *)buf + align, align, align);
	free(buf);
	return got >= 0;
}

/* Since Linux 6.6 these take O_DIRECT and ignore it. */
static bool
lives_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void
probe_direct(int fd, struct uring_probe *probe)
{
#ifdef STATX_DIOALIGN
	struct statx stx;
#endif

	probe->direct = !lives_in_memory(fd);
	if (!probe->direct) {
		return;
	}
#ifdef STATX_DIOALIGN
	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) != 0) {
		probe->offset_align = stx.stx_dio_offset_align;
		probe->memory_align = stx.stx_dio_mem_align;
		probe->direct = stx.stx_dio_offset_align != 0;
		return;
	}
#endif
	if (direct_read_works(fd, SECTOR)) {
		probe->offset_align = probe->memory_align = SECTOR;
	} else if (direct_read_works(fd, BIG_SECTOR)) {
		probe->offset_align = probe->memory_align = BIG_SECTOR;
	} else {
		probe->direct = false;
	}
}

static int
probe_size(int fd, const struct stat *st, struct uring_probe *probe)
{
	int logical;

	if (S_ISREG(st->st_mode)) {
		probe->size = (uint64_t)st->st_size;
		return 0;
	}
	probe->is_block_device = true;
	if (ioctl(fd, BLKGETSIZE64, &probe->size) != 0 || ioctl(fd, BLKSSZGET, &logical) != 0) {
		return -errno;
	}
	probe->logical_block = (uint32_t)logical;
	return 0;
}

/* The largest request by which the device can write zeroes without being sent them, 0 for none. A
 * partition has the queue of its disk. */
static uint64_t
device_zero_limit(dev_t dev)
{
	static const char *const places[] = { "queue", "../queue" };
	char path[96], text[32];
	ssize_t len;
	size_t i;
	int fd;

	for (i = 0; i < SPDK_COUNTOF(places); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/write_zeroes_max_bytes",
		         major(dev), minor(dev), places[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			continue;
		}
		len = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (len > 0) {
			text[len] = '\0';
			return strtoull(text, NULL, 10);
		}
	}
	return 0;
}

static bool
probe_punch(const struct uring_file *file, const struct stat *st)
{
	if (S_ISBLK(st->st_mode)) {
		return device_zero_limit(st->st_rdev) > 0;
	}
	/* Behind the end there is nothing to lose. */
	return fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)file->size,
	                 file->block_size) == 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int
check_kind(const struct stat *st, char *why)
{
	if (S_ISDIR(st->st_mode)) {
		snprintf(why, URING_WHY_SIZE,
		         "it is a directory; a file or a block device is needed");
		return -EISDIR;
	}
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)) {
		return refuse(why, "it is neither a file nor a block device");
	}
	return 0;
}

static int
open_file(const char *filename, const struct stat *st, struct uring_probe *probe, int *fd,
          char *why)
{
	/* O_EXCL without O_CREAT refuses a block device that is mounted or somebody's own. */
	int flags = O_RDWR | O_CLOEXEC | (S_ISBLK(st->st_mode) ? O_EXCL : 0);
	int rc;

	*fd = open(filename, flags | O_DIRECT);
	probe->direct = *fd >= 0;
	if (*fd < 0 && errno == EINVAL) {
		*fd = open(filename, flags);
	}
	if (*fd >= 0) {
		return 0;
	}
	rc = -errno;
	if (rc == -EBUSY && S_ISBLK(st->st_mode)) {
		snprintf(why, URING_WHY_SIZE, "the device is mounted or otherwise in use");
	} else {
		snprintf(why, URING_WHY_SIZE, "it cannot be opened for reading and writing: %s",
		         spdk_strerror(-rc));
	}
	return rc;
}

static int
examine(struct uring_file *file, struct uring_probe *probe, uint32_t block_size, char *why)
{
	struct stat st;
	int rc;

	/* Again, by descriptor: the name may stand for something else by now. */
	rc = fstat(file->fd, &st) == 0 ? check_kind(&st, why) : -errno;
	if (rc == 0) {
		rc = probe_size(file->fd, &st, probe);
		if (rc != 0) {
			snprintf(why, URING_WHY_SIZE, "its size cannot be read: %s",
			         spdk_strerror(-rc));
		}
	}
	if (rc != 0) {
		return rc;
	}
	if (probe->direct) {
		probe_direct(file->fd, probe);
	}
	rc = uring_file_choose(probe, block_size, file, why);
	if (rc != 0) {
		return rc;
	}
	if (!file->direct) {
		rc = fcntl(file->fd, F_GETFL);
		if (rc < 0 || fcntl(file->fd, F_SETFL, rc & ~O_DIRECT) != 0) {
			return refuse(why, "O_DIRECT cannot be switched off: %s",
			              spdk_strerror(errno));
		}
	}
	file->can_punch = probe_punch(file, &st);
	return 0;
}

int
uring_file_open(const char *filename, uint32_t block_size, struct uring_file *file, char *why)
{
	struct uring_probe probe = { 0 };
	struct stat st;
	int rc;

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	/* Before opening, which would do things to some devices. */
	if (stat(filename, &st) != 0) {
		rc = -errno;
		snprintf(why, URING_WHY_SIZE, "%s", spdk_strerror(-rc));
		return rc;
	}
	rc = check_kind(&st, why);
	if (rc == 0) {
		rc = open_file(filename, &st, &probe, &file->fd, why);
	}
	if (rc == 0) {
		rc = examine(file, &probe, block_size, why);
	}
	if (rc != 0) {
		uring_file_close(file);
	}
	return rc;
}

int
uring_file_size_now(const struct uring_file *file, uint64_t *size)
{
	struct uring_probe probe = { 0 };
	struct stat st;
	int rc = fstat(file->fd, &st) == 0 ? probe_size(file->fd, &st, &probe) : -errno;

	*size = probe.size;
	return rc;
}

void
uring_file_close(struct uring_file *file)
{
	if (file->fd >= 0) {
		close(file->fd);
		file->fd = -1;
	}
}
