/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/util/systemd.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A successor is not told the watchdog's time, which the unit has all the same. Ours have 15 s. */
#define ALIVE_DEFAULT_MS 3000
/* A start that goes on may take so much longer. */
#define START_EXTENSION_S 30

static struct {
	int fd;
	struct sockaddr_un addr;
	socklen_t addr_len;
	bool ready;
	int interval_ms;
	int64_t told_ms; /* when systemd_alive() sent something last */
} g_sd = { .fd = -1 };

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The watchdog's time is for the process that systemd started; a child may have inherited it. */
static int
alive_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long value;

	if (usec == NULL || (pid != NULL && atoi(pid) != getpid())) {
		return ALIVE_DEFAULT_MS;
	}
	value = atoll(usec) / 1000 / 4;
	if (value < 1) {
		return 1;
	}
	return value < ALIVE_DEFAULT_MS ? (int)value : ALIVE_DEFAULT_MS;
}

int
systemd_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len;

	systemd_close();
	if (name == NULL || name[0] == '\0') {
		return -ENOENT;
	}
	len = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(g_sd.addr.sun_path)) {
		return -EINVAL;
	}
	memset(&g_sd.addr, 0, sizeof(g_sd.addr));
	g_sd.addr.sun_family = AF_UNIX;
	memcpy(g_sd.addr.sun_path, name, len);
	g_sd.addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@') {
		g_sd.addr.sun_path[0] = '\0';
	} else {
		g_sd.addr_len++;
	}
	g_sd.ready = false;
	g_sd.interval_ms = alive_interval();
	g_sd.told_ms = INT64_MIN / 2;
	/* Kept open: a service may not open another one once it has its seccomp filter. */
	g_sd.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return g_sd.fd < 0 ? -errno : 0;
}

void
systemd_close(void)
{
	if (g_sd.fd >= 0) {
		close(g_sd.fd);
		g_sd.fd = -1;
	}
}

bool
systemd_is_open(void)
{
	return g_sd.fd >= 0;
}

/* "STATUS=…" behind what is in `text`. Who chose its words shall not choose lines of his own. */
static size_t
put_status(char *text, size_t len, size_t size, const char *status)
{
	int n = snprintf(text + len, size - len, "STATUS=%s", status);
	size_t end = len + (size_t)n < size ? len + (size_t)n : size - 1, i;

	for (i = len; i < end; i++) {
		if (text[i] == '\n') {
			text[i] = ' ';
		}
	}
	return end;
}

int
systemd_send(const char *status, const char *fmt, ...)
{
	char text[1024];
	struct iovec iov = { .iov_base = text };
	/* With the address each time: systemd may have made its socket anew. */
	struct msghdr msg = {
		.msg_name = &g_sd.addr,
		.msg_namelen = g_sd.addr_len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	va_list args;
	int n;

	if (g_sd.fd < 0) {
		return -ENOTCONN;
	}
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		return -EMSGSIZE;
	}
	iov.iov_len = (size_t)n;
	if (status != NULL) {
		iov.iov_len = put_status(text, iov.iov_len, sizeof(text), status);
	}
	return sendmsg(g_sd.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void
systemd_ready(const char *status)
{
	if (g_sd.fd < 0) {
		return;
	}
	g_sd.ready = true;
	(void)systemd_send(status, "READY=1\nMAINPID=%d\n", (int)getpid());
}

void
systemd_alive(void)
{
	int64_t now;

	if (g_sd.fd < 0) {
		return;
	}
	now = now_ms();
	if (now - g_sd.told_ms < g_sd.interval_ms) {
		return;
	}
	/* A full queue of systemd's is its own delay: try again at the next turn. */
	if ((g_sd.ready ? systemd_send(NULL, "WATCHDOG=1\n")
	                : systemd_send(NULL, "EXTEND_TIMEOUT_USEC=%d000000\n",
	                               START_EXTENSION_S)) == 0) {
		g_sd.told_ms = now;
	}
}

int
systemd_interval_ms(void)
{
	return g_sd.fd < 0 ? -1 : g_sd.interval_ms;
}
