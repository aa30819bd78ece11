/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* bdev_null_create, bdev_null_delete, bdev_null_resize: parameters and errors are SPDK's, as
 * observed on v26.05. */

#include "core/bdev/module_rpc.h"
#include "drivers/null/null.h"
#include "spdk/rpc.h"
#include "spdk/util.h"

#define OPTIONAL_U32(member)                                                                 \
	{                                                                                    \
#member, offsetof(struct null_params, member), spdk_json_decode_uint32, true \
	}

static const struct spdk_json_object_decoder create_decoders[] = {
	{ "name", offsetof(struct null_params, name), spdk_json_decode_string },
	{ "uuid", offsetof(struct null_params, uuid), spdk_json_decode_uuid, true },
	{ "num_blocks", offsetof(struct null_params, num_blocks), spdk_json_decode_uint64 },
	{ "block_size", offsetof(struct null_params, block_size), spdk_json_decode_uint32 },
	OPTIONAL_U32(physical_block_size),
	OPTIONAL_U32(md_size),
	OPTIONAL_U32(dif_type),
	{ "dif_is_head_of_md", offsetof(struct null_params, dif_is_head_of_md),
	  spdk_json_decode_bool, true },
	OPTIONAL_U32(dif_pi_format),
	OPTIONAL_U32(preferred_write_alignment),
	OPTIONAL_U32(preferred_write_granularity),
	OPTIONAL_U32(optimal_write_size),
	OPTIONAL_U32(preferred_unmap_alignment),
	OPTIONAL_U32(preferred_unmap_granularity),
};

static void
bdev_null_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct null_params p = { 0 };
	struct spdk_bdev *bdev;
	int rc;

	if (spdk_json_decode_object(params, create_decoders, SPDK_COUNTOF(create_decoders), &p) !=
	    0) {
		bdev_rpc_decode_failed(request);
	} else if ((rc = null_create(&p, &bdev)) != 0) {
		bdev_rpc_failed(request, rc);
	} else {
		bdev_rpc_created(request, spdk_bdev_get_name(bdev));
	}
	free(p.name);
}
SPDK_RPC_REGISTER("bdev_null_create", bdev_null_create, SPDK_RPC_RUNTIME)

static void
bdev_null_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	bdev_rpc_delete(request, params, &null_module);
}
SPDK_RPC_REGISTER("bdev_null_delete", bdev_null_delete, SPDK_RPC_RUNTIME)

struct resize_params {
	char *name;
	uint64_t new_size;
};

static const struct spdk_json_object_decoder resize_decoders[] = {
	{ "name", offsetof(struct resize_params, name), spdk_json_decode_string },
	{ "new_size", offsetof(struct resize_params, new_size), spdk_json_decode_uint64 },
};

static void
bdev_null_resize(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct resize_params p = { 0 };
	int rc;

	if (spdk_json_decode_object(params, resize_decoders, SPDK_COUNTOF(resize_decoders), &p) !=
	    0) {
		bdev_rpc_decode_failed(request);
	} else if ((rc = null_resize(p.name, p.new_size)) != 0) {
		bdev_rpc_failed(request, rc);
	} else {
		spdk_jsonrpc_send_bool_response(request, true);
	}
	free(p.name);
}
SPDK_RPC_REGISTER("bdev_null_resize", bdev_null_resize, SPDK_RPC_RUNTIME)
