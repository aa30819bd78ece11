/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Real OS threads: lightweight threads that send to each other in bursts while they move between
 * two reactors, and an OS thread of no reactor that sends to them too. What each sender sends to
 * each thread must arrive once and in order. $CAL_STRESS_S is how long (2). */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"
#include "core/thread/thread_internal.h"

#define THREADS 6
#define SENDERS (THREADS + 1) /* the last one is the OS thread */

static const uint32_t g_two[] = { 0, 1 };

/* One a lightweight thread; written on it only. */
static struct actor {
	struct spdk_thread *thread;
	struct spdk_poller *poller;
	struct spdk_poller *mover;
	uint64_t rand;
	uint64_t sent[THREADS]; /* by it */
	uint64_t seen[SENDERS]; /* by it */
	uint64_t wrong;
	uint64_t moves;
} g_actors[THREADS];

static uint64_t g_os_sent[THREADS];
static bool g_stop_os, g_stop_all;
static pthread_t g_os_thread;
static uint64_t g_deadline;
static uint32_t g_quiet;

static uint32_t
pick(struct actor *actor, uint32_t n)
{
	return (uint32_t)(spdk_rand_xorshift64(&actor->rand) >> 20) % n;
}

static void
receive(void *arg)
{
	uintptr_t target = (uintptr_t)arg & 15, sender = (uintptr_t)arg >> 4 & 15;
	struct actor *actor = &g_actors[target];

	actor->wrong += spdk_get_thread() != actor->thread;
	actor->wrong += actor->seen[sender]++ != (uintptr_t)arg >> 8;
}

static void
send_number(uintptr_t sender, uintptr_t target, uint64_t *counter)
{
	spdk_thread_send_msg(g_actors[target].thread, receive,
	                     (void *)(target | sender << 4 | (*counter)++ << 8));
}

static void *
os_thread(void *arg)
{
	uint32_t target = 0, i;

	while (!__atomic_load_n(&g_stop_os, __ATOMIC_RELAXED)) {
		for (i = 0; i < 20; i++) {
			send_number(THREADS, target, &g_os_sent[target]);
		}
		target = (target + 1) % THREADS;
		usleep(20);
	}
	return NULL;
}

/* Send in bursts; rarely one that overruns the ring. */
static int
act(void *arg)
{
	struct actor *actor = arg;
	uintptr_t self = (uintptr_t)(actor - g_actors), target = pick(actor, THREADS);
	uint32_t n;

	if (__atomic_load_n(&g_stop_all, __ATOMIC_RELAXED)) {
		spdk_poller_unregister(&actor->poller);
		spdk_poller_unregister(&actor->mover);
		__atomic_fetch_add(&g_quiet, 1, __ATOMIC_RELEASE);
		return 0;
	}
	n = pick(actor, 20000) == 0 ? 10000 : pick(actor, 8);
	while (n-- > 0) {
		send_number(self, target, &actor->sent[target]);
	}
	return 1;
}

static int
move(void *arg)
{
	struct actor *actor = arg;

	if (reactor_thread_move(actor->thread, pick(actor, 2)) == 0) {
		actor->moves++;
	}
	return 1;
}

static void
begin(void *arg)
{
	struct actor *actor = arg;

	actor->poller = SPDK_POLLER_REGISTER(act, actor, 0);
	actor->mover = SPDK_POLLER_REGISTER(move, actor, 20);
}

static void
leave(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

/* On the app thread: when the time is up everybody falls silent; then each is told to go, by a
 * message that comes behind all others. */
static int
watch(void *arg)
{
	struct spdk_poller **self = arg;
	int i;

	if (spdk_get_ticks() < g_deadline) {
		return 0;
	}
	if (!g_stop_all) {
		__atomic_store_n(&g_stop_os, true, __ATOMIC_RELAXED);
		pthread_join(g_os_thread, NULL);
		__atomic_store_n(&g_stop_all, true, __ATOMIC_RELAXED);
	}
	if (__atomic_load_n(&g_quiet, __ATOMIC_ACQUIRE) < THREADS) {
		return 0;
	}
	for (i = 0; i < THREADS; i++) {
		spdk_thread_send_msg(g_actors[i].thread, leave, NULL);
	}
	spdk_poller_unregister(self);
	spdk_thread_exit(spdk_get_thread());
	reactors_stop();
	return 0;
}

static void
start(void *arg)
{
	static struct spdk_poller *watcher;
	char name[16];
	int i;

	for (i = 0; i < THREADS; i++) {
		snprintf(name, sizeof(name), "actor%d", i);
		g_actors[i].rand = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u ^ spdk_get_ticks();
		g_actors[i].thread = spdk_thread_create(name, NULL);
	}
	for (i = 0; i < THREADS; i++) {
		spdk_thread_send_msg(g_actors[i].thread, begin, &g_actors[i]);
	}
	pthread_create(&g_os_thread, NULL, os_thread, NULL);
	watcher = SPDK_POLLER_REGISTER(watch, &watcher, 1000);
}

static void
nothing_is_lost_or_overtaken(void)
{
	const char *seconds = getenv("CAL_STRESS_S");
	uint64_t total = 0, moves = 0;
	struct spdk_thread *app;
	int i, j;

	fake_cores(2, g_two);
	REQUIRE(reactors_init() == 0);
	app = spdk_thread_create("app_thread", NULL);
	REQUIRE(app != NULL);
	g_deadline = spdk_get_ticks() +
	             strtoull(seconds != NULL ? seconds : "2", NULL, 10) * spdk_get_ticks_hz();
	spdk_thread_send_msg(app, start, NULL);
	CHECK_EQ(reactors_start(), 0);
	reactors_fini();
	for (i = 0; i < THREADS; i++) {
		CHECK_EQ(g_actors[i].wrong, 0);
		moves += g_actors[i].moves;
		for (j = 0; j < SENDERS; j++) {
			CHECK_EQ(g_actors[i].seen[j],
			         j < THREADS ? g_actors[j].sent[i] : g_os_sent[i]);
			total += g_actors[i].seen[j];
		}
	}
	printf("(%llu messages, %llu moves) ", (unsigned long long)total,
	       (unsigned long long)moves);
	CHECK(total > (test_under_valgrind() ? 10 : 1000));
	CHECK(moves > 10);
}

static const struct test_case cases[] = {
	TEST(nothing_is_lost_or_overtaken),
};

TEST_MAIN("thread/stress", cases)
