/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

bool
env_cpu_is_allowed(unsigned cpu)
{
	cpu_set_t saved, one;
	bool allowed;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_getaffinity(0, sizeof(saved), &saved) != 0 || CPU_ISSET(cpu, &saved)) {
		return true;
	}
	/* A narrowed affinity can be widened again, a cgroup's cpuset cannot: only trying tells. */
	allowed = sched_setaffinity(0, sizeof(one), &one) == 0;
	sched_setaffinity(0, sizeof(saved), &saved);
	return allowed;
}

void
spdk_unaffinitize_thread(void)
{
	cpu_set_t all;

	if (env_machine_cpus("online", &all) == 0) {
		sched_setaffinity(0, sizeof(all), &all);
	}
}

void *
spdk_call_unaffinitized(void *cb(void *arg), void *arg)
{
	cpu_set_t saved;
	bool restore;
	void *result;

	if (cb == NULL) {
		return NULL;
	}
	restore = sched_getaffinity(0, sizeof(saved), &saved) == 0;
	spdk_unaffinitize_thread();
	result = cb(arg);
	if (restore) {
		sched_setaffinity(0, sizeof(saved), &saved);
	}
	return result;
}
