/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "vbdev_echo.h"

#include "spdk/log.h"
#include "spdk/thread.h"

static SPDK_BDEV_PART_TAILQ g_slices = TAILQ_HEAD_INITIALIZER(g_slices);

struct slice_channel {
	struct spdk_bdev_part_channel part_ch;
	uint64_t requests;
};

static int
slice_destruct(void *ctx)
{
	return spdk_bdev_part_free((struct spdk_bdev_part *)ctx);
}

static void
slice_go(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct slice_channel *ch = (struct slice_channel *)spdk_io_channel_get_ctx(io_ch);
	int rc = spdk_bdev_part_submit_request(&ch->part_ch, bdev_io);

	ch->requests++;
	if (rc != 0) {
		spdk_bdev_io_complete(bdev_io, rc == -ENOMEM ? SPDK_BDEV_IO_STATUS_NOMEM
		                                             : SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
slice_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		slice_go(ch, bdev_io);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
slice_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		spdk_bdev_io_get_buf(bdev_io, slice_buf,
		                     bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
	} else {
		slice_go(ch, bdev_io);
	}
}

static int
slice_dump(void *ctx, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev_part *part = (struct spdk_bdev_part *)ctx;
	struct spdk_bdev *base = spdk_bdev_part_get_base_bdev(part);

	spdk_json_write_named_object_begin(w, "slice");
	spdk_json_write_named_string(w, "base_bdev", spdk_bdev_get_name(base));
	spdk_json_write_named_uint64(w, "offset_blocks", spdk_bdev_part_get_offset_blocks(part));
	spdk_json_write_object_end(w);
	return 0;
}

static void slice_config(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w);

static struct spdk_bdev_fn_table g_slice_table = {
	.destruct = slice_destruct,
	.submit_request = slice_submit,
	.dump_info_json = slice_dump,
	.write_config_json = slice_config,
};

static int
slice_channel_create(void *io_device, void *ctx)
{
	((struct slice_channel *)ctx)->requests = 0;
	return 0;
}

static void
slice_channel_destroy(void *io_device, void *ctx)
{
}

static void
base_removed(void *ctx)
{
	spdk_bdev_part_base_hotremove((struct spdk_bdev_part_base *)ctx, &g_slices);
}

static void
base_freed(void *ctx)
{
	free(ctx);
}

static struct spdk_bdev_part_base *
find_base(const char *name)
{
	struct spdk_bdev_part *part;

	TAILQ_FOREACH (part, &g_slices, tailq) {
		if (strcmp(spdk_bdev_part_base_get_bdev_name(spdk_bdev_part_get_base(part)),
		           name) == 0) {
			return spdk_bdev_part_get_base(part);
		}
	}
	return NULL;
}

static int
slice_create(struct spdk_bdev_part_base *base, const struct echo_slice_params *params)
{
	struct spdk_bdev_part *part = (struct spdk_bdev_part *)calloc(1, sizeof(*part));
	struct spdk_bdev_part_construct_opts opts;
	int rc;

	if (part == NULL) {
		return -ENOMEM;
	}
	spdk_bdev_part_construct_opts_init(&opts, sizeof(opts));
	opts.uuid = params->uuid;
	rc = spdk_bdev_part_construct_ext(part, base, params->name, params->offset_blocks,
	                                  params->num_blocks, (char *)"Echo slice", &opts);
	if (rc != 0) {
		free(part);
		return -EINVAL;
	}
	return 0;
}

int
echo_slices_create(const char *name, const struct echo_slice_params *slices, size_t count)
{
	struct spdk_bdev_part_base *base = NULL;
	char *ctx;
	size_t i;
	int rc = 0;

	if (find_base(name) != NULL) {
		return -EEXIST;
	}
	ctx = strdup(name);
	rc = spdk_bdev_part_base_construct_ext(
		name, base_removed, &echo_module, &g_slice_table, &g_slices, base_freed, ctx,
		sizeof(struct slice_channel), slice_channel_create, slice_channel_destroy, &base);
	if (rc != 0) {
		/* A base that is not there has not taken it. */
		if (rc == -ENODEV) {
			free(ctx);
		}
		return rc;
	}
	for (i = 0; i < count && rc == 0; i++) {
		rc = slice_create(base, &slices[i]);
	}
	if (rc != 0 && i == 1) {
		spdk_bdev_part_base_free(base);
	} else if (rc != 0) {
		spdk_bdev_part_base_hotremove(base, &g_slices);
	}
	return rc;
}

int
echo_slices_delete(const char *name)
{
	struct spdk_bdev_part_base *base = find_base(name);

	if (base == NULL) {
		return -ENODEV;
	}
	spdk_bdev_part_base_hotremove(base, &g_slices);
	return 0;
}

static void
write_slice(struct spdk_json_write_ctx *w, struct spdk_bdev_part *part)
{
	struct spdk_bdev *bdev = spdk_bdev_part_get_bdev(part);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(bdev));
	spdk_json_write_named_uint64(w, "offset_blocks", spdk_bdev_part_get_offset_blocks(part));
	spdk_json_write_named_uint64(w, "num_blocks", spdk_bdev_get_num_blocks(bdev));
	spdk_json_write_named_uuid(w, "uuid", spdk_bdev_get_uuid(bdev));
	spdk_json_write_object_end(w);
}

/* All slices of a base are made by one call, which the first of them writes: by then the base has
 * been written. */
static void
slice_config(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev_part *part = (struct spdk_bdev_part *)bdev->ctxt, *other;
	struct spdk_bdev_part_base *base = spdk_bdev_part_get_base(part);

	TAILQ_FOREACH (other, &g_slices, tailq) {
		if (spdk_bdev_part_get_base(other) == base) {
			break;
		}
	}
	if (other != part) {
		return;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_echo_slice_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "base_bdev", spdk_bdev_part_base_get_bdev_name(base));
	spdk_json_write_named_array_begin(w, "slices");
	for (; other != NULL; other = TAILQ_NEXT(other, tailq)) {
		if (spdk_bdev_part_get_base(other) == base) {
			write_slice(w, other);
		}
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

void
echo_slices_fini(void)
{
	assert(TAILQ_EMPTY(&g_slices));
}
