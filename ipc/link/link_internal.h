/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For the tests: both ends of a link in one process, over one mapping. */

#ifndef CAL_IPC_LINK_INTERNAL_H
#define CAL_IPC_LINK_INTERNAL_H

struct link;

/** The primary's mapping of the shared memory. */
void *link_memory(const struct link *link);

#endif
