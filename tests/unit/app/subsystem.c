/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/subsystem.h"

#include "spdk/init.h"
#include "tests/unit/test.h"

/* Registered in the wrong order on purpose: a needs b and c, b needs c; d stands alone and has
 * nothing to initialise. */
static char g_trace[256];
static int g_init_rc[3];
static bool g_async;

static void
trace(const char *what)
{
	strncat(g_trace, what, sizeof(g_trace) - strlen(g_trace) - 1);
}

static void
answer(int which)
{
	if (!g_async) {
		spdk_subsystem_init_next(g_init_rc[which]);
	}
}

static void
init_a(void)
{
	trace("+a");
	answer(0);
}
static void
init_b(void)
{
	trace("+b");
	answer(1);
}
static void
init_c(void)
{
	trace("+c");
	answer(2);
}
static void
fini_a(void)
{
	trace("-a");
	spdk_subsystem_fini_next();
}
static void
fini_b(void)
{
	trace("-b");
	spdk_subsystem_fini_next();
}
static void
fini_c(void)
{
	trace("-c");
	spdk_subsystem_fini_next();
}

static struct spdk_subsystem a = { .name = "a", .init = init_a, .fini = fini_a };
static struct spdk_subsystem b = { .name = "b", .init = init_b, .fini = fini_b };
static struct spdk_subsystem c = { .name = "c", .init = init_c, .fini = fini_c };
static struct spdk_subsystem d = { .name = "d" };
SPDK_SUBSYSTEM_REGISTER(a)
SPDK_SUBSYSTEM_REGISTER(b)
SPDK_SUBSYSTEM_REGISTER(d)
SPDK_SUBSYSTEM_REGISTER(c)
SPDK_SUBSYSTEM_DEPEND(a, b)
SPDK_SUBSYSTEM_DEPEND(a, c)
SPDK_SUBSYSTEM_DEPEND(b, c)

static int g_rc;
static int g_init_calls, g_fini_calls;

static void
init_done(int rc, void *ctx)
{
	g_rc = rc;
	g_init_calls++;
}

static void
fini_done(void *ctx)
{
	g_fini_calls++;
}

static void
start(void)
{
	g_trace[0] = '\0';
	g_rc = -1000;
	g_init_calls = g_fini_calls = 0;
	spdk_subsystem_init(init_done, NULL);
}

static void
order_follows_dependencies(void)
{
	char err[256];

	CHECK_EQ(subsystem_sort(err, sizeof(err)), 0);
	CHECK_STR(subsystem_first()->name, "d");
	CHECK_STR(subsystem_next(subsystem_first())->name, "c");
	start();
	CHECK_STR(g_trace, "+c+b+a");
	CHECK_EQ(g_rc, 0);
	CHECK_EQ(g_init_calls, 1);
	spdk_subsystem_fini(fini_done, NULL);
	CHECK_STR(g_trace, "+c+b+a-a-b-c");
	CHECK_EQ(g_fini_calls, 1);
	CHECK(spdk_subsystem_exists("d"));
	CHECK(!spdk_subsystem_exists("e"));
}

static void
depends_are_listed(void)
{
	struct spdk_subsystem_depend *dep = NULL;
	char listed[32] = "";

	while ((dep = subsystem_depend_next(&a, dep)) != NULL) {
		strncat(listed, dep->depends_on, sizeof(listed) - strlen(listed) - 1);
	}
	CHECK_STR(listed, "bc");
	CHECK(subsystem_depend_next(&d, NULL) == NULL);
}

static void
answers_may_come_later(void)
{
	g_async = true;
	start();
	CHECK_STR(g_trace, "+c");
	CHECK(subsystem_current() == &c);
	spdk_subsystem_init_next(0);
	CHECK_STR(g_trace, "+c+b");
	spdk_subsystem_init_next(0);
	CHECK_EQ(g_init_calls, 0);
	spdk_subsystem_init_next(0);
	CHECK_EQ(g_init_calls, 1);
	CHECK_EQ(g_rc, 0);
	g_async = false;
	spdk_subsystem_fini(fini_done, NULL);
}

static void
an_error_ends_the_start_and_only_what_is_up_is_taken_down(void)
{
	g_init_rc[1] = -ENODEV;
	start();
	CHECK_STR(g_trace, "+c+b");
	CHECK_EQ(g_rc, -ENODEV);
	CHECK_EQ(g_init_calls, 1);
	CHECK(subsystem_failed() == &b);
	spdk_subsystem_fini(fini_done, NULL);
	CHECK_STR(g_trace, "+c+b-c");
	g_init_rc[1] = 0;
}

static void
a_start_can_be_called_off(void)
{
	g_async = true;
	start();
	subsystem_init_cancel();
	CHECK_EQ(g_init_calls, 0);
	spdk_subsystem_init_next(0);
	CHECK_EQ(g_init_calls, 1);
	CHECK_EQ(g_rc, -ECANCELED);
	g_async = false;
	spdk_subsystem_fini(fini_done, NULL);
	CHECK_STR(g_trace, "+c-c");
	/* It is for that start only. */
	start();
	CHECK_EQ(g_rc, 0);
	spdk_subsystem_fini(fini_done, NULL);
}

static void
stray_answers_are_ignored(void)
{
	g_trace[0] = '\0';
	spdk_subsystem_init_next(0);
	spdk_subsystem_fini_next();
	CHECK_STR(g_trace, "");
}

/* The last cases: what is registered stays registered. */
static struct spdk_subsystem_depend g_back = { .name = "c", .depends_on = "a" };
static struct spdk_subsystem_depend g_missing = { .name = "d", .depends_on = "nowhere" };

static void
a_cycle_is_named(void)
{
	char err[256], tiny[16];

	spdk_add_subsystem_depend(&g_back);
	CHECK_EQ(subsystem_sort(err, sizeof(err)), -ELOOP);
	/* Whichever it begins with, it comes back to it. */
	CHECK(strstr(err, "c -> a") != NULL || strstr(err, "a -> b") != NULL);
	CHECK(strstr(err, "d") == NULL || strstr(err, "-> d") == NULL);
	/* A buffer too short for it is not overrun. */
	memset(tiny, 'x', sizeof(tiny));
	CHECK_EQ(subsystem_sort(tiny, 8), -ELOOP);
	CHECK_EQ(tiny[8], 'x');
	/* Nothing is lost on the way. */
	CHECK(subsystem_find("a") == &a && subsystem_find("b") == &b && subsystem_find("c") == &c &&
	      subsystem_find("d") == &d);
	start();
	CHECK_EQ(g_rc, -ELOOP);
	CHECK_STR(g_trace, "");
}

static void
a_missing_name_is_named(void)
{
	char err[256];

	spdk_add_subsystem_depend(&g_missing);
	CHECK_EQ(subsystem_sort(err, sizeof(err)), -ENOENT);
	CHECK(strstr(err, "d") != NULL && strstr(err, "nowhere") != NULL);
}

static const struct test_case cases[] = {
	TEST(order_follows_dependencies),
	TEST(depends_are_listed),
	TEST(answers_may_come_later),
	TEST(an_error_ends_the_start_and_only_what_is_up_is_taken_down),
	TEST(a_start_can_be_called_off),
	TEST(stray_answers_are_ignored),
	TEST(a_cycle_is_named),
	TEST(a_missing_name_is_named),
};
TEST_MAIN("subsystem", cases)
