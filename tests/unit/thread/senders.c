/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* OS threads that send: more than there are lanes, one after another in the same lanes, and to
 * their very end. */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"

#include <sched.h>

#define CROWD   80 /* MSG_LANES and some */
#define NUMBERS 1500u

SPDK_STATIC_ASSERT(CROWD > MSG_LANES, "more than there are lanes");

static struct spdk_thread *g_target;
static uint32_t g_next[CROWD]; /* number that is expected of each */
static uint32_t g_wrong;

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_target = fake_thread("target");
	return rc;
}

static int
teardown(void)
{
	fake_thread_end(g_target);
	spdk_thread_lib_fini();
	return 0;
}

static void
expect_next(void *arg)
{
	uint32_t who = (uintptr_t)arg & 0xff, number = (uint32_t)((uintptr_t)arg >> 8);

	g_wrong += g_next[who] != number;
	g_next[who] = number + 1;
}

static void
expect_from_zero(void)
{
	g_wrong = 0;
	memset(g_next, 0, sizeof(g_next));
}

static void
send_numbers(uint32_t who, uint32_t from, uint32_t count)
{
	uint32_t number;

	for (number = from; number < from + count; number++) {
		spdk_thread_send_msg(g_target, expect_next, (void *)(who | (uintptr_t)number << 8));
	}
}

/* --- a crowd ---------------------------------------------------------------------------------- */

static struct {
	pthread_barrier_t all_have_lanes;
	uint32_t from;
	uint32_t ended;
	uint32_t without; /* a lane */
} g_crowd;

static void *
one_of_a_crowd(void *arg)
{
	uint32_t who = (uint32_t)(uintptr_t)arg;

	send_numbers(who, g_crowd.from, 1);
	pthread_barrier_wait(&g_crowd.all_have_lanes);
	if (thread_this_os.sender.index == MSG_LANES) {
		__atomic_fetch_add(&g_crowd.without, 1, __ATOMIC_RELAXED);
	}
	send_numbers(who, g_crowd.from + 1, NUMBERS - 1);
	__atomic_fetch_add(&g_crowd.ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* `polling`: the target runs meanwhile. Else all that they send is left in their lanes. */
static void
crowd(uint32_t round, bool polling)
{
	pthread_t threads[CROWD];
	uintptr_t who;

	g_crowd.from = round * NUMBERS;
	g_crowd.ended = g_crowd.without = 0;
	REQUIRE(pthread_barrier_init(&g_crowd.all_have_lanes, NULL, CROWD) == 0);
	for (who = 0; who < CROWD; who++) {
		REQUIRE(pthread_create(&threads[who], NULL, one_of_a_crowd, (void *)who) == 0);
	}
	while (polling && __atomic_load_n(&g_crowd.ended, __ATOMIC_ACQUIRE) < CROWD) {
		if (spdk_thread_poll(g_target, 0, 0) == 0) {
			sched_yield();
		}
	}
	for (who = 0; who < CROWD; who++) {
		pthread_join(threads[who], NULL);
	}
	pthread_barrier_destroy(&g_crowd.all_have_lanes);
	CHECK(g_crowd.without >= CROWD - MSG_LANES);
	CHECK(g_crowd.without < CROWD);
}

/* Who comes second takes over the lane of somebody, full as it is, and numbers go on: by sender,
 * not by lane, they must arrive in order. */
static void
more_than_lanes_one_crowd_after_another(void)
{
	uint32_t who;

	expect_from_zero();
	crowd(0, false);
	crowd(1, false);
	crowd(2, true);
	fake_poll_all(&g_target, 1);
	CHECK_EQ(g_wrong, 0);
	for (who = 0; who < CROWD; who++) {
		CHECK_EQ(g_next[who], 3 * NUMBERS);
	}
	CHECK_EQ(thread_msg_depth(g_target), 0);
}

/* --- the end of an OS thread ------------------------------------------------------------------ */

static pthread_key_t g_late;
static uint32_t g_late_index, g_next_index;

static void *
send_one(void *arg)
{
	send_numbers(1, 0, 1);
	g_next_index = thread_this_os.sender.index;
	return NULL;
}

static void
send_late(void *arg)
{
	pthread_t next;

	/* By now somebody else may have its lanes. */
	CHECK_EQ(pthread_create(&next, NULL, send_one, NULL), 0);
	pthread_join(next, NULL);
	send_numbers(0, 10, 10);
	g_late_index = thread_this_os.sender.index;
}

static void *
send_until_the_end(void *arg)
{
	send_numbers(0, 0, 10);
	/* Made after the library's own key, hence called after it. */
	CHECK_EQ(pthread_key_create(&g_late, send_late), 0);
	CHECK_EQ(pthread_setspecific(g_late, &g_late), 0);
	return NULL;
}

static void
who_ends_shares_no_lane(void)
{
	pthread_t thread;

	expect_from_zero();
	REQUIRE(pthread_create(&thread, NULL, send_until_the_end, NULL) == 0);
	pthread_join(thread, NULL);
	pthread_key_delete(g_late);
	CHECK(g_next_index < MSG_LANES);
	CHECK(g_late_index != g_next_index);
	fake_poll_all(&g_target, 1);
	CHECK_EQ(g_next[0], 20);
	CHECK_EQ(g_next[1], 1);
	CHECK_EQ(g_wrong, 0);
}

static const struct test_case cases[] = {
	TEST(more_than_lanes_one_crowd_after_another),
	TEST(who_ends_shares_no_lane),
};

TEST_MAIN_WITH("thread/senders", cases, setup, teardown)
