/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What a thread asks of its group besides spdk/fd_group.h. */

#ifndef CAL_CORE_THREAD_FD_GROUP_H
#define CAL_CORE_THREAD_FD_GROUP_H

#include "spdk/fd_group.h"

/* Called around the handlers of one wait in which something was ready, whoever waits: the group's
 * own wait, or that of one in which it is nested. */
struct fd_group_turn {
	void (*begin)(void *ctx);
	void (*end)(void *ctx);
};

/** Set them, before the group's first wait. */
void fd_group_set_turn(struct spdk_fd_group *fgrp, const struct fd_group_turn *turn, void *ctx);

#endif
