/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The loop. Sockets are read in libuv's poll phase, which sends calls to the primary; before the
 * next sleep the link is processed, for a few microseconds again and again while calls are young,
 * then every connection that has something due is serviced, and the link is armed, or while calls
 * are not old a timer is (nap.c). */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/util/systemd.h"

/* The primary stops: what it has answered is in the link already. */
#define STOP_MS 100
/* A primary whose link is gone has this long to be seen dead: its connections are closed a little
 * before it is. */
#define DYING_MS 200
/* How often one without a primary looks whether the socket is still its own. */
#define ORPHAN_MS 1000

static struct server g_server;

void
server_mark_dirty(struct conn *conn)
{
	if (!conn->dirty && !conn->closing) {
		conn->dirty = true;
		TAILQ_INSERT_TAIL(&conn->server->dirty, conn, dirty_link);
	}
}

void
server_mark_hungry(struct conn *conn)
{
	if (!conn->hungry && !conn->closing) {
		conn->hungry = true;
		TAILQ_INSERT_TAIL(&conn->server->hungry, conn, hungry_link);
	}
}

/* --- the primary's death ---------------------------------------------------------------------- */

bool
server_primary_is_dead(const struct server *server)
{
	struct pollfd pfd = { .fd = server->primary_pidfd, .events = POLLIN };

	return server->primary_pidfd < 0 ? server->client == NULL : poll(&pfd, 1, 0) == 1;
}

const char *
server_why(struct server *server)
{
	if (server->why[0] == '\0' || server->why_at != uv_now(&server->loop)) {
		server->why_at = uv_now(&server->loop);
		primary_explain(server->opts->instance, server->opts->primary_pid, server->lost_ns,
		                server->why, sizeof(server->why));
	}
	return server->why;
}

static void
orphan_look(uv_timer_t *timer)
{
	struct server *server = timer->data;

	if (server->stopping || server->handover != NULL) {
		return;
	}
	if (!server_primary_is_dead(server)) {
		/* It has cut us off. A new process may be better at it. */
		fprintf(stderr, "cal-rpcd: the primary has ended the link; ending too\n");
		server_stop(server, 1, RPCD_GRACE_MS);
	} else if (server->opts->socket != NULL && !rpc_socket_is_current(server->opts->socket)) {
		fprintf(stderr, "cal-rpcd: %s was removed, and the primary is gone: ending\n",
		        server->opts->socket->lock_path);
		server_stop(server, 0, RPCD_GRACE_MS);
	}
}

/* Everybody under way was told by the client. Nothing of the primary's memory may stay with us: it
 * would not be free before we end. */
static void
link_lost(struct server *server)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	server->lost_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	fprintf(stderr, "cal-rpcd: the primary process has ended; requests are answered with its "
	                "state until another's cal-rpcd takes over\n");
	uv_close((uv_handle_t *)&server->link, NULL);
	cal_client_close(server->client);
	server->client = NULL;
	server->opts->lost(server->opts->ctx);
	uv_timer_start(&server->orphan, orphan_look, DYING_MS, ORPHAN_MS);
}

/* --- the link --------------------------------------------------------------------------------- */

/* Those that found the link full, in the order in which they did. Whoever has more to send queues
 * behind the others. */
static void
feed_hungry(struct server *server)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&server->hungry)) != NULL &&
	       (server->client == NULL || !cal_client_is_backlogged(server->client))) {
		TAILQ_REMOVE(&server->hungry, conn, hungry_link);
		conn->hungry = false;
		server->turn_of = conn;
		calls_pump(conn);
		server->turn_of = NULL;
		server_mark_dirty(conn);
	}
}

static void
link_process(struct server *server)
{
	int rc;

	if (server->client == NULL) {
		return;
	}
	rc = cal_client_process(server->client);
	if (rc == -ESHUTDOWN) {
		if (!server->stopping) {
			server_stop(server, 0, STOP_MS);
		}
	} else if (rc < 0) {
		link_lost(server);
	}
	feed_hungry(server);
}

/* One turn for each of those that have something due. */
static void
service_dirty(struct server *server)
{
	struct conn *conn, *last = TAILQ_LAST(&server->dirty, dirty_list);
	bool more = last != NULL;

	while (more && (conn = TAILQ_FIRST(&server->dirty)) != NULL) {
		more = conn != last;
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

void
server_end(struct server *server)
{
	struct conn *conn;

	if (server->ended) {
		return;
	}
	server->ended = server->stopping = true;
	handover_end(server);
	if (server->takeover != NULL) {
		/* What we were not given yet is the other one's, and so are the names. */
		takeover_abort(server->takeover);
		server->takeover = NULL;
		server->handed_over = true;
	}
	accept_close(server);
	while ((conn = TAILQ_FIRST(&server->conns)) != NULL) {
		conn_close(conn);
	}
	if (server->client != NULL) {
		uv_close((uv_handle_t *)&server->link, NULL);
	}
	uv_close((uv_handle_t *)&server->prepare, NULL);
	uv_close((uv_handle_t *)&server->idle, NULL);
	uv_close((uv_handle_t *)&server->deadline, NULL);
	uv_close((uv_handle_t *)&server->orphan, NULL);
	uv_close((uv_handle_t *)&server->accept_pause, NULL);
	uv_close((uv_handle_t *)&server->alive, NULL);
	nap_close(&server->nap);
	uv_close((uv_handle_t *)&server->sigterm, NULL);
	uv_close((uv_handle_t *)&server->sigint, NULL);
}

static bool
must_look_again(struct server *server)
{
	uint64_t now;

	if (!TAILQ_EMPTY(&server->dirty)) {
		return true;
	}
	if (server->client == NULL) {
		return false;
	}
	if (server->in_flight > 0) {
		now = uv_hrtime();
		if (now < server->spin_until) {
			return true;
		}
		if (nap_begin(&server->nap, now - server->spin_until)) {
			return false;
		}
	}
	return cal_client_arm(server->client) != 0;
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
		if (server->handover != NULL) {
			handover_go_on(server);
		}
		if (server->stopping && (server->ended || all_quiet(server))) {
			server_end(server);
			return;
		}
		look_again = must_look_again(server);
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

void
server_stop(struct server *server, int exit_code, unsigned grace_ms)
{
	struct conn *conn;

	server->stopping = true;
	server->exit_code = exit_code;
	accept_stop(server);
	TAILQ_FOREACH (conn, &server->conns, link) {
		conn_read_stop(conn);
	}
	uv_timer_start(&server->deadline, deadline_over, grace_ms, 0);
}

/* Also without a primary. */
static void
tell_alive(uv_timer_t *timer)
{
	systemd_alive();
}

static void
on_signal(uv_signal_t *handle, int signum)
{
	struct server *server = handle->data;

	if (server->stopping) {
		return;
	}
	if (server->handover != NULL) {
		/* Half of everything is a successor's by now, which shall not find the names gone.
		 */
		server->stop_asked = true;
		handover_hurry(server);
		return;
	}
	server_stop(server, 0, RPCD_GRACE_MS);
}

/* --- what a predecessor had --------------------------------------------------------------------
 */

static void
takeover_done(struct server *server, int status)
{
	if (status == 0) {
		if (!server->stopping) {
			accept_start(server);
		}
		server->opts->ready(server->opts->ctx, server->client);
		return;
	}
	fprintf(stderr, "cal-rpcd: the one that serves goes on; ending\n");
	server->handed_over = true;
	server->exit_code = 1;
	server_end(server);
}

/* --- its beginning ---------------------------------------------------------------------------- */

static int
handles_init(struct server *server)
{
	int rc;

	rc = uv_loop_init(&server->loop);
	if (rc != 0) {
		return rc;
	}
	server->loop.data = server;
	uv_prepare_init(&server->loop, &server->prepare);
	uv_idle_init(&server->loop, &server->idle);
	uv_timer_init(&server->loop, &server->deadline);
	uv_timer_init(&server->loop, &server->orphan);
	uv_timer_init(&server->loop, &server->accept_pause);
	uv_timer_init(&server->loop, &server->alive);
	uv_signal_init(&server->loop, &server->sigterm);
	uv_signal_init(&server->loop, &server->sigint);
	server->prepare.data = server->deadline.data = server->orphan.data = server;
	server->accept_pause.data = server->sigterm.data = server->sigint.data = server;
	if (systemd_is_open()) {
		uv_timer_start(&server->alive, tell_alive, 0, (uint64_t)systemd_interval_ms());
	}
	rc = nap_init(&server->nap, &server->loop);
	if (rc == 0) {
		rc = uv_poll_init(&server->loop, &server->link, cal_client_fd(server->client));
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

static int
server_init(struct server *server, const struct server_opts *opts)
{
	int rc;

	memset(server, 0, sizeof(*server));
	server->opts = opts;
	TAILQ_INIT(&server->conns);
	TAILQ_INIT(&server->dirty);
	TAILQ_INIT(&server->hungry);
	server->client = opts->client;
	server->primary_pidfd =
		opts->primary_pid > 0 ? (int)syscall(SYS_pidfd_open, opts->primary_pid, 0) : -1;
	rc = handles_init(server);
	if (rc == 0 && opts->unix_fd >= 0) {
		rc = accept_add(server, opts->unix_fd, false);
	}
	if (rc == 0 && opts->tcp_fd >= 0) {
		rc = accept_add(server, opts->tcp_fd, true);
	}
	if (rc == 0 && opts->takeover != NULL) {
		rc = takeover_start(opts->takeover, server, takeover_done);
	}
	return rc;
}

int
server_run(const struct server_opts *opts, bool *handed_over)
{
	struct server *server = &g_server;
	sigset_t signals;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	/* The kernel's to one that is stopped when its primary dies. */
	signal(SIGHUP, SIG_IGN);
	*handed_over = false;
	rc = server_init(server, opts);
	if (rc != 0) {
		fprintf(stderr, "cal-rpcd: cannot serve: %s\n", uv_strerror(rc));
		*handed_over = opts->takeover != NULL; /* the names are the other one's */
		return 1;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	if (opts->takeover == NULL) {
		accept_start(server);
		opts->ready(opts->ctx, server->client);
	}
	uv_run(&server->loop, UV_RUN_DEFAULT);
	*handed_over = server->handed_over;
	if (!server->handed_over) {
		opts->gone(opts->ctx);
	}
	/* The calls that are still under way are told, and free what they hold. */
	if (server->client != NULL) {
		cal_client_close(server->client);
	}
	uv_loop_close(&server->loop);
	if (server->primary_pidfd >= 0) {
		close(server->primary_pidfd);
	}
	return server->exit_code;
}
