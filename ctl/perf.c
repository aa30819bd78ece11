/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `perf BDEV`: the load generator runs in the primary, here is its remote control. */

#include <stdio.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/perf_report.h"
#include "ctl/signals.h"
#include "ctl/term.h"

#define POLL_MS  250
#define SHORT_MS 20

static struct ctl_perf_run opts = {
	.workload = "randread",
	.queue_depth = 128,
	.io_size = 4096,
	.time_ms = 10000,
	.rwmixread = 50,
};

static const char *const workloads[] = { "read", "write", "randread", "randwrite", "rw", "randrw" };

static int
check_options(void)
{
	size_t i;

	for (i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		if (strcmp(opts.workload, workloads[i]) == 0) {
			break;
		}
	}
	if (i == sizeof(workloads) / sizeof(workloads[0])) {
		ctl_error("there is no workload '%s'; there are read, write, randread, randwrite, "
		          "rw, randrw",
		          opts.workload);
		return CTL_USAGE;
	}
	if (opts.queue_depth == 0 || opts.queue_depth > UINT32_MAX || opts.io_size == 0 ||
	    opts.io_size > UINT32_MAX || opts.time_ms == 0) {
		ctl_error("queue depth, I/O size and time must be more than 0");
		return CTL_USAGE;
	}
	if (opts.rwmixread > 100) {
		ctl_error("--rwmixread is a percentage, 0 to 100");
		return CTL_USAGE;
	}
	return CTL_OK;
}

static int
start(struct ctl *ctl, uint64_t *id)
{
	struct json_object *params = json_object_new_object(), *result;
	int rc;

	ctl_json_put_str(params, "name", opts.bdev);
	ctl_json_put_str(params, "workload", opts.workload);
	ctl_json_put_u64(params, "queue_depth", opts.queue_depth);
	ctl_json_put_u64(params, "io_size", opts.io_size);
	ctl_json_put_u64(params, "time_ms", opts.time_ms);
	ctl_json_put_u64(params, "rwmixread", opts.rwmixread);
	ctl_json_put(params, "verify", json_object_new_boolean(opts.verify));
	ctl_json_put(params, "gaps", json_object_new_boolean(opts.gaps));
	rc = ctl_call(ctl, "cal_perf_start", params, &result);
	json_object_put(params);
	if (rc == CTL_OK) {
		*id = ctl_json_u64(result, "id");
		json_object_put(result);
	}
	return rc;
}

static int
call_with_id(struct ctl *ctl, const char *method, uint64_t id, struct json_object **result)
{
	struct json_object *params = json_object_new_object();
	int rc;

	ctl_json_put_u64(params, "id", id);
	rc = ctl_call(ctl, method, params, result);
	json_object_put(params);
	return rc;
}

/* How long until the next look: before the run ends by itself, and soon after. */
static uint64_t
pause_ms(struct json_object *last)
{
	uint64_t elapsed = ctl_json_u64(last, "elapsed_ms");

	if (strcmp(ctl_json_str(last, "phase"), "run") != 0 || elapsed + POLL_MS < opts.time_ms) {
		return POLL_MS;
	}
	return elapsed < opts.time_ms ? opts.time_ms - elapsed + 2 : SHORT_MS;
}

/* Until the job is over or Ctrl-C. Returns an exit status. */
static int
watch(struct ctl *ctl, uint64_t id)
{
	struct json_object *before = NULL, *now;
	uint64_t ms = opts.time_ms < POLL_MS ? opts.time_ms + 2 : POLL_MS;
	bool running = true;
	char line[256];
	int rc;

	while (running && !ctl_signals_caught()) {
		ctl_sleep_ms(ms);
		if (ctl_signals_caught()) {
			break;
		}
		rc = call_with_id(ctl, "cal_perf_get", id, &now);
		if (rc != CTL_OK) {
			json_object_put(before);
			return rc;
		}
		running = ctl_json_bool(now, "running");
		if (!ctl->json && running) {
			ctl_perf_line(line, sizeof(line), &opts, now, before);
			ctl_progress("%s", line);
		}
		ms = pause_ms(now);
		json_object_put(before);
		before = now;
	}
	opts.interrupted = running;
	json_object_put(before);
	ctl_progress_end();
	return CTL_OK;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *result, *report;
	uint64_t id;
	int rc;

	opts.bdev = argv[0];
	rc = check_options();
	if (rc == CTL_OK) {
		rc = ctl_attach(ctl);
	}
	if (rc != CTL_OK) {
		return rc;
	}
	/* Before the start: a Ctrl-C from here on finds a job that it can end. */
	ctl_signals_catch();
	rc = start(ctl, &id);
	if (rc == CTL_OK) {
		rc = watch(ctl, id);
	}
	if (rc == CTL_OK) {
		rc = call_with_id(ctl, "cal_perf_stop", id, &result);
	}
	if (rc != CTL_OK) {
		return rc;
	}
	if (ctl->json) {
		report = ctl_perf_json(&opts, result);
		ctl_json_print_line(stdout, report);
		json_object_put(report);
	} else {
		ctl_perf_print(stdout, ctl_term(), &opts, result);
	}
	rc = ctl_perf_is_bad(result) ? CTL_FAILED : CTL_OK;
	json_object_put(result);
	return rc;
}

static const struct ctl_option options[] = {
	{ "workload", 'w', CTL_OPT_STRING, &opts.workload, "KIND",
	  "read, write, randread (default), randwrite, rw,\nrandrw" },
	{ "queue-depth", 'q', CTL_OPT_NUMBER, &opts.queue_depth, "N",
	  "I/Os under way at a time (default 128)" },
	{ "io-size", 'o', CTL_OPT_SIZE, &opts.io_size, "BYTES",
	  "bytes of one I/O (default 4096; 4k, 1M)" },
	{ "time", 't', CTL_OPT_SECONDS, &opts.time_ms, "S", "seconds (default 10)" },
	{ "rwmixread", 'M', CTL_OPT_NUMBER, &opts.rwmixread, "N",
	  "percent of reads in rw and randrw (default 50)" },
	{ "verify", 0, CTL_OPT_FLAG, &opts.verify, NULL,
	  "write a pattern, read it back and check it:\nDESTROYS the data on BDEV" },
	{ "gaps", 0, CTL_OPT_FLAG, &opts.gaps, NULL,
	  "also the times between completions, in the reactor's\nown on-CPU time and by the "
	  "clock" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "perf",
	.args = "BDEV",
	.summary = "run I/O on a block device: rate, latency, data check",
	.details = "Writing workloads and --verify overwrite BDEV. Ctrl-C ends the run and still\n"
		   "reports. The exit status is 1 when there was an error or a mismatch.",
	.group = CTL_GROUP_ACT,
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
