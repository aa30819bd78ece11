/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Lanes, and the barrier that keeps the order between them. */

#include "core/thread/msg_queue.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "core/thread/msg_shared.h"
#include "core/thread/thread_internal.h"
#include "spdk/log.h"

struct msg_chunk {
	uint64_t pad[SPDK_CACHE_LINE_SIZE / sizeof(uint64_t)]; /* slots begin on a cache line */
	uint64_t slots[];
};

/* Where a lane is missing: no room in it, so that nobody writes it. */
static struct msg_lane g_no_lane;

static uint64_t g_epoch; /* the last drawn */
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t g_indices; /* in use, under the lock */
static pthread_key_t g_key;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static bool g_have_key;
static bool g_have_barrier;

/* --- senders ---------------------------------------------------------------------------------- */

static void
sender_ended(void *arg)
{
	pthread_mutex_lock(&g_lock);
	g_indices &= ~(1ull << ((uintptr_t)arg - 1));
	pthread_mutex_unlock(&g_lock);
}

static void
init_once(void)
{
	g_have_key = pthread_key_create(&g_key, sender_ended) == 0;
	g_have_barrier =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void
msg_sender_register(struct msg_sender *sender)
{
	uint32_t index;

	pthread_once(&g_once, init_once);
	if (sender->index != MSG_LANES || !g_have_key) {
		return;
	}
	/* An index that had another OS thread comes with its lanes: the lock orders what it did
	 * before what this one will do. */
	pthread_mutex_lock(&g_lock);
	if (~g_indices != 0) {
		index = (uint32_t)__builtin_ctzll(~g_indices);
		if (pthread_setspecific(g_key, (void *)(uintptr_t)(index + 1)) == 0) {
			g_indices |= 1ull << index;
			sender->index = index;
		}
	}
	pthread_mutex_unlock(&g_lock);
	msg_sender_new_epoch(sender);
}

void
msg_sender_new_epoch(struct msg_sender *sender)
{
	sender->epoch = __atomic_add_fetch(&g_epoch, 1, __ATOMIC_ACQ_REL);
}

/* --- the sender's side of a lane -------------------------------------------------------------- */

static struct msg_lane *
lane_create(struct msg_queue *q, uint32_t index)
{
	uint32_t words = q->words == 2 ? 2 : 4;
	size_t size = sizeof(struct msg_lane) + (size_t)MSG_LANE_ROOM * words * sizeof(uint64_t);
	struct msg_lane *lane;

	lane = aligned_alloc(SPDK_CACHE_LINE_SIZE,
	                     SPDK_ALIGN_CEIL(size, (size_t)SPDK_CACHE_LINE_SIZE));
	if (lane == NULL) {
		thread_fatal(__func__, "no memory for messages");
	}
	memset(lane, 0, size);
	lane->words = words;
	lane->next = lane->take = lane->slots;
	lane->end = lane->take_end = lane->slots + (size_t)MSG_LANE_ROOM * words;
	lane->flip = lane->take_flip = MSG_PARITY;
	q->lanes[index] = lane;
	__atomic_fetch_or(&q->lanes_mask, 1ull << index, __ATOMIC_RELEASE);
	return lane;
}

static void
lane_enter_chunk(struct msg_lane *lane)
{
	size_t size =
		sizeof(struct msg_chunk) + (size_t)MSG_CHUNK_ROOM * lane->words * sizeof(uint64_t);
	struct msg_chunk *chunk;
	uint64_t jump[2];

	chunk = aligned_alloc(SPDK_CACHE_LINE_SIZE,
	                      SPDK_ALIGN_CEIL(size, (size_t)SPDK_CACHE_LINE_SIZE));
	if (chunk == NULL) {
		thread_fatal(__func__, "no memory for messages");
	}
	memset(chunk, 0, size);
	jump[0] = MSG_JUMP;
	jump[1] = (uintptr_t)chunk;
	msg_slot_put(lane->next, lane->flip, jump, 2);
	if (!lane->in_chunk) {
		lane->next += lane->words;
		lane->ring_next = lane->next;
		lane->ring_flip = lane->flip;
		__atomic_store_n(&lane->granted, lane->granted + 1, __ATOMIC_RELAXED);
	}
	lane->next = chunk->slots;
	lane->flip = MSG_PARITY;
	__atomic_store_n(&lane->in_chunk, true, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->spilled, lane->spilled + MSG_CHUNK_ROOM - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->room, MSG_CHUNK_ROOM - 1, __ATOMIC_RELAXED);
}

static void
lane_make_room(struct msg_lane *lane)
{
	/* Partner of the consumer's release: it has read what it gives back. */
	uint32_t used = lane->granted - __atomic_load_n(&lane->taken, __ATOMIC_ACQUIRE);
	uint64_t jump[2] = { MSG_JUMP, 0 };
	uint32_t room;

	if (lane->in_chunk) {
		if (used > 0) {
			lane_enter_chunk(lane);
			return;
		}
		msg_slot_put(lane->next, lane->flip, jump, 2);
		lane->next = lane->ring_next;
		lane->flip = lane->ring_flip;
		__atomic_store_n(&lane->in_chunk, false, __ATOMIC_RELAXED);
	}
	if (lane->next == lane->end) {
		lane->next = lane->slots;
		lane->flip ^= MSG_PARITY;
	}
	/* One slot is always left for a JUMP. */
	if (used == MSG_LANE_ROOM - 1) {
		lane_enter_chunk(lane);
		return;
	}
	room = (uint32_t)((size_t)(lane->end - lane->next) / lane->words);
	room = spdk_min(room, MSG_LANE_ROOM - 1 - used);
	__atomic_store_n(&lane->granted, lane->granted + room, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->room, room, __ATOMIC_RELAXED);
}

static void
lane_push(struct msg_lane *lane, const uint64_t *elem, uint32_t words)
{
	if (lane->room == 0) {
		lane_make_room(lane);
	}
	msg_slot_put(lane->next, lane->flip, elem, words);
	lane->next += lane->words;
	__atomic_store_n(&lane->room, lane->room - 1, __ATOMIC_RELAXED);
}

void
msg_queue_push_slow(struct msg_queue *q, const struct msg_sender *sender, const uint64_t *elem)
{
	uint64_t mark[2] = { MSG_MARK, sender->epoch };
	struct msg_lane *lane = q->lanes[sender->index];

	if (sender->index == MSG_LANES) {
		msg_shared_push(q, sender->epoch, elem);
		return;
	}
	if (lane == &g_no_lane) {
		lane = lane_create(q, sender->index);
	}
	if (lane->epoch != sender->epoch) {
		lane_push(lane, mark, 2);
		lane->epoch = sender->epoch;
	}
	lane_push(lane, elem, q->words);
}

/* --- the consumer's side of a lane ------------------------------------------------------------ */

/* The first word of the element that comes next; bit 63 is set if there is none. */
static inline uint64_t
lane_peek(const struct msg_lane *lane)
{
	return __atomic_load_n(&lane->take[0], __ATOMIC_ACQUIRE) ^ lane->take_flip;
}

static inline bool
is_element(uint64_t word)
{
	return (word & MSG_PARITY) == 0;
}

/* Its consumer has read `count` elements of where it is. */
static inline void
lane_give_back(struct msg_lane *lane, uint32_t count)
{
	if (spdk_likely(lane->chunk == NULL)) {
		__atomic_store_n(&lane->taken, lane->taken + count, __ATOMIC_RELEASE);
	} else {
		lane->spilled_taken += count;
	}
}

static inline void
lane_step(struct msg_lane *lane, uint32_t stride)
{
	lane->take += stride;
	/* No slot of a chunk has this address. */
	if (spdk_unlikely(lane->take == lane->take_end)) {
		lane->take = lane->slots;
		lane->take_flip ^= MSG_PARITY;
	}
}

/* Follow the JUMP that comes next. */
static void
lane_jump(struct msg_lane *lane)
{
	uint64_t to = __atomic_load_n(&lane->take[1], __ATOMIC_RELAXED);
	struct msg_chunk *from = lane->chunk;

	if (from == NULL) {
		lane_step(lane, lane->words);
		lane->ring_take = lane->take;
		lane->ring_take_flip = lane->take_flip;
		lane_give_back(lane, 1);
	}
	lane->chunk = (struct msg_chunk *)(uintptr_t)to;
	lane->take = lane->chunk != NULL ? lane->chunk->slots : lane->ring_take;
	lane->take_flip = lane->chunk != NULL ? MSG_PARITY : lane->ring_take_flip;
	free(from);
}

/* What comes next is no element for the consumer. False: it must wait here. */
static bool
lane_special(struct msg_queue *q, uint32_t index, struct msg_lane *lane, uint64_t word)
{
	if (word == MSG_JUMP) {
		lane_jump(lane);
		return true;
	}
	if (__atomic_load_n(&lane->take[1], __ATOMIC_RELAXED) > q->passed) {
		q->held |= 1ull << index;
		return false;
	}
	lane_step(lane, lane->words);
	lane_give_back(lane, 1);
	return true;
}

static inline uint32_t
lane_pop(struct msg_queue *q, uint32_t index, uint64_t *out, uint32_t max, uint32_t words)
{
	struct msg_lane *lane = q->lanes[index];
	uint32_t n = 0, run = 0, i;
	uint64_t word;

	while (n < max) {
		word = lane_peek(lane);
		if (!is_element(word)) {
			break;
		}
		if (spdk_unlikely(word <= MSG_SPECIAL)) {
			lane_give_back(lane, run);
			run = 0;
			if (!lane_special(q, index, lane, word)) {
				break;
			}
			continue;
		}
		out[0] = word;
		for (i = 1; i < words; i++) {
			out[i] = __atomic_load_n(&lane->take[i], __ATOMIC_RELAXED);
		}
		out += words;
		n++;
		run++;
		lane_step(lane, words == 2 ? 2 : 4);
	}
	if (run > 0) {
		lane_give_back(lane, run);
	}
	return n;
}

/* --- the barrier: passing MARKs --------------------------------------------------------------- */

static bool
barrier_is_quiet(struct msg_queue *q)
{
	/* A lane that was made before the MARK was put is seen here: the look at the MARK was an
	 * acquire. */
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE), left;
	const struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	uint32_t i;

	q->quiet |= q->held;
	for (left = mask & ~q->quiet; left != 0; left &= left - 1) {
		i = (uint32_t)__builtin_ctzll(left);
		if (!is_element(lane_peek(q->lanes[i]))) {
			q->quiet |= 1ull << i;
		}
	}
	q->shared_quiet |= q->shared_held || shared == NULL || msg_shared_is_empty(shared);
	return q->shared_quiet && (mask & ~q->quiet) == 0;
}

/* Pass the lowest MARK that a lane stands at if nothing that was sent before it can still wait. */
static bool
barrier_pass(struct msg_queue *q)
{
	uint64_t lowest = UINT64_MAX, left, epoch;
	uint32_t i, which = MSG_LANES;

	for (left = q->held; left != 0; left &= left - 1) {
		i = (uint32_t)__builtin_ctzll(left);
		epoch = __atomic_load_n(&q->lanes[i]->take[1], __ATOMIC_RELAXED);
		if (epoch < lowest) {
			lowest = epoch;
			which = i;
		}
	}
	if (q->shared_held && msg_shared_mark(q->shared) < lowest) {
		lowest = msg_shared_mark(q->shared);
		which = MSG_LANES;
	}
	if (q->barrier != lowest) {
		q->barrier = lowest;
		q->quiet = 0;
		q->shared_quiet = false;
	}
	if (!barrier_is_quiet(q)) {
		return false;
	}
	q->passed = lowest;
	q->barrier = 0;
	if (which == MSG_LANES) {
		q->shared_held = false;
	} else {
		q->held &= ~(1ull << which);
	}
	return true;
}

/* --- the queue -------------------------------------------------------------------------------- */

void
msg_queue_init(struct msg_queue *q, uint32_t words)
{
	uint32_t i;

	assert(words == 2 || words == MSG_WORDS_MAX);
	memset(q, 0, sizeof(*q));
	q->words = words;
	for (i = 0; i <= MSG_LANES; i++) {
		q->lanes[i] = &g_no_lane;
	}
}

uint32_t
msg_queue_fini(struct msg_queue *q)
{
	uint64_t elem[MSG_WORDS_MAX];
	uint32_t left = 0, i;

	q->passed = UINT64_MAX;
	q->held = 0;
	q->shared_held = false;
	while (msg_queue_pop(q, elem, 1, q->words) == 1) {
		left++;
	}
	for (i = 0; i < MSG_LANES; i++) {
		if (q->lanes[i] != &g_no_lane) {
			free(q->lanes[i]->chunk);
			free(q->lanes[i]);
			q->lanes[i] = &g_no_lane;
		}
	}
	q->lanes_mask = 0;
	free(q->shared);
	q->shared = NULL;
	return left;
}

static inline uint32_t
lanes_pop(struct msg_queue *q, uint64_t mask, uint64_t *out, uint32_t max, uint32_t words)
{
	uint32_t n = 0, i;

	for (; mask != 0; mask &= mask - 1) {
		i = (uint32_t)__builtin_ctzll(mask);
		n += lane_pop(q, i, out + (size_t)n * words, max - n, words);
		if (n == max) {
			q->at = i + 1;
			break;
		}
	}
	return n;
}

static inline uint32_t
queue_pop(struct msg_queue *q, uint64_t *out, uint32_t max, uint32_t words)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE);
	uint64_t later = q->at < MSG_LANES ? ~0ull << q->at : 0;
	struct msg_shared *shared;
	uint32_t n;

	/* Each gets its turn: the lanes from `at` on, what is shared, the lanes before. */
	n = lanes_pop(q, mask & later, out, max, words);
	if (n == max) {
		return n;
	}
	shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	if (shared != NULL) {
		n += msg_shared_pop(q, shared, out + (size_t)n * words, max - n);
		if (n == max) {
			q->at = 0;
			return n;
		}
	}
	if ((mask & ~later) != 0) {
		n += lanes_pop(q, mask & ~later, out + (size_t)n * words, max - n, words);
	}
	return n;
}

uint32_t
msg_queue_pop(struct msg_queue *q, uint64_t *elems, uint32_t max, uint32_t words)
{
	uint32_t n =
		words == 2 ? queue_pop(q, elems, max, 2) : queue_pop(q, elems, max, MSG_WORDS_MAX);

	while (spdk_unlikely((q->held != 0 || q->shared_held)) && barrier_pass(q) && n < max) {
		n += queue_pop(q, elems + (size_t)n * words, max - n, words);
	}
	return n;
}

bool
msg_queue_is_empty(const struct msg_queue *q)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE);
	const struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);

	for (; mask != 0; mask &= mask - 1) {
		if (is_element(lane_peek(q->lanes[__builtin_ctzll(mask)]))) {
			return false;
		}
	}
	return shared == NULL || msg_shared_is_empty(shared);
}

uint64_t
msg_queue_depth(const struct msg_queue *q)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE), sum = 0;
	const struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	const struct msg_lane *lane;
	uint32_t ring;

	for (; mask != 0; mask &= mask - 1) {
		lane = q->lanes[__builtin_ctzll(mask)];
		/* The counts of the ring wrap. */
		ring = __atomic_load_n(&lane->granted, __ATOMIC_RELAXED) - lane->taken;
		sum += ring + __atomic_load_n(&lane->spilled, __ATOMIC_RELAXED) -
		       lane->spilled_taken - __atomic_load_n(&lane->room, __ATOMIC_RELAXED);
	}
	return sum + (shared != NULL ? msg_shared_depth(shared) : 0);
}

uint64_t
msg_queue_spilled(const struct msg_queue *q)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE), sum = 0;
	const struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	const struct msg_lane *lane;

	for (; mask != 0; mask &= mask - 1) {
		lane = q->lanes[__builtin_ctzll(mask)];
		sum += __atomic_load_n(&lane->spilled, __ATOMIC_RELAXED);
		if (__atomic_load_n(&lane->in_chunk, __ATOMIC_RELAXED)) {
			sum -= __atomic_load_n(&lane->room, __ATOMIC_RELAXED);
		}
	}
	return sum + (shared != NULL ? msg_shared_spilled(shared) : 0);
}

/* --- sleep ------------------------------------------------------------------------------------ */

bool
msg_queue_arm(struct msg_queue *q, int wake_fd)
{
	pthread_once(&g_once, init_once);
	if (!g_have_barrier || !msg_queue_is_empty(q)) {
		return false;
	}
	__atomic_store_n(&q->wake_fd, wake_fd, __ATOMIC_RELAXED);
	__atomic_store_n(&q->armed, 1, __ATOMIC_RELEASE);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0 &&
	    msg_queue_is_empty(q)) {
		return true;
	}
	msg_queue_disarm(q);
	return false;
}

void
msg_queue_disarm(struct msg_queue *q)
{
	__atomic_store_n(&q->armed, 0, __ATOMIC_RELAXED);
}

void
msg_queue_wake(struct msg_queue *q)
{
	uint64_t one = 1;

	/* Partner of the release in msg_queue_arm(): the descriptor is known. One wakes. */
	if (__atomic_exchange_n(&q->armed, 0, __ATOMIC_ACQUIRE) != 0 &&
	    write(__atomic_load_n(&q->wake_fd, __ATOMIC_RELAXED), &one, sizeof(one)) < 0) {
		/* An eventfd refuses only when it is readable as it is. */
		return;
	}
}
