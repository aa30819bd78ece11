/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "calandria/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "ipc/stats/layout.h"

/* What is written to while there is no segment. */
static struct stats_segment g_private;
static struct stats_segment *g_segment = &g_private;
static int g_fd = -ENOENT;

/* Values only: the header and the table belong to the place where they stand. */
static void
values_move(struct stats_segment *to, const struct stats_segment *from)
{
	memcpy(to->reactors, from->reactors, sizeof(to->reactors));
	to->memory = from->memory;
	to->links = from->links;
}

/* Make, fill and map the file under a passing name: whoever opens the final one finds it whole. */
static int
segment_make(const char *path, mode_t mode, uint64_t tsc_hz, struct stats_segment **out)
{
	struct stats_segment *segment = MAP_FAILED;
	int fd, rc;

	unlink(path);
	/* Nobody may open it for writing, not even through a descriptor that was granted for
	 * reading
	 * (/proc/self/fd), unless he has CAP_DAC_OVERRIDE, or is our user and changes the mode. */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		return -errno;
	}
	/* Allocated now: a full file system is an error here, not a SIGBUS on a reactor. */
	rc = -posix_fallocate(fd, 0, sizeof(*segment));
	if (rc == 0) {
		segment = mmap(NULL, sizeof(*segment), PROT_READ | PROT_WRITE,
		               MAP_SHARED | MAP_POPULATE, fd, 0);
		rc = segment == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (rc != 0) {
		unlink(path);
		return rc;
	}
	stats_layout_describe(segment, tsc_hz);
	*out = segment;
	return 0;
}

int
cal_stats_create(int id, uint64_t tsc_hz)
{
	char path[CAL_PATH_MAX], making[CAL_PATH_MAX];
	struct stats_segment *segment = NULL;
	int fd, rc;

	if (g_segment != &g_private) {
		return -EALREADY;
	}
	rc = cal_instance_path(path, sizeof(path), id, CAL_STATS_NAME);
	if (rc == 0) {
		rc = cal_instance_path(making, sizeof(making), id, CAL_STATS_NAME ".new");
	}
	if (rc == 0) {
		rc = segment_make(making, cal_instance_mode(id, 0400), tsc_hz, &segment);
	}
	if (rc != 0 || segment == NULL) {
		return rc;
	}
	fd = open(making, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || rename(making, path) != 0) {
		rc = -errno;
		if (fd >= 0) {
			close(fd);
		}
		unlink(making);
		munmap(segment, sizeof(*segment));
		return rc;
	}
	values_move(segment, &g_private);
	g_segment = segment;
	g_fd = fd;
	return 0;
}

void
cal_stats_destroy(void)
{
	struct stats_segment *segment = g_segment;

	if (segment == &g_private) {
		return;
	}
	values_move(&g_private, segment);
	g_segment = &g_private;
	munmap(segment, sizeof(*segment));
	close(g_fd);
	g_fd = -ENOENT;
}

struct cal_stats_reactor *
cal_stats_reactor(uint32_t slot)
{
	return slot < CAL_STATS_MAX_REACTORS ? &g_segment->reactors[slot] : NULL;
}

struct cal_stats_memory *
cal_stats_memory(void)
{
	return &g_segment->memory;
}

struct cal_stats_links *
cal_stats_links(void)
{
	return &g_segment->links;
}

int
cal_stats_fd(void)
{
	return g_fd;
}
