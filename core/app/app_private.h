/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files behind spdk_app_start() share.
 *
 *   app.c         main thread: builds everything in order, blocks in the reactors, takes it down
 *   app_instance.c  main thread: the instance's lock and folder
 *   app_boot.c    control pthread: gate, services, signals; hands what happens to whoever is awake
 *   app_deadline.c  control pthread: --init-timeout
 *   app_systemd.c  control pthread: what systemd is told
 *   app_run.c     app thread: start-up states, stop
 *   config_rpc.c  app thread: the configuration service's side of the start
 *   config_keep.c app thread: changes of the configuration, and who waits until they are kept
 *
 * A thing that happens on the control pthread (a service reports, a signal came) is a note. Until
 * the app thread exists, notes are kept for the main thread, which waits for them (app_boot.c);
 * afterwards each is a message to the app thread. No reactor ever takes the lock. */

#ifndef CAL_CORE_APP_PRIVATE_H
#define CAL_CORE_APP_PRIVATE_H

#include "spdk/stdinc.h"
#include "spdk/event.h"
#include "spdk/thread.h"

#include "core/app/service.h"

#define APP_REASON_LEN 512

enum app_note_kind {
	APP_NOTE_SIGNAL,
	APP_NOTE_CHECKED,       /* confd can read the configuration */
	APP_NOTE_RPC_READY,     /* rpcd listens */
	APP_NOTE_RPC_FAILED,    /* rpcd cannot be had; text says why */
	APP_NOTE_CONFIG_FAILED, /* confd, likewise */
	APP_NOTE_LATE,          /* --init-timeout is over; text says what took so long */
};

struct app {
	struct spdk_app_opts opts;
	int id;       /* of the instance */
	int lock_fd;  /* the instance's, -1 without */
	bool by_hand; /* --no-services */
	bool has_config;
	char *config_path; /* what confd reads */
	gid_t gate_group;  /* whose members may look, (gid_t)-1: nobody */
	char *state_dir;   /* where it keeps what becomes of it, NULL: nowhere */
	spdk_msg_fn start_fn;
	void *start_ctx;

	struct spdk_thread *thread;
	int rc;                      /* what spdk_app_start() returns */
	char reason[APP_REASON_LEN]; /* why it failed; app thread while that runs */
};
extern struct app g_app;

/* --- app_boot.c ------------------------------------------------------------------------------- */

/** Hear signals, from before there is anything that an end by one would leave behind until all of
 *  it is gone. Main thread. The first returns 0 or a negative errno with a sentence. */
int app_signals_up(void);
void app_signals_down(void);
/** Control pthread (it and its services off the reactors' CPUs), gate, services. Main thread.
 * Returns 0 or a negative errno, then with a sentence in g_app.reason and nothing left running. */
int app_boot(const cpu_set_t *reactors);
/** Wait until the configuration is known to be readable, or that it is not, or a signal. Main
 *  thread. Returns 0 or a negative errno with a sentence (-ECANCELED: a signal). */
int app_boot_wait_checked(void);
/** Whether a signal came. Main thread, before app_boot_handover(). */
bool app_boot_is_interrupted(void);
/** From now on notes go to g_app.thread; those so far are sent there at once. Main thread. */
void app_boot_handover(void);
/** Notes go nowhere any more: the app thread is about to end. Any thread. */
void app_boot_mute(void);
/** Close the gate, end the services; app thread. `fn` is called on the app thread as soon as no
 * link will be granted any more; the services may take longer. */
void app_boot_close(const char *reason, void (*fn)(void *ctx), void *ctx);
/** Wait until app_boot_close() is through with the services, and take the gate down; does the whole
 *  of it if nobody closed before. Main thread, no reactor runs. */
void app_boot_finish(void);
/** End the control pthread. Main thread. */
void app_boot_fini(void);
/** What a signal does. Any thread, signal handlers included. Returns false when there is nobody to
 *  tell. */
bool app_boot_signal(void);
/** The start takes too long: tell who drives it. Control pthread. */
void app_boot_tell_late(const char *text);
/** Close the gate and end the services, for a process that will not do so in order. Control
 *  pthread; `done` is called there, SERVICE_STOP_GRACE later at most. */
void app_boot_abort(const char *reason, void (*done)(void *ctx));

/* --- app_instance.c --------------------------------------------------------------------------- */

/** Note why the start fails. Returns `rc`. */
int app_fail(int rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Say it: to the log of the application if it has one of its own, otherwise on stderr. */
void app_say_why(const char *name);

/** Stages of spdk_app_start(): the instance's lock, folder and state file; the configuration's path
 *  (json_data becomes a file). Main thread. The first returns 0 or a negative errno with a sentence
 *  in g_app.reason. */
int app_instance_up(void);
void app_instance_down(void);
int app_config_up(void);
void app_config_down(void);

/** End the process from outside of the threads that should have done so: state failed with a
 *  reason, services ended, locks given back, files removed, exit status as of -ETIMEDOUT. Control
 *  pthread; returns, the end comes a little later. */
void app_end_now(const char *reason, const char *why_so);

/* --- app_deadline.c --------------------------------------------------------------------------- */

/* How long whoever drives the start may take to notice that its time is up; and then to stop. */
#define APP_DEADLINE_HEAR_MS 2000
#define APP_DEADLINE_END_MS  8000

/** Start the clock, if --init-timeout was given. Control pthread. */
void app_deadline_start(void);
/** The time that the start waits for a framework_start_init does not count; after it the clock
 *  begins anew. App thread. */
void app_deadline_hold(void);
void app_deadline_go_on(void);
/** The start is through, or called off. App thread. */
void app_deadline_met(void);
/** The one that drives the start knows that its time is up. App or main thread. */
void app_deadline_heard(void);
/** Stop the clock for good. Control pthread. */
void app_deadline_cancel(void);

/* --- app_systemd.c ---------------------------------------------------------------------------- */

/** Whether systemd wants to be told ($NOTIFY_SOCKET), before anything else. Main thread. */
void app_systemd_open(void);
/** The state file shows another state. Any thread, reactors included: posts, at most. */
void app_systemd_state_entered(void);
/** From now on it is the control pthread that tells; the main thread again. Control pthread. */
void app_systemd_on_control(void);
void app_systemd_off_control(void);
/** Why it ends; `rc` as spdk_app_start() returns. Main thread or control pthread. */
void app_systemd_failed(const char *reason, int rc);

/* --- app_run.c -------------------------------------------------------------------------------- */

/** First message of the app thread. */
void app_run_begin(void *ctx);
/** A note. App thread; frees it. */
struct app_note;
void app_run_note(void *note);
/** confd is through: 0 and NULL, or why the start fails. App thread. */
void app_run_config_done(int rc, const char *error);
/** End the start with a reason. App thread. */
void app_run_fail(int rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct app_note {
	enum app_note_kind kind;
	int rc; /* of the start that this makes fail */
	char text[APP_REASON_LEN];
};

/* --- config_rpc.c ----------------------------------------------------------------------------- */

struct spdk_jsonrpc_request;

/** Forget an earlier start's progress. */
void config_progress_reset(void);
/** Of every answer: it may be that of the step under way. App thread. */
void config_step_answered(struct spdk_jsonrpc_request *request, bool ok);
/** Answer who waits for the end of a step. App thread. */
void config_stop(void);

/* --- config_keep.c: --state-dir; app thread --------------------------------------------------- */

struct spdk_json_write_ctx;

/** A start begins; `on`: --state-dir was given. */
void config_keep_begin(bool on);
/** The configuration has been loaded: from now on changes are kept. */
void config_keep_loaded(void);
/** Of every answer: whether it waits until the change is kept. */
bool config_keep_answer(struct spdk_jsonrpc_request *request, bool ok);
/** Have everything kept once more, then call `fn`, at the latest a second later; at once without
 *  --state-dir, or when it was done before. Afterwards nothing is kept any more. */
void config_keep_final(spdk_msg_fn fn, void *ctx);
/** Let go of every answer that waits. */
void config_keep_stop(void);
/** Write the members of cal_config_begin's answer that are about this. */
void config_keep_write(struct spdk_json_write_ctx *w);

/* --- state_dir.c: main thread ----------------------------------------------------------------- */

/** Check the folder of --state-dir and claim instance `id`'s file in it. Returns its whole path (to
 *  be freed), or NULL with a sentence in `err`. */
char *state_dir_open(const char *dir, int id, char *err, size_t err_size);
void state_dir_close(void);

#endif
