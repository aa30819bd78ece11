/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `iostat [INTERVAL [COUNT]]` */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/instance.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/signals.h"
#include "ctl/table.h"
#include "ctl/units.h"

static struct {
	const char *bdev;
} opts;

static const struct ctl_column columns[] = {
	{ "BDEV", .elastic = true },  { "READ/s", .right = true },  { "READ", .right = true },
	{ "LATENCY", .right = true }, { "WRITE/s", .right = true }, { "WRITE", .right = true },
	{ "LATENCY", .right = true }, { "ERRORS", .right = true },
};

/* One bdev between two readings. */
struct delta {
	double read_iops, write_iops;
	double read_bytes, write_bytes; /* per second */
	double read_us, write_us;       /* average latency */
	uint64_t errors;                /* since the start */
};

static struct json_object *
find_bdev(struct json_object *result, const char *name)
{
	struct json_object *bdevs = ctl_json_get(result, "bdevs");
	size_t i;

	for (i = 0; i < ctl_json_len(bdevs); i++) {
		if (strcmp(ctl_json_str(ctl_json_at(bdevs, i), "name"), name) == 0) {
			return ctl_json_at(bdevs, i);
		}
	}
	return NULL;
}

/* Counters go back when a bdev is made anew under its old name, or reset. */
static double
grown(struct json_object *now, struct json_object *before, const char *key)
{
	uint64_t a = ctl_json_u64(now, key), b = ctl_json_u64(before, key);

	return (double)(a >= b ? a - b : a);
}

static struct delta
compare(struct json_object *now, struct json_object *before, double seconds, uint64_t hz)
{
	double reads = grown(now, before, "num_read_ops");
	double writes = grown(now, before, "num_write_ops");
	struct json_object *errors = ctl_json_get(now, "io_error");
	struct delta d = { 0 };

	if (seconds > 0) {
		d.read_iops = reads / seconds;
		d.write_iops = writes / seconds;
		d.read_bytes = grown(now, before, "bytes_read") / seconds;
		d.write_bytes = grown(now, before, "bytes_written") / seconds;
	}
	if (hz > 0 && reads > 0) {
		d.read_us = grown(now, before, "read_latency_ticks") / reads * 1e6 / (double)hz;
	}
	if (hz > 0 && writes > 0) {
		d.write_us = grown(now, before, "write_latency_ticks") / writes * 1e6 / (double)hz;
	}
	if (json_object_is_type(errors, json_type_object)) {
		json_object_object_foreach(errors, key, value)
		{
			(void)key;
			d.errors += json_object_get_uint64(value);
		}
	}
	return d;
}

static struct json_object *
delta_json(const char *name, struct json_object *now, const struct delta *d)
{
	static const char *const totals[] = { "num_read_ops", "num_write_ops", "bytes_read",
		                              "bytes_written" };
	struct json_object *item = json_object_new_object();
	size_t i;

	ctl_json_put_str(item, "name", name);
	ctl_json_put(item, "read_iops", ctl_json_new_double(d->read_iops, 1));
	ctl_json_put(item, "write_iops", ctl_json_new_double(d->write_iops, 1));
	ctl_json_put(item, "read_mib_per_s", ctl_json_new_double(d->read_bytes / 1048576, 3));
	ctl_json_put(item, "write_mib_per_s", ctl_json_new_double(d->write_bytes / 1048576, 3));
	ctl_json_put(item, "read_latency_us", ctl_json_new_double(d->read_us, 2));
	ctl_json_put(item, "write_latency_us", ctl_json_new_double(d->write_us, 2));
	ctl_json_put_u64(item, "io_errors", d->errors);
	for (i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		ctl_json_put_u64(item, totals[i], ctl_json_u64(now, totals[i]));
	}
	return item;
}

static void
report_json(struct json_object *now, struct json_object *before, double seconds)
{
	struct json_object *bdevs = ctl_json_get(now, "bdevs"), *root, *array;
	uint64_t hz = ctl_json_u64(now, "tick_rate");
	size_t i;

	root = json_object_new_object();
	array = json_object_new_array();
	for (i = 0; i < ctl_json_len(bdevs); i++) {
		struct json_object *b = ctl_json_at(bdevs, i);
		const char *name = ctl_json_str(b, "name");
		struct delta d = compare(b, find_bdev(before, name), seconds, hz);

		json_object_array_add(array, delta_json(name, b, &d));
	}
	ctl_json_put(root, "interval_s", ctl_json_new_double(seconds, 3));
	ctl_json_put(root, "bdevs", array);
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

static int
report_table(struct json_object *now, struct json_object *before, double seconds)
{
	struct json_object *bdevs = ctl_json_get(now, "bdevs");
	uint64_t hz = ctl_json_u64(now, "tick_rate");
	struct ctl_table table;
	size_t i;
	int rc;

	ctl_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < ctl_json_len(bdevs); i++) {
		struct json_object *b = ctl_json_at(bdevs, i);
		const char *name = ctl_json_str(b, "name");
		struct delta d = compare(b, find_bdev(before, name), seconds, hz);

		ctl_table_add(&table, CTL_PLAIN, "%s", name);
		ctl_table_add(&table, CTL_PLAIN, "%s", ctl_units_count(d.read_iops).s);
		ctl_table_add(&table, CTL_PLAIN, "%s", ctl_units_bandwidth(d.read_bytes).s);
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              d.read_us > 0 ? ctl_units_latency(d.read_us).s : "-");
		ctl_table_add(&table, CTL_PLAIN, "%s", ctl_units_count(d.write_iops).s);
		ctl_table_add(&table, CTL_PLAIN, "%s", ctl_units_bandwidth(d.write_bytes).s);
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              d.write_us > 0 ? ctl_units_latency(d.write_us).s : "-");
		ctl_table_add(&table, d.errors > 0 ? CTL_RED : CTL_PLAIN, "%" PRIu64, d.errors);
	}
	if (ctl_json_len(bdevs) == 0) {
		printf("it has no block devices\n");
		rc = 0;
	} else {
		rc = ctl_table_print(&table, stdout, ctl_term(), 0);
	}
	ctl_table_free(&table);
	return rc;
}

static int
read_counters(struct ctl *ctl, struct json_object **result)
{
	struct json_object *params = NULL, *names;
	int rc;

	if (opts.bdev != NULL) {
		params = json_object_new_object();
		names = json_object_new_array();
		json_object_array_add(names, json_object_new_string(opts.bdev));
		ctl_json_put(params, "names", names);
	}
	rc = ctl_call(ctl, "bdev_get_iostat", params, result);
	json_object_put(params);
	return rc;
}

static int
report(struct ctl *ctl, struct json_object *now, struct json_object *before, double seconds)
{
	if (ctl->json) {
		report_json(now, before, seconds);
		fflush(stdout);
		return CTL_OK;
	}
	if (report_table(now, before, seconds) != 0) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	fflush(stdout);
	return CTL_OK;
}

/* Since when the counters count, as near as can be told from outside. */
static double
uptime_s(const struct ctl *ctl)
{
	struct cal_state_file state;
	struct timespec now;
	bool alive;
	char err[256];

	if (ctl_instance_read(ctl, &state, &alive, err, sizeof(err)) != 0) {
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)state.main.started_ns / 1e9;
}

static int
repeat(struct ctl *ctl, uint64_t interval_ms, uint64_t count)
{
	struct json_object *before, *now;
	uint64_t i, begin, due, t0, t1;
	int rc = read_counters(ctl, &before);

	ctl_signals_catch();
	begin = t0 = ctl_now_ns();
	for (i = 1; rc == CTL_OK && (count == 0 || i <= count); i++) {
		due = begin + i * interval_ms * 1000000u;
		while (!ctl_signals_caught() && (t1 = ctl_now_ns()) < due) {
			ctl_sleep_ms((due - t1) / 1000000u + 1);
		}
		if (ctl_signals_caught()) {
			break;
		}
		rc = read_counters(ctl, &now);
		if (rc != CTL_OK) {
			break;
		}
		t1 = ctl_now_ns();
		if (i > 1 && !ctl->json) {
			printf("\n");
		}
		rc = report(ctl, now, before, (double)(t1 - t0) / 1e9);
		json_object_put(before);
		before = now;
		t0 = t1;
	}
	json_object_put(before);
	return rc;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *now;
	uint64_t interval_ms = 0, count = 0;
	int rc;

	if (argc > 0 && (ctl_units_parse_seconds(argv[0], &interval_ms) != 0 || interval_ms == 0)) {
		ctl_error("the interval is in seconds, such as 1 or 0.5, not '%s'", argv[0]);
		return CTL_USAGE;
	}
	if (argc > 1 && (ctl_units_parse_number(argv[1], &count) != 0 || count == 0)) {
		ctl_error("the count is a number from 1 on, not '%s'", argv[1]);
		return CTL_USAGE;
	}
	if (argc > 0) {
		return repeat(ctl, interval_ms, count);
	}
	rc = read_counters(ctl, &now);
	if (rc == CTL_OK) {
		rc = report(ctl, now, NULL, uptime_s(ctl));
		json_object_put(now);
	}
	return rc;
}

static const struct ctl_option options[] = {
	{ "bdev", 'b', CTL_OPT_STRING, &opts.bdev, "NAME", "only this block device" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "iostat",
	.args = "[INTERVAL [COUNT]]",
	.summary = "I/O rates and latencies of its block devices",
	.details =
		"Without an interval: averages since its start. With one (seconds): a report for\n"
		"each, COUNT times or until Ctrl-C; with --json a line each.",
	.group = CTL_GROUP_INSIDE,
	.options = options,
	.max_args = 2,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
