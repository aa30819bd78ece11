/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/thread_internal.h"

#define ARITY    4u
#define RING_MIN 4u
#define HEAP_MIN 4u

static int
by_period(struct timer_class *a, struct timer_class *b)
{
	return a->period < b->period ? -1 : a->period > b->period;
}

RB_GENERATE_STATIC(timer_classes, timer_class, node, by_period)

/* --- the heap of classes ---------------------------------------------------------------------- */

static void
heap_put(struct poller_timers *timers, uint32_t at, struct timer_heap_entry entry)
{
	timers->heap[at] = entry;
	entry.class->heap_index = at;
}

/* Which of the nodes from `child` on, siblings all, comes first. Four are compared without
 * branches, since nobody could guess them. */
static uint32_t
heap_best(const struct poller_timers *timers, uint32_t child)
{
	const struct timer_heap_entry *h = timers->heap;
	uint32_t best, other, last;

	if (spdk_likely(child + ARITY <= timers->count)) {
		best = h[child + 1].due < h[child].due ? child + 1 : child;
		other = h[child + 3].due < h[child + 2].due ? child + 3 : child + 2;
		return h[other].due < h[best].due ? other : best;
	}
	best = child;
	last = timers->count;
	for (child++; child < last; child++) {
		if (h[child].due < h[best].due) {
			best = child;
		}
	}
	return best;
}

/* Move the entry from a hole at `at` towards the root, then towards the leaves, to where it fits.
 */
static void
heap_place(struct poller_timers *timers, uint32_t at, struct timer_heap_entry entry)
{
	uint32_t parent, best;

	for (; at > 0; at = parent) {
		parent = (at - 1) / ARITY;
		if (entry.due >= timers->heap[parent].due) {
			break;
		}
		heap_put(timers, at, timers->heap[parent]);
	}
	while (at * ARITY + 1 < timers->count) {
		best = heap_best(timers, at * ARITY + 1);
		if (timers->heap[best].due >= entry.due) {
			break;
		}
		heap_put(timers, at, timers->heap[best]);
		at = best;
	}
	heap_put(timers, at, entry);
}

static void
heap_remove(struct poller_timers *timers, struct timer_class *class)
{
	uint32_t at = class->heap_index;

	class->heap_index = TIMER_NOT_IN_HEAP;
	timers->count--;
	if (at != timers->count) {
		heap_place(timers, at, timers->heap[timers->count]);
	}
}

/* Room for so many classes, and not much more. */
static int
heap_fit(struct poller_timers *timers, uint32_t classes)
{
	uint32_t room = spdk_max(timers->room, HEAP_MIN);
	struct timer_heap_entry *heap;

	while (room < classes) {
		room *= 2;
	}
	while (room > HEAP_MIN && room / 4 >= classes) {
		room /= 2;
	}
	if (room == timers->room) {
		return 0;
	}
	heap = realloc(timers->heap, room * sizeof(*heap));
	if (heap == NULL) {
		return -ENOMEM;
	}
	timers->heap = heap;
	timers->room = room;
	return 0;
}

void
poller_timers_settle(struct poller_timers *timers, struct timer_class *class)
{
	bool in = class->heap_index != TIMER_NOT_IN_HEAP;
	struct timer_heap_entry entry;

	if (timer_class_empty(class)) {
		if (in) {
			heap_remove(timers, class);
		}
		return;
	}
	entry = (struct timer_heap_entry){ timer_class_at(class, class->head)->due, class };
	/* There is room: see poller_timers_join(). */
	heap_place(timers, in ? class->heap_index : timers->count++, entry);
}

uint64_t
poller_timers_limit(const struct poller_timers *timers)
{
	return timers->count > 1 ? timers->heap[heap_best(timers, 1)].due : UINT64_MAX;
}

/* --- a class ---------------------------------------------------------------------------------- */

static void
ring_free(struct timer_class *class)
{
	if (class->ring != &class->single) {
		free(class->ring);
	}
}

/* Move what is armed to an array of `room` entries, without holes. */
static void
ring_move(struct timer_class *class, struct timer_entry *ring, uint32_t room)
{
	struct timer_entry *entry;
	uint32_t at, n = 0;

	for (at = class->head; at != class->tail; at++) {
		entry = timer_class_at(class, at);
		if (entry->poller != NULL) {
			entry->poller->place = n;
			ring[n++] = *entry;
		}
	}
	ring_free(class);
	class->ring = ring;
	class->mask = room - 1;
	class->head = class->holes = 0;
	class->tail = n;
}

/* The same in place. */
static void
ring_squeeze(struct timer_class *class)
{
	struct timer_entry *entry;
	uint32_t at, to = class->head;

	for (at = class->head; at != class->tail; at++) {
		entry = timer_class_at(class, at);
		if (entry->poller != NULL) {
			entry->poller->place = to;
			*timer_class_at(class, to++) = *entry;
		}
	}
	class->tail = to;
	class->holes = 0;
}

/* Room for twice the members, and not much more; a single one has no hole beside it. */
static int
ring_fit(struct timer_class *class)
{
	uint32_t room = class->mask + 1;
	struct timer_entry *ring;

	if (class->members == 1) {
		return 0;
	}
	room = spdk_max(room, RING_MIN);
	while (room < class->members * 2) {
		room *= 2;
	}
	while (room > RING_MIN && room / 8 >= class->members) {
		room /= 2;
	}
	if (room == class->mask + 1) {
		return 0;
	}
	ring = malloc(room * sizeof(*ring));
	if (ring == NULL) {
		return -ENOMEM;
	}
	ring_move(class, ring, room);
	return 0;
}

void
timer_class_append(struct timer_class *class, struct spdk_poller *poller, uint64_t due)
{
	struct timer_entry *entry;
	uint32_t at;

	if (class->tail - class->head > class->mask) {
		ring_squeeze(class);
	}
	/* Usually it is due last. Not so if the clock went backwards, or if a poller was registered
	 * later in a turn than the turn began: those few are passed. */
	for (at = class->tail++; at != class->head; at--) {
		entry = timer_class_at(class, at - 1);
		if (entry->due <= due) {
			break;
		}
		*timer_class_at(class, at) = *entry;
		if (entry->poller != NULL) {
			entry->poller->place = at;
		}
	}
	*timer_class_at(class, at) = (struct timer_entry){ due, poller };
	poller->place = at;
	class->last = timer_class_at(class, class->tail - 1)->due;
}

struct timer_class *
poller_timers_join(struct poller_timers *timers, uint64_t period)
{
	struct timer_class key = { .period = period };
	struct timer_class *class = RB_FIND(timer_classes, &timers->classes, &key);

	if (class != NULL) {
		class->members++;
		if (ring_fit(class) != 0) {
			class->members--;
			return NULL;
		}
		return class;
	}
	if (heap_fit(timers, timers->num_classes + 1) != 0) {
		return NULL;
	}
	class = aligned_alloc(SPDK_CACHE_LINE_SIZE, sizeof(*class));
	if (class == NULL) {
		return NULL;
	}
	memset(class, 0, sizeof(*class));
	class->ring = &class->single;
	class->period = period;
	class->heap_index = TIMER_NOT_IN_HEAP;
	class->members = 1;
	RB_INSERT(timer_classes, &timers->classes, class);
	timers->num_classes++;
	return class;
}

void
poller_timers_leave(struct poller_timers *timers, struct timer_class *class)
{
	class->members--;
	if (class->members > 0) {
		/* Without memory for a smaller array the larger one stays. */
		ring_fit(class);
		return;
	}
	assert(timer_class_empty(class) && class->heap_index == TIMER_NOT_IN_HEAP);
	RB_REMOVE(timer_classes, &timers->classes, class);
	timers->num_classes--;
	heap_fit(timers, timers->num_classes);
	ring_free(class);
	free(class);
}

void
poller_timers_arm(struct poller_timers *timers, struct spdk_poller *poller, uint64_t due)
{
	struct timer_class *class = poller->class;

	timer_class_append(class, poller, due);
	if (poller->place == class->head) {
		poller_timers_settle(timers, class);
	}
}

void
poller_timers_disarm(struct poller_timers *timers, struct spdk_poller *poller)
{
	struct timer_class *class = poller->class;
	uint32_t at = poller->place;

	assert(timer_class_at(class, at)->poller == poller);
	if (at == class->head) {
		timer_class_pop(class);
		poller_timers_settle(timers, class);
		return;
	}
	timer_class_at(class, at)->poller = NULL;
	class->holes++;
	while (timer_class_at(class, class->tail - 1)->poller == NULL) {
		class->tail--;
		class->holes--;
	}
	class->last = timer_class_at(class, class->tail - 1)->due;
}

/* --- all of them ------------------------------------------------------------------------------ */

struct spdk_poller *
poller_timers_first(const struct poller_timers *timers)
{
	const struct timer_class *class;

	if (timers->count == 0) {
		return NULL;
	}
	class = timers->heap[0].class;
	return timer_class_at(class, class->head)->poller;
}

struct spdk_poller *
poller_timers_next(const struct poller_timers *timers, const struct spdk_poller *prev)
{
	const struct timer_class *class = prev->class;
	struct spdk_poller *poller;
	uint32_t at;

	for (at = prev->place + 1; at != class->tail; at++) {
		poller = timer_class_at(class, at)->poller;
		if (poller != NULL) {
			return poller;
		}
	}
	if (class->heap_index + 1 == timers->count) {
		return NULL;
	}
	class = timers->heap[class->heap_index + 1].class;
	return timer_class_at(class, class->head)->poller;
}

void
poller_timers_fini(struct poller_timers *timers)
{
	struct timer_class *class;

	while ((class = RB_MIN(timer_classes, &timers->classes)) != NULL) {
		RB_REMOVE(timer_classes, &timers->classes, class);
		ring_free(class);
		free(class);
	}
	free(timers->heap);
	memset(timers, 0, sizeof(*timers));
}
