/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "ctl/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "ctl/instance.h"
#include "ctl/latency.h"

/* The whole of /proc/PID/NAME, terminated. Returns its length, or a negative errno. */
static ssize_t
proc_read(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n, len = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	while ((n = read(fd, buf + len, size - 1 - (size_t)len)) > 0) {
		len += n;
	}
	close(fd);
	buf[len] = '\0';
	return n < 0 ? -errno : len;
}

/* The value of a variable in a block of NAME=VALUE strings, NULL without one. */
static const char *
value_of(const char *block, size_t len, const char *name)
{
	size_t name_len = strlen(name);
	const char *p;

	for (p = block; p < block + len; p += strlen(p) + 1) {
		if (strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
			return p + name_len + 1;
		}
	}
	return NULL;
}

static bool
has_run_root(pid_t pid)
{
	static char block[256 << 10];
	const char *ours = getenv("CALANDRIA_RUN_ROOT"), *its;
	ssize_t len = proc_read(pid, "environ", block, sizeof(block));

	if (len < 0) {
		return false;
	}
	its = value_of(block, (size_t)len, "CALANDRIA_RUN_ROOT");
	ours = ours != NULL && ours[0] != '\0' ? ours : CAL_RUN_ROOT;
	return strcmp(its != NULL && its[0] != '\0' ? its : CAL_RUN_ROOT, ours) == 0;
}

/* As the supervisor, and the manual, start them: -i ID. */
static bool
has_instance(pid_t pid, int instance)
{
	char args[8192], id[16];
	ssize_t len = proc_read(pid, "cmdline", args, sizeof(args));
	const char *p;

	snprintf(id, sizeof(id), "%d", instance);
	for (p = args; len > 0 && p < args + len; p += strlen(p) + 1) {
		if (strcmp(p, "-i") == 0) {
			p += strlen(p) + 1;
			return p < args + len && strcmp(p, id) == 0;
		}
	}
	return false;
}

static bool
has_name(pid_t pid, const char *name)
{
	char comm[32], wanted[32];

	snprintf(wanted, sizeof(wanted), "cal-%s\n", name);
	return proc_read(pid, "comm", comm, sizeof(comm)) > 0 && strcmp(comm, wanted) == 0;
}

static bool
has_ended(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) != 0;
}

/* What stands in /proc is about the process of the pidfd if that has not ended afterwards. Returns
 * whether it is added. */
static bool
add(const struct ctl *ctl, const char *name, pid_t pid, struct ctl_orphan *orphans, unsigned num)
{
	struct ctl_orphan *orphan = &orphans[num];
	unsigned i;

	for (i = 0; i < num; i++) {
		if (orphans[i].pid == pid) {
			return false;
		}
	}
	if (pid <= 0 || num == CTL_MAX_ORPHANS) {
		return false;
	}
	orphan->pid = pid;
	orphan->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (orphan->pidfd < 0) {
		return false;
	}
	snprintf(orphan->name, sizeof(orphan->name), "%s", name);
	if (!has_name(pid, name) || !has_instance(pid, ctl->instance) || !has_run_root(pid) ||
	    has_ended(orphan->pidfd)) {
		close(orphan->pidfd);
		return false;
	}
	return true;
}

/* Who listens at `path`, 0 when nobody does. */
static pid_t
listener_of(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int fd;

	if (path[0] == '\0' || strlen(path) >= sizeof(addr.sun_path)) {
		return 0;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return 0;
	}
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		cred.pid = 0;
	}
	close(fd);
	return cred.pid;
}

unsigned
ctl_orphans_find(const struct ctl *ctl, const struct cal_state_file *state,
                 struct ctl_orphan orphans[CTL_MAX_ORPHANS])
{
	char monitor[CAL_PATH_MAX];
	unsigned i, num = 0;

	for (i = 0; i < ctl_instance_num_services(state); i++) {
		num += add(ctl, state->services[i].name, state->services[i].pid, orphans, num);
	}
	/* A later start of this instance that failed has another list, and the sockets are still
	 * the first one's. */
	num += add(ctl, "rpcd", listener_of(state->main.rpc_socket), orphans, num);
	if (cal_instance_path(monitor, sizeof(monitor), ctl->instance, CAL_MONITOR_SOCKET) == 0) {
		num += add(ctl, "mond", listener_of(monitor), orphans, num);
	}
	return num;
}

void
ctl_orphans_close(struct ctl_orphan *orphans, unsigned num)
{
	while (num-- > 0) {
		close(orphans[num].pidfd);
	}
}

int
ctl_orphans_end(const struct ctl_orphan *orphans, unsigned num, uint64_t timeout_ms,
                const struct ctl_orphan **which)
{
	uint64_t until = ctl_now_ns() + timeout_ms * 1000000u, now;
	struct pollfd pfd = { .events = POLLIN };
	unsigned i;

	for (i = 0; i < num; i++) {
		*which = &orphans[i];
		if (syscall(SYS_pidfd_send_signal, orphans[i].pidfd, SIGTERM, NULL, 0) != 0 &&
		    errno != ESRCH) {
			return -errno;
		}
	}
	for (i = 0; i < num; i++) {
		*which = &orphans[i];
		pfd.fd = orphans[i].pidfd;
		now = ctl_now_ns();
		if (poll(&pfd, 1, now < until ? (int)((until - now) / 1000000u) + 1 : 0) == 0) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}
