/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/confd/confd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct confd {
	int instance;
	const char *path; /* NULL: none */
	struct load_opts load;
	struct config config;
	struct cal_client *client;
};

static void
usage(FILE *out)
{
	fprintf(out,
	        "usage: cal-confd [-i ID] [-c FILE] [--wait-for-rpc] [--json-ignore-init-errors]\n"
	        "Load a JSON configuration into a primary that starts.\n"
	        "  -i ID     instance of the primary (default 0, or $CAL_INSTANCE)\n"
	        "  -c FILE   the configuration; without it, only wait for the primary's end\n"
	        "  --wait-for-rpc\n"
	        "            leave framework_start_init to a client\n"
	        "  --json-ignore-init-errors\n"
	        "            log an entry that fails and go on\n"
	        "  -h, --help, -V, --version\n");
}

/* Returns -1 to go on, otherwise the exit status. */
static int
parse_options(struct confd *confd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "config", required_argument, NULL, 'c' },
		{ "wait-for-rpc", no_argument, NULL, 'w' },
		{ "json-ignore-init-errors", no_argument, NULL, 'e' },
		{ NULL },
	};
	const char *id = getenv("CAL_INSTANCE");
	char *end;
	long value;
	int opt;

	while ((opt = getopt_long(argc, argv, "i:c:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			id = optarg;
			break;
		case 'c':
			confd->path = optarg;
			break;
		case 'w':
			confd->load.wait_for_rpc = true;
			break;
		case 'e':
			confd->load.ignore_init_errors = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			printf("cal-confd %s\n", CAL_VERSION_STRING);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "cal-confd: unexpected argument '%s'\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	if (id != NULL) {
		value = strtol(id, &end, 10);
		if (end == id || *end != '\0' || value < 0 || value > INT_MAX) {
			fprintf(stderr, "cal-confd: '%s' is no instance id (a number from 0)\n",
			        id);
			return 2;
		}
		confd->instance = (int)value;
	}
	return -1;
}

/* Ends with -ESHUTDOWN in order; any other error has a sentence in `err`. */
static int
run(struct confd *confd, char *err, size_t err_size)
{
	struct cal_client_opts opts;
	int rc;

	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = confd->instance;
	opts.name = "confd";
	rc = cal_client_connect(&opts, &confd->client, err, err_size);
	if (rc == 0 && confd->path != NULL) {
		rc = config_read(&confd->config, confd->path, err, err_size);
	}
	if (rc != 0) {
		return rc;
	}
	cal_client_report(confd->client, GATE_REPORT_CHECKED, "");
	rc = cal_client_attach(confd->client, -1, err, err_size);
	if (rc == 0 && confd->path != NULL) {
		rc = config_load(confd->client, &confd->config, &confd->load, err, err_size);
		config_free(&confd->config);
	}
	if (rc == 0) {
		cal_client_report(confd->client, GATE_REPORT_READY, "");
	}
	/* Nothing more to do but to be there; a start that fails is ended by the primary. */
	while (rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT) {
		rc = cal_client_wait(confd->client, -1);
	}
	if (rc == -ECONNRESET) {
		snprintf(err, err_size, "the primary process has ended; ending too");
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct confd confd = { 0 };
	char err[512] = "";
	int rc;

	rc = parse_options(&confd, argc, argv);
	if (rc >= 0) {
		return rc;
	}
	setvbuf(stderr, NULL, _IOLBF, 0);
	rc = run(&confd, err, sizeof(err));
	if (rc != -ESHUTDOWN) {
		fprintf(stderr, "cal-confd: %s\n", err[0] != '\0' ? err : strerror(-rc));
		if (confd.client != NULL && rc != -ECONNRESET) {
			cal_client_report(confd.client, GATE_REPORT_FAILED,
			                  err[0] != '\0' ? err : strerror(-rc));
		}
	}
	config_free(&confd.config);
	cal_client_close(confd.client);
	return rc == -ESHUTDOWN ? 0 : 1;
}
