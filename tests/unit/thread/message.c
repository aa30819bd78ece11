/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Messages on one OS thread: order, overflow, the fast path and its limits. Several OS threads are
 * in stress.c. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"

#include <sys/time.h>

static struct spdk_thread *g_t[3];

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_t[0] = fake_thread("zero");
	g_t[1] = fake_thread("one");
	g_t[2] = fake_thread("two");
	return rc;
}

static int
teardown(void)
{
	int i;

	for (i = 2; i >= 0; i--) {
		fake_thread_end(g_t[i]);
	}
	spdk_thread_lib_fini();
	return 0;
}

/* Messages carry a number and expect the next one. */
static uintptr_t g_next;
static int g_wrong;

static void
expect_next(void *arg)
{
	g_wrong += (uintptr_t)arg != g_next;
	g_next++;
}

static void
expect_reset(void)
{
	g_next = 0;
	g_wrong = 0;
}

static void
send_numbers(struct spdk_thread *to, uintptr_t from, uintptr_t count)
{
	uintptr_t i;

	for (i = from; i < from + count; i++) {
		spdk_thread_send_msg(to, expect_next, (void *)i);
	}
}

static void
is_called_on_the_target(void *arg)
{
	CHECK(spdk_get_thread() == g_t[0]);
	*(bool *)arg = true;
}

static void
a_message_waits_for_its_thread(void)
{
	bool done = false;

	spdk_set_thread(g_t[1]);
	CHECK_EQ(spdk_thread_send_msg(g_t[0], is_called_on_the_target, &done), 0);
	CHECK(!spdk_thread_is_idle(g_t[0]));
	spdk_thread_poll(g_t[1], 0, 0);
	CHECK(!done);
	CHECK_EQ(spdk_thread_poll(g_t[0], 0, 0), 1);
	CHECK(done);
	CHECK(spdk_get_thread() == g_t[1]);
	CHECK(spdk_thread_is_idle(g_t[0]));
	spdk_set_thread(NULL);
}

static void
exec_calls_at_once_or_sends(void)
{
	bool done = false;

	spdk_set_thread(g_t[0]);
	spdk_thread_exec_msg(g_t[0], is_called_on_the_target, &done);
	CHECK(done);
	done = false;
	spdk_set_thread(g_t[1]);
	spdk_thread_exec_msg(g_t[0], is_called_on_the_target, &done);
	CHECK(!done);
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK(done);
	spdk_set_thread(NULL);
}

static void
a_turn_runs_so_many(void)
{
	expect_reset();
	send_numbers(g_t[0], 0, 50);
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK_EQ(g_next, 8);
	spdk_thread_poll(g_t[0], 3, 0);
	CHECK_EQ(g_next, 11);
	spdk_thread_poll(g_t[0], 20, 0);
	CHECK_EQ(g_next, 31);
	fake_poll_all(g_t, 1);
	CHECK_EQ(g_next, 50);
	CHECK_EQ(g_wrong, 0);
}

/* Run `fn` on an OS thread of its own, which polls nothing, and wait for its end. */
static void
elsewhere(void *(*fn)(void *), void *arg)
{
	pthread_t other;

	REQUIRE(pthread_create(&other, NULL, fn, arg) == 0);
	pthread_join(other, NULL);
}

static void *
send_a_million(void *arg)
{
	send_numbers(g_t[0], 0, 1000000);
	return NULL;
}

static void
a_million_wait_and_none_is_lost(void)
{
	/* From an OS thread that polls, and from one that does not. */
	uint64_t spilled;
	int own;

	for (own = 0; own < 2; own++) {
		spilled = msg_queue_spilled(&g_t[0]->msgs);
		expect_reset();
		if (own) {
			send_a_million(NULL);
		} else {
			elsewhere(send_a_million, NULL);
		}
		CHECK(msg_queue_spilled(&g_t[0]->msgs) - spilled > 900000);
		CHECK(thread_msg_depth(g_t[0]) >= (own ? 1000000 : 4000));
		fake_poll_all(g_t, 1);
		CHECK_EQ(g_next, 1000000);
		CHECK_EQ(g_wrong, 0);
		CHECK_EQ(thread_msg_depth(g_t[0]), 0);
	}
}

static void
spilling_ends(void)
{
	/* Back in the ring once a chunk is full and the ring has been emptied. */
	uint64_t spilled = msg_queue_spilled(&g_t[0]->msgs);
	int i;

	expect_reset();
	for (i = 0; i < 30; i++) {
		send_numbers(g_t[0], (uintptr_t)i * 100, 100);
		fake_poll_all(g_t, 1);
	}
	CHECK(msg_queue_spilled(&g_t[0]->msgs) - spilled < MSG_CHUNK_ROOM);
	spilled = msg_queue_spilled(&g_t[0]->msgs);
	for (; i < 60; i++) {
		send_numbers(g_t[0], (uintptr_t)i * 100, 100);
		fake_poll_all(g_t, 1);
	}
	CHECK_EQ(msg_queue_spilled(&g_t[0]->msgs), spilled);
	CHECK_EQ(g_next, 6000);
	CHECK_EQ(g_wrong, 0);
}

static uintptr_t g_from;

static void *
send_ten_as_one(void *arg)
{
	spdk_set_thread(g_t[1]);
	send_numbers(g_t[0], g_from, 10);
	spdk_set_thread(NULL);
	return NULL;
}

static void *
poll_and_send_ten_as_one(void *arg)
{
	/* Once it has polled it has a lane. */
	spdk_thread_poll(g_t[2], 0, 0);
	return send_ten_as_one(arg);
}

static void
order_holds_when_the_sender_comes_or_goes(void)
{
	uint64_t seed = 42;

	/* Here, on OS threads with and without a lane, and half-way through what is waiting. */
	expect_reset();
	for (g_from = 0; g_from < 6000; g_from += 10) {
		switch (spdk_rand_xorshift64(&seed) >> 20 & 3) {
		case 0:
			elsewhere(send_ten_as_one, NULL);
			break;
		case 1:
			elsewhere(poll_and_send_ten_as_one, NULL);
			break;
		default:
			send_ten_as_one(NULL);
			break;
		}
		spdk_thread_poll(g_t[0], 9, 0);
	}
	fake_poll_all(g_t, 1);
	CHECK_EQ(g_next, 6000);
	CHECK_EQ(g_wrong, 0);
}

static int g_again, g_heard;

static void
send_again(void *arg)
{
	if (g_again++ < 100000) {
		spdk_thread_send_msg(spdk_get_thread(), send_again, NULL);
	}
}

static void
hear(void *arg)
{
	g_heard = g_again;
}

static void *
send_hear(void *arg)
{
	spdk_thread_send_msg(g_t[0], hear, NULL);
	return NULL;
}

static void
sending_to_itself_starves_nobody(void)
{
	/* Eight that keep this OS thread's lane full, one from another OS thread. */
	int i;

	g_again = 0;
	g_heard = -1;
	spdk_set_thread(g_t[0]);
	for (i = 0; i < 8; i++) {
		spdk_thread_send_msg(g_t[0], send_again, NULL);
	}
	spdk_set_thread(NULL);
	elsewhere(send_hear, NULL);
	for (i = 0; i < 10; i++) {
		spdk_thread_poll(g_t[0], 0, 0);
	}
	CHECK(g_heard >= 0 && g_heard < 100);
	fake_poll_all(g_t, 1);
}

static void
what_is_sent_in_a_turn_waits(void)
{
	g_again = 99998;
	spdk_thread_send_msg(g_t[0], send_again, NULL);
	spdk_thread_poll(g_t[0], 100, 0);
	CHECK_EQ(g_again, 99999);
	spdk_thread_poll(g_t[0], 100, 0);
	CHECK_EQ(g_again, 100000);
	fake_poll_all(g_t, 1);
}

static void
what_is_sent_in_a_turn_waits_also_beyond_a_ring(void)
{
	/* From a chunk into the next, and from the last one back into the ring. */
	int i;

	send_numbers(g_t[0], 0, MSG_LANE_ROOM + MSG_CHUNK_ROOM / 2);
	fake_poll_all(g_t, 1);
	g_again = 100000 - 2 * (int)MSG_CHUNK_ROOM;
	spdk_thread_send_msg(g_t[0], send_again, NULL);
	for (i = g_again + 1; i <= 100000; i++) {
		spdk_thread_poll(g_t[0], 0, 0);
		REQUIRE(g_again == i);
	}
	fake_poll_all(g_t, 1);
}

static void
run_without_function(void *arg)
{
	spdk_thread_send_msg(g_t[0], NULL, NULL);
	spdk_thread_poll(g_t[0], 0, 0);
}

static void
a_message_has_a_function(void)
{
	CHECK(fake_aborts(run_without_function, NULL, "has no function"));
}

static int g_critical;

static void
critical(void *arg)
{
	CHECK(arg == NULL);
	CHECK_EQ(g_next, 0);
	g_critical++;
}

static void
a_critical_message_comes_first(void)
{
	expect_reset();
	g_critical = 0;
	send_numbers(g_t[0], 0, 3);
	CHECK_EQ(spdk_thread_send_critical_msg(g_t[0], critical), 0);
	CHECK_EQ(spdk_thread_send_critical_msg(g_t[0], critical), -EIO);
	CHECK(!spdk_thread_is_idle(g_t[0]));
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK_EQ(g_critical, 1);
	CHECK_EQ(g_next, 3);
	expect_reset();
	CHECK_EQ(spdk_thread_send_critical_msg(g_t[0], critical), 0);
	spdk_thread_poll(g_t[0], 0, 0);
	CHECK_EQ(g_critical, 2);
}

static int g_visits, g_visits_done;

static void
visit(void *arg)
{
	CHECK(spdk_get_thread() == g_t[g_visits]);
	g_visits++;
}

static void
visits_done(void *arg)
{
	CHECK(spdk_get_thread() == g_t[1]);
	CHECK(arg == &g_visits);
	g_visits_done++;
}

static void
a_walk_visits_each_thread_in_turn(void)
{
	int i;

	g_visits = g_visits_done = 0;
	spdk_set_thread(g_t[1]);
	spdk_for_each_thread(visit, &g_visits, visits_done);
	CHECK_EQ(g_visits, 0);
	for (i = 0; i < 3; i++) {
		spdk_thread_poll(g_t[i], 0, 0);
		CHECK_EQ(g_visits, i + 1);
	}
	CHECK_EQ(g_visits_done, 0);
	spdk_thread_poll(g_t[1], 0, 0);
	CHECK_EQ(g_visits_done, 1);
	spdk_set_thread(NULL);
}

static void
a_walk_leaves_out_who_exits(void)
{
	struct spdk_thread *gone = fake_thread("gone");

	g_visits = g_visits_done = 0;
	spdk_set_thread(gone);
	spdk_thread_exit(gone);
	spdk_set_thread(g_t[1]);
	spdk_for_each_thread(visit, &g_visits, visits_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(g_visits, 3);
	CHECK_EQ(g_visits_done, 1);
	fake_thread_end(gone);
}

static void
count_visit(void *arg)
{
	g_visits++;
}

static void
a_walk_visits_who_comes_meanwhile(void)
{
	struct spdk_thread *late;

	g_visits = g_visits_done = 0;
	spdk_set_thread(g_t[1]);
	spdk_for_each_thread(count_visit, &g_visits, visits_done);
	spdk_thread_poll(g_t[0], 0, 0);
	late = fake_thread("late");
	fake_poll_all(g_t, 3);
	CHECK_EQ(g_visits, 3);
	CHECK_EQ(g_visits_done, 0);
	spdk_thread_poll(late, 0, 0);
	spdk_thread_poll(g_t[1], 0, 0);
	CHECK_EQ(g_visits, 4);
	CHECK_EQ(g_visits_done, 1);
	fake_thread_end(late);
}

static void
a_walk_visits_who_exits_with_its_message(void)
{
	struct spdk_thread *leaver = fake_thread("leaver"), *last = fake_thread("last");

	/* The message is there when it is asked to exit: it is run, and the walk goes on. */
	g_visits = g_visits_done = 0;
	spdk_set_thread(g_t[1]);
	spdk_for_each_thread(count_visit, &g_visits, visits_done);
	fake_poll_all(g_t, 3);
	CHECK_EQ(g_visits, 3);
	spdk_set_thread(leaver);
	spdk_thread_exit(leaver);
	spdk_thread_poll(leaver, 0, 0);
	CHECK_EQ(g_visits, 4);
	CHECK(spdk_thread_is_exited(leaver));
	spdk_thread_destroy(leaver);
	spdk_thread_poll(last, 0, 0);
	spdk_thread_poll(g_t[1], 0, 0);
	CHECK_EQ(g_visits, 5);
	CHECK_EQ(g_visits_done, 1);
	fake_thread_end(last);
}

static void
leaver_done(void *arg)
{
	*(struct spdk_thread **)arg = spdk_get_thread();
}

static void
who_began_a_walk_exits_after_it(void)
{
	struct spdk_thread *leaver = fake_thread("leaver"), *done_on = NULL;

	spdk_set_thread(leaver);
	spdk_for_each_thread(count_visit, &done_on, leaver_done);
	spdk_thread_exit(leaver);
	spdk_set_thread(NULL);
	spdk_thread_poll(leaver, 0, 0);
	CHECK(!spdk_thread_is_exited(leaver));
	fake_poll_all(g_t, 3);
	CHECK(done_on == NULL);
	/* It is asked to exit: the walk does not visit it. */
	spdk_thread_poll(leaver, 0, 0);
	CHECK(done_on == leaver);
	CHECK(spdk_thread_is_exited(leaver));
	spdk_thread_destroy(leaver);
}

static int g_nested;

static void
poll_nested(void *arg)
{
	struct spdk_thread *self = spdk_get_thread();

	/* Another one has its turn in the middle of this one's; this one has none. */
	spdk_thread_send_msg(self, expect_next, (void *)0);
	CHECK_EQ(spdk_thread_poll(self, 0, 0), 0);
	CHECK_EQ(g_next, 0);
	g_nested = spdk_thread_poll(arg, 0, 0);
	CHECK(spdk_get_thread() == self);
}

static void
a_turn_within_a_turn_is_another_threads(void)
{
	bool done = false;

	expect_reset();
	g_nested = 0;
	spdk_thread_send_msg(g_t[1], poll_nested, g_t[0]);
	spdk_thread_send_msg(g_t[0], is_called_on_the_target, &done);
	spdk_thread_poll(g_t[1], 0, 0);
	CHECK(done);
	CHECK_EQ(g_nested, 1);
	CHECK_EQ(g_next, 0);
	spdk_thread_poll(g_t[1], 0, 0);
	CHECK_EQ(g_next, 1);
	CHECK(spdk_get_thread() == NULL);
}

static void
a_bound_thread_is_like_any_other_to_messages(void)
{
	bool done = false;

	spdk_thread_bind(g_t[0], true);
	spdk_thread_send_msg(g_t[0], is_called_on_the_target, &done);
	CHECK_EQ(spdk_thread_poll(g_t[0], 0, 0), 1);
	CHECK(done && spdk_thread_is_bound(g_t[0]));
	spdk_thread_bind(g_t[0], false);
}

static int g_signals, g_signals_sent, g_signals_run;

static void
signal_message(void *arg)
{
	g_signals_run++;
}

static void
on_signal(int signal)
{
	g_signals++;
	g_signals_sent += spdk_thread_send_critical_msg(g_t[0], signal_message) == 0;
}

static void
a_signal_handler_sends_a_critical_message(void)
{
	const struct itimerval fast = { { 0, 100 }, { 0, 100 } }, stop = { { 0, 0 }, { 0, 0 } };
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	uintptr_t sent = 0;

	/* It comes in the middle of sending and polling, wherever that is. */
	expect_reset();
	g_signals = g_signals_sent = g_signals_run = 0;
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	while (g_signals < 200) {
		send_numbers(g_t[0], sent, 100);
		sent += 100;
		while (spdk_thread_poll(g_t[0], 30, 0) > 0) {
		}
	}
	setitimer(ITIMER_REAL, &stop, NULL);
	act.sa_handler = SIG_IGN; /* one may be on its way */
	sigaction(SIGALRM, &act, NULL);
	fake_poll_all(g_t, 1);
	CHECK(g_signals_sent > 0);
	CHECK_EQ(g_signals_sent, g_signals_run);
	CHECK_EQ(g_next, sent);
	CHECK_EQ(g_wrong, 0);
}

static const struct test_case cases[] = {
	TEST(a_message_waits_for_its_thread),
	TEST(exec_calls_at_once_or_sends),
	TEST(a_turn_runs_so_many),
	TEST(a_million_wait_and_none_is_lost),
	TEST(spilling_ends),
	TEST(order_holds_when_the_sender_comes_or_goes),
	TEST(sending_to_itself_starves_nobody),
	TEST(what_is_sent_in_a_turn_waits),
	TEST(what_is_sent_in_a_turn_waits_also_beyond_a_ring),
	TEST(a_message_has_a_function),
	TEST(a_critical_message_comes_first),
	TEST(a_walk_visits_each_thread_in_turn),
	TEST(a_walk_leaves_out_who_exits),
	TEST(a_walk_visits_who_comes_meanwhile),
	TEST(a_walk_visits_who_exits_with_its_message),
	TEST(who_began_a_walk_exits_after_it),
	TEST(a_turn_within_a_turn_is_another_threads),
	TEST(a_bound_thread_is_like_any_other_to_messages),
	TEST(a_signal_handler_sends_a_critical_message),
};

TEST_MAIN_WITH("thread/message", cases, setup, teardown)
