/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Threads on which somebody waits for a buffer, in the order in which they came, and how a buffer
 * that is put on one thread finds its way to another: in a message, so that nobody can take it on
 * the way. A queue stands in the list while more wait in it than are on their way to it; a thread
 * that was sent one goes to the end of the list.
 *
 * Nobody waits beside a full ring, because
 *   who waits   adds his queue to the list (`waiting` > 0), fence, looks into the ring once more;
 *   who puts    puts into the ring, fence, looks at `waiting` and, if it is not 0, takes one back
 * and one of the two sees what the other did.
 *
 * As long as `depth` or `incoming` is not 0 the queue holds a reference to its thread's channel;
 * both become 0 on that thread only. The lock is held for a few instructions, by those who wait and
 * those who serve them. */

#include "core/thread/iobuf.h"

#include "spdk/log.h"

static struct lobby {
	pthread_spinlock_t lock;
	TAILQ_HEAD(, iobuf_queue) queues;
	uint32_t waiting; /* queues in the list; written under the lock */
} g_lobbies[IOBUF_SIZES];

/* What stands in a buffer that is on its way. */
struct parcel {
	struct iobuf_queue *to;
	uint64_t thread_id; /* a thread that ended by force may have a successor in its memory */
	enum iobuf_size size;
};

void
iobuf_lobby_open(void)
{
	int size;

	for (size = 0; size < IOBUF_SIZES; size++) {
		pthread_spin_init(&g_lobbies[size].lock, PTHREAD_PROCESS_PRIVATE);
		TAILQ_INIT(&g_lobbies[size].queues);
		g_lobbies[size].waiting = 0;
	}
}

void
iobuf_lobby_close(void)
{
	int size;

	for (size = 0; size < IOBUF_SIZES; size++) {
		pthread_spin_destroy(&g_lobbies[size].lock);
	}
}

bool
iobuf_lobby_is_empty(enum iobuf_size size)
{
	return __atomic_load_n(&g_lobbies[size].waiting, __ATOMIC_RELAXED) == 0;
}

/* --- the list: the lock is held --------------------------------------------------------------- */

static void
list_add(struct lobby *lobby, struct iobuf_queue *q)
{
	q->linked = true;
	TAILQ_INSERT_TAIL(&lobby->queues, q, link);
	/* Before the fence of who waits; read after that of who puts. */
	__atomic_store_n(&lobby->waiting, lobby->waiting + 1, __ATOMIC_RELAXED);
}

static void
list_remove(struct lobby *lobby, struct iobuf_queue *q)
{
	q->linked = false;
	TAILQ_REMOVE(&lobby->queues, q, link);
	__atomic_store_n(&lobby->waiting, lobby->waiting - 1, __ATOMIC_RELAXED);
}

/* Returns whether the queue was added. */
static bool
list_settle(struct lobby *lobby, struct iobuf_queue *q)
{
	bool wanted = q->depth > q->incoming && !q->lost;

	if (wanted == q->linked) {
		return false;
	}
	if (wanted) {
		list_add(lobby, q);
	} else {
		list_remove(lobby, q);
	}
	return wanted;
}

/* --- who waits -------------------------------------------------------------------------------- */

bool
iobuf_lobby_enter(struct iobuf_queue *q)
{
	struct lobby *lobby = &g_lobbies[q->size];
	bool added;

	if (!q->referenced) {
		q->referenced = true;
		spdk_io_channel_ref(q->parent);
	}
	pthread_spin_lock(&lobby->lock);
	q->depth++;
	added = list_settle(lobby, q);
	pthread_spin_unlock(&lobby->lock);
	if (added) {
		/* Pairs with the one in iobuf_pool_give(). */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return added;
}

static void
queue_change(struct iobuf_queue *q, uint32_t entries, uint32_t arrivals)
{
	struct lobby *lobby = &g_lobbies[q->size];
	struct spdk_iobuf_buffer *buf;
	bool added, unused;

	pthread_spin_lock(&lobby->lock);
	q->depth -= entries;
	q->incoming -= arrivals;
	added = list_settle(lobby, q);
	unused = q->depth == 0 && q->incoming == 0;
	pthread_spin_unlock(&lobby->lock);
	if (added) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		buf = iobuf_pool_take_any(q->size);
		if (buf != NULL) {
			iobuf_pool_give(buf, q->size);
		}
	}
	if (unused && q->referenced) {
		q->referenced = false;
		spdk_put_io_channel(q->parent);
	}
}

void
iobuf_lobby_leave(struct iobuf_queue *q)
{
	queue_change(q, 1, 0);
}

void
iobuf_lobby_forget(struct iobuf_queue *q)
{
	struct lobby *lobby = &g_lobbies[q->size];

	pthread_spin_lock(&lobby->lock);
	q->lost = true;
	list_settle(lobby, q);
	pthread_spin_unlock(&lobby->lock);
}

/* A message: a buffer that somebody here waited for when it was sent. */
static void
parcel_arrive(void *arg)
{
	struct parcel *parcel = arg;
	struct iobuf_queue *q = parcel->to;

	if (spdk_unlikely(parcel->thread_id != spdk_thread_get_id(spdk_get_thread()))) {
		iobuf_pool_give(arg, parcel->size);
		return;
	}
	iobuf_queue_serve(q, arg);
	queue_change(q, 0, 1);
}

/* --- the rings -------------------------------------------------------------------------------- */

struct spdk_iobuf_buffer *
iobuf_pool_take(int node, enum iobuf_size size)
{
	void *buf;

	return spdk_ring_dequeue(g_iobuf.pools[node][size].ring, &buf, 1) == 1 ? buf : NULL;
}

struct spdk_iobuf_buffer *
iobuf_pool_take_any(enum iobuf_size size)
{
	struct spdk_iobuf_buffer *buf = NULL;
	int node;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES && buf == NULL; node++) {
		if (iobuf_node_exists(node)) {
			buf = iobuf_pool_take(node, size);
		}
	}
	return buf;
}

static void
ring_put(struct spdk_iobuf_buffer *buf, enum iobuf_size size)
{
	struct spdk_ring *ring = g_iobuf.pools[iobuf_node_of(buf, size)][size].ring;
	void *obj = buf;

	/* It has room for every buffer that there is. */
	spdk_ring_enqueue(ring, &obj, 1, NULL);
}

/* Address a parcel to a queue that is to have one, and is in the list no more or at its end.
 * Returns its thread, which may exit by force from here on; NULL for none. */
static struct spdk_thread *
parcel_address(struct parcel *parcel, enum iobuf_size size)
{
	struct lobby *lobby = &g_lobbies[size];
	struct spdk_thread *thread = NULL;
	struct iobuf_queue *q;

	pthread_spin_lock(&lobby->lock);
	q = TAILQ_FIRST(&lobby->queues);
	if (q != NULL) {
		thread = spdk_io_channel_get_thread(q->parent);
		*parcel = (struct parcel){ q, spdk_thread_get_id(thread), size };
		q->incoming++;
		list_remove(lobby, q);
		list_settle(lobby, q);
	}
	pthread_spin_unlock(&lobby->lock);
	return thread;
}

void
iobuf_pool_give(struct spdk_iobuf_buffer *buf, enum iobuf_size size)
{
	struct spdk_thread *thread;

	for (;;) {
		thread = iobuf_lobby_is_empty(size) ? NULL : parcel_address((void *)buf, size);
		if (thread != NULL) {
			if (spdk_thread_send_msg(thread, parcel_arrive, buf) == 0) {
				return;
			}
			continue;
		}
		ring_put(buf, size);
		/* Pairs with the one in iobuf_lobby_enter(). */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (iobuf_lobby_is_empty(size)) {
			return;
		}
		buf = iobuf_pool_take_any(size);
		if (buf == NULL) {
			return;
		}
	}
}
