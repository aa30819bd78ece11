/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The primary's half of loading a configuration. The configuration service reads the file and sends
 * each entry as a step, which is its index and the method to call. Counting the step, calling the
 * method and noting how it ended happen here, so that a service that is killed at any instant is
 * followed by one that neither repeats nor leaves out an entry. A service that begins while a step
 * of the one before is under way is answered when that has ended; from then on the steps of the one
 * before are refused (it may be stopped, not dead). */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/app/app_internal.h"
#include "core/app/app_private.h"
#include "core/app/subsystem.h"
#include "core/rpc/rpc_server.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk_internal/init.h"

enum pass { PASS_STARTUP, PASS_RUNTIME, NUM_PASSES };
static const char *const g_pass_names[] = { "startup", "runtime" };

struct begin_waiter {
	struct spdk_jsonrpc_request *request;
	STAILQ_ENTRY(begin_waiter) link;
};

static struct {
	uint64_t session; /* of the service that began last */
	uint64_t num_done[NUM_PASSES];
	uint64_t num_failed;
	struct spdk_jsonrpc_request *step; /* under way, NULL: none; only compared */
	enum pass step_pass;
	/* How the last step ended, until the next is taken. */
	bool failed;
	int error_code;
	char error[256];
	bool begun;
	bool done;
	STAILQ_HEAD(, begin_waiter) waiters; /* for the end of the step under way */
} g_progress = { .waiters = STAILQ_HEAD_INITIALIZER(g_progress.waiters) };

void
config_progress_reset(void)
{
	uint64_t session = g_progress.session;

	memset(&g_progress, 0, sizeof(g_progress));
	STAILQ_INIT(&g_progress.waiters);
	g_progress.session = session;
}

static bool
is_runtime(void)
{
	return app_state() == CAL_RUN_CONFIG;
}

/* --- cal_config_begin ------------------------------------------------------------------------- */

struct begin_params {
	char *source;
	char *notice;
};

static const struct spdk_json_object_decoder g_begin_decoders[] = {
	{ "source", offsetof(struct begin_params, source), spdk_json_decode_string },
	{ "notice", offsetof(struct begin_params, notice), spdk_json_decode_string, true },
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
	spdk_json_write_named_array_begin(w, "runtime_methods");
	rpc_method_walk(SPDK_RPC_RUNTIME, write_name, w);
	spdk_json_write_array_end(w);
	spdk_json_write_named_array_begin(w, "hidden_methods");
	rpc_method_walk_hidden(write_name, w);
	spdk_json_write_array_end(w);
	spdk_json_write_named_array_begin(w, "subsystems");
	for (subsystem = subsystem_first(); subsystem != NULL;
	     subsystem = subsystem_next(subsystem)) {
		spdk_json_write_string(w, subsystem->name);
	}
	spdk_json_write_array_end(w);
}

static void
write_progress(struct spdk_json_write_ctx *w)
{
	const char *phase;

	phase = g_progress.done || !g_app.has_config ? "done"
	        : is_runtime()                       ? "runtime"
	                                             : "startup";
	spdk_json_write_named_uint64(w, "session", ++g_progress.session);
	spdk_json_write_named_string(w, "phase", phase);
	spdk_json_write_named_uint64(w, "startup_done", g_progress.num_done[PASS_STARTUP]);
	spdk_json_write_named_uint64(w, "runtime_done", g_progress.num_done[PASS_RUNTIME]);
	spdk_json_write_named_uint64(w, "failed", g_progress.num_failed);
	if (g_progress.failed) {
		spdk_json_write_named_object_begin(w, "last_failed");
		spdk_json_write_named_string(w, "phase", g_pass_names[g_progress.step_pass]);
		spdk_json_write_named_uint64(w, "index",
		                             g_progress.num_done[g_progress.step_pass] - 1);
		spdk_json_write_named_int32(w, "code", g_progress.error_code);
		spdk_json_write_named_string(w, "message", g_progress.error);
		spdk_json_write_object_end(w);
	}
}

static void
begin_answer(void *ctx, int rc, const char *reason)
{
	struct spdk_jsonrpc_request *request = ctx;
	struct spdk_json_write_ctx *w;

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 reason);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	write_progress(w);
	config_keep_write(w);
	write_catalogue(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static void
begin_answer_waiters(int rc, const char *reason)
{
	struct begin_waiter *waiter;

	while ((waiter = STAILQ_FIRST(&g_progress.waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&g_progress.waiters, link);
		begin_answer(waiter->request, rc, reason);
		free(waiter);
	}
}

static int
begin_later(struct spdk_jsonrpc_request *request)
{
	struct begin_waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter == NULL) {
		return -ENOMEM;
	}
	waiter->request = request;
	STAILQ_INSERT_TAIL(&g_progress.waiters, waiter, link);
	return 0;
}

static void
rpc_config_begin(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct begin_params p = {};
	int rc = 0;

	if (spdk_json_decode_object(params, g_begin_decoders, SPDK_COUNTOF(g_begin_decoders), &p) !=
	    0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "source is required: the file that is loaded");
		goto out;
	}
	if (!g_progress.done) {
		app_state_doing("configuration %s", p.source);
		if (p.notice != NULL && !g_progress.begun) {
			SPDK_NOTICELOG("%s\n", p.notice);
		}
	}
	g_progress.begun = true;
	if (g_progress.step != NULL) {
		rc = begin_later(request);
	} else if (app_state() == CAL_RUN_SUBSYSTEM_INIT) {
		/* A service that was restarted while subsystems initialise: it goes on after that.
		 */
		rc = app_framework_wait_init(begin_answer, request);
	} else {
		begin_answer(request, 0, NULL);
	}
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
out:
	free(p.source);
	free(p.notice);
}
SPDK_RPC_REGISTER("cal_config_begin", rpc_config_begin, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- cal_config_step -------------------------------------------------------------------------- */

struct step_params {
	uint64_t session;
	char *phase;
	uint64_t index;
	char *method;
	const struct spdk_json_val *params;
};

static int
decode_params(const struct spdk_json_val *value, void *out)
{
	if (value->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		return -EINVAL;
	}
	*(const struct spdk_json_val **)out = value;
	return 0;
}

static const struct spdk_json_object_decoder g_step_decoders[] = {
	{ "session", offsetof(struct step_params, session), spdk_json_decode_uint64 },
	{ "phase", offsetof(struct step_params, phase), spdk_json_decode_string },
	{ "index", offsetof(struct step_params, index), spdk_json_decode_uint64 },
	{ "method", offsetof(struct step_params, method), spdk_json_decode_string },
	{ "params", offsetof(struct step_params, params), decode_params, true },
};

/* Whether this step is the next one. `why` gets a sentence when it is not. */
static bool
step_is_next(const struct step_params *p, enum pass *pass, char *why, size_t size)
{
	for (*pass = PASS_STARTUP; *pass < NUM_PASSES; (*pass)++) {
		if (strcmp(p->phase, g_pass_names[*pass]) == 0) {
			break;
		}
	}
	if (*pass == NUM_PASSES) {
		snprintf(why, size, "a phase is startup or runtime");
	} else if (p->session != g_progress.session) {
		snprintf(why, size, "another configuration service goes on with the file");
	} else if (g_progress.done) {
		snprintf(why, size, "the configuration was loaded already");
	} else if (g_progress.step != NULL) {
		snprintf(why, size, "the step before has not ended");
	} else if (p->index != g_progress.num_done[*pass]) {
		snprintf(why, size,
		         "entry %" PRIu64 " of phase %s is out of turn: %" PRIu64 " is next",
		         p->index, p->phase, g_progress.num_done[*pass]);
	} else {
		return true;
	}
	return false;
}

static void
rpc_config_step(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct step_params p = {};
	enum pass pass;
	char why[160];

	if (spdk_json_decode_object(params, g_step_decoders, SPDK_COUNTOF(g_step_decoders), &p) !=
	    0) {
		spdk_jsonrpc_send_error_response(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"session, phase, index and method are required, and params are an object");
		goto out;
	}
	if (!step_is_next(&p, &pass, why, sizeof(why))) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE, why);
		goto out;
	}
	g_progress.failed = false;
	g_progress.step = request;
	g_progress.step_pass = pass;
	app_state_doing("configuration: %s (%s %" PRIu64 ")", p.method, p.phase, p.index);
	rpc_request_pass_on(request, p.method, p.params);
out:
	free(p.phase);
	free(p.method);
}
SPDK_RPC_REGISTER("cal_config_step", rpc_config_step, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

void
config_step_answered(struct spdk_jsonrpc_request *request, bool ok)
{
	if (request != g_progress.step) {
		return;
	}
	g_progress.step = NULL;
	g_progress.num_done[g_progress.step_pass]++;
	if (!ok) {
		g_progress.num_failed++;
		g_progress.failed = true;
		g_progress.error_code =
			rpc_request_error(request, g_progress.error, sizeof(g_progress.error));
	}
	app_state_doing("configuration");
	begin_answer_waiters(0, NULL);
}

void
config_stop(void)
{
	begin_answer_waiters(-ESHUTDOWN, "the application stops");
}

/* --- cal_config_done -------------------------------------------------------------------------- */

struct done_params {
	uint64_t session;
	char *error;
	int32_t code;
	char *notice;
};

static const struct spdk_json_object_decoder g_done_decoders[] = {
	{ "session", offsetof(struct done_params, session), spdk_json_decode_uint64 },
	{ "error", offsetof(struct done_params, error), spdk_json_decode_string, true },
	{ "code", offsetof(struct done_params, code), spdk_json_decode_int32, true },
	{ "notice", offsetof(struct done_params, notice), spdk_json_decode_string, true },
};

static void
rpc_config_done(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct done_params p = { .code = -EINVAL };

	if (spdk_json_decode_object(params, g_done_decoders, SPDK_COUNTOF(g_done_decoders), &p) !=
	            0 ||
	    p.code >= 0) {
		spdk_jsonrpc_send_error_response(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"session is required; error and notice are sentences, code is negative");
		goto out;
	}
	if (p.session != g_progress.session || g_progress.step != NULL || g_progress.done ||
	    !g_app.has_config || (p.error == NULL && !is_runtime())) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 "no configuration of yours is at its end");
		goto out;
	}
	if (p.notice != NULL) {
		SPDK_WARNLOG("%s\n", p.notice);
	}
	g_progress.done = true;
	spdk_jsonrpc_send_bool_response(request, true);
	app_run_config_done(p.error != NULL ? p.code : 0, p.error);
out:
	free(p.error);
	free(p.notice);
}
SPDK_RPC_REGISTER("cal_config_done", rpc_config_done, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
