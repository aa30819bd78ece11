/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A configuration file: syntax, structure, and where each entry stands. Format and strictness are
 * those of SPDK's loader (v26.05). No call here keeps state: any thread. */

#ifndef CAL_IPC_CLIENT_CONFIG_FILE_H
#define CAL_IPC_CLIENT_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <json-c/json.h>

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
	bool no_subsystems; /* it has no 'subsystems' at all, which is allowed */
};

/** Read and check a configuration file. `err` gets a sentence that says what is wrong and where
 *  (path:line:column), and ends with `advice`. Returns 0 or a negative errno. */
int config_read(struct config *config, const char *path, const char *advice, char *err,
                size_t err_size);
/** The same of a text in memory (`len` bytes, terminated), which is changed; `path` is what its
 *  errors are said to be in. */
int config_parse(struct config *config, const char *path, char *text, size_t len, char *err,
                 size_t err_size);
void config_free(struct config *config);

#endif
