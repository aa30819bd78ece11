/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* bdev_get_iostat, bdev_reset_iostat. Parameters, results and error codes are SPDK's, as observed
 * on v26.05. The devices are asked one after another, each on the threads that have channels of it;
 * what they answered is written in steps of a walk. */

#include "bdev_internal.h"
#include "core/rpc/methods.h"
#include "core/rpc/rpc_server.h"
#include "core/rpc/rpc_walk.h"
#include "spdk/rpc.h"
#include "spdk/string.h"

#define DECODE_FAILED "spdk_json_decode_object failed"
#define MAX_NAMES     1024

/* --- writing ---------------------------------------------------------------------------------- */

/* What was never measured is 0, not the value the search for the shortest began with. */
static uint64_t
min_shown(uint64_t min_ticks)
{
	return min_ticks == UINT64_MAX ? 0 : min_ticks;
}

static const char *
status_name(int index)
{
	static const char *const names[BDEV_NUM_ERROR_STATUS] = {
		"failed",     "nvme_error",         "scsi_error", "nomem",
		"miscompare", "first_fused_failed", "aborted",    "aio_error",
	};

	return names[index];
}

void
spdk_bdev_dump_io_stat_json(struct spdk_bdev_io_stat *stat, struct spdk_json_write_ctx *w)
{
	int i;

	spdk_json_write_named_uint64(w, "bytes_read", stat->bytes_read);
	spdk_json_write_named_uint64(w, "num_read_ops", stat->num_read_ops);
	spdk_json_write_named_uint64(w, "bytes_written", stat->bytes_written);
	spdk_json_write_named_uint64(w, "num_write_ops", stat->num_write_ops);
	spdk_json_write_named_uint64(w, "bytes_unmapped", stat->bytes_unmapped);
	spdk_json_write_named_uint64(w, "num_unmap_ops", stat->num_unmap_ops);
	spdk_json_write_named_uint64(w, "bytes_copied", stat->bytes_copied);
	spdk_json_write_named_uint64(w, "num_copy_ops", stat->num_copy_ops);
#define WRITE_LATENCY(op)                                                                        \
	do {                                                                                     \
		spdk_json_write_named_uint64(w, #op "_latency_ticks", stat->op##_latency_ticks); \
		spdk_json_write_named_uint64(w, "max_" #op "_latency_ticks",                     \
		                             stat->max_##op##_latency_ticks);                    \
		spdk_json_write_named_uint64(w, "min_" #op "_latency_ticks",                     \
		                             min_shown(stat->min_##op##_latency_ticks));         \
	} while (0)
	WRITE_LATENCY(read);
	WRITE_LATENCY(write);
	WRITE_LATENCY(unmap);
	WRITE_LATENCY(copy);
#undef WRITE_LATENCY
	if (stat->io_error == NULL) {
		return;
	}
	spdk_json_write_named_object_begin(w, "io_error");
	for (i = 0; i < BDEV_NUM_ERROR_STATUS; i++) {
		if (stat->io_error->error_status[i] != 0) {
			spdk_json_write_named_uint32(w, status_name(i),
			                             stat->io_error->error_status[i]);
		}
	}
	spdk_json_write_object_end(w);
}

/* --- parameters ------------------------------------------------------------------------------- */

struct name_list {
	size_t count;
	char *names[MAX_NAMES];
};

static int
decode_names(const struct spdk_json_val *val, void *out)
{
	struct name_list *list = out;

	return spdk_json_decode_array(val, spdk_json_decode_string, list->names, MAX_NAMES,
	                              &list->count, sizeof(char *));
}

static int
decode_reset_mode(const struct spdk_json_val *val, void *out)
{
	static const char *const names[] = { "all", "maxmin", "error", "none" };
	int i = rpc_decode_word(val, names, SPDK_COUNTOF(names));

	if (i < 0) {
		return -EINVAL;
	}
	*(enum spdk_bdev_reset_stat_mode *)out = (enum spdk_bdev_reset_stat_mode)i;
	return 0;
}

/* What one channel has counted. */
struct channel_stat {
	uint64_t thread_id;
	struct spdk_bdev_io_stat *stat;
	STAILQ_ENTRY(channel_stat) link;
};

/* One request: the devices to be asked, and what the present one has answered. */
struct iostat_req {
	struct name_list list; /* none: all devices */
	bool per_channel;
	bool reset_only;
	enum spdk_bdev_reset_stat_mode mode;
	struct spdk_jsonrpc_request *request;
	struct rpc_walk walk;
	struct bdev_cursor cursor; /* over all devices */
	bool has_cursor;
	size_t checked;              /* names that are known to be there */
	size_t next;                 /* name */
	struct spdk_bdev_desc *desc; /* of the device that is asked, or written about */
	bool answered;
	int rc; /* of its answer */
	struct spdk_bdev_io_stat *stat;
	STAILQ_HEAD(channel_stat_list, channel_stat) channels;
};

static const struct spdk_json_object_decoder iostat_decoders[] = {
	{ "names", offsetof(struct iostat_req, list), decode_names, true },
	{ "per_channel", offsetof(struct iostat_req, per_channel), spdk_json_decode_bool, true },
	{ "reset_mode", offsetof(struct iostat_req, mode), decode_reset_mode, true },
};

static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
req_close(struct iostat_req *req)
{
	if (req->desc != NULL) {
		spdk_bdev_close(req->desc);
		req->desc = NULL;
	}
}

static void
channel_stat_free(struct channel_stat *cs)
{
	bdev_stat_free(cs->stat);
	free(cs);
}

static void
req_free(struct iostat_req *req)
{
	struct channel_stat *cs;
	size_t i;

	while ((cs = STAILQ_FIRST(&req->channels)) != NULL) {
		STAILQ_REMOVE_HEAD(&req->channels, link);
		channel_stat_free(cs);
	}
	req_close(req);
	if (req->has_cursor) {
		bdev_cursor_end(&req->cursor);
	}
	for (i = 0; i < MAX_NAMES; i++) {
		free(req->list.names[i]);
	}
	bdev_stat_free(req->stat);
	free(req);
}

static struct iostat_req *
req_of(struct rpc_walk *walk)
{
	return SPDK_CONTAINEROF(walk, struct iostat_req, walk);
}

static void
req_end(struct rpc_walk *walk)
{
	req_free(req_of(walk));
}

static int
req_open(struct iostat_req *req, const char *name)
{
	return spdk_bdev_open_ext(name, false, ignore_event, NULL, &req->desc);
}

static void
result_begin(struct rpc_walk *walk)
{
	walk->w = spdk_jsonrpc_begin_result(walk->request);
	spdk_json_write_object_begin(walk->w);
	spdk_json_write_named_uint64(walk->w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_uint64(walk->w, "ticks", spdk_get_ticks());
}

static void
result_end(struct rpc_walk *walk)
{
	spdk_json_write_array_end(walk->w);
	spdk_json_write_object_end(walk->w);
	spdk_jsonrpc_end_result(walk->request, walk->w);
}

/* --- whole devices ---------------------------------------------------------------------------- */

static void
devices_begin(struct rpc_walk *walk)
{
	struct iostat_req *req = req_of(walk);

	if (req->list.count == 0) {
		bdev_cursor_begin(&req->cursor);
		req->has_cursor = true;
	}
	if (!req->reset_only) {
		result_begin(walk);
		spdk_json_write_named_array_begin(walk->w, "bdevs");
	}
}

static void
device_answered(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *arg, int rc)
{
	struct iostat_req *req = arg;

	req->answered = true;
	req->rc = rc;
	rpc_walk_go_on(&req->walk);
}

static void
device_write(struct iostat_req *req, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(req->desc);

	if (req->rc == 0 && !req->reset_only) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "name", bdev->name);
		spdk_bdev_dump_io_stat_json(req->stat, w);
		if (bdev->fn_table->dump_device_stat_json != NULL) {
			spdk_json_write_named_object_begin(w, "driver_specific");
			bdev->fn_table->dump_device_stat_json(bdev->ctxt, w);
			spdk_json_write_object_end(w);
		}
		spdk_json_write_object_end(w);
	}
	if (req->mode != SPDK_BDEV_RESET_STAT_NONE && bdev->fn_table->reset_device_stat != NULL) {
		bdev->fn_table->reset_device_stat(bdev->ctxt);
	}
}

/* Open the next device. Returns 1 when there is none. */
static int
device_next(struct iostat_req *req)
{
	struct spdk_bdev *bdev;
	char *name;
	int rc;

	if (req->has_cursor) {
		bdev = bdev_cursor_next(&req->cursor);
		return bdev != NULL ? req_open(req, bdev->name) : 1;
	}
	if (req->next == req->list.count) {
		return 1;
	}
	name = req->list.names[req->next];
	req->list.names[req->next++] = NULL;
	rc = req_open(req, name);
	free(name);
	return rc;
}

static int
devices_step(struct rpc_walk *walk)
{
	struct iostat_req *req = req_of(walk);
	int rc;

	if (req->answered) {
		req->answered = false;
		device_write(req, walk->w);
		req_close(req);
		return RPC_WALK_MORE;
	}
	/* Nobody is asked, and nothing is reset, before all names are known to be there. */
	if (req->checked < req->list.count) {
		rc = req_open(req, req->list.names[req->checked++]);
		req_close(req);
		return rc != 0 ? rc : RPC_WALK_MORE;
	}
	rc = device_next(req);
	if (rc > 0) {
		return RPC_WALK_DONE;
	}
	if (rc < 0) {
		return rc == -ENODEV && req->has_cursor ? RPC_WALK_MORE : rc;
	}
	spdk_bdev_get_device_stat(spdk_bdev_desc_get_bdev(req->desc), req->stat, req->mode,
	                          device_answered, req);
	return RPC_WALK_WAIT;
}

static void
devices_answer(struct rpc_walk *walk)
{
	if (req_of(walk)->reset_only) {
		spdk_jsonrpc_send_bool_response(walk->request, true);
	} else {
		result_end(walk);
	}
}

static const struct rpc_walk_ops devices_ops = {
	.begin = devices_begin,
	.step = devices_step,
	.answer = devices_answer,
	.end = req_end,
};

/* --- channel by channel ----------------------------------------------------------------------- */

/* The answer is written by the app thread only, when the walk over the channels has ended. It is on
 * one thread at a time, so the list needs no lock. */
static void
channel_visit(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch,
              void *ctx)
{
	struct iostat_req *req = ctx;
	struct channel_stat *cs = calloc(1, sizeof(*cs));

	if (cs == NULL || (cs->stat = bdev_stat_alloc()) == NULL) {
		free(cs);
		spdk_bdev_for_each_channel_continue(i, -ENOMEM);
		return;
	}
	cs->thread_id = spdk_thread_get_id(spdk_get_thread());
	spdk_bdev_get_io_stat(bdev, ch, cs->stat, req->mode);
	STAILQ_INSERT_TAIL(&req->channels, cs, link);
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
channels_visited(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct iostat_req *req = ctx;

	req->answered = true;
	req->rc = rc;
	rpc_walk_go_on(&req->walk);
}

static int
channels_step(struct rpc_walk *walk)
{
	struct iostat_req *req = req_of(walk);
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(req->desc);
	struct channel_stat *cs;

	if (!req->answered) {
		spdk_bdev_for_each_channel(bdev, channel_visit, req, channels_visited);
		return RPC_WALK_WAIT;
	}
	if (req->rc != 0) {
		return req->rc;
	}
	if (walk->w == NULL) {
		result_begin(walk);
		spdk_json_write_named_string(walk->w, "name", bdev->name);
		spdk_json_write_named_array_begin(walk->w, "channels");
	}
	cs = STAILQ_FIRST(&req->channels);
	if (cs == NULL) {
		return RPC_WALK_DONE;
	}
	STAILQ_REMOVE_HEAD(&req->channels, link);
	spdk_json_write_object_begin(walk->w);
	spdk_json_write_named_uint64(walk->w, "thread_id", cs->thread_id);
	spdk_bdev_dump_io_stat_json(cs->stat, walk->w);
	spdk_json_write_object_end(walk->w);
	channel_stat_free(cs);
	return RPC_WALK_MORE;
}

static const struct rpc_walk_ops channels_ops = {
	.step = channels_step,
	.answer = result_end,
	.end = req_end,
};

/* --- the methods ------------------------------------------------------------------------------ */

static struct iostat_req *
req_alloc(struct spdk_jsonrpc_request *request)
{
	struct iostat_req *req = calloc(1, sizeof(*req));

	if (req == NULL) {
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return NULL;
	}
	req->request = request;
	STAILQ_INIT(&req->channels);
	req->stat = bdev_stat_alloc();
	if (req->stat == NULL) {
		free(req);
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return NULL;
	}
	return req;
}

static void
rpc_bdev_get_iostat(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct iostat_req *req = req_alloc(request);
	int rc;

	if (req == NULL) {
		return;
	}
	req->mode = SPDK_BDEV_RESET_STAT_NONE;
	if (params != NULL &&
	    spdk_json_decode_object(params, iostat_decoders, SPDK_COUNTOF(iostat_decoders), req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 DECODE_FAILED);
		req_free(req);
		return;
	}
	if (req->mode != SPDK_BDEV_RESET_STAT_NONE && rpc_request_refuse_monitor(request)) {
		req_free(req);
		return;
	}
	if (!req->per_channel) {
		rpc_walk_start(&req->walk, &devices_ops, request);
		return;
	}
	rc = req->list.count != 1 ? -EINVAL : req_open(req, req->list.names[0]);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		req_free(req);
		return;
	}
	rpc_walk_start(&req->walk, &channels_ops, request);
}
SPDK_RPC_REGISTER("bdev_get_iostat", rpc_bdev_get_iostat, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(bdev_get_iostat)

static const struct spdk_json_object_decoder reset_iostat_decoders[] = {
	{ "name", offsetof(struct iostat_req, list.names), spdk_json_decode_string, true },
	{ "mode", offsetof(struct iostat_req, mode), decode_reset_mode, true },
};

static void
rpc_bdev_reset_iostat(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct iostat_req *req = req_alloc(request);

	if (req == NULL) {
		return;
	}
	req->reset_only = true;
	req->mode = SPDK_BDEV_RESET_STAT_ALL;
	if (params != NULL && spdk_json_decode_object(params, reset_iostat_decoders,
	                                              SPDK_COUNTOF(reset_iostat_decoders), req)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		                                 DECODE_FAILED);
		req_free(req);
		return;
	}
	req->list.count = req->list.names[0] != NULL ? 1 : 0;
	rpc_walk_start(&req->walk, &devices_ops, request);
}
SPDK_RPC_REGISTER("bdev_reset_iostat", rpc_bdev_reset_iostat, SPDK_RPC_RUNTIME)
