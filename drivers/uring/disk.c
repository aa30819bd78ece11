/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices: made, described and destroyed on the app thread; what of that may block (opening and
 * closing files and rings) is done on the control pthread in between. */

#include "drivers/uring/uring.h"

#include "ipc/gate/control.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"

/* Rings made ahead for a device: one a reactor, but not more than this. */
#define MAX_SPARE 8u

struct create {
	struct uring_disk *disk;
	uint32_t block_size;
	uint32_t spare;
	int rc;
	bool logged; /* why it failed is in the log */
	char why[URING_WHY_SIZE];
	uring_create_cb cb;
	void *arg;
};

static struct {
	uint32_t creating; /* on their way to the control pthread and back */
	bool finishing;
	bool fini_waits; /* for `creating` to be 0 */
} g_uring;

static int
module_init(void)
{
	memset(&g_uring, 0, sizeof(g_uring));
	return 0;
}

/* No device comes into being any more. */
static void
module_fini_start(void)
{
	g_uring.finishing = true;
}

static void
module_fini(void)
{
	if (g_uring.creating > 0) {
		g_uring.fini_waits = true;
	} else {
		spdk_bdev_module_fini_done();
	}
}

static int
ctx_size(void)
{
	return sizeof(struct uring_io);
}

struct spdk_bdev_module uring_module = {
	.name = "uring",
	.module_init = module_init,
	.fini_start = module_fini_start,
	.module_fini = module_fini,
	.async_fini = true,
	.get_ctx_size = ctx_size,
};
SPDK_BDEV_MODULE_REGISTER(uring, &uring_module)

/* --- the end of a device ---------------------------------------------------------------------- */

static void
disk_free(struct uring_disk *disk)
{
	pthread_spin_destroy(&disk->lock);
	free(disk->bdev.name);
	free(disk->filename);
	free(disk);
}

/* Control pthread. */
static void
disk_close(struct uring_disk *disk)
{
	struct uring_ring *ring;

	while ((ring = SLIST_FIRST(&disk->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&disk->spare, link);
		uring_ring_destroy(ring);
	}
	uring_file_close(&disk->file);
}

static void
destruct_done(void *arg)
{
	struct uring_disk *disk = arg;

	spdk_bdev_destruct_done(&disk->bdev, 0);
	disk_free(disk);
}

static void
destruct_on_control(void *arg)
{
	disk_close(arg);
	spdk_thread_send_msg(spdk_thread_get_app_thread(), destruct_done, arg);
}

static void
channels_gone(void *io_device)
{
	if (control_post(destruct_on_control, io_device) != 0) {
		/* No memory for a message: better late than never. */
		disk_close(io_device);
		destruct_done(io_device);
	}
}

static int
disk_destruct(void *ctx)
{
	spdk_io_device_unregister(ctx, channels_gone);
	return 1;
}

/* --- what the block layer asks ---------------------------------------------------------------- */

static bool
disk_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	const struct uring_disk *disk = ctx;

	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return disk->file.can_punch;
	default:
		return false;
	}
}

static struct spdk_io_channel *
disk_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
disk_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	const struct uring_disk *disk = ctx;

	spdk_json_write_named_object_begin(w, "uring");
	spdk_json_write_named_string(w, "filename", disk->filename);
	spdk_json_write_object_end(w);
	return 0;
}

static void
disk_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	const struct uring_disk *disk = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_uring_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint32(w, "block_size", bdev->blocklen);
	spdk_json_write_named_string(w, "filename", disk->filename);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table uring_fn_table = {
	.destruct = disk_destruct,
	.submit_request = uring_channel_submit,
	.io_type_supported = disk_io_type_supported,
	.get_io_channel = disk_get_io_channel,
	.dump_info_json = disk_dump_info_json,
	.write_config_json = disk_write_config_json,
};

/* --- the beginning of a device ---------------------------------------------------------------- */

static void
create_end(struct create *create, const char *name, const char *filename)
{
	if (create->rc != 0 && !create->logged) {
		SPDK_ERRLOG("%s: no block device for %s: %s\n", name, filename, create->why);
	}
	create->cb(create->arg, create->rc, create->why);
	if (create->rc != 0 && create->disk != NULL) {
		disk_free(create->disk);
	}
	free(create);
}

/* App thread again: nothing is open any more. */
static void
create_undone(void *arg)
{
	struct create *create = arg;

	g_uring.creating--;
	create_end(create, create->disk->bdev.name, create->disk->filename);
	if (g_uring.fini_waits && g_uring.creating == 0) {
		spdk_bdev_module_fini_done();
	}
}

static void
undo_on_control(void *arg)
{
	struct create *create = arg;

	disk_close(create->disk);
	spdk_thread_send_msg(spdk_thread_get_app_thread(), create_undone, create);
}

static int
disk_register(struct create *create)
{
	struct uring_disk *disk = create->disk;
	struct spdk_bdev *bdev = &disk->bdev;
	int rc;

	bdev->ctxt = disk;
	bdev->module = &uring_module;
	bdev->fn_table = &uring_fn_table;
	bdev->product_name = (char *)"URING bdev";
	bdev->blocklen = disk->file.block_size;
	bdev->blockcnt = disk->file.size / disk->file.block_size;
	bdev->required_alignment = spdk_u32log2(disk->file.align);
	/* The page cache, or the disk's own. */
	bdev->write_cache = 1;

	spdk_io_device_register(disk, uring_channel_create, uring_channel_destroy,
	                        (uint32_t)uring_channel_size(), bdev->name);
	rc = spdk_bdev_register(bdev);
	if (rc != 0) {
		spdk_io_device_unregister(disk, NULL);
		create->logged = rc != -ENOMEM; /* by the block layer */
		snprintf(create->why, sizeof(create->why), "%s",
		         rc == -EEXIST ? "a block device of that name or UUID exists already"
		                       : spdk_strerror(-rc));
		return rc;
	}
	if (!disk->file.direct) {
		SPDK_NOTICELOG("%s: O_DIRECT is not possible with %s and blocks of %u bytes: I/O "
		               "goes through the page cache\n",
		               bdev->name, disk->filename, bdev->blocklen);
	}
	return 0;
}

static void
create_opened(void *arg)
{
	struct create *create = arg;

	if (create->rc == 0 && g_uring.finishing) {
		create->rc = -ESHUTDOWN;
		snprintf(create->why, sizeof(create->why), "the application ends");
	} else if (create->rc == 0) {
		create->rc = disk_register(create);
		if (create->rc == 0) {
			g_uring.creating--;
			create_end(create, NULL, NULL);
			return;
		}
	}
	if (control_post(undo_on_control, create) != 0) {
		disk_close(create->disk);
		create_undone(create);
	}
}

static int
make_rings(struct create *create)
{
	struct uring_disk *disk = create->disk;
	struct uring_ring *ring;
	uint32_t i;
	int rc;

	uring_ring_note_cpus();
	for (i = 0; i < create->spare; i++) {
		rc = uring_ring_create(disk->file.fd, &ring);
		if (rc != 0) {
			snprintf(create->why, sizeof(create->why),
			         "the kernel gives no io_uring: %s%s", spdk_strerror(-rc),
			         rc == -EPERM ? " (see the sysctl kernel.io_uring_disabled)" : "");
			return rc;
		}
		SLIST_INSERT_HEAD(&disk->spare, ring, link);
	}
	return 0;
}

static void
open_on_control(void *arg)
{
	struct create *create = arg;
	struct uring_disk *disk = create->disk;

	create->rc = uring_file_open(disk->filename, create->block_size, &disk->file, create->why);
	if (create->rc == 0) {
		create->rc = make_rings(create);
	}
	spdk_thread_send_msg(spdk_thread_get_app_thread(), create_opened, create);
}

static struct uring_disk *
disk_alloc(const struct uring_options *options)
{
	struct uring_disk *disk = calloc(1, sizeof(*disk));

	if (disk == NULL) {
		return NULL;
	}
	pthread_spin_init(&disk->lock, PTHREAD_PROCESS_PRIVATE);
	SLIST_INIT(&disk->spare);
	disk->file.fd = -1;
	disk->bdev.name = strdup(options->name);
	disk->filename = strdup(options->filename);
	disk->bdev.uuid = options->uuid;
	if (disk->bdev.name == NULL || disk->filename == NULL) {
		disk_free(disk);
		return NULL;
	}
	return disk;
}

static int
create_begin(struct create *create, const struct uring_options *options)
{
	int rc;

	if (g_uring.finishing) {
		snprintf(create->why, sizeof(create->why), "the application ends");
		return -ESHUTDOWN;
	}
	if (spdk_bdev_get_by_name(options->name) != NULL) {
		snprintf(create->why, sizeof(create->why),
		         "a block device of that name exists already");
		return -EEXIST;
	}
	create->disk = disk_alloc(options);
	if (create->disk == NULL) {
		snprintf(create->why, sizeof(create->why), "%s", spdk_strerror(ENOMEM));
		return -ENOMEM;
	}
	rc = control_post(open_on_control, create);
	if (rc != 0) {
		snprintf(create->why, sizeof(create->why), "%s", spdk_strerror(-rc));
	}
	return rc;
}

void
uring_disk_create(const struct uring_options *options, uring_create_cb cb, void *arg)
{
	struct create *create = calloc(1, sizeof(*create));
	int rc;

	if (create == NULL) {
		cb(arg, -ENOMEM, spdk_strerror(ENOMEM));
		return;
	}
	create->block_size = options->block_size;
	create->spare = spdk_min(spdk_max(1u, spdk_env_get_core_count()), MAX_SPARE);
	create->cb = cb;
	create->arg = arg;
	/* From a success on, what `create` holds is the control pthread's. */
	rc = create_begin(create, options);
	if (rc == 0) {
		g_uring.creating++;
	} else {
		create->rc = rc;
		create_end(create, options->name, options->filename);
	}
}
