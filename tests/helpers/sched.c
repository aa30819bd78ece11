/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application whose threads are as busy as they are told to be, for
 * tests/integration/scheduler.py. Its methods: test_thread_create, test_thread_active,
 * test_thread_delete; test_forget leaves the thread of that id to the end of the application. */

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define WINDOW_US 1000 /* of which a thread is busy its percentage */

struct busy_thread {
	struct spdk_thread *thread;
	struct spdk_poller *poller;
	uint32_t active; /* percent; written by the app thread */
	uint64_t window; /* began */
	bool forgotten;
	TAILQ_ENTRY(busy_thread) link;
};
static TAILQ_HEAD(, busy_thread) g_threads = TAILQ_HEAD_INITIALIZER(g_threads);

static int
be_busy(void *arg)
{
	struct busy_thread *busy = arg;
	uint64_t hz = spdk_get_ticks_hz(), now = spdk_get_ticks();
	uint64_t share = __atomic_load_n(&busy->active, __ATOMIC_RELAXED);

	if (now - busy->window < hz / 1000000 * WINDOW_US || share == 0) {
		return SPDK_POLLER_IDLE;
	}
	busy->window = now;
	while (spdk_get_ticks() - now < hz / 1000000 * WINDOW_US / 100 * share) {
	}
	return SPDK_POLLER_BUSY;
}

static void
begin(void *ctx)
{
	struct busy_thread *busy = ctx;

	busy->poller = SPDK_POLLER_REGISTER(be_busy, busy, 0);
}

static void
end(void *ctx)
{
	struct busy_thread *busy = ctx;

	spdk_poller_unregister(&busy->poller);
	spdk_thread_exit(spdk_get_thread());
	free(busy);
}

/* --- methods ---------------------------------------------------------------------------------- */

struct call {
	char *name;
	char *mask;
	uint64_t id;
	uint32_t active;
};

static const struct spdk_json_object_decoder create_decoders[] = {
	{ "name", offsetof(struct call, name), spdk_json_decode_string },
	{ "cpumask", offsetof(struct call, mask), spdk_json_decode_string, true },
	{ "active", offsetof(struct call, active), spdk_json_decode_uint32 },
};

static void
refuse(struct spdk_jsonrpc_request *request)
{
	spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "params");
}

static void
test_thread_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct busy_thread *busy = calloc(1, sizeof(*busy));
	struct spdk_json_write_ctx *w;
	struct spdk_cpuset mask;
	struct call call = { 0 };

	if (busy == NULL ||
	    spdk_json_decode_object(params, create_decoders, SPDK_COUNTOF(create_decoders),
	                            &call) != 0 ||
	    (call.mask != NULL && spdk_cpuset_parse(&mask, call.mask) != 0)) {
		refuse(request);
		free(busy);
	} else {
		busy->active = call.active;
		busy->thread = spdk_thread_create(call.name, call.mask != NULL ? &mask : NULL);
		spdk_thread_send_msg(busy->thread, begin, busy);
		TAILQ_INSERT_TAIL(&g_threads, busy, link);
		w = spdk_jsonrpc_begin_result(request);
		spdk_json_write_uint64(w, spdk_thread_get_id(busy->thread));
		spdk_jsonrpc_end_result(request, w);
	}
	free(call.name);
	free(call.mask);
}
SPDK_RPC_REGISTER("test_thread_create", test_thread_create, SPDK_RPC_RUNTIME)

static const struct spdk_json_object_decoder id_decoders[] = {
	{ "id", offsetof(struct call, id), spdk_json_decode_uint64 },
	{ "active", offsetof(struct call, active), spdk_json_decode_uint32, true },
};

/* The thread that params name; answers when there is none. */
static struct busy_thread *
find(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params, struct call *call)
{
	struct busy_thread *busy = NULL;

	if (spdk_json_decode_object(params, id_decoders, SPDK_COUNTOF(id_decoders), call) == 0) {
		TAILQ_FOREACH (busy, &g_threads, link) {
			if (spdk_thread_get_id(busy->thread) == call->id) {
				return busy;
			}
		}
	}
	refuse(request);
	return NULL;
}

static void
test_thread_active(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct call call = { 0 };
	struct busy_thread *busy = find(request, params, &call);

	if (busy != NULL) {
		__atomic_store_n(&busy->active, call.active, __ATOMIC_RELAXED);
		spdk_jsonrpc_send_bool_response(request, true);
	}
}
SPDK_RPC_REGISTER("test_thread_active", test_thread_active, SPDK_RPC_RUNTIME)

static void
test_thread_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct call call = { 0 };
	struct busy_thread *busy = find(request, params, &call);

	if (busy != NULL) {
		TAILQ_REMOVE(&g_threads, busy, link);
		spdk_thread_send_msg(busy->thread, end, busy);
		spdk_jsonrpc_send_bool_response(request, true);
	}
}
SPDK_RPC_REGISTER("test_thread_delete", test_thread_delete, SPDK_RPC_RUNTIME)

static void
unregister(void *ctx)
{
	struct busy_thread *busy = ctx;

	spdk_poller_unregister(&busy->poller);
}

static void
test_forget(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct call call = { 0 };
	struct busy_thread *busy = find(request, params, &call);

	if (busy != NULL) {
		busy->forgotten = true;
		spdk_thread_send_msg(busy->thread, unregister, busy);
		spdk_jsonrpc_send_bool_response(request, true);
	}
}
SPDK_RPC_REGISTER("test_forget", test_forget, SPDK_RPC_RUNTIME)

/* --- the application -------------------------------------------------------------------------- */

static void
shut_down(void)
{
	struct busy_thread *busy, *next;

	TAILQ_FOREACH_SAFE (busy, &g_threads, link, next) {
		if (!busy->forgotten) {
			TAILQ_REMOVE(&g_threads, busy, link);
			spdk_thread_send_msg(busy->thread, end, busy);
		}
	}
	spdk_app_stop(0);
}

static void
start(void *ctx)
{
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts;
	struct busy_thread *busy;
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "sched";
	opts.shutdown_cb = shut_down;
	rc = spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL);
	if (rc != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 1;
	}
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	while ((busy = TAILQ_FIRST(&g_threads)) != NULL) {
		TAILQ_REMOVE(&g_threads, busy, link);
		free(busy);
	}
	return rc == 0 ? 0 : 1;
}
