/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The primary: an application with nothing of its own. What it does is asked of it over RPC. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "spdk/event.h"

static void
started(void *ctx)
{
}

int
main(int argc, char **argv)
{
	spdk_app_parse_args_rvals_t parsed;
	struct spdk_app_opts opts = {};
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "calandria";
	opts.shm_id = 0;
	parsed = spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL);
	if (parsed == SPDK_APP_PARSE_ARGS_HELP) {
		return EXIT_SUCCESS;
	}
	if (parsed == SPDK_APP_PARSE_ARGS_FAIL) {
		return 2;
	}
	if (optind < argc) {
		fprintf(stderr,
		        "calandria: unexpected argument %s; `calandria -h` lists the options\n",
		        argv[optind]);
		return 2;
	}
	rc = spdk_app_start(&opts, started, NULL);
	spdk_app_fini();
	/* As SPDK's applications end: 1, or the low byte of a negative errno. */
	return rc;
}
