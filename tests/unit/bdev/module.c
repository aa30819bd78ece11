/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Modules that build upon devices: who is shown what, and waiting for them. */

#include "tests/unit/bdev/fake_bdev.h"

/* Two that examine; `hold` keeps the examination of the disk going until it is released. */
struct vbdev {
	struct spdk_bdev_module module;
	enum spdk_bdev_claim_type claim; /* at examine_config */
	bool hold;
	unsigned configs, disks, held;
	struct spdk_bdev_desc *desc;
};
static struct vbdev g_v[2];

static void
vbdev_config(struct vbdev *v, struct spdk_bdev *bdev)
{
	v->configs++;
	if (v->claim == SPDK_BDEV_CLAIM_EXCL_WRITE) {
		spdk_bdev_module_claim_bdev(bdev, NULL, &v->module);
	} else if (v->claim != SPDK_BDEV_CLAIM_NONE) {
		v->desc = user_open(bdev->name, false, NULL);
		CHECK_EQ(spdk_bdev_module_claim_bdev_desc(v->desc, v->claim, NULL, &v->module), 0);
	}
	spdk_bdev_module_examine_done(&v->module);
}

static void
vbdev_disk(struct vbdev *v, struct spdk_bdev *bdev)
{
	v->disks++;
	if (v->hold) {
		v->held++;
	} else {
		spdk_bdev_module_examine_done(&v->module);
	}
}

#define VBDEV(n)                                      \
	static void config##n(struct spdk_bdev *bdev) \
	{                                             \
		vbdev_config(&g_v[n], bdev);          \
	}                                             \
	static void disk##n(struct spdk_bdev *bdev)   \
	{                                             \
		vbdev_disk(&g_v[n], bdev);            \
	}
VBDEV(0)
VBDEV(1)

static void
begin(bool auto_examine)
{
	struct spdk_bdev_opts opts;
	unsigned i;

	if (g_v[0].module.name == NULL) {
		g_v[0].module = (struct spdk_bdev_module){ .name = "v0",
			                                   .module_init = fake_module_init,
			                                   .examine_config = config0,
			                                   .examine_disk = disk0 };
		g_v[1].module = (struct spdk_bdev_module){ .name = "v1",
			                                   .module_init = fake_module_init,
			                                   .examine_config = config1,
			                                   .examine_disk = disk1 };
		spdk_bdev_module_list_add(&g_v[0].module);
		spdk_bdev_module_list_add(&g_v[1].module);
	}
	for (i = 0; i < 2; i++) {
		g_v[i].claim = SPDK_BDEV_CLAIM_NONE;
		g_v[i].hold = false;
		g_v[i].configs = g_v[i].disks = g_v[i].held = 0;
		g_v[i].desc = NULL;
	}
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_auto_examine = auto_examine;
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 8;
	CHECK_EQ(spdk_bdev_set_opts(&opts), 0);
	bdev_up();
}

static void
everybody_is_shown(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	begin(true);
	CHECK_EQ(fake_dev_register(dev), 0);
	CHECK_EQ(g_v[0].configs, 1);
	CHECK_EQ(g_v[0].disks, 1);
	CHECK_EQ(g_v[1].configs, 1);
	CHECK_EQ(g_v[1].disks, 1);
	CHECK_EQ(spdk_bdev_examine("A"), -EINVAL);
	bdev_down();
	fake_dev_free(dev);
}

static void
the_claimer_only(void)
{
	struct fake_dev *a = fake_dev_alloc("A"), *b = fake_dev_alloc("B");

	begin(true);
	g_v[1].claim = SPDK_BDEV_CLAIM_EXCL_WRITE;
	CHECK_EQ(fake_dev_register(a), 0);
	CHECK_EQ(g_v[0].configs, 1);
	CHECK_EQ(g_v[0].disks, 0);
	CHECK_EQ(g_v[1].disks, 1);
	spdk_bdev_module_release_bdev(&a->bdev);

	/* The same with claims that many may have. */
	g_v[0].claim = g_v[1].claim = SPDK_BDEV_CLAIM_NONE;
	g_v[0].claim = SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE;
	CHECK_EQ(fake_dev_register(b), 0);
	CHECK_EQ(g_v[0].disks, 1);
	CHECK_EQ(g_v[1].disks, 1);
	spdk_bdev_close(g_v[0].desc);
	bdev_down();
	fake_dev_free(a);
	fake_dev_free(b);
}

static void
by_name(void)
{
	struct fake_dev *a = fake_dev_alloc("A"), *b = fake_dev_alloc("B");

	begin(false);
	CHECK_EQ(fake_dev_register(a), 0);
	CHECK_EQ(g_v[0].configs, 0);
	CHECK_EQ(spdk_bdev_examine("A"), 0);
	CHECK_EQ(g_v[0].disks, 1);
	CHECK_EQ(spdk_bdev_examine("A"), -EEXIST);
	/* Before it is there; under its alias. */
	CHECK_EQ(spdk_bdev_examine("9c0d1c7e-6a3f-4c55-b1a0-5c1d3e0f0001"), 0);
	CHECK_EQ(spdk_uuid_parse(&b->bdev.uuid, "9c0d1c7e-6a3f-4c55-b1a0-5c1d3e0f0001"), 0);
	CHECK_EQ(fake_dev_register(b), 0);
	CHECK_EQ(g_v[0].disks, 2);
	CHECK_EQ(g_v[1].disks, 2);
	bdev_down();
	fake_dev_free(a);
	fake_dev_free(b);
}

static unsigned g_waited;

static void
waited(void *arg)
{
	g_waited++;
	CHECK(spdk_get_thread() == arg);
}

static void
waiting(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	begin(true);
	g_waited = 0;
	CHECK_EQ(spdk_bdev_wait_for_examine(waited, g_threads[0]), 0);
	CHECK_EQ(g_waited, 0);
	poll_all();
	CHECK_EQ(g_waited, 1);

	g_v[1].hold = true;
	CHECK_EQ(fake_dev_register(dev), 0);
	on(1);
	CHECK_EQ(spdk_bdev_wait_for_examine(waited, g_threads[1]), 0);
	pass_ms(5);
	CHECK_EQ(g_waited, 1);
	spdk_bdev_module_examine_done(&g_v[1].module); /* from any thread */
	pass_ms(2);
	CHECK_EQ(g_waited, 2);
	bdev_down();
	fake_dev_free(dev);
}

/* An examination that never ends does not hold up the end. */
static void
waiting_at_the_end(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	begin(true);
	g_waited = 0;
	g_v[0].hold = true;
	CHECK_EQ(fake_dev_register(dev), 0);
	CHECK_EQ(spdk_bdev_wait_for_examine(waited, g_threads[0]), 0);
	pass_ms(5);
	CHECK_EQ(g_waited, 0);
	bdev_down();
	CHECK_EQ(g_waited, 1);
	g_v[0].module.internal.action_in_progress = 0;
	fake_dev_free(dev);
}

static void
done_too_often(void *arg)
{
	spdk_bdev_module_examine_done(arg);
}

static void
twice_of_a_name(void *arg)
{
	spdk_bdev_module_list_add(arg);
}

static void
misuse(void)
{
	static struct spdk_bdev_module twin = { .name = "v0" };

	begin(true);
	CHECK(spdk_bdev_module_list_find("v1") == &g_v[1].module);
	CHECK(spdk_bdev_module_list_find("v2") == NULL);
	CHECK(fake_aborts(done_too_often, &g_v[0].module, NULL));
	CHECK(fake_aborts(twice_of_a_name, &twin, "v0"));
	bdev_down();
}

static const struct test_case cases[] = { TEST(everybody_is_shown),
	                                  TEST(the_claimer_only),
	                                  TEST(by_name),
	                                  TEST(waiting),
	                                  TEST(waiting_at_the_end),
	                                  TEST(misuse) };
TEST_MAIN("bdev/module", cases)
