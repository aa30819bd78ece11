/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Ends of service processes that somebody asked for: of all at the stop, of one at a restart, of
 * one whose successor has taken over. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "calandria/instance.h"
#include "core/app/app_internal.h"
#include "core/app/service_private.h"
#include "core/app/state.h"
#include "spdk/log.h"

void
service_proc_overdue(void *arg)
{
	struct service_proc *proc = arg;

	proc->timer = NULL;
	SPDK_WARNLOG("%s (pid %d) does not end: SIGKILL\n", proc->svc->binary, (int)proc->pid);
	(void)pidfd_send_signal(proc->pidfd, SIGKILL, NULL, 0);
}

static void
ask_to_end(struct service_proc *proc, uint64_t grace_ms)
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

	proc->timer = NULL;
	ask_to_end(proc, SERVICE_STOP_GRACE - SERVICE_STOP_SIGNAL);
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

	g_sup.stop_timer = NULL;
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
	for (i = 0; i < NUM_SERVICES; i++) {
		struct service *svc = &g_services[i];

		service_timer_clear(&svc->timer);
		service_show(svc, svc->proc != NULL ? CAL_SERVICE_STOPPING : CAL_SERVICE_OFF);
		stop_soon(svc->proc);
		stop_soon(svc->next);
	}
	TAILQ_FOREACH (proc, &g_sup.replaced, link) {
		stop_soon(proc);
	}
	service_timer_set(&g_sup.stop_timer, SERVICE_STOP_GIVE_UP, stop_overdue, NULL);
	service_stop_check();
}

/* The successor has not taken over: then as it is with any other service. */
static void
handover_over(void *arg)
{
	struct service_proc *next = arg;
	struct service *svc = next->svc;

	next->timer = NULL;
	SPDK_WARNLOG("%s (pid %d) has not handed over to pid %d within %d ms: it is ended\n",
	             svc->binary, svc->proc != NULL ? (int)svc->proc->pid : 0, (int)next->pid,
	             SERVICE_HANDOVER_LIMIT);
	if (svc->proc != NULL) {
		svc->restart_asked = true;
		ask_to_end(svc->proc, SERVICE_RESTART_GRACE);
	}
}

/* Start the one that is to take over. The present one serves until then. */
static int
successor_start(struct service *svc)
{
	char path[CAL_PATH_MAX * 2];
	int rc;

	rc = service_find(svc->binary, path, sizeof(path));
	if (rc == 0) {
		rc = service_proc_start(svc, path, &svc->next);
	}
	if (rc == 0) {
		service_timer_set(&svc->next->timer, SERVICE_HANDOVER_LIMIT, handover_over,
		                  svc->next);
	}
	return rc;
}

static void
restart_one(void *arg)
{
	struct service *svc = arg;

	if (g_sup.stopping || svc->next != NULL) {
		return; /* it is being replaced */
	}
	if (svc->proc != NULL && svc->hands_over && svc->proc->ready && !svc->restart_asked &&
	    successor_start(svc) == 0) {
		return;
	}
	if (svc->proc != NULL) {
		svc->restart_asked = true;
		ask_to_end(svc->proc, SERVICE_RESTART_GRACE);
	} else {
		service_timer_clear(&svc->timer);
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
		svc = service_by_name(name);
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
