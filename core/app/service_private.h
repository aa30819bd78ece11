/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of the supervisor share.
 *
 *   service.c       the table; starts, ends that nobody asked for, back-off
 *   service_stop.c  ends that somebody asked for: stop, restart, hand-over to a successor
 *   service_gate.c  what the processes say and whether they are connected
 *
 * All for the control pthread, like service.h. */

#ifndef CAL_CORE_APP_SERVICE_PRIVATE_H
#define CAL_CORE_APP_SERVICE_PRIVATE_H

#include "core/app/service.h"
#include "ipc/gate/control.h"
#include "spdk/queue.h"

enum { RPCD, CONFD, MOND, NUM_SERVICES };

/* One process of a service. */
struct service_proc {
	TAILQ_ENTRY(service_proc) link; /* of those that were replaced and are still there */
	struct service *svc;
	pid_t pid;
	int pidfd;
	struct control_fd *watch;    /* of pidfd */
	struct control_timer *timer; /* the end of our patience */
	uint64_t spawned_ms;
	bool ready;   /* it got as far as that */
	bool gave_up; /* it said so itself */
};

struct service {
	const char *name;
	const char *binary;
	bool optional;   /* started when its program is there; no word when it is not */
	bool hands_over; /* a successor takes over what it serves */
	bool wanted;     /* written before the control pthread starts it, read by any thread */

	struct service_proc *proc;   /* the one that serves, and is shown */
	struct service_proc *next;   /* its successor, until that serves */
	pid_t hand_pid;              /* --no-services: who connected */
	struct control_timer *timer; /* the next start */
	bool was_started;
	uint32_t ends_in_row;
	bool served; /* the last one got as far as being ready */
	bool restart_asked;
	struct cal_state_service shown;
};

extern struct service g_services[NUM_SERVICES];

struct supervisor {
	struct service_opts opts; /* with its own copies of the strings */
	bool stopping;
	TAILQ_HEAD(, service_proc) replaced;
	void (*stop_done)(void *ctx);
	void *stop_ctx;
	struct control_timer *stop_timer;
};
extern struct supervisor g_sup;

/* --- service.c -------------------------------------------------------------------------------- */

/** The service of that name, NULL for another's. Any thread. */
struct service *service_by_name(const char *name);
/** The state file's block, as it is now. */
void service_publish(void);
void service_show(struct service *svc, enum cal_service_state state);
void service_tell(enum service_event event, const struct service *svc, const char *text);

/** Start a timer in the place of the one there; without memory, call `fn` at once. */
void service_timer_set(struct control_timer **timer, uint64_t ms, void (*fn)(void *arg), void *arg);
void service_timer_clear(struct control_timer **timer);

/** Start the process that is to serve. What goes wrong is told and tried again. */
void service_start(struct service *svc);
/** Start one of `path`. Returns 0 or a negative errno; then there is none. */
int service_proc_start(struct service *svc, const char *path, struct service_proc **out);
/** The successor is the one that serves, now. */
void service_promote(struct service *svc);

/* --- service_stop.c --------------------------------------------------------------------------- */

/** Call stop_done if all have ended. */
void service_stop_check(void);
/** A timer's: `arg`, a service_proc, has had its time. SIGKILL. */
void service_proc_overdue(void *arg);

#endif
