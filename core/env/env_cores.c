/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_private.h"

#include <rte_launch.h>
#include <rte_lcore.h>

#include "spdk/cpuset.h"

uint32_t
spdk_env_get_core_count(void)
{
	return rte_lcore_count();
}

uint32_t
spdk_env_get_current_core(void)
{
	return rte_lcore_id();
}

uint32_t
spdk_env_get_main_core(void)
{
	return rte_get_main_lcore();
}

uint32_t
spdk_env_get_next_core(uint32_t prev_core)
{
	unsigned lcore = rte_get_next_lcore(prev_core, 0, 0);

	return lcore < RTE_MAX_LCORE ? lcore : UINT32_MAX;
}

uint32_t
spdk_env_get_first_core(void)
{
	return spdk_env_get_next_core(UINT32_MAX);
}

uint32_t
spdk_env_get_last_core(void)
{
	uint32_t core, last = UINT32_MAX;

	SPDK_ENV_FOREACH_CORE (core) {
		last = core;
	}
	return last;
}

void
spdk_env_get_cpuset(struct spdk_cpuset *cpuset)
{
	uint32_t core;

	spdk_cpuset_zero(cpuset);
	SPDK_ENV_FOREACH_CORE (core) {
		spdk_cpuset_set_cpu(cpuset, core, true);
	}
}

static bool
siblings_add(struct spdk_cpuset *cpuset, uint32_t core)
{
	cpu_set_t siblings;
	uint32_t cpu;

	if (env_machine_siblings(core, &siblings) != 0) {
		return false;
	}
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &siblings)) {
			spdk_cpuset_set_cpu(cpuset, cpu, true);
		}
	}
	return true;
}

bool
spdk_env_core_get_smt_cpuset(struct spdk_cpuset *cpuset, uint32_t core)
{
	spdk_cpuset_zero(cpuset);
	if (core != UINT32_MAX) {
		return siblings_add(cpuset, core);
	}
	SPDK_ENV_FOREACH_CORE (core) {
		if (!siblings_add(cpuset, core)) {
			return false;
		}
	}
	return true;
}

int
spdk_env_thread_launch_pinned(uint32_t core, thread_start_fn fn, void *arg)
{
	/* The main core's thread is the caller's: it would never look. */
	if (!rte_lcore_is_enabled(core) || core == rte_get_main_lcore()) {
		return -EINVAL;
	}
	return rte_eal_remote_launch(fn, arg, core);
}

void
spdk_env_thread_wait_all(void)
{
	rte_eal_mp_wait_lcore();
}

int
spdk_get_tid(void)
{
	static __thread int tid;

	if (tid == 0) {
		tid = (int)syscall(SYS_gettid);
	}
	return tid;
}
