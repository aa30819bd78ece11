/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A reader believes nothing that it can check: the file may be of another version, or half of one.
 * All that it will ever touch is checked once, when it is opened; the writer never shrinks it. */

#include "calandria/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calandria/instance.h"

/* `count` elements `stride` apart, the last one `width` long, are inside `size`. */
static bool
range_fits(uint64_t offset, uint64_t stride, uint64_t count, uint64_t width, uint64_t size)
{
	if (count == 0) {
		return offset <= size;
	}
	/* None of these is over 32 bits wide: no overflow. */
	return offset + stride * (count - 1) + width <= size;
}

static bool
metric_is_sound(const struct cal_stats_metric *metric, uint64_t size)
{
	return memchr(metric->name, '\0', sizeof(metric->name)) != NULL &&
	       (metric->width == 4 || metric->width == 8) && metric->offset % metric->width == 0 &&
	       metric->stride % metric->width == 0 &&
	       range_fits(metric->offset, metric->stride, metric->count, metric->width, size);
}

static const void *
view_at(const struct cal_stats_view *view, uint32_t offset)
{
	return (const char *)view->header + offset;
}

static int
view_check(const struct cal_stats_header *header, uint64_t file_size)
{
	const struct cal_stats_metric *metrics;
	uint64_t size = header->segment_size;
	uint32_t i;

	if (header->magic != CAL_STATS_MAGIC || header->version != CAL_STATS_VERSION ||
	    header->header_size < sizeof(*header) || size < header->header_size ||
	    size > file_size) {
		return -EPROTO;
	}
	if (header->reactors_offset % _Alignof(struct cal_stats_reactor) != 0 ||
	    header->memory_offset % _Alignof(struct cal_stats_memory) != 0 ||
	    header->links_offset % _Alignof(struct cal_stats_links) != 0 ||
	    header->metrics_offset % _Alignof(struct cal_stats_metric) != 0) {
		return -EPROTO;
	}
	if (!range_fits(header->reactors_offset, sizeof(struct cal_stats_reactor),
	                CAL_STATS_MAX_REACTORS, sizeof(struct cal_stats_reactor), size) ||
	    !range_fits(header->memory_offset, 0, 1, sizeof(struct cal_stats_memory), size) ||
	    !range_fits(header->links_offset, 0, 1, sizeof(struct cal_stats_links), size) ||
	    !range_fits(header->metrics_offset, sizeof(struct cal_stats_metric),
	                header->num_metrics, sizeof(struct cal_stats_metric), size)) {
		return -EPROTO;
	}
	metrics = (const void *)((const char *)header + header->metrics_offset);
	for (i = 0; i < header->num_metrics; i++) {
		if (!metric_is_sound(&metrics[i], size)) {
			return -EPROTO;
		}
	}
	return 0;
}

int
cal_stats_open_fd(int fd, struct cal_stats_view *view)
{
	struct stat st;
	void *map;
	int rc;

	memset(view, 0, sizeof(*view));
	if (fstat(fd, &st) != 0) {
		return -errno;
	}
	if (st.st_size < (off_t)sizeof(struct cal_stats_header)) {
		return -EPROTO;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		return -errno;
	}
	madvise(map, (size_t)st.st_size, MADV_DONTDUMP);
	rc = view_check(map, (uint64_t)st.st_size);
	if (rc != 0) {
		munmap(map, (size_t)st.st_size);
		return rc;
	}
	view->header = map;
	view->size = (size_t)st.st_size;
	view->reactors = view_at(view, view->header->reactors_offset);
	view->memory = view_at(view, view->header->memory_offset);
	view->links = view_at(view, view->header->links_offset);
	return 0;
}

int
cal_stats_open(int id, struct cal_stats_view *view)
{
	char path[CAL_PATH_MAX];
	int fd, rc;

	memset(view, 0, sizeof(*view));
	rc = cal_instance_path(path, sizeof(path), id, CAL_STATS_NAME);
	if (rc != 0) {
		return rc;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	rc = cal_stats_open_fd(fd, view);
	close(fd);
	return rc;
}

void
cal_stats_close(struct cal_stats_view *view)
{
	if (view->header != NULL) {
		munmap((void *)(uintptr_t)view->header, view->size);
	}
	memset(view, 0, sizeof(*view));
}

const struct cal_stats_metric *
cal_stats_find(const struct cal_stats_view *view, const char *name)
{
	const struct cal_stats_metric *metrics = view_at(view, view->header->metrics_offset);
	uint32_t i;

	for (i = 0; i < view->header->num_metrics; i++) {
		if (strcmp(metrics[i].name, name) == 0) {
			return &metrics[i];
		}
	}
	return NULL;
}

uint64_t
cal_stats_value(const struct cal_stats_view *view, const struct cal_stats_metric *metric,
                uint32_t index)
{
	const char *at;

	if (index >= metric->count) {
		return 0;
	}
	at = (const char *)view_at(view, metric->offset) + (size_t)metric->stride * index;
	/* One load each: a value is never torn. */
	return metric->width == 8
	               ? __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED)
	               : __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
}
