/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "vbdev_echo.h"

#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static uint32_t g_waits; /* requests of bdev_echo_wait that are open */

/* --- decoders --------------------------------------------------------------------------------- */

static int
decode_mode(const struct spdk_json_val *val, void *out)
{
	enum echo_mode *mode = (enum echo_mode *)out;

	if (spdk_json_strequal(val, "plain")) {
		*mode = ECHO_PLAIN;
	} else if (spdk_json_strequal(val, "invert")) {
		*mode = ECHO_INVERT;
	} else {
		SPDK_NOTICELOG("the mode is plain or invert\n");
		return -EINVAL;
	}
	return 0;
}

static const struct spdk_json_object_decoder delay_decoders[] = {
	{ "read_us", offsetof(struct echo_delay, read_us), spdk_json_decode_uint32, true },
	{ "write_us", offsetof(struct echo_delay, write_us), spdk_json_decode_uint32, true },
};

static int
decode_delay(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object(val, delay_decoders, SPDK_COUNTOF(delay_decoders), out);
}

/* Into the whole structure: there are two members to be filled in. */
static int
decode_tags(const struct spdk_json_val *val, void *out)
{
	struct echo_params *params = SPDK_CONTAINEROF(out, struct echo_params, tags);

	return spdk_json_decode_array(val, spdk_json_decode_string, out, ECHO_MAX_TAGS,
	                              &params->num_tags, sizeof(char *));
}

static const struct spdk_json_object_decoder create_decoders[] = {
	{ "name", offsetof(struct echo_params, name), spdk_json_decode_string },
	{ "base_bdev", offsetof(struct echo_params, base_bdev), spdk_json_decode_string },
	{ "uuid", offsetof(struct echo_params, uuid), spdk_json_decode_uuid, true },
	{ "mode", offsetof(struct echo_params, mode), decode_mode, true },
	{ "delay", offsetof(struct echo_params, delay), decode_delay, true },
	{ "tags", offsetof(struct echo_params, tags), decode_tags, true },
};

/* --- devices ---------------------------------------------------------------------------------- */

void
echo_write_params(const struct echo_params *params, struct spdk_json_write_ctx *w)
{
	size_t i;

	spdk_json_write_named_string(w, "base_bdev", params->base_bdev);
	spdk_json_write_named_uuid(w, "uuid", &params->uuid);
	spdk_json_write_named_string(w, "mode", echo_mode_name(params->mode));
	spdk_json_write_named_object_begin(w, "delay");
	spdk_json_write_named_uint32(w, "read_us", params->delay.read_us);
	spdk_json_write_named_uint32(w, "write_us", params->delay.write_us);
	spdk_json_write_object_end(w);
	spdk_json_write_named_array_begin(w, "tags");
	for (i = 0; i < params->num_tags; i++) {
		spdk_json_write_string_fmt(w, "%s", params->tags[i]);
	}
	spdk_json_write_array_end(w);
}

static void
bdev_echo_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct echo_params p = {};
	struct spdk_json_write_ctx *w;
	char *name;
	int rc;

	if (spdk_json_decode_object(params, create_decoders, SPDK_COUNTOF(create_decoders), &p)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		echo_params_free(&p);
		return;
	}
	name = strdup(p.name);
	rc = echo_create(&p);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response_fmt(request, rc, "%s: %s", name,
		                                     spdk_strerror(-rc));
	} else {
		w = spdk_jsonrpc_begin_result(request);
		spdk_json_write_string(w, name);
		spdk_jsonrpc_end_result(request, w);
	}
	free(name);
	echo_params_free(&p);
}
SPDK_RPC_REGISTER("bdev_echo_create", bdev_echo_create, SPDK_RPC_RUNTIME)
SPDK_RPC_REGISTER_ALIAS_DEPRECATED(bdev_echo_create, construct_echo_bdev)

static void
deleted(void *arg, int rc)
{
	struct spdk_jsonrpc_request *request = (struct spdk_jsonrpc_request *)arg;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
}

static const struct spdk_json_object_decoder name_decoders[] = {
	{ "name", 0, spdk_json_decode_string },
};

static void
bdev_echo_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	char *name = NULL;
	int rc;

	if (spdk_json_decode_object(params, name_decoders, SPDK_COUNTOF(name_decoders), &name)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
	} else if ((rc = echo_delete(name, deleted, request)) != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
	free(name);
}
SPDK_RPC_REGISTER("bdev_echo_delete", bdev_echo_delete, SPDK_RPC_RUNTIME)

static void
bdev_echo_get(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w;
	struct echo *echo;

	if (params != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "'bdev_echo_get' requires no arguments");
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "waits", g_waits);
	spdk_json_write_named_array_begin(w, "echoes");
	TAILQ_FOREACH (echo, &g_echoes, link) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "name", echo->params.name);
		spdk_json_write_named_bool(w, "there", echo->there);
		spdk_json_write_named_uint64(w, "reads", echo->counts.reads);
		spdk_json_write_named_uint64(w, "writes", echo->counts.writes);
		spdk_json_write_named_uint64(w, "others", echo->counts.others);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("bdev_echo_get", bdev_echo_get, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* --- options ---------------------------------------------------------------------------------- */

static const struct spdk_json_object_decoder options_decoders[] = {
	{ "priority", offsetof(struct echo_options, priority), spdk_json_decode_uint8, true },
	{ "poll_us", offsetof(struct echo_options, poll_us), spdk_json_decode_uint16, true },
	{ "bias", offsetof(struct echo_options, bias), spdk_json_decode_int32, true },
	{ "loud", offsetof(struct echo_options, loud), spdk_json_decode_bool, true },
};

static void
bdev_echo_set_options(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct echo_options options = g_echo_options;

	if (spdk_json_decode_object(params, options_decoders, SPDK_COUNTOF(options_decoders),
	                            &options)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	g_echo_options = options;
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("bdev_echo_set_options", bdev_echo_set_options, SPDK_RPC_STARTUP)

/* --- slices ----------------------------------------------------------------------------------- */

struct slices_params {
	char *base_bdev;
	size_t num_slices;
	struct echo_slice_params slices[ECHO_MAX_SLICES];
};

static const struct spdk_json_object_decoder slice_decoders[] = {
	{ "name", offsetof(struct echo_slice_params, name), spdk_json_decode_string },
	{ "offset_blocks", offsetof(struct echo_slice_params, offset_blocks),
	  spdk_json_decode_uint64 },
	{ "num_blocks", offsetof(struct echo_slice_params, num_blocks), spdk_json_decode_uint64 },
	{ "uuid", offsetof(struct echo_slice_params, uuid), spdk_json_decode_uuid, true },
};

static int
decode_slice(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object_relaxed(val, slice_decoders, SPDK_COUNTOF(slice_decoders),
	                                       out);
}

static int
decode_slices(const struct spdk_json_val *val, void *out)
{
	struct slices_params *params = SPDK_CONTAINEROF(out, struct slices_params, slices);

	return spdk_json_decode_array(val, decode_slice, out, ECHO_MAX_SLICES, &params->num_slices,
	                              sizeof(struct echo_slice_params));
}

static const struct spdk_json_object_decoder slices_decoders[] = {
	{ "base_bdev", offsetof(struct slices_params, base_bdev), spdk_json_decode_string },
	{ "slices", offsetof(struct slices_params, slices), decode_slices },
};

static void
bdev_echo_slice_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct slices_params p = {};
	struct spdk_json_write_ctx *w;
	size_t i;
	int rc;

	if (spdk_json_decode_object(params, slices_decoders, SPDK_COUNTOF(slices_decoders), &p)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
	} else if ((rc = echo_slices_create(p.base_bdev, p.slices, p.num_slices)) != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	} else {
		w = spdk_jsonrpc_begin_result(request);
		spdk_json_write_array_begin(w);
		for (i = 0; i < p.num_slices; i++) {
			spdk_json_write_string(w, p.slices[i].name);
		}
		spdk_json_write_array_end(w);
		spdk_jsonrpc_end_result(request, w);
	}
	free(p.base_bdev);
	for (i = 0; i < ECHO_MAX_SLICES; i++) {
		free(p.slices[i].name);
	}
}
SPDK_RPC_REGISTER("bdev_echo_slice_create", bdev_echo_slice_create, SPDK_RPC_RUNTIME)

static void
bdev_echo_slice_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_val *base, *first;
	char *name;
	int rc;

	/* By hand, as some do. */
	first = spdk_json_object_first((struct spdk_json_val *)params);
	if (first == NULL || spdk_json_next(first) != NULL ||
	    spdk_json_find_string((struct spdk_json_val *)params, "base_bdev", NULL, &base) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "base_bdev is wanted, and nothing else");
		return;
	}
	name = spdk_json_strdup(base);
	rc = name != NULL ? echo_slices_delete(name) : -ENOMEM;
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	} else {
		spdk_jsonrpc_send_bool_response(request, true);
	}
	free(name);
}
SPDK_RPC_REGISTER("bdev_echo_slice_delete", bdev_echo_slice_delete, SPDK_RPC_RUNTIME)

/* --- a request that stays open until it is time, or its client is gone ------------------------ */

struct wait {
	struct spdk_jsonrpc_request *request;
	struct spdk_jsonrpc_server_conn *conn;
	struct spdk_poller *poller;
	char *name;
};

static void
wait_free(struct wait *wait)
{
	g_waits--;
	spdk_poller_unregister(&wait->poller);
	free(wait->name);
	free(wait);
}

static void
client_gone(struct spdk_jsonrpc_server_conn *conn, void *arg)
{
	struct wait *wait = (struct wait *)arg;

	spdk_jsonrpc_send_error_response(wait->request, -ECANCELED, "nobody waits any more");
	wait_free(wait);
}

static int
wait_poll(void *arg)
{
	struct wait *wait = (struct wait *)arg;

	if (spdk_bdev_get_by_name(wait->name) == NULL) {
		return SPDK_POLLER_IDLE;
	}
	spdk_jsonrpc_conn_del_close_cb(wait->conn, client_gone, wait);
	spdk_jsonrpc_send_bool_response(wait->request, true);
	wait_free(wait);
	return SPDK_POLLER_BUSY;
}

static void
bdev_echo_wait(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct wait *wait = (struct wait *)calloc(1, sizeof(*wait));

	if (wait == NULL || spdk_json_decode_object(params, name_decoders,
	                                            SPDK_COUNTOF(name_decoders), &wait->name)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		free(wait);
		return;
	}
	g_waits++;
	wait->request = request;
	wait->conn = spdk_jsonrpc_get_conn(request);
	if (spdk_jsonrpc_conn_add_close_cb(wait->conn, client_gone, wait) != 0) {
		SPDK_NOTICELOG("somebody else waits on this connection\n");
	}
	wait->poller = SPDK_POLLER_REGISTER(wait_poll, wait, 1000);
}
SPDK_RPC_REGISTER("bdev_echo_wait", bdev_echo_wait, SPDK_RPC_RUNTIME)

/* --- something to look at: so many pollers on this thread, so many threads -------------------- */

#define ECHO_MAX_CROWD 1024

struct crowd {
	uint32_t pollers;
	uint32_t threads;
};

static struct spdk_poller *g_pollers[ECHO_MAX_CROWD];
static struct spdk_thread *g_threads[ECHO_MAX_CROWD];
static struct crowd g_crowd;

static const struct spdk_json_object_decoder crowd_decoders[] = {
	{ "pollers", offsetof(struct crowd, pollers), spdk_json_decode_uint32, true },
	{ "threads", offsetof(struct crowd, threads), spdk_json_decode_uint32, true },
};

static int
crowd_poll(void *arg)
{
	return SPDK_POLLER_IDLE;
}

static void
thread_leave(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

static void
bdev_echo_crowd(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct crowd want = {};

	if (spdk_json_decode_object(params, crowd_decoders, SPDK_COUNTOF(crowd_decoders), &want) ||
	    want.pollers > ECHO_MAX_CROWD || want.threads > ECHO_MAX_CROWD) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	for (; g_crowd.pollers < want.pollers; g_crowd.pollers++) {
		g_pollers[g_crowd.pollers] = SPDK_POLLER_REGISTER(
			crowd_poll, NULL, g_crowd.pollers % 2 == 0 ? 10000 : 0);
	}
	while (g_crowd.pollers > want.pollers) {
		spdk_poller_unregister(&g_pollers[--g_crowd.pollers]);
	}
	for (; g_crowd.threads < want.threads; g_crowd.threads++) {
		g_threads[g_crowd.threads] = spdk_thread_create("crowd", NULL);
	}
	while (g_crowd.threads > want.threads) {
		spdk_thread_send_msg(g_threads[--g_crowd.threads], thread_leave, NULL);
	}
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("bdev_echo_crowd", bdev_echo_crowd, SPDK_RPC_RUNTIME)
