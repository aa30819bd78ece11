/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `reactors` */

#include <inttypes.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/show.h"
#include "ctl/units.h"

static const struct ctl_column columns[] = {
	{ "LCORE", .right = true },     { "MODE" },
	{ "BUSY", .right = true },      { "BUSY TIME", .right = true },
	{ "IDLE TIME", .right = true }, { "TID", .right = true },
	{ "THREADS", .elastic = true },
};

static void
join_names(struct json_object *threads, char *text, size_t size)
{
	size_t i, len = 0;

	snprintf(text, size, "-");
	for (i = 0; i < ctl_json_len(threads) && len < size; i++) {
		len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? ", " : "",
		                        ctl_json_str(ctl_json_at(threads, i), "name"));
	}
}

static void
fill(struct ctl_table *table, struct json_object *result)
{
	struct json_object *reactors = ctl_json_get(result, "reactors");
	uint64_t hz = ctl_json_u64(result, "tick_rate");
	size_t i;

	for (i = 0; i < ctl_json_len(reactors); i++) {
		struct json_object *r = ctl_json_at(reactors, i);
		uint64_t busy = ctl_json_u64(r, "busy"), idle = ctl_json_u64(r, "idle");
		char names[512];

		join_names(ctl_json_get(r, "lw_threads"), names, sizeof(names));
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64, ctl_json_u64(r, "lcore"));
		ctl_table_add(table, CTL_PLAIN, "%s",
		              ctl_json_bool(r, "in_interrupt") ? "interrupt" : "poll");
		ctl_table_add(table, CTL_PLAIN, "%s",
		              ctl_units_percent((double)busy, (double)(busy + idle)).s);
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_ticks(busy, hz).s);
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_ticks(idle, hz).s);
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64, ctl_json_u64(r, "tid"));
		ctl_table_add(table, CTL_PLAIN, "%s", names);
	}
}

static const struct ctl_view view = {
	.method = "framework_get_reactors",
	.columns = columns,
	.num_columns = sizeof(columns) / sizeof(columns[0]),
	.fill = fill,
	.empty = "it has no reactors",
};

static int
run(struct ctl *ctl, int argc, char **argv)
{
	return ctl_show(ctl, &view, NULL);
}

static struct ctl_command command = {
	.name = "reactors",
	.summary = "its reactors: load and the threads on them",
	.details = "Times and shares are since its start.",
	.group = CTL_GROUP_INSIDE,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
