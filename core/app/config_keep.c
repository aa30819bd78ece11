/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* --state-dir, in the primary: changes of the configuration are counted, and the answer of a method
 * that made one waits until the configuration service has said that everything up to its count is
 * on the disk. Any number of them wait for one write. Nobody waits for long: without a service, or
 * when it cannot write, answers go out and it is said that changes are not kept, until they are
 * again.
 *
 * What changes otherwise (an application's own calls, a device that is gone) is found by the
 * notifications of the block layer, once a second, or with the next change; and everything at the
 * stop. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/app/app_internal.h"
#include "core/app/app_private.h"
#include "core/rpc/rpc_server.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/notify.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* How long an answer, or a stop, waits for the service. */
#define PATIENCE_US   1000000ull
#define LOOK_EVERY_US 100000ull
/* How often notifications are looked at. */
#define WATCH_EVERY_US 1000000ull
/* Answers that go out at a stretch. */
#define MAX_RELEASE 8

struct parked {
	struct spdk_jsonrpc_request *request;
	uint64_t change; /* of this count */
	uint64_t since;  /* ticks */
	STAILQ_ENTRY(parked) link;
};

static struct {
	bool on;      /* --state-dir was given, and the last snapshot has not been taken */
	bool loaded;  /* the configuration is: snapshots can be taken */
	bool failing; /* changes are not kept, and it was said */
	uint64_t changes;
	uint64_t kept;
	char digest[24]; /* of the configuration that was last looked at, as the service says it */
	STAILQ_HEAD(parked_list, parked) parked;
	bool releasing;                        /* a message will go on */
	uint64_t release_up_to;                /* count */
	struct spdk_jsonrpc_request *listener; /* cal_config_changes, waits */
	struct spdk_poller *patience;
	struct spdk_poller *watch;
	uint64_t next_event;

	/* the last snapshot */
	bool final;
	uint64_t final_change;
	uint64_t final_since;
	spdk_msg_fn final_fn;
	void *final_ctx;
} g_keep = { .parked = STAILQ_HEAD_INITIALIZER(g_keep.parked) };

static uint64_t
ticks(uint64_t us)
{
	return us * (spdk_get_ticks_hz() / 1000000);
}

/* --- the service is told ---------------------------------------------------------------------- */

/* cal_config_changes is answered, also into nothing when its link has ended. */
static void
listener_answer(void)
{
	struct spdk_jsonrpc_request *request = g_keep.listener;
	struct spdk_json_write_ctx *w;

	if (request == NULL) {
		return;
	}
	g_keep.listener = NULL;
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint64(w, "changes", g_keep.changes);
	/* The last look counts as one, whether anything has changed or not. */
	spdk_json_write_named_bool(w, "final", g_keep.final);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

/* --- answers that wait ------------------------------------------------------------------------ */

static int look(void *ctx);

static void
look_soon(void)
{
	if (g_keep.patience == NULL) {
		g_keep.patience = SPDK_POLLER_REGISTER(look, NULL, LOOK_EVERY_US);
	}
}

/* The stop closes the links: what was parked is on its way before that. */
static void
final_go_on(void)
{
	spdk_msg_fn fn = g_keep.final_fn;

	if (!g_keep.on && fn != NULL && STAILQ_EMPTY(&g_keep.parked)) {
		g_keep.final_fn = NULL;
		fn(g_keep.final_ctx);
	}
}

static void
release_some(void *ctx)
{
	struct parked *parked;
	unsigned n;

	g_keep.releasing = false;
	for (n = 0; (parked = STAILQ_FIRST(&g_keep.parked)) != NULL &&
	            parked->change <= g_keep.release_up_to;
	     n++) {
		if (n == MAX_RELEASE) {
			g_keep.releasing = true;
			if (spdk_thread_send_msg(spdk_get_thread(), release_some, NULL) == 0) {
				return;
			}
			g_keep.releasing = false;
		}
		STAILQ_REMOVE_HEAD(&g_keep.parked, link);
		rpc_request_release(parked->request);
		free(parked);
	}
	final_go_on();
}

static void
release(uint64_t up_to)
{
	if (up_to > g_keep.release_up_to) {
		g_keep.release_up_to = up_to;
	}
	if (!g_keep.releasing) {
		release_some(NULL);
	}
}

static void
not_kept(const char *why)
{
	if (!g_keep.failing) {
		g_keep.failing = true;
		SPDK_WARNLOG("Changes of the configuration are made, but not kept: %s\n", why);
	}
	app_state_error("changes of the configuration are not kept: %s", why);
}

static void
final_end(void)
{
	g_keep.on = false;
	spdk_poller_unregister(&g_keep.patience);
	release(UINT64_MAX);
}

static int
look(void *ctx)
{
	struct parked *parked = STAILQ_FIRST(&g_keep.parked);
	uint64_t now = spdk_get_ticks();

	if (g_keep.final && now - g_keep.final_since > ticks(PATIENCE_US)) {
		not_kept("cal-confd does not answer; see calctl logs confd");
		final_end();
		return SPDK_POLLER_BUSY;
	}
	if (parked == NULL && !g_keep.final) {
		spdk_poller_unregister(&g_keep.patience);
	} else if (parked != NULL && now - parked->since > ticks(PATIENCE_US)) {
		not_kept("cal-confd does not answer; see calctl logs confd");
		release(g_keep.changes);
	}
	return SPDK_POLLER_BUSY;
}

bool
config_keep_answer(struct spdk_jsonrpc_request *request, bool ok)
{
	struct parked *parked;

	if (!g_keep.on || !ok || !rpc_request_may_change(request) ||
	    strcmp(rpc_request_method(request), "framework_start_init") == 0) {
		return false;
	}
	g_keep.changes++;
	/* Before it is loaded there is nobody to take a snapshot: it follows right after. */
	parked = g_keep.failing || !g_keep.loaded ? NULL : calloc(1, sizeof(*parked));
	if (parked != NULL) {
		parked->request = request;
		parked->change = g_keep.changes;
		parked->since = spdk_get_ticks();
		STAILQ_INSERT_TAIL(&g_keep.parked, parked, link);
		look_soon();
	}
	listener_answer();
	return parked != NULL;
}

/* --- changes that no method made -------------------------------------------------------------- */

static int
event_seen(uint64_t index, const struct spdk_notify_event *event, void *ctx)
{
	g_keep.next_event = index + 1;
	return 0;
}

static int
watch_events(void *ctx)
{
	if (spdk_notify_foreach_event(g_keep.next_event, UINT64_MAX, event_seen, NULL) == 0) {
		return SPDK_POLLER_IDLE;
	}
	g_keep.changes++;
	listener_answer();
	return SPDK_POLLER_BUSY;
}

/* --- begin and end ---------------------------------------------------------------------------- */

void
config_keep_begin(bool on)
{
	memset(&g_keep, 0, sizeof(g_keep));
	STAILQ_INIT(&g_keep.parked);
	g_keep.on = on;
}

void
config_keep_loaded(void)
{
	if (!g_keep.on) {
		return;
	}
	g_keep.loaded = true;
	spdk_notify_foreach_event(0, UINT64_MAX, event_seen, NULL);
	g_keep.watch = SPDK_POLLER_REGISTER(watch_events, NULL, WATCH_EVERY_US);
}

void
config_keep_final(spdk_msg_fn fn, void *ctx)
{
	if (!g_keep.on || !g_keep.loaded || g_keep.final) {
		fn(ctx);
		return;
	}
	spdk_poller_unregister(&g_keep.watch);
	g_keep.final = true;
	g_keep.final_change = ++g_keep.changes;
	g_keep.final_since = spdk_get_ticks();
	g_keep.final_fn = fn;
	g_keep.final_ctx = ctx;
	look_soon();
	listener_answer();
}

void
config_keep_stop(void)
{
	spdk_poller_unregister(&g_keep.watch);
	final_end();
	listener_answer();
}

void
config_keep_write(struct spdk_json_write_ctx *w)
{
	if (!g_keep.on) {
		return;
	}
	spdk_json_write_named_uint64(w, "kept", g_keep.kept);
	spdk_json_write_named_uint64(w, "changes", g_keep.changes);
	if (g_keep.digest[0] != '\0') {
		spdk_json_write_named_string(w, "digest", g_keep.digest);
	}
}

/* --- methods ---------------------------------------------------------------------------------- */

static const struct spdk_json_object_decoder g_changes_decoders[] = {
	{ "kept", 0, spdk_json_decode_uint64 },
};

static void
rpc_config_changes(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	uint64_t kept;

	if (spdk_json_decode_object(params, g_changes_decoders, SPDK_COUNTOF(g_changes_decoders),
	                            &kept) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "kept is required: the count of the last answer");
		return;
	}
	if (!g_keep.on || !g_keep.loaded) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 "No configuration is kept: see --state-dir");
		return;
	}
	/* One listens: the service that asked last. */
	listener_answer();
	g_keep.listener = request;
	if (g_keep.changes != kept) {
		listener_answer();
	}
}
SPDK_RPC_REGISTER("cal_config_changes", rpc_config_changes, SPDK_RPC_RUNTIME)

struct kept_params {
	uint64_t changes;
	char *digest;
	char *error;
};

static const struct spdk_json_object_decoder g_kept_decoders[] = {
	{ "changes", offsetof(struct kept_params, changes), spdk_json_decode_uint64 },
	{ "digest", offsetof(struct kept_params, digest), spdk_json_decode_string, true },
	{ "error", offsetof(struct kept_params, error), spdk_json_decode_string, true },
};

static void
keep_noted(const struct kept_params *p)
{
	if (p->error != NULL) {
		not_kept(p->error);
	} else {
		if (g_keep.failing) {
			g_keep.failing = false;
			SPDK_NOTICELOG("Changes of the configuration are kept again\n");
			app_state_error("%s", "");
		}
		g_keep.kept = p->changes;
	}
	if (p->digest != NULL) {
		snprintf(g_keep.digest, sizeof(g_keep.digest), "%s", p->digest);
	}
	if (g_keep.final && p->changes >= g_keep.final_change) {
		final_end();
	} else {
		release(p->changes);
	}
}

static void
rpc_config_kept(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct kept_params p = {};

	if (spdk_json_decode_object(params, g_kept_decoders, SPDK_COUNTOF(g_kept_decoders), &p) !=
	            0 ||
	    (p.error == NULL) == (p.digest == NULL)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "changes and either digest or error are required: "
		                                 "what is kept, or why not");
	} else if (!g_keep.on || p.changes > g_keep.changes) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
		                                 "No such change waits to be kept");
	} else {
		spdk_jsonrpc_send_bool_response(request, true);
		keep_noted(&p);
	}
	free(p.digest);
	free(p.error);
}
SPDK_RPC_REGISTER("cal_config_kept", rpc_config_kept, SPDK_RPC_RUNTIME)
