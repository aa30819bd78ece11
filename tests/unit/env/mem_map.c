/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Translation maps and registered memory, on addresses that nothing is at. */
/* libs: -Wl,--wrap=calloc */

#include "tests/unit/test.h"

#include <pthread.h>

#include "core/env/env_mem_map.h"
#include "spdk/memory.h"
#include "spdk/util.h"

#define DEFAULT 0xd15ea5eull
#define AT(n)   ((void *)(uintptr_t)(n))

/* The model: the last value given to each 4 KB page of a small piece of the address space. */
#define PAGES 2048
static uint64_t g_pages[PAGES];
#define BASE (3 * VALUE_2MB) /* across an edge of the tables' */

static int
equal(uint64_t a, uint64_t b)
{
	return a == b;
}

static const struct spdk_mem_map_ops g_equal = { NULL, equal };

static void
test_model(void)
{
	struct spdk_mem_map *map = spdk_mem_map_alloc(DEFAULT, &g_equal, NULL);
	const char *given = getenv("CAL_TEST_SEED");
	unsigned seed = given != NULL ? (unsigned)atoi(given) : 4711;
	uint64_t first, count, value, size, expect, at, i;
	int step;

	REQUIRE(map != NULL);
	printf("seed %u ", seed);
	for (i = 0; i < PAGES; i++) {
		g_pages[i] = DEFAULT;
	}
	for (step = 0; step < 20000; step++) {
		first = (uint64_t)rand_r(&seed) % PAGES;
		count = 1 + (uint64_t)rand_r(&seed) % (step % 3 == 0 ? 8 : PAGES);
		if (step % 2 == 0) {
			first &= ~511ull; /* whole large pages more often */
			count = count > 512 ? count & ~511ull : count;
		}
		count = spdk_min(count, PAGES - first);
		value = (uint64_t)rand_r(&seed) % 4;
		if (value == 0) {
			value = DEFAULT;
			REQUIRE(spdk_mem_map_clear_translation(map, BASE + first * VALUE_4KB,
			                                       count * VALUE_4KB) == 0);
		} else {
			REQUIRE(spdk_mem_map_set_translation(map, BASE + first * VALUE_4KB,
			                                     count * VALUE_4KB, value) == 0);
		}
		for (i = first; i < first + count; i++) {
			g_pages[i] = value;
		}
		at = (uint64_t)rand_r(&seed) % (PAGES * VALUE_4KB);
		first = at / VALUE_4KB;
		size = PAGES * VALUE_4KB - at;
		REQUIRE(spdk_mem_map_translate(map, BASE + at, NULL) == g_pages[first]);
		REQUIRE(spdk_mem_map_translate(map, BASE + at, &size) == g_pages[first]);
		/* As far as the value goes, unless that is none. */
		for (i = first; i < PAGES && g_pages[i] == g_pages[first]; i++) {
		}
		expect = i * VALUE_4KB - at;
		if (g_pages[first] == DEFAULT) {
			REQUIRE(size > 0 && size <= expect);
		} else {
			REQUIRE(size == expect);
		}
	}
	spdk_mem_map_free(&map);
	CHECK(map == NULL);
}

static void
test_ranges(void)
{
	struct spdk_mem_map *map = spdk_mem_map_alloc(DEFAULT, NULL, NULL);
	uint64_t size = 1;

	REQUIRE(map != NULL);
	CHECK_EQ(spdk_mem_map_set_translation(map, 1, VALUE_4KB, 5), -EINVAL);
	CHECK_EQ(spdk_mem_map_set_translation(map, VALUE_4KB, 1, 5), -EINVAL);
	CHECK_EQ(spdk_mem_map_set_translation(map, 1ull << 48, VALUE_4KB, 5), -EINVAL);
	CHECK_EQ(spdk_mem_map_set_translation(map, (1ull << 48) - VALUE_4KB, 2 * VALUE_4KB, 5),
	         -EINVAL);
	CHECK_EQ(spdk_mem_map_set_translation(map, VALUE_4KB, ~MASK_4KB, 5), -EINVAL);
	CHECK_EQ(spdk_mem_map_set_translation(map, (1ull << 48) - VALUE_4KB, VALUE_4KB, 5), 0);
	CHECK_EQ(spdk_mem_map_translate(map, (1ull << 48) - 1, &size), 5);
	CHECK_EQ(size, 1);
	/* Addresses that no process has. */
	size = UINT64_MAX;
	CHECK_EQ(spdk_mem_map_translate(map, UINT64_MAX, &size), DEFAULT);
	CHECK_EQ(size, 1);
	size = 0;
	CHECK_EQ(spdk_mem_map_translate(map, 0, &size), DEFAULT);
	CHECK_EQ(size, 0);
	spdk_mem_map_free(&map);
	spdk_mem_map_free(&map);
	spdk_mem_map_free(NULL);
}

/* --- registration ----------------------------------------------------------------------------- */

struct told {
	uint64_t bytes;
	unsigned regions;
	uint64_t refuse; /* address */
};

static int
told_notify(void *ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action,
            void *vaddr, size_t size)
{
	struct told *told = ctx;

	if (action == SPDK_MEM_MAP_NOTIFY_REGISTER) {
		if ((uintptr_t)vaddr == told->refuse) {
			return -EPERM;
		}
		told->bytes += size;
		told->regions++;
		return spdk_mem_map_set_translation(map, (uintptr_t)vaddr, size, 1);
	}
	told->bytes -= size;
	told->regions--;
	return spdk_mem_map_clear_translation(map, (uintptr_t)vaddr, size);
}

static const struct spdk_mem_map_ops g_told = { told_notify, equal };

static void
test_register(void)
{
	struct told told = { .refuse = UINT64_MAX };
	struct spdk_mem_map *map = spdk_mem_map_alloc(0, &g_told, &told);

	REQUIRE(map != NULL);
	CHECK_EQ(spdk_mem_register(AT(1), VALUE_4KB), -EINVAL);
	CHECK_EQ(spdk_mem_register(AT(VALUE_4KB), 1), -EINVAL);
	CHECK_EQ(spdk_mem_register(AT(1ull << 48), VALUE_4KB), -EINVAL);
	CHECK_EQ(spdk_mem_register(AT(VALUE_2MB), 0), 0);
	CHECK_EQ(told.regions, 0);

	CHECK_EQ(spdk_mem_register(AT(VALUE_2MB), VALUE_2MB), 0);
	CHECK_EQ(spdk_mem_register(AT(2 * VALUE_2MB), VALUE_4KB), 0);
	CHECK_EQ(told.regions, 2);
	CHECK_EQ(told.bytes, VALUE_2MB + VALUE_4KB);
	CHECK_EQ(spdk_mem_map_translate(map, 2 * VALUE_2MB - 1, NULL), 1);
	CHECK_EQ(spdk_mem_map_translate(map, 2 * VALUE_2MB + VALUE_4KB, NULL), 0);

	/* Overlaps at either end, around, and within. */
	CHECK_EQ(spdk_mem_register(AT(0), VALUE_2MB + VALUE_4KB), -EBUSY);
	CHECK_EQ(spdk_mem_register(AT(2 * VALUE_2MB - VALUE_4KB), VALUE_4KB), -EBUSY);
	CHECK_EQ(spdk_mem_register(AT(0), 8 * VALUE_2MB), -EBUSY);
	CHECK_EQ(spdk_mem_register(AT(VALUE_2MB + VALUE_4KB), VALUE_4KB), -EBUSY);

	CHECK_EQ(spdk_mem_unregister(AT(VALUE_2MB), VALUE_4KB), -ERANGE);
	CHECK_EQ(spdk_mem_unregister(AT(VALUE_2MB + VALUE_4KB), VALUE_2MB), -ERANGE);
	CHECK_EQ(spdk_mem_unregister(AT(0), 2 * VALUE_2MB), -EINVAL);
	CHECK_EQ(spdk_mem_unregister(AT(VALUE_2MB), 2 * VALUE_2MB), -EINVAL);
	CHECK_EQ(spdk_mem_unregister(AT(8 * VALUE_2MB), VALUE_2MB), -EINVAL);
	CHECK_EQ(spdk_mem_unregister(AT(1), VALUE_2MB), -EINVAL);
	CHECK_EQ(told.regions, 2);
	CHECK_EQ(spdk_mem_unregister(AT(VALUE_2MB), VALUE_2MB + VALUE_4KB), 0);
	CHECK_EQ(told.regions, 0);
	CHECK_EQ(told.bytes, 0);
	spdk_mem_map_free(&map);
}

/* What one map refuses, no map keeps. */
static void
test_refused(void)
{
	struct told first = { .refuse = UINT64_MAX }, second = { .refuse = VALUE_2MB };
	struct spdk_mem_map *a, *b;

	a = spdk_mem_map_alloc(0, &g_told, &first);
	b = spdk_mem_map_alloc(0, &g_told, &second);
	REQUIRE(a != NULL && b != NULL);
	CHECK_EQ(spdk_mem_register(AT(VALUE_2MB), VALUE_2MB), -EPERM);
	CHECK_EQ(first.regions, 0);
	CHECK_EQ(spdk_mem_unregister(AT(VALUE_2MB), VALUE_2MB), -EINVAL);
	spdk_mem_map_free(&b);

	/* Nor does a map come to be that refuses what is there. */
	CHECK_EQ(spdk_mem_register(AT(0), VALUE_2MB), 0);
	CHECK_EQ(spdk_mem_register(AT(VALUE_2MB), VALUE_2MB), 0);
	CHECK(spdk_mem_map_alloc(0, &g_told, &second) == NULL);
	CHECK_EQ(second.regions, 0);
	second.refuse = UINT64_MAX;
	b = spdk_mem_map_alloc(0, &g_told, &second);
	REQUIRE(b != NULL);
	CHECK_EQ(second.regions, 2);
	/* A map that ends forgets everything first. */
	spdk_mem_map_free(&b);
	CHECK_EQ(second.regions, 0);
	CHECK_EQ(spdk_mem_unregister(AT(0), 2 * VALUE_2MB), 0);
	CHECK_EQ(first.regions, 0);
	spdk_mem_map_free(&a);
}

/* --- reserve ---------------------------------------------------------------------------------- */

static bool g_no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return g_no_memory ? NULL : __real_calloc(n, size);
}

static void
test_reserve(void)
{
	struct told told = { .refuse = UINT64_MAX };
	struct spdk_mem_map *map = spdk_mem_map_alloc(0, &g_told, &told);
	uint64_t at = (5ull << 39) - VALUE_4KB; /* new tables on every level, and half pages */

	REQUIRE(map != NULL);
	CHECK_EQ(spdk_mem_reserve(AT(at + 1), VALUE_4KB), -EINVAL);
	CHECK_EQ(spdk_mem_reserve(AT(at), 0), 0);
	CHECK_EQ(spdk_mem_reserve(AT(at), VALUE_2MB), 0);
	CHECK_EQ(told.regions, 0);
	g_no_memory = true;
	CHECK_EQ(spdk_mem_register(AT(at), VALUE_2MB), 0);
	g_no_memory = false;
	CHECK_EQ(told.bytes, VALUE_2MB);
	CHECK_EQ(spdk_mem_reserve(AT(at), VALUE_4KB), -EBUSY);
	CHECK_EQ(spdk_mem_unregister(AT(at), VALUE_2MB), 0);
	/* Without memory: said, and nothing is half done. */
	g_no_memory = true;
	CHECK_EQ(spdk_mem_register(AT(9ull << 39), VALUE_2MB), -ENOMEM);
	CHECK_EQ(spdk_mem_reserve(AT(9ull << 39), VALUE_2MB), -ENOMEM);
	CHECK(spdk_mem_map_alloc(0, NULL, NULL) == NULL);
	g_no_memory = false;
	CHECK_EQ(told.regions, 0);
	CHECK_EQ(spdk_mem_register(AT(9ull << 39), VALUE_2MB), 0);
	CHECK_EQ(spdk_mem_unregister(AT(9ull << 39), VALUE_2MB), 0);
	spdk_mem_map_free(&map);
}

/* --- translating while another thread changes ------------------------------------------------- */

static volatile bool g_stop;

static void *
change(void *arg)
{
	struct spdk_mem_map *map = arg;
	int i;

	for (i = 0; i < 20000; i++) {
		spdk_mem_map_set_translation(map, BASE, VALUE_2MB, 7);
		spdk_mem_map_set_translation(map, BASE + (unsigned)(i % 512) * VALUE_4KB, VALUE_4KB,
		                             7);
		spdk_mem_map_set_translation(map, BASE + VALUE_2MB * (uint64_t)(i % 4096),
		                             VALUE_2MB, 7);
	}
	__atomic_store_n(&g_stop, true, __ATOMIC_RELEASE);
	return NULL;
}

static void
test_concurrent(void)
{
	struct spdk_mem_map *map = spdk_mem_map_alloc(DEFAULT, &g_equal, NULL);
	uint64_t size, value, wrong = 0;
	pthread_t thread;

	REQUIRE(map != NULL);
	REQUIRE(spdk_mem_map_set_translation(map, BASE, VALUE_2MB, 7) == 0);
	REQUIRE(pthread_create(&thread, NULL, change, map) == 0);
	while (!__atomic_load_n(&g_stop, __ATOMIC_ACQUIRE)) {
		size = VALUE_2MB;
		value = spdk_mem_map_translate(map, BASE, &size);
		wrong += value != 7 || size != VALUE_2MB;
		value = spdk_mem_map_translate(map, BASE + 700 * VALUE_2MB, NULL);
		wrong += value != 7 && value != DEFAULT;
	}
	pthread_join(thread, NULL);
	CHECK_EQ(wrong, 0);
	spdk_mem_map_free(&map);
}

static const struct test_case g_cases[] = {
	TEST(test_model),   TEST(test_ranges),  TEST(test_register),
	TEST(test_refused), TEST(test_reserve), TEST(test_concurrent),
};

TEST_MAIN("env/mem_map", g_cases)
