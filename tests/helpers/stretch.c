/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application that measures how long its app thread is away: an active poller on the app thread
 * keeps a histogram of the time between its runs. stretch_get {} answers what was measured since
 * the last call and begins anew. tests/bench/stretch.py drives it.
 *
 * A gap may also be the machine's: the kernel took the CPU away (involuntary context switches are
 * counted), or the host did (nobody tells). So the same is to be measured with and without load in
 * turn. Page faults in a long gap are ours. */

#include <sys/resource.h>

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/histogram_data.h"
#include "spdk/rpc.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* 1 ns to 1 s at 32 buckets a power of two. */
#define GRANULARITY 5
#define LONG_US     10
#define MAX_LONGEST 8
/* Shorter gaps are turns with nothing in them. */
#define GAP_SHOWN_NS 1000

struct gap {
	uint64_t ticks;
	long switches; /* of the OS thread, since the long gap before */
	long faults;
};

static struct {
	struct spdk_poller *poller;
	struct spdk_histogram_data *histogram;
	uint64_t last; /* 0: the next gap does not count */
	uint64_t begin;
	uint64_t runs;
	uint64_t long_ticks;
	uint64_t long_gaps;
	uint64_t long_switched;
	uint64_t long_faulted;
	struct gap longest[MAX_LONGEST];
	struct rusage usage;
} g;

static void
gap_was_long(uint64_t ticks)
{
	struct gap gap = { .ticks = ticks };
	struct rusage now;
	unsigned i, least = 0;

	getrusage(RUSAGE_THREAD, &now);
	gap.switches = now.ru_nivcsw - g.usage.ru_nivcsw;
	gap.faults = now.ru_minflt - g.usage.ru_minflt;
	g.usage = now;
	g.long_gaps++;
	g.long_switched += gap.switches != 0;
	g.long_faulted += gap.faults != 0;
	for (i = 1; i < MAX_LONGEST; i++) {
		if (g.longest[i].ticks < g.longest[least].ticks) {
			least = i;
		}
	}
	if (ticks > g.longest[least].ticks) {
		g.longest[least] = gap;
	}
}

static int
look(void *arg)
{
	uint64_t now = spdk_get_ticks();

	if (g.last != 0) {
		g.runs++;
		spdk_histogram_data_tally(g.histogram, now - g.last);
		if (now - g.last > g.long_ticks) {
			gap_was_long(now - g.last);
			now = spdk_get_ticks();
		}
	}
	g.last = now;
	return SPDK_POLLER_IDLE;
}

static void
begin_anew(void)
{
	spdk_histogram_data_reset(g.histogram);
	memset(g.longest, 0, sizeof(g.longest));
	g.runs = g.long_gaps = g.long_switched = g.long_faulted = 0;
	getrusage(RUSAGE_THREAD, &g.usage);
	g.begin = spdk_get_ticks();
	g.last = 0;
}

struct quantile {
	double want;
	uint64_t ticks;
};

static void
find_quantiles(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total,
               uint64_t so_far)
{
	struct quantile *q = ctx;

	for (; q->want > 0; q++) {
		if (q->ticks == 0 && count != 0 && (double)so_far >= q->want * (double)total) {
			q->ticks = end;
		}
	}
}

/* How many gaps were longer than so many µs. */
static const uint32_t g_over_us[] = { 3, 5, 7, 10, 15, 20, 50, 100 };

struct overs {
	uint64_t counts[SPDK_COUNTOF(g_over_us)];
};

static void
count_overs(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total,
            uint64_t so_far)
{
	uint64_t us = spdk_get_ticks_hz() / 1000000;
	struct overs *overs = ctx;
	unsigned i;

	for (i = 0; i < SPDK_COUNTOF(g_over_us); i++) {
		if (start >= g_over_us[i] * us) {
			overs->counts[i] += count;
		}
	}
}

static uint64_t
to_ns(uint64_t ticks)
{
	return (uint64_t)((double)ticks * 1e9 / (double)spdk_get_ticks_hz());
}

static void
write_overs(struct spdk_json_write_ctx *w)
{
	struct overs overs = { 0 };
	unsigned i;

	spdk_histogram_data_iterate(g.histogram, count_overs, &overs);
	spdk_json_write_named_array_begin(w, "over");
	for (i = 0; i < SPDK_COUNTOF(g_over_us); i++) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_uint32(w, "us", g_over_us[i]);
		spdk_json_write_named_uint64(w, "gaps", overs.counts[i]);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

static void
write_longest(struct spdk_json_write_ctx *w)
{
	unsigned i;

	spdk_json_write_named_array_begin(w, "longest");
	for (i = 0; i < MAX_LONGEST && g.longest[i].ticks != 0; i++) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_uint64(w, "ns", to_ns(g.longest[i].ticks));
		spdk_json_write_named_int64(w, "switches", g.longest[i].switches);
		spdk_json_write_named_int64(w, "faults", g.longest[i].faults);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

static void
write_bucket(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total,
             uint64_t so_far)
{
	struct spdk_json_write_ctx *w = ctx;

	if (count != 0 && to_ns(start) >= GAP_SHOWN_NS) {
		spdk_json_write_array_begin(w);
		spdk_json_write_uint64(w, to_ns(end));
		spdk_json_write_uint64(w, count);
		spdk_json_write_array_end(w);
	}
}

/* [[up to so many ns, how many], ...] from the shortest to the longest. */
static void
write_gaps(struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_array_begin(w, "gaps");
	spdk_histogram_data_iterate(g.histogram, write_bucket, w);
	spdk_json_write_array_end(w);
}

static void
stretch_get(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct quantile q[] = { { 0.5, 0 },    { 0.99, 0 }, { 0.999, 0 },
		                { 0.9999, 0 }, { 1, 0 },    { 0, 0 } };
	struct spdk_json_write_ctx *w;

	spdk_histogram_data_iterate(g.histogram, find_quantiles, q);
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_double(w, "seconds", (double)to_ns(spdk_get_ticks() - g.begin) / 1e9);
	spdk_json_write_named_uint64(w, "runs", g.runs);
	spdk_json_write_named_uint64(w, "p50_ns", to_ns(q[0].ticks));
	spdk_json_write_named_uint64(w, "p99_ns", to_ns(q[1].ticks));
	spdk_json_write_named_uint64(w, "p999_ns", to_ns(q[2].ticks));
	spdk_json_write_named_uint64(w, "p9999_ns", to_ns(q[3].ticks));
	spdk_json_write_named_uint64(w, "max_ns", to_ns(q[4].ticks));
	spdk_json_write_named_uint64(w, "long_gaps", g.long_gaps);
	spdk_json_write_named_uint64(w, "long_switched", g.long_switched);
	spdk_json_write_named_uint64(w, "long_faulted", g.long_faulted);
	write_overs(w);
	write_longest(w);
	write_gaps(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
	begin_anew();
}
SPDK_RPC_REGISTER("stretch_get", stretch_get, SPDK_RPC_RUNTIME)

static void
start(void *ctx)
{
	g.long_ticks = spdk_get_ticks_hz() / 1000000 * LONG_US;
	begin_anew();
	g.poller = SPDK_POLLER_REGISTER(look, NULL, 0);
}

static void
shutdown_asked(void)
{
	spdk_poller_unregister(&g.poller);
	spdk_app_stop(0);
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	int rc;

	g.histogram = calloc(1, sizeof(*g.histogram));
	if (g.histogram == NULL) {
		return 1;
	}
	g.histogram->granularity = GRANULARITY;
	g.histogram->max_range = 30;
	g.histogram->bucket = calloc(SPDK_HISTOGRAM_NUM_BUCKETS(g.histogram), sizeof(uint64_t));
	if (g.histogram->bucket == NULL) {
		return 1;
	}
	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "stretch";
	opts.shutdown_cb = shutdown_asked;
	if (spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL) !=
	    SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 2;
	}
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	free(g.histogram->bucket);
	free(g.histogram);
	return rc != 0;
}
