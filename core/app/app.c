/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* spdk_app_start() and spdk_app_fini(): what the main thread does, in the order of the table below.
 * A stage that fails says why in g_app.reason, and those before it are undone in reverse. */

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "calandria/stats.h"
#include "core/app/app_internal.h"
#include "core/app/app_opts.h"
#include "core/app/app_private.h"
#include "core/app/state.h"
#include "core/app/subsystem.h"
#include "core/env/env_internal.h"
#include "core/reactor/reactor_internal.h"
#include "core/rpc/rpc_server.h"
#include "core/util/log_internal.h"
#include "core/util/systemd.h"
#include "ipc/gate/control.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/rpc.h"

struct app g_app = { .lock_fd = -1 };

static bool g_env_was_up; /* EAL can be started once a process */

static bool g_is_up; /* there is something for spdk_app_fini() to take down */

static void
env_opts_fill(struct spdk_env_opts *env)
{
	const struct spdk_app_opts *opts = &g_app.opts;

	memset(env, 0, sizeof(*env));
	env->opts_size = sizeof(*env);
	spdk_env_opts_init(env);
	env->name = opts->name;
	env->core_mask = opts->lcore_map == NULL ? opts->reactor_mask : NULL;
	env->lcore_map = opts->lcore_map;
	env->shm_id = g_app.id;
	env->mem_channel = opts->mem_channel;
	env->main_core = opts->main_core;
	env->mem_size = opts->mem_size;
	env->no_pci = opts->no_pci;
	env->hugepage_single_segments = opts->hugepage_single_segments;
	env->unlink_hugepage = opts->unlink_hugepage;
	env->no_huge = opts->no_huge;
	env->hugedir = opts->hugedir;
	env->num_pci_addr = opts->num_pci_addr;
	env->pci_blocked = opts->pci_blocked;
	env->pci_allowed = opts->pci_allowed;
	env->iova_mode = opts->iova_mode;
	env->base_virtaddr = opts->base_virtaddr;
	env->env_context = opts->env_context;
	env->vf_token = opts->vf_token;
	env->enforce_numa = opts->enforce_numa;
}

/* --- stages ----------------------------------------------------------------------------------- */

static int
machine_check(void)
{
	struct spdk_env_opts env;

	/* The memory of a process that was started before is there already. */
	if (g_env_was_up) {
		return 0;
	}
	env_opts_fill(&env);
	return env_primary_check(&env, g_app.reason, sizeof(g_app.reason));
}

static int
env_up(void)
{
	struct spdk_env_opts env;
	int rc;

	env_opts_fill(&env);
	rc = g_env_was_up ? env_primary_restart(&env, g_app.reason, sizeof(g_app.reason))
	                  : env_primary_init(&env, g_app.reason, sizeof(g_app.reason));
	if (rc != 0) {
		return rc;
	}
	g_env_was_up = true;
	rc = cal_stats_create(g_app.id, spdk_get_ticks_hz());
	if (rc != 0) {
		spdk_env_fini();
		return app_fail(rc, "cannot create the stats segment: %s", strerror(-rc));
	}
	return 0;
}

static void
env_down(void)
{
	cal_stats_destroy();
	spdk_env_fini();
}

static int
cores_up(void)
{
	int core = 0, rc;
	pid_t owner = 0;

	if (g_app.opts.disable_cpumask_locks) {
		return 0;
	}
	rc = reactors_lock_cores(&core, &owner);
	if (rc == -EBUSY) {
		return app_fail(
			rc,
			"core %d is in use by process %d: choose other cores (-m), or share it "
			"with --disable-cpumask-locks",
			core, (int)owner);
	}
	return rc == 0 ? 0
	               : app_fail(rc,
	                          "cannot claim core %d: %s (--disable-cpumask-locks starts "
	                          "without)",
	                          core, strerror(-rc));
}

static int
reactors_up(void)
{
	struct spdk_cpuset mask;
	int rc;

	rc = env_template_write(g_app.id);
	if (rc != 0) {
		return app_fail(rc, "cannot write the template for control processes: %s",
		                strerror(-rc));
	}
	if (g_app.opts.interrupt_mode) {
		rc = spdk_interrupt_mode_enable();
		if (rc != 0) {
			return app_fail(rc, "interrupt mode cannot be had: %s", strerror(-rc));
		}
	}
	rc = rpc_server_prepare();
	if (rc != 0) {
		return app_fail(rc, "no memory for the answers of RPCs");
	}
	rc = reactors_init();
	if (rc != 0) {
		return app_fail(rc, "reactors do not start: %s", strerror(-rc));
	}
	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, spdk_env_get_main_core(), true);
	g_app.thread = spdk_thread_create("app_thread", &mask);
	if (g_app.thread == NULL || spdk_thread_send_msg(g_app.thread, app_run_begin, NULL) != 0) {
		reactors_fini();
		return app_fail(-ENOMEM, "cannot create the application's thread: out of memory");
	}
	return 0;
}

static void
reactors_down(void)
{
	reactors_fini();
	g_app.thread = NULL;
}

static void
coredump_allow(void)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

	/* An unprivileged process keeps the limit that it has. */
	if (g_app.opts.enable_coredump) {
		(void)setrlimit(RLIMIT_CORE, &limit);
	}
}

static int
log_up(void)
{
	spdk_log_open(g_app.opts.log);
	spdk_log_set_print_level(g_app.opts.print_level);
	return 0;
}

/* The list is checked against what was registered by constructors; an application may add more, so
 * an unknown name ends nothing. */
static void
warn_of_unknown_methods(const char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++) {
		if (spdk_rpc_is_method_allowed(list[i], UINT32_MAX) == -ENOENT) {
			SPDK_WARNLOG(
				"--rpcs-allowed names %s, and there is no such RPC method: `calctl "
				"methods` of an instance without that option lists them\n",
				list[i]);
		}
	}
}

/* By name or number. Asking who has the name may take long: nothing runs yet. */
static int
gate_group_take(const char *name)
{
	struct group *group;
	uint64_t number;
	char *end;

	g_app.gate_group = (gid_t)-1;
	if (name == NULL) {
		return 0;
	}
	if (geteuid() != 0) {
		return app_fail(1, "--gate-group gives those who attach folders of their own: run "
		                   "this as root, or leave the option out");
	}
	group = getgrnam(name);
	if (group != NULL) {
		g_app.gate_group = group->gr_gid;
		return 0;
	}
	errno = 0;
	number = strtoull(name, &end, 10);
	if (errno != 0 || name[0] < '0' || name[0] > '9' || *end != '\0' || number >= (gid_t)-1) {
		return app_fail(1,
		                "--gate-group: there is no group %s: create it (groupadd %s), or "
		                "name another one",
		                name, name);
	}
	g_app.gate_group = (gid_t)number;
	return 0;
}

static int
options_take(const struct spdk_app_opts *user, spdk_msg_fn start_fn)
{
	int rc;

	rc = app_opts_take(&g_app.opts, user, g_app.reason, sizeof(g_app.reason));
	if (rc != 0) {
		return rc;
	}
	if (start_fn == NULL) {
		return app_fail(
			1, "spdk_app_start() was called without a start function: give it one");
	}
	if (app_args()->state_dir != NULL && g_app.opts.shm_id < 0) {
		return app_fail(
			-EINVAL,
			"--state-dir keeps the configuration of an instance with an id: name one "
			"with -i");
	}
	g_app.by_hand = app_args()->no_services;
	if (gate_group_take(app_args()->gate_group) != 0 ||
	    subsystem_sort(g_app.reason, sizeof(g_app.reason)) != 0) {
		return 1;
	}
	rc = rpc_server_set_allowlist((const char *const *)g_app.opts.rpc_allowlist);
	warn_of_unknown_methods(g_app.opts.rpc_allowlist);
	return rc == 0 ? 0 : app_fail(1, "the list of allowed methods: %s", strerror(-rc));
}

static void
log_down(void)
{
	log_set_writer(NULL);
	spdk_log_close();
}

static void
boot_down(void)
{
	log_set_writer(NULL);
	app_boot_finish();
	app_boot_fini();
}

static int
boot_up(void)
{
	struct spdk_env_opts env;
	cpu_set_t cpus;
	int rc;

	env_opts_fill(&env);
	rc = env_primary_cpus(&env, &cpus, sizeof(cpus));
	if (rc == 0) {
		rc = app_boot(&cpus);
	}
	if (rc == 0) {
		log_set_writer(control_post);
	}
	return rc;
}

static const struct stage {
	int (*up)(void);
	void (*down)(void);
	const char *doing; /* what the state file says meanwhile */
	/* What spdk_app_start() returns when it fails: SPDK's, which is 1 for nearly all; 0: what
	 * up() returned. */
	int rc;
} g_stages[] = {
	{ log_up, log_down, "", 1 },
	{ app_signals_up, app_signals_down, "", 1 },
	{ app_instance_up, app_instance_down, "", 1 },
	{ machine_check, NULL, "a look at the machine", 1 },
	{ app_config_up, app_config_down, "", 1 },
	{ boot_up, boot_down, "the control thread, its gate and services", 1 },
	{ env_up, env_down, "EAL, which maps the memory and looks for devices", 1 },
	{ cores_up, reactors_unlock_cores, "the locks of its cores", 1 },
	{ app_boot_wait_checked, NULL, "cal-confd, which checks the configuration", 0 },
	{ reactors_up, reactors_down, "the reactors", 1 },
};
#define NUM_STAGES (sizeof(g_stages) / sizeof(g_stages[0]))

static void
stages_down(size_t from)
{
	while (from-- > 0) {
		if (g_stages[from].down != NULL) {
			g_stages[from].down();
		}
	}
}

static int
stages_up(void)
{
	size_t i;

	for (i = 0; i < NUM_STAGES; i++) {
		app_state_doing("%s", g_stages[i].doing);
		g_app.rc = app_boot_is_interrupted() ? -ECANCELED : g_stages[i].up();
		if (g_app.rc == 0) {
			continue;
		}
		if (g_app.rc == -ECANCELED) {
			/* A signal came: stopping a start is no failure. */
			g_app.rc = 0;
			g_app.reason[0] = '\0';
			stages_down(i);
			return -ECANCELED;
		}
		if (g_stages[i].rc != 0) {
			g_app.rc = g_stages[i].rc;
		}
		state_set_reason(g_app.reason);
		stages_down(i);
		return g_app.rc;
	}
	return 0;
}

int
spdk_app_start(struct spdk_app_opts *opts_user, spdk_msg_fn start_fn, void *ctx)
{
	int rc;

	if (g_is_up) {
		SPDK_ERRLOG("spdk_app_start() was called twice: call spdk_app_fini() in between\n");
		return -EALREADY;
	}
	memset(&g_app, 0, sizeof(g_app));
	g_app.lock_fd = -1;
	g_app.start_fn = start_fn;
	g_app.start_ctx = ctx;
	app_systemd_open();
	state_set_observer(app_systemd_state_entered);
	rc = options_take(opts_user, start_fn);
	if (rc == 0) {
		coredump_allow();
		rc = stages_up();
	}
	if (rc == -ECANCELED) {
		systemd_close();
		return 0;
	}
	if (rc != 0) {
		g_app.rc = rc;
		app_say_why(g_app.opts.name);
		systemd_close();
		return rc;
	}
	g_is_up = true;
	app_boot_handover();
	rc = reactors_start();
	if (rc != 0) {
		g_app.rc = app_fail(rc, "reactors do not run: %s", strerror(-rc));
	}
	/* From here on spdk_app_stop() finds nothing to stop. */
	__atomic_store_n(&g_app.thread, NULL, __ATOMIC_RELAXED);
	/* Nor does a signal, should the app thread have ended before it could say so. */
	app_boot_mute();
	app_boot_finish();
	if (g_app.reason[0] != '\0') {
		log_flush();
		app_say_why(g_app.opts.name);
	}
	return g_app.rc;
}

void
spdk_app_fini(void)
{
	if (g_is_up) {
		stages_down(NUM_STAGES);
		systemd_close();
		g_is_up = false;
	}
}

int
spdk_app_get_shm_id(void)
{
	return g_app.id;
}

const struct spdk_cpuset *
spdk_app_get_core_mask(void)
{
	return reactors_get_cpuset();
}

int
spdk_app_parse_core_mask(const char *mask, struct spdk_cpuset *cpumask)
{
	if (spdk_cpuset_parse(cpumask, mask) != 0) {
		return -1;
	}
	spdk_cpuset_and(cpumask, reactors_get_cpuset());
	return 0;
}
