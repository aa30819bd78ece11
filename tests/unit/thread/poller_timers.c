/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The queues of timed pollers and the heap of them: order, holes, memory, clocks that jump. The
 * seed of what is random is printed; $CAL_TEST_SEED repeats one. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"
#include "spdk_internal/thread.h"

static struct spdk_thread *g_thread;
static uint64_t g_seed;

static int
setup(void)
{
	const char *given = getenv("CAL_TEST_SEED");
	int rc = spdk_thread_lib_init(NULL, 0);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	g_seed = given != NULL ? strtoull(given, NULL, 0)
	                       : (uint64_t)now.tv_nsec * 2654435761u + (uint64_t)now.tv_sec;
	g_seed |= 1;
	printf("(seed %llu) ", (unsigned long long)g_seed);
	fflush(stdout);
	g_thread = fake_thread("timers");
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

static uint32_t
pick(uint32_t n)
{
	return (uint32_t)(spdk_rand_xorshift64(&g_seed) >> 16) % n;
}

/* --- who was called, in which order ----------------------------------------------------------- */

#define MANY 1000

static struct spdk_poller *g_pollers[MANY];
static int g_called[MANY * 4], g_num_called;
static uint64_t g_last_due[MANY];

static int
note(void *arg)
{
	if (g_num_called < (int)SPDK_COUNTOF(g_called)) {
		g_called[g_num_called++] = (int)(uintptr_t)arg;
	}
	return 0;
}

static void
add(int i, uint64_t period)
{
	g_pollers[i] = SPDK_POLLER_REGISTER(note, (void *)(uintptr_t)i, period);
	REQUIRE(g_pollers[i] != NULL);
	g_last_due[i] = spdk_get_ticks() + period;
}

static void
turn(void)
{
	g_num_called = 0;
	spdk_thread_poll(g_thread, 0, 0);
}

static void
remove_all(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		spdk_poller_unregister(&g_pollers[i]);
	}
	turn();
	CHECK_EQ(g_num_called, 0);
	CHECK_EQ(g_thread->timed.count, 0);
	CHECK_EQ(g_thread->timed.num_classes, 0);
	CHECK(g_thread->timed.room <= 4);
	CHECK(!spdk_thread_has_pollers(g_thread));
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 0);
}

static void
one_period_in_order_of_registration(void)
{
	int i, round;

	for (i = 0; i < 10; i++) {
		add(i, 100);
	}
	for (round = 0; round < 3; round++) {
		fake_delay_us(100);
		turn();
		REQUIRE(g_num_called == 10);
		for (i = 0; i < 10; i++) {
			CHECK_EQ(g_called[i], i);
		}
	}
	remove_all(10);
}

static void
periods_in_order_of_time(void)
{
	/* Due at 30, 10, 20, 40, then of two of one period the second between two of another. */
	static const int order[] = { 1, 2, 0, 4, 5, 3 };
	int i;

	add(0, 30);
	add(1, 10);
	add(2, 20);
	add(3, 40);
	fake_delay_us(5);
	add(4, 30); /* 35 */
	add(5, 31); /* 36 */
	fake_delay_us(100);
	turn();
	REQUIRE(g_num_called == 6);
	for (i = 0; i < 6; i++) {
		CHECK_EQ(g_called[i], order[i]);
	}
	/* The next turn: by their periods, since all were armed at the same time. */
	fake_delay_us(100);
	turn();
	REQUIRE(g_num_called == 6);
	CHECK_EQ(g_called[0], 1);
	CHECK_EQ(g_called[1], 2);
	CHECK_EQ(g_called[2], 0);
	CHECK_EQ(g_called[3], 4);
	CHECK_EQ(g_called[4], 5);
	CHECK_EQ(g_called[5], 3);
	remove_all(6);
}

/* Two periods whose pollers are due alternately: the loop must change queues each time. */
static void
interleaved_periods(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		add(i, i % 2 == 0 ? 100 : 101);
		fake_delay_us(2);
	}
	fake_delay_us(200);
	turn();
	REQUIRE(g_num_called == 20);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(g_called[i], i);
	}
	remove_all(20);
}

static void
a_thousand_periods(void)
{
	uint64_t due[MANY], last;
	int i, k, round;

	for (i = 0; i < MANY; i++) {
		add(i, 1000 + (uint64_t)(i * 7 % MANY));
	}
	CHECK_EQ(g_thread->timed.count, MANY);
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 1000);
	memcpy(due, g_last_due, sizeof(due));
	for (round = 0; round < 200; round++) {
		fake_delay_us(pick(300));
		turn();
		last = 0;
		for (k = 0; k < g_num_called; k++) {
			i = g_called[k];
			CHECK(due[i] >= last && due[i] <= spdk_get_ticks());
			last = due[i];
			due[i] = spdk_get_ticks() + 1000 + (uint64_t)(i * 7 % MANY);
		}
		/* Nobody was forgotten. */
		for (i = 0; i < MANY; i++) {
			CHECK(due[i] > spdk_get_ticks());
		}
	}
	remove_all(MANY);
}

/* --- holes and memory ------------------------------------------------------------------------- */

static struct timer_class *
only_class(void)
{
	REQUIRE(g_thread->timed.num_classes == 1);
	return RB_ROOT(&g_thread->timed.classes);
}

static void
holes_are_passed(void)
{
	int i, expect;

	for (i = 0; i < 100; i++) {
		add(i, 50);
	}
	/* The first, the last, single ones in between, a row of them. */
	for (i = 0; i < 100; i++) {
		if (i == 0 || i == 99 || i % 7 == 3 || (i >= 40 && i < 60)) {
			spdk_poller_unregister(&g_pollers[i]);
		}
	}
	/* Those at the ends are none. */
	CHECK_EQ(only_class()->tail - only_class()->head, 98);
	CHECK_EQ(timer_class_at(only_class(), only_class()->tail - 1)->poller, g_pollers[98]);
	fake_delay_us(50);
	turn();
	for (i = 0, expect = 0; i < g_num_called; i++, expect++) {
		while (g_pollers[expect] == NULL) {
			expect++;
		}
		CHECK_EQ(g_called[i], expect);
	}
	while (expect < 100 && g_pollers[expect] == NULL) {
		expect++;
	}
	CHECK_EQ(expect, 100);
	CHECK_EQ(only_class()->holes, 0);
	remove_all(100);
}

static void
paused_and_resumed_memory_is_bounded(void)
{
	uint32_t room, i, k;

	for (i = 0; i < 100; i++) {
		add((int)i, 50);
	}
	room = only_class()->mask + 1;
	CHECK(room >= 200 && room <= 256);
	for (i = 0; i < 100000; i++) {
		k = pick(100);
		spdk_poller_pause(g_pollers[k]);
		CHECK(only_class()->tail - only_class()->head <= room);
		spdk_poller_resume(g_pollers[k]);
		CHECK(only_class()->tail - only_class()->head <= room);
	}
	CHECK_EQ(only_class()->mask + 1, room);
	fake_delay_us(50);
	turn();
	CHECK_EQ(g_num_called, 100);
	remove_all(100);
}

static void
registered_and_unregistered_memory_is_bounded(void)
{
	uint32_t i, k;

	for (i = 0; i < 100; i++) {
		add((int)i, 50 + i % 3);
	}
	for (i = 0; i < 100000; i++) {
		k = pick(100);
		spdk_poller_unregister(&g_pollers[k]);
		add((int)k, 50 + pick(3));
		if (i % 64 == 0) {
			fake_delay_us(pick(3));
			turn();
		}
		CHECK(g_thread->timed.num_classes <= 3);
		CHECK(g_thread->timed.room <= 4);
	}
	remove_all(100);

	/* A queue that was long is short again when few are left. */
	for (i = 0; i < MANY; i++) {
		add((int)i, 50);
	}
	CHECK(only_class()->mask + 1 >= 2 * MANY);
	for (i = 2; i < MANY; i++) {
		spdk_poller_unregister(&g_pollers[i]);
	}
	CHECK(only_class()->mask + 1 <= 16);
	fake_delay_us(50);
	turn();
	CHECK_EQ(g_num_called, 2);
	remove_all(2);
}

/* Periods come and go: their queues are freed, also when the last member is paused. */
static void
empty_queues_go(void)
{
	uint64_t i;

	for (i = 0; i < 10000; i++) {
		add(0, 1 + i);
		add(1, 1 + i);
		spdk_poller_pause(g_pollers[i % 2]);
		CHECK_EQ(g_thread->timed.num_classes, 1);
		spdk_poller_unregister(&g_pollers[1 - i % 2]);
		CHECK_EQ(g_thread->timed.count, 0);
		CHECK_EQ(g_thread->timed.num_classes, 1);
		spdk_poller_unregister(&g_pollers[i % 2]);
		CHECK_EQ(g_thread->timed.num_classes, 0);
	}
	CHECK(g_thread->timed.room <= 4);
	turn();
}

/* The same of active ones. */
static void
active_memory_is_bounded(void)
{
	struct poller_active *active = &g_thread->active;
	uint32_t i, k, room;

	for (i = 0; i < 100; i++) {
		add((int)i, 0);
	}
	room = active->room;
	CHECK(room >= 200 && room <= 256);
	for (i = 0; i < 100000; i++) {
		k = pick(100);
		spdk_poller_pause(g_pollers[k]);
		CHECK(active->holes <= active->used / 2 + 1);
		spdk_poller_resume(g_pollers[k]);
		k = pick(100);
		spdk_poller_unregister(&g_pollers[k]);
		add((int)k, 0);
		if (i % 64 == 0) {
			turn();
			CHECK_EQ(g_num_called, 100);
		}
	}
	CHECK_EQ(active->room, room);
	for (i = 1; i < 100; i++) {
		spdk_poller_unregister(&g_pollers[i]);
	}
	turn();
	CHECK(active->used <= 2);
	CHECK_EQ(g_num_called, 1);
	spdk_poller_unregister(&g_pollers[0]);
	CHECK(active->room <= 8);
	turn();
	CHECK_EQ(g_num_called, 0);
	CHECK(!spdk_thread_has_pollers(g_thread));
}

/* --- the clock -------------------------------------------------------------------------------- */

static void
late_is_not_caught_up(void)
{
	add(0, 10);
	fake_delay_us(1000);
	turn();
	CHECK_EQ(g_num_called, 1);
	turn();
	CHECK_EQ(g_num_called, 0);
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 10);
	remove_all(1);
}

/* The clock of another core may be behind: what was armed later is due before what stands in front
 * of it. */
static void
the_clock_goes_back(void)
{
	uint64_t now;
	int i;

	fake_delay_us(100000);
	now = spdk_get_ticks();
	for (i = 0; i < 4; i++) {
		add(i, 1000);
	}
	fake_delay_us((uint64_t)-50000);
	for (; i < 8; i++) {
		add(i, 1000);
	}
	CHECK_EQ(spdk_thread_next_poller_expiration(g_thread), 1000);
	fake_delay_us(1000);
	turn();
	CHECK_EQ(g_num_called, 4);
	CHECK_EQ(g_called[0], 4);
	CHECK_EQ(g_called[3], 7);
	fake_delay_us(1000);
	turn();
	CHECK_EQ(g_num_called, 4);
	fake_delay_us(now + 1000 - spdk_get_ticks());
	turn();
	/* Those of the turns before are due first. */
	CHECK_EQ(g_num_called, 8);
	CHECK_EQ(g_called[0], 4);
	CHECK_EQ(g_called[4], 0);
	CHECK_EQ(g_called[7], 3);

	/* Back while some are called: each of them passes those that wait. */
	fake_delay_us(1000);
	spdk_thread_poll(g_thread, 0, spdk_get_ticks());
	fake_delay_us(1000);
	g_num_called = 0;
	spdk_poller_pause(g_pollers[2]);
	spdk_poller_pause(g_pollers[5]);
	spdk_poller_resume(g_pollers[5]);
	spdk_poller_resume(g_pollers[2]); /* due after those of the turn below */
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() - 10);
	CHECK_EQ(g_num_called, 0);
	fake_delay_us(10);
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() - 10);
	CHECK_EQ(g_num_called, 6);
	fake_delay_us(985);
	turn();
	CHECK_EQ(g_num_called, 0);
	fake_delay_us(5);
	turn();
	CHECK_EQ(g_num_called, 8);
	remove_all(8);
}

static int g_more;

static int
register_more(void *arg)
{
	if (g_more < 10) {
		add(++g_more, 10);
	}
	return 0;
}

/* Who polls says that it is later than it is: a new one must wait nevertheless. */
static void
told_a_later_time(void)
{
	g_more = 0;
	g_pollers[0] = SPDK_POLLER_REGISTER(register_more, NULL, 10);
	g_num_called = 0;
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() + 1000);
	CHECK_EQ(g_more, 1);
	CHECK_EQ(g_num_called, 0);
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() + 1010);
	CHECK_EQ(g_more, 2);
	CHECK_EQ(g_num_called, 1);
	remove_all(3);
}

static void
the_longest_period(void)
{
	add(0, UINT64_MAX);
	add(1, UINT64_MAX / 2);
	add(2, 5);
	CHECK(spdk_poller_get_period_ticks(g_pollers[0]) >= UINT64_MAX / 4);
	fake_delay_us(5);
	turn();
	CHECK_EQ(g_num_called, 1);
	spdk_poller_unregister(&g_pollers[2]);
	turn();
	CHECK(spdk_thread_next_poller_expiration(g_thread) > (uint64_t)1 << 61);
	remove_all(2);
}

static void
sequence_numbers_wrap(void)
{
	struct timer_class *class;
	int i, round;

	for (i = 0; i < 10; i++) {
		add(i, 10);
	}
	/* As after four thousand million calls: where they stand is the same place of the ring. */
	class = only_class();
	class->head += UINT32_MAX - 31;
	class->tail += UINT32_MAX - 31;
	for (i = 0; i < 10; i++) {
		g_pollers[i]->place += UINT32_MAX - 31;
	}
	for (round = 0; round < 20; round++) {
		fake_delay_us(10);
		spdk_poller_pause(g_pollers[round % 10]);
		turn();
		CHECK_EQ(g_num_called, 9);
		spdk_poller_resume(g_pollers[round % 10]);
		fake_delay_us(10);
		turn();
		CHECK_EQ(g_num_called, 10);
	}
	CHECK(class->head < 1000);
	remove_all(10);
}

/* --- at random, against a list ---------------------------------------------------------------- */

static struct {
	bool in;
	uint64_t due;
} g_list[MANY];

static uint64_t g_front; /* due of the last one called in this turn */
static uint64_t g_now;

static int
check_run(void *arg)
{
	int i = (int)(uintptr_t)arg, k;

	CHECK(g_list[i].in);
	CHECK(g_list[i].due <= g_now);
	CHECK(g_list[i].due >= g_front);
	g_front = g_list[i].due;
	g_list[i].due = g_now + spdk_poller_get_period_ticks(g_pollers[i]);
	g_num_called++;
	/* Now and then something is done to another one. */
	k = (int)pick(MANY);
	if (pick(4) == 0 && k != i) {
		if (g_pollers[k] == NULL) {
			g_pollers[k] =
				SPDK_POLLER_REGISTER(check_run, (void *)(uintptr_t)k, 1 + pick(20));
		} else if (g_list[k].in && pick(2) == 0) {
			spdk_poller_pause(g_pollers[k]);
			g_list[k].in = false;
			return 0;
		} else if (pick(2) == 0) {
			spdk_poller_unregister(&g_pollers[k]);
			g_list[k].in = false;
			return 0;
		} else if (g_list[k].in) {
			return 0;
		} else {
			spdk_poller_resume(g_pollers[k]);
		}
		g_list[k].in = true;
		g_list[k].due = g_now + spdk_poller_get_period_ticks(g_pollers[k]);
	}
	return 0;
}

static void
as_a_list_would(void)
{
	uint64_t next;
	int step, i;

	memset(g_list, 0, sizeof(g_list));
	for (i = 0; i < MANY; i += 2) {
		g_pollers[i] = SPDK_POLLER_REGISTER(check_run, (void *)(uintptr_t)i, 1 + pick(20));
		g_list[i].in = true;
		g_list[i].due = spdk_get_ticks() + spdk_poller_get_period_ticks(g_pollers[i]);
	}
	for (step = 0; step < 2000; step++) {
		fake_delay_us(pick(4));
		g_now = spdk_get_ticks();
		g_front = 0;
		spdk_thread_poll(g_thread, 0, 0);
		next = UINT64_MAX;
		for (i = 0; i < MANY; i++) {
			if (g_list[i].in) {
				CHECK(g_list[i].due > g_now);
				next = spdk_min(next, g_list[i].due);
			}
		}
		CHECK_EQ(spdk_thread_next_poller_expiration(g_thread),
		         next != UINT64_MAX ? next - g_now : 0);
	}
	CHECK(g_num_called > 10000);
	remove_all(MANY);
}

static const struct test_case cases[] = {
	TEST(one_period_in_order_of_registration),
	TEST(periods_in_order_of_time),
	TEST(interleaved_periods),
	TEST(a_thousand_periods),
	TEST(holes_are_passed),
	TEST(paused_and_resumed_memory_is_bounded),
	TEST(registered_and_unregistered_memory_is_bounded),
	TEST(empty_queues_go),
	TEST(active_memory_is_bounded),
	TEST(late_is_not_caught_up),
	TEST(the_clock_goes_back),
	TEST(told_a_later_time),
	TEST(the_longest_period),
	TEST(sequence_numbers_wrap),
	TEST(as_a_list_would),
};

TEST_MAIN_WITH("thread/poller_timers", cases, setup, teardown)
