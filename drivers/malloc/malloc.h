/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Block devices in the primary's DMA memory. */

#ifndef CAL_DRIVERS_MALLOC_H
#define CAL_DRIVERS_MALLOC_H

#include "spdk/bdev_module.h"

extern struct spdk_bdev_module malloc_module;

struct malloc_params {
	char *name; /* NULL: "Malloc0", "Malloc1", … */
	struct spdk_uuid uuid;
	uint64_t num_blocks;
	uint32_t block_size; /* bytes of data */
	uint32_t physical_block_size;
	uint32_t optimal_io_boundary; /* blocks */
	uint32_t md_size;
	bool md_interleave;
	uint32_t dif_type;
	bool dif_is_head_of_md;
	uint32_t dif_pi_format;
	int32_t numa_id;
};

/** Create and register one. App thread. Returns 0, -EINVAL, -EEXIST, -ENOMEM; *bdev is set on 0. */
int malloc_create(const struct malloc_params *params, struct spdk_bdev **bdev);

/** What such a device takes, for messages. */
uint64_t malloc_megabytes(const struct malloc_params *params);

#endif
