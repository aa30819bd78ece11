/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `config save [FILE]`: the file that SPDK's save_config makes. */

#include <stdio.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/file.h"
#include "ctl/json.h"
#include "ctl/term.h"

static int
collect_one(struct ctl *ctl, const char *name, struct json_object *array, size_t *entries)
{
	struct json_object *params = json_object_new_object(), *item, *config;
	int rc;

	ctl_json_put_str(params, "name", name);
	rc = ctl_call(ctl, "framework_get_config", params, &config);
	json_object_put(params);
	if (rc != CTL_OK) {
		return rc;
	}
	item = json_object_new_object();
	ctl_json_put_str(item, "subsystem", name);
	ctl_json_put(item, "config", config);
	json_object_array_add(array, item);
	*entries += ctl_json_len(config);
	return CTL_OK;
}

static int
collect(struct ctl *ctl, struct json_object *array, size_t *entries)
{
	struct json_object *subsystems;
	size_t i;
	int rc;

	rc = ctl_call(ctl, "framework_get_subsystems", NULL, &subsystems);
	if (rc != CTL_OK) {
		return rc;
	}
	for (i = 0; rc == CTL_OK && i < ctl_json_len(subsystems); i++) {
		rc = collect_one(ctl, ctl_json_str(ctl_json_at(subsystems, i), "subsystem"), array,
		                 entries);
	}
	json_object_put(subsystems);
	return rc;
}

static int
save(const char *file, struct json_object *root)
{
	char *text = NULL, err[512];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int rc;

	if (out == NULL) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	ctl_json_print_pretty(out, root);
	fclose(out);
	rc = ctl_file_write(file, text, err, sizeof(err));
	free(text);
	if (rc != 0) {
		ctl_error("%s", err);
		return CTL_FAILED;
	}
	return CTL_OK;
}

static void
print(const struct ctl *ctl, const char *file, size_t subsystems, size_t entries)
{
	struct json_object *root;

	if (strcmp(file, "-") == 0) {
		return;
	}
	if (!ctl->json) {
		printf("%s: %zu entr%s, %zu subsystem%s\n", file, entries,
		       entries == 1 ? "y" : "ies", subsystems, subsystems == 1 ? "" : "s");
		return;
	}
	root = json_object_new_object();
	ctl_json_put_str(root, "file", file);
	ctl_json_put_u64(root, "subsystems", subsystems);
	ctl_json_put_u64(root, "entries", entries);
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *root = json_object_new_object(), *array = json_object_new_array();
	const char *file = argc > 0 ? argv[0] : "-";
	size_t entries = 0;
	int rc;

	ctl_json_put(root, "subsystems", array);
	rc = collect(ctl, array, &entries);
	if (rc == CTL_OK && ctl->json && strcmp(file, "-") == 0) {
		ctl_json_print_line(stdout, root);
	} else if (rc == CTL_OK) {
		rc = save(file, root);
	}
	if (rc == CTL_OK) {
		print(ctl, file, ctl_json_len(array), entries);
	}
	json_object_put(root);
	return rc;
}

static struct ctl_command command = {
	.name = "config save",
	.args = "[FILE]",
	.summary = "write its configuration to a file",
	.details = "The format is that of SPDK's save_config; `calandria -c FILE` starts with it.\n"
		   "Without FILE, or with `-`, it goes to stdout. A file is replaced as a whole.",
	.group = CTL_GROUP_ACT,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
