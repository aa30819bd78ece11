/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Pools by NUMA node: the library as it is when it is built with room for two, on a machine that
 * has two. */

#include "spdk/config.h"

#undef SPDK_CONFIG_MAX_NUMA_NODES
#define SPDK_CONFIG_MAX_NUMA_NODES 2

#include "tests/unit/thread/fake_iobuf.h"

#include "core/thread/iobuf.c"
#include "core/thread/iobuf_channel.c"
#include "core/thread/iobuf_lobby.c"
#include "core/thread/iobuf_pools.c"
#include "core/thread/iobuf_stats.c"

static int32_t g_last_node = 1;
static int32_t g_here; /* the node of the current core */

uint32_t
spdk_env_get_current_core(void)
{
	return 0;
}

int32_t
spdk_env_get_numa_id(uint32_t core)
{
	return g_here;
}

int32_t
spdk_env_get_first_numa_id(void)
{
	return 0;
}

int32_t
spdk_env_get_last_numa_id(void)
{
	return g_last_node;
}

int32_t
spdk_env_get_next_numa_id(int32_t prev_numa_id)
{
	return prev_numa_id < g_last_node ? prev_numa_id + 1 : INT32_MAX;
}

static void
numa_up(void)
{
	struct spdk_iobuf_opts opts = opts_of(SMALL_COUNT, LARGE_COUNT, SMALL, LARGE);

	threads_up();
	opts.enable_numa = 1;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	CHECK_EQ(spdk_iobuf_initialize(), 0);
	CHECK_EQ(g_heap_node, 1);
	CHECK_EQ(g_heap_used, 8);
	CHECK_EQ(spdk_iobuf_register_module("a"), 0);
}

static void
options(void)
{
	struct spdk_iobuf_opts opts = opts_of(SMALL_COUNT, LARGE_COUNT, SMALL, LARGE);

	threads_up();
	opts.enable_numa = 1;
	g_last_node = 2;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), -EINVAL);
	CHECK(said_both("NUMA node 2", "room for 2"));
	g_last_node = 1;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	/* All nodes together must fit. */
	cal_stats_memory()->heap_bytes = SMALL_COUNT * SMALL + LARGE_COUNT * LARGE + 1;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), -ENOMEM);
	CHECK(said_both("take 1 MB", "-s"));
	cal_stats_memory()->heap_bytes = 0;
	threads_down();
}

/* From the node where the caller runs, back to where it is from, another one's rather than none. */
static void
near_and_far(void)
{
	void *bufs[2 * SMALL_COUNT + 1] = { 0 }, *buf;
	struct spdk_iobuf_channel ch;
	struct wish wish;
	unsigned n, i;

	numa_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 2, 1), 0);
	CHECK(ch.cache[0].small.cache_count == 2 && ch.cache[1].small.cache_count == 2);
	for (g_here = 0; g_here < 2; g_here++) {
		buf = spdk_iobuf_get(&ch, LARGE, NULL, NULL);
		CHECK_EQ(iobuf_node_of(buf, IOBUF_LARGE), g_here);
		CHECK_EQ(ch.cache[g_here].large.cache_count, 0);
		g_here = 1 - g_here;
		spdk_iobuf_put(&ch, buf, LARGE);
		g_here = 1 - g_here;
		CHECK_EQ(ch.cache[g_here].large.cache_count, 1);
	}
	/* A core of no node, or of one that we do not know. */
	g_here = -1;
	buf = spdk_iobuf_get(&ch, LARGE, NULL, NULL);
	CHECK_EQ(iobuf_node_of(buf, IOBUF_LARGE), 0);
	spdk_iobuf_put(&ch, buf, LARGE);
	g_here = 7;
	buf = spdk_iobuf_get(&ch, LARGE, NULL, NULL);
	CHECK_EQ(iobuf_node_of(buf, IOBUF_LARGE), 0);
	spdk_iobuf_put(&ch, buf, LARGE);
	/* Near ones, far ones, in the end what it keeps on the other node. */
	g_here = 1;
	n = take_all(&ch, SMALL, bufs, SPDK_COUNTOF(bufs));
	CHECK_EQ(n, 2 * SMALL_COUNT);
	CHECK_EQ(ch.cache[0].small.cache_count, 0);
	for (i = 0; i < n; i++) {
		CHECK_EQ(iobuf_node_of(bufs[i], IOBUF_SMALL), i < SMALL_COUNT ? 1 : 0);
	}
	/* One line for both nodes. */
	CHECK(!wish_make(&wish, &ch, SMALL));
	spdk_iobuf_put(&ch, bufs[--n], SMALL);
	CHECK(wish.buf == bufs[n]);
	spdk_iobuf_put(&ch, wish.buf, SMALL);
	put_all(&ch, SMALL, bufs, n);
	CHECK(ch.cache[0].small.cache_count == 2 && ch.cache[1].small.cache_count == 2);
	g_here = 0;
	spdk_iobuf_channel_fini(&ch);
	CHECK_EQ(spdk_ring_count(g_iobuf.pools[1][IOBUF_SMALL].ring), SMALL_COUNT);
	pools_down();
}

static void
stats_here(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *arg)
{
	CHECK_EQ(num_modules, 1);
	CHECK_EQ(modules[0].small_pool.cache_size, 6);
	CHECK_EQ(modules[0].small_pool.cache, 2);
	*(bool *)arg = true;
}

static void
sums(void)
{
	struct spdk_iobuf_channel ch;
	bool told = false;

	numa_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 3, 0), 0);
	for (g_here = 0; g_here < 2; g_here++) {
		spdk_iobuf_put(&ch, spdk_iobuf_get(&ch, SMALL, NULL, NULL), SMALL);
	}
	g_here = 0;
	CHECK_EQ(spdk_iobuf_get_stats(stats_here, &told), 0);
	poll_all();
	CHECK(told);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

static const struct test_case cases[] = { TEST(options), TEST(near_and_far), TEST(sums) };
TEST_MAIN("thread/iobuf_numa", cases)
