/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/msg_shared.h"

/* Ring operations by C11 atomics also where the CPU's own order would do: sanitizers see them. */
#ifndef RTE_USE_C11_MEM_MODEL
#define RTE_USE_C11_MEM_MODEL 1
#endif
#include <rte_ring.h>

#include "core/thread/thread_internal.h"

struct msg_spill {
	struct msg_spill *next;
	uint64_t elem[MSG_WORDS_MAX];
};

struct msg_shared {
	/* NULL: not in use. SPILL_END: in use and empty. Else the newest element. Release by the
	 * sender that pushes, acquire by the consumer that takes them all. */
	struct msg_spill *spill;
	uint64_t spilled; /* ever */
	uint64_t epoch;   /* of the newest MARK. Release by who has put it. */

	/* The consumer's. */
	uint32_t round_ring __attribute__((aligned(SPDK_CACHE_LINE_SIZE))); /* its end */
	struct msg_spill *round_spill; /* this round's, oldest first */
	uint64_t rounds;               /* begun */
	uint64_t mark;                 /* that it stands at */
	uint64_t barrier_round;        /* the round when the barrier began, and the ring's end */
	uint32_t barrier_ring;
	uint32_t elem_size;

	struct rte_ring ring __attribute__((aligned(RTE_CACHE_LINE_SIZE)));
};

static struct msg_spill g_spill_end;
#define SPILL_END (&g_spill_end)

static struct msg_shared *
shared_create(struct msg_queue *q)
{
	uint32_t elem_size = q->words * (uint32_t)sizeof(uint64_t);
	ssize_t ring_size = rte_ring_get_memsize_elem(elem_size, MSG_SHARED_ROOM);
	struct msg_shared *shared, *other = NULL;
	size_t size = SPDK_ALIGN_CEIL(offsetof(struct msg_shared, ring) + (size_t)ring_size,
	                              (size_t)RTE_CACHE_LINE_SIZE);

	shared = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	if (ring_size < 0 || shared == NULL) {
		thread_fatal(__func__, "no memory for messages");
	}
	memset(shared, 0, sizeof(*shared));
	shared->elem_size = elem_size;
	if (rte_ring_init(&shared->ring, "msg", MSG_SHARED_ROOM,
	                  RING_F_MP_RTS_ENQ | RING_F_SC_DEQ) != 0) {
		thread_fatal(__func__, "a ring of %u cannot be made", MSG_SHARED_ROOM);
	}
	/* Let senders run ahead of a stalled one until the ring is full: then they spill, in place
	 * of waiting for it. */
	rte_ring_set_prod_htd_max(&shared->ring, rte_ring_get_capacity(&shared->ring));
	if (!__atomic_compare_exchange_n(&q->shared, &other, shared, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE)) {
		free(shared);
		return other;
	}
	return shared;
}

static void
spill_push(struct msg_shared *shared, const uint64_t *elem)
{
	struct msg_spill *node = malloc(sizeof(*node)), *head;

	if (node == NULL) {
		thread_fatal(__func__, "no memory for a message");
	}
	memcpy(node->elem, elem, shared->elem_size);
	head = __atomic_load_n(&shared->spill, __ATOMIC_RELAXED);
	do {
		node->next = head != NULL ? head : SPILL_END;
	} while (!__atomic_compare_exchange_n(&shared->spill, &head, node, true, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
	__atomic_fetch_add(&shared->spilled, 1, __ATOMIC_RELAXED);
}

static void
put(struct msg_shared *shared, const uint64_t *elem)
{
	if (__atomic_load_n(&shared->spill, __ATOMIC_RELAXED) == NULL &&
	    rte_ring_mp_rts_enqueue_burst_elem(&shared->ring, elem, shared->elem_size, 1, NULL) ==
	            1) {
		return;
	}
	spill_push(shared, elem);
}

void
msg_shared_push(struct msg_queue *q, uint64_t epoch, const uint64_t *elem)
{
	struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	uint64_t mark[MSG_WORDS_MAX] = { MSG_MARK, epoch, 0 };
	uint64_t known;

	if (shared == NULL) {
		shared = shared_create(q);
	}
	/* A MARK of a higher epoch that was put before serves as well. */
	known = __atomic_load_n(&shared->epoch, __ATOMIC_ACQUIRE);
	if (spdk_unlikely(epoch > known)) {
		put(shared, mark);
		while (known < epoch &&
		       !__atomic_compare_exchange_n(&shared->epoch, &known, epoch, true,
		                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
		}
	}
	put(shared, elem);
}

/* --- consumer --------------------------------------------------------------------------------- */

static uint32_t
ring_tail(const struct msg_shared *shared)
{
	return __atomic_load_n(&shared->ring.cons.tail, __ATOMIC_RELAXED);
}

/* An element counts from the moment that its sender went on. */
static uint32_t
ring_head(const struct msg_shared *shared)
{
	return __atomic_load_n(&shared->ring.rts_prod.head.val.pos, __ATOMIC_RELAXED);
}

/* The position behind the last element that can be taken. The acquire's partner is the release of
 * whoever moved it on; the elements before it are written. */
static uint32_t
ring_visible_end(const struct msg_shared *shared)
{
	union __rte_ring_rts_poscnt tail;

	tail.raw = __atomic_load_n(&shared->ring.rts_prod.tail.raw, __ATOMIC_ACQUIRE);
	return tail.val.pos;
}

/* Take all that was spilled, oldest first. When nothing was since the last time, spilling ends. */
static struct msg_spill *
spill_take(struct msg_shared *shared)
{
	struct msg_spill *head = __atomic_load_n(&shared->spill, __ATOMIC_RELAXED);
	struct msg_spill *oldest = NULL, *next;

	if (spdk_likely(head == NULL)) {
		return NULL;
	}
	if (head == SPILL_END && __atomic_compare_exchange_n(&shared->spill, &head, NULL, false,
	                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		return NULL;
	}
	head = __atomic_exchange_n(&shared->spill, SPILL_END, __ATOMIC_ACQUIRE);
	for (; head != SPILL_END; head = next) {
		next = head->next;
		head->next = oldest;
		oldest = head;
	}
	return oldest;
}

static void
round_begin(struct msg_shared *shared)
{
	shared->rounds++;
	shared->round_spill = spill_take(shared);
	/* Spilled elements come after all that their senders had put into the ring, whether it is
	 * visible yet or not. Otherwise what is visible will do. */
	if (spdk_unlikely(shared->round_spill != NULL)) {
		shared->round_ring = ring_head(shared);
	} else {
		shared->round_ring = ring_visible_end(shared);
	}
}

/* Whether the consumer must wait at this element. */
static bool
is_held(struct msg_queue *q, struct msg_shared *shared, const uint64_t *elem)
{
	if (spdk_likely(elem[0] != MSG_MARK || elem[1] <= q->passed)) {
		return false;
	}
	shared->mark = elem[1];
	q->shared_held = q->held = true;
	return true;
}

/* Take the next one of the round from the ring, if there is one and it is no MARK to wait at. */
static bool
ring_pop(struct msg_queue *q, struct msg_shared *shared, uint64_t *elem)
{
	void *to = elem;

	/* The compiler cannot know that no more than one element is written, and warns. */
	__asm__("" : "+r"(to));
	if (rte_ring_dequeue_burst_elem_start(&shared->ring, to, shared->elem_size, 1, NULL) == 0) {
		/* Claimed but not yet written: its sender is at it. */
		return false;
	}
	if (is_held(q, shared, elem)) {
		rte_ring_dequeue_elem_finish(&shared->ring, 0);
		return false;
	}
	rte_ring_dequeue_elem_finish(&shared->ring, 1);
	return true;
}

static bool
spill_pop(struct msg_queue *q, struct msg_shared *shared, uint64_t *elem)
{
	struct msg_spill *node = shared->round_spill;

	if (is_held(q, shared, node->elem)) {
		return false;
	}
	memcpy(elem, node->elem, shared->elem_size);
	shared->round_spill = node->next;
	free(node);
	return true;
}

bool
msg_shared_pop(struct msg_queue *q, struct msg_shared *shared, uint64_t *elem)
{
	do {
		if (q->shared_held) {
			return false;
		}
		if (shared->round_spill == NULL && shared->round_ring == ring_tail(shared)) {
			round_begin(shared);
		}
		if (ring_tail(shared) != shared->round_ring) {
			if (!ring_pop(q, shared, elem)) {
				return false;
			}
		} else if (shared->round_spill == NULL || !spill_pop(q, shared, elem)) {
			return false;
		}
	} while (elem[0] == MSG_MARK);
	return true;
}

uint64_t
msg_shared_mark(const struct msg_shared *shared)
{
	return shared->mark;
}

bool
msg_shared_is_empty(const struct msg_shared *shared)
{
	const struct msg_spill *spill = __atomic_load_n(&shared->spill, __ATOMIC_RELAXED);

	return shared->round_spill == NULL && (spill == NULL || spill == SPILL_END) &&
	       ring_head(shared) == ring_tail(shared);
}

void
msg_shared_barrier_begin(struct msg_shared *shared)
{
	shared->barrier_round = shared->rounds;
	shared->barrier_ring = ring_head(shared);
}

bool
msg_shared_barrier_holds(const struct msg_shared *shared)
{
	/* The next round has what is in the list now, and is over when the one after it begins. */
	return !msg_shared_is_empty(shared) &&
	       (shared->rounds < shared->barrier_round + 2 ||
	        (int32_t)(ring_tail(shared) - shared->barrier_ring) < 0);
}

uint64_t
msg_shared_depth(const struct msg_shared *shared)
{
	const struct msg_spill *node;
	uint64_t depth = ring_head(shared) - ring_tail(shared);

	for (node = shared->round_spill; node != NULL; node = node->next) {
		depth++;
	}
	return depth;
}

uint64_t
msg_shared_spilled(const struct msg_shared *shared)
{
	return __atomic_load_n(&shared->spilled, __ATOMIC_RELAXED);
}
