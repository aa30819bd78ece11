/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Pools: options and the memory there is, modules, statistics, the end. */

#include "tests/unit/thread/fake_iobuf.h"

static void *g_bufs[SMALL_COUNT];

/* --- options ---------------------------------------------------------------------------------- */

static int
set(uint64_t small_count, uint64_t large_count, uint32_t small, uint32_t large)
{
	struct spdk_iobuf_opts opts = opts_of(small_count, large_count, small, large);

	return spdk_iobuf_set_opts(&opts);
}

/* First of all, since a choice stays. */
static void
defaults_follow_the_memory(void)
{
	struct cal_stats_memory *memory = cal_stats_memory();
	struct cal_stats_memory before = *memory;
	struct spdk_iobuf_opts opts;
	uint64_t bytes;

	threads_up();
	memory->heap_bytes = 0;
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK(opts.small_pool_count == 8192 && opts.large_pool_count == 1024);
	CHECK(opts.small_bufsize == 8192 && opts.large_bufsize == 135168);
	CHECK(opts.enable_numa == 0 && opts.opts_size == sizeof(opts));
	memory->heap_bytes = UINT64_C(4) << 30;
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK(opts.small_pool_count == 8192 && opts.large_pool_count == 1024);
	memory->heap_bytes = UINT64_C(256) << 20;
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	bytes = opts.small_pool_count * 8192 + opts.large_pool_count * 135168;
	CHECK(bytes <= UINT64_C(64) << 20 && bytes > UINT64_C(63) << 20);
	CHECK(opts.small_pool_count / opts.large_pool_count == 8);
	memory->heap_bytes = UINT64_C(1) << 20;
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK(opts.small_pool_count == SMALL_COUNT && opts.large_pool_count == LARGE_COUNT);

	/* If even that is not to be had, half, and half of that. */
	memory->heap_bytes = UINT64_C(4) << 30;
	g_heap_limit = 40 << 20;
	CHECK_EQ(spdk_iobuf_initialize(), 0);
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK(opts.small_pool_count == 2048 && opts.large_pool_count == 256);
	CHECK_EQ(spdk_iobuf_initialize(), -EALREADY);
	CHECK(said_both("exist already", "iobuf"));
	spdk_iobuf_finish(NULL, NULL);
	poll_all();
	CHECK_EQ(g_heap_used, 0);
	g_heap_limit = 4096;
	CHECK_EQ(spdk_iobuf_initialize(), -ENOMEM);
	CHECK(said_both("64 x 8192 and 8 x 135168", "-s"));
	CHECK_EQ(g_heap_used, 0);
	g_heap_limit = 0;
	*memory = before;
	CHECK_STR(g_said, "");
	threads_down();
}

static void
options_are_checked(void)
{
	struct spdk_iobuf_opts opts = opts_of(100, 10, 8192, 16384), got;

	threads_up();
	CHECK_EQ(spdk_iobuf_set_opts(NULL), -EINVAL);
	opts.opts_size = 0;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), -EINVAL);
	CHECK(said_both("opts_size", "spdk_iobuf_set_opts"));
	CHECK_EQ(set(100, 10, 8192, 16384), 0);
	CHECK_EQ(set(63, 8, 4096, 8192), -EINVAL);
	CHECK(said_both("small_pool_count 63", "64"));
	CHECK_EQ(set(UINT64_C(1) << 40, 8, 4096, 8192), -EINVAL);
	CHECK(said_both("small_pool_count", "1099511627776"));
	CHECK_EQ(set(64, 7, 4096, 8192), -EINVAL);
	CHECK(said_both("large_pool_count 7", "8"));
	CHECK_EQ(set(64, UINT64_MAX, 4096, 8192), -EINVAL);
	CHECK_EQ(set(64, 8, 4095, 8192), -EINVAL);
	CHECK(said_both("small_bufsize 4095", "4096"));
	CHECK_EQ(set(64, 8, 4096, 8191), -EINVAL);
	CHECK(said_both("large_bufsize 8191", "8192"));
	CHECK_EQ(set(64, 8, 65536, 32768), -EINVAL);
	CHECK(said_both("large_bufsize 32768", "small_bufsize"));
	/* Of what was refused nothing stays. */
	spdk_iobuf_get_opts(&got, sizeof(got));
	CHECK(got.small_pool_count == 100 && got.large_pool_count == 10);
	CHECK(got.small_bufsize == 8192 && got.large_bufsize == 16384);
	CHECK_EQ(set(64, 8, 4096, 8192), 0);
	threads_down();
}

/* An older caller's structure ends earlier: the rest is the default. */
static void
options_of_another_size(void)
{
	struct spdk_iobuf_opts opts = opts_of(100, 10, 8192, 16384), got;

	threads_up();
	opts.enable_numa = 77;
	opts.opts_size = offsetof(struct spdk_iobuf_opts, large_bufsize);
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	memset(&got, 0x5a, sizeof(got));
	spdk_iobuf_get_opts(&got, sizeof(got));
	CHECK(got.small_bufsize == 8192 && got.large_bufsize == 135168 && got.enable_numa == 0);
	/* And no byte is written beyond what it knows. */
	memset(&got, 0x5a, sizeof(got));
	spdk_iobuf_get_opts(&got, offsetof(struct spdk_iobuf_opts, enable_numa));
	CHECK(got.small_pool_count == 100 && got.enable_numa == 0x5a);
	CHECK_EQ(got.opts_size, offsetof(struct spdk_iobuf_opts, enable_numa));
	spdk_iobuf_get_opts(NULL, 8);
	CHECK(said_both("spdk_iobuf_get_opts", "size"));
	CHECK_EQ(set(64, 8, 4096, 8192), 0);
	threads_down();
}

static void
a_choice_that_does_not_fit(void)
{
	struct cal_stats_memory *memory = cal_stats_memory();
	struct cal_stats_memory before = *memory;

	threads_up();
	memory->heap_bytes = 64 << 20;
	memory->heap_used_bytes = 32 << 20;
	CHECK_EQ(set(4096, 8, 8192, 8192), -ENOMEM);
	CHECK(said_both("33 MB and 32 MB are free", "larger -s"));
	CHECK_EQ(set(64, 8, 4096, 8192), 0);
	memory->heap_used_bytes = 0;
	CHECK_EQ(set(4096, 8, 8192, 8192), 0);
	*memory = before;
	/* Nobody knew: the start fails, and does not take less than was asked for. */
	g_heap_limit = 1 << 20;
	CHECK_EQ(spdk_iobuf_initialize(), -ENOMEM);
	CHECK(said_both("4096 x 8192", "small_pool_count"));
	CHECK_EQ(g_heap_used, 0);
	g_heap_limit = 0;
	CHECK_EQ(set(64, 8, 4096, 8192), 0);
	threads_down();
}

static void
options_of_pools_that_exist(void)
{
	struct spdk_iobuf_opts opts;

	pools_up();
	CHECK_EQ(set(128, 16, 8192, 16384), 0);
	CHECK(said_both("exist", "options"));
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK_EQ(opts.small_pool_count, SMALL_COUNT);
	pools_down();
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK_EQ(opts.small_pool_count, 128);
}

/* A size that is no multiple of a page is kept as told, and buffers do not overlap. */
static void
odd_sizes(void)
{
	struct spdk_iobuf_channel ch;
	void *bufs[8];
	unsigned n, i;

	threads_up();
	CHECK_EQ(set(64, 8, 4097, 10000), 0);
	CHECK_EQ(spdk_iobuf_initialize(), 0);
	CHECK_EQ(spdk_iobuf_register_module("a"), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	CHECK_EQ(ch.cache[0].small.bufsize, 4097);
	n = take_all(&ch, 10000, bufs, SPDK_COUNTOF(bufs));
	CHECK_EQ(n, 8);
	for (i = 0; i < n; i++) {
		CHECK_EQ((uintptr_t)bufs[i] % 4096, 0);
		memset(bufs[i], (int)i, 10000);
	}
	for (i = 0; i < n; i++) {
		CHECK(((uint8_t *)bufs[i])[0] == i && ((uint8_t *)bufs[i])[9999] == i);
	}
	put_all(&ch, 10000, bufs, n);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
	CHECK_EQ(set(64, 8, 4096, 8192), 0);
}

static void
numa_without_room_for_it(void)
{
	struct spdk_iobuf_opts opts = opts_of(64, 8, 4096, 8192);

	threads_up();
	/* No environment, no nodes: nothing to object to, and nothing to take. */
	opts.enable_numa = 1;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	opts.enable_numa = 0;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	threads_down();
}

/* --- modules ---------------------------------------------------------------------------------- */

static void
modules(void)
{
	struct spdk_iobuf_channel ch;

	pools_up();
	CHECK_EQ(spdk_iobuf_register_module("a"), -EEXIST);
	CHECK(said_both("module a", "already"));
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "c", 0, 0), -ENODEV);
	CHECK(said_both("module c", "not registered"));
	spdk_iobuf_channel_fini(&ch); /* of nothing */
	CHECK_EQ(spdk_iobuf_unregister_module("c"), -ENOENT);
	CHECK(said_both("module c", "not registered"));
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	CHECK_EQ(spdk_iobuf_unregister_module("a"), -EBUSY);
	CHECK(said_both("module a", "in use (1 channels)"));
	spdk_iobuf_channel_fini(&ch);
	CHECK_EQ(spdk_iobuf_unregister_module("a"), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), -ENODEV);
	CHECK(said_both("module a", "not registered"));
	CHECK_EQ(spdk_iobuf_register_module("a"), 0);
	pools_down();
	/* The end has forgotten them. */
	threads_up();
	CHECK_EQ(spdk_iobuf_unregister_module("b"), -ENOENT);
	CHECK(said_both("module b", "not registered"));
	CHECK_EQ(spdk_iobuf_register_module("b"), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "b", 0, 0), -ENODEV);
	CHECK(said_both("module b", "no pools"));
	CHECK_EQ(spdk_iobuf_unregister_module("b"), 0);
	threads_down();
}

/* A cache is filled at once or not at all. */
static void
caches_that_do_not_fit(void)
{
	struct spdk_iobuf_channel ch[2];

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch[0], "a", SMALL_COUNT + 1, 1), -ENOMEM);
	CHECK(said_both("module a", "small_pool_count"));
	CHECK_EQ(spdk_iobuf_channel_init(&ch[0], "a", 1, LARGE_COUNT + 1), -ENOMEM);
	CHECK(said_both("module a", "large_pool_count"));
	CHECK_EQ(spdk_ring_count(g_iobuf.pools[0][IOBUF_SMALL].ring), SMALL_COUNT);
	CHECK_EQ(spdk_iobuf_channel_init(&ch[0], "a", SMALL_COUNT, LARGE_COUNT), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&ch[1], "b", 1, 0), -ENOMEM);
	CHECK(said_both("module b", "1 and 0"));
	CHECK_EQ(spdk_iobuf_channel_init(&ch[1], "b", 0, 0), 0);
	CHECK(spdk_iobuf_get(&ch[1], SMALL, NULL, NULL) == NULL);
	spdk_iobuf_channel_fini(&ch[0]);
	spdk_iobuf_channel_fini(&ch[1]);
	pools_down();
}

/* --- who waits -------------------------------------------------------------------------------- */

static int
count_entry(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, void *ctx)
{
	CHECK(SPDK_CONTAINEROF(entry, struct wish, entry)->ch == ch);
	return ++*(int *)ctx == 3 ? 33 : 0;
}

static int
abort_entry(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, void *ctx)
{
	spdk_iobuf_entry_abort(ch, entry, *(uint64_t *)ctx);
	return 0;
}

static void
every_entry(void)
{
	struct spdk_iobuf_channel a, b;
	struct wish wishes[5];
	uint64_t len = SMALL;
	unsigned n, i;
	int seen = 0;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&a, "a", 0, 0), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&b, "b", 0, LARGE_COUNT), 0);
	n = take_all(&a, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK(!wish_make(&wishes[0], &a, SMALL));
	CHECK(!wish_make(&wishes[1], &b, SMALL));
	CHECK(!wish_make(&wishes[2], &a, SMALL));
	CHECK(!wish_make(&wishes[3], &a, LARGE));
	CHECK_EQ(spdk_iobuf_for_each_entry(&b, count_entry, &seen), 0);
	CHECK_EQ(seen, 1);
	seen = 0;
	CHECK_EQ(spdk_iobuf_for_each_entry(&a, count_entry, &seen), 33);
	CHECK_EQ(seen, 3);
	spdk_iobuf_entry_abort(&a, &wishes[3].entry, LARGE);
	CHECK_EQ(spdk_iobuf_for_each_entry(&a, abort_entry, &len), 0);
	for (i = 0; i < 3; i++) {
		spdk_iobuf_put(&a, g_bufs[--n], SMALL);
	}
	CHECK(wishes[0].buf == NULL && wishes[1].buf != NULL && wishes[2].buf == NULL);
	spdk_iobuf_put(&b, wishes[1].buf, SMALL);
	put_all(&a, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&a);
	spdk_iobuf_channel_fini(&b);
	pools_down();
}

/* The end of a channel on which somebody waits: said, and nobody is called afterwards. */
static void
end_while_waiting(void)
{
	struct spdk_iobuf_channel a, b;
	struct wish wishes[3];
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&a, "a", 0, 0), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&b, "b", 0, 0), 0);
	n = take_all(&b, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK(!wish_make(&wishes[0], &a, SMALL));
	CHECK(!wish_make(&wishes[1], &b, SMALL));
	CHECK(!wish_make(&wishes[2], &a, SMALL));
	spdk_iobuf_channel_fini(&a);
	CHECK(said_both("module a", "2 requests wait"));
	put_all(&b, SMALL, g_bufs, n);
	CHECK(wishes[0].buf == NULL && wishes[1].buf != NULL && wishes[2].buf == NULL);
	spdk_iobuf_put(&b, wishes[1].buf, SMALL);
	spdk_iobuf_channel_fini(&b);
	pools_down();
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
the_end_waits_for_channels(void)
{
	struct spdk_iobuf_channel ch, other;
	void *buf;
	int finished = 0;

	pools_up();
	on(1);
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 1, 1), 0);
	buf = spdk_iobuf_get(&ch, SMALL, NULL, NULL);
	on(0);
	spdk_iobuf_finish(ended, &finished);
	poll_all();
	CHECK_EQ(finished, 0);
	spdk_iobuf_finish(ended, &finished);
	CHECK(said_both("finished already", "iobuf"));
	on(2);
	CHECK_EQ(spdk_iobuf_channel_init(&other, "b", 1, 1), -ENODEV);
	CHECK(said_both("no pools any more", "module b"));
	on(1);
	memset(buf, 7, SMALL);
	spdk_iobuf_put(&ch, buf, SMALL);
	spdk_iobuf_channel_fini(&ch);
	poll_all();
	CHECK_EQ(finished, 1);
	CHECK_EQ(g_heap_used, 0);
	CHECK_STR(g_said, "");
	/* Without pools it has ended already. */
	spdk_iobuf_finish(ended, &finished);
	CHECK_EQ(finished, 2);
	threads_down();
}

static void
who_leaks_is_named(void)
{
	struct spdk_iobuf_channel a, b;
	int finished = 0;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&a, "a", 2, 0), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&b, "b", 0, 0), 0);
	CHECK(spdk_iobuf_get(&a, SMALL, NULL, NULL) != NULL);
	CHECK(spdk_iobuf_get(&a, SMALL, NULL, NULL) != NULL);
	CHECK(spdk_iobuf_get(&a, SMALL, NULL, NULL) != NULL);
	spdk_iobuf_put(&b, spdk_iobuf_get(&b, LARGE, NULL, NULL), LARGE);
	spdk_iobuf_channel_fini(&a);
	spdk_iobuf_channel_fini(&b);
	/* Also if it has gone before. */
	CHECK_EQ(spdk_iobuf_unregister_module("a"), 0);
	spdk_iobuf_finish(ended, &finished);
	poll_all();
	CHECK_EQ(finished, 1);
	CHECK(strstr(g_said, "module b") == NULL && strstr(g_said, "large") == NULL);
	CHECK(said_both("module a", "3 small iobufs"));
	CHECK_EQ(g_heap_used, 0);
	threads_down();
}

/* --- statistics ------------------------------------------------------------------------------- */

static struct spdk_iobuf_module_stats g_stats[2];
static unsigned g_told;

static void
stats_here(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *arg)
{
	CHECK_EQ(num_modules, 2);
	CHECK(arg == &g_told);
	CHECK(spdk_get_thread() == g_threads[0]);
	CHECK_STR(modules[0].module, "a");
	CHECK_STR(modules[1].module, "b");
	memcpy(g_stats, modules, sizeof(g_stats));
	g_told++;
}

static void
stats_get(void)
{
	unsigned before = g_told;

	on(0);
	CHECK_EQ(spdk_iobuf_get_stats(stats_here, &g_told), 0);
	poll_all();
	CHECK_EQ(g_told, before + 1);
}

static void
statistics(void)
{
	struct spdk_iobuf_channel a[2], b;
	struct wish wish;
	void *bufs[3], *held[SMALL_COUNT];
	unsigned n;

	pools_up();
	stats_get();
	CHECK(g_stats[0].small_pool.cache_size == 0 && g_stats[0].small_pool.cache == 0);
	CHECK_EQ(spdk_iobuf_channel_init(&a[0], "a", 2, 1), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&b, "b", 0, 0), 0);
	on(1);
	CHECK_EQ(spdk_iobuf_channel_init(&a[1], "a", 3, 0), 0);
	bufs[0] = spdk_iobuf_get(&a[1], SMALL, NULL, NULL);
	spdk_iobuf_put(&a[1], bufs[0], SMALL);
	on(0);
	bufs[0] = spdk_iobuf_get(&a[0], SMALL, NULL, NULL);
	bufs[1] = spdk_iobuf_get(&a[0], SMALL, NULL, NULL);
	bufs[2] = spdk_iobuf_get(&a[0], LARGE, NULL, NULL);
	n = take_all(&b, SMALL, held, SPDK_COUNTOF(held));
	CHECK(!wish_make(&wish, &b, SMALL));
	stats_get();
	CHECK_EQ(g_stats[0].small_pool.cache_size, 5);
	CHECK_EQ(g_stats[0].small_pool.cache, 3);
	CHECK_EQ(g_stats[0].small_pool.main, 0);
	CHECK_EQ(g_stats[0].large_pool.cache_size, 1);
	CHECK_EQ(g_stats[0].large_pool.cache, 1);
	CHECK_EQ(g_stats[1].small_pool.main, n);
	CHECK_EQ(g_stats[1].small_pool.retry, 1);
	CHECK_EQ(g_stats[1].large_pool.main, 0);
	spdk_iobuf_put(&a[0], bufs[0], SMALL);
	CHECK(wish.buf != NULL);
	spdk_iobuf_put(&a[0], bufs[1], SMALL);
	spdk_iobuf_put(&a[0], bufs[2], LARGE);
	spdk_iobuf_put(&b, wish.buf, SMALL);
	put_all(&b, SMALL, held, n);
	spdk_iobuf_channel_fini(&a[0]);
	spdk_iobuf_channel_fini(&b);
	on(1);
	spdk_iobuf_channel_fini(&a[1]);
	/* Counters outlive their channels, what was kept does not. */
	stats_get();
	CHECK_EQ(g_stats[0].small_pool.cache_size, 0);
	CHECK_EQ(g_stats[0].small_pool.cache, 3);
	CHECK_EQ(g_stats[0].large_pool.cache, 1);
	CHECK_EQ(g_stats[1].small_pool.main, n);
	CHECK_EQ(g_stats[1].small_pool.retry, 1);
	pools_down();
	CHECK_EQ(spdk_iobuf_get_stats(stats_here, &g_told), -ENODEV);
}

static const struct test_case cases[] = {
	TEST(defaults_follow_the_memory),  TEST(options_are_checked),
	TEST(options_of_another_size),     TEST(a_choice_that_does_not_fit),
	TEST(options_of_pools_that_exist), TEST(odd_sizes),
	TEST(numa_without_room_for_it),    TEST(modules),
	TEST(caches_that_do_not_fit),      TEST(every_entry),
	TEST(end_while_waiting),           TEST(the_end_waits_for_channels),
	TEST(who_leaks_is_named),          TEST(statistics),
};
TEST_MAIN("thread/iobuf_pools", cases)
