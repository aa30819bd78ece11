/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What goes into the ring for an I/O, and what its result leads to. */

#include "tests/unit/test.h"

#include "drivers/uring/uring.h"

#include <linux/falloc.h>

#define BLOCK 512ul

static struct spdk_bdev g_bdev = { .blocklen = BLOCK };
static char g_data[64 * BLOCK];
static struct iovec g_iovs[3];
static struct {
	struct spdk_bdev_io io;
	struct uring_io ctx;
} g_box;
static struct spdk_bdev_io *const g_io = &g_box.io;
static struct uring_io *const g_ctx = &g_box.ctx;
static struct io_uring_sqe g_sqe;

static void
make(enum spdk_bdev_io_type type, uint64_t offset, uint64_t count)
{
	memset(&g_box, 0, sizeof(g_box));
	g_io->bdev = &g_bdev;
	g_io->type = type;
	g_iovs[0].iov_base = g_data;
	g_iovs[0].iov_len = count * BLOCK;
	g_io->u.bdev.iovs = g_iovs;
	g_io->u.bdev.iovcnt = 1;
	g_io->u.bdev.offset_blocks = offset;
	g_io->u.bdev.num_blocks = count;
}

static uint64_t
prep(bool punch)
{
	memset(&g_sqe, 0xff, sizeof(g_sqe));
	g_sqe.flags = 0;
	return uring_io_prep(&g_sqe, g_io, g_ctx, punch);
}

static enum uring_verdict
judge(int res, uint32_t align, int *rc)
{
	bool punch = false;

	*rc = res;
	return uring_io_judge(g_io, g_ctx, align, &punch, rc);
}

static void
one_buffer(void)
{
	make(SPDK_BDEV_IO_TYPE_READ, 10, 8);
	CHECK_EQ(prep(false), 8 * BLOCK);
	CHECK_EQ(g_sqe.opcode, IORING_OP_READ);
	CHECK_EQ(g_sqe.fd, 0);
	CHECK_EQ(g_sqe.flags, IOSQE_FIXED_FILE);
	CHECK_EQ(g_sqe.off, 10 * BLOCK);
	CHECK_EQ(g_sqe.len, 8 * BLOCK);
	CHECK_EQ(g_sqe.addr, (uintptr_t)g_data);
	CHECK_EQ(g_sqe.user_data, (uintptr_t)g_ctx);
	make(SPDK_BDEV_IO_TYPE_WRITE, 0, 1);
	prep(false);
	CHECK_EQ(g_sqe.opcode, IORING_OP_WRITE);
}

static void
beyond_four_gigabytes(void)
{
	make(SPDK_BDEV_IO_TYPE_WRITE, (5ull << 30) / BLOCK, (3ull << 30) / BLOCK);
	prep(false);
	CHECK_EQ(g_sqe.off, 5ull << 30);
	CHECK_EQ(g_sqe.len, 1u << 30);
	g_ctx->done = 2ull << 30;
	prep(false);
	CHECK_EQ(g_sqe.off, 7ull << 30);
	CHECK_EQ(g_sqe.len, 1u << 30);
	CHECK_EQ(g_sqe.addr, (uintptr_t)g_data + (2ull << 30));
}

static void
three_vectors(void)
{
	int i;

	make(SPDK_BDEV_IO_TYPE_WRITE, 4, 12);
	for (i = 0; i < 3; i++) {
		g_iovs[i].iov_base = g_data + BLOCK * 16 * (unsigned)i;
		g_iovs[i].iov_len = 4 * BLOCK;
	}
	g_io->u.bdev.iovcnt = 3;
	CHECK_EQ(prep(false), 12 * BLOCK);
	CHECK_EQ(g_sqe.opcode, IORING_OP_WRITEV);
	CHECK_EQ(g_sqe.addr, (uintptr_t)g_iovs);
	CHECK_EQ(g_sqe.len, 3);
	CHECK_EQ(g_sqe.off, 4 * BLOCK);

	/* Within the second: its rest goes alone. */
	g_ctx->done = 5 * BLOCK;
	CHECK_EQ(prep(false), 3 * BLOCK);
	CHECK_EQ(g_sqe.opcode, IORING_OP_WRITE);
	CHECK_EQ(g_sqe.addr, (uintptr_t)g_data + 17 * BLOCK);
	CHECK_EQ(g_sqe.len, 3 * BLOCK);
	CHECK_EQ(g_sqe.off, 9 * BLOCK);

	/* At the beginning of the second: the vectors from there. */
	g_ctx->done = 4 * BLOCK;
	CHECK_EQ(prep(false), 8 * BLOCK);
	CHECK_EQ(g_sqe.opcode, IORING_OP_WRITEV);
	CHECK_EQ(g_sqe.addr, (uintptr_t)&g_iovs[1]);
	CHECK_EQ(g_sqe.len, 2);
	CHECK_EQ(g_sqe.off, 8 * BLOCK);

	/* Of the last one a vector is not needed. */
	g_ctx->done = 8 * BLOCK;
	prep(false);
	CHECK_EQ(g_sqe.opcode, IORING_OP_WRITE);
	CHECK_EQ(g_sqe.addr, (uintptr_t)g_data + 32 * BLOCK);
	CHECK_EQ(g_sqe.len, 4 * BLOCK);
}

static void
more_vectors_than_a_call_takes(void)
{
	static struct iovec many[1500];
	size_t i;

	make(SPDK_BDEV_IO_TYPE_READ, 0, SPDK_COUNTOF(many));
	for (i = 0; i < SPDK_COUNTOF(many); i++) {
		many[i].iov_base = g_data;
		many[i].iov_len = BLOCK;
	}
	g_io->u.bdev.iovs = many;
	g_io->u.bdev.iovcnt = SPDK_COUNTOF(many);
	prep(false);
	CHECK_EQ(g_sqe.len, 1024);
	g_ctx->done = 1024 * BLOCK;
	prep(false);
	CHECK_EQ(g_sqe.addr, (uintptr_t)&many[1024]);
	CHECK_EQ(g_sqe.len, 476);
}

static void
ranges(void)
{
	make(SPDK_BDEV_IO_TYPE_UNMAP, 3, 5);
	CHECK_EQ(prep(false), 0);
	CHECK_EQ(g_sqe.opcode, IORING_OP_FALLOCATE);
	CHECK_EQ(g_sqe.len, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE);
	CHECK_EQ(g_sqe.off, 3 * BLOCK);
	CHECK_EQ(g_sqe.addr, 5 * BLOCK);
	make(SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 3, 5);
	prep(false);
	CHECK_EQ(g_sqe.len, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE);
	prep(true);
	CHECK_EQ(g_sqe.len, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE);
	make(SPDK_BDEV_IO_TYPE_FLUSH, 0, 64);
	prep(false);
	CHECK_EQ(g_sqe.opcode, IORING_OP_FSYNC);
	CHECK_EQ(g_sqe.fsync_flags, IORING_FSYNC_DATASYNC);
	CHECK_EQ(g_sqe.flags, IOSQE_FIXED_FILE);
}

static void
whole_results(void)
{
	int rc;

	make(SPDK_BDEV_IO_TYPE_READ, 0, 8);
	CHECK_EQ(judge(8 * BLOCK, 512, &rc), URING_IO_DONE);
	make(SPDK_BDEV_IO_TYPE_FLUSH, 0, 8);
	CHECK_EQ(judge(0, 512, &rc), URING_IO_DONE);
	make(SPDK_BDEV_IO_TYPE_UNMAP, 0, 8);
	CHECK_EQ(judge(0, 512, &rc), URING_IO_DONE);
	make(SPDK_BDEV_IO_TYPE_WRITE, 0, 8);
	CHECK_EQ(judge(-ENOSPC, 512, &rc), URING_IO_FAILED);
	CHECK_EQ(rc, -ENOSPC);
}

static void
short_results(void)
{
	int rc;

	make(SPDK_BDEV_IO_TYPE_WRITE, 0, 8);
	CHECK_EQ(judge(3 * BLOCK, 512, &rc), URING_IO_AGAIN);
	CHECK_EQ(g_ctx->done, 3 * BLOCK);
	prep(false);
	CHECK_EQ(g_sqe.len, 5 * BLOCK);
	CHECK_EQ(g_sqe.flags, IOSQE_FIXED_FILE);
	CHECK_EQ(judge(5 * BLOCK, 512, &rc), URING_IO_DONE);

	/* Odd bytes: O_DIRECT goes on at the last aligned place, other I/O where it is. */
	make(SPDK_BDEV_IO_TYPE_WRITE, 0, 8);
	CHECK_EQ(judge(700, 512, &rc), URING_IO_AGAIN);
	CHECK_EQ(g_ctx->done, 512);
	make(SPDK_BDEV_IO_TYPE_WRITE, 0, 8);
	CHECK_EQ(judge(700, 1, &rc), URING_IO_AGAIN);
	CHECK_EQ(g_ctx->done, 700);

	make(SPDK_BDEV_IO_TYPE_READ, 0, 8);
	CHECK_EQ(judge(0, 512, &rc), URING_IO_FAILED);
	CHECK_EQ(rc, -EIO);
}

static int
turns_until_failure(int res)
{
	int rc, turns = 1;

	while (judge(res, 512, &rc) == URING_IO_AGAIN && turns < 1000) {
		prep(false);
		CHECK_EQ(g_sqe.flags, IOSQE_FIXED_FILE | IOSQE_ASYNC);
		turns++;
	}
	return turns;
}

static void
no_progress_ends(void)
{
	int rc;

	make(SPDK_BDEV_IO_TYPE_READ, 0, 8);
	CHECK_EQ(turns_until_failure(-EAGAIN), 16);
	make(SPDK_BDEV_IO_TYPE_FLUSH, 0, 0);
	CHECK_EQ(turns_until_failure(-EINTR), 16);
	make(SPDK_BDEV_IO_TYPE_READ, 0, 8);
	CHECK_EQ(turns_until_failure(100), 16);
	/* Getting on begins anew. */
	make(SPDK_BDEV_IO_TYPE_READ, 0, 8);
	CHECK_EQ(judge(-EAGAIN, 512, &rc), URING_IO_AGAIN);
	CHECK_EQ(judge(512, 512, &rc), URING_IO_AGAIN);
	CHECK_EQ(g_ctx->attempts, 0);
	CHECK_EQ(turns_until_failure(-EAGAIN), 16);
}

static void
zeroes_by_holes(void)
{
	bool punch = false;
	int rc = -EOPNOTSUPP;

	make(SPDK_BDEV_IO_TYPE_WRITE_ZEROES, 0, 8);
	CHECK_EQ(uring_io_judge(g_io, g_ctx, 1, &punch, &rc), URING_IO_AGAIN);
	CHECK(punch);
	rc = -EOPNOTSUPP;
	CHECK_EQ(uring_io_judge(g_io, g_ctx, 1, &punch, &rc), URING_IO_FAILED);
	CHECK_EQ(rc, -EOPNOTSUPP);
	make(SPDK_BDEV_IO_TYPE_UNMAP, 0, 8);
	CHECK_EQ(judge(-EOPNOTSUPP, 1, &rc), URING_IO_FAILED);
}

static const struct test_case cases[] = {
	TEST(one_buffer),      TEST(beyond_four_gigabytes),
	TEST(three_vectors),   TEST(more_vectors_than_a_call_takes),
	TEST(ranges),          TEST(whole_results),
	TEST(short_results),   TEST(no_progress_ends),
	TEST(zeroes_by_holes),
};
TEST_MAIN("drivers/uring_io", cases)
