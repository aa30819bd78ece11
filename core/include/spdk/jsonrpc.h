/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Answering an RPC request. Names and error codes are SPDK's; the request came as MessagePack over
 * a link and the answer leaves the same way. A request is answered on any thread, or by an event,
 * once; the rest is for the app thread.
 *
 * The socket that JSON-RPC clients talk to is cal-rpcd's, another process: SPDK's
 * spdk_jsonrpc_server_*() and its C client have no counterpart in the primary. */

#ifndef SPDK_JSONRPC_H
#define SPDK_JSONRPC_H

#include "spdk/stdinc.h"

#include "spdk/json.h"
#include "spdk/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What JSON-RPC 2.0 defines … */
#define SPDK_JSONRPC_ERROR_PARSE_ERROR      -32700
#define SPDK_JSONRPC_ERROR_INVALID_REQUEST  -32600
#define SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND -32601
#define SPDK_JSONRPC_ERROR_INVALID_PARAMS   -32602
#define SPDK_JSONRPC_ERROR_INTERNAL_ERROR   -32603
/* … and SPDK: the method can't be called in the present state. Other codes that methods send are
 * negative errno values. */
#define SPDK_JSONRPC_ERROR_INVALID_STATE -1

struct spdk_jsonrpc_request;
/* Where a request came from: one link. All clients of a cal-rpcd share its link. */
struct spdk_jsonrpc_server_conn;

typedef void (*spdk_jsonrpc_conn_closed_fn)(struct spdk_jsonrpc_server_conn *conn, void *arg);

/** The connection that `request` came by; NULL when it is gone. */
struct spdk_jsonrpc_server_conn *spdk_jsonrpc_get_conn(struct spdk_jsonrpc_request *request);

/** Have `cb(conn, ctx)` called once when the connection ends. One callback a connection.
 *  \return 0, -EEXIST the same is registered already, -ENOTCONN it has ended, -ENOSPC another
 *  one is registered. */
int spdk_jsonrpc_conn_add_close_cb(struct spdk_jsonrpc_server_conn *conn,
                                   spdk_jsonrpc_conn_closed_fn cb, void *ctx);

/** Take it back. \return 0, or -ENOENT when this pair is not registered. */
int spdk_jsonrpc_conn_del_close_cb(struct spdk_jsonrpc_server_conn *conn,
                                   spdk_jsonrpc_conn_closed_fn cb, void *ctx);

/** Begin the answer: write one value to the context, then call spdk_jsonrpc_end_result(). Never
 *  NULL. A request is answered exactly once, in its handler or later; answers to requests whose
 *  connection has ended, and to notifications, go nowhere. */
struct spdk_json_write_ctx *spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *request);

/** Send what was written; `request` and `w` are gone afterwards. If the writing failed, the client
 *  gets SPDK_JSONRPC_ERROR_INTERNAL_ERROR in its place. */
void spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *request, struct spdk_json_write_ctx *w);

/** Answer true or false. `request` is gone afterwards. */
void spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *request, bool value);

/** Answer with an error, also after spdk_jsonrpc_begin_result(). If a decoder failed in this
 * handler and the code says so (SPDK_JSONRPC_ERROR_INVALID_PARAMS,
 * SPDK_JSONRPC_ERROR_INTERNAL_ERROR, -EINVAL), the message is `METHOD: "PARAM": WHAT` of that
 * failure and not `msg`. `request` is gone afterwards. */
void spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *request, int error_code,
                                      const char *msg);
void spdk_jsonrpc_send_error_response_fmt(struct spdk_jsonrpc_request *request, int error_code,
                                          const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
