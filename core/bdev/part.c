/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Parts: devices that are each a range of blocks of one base device (partitions, splits). A module
 * makes a base (a descriptor of the device and what the parts have in common), then parts on it.
 * The first part claims the device for the module; the last one to go lets go of it and frees the
 * base. A part's I/O is the base's with its offset added. */

#include "bdev_internal.h"

struct spdk_bdev_part_base {
	struct spdk_bdev *bdev;
	struct spdk_bdev_desc *desc;
	struct spdk_thread *thread; /* that opened desc */
	struct spdk_bdev_module *module;
	struct spdk_bdev_fn_table *fn_table;
	struct bdev_part_tailq *tailq;
	spdk_bdev_remove_cb_t remove_cb;
	spdk_bdev_part_base_free_fn free_fn;
	void *ctx;
	uint32_t channel_size;
	spdk_io_channel_create_cb ch_create_cb;
	spdk_io_channel_destroy_cb ch_destroy_cb;
	uint32_t parts; /* app thread */
};

/* --- the base --------------------------------------------------------------------------------- */

struct spdk_bdev *
spdk_bdev_part_base_get_bdev(struct spdk_bdev_part_base *base)
{
	return base->bdev;
}

const char *
spdk_bdev_part_base_get_bdev_name(struct spdk_bdev_part_base *base)
{
	return base->bdev->name;
}

struct spdk_bdev_desc *
spdk_bdev_part_base_get_desc(struct spdk_bdev_part_base *base)
{
	return base->desc;
}

struct bdev_part_tailq *
spdk_bdev_part_base_get_tailq(struct spdk_bdev_part_base *base)
{
	return base->tailq;
}

void *
spdk_bdev_part_base_get_ctx(struct spdk_bdev_part_base *base)
{
	return base->ctx;
}

static void
close_desc(void *arg)
{
	spdk_bdev_close(arg);
}

void
spdk_bdev_part_base_free(struct spdk_bdev_part_base *base)
{
	if (base->desc != NULL) {
		spdk_thread_exec_msg(base->thread, close_desc, base->desc);
	}
	if (base->free_fn != NULL) {
		base->free_fn(base->ctx);
	}
	free(base);
}

static void
base_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct spdk_bdev_part_base *base = ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		base->remove_cb(base);
	} else {
		SPDK_NOTICELOG("%s: event %d is not passed on to its parts\n", bdev->name, type);
	}
}

static struct spdk_io_channel *
part_get_io_channel(void *ctx)
{
	struct spdk_bdev_part *part = ctx;

	return spdk_get_io_channel(part);
}

/* What works with an offset added. NVMe commands have their own idea of an address. */
static bool
part_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct spdk_bdev_part *part = ctx;

	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
	case SPDK_BDEV_IO_TYPE_ABORT:
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_io_type_supported(part->internal.base->bdev, type);
	default:
		return false;
	}
}

int
spdk_bdev_part_base_construct_ext(const char *bdev_name, spdk_bdev_remove_cb_t remove_cb,
                                  struct spdk_bdev_module *module,
                                  struct spdk_bdev_fn_table *fn_table,
                                  struct bdev_part_tailq *tailq,
                                  spdk_bdev_part_base_free_fn free_fn, void *ctx,
                                  uint32_t channel_size, spdk_io_channel_create_cb ch_create_cb,
                                  spdk_io_channel_destroy_cb ch_destroy_cb,
                                  struct spdk_bdev_part_base **out)
{
	struct spdk_bdev_part_base *base;
	int rc;

	if (out == NULL || remove_cb == NULL || module == NULL || fn_table == NULL ||
	    tailq == NULL || channel_size < sizeof(struct spdk_bdev_part_channel)) {
		return -EINVAL;
	}
	base = calloc(1, sizeof(*base));
	if (base == NULL) {
		return -ENOMEM;
	}
	base->thread = spdk_get_thread();
	base->module = module;
	base->fn_table = fn_table;
	base->tailq = tailq;
	base->remove_cb = remove_cb;
	base->free_fn = free_fn;
	base->ctx = ctx;
	base->channel_size = channel_size;
	base->ch_create_cb = ch_create_cb;
	base->ch_destroy_cb = ch_destroy_cb;
	/* For reading: the first part's claim makes it a writer. */
	rc = spdk_bdev_open_ext(bdev_name, false, base_event, base, &base->desc);
	if (rc != 0) {
		/* ctx stays the caller's, as it was not taken. */
		free(base);
		return rc;
	}
	base->bdev = spdk_bdev_desc_get_bdev(base->desc);
	fn_table->get_io_channel = part_get_io_channel;
	fn_table->io_type_supported = part_io_type_supported;
	*out = base;
	return 0;
}

void
spdk_bdev_part_base_hotremove(struct spdk_bdev_part_base *base, struct bdev_part_tailq *tailq)
{
	struct spdk_bdev_part *part, *next;

	TAILQ_FOREACH_SAFE (part, tailq, tailq, next) {
		if (part->internal.base == base) {
			spdk_bdev_unregister(&part->internal.bdev, NULL, NULL);
		}
	}
}

/* --- parts ------------------------------------------------------------------------------------ */

struct spdk_bdev *
spdk_bdev_part_get_bdev(struct spdk_bdev_part *part)
{
	return &part->internal.bdev;
}

struct spdk_bdev_part_base *
spdk_bdev_part_get_base(struct spdk_bdev_part *part)
{
	return part->internal.base;
}

struct spdk_bdev *
spdk_bdev_part_get_base_bdev(struct spdk_bdev_part *part)
{
	return part->internal.base->bdev;
}

uint64_t
spdk_bdev_part_get_offset_blocks(struct spdk_bdev_part *part)
{
	return part->internal.offset_blocks;
}

static int
part_channel_create(void *io_device, void *ctx)
{
	struct spdk_bdev_part *part = io_device;
	struct spdk_bdev_part_channel *ch = ctx;
	int rc = 0;

	ch->part = part;
	ch->base_ch = spdk_bdev_get_io_channel(part->internal.base->desc);
	if (ch->base_ch == NULL) {
		return -ENOMEM;
	}
	if (part->internal.base->ch_create_cb != NULL) {
		rc = part->internal.base->ch_create_cb(io_device, ctx);
		if (rc != 0) {
			spdk_put_io_channel(ch->base_ch);
		}
	}
	return rc;
}

static void
part_channel_destroy(void *io_device, void *ctx)
{
	struct spdk_bdev_part *part = io_device;
	struct spdk_bdev_part_channel *ch = ctx;

	if (part->internal.base->ch_destroy_cb != NULL) {
		part->internal.base->ch_destroy_cb(io_device, ctx);
	}
	spdk_put_io_channel(ch->base_ch);
}

static void
base_put(struct spdk_bdev_part_base *base)
{
	if (--base->parts == 0) {
		spdk_bdev_module_release_bdev(base->bdev);
		spdk_bdev_part_base_free(base);
	}
}

static void
part_gone(void *io_device)
{
	struct spdk_bdev_part *part = io_device;
	struct spdk_bdev_part_base *base = part->internal.base;

	TAILQ_REMOVE(base->tailq, part, tailq);
	base_put(base);
	spdk_bdev_destruct_done(&part->internal.bdev, 0);
	free(part->internal.bdev.name);
	free(part->internal.bdev.product_name);
	free(part);
}

int
spdk_bdev_part_free(struct spdk_bdev_part *part)
{
	spdk_io_device_unregister(part, part_gone);
	return 1;
}

/* What the base says of its blocks and buffers is true of a part. Limits are not copied: the base
 * splits what it gets. */
static void
part_describe(struct spdk_bdev *bdev, const struct spdk_bdev *base)
{
	bdev->write_cache = base->write_cache;
	bdev->blocklen = base->blocklen;
	bdev->phys_blocklen = base->phys_blocklen;
	bdev->required_alignment = base->required_alignment;
	bdev->optimal_io_boundary = base->optimal_io_boundary;
	bdev->preferred_write_alignment = base->preferred_write_alignment;
	bdev->preferred_write_granularity = base->preferred_write_granularity;
	bdev->optimal_write_size = base->optimal_write_size;
	bdev->preferred_unmap_alignment = base->preferred_unmap_alignment;
	bdev->preferred_unmap_granularity = base->preferred_unmap_granularity;
	bdev->write_unit_size = base->write_unit_size;
	bdev->acwu = base->acwu;
	bdev->md_interleave = base->md_interleave;
	bdev->md_len = base->md_len;
	bdev->dif_type = base->dif_type;
	bdev->dif_is_head_of_md = base->dif_is_head_of_md;
	bdev->dif_check_flags = base->dif_check_flags;
	bdev->dif_pi_format = base->dif_pi_format;
	bdev->numa = base->numa;
	bdev->reset_io_drain_timeout = base->reset_io_drain_timeout;
}

static int
part_check(const struct spdk_bdev_part_base *base, const char *name, uint64_t offset_blocks,
           uint64_t num_blocks)
{
	const struct spdk_bdev *bdev = base->bdev;

	if (num_blocks == 0 || !bdev_range_is_valid(bdev, offset_blocks, num_blocks)) {
		SPDK_ERRLOG("%s: %" PRIu64 " blocks from %" PRIu64 " on are not all within %s\n",
		            name, num_blocks, offset_blocks, bdev->name);
		return -EINVAL;
	}
	if (offset_blocks != 0 && (bdev->dif_check_flags & SPDK_DIF_FLAGS_REFTAG_CHECK) != 0) {
		SPDK_ERRLOG("%s: %s checks reference tags, which count its own blocks: a part can "
		            "only begin at block 0\n",
		            name, bdev->name);
		return -ENOTSUP;
	}
	return 0;
}

/* A part is the same device each time that it is made of the same blocks. */
static int
part_uuid(struct spdk_bdev *bdev, const struct spdk_bdev_part_construct_opts *opts,
          const struct spdk_bdev *base, uint64_t offset_blocks)
{
	struct spdk_uuid ns = base->uuid;
	char name[64];

	if (opts != NULL && opts->opts_size >= SPDK_SIZEOF(opts, uuid) &&
	    !spdk_uuid_is_null(&opts->uuid)) {
		bdev->uuid = opts->uuid;
		return 0;
	}
	snprintf(name, sizeof(name), "part %" PRIu64 " %" PRIu64, offset_blocks, bdev->blockcnt);
	return spdk_uuid_generate_sha1(&bdev->uuid, &ns, name, strlen(name));
}

void
spdk_bdev_part_construct_opts_init(struct spdk_bdev_part_construct_opts *opts, uint64_t size)
{
	if (opts == NULL) {
		SPDK_ERRLOG("no options to initialise\n");
		return;
	}
	memset(opts, 0, size);
	opts->opts_size = size;
}

static int
base_get(struct spdk_bdev_part_base *base)
{
	if (base->parts == 0 &&
	    spdk_bdev_module_claim_bdev(base->bdev, base->desc, base->module) != 0) {
		return -EPERM;
	}
	base->parts++;
	return 0;
}

int
spdk_bdev_part_construct_ext(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base,
                             char *name, uint64_t offset_blocks, uint64_t num_blocks,
                             char *product_name, const struct spdk_bdev_part_construct_opts *opts)
{
	struct spdk_bdev *bdev = &part->internal.bdev;
	int rc;

	if (part_check(base, name, offset_blocks, num_blocks) != 0) {
		return -1;
	}
	part->internal.base = base;
	part->internal.offset_blocks = offset_blocks;
	part_describe(bdev, base->bdev);
	bdev->blockcnt = num_blocks;
	bdev->ctxt = part;
	bdev->module = base->module;
	bdev->fn_table = base->fn_table;
	bdev->name = strdup(name);
	bdev->product_name = strdup(product_name);
	if (bdev->name == NULL || bdev->product_name == NULL ||
	    part_uuid(bdev, opts, base->bdev, offset_blocks) != 0) {
		SPDK_ERRLOG("%s: out of memory to make a part of %s\n", name, base->bdev->name);
		goto fail;
	}
	if (base_get(base) != 0) {
		goto fail;
	}
	spdk_io_device_register(part, part_channel_create, part_channel_destroy, base->channel_size,
	                        bdev->name);
	TAILQ_INSERT_TAIL(base->tailq, part, tailq);
	rc = spdk_bdev_register(bdev);
	if (rc != 0) {
		TAILQ_REMOVE(base->tailq, part, tailq);
		spdk_io_device_unregister(part, NULL);
		/* The caller still has the base, and frees it. */
		if (--base->parts == 0) {
			spdk_bdev_module_release_bdev(base->bdev);
		}
		goto fail;
	}
	return 0;
fail:
	free(bdev->name);
	free(bdev->product_name);
	bdev->name = NULL;
	bdev->product_name = NULL;
	return -1;
}

int
spdk_bdev_part_construct(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base, char *name,
                         uint64_t offset_blocks, uint64_t num_blocks, char *product_name)
{
	return spdk_bdev_part_construct_ext(part, base, name, offset_blocks, num_blocks,
	                                    product_name, NULL);
}

/* --- I/O -------------------------------------------------------------------------------------- */

static void
part_io_done(struct spdk_bdev_io *base_io, bool success, void *arg)
{
	struct spdk_bdev_io *io = arg;
	enum spdk_bdev_io_status status = spdk_bdev_io_set_base_io_status(io, base_io);

	spdk_bdev_free_io(base_io);
	if (io->internal.part_cb != NULL) {
		io->internal.part_cb(io, success, NULL);
	} else {
		spdk_bdev_io_complete(io, status);
	}
}

int
spdk_bdev_part_submit_request_ext(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *io,
                                  spdk_bdev_io_completion_cb cb)
{
	struct spdk_bdev_part *part = ch->part;
	struct spdk_bdev_desc *desc = part->internal.base->desc;
	struct spdk_bdev_io_block_params *p = &io->u.bdev;
	uint64_t offset = part->internal.offset_blocks;
	struct spdk_bdev_ext_io_opts opts = { .size = sizeof(opts) };

	io->internal.part_cb = cb;
	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		opts.metadata = p->md_buf;
		opts.dif_check_flags_exclude_mask = ~p->dif_check_flags;
		opts.nvme_cdw12 = p->nvme_cdw12;
		opts.nvme_cdw13 = p->nvme_cdw13;
		return (io->type == SPDK_BDEV_IO_TYPE_READ ? spdk_bdev_readv_blocks_ext
		                                           : spdk_bdev_writev_blocks_ext)(
			desc, ch->base_ch, p->iovs, p->iovcnt, offset + p->offset_blocks,
			p->num_blocks, part_io_done, io, &opts);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch->base_ch, offset + p->offset_blocks,
		                              p->num_blocks, part_io_done, io);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch->base_ch, offset + p->offset_blocks,
		                                     p->num_blocks, part_io_done, io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(desc, ch->base_ch, offset + p->offset_blocks,
		                              p->num_blocks, part_io_done, io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(desc, ch->base_ch, part_io_done, io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		return spdk_bdev_abort(desc, ch->base_ch, io->u.abort.bio_to_abort, part_io_done,
		                       io);
	case SPDK_BDEV_IO_TYPE_COMPARE:
		return spdk_bdev_comparev_blocks_with_md(desc, ch->base_ch, p->iovs, p->iovcnt,
		                                         p->md_buf, offset + p->offset_blocks,
		                                         p->num_blocks, part_io_done, io);
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return spdk_bdev_comparev_and_writev_blocks(
			desc, ch->base_ch, p->iovs, p->iovcnt, p->fused_iovs, p->fused_iovcnt,
			offset + p->offset_blocks, p->num_blocks, part_io_done, io);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(desc, ch->base_ch, offset + p->offset_blocks,
		                             offset + p->copy.src_offset_blocks, p->num_blocks,
		                             part_io_done, io);
	default:
		SPDK_ERRLOG("%s: an I/O of type %u cannot be passed on\n", io->bdev->name,
		            io->type);
		return -ENOTSUP;
	}
}

int
spdk_bdev_part_submit_request(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *io)
{
	return spdk_bdev_part_submit_request_ext(ch, io, NULL);
}
