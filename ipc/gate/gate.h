/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The gate: where secondaries knock. It runs on the control pthread, says who may come in, creates
 * their links and ends them; it parses no requests. */

#ifndef CAL_IPC_GATE_GATE_H
#define CAL_IPC_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/gate/gate_proto.h"

struct link;

/* Called on the control pthread. */
struct gate_ops {
	/* A link was granted. The receiver (core/rpc) hands it to the app thread and owns its
	 * polling side until it calls gate_link_done(). */
	void (*link_up)(void *ctx, struct link *link);
	/* Its connection ended. Nothing will be read from or written to it any more; let go of it
	 * on the app thread and call gate_link_done(). */
	void (*link_down)(void *ctx, struct link *link);
	/* A service reports: a spawned one, or one that was started by hand and is an admin. */
	void (*report)(void *ctx, const char *name, pid_t pid, enum gate_report_code code,
	               const char *text);
	/* A greeted connection (a service's or any other's: see the name) came or went; used by the
	 * supervisor. */
	void (*peer)(void *ctx, const char *name, pid_t pid, bool connected);
	/* A process has answered a gate_ping(). NULL: nobody asks. */
	void (*alive)(void *ctx, const char *name, pid_t pid);
};

/** Let the members of group `gid` in, to look: their role is the monitor's. (gid_t)-1, as it is
 *  without this: nobody but root and our user. Their folder: cal_instance_share(). Before
 *  gate_listen(). */
void gate_share(gid_t gid);

/** Create and listen on instance `id`'s gate.sock. May be called before EAL is up: hellos are
 *  answered and reports delivered at once, ATTACHes wait for gate_open(). Control pthread. */
int gate_listen(int id, const struct gate_ops *ops, void *ctx);

/** Answer the ATTACHes that wait and all later ones: the template is written and the app thread
 *  polls links. Control pthread. */
int gate_open(void);

/** Refuse new ATTACHes with `reason`, send STOP to everybody, end all links. Control pthread. */
void gate_close(const char *reason);

/** Remove the socket. After the last gate_link_done(). Control pthread. */
void gate_fini(void);

/** The process `pid` has ended: deliver the reports that it has left and end its connection. For
 * who learns of the end by a descriptor of his own, which may be before the gate does. Control
 * pthread. */
void gate_process_ended(pid_t pid);

/** Number of links that exist (granted, or ended and not yet done). Control pthread. */
unsigned gate_num_links(void);

/** Ask the process `pid`, a greeted one, for a sign of life; alive() says that it came. There is
 * one question at a time: the answer to an older one that is still to come answers this, too.
 * Returns 0, -ENOENT when it has no connection (or has not said hello), -EALREADY when it has not
 * answered the last one, -EAGAIN when it does not even read. Control pthread. */
int gate_ping(pid_t pid);

/** Make a connected pair for a service that is about to be spawned: *child_fd is inherited by it
 *  (as CAL_SERVICE_FD in its environment), the other end is treated as an accepted connection with
 *  the role of a service named `name`. Control pthread. The caller closes *child_fd after the
 *  spawn. */
int gate_service_pair(const char *name, int *child_fd);

/** The app thread has let go of the link: free it. Any thread. */
void gate_link_done(struct link *link);

/** End a link whose peer broke the protocol or does not read; `reason` is logged once with the
 *  peer's name and pid. link_down() follows. Any thread. Returns 0, or a negative errno: say it
 *  again, then. */
int gate_link_kill(struct link *link, const char *reason);

#endif
