/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

static struct spdk_thread *g_thread, *g_other;

static int
setup(void)
{
	int rc = spdk_thread_lib_init(NULL, 0);

	g_thread = fake_thread("locker");
	g_other = fake_thread("other");
	spdk_set_thread(g_thread);
	return rc;
}

static int
teardown(void)
{
	fake_thread_end(g_other);
	fake_thread_end(g_thread);
	spdk_thread_lib_fini();
	return 0;
}

static void
locks_and_unlocks(void)
{
	struct spdk_spinlock lock;

	spdk_spin_init(&lock);
	CHECK(!spdk_spin_held(&lock));
	spdk_spin_lock(&lock);
	CHECK(spdk_spin_held(&lock));
	spdk_set_thread(g_other);
	CHECK(!spdk_spin_held(&lock));
	spdk_set_thread(g_thread);
	spdk_spin_unlock(&lock);
	CHECK(!spdk_spin_held(&lock));
	spdk_spin_destroy(&lock);
}

#define FORBIDDEN(name_, ...)                   \
	static void name_(void *arg)            \
	{                                       \
		struct spdk_spinlock lock;      \
		memset(&lock, 0, sizeof(lock)); \
		__VA_ARGS__                     \
	}

FORBIDDEN(lock_uninitialized, spdk_spin_lock(&lock);)
FORBIDDEN(destroy_uninitialized, spdk_spin_destroy(&lock);)
FORBIDDEN(lock_twice, spdk_spin_init(&lock); spdk_spin_lock(&lock); spdk_spin_lock(&lock);)
FORBIDDEN(unlock_free, spdk_spin_init(&lock); spdk_spin_unlock(&lock);)
FORBIDDEN(unlock_others, spdk_spin_init(&lock); spdk_spin_lock(&lock); spdk_set_thread(g_other);
          spdk_spin_unlock(&lock);)
FORBIDDEN(destroy_held, spdk_spin_init(&lock); spdk_spin_lock(&lock); spdk_spin_destroy(&lock);)
FORBIDDEN(destroy_twice, spdk_spin_init(&lock); spdk_spin_destroy(&lock); spdk_spin_destroy(&lock);)
FORBIDDEN(lock_destroyed, spdk_spin_init(&lock); spdk_spin_destroy(&lock); spdk_spin_lock(&lock);)
FORBIDDEN(lock_off_thread, spdk_spin_init(&lock); spdk_set_thread(NULL); spdk_spin_lock(&lock);)
FORBIDDEN(held_off_thread, spdk_spin_init(&lock); spdk_set_thread(NULL);
          (void)spdk_spin_held(&lock);)

static struct spdk_spinlock g_lock;

static void
lock_in_message(void *arg)
{
	spdk_spin_lock(&g_lock);
}

static int
lock_in_poller(void *arg)
{
	spdk_spin_lock(&g_lock);
	return 0;
}

static void
hold_over_message(void *arg)
{
	spdk_spin_init(&g_lock);
	spdk_thread_send_msg(g_thread, lock_in_message, NULL);
	spdk_thread_poll(g_thread, 0, 0);
}

static void
hold_over_critical_message(void *arg)
{
	spdk_spin_init(&g_lock);
	spdk_thread_send_critical_msg(g_thread, lock_in_message);
	spdk_thread_poll(g_thread, 0, 0);
}

static void
hold_over_poller(void *arg)
{
	spdk_spin_init(&g_lock);
	SPDK_POLLER_REGISTER(lock_in_poller, NULL, *(uint64_t *)arg);
	fake_delay_us(1000);
	spdk_thread_poll(g_thread, 0, 0);
}

static void
each_broken_rule_ends_the_process(void)
{
	uint64_t period = 0;

	CHECK(fake_aborts(lock_uninitialized, NULL, "spdk_spin_lock: spinlock"));
	CHECK(fake_aborts(lock_uninitialized, NULL, "never initialized"));
	CHECK(fake_aborts(destroy_uninitialized, NULL, "never initialized"));
	CHECK(fake_aborts(lock_twice, NULL, "held by this thread, locker, already"));
	CHECK(fake_aborts(unlock_free, NULL, "held by nobody"));
	CHECK(fake_aborts(unlock_others, NULL, "unlocked by thread other but held by locker"));
	CHECK(fake_aborts(destroy_held, NULL, "is held by thread locker"));
	CHECK(fake_aborts(destroy_twice, NULL, "was destroyed before"));
	CHECK(fake_aborts(lock_destroyed, NULL, "was destroyed"));
	CHECK(fake_aborts(lock_off_thread, NULL,
	                  "must be used on a thread, and was used outside of any"));
	CHECK(fake_aborts(held_off_thread, NULL, "outside of any"));
	CHECK(fake_aborts(hold_over_message, NULL, "message: function"));
	CHECK(fake_aborts(hold_over_message, NULL, "returned with 1 spinlocks held"));
	CHECK(fake_aborts(hold_over_critical_message, NULL, "critical message: function"));
	CHECK(fake_aborts(hold_over_critical_message, NULL, "on thread locker returned with 1"));
	CHECK(fake_aborts(hold_over_poller, &period, "poller: lock_in_poller, function"));
	period = 1000;
	CHECK(fake_aborts(hold_over_poller, &period, "poller: lock_in_poller, function"));
}

/* Two OS threads, each with a lightweight one, add to the same plain number. */
static struct spdk_spinlock g_contended;
static uint64_t g_sum;

static void *
add_many(void *arg)
{
	int i;

	spdk_set_thread(arg);
	for (i = 0; i < 100000; i++) {
		spdk_spin_lock(&g_contended);
		g_sum++;
		spdk_spin_unlock(&g_contended);
	}
	spdk_set_thread(NULL);
	return NULL;
}

static void
excludes_the_other(void)
{
	pthread_t other;

	spdk_spin_init(&g_contended);
	g_sum = 0;
	REQUIRE(pthread_create(&other, NULL, add_many, g_other) == 0);
	add_many(g_thread);
	pthread_join(other, NULL);
	CHECK_EQ(g_sum, 200000);
	spdk_spin_destroy(&g_contended);
	spdk_set_thread(g_thread);
}

/* Made and destroyed anywhere, and as good as new when it is made again. */
static void
is_made_off_any_thread(void)
{
	struct spdk_spinlock lock;

	spdk_set_thread(NULL);
	spdk_spin_init(&lock);
	spdk_spin_destroy(&lock);
	spdk_spin_init(&lock);
	spdk_set_thread(g_thread);
	spdk_spin_lock(&lock);
	spdk_spin_unlock(&lock);
	spdk_spin_destroy(&lock);
}

/* Several at a time, given back in any order, before the message returns. */
static void
hold_three(void *arg)
{
	struct spdk_spinlock locks[3];
	int i;

	for (i = 0; i < 3; i++) {
		spdk_spin_init(&locks[i]);
		spdk_spin_lock(&locks[i]);
	}
	spdk_spin_unlock(&locks[1]);
	spdk_spin_unlock(&locks[0]);
	CHECK(spdk_spin_held(&locks[2]) && !spdk_spin_held(&locks[0]));
	spdk_spin_unlock(&locks[2]);
	for (i = 0; i < 3; i++) {
		spdk_spin_destroy(&locks[i]);
	}
	*(bool *)arg = true;
}

static void
several_in_a_message(void)
{
	bool done = false;

	spdk_thread_send_msg(g_thread, hold_three, &done);
	spdk_thread_poll(g_thread, 0, 0);
	CHECK(done);
}

static const struct test_case cases[] = {
	TEST(locks_and_unlocks),    TEST(each_broken_rule_ends_the_process),
	TEST(excludes_the_other),   TEST(is_made_off_any_thread),
	TEST(several_in_a_message),
};

TEST_MAIN_WITH("thread/spinlock", cases, setup, teardown)
