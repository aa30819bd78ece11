/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Start and end of the block layer, and its options. App thread.
 *
 * Start: pool and buffers → every module_init → (asynchronous ones end) → every init_complete.
 * End:   every fini_start → (asynchronous ones end) → devices are unregistered, one after another,
 *        those that others are built upon after these → every module_fini → (asynchronous ones end)
 *        → the pool. */

#include "bdev_internal.h"
#include "spdk/notify.h"

static struct {
	spdk_bdev_init_cb init_cb;
	void *init_arg;
	int init_rc; /* of a start that failed */
	bool initializing;
	spdk_bdev_fini_cb fini_cb;
	void *fini_arg;
	struct spdk_bdev_module *fini_module; /* whose fini_start or module_fini is under way */
	struct spdk_poller *fini_poller;
	struct spdk_poller *warn_poller;
} g_life;

/* --- options ---------------------------------------------------------------------------------- */

void
spdk_bdev_get_opts(struct spdk_bdev_opts *opts, size_t opts_size)
{
	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("spdk_bdev_get_opts() needs a structure and its size\n");
		return;
	}
	memset(opts, 0, opts_size);
	memcpy(opts, &g_bdev_mgr.opts, spdk_min(opts_size, sizeof(*opts)));
	if (opts_size >= offsetof(struct spdk_bdev_opts, opts_size) + sizeof(opts->opts_size)) {
		opts->opts_size = opts_size;
	}
}

int
spdk_bdev_set_opts(struct spdk_bdev_opts *opts)
{
	struct spdk_bdev_opts wanted = g_bdev_mgr.opts;
	uint64_t needed;

	if (opts == NULL || opts->opts_size == 0) {
		SPDK_ERRLOG("spdk_bdev_set_opts() needs opts_size to be set\n");
		return -EINVAL;
	}
	memcpy(&wanted, opts, spdk_min(opts->opts_size, sizeof(wanted)));
	wanted.opts_size = sizeof(wanted);
	/* Every thread with a channel fills its cache: the app thread's and one a reactor at least.
	 */
	needed = (uint64_t)wanted.bdev_io_cache_size * (spdk_thread_get_count() + 1);
	if (wanted.bdev_io_pool_size == 0 || wanted.bdev_io_pool_size < needed) {
		SPDK_ERRLOG("bdev_io_pool_size %u is too small: %" PRIu64
		            " are needed for caches of %u\n",
		            wanted.bdev_io_pool_size, needed, wanted.bdev_io_cache_size);
		return -EINVAL;
	}
	g_bdev_mgr.opts = wanted;
	return 0;
}

/* --- start ------------------------------------------------------------------------------------ */

static void
pool_destroy(void)
{
	spdk_free(g_bdev_mgr.zero_buf);
	g_bdev_mgr.zero_buf = NULL;
	spdk_iobuf_unregister_module(BDEV_IOBUF_NAME);
	bdev_io_pool_destroy();
}

static int
pool_create(void)
{
	struct spdk_bdev_module *module;
	size_t ctx_size = 0;
	int rc;

	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (module->get_ctx_size != NULL) {
			ctx_size = spdk_max(ctx_size, (size_t)module->get_ctx_size());
		}
	}
	rc = bdev_io_pool_create(g_bdev_mgr.opts.bdev_io_pool_size,
	                         g_bdev_mgr.opts.bdev_io_cache_size, ctx_size);
	if (rc != 0) {
		SPDK_ERRLOG("no address space for %u bdev_io; lower bdev_io_pool_size\n",
		            g_bdev_mgr.opts.bdev_io_pool_size);
		return rc;
	}
	g_bdev_mgr.zero_buf = spdk_zmalloc(BDEV_ZERO_BUF_SIZE, BDEV_BUF_ALIGN, NULL,
	                                   SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	if (g_bdev_mgr.zero_buf == NULL) {
		SPDK_ERRLOG(
			"no %u KiB of pinned memory for the block layer; start with a larger -s\n",
			BDEV_ZERO_BUF_SIZE / 1024);
		bdev_io_pool_destroy();
		return -ENOMEM;
	}
	rc = spdk_iobuf_register_module(BDEV_IOBUF_NAME);
	if (rc != 0) {
		spdk_free(g_bdev_mgr.zero_buf);
		g_bdev_mgr.zero_buf = NULL;
		bdev_io_pool_destroy();
	}
	return rc;
}

static void
init_end(int rc)
{
	spdk_bdev_init_cb cb = g_life.init_cb;

	g_life.initializing = false;
	g_life.init_cb = NULL;
	cb(g_life.init_arg, rc);
}

void
bdev_init_check(void *unused)
{
	struct spdk_bdev_module *module;

	if (!g_life.initializing || bdev_modules_busy()) {
		return;
	}
	g_bdev_mgr.initialized = true;
	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (module->init_complete != NULL) {
			module->init_complete();
		}
	}
	init_end(0);
}

static int
modules_init(void)
{
	struct spdk_bdev_module *module;
	int rc;

	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (module->async_init) {
			bdev_module_action_begin(module);
		}
		rc = module->module_init();
		if (rc != 0) {
			SPDK_ERRLOG("block device module %s could not start: %s\n", module->name,
			            strerror(-rc));
			if (module->async_init) {
				__atomic_sub_fetch(&module->internal.action_in_progress, 1,
				                   __ATOMIC_RELAXED);
			}
			break;
		}
	}
	if (module == NULL) {
		return 0;
	}
	/* Those before it, in reverse. */
	while ((module = TAILQ_PREV(module, bdev_module_tailq, internal.tailq)) != NULL) {
		if (module->module_fini != NULL && !module->async_fini) {
			module->module_fini();
		}
	}
	return rc;
}

static void
init_undone(void *io_device)
{
	pool_destroy();
	spdk_spin_destroy(&g_bdev_mgr.spinlock);
	init_end(g_life.init_rc);
}

void
spdk_bdev_initialize(spdk_bdev_init_cb cb_fn, void *cb_arg)
{
	int rc;

	g_life.init_cb = cb_fn;
	g_life.init_arg = cb_arg;
	__atomic_store_n(&g_bdev_mgr.finishing, false, __ATOMIC_RELAXED);
	spdk_notify_type_register("bdev_register");
	spdk_notify_type_register("bdev_unregister");
	spdk_notify_type_register("bdev_resize");
	rc = pool_create();
	if (rc != 0) {
		init_end(rc);
		return;
	}
	spdk_spin_init(&g_bdev_mgr.spinlock);
	spdk_io_device_register(&g_bdev_mgr, bdev_mgmt_channel_create, bdev_mgmt_channel_destroy,
	                        sizeof(struct bdev_mgmt_channel), "bdev_mgr");
	g_life.initializing = true;
	rc = modules_init();
	if (rc != 0) {
		g_life.initializing = false;
		g_life.init_rc = rc;
		spdk_io_device_unregister(&g_bdev_mgr, init_undone);
		return;
	}
	bdev_init_check(NULL);
}

/* --- end -------------------------------------------------------------------------------------- */

static void
manager_gone(void *io_device)
{
	spdk_bdev_fini_cb cb = g_life.fini_cb;

	pool_destroy();
	spdk_spin_destroy(&g_bdev_mgr.spinlock);
	bdev_examine_forget_all();
	g_life.fini_cb = NULL;
	cb(g_life.fini_arg);
}

/* Called again by each asynchronous module's end; goes on with the module before. */
static void
modules_fini(void *unused)
{
	struct spdk_bdev_module *module = g_life.fini_module;

	while (module != NULL) {
		g_life.fini_module = TAILQ_PREV(module, bdev_module_tailq, internal.tailq);
		if (module->module_fini != NULL) {
			module->module_fini();
			if (module->async_fini) {
				return;
			}
		}
		module = g_life.fini_module;
	}
	g_bdev_mgr.initialized = false;
	spdk_io_device_unregister(&g_bdev_mgr, manager_gone);
}

void
spdk_bdev_module_fini_done(void)
{
	spdk_thread_send_msg(spdk_thread_get_app_thread(), modules_fini, NULL);
}

static void unregister_next(void *unused, int rc);

#define FINI_POLL_US 1000
#define FINI_WARN_US 2000000

/* Somebody keeps the end waiting: say who is waited for, now and then. */
static int
warn_poll(void *unused)
{
	const struct spdk_bdev *bdev;

	TAILQ_FOREACH (bdev, &g_bdev_mgr.bdevs, internal.link) {
		if (bdev->internal.status == SPDK_BDEV_STATUS_UNREGISTERING) {
			SPDK_WARNLOG("%s: the end waits for its users to close it\n", bdev->name);
		}
	}
	return SPDK_POLLER_BUSY;
}

/* Devices whose unregistration somebody else has begun: we wait for them like for ours. */
static int
unregister_poll(void *unused)
{
	if (bdev_unregistrations() > 0) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&g_life.fini_poller);
	unregister_next(NULL, 0);
	return SPDK_POLLER_BUSY;
}

static void
unregister_next(void *unused, int rc)
{
	struct spdk_bdev *bdev, *pick = NULL;

	/* The newest that nobody has claimed; if all are claimed, somebody has forgotten to let go,
	 * and we don't wait for him. */
	TAILQ_FOREACH (bdev, &g_bdev_mgr.bdevs, internal.link) {
		if (bdev->internal.status == SPDK_BDEV_STATUS_READY &&
		    (pick == NULL || bdev->internal.claim_type == SPDK_BDEV_CLAIM_NONE ||
		     pick->internal.claim_type != SPDK_BDEV_CLAIM_NONE)) {
			pick = bdev;
		}
	}
	if (pick == NULL && bdev_unregistrations() > 0) {
		g_life.fini_poller = SPDK_POLLER_REGISTER(unregister_poll, NULL, FINI_POLL_US);
		return;
	}
	if (pick == NULL) {
		spdk_poller_unregister(&g_life.warn_poller);
		g_life.fini_module = TAILQ_LAST(&g_bdev_mgr.modules, bdev_module_tailq);
		modules_fini(NULL);
		return;
	}
	if (pick->internal.claim_type != SPDK_BDEV_CLAIM_NONE) {
		SPDK_WARNLOG("%s is still claimed (%s) while everything ends\n", pick->name,
		             spdk_bdev_claim_get_name(pick->internal.claim_type));
	}
	spdk_bdev_unregister(pick, unregister_next, NULL);
}

static void
modules_fini_start(void *unused)
{
	struct spdk_bdev_module *module = g_life.fini_module;

	while (module != NULL) {
		g_life.fini_module = TAILQ_PREV(module, bdev_module_tailq, internal.tailq);
		if (module->fini_start != NULL) {
			module->fini_start();
			if (module->async_fini_start) {
				return;
			}
		}
		module = g_life.fini_module;
	}
	g_life.warn_poller = SPDK_POLLER_REGISTER(warn_poll, NULL, FINI_WARN_US);
	unregister_next(NULL, 0);
}

void
spdk_bdev_module_fini_start_done(void)
{
	spdk_thread_send_msg(spdk_thread_get_app_thread(), modules_fini_start, NULL);
}

void
spdk_bdev_finish(spdk_bdev_fini_cb cb_fn, void *cb_arg)
{
	g_life.fini_cb = cb_fn;
	g_life.fini_arg = cb_arg;
	__atomic_store_n(&g_bdev_mgr.finishing, true, __ATOMIC_RELAXED);
	g_life.fini_module = TAILQ_LAST(&g_bdev_mgr.modules, bdev_module_tailq);
	modules_fini_start(NULL);
}
