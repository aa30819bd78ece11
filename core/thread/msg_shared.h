/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The part of a message queue for OS threads without a lane: an rte_ring, and what did not fit it.
 * Made by the first of them.
 *
 * The list is in use from the moment that the ring is full until it has been emptied. The consumer
 * works in rounds: it takes the list, then notes where the ring ends, and then consumes exactly
 * these, the ring first. Whatever stands in the list was sent after all that its sender had put
 * into the ring. */

#ifndef CAL_CORE_THREAD_MSG_SHARED_H
#define CAL_CORE_THREAD_MSG_SHARED_H

#include "core/thread/msg_queue.h"

struct msg_shared;

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
/** Elements in the ring and in the round's part of the list. */
uint64_t msg_shared_depth(const struct msg_shared *shared);
/** How many did not fit the ring, ever. Any thread. */
uint64_t msg_shared_spilled(const struct msg_shared *shared);

#endif
