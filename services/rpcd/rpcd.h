/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal-rpcd: JSON-RPC 2.0 on a Unix socket ⇄ MessagePack-RPC on the link. One thread, one loop.
 *
 *   conn.c     bytes in, cut into JSON values; bytes out, bounded
 *   request.c  one JSON value → calls to the primary; their answers → one reply
 *   server.c   the listening socket, the link, and the end of all this
 *   socket.c   the socket's path and its lock
 *
 * What the server does with each odd input follows SPDK's JSON-RPC server (v26.05), except where a
 * client would be left without a word: malformed and oversized requests are answered before the
 * connection is closed. */

#ifndef CAL_RPCD_H
#define CAL_RPCD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "ipc/client/client.h"
#include "ipc/client/json.h"
#include "ipc/client/json_scan.h"

#define RPCD_MAX_CONNS   64           /* SPDK's: the next one waits in the backlog */
#define RPCD_MAX_REQUEST (256u << 10) /* SPDK's: bytes of one JSON value */
#define RPCD_MAX_VALUES  8192         /* SPDK's: JSON values in one request */
/* Nothing more is read from a client that has this much unsent output, or as many requests or calls
 * (a batch is one request and many calls) under way: it must take its answers first. */
#define RPCD_MAX_OUTPUT  (1u << 20)
#define RPCD_MAX_REPLIES 256
#define RPCD_MAX_CALLS   1024
/* How long the link is polled for answers before the loop goes to sleep: a round trip takes less,
 * and sleeping costs two context switches. */
#define RPCD_SPIN_NS  25000u
#define RPCD_ROUND_NS 500000u /* at most this long before the sockets are looked at again */
#define RPCD_GRACE_MS 800     /* for a client to take its last answers; a supervisor waits 1 s */

enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INTERNAL_ERROR = -32603,
};

struct conn;
struct server;

/* What is known of one request of a JSON value from its text: json-c does not tell. */
struct request_note {
	size_t id_start, id_end; /* the text of its id, both 0 when there is none */
	bool repeated;           /* a member of the request object stands there twice */
	bool spoilt; /* in its params a name stands twice, or an integer is beyond 64 bits */
};
struct frame_notes {
	struct request_note *notes;
	size_t count, cap;
	bool failed; /* out of memory */
	bool is_array, is_object;
	bool in_id; /* the last name seen was "id" of a request object */
	const char *text;
};

/* One answer to one JSON value: of a single request, or of the requests of a batch. */
struct reply {
	TAILQ_ENTRY(reply) link;
	struct conn *conn; /* NULL: it went away meanwhile */
	struct server *server;
	bool batch;
	unsigned open; /* calls that have not been answered */
	struct cal_text text;
};

struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) dirty_link;
	struct server *server;
	uv_pipe_t pipe;
	uv_timer_t linger;
	unsigned handles; /* to be closed before it can be freed */

	char *in;
	size_t in_len, in_cap;
	struct cal_json_scan scan;
	struct frame_notes notes;

	TAILQ_HEAD(reply_list, reply) replies;
	unsigned num_replies, num_calls;
	struct cal_text out;

	bool dirty; /* on the server's list: output to write or input to look at */
	bool held;  /* input waits for the client to take its answers */
	bool reading;
	bool eof;     /* the client will send no more */
	bool refused; /* what it sent was no JSON: the rest is dropped */
	bool shut;    /* our end was shut down; waiting for the client's */
	bool closing;
};

struct server {
	uv_loop_t loop;
	uv_pipe_t listener;
	uv_poll_t link;
	uv_prepare_t prepare;
	uv_idle_t idle; /* active: the loop must not sleep */
	uv_timer_t deadline;
	uv_signal_t sigterm, sigint;

	struct cal_client *client;
	TAILQ_HEAD(conn_list, conn) conns;
	TAILQ_HEAD(dirty_list, conn) dirty;
	unsigned num_conns;
	bool accept_waits;
	unsigned in_flight; /* calls sent to the primary and not answered */
	uint64_t spin_until;
	bool stopping;
	bool ended; /* the last step of stopping was taken */
	bool link_gone;
	int exit_code;
};

/* --- socket.c --------------------------------------------------------------------------------- */

/* Connections that wait to be accepted, as SPDK has it. libuv listens once more on the socket that
 * socket.c hands over: both must say the same. */
#define RPCD_BACKLOG 512

struct rpc_socket {
	char path[108];
	char lock_path[128];
	int lock_fd;
	bool bound;
	char staged_path[108]; /* its name until it listens; "": there is no room for one */
};
/** Take `<path>.lock`. Returns 0 or a negative errno with a sentence in `err`. */
int rpc_socket_claim(struct rpc_socket *sock, const char *path, char *err, size_t err_size);
/** Bind the socket, 0600, in place of a stale one. Returns its descriptor, or a negative errno with
 *  a sentence in `err`. */
int rpc_socket_bind(struct rpc_socket *sock, char *err, size_t err_size);
/** Remove the socket, so that new clients see that nobody serves. */
void rpc_socket_unlink(struct rpc_socket *sock);
/** … and give the lock back. */
void rpc_socket_release(struct rpc_socket *sock);

/* --- server.c --------------------------------------------------------------------------------- */

/** Serve `listen_fd` (owned from now on) until the primary or a signal says stop. Returns the exit
 *  status of the process. `ready` is called once the socket listens, `gone` when it no longer
 *  does. */
struct server_opts {
	int listen_fd;
	struct cal_client *client;
	void (*ready)(void *ctx);
	void (*gone)(void *ctx);
	void *ctx;
};
int server_run(const struct server_opts *opts);
void server_conn_freed(struct server *server);
/** Have conn_service() called before the loop sleeps. */
void server_mark_dirty(struct conn *conn);

/* --- conn.c ----------------------------------------------------------------------------------- */

/** Accept one connection. Returns 0 or a negative errno. */
int conn_accept(struct server *server);
/** Write what is ready, look at what was read, read on, or close: whatever is due. */
void conn_service(struct conn *conn);
/** Whether everything that can be answered was answered and written. */
bool conn_is_quiet(const struct conn *conn);
void conn_read_stop(struct conn *conn);
void conn_close(struct conn *conn);

/* --- request.c -------------------------------------------------------------------------------- */

/** For the scanner: notes about the value being scanned. */
void frame_note(void *ctx, const struct cal_json_event *event);
void frame_notes_reset(struct frame_notes *notes);
/** Handle one whole JSON value. Returns 0, -EBADMSG when json-c cannot read it after all, or
 *  -ENOMEM. */
int frame_handle(struct conn *conn, const char *text, size_t len);
/** Answer with an error and id null. Returns 0 or -ENOMEM. */
int frame_refuse(struct conn *conn, int code, const char *message);
void reply_free(struct reply *reply);

#endif
