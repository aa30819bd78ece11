/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The scheduler that leaves every thread where it was placed. */

#include "spdk/scheduler.h"

static int
init_static(void)
{
	/* Nothing to look at again and again. */
	spdk_scheduler_set_period(0);
	return 0;
}

static void
balance_static(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
}

static struct spdk_scheduler scheduler_static = {
	.name = "static",
	.init = init_static,
	.balance = balance_static,
};
SPDK_SCHEDULER_REGISTER(scheduler_static)
