/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/bdev/module_rpc.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

void
bdev_rpc_decode_failed(struct spdk_jsonrpc_request *request)
{
	spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	                                 "spdk_json_decode_object failed");
}

void
bdev_rpc_failed(struct spdk_jsonrpc_request *request, int rc)
{
	spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
}

void
bdev_rpc_created(struct spdk_jsonrpc_request *request, const char *name)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_string(w, name);
	spdk_jsonrpc_end_result(request, w);
}

static void
deleted(void *ctx, int rc)
{
	struct spdk_jsonrpc_request *request = ctx;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		bdev_rpc_failed(request, rc);
	}
}

void
bdev_rpc_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                struct spdk_bdev_module *module)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "name", 0, spdk_json_decode_string },
	};
	char *name = NULL;
	int rc;

	if (spdk_json_decode_object(params, decoders, SPDK_COUNTOF(decoders), &name) != 0) {
		bdev_rpc_decode_failed(request);
	} else {
		rc = spdk_bdev_unregister_by_name(name, module, deleted, request);
		if (rc != 0) {
			bdev_rpc_failed(request, rc);
		}
	}
	free(name);
}

int
bdev_check_format(const char *name, uint64_t num_blocks, uint32_t block_size,
                  uint32_t physical_block_size, uint32_t md_size, uint32_t dif_type)
{
	if (num_blocks == 0) {
		SPDK_ERRLOG("bdev %s: num_blocks is 0: it takes the number of blocks, from 1\n",
		            name);
	} else if (block_size == 0 || block_size % BDEV_MIN_BLOCK_SIZE != 0) {
		SPDK_ERRLOG("bdev %s: block_size %u is no multiple of %u\n", name, block_size,
		            BDEV_MIN_BLOCK_SIZE);
	} else if (physical_block_size % BDEV_MIN_BLOCK_SIZE != 0) {
		SPDK_ERRLOG("bdev %s: physical_block_size %u is no multiple of %u\n", name,
		            physical_block_size, BDEV_MIN_BLOCK_SIZE);
	} else if (md_size > 128 || (md_size & (md_size - 1)) != 0 ||
	           (md_size != 0 && md_size < 8)) {
		SPDK_ERRLOG("bdev %s: md_size %u: 0, 8, 16, 32, 64 and 128 can be had\n", name,
		            md_size);
	} else if (dif_type != 0) {
		SPDK_ERRLOG("bdev %s: dif_type %u: protection information is not computed in this "
		            "version, use 0\n",
		            name, dif_type);
	} else if (num_blocks > UINT64_MAX / ((uint64_t)block_size + md_size)) {
		SPDK_ERRLOG("bdev %s: %" PRIu64
		            " blocks of %u bytes are more than can be addressed\n",
		            name, num_blocks, block_size);
	} else {
		return 0;
	}
	return -EINVAL;
}
