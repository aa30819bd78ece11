/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a run of the load generator came to. */

#ifndef CAL_CTL_PERF_REPORT_H
#define CAL_CTL_PERF_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>

#include "ctl/term.h"

struct ctl_perf_run {
	const char *bdev;
	const char *workload;
	uint64_t queue_depth;
	uint64_t io_size;
	uint64_t time_ms;
	uint64_t rwmixread;
	bool verify;
	bool gaps;
	bool interrupted;
};

/** The report of `calctl --json perf`; the caller's. `result` is cal_perf_stop's. */
struct json_object *ctl_perf_json(const struct ctl_perf_run *run, struct json_object *result);

/** The same for people. */
void ctl_perf_print(FILE *out, const struct ctl_term *term, const struct ctl_perf_run *run,
                    struct json_object *result);

/** Whether there was an error or a mismatch. */
bool ctl_perf_is_bad(struct json_object *result);

/** The live line: the rates between two readings of cal_perf_get. */
void ctl_perf_line(char *text, size_t size, const struct ctl_perf_run *run, struct json_object *now,
                   struct json_object *before);

#endif
