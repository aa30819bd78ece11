/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a poller costs, by the public API only: active ones, timed ones that are all due, one of
 * many that is, none. No hugepages, no EAL; pinned to CPU 0 or what $CAL_BENCH_CPUS begins with.
 * One line a measurement: nanoseconds a call (or a turn) over 51 windows: minimum and median. */

#include "spdk/env.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define WINDOWS 51
#define POLLERS 1000

static struct spdk_thread *g_thread;
static struct spdk_poller *g_pollers[POLLERS];
static uint64_t g_calls, g_now, g_step;

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int
count_call(void *arg)
{
	g_calls++;
	return SPDK_POLLER_IDLE;
}

/* Turns of which each is g_step later than the one before. What is counted is calls, or turns. */
static void
measure(const char *what, uint32_t turns, bool calls)
{
	double took[WINDOWS], begin;
	uint64_t before;
	uint32_t i, k;

	for (i = 0; i < WINDOWS; i++) {
		before = g_calls;
		begin = now_ns();
		for (k = 0; k < turns; k++) {
			g_now += g_step;
			spdk_thread_poll(g_thread, 0, g_now);
		}
		took[i] = (now_ns() - begin) / (double)(calls ? g_calls - before : turns);
	}
	qsort(took, WINDOWS, sizeof(took[0]), by_value);
	printf("%-44s min %6.2f  median %6.2f ns a %s\n", what, took[0], took[WINDOWS / 2],
	       calls ? "call" : "turn");
}

/* Periods of period_us, period_us + more_us, period_us + 2 * more_us... */
static void
start(uint32_t n, uint64_t period_us, uint64_t more_us)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		g_pollers[i] = SPDK_POLLER_REGISTER(count_call, NULL, period_us + i * more_us);
	}
	g_now = spdk_get_ticks() + 1;
}

static void
stop(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		spdk_poller_unregister(&g_pollers[i]);
	}
	spdk_thread_poll(g_thread, 0, 0);
}

static void
run(void)
{
	uint64_t us = spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;

	g_step = 0;
	g_now = spdk_get_ticks();
	measure("empty turn", 50000, false);
	start(1, 0, 0);
	measure("turn with one active poller", 50000, false);
	stop(1);
	start(POLLERS, 0, 0);
	measure("1000 active pollers", 200, true);
	stop(POLLERS);

	start(POLLERS, 1000000, 0);
	measure("turn, 1000 timed pollers, none due", 50000, false);
	stop(POLLERS);
	start(POLLERS, 1, 0);
	g_step = us + 1;
	measure("1000 at 1 us, all due", 200, true);
	stop(POLLERS);
	start(POLLERS, 100, 0);
	g_step = spdk_get_ticks_hz();
	measure("1000 at 100 us, all due", 200, true);
	stop(POLLERS);
	start(POLLERS, 100, 1);
	measure("1000 distinct periods, all due", 200, true);
	g_step = 0;
	stop(POLLERS);

	/* As many due in a turn as one, on average. */
	start(POLLERS, 10000, 1);
	g_step = us * 10;
	measure("1000 distinct periods, one due a turn", 20000, true);
	stop(POLLERS);
	start(POLLERS, 10000, 0);
	measure("1000 at 10 ms, one due a turn", 20000, true);
	stop(POLLERS);
}

int
main(void)
{
	const char *cpus = getenv("CAL_BENCH_CPUS");
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus != NULL ? atoi(cpus) : 0, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		fprintf(stderr, "bench_pollers: cannot be pinned: set CAL_BENCH_CPUS\n");
		return 1;
	}
	spdk_thread_lib_init(NULL, 0);
	g_thread = spdk_thread_create("bench", NULL);
	if (g_thread == NULL) {
		return 1;
	}
	spdk_set_thread(g_thread);
	run();
	spdk_thread_exit(g_thread);
	while (!spdk_thread_is_exited(g_thread)) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	spdk_thread_destroy(g_thread);
	spdk_thread_lib_fini();
	return 0;
}
