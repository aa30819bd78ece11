/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Block devices that complete everything and keep nothing: what a read returns is whatever the
 * buffer held. */

#ifndef CAL_DRIVERS_NULL_H
#define CAL_DRIVERS_NULL_H

#include "spdk/bdev_module.h"

extern struct spdk_bdev_module null_module;

struct null_params {
	char *name;
	struct spdk_uuid uuid;
	uint64_t num_blocks;
	uint32_t block_size; /* bytes, with interleaved metadata */
	uint32_t physical_block_size;
	uint32_t md_size; /* bytes, interleaved */
	uint32_t dif_type;
	bool dif_is_head_of_md;
	uint32_t dif_pi_format;
	uint32_t preferred_write_alignment; /* blocks, like the following */
	uint32_t preferred_write_granularity;
	uint32_t optimal_write_size;
	uint32_t preferred_unmap_alignment;
	uint32_t preferred_unmap_granularity;
};

/** Create and register one. App thread. Returns 0, -EINVAL, -EEXIST, -ENOMEM; *bdev is set on 0. */
int null_create(const struct null_params *params, struct spdk_bdev **bdev);

/** Make it larger or smaller, in MiB. App thread. Returns 0, -ENODEV, -EBUSY (smaller, but open),
 *  -EINVAL. */
int null_resize(const char *name, uint64_t new_size_mib);

#endif
