/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Walks: how much one visit does, what gets its turn in between, whose turn it is, and what ends a
 * walk. Links, thread and clock are defined here; a step takes as long as the test says. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "core/rpc/rpc_internal.h"
#include "core/rpc/rpc_walk.h"
#include "ipc/gate/gate.h"
#include "ipc/link/link.h"
#include "tests/unit/chain.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

#define NUM_LINKS 3
/* A visit in ticks, and the steps of half a microsecond that it makes. */
#define VISIT_TICKS (10ull * RPC_WALK_VISIT_US)
#define VISIT_STEPS (VISIT_TICKS / 5)

/* --- a thread and a clock, a tick a tenth of a microsecond ------------------------------------ */

static uint64_t g_ticks = 1;
static spdk_poller_fn g_poller, g_stall_poller;
static struct {
	spdk_msg_fn fn;
	void *ctx;
} g_msgs[256];
static unsigned g_num_msgs;

uint64_t
spdk_get_ticks(void)
{
	return g_ticks;
}

uint64_t
spdk_get_ticks_hz(void)
{
	return 10000000;
}

struct spdk_thread *
spdk_get_thread(void)
{
	return (struct spdk_thread *)&g_msgs;
}

struct spdk_thread *
spdk_thread_get_app_thread(void)
{
	return (struct spdk_thread *)&g_msgs;
}

int
spdk_thread_send_msg(const struct spdk_thread *thread, spdk_msg_fn fn, void *ctx)
{
	REQUIRE(g_num_msgs < SPDK_COUNTOF(g_msgs));
	g_msgs[g_num_msgs].fn = fn;
	g_msgs[g_num_msgs++].ctx = ctx;
	return 0;
}

struct spdk_poller *
spdk_poller_register_named(spdk_poller_fn fn, void *arg, uint64_t period, const char *name)
{
	if (period == 0) {
		g_poller = fn;
	} else {
		CHECK_EQ(period, 2000000);
		g_stall_poller = fn;
	}
	return (struct spdk_poller *)&g_poller;
}

void
spdk_poller_unregister(struct spdk_poller **poller)
{
	*poller = NULL;
}

void
spdk_poller_pause(struct spdk_poller *poller)
{
}

void
spdk_poller_resume(struct spdk_poller *poller)
{
}

void
spdk_poller_register_interrupt(struct spdk_poller *poller, spdk_poller_set_interrupt_mode_cb cb_fn,
                               void *cb_arg)
{
}

struct spdk_interrupt *
spdk_interrupt_register_for_events(int efd, uint32_t events, spdk_interrupt_fn fn, void *arg,
                                   const char *name)
{
	abort();
}

void
spdk_interrupt_unregister(struct spdk_interrupt **intr)
{
	abort();
}

/* One turn: the messages that are there, not those they send. Returns how many there were. */
static unsigned
messages(void)
{
	typeof(g_msgs[0]) now[SPDK_COUNTOF(g_msgs)];
	unsigned i, n = g_num_msgs;

	memcpy(now, g_msgs, n * sizeof(now[0]));
	g_num_msgs = 0;
	for (i = 0; i < n; i++) {
		now[i].fn(now[i].ctx);
	}
	return n;
}

/* --- links ------------------------------------------------------------------------------------ */

struct link {
	struct codec_buf in[32];
	unsigned num_in, next_in, num_out;
	void *out[64]; /* answers */
	size_t out_len[64];
	size_t backlog;
	bool stopped; /* it reads nothing */
	unsigned dones;
	unsigned kills;
};
static struct link g_links[NUM_LINKS];

int
link_recv(struct link *link, const void **msg, size_t *len)
{
	if (link->next_in == link->num_in) {
		return 0;
	}
	*msg = link->in[link->next_in].data;
	*len = link->in[link->next_in++].len;
	return 1;
}

int
link_send(struct link *link, struct codec_chain *response)
{
	REQUIRE(link->num_out < SPDK_COUNTOF(link->out));
	link->out[link->num_out] = chain_flatten(response, &link->out_len[link->num_out]);
	link->num_out++;
	return 0;
}

unsigned
link_flush(struct link *link, size_t max_bytes)
{
	size_t bytes = link->stopped ? 0 : spdk_min(link->backlog, max_bytes);

	link->backlog -= bytes;
	g_ticks += 30;
	return bytes > 0 ? 1 : 0;
}

bool
link_has_backlog(const struct link *link)
{
	return link->backlog > 0;
}

size_t
link_backlog(const struct link *link)
{
	return link->backlog;
}

int
link_arm(struct link *link, bool wanted)
{
	abort();
}

int
link_bell(const struct link *link)
{
	abort();
}

enum gate_role
link_role(const struct link *link)
{
	return GATE_ROLE_ADMIN;
}

const char *
link_peer_name(const struct link *link)
{
	return "test";
}

pid_t
link_peer_pid(const struct link *link)
{
	return 1;
}

void
gate_link_done(struct link *link)
{
	link->dones++;
}

int
gate_link_kill(struct link *link, const char *reason)
{
	CHECK_STR(reason, "it does not read its responses");
	CHECK(link->stopped);
	link->kills++;
	return 0;
}

/* --- a method: an array of 0 to n - 1 --------------------------------------------------------- */

struct counting {
	struct rpc_walk walk;
	uint32_t n, i;
	uint32_t wait_at;  /* before this number */
	bool wait_inside;  /* what is waited for is there before the step returns */
	uint32_t error_at; /* instead of this number */
	uint32_t text;     /* bytes of text with each number */
};

static uint64_t g_step_ticks;
static unsigned g_steps, g_begins, g_ends, g_under_way, g_most_under_way;
static struct counting *g_waiting;
static char g_text[1 << 20];

static const struct spdk_json_object_decoder counting_decoders[] = {
	{ "n", offsetof(struct counting, n), spdk_json_decode_uint32 },
	{ "wait_at", offsetof(struct counting, wait_at), spdk_json_decode_uint32, true },
	{ "wait_inside", offsetof(struct counting, wait_inside), spdk_json_decode_bool, true },
	{ "error_at", offsetof(struct counting, error_at), spdk_json_decode_uint32, true },
	{ "text", offsetof(struct counting, text), spdk_json_decode_uint32, true },
};

static void
counting_begin(struct rpc_walk *walk)
{
	walk->w = spdk_jsonrpc_begin_result(walk->request);
	spdk_json_write_array_begin(walk->w);
	g_begins++;
	g_under_way++;
	g_most_under_way = spdk_max(g_most_under_way, g_under_way);
}

static int
counting_step(struct rpc_walk *walk)
{
	struct counting *c = SPDK_CONTAINEROF(walk, struct counting, walk);

	g_steps++;
	g_ticks += g_step_ticks;
	if (c->i == c->wait_at) {
		c->wait_at = UINT32_MAX;
		if (c->wait_inside) {
			rpc_walk_go_on(walk);
		} else {
			g_waiting = c;
		}
		return RPC_WALK_WAIT;
	}
	if (c->i == c->error_at) {
		return -EIO;
	}
	if (c->i == c->n) {
		return RPC_WALK_DONE;
	}
	spdk_json_write_uint32(walk->w, c->i++);
	if (c->text > 0) {
		spdk_json_write_string_raw(walk->w, g_text, c->text);
	}
	return RPC_WALK_MORE;
}

static void
counting_answer(struct rpc_walk *walk)
{
	spdk_json_write_array_end(walk->w);
	spdk_jsonrpc_end_result(walk->request, walk->w);
}

static void
counting_end(struct rpc_walk *walk)
{
	g_ends++;
	g_under_way -= walk->begun;
	free(SPDK_CONTAINEROF(walk, struct counting, walk));
}

static const struct rpc_walk_ops counting_ops = {
	.begin = counting_begin,
	.step = counting_step,
	.answer = counting_answer,
	.end = counting_end,
};

static void
count_up(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct counting *c = calloc(1, sizeof(*c));

	REQUIRE(c != NULL);
	c->wait_at = c->error_at = UINT32_MAX;
	REQUIRE(spdk_json_decode_object(params, counting_decoders, SPDK_COUNTOF(counting_decoders),
	                                c) == 0);
	rpc_walk_start(&c->walk, &counting_ops, request);
}
SPDK_RPC_REGISTER("count_up", count_up, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- asking ----------------------------------------------------------------------------------- */

static bool g_stopped;

static void
stopped(void *ctx)
{
	g_stopped = true;
}

static void
begin(unsigned num_links)
{
	unsigned i;

	memset(g_links, 0, sizeof(g_links));
	memset(g_text, 'x', sizeof(g_text));
	g_steps = g_begins = g_ends = g_under_way = g_most_under_way = 0;
	g_step_ticks = 5;
	g_waiting = NULL;
	REQUIRE(rpc_server_start() == 0);
	for (i = 0; i < num_links; i++) {
		rpc_server_link_up(NULL, &g_links[i]);
	}
	messages();
}

static void
end(void)
{
	unsigned i, k;

	g_stopped = false;
	rpc_server_stop(stopped, NULL);
	while (messages() > 0) {
	}
	CHECK(g_stopped);
	CHECK_EQ(g_under_way, 0);
	for (i = 0; i < NUM_LINKS; i++) {
		for (k = 0; k < g_links[i].num_in; k++) {
			codec_buf_free(&g_links[i].in[k]);
		}
		for (k = 0; k < g_links[i].num_out; k++) {
			free(g_links[i].out[k]);
		}
	}
}

static void
ask(struct link *link, uint32_t id, const char *name, uint32_t value, uint32_t n)
{
	struct codec_buf params;

	REQUIRE(link->num_in < SPDK_COUNTOF(link->in));
	codec_buf_init(&params);
	codec_put_map(&params, name != NULL ? 2 : 1);
	codec_put_cstr(&params, "n");
	codec_put_uint(&params, n);
	if (name != NULL) {
		codec_put_cstr(&params, name);
		codec_put_uint(&params, value);
	}
	codec_buf_init(&link->in[link->num_in]);
	codec_put_request(&link->in[link->num_in++], id, "count_up", params.data, params.len);
	codec_buf_free(&params);
}

/* Whether an answer is 0 to n - 1. */
static bool
is_count(const struct link *link, unsigned which, uint32_t id, uint32_t n)
{
	struct codec_envelope env;
	struct codec_cursor cur;
	struct codec_item item;
	uint32_t i;

	if (which >= link->num_out ||
	    codec_parse(link->out[which], link->out_len[which], &env) != 0 || env.id != id ||
	    env.error.len != 0) {
		return false;
	}
	codec_cursor_init(&cur, env.result.data, env.result.len);
	item = codec_next(&cur);
	if (item.kind != CODEC_ARRAY || item.count != n) {
		return false;
	}
	for (i = 0; i < n; i++) {
		item = codec_next(&cur);
		if (item.kind != CODEC_UINT || item.u != i) {
			return false;
		}
	}
	return true;
}

static void
check_error(const struct link *link, unsigned which, int code)
{
	struct codec_envelope env;
	struct codec_span text;
	int got = 0;

	REQUIRE(which < link->num_out);
	REQUIRE(codec_parse(link->out[which], link->out_len[which], &env) == 0);
	REQUIRE(env.error.len > 0);
	CHECK_EQ(codec_parse_error(env.error.data, env.error.len, &got, &text), 0);
	CHECK_EQ(got, code);
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
short_ones_at_once(void)
{
	begin(1);
	g_step_ticks = 1;
	ask(&g_links[0], 7, NULL, 0, 3);
	g_poller(NULL);
	CHECK(is_count(&g_links[0], 0, 7, 3));
	CHECK_EQ(g_ends, 1);
	CHECK_EQ(g_num_msgs, 0);
	end();
}

/* A visit takes so long, and no longer. Then it is other messages' turn. */
static void
visits_are_short(void)
{
	unsigned turns, before;
	uint64_t began;

	begin(1);
	ask(&g_links[0], 1, NULL, 0, 999);
	g_poller(NULL);
	CHECK(g_steps <= VISIT_STEPS);
	for (turns = 0; g_links[0].num_out == 0 && turns < 1000; turns++) {
		CHECK_EQ(g_num_msgs, 1); /* one, and it was sent: others come between */
		before = g_steps;
		began = g_ticks;
		messages();
		CHECK(g_steps - before >= 1 && g_steps - before <= VISIT_STEPS);
		CHECK(g_ticks - began <= VISIT_TICKS);
		g_poller(NULL);
	}
	CHECK_EQ(turns, 1000 / VISIT_STEPS - 1);
	CHECK(is_count(&g_links[0], 0, 1, 999));

	/* A step that is longer than a visit is a visit. */
	g_step_ticks = 100;
	ask(&g_links[0], 2, NULL, 0, 20);
	g_poller(NULL);
	for (turns = 0; g_links[0].num_out == 1 && turns < 1000; turns++) {
		before = g_steps;
		messages();
		CHECK_EQ(g_steps - before, 1);
	}
	CHECK(is_count(&g_links[0], 1, 2, 20));
	end();
}

/* All together have the time of one, in turn; a link has four under way. */
static void
many_at_once(void)
{
	unsigned i, k, turns;
	uint64_t began;

	begin(NUM_LINKS);
	for (i = 0; i < NUM_LINKS; i++) {
		for (k = 0; k < 10; k++) {
			ask(&g_links[i], k, NULL, 0, 50 + 10 * k);
		}
	}
	for (turns = 0; g_ends < NUM_LINKS * 10 && turns < 5000; turns++) {
		began = g_ticks;
		messages();
		CHECK(g_ticks - began <= VISIT_TICKS);
		CHECK(g_num_msgs <= 1);
		g_poller(NULL);
		CHECK(g_under_way <= 4 * NUM_LINKS);
	}
	CHECK_EQ(g_most_under_way, 4 * NUM_LINKS);
	for (i = 0; i < NUM_LINKS; i++) {
		/* The shorter ones asked first, and so they are answered. */
		for (k = 0; k < 10; k++) {
			CHECK(is_count(&g_links[i], k, k, 50 + 10 * k));
		}
	}
	end();
}

static void
client_goes_away(void)
{
	unsigned i, steps;

	begin(2);
	for (i = 0; i < 10; i++) {
		ask(&g_links[0], i, NULL, 0, 100000);
	}
	ask(&g_links[1], 1, NULL, 0, 100);
	for (i = 0; i < 20; i++) {
		messages();
		g_poller(NULL);
	}
	CHECK_EQ(g_links[0].num_out, 0);
	rpc_server_link_down(NULL, &g_links[0]);
	messages();
	steps = g_steps;
	for (i = 0; i < 200 && g_ends < 11; i++) {
		messages();
		g_poller(NULL);
	}
	CHECK_EQ(g_ends, 11); /* also those that had not begun */
	CHECK(g_steps - steps <= 101);
	CHECK_EQ(g_links[0].num_out, 0);
	CHECK(is_count(&g_links[1], 0, 1, 100));
	end();
}

static void
client_does_not_read(void)
{
	unsigned i, steps;

	begin(2);
	ask(&g_links[0], 1, NULL, 0, 500);
	ask(&g_links[1], 1, NULL, 0, 500);
	g_poller(NULL);
	messages();
	g_poller(NULL);
	g_links[0].backlog = RPC_ENOUGH_BACKLOG + 3 * CODEC_CHUNK_SIZE;
	ask(&g_links[0], 2, NULL, 0, 1);
	/* Others get on; of this one nothing is taken. */
	for (i = 0; i < 1000 && g_links[1].num_out == 0; i++) {
		messages();
	}
	CHECK(is_count(&g_links[1], 0, 1, 500));
	CHECK_EQ(g_num_msgs, 0);
	CHECK_EQ(g_links[0].num_out, 0);
	CHECK_EQ(g_links[0].next_in, 1);
	/* It reads, and gets on. */
	steps = g_steps;
	for (i = 0; i < 3; i++) {
		CHECK_EQ(g_steps, steps);
		g_poller(NULL);
		messages();
	}
	for (i = 0; i < 2000 && g_links[0].num_out < 2; i++) {
		g_poller(NULL);
		messages();
	}
	CHECK_EQ(g_links[0].num_out, 2);
	CHECK(g_links[0].backlog < RPC_ENOUGH_BACKLOG);
	end();
}

/* While a client has that much to read and takes nothing, nothing more is taken from it. Fails
 * without conn_has_enough() in conn_may_ask(). */
static void
nothing_is_taken_from_who_does_not_read(void)
{
	unsigned i;

	begin(2);
	g_links[0].backlog = RPC_ENOUGH_BACKLOG;
	g_links[0].stopped = true;
	ask(&g_links[0], 1, NULL, 0, 1);
	ask(&g_links[1], 1, NULL, 0, 1);
	for (i = 0; i < 20; i++) {
		g_poller(NULL);
		messages();
	}
	CHECK_EQ(g_links[0].next_in, 0);
	CHECK(is_count(&g_links[1], 0, 1, 1));
	g_links[0].stopped = false;
	for (i = 0; i < 2000 && g_links[0].num_out == 0; i++) {
		g_poller(NULL);
		messages();
	}
	CHECK(is_count(&g_links[0], 0, 1, 1));
	end();
}

static void
client_stops_reading(void)
{
	unsigned i;

	begin(3);
	g_stall_poller = NULL;
	for (i = 0; i < 3; i++) {
		g_links[i].backlog = RPC_ENOUGH_BACKLOG + CODEC_CHUNK_SIZE * 4;
		g_links[i].stopped = true;
	}
	g_links[2].backlog = RPC_ENOUGH_BACKLOG - 1; /* not too much to be kept */
	g_poller(NULL);
	REQUIRE(g_stall_poller != NULL);
	g_stall_poller(NULL);
	CHECK_EQ(g_links[0].kills, 0);
	/* One reads, if slowly. */
	g_links[1].stopped = false;
	g_poller(NULL);
	g_links[1].stopped = true;
	g_stall_poller(NULL);
	CHECK_EQ(g_links[0].kills, 1);
	CHECK_EQ(g_links[1].kills, 0);
	CHECK_EQ(g_links[2].kills, 0);
	/* It has read, and only we have had no time to write. */
	g_links[1].stopped = false;
	g_stall_poller(NULL);
	CHECK_EQ(g_links[1].kills, 0);
	g_links[1].stopped = true;
	g_stall_poller(NULL);
	CHECK_EQ(g_links[1].kills, 1);
	end();
}

static void
waiting(void)
{
	unsigned i;

	begin(1);
	ask(&g_links[0], 1, "wait_at", 5, 10);
	for (i = 0; i < 50; i++) {
		g_poller(NULL);
		messages();
	}
	CHECK(g_waiting != NULL && g_links[0].num_out == 0 && g_num_msgs == 0);
	rpc_walk_go_on(&g_waiting->walk);
	for (i = 0; i < 50; i++) {
		messages();
	}
	CHECK(is_count(&g_links[0], 0, 1, 10));

	/* Its client has gone meanwhile: it ends when that is there, not before. */
	ask(&g_links[0], 2, "wait_at", 5, 10);
	for (i = 0; i < 50; i++) {
		g_poller(NULL);
		messages();
	}
	rpc_server_link_down(NULL, &g_links[0]);
	for (i = 0; i < 50; i++) {
		messages();
	}
	CHECK_EQ(g_ends, 1);
	rpc_walk_go_on(&g_waiting->walk);
	for (i = 0; i < 50; i++) {
		messages();
	}
	CHECK_EQ(g_ends, 2);
	end();
}

static void
stopped_while_waiting(void)
{
	unsigned i;

	begin(1);
	ask(&g_links[0], 1, "wait_at", 5, 10);
	ask(&g_links[0], 2, NULL, 0, 100);
	for (i = 0; i < 5; i++) {
		g_poller(NULL);
		messages();
	}
	rpc_server_stop(stopped, NULL);
	CHECK_EQ(g_ends, 1);
	while (messages() > 0) {
	}
	rpc_walk_go_on(&g_waiting->walk);
	end();
	CHECK_EQ(g_ends, 2);
}

static void
errors(void)
{
	unsigned i;

	begin(1);
	ask(&g_links[0], 1, "error_at", 50, 100);
	for (i = 0; i < 100; i++) {
		g_poller(NULL);
		messages();
	}
	check_error(&g_links[0], 0, -EIO);
	CHECK_EQ(g_ends, 1);

	/* More than an answer may be: it is not even written to the end. */
	ask(&g_links[0], 2, "text", sizeof(g_text), 1000);
	for (i = 0; i < 1000; i++) {
		g_poller(NULL);
		messages();
	}
	check_error(&g_links[0], 1, SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK(g_steps < 100);
	CHECK_EQ(g_ends, 2);
	end();
}

/* What is waited for comes at once, or from elsewhere; links go and answers are whole. */
static void
at_random(void)
{
	unsigned round, i, n, whole = 0;
	bool all;

	seed_begin("walk");
	for (round = 0; round < 200; round++) {
		uint32_t counts[NUM_LINKS][8];

		begin(NUM_LINKS);
		g_step_ticks = pick(30);
		for (i = 0; i < NUM_LINKS; i++) {
			for (n = 0; n < 8; n++) {
				counts[i][n] = pick(60);
				ask(&g_links[i], n, NULL, 0, counts[i][n]);
			}
		}
		for (n = 0; n < 3000 && g_ends < NUM_LINKS * 8; n++) {
			messages();
			g_poller(NULL);
			if (pick(3000) == 0) {
				rpc_server_link_down(NULL, &g_links[pick(NUM_LINKS)]);
			}
			if (pick(100) == 0) {
				g_links[pick(NUM_LINKS)].backlog = pick(2 * RPC_ENOUGH_BACKLOG);
			}
		}
		all = g_ends == NUM_LINKS * 8;
		for (i = 0; i < NUM_LINKS; i++) {
			for (n = 0; n < g_links[i].num_out; n++) {
				struct codec_envelope env;

				REQUIRE(codec_parse(g_links[i].out[n], g_links[i].out_len[n],
				                    &env) == 0);
				REQUIRE(env.id < 8);
				CHECK(is_count(&g_links[i], n, env.id, counts[i][env.id]));
				whole++;
			}
			CHECK(!all || g_links[i].num_out == 8 || g_links[i].dones == 1);
		}
		end();
		CHECK(g_ends <= g_begins + NUM_LINKS * 8);
	}
	CHECK(whole > 1000);
}

static const struct test_case cases[] = {
	TEST(short_ones_at_once),
	TEST(visits_are_short),
	TEST(many_at_once),
	TEST(client_goes_away),
	TEST(client_does_not_read),
	TEST(nothing_is_taken_from_who_does_not_read),
	TEST(client_stops_reading),
	TEST(waiting),
	TEST(stopped_while_waiting),
	TEST(errors),
	TEST(at_random),
};
TEST_MAIN("rpc/walk", cases)
