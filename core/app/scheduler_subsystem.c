/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The scheduler as a subsystem, "scheduler": whoever chose none by now gets the static one, and
 * what was chosen is saved. */

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/scheduler.h"
#include "spdk/thread.h"

#include "core/reactor/scheduler_internal.h"

static void
initialized(void *ctx)
{
	spdk_subsystem_init_next((int)(intptr_t)ctx);
}

/* On the scheduling reactor. */
static void
choose(void *arg1, void *arg2)
{
	int rc = spdk_scheduler_get() == NULL ? spdk_scheduler_set("static") : 0;

	(void)spdk_thread_send_msg(spdk_thread_get_app_thread(), initialized, (void *)(intptr_t)rc);
}

static void
scheduler_subsystem_init(void)
{
	struct spdk_event *event =
		spdk_event_allocate(spdk_scheduler_get_scheduling_lcore(), choose, NULL, NULL);

	if (event == NULL) {
		spdk_subsystem_init_next(-ENOMEM);
		return;
	}
	spdk_event_call(event);
}

static void
write_options(struct spdk_json_write_ctx *w)
{
	struct spdk_cpuset isolated;

	spdk_cpuset_copy(&isolated, scheduler_isolated());
	if (spdk_cpuset_count(&isolated) == 0 &&
	    spdk_scheduler_get_scheduling_lcore() == spdk_env_get_main_core()) {
		return;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "scheduler_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint32(w, "scheduling_core", spdk_scheduler_get_scheduling_lcore());
	spdk_json_write_named_string(w, "isolated_core_mask", spdk_cpuset_fmt(&isolated));
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
scheduler_write_config(struct spdk_json_write_ctx *w)
{
	struct spdk_scheduler *scheduler = spdk_scheduler_get();
	uint64_t period = spdk_scheduler_get_period();

	spdk_json_write_array_begin(w);
	if (scheduler != NULL) {
		write_options(w);
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "method", "framework_set_scheduler");
		spdk_json_write_named_object_begin(w, "params");
		spdk_json_write_named_string(w, "name", scheduler->name);
		if (period != 0) {
			spdk_json_write_named_uint64(w, "period", period);
		}
		if (scheduler->get_opts != NULL) {
			scheduler->get_opts(w);
		}
		spdk_json_write_object_end(w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

static struct spdk_subsystem scheduler_subsystem = {
	.name = "scheduler",
	.init = scheduler_subsystem_init,
	.write_config_json = scheduler_write_config,
};
SPDK_SUBSYSTEM_REGISTER(scheduler_subsystem)
