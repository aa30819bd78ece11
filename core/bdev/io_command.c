/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a device may be able to do beyond reading and writing: compare, copy, seek, zero copy, zones
 * and NVMe commands. The block layer checks, counts and hands over; where a device cannot do one of
 * these, neither can we (-ENOTSUP), except that one without holes can say so. */

#include "bdev_internal.h"
#include "spdk/bdev_zone.h"

/* An object for one such request, if the device can do it. */
static int
command_get(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, enum spdk_bdev_io_type type,
            spdk_bdev_io_completion_cb cb, void *cb_arg, struct spdk_bdev_io **io)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	if (!bdev_type_supported(desc->bdev, type)) {
		return -ENOTSUP;
	}
	*io = bdev_io_get(ch->mgmt);
	if (*io == NULL) {
		return -ENOMEM;
	}
	bdev_io_init(*io, ch, desc, type, cb, cb_arg);
	return 0;
}

/* The same for a request over blocks, which is submitted. `iov` NULL: one buffer, `buf`. */
static int
block_command(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
              enum spdk_bdev_io_type type, void *buf, struct iovec *iov, int iovcnt, void *md,
              uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
              void *cb_arg)
{
	struct spdk_bdev_io *io;
	int rc;

	if (!bdev_range_is_valid(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	rc = command_get(desc, io_ch, type, cb, cb_arg, &io);
	if (rc != 0) {
		return rc;
	}
	if (iov == NULL) {
		io->iov.iov_base = buf;
		io->iov.iov_len = num_blocks * desc->bdev->blocklen;
		iov = &io->iov;
		iovcnt = 1;
	}
	bdev_io_init_block(io, iov, iovcnt, md, offset_blocks, num_blocks);
	bdev_io_submit(io);
	return 0;
}

/* --- compare ---------------------------------------------------------------------------------- */

int
spdk_bdev_compare_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                         uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                         void *cb_arg)
{
	return spdk_bdev_compare_blocks_with_md(desc, ch, buf, NULL, offset_blocks, num_blocks, cb,
	                                        cb_arg);
}

int
spdk_bdev_compare_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                                 void *md, uint64_t offset_blocks, uint64_t num_blocks,
                                 spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (bdev_md_check(desc, md, buf != NULL) != 0) {
		return -EINVAL;
	}
	return block_command(desc, ch, SPDK_BDEV_IO_TYPE_COMPARE, buf, NULL, 0, md, offset_blocks,
	                     num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                          struct iovec *iov, int iovcnt, uint64_t offset_blocks,
                          uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return block_command(desc, ch, SPDK_BDEV_IO_TYPE_COMPARE, NULL, iov, iovcnt, NULL,
	                     offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_blocks_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                  struct iovec *iov, int iovcnt, void *md, uint64_t offset_blocks,
                                  uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (bdev_md_check(desc, md, iov != NULL && iov[0].iov_base != NULL) != 0) {
		return -EINVAL;
	}
	return block_command(desc, ch, SPDK_BDEV_IO_TYPE_COMPARE, NULL, iov, iovcnt, md,
	                     offset_blocks, num_blocks, cb, cb_arg);
}

int
spdk_bdev_comparev_and_writev_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                     struct iovec *compare_iov, int compare_iovcnt,
                                     struct iovec *write_iov, int write_iovcnt,
                                     uint64_t offset_blocks, uint64_t num_blocks,
                                     spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *io;
	int rc;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_is_valid(desc->bdev, offset_blocks, num_blocks) ||
	    num_blocks > spdk_bdev_get_acwu(desc->bdev)) {
		return -EINVAL;
	}
	rc = command_get(desc, ch, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, cb, cb_arg, &io);
	if (rc != 0) {
		return rc;
	}
	bdev_io_init_block(io, compare_iov, compare_iovcnt, NULL, offset_blocks, num_blocks);
	io->u.bdev.fused_iovs = write_iov;
	io->u.bdev.fused_iovcnt = write_iovcnt;
	bdev_io_submit(io);
	return 0;
}

/* --- copy, seek, mark as bad ------------------------------------------------------------------ */

int
spdk_bdev_copy_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                      uint64_t dst_offset_blocks, uint64_t src_offset_blocks, uint64_t num_blocks,
                      spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev *bdev = desc->bdev;
	struct spdk_bdev_io *io;
	int rc;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_is_valid(bdev, dst_offset_blocks, num_blocks) ||
	    !bdev_range_is_valid(bdev, src_offset_blocks, num_blocks) ||
	    (bdev->max_copy != 0 && num_blocks > bdev->max_copy)) {
		return -EINVAL;
	}
	rc = command_get(desc, ch, SPDK_BDEV_IO_TYPE_COPY, cb, cb_arg, &io);
	if (rc != 0) {
		return rc;
	}
	bdev_io_init_block(io, NULL, 0, NULL, dst_offset_blocks, num_blocks);
	io->u.bdev.copy.src_offset_blocks = src_offset_blocks;
	bdev_io_submit(io);
	return 0;
}

static int
seek(struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch, enum spdk_bdev_io_type type,
     uint64_t offset_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *io;

	if (!bdev_range_is_valid(desc->bdev, offset_blocks, 1)) {
		return -EINVAL;
	}
	io = bdev_io_get(ch->mgmt);
	if (io == NULL) {
		return -ENOMEM;
	}
	bdev_io_init(io, ch, desc, type, cb, cb_arg);
	bdev_io_init_block(io, NULL, 0, NULL, offset_blocks, 1);
	if (bdev_type_supported(desc->bdev, type)) {
		bdev_io_submit(io);
		return 0;
	}
	/* All of it is data. */
	io->u.bdev.seek.offset = type == SPDK_BDEV_IO_TYPE_SEEK_DATA ? offset_blocks : UINT64_MAX;
	io->internal.submit_tsc = spdk_get_ticks();
	TAILQ_INSERT_TAIL(&ch->io_submitted, io, internal.ch_link);
	bdev_io_defer(io, SPDK_BDEV_IO_STATUS_SUCCESS);
	return 0;
}

int
spdk_bdev_seek_data(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
                    spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return seek(desc, ch, SPDK_BDEV_IO_TYPE_SEEK_DATA, offset_blocks, cb, cb_arg);
}

int
spdk_bdev_seek_hole(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t offset_blocks,
                    spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return seek(desc, ch, SPDK_BDEV_IO_TYPE_SEEK_HOLE, offset_blocks, cb, cb_arg);
}

uint64_t
spdk_bdev_io_get_seek_offset(const struct spdk_bdev_io *io)
{
	return io->u.bdev.seek.offset;
}

int
spdk_bdev_write_uncorrectable_blocks(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                     uint64_t offset_blocks, uint64_t num_blocks,
                                     spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!desc->write) {
		return -EBADF;
	}
	return block_command(desc, ch, SPDK_BDEV_IO_TYPE_WRITE_UNCORRECTABLE, NULL, NULL, 0, NULL,
	                     offset_blocks, num_blocks, cb, cb_arg);
}

/* --- zero copy -------------------------------------------------------------------------------- */

int
spdk_bdev_zcopy_start(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                      int iovcnt, uint64_t offset_blocks, uint64_t num_blocks, bool populate,
                      spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *io;
	int rc;

	if (!desc->write) {
		return -EBADF;
	}
	if (!bdev_range_is_valid(desc->bdev, offset_blocks, num_blocks)) {
		return -EINVAL;
	}
	rc = command_get(desc, ch, SPDK_BDEV_IO_TYPE_ZCOPY, cb, cb_arg, &io);
	if (rc != 0) {
		return rc;
	}
	bdev_io_init_block(io, iov, iovcnt, NULL, offset_blocks, num_blocks);
	io->u.bdev.zcopy.populate = populate;
	io->u.bdev.zcopy.commit = 0;
	io->u.bdev.zcopy.start = 1;
	bdev_io_submit(io);
	return 0;
}

int
spdk_bdev_zcopy_end(struct spdk_bdev_io *io, bool commit, spdk_bdev_io_completion_cb cb,
                    void *cb_arg)
{
	if (io->type != SPDK_BDEV_IO_TYPE_ZCOPY || !io->u.bdev.zcopy.start) {
		return -EINVAL;
	}
	io->u.bdev.zcopy.commit = commit;
	io->u.bdev.zcopy.start = 0;
	io->internal.cb = cb;
	io->internal.caller_ctx = cb_arg;
	io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
	io->internal.f.never_submitted = 0;
	bdev_io_submit(io);
	return 0;
}

/* --- zones ------------------------------------------------------------------------------------ */

static int
zone_command(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, enum spdk_bdev_io_type type,
             const struct spdk_bdev_io_zone_mgmt_params *params, spdk_bdev_io_completion_cb cb,
             void *cb_arg)
{
	struct spdk_bdev_io *io;
	int rc = command_get(desc, ch, type, cb, cb_arg, &io);

	if (rc != 0) {
		return rc;
	}
	io->u.zone_mgmt = *params;
	bdev_io_submit(io);
	return 0;
}

int
spdk_bdev_get_zone_info(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id,
                        size_t num_zones, struct spdk_bdev_zone_info *info,
                        spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_zone_mgmt_params params = {
		.zone_id = zone_id,
		.num_zones = (uint32_t)num_zones,
		.buf = info,
	};

	return zone_command(desc, ch, SPDK_BDEV_IO_TYPE_GET_ZONE_INFO, &params, cb, cb_arg);
}

int
spdk_bdev_zone_management(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, uint64_t zone_id,
                          enum spdk_bdev_zone_action action, spdk_bdev_io_completion_cb cb,
                          void *cb_arg)
{
	struct spdk_bdev_io_zone_mgmt_params params = {
		.zone_id = zone_id,
		.num_zones = 1,
		.zone_action = action,
	};

	return zone_command(desc, ch, SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT, &params, cb, cb_arg);
}

int
spdk_bdev_zone_append(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                      uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                      void *cb_arg)
{
	return spdk_bdev_zone_append_with_md(desc, ch, buf, NULL, zone_id, num_blocks, cb, cb_arg);
}

int
spdk_bdev_zone_append_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                              void *md, uint64_t zone_id, uint64_t num_blocks,
                              spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!desc->write) {
		return -EBADF;
	}
	if (bdev_md_check(desc, md, buf != NULL) != 0) {
		return -EINVAL;
	}
	return block_command(desc, ch, SPDK_BDEV_IO_TYPE_ZONE_APPEND, buf, NULL, 0, md, zone_id,
	                     num_blocks, cb, cb_arg);
}

int
spdk_bdev_zone_appendv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct iovec *iov,
                       int iovcnt, uint64_t zone_id, uint64_t num_blocks,
                       spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	return spdk_bdev_zone_appendv_with_md(desc, ch, iov, iovcnt, NULL, zone_id, num_blocks, cb,
	                                      cb_arg);
}

int
spdk_bdev_zone_appendv_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                               struct iovec *iov, int iovcnt, void *md, uint64_t zone_id,
                               uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	if (!desc->write) {
		return -EBADF;
	}
	if (iov == NULL || iovcnt <= 0 || bdev_md_check(desc, md, iov[0].iov_base != NULL) != 0) {
		return -EINVAL;
	}
	return block_command(desc, ch, SPDK_BDEV_IO_TYPE_ZONE_APPEND, NULL, iov, iovcnt, md,
	                     zone_id, num_blocks, cb, cb_arg);
}

uint64_t
spdk_bdev_io_get_append_location(struct spdk_bdev_io *io)
{
	return io->u.bdev.offset_blocks;
}

/* --- NVMe commands ---------------------------------------------------------------------------- */

static int
nvme_command(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, enum spdk_bdev_io_type type,
             const struct spdk_bdev_io_nvme_passthru_params *params, spdk_bdev_io_completion_cb cb,
             void *cb_arg)
{
	struct spdk_bdev_io *io;
	int rc;

	/* Nobody here knows which commands change nothing. */
	if (!desc->write) {
		return -EBADF;
	}
	rc = command_get(desc, ch, type, cb, cb_arg, &io);
	if (rc != 0) {
		return rc;
	}
	io->u.nvme_passthru = *params;
	bdev_io_submit(io);
	return 0;
}

int
spdk_bdev_nvme_admin_passthru(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                              const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes,
                              spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {
		.cmd = *cmd,
		.buf = buf,
		.nbytes = nbytes,
	};

	return nvme_command(desc, ch, SPDK_BDEV_IO_TYPE_NVME_ADMIN, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_io_passthru(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                           const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes,
                           spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {
		.cmd = *cmd,
		.buf = buf,
		.nbytes = nbytes,
	};

	return nvme_command(desc, ch, SPDK_BDEV_IO_TYPE_NVME_IO, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_io_passthru_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                              const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes,
                              void *md_buf, size_t md_len, spdk_bdev_io_completion_cb cb,
                              void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {
		.cmd = *cmd,
		.buf = buf,
		.nbytes = nbytes,
		.md_buf = md_buf,
		.md_len = md_len,
	};

	return nvme_command(desc, ch, SPDK_BDEV_IO_TYPE_NVME_IO_MD, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_iov_passthru_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                               const struct spdk_nvme_cmd *cmd, struct iovec *iov, int iovcnt,
                               size_t nbytes, void *md_buf, size_t md_len,
                               spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {
		.cmd = *cmd,
		.iovs = iov,
		.iovcnt = iovcnt,
		.nbytes = nbytes,
		.md_buf = md_buf,
		.md_len = md_len,
	};

	return nvme_command(desc, ch, SPDK_BDEV_IO_TYPE_NVME_IOV_MD, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_nssr(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                    spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io *io;
	int rc = command_get(desc, ch, SPDK_BDEV_IO_TYPE_NVME_NSSR, cb, cb_arg, &io);

	if (rc != 0) {
		return rc;
	}
	bdev_io_init_block(io, NULL, 0, NULL, 0, 0);
	bdev_io_submit(io);
	return 0;
}

/* --- memory that a device can reach by itself ------------------------------------------------- */

int
spdk_bdev_get_memory_domains(struct spdk_bdev *bdev, struct spdk_memory_domain **domains,
                             int array_size)
{
	if (bdev == NULL) {
		return -EINVAL;
	}
	return bdev->fn_table->get_memory_domains == NULL
	               ? 0
	               : bdev->fn_table->get_memory_domains(bdev->ctxt, domains, array_size);
}

int
spdk_bdev_get_memory_domain_types(struct spdk_bdev *bdev, enum spdk_dma_device_type *types,
                                  uint32_t array_size)
{
	if (bdev == NULL) {
		return -EINVAL;
	}
	return bdev->fn_table->get_memory_domain_types == NULL
	               ? 0
	               : bdev->fn_table->get_memory_domain_types(bdev->ctxt, types, array_size);
}
