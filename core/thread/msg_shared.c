/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/thread/msg_shared.h"

#include "core/thread/thread_internal.h"

struct msg_node {
	struct msg_node *next;
	uint64_t elem[MSG_WORDS_MAX];
};

struct msg_shared {
	/* The newest element. Release by the sender that pushes, acquire by the consumer that takes
	 * them all. */
	struct msg_node *newest;
	uint64_t epoch; /* of the newest MARK. Release by who has put it. */
	uint64_t sent;  /* ever */

	/* The consumer's. */
	struct msg_node *round __attribute__((aligned(SPDK_CACHE_LINE_SIZE))); /* oldest first */
	uint64_t rounds;                                                       /* begun */
	uint64_t barrier_round; /* which one it was when the barrier began */
	uint64_t taken;
	uint64_t mark; /* that it stands at */
};

static struct msg_shared *
shared_create(struct msg_queue *q)
{
	struct msg_shared *shared = msg_memory(sizeof(*shared)), *other = NULL;

	if (!__atomic_compare_exchange_n(&q->shared, &other, shared, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE)) {
		free(shared);
		return other;
	}
	return shared;
}

static void
put(struct msg_shared *shared, const uint64_t *elem)
{
	struct msg_node *node = malloc(sizeof(*node));

	if (node == NULL) {
		thread_fatal(__func__, "no memory for a message");
	}
	memcpy(node->elem, elem, sizeof(node->elem));
	__atomic_fetch_add(&shared->sent, 1, __ATOMIC_RELAXED);
	node->next = __atomic_load_n(&shared->newest, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&shared->newest, &node->next, node, true,
	                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
	}
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

static void
round_begin(struct msg_shared *shared)
{
	struct msg_node *node = __atomic_exchange_n(&shared->newest, NULL, __ATOMIC_ACQUIRE), *next;

	shared->rounds++;
	for (; node != NULL; node = next) {
		next = node->next;
		node->next = shared->round;
		shared->round = node;
	}
}

bool
msg_shared_pop(struct msg_queue *q, struct msg_shared *shared, uint64_t *elem)
{
	struct msg_node *node;

	do {
		if (q->shared_held) {
			return false;
		}
		if (shared->round == NULL) {
			if (__atomic_load_n(&shared->newest, __ATOMIC_RELAXED) == NULL) {
				return false;
			}
			round_begin(shared);
		}
		node = shared->round;
		if (node->elem[0] == MSG_MARK && node->elem[1] > q->passed) {
			shared->mark = node->elem[1];
			q->shared_held = q->held = true;
			return false;
		}
		shared->round = node->next;
		shared->taken++;
		memcpy(elem, node->elem, sizeof(node->elem));
		free(node);
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
	return shared->round == NULL && __atomic_load_n(&shared->newest, __ATOMIC_RELAXED) == NULL;
}

void
msg_shared_barrier_begin(struct msg_shared *shared)
{
	shared->barrier_round = shared->rounds;
}

bool
msg_shared_barrier_holds(const struct msg_shared *shared)
{
	/* What is in the list now is the next round, which is over when the one after it begins. */
	return !msg_shared_is_empty(shared) && shared->rounds < shared->barrier_round + 2;
}

uint64_t
msg_shared_depth(const struct msg_shared *shared)
{
	return __atomic_load_n(&shared->sent, __ATOMIC_RELAXED) - shared->taken;
}
