/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* cal_perf_start, cal_perf_get, cal_perf_slice, cal_perf_stop: the table of jobs. It and everything
 * here belong to the app thread. A job belongs to the link that asked for it and is ended with it,
 * for nobody would know any more what it is for. One that was asked for by JSON-RPC has its time:
 * cal-rpcd, whose link that is, may be replaced meanwhile. */

#include "perf.h"

#include "core/rpc/rpc_server.h"
#include "spdk/bdev.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define MAX_RUNNING 64
#define MAX_KEPT    16

struct entry {
	uint32_t id;
	char bdev[PERF_NAME_MAX];
	bool verify;
	const void *owner;    /* a link to compare, NULL: none */
	bool forgotten;       /* its link has ended: nobody wants what it comes to */
	struct perf_job *job; /* NULL: it has ended, `result` is what it came to */
	struct perf_result result;
	struct spdk_jsonrpc_request *start_request;
	struct spdk_jsonrpc_request *stop_request;
	TAILQ_ENTRY(entry) link;
};

static TAILQ_HEAD(entry_list, entry) g_entries = TAILQ_HEAD_INITIALIZER(g_entries);
static uint32_t g_last_id;

static struct entry *
entry_find(uint32_t id)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &g_entries, link) {
		if (entry->id == id) {
			return entry;
		}
	}
	return NULL;
}

static void
entry_free(struct entry *entry)
{
	TAILQ_REMOVE(&g_entries, entry, link);
	free(entry);
}

static void
write_latency(struct spdk_json_write_ctx *w, const struct perf_result *r)
{
	spdk_json_write_named_object_begin(w, "latency_us");
	spdk_json_write_named_double(w, "avg", r->latency_avg_us);
	spdk_json_write_named_double(w, "p50", r->latency_p50_us);
	spdk_json_write_named_double(w, "p99", r->latency_p99_us);
	spdk_json_write_named_double(w, "p99_9", r->latency_p99_9_us);
	spdk_json_write_named_double(w, "max", r->latency_max_us);
	spdk_json_write_object_end(w);
}

static void
write_verify(struct spdk_json_write_ctx *w, const struct perf_result *r)
{
	spdk_json_write_named_object_begin(w, "verify");
	spdk_json_write_named_uint64(w, "checked", r->checked);
	spdk_json_write_named_uint64(w, "mismatches", r->mismatches);
	if (r->mismatches > 0) {
		spdk_json_write_named_object_begin(w, "first");
		spdk_json_write_named_uint64(w, "lba", r->first_lba);
		spdk_json_write_named_uint32(w, "offset", r->first_offset);
		spdk_json_write_named_uint32(w, "expected", r->first_expected);
		spdk_json_write_named_uint32(w, "found", r->first_found);
		spdk_json_write_named_string(w, "reason", r->first_reason);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
}

static void
write_gaps(struct spdk_json_write_ctx *w, const char *name, const struct perf_gap_figures *gaps)
{
	spdk_json_write_named_object_begin(w, name);
	spdk_json_write_named_double(w, "p50", gaps->p50);
	spdk_json_write_named_double(w, "p99", gaps->p99);
	spdk_json_write_named_double(w, "p99_9", gaps->p99_9);
	spdk_json_write_named_double(w, "p99_99", gaps->p99_99);
	spdk_json_write_named_double(w, "max", gaps->max);
	spdk_json_write_object_end(w);
}

static void
write_gap_counts(struct spdk_json_write_ctx *w, const struct perf_result *r)
{
	size_t i;

	if (r->gap_counts == NULL) {
		return;
	}
	spdk_json_write_named_array_begin(w, "gap_counts");
	for (i = 0; i < r->num_gap_counts; i++) {
		spdk_json_write_array_begin(w);
		spdk_json_write_uint64(w, r->gap_counts[i].ns);
		spdk_json_write_uint64(w, r->gap_counts[i].count);
		spdk_json_write_array_end(w);
	}
	spdk_json_write_array_end(w);
}

static void
send_result(struct spdk_jsonrpc_request *request, uint32_t id, const char *bdev,
            const struct perf_result *r)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	double seconds = (double)r->elapsed_us / 1e6;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "id", id);
	spdk_json_write_named_string(w, "bdev", bdev);
	spdk_json_write_named_bool(w, "running", r->phase != PERF_DONE);
	spdk_json_write_named_string(w, "phase", perf_phase_name(r->phase));
	spdk_json_write_named_uint64(w, "elapsed_ms", r->elapsed_us / 1000);
	spdk_json_write_named_uint64(w, "ios", r->ios);
	spdk_json_write_named_uint64(w, "errors", r->errors);
	spdk_json_write_named_uint64(w, "bytes", r->bytes);
	spdk_json_write_named_double(w, "iops", seconds > 0 ? (double)r->ios / seconds : 0);
	spdk_json_write_named_double(w, "mib_per_s",
	                             seconds > 0 ? (double)r->bytes / 1048576.0 / seconds : 0);
	write_latency(w, r);
	spdk_json_write_named_double(w, "longest_gap_us", r->longest_gap_us);
	if (r->gaps) {
		write_gaps(w, "gaps_us", &r->on_cpu_gaps);
		write_gaps(w, "wall_gaps_us", &r->wall_gaps);
		write_gap_counts(w, r);
	}
	if (r->verify) {
		write_verify(w, r);
	}
	if (r->error[0] != '\0') {
		spdk_json_write_named_string(w, "error", r->error);
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

/* --- cal_perf_start --------------------------------------------------------------------------- */

static int
decode_workload(const struct spdk_json_val *val, void *out)
{
	enum perf_workload *workload = out;
	int i;

	for (i = 0; i < PERF_NUM_WORKLOADS; i++) {
		if (spdk_json_strequal(val, perf_workload_name(i))) {
			*workload = i;
			return 0;
		}
	}
	return -EINVAL;
}

struct start_params {
	char *name;
	enum perf_workload workload;
	uint32_t queue_depth;
	uint32_t io_size;
	uint64_t time_ms;
	uint32_t rwmixread;
	bool verify;
	bool gaps;
};

static const struct spdk_json_object_decoder start_decoders[] = {
	{ "name", offsetof(struct start_params, name), spdk_json_decode_string },
	{ "workload", offsetof(struct start_params, workload), decode_workload, true },
	{ "queue_depth", offsetof(struct start_params, queue_depth), spdk_json_decode_uint32,
	  true },
	{ "io_size", offsetof(struct start_params, io_size), spdk_json_decode_uint32, true },
	{ "time_ms", offsetof(struct start_params, time_ms), spdk_json_decode_uint64, true },
	{ "rwmixread", offsetof(struct start_params, rwmixread), spdk_json_decode_uint32, true },
	{ "verify", offsetof(struct start_params, verify), spdk_json_decode_bool, true },
	{ "gaps", offsetof(struct start_params, gaps), spdk_json_decode_bool, true },
};

/* NULL, or what is wrong. */
static const char *
check_params(const struct start_params *p)
{
	if (strlen(p->name) >= PERF_NAME_MAX) {
		return "\"name\" is too long";
	}
	if (p->queue_depth == 0 || p->queue_depth > PERF_MAX_DEPTH) {
		return "\"queue_depth\" is 1 to 4096";
	}
	if (p->io_size == 0 || p->io_size > PERF_MAX_IO_SIZE) {
		return "\"io_size\" is a number of bytes up to 16 MiB";
	}
	if (p->time_ms == 0 || p->time_ms > UINT64_MAX / 1000000) {
		return "\"time_ms\" is a number of milliseconds, from 1";
	}
	if (p->rwmixread > 100) {
		return "\"rwmixread\" is a percentage";
	}
	return NULL;
}

static void
job_started(void *ctx, int rc, const char *error)
{
	struct entry *entry = ctx;
	struct spdk_json_write_ctx *w;

	if (rc != 0) {
		spdk_jsonrpc_send_error_response(entry->start_request, rc, error);
		entry_free(entry);
		return;
	}
	w = spdk_jsonrpc_begin_result(entry->start_request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "id", entry->id);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(entry->start_request, w);
	entry->start_request = NULL;
}

/* Forget the oldest results beyond the number that is kept. */
static void
trim_kept(void)
{
	struct entry *entry, *next;
	unsigned kept = 0;

	TAILQ_FOREACH_REVERSE_SAFE(entry, &g_entries, entry_list, link, next)
	{
		if (entry->job == NULL && ++kept > MAX_KEPT) {
			entry_free(entry);
		}
	}
}

static void
job_ended(void *ctx, const struct perf_result *result)
{
	struct entry *entry = ctx;

	entry->job = NULL;
	if (entry->forgotten && entry->stop_request == NULL) {
		entry_free(entry);
		return;
	}
	entry->result = *result;
	if (entry->stop_request != NULL) {
		send_result(entry->stop_request, entry->id, entry->bdev, result);
		entry_free(entry);
		return;
	}
	trim_kept();
}

static void
link_gone(const void *link)
{
	struct entry *entry, *next;

	TAILQ_FOREACH_SAFE (entry, &g_entries, link, next) {
		if (entry->owner != link) {
			continue;
		}
		entry->owner = NULL;
		entry->forgotten = true;
		if (entry->job == NULL) {
			entry_free(entry);
		} else if (entry->stop_request == NULL) {
			perf_job_stop(entry->job);
		}
	}
}

static struct rpc_link_watch g_watch = { .gone = link_gone };

static unsigned
num_running(void)
{
	struct entry *entry;
	unsigned running = 0;

	TAILQ_FOREACH (entry, &g_entries, link) {
		running += entry->job != NULL;
	}
	return running;
}

/* Two that verify would find each other's patterns, and call that wrong data. The first may well be
 * one whose client was killed. */
static const struct entry *
other_verifier(const char *bdev)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &g_entries, link) {
		if (entry->job != NULL && entry->verify && strcmp(entry->bdev, bdev) == 0) {
			return entry;
		}
	}
	return NULL;
}

static void
start_job(struct spdk_jsonrpc_request *request, const struct start_params *p)
{
	struct perf_params params = {
		.workload = p->workload,
		.queue_depth = p->queue_depth,
		.io_size = p->io_size,
		.time_ms = p->time_ms,
		.rwmixread = p->rwmixread,
		.verify = p->verify,
		.gaps = p->gaps,
	};
	static bool watching;
	const struct entry *other = p->verify ? other_verifier(p->name) : NULL;
	struct entry *entry;
	int rc;

	if (other != NULL) {
		spdk_jsonrpc_send_error_response_fmt(
			request, -EBUSY,
			"job %u verifies %s already, and each would overwrite what the other "
			"checks: wait for its end, or stop it with cal_perf_stop {\"id\": %u}",
			other->id, other->bdev, other->id);
		return;
	}
	if (num_running() >= MAX_RUNNING) {
		spdk_jsonrpc_send_error_response_fmt(request, -EBUSY, "%u jobs run already",
		                                     MAX_RUNNING);
		return;
	}
	if (!watching) {
		watching = true;
		rpc_server_watch_links(&g_watch);
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	snprintf(params.bdev, sizeof(params.bdev), "%s", p->name);
	snprintf(entry->bdev, sizeof(entry->bdev), "%s", p->name);
	entry->id = ++g_last_id;
	entry->owner = rpc_request_link(request);
	entry->verify = p->verify;
	entry->start_request = request;
	TAILQ_INSERT_TAIL(&g_entries, entry, link);
	rc = perf_job_start(entry->id, &params, job_started, job_ended, entry, &entry->job);
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		entry_free(entry);
	}
}

static void
cal_perf_start(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct start_params p = {
		.workload = PERF_RANDREAD,
		.queue_depth = 1,
		.io_size = 4096,
		.time_ms = 10000,
		.rwmixread = 50,
	};
	const char *wrong;

	if (spdk_json_decode_object(params, start_decoders, SPDK_COUNTOF(start_decoders), &p) !=
	    0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
	} else if ((wrong = check_params(&p)) != NULL) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, wrong);
	} else {
		start_job(request, &p);
	}
	free(p.name);
}
SPDK_RPC_REGISTER("cal_perf_start", cal_perf_start, SPDK_RPC_RUNTIME)

/* --- cal_perf_get, cal_perf_stop -------------------------------------------------------------- */

/* The entry may be gone when the figures come: they travel with what the answer needs. */
struct get {
	struct spdk_jsonrpc_request *request;
	uint32_t id;
	char bdev[PERF_NAME_MAX];
};

static void
got_figures(void *ctx, const struct perf_result *result)
{
	struct get *get = ctx;

	send_result(get->request, get->id, get->bdev, result);
	free(get);
}

/* The entry that a request names; answers it when there is none. */
static struct entry *
decode_entry(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{ "id", 0, spdk_json_decode_uint32 },
	};
	struct entry *entry;
	uint32_t id = 0;

	if (spdk_json_decode_object(params, decoders, SPDK_COUNTOF(decoders), &id) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		                                 "Invalid parameters");
		return NULL;
	}
	entry = entry_find(id);
	if (entry == NULL || entry->start_request != NULL) {
		spdk_jsonrpc_send_error_response_fmt(
			request, -ENOENT,
			"there is no job %u (the results of the last %u that ended are kept)", id,
			MAX_KEPT);
		return NULL;
	}
	return entry;
}

static void
answer_with_figures(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params,
                    bool slice)
{
	struct entry *entry = decode_entry(request, params);
	struct get *get;

	if (entry == NULL) {
		return;
	}
	if (entry->job == NULL) {
		send_result(request, entry->id, entry->bdev, &entry->result);
		return;
	}
	get = calloc(1, sizeof(*get));
	if (get != NULL) {
		get->request = request;
		get->id = entry->id;
		memcpy(get->bdev, entry->bdev, sizeof(get->bdev));
	}
	if (get == NULL || perf_job_peek(entry->job, slice, got_figures, get) != 0) {
		free(get);
		spdk_jsonrpc_send_error_response(request, -ENOMEM, spdk_strerror(ENOMEM));
	}
}

static void
cal_perf_get(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	answer_with_figures(request, params, false);
}
SPDK_RPC_REGISTER("cal_perf_get", cal_perf_get, SPDK_RPC_RUNTIME)
RPC_OPEN_TO_MONITOR(cal_perf_get)

static void
cal_perf_slice(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	answer_with_figures(request, params, true);
}
SPDK_RPC_REGISTER("cal_perf_slice", cal_perf_slice, SPDK_RPC_RUNTIME)

static void
cal_perf_stop(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct entry *entry = decode_entry(request, params);

	if (entry == NULL) {
		return;
	}
	if (entry->job == NULL) {
		send_result(request, entry->id, entry->bdev, &entry->result);
		entry_free(entry);
	} else if (entry->stop_request != NULL) {
		spdk_jsonrpc_send_error_response_fmt(request, -EALREADY,
		                                     "job %u is being stopped already", entry->id);
	} else {
		entry->stop_request = request;
		perf_job_stop(entry->job);
	}
}
SPDK_RPC_REGISTER("cal_perf_stop", cal_perf_stop, SPDK_RPC_RUNTIME)
