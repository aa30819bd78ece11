/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "vbdev_echo.h"

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/notify.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct echo_list g_echoes = TAILQ_HEAD_INITIALIZER(g_echoes);
struct echo_options g_echo_options = { .priority = 5, .poll_us = 20, .bias = -1 };

static struct spdk_poller *g_slow_start;

SPDK_LOG_REGISTER_COMPONENT(vbdev_echo)

struct echo_disk {
	struct spdk_bdev bdev;
	struct echo *echo;
	struct spdk_bdev_desc *base_desc;
	struct spdk_thread *thread; /* that opened it */
};

struct echo_channel {
	struct echo_disk *disk;
	struct spdk_io_channel *base_ch;
	struct spdk_poller *poller;
	TAILQ_HEAD(, echo_io) delayed;
	struct echo_counts counts;
};

struct echo_io {
	struct spdk_io_channel *ch;
	uint64_t due;
	void *copy;
	struct iovec copy_iov;
	struct spdk_bdev_io_wait_entry wait;
	TAILQ_ENTRY(echo_io) link;
};

static void echo_submit(struct echo_channel *ch, struct spdk_bdev_io *bdev_io);

const char *
echo_mode_name(enum echo_mode mode)
{
	return mode == ECHO_INVERT ? "invert" : "plain";
}

void
echo_params_free(struct echo_params *params)
{
	size_t i;

	free(params->name);
	free(params->base_bdev);
	for (i = 0; i < params->num_tags; i++) {
		free(params->tags[i]);
	}
	memset(params, 0, sizeof(*params));
}

/* --- I/O -------------------------------------------------------------------------------------- */

static void
invert(void *to, const void *from, size_t len)
{
	const uint8_t *in = (const uint8_t *)from;
	uint8_t *out = (uint8_t *)to;
	size_t i;

	for (i = 0; i < len; i++) {
		out[i] = (uint8_t)~in[i];
	}
}

static void
base_done(struct spdk_bdev_io *base_io, bool success, void *arg)
{
	struct spdk_bdev_io *bdev_io = (struct spdk_bdev_io *)arg;
	struct echo_io *io = (struct echo_io *)bdev_io->driver_ctx;
	struct echo_disk *disk = (struct echo_disk *)bdev_io->bdev->ctxt;
	int i;

	if (success && bdev_io->type == SPDK_BDEV_IO_TYPE_READ &&
	    disk->echo->params.mode == ECHO_INVERT) {
		for (i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
			invert(bdev_io->u.bdev.iovs[i].iov_base, bdev_io->u.bdev.iovs[i].iov_base,
			       bdev_io->u.bdev.iovs[i].iov_len);
		}
	}
	spdk_dma_free(io->copy);
	io->copy = NULL;
	spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	spdk_bdev_free_io(base_io);
}

static void
again(void *arg)
{
	struct spdk_bdev_io *bdev_io = (struct spdk_bdev_io *)arg;
	struct echo_io *io = (struct echo_io *)bdev_io->driver_ctx;

	echo_submit((struct echo_channel *)spdk_io_channel_get_ctx(io->ch), bdev_io);
}

/* What is written, the other way round. */
static int
make_copy(struct spdk_bdev_io *bdev_io, struct echo_io *io)
{
	size_t len = bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen, done = 0;
	int i;

	if (io->copy != NULL) {
		return 0;
	}
	io->copy = spdk_dma_malloc(len, spdk_bdev_get_buf_align(bdev_io->bdev), NULL);
	if (io->copy == NULL) {
		return -ENOMEM;
	}
	for (i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		invert((uint8_t *)io->copy + done, bdev_io->u.bdev.iovs[i].iov_base,
		       bdev_io->u.bdev.iovs[i].iov_len);
		done += bdev_io->u.bdev.iovs[i].iov_len;
	}
	io->copy_iov.iov_base = io->copy;
	io->copy_iov.iov_len = len;
	return 0;
}

static int
forward(struct echo_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct echo_io *io = (struct echo_io *)bdev_io->driver_ctx;
	struct spdk_bdev_desc *desc = ch->disk->base_desc;
	struct iovec *iov = bdev_io->u.bdev.iovs;
	int iovcnt = bdev_io->u.bdev.iovcnt, rc;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return spdk_bdev_readv_blocks(desc, ch->base_ch, iov, iovcnt,
		                              bdev_io->u.bdev.offset_blocks,
		                              bdev_io->u.bdev.num_blocks, base_done, bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE:
		if (ch->disk->echo->params.mode == ECHO_INVERT) {
			rc = make_copy(bdev_io, io);
			if (rc != 0) {
				return rc;
			}
			iov = &io->copy_iov;
			iovcnt = 1;
		}
		return spdk_bdev_writev_blocks(desc, ch->base_ch, iov, iovcnt,
		                               bdev_io->u.bdev.offset_blocks,
		                               bdev_io->u.bdev.num_blocks, base_done, bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(
			desc, ch->base_ch, bdev_io->u.bdev.offset_blocks,
			bdev_io->u.bdev.num_blocks, base_done, bdev_io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch->base_ch, bdev_io->u.bdev.offset_blocks,
		                              bdev_io->u.bdev.num_blocks, base_done, bdev_io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(desc, ch->base_ch, bdev_io->u.bdev.offset_blocks,
		                              bdev_io->u.bdev.num_blocks, base_done, bdev_io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(desc, ch->base_ch, base_done, bdev_io);
	default:
		return -ENOTSUP;
	}
}

static void
echo_submit(struct echo_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct echo_io *io = (struct echo_io *)bdev_io->driver_ctx;
	int rc = forward(ch, bdev_io);

	if (spdk_likely(rc == 0)) {
		return;
	}
	if (rc == -ENOMEM) {
		ch->counts.waits++;
		io->wait.bdev = spdk_bdev_desc_get_bdev(ch->disk->base_desc);
		io->wait.cb_fn = again;
		io->wait.cb_arg = bdev_io;
		if (spdk_bdev_queue_io_wait(io->wait.bdev, ch->base_ch, &io->wait) == 0) {
			return;
		}
		spdk_dma_free(io->copy);
		io->copy = NULL;
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

static void
delay_or_submit(struct echo_channel *ch, struct spdk_bdev_io *bdev_io)
{
	const struct echo_delay *delay = &ch->disk->echo->params.delay;
	struct echo_io *io = (struct echo_io *)bdev_io->driver_ctx;
	uint64_t us = 0;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		us = delay->read_us;
		ch->counts.reads++;
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		us = delay->write_us;
		ch->counts.writes++;
	} else {
		ch->counts.others++;
	}
	if (us == 0) {
		echo_submit(ch, bdev_io);
		return;
	}
	io->due = spdk_get_ticks() + us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
	TAILQ_INSERT_TAIL(&ch->delayed, io, link);
}

static void
with_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	delay_or_submit((struct echo_channel *)spdk_io_channel_get_ctx(ch), bdev_io);
}

static void
submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct echo_channel *ch = (struct echo_channel *)spdk_io_channel_get_ctx(io_ch);
	struct echo_io *io = (struct echo_io *)bdev_io->driver_ctx;

	io->ch = io_ch;
	io->copy = NULL;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		spdk_bdev_io_get_buf(bdev_io, with_buf,
		                     bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		return;
	}
	delay_or_submit(ch, bdev_io);
}

static int
poll_delayed(void *arg)
{
	struct echo_channel *ch = (struct echo_channel *)arg;
	uint64_t now = spdk_get_ticks();
	struct echo_io *io, *tmp;
	int busy = SPDK_POLLER_IDLE;

	TAILQ_FOREACH_SAFE (io, &ch->delayed, link, tmp) {
		if (io->due <= now) {
			TAILQ_REMOVE(&ch->delayed, io, link);
			echo_submit(ch, spdk_bdev_io_from_ctx(io));
			busy = SPDK_POLLER_BUSY;
		}
	}
	return busy;
}

static int
channel_create(void *io_device, void *ctx)
{
	struct echo_channel *ch = (struct echo_channel *)ctx;

	memset(ch, 0, sizeof(*ch));
	TAILQ_INIT(&ch->delayed);
	ch->disk = (struct echo_disk *)io_device;
	ch->base_ch = spdk_bdev_get_io_channel(ch->disk->base_desc);
	if (ch->base_ch == NULL) {
		return -ENOMEM;
	}
	ch->poller = SPDK_POLLER_REGISTER(poll_delayed, ch, g_echo_options.poll_us);
	if (ch->poller == NULL) {
		spdk_put_io_channel(ch->base_ch);
		return -ENOMEM;
	}
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
	struct echo_channel *ch = (struct echo_channel *)ctx;
	struct echo_counts *sum = &ch->disk->echo->counts;

	assert(TAILQ_EMPTY(&ch->delayed));
	__atomic_add_fetch(&sum->reads, ch->counts.reads, __ATOMIC_RELAXED);
	__atomic_add_fetch(&sum->writes, ch->counts.writes, __ATOMIC_RELAXED);
	__atomic_add_fetch(&sum->others, ch->counts.others, __ATOMIC_RELAXED);
	__atomic_add_fetch(&sum->waits, ch->counts.waits, __ATOMIC_RELAXED);
	spdk_poller_unregister(&ch->poller);
	spdk_put_io_channel(ch->base_ch);
}

/* --- functions of the device ------------------------------------------------------------------ */

static void
close_base(void *arg)
{
	struct echo_disk *disk = (struct echo_disk *)arg;

	spdk_bdev_close(disk->base_desc);
	spdk_bdev_destruct_done(&disk->bdev, 0);
	disk->echo->there = false;
	free(disk->bdev.name);
	free(disk);
}

static void
device_gone(void *io_device)
{
	struct echo_disk *disk = (struct echo_disk *)io_device;

	if (disk->thread != spdk_get_thread()) {
		spdk_thread_send_msg(disk->thread, close_base, disk);
	} else {
		close_base(disk);
	}
}

static int
destruct(void *ctx)
{
	struct echo_disk *disk = (struct echo_disk *)ctx;

	spdk_bdev_module_release_bdev(spdk_bdev_desc_get_bdev(disk->base_desc));
	spdk_io_device_unregister(disk, device_gone);
	return 1;
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct echo_disk *disk = (struct echo_disk *)ctx;
	struct spdk_bdev *base = spdk_bdev_desc_get_bdev(disk->base_desc);

	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_io_type_supported(base, type);
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		/* Zeroes on the base are ones to be read. */
		return disk->echo->params.mode == ECHO_PLAIN &&
		       spdk_bdev_io_type_supported(base, type);
	default:
		return false;
	}
}

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	const struct echo_disk *disk = (struct echo_disk *)ctx;

	spdk_json_write_name(w, "echo");
	spdk_json_write_object_begin(w);
	echo_write_params(&disk->echo->params, w);
	spdk_json_write_object_end(w);
	return 0;
}

static void
dump_device_stat_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct echo_disk *disk = (struct echo_disk *)ctx;

	spdk_json_write_named_uint64(w, "finished_reads", disk->echo->counts.reads);
}

static void *
get_module_ctx(void *ctx)
{
	return ((struct echo_disk *)ctx)->echo;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = destruct,
	.submit_request = submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
	.dump_info_json = dump_info_json,
	.get_module_ctx = get_module_ctx,
	.dump_device_stat_json = dump_device_stat_json,
};

/* --- life ------------------------------------------------------------------------------------- */

static void
base_event(enum spdk_bdev_event_type type, struct spdk_bdev *base, void *ctx)
{
	struct echo_disk *disk = (struct echo_disk *)ctx;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		spdk_bdev_unregister(&disk->bdev, NULL, NULL);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		spdk_bdev_notify_blockcnt_change(&disk->bdev, spdk_bdev_get_num_blocks(base));
		break;
	default:
		SPDK_NOTICELOG("%s: event %d of its base\n", disk->bdev.name, type);
		break;
	}
}

/* Returns -ENODEV while there is no base. */
static int
bring_up(struct echo *echo)
{
	struct echo_disk *disk;
	struct spdk_bdev *base;
	char alias[128];
	int rc;

	disk = (struct echo_disk *)calloc(1, sizeof(*disk));
	if (disk == NULL) {
		return -ENOMEM;
	}
	disk->echo = echo;
	disk->thread = spdk_get_thread();
	rc = spdk_bdev_open_ext(echo->params.base_bdev, true, base_event, disk, &disk->base_desc);
	if (rc != 0) {
		free(disk);
		return rc;
	}
	base = spdk_bdev_desc_get_bdev(disk->base_desc);
	rc = spdk_bdev_module_claim_bdev(base, disk->base_desc, &echo_module);
	if (rc != 0) {
		goto close;
	}
	disk->bdev.name = strdup(echo->params.name);
	disk->bdev.product_name = (char *)"Echo disk";
	disk->bdev.write_cache = base->write_cache;
	disk->bdev.required_alignment = base->required_alignment;
	disk->bdev.optimal_io_boundary = base->optimal_io_boundary;
	disk->bdev.blocklen = base->blocklen;
	disk->bdev.blockcnt = base->blockcnt;
	disk->bdev.uuid = echo->params.uuid;
	disk->bdev.ctxt = disk;
	disk->bdev.fn_table = &g_fn_table;
	disk->bdev.module = &echo_module;
	spdk_io_device_register(disk, channel_create, channel_destroy, sizeof(struct echo_channel),
	                        echo->params.name);
	rc = disk->bdev.name != NULL ? spdk_bdev_register(&disk->bdev) : -ENOMEM;
	if (rc != 0) {
		spdk_io_device_unregister(disk, NULL);
		spdk_bdev_module_release_bdev(base);
		goto close;
	}
	snprintf(alias, sizeof(alias), "echo/%s", echo->params.name);
	if (spdk_bdev_alias_add(&disk->bdev, alias) != 0) {
		SPDK_WARNLOG("%s goes without the alias %s\n", disk->bdev.name, alias);
	}
	echo->there = true;
	echo->params.uuid = disk->bdev.uuid; /* made up, if none was given: it is kept */
	spdk_notify_send("echo_up", echo->params.name);
	SPDK_DEBUGLOG(vbdev_echo, "%s is up\n", echo->params.name);
	return 0;
close:
	spdk_bdev_close(disk->base_desc);
	free(disk->bdev.name);
	free(disk);
	return rc;
}

static struct echo *
find(const char *name)
{
	struct echo *echo;

	TAILQ_FOREACH (echo, &g_echoes, link) {
		if (strcmp(echo->params.name, name) == 0) {
			return echo;
		}
	}
	return NULL;
}

int
echo_create(struct echo_params *params)
{
	struct echo *echo;
	int rc;

	if (find(params->name) != NULL) {
		return -EEXIST;
	}
	echo = (struct echo *)calloc(1, sizeof(*echo));
	if (echo == NULL) {
		return -ENOMEM;
	}
	echo->params = *params;
	rc = bring_up(echo);
	if (rc != 0 && rc != -ENODEV) {
		free(echo);
		return rc;
	}
	memset(params, 0, sizeof(*params));
	TAILQ_INSERT_TAIL(&g_echoes, echo, link);
	return 0;
}

struct deletion {
	struct echo *echo;
	spdk_bdev_unregister_cb cb;
	void *arg;
};

static void
deleted(void *arg, int rc)
{
	struct deletion *deletion = (struct deletion *)arg;

	if (rc == 0) {
		TAILQ_REMOVE(&g_echoes, deletion->echo, link);
		echo_params_free(&deletion->echo->params);
		free(deletion->echo);
	}
	deletion->cb(deletion->arg, rc);
	free(deletion);
}

int
echo_delete(const char *name, spdk_bdev_unregister_cb cb, void *arg)
{
	struct echo *echo = find(name);
	struct deletion *deletion;

	if (echo == NULL) {
		return -ENODEV;
	}
	deletion = (struct deletion *)calloc(1, sizeof(*deletion));
	if (deletion == NULL) {
		return -ENOMEM;
	}
	deletion->echo = echo;
	deletion->cb = cb;
	deletion->arg = arg;
	if (!echo->there) {
		deleted(deletion, 0);
		return 0;
	}
	return spdk_bdev_unregister_by_name(name, &echo_module, deleted, deletion);
}

/* --- the module ------------------------------------------------------------------------------- */

static void
examine_config(struct spdk_bdev *bdev)
{
	struct echo *echo;

	TAILQ_FOREACH (echo, &g_echoes, link) {
		if (!echo->there && strcmp(echo->params.base_bdev, spdk_bdev_get_name(bdev)) == 0) {
			bring_up(echo);
		}
	}
	spdk_bdev_module_examine_done(&echo_module);
}

static int
slow_start(void *arg)
{
	spdk_poller_unregister(&g_slow_start);
	spdk_notify_type_register("echo_up");
	spdk_bdev_module_init_done(&echo_module);
	return SPDK_POLLER_BUSY;
}

static int
module_init(void)
{
	g_slow_start = SPDK_POLLER_REGISTER(slow_start, NULL, 20 * 1000ul);
	return g_slow_start != NULL ? 0 : -ENOMEM;
}

static void
finished(void *arg)
{
	struct echo *echo;

	echo_slices_fini();
	while ((echo = TAILQ_FIRST(&g_echoes)) != NULL) {
		TAILQ_REMOVE(&g_echoes, echo, link);
		echo_params_free(&echo->params);
		free(echo);
	}
	spdk_bdev_module_fini_done();
}

static void
module_fini(void)
{
	/* Later, to be asynchronous. */
	spdk_thread_send_msg(spdk_get_thread(), finished, NULL);
}

static int
get_ctx_size(void)
{
	return sizeof(struct echo_io);
}

static int
config_json(struct spdk_json_write_ctx *w)
{
	struct echo *echo;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_echo_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint8(w, "priority", g_echo_options.priority);
	spdk_json_write_named_uint16(w, "poll_us", g_echo_options.poll_us);
	spdk_json_write_named_int32(w, "bias", g_echo_options.bias);
	spdk_json_write_named_bool(w, "loud", g_echo_options.loud);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	TAILQ_FOREACH (echo, &g_echoes, link) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "method", "bdev_echo_create");
		spdk_json_write_named_object_begin(w, "params");
		spdk_json_write_named_string(w, "name", echo->params.name);
		echo_write_params(&echo->params, w);
		spdk_json_write_object_end(w);
		spdk_json_write_object_end(w);
	}
	return 0;
}

struct spdk_bdev_module echo_module = {
	.module_init = module_init,
	.module_fini = module_fini,
	.config_json = config_json,
	.name = "echo",
	.get_ctx_size = get_ctx_size,
	.examine_config = examine_config,
	.async_init = true,
	.async_fini = true,
};
SPDK_BDEV_MODULE_REGISTER(echo, &echo_module)
