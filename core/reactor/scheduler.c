/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The schedulers that have registered, which one is used, how often, where, and which cores are
 * none of its business. */

#include "core/reactor/scheduler_internal.h"

#include "core/reactor/reactor_internal.h"
#include "spdk/env.h"
#include "spdk/log.h"

static TAILQ_HEAD(, spdk_scheduler) g_schedulers = TAILQ_HEAD_INITIALIZER(g_schedulers);
/* Set on the scheduling reactor, read by anybody: relaxed, schedulers live for ever. */
static struct spdk_scheduler *g_scheduler;
static uint64_t g_period_us;
static uint32_t g_lcore = UINT32_MAX; /* the main one */
static struct spdk_cpuset g_isolated;

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

/* Balancing must not happen meanwhile: it happens on the scheduling reactor. */
static bool
may_set(void)
{
	struct spdk_reactor *reactor = reactor_current();

	return reactors_get_state() != SPDK_REACTOR_STATE_RUNNING ||
	       (reactor != NULL &&
	        reactor_get_lcore(reactor) == spdk_scheduler_get_scheduling_lcore());
}

int
spdk_scheduler_set(const char *name)
{
	struct spdk_scheduler *scheduler = NULL, *before = spdk_scheduler_get();
	int rc;

	if (!may_set()) {
		SPDK_ERRLOG("a scheduler is set on the scheduling reactor, that of core %u, only\n",
		            spdk_scheduler_get_scheduling_lcore());
		return -EPERM;
	}
	if (name != NULL) {
		scheduler = scheduler_find(name);
		if (scheduler == NULL) {
			SPDK_ERRLOG("there is no scheduler named %s\n", name);
			return -ENOENT;
		}
	}
	if (scheduler == before) {
		return 0;
	}
	if (scheduler != NULL) {
		rc = scheduler->init();
		if (rc != 0) {
			SPDK_ERRLOG("scheduler %s cannot be used: %d\n", name, rc);
			return rc;
		}
	}
	if (before != NULL && before->deinit != NULL) {
		before->deinit();
	}
	__atomic_store_n(&g_scheduler, scheduler, __ATOMIC_RELAXED);
	/* It need not wait for a period to pass. */
	scheduler_rearm(before != NULL);
	return 0;
}

struct spdk_scheduler *
spdk_scheduler_get(void)
{
	return __atomic_load_n(&g_scheduler, __ATOMIC_RELAXED);
}

void
spdk_scheduler_set_period(uint64_t period)
{
	__atomic_store_n(&g_period_us, period, __ATOMIC_RELAXED);
	scheduler_rearm(false);
}

uint64_t
spdk_scheduler_get_period(void)
{
	return __atomic_load_n(&g_period_us, __ATOMIC_RELAXED);
}

uint32_t
spdk_scheduler_get_scheduling_lcore(void)
{
	uint32_t lcore = __atomic_load_n(&g_lcore, __ATOMIC_RELAXED);

	return lcore != UINT32_MAX ? lcore : spdk_env_get_main_core();
}

int
scheduler_set_lcore(uint32_t lcore)
{
	if (reactor_get(lcore) == NULL) {
		SPDK_ERRLOG("core %u has no reactor to schedule from\n", lcore);
		return -EINVAL;
	}
	if (spdk_cpuset_get_cpu(&g_isolated, lcore)) {
		SPDK_ERRLOG("core %u is isolated: it cannot be the one to schedule from\n", lcore);
		return -EINVAL;
	}
	if (!scheduler_round_lock()) {
		return -EBUSY;
	}
	scheduler_rearm(false); /* the old one finds out that it is not it any more */
	__atomic_store_n(&g_lcore, lcore, __ATOMIC_RELAXED);
	scheduler_rearm(false);
	scheduler_round_unlock();
	return 0;
}

bool
spdk_scheduler_set_scheduling_lcore(uint32_t lcore)
{
	int rc = scheduler_set_lcore(lcore);

	if (rc == -EBUSY) {
		SPDK_ERRLOG("the scheduling core cannot change while threads are scheduled: try "
		            "again\n");
	}
	return rc == 0;
}

int
scheduler_isolate(const struct spdk_cpuset *mask)
{
	struct spdk_cpuset ours;

	spdk_cpuset_copy(&ours, reactors_get_cpuset());
	spdk_cpuset_and(&ours, mask);
	if (!spdk_cpuset_equal(&ours, mask)) {
		SPDK_ERRLOG("cores that have no reactor cannot be isolated: %s\n",
		            spdk_cpuset_fmt((struct spdk_cpuset *)mask));
		return -EINVAL;
	}
	if (spdk_cpuset_get_cpu(mask, spdk_scheduler_get_scheduling_lcore())) {
		SPDK_ERRLOG("the scheduling core, %u, cannot be isolated\n",
		            spdk_scheduler_get_scheduling_lcore());
		return -EINVAL;
	}
	spdk_cpuset_copy(&g_isolated, mask);
	return 0;
}

const struct spdk_cpuset *
scheduler_isolated(void)
{
	return &g_isolated;
}

void
scheduler_forget(void)
{
	spdk_scheduler_set(NULL);
	g_period_us = 0;
	g_lcore = UINT32_MAX;
	spdk_cpuset_zero(&g_isolated);
}
