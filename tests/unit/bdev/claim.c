/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Claims: who may claim beside whom, and who may write then. */

#include "tests/unit/bdev/fake_bdev.h"

static struct spdk_bdev_module g_other_module = { .name = "other",
	                                          .module_init = fake_module_init };
static struct fake_dev *g_dev;

static void
begin(void)
{
	bdev_up();
	g_dev = fake_dev_alloc("A");
	CHECK_EQ(fake_dev_register(g_dev), 0);
}

static void
end(void)
{
	CHECK_EQ(g_dev->bdev.internal.claim_type, SPDK_BDEV_CLAIM_NONE);
	bdev_down();
	fake_dev_free(g_dev);
}

static int
claim(struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type, uint64_t key)
{
	struct spdk_bdev_claim_opts opts;

	spdk_bdev_claim_opts_init(&opts, sizeof(opts));
	opts.shared_claim_key = key;
	return spdk_bdev_module_claim_bdev_desc(desc, type, &opts, &g_other_module);
}

static int
open_rc(bool write)
{
	struct spdk_bdev_desc *desc;
	int rc = spdk_bdev_open_ext("A", write, user_event, NULL, &desc);

	if (rc == 0) {
		spdk_bdev_close(desc);
	}
	return rc;
}

static void
exclusive(void)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct user_io io = { 0 };
	uint8_t buf[BLOCK] = { 0 };

	begin();
	desc = user_open("A", false, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	CHECK_EQ(spdk_bdev_write_blocks(desc, ch, buf, 0, 1, user_ended, &io), -EBADF);
	CHECK_EQ(spdk_bdev_module_claim_bdev(&g_dev->bdev, desc, &g_other_module), 0);
	/* The descriptor that it came with writes now, and nobody else. */
	g_dev->sync = true;
	CHECK_EQ(spdk_bdev_write_blocks(desc, ch, buf, 0, 1, user_ended, &io), 0);
	poll_all();
	CHECK(io.success);
	CHECK_EQ(open_rc(true), -EPERM);
	CHECK_EQ(open_rc(false), 0);
	CHECK_EQ(spdk_bdev_module_claim_bdev(&g_dev->bdev, NULL, &g_fake_module), -EPERM);
	CHECK_EQ(claim(desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, 0), -EPERM);
	spdk_bdev_module_release_bdev(&g_dev->bdev);
	CHECK_EQ(open_rc(true), 0);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	end();
}

static void
one_writer(void)
{
	struct spdk_bdev_desc *desc, *reader;

	begin();
	reader = user_open("A", false, NULL);
	desc = user_open("A", false, NULL);
	CHECK_EQ(claim(desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, 1), -EINVAL);
	CHECK_EQ(claim(desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, 0), 0);
	CHECK_EQ(claim(desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, 0), -EPERM);
	CHECK_EQ(claim(reader, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, 0), -EPERM);
	CHECK_EQ(claim(reader, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, 0), -EPERM);
	CHECK_EQ(claim(reader, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 7), -EPERM);
	CHECK_EQ(spdk_bdev_module_claim_bdev(&g_dev->bdev, NULL, &g_fake_module), -EPERM);
	CHECK_EQ(open_rc(true), -EPERM);
	CHECK_EQ(open_rc(false), 0);
	/* Closing releases. */
	spdk_bdev_close(desc);
	CHECK_EQ(open_rc(true), 0);
	CHECK_EQ(claim(reader, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, 0), 0);
	spdk_bdev_close(reader);
	end();
}

static void
no_writer(void)
{
	struct spdk_bdev_desc *writer, *a, *b;

	begin();
	writer = user_open("A", true, NULL);
	a = user_open("A", false, NULL);
	b = user_open("A", false, NULL);
	CHECK_EQ(claim(writer, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, 0), -EINVAL);
	CHECK_EQ(claim(a, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, 0), -EPERM);
	spdk_bdev_close(writer);
	CHECK_EQ(claim(a, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, 0), 0);
	CHECK_EQ(claim(b, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, 0), 0);
	CHECK_EQ(open_rc(true), -EPERM);
	spdk_bdev_close(a);
	CHECK_EQ(open_rc(true), -EPERM);
	spdk_bdev_close(b);
	CHECK_EQ(open_rc(true), 0);
	end();
}

static void
shared_writers(void)
{
	struct spdk_bdev_desc *writer, *a, *b;

	begin();
	writer = user_open("A", true, NULL);
	a = user_open("A", false, NULL);
	b = user_open("A", false, NULL);
	CHECK_EQ(claim(a, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 0), -EINVAL);
	CHECK_EQ(claim(a, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 7), -EPERM);
	CHECK_EQ(spdk_bdev_module_claim_bdev_desc(NULL, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, NULL,
	                                          &g_other_module),
	         -EINVAL);
	CHECK_EQ(claim(a, SPDK_BDEV_CLAIM_EXCL_WRITE, 0), -EINVAL);
	spdk_bdev_close(writer);
	CHECK_EQ(claim(a, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 7), 0);
	CHECK_EQ(claim(b, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 8), -EPERM);
	CHECK_EQ(claim(b, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, 7), 0);
	CHECK(a->write && b->write);
	CHECK_EQ(open_rc(true), -EPERM);
	spdk_bdev_close(a);
	CHECK_EQ(g_dev->bdev.internal.claim_type, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED);
	spdk_bdev_close(b);
	end();
}

static void
names(void)
{
	CHECK_STR(spdk_bdev_claim_get_name(SPDK_BDEV_CLAIM_NONE), "not_claimed");
	CHECK_STR(spdk_bdev_claim_get_name(SPDK_BDEV_CLAIM_EXCL_WRITE), "exclusive_write");
	CHECK_STR(spdk_bdev_claim_get_name((enum spdk_bdev_claim_type)99), "invalid_claim");
}

static const struct test_case cases[] = { TEST(exclusive), TEST(one_writer), TEST(no_writer),
	                                  TEST(shared_writers), TEST(names) };
TEST_MAIN("bdev/claim", cases)
