/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the runtime costs: events, messages, pollers, turns of a reactor; next to what the machine
 * itself costs in the same run. Only SPDK's public API is used (and rte_ring, for the machine), so
 * that the same file measures SPDK: tests/bench/against_spdk.py does both and compares.
 *
 *   bench_runtime [--window-ms N] [--runs N] [--only TEXT] [--samples-json] [options of every
 *                 application]
 *
 * Everything is measured inside the reactors of the first two CPUs, or of those in -m; where there
 * is one CPU only, the cross-core part is left out. A figure is what one operation takes in a
 * window of time (whose length in operations a warm-up finds), so nothing is printed, allocated or
 * clocked in between. All figures are taken once a run, one after the other, in several runs: what
 * disturbs the machine for a moment then spoils one sample of some figures only. Around every
 * cross-core sample the time of a bare cache line there and back is taken, because two virtual
 * CPUs may be near each other now and far from each other a minute later.
 *
 * What is sent must arrive: counts that do not add up end the program with status 1. */

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/thread.h"

#include <rte_cycles.h>
#include <rte_ring.h>

#define MAX_RUNS     101
#define NUM_POLLERS  1000
#define PARKED_US    1000000000ull /* the period of a poller that never runs here */
#define LINE_ROUNDS  4000ull
#define STUCK_S      20
#define CACHE_LINE   64
#define FLOOD_BURST  64
#define EVENT_TOKENS 4ull /* a core, as in SPDK's event_perf */

enum figure_id {
	CALL,
	RDTSC,
	RING_HOP,
	RING_TRIP,
	RING_STREAM,
	EVENT_1,
	EVENT_32,
	MSG_1,
	MSG_32,
	POLL_1,
	POLL_32,
	EVENT_CROSS,
	MSG_TRIP,
	MSG_STREAM_1K,
	MSG_STREAM_32K,
	ACTIVE,
	TIMED_1US,
	TIMED_1MS,
	TIMED_1MS_TURN,
	TURN_1MS,
	TURN_TIMED,
	TURN,
	TURN_EMPTY,
	NUM_FIGURES,
};

struct figure {
	const char *id;
	const char *what;
	double ns[MAX_RUNS];
	double before[MAX_RUNS]; /* cross-core: a bare cache line, there and back */
	double after[MAX_RUNS];
	bool cross;
};

static struct figure g_figures[NUM_FIGURES] = {
	[CALL] = { "floor_call", "bare indirect call" },
	[RDTSC] = { "floor_rdtsc", "bare read of the clock (rdtsc)" },
	[RING_HOP] = { "floor_ring_hop", "bare rte_ring, in and out on one core" },
	[RING_TRIP] = { "floor_ring_trip", "bare rte_ring, there and back", .cross = true },
	[RING_STREAM] = { "floor_ring_stream", "bare rte_ring, one way", .cross = true },
	[EVENT_1] = { "event_own_1", "own-core event, depth 1" },
	[EVENT_32] = { "event_own_32", "own-core event, depth 32" },
	[MSG_1] = { "msg_own_1", "own-thread message, depth 1" },
	[MSG_32] = { "msg_own_32", "own-thread message, depth 32" },
	[POLL_1] = { "msg_poll_1", "the same by spdk_thread_poll() alone, depth 1" },
	[POLL_32] = { "msg_poll_32", "the same by spdk_thread_poll() alone, depth 32" },
	[EVENT_CROSS] = { "event_cross", "events between two cores, each core", .cross = true },
	[MSG_TRIP] = { "msg_trip", "message to the other core and back", .cross = true },
	[MSG_STREAM_1K] = { "msg_stream_1k", "messages one way, 1 k under way", .cross = true },
	[MSG_STREAM_32K] = { "msg_stream_32k", "messages one way, 32 k under way", .cross = true },
	[ACTIVE] = { "poller_active", "call of one of 1000 active pollers" },
	[TIMED_1US] = { "poller_1us", "call of one of 1000 pollers of 1 us" },
	[TIMED_1MS] = { "poller_1ms", "call of one of 1000 pollers of 1 ms" },
	[TIMED_1MS_TURN] = { "poller_1ms_turn", "what those add to a turn, on average" },
	[TURN_1MS] = { "turn_1ms", "such a turn, with a read of the clock" },
	[TURN_TIMED] = { "turn_timed", "turn with one active poller, 1000 timed not due" },
	[TURN] = { "turn", "turn with one active poller" },
	[TURN_EMPTY] = { "turn_empty", "turn with nothing to do (that less an active poller)" },
};

/* How one figure is taken: start(count) does `count` operations and calls finish(). */
struct bench_case {
	enum figure_id figure;
	void (*start)(uint64_t count);
	uint64_t warm_up; /* operations */
};

static const struct bench_case g_cases[];

static struct {
	struct spdk_thread *app;
	struct spdk_thread *peer; /* on the other core */
	uint32_t core;
	uint32_t peer_core;
	unsigned runs;
	unsigned window_ms;
	bool json;
	const char *only; /* part of the names of the figures to take, NULL: all */
	unsigned run;     /* the one that is under way */
	unsigned next;    /* case of it */
	bool warm;
	double ns_per_tick;
	int rc;
} g_bench = { .runs = 5, .window_ms = 40 };

static void run_case(void *arg);

/* A failed check says what, and fails the whole run. */
static void
check(bool ok, const char *what, uint64_t is, uint64_t should)
{
	if (!ok) {
		fprintf(stderr, "bench_runtime: %s: %s: %" PRIu64 " and not %" PRIu64 "\n",
		        g_figures[g_bench.next].id, what, is, should);
		g_bench.rc = 1;
	}
}

/* Something that was sent has not arrived: nobody is there to go on. */
static void
stuck(int signo)
{
	static const char text[] = "bench_runtime: no end after 20 s of ";
	const char *id = g_figures[g_cases[g_bench.next].figure].id;

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDERR_FILENO, id, strlen(id)) < 0 || write(STDERR_FILENO, "\n", 1) < 0) {
		_exit(2);
	}
	_exit(1);
}

static void
send_event(uint32_t core, spdk_event_fn fn, void *arg1, void *arg2)
{
	spdk_event_call(spdk_event_allocate(core, fn, arg1, arg2));
}

/* --- the machine ------------------------------------------------------------------------------ */

/* Both cores stand in a function meanwhile; nothing of the runtime is involved. */
static struct {
	uint64_t line __attribute__((aligned(CACHE_LINE)));
	struct rte_ring *there __attribute__((aligned(CACHE_LINE)));
	struct rte_ring *back;
} g_floor;

static void
line_echo(void *arg1, void *arg2)
{
	uint64_t round;

	for (round = 1; round <= 2 * LINE_ROUNDS; round += 2) {
		while (__atomic_load_n(&g_floor.line, __ATOMIC_ACQUIRE) != round) {
		}
		__atomic_store_n(&g_floor.line, round + 1, __ATOMIC_RELEASE);
	}
}

/* A bare cache line there and back, in ns. */
static double
line_trip(void)
{
	uint64_t begin = 0, round;

	__atomic_store_n(&g_floor.line, 0, __ATOMIC_RELEASE);
	send_event(g_bench.peer_core, line_echo, NULL, NULL);
	for (round = 1; round <= 2 * LINE_ROUNDS; round += 2) {
		__atomic_store_n(&g_floor.line, round, __ATOMIC_RELEASE);
		while (__atomic_load_n(&g_floor.line, __ATOMIC_ACQUIRE) != round + 1) {
		}
		if (round == 1) {
			begin = spdk_get_ticks(); /* the other core is there */
		}
	}
	return (double)(spdk_get_ticks() - begin) * g_bench.ns_per_tick / (LINE_ROUNDS - 1);
}

static struct rte_ring *
ring_make(void)
{
	ssize_t size = rte_ring_get_memsize(1024);
	struct rte_ring *ring = size > 0 ? aligned_alloc(CACHE_LINE, (size_t)size) : NULL;

	if (ring == NULL ||
	    rte_ring_init(ring, "bench", 1024, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		fprintf(stderr, "bench_runtime: no rte_ring\n");
		exit(1);
	}
	return ring;
}

static void
ring_put(struct rte_ring *ring, uintptr_t value)
{
	while (rte_ring_sp_enqueue(ring, (void *)value) != 0) {
	}
}

static uintptr_t
ring_get(struct rte_ring *ring)
{
	void *value;

	while (rte_ring_sc_dequeue(ring, &value) != 0) {
	}
	return (uintptr_t)value;
}

/* The last value ends it. */
static void
ring_echo(void *arg1, void *arg2)
{
	uintptr_t value;

	do {
		value = ring_get(g_floor.there);
		ring_put(g_floor.back, value);
	} while (value != 0);
}

static void
ring_sink(void *arg1, void *arg2)
{
	uintptr_t count = 0;
	void *values[32];
	unsigned n;

	do {
		n = rte_ring_sc_dequeue_burst(g_floor.there, values, SPDK_COUNTOF(values), NULL);
		count += n;
	} while (n == 0 || values[n - 1] != NULL);
	ring_put(g_floor.back, count);
}

/* --- cases: start, finish, next --------------------------------------------------------------- */

/* Aligned, as its caller is: where the linker puts them must not tell one program from another. */
static void __attribute__((aligned(CACHE_LINE))) nothing(void *arg)
{
	__asm__ volatile("" : : : "memory");
}

static spdk_msg_fn volatile g_nothing = nothing;

static uint64_t g_count; /* operations asked for */

/* It took so many ticks to do what was asked for, which was so many operations. App thread. */
static void
finish_operations(uint64_t ticks, uint64_t operations)
{
	const struct bench_case *current = &g_cases[g_bench.next];
	struct figure *figure = &g_figures[current->figure];
	double ns = (double)ticks * g_bench.ns_per_tick;

	if (!g_bench.warm) {
		g_bench.warm = true;
		/* A warm-up that was disturbed must not make the window shorter than itself. */
		g_count = spdk_max((uint64_t)(g_bench.window_ms * 1e6 / ns * (double)g_count),
		                   current->warm_up);
	} else {
		g_bench.warm = false;
		figure->ns[g_bench.run] = ns / (double)operations;
		if (figure->cross) {
			figure->after[g_bench.run] = line_trip();
		}
		g_bench.next++;
	}
	alarm(STUCK_S);
	spdk_thread_send_msg(g_bench.app, run_case, NULL);
}

static void
finish(uint64_t ticks)
{
	finish_operations(ticks, g_count);
}

static void __attribute__((aligned(CACHE_LINE))) start_call(uint64_t count)
{
	uint64_t begin = spdk_get_ticks(), i;

	for (i = 0; i < count; i++) {
		g_nothing(NULL);
	}
	finish(spdk_get_ticks() - begin);
}

static void
start_rdtsc(uint64_t count)
{
	uint64_t begin = spdk_get_ticks(), last = 0, back = 0, now, i;

	for (i = 0; i < count; i++) {
		now = rte_rdtsc();
		back += now < last;
		last = now;
	}
	check(back == 0, "times that the clock went back", back, 0);
	finish(spdk_get_ticks() - begin);
}

static void
start_ring_hop(uint64_t count)
{
	uint64_t begin = spdk_get_ticks(), sum = 0, i;

	for (i = 0; i < count; i++) {
		ring_put(g_floor.there, i);
		sum += ring_get(g_floor.there) == i;
	}
	begin = spdk_get_ticks() - begin;
	check(sum == count, "out of the ring", sum, count);
	finish(begin);
}

static void
start_ring_trip(uint64_t count)
{
	uint64_t begin, good = 0, i;

	send_event(g_bench.peer_core, ring_echo, NULL, NULL);
	ring_put(g_floor.there, UINT32_MAX);
	ring_get(g_floor.back);
	begin = spdk_get_ticks();
	for (i = count; i > 0; i--) {
		ring_put(g_floor.there, i);
		good += ring_get(g_floor.back) == i;
	}
	begin = spdk_get_ticks() - begin;
	ring_put(g_floor.there, 0);
	good += ring_get(g_floor.back) == 0;
	check(good == count + 1, "back by the ring", good, count + 1);
	finish(begin);
}

static void
start_ring_stream(uint64_t count)
{
	uint64_t begin = spdk_get_ticks(), i;

	send_event(g_bench.peer_core, ring_sink, NULL, NULL);
	for (i = count; i > 0; i--) {
		ring_put(g_floor.there, i - 1);
	}
	i = ring_get(g_floor.back);
	begin = spdk_get_ticks() - begin;
	check(i == count, "through the ring", i, count);
	finish(begin);
}

/* --- own core: what sends itself on, `depth` times under way ---------------------------------- */

static struct {
	uint64_t sent __attribute__((aligned(CACHE_LINE)));
	uint64_t ran;
	uint64_t begin;
	uint64_t end;
} g_chain;

static void
chain_counted(void *arg)
{
	/* Whatever is still under way comes before this, so it would have been counted. */
	check(g_chain.ran == g_count, "ran", g_chain.ran, g_count);
	check(g_chain.sent == g_count, "sent", g_chain.sent, g_count);
	finish(g_chain.end - g_chain.begin);
}

static void
chain_fence(void *arg1, void *arg2)
{
	spdk_thread_send_msg(g_bench.app, chain_counted, NULL);
}

static void
chain_end(void)
{
	g_chain.end = spdk_get_ticks();
	send_event(g_bench.core, chain_fence, NULL, NULL);
}

static void
chain_begin(void)
{
	g_chain.sent = 0;
	g_chain.ran = 0;
	g_chain.begin = spdk_get_ticks();
}

static void
event_step(void *arg1, void *arg2)
{
	g_chain.ran++;
	if (g_chain.sent < g_count) {
		g_chain.sent++;
		send_event(g_bench.core, event_step, NULL, NULL);
	} else if (g_chain.ran == g_count) {
		chain_end();
	}
}

static void
events(uint64_t depth)
{
	chain_begin();
	while (g_chain.sent < depth) {
		g_chain.sent++;
		send_event(g_bench.core, event_step, NULL, NULL);
	}
}

static void
start_event_1(uint64_t count)
{
	events(1);
}

static void
start_event_32(uint64_t count)
{
	events(32);
}

static void
msg_step(void *arg)
{
	g_chain.ran++;
	if (g_chain.sent < g_count) {
		g_chain.sent++;
		spdk_thread_send_msg(g_bench.app, msg_step, NULL);
	} else if (g_chain.ran == g_count) {
		chain_end();
	}
}

static void
msgs(uint64_t depth)
{
	chain_begin();
	while (g_chain.sent < depth) {
		g_chain.sent++;
		spdk_thread_send_msg(g_bench.app, msg_step, NULL);
	}
}

static void
start_msg_1(uint64_t count)
{
	msgs(1);
}

static void
start_msg_32(uint64_t count)
{
	msgs(32);
}

/* In an event no thread is being polled, so that its reactor's OS thread may do it: the same
 * messages without the rest of the reactor's turn. */
static void
poll_here(void *arg1, void *arg2)
{
	msgs((uintptr_t)arg1);
	while (g_chain.ran < g_count) {
		spdk_thread_poll(g_bench.app, 0, 0);
	}
}

static void
start_poll_1(uint64_t count)
{
	send_event(g_bench.core, poll_here, (void *)1, NULL);
}

static void
start_poll_32(uint64_t count)
{
	send_event(g_bench.core, poll_here, (void *)32, NULL);
}

/* --- two cores -------------------------------------------------------------------------------- */

/* What one side knows. It is read by the other when a message says that the side is done. */
struct side {
	uint64_t ran;
	uint64_t sent;
	uint64_t wrong;
	uint64_t tokens;
	uint64_t begin;
	uint64_t end;
} __attribute__((aligned(2 * CACHE_LINE)));

static struct side g_here, g_there;

static void
sides_begin(void)
{
	memset(&g_here, 0, sizeof(g_here));
	memset(&g_there, 0, sizeof(g_there));
	g_here.begin = spdk_get_ticks();
}

static void
event_cross_counted(void *arg)
{
	check(g_there.ran == g_here.sent, "ran on the other core", g_there.ran, g_here.sent);
	check(g_here.ran == g_there.sent, "ran on this core", g_here.ran, g_there.sent);
	/* The last ones under way come on top of what was asked for. */
	finish_operations(g_here.end - g_here.begin, (g_here.ran + g_there.ran) / 2);
}

static void event_there(void *arg1, void *arg2);

/* Tokens fly between the cores, and end here once this core has seen enough. */
static void
event_here(void *arg1, void *arg2)
{
	if (++g_here.ran < g_count) {
		g_here.sent++;
		send_event(g_bench.peer_core, event_there, NULL, NULL);
	} else if (++g_here.tokens == 2 * EVENT_TOKENS) {
		g_here.end = spdk_get_ticks();
		spdk_thread_send_msg(g_bench.app, event_cross_counted, NULL);
	}
}

static void
event_there(void *arg1, void *arg2)
{
	g_there.ran++;
	g_there.sent++;
	send_event(g_bench.core, event_here, NULL, NULL);
}

static void
event_seed_there(void *arg1, void *arg2)
{
	while (g_there.sent < EVENT_TOKENS) {
		g_there.sent++;
		send_event(g_bench.core, event_here, NULL, NULL);
	}
}

static void
event_seed_here(void *arg1, void *arg2)
{
	uint64_t i;

	send_event(g_bench.peer_core, event_seed_there, NULL, NULL);
	for (i = 0; i < EVENT_TOKENS; i++) {
		g_here.sent++;
		send_event(g_bench.peer_core, event_there, NULL, NULL);
	}
}

static void
start_event_cross(uint64_t count)
{
	sides_begin();
	send_event(g_bench.core, event_seed_here, NULL, NULL);
}

static void trip_back(void *arg);

static void
trip_there(void *arg)
{
	g_there.ran++;
	spdk_thread_send_msg(g_bench.app, trip_back, NULL);
}

static void
trip_back(void *arg)
{
	if (++g_here.ran < g_count) {
		spdk_thread_send_msg(g_bench.peer, trip_there, NULL);
		return;
	}
	g_here.end = spdk_get_ticks();
	check(g_there.ran == g_here.ran, "round trips there", g_there.ran, g_here.ran);
	finish(g_here.end - g_here.begin);
}

static void
start_msg_trip(uint64_t count)
{
	sides_begin();
	spdk_thread_send_msg(g_bench.peer, trip_there, NULL);
}

/* One way: a poller here sends as long as fewer than `window` messages are under way; the other
 * side says so by a message each quarter of it. Each message carries its number. */
static struct spdk_poller *g_flood_poller;
static uint64_t g_flood_window;
static uint64_t g_flood_credit;

static void
flood_done(void *arg)
{
	g_here.end = spdk_get_ticks();
	check(g_there.ran == g_count, "arrived", g_there.ran, g_count);
	check(g_here.sent == g_count, "sent", g_here.sent, g_count);
	check(g_there.wrong == 0, "out of order", g_there.wrong, 0);
	finish(g_here.end - g_here.begin);
}

static void
flood_ack(void *arg)
{
	g_flood_credit += g_flood_window / 4;
}

static void
flood_arrive(void *arg)
{
	g_there.wrong += (uintptr_t)arg != g_there.ran;
	g_there.ran++;
	if (g_there.ran % (g_flood_window / 4) == 0) {
		spdk_thread_send_msg(g_bench.app, flood_ack, NULL);
	}
	if (g_there.ran == g_count) {
		spdk_thread_send_msg(g_bench.app, flood_done, NULL);
	}
}

static int
flood_poll(void *arg)
{
	uint64_t n = spdk_min(spdk_min(g_flood_credit, FLOOD_BURST), g_count - g_here.sent);

	g_flood_credit -= n;
	while (n-- > 0) {
		spdk_thread_send_msg(g_bench.peer, flood_arrive, (void *)g_here.sent);
		g_here.sent++;
	}
	if (g_here.sent == g_count) {
		spdk_poller_unregister(&g_flood_poller);
	}
	return SPDK_POLLER_BUSY;
}

static void
flood(uint64_t window)
{
	sides_begin();
	g_flood_window = window;
	g_flood_credit = window;
	g_flood_poller = SPDK_POLLER_REGISTER(flood_poll, NULL, 0);
}

static void
start_stream_1k(uint64_t count)
{
	flood(1024);
}

static void
start_stream_32k(uint64_t count)
{
	flood(32768);
}

/* --- pollers ---------------------------------------------------------------------------------- */

/* One active poller (the watch) counts the turns: what one operation is here. */
static struct {
	uint64_t period_us;
	unsigned num; /* pollers besides the watch */
	uint64_t turns;
	uint64_t begin;
	uint64_t end;
	uint64_t calls_before;
	uint64_t calls;
	/* With a clock read each turn. */
	bool clocked;
	uint64_t last;
	uint64_t last_calls;
	uint64_t idle_turns;
	uint64_t idle_ticks;
	uint64_t busy_ticks;
	bool ended;
} g_watch;

static struct spdk_poller *g_watch_poller;
static struct spdk_poller *g_pollers[NUM_POLLERS];
static uint64_t g_calls[NUM_POLLERS];
static uint64_t g_all_calls;

static int
counting_poller(void *arg)
{
	(*(uint64_t *)arg)++;
	return SPDK_POLLER_BUSY;
}

/* For a watch that looks after each turn whether anything was called in it. */
static int
counting_poller_clocked(void *arg)
{
	(*(uint64_t *)arg)++;
	g_all_calls++;
	return SPDK_POLLER_BUSY;
}

static uint64_t
sum_calls(void)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < g_watch.num; i++) {
		sum += g_calls[i];
	}
	return sum;
}

/* All have the same period and were registered together: none may have been called more often than
 * another by more than `slack`, nor more often than its period allows. */
static void
check_fair(void)
{
	uint64_t least = UINT64_MAX, most = 0, slack, ceiling = g_watch.turns + 2;
	double ms = (double)(spdk_get_ticks() - g_watch.begin) * g_bench.ns_per_tick / 1e6;
	unsigned i;

	for (i = 0; i < g_watch.num; i++) {
		least = spdk_min(least, g_calls[i]);
		most = spdk_max(most, g_calls[i]);
	}
	if (g_watch.num == 0 || g_watch.period_us == PARKED_US) {
		check(most == 0, "calls of parked pollers", most, 0);
		return;
	}
	slack = g_watch.period_us == 0 ? 1 : 2 + most / 10;
	check(most - least <= slack, "difference between two pollers' calls", most - least, slack);
	if (g_watch.period_us > 0) {
		ceiling = (uint64_t)(ms * 1000 / (double)g_watch.period_us) + 3;
	}
	check(most <= ceiling, "calls of a poller", most, ceiling);
	check(least > 0, "least calls of a poller", least, 1);
	if (g_watch.period_us == 0) {
		check(least + 2 >= g_watch.turns, "calls of an active poller", least,
		      g_watch.turns);
	}
}

/* Between a turn in which pollers were called and one in which none was lies what they cost. */
static void
account_clocked(void)
{
	double idle = (double)g_watch.idle_ticks / (double)spdk_max(g_watch.idle_turns, 1);
	double busy_turns = (double)(g_watch.turns - g_watch.idle_turns);
	double cost = ((double)g_watch.busy_ticks - busy_turns * idle) * g_bench.ns_per_tick;

	check(g_watch.idle_turns > 0, "turns without a call", g_watch.idle_turns, 1);
	check(g_all_calls == sum_calls(), "calls", g_all_calls, sum_calls());
	if (g_bench.warm) {
		g_figures[TIMED_1MS].ns[g_bench.run] = cost / (double)spdk_max(g_watch.calls, 1);
		g_figures[TIMED_1MS_TURN].ns[g_bench.run] = cost / (double)g_watch.turns;
	}
}

static void
watch_done(void *arg)
{
	uint64_t ticks = g_watch.end - g_watch.begin;
	unsigned i;

	check_fair();
	if (g_watch.clocked) {
		account_clocked();
	}
	for (i = 0; i < g_watch.num; i++) {
		spdk_poller_unregister(&g_pollers[i]);
	}
	spdk_poller_unregister(&g_watch_poller);
	if (g_watch.num == 0 || g_watch.period_us == PARKED_US || g_watch.clocked) {
		finish(ticks); /* a turn */
	} else {
		/* A call. The watch is one of those that are active. */
		finish_operations(ticks, g_watch.calls + (g_watch.period_us == 0 ? g_count : 0));
	}
}

static void
watch_clock(void)
{
	uint64_t now = spdk_get_ticks();

	if (g_watch.turns > 0) {
		if (g_all_calls == g_watch.last_calls) {
			g_watch.idle_turns++;
			g_watch.idle_ticks += now - g_watch.last;
		} else {
			g_watch.busy_ticks += now - g_watch.last;
		}
	}
	g_watch.last = now;
	g_watch.last_calls = g_all_calls;
}

static int
watch_poll(void *arg)
{
	if (g_watch.clocked) {
		watch_clock();
	}
	if (g_watch.turns == 0) {
		g_watch.calls_before = sum_calls();
		g_watch.begin = spdk_get_ticks();
		g_watch.last = g_watch.begin;
	}
	if (g_watch.turns == g_count && !g_watch.ended) {
		g_watch.end = spdk_get_ticks();
		g_watch.calls = sum_calls() - g_watch.calls_before;
		g_watch.ended = true;
		spdk_thread_send_msg(g_bench.app, watch_done, NULL);
	}
	g_watch.turns += !g_watch.ended;
	return SPDK_POLLER_BUSY;
}

static void
watch(unsigned num, uint64_t period_us, bool clocked)
{
	spdk_poller_fn fn = clocked ? counting_poller_clocked : counting_poller;
	unsigned i;

	memset(&g_watch, 0, sizeof(g_watch));
	memset(g_calls, 0, sizeof(g_calls));
	g_all_calls = 0;
	g_watch.num = num;
	g_watch.period_us = period_us;
	g_watch.clocked = clocked;
	for (i = 0; i < num; i++) {
		g_pollers[i] = SPDK_POLLER_REGISTER(fn, &g_calls[i], period_us);
	}
	g_watch_poller = SPDK_POLLER_REGISTER(watch_poll, NULL, 0);
}

static void
start_active(uint64_t count)
{
	watch(NUM_POLLERS - 1, 0, false);
}

static void
start_timed_1us(uint64_t count)
{
	watch(NUM_POLLERS, 1, false);
}

static void
start_timed_1ms(uint64_t count)
{
	watch(NUM_POLLERS, 1000, true);
}

static void
start_turn_timed(uint64_t count)
{
	watch(NUM_POLLERS, PARKED_US, false);
}

/* A turn that finds nothing to do cannot be counted by what is public: it is this one less the
 * cost of an active poller. A runtime whose idle turn saves more than that call is better still. */
static void
start_turn(uint64_t count)
{
	watch(0, PARKED_US, false);
}

/* --- one case after the other ----------------------------------------------------------------- */

static const struct bench_case g_cases[] = {
	{ CALL, start_call, 100000 },
	{ RDTSC, start_rdtsc, 100000 },
	{ RING_HOP, start_ring_hop, 100000 },
	{ EVENT_1, start_event_1, 50000 },
	{ EVENT_32, start_event_32, 50000 },
	{ MSG_1, start_msg_1, 50000 },
	{ MSG_32, start_msg_32, 50000 },
	{ POLL_1, start_poll_1, 50000 },
	{ POLL_32, start_poll_32, 50000 },
	{ ACTIVE, start_active, 500 },
	{ TIMED_1US, start_timed_1us, 100 },
	{ TURN_1MS, start_timed_1ms, 300000 }, /* some ms */
	{ TURN_TIMED, start_turn_timed, 50000 },
	{ TURN, start_turn, 50000 },
	{ RING_TRIP, start_ring_trip, 5000 },
	{ RING_STREAM, start_ring_stream, 20000 },
	{ EVENT_CROSS, start_event_cross, 10000 },
	{ MSG_TRIP, start_msg_trip, 5000 },
	{ MSG_STREAM_1K, start_stream_1k, 20000 },
	{ MSG_STREAM_32K, start_stream_32k, 100000 },
};

static void
exit_peer(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

static bool
is_taken(const struct figure *figure)
{
	return (g_bench.peer != NULL || !figure->cross) &&
	       (g_bench.only == NULL || strstr(figure->id, g_bench.only) != NULL);
}

/* The next one of this run or of the next run; NULL when all runs are through. */
static const struct bench_case *
next_case(void)
{
	while (g_bench.run < g_bench.runs) {
		for (; g_bench.next < SPDK_COUNTOF(g_cases); g_bench.next++) {
			if (is_taken(&g_figures[g_cases[g_bench.next].figure])) {
				return &g_cases[g_bench.next];
			}
		}
		if (is_taken(&g_figures[TURN]) && is_taken(&g_figures[ACTIVE])) {
			g_figures[TURN_EMPTY].ns[g_bench.run] =
				g_figures[TURN].ns[g_bench.run] - g_figures[ACTIVE].ns[g_bench.run];
		}
		g_bench.next = 0;
		g_bench.run++;
	}
	return NULL;
}

static void
run_case(void *arg)
{
	const struct bench_case *next = next_case();

	if (next == NULL || g_bench.rc != 0) {
		if (g_bench.peer != NULL) {
			spdk_thread_send_msg(g_bench.peer, exit_peer, NULL);
		}
		spdk_app_stop(g_bench.rc);
		return;
	}
	if (!g_bench.warm) {
		g_count = next->warm_up;
	} else if (g_figures[next->figure].cross) {
		g_figures[next->figure].before[g_bench.run] = line_trip();
	}
	next->start(g_count);
}

static void
begin(void *arg)
{
	struct spdk_cpuset cpus;

	g_bench.app = spdk_get_thread();
	g_bench.core = spdk_env_get_current_core();
	g_bench.ns_per_tick = 1e9 / (double)spdk_get_ticks_hz();
	g_floor.there = ring_make();
	g_floor.back = ring_make();
	g_bench.peer_core = spdk_env_get_first_core();
	if (g_bench.peer_core == g_bench.core) {
		g_bench.peer_core = spdk_env_get_next_core(g_bench.core);
	}
	if (g_bench.peer_core != UINT32_MAX) {
		spdk_cpuset_zero(&cpus);
		spdk_cpuset_set_cpu(&cpus, g_bench.peer_core, true);
		g_bench.peer = spdk_thread_create("bench_peer", &cpus);
		check(g_bench.peer != NULL, "threads made on the other core", 0, 1);
	}
	signal(SIGALRM, stuck);
	alarm(STUCK_S);
	spdk_thread_send_msg(g_bench.app, run_case, NULL);
}

/* --- what is printed -------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nothing is free: what was left out is 0. */
static bool
is_measured(const struct figure *figure)
{
	return figure->ns[0] != 0;
}

/* Sorted, so that the first is the least and the middle one the median. */
static void
sort_samples(const double *samples, double *sorted)
{
	memcpy(sorted, samples, g_bench.runs * sizeof(*sorted));
	qsort(sorted, g_bench.runs, sizeof(*sorted), compare);
}

static void
print_figure(const struct figure *figure)
{
	double sorted[MAX_RUNS], median;

	sort_samples(figure->ns, sorted);
	median = sorted[g_bench.runs / 2];
	printf("%-53s %8.1f %8.1f %8.1f %8.2f", figure->what, median, sorted[0],
	       sorted[g_bench.runs - 1], 1e3 / median);
	if (figure->cross) {
		sort_samples(figure->before, sorted);
		printf("   line %4.0f", sorted[g_bench.runs / 2]);
		sort_samples(figure->after, sorted);
		printf(" .. %.0f", sorted[g_bench.runs / 2]);
	}
	printf("\n");
}

static void
print_text(void)
{
	static const struct {
		const char *title;
		enum figure_id first, last;
	} parts[] = {
		{ "the machine", CALL, RING_STREAM },
		{ "one core", EVENT_1, POLL_32 },
		{ "two cores", EVENT_CROSS, MSG_STREAM_32K },
		{ "pollers and turns", ACTIVE, TURN_EMPTY },
	};
	unsigned part, id;

	printf("%u runs, windows of %u ms, medians; cores %u and %d; \"line\" is a bare cache "
	       "line\nthere and back, just before and just after\n",
	       g_bench.runs, g_bench.window_ms, g_bench.core, (int)g_bench.peer_core);
	for (part = 0; part < SPDK_COUNTOF(parts); part++) {
		printf("\n%-53s %8s %8s %8s %8s\n", parts[part].title, "ns", "min", "max", "M/s");
		for (id = parts[part].first; id <= parts[part].last; id++) {
			if (is_measured(&g_figures[id])) {
				print_figure(&g_figures[id]);
			}
		}
	}
	if (g_bench.peer == NULL) {
		printf("\none core only: the cross-core part is left out\n");
	}
}

static void
print_array(const char *name, const double *values)
{
	unsigned i;

	printf("\"%s\": [", name);
	for (i = 0; i < g_bench.runs; i++) {
		printf("%s%.3f", i > 0 ? ", " : "", values[i]);
	}
	printf("]");
}

/* An object of figures: {"ns": [samples], "before": [...], "after": [...]}, the latter two where
 * two cores are concerned. */
static void
print_json(void)
{
	const char *separator = "{";
	unsigned id;

	for (id = 0; id < NUM_FIGURES; id++) {
		if (!is_measured(&g_figures[id])) {
			continue;
		}
		printf("%s\"%s\": {\"what\": \"%s\", ", separator, g_figures[id].id,
		       g_figures[id].what);
		print_array("ns", g_figures[id].ns);
		if (g_figures[id].cross) {
			printf(", ");
			print_array("before", g_figures[id].before);
			printf(", ");
			print_array("after", g_figures[id].after);
		}
		printf("}");
		separator = ",\n ";
	}
	printf("}\n");
}

enum {
	OPT_RUNS = 0x20000, /* far from those of every application */
	OPT_WINDOW,
	OPT_ONLY,
	OPT_SAMPLES,
};

static const struct option g_options[] = {
	{ "runs", required_argument, NULL, OPT_RUNS },
	{ "window-ms", required_argument, NULL, OPT_WINDOW },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "samples-json", no_argument, NULL, OPT_SAMPLES },
	{ NULL, 0, NULL, 0 },
};

static void
usage(void)
{
	printf(" --runs N          samples of each figure, 1 to %d (default 5)\n", MAX_RUNS);
	printf(" --window-ms N     what a sample lasts, 2 to 1000 ms (default 40)\n");
	printf(" --only TEXT       only figures whose names (see --samples-json) contain it\n");
	printf(" --samples-json    print every sample, as JSON, and no text\n");
}

static int
parse(int ch, char *arg)
{
	switch (ch) {
	case OPT_RUNS:
		g_bench.runs = (unsigned)strtoul(arg, NULL, 10);
		break;
	case OPT_WINDOW:
		g_bench.window_ms = (unsigned)strtoul(arg, NULL, 10);
		break;
	case OPT_ONLY:
		g_bench.only = arg;
		break;
	case OPT_SAMPLES:
		g_bench.json = true;
		break;
	default:
		return -EINVAL;
	}
	return 0;
}

/* The first two CPUs that this process may use, as a list for -m. */
static const char *
two_cpus(void)
{
	static char list[32];
	cpu_set_t set;
	int cpu, found = 0, at = 0;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
		if (CPU_ISSET(cpu, &set)) {
			at += snprintf(list + at, sizeof(list) - (size_t)at, "%c%d",
			               found++ == 0 ? '[' : ',', cpu);
		}
	}
	snprintf(list + at, sizeof(list) - (size_t)at, "]");
	return list;
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts;
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "bench_runtime";
	opts.rpc_addr = NULL;
	opts.no_pci = true;
	opts.mem_size = 256;
	opts.reactor_mask = two_cpus();
	rc = spdk_app_parse_args(argc, argv, &opts, "", g_options, parse, usage);
	if (rc != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return rc == SPDK_APP_PARSE_ARGS_HELP ? 0 : 2;
	}
	if (g_bench.runs < 1 || g_bench.runs > MAX_RUNS || g_bench.window_ms < 2 ||
	    g_bench.window_ms > 1000) {
		usage();
		return 2;
	}
	rc = spdk_app_start(&opts, begin, NULL);
	spdk_app_fini();
	if (rc == 0 && g_bench.json) {
		print_json();
	} else if (rc == 0) {
		print_text();
	}
	return rc != 0;
}
