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

/* The OS thread ends, but destructors of other keys may still send: no longer in lanes that are
 * somebody else's from here on. */
static void
sender_ended(void *arg)
{
	struct msg_sender *sender = arg;
	uint32_t index = sender->index;

	sender->index = MSG_LANES;
	msg_sender_new_epoch(sender);
	pthread_mutex_lock(&g_lock);
	g_indices &= ~(1ull << index);
	pthread_mutex_unlock(&g_lock);
}

static void
init_once(void)
{
	g_have_key = pthread_key_create(&g_key, sender_ended) == 0;
	g_have_barrier =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* Give the calling OS thread an index of its own until it ends. Without a free one it stays
 * without.
 */
static void
sender_register(struct msg_sender *sender)
{
	uint32_t index;

	pthread_once(&g_once, init_once);
	sender->registered = true;
	/* An index that had another OS thread comes with its lanes: the lock orders what that one
	 * did before what this one will do. */
	pthread_mutex_lock(&g_lock);
	if (~g_indices != 0 && g_have_key) {
		index = (uint32_t)__builtin_ctzll(~g_indices);
		if (pthread_setspecific(g_key, sender) == 0) {
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

void *
msg_memory(size_t size)
{
	size_t lines = SPDK_ALIGN_CEIL(size, (size_t)SPDK_CACHE_LINE_SIZE);
	void *memory = aligned_alloc(SPDK_CACHE_LINE_SIZE, lines);

	if (memory == NULL) {
		thread_fatal(__func__, "no memory for messages");
	}
	memset(memory, 0, lines);
	return memory;
}

static struct msg_lane *
lane_create(struct msg_queue *q, uint32_t index)
{
	uint32_t words = q->words == 2 ? 2 : 4;
	size_t size = sizeof(struct msg_lane) + (size_t)MSG_LANE_ROOM * words * sizeof(uint64_t);
	struct msg_lane *lane = msg_memory(size);

	lane->words = words;
	lane->next = lane->stop = lane->take = lane->slots;
	lane->end = lane->take_end = lane->slots + (size_t)MSG_LANE_ROOM * words;
	lane->flip = lane->take_flip = MSG_PARITY;
	q->lanes[index] = lane;
	__atomic_fetch_or(&q->lanes_mask, 1ull << index, __ATOMIC_RELEASE);
	return lane;
}

/* Go on elsewhere: no room there yet. */
static void
next_set(struct msg_lane *lane, uint64_t *next)
{
	__atomic_store_n(&lane->stop, next, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->next, next, __ATOMIC_RELAXED);
}

/* Take `room` slots from `next` on, counted by `granted` or `spilled` before any is used. */
static void
grant(struct msg_lane *lane, uint64_t *counted, uint64_t room)
{
	__atomic_store_n(counted, *counted + room, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->stop, lane->next + room * lane->words, __ATOMIC_RELAXED);
}

static void
lane_put(struct msg_lane *lane, uint64_t w0, uint64_t w1, uint64_t w2)
{
	__atomic_store_n(&lane->next[1], w1, __ATOMIC_RELAXED);
	if (lane->words > 2) {
		__atomic_store_n(&lane->next[2], w2, __ATOMIC_RELAXED);
	}
	msg_slot_publish(lane->next, lane->flip, w0);
}

static void
lane_enter_chunk(struct msg_lane *lane)
{
	size_t size =
		sizeof(struct msg_chunk) + (size_t)MSG_CHUNK_ROOM * lane->words * sizeof(uint64_t);
	struct msg_chunk *chunk = msg_memory(size);

	lane_put(lane, MSG_JUMP, (uintptr_t)chunk, 0);
	if (!lane->in_chunk) {
		lane->ring_next = lane->next + lane->words;
		lane->ring_flip = lane->flip;
		__atomic_store_n(&lane->granted, lane->granted + 1, __ATOMIC_RELAXED);
	}
	next_set(lane, chunk->slots);
	lane->flip = MSG_PARITY;
	__atomic_store_n(&lane->in_chunk, true, __ATOMIC_RELAXED);
	grant(lane, &lane->spilled, MSG_CHUNK_ROOM - 1);
}

static void
lane_make_room(struct msg_lane *lane)
{
	/* Partner of the consumer's release: it has read what it gives back. */
	uint64_t used = lane->granted - __atomic_load_n(&lane->taken, __ATOMIC_ACQUIRE);
	uint64_t room;

	if (lane->in_chunk) {
		if (used > 0) {
			lane_enter_chunk(lane);
			return;
		}
		lane_put(lane, MSG_JUMP, 0, 0);
		next_set(lane, lane->ring_next);
		lane->flip = lane->ring_flip;
		__atomic_store_n(&lane->in_chunk, false, __ATOMIC_RELAXED);
	}
	if (lane->next == lane->end) {
		next_set(lane, lane->slots);
		lane->flip ^= MSG_PARITY;
	}
	/* One slot is always left for a JUMP. */
	if (used == MSG_LANE_ROOM - 1) {
		lane_enter_chunk(lane);
		return;
	}
	room = (uint64_t)(lane->end - lane->next) / lane->words;
	room = spdk_min(room, MSG_LANE_ROOM - 1 - used);
	grant(lane, &lane->granted, room);
}

static void
lane_push(struct msg_lane *lane, uint64_t w0, uint64_t w1, uint64_t w2)
{
	if (lane->next == lane->stop) {
		lane_make_room(lane);
	}
	lane_put(lane, w0, w1, w2);
	__atomic_store_n(&lane->next, lane->next + lane->words, __ATOMIC_RELAXED);
}

void
msg_queue_push_slow(struct msg_queue *q, struct msg_sender *sender, uint64_t w0, uint64_t w1,
                    uint64_t w2)
{
	struct msg_lane *lane;

	if (!sender->registered) {
		sender_register(sender);
	}
	lane = q->lanes[sender->index];
	if (sender->index == MSG_LANES) {
		msg_shared_push(q, sender->epoch, (uint64_t[MSG_WORDS_MAX]){ w0, w1, w2 });
	} else {
		if (lane == &g_no_lane) {
			lane = lane_create(q, sender->index);
		}
		if (lane->epoch != sender->epoch) {
			lane_push(lane, MSG_MARK, sender->epoch, 0);
			lane->epoch = sender->epoch;
		}
		lane_push(lane, w0, w1, w2);
	}
	if (msg_queue_is_armed(q)) {
		msg_queue_wake(q);
	}
}

/* --- the consumer's side of a lane ------------------------------------------------------------ */

/* Follow the JUMP that comes next. */
static void
lane_jump(struct msg_lane *lane)
{
	uint64_t to = __atomic_load_n(&lane->take[1], __ATOMIC_RELAXED);
	struct msg_chunk *from = lane->chunk;

	if (from == NULL) {
		msg_lane_step(lane, lane->words);
		msg_lane_taken(lane, 1);
		lane->ring_take = lane->take;
		lane->ring_take_flip = lane->take_flip;
	}
	lane->chunk = (struct msg_chunk *)(uintptr_t)to;
	lane->take = lane->chunk != NULL ? lane->chunk->slots : lane->ring_take;
	lane->take_flip = lane->chunk != NULL ? MSG_PARITY : lane->ring_take_flip;
	free(from);
}

bool
msg_lane_special(struct msg_queue *q, uint32_t index)
{
	struct msg_lane *lane = q->lanes[index];
	uint64_t word = msg_lane_peek(lane);

	assert(index < MSG_LANES); /* the one of those without room is always empty */
	if (word == MSG_JUMP) {
		lane_jump(lane);
		return true;
	}
	if (word != MSG_MARK) {
		thread_fatal(__func__, "a message or event was sent that has no function");
	}
	if (__atomic_load_n(&lane->take[1], __ATOMIC_RELAXED) > q->passed) {
		q->lanes_held |= 1ull << index;
		q->held = true;
		return false;
	}
	msg_lane_step(lane, lane->words);
	msg_lane_taken(lane, 1);
	return true;
}

/* --- the barrier: passing MARKs --------------------------------------------------------------- */

/* Slots up to where its sender may go before it looks here again. More it cannot have sent: it
 * counts them before it uses them. */
static uint64_t
lane_granted(const struct msg_lane *lane)
{
	return __atomic_load_n(&lane->granted, __ATOMIC_RELAXED) +
	       __atomic_load_n(&lane->spilled, __ATOMIC_RELAXED);
}

static uint64_t
lane_taken(const struct msg_lane *lane)
{
	return lane->taken + lane->spilled_taken;
}

/* Slots granted and not used; while its sender goes on elsewhere, anything. */
static uint64_t
lane_room(const struct msg_lane *lane)
{
	uintptr_t next = (uintptr_t)__atomic_load_n(&lane->next, __ATOMIC_RELAXED);
	uintptr_t stop = (uintptr_t)__atomic_load_n(&lane->stop, __ATOMIC_RELAXED);

	return (stop - next) / sizeof(uint64_t) / lane->words;
}

/* How many it will have taken once all that is in it now has been: what can be seen is counted.
 * What goes on elsewhere is a crowd, for which as much as its sender may have put there will do. */
static uint64_t
lane_end(const struct msg_lane *lane)
{
	uint64_t end = lane_taken(lane), flip = lane->take_flip, word;
	const uint64_t *at = lane->take;

	for (;;) {
		word = __atomic_load_n(&at[0], __ATOMIC_ACQUIRE) ^ flip;
		if (!msg_is_element(word)) {
			return end;
		}
		if (word == MSG_JUMP) {
			return lane_granted(lane);
		}
		end++;
		at += lane->words;
		if (at == lane->take_end) {
			at = lane->slots;
			flip ^= MSG_PARITY;
		}
	}
}

/* Note what has to be taken before the MARK of epoch `barrier` can be passed. The look at it was an
 * acquire: all that was sent before it was put is seen here. */
static void
barrier_begin(struct msg_queue *q, uint64_t barrier)
{
	struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	uint64_t left;

	q->barrier = barrier;
	q->waits = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE);
	for (left = q->waits; left != 0; left &= left - 1) {
		q->lanes[__builtin_ctzll(left)]->barrier_end =
			lane_end(q->lanes[__builtin_ctzll(left)]);
	}
	q->shared_waits = shared != NULL;
	if (shared != NULL) {
		msg_shared_barrier_begin(shared);
	}
}

/* Whether something still has to be taken. */
static bool
barrier_holds(struct msg_queue *q)
{
	const struct msg_lane *lane;
	uint64_t left;
	uint32_t i;

	q->waits &= ~q->lanes_held;
	for (left = q->waits; left != 0; left &= left - 1) {
		i = (uint32_t)__builtin_ctzll(left);
		lane = q->lanes[i];
		if (lane_taken(lane) >= lane->barrier_end || !msg_is_element(msg_lane_peek(lane))) {
			q->waits &= ~(1ull << i);
		}
	}
	q->shared_waits = q->shared_waits && !q->shared_held && msg_shared_barrier_holds(q->shared);
	return q->waits != 0 || q->shared_waits;
}

/* Pass the lowest MARK that a lane stands at if nothing that was sent before it can still wait. */
static bool
barrier_pass(struct msg_queue *q)
{
	uint64_t lowest = UINT64_MAX, left, epoch;
	uint32_t i, which = MSG_LANES;

	for (left = q->lanes_held; left != 0; left &= left - 1) {
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
		barrier_begin(q, lowest);
	}
	if (barrier_holds(q)) {
		return false;
	}
	q->passed = lowest;
	q->barrier = 0;
	if (which == MSG_LANES) {
		q->shared_held = false;
	} else {
		q->lanes_held &= ~(1ull << which);
	}
	q->held = q->lanes_held != 0 || q->shared_held;
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

static uint32_t
lanes_run(struct msg_queue *q, struct msg_limit *limit, msg_run_fn run, void *ctx)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE);
	uint32_t n = 0, i;

	if (limit->own != MSG_LANES && limit->end == NULL) {
		mask &= ~(1ull << limit->own);
	}
	for (; mask != 0 && limit->left > 0; mask &= mask - 1) {
		i = (uint32_t)__builtin_ctzll(mask);
		n += q->words == 2 ? msg_lane_run(q, i, limit, 2, run, ctx)
		                   : msg_lane_run(q, i, limit, MSG_WORDS_MAX, run, ctx);
	}
	return n;
}

static uint32_t
shared_run(struct msg_queue *q, struct msg_limit *limit, msg_run_fn run, void *ctx)
{
	struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	uint64_t elem[MSG_WORDS_MAX] = { 0 };
	uint32_t n = 0;

	if (shared == NULL) {
		return 0;
	}
	while (limit->left > 0 && msg_shared_pop(q, shared, elem)) {
		n++;
		limit->left--;
		if (!run(ctx, elem[0], elem[1], elem[2])) {
			limit->left = 0;
		}
	}
	return n;
}

uint32_t
msg_queue_run_slow(struct msg_queue *q, struct msg_limit *limit, msg_run_fn run, void *ctx)
{
	uint32_t n = shared_run(q, limit, run, ctx);

	while (q->held && barrier_pass(q)) {
		n += lanes_run(q, limit, run, ctx);
		n += shared_run(q, limit, run, ctx);
	}
	return n;
}

static bool
count_element(void *ctx, uint64_t w0, uint64_t w1, uint64_t w2)
{
	(*(uint32_t *)ctx)++;
	return true;
}

uint32_t
msg_queue_drop(struct msg_queue *q)
{
	struct msg_limit all = { UINT32_MAX, MSG_LANES, NULL };
	uint32_t left = 0;

	lanes_run(q, &all, count_element, &left);
	msg_queue_run_slow(q, &all, count_element, &left);
	return left;
}

uint32_t
msg_queue_fini(struct msg_queue *q)
{
	uint32_t left, i;

	q->passed = UINT64_MAX;
	q->lanes_held = 0;
	q->shared_held = q->held = false;
	left = msg_queue_drop(q);
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

uint64_t
msg_queue_depth(const struct msg_queue *q)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE), sum = 0, waits;
	const struct msg_shared *shared = __atomic_load_n(&q->shared, __ATOMIC_ACQUIRE);
	const struct msg_lane *lane;

	for (; mask != 0; mask &= mask - 1) {
		lane = q->lanes[__builtin_ctzll(mask)];
		waits = lane_granted(lane) - lane_taken(lane);
		sum += waits - spdk_min(waits, lane_room(lane));
	}
	return sum + (shared != NULL ? msg_shared_depth(shared) : 0);
}

uint64_t
msg_queue_spilled(const struct msg_queue *q)
{
	uint64_t mask = __atomic_load_n(&q->lanes_mask, __ATOMIC_ACQUIRE), sum = 0, spilled;
	const struct msg_lane *lane;

	for (; mask != 0; mask &= mask - 1) {
		lane = q->lanes[__builtin_ctzll(mask)];
		spilled = __atomic_load_n(&lane->spilled, __ATOMIC_RELAXED);
		if (__atomic_load_n(&lane->in_chunk, __ATOMIC_RELAXED)) {
			spilled -= spdk_min(spilled, lane_room(lane));
		}
		sum += spilled;
	}
	return sum;
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
