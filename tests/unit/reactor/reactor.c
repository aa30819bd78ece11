/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "core/thread/thread_internal.h"
#include "spdk/log.h"
#include "spdk/scheduler.h"

static const uint32_t g_two[] = { 1, 3 };
static const uint32_t g_three[] = { 0, 1, 2 };

/* What a test does: on the app thread, which it ends by calling finish(). */
static void
run(uint32_t count, const uint32_t *cores, spdk_msg_fn body, void *arg)
{
	struct spdk_cpuset main_only = { .cpus = { 0 } };
	struct spdk_thread *app;

	fake_cores(count, cores);
	REQUIRE(reactors_init() == 0);
	spdk_cpuset_set_cpu(&main_only, cores[0], true);
	app = spdk_thread_create("app_thread", &main_only);
	REQUIRE(app != NULL);
	spdk_thread_send_msg(app, body, arg);
	CHECK_EQ(reactors_start(), 0);
	CHECK_EQ(spdk_thread_get_count(), 0);
	reactors_fini();
}

static void
finish(void)
{
	spdk_thread_exit(spdk_get_thread());
	reactors_stop();
}

static void
look_around(void *arg)
{
	char name[16];

	(*(int *)arg)++;
	CHECK(spdk_thread_is_app_thread(NULL));
	CHECK(reactor_current() == reactor_get(1));
	CHECK(reactor_get(0) == NULL && reactor_get(2) == NULL && reactor_get(99) == NULL);
	CHECK(reactor_first() == reactor_get(1));
	CHECK(reactor_next(reactor_first()) == reactor_get(3));
	CHECK(reactor_next(reactor_get(3)) == NULL);
	CHECK_EQ(reactor_get_tid(reactor_get(1)), spdk_get_tid());
	CHECK_EQ(reactor_get_lcore(reactor_get(3)), 3);
	CHECK_EQ(reactor_get_thread_count(reactor_get(1)), 1);
	CHECK_EQ(reactor_thread_lcore(spdk_get_thread()), 1);
	CHECK(reactor_first_thread(reactor_get(1)) == spdk_get_thread());
	CHECK_EQ(spdk_cpuset_count(reactors_get_cpuset()), 2);
	CHECK(!reactor_in_interrupt(reactor_get(1)));
	pthread_getname_np(pthread_self(), name, sizeof(name));
	CHECK_STR(name, "reactor_1");
	CHECK_EQ(reactors_get_state(), SPDK_REACTOR_STATE_RUNNING);
	finish();
}

static void
starts_and_stops(void)
{
	int ran = 0, i;

	for (i = 0; i < 3; i++) {
		run(2, g_two, look_around, &ran);
	}
	CHECK_EQ(ran, 3);
	CHECK_EQ(reactors_get_state(), SPDK_REACTOR_STATE_UNINITIALIZED);
}

static void
a_core_that_cannot_start_stops_all(void)
{
	int i;

	fake_cores(2, g_two);
	REQUIRE(reactors_init() == 0);
	g_fake_launch_rc = -EBUSY;
	CHECK_EQ(reactors_start(), -EBUSY);
	reactors_fini();
	/* Nor does it hang for those that had been placed there. */
	REQUIRE(reactors_init() == 0);
	for (i = 0; i < 4; i++) {
		REQUIRE(spdk_thread_create("early", NULL) != NULL);
	}
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	CHECK_EQ(reactors_start(), -EBUSY);
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	CHECK_EQ(spdk_thread_get_count(), 0);
	g_fake_launch_rc = 0;
	reactors_fini();
}

/* --- events ----------------------------------------------------------------------------------- */

#define EVENTS 20000

static struct {
	uint32_t next[2];
	uint32_t wrong;
	int walked;
	uint32_t cores_seen[4];
} g_ev;

static void
count_in_order(void *arg1, void *arg2)
{
	uintptr_t from = (uintptr_t)arg1;

	if ((uintptr_t)arg2 != g_ev.next[from]) {
		g_ev.wrong++;
	}
	g_ev.next[from]++;
}

static void
last_event(void *arg1, void *arg2)
{
	spdk_thread_send_msg(spdk_thread_get_app_thread(), arg1, NULL);
}

static void
check_events(void *arg)
{
	CHECK_EQ(g_ev.next[0], EVENTS);
	CHECK_EQ(g_ev.next[1], EVENTS);
	CHECK_EQ(g_ev.wrong, 0);
	finish();
}

static void
step_over_both(void *arg1, void *arg2)
{
	spdk_event_call(spdk_event_allocate(1, last_event, check_events, NULL));
}

/* To another core more than its ring holds; to our own likewise. */
static void
send_events_then_check(void *arg)
{
	uintptr_t i;

	for (i = 0; i < EVENTS; i++) {
		spdk_event_call(spdk_event_allocate(3, count_in_order, (void *)0, (void *)i));
		spdk_event_call(spdk_event_allocate(1, count_in_order, (void *)1, (void *)i));
	}
	CHECK_EQ(g_ev.next[1], 0);
	CHECK(spdk_event_allocate(2, count_in_order, NULL, NULL) == NULL);
	/* Behind all others on core 3, then behind all on core 1. */
	spdk_event_call(spdk_event_allocate(3, step_over_both, NULL, NULL));
}

static void
events_arrive_in_order(void)
{
	memset(&g_ev, 0, sizeof(g_ev));
	run(2, g_two, send_events_then_check, NULL);
}

static void
seen_on(void *arg1, void *arg2)
{
	CHECK(arg1 == &g_ev && arg2 == &g_two);
	g_ev.cores_seen[g_ev.walked++] = reactor_get_lcore(reactor_current());
}

static void
walk_over(void *arg1, void *arg2)
{
	CHECK_EQ(g_ev.walked, 3);
	CHECK(g_ev.cores_seen[0] == 0 && g_ev.cores_seen[1] == 1 && g_ev.cores_seen[2] == 2);
	CHECK(reactor_current() == reactor_get(0));
	reactors_stop();
}

static void
walk(void *arg)
{
	spdk_for_each_reactor(seen_on, &g_ev, (void *)(uintptr_t)&g_two, walk_over);
	CHECK_EQ(g_ev.walked, 0);
}

static void
a_walk_visits_each_reactor(void)
{
	memset(&g_ev, 0, sizeof(g_ev));
	run(3, g_three, walk, NULL);
}

/* --- placement -------------------------------------------------------------------------------- */

static struct {
	struct spdk_thread *threads[6];
	int on[3];
	int answers;
	uint32_t lcore[8];
	int moves;
} g_pl;

static void
placed(void *arg)
{
	g_pl.on[reactor_get_lcore(reactor_current())]++;
	spdk_thread_exit(spdk_get_thread());
	if (__atomic_add_fetch(&g_pl.answers, 1, __ATOMIC_ACQ_REL) == 6) {
		reactors_stop();
	}
}

static void
tell_one(void *arg)
{
	intptr_t i = (intptr_t)arg;

	/* One after the other: the counters are plain. */
	if (__atomic_load_n(&g_pl.answers, __ATOMIC_ACQUIRE) == i) {
		spdk_thread_send_msg(g_pl.threads[i], placed, NULL);
		i++;
	}
	if (i < 6) {
		spdk_thread_send_msg(spdk_get_thread(), tell_one, (void *)i);
	}
}

static void
create_six(void *arg)
{
	char name[16];
	int i;

	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		g_pl.threads[i] = spdk_thread_create(name, NULL);
	}
	tell_one((void *)0);
}

static void
threads_are_spread(void)
{
	memset(&g_pl, 0, sizeof(g_pl));
	run(3, g_three, create_six, NULL);
	CHECK_EQ(g_pl.on[0], 2);
	CHECK_EQ(g_pl.on[1], 2);
	CHECK_EQ(g_pl.on[2], 2);
}

static void
travel(void *arg)
{
	struct spdk_cpuset mask;
	uint32_t here = reactor_get_lcore(reactor_current());

	CHECK_EQ(reactor_thread_lcore(spdk_get_thread()), here);
	g_pl.lcore[g_pl.moves] = here;
	switch (g_pl.moves++) {
	case 0: /* by mask */
		spdk_cpuset_zero(&mask);
		CHECK_EQ(spdk_thread_set_cpumask(&mask), -EINVAL);
		spdk_cpuset_set_cpu(&mask, 2, true);
		CHECK_EQ(spdk_thread_set_cpumask(&mask), 0);
		break;
	case 1: /* bound: it stays */
		spdk_thread_bind(spdk_get_thread(), true);
		CHECK_EQ(reactor_thread_move(spdk_get_thread(), 1), -EPERM);
		spdk_cpuset_zero(&mask);
		spdk_cpuset_set_cpu(&mask, 1, true);
		CHECK_EQ(spdk_thread_set_cpumask(&mask), 0);
		break;
	case 2: /* by name */
		spdk_thread_bind(spdk_get_thread(), false);
		CHECK_EQ(reactor_thread_move(spdk_get_thread(), 7), -EINVAL);
		CHECK_EQ(reactor_thread_move(spdk_get_thread(), 0), 0);
		break;
	case 3: /* a mask that allows where it is */
		spdk_cpuset_zero(&mask);
		spdk_cpuset_set_cpu(&mask, 0, true);
		spdk_cpuset_set_cpu(&mask, 1, true);
		CHECK_EQ(spdk_thread_set_cpumask(&mask), 0);
		break;
	case 4:
		spdk_thread_exit(spdk_get_thread());
		reactors_stop();
		return;
	}
	spdk_thread_send_msg(spdk_get_thread(), travel, NULL);
}

static void
start_travel(void *arg)
{
	struct spdk_cpuset mask = { .cpus = { 0 } };

	spdk_cpuset_set_cpu(&mask, 1, true);
	spdk_thread_send_msg(spdk_thread_create("traveller", &mask), travel, NULL);
}

static void
threads_migrate(void)
{
	static const uint32_t expected[] = { 1, 2, 2, 0, 0 };
	int i;

	memset(&g_pl, 0, sizeof(g_pl));
	run(3, g_three, start_travel, NULL);
	CHECK_EQ(g_pl.moves, 5);
	for (i = 0; i < 5; i++) {
		CHECK_EQ(g_pl.lcore[i], expected[i]);
	}
}

/* --- stop ------------------------------------------------------------------------------------- */

static void
leave_one_behind(void *arg)
{
	spdk_thread_create("orphan", NULL);
	reactors_stop();
}

static char g_logged[8192];

static void
keep_log(int level, const char *file, const int line, const char *func, const char *format,
         va_list args)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t used;

	pthread_mutex_lock(&lock);
	used = strlen(g_logged);
	vsnprintf(g_logged + used, sizeof(g_logged) - used, format, args);
	pthread_mutex_unlock(&lock);
}

static void
who_was_not_told_to_exit_is_named(void)
{
	g_logged[0] = '\0';
	spdk_log_open(keep_log);
	run(2, g_two, leave_one_behind, NULL);
	spdk_log_close();
	CHECK(strstr(g_logged, "thread orphan still runs at the end") != NULL);
	CHECK(strstr(g_logged, "app_thread still") == NULL);
}

/* --- what others see -------------------------------------------------------------------------- */

static struct cal_stats_reactor *g_slot;
static uint64_t g_seen_what, g_seen_fn, g_seen_thread;

static int
look_at_slot(void *arg)
{
	g_seen_what = g_slot->running_what;
	g_seen_fn = g_slot->running_fn;
	g_seen_thread = g_slot->running_thread;
	CHECK_EQ(g_slot->running_poller, (uint32_t)1);
	if (g_slot->iterations > 3000) {
		CHECK(g_slot->heartbeat_tsc != 0 && g_slot->in_use);
		CHECK_EQ(g_slot->threads, 1);
		CHECK_EQ(g_slot->lcore, 1);
		CHECK_EQ(g_slot->tid, spdk_get_tid());
		CHECK(g_slot->busy_tsc + g_slot->idle_tsc > 0);
		CHECK(g_slot->messages >= 1 && g_slot->events >= 1);
		spdk_poller_unregister(arg);
		finish();
	}
	return 0;
}

static void
watch_slot(void *arg)
{
	static struct spdk_poller *poller;

	g_slot = cal_stats_reactor(0);
	CHECK_EQ(g_slot->running_what, CAL_RUNNING_MESSAGE);
	CHECK_EQ(g_slot->running_fn, (uint64_t)(uintptr_t)watch_slot);
	poller = SPDK_POLLER_REGISTER(look_at_slot, &poller, 0);
}

static void
what_runs_is_visible(void)
{
	run(1, g_two, watch_slot, NULL);
	CHECK_EQ(g_seen_what, CAL_RUNNING_POLLER);
	CHECK_EQ(g_seen_fn, (uint64_t)(uintptr_t)look_at_slot);
	CHECK(g_seen_thread != 0);
	CHECK_EQ(g_slot->running_what, CAL_RUNNING_NOTHING);
	CHECK_EQ(g_slot->in_use, 0);
}

/* --- context switches ------------------------------------------------------------------------- */

static struct {
	int step;
	uint64_t since;
	struct reactor_switches seen;
} g_cs;

/* Gives its CPU away again and again, which is what a reactor should never do. */
static int
doze(void *arg)
{
	struct reactor_switches now = reactor_get_switches(reactor_current());

	usleep(1000);
	switch (g_cs.step) {
	case 0: /* looked at once a second */
		if (now.voluntary > 0) {
			spdk_framework_enable_context_switch_monitor(false);
			CHECK(!spdk_framework_context_switch_monitor_enabled());
			g_cs.seen = now;
			g_cs.since = spdk_get_ticks();
			g_cs.step++;
		}
		break;
	case 1:
		if (spdk_get_ticks() - g_cs.since > 1500000000u) {
			CHECK_EQ(now.voluntary, g_cs.seen.voluntary);
			spdk_framework_enable_context_switch_monitor(true);
			g_cs.step++;
		}
		break;
	default:
		if (now.voluntary > g_cs.seen.voluntary) {
			g_cs.step++;
			spdk_poller_unregister(arg);
			finish();
		}
	}
	return SPDK_POLLER_BUSY;
}

static void
begin_to_doze(void *arg)
{
	static struct spdk_poller *poller;

	CHECK(spdk_framework_context_switch_monitor_enabled());
	poller = spdk_poller_register(doze, &poller, 0);
}

static void
context_switches_are_counted_while_wanted(void)
{
	memset(&g_cs, 0, sizeof(g_cs));
	run(2, g_two, begin_to_doze, NULL);
	CHECK_EQ(g_cs.step, 3);
}

static const struct test_case cases[] = {
	TEST(starts_and_stops),
	TEST(a_core_that_cannot_start_stops_all),
	TEST(events_arrive_in_order),
	TEST(a_walk_visits_each_reactor),
	TEST(threads_are_spread),
	TEST(threads_migrate),
	TEST(who_was_not_told_to_exit_is_named),
	TEST(what_runs_is_visible),
	TEST(context_switches_are_counted_while_wanted),
};

TEST_MAIN("reactor/reactor", cases)
