/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* I/O that a device cannot take as it is becomes several: reads and writes at boundaries and at the
 * limits of length and of vectors, unmaps and write-zeroes at their longest, and write-zeroes that
 * the device does not know becomes writes.
 *
 * The pieces' vectors stand in the parent's child_iov[], so reads and writes go in rounds: as many
 * pieces as there is room for, and the next round when all have ended. The others have
 * BDEV_SPLIT_BATCH pieces under way. The first error ends it, with that piece's status. */

#include "bdev_internal.h"

static uint32_t
rw_boundary(const struct spdk_bdev_io *io)
{
	const struct spdk_bdev *bdev = io->bdev;

	if (io->type == SPDK_BDEV_IO_TYPE_WRITE && bdev->split_on_write_unit) {
		return bdev->write_unit_size;
	}
	return bdev->split_on_optimal_io_boundary ? bdev->optimal_io_boundary : 0;
}

bool
bdev_splits_rw(const struct spdk_bdev *bdev)
{
	return bdev->split_on_write_unit || bdev->split_on_optimal_io_boundary ||
	       bdev->max_segment_size != 0 || bdev->max_num_segments != 0 || bdev->max_rw_size != 0;
}

static bool
rw_should_split(const struct spdk_bdev_io *io)
{
	const struct spdk_bdev *bdev = io->bdev;
	const struct spdk_bdev_io_block_params *p = &io->u.bdev;
	uint32_t boundary = rw_boundary(io);
	int i;

	if (p->num_blocks == 0) {
		return false;
	}
	if (boundary != 0 &&
	    p->offset_blocks / boundary != (p->offset_blocks + p->num_blocks - 1) / boundary) {
		return true;
	}
	if (bdev->max_rw_size != 0 && p->num_blocks > bdev->max_rw_size) {
		return true;
	}
	if (bdev->max_num_segments != 0 && p->iovcnt > (int)bdev->max_num_segments) {
		return true;
	}
	for (i = 0; bdev->max_segment_size != 0 && i < p->iovcnt; i++) {
		if (p->iovs[i].iov_len > bdev->max_segment_size) {
			return true;
		}
	}
	return false;
}

/* Longest piece of the types without data, 0 for no limit. */
static uint64_t
range_limit(const struct spdk_bdev_io *io)
{
	const struct spdk_bdev *bdev = io->bdev;

	if (io->type == SPDK_BDEV_IO_TYPE_UNMAP) {
		return (uint64_t)bdev->max_unmap * spdk_max(1u, bdev->max_unmap_segments);
	}
	if (bdev_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES)) {
		return bdev->max_write_zeroes;
	}
	return BDEV_ZERO_BUF_SIZE / bdev->blocklen;
}

bool
bdev_io_should_split(const struct spdk_bdev_io *io)
{
	uint64_t limit;

	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return spdk_unlikely(io->bdev->internal.split_rw) && rw_should_split(io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		limit = range_limit(io);
		return (limit != 0 && io->u.bdev.num_blocks > limit) ||
		       !bdev_type_supported(io->bdev, io->type);
	default:
		return false;
	}
}

static void split_continue(struct spdk_bdev_io *parent);

static void
split_resume(void *arg)
{
	split_continue(arg);
}

static void
child_done(struct spdk_bdev_io *child, bool success, void *arg)
{
	struct spdk_bdev_io *parent = arg;

	if (!success && parent->internal.status == SPDK_BDEV_IO_STATUS_PENDING) {
		parent->internal.status = child->internal.status;
		parent->internal.error = child->internal.error;
		parent->internal.split.remaining_num_blocks = 0;
	}
	parent->internal.split.outstanding--;
	spdk_bdev_free_io(child);
	split_continue(parent);
}

/* Take a piece and set up what all have in common; its vectors and length come after. */
static struct spdk_bdev_io *
child_get(struct spdk_bdev_io *parent, enum spdk_bdev_io_type type)
{
	struct spdk_bdev_channel *ch = parent->internal.ch;
	struct spdk_bdev_io *child = bdev_io_get_child(ch->mgmt);

	if (child == NULL) {
		return NULL;
	}
	bdev_io_init(child, ch, parent->internal.desc, type, child_done, parent);
	child->internal.f.child_io = 1;
	child->internal.submit_tsc = parent->internal.submit_tsc;
	return child;
}

static void
child_account(struct spdk_bdev_io *parent, uint64_t num_blocks)
{
	parent->internal.split.current_offset_blocks += num_blocks;
	parent->internal.split.remaining_num_blocks -= num_blocks;
	parent->internal.split.outstanding++;
}

/* --- reads and writes ------------------------------------------------------------------------- */

/* Cut the next `want` bytes out of the parent's vectors into `room` elements at `out`. Returns how
 * many bytes found room, in *count how many elements they took. */
static uint64_t
cut_iovs(const struct spdk_bdev_io *parent, uint64_t done, uint64_t want, struct iovec *out,
         int room, int *count)
{
	const struct iovec *iov = parent->u.bdev.iovs;
	const struct iovec *end = iov + parent->u.bdev.iovcnt;
	uint32_t max_len = parent->bdev->max_segment_size;
	uint64_t got = 0, len;
	int n = 0;

	while (iov < end && done >= iov->iov_len) {
		done -= iov->iov_len;
		iov++;
	}
	while (iov < end && got < want && n < room) {
		len = spdk_min(iov->iov_len - done, want - got);
		if (max_len != 0) {
			len = spdk_min(len, max_len);
		}
		if (len > 0) {
			out[n].iov_base = (char *)iov->iov_base + done;
			out[n].iov_len = len;
			n++;
		}
		got += len;
		done += len;
		if (done == iov->iov_len) {
			done = 0;
			iov++;
		}
	}
	*count = n;
	return got;
}

/* Give back the bytes beyond the last whole block. */
static int
trim_iovs(struct iovec *iov, int count, uint64_t excess)
{
	while (excess > 0) {
		uint64_t len = spdk_min(excess, iov[count - 1].iov_len);

		iov[count - 1].iov_len -= len;
		excess -= len;
		if (iov[count - 1].iov_len == 0) {
			count--;
		}
	}
	return count;
}

static uint64_t
rw_piece_blocks(const struct spdk_bdev_io *parent)
{
	uint64_t offset = parent->internal.split.current_offset_blocks;
	uint64_t blocks = parent->internal.split.remaining_num_blocks;
	uint32_t boundary = rw_boundary(parent);

	if (boundary != 0) {
		blocks = spdk_min(blocks, boundary - offset % boundary);
	}
	if (parent->bdev->max_rw_size != 0) {
		blocks = spdk_min(blocks, parent->bdev->max_rw_size);
	}
	return blocks;
}

/* Returns false when the round is over: no room for vectors, or no spdk_bdev_io. */
static bool
rw_submit_piece(struct spdk_bdev_io *parent, int *iov_used)
{
	const struct spdk_bdev *bdev = parent->bdev;
	uint32_t max_segments = bdev->max_num_segments;
	int room = SPDK_BDEV_IO_NUM_CHILD_IOV - *iov_used;
	struct iovec *iov = &parent->child_iov[*iov_used];
	uint64_t done = parent->internal.split.current_offset_blocks - parent->u.bdev.offset_blocks;
	uint64_t bytes;
	struct spdk_bdev_io *child;
	void *md = NULL;
	int count;

	if (max_segments != 0) {
		room = spdk_min(room, (int)max_segments);
	}
	bytes = cut_iovs(parent, done * bdev->blocklen, rw_piece_blocks(parent) * bdev->blocklen,
	                 iov, room, &count);
	count = trim_iovs(iov, count, bytes % bdev->blocklen);
	bytes -= bytes % bdev->blocklen;
	if (bytes == 0) {
		if (*iov_used == 0 && parent->internal.split.outstanding == 0) {
			SPDK_ERRLOG("%s: a block lies in more pieces of memory than one I/O of the "
			            "device can have\n",
			            bdev->name);
			parent->internal.status = SPDK_BDEV_IO_STATUS_FAILED;
			parent->internal.split.remaining_num_blocks = 0;
		}
		return false;
	}
	child = child_get(parent, parent->type);
	if (child == NULL) {
		return false;
	}
	if (parent->u.bdev.md_buf != NULL) {
		md = (char *)parent->u.bdev.md_buf + done * bdev->md_len;
	}
	bdev_io_init_block(child, iov, count, md, parent->internal.split.current_offset_blocks,
	                   bytes / bdev->blocklen);
	child->u.bdev.dif_check_flags = parent->u.bdev.dif_check_flags;
	child->u.bdev.nvme_cdw12 = parent->u.bdev.nvme_cdw12;
	child->u.bdev.nvme_cdw13 = parent->u.bdev.nvme_cdw13;
	child_account(parent, bytes / bdev->blocklen);
	*iov_used += count;
	bdev_io_submit_whole(child);
	return true;
}

/* --- the others ------------------------------------------------------------------------------- */

static bool
range_submit_piece(struct spdk_bdev_io *parent)
{
	uint64_t limit = range_limit(parent);
	uint64_t blocks = parent->internal.split.remaining_num_blocks;
	bool emulate = !bdev_type_supported(parent->bdev, parent->type);
	struct spdk_bdev_io *child;

	child = child_get(parent, emulate ? SPDK_BDEV_IO_TYPE_WRITE : parent->type);
	if (child == NULL) {
		return false;
	}
	if (limit != 0) {
		blocks = spdk_min(blocks, limit);
	}
	if (emulate) {
		child->iov.iov_base = g_bdev_mgr.zero_buf;
		child->iov.iov_len = blocks * parent->bdev->blocklen;
		bdev_io_init_block(child, &child->iov, 1, NULL,
		                   parent->internal.split.current_offset_blocks, blocks);
	} else {
		bdev_io_init_block(child, NULL, 0, NULL,
		                   parent->internal.split.current_offset_blocks, blocks);
	}
	child_account(parent, blocks);
	if (emulate) {
		/* A write in its own right: it may have to be split again. */
		bdev_io_submit(child);
	} else {
		bdev_io_submit_whole(child);
	}
	return true;
}

/* --- both ------------------------------------------------------------------------------------- */

static void
submit_round(struct spdk_bdev_io *parent)
{
	bool rw = parent->type == SPDK_BDEV_IO_TYPE_READ || parent->type == SPDK_BDEV_IO_TYPE_WRITE;
	int iov_used = 0;

	if (rw && parent->internal.split.outstanding > 0) {
		return;
	}
	while (parent->internal.split.remaining_num_blocks > 0) {
		if (rw) {
			if (!rw_submit_piece(parent, &iov_used)) {
				return;
			}
		} else if (parent->internal.split.outstanding >= BDEV_SPLIT_BATCH ||
		           !range_submit_piece(parent)) {
			return;
		}
	}
}

static void
split_continue(struct spdk_bdev_io *parent)
{
	struct bdev_mgmt_channel *mgmt = parent->internal.ch->mgmt;

	if (parent->internal.ch->flags != 0 &&
	    parent->internal.status == SPDK_BDEV_IO_STATUS_PENDING &&
	    parent->internal.split.remaining_num_blocks > 0) {
		parent->internal.status = SPDK_BDEV_IO_STATUS_ABORTED;
		parent->internal.split.remaining_num_blocks = 0;
	}
	submit_round(parent);
	if (parent->internal.split.outstanding > 0) {
		return;
	}
	if (parent->internal.split.remaining_num_blocks > 0) {
		/* Not one piece could be had. */
		parent->internal.waitq_entry.bdev = parent->bdev;
		parent->internal.waitq_entry.cb_fn = split_resume;
		parent->internal.waitq_entry.cb_arg = parent;
		bdev_io_wait_child(mgmt, &parent->internal.waitq_entry);
		return;
	}
	if (parent->internal.status == SPDK_BDEV_IO_STATUS_PENDING) {
		parent->internal.status = SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	if (parent->internal.split.in_caller) {
		bdev_io_defer(parent, parent->internal.status);
		return;
	}
	bdev_io_finish(parent);
}

static void
split_with_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *parent, bool success)
{
	if (!success) {
		bdev_io_defer(parent, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	parent->internal.split.in_caller = true;
	split_continue(parent);
	parent->internal.split.in_caller = false;
}

void
bdev_io_split(struct spdk_bdev_io *parent)
{
	struct spdk_bdev_io_block_params *p = &parent->u.bdev;

	parent->internal.f.split = 1;
	parent->internal.split.current_offset_blocks = p->offset_blocks;
	parent->internal.split.remaining_num_blocks = p->num_blocks;
	parent->internal.split.outstanding = 0;
	if (parent->type == SPDK_BDEV_IO_TYPE_READ && p->iovs[0].iov_base == NULL) {
		/* One buffer for the whole, which the pieces fill. */
		spdk_bdev_io_get_buf(parent, split_with_buf,
		                     p->num_blocks * parent->bdev->blocklen);
		return;
	}
	split_with_buf(NULL, parent, true);
}
