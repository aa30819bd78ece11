/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Modules: the list of them, and the examination of new devices by those that build upon devices.
 * Everything runs on the app thread, except that an asynchronous init or examination may end on
 * another. */

#include "bdev_internal.h"

/* As SPDK's applications know it: -L bdev, log_set_flag. */
SPDK_LOG_REGISTER_COMPONENT(bdev)

struct examine_wait {
	spdk_bdev_wait_for_examine_cb cb;
	void *cb_arg;
	struct spdk_poller *poller;
};

/* Names given to spdk_bdev_examine(). */
struct examine_name {
	char *name;
	TAILQ_ENTRY(examine_name) link;
};
static TAILQ_HEAD(, examine_name) g_examine_names = TAILQ_HEAD_INITIALIZER(g_examine_names);

void
spdk_bdev_module_list_add(struct spdk_bdev_module *module)
{
	if (spdk_bdev_module_list_find(module->name) != NULL) {
		fprintf(stderr, "two block device modules are named %s\n", module->name);
		abort(); /* in a constructor: the program was put together wrongly */
	}
	module->internal.action_in_progress = 0;
	/* Those that build upon others' devices look at new ones after the makers are up. */
	if (module->examine_config != NULL || module->examine_disk != NULL) {
		TAILQ_INSERT_TAIL(&g_bdev_mgr.modules, module, internal.tailq);
	} else {
		TAILQ_INSERT_HEAD(&g_bdev_mgr.modules, module, internal.tailq);
	}
}

struct spdk_bdev_module *
spdk_bdev_module_list_find(const char *name)
{
	struct spdk_bdev_module *module;

	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (strcmp(module->name, name) == 0) {
			return module;
		}
	}
	return NULL;
}

void
bdev_module_action_begin(struct spdk_bdev_module *module)
{
	__atomic_add_fetch(&module->internal.action_in_progress, 1, __ATOMIC_RELAXED);
}

/* Pairs with the acquire in bdev_modules_busy(): who sees zero sees what the module has done. */
static void
action_end(struct spdk_bdev_module *module)
{
	if (__atomic_fetch_sub(&module->internal.action_in_progress, 1, __ATOMIC_RELEASE) == 0) {
		SPDK_ERRLOG("module %s said once too often that it is done\n", module->name);
		abort();
	}
}

bool
bdev_modules_busy(void)
{
	struct spdk_bdev_module *module;

	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (__atomic_load_n(&module->internal.action_in_progress, __ATOMIC_ACQUIRE) != 0) {
			return true;
		}
	}
	return false;
}

void
spdk_bdev_module_init_done(struct spdk_bdev_module *module)
{
	action_end(module);
	spdk_thread_send_msg(spdk_thread_get_app_thread(), bdev_init_check, NULL);
}

/* --- examination ------------------------------------------------------------------------------ */

void
spdk_bdev_module_examine_done(struct spdk_bdev_module *module)
{
	action_end(module);
	/* A device that a module brings along may be what the start still waits for. */
	spdk_thread_send_msg(spdk_thread_get_app_thread(), bdev_init_check, NULL);
}

static bool
examine_is_wanted(const struct spdk_bdev *bdev)
{
	const struct spdk_bdev_alias *alias;
	const struct examine_name *entry;

	if (g_bdev_mgr.opts.bdev_auto_examine) {
		return true;
	}
	TAILQ_FOREACH (entry, &g_examine_names, link) {
		if (strcmp(entry->name, bdev->name) == 0) {
			return true;
		}
		TAILQ_FOREACH (alias, &bdev->aliases, tailq) {
			if (strcmp(entry->name, alias->alias.name) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* On a device that somebody has claimed only the claimers have business. */
static bool
may_examine_disk(struct spdk_bdev *bdev, const struct spdk_bdev_module *module)
{
	const struct spdk_bdev_module_claim *claim;
	bool may = false;

	spdk_spin_lock(&bdev->internal.spinlock);
	switch (bdev->internal.claim_type) {
	case SPDK_BDEV_CLAIM_NONE:
		may = true;
		break;
	case SPDK_BDEV_CLAIM_EXCL_WRITE:
		may = bdev->internal.claim.v1.module == module;
		break;
	default:
		TAILQ_FOREACH (claim, &bdev->internal.claim.v2.claims, link) {
			may = may || claim->module == module;
		}
	}
	spdk_spin_unlock(&bdev->internal.spinlock);
	return may;
}

static void
examine(struct spdk_bdev *bdev)
{
	struct spdk_bdev_module *module;

	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (module->examine_config != NULL) {
			bdev_module_action_begin(module);
			module->examine_config(bdev);
		}
	}
	TAILQ_FOREACH (module, &g_bdev_mgr.modules, internal.tailq) {
		if (module->examine_disk != NULL && may_examine_disk(bdev, module)) {
			bdev_module_action_begin(module);
			module->examine_disk(bdev);
		}
	}
}

void
bdev_examine_new(struct spdk_bdev *bdev)
{
	if (examine_is_wanted(bdev)) {
		examine(bdev);
	}
}

void
bdev_examine_forget_all(void)
{
	struct examine_name *entry;

	while ((entry = TAILQ_FIRST(&g_examine_names)) != NULL) {
		TAILQ_REMOVE(&g_examine_names, entry, link);
		free(entry->name);
		free(entry);
	}
}

int
spdk_bdev_examine(const char *name)
{
	struct examine_name *entry;
	struct spdk_bdev *bdev;

	if (g_bdev_mgr.opts.bdev_auto_examine) {
		SPDK_ERRLOG(
			"%s: devices are examined by themselves while bdev_auto_examine is on\n",
			name);
		return -EINVAL;
	}
	TAILQ_FOREACH (entry, &g_examine_names, link) {
		if (strcmp(entry->name, name) == 0) {
			return -EEXIST;
		}
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		return -ENOMEM;
	}
	entry->name = strdup(name);
	if (entry->name == NULL) {
		free(entry);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&g_examine_names, entry, link);
	bdev = spdk_bdev_get_by_name(name);
	if (bdev != NULL) {
		examine(bdev);
	}
	return 0;
}

const struct examine_name *
bdev_examine_config_next(const struct examine_name *entry, struct spdk_json_write_ctx *w)
{
	entry = entry != NULL ? TAILQ_NEXT(entry, link) : TAILQ_FIRST(&g_examine_names);
	if (entry != NULL) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "method", "bdev_examine");
		spdk_json_write_named_object_begin(w, "params");
		spdk_json_write_named_string(w, "name", entry->name);
		spdk_json_write_object_end(w);
		spdk_json_write_object_end(w);
	}
	return entry;
}

#define EXAMINE_POLL_US 1000

static int
examine_wait_poll(void *arg)
{
	struct examine_wait *wait = arg;

	/* At the end nobody is left who could finish. */
	if (bdev_modules_busy() && !bdev_is_finishing()) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&wait->poller);
	wait->cb(wait->cb_arg);
	free(wait);
	return SPDK_POLLER_BUSY;
}

static void
examine_wait_first(void *arg)
{
	struct examine_wait *wait = arg;

	if (bdev_modules_busy()) {
		wait->poller = SPDK_POLLER_REGISTER(examine_wait_poll, wait, EXAMINE_POLL_US);
	} else {
		wait->cb(wait->cb_arg);
		free(wait);
	}
}

int
spdk_bdev_wait_for_examine(spdk_bdev_wait_for_examine_cb cb_fn, void *cb_arg)
{
	struct examine_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL) {
		return -ENOMEM;
	}
	wait->cb = cb_fn;
	wait->cb_arg = cb_arg;
	spdk_thread_send_msg(spdk_get_thread(), examine_wait_first, wait);
	return 0;
}
