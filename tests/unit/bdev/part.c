/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Parts of a device: what they inherit, where their I/O goes, who claims, how they and their base
 * go, in every order. */

#include "tests/unit/bdev/fake_bdev.h"

#define FIRST  UINT64_C(256)
#define LENGTH UINT64_C(512)

static struct spdk_bdev_module g_module = { .name = "parts", .module_init = fake_module_init };
static SPDK_BDEV_PART_TAILQ g_parts = TAILQ_HEAD_INITIALIZER(g_parts);
static struct fake_dev *g_dev;
static struct spdk_bdev_part_base *g_base;
static unsigned g_removed, g_freed, g_channels, g_no_channel;
static spdk_bdev_io_completion_cb g_forward_cb;

struct channel {
	struct spdk_bdev_part_channel part_ch;
	uint32_t mark;
};

static int
destruct(void *ctx)
{
	return spdk_bdev_part_free(ctx);
}

static void
submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *io)
{
	struct channel *ch = spdk_io_channel_get_ctx(io_ch);
	int rc;

	CHECK_EQ(ch->mark, 7);
	rc = g_forward_cb != NULL
	             ? spdk_bdev_part_submit_request_ext(&ch->part_ch, io, g_forward_cb)
	             : spdk_bdev_part_submit_request(&ch->part_ch, io);
	if (rc != 0) {
		spdk_bdev_io_complete(io, rc == -ENOMEM ? SPDK_BDEV_IO_STATUS_NOMEM
		                                        : SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static struct spdk_bdev_fn_table g_table = { .destruct = destruct,
	                                     .submit_request = submit_request };

static int
channel_create(void *io_device, void *ctx)
{
	if (g_no_channel > 0) {
		g_no_channel--;
		return -ENOMEM;
	}
	g_channels++;
	((struct channel *)ctx)->mark = 7;
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
	g_channels--;
}

static void
base_removed(void *ctx)
{
	g_removed++;
	spdk_bdev_part_base_hotremove(ctx, &g_parts);
}

static void
base_freed(void *ctx)
{
	CHECK(ctx == &g_freed);
	g_freed++;
}

static int
base_make(const char *name)
{
	return spdk_bdev_part_base_construct_ext(name, base_removed, &g_module, &g_table, &g_parts,
	                                         base_freed, &g_freed, sizeof(struct channel),
	                                         channel_create, channel_destroy, &g_base);
}

static struct spdk_bdev_part *
part_make(const char *name, uint64_t offset, uint64_t count)
{
	struct spdk_bdev_part *part = calloc(1, sizeof(*part));
	char buf[16];

	snprintf(buf, sizeof(buf), "%s", name);
	if (spdk_bdev_part_construct(part, g_base, buf, offset, count, (char *)"Part") != 0) {
		free(part);
		part = NULL;
	}
	memset(buf, 'x', sizeof(buf)); /* it was copied */
	return part;
}

static void
begin(void)
{
	g_removed = g_freed = g_channels = g_no_channel = 0;
	g_forward_cb = NULL;
	bdev_up();
	g_dev = fake_dev_alloc("A");
	g_dev->sync = true;
	CHECK_EQ(fake_dev_register(g_dev), 0);
	CHECK_EQ(base_make("A"), 0);
}

static void
end(void)
{
	bdev_down();
	CHECK_EQ(g_channels, 0);
	CHECK(TAILQ_EMPTY(&g_parts));
	fake_dev_free(g_dev);
}

static void
looks_like_its_base(void)
{
	struct spdk_bdev_part *part;
	struct spdk_bdev *bdev;
	struct spdk_uuid uuid;

	begin();
	g_dev->bdev.write_cache = 1;
	g_dev->bdev.optimal_io_boundary = 64;
	part = part_make("A1", FIRST, LENGTH);
	REQUIRE(part != NULL);
	bdev = spdk_bdev_get_by_name("A1");
	REQUIRE(bdev != NULL);
	CHECK(bdev == spdk_bdev_part_get_bdev(part));
	CHECK(spdk_bdev_part_get_base(part) == g_base);
	CHECK(spdk_bdev_part_get_base_bdev(part) == &g_dev->bdev);
	CHECK(spdk_bdev_part_base_get_bdev(g_base) == &g_dev->bdev);
	CHECK(spdk_bdev_part_base_get_tailq(g_base) == &g_parts);
	CHECK(spdk_bdev_part_base_get_ctx(g_base) == &g_freed);
	CHECK(spdk_bdev_desc_get_bdev(spdk_bdev_part_base_get_desc(g_base)) == &g_dev->bdev);
	CHECK_STR(spdk_bdev_part_base_get_bdev_name(g_base), "A");
	CHECK_EQ(spdk_bdev_part_get_offset_blocks(part), FIRST);
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), LENGTH);
	CHECK_EQ(spdk_bdev_get_block_size(bdev), BLOCK);
	CHECK(spdk_bdev_has_write_cache(bdev));
	CHECK_EQ(spdk_bdev_get_optimal_io_boundary(bdev), 64);
	CHECK_STR(spdk_bdev_get_product_name(bdev), "Part");
	CHECK(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_UNMAP));
	CHECK(!spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZCOPY));
	CHECK(TAILQ_FIRST(&g_parts) == part);
	/* The same part has the same UUID, another has another. */
	uuid = *spdk_bdev_get_uuid(bdev);
	CHECK(part_make("A2", FIRST, LENGTH) == NULL);
	CHECK(part_make("A2", FIRST + 1, LENGTH) != NULL);
	CHECK(spdk_uuid_compare(&uuid, spdk_bdev_get_uuid(spdk_bdev_get_by_name("A2"))) != 0);
	spdk_bdev_unregister(bdev, NULL, NULL);
	poll_all();
	CHECK(part_make("A1", FIRST, LENGTH) != NULL);
	CHECK_EQ(spdk_uuid_compare(&uuid, spdk_bdev_get_uuid(spdk_bdev_get_by_name("A1"))), 0);
	end();
	CHECK_EQ(g_freed, 1);
}

static void
takes_a_uuid(void)
{
	struct spdk_bdev_part_construct_opts opts;
	struct spdk_bdev_part *part = calloc(1, sizeof(*part));
	struct spdk_uuid uuid;

	begin();
	spdk_bdev_part_construct_opts_init(&opts, sizeof(opts));
	CHECK_EQ(opts.opts_size, sizeof(opts));
	CHECK(spdk_uuid_is_null(&opts.uuid));
	CHECK_EQ(spdk_uuid_parse(&uuid, "01234567-89ab-cdef-0123-456789abcdef"), 0);
	opts.uuid = uuid;
	CHECK_EQ(spdk_bdev_part_construct_ext(part, g_base, (char *)"A1", 0, 1, (char *)"Part",
	                                      &opts),
	         0);
	CHECK(spdk_bdev_get_by_name("01234567-89ab-cdef-0123-456789abcdef") ==
	      spdk_bdev_part_get_bdev(part));
	end();
}

static void
refuses(void)
{
	struct spdk_bdev_part_base *base;

	begin();
	CHECK(part_make("A1", BLOCKS, 1) == NULL);
	CHECK(part_make("A1", 1, BLOCKS) == NULL);
	CHECK(part_make("A1", UINT64_MAX, 2) == NULL);
	CHECK(part_make("A1", 0, 0) == NULL);
	CHECK(part_make("A", 0, 1) == NULL);
	/* Not even one was made: nobody has claimed. */
	CHECK_EQ(g_dev->bdev.internal.claim_type, SPDK_BDEV_CLAIM_NONE);
	CHECK_EQ(spdk_bdev_module_claim_bdev(&g_dev->bdev, NULL, &g_fake_module), 0);
	CHECK(part_make("A1", 0, 1) == NULL);
	spdk_bdev_module_release_bdev(&g_dev->bdev);
	g_dev->bdev.dif_check_flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	CHECK(part_make("A1", 1, 1) == NULL);
	CHECK(part_make("A1", 0, 1) != NULL);
	g_dev->bdev.dif_check_flags = 0;
	base = g_base;
	CHECK_EQ(base_make("B"), -ENODEV);
	CHECK_EQ(spdk_bdev_part_base_construct_ext("A", NULL, &g_module, &g_table, &g_parts, NULL,
	                                           NULL, sizeof(struct channel), NULL, NULL,
	                                           &g_base),
	         -EINVAL);
	CHECK(g_base == base);
	CHECK_EQ(g_freed, 0);
	end();
}

static void
free_without_parts(void)
{
	begin();
	spdk_bdev_part_base_free(g_base);
	CHECK_EQ(g_freed, 1);
	CHECK(TAILQ_EMPTY(&g_dev->bdev.internal.open_descs));
	end();
}

static void
io_goes_to_its_place(void)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct user_io io = { 0 }, other = { 0 };
	uint8_t buf[2 * BLOCK];

	begin();
	REQUIRE(part_make("A1", FIRST, LENGTH) != NULL);
	desc = user_open("A1", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	REQUIRE(ch != NULL);
	CHECK_EQ(g_channels, 1);
	memset(buf, 0x5a, sizeof(buf));
	CHECK_EQ(spdk_bdev_write_blocks(desc, ch, buf, 3, 2, user_ended, &io), 0);
	poll_all();
	CHECK(io.success);
	CHECK_EQ(memcmp(g_dev->data + (FIRST + 3) * BLOCK, buf, sizeof(buf)), 0);
	CHECK_EQ(spdk_bdev_write_blocks(desc, ch, buf, LENGTH - 1, 2, user_ended, &io), -EINVAL);
	memset(buf, 0, sizeof(buf));
	io = (struct user_io){ 0 };
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, buf, 3, 2, user_ended, &io), 0);
	poll_all();
	CHECK(io.success && buf[0] == 0x5a && buf[sizeof(buf) - 1] == 0x5a);
	io = (struct user_io){ 0 };
	CHECK_EQ(spdk_bdev_unmap_blocks(desc, ch, 3, 1, user_ended, &io), 0);
	poll_all();
	CHECK(io.success && g_dev->data[(FIRST + 3) * BLOCK] == 0);
	CHECK_EQ(g_dev->data[(FIRST + 4) * BLOCK], 0x5a);
	io = (struct user_io){ 0 };
	CHECK_EQ(spdk_bdev_write_zeroes_blocks(desc, ch, 4, 1, user_ended, &io), 0);
	CHECK_EQ(spdk_bdev_flush_blocks(desc, ch, 7, 5, user_ended, &other), 0);
	poll_all();
	CHECK(io.success && other.success);
	CHECK_EQ(g_dev->data[(FIRST + 4) * BLOCK], 0);
	CHECK_EQ(g_dev->log[g_dev->num_log - 1].type, SPDK_BDEV_IO_TYPE_FLUSH);
	CHECK_EQ(g_dev->log[g_dev->num_log - 1].offset, FIRST + 7);
	io = (struct user_io){ 0 };
	CHECK_EQ(spdk_bdev_reset(desc, ch, user_ended, &io), 0);
	poll_all();
	CHECK(io.success);
	/* The base's error is the part's. */
	io = (struct user_io){ 0 };
	g_dev->fail_at = g_dev->num_log + 1;
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, buf, 0, 1, user_ended, &io), 0);
	poll_all();
	CHECK(io.done && !io.success);
	spdk_put_io_channel(ch);
	poll_all();
	CHECK_EQ(g_channels, 0);
	spdk_bdev_close(desc);
	end();
}

static unsigned g_forwarded;

static void
forwarded(struct spdk_bdev_io *io, bool success, void *arg)
{
	CHECK(arg == NULL && success);
	CHECK_STR(io->bdev->name, "A1");
	g_forwarded++;
	spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_ABORTED);
}

static void
with_a_callback(void)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct user_io io = { 0 };
	uint8_t buf[BLOCK] = { 0 };

	begin();
	g_forwarded = 0;
	g_forward_cb = forwarded;
	REQUIRE(part_make("A1", FIRST, LENGTH) != NULL);
	desc = user_open("A1", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, buf, 0, 1, user_ended, &io), 0);
	poll_all();
	CHECK_EQ(g_forwarded, 1);
	CHECK(io.done && !io.success);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	end();
}

static void
no_channel(void)
{
	struct spdk_bdev_desc *desc;

	begin();
	REQUIRE(part_make("A1", FIRST, LENGTH) != NULL);
	desc = user_open("A1", true, NULL);
	g_no_channel = 1;
	CHECK(spdk_bdev_get_io_channel(desc) == NULL);
	poll_all();
	spdk_bdev_close(desc);
	end();
}

static void
base_goes(void)
{
	struct spdk_bdev_desc *desc;

	begin();
	REQUIRE(part_make("A1", 0, LENGTH) != NULL && part_make("A2", LENGTH, LENGTH) != NULL);
	CHECK_EQ(g_dev->bdev.internal.claim_type, SPDK_BDEV_CLAIM_EXCL_WRITE);
	desc = user_open("A2", false, NULL);
	spdk_bdev_unregister(&g_dev->bdev, NULL, NULL);
	poll_all();
	CHECK_EQ(g_removed, 1);
	CHECK(spdk_bdev_get_by_name("A1") == NULL);
	CHECK_EQ(g_dev->destructs, 0); /* somebody has a part open */
	CHECK_EQ(g_freed, 0);
	spdk_bdev_close(desc);
	poll_all();
	CHECK(spdk_bdev_get_by_name("A2") == NULL);
	CHECK_EQ(g_dev->destructs, 1);
	CHECK_EQ(g_freed, 1);
	end();
}

static void
last_part_lets_go(void)
{
	begin();
	REQUIRE(part_make("A1", 0, LENGTH) != NULL && part_make("A2", LENGTH, LENGTH) != NULL);
	spdk_bdev_unregister(spdk_bdev_get_by_name("A1"), NULL, NULL);
	poll_all();
	CHECK_EQ(g_freed, 0);
	CHECK_EQ(g_dev->bdev.internal.claim_type, SPDK_BDEV_CLAIM_EXCL_WRITE);
	spdk_bdev_unregister(spdk_bdev_get_by_name("A2"), NULL, NULL);
	poll_all();
	CHECK_EQ(g_freed, 1);
	CHECK_EQ(g_dev->bdev.internal.claim_type, SPDK_BDEV_CLAIM_NONE);
	CHECK(TAILQ_EMPTY(&g_dev->bdev.internal.open_descs));
	end();
}

static const struct test_case cases[] = {
	TEST(looks_like_its_base), TEST(takes_a_uuid),    TEST(refuses),
	TEST(free_without_parts),  TEST(with_a_callback), TEST(io_goes_to_its_place),
	TEST(no_channel),          TEST(base_goes),       TEST(last_part_lets_go),
};
TEST_MAIN("bdev/part", cases)
