/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Connections beyond RPCD_MAX_CONNS are accepted and wait, unread: to their clients that looks as
 * if they waited in the backlog, and a successor that knocks behind them is found and let in. */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Out of descriptors: the one who waits would wake us for ever. */
#define PAUSE_MS 100

/* By its program's name, which anybody may have: then it is one connection more than others get. */
static bool
is_successor(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char path[32], name[16] = "";
	ssize_t n;
	int comm;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 ||
	    (cred.uid != 0 && cred.uid != geteuid()) || cred.pid == getpid()) {
		return false;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)cred.pid);
	comm = open(path, O_RDONLY | O_CLOEXEC);
	if (comm < 0) {
		return false;
	}
	n = read(comm, name, sizeof(name) - 1);
	close(comm);
	return n > 0 && strcmp(name, "cal-rpcd\n") == 0;
}

static void
open_conn(struct server *server, int fd, bool is_tcp)
{
	int rc = conn_open(server, fd, is_tcp, NULL);

	if (rc != 0) {
		fprintf(stderr, "cal-rpcd: cannot serve a connection: %s\n", uv_strerror(rc));
	}
}

static bool
has_room(const struct server *server)
{
	return server->num_parked < RPCD_MAX_PARKED;
}

void
accept_take(struct server *server, int fd, bool is_tcp)
{
	if (server->num_conns < RPCD_MAX_CONNS || (!is_tcp && is_successor(fd))) {
		open_conn(server, fd, is_tcp);
	} else if (has_room(server)) {
		server->parked[server->num_parked] = fd;
		server->parked_tcp[server->num_parked++] = is_tcp;
	} else {
		close(fd);
	}
}

void
accept_resume(struct server *server)
{
	int fd;
	bool is_tcp;

	if (server->stopping || server->handover != NULL) {
		return;
	}
	while (server->num_parked > 0 && server->num_conns < RPCD_MAX_CONNS) {
		fd = server->parked[0];
		is_tcp = server->parked_tcp[0];
		server->num_parked--;
		memmove(server->parked, server->parked + 1,
		        server->num_parked * sizeof(server->parked[0]));
		memmove(server->parked_tcp, server->parked_tcp + 1,
		        server->num_parked * sizeof(server->parked_tcp[0]));
		open_conn(server, fd, is_tcp);
	}
	if (!server->accepting && has_room(server) &&
	    !uv_is_active((uv_handle_t *)&server->accept_pause)) {
		accept_start(server);
	}
}

static void
pause_over(uv_timer_t *timer)
{
	accept_resume(timer->data);
}

static void
on_connection(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	struct server *server = poll->loop->data;
	int fd;

	while (server->accepting && status == 0) {
		if (!has_room(server)) {
			accept_stop(server);
			return;
		}
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			accept_take(server, fd, listener->is_tcp);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			status = -errno;
		}
	}
	if (status != 0) {
		fprintf(stderr, "cal-rpcd: cannot accept a connection: %s\n", strerror(-status));
		accept_stop(server);
		uv_timer_start(&server->accept_pause, pause_over, PAUSE_MS, 0);
	}
}

int
accept_add(struct server *server, int fd, bool is_tcp)
{
	struct listener *listener = &server->listeners[server->num_listeners];
	int rc;

	/* Also on one that listens already: then its peers see our pid from now on. */
	if (listen(fd, RPCD_BACKLOG) != 0) {
		return -errno;
	}
	rc = uv_poll_init(&server->loop, &listener->poll, fd);
	if (rc != 0) {
		return rc;
	}
	listener->fd = fd;
	listener->is_tcp = is_tcp;
	listener->poll.data = listener;
	server->num_listeners++;
	return 0;
}

void
accept_start(struct server *server)
{
	unsigned i;

	server->accepting = true;
	for (i = 0; i < server->num_listeners; i++) {
		uv_poll_start(&server->listeners[i].poll, UV_READABLE, on_connection);
	}
}

void
accept_stop(struct server *server)
{
	unsigned i;

	server->accepting = false;
	for (i = 0; i < server->num_listeners; i++) {
		uv_poll_stop(&server->listeners[i].poll);
	}
}

static void
listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	close(listener->fd);
}

void
accept_close(struct server *server)
{
	unsigned i;

	accept_stop(server);
	uv_timer_stop(&server->accept_pause);
	for (i = 0; i < server->num_listeners; i++) {
		uv_close((uv_handle_t *)&server->listeners[i].poll, listener_closed);
	}
	server->num_listeners = 0;
	while (server->num_parked > 0) {
		close(server->parked[--server->num_parked]);
	}
}
