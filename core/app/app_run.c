/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The application's life on the app thread: a small state machine whose state is the one that the
 * state file shows. Every function here is for the app thread. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/app/app_internal.h"
#include "core/app/app_private.h"
#include "core/app/state.h"
#include "core/app/subsystem.h"
#include "core/rpc/rpc_server.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/rpc.h"
#include "core/reactor/reactor_internal.h"
#include "core/thread/thread_internal.h"

/* How long `running` may wait for the JSON-RPC socket to listen. */
#define RPC_READY_TIMEOUT_US (5ull * 1000 * 1000)
/* After how long a stop says what it waits for. */
#define STOP_PATIENCE_S 5

struct waiter {
	app_init_fn fn;
	void *ctx;
	TAILQ_ENTRY(waiter) link;
};
TAILQ_HEAD(waiter_list, waiter);

static struct {
	struct waiter_list waiters;
	bool subsystems_walk; /* spdk_subsystem_init() has not answered yet */
	/* They are initialised, though the state may still be subsystem_init: see enter_running()
	 */
	bool subsystems_ready;
	bool rpc_ready;
	bool rpc_failed;
	bool stopping;
	bool shutdown_asked; /* shutdown_cb was called */
	unsigned stop_parts; /* of the stop that are still going on */
	bool stop_overdue;   /* it was said what the stop waits for; a signal ends the waiting */
	bool late;           /* --init-timeout ended the start: nobody needs to end the waiting */
	struct spdk_poller *rpc_patience;
	struct spdk_poller *stop_patience;
} g_run;

static void stop_begin(int rc);
static void stop_subsystems_settled(void);
static void enter_running(void);

/* --- waiters ---------------------------------------------------------------------------------- */

static int
waiter_add(app_init_fn fn, void *ctx)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter == NULL) {
		return -ENOMEM;
	}
	waiter->fn = fn;
	waiter->ctx = ctx;
	TAILQ_INSERT_TAIL(&g_run.waiters, waiter, link);
	return 0;
}

static void
waiters_tell(int rc, const char *reason)
{
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(&g_run.waiters)) != NULL) {
		TAILQ_REMOVE(&g_run.waiters, waiter, link);
		waiter->fn(waiter->ctx, rc, reason);
		free(waiter);
	}
}

/* --- start ------------------------------------------------------------------------------------ */

void
app_run_fail(int rc, const char *fmt, ...)
{
	va_list args;

	if (g_run.stopping) {
		return;
	}
	va_start(args, fmt);
	vsnprintf(g_app.reason, sizeof(g_app.reason), fmt, args);
	va_end(args);
	state_set_reason(g_app.reason);
	stop_begin(rc);
}

static void
show_subsystem(const char *name, bool init)
{
	app_state_doing("subsystem %s%s", name, init ? "" : " (ends)");
}

static void
subsystems_ready(int rc, void *ctx)
{
	struct spdk_subsystem *failed = subsystem_failed();

	g_run.subsystems_walk = false;
	if (g_run.stopping) {
		stop_subsystems_settled();
		return;
	}
	if (rc != 0) {
		app_run_fail(rc, "subsystem %s failed to initialise: %s",
		             failed != NULL ? failed->name : "?", strerror(-rc));
		return;
	}
	g_run.subsystems_ready = true;
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	if (g_app.has_config) {
		state_enter(CAL_RUN_CONFIG);
		waiters_tell(0, NULL);
		return;
	}
	waiters_tell(0, NULL);
	rpc_server_resume();
	enter_running();
}

static void
subsystems_start(void)
{
	state_enter(CAL_RUN_SUBSYSTEM_INIT);
	app_deadline_go_on();
	g_run.subsystems_walk = true;
	rpc_server_pause();
	subsystem_set_observer(show_subsystem);
	spdk_subsystem_init(subsystems_ready, NULL);
}

static void
wait_for_start_init(void)
{
	app_state_doing("waits for framework_start_init");
	app_deadline_hold();
	SPDK_NOTICELOG("%s waits for framework_start_init, as --wait-for-rpc says: instance %d\n",
	               g_app.opts.name, g_app.id);
}

int
app_framework_start_init(app_init_fn fn, void *ctx)
{
	int rc;

	if (state_now() != CAL_RUN_STARTUP_RPC || g_run.stopping) {
		return -EPERM;
	}
	rc = waiter_add(fn, ctx);
	if (rc == 0) {
		subsystems_start();
	}
	return rc;
}

int
app_framework_wait_init(app_init_fn fn, void *ctx)
{
	int rc;

	if (g_run.stopping) {
		fn(ctx, -ESHUTDOWN, "the application is stopping");
		return 0;
	}
	if (g_run.subsystems_ready) {
		fn(ctx, 0, NULL);
		return 0;
	}
	rc = waiter_add(fn, ctx);
	if (rc == 0 && state_now() == CAL_RUN_STARTUP_RPC && g_app.opts.delay_subsystem_init) {
		/* While the configuration's startup methods are applied only confd is served, so
		 * this is confd, which has applied them: now it is everybody's turn. */
		wait_for_start_init();
		rpc_server_resume();
	}
	return rc;
}

/* Of each RPC, before its answer goes out. */
static bool
answer_leaves(struct spdk_jsonrpc_request *request, bool ok)
{
	config_step_answered(request, ok);
	return config_keep_answer(request, ok);
}

static void
open_gate(void *arg)
{
	int rc = gate_open();

	if (rc != 0) {
		SPDK_ERRLOG("the gate does not open, nobody can attach: %s\n", strerror(-rc));
	}
}

void
app_run_begin(void *ctx)
{
	int rc;

	memset(&g_run, 0, sizeof(g_run));
	TAILQ_INIT(&g_run.waiters);
	config_progress_reset();
	config_keep_begin(g_app.state_dir != NULL);
	rpc_server_set_answer_hook(answer_leaves);
	rc = rpc_server_start();
	if (rc != 0) {
		app_run_fail(rc, "the RPC server does not start: %s", strerror(-rc));
		return;
	}
	rc = control_post(open_gate, NULL);
	if (rc != 0) {
		app_run_fail(rc, "the gate does not open: %s", strerror(-rc));
		return;
	}
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	if (!g_app.has_config && !g_app.opts.delay_subsystem_init) {
		subsystems_start();
		return;
	}
	state_enter(CAL_RUN_STARTUP_RPC);
	if (g_app.has_config) {
		app_state_doing("waits for cal-confd");
		rpc_server_pause();
	} else {
		wait_for_start_init();
	}
}

void
app_run_config_done(int rc, const char *error)
{
	if (rc != 0) {
		app_run_fail(rc, "%s", error);
		return;
	}
	config_keep_loaded();
	rpc_server_resume();
	enter_running();
}

static int
rpc_patience_over(void *ctx)
{
	spdk_poller_unregister(&g_run.rpc_patience);
	SPDK_WARNLOG("cal-rpcd does not say that %s listens: going on without it\n",
	             g_app.opts.rpc_addr);
	g_run.rpc_ready = true;
	enter_running();
	return SPDK_POLLER_BUSY;
}

/* Everything is up; running is only said when the socket answers, so that who waits for the state
 * can connect. */
static void
enter_running(void)
{
	if (g_run.stopping || state_now() == CAL_RUN_RUNNING) {
		return;
	}
	if (g_app.opts.rpc_addr != NULL && !g_app.by_hand && !g_run.rpc_ready) {
		app_state_doing("cal-rpcd starts");
		if (g_run.rpc_patience == NULL) {
			g_run.rpc_patience =
				SPDK_POLLER_REGISTER(rpc_patience_over, NULL, RPC_READY_TIMEOUT_US);
		}
		return;
	}
	spdk_poller_unregister(&g_run.rpc_patience);
	state_enter(CAL_RUN_RUNNING);
	app_deadline_met();
	SPDK_NOTICELOG("%s runs: instance %d, %s%s\n", g_app.opts.name, g_app.id,
	               g_app.opts.rpc_addr != NULL ? "JSON-RPC on " : "no JSON-RPC socket",
	               g_app.opts.rpc_addr != NULL ? g_app.opts.rpc_addr : "");
	g_app.start_fn(g_app.start_ctx);
}

/* --- stop ------------------------------------------------------------------------------------- */

static void
stop_finish(void)
{
	spdk_poller_unregister(&g_run.stop_patience);
	g_run.stop_overdue = false;
	app_boot_mute();
	reactors_stop();
}

static void
stop_part_done(void *ctx)
{
	/* None are left when nobody waited for this one. */
	if (g_run.stop_parts > 0 && --g_run.stop_parts == 0) {
		stop_finish();
	}
}

static int stop_takes_long(void *ctx);

static void
stop_patience_start(void)
{
	spdk_poller_unregister(&g_run.stop_patience);
	g_run.stop_overdue = false;
	g_run.stop_patience =
		SPDK_POLLER_REGISTER(stop_takes_long, NULL, STOP_PATIENCE_S * 1000000ull);
}

/* Go on without what the stop waits for. */
static void
stop_without_it(void)
{
	SPDK_WARNLOG("%s stops without what it has waited for\n", g_app.opts.name);
	if (g_run.subsystems_walk) {
		subsystem_init_abandon();
		g_run.subsystems_walk = false;
		stop_subsystems_settled();
		return;
	}
	g_run.stop_parts = 0;
	stop_finish();
}

/* A subsystem that does not end would hold up the stop without a word, and for ever. */
static int
stop_takes_long(void *ctx)
{
	const struct spdk_subsystem *current = subsystem_current();

	spdk_poller_unregister(&g_run.stop_patience);
	g_run.stop_overdue = true;
	app_state_error("%s%s has not ended %d s after the stop began",
	                current != NULL ? "subsystem " : "an RPC",
	                current != NULL ? current->name : "", STOP_PATIENCE_S);
	SPDK_ERRLOG("%s waits for %s%s, which has not ended %d s after the stop began; SIGTERM or "
	            "SIGINT ends the waiting\n",
	            g_app.opts.name, current != NULL ? "subsystem " : "an RPC",
	            current != NULL ? current->name : "", STOP_PATIENCE_S);
	io_devices_report_pending();
	if (g_run.late) {
		stop_without_it();
	}
	return SPDK_POLLER_BUSY;
}

/* No link will be granted any more. Requests are not taken from here on, but some are under way,
 * and what they wait for may be a subsystem's to end: hence side by side. */
static void
stop_gate_closed(void *ctx)
{
	g_run.stop_parts = 2;
	stop_patience_start();
	rpc_server_stop(stop_part_done, NULL);
	spdk_subsystem_fini(stop_part_done, NULL);
}

/* No subsystem's init is under way, or it is given up. */
static void
stop_subsystems_settled(void)
{
	spdk_poller_unregister(&g_run.stop_patience);
	g_run.stop_overdue = false;
	app_boot_close("the application stops", stop_gate_closed, NULL);
}

static void
stop_go_on(void *ctx)
{
	config_keep_stop();
	waiters_tell(-ESHUTDOWN, g_app.reason[0] != '\0' ? g_app.reason : "the application stops");
	config_stop();
	if (g_run.subsystems_walk && g_run.late) {
		subsystem_init_abandon();
		g_run.subsystems_walk = false;
	}
	if (!g_run.subsystems_walk) {
		stop_subsystems_settled();
		return;
	}
	/* A subsystem's init cannot be called off: wait for it, start no other. */
	if (subsystem_current() != NULL) {
		app_state_doing("subsystem %s (its init is waited for)", subsystem_current()->name);
	}
	subsystem_init_cancel();
	stop_patience_start();
}

static void
stop_begin(int rc)
{
	if (g_run.stopping) {
		SPDK_NOTICELOG("%s is stopping already\n", g_app.opts.name);
		return;
	}
	g_run.stopping = true;
	g_app.rc = rc;
	spdk_poller_unregister(&g_run.rpc_patience);
	app_deadline_met();
	state_enter(CAL_RUN_STOPPING);
	config_keep_final(stop_go_on, NULL);
}

static void
stop_message(void *ctx)
{
	stop_begin((int)(intptr_t)ctx);
}

void
spdk_app_stop(int rc)
{
	if (g_app.thread == NULL) {
		SPDK_ERRLOG("spdk_app_stop() without a running application\n");
		return;
	}
	(void)spdk_thread_send_msg(g_app.thread, stop_message, (void *)(intptr_t)rc);
}

static void
call_shutdown_cb(void *ctx)
{
	g_app.opts.shutdown_cb();
}

static void
shutdown_message(void *ctx)
{
	if (g_run.stop_overdue) {
		stop_without_it();
		return;
	}
	if (g_run.stopping) {
		SPDK_NOTICELOG("%s is stopping already\n", g_app.opts.name);
		return;
	}
	if (state_now() != CAL_RUN_RUNNING || g_app.opts.shutdown_cb == NULL) {
		stop_begin(0);
		return;
	}
	if (g_run.shutdown_asked) {
		SPDK_NOTICELOG("%s was asked to shut down already\n", g_app.opts.name);
		return;
	}
	g_run.shutdown_asked = true;
	/* The application may take down what is to be kept. */
	config_keep_final(call_shutdown_cb, NULL);
}

/* Takes the way of a signal, since applications call it in handlers of their own: a message could
 * find the queue that it goes to in the middle of another one. */
void
spdk_app_start_shutdown(void)
{
	if (!app_boot_signal()) {
		SPDK_ERRLOG("spdk_app_start_shutdown() without a running application\n");
	}
}

/* --- notes ------------------------------------------------------------------------------------ */

void
app_run_note(void *arg)
{
	struct app_note *note = arg;
	bool is_up = state_now() == CAL_RUN_RUNNING;

	switch (note->kind) {
	case APP_NOTE_SIGNAL:
		shutdown_message(NULL);
		break;
	case APP_NOTE_RPC_READY:
		g_run.rpc_ready = true;
		if (g_run.rpc_patience != NULL) {
			enter_running();
		}
		break;
	case APP_NOTE_RPC_FAILED:
	case APP_NOTE_CONFIG_FAILED:
		if (is_up) {
			SPDK_ERRLOG("%s\n", note->text);
			app_state_error("%s", note->text);
		} else {
			app_run_fail(note->rc, "%s", note->text);
		}
		break;
	case APP_NOTE_LATE:
		app_deadline_heard();
		if (!is_up && !g_run.stopping) {
			g_run.late = true;
			app_run_fail(note->rc, "%s", note->text);
		}
		break;
	case APP_NOTE_CHECKED:
		break;
	}
	free(note);
}
