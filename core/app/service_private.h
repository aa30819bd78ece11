/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of the supervisor share.
 *
 *   service.c          the table; starts, ends that nobody asked for, back-off
 *   service_restart.c  a restart that somebody asked for: successor first
 *   service_stop.c     the stop of all
 *   service_gate.c     what the processes say and whether they are connected
 *   service_binary.c   which program is started; may it be
 *   service_log.c      what one has printed last
 *   service_timer.c    timers that need no memory
 *   service_alive.c    pings; what hangs
 *
 * All for the control pthread, like service.h. */

#ifndef CAL_CORE_APP_SERVICE_PRIVATE_H
#define CAL_CORE_APP_SERVICE_PRIVATE_H

#include "calandria/instance.h"
#include "core/app/app_internal.h"
#include "core/app/service.h"
#include "ipc/gate/control.h"
#include "spdk/queue.h"

enum { RPCD, CONFD, MOND, NUM_SERVICES };

/* Part of what it is the timer of: starting it cannot fail. All zero: not set. */
struct service_timer {
	TAILQ_ENTRY(service_timer) link;
	uint64_t due_ms;
	void (*fn)(void *arg);
	void *arg;
};

/* Which program a process is to be of. */
struct service_binary {
	char path[CAL_PATH_MAX * 2];
	bool chosen; /* by somebody: not the one that is found by itself */
};

/* One process of a service. */
struct service_proc {
	TAILQ_ENTRY(service_proc) link; /* of those that were replaced and are still there */
	struct service *svc;
	struct service_binary binary;
	pid_t pid;
	int pidfd;
	struct control_fd *watch;   /* of pidfd */
	struct service_timer timer; /* the end of our patience */
	uint64_t spawned_ms;
	uint64_t log_from; /* where in its log it begins */
	bool greeted;      /* it has said hello at the gate */
	bool ready;        /* it got as far as that */
	bool gave_up;      /* it said so itself … */
	char why[160];     /* … with these words */
	bool asked_alive;  /* a successor that is not ready: does it live? */
	bool hung;
	pid_t tracer;    /* why it is not killed although it hangs */
	unsigned missed; /* pings without an answer, one after another */
};

struct service {
	const char *name;
	const char *binary;
	bool optional;   /* no word when its program is not there */
	bool hands_over; /* a successor can be ready while the old one serves */
	bool wanted;     /* written before the control pthread starts it, read by any thread */

	struct service_proc *proc;  /* the one that serves, and is shown */
	struct service_proc *next;  /* its successor, until that serves */
	pid_t hand_pid;             /* --no-services: who connected */
	struct service_timer timer; /* the next start */
	struct service_timer healthy;
	bool was_started;
	bool was_found; /* its program has been there */
	uint32_t ends_in_row;
	bool served; /* the last one got as far as being ready */

	/* A restart that somebody asked for. */
	struct app_restart *restart; /* who waits for it; NULL: nobody (any more) */
	bool restart_asked;          /* its present process is to end, then the next starts */
	struct service_binary restart_with; /* path "": what it would be anyway */
	struct service_timer restart_timer; /* the end of the caller's patience */
	struct service_binary kept;         /* what took over last, if it was chosen */

	struct cal_state_service shown;
};

extern struct service g_services[NUM_SERVICES];

struct supervisor {
	struct service_opts opts; /* with its own copies of the strings */
	bool stopping;
	TAILQ_HEAD(, service_proc) replaced;
	void (*stop_done)(void *ctx);
	void *stop_ctx;
	struct service_timer stop_timer;
	struct service_timer tick;
};
extern struct supervisor g_sup;

/* --- service.c -------------------------------------------------------------------------------- */

/** The service of that name, NULL for another's. Any thread. */
struct service *service_by_name(const char *name);
/** Its process of that pid: the one that serves or its successor. */
struct service_proc *service_proc_of(const struct service *svc, pid_t pid);
/** The state file's block, as it is now. */
void service_publish(void);
void service_show(struct service *svc, enum cal_service_state state);
void service_tell(enum service_event event, const struct service *svc, const char *text);

/** Start the process that is to serve. What goes wrong is told and tried again. */
void service_start(struct service *svc);
/** Start one of `binary`. Returns 0 or a negative errno; then there is none. */
int service_proc_start(struct service *svc, const struct service_binary *binary,
                       struct service_proc **out);
/** The successor is the one that serves, now. */
void service_promote(struct service *svc);
/** It has got as far as serving: its program is the one to go on with. */
void service_proc_ready(struct service_proc *proc);
/** It serves: if it does so for a while, the ends before are forgiven. */
void service_forgive_later(struct service *svc);
/** "exit status 3" */
void service_describe_status(int status, char *buf, size_t size);

/* --- service_restart.c ------------------------------------------------------------------------ */

/** The service serves by `proc`, or a process of it has ended: whoever waits for that is told. */
void service_restart_ready(struct service *svc, const struct service_proc *proc);
void service_restart_ended(struct service *svc, const struct service_proc *proc, int status);
/** A start of the service failed with a sentence. */
void service_restart_failed(struct service *svc, int rc, const char *text);
/** A successor has taken the place of one that ended: it has so long to serve. */
void service_restart_promoted(struct service *svc);
/** The successor has answered a ping. */
void service_restart_alive(struct service_proc *next);
/** The instance stops: nobody waits any more. */
void service_restart_stop(void);
/** Its program was chosen for it, and is not known to be able to serve. */
bool service_is_unproven(const struct service_proc *proc);

/* --- service_stop.c --------------------------------------------------------------------------- */

/** Call stop_done if all have ended. */
void service_stop_check(void);
/** A timer's: `arg`, a service_proc, has had its time. SIGKILL. */
void service_proc_overdue(void *arg);
/** SIGTERM now, SIGKILL after so long. */
void service_proc_end(struct service_proc *proc, uint64_t grace_ms);
/** SIGKILL now. */
void service_proc_kill(struct service_proc *proc);

/* --- service_binary.c ------------------------------------------------------------------------- */

/** What `--binary` means: `path` is a program's whole path, a folder with the service's in it, or
 *  "default". Follows links, and checks that nobody but root and we can change it. Returns 0, or a
 *  negative errno with a sentence in `err`. */
int service_binary_choose(const struct service *svc, const char *path, struct service_binary *out,
                          char *err, size_t err_size);
/** The one to start when nobody says: what was chosen and took over, otherwise what is found. Looks
 *  at it anew. Returns as service_binary_choose(); -ENOENT when there is none. */
int service_binary_usual(const struct service *svc, struct service_binary *out, char *err,
                         size_t err_size);

/* --- service_log.c ---------------------------------------------------------------------------- */

/** Path of its log, "" if it has none. */
void service_log_path(const struct service *svc, char *path, size_t size);
/** How long the log is. */
uint64_t service_log_size(const struct service *svc);
/** The last line that was printed there since `proc` began, "" for none. */
void service_log_last(const struct service_proc *proc, char *line, size_t size);

/* --- service_timer.c -------------------------------------------------------------------------- */

/** Main thread, before service_timers_watch(). Returns 0 or a negative errno. */
int service_timers_open(void);
/** Returns 0 or a negative errno. */
int service_timers_watch(void);
/** Main thread, once the control pthread has ended. */
void service_timers_close(void);
/** Call fn(arg) once after `ms`; one that is set is set anew. */
void service_timer_set(struct service_timer *timer, uint64_t ms, void (*fn)(void *arg), void *arg);
void service_timer_clear(struct service_timer *timer);
bool service_timer_is_set(const struct service_timer *timer);
/** CLOCK_MONOTONIC. */
uint64_t service_now_ms(void);
uint64_t service_now_us(void);

/* --- service_alive.c -------------------------------------------------------------------------- */

/** Begin to ping, once a second. */
void service_alive_start(void);
void service_alive_stop(void);

#endif
