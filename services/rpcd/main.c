/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/tmp/spdk.sock"

struct rpcd {
	int instance;
	const char *path;
	struct rpc_socket socket;
	struct cal_client *client;
};

static struct rpcd g_rpcd = { .socket = { .lock_fd = -1 } };

static void
usage(FILE *out)
{
	fprintf(out, "usage: cal-rpcd [-i ID] [-r SOCKET]\n"
	             "Serve JSON-RPC 2.0 for a running primary.\n"
	             "  -i ID      instance of the primary (default 0, or $CAL_INSTANCE)\n"
	             "  -r SOCKET  path of the Unix socket (default " DEFAULT_SOCKET ")\n"
	             "  -h, --help, -V, --version\n");
}

/* Returns -1 to go on, otherwise the exit status. */
static int
parse_options(struct rpcd *rpcd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "rpc-socket", required_argument, NULL, 'r' },
		{ NULL },
	};
	const char *id = getenv("CAL_INSTANCE");
	char *end;
	long value;
	int opt;

	rpcd->path = DEFAULT_SOCKET;
	while ((opt = getopt_long(argc, argv, "i:r:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			id = optarg;
			break;
		case 'r':
			rpcd->path = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			printf("cal-rpcd %s\n", CAL_VERSION_STRING);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "cal-rpcd: unexpected argument '%s'\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	if (id != NULL) {
		value = strtol(id, &end, 10);
		if (end == id || *end != '\0' || value < 0 || value > INT_MAX) {
			fprintf(stderr, "cal-rpcd: '%s' is no instance id (a number from 0)\n", id);
			return 2;
		}
		rpcd->instance = (int)value;
	}
	return -1;
}

static void
ready(void *ctx)
{
	struct rpcd *rpcd = ctx;

	fprintf(stderr, "cal-rpcd: serving %s\n", rpcd->socket.path);
	cal_client_report(rpcd->client, GATE_REPORT_READY, rpcd->socket.path);
}

static void
gone(void *ctx)
{
	struct rpcd *rpcd = ctx;

	rpc_socket_unlink(&rpcd->socket);
}

static int
fail(struct rpcd *rpcd, const char *err)
{
	fprintf(stderr, "cal-rpcd: %s\n", err);
	if (rpcd->client != NULL) {
		cal_client_report(rpcd->client, GATE_REPORT_FAILED, err);
		cal_client_close(rpcd->client);
	}
	rpc_socket_release(&rpcd->socket);
	return 1;
}

/* Until the loop runs, which has its own way: leave nothing behind. Only unlink() and close(),
 * which a handler may call. */
static void
on_early_signal(int signo)
{
	rpc_socket_release(&g_rpcd.socket);
	_exit(0);
}

int
main(int argc, char **argv)
{
	const struct sigaction early = { .sa_handler = on_early_signal };
	struct rpcd *rpcd = &g_rpcd;
	struct cal_client_opts opts;
	struct server_opts server = { .ready = ready, .gone = gone, .ctx = rpcd };
	char err[512];
	int rc;

	rc = parse_options(rpcd, argc, argv);
	if (rc >= 0) {
		return rc;
	}
	sigaction(SIGTERM, &early, NULL);
	sigaction(SIGINT, &early, NULL);
	setvbuf(stderr, NULL, _IOLBF, 0);
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = rpcd->instance;
	opts.name = "rpcd";
	if (cal_client_connect(&opts, &rpcd->client, err, sizeof(err)) != 0) {
		return fail(rpcd, err);
	}
	/* Before the primary is up: a socket that is taken should not be found out later. */
	if (rpc_socket_claim(&rpcd->socket, rpcd->path, err, sizeof(err)) != 0) {
		return fail(rpcd, err);
	}
	rc = cal_client_attach(rpcd->client, -1, err, sizeof(err));
	if (rc == -ESHUTDOWN) {
		cal_client_close(rpcd->client);
		rpc_socket_release(&rpcd->socket);
		return 0;
	}
	if (rc != 0) {
		return fail(rpcd, err);
	}
	server.listen_fd = rpc_socket_bind(&rpcd->socket, err, sizeof(err));
	if (server.listen_fd < 0) {
		return fail(rpcd, err);
	}
	server.client = rpcd->client;
	rc = server_run(&server);
	rpc_socket_release(&rpcd->socket);
	return rc;
}
