/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A status in the language of the device, heard in each of the others. */

#include "tests/unit/test.h"

#include "core/bdev/bdev_internal.h"

static struct spdk_bdev_io g_io;

static void
end(enum spdk_bdev_io_status status)
{
	g_io.internal.status = (int8_t)status;
}

static void
check(uint32_t cdw0, int sct, int sc, int scsi, int key, int aio)
{
	uint32_t got_cdw0;
	int got[4], asc, ascq;

	spdk_bdev_io_get_nvme_status(&g_io, &got_cdw0, &got[0], &got[1]);
	CHECK_EQ(got_cdw0, cdw0);
	CHECK_EQ(got[0], sct);
	CHECK_EQ(got[1], sc);
	spdk_bdev_io_get_scsi_status(&g_io, &got[2], &got[3], &asc, &ascq);
	CHECK_EQ(got[2], scsi);
	CHECK_EQ(got[3], key);
	spdk_bdev_io_get_aio_status(&g_io, &got[0]);
	CHECK_EQ(got[0], aio);
}

static void
of_nvme(void)
{
	CHECK_EQ(spdk_bdev_io_set_nvme_status(&g_io, 0, SPDK_NVME_SCT_GENERIC, 0),
	         SPDK_BDEV_IO_STATUS_SUCCESS);
	end(spdk_bdev_io_set_nvme_status(&g_io, 0, SPDK_NVME_SCT_GENERIC,
	                                 SPDK_NVME_SC_ABORTED_BY_REQUEST));
	check(0, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_ABORTED_BY_REQUEST,
	      SPDK_SCSI_STATUS_TASK_ABORTED, SPDK_SCSI_SENSE_ABORTED_COMMAND, -ECANCELED);
	end(spdk_bdev_io_set_nvme_status(&g_io, 9, SPDK_NVME_SCT_MEDIA_ERROR, 0x81));
	check(9, SPDK_NVME_SCT_MEDIA_ERROR, 0x81, SPDK_SCSI_STATUS_CHECK_CONDITION,
	      SPDK_SCSI_SENSE_MEDIUM_ERROR, -EIO);
	end(spdk_bdev_io_set_nvme_status(&g_io, 0, SPDK_NVME_SCT_GENERIC,
	                                 SPDK_NVME_SC_LBA_OUT_OF_RANGE));
	check(0, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_LBA_OUT_OF_RANGE,
	      SPDK_SCSI_STATUS_CHECK_CONDITION, SPDK_SCSI_SENSE_ILLEGAL_REQUEST, -EIO);
}

static void
of_others(void)
{
	int sc, sk, asc, ascq;

	end(SPDK_BDEV_IO_STATUS_SUCCESS);
	check(0, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_SUCCESS, SPDK_SCSI_STATUS_GOOD,
	      SPDK_SCSI_SENSE_NO_SENSE, 0);
	end(SPDK_BDEV_IO_STATUS_MISCOMPARE);
	check(0, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_COMPARE_FAILURE,
	      SPDK_SCSI_STATUS_CHECK_CONDITION, SPDK_SCSI_SENSE_MISCOMPARE, -EIO);
	CHECK_EQ(spdk_bdev_io_set_aio_status(&g_io, 0), SPDK_BDEV_IO_STATUS_SUCCESS);
	end(spdk_bdev_io_set_aio_status(&g_io, -ENOSPC));
	check(0, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_CAPACITY_EXCEEDED,
	      SPDK_SCSI_STATUS_CHECK_CONDITION, SPDK_SCSI_SENSE_ABORTED_COMMAND, -ENOSPC);
	CHECK_EQ(spdk_bdev_io_set_scsi_status(&g_io, SPDK_SCSI_STATUS_GOOD, 0, 0, 0),
	         SPDK_BDEV_IO_STATUS_SUCCESS);
	end(spdk_bdev_io_set_scsi_status(&g_io, SPDK_SCSI_STATUS_CHECK_CONDITION,
	                                 SPDK_SCSI_SENSE_MEDIUM_ERROR, 0x11, 0x22));
	spdk_bdev_io_get_scsi_status(&g_io, &sc, &sk, &asc, &ascq);
	CHECK(sc == SPDK_SCSI_STATUS_CHECK_CONDITION && sk == SPDK_SCSI_SENSE_MEDIUM_ERROR);
	CHECK(asc == 0x11 && ascq == 0x22);
	end(SPDK_BDEV_IO_STATUS_FAILED);
	check(0, SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_INTERNAL_DEVICE_ERROR,
	      SPDK_SCSI_STATUS_CHECK_CONDITION, SPDK_SCSI_SENSE_ABORTED_COMMAND, -EIO);
}

/* A device upon a device hands on what the lower one said. */
static void
of_the_base(void)
{
	static struct spdk_bdev_io base;

	base.internal.status =
		(int8_t)spdk_bdev_io_set_nvme_status(&base, 3, SPDK_NVME_SCT_MEDIA_ERROR, 0x80);
	end(spdk_bdev_io_set_base_io_status(&g_io, &base));
	check(3, SPDK_NVME_SCT_MEDIA_ERROR, 0x80, SPDK_SCSI_STATUS_CHECK_CONDITION,
	      SPDK_SCSI_SENSE_MEDIUM_ERROR, -EIO);
}

static const struct test_case cases[] = { TEST(of_nvme), TEST(of_others), TEST(of_the_base) };
TEST_MAIN("bdev/io_status", cases)
