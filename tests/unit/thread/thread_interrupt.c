/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"
#include "tests/unit/thread/interrupt.h"

#include "core/thread/poller_longest.h"

static struct spdk_thread *g_thread;
static int g_runs;

static int
setup(void)
{
	return spdk_thread_lib_init(NULL, 0);
}

static int
teardown(void)
{
	spdk_thread_lib_fini();
	return 0;
}

/* A thread in interrupt mode that sleeps. */
static void
begin(void)
{
	g_thread = fake_thread("sleeper");
	g_runs = 0;
	spdk_set_thread(g_thread);
	spdk_thread_set_interrupt_mode(true);
	REQUIRE(thread_in_interrupt(g_thread));
	REQUIRE(intr_settle(g_thread) >= 0);
}

static void
end(void)
{
	fake_thread_end(g_thread);
}

static int
turn(void)
{
	return spdk_thread_poll(g_thread, 0, 0);
}

static void
count(void *arg)
{
	CHECK(spdk_get_thread() == g_thread);
	g_runs++;
}

static int
count_poll(void *arg)
{
	CHECK(spdk_get_thread() == g_thread);
	g_runs++;
	return SPDK_POLLER_BUSY;
}

static void
sleeps_when_there_is_nothing(void)
{
	begin();
	CHECK(!intr_ready(g_thread));
	CHECK_EQ(turn(), 0);
	CHECK(!intr_ready(g_thread));
	/* Entering wakes once, so that what came before is seen. */
	spdk_thread_set_interrupt_mode(false);
	spdk_thread_set_interrupt_mode(false);
	CHECK(!thread_in_interrupt(g_thread));
	spdk_thread_set_interrupt_mode(true);
	spdk_thread_set_interrupt_mode(true);
	CHECK(intr_ready(g_thread));
	CHECK_EQ(turn(), 0);
	CHECK(!intr_ready(g_thread));
	end();
}

static void
a_message_wakes(void)
{
	begin();
	CHECK_EQ(spdk_thread_send_msg(g_thread, count, NULL), 0);
	CHECK(intr_ready(g_thread));
	CHECK_EQ(turn(), 1);
	CHECK_EQ(g_runs, 1);
	CHECK(!intr_ready(g_thread));
	CHECK_EQ(turn(), 0);
	CHECK_EQ(g_runs, 1);
	end();
}

static void
send_another(void *arg)
{
	count(arg);
	spdk_thread_send_msg(g_thread, count, NULL);
}

static void
a_message_from_its_own_turn_wakes_for_the_next(void)
{
	begin();
	spdk_thread_send_msg(g_thread, send_another, NULL);
	turn();
	CHECK_EQ(g_runs, 1);
	CHECK(intr_ready(g_thread));
	turn();
	CHECK_EQ(g_runs, 2);
	CHECK(!intr_ready(g_thread));
	end();
}

static void
more_than_a_batch(void)
{
	int i;

	begin();
	for (i = 0; i < 20; i++) {
		spdk_thread_send_msg(g_thread, count, NULL);
	}
	CHECK_EQ(spdk_thread_poll(g_thread, 2, 0), 1);
	CHECK_EQ(g_runs, 2);
	for (i = 1; g_runs < 20 && i < 10; i++) {
		CHECK(intr_ready(g_thread));
		turn();
		CHECK_EQ(g_runs, spdk_min(2 + 8 * i, 20));
	}
	CHECK(intr_settle(g_thread) <= 1);
	CHECK_EQ(g_runs, 20);
	end();
}

static void
messages_under_way_when_it_enters_and_leaves(void)
{
	begin();
	spdk_thread_set_interrupt_mode(false);
	spdk_thread_send_msg(g_thread, count, NULL);
	CHECK(!intr_ready(g_thread));
	spdk_thread_set_interrupt_mode(true);
	CHECK(intr_ready(g_thread));
	turn();
	CHECK_EQ(g_runs, 1);
	intr_settle(g_thread);
	spdk_thread_send_msg(g_thread, count, NULL);
	spdk_thread_set_interrupt_mode(false);
	CHECK_EQ(turn(), 1);
	CHECK_EQ(g_runs, 2);
	CHECK_EQ(turn(), 0);
	/* What woke it is over, but may show once more. */
	spdk_thread_set_interrupt_mode(true);
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(g_runs, 2);
	end();
}

static void
on_signal(int sig)
{
	spdk_thread_send_critical_msg(g_thread, count);
}

static void
a_critical_message_of_a_signal_handler_wakes(void)
{
	struct sigaction action = { .sa_handler = on_signal }, old;

	begin();
	sigaction(SIGUSR1, &action, &old);
	errno = EXDEV;
	raise(SIGUSR1);
	CHECK_EQ(errno, EXDEV);
	CHECK_EQ(spdk_thread_send_critical_msg(g_thread, count), -EIO);
	CHECK(intr_ready(g_thread));
	CHECK_EQ(turn(), 1);
	CHECK_EQ(g_runs, 1);
	CHECK_EQ(intr_settle(g_thread), 0);
	/* And one that waits while interrupt mode is entered. */
	spdk_thread_set_interrupt_mode(false);
	raise(SIGUSR1);
	spdk_thread_set_interrupt_mode(true);
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(g_runs, 2);
	sigaction(SIGUSR1, &old, NULL);
	end();
}

/* --- timed pollers ---------------------------------------------------------------------------- */

static void
the_timer_is_set_to_the_next_expiry(void)
{
	struct spdk_poller *second, *minute;
	uint64_t left;

	begin();
	CHECK_EQ(intr_timer_us(g_thread), 0);
	minute = spdk_poller_register(count_poll, NULL, 60000000);
	CHECK(intr_ready(g_thread)); /* outside of a turn: it has to look */
	turn();
	CHECK(!intr_ready(g_thread));
	left = intr_timer_us(g_thread);
	CHECK(left > 50000000 && left <= 60000000);

	second = spdk_poller_register(count_poll, NULL, 1000000);
	turn();
	left = intr_timer_us(g_thread);
	CHECK(left > 500000 && left <= 1000000);

	/* It is left alone while that stays so: real time passes, the clock here does not. */
	usleep(3000);
	spdk_thread_send_msg(g_thread, count, NULL);
	turn();
	left = intr_timer_us(g_thread);
	CHECK(left > 500000 && left < 997500);

	spdk_poller_pause(second);
	turn();
	CHECK(intr_timer_us(g_thread) > 50000000);
	spdk_poller_resume(second);
	turn();
	left = intr_timer_us(g_thread);
	CHECK(left > 500000 && left <= 1000000);
	spdk_poller_unregister(&second);
	turn();
	CHECK(intr_timer_us(g_thread) > 50000000);
	spdk_poller_unregister(&minute);
	turn();
	CHECK_EQ(intr_timer_us(g_thread), 0);
	CHECK_EQ(g_runs, 1);
	end();
}

static void
a_timed_poller_wakes_when_it_is_due(void)
{
	struct spdk_poller *poller;
	int i;

	begin();
	poller = spdk_poller_register(count_poll, NULL, 3000);
	turn();
	for (i = 1; i <= 3; i++) {
		CHECK(!intr_ready(g_thread));
		fake_delay_us(3000);
		CHECK(intr_ready_in(g_thread, 2000));
		CHECK_EQ(turn(), 1);
		CHECK_EQ(g_runs, i);
	}
	spdk_poller_pause(poller);
	CHECK_EQ(intr_settle(g_thread), 1);
	fake_delay_us(3000);
	CHECK(!intr_ready_in(g_thread, 10));
	CHECK_EQ(g_runs, 3);
	spdk_poller_unregister(&poller);
	end();
}

/* The kernel's clock may be ahead of ours. */
static void
a_timer_that_fires_early_is_set_again(void)
{
	struct spdk_poller *poller;

	begin();
	poller = spdk_poller_register(count_poll, NULL, 2000);
	turn();
	CHECK(intr_ready_in(g_thread, 2000));
	CHECK_EQ(turn(), 0);
	CHECK_EQ(g_runs, 0);
	CHECK(!intr_ready(g_thread));
	fake_delay_us(2000);
	CHECK(intr_ready_in(g_thread, 2000));
	turn();
	CHECK_EQ(g_runs, 1);
	spdk_poller_unregister(&poller);
	end();
}

/* With a turn for another reason, the poller is called before the timer fires. */
static void
due_in_a_turn_for_another_reason(void)
{
	struct spdk_poller *poller;

	begin();
	poller = spdk_poller_register(count_poll, NULL, 5000);
	turn();
	fake_delay_us(5000);
	spdk_thread_send_msg(g_thread, count, NULL);
	turn();
	CHECK_EQ(g_runs, 2);
	CHECK(!intr_ready(g_thread));
	CHECK(intr_timer_us(g_thread) > 0);
	spdk_poller_unregister(&poller);
	end();
}

/* --- active pollers --------------------------------------------------------------------------- */

static void
an_active_poller_is_called_all_the_time(void)
{
	struct spdk_poller *poller;
	int i;

	begin();
	poller = spdk_poller_register(count_poll, NULL, 0);
	CHECK(intr_ready(g_thread));
	turn();
	for (i = 1; i <= 5; i++) {
		CHECK(intr_ready(g_thread));
		CHECK_EQ(turn(), 1);
	}
	CHECK_EQ(g_runs, 6);
	spdk_poller_pause(poller);
	turn();
	CHECK_EQ(intr_settle(g_thread), 0);
	CHECK_EQ(g_runs, 6);
	spdk_poller_resume(poller);
	turn();
	CHECK(intr_ready(g_thread));
	CHECK_EQ(g_runs, 7);
	spdk_poller_unregister(&poller);
	turn();
	CHECK(!intr_ready(g_thread));
	CHECK_EQ(g_runs, 7);
	end();
}

static struct spdk_poller *g_poller;

static int
unregister_self(void *arg)
{
	g_runs++;
	spdk_poller_unregister(&g_poller);
	return SPDK_POLLER_BUSY;
}

static void
a_poller_unregisters_itself(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		begin();
		g_poller = spdk_poller_register(unregister_self, NULL, (uint64_t)i * 1000);
		turn();
		fake_delay_us(1000);
		CHECK(i == 0 || intr_ready_in(g_thread, 2000));
		turn();
		CHECK_EQ(g_runs, 1);
		CHECK_EQ(intr_settle(g_thread), 0);
		CHECK_EQ(intr_timer_us(g_thread), 0);
		end();
	}
}

static void
register_active(void *arg)
{
	g_poller = spdk_poller_register(unregister_self, NULL, 0);
}

static void
registered_in_a_turn(void)
{
	begin();
	spdk_thread_send_msg(g_thread, register_active, NULL);
	CHECK(intr_settle(g_thread) <= 3);
	CHECK_EQ(g_runs, 1);
	end();
}

/* --- in and out in the middle of a turn ------------------------------------------------------- */

static void
enter_in_message(void *arg)
{
	count(arg);
	spdk_thread_set_interrupt_mode(true);
}

static void
leave_in_message(void *arg)
{
	count(arg);
	spdk_thread_set_interrupt_mode(false);
}

static void
modes_change_in_messages(void)
{
	struct spdk_poller *timed, *active;
	int before;

	begin();
	timed = spdk_poller_register(count_poll, NULL, 1000000);
	active = spdk_poller_register(count_poll, NULL, 0);
	turn();
	spdk_thread_send_msg(g_thread, leave_in_message, NULL);
	spdk_thread_send_msg(g_thread, count, NULL);
	g_runs = 0;
	turn();
	CHECK_EQ(g_runs, 3);
	CHECK(!thread_in_interrupt(g_thread));
	CHECK_EQ(intr_timer_us(g_thread), 0);
	CHECK(!intr_ready(g_thread));
	turn();
	CHECK_EQ(g_runs, 4);
	fake_delay_us(1000000);
	turn();
	CHECK_EQ(g_runs, 6);

	spdk_thread_send_msg(g_thread, enter_in_message, NULL);
	spdk_thread_send_msg(g_thread, count, NULL);
	turn();
	CHECK_EQ(g_runs, 9);
	CHECK(thread_in_interrupt(g_thread));
	before = g_runs;
	CHECK(intr_ready(g_thread));
	turn();
	CHECK_EQ(g_runs, before + 1);
	CHECK(intr_timer_us(g_thread) > 0);
	spdk_poller_unregister(&timed);
	spdk_poller_unregister(&active);
	CHECK_EQ(intr_settle(g_thread), 1);
	end();
}

static void
leave_and_enter_in_message(void *arg)
{
	spdk_thread_set_interrupt_mode(false);
	spdk_thread_set_interrupt_mode(true);
	spdk_thread_send_msg(g_thread, count, NULL);
}

static void
out_and_in_again_in_one_message(void)
{
	begin();
	spdk_thread_send_msg(g_thread, leave_and_enter_in_message, NULL);
	CHECK(intr_settle(g_thread) >= 1);
	CHECK_EQ(g_runs, 1);
	end();
}

static int
enter_in_poller(void *arg)
{
	g_runs++;
	spdk_thread_set_interrupt_mode(g_runs == 1);
	return SPDK_POLLER_BUSY;
}

static void
modes_change_in_a_poller(void)
{
	struct spdk_poller *poller;

	begin();
	spdk_thread_set_interrupt_mode(false);
	poller = spdk_poller_register(enter_in_poller, NULL, 0);
	turn();
	CHECK(thread_in_interrupt(g_thread));
	CHECK(intr_ready(g_thread));
	turn();
	CHECK_EQ(g_runs, 2);
	CHECK(!thread_in_interrupt(g_thread));
	turn();
	CHECK_EQ(g_runs, 3);
	spdk_poller_unregister(&poller);
	end();
}

/* --- exit ------------------------------------------------------------------------------------- */

static void
exits(void)
{
	begin();
	spdk_thread_exit(g_thread);
	CHECK(intr_ready(g_thread));
	turn();
	CHECK(spdk_thread_is_exited(g_thread));
	CHECK_EQ(turn(), 0);
	CHECK(!intr_ready(g_thread));
	spdk_thread_destroy(g_thread);
}

static void
exit_in_message(void *arg)
{
	spdk_thread_exit(g_thread);
}

static void
exits_in_its_turn(void)
{
	begin();
	spdk_thread_send_msg(g_thread, exit_in_message, NULL);
	CHECK(intr_settle(g_thread) >= 1);
	CHECK(spdk_thread_is_exited(g_thread));
	spdk_thread_destroy(g_thread);
}

/* Nobody but its own descriptors gives it turns. */
static void
an_exit_that_waits(void)
{
	struct spdk_poller *poller;

	begin();
	poller = spdk_poller_register(count_poll, NULL, 10000000);
	spdk_thread_exit(g_thread);
	turn();
	CHECK(!spdk_thread_is_exited(g_thread));
	CHECK(!intr_ready(g_thread));
	/* It looks now and then, and when it is told. */
	CHECK(intr_timer_us(g_thread) <= 10000);
	CHECK(intr_ready_in(g_thread, 2000));
	turn();
	CHECK(!spdk_thread_is_exited(g_thread));
	spdk_poller_unregister(&poller);
	CHECK(intr_ready(g_thread));
	turn();
	CHECK(spdk_thread_is_exited(g_thread));
	spdk_thread_destroy(g_thread);
}

static void
an_exit_in_vain_ends_after_five_seconds(void)
{
	begin();
	spdk_poller_register(count_poll, NULL, 60000000);
	spdk_thread_exit(g_thread);
	turn();
	fake_delay_us(4999999);
	CHECK(intr_ready_in(g_thread, 2000));
	turn();
	CHECK(!spdk_thread_is_exited(g_thread));
	fake_delay_us(1);
	CHECK(intr_ready_in(g_thread, 2000));
	turn();
	CHECK(spdk_thread_is_exited(g_thread));
	spdk_thread_destroy(g_thread);
}

/* An application that only calls spdk_thread_poll() need not wait for the timer. */
static void
an_exiting_thread_has_a_turn_whenever_polled(void)
{
	struct spdk_poller *poller;

	begin();
	poller = spdk_poller_register(count_poll, NULL, 10000000);
	spdk_thread_exit(g_thread);
	turn();
	fake_delay_us(5000000);
	turn();
	CHECK(spdk_thread_is_exited(g_thread));
	CHECK(poller != NULL);
	spdk_thread_destroy(g_thread);
}

/* --- whoever waits ---------------------------------------------------------------------------- */

static void
nested_in_a_group_of_the_applications(void)
{
	struct spdk_thread *other = fake_thread("other");
	struct spdk_fd_group *fgrp;

	begin();
	spdk_set_thread(other);
	REQUIRE(spdk_fd_group_create(&fgrp) == 0);
	CHECK_EQ(spdk_fd_group_nest(fgrp, spdk_thread_get_interrupt_fd_group(g_thread)), 0);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	spdk_thread_send_msg(g_thread, count, NULL);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 1000), 1);
	CHECK_EQ(g_runs, 1);
	CHECK(spdk_get_thread() == other);
	CHECK_EQ(spdk_fd_group_wait(fgrp, 0), 0);
	CHECK_EQ(spdk_fd_group_unnest(fgrp, spdk_thread_get_interrupt_fd_group(g_thread)), 0);
	spdk_fd_group_destroy(fgrp);
	end();
	fake_thread_end(other);
}

static void
wait_for_oneself(void *arg)
{
	g_runs++;
	CHECK_EQ(spdk_fd_group_wait(spdk_thread_get_interrupt_fd_group(g_thread), 0), -EBUSY);
	CHECK_EQ(spdk_thread_poll(g_thread, 0, 0), 0);
	CHECK(spdk_get_thread() == g_thread);
}

static void
no_turn_in_a_turn(void)
{
	begin();
	spdk_thread_send_msg(g_thread, wait_for_oneself, NULL);
	CHECK_EQ(turn(), 1);
	CHECK_EQ(g_runs, 1);
	end();
}

static void
wait_in_a_polled_turn(void *arg)
{
	int fd = *(int *)arg;

	g_runs++;
	spdk_thread_send_msg(g_thread, count, NULL);
	intr_fire(fd);
	/* The descriptor's handler, and nothing else. */
	CHECK_EQ(spdk_fd_group_wait(spdk_thread_get_interrupt_fd_group(g_thread), 0), 1);
	CHECK_EQ(g_runs, 2);
}

static void
its_group_waited_for_while_it_polls(void)
{
	struct spdk_interrupt *intr;
	int fd = intr_eventfd();

	begin();
	spdk_thread_set_interrupt_mode(false);
	intr = spdk_interrupt_register(fd, count_poll, NULL, "x");
	spdk_thread_send_msg(g_thread, wait_in_a_polled_turn, &fd);
	turn();
	CHECK_EQ(g_runs, 2);
	/* Outside of a turn it is one. */
	CHECK_EQ(spdk_fd_group_wait(spdk_thread_get_interrupt_fd_group(g_thread), 0), 1);
	CHECK_EQ(g_runs, 4);
	CHECK(spdk_get_thread() == g_thread);
	spdk_interrupt_unregister(&intr);
	close(fd);
	end();
}

static void
enter_and_wait(void *arg)
{
	spdk_thread_set_interrupt_mode(true);
	CHECK(spdk_fd_group_wait(spdk_thread_get_interrupt_fd_group(g_thread), 0) > 0);
}

static void
its_group_waited_for_where_it_enters(void)
{
	begin();
	spdk_thread_set_interrupt_mode(false);
	spdk_thread_send_msg(g_thread, enter_and_wait, NULL);
	turn();
	/* The wait was told that it has entered, and that was no turn. */
	CHECK(intr_ready(g_thread));
	CHECK(intr_settle(g_thread) > 0);
	spdk_thread_send_msg(g_thread, count, NULL);
	CHECK(intr_ready(g_thread));
	end();
}

static void
take_five(void *arg)
{
	fake_delay_us(5);
}

static void
time_is_accounted_for(void)
{
	struct spdk_thread_stats before, after;

	begin();
	spdk_thread_get_stats(&before);
	fake_delay_us(100);
	spdk_thread_send_msg(g_thread, take_five, NULL);
	turn();
	spdk_thread_get_stats(&after);
	CHECK_EQ(after.busy_tsc - before.busy_tsc, 5);
	CHECK_EQ(after.idle_tsc - before.idle_tsc, 100);
	CHECK_EQ(spdk_thread_get_last_tsc(g_thread), spdk_get_ticks());
	/* Told a later time than it is, no time has passed. */
	spdk_thread_send_msg(g_thread, count, NULL);
	spdk_thread_poll(g_thread, 0, spdk_get_ticks() + 50);
	spdk_thread_get_stats(&before);
	CHECK_EQ(before.busy_tsc, after.busy_tsc);
	CHECK_EQ(thread_get_longest_turn(g_thread), 5);
	end();
}

static void
without_descriptors_it_goes_on_polling(void)
{
	struct rlimit old, none;
	int fd = intr_eventfd();

	g_thread = fake_thread("poor");
	spdk_set_thread(g_thread);
	REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
	for (none = old, none.rlim_cur = (rlim_t)fd + 1; none.rlim_cur <= (rlim_t)fd + 4;
	     none.rlim_cur++) {
		/* One more each time: none of those made is forgotten. */
		REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
		CHECK_EQ(thread_interrupt_enter(g_thread), -EMFILE);
		spdk_thread_set_interrupt_mode(true);
		CHECK(!thread_in_interrupt(g_thread));
		CHECK_EQ(spdk_thread_get_interrupt_fd(g_thread), -EMFILE);
		CHECK(spdk_thread_get_interrupt_fd_group(g_thread) == NULL);
		CHECK(spdk_interrupt_register(fd, count_poll, NULL, "x") == NULL);
	}
	setrlimit(RLIMIT_NOFILE, &old);
	g_runs = 0;
	spdk_thread_send_msg(g_thread, count, NULL);
	turn();
	CHECK_EQ(g_runs, 1);
	spdk_thread_set_interrupt_mode(true);
	CHECK(thread_in_interrupt(g_thread));
	close(fd);
	end();
}

static void
ticks_to_nanoseconds(void)
{
	CHECK_EQ(interrupt_timer_ns(5, 3), 2000);
	CHECK_EQ(interrupt_timer_ns(3, 3), 1);
	CHECK_EQ(interrupt_timer_ns(3, 5), 1);
	CHECK_EQ(interrupt_timer_ns(86400000000ull * 365, 0), 86400000000000ull * 365);
	/* More than the kernel takes is a century. */
	CHECK_EQ(interrupt_timer_ns(UINT64_MAX, 0), UINT32_MAX * 1000000000ull);
}

static void
enter_off_thread(void *arg)
{
	spdk_set_thread(NULL);
	spdk_thread_set_interrupt_mode(true);
}

static void
off_any_thread_it_ends_the_process(void)
{
	CHECK(fake_aborts(enter_off_thread, NULL, "spdk_thread_set_interrupt_mode"));
}

/* The last one: the wish stays. */
static void
threads_are_born_in_interrupt_mode(void)
{
	struct rlimit old, none;

	CHECK(!spdk_interrupt_mode_is_enabled());
	g_thread = fake_thread("early");
	CHECK_EQ(spdk_interrupt_mode_enable(), -EBUSY);
	CHECK(!spdk_interrupt_mode_is_enabled());
	end();
	CHECK_EQ(spdk_interrupt_mode_enable(), 0);
	CHECK(spdk_interrupt_mode_is_enabled());
	g_thread = fake_thread("born");
	CHECK_EQ(spdk_interrupt_mode_enable(), 0);
	CHECK(thread_in_interrupt(g_thread));
	CHECK(intr_ready(g_thread));
	CHECK(spdk_get_thread() == NULL);
	CHECK(intr_settle(g_thread) >= 1);
	g_runs = 0;
	spdk_thread_send_msg(g_thread, count, NULL);
	CHECK(intr_ready(g_thread));
	turn();
	CHECK_EQ(g_runs, 1);
	end();

	REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = old;
	none.rlim_cur = 0;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(spdk_thread_create("none", NULL) == NULL);
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK_EQ(spdk_thread_get_count(), 0);
}

static const struct test_case g_cases[] = {
	TEST(sleeps_when_there_is_nothing),
	TEST(a_message_wakes),
	TEST(a_message_from_its_own_turn_wakes_for_the_next),
	TEST(more_than_a_batch),
	TEST(messages_under_way_when_it_enters_and_leaves),
	TEST(a_critical_message_of_a_signal_handler_wakes),
	TEST(the_timer_is_set_to_the_next_expiry),
	TEST(a_timed_poller_wakes_when_it_is_due),
	TEST(a_timer_that_fires_early_is_set_again),
	TEST(due_in_a_turn_for_another_reason),
	TEST(an_active_poller_is_called_all_the_time),
	TEST(a_poller_unregisters_itself),
	TEST(registered_in_a_turn),
	TEST(modes_change_in_messages),
	TEST(out_and_in_again_in_one_message),
	TEST(modes_change_in_a_poller),
	TEST(exits),
	TEST(exits_in_its_turn),
	TEST(an_exit_that_waits),
	TEST(an_exit_in_vain_ends_after_five_seconds),
	TEST(an_exiting_thread_has_a_turn_whenever_polled),
	TEST(nested_in_a_group_of_the_applications),
	TEST(no_turn_in_a_turn),
	TEST(its_group_waited_for_while_it_polls),
	TEST(its_group_waited_for_where_it_enters),
	TEST(time_is_accounted_for),
	TEST(without_descriptors_it_goes_on_polling),
	TEST(ticks_to_nanoseconds),
	TEST(off_any_thread_it_ends_the_process),
	TEST(threads_are_born_in_interrupt_mode),
};
TEST_MAIN_WITH("thread/thread_interrupt", g_cases, setup, teardown)
