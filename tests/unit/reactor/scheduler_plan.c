/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The dynamic scheduler's decisions: tables for each rule, and random loads against what must hold
 * whatever they are. */

#include "tests/unit/test.h"

#include "core/reactor/scheduler_plan.h"

#include <time.h>

#define ALL         0xffu
#define MAX_CORES   8
#define MAX_THREADS 24

static struct plan_core g_cores[MAX_CORES];
static struct plan_thread g_threads[MAX_THREADS];
static struct spdk_cpuset g_masks[MAX_THREADS];
static struct plan g_plan;

static void
begin(uint32_t num_cores)
{
	uint32_t c;

	memset(g_cores, 0, sizeof(g_cores));
	memset(g_threads, 0, sizeof(g_threads));
	g_plan = (struct plan){ .cores = g_cores, .num_cores = num_cores, .threads = g_threads };
	g_plan.limits = (struct plan_limits){ .load = 2000, .core = 8000, .busy = 9500 };
	for (c = 0; c < num_cores; c++) {
		g_cores[c].lcore = c;
	}
}

static struct plan_thread *
add(uint32_t core, uint32_t percent, uint32_t mask)
{
	struct plan_thread *thread = &g_threads[g_plan.num_threads];
	struct spdk_cpuset *set = &g_masks[g_plan.num_threads];
	uint32_t c;

	spdk_cpuset_zero(set);
	for (c = 0; c < MAX_CORES; c++) {
		spdk_cpuset_set_cpu(set, c, (mask >> c & 1) != 0);
	}
	*thread = (struct plan_thread){
		.id = ++g_plan.num_threads, .core = core, .load = percent * 100, .mask = set
	};
	return thread;
}

static uint32_t
moves(void)
{
	uint32_t i, n = 0;

	for (i = 0; i < g_plan.num_threads; i++) {
		n += g_threads[i].core != g_threads[i].origin;
	}
	return n;
}

static uint32_t
cores_used(void)
{
	uint32_t c, n = 0;

	for (c = 0; c < g_plan.num_cores; c++) {
		n += g_cores[c].threads > 0;
	}
	return n;
}

/* --- rules ------------------------------------------------------------------------------------ */

static void
idle_threads_are_gathered(void)
{
	struct plan_thread *app, *idle, *limit, *active;

	begin(4);
	app = add(0, 1, 1);
	idle = add(1, 0, ALL);
	limit = add(2, 20, ALL); /* active only above the limit */
	active = add(3, 85, ALL);
	plan_make(&g_plan);
	CHECK_EQ(app->core, 0);
	CHECK_EQ(idle->core, 0);
	CHECK_EQ(limit->core, 0);
	CHECK_EQ(active->core, 3);
	CHECK_EQ(cores_used(), 2);

	/* To the scheduling core, wherever that is. */
	begin(4);
	g_plan.home = 2;
	idle = add(0, 5, ALL);
	plan_make(&g_plan);
	CHECK_EQ(idle->core, 2);
}

static void
masks_and_bonds_are_kept(void)
{
	struct plan_thread *masked, *bound, *strange, *outside;

	begin(3);
	masked = add(1, 0, 1u << 1 | 1u << 2);
	bound = add(2, 0, ALL);
	bound->bound = true;
	strange = add(1, 0, 1u << 6); /* none of our cores: it stays */
	outside = add(0, 50, 1u << 2);
	plan_make(&g_plan);
	CHECK(masked->core == 1 || masked->core == 2);
	CHECK_EQ(bound->core, 2);
	CHECK_EQ(strange->core, 1);
	CHECK_EQ(outside->core, 2);

	/* The mask comes first: two threads that fill a core each have to share. */
	begin(3);
	add(1, 95, 1u << 1);
	outside = add(0, 95, 1u << 1);
	plan_make(&g_plan);
	CHECK_EQ(outside->core, 1);

	/* A bound one is not even brought back to its mask. */
	begin(3);
	bound = add(0, 50, 1u << 2);
	bound->bound = true;
	plan_make(&g_plan);
	CHECK_EQ(bound->core, 0);
}

static void
isolated_cores_are_left_alone(void)
{
	struct plan_thread *inside, *near, *only;

	begin(4);
	g_cores[1].isolated = true;
	inside = add(1, 0, ALL);
	add(1, 60, ALL);
	add(1, 60, ALL);
	near = add(2, 100, ALL);
	add(2, 100, ALL);
	only = add(3, 10, 1u << 1);
	plan_make(&g_plan);
	CHECK_EQ(inside->core, 1);
	CHECK_EQ(g_threads[1].core, 1);
	CHECK_EQ(g_threads[2].core, 1);
	CHECK(near->core != 1);
	CHECK(g_threads[4].core != 1);
	/* Its mask leaves nothing else. */
	CHECK_EQ(only->core, 1);
}

static void
few_active_threads_share_a_core(void)
{
	begin(4);
	add(0, 1, 1);
	add(1, 25, ALL);
	add(2, 25, ALL);
	add(3, 24, ALL);
	plan_make(&g_plan);
	/* 75 %: the scheduling core has room for all. */
	CHECK_EQ(cores_used(), 1);

	begin(4);
	add(0, 1, 1);
	add(1, 50, ALL);
	add(2, 50, ALL);
	add(3, 50, ALL);
	plan_make(&g_plan);
	CHECK_EQ(cores_used(), 3);

	/* All or nothing: a core that cannot be emptied keeps what it has. */
	begin(3);
	add(1, 60, ALL);
	add(2, 30, ALL);
	add(2, 25, 1u << 2);
	plan_make(&g_plan);
	CHECK_EQ(g_threads[1].core, 2);
	CHECK_EQ(g_threads[0].core, 0);
}

/* 10, 10, 10, 25, 25, 25 on the main core: one is too many. */
static void
a_core_above_its_limit_gives_away(void)
{
	uint32_t i;

	begin(4);
	for (i = 0; i < 3; i++) {
		add(0, 10, ALL);
		add(0, 25, ALL);
	}
	plan_make(&g_plan);
	CHECK_EQ(g_cores[0].load, 8000);
	CHECK_EQ(g_cores[0].threads, 5);
	CHECK_EQ(moves(), 1);

	/* The smallest that is enough, to a core in use if it has room. */
	begin(4);
	add(1, 30, ALL);
	add(1, 30, ALL);
	add(1, 22, ALL);
	add(0, 70, 1);
	add(2, 40, 1u << 2);
	plan_make(&g_plan);
	CHECK_EQ(g_threads[2].core, 2);
	CHECK_EQ(moves(), 1);

	/* What is too little to be idle counts when there are many. */
	begin(2);
	for (i = 0; i < 12; i++) {
		add(0, 8, ALL);
	}
	plan_make(&g_plan);
	CHECK(g_cores[0].load <= 8000);
	CHECK_EQ(g_cores[0].load + g_cores[1].load, 9600);
}

static void
a_great_thread_stays_until_its_core_is_overloaded(void)
{
	/* 91 %: above the limit, but another core would be too. */
	begin(4);
	add(0, 1, 1);
	add(0, 90, ALL);
	plan_make(&g_plan);
	CHECK_EQ(moves(), 0);

	/* 101 %: what shares its core suffers, and the idle one has to be here. */
	begin(4);
	add(0, 1, 1);
	add(0, 90, ALL);
	add(1, 90, ALL);
	add(0, 10, ALL);
	plan_make(&g_plan);
	CHECK(g_threads[1].core >= 2);
	CHECK_EQ(g_threads[2].core, 1);
	CHECK_EQ(g_threads[3].core, 0);

	/* Alone on a core there is nothing to gain. */
	begin(4);
	add(0, 1, 1);
	add(1, 100, ALL);
	plan_make(&g_plan);
	CHECK_EQ(moves(), 0);

	/* It leaves the scheduling core, which is needed, even if that has nothing to do. */
	begin(2);
	add(0, 0, 1);
	add(0, 100, ALL);
	plan_make(&g_plan);
	CHECK_EQ(g_threads[1].core, 1);
}

static void
an_overloaded_core_is_shared_out(void)
{
	/* Each may want a core of its own: two empty ones are used, though one has room for both
	 * by what is seen. */
	begin(4);
	add(1, 33, ALL);
	add(1, 33, ALL);
	add(1, 33, ALL);
	add(0, 5, 1);
	plan_make(&g_plan);
	CHECK_EQ(moves(), 1);
	CHECK_EQ(g_cores[0].threads, 1);

	/* Ten that get 10 % each are not idle. */
	begin(2);
	while (g_plan.num_threads < 10) {
		add(1, 10, ALL);
	}
	plan_make(&g_plan);
	CHECK(g_threads[0].active);
	CHECK(g_cores[1].load <= 8000);

	/* Nowhere is room: they stay. */
	begin(2);
	add(0, 100, 1);
	add(1, 50, ALL);
	add(1, 50, ALL);
	plan_make(&g_plan);
	CHECK_EQ(moves(), 0);
}

static void
a_full_scheduling_core_gathers_nobody(void)
{
	begin(3);
	add(0, 90, 1);
	add(1, 10, ALL);
	add(2, 10, ALL);
	plan_make(&g_plan);
	CHECK_EQ(g_cores[0].threads, 1);
	CHECK_EQ(cores_used(), 2);

	/* An active one makes room. */
	begin(3);
	add(0, 75, ALL);
	add(1, 10, ALL);
	plan_make(&g_plan);
	CHECK_EQ(g_threads[1].core, 0);
	CHECK(g_threads[0].core != 0);
}

static void
what_is_no_threads_counts(void)
{
	begin(3);
	g_cores[0].base = 7000; /* events */
	add(0, 30, ALL);
	add(1, 10, ALL);
	plan_make(&g_plan);
	CHECK(g_threads[0].core != 0);
	CHECK_EQ(g_threads[1].core, 1);
}

static void
limits_are_options(void)
{
	begin(2);
	g_plan.limits = (struct plan_limits){ .load = 500, .core = 3000, .busy = 9500 };
	add(0, 20, ALL);
	add(0, 20, ALL);
	plan_make(&g_plan);
	CHECK_EQ(moves(), 1);

	begin(2);
	g_plan.limits = (struct plan_limits){ .load = 0, .core = 0, .busy = 0 };
	add(1, 0, ALL);
	add(0, 50, ALL);
	plan_make(&g_plan); /* whatever comes of it, it ends */
	CHECK_EQ(g_cores[0].threads + g_cores[1].threads, 2);

	begin(1);
	add(0, 90, ALL);
	add(0, 90, ALL);
	plan_make(&g_plan);
	CHECK_EQ(moves(), 0);
}

/* --- whatever the loads ----------------------------------------------------------------------- */

static uint64_t g_random;

static uint32_t
random_below(uint32_t n)
{
	g_random ^= g_random << 13;
	g_random ^= g_random >> 7;
	g_random ^= g_random << 17;
	return n > 1 ? (uint32_t)(g_random >> 33) % n : 0;
}

static void
seed_random(void)
{
	const char *seed = getenv("CAL_TEST_SEED");

	g_random = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) << 20 | getpid();
	printf("(CAL_TEST_SEED=%llu) ", (unsigned long long)g_random);
}

/* What a thread would like to use, in parts of a core; what it gets is less on a full one. */
static uint32_t g_wants[MAX_THREADS];

static void
random_machine(void)
{
	static const uint32_t some[] = { 0, 100, 500, 1000, 1900, 2100, 3000, 5000, 7900, 9000 };
	uint32_t i, n = 1 + random_below(MAX_THREADS), mask;
	struct plan_thread *thread;

	begin(1 + random_below(MAX_CORES));
	for (i = 0; i < g_plan.num_cores; i++) {
		g_cores[i].isolated = random_below(8) == 0;
		g_cores[i].base = random_below(8) == 0 ? random_below(3000) : 0;
	}
	g_plan.home = random_below(g_plan.num_cores);
	g_cores[g_plan.home].isolated = false;
	for (i = 0; i < n; i++) {
		mask = random_below(3) == 0 ? 1 + random_below(255) : ALL;
		thread = add(random_below(g_plan.num_cores), 0, mask);
		thread->bound = random_below(10) == 0;
		g_wants[i] = random_below(3) == 0   ? some[random_below(10)]
		             : random_below(2) == 0 ? random_below(PLAN_CORE + 1)
		                                    : random_below(1500);
	}
}

/* Give each thread what it would get where it is: all, or its part of what there is. */
static void
measure(void)
{
	uint32_t i, c, want[MAX_CORES] = { 0 };

	for (i = 0; i < g_plan.num_threads; i++) {
		want[g_threads[i].core] += g_wants[i];
	}
	for (i = 0; i < g_plan.num_threads; i++) {
		c = g_threads[i].core;
		g_threads[i].load = g_wants[i];
		if (want[c] + g_cores[c].base > PLAN_CORE) {
			g_threads[i].load = (uint32_t)((uint64_t)g_wants[i] *
			                               (PLAN_CORE - g_cores[c].base) / want[c]);
		}
	}
}

static bool
in_mask(const struct plan_thread *thread)
{
	return spdk_cpuset_get_cpu(thread->mask, g_cores[thread->core].lcore);
}

static bool
mask_has_ours(const struct plan_thread *thread)
{
	uint32_t c;

	for (c = 0; c < g_plan.num_cores; c++) {
		if (spdk_cpuset_get_cpu(thread->mask, g_cores[c].lcore)) {
			return true;
		}
	}
	return false;
}

/* An active thread of core c that another core has room for, with `spare` left. */
static bool
one_could_leave(uint32_t c, uint32_t spare)
{
	const struct plan_thread *thread;
	uint32_t i, to;

	for (i = 0; i < g_plan.num_threads; i++) {
		thread = &g_threads[i];
		if (thread->core != c || thread->fixed || !thread->active || thread->load < 100) {
			continue;
		}
		for (to = 0; to < g_plan.num_cores; to++) {
			if (to != c && !g_cores[to].isolated &&
			    spdk_cpuset_get_cpu(thread->mask, to) &&
			    g_cores[to].load + thread->load + spare <= g_plan.limits.core) {
				return true;
			}
		}
	}
	return false;
}

static bool
plan_holds(void)
{
	uint32_t i, c, load[MAX_CORES], count[MAX_CORES] = { 0 };
	const struct plan_thread *thread;

	for (c = 0; c < g_plan.num_cores; c++) {
		load[c] = g_cores[c].base;
	}
	for (i = 0; i < g_plan.num_threads; i++) {
		thread = &g_threads[i];
		if (thread->core >= g_plan.num_cores ||
		    (thread->bound && thread->core != thread->origin) ||
		    (!thread->bound && mask_has_ours(thread) && !in_mask(thread))) {
			return false;
		}
		if (thread->core != thread->origin && !mask_has_ours(thread)) {
			return false;
		}
		if (thread->core != thread->origin && g_cores[thread->origin].isolated &&
		    spdk_cpuset_get_cpu(thread->mask, thread->origin)) {
			return false;
		}
		load[thread->core] += thread->load;
		count[thread->core]++;
	}
	for (c = 0; c < g_plan.num_cores; c++) {
		if (load[c] != g_cores[c].load || count[c] != g_cores[c].threads) {
			return false;
		}
		if (g_cores[c].isolated) {
			continue;
		}
		if ((load[c] > g_plan.limits.core + PLAN_MARGIN && one_could_leave(c, 0)) ||
		    (load[c] > g_plan.limits.core && one_could_leave(c, PLAN_MARGIN))) {
			return false;
		}
	}
	return true;
}

static void
print_plan(const char *why)
{
	uint32_t i, c;

	fprintf(stderr, "%s\n", why);
	for (c = 0; c < g_plan.num_cores; c++) {
		fprintf(stderr, "core %u base %u load %u%s%s\n", c, g_cores[c].base,
		        g_cores[c].load, c == g_plan.home ? " home" : "",
		        g_cores[c].isolated ? " isolated" : "");
	}
	for (i = 0; i < g_plan.num_threads; i++) {
		fprintf(stderr, "  %u: %u -> %u load %u wants %u%s%s mask %s\n", i,
		        g_threads[i].origin, g_threads[i].core, g_threads[i].load, g_wants[i],
		        g_threads[i].fixed ? " fixed" : "", g_threads[i].active ? " active" : "",
		        spdk_cpuset_fmt(&g_masks[i]));
	}
}

#define MODEL_CALLS 100000
#define SETTLE      12 /* rounds within which a constant load must have come to rest: 7 were seen */

static void
random_loads(void)
{
	uint32_t calls = 0, round, worst = 0, rest;

	seed_random();
	while (calls < MODEL_CALLS) {
		random_machine();
		rest = 0;
		for (round = 0; rest < 3; round++) {
			measure();
			plan_make(&g_plan);
			calls++;
			if (!plan_holds()) {
				print_plan("a rule is broken");
				CU_FAIL_FATAL("a rule is broken");
			}
			rest = moves() == 0 ? rest + 1 : 0;
			if (round == SETTLE) {
				print_plan("it does not come to rest");
				CU_FAIL_FATAL("it does not come to rest");
			}
		}
		worst = round > worst ? round : worst;
	}
	printf("at rest within %u rounds ", worst - 3);
}

/* Loads that are measured a little differently each time change nothing. */
static void
noise_moves_nobody(void)
{
	uint32_t machine, round, i, noise, moved = 0;

	seed_random();
	for (machine = 0; machine < 2000; machine++) {
		random_machine();
		for (round = 0; round < SETTLE; round++) {
			measure();
			plan_make(&g_plan);
		}
		for (round = 0; round < 20; round++) {
			measure();
			for (i = 0; i < g_plan.num_threads; i++) {
				noise = g_threads[i].load / 200; /* 0.5 % of it */
				g_threads[i].load += random_below(noise + 1) - noise / 2;
			}
			plan_make(&g_plan);
			moved += moves();
		}
	}
	printf("%u moves in %u rounds ", moved, machine * 20);
	CHECK(moved < machine * 20 / 200); /* 1 in 1000 was seen */
}

static const struct test_case cases[] = {
	TEST(idle_threads_are_gathered),
	TEST(masks_and_bonds_are_kept),
	TEST(isolated_cores_are_left_alone),
	TEST(few_active_threads_share_a_core),
	TEST(a_core_above_its_limit_gives_away),
	TEST(a_great_thread_stays_until_its_core_is_overloaded),
	TEST(an_overloaded_core_is_shared_out),
	TEST(a_full_scheduling_core_gathers_nobody),
	TEST(what_is_no_threads_counts),
	TEST(limits_are_options),
	TEST(random_loads),
	TEST(noise_moves_nobody),
};

TEST_MAIN("reactor/scheduler_plan", cases)
