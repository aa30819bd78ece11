/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Real OS threads and a real clock: senders hammer a thread that enters and leaves interrupt mode
 * all the time, and that moves between OS threads. A wake-up that is lost shows as a sleep that
 * only its time limit ends. $CAL_STRESS_ROUNDS is how often it enters and leaves (10000). */

#include "tests/unit/test.h"
#include "tests/unit/thread/interrupt.h"

#include "spdk/env.h"

#include <pthread.h>

#define SENDERS  2
#define SLEEP_MS 10000 /* longer than any machine keeps a sender from running */

/* A clock whose ticks are no whole number of nanoseconds. */
#define TICKS_HZ 2399998877u

uint64_t
spdk_get_ticks_hz(void)
{
	return TICKS_HZ;
}

uint64_t
spdk_get_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * TICKS_HZ + (uint64_t)now.tv_nsec * TICKS_HZ / 1000000000u;
}

static struct sender {
	pthread_t pthread;
	uint64_t sent; /* its own */
	uint64_t seen; /* by the thread; others read it */
} g_senders[SENDERS];

static struct spdk_thread *g_thread;
static uint64_t g_wrong, g_lost;
static bool g_stop;

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_thread = spdk_thread_create("hammered", NULL);
	return rc != 0 || g_thread == NULL;
}

static int
teardown(void)
{
	spdk_set_thread(g_thread);
	spdk_thread_exit(g_thread);
	while (!spdk_thread_is_exited(g_thread)) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	spdk_thread_destroy(g_thread);
	spdk_thread_lib_fini();
	return 0;
}

static uint64_t
load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void
receive(void *arg)
{
	struct sender *sender = &g_senders[(uintptr_t)arg & 7];

	g_wrong += spdk_get_thread() != g_thread || sender->seen != (uintptr_t)arg >> 3;
	__atomic_store_n(&sender->seen, sender->seen + 1, __ATOMIC_RELEASE);
}

/* One at a time, each of which has to wake it, or many; never more than it keeps up with. */
static void *
hammer(void *arg)
{
	struct sender *sender = arg;
	uintptr_t index = (uintptr_t)(sender - g_senders);
	uint64_t rand = index + 77;
	uint32_t burst;

	while (!__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
		burst = (spdk_rand_xorshift64(&rand) >> 32 & 3) == 0 ? 40 : 1;
		while (burst-- > 0) {
			spdk_thread_send_msg(g_thread, receive,
			                     (void *)(sender->sent++ << 3 | index));
		}
		while (load(&sender->seen) != sender->sent &&
		       !__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
			sched_yield();
		}
	}
	return NULL;
}

static void
senders_start(void)
{
	uintptr_t i;

	g_wrong = g_lost = 0;
	g_stop = false;
	for (i = 0; i < SENDERS; i++) {
		memset(&g_senders[i], 0, sizeof(g_senders[i]));
		REQUIRE(pthread_create(&g_senders[i].pthread, NULL, hammer, &g_senders[i]) == 0);
	}
}

static void
senders_stop(void)
{
	int i, turns;

	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < SENDERS; i++) {
		pthread_join(g_senders[i].pthread, NULL);
	}
	for (turns = 0; turns < 1000; turns++) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	for (i = 0; i < SENDERS; i++) {
		CHECK_EQ(g_senders[i].seen, g_senders[i].sent);
		CHECK(g_senders[i].sent > 0);
	}
	CHECK_EQ(g_wrong, 0);
	CHECK_EQ(g_lost, 0);
}

static uint32_t
rounds(void)
{
	const char *env = getenv("CAL_STRESS_ROUNDS");

	return env != NULL ? (uint32_t)strtoul(env, NULL, 0) : test_under_valgrind() ? 100 : 10000;
}

/* Sleep until a sender wakes it, a few times. The senders always have something to send. */
static void
sleep_and_run(uint32_t times)
{
	while (times-- > 0 && g_lost == 0) {
		if (!intr_ready_in(g_thread, SLEEP_MS)) {
			g_lost++;
		}
		spdk_thread_poll(g_thread, 0, 0);
	}
}

static void
in_and_out(void)
{
	uint32_t left = rounds(), i;

	senders_start();
	for (; left > 0 && g_lost == 0; left--) {
		spdk_set_thread(g_thread);
		spdk_thread_set_interrupt_mode(true);
		spdk_set_thread(NULL);
		sleep_and_run(1 + left % 7);
		spdk_set_thread(g_thread);
		spdk_thread_set_interrupt_mode(false);
		spdk_set_thread(NULL);
		for (i = left % 3; i > 0; i--) {
			spdk_thread_poll(g_thread, 0, 0);
		}
	}
	senders_stop();
}

/* Two OS threads run it by turns, as two reactors would. */
static pthread_mutex_t g_baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t g_passed = PTHREAD_COND_INITIALIZER;
static uint32_t g_left;

static void *
take_turns(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;

	pthread_mutex_lock(&g_baton);
	while (g_left > 0) {
		if (g_left % 2 != me) {
			pthread_cond_wait(&g_passed, &g_baton);
			continue;
		}
		thread_interrupt_kick(g_thread);
		sleep_and_run(3 + g_left % 5);
		g_left--;
		pthread_cond_broadcast(&g_passed);
	}
	pthread_cond_broadcast(&g_passed);
	pthread_mutex_unlock(&g_baton);
	return NULL;
}

static void
from_hand_to_hand(void)
{
	pthread_t other;

	CHECK_EQ(thread_interrupt_enter(g_thread), 0);
	senders_start();
	g_left = rounds() / 10;
	REQUIRE(pthread_create(&other, NULL, take_turns, (void *)(uintptr_t)1) == 0);
	take_turns((void *)(uintptr_t)0);
	pthread_join(other, NULL);
	thread_interrupt_leave(g_thread);
	senders_stop();
}

/* --- critical messages -------------------------------------------------------------------------*/

static uint64_t g_critical;

static void
on_critical(void *arg)
{
	__atomic_store_n(&g_critical, g_critical + 1, __ATOMIC_RELEASE);
}

static void *
send_critical(void *arg)
{
	uint64_t sent = 0;

	while (!__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
		g_wrong += spdk_thread_send_critical_msg(g_thread, on_critical) != 0;
		sent++;
		while (load(&g_critical) != sent && !__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
			sched_yield();
		}
	}
	return NULL;
}

static void
critical_ones(void)
{
	uint32_t left = rounds();
	pthread_t sender;

	g_wrong = g_lost = 0;
	g_stop = false;
	REQUIRE(pthread_create(&sender, NULL, send_critical, NULL) == 0);
	for (; left > 0 && g_lost == 0; left--) {
		CHECK_EQ(thread_interrupt_enter(g_thread), 0);
		sleep_and_run(1 + left % 4);
		thread_interrupt_leave(g_thread);
		if (left % 2 == 0) {
			spdk_thread_poll(g_thread, 0, 0);
		}
	}
	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	CHECK_EQ(g_wrong, 0);
	CHECK_EQ(g_lost, 0);
	CHECK(g_critical > 0);
}

/* --- real time -------------------------------------------------------------------------------- */

static int
count_run(void *arg)
{
	(*(uint32_t *)arg)++;
	return SPDK_POLLER_BUSY;
}

static void
timed_pollers_keep_time(void)
{
	uint64_t began, took;
	struct spdk_poller *poller;
	uint32_t runs = 0, wakes = 0;

	CHECK_EQ(interrupt_timer_ns(TICKS_HZ, 0), 1000000000u);
	/* Rounded up: 0.4167 ns. */
	CHECK_EQ(interrupt_timer_ns(1, 0), 1);
	CHECK_EQ(interrupt_timer_ns(12, 0), 6);
	CHECK_EQ(interrupt_timer_ns(TICKS_HZ * 3600ull * 24 * 365 + 12, 0),
	         3600ull * 24 * 365 * 1000000000u + 6);

	spdk_set_thread(g_thread);
	CHECK_EQ(thread_interrupt_enter(g_thread), 0);
	began = spdk_get_ticks();
	poller = spdk_poller_register(count_run, &runs, 2000);
	while (runs < 5 && wakes < 100 && intr_ready_in(g_thread, SLEEP_MS)) {
		spdk_thread_poll(g_thread, 0, 0);
		wakes++;
	}
	took = (spdk_get_ticks() - began) / (TICKS_HZ / 1000000u);
	CHECK_EQ(runs, 5);
	CHECK(took >= 9990); /* the division above leaves a little out */
	/* Not by turning in circles: a turn to set it, and one each time, or one more if it comes
	 * early. */
	CHECK(wakes <= 2 + 2 * 5);
	spdk_poller_unregister(&poller);
	thread_interrupt_leave(g_thread);
	spdk_set_thread(NULL);
}

static const struct test_case g_cases[] = {
	TEST(in_and_out),
	TEST(from_hand_to_hand),
	TEST(critical_ones),
	TEST(timed_pollers_keep_time),
};
TEST_MAIN_WITH("thread/interrupt_race", g_cases, setup, teardown)
