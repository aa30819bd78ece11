/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `pollers` */

#include <inttypes.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/show.h"
#include "ctl/units.h"

static const struct ctl_column columns[] = {
	{ "THREAD", .elastic = true },
	{ "POLLER", .elastic = true },
	{ "KIND" },
	{ "PERIOD", .right = true },
	{ "RUNS", .right = true },
	{ "BUSY RUNS", .right = true },
	{ "BUSY", .right = true },
	{ "LONGEST", .right = true },
	{ "STATE" },
};

static void
add_pollers(struct ctl_table *table, struct json_object *thread, const char *key, const char *kind,
            uint64_t hz)
{
	struct json_object *pollers = ctl_json_get(thread, key);
	size_t i;

	for (i = 0; i < ctl_json_len(pollers); i++) {
		struct json_object *p = ctl_json_at(pollers, i);
		uint64_t runs = ctl_json_u64(p, "run_count"), busy = ctl_json_u64(p, "busy_count");
		uint64_t period = ctl_json_u64(p, "period_ticks");
		uint64_t longest = ctl_json_u64(p, "longest_ticks");

		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(thread, "name"));
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(p, "name"));
		ctl_table_add(table, CTL_PLAIN, "%s", kind);
		ctl_table_add(table, CTL_PLAIN, "%s",
		              period > 0 ? ctl_units_ticks(period, hz).s : "-");
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_count((double)runs).s);
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_count((double)busy).s);
		ctl_table_add(table, CTL_PLAIN, "%s",
		              ctl_units_percent((double)busy, (double)runs).s);
		ctl_table_add(table, CTL_PLAIN, "%s",
		              longest > 0 ? ctl_units_ticks(longest, hz).s : "-");
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(p, "state"));
	}
}

static void
fill(struct ctl_table *table, struct json_object *result)
{
	struct json_object *threads = ctl_json_get(result, "threads");
	uint64_t hz = ctl_json_u64(result, "tick_rate");
	size_t i;

	for (i = 0; i < ctl_json_len(threads); i++) {
		struct json_object *t = ctl_json_at(threads, i);

		add_pollers(table, t, "active_pollers", "active", hz);
		add_pollers(table, t, "timed_pollers", "timed", hz);
		add_pollers(table, t, "paused_pollers", "paused", hz);
	}
}

static const struct ctl_view view = {
	.method = "cal_thread_get_pollers",
	.columns = columns,
	.num_columns = sizeof(columns) / sizeof(columns[0]),
	.fill = fill,
	.empty = "it has no pollers",
};

static int
run(struct ctl *ctl, int argc, char **argv)
{
	return ctl_show(ctl, &view, NULL);
}

static struct ctl_command command = {
	.name = "pollers",
	.summary = "the pollers of its threads: periods, runs, longest run",
	.details = "A run is busy when the poller found something to do. Not every run is timed:\n"
		   "LONGEST is of a sample, the runs in every 61st turn of a thread.",
	.group = CTL_GROUP_INSIDE,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
