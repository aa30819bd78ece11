/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `trace start`, `trace show`, `trace stop`: asks the monitor, so it works while reactors hang. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/table.h"
#include "ctl/units.h"
#include "ipc/client/json.h"
#include "ipc/client/monitor.h"

#define TIMEOUT_MS 10000

static struct {
	uint64_t min_us;
	uint64_t sample;
} opts = { .min_us = 50, .sample = 4096 };

/* Call the monitor; prints every failure. Returns an exit status. */
static int
ask(struct ctl *ctl, const char *method, struct json_object *params, struct json_object **result)
{
	struct codec_envelope response;
	struct codec_span text;
	struct codec_buf packed;
	char err[512] = "out of memory";
	void *reply = NULL;
	int rc, code;

	codec_buf_init(&packed);
	rc = cal_json_pack(&packed, params);
	if (rc == 0) {
		rc = cal_monitor_call(ctl->instance, method, packed.data, packed.len, TIMEOUT_MS,
		                      &reply, &response, err, sizeof(err));
	}
	codec_buf_free(&packed);
	if (rc != 0) {
		ctl_error("%s", err);
		return rc == -ENOENT || rc == -ECONNREFUSED ? CTL_NO_PRIMARY : CTL_FAILED;
	}
	if (response.error.len > 0) {
		if (codec_parse_error(response.error.data, response.error.len, &code, &text) == 0) {
			ctl_error("%.*s", (int)text.len, (const char *)text.data);
		} else {
			ctl_error("the monitor answers with an error that cannot be read");
		}
		free(reply);
		return CTL_FAILED;
	}
	rc = cal_json_unpack(response.result.data, response.result.len, result);
	free(reply);
	if (rc != 0) {
		ctl_error("the monitor's answer cannot be read: %s", strerror(-rc));
		return CTL_FAILED;
	}
	return CTL_OK;
}

/* What is traced is an argument; there is one kind now. */
static int
check_kind(const char *what)
{
	if (strcmp(what, "pollers") == 0) {
		return CTL_OK;
	}
	ctl_error("there is no trace of '%s': pollers can be traced", what);
	return CTL_USAGE;
}

static int
run_start(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params, *result;
	int rc = check_kind(argv[0]);

	if (rc != CTL_OK) {
		return rc;
	}
	if (opts.sample == 0 || opts.sample > UINT32_MAX || opts.min_us > UINT32_MAX) {
		ctl_error("--sample takes a number from 1 (every run), --min-us one from 0");
		return CTL_USAGE;
	}
	params = json_object_new_object();
	ctl_json_put_str(params, "what", argv[0]);
	ctl_json_put_u64(params, "min_us", opts.min_us);
	ctl_json_put_u64(params, "sample", opts.sample);
	rc = ask(ctl, "trace_start", params, &result);
	json_object_put(params);
	if (rc != CTL_OK) {
		return rc;
	}
	if (ctl->json) {
		ctl_json_print_line(stdout, result);
	} else {
		printf("tracing pollers: every run of %llu us or more, and every %llu-th besides\n",
		       (unsigned long long)opts.min_us, (unsigned long long)opts.sample);
		printf("look with  calctl trace show pollers\n"
		       "or with    bpftool map dump pinned /sys/fs/bpf/calandria/%d/cal_pollers\n",
		       ctl->instance);
	}
	json_object_put(result);
	return CTL_OK;
}

static const struct ctl_column columns[] = {
	{ "THREAD", .elastic = true }, { "POLLER", .elastic = true }, { "SEEN", .right = true },
	{ "P50", .right = true },      { "P99", .right = true },      { "MAX", .right = true },
	{ "TOTAL", .right = true },
};

static int
run_show(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params, *rows;
	struct ctl_table table;
	size_t i;
	int rc = check_kind(argv[0]);

	if (rc != CTL_OK) {
		return rc;
	}
	params = json_object_new_object();
	ctl_json_put_str(params, "what", argv[0]);
	rc = ask(ctl, "trace_show", params, &rows);
	json_object_put(params);
	if (rc != CTL_OK) {
		return rc;
	}
	if (ctl->json) {
		ctl_json_print_line(stdout, rows);
		json_object_put(rows);
		return CTL_OK;
	}
	ctl_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < ctl_json_len(rows); i++) {
		struct json_object *row = ctl_json_at(rows, i);

		ctl_table_add(&table, CTL_PLAIN, "%s", ctl_json_str(row, "thread"));
		ctl_table_add(&table, CTL_PLAIN, "%s", ctl_json_str(row, "name"));
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              ctl_units_count((double)ctl_json_u64(row, "count")).s);
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              ctl_units_latency((double)ctl_json_u64(row, "p50_ns") / 1e3).s);
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              ctl_units_latency((double)ctl_json_u64(row, "p99_ns") / 1e3).s);
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              ctl_units_latency((double)ctl_json_u64(row, "max_ns") / 1e3).s);
		ctl_table_add(&table, CTL_PLAIN, "%s",
		              ctl_units_latency((double)ctl_json_u64(row, "total_ns") / 1e3).s);
	}
	rc = ctl_table_print(&table, stdout, ctl_term(), 0) == 0 ? CTL_OK : CTL_FAILED;
	ctl_table_free(&table);
	json_object_put(rows);
	return rc;
}

static int
run_stop(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *result;
	int rc = ask(ctl, "trace_stop", NULL, &result);

	if (rc != CTL_OK) {
		return rc;
	}
	if (ctl->json) {
		ctl_json_print_line(stdout, result);
	} else {
		printf("tracing stopped, pins removed\n");
	}
	json_object_put(result);
	return CTL_OK;
}

static const struct ctl_option start_options[] = {
	{ "min-us", 0, CTL_OPT_NUMBER, &opts.min_us, "N", "every run of N us or more (50)" },
	{ "sample", 0, CTL_OPT_NUMBER, &opts.sample, "N", "and every N-th run besides (4096)" },
	{ 0 },
};

static struct ctl_command start = {
	.name = "trace start",
	.args = "pollers",
	.summary = "trace poller run times with BPF",
	.details = "Histograms per poller in pinned BPF maps: they go on counting when\n"
		   "the monitor is restarted. A run is measured by the reactor itself;\n"
		   "a probe fires for the chosen ones only.",
	.group = CTL_GROUP_ACT,
	.options = start_options,
	.min_args = 1,
	.max_args = 1,
	.run = run_start,
};
CTL_COMMAND_REGISTER(start)

static struct ctl_command show = {
	.name = "trace show",
	.args = "pollers",
	.summary = "what has been traced so far, by total time",
	.group = CTL_GROUP_ACT,
	.min_args = 1,
	.max_args = 1,
	.run = run_show,
};
CTL_COMMAND_REGISTER(show)

static struct ctl_command stop = {
	.name = "trace stop",
	.summary = "end tracing and remove the pins",
	.group = CTL_GROUP_ACT,
	.run = run_stop,
};
CTL_COMMAND_REGISTER(stop)
