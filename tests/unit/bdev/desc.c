/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Descriptors: opening, events on the right thread, opening what comes later. */

#include "tests/unit/bdev/fake_bdev.h"

#include "spdk/notify.h"

static void
opening(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_open_opts opts;
	struct spdk_bdev_desc *desc = NULL, *other;

	bdev_up();
	CHECK_EQ(fake_dev_register(dev), 0);
	CHECK_EQ(spdk_bdev_open_ext("B", false, user_event, NULL, &desc), -ENODEV);
	CHECK_EQ(spdk_bdev_open_ext("A", false, NULL, NULL, &desc), -EINVAL);
	CHECK_EQ(spdk_bdev_open_ext(NULL, false, user_event, NULL, &desc), -EINVAL);
	spdk_set_thread(NULL);
	CHECK_EQ(spdk_bdev_open_ext("A", false, user_event, NULL, &desc), -EINVAL);
	on(0);
	desc = user_open("A", true, NULL);
	other = user_open("A", true, NULL);
	CHECK(spdk_bdev_desc_get_bdev(desc) == &dev->bdev);
	CHECK_EQ(spdk_bdev_desc_get_block_size(desc), BLOCK);
	spdk_bdev_close(other);
	spdk_bdev_close(desc);
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = true;
	CHECK_EQ(spdk_bdev_open_ext_v2("A", false, user_event, NULL, &opts, &desc), 0);
	spdk_bdev_close(desc);
	dev->bdev.md_len = 8;
	CHECK_EQ(spdk_bdev_open_ext_v2("A", false, user_event, NULL, &opts, &desc), -ENOTSUP);
	CHECK(TAILQ_EMPTY(&dev->bdev.internal.open_descs));
	bdev_down();
	fake_dev_free(dev);
}

static void
close_elsewhere(void *desc)
{
	on(1);
	spdk_bdev_close(desc);
}

static void
closed_on_the_wrong_thread(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev_desc *desc;

	bdev_up();
	CHECK_EQ(fake_dev_register(dev), 0);
	desc = user_open("A", false, NULL);
	CHECK(fake_aborts(close_elsewhere, desc, NULL));
	spdk_bdev_close(desc);
	bdev_down();
	fake_dev_free(dev);
}

static int
count_resizes(uint64_t id, const struct spdk_notify_event *event, void *ctx)
{
	*(int *)ctx += strcmp(event->type, "bdev_resize") == 0 && strcmp(event->ctx, "A") == 0;
	return 0;
}

static void
resizing(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_events here = { 0 }, there = { 0 };
	struct spdk_bdev_desc *a, *b;
	int notified = 0;

	bdev_up();
	CHECK_EQ(fake_dev_register(dev), 0);
	CHECK_EQ(spdk_bdev_notify_blockcnt_change(&dev->bdev, BLOCKS / 2), 0);
	a = user_open("A", false, &here);
	on(1);
	b = user_open("A", false, &there);
	on(0);
	CHECK_EQ(spdk_bdev_notify_blockcnt_change(&dev->bdev, BLOCKS / 4), -EBUSY);
	CHECK_EQ(spdk_bdev_notify_blockcnt_change(&dev->bdev, BLOCKS / 2), 0);
	poll_all();
	CHECK_EQ(here.resizes + there.resizes, 0);
	CHECK_EQ(spdk_bdev_notify_blockcnt_change(&dev->bdev, BLOCKS), 0);
	CHECK_EQ(here.resizes, 0); /* by message, not at once */
	poll_all();
	CHECK_EQ(here.resizes, 1);
	CHECK(here.thread == g_threads[0]);
	CHECK_EQ(there.resizes, 1);
	CHECK(there.thread == g_threads[1]);
	spdk_notify_foreach_event(0, 1000, count_resizes, &notified);
	CHECK_EQ(notified, 2);

	/* Closed with an event on its way: it is not delivered any more. */
	CHECK_EQ(spdk_bdev_notify_blockcnt_change(&dev->bdev, BLOCKS + 1), 0);
	spdk_bdev_close(a);
	poll_all();
	CHECK_EQ(here.resizes, 1);
	CHECK_EQ(there.resizes, 2);
	on(1);
	spdk_bdev_close(b);
	bdev_down();
	fake_dev_free(dev);
}

static struct {
	struct spdk_bdev_desc *desc;
	int rc;
	unsigned calls;
} g_async;

static void
opened(struct spdk_bdev_desc *desc, int rc, void *arg)
{
	g_async.desc = desc;
	g_async.rc = rc;
	g_async.calls++;
}

static void
open_later(const char *name, uint64_t timeout_ms)
{
	struct spdk_bdev_open_async_opts opts = { .size = sizeof(opts), .timeout_ms = timeout_ms };

	memset(&g_async, 0, sizeof(g_async));
	CHECK_EQ(spdk_bdev_open_async(name, false, user_event, NULL, &opts, opened, NULL), 0);
	CHECK_EQ(g_async.calls, 0);
	poll_all();
}

static void
opening_later(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	bdev_up();
	CHECK_EQ(spdk_bdev_open_async(NULL, false, user_event, NULL, NULL, opened, NULL), -EINVAL);
	open_later("A", 50);
	pass_ms(49);
	CHECK_EQ(g_async.calls, 0);
	pass_ms(20);
	CHECK_EQ(g_async.calls, 1);
	CHECK_EQ(g_async.rc, -ETIMEDOUT);
	CHECK(g_async.desc == NULL);

	/* The longest timeout does not wrap around to a short one. */
	open_later("A", UINT64_MAX);
	pass_ms(100);
	CHECK_EQ(g_async.calls, 0);
	CHECK_EQ(fake_dev_register(dev), 0);
	pass_ms(20);
	CHECK_EQ(g_async.calls, 1);
	CHECK_EQ(g_async.rc, 0);
	spdk_bdev_close(g_async.desc);
	open_later("A", 0);
	CHECK_EQ(g_async.calls, 1);
	spdk_bdev_close(g_async.desc);

	/* The end of the block layer ends the wait. */
	open_later("B", UINT64_MAX);
	g_finished = false;
	spdk_bdev_finish(fake_is_finished, NULL);
	pass_ms(20);
	CHECK(g_finished);
	CHECK_EQ(g_async.calls, 1);
	CHECK_EQ(g_async.rc, -ENODEV);
	threads_down();
	fake_dev_free(dev);
}

static const struct test_case cases[] = { TEST(opening), TEST(closed_on_the_wrong_thread),
	                                  TEST(resizing), TEST(opening_later) };
TEST_MAIN("bdev/desc", cases)
