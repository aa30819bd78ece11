/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Reactors: framework_get_reactors, framework_monitor_context_switch,
 * cal_reactor_set_interrupt_mode. */

#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/rpc.h"
#include "spdk/scheduler.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "core/reactor/reactor_internal.h"
#include "core/rpc/cpu_times.h"
#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"

/* Threads that one visit of a reactor writes, some 2 µs of work; the rest in another one. */
#define VISIT_THREADS 8

struct reactor_walk {
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
	struct spdk_reactor *at;
	uint32_t threads; /* of it, written */
	unsigned index;   /* of it, in times */
	int rc;
	struct cpu_times times[]; /* of each reactor's CPU */
};

static void visit(void *arg1, void *arg2);

static void
walk_done(void *ctx)
{
	struct reactor_walk *walk = ctx;

	if (walk->rc != 0) {
		spdk_jsonrpc_send_error_response(walk->request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-walk->rc));
	} else {
		spdk_json_write_array_end(walk->w);
		spdk_json_write_object_end(walk->w);
		spdk_jsonrpc_end_result(walk->request, walk->w);
	}
	free(walk);
}

/* Go to the reactor where the walk is, or back to the app thread when it is over. */
static void
walk_on(struct reactor_walk *walk)
{
	struct spdk_event *event;

	if (walk->at != NULL) {
		event = spdk_event_allocate(reactor_get_lcore(walk->at), visit, walk, NULL);
		if (event != NULL) {
			spdk_event_call(event);
			return;
		}
		walk->rc = -ENOMEM;
	}
	if (spdk_thread_send_msg(spdk_thread_get_app_thread(), walk_done, walk) != 0) {
		free(walk); /* the app thread has exited, and the request with its link */
	}
}

static void
write_reactor(struct reactor_walk *walk)
{
	const struct cpu_times *times = &walk->times[walk->index];
	struct spdk_reactor *reactor = walk->at;
	uint32_t lcore = reactor_get_lcore(reactor);
	struct spdk_json_write_ctx *w = walk->w;
	struct spdk_governor *governor = spdk_governor_get();

	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "lcore", lcore);
	spdk_json_write_named_int32(w, "numa_id", spdk_env_get_numa_id(lcore));
	spdk_json_write_named_uint64(w, "tid", (uint64_t)reactor_get_tid(reactor));
	spdk_json_write_named_uint64(w, "busy", reactor_get_busy_tsc(reactor));
	spdk_json_write_named_uint64(w, "idle", reactor_get_idle_tsc(reactor));
	spdk_json_write_named_bool(w, "in_interrupt", reactor_in_interrupt(reactor));
	spdk_json_write_named_uint64(w, "irq", times->irq);
	spdk_json_write_named_uint64(w, "sys", times->system);
	spdk_json_write_named_uint64(w, "usr", times->user);
	if (governor != NULL && governor->get_core_curr_freq != NULL) {
		/* In MHz; it tells kHz. */
		spdk_json_write_named_uint32(w, "core_freq",
		                             governor->get_core_curr_freq(lcore) / 1000);
	}
	spdk_json_write_named_array_begin(w, "lw_threads");
}

static void
write_thread(struct spdk_json_write_ctx *w, struct spdk_thread *thread)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
	spdk_json_write_named_string(w, "cpumask",
	                             spdk_cpuset_fmt(spdk_thread_get_cpumask(thread)));
	spdk_json_write_named_uint64(w, "elapsed", reactor_thread_elapsed(thread));
	spdk_json_write_object_end(w);
}

/* On the reactor. */
static void
visit(void *arg1, void *arg2)
{
	struct reactor_walk *walk = arg1;
	struct spdk_thread *thread;
	uint32_t i = 0;

	if (walk->threads == 0) {
		write_reactor(walk);
	}
	for (thread = reactor_first_thread(walk->at); thread != NULL;
	     thread = reactor_next_thread(walk->at, thread), i++) {
		if (i < walk->threads) {
			continue;
		}
		if (i == walk->threads + VISIT_THREADS) {
			walk->threads = i;
			walk_on(walk);
			return;
		}
		write_thread(walk->w, thread);
	}
	spdk_json_write_array_end(walk->w);
	spdk_json_write_object_end(walk->w);
	walk->at = reactor_next(walk->at);
	walk->index++;
	walk->threads = 0;
	walk_on(walk);
}

static void
times_read(void *ctx)
{
	struct reactor_walk *walk = ctx;
	struct spdk_reactor *reactor;
	unsigned i = 0;

	/* A copy, because the next request reads them anew while this walk is under way. */
	for (reactor = reactor_first(); reactor != NULL; reactor = reactor_next(reactor)) {
		walk->times[i++] = cpu_times_get(reactor_get_lcore(reactor));
	}
	walk->w = spdk_jsonrpc_begin_result(walk->request);
	spdk_json_write_object_begin(walk->w);
	spdk_json_write_named_uint64(walk->w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_uint64(walk->w, "pid", (uint64_t)getpid());
	spdk_json_write_named_array_begin(walk->w, "reactors");
	walk->at = reactor_first();
	walk_on(walk);
}

static void
framework_get_reactors(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	size_t num = spdk_cpuset_count(reactors_get_cpuset());
	struct reactor_walk *walk;

	if (rpc_refuse_params(request, params, "'framework_get_reactors' requires no arguments")) {
		return;
	}
	walk = calloc(1, sizeof(*walk) + num * sizeof(walk->times[0]));
	if (walk != NULL) {
		walk->request = request;
		if (cpu_times_refresh(times_read, walk) == 0) {
			return;
		}
		free(walk);
	}
	spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	                                 spdk_strerror(ENOMEM));
}
SPDK_RPC_REGISTER("framework_get_reactors", framework_get_reactors, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_get_reactors)

/* --- context switches ------------------------------------------------------------------------- */

static const struct spdk_json_object_decoder monitor_decoders[] = {
	{ "enabled", 0, spdk_json_decode_bool, true },
};

static void
framework_monitor_context_switch(struct spdk_jsonrpc_request *request,
                                 const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w;
	bool enabled = false;

	/* No params at all only ask; an empty object switches it off. */
	if (params != NULL) {
		if (spdk_json_decode_object(params, monitor_decoders,
		                            SPDK_COUNTOF(monitor_decoders), &enabled)) {
			spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			                                 "Invalid parameters");
			return;
		}
		spdk_framework_enable_context_switch_monitor(enabled);
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_bool(w, "enabled", spdk_framework_context_switch_monitor_enabled());
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("framework_monitor_context_switch", framework_monitor_context_switch,
                  SPDK_RPC_RUNTIME)

struct set_mode {
	uint32_t lcore;
	bool enable;
};

static const struct spdk_json_object_decoder set_mode_decoders[] = {
	{ "lcore", offsetof(struct set_mode, lcore), spdk_json_decode_uint32 },
	{ "enable", offsetof(struct set_mode, enable), spdk_json_decode_bool },
};

static void
mode_set(void *arg, int rc)
{
	struct spdk_jsonrpc_request *request = arg;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(-rc));
	}
}

static void
cal_reactor_set_interrupt_mode(struct spdk_jsonrpc_request *request,
                               const struct spdk_json_val *params)
{
	struct set_mode req = { 0 };
	int rc;

	if (spdk_json_decode_object(params, set_mode_decoders, SPDK_COUNTOF(set_mode_decoders),
	                            &req) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	rc = reactor_set_interrupt_mode(req.lcore, req.enable, mode_set, request);
	if (rc == -EINVAL) {
		spdk_jsonrpc_send_error_response_fmt(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                     "There is no reactor on core %u", req.lcore);
	} else if (rc != 0) {
		mode_set(request, rc);
	}
}
SPDK_RPC_REGISTER("cal_reactor_set_interrupt_mode", cal_reactor_set_interrupt_mode,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
