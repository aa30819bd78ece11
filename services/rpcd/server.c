/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The loop. Sockets are read in libuv's poll phase, which sends calls to the primary; before the
 * next sleep the link is processed, for a few microseconds again and again while calls are young,
 * then every connection that has something due is serviced, and the link is armed. */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The primary stops: what it has answered is in the link already. */
#define STOP_MS 100

static struct server g_server;

static void server_stop(struct server *server, int exit_code, unsigned grace_ms);

void
server_mark_dirty(struct conn *conn)
{
	if (!conn->dirty && !conn->closing) {
		conn->dirty = true;
		TAILQ_INSERT_TAIL(&conn->server->dirty, conn, dirty_link);
	}
}

static void
accept_one(struct server *server)
{
	int rc;

	server->accept_waits = false;
	rc = conn_accept(server);
	if (rc != 0) {
		fprintf(stderr, "cal-rpcd: cannot accept a connection: %s\n", uv_strerror(rc));
	}
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;

	if (status != 0) {
		fprintf(stderr, "cal-rpcd: cannot accept a connection: %s\n", uv_strerror(status));
	} else if (server->num_conns >= RPCD_MAX_CONNS) {
		server->accept_waits = true; /* libuv asks no more until it is accepted */
	} else {
		accept_one(server);
	}
}

void
server_conn_freed(struct server *server)
{
	server->num_conns--;
	if (server->accept_waits && !server->stopping) {
		accept_one(server);
	}
}

/* --- the link --------------------------------------------------------------------------------- */

static void
link_process(struct server *server)
{
	int rc;

	if (server->link_gone) {
		return;
	}
	rc = cal_client_process(server->client);
	if (rc == -ESHUTDOWN) {
		if (!server->stopping) {
			server_stop(server, 0, STOP_MS);
		}
	} else if (rc < 0) {
		server->link_gone = true;
		uv_poll_stop(&server->link);
		if (!server->stopping) {
			fprintf(stderr, "cal-rpcd: the primary process has ended; ending too\n");
			server_stop(server, 1, RPCD_GRACE_MS);
		}
	}
}

static void
service_dirty(struct server *server)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&server->dirty)) != NULL) {
		TAILQ_REMOVE(&server->dirty, conn, dirty_link);
		conn->dirty = false;
		conn_service(conn);
	}
}

static void
do_nothing(uv_idle_t *idle)
{
}

/* Has the last client its last answer? */
static bool
all_quiet(const struct server *server)
{
	const struct conn *conn;

	for (conn = TAILQ_FIRST(&server->conns); conn != NULL; conn = TAILQ_NEXT(conn, link)) {
		if (!conn_is_quiet(conn)) {
			return false;
		}
	}
	return true;
}

static void
server_end(struct server *server)
{
	struct conn *conn;

	if (server->ended) {
		return;
	}
	server->ended = true;
	while ((conn = TAILQ_FIRST(&server->conns)) != NULL) {
		conn_close(conn);
	}
	uv_close((uv_handle_t *)&server->link, NULL);
	uv_close((uv_handle_t *)&server->prepare, NULL);
	uv_close((uv_handle_t *)&server->idle, NULL);
	uv_close((uv_handle_t *)&server->deadline, NULL);
	uv_close((uv_handle_t *)&server->sigterm, NULL);
	uv_close((uv_handle_t *)&server->sigint, NULL);
}

static void
before_sleep(uv_prepare_t *prepare)
{
	struct server *server = prepare->data;
	uint64_t until = uv_hrtime() + RPCD_ROUND_NS;
	bool look_again;

	do {
		link_process(server);
		service_dirty(server);
		if (server->stopping && all_quiet(server)) {
			server_end(server);
			return;
		}
		if (server->link_gone) {
			look_again = false;
		} else if (server->in_flight > 0 && uv_hrtime() < server->spin_until) {
			look_again = true;
		} else {
			look_again = cal_client_arm(server->client) != 0;
		}
	} while (look_again && uv_hrtime() < until);
	if (look_again) {
		uv_idle_start(&server->idle, do_nothing);
	} else {
		uv_idle_stop(&server->idle);
	}
}

/* Waking up is all there is to do: the prepare hook is next. */
static void
on_link_readable(uv_poll_t *poll, int status, int events)
{
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
deadline_over(uv_timer_t *timer)
{
	server_end(timer->data);
}

static void
server_stop(struct server *server, int exit_code, unsigned grace_ms)
{
	struct conn *conn;

	server->stopping = true;
	server->exit_code = exit_code;
	uv_close((uv_handle_t *)&server->listener, NULL);
	for (conn = TAILQ_FIRST(&server->conns); conn != NULL; conn = TAILQ_NEXT(conn, link)) {
		conn_read_stop(conn);
	}
	uv_timer_start(&server->deadline, deadline_over, grace_ms, 0);
}

static void
on_signal(uv_signal_t *handle, int signum)
{
	struct server *server = handle->data;

	if (!server->stopping) {
		server_stop(server, 0, RPCD_GRACE_MS);
	}
}

/* --- its beginning ---------------------------------------------------------------------------- */

static int
server_init(struct server *server, const struct server_opts *opts)
{
	int rc;

	memset(server, 0, sizeof(*server));
	TAILQ_INIT(&server->conns);
	TAILQ_INIT(&server->dirty);
	server->client = opts->client;
	rc = uv_loop_init(&server->loop);
	if (rc != 0) {
		return rc;
	}
	uv_pipe_init(&server->loop, &server->listener, 0);
	uv_prepare_init(&server->loop, &server->prepare);
	uv_idle_init(&server->loop, &server->idle);
	uv_timer_init(&server->loop, &server->deadline);
	uv_signal_init(&server->loop, &server->sigterm);
	uv_signal_init(&server->loop, &server->sigint);
	rc = uv_poll_init(&server->loop, &server->link, cal_client_fd(opts->client));
	if (rc != 0) {
		return rc;
	}
	server->listener.data = server->prepare.data = server->deadline.data = server;
	server->sigterm.data = server->sigint.data = server;
	rc = uv_pipe_open(&server->listener, opts->listen_fd);
	if (rc == 0) {
		rc = uv_listen((uv_stream_t *)&server->listener, RPCD_BACKLOG, on_connection);
	}
	if (rc == 0) {
		rc = uv_poll_start(&server->link, UV_READABLE, on_link_readable);
	}
	if (rc == 0) {
		rc = uv_prepare_start(&server->prepare, before_sleep);
	}
	if (rc == 0) {
		rc = uv_signal_start(&server->sigterm, on_signal, SIGTERM);
	}
	return rc == 0 ? uv_signal_start(&server->sigint, on_signal, SIGINT) : rc;
}

int
server_run(const struct server_opts *opts)
{
	struct server *server = &g_server;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	rc = server_init(server, opts);
	if (rc != 0) {
		fprintf(stderr, "cal-rpcd: cannot serve: %s\n", uv_strerror(rc));
		return 1;
	}
	opts->ready(opts->ctx);
	uv_run(&server->loop, UV_RUN_DEFAULT);
	opts->gone(opts->ctx);
	/* The calls that are still under way are told, and free what they hold. */
	cal_client_close(server->client);
	uv_loop_close(&server->loop);
	return server->exit_code;
}
