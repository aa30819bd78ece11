/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal-confd: reads the JSON configuration and drives the primary's start with it.
 *
 *   load.c         the two passes over the link
 *   keep.c         --state-dir: what changes afterwards goes to the disk
 *   state_file.c   … to this file
 *   call.c         one call of a method
 *   predecessor.c  the one that does all this until we do
 *   signals.c      how it ends
 *   main.c         options, what is reported when
 *
 * File format and order of things are SPDK's (v26.05). */

#ifndef CAL_CONFD_H
#define CAL_CONFD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/client/client.h"
#include "ipc/client/config_file.h"
#include "ipc/client/json.h"

/* --- call.c ----------------------------------------------------------------------------------- */

struct confd_error {
	int code;
	char text[256];
};
/** Call `method` with `params` (taken; NULL: none) and wait. Returns 0, 1 when the method answered
 *  with an error, or a negative errno: the link is of no use any more. */
int confd_call(struct cal_client *client, const char *method, struct json_object *params,
               struct cal_response *response, struct confd_error *error);

/* --- state_file.c ----------------------------------------------------------------------------- */

struct state_file {
	char path[PATH_MAX];
	char next[PATH_MAX]; /* what becomes it */
	int dir_fd, lock_fd;
};
/** Find config.`id`.json in `dir`, to read it. Returns 0 or a negative errno with a sentence in
 *  `err`. */
int state_file_find(struct state_file *file, const char *dir, int id, char *err, size_t err_size);
/** Claim what was found; waits some seconds for another process that has it. Returns 0, or a
 *  negative errno with a sentence in `err`; then it is closed. */
int state_file_claim(struct state_file *file, char *err, size_t err_size);
/** Both. */
int state_file_open(struct state_file *file, const char *dir, int id, char *err, size_t err_size);
void state_file_close(struct state_file *file);
/** Since when it is there, in `text` (strftime()'s `format`). Returns 0, -ENOENT when it is not
 *  there, or another negative errno: it may be. */
int state_file_since(const struct state_file *file, const char *format, char *text, size_t size);
/** Give its content a second name that no later write changes; `path` gets it. */
int state_file_set_aside(const struct state_file *file, char *path, size_t size);
/** Replace it; on the disk when this returns 0. After a negative errno it is as it was, or as it is
 *  to be: whole. */
int state_file_write(const struct state_file *file, const char *text, size_t len);

/* --- predecessor.c ---------------------------------------------------------------------------- */

/** The process that is the configuration service of the primary `primary`, a child of its, if that
 *  is another one and lives: we are its successor. Returns a pidfd, or -1. */
int predecessor_find(int instance, pid_t primary);
/** Wait for its end. Returns 0, or the link's end. */
int predecessor_wait(struct cal_client *client, int pidfd);

/* --- signals.c -------------------------------------------------------------------------------- */

/** From now on SIGTERM and SIGINT end us at once, with status 0 … */
void signals_init(void);
/** … but not before signals_allow(). */
void signals_put_off(void);
void signals_allow(void);
/** End with the process that started us if it is the primary, even while we are stopped: nobody
 *  waits for us then, and the next one's needs our lock. Returns false when it has ended already.
 */
bool signals_die_with(pid_t primary);

/* --- load.c ----------------------------------------------------------------------------------- */

struct load_opts {
	bool wait_for_rpc;                  /* do not send framework_start_init, wait for it */
	bool ignore_init_errors;            /* an entry that fails is logged and passed over */
	const struct state_file *set_aside; /* … after this file was saved from being overwritten */
	const char *
		broken; /* why the configuration could not be read; matters if it is to be loaded */
	const char *notice; /* to be said of the configuration; NULL: nothing */
	const char *advice; /* what the user can do when an entry fails; NULL: he knows */
};
/* What the primary says of an earlier confd's work. */
struct load_result {
	uint64_t kept;
	char digest[24]; /* "": nothing */
};
/** Load `config` into the primary, from wherever an earlier confd came to. Returns 0; -ECANCELED
 *  when the start fails for a reason that `err` tells and the primary was told; or the link's end:
 *  -ESHUTDOWN, -ECONNRESET. */
int config_load(struct cal_client *client, const struct config *config,
                const struct load_opts *opts, struct load_result *result, char *err,
                size_t err_size);

/* --- keep.c ----------------------------------------------------------------------------------- */

/** Keep what changes from now on in `file`. Returns with the link's end (as config_load()), or
 *  -ECANCELED when the primary wants nothing kept any more. */
int config_keep(struct cal_client *client, const struct state_file *file,
                const struct load_result *loaded, char *err, size_t err_size);

#endif
