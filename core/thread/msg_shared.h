/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The part of a message queue for OS threads without a lane: a lock-free list, newest first. The
 * consumer takes all of it at once, a *round*, and consumes that from its oldest end. Made by the
 * first who needs it. */

#ifndef CAL_CORE_THREAD_MSG_SHARED_H
#define CAL_CORE_THREAD_MSG_SHARED_H

#include "core/thread/msg_queue.h"

struct msg_shared;

/** Zeroed memory in cache lines of its own, for free(); without any the process ends. Any thread.
 */
void *msg_memory(size_t size);

/** Send one element, after a MARK if this queue has none of that epoch yet. Any thread. */
void msg_shared_push(struct msg_queue *q, uint64_t epoch, const uint64_t *elem);

/* The rest is for the consumer, as msg_shared_is_empty() is. */

/** Take one element. False: there is none that can be taken now; q->shared_held is set if that is
 *  because of a MARK. */
bool msg_shared_pop(struct msg_queue *q, struct msg_shared *shared, uint64_t *elem);
/** The epoch of the MARK that it stands at. */
uint64_t msg_shared_mark(const struct msg_shared *shared);
/** Note what is in it, and whether some of that is still to be taken. */
void msg_shared_barrier_begin(struct msg_shared *shared);
bool msg_shared_barrier_holds(const struct msg_shared *shared);
/** Elements in it. */
uint64_t msg_shared_depth(const struct msg_shared *shared);

#endif
