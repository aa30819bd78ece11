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

/* What a restart came to for one service. */
struct app_restart_one {
	const char *name;
	int rc;          /* 0, or a negative errno with a sentence in `text` */
	int32_t pid;     /* the new process, 0 for none */
	int32_t old_pid; /* the one before, 0 for none */
	uint64_t took_us;
	bool under_way; /* asked for through the service itself: told before it is over */
	char text[512];
};

struct app_restart {
	char name[16]; /* rpcd, confd, mond, or all */
	/* A program's whole path, a folder with the services' programs in it, "default" for the one
	 * that is found by itself; "": as it is now. */
	char binary[512];
	int32_t caller; /* the process that asks, 0: nobody's */
	/* Control pthread, once, for all of them. */
	void (*done)(struct app_restart *restart);

	struct app_restart_one ones[CAL_STATE_MAX_SERVICES];
	unsigned num;
	unsigned at; /* the supervisor's */
	uint64_t began_us;
};

/** Replace the process of a service, or of all one after another. The successor is started first
 *  and takes over from the present one, which is ended when that serves; a successor that does not
 *  get as far changes nothing. `restart` is the caller's until done() is called, which it is at the
 *  stop of the instance, too. Any thread. Returns 0 (done() will be called), -ENOENT (no such
 *  service), -ENOTSUP (services are not ours to start: --no-services, or the instance has none),
 *  -ENOMEM. */
int app_service_restart(struct app_restart *restart);

#endif
