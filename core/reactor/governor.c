/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The governors that have registered, and which one is used. */

#include "spdk/log.h"
#include "spdk/scheduler.h"

static TAILQ_HEAD(, spdk_governor) g_governors = TAILQ_HEAD_INITIALIZER(g_governors);
static struct spdk_governor *g_governor; /* set on the scheduling reactor, read by anybody */

static struct spdk_governor *
governor_find(const char *name)
{
	struct spdk_governor *governor;

	TAILQ_FOREACH (governor, &g_governors, link) {
		if (strcmp(governor->name, name) == 0) {
			break;
		}
	}
	return governor;
}

void
spdk_governor_register(struct spdk_governor *governor)
{
	if (governor_find(governor->name) != NULL) {
		SPDK_ERRLOG("there is a governor named %s already\n", governor->name);
		return;
	}
	TAILQ_INSERT_HEAD(&g_governors, governor, link);
}

int
spdk_governor_set(const char *name)
{
	struct spdk_governor *governor = NULL, *before = spdk_governor_get();
	int rc;

	__atomic_store_n(&g_governor, NULL, __ATOMIC_RELAXED);
	if (before != NULL) {
		before->deinit();
	}
	if (name == NULL) {
		return 0;
	}
	governor = governor_find(name);
	if (governor == NULL) {
		return -ENOENT;
	}
	rc = governor->init();
	if (rc != 0) {
		SPDK_ERRLOG("governor %s cannot be used: %d\n", name, rc);
		return rc;
	}
	__atomic_store_n(&g_governor, governor, __ATOMIC_RELAXED);
	return 0;
}

struct spdk_governor *
spdk_governor_get(void)
{
	return __atomic_load_n(&g_governor, __ATOMIC_RELAXED);
}
