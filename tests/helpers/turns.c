/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application for tests/integration/long_answers.py with a block device module of its own. Each
 * of its devices says, where it is asked to describe itself, how often a poller of the app thread
 * has run until then: what an answer says with the same number was written without a turn in
 * between. turns_create {first, count} makes devices Turn<first> and so on. */

#include "spdk/bdev_module.h"
#include "spdk/event.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

static uint64_t g_turns;
static struct spdk_poller *g_poller;
static struct spdk_bdev_module g_module;

static int
count_turn(void *arg)
{
	g_turns++;
	return SPDK_POLLER_IDLE;
}

/* --- devices ---------------------------------------------------------------------------------- */

static int
turns_destruct(void *ctx)
{
	struct spdk_bdev *bdev = ctx;

	free(bdev->name);
	free(bdev);
	return 0;
}

static void
turns_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *io)
{
	spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static bool
turns_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ;
}

static struct spdk_io_channel *
turns_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_module);
}

static int
turns_dump_info(void *ctx, struct spdk_json_write_ctx *w)
{
	return spdk_json_write_named_uint64(w, "turn", g_turns);
}

static void
turns_write_config(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "turns_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "turn", g_turns);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
turns_dump_stat(void *ctx, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uint64(w, "turn", g_turns);
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = turns_destruct,
	.submit_request = turns_submit,
	.io_type_supported = turns_io_type_supported,
	.get_io_channel = turns_get_io_channel,
	.dump_info_json = turns_dump_info,
	.write_config_json = turns_write_config,
	.dump_device_stat_json = turns_dump_stat,
};

static int
channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
}

static int
turns_init(void)
{
	spdk_io_device_register(&g_module, channel_create, channel_destroy, 0, "turns");
	return 0;
}

static void
turns_fini(void)
{
	spdk_io_device_unregister(&g_module, NULL);
}

static struct spdk_bdev_module g_module = {
	.name = "turns",
	.module_init = turns_init,
	.module_fini = turns_fini,
};
SPDK_BDEV_MODULE_REGISTER(turns, &g_module)

static int
create(unsigned number)
{
	struct spdk_bdev *bdev = calloc(1, sizeof(*bdev));
	int rc;

	if (bdev == NULL) {
		return -ENOMEM;
	}
	bdev->name = spdk_sprintf_alloc("Turn%u", number);
	bdev->product_name = (char *)"Turns";
	bdev->module = &g_module;
	bdev->fn_table = &g_fn_table;
	bdev->ctxt = bdev;
	bdev->blocklen = 512;
	bdev->blockcnt = 1024;
	rc = spdk_bdev_register(bdev);
	if (rc != 0) {
		turns_destruct(bdev);
	}
	return rc;
}

/* --- methods ---------------------------------------------------------------------------------- */

struct create_params {
	uint32_t first;
	uint32_t count;
};

static const struct spdk_json_object_decoder create_decoders[] = {
	{ "first", offsetof(struct create_params, first), spdk_json_decode_uint32 },
	{ "count", offsetof(struct create_params, count), spdk_json_decode_uint32 },
};

static void
turns_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct create_params p = { 0, 0 };
	uint32_t i;
	int rc = 0;

	if (spdk_json_decode_object(params, create_decoders, SPDK_COUNTOF(create_decoders), &p)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return;
	}
	for (i = 0; i < p.count && rc == 0; i++) {
		rc = create(p.first + i);
	}
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	} else {
		spdk_jsonrpc_send_bool_response(request, true);
	}
}
SPDK_RPC_REGISTER("turns_create", turns_create, SPDK_RPC_RUNTIME)

static void
deleted(void *ctx, int rc)
{
	spdk_jsonrpc_send_bool_response(ctx, rc == 0);
}

static void
turns_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "name", 0, spdk_json_decode_string },
	};
	char *name = NULL;

	if (spdk_json_decode_object(params, decoders, 1, &name) != 0 ||
	    spdk_bdev_unregister_by_name(name, &g_module, deleted, request) != 0) {
		spdk_jsonrpc_send_error_response(request, -ENODEV, spdk_strerror(ENODEV));
	}
	free(name);
}
SPDK_RPC_REGISTER("turns_delete", turns_delete, SPDK_RPC_RUNTIME)

/* --- the application -------------------------------------------------------------------------- */

static void
start(void *ctx)
{
	g_poller = SPDK_POLLER_REGISTER(count_turn, NULL, 0);
}

static void
shutdown_asked(void)
{
	spdk_poller_unregister(&g_poller);
	spdk_app_stop(0);
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "turns";
	opts.shutdown_cb = shutdown_asked;
	if (spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL) !=
	    SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 2;
	}
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	return rc != 0;
}
