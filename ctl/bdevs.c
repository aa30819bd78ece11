/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `bdevs [NAME]` */

#include <inttypes.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/show.h"
#include "ctl/units.h"

static const struct ctl_column columns[] = {
	{ "NAME", .elastic = true },
	{ "SIZE", .right = true },
	{ "BLOCK", .right = true },
	{ "BLOCKS", .right = true },
	{ "CLAIMED" },
	{ "KIND", .elastic = true },
	{ "FILE", .elastic = true },
};

/* What a driver says about its place, if it does: {"uring": {"filename": …}}. */
static const char *
file_of(struct json_object *bdev)
{
	struct json_object *specific = ctl_json_get(bdev, "driver_specific");
	const char *file = "";

	if (json_object_is_type(specific, json_type_object)) {
		json_object_object_foreach(specific, key, value)
		{
			(void)key;
			if (file[0] == '\0') {
				file = ctl_json_str(value, "filename");
			}
		}
	}
	return file[0] != '\0' ? file : "-";
}

static void
fill(struct ctl_table *table, struct json_object *result)
{
	size_t i;

	for (i = 0; i < ctl_json_len(result); i++) {
		struct json_object *b = ctl_json_at(result, i);
		uint64_t block = ctl_json_u64(b, "block_size"), n = ctl_json_u64(b, "num_blocks");

		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(b, "name"));
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_bytes(block * n).s);
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64, block);
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64, n);
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_bool(b, "claimed") ? "yes" : "no");
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(b, "product_name"));
		ctl_table_add(table, CTL_PLAIN, "%s", file_of(b));
	}
}

static const struct ctl_view view = {
	.method = "bdev_get_bdevs",
	.columns = columns,
	.num_columns = sizeof(columns) / sizeof(columns[0]),
	.fill = fill,
	.empty = "it has no block devices",
};

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params = NULL;
	int rc;

	if (argc > 0) {
		params = json_object_new_object();
		ctl_json_put_str(params, "name", argv[0]);
	}
	rc = ctl_show(ctl, &view, params);
	json_object_put(params);
	return rc;
}

static struct ctl_command command = {
	.name = "bdevs",
	.args = "[NAME]",
	.summary = "its block devices",
	.group = CTL_GROUP_INSIDE,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
