/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A restart that somebody asked for, so that there is always one that serves and never two:
 *
 *   the present one serves  → its successor is started beside it. READY: it is the one, the present
 *                             one is ended. It ends, or does not say hello: nothing has changed.
 *                             It lives, and is not ready in time (it cannot take over from this
 *                             one): the present one is ended first.
 *   it does not serve,      → it is ended, and the next is started.
 *   or hangs
 *
 * A program that was chosen is kept for later starts once a process of it has got as far as READY;
 * until then whatever comes next is started from what served before. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/app/service_private.h"
#include "ipc/gate/gate.h"
#include "spdk/log.h"

static void restart_next(struct app_restart *restart);

static void one_over(struct service *svc, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Tell who waits, if somebody does, and go on with the next service. */
static void
one_over(struct service *svc, int rc, const char *fmt, ...)
{
	struct app_restart *restart = svc->restart;
	struct app_restart_one *one;
	va_list args;

	service_timer_clear(&svc->restart_timer);
	if (restart == NULL) {
		return;
	}
	svc->restart = NULL;
	one = &restart->ones[restart->num - 1];
	one->rc = rc;
	one->took_us = service_now_us() - restart->began_us;
	va_start(args, fmt);
	vsnprintf(one->text, sizeof(one->text), fmt, args);
	va_end(args);
	restart_next(restart);
}

/* ", and its last words were: …" */
static void
last_words(const struct service_proc *proc, char *text, size_t size)
{
	char line[200];

	if (proc->why[0] != '\0') {
		snprintf(line, sizeof(line), "%s", proc->why);
	} else {
		service_log_last(proc, line, sizeof(line));
	}
	snprintf(text, size, "%s%s", line[0] != '\0' ? "; its last words: " : "", line);
}

/* It has not answered for so long that a successor that waits for it cannot be blamed. */
static bool
is_silent(const struct service_proc *proc)
{
	return proc->hung || proc->missed >= SERVICE_PING_HUNG - 1;
}

static void
who_serves(const struct service *svc, char *text, size_t size)
{
	if (svc->proc != NULL && svc->proc->ready && !svc->restart_asked) {
		snprintf(text, size, "pid %d serves on", (int)svc->proc->pid);
	} else {
		snprintf(text, size, "%s is started again", svc->binary);
	}
}

/* --- what happens meanwhile ------------------------------------------------------------------- */

void
service_restart_ready(struct service *svc, const struct service_proc *proc)
{
	if (svc->restart != NULL && !svc->restart_asked) {
		svc->restart->ones[svc->restart->num - 1].pid = proc->pid;
		one_over(svc, 0, "%s", "");
	}
}

void
service_restart_ended(struct service *svc, const struct service_proc *proc, int status)
{
	char how[64], words[256], serves[64];

	/* The one before was ended for it. */
	if (svc->restart == NULL || (svc->restart_asked && proc == svc->proc)) {
		return;
	}
	service_describe_status(status, how, sizeof(how));
	last_words(proc, words, sizeof(words));
	who_serves(svc, serves, sizeof(serves));
	one_over(svc, -ECHILD, "the new %s (pid %d, %s) ended before it served: %s%s; %s",
	         svc->binary, (int)proc->pid, proc->binary.path, how, words, serves);
}

void
service_restart_failed(struct service *svc, int rc, const char *text)
{
	one_over(svc, rc, "%s", text);
}

void
service_restart_stop(void)
{
	int i;

	for (i = 0; i < NUM_SERVICES; i++) {
		one_over(&g_services[i], -ESHUTDOWN, "the primary stops");
	}
}

/* A successor that will not do. What serves goes on. */
static void
successor_give_up(struct service_proc *next, const char *what)
{
	struct service *svc = next->svc;
	char words[256], serves[64];

	last_words(next, words, sizeof(words));
	who_serves(svc, serves, sizeof(serves));
	SPDK_WARNLOG("%s (pid %d, %s) %s: it is ended; %s\n", svc->binary, (int)next->pid,
	             next->binary.path, what, serves);
	service_proc_kill(next);
	one_over(svc, -ETIMEDOUT, "the new %s (pid %d, %s) %s, and was ended%s; %s", svc->binary,
	         (int)next->pid, next->binary.path, what, words, serves);
}

/* It lives, but cannot take over: then the present one has to go first. */
void
service_restart_alive(struct service_proc *next)
{
	struct service *svc = next->svc;

	next->asked_alive = false;
	service_timer_clear(&next->timer);
	if (svc->proc == NULL || svc->restart_asked) {
		return;
	}
	SPDK_WARNLOG("%s (pid %d) has not handed over to pid %d within %d ms: it is ended\n",
	             svc->binary, (int)svc->proc->pid, (int)next->pid, SERVICE_HANDOVER_LIMIT);
	svc->restart_asked = true;
	service_proc_end(svc->proc, SERVICE_RESTART_GRACE);
}

static void
not_alive(void *arg)
{
	struct service_proc *next = arg;

	if (next->svc->proc != NULL && is_silent(next->svc->proc)) {
		service_restart_alive(next);
	} else {
		successor_give_up(next, "hangs");
	}
}

static void
handover_over(void *arg)
{
	struct service_proc *next = arg;

	if (!next->greeted) {
		successor_give_up(next, "has not said hello to the primary in time");
		return;
	}
	next->asked_alive = true;
	service_timer_set(&next->timer, SERVICE_ALIVE_LIMIT, not_alive, next);
	(void)gate_ping(next->pid);
}

static void
not_ready(void *arg)
{
	struct service_proc *proc = arg;
	struct service *svc = proc->svc;
	char words[256];

	last_words(proc, words, sizeof(words));
	SPDK_WARNLOG("%s (pid %d, %s) took over and does not serve: SIGKILL\n", svc->binary,
	             (int)proc->pid, proc->binary.path);
	service_proc_kill(proc);
	one_over(svc, -ETIMEDOUT,
	         "the new %s (pid %d, %s) did not serve within %d ms, and was ended%s; the one "
	         "from before is started again",
	         svc->binary, (int)proc->pid, proc->binary.path, SERVICE_READY_LIMIT, words);
}

void
service_restart_promoted(struct service *svc)
{
	svc->restart_asked = false;
	if (!svc->proc->ready) {
		service_timer_set(&svc->proc->timer, SERVICE_READY_LIMIT, not_ready, svc->proc);
	}
}

bool
service_is_unproven(const struct service_proc *proc)
{
	const struct service_binary *kept = &proc->svc->kept;

	return proc->binary.chosen != kept->chosen ||
	       (kept->chosen && strcmp(proc->binary.path, kept->path) != 0);
}

/* Nothing serves, and whoever asked is told so; it is tried on. */
static void
patience_over(void *arg)
{
	struct service *svc = arg;
	char words[256] = "", path[CAL_PATH_MAX];

	if (svc->proc != NULL) {
		last_words(svc->proc, words, sizeof(words));
		if (service_is_unproven(svc->proc)) {
			not_ready(svc->proc);
			return;
		}
	}
	service_log_path(svc, path, sizeof(path));
	one_over(svc, -ETIMEDOUT,
	         "%s does not serve after %d ms%s; it is tried on, and %s may say why", svc->binary,
	         SERVICE_READY_LIMIT + SERVICE_RESTART_GRACE, words, path);
}

/* --- begin ------------------------------------------------------------------------------------ */

/* The present one serves until its successor does. */
static void
begin_successor(struct service *svc, const struct service_binary *binary)
{
	struct app_restart_one *one = &svc->restart->ones[svc->restart->num - 1];
	int rc = service_proc_start(svc, binary, &svc->next);

	if (rc != 0) {
		one_over(svc, rc, "%s cannot be started: %s; pid %d serves on", binary->path,
		         strerror(-rc), (int)svc->proc->pid);
		return;
	}
	service_timer_set(&svc->next->timer, SERVICE_HANDOVER_LIMIT, handover_over, svc->next);
	if (svc->restart->caller == svc->proc->pid) {
		/* The answer goes through the one that is to hand over, and keeps it. */
		one->pid = svc->next->pid;
		one->under_way = true;
		one_over(svc, 0, "%s", "");
	}
}

static void
begin(struct service *svc, struct app_restart *restart)
{
	struct app_restart_one *one = &restart->ones[restart->num++];
	struct service_binary binary;
	char err[sizeof(one->text)];
	int rc;

	memset(one, 0, sizeof(*one));
	one->name = svc->name;
	one->old_pid = svc->proc != NULL ? svc->proc->pid : 0;
	restart->began_us = service_now_us();
	if (svc->restart != NULL || svc->next != NULL || svc->restart_asked) {
		one->rc = -EBUSY;
		snprintf(one->text, sizeof(one->text),
		         "%s is being restarted already: wait until `calctl service list` shows it "
		         "running",
		         svc->name);
		restart_next(restart);
		return;
	}
	svc->restart = restart;
	if (g_sup.stopping) {
		one_over(svc, -ESHUTDOWN, "the primary stops");
		return;
	}
	rc = restart->binary[0] != '\0'
	             ? service_binary_choose(svc, restart->binary, &binary, err, sizeof(err))
	             : service_binary_usual(svc, &binary, err, sizeof(err));
	if (rc != 0) {
		one_over(svc, rc, "%s", err);
		return;
	}
	if (svc->proc != NULL && svc->hands_over && svc->proc->ready && !svc->proc->hung) {
		begin_successor(svc, &binary);
		return;
	}
	svc->restart_with = binary;
	service_timer_set(&svc->restart_timer, SERVICE_READY_LIMIT + SERVICE_RESTART_GRACE,
	                  patience_over, svc);
	if (svc->proc != NULL) {
		svc->restart_asked = true;
		service_proc_end(svc->proc, SERVICE_RESTART_GRACE);
	} else {
		service_timer_clear(&svc->timer);
		svc->ends_in_row = 0;
		service_start(svc);
	}
}

static void
restart_next(struct app_restart *restart)
{
	bool all = strcmp(restart->name, "all") == 0;
	struct service *svc;

	while (restart->at < NUM_SERVICES) {
		/* The last to be replaced is the one that the caller may be waiting behind. */
		svc = &g_services[NUM_SERVICES - 1 - restart->at++];
		if (svc->wanted && (all || strcmp(restart->name, svc->name) == 0)) {
			begin(svc, restart);
			return;
		}
	}
	restart->done(restart);
}

static void
restart_begin(void *arg)
{
	restart_next(arg);
}

int
app_service_restart(struct app_restart *restart)
{
	struct service *svc;
	bool any = false;
	int i;

	if (g_sup.opts.by_hand) {
		return -ENOTSUP;
	}
	if (strcmp(restart->name, "all") != 0) {
		svc = service_by_name(restart->name);
		if (svc == NULL) {
			return -ENOENT;
		}
		any = svc->wanted;
	}
	for (i = 0; i < NUM_SERVICES && strcmp(restart->name, "all") == 0; i++) {
		any = any || g_services[i].wanted;
	}
	restart->num = restart->at = 0;
	return any ? control_post(restart_begin, restart) : -ENOTSUP;
}
