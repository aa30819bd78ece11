/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Timed pollers of a thread, and which is due next.
 *
 * Pollers of the same period form a class. Each is due a period after it was armed, so a class is a
 * queue in order of time to which one that has run is appended again: no search, no tree. It is a
 * circular array of {due, poller}; a poller knows its place in it by a sequence number and is taken
 * out of the middle by leaving a hole. Classes that have pollers armed stand in a heap, ordered by
 * when their first poller is due.
 *
 * Pollers are run in the order they are due. Of those due at the same time, within a class the one
 * armed first; between classes no order is promised.
 *
 * A member of a class is a poller with its period, armed or paused. There is room for twice as many
 * as there are members, so that arming cannot fail, and holes are squeezed out only when they are
 * half of it. */

#ifndef CAL_CORE_THREAD_POLLER_TIMERS_H
#define CAL_CORE_THREAD_POLLER_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdk/assert.h"
#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/tree.h"

struct spdk_poller;

struct timer_entry {
	uint64_t due;               /* ticks */
	struct spdk_poller *poller; /* NULL: a hole */
};

struct timer_class {
	/* What a call touches, in one cache line. */
	struct timer_entry *ring;
	uint32_t mask; /* room - 1 */
	uint32_t head; /* sequence numbers; the entry at the head is no hole */
	uint32_t tail;
	uint32_t holes;
	uint64_t period; /* ticks */
	uint64_t last;   /* due of the entry before the tail, if there is one */
	uint32_t heap_index;
	uint32_t members;
	struct timer_entry single; /* the ring of a class with one member */

	RB_ENTRY(timer_class) node; /* by period */
} __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
SPDK_STATIC_ASSERT(offsetof(struct timer_class, node) == SPDK_CACHE_LINE_SIZE, "one cache line");

/* A heap with four children a node: a third of the cache lines of a binary one. The keys stand in
 * the array. */
struct timer_heap_entry {
	uint64_t due;
	struct timer_class *class;
};

RB_HEAD(timer_classes, timer_class);

struct poller_timers {
	struct timer_heap_entry *heap; /* classes with something armed */
	uint32_t count;
	uint32_t room; /* of the heap: for every class */
	uint32_t num_classes;
	struct timer_classes classes;
};

#define TIMER_NOT_IN_HEAP UINT32_MAX

/** Become one more member of the class of that period, which is made if there is none. NULL: no
 *  memory. */
struct timer_class *poller_timers_join(struct poller_timers *timers, uint64_t period);
/** Cease to be one. A class without any is freed. */
void poller_timers_leave(struct poller_timers *timers, struct timer_class *class);
/** Have the poller, a member of its class that is not armed, run when it is `due`. */
void poller_timers_arm(struct poller_timers *timers, struct spdk_poller *poller, uint64_t due);
void poller_timers_disarm(struct poller_timers *timers, struct spdk_poller *poller);
/** All that are armed, by class. NULL at the end. */
struct spdk_poller *poller_timers_first(const struct poller_timers *timers);
struct spdk_poller *poller_timers_next(const struct poller_timers *timers,
                                       const struct spdk_poller *prev);
/** Free the memory: the pollers are gone. */
void poller_timers_fini(struct poller_timers *timers);

/** For the loop: until when the front class stays the front one, and what puts a class to where it
 *  belongs when its first entry has become another one. */
uint64_t poller_timers_limit(const struct poller_timers *timers);
void poller_timers_settle(struct poller_timers *timers, struct timer_class *class);
/** Put an armed one more behind those due before it or at the same time. There is room. */
void timer_class_append(struct timer_class *class, struct spdk_poller *poller, uint64_t due);

static inline bool
poller_timers_any(const struct poller_timers *timers)
{
	return timers->count > 0;
}

/** When the next one is due. There is one. */
static inline uint64_t
poller_timers_due(const struct poller_timers *timers)
{
	return timers->heap[0].due;
}

static inline bool
timer_class_empty(const struct timer_class *class)
{
	return class->head == class->tail;
}

static inline struct timer_entry *
timer_class_at(const struct timer_class *class, uint32_t at)
{
	return &class->ring[at & class->mask];
}

/** Take the first entry away. */
static inline void
timer_class_pop(struct timer_class *class)
{
	class->head++;
	while (spdk_unlikely(!timer_class_empty(class) &&
	                     timer_class_at(class, class->head)->poller == NULL)) {
		class->head++;
		class->holes--;
	}
}

#endif
