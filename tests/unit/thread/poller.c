/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "spdk_internal/thread.h"

static struct spdk_thread *g_thread;

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_thread = fake_thread("pollers");
	spdk_set_thread(g_thread);
	return rc;
}

static int
teardown(void)
{
	fake_thread_end(g_thread);
	spdk_thread_lib_fini();
	return 0;
}

static int
poll_once(void)
{
	return spdk_thread_poll(g_thread, 0, 0);
}

/* A poller that does as told to itself and to another one. */
struct act {
	struct spdk_poller *self;
	struct spdk_poller **other;
	int runs;
	int rc;
	enum { NOTHING, UNREGISTER, PAUSE, PAUSE_RESUME_PAUSE, RESUME } do_self, do_other;
	char state[16];
};

static void
carry_out(struct spdk_poller **poller, int what)
{
	switch (what) {
	case UNREGISTER:
		spdk_poller_unregister(poller);
		break;
	case PAUSE:
		spdk_poller_pause(*poller);
		break;
	case PAUSE_RESUME_PAUSE:
		spdk_poller_pause(*poller);
		spdk_poller_resume(*poller);
		spdk_poller_pause(*poller);
		break;
	case RESUME:
		spdk_poller_resume(*poller);
		break;
	}
}

static int
act_run(void *arg)
{
	struct act *act = arg;

	act->runs++;
	snprintf(act->state, sizeof(act->state), "%s", spdk_poller_get_state_str(act->self));
	carry_out(&act->self, act->do_self);
	if (act->other != NULL && *act->other != NULL) {
		carry_out(act->other, act->do_other);
	}
	return act->rc;
}

static struct act
act_start(struct act *place, uint64_t period)
{
	memset(place, 0, sizeof(*place));
	place->self = SPDK_POLLER_REGISTER(act_run, place, period);
	return *place;
}

static const uint64_t g_periods[] = { 0, 1000 };

static void
runs_every_turn_or_when_due(void)
{
	struct act active, timed;

	act_start(&active, 0);
	act_start(&timed, 1000);
	CHECK_STR(spdk_poller_get_name(active.self), "act_run");
	CHECK_STR(spdk_poller_get_state_str(active.self), "waiting");
	CHECK_EQ(spdk_poller_get_period_ticks(active.self), 0);
	CHECK_EQ(spdk_poller_get_period_ticks(timed.self), 1000);
	poll_once();
	poll_once();
	CHECK_EQ(active.runs, 2);
	CHECK_STR(active.state, "running");
	CHECK_EQ(timed.runs, 0);
	fake_delay_us(999);
	poll_once();
	CHECK_EQ(timed.runs, 0);
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 1);
	fake_delay_us(1);
	poll_once();
	poll_once();
	CHECK_EQ(timed.runs, 1);
	/* Late by several periods: called once, not caught up. */
	fake_delay_us(5500);
	poll_once();
	poll_once();
	CHECK_EQ(timed.runs, 2);
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 1000);
	spdk_poller_unregister(&active.self);
	spdk_poller_unregister(&timed.self);
	CHECK(active.self == NULL && timed.self == NULL);
	poll_once();
	CHECK_EQ(active.runs, 5 + 2);
	CHECK(!spdk_thread_has_pollers(g_thread));
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 0);
	spdk_poller_unregister(&active.self);
}

static void
says_what_was_done(void)
{
	struct spdk_poller_stats stats;
	struct act act;

	act_start(&act, 0);
	act.rc = SPDK_POLLER_IDLE;
	CHECK_EQ(poll_once(), 0);
	act.rc = SPDK_POLLER_BUSY;
	CHECK_EQ(poll_once(), 1);
	act.rc = -1;
	CHECK_EQ(poll_once(), 0);
	spdk_poller_get_stats(act.self, &stats);
	CHECK_EQ(stats.run_count, 3);
	CHECK_EQ(stats.busy_count, 1);
	spdk_poller_unregister(&act.self);
	poll_once();
}

static void
unregisters_itself(void)
{
	struct act act;
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_periods); i++) {
		act_start(&act, g_periods[i]);
		act.do_self = UNREGISTER;
		fake_delay_us(g_periods[i]);
		poll_once();
		fake_delay_us(g_periods[i]);
		poll_once();
		CHECK_EQ(act.runs, 1);
		CHECK(!spdk_thread_has_pollers(g_thread));
	}
}

static void
unregisters_another(void)
{
	struct act a, b, c;
	size_t i, first;

	/* Whichever of the neighbours is called first, the others must not be lost or called late.
	 */
	for (i = 0; i < SPDK_COUNTOF(g_periods); i++) {
		for (first = 0; first < 2; first++) {
			act_start(&a, g_periods[i]);
			act_start(&b, g_periods[i]);
			act_start(&c, g_periods[i]);
			(first ? &a : &c)->other = &b.self;
			(first ? &a : &c)->do_other = UNREGISTER;
			fake_delay_us(g_periods[i]);
			poll_once();
			fake_delay_us(g_periods[i]);
			poll_once();
			CHECK_EQ(a.runs, 2);
			CHECK_EQ(c.runs, 2);
			CHECK(b.runs <= 1);
			CHECK(b.self == NULL);
			spdk_poller_unregister(&a.self);
			spdk_poller_unregister(&c.self);
			poll_once();
			CHECK(!spdk_thread_has_pollers(g_thread));
		}
	}
}

static void
pauses_and_resumes(void)
{
	struct act act;
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_periods); i++) {
		act_start(&act, g_periods[i]);
		spdk_poller_resume(act.self); /* not paused: nothing */
		spdk_poller_pause(act.self);
		spdk_poller_pause(act.self);
		CHECK_STR(spdk_poller_get_state_str(act.self), "paused");
		CHECK(spdk_thread_get_first_paused_poller(g_thread) == act.self);
		CHECK(spdk_thread_has_pollers(g_thread));
		fake_delay_us(g_periods[i]);
		poll_once();
		CHECK_EQ(act.runs, 0);
		spdk_poller_resume(act.self);
		CHECK_STR(spdk_poller_get_state_str(act.self), "waiting");
		if (g_periods[i] != 0) {
			poll_once();
			CHECK_EQ(act.runs, 0); /* a whole period from now */
		}
		fake_delay_us(g_periods[i]);
		poll_once();
		CHECK_EQ(act.runs, 1);

		/* By itself, with second thoughts. */
		act.do_self = PAUSE_RESUME_PAUSE;
		fake_delay_us(g_periods[i]);
		poll_once();
		CHECK_EQ(act.runs, 2);
		CHECK_STR(spdk_poller_get_state_str(act.self), "paused");
		fake_delay_us(g_periods[i]);
		poll_once();
		CHECK_EQ(act.runs, 2);

		/* Gone while paused. */
		spdk_poller_unregister(&act.self);
		poll_once();
		CHECK_EQ(act.runs, 2);
		CHECK(!spdk_thread_has_pollers(g_thread));
	}
}

static void
another_is_paused_and_resumed(void)
{
	struct act a, b;

	act_start(&b, 0);
	act_start(&a, 0); /* called before b */
	a.other = &b.self;
	a.do_other = PAUSE;
	poll_once();
	CHECK_EQ(a.runs, 1);
	CHECK_EQ(b.runs, 0);
	a.do_other = RESUME;
	poll_once();
	poll_once();
	CHECK_EQ(a.runs, 3);
	CHECK(b.runs >= 1);
	spdk_poller_unregister(&a.self);
	spdk_poller_unregister(&b.self);
	poll_once();
}

static int
register_one_more(void *arg)
{
	struct act *more = arg;

	if (more->self == NULL) {
		more->self = SPDK_POLLER_REGISTER(act_run, more, 0);
	}
	return 0;
}

static void
a_new_one_waits_for_the_next_turn(void)
{
	struct spdk_poller *first;
	struct act more = { 0 };

	first = SPDK_POLLER_REGISTER(register_one_more, &more, 0);
	poll_once();
	CHECK_EQ(more.runs, 0);
	poll_once();
	CHECK_EQ(more.runs, 1);
	spdk_poller_unregister(&first);
	spdk_poller_unregister(&more.self);
	poll_once();
}

static void
walks_see_each_once(void)
{
	struct spdk_poller *poller;
	struct act acts[40];
	int active = 0, timed = 0, paused = 0, i;

	for (i = 0; i < 40; i++) {
		act_start(&acts[i], i % 2 == 0 ? 0 : (uint64_t)(100 - i));
		if (i % 5 == 0) {
			spdk_poller_pause(acts[i].self);
		}
	}
	for (poller = spdk_thread_get_first_active_poller(g_thread); poller != NULL;
	     poller = spdk_thread_get_next_active_poller(poller)) {
		active++;
	}
	for (poller = spdk_thread_get_first_timed_poller(g_thread); poller != NULL;
	     poller = spdk_thread_get_next_timed_poller(poller)) {
		timed++;
	}
	for (poller = spdk_thread_get_first_paused_poller(g_thread); poller != NULL;
	     poller = spdk_thread_get_next_paused_poller(poller)) {
		paused++;
	}
	CHECK_EQ(active, 16);
	CHECK_EQ(timed, 16);
	CHECK_EQ(paused, 8);
	for (i = 0; i < 40; i++) {
		spdk_poller_unregister(&acts[i].self);
	}
	poll_once();
}

static int g_posts;

static void
post_handler(void *arg)
{
	CHECK(arg == &g_posts);
	g_posts++;
}

static int
registers_post(void *arg)
{
	spdk_thread_register_post_poller_handler(post_handler, &g_posts);
	CHECK_EQ(g_posts, 0);
	return 0;
}

static void
post_handlers_run_once(void)
{
	struct spdk_poller *poller = SPDK_POLLER_REGISTER(registers_post, NULL, 0);

	g_posts = 0;
	poll_once();
	CHECK_EQ(g_posts, 1);
	spdk_poller_unregister(&poller);
	poll_once();
	CHECK_EQ(g_posts, 1);
}

static int
nested_poll(void *arg)
{
	*(int *)arg = spdk_thread_poll(g_thread, 0, 0);
	return 1;
}

static void
a_turn_within_a_turn_does_nothing(void)
{
	struct spdk_poller *poller;
	int inner = -1;

	poller = SPDK_POLLER_REGISTER(nested_poll, &inner, 0);
	CHECK_EQ(poll_once(), 1);
	CHECK_EQ(inner, 0);
	spdk_poller_unregister(&poller);
	poll_once();
}

static void
unregister_off_thread(void *arg)
{
	struct spdk_thread *other = fake_thread("elsewhere");

	spdk_set_thread(other);
	spdk_poller_unregister(arg);
}

static void
unregister_twice(void *arg)
{
	struct spdk_poller *copy = *(struct spdk_poller **)arg;

	spdk_poller_unregister(arg);
	spdk_poller_unregister(&copy);
}

static void
misuse_ends_the_process(void)
{
	struct act act;

	act_start(&act, 0);
	spdk_set_thread(NULL);
	CHECK(SPDK_POLLER_REGISTER(act_run, &act, 0) == NULL);
	spdk_set_thread(g_thread);
	CHECK(fake_aborts(unregister_off_thread, &act.self,
	                  "spdk_poller_unregister: poller act_run ("));
	CHECK(fake_aborts(unregister_off_thread, &act.self, "was used on elsewhere ("));
	CHECK(fake_aborts(unregister_twice, &act.self, "was unregistered before"));
	spdk_poller_unregister(&act.self);
	poll_once();
}

static void
time_is_counted(void)
{
	struct spdk_thread_stats before, after;
	struct act act;

	spdk_thread_get_stats(&before);
	act_start(&act, 0);
	act.rc = 1;
	/* What passes between turns is nobody's; the clock stands still within them. */
	fake_delay_us(100);
	poll_once();
	spdk_thread_get_stats(&after);
	CHECK_EQ(after.busy_tsc, before.busy_tsc);
	CHECK_EQ(spdk_thread_get_last_tsc(NULL), spdk_get_ticks());
	/* With `now` given, the turn began then. */
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() - 50);
	act.rc = 0;
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() - 7);
	spdk_thread_get_stats(&after);
	CHECK_EQ(after.busy_tsc, before.busy_tsc + 50);
	CHECK_EQ(after.idle_tsc, before.idle_tsc + 7);
	spdk_poller_unregister(&act.self);
	poll_once();
}

static const struct test_case cases[] = {
	TEST(runs_every_turn_or_when_due),
	TEST(says_what_was_done),
	TEST(unregisters_itself),
	TEST(unregisters_another),
	TEST(pauses_and_resumes),
	TEST(another_is_paused_and_resumed),
	TEST(a_new_one_waits_for_the_next_turn),
	TEST(walks_see_each_once),
	TEST(post_handlers_run_once),
	TEST(a_turn_within_a_turn_does_nothing),
	TEST(misuse_ends_the_process),
	TEST(time_is_counted),
};

TEST_MAIN_WITH("thread/poller", cases, setup, teardown)
