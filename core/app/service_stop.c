/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* How a service process is ended, and the end of all at the stop. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "calandria/instance.h"
#include "core/app/app_internal.h"
#include "core/app/service_private.h"
#include "core/app/state.h"
#include "spdk/log.h"

/* Linux 6.9. */
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1u << 2)
#endif

void
service_proc_overdue(void *arg)
{
	struct service_proc *proc = arg;

	SPDK_WARNLOG("%s (pid %d) does not end: SIGKILL\n", proc->svc->binary, (int)proc->pid);
	service_proc_kill(proc);
}

void
service_proc_kill(struct service_proc *proc)
{
	/* With what it has started, if it is a script. */
	if (pidfd_send_signal(proc->pidfd, SIGKILL, NULL, PIDFD_SIGNAL_PROCESS_GROUP) != 0) {
		(void)pidfd_send_signal(proc->pidfd, SIGKILL, NULL, 0);
	}
}

void
service_proc_end(struct service_proc *proc, uint64_t grace_ms)
{
	(void)pidfd_send_signal(proc->pidfd, SIGTERM, NULL, 0);
	if (proc == proc->svc->proc) {
		service_show(proc->svc, CAL_SERVICE_STOPPING);
	}
	service_timer_set(&proc->timer, grace_ms, service_proc_overdue, proc);
}

static void
stop_unheard(void *arg)
{
	struct service_proc *proc = arg;

	service_proc_end(proc, SERVICE_STOP_GRACE - SERVICE_STOP_SIGNAL);
}

static void
stop_soon(struct service_proc *proc)
{
	if (proc != NULL) {
		service_timer_set(&proc->timer, SERVICE_STOP_SIGNAL, stop_unheard, proc);
	}
}

static void
stop_end(void)
{
	void (*done)(void *ctx) = g_sup.stop_done;

	service_timer_clear(&g_sup.stop_timer);
	g_sup.stop_done = NULL;
	done(g_sup.stop_ctx);
}

void
service_stop_check(void)
{
	int i;

	if (!g_sup.stopping || g_sup.stop_done == NULL || !TAILQ_EMPTY(&g_sup.replaced)) {
		return;
	}
	for (i = 0; i < NUM_SERVICES; i++) {
		if (g_services[i].proc != NULL || g_services[i].next != NULL) {
			return;
		}
	}
	stop_end();
}

static void
say_left(const struct service_proc *proc)
{
	if (proc != NULL) {
		SPDK_ERRLOG("%s (pid %d) is left behind: SIGKILL does not end it, so it hangs in "
		            "the kernel\n",
		            proc->svc->binary, (int)proc->pid);
	}
}

static void
stop_overdue(void *arg)
{
	struct service_proc *proc;
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		say_left(g_services[i].proc);
		say_left(g_services[i].next);
	}
	TAILQ_FOREACH (proc, &g_sup.replaced, link) {
		say_left(proc);
	}
	if (g_sup.stop_done != NULL) {
		stop_end();
	}
}

void
service_stop_all(void (*done)(void *ctx), void *ctx)
{
	struct service_proc *proc;
	int i;

	g_sup.stopping = true;
	g_sup.stop_done = done;
	g_sup.stop_ctx = ctx;
	service_alive_stop();
	for (i = 0; i < NUM_SERVICES; i++) {
		struct service *svc = &g_services[i];

		service_timer_clear(&svc->timer);
		service_timer_clear(&svc->healthy);
		service_show(svc, svc->proc != NULL ? CAL_SERVICE_STOPPING : CAL_SERVICE_OFF);
		stop_soon(svc->proc);
		stop_soon(svc->next);
	}
	TAILQ_FOREACH (proc, &g_sup.replaced, link) {
		stop_soon(proc);
	}
	service_restart_stop();
	service_timer_set(&g_sup.stop_timer, SERVICE_STOP_GIVE_UP, stop_overdue, NULL);
	service_stop_check();
}

uint32_t
app_service_list(struct cal_state_service *out, uint32_t max)
{
	return state_copy_services(out, max);
}
