/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Service processes that are there though their primary is dead: cal-rpcd stays, so that its
 * clients are told, until the next primary's takes over. */

#ifndef CAL_CTL_ORPHANS_H
#define CAL_CTL_ORPHANS_H

#include <sys/types.h>

#include "calandria/state.h"
#include "ctl/ctl.h"

#define CTL_MAX_ORPHANS (CAL_STATE_MAX_SERVICES + 2)

struct ctl_orphan {
	char name[16]; /* "rpcd" */
	pid_t pid;
	int pidfd; /* means this process, and no later one of the same pid */
};

/** Find those of a dead primary's state file: the processes that it lists and the one that listens
 *  on its JSON-RPC socket, if they are what they should be: services, of this instance, in this run
 *  root. Returns how many. */
unsigned ctl_orphans_find(const struct ctl *ctl, const struct cal_state_file *state,
                          struct ctl_orphan orphans[CTL_MAX_ORPHANS]);
void ctl_orphans_close(struct ctl_orphan *orphans, unsigned num);

/** SIGTERM to each, and wait at most `timeout_ms` for them all. Returns 0, -ETIMEDOUT, or another
 *  negative errno (-EPERM: it is somebody else's); `*which` is then the one that it is about. */
int ctl_orphans_end(const struct ctl_orphan *orphans, unsigned num, uint64_t timeout_ms,
                    const struct ctl_orphan **which);

#endif
