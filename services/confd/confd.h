/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal-confd: reads the JSON configuration and drives the primary's start with it.
 *
 *   config_file.c  the file: syntax, structure, where each entry stands
 *   load.c         the two passes over the link
 *   main.c         options, what is reported when
 *
 * File format and order of things are SPDK's (v26.05). */

#ifndef CAL_CONFD_H
#define CAL_CONFD_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/client/client.h"
#include "ipc/client/json.h"

struct config_entry {
	const char *subsystem; /* owned by the tree, like all of these */
	const char *method;
	struct json_object *params; /* NULL: none */
	unsigned line;
	unsigned batch; /* entries of one nested array have the same number, others 0 */
};

struct config {
	char *path;
	struct json_object *root;
	struct config_entry *entries;
	size_t num_entries;
};

/** Read and check a configuration file. `err` gets a sentence that says what is wrong and where
 *  (path:line:column). Returns 0 or a negative errno. */
int config_read(struct config *config, const char *path, char *err, size_t err_size);
/** The same of a text in memory (`len` bytes, terminated), which is changed; `path` is what its
 *  errors are said to be in. */
int config_parse(struct config *config, const char *path, char *text, size_t len, char *err,
                 size_t err_size);
void config_free(struct config *config);

struct load_opts {
	bool wait_for_rpc;       /* do not send framework_start_init, wait for it */
	bool ignore_init_errors; /* an entry that fails is logged and passed over */
};
/** Load `config` into the primary, from wherever an earlier confd came to. Returns 0; -ECANCELED
 *  when the start fails for a reason that `err` tells and the primary was told; or the link's end:
 *  -ESHUTDOWN, -ECONNRESET. */
int config_load(struct cal_client *client, const struct config *config,
                const struct load_opts *opts, char *err, size_t err_size);

#endif
