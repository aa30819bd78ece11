/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_CHUNK 4096u

size_t
conn_output_size(const struct conn *conn)
{
	return conn->out.len + uv_stream_get_write_queue_size(&conn->u.stream);
}

bool
conn_is_quiet(const struct conn *conn)
{
	return conn->num_replies == 0 && conn_output_size(conn) == 0;
}

/* --- its end ---------------------------------------------------------------------------------- */

static void
conn_handle_closed(uv_handle_t *handle)
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
	accept_resume(server);
}

void
conn_close(struct conn *conn)
{
	struct server *server = conn->server;

	if (conn->closing) {
		return;
	}
	conn->closing = true;
	if (conn->dirty) {
		TAILQ_REMOVE(&server->dirty, conn, dirty_link);
		conn->dirty = false;
	}
	if (conn->hungry) {
		TAILQ_REMOVE(&server->hungry, conn, hungry_link);
		conn->hungry = false;
	}
	TAILQ_REMOVE(&server->conns, conn, link);
	server->num_conns--;
	calls_forget(conn);
	uv_close((uv_handle_t *)&conn->linger, conn_handle_closed);
	uv_close(&conn->u.handle, conn_handle_closed);
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
	if (req == NULL || uv_shutdown(req, &conn->u.stream, shutdown_done) != 0) {
		free(req);
		conn_close(conn);
		return;
	}
	uv_timer_start(&conn->linger, linger_over, RPCD_GRACE_MS, 0);
}

void
conn_linger_on(struct conn *conn)
{
	conn->refused = conn->shut = true;
	uv_timer_start(&conn->linger, linger_over, RPCD_GRACE_MS, 0);
}

/* --- output ----------------------------------------------------------------------------------- */

static void
write_done(uv_write_t *req, int status)
{
	struct conn_write *write = req->data;
	struct conn *conn = write->conn;

	STAILQ_REMOVE(&conn->writes, write, conn_write, link);
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
	uv_stream_t *stream = &conn->u.stream;
	struct conn_write *write;
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
		/* No write is left to say later that there is room again. */
		if (!TAILQ_EMPTY(&conn->waiting)) {
			server_mark_dirty(conn);
		}
		return 0;
	}
	write = malloc(sizeof(*write));
	if (write == NULL) {
		return -ENOMEM;
	}
	write->conn = conn;
	write->req.data = write;
	write->text = conn->out;
	memset(&conn->out, 0, sizeof(conn->out));
	buf = uv_buf_init(write->text.data + rc, (unsigned)(write->text.len - (size_t)rc));
	rc = uv_write(&write->req, stream, &buf, 1, write_done);
	if (rc != 0) {
		cal_text_free(&write->text);
		free(write);
		return rc;
	}
	STAILQ_INSERT_TAIL(&conn->writes, write, link);
	return 0;
}

int
conn_take_output(struct conn *conn, struct cal_text *text)
{
	size_t left = uv_stream_get_write_queue_size(&conn->u.stream), all = 0, skip, have;
	struct conn_write *write;
	int rc = 0;

	/* What libuv has not written is the end of what it was given. */
	STAILQ_FOREACH (write, &conn->writes, link) {
		all += write->text.len;
	}
	skip = all - left;
	STAILQ_FOREACH (write, &conn->writes, link) {
		have = write->text.len;
		if (rc == 0 && skip < have) {
			rc = cal_text_append(text, write->text.data + skip, have - skip);
		}
		skip -= skip < have ? skip : have;
	}
	return rc == 0 && conn->out.len > 0 ? cal_text_append(text, conn->out.data, conn->out.len)
	                                    : rc;
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
	unsigned turn = RPCD_TURN;
	size_t offset = 0, end;

	conn->held = false;
	while (!conn->refused && !conn->takes_us && offset < conn->in_len) {
		conn->held = calls_must_wait(conn) || turn == 0;
		if (conn->held) {
			break;
		}
		turn--;
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
		if (conn->server->handover == NULL) {
			conn_parse(conn);
		}
	}
	server_mark_dirty(conn);
}

void
conn_read_stop(struct conn *conn)
{
	if (conn->reading) {
		uv_read_stop(&conn->u.stream);
		conn->reading = false;
	}
}

static void
conn_read_start(struct conn *conn)
{
	if (!conn->reading && uv_read_start(&conn->u.stream, read_alloc, read_done) == 0) {
		conn->reading = true;
	}
}

/* Read on, or not. */
static void
conn_read_on(struct conn *conn)
{
	if (conn->eof || (!conn->refused && (conn->held || calls_must_wait(conn)))) {
		conn_read_stop(conn);
	} else {
		conn_read_start(conn);
	}
}

void
conn_service(struct conn *conn)
{
	struct server *server = conn->server;

	if (conn->closing) {
		return;
	}
	calls_pump(conn);
	if (server->handover != NULL && !server->stopping) {
		conn_read_stop(conn);
		if (conn_flush(conn) != 0) {
			conn_close(conn);
		} else if (conn->num_replies == 0) {
			handover_conn(conn);
		}
		return;
	}
	if (conn->in_len > 0 && !server->stopping) {
		conn_parse(conn);
	}
	if (conn_flush(conn) != 0) {
		conn_close(conn);
		return;
	}
	if (server->stopping) {
		conn_read_stop(conn);
		return;
	}
	if (conn->takes_us && conn_is_quiet(conn)) {
		handover_begin(conn);
		return;
	}
	if (conn->held && !calls_must_wait(conn)) {
		server_mark_dirty(conn); /* it has more to say, when it is its turn again */
	} else if (conn->eof) {
		if (conn_is_quiet(conn)) {
			conn_close(conn);
			return;
		}
	} else if (conn->refused && !conn->shut && conn->num_replies == 0) {
		conn_linger(conn);
		if (conn->closing) {
			return;
		}
	}
	conn_read_on(conn);
}

/* --- its beginning ---------------------------------------------------------------------------- */

int
conn_open(struct server *server, int fd, bool is_tcp, struct conn **out)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	int rc;

	if (conn == NULL) {
		close(fd);
		return -ENOMEM;
	}
	conn->server = server;
	conn->is_tcp = is_tcp;
	TAILQ_INIT(&conn->replies);
	TAILQ_INIT(&conn->waiting);
	TAILQ_INIT(&conn->sent);
	STAILQ_INIT(&conn->writes);
	cal_json_scan_init(&conn->scan, frame_note, &conn->notes);
	conn->scan.max_values = RPCD_MAX_VALUES;
	conn->scan.nul_names = true; /* params are packed out of the text, not by json-c */
	uv_timer_init(&server->loop, &conn->linger);
	if (is_tcp) {
		uv_tcp_init(&server->loop, &conn->u.tcp);
	} else {
		uv_pipe_init(&server->loop, &conn->u.pipe, 0);
	}
	conn->linger.data = conn->u.handle.data = conn;
	conn->handles = 2;
	TAILQ_INSERT_TAIL(&server->conns, conn, link);
	server->num_conns++;
	rc = is_tcp ? uv_tcp_open(&conn->u.tcp, fd) : uv_pipe_open(&conn->u.pipe, fd);
	if (rc != 0) {
		close(fd);
		conn_close(conn);
		return rc;
	}
	if (is_tcp) {
		/* Answers are small, and what is written is all there is to write. */
		uv_tcp_nodelay(&conn->u.tcp, 1);
		uv_tcp_keepalive(&conn->u.tcp, 1, RPCD_KEEPALIVE_S);
	}
	conn_read_start(conn);
	if (out != NULL) {
		*out = conn;
	}
	return 0;
}

int
conn_adopt(struct conn *conn, const char *in, size_t in_len, const char *out, size_t out_len)
{
	int rc = out_len > 0 ? cal_text_append(&conn->out, out, out_len) : 0;

	if (rc == 0 && in_len > 0) {
		conn->in_cap = in_len + READ_CHUNK;
		conn->in = malloc(conn->in_cap);
		if (conn->in == NULL) {
			return -ENOMEM;
		}
		memcpy(conn->in, in, in_len);
		conn->in_len = in_len;
	}
	server_mark_dirty(conn);
	return rc;
}
