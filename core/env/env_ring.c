/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Rings of pointers: rte_ring's algorithm, without rte_ring. Its tail update waits for those before
 * it by relaxed loads, so that what they read and wrote is not ordered before what follows: nothing
 * that could be seen on x86, but ThreadSanitizer sees it, rightly, in everything that uses a ring
 * of many consumers. Its relaxed modes are no way out: there, what one has put may become visible
 * after the call, when another one who was preempted goes on; who puts and then looks whether
 * somebody waits (core/thread/iobuf_lobby.c) relies on the opposite. */

#include "core/env/env_private.h"

#include <rte_pause.h>

#include "spdk/likely.h"

/* One side: places are taken at `head`, and are done with up to `tail`. They count up for ever. */
struct ring_side {
	uint64_t head;
	uint64_t tail;
	bool single;
} __attribute__((aligned(64)));

struct spdk_ring {
	struct ring_side prod;
	struct ring_side cons;
	uint64_t size; /* a power of two */
	void *slots[];
};

struct spdk_ring *
spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id)
{
	struct spdk_ring *ring;

	if (type > SPDK_RING_TYPE_MP_MC || count < 2 || count > (UINT32_MAX >> 1) ||
	    (count & (count - 1)) != 0) {
		return NULL;
	}
	ring = spdk_zmalloc(sizeof(*ring) + count * sizeof(ring->slots[0]), 64, NULL, numa_id,
	                    SPDK_MALLOC_SHARE);
	if (ring == NULL) {
		return NULL;
	}
	ring->prod.single = type == SPDK_RING_TYPE_SP_SC;
	ring->cons.single = type != SPDK_RING_TYPE_MP_MC;
	ring->size = count;
	return ring;
}

void
spdk_ring_free(struct spdk_ring *ring)
{
	spdk_free(ring);
}

/* Take up to `want` places of a side whose opposite has got to `*other`, of which `lead` more than
 * that may be used; fewer than `want` only if `partly`. Returns how many, the first in *place. */
static inline size_t
places_take(struct ring_side *side, const uint64_t *other, uint64_t lead, size_t want, bool partly,
            uint64_t *place, size_t *left)
{
	/* Pairs with the exchange: whoever moved it saw an `*other` that we must see as well. */
	uint64_t head = __atomic_load_n(&side->head, __ATOMIC_ACQUIRE);
	uint64_t free;
	size_t n;

	do {
		/* Pairs with the release in places_done(): the slots are free, or filled. */
		free = __atomic_load_n(other, __ATOMIC_ACQUIRE) + lead - head;
		/* More than there can be: `head` is old, and the exchange will say so. */
		n = free < want ? (partly ? (size_t)free : 0) : want;
		*left = (size_t)free - n;
		if (n == 0) {
			return 0;
		}
		if (side->single) {
			__atomic_store_n(&side->head, head + n, __ATOMIC_RELAXED);
			break;
		}
	} while (!__atomic_compare_exchange_n(&side->head, &head, head + n, false, __ATOMIC_ACQ_REL,
	                                      __ATOMIC_ACQUIRE));
	*place = head;
	return n;
}

static inline void
places_done(struct ring_side *side, uint64_t place, size_t n)
{
	/* Those before us first, so that the tail says what is done with. Pairs with their release:
	 * who sees our tail sees what they did, too. */
	while (!side->single &&
	       spdk_unlikely(__atomic_load_n(&side->tail, __ATOMIC_ACQUIRE) != place)) {
		rte_pause();
	}
	__atomic_store_n(&side->tail, place + n, __ATOMIC_RELEASE);
}

size_t
spdk_ring_count(struct spdk_ring *ring)
{
	/* In this order, lest one taken in between makes it negative. */
	uint64_t taken = __atomic_load_n(&ring->cons.tail, __ATOMIC_ACQUIRE);
	uint64_t count = __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) - taken;

	return count < ring->size ? (size_t)count : (size_t)ring->size - 1;
}

size_t
spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space)
{
	size_t left = 0, i, n;
	uint64_t place;

	n = places_take(&ring->prod, &ring->cons.tail, ring->size - 1, count, false, &place, &left);
	for (i = 0; i < n; i++) {
		ring->slots[(place + i) & (ring->size - 1)] = objs[i];
	}
	if (n > 0) {
		places_done(&ring->prod, place, n);
	}
	if (free_space != NULL) {
		*free_space = left;
	}
	return n;
}

size_t
spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count)
{
	size_t left = 0, i, n;
	uint64_t place;

	n = places_take(&ring->cons, &ring->prod.tail, 0, count, true, &place, &left);
	for (i = 0; i < n; i++) {
		objs[i] = ring->slots[(place + i) & (ring->size - 1)];
	}
	if (n > 0) {
		places_done(&ring->cons, place, n);
	}
	return n;
}
