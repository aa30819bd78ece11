/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>

#include "core/app/app_internal.h"
#include "spdk/json.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

static void
rpc_service_list(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct cal_state_service services[CAL_STATE_MAX_SERVICES];
	struct spdk_json_write_ctx *w;
	uint32_t i, n;

	if (params != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "cal_service_list requires no parameters");
		return;
	}
	n = app_service_list(services, CAL_STATE_MAX_SERVICES);
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_array_begin(w);
	for (i = 0; i < n; i++) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "name", services[i].name);
		spdk_json_write_named_int32(w, "pid", services[i].pid);
		spdk_json_write_named_string(w, "state", cal_service_state_name(services[i].state));
		spdk_json_write_named_uint32(w, "restarts", services[i].restarts);
		if (services[i].metrics[0] != '\0') {
			spdk_json_write_named_string(w, "metrics", services[i].metrics);
		}
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("cal_service_list", rpc_service_list, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

struct restart_params {
	char *name;
};

static const struct spdk_json_object_decoder g_restart_decoders[] = {
	{ "name", offsetof(struct restart_params, name), spdk_json_decode_string },
};

static void
rpc_service_restart(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct restart_params p = {};
	int rc;

	if (spdk_json_decode_object(params, g_restart_decoders, SPDK_COUNTOF(g_restart_decoders),
	                            &p) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "name is required: rpcd, confd, mond or all");
		goto out;
	}
	rc = app_service_restart(p.name);
	switch (rc) {
	case 0:
		spdk_jsonrpc_send_bool_response(request, true);
		break;
	case -ENOENT:
		spdk_jsonrpc_send_error_response_fmt(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"there is no service '%s': use rpcd, confd, mond or all", p.name);
		break;
	case -ENOTSUP:
		spdk_jsonrpc_send_error_response_fmt(
			request, -ENOTSUP, "'%s' was not started by this instance", p.name);
		break;
	default:
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		break;
	}
out:
	free(p.name);
}
SPDK_RPC_REGISTER("cal_service_restart", rpc_service_restart, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
