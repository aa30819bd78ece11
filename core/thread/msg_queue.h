/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The queue below messages and events: many senders, one consumer, nothing to exhaust, and the
 * order of each sender kept even when sender or consumer move to another core.
 *
 * Three places hold elements, and the consumer takes them in this order:
 *   fifo   plain memory, for senders on the core that consumes (the queue's owner), no atomics;
 *   ring   rte_ring in its relaxed-tail-sync mode: a sender that is preempted in the middle makes
 *          no other sender wait;
 *   spill  a lock-free list, used from the moment the ring is full until it has been emptied.
 *
 * Why the order holds. A sender may use the fifo only while ring and spill are empty, so nothing of
 * its own is overtaken; "empty" is judged by the ring's head, since an element counts from the
 * moment its sender went on. It may use the ring only while spill is not in use. The consumer works
 * in rounds: it first takes the spilled list, then notes the ring's head, then its fill, then the
 * fifo's, and then consumes exactly these, fifo first, before it looks again. Whatever was sent
 * before something in the round by the same sender is in the round too, in a place that comes
 * earlier; and an owner that keeps sending to itself cannot starve the ring.
 *
 * The owner is set by the OS thread that begins to consume and cleared by the one that ceases to,
 * nobody else; the fifo belongs to it. Without an owner everything goes through the ring. */

#ifndef CAL_CORE_THREAD_MSG_QUEUE_H
#define CAL_CORE_THREAD_MSG_QUEUE_H

/* Ring operations by C11 atomics also where the CPU's own order would do: sanitizers see them. */
#ifndef RTE_USE_C11_MEM_MODEL
#define RTE_USE_C11_MEM_MODEL 1
#endif
#include <rte_ring.h>

#include "spdk/likely.h"
#include "spdk/stdinc.h"
#include "spdk/util.h"

#define MSG_QUEUE_FIFO_SIZE 1024u /* elements; a power of two */

struct msg_spill {
	struct msg_spill *next;
	uint8_t elem[];
};

/* Who changes what has cache lines of its own. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct msg_queue {
	/* Read by everybody, changed rarely. Relaxed: an OS thread compares it with itself, and
	 * only it can have made or can unmake that equality. */
	const void *owner;
	struct rte_ring *ring;
	uint8_t *fifo;
	uint32_t elem_size;

	/* The consumer's (and owner's). Fifo positions run freely. */
	uint32_t fifo_head __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
	uint32_t fifo_tail;
	uint32_t round_fifo;           /* elements of this round still in the fifo */
	uint32_t round_ring;           /* ring position where this round ends */
	struct msg_spill *round_spill; /* this round's spilled ones, oldest first */

	/* NULL: not in use. MSG_SPILL_END: in use and empty. Else the newest element. Release by
	 * the sender that pushes, acquire by the consumer that takes them all. */
	struct msg_spill *spill __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
	uint64_t spilled; /* ever */
};

extern struct msg_spill msg_spill_end;
#define MSG_SPILL_END (&msg_spill_end)

/** Make an empty queue of elements of `elem_size` bytes (a multiple of 4) with a ring of
 *  `ring_size` (a power of two). Needs no EAL. Returns 0 or -ENOMEM. */
int msg_queue_init(struct msg_queue *q, uint32_t elem_size, uint32_t ring_size);

/** Free what it holds. Returns how many elements were still in it. */
uint32_t msg_queue_fini(struct msg_queue *q);

/** Begin or cease to consume on this OS thread (`me` is its token). */
static inline void
msg_queue_take(struct msg_queue *q, const void *me)
{
	__atomic_store_n(&q->owner, me, __ATOMIC_RELAXED);
}

static inline void
msg_queue_release(struct msg_queue *q)
{
	__atomic_store_n(&q->owner, NULL, __ATOMIC_RELAXED);
}

/** Send by way of ring or spill. */
void msg_queue_push_remote(struct msg_queue *q, const void *elem);

static inline uint32_t
msg_queue_ring_tail(const struct msg_queue *q)
{
	return __atomic_load_n(&q->ring->cons.tail, __ATOMIC_RELAXED);
}

static inline uint32_t
msg_queue_ring_head(const struct msg_queue *q)
{
	return __atomic_load_n(&q->ring->rts_prod.head.val.pos, __ATOMIC_RELAXED);
}

/** Send one element. `me` is the caller's token, NULL if it owns no queue. Any thread; never waits.
 *  `elem_size` is the queue's, given again so that the compiler knows it. */
static inline void
msg_queue_push(struct msg_queue *q, const void *elem, size_t elem_size, const void *me)
{
	if (me != NULL && __atomic_load_n(&q->owner, __ATOMIC_RELAXED) == me &&
	    __atomic_load_n(&q->spill, __ATOMIC_RELAXED) == NULL &&
	    msg_queue_ring_head(q) == msg_queue_ring_tail(q) &&
	    q->fifo_tail - q->fifo_head < MSG_QUEUE_FIFO_SIZE) {
		memcpy(q->fifo + (q->fifo_tail % MSG_QUEUE_FIFO_SIZE) * elem_size, elem, elem_size);
		q->fifo_tail++;
		return;
	}
	msg_queue_push_remote(q, elem);
}

/** Take up to `max` elements of the present round, oldest first; with `begin` a new round is begun
 *  if the last one is over. The caller must be done with all of them before it takes more, or lets
 *  the queue go. Consumer. */
uint32_t msg_queue_pop(struct msg_queue *q, void *elems, uint32_t max, bool begin);

/** Whether nothing waits. Exact for the consumer while nobody sends. */
static inline bool
msg_queue_is_empty(const struct msg_queue *q)
{
	const struct msg_spill *spill = __atomic_load_n(&q->spill, __ATOMIC_RELAXED);

	return q->fifo_head == q->fifo_tail && q->round_spill == NULL &&
	       (spill == NULL || spill == MSG_SPILL_END) &&
	       msg_queue_ring_head(q) == msg_queue_ring_tail(q);
}

/** How many wait in fifo and ring. Consumer. */
static inline uint32_t
msg_queue_depth(const struct msg_queue *q)
{
	return q->fifo_tail - q->fifo_head + msg_queue_ring_head(q) - msg_queue_ring_tail(q);
}

/** How many have been spilled since the queue was made. */
static inline uint64_t
msg_queue_spilled(const struct msg_queue *q)
{
	return __atomic_load_n(&q->spilled, __ATOMIC_RELAXED);
}

#endif
