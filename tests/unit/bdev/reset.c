/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reset: with I/O under way, with others at the same time, and spared when the device drains. */

#include "tests/unit/bdev/fake_bdev.h"

static uint8_t g_buf[BLOCK];

static int
read_at(struct setup *s, uint64_t offset, struct user_io *io)
{
	return spdk_bdev_read_blocks(s->desc, s->ch, g_buf, offset, 1, user_ended, io);
}

static struct setup
begin(uint16_t drain_s)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	bdev_up();
	dev->bdev.reset_io_drain_timeout = drain_s;
	return setup_with(dev);
}

static void
with_io(void)
{
	struct setup s = begin(0);
	struct user_io under_way = { 0 }, waits = { 0 }, during = { 0 }, there = { 0 };
	struct user_io after = { 0 }, reset = { 0 };
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;

	on(1);
	desc = user_open("A", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	on(0);
	s.dev->slots = 1;
	CHECK_EQ(read_at(&s, 0, &under_way), 0);
	CHECK_EQ(read_at(&s, 1, &waits), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	CHECK_EQ(waits.status, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(!under_way.done && !reset.done);
	CHECK_EQ(s.dev->num_log, 2);
	CHECK_EQ(s.dev->log[1].type, SPDK_BDEV_IO_TYPE_RESET);

	/* On every thread what comes now is turned away, but never inside the call. */
	CHECK_EQ(read_at(&s, 2, &during), 0);
	CHECK(!during.done);
	on(1);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, g_buf, 0, 1, user_ended, &there), 0);
	poll_all();
	CHECK_EQ(during.status, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK_EQ(there.status, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(there.thread == g_threads[1]);

	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK_EQ(under_way.status, SPDK_BDEV_IO_STATUS_ABORTED);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(!reset.done);
	poll_all();
	CHECK(reset.success);
	CHECK(reset.thread == g_threads[0]);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, g_buf, 0, 1, user_ended, &after), 0);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(after.success);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	on(0);
	setup_end(&s);
}

/* Those asked for while one is with the module end with it; it is told once. */
static void
several(void)
{
	struct setup s = begin(0);
	struct user_io a = { 0 }, b = { 0 }, c = { 0 };
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;

	on(1);
	desc = user_open("A", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	on(0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &a), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &b), 0);
	poll_all();
	on(1);
	CHECK_EQ(spdk_bdev_reset(desc, ch, user_ended, &c), 0);
	poll_all();
	CHECK_EQ(s.dev->num_log, 1);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_FAILED);
	poll_all();
	CHECK(a.done && b.done && c.done);
	CHECK(!a.success && !b.success && !c.success);
	CHECK(c.thread == g_threads[1]);
	CHECK_EQ(s.dev->num_log, 1);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	on(0);
	setup_end(&s);
}

static struct {
	struct setup *s;
	struct user_io second;
} g_again;

static void
reset_again(struct spdk_bdev_io *io, bool success, void *arg)
{
	spdk_bdev_free_io(io);
	CHECK(success);
	CHECK_EQ(spdk_bdev_reset(g_again.s->desc, g_again.s->ch, user_ended, &g_again.second), 0);
}

static void
one_after_another(void)
{
	struct setup s = begin(0);

	memset(&g_again, 0, sizeof(g_again));
	g_again.s = &s;
	s.dev->sync = true; /* inside submit_request() */
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, reset_again, NULL), 0);
	poll_all();
	CHECK(g_again.second.success);
	CHECK_EQ(s.dev->num_log, 2);
	setup_end(&s);
}

/* I/O that ends by itself in time spares the device the reset. */
static void
drained(void)
{
	struct setup s = begin(2);
	struct user_io io = { 0 }, reset = { 0 };

	CHECK_EQ(read_at(&s, 0, &io), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	pass_ms(1000);
	CHECK(!reset.done);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	pass_ms(3);
	CHECK(io.success && reset.success);
	CHECK_EQ(s.dev->num_log, 1);
	setup_end(&s);
}

static void
not_drained(void)
{
	struct setup s = begin(2);
	struct user_io io = { 0 }, reset = { 0 };

	CHECK_EQ(read_at(&s, 0, &io), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	pass_ms(1990);
	CHECK_EQ(s.dev->num_log, 1);
	pass_ms(20);
	CHECK_EQ(s.dev->num_log, 2);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_ABORTED);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success && !io.success);
	setup_end(&s);
}

/* A thread that comes in the middle is in it as well, and gets out. */
static void
new_channel(void)
{
	struct setup s = begin(0);
	struct user_io io = { 0 }, after = { 0 }, reset = { 0 };
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;

	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	on(2);
	desc = user_open("A", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, g_buf, 0, 1, user_ended, &io), 0);
	poll_all();
	CHECK_EQ(io.status, SPDK_BDEV_IO_STATUS_ABORTED);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, g_buf, 0, 1, user_ended, &after), 0);
	fake_end(s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(after.success);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	on(0);
	setup_end(&s);
}

/* A split I/O in the middle of it: the pieces that are left are not begun. */
static void
with_a_split(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	static uint8_t buf[100 * BLOCK];
	struct user_io io = { 0 }, reset = { 0 };
	struct setup s;

	bdev_up();
	dev->bdev.max_rw_size = 1;
	s = setup_with(dev);
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, buf, 0, 100, user_ended, &io), 0);
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	poll_all();
	CHECK(reset.success);
	CHECK_EQ(io.status, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK_EQ(dev->num_log, SPDK_BDEV_IO_NUM_CHILD_IOV + 1);
	setup_end(&s);
}

static const struct test_case cases[] = { TEST(with_io),           TEST(several),
	                                  TEST(one_after_another), TEST(drained),
	                                  TEST(not_drained),       TEST(new_channel),
	                                  TEST(with_a_split) };
TEST_MAIN("bdev/reset", cases)
