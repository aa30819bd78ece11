/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `subsystems` */

#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/show.h"

static const struct ctl_column columns[] = {
	{ "SUBSYSTEM" },
	{ "DEPENDS ON", .elastic = true },
};

static void
fill(struct ctl_table *table, struct json_object *result)
{
	size_t i, k;

	for (i = 0; i < ctl_json_len(result); i++) {
		struct json_object *s = ctl_json_at(result, i);
		struct json_object *depends = ctl_json_get(s, "depends_on");
		char names[512] = "-";
		size_t len = 0;

		for (k = 0; k < ctl_json_len(depends) && len < sizeof(names); k++) {
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
			                        k > 0 ? ", " : "",
			                        json_object_get_string(ctl_json_at(depends, k)));
		}
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(s, "subsystem"));
		ctl_table_add(table, CTL_PLAIN, "%s", names);
	}
}

static const struct ctl_view view = {
	.method = "framework_get_subsystems",
	.columns = columns,
	.num_columns = sizeof(columns) / sizeof(columns[0]),
	.fill = fill,
	.empty = "it has no subsystems",
};

static int
run(struct ctl *ctl, int argc, char **argv)
{
	return ctl_show(ctl, &view, NULL);
}

static struct ctl_command command = {
	.name = "subsystems",
	.summary = "its subsystems, in the order of their start",
	.group = CTL_GROUP_INSIDE,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
