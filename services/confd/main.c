/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/confd/confd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calandria/state.h"
#include "core/util/systemd.h"
#include "services/sandbox/sandbox.h"

#define ADVICE    "correct it, or name another file with -c"
#define ATTACH_MS 5000

struct confd {
	int instance;
	const char *path;      /* NULL: none */
	const char *state_dir; /* NULL: none */
	struct load_opts load;
	struct config config;
	struct state_file state;
	struct cal_client *client;
	int predecessor; /* pidfd of the one that does our work until we do; -1: none */
	bool attached;
	char broken[512]; /* why the configuration could not be read */
};

static void
usage(FILE *out)
{
	fprintf(out,
	        "usage: cal-confd [-i ID] [-c FILE] [--state-dir DIR] [--wait-for-rpc]\n"
	        "                 [--json-ignore-init-errors]\n"
	        "Load a JSON configuration into a primary that starts, and keep what becomes of "
	        "it.\n"
	        "  -i ID     instance of the primary (default 0, or $CAL_INSTANCE)\n"
	        "  -c FILE   the configuration; without it, only wait for the primary's end\n"
	        "  --state-dir DIR\n"
	        "            keep every change in DIR/config.ID.json; if that is there, it is\n"
	        "            loaded, and FILE is not\n"
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
		{ "state-dir", required_argument, NULL, 's' },
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
		case 's':
			confd->state_dir = optarg;
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

/* What was kept wins over what was given. */
static int
read_kept(struct confd *confd, char *err, size_t err_size)
{
	static char notice[2 * PATH_MAX + 128], advice[PATH_MAX + 160],
		entry_advice[sizeof(advice)];
	const char *path = confd->state.path;
	char when[64];
	int rc;

	rc = state_file_since(&confd->state, "%F %T", when, sizeof(when));
	if (rc != 0) {
		/* One that cannot be looked at is not none: the next change would replace it. */
		snprintf(err, err_size, "%.700s: %s; repair that, or move it away", path,
		         strerror(-rc));
		return rc;
	}
	snprintf(notice, sizeof(notice), "the configuration is %s, kept at %s%s%s%s", path, when,
	         confd->path != NULL ? "; " : "", confd->path != NULL ? confd->path : "",
	         confd->path != NULL ? " is not loaded (remove the kept one to start from it)"
	                             : "");
	snprintf(advice, sizeof(advice), "correct it, or move it away to start %s%s",
	         confd->path != NULL ? "from " : "without it",
	         confd->path != NULL ? confd->path : "");
	snprintf(entry_advice, sizeof(entry_advice),
	         "; %.*s, or start with --json-ignore-init-errors, which leaves such entries out",
	         (int)sizeof(entry_advice) - 100, advice);
	rc = config_read(&confd->config, path, advice, err, err_size);
	confd->load.notice = notice;
	confd->load.advice = entry_advice;
	confd->load.set_aside = &confd->state;
	return rc == -ENOENT ? -EIO : rc;
}

static int
read_config(struct confd *confd, char *err, size_t err_size)
{
	char nothing[] = "{\"subsystems\":[]}";
	int rc;

	if (confd->state_dir != NULL) {
		rc = state_file_find(&confd->state, confd->state_dir, confd->instance, err,
		                     err_size);
		if (rc == 0 && confd->predecessor < 0) {
			rc = state_file_claim(&confd->state, err, err_size);
		}
		if (rc != 0) {
			return rc;
		}
		rc = read_kept(confd, err, err_size);
		if (rc != -ENOENT) {
			return rc;
		}
		err[0] = '\0'; /* there is none, and that is all right */
	}
	if (confd->path != NULL) {
		return config_read(&confd->config, confd->path, ADVICE, err, err_size);
	}
	return config_parse(&confd->config, "(none yet)", nothing, strlen(nothing), err, err_size);
}

/* A file that cannot be read ends a start. When the primary was started long ago, and it is only
 * this process that begins anew, it is of no matter. */
static bool
matters_not(struct confd *confd, const char *err)
{
	char nothing[] = "{\"subsystems\":[]}", text[sizeof(confd->broken)];
	struct cal_state_file state;
	bool alive;

	/* A start waits for us before it lets anybody attach; later the grant comes at once. */
	if (confd->state_dir == NULL || confd->state.lock_fd < 0 ||
	    cal_state_read(confd->instance, &state, &alive) != 0 ||
	    state.main.state <= CAL_RUN_ENV ||
	    (confd->predecessor >= 0 && state.main.state != CAL_RUN_RUNNING) ||
	    cal_client_attach(confd->client, ATTACH_MS, text, sizeof(text)) != 0) {
		return false;
	}
	confd->attached = true;
	snprintf(confd->broken, sizeof(confd->broken), "%s", err);
	confd->load.broken = confd->broken;
	return config_parse(&confd->config, confd->state.path, nothing, strlen(nothing), text,
	                    sizeof(text)) == 0;
}

/* Everything up to the word that we can do it, or, of a successor, that we could. */
static int
prepare(struct confd *confd, char *err, size_t err_size)
{
	struct cal_client_opts opts;
	char why[512];
	int rc;

	cal_client_opts_init(&opts, sizeof(opts));
	opts.instance = confd->instance;
	opts.name = "confd";
	rc = cal_client_connect(&opts, &confd->client, err, err_size);
	if (rc != 0) {
		return rc;
	}
	if (!signals_die_with(cal_client_primary_pid(confd->client))) {
		return -ECONNRESET;
	}
	confd->predecessor =
		predecessor_find(confd->instance, cal_client_primary_pid(confd->client));
	if (confd->path != NULL || confd->state_dir != NULL) {
		rc = read_config(confd, err, err_size);
	}
	/* Not before: root may read a configuration in somebody's home. */
	if (sandbox_drop(&sandbox_confd, confd->state_dir, why, sizeof(why)) != 0) {
		snprintf(err, err_size, "%s", why);
		return -EPERM;
	}
	if (rc != 0 && !matters_not(confd, err)) {
		return rc;
	}
	if (confd->config.no_subsystems) {
		fprintf(stderr, "cal-confd: %s: it has no 'subsystems', so nothing is configured\n",
		        confd->config.path);
	}
	if (!confd->attached) {
		if (confd->predecessor < 0) {
			cal_client_report(confd->client, GATE_REPORT_CHECKED, "");
		}
		return cal_client_attach(confd->client, -1, err, err_size);
	}
	return 0;
}

/* The one before ends once it is heard that we could go on; what it was at is then ours. */
static int
succeed(struct confd *confd, char *err, size_t err_size)
{
	int rc;

	cal_client_report(confd->client, GATE_REPORT_READY, "");
	rc = predecessor_wait(confd->client, confd->predecessor);
	if (rc == 0 && confd->state_dir != NULL) {
		rc = state_file_claim(&confd->state, err, err_size);
	}
	return rc;
}

/* Ends with -ESHUTDOWN in order; any other error has a sentence in `err`. */
static int
run(struct confd *confd, char *err, size_t err_size)
{
	struct load_result loaded = { 0 };
	int rc;

	rc = prepare(confd, err, err_size);
	if (rc == 0) {
		rc = sandbox_enter(&sandbox_confd, err, err_size);
	}
	if (rc == 0 && confd->predecessor >= 0) {
		rc = succeed(confd, err, err_size);
	}
	if (rc == 0 && confd->config.path != NULL) {
		rc = config_load(confd->client, &confd->config, &confd->load, &loaded, err,
		                 err_size);
		config_free(&confd->config);
	}
	if (rc == 0) {
		cal_client_report(confd->client, GATE_REPORT_READY, "");
	}
	if (rc == 0 && confd->state_dir != NULL) {
		rc = config_keep(confd->client, &confd->state, &loaded, err, err_size);
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
	static struct confd confd = { .state = { .dir_fd = -1, .lock_fd = -1 }, .predecessor = -1 };
	char err[1024] = "";
	int rc;

	rc = parse_options(&confd, argc, argv);
	if (rc >= 0) {
		return rc;
	}
	setvbuf(stderr, NULL, _IOLBF, 0);
	(void)systemd_open();
	signals_init();
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
	state_file_close(&confd.state);
	return rc == -ESHUTDOWN ? 0 : 1;
}
