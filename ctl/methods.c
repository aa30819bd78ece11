/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `methods` */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/term.h"

static struct {
	bool current;
} opts;

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In columns on a terminal, down then across as ls does; one a line elsewhere. */
static void
print_names(const char **names, size_t n)
{
	const struct ctl_term *term = ctl_term();
	size_t widest = 0, i, row, columns = 1, rows;

	for (i = 0; i < n; i++) {
		widest = strlen(names[i]) > widest ? strlen(names[i]) : widest;
	}
	if (term->is_terminal) {
		columns = (term->width + 2) / (widest + 2);
		columns = columns == 0 ? 1 : columns;
	}
	rows = (n + columns - 1) / columns;
	for (row = 0; row < rows; row++) {
		for (i = row; i < n; i += rows) {
			if (i + rows < n) {
				printf("%-*s  ", (int)widest, names[i]);
			} else {
				printf("%s", names[i]);
			}
		}
		printf("\n");
	}
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params = NULL, *result;
	const char **names;
	size_t i, n, count = 0;
	int rc;

	if (opts.current) {
		params = json_object_new_object();
		ctl_json_put(params, "current", json_object_new_boolean(true));
	}
	rc = ctl_call(ctl, "rpc_get_methods", params, &result);
	json_object_put(params);
	if (rc != CTL_OK) {
		return rc;
	}
	n = ctl_json_len(result);
	names = calloc(n + 1, sizeof(*names));
	if (names == NULL) {
		ctl_error("out of memory");
		json_object_put(result);
		return CTL_FAILED;
	}
	if (ctl->json) {
		ctl_json_print_line(stdout, result);
	} else {
		for (i = 0; i < n; i++) {
			struct json_object *name = ctl_json_at(result, i);

			if (json_object_is_type(name, json_type_string)) {
				names[count++] = json_object_get_string(name);
			}
		}
		qsort(names, count, sizeof(*names), compare);
		print_names(names, count);
	}
	free(names);
	json_object_put(result);
	return CTL_OK;
}

static const struct ctl_option options[] = {
	{ "current", 0, CTL_OPT_FLAG, &opts.current, NULL, "only what may be called in its state" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "methods",
	.summary = "the methods it has",
	.group = CTL_GROUP_INSIDE,
	.options = options,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
