/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a client asks first: which version, which methods. */

#include "spdk/rpc.h"
#include "spdk/util.h"
#include "spdk/version.h"

#include "core/rpc/methods.h"
#include "core/rpc/rpc_internal.h"

static void
spdk_get_version(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w;

	if (rpc_refuse_params(request, params, "spdk_get_version method requires no parameters")) {
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "version", SPDK_VERSION_STRING);
	spdk_json_write_named_object_begin(w, "fields");
	spdk_json_write_named_uint32(w, "major", SPDK_VERSION_MAJOR);
	spdk_json_write_named_uint32(w, "minor", SPDK_VERSION_MINOR);
	spdk_json_write_named_uint32(w, "patch", SPDK_VERSION_PATCH);
	spdk_json_write_named_string(w, "suffix", SPDK_VERSION_SUFFIX);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("spdk_get_version", spdk_get_version, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(spdk_get_version)

struct get_methods {
	bool current;
	bool include_aliases;
};

static const struct spdk_json_object_decoder get_methods_decoders[] = {
	{ "current", offsetof(struct get_methods, current), spdk_json_decode_bool, true },
	{ "include_aliases", offsetof(struct get_methods, include_aliases), spdk_json_decode_bool,
	  true },
};

static void
rpc_get_methods(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct get_methods req = { false, false };
	struct spdk_json_write_ctx *w;
	struct rpc_method *m;

	if (params != NULL && spdk_json_decode_object(params, get_methods_decoders,
	                                              SPDK_COUNTOF(get_methods_decoders), &req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_array_begin(w);
	for (m = rpc_method_first(); m != NULL; m = rpc_method_next(m)) {
		if ((m->target != NULL && !req.include_aliases) || !rpc_method_visible(m) ||
		    (req.current && (m->state_mask & spdk_rpc_get_state()) == 0)) {
			continue;
		}
		spdk_json_write_string(w, m->name);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("rpc_get_methods", rpc_get_methods, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(rpc_get_methods)
