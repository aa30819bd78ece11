/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the files of the buffer pools share.
 *
 *   iobuf_pools.c    options, pools, modules, start and end
 *   iobuf_channel.c  channels, and what a thread has
 *   iobuf.c          get and put, a thread's line of those who wait
 *   iobuf_lobby.c    threads on which somebody waits, and buffers that travel between threads
 *   iobuf_stats.c    the sums
 *
 * A buffer is in one place: with its user, in a channel's cache, in the ring, or in a message to a
 * thread on which somebody waits. Somebody waits only while the ring is empty, or about to be found
 * so: see iobuf_lobby.c. */

#ifndef CAL_CORE_THREAD_IOBUF_H
#define CAL_CORE_THREAD_IOBUF_H

#include "core/thread/thread_internal.h"
#include "spdk/likely.h"
#include "spdk/queue.h"

#define IOBUF_ALIGN 4096

enum iobuf_size { IOBUF_SMALL, IOBUF_LARGE, IOBUF_SIZES };

/* Made by spdk_iobuf_initialize(), unchanged until the end. */
struct iobuf_pool {
	uintptr_t base; /* of its memory; 0: there is none on this node */
	size_t length;
	struct spdk_ring *ring;
	uint64_t count;
};

struct iobuf_module {
	STAILQ_ENTRY(iobuf_module) link;
	uint32_t channels;
	/* Of channels that have ended. */
	int64_t held[IOBUF_SIZES]; /* taken less put; others may have put what it took */
	struct spdk_iobuf_module_stats past;
	char name[];
};

/* A thread's line of requests that wait for a buffer of one size. */
struct iobuf_queue {
	spdk_iobuf_entry_stailq_t entries;
	enum iobuf_size size;
	struct spdk_io_channel *parent; /* the thread's channel that this is part of */
	/* While a callback brings somebody his buffer: what he asks for goes behind `after` (NULL:
	 * to the head), what he puts goes to `returned` until he is done. */
	bool serving;
	struct spdk_iobuf_entry *after;
	spdk_iobuf_buffer_stailq_t returned;
	bool referenced; /* the parent, because others may send to us */
	/* Under the lobby's lock. In its list while depth > incoming. */
	TAILQ_ENTRY(iobuf_queue) link;
	uint32_t depth;    /* entries */
	uint32_t incoming; /* buffers on their way here */
	bool linked;
	bool lost; /* its thread has exited: nobody is to send here any more */
};

/* Context of a thread's channel of the io_device `g_iobuf`. */
struct iobuf_thread {
	struct iobuf_queue queues[IOBUF_SIZES];
	TAILQ_HEAD(, iobuf_user) users;
};

/* Behind spdk_iobuf_channel.module: what a channel has beyond the public structure. */
struct iobuf_user {
	int64_t held[IOBUF_SIZES];
	struct iobuf_module *module;
	struct spdk_iobuf_channel *ch;
	TAILQ_ENTRY(iobuf_user) link;
};

struct iobuf {
	struct iobuf_pool pools[SPDK_CONFIG_MAX_NUMA_NODES][IOBUF_SIZES];
	struct spdk_iobuf_opts opts; /* of the pools that exist */
	bool initialized;
	bool finishing; /* no new channels */
	/* Guards the lists of modules and all of each. */
	pthread_mutex_t lock;
	STAILQ_HEAD(, iobuf_module) modules;
	STAILQ_HEAD(, iobuf_module) gone; /* unregistered since the pools exist */
};
extern struct iobuf g_iobuf;

/* --- iobuf_pools.c ---------------------------------------------------------------------------- */

/** Under g_iobuf.lock. NULL when there is none of that name. */
struct iobuf_module *iobuf_module_find(const char *name);

/** The node whose pool of that size `buf` is of, -1 for none. */
static inline int
iobuf_node_of(const void *buf, enum iobuf_size size)
{
	int node;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		const struct iobuf_pool *pool = &g_iobuf.pools[node][size];

		if (spdk_likely((uintptr_t)buf - pool->base < pool->length)) {
			return node;
		}
	}
	return -1;
}

static inline bool
iobuf_node_exists(int node)
{
	return g_iobuf.pools[node][IOBUF_SMALL].base != 0;
}

/* --- iobuf_channel.c -------------------------------------------------------------------------- */

int iobuf_thread_create(void *io_device, void *ctx);
void iobuf_thread_destroy(void *io_device, void *ctx);
/** The thread has exited with its channel left: requests that wait are not answered. Any thread. */
void iobuf_thread_lost(void *ctx);

/** spdk_iobuf_channel_init() that leaves the log alone when buffers are short. */
int iobuf_channel_try_init(struct spdk_iobuf_channel *ch, const char *name,
                           uint32_t small_cache_size, uint32_t large_cache_size);

static inline struct iobuf_user *
iobuf_user_of(const void *module)
{
	/* The public structure calls it constant, so that nobody else touches it. */
	return (struct iobuf_user *)(uintptr_t)module;
}

static inline struct iobuf_queue *
iobuf_queue_of(const struct spdk_iobuf_pool_cache *cache)
{
	return SPDK_CONTAINEROF(cache->queue, struct iobuf_queue, entries);
}

static inline void
iobuf_channel_check(const struct spdk_iobuf_channel *ch, const char *func)
{
	thread_check(func, "iobuf channel of", iobuf_user_of(ch->module)->module->name, ch,
	             spdk_io_channel_get_thread(ch->parent));
}

static inline struct spdk_iobuf_pool_cache *
iobuf_cache_of(struct spdk_iobuf_channel *ch, int node, enum iobuf_size size)
{
	return size == IOBUF_SMALL ? &ch->cache[node].small : &ch->cache[node].large;
}

static inline void
iobuf_cache_push(struct spdk_iobuf_pool_cache *cache, struct spdk_iobuf_buffer *buf)
{
	STAILQ_INSERT_HEAD(&cache->cache, buf, stailq);
	cache->cache_count++;
}

/* --- iobuf.c: on the queue's thread ----------------------------------------------------------- */

/** Bring `buf` to the first who waits in the queue, and what comes back meanwhile to the next; what
 *  nobody wants goes to other threads or the pool. */
void iobuf_queue_serve(struct iobuf_queue *q, struct spdk_iobuf_buffer *buf);
/** The same for a buffer that no cache keeps, wherever it was put. */
void iobuf_queue_release(struct iobuf_queue *q, struct spdk_iobuf_buffer *buf);
/** Let a request wait no longer. Returns whether it was there. */
bool iobuf_queue_remove(struct iobuf_queue *q, struct spdk_iobuf_entry *entry);

/* --- iobuf_lobby.c: on the queue's thread unless it says otherwise ---------------------------- */

void iobuf_lobby_open(void);
void iobuf_lobby_close(void);

/** One more waits in the queue. True: from now on others send here, so the ring must be looked at
 *  once more. */
bool iobuf_lobby_enter(struct iobuf_queue *q);
/** One less: served, or aborted. */
void iobuf_lobby_leave(struct iobuf_queue *q);
/** Its thread has exited: it is in nobody's way any more. Any thread. */
void iobuf_lobby_forget(struct iobuf_queue *q);
/** Whether somebody waits on any thread. Any thread; a hint. */
bool iobuf_lobby_is_empty(enum iobuf_size size);

/** Take one from the ring of a node, or NULL. Any thread. */
struct spdk_iobuf_buffer *iobuf_pool_take(int node, enum iobuf_size size);
/** Take one from any node's ring, or NULL. Any thread. */
struct spdk_iobuf_buffer *iobuf_pool_take_any(enum iobuf_size size);
/** Send it to a thread where somebody waits, or put it into its ring. Any thread. */
void iobuf_pool_give(struct spdk_iobuf_buffer *buf, enum iobuf_size size);

#endif
