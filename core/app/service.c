/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/app/app_internal.h"
#include "core/app/service_private.h"
#include "core/app/state.h"
#include "ipc/gate/gate.h"
#include "spdk/log.h"

struct service g_services[NUM_SERVICES] = {
	[RPCD] = { .name = "rpcd", .binary = "cal-rpcd", .hands_over = true },
	[CONFD] = { .name = "confd", .binary = "cal-confd", .hands_over = true },
	[MOND] = { .name = "mond", .binary = "cal-mond", .optional = true, .hands_over = true },
};

struct supervisor g_sup = { .replaced = TAILQ_HEAD_INITIALIZER(g_sup.replaced) };

static uint64_t
realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void
service_publish(void)
{
	struct cal_state_service shown[NUM_SERVICES];
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		struct service *svc = &g_services[i];

		svc->shown.ends_in_row = svc->ends_in_row;
		shown[i] = svc->shown;
	}
	state_publish_services(shown, NUM_SERVICES);
}

void
service_show(struct service *svc, enum cal_service_state state)
{
	if (svc->ends_in_row >= SERVICE_CRASH_LOOP &&
	    (state == CAL_SERVICE_BACKOFF || state == CAL_SERVICE_STARTING)) {
		state = CAL_SERVICE_CRASH_LOOP;
	}
	svc->shown.state = state;
	svc->shown.pid = svc->proc != NULL ? svc->proc->pid : svc->hand_pid;
	svc->shown.since_ns = realtime_ns();
	service_publish();
}

void
service_tell(enum service_event event, const struct service *svc, const char *text)
{
	if (g_sup.opts.event != NULL) {
		g_sup.opts.event(event, svc->name, text);
	}
}

struct service *
service_by_name(const char *name)
{
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		if (strcmp(g_services[i].name, name) == 0) {
			return &g_services[i];
		}
	}
	return NULL;
}

struct service_proc *
service_proc_of(const struct service *svc, pid_t pid)
{
	if (svc->proc != NULL && svc->proc->pid == pid) {
		return svc->proc;
	}
	return svc->next != NULL && svc->next->pid == pid ? svc->next : NULL;
}

/* --- start ------------------------------------------------------------------------------------ */

#define MAX_ARGS 16

static int
add_option(const char *argv[MAX_ARGS], int n, const char *option, const char *value)
{
	if (value != NULL) {
		argv[n++] = option;
		argv[n++] = value;
	}
	return n;
}

static void
args_build(const struct service *svc, const char *id, const char *argv[MAX_ARGS])
{
	int n = 0;

	argv[n++] = svc->binary;
	n = add_option(argv, n, "-i", id);
	if (svc == &g_services[RPCD]) {
		n = add_option(argv, n, "-r", g_sup.opts.rpc_socket);
		n = add_option(argv, n, "--rpc-socket-mode", g_sup.opts.rpc_socket_mode);
		n = add_option(argv, n, "--rpc-tcp", g_sup.opts.rpc_tcp);
	} else if (svc == &g_services[CONFD]) {
		n = add_option(argv, n, "-c", g_sup.opts.config_file);
		n = add_option(argv, n, "--state-dir", g_sup.opts.state_dir);
		if (g_sup.opts.wait_for_rpc) {
			argv[n++] = "--wait-for-rpc";
		}
		if (g_sup.opts.ignore_init_errors) {
			argv[n++] = "--json-ignore-init-errors";
		}
	}
	argv[n] = NULL;
}

void
service_describe_status(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status)) {
		snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	} else {
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	}
}

static void
backoff_over(void *arg)
{
	service_start(arg);
}

/* What comes after an end that nobody asked for, or a start that did not work: `how`. */
static void
schedule_restart(struct service *svc, const char *how)
{
	char path[CAL_PATH_MAX], text[CAL_PATH_MAX * 3];
	uint32_t delay;

	svc->ends_in_row++;
	service_timer_clear(&svc->healthy);
	delay = service_backoff_ms(svc->ends_in_row, svc->served);
	if (svc->ends_in_row == SERVICE_CRASH_LOOP) {
		service_log_path(svc, path, sizeof(path));
		snprintf(text, sizeof(text), "%s ended %u times in a row, last: %s; see %s",
		         svc->binary, svc->ends_in_row, how, path);
		service_tell(SERVICE_EVENT_LOOP, svc, text);
	} else if (svc->ends_in_row < SERVICE_CRASH_LOOP &&
	           (svc->was_found || svc->shown.start_error != ENOENT)) {
		/* (One whose program was not found has been told as that.) */
		SPDK_WARNLOG("%s ended (%s): starts again %s\n", svc->binary, how,
		             delay == 0 ? "at once" : "shortly");
	}
	if (delay == 0) {
		service_start(svc);
		return;
	}
	service_show(svc, CAL_SERVICE_BACKOFF);
	service_timer_set(&svc->timer, delay, backoff_over, svc);
}

static void
is_healthy(void *arg)
{
	struct service *svc = arg;

	if (svc->ends_in_row >= SERVICE_CRASH_LOOP) {
		SPDK_WARNLOG("%s works again, after %u ends in a row\n", svc->binary,
		             svc->ends_in_row);
	}
	svc->ends_in_row = 0;
	service_publish();
}

void
service_forgive_later(struct service *svc)
{
	if (svc->ends_in_row != 0 && !service_timer_is_set(&svc->healthy)) {
		service_timer_set(&svc->healthy, SERVICE_HEALTHY, is_healthy, svc);
	}
}

void
service_proc_ready(struct service_proc *proc)
{
	if (proc->ready) {
		return;
	}
	proc->ready = true;
	if (proc->binary.chosen && strcmp(proc->binary.path, proc->svc->kept.path) != 0) {
		SPDK_NOTICELOG("%s is %s from now on\n", proc->svc->binary, proc->binary.path);
	}
	proc->svc->kept = proc->binary;
	/* (One that was chosen is not longer.) */
	snprintf(proc->svc->shown.binary, sizeof(proc->svc->shown.binary), "%.*s",
	         CAL_SERVICE_BINARY_MAX - 1, proc->binary.chosen ? proc->binary.path : "");
}

void
service_promote(struct service *svc)
{
	svc->proc = svc->next;
	svc->next = NULL;
	svc->ends_in_row = 0;
	svc->shown.restarts++;
	service_timer_clear(&svc->healthy);
	service_timer_clear(&svc->proc->timer);
	service_restart_promoted(svc);
	service_show(svc, svc->proc->ready ? CAL_SERVICE_RUNNING : CAL_SERVICE_STARTING);
}

/* The one that served has ended. */
static void
on_end_of_serving(struct service *svc, const struct service_proc *proc, int status)
{
	char how[64];

	svc->served = proc->ready;
	if (g_sup.stopping) {
		service_show(svc, CAL_SERVICE_OFF);
		return;
	}
	if (svc->next != NULL) {
		service_promote(svc);
		return;
	}
	if (svc->restart_asked) {
		svc->restart_asked = false;
		svc->ends_in_row = 0;
		service_start(svc);
		return;
	}
	/* (One that was only tried says nothing of the program from before.) */
	if (proc->gave_up && !service_is_unproven(proc)) {
		service_show(svc, CAL_SERVICE_OFF);
		return;
	}
	service_describe_status(status, how, sizeof(how));
	schedule_restart(svc, how);
}

static void
proc_free(struct service_proc *proc)
{
	control_fd_del(proc->watch);
	service_timer_clear(&proc->timer);
	free(proc);
}

static void
on_end(void *arg, uint32_t events)
{
	struct service_proc *proc = arg;
	struct service *svc = proc->svc;
	char how[64];
	int status;

	if (service_end_status(proc->pidfd, &status) != 0) {
		return;
	}
	/* It may have said last that it gives up. */
	gate_process_ended(proc->pid);
	service_reap_later(proc->pidfd);
	if (proc == svc->proc) {
		svc->shown.last_status = status;
		if (!proc->ready && svc->next == NULL) {
			service_restart_ended(svc, proc, status);
		}
		svc->proc = NULL;
		on_end_of_serving(svc, proc, status);
	} else if (proc == svc->next) {
		if (!g_sup.stopping) {
			service_describe_status(status, how, sizeof(how));
			SPDK_WARNLOG("%s (pid %d, %s) ended before it had taken over (%s): pid %d "
			             "goes on\n",
			             svc->binary, (int)proc->pid, proc->binary.path, how,
			             svc->proc != NULL ? (int)svc->proc->pid : 0);
		}
		svc->next = NULL;
		service_restart_ended(svc, proc, status);
	} else {
		TAILQ_REMOVE(&g_sup.replaced, proc, link);
		svc->shown.last_status = status;
		service_publish();
	}
	proc_free(proc);
	service_stop_check();
}

uint32_t
service_backoff_ms(uint32_t ends, bool served)
{
	uint32_t ms = SERVICE_BACKOFF_FIRST;
	uint32_t last = served ? SERVICE_BACKOFF_SERVED : SERVICE_BACKOFF_LAST;

	if (ends <= 1) {
		return 0;
	}
	for (; ends > 2 && ms < last; ends--) {
		ms *= 2;
	}
	return ms < last ? ms : last;
}

/* Returns 0 or a negative errno; then there is no process. */
static int
watch(struct service_proc *proc)
{
	int rc;

	proc->pidfd = pidfd_open(proc->pid, 0);
	rc = proc->pidfd < 0 ? -errno : 0;
	if (rc == 0) {
		rc = control_fd_add(proc->pidfd, EPOLLIN, on_end, proc, &proc->watch);
		if (rc != 0) {
			close(proc->pidfd);
		}
	}
	if (rc != 0) {
		/* One that cannot be watched is not kept. */
		kill(proc->pid, SIGKILL);
		waitpid(proc->pid, NULL, 0);
	}
	return rc;
}

int
service_proc_start(struct service *svc, const struct service_binary *binary,
                   struct service_proc **out)
{
	struct service_proc *proc = calloc(1, sizeof(*proc));
	const char *argv[MAX_ARGS];
	char log[CAL_PATH_MAX], id[16];
	int rc, fd;

	if (proc == NULL) {
		return -ENOMEM;
	}
	snprintf(id, sizeof(id), "%d", g_sup.opts.instance);
	args_build(svc, id, argv);
	service_log_path(svc, log, sizeof(log));
	proc->svc = svc;
	proc->binary = *binary;
	proc->log_from = service_log_size(svc);
	rc = gate_service_pair(svc->name, &fd);
	if (rc == 0) {
		proc->pid = service_spawn(binary->path, (char *const *)argv, fd, log);
		close(fd);
		rc = proc->pid < 0 ? proc->pid : watch(proc);
	}
	if (rc != 0) {
		free(proc);
		return rc;
	}
	rc = service_oom_adjust(proc->pid);
	if (rc != 0) {
		SPDK_WARNLOG("%s (pid %d) may outlive the primary when memory runs out: its "
		             "oom_score_adj cannot be set: %s\n",
		             svc->binary, (int)proc->pid, strerror(-rc));
	}
	proc->spawned_ms = service_now_ms();
	*out = proc;
	return 0;
}

/* There is none: `rc`, and `text` says why. */
static void
start_failed(struct service *svc, int rc, const char *text)
{
	svc->served = false;
	svc->shown.start_error = -rc;
	service_restart_failed(svc, rc, text);
	schedule_restart(svc, text);
}

void
service_start(struct service *svc)
{
	struct service_binary binary = svc->restart_with;
	char text[sizeof(binary.path) + 256];
	int rc = 0;

	svc->restart_with.path[0] = '\0';
	if (g_sup.stopping) {
		return;
	}
	svc->shown.restarts += svc->was_started;
	svc->was_started = true;
	if (binary.path[0] == '\0') {
		rc = service_binary_usual(svc, &binary, text, sizeof(text));
	}
	if (rc == -ENOENT && !svc->was_found && svc->optional) {
		service_restart_failed(svc, rc, text);
		service_show(svc, CAL_SERVICE_OFF);
		return;
	}
	if (rc != 0) {
		if (rc == -ENOENT && !svc->was_found && svc->ends_in_row == 0) {
			service_tell(SERVICE_EVENT_NO_BINARY, svc, text);
		}
		start_failed(svc, rc, text);
		return;
	}
	svc->was_found = true;
	rc = service_proc_start(svc, &binary, &svc->proc);
	if (rc != 0) {
		snprintf(text, sizeof(text), "%s cannot be started: %s", binary.path,
		         strerror(-rc));
		start_failed(svc, rc, text);
		return;
	}
	svc->shown.start_error = 0;
	service_show(svc, CAL_SERVICE_STARTING);
}

int
service_start_all(void)
{
	char path[CAL_PATH_MAX];
	int i, rc;

	rc = service_timers_watch();
	if (rc != 0) {
		return rc;
	}
	if (cal_instance_path(path, sizeof(path), g_sup.opts.instance, CAL_LOG_DIR) == 0) {
		(void)mkdir(path, 0700);
	}
	for (i = 0; i < NUM_SERVICES; i++) {
		if (g_services[i].wanted && !g_sup.opts.by_hand) {
			service_start(&g_services[i]);
		}
	}
	service_alive_start();
	service_publish();
	return 0;
}

/* The options that are strings. */
#define NUM_STRINGS 5
static const char **
string_at(int i)
{
	const char **all[NUM_STRINGS] = { &g_sup.opts.rpc_socket, &g_sup.opts.rpc_socket_mode,
		                          &g_sup.opts.rpc_tcp, &g_sup.opts.config_file,
		                          &g_sup.opts.state_dir };

	return all[i];
}

int
service_init(const struct service_opts *opts)
{
	bool failed = false;
	int i, rc;

	memset(&g_sup, 0, sizeof(g_sup));
	TAILQ_INIT(&g_sup.replaced);
	g_sup.opts = *opts;
	for (i = 0; i < NUM_STRINGS; i++) {
		const char **text = string_at(i);

		if (*text != NULL) {
			*text = strdup(*text);
			failed |= *text == NULL;
		}
	}
	if (failed) {
		service_fini();
		return -ENOMEM;
	}
	rc = service_env_init(opts->instance);
	if (rc == 0) {
		rc = service_timers_open();
	}
	if (rc != 0) {
		service_fini();
		return rc;
	}
	for (i = 0; i < NUM_SERVICES; i++) {
		struct service *svc = &g_services[i];

		memset(&svc->shown, 0, sizeof(svc->shown));
		snprintf(svc->shown.name, sizeof(svc->shown.name), "%s", svc->name);
		svc->proc = svc->next = NULL;
		svc->hand_pid = 0;
		svc->was_started = svc->was_found = svc->restart_asked = svc->served = false;
		svc->restart = NULL;
		svc->kept.chosen = false;
		svc->kept.path[0] = svc->restart_with.path[0] = '\0';
		svc->ends_in_row = 0;
	}
	g_services[RPCD].wanted = opts->rpc_socket != NULL;
	g_services[CONFD].wanted = opts->config_file != NULL || opts->state_dir != NULL;
	g_services[MOND].wanted = true;
	return 0;
}

/* One that was left behind at the stop. */
static void
proc_forget(struct service_proc **proc)
{
	if (*proc != NULL) {
		close((*proc)->pidfd);
		proc_free(*proc);
		*proc = NULL;
	}
}

void
service_fini(void)
{
	struct service_proc *proc;
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		proc_forget(&g_services[i].proc);
		proc_forget(&g_services[i].next);
	}
	while ((proc = TAILQ_FIRST(&g_sup.replaced)) != NULL) {
		TAILQ_REMOVE(&g_sup.replaced, proc, link);
		proc_forget(&proc);
	}
	for (i = 0; i < NUM_STRINGS; i++) {
		free((char *)*string_at(i));
		*string_at(i) = NULL;
	}
	service_timers_close();
	service_reap_all();
	service_env_fini();
}
