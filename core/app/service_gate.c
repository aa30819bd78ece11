/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the gate hears of service processes. */

#include <signal.h>
#include <stdio.h>

#include "core/app/service_private.h"
#include "spdk/log.h"

static void
on_ready(struct service *svc, struct service_proc *proc)
{
	struct service_proc *before = svc->proc;

	svc->served = true;
	if (proc == NULL) {
		service_show(svc, CAL_SERVICE_RUNNING);
		return;
	}
	if (g_sup.stopping || (proc == svc->proc && svc->restart_asked)) {
		/* It is to end, and has its time for that: what was on its way changes nothing. */
		return;
	}
	service_proc_ready(proc);
	if (proc == svc->next) {
		service_promote(svc);
		if (before != NULL) {
			/* It is on its way out, or is now: one that had nothing to hand over has
			 * not heard of it. */
			TAILQ_INSERT_TAIL(&g_sup.replaced, before, link);
			service_proc_end(before, SERVICE_RESTART_GRACE);
		}
	} else {
		/* (One that took the place of another had a time limit.) */
		service_timer_clear(&proc->timer);
		service_show(svc, CAL_SERVICE_RUNNING);
		service_forgive_later(svc);
	}
	service_restart_ready(svc, proc);
}

void
service_report(const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	struct service *svc = service_by_name(name);
	struct service_proc *proc = svc != NULL ? service_proc_of(svc, pid) : NULL;

	/* Also one of a name that we know, started by somebody else, is not ours to list. */
	if (svc == NULL || (proc == NULL && svc->hand_pid != pid)) {
		return;
	}
	switch (code) {
	case GATE_REPORT_READY:
		on_ready(svc, proc);
		service_tell(SERVICE_EVENT_READY, svc, "");
		break;
	case GATE_REPORT_CHECKED:
		/* A successor of confd's has more to do until it could go on. */
		if (proc == NULL || proc == svc->proc) {
			on_ready(svc, proc);
		}
		service_tell(SERVICE_EVENT_CHECKED, svc, "");
		break;
	case GATE_REPORT_FAILED:
		if (proc != NULL) {
			proc->gave_up = true;
			snprintf(proc->why, sizeof(proc->why), "%s", text);
		}
		if (proc != NULL && proc == svc->next) {
			SPDK_WARNLOG("%s (pid %d) cannot take over: %s\n", svc->binary,
			             (int)proc->pid, text);
		} else {
			service_tell(SERVICE_EVENT_FAILED, svc, text);
		}
		break;
	case GATE_REPORT_METRICS:
		snprintf(svc->shown.metrics, sizeof(svc->shown.metrics), "%s", text);
		service_publish();
		break;
	}
}

void
service_peer(const char *name, pid_t pid, bool connected)
{
	struct service *svc = service_by_name(name);
	struct service_proc *proc;

	if (svc == NULL) {
		return;
	}
	proc = service_proc_of(svc, pid);
	if (proc != NULL) {
		/* Ours. Without its connection it can do nothing but end. */
		proc->greeted |= connected;
		if (!connected && !g_sup.stopping &&
		    (!service_timer_is_set(&proc->timer) || proc == svc->next)) {
			service_timer_set(&proc->timer, SERVICE_RESTART_GRACE, service_proc_overdue,
			                  proc);
		}
		return;
	}
	if (!g_sup.opts.by_hand) {
		return;
	}
	if (connected) {
		svc->hand_pid = pid;
		svc->shown.restarts += svc->was_started;
		svc->was_started = true;
		service_show(svc, CAL_SERVICE_STARTING);
	} else if (svc->hand_pid == pid) {
		svc->hand_pid = 0;
		svc->shown.metrics[0] = '\0';
		service_show(svc, CAL_SERVICE_OFF);
	}
}
