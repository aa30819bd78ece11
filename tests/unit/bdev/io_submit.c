/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What is refused, what is handed on, and when the user hears of the end. */

#include "tests/unit/bdev/fake_bdev.h"

static uint8_t g_buf[8 * BLOCK];

static void
bounds(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_desc *reader;
	struct user_io io = { 0 };
	struct setup s;
	struct iovec iov = { g_buf, BLOCK };

	bdev_up();
	s = setup_with(dev);
	reader = user_open("A", false, NULL);
#define READ_BLOCKS(at, n) spdk_bdev_read_blocks(s.desc, s.ch, g_buf, at, n, user_ended, &io)
	CHECK_EQ(READ_BLOCKS(BLOCKS, 1), -EINVAL);
	CHECK_EQ(READ_BLOCKS(BLOCKS - 1, 2), -EINVAL);
	CHECK_EQ(READ_BLOCKS(0, BLOCKS + 1), -EINVAL);
	CHECK_EQ(READ_BLOCKS(UINT64_MAX, 2), -EINVAL); /* the sum wraps around */
	CHECK_EQ(READ_BLOCKS(1, UINT64_MAX), -EINVAL);
#define READ(at, n) spdk_bdev_read(s.desc, s.ch, g_buf, at, n, user_ended, &io)
	CHECK_EQ(READ(1, BLOCK), -EINVAL);
	CHECK_EQ(READ(0, BLOCK - 1), -EINVAL);
	CHECK_EQ(READ(0, BLOCK + 1), -EINVAL);
	CHECK_EQ(READ((uint64_t)BLOCKS * BLOCK, BLOCK), -EINVAL);
	CHECK_EQ(spdk_bdev_write(s.desc, s.ch, g_buf, 5, BLOCK, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_writev(s.desc, s.ch, &iov, 1, BLOCK, 5, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_readv(s.desc, s.ch, &iov, 1, 3, BLOCK, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_unmap(s.desc, s.ch, 1, BLOCK, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_flush(s.desc, s.ch, 0, 1, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_write_zeroes(s.desc, s.ch, 1, BLOCK, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_unmap_blocks(s.desc, s.ch, 0, 0, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_unmap_blocks(s.desc, s.ch, 1, BLOCKS, user_ended, &io), -EINVAL);
	CHECK_EQ(spdk_bdev_readv_blocks_ext(s.desc, s.ch, NULL, 0, 0, 1, user_ended, &io, NULL),
	         -EINVAL);

	CHECK_EQ(spdk_bdev_write_blocks(reader, s.ch, g_buf, 0, 1, user_ended, &io), -EBADF);
	CHECK_EQ(spdk_bdev_unmap_blocks(reader, s.ch, 0, 1, user_ended, &io), -EBADF);
	CHECK_EQ(spdk_bdev_flush_blocks(reader, s.ch, 0, 1, user_ended, &io), -EBADF);
	CHECK_EQ(spdk_bdev_write_zeroes_blocks(reader, s.ch, 0, 1, user_ended, &io), -EBADF);
	CHECK_EQ(dev->num_log, 0);
	CHECK(!io.done);

	/* The last block is one that there is. */
	CHECK_EQ(READ_BLOCKS(BLOCKS - 1, 1), 0);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io.success);
	CHECK_EQ(memcmp(g_buf, dev->data + (BLOCKS - 1) * BLOCK, BLOCK), 0);
	spdk_bdev_close(reader);
	setup_end(&s);
}

/* Bytes on blocks whose size is no power of two. */
static void
odd_blocks(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.blocklen = 520;
	dev->bdev.blockcnt = 10;
	s = setup_with(dev);
	CHECK_EQ(READ(512, 520), -EINVAL);
	CHECK_EQ(READ(520, 512), -EINVAL);
	CHECK_EQ(READ(4680, 1040), -EINVAL);
	CHECK_EQ(READ(1040, 1560), 0);
	CHECK_EQ(dev->log[0].offset, 2);
	CHECK_EQ(dev->log[0].count, 3);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_FAILED);
	CHECK(io.done && !io.success);
	setup_end(&s);
}

static void
unknown_types(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	dev->no_types = 1u << SPDK_BDEV_IO_TYPE_UNMAP | 1u << SPDK_BDEV_IO_TYPE_FLUSH |
	                1u << SPDK_BDEV_IO_TYPE_WRITE_ZEROES | 1u << SPDK_BDEV_IO_TYPE_WRITE |
	                1u << SPDK_BDEV_IO_TYPE_RESET;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_unmap_blocks(s.desc, s.ch, 0, 1, user_ended, &io), -ENOTSUP);
	CHECK_EQ(spdk_bdev_flush_blocks(s.desc, s.ch, 0, 1, user_ended, &io), -ENOTSUP);
	CHECK_EQ(spdk_bdev_write_zeroes_blocks(s.desc, s.ch, 0, 1, user_ended, &io), -ENOTSUP);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &io), -ENOTSUP);
	setup_end(&s);
}

static void
every_way_in(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct iovec iovs[2] = { { g_buf, BLOCK }, { g_buf + 4 * BLOCK, BLOCK } };
	struct spdk_bdev_ext_io_opts opts = { .size = sizeof(opts) };
	struct user_io io[8] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	dev->sync = true;
	s = setup_with(dev);
	memset(g_buf, 0xa5, sizeof(g_buf));
	CHECK_EQ(spdk_bdev_writev(s.desc, s.ch, iovs, 2, 0, 2 * BLOCK, user_ended, &io[0]), 0);
	CHECK_EQ(spdk_bdev_write(s.desc, s.ch, g_buf, 2 * BLOCK, BLOCK, user_ended, &io[1]), 0);
	CHECK_EQ(
		spdk_bdev_writev_blocks_ext(s.desc, s.ch, iovs, 2, 4, 2, user_ended, &io[2], &opts),
		0);
	CHECK_EQ(spdk_bdev_unmap(s.desc, s.ch, 6 * BLOCK, BLOCK, user_ended, &io[3]), 0);
	CHECK_EQ(spdk_bdev_write_zeroes(s.desc, s.ch, 7 * BLOCK, BLOCK, user_ended, &io[4]), 0);
	CHECK_EQ(spdk_bdev_flush(s.desc, s.ch, 0, (uint64_t)BLOCKS * BLOCK, user_ended, &io[5]), 0);
	CHECK_EQ(spdk_bdev_readv(s.desc, s.ch, iovs, 2, 0, 2 * BLOCK, user_ended, &io[6]), 0);
	CHECK_EQ(spdk_bdev_readv_blocks_ext(s.desc, s.ch, iovs, 2, 0, 2, user_ended, &io[7], NULL),
	         0);
	poll_all();
	for (i = 0; i < 8; i++) {
		CHECK(io[i].done && io[i].success);
	}
	CHECK_EQ(dev->num_log, 8);
	CHECK_EQ(dev->data[0], 0xa5);
	CHECK_EQ(dev->data[5 * BLOCK], 0xa5);
	CHECK_EQ(dev->data[6 * BLOCK + 1], 0);
	CHECK_EQ(dev->data[7 * BLOCK + 1], 0);
	CHECK_EQ(dev->log[5].type, SPDK_BDEV_IO_TYPE_FLUSH);

	opts.size = 0;
	CHECK_EQ(spdk_bdev_readv_blocks_ext(s.desc, s.ch, iovs, 2, 0, 2, user_ended, &io[0], &opts),
	         -EINVAL);
	opts.size = sizeof(opts);
	opts.memory_domain = (struct spdk_memory_domain *)&opts;
	CHECK_EQ(spdk_bdev_readv_blocks_ext(s.desc, s.ch, iovs, 2, 0, 2, user_ended, &io[0], &opts),
	         -ENOTSUP);
	/* A caller that does not know the field yet has not set it. */
	opts.size = offsetof(struct spdk_bdev_ext_io_opts, memory_domain);
	memset(&io[0], 0, sizeof(io[0]));
	CHECK_EQ(spdk_bdev_readv_blocks_ext(s.desc, s.ch, iovs, 2, 0, 2, user_ended, &io[0], &opts),
	         0);
	poll_all();
	CHECK(io[0].success);
	setup_end(&s);
}

static void
metadata(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	uint8_t md[8] = { 0 };
	struct setup s;

	bdev_up();
	s = setup_with(dev);
	/* It has none. */
	CHECK_EQ(spdk_bdev_read_blocks_with_md(s.desc, s.ch, g_buf, md, 0, 1, user_ended, &io),
	         -EINVAL);
	dev->bdev.md_len = 8;
	CHECK_EQ(spdk_bdev_read_blocks_with_md(s.desc, s.ch, NULL, md, 0, 1, user_ended, &io),
	         -EINVAL);
	CHECK_EQ(spdk_bdev_read_blocks_with_md(s.desc, s.ch, g_buf, md, 0, 1, user_ended, &io), 0);
	CHECK(spdk_bdev_io_get_md_buf(dev->pending[0]) == md);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	dev->bdev.md_interleave = 1;
	CHECK_EQ(spdk_bdev_read_blocks_with_md(s.desc, s.ch, g_buf, md, 0, 1, user_ended, &io),
	         -EINVAL);
	dev->bdev.md_len = 0;
	dev->bdev.md_interleave = 0;
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(bounds), TEST(odd_blocks), TEST(unknown_types),
	                                  TEST(every_way_in), TEST(metadata) };
TEST_MAIN("bdev/io_submit", cases)
