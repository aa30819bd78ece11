/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/subsystem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spdk/init.h"

TAILQ_HEAD(subsystem_list, spdk_subsystem);
TAILQ_HEAD(depend_list, spdk_subsystem_depend);

/* Constructors of other files may run before any of ours: the lists are initialised statically. */
static struct subsystem_list g_subsystems = TAILQ_HEAD_INITIALIZER(g_subsystems);
static struct depend_list g_depends = TAILQ_HEAD_INITIALIZER(g_depends);

static struct {
	struct spdk_subsystem *current; /* init or fini under way */
	struct spdk_subsystem *up;      /* the last one that is up, in order of initialisation */
	spdk_subsystem_init_fn init_fn;
	void *init_ctx;
	spdk_subsystem_fini_fn fini_fn;
	void *fini_ctx;
	void (*observer)(const char *name, bool init);
	struct spdk_subsystem *failed;
	bool cancelled;
} g_walk;

void
spdk_add_subsystem(struct spdk_subsystem *subsystem)
{
	TAILQ_INSERT_TAIL(&g_subsystems, subsystem, tailq);
}

void
spdk_add_subsystem_depend(struct spdk_subsystem_depend *depend)
{
	TAILQ_INSERT_TAIL(&g_depends, depend, tailq);
}

struct spdk_subsystem *
subsystem_first(void)
{
	return TAILQ_FIRST(&g_subsystems);
}

struct spdk_subsystem *
subsystem_next(struct spdk_subsystem *subsystem)
{
	return TAILQ_NEXT(subsystem, tailq);
}

static struct spdk_subsystem *
list_find(struct subsystem_list *list, const char *name)
{
	struct spdk_subsystem *subsystem;

	TAILQ_FOREACH (subsystem, list, tailq) {
		if (strcmp(subsystem->name, name) == 0) {
			return subsystem;
		}
	}
	return NULL;
}

struct spdk_subsystem *
subsystem_find(const char *name)
{
	return list_find(&g_subsystems, name);
}

bool
spdk_subsystem_exists(const char *name)
{
	return subsystem_find(name) != NULL;
}

struct spdk_subsystem_depend *
subsystem_depend_next(const struct spdk_subsystem *subsystem, struct spdk_subsystem_depend *last)
{
	struct spdk_subsystem_depend *depend;

	depend = last != NULL ? TAILQ_NEXT(last, tailq) : TAILQ_FIRST(&g_depends);
	while (depend != NULL && strcmp(depend->name, subsystem->name) != 0) {
		depend = TAILQ_NEXT(depend, tailq);
	}
	return depend;
}

struct spdk_subsystem *
subsystem_current(void)
{
	return g_walk.current;
}

struct spdk_subsystem *
subsystem_failed(void)
{
	return g_walk.failed;
}

void
subsystem_set_observer(void (*fn)(const char *name, bool init))
{
	g_walk.observer = fn;
}

static int
check_names(char *err, size_t err_size)
{
	struct spdk_subsystem *subsystem, *other;
	struct spdk_subsystem_depend *depend;

	TAILQ_FOREACH (subsystem, &g_subsystems, tailq) {
		other = subsystem_find(subsystem->name);
		if (other != subsystem) {
			snprintf(err, err_size,
			         "two subsystems are named %s: link only one of them",
			         subsystem->name);
			return -EEXIST;
		}
	}
	TAILQ_FOREACH (depend, &g_depends, tailq) {
		if (subsystem_find(depend->name) == NULL) {
			snprintf(err, err_size,
			         "subsystem %s, which says that it depends on %s, is not "
			         "registered: "
			         "link it in",
			         depend->name, depend->depends_on);
			return -ENOENT;
		}
		if (subsystem_find(depend->depends_on) == NULL) {
			snprintf(err, err_size,
			         "subsystem %s depends on %s, which is not registered: link it in",
			         depend->name, depend->depends_on);
			return -ENOENT;
		}
	}
	return 0;
}

static bool
is_ready(const struct spdk_subsystem *subsystem, struct subsystem_list *sorted)
{
	struct spdk_subsystem_depend *depend = NULL;

	while ((depend = subsystem_depend_next(subsystem, depend)) != NULL) {
		if (list_find(sorted, depend->depends_on) == NULL) {
			return false;
		}
	}
	return true;
}

/* Every subsystem in `left` waits for another one in it; so whoever follows any of them far enough
 * has walked into a cycle, and once more around it names its members. */
static void
describe_cycle(struct subsystem_list *left, char *err, size_t err_size)
{
	struct spdk_subsystem *at = TAILQ_FIRST(left), *start, *next;
	struct spdk_subsystem_depend *depend;
	size_t n = 0, used;

	TAILQ_FOREACH (start, left, tailq) {
		n++;
	}
	start = NULL;
	used = (size_t)snprintf(err, err_size, "subsystems depend on each other in a circle: ");
	for (size_t i = 0; at != NULL && at != start; i++) {
		if (i == n) {
			start = at;
		}
		if (start != NULL && used < err_size) {
			used += (size_t)snprintf(err + used, err_size - used, "%s -> ", at->name);
		}
		for (depend = NULL, next = NULL; next == NULL;) {
			depend = subsystem_depend_next(at, depend);
			if (depend == NULL) {
				return;
			}
			next = list_find(left, depend->depends_on);
		}
		at = next;
	}
	if (at != NULL && used < err_size) {
		snprintf(err + used, err_size - used, "%s", at->name);
	}
}

int
subsystem_sort(char *err, size_t err_size)
{
	struct subsystem_list sorted = TAILQ_HEAD_INITIALIZER(sorted);
	struct spdk_subsystem *subsystem;
	int rc;

	rc = check_names(err, err_size);
	if (rc != 0) {
		return rc;
	}
	/* There are a few dozen at most. From the front each time, so that what has no say in the
	 * matter keeps the order of registration. */
	while (!TAILQ_EMPTY(&g_subsystems)) {
		TAILQ_FOREACH (subsystem, &g_subsystems, tailq) {
			if (is_ready(subsystem, &sorted)) {
				break;
			}
		}
		if (subsystem == NULL) {
			describe_cycle(&g_subsystems, err, err_size);
			rc = -ELOOP;
			TAILQ_CONCAT(&sorted, &g_subsystems, tailq);
			break;
		}
		TAILQ_REMOVE(&g_subsystems, subsystem, tailq);
		TAILQ_INSERT_TAIL(&sorted, subsystem, tailq);
	}
	TAILQ_CONCAT(&g_subsystems, &sorted, tailq);
	return rc;
}

static void
init_done(int rc)
{
	spdk_subsystem_init_fn fn = g_walk.init_fn;
	void *ctx = g_walk.init_ctx;

	g_walk.init_fn = NULL;
	g_walk.current = NULL;
	fn(rc, ctx);
}

static void
init_step(void)
{
	struct spdk_subsystem *next;

	if (g_walk.cancelled) {
		init_done(-ECANCELED);
		return;
	}
	next = g_walk.up != NULL ? subsystem_next(g_walk.up) : subsystem_first();
	while (next != NULL && next->init == NULL) {
		g_walk.up = next;
		next = subsystem_next(next);
	}
	if (next == NULL) {
		init_done(0);
		return;
	}
	g_walk.current = next;
	if (g_walk.observer != NULL) {
		g_walk.observer(next->name, true);
	}
	next->init();
}

void
spdk_subsystem_init(spdk_subsystem_init_fn cb_fn, void *cb_arg)
{
	char err[256];
	int rc;

	rc = subsystem_sort(err, sizeof(err));
	if (rc != 0) {
		SPDK_ERRLOG("%s\n", err);
		cb_fn(rc, cb_arg);
		return;
	}
	g_walk.init_fn = cb_fn;
	g_walk.init_ctx = cb_arg;
	g_walk.cancelled = false;
	g_walk.failed = NULL;
	init_step();
}

void
subsystem_init_cancel(void)
{
	g_walk.cancelled = true;
}

void
spdk_subsystem_init_next(int rc)
{
	if (g_walk.init_fn == NULL || g_walk.current == NULL) {
		SPDK_ERRLOG("spdk_subsystem_init_next(%d) called while no subsystem initialises\n",
		            rc);
		return;
	}
	if (rc != 0) {
		g_walk.failed = g_walk.current;
		init_done(rc);
		return;
	}
	g_walk.up = g_walk.current;
	g_walk.current = NULL;
	init_step();
}

static void
fini_step(void)
{
	spdk_subsystem_fini_fn fn;
	struct spdk_subsystem *down;

	while (g_walk.up != NULL && g_walk.up->fini == NULL) {
		g_walk.up = TAILQ_PREV(g_walk.up, subsystem_list, tailq);
	}
	if (g_walk.up == NULL) {
		fn = g_walk.fini_fn;
		g_walk.fini_fn = NULL;
		fn(g_walk.fini_ctx);
		return;
	}
	down = g_walk.up;
	g_walk.up = TAILQ_PREV(down, subsystem_list, tailq);
	g_walk.current = down;
	if (g_walk.observer != NULL) {
		g_walk.observer(down->name, false);
	}
	down->fini();
}

void
spdk_subsystem_fini(spdk_subsystem_fini_fn cb_fn, void *cb_arg)
{
	g_walk.fini_fn = cb_fn;
	g_walk.fini_ctx = cb_arg;
	fini_step();
}

void
spdk_subsystem_fini_next(void)
{
	if (g_walk.fini_fn == NULL || g_walk.current == NULL) {
		SPDK_ERRLOG("spdk_subsystem_fini_next() called while no subsystem ends\n");
		return;
	}
	g_walk.current = NULL;
	fini_step();
}
