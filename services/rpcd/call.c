/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Calls to the primary, and the replies that their answers become.
 *
 * What a client is owed is memory of ours until it reads: its unsent output, batches that are not
 * complete, and the answers of the calls under way. The last is a guess (method_size); a call that
 * would go beyond RPCD_MAX_OUTPUT waits here, and its connection is not read meanwhile. So does one
 * that finds the link full: whoever has something to send gets a turn once there is room. */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One request on its way through the primary. */
struct call {
	TAILQ_ENTRY(call) link; /* of its connection's waiting or sent */
	struct reply *reply;    /* NULL: it was answered already, or nobody waits */
	struct server *server;
	bool sent;
	bool notification;
	uint64_t method_hash;
	size_t expected; /* bytes of its answer, as far as we know */
	/* Of one that waits: */
	char *method;
	void *params;
	size_t params_len;

	size_t id_len;
	char id[]; /* its text, "null" when there is none */
};

/* --- replies ---------------------------------------------------------------------------------- */

struct reply *
reply_new(struct conn *conn, bool batch)
{
	struct reply *reply = calloc(1, sizeof(*reply));

	if (reply != NULL) {
		reply->conn = conn;
		reply->server = conn->server;
		reply->batch = batch;
		reply->open = 1; /* ours, until the whole value has been looked at */
		TAILQ_INSERT_TAIL(&conn->replies, reply, link);
		conn->num_replies++;
	}
	return reply;
}

static void
reply_free(struct reply *reply)
{
	if (reply->conn != NULL) {
		TAILQ_REMOVE(&reply->conn->replies, reply, link);
		reply->conn->num_replies--;
	}
	cal_text_free(&reply->text);
	free(reply);
}

static int
text_move(struct cal_text *to, struct cal_text *from)
{
	int rc;

	if (to->len > 0) {
		rc = cal_text_append(to, from->data, from->len);
	} else {
		cal_text_free(to);
		*to = *from;
		memset(from, 0, sizeof(*from));
		rc = 0;
	}
	return rc;
}

void
reply_part_done(struct reply *reply)
{
	struct conn *conn = reply->conn;
	int rc = 0;

	if (--reply->open > 0) {
		return;
	}
	if (conn != NULL) {
		if (reply->batch) {
			conn->building -= reply->text.len;
		}
		if (reply->text.len > 0) {
			if (reply->batch) {
				rc = cal_text_append(&reply->text, "]", 1);
			}
			if (rc == 0) {
				rc = cal_text_append(&reply->text, "\n", 1);
			}
			if (rc == 0) {
				rc = text_move(&conn->out, &reply->text);
			}
			if (rc != 0) {
				conn->refused = true; /* out of memory: it gets no further */
			}
		}
		server_mark_dirty(conn);
	}
	reply_free(reply);
}

static int
reply_begin_object(struct reply *reply, const char *id, size_t id_len)
{
	int rc = 0;

	if (reply->batch) {
		rc = cal_text_append(&reply->text, reply->text.len == 0 ? "[" : ",", 1);
	}
	if (rc == 0) {
		rc = cal_text_append_cstr(&reply->text, "{\"jsonrpc\":\"2.0\",\"id\":");
	}
	return rc == 0 ? cal_text_append(&reply->text, id, id_len) : rc;
}

/* A part was added, or could not be: then nothing of it stays. */
static int
reply_end_part(struct reply *reply, size_t before, int rc)
{
	if (rc != 0) {
		reply->text.len = before;
	} else if (reply->batch && reply->conn != NULL) {
		reply->conn->building += reply->text.len - before;
	}
	return rc;
}

int
reply_error(struct reply *reply, const char *id, size_t id_len, int code, const char *message,
            size_t message_len)
{
	size_t before = reply->text.len;
	char head[64];
	int rc;

	snprintf(head, sizeof(head), ",\"error\":{\"code\":%d,\"message\":", code);
	rc = reply_begin_object(reply, id, id_len);
	if (rc == 0) {
		rc = cal_text_append_cstr(&reply->text, head);
	}
	if (rc == 0) {
		rc = cal_json_print_string(&reply->text, message, message_len);
	}
	if (rc == 0) {
		rc = cal_text_append(&reply->text, "}}", 2);
	}
	return reply_end_part(reply, before, rc);
}

int
reply_json(struct reply *reply, const char *id, size_t id_len, const char *json)
{
	size_t before = reply->text.len;
	int rc = reply_begin_object(reply, id, id_len);

	if (rc == 0) {
		rc = cal_text_append_cstr(&reply->text, ",\"result\":");
	}
	if (rc == 0) {
		rc = cal_text_append_cstr(&reply->text, json);
	}
	if (rc == 0) {
		rc = cal_text_append(&reply->text, "}", 1);
	}
	return reply_end_part(reply, before, rc);
}

static int
reply_result(struct reply *reply, const char *id, size_t id_len, const void *result, size_t len)
{
	static const char unreadable[] = "The primary's answer could not be read";
	size_t before = reply->text.len;
	int rc = reply_begin_object(reply, id, id_len);

	if (rc == 0) {
		rc = cal_text_append_cstr(&reply->text, ",\"result\":");
	}
	if (rc == 0) {
		rc = cal_json_print(&reply->text, result, len);
	}
	if (rc == 0) {
		rc = cal_text_append(&reply->text, "}", 1);
	}
	if (reply_end_part(reply, before, rc) != 0) {
		rc = reply_error(reply, id, id_len, RPC_INTERNAL_ERROR, unreadable,
		                 sizeof(unreadable) - 1);
	}
	return rc;
}

/* --- how long answers are --------------------------------------------------------------------- */

static uint64_t
method_hash(const char *method)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (; *method != '\0'; method++) {
		hash = (hash ^ (unsigned char)*method) * 1099511628211u;
	}
	return hash != 0 ? hash : 1;
}

/* The place of a method, or the free one where it belongs. */
static struct method_size *
method_find(struct server *server, uint64_t hash)
{
	size_t i = hash % RPCD_METHODS;

	while (server->methods[i].hash != 0 && server->methods[i].hash != hash) {
		i = (i + 1) % RPCD_METHODS;
	}
	return &server->methods[i];
}

static size_t
method_expects(struct server *server, uint64_t hash)
{
	const struct method_size *method = method_find(server, hash);

	return method->hash != 0 ? method->longest : RPCD_ANSWER_UNKNOWN;
}

static void
method_learn(struct server *server, uint64_t hash, size_t len)
{
	struct method_size *method = method_find(server, hash);

	if (method->hash == 0) {
		if (server->num_methods == RPCD_METHODS / 2) {
			return;
		}
		server->num_methods++;
		method->hash = hash;
		method->longest = RPCD_ANSWER_LEAST;
	}
	if (len > method->longest) {
		method->longest = len;
	}
}

/* --- calls ------------------------------------------------------------------------------------ */

static void
call_error(struct call *call, int code, const char *message)
{
	struct reply *reply = call->reply;

	if (reply != NULL && reply->conn != NULL &&
	    reply_error(reply, call->id, call->id_len, code, message, strlen(message)) != 0) {
		reply->conn->refused = true;
	}
}

static void
call_response(struct call *call, const struct cal_response *response)
{
	struct reply *reply = call->reply;
	size_t before = reply->text.len;
	struct codec_span message;
	int code, rc = 0;

	if (response->status != 0) {
		call_error(
			call, RPC_INTERNAL_ERROR,
			response->status == -ECONNRESET
				? "The primary process has ended; the outcome of this request is "
				  "unknown"
				: "The RPC service is stopping; the outcome of this request is "
				  "unknown");
	} else if (response->error_len > 0) {
		if (codec_parse_error(response->error, response->error_len, &code, &message) != 0) {
			call_error(call, RPC_INTERNAL_ERROR,
			           "The primary's error could not be read");
		} else {
			rc = reply_error(reply, call->id, call->id_len, code,
			                 (const char *)message.data, message.len);
		}
	} else if (!call->notification) {
		rc = reply_result(reply, call->id, call->id_len, response->result,
		                  response->result_len);
		method_learn(call->server, call->method_hash, reply->text.len - before);
	}
	if (rc != 0) {
		reply->conn->refused = true;
	}
}

static void
call_free(struct call *call)
{
	struct reply *reply = call->reply;
	struct conn *conn = reply != NULL ? reply->conn : NULL;

	if (conn != NULL) {
		if (call->sent) {
			TAILQ_REMOVE(&conn->sent, call, link);
			conn->expected -= call->expected;
		} else {
			TAILQ_REMOVE(&conn->waiting, call, link);
		}
		if (!TAILQ_EMPTY(&conn->waiting)) {
			server_mark_dirty(conn);
		}
	}
	if (reply != NULL) {
		reply_part_done(reply);
	}
	free(call->method);
	free(call->params);
	free(call);
}

static void
call_done(void *ctx, const struct cal_response *response)
{
	struct call *call = ctx;

	call->server->in_flight--;
	if (call->reply != NULL && call->reply->conn != NULL) {
		call_response(call, response);
	}
	call_free(call);
}

/* The call is on no list yet; it is freed when it cannot be sent. */
static void
call_send(struct call *call, const char *method, const void *params, size_t params_len)
{
	struct server *server = call->server;
	struct conn *conn = call->reply->conn;
	int rc = -ENOTCONN;

	call->sent = true;
	TAILQ_INSERT_TAIL(&conn->sent, call, link);
	conn->expected += call->expected;
	if (server->client != NULL) {
		rc = cal_client_send(server->client, method, params, params_len, call_done, call);
	}
	if (rc == 0) {
		server->in_flight++;
		server->spin_until = uv_hrtime() + RPCD_SPIN_NS;
		return;
	}
	call_error(call, RPC_INTERNAL_ERROR,
	           rc == -ENOTCONN   ? server_why(server)
	           : rc == -ENOBUFS  ? "Too many requests wait for the primary"
	           : rc == -EMSGSIZE ? "The request is too long for the primary"
	                             : "The request could not be sent to the primary");
	call_free(call);
}

/* Whether the link is full, or it is others' turn. */
static bool
must_queue(const struct conn *conn)
{
	const struct server *server = conn->server;

	return server->client != NULL &&
	       (cal_client_is_backlogged(server->client) ||
	        (!TAILQ_EMPTY(&server->hungry) && server->turn_of != conn));
}

/* May a call that is expected to answer with so much be sent? */
static bool
may_owe(const struct conn *conn, size_t expected)
{
	size_t owed = conn_output_size(conn);

	if (conn->server->client == NULL) {
		return true; /* it is answered at once */
	}
	if (must_queue(conn)) {
		return false;
	}
	return TAILQ_EMPTY(&conn->sent) ? owed <= RPCD_MAX_OUTPUT
	                                : owed + conn->expected + expected <= RPCD_MAX_OUTPUT;
}

static int
call_put_off(struct call *call, const char *method, const void *params, size_t params_len)
{
	struct conn *conn = call->reply->conn;

	call->method = strdup(method);
	call->params = params_len > 0 ? malloc(params_len) : NULL;
	if (call->method == NULL || (params_len > 0 && call->params == NULL)) {
		return -ENOMEM;
	}
	if (params_len > 0) {
		memcpy(call->params, params, params_len);
	}
	call->params_len = params_len;
	TAILQ_INSERT_TAIL(&conn->waiting, call, link);
	if (must_queue(conn)) {
		server_mark_hungry(conn);
	} /* … otherwise for an answer, or for the client to take one */
	return 0;
}

int
call_start(struct reply *reply, const char *id, size_t id_len, bool notification,
           const char *method, const void *params, size_t params_len)
{
	struct conn *conn = reply->conn;
	struct call *call = calloc(1, sizeof(*call) + id_len);
	int rc;

	if (call == NULL) {
		return -ENOMEM;
	}
	call->reply = reply;
	call->server = reply->server;
	call->notification = notification;
	call->method_hash = method_hash(method);
	call->expected = method_expects(call->server, call->method_hash);
	call->id_len = id_len;
	memcpy(call->id, id, id_len);
	reply->open++;
	if (TAILQ_EMPTY(&conn->waiting) && may_owe(conn, call->expected)) {
		call_send(call, method, params, params_len);
		return 0;
	}
	rc = call_put_off(call, method, params, params_len);
	if (rc != 0) {
		reply->open--;
		free(call->method);
		free(call->params);
		free(call);
	}
	return rc;
}

void
calls_pump(struct conn *conn)
{
	unsigned turn = RPCD_TURN;
	struct call *call, *next;

	for (call = TAILQ_FIRST(&conn->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->reply->batch && conn->building > RPCD_MAX_BATCH) {
			call_error(call, RPC_INTERNAL_ERROR,
			           "Not called: the answers of this batch are longer than 16777216 "
			           "bytes; ask for less at once");
			call_free(call);
			continue;
		}
		/* What it was thought to answer may have changed since. */
		call->expected = method_expects(conn->server, call->method_hash);
		if (!may_owe(conn, call->expected)) {
			if (must_queue(conn)) {
				server_mark_hungry(conn);
			}
			return;
		}
		if (turn-- == 0) {
			server_mark_dirty(conn);
			return;
		}
		TAILQ_REMOVE(&conn->waiting, call, link);
		call_send(call, call->method, call->params, call->params_len);
	}
}

bool
calls_must_wait(const struct conn *conn)
{
	return conn_output_size(conn) > RPCD_MAX_OUTPUT || conn->building > RPCD_MAX_OUTPUT ||
	       conn->num_replies >= RPCD_MAX_REPLIES || !TAILQ_EMPTY(&conn->waiting);
}

void
calls_abandon(struct conn *conn, const char *message)
{
	struct call *call, *next;
	struct reply *reply;

	for (call = TAILQ_FIRST(&conn->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		call_error(call, RPC_INTERNAL_ERROR, message);
		call_free(call);
	}
	for (call = TAILQ_FIRST(&conn->sent); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		call_error(call, RPC_INTERNAL_ERROR, message);
		TAILQ_REMOVE(&conn->sent, call, link);
		conn->expected -= call->expected;
		reply = call->reply;
		call->reply = NULL;
		reply_part_done(reply);
	}
}

void
calls_forget(struct conn *conn)
{
	struct call *call, *next;
	struct reply *reply;

	for (call = TAILQ_FIRST(&conn->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		call_free(call);
	}
	while ((call = TAILQ_FIRST(&conn->sent)) != NULL) {
		TAILQ_REMOVE(&conn->sent, call, link);
	}
	while ((reply = TAILQ_FIRST(&conn->replies)) != NULL) {
		TAILQ_REMOVE(&conn->replies, reply, link);
		reply->conn = NULL;
	}
	conn->num_replies = 0;
}
