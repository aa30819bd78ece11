/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* iobuf_set_options, iobuf_get_stats. */

#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "core/rpc/rpc_server.h"

static const struct spdk_json_object_decoder set_options_decoders[] = {
	{ "small_pool_count", offsetof(struct spdk_iobuf_opts, small_pool_count),
	  spdk_json_decode_uint64, true },
	{ "large_pool_count", offsetof(struct spdk_iobuf_opts, large_pool_count),
	  spdk_json_decode_uint64, true },
	{ "small_bufsize", offsetof(struct spdk_iobuf_opts, small_bufsize), spdk_json_decode_uint32,
	  true },
	{ "large_bufsize", offsetof(struct spdk_iobuf_opts, large_bufsize), spdk_json_decode_uint32,
	  true },
	{ "enable_numa", offsetof(struct spdk_iobuf_opts, enable_numa), spdk_json_decode_bool,
	  true },
};
SPDK_STATIC_ASSERT(sizeof(bool) == 1, "enable_numa is decoded as a bool");

static void
rpc_iobuf_set_options(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_iobuf_opts opts;
	int rc;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	if (params != NULL && spdk_json_decode_object(params, set_options_decoders,
	                                              SPDK_COUNTOF(set_options_decoders), &opts)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	rc = spdk_iobuf_set_opts(&opts);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response_fmt(request, rc, "%s: the primary's log says why",
		                                     spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("iobuf_set_options", rpc_iobuf_set_options, SPDK_RPC_STARTUP)

static void
write_pool(struct spdk_json_write_ctx *w, const char *name,
           const struct spdk_iobuf_pool_stats *pool)
{
	spdk_json_write_named_object_begin(w, name);
	spdk_json_write_named_uint64(w, "cache", pool->cache);
	spdk_json_write_named_uint64(w, "main", pool->main);
	spdk_json_write_named_uint64(w, "retry", pool->retry);
	spdk_json_write_named_uint32(w, "cache_size", pool->cache_size);
	spdk_json_write_object_end(w);
}

static void
write_stats(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *arg)
{
	struct spdk_jsonrpc_request *request = arg;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	uint32_t i;

	spdk_json_write_array_begin(w);
	for (i = 0; i < num_modules; i++) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "module", modules[i].module);
		write_pool(w, "small_pool", &modules[i].small_pool);
		write_pool(w, "large_pool", &modules[i].large_pool);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

/* Params are ignored, as by SPDK. */
static void
rpc_iobuf_get_stats(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	int rc = spdk_iobuf_get_stats(write_stats, request);

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
}
SPDK_RPC_REGISTER("iobuf_get_stats", rpc_iobuf_get_stats, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(iobuf_get_stats)
