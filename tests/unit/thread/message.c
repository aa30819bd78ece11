/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Messages on one OS thread: order, overflow, the fast path and its limits. Several OS threads are
 * in stress.c. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"

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

static void
a_million_wait_and_none_is_lost(void)
{
	/* From outside of any reactor: ring, then spill; and from the core that polls: fifo first.
	 */
	int own;

	for (own = 0; own < 2; own++) {
		uint64_t spilled = thread_msg_spilled(g_t[0]);

		if (own) {
			thread_take(g_t[0]);
		}
		expect_reset();
		send_numbers(g_t[0], 0, 1000000);
		CHECK(thread_msg_spilled(g_t[0]) - spilled > 900000);
		fake_poll_all(g_t, 1);
		CHECK_EQ(g_next, 1000000);
		CHECK_EQ(g_wrong, 0);
		thread_release(g_t[0]);
		/* Spilling ends once everything has been taken. */
		spilled = thread_msg_spilled(g_t[0]);
		spdk_thread_poll(g_t[0], 0, 0);
		send_numbers(g_t[0], 1000000, 100);
		CHECK_EQ(thread_msg_spilled(g_t[0]), spilled);
		fake_poll_all(g_t, 1);
		CHECK_EQ(g_next, 1000100);
		CHECK_EQ(g_wrong, 0);
	}
}

static void
order_holds_when_the_sender_comes_or_goes(void)
{
	uintptr_t n;

	/* The sender is elsewhere (no owner here), then on the target's core, then elsewhere. */
	expect_reset();
	send_numbers(g_t[0], 0, 5);
	thread_take(g_t[0]);
	send_numbers(g_t[0], 5, 5);
	thread_release(g_t[0]);
	send_numbers(g_t[0], 10, 5);
	fake_poll_all(g_t, 1);
	CHECK_EQ(g_next, 15);
	CHECK_EQ(g_wrong, 0);

	/* Fifo first, then ring, with a budget that ends in the middle of the fifo. */
	expect_reset();
	thread_take(g_t[0]);
	send_numbers(g_t[0], 0, 100);
	thread_release(g_t[0]);
	send_numbers(g_t[0], 100, 100);
	while (g_next < 200) {
		n = g_next;
		spdk_thread_poll(g_t[0], 7, 0);
		REQUIRE(g_next > n);
	}
	CHECK_EQ(g_wrong, 0);

	/* Each half-way through what the other left. */
	expect_reset();
	for (n = 0; n < 3000; n += 10) {
		if (n / 10 % 3 == 0) {
			thread_take(g_t[0]);
		} else {
			thread_release(g_t[0]);
		}
		send_numbers(g_t[0], n, 10);
		spdk_thread_poll(g_t[0], 4, 0);
	}
	thread_release(g_t[0]);
	fake_poll_all(g_t, 1);
	CHECK_EQ(g_next, 3000);
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

static void
sending_to_itself_starves_nobody(void)
{
	/* Eight that keep the fifo full on one side, one from another core. */
	int i;

	g_again = 0;
	g_heard = -1;
	thread_take(g_t[0]);
	spdk_set_thread(g_t[0]);
	for (i = 0; i < 8; i++) {
		spdk_thread_send_msg(g_t[0], send_again, NULL);
	}
	spdk_set_thread(NULL);
	thread_release(g_t[0]);
	spdk_thread_send_msg(g_t[0], hear, NULL);
	thread_take(g_t[0]);
	for (i = 0; i < 10; i++) {
		spdk_thread_poll(g_t[0], 0, 0);
	}
	CHECK(g_heard >= 0 && g_heard < 100);
	fake_poll_all(g_t, 1);
	thread_release(g_t[0]);
}

static void
what_is_sent_in_a_turn_waits(void)
{
	int own;

	for (own = 0; own < 2; own++) {
		g_again = 99998;
		if (own) {
			thread_take(g_t[0]);
		}
		spdk_thread_send_msg(g_t[0], send_again, NULL);
		spdk_thread_poll(g_t[0], 100, 0);
		CHECK_EQ(g_again, 99999);
		spdk_thread_poll(g_t[0], 100, 0);
		CHECK_EQ(g_again, 100000);
		fake_poll_all(g_t, 1);
		thread_release(g_t[0]);
	}
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

static const struct test_case cases[] = {
	TEST(a_message_waits_for_its_thread),
	TEST(exec_calls_at_once_or_sends),
	TEST(a_turn_runs_so_many),
	TEST(a_million_wait_and_none_is_lost),
	TEST(order_holds_when_the_sender_comes_or_goes),
	TEST(sending_to_itself_starves_nobody),
	TEST(what_is_sent_in_a_turn_waits),
	TEST(a_critical_message_comes_first),
	TEST(a_walk_visits_each_thread_in_turn),
	TEST(a_walk_leaves_out_who_exits),
};

TEST_MAIN_WITH("thread/message", cases, setup, teardown)
