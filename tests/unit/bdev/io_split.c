/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Splitting: where, into what, with which data, and when a piece fails. */

#include "tests/unit/bdev/fake_bdev.h"

#define BUF_BLOCKS 1200

static uint8_t g_buf[BUF_BLOCKS * BLOCK];

/* As the device was filled. */
static bool
is_pattern(const uint8_t *buf, uint64_t offset, uint64_t blocks)
{
	uint64_t i, at;

	for (i = 0; i < blocks * BLOCK; i++) {
		at = offset * BLOCK + i;
		if (buf[i] != (uint8_t)(at / BLOCK + at)) {
			return false;
		}
	}
	return true;
}

static void
at_the_boundary(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.split_on_optimal_io_boundary = 1;
	dev->bdev.optimal_io_boundary = 8;
	s = setup_with(dev);
	/* Up to the boundary, and all of what is between two: one piece. */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 8, 8, user_ended, &io), 0);
	CHECK_EQ(dev->num_log, 1);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io.success);

	dev->num_log = 0;
	memset(&io, 0, sizeof(io));
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 5, 14, user_ended, &io), 0);
	CHECK_EQ(dev->num_log, 3);
	CHECK_EQ(dev->log[0].offset, 5);
	CHECK_EQ(dev->log[0].count, 3);
	CHECK_EQ(dev->log[1].offset, 8);
	CHECK_EQ(dev->log[1].count, 8);
	CHECK_EQ(dev->log[2].offset, 16);
	CHECK_EQ(dev->log[2].count, 3);
	fake_end(dev, 2, SPDK_BDEV_IO_STATUS_SUCCESS);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(!io.done);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io.success);
	CHECK(is_pattern(g_buf, 5, 14));
	setup_end(&s);
}

static void
at_the_write_unit(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[2] = { 0 };
	struct setup s;

	bdev_up();
	dev->sync = true;
	dev->bdev.split_on_write_unit = 1;
	dev->bdev.write_unit_size = 4;
	s = setup_with(dev);
	memset(g_buf, 0x5a, sizeof(g_buf));
	CHECK_EQ(spdk_bdev_write_blocks(s.desc, s.ch, g_buf, 4, 8, user_ended, &io[0]), 0);
	CHECK(!io[0].done); /* not inside of the call */
	poll_all();
	CHECK(io[0].success);
	CHECK_EQ(dev->num_log, 2);
	CHECK_EQ(dev->log[1].offset, 8);
	CHECK_EQ(dev->data[12 * BLOCK - 1], 0x5a);
	CHECK(is_pattern(dev->data + 12 * BLOCK, 12, 1));
	/* Reads are not concerned. */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 4, 8, user_ended, &io[1]), 0);
	poll_all();
	CHECK_EQ(dev->num_log, 3);
	setup_end(&s);
}

static void
longest(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->sync = true;
	dev->bdev.max_rw_size = 3;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 1, 10, user_ended, &io), 0);
	poll_all();
	CHECK(io.success);
	CHECK_EQ(dev->num_log, 4);
	CHECK_EQ(dev->log[3].offset, 10);
	CHECK_EQ(dev->log[3].count, 1);
	CHECK(is_pattern(g_buf, 1, 10));
	setup_end(&s);
}

/* More pieces than fit in one round of vectors. */
static void
many_rounds(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->sync = true;
	dev->bdev.max_rw_size = 4;
	s = setup_with(dev);
	memset(g_buf, 0, sizeof(g_buf));
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, BUF_BLOCKS, user_ended, &io), 0);
	CHECK(dev->num_log <= SPDK_BDEV_IO_NUM_CHILD_IOV);
	poll_all();
	CHECK(io.success);
	CHECK_EQ(dev->num_log, BUF_BLOCKS / 4);
	CHECK(is_pattern(g_buf, 0, BUF_BLOCKS));
	setup_end(&s);
}

static void
segments(void)
{
	/* 4 blocks: off the grid of blocks, an empty one, and one longer than a segment may be. */
	struct iovec iovs[5] = {
		{ g_buf, 100 },
		{ g_buf + 200, 0 },
		{ g_buf + 300, BLOCK - 100 },
		{ g_buf + 1000, 2 * BLOCK },
		{ g_buf + 4000, BLOCK },
	};
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	uint8_t flat[4 * BLOCK];
	struct setup s;
	unsigned i, blocks = 0;

	bdev_up();
	dev->sync = true;
	dev->bdev.max_segment_size = BLOCK;
	dev->bdev.max_num_segments = 2;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_readv_blocks(s.desc, s.ch, iovs, 5, 7, 4, user_ended, &io), 0);
	poll_all();
	CHECK(io.success);
	for (i = 0; i < dev->num_log; i++) {
		CHECK(dev->log[i].iovcnt <= 2);
		CHECK_EQ(dev->log[i].offset, 7 + blocks);
		blocks += (unsigned)dev->log[i].count;
	}
	CHECK_EQ(blocks, 4);
	spdk_copy_iovs_to_buf(flat, sizeof(flat), iovs, 5);
	CHECK(is_pattern(flat, 7, 4));
	setup_end(&s);
}

/* A block in three pieces of memory for a device that takes two: it cannot be done. */
static void
too_scattered(void)
{
	struct iovec iovs[3] = { { g_buf, 100 },
		                 { g_buf + 200, 100 },
		                 { g_buf + 400, BLOCK - 200 } };
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.max_segment_size = 4096;
	dev->bdev.max_num_segments = 2;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_readv_blocks(s.desc, s.ch, iovs, 3, 0, 1, user_ended, &io), 0);
	CHECK(!io.done);
	poll_all();
	CHECK(io.done && !io.success);
	CHECK_EQ(dev->num_log, 0);
	setup_end(&s);
}

static void
failing_piece(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[2] = { 0 };
	struct setup s;
	int sct, sc;
	uint32_t cdw0;

	bdev_up();
	dev->bdev.max_rw_size = 1;
	s = setup_with(dev);
	io[0].keep = true;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 100, user_ended, &io[0]), 0);
	CHECK_EQ(dev->num_log, SPDK_BDEV_IO_NUM_CHILD_IOV);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	spdk_bdev_io_set_nvme_status(dev->pending[3], 7, SPDK_NVME_SCT_MEDIA_ERROR, 0x81);
	fake_end(dev, 3, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	/* A later one does not change what was said first. */
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(!io[0].done);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	/* No other round was begun. */
	CHECK_EQ(dev->num_log, SPDK_BDEV_IO_NUM_CHILD_IOV);
	CHECK(io[0].done && !io[0].success);
	CHECK_EQ(io[0].status, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	spdk_bdev_io_get_nvme_status(io[0].io, &cdw0, &sct, &sc);
	CHECK(cdw0 == 7 && sct == SPDK_NVME_SCT_MEDIA_ERROR && sc == 0x81);
	spdk_bdev_free_io(io[0].io);

	/* And when it fails while the user is still submitting. */
	dev->num_log = 0;
	dev->fail_at = 2;
	dev->sync = true;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 100, user_ended, &io[1]), 0);
	CHECK(!io[1].done);
	poll_all();
	CHECK_EQ(io[1].status, SPDK_BDEV_IO_STATUS_FAILED);
	setup_end(&s);
}

/* All other objects are taken: it gets on, one piece at a time. */
static void
only_wholes(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[3] = { 0 }, whole = { 0 };
	struct setup s;
	unsigned i;

	bdev_up_with(4, 1);
	dev->bdev.max_rw_size = 1;
	s = setup_with(dev);
	for (i = 0; i < 3; i++) {
		io[i].keep = true;
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, user_ended, &io[i]), 0);
	}
	/* The last object is the whole; its pieces have none but the spare one. */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 10, user_ended, &whole), 0);
	CHECK_EQ(dev->num_pending, 4);
	for (i = 0; i < 10; i++) {
		CHECK(!whole.done);
		fake_end(dev, 3, SPDK_BDEV_IO_STATUS_SUCCESS);
		poll_all();
	}
	CHECK(whole.success);
	CHECK(is_pattern(g_buf, 0, 10));
	for (i = 0; i < 3; i++) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
		spdk_bdev_free_io(io[i].io);
	}
	setup_end(&s);
}

/* A piece meets NOMEM as any I/O does. */
static void
nomem(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.max_rw_size = 1;
	dev->slots = 2;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 3, 9, user_ended, &io), 0);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	CHECK(io.success);
	CHECK(is_pattern(g_buf, 3, 9));
	setup_end(&s);
}

/* --- without data ------------------------------------------------------------------------------
 */

static void
unmap(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[2] = { 0 };
	struct setup s;
	unsigned total = 0;

	bdev_up();
	dev->bdev.max_unmap = 8;
	dev->bdev.max_unmap_segments = 2;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_unmap_blocks(s.desc, s.ch, 0, 16, user_ended, &io[0]), 0);
	CHECK_EQ(dev->num_log, 1);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	dev->num_log = 0;
	CHECK_EQ(spdk_bdev_unmap_blocks(s.desc, s.ch, 1, BLOCKS - 1, user_ended, &io[1]), 0);
	CHECK_EQ(dev->num_pending, BDEV_SPLIT_BATCH);
	while (dev->num_pending > 0) {
		CHECK(dev->num_pending <= BDEV_SPLIT_BATCH);
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
		total++;
	}
	CHECK_EQ(total, (BLOCKS - 1 + 15) / 16);
	CHECK(io[1].success);
	CHECK_EQ(dev->data[BLOCKS * BLOCK - 1], 0);
	setup_end(&s);
}

static void
zeroes(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.max_write_zeroes = 100;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_write_zeroes_blocks(s.desc, s.ch, 0, 250, user_ended, &io), 0);
	CHECK_EQ(dev->num_log, 3);
	CHECK_EQ(dev->log[2].type, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
	CHECK_EQ(dev->log[2].count, 50);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	CHECK(io.success);
	setup_end(&s);
}

/* A device that does not know it is written to; and these writes have its limits again. */
static void
zeroes_emulated(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[2] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	dev->sync = true;
	dev->no_types = 1u << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_write_zeroes_blocks(s.desc, s.ch, 1, 1000, user_ended, &io[0]), 0);
	poll_all();
	CHECK(io[0].success);
	CHECK_EQ(dev->num_log, 2); /* of 256 KiB */
	CHECK_EQ(dev->log[0].type, SPDK_BDEV_IO_TYPE_WRITE);
	CHECK(is_pattern(dev->data, 0, 1));
	for (i = BLOCK; i < 1001 * BLOCK && dev->data[i] == 0; i++) {
	}
	CHECK_EQ(i, 1001 * BLOCK);
	CHECK(is_pattern(dev->data + 1001 * BLOCK, 1001, 10));

	dev->num_log = 0;
	dev->bdev.max_rw_size = 64;
	dev->bdev.internal.split_rw = true;
	CHECK_EQ(spdk_bdev_write_zeroes_blocks(s.desc, s.ch, 1001, 128, user_ended, &io[1]), 0);
	poll_all();
	CHECK(io[1].success);
	CHECK_EQ(dev->num_log, 2);
	CHECK_EQ(dev->data[1128 * BLOCK + 7], 0);
	CHECK(is_pattern(dev->data + 1129 * BLOCK, 1129, 1));
	setup_end(&s);
}

static const struct test_case cases[] = {
	TEST(at_the_boundary), TEST(at_the_write_unit),
	TEST(longest),         TEST(many_rounds),
	TEST(segments),        TEST(too_scattered),
	TEST(failing_piece),   TEST(only_wholes),
	TEST(nomem),           TEST(unmap),
	TEST(zeroes),          TEST(zeroes_emulated),
};
TEST_MAIN("bdev/io_split", cases)
