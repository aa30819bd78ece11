/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How devices go: with users, with I/O, twice, asynchronously. */

#include "tests/unit/bdev/fake_bdev.h"

static struct {
	unsigned calls;
	int rc;
	struct spdk_thread *thread;
} g_gone;

static void
gone(void *arg, int rc)
{
	g_gone.calls++;
	g_gone.rc = rc;
	g_gone.thread = spdk_get_thread();
}

static struct fake_dev *
begin(void)
{
	struct fake_dev *dev;

	bdev_up();
	memset(&g_gone, 0, sizeof(g_gone));
	dev = fake_dev_alloc("A");
	CHECK_EQ(fake_dev_register(dev), 0);
	return dev;
}

static void
unused(void)
{
	struct fake_dev *dev = begin();

	on(1);
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	CHECK_EQ(g_gone.calls, 0);
	poll_all();
	CHECK_EQ(g_gone.calls, 1);
	CHECK_EQ(g_gone.rc, 0);
	CHECK(g_gone.thread == g_threads[1]);
	CHECK_EQ(dev->destructs, 1);
	CHECK(spdk_bdev_get_by_name("A") == NULL);
	bdev_down();
	CHECK_EQ(dev->destructs, 1);
	fake_dev_free(dev);
}

static void
under_io(void)
{
	struct fake_dev *dev = begin();
	struct user_events here = { 0 }, there = { 0 };
	struct user_io done = { 0 }, nomem = { 0 }, late = { 0 };
	struct spdk_bdev_desc *a, *b, *c = NULL;
	struct spdk_io_channel *ch_a, *ch_b;
	uint8_t buf[BLOCK];

	dev->slots = 1;
	a = user_open("A", true, &here);
	ch_a = spdk_bdev_get_io_channel(a);
	CHECK_EQ(spdk_bdev_read_blocks(a, ch_a, buf, 0, 1, user_ended, &done), 0);
	CHECK_EQ(spdk_bdev_read_blocks(a, ch_a, buf, 1, 1, user_ended, &nomem), 0);
	on(1);
	b = user_open("A", false, &there);
	ch_b = spdk_bdev_get_io_channel(b);
	on(0);
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	poll_all();
	/* Each is told on its thread; what waits is aborted, what is under way goes on. */
	CHECK_EQ(here.removes, 1);
	CHECK(here.thread == g_threads[0]);
	CHECK_EQ(there.removes, 1);
	CHECK(there.thread == g_threads[1]);
	CHECK(nomem.done && nomem.status == SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(!done.done);
	CHECK_EQ(g_gone.calls, 0);
	CHECK_EQ(spdk_bdev_open_ext("A", false, user_event, NULL, &c), -ENODEV);
	CHECK_EQ(dev->destructs, 0);
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	CHECK_EQ(g_gone.calls, 1);
	CHECK_EQ(g_gone.rc, -EBUSY);

	/* I/O is possible until it is closed. */
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(done.success);
	dev->slots = 0;
	CHECK_EQ(spdk_bdev_read_blocks(a, ch_a, buf, 2, 1, user_ended, &late), 0);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(late.success);
	spdk_put_io_channel(ch_a);
	spdk_bdev_close(a);
	poll_all();
	CHECK_EQ(dev->destructs, 0);
	on(1);
	spdk_put_io_channel(ch_b);
	spdk_bdev_close(b);
	poll_all();
	CHECK_EQ(dev->destructs, 1);
	CHECK_EQ(g_gone.calls, 2);
	CHECK_EQ(g_gone.rc, 0);
	bdev_down();
	fake_dev_free(dev);
}

/* The removal is answered by closing at once, as most users do. */
static void
closed_in_the_event(void)
{
	struct fake_dev *dev = begin();
	struct user_events here = { 0 }, there = { 0 };

	here.desc = user_open("A", true, &here);
	on(2);
	there.desc = user_open("A", false, &there);
	on(0);
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	poll_all();
	CHECK_EQ(here.removes + there.removes, 2);
	CHECK_EQ(g_gone.calls, 1);
	CHECK_EQ(dev->destructs, 1);
	bdev_down();
	fake_dev_free(dev);
}

static void
asynchronous(void)
{
	struct fake_dev *dev = begin();

	dev->destruct_rc = 1;
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	poll_all();
	CHECK_EQ(dev->destructs, 1);
	CHECK_EQ(g_gone.calls, 0);
	on(2);
	spdk_bdev_destruct_done(&dev->bdev, -EIO);
	poll_all();
	CHECK_EQ(g_gone.calls, 1);
	CHECK_EQ(g_gone.rc, -EIO);
	CHECK(g_gone.thread == g_threads[0]);
	bdev_down();
	fake_dev_free(dev);
}

static void
failing(void)
{
	struct fake_dev *dev = begin();

	dev->destruct_rc = -EIO;
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	poll_all();
	CHECK_EQ(g_gone.rc, -EIO);
	CHECK(spdk_bdev_get_by_name("A") == NULL);
	bdev_down();
	fake_dev_free(dev);
}

static void
outside_of_threads(void)
{
	struct fake_dev *dev = begin();

	spdk_set_thread(NULL);
	spdk_bdev_unregister(&dev->bdev, gone, NULL);
	CHECK_EQ(g_gone.rc, -EINVAL);
	on(0);
	CHECK(spdk_bdev_get_by_name("A") == &dev->bdev);
	bdev_down();
	fake_dev_free(dev);
}

static void
by_name(void)
{
	static struct spdk_bdev_module other = { .name = "other" };
	struct fake_dev *dev = begin();

	CHECK_EQ(spdk_bdev_unregister_by_name("B", &g_fake_module, gone, NULL), -ENODEV);
	CHECK_EQ(spdk_bdev_unregister_by_name("A", &other, gone, NULL), -ENODEV);
	poll_all();
	CHECK_EQ(g_gone.calls, 0);
	CHECK_EQ(spdk_bdev_unregister_by_name("A", &g_fake_module, gone, NULL), 0);
	poll_all();
	CHECK_EQ(g_gone.calls, 1);
	CHECK_EQ(dev->destructs, 1);
	bdev_down();
	fake_dev_free(dev);
}

/* The name is free again while the module still takes its time. */
static void
name_again(void)
{
	struct fake_dev *dev = begin(), *next = fake_dev_alloc("A");

	dev->destruct_rc = 1;
	spdk_bdev_unregister(&dev->bdev, NULL, NULL);
	poll_all();
	CHECK_EQ(fake_dev_register(next), 0);
	spdk_bdev_destruct_done(&dev->bdev, 0);
	poll_all();
	CHECK(spdk_bdev_get_by_name("A") == &next->bdev);
	bdev_down();
	fake_dev_free(dev);
	fake_dev_free(next);
}

static const struct test_case cases[] = {
	TEST(unused),       TEST(under_io),  TEST(closed_in_the_event),
	TEST(asynchronous), TEST(failing),   TEST(outside_of_threads),
	TEST(by_name),      TEST(name_again)
};
TEST_MAIN("bdev/unregister", cases)
