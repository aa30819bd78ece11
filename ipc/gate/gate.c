/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The listener and the gate's life. Connections: gate_conn.c; what they are granted: gate_grant.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "calandria/stats.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate_internal.h"
#include "ipc/gate/gate_packet.h"
#include "ipc/link/link.h"
#include "spdk/log.h"

#define MAX_ACCEPTS_PER_TURN 16
#define LISTEN_PAUSE_MS      100

struct gate g_gate = {
	.listen_fd = -1,
	.group = (gid_t)-1,
	.answer_timeout_ms = GATE_ANSWER_TIMEOUT_MS,
	.conns = TAILQ_HEAD_INITIALIZER(g_gate.conns),
};

static void on_knock(void *arg, uint32_t events);

static void
listen_again(void *arg)
{
	g_gate.listen_timer = NULL;
	if (control_fd_add(g_gate.listen_fd, EPOLLIN, on_knock, NULL, &g_gate.listen_watch) < 0) {
		g_gate.listen_watch = NULL;
		g_gate.listen_timer = control_timer_start(LISTEN_PAUSE_MS, listen_again, NULL);
	}
}

static void
on_knock(void *arg, uint32_t events)
{
	for (int i = 0; i < MAX_ACCEPTS_PER_TURN; i++) {
		int fd = accept4(g_gate.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			gate_conn_start(fd, NULL);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED) {
			continue;
		}
		if (errno != EAGAIN) {
			/* Out of descriptors or memory: the one who waits would wake us for ever.
			 */
			SPDK_ERRLOG("gate.sock of instance %d: %s; trying again in %d ms\n",
			            g_gate.id, strerror(errno), LISTEN_PAUSE_MS);
			control_fd_del(g_gate.listen_watch);
			g_gate.listen_watch = NULL;
			g_gate.listen_timer =
				control_timer_start(LISTEN_PAUSE_MS, listen_again, NULL);
		}
		return;
	}
}

static int
socket_listen(int id)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	bool shared = g_gate.group != (gid_t)-1;
	int fd, rc;

	rc = cal_instance_path(addr.sun_path, sizeof(addr.sun_path), id, CAL_GATE_NAME);
	if (rc < 0) {
		return rc;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	/* The instance is ours (its lock is held): what is there is a dead predecessor's. */
	unlink(addr.sun_path);
	/* The mode is the socket's from its birth, so that there is no moment at which it is wider.
	 */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    (shared && chown(addr.sun_path, (uid_t)-1, g_gate.group) < 0) ||
	    chmod(addr.sun_path, shared ? 0660 : 0600) < 0 ||
	    listen(fd, GATE_MAX_CONNECTIONS) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

void
gate_share(gid_t gid)
{
	g_gate.group = gid;
}

int
gate_listen(int id, const struct gate_ops *ops, void *ctx)
{
	int fd, rc;

	if (g_gate.listen_fd >= 0) {
		return -EALREADY;
	}
	fd = socket_listen(id);
	if (fd < 0) {
		return fd;
	}
	rc = control_fd_add(fd, EPOLLIN, on_knock, NULL, &g_gate.listen_watch);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	g_gate.id = id;
	g_gate.ops = ops;
	g_gate.ctx = ctx;
	g_gate.listen_fd = fd;
	g_gate.open = false;
	g_gate.closed = false;
	return 0;
}

int
gate_open(void)
{
	struct gate_conn *conn, *next;

	g_gate.open = true;
	for (conn = TAILQ_FIRST(&g_gate.conns); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, entry);
		if (conn->state == GATE_CONN_WAITING) {
			gate_grant(conn);
		}
	}
	return 0;
}

void
gate_close(const char *reason)
{
	struct gate_conn *conn, *next;
	struct gate_msg msg;

	g_gate.closed = true;
	snprintf(g_gate.close_reason, sizeof(g_gate.close_reason), "%s", reason);
	for (conn = TAILQ_FIRST(&g_gate.conns); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, entry);
		if (conn->state != GATE_CONN_NEW && conn->state != GATE_CONN_ENDED) {
			gate_packet_init_abi(&msg, GATE_STOP, conn->abi);
			msg.instance = (uint32_t)g_gate.id;
			snprintf(msg.text, sizeof(msg.text), "%s", reason);
			gate_packet_send(conn->fd, &msg, NULL, 0);
			gate_conn_end(conn);
		}
	}
}

void
gate_fini(void)
{
	char path[CAL_PATH_MAX];
	struct gate_conn *conn, *next;

	if (g_gate.listen_fd < 0) {
		return;
	}
	if (g_gate.listen_watch != NULL) {
		control_fd_del(g_gate.listen_watch);
		g_gate.listen_watch = NULL;
	}
	control_timer_cancel(g_gate.listen_timer);
	g_gate.listen_timer = NULL;
	close(g_gate.listen_fd);
	g_gate.listen_fd = -1;
	if (cal_instance_path(path, sizeof(path), g_gate.id, CAL_GATE_NAME) == 0) {
		unlink(path);
	}
	for (conn = TAILQ_FIRST(&g_gate.conns); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, entry);
		if (conn->link == NULL) {
			gate_conn_end(conn);
		} else {
			/* Its memory stays mapped: somebody may still use it. */
			SPDK_ERRLOG("%s (pid %d): its link is in use while the gate ends\n",
			            conn->name, conn->pid);
		}
	}
}

unsigned
gate_num_links(void)
{
	struct gate_conn *conn;
	unsigned n = 0;

	TAILQ_FOREACH (conn, &g_gate.conns, entry) {
		n += conn->link != NULL;
	}
	return n;
}

int
gate_ping(pid_t pid)
{
	struct gate_conn *conn;

	TAILQ_FOREACH (conn, &g_gate.conns, entry) {
		if (conn->pid == pid && conn->state != GATE_CONN_NEW &&
		    conn->state != GATE_CONN_ENDED) {
			return gate_conn_ping(conn);
		}
	}
	return -ENOENT;
}

int
gate_service_pair(const char *name, int *child_fd)
{
	int fds[2], rc;

	if (g_gate.listen_fd < 0) {
		return -ESHUTDOWN;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		return -errno;
	}
	rc = gate_conn_start(fds[0], name);
	if (rc < 0) {
		close(fds[1]);
		return rc;
	}
	*child_fd = fds[1];
	return 0;
}

static void
link_done(void *arg)
{
	struct gate_conn *conn;

	TAILQ_FOREACH (conn, &g_gate.conns, entry) {
		if (conn->link == arg) {
			gate_conn_link_done(conn);
			return;
		}
	}
}

void
gate_link_done(struct link *link)
{
	int rc = control_post_in(link_last_post(link), link_done, link);

	if (rc < 0) {
		SPDK_ERRLOG("%s (pid %d): its link cannot be freed: %s\n", link_peer_name(link),
		            link_peer_pid(link), strerror(-rc));
	}
}

struct kill {
	uint64_t link_id;
	char reason[128];
};

static void
link_kill(void *arg)
{
	struct kill *kill = arg;
	struct gate_conn *conn;

	/* By number: by now the link may be gone and another be at its address. */
	TAILQ_FOREACH (conn, &g_gate.conns, entry) {
		if (conn->state == GATE_CONN_LINKED && link_id(conn->link) == kill->link_id) {
			if (gate_conn_may_log(conn)) {
				SPDK_ERRLOG("%s (pid %d): %s; its link is closed\n", conn->name,
				            conn->pid, kill->reason);
			}
			cal_stats_links()->closed_for_fault++;
			gate_conn_end(conn);
			break;
		}
	}
	free(kill);
}

int
gate_link_kill(struct link *link, const char *reason)
{
	struct kill *kill = malloc(sizeof(*kill));
	int rc;

	if (kill == NULL) {
		return -ENOMEM;
	}
	kill->link_id = link_id(link);
	snprintf(kill->reason, sizeof(kill->reason), "%s", reason);
	rc = control_post(link_kill, kill);
	if (rc < 0) {
		free(kill);
	}
	return rc;
}
