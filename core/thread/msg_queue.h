/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The queue below messages and events: many senders, one consumer, nothing to exhaust, and the
 * order of each sender kept even when sender or consumer move to another core.
 *
 * Each OS thread has a *lane* of its own in each queue that it sends to: a ring with one producer
 * and one consumer, made at the first message. No atomic operation is on its path, and no index is
 * shared: bit 63 of an element's first word, which is the address of a function, says by its parity
 * whether the element belongs to this lap. So a message that crosses to another core costs the
 * transfer of the one cache line that carries it (and three more like it). The consumer's position
 * is looked at when the known room is used up, twice a lap or so. A full lane goes on in a chain of
 * chunks, to which a JUMP element leads, and comes back once the ring is empty.
 *
 * OS threads beyond the first MSG_LANES share a lock-free list (msg_shared.h).
 *
 * Order. A lane keeps the order of its OS thread. What can break it is a lightweight thread that
 * sends from core A, moves, and sends from core B. So the OS thread that takes over a lightweight
 * thread draws a new *epoch* (a global counter), and before its next element in any lane puts a
 * MARK with it. The consumer passes a MARK only once it has taken from every other lane all that
 * was there when it came to this one, or stands there at a higher MARK. What was sent before the
 * thread moved happened before the epoch was drawn, hence before the MARK could be seen, hence it
 * was in one of these lanes by then, in front of any higher MARK, and has been consumed. */

#ifndef CAL_CORE_THREAD_MSG_QUEUE_H
#define CAL_CORE_THREAD_MSG_QUEUE_H

#include "spdk/likely.h"
#include "spdk/stdinc.h"
#include "spdk/util.h"

#define MSG_LANES      64u
#define MSG_LANE_ROOM  256u  /* elements; a power of two */
#define MSG_CHUNK_ROOM 1024u /* of which the last is for the JUMP */
#define MSG_WORDS_MAX  3u

/* No function has its address here: what the first word of an element can be besides a function. */
#define MSG_MARK    1u /* word 1: the epoch */
#define MSG_JUMP    2u /* word 1: the chunk to go on with, NULL for the ring */
#define MSG_SPECIAL 2u

#define MSG_PARITY (1ull << 63)

struct msg_chunk;
struct msg_shared;

/* An OS thread that sends, in its thread-local memory. */
struct msg_sender {
	uint32_t index; /* of its lanes; MSG_LANES: it has none (yet) */
	bool registered;
	uint64_t epoch; /* the last it drew */
};

/* Who changes what has cache lines of its own. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct msg_lane {
	/* The sender's. The slots from `next` on are free up to `stop`. Others read next and the
	 * counts. */
	uint64_t *next;
	uint64_t *stop;
	uint64_t flip;       /* the parity that makes an element of this lap valid, in bit 63 */
	uint32_t words;      /* of a slot: 2, or 4 */
	uint64_t epoch;      /* of its last MARK */
	uint64_t granted;    /* slots of the ring that were put before `stop`, ever */
	bool in_chunk;       /* `next` and `flip` are of a chunk */
	uint64_t spilled;    /* slots of chunks, likewise */
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
	uint64_t taken; /* slots of the ring that are free again, ever */
	uint64_t spilled_taken;
	uint64_t barrier_end; /* when so many have been taken, the barrier need not wait for it */

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
	bool held;                                                  /* something stands at a MARK */
	bool shared_held;
	bool shared_waits;   /* as `waits` */
	bool shared_turn;    /* what is shared was left without room the last time */
	uint64_t lanes_held; /* lanes that stand at a MARK */
	uint64_t passed;     /* the highest epoch passed */
	uint64_t barrier;    /* the epoch of the MARK to be passed next; 0: none */
	uint64_t waits;      /* lanes from which something is to be taken before */
};

/** Make an empty queue of elements of `words` 64-bit words (2 or 3), the first of which is the
 *  address of a function. Needs no EAL. */
void msg_queue_init(struct msg_queue *q, uint32_t words);

/** Free what it holds. Returns how many elements were still in it. When nobody sends any more; nor
 *  may anybody be on his way out of msg_queue_push(), which still looks at the queue when what it
 *  has sent may have been run. */
uint32_t msg_queue_fini(struct msg_queue *q);

/** Throw away what waits. Returns how many elements that were. Consumer. */
uint32_t msg_queue_drop(struct msg_queue *q);

/** Have the order hold between what a lightweight thread has sent elsewhere and what it will send
 *  from here. By the OS thread that takes it over, before it runs. */
void msg_sender_new_epoch(struct msg_sender *sender);

/* Write the element's first word, which makes it valid: the others are there. */
static inline void
msg_slot_publish(uint64_t *slot, uint64_t flip, uint64_t word)
{
	/* Partner of the acquire in the consumer's look at it. */
	__atomic_store_n(&slot[0], word ^ flip, __ATOMIC_RELEASE);
}

/** Send one element: w0, w1 and, where the queue's elements have three words, w2; `words` is the
 *  queue's. `sender` is the calling OS thread's, zeroed but for index = MSG_LANES at first. False:
 *  not this way, but by msg_queue_push_slow(). After it, see msg_queue_is_armed(). */
static inline __attribute__((always_inline)) bool
msg_queue_try_push(struct msg_queue *q, const struct msg_sender *sender, uint32_t words,
                   uint64_t w0, uint64_t w1, uint64_t w2)
{
	struct msg_lane *lane = q->lanes[sender->index];
	uint64_t *slot = lane->next;

	if (spdk_unlikely(slot == lane->stop || lane->epoch != sender->epoch)) {
		return false;
	}
	__atomic_store_n(&slot[1], w1, __ATOMIC_RELAXED);
	if (words == 3) {
		__atomic_store_n(&slot[2], w2, __ATOMIC_RELAXED);
	}
	msg_slot_publish(slot, lane->flip, w0);
	__atomic_store_n(&lane->next, slot + (words == 2 ? 2 : 4), __ATOMIC_RELAXED);
	return true;
}

/** The same where a lane or room has to be made, a MARK put, or there is no lane at all; and wakes
 *  the consumer if that is needed. Never waits. */
void msg_queue_push_slow(struct msg_queue *q, struct msg_sender *sender, uint64_t w0, uint64_t w1,
                         uint64_t w2);

/** Whether the consumer has to be woken, by msg_queue_wake(), for what has just been sent. */
static inline bool
msg_queue_is_armed(const struct msg_queue *q)
{
	/* The consumer that armed has made every CPU pass a barrier since: either it sees the
	 * element, or this sees the flag. The compiler alone must keep the order. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&q->armed, __ATOMIC_RELAXED) != 0;
}

/** Wake the consumer that was seen armed. */
void msg_queue_wake(struct msg_queue *q);

/** Send one element, whatever it takes. */
static inline void
msg_queue_push(struct msg_queue *q, struct msg_sender *sender, uint32_t words, uint64_t w0,
               uint64_t w1, uint64_t w2)
{
	if (spdk_unlikely(!msg_queue_try_push(q, sender, words, w0, w1, w2))) {
		msg_queue_push_slow(q, sender, w0, w1, w2);
	} else if (spdk_unlikely(msg_queue_is_armed(q))) {
		msg_queue_wake(q);
	}
}

/* The first word of the element that comes next; bit 63 is set if there is none. */
static inline uint64_t
msg_lane_peek(const struct msg_lane *lane)
{
	return __atomic_load_n(&lane->take[0], __ATOMIC_ACQUIRE) ^ lane->take_flip;
}

static inline bool
msg_is_element(uint64_t word)
{
	return (word & MSG_PARITY) == 0;
}

bool msg_shared_is_empty(const struct msg_shared *shared);

/** Whether nothing waits. Exact while nobody sends. Consumer. */
static inline bool
msg_queue_is_empty(const struct msg_queue *q)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE);
	const struct msg_shared *shared;

	for (; mask != 0; mask &= mask - 1) {
		if (msg_is_element(msg_lane_peek(q->lanes[__builtin_ctzll(mask)]))) {
			return false;
		}
	}
	shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	return spdk_likely(shared == NULL) || msg_shared_is_empty(shared);
}

/* What comes next in a lane is no element for the consumer. False: it must wait there. */
bool msg_lane_special(struct msg_queue *q, uint32_t index);

/* The consumer has taken `count` elements of where it is. */
static inline void
msg_lane_taken(struct msg_lane *lane, uint32_t count)
{
	if (spdk_likely(lane->chunk == NULL)) {
		__atomic_store_n(&lane->taken, lane->taken + count, __ATOMIC_RELEASE);
	} else {
		lane->spilled_taken += count;
	}
}

/* Go on to the next slot; `words` is the queue's. */
static inline void
msg_lane_step(struct msg_lane *lane, uint32_t words)
{
	lane->take += words == 2 ? 2 : 4;
	/* No slot of a chunk has this address. */
	if (spdk_unlikely(lane->take == lane->take_end)) {
		lane->take = lane->slots;
		lane->take_flip ^= MSG_PARITY;
	}
}

/** What to do with an element. False: no more for now. */
typedef bool (*msg_run_fn)(void *ctx, uint64_t w0, uint64_t w1, uint64_t w2);

/** How far a consumer goes. */
struct msg_limit {
	uint32_t left;       /* elements */
	uint32_t own;        /* the lane in which it goes only to `end`; MSG_LANES: there is none */
	const uint64_t *end; /* NULL: that lane is not there yet */
};

/* Up to what the calling OS thread has sent until now. One without lanes sends without this limit.
 */
static inline struct msg_limit
msg_limit_now(const struct msg_queue *q, uint32_t max, const struct msg_sender *self)
{
	const struct msg_lane *lane = q->lanes[self->index];
	struct msg_limit limit = { max, self->index, lane->next };

	if (spdk_unlikely(lane->next == lane->end)) {
		limit.end = lane->end != NULL ? lane->slots : NULL;
	}
	return limit;
}

/* msg_queue_run() for what it leaves: what is shared, and what is behind MARKs to be passed. */
uint32_t msg_queue_run_slow(struct msg_queue *q, struct msg_limit *limit, msg_run_fn run,
                            void *ctx);

/* Run the elements of one lane. */
static inline __attribute__((always_inline)) uint32_t
msg_lane_run(struct msg_queue *q, uint32_t index, struct msg_limit *limit, uint32_t words,
             msg_run_fn run, void *ctx)
{
	struct msg_lane *lane = q->lanes[index];
	const uint64_t *end = index == limit->own ? limit->end : NULL;
	uint32_t n = 0, given_back = 0;
	uint64_t word, w1, w2;

	do {
		word = msg_lane_peek(lane);
		/* One comparison for "there is one" and "it is none of the special ones". */
		while (spdk_unlikely(word - (MSG_SPECIAL + 1) >= MSG_PARITY - (MSG_SPECIAL + 1))) {
			/* What was put at the end since is not to lead beyond it. */
			if (!msg_is_element(word) || lane->take == end) {
				goto out;
			}
			msg_lane_taken(lane, n - given_back);
			given_back = n;
			if (!msg_lane_special(q, index)) {
				return n;
			}
			word = msg_lane_peek(lane);
		}
		if (lane->take == end) {
			break;
		}
		w1 = __atomic_load_n(&lane->take[1], __ATOMIC_RELAXED);
		w2 = words == 3 ? __atomic_load_n(&lane->take[2], __ATOMIC_RELAXED) : 0;
		msg_lane_step(lane, words);
		n++;
		limit->left--;
		if (spdk_unlikely(!run(ctx, word, w1, w2))) {
			limit->left = 0;
		}
	} while (limit->left > 0);
out:
	msg_lane_taken(lane, n - given_back);
	return n;
}

/** Run elements, at most limit->left (more than 0), in turn from the senders; `words` is the
 * queue's. Returns how many. Consumer. */
static inline __attribute__((always_inline)) uint32_t
msg_queue_run(struct msg_queue *q, struct msg_limit limit, uint32_t words, msg_run_fn run,
              void *ctx)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE);
	/* The lanes from the one whose turn it is on, and then the others. */
	uint64_t first = mask >> q->at << q->at, rest = mask ^ first;
	bool shared_first = q->shared_turn;
	/* Not `limit` itself is shown to others: it stays in registers. */
	struct msg_limit shown;
	uint32_t n = 0, i;

	if (spdk_unlikely(shared_first)) {
		q->shared_turn = false;
		shown = limit;
		n = msg_queue_run_slow(q, &shown, run, ctx);
		limit.left = shown.left;
	}
	while ((first | rest) != 0 && limit.left > 0) {
		if (spdk_unlikely(first == 0)) {
			first = rest;
			rest = 0;
		}
		i = (uint32_t)__builtin_ctzll(first);
		first &= first - 1;
		n += msg_lane_run(q, i, &limit, words, run, ctx);
		if (limit.left == 0) {
			/* The next one begins the next time. */
			q->at = (i + 1) % MSG_LANES;
		}
	}
	if (spdk_unlikely(q->held || __atomic_load_n(&q->shared, __ATOMIC_RELAXED) != NULL)) {
		q->shared_turn = limit.left == 0 && !shared_first;
		shown = limit;
		n += msg_queue_run_slow(q, &shown, run, ctx);
	}
	return n;
}

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
