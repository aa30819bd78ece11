/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The whole of it, for registries of a test's own. */
#include "core/app/subsystem.c"

#include "spdk/init.h"
#include "tests/unit/test.h"

/* Registered in the wrong order on purpose: a needs b and c, b needs c; d stands alone and has
 * nothing to initialise. */
static char g_trace[256];
static int g_init_rc[3];
static bool g_async;
static int g_answers = 1;

static void
trace(const char *what)
{
	strncat(g_trace, what, sizeof(g_trace) - strlen(g_trace) - 1);
}

static void
answer(int which)
{
	int i;

	for (i = 0; i < g_answers && !g_async; i++) {
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
on_init(int rc, void *ctx)
{
	g_rc = rc;
	g_init_calls++;
}

static void
on_fini(void *ctx)
{
	g_fini_calls++;
}

static void
start(void)
{
	g_trace[0] = '\0';
	g_rc = -1000;
	g_init_calls = g_fini_calls = 0;
	spdk_subsystem_init(on_init, NULL);
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
	spdk_subsystem_fini(on_fini, NULL);
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
	spdk_subsystem_fini(on_fini, NULL);
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
	spdk_subsystem_fini(on_fini, NULL);
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
	spdk_subsystem_fini(on_fini, NULL);
	CHECK_STR(g_trace, "+c-c");
	/* It is for that start only. */
	start();
	CHECK_EQ(g_rc, 0);
	spdk_subsystem_fini(on_fini, NULL);
}

static void
stray_answers_are_ignored(void)
{
	g_trace[0] = '\0';
	spdk_subsystem_init_next(0);
	spdk_subsystem_fini_next();
	CHECK_STR(g_trace, "");
}

/* A second answer from inside of init() is not taken for the next one's. */
static void
answering_twice_changes_nothing(void)
{
	g_answers = 2;
	start();
	CHECK_STR(g_trace, "+c+b+a");
	CHECK_EQ(g_init_calls, 1);
	CHECK_EQ(g_rc, 0);
	/* Nor is one that comes when all is done. */
	spdk_subsystem_init_next(-EIO);
	CHECK_EQ(g_init_calls, 1);
	spdk_subsystem_fini(on_fini, NULL);
	g_answers = 1;
	/* The second answer of one that failed does not make it work. */
	g_init_rc[2] = -ENXIO;
	g_answers = 3;
	start();
	CHECK_STR(g_trace, "+c");
	CHECK_EQ(g_rc, -ENXIO);
	CHECK_EQ(g_init_calls, 1);
	g_init_rc[2] = 0;
	g_answers = 1;
	spdk_subsystem_fini(on_fini, NULL);
	CHECK_EQ(g_fini_calls, 1);
	CHECK_STR(g_trace, "+c");
}

static void
a_second_start_waits_for_nobody(void)
{
	int rc;

	g_async = true;
	start();
	spdk_subsystem_init(on_init, NULL);
	CHECK_EQ(g_rc, -EALREADY);
	CHECK_EQ(g_init_calls, 1);
	CHECK_STR(g_trace, "+c");
	for (rc = 0; rc < 3; rc++) {
		spdk_subsystem_init_next(0);
	}
	CHECK_EQ(g_rc, 0);
	CHECK_EQ(g_init_calls, 2);
	g_async = false;
	/* When all are up there is nothing to do. */
	spdk_subsystem_init(on_init, NULL);
	CHECK_EQ(g_init_calls, 3);
	CHECK_STR(g_trace, "+c+b+a");
	spdk_subsystem_fini(on_fini, NULL);
}

static void
one_that_hangs_can_be_given_up(void)
{
	g_async = true;
	start();
	spdk_subsystem_init_next(0);
	CHECK(subsystem_current() == &b);
	subsystem_init_abandon();
	CHECK(subsystem_failed() == &b);
	CHECK(subsystem_current() == NULL);
	g_async = false;
	/* It is neither up nor taken down, whatever it says now. */
	spdk_subsystem_init_next(0);
	CHECK_EQ(g_init_calls, 0);
	spdk_subsystem_fini(on_fini, NULL);
	CHECK_STR(g_trace, "+c+b-c");
	CHECK_EQ(g_fini_calls, 1);
	spdk_subsystem_init_next(0);
	CHECK_EQ(g_init_calls, 0);
}

/* Thousands that answer at once need no stack. */
static unsigned g_many_up;
static uintptr_t g_lowest, g_highest;

static void
many_init(void)
{
	uintptr_t at = (uintptr_t)__builtin_frame_address(0);

	g_lowest = g_many_up == 0 || at < g_lowest ? at : g_lowest;
	g_highest = g_many_up == 0 || at > g_highest ? at : g_highest;
	g_many_up++;
	spdk_subsystem_init_next(0);
}

static void
many_fini(void)
{
	g_many_up--;
	spdk_subsystem_fini_next();
}

static void
many_need_no_stack(void)
{
	enum { N = 2000 };
	static struct spdk_subsystem many[N];
	static char names[N][8];
	unsigned i;

	for (i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "m%u", i);
		many[i] = (struct spdk_subsystem){ .name = names[i],
			                           .init = many_init,
			                           .fini = many_fini };
		spdk_add_subsystem(&many[i]);
	}
	start();
	CHECK_EQ(g_rc, 0);
	CHECK_EQ(g_many_up, N);
	spdk_subsystem_fini(on_fini, NULL);
	CHECK_EQ(g_many_up, 0);
	CHECK_EQ(g_fini_calls, 1);
	CHECK_EQ(g_lowest, g_highest);
	for (i = 0; i < N; i++) {
		TAILQ_REMOVE(&g_subsystems, &many[i], tailq);
	}
}

/* --- what is wrong, in a registry of its own -------------------------------------------------- */

/* A registry of what `text` says: "a>b b>c x" is a that needs b, b that needs c, and x. */
static char g_err[512];

static int
sort_of(const char *text)
{
	static struct spdk_subsystem subsystems[16];
	static struct spdk_subsystem_depend depends[16];
	static char copy[256];
	struct subsystem_list other_subsystems = TAILQ_HEAD_INITIALIZER(other_subsystems);
	struct depend_list other_depends = TAILQ_HEAD_INITIALIZER(other_depends);
	struct spdk_subsystem *at;
	char *word, *rest = copy, *needs;
	unsigned n = 0, d = 0, i;
	int rc;

	TAILQ_CONCAT(&other_subsystems, &g_subsystems, tailq);
	TAILQ_CONCAT(&other_depends, &g_depends, tailq);
	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL) {
		needs = strchr(word, '>');
		if (needs != NULL) {
			*needs++ = '\0';
		}
		for (i = 0; i < n && strcmp(subsystems[i].name, word) != 0; i++) {
		}
		if (i == n || needs == NULL) {
			subsystems[n] = (struct spdk_subsystem){ .name = word };
			spdk_add_subsystem(&subsystems[n++]);
		}
		if (needs != NULL) {
			depends[d] = (struct spdk_subsystem_depend){ word, needs };
			spdk_add_subsystem_depend(&depends[d++]);
		}
	}
	g_err[0] = '\0';
	rc = subsystem_sort(g_err, sizeof(g_err));
	g_trace[0] = '\0';
	for (at = subsystem_first(); at != NULL; at = subsystem_next(at)) {
		trace(at->name);
	}
	TAILQ_INIT(&g_subsystems);
	TAILQ_INIT(&g_depends);
	TAILQ_CONCAT(&g_subsystems, &other_subsystems, tailq);
	TAILQ_CONCAT(&g_depends, &other_depends, tailq);
	return rc;
}

#define CIRCLE "subsystems depend on each other in a circle: "
#define DROP   ": drop one of these dependencies"

static void
cycles_are_named_in_their_order(void)
{
	CHECK_EQ(sort_of("a>b b>c c"), 0);
	CHECK_STR(g_trace, "cba");
	CHECK_EQ(sort_of("a>b b>c c>a"), -ELOOP);
	CHECK_STR(g_err, CIRCLE "a -> b -> c -> a" DROP);
	/* Nothing is lost on the way. */
	CHECK_STR(g_trace, "abc");
	CHECK_EQ(sort_of("a>a"), -ELOOP);
	CHECK_STR(g_err, CIRCLE "a -> a" DROP);
	CHECK_EQ(sort_of("b a>b b>a"), -ELOOP);
	CHECK_STR(g_err, CIRCLE "b -> a -> b" DROP);
	/* Two of them; what only waits for one, and what waits for none, is not named. */
	CHECK_EQ(sort_of("w>a f a>b b>a d>d"), -ELOOP);
	CHECK_STR(g_err, CIRCLE "a -> b -> a, and d -> d" DROP);
	/* What also needs something that is fine. */
	CHECK_EQ(sort_of("f a>f a>b b>f b>c c>b"), -ELOOP);
	CHECK_STR(g_err, CIRCLE "b -> c -> b" DROP);
	/* Two circles through one of them: one is enough to begin with. */
	CHECK_EQ(sort_of("a>b b>a a>c c>a"), -ELOOP);
	CHECK_STR(g_err, CIRCLE "a -> b -> a" DROP);
}

static void
missing_and_doubled_names_are_named(void)
{
	CHECK_EQ(sort_of("a>b"), -ENOENT);
	CHECK_STR(g_err, "subsystem a depends on b, which is not registered: link it in");
	CHECK_EQ(sort_of("a b a"), -EEXIST);
	CHECK_STR(g_err, "two subsystems are named a: link only one of them");
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
	CHECK(strstr(err, "a -> ") != NULL);
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
	CHECK_STR(err, "subsystem d depends on nowhere, which is not registered: link it in");
}

static const struct test_case cases[] = {
	TEST(order_follows_dependencies),
	TEST(depends_are_listed),
	TEST(answers_may_come_later),
	TEST(an_error_ends_the_start_and_only_what_is_up_is_taken_down),
	TEST(a_start_can_be_called_off),
	TEST(stray_answers_are_ignored),
	TEST(answering_twice_changes_nothing),
	TEST(a_second_start_waits_for_nobody),
	TEST(one_that_hangs_can_be_given_up),
	TEST(many_need_no_stack),
	TEST(cycles_are_named_in_their_order),
	TEST(missing_and_doubled_names_are_named),
	TEST(a_cycle_is_named),
	TEST(a_missing_name_is_named),
};
TEST_MAIN("subsystem", cases)
