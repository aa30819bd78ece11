/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <getopt.h>

#include "core/app/app_opts.h"
#include "spdk/env.h"
#include "spdk/event.h"
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

static void
every_letter_lands_in_its_field(void)
{
	struct spdk_app_opts o;

	CHECK_EQ(parse(&o, "-m 0x3 -p 1 -s 512 -i 4 -c a.json -r /tmp/x.sock -n 2 -d -g -R -u"),
	         SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_STR(o.reactor_mask, "0x3");
	CHECK_EQ(o.main_core, 1);
	CHECK_EQ(o.mem_size, 512);
	CHECK_EQ(o.shm_id, 4);
	CHECK_STR(o.json_config_file, "a.json");
	CHECK_STR(o.rpc_addr, "/tmp/x.sock");
	CHECK_EQ(o.mem_channel, 2);
	CHECK_EQ(o.enable_coredump, false);
	CHECK_EQ(o.hugepage_single_segments, true);
	CHECK_EQ(o.unlink_hugepage, true);
	CHECK_EQ(o.no_pci, true);
}

static void
every_long_option_lands_in_its_field(void)
{
	struct spdk_app_opts o;

	CHECK_EQ(parse(&o, "--lcores 0@1 --json b.json --wait-for-rpc --json-ignore-init-errors "
	                   "--no-services --huge-dir /h --no-huge --iova-mode va"),
	         SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_STR(o.lcore_map, "0@1");
	CHECK_STR(o.json_config_file, "b.json");
	CHECK(o.delay_subsystem_init);
	CHECK(o.json_config_ignore_errors);
	CHECK(app_args()->no_services);
	CHECK_STR(o.hugedir, "/h");
	CHECK(o.no_huge);
	CHECK_STR(o.iova_mode, "va");
	app_args()->no_services = false;

	CHECK_EQ(parse(&o, "--base-virtaddr 0x300000000000 --disable-cpumask-locks "
	                   "--silence-noticelog --interrupt-mode --enforce-numa --no-pci"),
	         SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(o.base_virtaddr, 0x300000000000ull);
	CHECK(o.disable_cpumask_locks);
	CHECK_EQ(o.print_level, SPDK_LOG_WARN);
	CHECK(o.interrupt_mode);
	CHECK(o.enforce_numa);
	CHECK(o.no_pci);
}

static void
memory_takes_a_suffix(void)
{
	struct spdk_app_opts o;

	CHECK_EQ(parse(&o, "-s 2G"), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(o.mem_size, 2048);
	CHECK_EQ(parse(&o, "-s 64M"), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(o.mem_size, 64);
	CHECK_EQ(parse(&o, "-s 2048K"), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(o.mem_size, 2);
	CHECK_EQ(parse(&o, "-s 0"), SPDK_APP_PARSE_ARGS_FAIL);
	CHECK_EQ(parse(&o, "-s 12K"), SPDK_APP_PARSE_ARGS_FAIL);
	CHECK_EQ(parse(&o, "-s lots"), SPDK_APP_PARSE_ARGS_FAIL);
	CHECK_EQ(parse(&o, "-s -5"), SPDK_APP_PARSE_ARGS_FAIL);
}

static void
rpc_server_the_later_wins(void)
{
	struct spdk_app_opts o;

	CHECK_EQ(parse(&o, "-r /a --no-rpc-server"), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK(o.rpc_addr == NULL);
	CHECK_EQ(parse(&o, "--no-rpc-server -r /a"), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_STR(o.rpc_addr, "/a");
	CHECK_EQ(parse(&o, "--no-rpc-server --wait-for-rpc"), SPDK_APP_PARSE_ARGS_FAIL);
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
wrong_lines_are_refused(void)
{
	static const char *const lines[] = {
		"-z",
		"--no-such-option",
		"-i",
		"-i x",
		"-i -2",
		"-p -1",
		"-p 1x",
		"-L none",
		"-m 1 --lcores 0",
		"-W x",
		"--lcores",
		"--no-huge=1",
		"-n 0",
		"--num-trace-entries 3",
	};
	struct spdk_app_opts o;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		CHECK_EQ(parse(&o, lines[i]), SPDK_APP_PARSE_ARGS_FAIL);
	}
}

static void
help_and_version_end_well(void)
{
	FILE *out = stdout;
	struct spdk_app_opts o;

	stdout = fopen("/dev/null", "w");
	REQUIRE(stdout != NULL);
	CHECK_EQ(parse(&o, "-h"), SPDK_APP_PARSE_ARGS_HELP);
	CHECK_EQ(parse(&o, "--version"), SPDK_APP_PARSE_ARGS_HELP);
	fclose(stdout);
	stdout = out;
}

static void
application_options_reach_it(void)
{
	static const struct option longs[] = { { "mine", required_argument, NULL, 500 }, {} };
	static const struct option taken[] = { { "json", required_argument, NULL, 500 }, {} };
	struct spdk_app_opts o;

	spdk_app_opts_init(&o, sizeof(o));
	CHECK_EQ(parse_with(&o, "-q 3 -m 0x1", "q:", NULL), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(g_app_ch, 'q');
	CHECK_STR(g_app_arg, "3");
	CHECK_EQ(parse_with(&o, "--mine 4", NULL, longs), SPDK_APP_PARSE_ARGS_SUCCESS);
	CHECK_EQ(g_app_ch, 500);
	CHECK_EQ(parse_with(&o, "-Z", "Z", NULL), SPDK_APP_PARSE_ARGS_FAIL);
	/* What is taken is refused, whether it is used or not. */
	CHECK_EQ(parse_with(&o, "-m 0x1", "c", NULL), SPDK_APP_PARSE_ARGS_FAIL);
	CHECK_EQ(parse_with(&o, "-m 0x1", NULL, taken), SPDK_APP_PARSE_ARGS_FAIL);
}

static const struct test_case cases[] = {
	TEST(every_letter_lands_in_its_field),
	TEST(every_long_option_lands_in_its_field),
	TEST(memory_takes_a_suffix),
	TEST(rpc_server_the_later_wins),
	TEST(allowlist_is_split),
	TEST(pci_lists_grow_and_exclude_each_other),
	TEST(wrong_lines_are_refused),
	TEST(help_and_version_end_well),
	TEST(application_options_reach_it),
};
TEST_MAIN_WITH("args", cases, setup, teardown)
