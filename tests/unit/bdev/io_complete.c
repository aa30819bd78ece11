/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The order of ends, no recursion into the user, and NOMEM. */

#include "tests/unit/bdev/fake_bdev.h"

#include "core/thread/thread_turn.h"

static uint8_t g_buf[BLOCK];

static int
read_at(struct setup *s, uint64_t offset, struct user_io *io)
{
	return spdk_bdev_read_blocks(s->desc, s->ch, g_buf, offset, 1, user_ended, io);
}

static void
ended_inside_submit(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[20] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	dev->sync = true;
	s = setup_with(dev);
	g_order = 0;
	for (i = 0; i < 20; i++) {
		CHECK_EQ(read_at(&s, i, &io[i]), 0);
		CHECK(!io[i].done);
	}
	poll_all();
	for (i = 0; i < 20; i++) {
		CHECK(io[i].success);
		CHECK_EQ(io[i].order, i + 1);
		CHECK(io[i].thread == g_threads[0]);
	}
	setup_end(&s);
}

static struct {
	struct setup *s;
	unsigned left, depth, max_depth;
} g_chain;

static void
chain(struct spdk_bdev_io *io, bool success, void *arg)
{
	spdk_bdev_free_io(io);
	CHECK(success);
	g_chain.depth++;
	g_chain.max_depth = spdk_max(g_chain.max_depth, g_chain.depth);
	if (g_chain.left > 0 && --g_chain.left > 0) {
		CHECK_EQ(spdk_bdev_read_blocks(g_chain.s->desc, g_chain.s->ch, g_buf, 0, 1, chain,
		                               NULL),
		         0);
	}
	g_chain.depth--;
}

/* A user who submits the next from the end of the last never finds himself on the stack. */
static void
no_recursion(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct setup s;

	bdev_up();
	dev->sync = true;
	s = setup_with(dev);
	g_chain.s = &s;
	g_chain.left = MAX_LOG;
	g_chain.depth = g_chain.max_depth = 0;
	CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, chain, NULL), 0);
	poll_all();
	CHECK_EQ(g_chain.left, 0);
	CHECK_EQ(g_chain.max_depth, 1);
	setup_end(&s);
}

/* Many I/Os, each followed by the next: one turn of a reactor is one round of them, so that its
 * other threads are not held up for 16. One or two may go on. */
static void
turns_of_many(void)
{
	static const unsigned depths[] = { 1, 32 };
	unsigned i, j, begin, was;
	struct fake_dev *dev;
	struct setup s;

	for (i = 0; i < SPDK_COUNTOF(depths); i++) {
		dev = fake_dev_alloc("A");
		bdev_up();
		dev->sync = true;
		s = setup_with(dev);
		g_chain.s = &s;
		g_chain.left = MAX_LOG / 2;
		for (j = 0; j < depths[i]; j++) {
			CHECK_EQ(spdk_bdev_read_blocks(s.desc, s.ch, g_buf, 0, 1, chain, NULL), 0);
		}
		/* The first turn may only make the lane that messages to itself take. */
		begin = g_chain.left;
		do {
			was = g_chain.left;
			thread_turn(g_threads[0], 8, spdk_get_ticks(), true);
		} while (g_chain.left == begin);
		CHECK_EQ(was - g_chain.left, depths[i] == 1 ? THREAD_MSG_CHAIN : depths[i]);
		was = g_chain.left;
		thread_turn(g_threads[0], 8, spdk_get_ticks(), true);
		CHECK_EQ(was - g_chain.left, depths[i] == 1 ? THREAD_MSG_CHAIN : depths[i]);
		poll_all();
		setup_end(&s);
	}
}

static void
ended_later(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[3] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	s = setup_with(dev);
	g_order = 0;
	for (i = 0; i < 3; i++) {
		CHECK_EQ(read_at(&s, i, &io[i]), 0);
	}
	/* At once, in the order in which the module ends them. */
	fake_end(dev, 2, SPDK_BDEV_IO_STATUS_SUCCESS);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_ABORTED);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK_EQ(io[2].order, 1);
	CHECK_EQ(io[0].order, 2);
	CHECK(!io[0].success);
	CHECK_EQ(io[1].order, 3);
	setup_end(&s);
}

static void
end_twice(void *arg)
{
	spdk_bdev_io_complete(arg, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
free_twice(void *arg)
{
	spdk_bdev_free_io(arg);
}

static void
misuse(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io = { .keep = true };
	struct spdk_bdev_io *bdev_io;
	struct setup s;

	bdev_up();
	s = setup_with(dev);
	CHECK_EQ(read_at(&s, 0, &io), 0);
	bdev_io = dev->pending[0];
	CHECK(fake_aborts(free_twice, bdev_io, NULL)); /* not ended yet */
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(fake_aborts(end_twice, bdev_io, NULL));
	spdk_bdev_free_io(bdev_io);
	CHECK(fake_aborts(free_twice, bdev_io, NULL));
	setup_end(&s);
}

/* --- NOMEM -------------------------------------------------------------------------------------
 */

static void
nomem_in_order(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[10] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	dev->slots = 2;
	s = setup_with(dev);
	g_order = 0;
	for (i = 0; i < 10; i++) {
		fake_delay_us(1);
		CHECK_EQ(read_at(&s, i, &io[i]), 0);
	}
	CHECK_EQ(dev->num_log, 2);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
		poll_all();
	}
	CHECK_EQ(dev->num_log, 10);
	for (i = 0; i < 10; i++) {
		CHECK_EQ(dev->log[i].offset, i);
		CHECK_EQ(io[i].order, i + 1);
		CHECK(io[i].success);
	}
	setup_end(&s);
}

/* The module has nothing of ours under way: only time can help. */
static void
nomem_while_idle(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[3] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	s = setup_with(dev);
	dev->slots = 1;
	dev->num_pending = 1; /* somebody else's */
	for (i = 0; i < 3; i++) {
		CHECK_EQ(read_at(&s, i, &io[i]), 0);
	}
	pass_ms(10);
	CHECK_EQ(dev->num_log, 0);
	dev->num_pending = 0;
	dev->slots = 0;
	pass_ms(2);
	CHECK_EQ(dev->num_log, 3);
	CHECK_EQ(dev->log[0].offset, 0);
	CHECK_EQ(dev->log[2].offset, 2);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	CHECK(io[0].success && io[1].success && io[2].success);
	setup_end(&s);
}

/* Said late, and in the wrong order. */
static void
nomem_late(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct user_io io[4] = { 0 };
	struct setup s;
	unsigned i;

	bdev_up();
	s = setup_with(dev);
	for (i = 0; i < 4; i++) {
		fake_delay_us(1);
		CHECK_EQ(read_at(&s, i, &io[i]), 0);
	}
	fake_end(dev, 1, SPDK_BDEV_IO_STATUS_NOMEM);
	fake_end(dev, 2, SPDK_BDEV_IO_STATUS_NOMEM);
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_NOMEM);
	dev->num_log = 0;
	fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK_EQ(dev->num_log, 3);
	CHECK_EQ(dev->log[0].offset, 0);
	CHECK_EQ(dev->log[1].offset, 1);
	CHECK_EQ(dev->log[2].offset, 3);
	CHECK_EQ(dev->pending[0]->num_retries, 1);
	while (dev->num_pending > 0) {
		fake_end(dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	for (i = 0; i < 4; i++) {
		CHECK(io[i].success);
	}
	setup_end(&s);
}

/* Two devices on one channel of the module wait for each other's I/O; a reset of one that turns
 * its I/O away does not leave the other waiting for ever. */
static void
nomem_and_the_neighbour(void)
{
	static int shared;
	struct fake_dev *a = fake_dev_alloc("A"), *b = fake_dev_alloc("B");
	struct user_io io_a = { 0 }, io_b = { 0 }, reset = { 0 };
	struct setup s, t;

	bdev_up();
	spdk_io_device_register(&shared, fake_channel_create, fake_channel_destroy, 0, "shared");
	a->io_device = b->io_device = &shared;
	s = setup_with(a);
	t = setup_with(b);
	CHECK_EQ(read_at(&s, 0, &io_a), 0);
	b->slots = 1;
	b->num_pending = 1;
	CHECK_EQ(read_at(&t, 0, &io_b), 0);
	b->num_pending = 0;
	pass_ms(5);
	CHECK_EQ(b->num_log, 0); /* it waits for A's */
	CHECK_EQ(spdk_bdev_reset(s.desc, s.ch, user_ended, &reset), 0);
	poll_all();
	fake_end(a, 0, SPDK_BDEV_IO_STATUS_NOMEM);
	pass_ms(5);
	CHECK_EQ(io_a.status, SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK_EQ(b->num_log, 1);
	fake_end(b, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	CHECK(io_b.success);
	fake_end(a, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(reset.success);
	spdk_put_io_channel(t.ch);
	spdk_bdev_close(t.desc);
	setup_end(&s);
	fake_dev_free(b);
}

static const struct test_case cases[] = {
	TEST(ended_inside_submit), TEST(no_recursion), TEST(turns_of_many),
	TEST(ended_later),         TEST(misuse),       TEST(nomem_in_order),
	TEST(nomem_while_idle),    TEST(nomem_late),   TEST(nomem_and_the_neighbour),
};
TEST_MAIN("bdev/io_complete", cases)
