/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_CHUNK 4096u

/* Output that the socket did not take at once. */
struct write {
	uv_write_t req;
	struct cal_text text;
};

static size_t
output_size(const struct conn *conn)
{
	return conn->out.len + uv_stream_get_write_queue_size((const uv_stream_t *)&conn->pipe);
}

static bool
must_wait(const struct conn *conn)
{
	return output_size(conn) > RPCD_MAX_OUTPUT || conn->num_replies >= RPCD_MAX_REPLIES ||
	       conn->num_calls >= RPCD_MAX_CALLS;
}

bool
conn_is_quiet(const struct conn *conn)
{
	return conn->num_replies == 0 && output_size(conn) == 0;
}

/* --- its end ---------------------------------------------------------------------------------- */

static void
handle_closed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;
	struct server *server = conn->server;

	if (--conn->handles > 0) {
		return;
	}
	cal_json_scan_free(&conn->scan);
	cal_text_free(&conn->out);
	free(conn->notes.notes);
	free(conn->in);
	free(conn);
	server_conn_freed(server);
}

void
conn_close(struct conn *conn)
{
	struct server *server = conn->server;
	struct reply *reply;

	if (conn->closing) {
		return;
	}
	conn->closing = true;
	if (conn->dirty) {
		TAILQ_REMOVE(&server->dirty, conn, dirty_link);
		conn->dirty = false;
	}
	TAILQ_REMOVE(&server->conns, conn, link);
	/* What is under way for it completes into nothing. */
	while ((reply = TAILQ_FIRST(&conn->replies)) != NULL) {
		TAILQ_REMOVE(&conn->replies, reply, link);
		reply->conn = NULL;
	}
	conn->num_replies = 0;
	uv_close((uv_handle_t *)&conn->linger, handle_closed);
	uv_close((uv_handle_t *)&conn->pipe, handle_closed);
}

static void
linger_over(uv_timer_t *timer)
{
	conn_close(timer->data);
}

static void
shutdown_done(uv_shutdown_t *req, int status)
{
	struct conn *conn = req->handle->data;

	free(req);
	if (status != 0 && !conn->closing) {
		conn_close(conn);
	}
}

/* Closing at once would reset a client that is still writing, and it would never read why. So only
 * our end is closed; the rest of what it sends is dropped until it closes its own, or too long. */
static void
conn_linger(struct conn *conn)
{
	uv_shutdown_t *req = malloc(sizeof(*req));

	conn->shut = true;
	if (req == NULL || uv_shutdown(req, (uv_stream_t *)&conn->pipe, shutdown_done) != 0) {
		free(req);
		conn_close(conn);
		return;
	}
	uv_timer_start(&conn->linger, linger_over, RPCD_GRACE_MS, 0);
}

/* --- output ----------------------------------------------------------------------------------- */

static void
write_done(uv_write_t *req, int status)
{
	struct write *write = (struct write *)req;
	struct conn *conn = req->handle->data;

	cal_text_free(&write->text);
	free(write);
	if (conn->closing) {
		return;
	}
	if (status != 0) {
		conn_close(conn);
	} else {
		server_mark_dirty(conn);
	}
}

/* Returns 0 or a negative errno: the connection is of no use any more. */
static int
conn_flush(struct conn *conn)
{
	uv_stream_t *stream = (uv_stream_t *)&conn->pipe;
	struct write *write;
	uv_buf_t buf;
	int rc;

	if (conn->out.len == 0) {
		return 0;
	}
	buf = uv_buf_init(conn->out.data, (unsigned)conn->out.len);
	rc = uv_try_write(stream, &buf, 1);
	if (rc < 0 && rc != UV_EAGAIN) {
		return rc;
	}
	rc = rc < 0 ? 0 : rc;
	if ((size_t)rc == conn->out.len) {
		conn->out.len = 0;
		if (conn->out.cap > RPCD_MAX_OUTPUT) { /* a rare long answer is not kept for ever */
			cal_text_free(&conn->out);
		}
		return 0;
	}
	write = malloc(sizeof(*write));
	if (write == NULL) {
		return -ENOMEM;
	}
	write->text = conn->out;
	memset(&conn->out, 0, sizeof(conn->out));
	buf = uv_buf_init(write->text.data + rc, (unsigned)(write->text.len - (size_t)rc));
	rc = uv_write(&write->req, stream, &buf, 1, write_done);
	if (rc != 0) {
		cal_text_free(&write->text);
		free(write);
	}
	return rc;
}

/* --- input ------------------------------------------------------------------------------------ */

static void
refuse(struct conn *conn, int code, const char *message)
{
	frame_refuse(conn, code, message);
	conn->refused = true;
	conn->in_len = 0;
}

/* The next value is at `offset`. Returns 1 when one was handled (*end is the offset after it), 0
 * when more bytes are needed, and refuses what is wrong. */
static int
next_frame(struct conn *conn, size_t offset, size_t *end)
{
	const char *text = conn->in + offset;
	size_t len = conn->in_len - offset, used;
	int rc;

	conn->notes.text = text;
	rc = cal_json_scan(&conn->scan, text, len, conn->eof, &used);
	*end = offset + used;
	if ((rc == 1 ? used : len) > RPCD_MAX_REQUEST && rc >= 0 && (rc == 1 || used == 0)) {
		refuse(conn, RPC_INVALID_REQUEST, "The request is longer than 262144 bytes");
		return 0;
	}
	if (rc == 1) {
		rc = frame_handle(conn, text, used);
		rc = rc == 0 ? 1 : rc;
	}
	switch (rc) {
	case 1:
	case 0:
		if (*end > offset) { /* a value, or white space before one */
			cal_json_scan_reset(&conn->scan);
			frame_notes_reset(&conn->notes);
		}
		return rc;
	case -E2BIG:
		refuse(conn, RPC_INVALID_REQUEST, "The request has more than 8192 JSON values");
		return 0;
	case -EBADMSG:
		refuse(conn, RPC_PARSE_ERROR, "Parse error");
		return 0;
	default:
		refuse(conn, RPC_INTERNAL_ERROR, "Out of memory");
		return 0;
	}
}

static void
conn_parse(struct conn *conn)
{
	size_t offset = 0, end;

	conn->held = false;
	while (!conn->refused && offset < conn->in_len) {
		conn->held = must_wait(conn);
		if (conn->held) {
			break;
		}
		if (next_frame(conn, offset, &end) == 0) {
			offset = conn->refused ? 0 : end;
			break;
		}
		offset = end;
	}
	if (offset > 0 && offset <= conn->in_len) {
		memmove(conn->in, conn->in + offset, conn->in_len - offset);
		conn->in_len -= offset;
	}
}

static void
read_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *conn = handle->data;
	size_t want = conn->in_len + READ_CHUNK, cap;
	char *grown;

	if (conn->in_cap < want) {
		cap = conn->in_cap * 2 > want ? conn->in_cap * 2 : want;
		grown = realloc(conn->in, cap);
		if (grown == NULL) {
			*buf = uv_buf_init(NULL, 0);
			return;
		}
		conn->in = grown;
		conn->in_cap = cap;
	}
	*buf = uv_buf_init(conn->in + conn->in_len, (unsigned)(conn->in_cap - conn->in_len));
}

static void
read_done(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
	struct conn *conn = stream->data;

	if (nread == 0 || conn->closing) {
		return;
	}
	if (nread < 0 && nread != UV_EOF) {
		conn_close(conn);
		return;
	}
	if (nread == UV_EOF) {
		conn->eof = true;
		conn_read_stop(conn);
	} else if (!conn->refused) {
		conn->in_len += (size_t)nread;
		conn_parse(conn);
	}
	server_mark_dirty(conn);
}

void
conn_read_stop(struct conn *conn)
{
	if (conn->reading) {
		uv_read_stop((uv_stream_t *)&conn->pipe);
		conn->reading = false;
	}
}

static void
conn_read_start(struct conn *conn)
{
	if (!conn->reading &&
	    uv_read_start((uv_stream_t *)&conn->pipe, read_alloc, read_done) == 0) {
		conn->reading = true;
	}
}

void
conn_service(struct conn *conn)
{
	if (conn->closing) {
		return;
	}
	if (conn->in_len > 0 && !conn->server->stopping) {
		conn_parse(conn);
	}
	if (conn_flush(conn) != 0) {
		conn_close(conn);
		return;
	}
	if (conn->server->stopping) {
		conn_read_stop(conn);
		return;
	}
	if (conn->held && !must_wait(conn)) { /* the socket took it all: there is more to do */
		server_mark_dirty(conn);
		return;
	}
	if (conn->eof) {
		if (conn_is_quiet(conn)) {
			conn_close(conn);
		}
		return;
	}
	if (conn->refused && !conn->shut && conn->num_replies == 0) {
		conn_linger(conn);
		if (conn->closing) {
			return;
		}
	}
	if (!conn->refused && must_wait(conn)) {
		conn_read_stop(conn);
	} else {
		conn_read_start(conn);
	}
}

/* --- its beginning ---------------------------------------------------------------------------- */

int
conn_accept(struct server *server)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	int rc;

	if (conn == NULL) {
		return -ENOMEM;
	}
	conn->server = server;
	TAILQ_INIT(&conn->replies);
	cal_json_scan_init(&conn->scan, frame_note, &conn->notes);
	conn->scan.max_values = RPCD_MAX_VALUES;
	uv_timer_init(&server->loop, &conn->linger);
	uv_pipe_init(&server->loop, &conn->pipe, 0);
	conn->linger.data = conn->pipe.data = conn;
	conn->handles = 2;
	TAILQ_INSERT_TAIL(&server->conns, conn, link);
	server->num_conns++;
	rc = uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&conn->pipe);
	if (rc != 0) {
		conn_close(conn);
		return rc;
	}
	conn_read_start(conn);
	return 0;
}
