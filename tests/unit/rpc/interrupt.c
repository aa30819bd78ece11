/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The server on a thread that sleeps, with real links and clients that ring for it: whoever rings
 * is served, and nobody is called while there is nothing to do. */
/* links: client */

#include "spdk/stdinc.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include <poll.h>

#include "core/rpc/rpc_internal.h"
#include "core/thread/thread_internal.h"
#include "ipc/client/client_ring.h"
#include "ipc/gate/gate.h"
#include "ipc/link/layout.h"
#include "ipc/link/link.h"
#include "ipc/link/link_internal.h"
#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"
#include "tests/unit/ways.h"

#define PATIENCE_MS 5000

/* --- the gate --------------------------------------------------------------------------------- */

static unsigned g_dones, g_kills;

void
gate_link_done(struct link *link)
{
	g_dones++;
	link_destroy(link);
}

int
gate_link_kill(struct link *link, const char *reason)
{
	g_kills++;
	return 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

static struct spdk_thread *g_app;
static struct spdk_jsonrpc_request *g_held[RPC_MAX_OUTSTANDING + 16];
static unsigned g_num_held, g_calls;
static bool g_stopped;

static void
answer(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_calls++;
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("answer", answer, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
keep(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_held[g_num_held++] = request;
}
SPDK_RPC_REGISTER("keep", keep, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
much(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	unsigned i;

	/* More than all slots of the response ring. */
	spdk_json_write_array_begin(w);
	for (i = 0; i < 500000; i++) {
		spdk_json_write_uint32(w, 0x12345678);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("much", much, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* Give the thread the turns it has reason for, until there is none. Returns how many. */
static unsigned
turns(void)
{
	struct pollfd pfd = { .fd = spdk_thread_get_interrupt_fd(g_app), .events = POLLIN };
	unsigned n = 0;

	while (poll(&pfd, 1, 0) == 1) {
		spdk_thread_poll(g_app, 0, 0);
		if (++n > 100000) {
			CU_FAIL("it never comes to rest");
			break;
		}
	}
	return n;
}

static void
on_app(void)
{
	spdk_set_thread(g_app);
}

/* --- a client --------------------------------------------------------------------------------- */

struct peer {
	struct link *link;
	struct client_ring ring;
	int bell;
	unsigned rings;
	unsigned answers;
	uint32_t next_id;
};

static void
peer_attach(struct peer *peer, const char *name)
{
	struct gate_geometry geometry;

	memset(peer, 0, sizeof(*peer));
	REQUIRE(link_create(&peer->link, 1, GATE_ROLE_ADMIN, name, getpid(), -1) == 0);
	geometry = link_geometry(peer->link);
	REQUIRE(client_ring_init(&peer->ring, link_memory(peer->link), geometry.link_size,
	                         &geometry) == 0);
	peer->bell = link_bell(peer->link);
	rpc_server_link_up(NULL, peer->link);
}

static void
ring_if_armed(struct peer *peer, uint32_t reason)
{
	if (client_ring_must_wake(&peer->ring, reason)) {
		peer->rings++;
		client_ring_bell(peer->bell);
	}
}

/* Returns whether there was room for it. */
static bool
peer_ask(struct peer *peer, const char *method)
{
	struct codec_buf buf;
	size_t len;

	codec_buf_init(&buf);
	codec_put_request(&buf, peer->next_id++, method, NULL, 0);
	len = client_ring_push(&peer->ring, buf.data, buf.len);
	codec_buf_free(&buf);
	ring_if_armed(peer, LINK_ARM_MESSAGE);
	return len > 0;
}

/* Read what has come: at most `max` fragments. */
static void
peer_read(struct peer *peer, unsigned max)
{
	const void *data;
	size_t len;
	bool more;

	while (max-- > 0 && client_ring_peek(&peer->ring, &data, &len, &more) == 1) {
		client_ring_release(&peer->ring);
		peer->answers += !more;
	}
	ring_if_armed(peer, LINK_ARM_SPACE);
}

/* --- the frame -------------------------------------------------------------------------------- */

static void
stopped(void *ctx)
{
	g_stopped = true;
}

static void
begin(void)
{
	g_num_held = g_calls = g_dones = g_kills = 0;
	g_stopped = false;
	REQUIRE(spdk_thread_lib_init(NULL, 0) == 0);
	g_app = fake_thread("app_thread");
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	on_app();
	REQUIRE(rpc_server_start() == 0);
	spdk_set_thread(NULL);
	REQUIRE(thread_interrupt_enter(g_app) == 0);
	turns();
}

static void
end(void)
{
	on_app();
	rpc_server_stop(stopped, NULL);
	spdk_set_thread(NULL);
	turns();
	CHECK(g_stopped);
	thread_interrupt_leave(g_app);
	fake_thread_end(g_app);
	spdk_thread_lib_fini();
}

/* --- tests ------------------------------------------------------------------------------------ */

static void
rings_and_is_answered(void)
{
	struct peer a, b;
	unsigned i;

	begin();
	peer_attach(&a, "a");
	peer_attach(&b, "b");
	CHECK(turns() > 0);
	CHECK_EQ(turns(), 0);
	for (i = 1; i <= 1000; i++) {
		struct peer *peer = i % 3 == 0 ? &b : &a;
		unsigned rings = peer->rings;

		CHECK(peer_ask(peer, "answer"));
		CHECK_EQ(peer->rings, rings + 1);
		turns();
		CHECK_EQ(g_calls, i);
		peer_read(peer, 1);
	}
	CHECK_EQ(a.answers + b.answers, 1000);
	/* Many at once, one ring: more than one turn serves. */
	a.rings = 0;
	for (i = 0; i < 60; i++) {
		CHECK(peer_ask(&a, "answer"));
	}
	CHECK_EQ(a.rings, 1);
	turns();
	CHECK_EQ(g_calls, 1060);
	CHECK_EQ(turns(), 0);
	/* Who goes is not waited for any more. */
	rpc_server_link_down(NULL, a.link);
	turns();
	CHECK_EQ(g_dones, 1);
	CHECK(peer_ask(&b, "answer"));
	turns();
	CHECK_EQ(g_calls, 1061);
	end();
	CHECK_EQ(g_dones, 2);
	CHECK_EQ(g_kills, 0);
}

/* An answer that waits for slots goes on when the reader has made some. */
static void
long_answers(void)
{
	struct peer a;
	unsigned i;

	begin();
	peer_attach(&a, "a");
	turns();
	CHECK(peer_ask(&a, "much"));
	turns();
	CHECK(link_has_backlog(a.link));
	CHECK_EQ(turns(), 0);
	for (i = 0; i < 1000 && a.answers == 0; i++) {
		peer_read(&a, 7);
		turns();
	}
	CHECK_EQ(a.answers, 1);
	/* The same for one that is given between turns. */
	CHECK(peer_ask(&a, "keep"));
	turns();
	REQUIRE(g_num_held == 1);
	on_app();
	much(g_held[0], NULL);
	spdk_set_thread(NULL);
	CHECK(link_has_backlog(a.link));
	for (i = 0; i < 1000 && a.answers == 1; i++) {
		peer_read(&a, 7);
		turns();
	}
	CHECK_EQ(a.answers, 2);
	end();
}

static void
paused(void)
{
	struct peer a, confd;

	begin();
	peer_attach(&a, "a");
	peer_attach(&confd, "confd");
	turns();
	on_app();
	rpc_server_pause();
	spdk_set_thread(NULL);
	CHECK(peer_ask(&a, "answer"));
	turns();
	CHECK(peer_ask(&a, "answer"));
	turns();
	CHECK_EQ(g_calls, 0);
	CHECK_EQ(turns(), 0); /* they wait, and we sleep */
	CHECK(peer_ask(&confd, "answer"));
	turns();
	CHECK_EQ(g_calls, 1);
	on_app();
	rpc_server_resume();
	spdk_set_thread(NULL);
	turns();
	CHECK_EQ(g_calls, 3);
	end();
}

static void
too_many_under_way(void)
{
	unsigned i, want = RPC_MAX_OUTSTANDING + 10;
	struct peer a;

	begin();
	peer_attach(&a, "a");
	turns();
	for (i = 0; i < want; i++) {
		CHECK(peer_ask(&a, "keep"));
		turns();
	}
	CHECK_EQ(g_num_held, RPC_MAX_OUTSTANDING);
	CHECK_EQ(turns(), 0);
	for (i = 0; i < want; i++) {
		on_app();
		spdk_jsonrpc_send_bool_response(g_held[i], true);
		spdk_set_thread(NULL);
		turns();
		peer_read(&a, 64);
	}
	CHECK_EQ(g_num_held, want);
	CHECK_EQ(a.answers, want);
	end();
}

/* A server that starts asleep, and has no link for a while: its poller rests then. */
static void
links_come_and_go(void)
{
	struct peer a;
	unsigned i;

	begin();
	on_app();
	rpc_server_stop(stopped, NULL);
	spdk_set_thread(NULL);
	turns();
	CHECK(g_stopped);
	g_stopped = false;
	on_app();
	REQUIRE(rpc_server_start() == 0);
	spdk_set_thread(NULL);
	for (i = 1; i <= 5; i++) {
		CHECK(i > 2 || turns() < 100);
		peer_attach(&a, "a");
		if (i % 2 == 0) {
			turns();
		}
		CHECK(peer_ask(&a, "answer"));
		turns();
		CHECK(peer_ask(&a, "answer"));
		turns();
		CHECK_EQ(g_calls, 2 * i);
		rpc_server_link_down(NULL, a.link);
		if (i % 3 != 0) {
			turns();
		}
	}
	turns();
	CHECK_EQ(g_dones, 5);
	end();
}

/* Into poll mode and back, with requests in the ring. */
static void
there_and_back(void)
{
	struct peer a;
	unsigned i, calls = 0;

	begin();
	peer_attach(&a, "a");
	turns();
	for (i = 0; i < 100; i++) {
		bool before = i % 2 == 0;

		calls += before && peer_ask(&a, "answer");
		thread_interrupt_leave(g_app);
		calls += !before && peer_ask(&a, "answer");
		spdk_thread_poll(g_app, 0, 0);
		spdk_thread_poll(g_app, 0, 0);
		CHECK_EQ(g_calls, calls);
		calls += before && peer_ask(&a, "answer");
		REQUIRE(thread_interrupt_enter(g_app) == 0);
		calls += !before && peer_ask(&a, "answer");
		turns();
		CHECK_EQ(g_calls, calls);
		peer_read(&a, 64);
	}
	CHECK_EQ(a.answers, 200);
	end();
}

static void
who_breaks_the_rules(void)
{
	struct peer a;

	begin();
	peer_attach(&a, "a");
	turns();
	/* Its tail beyond all that the ring can hold. */
	a.ring.requests->prod.tail += 1000;
	client_ring_bell(a.bell);
	turns();
	CHECK_EQ(g_kills, 1);
	client_ring_bell(a.bell);
	turns();
	CHECK_EQ(g_kills, 1);
	/* The same while nothing of it is looked at. */
	rpc_server_link_down(NULL, a.link);
	turns();
	peer_attach(&a, "a");
	turns();
	on_app();
	rpc_server_pause();
	spdk_set_thread(NULL);
	a.ring.requests->prod.tail += 1000;
	client_ring_bell(a.bell);
	turns();
	CHECK_EQ(g_kills, 2);
	CHECK_EQ(turns(), 0);
	end();
}

/* However many ring at once, a turn is not much more than one look around. */
static void
a_crowd(void)
{
	struct peer peers[6];
	unsigned i, n;

	begin();
	for (i = 0; i < SPDK_COUNTOF(peers); i++) {
		peer_attach(&peers[i], "one of many");
	}
	turns();
	for (i = 0; i < SPDK_COUNTOF(peers); i++) {
		for (n = 0; n < 50; n++) {
			CHECK(peer_ask(&peers[i], "answer"));
		}
	}
	spdk_thread_poll(g_app, 0, 0);
	CHECK(g_calls > 0 && g_calls <= 2 * 32);
	turns();
	CHECK_EQ(g_calls, 300);
	end();
}

/* The bell is the peer's, too: who makes it impossible to wait for the app thread is let go of. */
static void
who_uses_up_the_ways(void)
{
	int reactor = epoll_create1(EPOLL_CLOEXEC);
	struct ways ways, also;
	struct peer a, b, c;

	begin();
	peer_attach(&a, "a");
	peer_attach(&b, "b");
	turns();
	thread_interrupt_leave(g_app);
	CHECK_EQ(ways_take(&ways, a.bell), 500);
	REQUIRE(thread_interrupt_enter(g_app) == 0);
	turns();
	CHECK_EQ(g_kills, 1);
	CHECK_EQ(ways_add(reactor, spdk_thread_get_interrupt_fd(g_app)), 0);
	CHECK(peer_ask(&b, "answer"));
	turns();
	CHECK_EQ(g_calls, 1);
	/* Before he is known. */
	REQUIRE(link_create(&c.link, 1, GATE_ROLE_ADMIN, "c", getpid(), -1) == 0);
	CHECK_EQ(ways_take(&also, link_bell(c.link)), 500);
	rpc_server_link_up(NULL, c.link);
	turns();
	CHECK_EQ(g_kills, 2);
	/* He that has been let go of does no harm later. */
	thread_interrupt_leave(g_app);
	REQUIRE(thread_interrupt_enter(g_app) == 0);
	turns();
	CHECK_EQ(g_kills, 2);
	CHECK(peer_ask(&b, "answer"));
	turns();
	CHECK_EQ(g_calls, 2);
	end();
	ways_give_back(&ways);
	ways_give_back(&also);
	close(reactor);
}

static const struct test_case cases[] = {
	TEST(rings_and_is_answered), TEST(long_answers),         TEST(paused),
	TEST(too_many_under_way),    TEST(there_and_back),       TEST(who_breaks_the_rules),
	TEST(links_come_and_go),     TEST(who_uses_up_the_ways), TEST(a_crowd),
};
TEST_MAIN("rpc/interrupt", cases)
