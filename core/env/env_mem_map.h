/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Between translation maps (env_mem_map.c) and the memory that they are told of
 * (env_mem_register.c). */

#ifndef CAL_CORE_ENV_MEM_MAP_H
#define CAL_CORE_ENV_MEM_MAP_H

#include "spdk/stdinc.h"
#include "spdk/env.h"

/** Call the map's notify_cb, if it has one. Under the registration lock. */
int env_mem_map_notify(struct spdk_mem_map *map, enum spdk_mem_map_notify_action action,
                       uint64_t vaddr, uint64_t size);
/** Allocate the tables of a range, so that setting its pages allocates nothing. */
int env_mem_map_reserve(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size);

/** Tell a new map of everything that is registered and enter it in the list. Returns 0, or what its
 *  notify_cb refused with, after having told it to forget the rest. */
int env_mem_maps_add(struct spdk_mem_map *map);
/** Take it out, and tell it to forget everything. */
void env_mem_maps_remove(struct spdk_mem_map *map);

/* The list of maps; under the registration lock. */
void env_mem_maps_link(struct spdk_mem_map *map);
void env_mem_maps_unlink(struct spdk_mem_map *map);
/** The first one after NULL; NULL after the last one. */
struct spdk_mem_map *env_mem_maps_next(struct spdk_mem_map *map);

/* --- env_vtophys.c ---------------------------------------------------------------------------- */

/** Register EAL's memory and begin to translate it; `grows`: it may take more pages later. Main
 *  thread, after EAL's start. Returns 0 or a negative errno. */
int env_vtophys_start(bool grows);
/** The end of it. Main thread. */
void env_vtophys_stop(void);

#endif
