/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The registries, and rounds of scheduling over reactors that run. What a round does is decided by
 * a scheduler of the test's. */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "core/reactor/scheduler_internal.h"
#include "core/thread/thread_internal.h"
#include "spdk/scheduler.h"

#include <time.h>

static int g_init_rc, g_inits, g_deinits;
static void (*g_balance)(struct spdk_scheduler_core_info *core_info, uint32_t count);
static int g_balances; /* on the scheduling reactor */

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
	__atomic_fetch_add(&g_balances, 1, __ATOMIC_RELAXED);
	if (g_balance != NULL) {
		g_balance(core_info, count);
	}
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
	CHECK(spdk_scheduler_get() == NULL);
	CHECK_STR(scheduler_dynamic.name, "dynamic");
	CHECK_EQ(spdk_scheduler_set(scheduler_static.name), 0);
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
	CHECK_EQ(spdk_scheduler_set("dynamic"), 0);
	CHECK_EQ(spdk_scheduler_get_period(), SCHEDULER_DEFAULT_PERIOD_US);
	spdk_scheduler_set_period(70000);
	CHECK_EQ(spdk_scheduler_set("test"), 0);
	CHECK_EQ(spdk_scheduler_set("dynamic"), 0);
	CHECK_EQ(spdk_scheduler_get_period(), 70000);
	spdk_scheduler_register(&(struct spdk_scheduler){ .name = "test" }); /* refused */
	reactors_fini();
	CHECK(spdk_scheduler_get() == NULL);
	CHECK_EQ(spdk_scheduler_get_period(), 0);
}

static void
isolated_cores_are_ours_and_not_the_scheduling_one(void)
{
	struct spdk_cpuset mask;

	fake_cores(3, (uint32_t[]){ 0, 1, 2 });
	REQUIRE(reactors_init() == 0);
	REQUIRE(spdk_cpuset_parse(&mask, "[1,2]") == 0);
	CHECK_EQ(scheduler_isolate(&mask), 0);
	CHECK(spdk_cpuset_equal(scheduler_isolated(), &mask));
	CHECK(!spdk_scheduler_set_scheduling_lcore(1));
	REQUIRE(spdk_cpuset_parse(&mask, "[4]") == 0);
	CHECK_EQ(scheduler_isolate(&mask), -EINVAL);
	REQUIRE(spdk_cpuset_parse(&mask, "[0]") == 0);
	CHECK_EQ(scheduler_isolate(&mask), -EINVAL);
	CHECK_EQ(spdk_cpuset_count(scheduler_isolated()), 2);
	reactors_fini();
	CHECK_EQ(spdk_cpuset_count(scheduler_isolated()), 0);
}

/* --- governors -------------------------------------------------------------------------------- */

static int g_governor_rc, g_governed;

static int
governor_init(void)
{
	g_governed++;
	return g_governor_rc;
}

static void
governor_deinit(void)
{
	g_governed--;
}

static struct spdk_governor governor_test = { .name = "test",
	                                      .init = governor_init,
	                                      .deinit = governor_deinit };
static struct spdk_governor governor_other = { .name = "other",
	                                       .init = governor_init,
	                                       .deinit = governor_deinit };
SPDK_GOVERNOR_REGISTER(governor_test)
SPDK_GOVERNOR_REGISTER(governor_other)

static void
one_governs_at_a_time(void)
{
	CHECK(spdk_governor_get() == NULL);
	CHECK_EQ(spdk_governor_set(NULL), 0);
	CHECK_EQ(spdk_governor_set("nosuch"), -ENOENT);
	CHECK_EQ(spdk_governor_set("test"), 0);
	CHECK_STR(spdk_governor_get()->name, "test");
	CHECK_EQ(spdk_governor_set("other"), 0);
	CHECK_STR(spdk_governor_get()->name, "other");
	CHECK_EQ(g_governed, 1);
	/* The one before is ended first, and does not come back. */
	g_governor_rc = -EIO;
	CHECK_EQ(spdk_governor_set("test"), -EIO);
	CHECK(spdk_governor_get() == NULL);
	g_governor_rc = 0;
	g_governed = 0;
	CHECK_EQ(spdk_governor_set("test"), 0);
	CHECK_EQ(spdk_governor_set("nosuch"), -ENOENT);
	CHECK(spdk_governor_get() == NULL);
	CHECK_EQ(g_governed, 0);
	spdk_governor_register(&(struct spdk_governor){ .name = "test" }); /* refused */
}

/* --- rounds ----------------------------------------------------------------------------------- */

static const uint32_t g_three[] = { 0, 1, 2 };
static struct spdk_thread *g_threads[4];
static int g_step;

/* What a test does: on the app thread of reactors on cores 0, 1 and 2, with the test's scheduler
 * and a period of 1 ms, until finish(). */
static void
run(spdk_msg_fn body, uint64_t period)
{
	struct spdk_cpuset main_only = { .cpus = { 1 } };
	struct spdk_thread *app;

	g_step = g_balances = 0;
	fake_cores(3, g_three);
	REQUIRE(reactors_init() == 0);
	REQUIRE(spdk_scheduler_set("test") == 0);
	spdk_scheduler_set_period(period);
	app = spdk_thread_create("app_thread", &main_only);
	REQUIRE(app != NULL);
	spdk_thread_send_msg(app, body, NULL);
	CHECK_EQ(reactors_start(), 0);
	CHECK_EQ(spdk_thread_get_count(), 0);
	reactors_fini();
	g_balance = NULL;
}

static void
exit_thread(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

static void
finish(void)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_threads); i++) {
		if (g_threads[i] != NULL) {
			spdk_thread_send_msg(g_threads[i], exit_thread, NULL);
			g_threads[i] = NULL;
		}
	}
	reactors_stop(); /* the app thread goes last, by itself */
}

static int
balances(void)
{
	return __atomic_load_n(&g_balances, __ATOMIC_RELAXED);
}

/* Call `fn` again on the app thread in another turn. */
static void
again(spdk_msg_fn fn)
{
	spdk_thread_send_msg(spdk_get_thread(), fn, NULL);
}

static uint64_t g_since;

static void
periods_step(void *arg)
{
	switch (g_step) {
	case 0: /* every millisecond */
		if (balances() == 5) {
			CHECK(spdk_get_ticks() - g_since >= 4000000);
			spdk_scheduler_set_period(0);
			g_step++;
			g_since = spdk_get_ticks();
		}
		break;
	case 1: /* one may have been under way */
		if (spdk_get_ticks() - g_since > 20000000) {
			CHECK(balances() <= 6);
			/* So long that it would not come in this test... */
			spdk_scheduler_set_period(3600000000ull);
			g_since = spdk_get_ticks();
			g_balances = 0;
			g_step++;
		}
		break;
	case 2:
		if (spdk_get_ticks() - g_since > 20000000) {
			CHECK_EQ(balances(), 0);
			/* ...but the new one holds at once. */
			spdk_scheduler_set_period(1000);
			g_step++;
		}
		break;
	case 3:
		if (balances() >= 2) {
			CHECK(spdk_get_ticks() - g_since < 3600000000000ull);
			spdk_scheduler_set_period(UINT64_MAX); /* never, not soon */
			g_since = spdk_get_ticks();
			g_balances = 0;
			g_step++;
		}
		break;
	default:
		if (spdk_get_ticks() - g_since > 10000000) {
			CHECK(balances() <= 1);
			finish();
			return;
		}
	}
	again(periods_step);
}

static void
a_period_holds_at_once(void)
{
	g_since = spdk_get_ticks();
	run(periods_step, 1000);
	CHECK_EQ(g_step, 4);
}

/* --- what a round sees, and does -------------------------------------------------------------- */

static struct {
	int busy[4]; /* whether a thread's poller says that it did something */
	uint32_t want[4];
	uint64_t ids[4];
	uint32_t seen[4];     /* cores */
	uint32_t wrong;       /* figures that cannot be */
	uint64_t busy_tsc[4]; /* in the last period */
	uint64_t idle_tsc[4];
	uint64_t total[4];
	uint32_t count;
	uint32_t threads;
} g_view;

static struct spdk_poller *g_pollers[4];

static int
spin(void *arg)
{
	uint64_t until = spdk_get_ticks() + 20000;

	if (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED)) {
		return SPDK_POLLER_IDLE;
	}
	while (spdk_get_ticks() < until) {
	}
	return SPDK_POLLER_BUSY;
}

static void
register_spin(void *arg)
{
	intptr_t i = (intptr_t)arg;

	g_pollers[i] = spdk_poller_register(spin, &g_view.busy[i], 0);
}

static void
unregister_and_exit(void *arg)
{
	intptr_t i = (intptr_t)arg;

	spdk_poller_unregister(&g_pollers[i]);
	spdk_thread_exit(spdk_get_thread());
}

static void
look(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	const struct spdk_scheduler_thread_info *info;
	const struct scheduler_facts *facts;
	uint32_t c, i, t;

	if (reactor_current() != reactor_get(0)) {
		g_view.wrong++;
	}
	g_view.count = count;
	g_view.threads = 0;
	for (c = 0; c < count; c++) {
		g_view.threads += core_info[c].threads_count;
		if (core_info[c].lcore != c || core_info[c].isolated ||
		    core_info[c].interrupt_mode ||
		    core_info[c].current_busy_tsc > core_info[c].total_busy_tsc) {
			g_view.wrong++;
		}
		for (i = 0; i < core_info[c].threads_count; i++) {
			info = &core_info[c].thread_infos[i];
			facts = scheduler_facts(&core_info[c], i);
			if (info->lcore != c || facts == NULL || facts->bound ||
			    info->current_stats.busy_tsc > info->total_stats.busy_tsc) {
				g_view.wrong++;
			}
			for (t = 0; t < 4; t++) {
				if (info->thread_id != g_view.ids[t]) {
					continue;
				}
				g_view.seen[t] = c;
				g_view.busy_tsc[t] = info->current_stats.busy_tsc;
				g_view.idle_tsc[t] = info->current_stats.idle_tsc;
				g_view.total[t] =
					info->total_stats.busy_tsc + info->total_stats.idle_tsc;
				if (g_view.want[t] != UINT32_MAX) {
					core_info[c].thread_infos[i].lcore = g_view.want[t];
				}
			}
		}
	}
}

static void
create_threads(int n)
{
	struct spdk_cpuset mask;
	char name[16];
	int i;

	memset(&g_view, 0, sizeof(g_view));
	for (i = 0; i < n; i++) {
		/* The last one may not go everywhere. */
		spdk_cpuset_parse(&mask, i == 3 ? "[1,2]" : "[0-2]");
		snprintf(name, sizeof(name), "t%d", i);
		g_threads[i] = spdk_thread_create(name, &mask);
		g_view.ids[i] = spdk_thread_get_id(g_threads[i]);
		g_view.want[i] = UINT32_MAX;
		spdk_thread_send_msg(g_threads[i], register_spin, (void *)(intptr_t)i);
	}
}

static void
end_threads(void)
{
	intptr_t i;

	for (i = 0; i < 4; i++) {
		if (g_threads[i] != NULL) {
			spdk_thread_send_msg(g_threads[i], unregister_and_exit, (void *)i);
			g_threads[i] = NULL;
		}
	}
	finish();
}

/* What happens in a round is looked at between rounds: the period is 0, and each is asked for. */
static uint64_t g_asked;

static void
ask_round(void)
{
	g_asked = scheduler_rounds();
	scheduler_rearm(true);
}

static bool
round_over(void)
{
	return scheduler_rounds() > g_asked;
}

static void
figures_step(void *arg)
{
	if (g_step == 0) {
		g_balance = look;
		create_threads(2);
		__atomic_store_n(&g_view.busy[0], 1, __ATOMIC_RELAXED);
		g_since = spdk_get_ticks();
		g_step++;
	} else if (g_step == 1 && spdk_get_ticks() - g_since > 5000000) {
		ask_round();
		g_step++;
	} else if (g_step == 2 && round_over()) {
		g_since = spdk_get_ticks();
		g_step++;
	} else if (g_step == 3 && spdk_get_ticks() - g_since > 20000000) {
		ask_round();
		g_step++;
	} else if (g_step == 4 && round_over()) {
		CHECK_EQ(g_view.wrong, 0);
		CHECK_EQ(g_view.count, 3);
		CHECK_EQ(g_view.threads, 3);
		/* One does nothing else, one nothing: whatever the machine does, not the reverse.
		 */
		CHECK(g_view.busy_tsc[0] > g_view.idle_tsc[0]);
		CHECK(g_view.idle_tsc[1] > g_view.busy_tsc[1]);
		/* An empty turn does not read the clock; its time is known all the same. */
		CHECK(g_view.idle_tsc[1] > 1000000);
		CHECK(g_view.total[1] >= g_view.idle_tsc[1]);
		end_threads();
		return;
	}
	again(figures_step);
}

static void
figures_are_of_the_period(void)
{
	run(figures_step, 0);
	CHECK_EQ(g_step, 4);
	CHECK_EQ(g_balances, 2);
}

static void
bind_it(void *arg)
{
	spdk_thread_bind(spdk_get_thread(), true);
}

static void
moves_step(void *arg)
{
	int i;

	if (g_step == 0) {
		g_balance = look;
		create_threads(4);
		for (i = 0; i < 4; i++) {
			g_view.want[i] = 2;
		}
		ask_round();
		g_step++;
	} else if (g_step == 1 && round_over()) {
		/* They are there, or were not yet anywhere. */
		ask_round();
		g_step++;
	} else if (g_step == 2 && round_over()) {
		for (i = 0; i < 4; i++) {
			CHECK_EQ(reactor_thread_lcore(g_threads[i]), 2);
		}
		spdk_thread_send_msg(g_threads[0], bind_it, NULL);
		g_since = spdk_get_ticks();
		g_step++;
	} else if (g_step == 3 && spdk_get_ticks() - g_since > 5000000) {
		/* 0 is bound, 1 goes, core 7 does not exist, 3 is not allowed. */
		g_view.wrong = 0;
		g_view.want[0] = g_view.want[1] = g_view.want[3] = 0;
		g_view.want[2] = 7;
		ask_round();
		g_step++;
	} else if (g_step == 4 && round_over()) {
		CHECK_EQ(reactor_thread_lcore(g_threads[0]), 2);
		CHECK_EQ(reactor_thread_lcore(g_threads[1]), 0);
		CHECK_EQ(reactor_thread_lcore(g_threads[2]), 2);
		CHECK_EQ(reactor_thread_lcore(g_threads[3]), 2);
		end_threads();
		return;
	}
	again(moves_step);
}

static void
masks_bonds_and_cores_are_respected(void)
{
	run(moves_step, 0);
	CHECK_EQ(g_step, 4);
}

/* --- cores that sleep ------------------------------------------------------------------------- */

static bool g_sleep[3];  /* what the scheduler wants */
static uint32_t g_slept; /* cores that it was told sleep */

static void
wish(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	uint32_t c;

	g_slept = 0;
	for (c = 0; c < count; c++) {
		g_slept |= (uint32_t)core_info[c].interrupt_mode << c;
		core_info[c].interrupt_mode = false;
	}
	look(core_info, count);
	for (c = 0; c < count; c++) {
		core_info[c].interrupt_mode = g_sleep[c];
	}
}

static bool
asleep(uint32_t lcore)
{
	return reactor_in_interrupt(reactor_get(lcore));
}

static void
sleep_step(void *arg)
{
	if (g_step == 0) {
		g_balance = wish;
		create_threads(2);
		g_view.want[0] = g_view.want[1] = 2;
		memset(g_sleep, 0, sizeof(g_sleep));
		g_since = spdk_get_ticks();
		g_step++;
	} else if (g_step == 1 && spdk_get_ticks() - g_since > 5000000) {
		ask_round();
		g_step++;
	} else if (g_step == 2 && round_over()) {
		CHECK(!asleep(0) && !asleep(1) && !asleep(2));
		g_sleep[1] = g_sleep[2] = true;
		ask_round();
		g_step++;
	} else if (g_step == 3 && round_over()) {
		CHECK(!asleep(0));
		CHECK(asleep(1));
		CHECK(!asleep(2)); /* it has threads */
		g_sleep[2] = false;
		ask_round();
		g_step++;
	} else if (g_step == 4 && round_over()) {
		/* The walk has been there without waking it for good. */
		CHECK_EQ(g_slept, 1u << 1);
		CHECK(asleep(1));
		g_sleep[1] = false;
		g_view.want[0] = 1;
		ask_round();
		g_step++;
	} else if (g_step == 5 && round_over()) {
		CHECK(!asleep(1));
		CHECK_EQ(reactor_thread_lcore(g_threads[0]), 1);
		end_threads();
		return;
	}
	again(sleep_step);
}

static void
cores_without_threads_sleep(void)
{
	run(sleep_step, 0);
	CHECK_EQ(g_step, 5);
}

/* The scheduling reactor sleeps too, as in an application in interrupt mode: until the next round.
 */
static void
count_and_stop(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	core_info[0].interrupt_mode = true;
	if (balances() == 5) {
		reactors_stop();
	}
}

static void
go_to_sleep(void *arg)
{
	g_balance = count_and_stop;
	CHECK_EQ(reactor_set_interrupt_mode(0, true, NULL, NULL), 0);
	CHECK_EQ(reactor_set_interrupt_mode(1, true, NULL, NULL), 0);
	CHECK_EQ(reactor_set_interrupt_mode(2, true, NULL, NULL), 0);
}

static void
a_sleeping_core_keeps_the_period(void)
{
	g_since = spdk_get_ticks();
	run(go_to_sleep, 2000);
	CHECK_EQ(g_balances, 5);
	CHECK(spdk_get_ticks() - g_since >= 8000000);
}

/* --- back to static --------------------------------------------------------------------------- */

static uint32_t g_first[3];

static void
use_static(void *arg1, void *arg2)
{
	g_asked = scheduler_rounds();
	CHECK_EQ(spdk_scheduler_set("static"), 0);
}

static void
back_step(void *arg)
{
	int i;

	if (g_step == 0) {
		g_balance = look;
		create_threads(3);
		for (i = 0; i < 3; i++) {
			g_first[i] = reactor_thread_lcore(g_threads[i]);
			g_view.want[i] = (g_first[i] + 1) % 3;
		}
		g_since = spdk_get_ticks();
		g_step++;
	} else if (g_step == 1 && spdk_get_ticks() - g_since > 5000000) {
		ask_round();
		g_step++;
	} else if (g_step == 2 && round_over()) {
		for (i = 0; i < 3; i++) {
			CHECK_EQ(reactor_thread_lcore(g_threads[i]), (g_first[i] + 1) % 3);
		}
		spdk_event_call(spdk_event_allocate(0, use_static, NULL, NULL));
		g_step++;
		g_asked = UINT64_MAX;
	} else if (g_step == 3 && g_asked != UINT64_MAX && round_over()) {
		for (i = 0; i < 3; i++) {
			CHECK_EQ(reactor_thread_lcore(g_threads[i]), g_first[i]);
		}
		CHECK_EQ(spdk_scheduler_get_period(), 0);
		/* Elsewhere than on the scheduling reactor it cannot be changed. */
		end_threads();
		return;
	}
	again(back_step);
}

static void
static_brings_threads_back(void)
{
	run(back_step, 0);
	CHECK_EQ(g_step, 3);
}

static void
set_elsewhere(void *arg1, void *arg2)
{
	CHECK_EQ(spdk_scheduler_set("static"), -EPERM);
	CHECK_STR(spdk_scheduler_get()->name, "test");
	reactors_stop();
}

static void
send_set_elsewhere(void *arg)
{
	spdk_event_call(spdk_event_allocate(1, set_elsewhere, NULL, NULL));
	exit_thread(NULL);
}

static void
a_scheduler_is_set_where_it_runs(void)
{
	run(send_set_elsewhere, 0);
}

/* --- another scheduling core ------------------------------------------------------------------ */

static void
on_core_two(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	if (reactor_current() == reactor_get(2)) {
		__atomic_store_n(&g_view.count, 100 + count, __ATOMIC_RELAXED);
	}
}

static void
core_step(void *arg)
{
	if (g_step == 0) {
		g_balance = on_core_two;
		g_view.count = 0;
		if (spdk_scheduler_set_scheduling_lcore(2)) {
			CHECK_EQ(spdk_scheduler_get_scheduling_lcore(), 2);
			g_step++;
		}
	} else if (__atomic_load_n(&g_view.count, __ATOMIC_RELAXED) == 103) {
		finish();
		return;
	}
	again(core_step);
}

static void
any_core_can_schedule(void)
{
	run(core_step, 1000);
	CHECK_EQ(g_step, 1);
}

/* --- everything at once ----------------------------------------------------------------------- */

static uint32_t g_turn;

static void
shuffle(struct spdk_scheduler_core_info *core_info, uint32_t count)
{
	uint32_t c, i;

	for (c = 0; c < count; c++) {
		core_info[c].interrupt_mode = (g_turn + c) % 3 == 1;
		for (i = 0; i < core_info[c].threads_count; i++) {
			core_info[c].thread_infos[i].lcore = (c + i + g_turn++) % 3;
		}
	}
}

static uint32_t g_created, g_received[2], g_disorder;

static void
receive(void *arg)
{
	uintptr_t n = (uintptr_t)arg;

	if (n != g_received[0]) {
		g_disorder++;
	}
	g_received[0]++;
}

static void
churn_step(void *arg)
{
	static struct spdk_thread *target;
	char name[16];
	uint32_t i;

	if (g_step == 0) {
		g_balance = shuffle;
		g_received[0] = g_received[1] = g_disorder = g_created = 0;
		target = g_threads[0] = spdk_thread_create("target", NULL);
		g_since = spdk_get_ticks();
		g_step++;
	}
	/* Threads come and go, and one that is moved all the time gets its messages in order. */
	for (i = 0; i < 4; i++) {
		spdk_thread_send_msg(target, receive, (void *)(uintptr_t)g_received[1]++);
	}
	if (spdk_thread_get_count() < 12) {
		snprintf(name, sizeof(name), "c%u", g_created++);
		spdk_thread_send_msg(spdk_thread_create(name, NULL), exit_thread, NULL);
	}
	/* However slow the machine is, until there was something of everything. */
	if (spdk_get_ticks() - g_since > 300000000 &&
	    ((balances() > 1 && g_created > 10) ||
	     spdk_get_ticks() - g_since > 20ull * 1000000000)) {
		finish(); /* in the middle of whatever is going on */
		return;
	}
	again(churn_step);
}

static void
threads_come_and_go_in_a_round(void)
{
	run(churn_step, 1);
	CHECK_EQ(g_disorder, 0);
	CHECK_EQ(g_received[0], g_received[1]);
	CHECK(g_created > 10);
	CHECK(g_balances > 1);
}

static void
stop_at_once(void *arg)
{
	scheduler_rearm(true);
	finish();
}

static void
a_stop_ends_a_round_wherever_it_is(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		run(stop_at_once, 1);
	}
}

static const struct test_case cases[] = {
	TEST(one_is_used_at_a_time),
	TEST(isolated_cores_are_ours_and_not_the_scheduling_one),
	TEST(one_governs_at_a_time),
	TEST(a_period_holds_at_once),
	TEST(figures_are_of_the_period),
	TEST(masks_bonds_and_cores_are_respected),
	TEST(cores_without_threads_sleep),
	TEST(a_sleeping_core_keeps_the_period),
	TEST(static_brings_threads_back),
	TEST(a_scheduler_is_set_where_it_runs),
	TEST(any_core_can_schedule),
	TEST(threads_come_and_go_in_a_round),
	TEST(a_stop_ends_a_round_wherever_it_is),
};

TEST_MAIN("reactor/scheduler", cases)
