/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal-rpcd: JSON-RPC 2.0 on sockets ⇄ MessagePack-RPC on the link. One thread, one loop.
 *
 *   conn.c      bytes in, cut into JSON values; bytes out, bounded
 *   request.c   one JSON value → requests
 *   call.c      requests → calls to the primary, no more than may be owed; answers → replies
 *   server.c    the loop, the link, whose turn it is, and the end of all this
 *   accept.c    listening sockets
 *   socket.c    the Unix socket's path and its lock
 *   handover.c  everything to a successor; takeover.c is the successor's side
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
#include <sys/types.h>
#include <uv.h>

#include "ipc/client/client.h"
#include "ipc/client/json.h"
#include "ipc/client/json_scan.h"
#include "services/handover/handover.h"

#ifndef CAL_FUZZ_LIMITS
#define RPCD_MAX_CONNS   64           /* SPDK's: the next one waits, accepted or in the backlog */
#define RPCD_MAX_PARKED  64           /* so many of those are accepted */
#define RPCD_MAX_REQUEST (256u << 10) /* SPDK's: bytes of one JSON value */
#define RPCD_MAX_VALUES  8192         /* SPDK's: JSON values in one request */
/* Nothing more is read from a client that has this much unsent output, or as many requests (a batch
 * is one) under way: it must take its answers first. */
#define RPCD_MAX_OUTPUT  (1u << 20)
#define RPCD_MAX_REPLIES 256
/* How long an answer will be is not known when a call is sent: it is taken to be as long as the
 * longest one that this method ever gave, and this much when it gave none yet. What is unsent and
 * what is awaited together stay below RPCD_MAX_OUTPUT, or it is one call at a time. */
#define RPCD_ANSWER_UNKNOWN (32u << 10)
#define RPCD_ANSWER_LEAST   (4u << 10)
/* Answers of batches that are not complete. The rest of such a batch is refused. */
#define RPCD_MAX_BATCH (16u << 20)
#else /* make fuzz: short inputs reach all of them */
#define RPCD_MAX_CONNS      6
#define RPCD_MAX_PARKED     4
#define RPCD_MAX_REQUEST    (16u << 10)
#define RPCD_MAX_VALUES     512
#define RPCD_MAX_OUTPUT     (64u << 10)
#define RPCD_MAX_REPLIES    16
#define RPCD_ANSWER_UNKNOWN (2u << 10)
#define RPCD_ANSWER_LEAST   (256u)
#define RPCD_MAX_BATCH      (128u << 10)
#endif
/* So many requests of a connection are looked at before it is the next one's turn. */
#define RPCD_TURN 16
/* How long the link is polled for answers before the loop goes to sleep: a round trip takes less,
 * and sleeping costs two context switches. */
#define RPCD_SPIN_NS  25000u
#define RPCD_ROUND_NS 500000u /* at most this long before the sockets are looked at again */
#define RPCD_GRACE_MS 800     /* for a client to take its last answers; a supervisor waits 1 s */

#define RPCD_MAX_LISTENERS 2  /* Unix, TCP */
#define RPCD_KEEPALIVE_S   60 /* a TCP client whose machine is gone gives its place back */

enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
};

struct call;
struct conn;
struct server;

/* What is known of one request of a JSON value from its text: json-c does not tell. */
struct request_note {
	size_t id_start, id_end;         /* the text of its id, both 0 when there is none */
	size_t params_start, params_end; /* of an object or array that its params are */
	bool odd; /* a member of the request object stands there twice, or has a NUL in its name */
	bool has_nul; /* in the name of anything in it */
};
struct frame_notes {
	struct request_note *notes;
	size_t count, cap;
	bool failed; /* out of memory */
	bool is_array, is_object;
	bool in_id, in_params; /* the last name of a member of a request */
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

/* Output that the socket did not take at once. */
struct conn_write {
	STAILQ_ENTRY(conn_write) link;
	uv_write_t req;
	struct conn *conn;
	struct cal_text text;
};

struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) dirty_link;
	TAILQ_ENTRY(conn) hungry_link;
	struct server *server;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} u;
	bool is_tcp;
	uv_timer_t linger;
	unsigned handles; /* to be closed before it can be freed */

	char *in;
	size_t in_len, in_cap;
	struct cal_json_scan scan;
	struct frame_notes notes;

	TAILQ_HEAD(reply_list, reply) replies;
	unsigned num_replies;
	TAILQ_HEAD(call_list, call) waiting; /* calls that were not sent to the primary yet */
	TAILQ_HEAD(sent_list, call) sent;
	size_t expected; /* bytes that the calls under way will answer with, as far as we know */
	size_t building; /* bytes of batches that are not complete */
	struct cal_text out;
	STAILQ_HEAD(write_list, conn_write) writes;

	bool dirty;  /* on the server's list: output to write or input to look at */
	bool hungry; /* likewise: it has a call to send, and the link was full */
	bool held;   /* input waits for the client to take its answers, or for its turn */
	bool reading;
	bool eof;      /* the client will send no more */
	bool refused;  /* what it sent was no JSON: the rest is dropped */
	bool shut;     /* our end was shut down; waiting for the client's */
	bool takes_us; /* its client is our successor: see handover.c */
	bool closing;
};

struct listener {
	uv_poll_t poll;
	int fd;
	bool is_tcp;
};

/* The longest answer that each method has given, for RPCD_MAX_OUTPUT. */
#define RPCD_METHODS 512 /* a power of two */
struct method_size {
	uint64_t hash; /* 0: free */
	size_t longest;
};

struct handover;
struct takeover;
struct rpc_socket;

struct server_opts {
	int instance;
	struct cal_client *client;
	pid_t primary_pid; /* 0: unknown, as good as dead once its link is gone */
	int unix_fd;       /* listening sockets, owned from now on; -1: none */
	int tcp_fd;
	struct rpc_socket *socket; /* whose lock a successor gets; may be NULL */
	struct takeover *takeover; /* what is still to come from our predecessor; may be NULL */
	/* Once everything is ours and the sockets listen. NULL: the primary has gone meanwhile. */
	void (*ready)(void *ctx, struct cal_client *client);
	/* The sockets listen no longer, and nobody has taken them over. */
	void (*gone)(void *ctx);
	/* The link is closed and the client freed: give back whatever else was the primary's. */
	void (*lost)(void *ctx);
	void *ctx;
};

/* nap.c: a timer of the loop. */
struct nap {
	uv_poll_t poll;
	int fd;
};
/** Returns 0 or a negative errno. */
int nap_init(struct nap *nap, uv_loop_t *loop);
void nap_close(struct nap *nap);
/** Have the loop wake up soon, for a call that has been waited for so long. Returns false when it
 * is better to be woken by the primary. */
bool nap_begin(struct nap *nap, uint64_t waited_ns);

struct server {
	const struct server_opts *opts;
	uv_loop_t loop;
	uv_poll_t link;
	uv_prepare_t prepare;
	uv_idle_t idle; /* active: the loop must not sleep */
	uv_timer_t deadline;
	uv_timer_t orphan; /* the primary is gone: is it really, and is the socket still ours? */
	uv_signal_t sigterm, sigint;
	struct nap nap;

	struct listener listeners[RPCD_MAX_LISTENERS];
	unsigned num_listeners;
	bool accepting;
	uv_timer_t accept_pause;
	uv_timer_t alive;            /* for systemd's watchdog */
	int parked[RPCD_MAX_PARKED]; /* accepted connections that wait for a place */
	bool parked_tcp[RPCD_MAX_PARKED];
	unsigned num_parked;

	struct cal_client *client; /* NULL: the primary is gone */
	int primary_pidfd;
	char why[768]; /* what is answered then, and when it was looked up */
	uint64_t why_at;
	uint64_t lost_ns; /* CLOCK_REALTIME */

	TAILQ_HEAD(conn_list, conn) conns;
	TAILQ_HEAD(dirty_list, conn) dirty;
	TAILQ_HEAD(hungry_list, conn) hungry;
	const struct conn *turn_of; /* it was hungry, and may send */
	unsigned num_conns;
	unsigned in_flight; /* calls sent to the primary and not answered */
	struct method_size methods[RPCD_METHODS];
	unsigned num_methods;
	uint64_t spin_until;
	bool stop_asked; /* by a signal, while a successor takes everything over */
	bool stopping;
	bool ended; /* the last step of stopping was taken */
	int exit_code;
	struct handover *handover; /* a successor takes everything over */
	bool handed_over;          /* … and has it */
	struct takeover *takeover; /* what is still to come from a predecessor */
};

/* --- socket.c --------------------------------------------------------------------------------- */

/* Connections that wait to be accepted, as SPDK has it. */
#define RPCD_BACKLOG 512

struct rpc_socket {
	char path[108];
	char lock_path[128];
	unsigned mode;
	int lock_fd;
	bool bound;
	char staged_path[108]; /* its name until it listens; "": there is no room for one */
};
/** Take `<path>.lock`. Returns 0 or a negative errno with a sentence in `err`. */
int rpc_socket_claim(struct rpc_socket *sock, const char *path, unsigned mode, char *err,
                     size_t err_size);
/** Bind the socket, with its mode, in place of a stale one. Returns its descriptor, or a negative
 *  errno with a sentence in `err`. */
int rpc_socket_bind(struct rpc_socket *sock, char *err, size_t err_size);
/** Take lock and listening socket from a predecessor (after a claim that failed with -EBUSY). */
void rpc_socket_adopt(struct rpc_socket *sock, int lock_fd, int listen_fd);
/** Whether the lock is still the one that its path names. */
bool rpc_socket_is_current(const struct rpc_socket *sock);
/** Write into the lock file whose it is: ours, for that primary. */
void rpc_socket_sign(const struct rpc_socket *sock, pid_t primary_pid);
/** The holder of `path`'s lock does not answer. If it is one that another primary, which is dead,
 *  has left, take the lock file away: the next claim succeeds, and that one ends once it sees it.
 *  Returns whether it was. */
bool rpc_socket_abandon(const char *path, pid_t primary_pid);
/** Remove the socket, so that new clients see that nobody serves. */
void rpc_socket_unlink(struct rpc_socket *sock);
/** … and give the lock back. */
void rpc_socket_release(struct rpc_socket *sock);
/** A successor has all of it: only close what is ours. */
void rpc_socket_leave(struct rpc_socket *sock);

/** Bind a TCP socket, which does not listen yet. Returns its descriptor, or a negative errno with a
 *  sentence in `err`. `text` is [ADDR:]PORT. */
int rpc_tcp_bind(const char *text, char *err, size_t err_size);
/** Whether `fd` is bound to the address of `text`. */
bool rpc_tcp_is(int fd, const char *text);

/* --- server.c --------------------------------------------------------------------------------- */

/** Serve until the primary or a signal says stop, or a successor has taken over
 *  (*handed_over). Returns the exit status of the process. SIGTERM and SIGINT may be blocked. */
int server_run(const struct server_opts *opts, bool *handed_over);
/** Have conn_service() called before the loop sleeps. */
void server_mark_dirty(struct conn *conn);
/** … once the link takes calls again. */
void server_mark_hungry(struct conn *conn);
/** Why nobody answers, when `client` is NULL. */
const char *server_why(struct server *server);
/** Whether the primary is gone, though its link may not say so yet. */
bool server_primary_is_dead(const struct server *server);
/** Answer what is under way, for `grace_ms` at most, and end the loop. */
void server_stop(struct server *server, int exit_code, unsigned grace_ms);
/** End the loop. */
void server_end(struct server *server);

/* --- accept.c --------------------------------------------------------------------------------- */

/** Listen on `fd` (owned). Returns 0 or a negative errno. */
int accept_add(struct server *server, int fd, bool is_tcp);
void accept_start(struct server *server);
void accept_stop(struct server *server);
/** A connection was freed: there is room for one that waits. */
void accept_resume(struct server *server);
void accept_close(struct server *server);
/** Take a connection (owned) that was accepted: now, or as soon as there is room. */
void accept_take(struct server *server, int fd, bool is_tcp);

/* --- conn.c ----------------------------------------------------------------------------------- */

/** Serve an accepted connection (owned, also on failure). Returns 0 or a negative errno. */
int conn_open(struct server *server, int fd, bool is_tcp, struct conn **out);
/** Write what is ready, look at what was read, read on, or close: whatever is due. */
void conn_service(struct conn *conn);
/** Bytes that wait to be written. */
size_t conn_output_size(const struct conn *conn);
/** Whether everything that can be answered was answered and written. */
bool conn_is_quiet(const struct conn *conn);
void conn_read_stop(struct conn *conn);
void conn_close(struct conn *conn);
/** Append what was not written yet to `text`; it is not written any more. Returns 0 or -ENOMEM. */
int conn_take_output(struct conn *conn, struct cal_text *text);
/** Go on with bytes that a predecessor had read, and had to write. Returns 0 or -ENOMEM. */
int conn_adopt(struct conn *conn, const char *in, size_t in_len, const char *out, size_t out_len);
/** Our end was shut down by a predecessor: wait for the client's. */
void conn_linger_on(struct conn *conn);

/* --- request.c -------------------------------------------------------------------------------- */

/** For the scanner: notes about the value being scanned. */
void frame_note(void *ctx, const struct cal_json_event *event);
void frame_notes_reset(struct frame_notes *notes);
/** Handle one whole JSON value. Returns 0, -EBADMSG when json-c cannot read it after all, or
 *  -ENOMEM. */
int frame_handle(struct conn *conn, const char *text, size_t len);
/** Answer with an error and id null. Returns 0 or -ENOMEM. */
int frame_refuse(struct conn *conn, int code, const char *message);

/* --- call.c ----------------------------------------------------------------------------------- */

struct reply *reply_new(struct conn *conn, bool batch);
/** One of its parts is done; the last one sends it off. */
void reply_part_done(struct reply *reply);
/** Add an error or a result of one request. Return 0 or -ENOMEM. */
int reply_error(struct reply *reply, const char *id, size_t id_len, int code, const char *message,
                size_t message_len);
int reply_json(struct reply *reply, const char *id, size_t id_len, const char *json);

/** One request for the primary. Its params (may be NULL) are one MessagePack value, copied. Sent at
 *  once, or once the connection may be owed its answer. Returns 0 or -ENOMEM. */
int call_start(struct reply *reply, const char *id, size_t id_len, bool notification,
               const char *method, const void *params, size_t params_len);
/** Send what may be sent now. */
void calls_pump(struct conn *conn);
/** Whether nothing more should be read of the connection for now. */
bool calls_must_wait(const struct conn *conn);
/** Answer whatever is under way with an error; what the primary says later goes nowhere. */
void calls_abandon(struct conn *conn, const char *message);
/** Its client is gone: what waits is not sent, what was sent completes into nothing. */
void calls_forget(struct conn *conn);

/* --- handover.c ------------------------------------------------------------------------------- */

#define HANDOVER_METHOD  "cal_rpcd_handover"
#define HANDOVER_VERSION 1

struct json_object;
/** The method of that name. Returns 0 or -ENOMEM. */
int handover_request(struct reply *reply, const char *id, size_t id_len,
                     struct json_object *params);
/** The successor has its answer: give it everything, over its own connection. */
void handover_begin(struct conn *conn);
/** The connection is quiet: give it away. */
void handover_conn(struct conn *conn);
/** Give the rest away, or see that all of it was. */
void handover_go_on(struct server *server);
/** Those who still wait for an answer are told that there is none, so that they can go, too. */
void handover_hurry(struct server *server);
/** The loop ends. */
void handover_end(struct server *server);

/** Serve the connection (owned) that a frame describes; `bytes` are those that follow its head. */
void handover_adopt(struct server *server, const struct handover_frame *head, const char *bytes,
                    int fd);

/* --- takeover.c ------------------------------------------------------------------------------- */

/** Ask who serves `path` to hand over to a successor for the primary `primary_pid`; with `take`
 *  false only whether it would. Returns 0 (with `take`: *out is set), -EBUSY it will not: another
 *  primary lives, -EPROTONOSUPPORT it cannot: another version, -ETIMEDOUT it listens and does not
 *  answer, or another negative errno: nobody does. */
int takeover_ask(const char *path, int instance, pid_t primary_pid, bool take,
                 struct takeover **out);
/** What has come already: the lock's descriptor, the listening sockets (tcp: -1 when there was
 *  none). The caller's from now on. */
void takeover_sockets(struct takeover *takeover, int *lock_fd, int *unix_fd, int *tcp_fd);
/** Take the rest in the loop. `done` is called once, when all is ours: 0, or a negative errno when
 *  the predecessor has taken it all back. */
int takeover_start(struct takeover *takeover, struct server *server,
                   void (*done)(struct server *server, int status));
/** Before it was done. NULL is allowed. */
void takeover_abort(struct takeover *takeover);

#endif
