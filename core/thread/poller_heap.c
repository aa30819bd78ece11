/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The heap of timed pollers, ordered by when they are due; of those due at the same time, the one
 * registered first. */

#include "core/thread/thread_internal.h"

#define ARITY 4u

static bool
entry_before(const struct poller_heap_entry *a, const struct poller_heap_entry *b)
{
	return a->next_run < b->next_run ||
	       (a->next_run == b->next_run && a->poller->id < b->poller->id);
}

static void
heap_put(struct poller_heap *heap, uint32_t at, struct poller_heap_entry entry)
{
	heap->entries[at] = entry;
	entry.poller->heap_index = at;
}

/* Move the entry from a hole at `at` towards the root, then towards the leaves, to where it fits.
 */
static void
heap_place(struct poller_heap *heap, uint32_t at, struct poller_heap_entry entry)
{
	uint32_t parent, child, best, last;

	for (; at > 0; at = parent) {
		parent = (at - 1) / ARITY;
		if (!entry_before(&entry, &heap->entries[parent])) {
			break;
		}
		heap_put(heap, at, heap->entries[parent]);
	}
	while (true) {
		best = at * ARITY + 1;
		if (best >= heap->count) {
			break;
		}
		last = spdk_min(best + ARITY, heap->count);
		for (child = best + 1; child < last; child++) {
			if (entry_before(&heap->entries[child], &heap->entries[best])) {
				best = child;
			}
		}
		if (!entry_before(&heap->entries[best], &entry)) {
			break;
		}
		heap_put(heap, at, heap->entries[best]);
		at = best;
	}
	heap_put(heap, at, entry);
}

int
poller_heap_insert(struct poller_heap *heap, struct spdk_poller *poller)
{
	struct poller_heap_entry entry = { poller->next_run, poller };
	struct poller_heap_entry *entries;
	uint32_t room;

	if (heap->count == heap->room) {
		room = heap->room != 0 ? heap->room * 2 : 16;
		entries = realloc(heap->entries, room * sizeof(*entries));
		if (entries == NULL) {
			return -ENOMEM;
		}
		heap->entries = entries;
		heap->room = room;
	}
	heap->count++;
	heap_put(heap, heap->count - 1, entry);
	heap_place(heap, heap->count - 1, entry);
	return 0;
}

void
poller_heap_remove(struct poller_heap *heap, struct spdk_poller *poller)
{
	uint32_t at = poller->heap_index;

	assert(at < heap->count && heap->entries[at].poller == poller);
	heap->count--;
	if (at != heap->count) {
		heap_place(heap, at, heap->entries[heap->count]);
	}
}

void
poller_heap_update(struct poller_heap *heap, struct spdk_poller *poller)
{
	struct poller_heap_entry entry = { poller->next_run, poller };

	heap_place(heap, poller->heap_index, entry);
}
