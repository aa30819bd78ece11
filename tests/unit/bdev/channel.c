/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Channels: one a thread, shared by its users, and how they go. */

#include "tests/unit/bdev/fake_bdev.h"

static uint8_t g_buf[BLOCK];

static void
one_a_thread(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_io_channel *again, *there;
	struct spdk_bdev_desc *desc;
	struct setup s;

	bdev_up();
	s = setup_with(dev);
	again = spdk_bdev_get_io_channel(s.desc);
	CHECK(again == s.ch);
	CHECK_EQ(dev->channels, 1);
	on(1);
	desc = user_open("A", true, NULL);
	there = spdk_bdev_get_io_channel(desc);
	CHECK(there != s.ch);
	CHECK_EQ(dev->channels, 2);
	spdk_put_io_channel(there);
	spdk_bdev_close(desc);
	on(0);
	spdk_put_io_channel(again);
	poll_all();
	/* The first user still has it. */
	CHECK(spdk_bdev_get_io_channel(s.desc) == s.ch);
	CHECK_EQ(dev->channels, 2);
	spdk_put_io_channel(again);
	setup_end(&s);
}

static struct spdk_io_channel *
no_channel(void *ctx)
{
	return NULL;
}

static void
module_says_no(void)
{
	static const struct spdk_bdev_fn_table table = {
		.destruct = fake_destruct,
		.submit_request = fake_submit_request,
		.io_type_supported = fake_io_type_supported,
		.get_io_channel = no_channel,
	};
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_desc *desc;

	bdev_up();
	dev->bdev.fn_table = &table;
	CHECK_EQ(fake_dev_register(dev), 0);
	desc = user_open("A", true, NULL);
	CHECK(spdk_bdev_get_io_channel(desc) == NULL);
	spdk_bdev_close(desc);
	bdev_down();
	fake_dev_free(dev);
}

static void
put_and_poll(void *arg)
{
	spdk_put_io_channel(arg);
	poll_all();
}

/* A user that leaves with I/O under way would have its buffers written to later: it is told now. */
static void
put_with_io(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { 0 };
	struct setup s;

	bdev_up();
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, user_ended, &io), 0);
	CHECK(fake_aborts(put_and_poll, s.ch, NULL));
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	setup_end(&s);
}

static void
put_inside(struct spdk_bdev_io *io, bool success, void *arg)
{
	struct setup *s = arg;

	spdk_bdev_free_io(io);
	spdk_put_io_channel(s->ch);
	spdk_bdev_close(s->desc);
}

/* Leaving in the callback of the last I/O is what users do. */
static void
put_in_the_callback(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct setup s;

	bdev_up();
	dev->sync = true;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, put_inside, &s), 0);
	poll_all();
	CHECK(TAILQ_EMPTY(&dev->bdev.internal.open_descs));
	bdev_down();
	CHECK_EQ(dev->destructs, 1);
	fake_dev_free(dev);
}

static struct {
	unsigned visits, done;
	int stop_at, rc;
	struct spdk_thread *threads[NUM_THREADS];
} g_walk;

static void
visit(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch,
      void *ctx)
{
	CHECK(spdk_io_channel_get_thread(ch) == spdk_get_thread());
	g_walk.threads[g_walk.visits++] = spdk_get_thread();
	spdk_bdev_for_each_channel_continue(i, (int)g_walk.visits == g_walk.stop_at ? -EIO : 0);
}

static void
visited(struct spdk_bdev *bdev, void *ctx, int rc)
{
	g_walk.done++;
	g_walk.rc = rc;
	CHECK(spdk_get_thread() == g_threads[0]);
}

static void
walking(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct setup s;

	bdev_up();
	s = setup_with(dev);
	on(2);
	desc = user_open("A", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	on(0);
	memset(&g_walk, 0, sizeof(g_walk));
	spdk_bdev_for_each_channel(&dev->bdev, visit, NULL, visited);
	poll_all();
	CHECK_EQ(g_walk.visits, 2);
	CHECK(g_walk.threads[0] == g_threads[0] && g_walk.threads[1] == g_threads[2]);
	CHECK(g_walk.done == 1 && g_walk.rc == 0);

	memset(&g_walk, 0, sizeof(g_walk));
	g_walk.stop_at = 1;
	spdk_bdev_for_each_channel(&dev->bdev, visit, NULL, visited);
	poll_all();
	CHECK_EQ(g_walk.visits, 1);
	CHECK(g_walk.done == 1 && g_walk.rc == -EIO);
	on(2);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	on(0);
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(one_a_thread), TEST(module_says_no),
	                                  TEST(put_with_io), TEST(put_in_the_callback),
	                                  TEST(walking) };
TEST_MAIN("bdev/channel", cases)
