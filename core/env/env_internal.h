/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the rest of the tree may ask of env beyond spdk/env.h. env is the one place that knows EAL.
 */

#ifndef CAL_CORE_ENV_INTERNAL_H
#define CAL_CORE_ENV_INTERNAL_H

#include <stddef.h>

struct spdk_env_opts;

/** Look at everything that can be known before EAL is started: cores that do not exist or are
 *  offline, both core_mask and lcore_map, too few free hugepages for opts->mem_size, no hugetlbfs
 *  mounted, no permission. `err` gets one sentence: what is wrong and what to do. Main thread.
 *  Returns 0 or a negative errno. */
int env_primary_check(const struct spdk_env_opts *opts, char *err, size_t err_size);

/** The CPUs that reactors started with these options will run on; `cpus` is a cpu_set_t of `size`
 *  bytes. Needs no EAL. Returns 0, or -EINVAL for what env_primary_check() refuses. */
int env_primary_cpus(const struct spdk_env_opts *opts, void *cpus, size_t size);

/** spdk_env_init() with its sentence in `err` in place of the log. Main thread. */
int env_primary_init(const struct spdk_env_opts *opts, char *err, size_t err_size);

/** The same in a process whose environment was started before and has ended: EAL can be started
 * once a process, so its cores and its memory are what they were. -EINVAL for options that want
 * others. Main thread. */
int env_primary_restart(const struct spdk_env_opts *opts, char *err, size_t err_size);

/** Write the empty snapshot of our EAL runtime files to instance `id`'s template folder. After
 *  spdk_env_init() and all memzones, before the reactors run and before the first attach. Main
 *  thread. Returns 0 or a negative errno. */
int env_template_write(int id);

/** In a secondary: make a private copy of `template_dir` in `private_dir` (exists, empty), start
 * EAL over it with one lcore that is the present CPU affinity, and remove the copy again: it is
 * mapped by then. Shares no lock, no heap and no page with the primary. Once a process. Returns 0
 * or a negative errno with a sentence in `err`. */
int env_secondary_init(const char *template_dir, const char *private_dir, char *err,
                       size_t err_size);

/** … and give back what EAL mapped and its threads, in a process that goes on without its primary.
 *  Nothing of EAL may be used afterwards. Does nothing in any other process. */
void env_secondary_fini(void);

#endif
