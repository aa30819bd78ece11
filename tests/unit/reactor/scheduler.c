/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "spdk/scheduler.h"

static int g_init_rc, g_inits, g_deinits;

static int
test_init(void)
{
	g_inits++;
	return g_init_rc;
}

static void
test_deinit(void)
{
	g_deinits++;
}

static void
test_balance(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
}

static struct spdk_scheduler scheduler_test = {
	.name = "test", .init = test_init, .deinit = test_deinit, .balance = test_balance
};
SPDK_SCHEDULER_REGISTER(scheduler_test)

static void
one_is_used_at_a_time(void)
{
	fake_cores(1, (uint32_t[]){ 3 });
	REQUIRE(reactors_init() == 0);
	REQUIRE(spdk_scheduler_get() != NULL);
	CHECK_STR(spdk_scheduler_get()->name, "static");
	CHECK_EQ(spdk_scheduler_get_period(), 0);
	CHECK_EQ(spdk_scheduler_get_scheduling_lcore(), 3);
	CHECK(!spdk_scheduler_set_scheduling_lcore(2));
	CHECK(spdk_scheduler_set_scheduling_lcore(3));

	CHECK_EQ(spdk_scheduler_set("nosuch"), -ENOENT);
	CHECK_STR(spdk_scheduler_get()->name, "static");
	g_init_rc = -EIO;
	CHECK_EQ(spdk_scheduler_set("test"), -EIO);
	CHECK_STR(spdk_scheduler_get()->name, "static");
	g_init_rc = 0;
	CHECK_EQ(spdk_scheduler_set("test"), 0);
	CHECK_EQ(spdk_scheduler_set("test"), 0);
	CHECK_EQ(g_inits, 2);
	spdk_scheduler_set_period(500);
	CHECK_EQ(spdk_scheduler_get_period(), 500);
	CHECK_EQ(spdk_scheduler_set("static"), 0);
	CHECK_EQ(g_deinits, 1);
	CHECK_EQ(spdk_scheduler_get_period(), 0);
	spdk_scheduler_register(&(struct spdk_scheduler){ .name = "test" }); /* refused */
	reactors_fini();
	CHECK(spdk_scheduler_get() == NULL);
}

static const struct test_case cases[] = {
	TEST(one_is_used_at_a_time),
};

TEST_MAIN("reactor/scheduler", cases)
