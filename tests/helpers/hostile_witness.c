/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* A well-behaved client beside hostile ones, for tests/integration/hostile.py and slow_clients.py:
 *
 *   hostile_witness ID SECONDS          calls one after the other, each answer compared with the
 * first of its kind, byte by byte; one call in 64 has a long answer hostile_witness ID SECONDS
 * WINDOW   so many calls under way at once; only counted
 *
 * Says "attached", and at the end a line of JSON. Status 0 if every call was answered. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/client/client_internal.h"

#define MAX_LATENCIES (1u << 22)

struct kind {
	const char *method;
	uint8_t *answer; /* the first */
	size_t len;
};

static struct kind g_kinds[] = {
	{ .method = "spdk_get_version" },
	{ .method = "framework_get_subsystems" },
	{ .method = "rpc_get_methods" }, /* several slots long */
};

static uint32_t *g_latencies; /* microseconds */
static size_t g_num_latencies;
static unsigned long g_calls, g_wrong;
static unsigned g_under_way;
static int g_status;

static bool
is_the_same(struct kind *kind, const struct cal_response *response)
{
	if (response->error != NULL || response->result_len == 0) {
		return false;
	}
	if (kind->answer == NULL) {
		kind->len = response->result_len;
		kind->answer = malloc(kind->len);
		if (kind->answer == NULL) {
			return false;
		}
		memcpy(kind->answer, response->result, kind->len);
	}
	return kind->len == response->result_len &&
	       memcmp(kind->answer, response->result, kind->len) == 0;
}

static int
one_by_one(struct cal_client *client, int64_t end)
{
	int64_t begin;

	while ((begin = client_now_us()) < end) {
		struct kind *kind = &g_kinds[g_calls % 64 == 63 ? 2 : g_calls % 2];
		struct cal_response response;
		int rc;

		rc = cal_client_call(client, kind->method, NULL, 0, 10000, &response);
		if (rc < 0) {
			return rc;
		}
		if (kind != &g_kinds[2] && g_num_latencies < MAX_LATENCIES) {
			g_latencies[g_num_latencies++] = (uint32_t)(client_now_us() - begin);
		}
		g_calls++;
		g_wrong += !is_the_same(kind, &response);
	}
	return 0;
}

static void
on_response(void *ctx, const struct cal_response *response)
{
	g_under_way--;
	if (response->status != 0) {
		g_status = response->status;
		return;
	}
	g_calls++;
	g_wrong += !is_the_same(&g_kinds[0], response);
}

static int
pipelined(struct cal_client *client, int64_t end, unsigned window)
{
	int rc = 0;

	while (rc >= 0 && client_now_us() < end) {
		while (rc >= 0 && g_under_way < window) {
			rc = cal_client_send(client, g_kinds[0].method, NULL, 0, on_response, NULL);
			g_under_way += rc >= 0;
		}
		if (rc >= 0) {
			rc = cal_client_process(client);
		}
	}
	return rc < 0 ? rc : g_status;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static unsigned
quantile(double q)
{
	return g_num_latencies > 0 ? g_latencies[(size_t)(q * (double)(g_num_latencies - 1))] : 0;
}

int
main(int argc, char **argv)
{
	struct cal_client_opts opts;
	struct cal_client *client;
	char err[512];
	int64_t end;
	int rc;

	if (argc < 3) {
		return 2;
	}
	g_latencies = malloc(MAX_LATENCIES * sizeof(*g_latencies));
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = atoi(argv[1]);
	opts.name = "witness";
	if (g_latencies == NULL || cal_client_open(&opts, &client, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 3;
	}
	printf("attached\n");
	fflush(stdout);
	end = client_now_us() + (int64_t)(strtod(argv[2], NULL) * 1e6);
	rc = argc > 3 ? pipelined(client, end, (unsigned)atoi(argv[3])) : one_by_one(client, end);
	qsort(g_latencies, g_num_latencies, sizeof(*g_latencies), by_value);
	printf("{\"calls\": %lu, \"wrong\": %lu, \"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u, "
	       "\"max_us\": %u}\n",
	       g_calls, g_wrong, quantile(0.5), quantile(0.99), quantile(0.999), quantile(1));
	if (rc < 0) {
		fprintf(stderr, "%s\n", strerror(-rc));
	}
	cal_client_close(client);
	return rc < 0;
}
