/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The RPC methods of the start, the end and the subsystems of the application. */

#include <signal.h>

#include "spdk/init.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "core/app/app_internal.h"
#include "core/app/subsystem.h"
#include "core/rpc/methods.h"
#include "core/rpc/rpc_config.h"
#include "core/rpc/rpc_server.h"
#include "core/rpc/rpc_walk.h"

/* --- start ------------------------------------------------------------------------------------ */

static void
init_done(void *ctx, int rc, const char *reason)
{
	struct spdk_jsonrpc_request *request = ctx;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		spdk_jsonrpc_send_error_response_fmt(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "framework_initialization failed: %s", reason);
	}
}

static void
framework_start_init(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (rpc_refuse_params(request, params, "framework_start_init requires no parameters")) {
		return;
	}
	if (app_framework_start_init(init_done, request) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 "The framework is being initialized already");
	}
}
SPDK_RPC_REGISTER("framework_start_init", framework_start_init, SPDK_RPC_STARTUP)

/* Takes any params, as SPDK's does. */
static void
framework_wait_init(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	int rc = app_framework_wait_init(init_done, request);

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-rc));
	}
}
SPDK_RPC_REGISTER("framework_wait_init", framework_wait_init, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_wait_init)

/* --- end -------------------------------------------------------------------------------------- */

static const char *const g_signal_names[] = {
	"SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1",
};
static const int g_signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGKILL, SIGUSR1 };

static int
decode_signal(const struct spdk_json_val *val, void *out)
{
	int i = rpc_decode_word(val, g_signal_names, SPDK_COUNTOF(g_signal_names));

	if (i >= 0) {
		*(int *)out = g_signals[i];
	}
	return i >= 0 ? 0 : -1;
}

static const struct spdk_json_object_decoder kill_decoders[] = {
	{ "sig_name", 0, decode_signal },
};

static void
spdk_kill_instance(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	int number = 0;

	if (spdk_json_decode_object(params, kill_decoders, SPDK_COUNTOF(kill_decoders), &number)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	/* The answer first: it is in the caller's ring before the signal is. */
	spdk_jsonrpc_send_bool_response(request, true);
	kill(getpid(), number);
}
SPDK_RPC_REGISTER("spdk_kill_instance", spdk_kill_instance, SPDK_RPC_RUNTIME)

/* --- subsystems ------------------------------------------------------------------------------- */

static void
framework_get_subsystems(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_subsystem_depend *depend;
	struct spdk_subsystem *subsystem;
	struct spdk_json_write_ctx *w;

	if (rpc_refuse_params(request, params,
	                      "'framework_get_subsystems' requires no arguments")) {
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_array_begin(w);
	for (subsystem = subsystem_first(); subsystem != NULL;
	     subsystem = subsystem_next(subsystem)) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "subsystem", subsystem->name);
		spdk_json_write_named_array_begin(w, "depends_on");
		depend = subsystem_depend_next(subsystem, NULL);
		while (depend != NULL) {
			spdk_json_write_string(w, depend->depends_on);
			depend = subsystem_depend_next(subsystem, depend);
		}
		spdk_json_write_array_end(w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("framework_get_subsystems", framework_get_subsystems, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_get_subsystems)

struct get_config {
	char *name;
	bool with_batches;
};

static const struct spdk_json_object_decoder get_config_decoders[] = {
	{ "name", offsetof(struct get_config, name), spdk_json_decode_string },
	{ "with_batches", offsetof(struct get_config, with_batches), spdk_json_decode_bool, true },
};

static struct spdk_json_write_ctx *
config_begin(struct spdk_jsonrpc_request *request, bool with_batches)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	if (!with_batches) {
		spdk_json_write_add_flags(w, SPDK_JSON_WRITE_FLAG_FLATTEN_BATCHES);
	}
	return w;
}

/* The configuration of a subsystem that writes it in steps. */
struct config_walk {
	struct rpc_walk walk;
	const struct rpc_config_writer *writer;
	void *ctx;
	bool with_batches;
};

static void
config_walk_begin(struct rpc_walk *walk)
{
	struct config_walk *cw = SPDK_CONTAINEROF(walk, struct config_walk, walk);

	walk->w = config_begin(walk->request, cw->with_batches);
}

static int
config_walk_step(struct rpc_walk *walk)
{
	struct config_walk *cw = SPDK_CONTAINEROF(walk, struct config_walk, walk);

	if (cw->ctx == NULL) {
		cw->ctx = cw->writer->begin();
		return cw->ctx != NULL ? RPC_WALK_MORE : -ENOMEM;
	}
	return cw->writer->step(cw->ctx, walk->w) ? RPC_WALK_MORE : RPC_WALK_DONE;
}

static void
config_walk_answer(struct rpc_walk *walk)
{
	spdk_jsonrpc_end_result(walk->request, walk->w);
}

static void
config_walk_end(struct rpc_walk *walk)
{
	struct config_walk *cw = SPDK_CONTAINEROF(walk, struct config_walk, walk);

	if (cw->ctx != NULL) {
		cw->writer->end(cw->ctx);
	}
	free(cw);
}

static const struct rpc_walk_ops config_walk_ops = {
	.begin = config_walk_begin,
	.step = config_walk_step,
	.answer = config_walk_answer,
	.end = config_walk_end,
};

static void
write_config(struct spdk_jsonrpc_request *request, const struct spdk_subsystem *subsystem,
             bool with_batches)
{
	const struct rpc_config_writer *writer;
	struct spdk_json_write_ctx *w;
	struct config_walk *cw;

	writer = rpc_config_writer_find(subsystem->write_config_json);
	if (writer != NULL) {
		cw = calloc(1, sizeof(*cw));
		if (cw == NULL) {
			spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
			return;
		}
		cw->writer = writer;
		cw->with_batches = with_batches;
		rpc_walk_start(&cw->walk, &config_walk_ops, request);
		return;
	}
	w = config_begin(request, with_batches);
	if (subsystem->write_config_json != NULL) {
		subsystem->write_config_json(w);
	} else {
		spdk_json_write_null(w);
	}
	spdk_jsonrpc_end_result(request, w);
}

static void
framework_get_config(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct get_config req = { NULL, false };
	struct spdk_subsystem *subsystem;

	if (spdk_json_decode_object(params, get_config_decoders, SPDK_COUNTOF(get_config_decoders),
	                            &req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid arguments");
	} else {
		subsystem = subsystem_find(req.name);
		if (subsystem == NULL) {
			spdk_jsonrpc_send_error_response_fmt(request,
			                                     SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			                                     "Subsystem '%s' not found", req.name);
		} else {
			write_config(request, subsystem, req.with_batches);
		}
	}
	free(req.name);
}
SPDK_RPC_REGISTER("framework_get_config", framework_get_config, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_get_config)
