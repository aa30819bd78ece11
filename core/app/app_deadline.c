/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* --init-timeout: a start that is not through in time fails, whatever holds it up. The clock is on
 * the control pthread, which goes on when EAL, a reactor or a subsystem hangs. When the time is up
 * the thread that drives the start is told, and stops in order; if it does not even take notice, or
 * its stop does not come to an end either, the process is ended from here. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/app/app_opts.h"
#include "core/app/app_private.h"
#include "ipc/gate/control.h"
#include "spdk/log.h"

static struct {
	struct control_timer *timer;
	bool held; /* it waits for somebody's framework_start_init */
	bool over;
	bool heard; /* who drives the start knows; any thread */
	char text[APP_REASON_LEN];
} g_deadline;

static void time_is_up(void *arg);

static void
timer_set(uint64_t ms, void (*fn)(void *arg))
{
	control_timer_cancel(g_deadline.timer);
	g_deadline.timer = control_timer_start(ms, fn, NULL);
	if (g_deadline.timer == NULL) {
		SPDK_ERRLOG("out of memory: --init-timeout is not kept\n");
	}
}

static void
end_is_late(void *arg)
{
	g_deadline.timer = NULL;
	app_end_now(g_deadline.text, "and the stop did not end either");
}

static void
answer_is_late(void *arg)
{
	g_deadline.timer = NULL;
	if (__atomic_load_n(&g_deadline.heard, __ATOMIC_RELAXED)) {
		timer_set(APP_DEADLINE_END_MS, end_is_late);
	} else {
		app_end_now(g_deadline.text, "and the core it is on hangs, so nothing was stopped "
		                             "in order");
	}
}

static void
time_is_up(void *arg)
{
	static struct cal_state_file state;
	uint64_t limit_ms = app_args()->init_timeout_ms;
	const struct cal_state_main *m = &state.main;
	bool alive, is_in;

	g_deadline.timer = NULL;
	g_deadline.over = true;
	if (cal_state_read(g_app.id, &state, &alive) != 0) {
		memset(&state, 0, sizeof(state));
	}
	is_in = m->doing[0] != '\0';
	snprintf(
		g_deadline.text, sizeof(g_deadline.text),
		"the start is not through after %g s (--init-timeout): it is in state %s, %s%s for "
		"%.1f s",
		(double)limit_ms / 1000, cal_run_state_name(m->state), is_in ? "in " : "",
		is_in ? m->doing : "of which nothing is known in detail",
		(double)(is_in ? cal_state_doing_ns(m) : cal_state_spent_ns(m, m->state)) / 1e9);
	app_boot_tell_late(g_deadline.text);
	timer_set(APP_DEADLINE_HEAR_MS, answer_is_late);
}

void
app_deadline_start(void)
{
	memset(&g_deadline, 0, sizeof(g_deadline));
	if (app_args()->init_timeout_ms > 0) {
		timer_set(app_args()->init_timeout_ms, time_is_up);
	}
}

static void
hold_on_control(void *arg)
{
	if (!g_deadline.over) {
		control_timer_cancel(g_deadline.timer);
		g_deadline.timer = NULL;
		g_deadline.held = true;
	}
}

static void
go_on_control(void *arg)
{
	if (g_deadline.held && !g_deadline.over) {
		g_deadline.held = false;
		timer_set(app_args()->init_timeout_ms, time_is_up);
	}
}

static void
met_on_control(void *arg)
{
	/* Once the time is up only the end of the process ends it. */
	hold_on_control(NULL);
	g_deadline.over = true;
}

static void
post(void (*fn)(void *arg))
{
	if (app_args()->init_timeout_ms > 0 && control_post(fn, NULL) != 0) {
		SPDK_ERRLOG("out of memory: --init-timeout may come at the wrong time\n");
	}
}

void
app_deadline_hold(void)
{
	post(hold_on_control);
}

void
app_deadline_go_on(void)
{
	post(go_on_control);
}

void
app_deadline_met(void)
{
	post(met_on_control);
}

void
app_deadline_heard(void)
{
	__atomic_store_n(&g_deadline.heard, true, __ATOMIC_RELAXED);
}

void
app_deadline_cancel(void)
{
	control_timer_cancel(g_deadline.timer);
	g_deadline.timer = NULL;
	g_deadline.over = true;
}
