/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The writing end of the state file (calandria/state.h). */

#ifndef CAL_CORE_APP_STATE_H
#define CAL_CORE_APP_STATE_H

#include <stdarg.h>
#include <stdint.h>

#include "calandria/state.h"

/** Create and map instance `id`'s file. Main thread. Returns 0 or a negative errno. Without it (and
 *  in unit tests) everything below works on private memory. */
int state_create(int id, const char *app_name);
/** Unmap. The file goes with the folder, or stays to be read. Main thread, when nobody writes. */
void state_destroy(void);

/* Main block: the main thread before the reactors run, the app thread afterwards. */
void state_enter(enum cal_run_state state);
void state_set_rpc_socket(const char *path);
void state_set_doing(const char *fmt, va_list args);
void state_set_reason(const char *text);
/** CAL_RUN_FAILED for `text`, and that is the last word: what the thread that this block belongs to
 *  writes afterwards, should it come to life again, is dropped. Any thread. */
void state_end(const char *text);
enum cal_run_state state_now(void); /* any thread */
/** Call `fn` behind each change of state, on the thread that makes it (NULL: nobody). Main thread.
 */
void state_set_observer(void (*fn)(void));

/* Services' block: the control pthread. */
void state_publish_services(const struct cal_state_service *services, uint32_t n);
/** A consistent copy of it, at most `max`. Any thread. Returns how many. */
uint32_t state_copy_services(struct cal_state_service *out, uint32_t max);

#endif
