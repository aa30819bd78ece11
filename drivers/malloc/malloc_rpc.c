/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* bdev_malloc_create, bdev_malloc_delete: parameters and errors are SPDK's, as observed on v26.05.
 */

#include "core/bdev/module_rpc.h"
#include "drivers/malloc/malloc.h"
#include "spdk/env.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

static const struct spdk_json_object_decoder create_decoders[] = {
	{ "name", offsetof(struct malloc_params, name), spdk_json_decode_string, true },
	{ "uuid", offsetof(struct malloc_params, uuid), spdk_json_decode_uuid, true },
	{ "num_blocks", offsetof(struct malloc_params, num_blocks), spdk_json_decode_uint64 },
	{ "block_size", offsetof(struct malloc_params, block_size), spdk_json_decode_uint32 },
	{ "physical_block_size", offsetof(struct malloc_params, physical_block_size),
	  spdk_json_decode_uint32, true },
	{ "optimal_io_boundary", offsetof(struct malloc_params, optimal_io_boundary),
	  spdk_json_decode_uint32, true },
	{ "md_size", offsetof(struct malloc_params, md_size), spdk_json_decode_uint32, true },
	{ "md_interleave", offsetof(struct malloc_params, md_interleave), spdk_json_decode_bool,
	  true },
	{ "dif_type", offsetof(struct malloc_params, dif_type), spdk_json_decode_uint32, true },
	{ "dif_is_head_of_md", offsetof(struct malloc_params, dif_is_head_of_md),
	  spdk_json_decode_bool, true },
	{ "dif_pi_format", offsetof(struct malloc_params, dif_pi_format), spdk_json_decode_uint32,
	  true },
	{ "numa_id", offsetof(struct malloc_params, numa_id), spdk_json_decode_int32, true },
};

static void
bdev_malloc_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct malloc_params p = { .numa_id = SPDK_ENV_NUMA_ID_ANY };
	struct spdk_bdev *bdev;
	int rc;

	if (spdk_json_decode_object(params, create_decoders, SPDK_COUNTOF(create_decoders), &p) !=
	    0) {
		bdev_rpc_decode_failed(request);
	} else if ((rc = malloc_create(&p, &bdev)) == -ENOMEM) {
		spdk_jsonrpc_send_error_response_fmt(
			request, rc,
			"%s: the device needs %" PRIu64
			" MB of the primary's memory, and there is not so much free",
			spdk_strerror(ENOMEM), malloc_megabytes(&p));
	} else if (rc != 0) {
		bdev_rpc_failed(request, rc);
	} else {
		bdev_rpc_created(request, spdk_bdev_get_name(bdev));
	}
	free(p.name);
}
SPDK_RPC_REGISTER("bdev_malloc_create", bdev_malloc_create, SPDK_RPC_RUNTIME)

static void
bdev_malloc_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	bdev_rpc_delete(request, params, &malloc_module);
}
SPDK_RPC_REGISTER("bdev_malloc_delete", bdev_malloc_delete, SPDK_RPC_RUNTIME)
