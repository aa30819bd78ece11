/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Options, pools, modules: what there is one of. The memory of a pool is one piece, of which a page
 * is touched only when a buffer in it is used. */

#include "core/thread/io_device.h"
#include "core/thread/iobuf.h"

#include "calandria/stats.h"
#include "spdk/log.h"

#define MIN_SMALL_COUNT   64
#define MIN_LARGE_COUNT   8
#define MIN_SMALL_BUFSIZE 4096
#define MIN_LARGE_BUFSIZE 8192
#define MAX_COUNT         (UINT64_C(1) << 30)
/* Nobody's own choice takes at most one part in so many of the environment's memory. */
#define DEFAULT_SHARE 4
#define MB            (UINT64_C(1) << 20)

/* A large one holds 128 KiB and what a user may have around it. */
static const struct spdk_iobuf_opts g_defaults = {
	.small_pool_count = 8192,
	.large_pool_count = 1024,
	.small_bufsize = 8 * 1024,
	.large_bufsize = 132 * 1024,
	.opts_size = sizeof(struct spdk_iobuf_opts),
};

struct iobuf g_iobuf = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.modules = STAILQ_HEAD_INITIALIZER(g_iobuf.modules),
	.gone = STAILQ_HEAD_INITIALIZER(g_iobuf.gone),
};

static struct {
	struct spdk_iobuf_opts chosen; /* by spdk_iobuf_set_opts() */
	bool is_chosen;
	spdk_iobuf_finish_cb finish_cb;
	void *finish_arg;
} g_life;

/* --- options ---------------------------------------------------------------------------------- */

static uint64_t
bytes_needed(const struct spdk_iobuf_opts *opts)
{
	/* Counts are below 2^30 and sizes below 2^32 + a page: no overflow. */
	uint64_t bytes = opts->small_pool_count *
	                 SPDK_ALIGN_CEIL((uint64_t)opts->small_bufsize, (uint64_t)IOBUF_ALIGN);
	int32_t node;
	uint64_t nodes = 0;

	bytes += opts->large_pool_count *
	         SPDK_ALIGN_CEIL((uint64_t)opts->large_bufsize, (uint64_t)IOBUF_ALIGN);
	if (!opts->enable_numa) {
		return bytes;
	}
	SPDK_ENV_FOREACH_NUMA_ID(node)
	{
		nodes++;
	}
	return bytes * spdk_max(nodes, UINT64_C(1));
}

/* The defaults, or as much of them as the memory suggests. */
static struct spdk_iobuf_opts
opts_for_this_memory(void)
{
	struct spdk_iobuf_opts opts = g_defaults;
	uint64_t share = cal_stats_memory()->heap_bytes / DEFAULT_SHARE;
	uint64_t needed = bytes_needed(&opts);

	/* 0: there is no environment (yet) to ask. */
	if (share > 0 && share < needed) {
		opts.small_pool_count =
			spdk_max(opts.small_pool_count * share / needed, (uint64_t)MIN_SMALL_COUNT);
		opts.large_pool_count =
			spdk_max(opts.large_pool_count * share / needed, (uint64_t)MIN_LARGE_COUNT);
	}
	return opts;
}

static struct spdk_iobuf_opts
opts_wanted(void)
{
	return g_life.is_chosen ? g_life.chosen : opts_for_this_memory();
}

static int
opts_check(const struct spdk_iobuf_opts *opts)
{
	int32_t last = opts->enable_numa ? spdk_env_get_last_numa_id() : 0;

	if (opts->small_pool_count < MIN_SMALL_COUNT || opts->small_pool_count > MAX_COUNT) {
		SPDK_ERRLOG("small_pool_count %" PRIu64 " is not between %d and %" PRIu64 "\n",
		            opts->small_pool_count, MIN_SMALL_COUNT, MAX_COUNT);
	} else if (opts->large_pool_count < MIN_LARGE_COUNT || opts->large_pool_count > MAX_COUNT) {
		SPDK_ERRLOG("large_pool_count %" PRIu64 " is not between %d and %" PRIu64 "\n",
		            opts->large_pool_count, MIN_LARGE_COUNT, MAX_COUNT);
	} else if (opts->small_bufsize < MIN_SMALL_BUFSIZE) {
		SPDK_ERRLOG("small_bufsize %" PRIu32 " is less than %d\n", opts->small_bufsize,
		            MIN_SMALL_BUFSIZE);
	} else if (opts->large_bufsize < MIN_LARGE_BUFSIZE ||
	           opts->large_bufsize < opts->small_bufsize) {
		SPDK_ERRLOG("large_bufsize %" PRIu32 " is less than %d or small_bufsize\n",
		            opts->large_bufsize, MIN_LARGE_BUFSIZE);
	} else if (last >= SPDK_CONFIG_MAX_NUMA_NODES && last != INT32_MAX) {
		SPDK_ERRLOG("enable_numa: this machine has NUMA node %" PRId32
		            ", this build has room for %d (SPDK_CONFIG_MAX_NUMA_NODES)\n",
		            last, SPDK_CONFIG_MAX_NUMA_NODES);
	} else {
		return 0;
	}
	return -EINVAL;
}

static void
say_too_much(const struct spdk_iobuf_opts *opts, uint64_t available)
{
	SPDK_ERRLOG("iobuf pools of %" PRIu64 " x %" PRIu32 " and %" PRIu64 " x %" PRIu32
	            " bytes take %" PRIu64 " MB and %" PRIu64
	            " MB are free: start with a larger -s, or lower small_pool_count and "
	            "large_pool_count (iobuf_set_options)\n",
	            opts->small_pool_count, opts->small_bufsize, opts->large_pool_count,
	            opts->large_bufsize, SPDK_CEIL_DIV(bytes_needed(opts), MB), available / MB);
}

static uint64_t
memory_free(void)
{
	const struct cal_stats_memory *memory = cal_stats_memory();
	uint64_t used = __atomic_load_n(&memory->heap_used_bytes, __ATOMIC_RELAXED);

	return memory->heap_bytes > used ? memory->heap_bytes - used : 0;
}

int
spdk_iobuf_set_opts(const struct spdk_iobuf_opts *opts)
{
	struct spdk_iobuf_opts wanted = opts_for_this_memory();
	int rc;

	if (opts == NULL || opts->opts_size == 0) {
		SPDK_ERRLOG("spdk_iobuf_set_opts() needs opts_size to be set\n");
		return -EINVAL;
	}
	memcpy(&wanted, opts, spdk_min(opts->opts_size, sizeof(wanted)));
	wanted.opts_size = sizeof(wanted);
	rc = opts_check(&wanted);
	if (rc != 0) {
		return rc;
	}
	if (g_iobuf.initialized) {
		SPDK_WARNLOG("the iobuf pools exist: new options take effect when they are made "
		             "again\n");
	} else if (cal_stats_memory()->heap_bytes > 0 && bytes_needed(&wanted) > memory_free()) {
		say_too_much(&wanted, memory_free());
		return -ENOMEM;
	}
	g_life.chosen = wanted;
	g_life.is_chosen = true;
	return 0;
}

void
spdk_iobuf_get_opts(struct spdk_iobuf_opts *opts, size_t opts_size)
{
	struct spdk_iobuf_opts now = g_iobuf.initialized ? g_iobuf.opts : opts_wanted();

	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("spdk_iobuf_get_opts() needs a structure and its size\n");
		return;
	}
	now.opts_size = opts_size;
	memset(opts, 0, opts_size);
	memcpy(opts, &now, spdk_min(opts_size, sizeof(now)));
}

/* --- pools ------------------------------------------------------------------------------------ */

static void
pool_destroy(struct iobuf_pool *pool)
{
	spdk_ring_free(pool->ring);
	/* Of an integer, since it is compared with more than it is followed. */
	spdk_free((void *)pool->base); // NOLINT(performance-no-int-to-ptr)
	memset(pool, 0, sizeof(*pool));
}

static int
pool_create(struct iobuf_pool *pool, int32_t numa_id, uint64_t count, uint32_t bufsize)
{
	size_t stride = SPDK_ALIGN_CEIL((size_t)bufsize, (size_t)IOBUF_ALIGN);
	char *memory = spdk_malloc(count * stride, IOBUF_ALIGN, NULL, numa_id, SPDK_MALLOC_DMA);
	uint64_t i;
	void *buf;

	if (memory == NULL) {
		return -ENOMEM;
	}
	pool->base = (uintptr_t)memory;
	pool->length = count * stride;
	pool->count = count;
	pool->ring = spdk_ring_create(SPDK_RING_TYPE_MP_MC, spdk_align64pow2(count + 1), numa_id);
	if (pool->ring == NULL) {
		pool_destroy(pool);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		buf = memory + i * stride;
		spdk_ring_enqueue(pool->ring, &buf, 1, NULL);
	}
	return 0;
}

static void
pools_destroy(void)
{
	int node, size;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		for (size = 0; size < IOBUF_SIZES; size++) {
			pool_destroy(&g_iobuf.pools[node][size]);
		}
	}
}

static int
node_create(int node, int32_t numa_id, const struct spdk_iobuf_opts *opts)
{
	int rc = pool_create(&g_iobuf.pools[node][IOBUF_SMALL], numa_id, opts->small_pool_count,
	                     opts->small_bufsize);

	return rc != 0 ? rc
	               : pool_create(&g_iobuf.pools[node][IOBUF_LARGE], numa_id,
	                             opts->large_pool_count, opts->large_bufsize);
}

static int
pools_create(const struct spdk_iobuf_opts *opts)
{
	int32_t numa_id;
	int rc = 0;

	if (!opts->enable_numa) {
		rc = node_create(0, SPDK_ENV_NUMA_ID_ANY, opts);
	} else {
		SPDK_ENV_FOREACH_NUMA_ID(numa_id)
		{
			rc = rc != 0 ? rc : node_create(numa_id, numa_id, opts);
		}
	}
	if (rc != 0) {
		pools_destroy();
	}
	return rc;
}

/* Less of what nobody has asked for. Returns false if that is as little as can be. */
static bool
opts_halve(struct spdk_iobuf_opts *opts)
{
	if (opts->small_pool_count <= MIN_SMALL_COUNT &&
	    opts->large_pool_count <= MIN_LARGE_COUNT) {
		return false;
	}
	opts->small_pool_count = spdk_max(opts->small_pool_count / 2, (uint64_t)MIN_SMALL_COUNT);
	opts->large_pool_count = spdk_max(opts->large_pool_count / 2, (uint64_t)MIN_LARGE_COUNT);
	return true;
}

static int
device_register(void)
{
	struct io_device *dev;

	spdk_io_device_register(&g_iobuf, iobuf_thread_create, iobuf_thread_destroy,
	                        sizeof(struct iobuf_thread), "iobuf");
	thread_lib_lock();
	dev = io_device_find(&g_iobuf);
	if (dev != NULL) {
		dev->channel_lost = iobuf_thread_lost;
	}
	thread_lib_unlock();
	return dev != NULL ? 0 : -ENOMEM;
}

int
spdk_iobuf_initialize(void)
{
	struct spdk_iobuf_opts opts = opts_wanted();
	int rc;

	if (g_iobuf.initialized) {
		SPDK_ERRLOG("the iobuf pools exist already\n");
		return -EALREADY;
	}
	do {
		rc = pools_create(&opts);
	} while (rc == -ENOMEM && !g_life.is_chosen && opts_halve(&opts));
	if (rc != 0) {
		say_too_much(&opts, memory_free());
		return rc;
	}
	rc = device_register();
	if (rc != 0) {
		pools_destroy();
		return rc;
	}
	g_iobuf.opts = opts;
	iobuf_lobby_open();
	g_iobuf.initialized = true;
	return 0;
}

/* --- modules ---------------------------------------------------------------------------------- */

struct iobuf_module *
iobuf_module_find(const char *name)
{
	struct iobuf_module *module;

	STAILQ_FOREACH (module, &g_iobuf.modules, link) {
		if (strcmp(module->name, name) == 0) {
			return module;
		}
	}
	return NULL;
}

int
spdk_iobuf_register_module(const char *name)
{
	size_t len = strlen(name) + 1;
	struct iobuf_module *module = calloc(1, sizeof(*module) + len);
	int rc = 0;

	if (module == NULL) {
		return -ENOMEM;
	}
	memcpy(module->name, name, len);
	pthread_mutex_lock(&g_iobuf.lock);
	if (iobuf_module_find(name) == NULL) {
		STAILQ_INSERT_TAIL(&g_iobuf.modules, module, link);
	} else {
		rc = -EEXIST;
	}
	pthread_mutex_unlock(&g_iobuf.lock);
	if (rc != 0) {
		SPDK_ERRLOG("iobuf module %s is registered already\n", name);
		free(module);
	}
	return rc;
}

int
spdk_iobuf_unregister_module(const char *name)
{
	struct iobuf_module *module;
	uint32_t channels = 0;
	int rc = 0;

	pthread_mutex_lock(&g_iobuf.lock);
	module = iobuf_module_find(name);
	if (module == NULL) {
		rc = -ENOENT;
	} else if ((channels = module->channels) > 0) {
		rc = -EBUSY;
	} else {
		STAILQ_REMOVE(&g_iobuf.modules, module, iobuf_module, link);
		/* The end will tell whether somebody has put for it. */
		STAILQ_INSERT_TAIL(&g_iobuf.gone, module, link);
	}
	pthread_mutex_unlock(&g_iobuf.lock);
	if (rc != 0) {
		SPDK_ERRLOG("iobuf module %s cannot be unregistered: it %s (%" PRIu32
		            " channels)\n",
		            name, rc == -EBUSY ? "is in use" : "is not registered", channels);
	}
	return rc;
}

/* --- the end ---------------------------------------------------------------------------------- */

static uint64_t
buffers_missing(enum iobuf_size size)
{
	uint64_t missing = 0;
	int node;

	for (node = 0; node < SPDK_CONFIG_MAX_NUMA_NODES; node++) {
		if (iobuf_node_exists(node)) {
			missing += g_iobuf.pools[node][size].count -
			           spdk_ring_count(g_iobuf.pools[node][size].ring);
		}
	}
	return missing;
}

/* Of a size of which some are missing, who took more than he put is named. */
static void
module_report(const struct iobuf_module *module, const uint64_t *missing)
{
	static const char *const names[IOBUF_SIZES] = { "small", "large" };
	int size;

	for (size = 0; size < IOBUF_SIZES; size++) {
		if (missing[size] > 0 && module->held[size] > 0) {
			SPDK_ERRLOG("module %s never put back %" PRId64 " %s iobufs, of %" PRIu64
			            " that are missing at the end\n",
			            module->name, module->held[size], names[size], missing[size]);
		}
	}
}

static void
last_channel_gone(void *io_device)
{
	spdk_iobuf_finish_cb cb_fn = g_life.finish_cb;
	uint64_t missing[IOBUF_SIZES] = { buffers_missing(IOBUF_SMALL),
		                          buffers_missing(IOBUF_LARGE) };
	struct iobuf_module *module;

	g_iobuf.initialized = false;
	g_iobuf.finishing = false;
	pthread_mutex_lock(&g_iobuf.lock);
	STAILQ_CONCAT(&g_iobuf.modules, &g_iobuf.gone);
	while ((module = STAILQ_FIRST(&g_iobuf.modules)) != NULL) {
		STAILQ_REMOVE_HEAD(&g_iobuf.modules, link);
		module_report(module, missing);
		free(module);
	}
	pthread_mutex_unlock(&g_iobuf.lock);
	pools_destroy();
	iobuf_lobby_close();
	if (cb_fn != NULL) {
		cb_fn(g_life.finish_arg);
	}
}

void
spdk_iobuf_finish(spdk_iobuf_finish_cb cb_fn, void *cb_arg)
{
	if (!g_iobuf.initialized) {
		if (cb_fn != NULL) {
			cb_fn(cb_arg);
		}
		return;
	}
	if (g_iobuf.finishing) {
		SPDK_ERRLOG("the iobuf pools are being finished already\n");
		return;
	}
	g_iobuf.finishing = true;
	g_life.finish_cb = cb_fn;
	g_life.finish_arg = cb_arg;
	spdk_io_device_unregister(&g_iobuf, last_channel_gone);
}
