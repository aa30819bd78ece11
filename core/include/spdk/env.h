/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The environment: memory that devices can reach, cores, time. Names, signatures and behaviour are
 * SPDK's; core/env implements them over DPDK's EAL. Unless a function says otherwise it may be
 * called on any thread once spdk_env_init() has returned 0. */

#ifndef SPDK_ENV_H
#define SPDK_ENV_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/** "Whichever NUMA node": the caller's own first, then the others. */
#define SPDK_ENV_NUMA_ID_ANY   (-1)
#define SPDK_ENV_SOCKET_ID_ANY (-1) /* the older name */

/** What spdk_env_get_current_core() says on a thread that is not one of the environment's. */
#define SPDK_ENV_LCORE_ID_ANY (UINT32_MAX)

/** Flags of spdk_malloc(): for devices to read and write, for other processes to see. Our memory is
 *  never shared with another process; the flag is accepted for the sake of SPDK's callers. */
#define SPDK_MALLOC_DMA   0x01
#define SPDK_MALLOC_SHARE 0x02

#define SPDK_MAX_MEMZONE_NAME_LEN 32
#define SPDK_MAX_MEMPOOL_NAME_LEN 29

/** Flag of spdk_memzone_reserve(): pieces of the zone may lie apart in I/O addresses. */
#define SPDK_MEMZONE_NO_IOVA_CONTIG 0x00100000

struct spdk_pci_addr {
	uint32_t domain;
	uint8_t bus;
	uint8_t dev;
	uint8_t func;
};

/** What spdk_env_init() is told. Fill it with spdk_env_opts_init() first, after having set
 *  opts_size. Strings stay the caller's and need not outlive spdk_env_init(). */
struct spdk_env_opts {
	const char *name;
	const char *core_mask; /* "0x3" or a list, "[0,2-3]"; NULL for core 0 */
	const char *lcore_map; /* lcore to CPU mapping as EAL's --lcores; excludes core_mask */
	int shm_id;            /* instance number; below 0: the process id is taken */
	int mem_channel;       /* memory channels, -1 for unknown */
	int main_core;         /* -1 for the first one */
	int mem_size;          /* MB of memory, -1 for 256 */
	bool no_pci;
	bool hugepage_single_segments; /* one descriptor a page */
	bool unlink_hugepage;          /* page files are never left in the folder either way */
	bool no_huge;                  /* ordinary pages: no DMA, for machines without hugepages */
	uint32_t reserved;
	size_t num_pci_addr;
	const char *hugedir; /* a hugetlbfs mount, NULL: the first one that fits */
	struct spdk_pci_addr *pci_blocked;
	struct spdk_pci_addr *pci_allowed;
	const char *iova_mode;  /* "pa", "va" or NULL for EAL's own choice */
	uint64_t base_virtaddr; /* where EAL maps its memory */

	/** More arguments for EAL, one string separated by blanks (const char *), or NULL. */
	void *env_context;
	const char *vf_token;

	/** Size of this structure as the caller knows it; fields beyond it are neither read nor
	 *  written. 0 from a caller that never set it means: up to and without this field. */
	size_t opts_size;

	bool enforce_numa;
	uint8_t reserved2[7];
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_env_opts) == 128, "Incorrect size");

/* --- start and end ---------------------------------------------------------------------------- */

/** Fill `opts` with the defaults, up to opts->opts_size. */
void spdk_env_opts_init(struct spdk_env_opts *opts);

/** Start the environment: take the memory, set up the cores. Main thread, once a process; with
 *  NULL, start it again after spdk_env_fini() (EAL is kept, so this is nearly free). Returns 0 or a
 *  negative errno, after having logged why. */
int spdk_env_init(const struct spdk_env_opts *opts);

/** Let go of what the environment holds. Main thread, when every launched thread has ended and
 *  every buffer is freed. */
void spdk_env_fini(void);

/* --- memory ----------------------------------------------------------------------------------- */

/** Allocate `size` bytes of pinned memory on NUMA node `numa_id`, aligned to `align` (0 or a power
 *  of two; never less than a cache line). `unused` must be NULL and `flags` not 0. Returns NULL
 *  when there is none or an argument is wrong. */
void *spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags);
/** The same, zeroed. */
void *spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags);
/** Change the size; the contents up to the smaller one are kept. NULL `buf` allocates. Returns NULL
 *  and leaves `buf` as it is when there is no memory. */
void *spdk_realloc(void *buf, size_t size, size_t align);
/** Free what spdk_malloc(), spdk_zmalloc() or spdk_realloc() returned; NULL is allowed. */
void spdk_free(void *buf);

/** spdk_malloc() and its like with SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE. */
void *spdk_dma_malloc(size_t size, size_t align, uint64_t *unused);
void *spdk_dma_malloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id);
void *spdk_dma_zmalloc(size_t size, size_t align, uint64_t *unused);
void *spdk_dma_zmalloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id);
void *spdk_dma_realloc(void *buf, size_t size, size_t align, uint64_t *unused);
void spdk_dma_free(void *buf);

/** Reserve a named piece of memory that lives until it is freed by name, zeroed, contiguous in I/O
 *  addresses unless `flags` has SPDK_MEMZONE_NO_IOVA_CONTIG. Returns NULL when the name is taken or
 *  memory is short. */
void *spdk_memzone_reserve(const char *name, size_t len, int numa_id, unsigned flags);
/** The same, aligned to `align`, a power of two. */
void *spdk_memzone_reserve_aligned(const char *name, size_t len, int numa_id, unsigned flags,
                                   unsigned align);
/** Find one by name; NULL when there is none. */
void *spdk_memzone_lookup(const char *name);
/** Returns 0, or -1 when there is none of that name. */
int spdk_memzone_free(const char *name);
/** Print every memory zone to `f`. */
void spdk_memzone_dump(FILE *f);

/* --- memory pools ----------------------------------------------------------------------------- */

struct spdk_mempool;

/** As the cache size: a sensible one. */
#define SPDK_MEMPOOL_DEFAULT_CACHE_SIZE SIZE_MAX

/** Make a pool of `count` elements of `ele_size` bytes that any thread may take from and put to,
 *  with a cache of `cache_size` elements a core (0: none). Returns NULL when the name is taken or
 *  memory is short. */
struct spdk_mempool *spdk_mempool_create(const char *name, size_t count, size_t ele_size,
                                         size_t cache_size, int numa_id);

/** Called for every element: when a pool is made, or by spdk_mempool_obj_iter(). */
typedef void(spdk_mempool_obj_cb_t)(struct spdk_mempool *mp, void *opaque, void *obj,
                                    unsigned obj_idx);
/** Called for every piece of memory that a pool consists of. */
typedef void(spdk_mempool_mem_cb_t)(struct spdk_mempool *mp, void *opaque, void *addr,
                                    uint64_t iova, size_t len, unsigned mem_idx);

/** spdk_mempool_create(), and call `obj_init` for every element. */
struct spdk_mempool *spdk_mempool_create_ctor(const char *name, size_t count, size_t ele_size,
                                              size_t cache_size, int numa_id,
                                              spdk_mempool_obj_cb_t *obj_init, void *obj_init_arg);
char *spdk_mempool_get_name(struct spdk_mempool *mp);
/** Free the pool; NULL is allowed. Every element should be back in it. */
void spdk_mempool_free(struct spdk_mempool *mp);
/** Take one element; NULL when the pool is empty. */
void *spdk_mempool_get(struct spdk_mempool *mp);
/** Take `count` elements or none. Returns 0 or a negative errno. */
int spdk_mempool_get_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count);
void spdk_mempool_put(struct spdk_mempool *mp, void *ele);
void spdk_mempool_put_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count);
/** Elements in the pool now, caches included. */
size_t spdk_mempool_count(const struct spdk_mempool *pool);
/** Call `obj_cb` for every element, taken or not. Returns their number. */
uint32_t spdk_mempool_obj_iter(struct spdk_mempool *mp, spdk_mempool_obj_cb_t obj_cb,
                               void *obj_cb_arg);
/** Call `mem_cb` for every piece of memory. Returns their number. */
uint32_t spdk_mempool_mem_iter(struct spdk_mempool *mp, spdk_mempool_mem_cb_t mem_cb,
                               void *mem_cb_arg);
struct spdk_mempool *spdk_mempool_lookup(const char *name);

/* --- cores ------------------------------------------------------------------------------------ */

/** Number of cores that this process was given. */
uint32_t spdk_env_get_core_count(void);
/** The core that the caller runs on, SPDK_ENV_LCORE_ID_ANY on other threads. */
uint32_t spdk_env_get_current_core(void);
/** The core of the thread that called spdk_env_init(). */
uint32_t spdk_env_get_main_core(void);
/** In ascending order; UINT32_MAX after the last one. */
uint32_t spdk_env_get_first_core(void);
uint32_t spdk_env_get_last_core(void);
uint32_t spdk_env_get_next_core(uint32_t prev_core);

#define SPDK_ENV_FOREACH_CORE(i) \
	for (i = spdk_env_get_first_core(); i < UINT32_MAX; i = spdk_env_get_next_core(i))

/** The NUMA node of a core, SPDK_ENV_NUMA_ID_ANY when it has none that is known. */
int32_t spdk_env_get_numa_id(uint32_t core);
/** The machine's NUMA nodes, in ascending order; INT32_MAX after the last one. */
int32_t spdk_env_get_first_numa_id(void);
int32_t spdk_env_get_last_numa_id(void);
int32_t spdk_env_get_next_numa_id(int32_t prev_numa_id);

#define SPDK_ENV_FOREACH_NUMA_ID(i) \
	for (i = spdk_env_get_first_numa_id(); i < INT32_MAX; i = spdk_env_get_next_numa_id(i))

struct spdk_cpuset;

/** Set exactly the bits of the cores that this process was given. */
void spdk_env_get_cpuset(struct spdk_cpuset *cpuset);
/** Set exactly the bits of `core` and its hardware siblings, ours or not; with UINT32_MAX those of
 *  every core of ours. Returns false when the machine does not say. */
bool spdk_env_core_get_smt_cpuset(struct spdk_cpuset *cpuset, uint32_t core);

typedef int (*thread_start_fn)(void *);

/** Run `fn(arg)` on the thread pinned to `core`, one at a time. Main thread. Returns 0, or a
 *  negative errno when the core is not ours or busy. */
int spdk_env_thread_launch_pinned(uint32_t core, thread_start_fn fn, void *arg);
/** Wait until every launched function has returned. Main thread. */
void spdk_env_thread_wait_all(void);

/** True unless this process is attached to another one as a secondary. */
bool spdk_process_is_primary(void);

/** Remove the caller's CPU affinity: it may run on every core afterwards. */
void spdk_unaffinitize_thread(void);
/** Call `cb(arg)` without CPU affinity (threads that it starts inherit none) and restore it.
 *  Returns what `cb` returned. */
void *spdk_call_unaffinitized(void *cb(void *arg), void *arg);

/** The caller's OS thread id. */
int spdk_get_tid(void);

/* --- time ------------------------------------------------------------------------------------- */

/** A counter that only goes up, the same on every core. Callable before spdk_env_init(). */
uint64_t spdk_get_ticks(void);
/** Its rate a second. */
uint64_t spdk_get_ticks_hz(void);
/** Spin for `us` microseconds. */
void spdk_delay_us(unsigned int us);
/** Tell the processor that the caller is spinning. */
void spdk_pause(void);

/* --- rings of pointers ------------------------------------------------------------------------ */

struct spdk_ring;

enum spdk_ring_type {
	SPDK_RING_TYPE_SP_SC, /* one producer, one consumer */
	SPDK_RING_TYPE_MP_SC, /* many producers, one consumer */
	SPDK_RING_TYPE_MP_MC, /* many of both */
};

/** Make a ring with room for `count` - 1 pointers; `count` is a power of two. NULL on failure. */
struct spdk_ring *spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id);
/** NULL is allowed. */
void spdk_ring_free(struct spdk_ring *ring);
size_t spdk_ring_count(struct spdk_ring *ring);
/** Put all `count` pointers or none. Returns how many; *free_space, if asked for, is what is left
 *  afterwards. */
size_t spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space);
/** Take at most `count` pointers. Returns how many. */
size_t spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count);

/* --- addresses that devices use --------------------------------------------------------------- */

/** Whether devices reach memory through an IOMMU. */
bool spdk_iommu_is_enabled(void);

#define SPDK_VTOPHYS_ERROR (0xFFFFFFFFFFFFFFFFULL)

/** The address by which devices know `buf`, SPDK_VTOPHYS_ERROR when it is not the environment's
 *  memory. With `size`: how many bytes the caller cares for, and on return for how many of them the
 *  translation is contiguous. */
uint64_t spdk_vtophys(const void *buf, uint64_t *size);

/** Order of two PCI addresses: below 0, 0 or above 0. */
int spdk_pci_addr_compare(const struct spdk_pci_addr *a1, const struct spdk_pci_addr *a2);
/** Read "domain:bus:dev.func" (or with dots only; domain may be left out). Returns 0 or a negative
 *  errno. */
int spdk_pci_addr_parse(struct spdk_pci_addr *addr, const char *bdf);
/** Write "domain:bus:dev.func", at least 14 bytes. Returns 0 or a negative errno. */
int spdk_pci_addr_fmt(char *bdf, size_t sz, const struct spdk_pci_addr *addr);

#ifdef __cplusplus
}
#endif
#endif
