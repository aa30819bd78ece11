/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Buffers: from the cache, from the pool, in line; who comes first. */

#include "tests/unit/thread/fake_iobuf.h"

static void *g_bufs[SMALL_COUNT + 1];

static const struct spdk_iobuf_pool_stats *
small_stats(const struct spdk_iobuf_channel *ch)
{
	return &ch->cache[0].small.stats;
}

static void
from_cache_and_pool(void)
{
	struct spdk_iobuf_channel ch;
	void *first, *bufs[4];
	int i;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 3, 1), 0);
	CHECK_EQ(ch.cache[0].small.cache_count, 3);
	CHECK_EQ(ch.cache[0].large.cache_count, 1);
	CHECK_EQ(small_stats(&ch)->cache_size, 3);
	/* The last one put is the next one taken. */
	first = spdk_iobuf_get(&ch, 1, NULL, NULL);
	CHECK_EQ((uintptr_t)first % 4096, 0);
	spdk_iobuf_put(&ch, first, 1);
	CHECK(spdk_iobuf_get(&ch, 1, NULL, NULL) == first);
	spdk_iobuf_put(&ch, first, 1);
	CHECK_EQ(small_stats(&ch)->cache, 2);
	CHECK_EQ(small_stats(&ch)->main, 0);
	/* The cache goes first, then the pool, and all are different. */
	for (i = 0; i < 4; i++) {
		bufs[i] = spdk_iobuf_get(&ch, SMALL, NULL, NULL);
		REQUIRE(bufs[i] != NULL);
		memset(bufs[i], i, SMALL);
	}
	for (i = 0; i < 4; i++) {
		CHECK_EQ(((uint8_t *)bufs[i])[SMALL - 1], i);
		CHECK_EQ(((uint8_t *)bufs[i])[0], i);
	}
	CHECK_EQ(small_stats(&ch)->cache, 5);
	CHECK_EQ(small_stats(&ch)->main, 1);
	/* Back to the cache up to its size, then to the pool. */
	put_all(&ch, SMALL, bufs, 4);
	CHECK_EQ(ch.cache[0].small.cache_count, 3);
	CHECK_EQ(spdk_ring_count(ch.cache[0].small.pool), SMALL_COUNT - 3);
	spdk_iobuf_channel_fini(&ch);
	CHECK_EQ(spdk_ring_count(g_iobuf.pools[0][IOBUF_SMALL].ring), SMALL_COUNT);
	pools_down();
}

/* One channel can have all there is, and a NULL entry does not wait. */
static void
all_of_a_pool(void)
{
	struct spdk_iobuf_channel ch;
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 2), 0);
	n = take_all(&ch, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK_EQ(n, SMALL_COUNT);
	CHECK_EQ(small_stats(&ch)->main, SMALL_COUNT);
	CHECK_EQ(small_stats(&ch)->retry, 0);
	put_all(&ch, SMALL, g_bufs, n);
	CHECK_EQ(ch.cache[0].small.cache_count, 0);
	n = take_all(&ch, LARGE, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK_EQ(n, LARGE_COUNT);
	put_all(&ch, LARGE, g_bufs, n);
	CHECK_EQ(ch.cache[0].large.cache_count, 2);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

static void
lengths(void)
{
	struct spdk_iobuf_channel ch;
	struct wish wish;
	void *buf;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	buf = spdk_iobuf_get(&ch, 0, NULL, NULL);
	CHECK_EQ(small_stats(&ch)->main, 1);
	spdk_iobuf_put(&ch, buf, 0);
	buf = spdk_iobuf_get(&ch, SMALL, NULL, NULL);
	CHECK_EQ(small_stats(&ch)->main, 2);
	spdk_iobuf_put(&ch, buf, SMALL);
	buf = spdk_iobuf_get(&ch, SMALL + 1, NULL, NULL);
	CHECK_EQ(small_stats(&ch)->main, 2);
	CHECK_EQ(ch.cache[0].large.stats.main, 1);
	spdk_iobuf_put(&ch, buf, SMALL + 1);
	buf = spdk_iobuf_get(&ch, LARGE, NULL, NULL);
	CHECK_EQ(ch.cache[0].large.stats.main, 2);
	memset(buf, 1, LARGE);
	spdk_iobuf_put(&ch, buf, LARGE);
	/* Too much, and it does not wait for ever. */
	CHECK(!wish_make(&wish, &ch, LARGE + 1));
	CHECK(said_both("8193 bytes", "module a"));
	CHECK(!wish_make(&wish, &ch, UINT64_MAX));
	CHECK(said_both("iobuf_set_options", "module a"));
	CHECK_EQ(ch.cache[0].large.stats.retry, 0);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

/* --- in line ---------------------------------------------------------------------------------- */

/* Whatever the module of who asked and of who puts; before any cache is filled. */
static void
first_come_first_served(void)
{
	struct spdk_iobuf_channel a, b;
	struct wish wishes[4];
	unsigned n, i;

	pools_up();
	g_order = 0;
	CHECK_EQ(spdk_iobuf_channel_init(&a, "a", 2, 0), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&b, "b", 0, 0), 0);
	n = take_all(&a, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK_EQ(n, SMALL_COUNT);
	CHECK(!wish_make(&wishes[0], &b, SMALL));
	CHECK(!wish_make(&wishes[1], &a, SMALL));
	CHECK(!wish_make(&wishes[2], &a, 1));
	CHECK(!wish_make(&wishes[3], &b, SMALL));
	CHECK_EQ(small_stats(&a)->retry, 2);
	CHECK_EQ(small_stats(&b)->retry, 2);
	/* One without an entry does not get in front of them. */
	for (i = 0; i < 4; i++) {
		CHECK(spdk_iobuf_get(&a, SMALL, NULL, NULL) == NULL);
		spdk_iobuf_put(&a, g_bufs[--n], SMALL);
		CHECK_EQ(wishes[i].order, i + 1);
		CHECK(wishes[i].buf == g_bufs[n]);
		CHECK(i == 3 || wishes[i + 1].buf == NULL);
	}
	CHECK_EQ(a.cache[0].small.cache_count, 0);
	for (i = 0; i < 4; i++) {
		spdk_iobuf_put(wishes[i].ch, wishes[i].buf, SMALL);
	}
	put_all(&a, SMALL, g_bufs, n);
	CHECK_EQ(a.cache[0].small.cache_count, 2);
	spdk_iobuf_channel_fini(&a);
	spdk_iobuf_channel_fini(&b);
	pools_down();
}

/* A channel's own are for it, whoever waits. */
static void
own_buffers_are_own(void)
{
	struct spdk_iobuf_channel a, b;
	struct wish wish;
	void *own;
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&a, "a", 1, 0), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&b, "b", 0, 0), 0);
	n = take_all(&b, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK_EQ(n, SMALL_COUNT - 1);
	CHECK(!wish_make(&wish, &b, SMALL));
	own = spdk_iobuf_get(&a, SMALL, NULL, NULL);
	CHECK(own != NULL);
	/* But once it is put, who waits comes first. */
	spdk_iobuf_put(&a, own, SMALL);
	CHECK(wish.buf == own);
	spdk_iobuf_put(&b, own, SMALL);
	put_all(&b, SMALL, g_bufs, n);
	CHECK_EQ(a.cache[0].small.cache_count, 0);
	spdk_iobuf_channel_fini(&a);
	spdk_iobuf_channel_fini(&b);
	CHECK_STR(g_said, "");
	pools_down();
}

static void
aborted(void)
{
	struct spdk_iobuf_channel ch;
	struct wish wishes[3], no;
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	n = take_all(&ch, LARGE, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK(!wish_make(&wishes[0], &ch, LARGE));
	CHECK(!wish_make(&wishes[1], &ch, LARGE));
	CHECK(!wish_make(&wishes[2], &ch, LARGE));
	spdk_iobuf_entry_abort(&ch, &wishes[1].entry, LARGE);
	spdk_iobuf_put(&ch, g_bufs[--n], LARGE);
	spdk_iobuf_put(&ch, g_bufs[--n], LARGE);
	CHECK(wishes[0].buf != NULL && wishes[1].buf == NULL && wishes[2].buf != NULL);
	/* What does not wait (any more) is no reason to fall over. */
	CHECK_STR(g_said, "");
	spdk_iobuf_entry_abort(&ch, &wishes[2].entry, LARGE);
	CHECK(said_both("does not wait", "module a"));
	memset(&no, 0, sizeof(no));
	spdk_iobuf_entry_abort(&ch, &no.entry, SMALL);
	CHECK(said_both("does not wait", "module a"));
	/* First, last and only. */
	CHECK(!wish_make(&wishes[1], &ch, LARGE));
	spdk_iobuf_entry_abort(&ch, &wishes[1].entry, LARGE);
	spdk_iobuf_put(&ch, wishes[0].buf, LARGE);
	spdk_iobuf_put(&ch, wishes[2].buf, LARGE);
	put_all(&ch, LARGE, g_bufs, n);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

/* --- inside a callback ------------------------------------------------------------------------ */

static struct wish g_inner[2];
static void *g_second;

static void
granted_and_wants_more(struct spdk_iobuf_entry *entry, void *buf)
{
	struct wish *wish = SPDK_CONTAINEROF(entry, struct wish, entry);

	wish_granted(entry, buf);
	/* In the order in which he asks, before those who wait. */
	CHECK(!wish_make(&g_inner[0], wish->ch, SMALL));
	CHECK(!wish_make(&g_inner[1], wish->ch, SMALL));
}

static void
get_in_a_callback(void)
{
	struct spdk_iobuf_channel ch;
	struct wish greedy = { 0 }, other;
	unsigned n;

	pools_up();
	g_order = 0;
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	n = take_all(&ch, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	greedy.ch = &ch;
	CHECK(spdk_iobuf_get(&ch, SMALL, &greedy.entry, granted_and_wants_more) == NULL);
	CHECK(!wish_make(&other, &ch, SMALL));
	put_all(&ch, SMALL, &g_bufs[n - 4], 4);
	n -= 4;
	CHECK_EQ(greedy.order, 1);
	CHECK_EQ(g_inner[0].order, 2);
	CHECK_EQ(g_inner[1].order, 3);
	CHECK_EQ(other.order, 4);
	spdk_iobuf_put(&ch, greedy.buf, SMALL);
	spdk_iobuf_put(&ch, g_inner[0].buf, SMALL);
	spdk_iobuf_put(&ch, g_inner[1].buf, SMALL);
	spdk_iobuf_put(&ch, other.buf, SMALL);
	put_all(&ch, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

static unsigned g_depth, g_deepest;

static void
granted_and_puts(struct spdk_iobuf_entry *entry, void *buf)
{
	struct wish *wish = SPDK_CONTAINEROF(entry, struct wish, entry);

	g_depth++;
	g_deepest = spdk_max(g_deepest, g_depth);
	wish->order = ++g_order;
	spdk_iobuf_put(wish->ch, buf, SMALL);
	g_depth--;
}

/* A whole line of those who need it for a moment, with one buffer, and none calls the next. */
static void
put_in_a_callback(void)
{
	struct wish *wishes = calloc(1000, sizeof(*wishes));
	struct spdk_iobuf_channel ch;
	unsigned n, i;

	pools_up();
	g_order = g_deepest = 0;
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	n = take_all(&ch, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	for (i = 0; i < 1000; i++) {
		wishes[i].ch = &ch;
		CHECK(spdk_iobuf_get(&ch, SMALL, &wishes[i].entry, granted_and_puts) == NULL);
	}
	spdk_iobuf_put(&ch, g_bufs[--n], SMALL);
	for (i = 0; i < 1000; i++) {
		CHECK_EQ(wishes[i].order, i + 1);
	}
	CHECK_EQ(g_deepest, 1);
	CHECK_EQ(spdk_ring_count(ch.cache[0].small.pool), 1);
	put_all(&ch, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&ch);
	free(wishes);
	pools_down();
}

static void
granted_and_swaps(struct spdk_iobuf_entry *entry, void *buf)
{
	struct wish *wish = SPDK_CONTAINEROF(entry, struct wish, entry);

	spdk_iobuf_put(wish->ch, buf, SMALL);
	g_second = spdk_iobuf_get(wish->ch, SMALL, NULL, NULL);
}

/* What he has just put he may have back. */
static void
put_and_get_in_a_callback(void)
{
	struct spdk_iobuf_channel ch;
	struct wish wish = { 0 }, other;
	void *buf;
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	n = take_all(&ch, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	wish.ch = &ch;
	CHECK(spdk_iobuf_get(&ch, SMALL, &wish.entry, granted_and_swaps) == NULL);
	CHECK(!wish_make(&other, &ch, SMALL));
	buf = g_bufs[--n];
	spdk_iobuf_put(&ch, buf, SMALL);
	CHECK(g_second == buf);
	CHECK(other.buf == NULL);
	spdk_iobuf_put(&ch, g_second, SMALL);
	CHECK(other.buf == buf);
	spdk_iobuf_put(&ch, other.buf, SMALL);
	put_all(&ch, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

static struct wish *g_victim;

static void
granted_and_aborts(struct spdk_iobuf_entry *entry, void *buf)
{
	struct wish *wish = SPDK_CONTAINEROF(entry, struct wish, entry);

	wish_granted(entry, buf);
	/* Asks, thinks better of it, asks again: the place behind which he stands is gone. */
	CHECK(!wish_make(&g_inner[0], wish->ch, SMALL));
	CHECK(!wish_make(&g_inner[1], wish->ch, SMALL));
	spdk_iobuf_entry_abort(wish->ch, &g_inner[1].entry, SMALL);
	spdk_iobuf_entry_abort(wish->ch, &g_victim->entry, SMALL);
	CHECK(!wish_make(&g_inner[1], wish->ch, SMALL));
}

static void
abort_in_a_callback(void)
{
	struct spdk_iobuf_channel ch;
	struct wish wish = { 0 }, victim, last;
	unsigned n;

	pools_up();
	g_order = 0;
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "a", 0, 0), 0);
	n = take_all(&ch, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	wish.ch = &ch;
	CHECK(spdk_iobuf_get(&ch, SMALL, &wish.entry, granted_and_aborts) == NULL);
	CHECK(!wish_make(&victim, &ch, SMALL));
	CHECK(!wish_make(&last, &ch, SMALL));
	g_victim = &victim;
	put_all(&ch, SMALL, &g_bufs[n - 4], 4);
	n -= 4;
	CHECK_EQ(wish.order, 1);
	CHECK_EQ(g_inner[0].order, 2);
	CHECK_EQ(g_inner[1].order, 3);
	CHECK_EQ(last.order, 4);
	CHECK(victim.buf == NULL);
	spdk_iobuf_put(&ch, wish.buf, SMALL);
	spdk_iobuf_put(&ch, g_inner[0].buf, SMALL);
	spdk_iobuf_put(&ch, g_inner[1].buf, SMALL);
	spdk_iobuf_put(&ch, last.buf, SMALL);
	put_all(&ch, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&ch);
	pools_down();
}

/* --- between threads -------------------------------------------------------------------------- */

/* Somebody waits on one thread, the buffers are put on another. */
static void
other_threads(void)
{
	struct spdk_iobuf_channel ch[NUM_THREADS];
	struct wish wishes[4];
	unsigned n, i;

	pools_up();
	g_order = 0;
	for (i = 0; i < NUM_THREADS; i++) {
		on((int)i);
		CHECK_EQ(spdk_iobuf_channel_init(&ch[i], i == 1 ? "a" : "b", 0, 0), 0);
	}
	on(0);
	n = take_all(&ch[0], SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	on(1);
	CHECK(!wish_make(&wishes[0], &ch[1], SMALL));
	CHECK(!wish_make(&wishes[1], &ch[1], SMALL));
	CHECK(!wish_make(&wishes[2], &ch[1], SMALL));
	on(2);
	CHECK(!wish_make(&wishes[3], &ch[2], SMALL));
	on(0);
	/* To the threads in turn, in a message: nobody else can take it on the way. */
	put_all(&ch[0], SMALL, &g_bufs[n - 2], 2);
	n -= 2;
	CHECK(spdk_iobuf_get(&ch[0], SMALL, NULL, NULL) == NULL);
	CHECK_EQ(g_order, 0);
	poll_all();
	CHECK(wishes[0].buf != NULL && wishes[0].thread == g_threads[1]);
	CHECK(wishes[3].buf != NULL && wishes[3].thread == g_threads[2]);
	CHECK(wishes[1].buf == NULL);
	/* More than are waited for: the rest is the pool's. */
	put_all(&ch[0], SMALL, &g_bufs[n - 3], 3);
	n -= 3;
	poll_all();
	CHECK(wishes[1].buf != NULL && wishes[2].buf != NULL);
	CHECK(wishes[1].order < wishes[2].order);
	CHECK_EQ(spdk_ring_count(ch[0].cache[0].small.pool), 1);
	/* Aborted while it is on its way. */
	g_bufs[n++] = spdk_iobuf_get(&ch[0], SMALL, NULL, NULL);
	on(1);
	for (i = 0; i < 3; i++) {
		spdk_iobuf_put(&ch[1], wishes[i].buf, SMALL);
	}
	n += take_all(&ch[1], SMALL, &g_bufs[n], SPDK_COUNTOF(g_bufs) - n);
	CHECK(!wish_make(&wishes[0], &ch[1], SMALL));
	on(0);
	spdk_iobuf_put(&ch[0], g_bufs[--n], SMALL);
	on(1);
	spdk_iobuf_entry_abort(&ch[1], &wishes[0].entry, SMALL);
	poll_all();
	CHECK(wishes[0].buf == NULL);
	CHECK_EQ(spdk_ring_count(ch[0].cache[0].small.pool), 1);
	on(2);
	spdk_iobuf_put(&ch[2], wishes[3].buf, SMALL);
	on(0);
	put_all(&ch[0], SMALL, g_bufs, n);
	for (i = 0; i < NUM_THREADS; i++) {
		on((int)i);
		spdk_iobuf_channel_fini(&ch[i]);
	}
	pools_down();
}

/* The thread that would get it ends its channel while it is on its way. */
static void
channel_ends_meanwhile(void)
{
	struct spdk_iobuf_channel here, there;
	struct wish wish;
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&here, "a", 0, 0), 0);
	n = take_all(&here, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	on(1);
	CHECK_EQ(spdk_iobuf_channel_init(&there, "a", 0, 0), 0);
	CHECK(!wish_make(&wish, &there, SMALL));
	on(0);
	spdk_iobuf_put(&here, g_bufs[--n], SMALL);
	on(1);
	spdk_iobuf_entry_abort(&there, &wish.entry, SMALL);
	spdk_iobuf_channel_fini(&there);
	on(0);
	put_all(&here, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&here);
	pools_down();
}

/* A channel's end hands its cache to those who wait, here and elsewhere. */
static void
cache_is_handed_back(void)
{
	struct spdk_iobuf_channel keeper, here, there;
	struct wish wishes[2];
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&keeper, "a", 2, 0), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&here, "b", 0, 0), 0);
	n = take_all(&here, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	CHECK(!wish_make(&wishes[0], &here, SMALL));
	on(1);
	CHECK_EQ(spdk_iobuf_channel_init(&there, "b", 0, 0), 0);
	CHECK(!wish_make(&wishes[1], &there, SMALL));
	on(0);
	spdk_iobuf_channel_fini(&keeper);
	CHECK(wishes[0].buf != NULL);
	poll_all();
	CHECK(wishes[1].buf != NULL);
	on(1);
	spdk_iobuf_put(&there, wishes[1].buf, SMALL);
	spdk_iobuf_channel_fini(&there);
	on(0);
	spdk_iobuf_put(&here, wishes[0].buf, SMALL);
	put_all(&here, SMALL, g_bufs, n);
	spdk_iobuf_channel_fini(&here);
	pools_down();
}

/* --- what ends the process -------------------------------------------------------------------- */

static struct spdk_iobuf_channel g_ch;

/* A thread that ends by force leaves its place in line, and its channel, to nobody. */
static void
a_waiting_thread_ends_by_force(void)
{
	struct spdk_thread *lost = NULL;
	struct spdk_iobuf_channel here, there;
	struct wish wishes[2];
	unsigned n;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&here, "a", 0, 0), 0);
	n = take_all(&here, SMALL, g_bufs, SPDK_COUNTOF(g_bufs));
	lost = fake_thread("lost");
	spdk_set_thread(lost);
	CHECK_EQ(spdk_iobuf_channel_init(&there, "b", 0, 0), 0);
	CHECK(!wish_make(&wishes[0], &there, SMALL));
	CHECK(!wish_make(&wishes[1], &there, SMALL));
	fake_thread_end(lost);
	g_said[0] = '\0';
	on(0);
	put_all(&here, SMALL, g_bufs, n);
	poll_all();
	CHECK(wishes[0].buf == NULL && wishes[1].buf == NULL);
	/* All of them can be had again. */
	CHECK_EQ(take_all(&here, SMALL, g_bufs, SPDK_COUNTOF(g_bufs)), SMALL_COUNT);
	put_all(&here, SMALL, g_bufs, SMALL_COUNT);
	spdk_iobuf_channel_fini(&here);
	free((void *)(uintptr_t)there.module); /* nobody will */
	pools_down();
}

static void
put_as_large(void *arg)
{
	spdk_log_close();
	spdk_iobuf_put(&g_ch, arg, LARGE);
}

static void
put_stranger(void *arg)
{
	static char stranger[LARGE];

	spdk_log_close();
	spdk_iobuf_put(&g_ch, stranger, SMALL);
}

static void
get_elsewhere(void *arg)
{
	spdk_log_close();
	on(1);
	spdk_iobuf_get(&g_ch, SMALL, NULL, NULL);
}

static void
misuse(void)
{
	void *buf;

	pools_up();
	CHECK_EQ(spdk_iobuf_channel_init(&g_ch, "a", 0, 0), 0);
	buf = spdk_iobuf_get(&g_ch, SMALL, NULL, NULL);
	CHECK(fake_aborts(put_as_large, buf, "module a put"));
	CHECK(fake_aborts(put_stranger, NULL, "not of the pool of small ones"));
	CHECK(fake_aborts(get_elsewhere, NULL, "iobuf channel of"));
	spdk_iobuf_put(&g_ch, buf, SMALL);
	spdk_iobuf_channel_fini(&g_ch);
	pools_down();
}

static const struct test_case cases[] = {
	TEST(from_cache_and_pool),
	TEST(all_of_a_pool),
	TEST(lengths),
	TEST(first_come_first_served),
	TEST(own_buffers_are_own),
	TEST(aborted),
	TEST(get_in_a_callback),
	TEST(put_in_a_callback),
	TEST(put_and_get_in_a_callback),
	TEST(abort_in_a_callback),
	TEST(other_threads),
	TEST(channel_ends_meanwhile),
	TEST(cache_is_handed_back),
	TEST(a_waiting_thread_ends_by_force),
	TEST(misuse),
};
TEST_MAIN("thread/iobuf", cases)
