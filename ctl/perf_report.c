/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <inttypes.h>
#include <string.h>

#include "ctl/json.h"
#include "ctl/perf_report.h"
#include "ctl/units.h"

static const char *const latency_keys[] = { "avg", "p50", "p99", "p99_9", "max" };
static const char *const latency_titles[] = { "avg", "p50", "p99", "p99.9", "max" };
#define NUM_LATENCIES (sizeof(latency_keys) / sizeof(latency_keys[0]))

bool
ctl_perf_is_bad(struct json_object *result)
{
	return ctl_json_u64(result, "errors") > 0 || ctl_json_str(result, "error")[0] != '\0' ||
	       ctl_json_u64(ctl_json_get(result, "verify"), "mismatches") > 0;
}

static const char *const gap_keys[] = { "p50", "p99", "p99_9", "p99_99", "max" };
#define NUM_GAPS (sizeof(gap_keys) / sizeof(gap_keys[0]))

static void
put_gaps(struct json_object *root, const char *name, struct json_object *result)
{
	struct json_object *from = ctl_json_get(result, name), *gaps;
	size_t i;

	if (from == NULL) {
		return;
	}
	gaps = json_object_new_object();
	for (i = 0; i < NUM_GAPS; i++) {
		ctl_json_put(gaps, gap_keys[i],
		             ctl_json_new_double(ctl_json_double(from, gap_keys[i]), 2));
	}
	ctl_json_put(root, name, gaps);
}

struct json_object *
ctl_perf_json(const struct ctl_perf_run *run, struct json_object *result)
{
	struct json_object *root = json_object_new_object(), *latency, *verify;
	struct json_object *from_latency = ctl_json_get(result, "latency_us");
	struct json_object *from_verify = ctl_json_get(result, "verify"), *first;
	const char *error = ctl_json_str(result, "error");
	size_t i;

	ctl_json_put_str(root, "bdev", run->bdev);
	ctl_json_put_str(root, "workload", run->workload);
	ctl_json_put_u64(root, "queue_depth", run->queue_depth);
	ctl_json_put_u64(root, "io_size", run->io_size);
	ctl_json_put_u64(root, "elapsed_ms", ctl_json_u64(result, "elapsed_ms"));
	ctl_json_put_u64(root, "ios", ctl_json_u64(result, "ios"));
	ctl_json_put_u64(root, "errors", ctl_json_u64(result, "errors"));
	ctl_json_put_u64(root, "bytes", ctl_json_u64(result, "bytes"));
	ctl_json_put(root, "iops", ctl_json_new_double(ctl_json_double(result, "iops"), 1));
	ctl_json_put(root, "mib_per_s",
	             ctl_json_new_double(ctl_json_double(result, "mib_per_s"), 3));
	latency = json_object_new_object();
	for (i = 0; i < NUM_LATENCIES; i++) {
		ctl_json_put(
			latency, latency_keys[i],
			ctl_json_new_double(ctl_json_double(from_latency, latency_keys[i]), 2));
	}
	ctl_json_put(root, "latency_us", latency);
	ctl_json_put(root, "longest_gap_us",
	             ctl_json_new_double(ctl_json_double(result, "longest_gap_us"), 2));
	put_gaps(root, "gaps_us", result);
	put_gaps(root, "wall_gaps_us", result);
	verify = json_object_new_object();
	ctl_json_put_u64(verify, "checked", ctl_json_u64(from_verify, "checked"));
	ctl_json_put_u64(verify, "mismatches", ctl_json_u64(from_verify, "mismatches"));
	first = ctl_json_get(from_verify, "first");
	if (first != NULL) {
		ctl_json_put(verify, "first", json_object_get(first));
	}
	ctl_json_put(root, "verify", verify);
	ctl_json_put(root, "interrupted", json_object_new_boolean(run->interrupted));
	if (error[0] != '\0') {
		ctl_json_put_str(root, "error", error);
	}
	return root;
}

static bool
is_mixed(const char *workload)
{
	return strcmp(workload, "rw") == 0 || strcmp(workload, "randrw") == 0;
}

static void
print_first_mismatch(FILE *out, struct json_object *first)
{
	const char *reason = ctl_json_str(first, "reason");

	fprintf(out,
	        "  first wrong byte: LBA %" PRIu64 ", byte %" PRIu64 " of the block: 0x%02" PRIx64
	        " in place of 0x%02" PRIx64 "%s%s%s\n",
	        ctl_json_u64(first, "lba"), ctl_json_u64(first, "offset"),
	        ctl_json_u64(first, "found"), ctl_json_u64(first, "expected"),
	        reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
}

static void
print_verify(FILE *out, const struct ctl_term *term, struct json_object *verify)
{
	uint64_t mismatches = ctl_json_u64(verify, "mismatches");
	enum ctl_colour colour = mismatches > 0 ? CTL_RED : CTL_GREEN;

	fprintf(out, "  verify    %s blocks read back and checked, %s%" PRIu64 " mismatches%s\n",
	        ctl_units_count((double)ctl_json_u64(verify, "checked")).s,
	        ctl_term_begin(term, colour), mismatches, ctl_term_end(term, colour));
	if (ctl_json_get(verify, "first") != NULL) {
		print_first_mismatch(out, ctl_json_get(verify, "first"));
	}
}

static void
print_gaps(FILE *out, const char *title, struct json_object *gaps)
{
	if (gaps != NULL) {
		fprintf(out, "  %-9s p50 %s, p99 %s, p99.9 %s, p99.99 %s, max %s\n", title,
		        ctl_units_latency(ctl_json_double(gaps, "p50")).s,
		        ctl_units_latency(ctl_json_double(gaps, "p99")).s,
		        ctl_units_latency(ctl_json_double(gaps, "p99_9")).s,
		        ctl_units_latency(ctl_json_double(gaps, "p99_99")).s,
		        ctl_units_latency(ctl_json_double(gaps, "max")).s);
	}
}

void
ctl_perf_print(FILE *out, const struct ctl_term *term, const struct ctl_perf_run *run,
               struct json_object *result)
{
	uint64_t errors = ctl_json_u64(result, "errors");
	enum ctl_colour colour = errors > 0 ? CTL_RED : CTL_GREEN;
	struct json_object *latency = ctl_json_get(result, "latency_us");
	const char *error = ctl_json_str(result, "error");
	size_t i;

	fprintf(out, "%s%s%s: %s", ctl_term_begin(term, CTL_BOLD), run->bdev,
	        ctl_term_end(term, CTL_BOLD), run->workload);
	if (is_mixed(run->workload)) {
		fprintf(out, " (%" PRIu64 " %% reads)", run->rwmixread);
	}
	fprintf(out, ", queue depth %" PRIu64 ", %s I/Os, %s%s\n", run->queue_depth,
	        ctl_units_bytes(run->io_size).s,
	        ctl_units_duration((double)ctl_json_u64(result, "elapsed_ms") / 1000).s,
	        run->interrupted ? " (interrupted)" : "");
	fprintf(out, "  rate      %s IOPS, %s\n",
	        ctl_units_count(ctl_json_double(result, "iops")).s,
	        ctl_units_bandwidth(ctl_json_double(result, "mib_per_s") * 1048576).s);
	fprintf(out, "  done      %s I/Os, %s, %s%" PRIu64 " errors%s\n",
	        ctl_units_count((double)ctl_json_u64(result, "ios")).s,
	        ctl_units_bytes(ctl_json_u64(result, "bytes")).s, ctl_term_begin(term, colour),
	        errors, ctl_term_end(term, colour));
	fprintf(out, "  latency   ");
	for (i = 0; i < NUM_LATENCIES; i++) {
		fprintf(out, "%s%s %s", i > 0 ? ", " : "", latency_titles[i],
		        ctl_units_latency(ctl_json_double(latency, latency_keys[i])).s);
	}
	fprintf(out, "\n  gap       %s, the longest time without a completion\n",
	        ctl_units_latency(ctl_json_double(result, "longest_gap_us")).s);
	print_gaps(out, "gaps", ctl_json_get(result, "wall_gaps_us"));
	print_gaps(out, "on CPU", ctl_json_get(result, "gaps_us"));
	if (run->verify) {
		print_verify(out, term, ctl_json_get(result, "verify"));
	}
	if (error[0] != '\0') {
		fprintf(out, "  %serror%s     %s\n", ctl_term_begin(term, CTL_RED),
		        ctl_term_end(term, CTL_RED), error);
	}
}

void
ctl_perf_line(char *text, size_t size, const struct ctl_perf_run *run, struct json_object *now,
              struct json_object *before)
{
	double seconds =
		(ctl_json_double(now, "elapsed_ms") - ctl_json_double(before, "elapsed_ms")) / 1000;
	double ios = ctl_json_double(now, "ios") - ctl_json_double(before, "ios");
	double bytes = ctl_json_double(now, "bytes") - ctl_json_double(before, "bytes");
	struct json_object *verify = ctl_json_get(now, "verify");
	uint64_t mismatches = ctl_json_u64(verify, "mismatches");
	const char *phase = ctl_json_str(now, "phase");
	int len;

	/* Before and after the run: neither is in its figures. */
	if (strcmp(phase, "prefill") == 0) {
		snprintf(text, size, "writing the pattern to all of %s first", run->bdev);
		return;
	}
	if (strcmp(phase, "readback") == 0) {
		snprintf(text, size,
		         "reading back what was written: %s blocks checked, %" PRIu64 " WRONG",
		         ctl_units_count(ctl_json_double(verify, "checked")).s, mismatches);
		return;
	}
	if (seconds <= 0) {
		seconds = 1;
	}
	len = snprintf(text, size, "%.1f of %.3g s  %s IOPS  %s  p99 %s  %" PRIu64 " errors  ",
	               ctl_json_double(now, "elapsed_ms") / 1000, (double)run->time_ms / 1000,
	               ctl_units_count(ios / seconds).s, ctl_units_bandwidth(bytes / seconds).s,
	               ctl_units_latency(ctl_json_double(ctl_json_get(now, "latency_us"), "p99")).s,
	               ctl_json_u64(now, "errors"));
	if (len < 0 || (size_t)len >= size) {
		return;
	}
	/* Within 80 columns only the one that matters more. */
	if (mismatches > 0) {
		snprintf(text + len, size - (size_t)len, "%" PRIu64 " WRONG", mismatches);
	} else {
		snprintf(text + len, size - (size_t)len, "gap %s",
		         ctl_units_latency(ctl_json_double(now, "longest_gap_us")).s);
	}
}
