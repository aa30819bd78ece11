/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The state file: what start-up, run and stop of a primary look like from outside, whatever its
 * reactors do, before EAL and after a crash. One mapped file, one page, in the instance's folder.
 *
 * The main block is written by the main thread before the reactors run and by the app thread
 * afterwards, and at a forced end by the control pthread, whose word is the last; the services'
 * block by the control pthread. Each has a sequence lock of its own: odd while it is being written.
 * A reader copies, and repeats if the number was odd or has moved; after a crash in the middle of a
 * write it may stay odd: then take the copy for what it is.
 *
 * main_seq is a futex word, too: whoever enters a state wakes who waits for it to change
 * (cal_state_wait()). */

#ifndef CALANDRIA_STATE_H
#define CALANDRIA_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAL_STATE_MAGIC        0x5354434cu /* "LCTS" */
#define CAL_STATE_VERSION      3u
#define CAL_STATE_MAX_SERVICES 8

enum cal_run_state {
	CAL_RUN_NONE = 0,
	CAL_RUN_ENV,
	CAL_RUN_STARTUP_RPC,
	CAL_RUN_SUBSYSTEM_INIT,
	CAL_RUN_CONFIG,
	CAL_RUN_RUNNING,
	CAL_RUN_STOPPING,
	CAL_RUN_STOPPED,
	CAL_RUN_FAILED,
	CAL_RUN_NUM_STATES,
};

enum cal_service_state {
	CAL_SERVICE_OFF = 0,  /* not wanted (--no-services, nothing to do) */
	CAL_SERVICE_STARTING, /* spawned, has not reported ready */
	CAL_SERVICE_RUNNING,
	CAL_SERVICE_BACKOFF, /* died; waits for its next start */
	CAL_SERVICE_STOPPING,
	CAL_SERVICE_HUNG,       /* it runs, and does not answer the gate */
	CAL_SERVICE_CRASH_LOOP, /* ended again and again; waits for its next start, or tries (pid)
	                         */
};

#define CAL_SERVICE_BINARY_MAX 224

struct cal_state_service {
	char name[16]; /* "rpcd", "confd", "mond" */
	int32_t pid;   /* 0 when not running */
	uint32_t state;
	uint32_t restarts;
	int32_t last_status;  /* wait status of its last end, 0 if it never ended */
	uint64_t since_ns;    /* CLOCK_REALTIME of the last change of state */
	char metrics[88];     /* the monitor's URL, "" for the others */
	uint32_t ends_in_row; /* nobody asked for; failed starts, too; 0 after ten good seconds */
	int32_t start_error;  /* errno: why its last start failed; 0: it did not */
	char binary[CAL_SERVICE_BINARY_MAX]; /* what it runs if that is not the default, else "" */
};

struct cal_state_main {
	int32_t pid;
	uint32_t state; /* enum cal_run_state */
	uint64_t started_ns;
	uint64_t since_ns; /* of the present state; CLOCK_REALTIME like all of these */
	uint64_t entered_ns[CAL_RUN_NUM_STATES]; /* 0: never in this start */
	/* CLOCK_MONOTONIC, which nobody sets: for how long something has lasted. */
	uint64_t entered_mono_ns[CAL_RUN_NUM_STATES];
	uint64_t doing_mono_ns; /* when what is in progress began, 0 for nothing */
	char app_name[64];
	char version[32];
	char doing[128];  /* what is in progress: a subsystem, a method; "" for nothing */
	char reason[256]; /* of CAL_RUN_FAILED, otherwise the last error, "" for none */
	char rpc_socket[108];
};

struct cal_state_file {
	uint32_t magic;
	uint32_t version;
	uint32_t size; /* of this structure */
	uint32_t main_seq;
	struct cal_state_main main;
	uint32_t services_seq;
	uint32_t num_services;
	struct cal_state_service services[CAL_STATE_MAX_SERVICES];
};
static_assert(sizeof(struct cal_state_service) == 136 + CAL_SERVICE_BINARY_MAX, "shared layout");
static_assert(sizeof(struct cal_state_file) <= 4096, "the state file is one page");

/** "none", "env", "startup_rpc", "subsystem_init", "config", "running", "stopping", "stopped",
 *  "failed"; "unknown" for anything else. */
const char *cal_run_state_name(uint32_t state);

/** "off", "starting", "running", "backoff", "stopping", "hung", "crash_loop"; "unknown" for
 * anything else. */
const char *cal_service_state_name(uint32_t state);

/** Copy a consistent picture of instance `id`'s state file (every string in it terminated). Any
 *  process; asks nobody and never blocks. *alive says whether the primary that wrote it still runs.
 *  Returns 0, -ENOENT when no such instance ever ran or it stopped in order, -EPROTO when the file
 *  is of another version, or another negative errno. */
int cal_state_read(int id, struct cal_state_file *out, bool *alive);

/** Sleep until instance `id` enters another state than when `seen` was read, or `timeout_ms` have
 *  passed; `seen` NULL: until there is a state file. A primary that is killed wakes nobody and a
 *  file that appears is looked for every few milliseconds, so choose a time after which to look
 *  again. May also return early. Any process, but not a reactor. */
void cal_state_wait(int id, const struct cal_state_file *seen, uint32_t timeout_ms);

/** How long state `state` has lasted, in ns: until the next one was entered or, if it is the
 *  present one, until now. 0 for one that was not entered. */
uint64_t cal_state_spent_ns(const struct cal_state_main *main, uint32_t state);
/** How long what is in progress has been so, in ns; 0 for nothing. */
uint64_t cal_state_doing_ns(const struct cal_state_main *main);

#ifdef __cplusplus
}
#endif
#endif
