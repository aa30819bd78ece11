/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A primary that has an environment and nothing else, for tests of the environment: it says "ready"
 * with the milliseconds that the start took, then does what the lines on its stdin say and answers
 * each with one line. --plain starts EAL as a DPDK program does that knows nothing of us.
 *
 *   heap          bytes and allocations of EAL's heap, counted by EAL, then by the environment
 *   alloc MB      allocate and free that much: "ok|failed" and the milliseconds it took
 *   quit          end in order */

#include <stdlib.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/env_dpdk.h"
#include "spdk/util.h"
#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/env/env_internal.h"

struct options {
	struct spdk_env_opts env;
	bool plain;
	bool no_template;
	bool check_only;
};

static char g_file_prefix[] = "--file-prefix=" CAL_EAL_PREFIX;

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
plain_start(const struct options *opts)
{
	char mem[32], hugedir[300], dir[CAL_PATH_MAX];
	char *argv[] = { "plain",
		         "--lcores=0",
		         "-m",
		         mem,
		         hugedir,
		         g_file_prefix,
		         "--proc-type=primary",
		         "--no-pci",
		         "--no-telemetry",
		         "--log-level=*:error",
		         NULL };

	snprintf(mem, sizeof(mem), "%d", opts->env.mem_size);
	snprintf(hugedir, sizeof(hugedir), "--huge-dir=%s", opts->env.hugedir);
	if (cal_instance_path(dir, sizeof(dir), opts->env.shm_id, "") != 0 ||
	    setenv("RUNTIME_DIRECTORY", dir, 1) != 0 ||
	    rte_eal_init((int)SPDK_COUNTOF(argv) - 1, argv) < 0) {
		return -EIO;
	}
	return spdk_env_dpdk_post_init(false);
}

static void
heap_print(void)
{
	struct spdk_env_dpdk_mem_stats eal = { 0 };

	spdk_env_dpdk_get_mem_stats(&eal, 0);
	printf("%" PRIu64 " %" PRIu64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       eal.heap_totalsz_bytes, eal.heap_allocsz_bytes, eal.alloc_count,
	       cal_stats_memory()->heap_bytes, cal_stats_memory()->heap_used_bytes,
	       cal_stats_memory()->heap_allocs);
}

static void
alloc_measure(const char *megabytes)
{
	double begin = now_ms();
	void *buf = rte_malloc(NULL, strtoul(megabytes, NULL, 10) << 20, 0);

	rte_free(buf);
	printf("%s %.3f\n", buf != NULL ? "ok" : "failed", now_ms() - begin);
}

static void
serve(void)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "quit\n") != 0) {
		if (strcmp(line, "heap\n") == 0) {
			heap_print();
		} else if (strncmp(line, "alloc ", 6) == 0) {
			alloc_measure(line + 6);
		} else {
			printf("what?\n");
		}
		fflush(stdout);
	}
}

static void
options_parse(int argc, char **argv, struct options *opts)
{
	static const struct option longs[] = {
		{ "plain", no_argument, NULL, 'P' },
		{ "no-template", no_argument, NULL, 'T' },
		{ "check", no_argument, NULL, 'C' },
		{ "lcores", required_argument, NULL, 'l' },
		{ "no-huge", no_argument, NULL, 'H' },
		{ "huge-dir", required_argument, NULL, 'd' },
		{ "iova", required_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	memset(opts, 0, sizeof(*opts));
	opts->env.opts_size = sizeof(opts->env);
	spdk_env_opts_init(&opts->env);
	opts->env.no_pci = true;
	opts->env.mem_size = 256;
	while ((c = getopt_long(argc, argv, "i:s:m:p:", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			opts->env.shm_id = atoi(optarg);
			break;
		case 's':
			opts->env.mem_size = atoi(optarg);
			break;
		case 'm':
			opts->env.core_mask = optarg;
			break;
		case 'p':
			opts->env.main_core = atoi(optarg);
			break;
		case 'l':
			opts->env.lcore_map = optarg;
			opts->env.core_mask = NULL;
			break;
		case 'd':
			opts->env.hugedir = optarg;
			break;
		case 'v':
			opts->env.iova_mode = optarg;
			break;
		case 'H':
			opts->env.no_huge = true;
			break;
		case 'P':
			opts->plain = true;
			break;
		case 'T':
			opts->no_template = true;
			break;
		case 'C':
			opts->check_only = true;
			break;
		default:
			exit(2);
		}
	}
}

int
main(int argc, char **argv)
{
	struct options opts;
	char err[512] = "";
	double begin;
	int rc;

	options_parse(argc, argv, &opts);
	if (opts.check_only) {
		rc = env_primary_check(&opts.env, err, sizeof(err));
		printf("%s\n", rc == 0 ? "ok" : err);
		return rc != 0;
	}
	begin = now_ms();
	rc = opts.plain ? plain_start(&opts) : spdk_env_init(&opts.env);
	if (rc == 0 && !opts.plain && !opts.no_template) {
		rc = env_template_write(opts.env.shm_id);
	}
	if (rc != 0) {
		return 1;
	}
	printf("ready %.1f\n", now_ms() - begin);
	fflush(stdout);
	serve();
	if (!opts.plain) {
		spdk_env_fini();
	}
	return 0;
}
