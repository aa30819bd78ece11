/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Zoned block devices: what a device says of its zones. Names and values are SPDK's. Any thread. */

#ifndef SPDK_BDEV_ZONE_H
#define SPDK_BDEV_ZONE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spdk_bdev_zone_type {
	SPDK_BDEV_ZONE_TYPE_CNV = 0x1,
	SPDK_BDEV_ZONE_TYPE_SEQWR = 0x2,
	SPDK_BDEV_ZONE_TYPE_SEQWP = 0x3,
};

enum spdk_bdev_zone_action {
	SPDK_BDEV_ZONE_CLOSE,
	SPDK_BDEV_ZONE_FINISH,
	SPDK_BDEV_ZONE_OPEN,
	SPDK_BDEV_ZONE_RESET,
	SPDK_BDEV_ZONE_OFFLINE,
};

enum spdk_bdev_zone_state {
	SPDK_BDEV_ZONE_STATE_EMPTY = 0x0,
	SPDK_BDEV_ZONE_STATE_IMP_OPEN = 0x1,
	/* the name from before explicit opening was told apart */
	SPDK_BDEV_ZONE_STATE_OPEN = SPDK_BDEV_ZONE_STATE_IMP_OPEN,
	SPDK_BDEV_ZONE_STATE_FULL = 0x2,
	SPDK_BDEV_ZONE_STATE_CLOSED = 0x3,
	SPDK_BDEV_ZONE_STATE_READ_ONLY = 0x4,
	SPDK_BDEV_ZONE_STATE_OFFLINE = 0x5,
	SPDK_BDEV_ZONE_STATE_EXP_OPEN = 0x6,
	SPDK_BDEV_ZONE_STATE_NOT_WP = 0x7,
};

struct spdk_bdev_zone_info {
	uint64_t zone_id;
	uint64_t write_pointer;
	uint64_t capacity;
	enum spdk_bdev_zone_state state;
	enum spdk_bdev_zone_type type;
};

/** Sizes are in blocks. All are 0 for a device that is not zoned. */
uint64_t spdk_bdev_get_zone_size(const struct spdk_bdev *bdev);
uint64_t spdk_bdev_get_num_zones(const struct spdk_bdev *bdev);
/** First block of the zone that `offset_blocks` lies in; `offset_blocks` for a device not zoned. */
uint64_t spdk_bdev_get_zone_id(const struct spdk_bdev *bdev, uint64_t offset_blocks);
uint32_t spdk_bdev_get_max_zone_append_size(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_max_open_zones(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_max_active_zones(const struct spdk_bdev *bdev);
uint32_t spdk_bdev_get_optimal_open_zones(const struct spdk_bdev *bdev);

/* I/O on zones: submitted and ended like other I/O (spdk/bdev.h); -ENOTSUP on a device that cannot.
 * A zone is named by its first block. */
int spdk_bdev_get_zone_info(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                            uint64_t zone_id, size_t num_zones, struct spdk_bdev_zone_info *info,
                            spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_management(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                              uint64_t zone_id, enum spdk_bdev_zone_action action,
                              spdk_bdev_io_completion_cb cb, void *cb_arg);
/** Write at the zone's write pointer; in the callback spdk_bdev_io_get_append_location() says at
 *  which block that was. */
int spdk_bdev_zone_append(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, void *buf,
                          uint64_t zone_id, uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                          void *cb_arg);
int spdk_bdev_zone_appendv(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                           struct iovec *iov, int iovcnt, uint64_t zone_id, uint64_t num_blocks,
                           spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_append_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                  void *buf, void *md, uint64_t zone_id, uint64_t num_blocks,
                                  spdk_bdev_io_completion_cb cb, void *cb_arg);
int spdk_bdev_zone_appendv_with_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
                                   struct iovec *iov, int iovcnt, void *md, uint64_t zone_id,
                                   uint64_t num_blocks, spdk_bdev_io_completion_cb cb,
                                   void *cb_arg);
uint64_t spdk_bdev_io_get_append_location(struct spdk_bdev_io *bdev_io);

#ifdef __cplusplus
}
#endif
#endif
