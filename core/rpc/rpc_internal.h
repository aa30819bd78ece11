/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The four parts of the RPC server and what they ask of one another: the method table
 * (rpc_method.c), requests and their answers (rpc_request.c), answers that take many steps
 * (rpc_walk.c), links and the poller (rpc_server.c). */

#ifndef CAL_CORE_RPC_INTERNAL_H
#define CAL_CORE_RPC_INTERNAL_H

#include "spdk/queue.h"
#include "spdk/rpc.h"

#include "core/rpc/json_internal.h"
#include "core/rpc/rpc_server.h"

/* SPDK's limit on the values in one request: it bounds what one request costs the reactor. */
#define RPC_MAX_VALUES 8192
/* SPDK's limit on one reply. */
#define RPC_MAX_REPLY (32u << 20)
/* Requests of one link that are under way; the rest wait in its ring. */
#define RPC_MAX_OUTSTANDING 1024
/* … and what they hold of memory for their parameters: nothing more is taken from the link. */
#define RPC_ENOUGH_OUTSTANDING (2u << 20)
/* Requests of one link whose refusal is logged. */
#define RPC_MAX_LOGGED_REFUSALS 16
/* While so much waits to be read by a link's peer, nothing more is taken from it, and what is under
 * way for it and can wait, waits. */
#define RPC_ENOUGH_BACKLOG (8u << 20)

/* --- rpc_method.c ----------------------------------------------------------------------------- */

struct rpc_method {
	const char *name;
	spdk_rpc_method_handler func; /* NULL: only its roles are known so far */
	struct rpc_method *target;    /* of an alias */
	uint32_t state_mask;
	uint32_t roles;
	bool warned; /* that the alias is deprecated */
	SLIST_ENTRY(rpc_method) bucket;
	SLIST_ENTRY(rpc_method) all;
};

/* Who asks, as far as it matters to what they may. */
struct rpc_caller {
	enum gate_role role;
	bool config;  /* the config service: the allow-list is for what is in the file, not for what
	               * it needs itself */
	bool monitor; /* the monitor service: no user speaks through it */
};

/** The method of that name that exists for the caller, NULL if there is none. */
struct rpc_method *rpc_method_find(const struct rpc_caller *caller, const char *name, size_t len);

/** What a monitor is told. */
#define RPC_MONITOR_REFUSED                                                                 \
	"Method changes something, and a monitor may only look: call it as root or as the " \
	"primary's user."

/** Whether the caller may call it now. Returns NULL, or why not. */
const char *rpc_method_refused(const struct rpc_caller *caller, const struct rpc_method *method);

/** All methods, newest first; aliases and the ones that are hidden included. NULL at the end. */
struct rpc_method *rpc_method_first(void);
struct rpc_method *rpc_method_next(struct rpc_method *method);
/** Whether the allow-list lets users see it. */
bool rpc_method_visible(const struct rpc_method *method);

/* --- rpc_request.c ---------------------------------------------------------------------------- */

TAILQ_HEAD(rpc_walk_list, rpc_walk);

struct spdk_jsonrpc_server_conn {
	struct link *link; /* NULL: it has ended */
	struct rpc_caller caller;
	char name[32];
	pid_t pid;
	struct spdk_interrupt *bell; /* in interrupt mode */
	bool stalled;         /* it has enough to read, and has not read since the last look */
	bool local;           /* no link: rpc_call_local()'s */
	bool for_others;      /* cal-rpcd's: it asks for clients of its own */
	bool refused;         /* it broke the protocol; its end is on the way */
	const char *unsaid;   /* why it was refused, until the gate has been told */
	unsigned refs;        /* the server's and one a request */
	unsigned outstanding; /* requests under way */
	size_t outstanding_bytes;
	unsigned logged_refusals;
	unsigned num_walks;         /* begun and not answered */
	struct rpc_walk_list walks; /* waiting: not begun, or until the peer reads */
	spdk_jsonrpc_conn_closed_fn close_cb;
	void *close_ctx;
	TAILQ_ENTRY(spdk_jsonrpc_server_conn) tailq;
};

struct spdk_jsonrpc_request {
	struct spdk_jsonrpc_server_conn *conn;
	const struct rpc_method *method;
	uint32_t id;
	size_t bytes; /* of this object */
	bool notification;
	bool failed;           /* its answer is an error */
	rpc_local_fn local_fn; /* takes the answer of a rpc_call_local() */
	void *local_ctx;
	struct codec_buf buf;
	struct json_msgpack_writer writer;
	struct spdk_json_val values[]; /* and behind them the text they point to */
};

/** Take a message apart and have its method called. The message is not needed afterwards. Returns
 * 0, or -EBADMSG when it is no request: the link has to go. */
int rpc_request_handle(struct spdk_jsonrpc_server_conn *conn, const void *msg, size_t len);

/** A result that was written elsewhere: begin, put one whole value's bytes to the request's `buf`,
 *  end, which answers. App thread. */
void rpc_request_begin_copy(struct spdk_jsonrpc_request *req);
void rpc_request_end_copy(struct spdk_jsonrpc_request *req);

void rpc_conn_unref(struct spdk_jsonrpc_server_conn *conn);

/* --- rpc_server.c ----------------------------------------------------------------------------- */

/** Queue a reply, or let it go when nobody waits for it any more. The chain is empty afterwards. */
void rpc_conn_send(struct spdk_jsonrpc_server_conn *conn, struct codec_chain *reply);
/** Whether so much of it is under way that nothing more is taken. */
static inline bool
rpc_conn_is_full(const struct spdk_jsonrpc_server_conn *conn)
{
	return conn->outstanding >= RPC_MAX_OUTSTANDING ||
	       conn->outstanding_bytes >= RPC_ENOUGH_OUTSTANDING;
}
/** A request of it is done that kept others waiting. */
void rpc_conn_may_ask_again(void);
/** End a link that broke the protocol. `reason` is kept. */
void rpc_conn_refuse(struct spdk_jsonrpc_server_conn *conn, const char *reason);

/* --- rpc_walk.c ------------------------------------------------------------------------------- */

/* A visit: so long, and one step at least. Beside I/O, which empties the caches in between, a bdev
 * takes over 1 µs: with 2 there was one a turn, and a thousand took 17 ms instead of 8. */
#define RPC_WALK_VISIT_US 4

/** The peer has read, or the link has ended: let the walks go on that waited for it. */
void rpc_walk_conn_changed(struct spdk_jsonrpc_server_conn *conn);
/** When walks were last visited by a message, in ticks; 0 when they were not since the last call.
 */
uint64_t rpc_walk_visited_at(void);
/** End all that do not wait for something. Their links have ended. */
void rpc_walk_stop_all(void);

#endif
