/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Closed loop of a method without params over the ring, against a primary that runs:
 *   bench_call [-i ID] [-m METHOD] [-n CALLS] [-s SPIN_US] [-p PAUSE_US]
 * with a pause before each call, in which a primary in interrupt mode falls asleep;
 * prints the time of the attach and the calls' percentiles. */
/* links: client */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ipc/client/client.h"

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
run_calls(struct cal_client *client, const char *method, double *took, long n, long pause_us)
{
	struct timespec pause = { .tv_sec = pause_us / 1000000,
		                  .tv_nsec = pause_us % 1000000 * 1000 };
	struct cal_response response;

	for (long i = 0; i < n; i++) {
		double begin;
		int rc;

		if (pause_us > 0) {
			nanosleep(&pause, NULL);
		}
		begin = now_us();
		rc = cal_client_call(client, method, NULL, 0, 2000, &response);

		if (rc < 0 || response.error != NULL) {
			fprintf(stderr, "call %ld failed: %d%s\n", i, rc,
			        rc == 0 ? " (the method's error)" : "");
			return 1;
		}
		took[i] = now_us() - begin;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct cal_client_opts opts;
	struct cal_client *client;
	double connect_us, attach_us, begin, *took;
	long n = 100000, pause_us = 0;
	const char *method = "spdk_get_version";
	char err[512];
	int opt, rc;

	cal_client_opts_init(&opts, sizeof(opts));
	opts.name = "bench_call";
	while ((opt = getopt(argc, argv, "i:m:n:s:p:")) != -1) {
		switch (opt) {
		case 'i':
			opts.instance = atoi(optarg);
			break;
		case 'm':
			method = optarg;
			break;
		case 'n':
			n = atol(optarg);
			break;
		case 'p':
			pause_us = atol(optarg);
			break;
		case 's':
			opts.spin_us = (unsigned)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	took = n > 0 ? calloc((size_t)n, sizeof(*took)) : NULL;
	if (took == NULL) {
		return 2;
	}
	begin = now_us();
	rc = cal_client_connect(&opts, &client, err, sizeof(err));
	connect_us = now_us() - begin;
	if (rc == 0) {
		rc = cal_client_attach(client, 1000, err, sizeof(err));
	}
	attach_us = now_us() - begin;
	if (rc < 0) {
		fprintf(stderr, "%s\n", err);
		free(took);
		return 3;
	}
	rc = run_calls(client, method, took, n, pause_us);
	cal_client_close(client);
	if (rc == 0) {
		qsort(took, (size_t)n, sizeof(*took), compare);
		printf("connect_ms=%.2f attach_ms=%.2f calls=%ld p50_us=%.1f p99_us=%.1f "
		       "p99.9_us=%.1f max_us=%.1f\n",
		       connect_us / 1e3, attach_us / 1e3, n, took[n / 2], took[n * 99 / 100],
		       took[n * 999 / 1000], took[n - 1]);
	}
	free(took);
	return rc;
}
