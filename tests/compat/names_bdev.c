/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of SPDK v26.05's spdk/bdev.h, spdk/bdev_module.h and spdk/bdev_zone.h that
 * core/bdev/README.md does not list as missing, with its type. */

#include "names.h"

#include "spdk/bdev.h"
#include "spdk/bdev_module.h"
#include "spdk/bdev_zone.h"

/* spdk/bdev.h */

FUNCTION(spdk_bdev_get_opts, void(struct spdk_bdev_opts *, size_t));
FUNCTION(spdk_bdev_set_opts, int(struct spdk_bdev_opts *));
FUNCTION(spdk_bdev_wait_for_examine, int(spdk_bdev_wait_for_examine_cb, void *));
FUNCTION(spdk_bdev_examine, int(const char *));
FUNCTION(spdk_bdev_initialize, void(spdk_bdev_init_cb, void *));
FUNCTION(spdk_bdev_finish, void(spdk_bdev_fini_cb, void *));
FUNCTION(spdk_bdev_subsystem_config_json, void(struct spdk_json_write_ctx *));
FUNCTION(spdk_bdev_get_module_name, const char *(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_by_name, struct spdk_bdev *(const char *));
FUNCTION(spdk_bdev_first, struct spdk_bdev *(void));
FUNCTION(spdk_bdev_next, struct spdk_bdev *(struct spdk_bdev *));
FUNCTION(spdk_bdev_first_leaf, struct spdk_bdev *(void));
FUNCTION(spdk_bdev_next_leaf, struct spdk_bdev *(struct spdk_bdev *));
FUNCTION(spdk_bdev_open_opts_init, void(struct spdk_bdev_open_opts *, size_t));
FUNCTION(spdk_bdev_open_ext,
         int(const char *, bool, spdk_bdev_event_cb_t, void *, struct spdk_bdev_desc **));
FUNCTION(spdk_bdev_open_ext_v2, int(const char *, bool, spdk_bdev_event_cb_t, void *,
                                    struct spdk_bdev_open_opts *, struct spdk_bdev_desc **));
FUNCTION(spdk_bdev_open_async,
         int(const char *, bool, spdk_bdev_event_cb_t, void *, struct spdk_bdev_open_async_opts *,
             spdk_bdev_open_async_cb_t, void *));
FUNCTION(spdk_bdev_close, void(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_get_numa_id, int32_t(struct spdk_bdev *));
FUNCTION(spdk_for_each_bdev, int(void *, spdk_for_each_bdev_fn));
FUNCTION(spdk_for_each_bdev_leaf, int(void *, spdk_for_each_bdev_fn));
FUNCTION(spdk_for_each_bdev_by_name, int(void *, spdk_for_each_bdev_fn, const char **, size_t));
FUNCTION(spdk_bdev_desc_get_bdev, struct spdk_bdev *(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_get_block_size, uint32_t(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_get_md_size, uint32_t(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_is_md_interleaved, bool(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_is_md_separate, bool(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_get_dif_type, enum spdk_dif_type(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_get_dif_pi_format, enum spdk_dif_pi_format(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_is_dif_head_of_md, bool(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_desc_is_dif_check_enabled,
         bool(struct spdk_bdev_desc *, enum spdk_dif_check_type));
FUNCTION(spdk_bdev_desc_hide_metadata, bool(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_io_hide_metadata, bool(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_get_block_size, uint32_t(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_type_supported, bool(struct spdk_bdev *, enum spdk_bdev_io_type));
FUNCTION(spdk_bdev_get_io_type_name, const char *(enum spdk_bdev_io_type));
FUNCTION(spdk_bdev_get_io_type, int(const char *));
FUNCTION(spdk_bdev_dump_info_json, int(struct spdk_bdev *, struct spdk_json_write_ctx *));
FUNCTION(spdk_bdev_get_name, const char *(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_product_name, const char *(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_block_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_write_unit_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_num_blocks, uint64_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_qos_rpc_type, const char *(enum spdk_bdev_qos_rate_limit_type));
FUNCTION(spdk_bdev_get_buf_align, size_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_optimal_io_boundary, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_has_write_cache, bool(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_uuid, const struct spdk_uuid *(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_acwu, uint16_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_md_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_is_md_interleaved, bool(const struct spdk_bdev *));
FUNCTION(spdk_bdev_is_md_separate, bool(const struct spdk_bdev *));
FUNCTION(spdk_bdev_is_zoned, bool(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_data_block_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_physical_block_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_preferred_write_alignment, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_preferred_write_granularity, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_optimal_write_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_preferred_unmap_alignment, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_preferred_unmap_granularity, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_dif_type, enum spdk_dif_type(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_dif_pi_format, enum spdk_dif_pi_format(const struct spdk_bdev *));
FUNCTION(spdk_bdev_is_dif_head_of_md, bool(const struct spdk_bdev *));
FUNCTION(spdk_bdev_is_dif_check_enabled, bool(const struct spdk_bdev *, enum spdk_dif_check_type));
FUNCTION(spdk_bdev_get_max_copy, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_io_channel, struct spdk_io_channel *(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_get_module_ctx, void *(struct spdk_bdev_desc *));
FUNCTION(spdk_bdev_seek_data, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
                                  spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_seek_hole, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
                                  spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_read, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *, uint64_t,
                             uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_read_blocks, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *,
                                    uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_read_blocks_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *, void *, uint64_t, uint64_t,
             spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_readv, int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *,
                              int, uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_readv_blocks,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_readv_blocks_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, void *,
             uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_readv_blocks_ext,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, spdk_bdev_io_completion_cb, void *, struct spdk_bdev_ext_io_opts *));
FUNCTION(spdk_bdev_write, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *, uint64_t,
                              uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_write_blocks, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *,
                                     uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_write_blocks_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *, void *, uint64_t, uint64_t,
             spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_writev, int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *,
                               int, uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_writev_blocks,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_writev_blocks_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, void *,
             uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_writev_blocks_ext,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, spdk_bdev_io_completion_cb, void *, struct spdk_bdev_ext_io_opts *));
FUNCTION(spdk_bdev_compare_blocks, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *,
                                       uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_compare_blocks_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *, void *, uint64_t, uint64_t,
             spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_comparev_blocks,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_comparev_blocks_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, void *,
             uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_comparev_and_writev_blocks,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, struct iovec *,
             int, uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zcopy_start,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, bool, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zcopy_end, int(struct spdk_bdev_io *, bool, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_write_zeroes, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
                                     uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_write_zeroes_blocks,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t, uint64_t,
             spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_write_uncorrectable_blocks,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t, uint64_t,
             spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_unmap, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t, uint64_t,
                              spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_unmap_blocks, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
                                     uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_flush, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t, uint64_t,
                              spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_flush_blocks, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
                                     uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_reset, int(struct spdk_bdev_desc *, struct spdk_io_channel *,
                              spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_nvme_nssr, int(struct spdk_bdev_desc *, struct spdk_io_channel *,
                                  spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_abort, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *,
                              spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_nvme_admin_passthru,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, const struct spdk_nvme_cmd *,
             void *, size_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_nvme_io_passthru,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, const struct spdk_nvme_cmd *,
             void *, size_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_nvme_io_passthru_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, const struct spdk_nvme_cmd *,
             void *, size_t, void *, size_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_nvme_iov_passthru_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, const struct spdk_nvme_cmd *,
             struct iovec *, int, size_t, void *, size_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_copy_blocks, int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
                                    uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_free_io, void(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_queue_io_wait,
         int(struct spdk_bdev *, struct spdk_io_channel *, struct spdk_bdev_io_wait_entry *));
FUNCTION(spdk_bdev_get_io_stat, void(struct spdk_bdev *, struct spdk_io_channel *,
                                     struct spdk_bdev_io_stat *, enum spdk_bdev_reset_stat_mode));
FUNCTION(spdk_bdev_get_device_stat,
         void(struct spdk_bdev *, struct spdk_bdev_io_stat *, enum spdk_bdev_reset_stat_mode,
              spdk_bdev_get_device_stat_cb, void *));
FUNCTION(spdk_bdev_io_get_nvme_status, void(const struct spdk_bdev_io *, uint32_t *, int *, int *));
FUNCTION(spdk_bdev_io_get_nvme_fused_status,
         void(const struct spdk_bdev_io *, uint32_t *, int *, int *, int *, int *));
FUNCTION(spdk_bdev_io_get_scsi_status,
         void(const struct spdk_bdev_io *, int *, int *, int *, int *));
FUNCTION(spdk_bdev_io_get_aio_status, void(const struct spdk_bdev_io *, int *));
FUNCTION(spdk_bdev_io_get_iovec, void(struct spdk_bdev_io *, struct iovec **, int *));
FUNCTION(spdk_bdev_io_get_md_buf, void *(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_get_cb_arg, void *(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_get_seek_offset, uint64_t(const struct spdk_bdev_io *));
FUNCTION(spdk_bdev_get_memory_domains, int(struct spdk_bdev *, struct spdk_memory_domain **, int));
FUNCTION(spdk_bdev_get_memory_domain_types,
         int(struct spdk_bdev *, enum spdk_dma_device_type *, uint32_t));
FUNCTION(spdk_bdev_for_each_channel_continue, void(struct spdk_bdev_channel_iter *, int));
FUNCTION(spdk_bdev_for_each_channel, void(struct spdk_bdev *, spdk_bdev_for_each_channel_msg,
                                          void *, spdk_bdev_for_each_channel_done));
FUNCTION(spdk_bdev_get_nvme_ctratt, union spdk_bdev_nvme_ctratt(struct spdk_bdev *));
FUNCTION(spdk_bdev_get_nvme_nsid, uint32_t(struct spdk_bdev *));
FUNCTION(spdk_bdev_get_nvme_csi, enum spdk_nvme_csi(const struct spdk_bdev *));

TYPE(struct spdk_bdev_media_event);
FIELD(struct spdk_bdev_media_event, offset, uint64_t);
FIELD(struct spdk_bdev_media_event, num_blocks, uint64_t);
TYPE(spdk_bdev_remove_cb_t);
TYPE(spdk_bdev_event_cb_t);
TYPE(spdk_bdev_io_completion_cb);
TYPE(struct spdk_bdev_io_stat);
FIELD(struct spdk_bdev_io_stat, bytes_read, uint64_t);
FIELD(struct spdk_bdev_io_stat, num_read_ops, uint64_t);
FIELD(struct spdk_bdev_io_stat, bytes_written, uint64_t);
FIELD(struct spdk_bdev_io_stat, num_write_ops, uint64_t);
FIELD(struct spdk_bdev_io_stat, bytes_unmapped, uint64_t);
FIELD(struct spdk_bdev_io_stat, num_unmap_ops, uint64_t);
FIELD(struct spdk_bdev_io_stat, bytes_copied, uint64_t);
FIELD(struct spdk_bdev_io_stat, num_copy_ops, uint64_t);
FIELD(struct spdk_bdev_io_stat, read_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, max_read_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, min_read_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, write_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, max_write_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, min_write_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, unmap_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, max_unmap_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, min_unmap_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, copy_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, max_copy_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, min_copy_latency_ticks, uint64_t);
FIELD(struct spdk_bdev_io_stat, ticks_rate, uint64_t);
FIELD(struct spdk_bdev_io_stat, io_error, struct spdk_bdev_io_error_stat *);
TYPE(struct spdk_bdev_opts);
FIELD(struct spdk_bdev_opts, bdev_io_pool_size, uint32_t);
FIELD(struct spdk_bdev_opts, bdev_io_cache_size, uint32_t);
FIELD(struct spdk_bdev_opts, bdev_auto_examine, bool);
FIELD(struct spdk_bdev_opts, opts_size, size_t);
FIELD(struct spdk_bdev_opts, iobuf_small_cache_size, uint32_t);
FIELD(struct spdk_bdev_opts, iobuf_large_cache_size, uint32_t);
TYPE(union spdk_bdev_nvme_ctratt);
FIELD(union spdk_bdev_nvme_ctratt, raw, uint32_t);
TYPE(union spdk_bdev_nvme_cdw12);
FIELD(union spdk_bdev_nvme_cdw12, raw, uint32_t);
TYPE(union spdk_bdev_nvme_cdw13);
FIELD(union spdk_bdev_nvme_cdw13, raw, uint32_t);
TYPE(struct spdk_bdev_ext_io_opts);
FIELD(struct spdk_bdev_ext_io_opts, size, size_t);
FIELD(struct spdk_bdev_ext_io_opts, memory_domain, struct spdk_memory_domain *);
FIELD(struct spdk_bdev_ext_io_opts, memory_domain_ctx, void *);
FIELD(struct spdk_bdev_ext_io_opts, metadata, void *);
FIELD(struct spdk_bdev_ext_io_opts, accel_sequence, struct spdk_accel_sequence *);
FIELD(struct spdk_bdev_ext_io_opts, dif_check_flags_exclude_mask, uint32_t);
FIELD(struct spdk_bdev_ext_io_opts, nvme_cdw12, union spdk_bdev_nvme_cdw12);
FIELD(struct spdk_bdev_ext_io_opts, nvme_cdw13, union spdk_bdev_nvme_cdw13);
TYPE(spdk_bdev_wait_for_examine_cb);
TYPE(spdk_bdev_init_cb);
TYPE(spdk_bdev_fini_cb);
TYPE(spdk_bdev_get_device_stat_cb);
TYPE(struct spdk_bdev_open_opts);
FIELD(struct spdk_bdev_open_opts, size, size_t);
FIELD(struct spdk_bdev_open_opts, hide_metadata, bool);
TYPE(spdk_bdev_open_async_cb_t);
TYPE(struct spdk_bdev_open_async_opts);
FIELD(struct spdk_bdev_open_async_opts, size, size_t);
FIELD(struct spdk_bdev_open_async_opts, timeout_ms, uint64_t);
TYPE(spdk_for_each_bdev_fn);
TYPE(spdk_bdev_io_wait_cb);
TYPE(struct spdk_bdev_io_wait_entry);
FIELD(struct spdk_bdev_io_wait_entry, bdev, struct spdk_bdev *);
FIELD(struct spdk_bdev_io_wait_entry, cb_fn, spdk_bdev_io_wait_cb);
FIELD(struct spdk_bdev_io_wait_entry, cb_arg, void *);
FIELD(struct spdk_bdev_io_wait_entry, dep_unblock, bool);
FIELD(struct spdk_bdev_io_wait_entry, pad, uint8_t[7]);
TYPE(spdk_bdev_for_each_channel_msg);
TYPE(spdk_bdev_for_each_channel_done);

VALUE(SPDK_BDEV_EVENT_REMOVE);
VALUE(SPDK_BDEV_EVENT_RESIZE);
VALUE(SPDK_BDEV_EVENT_MEDIA_MANAGEMENT);
VALUE(SPDK_BDEV_STATUS_INVALID);
VALUE(SPDK_BDEV_STATUS_READY);
VALUE(SPDK_BDEV_STATUS_UNREGISTERING);
VALUE(SPDK_BDEV_STATUS_REMOVING);
VALUE(SPDK_BDEV_IO_TYPE_INVALID);
VALUE(SPDK_BDEV_IO_TYPE_READ);
VALUE(SPDK_BDEV_IO_TYPE_WRITE);
VALUE(SPDK_BDEV_IO_TYPE_UNMAP);
VALUE(SPDK_BDEV_IO_TYPE_FLUSH);
VALUE(SPDK_BDEV_IO_TYPE_RESET);
VALUE(SPDK_BDEV_IO_TYPE_NVME_ADMIN);
VALUE(SPDK_BDEV_IO_TYPE_NVME_IO);
VALUE(SPDK_BDEV_IO_TYPE_NVME_IO_MD);
VALUE(SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
VALUE(SPDK_BDEV_IO_TYPE_ZCOPY);
VALUE(SPDK_BDEV_IO_TYPE_GET_ZONE_INFO);
VALUE(SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT);
VALUE(SPDK_BDEV_IO_TYPE_ZONE_APPEND);
VALUE(SPDK_BDEV_IO_TYPE_COMPARE);
VALUE(SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
VALUE(SPDK_BDEV_IO_TYPE_ABORT);
VALUE(SPDK_BDEV_IO_TYPE_SEEK_HOLE);
VALUE(SPDK_BDEV_IO_TYPE_SEEK_DATA);
VALUE(SPDK_BDEV_IO_TYPE_COPY);
VALUE(SPDK_BDEV_IO_TYPE_NVME_IOV_MD);
VALUE(SPDK_BDEV_IO_TYPE_NVME_NSSR);
VALUE(SPDK_BDEV_IO_TYPE_WRITE_UNCORRECTABLE);
VALUE(SPDK_BDEV_NUM_IO_TYPES);
VALUE(SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT);
VALUE(SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT);
VALUE(SPDK_BDEV_QOS_R_BPS_RATE_LIMIT);
VALUE(SPDK_BDEV_QOS_W_BPS_RATE_LIMIT);
VALUE(SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES);
VALUE(SPDK_BDEV_RESET_STAT_ALL);
VALUE(SPDK_BDEV_RESET_STAT_MAXMIN);
VALUE(SPDK_BDEV_RESET_STAT_ERROR);
VALUE(SPDK_BDEV_RESET_STAT_NONE);

#if !defined(SPDK_BDEV_SMALL_BUF_MAX_SIZE) || !defined(SPDK_BDEV_LARGE_BUF_MAX_SIZE) || \
	!defined(SPDK_BDEV_MAX_INTERLEAVED_MD_SIZE) || !defined(SPDK_BDEV_BUF_SIZE_WITH_MD)
#error "a macro of spdk/bdev.h is missing"
#endif

/* spdk/bdev_module.h */

FUNCTION(spdk_bdev_claim_get_name, const char *(enum spdk_bdev_claim_type));
FUNCTION(spdk_bdev_claim_opts_init, void(struct spdk_bdev_claim_opts *, size_t));
FUNCTION(spdk_bdev_module_claim_bdev_desc,
         int(struct spdk_bdev_desc *, enum spdk_bdev_claim_type, struct spdk_bdev_claim_opts *,
             struct spdk_bdev_module *));
FUNCTION(spdk_bdev_module_claim_bdev,
         int(struct spdk_bdev *, struct spdk_bdev_desc *, struct spdk_bdev_module *));
FUNCTION(spdk_bdev_module_release_bdev, void(struct spdk_bdev *));
FUNCTION(spdk_bdev_register, int(struct spdk_bdev *));
FUNCTION(spdk_bdev_unregister, void(struct spdk_bdev *, spdk_bdev_unregister_cb, void *));
FUNCTION(spdk_bdev_unregister_by_name,
         int(const char *, struct spdk_bdev_module *, spdk_bdev_unregister_cb, void *));
FUNCTION(spdk_bdev_destruct_done, void(struct spdk_bdev *, int));
FUNCTION(spdk_bdev_module_examine_done, void(struct spdk_bdev_module *));
FUNCTION(spdk_bdev_module_init_done, void(struct spdk_bdev_module *));
FUNCTION(spdk_bdev_module_fini_done, void(void));
FUNCTION(spdk_bdev_module_fini_start_done, void(void));
FUNCTION(spdk_bdev_alias_add, int(struct spdk_bdev *, const char *));
FUNCTION(spdk_bdev_alias_del, int(struct spdk_bdev *, const char *));
FUNCTION(spdk_bdev_alias_del_all, void(struct spdk_bdev *));
FUNCTION(spdk_bdev_get_aliases, const struct spdk_bdev_aliases_list *(const struct spdk_bdev *));
FUNCTION(spdk_bdev_io_get_buf, void(struct spdk_bdev_io *, spdk_bdev_io_get_buf_cb, uint64_t));
FUNCTION(spdk_bdev_io_set_buf, void(struct spdk_bdev_io *, void *, size_t));
FUNCTION(spdk_bdev_io_set_md_buf, void(struct spdk_bdev_io *, void *, size_t));
FUNCTION(spdk_bdev_io_complete, void(struct spdk_bdev_io *, enum spdk_bdev_io_status));
FUNCTION(spdk_bdev_io_set_nvme_status,
         enum spdk_bdev_io_status(struct spdk_bdev_io *, uint32_t, int, int));
FUNCTION(spdk_bdev_io_complete_nvme_status, void(struct spdk_bdev_io *, uint32_t, int, int));
FUNCTION(spdk_bdev_io_set_scsi_status,
         enum spdk_bdev_io_status(struct spdk_bdev_io *, enum spdk_scsi_status,
                                  enum spdk_scsi_sense, uint8_t, uint8_t));
FUNCTION(spdk_bdev_io_complete_scsi_status, void(struct spdk_bdev_io *, enum spdk_scsi_status,
                                                 enum spdk_scsi_sense, uint8_t, uint8_t));
FUNCTION(spdk_bdev_io_set_aio_status, enum spdk_bdev_io_status(struct spdk_bdev_io *, int));
FUNCTION(spdk_bdev_io_complete_aio_status, void(struct spdk_bdev_io *, int));
FUNCTION(spdk_bdev_io_set_base_io_status,
         enum spdk_bdev_io_status(struct spdk_bdev_io *, const struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_complete_base_io_status,
         void(struct spdk_bdev_io *, const struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_get_thread, struct spdk_thread *(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_get_io_channel, struct spdk_io_channel *(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_io_get_submit_tsc, uint64_t(struct spdk_bdev_io *));
FUNCTION(spdk_bdev_notify_blockcnt_change, int(struct spdk_bdev *, uint64_t));
FUNCTION(spdk_scsi_nvme_translate, void(const struct spdk_bdev_io *, int *, int *, int *, int *));
FUNCTION(spdk_bdev_module_list_add, void(struct spdk_bdev_module *));
FUNCTION(spdk_bdev_module_list_find, struct spdk_bdev_module *(const char *));
FUNCTION(spdk_bdev_io_from_ctx, struct spdk_bdev_io *(void *));
FUNCTION(spdk_bdev_part_base_get_bdev, struct spdk_bdev *(struct spdk_bdev_part_base *));
FUNCTION(spdk_bdev_part_base_get_bdev_name, const char *(struct spdk_bdev_part_base *));
FUNCTION(spdk_bdev_part_base_get_desc, struct spdk_bdev_desc *(struct spdk_bdev_part_base *));
FUNCTION(spdk_bdev_part_base_get_tailq, struct bdev_part_tailq *(struct spdk_bdev_part_base *));
FUNCTION(spdk_bdev_part_base_get_ctx, void *(struct spdk_bdev_part_base *));
FUNCTION(spdk_bdev_part_base_free, void(struct spdk_bdev_part_base *));
FUNCTION(spdk_bdev_part_free, int(struct spdk_bdev_part *));
FUNCTION(spdk_bdev_part_base_hotremove,
         void(struct spdk_bdev_part_base *, struct bdev_part_tailq *));
FUNCTION(spdk_bdev_part_base_construct_ext,
         int(const char *, spdk_bdev_remove_cb_t, struct spdk_bdev_module *,
             struct spdk_bdev_fn_table *, struct bdev_part_tailq *, spdk_bdev_part_base_free_fn,
             void *, uint32_t, spdk_io_channel_create_cb, spdk_io_channel_destroy_cb,
             struct spdk_bdev_part_base **));
FUNCTION(spdk_bdev_part_construct_opts_init,
         void(struct spdk_bdev_part_construct_opts *, uint64_t));
FUNCTION(spdk_bdev_part_construct, int(struct spdk_bdev_part *, struct spdk_bdev_part_base *,
                                       char *, uint64_t, uint64_t, char *));
FUNCTION(spdk_bdev_part_construct_ext,
         int(struct spdk_bdev_part *, struct spdk_bdev_part_base *, char *, uint64_t, uint64_t,
             char *, const struct spdk_bdev_part_construct_opts *));
FUNCTION(spdk_bdev_part_submit_request,
         int(struct spdk_bdev_part_channel *, struct spdk_bdev_io *));
FUNCTION(spdk_bdev_part_submit_request_ext,
         int(struct spdk_bdev_part_channel *, struct spdk_bdev_io *, spdk_bdev_io_completion_cb));
FUNCTION(spdk_bdev_part_get_bdev, struct spdk_bdev *(struct spdk_bdev_part *));
FUNCTION(spdk_bdev_part_get_base, struct spdk_bdev_part_base *(struct spdk_bdev_part *));
FUNCTION(spdk_bdev_part_get_base_bdev, struct spdk_bdev *(struct spdk_bdev_part *));
FUNCTION(spdk_bdev_part_get_offset_blocks, uint64_t(struct spdk_bdev_part *));
FUNCTION(spdk_bdev_for_each_bdev_io,
         void(struct spdk_bdev *, void *, spdk_bdev_io_fn, spdk_bdev_for_each_io_cb));
FUNCTION(spdk_bdev_get_current_qd, void(struct spdk_bdev *, spdk_bdev_get_current_qd_cb, void *));
FUNCTION(spdk_bdev_add_io_stat, void(struct spdk_bdev_io_stat *, struct spdk_bdev_io_stat *));
FUNCTION(spdk_bdev_dump_io_stat_json,
         void(struct spdk_bdev_io_stat *, struct spdk_json_write_ctx *));
FUNCTION(spdk_bdev_reset_io_stat, void(struct spdk_bdev_io_stat *, enum spdk_bdev_reset_stat_mode));

TYPE(struct spdk_bdev_module);
FIELD(struct spdk_bdev_module, module_init, int (*)(void));
FIELD(struct spdk_bdev_module, init_complete, void (*)(void));
FIELD(struct spdk_bdev_module, fini_start, void (*)(void));
FIELD(struct spdk_bdev_module, module_fini, void (*)(void));
FIELD(struct spdk_bdev_module, config_json, int (*)(struct spdk_json_write_ctx *));
FIELD(struct spdk_bdev_module, name, const char *);
FIELD(struct spdk_bdev_module, get_ctx_size, int (*)(void));
FIELD(struct spdk_bdev_module, examine_config, void (*)(struct spdk_bdev *));
FIELD(struct spdk_bdev_module, examine_disk, void (*)(struct spdk_bdev *));
FIELD(struct spdk_bdev_module, async_init, bool);
FIELD(struct spdk_bdev_module, async_fini, bool);
FIELD(struct spdk_bdev_module, async_fini_start, bool);
MEMBER(struct spdk_bdev_module, internal);
TYPE(struct spdk_bdev_claim_opts);
FIELD(struct spdk_bdev_claim_opts, opts_size, size_t);
FIELD(struct spdk_bdev_claim_opts, name, char[32]);
FIELD(struct spdk_bdev_claim_opts, shared_claim_key, uint64_t);
TYPE(spdk_bdev_unregister_cb);
TYPE(struct spdk_bdev_fn_table);
FIELD(struct spdk_bdev_fn_table, destruct, int (*)(void *));
FIELD(struct spdk_bdev_fn_table, submit_request,
      void (*)(struct spdk_io_channel *, struct spdk_bdev_io *));
FIELD(struct spdk_bdev_fn_table, io_type_supported, bool (*)(void *, enum spdk_bdev_io_type));
FIELD(struct spdk_bdev_fn_table, get_io_channel, struct spdk_io_channel *(*)(void *));
FIELD(struct spdk_bdev_fn_table, dump_info_json, int (*)(void *, struct spdk_json_write_ctx *));
FIELD(struct spdk_bdev_fn_table, write_config_json,
      void (*)(struct spdk_bdev *, struct spdk_json_write_ctx *));
FIELD(struct spdk_bdev_fn_table, get_spin_time, uint64_t (*)(struct spdk_io_channel *));
FIELD(struct spdk_bdev_fn_table, get_module_ctx, void *(*)(void *));
FIELD(struct spdk_bdev_fn_table, get_memory_domains,
      int (*)(void *, struct spdk_memory_domain **, int));
FIELD(struct spdk_bdev_fn_table, get_memory_domain_types,
      int (*)(void *, enum spdk_dma_device_type *, uint32_t));
FIELD(struct spdk_bdev_fn_table, reset_device_stat, void (*)(void *));
FIELD(struct spdk_bdev_fn_table, dump_device_stat_json,
      void (*)(void *, struct spdk_json_write_ctx *));
FIELD(struct spdk_bdev_fn_table, accel_sequence_supported,
      bool (*)(void *, enum spdk_bdev_io_type));
TYPE(spdk_bdev_io_status_t);
TYPE(struct spdk_bdev_name);
FIELD(struct spdk_bdev_name, name, char *);
FIELD(struct spdk_bdev_name, bdev, struct spdk_bdev *);
TYPE(struct spdk_bdev_alias);
FIELD(struct spdk_bdev_alias, alias, struct spdk_bdev_name);
TYPE(struct spdk_bdev_module_claim);
FIELD(struct spdk_bdev_module_claim, module, struct spdk_bdev_module *);
FIELD(struct spdk_bdev_module_claim, desc, struct spdk_bdev_desc *);
FIELD(struct spdk_bdev_module_claim, name, char[32]);
TYPE(bdev_io_tailq_t);
TYPE(bdev_io_stailq_t);
TYPE(struct spdk_bdev);
FIELD(struct spdk_bdev, ctxt, void *);
FIELD(struct spdk_bdev, name, char *);
MEMBER(struct spdk_bdev, aliases);
FIELD(struct spdk_bdev, product_name, char *);
FIELD(struct spdk_bdev, write_cache, int);
FIELD(struct spdk_bdev, blocklen, uint32_t);
FIELD(struct spdk_bdev, phys_blocklen, uint32_t);
FIELD(struct spdk_bdev, io_type_supported, uint32_t);
FIELD(struct spdk_bdev, blockcnt, uint64_t);
FIELD(struct spdk_bdev, write_unit_size, uint32_t);
FIELD(struct spdk_bdev, acwu, uint16_t);
FIELD(struct spdk_bdev, required_alignment, uint8_t);
FIELD(struct spdk_bdev, optimal_io_boundary, uint32_t);
FIELD(struct spdk_bdev, preferred_write_alignment, uint32_t);
FIELD(struct spdk_bdev, preferred_write_granularity, uint32_t);
FIELD(struct spdk_bdev, optimal_write_size, uint32_t);
FIELD(struct spdk_bdev, preferred_unmap_alignment, uint32_t);
FIELD(struct spdk_bdev, preferred_unmap_granularity, uint32_t);
FIELD(struct spdk_bdev, max_segment_size, uint32_t);
FIELD(struct spdk_bdev, max_num_segments, uint32_t);
FIELD(struct spdk_bdev, max_unmap, uint32_t);
FIELD(struct spdk_bdev, max_unmap_segments, uint32_t);
FIELD(struct spdk_bdev, max_write_zeroes, uint32_t);
FIELD(struct spdk_bdev, max_copy, uint32_t);
FIELD(struct spdk_bdev, max_rw_size, uint32_t);
FIELD(struct spdk_bdev, uuid, struct spdk_uuid);
FIELD(struct spdk_bdev, md_len, uint32_t);
FIELD(struct spdk_bdev, dif_type, enum spdk_dif_type);
FIELD(struct spdk_bdev, dif_pi_format, enum spdk_dif_pi_format);
FIELD(struct spdk_bdev, dif_check_flags, uint32_t);
FIELD(struct spdk_bdev, zone_size, uint64_t);
FIELD(struct spdk_bdev, max_zone_append_size, uint32_t);
FIELD(struct spdk_bdev, max_open_zones, uint32_t);
FIELD(struct spdk_bdev, max_active_zones, uint32_t);
FIELD(struct spdk_bdev, optimal_open_zones, uint32_t);
FIELD(struct spdk_bdev, ctratt, union spdk_bdev_nvme_ctratt);
FIELD(struct spdk_bdev, nsid, uint32_t);
FIELD(struct spdk_bdev, csi, enum spdk_nvme_csi);
FIELD(struct spdk_bdev, reset_io_drain_timeout, uint16_t);
FIELD(struct spdk_bdev, accel_sequence_supported, uint32_t);
FIELD(struct spdk_bdev, module, struct spdk_bdev_module *);
FIELD(struct spdk_bdev, fn_table, const struct spdk_bdev_fn_table *);
MEMBER(struct spdk_bdev, internal);
TYPE(spdk_bdev_io_get_buf_cb);
TYPE(struct spdk_bdev_io_block_params);
FIELD(struct spdk_bdev_io_block_params, iovs, struct iovec *);
FIELD(struct spdk_bdev_io_block_params, iovcnt, int);
FIELD(struct spdk_bdev_io_block_params, num_blocks, uint64_t);
FIELD(struct spdk_bdev_io_block_params, offset_blocks, uint64_t);
FIELD(struct spdk_bdev_io_block_params, memory_domain, struct spdk_memory_domain *);
FIELD(struct spdk_bdev_io_block_params, memory_domain_ctx, void *);
FIELD(struct spdk_bdev_io_block_params, accel_sequence, struct spdk_accel_sequence *);
FIELD(struct spdk_bdev_io_block_params, md_buf, void *);
FIELD(struct spdk_bdev_io_block_params, fused_iovs, struct iovec *);
FIELD(struct spdk_bdev_io_block_params, fused_iovcnt, int);
FIELD(struct spdk_bdev_io_block_params, dif_check_flags, uint32_t);
FIELD(struct spdk_bdev_io_block_params, nvme_cdw12, union spdk_bdev_nvme_cdw12);
FIELD(struct spdk_bdev_io_block_params, nvme_cdw13, union spdk_bdev_nvme_cdw13);
TYPE(struct spdk_bdev_io_reset_params);
FIELD(struct spdk_bdev_io_reset_params, ch_ref, struct spdk_io_channel *);
TYPE(struct spdk_bdev_io_abort_params);
FIELD(struct spdk_bdev_io_abort_params, bio_to_abort, struct spdk_bdev_io *);
TYPE(struct spdk_bdev_io_nvme_passthru_params);
FIELD(struct spdk_bdev_io_nvme_passthru_params, cmd, struct spdk_nvme_cmd);
FIELD(struct spdk_bdev_io_nvme_passthru_params, iovs, struct iovec *);
FIELD(struct spdk_bdev_io_nvme_passthru_params, iovcnt, int);
FIELD(struct spdk_bdev_io_nvme_passthru_params, buf, void *);
FIELD(struct spdk_bdev_io_nvme_passthru_params, nbytes, size_t);
FIELD(struct spdk_bdev_io_nvme_passthru_params, md_buf, void *);
FIELD(struct spdk_bdev_io_nvme_passthru_params, md_len, size_t);
TYPE(struct spdk_bdev_io_zone_mgmt_params);
FIELD(struct spdk_bdev_io_zone_mgmt_params, zone_id, uint64_t);
FIELD(struct spdk_bdev_io_zone_mgmt_params, num_zones, uint32_t);
FIELD(struct spdk_bdev_io_zone_mgmt_params, zone_action, enum spdk_bdev_zone_action);
FIELD(struct spdk_bdev_io_zone_mgmt_params, buf, void *);
TYPE(struct spdk_bdev_io);
FIELD(struct spdk_bdev_io, bdev, struct spdk_bdev *);
FIELD(struct spdk_bdev_io, type, uint8_t);
FIELD(struct spdk_bdev_io, num_retries, uint16_t);
FIELD(struct spdk_bdev_io, iov, struct iovec);
FIELD(struct spdk_bdev_io, child_iov, struct iovec[32]);
MEMBER(struct spdk_bdev_io, driver_ctx);
TYPE(spdk_bdev_part_base_free_fn);
TYPE(struct spdk_bdev_part);
MEMBER(struct spdk_bdev_part, internal);
TYPE(struct spdk_bdev_part_channel);
FIELD(struct spdk_bdev_part_channel, part, struct spdk_bdev_part *);
FIELD(struct spdk_bdev_part_channel, base_ch, struct spdk_io_channel *);
TYPE(struct bdev_part_tailq);
FIELD(struct bdev_part_tailq, tqh_first, struct spdk_bdev_part *);
FIELD(struct bdev_part_tailq, tqh_last, struct spdk_bdev_part **);
TYPE(SPDK_BDEV_PART_TAILQ);
TYPE(struct spdk_bdev_part_construct_opts);
FIELD(struct spdk_bdev_part_construct_opts, opts_size, uint64_t);
FIELD(struct spdk_bdev_part_construct_opts, uuid, struct spdk_uuid);
TYPE(spdk_bdev_io_fn);
TYPE(spdk_bdev_for_each_io_cb);
TYPE(spdk_bdev_get_current_qd_cb);

VALUE(SPDK_BDEV_CLAIM_NONE);
VALUE(SPDK_BDEV_CLAIM_EXCL_WRITE);
VALUE(SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE);
VALUE(SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE);
VALUE(SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED);
VALUE(SPDK_BDEV_IO_STATUS_AIO_ERROR);
VALUE(SPDK_BDEV_IO_STATUS_ABORTED);
VALUE(SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED);
VALUE(SPDK_BDEV_IO_STATUS_MISCOMPARE);
VALUE(SPDK_BDEV_IO_STATUS_NOMEM);
VALUE(SPDK_BDEV_IO_STATUS_SCSI_ERROR);
VALUE(SPDK_BDEV_IO_STATUS_NVME_ERROR);
VALUE(SPDK_BDEV_IO_STATUS_FAILED);
VALUE(SPDK_BDEV_IO_STATUS_PENDING);
VALUE(SPDK_BDEV_IO_STATUS_SUCCESS);
VALUE(SPDK_MIN_BDEV_IO_STATUS);

#if !defined(SPDK_BDEV_CLAIM_NAME_LEN) || !defined(SPDK_BDEV_RESET_IO_DRAIN_RECOMMENDED_VALUE) || \
	!defined(SPDK_BDEV_IO_NUM_CHILD_IOV) || !defined(SPDK_BDEV_MODULE_REGISTER)
#error "a macro of spdk/bdev_module.h is missing"
#endif

/* spdk/bdev_zone.h */

FUNCTION(spdk_bdev_get_zone_size, uint64_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_num_zones, uint64_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_zone_id, uint64_t(const struct spdk_bdev *, uint64_t));
FUNCTION(spdk_bdev_get_max_zone_append_size, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_max_open_zones, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_max_active_zones, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_optimal_open_zones, uint32_t(const struct spdk_bdev *));
FUNCTION(spdk_bdev_get_zone_info,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t, size_t,
             struct spdk_bdev_zone_info *, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zone_management,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, uint64_t,
             enum spdk_bdev_zone_action, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zone_append, int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *,
                                    uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zone_appendv,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, uint64_t,
             uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zone_append_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, void *, void *, uint64_t, uint64_t,
             spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_zone_appendv_with_md,
         int(struct spdk_bdev_desc *, struct spdk_io_channel *, struct iovec *, int, void *,
             uint64_t, uint64_t, spdk_bdev_io_completion_cb, void *));
FUNCTION(spdk_bdev_io_get_append_location, uint64_t(struct spdk_bdev_io *));

TYPE(struct spdk_bdev_zone_info);
FIELD(struct spdk_bdev_zone_info, zone_id, uint64_t);
FIELD(struct spdk_bdev_zone_info, write_pointer, uint64_t);
FIELD(struct spdk_bdev_zone_info, capacity, uint64_t);
FIELD(struct spdk_bdev_zone_info, state, enum spdk_bdev_zone_state);
FIELD(struct spdk_bdev_zone_info, type, enum spdk_bdev_zone_type);

VALUE(SPDK_BDEV_ZONE_TYPE_CNV);
VALUE(SPDK_BDEV_ZONE_TYPE_SEQWR);
VALUE(SPDK_BDEV_ZONE_TYPE_SEQWP);
VALUE(SPDK_BDEV_ZONE_CLOSE);
VALUE(SPDK_BDEV_ZONE_FINISH);
VALUE(SPDK_BDEV_ZONE_OPEN);
VALUE(SPDK_BDEV_ZONE_RESET);
VALUE(SPDK_BDEV_ZONE_OFFLINE);
VALUE(SPDK_BDEV_ZONE_STATE_EMPTY);
VALUE(SPDK_BDEV_ZONE_STATE_IMP_OPEN);
VALUE(SPDK_BDEV_ZONE_STATE_OPEN);
VALUE(SPDK_BDEV_ZONE_STATE_FULL);
VALUE(SPDK_BDEV_ZONE_STATE_CLOSED);
VALUE(SPDK_BDEV_ZONE_STATE_READ_ONLY);
VALUE(SPDK_BDEV_ZONE_STATE_OFFLINE);
VALUE(SPDK_BDEV_ZONE_STATE_EXP_OPEN);
VALUE(SPDK_BDEV_ZONE_STATE_NOT_WP);
