/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The entries of a configuration file, flat and in its order. */

#ifndef CAL_CTL_ENTRIES_H
#define CAL_CTL_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <json-c/json.h>

struct ctl_entry {
	/* All three are the file's. */
	const char *subsystem;
	const char *method;
	struct json_object *params; /* NULL for none */
	bool done;
};

struct ctl_entries {
	struct ctl_entry *list;
	size_t count;
};

/** Check a file's root and take its entries; nested arrays (batches) are flattened. They live as
 *  long as `root`. Returns 0, -ENOMEM, or -EINVAL with a sentence in `err`. */
int ctl_entries_read(struct ctl_entries *entries, struct json_object *root, char *err,
                     size_t err_size);
void ctl_entries_free(struct ctl_entries *entries);

/** Whether `name` is in an array of strings. */
bool ctl_entries_has_name(struct json_object *names, const char *name);

#endif
