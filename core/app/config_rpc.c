/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The primary's half of loading a configuration. The configuration service reads the file and calls
 * its methods; what it has got through with is noted here, so that one which died and was started
 * again goes on where the other was, and so that the state file names the method in progress. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/app/app_internal.h"
#include "core/app/app_private.h"
#include "core/app/subsystem.h"
#include "core/rpc/rpc_server.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk_internal/init.h"

static struct {
	uint64_t startup_done;
	uint64_t runtime_done;
	/* The entry that was begun and not done, "" for none. */
	char in_flight[96];
	bool done;
} g_progress;

void
config_progress_reset(void)
{
	memset(&g_progress, 0, sizeof(g_progress));
}

static bool
is_runtime(void)
{
	return app_state() == CAL_RUN_CONFIG;
}

/* --- cal_config_begin ------------------------------------------------------------------------- */

struct begin_params {
	char *source;
};

static const struct spdk_json_object_decoder g_begin_decoders[] = {
	{ "source", offsetof(struct begin_params, source), spdk_json_decode_string },
};

static void
write_name(void *ctx, const char *name)
{
	spdk_json_write_string(ctx, name);
}

/* What the service needs to sort entries into the two passes: also one that was started again after
 * the first of them, when rpc_get_methods tells no more what was callable at start-up. */
static void
write_catalogue(struct spdk_json_write_ctx *w)
{
	struct spdk_subsystem *subsystem;

	spdk_json_write_named_array_begin(w, "startup_methods");
	rpc_method_walk(SPDK_RPC_STARTUP, write_name, w);
	spdk_json_write_array_end(w);
	spdk_json_write_named_array_begin(w, "subsystems");
	for (subsystem = subsystem_first(); subsystem != NULL;
	     subsystem = subsystem_next(subsystem)) {
		spdk_json_write_string(w, subsystem->name);
	}
	spdk_json_write_array_end(w);
}

static void
begin_answer(void *ctx, int rc, const char *reason)
{
	struct spdk_jsonrpc_request *request = ctx;
	struct spdk_json_write_ctx *w;
	const char *phase;

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 reason);
		return;
	}
	phase = g_progress.done || !g_app.has_config ? "done"
	        : is_runtime()                       ? "runtime"
	                                             : "startup";
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "phase", phase);
	spdk_json_write_named_uint64(w, "startup_done", g_progress.startup_done);
	spdk_json_write_named_uint64(w, "runtime_done", g_progress.runtime_done);
	if (g_progress.in_flight[0] != '\0') {
		spdk_json_write_named_string(w, "in_flight", g_progress.in_flight);
	}
	write_catalogue(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static void
rpc_config_begin(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct begin_params p = {};
	int rc;

	if (spdk_json_decode_object(params, g_begin_decoders, SPDK_COUNTOF(g_begin_decoders), &p) !=
	    0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "source is required: the file that is loaded");
		return;
	}
	if (!g_progress.done) {
		app_state_doing("configuration %s", p.source);
	}
	free(p.source);
	if (app_state() != CAL_RUN_SUBSYSTEM_INIT) {
		begin_answer(request, 0, NULL);
		return;
	}
	/* A service that was restarted while subsystems initialise: it goes on after that. */
	rc = app_framework_wait_init(begin_answer, request);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
}
SPDK_RPC_REGISTER("cal_config_begin", rpc_config_begin, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- cal_config_step, cal_config_step_done ---------------------------------------------------- */

struct step_params {
	char *phase;
	uint64_t index;
	char *method;
};

static const struct spdk_json_object_decoder g_step_decoders[] = {
	{ "phase", offsetof(struct step_params, phase), spdk_json_decode_string },
	{ "index", offsetof(struct step_params, index), spdk_json_decode_uint64 },
	{ "method", offsetof(struct step_params, method), spdk_json_decode_string },
};

static const struct spdk_json_object_decoder g_step_done_decoders[] = {
	{ "phase", offsetof(struct step_params, phase), spdk_json_decode_string },
	{ "index", offsetof(struct step_params, index), spdk_json_decode_uint64 },
};

static uint64_t *
phase_counter(const char *phase)
{
	if (strcmp(phase, "startup") == 0) {
		return &g_progress.startup_done;
	}
	return strcmp(phase, "runtime") == 0 ? &g_progress.runtime_done : NULL;
}

static void
step_handle(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params, bool done)
{
	const struct spdk_json_object_decoder *decoders =
		done ? g_step_done_decoders : g_step_decoders;
	size_t n = done ? SPDK_COUNTOF(g_step_done_decoders) : SPDK_COUNTOF(g_step_decoders);
	struct step_params p = {};
	uint64_t *counter;

	if (spdk_json_decode_object(params, decoders, n, &p) != 0 ||
	    (counter = phase_counter(p.phase)) == NULL) {
		spdk_jsonrpc_send_error_response(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"phase (startup or runtime), index and, for a step that begins, method are "
			"required");
		goto out;
	}
	if (g_progress.done) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 "the configuration was loaded already");
		goto out;
	}
	if (p.index != *counter) {
		spdk_jsonrpc_send_error_response_fmt(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"entry %" PRIu64 " of phase %s is out of turn: %" PRIu64 " is next",
			p.index, p.phase, *counter);
		goto out;
	}
	if (done) {
		(*counter)++;
		g_progress.in_flight[0] = '\0';
		app_state_doing("configuration");
	} else {
		snprintf(g_progress.in_flight, sizeof(g_progress.in_flight), "%s", p.method);
		app_state_doing("configuration: %s (%s %" PRIu64 ")", p.method, p.phase, p.index);
	}
	spdk_jsonrpc_send_bool_response(request, true);
out:
	free(p.phase);
	free(p.method);
}

static void
rpc_config_step(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	step_handle(request, params, false);
}
SPDK_RPC_REGISTER("cal_config_step", rpc_config_step, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
rpc_config_step_done(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	step_handle(request, params, true);
}
SPDK_RPC_REGISTER("cal_config_step_done", rpc_config_step_done, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- cal_config_done -------------------------------------------------------------------------- */

struct done_params {
	char *error;
	char *notice;
};

static const struct spdk_json_object_decoder g_done_decoders[] = {
	{ "error", offsetof(struct done_params, error), spdk_json_decode_string, true },
	{ "notice", offsetof(struct done_params, notice), spdk_json_decode_string, true },
};

static void
rpc_config_done(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct done_params p = {};

	if (params != NULL && spdk_json_decode_object(params, g_done_decoders,
	                                              SPDK_COUNTOF(g_done_decoders), &p) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "error and notice are sentences");
		goto out;
	}
	if (g_progress.done || !g_app.has_config || (p.error == NULL && !is_runtime())) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 "no configuration is at its end");
		goto out;
	}
	if (p.notice != NULL) {
		SPDK_WARNLOG("%s\n", p.notice);
	}
	g_progress.done = true;
	g_progress.in_flight[0] = '\0';
	spdk_jsonrpc_send_bool_response(request, true);
	app_run_config_done(p.error);
out:
	free(p.error);
	free(p.notice);
}
SPDK_RPC_REGISTER("cal_config_done", rpc_config_done, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
