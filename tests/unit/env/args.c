/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include "core/env/env_private.h"

static struct env_args g_args;
static char g_line[2048];

static struct env_plan
plan_usual(void)
{
	struct env_plan plan = { .num_nodes = 1, .mem_mb = { 256 }, .total_mb = 256 };

	CPU_SET(0, &plan.lcores);
	CPU_SET(1, &plan.lcores);
	snprintf(plan.hugedir.path, sizeof(plan.hugedir.path), "/dev/hugepages");
	return plan;
}

static struct spdk_env_opts
options(void)
{
	struct spdk_env_opts opts = { .opts_size = sizeof(opts) };

	spdk_env_opts_init(&opts);
	return opts;
}

/* The whole command line as one string. */
static const char *
build(const struct spdk_env_opts *opts, const struct env_plan *plan)
{
	size_t len = 0;
	int i;

	g_line[0] = '\0';
	REQUIRE(env_args_build(&g_args, opts, plan, false) == 0);
	CHECK(g_args.argv[g_args.argc] == NULL);
	for (i = 0; i < g_args.argc; i++) {
		len += (size_t)snprintf(g_line + len, sizeof(g_line) - len, "%s ", g_args.argv[i]);
	}
	env_args_free(&g_args);
	CHECK_EQ(g_args.argc, 0);
	return g_line;
}

static void
test_defaults(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan = plan_usual();

	opts.no_pci = true;
	CHECK_STR(build(&opts, &plan),
	          "calandria --proc-type=primary --file-prefix=cal --lcores=0-1 --main-lcore=0 "
	          "--socket-mem=256 --socket-limit=256 --huge-unlink=always "
	          "--huge-dir=/dev/hugepages --base-virtaddr=0x200000000000 --no-telemetry "
	          "--log-level=*:error --no-pci ");
}

static void
test_nodes_in_order(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan = plan_usual();

	plan.num_nodes = 3;
	plan.mem_mb[2] = 128;
	CHECK(strstr(build(&opts, &plan), "--socket-mem=256,0,128 --socket-limit=256,0,128 ") !=
	      NULL);
}

static void
test_no_huge(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan = plan_usual();

	opts.no_huge = true;
	build(&opts, &plan);
	CHECK(strstr(g_line, "--no-huge -m 256 ") != NULL);
	CHECK(strstr(g_line, "--socket-mem") == NULL);
	CHECK(strstr(g_line, "--huge-") == NULL);
}

static void
test_everything_else(void)
{
	struct spdk_pci_addr addrs[2] = { { 0, 1, 2, 3 }, { 0x10, 0xff, 0x1f, 7 } };
	struct spdk_env_opts opts = options();
	struct env_plan plan = plan_usual();

	opts.name = "app";
	opts.lcore_map = "0@1";
	opts.mem_channel = 4;
	opts.iova_mode = "va";
	opts.base_virtaddr = 0x300000000000ull;
	opts.pci_allowed = addrs;
	opts.num_pci_addr = 2;
	opts.vf_token = "token";
	opts.env_context = "--one  --two=2\t-x";
	plan.main_core = 1;
	build(&opts, &plan);
	CHECK(strncmp(g_line, "app ", 4) == 0);
	CHECK(strstr(g_line, "--lcores=0@1 --main-lcore=1 ") != NULL);
	CHECK(strstr(g_line, "-n 4 ") != NULL);
	CHECK(strstr(g_line, "--iova-mode=va ") != NULL);
	CHECK(strstr(g_line, "--base-virtaddr=0x300000000000 ") != NULL);
	CHECK(strstr(g_line, "--allow=0000:01:02.3 --allow=0010:ff:1f.7 ") != NULL);
	CHECK(strstr(g_line, "--vfio-vf-token=token ") != NULL);
	CHECK(strstr(g_line, "--one --two=2 -x ") != NULL);
	CHECK(strstr(g_line, "--no-pci") == NULL);

	opts.pci_blocked = opts.pci_allowed;
	opts.pci_allowed = NULL;
	CHECK(strstr(build(&opts, &plan), "--block=0000:01:02.3 --block=0010:ff:1f.7 ") != NULL);
}

static void
test_too_many(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan = plan_usual();
	char words[ENV_MAX_ARGS * 2 + 1];
	size_t i;

	for (i = 0; i < sizeof(words) - 1; i++) {
		words[i] = i % 2 ? ' ' : 'x';
	}
	words[sizeof(words) - 1] = '\0';
	opts.env_context = words;
	CHECK_EQ(env_args_build(&g_args, &opts, &plan, false), -E2BIG);
	CHECK_EQ(g_args.argc, 0);
}

static void
test_debug(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan = plan_usual();
	int i, found = 0;

	REQUIRE(env_args_build(&g_args, &opts, &plan, true) == 0);
	for (i = 0; i < g_args.argc; i++) {
		found += strcmp(g_args.argv[i], "--log-level=*:debug") == 0;
	}
	CHECK_EQ(found, 1);
	env_args_free(&g_args);
}

static const struct test_case g_cases[] = {
	TEST(test_defaults),        TEST(test_nodes_in_order), TEST(test_no_huge),
	TEST(test_everything_else), TEST(test_too_many),       TEST(test_debug),
};

TEST_MAIN("env/args", g_cases)
