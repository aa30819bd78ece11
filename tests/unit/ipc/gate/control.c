/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ipc/gate/control.h"
#include "tests/unit/test.h"

static atomic_uint g_count;

static void
count_one(void *arg)
{
	atomic_fetch_add(&g_count, 1);
}

static int
barrier_fn(void *arg)
{
	return 0;
}

static void
sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
start_and_stop(void)
{
	CHECK_EQ(control_post(count_one, NULL), -ESHUTDOWN);
	for (int i = 0; i < 20; i++) {
		REQUIRE(control_start() == 0);
		CHECK_EQ(control_start(), -EALREADY);
		CHECK(!control_is_current());
		atomic_store(&g_count, 0);
		CHECK_EQ(control_post(count_one, NULL), 0);
		CHECK_EQ(control_post(count_one, NULL), 0);
		control_stop();
		/* What was posted has run. */
		CHECK_EQ(atomic_load(&g_count), 2);
		CHECK_EQ(control_post(count_one, NULL), -ESHUTDOWN);
		CHECK_EQ(control_call(barrier_fn, NULL), -ESHUTDOWN);
		control_stop();
	}
}

static int
who_am_i(void *arg)
{
	char name[16] = "";
	sigset_t set;
	int blocked = 0;

	CU_ASSERT(control_is_current());
	pthread_getname_np(pthread_self(), name, sizeof(name));
	CU_ASSERT_STRING_EQUAL(name, "cal-control");
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (int sig = 1; sig < 32; sig++) {
		blocked += sigismember(&set, sig) == 1;
	}
	*(int *)arg = blocked;
	return -7;
}

static void
call_returns(void)
{
	sigset_t set;
	int blocked = 0;

	REQUIRE(control_start() == 0);
	CHECK_EQ(control_call(who_am_i, &blocked), -7);
	CHECK(blocked >= 29); /* all but SIGKILL and SIGSTOP */
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	CHECK(sigismember(&set, SIGTERM) == 0);
	control_stop();
}

#define POSTERS 4
#define POSTS   5000
static unsigned g_last[POSTERS];
static unsigned g_disorder;

static void
in_order(void *arg)
{
	unsigned value = (unsigned)(uintptr_t)arg, who = value >> 24, number = value & 0xffffff;

	g_disorder += number != g_last[who] + 1;
	g_last[who] = number;
}

static void *
poster(void *arg)
{
	unsigned who = (unsigned)(uintptr_t)arg;

	for (unsigned i = 1; i <= POSTS; i++) {
		while (control_post(in_order, (void *)(uintptr_t)(who << 24 | i)) != 0) {
		}
	}
	return NULL;
}

static void
posts_from_many_threads(void)
{
	pthread_t threads[POSTERS];

	REQUIRE(control_start() == 0);
	for (uintptr_t i = 0; i < POSTERS; i++) {
		pthread_create(&threads[i], NULL, poster, (void *)i);
	}
	for (int i = 0; i < POSTERS; i++) {
		pthread_join(threads[i], NULL);
	}
	control_stop();
	CHECK_EQ(g_disorder, 0);
	for (int i = 0; i < POSTERS; i++) {
		CHECK_EQ(g_last[i], POSTS);
	}
}

/* Posts while it stops either run or are refused; none is lost. */
static unsigned g_accepted;

static void *
late_poster(void *arg)
{
	int rc;

	do {
		rc = control_post(count_one, NULL);
		g_accepted += rc == 0;
	} while (rc == 0 && g_accepted < 20000);
	return NULL;
}

static void
posts_while_stopping(void)
{
	for (int i = 0; i < 50; i++) {
		pthread_t thread;

		atomic_store(&g_count, 0);
		g_accepted = 0;
		REQUIRE(control_start() == 0);
		pthread_create(&thread, NULL, late_poster, NULL);
		sched_yield();
		control_stop();
		pthread_join(thread, NULL);
		CHECK_EQ(atomic_load(&g_count), g_accepted);
	}
}

static void
post_more(void *arg)
{
	uintptr_t left = (uintptr_t)arg;

	atomic_fetch_add(&g_count, 1);
	if (left > 0) {
		CU_ASSERT(control_post(post_more, (void *)(left - 1)) == 0);
	}
}

/* What runs last may still post, as the end of a connection does. */
static void
last_posts_post(void)
{
	REQUIRE(control_start() == 0);
	atomic_store(&g_count, 0);
	CHECK_EQ(control_post(post_more, (void *)1000), 0);
	control_stop();
	CHECK_EQ(atomic_load(&g_count), 1001);
}

static char g_order[16];
static size_t g_order_len;
static struct control_timer *g_victim;
static uint64_t g_begin;
static uint64_t g_fired_at;

static void
note(void *arg)
{
	g_order[g_order_len++] = *(const char *)arg;
	if (*(const char *)arg == 'c') {
		g_fired_at = now_ms();
	}
}

static void
cancel_victim(void *arg)
{
	control_timer_cancel(g_victim);
	control_timer_cancel(NULL);
}

static int
start_timers(void *arg)
{
	g_begin = now_ms();
	control_timer_start(60, note, "c");
	control_timer_start(20, note, "a");
	g_victim = control_timer_start(30, note, "X");
	control_timer_start(40, note, "b");
	control_timer_start(20, cancel_victim, NULL);
	control_timer_start(0, note, "0");
	control_timer_start(100000, note, "never");
	return 0;
}

static void
timers(void)
{
	g_order_len = 0;
	REQUIRE(control_start() == 0);
	CHECK_EQ(control_call(start_timers, NULL), 0);
	sleep_ms(150);
	control_stop();
	CHECK_EQ(g_order_len, 4);
	CHECK(memcmp(g_order, "0abc", 4) == 0);
	CHECK(g_fired_at >= g_begin + 60);
}

/* Three descriptors, all readable in one batch; whichever is called first deletes all. */
static struct control_fd *g_fds[3];
static int g_socks[3][2];
static unsigned g_calls;

static void
delete_all(void *arg, uint32_t events)
{
	g_calls++;
	for (int i = 0; i < 3; i++) {
		control_fd_del(g_fds[i]);
	}
}

static int
add_fds(void *arg)
{
	for (int i = 0; i < 3; i++) {
		int rc = control_fd_add(g_socks[i][0], EPOLLIN, delete_all, NULL, &g_fds[i]);

		if (rc < 0) {
			return rc;
		}
		if (write(g_socks[i][1], "x", 1) != 1) {
			return -EIO;
		}
	}
	return 0;
}

static int
add_closed(void *arg)
{
	struct control_fd *cfd;

	return control_fd_add(-1, EPOLLIN, delete_all, NULL, &cfd);
}

static void
delete_inside_callbacks(void)
{
	REQUIRE(control_start() == 0);
	for (int round = 0; round < 10; round++) {
		g_calls = 0;
		for (int i = 0; i < 3; i++) {
			REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, g_socks[i]) ==
			        0);
		}
		CHECK_EQ(control_call(add_fds, NULL), 0);
		sleep_ms(10);
		CHECK_EQ(control_call(barrier_fn, NULL), 0);
		CHECK_EQ(g_calls, 1);
		for (int i = 0; i < 3; i++) {
			close(g_socks[i][0]);
			close(g_socks[i][1]);
		}
	}
	CHECK_EQ(control_call(add_closed, NULL), -EBADF);
	control_stop();
}

static int
get_cpus(void *arg)
{
	return pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t), arg);
}

static void
keeps_off_cpus(void)
{
	cpu_set_t all, avoid, got;
	int first = 0;

	REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
	while (!CPU_ISSET(first, &all)) {
		first++;
	}
	REQUIRE(control_start() == 0);
	CPU_ZERO(&avoid);
	CPU_SET(first, &avoid);
	control_avoid_cpus(&avoid, sizeof(avoid));
	CHECK_EQ(control_call(get_cpus, &got), 0);
	if (CPU_COUNT(&all) > 1) {
		CHECK(!CPU_ISSET(first, &got));
		CHECK_EQ(CPU_COUNT(&got), CPU_COUNT(&all) - 1);
	}
	/* No CPU would be left: then it may run anywhere. */
	control_avoid_cpus(&all, sizeof(all));
	CHECK_EQ(control_call(get_cpus, &got), 0);
	CHECK(CPU_EQUAL(&got, &all));
	control_stop();
}

static const struct test_case cases[] = {
	TEST(start_and_stop),          TEST(call_returns),    TEST(posts_from_many_threads),
	TEST(posts_while_stopping),    TEST(last_posts_post), TEST(timers),
	TEST(delete_inside_callbacks), TEST(keeps_off_cpus),
};

TEST_MAIN("ipc/control", cases)
