/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Whether services live: each is pinged once a second and answers from the loop that it works in.
 * One that does not is shown as hung, and after a while killed, so that another can serve: SIGKILL
 * ends a stopped process, too. One that a debugger holds is left alone until that lets go of it,
 * and so is one that hangs in the kernel: it would end just when that is over (cal-confd between
 * the fsync() of a slow disk and the rename), and the next one would begin again, for ever. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/app/service_private.h"
#include "ipc/gate/gate.h"
#include "spdk/log.h"

/* A line of /proc/PID/status behind its name, "" when there is none. */
static void
status_line(pid_t pid, const char *name, char *value, size_t size)
{
	char path[32], text[4096];
	const char *at;
	ssize_t n;
	int fd;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, name);
	if (at != NULL) {
		at += strlen(name);
		snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
	}
}

static char
state_of(pid_t pid)
{
	char state[32];

	status_line(pid, "\nState:\t", state, sizeof(state));
	return state[0];
}

static const char *
why_silent(pid_t pid, char *text, size_t size)
{
	switch (state_of(pid)) {
	case 'T':
		snprintf(text, size, "it is stopped by a signal, `kill -CONT %d` lets it go on",
		         (int)pid);
		break;
	case 't':
		snprintf(text, size, "a debugger holds it");
		break;
	case 'D':
		snprintf(text, size, "it hangs in the kernel, and is left alone as long");
		break;
	default:
		snprintf(text, size, "it hangs");
	}
	return text;
}

static pid_t
tracer_of(pid_t pid)
{
	char value[32];

	status_line(pid, "\nTracerPid:\t", value, sizeof(value));
	return (pid_t)atoi(value);
}

static void
hangs(struct service_proc *proc)
{
	struct service *svc = proc->svc;
	char text[96];

	proc->hung = true;
	service_timer_clear(&svc->healthy);
	SPDK_WARNLOG("%s (pid %d) has not answered for %d s: %s; unless that ends it is killed in "
	             "%d s\n",
	             svc->binary, (int)proc->pid, SERVICE_PING_HUNG * SERVICE_PING_MS / 1000,
	             why_silent(proc->pid, text, sizeof(text)),
	             (SERVICE_PING_KILL - SERVICE_PING_HUNG) * SERVICE_PING_MS / 1000);
	service_show(svc, CAL_SERVICE_HUNG);
}

static void
hung_too_long(struct service_proc *proc)
{
	pid_t tracer = tracer_of(proc->pid);

	if (tracer != 0) {
		if (tracer != proc->tracer) {
			SPDK_WARNLOG("%s (pid %d) hangs, and is left alone because process %d "
			             "traces it\n",
			             proc->svc->binary, (int)proc->pid, (int)tracer);
		}
		proc->tracer = tracer;
		return;
	}
	if (proc->tracer != 0) {
		/* It had no chance until now. */
		proc->tracer = 0;
		proc->missed = SERVICE_PING_HUNG;
		return;
	}
	if (state_of(proc->pid) == 'D') {
		/* Once it is out it has as long to answer as one just found silent.
		 */
		proc->missed = SERVICE_PING_HUNG;
		return;
	}
	if (proc->missed == SERVICE_PING_KILL) {
		SPDK_WARNLOG("%s (pid %d) hangs: SIGKILL\n", proc->svc->binary, (int)proc->pid);
	}
	service_proc_kill(proc);
}

/* Something of it is on its way: an end, a start. */
static bool
is_left_alone(const struct service *svc)
{
	return g_sup.stopping || svc->restart_asked;
}

static void
look_at(struct service *svc)
{
	struct service_proc *proc = svc->proc;

	if (svc->next != NULL) {
		(void)gate_ping(svc->next->pid);
	}
	if (proc == NULL || is_left_alone(svc)) {
		return;
	}
	if (!proc->hung && proc->missed >= SERVICE_PING_HUNG) {
		hangs(proc);
	}
	if (proc->missed >= SERVICE_PING_KILL) {
		hung_too_long(proc);
	}
	/* Also one that has not said hello, or cannot be asked, does not answer. */
	proc->missed++;
	(void)gate_ping(proc->pid);
}

static void
on_tick(void *arg)
{
	int i;

	service_timer_set(&g_sup.tick, SERVICE_PING_MS, on_tick, NULL);
	for (i = 0; i < NUM_SERVICES; i++) {
		look_at(&g_services[i]);
	}
}

void
service_alive_start(void)
{
	if (!g_sup.opts.by_hand) {
		service_timer_set(&g_sup.tick, SERVICE_PING_MS, on_tick, NULL);
	}
}

void
service_alive_stop(void)
{
	service_timer_clear(&g_sup.tick);
}

void
service_alive(const char *name, pid_t pid)
{
	struct service *svc = service_by_name(name);
	struct service_proc *proc = svc != NULL ? service_proc_of(svc, pid) : NULL;

	if (proc == NULL || g_sup.stopping) {
		return;
	}
	proc->missed = 0;
	if (proc == svc->next) {
		if (proc->asked_alive) {
			service_restart_alive(proc);
		}
		return;
	}
	if (proc->hung) {
		proc->hung = false;
		SPDK_WARNLOG("%s (pid %d) answers again\n", svc->binary, (int)pid);
		if (!is_left_alone(svc)) {
			service_show(svc, proc->ready ? CAL_SERVICE_RUNNING : CAL_SERVICE_STARTING);
		}
		service_forgive_later(svc);
	}
}
