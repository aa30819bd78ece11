/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a message costs. No hugepages, no EAL: two OS threads pinned to CPUs 0
 * and 1 (or what $CAL_BENCH_CPUS says, "2,3") that poll a lightweight thread each. One line a
 * measurement: name, nanoseconds each in the best of 100 windows (others may use the machine). */

#include "core/thread/thread_internal.h"
#include "spdk/env.h"

#define WINDOWS 100
#define LOCAL   50000u /* a window */
#define BURST   64u
#define CROSS   2000u

static int g_cpus[2] = { 0, 1 };
static struct spdk_thread *g_threads[2];
static bool g_ready, g_stop;
static uint64_t g_count;

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		fprintf(stderr, "bench_messages: cannot be pinned to CPU %d: set CAL_BENCH_CPUS\n",
		        cpu);
		exit(1);
	}
}

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Do it in windows of `count` and say what one costs. */
static void
measure(const char *what, void (*fn)(uint32_t count), uint32_t count)
{
	double begin, took, best = 1e18;
	int i;

	for (i = 0; i < WINDOWS; i++) {
		begin = now_ns();
		fn(count);
		took = (now_ns() - begin) / count;
		best = took < best ? took : best;
	}
	printf("%-46s %8.1f ns\n", what, best);
}

static void
tick(void *arg)
{
	g_count++;
}

static void
again(void *arg)
{
	g_count++;
	if (!g_stop) {
		spdk_thread_send_msg(g_threads[0], again, NULL);
	}
}

/* Sent by the core that polls, in bursts, and run. */
static void
own_messages(uint32_t count)
{
	uint32_t i, k;

	for (i = 0; i < count / BURST; i++) {
		for (k = 0; k < BURST; k++) {
			spdk_thread_send_msg(g_threads[0], tick, NULL);
		}
		while (!spdk_thread_is_idle(g_threads[0])) {
			spdk_thread_poll(g_threads[0], BURST, 1);
		}
	}
}

/* One that sends itself on, a turn each. */
static void
own_chain(uint32_t count)
{
	uint64_t until = g_count + count;

	if (spdk_thread_is_idle(g_threads[0])) {
		spdk_thread_send_msg(g_threads[0], again, NULL);
	}
	while (g_count < until) {
		spdk_thread_poll(g_threads[0], 0, 1);
	}
}

static void
pong(void *arg)
{
	spdk_thread_send_msg(g_threads[0], tick, NULL);
}

static void *
other_core(void *arg)
{
	pin(g_cpus[1]);
	__atomic_store_n(&g_ready, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&g_stop, __ATOMIC_RELAXED)) {
		spdk_thread_poll(g_threads[1], 32, 1);
	}
	return NULL;
}

static void
round_trips(uint32_t count)
{
	uint64_t until;
	uint32_t i;

	for (i = 0; i < count; i++) {
		until = g_count + 1;
		spdk_thread_send_msg(g_threads[1], pong, NULL);
		while (g_count < until) {
			spdk_thread_poll(g_threads[0], 32, 1);
		}
	}
}

static uint64_t g_received;

static void
receive(void *arg)
{
	__atomic_store_n(&g_received, g_received + 1, __ATOMIC_RELAXED);
}

static void
stream(uint32_t count)
{
	uint64_t begin = g_received;
	uint32_t i;

	for (i = 0; i < count; i++) {
		/* At most half a ring under way. */
		while (i % 1024 == 0 &&
		       begin + i - __atomic_load_n(&g_received, __ATOMIC_RELAXED) > 1024) {
		}
		spdk_thread_send_msg(g_threads[1], receive, NULL);
	}
	while (__atomic_load_n(&g_received, __ATOMIC_RELAXED) < begin + count) {
	}
}

int
main(void)
{
	const char *cpus = getenv("CAL_BENCH_CPUS");
	pthread_t other;
	int i;

	if (cpus != NULL && sscanf(cpus, "%d,%d", &g_cpus[0], &g_cpus[1]) != 2) {
		fprintf(stderr, "CAL_BENCH_CPUS is two CPUs, as in 0,1\n");
		return 2;
	}
	pin(g_cpus[0]);
	spdk_thread_lib_init(NULL, 0);
	g_threads[0] = spdk_thread_create("bench0", NULL);
	g_threads[1] = spdk_thread_create("bench1", NULL);
	if (g_threads[0] == NULL || g_threads[1] == NULL) {
		return 1;
	}
	spdk_set_thread(g_threads[0]);
	measure("own-core message, bursts of 64", own_messages, LOCAL);
	measure("own core, one message a turn, whole turn", own_chain, LOCAL);
	g_stop = true;
	spdk_thread_poll(g_threads[0], 0, 1);
	g_stop = false;
	if (pthread_create(&other, NULL, other_core, NULL) != 0) {
		return 1;
	}
	while (!__atomic_load_n(&g_ready, __ATOMIC_ACQUIRE)) {
	}
	measure("cross-core round trip", round_trips, CROSS);
	measure("cross-core stream, one sender", stream, CROSS);
	__atomic_store_n(&g_stop, true, __ATOMIC_RELAXED);
	pthread_join(other, NULL);
	for (i = 0; i < 2; i++) {
		spdk_set_thread(g_threads[i]);
		spdk_thread_exit(g_threads[i]);
		while (!spdk_thread_is_exited(g_threads[i])) {
			spdk_thread_poll(g_threads[i], 0, 0);
		}
		spdk_thread_destroy(g_threads[i]);
	}
	spdk_thread_lib_fini();
	return 0;
}
