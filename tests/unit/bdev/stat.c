/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What is counted, in which ticks, and what is set back. */

#include "tests/unit/bdev/fake_bdev.h"

static uint8_t g_buf[16 * BLOCK];

static struct {
	struct spdk_bdev_io_stat *stat;
	unsigned calls;
} g_got;

static void
got_stat(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *arg, int rc)
{
	CHECK_EQ(rc, 0);
	g_got.calls++;
}

static struct spdk_bdev_io_stat *
device_stat(struct fake_dev *dev, enum spdk_bdev_reset_stat_mode mode)
{
	unsigned calls = g_got.calls;

	bdev_stat_free(g_got.stat);
	g_got.stat = bdev_stat_alloc();
	spdk_bdev_get_device_stat(&dev->bdev, g_got.stat, mode, got_stat, NULL);
	poll_all();
	CHECK_EQ(g_got.calls, calls + 1);
	return g_got.stat;
}

static void
timed(struct setup *s, enum spdk_bdev_io_type type, uint64_t blocks, uint64_t us,
      enum spdk_bdev_io_status status)
{
	struct user_io io = { 0 };
	int rc;

	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
		rc = spdk_bdev_read_blocks(s->desc, s->ch, g_buf, 0, blocks, user_ended, &io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		rc = spdk_bdev_write_blocks(s->desc, s->ch, g_buf, 0, blocks, user_ended, &io);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		rc = spdk_bdev_unmap_blocks(s->desc, s->ch, 0, blocks, user_ended, &io);
		break;
	default:
		rc = spdk_bdev_flush_blocks(s->desc, s->ch, 0, blocks, user_ended, &io);
	}
	CHECK_EQ(rc, 0);
	fake_delay_us(us);
	while (s->dev->num_pending > 0) {
		fake_end(s->dev, 0, status);
	}
	CHECK(io.done);
}

static void
counting(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_io_stat *stat;
	struct setup s, there;

	bdev_up();
	s = setup_with(dev);
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_NONE);
	CHECK_EQ(stat->num_read_ops, 0);
	CHECK_EQ(stat->min_read_latency_ticks, UINT64_MAX);
	CHECK_EQ(stat->ticks_rate, 1000000);
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 2, 5, SPDK_BDEV_IO_STATUS_SUCCESS);
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 1, 9, SPDK_BDEV_IO_STATUS_SUCCESS);
	timed(&s, SPDK_BDEV_IO_TYPE_WRITE, 4, 3, SPDK_BDEV_IO_STATUS_SUCCESS);
	timed(&s, SPDK_BDEV_IO_TYPE_UNMAP, 8, 1, SPDK_BDEV_IO_STATUS_SUCCESS);
	timed(&s, SPDK_BDEV_IO_TYPE_FLUSH, 8, 1, SPDK_BDEV_IO_STATUS_SUCCESS);
	/* A failed one is an error and nothing else. */
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 8, 100, SPDK_BDEV_IO_STATUS_FAILED);
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 8, 100, SPDK_BDEV_IO_STATUS_AIO_ERROR);

	/* Another thread's count as well, also when its channel is gone. */
	there.dev = dev;
	on(1);
	there.desc = user_open("A", true, NULL);
	there.ch = spdk_bdev_get_io_channel(there.desc);
	timed(&there, SPDK_BDEV_IO_TYPE_READ, 1, 2, SPDK_BDEV_IO_STATUS_SUCCESS);
	on(0);
	CHECK_EQ(device_stat(dev, SPDK_BDEV_RESET_STAT_NONE)->num_read_ops, 3);
	on(1);
	spdk_put_io_channel(there.ch);
	spdk_bdev_close(there.desc);
	poll_all();
	on(0);
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_NONE);
	CHECK_EQ(stat->num_read_ops, 3);
	CHECK_EQ(stat->bytes_read, 4 * BLOCK);
	CHECK_EQ(stat->read_latency_ticks, 16);
	CHECK_EQ(stat->max_read_latency_ticks, 9);
	CHECK_EQ(stat->min_read_latency_ticks, 2);
	CHECK_EQ(stat->num_write_ops, 1);
	CHECK_EQ(stat->bytes_written, 4 * BLOCK);
	CHECK_EQ(stat->write_latency_ticks, 3);
	CHECK_EQ(stat->num_unmap_ops, 1);
	CHECK_EQ(stat->bytes_unmapped, 8 * BLOCK);
	CHECK_EQ(stat->num_copy_ops, 0);
	CHECK_EQ(stat->io_error->error_status[-SPDK_BDEV_IO_STATUS_FAILED - 1], 1);
	CHECK_EQ(stat->io_error->error_status[-SPDK_BDEV_IO_STATUS_AIO_ERROR - 1], 1);
	setup_end(&s);
}

/* A split I/O is one I/O. */
static void
split_once(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_io_stat *stat;
	struct setup s;

	bdev_up();
	dev->bdev.max_rw_size = 2;
	s = setup_with(dev);
	timed(&s, SPDK_BDEV_IO_TYPE_WRITE, 9, 7, SPDK_BDEV_IO_STATUS_SUCCESS);
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_NONE);
	CHECK_EQ(stat->num_write_ops, 1);
	CHECK_EQ(stat->bytes_written, 9 * BLOCK);
	CHECK_EQ(stat->write_latency_ticks, 7);
	setup_end(&s);
}

static void
setting_back(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_io_stat *stat;
	struct setup s;

	bdev_up();
	s = setup_with(dev);
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 1, 5, SPDK_BDEV_IO_STATUS_SUCCESS);
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 1, 5, SPDK_BDEV_IO_STATUS_FAILED);
	/* Each mode answers what was, then forgets. */
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_MAXMIN);
	CHECK_EQ(stat->max_read_latency_ticks, 5);
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_ERROR);
	CHECK_EQ(stat->max_read_latency_ticks, 0);
	CHECK_EQ(stat->min_read_latency_ticks, UINT64_MAX);
	CHECK_EQ(stat->num_read_ops, 1);
	CHECK_EQ(stat->io_error->error_status[0], 1);
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_ALL);
	CHECK_EQ(stat->num_read_ops, 1);
	CHECK_EQ(stat->read_latency_ticks, 5);
	CHECK_EQ(stat->io_error->error_status[0], 0);
	stat = device_stat(dev, SPDK_BDEV_RESET_STAT_NONE);
	CHECK_EQ(stat->num_read_ops, 0);
	CHECK_EQ(stat->read_latency_ticks, 0);
	/* One channel's own. */
	timed(&s, SPDK_BDEV_IO_TYPE_READ, 1, 4, SPDK_BDEV_IO_STATUS_SUCCESS);
	spdk_bdev_get_io_stat(&dev->bdev, s.ch, g_got.stat, SPDK_BDEV_RESET_STAT_ALL);
	CHECK_EQ(g_got.stat->num_read_ops, 1);
	spdk_bdev_get_io_stat(&dev->bdev, s.ch, g_got.stat, SPDK_BDEV_RESET_STAT_NONE);
	CHECK_EQ(g_got.stat->num_read_ops, 0);
	bdev_stat_free(g_got.stat);
	g_got.stat = NULL;
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(counting), TEST(split_once), TEST(setting_back) };
TEST_MAIN("bdev/stat", cases)
