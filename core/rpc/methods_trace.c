/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal_trace_set_options: which poller runs are worth a probe. The monitor sets it when it attaches.
 */

#include "core/rpc/rpc_server.h"
#include "core/thread/poller_trace.h"
#include "spdk/rpc.h"
#include "spdk/util.h"

struct trace_options {
	uint32_t min_us;
	uint32_t sample;
};

static const struct spdk_json_object_decoder trace_options_decoders[] = {
	{ "min_us", offsetof(struct trace_options, min_us), spdk_json_decode_uint32 },
	{ "sample", offsetof(struct trace_options, sample), spdk_json_decode_uint32 },
};

static void
cal_trace_set_options(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct trace_options options = { 0 };

	if (spdk_json_decode_object(params, trace_options_decoders,
	                            SPDK_COUNTOF(trace_options_decoders), &options) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	if (poller_trace_set(options.min_us, options.sample) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "\"sample\": 1 (every run) or more");
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("cal_trace_set_options", cal_trace_set_options,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(cal_trace_set_options)
