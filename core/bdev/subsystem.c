/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The block layer as a subsystem: "bdev". */

#include "spdk/bdev.h"
#include "spdk/init.h"

static void
bdev_initialized(void *ctx, int rc)
{
	spdk_subsystem_init_next(rc);
}

static void
bdev_subsystem_init(void)
{
	spdk_bdev_initialize(bdev_initialized, NULL);
}

static void
bdev_finished(void *ctx)
{
	spdk_subsystem_fini_next();
}

static void
bdev_subsystem_fini(void)
{
	spdk_bdev_finish(bdev_finished, NULL);
}

static struct spdk_subsystem bdev_subsystem = {
	.name = "bdev",
	.init = bdev_subsystem_init,
	.fini = bdev_subsystem_fini,
	.write_config_json = spdk_bdev_subsystem_config_json,
};
SPDK_SUBSYSTEM_REGISTER(bdev_subsystem)
SPDK_SUBSYSTEM_DEPEND(bdev, iobuf)
