/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "drivers/uring/uring.h"

#include <linux/falloc.h>

#include "spdk/likely.h"

/* Vectors that one system call takes. */
#define MAX_VECTORS 1024
/* Bytes that we ask for at a time: a whole number of blocks below the kernel's own limit. */
#define MAX_BYTES (1u << 30)
/* So often is a result tried for without getting on. */
#define MAX_ATTEMPTS 16

uint64_t
uring_io_length(const struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_FLUSH) {
		return 0;
	}
	return bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;
}

static bool
is_data(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;
}

/* The rest of an I/O may begin within a vector, and the user's vectors are not ours to change: then
 * the rest of that one goes alone, and what follows it the next time. */
static uint64_t
prep_data(struct io_uring_sqe *sqe, const struct spdk_bdev_io *bdev_io, uint64_t done)
{
	const struct iovec *iov = bdev_io->u.bdev.iovs;
	int count = bdev_io->u.bdev.iovcnt;
	uint64_t offset = bdev_io->u.bdev.offset_blocks * bdev_io->bdev->blocklen + done;
	uint64_t left = uring_io_length(bdev_io) - done;
	bool read = bdev_io->type == SPDK_BDEV_IO_TYPE_READ;
	unsigned len;

	while (count > 1 && done >= iov->iov_len) {
		done -= iov->iov_len;
		iov++;
		count--;
	}
	if (count > 1 && done == 0) {
		io_uring_prep_rw(read ? IORING_OP_READV : IORING_OP_WRITEV, sqe, 0, iov,
		                 (unsigned)spdk_min(count, MAX_VECTORS), offset);
		return left;
	}
	len = (unsigned)spdk_min(spdk_min(left, iov->iov_len - done), MAX_BYTES);
	io_uring_prep_rw(read ? IORING_OP_READ : IORING_OP_WRITE, sqe, 0,
	                 (char *)iov->iov_base + done, len, offset);
	return len;
}

static void
prep_range(struct io_uring_sqe *sqe, const struct spdk_bdev_io *bdev_io, bool hole)
{
	io_uring_prep_fallocate(
		sqe, 0, FALLOC_FL_KEEP_SIZE | (hole ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE),
		(off_t)(bdev_io->u.bdev.offset_blocks * bdev_io->bdev->blocklen),
		(off_t)uring_io_length(bdev_io));
}

uint64_t
uring_io_prep(struct io_uring_sqe *sqe, const struct spdk_bdev_io *bdev_io, struct uring_io *io,
              bool punch)
{
	uint64_t bytes = 0;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_FLUSH:
		/* The size never changes, so the rest of the file's metadata may wait. */
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		prep_range(sqe, bdev_io, true);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		prep_range(sqe, bdev_io, punch);
		break;
	default:
		bytes = prep_data(sqe, bdev_io, io->done);
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	if (spdk_unlikely(io->attempts > 0)) {
		/* What could not be done without waiting is done by somebody who may. */
		sqe->flags |= IOSQE_ASYNC;
		bytes = 0;
	}
	io_uring_sqe_set_data(sqe, io);
	return bytes;
}

static enum uring_verdict
again(struct uring_io *io, int *res, int rc)
{
	*res = rc;
	return ++io->attempts < MAX_ATTEMPTS ? URING_IO_AGAIN : URING_IO_FAILED;
}

static enum uring_verdict
judge_data(const struct spdk_bdev_io *bdev_io, struct uring_io *io, uint32_t align, int *res)
{
	uint64_t done = io->done + (unsigned)*res;

	if (*res == 0) {
		*res = -EIO; /* the file has become shorter */
		return URING_IO_FAILED;
	}
	if (spdk_likely(done >= uring_io_length(bdev_io))) {
		return URING_IO_DONE;
	}
	/* O_DIRECT goes on at aligned places only; doing the odd bytes twice does no harm. */
	done -= done % align;
	if (done == io->done) {
		return again(io, res, -EIO);
	}
	io->done = done;
	io->attempts = 0;
	return URING_IO_AGAIN;
}

enum uring_verdict
uring_io_judge(const struct spdk_bdev_io *bdev_io, struct uring_io *io, uint32_t align, bool *punch,
               int *res)
{
	if (*res == -EAGAIN || *res == -EINTR) {
		return again(io, res, *res);
	}
	if (*res == -EOPNOTSUPP && bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES && !*punch) {
		*punch = true;
		return URING_IO_AGAIN;
	}
	if (*res < 0) {
		return URING_IO_FAILED;
	}
	return is_data(bdev_io) ? judge_data(bdev_io, io, align, res) : URING_IO_DONE;
}
