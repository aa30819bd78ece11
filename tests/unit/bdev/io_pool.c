/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The objects: exhaustion, waiting in order, what each thread has for itself. */

#include "tests/unit/bdev/fake_bdev.h"

static uint8_t g_buf[BLOCK];

struct waiter {
	struct spdk_bdev_io_wait_entry entry;
	struct setup *s;
	struct user_io io;
	unsigned called;
};
static unsigned g_calls;

static void
wait_over(void *arg)
{
	struct waiter *w = arg;

	w->called = ++g_calls;
	CHECK_EQ(spdk_bdev_read_blocks(w->s->desc, w->s->ch, g_buf, 0, 1, user_ended, &w->io), 0);
}

static int
wait_for(struct setup *s, struct waiter *w)
{
	w->s = s;
	w->entry.bdev = &s->dev->bdev;
	w->entry.cb_fn = wait_over;
	w->entry.cb_arg = w;
	return spdk_bdev_queue_io_wait(&s->dev->bdev, s->ch, &w->entry);
}

static void
exhaustion(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[17] = { 0 };
	struct waiter w[3] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up_with(16, 4);
	s = setup_with(dev);
	CHECK_EQ(bdev_io_pool_available(), 12);
	CHECK_EQ(wait_for(&s, &w[0]), -EINVAL); /* there is one */
	for (i = 0; i < 16; i++) {
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, i, 1, user_ended, &io[i]), 0);
	}
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, user_ended, &io[16]), -ENOMEM);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &io[16]), -ENOMEM);
	CHECK_EQ(spdk_bdev_unmap_blocks(s.desc, s.ch, 0, 1, user_ended, &io[16]), -ENOMEM);

	g_calls = 0;
	for (i = 0; i < 3; i++) {
		CHECK_EQ(wait_for(&s, &w[i]), 0);
	}
	/* One a place that comes free, in order. */
	for (i = 0; i < 3; i++) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
		CHECK_EQ(g_calls, i + 1);
		CHECK_EQ(w[i].called, i + 1);
	}
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	CHECK(w[0].io.success && w[2].io.success);
	w[0].entry.bdev = NULL;
	CHECK_EQ(spdk_bdev_queue_io_wait(&dev->bdev, s.ch, &w[0].entry), -EINVAL);
	setup_end(&s);
}

/* Nobody comes past those that wait; the ones that wait for a piece go first. */
static void
fairness(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[5] = { 0 };
	struct waiter user = { 0 }, urgent = { 0 };
	struct setup s;
	unsigned i;

	bdev_up_with(4, 1);
	s = setup_with(dev);
	for (i = 0; i < 4; i++) {
		io[i].keep = true;
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, i, 1, user_ended, &io[i]), 0);
	}
	g_calls = 0;
	CHECK_EQ(wait_for(&s, &user), 0);
	urgent.entry.dep_unblock = true;
	CHECK_EQ(wait_for(&s, &urgent), 0);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(g_calls, 0); /* ended, not given back */
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, user_ended, &io[4]), -ENOMEM);
	spdk_bdev_free_io(io[0].io);
	CHECK_EQ(urgent.called, 1);
	CHECK_EQ(user.called, 0);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	spdk_bdev_free_io(io[1].io);
	CHECK_EQ(user.called, 2);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	spdk_bdev_free_io(io[2].io);
	spdk_bdev_free_io(io[3].io);
	setup_end(&s);
}

/* A thread's own are its own, whatever another one does; even where the option says none. */
static void
reserved(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[8] = { 0 }, there = { 0 };
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct setup s;
	unsigned i, n = 0;

	bdev_up_with(6, 0);
	s = setup_with(dev);
	on(1);
	desc = user_open("A", false, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	REQUIRE(ch != NULL);
	on(0);
	for (i = 0; i < 8; i++) {
		n += spdk_bdev_read_blocks(s.desc, s.ch, g_buf, i, 1, user_ended, &io[i]) == 0;
	}
	CHECK_EQ(n, 5);
	on(1);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, g_buf, 0, 1, user_ended, &there), 0);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	CHECK(there.success && there.thread == g_threads[1]);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	poll_all();
	on(0);
	setup_end(&s);
}

/* Too few for a cache: the thread gets no channel, and is told so. */
static void
no_cache_left(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_desc *desc;
	struct user_io io[16] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up_with(16, 4);
	s = setup_with(dev);
	for (i = 0; i < 15; i++) {
		CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, i, 1, user_ended, &io[i]), 0);
	}
	on(1);
	desc = user_open("A", false, NULL);
	CHECK(spdk_bdev_get_io_channel(desc) == NULL);
	on(0);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	poll_all();
	on(1);
	spdk_bdev_close(desc);
	on(0);
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(exhaustion), TEST(fairness), TEST(reserved),
	                                  TEST(no_cache_left) };
TEST_MAIN("bdev/io_pool", cases)
