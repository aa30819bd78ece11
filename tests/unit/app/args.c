/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <getopt.h>

#include "core/app/app_opts.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "tests/unit/test.h"

/* The parser's messages are for people: they would only clutter the test's output. */
static FILE *g_stderr;

static int
setup(void)
{
	g_stderr = stderr;
	stderr = fopen("/dev/null", "w");
	return stderr != NULL ? 0 : 1;
}

static int
teardown(void)
{
	fclose(stderr);
	stderr = g_stderr;
	return 0;
}

/* A stand-in for the environment's, which this test does not start. */
int
spdk_pci_addr_parse(struct spdk_pci_addr *addr, const char *bdf)
{
	unsigned domain, bus, dev, func;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &func) != 4) {
		return -EINVAL;
	}
	addr->domain = domain;
	addr->bus = (uint8_t)bus;
	addr->dev = (uint8_t)dev;
	addr->func = (uint8_t)func;
	return 0;
}

static int g_app_ch;
static const char *g_app_arg;

static int
app_parse(int ch, char *arg)
{
	g_app_ch = ch;
	g_app_arg = arg;
	return ch == 'Z' ? -1 : 0;
}

#define MAX_ARGS 24

static int
parse_with(struct spdk_app_opts *opts, const char *line, const char *app_short,
           const struct option *app_long)
{
	static char copy[512];
	char *argv[MAX_ARGS + 2] = { "prog" }, *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL && argc <= MAX_ARGS) {
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	optind = 0; /* glibc: start over */
	return spdk_app_parse_args(argc, argv, opts, app_short, app_long, app_parse, NULL);
}

static int
parse(struct spdk_app_opts *opts, const char *line)
{
	spdk_app_opts_init(opts, sizeof(*opts));
	return parse_with(opts, line, NULL, NULL);
}

/* --- the table of flags: SPDK v26.05's, each with what it takes and what comes of it ------------
 */

static char g_fields[512];

static void __attribute__((format(printf, 1, 2))) add_field(const char *fmt, ...)
{
	size_t len = strlen(g_fields);
	va_list args;

	va_start(args, fmt);
	vsnprintf(g_fields + len, sizeof(g_fields) - len, fmt, args);
	va_end(args);
}

#define DIFF_INT(field_)                                                        \
	if (o->field_ != d.field_) {                                            \
		add_field("%s=%lld ", #field_, (long long)(intptr_t)o->field_); \
	}
#define DIFF_STR(field_)                                                                 \
	if (o->field_ != d.field_) {                                                     \
		add_field("%s=%s ", #field_, o->field_ ? (const char *)o->field_ : "-"); \
	}

/* Every field that is not at its default, in the order of the structure. */
static const char *
fields_of(const struct spdk_app_opts *o)
{
	struct spdk_app_opts d;

	spdk_app_opts_init(&d, sizeof(d));
	g_fields[0] = '\0';
	DIFF_STR(name)
	DIFF_STR(json_config_file)
	DIFF_INT(json_config_ignore_errors)
	DIFF_STR(rpc_addr)
	DIFF_STR(reactor_mask)
	DIFF_STR(tpoint_group_mask)
	DIFF_INT(shm_id)
	DIFF_INT(enable_coredump)
	DIFF_INT(mem_channel)
	DIFF_INT(main_core)
	DIFF_INT(mem_size)
	DIFF_INT(no_pci)
	DIFF_INT(hugepage_single_segments)
	DIFF_INT(unlink_hugepage)
	DIFF_INT(no_huge)
	DIFF_STR(hugedir)
	DIFF_INT(print_level)
	DIFF_INT(num_pci_addr)
	if (o->pci_allowed != NULL) {
		add_field("allowed=%02x:%02x.%x ", o->pci_allowed[0].bus, o->pci_allowed[0].dev,
		          o->pci_allowed[0].func);
	}
	if (o->pci_blocked != NULL) {
		add_field("blocked=%02x:%02x.%x ", o->pci_blocked[0].bus, o->pci_blocked[0].dev,
		          o->pci_blocked[0].func);
	}
	DIFF_STR(iova_mode)
	DIFF_INT(delay_subsystem_init)
	DIFF_INT(num_entries)
	DIFF_STR(env_context)
	DIFF_INT(base_virtaddr)
	DIFF_INT(disable_signal_handlers)
	DIFF_INT(interrupt_mode)
	DIFF_INT(enforce_numa)
	DIFF_INT(msg_mempool_size)
	if (o->rpc_allowlist != NULL) {
		add_field("rpc_allowlist=%s ", o->rpc_allowlist[0]);
	}
	DIFF_STR(vf_token)
	DIFF_STR(lcore_map)
	DIFF_INT(disable_cpumask_locks)
	if (app_args()->no_services) {
		add_field("no_services ");
	}
	if (app_args()->rpc_tcp != NULL) {
		add_field("rpc_tcp=%s ", app_args()->rpc_tcp);
	}
	if (app_args()->rpc_socket_mode != NULL) {
		add_field("rpc_socket_mode=%s ", app_args()->rpc_socket_mode);
	}
	if (app_args()->init_timeout_ms != 0) {
		add_field("init_timeout_ms=%llu ", (unsigned long long)app_args()->init_timeout_ms);
	}
	return g_fields;
}

#define OK   SPDK_APP_PARSE_ARGS_SUCCESS
#define FAIL SPDK_APP_PARSE_ARGS_FAIL
#define HELP SPDK_APP_PARSE_ARGS_HELP

static const struct line {
	const char *line;
	int result;
	const char *fields; /* what differs from the defaults; NULL: not looked at */
} g_lines[] = {
	{ "", OK, "" },
	{ "-m 0x3", OK, "reactor_mask=0x3 " },
	{ "-m [0,2-3]", OK, "reactor_mask=[0,2-3] " },
	{ "--cpumask 0x3", OK, "reactor_mask=0x3 " },
	{ "--lcores 0@1,(2-3)@4", OK, "lcore_map=0@1,(2-3)@4 " },
	{ "--disable-cpumask-locks", OK, "disable_cpumask_locks=1 " },
	{ "--interrupt-mode", OK, "interrupt_mode=1 " },
	{ "-p 1", OK, "main_core=1 " },
	{ "-p 0", OK, "main_core=0 " },
	{ "--main-core 7", OK, "main_core=7 " },
	{ "-c a.json", OK, "json_config_file=a.json " },
	{ "--config a.json", OK, "json_config_file=a.json " },
	{ "--json a.json", OK, "json_config_file=a.json " },
	{ "-c a.json --json b.json", OK, "json_config_file=b.json " },
	{ "-r /tmp/x.sock", OK, "rpc_addr=/tmp/x.sock " },
	{ "--rpc-socket /tmp/x.sock", OK, "rpc_addr=/tmp/x.sock " },
	{ "--no-rpc-server", OK, "rpc_addr=- " },
	/* The later one wins. */
	{ "-r /a --no-rpc-server", OK, "rpc_addr=- " },
	{ "--no-rpc-server -r /a", OK, "rpc_addr=/a " },
	{ "--wait-for-rpc", OK, "delay_subsystem_init=1 " },
	/* spdk_app_start() refuses that. */
	{ "--no-rpc-server --wait-for-rpc", OK, "rpc_addr=- delay_subsystem_init=1 " },
	{ "--rpcs-allowed a_b,c", OK, "rpc_allowlist=a_b " },
	{ "--json-ignore-init-errors", OK, "json_config_ignore_errors=1 " },
	{ "--iova-mode pa", OK, "iova_mode=pa " },
	{ "--base-virtaddr 0x300000000000", OK, "base_virtaddr=52776558133248 " },
	{ "--huge-dir /h", OK, "hugedir=/h " },
	{ "-R", OK, "unlink_hugepage=1 " },
	{ "--huge-unlink", OK, "unlink_hugepage=1 " },
	{ "-n 2", OK, "mem_channel=2 " },
	{ "--mem-channels 4", OK, "mem_channel=4 " },
	{ "-s 512", OK, "mem_size=512 " },
	{ "-s 1G", OK, "mem_size=1024 " },
	{ "-s 64M", OK, "mem_size=64 " },
	{ "-s 2048K", OK, "mem_size=2 " },
	{ "-s 0", OK, "mem_size=0 " },
	{ "--mem-size 32", OK, "mem_size=32 " },
	{ "--msg-mempool-size 4096", OK, "msg_mempool_size=4096 " },
	{ "--no-huge", OK, "no_huge=1 " },
	{ "--enforce-numa", OK, "enforce_numa=1 " },
	{ "-i 4", OK, "shm_id=4 " },
	{ "-i -1", OK, "" },
	{ "-i -2", OK, "shm_id=-2 " },
	{ "--shm-id 4", OK, "shm_id=4 " },
	{ "-g", OK, "hugepage_single_segments=1 " },
	{ "--single-file-segments", OK, "hugepage_single_segments=1 " },
	{ "-A 0000:01:02.3", OK, "num_pci_addr=1 allowed=01:02.3 " },
	{ "--pci-allowed 0000:01:02.3", OK, "num_pci_addr=1 allowed=01:02.3 " },
	{ "-B 0000:01:02.3", OK, "num_pci_addr=1 blocked=01:02.3 " },
	{ "--pci-blocked 0000:01:02.3", OK, "num_pci_addr=1 blocked=01:02.3 " },
	{ "-u", OK, "no_pci=1 " },
	{ "--no-pci", OK, "no_pci=1 " },
	{ "--vfio-vf-token 2ab74924-c335-45f4-9b16-8569e5b08258", OK,
	  "vf_token=2ab74924-c335-45f4-9b16-8569e5b08258 " },
	{ "-L all", OK, "" },
	{ "--logflag all", OK, "" },
	{ "--silence-noticelog", OK, "print_level=1 " },
	{ "--num-trace-entries 64", OK, "num_entries=64 " },
	{ "--num-trace-entries 0", OK, "num_entries=0 " },
	{ "-e all", OK, "tpoint_group_mask=all " },
	{ "--tpoint-group bdev:0x3", OK, "tpoint_group_mask=bdev:0x3 " },
	{ "-d", OK, "enable_coredump=0 " },
	{ "--limit-coredump", OK, "enable_coredump=0 " },
	{ "--env-context foo", OK, "env_context=foo " },
	{ "-h", HELP, NULL },
	{ "--help", HELP, NULL },
	{ "-v", HELP, NULL },
	{ "--version", HELP, NULL },
	{ "-s 1 -m 0x1 -h -z", HELP, NULL },
	/* getopt's ways: what is no option is left alone, a name may be cut. */
	{ "stray", OK, "" },
	{ "-m 0x1 stray -p 1", OK, "reactor_mask=0x1 main_core=1 " },
	{ "--mem-s 64", OK, "mem_size=64 " },
	/* Ours. */
	{ "--no-services", OK, "no_services " },
	{ "--rpc-tcp 8090", OK, "rpc_tcp=8090 " },
	{ "--rpc-tcp 10.1.2.3:65535", OK, "rpc_tcp=10.1.2.3:65535 " },
	{ "--rpc-tcp [::1]:1", OK, "rpc_tcp=[::1]:1 " },
	{ "--rpc-socket-mode 0660", OK, "rpc_socket_mode=0660 " },
	{ "--init-timeout 30", OK, "init_timeout_ms=30000 " },
	{ "--init-timeout 0.25", OK, "init_timeout_ms=250 " },
	/* Refused. */
	{ "-m", FAIL, NULL },
	{ "--lcores", FAIL, NULL },
	{ "-m 1 --lcores 0", FAIL, NULL },
	{ "-p -1", FAIL, NULL },
	{ "-p x", FAIL, NULL },
	{ "-p 1x", FAIL, NULL },
	{ "-n 0", FAIL, NULL },
	{ "-n x", FAIL, NULL },
	{ "-s lots", FAIL, NULL },
	{ "-s -5", FAIL, NULL },
	{ "-s 1T", FAIL, NULL },
	{ "-s 3000000000", FAIL, NULL },
	{ "-s 12K", FAIL, NULL },
	{ "-i", FAIL, NULL },
	{ "-i x", FAIL, NULL },
	{ "-i 99999999999", FAIL, NULL },
	{ "-e", FAIL, NULL },
	{ "--num-trace-entries 3", FAIL, NULL },
	{ "--num-trace-entries x", FAIL, NULL },
	{ "-L none_such", FAIL, NULL },
	{ "-A junk", FAIL, NULL },
	{ "-A 0000:01:00.0 -B 0000:02:00.0", FAIL, NULL },
	{ "-B 0000:01:00.0 -A 0000:02:00.0", FAIL, NULL },
	{ "--base-virtaddr junk", FAIL, NULL },
	{ "--msg-mempool-size 0", FAIL, NULL },
	{ "--msg-mempool-size -3", FAIL, NULL },
	{ "--rpcs-allowed", FAIL, NULL },
	{ "--no-huge=1", FAIL, NULL },
	{ "--vfio-vf-token abc", FAIL, NULL },
	{ "-z", FAIL, NULL },
	{ "--nosuch", FAIL, NULL },
	{ "-W x", FAIL, NULL },
	{ "--init-timeout 0", FAIL, NULL },
	{ "--rpc-tcp 0", FAIL, NULL },
	{ "--rpc-tcp 65536", FAIL, NULL },
	{ "--rpc-tcp localhost:8090", FAIL, NULL },
	{ "--rpc-tcp 127.0.0.1", FAIL, NULL },
	{ "--rpc-tcp ::1:8090x", FAIL, NULL },
	{ "--rpc-tcp 8090 --no-rpc-server", FAIL, NULL },
	{ "--rpc-socket-mode 0680", FAIL, NULL },
	{ "--rpc-socket-mode 1777", FAIL, NULL },
	{ "--rpc-socket-mode rw", FAIL, NULL },
	{ "--init-timeout -1", FAIL, NULL },
	{ "--init-timeout nan", FAIL, NULL },
	{ "--init-timeout 3s", FAIL, NULL },
};

static void
lines_give_what_spdk_gives(void)
{
	struct spdk_app_opts o;
	FILE *out = stdout;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(g_lines) / sizeof(g_lines[0]); i++) {
		const struct line *l = &g_lines[i];

		*app_args() = (struct app_args){ 0 };
		stdout = fopen("/dev/null", "w");
		rc = parse(&o, l->line);
		fclose(stdout);
		stdout = out;
		if (rc != l->result ||
		    (l->fields != NULL && strcmp(fields_of(&o), l->fields) != 0)) {
			printf("\n[%s]: %d %s, wanted %d %s\n", l->line, rc, fields_of(&o),
			       l->result, l->fields != NULL ? l->fields : "");
			CHECK(false);
		}
		free(o.rpc_allowlist);
		free(o.pci_allowed);
		free(o.pci_blocked);
	}
	*app_args() = (struct app_args){ 0 };
	spdk_log_clear_flag("all");
}

/* Every flag of SPDK's is in the usage text and in the table above, by each of its names. */
static void
no_flag_is_missing(void)
{
	static const char *const names[] = {
		"-m, --cpumask",
		"--lcores",
		"--disable-cpumask-locks",
		"--interrupt-mode",
		"-p, --main-core",
		"-c, --config",
		"--json",
		"-r, --rpc-socket",
		"--no-rpc-server",
		"--wait-for-rpc",
		"--rpcs-allowed",
		"--json-ignore-init-errors",
		"--iova-mode",
		"--base-virtaddr",
		"--huge-dir",
		"-R, --huge-unlink",
		"-n, --mem-channels",
		"-s, --mem-size",
		"--msg-mempool-size",
		"--no-huge",
		"--enforce-numa",
		"-i, --shm-id",
		"-g, --single-file-segments",
		"-A, --pci-allowed",
		"-B, --pci-blocked",
		"-u, --no-pci",
		"--vfio-vf-token",
		"-L, --logflag",
		"--silence-noticelog",
		"--num-trace-entries",
		"-e, --tpoint-group",
		"-d, --limit-coredump",
		"--env-context",
		"-h, --help",
		"-v, --version",
	};
	FILE *out = stdout;
	char *usage = NULL;
	size_t size, i, k;

	stdout = open_memstream(&usage, &size);
	REQUIRE(stdout != NULL);
	spdk_app_usage();
	fclose(stdout);
	stdout = out;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *long_name = strstr(names[i], "--");
		bool tried = false;

		CHECK(strstr(usage, names[i]) != NULL);
		for (k = 0; k < sizeof(g_lines) / sizeof(g_lines[0]); k++) {
			const char *at = strstr(g_lines[k].line, long_name);

			tried |= at != NULL && strchr(" =", at[strlen(long_name)]) != NULL;
		}
		CHECK(tried);
	}
	free(usage);
}

/* Which letters an application may have: none of SPDK's. */
static void
letters_that_are_taken(void)
{
	char letter[2] = "";
	int c;

	for (c = 'A'; c <= 'z'; c++) {
		struct spdk_app_opts o;
		bool is_letter = c <= 'Z' || c >= 'a';

		letter[0] = (char)c;
		spdk_app_opts_init(&o, sizeof(o));
		if (is_letter) {
			CHECK_EQ(parse_with(&o, "-m 0x1", letter, NULL),
			         strchr("cdeghimnprsuvABLRW", c) != NULL ? FAIL : OK);
		}
	}
	CHECK_STR(SPDK_APP_GETOPT_STRING, "c:de:ghi:m:n:p:r:s:uvA:B:L:RW:");
}

static void
allowlist_is_split(void)
{
	struct spdk_app_opts o;

	CHECK_EQ(parse(&o, "--rpcs-allowed a_b,,c,"), SPDK_APP_PARSE_ARGS_SUCCESS);
	REQUIRE(o.rpc_allowlist != NULL);
	if (o.rpc_allowlist == NULL) {
		return; /* REQUIRE() has said so */
	}
	CHECK_STR(o.rpc_allowlist[0], "a_b");
	CHECK_STR(o.rpc_allowlist[1], "c");
	CHECK(o.rpc_allowlist[2] == NULL);
	free(o.rpc_allowlist);
}

static void
pci_lists_grow_and_exclude_each_other(void)
{
	struct spdk_app_opts o;

	CHECK_EQ(parse(&o, "-B 0000:81:00.0 -B 0001:82:01.3"), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(o.num_pci_addr, 2);
	CHECK_EQ(o.pci_blocked[1].bus, 0x82);
	CHECK_EQ(o.pci_blocked[1].func, 3);
	free(o.pci_blocked);
	CHECK_EQ(parse(&o, "-B 0000:81:00.0 -A 0000:82:00.0"), SPDK_APP_PARSE_ARGS_FAIL);
	free(o.pci_blocked);
	CHECK_EQ(parse(&o, "-A nonsense"), SPDK_APP_PARSE_ARGS_FAIL);
	free(o.pci_allowed);
}

static void
application_options_reach_it(void)
{
	static const struct option longs[] = { { "mine", required_argument, NULL, 500 }, {} };
	static const struct option taken[] = { { "json", required_argument, NULL, 500 }, {} };
	static const struct option ours[] = { { "no-services", no_argument, NULL, 501 }, {} };
	struct spdk_app_opts o;

	spdk_app_opts_init(&o, sizeof(o));
	CHECK_EQ(parse_with(&o, "-q 3 -m 0x1", "q:", NULL), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(g_app_ch, 'q');
	CHECK_STR(g_app_arg, "3");
	CHECK_EQ(parse_with(&o, "--mine 4", NULL, longs), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(g_app_ch, 500);
	CHECK_EQ(parse_with(&o, "-Z", "Z", NULL), SPDK_APP_PARSE_ARGS_FAIL);
	/* A letter that is taken is refused, whether it is used or not; a name of SPDK's stays
	 * SPDK's; and one that only we have is the application's if it has it. */
	CHECK_EQ(parse_with(&o, "-m 0x1", "c", NULL), SPDK_APP_PARSE_ARGS_FAIL);
	CHECK_EQ(parse_with(&o, "--json j", NULL, taken), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_STR(o.json_config_file, "j");
	g_app_ch = 0;
	CHECK_EQ(parse_with(&o, "--no-services", NULL, ours), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(g_app_ch, 501);
	CHECK(!app_args()->no_services);
}

/* Whatever numbers an application gives its options, ours among them. */
static void
application_options_have_any_numbers(void)
{
	struct option longs[] = { { "mine", no_argument, NULL, 0 }, {} };
	struct spdk_app_opts o, before;
	int i, number;

	spdk_app_opts_init(&before, sizeof(before));
	for (i = 0; i < 128; i++) {
		number = (i < 64 ? 0x10000 : 0x20000) + i % 64;
		longs[0].val = number;
		spdk_app_opts_init(&o, sizeof(o));
		CHECK_EQ(parse_with(&o, "--mine", NULL, longs), OK);
		CHECK_EQ(g_app_ch, number);
		CHECK(memcmp(&o, &before, sizeof(o)) == 0);
	}
	CHECK(!app_args()->no_services);
	CHECK_EQ(parse_with(&o, "--mine --no-services -m 0x1", NULL, longs), OK);
	CHECK(app_args()->no_services);
	CHECK_STR(o.reactor_mask, "0x1");
	app_args()->no_services = false;
}

static void
options_without_a_function_are_refused(void)
{
	char *argv[] = { "prog", NULL };
	struct spdk_app_opts o;

	spdk_app_opts_init(&o, sizeof(o));
	optind = 0;
	CHECK_EQ(spdk_app_parse_args(1, argv, &o, "q:", NULL, NULL, NULL), FAIL);
	optind = 0;
	CHECK_EQ(spdk_app_parse_args(1, argv, &o, "", NULL, app_parse, NULL), OK);
}

static const struct test_case cases[] = {
	TEST(lines_give_what_spdk_gives),
	TEST(no_flag_is_missing),
	TEST(letters_that_are_taken),
	TEST(allowlist_is_split),
	TEST(pci_lists_grow_and_exclude_each_other),
	TEST(application_options_reach_it),
	TEST(application_options_have_any_numbers),
	TEST(options_without_a_function_are_refused),
};
TEST_MAIN_WITH("args", cases, setup, teardown)
