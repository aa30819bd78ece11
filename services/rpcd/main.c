/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/rpcd/rpcd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util/listen_addr.h"
#include "core/util/systemd.h"
#include "services/sandbox/sandbox.h"

#define DEFAULT_SOCKET "/var/tmp/spdk.sock"
#define DEFAULT_MODE   0600
/* One that holds the socket may be on its way out, or be ended by the supervisor because it does
 * not hand over. */
#define WAIT_MS  8000
#define RETRY_MS 20
/* Its primary may have died a moment ago. */
#define REFUSALS 5

struct rpcd {
	int instance;
	const char *path;
	unsigned mode;
	const char *tcp; /* NULL: none */
	struct rpc_socket socket;
	int unix_fd, tcp_fd;
	struct takeover *takeover;
	struct cal_client *client;
};

static struct rpcd g_rpcd = {
	.path = DEFAULT_SOCKET,
	.mode = DEFAULT_MODE,
	.socket = { .lock_fd = -1 },
	.unix_fd = -1,
	.tcp_fd = -1,
};

static void
usage(FILE *out)
{
	fprintf(out,
	        "usage: cal-rpcd [-i ID] [-r SOCKET] [--rpc-socket-mode OCTAL] [--rpc-tcp "
	        "[ADDR:]PORT]\n"
	        "Serve JSON-RPC 2.0 for a running primary.\n"
	        "  -i ID                    instance of the primary (default 0, or $CAL_INSTANCE)\n"
	        "  -r SOCKET                path of the Unix socket (default " DEFAULT_SOCKET ")\n"
	        "  --rpc-socket-mode OCTAL  its mode (default 600)\n"
	        "  --rpc-tcp [ADDR:]PORT    listen on TCP, too (ADDR: 127.0.0.1); no "
	        "authentication\n"
	        "  -h, --help, -V, --version\n");
}

enum { OPT_MODE = 0x100, OPT_TCP };

/* Returns 0, or 2: the exit status. */
static int
parse_sockets(struct rpcd *rpcd, int opt, const char *text)
{
	struct sockaddr_storage addr;
	socklen_t len;
	char err[128];

	if (opt == OPT_MODE && socket_mode_parse(text, &rpcd->mode, err, sizeof(err)) != 0) {
		fprintf(stderr, "cal-rpcd: --rpc-socket-mode %s: %s\n", text, err);
		return 2;
	}
	if (opt == OPT_TCP && listen_addr_parse(text, &addr, &len, err, sizeof(err)) != 0) {
		fprintf(stderr, "cal-rpcd: --rpc-tcp %s: %s\n", text, err);
		return 2;
	}
	if (opt == OPT_TCP) {
		rpcd->tcp = text;
	}
	return 0;
}

static int
parse_instance(struct rpcd *rpcd, const char *id)
{
	char *end;
	long value;

	if (id == NULL) {
		return -1;
	}
	value = strtol(id, &end, 10);
	if (end == id || *end != '\0' || value < 0 || value > INT_MAX) {
		fprintf(stderr, "cal-rpcd: '%s' is no instance id (a number from 0)\n", id);
		return 2;
	}
	rpcd->instance = (int)value;
	return -1;
}

/* Returns -1 to go on, otherwise the exit status. */
static int
parse_options(struct rpcd *rpcd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "rpc-socket", required_argument, NULL, 'r' },
		{ "rpc-socket-mode", required_argument, NULL, OPT_MODE },
		{ "rpc-tcp", required_argument, NULL, OPT_TCP },
		{ NULL },
	};
	const char *id = getenv("CAL_INSTANCE");
	int opt;

	while ((opt = getopt_long(argc, argv, "i:r:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'i':
			id = optarg;
			break;
		case 'r':
			rpcd->path = optarg;
			break;
		case OPT_MODE:
		case OPT_TCP:
			if (parse_sockets(rpcd, opt, optarg) != 0) {
				return 2;
			}
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
	return parse_instance(rpcd, id);
}

static void
ready(void *ctx, struct cal_client *client)
{
	struct rpcd *rpcd = ctx;

	fprintf(stderr, "cal-rpcd: serving %s%s%s\n", rpcd->socket.path,
	        rpcd->tcp != NULL ? " and TCP " : "", rpcd->tcp != NULL ? rpcd->tcp : "");
	if (client != NULL) {
		rpc_socket_sign(&rpcd->socket, cal_client_primary_pid(client));
		cal_client_report(client, GATE_REPORT_READY, rpcd->socket.path);
	}
}

static void
gone(void *ctx)
{
	struct rpcd *rpcd = ctx;

	rpc_socket_unlink(&rpcd->socket);
}

static void
lost(void *ctx)
{
	struct rpcd *rpcd = ctx;

	rpcd->client = NULL;
	cal_client_forget_eal();
}

static int
fail(struct rpcd *rpcd, const char *err)
{
	fprintf(stderr, "cal-rpcd: %s\n", err);
	if (rpcd->client != NULL) {
		cal_client_report(rpcd->client, GATE_REPORT_FAILED, err);
		cal_client_close(rpcd->client);
	}
	if (rpcd->takeover != NULL) {
		/* The one that serves sees it, and goes on. */
		rpc_socket_leave(&rpcd->socket);
		takeover_abort(rpcd->takeover);
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

/* --- the socket, from nobody or from somebody --------------------------------------------------
 */

enum { SOCKET_CLAIMED, SOCKET_HELD };

static int
take_sockets(struct rpcd *rpcd)
{
	int lock_fd;

	takeover_sockets(rpcd->takeover, &lock_fd, &rpcd->unix_fd, &rpcd->tcp_fd);
	rpc_socket_adopt(&rpcd->socket, lock_fd, rpcd->unix_fd);
	return SOCKET_HELD;
}

/* From the moment at which the other one's sockets are ours as well, what a signal means is for the
 * loop to decide, which knows whether all was handed over. */
static int
ask_holder(struct rpcd *rpcd, bool take)
{
	sigset_t signals;
	int rc;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	rc = takeover_ask(rpcd->path, rpcd->instance, cal_client_primary_pid(rpcd->client), take,
	                  &rpcd->takeover);
	if (rc != 0 || !take) {
		sigprocmask(SIG_UNBLOCK, &signals, NULL);
	}
	return rc;
}

/* Take the lock, or have its holder hand over; with `take` false find out whether it would.
 * Returns SOCKET_CLAIMED, SOCKET_HELD, or a negative errno with a sentence in `err`. */
static int
socket_acquire(struct rpcd *rpcd, bool take, char *err, size_t err_size)
{
	uint64_t until = uv_hrtime() + WAIT_MS * 1000000ull;
	unsigned refusals = 0;
	int rc, claim;

	for (;;) {
		claim = rpc_socket_claim(&rpcd->socket, rpcd->path, rpcd->mode, err, err_size);
		if (claim == 0) {
			rpc_socket_sign(&rpcd->socket, cal_client_primary_pid(rpcd->client));
			return SOCKET_CLAIMED;
		}
		if (claim != -EBUSY) {
			return claim;
		}
		rc = ask_holder(rpcd, take);
		if (rc == 0) {
			return take ? take_sockets(rpcd) : SOCKET_HELD;
		}
		if (rc == -EPROTONOSUPPORT && !take) {
			return SOCKET_HELD; /* it will end before we need it, or be ended */
		}
		if (rc == -ETIMEDOUT &&
		    rpc_socket_abandon(rpcd->path, cal_client_primary_pid(rpcd->client))) {
			continue;
		}
		refusals = rc == -EBUSY ? refusals + 1 : 0;
		if (refusals == REFUSALS || uv_hrtime() > until) {
			return -EBUSY;
		}
		poll(NULL, 0, RETRY_MS);
	}
}

/* The TCP socket, unless the one before us has had the same. While it may have, its port is busy:
 * then we see after it handed over. */
static int
tcp_acquire(struct rpcd *rpcd, bool wait, char *err, size_t err_size)
{
	int fd = rpcd->tcp_fd;

	if (fd >= 0 && (rpcd->tcp == NULL || !rpc_tcp_is(fd, rpcd->tcp))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 && rpcd->tcp != NULL) {
		fd = rpc_tcp_bind(rpcd->tcp, err, err_size);
		if (fd == -EADDRINUSE && wait) {
			fd = -1;
		} else if (fd < 0) {
			return fd;
		}
	}
	rpcd->tcp_fd = fd;
	return 0;
}

/* Both sockets, once the primary can be asked. `early`: what was found before. */
static int
sockets_acquire(struct rpcd *rpcd, int early, char *err, size_t err_size)
{
	int early_tcp = rpcd->tcp_fd;

	if (early == SOCKET_HELD) {
		early = socket_acquire(rpcd, true, err, err_size);
		if (early < 0) {
			return early;
		}
	}
	if (rpcd->takeover == NULL) {
		rpcd->unix_fd = rpc_socket_bind(&rpcd->socket, err, err_size);
		if (rpcd->unix_fd < 0) {
			return rpcd->unix_fd;
		}
	} else if (early_tcp >= 0) {
		/* Bound before, so the other one's is another address. */
		if (rpcd->tcp_fd >= 0) {
			close(rpcd->tcp_fd);
		}
		rpcd->tcp_fd = early_tcp;
	}
	return tcp_acquire(rpcd, false, err, err_size);
}

/* The folder of the socket is the one that is written to. */
static int
drop(const struct rpcd *rpcd, char *err, size_t err_size)
{
	char folder[PATH_MAX] = ".";
	const char *slash = strrchr(rpcd->path, '/');

	if (slash != NULL) {
		snprintf(folder, sizeof(folder), "%.*s",
		         slash == rpcd->path ? 1 : (int)(slash - rpcd->path), rpcd->path);
	}
	return sandbox_drop(&sandbox_rpcd, folder, err, err_size);
}

static int
serve(struct rpcd *rpcd)
{
	struct server_opts opts = {
		.instance = rpcd->instance,
		.client = rpcd->client,
		.primary_pid = cal_client_primary_pid(rpcd->client),
		.unix_fd = rpcd->unix_fd,
		.tcp_fd = rpcd->tcp_fd,
		.socket = &rpcd->socket,
		.takeover = rpcd->takeover,
		.ready = ready,
		.gone = gone,
		.lost = lost,
		.ctx = rpcd,
	};
	bool handed_over;
	int rc = server_run(&opts, &handed_over);

	if (handed_over) {
		rpc_socket_leave(&rpcd->socket);
	} else {
		rpc_socket_release(&rpcd->socket);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	const struct sigaction early = { .sa_handler = on_early_signal };
	struct rpcd *rpcd = &g_rpcd;
	struct cal_client_opts opts;
	char err[512];
	int rc, found;

	rc = parse_options(rpcd, argc, argv);
	if (rc >= 0) {
		return rc;
	}
	sigaction(SIGTERM, &early, NULL);
	sigaction(SIGINT, &early, NULL);
	setvbuf(stderr, NULL, _IOLBF, 0);
	(void)systemd_open();
	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = rpcd->instance;
	opts.name = "rpcd";
	if (cal_client_connect(&opts, &rpcd->client, err, sizeof(err)) != 0) {
		return fail(rpcd, err);
	}
	if (drop(rpcd, err, sizeof(err)) != 0) {
		return fail(rpcd, err);
	}
	/* Before the primary is up: a socket that is taken should not be found out later. */
	found = socket_acquire(rpcd, false, err, sizeof(err));
	if (found < 0 || tcp_acquire(rpcd, found == SOCKET_HELD, err, sizeof(err)) != 0) {
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
	if (sockets_acquire(rpcd, found, err, sizeof(err)) != 0 ||
	    sandbox_enter(&sandbox_rpcd, err, sizeof(err)) != 0) {
		return fail(rpcd, err);
	}
	return serve(rpcd);
}
