/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Everything to a successor, which has called cal_rpcd_handover on our own socket: at first the
 * lock and the listening sockets, then each connection once nothing is under way for it, with what
 * was read of it and not yet used and what it has not taken yet. The successor touches none of them
 * until it has said that it has them all, and we have said that it may serve; then we end. Until
 * that word we keep what was sent: if the successor dies, or is stuck, all of it is ours again.
 *
 * A call that takes longer than RPCD_GRACE_MS is answered with an error, so that its connection can
 * go, too. */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a successor may take to say that it has it all. */
#define ACK_MS 1000

struct handover {
	struct server *server;
	int fd;
	uv_poll_t poll;
	uv_timer_t limit;
	unsigned handles;
	struct frames_out frames;
	struct frames_out sent; /* kept until the successor may serve */
	bool last_queued;
	bool failed;
};

/* --- the method ------------------------------------------------------------------------------- */

struct request_params {
	int version, primary_pid;
	bool take;
};

static bool
params_read(struct json_object *object, struct request_params *params)
{
	struct json_object *version, *pid, *take;

	if (!json_object_object_get_ex(object, "version", &version) ||
	    !json_object_is_type(version, json_type_int)) {
		return false;
	}
	params->version = json_object_get_int(version);
	params->primary_pid = 0;
	params->take = false;
	if (json_object_object_get_ex(object, "primary_pid", &pid)) {
		params->primary_pid = json_object_get_int(pid);
	}
	if (json_object_object_get_ex(object, "take", &take)) {
		params->take = json_object_get_boolean(take);
	}
	return true;
}

static bool
may_hand_over_to(const struct conn *conn)
{
	uv_os_fd_t fd;

	return uv_fileno(&conn->u.handle, &fd) == 0 && handover_peer_is_ours(fd);
}

/* Returns 0, or the code of an error with its message. */
static int
refusal(const struct conn *conn, struct json_object *object, struct request_params *params,
        char *message, size_t size)
{
	struct server *server = conn->server;

	if (!may_hand_over_to(conn)) {
		snprintf(message, size, "only root and user %u may take this socket over",
		         geteuid());
		return -EACCES;
	}
	if (!json_object_is_type(object, json_type_object) || !params_read(object, params)) {
		snprintf(message, size, HANDOVER_METHOD ": a version is needed");
		return RPC_INVALID_PARAMS;
	}
	if (params->version != HANDOVER_VERSION) {
		snprintf(message, size,
		         "this cal-rpcd hands over by version %d, not by version %d: wait for its "
		         "end",
		         HANDOVER_VERSION, params->version);
		return -EPROTONOSUPPORT;
	}
	if (server->stopping || server->handover != NULL || server->opts->socket == NULL ||
	    server->opts->unix_fd < 0) {
		snprintf(message, size, "this cal-rpcd is ending, or being taken over: try again");
		return -EAGAIN;
	}
	if (!server_primary_is_dead(server) &&
	    params->primary_pid != (int)server->opts->primary_pid) {
		snprintf(message, size, "this cal-rpcd serves the primary of pid %d, which lives",
		         (int)server->opts->primary_pid);
		return -EBUSY;
	}
	return 0;
}

int
handover_request(struct reply *reply, const char *id, size_t id_len, struct json_object *object)
{
	struct conn *conn = reply->conn;
	struct server *server = conn->server;
	struct request_params params = { 0 };
	char message[128], result[32];
	int code;

	code = refusal(conn, object, &params, message, sizeof(message));
	if (code == -EPROTONOSUPPORT && server_primary_is_dead(server) && !server->stopping) {
		/* There is nothing that it could serve: out of the other one's way. */
		fprintf(stderr, "cal-rpcd: one of another version is to serve here: ending\n");
		server_stop(server, 0, RPCD_GRACE_MS);
	}
	if (code != 0) {
		return reply_error(reply, id, id_len, code, message, strlen(message));
	}
	conn->takes_us = params.take;
	snprintf(result, sizeof(result), "{\"version\":%d}", HANDOVER_VERSION);
	return reply_json(reply, id, id_len, result);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void
frame_queue(struct handover *handover, struct frame_out *frame)
{
	if (frame == NULL) {
		handover->failed = true;
	} else {
		STAILQ_INSERT_TAIL(&handover->frames, frame, link);
	}
}

/* --- its end ---------------------------------------------------------------------------------- */

static void
handover_handle_closed(uv_handle_t *handle)
{
	struct handover *handover = handle->data;

	if (--handover->handles == 0) {
		close(handover->fd);
		free(handover);
	}
}

void
handover_end(struct server *server)
{
	struct handover *handover = server->handover;

	if (handover == NULL) {
		return;
	}
	server->handover = NULL;
	frames_free(&handover->sent);
	frames_free(&handover->frames);
	uv_close((uv_handle_t *)&handover->poll, handover_handle_closed);
	uv_close((uv_handle_t *)&handover->limit, handover_handle_closed);
}

void
handover_adopt(struct server *server, const struct handover_frame *head, const char *bytes, int fd)
{
	bool is_tcp = (head->flags & HANDOVER_TCP) != 0;
	struct conn *conn;

	if ((head->flags & ~(uint32_t)HANDOVER_TCP) == 0 && head->in_len + head->out_len == 0) {
		accept_take(server, fd, is_tcp);
		return;
	}
	if (conn_open(server, fd, is_tcp, &conn) != 0) {
		return; /* closed: its client sees it */
	}
	conn->eof = (head->flags & HANDOVER_EOF) != 0;
	conn->refused = (head->flags & HANDOVER_REFUSED) != 0;
	if (conn_adopt(conn, bytes, head->in_len, bytes + head->in_len, head->out_len) != 0) {
		conn_close(conn);
	} else if ((head->flags & HANDOVER_SHUT) != 0) {
		conn_linger_on(conn);
	}
}

/* A connection that the successor may not serve is ours again. */
static void
take_back(struct server *server, struct frame_out *frame)
{
	const struct handover_frame *head = frame_head(frame);

	if (head->type == HANDOVER_CONN) {
		frame->own_fds = false;
		handover_adopt(server, head, frame->text.data + sizeof(*head), frame->fds[0]);
	}
}

/* The successor is gone, or good for nothing: go on serving. */
static void
handover_fail(struct server *server, const char *why)
{
	struct handover *handover = server->handover;
	struct frames_out frames = STAILQ_HEAD_INITIALIZER(frames);
	struct frame_out *frame;
	struct conn *conn;
	unsigned i;

	fprintf(stderr, "cal-rpcd: not taken over (%s): going on\n", why);
	/* First, so that the successor never serves what we go on to use, though we die. */
	handover_mark(server->listeners[0].fd);
	STAILQ_CONCAT(&frames, &handover->sent);
	STAILQ_CONCAT(&frames, &handover->frames);
	handover_end(server);
	while ((frame = STAILQ_FIRST(&frames)) != NULL) {
		STAILQ_REMOVE_HEAD(&frames, link);
		take_back(server, frame);
		frame_free(frame);
	}
	TAILQ_FOREACH (conn, &server->conns, link) {
		server_mark_dirty(conn);
	}
	if (server->stop_asked) {
		server_stop(server, 0, RPCD_GRACE_MS);
		return;
	}
	/* Those who knock see who listened last: not the successor's pid. */
	for (i = 0; i < server->num_listeners; i++) {
		(void)listen(server->listeners[i].fd, RPCD_BACKLOG);
	}
	accept_start(server);
	accept_resume(server);
}

/* --- its course ------------------------------------------------------------------------------- */

void
handover_conn(struct conn *conn)
{
	struct handover *handover = conn->server->handover;
	uint32_t flags = (conn->is_tcp ? HANDOVER_TCP : 0) | (conn->eof ? HANDOVER_EOF : 0) |
	                 (conn->refused ? HANDOVER_REFUSED : 0) | (conn->shut ? HANDOVER_SHUT : 0);
	struct frame_out *frame = NULL;
	uv_os_fd_t uv_fd;
	size_t before;
	int fd = -1, rc;

	if (conn->eof && conn->in_len == 0 && conn_is_quiet(conn)) {
		conn_close(conn);
		return;
	}
	if (uv_fileno(&conn->u.handle, &uv_fd) == 0) {
		fd = fcntl(uv_fd, F_DUPFD_CLOEXEC, 3);
	}
	if (fd >= 0) {
		frame = frame_new(HANDOVER_CONN, flags, &fd, 1);
	}
	if (frame == NULL) {
		fprintf(stderr, "cal-rpcd: a connection could not be handed over: %s\n",
		        strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		conn_close(conn);
		return;
	}
	frame->own_fds = true;
	rc = cal_text_append(&frame->text, conn->in, conn->in_len);
	before = frame->text.len;
	if (rc == 0) {
		rc = conn_take_output(conn, &frame->text);
	}
	if (rc != 0) {
		frame_free(frame); /* out of memory: the connection ends */
		conn_close(conn);
		return;
	}
	frame_head(frame)->in_len = (uint32_t)conn->in_len;
	frame_head(frame)->out_len = (uint32_t)(frame->text.len - before);
	frame_queue(handover, frame);
	conn_close(conn);
}

static void
queue_last(struct handover *handover)
{
	struct server *server = handover->server;
	struct frame_out *frame;
	unsigned i;

	for (i = 0; i < server->num_parked; i++) {
		frame = frame_new(HANDOVER_CONN, server->parked_tcp[i] ? HANDOVER_TCP : 0,
		                  &server->parked[i], 1);
		if (frame == NULL) {
			close(server->parked[i]);
			continue;
		}
		frame->own_fds = true;
		frame_queue(handover, frame);
	}
	server->num_parked = 0;
	frame_queue(handover, frame_new(HANDOVER_DONE, 0, NULL, 0));
	handover->last_queued = true;
	uv_timer_stop(&handover->limit);
}

static void on_successor(uv_poll_t *poll, int status, int events);
static void ack_over(uv_timer_t *timer);

void
handover_go_on(struct server *server)
{
	struct handover *handover = server->handover;
	int rc;

	if (server->stopping) {
		return;
	}
	if (TAILQ_EMPTY(&server->conns) && !handover->last_queued) {
		queue_last(handover);
		uv_timer_start(&handover->limit, ack_over, ACK_MS, 0);
	}
	rc = frames_send(handover->fd, &handover->frames, &handover->sent);
	if (rc != 0 || handover->failed) {
		handover_fail(server, handover->failed ? "out of memory" : strerror(-rc));
		return;
	}
	uv_poll_start(&handover->poll,
	              UV_READABLE | (STAILQ_EMPTY(&handover->frames) ? 0 : UV_WRITABLE),
	              on_successor);
}

static void
on_successor(uv_poll_t *poll, int status, int events)
{
	struct handover *handover = poll->data;
	struct server *server = handover->server;
	const char go = HANDOVER_GO;
	ssize_t n;
	char ack;

	if (status == 0 && (events & UV_READABLE) == 0) {
		return; /* writable: the prepare hook is next */
	}
	n = recv(handover->fd, &ack, 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (server->stopping) {
		uv_poll_stop(poll); /* all of it ends with us */
	} else if (n == 1 && ack == HANDOVER_ACK && handover->last_queued &&
	           send(handover->fd, &go, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
		server->handed_over = true;
		server_end(server);
	} else {
		handover_fail(server, "the successor has ended");
	}
}

static void
ack_over(uv_timer_t *timer)
{
	struct handover *handover = timer->data;

	if (!handover->server->stopping) {
		handover_fail(handover->server, "the successor does not answer");
	}
}

void
handover_hurry(struct server *server)
{
	struct conn *conn;

	TAILQ_FOREACH (conn, &server->conns, link) {
		calls_abandon(conn,
		              "The RPC service is being replaced, and this request took too long; "
		              "its outcome is unknown");
		server_mark_dirty(conn);
	}
}

static void
patience_over(uv_timer_t *timer)
{
	struct handover *handover = timer->data;

	handover_hurry(handover->server);
}

void
handover_begin(struct conn *conn)
{
	struct server *server = conn->server;
	int fds[HANDOVER_MAX_FDS] = { server->opts->socket->lock_fd };
	struct handover *handover = calloc(1, sizeof(*handover));
	uv_os_fd_t uv_fd;
	unsigned i;

	conn->takes_us = false;
	if (handover == NULL || uv_fileno(&conn->u.handle, &uv_fd) != 0) {
		free(handover);
		conn_close(conn);
		return;
	}
	handover->fd = fcntl(uv_fd, F_DUPFD_CLOEXEC, 3);
	conn_close(conn);
	if (handover->fd < 0 || uv_poll_init(&server->loop, &handover->poll, handover->fd) != 0) {
		if (handover->fd >= 0) {
			close(handover->fd);
		}
		free(handover);
		return;
	}
	uv_timer_init(&server->loop, &handover->limit);
	handover->poll.data = handover->limit.data = handover;
	handover->handles = 2;
	handover->server = server;
	STAILQ_INIT(&handover->frames);
	STAILQ_INIT(&handover->sent);
	server->handover = handover;
	accept_stop(server);
	uv_timer_stop(&server->accept_pause);
	for (i = 0; i < server->num_listeners; i++) {
		fds[1 + i] = server->listeners[i].fd;
	}
	frame_queue(handover, frame_new(HANDOVER_BEGIN,
	                                (server->num_listeners > 1 ? HANDOVER_TCP : 0) |
	                                        handover_marks(fds[1]) << HANDOVER_MARKS,
	                                fds, 1 + server->num_listeners));
	TAILQ_FOREACH (conn, &server->conns, link) {
		server_mark_dirty(conn);
	}
	uv_timer_start(&handover->limit, patience_over, RPCD_GRACE_MS, 0);
}
