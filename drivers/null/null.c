/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "drivers/null/null.h"

#include "core/bdev/module_rpc.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct null_disk {
	struct spdk_bdev bdev;
};

/* --- I/O -------------------------------------------------------------------------------------- */

static void
got_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *io, bool success)
{
	spdk_bdev_io_complete(io,
	                      success ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
null_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *io)
{
	if (spdk_unlikely(io->type == SPDK_BDEV_IO_TYPE_READ &&
	                  io->u.bdev.iovs[0].iov_base == NULL)) {
		spdk_bdev_io_get_buf(io, got_buf, io->u.bdev.num_blocks * io->bdev->blocklen);
		return;
	}
	spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static bool
null_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	default:
		return false;
	}
}

static struct spdk_io_channel *
null_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&null_module);
}

/* --- life ------------------------------------------------------------------------------------- */

static int
null_destruct(void *ctx)
{
	struct null_disk *disk = ctx;

	free(disk->bdev.name);
	free(disk);
	return 0;
}

static void
null_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_null_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	spdk_json_write_named_uint32(w, "block_size", bdev->blocklen);
	spdk_json_write_named_uint32(w, "physical_block_size", bdev->phys_blocklen);
	spdk_json_write_named_uint32(w, "md_size", bdev->md_len);
	spdk_json_write_named_uint32(w, "dif_type", bdev->dif_type);
	spdk_json_write_named_bool(w, "dif_is_head_of_md", bdev->dif_is_head_of_md);
	spdk_json_write_named_uint32(w, "dif_pi_format", bdev->dif_pi_format);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_named_uint32(w, "preferred_write_granularity",
	                             bdev->preferred_write_granularity);
	spdk_json_write_named_uint32(w, "preferred_write_alignment",
	                             bdev->preferred_write_alignment);
	spdk_json_write_named_uint32(w, "optimal_write_size", bdev->optimal_write_size);
	spdk_json_write_named_uint32(w, "preferred_unmap_granularity",
	                             bdev->preferred_unmap_granularity);
	spdk_json_write_named_uint32(w, "preferred_unmap_alignment",
	                             bdev->preferred_unmap_alignment);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table null_fn_table = {
	.destruct = null_destruct,
	.submit_request = null_submit,
	.io_type_supported = null_io_type_supported,
	.get_io_channel = null_get_io_channel,
	.write_config_json = null_write_config_json,
};

static void
disk_describe(struct spdk_bdev *bdev, const struct null_params *p)
{
	bdev->product_name = "Null disk";
	bdev->module = &null_module;
	bdev->fn_table = &null_fn_table;
	bdev->uuid = p->uuid;
	bdev->blockcnt = p->num_blocks;
	bdev->blocklen = p->block_size;
	bdev->phys_blocklen = p->physical_block_size;
	bdev->md_len = p->md_size;
	bdev->md_interleave = p->md_size != 0;
	bdev->dif_is_head_of_md = p->dif_is_head_of_md;
	bdev->dif_pi_format = (enum spdk_dif_pi_format)p->dif_pi_format;
	bdev->preferred_write_alignment = p->preferred_write_alignment;
	bdev->preferred_write_granularity = p->preferred_write_granularity;
	bdev->optimal_write_size = p->optimal_write_size;
	bdev->preferred_unmap_alignment = p->preferred_unmap_alignment;
	bdev->preferred_unmap_granularity = p->preferred_unmap_granularity;
}

int
null_create(const struct null_params *p, struct spdk_bdev **bdev)
{
	struct null_disk *disk;
	int rc;

	/* Here the block size holds the metadata, and what is left is the data. */
	if (p->md_size != 0 && (p->block_size <= p->md_size ||
	                        (p->block_size - p->md_size) % BDEV_MIN_BLOCK_SIZE != 0)) {
		SPDK_ERRLOG("bdev %s: block_size %u less md_size %u is no multiple of %u\n",
		            p->name, p->block_size, p->md_size, BDEV_MIN_BLOCK_SIZE);
		return -EINVAL;
	}
	rc = bdev_check_format(p->name, p->num_blocks, p->block_size - p->md_size,
	                       p->physical_block_size, p->md_size, p->dif_type);
	if (rc != 0) {
		return rc;
	}
	disk = calloc(1, sizeof(*disk));
	if (disk == NULL) {
		return -ENOMEM;
	}
	disk_describe(&disk->bdev, p);
	disk->bdev.ctxt = disk;
	disk->bdev.name = strdup(p->name);
	rc = disk->bdev.name != NULL ? spdk_bdev_register(&disk->bdev) : -ENOMEM;
	if (rc != 0) {
		null_destruct(disk);
		return rc;
	}
	*bdev = &disk->bdev;
	return 0;
}

static void
ignore_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

int
null_resize(const char *name, uint64_t new_size_mib)
{
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	uint64_t blocks;
	int rc;

	rc = spdk_bdev_open_ext(name, false, ignore_event, NULL, &desc);
	if (rc != 0) {
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(desc);
	if (bdev->module != &null_module) {
		spdk_bdev_close(desc);
		return -EINVAL;
	}
	blocks = new_size_mib <= UINT64_MAX >> 20 ? (new_size_mib << 20) / bdev->blocklen : 0;
	if (blocks < bdev->blockcnt) {
		SPDK_ERRLOG("bdev %s: it cannot become smaller: new_size is %" PRIu64 " MiB\n",
		            name, new_size_mib);
		spdk_bdev_close(desc);
		return -EINVAL;
	}
	rc = spdk_bdev_notify_blockcnt_change(bdev, blocks);
	spdk_bdev_close(desc);
	return rc;
}

/* --- module ----------------------------------------------------------------------------------- */

static int
channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
}

static int
null_init(void)
{
	spdk_io_device_register(&null_module, channel_create, channel_destroy, 0, "bdev_null");
	return 0;
}

static void
null_fini_done(void *io_device)
{
	spdk_bdev_module_fini_done();
}

static void
null_fini(void)
{
	spdk_io_device_unregister(&null_module, null_fini_done);
}

struct spdk_bdev_module null_module = {
	.name = "null",
	.module_init = null_init,
	.module_fini = null_fini,
	.async_fini = true,
};
SPDK_BDEV_MODULE_REGISTER(null, &null_module)
