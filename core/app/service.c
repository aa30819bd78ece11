/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/service.h"

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
#include "core/app/state.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "spdk/log.h"

enum { RPCD, CONFD, MOND, NUM_SERVICES };

struct service {
	const char *name;
	const char *binary;
	bool optional; /* started when its program is there; no word when it is not */
	bool wanted;   /* written before the control pthread starts it, read by any thread */

	pid_t pid;
	struct control_fd *watch; /* of pidfd */
	int pidfd;
	struct control_timer *timer; /* the next start, or the end of our patience */
	uint64_t spawned_ms;
	uint32_t ends_in_row;
	bool served; /* it got as far as being ready */
	bool restart_asked;
	bool gave_up; /* it said so itself */
	struct cal_state_service shown;
};

static struct service g_services[NUM_SERVICES] = {
	[RPCD] = { .name = "rpcd", .binary = "cal-rpcd" },
	[CONFD] = { .name = "confd", .binary = "cal-confd" },
	[MOND] = { .name = "mond", .binary = "cal-mond", .optional = true },
};

static struct {
	struct service_opts opts;
	char *rpc_socket;
	char *config_file;
	bool stopping;
	void (*stop_done)(void *ctx);
	void *stop_ctx;
} g_sup;

static void service_start(struct service *svc);

static uint64_t
clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
publish(void)
{
	struct cal_state_service shown[NUM_SERVICES];
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		shown[i] = g_services[i].shown;
	}
	state_publish_services(shown, NUM_SERVICES);
}

static void
show(struct service *svc, enum cal_service_state state)
{
	svc->shown.state = state;
	svc->shown.pid = svc->pid;
	svc->shown.since_ns = clock_ms(CLOCK_REALTIME) * 1000000;
	publish();
}

static void
tell(enum service_event event, const struct service *svc, const char *text)
{
	if (g_sup.opts.event != NULL) {
		g_sup.opts.event(event, svc->name, text);
	}
}

static struct service *
find(const char *name)
{
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		if (strcmp(g_services[i].name, name) == 0) {
			return &g_services[i];
		}
	}
	return NULL;
}

static void
timer_set(struct service *svc, uint64_t ms, void (*fn)(void *arg))
{
	control_timer_cancel(svc->timer);
	svc->timer = control_timer_start(ms, fn, svc);
	if (svc->timer == NULL) {
		/* Out of memory: now is better than never. */
		fn(svc);
	}
}

static void
timer_clear(struct service *svc)
{
	control_timer_cancel(svc->timer);
	svc->timer = NULL;
}

/* --- start ------------------------------------------------------------------------------------ */

#define MAX_ARGS 12

static void
args_build(const struct service *svc, const char *id, const char *argv[MAX_ARGS])
{
	int n = 0;

	argv[n++] = svc->binary;
	argv[n++] = "-i";
	argv[n++] = id;
	if (svc == &g_services[RPCD]) {
		argv[n++] = "-r";
		argv[n++] = g_sup.rpc_socket;
	} else if (svc == &g_services[CONFD]) {
		argv[n++] = "-c";
		argv[n++] = g_sup.config_file;
		if (g_sup.opts.wait_for_rpc) {
			argv[n++] = "--wait-for-rpc";
		}
		if (g_sup.opts.ignore_init_errors) {
			argv[n++] = "--json-ignore-init-errors";
		}
	}
	argv[n] = NULL;
}

static void
describe_status(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status)) {
		snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	} else {
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	}
}

static void
log_path(const struct service *svc, char *path, size_t size)
{
	char rel[32];

	snprintf(rel, sizeof(rel), "%s/%s.log", CAL_LOG_DIR, svc->name);
	if (cal_instance_path(path, size, g_sup.opts.instance, rel) != 0) {
		path[0] = '\0';
	}
}

static void
stop_check(void)
{
	void (*done)(void *ctx) = g_sup.stop_done;
	int i;

	if (!g_sup.stopping || done == NULL) {
		return;
	}
	for (i = 0; i < NUM_SERVICES; i++) {
		if (g_services[i].watch != NULL) {
			return;
		}
	}
	g_sup.stop_done = NULL;
	done(g_sup.stop_ctx);
}

static void
backoff_over(void *arg)
{
	struct service *svc = arg;

	svc->timer = NULL;
	service_start(svc);
}

/* What comes after an end that nobody asked for, or a start that did not work. */
static void
schedule_restart(struct service *svc, const char *how)
{
	char path[CAL_PATH_MAX], text[CAL_PATH_MAX + 128];
	uint32_t delay;

	svc->ends_in_row++;
	delay = service_backoff_ms(svc->ends_in_row, svc->served);
	if (svc->ends_in_row == SERVICE_CRASH_LOOP) {
		log_path(svc, path, sizeof(path));
		snprintf(text, sizeof(text), "%s ended %u times in a row, last: %s; see %s",
		         svc->binary, svc->ends_in_row, how, path);
		tell(SERVICE_EVENT_LOOP, svc, text);
	} else if (svc->ends_in_row < SERVICE_CRASH_LOOP) {
		SPDK_WARNLOG("%s ended (%s): starts again %s\n", svc->binary, how,
		             delay == 0 ? "at once" : "shortly");
	}
	if (delay == 0) {
		service_start(svc);
	} else {
		show(svc, CAL_SERVICE_BACKOFF);
		timer_set(svc, delay, backoff_over);
	}
}

static void
on_end(void *arg, uint32_t events)
{
	struct service *svc = arg;
	bool was_asked = svc->restart_asked;
	char how[64];
	int status;

	if (service_end_status(svc->pidfd, &status) != 0) {
		return;
	}
	control_fd_del(svc->watch);
	svc->watch = NULL;
	service_reap_later(svc->pidfd);
	svc->pidfd = -1;
	timer_clear(svc);
	svc->shown.last_status = status;
	svc->pid = 0;
	svc->restart_asked = false;
	if (g_sup.stopping) {
		show(svc, CAL_SERVICE_OFF);
		stop_check();
		return;
	}
	if (was_asked) {
		svc->ends_in_row = 0;
		service_start(svc);
		return;
	}
	if (svc->gave_up) {
		show(svc, CAL_SERVICE_OFF);
		return;
	}
	if (clock_ms(CLOCK_MONOTONIC) - svc->spawned_ms >= SERVICE_HEALTHY) {
		svc->ends_in_row = 0;
	}
	describe_status(status, how, sizeof(how));
	schedule_restart(svc, how);
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

static int
spawn_and_watch(struct service *svc, const char *path)
{
	const char *argv[MAX_ARGS];
	char log[CAL_PATH_MAX], id[16];
	int rc, fd;

	snprintf(id, sizeof(id), "%d", g_sup.opts.instance);
	args_build(svc, id, argv);
	log_path(svc, log, sizeof(log));
	rc = gate_service_pair(svc->name, &fd);
	if (rc != 0) {
		return rc;
	}
	svc->pid = service_spawn(path, (char *const *)argv, fd, log);
	close(fd);
	if (svc->pid < 0) {
		rc = svc->pid;
		svc->pid = 0;
		return rc;
	}
	svc->spawned_ms = clock_ms(CLOCK_MONOTONIC);
	svc->served = false;
	svc->pidfd = pidfd_open(svc->pid, 0);
	rc = svc->pidfd < 0 ? -errno : 0;
	if (rc == 0) {
		rc = control_fd_add(svc->pidfd, EPOLLIN, on_end, svc, &svc->watch);
		if (rc != 0) {
			close(svc->pidfd);
		}
	}
	if (rc != 0) {
		/* One that cannot be watched is not kept. */
		kill(svc->pid, SIGKILL);
		waitpid(svc->pid, NULL, 0);
		svc->pid = 0;
	}
	return rc;
}

static void
service_start(struct service *svc)
{
	char path[CAL_PATH_MAX * 2], text[CAL_PATH_MAX * 2 + 128];
	int rc;

	if (g_sup.stopping) {
		return;
	}
	if (svc->spawned_ms != 0) {
		svc->shown.restarts++;
	}
	svc->gave_up = false;
	if (service_find(svc->binary, path, sizeof(path)) != 0) {
		show(svc, CAL_SERVICE_OFF);
		if (!svc->optional) {
			snprintf(text, sizeof(text),
			         "%s was not found in %s: set CALANDRIA_LIBEXEC to its folder",
			         svc->binary, path);
			tell(SERVICE_EVENT_NO_BINARY, svc, text);
		}
		return;
	}
	rc = spawn_and_watch(svc, path);
	if (rc != 0) {
		schedule_restart(svc, strerror(-rc));
		return;
	}
	show(svc, CAL_SERVICE_STARTING);
}

void
service_start_all(void)
{
	char path[CAL_PATH_MAX];
	int i;

	if (cal_instance_path(path, sizeof(path), g_sup.opts.instance, CAL_LOG_DIR) == 0) {
		(void)mkdir(path, 0700);
	}
	for (i = 0; i < NUM_SERVICES; i++) {
		if (g_services[i].wanted && !g_sup.opts.by_hand) {
			service_start(&g_services[i]);
		}
	}
	publish();
}

int
service_init(const struct service_opts *opts)
{
	int i, rc;

	memset(&g_sup, 0, sizeof(g_sup));
	g_sup.opts = *opts;
	g_sup.rpc_socket = opts->rpc_socket != NULL ? strdup(opts->rpc_socket) : NULL;
	g_sup.config_file = opts->config_file != NULL ? strdup(opts->config_file) : NULL;
	if ((opts->rpc_socket != NULL && g_sup.rpc_socket == NULL) ||
	    (opts->config_file != NULL && g_sup.config_file == NULL)) {
		service_fini();
		return -ENOMEM;
	}
	rc = service_env_init(opts->instance);
	if (rc != 0) {
		service_fini();
		return rc;
	}
	for (i = 0; i < NUM_SERVICES; i++) {
		struct service *svc = &g_services[i];

		memset(&svc->shown, 0, sizeof(svc->shown));
		snprintf(svc->shown.name, sizeof(svc->shown.name), "%s", svc->name);
		svc->spawned_ms = 0;
		svc->ends_in_row = 0;
		svc->gave_up = false;
	}
	g_services[RPCD].wanted = opts->rpc_socket != NULL;
	g_services[CONFD].wanted = opts->config_file != NULL;
	g_services[MOND].wanted = true;
	return 0;
}

void
service_fini(void)
{
	free(g_sup.rpc_socket);
	free(g_sup.config_file);
	g_sup.rpc_socket = g_sup.config_file = NULL;
	service_reap_all();
	service_env_fini();
}

/* --- end -------------------------------------------------------------------------------------- */

static void
patience_over(void *arg)
{
	struct service *svc = arg;

	svc->timer = NULL;
	if (svc->pid > 0 && svc->watch != NULL) {
		SPDK_WARNLOG("%s (pid %d) does not end: SIGKILL\n", svc->binary, (int)svc->pid);
		(void)pidfd_send_signal(svc->pidfd, SIGKILL, NULL, 0);
	}
}

static void
ask_to_end(struct service *svc, uint64_t grace_ms)
{
	(void)pidfd_send_signal(svc->pidfd, SIGTERM, NULL, 0);
	show(svc, CAL_SERVICE_STOPPING);
	timer_set(svc, grace_ms, patience_over);
}

static void
stop_unheard(void *arg)
{
	struct service *svc = arg;

	svc->timer = NULL;
	ask_to_end(svc, SERVICE_STOP_GRACE - SERVICE_STOP_SIGNAL);
}

void
service_stop_all(void (*done)(void *ctx), void *ctx)
{
	int i;

	g_sup.stopping = true;
	g_sup.stop_done = done;
	g_sup.stop_ctx = ctx;
	for (i = 0; i < NUM_SERVICES; i++) {
		struct service *svc = &g_services[i];

		timer_clear(svc);
		if (svc->watch != NULL) {
			show(svc, CAL_SERVICE_STOPPING);
			timer_set(svc, SERVICE_STOP_SIGNAL, stop_unheard);
		} else {
			show(svc, CAL_SERVICE_OFF);
		}
	}
	stop_check();
}

static void
restart_one(void *arg)
{
	struct service *svc = arg;

	if (g_sup.stopping) {
		return;
	}
	if (svc->watch != NULL) {
		svc->restart_asked = true;
		ask_to_end(svc, SERVICE_RESTART_GRACE);
	} else {
		timer_clear(svc);
		svc->ends_in_row = 0;
		service_start(svc);
	}
}

int
app_service_restart(const char *name)
{
	struct service *svc;
	int i, rc;

	if (g_sup.opts.by_hand) {
		return -ENOTSUP;
	}
	if (strcmp(name, "all") != 0) {
		svc = find(name);
		if (svc == NULL) {
			return -ENOENT;
		}
		return svc->wanted ? control_post(restart_one, svc) : -ENOTSUP;
	}
	rc = -ENOTSUP;
	for (i = 0; i < NUM_SERVICES; i++) {
		if (g_services[i].wanted) {
			rc = control_post(restart_one, &g_services[i]);
			if (rc != 0) {
				return rc;
			}
		}
	}
	return rc;
}

uint32_t
app_service_list(struct cal_state_service *out, uint32_t max)
{
	return state_copy_services(out, max);
}

/* --- what the gate hears ---------------------------------------------------------------------- */

void
service_report(const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	struct service *svc = find(name);

	/* Also one of a name that we know, started by somebody else, is not ours to list. */
	if (svc == NULL || svc->pid != pid) {
		return;
	}
	switch (code) {
	case GATE_REPORT_READY:
		svc->served = true;
		show(svc, CAL_SERVICE_RUNNING);
		tell(SERVICE_EVENT_READY, svc, "");
		break;
	case GATE_REPORT_CHECKED:
		svc->served = true;
		show(svc, CAL_SERVICE_RUNNING);
		tell(SERVICE_EVENT_CHECKED, svc, "");
		break;
	case GATE_REPORT_FAILED:
		svc->gave_up = true;
		tell(SERVICE_EVENT_FAILED, svc, text);
		break;
	case GATE_REPORT_METRICS:
		snprintf(svc->shown.metrics, sizeof(svc->shown.metrics), "%s", text);
		publish();
		break;
	}
}

void
service_peer(const char *name, pid_t pid, bool connected)
{
	struct service *svc = find(name);

	if (svc == NULL) {
		return;
	}
	if (svc->watch != NULL) {
		/* Ours. Without its connection it can do nothing but end. */
		if (!connected && svc->pid == pid && svc->timer == NULL) {
			timer_set(svc, SERVICE_RESTART_GRACE, patience_over);
		}
		return;
	}
	if (!g_sup.opts.by_hand) {
		return;
	}
	if (connected) {
		svc->pid = pid;
		svc->shown.restarts += svc->spawned_ms != 0;
		svc->spawned_ms = clock_ms(CLOCK_MONOTONIC);
		show(svc, CAL_SERVICE_STARTING);
	} else if (svc->pid == pid) {
		svc->pid = 0;
		svc->shown.metrics[0] = '\0';
		show(svc, CAL_SERVICE_OFF);
	}
}
