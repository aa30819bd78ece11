/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A program that uses the environment alone, with hugepages: everything in spdk/env.h that needs no
 * PCI device (tests/unit/env/pci.c has those) does what the header says. Argument: a core mask. */

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/env_dpdk.h"

#include "expect.h"

#define MB (1ul << 20)

/* --- memory ----------------------------------------------------------------------------------- */

static bool
is_zero(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len && p[i] == 0; i++) {
	}
	return i == len;
}

static void
use_buffers(void)
{
	uint64_t size = 64, offset;
	uint8_t *a, *b, *c, byte;
	int fd;

	EXPECT(spdk_malloc(64, 0, NULL, SPDK_ENV_NUMA_ID_ANY, 0) == NULL);
	EXPECT(spdk_malloc(64, 0, &size, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA) == NULL);
	EXPECT(spdk_malloc(1ul << 40, 0, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA) == NULL);
	a = spdk_malloc(100, 0, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	b = spdk_zmalloc(3 * MB, 4096, NULL, SPDK_ENV_SOCKET_ID_ANY, SPDK_MALLOC_SHARE);
	EXPECT(a != NULL && (uintptr_t)a % 64 == 0);
	EXPECT(b != NULL && (uintptr_t)b % 4096 == 0 && is_zero(b, 3 * MB));
	memset(a, 0xa5, 100);
	a = spdk_realloc(a, 10000, 512);
	EXPECT(a != NULL && (uintptr_t)a % 512 == 0 && a[0] == 0xa5 && a[99] == 0xa5);

	/* As devices see it. */
	EXPECT(spdk_vtophys(a, &size) != SPDK_VTOPHYS_ERROR && size == 64);
	EXPECT(spdk_vtophys(a + 1, NULL) == spdk_vtophys(a, NULL) + 1);
	EXPECT(spdk_vtophys(&size, NULL) == SPDK_VTOPHYS_ERROR);
	EXPECT(spdk_mem_get_numa_id(a, NULL) >= 0);
	fd = spdk_mem_get_fd_and_offset(a, &offset);
	EXPECT(fd >= 0 && lseek(fd, 0, SEEK_END) > (off_t)offset);
	EXPECT(spdk_mem_get_fd_and_offset(&size, &offset) < 0);
	EXPECT(!spdk_iommu_is_enabled() || access("/dev/vfio/vfio", F_OK) == 0);

	c = spdk_dma_malloc(64, 64, NULL);
	EXPECT(c != NULL);
	c = spdk_dma_realloc(c, 128, 64, NULL);
	EXPECT(c != NULL);
	byte = c[0];
	EXPECT(spdk_dma_realloc(c, 128, 64, &size) == NULL && c[0] == byte);
	spdk_dma_free(c);
	c = spdk_dma_zmalloc(64, 64, NULL);
	EXPECT(c != NULL && is_zero(c, 64));
	spdk_dma_free(c);
	c = spdk_dma_malloc_socket(64, 64, NULL, 0);
	EXPECT(c != NULL);
	spdk_dma_free(c);
	c = spdk_dma_zmalloc_socket(64, 64, NULL, SPDK_ENV_NUMA_ID_ANY);
	EXPECT(c != NULL && is_zero(c, 64));
	spdk_dma_free(c);
	spdk_free(a);
	spdk_free(b);
	spdk_free(NULL);
}

static void
use_zones(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);
	uint8_t *a, *b;

	a = spdk_memzone_reserve("compat_a", MB, SPDK_ENV_NUMA_ID_ANY, 0);
	b = spdk_memzone_reserve_aligned("compat_b", 100, SPDK_ENV_NUMA_ID_ANY,
	                                 SPDK_MEMZONE_NO_IOVA_CONTIG, 8192);
	EXPECT(a != NULL && is_zero(a, MB));
	EXPECT(b != NULL && (uintptr_t)b % 8192 == 0);
	EXPECT(spdk_memzone_reserve("compat_a", 64, SPDK_ENV_NUMA_ID_ANY, 0) == NULL);
	EXPECT(spdk_memzone_lookup("compat_a") == a);
	spdk_memzone_dump(file);
	spdk_env_dpdk_dump_mem_stats(file);
	fclose(file);
	EXPECT(strstr(text, "compat_b") != NULL);
	free(text);
	EXPECT(spdk_memzone_free("compat_a") == 0 && spdk_memzone_free("compat_b") == 0);
	EXPECT(spdk_memzone_free("compat_a") == -1 && spdk_memzone_lookup("compat_a") == NULL);
}

static unsigned g_made, g_pieces;

static void
made(struct spdk_mempool *pool, void *opaque, void *obj, unsigned i)
{
	g_made++;
	memset(obj, 0x11, 100);
}

static void
piece(struct spdk_mempool *pool, void *opaque, void *addr, uint64_t iova, size_t len, unsigned i)
{
	EXPECT(spdk_vtophys(addr, NULL) == iova && len > 0);
	g_pieces++;
}

static void
use_pools(void)
{
	struct spdk_mempool *pool, *other;
	void *elements[64];
	uint8_t *one;

	pool = spdk_mempool_create_ctor("compat_pool", 63, 100, 0, SPDK_ENV_NUMA_ID_ANY, made,
	                                NULL);
	EXPECT(pool != NULL && g_made == 63);
	EXPECT(strcmp(spdk_mempool_get_name(pool), "compat_pool") == 0);
	EXPECT(spdk_mempool_lookup("compat_pool") == pool && spdk_mempool_lookup("none") == NULL);
	EXPECT(spdk_mempool_create("compat_pool", 1, 1, 0, SPDK_ENV_NUMA_ID_ANY) == NULL);
	EXPECT(spdk_mempool_get_bulk(pool, elements, 64) < 0);
	EXPECT(spdk_mempool_get_bulk(pool, elements, 62) == 0);
	one = spdk_mempool_get(pool);
	EXPECT(one != NULL && one[99] == 0x11);
	/* Empty is an answer, not an end. */
	EXPECT(spdk_mempool_get(pool) == NULL && spdk_mempool_count(pool) == 0);
	spdk_mempool_put(pool, one);
	spdk_mempool_put_bulk(pool, elements, 62);
	EXPECT(spdk_mempool_count(pool) == 63);
	EXPECT(spdk_mempool_obj_iter(pool, made, NULL) == 63 && g_made == 126);
	EXPECT(spdk_mempool_mem_iter(pool, piece, NULL) == g_pieces && g_pieces > 0);
	other = spdk_mempool_create("compat_other", 1024, 64, SPDK_MEMPOOL_DEFAULT_CACHE_SIZE, 0);
	EXPECT(other != NULL && spdk_mempool_count(other) == 1024);
	spdk_mempool_free(other);
	spdk_mempool_free(pool);
	EXPECT(spdk_mempool_lookup("compat_pool") == NULL);
}

static void
use_rings(void)
{
	static const enum spdk_ring_type types[] = { SPDK_RING_TYPE_SP_SC, SPDK_RING_TYPE_MP_SC,
		                                     SPDK_RING_TYPE_MP_MC };
	void *in[8] = { (void *)1, (void *)2, (void *)3 }, *out[8];
	struct spdk_ring *ring;
	size_t i, left;

	for (i = 0; i < 3; i++) {
		ring = spdk_ring_create(types[i], 8, SPDK_ENV_NUMA_ID_ANY);
		EXPECT(ring != NULL);
		EXPECT(spdk_ring_enqueue(ring, in, 3, &left) == 3 && left == 4);
		EXPECT(spdk_ring_enqueue(ring, in, 5, NULL) == 0 && spdk_ring_count(ring) == 3);
		EXPECT(spdk_ring_dequeue(ring, out, 8) == 3 && out[2] == (void *)3);
		spdk_ring_free(ring);
	}
	EXPECT(spdk_ring_create(SPDK_RING_TYPE_SP_SC, 7, SPDK_ENV_NUMA_ID_ANY) == NULL);
	spdk_ring_free(NULL);
}

/* --- registered memory ------------------------------------------------------------------------ */

static uint64_t g_known;

static int
notify(void *ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, void *vaddr,
       size_t size)
{
	g_known += action == SPDK_MEM_MAP_NOTIFY_REGISTER ? size : -size;
	return action == SPDK_MEM_MAP_NOTIFY_REGISTER
	               ? spdk_mem_map_set_translation(map, (uintptr_t)vaddr, size, 1)
	               : spdk_mem_map_clear_translation(map, (uintptr_t)vaddr, size);
}

static int
contiguous(uint64_t a, uint64_t b)
{
	return a == b;
}

static void
use_mem_maps(void)
{
	static const struct spdk_mem_map_ops ops = { notify, contiguous };
	struct spdk_mem_map *map = spdk_mem_map_alloc(0, &ops, NULL);
	void *buf = spdk_dma_malloc(64, 64, NULL), *mine;
	uint64_t before, size = 8 * MB;

	/* A new map knows all that the environment has. */
	EXPECT(map != NULL && g_known >= 64 * MB);
	EXPECT(spdk_mem_map_translate(map, (uintptr_t)buf, NULL) == 1);
	EXPECT(spdk_mem_map_translate(map, (uintptr_t)&size, NULL) == 0);
	/* A hugepage of the program's own. */
	mine = mmap(NULL, 2 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
	            -1, 0);
	EXPECT(mine != MAP_FAILED);
	before = g_known;
	EXPECT(spdk_mem_reserve(mine, 2 * MB) == 0 && g_known == before);
	EXPECT(spdk_mem_register(mine, 2 * MB) == 0 && g_known == before + 2 * MB);
	EXPECT(spdk_mem_register(mine, 2 * MB) == -EBUSY);
	EXPECT(spdk_vtophys((char *)mine + 5, NULL) == spdk_vtophys(mine, NULL) + 5);
	size = 8 * MB;
	EXPECT(spdk_mem_map_translate(map, (uintptr_t)mine, &size) == 1 && size >= 2 * MB);
	EXPECT(spdk_mem_unregister((char *)mine + 4096, 4096) == -ERANGE);
	EXPECT(spdk_mem_unregister(mine, 2 * MB) == 0 && g_known == before);
	EXPECT(spdk_mem_unregister(mine, 2 * MB) == -EINVAL);
	EXPECT(spdk_vtophys(mine, NULL) == SPDK_VTOPHYS_ERROR);
	spdk_mem_map_free(&map);
	EXPECT(map == NULL && g_known == 0);
	munmap(mine, 2 * MB);
	spdk_dma_free(buf);
}

/* --- cores and time --------------------------------------------------------------------------- */

static int
on_core(void *arg)
{
	uint32_t *core = arg;

	*core = spdk_env_get_current_core();
	EXPECT(spdk_get_tid() != getpid());
	return 0;
}

static void *
count_cpus(void *arg)
{
	cpu_set_t set;

	EXPECT(sched_getaffinity(0, sizeof(set), &set) == 0);
	*(int *)arg = CPU_COUNT(&set);
	return arg;
}

static void
use_cores(void)
{
	uint32_t core, count = 0, last = 0, ran = UINT32_MAX, main_core = spdk_env_get_main_core();
	struct spdk_cpuset set;
	int32_t node, nodes = 0;
	int before, during, after;

	EXPECT(spdk_process_is_primary() && !spdk_env_dpdk_external_init());
	EXPECT(spdk_env_get_current_core() == main_core && spdk_get_tid() == getpid());
	spdk_env_get_cpuset(&set);
	SPDK_ENV_FOREACH_CORE (core) {
		EXPECT(spdk_cpuset_get_cpu(&set, core));
		EXPECT(spdk_env_get_numa_id(core) >= SPDK_ENV_NUMA_ID_ANY);
		last = core;
		count++;
	}
	EXPECT(count == spdk_env_get_core_count() && count == spdk_cpuset_count(&set));
	EXPECT(last == spdk_env_get_last_core() && spdk_env_get_next_core(last) == UINT32_MAX);
	SPDK_ENV_FOREACH_NUMA_ID(node)
	{
		nodes++;
		EXPECT(node <= spdk_env_get_last_numa_id());
	}
	EXPECT(nodes >= 1 && spdk_env_get_first_numa_id() >= 0);
	if (spdk_env_core_get_smt_cpuset(&set, main_core)) {
		EXPECT(spdk_cpuset_count(&set) >= 1);
	}
	EXPECT(spdk_env_thread_launch_pinned(1000, on_core, &ran) < 0);
	if (count > 1) {
		core = last != main_core ? last : spdk_env_get_first_core();
		EXPECT(spdk_env_thread_launch_pinned(core, on_core, &ran) == 0);
		spdk_env_thread_wait_all();
		EXPECT(ran == core);
	}
	count_cpus(&before);
	EXPECT(spdk_call_unaffinitized(count_cpus, &during) == &during);
	count_cpus(&after);
	EXPECT(before == 1 && during >= before && after == before);
	spdk_unaffinitize_thread();
	count_cpus(&after);
	EXPECT(after == during);
}

static void
use_time(void)
{
	uint64_t begin = spdk_get_ticks(), hz = spdk_get_ticks_hz(), took;

	spdk_delay_us(2000);
	spdk_pause();
	took = spdk_get_ticks() - begin;
	EXPECT(hz > 1000000 && took >= hz / 500);
}

/* --- PCI, without devices of its own ---------------------------------------------------------- */

static int
no_device(void *ctx, struct spdk_pci_device *dev)
{
	return 1;
}

static void
any_device(void *ctx, struct spdk_pci_device *dev)
{
	++*(unsigned *)ctx;
}

static void
use_pci(void)
{
	struct spdk_pci_addr a, b;
	struct spdk_pci_event event;
	unsigned count = 0;
	char bdf[32];
	int fd;

	EXPECT(spdk_pci_addr_parse(&a, "0000:81:1f.7") == 0 && a.bus == 0x81 && a.func == 7);
	EXPECT(spdk_pci_addr_parse(&b, "10000.81.1f.7") == 0 && b.domain == 0x10000);
	EXPECT(spdk_pci_addr_parse(&b, "nonsense") < 0);
	EXPECT(spdk_pci_addr_compare(&a, &a) == 0);
	EXPECT(spdk_pci_addr_fmt(bdf, sizeof(bdf), &a) == 0 && strcmp(bdf, "0000:81:1f.7") == 0);
	EXPECT(spdk_pci_get_driver("nvme") == spdk_pci_nvme_get_driver());
	EXPECT(spdk_pci_enumerate(spdk_pci_nvme_get_driver(), no_device, NULL) == 0);
	EXPECT(spdk_pci_device_attach(spdk_pci_nvme_get_driver(), no_device, NULL, &a) == -1);
	EXPECT(spdk_pci_device_allow(&a) == 0);
	spdk_pci_for_each_device(&count, any_device);
	fd = spdk_pci_event_listen();
	EXPECT(fd >= 0 && spdk_pci_get_event(fd, &event) >= 0);
	close(fd);
}

int
main(int argc, char **argv)
{
	struct spdk_env_dpdk_mem_stats stats;
	struct spdk_env_opts opts;
	int round;

	opts.opts_size = sizeof(opts);
	spdk_env_opts_init(&opts);
	opts.name = "use_env";
	opts.core_mask = argv[1];
	opts.mem_size = 64;
	EXPECT(spdk_env_init(NULL) < 0);
	EXPECT(spdk_env_init(&opts) == 0);
	/* And once more, in the same process. */
	for (round = 0; round < 2; round++) {
		g_made = g_pieces = 0;
		use_buffers();
		use_zones();
		use_pools();
		use_rings();
		use_mem_maps();
		use_time();
		use_pci();
		EXPECT(spdk_env_dpdk_get_mem_stats(&stats, 0) == 0 && stats.heap_totalsz_bytes > 0);
		if (round == 0) {
			spdk_env_fini();
			EXPECT(spdk_env_init(NULL) == 0);
		}
	}
	use_cores();
	spdk_env_fini();
	printf("the environment is as the header says\n");
	return 0;
}
