/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Registering, names and aliases, walking. */

#include "tests/unit/bdev/fake_bdev.h"

static void
names_and_aliases(void)
{
	struct fake_dev *a, *b;
	char uuid[SPDK_UUID_STRING_LEN];

	bdev_up();
	a = fake_dev_alloc("A");
	b = fake_dev_alloc("A");
	CHECK_EQ(fake_dev_register(a), 0);
	CHECK_EQ(fake_dev_register(b), -EEXIST);
	poll_all();
	b->bdev.name[0] = 'B';
	CHECK_EQ(fake_dev_register(b), 0);

	/* A UUID is made up, and is the first alias. */
	CHECK(!spdk_uuid_is_null(spdk_bdev_get_uuid(&a->bdev)));
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), spdk_bdev_get_uuid(&a->bdev));
	CHECK_STR(TAILQ_FIRST(spdk_bdev_get_aliases(&a->bdev))->alias.name, uuid);
	CHECK(spdk_bdev_get_by_name(uuid) == &a->bdev);
	CHECK(spdk_bdev_get_by_name("A") == &a->bdev);
	CHECK(spdk_bdev_get_by_name("C") == NULL);

	CHECK_EQ(spdk_bdev_alias_add(&a->bdev, "C"), 0);
	CHECK_EQ(spdk_bdev_alias_add(&b->bdev, "C"), -EEXIST);
	CHECK_EQ(spdk_bdev_alias_add(&b->bdev, "A"), -EEXIST);
	CHECK_EQ(spdk_bdev_alias_add(&b->bdev, "B"), -EEXIST);
	CHECK_EQ(spdk_bdev_alias_add(&b->bdev, ""), -EINVAL);
	CHECK_EQ(spdk_bdev_alias_add(&b->bdev, NULL), -EINVAL);
	CHECK(spdk_bdev_get_by_name("C") == &a->bdev);
	CHECK_EQ(spdk_bdev_alias_del(&a->bdev, "A"), -ENOENT); /* its name */
	CHECK_EQ(spdk_bdev_alias_del(&b->bdev, "C"), -ENOENT); /* another's */
	CHECK_EQ(spdk_bdev_alias_del(&a->bdev, "C"), 0);
	CHECK(spdk_bdev_get_by_name("C") == NULL);
	CHECK_EQ(spdk_bdev_alias_add(&b->bdev, "C"), 0);
	spdk_bdev_alias_del_all(&b->bdev);
	CHECK(TAILQ_EMPTY(spdk_bdev_get_aliases(&b->bdev)));
	bdev_down();
	CHECK_EQ(a->destructs, 1);
	CHECK_EQ(b->destructs, 1);
	fake_dev_free(a);
	fake_dev_free(b);
}

static void
same_uuid(void)
{
	struct fake_dev *a = fake_dev_alloc("A"), *b = fake_dev_alloc("B");

	bdev_up();
	spdk_uuid_generate(&a->bdev.uuid);
	b->bdev.uuid = a->bdev.uuid;
	CHECK_EQ(fake_dev_register(a), 0);
	CHECK_EQ(fake_dev_register(b), -EEXIST);
	/* Nothing of the failed attempt is left. */
	CHECK(spdk_bdev_get_by_name("B") == NULL);
	poll_all();
	spdk_uuid_generate(&b->bdev.uuid);
	CHECK_EQ(fake_dev_register(b), 0);
	bdev_down();
	fake_dev_free(a);
	fake_dev_free(b);
}

static void
refused(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");
	struct spdk_bdev good = dev->bdev;
	static char empty[] = "";

	bdev_up();
	dev->bdev.name = empty;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.module = NULL;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.fn_table = NULL;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.blocklen = 0;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.split_on_optimal_io_boundary = 1;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.split_on_write_unit = 1;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.max_num_segments = 1;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	dev->bdev.required_alignment = 21;
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	dev->bdev = good;
	on(1);
	CHECK_EQ(spdk_bdev_register(&dev->bdev), -EINVAL);
	on(0);
	CHECK(spdk_bdev_first() == NULL);
	bdev_down();
	fake_dev_free(dev);
}

static void
defaults(void)
{
	struct fake_dev *dev = fake_dev_alloc("A");

	bdev_up();
	dev->no_types = 1u << SPDK_BDEV_IO_TYPE_UNMAP | 1u << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	CHECK_EQ(fake_dev_register(dev), 0);
	CHECK_EQ(spdk_bdev_get_physical_block_size(&dev->bdev), BLOCK);
	CHECK_EQ(spdk_bdev_get_write_unit_size(&dev->bdev), 1);
	CHECK_EQ(spdk_bdev_get_acwu(&dev->bdev), 1);
	CHECK_EQ(spdk_bdev_get_buf_align(&dev->bdev), 1);
	CHECK_EQ(spdk_bdev_get_numa_id(&dev->bdev), SPDK_ENV_NUMA_ID_ANY);
	CHECK(spdk_bdev_io_type_supported(&dev->bdev, SPDK_BDEV_IO_TYPE_READ));
	CHECK(!spdk_bdev_io_type_supported(&dev->bdev, SPDK_BDEV_IO_TYPE_UNMAP));
	/* Emulated. */
	CHECK(spdk_bdev_io_type_supported(&dev->bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES));
	CHECK(!spdk_bdev_io_type_supported(&dev->bdev, (enum spdk_bdev_io_type)1000));
	CHECK_EQ(spdk_bdev_get_io_type("write_zeroes"), SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
	CHECK_EQ(spdk_bdev_get_io_type("nonsense"), -1);
	CHECK(spdk_bdev_get_io_type_name((enum spdk_bdev_io_type)1000) == NULL);
	bdev_down();
	fake_dev_free(dev);
}

struct walk {
	unsigned calls, stop_at;
	char names[64];
};

static int
walk_one(void *ctx, struct spdk_bdev *bdev)
{
	struct walk *walk = ctx;

	APPEND(walk->names, bdev->name);
	CHECK(!TAILQ_EMPTY(&bdev->internal.open_descs));
	return ++walk->calls == walk->stop_at ? -EINTR : 0;
}

static int
walk_removing(void *ctx, struct spdk_bdev *bdev)
{
	spdk_bdev_unregister(bdev, NULL, NULL);
	return walk_one(ctx, bdev);
}

static void
walks(void)
{
	struct fake_dev *devs[3];
	const char *some[] = { "C", "A", "X" };
	struct walk walk = { 0 };
	struct spdk_bdev *bdev;
	unsigned n = 0;
	int i;

	bdev_up();
	CHECK(spdk_bdev_first() == NULL);
	for (i = 0; i < 3; i++) {
		char name[] = { (char)('A' + i), 0 };

		devs[i] = fake_dev_alloc(name);
		CHECK_EQ(fake_dev_register(devs[i]), 0);
	}
	for (bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		n++;
	}
	CHECK_EQ(n, 3);
	CHECK_EQ(spdk_bdev_module_claim_bdev(&devs[1]->bdev, NULL, &g_fake_module), 0);
	CHECK(spdk_bdev_next_leaf(spdk_bdev_first_leaf()) == &devs[2]->bdev);
	CHECK_EQ(spdk_for_each_bdev_leaf(&walk, walk_one), 0);
	CHECK_STR(walk.names, "AC");
	spdk_bdev_module_release_bdev(&devs[1]->bdev);

	memset(&walk, 0, sizeof(walk));
	walk.stop_at = 2;
	CHECK_EQ(spdk_for_each_bdev(&walk, walk_one), -EINTR);
	CHECK_STR(walk.names, "AB");

	memset(&walk, 0, sizeof(walk));
	CHECK_EQ(spdk_for_each_bdev_by_name(&walk, walk_one, some, 2), 0);
	CHECK_STR(walk.names, "CA");
	CHECK_EQ(spdk_for_each_bdev_by_name(&walk, walk_one, some, 3), -ENODEV);

	/* Every device goes while it is looked at. */
	memset(&walk, 0, sizeof(walk));
	CHECK_EQ(spdk_for_each_bdev(&walk, walk_removing), 0);
	CHECK_STR(walk.names, "ABC");
	poll_all();
	CHECK(spdk_bdev_first() == NULL);
	bdev_down();
	for (i = 0; i < 3; i++) {
		CHECK_EQ(devs[i]->destructs, 1);
		fake_dev_free(devs[i]);
	}
}

static const struct test_case cases[] = { TEST(names_and_aliases), TEST(same_uuid), TEST(refused),
	                                  TEST(defaults), TEST(walks) };
TEST_MAIN("bdev/registry", cases)
