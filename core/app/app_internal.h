/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What core/rpc's framework methods and other rooms may ask of the application framework: where the
 * start is, how to bring it forward, what the services do. Subsystems: core/app/subsystem.h. */

#ifndef CAL_CORE_APP_INTERNAL_H
#define CAL_CORE_APP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calandria/state.h"

/* --- start-up, on the app thread -------------------------------------------------------------- */

/** How a wait for the start ends: `rc` is 0, or a negative errno with `reason` a sentence (never
 *  NULL then). App thread. */
typedef void (*app_init_fn)(void *ctx, int rc, const char *reason);

/** The state that the state file shows. Any thread. */
enum cal_run_state app_state(void);

/** framework_start_init: leave CAL_RUN_STARTUP_RPC and initialise the subsystems. `fn` is called
 *  once all of them are up (the state is then CAL_RUN_CONFIG or CAL_RUN_RUNNING, RPC's state
 *  runtime), or with the error that ends the start. App thread. Returns 0, or -EPERM when the start
 *  is not in CAL_RUN_STARTUP_RPC (`fn` is not called). */
int app_framework_start_init(app_init_fn fn, void *ctx);

/** framework_wait_init: call `fn` when subsystems are up, at once if they are. In the app's
 * start-up it is also called, with an error, when the start fails or the app stops. App thread.
 * Returns 0 or -ENOMEM. */
int app_framework_wait_init(app_init_fn fn, void *ctx);

/** Show what is in progress ("" for nothing) in the state file. App thread. */
void app_state_doing(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Note an error that does not end the start, in the state file's `reason`. App thread. */
void app_state_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- services, any thread --------------------------------------------------------------------- */

/** A copy of the services' block of the state file, at most `max` entries. Returns how many. Never
 *  blocks. */
uint32_t app_service_list(struct cal_state_service *out, uint32_t max);

/** Replace the process of service `name` ("rpcd", "confd", "mond", or "all" for those that run).
 * rpcd's successor takes over from it, so that no client notices; the others end (SIGTERM, SIGKILL
 * after a second) and are started again. Asynchronous. Returns 0, -ENOENT (no such service),
 * -ENOTSUP (services are not ours to start: --no-services, or the instance has none), -ENOMEM. */
int app_service_restart(const char *name);

#endif
