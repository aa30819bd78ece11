/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* spdk_app_start() and spdk_app_fini(): what the main thread does, in the order of the table below.
 * A stage that fails says why in g_app.reason, and those before it are undone in reverse. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/app/app_internal.h"
#include "core/app/app_opts.h"
#include "core/app/app_private.h"
#include "core/app/state.h"
#include "core/app/subsystem.h"
#include "core/env/env_internal.h"
#include "core/reactor/reactor_internal.h"
#include "core/rpc/rpc_server.h"
#include "core/util/folder.h"
#include "core/util/log_internal.h"
#include "ipc/gate/control.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/util.h"

/* Where configuration data that is no file is put, in the instance's folder. */
#define CONFIG_NAME "config.json"
/* What must be free there: 2 MB on a machine with one memory node, more with more. */
#define RUN_FILES_KB 8192u

struct app g_app = { .lock_fd = -1 };

static bool g_env_was_up; /* EAL can be started once a process */

static bool g_is_up; /* there is something for spdk_app_fini() to take down */

static int __attribute__((format(printf, 2, 3))) fail(int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(g_app.reason, sizeof(g_app.reason), fmt, args);
	va_end(args);
	return rc;
}

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

/* EAL and the template map sparse files there (some 2 MB, and 0.3 MB for each process that
 * attaches): where they cannot be filled, a store to them is a SIGBUS without a word. */
static int
room_check(void)
{
	char path[CAL_PATH_MAX];
	struct statvfs fs;
	uint64_t free_kb;

	if (cal_instance_path(path, sizeof(path), g_app.id, "") != 0 || statvfs(path, &fs) != 0 ||
	    fs.f_blocks == 0) {
		return 0; /* a file system that has no such figure */
	}
	free_kb = (uint64_t)fs.f_bavail * fs.f_frsize / 1024;
	if (free_kb >= RUN_FILES_KB) {
		return 0;
	}
	return fail(-ENOSPC,
	            "%s has room for %" PRIu64 " KB, and an instance's files need %u: make room, "
	            "or set CALANDRIA_RUN_ROOT to a folder elsewhere",
	            path, free_kb, RUN_FILES_KB);
}

static int
instance_up(void)
{
	pid_t owner;
	int rc;

	g_app.id = g_app.opts.shm_id >= 0 ? g_app.opts.shm_id : getpid();
	g_app.lock_fd = cal_instance_claim(g_app.id, &owner);
	if (g_app.lock_fd == -EBUSY) {
		return fail(
			-EBUSY,
			"instance %d is in use by process %d: stop that one (calctl -i %d stop) or "
			"choose another id (-i)",
			g_app.id, (int)owner, g_app.id);
	}
	if (g_app.lock_fd < 0) {
		char path[CAL_PATH_MAX] = "its folder";

		(void)cal_instance_path(path, sizeof(path), g_app.id, "");
		return fail(g_app.lock_fd,
		            "cannot take over %s: %s (run as root, or set "
		            "CALANDRIA_RUN_ROOT to a folder of yours)",
		            path, strerror(-g_app.lock_fd));
	}
	rc = room_check();
	if (rc == 0) {
		rc = state_create(g_app.id, g_app.opts.name);
		if (rc != 0) {
			fail(rc, "cannot create the state file of instance %d: %s", g_app.id,
			     strerror(-rc));
		}
	}
	if (rc != 0) {
		cal_instance_release(g_app.id, g_app.lock_fd);
		g_app.lock_fd = -1;
		return rc;
	}
	state_set_rpc_socket(g_app.opts.rpc_addr);
	state_enter(CAL_RUN_ENV);
	return 0;
}

/* A start that failed leaves its state and the services' logs for who wants to know why... */
static void
instance_keep(void)
{
	static const char *const gone[] = { "dpdk", CAL_TEMPLATE_DIR, CAL_LINK_DIR };
	static const char *const gone_files[] = { CAL_STATS_NAME, CONFIG_NAME, CAL_GATE_NAME };
	char path[CAL_PATH_MAX];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(gone); i++) {
		if (cal_instance_path(path, sizeof(path), g_app.id, gone[i]) == 0) {
			(void)folder_remove(path);
		}
	}
	for (i = 0; i < SPDK_COUNTOF(gone_files); i++) {
		if (cal_instance_path(path, sizeof(path), g_app.id, gone_files[i]) == 0) {
			(void)unlink(path);
		}
	}
	close(g_app.lock_fd);
}

static void
instance_down(void)
{
	bool failed = g_app.reason[0] != '\0';

	state_enter(failed ? CAL_RUN_FAILED : CAL_RUN_STOPPED);
	state_destroy();
	/* ... unless its id is one that nobody would ask for again. */
	if (failed && g_app.opts.shm_id >= 0) {
		instance_keep();
	} else {
		cal_instance_release(g_app.id, g_app.lock_fd);
	}
	g_app.lock_fd = -1;
}

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

/* json_data becomes a file that confd can read, and read again after a restart. */
static int
config_write(void)
{
	char path[CAL_PATH_MAX];
	size_t left = g_app.opts.json_data_size;
	const char *at = g_app.opts.json_data;
	ssize_t n;
	int fd, rc;

	/* The size of an array may count its terminator. */
	while (left > 0 && at[left - 1] == '\0') {
		left--;
	}
	rc = cal_instance_path(path, sizeof(path), g_app.id, CONFIG_NAME);
	if (rc != 0) {
		return rc;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	for (; left > 0 && rc == 0; at += n, left -= (size_t)n) {
		n = write(fd, at, left);
		if (n < 0) {
			rc = -errno;
			break;
		}
	}
	close(fd);
	if (rc == 0) {
		g_app.config_path = strdup(path);
		rc = g_app.config_path != NULL ? 0 : -ENOMEM;
	}
	return rc;
}

static void
config_down(void)
{
	free(g_app.config_path);
	g_app.config_path = NULL;
	free(g_app.state_dir);
	g_app.state_dir = NULL;
	state_dir_close();
	g_app.has_config = false;
}

static int
config_up(void)
{
	const char *file = g_app.opts.json_config_file;
	int rc = 0;

	if (file != NULL && access(file, R_OK) != 0) {
		return fail(-errno,
		            "cannot read the configuration %s: %s; name one with -c that can be "
		            "read",
		            file, strerror(errno));
	}
	if (file != NULL) {
		if (access(file, R_OK) != 0) {
			return fail(-errno,
			            "the configuration file %s cannot be read: %s; give another "
			            "one (-c)",
			            file, strerror(errno));
		}
		/* Services run in our working directory, but a message with the whole path is
		 * better. */
		g_app.config_path = realpath(file, NULL);
		if (g_app.config_path == NULL) {
			g_app.config_path = strdup(file);
			rc = g_app.config_path != NULL ? 0 : -ENOMEM;
		}
	} else if (g_app.opts.json_data != NULL) {
		rc = config_write();
	}
	if (rc != 0) {
		return fail(rc, "cannot hand the configuration on: %s", strerror(-rc));
	}
	if (app_args()->state_dir != NULL) {
		g_app.state_dir = state_dir_open(app_args()->state_dir, g_app.id, g_app.reason,
		                                 sizeof(g_app.reason));
		if (g_app.state_dir == NULL) {
			config_down();
			return -EINVAL;
		}
	}
	g_app.has_config = g_app.config_path != NULL || g_app.state_dir != NULL;
	return 0;
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
		return fail(rc, "cannot create the stats segment: %s", strerror(-rc));
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
		return fail(rc,
		            "core %d is in use by process %d: choose other cores (-m), or share it "
		            "with --disable-cpumask-locks",
		            core, (int)owner);
	}
	return rc == 0 ? 0
	               : fail(rc,
	                      "cannot claim core %d: %s (--disable-cpumask-locks starts without)",
	                      core, strerror(-rc));
}

static int
reactors_up(void)
{
	struct spdk_cpuset mask;
	int rc;

	rc = env_template_write(g_app.id);
	if (rc != 0) {
		return fail(rc, "cannot write the template for control processes: %s",
		            strerror(-rc));
	}
	if (g_app.opts.interrupt_mode) {
		rc = spdk_interrupt_mode_enable();
		if (rc != 0) {
			return fail(rc, "interrupt mode cannot be had: %s", strerror(-rc));
		}
	}
	rc = rpc_server_prepare();
	if (rc != 0) {
		return fail(rc, "no memory for the answers of RPCs");
	}
	rc = reactors_init();
	if (rc != 0) {
		return fail(rc, "reactors do not start: %s", strerror(-rc));
	}
	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, spdk_env_get_main_core(), true);
	g_app.thread = spdk_thread_create("app_thread", &mask);
	if (g_app.thread == NULL || spdk_thread_send_msg(g_app.thread, app_run_begin, NULL) != 0) {
		reactors_fini();
		return fail(-ENOMEM, "cannot create the application's thread: out of memory");
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

static int
options_take(const struct spdk_app_opts *user, spdk_msg_fn start_fn)
{
	int rc;

	rc = app_opts_take(&g_app.opts, user, g_app.reason, sizeof(g_app.reason));
	if (rc != 0) {
		return rc;
	}
	if (start_fn == NULL) {
		return fail(1, "spdk_app_start() was called without a start function: give it one");
	}
	if (app_args()->state_dir != NULL && g_app.opts.shm_id < 0) {
		return fail(
			-EINVAL,
			"--state-dir keeps the configuration of an instance with an id: name one "
			"with -i");
	}
	g_app.by_hand = app_args()->no_services;
	if (subsystem_sort(g_app.reason, sizeof(g_app.reason)) != 0) {
		return 1;
	}
	rc = rpc_server_set_allowlist((const char *const *)g_app.opts.rpc_allowlist);
	return rc == 0 ? 0 : fail(1, "the list of allowed methods: %s", strerror(-rc));
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
	{ instance_up, instance_down, "", 1 },
	{ machine_check, NULL, "a look at the machine", 1 },
	{ config_up, config_down, "", 1 },
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
		g_app.rc = g_stages[i].up();
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

static void
say_why(const char *name)
{
	if (g_app.opts.log != NULL) {
		SPDK_ERRLOG("%s\n", g_app.reason);
	} else {
		fprintf(stderr, "%s: %s\n", name != NULL ? name : "application", g_app.reason);
	}
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
	rc = options_take(opts_user, start_fn);
	if (rc == 0) {
		coredump_allow();
		rc = stages_up();
	}
	if (rc == -ECANCELED) {
		return 0;
	}
	if (rc != 0) {
		say_why(g_app.opts.name);
		return rc;
	}
	g_is_up = true;
	app_boot_handover();
	rc = reactors_start();
	if (rc != 0) {
		g_app.rc = fail(rc, "reactors do not run: %s", strerror(-rc));
	}
	/* From here on spdk_app_stop() finds nothing to stop. */
	__atomic_store_n(&g_app.thread, NULL, __ATOMIC_RELAXED);
	app_boot_finish();
	if (g_app.reason[0] != '\0') {
		log_flush();
		say_why(g_app.opts.name);
	}
	return g_app.rc;
}

static void
end_services_gone(void *ctx)
{
	log_flush();
	say_why(g_app.opts.name);
	/* The hugepages have no names any more, and what is mapped goes with the process. */
	reactors_unlock_cores();
	if (g_app.opts.shm_id >= 0) {
		instance_keep();
	} else {
		cal_instance_release(g_app.id, g_app.lock_fd);
	}
	_exit((unsigned char)-ETIMEDOUT);
}

void
app_end_now(const char *reason, const char *why_so)
{
	static bool ending;

	if (ending) {
		return;
	}
	ending = true;
	fail(-ETIMEDOUT, "%s, %s", reason, why_so);
	state_set_reason(g_app.reason);
	state_enter(CAL_RUN_FAILED);
	app_boot_abort(g_app.reason, end_services_gone);
}

void
spdk_app_fini(void)
{
	if (g_is_up) {
		stages_down(NUM_STAGES);
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
