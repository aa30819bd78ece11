/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The instance: its lock and folder, the configuration that is kept there for cal-confd, what is
 * left when a start has failed, and the end of a process that cannot stop in order. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/app/app_opts.h"
#include "core/app/app_private.h"
#include "core/app/state.h"
#include "core/reactor/reactor_internal.h"
#include "core/util/folder.h"
#include "core/util/log_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

/* Where configuration data that is no file is put, in the instance's folder. */
#define CONFIG_NAME "config.json"
/* What must be free there: 2 MB on a machine with one memory node, more with more. */
#define RUN_FILES_KB 8192u

int
app_fail(int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(g_app.reason, sizeof(g_app.reason), fmt, args);
	va_end(args);
	return rc;
}

void
app_say_why(const char *name)
{
	app_systemd_failed(g_app.reason, g_app.rc);
	if (g_app.opts.log != NULL) {
		SPDK_ERRLOG("%s\n", g_app.reason);
	} else {
		fprintf(stderr, "%s: %s\n", name != NULL ? name : "application", g_app.reason);
	}
}

/* --- lock and folder -------------------------------------------------------------------------- */

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
	return app_fail(-ENOSPC,
	                "%s has room for %" PRIu64
	                " KB, and an instance's files need %u: make room, "
	                "or set CALANDRIA_RUN_ROOT to a folder elsewhere",
	                path, free_kb, RUN_FILES_KB);
}

int
app_instance_up(void)
{
	pid_t owner;
	int rc;

	g_app.id = g_app.opts.shm_id >= 0 ? g_app.opts.shm_id : getpid();
	g_app.lock_fd = cal_instance_claim(g_app.id, &owner);
	if (g_app.lock_fd == -EBUSY) {
		return app_fail(
			-EBUSY,
			"instance %d is in use by process %d: stop that one (calctl -i %d stop) or "
			"choose another id (-i)",
			g_app.id, (int)owner, g_app.id);
	}
	if (g_app.lock_fd < 0) {
		char path[CAL_PATH_MAX] = "its folder";

		(void)cal_instance_path(path, sizeof(path), g_app.id, "");
		return app_fail(g_app.lock_fd,
		                "cannot take over %s: %s (run as root, or set "
		                "CALANDRIA_RUN_ROOT to a folder of yours)",
		                path, strerror(-g_app.lock_fd));
	}
	rc = room_check();
	if (rc == 0) {
		rc = cal_instance_share(g_app.id, g_app.gate_group);
		if (rc != 0) {
			app_fail(rc, "cannot set the group of the folder of instance %d: %s",
			         g_app.id, strerror(-rc));
		}
	}
	if (rc == 0) {
		rc = state_create(g_app.id, g_app.opts.name);
		if (rc != 0) {
			app_fail(rc, "cannot create the state file of instance %d: %s", g_app.id,
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

void
app_instance_down(void)
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

/* --- configuration ---------------------------------------------------------------------------- */

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

void
app_config_down(void)
{
	free(g_app.config_path);
	g_app.config_path = NULL;
	free(g_app.state_dir);
	g_app.state_dir = NULL;
	state_dir_close();
	g_app.has_config = false;
}

int
app_config_up(void)
{
	const char *file = g_app.opts.json_config_file;
	int rc = 0;

	if (file != NULL && access(file, R_OK) != 0) {
		return app_fail(
			-errno,
			"cannot read the configuration %s: %s; name one with -c that can be "
			"read",
			file, strerror(errno));
	}
	if (file != NULL) {
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
		return app_fail(rc, "cannot hand the configuration on: %s", strerror(-rc));
	}
	if (app_args()->state_dir != NULL) {
		g_app.state_dir = state_dir_open(app_args()->state_dir, g_app.id, g_app.reason,
		                                 sizeof(g_app.reason));
		if (g_app.state_dir == NULL) {
			app_config_down();
			return -EINVAL;
		}
	}
	g_app.has_config = g_app.config_path != NULL || g_app.state_dir != NULL;
	return 0;
}

/* --- no orderly end --------------------------------------------------------------------------- */

static void
end_services_gone(void *ctx)
{
	log_flush();
	app_say_why(g_app.opts.name);
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
	app_fail(-ETIMEDOUT, "%s, %s", reason, why_so);
	state_end(g_app.reason);
	app_boot_abort(g_app.reason, end_services_gone);
}
