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
#include "spdk/pci_ids.h"

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

/** The address by which devices know `buf`, SPDK_VTOPHYS_ERROR when it is neither the environment's
 *  memory nor registered. With `size`: how many bytes the caller cares for, and on return for how
 *  many of them the translation is contiguous. Takes no lock. */
uint64_t spdk_vtophys(const void *buf, uint64_t *size);

/** A table from pages of the address space (4 KB each) to values. */
struct spdk_mem_map;

enum spdk_mem_map_notify_action {
	SPDK_MEM_MAP_NOTIFY_REGISTER,
	SPDK_MEM_MAP_NOTIFY_UNREGISTER,
};

/** Called for memory that is registered or unregistered, region by region as it was registered,
 *  under a lock: it may set translations, and may not register. Other than 0 refuses a
 *  registration. */
typedef int (*spdk_mem_map_notify_cb)(void *cb_ctx, struct spdk_mem_map *map,
                                      enum spdk_mem_map_notify_action action, void *vaddr,
                                      size_t size);
/** Whether the second translation goes on where the first one ends. */
typedef int (*spdk_mem_map_contiguous_translations)(uint64_t addr_1, uint64_t addr_2);

struct spdk_mem_map_ops {
	spdk_mem_map_notify_cb notify_cb;                    /* NULL: nobody is told */
	spdk_mem_map_contiguous_translations are_contiguous; /* NULL: no two pages are */
};

/** Make a map; `default_translation` is what pages have that nobody gave another. `ops` may be
 *  NULL. Its notify_cb is called at once for what is registered already. Returns NULL without
 *  memory, or when notify_cb refused. */
struct spdk_mem_map *spdk_mem_map_alloc(uint64_t default_translation,
                                        const struct spdk_mem_map_ops *ops, void *cb_ctx);
/** Tell it to forget everything, free it, and set *pmap to NULL. */
void spdk_mem_map_free(struct spdk_mem_map **pmap);

/** Give whole pages a value. Returns 0, -EINVAL for a range that is not whole pages of 4 KB within
 *  48 bits, or -ENOMEM. */
int spdk_mem_map_set_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size,
                                 uint64_t translation);
/** Take it away again. */
int spdk_mem_map_clear_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size);
/** The value of the page that `vaddr` is in. With `size`: how many bytes the caller cares for, and
 *  on return for how many of them it holds, to the end of the page or beyond where the map's
 *  are_contiguous says so. Takes no lock. */
uint64_t spdk_mem_map_translate(const struct spdk_mem_map *map, uint64_t vaddr, uint64_t *size);

/** Make memory known to every map: whole pages of 4 KB, pinned (hugepages), not the environment's.
 *  Returns 0, -EINVAL for part of a page, -EBUSY when some of it is registered, or what a map
 *  refused with. */
int spdk_mem_register(void *vaddr, size_t len);
/** The opposite, of one or more whole regions; no device may use them any more. Returns 0, -EINVAL
 *  when some of it is not registered, -ERANGE when it begins or ends in the middle of a region. */
int spdk_mem_unregister(void *vaddr, size_t len);
/** Let one later registration of this range do without allocating memory. Returns 0, -EINVAL,
 *  -EBUSY when some of it is registered, or -ENOMEM. */
int spdk_mem_reserve(void *vaddr, size_t len);

/** The NUMA node of the environment's memory, SPDK_ENV_NUMA_ID_ANY for other. `size` as with
 *  spdk_vtophys(). */
int32_t spdk_mem_get_numa_id(const void *buf, uint64_t *size);
/** The descriptor of the file that the page at `vaddr` is of, and where in it `vaddr` is. Returns
 *  it, or a negative errno: -EINVAL when it is not the environment's memory. */
int spdk_mem_get_fd_and_offset(void *vaddr, uint64_t *offset);

/* --- PCI -------------------------------------------------------------------------------------- */

/* Devices that the kernel gave to user space: those bound to uio_pci_generic or igb_uio, found in
 * /sys, and those that a program hooks in. Finding, attaching and detaching read and write files:
 * not on a reactor. Functions about one device are for who attached it. */

/** Order of two PCI addresses: below 0, 0 or above 0. */
int spdk_pci_addr_compare(const struct spdk_pci_addr *a1, const struct spdk_pci_addr *a2);
/** Read "domain:bus:dev.func" (or with dots only; domain may be left out). Returns 0 or a negative
 *  errno. */
int spdk_pci_addr_parse(struct spdk_pci_addr *addr, const char *bdf);
/** Write "domain:bus:dev.func", at least 14 bytes. Returns 0 or a negative errno. */
int spdk_pci_addr_fmt(char *bdf, size_t sz, const struct spdk_pci_addr *addr);

struct spdk_pci_id {
	uint32_t class_id; /* SPDK_PCI_CLASS_ANY_ID: any; the others: SPDK_PCI_ANY_ID */
	uint16_t vendor_id;
	uint16_t device_id;
	uint16_t subvendor_id;
	uint16_t subdevice_id;
};

/** A driver's flags: it maps the device's registers, so the kernel must have let go of the device;
 *  and it wants those of them that may be so with write combining. */
#define SPDK_PCI_DRIVER_NEED_MAPPING 0x0001
#define SPDK_PCI_DRIVER_WC_ACTIVATE  0x0002

struct spdk_pci_driver;

/** Make a driver known, at constructor time. `id_table` ends with a vendor_id of 0; it and `name`
 *  must stay. */
void spdk_pci_driver_register(const char *name, struct spdk_pci_id *id_table, uint32_t flags);

#define SPDK_PCI_DEVICE(vend, dev)                                                  \
	.class_id = SPDK_PCI_CLASS_ANY_ID, .vendor_id = (vend), .device_id = (dev), \
	.subvendor_id = SPDK_PCI_ANY_ID, .subdevice_id = SPDK_PCI_ANY_ID

#define SPDK_PCI_DRIVER_REGISTER(name, id_table, flags)                                 \
	__attribute__((constructor)) static void _spdk_pci_driver_register_##name(void) \
	{                                                                               \
		spdk_pci_driver_register(#name, id_table, flags);                       \
	}

/** One found or hooked in. Who hooks one in fills everything before `internal`; the four functions
 *  return 0 for success. */
struct spdk_pci_device {
	struct spdk_pci_device *parent;
	void *dev_handle;
	struct spdk_pci_addr addr;
	struct spdk_pci_id id;
	union {
		int numa_id;
		int socket_id; /* the older name */
	};
	const char *type; /* "pci", or the name of the provider that made it */

	int (*map_bar)(struct spdk_pci_device *dev, uint32_t bar, void **mapped_addr,
	               uint64_t *phys_addr, uint64_t *size);
	int (*unmap_bar)(struct spdk_pci_device *dev, uint32_t bar, void *addr);
	int (*cfg_read)(struct spdk_pci_device *dev, void *value, uint32_t len, uint32_t offset);
	int (*cfg_write)(struct spdk_pci_device *dev, void *value, uint32_t len, uint32_t offset);

	/** Of the environment. */
	struct _spdk_pci_device_internal {
		struct spdk_pci_driver *driver;
		bool attached;
		int claim_fd; /* -1: not claimed */
		bool pending_removal;
		bool removed;
		TAILQ_ENTRY(spdk_pci_device) tailq;
	} internal;
};

/** Called for a device that nobody is attached to. Returns 0 to attach it, 1 to leave it, -1 for an
 *  error, which ends the enumeration. */
typedef int (*spdk_pci_enum_cb)(void *enum_ctx, struct spdk_pci_device *dev);

/** The registered driver of a name, NULL when there is none; and those that are always there. */
struct spdk_pci_driver *spdk_pci_get_driver(const char *name);
struct spdk_pci_driver *spdk_pci_nvme_get_driver(void);
struct spdk_pci_driver *spdk_pci_vmd_get_driver(void);
struct spdk_pci_driver *spdk_pci_ioat_get_driver(void);
struct spdk_pci_driver *spdk_pci_idxd_get_driver(void);
struct spdk_pci_driver *spdk_pci_ae4dma_get_driver(void);
struct spdk_pci_driver *spdk_pci_virtio_get_driver(void);

/** Look for the driver's devices (those that pci_allowed and pci_blocked of the options leave) and
 *  offer each that is free. One that was plugged in while the program runs is offered two seconds
 *  later. Returns 0, or -1 when `enum_cb` did or /sys cannot be read. */
int spdk_pci_enumerate(struct spdk_pci_driver *driver, spdk_pci_enum_cb enum_cb, void *enum_ctx);
/** Offer the device at an address, whatever pci_blocked says. Returns 0, or -1 when there is none
 *  that is the driver's and free, or `enum_cb` did not take it. */
int spdk_pci_device_attach(struct spdk_pci_driver *driver, spdk_pci_enum_cb enum_cb, void *enum_ctx,
                           struct spdk_pci_addr *pci_address);
/** Give it back: its registers are unmapped, its interrupts off, its claim ends. */
void spdk_pci_device_detach(struct spdk_pci_device *device);
/** Let an address be enumerated that the options kept out. Returns 0, -EINVAL for what is no
 *  address, or -ENOMEM. */
int spdk_pci_device_allow(struct spdk_pci_addr *pci_addr);
/** Call `fn` for every device known. */
void spdk_pci_for_each_device(void *ctx, void (*fn)(void *ctx, struct spdk_pci_device *dev));

/** Map its registers; `bar` is 0 to 5. Returns 0, or a negative errno when it has no such memory.
 */
int spdk_pci_device_map_bar(struct spdk_pci_device *dev, uint32_t bar, void **mapped_addr,
                            uint64_t *phys_addr, uint64_t *size);
int spdk_pci_device_unmap_bar(struct spdk_pci_device *dev, uint32_t bar, void *mapped_addr);

/** Its one interrupt: on, off, and a descriptor that becomes readable. Negative errno; -ENOTSUP for
 *  a device that was hooked in. */
int spdk_pci_device_enable_interrupt(struct spdk_pci_device *dev);
int spdk_pci_device_disable_interrupt(struct spdk_pci_device *dev);
int spdk_pci_device_get_interrupt_efd(struct spdk_pci_device *dev);
/** MSI-X vectors need VFIO: -ENOTSUP with the kernel drivers that we know. */
int spdk_pci_device_enable_interrupts(struct spdk_pci_device *dev, uint32_t efd_count);
int spdk_pci_device_disable_interrupts(struct spdk_pci_device *dev);
int spdk_pci_device_get_interrupt_efd_by_index(struct spdk_pci_device *dev, uint32_t index);

uint32_t spdk_pci_device_get_domain(struct spdk_pci_device *dev);
uint8_t spdk_pci_device_get_bus(struct spdk_pci_device *dev);
uint8_t spdk_pci_device_get_dev(struct spdk_pci_device *dev);
uint8_t spdk_pci_device_get_func(struct spdk_pci_device *dev);
struct spdk_pci_addr spdk_pci_device_get_addr(struct spdk_pci_device *dev);
uint16_t spdk_pci_device_get_vendor_id(struct spdk_pci_device *dev);
uint16_t spdk_pci_device_get_device_id(struct spdk_pci_device *dev);
uint16_t spdk_pci_device_get_subvendor_id(struct spdk_pci_device *dev);
uint16_t spdk_pci_device_get_subdevice_id(struct spdk_pci_device *dev);
struct spdk_pci_id spdk_pci_device_get_id(struct spdk_pci_device *dev);
int spdk_pci_device_get_numa_id(struct spdk_pci_device *dev);
const char *spdk_pci_device_get_type(const struct spdk_pci_device *dev);
/** Write its Device Serial Number as 16 hexadecimal digits to `sn`, of at least 17 bytes. Returns
 * 0, or -1 when it has none. */
int spdk_pci_device_get_serial_number(struct spdk_pci_device *dev, char *sn, size_t len);
/** Whether it was taken away, so that it should be detached. */
bool spdk_pci_device_is_removed(struct spdk_pci_device *dev);

/** Keep other processes (SPDK's too) that claim from using it, until it is unclaimed or detached.
 *  Returns 0, -EACCES when somebody has claimed it, or another negative errno. */
int spdk_pci_device_claim(struct spdk_pci_device *dev);
void spdk_pci_device_unclaim(struct spdk_pci_device *dev);

/** Its configuration space. Return 0 or -1. */
int spdk_pci_device_cfg_read(struct spdk_pci_device *dev, void *buf, uint32_t len, uint32_t offset);
int spdk_pci_device_cfg_write(struct spdk_pci_device *dev, void *buf, uint32_t len,
                              uint32_t offset);
int spdk_pci_device_cfg_read8(struct spdk_pci_device *dev, uint8_t *value, uint32_t offset);
int spdk_pci_device_cfg_write8(struct spdk_pci_device *dev, uint8_t value, uint32_t offset);
int spdk_pci_device_cfg_read16(struct spdk_pci_device *dev, uint16_t *value, uint32_t offset);
int spdk_pci_device_cfg_write16(struct spdk_pci_device *dev, uint16_t value, uint32_t offset);
int spdk_pci_device_cfg_read32(struct spdk_pci_device *dev, uint32_t *value, uint32_t offset);
int spdk_pci_device_cfg_write32(struct spdk_pci_device *dev, uint32_t value, uint32_t offset);

/** Hook in a device of the program's own, for `drv`. It must stay until it is unhooked, which is
 *  when it is not attached. Returns 0, -EINVAL for one that lacks a function, or -EEXIST for an
 *  address that is taken. */
int spdk_pci_hook_device(struct spdk_pci_driver *drv, struct spdk_pci_device *dev);
void spdk_pci_unhook_device(struct spdk_pci_device *dev);

/** Who makes devices on request: spdk_pci_device_attach() asks each in turn for an address that is
 *  not known, and `attach_cb` hooks in what it has there and returns 0, or a negative errno. A
 *  device goes back to the provider whose name is its type. */
struct spdk_pci_device_provider {
	const char *name;
	int (*attach_cb)(const struct spdk_pci_addr *addr);
	void (*detach_cb)(struct spdk_pci_device *dev);
	TAILQ_ENTRY(spdk_pci_device_provider) tailq;
};

void spdk_pci_register_device_provider(struct spdk_pci_device_provider *provider);

#define SPDK_PCI_REGISTER_DEVICE_PROVIDER(name, provider)                                        \
	static void __attribute__((constructor)) _spdk_pci_register_device_provider_##name(void) \
	{                                                                                        \
		spdk_pci_register_device_provider(provider);                                     \
	}

enum spdk_pci_event_type {
	SPDK_UEVENT_ADD = 0,
	SPDK_UEVENT_REMOVE = 1,
};

struct spdk_pci_event {
	enum spdk_pci_event_type action;
	struct spdk_pci_addr traddr;
};

/** Listen to the kernel: devices given to user space and taken from it. Returns a non-blocking
 *  descriptor, the caller's to close, or a negative errno. */
int spdk_pci_event_listen(void);
/** Read the next event. Returns 1, 0 when there is none, or a negative errno. */
int spdk_pci_get_event(int fd, struct spdk_pci_event *event);

/** Called in the signal handler of an access that failed (SIGBUS), with its address, so that
 *  registers of a device that is gone may be replaced by memory. */
typedef void (*spdk_pci_error_handler)(const void *failure_addr, void *ctx);
/** Returns 0, -EINVAL for NULL, -EEXIST for one that is registered, or another negative errno. */
int spdk_pci_register_error_handler(spdk_pci_error_handler sighandler, void *ctx);
/** Once this returns it is not called any more, and not running. Not from a handler. */
void spdk_pci_unregister_error_handler(spdk_pci_error_handler sighandler);

#ifdef __cplusplus
}
#endif
#endif
