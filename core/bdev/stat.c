/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Statistics: counted by each channel on its thread, added up by a walk over the channels when
 * somebody asks. What a channel has counted goes to the device when the channel goes. */

#include "bdev_internal.h"

void
bdev_stat_init(struct spdk_bdev_io_stat *stat, struct spdk_bdev_io_error_stat *errors)
{
	stat->io_error = errors;
	spdk_bdev_reset_io_stat(stat, SPDK_BDEV_RESET_STAT_ALL);
}

struct spdk_bdev_io_stat *
bdev_stat_alloc(void)
{
	struct both {
		struct spdk_bdev_io_stat stat;
		struct spdk_bdev_io_error_stat errors;
	} *both = calloc(1, sizeof(*both));

	if (both == NULL) {
		return NULL;
	}
	bdev_stat_init(&both->stat, &both->errors);
	return &both->stat;
}

void
bdev_stat_free(struct spdk_bdev_io_stat *stat)
{
	free(stat);
}

static inline void
count_latency(uint64_t ticks, uint64_t *sum, uint64_t *max, uint64_t *min)
{
	*sum += ticks;
	if (ticks > *max) {
		*max = ticks;
	}
	if (ticks < *min) {
		*min = ticks;
	}
}

void
bdev_stat_count(struct spdk_bdev_channel *ch, const struct spdk_bdev_io *io, uint64_t ticks)
{
	struct spdk_bdev_io_stat *stat = &ch->stat;
	uint64_t bytes = io->u.bdev.num_blocks * ch->bdev->blocklen;

	if (spdk_unlikely(io->internal.status != SPDK_BDEV_IO_STATUS_SUCCESS)) {
		ch->error_stat.error_status[-io->internal.status - 1]++;
		return;
	}
	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		stat->num_read_ops++;
		stat->bytes_read += bytes;
		count_latency(ticks, &stat->read_latency_ticks, &stat->max_read_latency_ticks,
		              &stat->min_read_latency_ticks);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		stat->num_write_ops++;
		stat->bytes_written += bytes;
		count_latency(ticks, &stat->write_latency_ticks, &stat->max_write_latency_ticks,
		              &stat->min_write_latency_ticks);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		stat->num_unmap_ops++;
		stat->bytes_unmapped += bytes;
		count_latency(ticks, &stat->unmap_latency_ticks, &stat->max_unmap_latency_ticks,
		              &stat->min_unmap_latency_ticks);
		break;
	case SPDK_BDEV_IO_TYPE_COPY:
		stat->num_copy_ops++;
		stat->bytes_copied += bytes;
		count_latency(ticks, &stat->copy_latency_ticks, &stat->max_copy_latency_ticks,
		              &stat->min_copy_latency_ticks);
		break;
	default:
		break;
	}
}

void
spdk_bdev_add_io_stat(struct spdk_bdev_io_stat *total, struct spdk_bdev_io_stat *add)
{
	int i;

	total->bytes_read += add->bytes_read;
	total->num_read_ops += add->num_read_ops;
	total->bytes_written += add->bytes_written;
	total->num_write_ops += add->num_write_ops;
	total->bytes_unmapped += add->bytes_unmapped;
	total->num_unmap_ops += add->num_unmap_ops;
	total->bytes_copied += add->bytes_copied;
	total->num_copy_ops += add->num_copy_ops;
#define ADD_LATENCY(op)                                                                           \
	do {                                                                                      \
		total->op##_latency_ticks += add->op##_latency_ticks;                             \
		total->max_##op##_latency_ticks =                                                 \
			spdk_max(total->max_##op##_latency_ticks, add->max_##op##_latency_ticks); \
		total->min_##op##_latency_ticks =                                                 \
			spdk_min(total->min_##op##_latency_ticks, add->min_##op##_latency_ticks); \
	} while (0)
	ADD_LATENCY(read);
	ADD_LATENCY(write);
	ADD_LATENCY(unmap);
	ADD_LATENCY(copy);
#undef ADD_LATENCY
	if (total->io_error != NULL && add->io_error != NULL) {
		for (i = 0; i < BDEV_NUM_ERROR_STATUS; i++) {
			total->io_error->error_status[i] += add->io_error->error_status[i];
		}
	}
}

static void
reset_maxmin(struct spdk_bdev_io_stat *stat)
{
	stat->max_read_latency_ticks = 0;
	stat->min_read_latency_ticks = UINT64_MAX;
	stat->max_write_latency_ticks = 0;
	stat->min_write_latency_ticks = UINT64_MAX;
	stat->max_unmap_latency_ticks = 0;
	stat->min_unmap_latency_ticks = UINT64_MAX;
	stat->max_copy_latency_ticks = 0;
	stat->min_copy_latency_ticks = UINT64_MAX;
}

void
spdk_bdev_reset_io_stat(struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode mode)
{
	struct spdk_bdev_io_error_stat *errors = stat->io_error;

	switch (mode) {
	case SPDK_BDEV_RESET_STAT_NONE:
		return;
	case SPDK_BDEV_RESET_STAT_ALL:
		memset(stat, 0, sizeof(*stat));
		stat->io_error = errors;
		reset_maxmin(stat);
		break;
	case SPDK_BDEV_RESET_STAT_MAXMIN:
		reset_maxmin(stat);
		return;
	case SPDK_BDEV_RESET_STAT_ERROR:
		break;
	}
	if (errors != NULL) {
		memset(errors, 0, sizeof(*errors));
	}
}

/* Everything but the caller's own place for errors. */
static void
stat_copy(struct spdk_bdev_io_stat *to, const struct spdk_bdev_io_stat *from)
{
	struct spdk_bdev_io_error_stat *errors = to->io_error;

	*to = *from;
	to->io_error = errors;
	if (errors != NULL && from->io_error != NULL) {
		*errors = *from->io_error;
	}
}

void
spdk_bdev_get_io_stat(struct spdk_bdev *bdev, struct spdk_io_channel *io_ch,
                      struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode mode)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	stat_copy(stat, &ch->stat);
	stat->ticks_rate = spdk_get_ticks_hz();
	spdk_bdev_reset_io_stat(&ch->stat, mode);
}

struct device_stat {
	struct spdk_bdev_io_stat *stat;
	enum spdk_bdev_reset_stat_mode mode;
	spdk_bdev_get_device_stat_cb cb;
	void *cb_arg;
};

static void
device_stat_channel(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev,
                    struct spdk_io_channel *io_ch, void *ctx)
{
	struct spdk_bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct device_stat *req = ctx;

	spdk_bdev_add_io_stat(req->stat, &ch->stat);
	spdk_bdev_reset_io_stat(&ch->stat, req->mode);
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
device_stat_done(struct spdk_bdev *bdev, void *ctx, int rc)
{
	struct device_stat *req = ctx;

	req->cb(bdev, req->stat, req->cb_arg, rc);
	free(req);
}

void
spdk_bdev_get_device_stat(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat,
                          enum spdk_bdev_reset_stat_mode mode, spdk_bdev_get_device_stat_cb cb,
                          void *cb_arg)
{
	struct device_stat *req = calloc(1, sizeof(*req));

	if (req == NULL) {
		cb(bdev, stat, cb_arg, -ENOMEM);
		return;
	}
	req->stat = stat;
	req->mode = mode;
	req->cb = cb;
	req->cb_arg = cb_arg;
	spdk_spin_lock(&bdev->internal.spinlock);
	stat_copy(stat, bdev->internal.stat);
	spdk_bdev_reset_io_stat(bdev->internal.stat, mode);
	spdk_spin_unlock(&bdev->internal.spinlock);
	stat->ticks_rate = spdk_get_ticks_hz();
	spdk_bdev_for_each_channel(bdev, device_stat_channel, req, device_stat_done);
}
