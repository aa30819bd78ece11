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
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, NULL, 0, 129, user_ended, &io[1]), 0);
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

static void
waiting(void)
{
	struct setup s = begin(9);
	struct user_io io[5] = { 0 };
	unsigned i;

	g_heap_left = 1;
	g_order = 0;
	for (i = 0; i < 4; i++) {
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, i, 1, user_ended, &io[i]),
		         0);
	}
	CHECK_EQ(s.dev->num_log, 1);
	/* Each end passes its buffer to the next in order. */
	for (i = 0; i < 3; i++) {
		fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
		CHECK_EQ(s.dev->num_log, i + 2);
		CHECK_EQ(s.dev->log[i + 1].offset, i + 1);
	}
	/* Another thread's memory comes back: a poller looks. */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 9, 1, user_ended, &io[4]), 0);
	g_heap_left = -1;
	pass_ms(2);
	CHECK_EQ(s.dev->num_log, 5);
	while (s.dev->num_pending > 0) {
		fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	CHECK(io[3].success && io[4].success);
	setup_end(&s);
}

/* What waits for a buffer is aborted by a reset. */
static void
waiting_and_reset(void)
{
	struct setup s = begin(9);
	struct user_io io[2] = { 0 }, reset = { 0 };

	g_heap_left = 1;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 0, 1, user_ended, &io[0]), 0);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf + 1, 1, 1, user_ended, &io[1]), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	CHECK(io[1].done && io[1].status == SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(!io[0].done && !reset.done);
	g_heap_left = -1;
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_ABORTED);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success);
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(aligned),
	                                  TEST(copied),
	                                  TEST(coarse_alignment),
	                                  TEST(provided),
	                                  TEST(provided_for_a_split),
	                                  TEST(waiting),
	                                  TEST(waiting_and_reset) };
TEST_MAIN("bdev/io_buf", cases)
