/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a service has printed last: it says best why it ended. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/app/service_private.h"

#define TAIL_SIZE 2048

void
service_log_path(const struct service *svc, char *path, size_t size)
{
	char rel[32];

	snprintf(rel, sizeof(rel), "%s/%s.log", CAL_LOG_DIR, svc->name);
	if (cal_instance_path(path, size, g_sup.opts.instance, rel) != 0) {
		path[0] = '\0';
	}
}

uint64_t
service_log_size(const struct service *svc)
{
	char path[CAL_PATH_MAX];
	struct stat st;

	service_log_path(svc, path, sizeof(path));
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The last line of text[0..len), without what follows its end. */
static void
last_line(const char *text, size_t len, char *line, size_t size)
{
	size_t from, i;

	while (len > 0 && isspace((unsigned char)text[len - 1])) {
		len--;
	}
	for (from = len; from > 0 && text[from - 1] != '\n'; from--) {
	}
	for (i = 0; from + i < len && i + 1 < size; i++) {
		line[i] = isprint((unsigned char)text[from + i]) ? text[from + i] : '?';
	}
	line[i] = '\0';
}

void
service_log_last(const struct service_proc *proc, char *line, size_t size)
{
	char path[CAL_PATH_MAX], tail[TAIL_SIZE];
	uint64_t end = service_log_size(proc->svc), from = proc->log_from;
	ssize_t n;
	int fd;

	line[0] = '\0';
	service_log_path(proc->svc, path, sizeof(path));
	if (end <= from) {
		return;
	}
	if (end - from > sizeof(tail)) {
		from = end - sizeof(tail);
	}
	/* It is a service's: not to be waited for, whatever it made of it. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0) {
		return;
	}
	n = pread(fd, tail, sizeof(tail), (off_t)from);
	close(fd);
	if (n > 0) {
		last_line(tail, (size_t)n, line, size);
	}
}
