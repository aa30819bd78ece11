/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the RPC methods of the drivers have in common. App thread. */

#ifndef CAL_BDEV_MODULE_RPC_H
#define CAL_BDEV_MODULE_RPC_H

#include "spdk/bdev_module.h"
#include "spdk/rpc.h"

#define BDEV_MIN_BLOCK_SIZE 512

/** Answer with a decode error, the way SPDK's block methods do. */
void bdev_rpc_decode_failed(struct spdk_jsonrpc_request *request);

/** Answer with a negative errno and its text. */
void bdev_rpc_failed(struct spdk_jsonrpc_request *request, int rc);

/** Answer a create method with the device's name. */
void bdev_rpc_created(struct spdk_jsonrpc_request *request, const char *name);

/** The whole of a delete method: {name} of a device of `module`; true when it is gone, -ENODEV when
 *  there is none or it is another module's. */
void bdev_rpc_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                     struct spdk_bdev_module *module);

/** Block sizes and metadata that every memory-like device accepts. Returns 0 or -EINVAL, with one
 *  log line that names the device and the parameter. */
int bdev_check_format(const char *name, uint64_t num_blocks, uint32_t block_size,
                      uint32_t physical_block_size, uint32_t md_size, uint32_t dif_type);

#endif
