/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The command line that every application shares: one table is the parser's and the usage text's.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calandria/version.h"
#include "core/app/app_opts.h"
#include "core/util/listen_addr.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/uuid.h"

#define MAX_INIT_TIMEOUT_S (7u * 24 * 3600)

/* Long-only options. Far from what an application may choose for its own. */
enum {
	OPT_FIRST = 0x10000,
	OPT_LCORES = OPT_FIRST,
	OPT_NO_CPUMASK_LOCKS,
	OPT_INTERRUPT_MODE,
	OPT_JSON,
	OPT_NO_RPC_SERVER,
	OPT_WAIT_FOR_RPC,
	OPT_RPCS_ALLOWED,
	OPT_IGNORE_INIT_ERRORS,
	OPT_IOVA_MODE,
	OPT_BASE_VIRTADDR,
	OPT_HUGE_DIR,
	OPT_NO_HUGE,
	OPT_ENFORCE_NUMA,
	OPT_MSG_MEMPOOL_SIZE,
	OPT_VF_TOKEN,
	OPT_SILENCE_NOTICELOG,
	OPT_NUM_TRACE_ENTRIES,
	OPT_ENV_CONTEXT,
	/* Those that SPDK's applications do not have. One of theirs may have such a name. */
	OPT_OURS_FIRST = 0x20000,
	OPT_NO_SERVICES = OPT_OURS_FIRST,
	OPT_INIT_TIMEOUT,
	OPT_STATE_DIR,
	OPT_RPC_TCP,
	OPT_RPC_SOCKET_MODE,
	OPT_GATE_GROUP,
};

static const struct flag {
	int val;
	const char *name;
	const char *arg; /* what the usage text calls its value; NULL: it takes none */
	const char *help;
} g_flags[] = {
	{ 'm', "cpumask", "MASK", "cores of the reactors: 0x3 or [0,2-3] (default 0x1)" },
	{ OPT_LCORES, "lcores", "LIST", "reactors and their CPUs, as 0@4,1@(5-6); in place of -m" },
	{ OPT_NO_CPUMASK_LOCKS, "disable-cpumask-locks", NULL,
	  "do not claim the cores from other instances" },
	{ 'p', "main-core", "ID", "core of the app thread (default: the first)" },
	{ OPT_INTERRUPT_MODE, "interrupt-mode", NULL,
	  "reactors sleep while nothing is to be done, and poll nothing" },
	{ 's', "mem-size", "MB", "memory to take, in MB or with K, M, G (default 256)" },
	{ 'i', "shm-id", "ID", "instance id; its files are in /run/calandria/ID" },
	{ 'c', "config", "FILE", "JSON configuration to load" },
	{ OPT_JSON, "json", "FILE", "the same as --config" },
	{ OPT_IGNORE_INIT_ERRORS, "json-ignore-init-errors", NULL,
	  "go on when a method of the configuration fails" },
	{ OPT_STATE_DIR, "state-dir", "DIR",
	  "keep changes of the configuration there, and start with them" },
	{ 'r', "rpc-socket", "PATH", "JSON-RPC socket (default " SPDK_DEFAULT_RPC_ADDR ")" },
	{ OPT_RPC_SOCKET_MODE, "rpc-socket-mode", "OCTAL", "its mode (default 600)" },
	{ OPT_RPC_TCP, "rpc-tcp", "[ADDR:]PORT",
	  "serve JSON-RPC on TCP, too, without authentication (ADDR: 127.0.0.1)" },
	{ OPT_NO_RPC_SERVER, "no-rpc-server", NULL, "serve no JSON-RPC socket" },
	{ OPT_WAIT_FOR_RPC, "wait-for-rpc", NULL,
	  "initialise when framework_start_init is called" },
	{ OPT_INIT_TIMEOUT, "init-timeout", "S",
	  "fail the start if it takes longer than S seconds (default: no limit)" },
	{ OPT_RPCS_ALLOWED, "rpcs-allowed", "LIST",
	  "comma-separated methods; all others are refused" },
	{ OPT_NO_SERVICES, "no-services", NULL,
	  "start no service process: something else does (systemd)" },
	{ OPT_GATE_GROUP, "gate-group", "GROUP",
	  "let its members look at this instance, and set tracing" },
	{ 'L', "logflag", "FLAG", "switch a debug log on (all: every one); may be repeated" },
	{ OPT_SILENCE_NOTICELOG, "silence-noticelog", NULL, "print warnings and errors only" },
	{ 'n', "mem-channels", "N", "memory channels of the machine" },
	{ OPT_HUGE_DIR, "huge-dir", "PATH", "hugetlbfs to use, of several mounted ones" },
	{ OPT_NO_HUGE, "no-huge", NULL, "take ordinary memory, not hugepages" },
	{ 'g', "single-file-segments", NULL, "keep all hugepages in one file" },
	{ 'R', "huge-unlink", NULL, "unlink the hugepage files once they are mapped" },
	{ OPT_ENFORCE_NUMA, "enforce-numa", NULL,
	  "fail an allocation that its NUMA node cannot meet" },
	{ OPT_IOVA_MODE, "iova-mode", "MODE", "pa or va (default: what the devices need)" },
	{ OPT_BASE_VIRTADDR, "base-virtaddr", "ADDR", "where shared memory is mapped" },
	{ 'A', "pci-allowed", "BDF", "use this PCI device only; may be repeated" },
	{ 'B', "pci-blocked", "BDF", "do not use this PCI device; may be repeated" },
	{ 'u', "no-pci", NULL, "use no PCI devices" },
	{ OPT_VF_TOKEN, "vfio-vf-token", "UUID", "SR-IOV token for vfio-pci" },
	{ OPT_ENV_CONTEXT, "env-context", "ARGS", "further EAL arguments" },
	{ OPT_MSG_MEMPOOL_SIZE, "msg-mempool-size", "N",
	  "taken for compatibility: messages need no pool here" },
	{ OPT_NUM_TRACE_ENTRIES, "num-trace-entries", "N",
	  "taken for compatibility: there are no tracepoints yet" },
	{ 'e', "tpoint-group", "GROUP", "not available in this version" },
	{ 'd', "limit-coredump", NULL, "keep the limit on core files" },
	{ 'h', "help", NULL, "this text" },
	{ 'v', "version", NULL, "the version" },
};
#define NUM_FLAGS (sizeof(g_flags) / sizeof(g_flags[0]))

static struct {
	const char *program;
	void (*app_usage)(void);
} g_cmdline = { .program = "application" };

struct parse_state {
	struct spdk_app_opts *opts;
	bool mask_given;
	bool lcores_given;
};

static const char *
basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", g_cmdline.program);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; `%s -h` lists the options\n", g_cmdline.program);
	return -EINVAL;
}

void
spdk_app_usage(void)
{
	char left[64];
	size_t i;

	printf("%s [options]\n\n", g_cmdline.program);
	for (i = 0; i < NUM_FLAGS; i++) {
		const struct flag *f = &g_flags[i];

		if (f->val < OPT_FIRST) {
			snprintf(left, sizeof(left), "-%c, --%s%s%s", f->val, f->name,
			         f->arg != NULL ? " " : "", f->arg != NULL ? f->arg : "");
		} else {
			snprintf(left, sizeof(left), "    --%s%s%s", f->name,
			         f->arg != NULL ? " " : "", f->arg != NULL ? f->arg : "");
		}
		printf("  %-29s %s\n", left, f->help);
	}
	if (g_cmdline.app_usage != NULL) {
		printf("\n");
		g_cmdline.app_usage();
	}
}

static const struct flag *
flag_find(int val)
{
	size_t i;

	for (i = 0; i < NUM_FLAGS; i++) {
		if (g_flags[i].val == val) {
			return &g_flags[i];
		}
	}
	return NULL;
}

static int
parse_number(const struct flag *flag, const char *text, long long min, long long max,
             long long *out)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
		return complain("--%s %s: a number from %lld to %lld is needed", flag->name, text,
		                min, max);
	}
	*out = value;
	return 0;
}

static int
parse_mem_size(const char *text, struct spdk_app_opts *opts)
{
	uint64_t size;
	bool has_prefix;

	if (spdk_parse_capacity(text, &size, &has_prefix) != 0) {
		return complain("-s %s: a size in megabytes is needed, or one with K, M or G",
		                text);
	}
	if (has_prefix) {
		size >>= 20;
	}
	/* SPDK, too, takes 0 for the default; less than a megabyte is a mistake in the unit. */
	if ((size == 0 && strcmp(text, "0") != 0) || size > INT32_MAX) {
		return complain("-s %s: at least 1 MB, and less than 2 PB, is needed", text);
	}
	opts->mem_size = (int)size;
	return 0;
}

static int
parse_init_timeout(const char *text)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= MAX_INIT_TIMEOUT_S)) {
		return complain("--init-timeout %s: a number of seconds from 0.001 to %u is needed",
		                text, MAX_INIT_TIMEOUT_S);
	}
	app_args()->init_timeout_ms = (uint64_t)(seconds * 1000 + 0.5);
	return 0;
}

/* Only looked at: cal-rpcd gets it as it is. */
static int
parse_rpc_tcp(const char *text)
{
	struct sockaddr_storage addr;
	socklen_t len;
	char err[128];

	if (listen_addr_parse(text, &addr, &len, err, sizeof(err)) != 0) {
		return complain("--rpc-tcp %s: %s", text, err);
	}
	app_args()->rpc_tcp = text;
	return 0;
}

static int
parse_rpc_socket_mode(const char *text)
{
	unsigned mode;
	char err[128];

	if (socket_mode_parse(text, &mode, err, sizeof(err)) != 0) {
		return complain("--rpc-socket-mode %s: %s", text, err);
	}
	app_args()->rpc_socket_mode = text;
	return 0;
}

static int
parse_pci(struct spdk_app_opts *opts, bool allow, const char *text)
{
	struct spdk_pci_addr *list = allow ? opts->pci_allowed : opts->pci_blocked;

	if ((allow ? opts->pci_blocked : opts->pci_allowed) != NULL) {
		return complain("-A and -B exclude each other");
	}
	list = realloc(list, (opts->num_pci_addr + 1) * sizeof(*list));
	if (list == NULL) {
		return complain("out of memory");
	}
	if (allow) {
		opts->pci_allowed = list;
	} else {
		opts->pci_blocked = list;
	}
	if (spdk_pci_addr_parse(&list[opts->num_pci_addr], text) != 0) {
		return complain("%s is not a PCI address as 0000:01:00.0", text);
	}
	opts->num_pci_addr++;
	return 0;
}

/* The list lives as long as the options, that is as long as the program; the names stay where they
 * are on the command line. */
static int
parse_allowlist(char *text, struct spdk_app_opts *opts)
{
	const char **list, *c;
	size_t n = 0, max = 2;
	char *name;

	for (c = text; *c != '\0'; c++) {
		max += *c == ',';
	}
	list = calloc(max, sizeof(*list));
	if (list == NULL) {
		return complain("out of memory");
	}
	while ((name = strsep(&text, ",")) != NULL) {
		if (name[0] != '\0') {
			list[n++] = name;
		}
	}
	opts->rpc_allowlist = list;
	return 0;
}

/* Looked at here: EAL's answer to a wrong one is a page of its own options. */
static int
parse_vf_token(const char *text, struct spdk_app_opts *opts)
{
	struct spdk_uuid uuid;

	if (spdk_uuid_parse(&uuid, text) != 0) {
		return complain("--vfio-vf-token %s: a UUID is needed", text);
	}
	opts->vf_token = text;
	return 0;
}

static int
parse_logflag(const char *name)
{
	if (spdk_log_set_flag(name) != 0) {
		return complain("there is no log flag named %s", name);
	}
#ifndef DEBUG
	if (spdk_log_get_print_level() < SPDK_LOG_INFO) {
		spdk_log_set_print_level(SPDK_LOG_INFO);
	}
#else
	spdk_log_set_print_level(SPDK_LOG_DEBUG);
#endif
	return 0;
}

/* Options that are a number, and the least that each may be. */
static int
parse_numeric(int ch, const char *arg, struct spdk_app_opts *opts)
{
	const struct flag *flag = flag_find(ch);
	long long min = ch == 'i' ? INT32_MIN : ch == 'p' || ch == OPT_NUM_TRACE_ENTRIES ? 0 : 1;
	long long max = ch == OPT_BASE_VIRTADDR ? INT64_MAX : INT32_MAX, value = 0;
	int rc;

	rc = parse_number(flag, arg, min, max, &value);
	if (rc != 0) {
		return rc;
	}
	switch (ch) {
	case 'i':
		opts->shm_id = (int)value;
		break;
	case 'n':
		opts->mem_channel = (int)value;
		break;
	case 'p':
		opts->main_core = (int)value;
		break;
	case OPT_BASE_VIRTADDR:
		opts->base_virtaddr = (uint64_t)value;
		break;
	case OPT_MSG_MEMPOOL_SIZE:
		opts->msg_mempool_size = (size_t)value;
		break;
	case OPT_NUM_TRACE_ENTRIES:
		if ((value & (value - 1)) != 0) {
			return complain("--num-trace-entries %s: a power of two is needed, or 0",
			                arg);
		}
		opts->num_entries = (uint64_t)value;
		break;
	}
	return 0;
}

/* Options whose value has to be understood. */
static int
parse_value(int ch, char *arg, struct spdk_app_opts *opts)
{
	switch (ch) {
	case 'i':
	case 'n':
	case 'p':
	case OPT_BASE_VIRTADDR:
	case OPT_MSG_MEMPOOL_SIZE:
	case OPT_NUM_TRACE_ENTRIES:
		return parse_numeric(ch, arg, opts);
	case 's':
		return parse_mem_size(arg, opts);
	case 'A':
	case 'B':
		return parse_pci(opts, ch == 'A', arg);
	case 'L':
		return parse_logflag(arg);
	case OPT_INIT_TIMEOUT:
		return parse_init_timeout(arg);
	case OPT_RPC_TCP:
		return parse_rpc_tcp(arg);
	case OPT_RPC_SOCKET_MODE:
		return parse_rpc_socket_mode(arg);
	case OPT_RPCS_ALLOWED:
		return parse_allowlist(arg, opts);
	case OPT_VF_TOKEN:
		return parse_vf_token(arg, opts);
	default:
		return -ENOENT;
	}
}

/* Options that are a name or a switch. */
static int
parse_plain(int ch, char *arg, struct parse_state *state)
{
	struct spdk_app_opts *opts = state->opts;

	switch (ch) {
	case 'm':
		opts->reactor_mask = arg;
		state->mask_given = true;
		break;
	case OPT_LCORES:
		opts->lcore_map = arg;
		state->lcores_given = true;
		break;
	case 'c':
	case OPT_JSON:
		opts->json_config_file = arg;
		break;
	case 'r':
		opts->rpc_addr = arg;
		break;
	case OPT_NO_RPC_SERVER:
		opts->rpc_addr = NULL;
		break;
	case OPT_WAIT_FOR_RPC:
		opts->delay_subsystem_init = true;
		break;
	case OPT_IGNORE_INIT_ERRORS:
		opts->json_config_ignore_errors = true;
		break;
	case OPT_STATE_DIR:
		app_args()->state_dir = arg;
		break;
	case OPT_GATE_GROUP:
		app_args()->gate_group = arg;
		break;
	case OPT_NO_SERVICES:
		app_args()->no_services = true;
		break;
	case OPT_NO_CPUMASK_LOCKS:
		opts->disable_cpumask_locks = true;
		break;
	case OPT_INTERRUPT_MODE:
		opts->interrupt_mode = true;
		break;
	case 'e':
		opts->tpoint_group_mask = arg;
		break;
	case 'd':
		opts->enable_coredump = false;
		break;
	case 'g':
		opts->hugepage_single_segments = true;
		break;
	case 'R':
		opts->unlink_hugepage = true;
		break;
	case 'u':
		opts->no_pci = true;
		break;
	case OPT_NO_HUGE:
		opts->no_huge = true;
		break;
	case OPT_HUGE_DIR:
		opts->hugedir = arg;
		break;
	case OPT_IOVA_MODE:
		opts->iova_mode = arg;
		break;
	case OPT_ENFORCE_NUMA:
		opts->enforce_numa = true;
		break;
	case OPT_SILENCE_NOTICELOG:
		opts->print_level = SPDK_LOG_WARN;
		break;
	case OPT_ENV_CONTEXT:
		opts->env_context = arg;
		break;
	default:
		return -ENOENT;
	}
	return 0;
}

static bool
app_has_long(const struct option *app, const char *name)
{
	while (app != NULL && app->name != NULL && strcmp(app->name, name) != 0) {
		app++;
	}
	return app != NULL && app->name != NULL;
}

/* Our table followed by the application's options. The first of a name counts: SPDK's own ones do
 * as they do there, and what only we have gives way to the application's. */
static struct option *
long_options_build(const struct option *app, int *num_ours)
{
	struct option *all;
	size_t n_app = 0, n = 0, i;

	while (app != NULL && app[n_app].name != NULL) {
		n_app++;
	}
	all = calloc(NUM_FLAGS + n_app + 1, sizeof(*all));
	if (all == NULL) {
		return NULL;
	}
	for (i = 0; i < NUM_FLAGS; i++) {
		if (g_flags[i].val >= OPT_OURS_FIRST && app_has_long(app, g_flags[i].name)) {
			continue;
		}
		all[n].name = g_flags[i].name;
		all[n].has_arg = g_flags[i].arg != NULL ? required_argument : no_argument;
		all[n++].val = g_flags[i].val;
	}
	*num_ours = (int)n;
	if (n_app > 0) {
		memcpy(&all[n], app, n_app * sizeof(*all));
	}
	return all;
}

static int
check_letters(const char *app_short, bool has_parse)
{
	const char *c;

	for (c = app_short; c != NULL && *c != '\0'; c++) {
		if (*c != ':' && strchr(SPDK_APP_GETOPT_STRING, *c) != NULL) {
			return complain("the application's option -%c is taken", *c);
		}
	}
	if (app_short != NULL && !has_parse) {
		return complain("the application has options and no function for them");
	}
	return 0;
}

/* getopt_long() says '?' for an option that nobody has, for a value where none is taken (then with
 * the option in `optopt`), and for a beginning that several have. */
static int
complain_of_option(const char *word)
{
	const char *equals;

	if (strncmp(word, "--", 2) != 0) {
		return complain("unknown option -%c", optopt);
	}
	equals = strchr(word, '=');
	if (optopt != 0 && equals != NULL) {
		return complain("%.*s takes no value", (int)(equals - word), word);
	}
	return complain("unknown option %s", word);
}

static int
handle(int ch, bool is_app, char **argv, struct parse_state *state, int (*parse)(int ch, char *arg))
{
	int rc = -ENOENT;

	if (ch == ':') {
		return complain("%s needs a value", argv[optind - 1]);
	}
	if (ch == '?') {
		return complain_of_option(argv[optind - 1]);
	}
	if (!is_app) {
		rc = parse_plain(ch, optarg, state);
		if (rc == -ENOENT) {
			rc = parse_value(ch, optarg, state->opts);
		}
	}
	if (rc == -ENOENT) {
		/* 'W' is reserved for the framework and means nothing. */
		if (ch == 'W' || parse == NULL) {
			return complain("unknown option -%c", ch);
		}
		return parse(ch, optarg) == 0 ? 0 : complain("%s was refused", argv[optind - 1]);
	}
	return rc;
}

spdk_app_parse_args_rvals_t
spdk_app_parse_args(int argc, char **argv, struct spdk_app_opts *opts, const char *getopt_str,
                    const struct option *app_long_opts, int (*parse)(int ch, char *arg),
                    void (*usage)(void))
{
	spdk_app_parse_args_rvals_t result = SPDK_APP_PARSE_ARGS_FAIL;
	struct parse_state state = { .opts = opts };
	struct option *long_opts;
	char *short_opts = NULL;
	int ch, num_ours = 0, at = -1, rc = 0;

	g_cmdline.program = argc > 0 ? basename_of(argv[0]) : "application";
	g_cmdline.app_usage = usage;
	opterr = 0;
	long_opts = long_options_build(app_long_opts, &num_ours);
	/* The leading colon tells a missing value from an unknown option. */
	if (long_opts == NULL || asprintf(&short_opts, ":%s%s", SPDK_APP_GETOPT_STRING,
	                                  getopt_str != NULL ? getopt_str : "") < 0) {
		short_opts = NULL;
		complain("out of memory");
		goto out;
	}
	rc = check_letters(getopt_str, parse != NULL);
	while (rc == 0 && (ch = getopt_long(argc, argv, short_opts, long_opts, &at)) != -1) {
		if (ch == 'h') {
			spdk_app_usage();
			result = SPDK_APP_PARSE_ARGS_HELP;
			goto out;
		}
		if (ch == 'v') {
			printf("%s: calandria %s\n", g_cmdline.program, CAL_VERSION_STRING);
			result = SPDK_APP_PARSE_ARGS_HELP;
			goto out;
		}
		/* An application may have chosen the number of one of our long options. */
		rc = handle(ch, at >= num_ours && ch >= OPT_FIRST, argv, &state, parse);
		at = -1;
	}
	if (rc == 0 && state.mask_given && state.lcores_given) {
		rc = complain("-m and --lcores both say which cores to use: give one of them");
	}
	if (rc == 0 && app_args()->rpc_tcp != NULL && opts->rpc_addr == NULL &&
	    opts->opts_size != 0) {
		rc = complain("--rpc-tcp serves JSON-RPC besides the Unix socket, and "
		              "--no-rpc-server allows neither: give one of them");
	}
	if (rc == 0) {
		result = SPDK_APP_PARSE_ARGS_SUCCESS;
	}
out:
	free(long_opts);
	free(short_opts);
	return result;
}
