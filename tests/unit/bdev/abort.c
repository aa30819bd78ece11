/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Abort: which I/O it finds, what becomes of it wherever it is, and what the answer is. */

#include "tests/unit/bdev/fake_bdev.h"

static struct setup g_s;
static uint8_t g_buf[64 * BLOCK];

static void
begin(uint32_t boundary)
{
	struct fake_dev *dev;

	bdev_up();
	dev = fake_dev_alloc("A");
	dev->more_types = 1u << SPDK_BDEV_IO_TYPE_ABORT;
	dev->bdev.optimal_io_boundary = boundary;
	dev->bdev.split_on_optimal_io_boundary = boundary != 0;
	g_s = setup_with(dev);
}

static void
write_one(struct user_io *io, uint64_t blocks)
{
	CHECK_EQ(spdk_bdev_write_blocks(g_s.desc, g_s.ch, g_buf, 0, blocks, user_ended, io), 0);
}

static void
abort_io(struct user_io *io, struct user_io *answer)
{
	CHECK_EQ(spdk_bdev_abort(g_s.desc, g_s.ch, io, user_ended, answer), 0);
}

static void
ends_the_io(void)
{
	struct user_io a = { 0 }, b = { 0 }, answer = { 0 };

	begin(0);
	write_one(&a, 1);
	write_one(&b, 1);
	abort_io(&a, &answer);
	CHECK(!a.done && !answer.done); /* not from inside */
	poll_all();
	CHECK(a.done && a.status == SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(answer.done && answer.success);
	CHECK(!b.done);
	fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(b.success);
	setup_end(&g_s);
}

/* All with the same argument. */
static unsigned g_ended;

static void
count_ended(struct spdk_bdev_io *io, bool success, void *arg)
{
	g_ended++;
	spdk_bdev_free_io(io);
}

static void
finds_all(void)
{
	struct user_io answer = { 0 };
	int mark, i;

	begin(0);
	g_ended = 0;
	for (i = 0; i < 5; i++) {
		CHECK_EQ(spdk_bdev_read_blocks(g_s.desc, g_s.ch, g_buf, (uint64_t)i, 1, count_ended,
		                               &mark),
		         0);
	}
	CHECK_EQ(spdk_bdev_abort(g_s.desc, g_s.ch, &mark, user_ended, &answer), 0);
	poll_all();
	CHECK_EQ(g_ended, 5);
	CHECK(answer.success);
	CHECK_EQ(g_s.dev->num_log, 10);
	setup_end(&g_s);
}

static void
nothing_there(void)
{
	struct user_io a = { 0 }, answer = { 0 };

	begin(0);
	CHECK_EQ(spdk_bdev_abort(g_s.desc, g_s.ch, NULL, user_ended, &answer), -EINVAL);
	abort_io(&a, &answer);
	poll_all();
	CHECK(answer.done && !answer.success);
	/* It has ended already: too late. */
	g_s.dev->sync = true;
	answer = (struct user_io){ 0 };
	write_one(&a, 1);
	abort_io(&a, &answer);
	poll_all();
	CHECK(a.done && a.success);
	CHECK(answer.done && !answer.success);
	setup_end(&g_s);
}

static void
module_cannot(void)
{
	struct user_io a = { 0 }, b = { 0 }, answer = { 0 };

	begin(0);
	g_s.dev->no_abort = true;
	write_one(&a, 1);
	abort_io(&a, &answer);
	poll_all();
	CHECK(!a.done && answer.done && !answer.success);
	/* Asked again it tries again. */
	g_s.dev->no_abort = false;
	answer = (struct user_io){ 0 };
	abort_io(&a, &answer);
	poll_all();
	CHECK(a.done && answer.success);
	g_s.dev->bdev.io_type_supported &= ~(1u << SPDK_BDEV_IO_TYPE_ABORT);
	CHECK_EQ(spdk_bdev_abort(g_s.desc, g_s.ch, &b, user_ended, &answer), -ENOTSUP);
	setup_end(&g_s);
}

static void
waiting_for_the_module(void)
{
	struct user_io a = { 0 }, b = { 0 }, answer = { 0 };

	begin(0);
	g_s.dev->slots = 1;
	write_one(&a, 1);
	write_one(&b, 1);
	abort_io(&b, &answer);
	poll_all();
	CHECK(b.done && b.status == SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(answer.success && !a.done);
	CHECK_EQ(g_s.dev->num_log, 1); /* the module was not bothered */
	fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(a.success);
	setup_end(&g_s);
}

static void
split(void)
{
	struct user_io a = { 0 }, answer = { 0 };

	begin(8);
	write_one(&a, 32);
	CHECK_EQ(g_s.dev->num_pending, 4);
	abort_io(&a, &answer);
	poll_all();
	CHECK(a.done && a.status == SPDK_BDEV_IO_STATUS_ABORTED);
	CHECK(answer.success);
	CHECK_EQ(g_s.dev->num_pending, 0);
	setup_end(&g_s);
}

static const struct test_case cases[] = {
	TEST(ends_the_io),
	TEST(finds_all),
	TEST(nothing_there),
	TEST(module_cannot),
	TEST(waiting_for_the_module),
	TEST(split),
};
TEST_MAIN("bdev/abort", cases)
