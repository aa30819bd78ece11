/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/subsystem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/thread.h"

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
	struct spdk_subsystem *failed; /* init ended with failed_rc */
	int failed_rc;
	bool cancelled;
	bool walking;               /* init_run() or fini_run() is on the stack */
	struct spdk_thread *thread; /* whose walk it is */
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

/* What `subsystem` waits for among `left`. */
static struct spdk_subsystem *
blocker_of(const struct spdk_subsystem *subsystem, struct subsystem_list *left)
{
	struct spdk_subsystem_depend *depend = NULL;
	struct spdk_subsystem *blocker;

	while ((depend = subsystem_depend_next(subsystem, depend)) != NULL) {
		blocker = list_find(left, depend->depends_on);
		if (blocker != NULL) {
			return blocker;
		}
	}
	return NULL;
}

static size_t
cycle_write(struct spdk_subsystem *start, struct subsystem_list *left, char *err, size_t err_size,
            size_t used)
{
	struct spdk_subsystem *at = start;

	do {
		if (used < err_size) {
			used += (size_t)snprintf(err + used, err_size - used, "%s -> ", at->name);
		}
		at = blocker_of(at, left);
	} while (at != start);
	if (used < err_size) {
		used += (size_t)snprintf(err + used, err_size - used, "%s", start->name);
	}
	return used;
}

static size_t
index_in(const struct spdk_subsystem *subsystem, struct subsystem_list *list)
{
	struct spdk_subsystem *at;
	size_t i = 0;

	TAILQ_FOREACH (at, list, tailq) {
		if (at == subsystem) {
			break;
		}
		i++;
	}
	return i;
}

/* Every subsystem in `left` waits for another one in it, or for itself; so whoever goes from one to
 * the next long enough walks into a cycle. One that meets the path of an earlier walk has found
 * nothing new. */
static void
describe_cycles(struct subsystem_list *left, char *err, size_t err_size)
{
	struct spdk_subsystem *from, *at;
	size_t n = index_in(NULL, left), used, walk = 0, num_found = 0, i;
	size_t *seen = calloc(n, sizeof(*seen)); /* in which walk, from 1 */

	used = (size_t)snprintf(err, err_size, "subsystems depend on each other in a circle: ");
	if (seen == NULL) {
		return;
	}
	TAILQ_FOREACH (from, left, tailq) {
		walk++;
		for (at = from; seen[i = index_in(at, left)] == 0; at = blocker_of(at, left)) {
			seen[i] = walk;
		}
		if (seen[i] != walk) {
			continue;
		}
		if (num_found++ > 0 && used < err_size) {
			used += (size_t)snprintf(err + used, err_size - used, ", and ");
		}
		used = cycle_write(at, left, err, err_size, used);
	}
	if (used < err_size) {
		snprintf(err + used, err_size - used, ": drop one of these dependencies");
	}
	free(seen);
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
			describe_cycles(&g_subsystems, err, err_size);
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

/* --- init ------------------------------------------------------------------------------------- */

static void
init_done(int rc)
{
	spdk_subsystem_init_fn fn = g_walk.init_fn;
	void *ctx = g_walk.init_ctx;

	g_walk.init_fn = NULL;
	g_walk.current = NULL;
	fn(rc, ctx);
}

/* One after another for as long as they answer at once; those that do so from inside of their
 * init() come back here, not deeper into the stack, and a second answer of the same one is seen. */
static void
init_run(void)
{
	struct spdk_subsystem *next;
	int rc = 0;

	g_walk.walking = true;
	while (rc == 0 && g_walk.current == NULL) {
		next = g_walk.up != NULL ? subsystem_next(g_walk.up) : subsystem_first();
		while (next != NULL && next->init == NULL) {
			g_walk.up = next;
			next = subsystem_next(next);
		}
		if (g_walk.cancelled || next == NULL) {
			break;
		}
		g_walk.current = next;
		if (g_walk.observer != NULL) {
			g_walk.observer(next->name, true);
		}
		next->init();
		rc = g_walk.failed != NULL ? g_walk.failed_rc : 0;
	}
	g_walk.walking = false;
	if (g_walk.current == NULL) {
		init_done(rc != 0 ? rc : g_walk.cancelled ? -ECANCELED : 0);
	}
}

void
spdk_subsystem_init(spdk_subsystem_init_fn cb_fn, void *cb_arg)
{
	char err[512];
	int rc;

	if (g_walk.init_fn != NULL) {
		SPDK_ERRLOG("spdk_subsystem_init() was called while an earlier call of it is under "
		            "way\n");
		cb_fn(-EALREADY, cb_arg);
		return;
	}
	rc = subsystem_sort(err, sizeof(err));
	if (rc != 0) {
		SPDK_ERRLOG("%s\n", err);
		cb_fn(rc, cb_arg);
		return;
	}
	g_walk.thread = spdk_get_thread();
	g_walk.init_fn = cb_fn;
	g_walk.init_ctx = cb_arg;
	g_walk.cancelled = false;
	g_walk.failed = NULL;
	init_run();
}

void
subsystem_init_cancel(void)
{
	g_walk.cancelled = true;
}

void
subsystem_init_abandon(void)
{
	g_walk.failed = g_walk.current;
	g_walk.current = NULL;
	g_walk.init_fn = NULL;
}

/* An answer that is given on another thread belongs on the one that the walk is on. */
static bool
is_elsewhere(spdk_msg_fn fn, void *arg)
{
	if (g_walk.thread == NULL || spdk_get_thread() == g_walk.thread) {
		return false;
	}
	if (spdk_thread_send_msg(g_walk.thread, fn, arg) != 0) {
		SPDK_ERRLOG("a subsystem's answer is lost: the app thread has ended\n");
	}
	return true;
}

static void
init_next_message(void *arg)
{
	spdk_subsystem_init_next((int)(intptr_t)arg);
}

void
spdk_subsystem_init_next(int rc)
{
	if (is_elsewhere(init_next_message, (void *)(intptr_t)rc)) {
		return;
	}
	if (g_walk.init_fn == NULL || g_walk.current == NULL) {
		SPDK_ERRLOG("spdk_subsystem_init_next(%d) is ignored: no subsystem initialises, "
		            "one has called it twice or too late\n",
		            rc);
		return;
	}
	if (rc != 0) {
		g_walk.failed = g_walk.current;
		g_walk.failed_rc = rc;
	} else {
		g_walk.up = g_walk.current;
	}
	g_walk.current = NULL;
	if (g_walk.walking) {
		return;
	}
	if (rc != 0) {
		init_done(rc);
	} else {
		init_run();
	}
}

/* --- fini ------------------------------------------------------------------------------------- */

static void
fini_run(void)
{
	spdk_subsystem_fini_fn fn;
	struct spdk_subsystem *down;

	g_walk.walking = true;
	while (g_walk.up != NULL && g_walk.current == NULL) {
		down = g_walk.up;
		g_walk.up = TAILQ_PREV(down, subsystem_list, tailq);
		if (down->fini == NULL) {
			continue;
		}
		g_walk.current = down;
		if (g_walk.observer != NULL) {
			g_walk.observer(down->name, false);
		}
		down->fini();
	}
	g_walk.walking = false;
	if (g_walk.current == NULL) {
		fn = g_walk.fini_fn;
		g_walk.fini_fn = NULL;
		fn(g_walk.fini_ctx);
	}
}

void
spdk_subsystem_fini(spdk_subsystem_fini_fn cb_fn, void *cb_arg)
{
	g_walk.thread = spdk_get_thread();
	g_walk.fini_fn = cb_fn;
	g_walk.fini_ctx = cb_arg;
	fini_run();
}

static void
fini_next_message(void *arg)
{
	spdk_subsystem_fini_next();
}

void
spdk_subsystem_fini_next(void)
{
	if (is_elsewhere(fini_next_message, NULL)) {
		return;
	}
	if (g_walk.fini_fn == NULL || g_walk.current == NULL) {
		SPDK_ERRLOG("spdk_subsystem_fini_next() is ignored: no subsystem ends, one has "
		            "called it twice or too late\n");
		return;
	}
	g_walk.current = NULL;
	if (!g_walk.walking) {
		fini_run();
	}
}
