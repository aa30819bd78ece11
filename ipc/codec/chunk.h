/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Long messages as chains of chunks of one size, from a pool whose memory is there and has been
 * touched: growing a message copies nothing and meets no page fault, letting go of it gives nothing
 * back to the kernel. A chunk goes into one slot of a response ring. It is half as large as a slot:
 * what copies it there has the reader's cache against it, and 16 KiB took up to 12 µs, 8 KiB 5.
 *
 * The pool's list belongs to one OS thread, the owner, and needs no lock. Others get chunks from
 * malloc(), and what they give back comes to the owner by an atomic list. */

#ifndef CAL_IPC_CODEC_CHUNK_H
#define CAL_IPC_CODEC_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODEC_CHUNK_SIZE 8192u

struct codec_chunk {
	struct codec_chunk *next;
	uint32_t len;  /* bytes in it, at least 1 in a message */
	uint32_t room; /* bytes there are for */
	bool more;     /* the message goes on in the next one */
	bool pooled;   /* it is the pool's, and not from malloc() */
	uint8_t data[] __attribute__((aligned(64)));
};

/* One message, or several one after another. */
struct codec_chain {
	struct codec_chunk *first; /* NULL: nothing */
	struct codec_chunk *last;
	uint32_t num_chunks;
	bool pooled; /* all of them are the pool's */
};

/** A chunk of CODEC_CHUNK_SIZE with len 0: the pool's, if the caller owns it and it has one, or
 * from malloc(). NULL when there is no memory. Any thread. */
struct codec_chunk *codec_chunk_get(void);
/** A chunk of exactly `room` bytes from malloc(); NULL when there is no memory. Any thread. */
struct codec_chunk *codec_chunk_alloc(uint32_t room);
/** The memory that a chunk for `room` bytes takes, its head too. */
static inline size_t
codec_chunk_memory(uint32_t room)
{
	return (sizeof(struct codec_chunk) + room + 63) & ~(size_t)63;
}
/** Any thread. */
void codec_chunk_put(struct codec_chunk *chunk);
/** Give back a whole chain, in one step if the caller owns the pool; it is empty afterwards. */
void codec_chain_free(struct codec_chain *chain);

/** Add `num` chunks to the pool, touched. Any thread, but not a reactor: it maps memory. They are
 *  the process's for good. Returns 0 or -ENOMEM. */
int codec_pool_grow(unsigned num);
/** Make the calling OS thread the owner, or nobody. At most one at a time. */
void codec_pool_own(bool own);
/** Owner: how many chunks can be had now. */
unsigned codec_pool_available(void);
/** How many chunks the pool has, also those that are in use. Any thread. */
unsigned codec_pool_size(void);

#endif
