/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* EAL says what it does not like in several lines of its own and at times panics; so everything
 * that can be known before it is started is looked at here and put into one sentence. */

#include "core/env/env_private.h"

#include <rte_build_config.h>

#include "core/env/env_internal.h"

#define MB                ((uint64_t)1 << 20)
#define MAX_HUGEDIRS      16
#define FLOCK_PATIENCE_MS 5000
/* 64 connections at the gate with four each, files of block devices, EAL's and our own. */
#define SPARE_DESCRIPTORS 384

int
env_fail(char *err, size_t err_size, int rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, err_size, format, ap);
	va_end(ap);
	return rc;
}

void
env_opts_copy(struct spdk_env_opts *to, const struct spdk_env_opts *from)
{
	size_t size = from->opts_size;

	/* A caller from before the field knows the structure up to it. */
	if (size == 0) {
		size = offsetof(struct spdk_env_opts, opts_size);
	}
	memset(to, 0, sizeof(*to));
	memcpy(to, from, size < sizeof(*to) ? size : sizeof(*to));
	to->opts_size = sizeof(*to);
	if (to->mem_size <= 0) {
		to->mem_size = ENV_DEFAULT_MEM_MB;
	}
	if (to->core_mask == NULL && to->lcore_map == NULL) {
		to->core_mask = "0x1";
	}
	if (to->base_virtaddr == 0) {
		to->base_virtaddr = ENV_DEFAULT_BASE_ADDRESS;
	}
}

/* --- cores ------------------------------------------------------------------------------------ */

static int
first_of(const cpu_set_t *set)
{
	int i;

	for (i = 0; i < CPU_SETSIZE && !CPU_ISSET(i, set); i++) {
	}
	return i;
}

static int
cpus_check(const cpu_set_t *cpus, char *err, size_t err_size)
{
	cpu_set_t present, online;
	char has[256] = "?";
	unsigned cpu;

	if (env_machine_cpus("present", &present) != 0 ||
	    env_machine_cpus("online", &online) != 0) {
		return env_fail(err, err_size, -ENOENT,
		                "cannot tell which cores this machine has: is /sys mounted?");
	}
	env_cpu_list_format(&present, has, sizeof(has));
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus)) {
			continue;
		}
		if (!CPU_ISSET(cpu, &present)) {
			return env_fail(err, err_size, -EINVAL,
			                "core %u does not exist: this machine has %s", cpu, has);
		}
		if (!CPU_ISSET(cpu, &online)) {
			return env_fail(err, err_size, -EINVAL,
			                "core %u is offline: choose another, or `echo 1 > "
			                "/sys/devices/system/cpu/cpu%u/online`",
			                cpu, cpu);
		}
		if (!env_cpu_is_allowed(cpu)) {
			return env_fail(err, err_size, -EPERM,
			                "core %u is not allowed to this process (cpuset of its "
			                "cgroup): choose another, or allow it",
			                cpu);
		}
	}
	return 0;
}

int
env_plan_cores(const struct spdk_env_opts *opts, struct env_plan *plan, char *err, size_t err_size)
{
	int core, rc;

	if (opts->core_mask != NULL && opts->lcore_map != NULL) {
		return env_fail(err, err_size, -EINVAL,
		                "a core mask (-m %s) and a core map (--lcores %s) are given: use "
		                "one of them",
		                opts->core_mask, opts->lcore_map);
	}
	if (opts->lcore_map != NULL) {
		if (env_lcore_map_parse(opts->lcore_map, &plan->lcores, &plan->cpus) != 0) {
			return env_fail(err, err_size, -EINVAL,
			                "core map \"%s\" cannot be read: write lcores or "
			                "lcore@cpu, such as \"0,1@3,(4-5)@(6,7)\"",
			                opts->lcore_map);
		}
	} else {
		if (env_cores_parse(opts->core_mask, &plan->lcores) != 0) {
			return env_fail(err, err_size, -EINVAL,
			                "core mask \"%s\" cannot be read, or has no core: write a "
			                "hexadecimal mask (0x3) or a list ([0,2-3])",
			                opts->core_mask);
		}
		plan->cpus = plan->lcores;
	}
	rc = cpus_check(&plan->cpus, err, err_size);
	if (rc != 0) {
		return rc;
	}
	for (core = RTE_MAX_LCORE; core < CPU_SETSIZE; core++) {
		if (CPU_ISSET(core, &plan->lcores)) {
			return env_fail(err, err_size, -EINVAL,
			                "core %d cannot be used under its own number: DPDK was "
			                "built for %d, map it with --lcores '0@%d'",
			                core, RTE_MAX_LCORE, core);
		}
	}
	plan->main_core = (unsigned)first_of(&plan->lcores);
	if (opts->main_core >= 0) {
		if (opts->main_core >= CPU_SETSIZE || !CPU_ISSET(opts->main_core, &plan->lcores)) {
			return env_fail(err, err_size, -EINVAL,
			                "main core %d is not one of the given cores",
			                opts->main_core);
		}
		plan->main_core = (unsigned)opts->main_core;
	}
	return 0;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Shared out equally over the nodes that the cores are on, in whole pages, the rest to the first.
 */
static void
memory_share(struct env_plan *plan, unsigned mem_mb, uint64_t page_size)
{
	unsigned page_mb = page_size > MB ? (unsigned)(page_size / MB) : 1;
	unsigned pages = (mem_mb + page_mb - 1) / page_mb;
	bool used[ENV_MAX_NODES] = { false };
	unsigned cpu, node, num = 0, share;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &plan->cpus)) {
			node = env_machine_node_of(cpu);
			num += !used[node];
			used[node] = true;
		}
	}
	assert(num > 0); /* the set of CPUs is not empty: every parser refuses that */
	share = pages / num;
	pages -= share * num;
	for (node = 0; node < ENV_MAX_NODES; node++) {
		if (used[node]) {
			plan->mem_mb[node] = (share + pages) * page_mb;
			plan->total_mb += plan->mem_mb[node];
			plan->num_nodes = node + 1;
			pages = 0;
		}
	}
}

/* The mount that the user names, or the one with the smallest pages that has enough of them: EAL
 * would mix sizes and take a gigabyte page for a rest of two megabytes. */
static int
hugedir_choose(const struct spdk_env_opts *opts, struct env_hugedir *out, char *err,
               size_t err_size)
{
	uint64_t want = (uint64_t)opts->mem_size * MB;
	const struct env_hugedir *best = NULL, *d;
	struct env_hugedir dirs[MAX_HUGEDIRS];
	bool enough, best_enough = false;
	int i, count;

	count = env_machine_hugedirs(dirs, MAX_HUGEDIRS);
	for (i = 0; i < count; i++) {
		d = &dirs[i];
		if (opts->hugedir != NULL) {
			/* The mount itself or a folder below it. */
			size_t len = strlen(d->path);

			if (strncmp(opts->hugedir, d->path, len) != 0 ||
			    (opts->hugedir[len] != '\0' && opts->hugedir[len] != '/')) {
				continue;
			}
		}
		enough = d->num_free * d->page_size >= want;
		if (best == NULL || (enough && !best_enough) ||
		    (enough == best_enough &&
		     (enough ? d->page_size < best->page_size
		             : d->num_free * d->page_size > best->num_free * best->page_size))) {
			best = d;
			best_enough = enough;
		}
	}
	if (best == NULL && opts->hugedir != NULL) {
		return env_fail(err, err_size, -ENOENT,
		                "%s is not on a mounted hugetlbfs: name one that is, or leave "
		                "--huge-dir out",
		                opts->hugedir);
	}
	if (env_machine_pages_reserved() == 0) {
		return env_fail(err, err_size, -ENOMEM,
		                "this machine has no hugepages: run `scripts/setup.sh config`");
	}
	if (best == NULL) {
		return env_fail(err, err_size, -ENOENT,
		                "no hugetlbfs is mounted: run `scripts/setup.sh config`");
	}
	*out = *best;
	if (opts->hugedir != NULL) {
		snprintf(out->path, sizeof(out->path), "%s", opts->hugedir);
	}
	return 0;
}

static int
hugedir_check(const struct env_hugedir *dir, char *err, size_t err_size)
{
	char name[64];
	pid_t holder;
	int fd, ms;

	fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(AT_FDCWD, dir->path, W_OK | X_OK, AT_EACCESS) != 0) {
		if (fd >= 0) {
			close(fd);
		}
		return env_fail(
			err, err_size, -EACCES,
			"no permission to use the hugepages in %s: run as root, or without them "
			"(--no-huge)",
			dir->path);
	}
	/* EAL waits for this lock without end; whoever starts holds it for a fraction of a second.
	 */
	for (ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0 && ms < FLOCK_PATIENCE_MS; ms += 10) {
		usleep(10000);
	}
	if (ms >= FLOCK_PATIENCE_MS) {
		holder = env_machine_flock_holder(fd, name, sizeof(name));
		close(fd);
		return env_fail(
			err, err_size, -EBUSY,
			"%s has been locked for %d s by process %d (%s), a DPDK program that "
			"does not go on: continue or end it",
			dir->path, FLOCK_PATIENCE_MS / 1000, holder, name);
	}
	close(fd);
	return 0;
}

static int
pages_check(const struct env_plan *plan, char *err, size_t err_size)
{
	const struct env_hugedir *dir = &plan->hugedir;
	uint64_t page_size = dir->page_size;
	struct rlimit limit;
	uint64_t need, there;
	unsigned node;

	need = plan->total_mb * MB / page_size;
	if (need > dir->num_free) {
		return env_fail(err, err_size, -ENOMEM,
		                "%u MB are wanted (-s) but only %" PRIu64
		                " MB of hugepages are free (%" PRIu64 " of %" PRIu64
		                " pages of %" PRIu64 " MB): end what uses them, ask for less, or "
		                "reserve more with `scripts/setup.sh config`",
		                plan->total_mb, dir->num_free * page_size / MB, dir->num_free,
		                dir->num_pages, page_size / MB);
	}
	for (node = 0; node < plan->num_nodes; node++) {
		need = plan->mem_mb[node] * MB / page_size;
		there = env_machine_node_free(node, page_size);
		if (need > there) {
			return env_fail(err, err_size, -ENOMEM,
			                "%u MB are wanted on NUMA node %u but only %" PRIu64
			                " MB of hugepages are free there: reserve more on it, or "
			                "choose cores of one node",
			                plan->mem_mb[node], node, there * page_size / MB);
		}
	}
	/* EAL keeps a descriptor a page, and raises the soft limit to the hard one itself. */
	need = plan->total_mb * MB / page_size + SPARE_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < need) {
		return env_fail(err, err_size, -EMFILE,
		                "%u MB in pages of %" PRIu64 " MB take %" PRIu64
		                " descriptors but at most %" PRIu64
		                " are allowed: raise `ulimit -Hn`, or ask for less with -s",
		                plan->total_mb, page_size / MB, need, (uint64_t)limit.rlim_max);
	}
	return 0;
}

int
env_plan_make(const struct spdk_env_opts *opts, struct env_plan *plan, char *err, size_t err_size)
{
	int rc;

	memset(plan, 0, sizeof(*plan));
	rc = env_plan_cores(opts, plan, err, err_size);
	if (rc != 0) {
		return rc;
	}
	if (opts->iova_mode != NULL && strcmp(opts->iova_mode, "pa") != 0 &&
	    strcmp(opts->iova_mode, "va") != 0) {
		return env_fail(err, err_size, -EINVAL,
		                "I/O address mode \"%s\" does not exist: it is \"pa\" or \"va\"",
		                opts->iova_mode);
	}
	if (opts->pci_allowed != NULL && opts->pci_blocked != NULL) {
		return env_fail(err, err_size, -EINVAL,
		                "PCI devices are both allowed (-A) and blocked (-B): use one of "
		                "them");
	}
	if (opts->no_huge) {
		memory_share(plan, (unsigned)opts->mem_size, MB);
		return 0;
	}
	rc = hugedir_choose(opts, &plan->hugedir, err, err_size);
	if (rc == 0) {
		rc = hugedir_check(&plan->hugedir, err, err_size);
	}
	if (rc == 0) {
		memory_share(plan, (unsigned)opts->mem_size, plan->hugedir.page_size);
		rc = pages_check(plan, err, err_size);
	}
	return rc;
}

int
env_primary_check(const struct spdk_env_opts *opts, char *err, size_t err_size)
{
	struct spdk_env_opts copy;
	struct env_plan plan;

	env_opts_copy(&copy, opts);
	return env_plan_make(&copy, &plan, err, err_size);
}

int
env_primary_cpus(const struct spdk_env_opts *opts, void *cpus, size_t size)
{
	struct spdk_env_opts copy;
	struct env_plan plan;
	char err[256];
	int rc;

	env_opts_copy(&copy, opts);
	memset(&plan, 0, sizeof(plan));
	rc = env_plan_cores(&copy, &plan, err, sizeof(err));
	if (rc == 0) {
		memset(cpus, 0, size);
		memcpy(cpus, &plan.cpus, size < sizeof(plan.cpus) ? size : sizeof(plan.cpus));
	}
	return rc;
}
