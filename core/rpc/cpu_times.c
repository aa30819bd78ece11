/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spdk/cpuset.h"
#include "spdk/thread.h"

#include "core/rpc/cpu_times.h"
#include "ipc/gate/control.h"

#define MAX_CPUS SPDK_CPUSET_SIZE
/* A line of a CPU has at most some 220 characters; what follows the CPUs is not needed. */
#define TEXT_SIZE ((size_t)MAX_CPUS * 224)

struct reading {
	void (*fn)(void *ctx);
	void *ctx;
	struct cpu_times times[MAX_CPUS];
};

static struct cpu_times g_first[MAX_CPUS], g_last[MAX_CPUS];

void
cpu_times_parse(const char *text, struct cpu_times *times, size_t max)
{
	struct cpu_times t;
	const char *line;
	unsigned cpu;

	for (line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		/* cpuN user nice system idle iowait irq … */
		if (sscanf(line, "cpu%u %" SCNu64 " %*u %" SCNu64 " %*u %*u %" SCNu64, &cpu,
		           &t.user, &t.system, &t.irq) == 4 &&
		    cpu < max) {
			times[cpu] = t;
		}
	}
}

static void
read_stat(struct cpu_times *times)
{
	size_t len = 0;
	ssize_t n = 0;
	char *text;
	int fd;

	fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	text = malloc(TEXT_SIZE);
	if (text != NULL) {
		do {
			len += (size_t)n;
			n = read(fd, text + len, TEXT_SIZE - 1 - len);
		} while (n > 0);
		text[len] = '\0';
		cpu_times_parse(text, times, MAX_CPUS);
		free(text);
	}
	close(fd);
}

static void
refreshed(void *arg)
{
	struct reading *r = arg;

	memcpy(g_last, r->times, sizeof(g_last));
	r->fn(r->ctx);
	free(r);
}

static void
read_on_control(void *arg)
{
	struct spdk_thread *app = spdk_thread_get_app_thread();
	struct reading *r = arg;

	read_stat(r->times);
	if (app == NULL || spdk_thread_send_msg(app, refreshed, r) != 0) {
		free(r); /* the end of the application; whoever waited is gone too */
	}
}

int
cpu_times_refresh(void (*fn)(void *ctx), void *ctx)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return -ENOMEM;
	}
	r->fn = fn;
	r->ctx = ctx;
	if (control_post(read_on_control, r) != 0) {
		/* No control pthread: the same way round, without readings. */
		memcpy(r->times, g_first, sizeof(r->times));
		return spdk_thread_send_msg(spdk_get_thread(), refreshed, r);
	}
	return 0;
}

static void
begun(void *ctx)
{
	memcpy(g_first, g_last, sizeof(g_first));
}

void
cpu_times_begin(void)
{
	/* Without memory the readings are since the machine's start, which does no harm. */
	(void)cpu_times_refresh(begun, NULL);
}

struct cpu_times
cpu_times_get(unsigned cpu)
{
	struct cpu_times t = { 0, 0, 0 };

	if (cpu < MAX_CPUS) {
		t.user = g_last[cpu].user - g_first[cpu].user;
		t.system = g_last[cpu].system - g_first[cpu].system;
		t.irq = g_last[cpu].irq - g_first[cpu].irq;
	}
	return t;
}
