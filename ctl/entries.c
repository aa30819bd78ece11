/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/entries.h"
#include "ctl/json.h"

bool
ctl_entries_has_name(struct json_object *names, const char *name)
{
	size_t i;

	for (i = 0; i < ctl_json_len(names); i++) {
		const char *other = json_object_get_string(ctl_json_at(names, i));

		if (other != NULL && strcmp(other, name) == 0) {
			return true;
		}
	}
	return false;
}

static int
add(struct ctl_entries *entries, const char *subsystem, struct json_object *item, char *err,
    size_t err_size)
{
	struct json_object *params = ctl_json_get(item, "params");
	const char *method = ctl_json_str(item, "method");
	struct ctl_entry *list;

	if (method[0] == '\0') {
		snprintf(err, err_size, "an entry of subsystem '%s' has no \"method\": %.80s",
		         subsystem, json_object_to_json_string(item));
		return -EINVAL;
	}
	if (params != NULL && !json_object_is_type(params, json_type_object)) {
		snprintf(err, err_size, "\"params\" of '%s' (subsystem '%s') is not an object",
		         method, subsystem);
		return -EINVAL;
	}
	json_object_object_foreach(item, key, value)
	{
		(void)value;
		if (strcmp(key, "method") != 0 && strcmp(key, "params") != 0) {
			snprintf(err, err_size,
			         "an entry has \"method\" and \"params\" only, '%s' (subsystem "
			         "'%s') has \"%s\"",
			         method, subsystem, key);
			return -EINVAL;
		}
	}
	list = reallocarray(entries->list, entries->count + 1, sizeof(*list));
	if (list == NULL) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	entries->list = list;
	list[entries->count++] = (struct ctl_entry){
		.subsystem = subsystem,
		.method = method,
		.params = params,
	};
	return 0;
}

static int
add_config(struct ctl_entries *entries, const char *subsystem, struct json_object *config,
           bool is_batch, char *err, size_t err_size)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < ctl_json_len(config); i++) {
		struct json_object *item = ctl_json_at(config, i);

		if (json_object_is_type(item, json_type_array) && !is_batch) {
			rc = add_config(entries, subsystem, item, true, err, err_size);
		} else {
			rc = add(entries, subsystem, item, err, err_size);
		}
	}
	return rc;
}

int
ctl_entries_read(struct ctl_entries *entries, struct json_object *root, char *err, size_t err_size)
{
	struct json_object *subsystems = ctl_json_get(root, "subsystems");
	size_t i;
	int rc = 0;

	memset(entries, 0, sizeof(*entries));
	if (!json_object_is_type(subsystems, json_type_array)) {
		snprintf(err, err_size, "it has no array \"subsystems\"");
		return -EINVAL;
	}
	for (i = 0; rc == 0 && i < ctl_json_len(subsystems); i++) {
		struct json_object *s = ctl_json_at(subsystems, i);
		struct json_object *config = ctl_json_get(s, "config");
		const char *name = ctl_json_str(s, "subsystem");

		if (name[0] == '\0') {
			snprintf(err, err_size,
			         "element %zu of \"subsystems\" has no \"subsystem\"", i + 1);
			rc = -EINVAL;
		} else if (config != NULL && !json_object_is_type(config, json_type_array)) {
			snprintf(err, err_size, "\"config\" of subsystem '%s' is not an array",
			         name);
			rc = -EINVAL;
		} else {
			rc = add_config(entries, name, config, false, err, err_size);
		}
	}
	if (rc != 0) {
		ctl_entries_free(entries);
	}
	return rc;
}

void
ctl_entries_free(struct ctl_entries *entries)
{
	free(entries->list);
	entries->list = NULL;
	entries->count = 0;
}
