/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The one call of rte_eal_init(), and what has to be put around it. */

#include "core/env/env_private.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "spdk/log.h"

/* --- EAL's messages --------------------------------------------------------------------------- */

/* While EAL starts its complaints are kept and become part of one sentence: the first one says what
 * went wrong, the last one where that led. */
static struct {
	FILE *stream;
	bool starting;
	char first[256];
	char last[256];
} g_log;

static void
complaint_keep(const char *text, size_t len)
{
	char *to = g_log.first[0] == '\0' ? g_log.first : g_log.last;
	size_t i;

	len = len < sizeof(g_log.first) ? len : sizeof(g_log.first) - 1;
	for (i = 0; i < len && text[i] != '\n'; i++) {
		to[i] = text[i];
	}
	to[i] = '\0';
}

static enum spdk_log_level
level_of(uint32_t rte_level)
{
	if (rte_level <= RTE_LOG_ERR) {
		return SPDK_LOG_ERROR;
	}
	if (rte_level <= RTE_LOG_WARNING) {
		return SPDK_LOG_WARN;
	}
	return rte_level <= RTE_LOG_INFO ? SPDK_LOG_INFO : SPDK_LOG_DEBUG;
}

static ssize_t
log_write(void *cookie, const char *text, size_t len)
{
	enum spdk_log_level level = level_of((uint32_t)rte_log_cur_msg_loglevel());

	if (g_log.starting && level == SPDK_LOG_ERROR) {
		complaint_keep(text, len);
	} else if (len > 0) {
		spdk_log(level, NULL, 0, NULL, "DPDK: %.*s", (int)len, text);
	}
	return (ssize_t)len;
}

static void
log_capture(void)
{
	cookie_io_functions_t functions = { .write = log_write };

	g_log.starting = true;
	g_log.first[0] = g_log.last[0] = '\0';
	if (g_log.stream == NULL) {
		g_log.stream = fopencookie(NULL, "w", functions);
	}
	if (g_log.stream != NULL) {
		setvbuf(g_log.stream, NULL, _IOLBF, 0);
		rte_openlog_stream(g_log.stream);
	}
}

/* --- descriptors ------------------------------------------------------------------------------ */

#define MAX_FDS 65536

struct fd_set_all {
	uint8_t open[MAX_FDS / 8];
};

static void
fds_walk(struct fd_set_all *set, void (*fn)(struct fd_set_all *set, int fd))
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	long fd;

	if (dir == NULL) {
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		fd = strtol(entry->d_name, NULL, 10);
		if (isdigit((unsigned char)entry->d_name[0]) && fd < MAX_FDS && fd != dirfd(dir)) {
			fn(set, (int)fd);
		}
	}
	closedir(dir);
}

static void
fd_remember(struct fd_set_all *set, int fd)
{
	set->open[fd / 8] |= (uint8_t)(1 << fd % 8);
}

static void
fd_close_on_exec(struct fd_set_all *set, int fd)
{
	int flags;

	if ((set->open[fd / 8] >> fd % 8 & 1) == 0) {
		flags = fcntl(fd, F_GETFD);
		if (flags >= 0) {
			fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
		}
	}
}

/* --- the environment -------------------------------------------------------------------------- */

#define RUNTIME_VARIABLE "RUNTIME_DIRECTORY="

/* EAL is told by an environment variable where its files go. setenv() could move the environment
 * under the feet of a thread that reads it; a second one that replaces it as a whole cannot. */
static char **
environment_with(char *variable)
{
	size_t count = 0, kept = 1;
	char **copy;

	while (environ != NULL && environ[count] != NULL) {
		count++;
	}
	copy = calloc(count + 2, sizeof(*copy));
	if (copy == NULL) {
		return NULL;
	}
	copy[0] = variable;
	for (count = 0; environ != NULL && environ[count] != NULL; count++) {
		if (strncmp(environ[count], RUNTIME_VARIABLE, strlen(RUNTIME_VARIABLE)) != 0) {
			copy[kept++] = environ[count];
		}
	}
	return copy;
}

/* Kept: a thread may be reading it for some time yet. */
static char **volatile g_environment;

static int
eal_init_in(struct env_args *args, const char *runtime_dir)
{
	char *argv[ENV_MAX_ARGS + 1];
	char **saved = environ, **with;
	char *variable;
	int rc;

	if (asprintf(&variable, RUNTIME_VARIABLE "%s", runtime_dir) < 0) {
		return -ENOMEM;
	}
	with = environment_with(variable);
	if (with == NULL) {
		free(variable);
		return -ENOMEM;
	}
	/* EAL permutes and overwrites what it is given. */
	memcpy(argv, args->argv, sizeof(argv));
	g_environment = environ = with;
	rc = rte_eal_init(args->argc, argv);
	environ = saved;
	return rc < 0 ? -(rte_errno != 0 ? rte_errno : EIO) : 0;
}

int
env_eal_start(struct env_args *args, const char *runtime_dir, char *err, size_t err_size)
{
	struct fd_set_all *before = calloc(1, sizeof(*before));
	bool both;
	int rc;

	if (before == NULL) {
		return env_fail(err, err_size, -ENOMEM, "no memory to start DPDK's EAL");
	}
	fds_walk(before, fd_remember);
	log_capture();
	rc = eal_init_in(args, runtime_dir);
	g_log.starting = false;
	fds_walk(before, fd_close_on_exec);
	free(before);
	if (rc != 0) {
		both = g_log.last[0] != '\0' && strcmp(g_log.first, g_log.last) != 0;
		return env_fail(err, err_size, rc, "DPDK's EAL did not start: %s%s%s (%s)",
		                g_log.first[0] != '\0' ? g_log.first : "it does not say why",
		                both ? "; " : "", both ? g_log.last : "", strerror(-rc));
	}
	return 0;
}
