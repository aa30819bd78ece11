/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The configuration of the block layer as the calls that make it again: options, names to be
 * examined, what modules say, what devices say. In steps of one object, since there may be
 * thousands; what a module writes is one. App thread. */

#include "bdev_internal.h"
#include "core/rpc/rpc_config.h"

struct bdev_config {
	enum { OPTIONS, EXAMINE, MODULES, DEVICES } at;
	const struct examine_name *name; /* the last one that was written */
	struct spdk_bdev_module *module; /* the next one */
	struct bdev_cursor cursor;
};

static void
options_config_json(struct spdk_json_write_ctx *w)
{
	const struct spdk_bdev_opts *opts = &g_bdev_mgr.opts;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint32(w, "bdev_io_pool_size", opts->bdev_io_pool_size);
	spdk_json_write_named_uint32(w, "bdev_io_cache_size", opts->bdev_io_cache_size);
	spdk_json_write_named_bool(w, "bdev_auto_examine", opts->bdev_auto_examine);
	spdk_json_write_named_uint32(w, "iobuf_small_cache_size", opts->iobuf_small_cache_size);
	spdk_json_write_named_uint32(w, "iobuf_large_cache_size", opts->iobuf_large_cache_size);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
config_begin(struct bdev_config *config)
{
	config->at = OPTIONS;
	config->name = NULL;
	config->module = TAILQ_FIRST(&g_bdev_mgr.modules);
	bdev_cursor_begin(&config->cursor);
}

static void
device_write(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	if (bdev->fn_table->write_config_json != NULL) {
		bdev->fn_table->write_config_json(bdev, w);
	}
}

/* Loading ends when what was loaded has been looked at. */
static void
last_call_write(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_wait_for_examine");
	spdk_json_write_object_end(w);
}

/* Returns whether there is more to write. */
static bool
config_step(struct bdev_config *config, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev *bdev;

	switch (config->at) {
	case OPTIONS:
		spdk_json_write_array_begin(w);
		options_config_json(w);
		config->at = EXAMINE;
		return true;
	case EXAMINE:
		config->name = bdev_examine_config_next(config->name, w);
		if (config->name != NULL) {
			return true;
		}
		config->at = MODULES;
		/* fall through */
	case MODULES:
		if (config->module != NULL) {
			if (config->module->config_json != NULL) {
				config->module->config_json(w);
			}
			config->module = TAILQ_NEXT(config->module, internal.tailq);
			return true;
		}
		config->at = DEVICES;
		/* fall through */
	case DEVICES:
		bdev = bdev_cursor_next(&config->cursor);
		if (bdev != NULL) {
			device_write(bdev, w);
			return true;
		}
	}
	last_call_write(w);
	spdk_json_write_array_end(w);
	return false;
}

void
spdk_bdev_subsystem_config_json(struct spdk_json_write_ctx *w)
{
	struct bdev_config config;

	config_begin(&config);
	while (config_step(&config, w)) {
	}
	bdev_cursor_end(&config.cursor);
}

static void *
writer_begin(void)
{
	struct bdev_config *config = malloc(sizeof(*config));

	if (config != NULL) {
		config_begin(config);
	}
	return config;
}

static bool
writer_step(void *ctx, struct spdk_json_write_ctx *w)
{
	struct bdev_config *config = ctx;

	/* The names go with the block layer. What comes first also begins the array. */
	if (bdev_is_finishing() && config->at != OPTIONS) {
		config->at = DEVICES;
	}
	return config_step(config, w);
}

static void
writer_end(void *ctx)
{
	struct bdev_config *config = ctx;

	bdev_cursor_end(&config->cursor);
	free(config);
}

static struct rpc_config_writer bdev_writer = {
	.instead_of = spdk_bdev_subsystem_config_json,
	.begin = writer_begin,
	.step = writer_step,
	.end = writer_end,
};
RPC_CONFIG_WRITER_REGISTER(bdev_writer)
