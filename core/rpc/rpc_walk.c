/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/rpc/rpc_walk.h"

#include "spdk/env.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#include "core/rpc/rpc_internal.h"
#include "ipc/link/link.h"

/* Walks of one link that are begun and not answered. Each may hold a reply. */
#define WALKS_PER_LINK 4

static struct {
	struct rpc_walk_list ready; /* to be visited, in turn */
	bool visit_sent;
	uint64_t visited_at; /* begin of the last visit by message, 0 when that was taken */
} g_walks = {
	.ready = TAILQ_HEAD_INITIALIZER(g_walks.ready),
};

static void visit_by_message(void *ctx);

static void
visit_soon(void)
{
	if (!g_walks.visit_sent && !TAILQ_EMPTY(&g_walks.ready)) {
		g_walks.visit_sent =
			spdk_thread_send_msg(spdk_get_thread(), visit_by_message, NULL) == 0;
	}
}

static void
make_ready(struct rpc_walk *walk)
{
	walk->state = RPC_WALK_READY;
	TAILQ_INSERT_TAIL(&g_walks.ready, walk, link);
}

static bool
client_reads(const struct spdk_jsonrpc_server_conn *conn)
{
	return conn->link == NULL || conn->refused || link_backlog(conn->link) < RPC_ENOUGH_BACKLOG;
}

void
rpc_walk_conn_changed(struct spdk_jsonrpc_server_conn *conn)
{
	struct rpc_walk *walk;

	while ((walk = TAILQ_FIRST(&conn->walks)) != NULL && client_reads(conn)) {
		if (walk->state == RPC_WALK_QUEUED) {
			if (conn->num_walks == WALKS_PER_LINK && conn->link != NULL) {
				break;
			}
			conn->num_walks++;
		}
		TAILQ_REMOVE(&conn->walks, walk, link);
		make_ready(walk);
	}
	visit_soon();
}

static void
walk_end(struct rpc_walk *walk)
{
	struct spdk_jsonrpc_server_conn *conn = walk->conn;

	walk->ops->end(walk);
	conn->num_walks--;
	rpc_walk_conn_changed(conn);
	rpc_conn_unref(conn);
}

static void
walk_fail(struct rpc_walk *walk, int rc)
{
	spdk_jsonrpc_send_error_response(walk->request, rc, spdk_strerror(-rc));
	walk_end(walk);
}

/* As many steps as fit the visit. Returns the time. */
static uint64_t
visit(struct rpc_walk *walk, uint64_t begin)
{
	uint64_t budget = spdk_get_ticks_hz() / 1000000 * RPC_WALK_VISIT_US, now = begin, before;
	const struct rpc_walk_ops *ops = walk->ops;
	int rc;

	if (!rpc_request_is_awaited(walk->request)) {
		walk_fail(walk, -ECANCELED); /* nobody hears of it */
		return now;
	}
	if (!client_reads(walk->conn)) {
		walk->state = RPC_WALK_HELD;
		TAILQ_INSERT_HEAD(&walk->conn->walks, walk, link);
		return now;
	}
	walk->state = RPC_WALK_VISITED;
	walk->go_on = false;
	if (!walk->begun) {
		walk->begun = true;
		if (ops->begin != NULL) {
			ops->begin(walk);
		}
	}
	do {
		before = now;
		rc = codec_buf_size(&walk->request->buf) > RPC_MAX_REPLY ? RPC_WALK_DONE
		                                                         : ops->step(walk);
		if (rc == RPC_WALK_WAIT && walk->go_on) {
			walk->go_on = false;
			rc = RPC_WALK_MORE;
		}
		now = spdk_get_ticks();
		/* If one more step of that length fits. */
	} while (rc == RPC_WALK_MORE && now - begin + (now - before) <= budget);
	if (rc == RPC_WALK_MORE) {
		make_ready(walk);
	} else if (rc == RPC_WALK_WAIT) {
		walk->state = RPC_WALK_WAITING;
	} else if (rc == RPC_WALK_DONE) {
		ops->answer(walk);
		walk_end(walk);
	} else {
		walk_fail(walk, rc);
	}
	return now;
}

static void
visit_by_message(void *ctx)
{
	uint64_t begin = spdk_get_ticks(), now = begin;
	uint64_t budget = spdk_get_ticks_hz() / 1000000 * RPC_WALK_VISIT_US;
	struct rpc_walk *walk;

	g_walks.visit_sent = false;
	g_walks.visited_at = begin;
	while ((walk = TAILQ_FIRST(&g_walks.ready)) != NULL && now - begin < budget / 2) {
		TAILQ_REMOVE(&g_walks.ready, walk, link);
		now = visit(walk, begin);
	}
	visit_soon();
}

uint64_t
rpc_walk_visited_at(void)
{
	uint64_t at = g_walks.visited_at;

	g_walks.visited_at = 0;
	return at;
}

static void
walk_init(struct rpc_walk *walk, const struct rpc_walk_ops *ops,
          struct spdk_jsonrpc_request *request)
{
	walk->ops = ops;
	walk->request = request;
	walk->conn = request->conn;
	walk->w = NULL;
	walk->begun = false;
	walk->conn->refs++;
}

static void
walk_queue(struct rpc_walk *walk)
{
	walk->state = RPC_WALK_QUEUED;
	TAILQ_INSERT_TAIL(&walk->conn->walks, walk, link);
	rpc_walk_conn_changed(walk->conn);
}

void
rpc_walk_start(struct rpc_walk *walk, const struct rpc_walk_ops *ops,
               struct spdk_jsonrpc_request *request)
{
	struct spdk_jsonrpc_server_conn *conn = request->conn;

	walk_init(walk, ops, request);
	if (TAILQ_EMPTY(&conn->walks) && TAILQ_EMPTY(&g_walks.ready) &&
	    conn->num_walks < WALKS_PER_LINK) {
		conn->num_walks++;
		visit(walk, spdk_get_ticks());
		visit_soon();
	} else {
		walk_queue(walk);
	}
}

void
rpc_walk_queue(struct rpc_walk *walk, const struct rpc_walk_ops *ops,
               struct spdk_jsonrpc_request *request)
{
	walk_init(walk, ops, request);
	walk_queue(walk);
}

void
rpc_walk_go_on(struct rpc_walk *walk)
{
	if (walk->state == RPC_WALK_VISITED) {
		walk->go_on = true;
		return;
	}
	make_ready(walk);
	visit_soon();
}

void
rpc_walk_stop_all(void)
{
	struct rpc_walk *walk;

	/* Their connections have ended. */
	while ((walk = TAILQ_FIRST(&g_walks.ready)) != NULL) {
		TAILQ_REMOVE(&g_walks.ready, walk, link);
		visit(walk, 0);
	}
}
