/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/poller_longest.h"
#include "core/thread/thread_internal.h"
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

static int g_order[16], g_ordered;

static void
order_note(void *arg)
{
	g_order[g_ordered++] = (int)(uintptr_t)arg;
}

static void
handler_with_handler(void *arg)
{
	order_note(arg);
	spdk_thread_register_post_poller_handler(order_note, (void *)4);
}

static int
registers_three(void *arg)
{
	order_note((void *)1);
	spdk_thread_register_post_poller_handler(order_note, (void *)2);
	spdk_thread_register_post_poller_handler(handler_with_handler, (void *)3);
	return 1;
}

static int
comes_next(void *arg)
{
	order_note((void *)5);
	return 0;
}

/* In their order, before anything else is called, and those that they register, too. */
static void
post_handlers_in_order(void)
{
	struct spdk_poller *a, *b;
	size_t i;
	int k;

	for (i = 0; i < SPDK_COUNTOF(g_periods); i++) {
		/* Active ones are called from the newest to the oldest. */
		a = SPDK_POLLER_REGISTER(g_periods[i] == 0 ? comes_next : registers_three, NULL,
		                         g_periods[i]);
		b = SPDK_POLLER_REGISTER(g_periods[i] == 0 ? registers_three : comes_next, NULL,
		                         g_periods[i]);
		fake_delay_us(g_periods[i]);
		g_ordered = 0;
		CHECK_EQ(poll_once(), 1);
		REQUIRE(g_ordered == 5);
		for (k = 0; k < 5; k++) {
			CHECK_EQ(g_order[k], k + 1);
		}
		spdk_poller_unregister(&a);
		spdk_poller_unregister(&b);
		poll_once();
	}
}

static void
post_handler_off_a_poller(void *arg)
{
	spdk_thread_register_post_poller_handler(order_note, NULL);
}

static int
registers_too_many(void *arg)
{
	int i;

	for (i = 0; i <= THREAD_POST_MAX; i++) {
		spdk_thread_register_post_poller_handler(order_note, NULL);
	}
	return 0;
}

static void
run_one_that_registers_too_many(void *arg)
{
	SPDK_POLLER_REGISTER(registers_too_many, NULL, 0);
	poll_once();
}

static struct spdk_spinlock g_lock;

static void
handler_keeps_a_lock(void *arg)
{
	spdk_spin_lock(&g_lock);
}

static int
its_handler_keeps_a_lock(void *arg)
{
	spdk_thread_register_post_poller_handler(handler_keeps_a_lock, NULL);
	return 0;
}

static int
keeps_a_lock(void *arg)
{
	spdk_spin_lock(&g_lock);
	return 0;
}

static void
run_one_that_keeps_a_lock(void *arg)
{
	SPDK_POLLER_REGISTER((spdk_poller_fn)(uintptr_t)arg, NULL, 7);
	fake_delay_us(7);
	poll_once();
}

static void
handlers_against_the_rules(void)
{
	CHECK(fake_aborts(post_handler_off_a_poller, NULL, "no poller runs"));
	CHECK(fake_aborts(run_one_that_registers_too_many, NULL, "too many handlers"));
	spdk_spin_init(&g_lock);
	CHECK(fake_aborts(run_one_that_keeps_a_lock, (void *)(uintptr_t)its_handler_keeps_a_lock,
	                  "post-poller handler: "));
	CHECK(fake_aborts(run_one_that_keeps_a_lock, (void *)(uintptr_t)keeps_a_lock,
	                  "with 1 spinlocks held"));
	CHECK(fake_aborts(run_one_that_keeps_a_lock, (void *)(uintptr_t)keeps_a_lock,
	                  "poller: (spdk_poller_fn)(uintptr_t)arg, function "));
	spdk_spin_destroy(&g_lock);
}

/* --- order ------------------------------------------------------------------------------------ */

static int
notes_itself(void *arg)
{
	order_note(arg);
	return 0;
}

static void
newest_first(void)
{
	struct spdk_poller *pollers[8];
	int i;

	for (i = 0; i < 8; i++) {
		pollers[i] = SPDK_POLLER_REGISTER(notes_itself, (void *)(uintptr_t)i, 0);
	}
	g_ordered = 0;
	poll_once();
	REQUIRE(g_ordered == 8);
	for (i = 0; i < 8; i++) {
		CHECK_EQ(g_order[i], 7 - i);
	}
	/* One that was resumed is the newest. */
	spdk_poller_pause(pollers[2]);
	spdk_poller_resume(pollers[2]);
	spdk_poller_unregister(&pollers[7]);
	g_ordered = 0;
	poll_once();
	REQUIRE(g_ordered == 7);
	CHECK_EQ(g_order[0], 2);
	CHECK_EQ(g_order[1], 6);
	CHECK_EQ(g_order[6], 0);
	for (i = 0; i < 8; i++) {
		spdk_poller_unregister(&pollers[i]);
	}
	poll_once();
}

#define CROWD 40

static struct spdk_poller *g_crowd[CROWD];
static int g_crowd_runs[CROWD];

static int
crowd_run(void *arg)
{
	int i = (int)(uintptr_t)arg, k, n;

	g_crowd_runs[i]++;
	if (i != CROWD / 2) {
		return 0;
	}
	/* So often that the array is squeezed while it is walked. */
	for (n = 0; n < 100; n++) {
		for (k = 0; k < CROWD; k += 3) {
			if (k != i) {
				spdk_poller_pause(g_crowd[k]);
				spdk_poller_resume(g_crowd[k]);
			}
		}
	}
	return 0;
}

/* The walk goes on where it was: nobody is called twice, and of those that stay nobody is left out.
 */
static void
moved_while_walked(void)
{
	bool moved;
	int i;

	for (i = 0; i < CROWD; i++) {
		g_crowd[i] = SPDK_POLLER_REGISTER(crowd_run, (void *)(uintptr_t)i, 0);
		g_crowd_runs[i] = 0;
	}
	poll_once();
	for (i = 0; i < CROWD; i++) {
		/* Older ones than the one that does it were not called before it: they wait. */
		moved = i % 3 == 0 && i < CROWD / 2;
		CHECK_EQ(g_crowd_runs[i], moved ? 0 : 1);
	}
	CHECK(g_thread->active.room <= 4 * CROWD);
	poll_once();
	for (i = 0; i < CROWD; i++) {
		CHECK(g_crowd_runs[i] >= 1);
		spdk_poller_unregister(&g_crowd[i]);
	}
	poll_once();
	CHECK(!spdk_thread_has_pollers(g_thread));
}

static int
looks_at_its_thread(void *arg)
{
	CHECK(spdk_thread_has_pollers(g_thread));
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 0);
	CHECK(spdk_thread_get_first_timed_poller(g_thread) == *(struct spdk_poller **)arg);
	return 1;
}

static void
the_only_one_is_there_while_it_runs(void)
{
	struct spdk_poller *poller = NULL;

	poller = SPDK_POLLER_REGISTER(looks_at_its_thread, &poller, 10);
	fake_delay_us(10);
	CHECK_EQ(poll_once(), 1);
	spdk_poller_unregister(&poller);
	poll_once();
}

/* --- the longest ------------------------------------------------------------------------------ */

static int
takes_so_long(void *arg)
{
	fake_delay_us(*(uint64_t *)arg);
	return 0;
}

static void
the_longest_run(void)
{
	uint64_t took[2] = { 5, 7 }, turn, before;
	struct spdk_poller *pollers[2];
	uint32_t i, k;

	for (i = 0; i < SPDK_COUNTOF(g_periods); i++) {
		for (k = 0; k < 2; k++) {
			pollers[k] = SPDK_POLLER_REGISTER(takes_so_long, &took[k], g_periods[i]);
			CHECK_EQ(poller_get_longest(pollers[k]), 0);
		}
		/* A sample: within so many turns there is one of each, and it is its own time. */
		for (turn = 0; turn < POLLER_TIMED_TURNS; turn++) {
			fake_delay_us(g_periods[i]);
			poll_once();
		}
		CHECK_EQ(poller_get_longest(pollers[0]), 5);
		CHECK_EQ(poller_get_longest(pollers[1]), 7);
		/* A single long run need not be in the sample, but its turn is known. */
		took[1] = 1000 * (uint64_t)(i + 1);
		before = thread_get_longest_turn(g_thread);
		CHECK(before < took[1]);
		fake_delay_us(g_periods[i]);
		poll_once();
		CHECK_EQ(thread_get_longest_turn(g_thread), took[1] + 5);
		took[1] = 7;
		/* One that keeps being long is. */
		took[0] = 300;
		for (turn = 0; turn < POLLER_TIMED_TURNS; turn++) {
			fake_delay_us(g_periods[i]);
			poll_once();
		}
		CHECK_EQ(poller_get_longest(pollers[0]), 300);
		CHECK(poller_get_longest(pollers[1]) < 300 ||
		      poller_get_longest(pollers[1]) >= 1000);
		took[0] = 5;
		for (k = 0; k < 2; k++) {
			spdk_poller_unregister(&pollers[k]);
		}
		poll_once();
	}
	/* A turn that is said to begin later than it ends is not a long one. */
	before = thread_get_longest_turn(g_thread);
	pollers[0] = SPDK_POLLER_REGISTER(takes_so_long, &took[0], 0);
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() + 100);
	CHECK_EQ(thread_get_longest_turn(g_thread), before);
	spdk_poller_unregister(&pollers[0]);
	poll_once();
}

static uint64_t g_post_time;

static void
slow_handler(void *arg)
{
	fake_delay_us(500);
}

static int
has_slow_handler(void *arg)
{
	spdk_thread_register_post_poller_handler(slow_handler, NULL);
	fake_delay_us(g_post_time);
	return 0;
}

/* What comes after a poller is not counted as the next one's time. */
static void
handlers_are_nobodys_time(void)
{
	struct spdk_poller *a, *b, *c;
	uint64_t took = 3;
	uint32_t turn;
	size_t i;

	g_post_time = 2;
	for (i = 0; i < SPDK_COUNTOF(g_periods); i++) {
		c = SPDK_POLLER_REGISTER(takes_so_long, &took, g_periods[i]);
		a = SPDK_POLLER_REGISTER(has_slow_handler, NULL, g_periods[i]);
		b = SPDK_POLLER_REGISTER(takes_so_long, &took, g_periods[i]);
		for (turn = 0; turn < POLLER_TIMED_TURNS; turn++) {
			fake_delay_us(g_periods[i]);
			poll_once();
		}
		CHECK_EQ(poller_get_longest(a), 2);
		CHECK_EQ(poller_get_longest(b), 3);
		CHECK_EQ(poller_get_longest(c), 3);
		spdk_poller_unregister(&a);
		spdk_poller_unregister(&b);
		spdk_poller_unregister(&c);
		poll_once();
	}
}

/* --- what runs now ---------------------------------------------------------------------------- */

static struct cal_stats_reactor g_slot;

static int
looks_at_the_slot(void *arg)
{
	CHECK_EQ(g_slot.running_what, CAL_RUNNING_POLLER);
	CHECK_EQ(g_slot.running_poller, spdk_poller_get_id(*(struct spdk_poller **)arg));
	CHECK_EQ(g_slot.running_fn, (uint64_t)(uintptr_t)looks_at_the_slot);
	CHECK_EQ(g_slot.running_thread, spdk_thread_get_id(g_thread));
	return 0;
}

static void
what_runs_is_known(void)
{
	struct spdk_poller *pollers[4];
	int i;

	thread_stats_slot_set(&g_slot);
	for (i = 0; i < 4; i++) {
		pollers[i] = SPDK_POLLER_REGISTER(looks_at_the_slot, &pollers[i], g_periods[i % 2]);
	}
	fake_delay_us(1000);
	poll_once();
	CHECK_EQ(g_slot.running_what, CAL_RUNNING_NOTHING);
	CHECK_EQ(g_slot.running_thread, 0);
	for (i = 0; i < 4; i++) {
		spdk_poller_unregister(&pollers[i]);
	}
	poll_once();
	thread_stats_slot_set(NULL);
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
pause_off_thread(void *arg)
{
	spdk_set_thread(NULL);
	spdk_poller_pause(arg);
}

static void
resume_off_thread(void *arg)
{
	spdk_set_thread(fake_thread("elsewhere"));
	spdk_poller_resume(arg);
}

static int
unregisters_itself_twice(void *arg)
{
	unregister_twice(arg);
	return 0;
}

static void
unregister_twice_in_itself(void *arg)
{
	struct spdk_poller *poller = NULL;

	poller = SPDK_POLLER_REGISTER(unregisters_itself_twice, &poller, 0);
	poll_once();
}

static void
names(void)
{
	struct spdk_poller *named, *unnamed;
	char address[32], given[] = "given";

	named = spdk_poller_register_named(nested_poll, NULL, 0, given);
	memset(given, 'x', sizeof(given) - 1); /* it was copied */
	unnamed = spdk_poller_register(nested_poll, NULL, 0);
	snprintf(address, sizeof(address), "%p", (void *)(uintptr_t)nested_poll);
	CHECK_STR(spdk_poller_get_name(named), "given");
	CHECK_STR(spdk_poller_get_name(unnamed), address);
	CHECK(spdk_poller_get_id(named) != spdk_poller_get_id(unnamed));
	spdk_poller_unregister(&named);
	spdk_poller_unregister(&unnamed);
	poll_once();
}

static void
none_on_an_exited_thread(void)
{
	struct spdk_thread *thread = fake_thread("exited");

	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	while (!spdk_thread_is_exited(thread)) {
		spdk_thread_poll(thread, 0, 0);
	}
	CHECK(SPDK_POLLER_REGISTER(nested_poll, NULL, 0) == NULL);
	spdk_thread_destroy(thread);
	spdk_set_thread(g_thread);
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
	CHECK(fake_aborts(pause_off_thread, act.self, "spdk_poller_pause: poller act_run ("));
	CHECK(fake_aborts(resume_off_thread, act.self, "spdk_poller_resume: poller act_run ("));
	CHECK(fake_aborts(unregister_twice_in_itself, NULL, "was unregistered before"));
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
	TEST(post_handlers_in_order),
	TEST(handlers_against_the_rules),
	TEST(newest_first),
	TEST(moved_while_walked),
	TEST(the_only_one_is_there_while_it_runs),
	TEST(the_longest_run),
	TEST(handlers_are_nobodys_time),
	TEST(what_runs_is_known),
	TEST(names),
	TEST(none_on_an_exited_thread),
	TEST(a_turn_within_a_turn_does_nothing),
	TEST(misuse_ends_the_process),
	TEST(time_is_counted),
};

TEST_MAIN_WITH("thread/poller", cases, setup, teardown)
