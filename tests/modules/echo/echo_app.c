/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* An application that is nothing but the event framework and what is linked to it. */

#include "spdk/stdinc.h"

#include "spdk/event.h"
#include "spdk/log.h"

static void
started(void *arg)
{
	SPDK_NOTICELOG("echo_app is up\n");
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "echo_app";
	if (spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL) !=
	    SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 1;
	}
	rc = spdk_app_start(&opts, started, NULL);
	spdk_app_fini();
	return rc;
}
