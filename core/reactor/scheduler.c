/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The schedulers that have registered, which one is used, and the one that every program has:
 * static, which leaves each thread where it was placed. */

#include "spdk/scheduler.h"

#include "core/reactor/reactor_internal.h"
#include "spdk/env.h"
#include "spdk/log.h"

static TAILQ_HEAD(, spdk_scheduler) g_schedulers = TAILQ_HEAD_INITIALIZER(g_schedulers);
static struct spdk_scheduler *g_scheduler;
static uint64_t g_period_us;
static uint32_t g_lcore = UINT32_MAX; /* the main one */

static struct spdk_scheduler *
scheduler_find(const char *name)
{
	struct spdk_scheduler *scheduler;

	TAILQ_FOREACH (scheduler, &g_schedulers, link) {
		if (strcmp(scheduler->name, name) == 0) {
			break;
		}
	}
	return scheduler;
}

void
spdk_scheduler_register(struct spdk_scheduler *scheduler)
{
	if (scheduler_find(scheduler->name) != NULL) {
		SPDK_ERRLOG("there is a scheduler named %s already\n", scheduler->name);
		return;
	}
	TAILQ_INSERT_HEAD(&g_schedulers, scheduler, link);
}

int
spdk_scheduler_set(const char *name)
{
	struct spdk_scheduler *scheduler = NULL;
	int rc;

	if (name != NULL) {
		scheduler = scheduler_find(name);
		if (scheduler == NULL) {
			SPDK_ERRLOG("there is no scheduler named %s\n", name);
			return -ENOENT;
		}
	}
	if (scheduler == g_scheduler) {
		return 0;
	}
	if (scheduler != NULL) {
		rc = scheduler->init();
		if (rc != 0) {
			SPDK_ERRLOG("scheduler %s cannot be used: %d\n", name, rc);
			return rc;
		}
	}
	if (g_scheduler != NULL && g_scheduler->deinit != NULL) {
		g_scheduler->deinit();
	}
	g_scheduler = scheduler;
	return 0;
}

struct spdk_scheduler *
spdk_scheduler_get(void)
{
	return g_scheduler;
}

void
spdk_scheduler_set_period(uint64_t period)
{
	__atomic_store_n(&g_period_us, period, __ATOMIC_RELAXED);
}

uint64_t
spdk_scheduler_get_period(void)
{
	return __atomic_load_n(&g_period_us, __ATOMIC_RELAXED);
}

uint32_t
spdk_scheduler_get_scheduling_lcore(void)
{
	return g_lcore != UINT32_MAX ? g_lcore : spdk_env_get_main_core();
}

bool
spdk_scheduler_set_scheduling_lcore(uint32_t lcore)
{
	if (reactor_get(lcore) == NULL) {
		SPDK_ERRLOG("core %u has no reactor to schedule from\n", lcore);
		return false;
	}
	g_lcore = lcore;
	return true;
}

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
