/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Options, the order of modules at start and end, and starts that fail. */

#include "core/rpc/rpc_config.h"
#include "spdk/json.h"
#include "tests/unit/bdev/fake_bdev.h"

static char g_said[256];

static void
say(const char *what)
{
	APPEND(g_said, what);
	APPEND(g_said, " ");
}

static int g_late_rc;
static struct fake_dev *g_brought; /* by `late`, at its start */

static int
early_init(void)
{
	say("early");
	return 0;
}

static int
late_init(void)
{
	say("late");
	return g_brought != NULL ? fake_dev_register(g_brought) : g_late_rc;
}

#define SAYS(fn)             \
	static void fn(void) \
	{                    \
		say(#fn);    \
	}
SAYS(early_complete)
SAYS(late_complete)
SAYS(early_fini)
SAYS(late_fini)
SAYS(early_fini_start)
SAYS(late_fini_start)

static bool g_hold_examine;
static struct spdk_bdev_module g_late;

static void
late_examine(struct spdk_bdev *bdev)
{
	if (!g_hold_examine) {
		spdk_bdev_module_examine_done(&g_late);
	}
}

static struct spdk_bdev_module g_early = { .name = "early",
	                                   .module_init = early_init,
	                                   .init_complete = early_complete,
	                                   .fini_start = early_fini_start,
	                                   .module_fini = early_fini };
/* One that builds upon others: goes behind. */
static struct spdk_bdev_module g_late = { .name = "late",
	                                  .module_init = late_init,
	                                  .init_complete = late_complete,
	                                  .fini_start = late_fini_start,
	                                  .module_fini = late_fini,
	                                  .examine_disk = late_examine };

/* Threads and modules; what these do is set before start(). */
static void
begin(void)
{
	threads_up();
	if (spdk_bdev_module_list_find("late") == NULL) {
		spdk_bdev_module_list_add(&g_late);
		spdk_bdev_module_list_add(&g_early);
	}
	g_said[0] = '\0';
	g_up = g_finished = false;
	g_init_rc = 1;
	g_early.async_init = g_early.async_fini = g_early.async_fini_start = false;
	g_late.async_init = g_late.async_fini = g_late.async_fini_start = false;
	g_late_rc = 0;
	g_brought = NULL;
	g_hold_examine = false;
}

static void
start(void)
{
	g_up = false;
	spdk_bdev_initialize(fake_is_up, NULL);
	poll_all();
}

static void
finish(void)
{
	on(0);
	spdk_bdev_finish(fake_is_finished, NULL);
	poll_all();
}

static void
order(void)
{
	begin();
	start();
	CHECK(g_up && g_init_rc == 0);
	CHECK_STR(g_said, "early late early_complete late_complete ");
	g_said[0] = '\0';
	finish();
	CHECK(g_finished);
	CHECK_STR(g_said, "late_fini_start early_fini_start late_fini early_fini ");
	threads_down();
}

static void
asynchronous(void)
{
	begin();
	g_early.async_init = g_late.async_init = true;
	g_late.async_fini = g_early.async_fini_start = true;
	start();
	pass_ms(5);
	CHECK(!g_up);
	CHECK_STR(g_said, "early late ");
	on(1);
	spdk_bdev_module_init_done(&g_late);
	pass_ms(5);
	CHECK(!g_up);
	spdk_bdev_module_init_done(&g_early);
	poll_all();
	CHECK(g_up);
	CHECK_STR(g_said, "early late early_complete late_complete ");
	g_said[0] = '\0';
	finish();
	CHECK_STR(g_said, "late_fini_start early_fini_start ");
	spdk_bdev_module_fini_start_done();
	poll_all();
	CHECK_STR(g_said, "late_fini_start early_fini_start late_fini ");
	CHECK(!g_finished);
	on(2);
	spdk_bdev_module_fini_done();
	poll_all();
	CHECK_STR(g_said, "late_fini_start early_fini_start late_fini early_fini ");
	CHECK(g_finished);
	threads_down();
}

static void
failing(void)
{
	begin();
	g_late_rc = -EIO;
	start();
	CHECK(g_up && g_init_rc == -EIO);
	CHECK_STR(g_said, "early late early_fini ");
	threads_down();

	/* No memory. */
	begin();
	g_heap_left = 0;
	start();
	g_heap_left = -1;
	CHECK(g_up && g_init_rc == -ENOMEM);
	threads_down();
}

/* The start waits for the examination of a device that a module brings along. */
static void
examined_at_the_start(void)
{
	begin();
	g_brought = fake_dev_alloc("A");
	g_hold_examine = true;
	start();
	pass_ms(5);
	CHECK(!g_up);
	on(1);
	spdk_bdev_module_examine_done(&g_late);
	poll_all();
	CHECK(g_up && g_init_rc == 0);
	finish();
	CHECK(g_finished);
	CHECK_EQ(g_brought->destructs, 1);
	fake_dev_free(g_brought);
	g_brought = NULL;
	threads_down();
}

/* Devices go at the end, those that others are built upon after these; and one that somebody has
 * open is waited for. */
static void
devices_at_the_end(void)
{
	struct fake_dev *base = fake_dev_alloc("base"), *top = fake_dev_alloc("top");
	struct user_events events = { 0 };
	struct spdk_bdev_desc *desc;

	begin();
	start();
	CHECK_EQ(fake_dev_register(top), 0);
	CHECK_EQ(fake_dev_register(base), 0);
	CHECK_EQ(spdk_bdev_module_claim_bdev(&base->bdev, NULL, &g_late), 0);
	desc = user_open("top", false, &events);
	finish();
	pass_ms(3000);
	CHECK(!g_finished);
	CHECK_EQ(events.removes, 1);
	CHECK_EQ(base->destructs, 0);
	spdk_bdev_close(desc);
	spdk_bdev_module_release_bdev(&base->bdev);
	pass_ms(5);
	CHECK(g_finished);
	CHECK_EQ(top->destructs, 1);
	CHECK_EQ(base->destructs, 1);
	threads_down();
	fake_dev_free(base);
	fake_dev_free(top);
}

/* So is one whose removal somebody else has begun before. */
static void
removal_before_the_end(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	begin();
	start();
	dev->destruct_rc = 1;
	CHECK_EQ(fake_dev_register(dev), 0);
	spdk_bdev_unregister(&dev->bdev, NULL, NULL);
	poll_all();
	finish();
	pass_ms(10);
	CHECK(!g_finished);
	spdk_bdev_destruct_done(&dev->bdev, 0);
	pass_ms(5);
	CHECK(g_finished);
	threads_down();
	fake_dev_free(dev);
}

static int
to_text(void *ctx, const void *data, size_t size)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 1024 - len, "%.*s", (int)size, (const char *)data);
	return 0;
}

/* A configuration that is asked for, or being written, while the block layer ends is whole. */
static void
configuration_at_the_end(void)
{
	const struct rpc_config_writer *writer =
		rpc_config_writer_find(spdk_bdev_subsystem_config_json);
	struct spdk_json_write_ctx *w;
	char text[1024];
	unsigned steps, i;
	void *ctx;

	REQUIRE(writer != NULL);
	for (steps = 0; steps < 3; steps++) {
		begin();
		start();
		g_early.async_fini_start = true;
		text[0] = '\0';
		w = spdk_json_write_begin(to_text, text, 0);
		ctx = writer->begin();
		REQUIRE(w != NULL && ctx != NULL);
		for (i = 0; i < steps; i++) {
			CHECK(writer->step(ctx, w));
		}
		finish();
		CHECK(!g_finished);
		while (writer->step(ctx, w)) {
		}
		writer->end(ctx);
		CHECK_EQ(spdk_json_write_end(w), 0);
		CHECK(strncmp(text, "[{\"method\":\"bdev_set_options\"", 29) == 0);
		CHECK(strstr(text, ",{\"method\":\"bdev_wait_for_examine\"}]") != NULL);
		spdk_bdev_module_fini_start_done();
		poll_all();
		CHECK(g_finished);
		threads_down();
	}
}

static void
options(void)
{
	struct spdk_bdev_opts opts, before;

	threads_up();
	spdk_bdev_get_opts(&before, sizeof(before));
	CHECK_EQ(before.opts_size, sizeof(before));
	opts = before;
	CHECK_EQ(spdk_bdev_set_opts(NULL), -EINVAL);
	opts.opts_size = 0;
	CHECK_EQ(spdk_bdev_set_opts(&opts), -EINVAL);
	/* Three threads, and one to spare. */
	opts = before;
	opts.bdev_io_cache_size = 10;
	opts.bdev_io_pool_size = 39;
	CHECK_EQ(spdk_bdev_set_opts(&opts), -EINVAL);
	opts.bdev_io_pool_size = 0;
	CHECK_EQ(spdk_bdev_set_opts(&opts), -EINVAL);
	opts.bdev_io_cache_size = UINT32_MAX;
	opts.bdev_io_pool_size = UINT32_MAX; /* nor does the product wrap around */
	CHECK_EQ(spdk_bdev_set_opts(&opts), -EINVAL);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	CHECK_EQ(memcmp(&opts, &before, sizeof(opts)), 0);

	opts.bdev_io_cache_size = 10;
	opts.bdev_io_pool_size = 40;
	CHECK_EQ(spdk_bdev_set_opts(&opts), 0);
	/* An older caller sets the fields that it knows. */
	opts.bdev_io_pool_size = 50;
	opts.iobuf_small_cache_size = 77;
	opts.opts_size = offsetof(struct spdk_bdev_opts, iobuf_small_cache_size);
	CHECK_EQ(spdk_bdev_set_opts(&opts), 0);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	CHECK_EQ(opts.bdev_io_pool_size, 50);
	CHECK_EQ(opts.iobuf_small_cache_size, before.iobuf_small_cache_size);
	CHECK_EQ(spdk_bdev_set_opts(&before), 0);
	threads_down();
}

static const struct test_case cases[] = {
	TEST(order),
	TEST(asynchronous),
	TEST(failing),
	TEST(examined_at_the_start),
	TEST(devices_at_the_end),
	TEST(removal_before_the_end),
	TEST(configuration_at_the_end),
	TEST(options),
};
TEST_MAIN("bdev/init", cases)
