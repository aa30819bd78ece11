/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Buffers: for reads without one, in place of ones that the device cannot use, and waiting. */

#include "tests/unit/bdev/fake_bdev.h"

static uint8_t g_buf[16 * BLOCK] __attribute__((aligned(4096)));

static struct setup
begin(uint8_t alignment)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	bdev_up();
	dev->get_buf = true;
	dev->bdev.required_alignment = alignment;
	return setup_with(dev);
}

static void
aligned(void)
{
	struct setup s = begin(9);
	struct user_io io = { 0 };

	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 1, 2, user_ended, &io), 0);
	CHECK(s.dev->log[0].base == g_buf); /* no copy */
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(memcmp(g_buf, s.dev->data + BLOCK, 2 * BLOCK), 0);
	setup_end(&s);
}

static void
copied(void)
{
	struct setup s = begin(9);
	struct user_io io[3] = { 0 };
	struct iovec iovs[2] = { { g_buf + 3, BLOCK }, { g_buf + 4096, BLOCK } };
	struct iovec *seen;
	int count;

	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 1, 2, user_ended, &io[0]), 0);
	CHECK_EQ((uintptr_t)s.dev->log[0].base % 512, 0);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io[0].success);
	CHECK_EQ(memcmp(g_buf + 1, s.dev->data + BLOCK, 2 * BLOCK), 0);

	memset(g_buf, 0x77, sizeof(g_buf));
	io[1].keep = true;
	CHECK_EQ(spdk_bdev_writev_blocks(s.desc, s.ch, iovs, 2, 4, 2, user_ended, &io[1]), 0);
	CHECK_EQ(s.dev->log[1].iovcnt, 1);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(s.dev->data[4 * BLOCK], 0x77);
	CHECK_EQ(s.dev->data[6 * BLOCK - 1], 0x77);
	/* The user sees his own vectors again. */
	spdk_bdev_io_get_iovec(io[1].io, &seen, &count);
	CHECK(seen == iovs && count == 2);
	spdk_bdev_free_io(io[1].io);

	/* Nothing is copied from a read that failed. */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 1, 1, user_ended, &io[2]), 0);
	memset(s.dev->pending[0]->u.bdev.iovs[0].iov_base, 0x11, BLOCK);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_FAILED);
	CHECK_EQ(g_buf[1], 0x77);
	setup_end(&s);
}

/* More than a page, beyond what the thread keeps. */
static void
coarse_alignment(void)
{
	struct setup s = begin(16);
	struct user_io io[2] = { 0 };

	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 0, 15, user_ended, &io[0]), 0);
	CHECK_EQ((uintptr_t)s.dev->log[0].base % 65536, 0);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(memcmp(g_buf + 1, s.dev->data, 15 * BLOCK), 0);
	io[1].keep = true;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 0, 128, user_ended, &io[1]), 0);
	CHECK_EQ((uintptr_t)s.dev->log[1].base % 65536, 0);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(memcmp(io[1].io->u.bdev.iovs[0].iov_base, s.dev->data, 128 * BLOCK), 0);
	spdk_bdev_free_io(io[1].io);
	setup_end(&s);
}

static void
provided(void)
{
	struct setup s = begin(0);
	struct user_io io[2] = { { .keep = true }, { 0 } };
	struct iovec *iovs;
	int count;

	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 3, 4, user_ended, &io[0]), 0);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	spdk_bdev_io_get_iovec(io[0].io, &iovs, &count);
	REQUIRE(count == 1 && iovs[0].iov_len == 4 * BLOCK);
	CHECK_EQ(memcmp(iovs[0].iov_base, s.dev->data + 3 * BLOCK, 4 * BLOCK), 0);
	spdk_bdev_free_io(io[0].io);
	/* Longer than there are buffers. */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 0, 265, user_ended, &io[1]), 0);
	poll_all();
	CHECK(io[1].done && !io[1].success);
	CHECK_EQ(s.dev->no_buffer, 1);
	setup_end(&s);
}

/* One buffer for all the pieces of a split read. */
static void
provided_for_a_split(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { .keep = true };
	struct setup s;

	bdev_up();
	dev->sync = true;
	dev->get_buf = true;
	dev->bdev.max_rw_size = 16;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 7, 200, user_ended, &io), 0);
	poll_all();
	CHECK(io.success);
	CHECK_EQ(memcmp(io.io->u.bdev.iovs[0].iov_base, dev->data + 7 * BLOCK, 200 * BLOCK), 0);
	spdk_bdev_free_io(io.io);
	setup_end(&s);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Everything that a channel can get, as another module's hoarder would have it. */
static void *g_hoard[SMALL_BUFS];
static unsigned g_hoarded;

static struct spdk_iobuf_channel *
iobuf_of(struct spdk_io_channel *ch)
{
	struct spdk_bdev_channel *bdev_ch = spdk_io_channel_get_ctx(ch);

	return &bdev_ch->mgmt->iobuf;
}

static void
hoard(struct spdk_io_channel *ch, uint64_t len)
{
	void *buf;

	g_hoarded = 0;
	while ((buf = spdk_iobuf_get(iobuf_of(ch), len, NULL, NULL)) != NULL) {
		REQUIRE(g_hoarded < SPDK_COUNTOF(g_hoard));
		g_hoard[g_hoarded++] = buf;
	}
	CHECK(g_hoarded >= (len > 8192 ? LARGE_BUFS : SMALL_BUFS) - NUM_THREADS);
}

static void
unhoard(struct spdk_io_channel *ch, uint64_t len, unsigned count)
{
	while (count-- > 0 && g_hoarded > 0) {
		spdk_iobuf_put(iobuf_of(ch), g_hoard[--g_hoarded], len);
	}
}

static void
waiting(void)
{
	struct setup s = begin(9);
	struct user_io io[4] = { 0 };
	unsigned i;

	g_order = 0;
	hoard(s.ch, BLOCK);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, i, 1, user_ended, &io[i]),
		         0);
	}
	poll_all();
	CHECK_EQ(s.dev->num_log, 0);
	unhoard(s.ch, BLOCK, 1);
	CHECK_EQ(s.dev->num_log, 1);
	/* Each end passes its buffer to the next in order. */
	for (i = 0; i < 3; i++) {
		fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
		CHECK_EQ(s.dev->num_log, i + 2);
		CHECK_EQ(s.dev->log[i + 1].offset, i + 1);
	}
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	for (i = 0; i < 4; i++) {
		CHECK(io[i].success);
		CHECK_EQ(io[i].order, i + 1);
	}
	unhoard(s.ch, BLOCK, SMALL_BUFS);
	setup_end(&s);
}

/* A device that ends at once gives its buffer back while the line is served: all get on, without
 * the one calling the other. */
static void
waiting_for_one_that_ends_at_once(void)
{
	struct setup s = begin(9);
	struct user_io io[30] = { 0 };
	unsigned i;

	s.dev->sync = true;
	hoard(s.ch, BLOCK);
	for (i = 0; i < SPDK_COUNTOF(io); i++) {
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, i, 1, user_ended, &io[i]), 0);
	}
	unhoard(s.ch, BLOCK, 1);
	for (i = 0; i < SPDK_COUNTOF(io); i++) {
		CHECK(io[i].success);
		CHECK_EQ(s.dev->log[i].offset, i);
	}
	unhoard(s.ch, BLOCK, SMALL_BUFS);
	setup_end(&s);
}

/* The buffer of another thread's I/O ends the wait here. */
static void
waiting_for_another_thread(void)
{
	struct setup s = begin(9);
	struct user_io io = { 0 }, other = { .keep = true };
	struct spdk_io_channel *ch;

	on(1);
	ch = spdk_bdev_get_io_channel(s.desc);
	/* More than it keeps for itself. */
	hoard(ch, 16384);
	on(0);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 0, 32, user_ended, &other), 0);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 0, 32, user_ended, &io), 0);
	CHECK_EQ(s.dev->num_log, 1); /* by the one that this thread keeps */
	on(1);
	unhoard(ch, 16384, 2);
	poll_all();
	CHECK_EQ(s.dev->num_log, 2);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io.success && other.success);
	unhoard(ch, 16384, LARGE_BUFS);
	spdk_put_io_channel(ch);
	on(0);
	spdk_bdev_free_io(other.io);
	poll_all();
	setup_end(&s);
}

/* What waits for a buffer is aborted by a reset, of its channel only, and is not answered twice. */
static void
waiting_and_reset(void)
{
	struct setup s = begin(9), s2 = { .dev = fake_dev_alloc("B") };
	struct user_io io[3] = { 0 }, reset = { 0 };

	s2.dev->get_buf = true;
	s2 = setup_with(s2.dev);
	hoard(s.ch, BLOCK);
	unhoard(s.ch, BLOCK, 1);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 0, 1, user_ended, &io[0]), 0);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 1, 1, user_ended, &io[1]), 0);
	CHECK_EQ(spdk_bdev_read_blocks(s2.desc, s2.ch, NULL, 2, 1, user_ended, &io[2]), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	CHECK(io[1].done && io[1].status == SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(!io[0].done && !reset.done && !io[2].done);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK_EQ(s2.dev->num_log, 1); /* the buffer went to the other device's */
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	fake_end(s2.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success && io[2].success);
	unhoard(s.ch, BLOCK, SMALL_BUFS);
	spdk_put_io_channel(s2.ch);
	spdk_bdev_close(s2.desc);
	setup_end(&s);
	fake_dev_free(s2.dev);
}

/* The same for the whole of a split read, which the module has not seen. */
static void
waiting_split_and_reset(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 }, reset = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.max_rw_size = 16;
	s = setup_with(dev);
	hoard(s.ch, 16384);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 0, 32, user_ended, &io), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	CHECK(io.done && io.status == SPDK_BDEV_IO_STATUS_ABORTED);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success);
	unhoard(s.ch, 16384, LARGE_BUFS);
	setup_end(&s);
}

/* Longer than a large one: from the heap, and a poller looks when that is empty. */
static void
waiting_for_the_heap(void)
{
	static uint8_t buf[600 * BLOCK];
	struct setup s = begin(9);
	struct user_io io[3] = { 0 }, reset = { 0 };

	g_heap_left = 1;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, buf + 1, 0, 599, user_ended, &io[0]), 0);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, buf + 1, 1, 599, user_ended, &io[1]), 0);
	CHECK_EQ(s.dev->num_log, 1);
	pass_ms(2);
	CHECK_EQ(s.dev->num_log, 1);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(memcmp(buf + 1, s.dev->data, 599 * BLOCK), 0);
	g_heap_left = -1;
	pass_ms(2);
	CHECK_EQ(s.dev->num_log, 2);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io[0].success && io[1].success);
	g_heap_left = 0;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, buf + 1, 1, 599, user_ended, &io[2]), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	CHECK(io[2].done && io[2].status == SPDK_BDEV_IO_STATUS_ABORTED);
	g_heap_left = -1;
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success);
	setup_end(&s);
}

/* --- the caches ------------------------------------------------------------------------------- */

/* As told, or one of each when so many are not left, so that every thread gets on. */
static void
caches(void)
{
	struct spdk_bdev_opts opts, before;
	struct setup s;
	struct spdk_io_channel *ch;

	spdk_bdev_get_opts(&before, sizeof(before));
	opts = before;
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 8;
	opts.iobuf_small_cache_size = SMALL_BUFS - 1;
	opts.iobuf_large_cache_size = 2;
	CHECK_EQ(spdk_bdev_set_opts(&opts), 0);
	s = begin(9);
	CHECK_EQ(iobuf_of(s.ch)->cache[0].small.cache_size, SMALL_BUFS - 1);
	CHECK_EQ(iobuf_of(s.ch)->cache[0].large.cache_count, 2);
	on(1);
	ch = spdk_bdev_get_io_channel(s.desc);
	REQUIRE(ch != NULL);
	CHECK_EQ(iobuf_of(ch)->cache[0].small.cache_size, 1);
	CHECK_EQ(iobuf_of(ch)->cache[0].large.cache_size, 1);
	on(2);
	CHECK(spdk_bdev_get_io_channel(s.desc) == NULL);
	on(1);
	spdk_put_io_channel(ch);
	on(0);
	poll_all();
	setup_end(&s);
	CHECK_EQ(spdk_bdev_set_opts(&before), 0);

	/* What nobody chose leaves room for others. */
	s = begin(9);
	CHECK_EQ(iobuf_of(s.ch)->cache[0].small.cache_size, 1);
	CHECK_EQ(iobuf_of(s.ch)->cache[0].large.cache_size, 1);
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(aligned),
	                                  TEST(copied),
	                                  TEST(coarse_alignment),
	                                  TEST(provided),
	                                  TEST(provided_for_a_split),
	                                  TEST(waiting),
	                                  TEST(waiting_for_one_that_ends_at_once),
	                                  TEST(waiting_for_another_thread),
	                                  TEST(waiting_and_reset),
	                                  TEST(waiting_split_and_reset),
	                                  TEST(waiting_for_the_heap),
	                                  TEST(caches) };
TEST_MAIN("bdev/io_buf", cases)
