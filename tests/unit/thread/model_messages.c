/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Messages between lightweight threads that any OS thread may poll at any time: four real ones,
 * of which one at a time works, in an order chosen at random. So every way to move between them,
 * for sender and for receiver, comes up, and a seed repeats it. (At once they run in stress.c.) The
 * model is a count for each sender and receiver. */

#include "tests/unit/fake_env.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

#include "core/thread/thread_internal.h"

#include <semaphore.h>

#define STEPS   300000
#define THREADS 6
#define CORES   4
#define SENDERS (THREADS + CORES) /* OS threads send too, as nobody */

static struct {
	struct spdk_thread *thread;
	uint32_t last_core;
	uint64_t sent[SENDERS]; /* to it */
	uint64_t seen[SENDERS];
} g_threads[THREADS];

static sem_t g_go[CORES], g_idle;
static bool g_end;
static uint32_t g_left; /* steps until the next OS thread's turn */
static uint64_t g_wrong, g_sent, g_seen, g_moves, g_forward;

static void receive(void *arg);

static void
send_number(uint32_t sender, uint32_t target)
{
	uintptr_t n = g_threads[target].sent[sender]++;

	g_sent++;
	g_wrong += spdk_thread_send_msg(g_threads[target].thread, receive,
	                                (void *)(target | sender << 8 | n << 16)) != 0;
}

static void
receive(void *arg)
{
	uintptr_t target = (uintptr_t)arg & 255, sender = (uintptr_t)arg >> 8 & 255;

	g_seen++;
	g_wrong += spdk_get_thread() != g_threads[target].thread;
	g_wrong += g_threads[target].seen[sender]++ != (uintptr_t)arg >> 16;
	/* Half of them are answered or passed on. */
	if (g_forward > 0 && pick(2) == 0) {
		g_forward--;
		send_number((uint32_t)target, pick(THREADS));
	}
}

static void
step(uint32_t core)
{
	uint32_t t = pick(THREADS), n;

	switch (pick(8)) {
	case 0:
		/* As an OS thread; now and then more than a lane holds. */
		for (n = pick(3000) == 0 ? 7000 : pick(6); n > 0; n--) {
			send_number(THREADS + core, t);
		}
		break;
	case 1:
		/* As a thread, outside of its turn. */
		spdk_set_thread(g_threads[t].thread);
		for (n = pick(3000) == 0 ? 7000 : pick(6); n > 0; n--) {
			send_number(t, pick(THREADS));
		}
		spdk_set_thread(NULL);
		g_moves += g_threads[t].last_core != core;
		g_threads[t].last_core = core;
		break;
	default:
		spdk_thread_poll(g_threads[t].thread, pick(20), 0);
		g_moves += g_threads[t].last_core != core;
		g_threads[t].last_core = core;
		break;
	}
}

static void *
core_main(void *arg)
{
	uint32_t core = (uint32_t)(uintptr_t)arg;

	for (;;) {
		sem_wait(&g_go[core]);
		if (g_end) {
			return NULL;
		}
		while (g_left > 0) {
			g_left--;
			step(core);
		}
		sem_post(&g_idle);
	}
}

static void
run_on(uint32_t core, uint32_t steps)
{
	g_left = steps;
	sem_post(&g_go[core]);
	sem_wait(&g_idle);
}

static void
order_and_number_hold_wherever_anybody_is(void)
{
	uint32_t steps = test_under_valgrind() ? STEPS / 50 : STEPS, done = 0, n, i, j;
	pthread_t cores[CORES];
	char name[8];

	seed_begin("messages");
	spdk_thread_lib_init(NULL, 0);
	for (i = 0; i < THREADS; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		g_threads[i].thread = fake_thread(name);
	}
	g_forward = steps;
	sem_init(&g_idle, 0, 0);
	for (i = 0; i < CORES; i++) {
		sem_init(&g_go[i], 0, 0);
		REQUIRE(pthread_create(&cores[i], NULL, core_main, (void *)(uintptr_t)i) == 0);
	}
	while (done < steps) {
		n = 1 + pick(30);
		run_on(pick(CORES), n);
		done += n;
	}
	g_end = true;
	for (i = 0; i < CORES; i++) {
		sem_post(&g_go[i]);
		pthread_join(cores[i], NULL);
	}
	/* What they left is run by one that never was there. */
	while (g_seen < g_sent) {
		for (i = 0; i < THREADS; i++) {
			spdk_thread_poll(g_threads[i].thread, 0, 0);
		}
	}
	CHECK_EQ(g_wrong, 0);
	CHECK(g_moves > steps / 10);
	printf("(%llu messages, %llu moves, %llu spilled at one) ", (unsigned long long)g_sent,
	       (unsigned long long)g_moves,
	       (unsigned long long)msg_queue_spilled(&g_threads[0].thread->msgs));
	for (i = 0; i < THREADS; i++) {
		for (j = 0; j < SENDERS; j++) {
			CHECK_EQ(g_threads[i].sent[j], g_threads[i].seen[j]);
		}
	}
	for (i = THREADS; i-- > 0;) {
		fake_thread_end(g_threads[i].thread);
	}
	spdk_thread_lib_fini();
}

static const struct test_case cases[] = {
	TEST(order_and_number_hold_wherever_anybody_is),
};

TEST_MAIN("thread/model_messages", cases)
