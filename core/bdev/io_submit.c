/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The way in: check what the user asks for, take a spdk_bdev_io, hand it to the module. */

#include "bdev_internal.h"

/* --- towards the module ----------------------------------------------------------------------- */

void
bdev_io_to_module(struct spdk_bdev_channel *ch, struct spdk_bdev_io *io)
{
	ch->io_outstanding++;
	ch->shared->io_outstanding++;
	io->internal.f.in_submit_request = 1;
	io->bdev->fn_table->submit_request(ch->module_ch, io);
	/* Still there: what ends inside submit_request() is delivered later. */
	io->internal.f.in_submit_request = 0;
}

void
bdev_io_submit_whole(struct spdk_bdev_io *io)
{
	struct spdk_bdev_channel *ch = io->internal.ch;

	TAILQ_INSERT_TAIL(&ch->io_submitted, io, internal.ch_link);
	if (spdk_unlikely(ch->flags != 0)) {
		bdev_io_defer(io, SPDK_BDEV_IO_STATUS_ABORTED);
		return;
	}
	if (spdk_unlikely(!TAILQ_EMPTY(&ch->shared->nomem))) {
		/* Not past those that wait already. */
		TAILQ_INSERT_TAIL(&ch->shared->nomem, io, internal.link);
		return;
	}
	bdev_io_to_module(ch, io);
}

void
bdev_io_submit(struct spdk_bdev_io *io)
{
	io->internal.submit_tsc = spdk_get_ticks();
	if (spdk_unlikely(bdev_io_should_split(io))) {
		TAILQ_INSERT_TAIL(&io->internal.ch->io_submitted, io, internal.ch_link);
		if (io->internal.ch->flags != 0) {
			bdev_io_defer(io, SPDK_BDEV_IO_STATUS_ABORTED);
		} else {
			bdev_io_split(io);
		}
		return;
	}
	bdev_io_submit_whole(io);
}

/* --- checks ----------------------------------------------------------------------------------- */

static inline int
bytes_to_blocks(const struct spdk_bdev_desc *desc, uint64_t offset, uint64_t *offset_blocks,
                uint64_t nbytes, uint64_t *num_blocks)
{
	uint32_t blocklen = desc->bdev->blocklen;

	if (spdk_likely((blocklen & (blocklen - 1)) == 0)) {
		int shift = __builtin_ctz(blocklen);

		*offset_blocks = offset >> shift;
		*num_blocks = nbytes >> shift;
		return ((offset | nbytes) & (blocklen - 1)) == 0 ? 0 : -EINVAL;
	}
	*offset_blocks = offset / blocklen;
	*num_blocks = nbytes / blocklen;
	return offset % blocklen == 0 && nbytes % blocklen == 0 ? 0 : -EINVAL;
}

/* --- read and write --------------------------------------------------------------------------- */

/* One buffer (iov NULL) or many. */
static inline int
rw_submit(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, enum spdk_bdev_io_type type,
          void *buf, struct iovec *iov, int iovcnt, void *md, uint64_t offset_blocks,
          uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *io;

	if (type == SPDK_BDEV_IO_TYPE_WRITE && spdk_unlikely(!desc->write)) {
		return -EBADF;
	}
	if (spdk_unlikely(!bdev_range_is_valid(bdev, offset_blocks, num_blocks))) {
		return -EINVAL;
	}
	io = bdev_io_get(ch->mgmt);
	if (spdk_unlikely(io == NULL)) {
		return -ENOMEM;
	}
	bdev_io_init(io, ch, desc, type, cb, cb_arg);
	if (iov == NULL) {
		io->iov.iov_base = buf;
		io->iov.iov_len = num_blocks * bdev->blocklen;
		iov = &io->iov;
	}
	bdev_io_init_block(io, iov, iovcnt, md, offset_blocks, num_blocks);
	bdev_io_submit(io);
	return 0;
}

int
spdk_bdev_read(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset,
               uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, nbytes, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_read_blocks(desc, ch, buf, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_read_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                      uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                      void *cb_arg)
{
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_READ, buf, NULL, 1, NULL, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_read_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                              void *md, uint64_t offset_blocks, uint64_t num_blocks,
                              spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_md_check(desc, md, buf != NULL);

	if (rc != 0) {
		return rc;
	}
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_READ, buf, NULL, 1, md, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_readv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                int iovcnt, uint64_t offset, uint64_t nbytes, spdk_bdev_io_completion_cb cb,
                void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, nbytes, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_readv_blocks(desc, ch, iov, iovcnt, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_readv_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                       int iovcnt, uint64_t offset_blocks, uint64_t num_blocks,
                       spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_READ, NULL, iov, iovcnt, NULL, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_readv_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                               struct iovec *iov, int iovcnt, void *md, uint64_t offset_blocks,
                               uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_md_check(desc, md, iov != NULL && iov[0].iov_base != NULL);

	if (rc != 0) {
		return rc;
	}
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_READ, NULL, iov, iovcnt, md, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_write(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf, uint64_t offset,
                uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, nbytes, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_write_blocks(desc, ch, buf, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_write_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                       uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                       void *cb_arg)
{
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_WRITE, buf, NULL, 1, NULL, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_write_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                               void *md, uint64_t offset_blocks, uint64_t num_blocks,
                               spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_md_check(desc, md, buf != NULL);

	if (rc != 0) {
		return rc;
	}
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_WRITE, buf, NULL, 1, md, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_writev(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                 int iovcnt, uint64_t offset, uint64_t len, spdk_bdev_io_completion_cb cb,
                 void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, len, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_writev_blocks(desc, ch, iov, iovcnt, offset_blocks, num_blocks, cb,
	                               cb_arg);
}

int
spdk_bdev_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                        int iovcnt, uint64_t offset_blocks, uint64_t num_blocks,
                        spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_WRITE, NULL, iov, iovcnt, NULL, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

int
spdk_bdev_writev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                struct iovec *iov, int iovcnt, void *md, uint64_t offset_blocks,
                                uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = bdev_md_check(desc, md, iov != NULL && iov[0].iov_base != NULL);

	if (rc != 0) {
		return rc;
	}
	return rw_submit(desc, ch, SPDK_BDEV_IO_TYPE_WRITE, NULL, iov, iovcnt, md, offset_blocks,
	                 num_blocks, cb, cb_arg);
}

/* --- with options ----------------------------------------------------------------------------- */

#define EXT_HAS(opts, field) ((opts) != NULL && SPDK_FIELD_VALID(opts, field))

static int
rw_submit_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
              enum spdk_bdev_io_type type, struct iovec *iov, int iovcnt, uint64_t offset_blocks,
              uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
              const struct spdk_bdev_ext_io_opts *opts)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	void *md = EXT_HAS(opts, metadata) ? opts->metadata : NULL;
	struct spdk_bdev_io *io;
	int rc;

	if (opts != NULL && (opts->size == 0 || opts->size > sizeof(*opts))) {
		return -EINVAL;
	}
	if ((EXT_HAS(opts, memory_domain) && opts->memory_domain != NULL) ||
	    (EXT_HAS(opts, accel_sequence) && opts->accel_sequence != NULL)) {
		return -ENOTSUP;
	}
	if (type == SPDK_BDEV_IO_TYPE_WRITE && !desc->write) {
		return -EBADF;
	}
	if (iov == NULL || iovcnt <= 0 ||
	    !bdev_range_is_valid(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	rc = bdev_md_check(desc, md, iov[0].iov_base != NULL);
	if (rc != 0) {
		return rc;
	}
	io = bdev_io_get(ch->mgmt);
	if (io == NULL) {
		return -ENOMEM;
	}
	bdev_io_init(io, ch, desc, type, cb, cb_arg);
	bdev_io_init_block(io, iov, iovcnt, md, offset_blocks, num_blocks);
	if (EXT_HAS(opts, dif_check_flags_exclude_mask)) {
		io->u.bdev.dif_check_flags &= ~opts->dif_check_flags_exclude_mask;
	}
	if (EXT_HAS(opts, nvme_cdw12)) {
		io->u.bdev.nvme_cdw12 = opts->nvme_cdw12;
	}
	if (EXT_HAS(opts, nvme_cdw13)) {
		io->u.bdev.nvme_cdw13 = opts->nvme_cdw13;
	}
	bdev_io_submit(io);
	return 0;
}

int
spdk_bdev_readv_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                           struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                           uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
                           struct spdk_bdev_ext_io_opts *opts)
{
	return rw_submit_ext(desc, ch, SPDK_BDEV_IO_TYPE_READ, iov, iovcnt, offset_blocks,
	                     num_blocks, cb, cb_arg, opts);
}

int
spdk_bdev_writev_blocks_ext(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                            struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                            uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg,
                            struct spdk_bdev_ext_io_opts *opts)
{
	return rw_submit_ext(desc, ch, SPDK_BDEV_IO_TYPE_WRITE, iov, iovcnt, offset_blocks,
	                     num_blocks, cb, cb_arg, opts);
}

/* --- operations without data ------------------------------------------------------------------ */

static int
range_submit(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
             enum spdk_bdev_io_type type, uint64_t offset_blocks, uint64_t num_blocks,
             spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *io;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_is_valid(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	io = bdev_io_get(ch->mgmt);
	if (io == NULL) {
		return -ENOMEM;
	}
	bdev_io_init(io, ch, desc, type, cb, cb_arg);
	io->iov.iov_base = NULL;
	io->iov.iov_len = 0;
	bdev_io_init_block(io, NULL, 0, NULL, offset_blocks, num_blocks);
	bdev_io_submit(io);
	return 0;
}

int
spdk_bdev_write_zeroes(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset,
                       uint64_t len, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, len, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_write_zeroes_blocks(desc, ch, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_write_zeroes_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                              uint64_t offset_blocks, uint64_t num_blocks,
                              spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	const struct spdk_bdev *bdev = desc->bdev;

	if (!bdev_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES) &&
	    (!bdev_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE) ||
	     bdev->blocklen > BDEV_ZERO_BUF_SIZE || spdk_bdev_is_md_separate(bdev))) {
		return -ENOTSUP;
	}
	return range_submit(desc, ch, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, offset_blocks, num_blocks, cb,
	                    cb_arg);
}

int
spdk_bdev_unmap(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset,
                uint64_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, nbytes, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_unmap_blocks(desc, ch, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_unmap_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                       uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                       void *cb_arg)
{
	if (num_blocks == 0) {
		return -EINVAL;
	}
	if (!bdev_type_supported(desc->bdev, SPDK_BDEV_IO_TYPE_UNMAP)) {
		return -ENOTSUP;
	}
	return range_submit(desc, ch, SPDK_BDEV_IO_TYPE_UNMAP, offset_blocks, num_blocks, cb,
	                    cb_arg);
}

int
spdk_bdev_flush(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset,
                uint64_t length, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t offset_blocks, num_blocks;

	if (bytes_to_blocks(desc, offset, &offset_blocks, length, &num_blocks) != 0) {
		return -EINVAL;
	}
	return spdk_bdev_flush_blocks(desc, ch, offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_flush_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                       uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                       void *cb_arg)
{
	if (!bdev_type_supported(desc->bdev, SPDK_BDEV_IO_TYPE_FLUSH)) {
		return -ENOTSUP;
	}
	return range_submit(desc, ch, SPDK_BDEV_IO_TYPE_FLUSH, offset_blocks, num_blocks, cb,
	                    cb_arg);
}
