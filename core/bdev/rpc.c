/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* bdev_set_options, bdev_get_bdevs, bdev_examine, bdev_wait_for_examine. Parameters, results and
 * error codes are SPDK's, as observed on v26.05. */

#include "bdev_internal.h"
#include "core/rpc/rpc_server.h"
#include "core/rpc/rpc_walk.h"
#include "spdk/rpc.h"
#include "spdk/string.h"

#define DECODE_FAILED "spdk_json_decode_object failed"

/* --- bdev_set_options ------------------------------------------------------------------------- */

static const struct spdk_json_object_decoder set_options_decoders[] = {
	{ "bdev_io_pool_size", offsetof(struct spdk_bdev_opts, bdev_io_pool_size),
	  spdk_json_decode_uint32, true },
	{ "bdev_io_cache_size", offsetof(struct spdk_bdev_opts, bdev_io_cache_size),
	  spdk_json_decode_uint32, true },
	{ "bdev_auto_examine", offsetof(struct spdk_bdev_opts, bdev_auto_examine),
	  spdk_json_decode_bool, true },
	{ "iobuf_small_cache_size", offsetof(struct spdk_bdev_opts, iobuf_small_cache_size),
	  spdk_json_decode_uint32, true },
	{ "iobuf_large_cache_size", offsetof(struct spdk_bdev_opts, iobuf_large_cache_size),
	  spdk_json_decode_uint32, true },
};

static void
rpc_bdev_set_options(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_bdev_opts opts;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	if (params != NULL && spdk_json_decode_object(params, set_options_decoders,
	                                              SPDK_COUNTOF(set_options_decoders), &opts)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	if (spdk_bdev_set_opts(&opts) != 0) {
		spdk_jsonrpc_send_error_response_fmt(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Pool size %" PRIu32 " too small for cache size %" PRIu32,
			opts.bdev_io_pool_size, opts.bdev_io_cache_size);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("bdev_set_options", rpc_bdev_set_options, SPDK_RPC_STARTUP)

/* --- bdev_get_bdevs --------------------------------------------------------------------------- */

static void
dump_sizes(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	spdk_json_write_named_uint32(w, "block_size", spdk_bdev_get_data_block_size(bdev));
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	spdk_json_write_named_uint32(w, "preferred_write_alignment",
	                             bdev->preferred_write_alignment);
	spdk_json_write_named_uint32(w, "preferred_write_granularity",
	                             bdev->preferred_write_granularity);
	spdk_json_write_named_uint32(w, "optimal_write_size", bdev->optimal_write_size);
	spdk_json_write_named_uint32(w, "preferred_unmap_alignment",
	                             bdev->preferred_unmap_alignment);
	spdk_json_write_named_uint32(w, "preferred_unmap_granularity",
	                             bdev->preferred_unmap_granularity);
}

static void
dump_protection(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	if (bdev->md_len == 0) {
		return;
	}
	spdk_json_write_named_uint32(w, "md_size", bdev->md_len);
	spdk_json_write_named_bool(w, "md_interleave", bdev->md_interleave);
	spdk_json_write_named_uint32(w, "dif_type", bdev->dif_type);
	if (bdev->dif_type == SPDK_DIF_DISABLE) {
		return;
	}
	spdk_json_write_named_bool(w, "dif_is_head_of_md", bdev->dif_is_head_of_md);
	spdk_json_write_named_object_begin(w, "enabled_dif_check_types");
	spdk_json_write_named_bool(
		w, "reftag", spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_REFTAG));
	spdk_json_write_named_bool(
		w, "apptag", spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_APPTAG));
	spdk_json_write_named_bool(w, "guard",
	                           spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_GUARD));
	spdk_json_write_object_end(w);
	spdk_json_write_named_uint32(w, "dif_pi_format", bdev->dif_pi_format);
}

static void
dump_io_types(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	int type;

	spdk_json_write_named_object_begin(w, "supported_io_types");
	for (type = 1; type < BDEV_NUM_IO_TYPES; type++) {
		spdk_json_write_named_bool(w, spdk_bdev_get_io_type_name(type),
		                           spdk_bdev_io_type_supported(bdev, type));
	}
	spdk_json_write_object_end(w);
}

void
bdev_rpc_dump(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	struct spdk_bdev_alias *alias;
	int type;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_array_begin(w, "aliases");
	TAILQ_FOREACH (alias, &bdev->aliases, tailq) {
		spdk_json_write_string(w, alias->alias.name);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_named_string(w, "product_name", bdev->product_name);
	dump_sizes(w, bdev);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	if (bdev->numa.id_valid) {
		spdk_json_write_named_int32(w, "numa_id", bdev->numa.id);
	}
	dump_protection(w, bdev);
	spdk_json_write_named_object_begin(w, "assigned_rate_limits");
	for (type = 0; type < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES; type++) {
		spdk_json_write_named_uint64(w, spdk_bdev_get_qos_rpc_type(type), 0);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_named_bool(w, "claimed", bdev->internal.claim_type != SPDK_BDEV_CLAIM_NONE);
	if (bdev->internal.claim_type != SPDK_BDEV_CLAIM_NONE) {
		spdk_json_write_named_string(w, "claim_type",
		                             spdk_bdev_claim_get_name(bdev->internal.claim_type));
	}
	spdk_json_write_named_bool(w, "zoned", bdev->zoned);
	if (bdev->zoned) {
		spdk_json_write_named_uint64(w, "zone_size", bdev->zone_size);
		spdk_json_write_named_uint64(w, "max_open_zones", bdev->max_open_zones);
		spdk_json_write_named_uint64(w, "optimal_open_zones", bdev->optimal_open_zones);
	}
	dump_io_types(w, bdev);
	spdk_json_write_named_object_begin(w, "driver_specific");
	spdk_bdev_dump_info_json(bdev, w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

struct get_bdevs {
	char *name;
	uint64_t timeout_ms;
	struct spdk_jsonrpc_request *request;
	/* Over all devices: */
	struct rpc_walk walk;
	struct bdev_cursor cursor;
};

static const struct spdk_json_object_decoder get_bdevs_decoders[] = {
	{ "name", offsetof(struct get_bdevs, name), spdk_json_decode_string, true },
	{ "timeout", offsetof(struct get_bdevs, timeout_ms), spdk_json_decode_uint64, true },
};

static void
get_bdevs_free(struct get_bdevs *req)
{
	free(req->name);
	free(req);
}

static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
get_bdevs_one(struct spdk_jsonrpc_request *request, struct spdk_bdev_desc *desc)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	bdev_rpc_dump(w, spdk_bdev_desc_get_bdev(desc));
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
	spdk_bdev_close(desc);
}

static void
get_bdevs_appeared(struct spdk_bdev_desc *desc, int rc, void *arg)
{
	struct get_bdevs *req = arg;

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(req->request, rc, spdk_strerror(-rc));
	} else {
		get_bdevs_one(req->request, desc);
	}
	get_bdevs_free(req);
}

static struct get_bdevs *
get_bdevs_of(struct rpc_walk *walk)
{
	return SPDK_CONTAINEROF(walk, struct get_bdevs, walk);
}

static void
get_bdevs_begin(struct rpc_walk *walk)
{
	walk->w = spdk_jsonrpc_begin_result(walk->request);
	spdk_json_write_array_begin(walk->w);
	bdev_cursor_begin(&get_bdevs_of(walk)->cursor);
}

static int
get_bdevs_step(struct rpc_walk *walk)
{
	struct spdk_bdev *bdev = bdev_cursor_next(&get_bdevs_of(walk)->cursor);

	if (bdev == NULL) {
		return RPC_WALK_DONE;
	}
	bdev_rpc_dump(walk->w, bdev);
	return RPC_WALK_MORE;
}

static void
get_bdevs_answer(struct rpc_walk *walk)
{
	spdk_json_write_array_end(walk->w);
	spdk_jsonrpc_end_result(walk->request, walk->w);
}

static void
get_bdevs_end(struct rpc_walk *walk)
{
	if (walk->begun) {
		bdev_cursor_end(&get_bdevs_of(walk)->cursor);
	}
	get_bdevs_free(get_bdevs_of(walk));
}

static const struct rpc_walk_ops get_bdevs_ops = {
	.begin = get_bdevs_begin,
	.step = get_bdevs_step,
	.answer = get_bdevs_answer,
	.end = get_bdevs_end,
};

static void
get_bdevs_run(struct get_bdevs *req)
{
	struct spdk_bdev_open_async_opts opts = { .size = sizeof(opts),
		                                  .timeout_ms = req->timeout_ms };
	struct spdk_bdev_desc *desc;
	int rc;

	if (req->name == NULL) {
		rpc_walk_start(&req->walk, &get_bdevs_ops, req->request);
		return;
	}
	rc = spdk_bdev_open_ext(req->name, false, ignore_event, NULL, &desc);
	if (rc == 0) {
		get_bdevs_one(req->request, desc);
		get_bdevs_free(req);
		return;
	}
	if (rc == -ENODEV && req->timeout_ms != 0) {
		rc = spdk_bdev_open_async(req->name, false, ignore_event, NULL, &opts,
		                          get_bdevs_appeared, req);
		if (rc == 0) {
			return;
		}
	}
	spdk_jsonrpc_send_error_response(req->request, rc, spdk_strerror(-rc));
	get_bdevs_free(req);
}

static void
rpc_bdev_get_bdevs(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct get_bdevs *req = calloc(1, sizeof(*req));

	if (req == NULL) {
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	req->request = request;
	if (params != NULL && spdk_json_decode_object(params, get_bdevs_decoders,
	                                              SPDK_COUNTOF(get_bdevs_decoders), req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 DECODE_FAILED);
		get_bdevs_free(req);
		return;
	}
	if (req->timeout_ms != 0 && req->name == NULL) {
		spdk_jsonrpc_send_error_response(request, -EINVAL,
		                                 "\"timeout\" needs the \"name\" to wait for");
		get_bdevs_free(req);
		return;
	}
	get_bdevs_run(req);
}
SPDK_RPC_REGISTER("bdev_get_bdevs", rpc_bdev_get_bdevs, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(bdev_get_bdevs)

/* --- examination ------------------------------------------------------------------------------ */

static void
rpc_bdev_examine(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = { { "name", 0,
		                                                      spdk_json_decode_string } };
	char *name = NULL;
	int rc;

	if (spdk_json_decode_object(params, decoders, SPDK_COUNTOF(decoders), &name)) {
		/* Unlike the other methods here, as SPDK's. */
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 DECODE_FAILED);
	} else {
		rc = spdk_bdev_examine(name);
		if (rc != 0) {
			spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		} else {
			spdk_jsonrpc_send_bool_response(request, true);
		}
	}
	free(name);
}
SPDK_RPC_REGISTER("bdev_examine", rpc_bdev_examine, SPDK_RPC_RUNTIME)

static void
examined(void *arg)
{
	spdk_jsonrpc_send_bool_response(arg, true);
}

static void
rpc_bdev_wait_for_examine(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	int rc;

	if (params != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "bdev_wait_for_examine requires no parameters");
		return;
	}
	rc = spdk_bdev_wait_for_examine(examined, request);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
}
SPDK_RPC_REGISTER("bdev_wait_for_examine", rpc_bdev_wait_for_examine, SPDK_RPC_RUNTIME)
