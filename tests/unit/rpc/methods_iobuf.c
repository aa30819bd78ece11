/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* iobuf_set_options and iobuf_get_stats: what they take, and what they answer. */

#define HOST_METHODS "iobuf_"
#define HOST_STATES  (SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)
#include "tests/unit/drivers/host.h"

#include "core/rpc/methods_iobuf.c"

void
rpc_method_set_roles(const char *name, unsigned roles)
{
	/* Who may only look may look. */
	if (strcmp(name, "iobuf_get_stats") != 0) {
		abort();
	}
}

static void
options(void)
{
	struct spdk_iobuf_opts opts;

	CHECK_EQ(call(rpc_iobuf_set_options,
	              "{'small_pool_count':70,'large_pool_count':9,'small_bufsize':4096,"
	              "'large_bufsize':65536,'enable_numa':true}"),
	         0);
	CHECK_STR(g_answer.text, "true");
	/* The pools exist: the log says that it is for the next ones. */
	CHECK(said_once("made again", "iobuf"));
	CHECK_EQ(call(rpc_iobuf_set_options, "{'enable_numa':false}"), 0);
	g_said[0] = '\0';
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	CHECK_EQ(opts.small_pool_count, 64);
}

static void
options_refused(void)
{
	CHECK_EQ(call(rpc_iobuf_set_options, "{'small_pool_count':-1}"), -32602);
	CHECK_STR(g_answer.text, "Invalid parameters");
	CHECK_EQ(call(rpc_iobuf_set_options, "{'small_count':100}"), -32602);
	CHECK_EQ(call(rpc_iobuf_set_options, "{'enable_numa':1}"), -32602);
	CHECK_EQ(call(rpc_iobuf_set_options, "{'small_bufsize':4294967296}"), -32602);
	g_said[0] = '\0';
	CHECK_EQ(call(rpc_iobuf_set_options, "{'small_pool_count':63}"), -EINVAL);
	CHECK_STR(g_answer.text, "Invalid argument: the primary's log says why");
	CHECK(said_once("small_pool_count 63", "64"));
}

static void
statistics(void)
{
	struct spdk_iobuf_channel ch;
	void *buf;

	CHECK_EQ(spdk_iobuf_register_module("m"), 0);
	CHECK_EQ(spdk_iobuf_channel_init(&ch, "m", 2, 0), 0);
	spdk_iobuf_put(&ch, spdk_iobuf_get(&ch, 1, NULL, NULL), 1);
	buf = spdk_iobuf_get(&ch, 10000, NULL, NULL);
	CHECK_EQ(call_values(rpc_iobuf_get_stats, NULL), 0);
	CHECK_STR(g_answer.text,
	          "[{\"module\":\"bdev\","
	          "\"small_pool\":{\"cache\":0,\"main\":0,\"retry\":0,\"cache_size\":0},"
	          "\"large_pool\":{\"cache\":0,\"main\":0,\"retry\":0,\"cache_size\":0}},"
	          "{\"module\":\"m\","
	          "\"small_pool\":{\"cache\":1,\"main\":0,\"retry\":0,\"cache_size\":2},"
	          "\"large_pool\":{\"cache\":0,\"main\":1,\"retry\":0,\"cache_size\":0}}]");
	spdk_iobuf_put(&ch, buf, 10000);
	spdk_iobuf_channel_fini(&ch);
	CHECK_EQ(spdk_iobuf_unregister_module("m"), 0);
	/* Parameters are ignored. */
	CHECK_EQ(call(rpc_iobuf_get_stats, "{'x':1}"), 0);
}

static const struct test_case cases[] = { TEST(options), TEST(options_refused), TEST(statistics) };
TEST_MAIN_WITH("rpc/methods_iobuf", cases, host_start, host_stop)
