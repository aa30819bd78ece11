/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `threads` */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/show.h"
#include "ctl/units.h"

/* SPDK_CPUSET_SIZE bits in hexadecimal. */
#define CPUMASK_DIGITS (1024 / 4)

static const struct ctl_column columns[] = {
	{ "ID", .right = true },     { "NAME", .elastic = true },    { "CPUMASK" },
	{ "BUSY", .right = true },   { "BUSY TIME", .right = true }, { "IDLE TIME", .right = true },
	{ "ACTIVE", .right = true }, { "TIMED", .right = true },     { "PAUSED", .right = true },
};

/* A thread that may run anywhere has every bit of the largest mask there is. */
static const char *
mask_text(const char *mask)
{
	return strspn(mask, "f") == CPUMASK_DIGITS ? "any" : mask;
}

static void
fill(struct ctl_table *table, struct json_object *result)
{
	struct json_object *threads = ctl_json_get(result, "threads");
	uint64_t hz = ctl_json_u64(result, "tick_rate");
	size_t i;

	for (i = 0; i < ctl_json_len(threads); i++) {
		struct json_object *t = ctl_json_at(threads, i);
		uint64_t busy = ctl_json_u64(t, "busy"), idle = ctl_json_u64(t, "idle");

		ctl_table_add(table, CTL_PLAIN, "%" PRIu64, ctl_json_u64(t, "id"));
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_json_str(t, "name"));
		ctl_table_add(table, CTL_PLAIN, "%s", mask_text(ctl_json_str(t, "cpumask")));
		ctl_table_add(table, CTL_PLAIN, "%s",
		              ctl_units_percent((double)busy, (double)(busy + idle)).s);
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_ticks(busy, hz).s);
		ctl_table_add(table, CTL_PLAIN, "%s", ctl_units_ticks(idle, hz).s);
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64,
		              ctl_json_u64(t, "active_pollers_count"));
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64, ctl_json_u64(t, "timed_pollers_count"));
		ctl_table_add(table, CTL_PLAIN, "%" PRIu64,
		              ctl_json_u64(t, "paused_pollers_count"));
	}
}

static const struct ctl_view view = {
	.method = "thread_get_stats",
	.columns = columns,
	.num_columns = sizeof(columns) / sizeof(columns[0]),
	.fill = fill,
	.empty = "it has no threads",
};

static int
run(struct ctl *ctl, int argc, char **argv)
{
	return ctl_show(ctl, &view, NULL);
}

static struct ctl_command command = {
	.name = "threads",
	.summary = "its lightweight threads and how busy they are",
	.details = "ACTIVE, TIMED and PAUSED count pollers. Times and shares are since its start.",
	.group = CTL_GROUP_INSIDE,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
