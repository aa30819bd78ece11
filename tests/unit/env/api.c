/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* spdk/env.h over a real EAL, in ordinary memory: it runs on machines without hugepages. */

#include "tests/unit/test.h"

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "core/env/env_internal.h"
#include "core/env/env_private.h"
#include "spdk/cpuset.h"
#include "spdk/env_dpdk.h"

#define ID 112

static char g_root[] = "/tmp/cal-unit-env-XXXXXX";
static uint64_t g_open_before; /* descriptors */

static void
instance_file(char *path, size_t size, const char *name)
{
	REQUIRE(cal_instance_path(path, size, ID, name) == 0);
}

/* What EAL's heap says and what our accounts say are one, whatever has been done. */
static void
check_accounts(void)
{
	struct spdk_env_dpdk_mem_stats eal;

	REQUIRE(spdk_env_dpdk_get_mem_stats(&eal, 0) == 0);
	CHECK_EQ(cal_stats_memory()->heap_bytes, eal.heap_totalsz_bytes);
	CHECK(cal_stats_memory()->heap_used_bytes <= eal.heap_allocsz_bytes);
	CHECK(cal_stats_memory()->heap_allocs <= eal.alloc_count);
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	return len == 0;
}

static void
test_start_refuses(void)
{
	struct spdk_env_opts opts = { .opts_size = sizeof(opts) };

	CHECK_EQ(spdk_env_init(&opts), -EALREADY);
	CHECK_EQ(spdk_env_init(NULL), -EALREADY);
	CHECK(spdk_process_is_primary());
	CHECK(!spdk_env_dpdk_external_init());
}

static void
test_buffers(void)
{
	struct cal_stats_memory before = *cal_stats_memory();
	uint64_t unused;
	uint8_t *buf, *again;

	buf = spdk_zmalloc(10000, 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	REQUIRE(buf != NULL);
	CHECK_EQ((uintptr_t)buf % 4096, 0);
	CHECK(all_zero(buf, 10000));
	CHECK_EQ(cal_stats_memory()->heap_allocs, before.heap_allocs + 1);
	CHECK(cal_stats_memory()->heap_used_bytes >= before.heap_used_bytes + 10000);
	check_accounts();
	memset(buf, 0x5a, 10000);
	buf = spdk_realloc(buf, 20000, 4096);
	REQUIRE(buf != NULL);
	CHECK_EQ((uintptr_t)buf % 4096, 0);
	CHECK(buf[0] == 0x5a && buf[9999] == 0x5a);
	CHECK(cal_stats_memory()->heap_used_bytes >= before.heap_used_bytes + 20000);
	check_accounts();
	spdk_free(buf);
	CHECK_EQ(cal_stats_memory()->heap_allocs, before.heap_allocs);
	CHECK_EQ(cal_stats_memory()->heap_used_bytes, before.heap_used_bytes);
	/* What was written before is not handed out again as zeroes. */
	again = spdk_zmalloc(20000, 4096, NULL, 0, SPDK_MALLOC_SHARE);
	REQUIRE(again != NULL);
	CHECK(all_zero(again, 20000));
	spdk_free(again);

	CHECK(spdk_malloc(64, 0, NULL, SPDK_ENV_NUMA_ID_ANY, 0) == NULL);
	CHECK(spdk_malloc(64, 0, &unused, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA) == NULL);
	CHECK(spdk_malloc(64, 48, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA) == NULL);
	CHECK(spdk_malloc(1ull << 40, 0, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA) == NULL);
	CHECK(spdk_realloc(NULL, 64, 48) == NULL);
	buf = spdk_dma_malloc_socket(1, 0, NULL, SPDK_ENV_NUMA_ID_ANY);
	REQUIRE(buf != NULL);
	CHECK_EQ((uintptr_t)buf % 64, 0);
	CHECK(spdk_dma_realloc(buf, 100, 0, &unused) == NULL);
	CHECK(spdk_dma_realloc(buf, 1ull << 40, 0, NULL) == NULL);
	spdk_dma_free(buf);
	spdk_free(NULL);
	CHECK_EQ(cal_stats_memory()->heap_allocs, before.heap_allocs);
	CHECK_EQ(cal_stats_memory()->heap_used_bytes, before.heap_used_bytes);
}

static void
test_memzones(void)
{
	struct cal_stats_memory before = *cal_stats_memory();
	uint8_t *zone;

	zone = spdk_memzone_reserve_aligned("zone", 5000, SPDK_ENV_NUMA_ID_ANY,
	                                    SPDK_MEMZONE_NO_IOVA_CONTIG, 1024);
	REQUIRE(zone != NULL);
	CHECK_EQ((uintptr_t)zone % 1024, 0);
	CHECK(all_zero(zone, 5000));
	memset(zone, 1, 5000);
	CHECK(spdk_memzone_lookup("zone") == zone);
	CHECK(spdk_memzone_reserve("zone", 64, SPDK_ENV_NUMA_ID_ANY, 0) == NULL);
	CHECK_EQ(cal_stats_memory()->heap_allocs, before.heap_allocs + 1);
	check_accounts();
	CHECK_EQ(spdk_memzone_free("zone"), 0);
	CHECK_EQ(spdk_memzone_free("zone"), -1);
	CHECK(spdk_memzone_lookup("zone") == NULL);
	CHECK_EQ(cal_stats_memory()->heap_used_bytes, before.heap_used_bytes);
}

struct seen {
	unsigned count;
	uint64_t bytes;
};

static void
obj_init(struct spdk_mempool *mp, void *arg, void *obj, unsigned idx)
{
	*(uint64_t *)obj = 1000 + idx;
	((struct seen *)arg)->count++;
}

static void
obj_sum(struct spdk_mempool *mp, void *arg, void *obj, unsigned idx)
{
	((struct seen *)arg)->bytes += *(uint64_t *)obj - 1000 - idx;
	((struct seen *)arg)->count++;
}

static void
mem_sum(struct spdk_mempool *mp, void *arg, void *addr, uint64_t iova, size_t len, unsigned idx)
{
	CHECK_EQ(((struct seen *)arg)->count, idx);
	((struct seen *)arg)->count++;
	((struct seen *)arg)->bytes += len;
}

static void
test_mempools(void)
{
	struct cal_stats_memory before = *cal_stats_memory();
	struct seen made = { 0 }, walked = { 0 }, chunks = { 0 };
	struct spdk_mempool *mp;
	void *ele[100], *one;

	mp = spdk_mempool_create_ctor("pool", 100, 512, SPDK_MEMPOOL_DEFAULT_CACHE_SIZE,
	                              SPDK_ENV_NUMA_ID_ANY, obj_init, &made);
	REQUIRE(mp != NULL);
	CHECK_EQ(made.count, 100);
	CHECK_STR(spdk_mempool_get_name(mp), "pool");
	CHECK(spdk_mempool_lookup("pool") == mp);
	CHECK(spdk_mempool_lookup("other") == NULL);
	CHECK(spdk_mempool_create("pool", 10, 64, 0, SPDK_ENV_NUMA_ID_ANY) == NULL);
	CHECK_EQ(spdk_mempool_count(mp), 100);
	check_accounts();

	CHECK_EQ(spdk_mempool_get_bulk(mp, ele, 100), 0);
	CHECK_EQ(spdk_mempool_count(mp), 0);
	CHECK(spdk_mempool_get(mp) == NULL);
	CHECK(spdk_mempool_get_bulk(mp, &one, 1) < 0);
	spdk_mempool_put(mp, ele[99]);
	one = spdk_mempool_get(mp);
	CHECK(one == ele[99]);
	spdk_mempool_put_bulk(mp, ele, 100);
	CHECK_EQ(spdk_mempool_count(mp), 100);
	CHECK_EQ(spdk_mempool_obj_iter(mp, obj_sum, &walked), 100);
	CHECK_EQ(walked.count, 100);
	CHECK_EQ(walked.bytes, 0);
	CHECK_EQ(spdk_mempool_mem_iter(mp, mem_sum, &chunks), chunks.count);
	CHECK(chunks.bytes >= 100ull * 512);

	spdk_mempool_free(mp);
	spdk_mempool_free(NULL);
	CHECK(spdk_mempool_lookup("pool") == NULL);
	CHECK_EQ(cal_stats_memory()->heap_allocs, before.heap_allocs);
	CHECK_EQ(cal_stats_memory()->heap_used_bytes, before.heap_used_bytes);
	CHECK(spdk_mempool_create("none", 0, 64, 0, SPDK_ENV_NUMA_ID_ANY) == NULL);
	CHECK(spdk_mempool_create("huge", 1000, 1 << 30, 0, SPDK_ENV_NUMA_ID_ANY) == NULL);
	CHECK_EQ(cal_stats_memory()->heap_allocs, before.heap_allocs);
}

static void
ring_try(enum spdk_ring_type type)
{
	void *in[8], *out[8];
	struct spdk_ring *ring;
	size_t i, left;

	ring = spdk_ring_create(type, 8, SPDK_ENV_NUMA_ID_ANY);
	REQUIRE(ring != NULL);
	for (i = 0; i < 8; i++) {
		in[i] = &in[i];
	}
	CHECK_EQ(spdk_ring_enqueue(ring, in, 8, &left), 0);
	CHECK_EQ(left, 7);
	CHECK_EQ(spdk_ring_enqueue(ring, in, 5, &left), 5);
	CHECK_EQ(left, 2);
	CHECK_EQ(spdk_ring_count(ring), 5);
	CHECK_EQ(spdk_ring_enqueue(ring, in + 5, 3, NULL), 0);
	CHECK_EQ(spdk_ring_enqueue(ring, in + 5, 2, NULL), 2);
	CHECK_EQ(spdk_ring_dequeue(ring, out, 8), 7);
	for (i = 0; i < 7; i++) {
		CHECK(out[i] == in[i]);
	}
	CHECK_EQ(spdk_ring_dequeue(ring, out, 8), 0);
	spdk_ring_free(ring);
}

static void
test_rings(void)
{
	struct cal_stats_memory before = *cal_stats_memory();
	struct spdk_ring *many[3000];
	size_t i;

	ring_try(SPDK_RING_TYPE_SP_SC);
	ring_try(SPDK_RING_TYPE_MP_SC);
	ring_try(SPDK_RING_TYPE_MP_MC);
	CHECK(spdk_ring_create(SPDK_RING_TYPE_MP_SC, 7, SPDK_ENV_NUMA_ID_ANY) == NULL);
	CHECK(spdk_ring_create((enum spdk_ring_type)9, 8, SPDK_ENV_NUMA_ID_ANY) == NULL);
	CHECK(spdk_ring_create(SPDK_RING_TYPE_MP_SC, 1ull << 33, SPDK_ENV_NUMA_ID_ANY) == NULL);
	/* More than there can be memory zones. */
	for (i = 0; i < 3000; i++) {
		many[i] = spdk_ring_create(SPDK_RING_TYPE_MP_SC, 8, SPDK_ENV_NUMA_ID_ANY);
		REQUIRE(many[i] != NULL);
	}
	for (i = 0; i < 3000; i++) {
		spdk_ring_free(many[i]);
	}
	spdk_ring_free(NULL);
	CHECK_EQ(cal_stats_memory()->heap_used_bytes, before.heap_used_bytes);
}

/* EAL's start and wait order what both sides do, but the thread sanitizer does not see that in a
 * library that it did not compile: hence atomics, in static variables. */
static uint32_t g_core_seen;
static bool g_core_go;

static int
core_note(void *arg)
{
	__atomic_store_n((uint32_t *)arg, spdk_env_get_current_core(), __ATOMIC_RELAXED);
	return 0;
}

static void *
foreign_thread(void *arg)
{
	*(uint32_t *)arg = spdk_env_get_current_core();
	return NULL;
}

static void
test_cores(void)
{
	uint32_t core, seen = 0, count = 0, last = 0;
	uint32_t *there = &g_core_seen;
	struct spdk_cpuset *set = spdk_cpuset_alloc();
	pthread_t thread;
	int32_t node;

	CHECK_EQ(spdk_env_get_core_count(), 2);
	CHECK_EQ(spdk_env_get_first_core(), 3);
	CHECK_EQ(spdk_env_get_last_core(), 5);
	CHECK_EQ(spdk_env_get_main_core(), 3);
	CHECK_EQ(spdk_env_get_current_core(), 3);
	SPDK_ENV_FOREACH_CORE (core) {
		count++;
		last = core;
	}
	CHECK_EQ(count, 2);
	CHECK_EQ(last, 5);
	CHECK_EQ(spdk_env_get_next_core(5), UINT32_MAX);
	CHECK_EQ(spdk_env_get_numa_id(1000), SPDK_ENV_NUMA_ID_ANY);
	CHECK_EQ(spdk_env_get_first_numa_id(), 0);
	count = 0;
	SPDK_ENV_FOREACH_NUMA_ID(node)
	{
		count++;
	}
	CHECK(count >= 1);
	CHECK_EQ(spdk_env_get_next_numa_id(spdk_env_get_last_numa_id()), INT32_MAX);
	CHECK_EQ(spdk_env_get_next_numa_id(77), INT32_MAX);

	REQUIRE(set != NULL);
	spdk_env_get_cpuset(set);
	CHECK_EQ(spdk_cpuset_count(set), 2);
	CHECK(spdk_cpuset_get_cpu(set, 3) && spdk_cpuset_get_cpu(set, 5));
	if (spdk_env_core_get_smt_cpuset(set, 0)) {
		CHECK(spdk_cpuset_get_cpu(set, 0));
	}
	spdk_cpuset_free(set);

	CHECK_EQ(spdk_env_thread_launch_pinned(5, core_note, there), 0);
	spdk_env_thread_wait_all();
	CHECK_EQ(__atomic_load_n(there, __ATOMIC_RELAXED), 5);
	CHECK_EQ(spdk_env_thread_launch_pinned(3, core_note, there), -EINVAL);
	CHECK_EQ(spdk_env_thread_launch_pinned(4, core_note, there), -EINVAL);
	REQUIRE(pthread_create(&thread, NULL, foreign_thread, &seen) == 0);
	pthread_join(thread, NULL);
	CHECK_EQ(seen, SPDK_ENV_LCORE_ID_ANY);
}

static int
wait_for(void *arg)
{
	while (!__atomic_load_n((bool *)arg, __ATOMIC_ACQUIRE)) {
		usleep(1000);
	}
	return 0;
}

static void
test_core_is_busy(void)
{
	REQUIRE(spdk_env_thread_launch_pinned(5, wait_for, &g_core_go) == 0);
	CHECK_EQ(spdk_env_thread_launch_pinned(5, wait_for, &g_core_go), -EBUSY);
	__atomic_store_n(&g_core_go, true, __ATOMIC_RELEASE);
	spdk_env_thread_wait_all();
	CHECK_EQ(spdk_env_thread_launch_pinned(5, wait_for, &g_core_go), 0);
	spdk_env_thread_wait_all();
}

static void
test_addresses(void)
{
	uint8_t *buf = spdk_dma_malloc(3 << 20, 4096, NULL);
	uint64_t size = 1 << 20, other = 8;
	int local, fd;
	uint8_t byte;

	REQUIRE(buf != NULL);
	/* Ordinary memory is known to devices under its virtual address, if at all. */
	CHECK_EQ(spdk_vtophys(buf + 5, &size), (uintptr_t)buf + 5);
	CHECK_EQ(size, 1 << 20);
	CHECK_EQ(spdk_vtophys(buf, NULL), (uintptr_t)buf);
	CHECK_EQ(spdk_vtophys(&local, &other), SPDK_VTOPHYS_ERROR);
	other = 100;
	CHECK_EQ(spdk_mem_get_numa_id(buf, &other), 0);
	CHECK_EQ(other, 100);
	CHECK_EQ(spdk_mem_get_numa_id(&local, NULL), SPDK_ENV_NUMA_ID_ANY);
	CHECK_EQ(spdk_mem_get_fd_and_offset(&local, &other), -EINVAL);
	CHECK_EQ(spdk_mem_get_fd_and_offset(buf, NULL), -EINVAL);
	/* What the descriptor has there is what is here. */
	fd = spdk_mem_get_fd_and_offset(buf + 5, &other);
	REQUIRE(fd >= 0);
	buf[5] = 0xa7;
	CHECK_EQ(pread(fd, &byte, 1, (off_t)other), 1);
	CHECK_EQ(byte, 0xa7);
	/* The environment's memory is registered, and stays so. */
	CHECK_EQ(spdk_mem_register((void *)((uintptr_t)buf & ~4095ul), 4096), -EBUSY);
	CHECK_EQ(spdk_mem_unregister((void *)((uintptr_t)buf & ~4095ul), 4096), -ERANGE);
	spdk_dma_free(buf);
}

/* Memory that the program brings. */
static void
test_foreign_memory(void)
{
	size_t len = 4 << 20;
	uint8_t *mine = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t size = UINT64_MAX;

	REQUIRE(mine != MAP_FAILED);
	CHECK_EQ(spdk_vtophys(mine, NULL), SPDK_VTOPHYS_ERROR);
	CHECK_EQ(spdk_mem_register(mine, len), 0);
	CHECK_EQ(spdk_vtophys(mine + 12345, &size), (uintptr_t)mine + 12345);
	CHECK(size >= len - 12345);
	CHECK_EQ(spdk_mem_get_numa_id(mine, NULL), SPDK_ENV_NUMA_ID_ANY);
	CHECK_EQ(spdk_mem_unregister(mine, len), 0);
	CHECK_EQ(spdk_vtophys(mine, NULL), SPDK_VTOPHYS_ERROR);
	munmap(mine, len);
}

static void
test_dumps(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	REQUIRE(f != NULL);
	REQUIRE(spdk_memzone_reserve("dumped", 64, SPDK_ENV_NUMA_ID_ANY, 0) != NULL);
	spdk_memzone_dump(f);
	spdk_env_dpdk_dump_mem_stats(f);
	fclose(f);
	CHECK(strstr(text, "dumped") != NULL);
	CHECK(strstr(text, "Alloc_count") != NULL);
	free(text);
	CHECK_EQ(spdk_memzone_free("dumped"), 0);
	CHECK_EQ(spdk_env_dpdk_get_mem_stats(NULL, 0), -EINVAL);
}

static void
test_descriptors_close_on_exec(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int fd, count = 0;

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		fd = atoi(entry->d_name);
		if (fd > 2 && fd < 64 && (g_open_before >> fd & 1) == 0 && fd != dirfd(dir)) {
			count++;
			CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		}
	}
	closedir(dir);
	CHECK(count > 0);
	CHECK(getenv("RUNTIME_DIRECTORY") == NULL);
}

/* Another process has the lock on `config` still to fear after a template was written. */
static int
config_is_locked(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int status = -1, fd;
	pid_t pid = fork();

	if (pid == 0) {
		fd = open(path, O_RDWR);
		_exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static int
files_differ(const char *a, const char *b)
{
	char command[CAL_PATH_MAX * 2 + 32];

	snprintf(command, sizeof(command), "cmp -s %s %s", a, b);
	return system(command);
}

static void
test_template(void)
{
	char config[CAL_PATH_MAX], name[CAL_PATH_MAX], copy[CAL_PATH_MAX], path[CAL_PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int lists = 0;
	DIR *dir;

	instance_file(name, sizeof(name), "dpdk/cal/config");
	instance_file(config, sizeof(config), "dpdk/cal/kept");
	instance_file(copy, sizeof(copy), "template/config");
	/* Its own name goes: nobody shall open it. */
	REQUIRE(link(name, config) == 0);
	CHECK(config_is_locked(config));
	REQUIRE(env_template_write(ID) == 0);
	CHECK(config_is_locked(config));
	/* A second one takes the place of the first. */
	REQUIRE(env_template_write(ID) == 0);
	CHECK(config_is_locked(config));
	CHECK_EQ(files_differ(config, copy), 0);
	CHECK(access(name, F_OK) < 0);
	unlink(config);

	instance_file(path, sizeof(path), "template");
	dir = opendir(path);
	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		CHECK(strncmp(entry->d_name, "mp_socket", 9) != 0);
		/* Of the lists only that of the memory zones has anything in it. */
		if (strncmp(entry->d_name, "fbarray_", 8) == 0 &&
		    strcmp(entry->d_name, "fbarray_memzone") != 0) {
			lists++;
			REQUIRE(fstatat(dirfd(dir), entry->d_name, &st, 0) == 0);
			CHECK(st.st_size > 0);
			CHECK_EQ(st.st_blocks, 0);
			CHECK_EQ(st.st_mode & 0777, 0400);
		}
	}
	closedir(dir);
	CHECK(lists > 0);
	CHECK(env_template_write(ID + 1) == -ENOENT);
}

/* Last: the environment ends, and starts again without options. */
static void
test_end_and_start_again(void)
{
	char folder[CAL_PATH_MAX];
	void *buf;

	instance_file(folder, sizeof(folder), "");
	CHECK_EQ(access(folder, F_OK), 0);
	spdk_env_fini();
	CHECK(access(folder, F_OK) != 0);
	CHECK_EQ(spdk_vtophys(folder, NULL), SPDK_VTOPHYS_ERROR);
	CHECK_EQ(spdk_env_init(NULL), 0);
	CHECK_EQ(spdk_env_init(NULL), -EALREADY);
	buf = spdk_malloc(4096, 0, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	CHECK(buf != NULL);
	CHECK_EQ(spdk_vtophys(buf, NULL), (uintptr_t)buf);
	spdk_free(buf);
	spdk_env_fini();
}

static int
setup(void)
{
	struct spdk_env_opts opts = { .opts_size = sizeof(opts) };

	int fd;

	for (fd = 0; fd < 64; fd++) {
		g_open_before |= (uint64_t)(fcntl(fd, F_GETFD) >= 0) << fd;
	}
	if (mkdtemp(g_root) == NULL || setenv("CALANDRIA_RUN_ROOT", g_root, 1) != 0 ||
	    spdk_env_init(NULL) != -EINVAL) {
		return -1;
	}
	spdk_env_opts_init(&opts);
	opts.shm_id = ID;
	opts.core_mask = NULL;
	/* Two cores wherever there is one. */
	opts.lcore_map = "3@0,5@0";
	opts.mem_size = 64;
	opts.no_huge = true;
	opts.no_pci = true;
#ifdef __SANITIZE_THREAD__
	/* Its shadow is where we map by default; this is below it. */
	opts.base_virtaddr = 0x4000000000;
#endif
	return spdk_env_init(&opts);
}

static int
teardown(void)
{
	env_dir_remove(g_root);
	return access(g_root, F_OK) == 0;
}

static const struct test_case g_cases[] = {
	TEST(test_start_refuses),
	TEST(test_buffers),
	TEST(test_memzones),
	TEST(test_mempools),
	TEST(test_rings),
	TEST(test_cores),
	TEST(test_core_is_busy),
	TEST(test_addresses),
	TEST(test_foreign_memory),
	TEST(test_dumps),
	TEST(test_descriptors_close_on_exec),
	TEST(test_template),
	TEST(test_end_and_start_again),
};

TEST_MAIN_WITH("env/api", g_cases, setup, teardown)
