/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* framework_enable_cpumask_locks, framework_disable_cpumask_locks. Lock files are files: they are
 * opened and removed on the control pthread. */

#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#include "core/reactor/reactor_internal.h"
#include "core/rpc/methods.h"
#include "ipc/gate/control.h"

struct lock_call {
	struct spdk_jsonrpc_request *request;
	bool enable;
	int rc;
	int core;
	pid_t owner;
};

static void
answer(void *ctx)
{
	struct lock_call *call = ctx;

	if (call->rc == 0) {
		spdk_jsonrpc_send_bool_response(call->request, true);
	} else if (call->rc == -EBUSY) {
		spdk_jsonrpc_send_error_response_fmt(
			call->request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"Failed to claim CPU core: %d (process %d has it)", call->core,
			(int)call->owner);
	} else {
		spdk_jsonrpc_send_error_response_fmt(
			call->request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"Failed to claim CPU core: %d (%s)", call->core, spdk_strerror(-call->rc));
	}
	free(call);
}

/* On the control pthread. */
static void
work(void *arg)
{
	struct lock_call *call = arg;
	struct spdk_thread *thread;

	if (call->enable) {
		call->rc = reactors_lock_cores(&call->core, &call->owner);
	} else {
		reactors_unlock_cores();
	}
	/* A stop that did not wait for us has ended the app thread, and the request with its link.
	 */
	thread = spdk_thread_get_app_thread();
	if (thread == NULL || spdk_thread_send_msg(thread, answer, call) != 0) {
		free(call);
	}
}

static void
begin(struct spdk_jsonrpc_request *request, bool enable)
{
	struct lock_call *call = calloc(1, sizeof(*call));
	int rc = -ENOMEM;

	if (call != NULL) {
		call->request = request;
		call->enable = enable;
		rc = control_post(work, call);
	}
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-rc));
		free(call);
	}
}

static void
framework_enable_cpumask_locks(struct spdk_jsonrpc_request *request,
                               const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params,
	                       "'framework_enable_cpumask_locks' requires no arguments")) {
		begin(request, true);
	}
}
SPDK_RPC_REGISTER("framework_enable_cpumask_locks", framework_enable_cpumask_locks,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
framework_disable_cpumask_locks(struct spdk_jsonrpc_request *request,
                                const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params,
	                       "'framework_disable_cpumask_locks' requires no arguments")) {
		begin(request, false);
	}
}
SPDK_RPC_REGISTER("framework_disable_cpumask_locks", framework_disable_cpumask_locks,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
