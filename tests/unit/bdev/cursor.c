/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Cursors against a model, while devices come, go, come again under their names and get others. */

#include "tests/unit/bdev/fake_bdev.h"
#include "tests/unit/seed.h"

#define NAMES   40
#define CURSORS 4

/* A name, and the device that has it now. */
struct dev {
	struct spdk_bdev bdev;
	char name[16];
	bool there;
	bool leaving; /* being unregistered, and somebody has it open */
	struct spdk_bdev_desc *desc;
	unsigned life; /* how often it was registered */
	bool alias;
};

/* What a cursor has to meet, and has met. */
struct walk {
	struct bdev_cursor cursor;
	bool under_way;
	unsigned life[NAMES]; /* when it began; 0: it was not there */
	bool stayed[NAMES];
	bool met[NAMES];
};

static struct dev g_devs[NAMES];
static struct walk g_walks[CURSORS];

static int
destructed(void *ctx)
{
	return 0;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = destructed,
	.submit_request = fake_submit_request,
	.io_type_supported = fake_io_type_supported,
	.get_io_channel = fake_get_io_channel,
};

static void
come(unsigned i)
{
	static struct fake_dev nothing;
	struct dev *dev = &g_devs[i];

	memset(&dev->bdev, 0, sizeof(dev->bdev));
	snprintf(dev->name, sizeof(dev->name), "dev%u", i);
	dev->bdev.name = dev->name;
	dev->bdev.ctxt = &nothing;
	dev->bdev.blocklen = BLOCK;
	dev->bdev.blockcnt = BLOCKS;
	dev->bdev.module = &g_fake_module;
	dev->bdev.fn_table = &g_fn_table;
	REQUIRE(spdk_bdev_register(&dev->bdev) == 0);
	dev->there = true;
	dev->alias = false;
	dev->life++;
}

static void
ignore(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
go(unsigned i, bool slowly)
{
	struct dev *dev = &g_devs[i];
	unsigned k;

	if (slowly) {
		REQUIRE(spdk_bdev_open_ext(dev->name, false, ignore, NULL, &dev->desc) == 0);
	}
	spdk_bdev_unregister(&dev->bdev, NULL, NULL);
	poll_all();
	dev->there = false;
	dev->leaving = slowly;
	for (k = 0; k < CURSORS; k++) {
		g_walks[k].stayed[i] = false;
	}
}

static void
go_at_last(unsigned i)
{
	spdk_bdev_close(g_devs[i].desc);
	poll_all();
	g_devs[i].leaving = false;
}

static void
rename_some(unsigned i)
{
	struct dev *dev = &g_devs[i];
	char alias[32];

	snprintf(alias, sizeof(alias), "also%u", i);
	CHECK_EQ(dev->alias ? spdk_bdev_alias_del(&dev->bdev, alias)
	                    : spdk_bdev_alias_add(&dev->bdev, alias),
	         0);
	dev->alias = !dev->alias;
}

static void
walk_begin(struct walk *walk)
{
	unsigned i;

	memset(walk, 0, sizeof(*walk));
	bdev_cursor_begin(&walk->cursor);
	walk->under_way = true;
	for (i = 0; i < NAMES; i++) {
		walk->stayed[i] = g_devs[i].there;
		walk->life[i] = g_devs[i].there ? g_devs[i].life : 0;
	}
}

/* Returns whether that was the end. */
static bool
walk_step(struct walk *walk)
{
	struct spdk_bdev *bdev = bdev_cursor_next(&walk->cursor);
	unsigned i;

	if (bdev != NULL) {
		i = (unsigned)(SPDK_CONTAINEROF(bdev, struct dev, bdev) - g_devs);
		CHECK(!walk->met[i]);
		/* It was there when we began, and has not been away since. */
		CHECK(g_devs[i].there && walk->stayed[i] && walk->life[i] == g_devs[i].life);
		walk->met[i] = true;
		return false;
	}
	for (i = 0; i < NAMES; i++) {
		CHECK(!walk->stayed[i] || walk->met[i]);
	}
	CHECK(bdev_cursor_next(&walk->cursor) == NULL);
	bdev_cursor_end(&walk->cursor);
	walk->under_way = false;
	return true;
}

static void
step(unsigned *ends)
{
	struct walk *walk = &g_walks[pick(CURSORS)];
	unsigned i = pick(NAMES);

	switch (pick(8)) {
	case 0:
	case 1:
		if (g_devs[i].leaving) {
			go_at_last(i);
		} else if (g_devs[i].there) {
			go(i, pick(3) == 0);
		} else {
			come(i);
		}
		break;
	case 2:
		if (g_devs[i].there) {
			rename_some(i);
		}
		break;
	default:
		if (!walk->under_way) {
			walk_begin(walk);
		} else if (pick(50) == 0) { /* the client has gone */
			bdev_cursor_end(&walk->cursor);
			walk->under_way = false;
		} else {
			*ends += walk_step(walk);
		}
	}
}

static void
against_a_model(void)
{
	unsigned n, i, ends = 0;

	seed_begin("cursor");
	bdev_up();
	for (n = 0; n < 50000; n++) {
		step(&ends);
	}
	CHECK(ends > 100);
	for (i = 0; i < CURSORS; i++) {
		while (g_walks[i].under_way) {
			walk_step(&g_walks[i]);
		}
	}
	for (i = 0; i < NAMES; i++) {
		if (g_devs[i].leaving) {
			go_at_last(i);
		} else if (g_devs[i].there) {
			go(i, false);
		}
	}
	CHECK(LIST_EMPTY(&g_bdev_mgr.cursors));
	bdev_down();
}

/* The one the cursor stands on goes, and the last one. */
static void
under_the_feet(void)
{
	struct bdev_cursor cursor;

	bdev_up();
	come(0);
	come(1);
	come(2);
	bdev_cursor_begin(&cursor);
	go(0, false);
	CHECK(bdev_cursor_next(&cursor) == &g_devs[1].bdev);
	go(2, false);
	CHECK(bdev_cursor_next(&cursor) == NULL);
	come(2);
	CHECK(bdev_cursor_next(&cursor) == NULL);
	bdev_cursor_end(&cursor);
	go(1, false);
	go(2, false);
	bdev_cursor_begin(&cursor);
	CHECK(bdev_cursor_next(&cursor) == NULL);
	bdev_cursor_end(&cursor);
	bdev_down();
}

static const struct test_case cases[] = { TEST(against_a_model), TEST(under_the_feet) };
TEST_MAIN("bdev/cursor", cases)
