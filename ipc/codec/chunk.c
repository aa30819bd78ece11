/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ipc/codec/chunk.h"

/* A free chunk is nobody's: under AddressSanitizer touching one is an error. */
#ifdef CAL_ASAN
#include <sanitizer/asan_interface.h>
#define HIDE(chunk) ASAN_POISON_MEMORY_REGION((chunk)->data, CODEC_CHUNK_SIZE)
#define SHOW(chunk) ASAN_UNPOISON_MEMORY_REGION((chunk)->data, CODEC_CHUNK_SIZE)
#else
#define HIDE(chunk) ((void)(chunk))
#define SHOW(chunk) ((void)(chunk))
#endif

#define CHUNK_BYTES codec_chunk_memory(CODEC_CHUNK_SIZE)

static struct {
	/* The owner's. The last one that came is the first to go: it is still in the cache. */
	struct codec_chunk *free;
	int num_free; /* may lag behind by what is being returned */
	/* From everybody else to the owner, who takes all of it at once: so there is no ABA. */
	struct codec_chunk *returned;
	int num_returned;
	unsigned size;
} g_pool;

static __thread bool t_owner;

void
codec_pool_own(bool own)
{
	t_owner = own;
}

/* A list whose ends are known becomes the beginning of the returned ones. */
static void
return_list(struct codec_chunk *first, struct codec_chunk *last, int num)
{
	struct codec_chunk *old = __atomic_load_n(&g_pool.returned, __ATOMIC_RELAXED);

	/* Release: what the giver did with the chunks is before what the owner does; partner: the
	 * exchange in take_returned(). */
	do {
		last->next = old;
	} while (!__atomic_compare_exchange_n(&g_pool.returned, &old, first, true, __ATOMIC_RELEASE,
	                                      __ATOMIC_RELAXED));
	__atomic_add_fetch(&g_pool.num_returned, num, __ATOMIC_RELAXED);
}

unsigned
codec_pool_available(void)
{
	int num = g_pool.num_free + __atomic_load_n(&g_pool.num_returned, __ATOMIC_RELAXED);

	return num > 0 ? (unsigned)num : 0;
}

unsigned
codec_pool_size(void)
{
	return __atomic_load_n(&g_pool.size, __ATOMIC_RELAXED);
}

struct codec_chunk *
codec_chunk_alloc(uint32_t room)
{
	struct codec_chunk *chunk = aligned_alloc(64, codec_chunk_memory(room));

	if (chunk != NULL) {
		chunk->next = NULL;
		chunk->len = 0;
		chunk->room = room;
		chunk->more = false;
		chunk->pooled = false;
	}
	return chunk;
}

struct codec_chunk *
codec_chunk_get(void)
{
	struct codec_chunk *chunk;

	if (!t_owner) {
		return codec_chunk_alloc(CODEC_CHUNK_SIZE);
	}
	if (g_pool.free == NULL) {
		if (__atomic_load_n(&g_pool.returned, __ATOMIC_RELAXED) == NULL) {
			return codec_chunk_alloc(CODEC_CHUNK_SIZE);
		}
		/* Not walked: there may be thousands. */
		g_pool.free = __atomic_exchange_n(&g_pool.returned, NULL, __ATOMIC_ACQUIRE);
		g_pool.num_free += __atomic_exchange_n(&g_pool.num_returned, 0, __ATOMIC_RELAXED);
	}
	chunk = g_pool.free;
	g_pool.free = chunk->next;
	g_pool.num_free--;
	SHOW(chunk);
	chunk->next = NULL;
	chunk->len = 0;
	chunk->more = false;
	return chunk;
}

void
codec_chunk_put(struct codec_chunk *chunk)
{
	if (!chunk->pooled) {
		free(chunk);
		return;
	}
	HIDE(chunk);
	if (t_owner) {
		chunk->next = g_pool.free;
		g_pool.free = chunk;
		g_pool.num_free++;
	} else {
		return_list(chunk, chunk, 1);
	}
}

void
codec_chain_free(struct codec_chain *chain)
{
	struct codec_chunk *chunk = chain->first, *next;

#ifndef CAL_ASAN
	if (chunk != NULL && chain->pooled && t_owner) {
		chain->last->next = g_pool.free;
		g_pool.free = chunk;
		g_pool.num_free += (int)chain->num_chunks;
		chunk = NULL;
	}
#endif
	for (; chunk != NULL; chunk = next) {
		next = chunk->next;
		codec_chunk_put(chunk);
	}
	*chain = (struct codec_chain){ .pooled = true };
}

int
codec_pool_grow(unsigned num)
{
	uint8_t *memory;
	struct codec_chunk *chunk, *first = NULL, *last = NULL;
	unsigned i;

	if (num == 0) {
		return 0;
	}
	memory = mmap(NULL, num * CHUNK_BYTES, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED) {
		return -ENOMEM;
	}
	for (i = 0; i < num; i++) {
		chunk = (struct codec_chunk *)(memory + i * CHUNK_BYTES);
		chunk->room = CODEC_CHUNK_SIZE;
		chunk->pooled = true;
		chunk->next = first;
		HIDE(chunk);
		last = last != NULL ? last : chunk;
		first = chunk;
	}
	__atomic_add_fetch(&g_pool.size, num, __ATOMIC_RELAXED);
	return_list(first, last, (int)num);
	return 0;
}
