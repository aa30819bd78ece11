/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* thread_*: what every lightweight thread reports of itself, on itself. A thread may have thousands
 * of pollers, and writing them down must not stall it: a visit writes at most VISIT_ITEMS of them
 * and looks at some more, and as long as something is left the threads are visited again. */

#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk_internal/thread.h"

#include "core/reactor/reactor_internal.h"
#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"
#include "core/thread/poller_longest.h"
#include "core/thread/thread_walk.h"

/* Some 2 µs, either of writing or of finding what is to be written: see README.md. */
#define VISIT_ITEMS 12
#define VISIT_LOOKS 120

struct thread_walk;

/* What is written of a thread: some members, then arrays of items, each of which is in one of them.
 */
struct thread_view {
	void (*write_thread)(struct thread_walk *walk, struct spdk_thread *thread);
	const char *const *groups; /* names of the arrays, NULL-terminated */
	bool counts;               /* the items are counted, and not written */
	void *(*next)(struct spdk_thread *thread, uint64_t *position);
	unsigned (*group_of)(void *item);
	void (*write_item)(struct spdk_json_write_ctx *w, void *item);
};

struct thread_walk {
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
	const struct thread_view *view;
	uint64_t done;   /* id of the last thread that is written; ids grow with time */
	bool unfinished; /* in this round a thread had more than a visit's worth */
	/* The thread that is half written, if one is. */
	bool open;
	uint64_t open_id;
	unsigned group;
	uint64_t position; /* in the present group */
	uint64_t counts[POLLER_NUM_KINDS];
	TAILQ_ENTRY(thread_walk) link;
};

/* The first one is under way: two at a time would make two visits in one turn of a thread. App
 * thread. */
static TAILQ_HEAD(thread_walk_list, thread_walk) g_walks = TAILQ_HEAD_INITIALIZER(g_walks);

static void
close_thread(struct thread_walk *walk)
{
	/* It may have exited in the middle: what is missing then is empty. */
	if (!walk->view->counts) {
		spdk_json_write_array_end(walk->w);
		for (walk->group++; walk->view->groups[walk->group] != NULL; walk->group++) {
			spdk_json_write_named_array_begin(walk->w, walk->view->groups[walk->group]);
			spdk_json_write_array_end(walk->w);
		}
		spdk_json_write_object_end(walk->w);
	}
	walk->open = false;
	walk->done = walk->open_id;
}

static void
open_thread(struct thread_walk *walk, struct spdk_thread *thread)
{
	walk->open = true;
	walk->open_id = spdk_thread_get_id(thread);
	walk->group = 0;
	walk->position = 0;
	memset(walk->counts, 0, sizeof(walk->counts));
	if (!walk->view->counts) {
		spdk_json_write_object_begin(walk->w);
		walk->view->write_thread(walk, thread);
		spdk_json_write_named_array_begin(walk->w, walk->view->groups[0]);
	}
}

/* Write on where the last visit stopped. Returns whether the thread is done. */
static bool
write_groups(struct thread_walk *walk, struct spdk_thread *thread)
{
	const struct thread_view *view = walk->view;
	unsigned looks = VISIT_LOOKS, items = VISIT_ITEMS;
	void *item;

	for (; looks > 0 && items > 0; looks--) {
		item = view->next(thread, &walk->position);
		if (item != NULL) {
			if (view->group_of(item) == walk->group) {
				view->write_item(walk->w, item);
				items--;
			}
			continue;
		}
		if (view->groups[walk->group + 1] == NULL) {
			return true;
		}
		spdk_json_write_array_end(walk->w);
		walk->group++;
		walk->position = 0;
		spdk_json_write_named_array_begin(walk->w, view->groups[walk->group]);
	}
	return false;
}

/* Count on where the last visit stopped, and write the thread when all is counted. */
static bool
count_items(struct thread_walk *walk, struct spdk_thread *thread)
{
	unsigned looks = VISIT_LOOKS;
	void *item;

	while (looks-- > 0) {
		item = walk->view->next(thread, &walk->position);
		if (item == NULL) {
			spdk_json_write_object_begin(walk->w);
			walk->view->write_thread(walk, thread);
			spdk_json_write_object_end(walk->w);
			return true;
		}
		walk->counts[walk->view->group_of(item)]++;
	}
	return false;
}

static void
visit(void *ctx)
{
	struct thread_walk *walk = ctx;
	struct spdk_thread *thread = spdk_get_thread();
	uint64_t id = spdk_thread_get_id(thread);

	if (walk->unfinished || id <= walk->done) {
		return;
	}
	if (walk->open && walk->open_id != id) {
		close_thread(walk);
	}
	if (!walk->open) {
		open_thread(walk, thread);
	}
	if (walk->view->counts ? count_items(walk, thread) : write_groups(walk, thread)) {
		close_thread(walk);
	} else {
		walk->unfinished = true;
	}
}

static void walk_begin(struct thread_walk *walk);

static void
walk_end(struct thread_walk *walk)
{
	TAILQ_REMOVE(&g_walks, walk, link);
	free(walk);
	if (!TAILQ_EMPTY(&g_walks)) {
		walk_begin(TAILQ_FIRST(&g_walks));
	}
}

static void
round_done(void *ctx)
{
	struct thread_walk *walk = ctx;

	if (!rpc_request_is_awaited(walk->request)) {
		/* Nobody hears of it. */
		spdk_jsonrpc_send_error_response(walk->request, -ECANCELED,
		                                 spdk_strerror(ECANCELED));
		walk_end(walk);
		return;
	}
	if (walk->unfinished) {
		walk->unfinished = false;
		spdk_for_each_thread(visit, walk, round_done);
		return;
	}
	if (walk->open) {
		close_thread(walk);
	}
	spdk_json_write_array_end(walk->w);
	spdk_json_write_object_end(walk->w);
	spdk_jsonrpc_end_result(walk->request, walk->w);
	walk_end(walk);
}

static void
walk_begin(struct thread_walk *walk)
{
	walk->w = spdk_jsonrpc_begin_result(walk->request);
	spdk_json_write_object_begin(walk->w);
	spdk_json_write_named_uint64(walk->w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_array_begin(walk->w, "threads");
	spdk_for_each_thread(visit, walk, round_done);
}

static void
walk_threads(struct spdk_jsonrpc_request *request, const struct thread_view *view)
{
	struct thread_walk *walk = calloc(1, sizeof(*walk));
	bool alone = TAILQ_EMPTY(&g_walks);

	if (walk == NULL) {
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	walk->request = request;
	walk->view = view;
	TAILQ_INSERT_TAIL(&g_walks, walk, link);
	if (alone) {
		walk_begin(walk);
	}
}

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
write_thread_stats(struct thread_walk *walk, struct spdk_thread *thread)
{
	struct spdk_json_write_ctx *w = walk->w;
	struct spdk_thread_stats stats = { 0, 0 };

	spdk_thread_get_stats(&stats);
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
	spdk_json_write_named_string(w, "cpumask",
	                             spdk_cpuset_fmt(spdk_thread_get_cpumask(thread)));
	spdk_json_write_named_uint64(w, "busy", stats.busy_tsc);
	spdk_json_write_named_uint64(w, "idle", stats.idle_tsc);
	spdk_json_write_named_uint64(w, "active_pollers_count", walk->counts[POLLER_IS_ACTIVE]);
	spdk_json_write_named_uint64(w, "timed_pollers_count", walk->counts[POLLER_IS_TIMED]);
	spdk_json_write_named_uint64(w, "paused_pollers_count", walk->counts[POLLER_IS_PAUSED]);
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
		walk_threads(request, &stats_view);
	}
}
SPDK_RPC_REGISTER("thread_get_stats", thread_get_stats, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(thread_get_stats)

/* --- thread_get_pollers ----------------------------------------------------------------------- */

static void
write_thread_id(struct thread_walk *walk, struct spdk_thread *thread)
{
	spdk_json_write_named_string(walk->w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(walk->w, "id", spdk_thread_get_id(thread));
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
		walk_threads(request, &pollers_view);
	}
}
SPDK_RPC_REGISTER("thread_get_pollers", thread_get_pollers, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(thread_get_pollers)

/* --- cal_thread_get_pollers ------------------------------------------------------------------- */

static void
write_thread_longest(struct thread_walk *walk, struct spdk_thread *thread)
{
	write_thread_id(walk, thread);
	spdk_json_write_named_uint64(walk->w, "longest_turn_ticks",
	                             thread_get_longest_turn(thread));
	spdk_json_write_named_uint32(walk->w, "timed_turns", POLLER_TIMED_TURNS);
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
		walk_threads(request, &longest_view);
	}
}
SPDK_RPC_REGISTER("cal_thread_get_pollers", cal_thread_get_pollers, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(cal_thread_get_pollers)

/* --- thread_get_io_channels ------------------------------------------------------------------- */

static void
write_thread_name(struct thread_walk *walk, struct spdk_thread *thread)
{
	spdk_json_write_named_string(walk->w, "name", spdk_thread_get_name(thread));
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
		walk_threads(request, &channels_view);
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
