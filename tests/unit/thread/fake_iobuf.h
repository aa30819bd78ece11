/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For the tests of the buffer pools: memory from the C library, an environment of a size that the
 * test chooses, a log that can be read. Rings are the real ones, which need no EAL. */

#ifndef CAL_TESTS_UNIT_THREAD_FAKE_IOBUF_H
#define CAL_TESTS_UNIT_THREAD_FAKE_IOBUF_H

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "calandria/stats.h"
#include "core/thread/iobuf.h"
#include "spdk/log.h"

#define SMALL 4096
#define LARGE 8192
/* As few as may be. */
#define SMALL_COUNT 64
#define LARGE_COUNT 8

/* --- memory ----------------------------------------------------------------------------------- */

static uint64_t g_heap_limit; /* bytes of the largest allocation; 0: any */
static int g_heap_used;       /* allocations not yet given back */
static int g_heap_node;       /* of the last one */

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	if (g_heap_limit != 0 && size > g_heap_limit) {
		return NULL;
	}
	g_heap_used++;
	g_heap_node = numa_id;
	align = align < sizeof(void *) ? sizeof(void *) : align;
	return aligned_alloc(align, (size + align - 1) / align * align);
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	void *buf = spdk_malloc(size, align, unused, numa_id, flags);

	return buf != NULL ? memset(buf, 0, size) : NULL;
}

void
spdk_free(void *buf)
{
	g_heap_used -= buf != NULL;
	free(buf);
}

/* --- the log ---------------------------------------------------------------------------------- */

static char g_said[8192];

static inline void
said(int level, const char *file, const int line, const char *func, const char *format,
     va_list args)
{
	size_t len = strlen(g_said);

	vsnprintf(g_said + len, sizeof(g_said) - len, format, args);
}

/* Whether the log has both since the last call. */
static inline bool
said_both(const char *what, const char *name)
{
	bool good = strstr(g_said, what) != NULL && strstr(g_said, name) != NULL;

	if (!good) {
		fprintf(stderr, "wanted \"%s\" and \"%s\", it said: %s\n", what, name, g_said);
	}
	g_said[0] = '\0';
	return good;
}

/* --- pools ------------------------------------------------------------------------------------ */

#define NUM_THREADS 3
static struct spdk_thread *g_threads[NUM_THREADS];
static int g_finished;

static inline void
on(int thread)
{
	spdk_set_thread(g_threads[thread]);
}

static inline void
poll_all(void)
{
	struct spdk_thread *before = spdk_get_thread();

	fake_poll_all(g_threads, NUM_THREADS);
	spdk_set_thread(before);
}

static inline struct spdk_iobuf_opts
opts_of(uint64_t small_count, uint64_t large_count, uint32_t small, uint32_t large)
{
	struct spdk_iobuf_opts opts = {
		.small_pool_count = small_count,
		.large_pool_count = large_count,
		.small_bufsize = small,
		.large_bufsize = large,
		.opts_size = sizeof(opts),
	};

	return opts;
}

static inline void
threads_up(void)
{
	static const char *const names[NUM_THREADS] = { "app", "one", "two" };
	int i;

	spdk_log_open(said);
	g_said[0] = '\0';
	spdk_thread_lib_init(NULL, 0);
	for (i = 0; i < NUM_THREADS; i++) {
		g_threads[i] = fake_thread(names[i]);
	}
	on(0);
}

static inline void
threads_down(void)
{
	int i;

	for (i = NUM_THREADS - 1; i >= 0; i--) {
		fake_thread_end(g_threads[i]);
	}
	spdk_thread_lib_fini();
	spdk_log_close();
}

static inline void
ended(void *arg)
{
	(*(int *)arg)++;
}

/* Three threads, the least that pools can be, modules "a" and "b"; the app thread is current. */
static inline void
pools_up(void)
{
	struct spdk_iobuf_opts opts = opts_of(SMALL_COUNT, LARGE_COUNT, SMALL, LARGE);

	threads_up();
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	CHECK_EQ(spdk_iobuf_initialize(), 0);
	CHECK_EQ(spdk_iobuf_register_module("a"), 0);
	CHECK_EQ(spdk_iobuf_register_module("b"), 0);
}

/* The end says nothing unless something is missing. */
static inline void
pools_down(void)
{
	on(0);
	g_finished = 0;
	poll_all();
	CHECK_EQ(spdk_ring_count(g_iobuf.pools[0][IOBUF_SMALL].ring),
	         g_iobuf.opts.small_pool_count);
	CHECK_EQ(spdk_ring_count(g_iobuf.pools[0][IOBUF_LARGE].ring),
	         g_iobuf.opts.large_pool_count);
	spdk_iobuf_finish(ended, &g_finished);
	poll_all();
	CHECK_EQ(g_finished, 1);
	CHECK_EQ(g_heap_used, 0);
	CHECK_STR(g_said, "");
	threads_down();
}

/* --- a user ----------------------------------------------------------------------------------- */

struct wish {
	struct spdk_iobuf_entry entry;
	struct spdk_iobuf_channel *ch;
	void *buf;
	unsigned order; /* of being served, from 1 */
	struct spdk_thread *thread;
};
static unsigned g_order;

static inline void
wish_granted(struct spdk_iobuf_entry *entry, void *buf)
{
	struct wish *wish = SPDK_CONTAINEROF(entry, struct wish, entry);

	if (wish->buf != NULL) {
		abort();
	}
	wish->buf = buf;
	wish->order = ++g_order;
	wish->thread = spdk_get_thread();
}

/* Returns whether it came at once. */
static inline bool
wish_make(struct wish *wish, struct spdk_iobuf_channel *ch, uint64_t len)
{
	memset(wish, 0, sizeof(*wish));
	wish->ch = ch;
	wish->buf = spdk_iobuf_get(ch, len, &wish->entry, wish_granted);
	return wish->buf != NULL;
}

/* Take all that a channel can get, at most `room`. Returns how many. */
static inline unsigned
take_all(struct spdk_iobuf_channel *ch, uint64_t len, void **bufs, unsigned room)
{
	unsigned n = 0;

	while (n < room && (bufs[n] = spdk_iobuf_get(ch, len, NULL, NULL)) != NULL) {
		n++;
	}
	return n;
}

static inline void
put_all(struct spdk_iobuf_channel *ch, uint64_t len, void **bufs, unsigned n)
{
	while (n > 0) {
		spdk_iobuf_put(ch, bufs[--n], len);
	}
}

#endif
