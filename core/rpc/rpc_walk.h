/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For handlers that walk many objects: the walk is made of steps of a microsecond or so, a visit
 * makes as many as fit 4 µs, and a message leads to the next visit. Whatever asks for the app
 * thread gets its turn in between, and the answer is one all the same. All walks share the visits:
 * the more there are, the longer each takes.
 *
 * A client that reads slowly has its walks wait: no step is made while much waits to be read by it,
 * and only so many of its walks are begun. When the client is gone, so are its walks. App thread.
 */

#ifndef CAL_CORE_RPC_WALK_H
#define CAL_CORE_RPC_WALK_H

#include "spdk/json.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"

struct rpc_walk;

enum rpc_walk_next {
	RPC_WALK_DONE, /* everything is written */
	RPC_WALK_MORE,
	RPC_WALK_WAIT, /* no further step before rpc_walk_go_on() */
};

struct rpc_walk_ops {
	/** Before the first step: begin the result, and put the walk's `w`. May be NULL. */
	void (*begin)(struct rpc_walk *walk);
	/** Write one object. Objects may have come and gone since the last step. Returns an enum
	 *  rpc_walk_next, or a negative errno, which becomes the answer. */
	int (*step)(struct rpc_walk *walk);
	/** After RPC_WALK_DONE: end what was begun, and answer. */
	void (*answer)(struct rpc_walk *walk);
	/** The last call of every walk, whether it was answered or not, begun or not. */
	void (*end)(struct rpc_walk *walk);
};

/* To be a member of the handler's own. */
struct rpc_walk {
	const struct rpc_walk_ops *ops;
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
	bool begun; /* begin() was called */

	/* --- rpc_walk.c's own --- */
	struct spdk_jsonrpc_server_conn *conn;
	enum rpc_walk_state {
		RPC_WALK_QUEUED, /* in its connection's list, not begun */
		RPC_WALK_HELD,   /* in its connection's list: the client does not read */
		RPC_WALK_READY,  /* in the list of those to be visited */
		RPC_WALK_VISITED,
		RPC_WALK_WAITING,
	} state;
	bool go_on; /* said while it was being visited */
	TAILQ_ENTRY(rpc_walk) link;
};

/** Begin a walk in a handler. A short one has answered, and ended, when this returns. */
void rpc_walk_start(struct rpc_walk *walk, const struct rpc_walk_ops *ops,
                    struct spdk_jsonrpc_request *request);

/** Begin a walk later: no step of it is made before this returns. */
void rpc_walk_queue(struct rpc_walk *walk, const struct rpc_walk_ops *ops,
                    struct spdk_jsonrpc_request *request);

/** What a step waited for is there; may also be called before that step returns. */
void rpc_walk_go_on(struct rpc_walk *walk);

#endif
