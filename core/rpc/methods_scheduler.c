/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* framework_set_scheduler, framework_get_scheduler, scheduler_set_options, framework_get_governor.
 * Schedulers and governors belong to the scheduling reactor: what asks or changes them is done
 * there, by an event, and answered on the app thread. */

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/rpc.h"
#include "spdk/scheduler.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "core/reactor/reactor_internal.h"
#include "core/reactor/scheduler_internal.h"
#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"

struct visit {
	struct spdk_jsonrpc_request *request;
	/* On the scheduling reactor. */
	void (*there)(struct visit *visit);
	/* On the app thread, afterwards. */
	void (*back)(struct visit *visit);
	struct spdk_json_write_ctx *w;
	/* Of framework_set_scheduler. */
	const struct spdk_json_val *params; /* the request keeps them until it is answered */
	char *name;
	uint64_t period;
	bool period_given;
	int rc;
};

static void
visit_back(void *ctx)
{
	struct visit *visit = ctx;

	visit->back(visit);
	free(visit->name);
	free(visit);
}

static void
visit_there(void *arg1, void *arg2)
{
	struct visit *visit = arg1;

	visit->there(visit);
	if (spdk_thread_send_msg(spdk_thread_get_app_thread(), visit_back, visit) != 0) {
		/* The app thread has exited, and the request with its link. */
		free(visit->name);
		free(visit);
	}
}

/* Takes the visit, also when it fails. */
static void
visit_begin(struct visit *visit)
{
	struct spdk_event *event = spdk_event_allocate(spdk_scheduler_get_scheduling_lcore(),
	                                               visit_there, visit, NULL);

	if (event != NULL) {
		spdk_event_call(event);
		return;
	}
	spdk_jsonrpc_send_error_response(visit->request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	                                 spdk_strerror(ENOMEM));
	free(visit->name);
	free(visit);
}

static struct visit *
visit_alloc(struct spdk_jsonrpc_request *request)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (visit == NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(ENOMEM));
		return NULL;
	}
	visit->request = request;
	return visit;
}

/* What only tells something: `there` writes the result into the object that is open in visit->w. */
static void
tell_end(struct visit *visit)
{
	spdk_json_write_object_end(visit->w);
	spdk_jsonrpc_end_result(visit->request, visit->w);
}

static void
tell(struct spdk_jsonrpc_request *request, void (*there)(struct visit *visit))
{
	struct visit *visit = visit_alloc(request);

	if (visit == NULL) {
		return;
	}
	visit->there = there;
	visit->back = tell_end;
	visit->w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(visit->w);
	visit_begin(visit);
}

/* --- framework_set_scheduler ------------------------------------------------------------------ */

static int
decode_period(const struct spdk_json_val *val, void *out)
{
	struct visit *visit = SPDK_CONTAINEROF(out, struct visit, period);

	visit->period_given = true;
	return spdk_json_decode_uint64(val, out);
}

static const struct spdk_json_object_decoder set_scheduler_decoders[] = {
	{ "name", offsetof(struct visit, name), spdk_json_decode_string },
	{ "period", offsetof(struct visit, period), decode_period, true },
};

/* What else is in params is the scheduler's business: it takes what it knows. */
static void
set_scheduler(struct visit *visit)
{
	struct spdk_scheduler *scheduler;

	if (visit->period_given) {
		spdk_scheduler_set_period(visit->period);
	}
	visit->rc = spdk_scheduler_set(visit->name);
	scheduler = spdk_scheduler_get();
	if (visit->rc == 0 && scheduler != NULL && scheduler->set_opts != NULL) {
		visit->rc = scheduler->set_opts(visit->params);
	}
}

static void
scheduler_is_set(struct visit *visit)
{
	if (visit->rc == 0) {
		spdk_jsonrpc_send_bool_response(visit->request, true);
	} else if (visit->rc == -ENOENT) {
		spdk_jsonrpc_send_error_response_fmt(visit->request,
		                                     SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "There is no scheduler '%s'", visit->name);
	} else if (visit->rc == -EINVAL) {
		spdk_jsonrpc_send_error_response_fmt(
			visit->request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Scheduler '%s' is set, but its options are not valid", visit->name);
	} else {
		spdk_jsonrpc_send_error_response_fmt(visit->request,
		                                     SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                     "Scheduler '%s' cannot be used: %s",
		                                     visit->name, spdk_strerror(-visit->rc));
	}
}

static void
framework_set_scheduler(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct visit *visit = visit_alloc(request);

	if (visit == NULL) {
		return;
	}
	if (spdk_json_decode_object_relaxed(params, set_scheduler_decoders,
	                                    SPDK_COUNTOF(set_scheduler_decoders), visit)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		free(visit->name);
		free(visit);
		return;
	}
	visit->params = params;
	visit->there = set_scheduler;
	visit->back = scheduler_is_set;
	visit_begin(visit);
}
SPDK_RPC_REGISTER("framework_set_scheduler", framework_set_scheduler,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- framework_get_scheduler ------------------------------------------------------------------ */

static void
get_scheduler(struct visit *visit)
{
	struct spdk_scheduler *scheduler = spdk_scheduler_get();
	struct spdk_governor *governor = spdk_governor_get();
	struct spdk_cpuset isolated;

	spdk_cpuset_copy(&isolated, scheduler_isolated());
	if (scheduler != NULL) {
		spdk_json_write_named_string(visit->w, "scheduler_name", scheduler->name);
	}
	spdk_json_write_named_uint64(visit->w, "scheduler_period", spdk_scheduler_get_period());
	spdk_json_write_named_string(visit->w, "isolated_core_mask", spdk_cpuset_fmt(&isolated));
	spdk_json_write_named_uint32(visit->w, "scheduling_core",
	                             spdk_scheduler_get_scheduling_lcore());
	if (governor != NULL) {
		spdk_json_write_named_string(visit->w, "governor_name", governor->name);
	}
	if (scheduler != NULL && scheduler->get_opts != NULL) {
		scheduler->get_opts(visit->w);
	}
}

static void
framework_get_scheduler(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params,
	                       "'framework_get_scheduler' requires no arguments")) {
		tell(request, get_scheduler);
	}
}
SPDK_RPC_REGISTER("framework_get_scheduler", framework_get_scheduler,
                  SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_get_scheduler)

/* --- scheduler_set_options -------------------------------------------------------------------- */

struct set_options {
	struct spdk_jsonrpc_request *request;
	char *mask_text;
	uint32_t lcore;
};

static const struct spdk_json_object_decoder set_options_decoders[] = {
	{ "isolated_core_mask", offsetof(struct set_options, mask_text), spdk_json_decode_string,
	  true },
	{ "scheduling_core", offsetof(struct set_options, lcore), spdk_json_decode_uint32, true },
};

/* Both or none: 0, -EBUSY while threads are scheduled, or -EINVAL and what is wrong. */
static int
set_options(const struct set_options *req, const char **wrong)
{
	struct spdk_cpuset mask, ours, none;
	int rc;

	spdk_cpuset_copy(&mask, scheduler_isolated());
	if (req->mask_text != NULL && spdk_cpuset_parse(&mask, req->mask_text) != 0) {
		*wrong = "isolated_core_mask is not a CPU mask";
		return -EINVAL;
	}
	spdk_cpuset_copy(&ours, reactors_get_cpuset());
	if (req->lcore >= SPDK_CPUSET_SIZE || !spdk_cpuset_get_cpu(&ours, req->lcore)) {
		*wrong = "scheduling_core is not a core with a reactor";
		return -EINVAL;
	}
	spdk_cpuset_and(&ours, &mask);
	if (!spdk_cpuset_equal(&ours, &mask) || spdk_cpuset_get_cpu(&mask, req->lcore)) {
		*wrong = "isolated_core_mask has cores without a reactor, or the scheduling core";
		return -EINVAL;
	}
	/* So that a core can stop being isolated and become the scheduling one in one call. */
	spdk_cpuset_copy(&ours, scheduler_isolated());
	spdk_cpuset_zero(&none);
	(void)scheduler_isolate(&none);
	rc = scheduler_set_lcore(req->lcore);
	(void)scheduler_isolate(rc == 0 ? &mask : &ours);
	return rc;
}

static void
set_options_try(void *ctx)
{
	struct set_options *req = ctx;
	const char *wrong = NULL;
	int rc;

	rc = set_options(req, &wrong);
	if (rc == -EBUSY && spdk_thread_send_msg(spdk_get_thread(), set_options_try, req) == 0) {
		return; /* a round takes no time */
	}
	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(req->request, true);
	} else {
		spdk_jsonrpc_send_error_response(req->request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 wrong != NULL ? wrong : spdk_strerror(-rc));
	}
	free(req->mask_text);
	free(req);
}

static void
scheduler_set_options(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct set_options *req = calloc(1, sizeof(*req));

	if (req == NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 spdk_strerror(ENOMEM));
		return;
	}
	req->request = request;
	req->lcore = spdk_scheduler_get_scheduling_lcore();
	/* SPDK refuses it without parameters, too, though each is optional. */
	if (params == NULL ||
	    spdk_json_decode_object(params, set_options_decoders,
	                            SPDK_COUNTOF(set_options_decoders), req) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		free(req->mask_text);
		free(req);
		return;
	}
	set_options_try(req);
}
SPDK_RPC_REGISTER("scheduler_set_options", scheduler_set_options, SPDK_RPC_STARTUP)

/* --- framework_get_governor ------------------------------------------------------------------- */

static void
write_core_frequencies(struct spdk_json_write_ctx *w, struct spdk_governor *governor,
                       uint32_t lcore)
{
	uint32_t freqs[SPDK_MAX_LCORE_FREQS], num, i;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "lcore_id", lcore);
	spdk_json_write_named_array_begin(w, "available_frequencies");
	num = governor->get_core_avail_freqs != NULL
	              ? governor->get_core_avail_freqs(lcore, freqs, SPDK_COUNTOF(freqs))
	              : 0;
	for (i = 0; i < num && i < SPDK_COUNTOF(freqs); i++) {
		spdk_json_write_uint32(w, freqs[i]);
	}
	spdk_json_write_array_end(w);
	if (governor->get_core_curr_freq != NULL) {
		spdk_json_write_named_uint32(w, "current_frequency",
		                             governor->get_core_curr_freq(lcore));
	}
	spdk_json_write_object_end(w);
}

static void
get_governor(struct visit *visit)
{
	struct spdk_governor *governor = spdk_governor_get();
	struct spdk_json_write_ctx *w = visit->w;
	struct spdk_reactor *reactor;

	if (governor == NULL) {
		return;
	}
	spdk_json_write_named_string(w, "governor_name", governor->name);
	spdk_json_write_named_object_begin(w, "module_specific");
	if (governor->dump_info_json != NULL) {
		(void)governor->dump_info_json(w);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_named_array_begin(w, "cores");
	for (reactor = reactor_first(); reactor != NULL; reactor = reactor_next(reactor)) {
		write_core_frequencies(w, governor, reactor_get_lcore(reactor));
	}
	spdk_json_write_array_end(w);
}

static void
framework_get_governor(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (!rpc_refuse_params(request, params, "'framework_get_governor' requires no arguments")) {
		tell(request, get_governor);
	}
}
SPDK_RPC_REGISTER("framework_get_governor", framework_get_governor, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(framework_get_governor)
