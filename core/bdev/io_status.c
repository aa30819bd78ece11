/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The status of an I/O in the languages of NVMe, SCSI and errno, each told by the device or
 * translated from what the device told in another. */

#include "bdev_internal.h"

/* --- set by modules --------------------------------------------------------------------------- */

enum spdk_bdev_io_status
spdk_bdev_io_set_nvme_status(struct spdk_bdev_io *io, uint32_t cdw0, int sct, int sc)
{
	io->internal.error.nvme.cdw0 = cdw0;
	io->internal.error.nvme.sct = (uint8_t)sct;
	io->internal.error.nvme.sc = (uint8_t)sc;
	if (sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_SUCCESS) {
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	if (sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_ABORTED_BY_REQUEST) {
		return SPDK_BDEV_IO_STATUS_ABORTED;
	}
	return SPDK_BDEV_IO_STATUS_NVME_ERROR;
}

void
spdk_bdev_io_complete_nvme_status(struct spdk_bdev_io *io, uint32_t cdw0, int sct, int sc)
{
	spdk_bdev_io_complete(io, spdk_bdev_io_set_nvme_status(io, cdw0, sct, sc));
}

enum spdk_bdev_io_status
spdk_bdev_io_set_scsi_status(struct spdk_bdev_io *io, enum spdk_scsi_status sc,
                             enum spdk_scsi_sense sk, uint8_t asc, uint8_t ascq)
{
	if (sc == SPDK_SCSI_STATUS_GOOD) {
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	io->internal.error.scsi.sc = (uint8_t)sc;
	io->internal.error.scsi.sk = (uint8_t)sk;
	io->internal.error.scsi.asc = asc;
	io->internal.error.scsi.ascq = ascq;
	return SPDK_BDEV_IO_STATUS_SCSI_ERROR;
}

void
spdk_bdev_io_complete_scsi_status(struct spdk_bdev_io *io, enum spdk_scsi_status sc,
                                  enum spdk_scsi_sense sk, uint8_t asc, uint8_t ascq)
{
	spdk_bdev_io_complete(io, spdk_bdev_io_set_scsi_status(io, sc, sk, asc, ascq));
}

enum spdk_bdev_io_status
spdk_bdev_io_set_aio_status(struct spdk_bdev_io *io, int aio_result)
{
	if (aio_result == 0) {
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	io->internal.error.aio_result = aio_result;
	return SPDK_BDEV_IO_STATUS_AIO_ERROR;
}

void
spdk_bdev_io_complete_aio_status(struct spdk_bdev_io *io, int aio_result)
{
	spdk_bdev_io_complete(io, spdk_bdev_io_set_aio_status(io, aio_result));
}

enum spdk_bdev_io_status
spdk_bdev_io_set_base_io_status(struct spdk_bdev_io *io, const struct spdk_bdev_io *base_io)
{
	io->internal.error = base_io->internal.error;
	return base_io->internal.status;
}

void
spdk_bdev_io_complete_base_io_status(struct spdk_bdev_io *io, const struct spdk_bdev_io *base_io)
{
	spdk_bdev_io_complete(io, spdk_bdev_io_set_base_io_status(io, base_io));
}

/* --- asked for by users ----------------------------------------------------------------------- */

void
spdk_bdev_io_get_nvme_status(const struct spdk_bdev_io *io, uint32_t *cdw0, int *sct, int *sc)
{
	*cdw0 = 0;
	*sct = SPDK_NVME_SCT_GENERIC;
	switch ((int)io->internal.status) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		*sc = SPDK_NVME_SC_SUCCESS;
		return;
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		*cdw0 = io->internal.error.nvme.cdw0;
		*sct = io->internal.error.nvme.sct;
		*sc = io->internal.error.nvme.sc;
		return;
	case SPDK_BDEV_IO_STATUS_ABORTED:
		*sc = SPDK_NVME_SC_ABORTED_BY_REQUEST;
		return;
	case SPDK_BDEV_IO_STATUS_MISCOMPARE:
		*sct = SPDK_NVME_SCT_MEDIA_ERROR;
		*sc = SPDK_NVME_SC_COMPARE_FAILURE;
		return;
	case SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED:
		*sc = SPDK_NVME_SC_ABORTED_MISSING_FUSED;
		return;
	case SPDK_BDEV_IO_STATUS_AIO_ERROR:
		if (io->internal.error.aio_result == -ENOSPC) {
			*sc = SPDK_NVME_SC_CAPACITY_EXCEEDED;
			return;
		}
		break;
	default:
		break;
	}
	*sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
}

void
spdk_bdev_io_get_nvme_fused_status(const struct spdk_bdev_io *io, uint32_t *cdw0, int *first_sct,
                                   int *first_sc, int *second_sct, int *second_sc)
{
	*cdw0 = 0;
	*first_sct = *second_sct = SPDK_NVME_SCT_GENERIC;
	*first_sc = *second_sc = SPDK_NVME_SC_SUCCESS;
	switch ((int)io->internal.status) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		return;
	case SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED:
		*first_sct = SPDK_NVME_SCT_MEDIA_ERROR;
		*first_sc = SPDK_NVME_SC_COMPARE_FAILURE;
		*second_sc = SPDK_NVME_SC_ABORTED_MISSING_FUSED;
		return;
	case SPDK_BDEV_IO_STATUS_MISCOMPARE:
		*first_sct = SPDK_NVME_SCT_MEDIA_ERROR;
		*first_sc = SPDK_NVME_SC_COMPARE_FAILURE;
		*second_sc = SPDK_NVME_SC_ABORTED_MISSING_FUSED;
		return;
	default:
		spdk_bdev_io_get_nvme_status(io, cdw0, first_sct, first_sc);
		*second_sct = *first_sct;
		*second_sc = *first_sc;
	}
}

void
spdk_scsi_nvme_translate(const struct spdk_bdev_io *io, int *sc, int *sk, int *asc, int *ascq)
{
	uint8_t sct = io->internal.error.nvme.sct;
	uint8_t nvme_sc = io->internal.error.nvme.sc;

	*sc = SPDK_SCSI_STATUS_CHECK_CONDITION;
	*sk = SPDK_SCSI_SENSE_ABORTED_COMMAND;
	*asc = SPDK_SCSI_ASC_NO_ADDITIONAL_SENSE;
	*ascq = SPDK_SCSI_ASCQ_CAUSE_NOT_REPORTABLE;
	if (sct == SPDK_NVME_SCT_MEDIA_ERROR) {
		if (nvme_sc == SPDK_NVME_SC_COMPARE_FAILURE) {
			*sk = SPDK_SCSI_SENSE_MISCOMPARE;
			*asc = SPDK_SCSI_ASC_MISCOMPARE_DURING_VERIFY_OPERATION;
		} else {
			*sk = SPDK_SCSI_SENSE_MEDIUM_ERROR;
		}
	} else if (sct == SPDK_NVME_SCT_GENERIC) {
		switch (nvme_sc) {
		case SPDK_NVME_SC_INVALID_OPCODE:
		case SPDK_NVME_SC_INVALID_FIELD:
		case SPDK_NVME_SC_LBA_OUT_OF_RANGE:
			*sk = SPDK_SCSI_SENSE_ILLEGAL_REQUEST;
			break;
		case SPDK_NVME_SC_INTERNAL_DEVICE_ERROR:
			*sk = SPDK_SCSI_SENSE_HARDWARE_ERROR;
			break;
		case SPDK_NVME_SC_ABORTED_BY_REQUEST:
			*sc = SPDK_SCSI_STATUS_TASK_ABORTED;
			break;
		default:
			break;
		}
	}
}

void
spdk_bdev_io_get_scsi_status(const struct spdk_bdev_io *io, int *sc, int *sk, int *asc, int *ascq)
{
	*sc = SPDK_SCSI_STATUS_CHECK_CONDITION;
	*sk = SPDK_SCSI_SENSE_ABORTED_COMMAND;
	*asc = SPDK_SCSI_ASC_NO_ADDITIONAL_SENSE;
	*ascq = SPDK_SCSI_ASCQ_CAUSE_NOT_REPORTABLE;
	switch ((int)io->internal.status) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		*sc = SPDK_SCSI_STATUS_GOOD;
		*sk = SPDK_SCSI_SENSE_NO_SENSE;
		break;
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		spdk_scsi_nvme_translate(io, sc, sk, asc, ascq);
		break;
	case SPDK_BDEV_IO_STATUS_MISCOMPARE:
		*sk = SPDK_SCSI_SENSE_MISCOMPARE;
		*asc = SPDK_SCSI_ASC_MISCOMPARE_DURING_VERIFY_OPERATION;
		break;
	case SPDK_BDEV_IO_STATUS_SCSI_ERROR:
		*sc = io->internal.error.scsi.sc;
		*sk = io->internal.error.scsi.sk;
		*asc = io->internal.error.scsi.asc;
		*ascq = io->internal.error.scsi.ascq;
		break;
	case SPDK_BDEV_IO_STATUS_ABORTED:
		*sc = SPDK_SCSI_STATUS_TASK_ABORTED;
		break;
	default:
		break;
	}
}

void
spdk_bdev_io_get_aio_status(const struct spdk_bdev_io *io, int *aio_result)
{
	switch ((int)io->internal.status) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		*aio_result = 0;
		break;
	case SPDK_BDEV_IO_STATUS_AIO_ERROR:
		*aio_result = io->internal.error.aio_result;
		break;
	case SPDK_BDEV_IO_STATUS_ABORTED:
		*aio_result = -ECANCELED;
		break;
	default:
		*aio_result = -EIO;
	}
}

void
spdk_bdev_io_get_iovec(struct spdk_bdev_io *io, struct iovec **iovp, int *iovcntp)
{
	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		*iovp = io->u.bdev.iovs;
		*iovcntp = io->u.bdev.iovcnt;
		break;
	default:
		*iovp = NULL;
		*iovcntp = 0;
	}
}

void *
spdk_bdev_io_get_md_buf(struct spdk_bdev_io *io)
{
	if (io->type != SPDK_BDEV_IO_TYPE_READ && io->type != SPDK_BDEV_IO_TYPE_WRITE) {
		return NULL;
	}
	return io->u.bdev.md_buf;
}

void *
spdk_bdev_io_get_cb_arg(struct spdk_bdev_io *io)
{
	return io->internal.caller_ctx;
}

uint32_t
spdk_bdev_io_get_block_size(struct spdk_bdev_io *io)
{
	return io->bdev->blocklen;
}

bool
spdk_bdev_io_hide_metadata(struct spdk_bdev_io *io)
{
	return false;
}

struct spdk_thread *
spdk_bdev_io_get_thread(struct spdk_bdev_io *io)
{
	return io->internal.ch->mgmt->thread;
}

struct spdk_io_channel *
spdk_bdev_io_get_io_channel(struct spdk_bdev_io *io)
{
	return io->internal.ch->module_ch;
}

uint64_t
spdk_bdev_io_get_submit_tsc(struct spdk_bdev_io *io)
{
	return io->internal.submit_tsc;
}
