/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a service may still do once it serves. Two steps: sandbox_drop() while there is one thread
 * and nobody has been listened to, since capabilities belong to a thread; sandbox_enter() when it
 * is attached and has all that it needs, before it reads a client's first byte. README.md of
 * services/ has what each one keeps; a test compares. */

#ifndef CAL_SERVICES_SANDBOX_H
#define CAL_SERVICES_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

/** A system call that is kept. With `mask` other than 0 only if (its argument number `arg`, from 0,
 * & mask) == value. A call may stand there several times: one that fits is enough. */
struct sandbox_call {
	const char *name;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
};

struct sandbox_policy {
	const char *name;                 /* "cal-rpcd" */
	const int *capabilities;          /* kept if the process has them; ends with -1 */
	const struct sandbox_call *calls; /* beside sandbox_common; ends with a NULL name */
};

extern const struct sandbox_policy sandbox_rpcd;
extern const struct sandbox_policy sandbox_confd;
extern const struct sandbox_policy sandbox_mond;

/** What every service keeps: memory, files that are open, waiting, time, signals of its own. */
extern const struct sandbox_call sandbox_common[];
/** What kills the process: what an attacker wants, and no library tries by itself. */
extern const char *const sandbox_deadly[];

/** Gives up all capabilities but the policy's, for good, and the way to get some by executing a
 * program (no_new_privs). `folder` (NULL: none) is one that the service has to write to: where it
 * is somebody else's, CAP_DAC_OVERRIDE stays, and a line says so. Before other threads are started.
 * Returns 0, or a negative errno with a sentence in `err`: the service must not go on. */
int sandbox_drop(const struct sandbox_policy *policy, const char *folder, char *err,
                 size_t err_size);

/** Leaves the system calls of `policy` to all threads of the process, for good: another one kills
 * it (sandbox_deadly), fails with EPERM (one that is kept, with other arguments) or with ENOSYS
 * (any other: libraries take that for an old kernel and do without). Any thread, after
 * sandbox_drop(). Returns as that. */
int sandbox_enter(const struct sandbox_policy *policy, char *err, size_t err_size);

/* Both do nothing but log a warning with CAL_SANDBOX=off in the environment, for strace and gdb.
 * Who may set that may start another program in the service's place as well. */

#endif
