/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Cores without EAL: an OS thread each, wherever the kernel puts it. A test sets g_fake_cores. */

#ifndef CAL_TESTS_UNIT_REACTOR_FAKE_CORES_H
#define CAL_TESTS_UNIT_REACTOR_FAKE_CORES_H

#include "spdk/env.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FAKE_MAX_CORES 8

static uint32_t g_fake_cores[FAKE_MAX_CORES] = { 0 }; /* ascending; the first is the main one */
static uint32_t g_fake_num_cores = 1;
static int g_fake_launch_rc;
static pthread_t g_fake_pthreads[FAKE_MAX_CORES];
static bool g_fake_running[FAKE_MAX_CORES];
static struct {
	thread_start_fn fn;
	void *arg;
} g_fake_starts[FAKE_MAX_CORES];

uint64_t
spdk_get_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A test may slow down what the library calls a second; ticks are nanoseconds. */
static uint64_t g_fake_hz = 1000000000u;

uint64_t
spdk_get_ticks_hz(void)
{
	return g_fake_hz;
}

uint32_t
spdk_env_get_core_count(void)
{
	return g_fake_num_cores;
}

uint32_t
spdk_env_get_main_core(void)
{
	return g_fake_cores[0];
}

uint32_t
spdk_env_get_first_core(void)
{
	return g_fake_cores[0];
}

uint32_t
spdk_env_get_last_core(void)
{
	return g_fake_cores[g_fake_num_cores - 1];
}

uint32_t
spdk_env_get_next_core(uint32_t prev)
{
	uint32_t i;

	for (i = 0; i < g_fake_num_cores; i++) {
		if (g_fake_cores[i] > prev) {
			return g_fake_cores[i];
		}
	}
	return UINT32_MAX;
}

int
spdk_get_tid(void)
{
	return (int)syscall(SYS_gettid);
}

static void *
fake_core_main(void *arg)
{
	uintptr_t i = (uintptr_t)arg;

	g_fake_starts[i].fn(g_fake_starts[i].arg);
	return NULL;
}

int
spdk_env_thread_launch_pinned(uint32_t core, thread_start_fn fn, void *arg)
{
	uintptr_t i;

	if (g_fake_launch_rc != 0) {
		return g_fake_launch_rc;
	}
	for (i = 0; i < g_fake_num_cores; i++) {
		if (g_fake_cores[i] == core) {
			g_fake_starts[i].fn = fn;
			g_fake_starts[i].arg = arg;
			g_fake_running[i] = true;
			return -pthread_create(&g_fake_pthreads[i], NULL, fake_core_main,
			                       (void *)i);
		}
	}
	return -ENOENT;
}

void
spdk_env_thread_wait_all(void)
{
	uint32_t i;

	for (i = 0; i < g_fake_num_cores; i++) {
		if (g_fake_running[i]) {
			pthread_join(g_fake_pthreads[i], NULL);
			g_fake_running[i] = false;
		}
	}
}

static inline void
fake_cores(uint32_t count, const uint32_t *cores)
{
	uint32_t i;

	g_fake_num_cores = count;
	for (i = 0; i < count; i++) {
		g_fake_cores[i] = cores[i];
	}
}

#endif
