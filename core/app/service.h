/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The supervisor of the control plane's processes: starts cal-rpcd, cal-confd and cal-mond, watches
 * them by pidfd, starts them again with a back-off, ends them. It lives on the control pthread, for
 * which every function here is unless it says otherwise. */

#ifndef CAL_CORE_APP_SERVICE_H
#define CAL_CORE_APP_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "calandria/state.h"
#include "ipc/gate/gate_proto.h"

/* How the next start of a service that ended is put off: at once, then from FIRST doubling to LAST;
 * from the beginning again after HEALTHY of life. One that was ready before it ended is worth
 * another start soon, so that it serves again within a second however often it is killed: from
 * FIRST to SERVED. All in milliseconds. */
#define SERVICE_BACKOFF_FIRST  100
#define SERVICE_BACKOFF_LAST   5000
#define SERVICE_BACKOFF_SERVED 500
#define SERVICE_HEALTHY        10000
/* How long one may take to end: at a restart, at the stop of the whole instance. */
#define SERVICE_RESTART_GRACE 1000
/* How long a successor may take until it serves. A call that takes long keeps cal-rpcd for 800 ms;
 * attaching takes some 10. */
#define SERVICE_HANDOVER_LIMIT 3000
/* Then it has so long to show that it lives, before the present one is ended for its sake; and so
 * long to serve after that. */
#define SERVICE_ALIVE_LIMIT 1000
#define SERVICE_READY_LIMIT 5000
#define SERVICE_STOP_GRACE  500
/* One that SIGKILL does not end hangs in the kernel (a disk, NFS): nobody waits longer for it. */
#define SERVICE_STOP_GIVE_UP 1000
/* At that stop the gate has told them to end; who has not by then gets a signal. */
#define SERVICE_STOP_SIGNAL 40
/* So many ends in a row, none of them healthy, are a crash loop and worth a line in the log. */
#define SERVICE_CRASH_LOOP 5
/* Each is asked so often whether it lives. After HUNG times without an answer it is shown as hung,
 * after KILL times it is killed. Counted are the times we asked: that we ourselves were stopped for
 * a while is not their fault. */
#define SERVICE_PING_MS   1000
#define SERVICE_PING_HUNG 3
#define SERVICE_PING_KILL 13

enum service_event {
	SERVICE_EVENT_READY,     /* it serves; text is "" */
	SERVICE_EVENT_CHECKED,   /* confd: the configuration can be read */
	SERVICE_EVENT_FAILED,    /* it says that it never will; text says why */
	SERVICE_EVENT_LOOP,      /* it ended SERVICE_CRASH_LOOP times in a row; text says how */
	SERVICE_EVENT_NO_BINARY, /* it was not found; text says where */
};
typedef void (*service_event_fn)(enum service_event event, const char *name, const char *text);

struct service_opts {
	int instance;
	bool by_hand;                /* --no-services: list who connects, start nobody */
	const char *rpc_socket;      /* NULL: no rpcd */
	const char *rpc_socket_mode; /* octal; NULL: cal-rpcd's default */
	const char *rpc_tcp;         /* [ADDR:]PORT; NULL: none */
	const char *config_file;     /* NULL: none */
	const char *state_dir;       /* NULL: none; with neither there is no confd */
	bool wait_for_rpc;
	bool ignore_init_errors;
	service_event_fn event;
};

/** Take the options (copied) and a copy of the environment, which others may change later. Main
 *  thread, before service_start_all(). Returns 0 or -ENOMEM. */
int service_init(const struct service_opts *opts);
/** Forget all. Main thread, after everything has ended. */
void service_fini(void);

/** Start what is wanted. A service that cannot be started is reported by an event. Returns 0, or a
 *  negative errno when the supervisor itself cannot work. */
int service_start_all(void);

/** End all and start none again. `done` is called once the last one is gone, at the latest
 *  SERVICE_STOP_GIVE_UP after this; possibly before this returns. */
void service_stop_all(void (*done)(void *ctx), void *ctx);

/* For struct gate_ops. */
void service_report(const char *name, pid_t pid, enum gate_report_code code, const char *text);
void service_peer(const char *name, pid_t pid, bool connected);
void service_alive(const char *name, pid_t pid);

/** How long to wait before the start that follows the `ends`-th end in a row (from 1); `served`: it
 *  was ready before. */
uint32_t service_backoff_ms(uint32_t ends, bool served);

/* --- core/app/service_reap.c --------------------------------------------------------------------
 */

/** How the process of `pidfd`, whose descriptor is readable, ended, as waitpid() says it; 0 when
 *  somebody else has reaped it. Returns 0, or -EAGAIN when it has not ended after all. */
int service_end_status(int pidfd, int *status);
/** Reap that process soon, and close `pidfd`. */
void service_reap_later(int pidfd);
/** Reap what is left. Main thread, once the control pthread has ended. */
void service_reap_all(void);

/* --- core/app/service_spawn.c ----------------------------------------------------------------- */

/** The environment of services, without ours of the same names. Main thread. */
int service_env_init(int instance);
void service_env_fini(void);

/** Find a service's program: in $CALANDRIA_LIBEXEC, where it was installed (beside the program's
 * own bin/, or in PREFIX), in the program's own folder (the build tree), in $PATH. Returns 0 with
 * its path, or -ENOENT with the places in `path`. */
int service_find(const char *binary, char *path, size_t size);

/** So much is added to a service's badness in thousandths of the machine's memory: when that runs
 *  out, services go before the primary, and before what the machine is there for. */
#define SERVICE_OOM_SCORE_ADJ 300

/** Have the kernel choose `pid` before us when memory runs out. What it inherits from us may keep
 * it from being chosen at all. Returns 0 or a negative errno. */
int service_oom_adjust(pid_t pid);

/** Start `path` with `fd` as its descriptor 3, output appended to `log_path`. Returns its pid or a
 *  negative errno. */
pid_t service_spawn(const char *path, char *const argv[], int fd, const char *log_path);

#endif
