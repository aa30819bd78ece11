/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of this folder share with each other and with nobody else. */

#ifndef CAL_CORE_ENV_PRIVATE_H
#define CAL_CORE_ENV_PRIVATE_H

#include "spdk/stdinc.h"
#include "spdk/env.h"

#define ENV_DEFAULT_MEM_MB       256
#define ENV_DEFAULT_BASE_ADDRESS 0x200000000000ull
#define ENV_MAX_NODES            32 /* as many as DPDK was built for */
#define ENV_PATH_MAX             256

/** Write a sentence to `err` and return `rc`. */
int env_fail(char *err, size_t err_size, int rc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* --- env_cores_parse.c: what users write for cores -------------------------------------------- */

/** Read "0x3", "3" (hexadecimal), "[0,2-3]" or "0,2-3". Returns 0, or -EINVAL for anything else and
 *  for an empty set. */
int env_cores_parse(const char *text, cpu_set_t *out);
/** Read a map as EAL's --lcores takes it ("0,1@3,(4-5)@(6,7)"): `lcores` are the numbers on the
 *  left, `cpus` the processors that they run on. Returns 0 or -EINVAL. */
int env_lcore_map_parse(const char *text, cpu_set_t *lcores, cpu_set_t *cpus);
/** Read "0,2-3" as the kernel writes it; an empty string is an empty set. Returns 0 or -EINVAL. */
int env_cpu_list_parse(const char *text, cpu_set_t *out);
/** Write "0,2-3". Returns 0 or -ENAMETOOLONG. */
int env_cpu_list_format(const cpu_set_t *set, char *buf, size_t size);

/* --- env_machine.c: what the machine has ------------------------------------------------------ */

struct env_hugedir {
	char path[ENV_PATH_MAX];
	uint64_t page_size; /* bytes */
	uint64_t num_pages; /* reserved on the machine, of this size */
	uint64_t num_free;  /* of them, what a new process can have */
};

/** Where /sys and /proc are taken from, for tests; NULL for the real ones. */
void env_machine_set_roots(const char *sys, const char *proc);
/** The CPUs that the kernel knows of (`which` "present") or runs ("online"). */
int env_machine_cpus(const char *which, cpu_set_t *out);
/** The NUMA node of a CPU, 0 where the machine does not say. */
unsigned env_machine_node_of(unsigned cpu);
/** The CPUs of a NUMA node. Returns 0, or a negative errno when there is no such node. */
int env_machine_node_cpus(unsigned node, cpu_set_t *out);
/** The hardware siblings of a CPU, itself included. Returns 0 or a negative errno. */
int env_machine_siblings(unsigned cpu, cpu_set_t *out);
/** The mounted hugetlbfs folders, at most `max`. Returns their number or a negative errno. */
int env_machine_hugedirs(struct env_hugedir *out, int max);
/** Free pages of one size on one NUMA node; the machine's where it has no nodes. */
uint64_t env_machine_node_free(unsigned node, uint64_t page_size);
/** Pages of every size that are reserved, mounted or not. */
uint64_t env_machine_pages_reserved(void);
/** Who holds an flock() of the file that `fd` is; 0 when that cannot be told. `name` gets what that
 *  process is called. */
pid_t env_machine_flock_holder(int fd, char *name, size_t size);

/* --- env_affinity.c --------------------------------------------------------------------------- */

/** Whether the kernel lets the caller run on a CPU; it does not where its cgroup has others only.
 */
bool env_cpu_is_allowed(unsigned cpu);

/* --- env_plan.c: from the options and the machine to what EAL shall be told ------------------- */

struct env_plan {
	cpu_set_t lcores;
	cpu_set_t cpus;
	unsigned main_core;
	unsigned num_nodes;             /* highest node that gets memory, plus one */
	unsigned mem_mb[ENV_MAX_NODES]; /* a node, each a multiple of the page size */
	unsigned total_mb;
	struct env_hugedir hugedir; /* unused with no_huge */
};

/** The options as they count: defaults for what the caller's structure is too small to say. */
void env_opts_copy(struct spdk_env_opts *to, const struct spdk_env_opts *from);
/** The part of it that is about cores. */
int env_plan_cores(const struct spdk_env_opts *opts, struct env_plan *plan, char *err,
                   size_t err_size);
/** Check everything that can be known beforehand. Returns 0, or a negative errno and a sentence. */
int env_plan_make(const struct spdk_env_opts *opts, struct env_plan *plan, char *err,
                  size_t err_size);

/* --- env_args.c: EAL's command line ----------------------------------------------------------- */

#define ENV_MAX_ARGS 96

struct env_args {
	char *argv[ENV_MAX_ARGS + 1];
	int argc;
	bool failed; /* out of memory or of places: env_args_build() and env_args_done() say so */
};

void env_args_add(struct env_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void env_args_free(struct env_args *args);
/** The primary's. Returns 0 or -ENOMEM/-E2BIG. */
int env_args_build(struct env_args *args, const struct spdk_env_opts *opts,
                   const struct env_plan *plan, bool debug);

/* --- env_eal.c: EAL itself, the same for primary and secondary -------------------------------- */

/** Run rte_eal_init() with RUNTIME_DIRECTORY set to `runtime_dir` for its duration; its messages go
 *  to our log, what it said last to `err`; the descriptors that it opened are made close-on-exec.
 *  Returns 0 or a negative errno. */
int env_eal_start(struct env_args *args, const char *runtime_dir, char *err, size_t err_size);

/* --- env_init.c ------------------------------------------------------------------------------- */

/** The hugepage folder that EAL was started with, "" without hugepages or before that. */
const char *env_hugedir(void);

/* --- env_memory.c ----------------------------------------------------------------------------- */

/** After EAL's start: freeze the heap's size and start its accounts. */
void env_memory_start(const struct env_plan *plan, bool enforce_numa);
/** Enter `bytes` (negative: given back) in `allocs` allocations in the heap's accounts. */
void env_memory_account(int64_t bytes, int64_t allocs);

/* --- env_files.c: small work on run-time files ------------------------------------------------ */

/** Create a folder (0700) unless it is there. Returns 0 or a negative errno. */
int env_dir_make(const char *path);
/** Remove a folder with all that is in it; no symbolic link is followed. */
void env_dir_remove(const char *path);

/* --- env_time.c ------------------------------------------------------------------------------- */

/** The TSC's rate, measured once against the kernel's clock. Any thread. */
uint64_t env_tsc_hz(void);

#endif
