/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a device says of itself. */

#include "bdev_internal.h"

const char *
spdk_bdev_get_name(const struct spdk_bdev *bdev)
{
	return bdev->name;
}

const char *
spdk_bdev_get_product_name(const struct spdk_bdev *bdev)
{
	return bdev->product_name;
}

const char *
spdk_bdev_get_module_name(const struct spdk_bdev *bdev)
{
	return bdev->module->name;
}

const struct spdk_uuid *
spdk_bdev_get_uuid(const struct spdk_bdev *bdev)
{
	return &bdev->uuid;
}

int32_t
spdk_bdev_get_numa_id(struct spdk_bdev *bdev)
{
	return bdev->numa.id_valid ? bdev->numa.id : SPDK_ENV_NUMA_ID_ANY;
}

#define GETTER(type, what, value)                           \
	type spdk_bdev_##what(const struct spdk_bdev *bdev) \
	{                                                   \
		return (value);                             \
	}

GETTER(uint32_t, get_block_size, bdev->blocklen)
GETTER(uint64_t, get_num_blocks, bdev->blockcnt)
GETTER(uint32_t, get_write_unit_size, bdev->write_unit_size)
GETTER(uint32_t, get_data_block_size,
       bdev->md_interleave ? bdev->blocklen - bdev->md_len : bdev->blocklen)
GETTER(uint32_t, get_physical_block_size, bdev->phys_blocklen)
GETTER(uint32_t, get_preferred_write_alignment, bdev->preferred_write_alignment)
GETTER(uint32_t, get_preferred_write_granularity, bdev->preferred_write_granularity)
GETTER(uint32_t, get_optimal_write_size, bdev->optimal_write_size)
GETTER(uint32_t, get_preferred_unmap_alignment, bdev->preferred_unmap_alignment)
GETTER(uint32_t, get_preferred_unmap_granularity, bdev->preferred_unmap_granularity)
GETTER(uint32_t, get_optimal_io_boundary, bdev->optimal_io_boundary)
GETTER(uint32_t, get_max_copy, bdev->max_copy)
GETTER(uint16_t, get_acwu, bdev->acwu)
GETTER(size_t, get_buf_align, (size_t)1 << bdev->required_alignment)
GETTER(bool, has_write_cache, bdev->write_cache != 0)
GETTER(bool, is_zoned, bdev->zoned)
GETTER(uint32_t, get_md_size, bdev->md_len)
GETTER(bool, is_md_interleaved, bdev->md_len != 0 && bdev->md_interleave)
GETTER(bool, is_md_separate, bdev->md_len != 0 && !bdev->md_interleave)
GETTER(enum spdk_dif_type, get_dif_type, bdev->md_len != 0 ? bdev->dif_type : SPDK_DIF_DISABLE)
GETTER(enum spdk_dif_pi_format, get_dif_pi_format, bdev->dif_pi_format)
GETTER(bool, is_dif_head_of_md,
       spdk_bdev_get_dif_type(bdev) != SPDK_DIF_DISABLE && bdev->dif_is_head_of_md)
GETTER(enum spdk_nvme_csi, get_nvme_csi, bdev->csi)

GETTER(uint64_t, get_zone_size, bdev->zone_size)
GETTER(uint64_t, get_num_zones, bdev->zone_size != 0 ? bdev->blockcnt / bdev->zone_size : 0)
GETTER(uint32_t, get_max_zone_append_size, bdev->max_zone_append_size)
GETTER(uint32_t, get_max_open_zones, bdev->max_open_zones)
GETTER(uint32_t, get_max_active_zones, bdev->max_active_zones)
GETTER(uint32_t, get_optimal_open_zones, bdev->optimal_open_zones)

uint64_t
spdk_bdev_get_zone_id(const struct spdk_bdev *bdev, uint64_t offset_blocks)
{
	return bdev->zone_size != 0 ? offset_blocks - offset_blocks % bdev->zone_size
	                            : offset_blocks;
}

union spdk_bdev_nvme_ctratt
spdk_bdev_get_nvme_ctratt(struct spdk_bdev *bdev)
{
	return bdev->ctratt;
}

uint32_t
spdk_bdev_get_nvme_nsid(struct spdk_bdev *bdev)
{
	return bdev->nsid;
}

bool
spdk_bdev_is_dif_check_enabled(const struct spdk_bdev *bdev, enum spdk_dif_check_type type)
{
	switch (type) {
	case SPDK_DIF_CHECK_TYPE_REFTAG:
		return (bdev->dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) != 0;
	case SPDK_DIF_CHECK_TYPE_APPTAG:
		return (bdev->dif_check_flags & SPDK_DIF_FLAGS_APPTAG_CHECK) != 0;
	case SPDK_DIF_CHECK_TYPE_GUARD:
		return (bdev->dif_check_flags & SPDK_DIF_FLAGS_GUARD_CHECK) != 0;
	}
	return false;
}

/* --- types of I/O ----------------------------------------------------------------------------- */

static const char *const g_io_type_names[BDEV_NUM_IO_TYPES] = {
	[SPDK_BDEV_IO_TYPE_READ] = "read",
	[SPDK_BDEV_IO_TYPE_WRITE] = "write",
	[SPDK_BDEV_IO_TYPE_UNMAP] = "unmap",
	[SPDK_BDEV_IO_TYPE_FLUSH] = "flush",
	[SPDK_BDEV_IO_TYPE_RESET] = "reset",
	[SPDK_BDEV_IO_TYPE_NVME_ADMIN] = "nvme_admin",
	[SPDK_BDEV_IO_TYPE_NVME_IO] = "nvme_io",
	[SPDK_BDEV_IO_TYPE_NVME_IO_MD] = "nvme_io_md",
	[SPDK_BDEV_IO_TYPE_WRITE_ZEROES] = "write_zeroes",
	[SPDK_BDEV_IO_TYPE_ZCOPY] = "zcopy",
	[SPDK_BDEV_IO_TYPE_GET_ZONE_INFO] = "get_zone_info",
	[SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT] = "zone_management",
	[SPDK_BDEV_IO_TYPE_ZONE_APPEND] = "zone_append",
	[SPDK_BDEV_IO_TYPE_COMPARE] = "compare",
	[SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE] = "compare_and_write",
	[SPDK_BDEV_IO_TYPE_ABORT] = "abort",
	[SPDK_BDEV_IO_TYPE_SEEK_HOLE] = "seek_hole",
	[SPDK_BDEV_IO_TYPE_SEEK_DATA] = "seek_data",
	[SPDK_BDEV_IO_TYPE_COPY] = "copy",
	[SPDK_BDEV_IO_TYPE_NVME_IOV_MD] = "nvme_iov_md",
	[SPDK_BDEV_IO_TYPE_NVME_NSSR] = "nvme_nssr",
	[SPDK_BDEV_IO_TYPE_WRITE_UNCORRECTABLE] = "write_uncorrectable",
};

const char *
spdk_bdev_get_io_type_name(enum spdk_bdev_io_type io_type)
{
	return (unsigned)io_type < BDEV_NUM_IO_TYPES ? g_io_type_names[io_type] : NULL;
}

int
spdk_bdev_get_io_type(const char *io_type_string)
{
	int i;

	for (i = 1; i < BDEV_NUM_IO_TYPES; i++) {
		if (strcmp(g_io_type_names[i], io_type_string) == 0) {
			return i;
		}
	}
	return -1;
}

bool
spdk_bdev_io_type_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type io_type)
{
	if ((unsigned)io_type >= BDEV_NUM_IO_TYPES) {
		return false;
	}
	/* A device that writes can be made to write zeroes. */
	return bdev_type_supported(bdev, io_type) ||
	       (io_type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES &&
	        bdev_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE));
}

const char *
spdk_bdev_get_qos_rpc_type(enum spdk_bdev_qos_rate_limit_type type)
{
	static const char *const names[] = { "rw_ios_per_sec", "rw_mbytes_per_sec",
		                             "r_mbytes_per_sec", "w_mbytes_per_sec" };

	return (unsigned)type < SPDK_COUNTOF(names) ? names[type] : NULL;
}

int
spdk_bdev_dump_info_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	return bdev->fn_table->dump_info_json != NULL
	               ? bdev->fn_table->dump_info_json(bdev->ctxt, w)
	               : 0;
}
