/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* bdev_get_iostat, bdev_reset_iostat. Parameters, results and error codes are SPDK's, as observed
 * on v26.05. The devices are asked one after another, so a hundred of them never make one long turn
 * of the app thread. */

#include "bdev_internal.h"
#include "core/rpc/rpc_server.h"
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
	int i;

	for (i = 0; i < (int)SPDK_COUNTOF(names); i++) {
		if (spdk_json_strequal(val, names[i])) {
			*(enum spdk_bdev_reset_stat_mode *)out = i;
			return 0;
		}
	}
	SPDK_ERRLOG("a reset mode is all, maxmin, error or none\n");
	return -EINVAL;
}

/* What one channel has counted. */
struct channel_stat {
	uint64_t thread_id;
	struct spdk_bdev_io_stat *stat;
	STAILQ_ENTRY(channel_stat) link;
};

/* One request: the devices to be asked, and the answer so far. */
struct iostat_req {
	struct name_list list;
	bool per_channel;
	enum spdk_bdev_reset_stat_mode mode;
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
	struct spdk_bdev_desc **descs;
	size_t num_descs;
	size_t next;
	struct spdk_bdev_io_stat *stat;
	STAILQ_HEAD(channel_stat_list, channel_stat) channels;
	bool reset_only;
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
req_free(struct iostat_req *req)
{
	struct channel_stat *cs;
	size_t i;

	while ((cs = STAILQ_FIRST(&req->channels)) != NULL) {
		STAILQ_REMOVE_HEAD(&req->channels, link);
		bdev_stat_free(cs->stat);
		free(cs);
	}

	for (i = 0; i < req->num_descs; i++) {
		spdk_bdev_close(req->descs[i]);
	}
	for (i = 0; i < MAX_NAMES; i++) {
		free(req->list.names[i]);
	}
	free(req->descs);
	bdev_stat_free(req->stat);
	free(req);
}

static int
req_open_one(struct iostat_req *req, const char *name)
{
	int rc = spdk_bdev_open_ext(name, false, ignore_event, NULL, &req->descs[req->num_descs]);

	if (rc == 0) {
		req->num_descs++;
	}
	return rc;
}

/* Hold every device open until it has answered. */
static int
req_open(struct iostat_req *req)
{
	struct spdk_bdev *bdev;
	size_t i, count = req->list.count;
	int rc;

	if (count == 0) {
		for (bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
			count++;
		}
	}
	req->descs = calloc(count + 1, sizeof(struct spdk_bdev_desc *));
	req->stat = bdev_stat_alloc();
	if (req->descs == NULL || req->stat == NULL) {
		return -ENOMEM;
	}
	for (i = 0; i < req->list.count; i++) {
		rc = req_open_one(req, req->list.names[i]);
		if (rc != 0) {
			return rc;
		}
	}
	if (req->list.count == 0) {
		for (bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
			rc = req_open_one(req, bdev->name);
			if (rc != 0 && rc != -ENODEV) {
				return rc;
			}
		}
	}
	return 0;
}

/* --- whole devices ---------------------------------------------------------------------------- */

static void req_next(struct iostat_req *req);

static void
result_begin(struct iostat_req *req)
{
	req->w = spdk_jsonrpc_begin_result(req->request);
	spdk_json_write_object_begin(req->w);
	spdk_json_write_named_uint64(req->w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_uint64(req->w, "ticks", spdk_get_ticks());
}

static void
result_end(struct iostat_req *req)
{
	spdk_json_write_array_end(req->w);
	spdk_json_write_object_end(req->w);
	spdk_jsonrpc_end_result(req->request, req->w);
	req_free(req);
}

static void
device_done(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *arg, int rc)
{
	struct iostat_req *req = arg;

	if (rc == 0 && !req->reset_only) {
		spdk_json_write_object_begin(req->w);
		spdk_json_write_named_string(req->w, "name", bdev->name);
		spdk_bdev_dump_io_stat_json(stat, req->w);
		if (bdev->fn_table->dump_device_stat_json != NULL) {
			spdk_json_write_named_object_begin(req->w, "driver_specific");
			bdev->fn_table->dump_device_stat_json(bdev->ctxt, req->w);
			spdk_json_write_object_end(req->w);
		}
		spdk_json_write_object_end(req->w);
	}
	if (req->mode != SPDK_BDEV_RESET_STAT_NONE && bdev->fn_table->reset_device_stat != NULL) {
		bdev->fn_table->reset_device_stat(bdev->ctxt);
	}
	req_next(req);
}

static void
req_next(struct iostat_req *req)
{
	struct spdk_bdev *bdev;

	if (req->next < req->num_descs) {
		bdev = spdk_bdev_desc_get_bdev(req->descs[req->next++]);
		spdk_bdev_get_device_stat(bdev, req->stat, req->mode, device_done, req);
		return;
	}
	if (req->reset_only) {
		spdk_jsonrpc_send_bool_response(req->request, true);
		req_free(req);
	} else {
		result_end(req);
	}
}

/* --- channel by channel ----------------------------------------------------------------------- */

/* The answer is written by the app thread only, when the walk has ended. It is on one thread at a
 * time, so the list needs no lock. */
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
channels_done(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct iostat_req *req = ctx;
	struct channel_stat *cs;

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(req->request, rc, spdk_strerror(-rc));
		req_free(req);
		return;
	}
	result_begin(req);
	spdk_json_write_named_string(req->w, "name", bdev->name);
	spdk_json_write_named_array_begin(req->w, "channels");
	STAILQ_FOREACH (cs, &req->channels, link) {
		spdk_json_write_object_begin(req->w);
		spdk_json_write_named_uint64(req->w, "thread_id", cs->thread_id);
		spdk_bdev_dump_io_stat_json(cs->stat, req->w);
		spdk_json_write_object_end(req->w);
	}
	result_end(req);
}

/* --- the methods ------------------------------------------------------------------------------ */

static void
iostat_begin(struct iostat_req *req)
{
	if (req->per_channel) {
		spdk_bdev_for_each_channel(spdk_bdev_desc_get_bdev(req->descs[0]), channel_visit,
		                           req, channels_done);
	} else {
		result_begin(req);
		spdk_json_write_named_array_begin(req->w, "bdevs");
		req_next(req);
	}
}

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
	rc = req->per_channel && req->list.count != 1 ? -EINVAL : req_open(req);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		req_free(req);
		return;
	}
	iostat_begin(req);
}
SPDK_RPC_REGISTER("bdev_get_iostat", rpc_bdev_get_iostat, SPDK_RPC_RUNTIME)

static const struct spdk_json_object_decoder reset_iostat_decoders[] = {
	{ "name", offsetof(struct iostat_req, list.names), spdk_json_decode_string, true },
	{ "mode", offsetof(struct iostat_req, mode), decode_reset_mode, true },
};

static void
rpc_bdev_reset_iostat(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct iostat_req *req = req_alloc(request);
	int rc;

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
	rc = req_open(req);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		req_free(req);
		return;
	}
	req_next(req);
}
SPDK_RPC_REGISTER("bdev_reset_iostat", rpc_bdev_reset_iostat, SPDK_RPC_RUNTIME)
