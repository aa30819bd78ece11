/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How one service process is found and started: nothing of the primary's reaches it but descriptor
 * 3 and the environment. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/app/service.h"

#define SERVICE_FD 3

/* The build says where it will be installed. */
#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/local/libexec/calandria"
#endif

static char **g_env;

/* Not handed on: what we set ourselves, and what systemd gave to us alone, or a service that is
 * ready would say so for the primary. */
static bool
is_ours(const char *entry)
{
	static const char *const names[] = { "CAL_SERVICE_FD=", "CAL_INSTANCE=", "NOTIFY_SOCKET=",
		                             "WATCHDOG_USEC=", "WATCHDOG_PID=" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(entry, names[i], strlen(names[i])) == 0) {
			return true;
		}
	}
	return false;
}

int
service_env_init(int instance)
{
	size_t n = 0, kept = 0, i;

	while (environ[n] != NULL) {
		n++;
	}
	g_env = calloc(n + 3, sizeof(*g_env));
	if (g_env == NULL) {
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		if (is_ours(environ[i])) {
			continue;
		}
		g_env[kept] = strdup(environ[i]);
		if (g_env[kept++] == NULL) {
			goto no_memory;
		}
	}
	if (asprintf(&g_env[kept], "CAL_SERVICE_FD=%d", SERVICE_FD) < 0) {
		g_env[kept] = NULL;
		goto no_memory;
	}
	kept++;
	if (asprintf(&g_env[kept], "CAL_INSTANCE=%d", instance) < 0) {
		g_env[kept] = NULL;
		goto no_memory;
	}
	return 0;
no_memory:
	service_env_fini();
	return -ENOMEM;
}

void
service_env_fini(void)
{
	size_t i;

	for (i = 0; g_env != NULL && g_env[i] != NULL; i++) {
		free(g_env[i]);
	}
	free(g_env);
	g_env = NULL;
}

static const char *
env_get(const char *name)
{
	size_t len = strlen(name), i;

	for (i = 0; g_env != NULL && g_env[i] != NULL; i++) {
		if (strncmp(g_env[i], name, len) == 0 && g_env[i][len] == '=') {
			return g_env[i] + len + 1;
		}
	}
	return NULL;
}

static int
own_folder(char *buf, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	if (len <= 0) {
		return -ENOENT;
	}
	buf[len] = '\0';
	slash = strrchr(buf, '/');
	if (slash == NULL || slash == buf) {
		return -ENOENT;
	}
	*slash = '\0';
	return 0;
}

/* The folder's program in `path`, if there is one that can be executed. */
static bool
try_folder(const char *folder, size_t folder_len, const char *binary, char *path, size_t size)
{
	int n = snprintf(path, size, "%.*s/%s", (int)folder_len, folder, binary);

	return n > 0 && (size_t)n < size && access(path, X_OK) == 0;
}

int
service_find(const char *binary, char *path, size_t size)
{
	const char *libexec = env_get("CALANDRIA_LIBEXEC");
	const char *at = env_get("PATH"), *end;
	char own[CAL_PATH_MAX] = "", installed[CAL_PATH_MAX + 32];

	if (libexec != NULL && try_folder(libexec, strlen(libexec), binary, path, size)) {
		return 0;
	}
	/* Where `make install` puts them, seen from bin/ and, for other programs, by name. */
	if (own_folder(own, sizeof(own)) == 0) {
		snprintf(installed, sizeof(installed), "%s/../libexec/calandria", own);
		if (try_folder(installed, strlen(installed), binary, path, size)) {
			return 0;
		}
	}
	if (try_folder(LIBEXECDIR, strlen(LIBEXECDIR), binary, path, size)) {
		return 0;
	}
	/* The build tree. */
	if (own[0] != '\0' && try_folder(own, strlen(own), binary, path, size)) {
		return 0;
	}
	for (; at != NULL; at = *end != '\0' ? end + 1 : NULL) {
		end = strchrnul(at, ':');
		if (end > at && try_folder(at, (size_t)(end - at), binary, path, size)) {
			return 0;
		}
	}
	snprintf(path, size, "%s%s%s, %s or $PATH", libexec != NULL ? libexec : "",
	         libexec != NULL ? ", " : "", own, LIBEXECDIR);
	return -ENOENT;
}

static int
actions_build(posix_spawn_file_actions_t *actions, int fd, const char *log_path)
{
	int rc;

	/* The inherited descriptor first: it may itself be one of 0 to 2. */
	rc = posix_spawn_file_actions_adddup2(actions, fd, SERVICE_FD);
	if (rc == 0) {
		rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	}
	if (rc == 0) {
		rc = posix_spawn_file_actions_addopen(actions, 1, log_path,
		                                      O_WRONLY | O_CREAT | O_APPEND, 0600);
	}
	if (rc == 0) {
		rc = posix_spawn_file_actions_adddup2(actions, 1, 2);
	}
	if (rc == 0) {
		rc = posix_spawn_file_actions_addclosefrom_np(actions, SERVICE_FD + 1);
	}
	return rc;
}

static int
attr_build(posix_spawnattr_t *attr)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setsigmask(attr, &none);
	/* A group of its own: a Ctrl-C at the terminal is for the primary, which ends them. */
	posix_spawnattr_setpgroup(attr, 0);
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
	                                              POSIX_SPAWN_SETPGROUP);
}

static int
oom_score_read(void)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0) {
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return atoi(text);
}

int
service_oom_adjust(pid_t pid)
{
	int own = oom_score_read(), want = SERVICE_OOM_SCORE_ADJ, rc = 0, fd;
	char path[48], text[16];

	if (own >= want) {
		want = own + 100 < 1000 ? own + 100 : 1000;
	}
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof(text), "%d", want);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		rc = -errno;
	}
	if (fd >= 0) {
		close(fd);
	}
	/* It may have ended already. */
	return rc == -ENOENT || rc == -ESRCH ? 0 : rc;
}

pid_t
service_spawn(const char *path, char *const argv[], int fd, const char *log_path)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int rc;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0) {
		return -rc;
	}
	rc = posix_spawnattr_init(&attr);
	if (rc != 0) {
		goto no_attr;
	}
	rc = actions_build(&actions, fd, log_path);
	if (rc == 0) {
		rc = attr_build(&attr);
	}
	if (rc == 0) {
		rc = posix_spawn(&pid, path, &actions, &attr, argv,
		                 g_env != NULL ? g_env : environ);
	}
	posix_spawnattr_destroy(&attr);
no_attr:
	posix_spawn_file_actions_destroy(&actions);
	return rc == 0 ? pid : -rc;
}
