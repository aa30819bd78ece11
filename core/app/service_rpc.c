/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <string.h>

#include "core/app/app_internal.h"
#include "core/app/app_private.h"
#include "core/rpc/rpc_server.h"
#include "spdk/json.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
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
		spdk_json_write_named_uint32(w, "ends_in_row", services[i].ends_in_row);
		if (services[i].start_error != 0) {
			spdk_json_write_named_string(w, "start_error",
			                             spdk_strerror(services[i].start_error));
		}
		if (services[i].binary[0] != '\0') {
			spdk_json_write_named_string(w, "binary", services[i].binary);
		}
		if (services[i].metrics[0] != '\0') {
			spdk_json_write_named_string(w, "metrics", services[i].metrics);
		}
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("cal_service_list", rpc_service_list, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(cal_service_list)

struct restart_params {
	char *name;
	char *binary;
};

static const struct spdk_json_object_decoder g_restart_decoders[] = {
	{ "name", offsetof(struct restart_params, name), spdk_json_decode_string },
	{ "binary", offsetof(struct restart_params, binary), spdk_json_decode_string, true },
};

struct restart_call {
	struct spdk_jsonrpc_request *request;
	struct app_restart restart;
};

static void
write_one(struct spdk_json_write_ctx *w, const struct app_restart_one *one)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", one->name);
	spdk_json_write_named_int32(w, "pid", one->pid);
	spdk_json_write_named_int32(w, "old_pid", one->old_pid);
	spdk_json_write_named_double(w, "took_ms", (double)one->took_us / 1000);
	if (one->under_way) {
		spdk_json_write_named_bool(w, "under_way", true);
	}
	if (one->rc != 0) {
		spdk_json_write_named_object_begin(w, "error");
		spdk_json_write_named_int32(w, "code", one->rc);
		spdk_json_write_named_string(w, "message", one->text);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
}

static void
restart_answer(void *ctx)
{
	struct restart_call *call = ctx;
	const struct app_restart *restart = &call->restart;
	struct spdk_json_write_ctx *w;
	unsigned i;

	if (strcmp(restart->name, "all") != 0 && restart->ones[0].rc != 0) {
		spdk_jsonrpc_send_error_response(call->request, restart->ones[0].rc,
		                                 restart->ones[0].text);
		free(call);
		return;
	}
	w = spdk_jsonrpc_begin_result(call->request);
	spdk_json_write_array_begin(w);
	for (i = 0; i < restart->num; i++) {
		write_one(w, &restart->ones[i]);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(call->request, w);
	free(call);
}

/* On the control pthread. */
static void
restart_done(struct app_restart *restart)
{
	struct restart_call *call = SPDK_CONTAINEROF(restart, struct restart_call, restart);
	struct spdk_thread *thread = spdk_thread_get_app_thread();

	/* A stop that did not wait for us has ended the app thread, and the request with its link.
	 */
	if (thread == NULL || spdk_thread_send_msg(thread, restart_answer, call) != 0) {
		free(call);
	}
}

/* Somebody else starts them, or nobody does. */
static void
say_whose(struct spdk_jsonrpc_request *request, const char *name)
{
	int id = g_app.id;

	if (!g_app.by_hand) {
		spdk_jsonrpc_send_error_response_fmt(request, -ENOTSUP,
		                                     "'%s' was not started by this instance", name);
	} else if (strcmp(name, "all") == 0) {
		spdk_jsonrpc_send_error_response_fmt(
			request, -ENOTSUP,
			"instance %d does not start its services itself (--no-services). If "
			"systemd does: systemctl reload-or-restart cal-rpcd@%d cal-mond@%d "
			"cal-confd@%d",
			id, id, id, id);
	} else {
		spdk_jsonrpc_send_error_response_fmt(
			request, -ENOTSUP,
			"instance %d does not start its services itself (--no-services). If "
			"systemd does: systemctl reload-or-restart cal-%s@%d",
			id, name, id);
	}
}

static void
restart_refuse(struct spdk_jsonrpc_request *request, const char *name, int rc)
{
	switch (rc) {
	case -ENOENT:
		spdk_jsonrpc_send_error_response_fmt(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"there is no service '%s': use rpcd, confd, mond or all", name);
		break;
	case -ENOTSUP:
		say_whose(request, name);
		break;
	default:
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		break;
	}
}

static void
restart_begin(struct spdk_jsonrpc_request *request, const struct restart_params *p)
{
	struct restart_call *call;
	int rc = -ENOMEM;

	call = calloc(1, sizeof(*call));
	if (call != NULL) {
		call->request = request;
		call->restart.done = restart_done;
		call->restart.caller = rpc_request_pid(request);
		snprintf(call->restart.name, sizeof(call->restart.name), "%s", p->name);
		snprintf(call->restart.binary, sizeof(call->restart.binary), "%s",
		         p->binary != NULL ? p->binary : "");
		rc = strlen(p->name) < sizeof(call->restart.name)
		             ? app_service_restart(&call->restart)
		             : -ENOENT;
	}
	if (rc != 0) {
		restart_refuse(request, p->name, rc);
		free(call);
	}
}

static void
rpc_service_restart(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct restart_params p = {};

	if (spdk_json_decode_object(params, g_restart_decoders, SPDK_COUNTOF(g_restart_decoders),
	                            &p) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "name is required: rpcd, confd, mond or all");
	} else if (p.binary != NULL && rpc_request_role(request) != GATE_ROLE_ADMIN) {
		/* Whoever may write to the JSON-RPC socket may not therefore run programs. */
		spdk_jsonrpc_send_error_response(
			request, -EACCES,
			"'binary' is for admins at the gate only: use `calctl service restart "
			"--binary` as root or as the user of the primary");
	} else if (p.binary != NULL &&
	           (p.binary[0] == '\0' ||
	            strlen(p.binary) >= sizeof(((struct app_restart *)0)->binary))) {
		spdk_jsonrpc_send_error_response(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"binary is the whole path of a program, or default");
	} else {
		restart_begin(request, &p);
	}
	free(p.name);
	free(p.binary);
}
SPDK_RPC_REGISTER("cal_service_restart", rpc_service_restart, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
