/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Chains say the same as one piece does, and the pool's chunks come back from wherever they went.
 */

#include <pthread.h>
#include <sched.h>

#include "ipc/codec/codec.h"
#include "tests/unit/chain.h"
#include "tests/unit/seed.h"
#include "tests/unit/test.h"

/* --- the same in chains as in one piece ------------------------------------------------------- */

struct both {
	struct codec_buf flat;
	struct codec_buf chain;
};

static char g_text[3 * CODEC_CHUNK_SIZE];

/* One random value in both. */
static void
write_value(struct both *b, unsigned depth)
{
	uint64_t number = spdk_rand_xorshift64(&g_seed) >> pick(64);
	uintptr_t places[2];
	uint32_t count, i;
	size_t len;

	switch (pick(depth < 5 ? 7 : 5)) {
	case 0:
		codec_put_nil(&b->flat);
		codec_put_nil(&b->chain);
		return;
	case 1:
		codec_put_uint(&b->flat, number);
		codec_put_uint(&b->chain, number);
		return;
	case 2:
		codec_put_int(&b->flat, -(int64_t)(number >> 1));
		codec_put_int(&b->chain, -(int64_t)(number >> 1));
		return;
	case 3:
		len = pick(400);
		codec_put_str(&b->flat, g_text, len);
		codec_put_str(&b->chain, g_text, len);
		return;
	case 4:
		len = pick(50) != 0 ? 10 : pick(sizeof(g_text));
		codec_put_str(&b->flat, g_text, len);
		codec_put_str(&b->chain, g_text, len);
		return;
	default:
		count = pick(8);
		places[0] = codec_begin_array(&b->flat);
		places[1] = codec_begin_array(&b->chain);
		for (i = 0; i < count; i++) {
			write_value(b, depth + 1);
		}
		codec_end(&b->flat, places[0], count);
		codec_end(&b->chain, places[1], count);
	}
}

/* Flattens the chain, which has a chunk for every CODEC_CHUNK_SIZE bytes or so. */
static void
check_same(struct both *b)
{
	struct codec_chain chain;
	size_t len, size = codec_buf_size(&b->chain);
	uint8_t *bytes;

	REQUIRE(codec_buf_take_chain(&b->chain, &chain) == 0);
	CHECK(chain.num_chunks <= size / (CODEC_CHUNK_SIZE - 16) + 1);
	bytes = chain_flatten(&chain, &len);
	CHECK_EQ(len, size);
	CHECK_EQ(len, b->flat.len);
	CHECK(len == b->flat.len && memcmp(bytes, b->flat.data, len) == 0);
	CHECK_EQ(codec_buf_size(&b->chain), 0);
	free(bytes);
	codec_buf_free(&b->flat);
}

static void
same_bytes(void)
{
	unsigned round;
	uintptr_t places[2];
	struct both b;
	uint32_t n;

	for (n = 0; n < sizeof(g_text); n++) {
		g_text[n] = (char)('a' + n % 26);
	}
	seed_begin("same_bytes");
	for (round = 0; round < 300; round++) {
		uint32_t count = pick(400);

		codec_buf_init(&b.flat);
		codec_buf_init_chain(&b.chain);
		places[0] = codec_begin_map(&b.flat);
		places[1] = codec_begin_map(&b.chain);
		for (n = 0; n < count; n++) {
			write_value(&b, 0);
		}
		codec_end(&b.flat, places[0], count);
		codec_end(&b.chain, places[1], count);
		check_same(&b);
	}
}

/* Everything whose head has several bytes, at each distance from the end of a chunk. */
static void
borders(void)
{
	uintptr_t places[2];
	struct both b;
	unsigned gap;

	for (gap = 0; gap < 16; gap++) {
		codec_buf_init(&b.flat);
		codec_buf_init_chain(&b.chain);
		codec_put_raw(&b.flat, g_text, CODEC_CHUNK_SIZE - gap);
		codec_put_raw(&b.chain, g_text, CODEC_CHUNK_SIZE - gap);
		places[0] = codec_begin_array(&b.flat);
		places[1] = codec_begin_array(&b.chain);
		codec_put_uint(&b.flat, UINT64_MAX);
		codec_put_uint(&b.chain, UINT64_MAX);
		codec_put_str(&b.flat, g_text, 40);
		codec_put_str(&b.chain, g_text, 40);
		codec_end(&b.flat, places[0], 0x01020304);
		codec_end(&b.chain, places[1], 0x01020304);
		check_same(&b);
	}
}

static void
cut(void)
{
	unsigned round, i;
	struct both b;
	size_t size;

	seed_begin("cut");
	for (round = 0; round < 300; round++) {
		codec_buf_init(&b.flat);
		codec_buf_init_chain(&b.chain);
		codec_put_str(&b.flat, g_text, 20);
		codec_put_str(&b.chain, g_text, 20);
		for (i = 0; i < 300; i++) {
			write_value(&b, 0);
			if (pick(32) == 0) {
				size = 1 + pick((uint32_t)b.flat.len);
				/* Borders are where it could go wrong. */
				size = pick(2) && b.chain.before > 0 ? b.chain.before : size;
				codec_buf_cut(&b.flat, size);
				codec_buf_cut(&b.chain, size);
				REQUIRE(codec_buf_size(&b.chain) == b.flat.len);
			}
		}
		check_same(&b);
	}
}

/* --- the pool --------------------------------------------------------------------------------- */

static void *
give_back(void *arg)
{
	codec_chain_free(arg);
	return NULL;
}

static void *
grow(void *arg)
{
	CHECK_EQ(codec_pool_grow(3), 0);
	return NULL;
}

static struct codec_chain
take(unsigned n)
{
	struct codec_chain chain;
	struct codec_buf buf;

	codec_buf_init_chain(&buf);
	while (n-- > 0) {
		codec_put_raw(&buf, g_text, CODEC_CHUNK_SIZE);
	}
	REQUIRE(codec_buf_take_chain(&buf, &chain) == 0);
	return chain;
}

static void
pool(void)
{
	struct codec_chain a, b;
	struct codec_chunk *chunk;
	pthread_t other;

	/* Whoever does not own it does not touch it. */
	CHECK_EQ(codec_pool_grow(8), 0);
	CHECK_EQ(codec_pool_size(), 8);
	a = take(2);
	CHECK(!a.pooled && codec_pool_available() == 8);
	codec_chain_free(&a);

	codec_pool_own(true);
	a = take(5);
	CHECK(a.pooled && a.num_chunks == 5);
	CHECK_EQ(codec_pool_available(), 3);
	b = take(5); /* three of the pool's, two of the heap's */
	CHECK(!b.pooled);
	CHECK_EQ(codec_pool_available(), 0);
	codec_chain_free(&b);
	CHECK_EQ(codec_pool_available(), 3);
	CHECK(b.first == NULL && b.num_chunks == 0);

	/* From elsewhere they come back, and more come. */
	REQUIRE(pthread_create(&other, NULL, give_back, &a) == 0);
	pthread_join(other, NULL);
	REQUIRE(pthread_create(&other, NULL, grow, NULL) == 0);
	pthread_join(other, NULL);
	CHECK_EQ(codec_pool_available(), 11);
	CHECK_EQ(codec_pool_size(), 11);
	a = take(11);
	CHECK(a.pooled && codec_pool_available() == 0);
	codec_chain_free(&a);
	CHECK_EQ(codec_pool_available(), 11);

	/* One that was malloc()ed for its size goes back to the heap. */
	chunk = codec_chunk_alloc(100);
	CHECK(chunk != NULL && chunk->room == 100 && !chunk->pooled);
	codec_chunk_put(chunk);
	CHECK_EQ(codec_pool_available(), 11);
	codec_pool_own(false);
}

struct churn {
	struct codec_chain chains[64];
	unsigned given, taken; /* chains that were handed over, and freed: atomic */
};

static void *
churn_free(void *arg)
{
	struct churn *c = arg;
	unsigned n;

	for (n = 0; n < 20000; n++) {
		while (__atomic_load_n(&c->given, __ATOMIC_ACQUIRE) == n) {
			sched_yield();
		}
		codec_chain_free(&c->chains[n % 64]);
		__atomic_store_n(&c->taken, n + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* The owner writes, another thread lets go. */
static void
two_threads(void)
{
	static struct churn c;
	unsigned n, available;
	pthread_t other;

	codec_pool_own(true);
	available = codec_pool_available();
	REQUIRE(pthread_create(&other, NULL, churn_free, &c) == 0);
	for (n = 0; n < 20000; n++) {
		while (n - __atomic_load_n(&c.taken, __ATOMIC_ACQUIRE) == 64) {
			sched_yield();
		}
		c.chains[n % 64] = take(1 + n % 3);
		__atomic_store_n(&c.given, n + 1, __ATOMIC_RELEASE);
	}
	pthread_join(other, NULL);
	CHECK_EQ(codec_pool_available(), available);
	codec_pool_own(false);
}

static const struct test_case cases[] = {
	TEST(same_bytes), TEST(borders), TEST(cut), TEST(pool), TEST(two_threads),
};
TEST_MAIN("codec/chunk", cases)
