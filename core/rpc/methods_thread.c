/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* thread_*: what every lightweight thread reports of itself, by a pass over all of them
 * (thread_pass.h). */

#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk_internal/thread.h"

#include "core/reactor/reactor_internal.h"
#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"
#include "core/rpc/thread_pass.h"
#include "core/thread/poller_longest.h"
#include "core/thread/thread_walk.h"

/* --- thread_get_stats ------------------------------------------------------------------------- */

static void *
next_poller(struct spdk_thread *thread, uint64_t *position)
{
	return thread_walk_poller(thread, position);
}

static unsigned
poller_group(void *poller)
{
	return poller_get_kind(poller);
}

static void
write_thread_stats(struct spdk_json_write_ctx *w, struct spdk_thread *thread,
                   const uint64_t *counts)
{
	struct spdk_thread_stats stats = { 0, 0 };

	spdk_thread_get_stats(&stats);
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
	spdk_json_write_named_string(w, "cpumask",
	                             spdk_cpuset_fmt(spdk_thread_get_cpumask(thread)));
	spdk_json_write_named_uint64(w, "busy", stats.busy_tsc);
	spdk_json_write_named_uint64(w, "idle", stats.idle_tsc);
	spdk_json_write_named_uint64(w, "active_pollers_count", counts[POLLER_IS_ACTIVE]);
	spdk_json_write_named_uint64(w, "timed_pollers_count", counts[POLLER_IS_TIMED]);
	spdk_json_write_named_uint64(w, "paused_pollers_count", counts[POLLER_IS_PAUSED]);
}

static const struct thread_view stats_view = {
	.write_thread = write_thread_stats,
	.counts = true,
	.next = next_poller,
	.group_of = poller_group,
};

static void
thread_get_stats(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "'thread_get_stats' requires no arguments")) {
		thread_pass_answer(request, &stats_view);
	}
}
SPDK_RPC_REGISTER("thread_get_stats", thread_get_stats, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(thread_get_stats)

/* --- thread_get_pollers ----------------------------------------------------------------------- */

static void
write_thread_id(struct spdk_json_write_ctx *w, struct spdk_thread *thread, const uint64_t *counts)
{
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
}

static void
write_poller_members(struct spdk_json_write_ctx *w, struct spdk_poller *poller)
{
	struct spdk_poller_stats stats;
	uint64_t period = spdk_poller_get_period_ticks(poller);

	spdk_poller_get_stats(poller, &stats);
	spdk_json_write_named_string(w, "name", spdk_poller_get_name(poller));
	spdk_json_write_named_uint64(w, "id", spdk_poller_get_id(poller));
	spdk_json_write_named_string(w, "state", spdk_poller_get_state_str(poller));
	spdk_json_write_named_uint64(w, "run_count", stats.run_count);
	spdk_json_write_named_uint64(w, "busy_count", stats.busy_count);
	if (period != 0) {
		spdk_json_write_named_uint64(w, "period_ticks", period);
	}
}

static void
write_poller(struct spdk_json_write_ctx *w, void *item)
{
	spdk_json_write_object_begin(w);
	write_poller_members(w, item);
	spdk_json_write_object_end(w);
}

static const char *const g_poller_groups[] = {
	"active_pollers",
	"timed_pollers",
	"paused_pollers",
	NULL,
};
static const struct thread_view pollers_view = {
	.write_thread = write_thread_id,
	.groups = g_poller_groups,
	.next = next_poller,
	.group_of = poller_group,
	.write_item = write_poller,
};

static void
thread_get_pollers(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "'thread_get_pollers' requires no arguments")) {
		thread_pass_answer(request, &pollers_view);
	}
}
SPDK_RPC_REGISTER("thread_get_pollers", thread_get_pollers, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(thread_get_pollers)

/* --- cal_thread_get_pollers ------------------------------------------------------------------- */

static void
write_thread_longest(struct spdk_json_write_ctx *w, struct spdk_thread *thread,
                     const uint64_t *counts)
{
	write_thread_id(w, thread, counts);
	spdk_json_write_named_uint64(w, "longest_turn_ticks", thread_get_longest_turn(thread));
	spdk_json_write_named_uint32(w, "timed_turns", POLLER_TIMED_TURNS);
}

static void
write_poller_longest(struct spdk_json_write_ctx *w, void *item)
{
	spdk_json_write_object_begin(w);
	write_poller_members(w, item);
	spdk_json_write_named_uint64(w, "longest_ticks", poller_get_longest(item));
	spdk_json_write_object_end(w);
}

static const struct thread_view longest_view = {
	.write_thread = write_thread_longest,
	.groups = g_poller_groups,
	.next = next_poller,
	.group_of = poller_group,
	.write_item = write_poller_longest,
};

/* SPDK's spdk_top refuses members that it does not know: hence a method of its own. */
static void
cal_thread_get_pollers(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "'cal_thread_get_pollers' requires no arguments")) {
		thread_pass_answer(request, &longest_view);
	}
}
SPDK_RPC_REGISTER("cal_thread_get_pollers", cal_thread_get_pollers, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(cal_thread_get_pollers)

/* --- thread_get_io_channels ------------------------------------------------------------------- */

static void
write_thread_name(struct spdk_json_write_ctx *w, struct spdk_thread *thread, const uint64_t *counts)
{
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
}

static void *
next_channel(struct spdk_thread *thread, uint64_t *position)
{
	return thread_walk_channel(thread, position);
}

static unsigned
channel_group(void *channel)
{
	return 0;
}

static void
write_channel(struct spdk_json_write_ctx *w, void *item)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_io_channel_get_io_device_name(item));
	spdk_json_write_named_uint32(w, "ref", (uint32_t)spdk_io_channel_get_ref_count(item));
	spdk_json_write_object_end(w);
}

static const char *const g_channel_groups[] = { "io_channels", NULL };
static const struct thread_view channels_view = {
	.write_thread = write_thread_name,
	.groups = g_channel_groups,
	.next = next_channel,
	.group_of = channel_group,
	.write_item = write_channel,
};

static void
thread_get_io_channels(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "'thread_get_io_channels' requires no arguments")) {
		thread_pass_answer(request, &channels_view);
	}
}
SPDK_RPC_REGISTER("thread_get_io_channels", thread_get_io_channels, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(thread_get_io_channels)

/* --- thread_set_cpumask ----------------------------------------------------------------------- */

struct set_cpumask {
	struct spdk_jsonrpc_request *request;
	uint64_t id;
	char *text;
	struct spdk_cpuset mask;
	int rc;
};

static const struct spdk_json_object_decoder set_cpumask_decoders[] = {
	{ "id", offsetof(struct set_cpumask, id), spdk_json_decode_uint64 },
	{ "cpumask", offsetof(struct set_cpumask, text), spdk_json_decode_string },
};

static void
set_cpumask_free(struct set_cpumask *req)
{
	free(req->text);
	free(req);
}

static void
set_cpumask_visit(void *ctx)
{
	struct set_cpumask *req = ctx;

	if (spdk_thread_get_id(spdk_get_thread()) == req->id) {
		req->rc = spdk_thread_set_cpumask(&req->mask);
	}
}

static void
set_cpumask_done(void *ctx)
{
	struct set_cpumask *req = ctx;

	if (req->rc == 0) {
		spdk_jsonrpc_send_bool_response(req->request, true);
	} else if (req->rc == -ESRCH) {
		spdk_jsonrpc_send_error_response_fmt(req->request,
		                                     SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                     "Thread %" PRIu64 " does not exist", req->id);
	} else {
		spdk_jsonrpc_send_error_response(req->request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-req->rc));
	}
	set_cpumask_free(req);
}

static void
thread_set_cpumask(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	const struct spdk_cpuset *all = reactors_get_cpuset();
	struct set_cpumask *req = calloc(1, sizeof(*req));

	if (req == NULL) {
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	req->request = request;
	req->rc = -ESRCH;
	if (spdk_json_decode_object(params, set_cpumask_decoders,
	                            SPDK_COUNTOF(set_cpumask_decoders), req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
	} else if (spdk_thread_get_by_id(req->id) == NULL) {
		spdk_jsonrpc_send_error_response_fmt(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                     "Thread %" PRIu64 " does not exist", req->id);
	} else if (spdk_cpuset_parse(&req->mask, req->text) != 0) {
		spdk_jsonrpc_send_error_response_fmt(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "Invalid cpumask %s", req->text);
	} else {
		spdk_cpuset_and(&req->mask, all);
		if (spdk_cpuset_count(&req->mask) > 0) {
			/* By a walk, because the thread may exit before a message reaches it. */
			spdk_for_each_thread(set_cpumask_visit, req, set_cpumask_done);
			return;
		}
		spdk_jsonrpc_send_error_response_fmt(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "No CPU is selected from reactor mask %s",
		                                     spdk_cpuset_fmt((struct spdk_cpuset *)all));
	}
	set_cpumask_free(req);
}
SPDK_RPC_REGISTER("thread_set_cpumask", thread_set_cpumask, SPDK_RPC_RUNTIME)
