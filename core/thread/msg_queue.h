/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The queue below messages and events: many senders, one consumer, nothing to exhaust, and the
 * order of each sender kept even when sender or consumer move to another core.
 *
 * Each OS thread that polls has a *lane* of its own in each queue that it sends to: a ring with one
 * producer and one consumer, made at the first message. No atomic operation is on its path, and no
 * index is shared: bit 63 of an element's first word, which is the address of a function, says by
 * its parity whether the element belongs to this lap. So a message that crosses to another core
 * costs the transfer of the one cache line that carries it (and three more like it). The consumer's
 * position is looked at when the known room is used up, twice a lap or so. A full lane goes on in a
 * chain of chunks, to which a JUMP element leads, and comes back once the ring is empty.
 *
 * OS threads that poll nothing, and those beyond MSG_LANES, share an rte_ring (relaxed tail sync: a
 * sender that is preempted makes no other one wait) and a lock-free list of what did not fit it.
 *
 * Order. A lane keeps the order of its OS thread. What can break it is a lightweight thread that
 * sends from core A, moves, and sends from core B. So the OS thread that takes over a lightweight
 * thread draws a new *epoch* (a global counter), and before its next element in any lane puts a
 * MARK with it. The consumer passes a MARK only once every other lane has been seen empty, or
 * stands at a higher MARK, after this one was seen. What was sent before the thread moved happened
 * before the epoch was drawn, hence before the MARK could be seen, hence it is in one of these
 * lanes in front of any higher MARK, and has been consumed. */

#ifndef CAL_CORE_THREAD_MSG_QUEUE_H
#define CAL_CORE_THREAD_MSG_QUEUE_H

#include "spdk/likely.h"
#include "spdk/stdinc.h"
#include "spdk/util.h"

#define MSG_LANES       64u
#define MSG_LANE_ROOM   256u  /* elements; a power of two */
#define MSG_CHUNK_ROOM  1024u /* of which the last is for the JUMP */
#define MSG_SHARED_ROOM 4096u
#define MSG_WORDS_MAX   3u

/* No function has its address here: what the first word of an element can be besides a function. */
#define MSG_MARK    1u /* word 1: the epoch */
#define MSG_JUMP    2u /* word 1: the chunk to go on with, NULL for the ring */
#define MSG_SPECIAL 2u

#define MSG_PARITY (1ull << 63)

struct msg_chunk;
struct msg_shared;

/* An OS thread that sends, in its thread-local memory. */
struct msg_sender {
	uint32_t index; /* of its lanes; MSG_LANES: it has none */
	uint64_t epoch; /* the last it drew */
};

/* Who changes what has cache lines of its own. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct msg_lane {
	/* The sender's. `room` slots from `next` on are known to be free. Others read the counts.
	 */
	uint64_t *next;
	uint64_t flip; /* the parity that makes an element of this lap valid, in bit 63 */
	uint32_t room;
	uint32_t words;      /* of a slot: 2, or 4 */
	uint64_t epoch;      /* of its last MARK */
	uint32_t granted;    /* slots of the ring given out as room, ever */
	bool in_chunk;       /* `next` and `flip` are of a chunk */
	uint64_t spilled;    /* slots of chunks given out as room, ever */
	uint64_t *end;       /* of the ring */
	uint64_t *ring_next; /* where the ring goes on, while in a chunk */
	uint64_t ring_flip;

	/* The consumer's; the sender reads `taken`. */
	uint64_t *take __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
	uint64_t take_flip;
	uint64_t *take_end;      /* of the ring */
	struct msg_chunk *chunk; /* that `take` is in, NULL: the ring */
	uint64_t *ring_take;     /* where the ring goes on, while in a chunk */
	uint64_t ring_take_flip;
	uint64_t spilled_taken;
	uint32_t taken; /* slots of the ring that are free again, ever */

	uint64_t slots[] __attribute__((aligned(SPDK_CACHE_LINE_SIZE)));
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct msg_queue {
	/* Read by everybody, changed rarely. */
	uint64_t lanes_mask; /* bit i: lanes[i] exists. Release by its sender. */
	uint32_t armed;      /* the consumer sleeps, or is about to: write to `wake_fd` */
	int wake_fd;
	struct msg_shared *shared; /* NULL until somebody needs it. Release by who makes it. */
	uint32_t words;            /* of an element: 2 or 3 */
	/* By sender; one that has no room stands where there is none, and at MSG_LANES. */
	struct msg_lane *lanes[MSG_LANES + 1];

	/* The consumer's. */
	uint32_t at __attribute__((aligned(SPDK_CACHE_LINE_SIZE))); /* lane to begin with */
	bool shared_held;
	bool shared_quiet;
	uint64_t held;    /* lanes that stand at a MARK */
	uint64_t passed;  /* the highest epoch passed */
	uint64_t barrier; /* the epoch of the MARK to be passed next; 0: none */
	uint64_t quiet;   /* lanes that have been seen empty or held since */
};

/** Make an empty queue of elements of `words` 64-bit words (2 or 3), the first of which is the
 *  address of a function. Needs no EAL. */
void msg_queue_init(struct msg_queue *q, uint32_t words);

/** Free what it holds. Returns how many elements were still in it. When nobody sends any more. */
uint32_t msg_queue_fini(struct msg_queue *q);

/** Give the calling OS thread, which has `sender`, an index of its own, and take it back when the
 *  OS thread ends. Without a free one it stays without. */
void msg_sender_register(struct msg_sender *sender);

/** Have the order hold between what a lightweight thread has sent elsewhere and what it will send
 *  from here. By the OS thread that takes it over, before it runs. */
void msg_sender_new_epoch(struct msg_sender *sender);

/** The rest of msg_queue_push(): a lane to be made, room to be made, a MARK, or no lane at all. */
void msg_queue_push_slow(struct msg_queue *q, const struct msg_sender *sender,
                         const uint64_t *elem);

/** Wake the consumer that was seen armed. */
void msg_queue_wake(struct msg_queue *q);

static inline void
msg_slot_put(uint64_t *slot, uint64_t flip, const uint64_t *elem, uint32_t words)
{
	uint32_t i;

	for (i = 1; i < words; i++) {
		__atomic_store_n(&slot[i], elem[i], __ATOMIC_RELAXED);
	}
	/* Partner of the acquire in the consumer's look at it. */
	__atomic_store_n(&slot[0], elem[0] ^ flip, __ATOMIC_RELEASE);
}

/** Send one element of `words` words (the queue's, given again so that the compiler knows it).
 *  `sender` is the calling OS thread's. Never waits. */
static inline void
msg_queue_push(struct msg_queue *q, const struct msg_sender *sender, const uint64_t *elem,
               uint32_t words)
{
	struct msg_lane *lane = q->lanes[sender->index];

	if (spdk_likely(lane->room > 0 && lane->epoch == sender->epoch)) {
		msg_slot_put(lane->next, lane->flip, elem, words);
		lane->next += words == 2 ? 2 : 4;
		__atomic_store_n(&lane->room, lane->room - 1, __ATOMIC_RELAXED);
	} else {
		msg_queue_push_slow(q, sender, elem);
	}
	/* The consumer that armed has made every CPU pass a barrier since: either it sees the
	 * element, or this sees the flag. The compiler alone must keep the order. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (spdk_unlikely(__atomic_load_n(&q->armed, __ATOMIC_RELAXED) != 0)) {
		msg_queue_wake(q);
	}
}

/** Take up to `max` elements, `words` words each, in turn from the senders. Consumer. */
uint32_t msg_queue_pop(struct msg_queue *q, uint64_t *elems, uint32_t max, uint32_t words);

/** Whether nothing waits. Exact while nobody sends. Consumer. */
bool msg_queue_is_empty(const struct msg_queue *q);

/** About how many wait. Consumer. */
uint64_t msg_queue_depth(const struct msg_queue *q);

/** How many did not fit a ring since the queue was made, about. Any thread. */
uint64_t msg_queue_spilled(const struct msg_queue *q);

/** Before the consumer sleeps: from now on a sender writes to the eventfd `wake_fd`. True: nothing
 *  waits, sleep until it is readable. False: something does (or the kernel has no membarrier()),
 * and it is not armed. Costs a system call that interrupts the other CPUs which run this process.
 *  Consumer. */
bool msg_queue_arm(struct msg_queue *q, int wake_fd);
/** The consumer is awake. Consumer. */
void msg_queue_disarm(struct msg_queue *q);

#endif
