/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The dynamic scheduler by what it is given and gives back: figures, options, sleeping cores and
 * the governor. Its decisions have a test of their own. */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "core/reactor/scheduler_internal.h"
#include "spdk/json.h"

/* --- a governor ------------------------------------------------------------------------------- */

static int g_freq, g_governed, g_freq_rc;
static uint32_t g_freq_lcore;

static int
governor_init(void)
{
	g_governed++;
	return 0;
}

static void
governor_deinit(void)
{
	g_governed--;
}

static int
freq_up(uint32_t lcore)
{
	g_freq_lcore = lcore;
	g_freq++;
	return g_freq_rc;
}

static int
freq_down(uint32_t lcore)
{
	g_freq_lcore = lcore;
	g_freq--;
	return g_freq_rc;
}

static int
freq_max(uint32_t lcore)
{
	g_freq_lcore = lcore;
	g_freq = 100;
	return g_freq_rc;
}

static struct spdk_governor governor = {
	.name = "dpdk_governor",
	.core_freq_up = freq_up,
	.core_freq_down = freq_down,
	.set_core_freq_max = freq_max,
	.init = governor_init,
	.deinit = governor_deinit,
};

/* --- what it is given ------------------------------------------------------------------------- */

#define CORES 3

static struct spdk_scheduler_thread_info g_threads[CORES][4];
static struct spdk_scheduler_core_info g_cores[CORES];

static void
begin(void)
{
	uint32_t c;

	memset(g_threads, 0, sizeof(g_threads));
	memset(g_cores, 0, sizeof(g_cores));
	for (c = 0; c < CORES; c++) {
		g_cores[c].lcore = c;
		g_cores[c].thread_infos = g_threads[c];
		g_cores[c].current_idle_tsc = g_cores[c].total_idle_tsc = 1000;
	}
}

/* A thread that was busy for so many of the 1000 ticks. */
static struct spdk_scheduler_thread_info *
add(uint32_t core, uint64_t busy)
{
	static uint64_t id;
	struct spdk_scheduler_thread_info *info = &g_threads[core][g_cores[core].threads_count++];

	info->lcore = core;
	info->thread_id = ++id;
	info->current_stats.busy_tsc = busy;
	info->current_stats.idle_tsc = 1;
	g_cores[core].current_busy_tsc += busy;
	g_cores[core].current_idle_tsc -= busy;
	return info;
}

static void
balance(void)
{
	spdk_scheduler_get()->balance(g_cores, CORES);
}

static int
setup(void)
{
	fake_cores(CORES, (uint32_t[]){ 0, 1, 2 });
	return reactors_init();
}

static int
teardown(void)
{
	reactors_fini();
	return 0;
}

static void
with_dynamic(void)
{
	REQUIRE(spdk_scheduler_set(scheduler_static.name) == 0);
	REQUIRE(spdk_scheduler_set(scheduler_dynamic.name) == 0);
}

static void
threads_and_modes_are_written_back(void)
{
	struct spdk_scheduler_thread_info *idle, *active;

	with_dynamic();
	begin();
	idle = add(1, 10);
	active = add(2, 900);
	balance();
	CHECK_EQ(idle->lcore, 0);
	CHECK_EQ(active->lcore, 2);
	CHECK(!g_cores[0].interrupt_mode);
	CHECK(g_cores[1].interrupt_mode);
	CHECK(!g_cores[2].interrupt_mode);

	/* A core that gets a thread is to be awake, the scheduling one always. */
	begin();
	g_cores[0].interrupt_mode = g_cores[1].interrupt_mode = g_cores[2].interrupt_mode = true;
	add(0, 480);
	add(0, 500);
	balance();
	CHECK(!g_cores[0].interrupt_mode);
	CHECK_EQ(g_cores[1].interrupt_mode + g_cores[2].interrupt_mode, 1);

	/* An isolated one is not touched. */
	begin();
	g_cores[1].isolated = g_cores[2].isolated = true;
	g_cores[2].interrupt_mode = true;
	idle = add(1, 0);
	balance();
	CHECK_EQ(idle->lcore, 1);
	CHECK(!g_cores[1].interrupt_mode);
	CHECK(g_cores[2].interrupt_mode);
}

static void
nothing_was_measured(void)
{
	struct spdk_scheduler_thread_info *info;
	uint32_t c;

	with_dynamic();
	begin();
	info = add(1, 0);
	for (c = 0; c < CORES; c++) {
		g_cores[c].current_idle_tsc = 0;
	}
	balance();
	CHECK_EQ(info->lcore, 1);
	begin();
	balance(); /* no threads at all */
	CHECK(g_cores[1].interrupt_mode);
}

static void
a_core_is_busy_by_more_than_threads(void)
{
	struct spdk_scheduler_thread_info *info;

	with_dynamic();
	begin();
	info = add(1, 10);
	g_cores[0].current_busy_tsc = 900;
	g_cores[0].current_idle_tsc = 100;
	/* What it was busy with reaches back to its start: not counted. */
	balance();
	CHECK_EQ(info->lcore, 0);
	info->lcore = 1;
	/* From then on it is. */
	balance();
	CHECK_EQ(info->lcore, 1);
}

static void
a_sleeper_measures_less(void)
{
	struct spdk_scheduler_thread_info *info;

	with_dynamic();
	begin();
	info = add(1, 10);
	/* 10 of 20 ticks, because it slept: of the 1000 that passed, that is nothing. */
	g_cores[1].current_idle_tsc = 10;
	balance();
	CHECK_EQ(info->lcore, 0);
}

/* Figures of months do not overflow. */
static void
great_figures(void)
{
	struct spdk_scheduler_thread_info *idle, *active;
	uint32_t c;

	with_dynamic();
	begin();
	idle = add(1, 0);
	active = add(2, 0);
	for (c = 0; c < CORES; c++) {
		g_cores[c].current_idle_tsc = 1ull << 60;
	}
	idle->current_stats.busy_tsc = 1ull << 55;
	active->current_stats.busy_tsc = 15ull << 56;
	balance();
	CHECK_EQ(idle->lcore, 0);
	CHECK_EQ(active->lcore, 2);
}

/* --- options ---------------------------------------------------------------------------------- */

static int
set_opts(const char *text)
{
	struct spdk_json_val values[16];
	char copy[128];
	void *end;

	snprintf(copy, sizeof(copy), "%s", text);
	REQUIRE(spdk_json_parse(copy, strlen(copy), values, 16, &end,
	                        SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) > 0);
	return spdk_scheduler_get()->set_opts(values);
}

static char g_written[256];

static int
take(void *ctx, const void *data, size_t size)
{
	strncat(g_written, data, size);
	return 0;
}

static const char *
get_opts(void)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(take, NULL, 0);

	g_written[0] = '\0';
	spdk_json_write_object_begin(w);
	spdk_scheduler_get()->get_opts(w);
	spdk_json_write_object_end(w);
	spdk_json_write_end(w);
	return g_written;
}

static void
options_are_kept(void)
{
	struct spdk_scheduler_thread_info *info;

	with_dynamic();
	CHECK_STR(get_opts(), "{\"load_limit\":20,\"core_limit\":80,\"core_busy\":95}");
	CHECK_EQ(set_opts("{\"name\":\"dynamic\",\"core_limit\":42}"), 0);
	CHECK_EQ(set_opts("{\"load_limit\":101}"), -EINVAL);
	CHECK_EQ(set_opts("{\"load_limit\":1,\"core_busy\":300}"), -EINVAL);
	CHECK_EQ(set_opts("{\"load_limit\":\"x\"}"), -EINVAL);
	CHECK_EQ(spdk_scheduler_get()->set_opts(NULL), 0);
	CHECK_EQ(spdk_scheduler_set("static"), 0);
	CHECK_EQ(spdk_scheduler_set("dynamic"), 0);
	CHECK_STR(get_opts(), "{\"load_limit\":20,\"core_limit\":42,\"core_busy\":95}");

	/* And used: 50 % fit no more, 10 % are much. */
	begin();
	add(0, 10);
	info = add(1, 500);
	balance();
	CHECK_EQ(info->lcore, 1);
	CHECK_EQ(set_opts("{\"load_limit\":20,\"core_limit\":80,\"core_busy\":95}"), 0);
	balance();
	CHECK_EQ(info->lcore, 0);
}

static void
mappings_of_static(void)
{
	struct spdk_scheduler_thread_info *one, *two;
	char text[96];

	CHECK_EQ(spdk_scheduler_set("static"), 0);
	begin();
	one = add(0, 0);
	two = add(0, 0);
	balance();
	CHECK_EQ(one->lcore, 0);
	snprintf(text, sizeof(text), "{\"mappings\":\"%llu:2,%llu:1\"}",
	         (unsigned long long)one->thread_id, (unsigned long long)two->thread_id);
	CHECK_EQ(set_opts(text), 0);
	balance();
	CHECK_EQ(one->lcore, 2);
	CHECK_EQ(two->lcore, 1);
	/* Once. */
	one->lcore = 0;
	balance();
	CHECK_EQ(one->lcore, 0);

	CHECK_EQ(set_opts("{\"mappings\":\"\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":\"1\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":\"1:\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":\"1:3\"}"), -EINVAL); /* no such core */
	CHECK_EQ(set_opts("{\"mappings\":\"1:1,\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":\"1:1;2:2\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":\"-1:1\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":\"99999999999999999999:1\"}"), -EINVAL);
	CHECK_EQ(set_opts("{\"mappings\":1}"), -EINVAL);
}

/* --- frequency -------------------------------------------------------------------------------- */

static void
the_scheduling_cores_clock_follows_its_load(void)
{
	REQUIRE(spdk_scheduler_set("static") == 0);
	spdk_governor_register(&governor);
	REQUIRE(spdk_scheduler_set("dynamic") == 0);
	CHECK(spdk_governor_get() == &governor);

	begin();
	add(0, 100);
	add(1, 100);
	g_freq = 50;
	balance();
	CHECK_EQ(g_freq, 49);
	CHECK_EQ(g_freq_lcore, 0);

	/* Above one half it rises. */
	begin();
	add(0, 600);
	balance();
	CHECK_EQ(g_freq, 50);

	/* An active thread there that has not much to do leaves it. */
	begin();
	add(0, 300);
	balance();
	CHECK_EQ(g_freq, 50);

	/* Whoever is active elsewhere may need it at once. */
	begin();
	add(1, 950);
	balance();
	CHECK_EQ(g_freq, 100);

	g_freq_rc = -1; /* said, and gone on */
	balance();
	g_freq_rc = 0;

	CHECK_EQ(spdk_scheduler_set("static"), 0);
	CHECK(spdk_governor_get() == NULL);
	CHECK_EQ(g_governed, 0);
}

static const struct test_case cases[] = {
	TEST(threads_and_modes_are_written_back),
	TEST(nothing_was_measured),
	TEST(a_core_is_busy_by_more_than_threads),
	TEST(a_sleeper_measures_less),
	TEST(great_figures),
	TEST(options_are_kept),
	TEST(mappings_of_static),
	TEST(the_scheduling_cores_clock_follows_its_load),
};

TEST_MAIN_WITH("reactor/scheduler_dynamic", cases, setup, teardown)
