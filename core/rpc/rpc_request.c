/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* One request from its bytes to its answer. Everything that a handler may keep until it answers
 * (params and their text) is copied into the request's one allocation: the message itself is gone
 * when the next one is received. */

#include <stdarg.h>

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#include "core/rpc/rpc_internal.h"

static const char g_unknown[] = "(unknown method)";
static rpc_answer_fn g_answer_hook;

void
rpc_conn_unref(struct spdk_jsonrpc_server_conn *conn)
{
	if (--conn->refs == 0) {
		free(conn);
	}
}

/* --- from bytes to a handler ------------------------------------------------------------------ */

static struct spdk_jsonrpc_request *
request_create(struct spdk_jsonrpc_server_conn *conn, const struct codec_envelope *env,
               const struct json_values_size *size)
{
	size_t bytes = sizeof(struct spdk_jsonrpc_request) +
	               size->num_values * sizeof(struct spdk_json_val) + size->text;
	struct spdk_jsonrpc_request *req;

	req = malloc(bytes);
	if (req == NULL) {
		return NULL;
	}
	req->conn = conn;
	req->bytes = bytes;
	req->method = NULL;
	req->id = env->id;
	req->notification = env->type == CODEC_NOTIFICATION;
	req->failed = false;
	req->local_fn = NULL;
	codec_buf_init_chain(&req->buf);
	conn->refs++;
	conn->outstanding++;
	conn->outstanding_bytes += bytes;
	return req;
}

static void
request_free(struct spdk_jsonrpc_request *req)
{
	struct spdk_jsonrpc_server_conn *conn = req->conn;
	bool was_enough = rpc_conn_is_full(conn);

	conn->outstanding--;
	conn->outstanding_bytes -= req->bytes;
	codec_buf_free(&req->buf);
	free(req);
	if (was_enough && !rpc_conn_is_full(conn)) {
		rpc_conn_may_ask_again();
	}
	rpc_conn_unref(conn);
}

static void
call_method(struct spdk_jsonrpc_request *req, const char *name, size_t len,
            const struct spdk_json_val *params)
{
	const struct rpc_caller *caller = &req->conn->caller;
	struct rpc_method *m;
	const char *refused;

	m = rpc_method_find(caller, name, len);
	if (m == NULL) {
		spdk_jsonrpc_send_error_response(req, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND,
		                                 "Method not found");
		return;
	}
	req->method = m;
	if (m->target != NULL && !m->warned) {
		m->warned = true;
		SPDK_WARNLOG("RPC method %s is deprecated: use %s\n", m->name, m->target->name);
	}
	refused = rpc_method_refused(caller, m);
	if (refused != NULL) {
		spdk_jsonrpc_send_error_response(req, SPDK_JSONRPC_ERROR_INVALID_STATE, refused);
		return;
	}
	/* What a decoder refuses in this handler goes into this request's error. */
	json_note_collect(req);
	m->func(req, params);
	json_note_collect(NULL);
}

void
rpc_request_pass_on(struct spdk_jsonrpc_request *req, const char *method,
                    const struct spdk_json_val *params)
{
	call_method(req, method, strlen(method), params);
}

/* Whether params are what JSON-RPC allows: nothing, an object or an array. */
static bool
params_are_structured(const struct codec_span *params)
{
	struct codec_cursor cur;
	enum codec_kind kind;

	codec_cursor_init(&cur, params->data, params->len);
	kind = codec_next(&cur).kind;
	return kind == CODEC_NIL || kind == CODEC_MAP || kind == CODEC_ARRAY;
}

/* A monitor has another link as soon as it likes: as many lines of all of them in ten seconds. */
static bool
monitors_may_log(void)
{
	static uint64_t since;
	static unsigned lines;
	uint64_t now = spdk_get_ticks();

	if (lines == 0 || now - since >= 10 * spdk_get_ticks_hz()) {
		since = now;
		lines = 0;
	}
	return lines < RPC_MAX_LOGGED_REFUSALS && ++lines != 0;
}

/* Once for each of a link's first ones: a peer that sends nothing else shall not fill the log, and
 * the name is its own choice. */
static void
log_refusal(struct spdk_jsonrpc_server_conn *conn, const struct codec_envelope *env,
            const char *message)
{
	const char *name = (const char *)env->method.data;
	char printable[65];
	size_t i;

	if (conn->logged_refusals >= RPC_MAX_LOGGED_REFUSALS ||
	    (conn->caller.role == GATE_ROLE_MONITOR && !monitors_may_log())) {
		return;
	}
	conn->logged_refusals++;
	for (i = 0; i < env->method.len && i < sizeof(printable) - 1; i++) {
		printable[i] = name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?';
	}
	printable[i] = '\0';
	SPDK_ERRLOG("RPC request %s of %s (pid %d) refused: %s%s\n", printable, conn->name,
	            (int)conn->pid, message,
	            conn->logged_refusals == RPC_MAX_LOGGED_REFUSALS
	                    ? " (further ones of it are not logged)"
	                    : "");
}

/* An answer for which there is no request object. */
static void
answer_error(struct spdk_jsonrpc_server_conn *conn, const struct codec_envelope *env, int code,
             const char *message)
{
	struct codec_chain reply;
	struct codec_buf buf;

	log_refusal(conn, env, message);
	if (env->type == CODEC_NOTIFICATION) {
		return;
	}
	codec_buf_init_chain(&buf);
	codec_put_error(&buf, env->id, code, message);
	if (codec_buf_take_chain(&buf, &reply) != 0) {
		rpc_conn_refuse(conn, "there is no memory to answer its request");
		return;
	}
	rpc_conn_send(conn, &reply);
}

int
rpc_request_handle(struct spdk_jsonrpc_server_conn *conn, const void *msg, size_t len)
{
	struct json_values_size size = { 0, 0 };
	struct spdk_jsonrpc_request *req;
	struct codec_envelope env;
	const char *why;
	char *text;

	if (codec_parse(msg, len, &env) != 0 || env.type == CODEC_RESPONSE) {
		return -EBADMSG;
	}
	if (!params_are_structured(&env.params)) {
		answer_error(conn, &env, SPDK_JSONRPC_ERROR_INVALID_REQUEST,
		             "Invalid request: params are an object, or nothing");
		return 0;
	}
	if (json_values_measure(env.params.data, env.params.len, RPC_MAX_VALUES, &size, &why) !=
	    0) {
		answer_error(conn, &env, SPDK_JSONRPC_ERROR_INVALID_REQUEST, why);
		return 0;
	}
	req = request_create(conn, &env, &size);
	if (req == NULL) {
		answer_error(conn, &env, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "Out of memory");
		return 0;
	}
	text = (char *)&req->values[size.num_values];
	json_values_fill(env.params.data, env.params.len, req->values, text);
	call_method(req, (const char *)env.method.data, env.method.len,
	            env.params.data[0] != 0xc0 ? req->values : NULL);
	return 0;
}

static struct spdk_jsonrpc_server_conn g_local = {
	.caller = { .role = GATE_ROLE_ADMIN },
	.name = "the application",
	.local = true,
	.refs = 1,
	.walks = TAILQ_HEAD_INITIALIZER(g_local.walks),
};

int
rpc_call_local(const char *method, const struct spdk_json_val *params, rpc_local_fn done, void *ctx)
{
	const struct codec_envelope env = { .type = CODEC_REQUEST };
	const struct json_values_size size = { 0, 0 };
	struct spdk_jsonrpc_request *req = request_create(&g_local, &env, &size);

	if (req == NULL) {
		return -ENOMEM;
	}
	req->local_fn = done;
	req->local_ctx = ctx;
	call_method(req, method, strlen(method), params);
	return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *
method_name(const struct spdk_jsonrpc_request *req)
{
	return req->method != NULL ? req->method->name : g_unknown;
}

void
rpc_request_release(struct spdk_jsonrpc_request *req)
{
	struct spdk_jsonrpc_server_conn *conn = req->conn;
	struct codec_chain reply;
	char msg[512] = "";
	int code;

	if (req->local_fn != NULL) {
		code = req->failed ? rpc_request_error(req, msg, sizeof(msg)) : 0;
		req->local_fn(req->local_ctx, code, msg);
	} else if (!req->notification) {
		if (codec_buf_take_chain(&req->buf, &reply) == 0) {
			rpc_conn_send(conn, &reply);
		} else {
			SPDK_ERRLOG("%s: no memory for the answer\n", method_name(req));
			rpc_conn_refuse(conn, "there is no memory to answer its request");
		}
	}
	request_free(req);
}

/* Links belong to the app thread. */
static void
request_answer(void *arg)
{
	struct spdk_jsonrpc_request *req = arg;

	if (g_answer_hook == NULL || !g_answer_hook(req, !req->failed)) {
		rpc_request_release(req);
	}
}

/* A handler may have passed its request on: to another thread, or to an event. */
static void
request_send(struct spdk_jsonrpc_request *req)
{
	struct spdk_thread *app = spdk_thread_get_app_thread();

	if (app == NULL || spdk_get_thread() == app) {
		request_answer(req);
	} else if (spdk_thread_send_msg(app, request_answer, req) != 0) {
		/* Its connection is the app thread's, which has exited: so has that. */
		SPDK_ERRLOG("%s: answered after the application has ended\n", method_name(req));
		codec_buf_free(&req->buf);
		free(req);
	}
}

struct spdk_json_write_ctx *
spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *req)
{
	req->failed = false;
	codec_begin_result(&req->buf, req->id);
	json_msgpack_writer_init(&req->writer, &req->buf);
	return &req->writer.base;
}

static void
result_send(struct spdk_jsonrpc_request *req)
{
	if (codec_buf_size(&req->buf) > RPC_MAX_REPLY) {
		spdk_jsonrpc_send_error_response_fmt(req, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "The result is larger than %u MiB",
		                                     RPC_MAX_REPLY >> 20);
		return;
	}
	request_send(req);
}

void
spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *req, struct spdk_json_write_ctx *w)
{
	if (!json_msgpack_writer_done(&req->writer)) {
		SPDK_ERRLOG("%s: what it wrote is not one whole value\n", method_name(req));
		spdk_jsonrpc_send_error_response(req, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 "The result could not be written");
		return;
	}
	result_send(req);
}

void
rpc_request_begin_copy(struct spdk_jsonrpc_request *req)
{
	req->failed = false;
	codec_begin_result(&req->buf, req->id);
}

void
rpc_request_end_copy(struct spdk_jsonrpc_request *req)
{
	if (req->buf.failed) {
		spdk_jsonrpc_send_error_response(req, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	result_send(req);
}

void
spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *req, bool value)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(req);

	spdk_json_write_bool(w, value);
	spdk_jsonrpc_end_result(req, w);
}

/* Whether a method says by this code that it does not like its parameters. SPDK's modules use three
 * for a decoder that failed. */
static bool
blames_params(int error_code)
{
	return error_code == SPDK_JSONRPC_ERROR_INVALID_PARAMS ||
	       error_code == SPDK_JSONRPC_ERROR_INTERNAL_ERROR || error_code == -EINVAL;
}

void
spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *req, int error_code, const char *msg)
{
	char note[320], whole[512];

	if (blames_params(error_code) && json_note_text(req, note, sizeof(note))) {
		json_note_clear();
		snprintf(whole, sizeof(whole), "%s: %s", method_name(req), note);
		msg = whole;
		/* The config service says it itself, with the file and the line. */
		if (!req->conn->caller.config) {
			SPDK_ERRLOG("%s\n", msg);
		}
	} else if (req->notification) {
		SPDK_ERRLOG("%s: %s\n", method_name(req), msg);
	}
	codec_buf_free(&req->buf); /* what begin_result() and the handler may have written */
	codec_put_error(&req->buf, req->id, error_code, msg);
	req->failed = true;
	request_send(req);
}

void
spdk_jsonrpc_send_error_response_fmt(struct spdk_jsonrpc_request *req, int error_code,
                                     const char *fmt, ...)
{
	char msg[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	spdk_jsonrpc_send_error_response(req, error_code, msg);
}

/* --- what is told of an answer ---------------------------------------------------------------- */

void
rpc_server_set_answer_hook(rpc_answer_fn fn)
{
	g_answer_hook = fn;
}

const char *
rpc_request_method(const struct spdk_jsonrpc_request *req)
{
	return method_name(req);
}

enum gate_role
rpc_request_role(const struct spdk_jsonrpc_request *req)
{
	return req->conn->caller.role;
}

int32_t
rpc_request_pid(const struct spdk_jsonrpc_request *req)
{
	return req->conn->pid;
}

bool
rpc_request_refuse_monitor(struct spdk_jsonrpc_request *req)
{
	if (req->conn->caller.role != GATE_ROLE_MONITOR) {
		return false;
	}
	spdk_jsonrpc_send_error_response(req, SPDK_JSONRPC_ERROR_INVALID_STATE,
	                                 RPC_MONITOR_REFUSED);
	return true;
}

bool
rpc_request_may_change(const struct spdk_jsonrpc_request *req)
{
	const struct rpc_method *m = req->method;

	if (m == NULL || req->conn->caller.config || req->conn->caller.monitor) {
		return false;
	}
	m = m->target != NULL ? m->target : m;
	return (m->roles & RPC_ROLE(GATE_ROLE_MONITOR)) == 0 && strncmp(m->name, "cal_", 4) != 0 &&
	       strstr(m->name, "_get_") == NULL;
}

int
rpc_request_error(const struct spdk_jsonrpc_request *req, char *msg, size_t size)
{
	struct codec_envelope env;
	struct codec_span text;
	int code;

	if (codec_parse(req->buf.data, req->buf.len, &env) != 0 ||
	    codec_parse_error(env.error.data, env.error.len, &code, &text) != 0) {
		snprintf(msg, size, "out of memory");
		return SPDK_JSONRPC_ERROR_INTERNAL_ERROR;
	}
	snprintf(msg, size, "%.*s", (int)text.len, (const char *)text.data);
	return code;
}

/* --- the connection of a request -------------------------------------------------------------- */

bool
rpc_request_is_awaited(const struct spdk_jsonrpc_request *req)
{
	return req->conn->link != NULL || req->conn->local;
}

const void *
rpc_request_link(const struct spdk_jsonrpc_request *req)
{
	return req->conn->link != NULL && !req->conn->for_others ? req->conn : NULL;
}

struct spdk_jsonrpc_server_conn *
spdk_jsonrpc_get_conn(struct spdk_jsonrpc_request *req)
{
	return req->conn->link != NULL ? req->conn : NULL;
}

int
spdk_jsonrpc_conn_add_close_cb(struct spdk_jsonrpc_server_conn *conn,
                               spdk_jsonrpc_conn_closed_fn cb, void *ctx)
{
	if (conn == NULL || conn->link == NULL) {
		return -ENOTCONN;
	}
	if (conn->close_cb != NULL) {
		return conn->close_cb == cb && conn->close_ctx == ctx ? -EEXIST : -ENOSPC;
	}
	conn->close_cb = cb;
	conn->close_ctx = ctx;
	return 0;
}

int
spdk_jsonrpc_conn_del_close_cb(struct spdk_jsonrpc_server_conn *conn,
                               spdk_jsonrpc_conn_closed_fn cb, void *ctx)
{
	if (conn == NULL || conn->close_cb == NULL || conn->close_cb != cb ||
	    conn->close_ctx != ctx) {
		return -ENOENT;
	}
	conn->close_cb = NULL;
	return 0;
}
