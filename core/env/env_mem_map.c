/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Translation maps: a value for each page of the 48-bit address space. Three levels as in a page
 * table, 512 GB, 1 GB and 2 MB an entry; a 2 MB page that is not all one value has a fourth, of
 * 4 KB pages.
 *
 * A translation takes no lock: a table is published once it is filled, and never freed while its
 * map lives. What a caller sees of a page that is being changed at the same time is the old value
 * or the new one. */

#include "core/env/env_mem_map.h"

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/util.h"

#define ADDRESS_BITS    48
#define SHIFT_1GB       30
#define SHIFT_512GB     39
#define SMALL_PER_LARGE (VALUE_2MB / VALUE_4KB)
#define ENTRIES         512

struct small_pages {
	uint64_t translation[SMALL_PER_LARGE];
};

struct large_page {
	uint64_t translation;
	/* Set while the page is split. Acquire here, release where it is published. */
	struct small_pages *small;
	struct small_pages *kept; /* the same one, also while the page is whole */
};

struct table_1gb {
	struct large_page page[ENTRIES];
};

struct table_512gb {
	struct table_1gb *table[ENTRIES];
};

struct spdk_mem_map {
	struct table_512gb *table[1 << (ADDRESS_BITS - SHIFT_512GB)];
	pthread_mutex_t lock; /* of those who change it */
	uint64_t fallback;
	struct spdk_mem_map_ops ops;
	void *cb_ctx;
	TAILQ_ENTRY(spdk_mem_map) link;
};

static bool
range_is_valid(uint64_t vaddr, uint64_t size)
{
	return ((vaddr | size) & MASK_4KB) == 0 && size <= (uint64_t)1 << ADDRESS_BITS &&
	       vaddr <= ((uint64_t)1 << ADDRESS_BITS) - size;
}

/* --- looking up ------------------------------------------------------------------------------- */

static struct large_page *
page_find(const struct spdk_mem_map *map, uint64_t vaddr)
{
	struct table_512gb *upper;
	struct table_1gb *lower;

	if (vaddr >> ADDRESS_BITS != 0) {
		return NULL;
	}
	upper = __atomic_load_n(&map->table[vaddr >> SHIFT_512GB], __ATOMIC_ACQUIRE);
	if (upper == NULL) {
		return NULL;
	}
	lower = __atomic_load_n(&upper->table[(vaddr >> SHIFT_1GB) % ENTRIES], __ATOMIC_ACQUIRE);
	return lower != NULL ? &lower->page[(vaddr >> SHIFT_2MB) % ENTRIES] : NULL;
}

/* The value at `vaddr`, and how far it is to the end of the page that has it. */
static uint64_t
value_at(const struct spdk_mem_map *map, uint64_t vaddr, uint64_t *rest)
{
	const struct large_page *page = page_find(map, vaddr);
	const struct small_pages *small;

	*rest = VALUE_2MB - _2MB_OFFSET(vaddr);
	if (page == NULL) {
		return map->fallback;
	}
	small = __atomic_load_n(&page->small, __ATOMIC_ACQUIRE);
	if (small == NULL) {
		return __atomic_load_n(&page->translation, __ATOMIC_RELAXED);
	}
	*rest = VALUE_4KB - _4KB_OFFSET(vaddr);
	return __atomic_load_n(&small->translation[_2MB_OFFSET(vaddr) >> SHIFT_4KB],
	                       __ATOMIC_RELAXED);
}

uint64_t
spdk_mem_map_translate(const struct spdk_mem_map *map, uint64_t vaddr, uint64_t *size)
{
	uint64_t first, last, value, rest, length;

	first = last = value_at(map, vaddr, &length);
	if (size == NULL) {
		return first;
	}
	while (length < *size && first != map->fallback && map->ops.are_contiguous != NULL) {
		value = value_at(map, vaddr + length, &rest);
		if (value == map->fallback || !map->ops.are_contiguous(last, value)) {
			break;
		}
		last = value;
		length += rest;
	}
	*size = spdk_min(*size, length);
	return first;
}

/* --- changing --------------------------------------------------------------------------------- */

/* Under the map's lock. */
static struct large_page *
page_make(struct spdk_mem_map *map, uint64_t vaddr)
{
	struct table_512gb **upper = &map->table[vaddr >> SHIFT_512GB], *new_upper;
	struct table_1gb **lower, *new_lower;
	unsigned i;

	if (*upper == NULL) {
		new_upper = calloc(1, sizeof(*new_upper));
		if (new_upper == NULL) {
			return NULL;
		}
		__atomic_store_n(upper, new_upper, __ATOMIC_RELEASE);
	}
	lower = &(*upper)->table[(vaddr >> SHIFT_1GB) % ENTRIES];
	if (*lower == NULL) {
		new_lower = calloc(1, sizeof(*new_lower));
		if (new_lower == NULL) {
			return NULL;
		}
		for (i = 0; i < ENTRIES; i++) {
			new_lower->page[i].translation = map->fallback;
		}
		__atomic_store_n(lower, new_lower, __ATOMIC_RELEASE);
	}
	return &(*lower)->page[(vaddr >> SHIFT_2MB) % ENTRIES];
}

/* Memory to split the page with. Under the map's lock. */
static int
page_small_make(struct large_page *page)
{
	if (page->kept == NULL) {
		page->kept = calloc(1, sizeof(*page->kept));
	}
	return page->kept != NULL ? 0 : -ENOMEM;
}

static int
page_split(struct large_page *page)
{
	unsigned i;

	if (page->small != NULL) {
		return 0;
	}
	if (page_small_make(page) != 0) {
		return -ENOMEM;
	}
	for (i = 0; i < SMALL_PER_LARGE; i++) {
		__atomic_store_n(&page->kept->translation[i], page->translation, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&page->small, page->kept, __ATOMIC_RELEASE);
	return 0;
}

/* Give the piece of [vaddr, end) that lies in one large page a value. */
static int
piece_set(struct spdk_mem_map *map, uint64_t vaddr, uint64_t end, uint64_t value)
{
	struct large_page *page = page_make(map, vaddr);
	uint64_t i, count = (end - vaddr) >> SHIFT_4KB, first = _2MB_OFFSET(vaddr) >> SHIFT_4KB;

	if (page == NULL) {
		return -ENOMEM;
	}
	if (count == SMALL_PER_LARGE) {
		__atomic_store_n(&page->translation, value, __ATOMIC_RELAXED);
		__atomic_store_n(&page->small, NULL, __ATOMIC_RELEASE);
		return 0;
	}
	if (page_split(page) != 0) {
		return -ENOMEM;
	}
	for (i = first; i < first + count; i++) {
		__atomic_store_n(&page->small->translation[i], value, __ATOMIC_RELAXED);
	}
	return 0;
}

static uint64_t
piece_end(uint64_t vaddr, uint64_t end)
{
	return spdk_min(end, (vaddr & ~MASK_2MB) + VALUE_2MB);
}

static int
range_set(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size, uint64_t value)
{
	uint64_t end = vaddr + size, next;
	int rc = 0;

	if (!range_is_valid(vaddr, size)) {
		return -EINVAL;
	}
	pthread_mutex_lock(&map->lock);
	for (; vaddr < end && rc == 0; vaddr = next) {
		next = piece_end(vaddr, end);
		rc = piece_set(map, vaddr, next, value);
	}
	pthread_mutex_unlock(&map->lock);
	return rc;
}

int
spdk_mem_map_set_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size,
                             uint64_t translation)
{
	return range_set(map, vaddr, size, translation);
}

int
spdk_mem_map_clear_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	return range_set(map, vaddr, size, map->fallback);
}

int
env_mem_map_reserve(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	uint64_t end = vaddr + size, next;
	struct large_page *page;
	int rc = 0;

	pthread_mutex_lock(&map->lock);
	for (; vaddr < end && rc == 0; vaddr = next) {
		next = piece_end(vaddr, end);
		page = page_make(map, vaddr);
		rc = page == NULL ? -ENOMEM : 0;
		if (rc == 0 && next - vaddr < VALUE_2MB) {
			rc = page_small_make(page);
		}
	}
	pthread_mutex_unlock(&map->lock);
	return rc;
}

/* --- life ------------------------------------------------------------------------------------- */

static void
table_free(struct table_1gb *table)
{
	unsigned i;

	for (i = 0; table != NULL && i < ENTRIES; i++) {
		free(table->page[i].kept);
	}
	free(table);
}

static void
map_free(struct spdk_mem_map *map)
{
	size_t i, j;

	for (i = 0; i < SPDK_COUNTOF(map->table); i++) {
		for (j = 0; map->table[i] != NULL && j < ENTRIES; j++) {
			table_free(map->table[i]->table[j]);
		}
		free(map->table[i]);
	}
	pthread_mutex_destroy(&map->lock);
	free(map);
}

int
env_mem_map_notify(struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, uint64_t vaddr,
                   uint64_t size)
{
	if (map->ops.notify_cb == NULL) {
		return 0;
	}
	return map->ops.notify_cb(map->cb_ctx, map, action, (void *)(uintptr_t)vaddr, size);
}

struct spdk_mem_map *
spdk_mem_map_alloc(uint64_t default_translation, const struct spdk_mem_map_ops *ops, void *cb_ctx)
{
	struct spdk_mem_map *map = calloc(1, sizeof(*map));
	int rc;

	if (map == NULL) {
		return NULL;
	}
	map->fallback = default_translation;
	map->cb_ctx = cb_ctx;
	if (ops != NULL) {
		map->ops = *ops;
	}
	pthread_mutex_init(&map->lock, NULL);
	rc = env_mem_maps_add(map);
	if (rc != 0) {
		SPDK_ERRLOG("a memory map refused memory that is registered already (%d): it is "
		            "not made\n",
		            rc);
		map_free(map);
		return NULL;
	}
	return map;
}

void
spdk_mem_map_free(struct spdk_mem_map **pmap)
{
	if (pmap == NULL || *pmap == NULL) {
		return;
	}
	env_mem_maps_remove(*pmap);
	map_free(*pmap);
	*pmap = NULL;
}

/* The list itself is env_mem_register.c's, under its lock. */
static TAILQ_HEAD(, spdk_mem_map) g_maps = TAILQ_HEAD_INITIALIZER(g_maps);

void
env_mem_maps_link(struct spdk_mem_map *map)
{
	TAILQ_INSERT_TAIL(&g_maps, map, link);
}

void
env_mem_maps_unlink(struct spdk_mem_map *map)
{
	TAILQ_REMOVE(&g_maps, map, link);
}

struct spdk_mem_map *
env_mem_maps_next(struct spdk_mem_map *map)
{
	return map == NULL ? TAILQ_FIRST(&g_maps) : TAILQ_NEXT(map, link);
}
