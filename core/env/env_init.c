/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/env/env_internal.h"
#include "core/env/env_mem_map.h"
#include "core/env/env_pci_private.h"
#include "core/env/env_private.h"

#include <rte_eal.h>
#include <rte_memory.h>
#include <sys/mman.h>

#include "calandria/instance.h"
#include "spdk/env_dpdk.h"
#include "spdk/log.h"

static struct {
	bool eal_started;
	bool external;
	bool in_use;
	/* Of the instance: nobody claimed it before us, so it goes with us. */
	char own_dir[CAL_PATH_MAX];
	char hugedir[ENV_PATH_MAX];
	/* What EAL was started with. */
	struct env_plan plan;
} g_env;

const char *
env_hugedir(void)
{
	return g_env.hugedir;
}

void
spdk_env_opts_init(struct spdk_env_opts *opts)
{
	struct spdk_env_opts def = {
		.name = "calandria",
		.core_mask = "0x1",
		.shm_id = -1,
		.mem_channel = -1,
		.main_core = -1,
		.mem_size = -1,
		.base_virtaddr = ENV_DEFAULT_BASE_ADDRESS,
	};
	size_t size;

	if (opts == NULL) {
		return;
	}
	def.opts_size = opts->opts_size;
	size = def.opts_size != 0 ? def.opts_size : offsetof(struct spdk_env_opts, opts_size);
	memcpy(opts, &def, size < sizeof(def) ? size : sizeof(def));
}

/* An application has claimed its instance's folder before it comes here; a program that uses the
 * environment alone has not. */
static int
instance_dir_make(int id, char *dir, size_t size)
{
	char parent[CAL_PATH_MAX];
	int rc;

	rc = cal_instance_path(dir, size, id, "");
	if (rc != 0 || access(dir, F_OK) == 0) {
		return rc;
	}
	snprintf(parent, sizeof(parent), "%s", dir);
	rc = env_dir_make(dirname(parent));
	if (rc == 0) {
		rc = env_dir_make(dir);
	}
	if (rc == 0) {
		snprintf(g_env.own_dir, sizeof(g_env.own_dir), "%s", dir);
	}
	return rc;
}

static void
own_dir_remove(void)
{
	if (g_env.own_dir[0] != '\0') {
		env_dir_remove(g_env.own_dir);
		g_env.own_dir[0] = '\0';
	}
}

/* What is in the hugepages is users' data, and gigabytes of it. EAL asks for this when it reserves
 * the addresses, but maps the pages over them, which forgets it. */
static int
dont_dump(const struct rte_memseg_list *list, const struct rte_memseg *seg, size_t len, void *arg)
{
	(void)madvise(seg->addr, len, MADV_DONTDUMP);
	return 0;
}

static int
eal_start(const struct spdk_env_opts *opts, char *err, size_t err_size)
{
	struct spdk_env_opts copy;
	char dir[CAL_PATH_MAX];
	struct env_args args;
	struct env_plan plan;
	int id, rc;

	env_opts_copy(&copy, opts);
	rc = env_plan_make(&copy, &plan, err, err_size);
	if (rc != 0) {
		return rc;
	}
	rc = env_pci_start(&copy);
	if (rc != 0) {
		return env_fail(err, err_size, rc, "no memory for the list of PCI addresses");
	}
	id = copy.shm_id >= 0 ? copy.shm_id : getpid();
	rc = instance_dir_make(id, dir, sizeof(dir));
	if (rc != 0) {
		return env_fail(err, err_size, rc, "cannot create the folder of instance %d: %s",
		                id, strerror(-rc));
	}
	rc = env_args_build(&args, &copy, &plan, spdk_log_get_print_level() >= SPDK_LOG_DEBUG);
	if (rc != 0) {
		return env_fail(err, err_size, rc, "too many options for DPDK's EAL: %s",
		                strerror(-rc));
	}
	rc = env_eal_start(&args, dir, err, err_size);
	env_args_free(&args);
	if (rc == 0) {
		g_env.eal_started = true;
		snprintf(g_env.hugedir, sizeof(g_env.hugedir), "%s", plan.hugedir.path);
		g_env.plan = plan;
		env_memory_start(&plan, copy.enforce_numa);
		(void)rte_memseg_contig_walk(dont_dump, NULL);
	}
	return rc;
}

int
env_primary_init(const struct spdk_env_opts *opts, char *err, size_t err_size)
{
	int rc;

	if (g_env.in_use || (opts == NULL) != g_env.eal_started) {
		return env_fail(err, err_size, g_env.in_use ? -EALREADY : -EINVAL,
		                "the environment is %s",
		                g_env.in_use || opts != NULL
		                        ? "started already: start it again with no options after "
		                          "its end"
		                        : "not started yet: give it options");
	}
	if (opts != NULL) {
		rc = eal_start(opts, err, err_size);
		if (rc != 0) {
			own_dir_remove();
			return rc;
		}
	}
	rc = env_vtophys_start(false);
	if (rc != 0) {
		own_dir_remove();
		return env_fail(err, err_size, rc, "the memory cannot be registered: %s",
		                strerror(-rc));
	}
	g_env.in_use = true;
	return 0;
}

int
env_primary_restart(const struct spdk_env_opts *opts, char *err, size_t err_size)
{
	struct spdk_env_opts copy;
	struct env_plan plan;
	int rc;

	env_opts_copy(&copy, opts);
	memset(&plan, 0, sizeof(plan));
	rc = env_plan_cores(&copy, &plan, err, err_size);
	if (rc != 0) {
		return rc;
	}
	if (!CPU_EQUAL(&plan.lcores, &g_env.plan.lcores) ||
	    plan.main_core != g_env.plan.main_core || copy.mem_size > (int)g_env.plan.total_mb) {
		return env_fail(err, err_size, -EINVAL,
		                "this process was started before with other cores or less memory, "
		                "which DPDK's EAL keeps: use the same ones, or a new process");
	}
	return env_primary_init(NULL, err, err_size);
}

int
spdk_env_init(const struct spdk_env_opts *opts)
{
	char err[512];
	int rc;

	rc = env_primary_init(opts, err, sizeof(err));
	if (rc != 0) {
		SPDK_ERRLOG("%s\n", err);
	}
	return rc;
}

void
spdk_env_fini(void)
{
	/* EAL can be started once a process, so it stays until the process ends; its memory was
	 * unlinked when it was mapped, and its files go with the instance's folder. */
	if (g_env.in_use) {
		env_vtophys_stop();
		env_pci_stop();
	}
	own_dir_remove();
	g_env.in_use = false;
}

int
spdk_env_dpdk_post_init(bool legacy_mem)
{
	int rc;

	if (g_env.eal_started) {
		return -EALREADY;
	}
	rc = env_vtophys_start(!legacy_mem && rte_eal_has_hugepages() != 0);
	if (rc != 0) {
		SPDK_ERRLOG("the memory of the program's EAL cannot be registered: %s\n",
		            strerror(-rc));
		return rc;
	}
	g_env.eal_started = true;
	g_env.external = true;
	g_env.in_use = true;
	env_memory_start(NULL, false);
	return 0;
}

void
spdk_env_dpdk_post_fini(void)
{
	if (g_env.external) {
		env_vtophys_stop();
	}
	g_env.eal_started = false;
	g_env.external = false;
	g_env.in_use = false;
}

bool
spdk_env_dpdk_external_init(void)
{
	return g_env.external;
}

bool
spdk_process_is_primary(void)
{
	return rte_eal_process_type() == RTE_PROC_PRIMARY;
}
