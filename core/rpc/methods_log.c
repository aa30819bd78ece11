/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* log_*: levels, flags, time stamps. */

#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/util.h"

#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"

static const char *const g_levels[] = {
	[SPDK_LOG_ERROR] = "ERROR", [SPDK_LOG_WARN] = "WARNING", [SPDK_LOG_NOTICE] = "NOTICE",
	[SPDK_LOG_INFO] = "INFO",   [SPDK_LOG_DEBUG] = "DEBUG",
};

static int
decode_level(const struct spdk_json_val *val, void *out)
{
	int i = rpc_decode_word(val, g_levels, SPDK_COUNTOF(g_levels));

	if (i >= 0) {
		*(enum spdk_log_level *)out = (enum spdk_log_level)i;
	}
	return i >= 0 ? 0 : -1;
}

static const struct spdk_json_object_decoder level_decoders[] = {
	{ "level", 0, decode_level },
};

static void
answer_level(struct spdk_jsonrpc_request *request, enum spdk_log_level level)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	bool known = level >= SPDK_LOG_ERROR && level <= SPDK_LOG_DEBUG;

	spdk_json_write_string(w, known ? g_levels[level] : "DISABLED");
	spdk_jsonrpc_end_result(request, w);
}

static void
change_level(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
             void (*set)(enum spdk_log_level level))
{
	enum spdk_log_level level;

	if (spdk_json_decode_object(params, level_decoders, SPDK_COUNTOF(level_decoders), &level)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 "spdk_json_decode_object failed");
		return;
	}
	set(level);
	spdk_jsonrpc_send_bool_response(request, true);
}

static void
log_set_level(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	change_level(request, params, spdk_log_set_level);
}
SPDK_RPC_REGISTER("log_set_level", log_set_level, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
log_set_print_level(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	change_level(request, params, spdk_log_set_print_level);
}
SPDK_RPC_REGISTER("log_set_print_level", log_set_print_level, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
log_get_level(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "log_get_level requires no parameters")) {
		answer_level(request, spdk_log_get_level());
	}
}
SPDK_RPC_REGISTER("log_get_level", log_get_level, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(log_get_level)

static void
log_get_print_level(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "log_get_print_level requires no parameters")) {
		answer_level(request, spdk_log_get_print_level());
	}
}
SPDK_RPC_REGISTER("log_get_print_level", log_get_print_level, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(log_get_print_level)

/* --- flags ------------------------------------------------------------------------------------ */

static const struct spdk_json_object_decoder flag_decoders[] = {
	{ "flag", 0, spdk_json_decode_string },
};

static void
change_flag(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
            int (*change)(const char *flag))
{
	char *flag = NULL;

	if (spdk_json_decode_object(params, flag_decoders, SPDK_COUNTOF(flag_decoders), &flag)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 "spdk_json_decode_object failed");
	} else if (change(flag) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "invalid log flag");
	} else {
		spdk_jsonrpc_send_bool_response(request, true);
	}
	free(flag);
}

static void
log_set_flag(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	change_flag(request, params, spdk_log_set_flag);
}
SPDK_RPC_REGISTER("log_set_flag", log_set_flag, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
log_clear_flag(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	change_flag(request, params, spdk_log_clear_flag);
}
SPDK_RPC_REGISTER("log_clear_flag", log_clear_flag, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
log_get_flags(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w;
	struct spdk_log_flag *flag;

	if (rpc_refuse_params(request, params, "log_get_flags requires no parameters")) {
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	for (flag = spdk_log_get_first_flag(); flag != NULL; flag = spdk_log_get_next_flag(flag)) {
		spdk_json_write_named_bool(w, flag->name, flag->enabled);
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("log_get_flags", log_get_flags, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(log_get_flags)

static const struct spdk_json_object_decoder timestamps_decoders[] = {
	{ "enabled", 0, spdk_json_decode_bool },
};

static void
log_enable_timestamps(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	bool enabled = false;

	if (spdk_json_decode_object(params, timestamps_decoders, SPDK_COUNTOF(timestamps_decoders),
	                            &enabled)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	spdk_log_enable_timestamps(enabled);
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("log_enable_timestamps", log_enable_timestamps, SPDK_RPC_RUNTIME)
