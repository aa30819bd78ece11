/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The pools of buffers as a subsystem: "iobuf". What uses them depends on it. */

#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/thread.h"

static void
iobuf_subsystem_init(void)
{
	spdk_subsystem_init_next(spdk_iobuf_initialize());
}

static void
iobuf_finished(void *ctx)
{
	spdk_subsystem_fini_next();
}

static void
iobuf_subsystem_fini(void)
{
	spdk_iobuf_finish(iobuf_finished, NULL);
}

static void
iobuf_config_json(struct spdk_json_write_ctx *w)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	spdk_json_write_array_begin(w);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "iobuf_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint64(w, "small_pool_count", opts.small_pool_count);
	spdk_json_write_named_uint64(w, "large_pool_count", opts.large_pool_count);
	spdk_json_write_named_uint32(w, "small_bufsize", opts.small_bufsize);
	spdk_json_write_named_uint32(w, "large_bufsize", opts.large_bufsize);
	spdk_json_write_named_bool(w, "enable_numa", opts.enable_numa != 0);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
}

static struct spdk_subsystem iobuf_subsystem = {
	.name = "iobuf",
	.init = iobuf_subsystem_init,
	.fini = iobuf_subsystem_fini,
	.write_config_json = iobuf_config_json,
};
SPDK_SUBSYSTEM_REGISTER(iobuf_subsystem)
