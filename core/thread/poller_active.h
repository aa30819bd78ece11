/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Active pollers of a thread: an array, walked from its end in each turn, so that one that is
 * appended in a turn waits for the next. What a walk needs next is at a known address, which a list
 * would have to fetch first.
 *
 * One that is taken out of the middle leaves a hole. There is room for twice as many as there are
 * members (running or paused), so that adding cannot fail; holes are squeezed out when they are
 * more than the rest. */

#ifndef CAL_CORE_THREAD_POLLER_ACTIVE_H
#define CAL_CORE_THREAD_POLLER_ACTIVE_H

#include <stdbool.h>
#include <stdint.h>

struct spdk_poller;

struct poller_active {
	struct spdk_poller **slots; /* NULL: a hole; the last one used is none, outside a walk */
	uint32_t used;
	uint32_t holes;
	uint32_t room;
	uint32_t members;
};

/** Become one more member. Returns 0 or -ENOMEM. */
int poller_active_join(struct poller_active *active);
void poller_active_leave(struct poller_active *active);
/** Add one behind the others. Returns whether they had to be moved: then the walk under way, if
 *  there is one, goes on at the place that its poller has now. */
bool poller_active_add(struct poller_active *active, struct spdk_poller *poller);
void poller_active_remove(struct poller_active *active, struct spdk_poller *poller, bool in_walk);
/** After a walk, in which holes are left. */
void poller_active_settle(struct poller_active *active);
/** From the oldest to the newest. NULL at the end. */
struct spdk_poller *poller_active_first(const struct poller_active *active);
struct spdk_poller *poller_active_next(const struct poller_active *active,
                                       const struct spdk_poller *prev);
void poller_active_fini(struct poller_active *active);

static inline bool
poller_active_any(const struct poller_active *active)
{
	return active->used != active->holes;
}

#endif
