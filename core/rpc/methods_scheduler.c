/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* framework_set_scheduler, framework_get_scheduler. */

#include "spdk/rpc.h"
#include "spdk/scheduler.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"

struct set_scheduler {
	char *name;
	uint64_t period;
	bool period_given;
};

static int
decode_period(const struct spdk_json_val *val, void *out)
{
	struct set_scheduler *req = SPDK_CONTAINEROF(out, struct set_scheduler, period);

	req->period_given = true;
	return spdk_json_decode_uint64(val, out);
}

static const struct spdk_json_object_decoder set_scheduler_decoders[] = {
	{ "name", offsetof(struct set_scheduler, name), spdk_json_decode_string },
	{ "period", offsetof(struct set_scheduler, period), decode_period, true },
};

/* What else is in params is the scheduler's business; the static one takes none and says nothing.
 */
static int
set_scheduler(const struct set_scheduler *req, const struct spdk_json_val *params)
{
	struct spdk_scheduler *scheduler;
	int rc;

	if (req->period_given) {
		spdk_scheduler_set_period(req->period);
	}
	rc = spdk_scheduler_set(req->name);
	if (rc != 0) {
		return rc;
	}
	scheduler = spdk_scheduler_get();
	if (scheduler != NULL && scheduler->set_opts != NULL) {
		return scheduler->set_opts(params);
	}
	return 0;
}

static void
framework_set_scheduler(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct set_scheduler req = { 0 };
	int rc;

	if (spdk_json_decode_object_relaxed(params, set_scheduler_decoders,
	                                    SPDK_COUNTOF(set_scheduler_decoders), &req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		free(req.name);
		return;
	}
	rc = set_scheduler(&req, params);
	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else if (rc == -ENOENT) {
		spdk_jsonrpc_send_error_response_fmt(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "There is no scheduler '%s'", req.name);
	} else {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-rc));
	}
	free(req.name);
}
SPDK_RPC_REGISTER("framework_set_scheduler", framework_set_scheduler,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
framework_get_scheduler(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_scheduler *scheduler = spdk_scheduler_get();
	struct spdk_json_write_ctx *w;

	if (rpc_refuse_params(request, params, "'framework_get_scheduler' requires no arguments")) {
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	if (scheduler != NULL) {
		spdk_json_write_named_string(w, "scheduler_name", scheduler->name);
	}
	spdk_json_write_named_uint64(w, "scheduler_period", spdk_scheduler_get_period());
	/* Cores can't be isolated from scheduling: the mask is empty. */
	spdk_json_write_named_string(w, "isolated_core_mask", "0");
	spdk_json_write_named_uint32(w, "scheduling_core", spdk_scheduler_get_scheduling_lcore());
	if (scheduler != NULL && scheduler->get_opts != NULL) {
		scheduler->get_opts(w);
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("framework_get_scheduler", framework_get_scheduler,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_get_scheduler)
