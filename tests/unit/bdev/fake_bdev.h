/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* For the tests of the block layer: threads on a clock that stands still, a heap that can be empty,
 * and a module whose devices are memory and do what they are told: end I/O inside submit_request()
 * or when the test says so, fail, have no slot left, ask for a buffer first. */

#ifndef CAL_TESTS_UNIT_BDEV_FAKE_BDEV_H
#define CAL_TESTS_UNIT_BDEV_FAKE_BDEV_H

#include "tests/unit/fake_env.h"
#include "tests/unit/test.h"

#include "core/bdev/bdev_internal.h"

#define BLOCK       UINT64_C(512)
#define BLOCKS      UINT64_C(2048)
#define MAX_LOG     512
#define NUM_THREADS 3

/* Put at the end of an array of characters. */
#define APPEND(array, what) \
	snprintf((array) + strlen(array), sizeof(array) - strlen(array), "%s", what)

/* --- the heap ----------------------------------------------------------------------------------
 */

static int g_heap_left = -1; /* allocations that will succeed; -1: all */

void *
spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	if (g_heap_left == 0) {
		return NULL;
	}
	g_heap_left -= g_heap_left > 0;
	align = align < sizeof(void *) ? sizeof(void *) : align;
	return aligned_alloc(align, (size + align - 1) / align * align);
}

void *
spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags)
{
	void *buf = spdk_malloc(size, align, unused, numa_id, flags);

	return buf != NULL ? memset(buf, 0, size) : NULL;
}

void
spdk_free(void *buf)
{
	free(buf);
}

/* --- the device --------------------------------------------------------------------------------
 */

struct fake_request {
	uint8_t type;
	uint64_t offset, count;
	int iovcnt;
	void *base;
};

struct fake_dev {
	struct spdk_bdev bdev;
	void *io_device;   /* of its module channels: its own, or shared with another device */
	bool sync;         /* end inside submit_request() */
	bool get_buf;      /* ask for a buffer first */
	unsigned slots;    /* more under way is NOMEM; 0: no limit */
	unsigned fail_at;  /* the request of this number fails, from 1 */
	uint32_t no_types; /* bits of types that it does not know */
	uint32_t
		more_types; /* and of those that it knows besides the usual ones; not looked into */
	bool no_abort;      /* an abort finds nothing */
	struct spdk_bdev_io *pending[MAX_LOG];
	unsigned num_pending;
	struct fake_request log[MAX_LOG];
	unsigned num_log;
	unsigned no_buffer; /* times that get_buf said no */
	int destruct_rc;
	unsigned destructs;
	unsigned channels;
	uint8_t data[BLOCKS * BLOCK];
};

static int
fake_module_init(void)
{
	return 0;
}
static struct spdk_bdev_module g_fake_module = { .name = "fake", .module_init = fake_module_init };

static int
fake_channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
fake_channel_destroy(void *io_device, void *ctx)
{
}

static struct spdk_io_channel *
fake_get_io_channel(void *ctx)
{
	struct fake_dev *dev = ctx;

	dev->channels++;
	return spdk_get_io_channel(dev->io_device);
}

static void
fake_transfer(struct fake_dev *dev, struct spdk_bdev_io *io)
{
	uint8_t *at = dev->data + io->u.bdev.offset_blocks * BLOCK;
	size_t len = io->u.bdev.num_blocks * BLOCK;

	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_copy_buf_to_iovs(io->u.bdev.iovs, io->u.bdev.iovcnt, at, len);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		spdk_copy_iovs_to_buf(at, len, io->u.bdev.iovs, io->u.bdev.iovcnt);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		memset(at, 0, len);
		break;
	default:
		break;
	}
}

static bool
fake_is_no_block_io(uint8_t type)
{
	return type == SPDK_BDEV_IO_TYPE_GET_ZONE_INFO || type == SPDK_BDEV_IO_TYPE_ABORT ||
	       type == SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT || type == SPDK_BDEV_IO_TYPE_NVME_ADMIN ||
	       type == SPDK_BDEV_IO_TYPE_NVME_IO || type == SPDK_BDEV_IO_TYPE_NVME_IO_MD ||
	       type == SPDK_BDEV_IO_TYPE_NVME_IOV_MD;
}

/* The I/O under way is ended; the abort succeeds if there was one. */
static void
fake_abort(struct fake_dev *dev, struct spdk_bdev_io *io)
{
	struct spdk_bdev_io *target = io->u.abort.bio_to_abort;
	unsigned i;

	dev->log[dev->num_log++].type = io->type;
	for (i = 0; i < dev->num_pending && dev->pending[i] != target; i++) {
	}
	if (i == dev->num_pending || dev->no_abort) {
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	dev->num_pending--;
	for (; i < dev->num_pending; i++) {
		dev->pending[i] = dev->pending[i + 1];
	}
	spdk_bdev_io_complete(target, SPDK_BDEV_IO_STATUS_ABORTED);
	spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
fake_begin(struct fake_dev *dev, struct spdk_bdev_io *io)
{
	struct fake_request *log = &dev->log[dev->num_log];

	if (dev->slots != 0 && dev->num_pending >= dev->slots &&
	    io->type != SPDK_BDEV_IO_TYPE_RESET) {
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	if (dev->num_log >= MAX_LOG || dev->num_pending >= MAX_LOG) {
		abort();
	}
	dev->num_log++;
	log->type = io->type;
	if (io->type != SPDK_BDEV_IO_TYPE_RESET && !fake_is_no_block_io(io->type)) {
		log->offset = io->u.bdev.offset_blocks;
		log->count = io->u.bdev.num_blocks;
		log->iovcnt = io->u.bdev.iovcnt;
		log->base = io->u.bdev.iovcnt > 0 ? io->u.bdev.iovs[0].iov_base : NULL;
	}
	if (dev->num_log == dev->fail_at) {
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
	} else if (dev->sync) {
		fake_transfer(dev, io);
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else {
		dev->pending[dev->num_pending++] = io;
	}
}

static void
fake_buf_here(struct spdk_io_channel *ch, struct spdk_bdev_io *io, bool success)
{
	struct fake_dev *dev = io->bdev->ctxt;

	if (success) {
		fake_begin(dev, io);
	} else {
		dev->no_buffer++;
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
fake_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *io)
{
	struct fake_dev *dev = io->bdev->ctxt;

	if (io->type == SPDK_BDEV_IO_TYPE_ABORT) {
		fake_abort(dev, io);
	} else if (dev->get_buf &&
	           (io->type == SPDK_BDEV_IO_TYPE_READ || io->type == SPDK_BDEV_IO_TYPE_WRITE)) {
		spdk_bdev_io_get_buf(io, fake_buf_here, io->u.bdev.num_blocks * BLOCK);
	} else {
		fake_begin(dev, io);
	}
}

static bool
fake_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct fake_dev *dev = ctx;

	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return (dev->no_types & (1u << type)) == 0;
	default:
		return (dev->more_types & (1u << type)) != 0;
	}
}

static int
fake_destruct(void *ctx)
{
	struct fake_dev *dev = ctx;

	dev->destructs++;
	if (dev->io_device == dev) {
		spdk_io_device_unregister(dev, NULL);
	}
	return dev->destruct_rc;
}

static const struct spdk_bdev_fn_table g_fake_fn_table = {
	.destruct = fake_destruct,
	.submit_request = fake_submit_request,
	.io_type_supported = fake_io_type_supported,
	.get_io_channel = fake_get_io_channel,
};

/* Filled in, to be changed and registered. */
static inline struct fake_dev *
fake_dev_alloc(const char *name)
{
	struct fake_dev *dev = calloc(1, sizeof(*dev));
	size_t i;

	if (dev == NULL) {
		abort();
	}
	dev->bdev.name = strdup(name);
	dev->bdev.product_name = (char *)"Fake disk";
	dev->bdev.ctxt = dev;
	dev->bdev.blocklen = BLOCK;
	dev->bdev.blockcnt = BLOCKS;
	dev->bdev.module = &g_fake_module;
	dev->bdev.fn_table = &g_fake_fn_table;
	dev->io_device = dev;
	for (i = 0; i < sizeof(dev->data); i++) {
		dev->data[i] = (uint8_t)(i / BLOCK + i);
	}
	return dev;
}

static inline int
fake_dev_register(struct fake_dev *dev)
{
	int rc;

	if (dev->io_device == dev) {
		spdk_io_device_register(dev, fake_channel_create, fake_channel_destroy, 0, "fake");
	}
	rc = spdk_bdev_register(&dev->bdev);
	if (rc != 0 && dev->io_device == dev) {
		spdk_io_device_unregister(dev, NULL);
	}
	return rc;
}

static inline void
fake_dev_free(struct fake_dev *dev)
{
	free(dev->bdev.name);
	free(dev);
}

/* End the I/O under way at `index`, on its thread. */
static inline void
fake_end(struct fake_dev *dev, unsigned index, enum spdk_bdev_io_status status)
{
	struct spdk_thread *before = spdk_get_thread();
	struct spdk_bdev_io *io;

	if (index >= dev->num_pending) {
		abort();
	}
	io = dev->pending[index];
	dev->num_pending--;
	for (; index < dev->num_pending; index++) {
		dev->pending[index] = dev->pending[index + 1];
	}
	spdk_set_thread(spdk_bdev_io_get_thread(io));
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		fake_transfer(dev, io);
	}
	spdk_bdev_io_complete(io, status);
	spdk_set_thread(before);
}

/* --- threads, start and end --------------------------------------------------------------------
 */

static struct spdk_thread *g_threads[NUM_THREADS]; /* the first is the app thread */
static bool g_up, g_finished;
static int g_init_rc;

static inline void
on(int thread)
{
	spdk_set_thread(g_threads[thread]);
}

static inline void
poll_all(void)
{
	struct spdk_thread *before = spdk_get_thread();

	fake_poll_all(g_threads, NUM_THREADS);
	spdk_set_thread(before);
}

static inline void
pass_ms(unsigned ms)
{
	while (ms-- > 0) {
		fake_delay_us(1000);
		poll_all();
	}
}

static inline void
fake_is_up(void *arg, int rc)
{
	g_up = true;
	g_init_rc = rc;
}

static inline void
fake_is_finished(void *arg)
{
	g_finished = true;
}

/* The least that the pools of buffers can be. */
#define SMALL_BUFS 64
#define LARGE_BUFS 8

static inline void
iobuf_up(void)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	opts.small_pool_count = SMALL_BUFS;
	opts.large_pool_count = LARGE_BUFS;
	CHECK_EQ(spdk_iobuf_set_opts(&opts), 0);
	CHECK_EQ(spdk_iobuf_initialize(), 0);
}

static inline void
iobuf_down(void)
{
	on(0);
	g_finished = false;
	spdk_iobuf_finish(fake_is_finished, NULL);
	poll_all();
	CHECK(g_finished);
}

static inline void
threads_up(void)
{
	static const char *const names[NUM_THREADS] = { "app", "one", "two" };
	int i;

	spdk_thread_lib_init(NULL, 0);
	for (i = 0; i < NUM_THREADS; i++) {
		g_threads[i] = fake_thread(names[i]);
	}
	on(0);
}

static inline void
threads_down(void)
{
	int i;

	for (i = NUM_THREADS - 1; i >= 0; i--) {
		fake_thread_end(g_threads[i]);
	}
	spdk_thread_lib_fini();
}

/* The block layer on three threads, with so many spdk_bdev_io; the app thread is current. */
static inline void
bdev_up_with(uint32_t pool, uint32_t cache)
{
	struct spdk_bdev_opts opts;

	threads_up();
	iobuf_up();
	if (spdk_bdev_module_list_find("fake") == NULL) {
		spdk_bdev_module_list_add(&g_fake_module);
	}
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = pool;
	opts.bdev_io_cache_size = cache;
	CHECK_EQ(spdk_bdev_set_opts(&opts), 0);
	g_up = false;
	spdk_bdev_initialize(fake_is_up, NULL);
	poll_all();
	CHECK(g_up && g_init_rc == 0);
}

static inline void
bdev_up(void)
{
	bdev_up_with(1024, 8);
}

static inline void
bdev_down(void)
{
	on(0);
	g_finished = false;
	spdk_bdev_finish(fake_is_finished, NULL);
	poll_all();
	pass_ms(5);
	CHECK(g_finished);
	iobuf_down();
	threads_down();
}

/* --- the user ----------------------------------------------------------------------------------
 */

struct user_io {
	bool done, success;
	bool keep;      /* do not give it back */
	int8_t status;  /* enum spdk_bdev_io_status */
	unsigned order; /* of ending, from 1 */
	struct spdk_thread *thread;
	struct spdk_bdev_io *io;
};
static unsigned g_order;

static inline void
user_ended(struct spdk_bdev_io *io, bool success, void *arg)
{
	struct user_io *user = arg;

	if (user->done) {
		abort();
	}
	user->done = true;
	user->success = success;
	user->status = io->internal.status;
	user->order = ++g_order;
	user->thread = spdk_get_thread();
	user->io = io;
	if (!user->keep) {
		spdk_bdev_free_io(io);
	}
}

struct user_events {
	unsigned removes, resizes;
	struct spdk_thread *thread;
	struct spdk_bdev_desc *desc; /* close it at the removal */
};

static inline void
user_event(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *arg)
{
	struct user_events *events = arg;

	if (events == NULL) {
		return;
	}
	events->thread = spdk_get_thread();
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		events->removes++;
		if (events->desc != NULL) {
			spdk_bdev_close(events->desc);
			events->desc = NULL;
		}
	} else if (type == SPDK_BDEV_EVENT_RESIZE) {
		events->resizes++;
	}
}

static inline struct spdk_bdev_desc *
user_open(const char *name, bool write, struct user_events *events)
{
	struct spdk_bdev_desc *desc = NULL;

	CHECK_EQ(spdk_bdev_open_ext(name, write, user_event, events, &desc), 0);
	return desc;
}

/* A registered device, open for writing on the app thread, with a channel there. */
struct setup {
	struct fake_dev *dev;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
};

static inline struct setup
setup_with(struct fake_dev *dev)
{
	struct setup s = { .dev = dev };

	CHECK_EQ(fake_dev_register(dev), 0);
	s.desc = user_open(dev->bdev.name, true, NULL);
	s.ch = spdk_bdev_get_io_channel(s.desc);
	CHECK(s.ch != NULL);
	return s;
}

static inline void
setup_end(struct setup *s)
{
	spdk_put_io_channel(s->ch);
	spdk_bdev_close(s->desc);
	bdev_down();
	CHECK_EQ(s->dev->destructs, 1);
	fake_dev_free(s->dev);
}

#endif
