/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* Attaches to an env_primary, says "attached" with the milliseconds that it took, and waits for the
 * end of its stdin.
 *
 *   env_attach TEMPLATE PRIVATE     as our secondaries do
 *   env_attach --plain RUNTIME      as a DPDK program does that knows nothing of us */

#include "spdk/stdinc.h"

#include <rte_eal.h>

#include "calandria/instance.h"
#include "core/env/env_internal.h"

static char g_file_prefix[] = "--file-prefix=" CAL_EAL_PREFIX;

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
plain_attach(const char *runtime)
{
	char *argv[] = {
		"plain",    "--lcores=0",     g_file_prefix,         "--proc-type=secondary",
		"--no-pci", "--no-telemetry", "--log-level=*:error", NULL
	};

	if (setenv("RUNTIME_DIRECTORY", runtime, 1) != 0) {
		return -errno;
	}
	return rte_eal_init(7, argv) < 0 ? -EIO : 0;
}

int
main(int argc, char **argv)
{
	char err[512] = "EAL did not start";
	double begin = now_ms();
	char c;
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: env_attach TEMPLATE PRIVATE | --plain RUNTIME\n");
		return 2;
	}
	if (strcmp(argv[1], "--plain") == 0) {
		rc = plain_attach(argv[2]);
	} else {
		rc = env_secondary_init(argv[1], argv[2], err, sizeof(err));
	}
	if (rc != 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	printf("attached %.3f\n", now_ms() - begin);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0) {
	}
	return 0;
}
