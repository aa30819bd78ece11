/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/msg_queue.h"

#include "core/thread/thread_internal.h"

struct msg_spill msg_spill_end;

int
msg_queue_init(struct msg_queue *q, uint32_t elem_size, uint32_t ring_size)
{
	ssize_t size = rte_ring_get_memsize_elem(elem_size, ring_size);

	memset(q, 0, sizeof(*q));
	if (size < 0) {
		return (int)size;
	}
	q->elem_size = elem_size;
	q->ring = aligned_alloc(RTE_CACHE_LINE_SIZE,
	                        SPDK_ALIGN_CEIL((size_t)size, (size_t)RTE_CACHE_LINE_SIZE));
	q->fifo = calloc(MSG_QUEUE_FIFO_SIZE, elem_size);
	if (q->ring == NULL || q->fifo == NULL ||
	    rte_ring_init(q->ring, "msg", ring_size, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ) != 0) {
		free(q->ring);
		free(q->fifo);
		return -ENOMEM;
	}
	/* Let senders run ahead of a stalled one until the ring is full: then they spill, in place
	 * of waiting for it. */
	rte_ring_set_prod_htd_max(q->ring, rte_ring_get_capacity(q->ring));
	return 0;
}

uint32_t
msg_queue_fini(struct msg_queue *q)
{
	uint8_t elem[64];
	uint32_t left = 0;

	assert(q->elem_size <= sizeof(elem));
	while (msg_queue_pop(q, elem, 1, true) == 1) {
		left++;
	}
	free(q->ring);
	free(q->fifo);
	q->ring = NULL;
	q->fifo = NULL;
	return left;
}

static void
spill_push(struct msg_queue *q, const void *elem)
{
	struct msg_spill *node = malloc(sizeof(*node) + q->elem_size);
	struct msg_spill *head;

	if (node == NULL) {
		thread_fatal(__func__, "no memory for a message");
	}
	memcpy(node->elem, elem, q->elem_size);
	head = __atomic_load_n(&q->spill, __ATOMIC_RELAXED);
	do {
		node->next = head != NULL ? head : MSG_SPILL_END;
	} while (!__atomic_compare_exchange_n(&q->spill, &head, node, true, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
	__atomic_fetch_add(&q->spilled, 1, __ATOMIC_RELAXED);
}

void
msg_queue_push_remote(struct msg_queue *q, const void *elem)
{
	if (__atomic_load_n(&q->spill, __ATOMIC_RELAXED) == NULL &&
	    rte_ring_mp_rts_enqueue_burst_elem(q->ring, elem, q->elem_size, 1, NULL) == 1) {
		return;
	}
	spill_push(q, elem);
}

/* Take all that was spilled, oldest first. When nothing was since the last time, spilling ends. */
static struct msg_spill *
spill_take(struct msg_queue *q)
{
	struct msg_spill *head = __atomic_load_n(&q->spill, __ATOMIC_RELAXED);
	struct msg_spill *oldest = NULL, *next;

	if (spdk_likely(head == NULL)) {
		return NULL;
	}
	if (head == MSG_SPILL_END &&
	    __atomic_compare_exchange_n(&q->spill, &head, NULL, false, __ATOMIC_RELAXED,
	                                __ATOMIC_RELAXED)) {
		return NULL;
	}
	head = __atomic_exchange_n(&q->spill, MSG_SPILL_END, __ATOMIC_ACQUIRE);
	for (; head != MSG_SPILL_END; head = next) {
		next = head->next;
		head->next = oldest;
		oldest = head;
	}
	return oldest;
}

/* The position behind the last element that can be taken. The acquire's partner is the release of
 * whoever moved it on; the elements before it are written. */
static uint32_t
ring_visible_end(const struct msg_queue *q)
{
	union __rte_ring_rts_poscnt tail;

	tail.raw = __atomic_load_n(&q->ring->rts_prod.tail.raw, __ATOMIC_ACQUIRE);
	return tail.val.pos;
}

static void
round_begin(struct msg_queue *q)
{
	q->round_spill = spill_take(q);
	/* Spilled elements come after all that their senders had put into the ring, whether it is
	 * visible yet or not. Otherwise what is visible will do. */
	if (spdk_unlikely(q->round_spill != NULL)) {
		q->round_ring = msg_queue_ring_head(q);
	} else {
		q->round_ring = ring_visible_end(q);
	}
	q->round_fifo = q->fifo_tail - q->fifo_head;
}

static uint32_t
fifo_pop(struct msg_queue *q, uint8_t *out, uint32_t max)
{
	uint32_t n = spdk_min(max, q->round_fifo), at, first;

	at = q->fifo_head % MSG_QUEUE_FIFO_SIZE;
	first = spdk_min(n, MSG_QUEUE_FIFO_SIZE - at);
	memcpy(out, q->fifo + (size_t)at * q->elem_size, (size_t)first * q->elem_size);
	memcpy(out + (size_t)first * q->elem_size, q->fifo, (size_t)(n - first) * q->elem_size);
	q->fifo_head += n;
	q->round_fifo -= n;
	if (q->fifo_head == q->fifo_tail) {
		/* Stay in the same few cache lines. */
		q->fifo_head = q->fifo_tail = 0;
	}
	return n;
}

static uint32_t
spill_pop(struct msg_queue *q, uint8_t *out, uint32_t max)
{
	struct msg_spill *node;
	uint32_t n;

	for (n = 0; n < max && q->round_spill != NULL; n++) {
		node = q->round_spill;
		q->round_spill = node->next;
		memcpy(out + (size_t)n * q->elem_size, node->elem, q->elem_size);
		free(node);
	}
	return n;
}

uint32_t
msg_queue_pop(struct msg_queue *q, void *elems, uint32_t max, bool begin)
{
	uint8_t *out = elems;
	uint32_t n = 0, got, left;

	if (begin && q->round_fifo == 0 && q->round_spill == NULL &&
	    q->round_ring == msg_queue_ring_tail(q)) {
		round_begin(q);
	}
	/* Each part is touched only if the one before it left room, that is, has nothing left. */
	if (q->round_fifo > 0) {
		n = fifo_pop(q, out, max);
	}
	while (n < max && (left = q->round_ring - msg_queue_ring_tail(q)) > 0) {
		got = rte_ring_sc_dequeue_burst_elem(q->ring, out + (size_t)n * q->elem_size,
		                                     q->elem_size, spdk_min(left, max - n), NULL);
		if (got == 0) {
			/* Claimed but not yet written: its sender is at it. */
			return n;
		}
		n += got;
	}
	if (n < max && q->round_spill != NULL) {
		n += spill_pop(q, out + (size_t)n * q->elem_size, max - n);
	}
	return n;
}
