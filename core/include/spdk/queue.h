/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Lists and queues: the system's <sys/queue.h> and what BSD has beyond it. */

#ifndef SPDK_QUEUE_H
#define SPDK_QUEUE_H

#include <assert.h>
#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/queue.h>

#include "spdk/queue_extras.h"

/* Whether an entry is in a tail queue. True only for entries that began as zeroes and that leave
 * with TAILQ_REMOVE_CLEAR() or TAILQ_ENTRY_CLEAR(). */
#define TAILQ_ENTRY_ENQUEUED(elm, field)     ((elm)->field.tqe_prev != NULL)
#define TAILQ_ENTRY_NOT_ENQUEUED(elm, field) (!TAILQ_ENTRY_ENQUEUED(elm, field))

/* Mark an entry as being in no queue, after TAILQ_REMOVE(). */
#define TAILQ_ENTRY_CLEAR(elm, field)                     \
	do {                                              \
		assert(TAILQ_ENTRY_ENQUEUED(elm, field)); \
		(elm)->field.tqe_prev = NULL;             \
	} while (0)

#define TAILQ_REMOVE_CLEAR(head, elm, field)    \
	do {                                    \
		TAILQ_REMOVE(head, elm, field); \
		TAILQ_ENTRY_CLEAR(elm, field);  \
	} while (0)

#endif
