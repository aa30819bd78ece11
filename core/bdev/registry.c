/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The devices there are, and the names and aliases they go by. */

#include "bdev_internal.h"
#include "spdk/notify.h"

struct bdev_mgr g_bdev_mgr = {
	.bdevs = TAILQ_HEAD_INITIALIZER(g_bdev_mgr.bdevs),
	.cursors = LIST_HEAD_INITIALIZER(g_bdev_mgr.cursors),
	.names = RB_INITIALIZER(g_bdev_mgr.names),
	.modules = TAILQ_HEAD_INITIALIZER(g_bdev_mgr.modules),
	.opts = {
		.bdev_io_pool_size = 64 * 1024 - 1,
		.bdev_io_cache_size = 256,
		.bdev_auto_examine = true,
		.opts_size = sizeof(struct spdk_bdev_opts),
		.iobuf_small_cache_size = BDEV_IOBUF_SMALL_CACHE,
		.iobuf_large_cache_size = BDEV_IOBUF_LARGE_CACHE,
	},
};

static int
name_compare(struct spdk_bdev_name *a, struct spdk_bdev_name *b)
{
	return strcmp(a->name, b->name);
}
RB_GENERATE_INTERNAL(bdev_name_tree, spdk_bdev_name, node, name_compare,
                     static __attribute__((unused)))

/* --- names ------------------------------------------------------------------------------------ */

struct spdk_bdev *
bdev_find(const char *name)
{
	struct spdk_bdev_name key = { .name = (char *)name };
	struct spdk_bdev_name *found = RB_FIND(bdev_name_tree, &g_bdev_mgr.names, &key);

	return found != NULL ? found->bdev : NULL;
}

int
bdev_name_add(struct spdk_bdev_name *entry, struct spdk_bdev *bdev, const char *name)
{
	struct spdk_bdev_name *taken;

	entry->name = strdup(name);
	if (entry->name == NULL) {
		return -ENOMEM;
	}
	entry->bdev = bdev;
	spdk_spin_lock(&g_bdev_mgr.spinlock);
	taken = RB_INSERT(bdev_name_tree, &g_bdev_mgr.names, entry);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	if (taken != NULL) {
		free(entry->name);
		entry->name = NULL;
		return -EEXIST;
	}
	return 0;
}

void
bdev_name_del_locked(struct spdk_bdev_name *entry)
{
	RB_REMOVE(bdev_name_tree, &g_bdev_mgr.names, entry);
}

void
bdev_name_del(struct spdk_bdev_name *entry)
{
	spdk_spin_lock(&g_bdev_mgr.spinlock);
	bdev_name_del_locked(entry);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	free(entry->name);
	entry->name = NULL;
}

int
spdk_bdev_alias_add(struct spdk_bdev *bdev, const char *alias)
{
	struct spdk_bdev_alias *entry;
	int rc;

	if (alias == NULL || alias[0] == '\0') {
		SPDK_ERRLOG("%s: an alias cannot be empty\n", bdev->name);
		return -EINVAL;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		return -ENOMEM;
	}
	rc = bdev_name_add(&entry->alias, bdev, alias);
	if (rc != 0) {
		free(entry);
		return rc;
	}
	TAILQ_INSERT_TAIL(&bdev->aliases, entry, tailq);
	return 0;
}

static void
alias_free(struct spdk_bdev *bdev, struct spdk_bdev_alias *entry)
{
	TAILQ_REMOVE(&bdev->aliases, entry, tailq);
	bdev_name_del(&entry->alias);
	free(entry);
}

int
spdk_bdev_alias_del(struct spdk_bdev *bdev, const char *alias)
{
	struct spdk_bdev_alias *entry;

	TAILQ_FOREACH (entry, &bdev->aliases, tailq) {
		if (strcmp(entry->alias.name, alias) == 0) {
			alias_free(bdev, entry);
			return 0;
		}
	}
	return -ENOENT;
}

void
spdk_bdev_alias_del_all(struct spdk_bdev *bdev)
{
	struct spdk_bdev_alias *entry, *next;

	TAILQ_FOREACH_SAFE (entry, &bdev->aliases, tailq, next) {
		alias_free(bdev, entry);
	}
}

const struct spdk_bdev_aliases_list *
spdk_bdev_get_aliases(const struct spdk_bdev *bdev)
{
	return &bdev->aliases;
}

/* --- finding ---------------------------------------------------------------------------------- */

struct spdk_bdev *
spdk_bdev_get_by_name(const char *bdev_name)
{
	struct spdk_bdev *bdev;

	spdk_spin_lock(&g_bdev_mgr.spinlock);
	bdev = bdev_find(bdev_name);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	return bdev;
}

static struct spdk_bdev *
from_here(struct spdk_bdev *bdev, bool leaf)
{
	while (leaf && bdev != NULL && bdev->internal.claim_type != SPDK_BDEV_CLAIM_NONE) {
		bdev = TAILQ_NEXT(bdev, internal.link);
	}
	return bdev;
}

static struct spdk_bdev *
walk_first(bool leaf)
{
	struct spdk_bdev *bdev;

	spdk_spin_lock(&g_bdev_mgr.spinlock);
	bdev = from_here(TAILQ_FIRST(&g_bdev_mgr.bdevs), leaf);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	return bdev;
}

static struct spdk_bdev *
walk_next(struct spdk_bdev *prev, bool leaf)
{
	struct spdk_bdev *bdev;

	spdk_spin_lock(&g_bdev_mgr.spinlock);
	bdev = from_here(TAILQ_NEXT(prev, internal.link), leaf);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	return bdev;
}

struct spdk_bdev *
spdk_bdev_first(void)
{
	return walk_first(false);
}

struct spdk_bdev *
spdk_bdev_next(struct spdk_bdev *prev)
{
	return walk_next(prev, false);
}

struct spdk_bdev *
spdk_bdev_first_leaf(void)
{
	return walk_first(true);
}

struct spdk_bdev *
spdk_bdev_next_leaf(struct spdk_bdev *prev)
{
	return walk_next(prev, true);
}

static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

/* An open descriptor keeps a device, and so the way to its neighbour, until we have gone on. */
static int
for_each(void *ctx, spdk_for_each_bdev_fn fn, bool leaf)
{
	struct spdk_bdev *bdev = walk_first(leaf), *next;
	struct spdk_bdev_desc *desc;
	int rc;

	while (bdev != NULL) {
		rc = spdk_bdev_open_ext(bdev->name, false, ignore_event, NULL, &desc);
		if (rc == -ENODEV) { /* on its way out */
			bdev = walk_next(bdev, leaf);
			continue;
		}
		if (rc != 0) {
			return rc;
		}
		rc = fn(ctx, bdev);
		next = walk_next(bdev, leaf);
		spdk_bdev_close(desc);
		if (rc != 0) {
			return rc;
		}
		bdev = next;
	}
	return 0;
}

int
spdk_for_each_bdev(void *ctx, spdk_for_each_bdev_fn fn)
{
	return for_each(ctx, fn, false);
}

int
spdk_for_each_bdev_leaf(void *ctx, spdk_for_each_bdev_fn fn)
{
	return for_each(ctx, fn, true);
}

int
spdk_for_each_bdev_by_name(void *ctx, spdk_for_each_bdev_fn fn, const char **names, size_t count)
{
	struct spdk_bdev_desc *desc;
	size_t i;
	int rc;

	for (i = 0; i < count; i++) {
		rc = spdk_bdev_open_ext(names[i], false, ignore_event, NULL, &desc);
		if (rc != 0) {
			return rc;
		}
		rc = fn(ctx, spdk_bdev_desc_get_bdev(desc));
		spdk_bdev_close(desc);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* --- registering ------------------------------------------------------------------------------ */

static int
check(const struct spdk_bdev *bdev)
{
	const char *wrong = NULL;

	if (bdev->name == NULL || bdev->name[0] == '\0') {
		SPDK_ERRLOG("a block device without a name cannot be registered\n");
		return -EINVAL;
	}
	if (bdev->module == NULL || bdev->fn_table == NULL) {
		wrong = "has no module or no functions";
	} else if (bdev->blocklen == 0) {
		wrong = "has blocks of 0 bytes";
	} else if (bdev->split_on_optimal_io_boundary && bdev->optimal_io_boundary == 0) {
		wrong = "wants splits at an optimal_io_boundary of 0";
	} else if (bdev->split_on_write_unit && bdev->write_unit_size == 0) {
		wrong = "wants splits at a write_unit_size of 0";
	} else if ((bdev->max_segment_size == 0) != (bdev->max_num_segments == 0)) {
		wrong = "limits only one of the size and the number of segments";
	} else if (bdev->required_alignment > 20) {
		wrong = "requires buffers aligned to more than 1 MiB";
	}
	if (wrong != NULL) {
		SPDK_ERRLOG("%s %s\n", bdev->name, wrong);
		return -EINVAL;
	}
	return 0;
}

static void
init_internal(struct spdk_bdev *bdev)
{
	uint32_t type;

	memset(&bdev->internal, 0, sizeof(bdev->internal));
	spdk_spin_init(&bdev->internal.spinlock);
	TAILQ_INIT(&bdev->internal.open_descs);
	TAILQ_INIT(&bdev->internal.queued_resets);
	TAILQ_INIT(&bdev->internal.ended_resets);
	TAILQ_INIT(&bdev->aliases);
	bdev->internal.claim_type = SPDK_BDEV_CLAIM_NONE;
	bdev->internal.split_rw = bdev_splits_rw(bdev);
	bdev->io_type_supported = 0;
	for (type = 1; type < BDEV_NUM_IO_TYPES; type++) {
		if (bdev->fn_table->io_type_supported(bdev->ctxt, type)) {
			bdev->io_type_supported |= 1u << type;
		}
	}
	if (bdev->phys_blocklen == 0) {
		bdev->phys_blocklen = spdk_bdev_get_data_block_size(bdev);
	}
	if (bdev->acwu == 0) {
		bdev->acwu = 1;
	}
	if (bdev->write_unit_size == 0) {
		bdev->write_unit_size = 1;
	}
}

/* The name and the UUID, which is everybody's first alias. */
static int
add_names(struct spdk_bdev *bdev)
{
	char uuid[SPDK_UUID_STRING_LEN];
	int rc;

	rc = bdev_name_add(&bdev->internal.bdev_name, bdev, bdev->name);
	if (rc != 0) {
		if (rc == -EEXIST) {
			SPDK_ERRLOG("%s: a block device of that name or alias exists already\n",
			            bdev->name);
		}
		return rc;
	}
	if (spdk_uuid_is_null(&bdev->uuid)) {
		spdk_uuid_generate(&bdev->uuid);
	}
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), &bdev->uuid);
	rc = spdk_bdev_alias_add(bdev, uuid);
	if (rc != 0) {
		if (rc == -EEXIST) {
			SPDK_ERRLOG("%s: a block device with the UUID %s exists already\n",
			            bdev->name, uuid);
		}
		bdev_name_del(&bdev->internal.bdev_name);
	}
	return rc;
}

int
spdk_bdev_register(struct spdk_bdev *bdev)
{
	int rc = check(bdev);

	if (rc != 0) {
		return rc;
	}
	if (!spdk_thread_is_app_thread(NULL)) {
		SPDK_ERRLOG("%s: block devices are registered on the app thread\n", bdev->name);
		return -EINVAL;
	}
	init_internal(bdev);
	bdev->internal.stat = bdev_stat_alloc();
	if (bdev->internal.stat == NULL) {
		spdk_spin_destroy(&bdev->internal.spinlock);
		return -ENOMEM;
	}
	rc = add_names(bdev);
	if (rc != 0) {
		bdev_stat_free(bdev->internal.stat);
		spdk_spin_destroy(&bdev->internal.spinlock);
		return rc;
	}
	spdk_io_device_register(bdev_io_device(bdev), bdev_channel_create, bdev_channel_destroy,
	                        sizeof(struct spdk_bdev_channel), bdev->name);
	spdk_spin_lock(&g_bdev_mgr.spinlock);
	bdev->internal.status = SPDK_BDEV_STATUS_READY;
	bdev->internal.number = ++g_bdev_mgr.last_number;
	TAILQ_INSERT_TAIL(&g_bdev_mgr.bdevs, bdev, internal.link);
	spdk_spin_unlock(&g_bdev_mgr.spinlock);
	SPDK_DEBUGLOG(bdev, "%s of module %s is registered\n", bdev->name, bdev->module->name);
	spdk_notify_send("bdev_register", bdev->name);
	bdev_examine_new(bdev);
	return 0;
}
