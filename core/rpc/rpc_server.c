/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Links, and the poller that serves them: one request of each in turn, or one chunk of what waits
 * to be read, until there is nothing to do or the time of this poll is over. A link is ours from
 * link_up() until we say gate_link_done(); requests that are under way then keep only the
 * connection object, and their answers go nowhere.
 *
 * In interrupt mode the same poll is made when a link's bell rings, and by a message to ourselves
 * when something was left over or has changed on our side. When it finds nothing to do, every link
 * is armed: from then on either its peer will ring, or has. */

#include <sys/epoll.h>

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/thread.h"

#include "calandria/stats.h"
#include "core/rpc/cpu_times.h"
#include "core/rpc/rpc_internal.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "ipc/link/link.h"

/* One poll takes so long, or as long as its one piece of work: a request is not interrupted, nor is
 * a copy of one chunk, which takes some 3 µs when the peer has the slot in its cache. Another piece
 * is begun if it fits, supposed that it is like the last one. A visit of walks (rpc_walk.c) in the
 * same turn of the thread counts. */
#define POLL_MAX_US    4
#define POLL_MAX_WORKS 32
/* A peer that has so much to read (RPC_ENOUGH_BACKLOG) and takes nothing for so long loses its
 * link. */
#define STALL_US 2000000
/* What an ending server still tries to deliver to one link: as much as its ring takes. */
#define STOP_MAX_BYTES (1u << 20)
/* The pool of chunks that replies are written to: 4 MiB, which is bdev_get_bdevs over 1000 block
 * devices for eight clients at once. When only so many are left it grows, up to a size. */
#define POOL_CHUNKS     512
#define POOL_LOW_CHUNKS 128
#define POOL_MAX_CHUNKS 8192

TAILQ_HEAD(rpc_conn_list, spdk_jsonrpc_server_conn);

static struct {
	bool running;
	bool paused;
	bool in_interrupt;
	bool again_sent; /* a message will serve */
	struct spdk_poller *poller;
	struct spdk_poller *stall_poller; /* while somebody does not read */
	uint64_t budget_ticks;
	uint64_t turn_began; /* since when this turn is ours, 0: not yet */
	bool pool_grows;     /* asked for; atomic, cleared by the control pthread */
	unsigned num_conns;
	struct rpc_conn_list conns;
	struct rpc_link_watch *watches;
	void (*done)(void *ctx);
	void *done_ctx;
} g_server = {
	.conns = TAILQ_HEAD_INITIALIZER(g_server.conns),
};

static void serve_soon(void);
static bool arm_all(void);

/* --- one link --------------------------------------------------------------------------------- */

/* Without memory it is said later: its peer would wait for ever. */
static void
conn_refusal_say(struct spdk_jsonrpc_server_conn *conn)
{
	if (conn->unsaid != NULL && gate_link_kill(conn->link, conn->unsaid) != -ENOMEM) {
		conn->unsaid = NULL;
	}
	if (conn->unsaid != NULL) {
		serve_soon();
	}
}

void
rpc_conn_refuse(struct spdk_jsonrpc_server_conn *conn, const char *reason)
{
	if (conn->link != NULL && !conn->refused) {
		conn->refused = true;
		conn->unsaid = reason;
		conn_refusal_say(conn);
	}
}

void
rpc_conn_send(struct spdk_jsonrpc_server_conn *conn, struct codec_chain *reply)
{
	if (conn->link == NULL || conn->refused) {
		codec_chain_free(reply);
		return;
	}
	if (link_send(conn->link, reply) != 0) {
		rpc_conn_refuse(conn, "it does not read its responses");
	} else if (link_has_backlog(conn->link)) {
		serve_soon(); /* and then wait for slots */
	}
}

/* From here on the turn's time runs. */
static void
turn_begin(void)
{
	if (g_server.turn_began == 0) {
		g_server.turn_began = spdk_get_ticks();
	}
}

/* Take one request, or a part of a long one. Returns whether there was any. */
static bool
conn_serve(struct spdk_jsonrpc_server_conn *conn)
{
	const void *msg;
	size_t len;
	int rc;

	rc = link_recv(conn->link, &msg, &len);
	if (rc == 0) {
		return false;
	}
	turn_begin();
	if (rc < 0) {
		rpc_conn_refuse(conn, rc == -EMSGSIZE ? "its request is too large"
		                                      : "it broke the layout of its ring");
	} else if (rc == 1) {
		cal_stats_links()->requests++;
		if (rpc_request_handle(conn, msg, len) != 0) {
			rpc_conn_refuse(conn, "what it sent is no request");
		}
	}
	return true;
}

static bool
conn_has_enough(const struct spdk_jsonrpc_server_conn *conn)
{
	return !conn->refused && link_backlog(conn->link) >= RPC_ENOUGH_BACKLOG;
}

/* Write a chunk of what waits to be read. Returns whether there was room. */
static bool
conn_flush(struct spdk_jsonrpc_server_conn *conn)
{
	if (link_flush(conn->link, LINK_MAX_BYTES_PER_CALL) == 0) {
		return false;
	}
	conn->stalled = false;
	rpc_walk_conn_changed(conn);
	return true;
}

static int
stall_poll(void *arg)
{
	struct spdk_jsonrpc_server_conn *conn;
	bool again = false;

	TAILQ_FOREACH (conn, &g_server.conns, tailq) {
		/* There may be room that we had no time to see: then we were too slow. */
		if (conn_has_enough(conn) && conn->stalled && !conn_flush(conn)) {
			rpc_conn_refuse(conn, "it does not read its responses");
		}
		conn->stalled = conn_has_enough(conn); /* until it takes something */
		again |= conn->stalled;
	}
	if (!again) {
		spdk_poller_unregister(&g_server.stall_poller);
	}
	return SPDK_POLLER_BUSY;
}

static bool
conn_may_ask(const struct spdk_jsonrpc_server_conn *conn)
{
	return (!g_server.paused || conn->caller.config) && !rpc_conn_is_full(conn) &&
	       !conn_has_enough(conn);
}

/* One piece of work for one link. Returns whether there was any. */
static bool
conn_poll(struct spdk_jsonrpc_server_conn *conn)
{
	bool busy = false;

	if (conn->refused) {
		conn_refusal_say(conn);
		return false;
	}
	if (link_has_backlog(conn->link)) {
		turn_begin();
		busy = conn_flush(conn);
		if (!busy && conn_has_enough(conn) && g_server.stall_poller == NULL) {
			g_server.stall_poller = SPDK_POLLER_REGISTER(stall_poll, NULL, STALL_US);
		}
	}
	if (!busy && conn_may_ask(conn)) {
		busy = conn_serve(conn);
	}
	return busy;
}

static void
pool_grow(void *ctx)
{
	codec_pool_grow(POOL_LOW_CHUNKS);
	__atomic_store_n(&g_server.pool_grows, false, __ATOMIC_RELAXED);
}

static void
pool_check(void)
{
	if (spdk_likely(codec_pool_available() >= POOL_LOW_CHUNKS) ||
	    codec_pool_size() >= POOL_MAX_CHUNKS ||
	    __atomic_load_n(&g_server.pool_grows, __ATOMIC_RELAXED)) {
		return;
	}
	__atomic_store_n(&g_server.pool_grows, true, __ATOMIC_RELAXED);
	if (control_post(pool_grow, NULL) != 0) {
		__atomic_store_n(&g_server.pool_grows, false, __ATOMIC_RELAXED);
	}
}

static int
rpc_server_poll(void *arg)
{
	unsigned quiet = 0, works = 0;
	uint64_t now, before = 0;

	g_server.turn_began = rpc_walk_visited_at();
	/* The list is turned as it is served, so the next poll goes on where this one stopped. A
	 * handler may stop the server. */
	while (g_server.running && quiet < g_server.num_conns && works < POLL_MAX_WORKS) {
		struct spdk_jsonrpc_server_conn *conn = TAILQ_FIRST(&g_server.conns);

		TAILQ_REMOVE(&g_server.conns, conn, tailq);
		TAILQ_INSERT_TAIL(&g_server.conns, conn, tailq);
		if (!conn_poll(conn)) {
			quiet++;
			continue;
		}
		quiet = 0;
		works++;
		now = spdk_get_ticks();
		before = before != 0 ? before : g_server.turn_began;
		if (now - g_server.turn_began + (now - before) > g_server.budget_ticks) {
			break;
		}
		before = now;
	}
	if (works > 0) {
		pool_check();
	}
	/* Whoever called: what was looked at is not armed any more. */
	if (spdk_unlikely(g_server.in_interrupt) && arm_all()) {
		serve_soon();
	}
	return works > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

/* --- interrupt mode --------------------------------------------------------------------------- */

static void serve_again(void *ctx);

static void
serve_soon(void)
{
	if (g_server.running && g_server.in_interrupt && !g_server.again_sent) {
		g_server.again_sent =
			spdk_thread_send_msg(spdk_get_thread(), serve_again, NULL) == 0;
	}
}

/* Ask all links for a bell. Returns whether one has work for us already. */
static bool
arm_all(void)
{
	struct spdk_jsonrpc_server_conn *conn;
	bool work = false;
	int rc;

	TAILQ_FOREACH (conn, &g_server.conns, tailq) {
		if (conn->refused) {
			continue;
		}
		rc = link_arm(conn->link, conn_may_ask(conn));
		if (rc < 0) {
			rpc_conn_refuse(conn, "it broke the layout of its ring");
		}
		work |= rc > 0;
	}
	return work;
}

static void
serve_again(void *ctx)
{
	g_server.again_sent = false;
	if (g_server.in_interrupt) {
		rpc_server_poll(NULL);
	}
}

void
rpc_conn_may_ask_again(void)
{
	serve_soon();
}

/* Whether a group with the bell in it may stand in another group. The kernel counts the ways from a
 * descriptor through groups in groups, and the peer, whose descriptor it is too, can use them up:
 * then no reactor could wait for the app thread. It costs him the link instead, at the latest when
 * the reactor tries again and we begin anew. */
static bool
bell_can_be_nested(int bell)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int inner = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC);
	bool can;

	can = epoll_ctl(inner, EPOLL_CTL_ADD, bell, &event) == 0 &&
	      epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) == 0;
	close(outer);
	close(inner);
	return can;
}

/* Many may ring in one turn: what was left over is for the next one. */
static int
bell_rang(void *arg)
{
	return g_server.again_sent ? SPDK_POLLER_IDLE : rpc_server_poll(NULL);
}

static void
conn_watch(struct spdk_jsonrpc_server_conn *conn)
{
	if (conn->refused) {
		return;
	}
	/* Edge-triggered, so that nobody has to read what the peer may read too. */
	if (bell_can_be_nested(link_bell(conn->link))) {
		conn->bell = spdk_interrupt_register_for_events(
			link_bell(conn->link), SPDK_INTERRUPT_EVENT_IN | SPDK_INTERRUPT_EVENT_ET,
			bell_rang, NULL, "link");
	}
	if (conn->bell == NULL) {
		rpc_conn_refuse(conn, "its bell cannot be waited for");
	}
}

static void
server_mode(struct spdk_poller *poller, void *arg, bool interrupt_mode)
{
	struct spdk_jsonrpc_server_conn *conn;

	if (g_server.in_interrupt == interrupt_mode) {
		return;
	}
	g_server.in_interrupt = interrupt_mode;
	TAILQ_FOREACH (conn, &g_server.conns, tailq) {
		if (interrupt_mode) {
			conn_watch(conn);
		} else {
			spdk_interrupt_unregister(&conn->bell);
		}
	}
	serve_soon();
}

/* --- links come and go ------------------------------------------------------------------------ */

/* Let go of the link. The connection object lives on while requests need it. */
static void
conn_end(struct spdk_jsonrpc_server_conn *conn)
{
	spdk_jsonrpc_conn_closed_fn cb = conn->close_cb;
	struct link *link = conn->link;
	struct rpc_link_watch *watch;

	TAILQ_REMOVE(&g_server.conns, conn, tailq);
	g_server.num_conns--;
	conn->link = NULL;
	conn->close_cb = NULL;
	if (conn->bell != NULL) {
		spdk_interrupt_unregister(&conn->bell);
	}
	if (g_server.num_conns == 0 && g_server.poller != NULL) {
		spdk_poller_pause(g_server.poller);
	}
	gate_link_done(link);
	if (cb != NULL) {
		cb(conn, conn->close_ctx);
	}
	for (watch = g_server.watches; watch != NULL; watch = watch->next) {
		watch->gone(conn);
	}
	rpc_walk_conn_changed(conn);
	rpc_conn_unref(conn);
}

void
rpc_server_watch_links(struct rpc_link_watch *watch)
{
	watch->next = g_server.watches;
	g_server.watches = watch;
}

static void
link_up_on_app(void *ctx)
{
	struct spdk_jsonrpc_server_conn *conn = ctx;

	if (!g_server.running) {
		gate_link_done(conn->link);
		free(conn);
		return;
	}
	TAILQ_INSERT_TAIL(&g_server.conns, conn, tailq);
	g_server.num_conns++;
	spdk_poller_resume(g_server.poller);
	if (g_server.in_interrupt) {
		conn_watch(conn);
		serve_soon();
	}
}

static void
link_down_on_app(void *ctx)
{
	struct spdk_jsonrpc_server_conn *conn;

	/* `ctx` is only compared: a stop may have let go of the link already. */
	TAILQ_FOREACH (conn, &g_server.conns, tailq) {
		if (conn->link == ctx) {
			conn_end(conn);
			return;
		}
	}
}

void
rpc_server_link_up(void *ctx, struct link *link)
{
	struct spdk_thread *app = spdk_thread_get_app_thread();
	struct spdk_jsonrpc_server_conn *conn = calloc(1, sizeof(*conn));
	const char *name = link_peer_name(link);
	bool service = link_role(link) == GATE_ROLE_SERVICE;

	if (conn != NULL) {
		conn->link = link;
		conn->refs = 1;
		TAILQ_INIT(&conn->walks);
		conn->caller.role = strcmp(name, "mond") == 0 ? GATE_ROLE_MONITOR : link_role(link);
		conn->caller.config =
			conn->caller.role != GATE_ROLE_MONITOR && strcmp(name, "confd") == 0;
		conn->caller.monitor = service && strcmp(name, "mond") == 0;
		conn->for_others =
			conn->caller.role != GATE_ROLE_MONITOR && strcmp(name, "rpcd") == 0;
		conn->pid = link_peer_pid(link);
		snprintf(conn->name, sizeof(conn->name), "%s", name);
		if (app != NULL && spdk_thread_send_msg(app, link_up_on_app, conn) == 0) {
			return;
		}
		free(conn);
	}
	(void)gate_link_kill(link, "the RPC server does not run");
	gate_link_done(link);
}

void
rpc_server_link_down(void *ctx, struct link *link)
{
	struct spdk_thread *app = spdk_thread_get_app_thread();

	/* Without an app thread the server has stopped and has let go of every link. */
	if (app != NULL) {
		spdk_thread_send_msg(app, link_down_on_app, link);
	}
}

/* --- the server ------------------------------------------------------------------------------- */

int
rpc_server_prepare(void)
{
	unsigned size = codec_pool_size();

	return size < POOL_CHUNKS ? codec_pool_grow(POOL_CHUNKS - size) : 0;
}

int
rpc_server_start(void)
{
	if (g_server.running) {
		return -EALREADY;
	}
	if (!spdk_rpc_verify_methods()) {
		return -EINVAL;
	}
	g_server.poller = SPDK_POLLER_REGISTER(rpc_server_poll, NULL, 0);
	if (g_server.poller == NULL) {
		return -ENOMEM;
	}
	/* Without a link it would cost every turn something and find nothing. */
	spdk_poller_pause(g_server.poller);
	g_server.budget_ticks = spdk_get_ticks_hz() / 1000000 * POLL_MAX_US;
	g_server.paused = false;
	g_server.again_sent = false;
	g_server.running = true;
	codec_pool_own(true);
	spdk_poller_register_interrupt(g_server.poller, server_mode, NULL);
	cpu_times_begin();
	return 0;
}

static void
stop_done(void *ctx)
{
	g_server.done(g_server.done_ctx);
}

void
rpc_server_stop(void (*done)(void *ctx), void *ctx)
{
	struct spdk_jsonrpc_server_conn *conn;

	g_server.running = false;
	g_server.in_interrupt = false;
	spdk_poller_unregister(&g_server.poller);
	spdk_poller_unregister(&g_server.stall_poller);
	while ((conn = TAILQ_FIRST(&g_server.conns)) != NULL) {
		/* The answer to what asked us to stop may still be on its way out. */
		if (!conn->refused && link_has_backlog(conn->link)) {
			link_flush(conn->link, STOP_MAX_BYTES);
		}
		conn_end(conn);
	}
	rpc_walk_stop_all();
	codec_pool_own(false);
	/* By message: the caller may be a handler, which is to return first. */
	g_server.done = done;
	g_server.done_ctx = ctx;
	spdk_thread_send_msg(spdk_get_thread(), stop_done, NULL);
}

void
rpc_server_pause(void)
{
	g_server.paused = true;
}

void
rpc_server_resume(void)
{
	g_server.paused = false;
	serve_soon();
}
