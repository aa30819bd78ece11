/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `rpc METHOD [JSON]` */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/ctl.h"
#include "ctl/file.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/term.h"
#include "ctl/units.h"
#include "ipc/client/client.h"
#include "ipc/client/json.h"

#define MAX_REPEAT 10000000u

static struct {
	uint64_t timeout_ms;
	uint64_t repeat;
} opts = { .timeout_ms = CTL_CALL_TIMEOUT_MS };

static int
read_params(const char *arg, struct json_object **params)
{
	char *text = NULL, err[256];
	size_t len = strlen(arg);
	int rc;

	if (strcmp(arg, "-") == 0) {
		rc = ctl_file_read(arg, &text, &len, err, sizeof(err));
		if (rc != 0) {
			ctl_error("%s", err);
			return CTL_USAGE;
		}
		arg = text;
	}
	rc = ctl_json_parse(arg, len, params, err, sizeof(err));
	free(text);
	if (rc != 0) {
		ctl_error("the parameters are not JSON: %s", err);
		return CTL_USAGE;
	}
	if (*params != NULL && !json_object_is_type(*params, json_type_object) &&
	    !json_object_is_type(*params, json_type_array)) {
		ctl_error(
			"the parameters must be a JSON object, such as '{\"name\": \"Malloc0\"}'");
		json_object_put(*params);
		return CTL_USAGE;
	}
	return CTL_OK;
}

static void
print_result(const struct ctl *ctl, struct json_object *result)
{
	if (ctl->json) {
		ctl_json_print_line(stdout, result);
	} else {
		ctl_json_print_pretty(stdout, result);
	}
}

static int
call_once(struct ctl *ctl, const char *method, struct json_object *params)
{
	struct ctl_reply reply;
	int rc = ctl_call_reply(ctl, method, params, opts.timeout_ms, &reply);

	if (rc != 0 || reply.is_error) {
		return ctl_call_explain(ctl, method, rc, &reply, opts.timeout_ms);
	}
	print_result(ctl, reply.result);
	json_object_put(reply.result);
	return CTL_OK;
}

static void
print_latencies(const struct ctl *ctl, const char *method, struct ctl_latency *l, double seconds,
                double attach_ms)
{
	struct json_object *root, *latency;
	double p50, p99, max, average;

	ctl_latency_sort(l);
	p50 = ctl_latency_percentile_us(l, 50);
	p99 = ctl_latency_percentile_us(l, 99);
	max = ctl_latency_percentile_us(l, 100);
	average = ctl_latency_average_us(l);
	if (!ctl->json) {
		printf("%s: %zu calls in %s, one after another\n", method, l->count,
		       ctl_units_duration(seconds).s);
		printf("  attach   %s\n", ctl_units_latency(attach_ms * 1000).s);
		printf("  latency  avg %s, p50 %s, p99 %s, max %s\n", ctl_units_latency(average).s,
		       ctl_units_latency(p50).s, ctl_units_latency(p99).s,
		       ctl_units_latency(max).s);
		return;
	}
	root = json_object_new_object();
	latency = json_object_new_object();
	ctl_json_put_str(root, "method", method);
	ctl_json_put_u64(root, "calls", l->count);
	ctl_json_put(root, "seconds", ctl_json_new_double(seconds, 3));
	ctl_json_put(root, "attach_ms", ctl_json_new_double(attach_ms, 3));
	ctl_json_put(latency, "avg", ctl_json_new_double(average, 2));
	ctl_json_put(latency, "p50", ctl_json_new_double(p50, 2));
	ctl_json_put(latency, "p99", ctl_json_new_double(p99, 2));
	ctl_json_put(latency, "max", ctl_json_new_double(max, 2));
	ctl_json_put(root, "latency_us", latency);
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

/* A measurement of the ring, so nothing but the call is in the loop. */
static int
measure(struct ctl *ctl, const char *method, const void *params, size_t len, struct ctl_latency *l)
{
	struct cal_response response;
	struct ctl_reply reply = { 0 };
	struct codec_span message;
	uint64_t i, before, now, shown = ctl_now_ns();
	int rc;

	for (i = 0; i < opts.repeat; i++) {
		before = ctl_now_ns();
		rc = cal_client_call(ctl->client, method, params, len, (int)opts.timeout_ms,
		                     &response);
		now = ctl_now_ns();
		if (rc == 0 && response.status != 0) {
			rc = response.status;
		}
		if (rc == 0 && response.error != NULL && response.error_len > 0) {
			reply.is_error = true;
			if (codec_parse_error(response.error, response.error_len, &reply.code,
			                      &message) == 0) {
				snprintf(reply.message, sizeof(reply.message), "%.*s",
				         (int)message.len, (const char *)message.data);
			}
		}
		if (rc != 0 || reply.is_error) {
			ctl_progress_end();
			return ctl_call_explain(ctl, method, rc, &reply, opts.timeout_ms);
		}
		ctl_latency_add(l, now - before);
		if (now - shown > 1000000000u && !ctl->json) {
			ctl_progress("%" PRIu64 " of %" PRIu64 " calls", i + 1, opts.repeat);
			shown = now;
		}
	}
	ctl_progress_end();
	return CTL_OK;
}

static int
call_repeatedly(struct ctl *ctl, const char *method, struct json_object *params, double attach_ms)
{
	struct ctl_latency latency;
	struct codec_buf buf;
	uint64_t begin;
	int rc;

	if (ctl_latency_init(&latency, opts.repeat) != 0) {
		ctl_error("out of memory for %" PRIu64 " latencies", opts.repeat);
		return CTL_FAILED;
	}
	codec_buf_init(&buf);
	if (params != NULL && (cal_json_pack(&buf, params) != 0 || buf.failed)) {
		ctl_error("out of memory");
		rc = CTL_FAILED;
	} else {
		begin = ctl_now_ns();
		rc = measure(ctl, method, params != NULL ? buf.data : NULL, buf.len, &latency);
		if (rc == CTL_OK) {
			print_latencies(ctl, method, &latency, (double)(ctl_now_ns() - begin) / 1e9,
			                attach_ms);
		}
	}
	codec_buf_free(&buf);
	ctl_latency_free(&latency);
	return rc;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params = NULL;
	uint64_t begin;
	int rc;

	if (opts.repeat > MAX_REPEAT) {
		ctl_error("--repeat is at most %u", MAX_REPEAT);
		return CTL_USAGE;
	}
	if (argc > 1) {
		rc = read_params(argv[1], &params);
		if (rc != CTL_OK) {
			return rc;
		}
	}
	begin = ctl_now_ns();
	rc = ctl_attach(ctl);
	if (rc == CTL_OK && opts.repeat > 0) {
		rc = call_repeatedly(ctl, argv[0], params, (double)(ctl_now_ns() - begin) / 1e6);
	} else if (rc == CTL_OK) {
		rc = call_once(ctl, argv[0], params);
	}
	json_object_put(params);
	return rc;
}

static const struct ctl_option options[] = {
	{ "timeout", 0, CTL_OPT_SECONDS, &opts.timeout_ms, "S",
	  "wait so long for the answer (default 30)" },
	{ "repeat", 0, CTL_OPT_NUMBER, &opts.repeat, "N",
	  "call N times, print latencies instead of results" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "rpc",
	.args = "METHOD [JSON]",
	.summary = "call any method of the primary",
	.details = "JSON is the parameters, `-` reads them from stdin:\n"
		   "  calctl rpc bdev_malloc_create '{\"num_blocks\": 8192, \"block_size\": 512}'\n"
		   "A method that fails leaves its code and message on stderr; exit status 1.",
	.group = CTL_GROUP_ACT,
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
CTL_COMMAND_REGISTER(command)
