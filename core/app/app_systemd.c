/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What systemd is told of a primary with Type=notify: the state and what is in progress, READY when
 * the state is `running` and never before, why it failed. Who enters a state, a reactor often, only
 * posts; the state file is read and the datagram sent on the control pthread, or on the main thread
 * while there is no other. */

#include <stdio.h>
#include <string.h>

#include "core/app/app_private.h"
#include "core/app/state.h"
#include "core/util/systemd.h"
#include "ipc/gate/control.h"

/* While it starts or stops: how often it is looked what is in progress. */
#define LOOK_MS 500
/* A start or stop that makes progress may take so long until its next step, whatever the unit's
 * TimeoutStartSec; one that hangs is ended by systemd then. */
#define EXTENSION_S 60

static struct {
	bool by_control; /* there is a control pthread, which does it */
	bool posted;
	bool ready;
	bool stopping;
	char said[sizeof(((struct cal_state_main *)0)->reason) + 64];
	struct control_timer *timer;
} g_sd;

static bool
is_under_way(uint32_t state)
{
	return state != CAL_RUN_NONE && state != CAL_RUN_RUNNING && state != CAL_RUN_STOPPED &&
	       state != CAL_RUN_FAILED;
}

/* Somebody is to say framework_start_init, and may take his time. */
static bool
is_waiting(uint32_t state)
{
	return state == CAL_RUN_STARTUP_RPC && g_app.opts.delay_subsystem_init;
}

static void
describe(const struct cal_state_main *m, char *text, size_t size)
{
	const char *state = cal_run_state_name(m->state);

	if (m->state == CAL_RUN_RUNNING) {
		snprintf(text, size, "%s: instance %d%s%s", state, g_app.id,
		         m->rpc_socket[0] != '\0' ? ", JSON-RPC on " : "", m->rpc_socket);
	} else if (m->state == CAL_RUN_FAILED && m->reason[0] != '\0') {
		snprintf(text, size, "%s: %s", state, m->reason);
	} else if (m->doing[0] != '\0') {
		snprintf(text, size, "%s: %s", state, m->doing);
	} else {
		snprintf(text, size, "%s", state);
	}
}

static void
say(const struct cal_state_main *m)
{
	char text[sizeof(g_sd.said)], extension[64] = "";
	bool news, ready, stopping;

	describe(m, text, sizeof(text));
	news = strcmp(text, g_sd.said) != 0;
	ready = m->state == CAL_RUN_RUNNING && !g_sd.ready;
	stopping = m->state == CAL_RUN_STOPPING && !g_sd.stopping;
	if (is_under_way(m->state) && (news || is_waiting(m->state))) {
		snprintf(extension, sizeof(extension), "EXTEND_TIMEOUT_USEC=%d000000\n",
		         EXTENSION_S);
	}
	if (!news && !ready && !stopping && extension[0] == '\0') {
		return;
	}
	/* What does not get through is said at the next look. */
	if (systemd_send(text, "%s%s%s", ready ? "READY=1\n" : "", stopping ? "STOPPING=1\n" : "",
	                 extension) == 0) {
		g_sd.ready = g_sd.ready || ready;
		g_sd.stopping = g_sd.stopping || stopping;
		memcpy(g_sd.said, text, sizeof(g_sd.said));
	}
}

static bool
is_said(uint32_t state)
{
	return state != CAL_RUN_RUNNING || g_sd.ready;
}

static void look(void *arg);

static void
look_again(void *arg)
{
	g_sd.timer = NULL;
	look(NULL);
}

static void
look(void *arg)
{
	static struct cal_state_file file;
	bool alive;

	__atomic_store_n(&g_sd.posted, false, __ATOMIC_SEQ_CST);
	if (cal_state_read(g_app.id, &file, &alive) != 0) {
		return;
	}
	say(&file.main);
	if (control_is_current() && g_sd.timer == NULL &&
	    (is_under_way(file.main.state) || !is_said(file.main.state))) {
		g_sd.timer = control_timer_start(LOOK_MS, look_again, NULL);
	}
}

void
app_systemd_state_entered(void)
{
	if (!systemd_is_open()) {
		return;
	}
	if (!__atomic_load_n(&g_sd.by_control, __ATOMIC_RELAXED) || control_is_current()) {
		look(NULL);
	} else if (!__atomic_exchange_n(&g_sd.posted, true, __ATOMIC_SEQ_CST) &&
	           control_post(look, NULL) != 0) {
		__atomic_store_n(&g_sd.posted, false, __ATOMIC_SEQ_CST);
	}
}

void
app_systemd_failed(const char *reason, int rc)
{
	char err[32] = "";

	if (rc < 0) {
		snprintf(err, sizeof(err), "ERRNO=%d\n", -rc);
	}
	(void)systemd_send(reason, "%s", err);
}

void
app_systemd_open(void)
{
	memset(&g_sd, 0, sizeof(g_sd));
	(void)systemd_open();
}

void
app_systemd_on_control(void)
{
	__atomic_store_n(&g_sd.by_control, true, __ATOMIC_RELAXED);
	app_systemd_state_entered();
}

void
app_systemd_off_control(void)
{
	control_timer_cancel(g_sd.timer);
	g_sd.timer = NULL;
	__atomic_store_n(&g_sd.by_control, false, __ATOMIC_RELAXED);
}
