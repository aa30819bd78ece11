/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The registry of subsystems behind spdk_internal/init.h: who depends on whom, in which order they
 * come up. Registration is by constructor; everything else is for the app thread. */

#ifndef CAL_CORE_APP_SUBSYSTEM_H
#define CAL_CORE_APP_SUBSYSTEM_H

#include <stdbool.h>
#include <stddef.h>

struct spdk_subsystem;
struct spdk_subsystem_depend;

/** Put the subsystems in an order in which each follows what it depends on. Called before anything
 *  is built, so that a mistake fails the start at once. Main or app thread. Returns 0; -ENOENT (a
 *  subsystem depends on one that is not linked in) or -ELOOP (cycles, each written as a -> b -> a)
 *  with a sentence in `err` that names them; -EEXIST when two have the same name. */
int subsystem_sort(char *err, size_t err_size);

/** Iterate in the order of initialisation (of registration before subsystem_sort()). NULL at the
 *  end. */
struct spdk_subsystem *subsystem_first(void);
struct spdk_subsystem *subsystem_next(struct spdk_subsystem *subsystem);
struct spdk_subsystem *subsystem_find(const char *name);

/** Iterate over what `subsystem` depends on: pass NULL first, then the last one returned. */
struct spdk_subsystem_depend *subsystem_depend_next(const struct spdk_subsystem *subsystem,
                                                    struct spdk_subsystem_depend *last);

/** The one whose init or fini is under way, NULL for none. */
struct spdk_subsystem *subsystem_current(void);

/** The one that ended the last spdk_subsystem_init() with an error, NULL for none. */
struct spdk_subsystem *subsystem_failed(void);

/** Stop a spdk_subsystem_init() that is under way as soon as the subsystem in progress is done: its
 *  caller gets -ECANCELED. */
void subsystem_init_cancel(void);

/** Give up the subsystem whose init is under way, which then is neither up nor finalised: the
 * caller of spdk_subsystem_init() is not answered, and what the subsystem says later is ignored. */
void subsystem_init_abandon(void);

/** What to tell the state file before each init and fini; NULL to tell nobody. */
void subsystem_set_observer(void (*fn)(const char *name, bool init));

#endif
