/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices that keep nothing, through the block layer and through their RPC methods. */

#include "tests/unit/drivers/host.h"

#include "drivers/null/null_rpc.c"

static void
create_and_delete(void)
{
	struct spdk_bdev *bdev;

	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':1024,'block_size':512}"), 0);
	CHECK_STR(g_answer.text, "\"N\"");
	bdev = spdk_bdev_get_by_name("N");
	REQUIRE(bdev != NULL);
	CHECK_STR(spdk_bdev_get_product_name(bdev), "Null disk");
	CHECK_STR(spdk_bdev_get_module_name(bdev), "null");
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 1024);
	CHECK_EQ(spdk_bdev_get_block_size(bdev), 512);
	CHECK_EQ(spdk_bdev_get_md_size(bdev), 0);
	CHECK(!spdk_uuid_is_null(spdk_bdev_get_uuid(bdev)));
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), 0);
	CHECK_STR(g_answer.text, "true");
	CHECK(spdk_bdev_get_by_name("N") == NULL);
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), -ENODEV);
	CHECK_STR(g_answer.text, "No such device");
}

static void
params_are_checked(void)
{
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':1024}"),
	         SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':1,'block_size':512,'x':1}"),
	         SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(bdev_null_delete, "{}"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(bdev_null_resize, "{'name':'N'}"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK(spdk_bdev_get_by_name("N") == NULL);
	g_said[0] = '\0';
}

static void
bad_formats(void)
{
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':0,'block_size':512}"), -EINVAL);
	CHECK(said_once("num_blocks", "N"));
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':0}"), -EINVAL);
	CHECK(said_once("block_size", "N"));
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':513}"), -EINVAL);
	CHECK(said_once("block_size", "N"));
	/* The block size holds the metadata: 504 bytes of data. The number is the caller's. */
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':512,'md_size':8}"),
	         -EINVAL);
	CHECK(said_once("block_size 512", "N"));
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':8,'md_size':8}"),
	         -EINVAL);
	CHECK(said_once("block_size 8", "N"));
	CHECK_EQ(
		call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':64,'md_size':128}"),
		-EINVAL);
	CHECK(said_once("block_size 64", "N"));
	CHECK_EQ(
		call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':524,'md_size':12}"),
		-EINVAL);
	CHECK(said_once("md_size 12", "N"));
	CHECK_EQ(
		call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':512,'dif_type':1}"),
		-EINVAL);
	CHECK(said_once("dif_type 1", "N"));
	CHECK(spdk_bdev_get_by_name("N") == NULL);
}

static void
duplicates(void)
{
	struct spdk_bdev *bdev;

	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':512}"), 0);
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':9,'block_size':512}"), -EEXIST);
	CHECK_STR(g_answer.text, "File exists");
	CHECK(said_once("exists already", "N"));
	bdev = spdk_bdev_get_by_name("N");
	REQUIRE(bdev != NULL);
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 8);
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), 0);
}

static void
config(void)
{
	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':8,'block_size':512}"), 0);
	config_round_trip("N", "\"bdev_null_create\"", bdev_null_create, bdev_null_delete);
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), 0);

	CHECK_EQ(call(bdev_null_create,
	              "{'name':'N','uuid':'e524acae-8c26-43e4-882a-461b8690583b','num_blocks':4096,"
	              "'block_size':4160,'physical_block_size':8192,'md_size':64,"
	              "'dif_is_head_of_md':true,'dif_pi_format':1,'preferred_write_alignment':2,"
	              "'preferred_write_granularity':4,'optimal_write_size':8,"
	              "'preferred_unmap_alignment':16,'preferred_unmap_granularity':32}"),
	         0);
	config_round_trip("N", "\"bdev_null_create\"", bdev_null_create, bdev_null_delete);
	CHECK_STR(g_answer.text,
	          "{\"method\":\"bdev_null_create\",\"params\":{\"name\":\"N\",\"num_blocks\":4096,"
	          "\"block_size\":4160,\"physical_block_size\":8192,\"md_size\":64,\"dif_type\":0,"
	          "\"dif_is_head_of_md\":true,\"dif_pi_format\":1,"
	          "\"uuid\":\"e524acae-8c26-43e4-882a-461b8690583b\","
	          "\"preferred_write_granularity\":4,\"preferred_write_alignment\":2,"
	          "\"optimal_write_size\":8,\"preferred_unmap_granularity\":32,"
	          "\"preferred_unmap_alignment\":16}}");
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), 0);
}

static void
io(void)
{
	uint8_t buf[1024], before[1024];
	struct iovec *iovs = NULL;
	struct spdk_bdev *bdev;

	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':1024,'block_size':512}"), 0);
	bdev = device_open("N");
	memset(buf, 0x11, sizeof(buf));
	memcpy(before, buf, sizeof(before));
	CHECK(io_ends(spdk_bdev_write_blocks(g_desc, g_ch, buf, 0, 2, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, buf, 1022, 2, io_done, NULL)));
	CHECK_EQ(memcmp(buf, before, sizeof(buf)), 0);
	CHECK(io_ends(spdk_bdev_unmap_blocks(g_desc, g_ch, 0, 1024, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_write_zeroes_blocks(g_desc, g_ch, 0, 1024, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_reset(g_desc, g_ch, io_done, NULL)));
	CHECK_EQ(spdk_bdev_read_blocks(g_desc, g_ch, buf, 1023, 2, io_done, NULL), -EINVAL);
	CHECK(!spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));
	CHECK_EQ(spdk_bdev_flush_blocks(g_desc, g_ch, 0, 8, io_done, NULL), -ENOTSUP);
	/* Without a buffer it gets one, up to the largest that there is. */
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, NULL, 0, 2, io_done, &iovs)));
	REQUIRE(iovs != NULL);
	CHECK(!io_ends(spdk_bdev_read_blocks(g_desc, g_ch, NULL, 0, 265, io_done, NULL)));
	CHECK(said_once("without a buffer", "N"));
	device_close();
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), 0);
}

static void
resize(void)
{
	struct spdk_bdev *bdev;

	CHECK_EQ(call(bdev_null_create, "{'name':'N','num_blocks':2048,'block_size':512}"), 0);
	bdev = device_open("N");
	g_resize_events = 0;
	CHECK_EQ(call(bdev_null_resize, "{'name':'N','new_size':16}"), 0);
	CHECK_STR(g_answer.text, "true");
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 32768);
	CHECK_EQ(g_resize_events, 1);
	device_close();
	/* Never smaller, as SPDK. */
	CHECK_EQ(call(bdev_null_resize, "{'name':'N','new_size':15}"), -EINVAL);
	CHECK(said_once("new_size is 15", "N"));
	CHECK_EQ(call(bdev_null_resize, "{'name':'N','new_size':16}"), 0);
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 32768);

	CHECK_EQ(call(bdev_null_resize, "{'name':'N','new_size':0}"), -EINVAL);
	CHECK(said_once("new_size is 0", "N"));
	CHECK_EQ(call(bdev_null_resize, "{'name':'N','new_size':17592186044416}"), -EINVAL);
	CHECK(said_once("new_size is 17592186044416", "N"));
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 32768);
	CHECK_EQ(call(bdev_null_resize, "{'name':'M','new_size':1}"), -ENODEV);
	CHECK_EQ(call(bdev_null_delete, "{'name':'N'}"), 0);
}

/* --- another module's device ------------------------------------------------------------------ */

static int
other_destruct(void *ctx)
{
	return 0;
}

static bool
other_supports(void *ctx, enum spdk_bdev_io_type type)
{
	return false;
}

static int
other_init(void)
{
	return 0;
}

static struct spdk_bdev_module other_module = { .name = "other", .module_init = other_init };
SPDK_BDEV_MODULE_REGISTER(other, &other_module)

static void
of_another_module(void)
{
	static const struct spdk_bdev_fn_table fns = { .destruct = other_destruct,
		                                       .io_type_supported = other_supports };
	struct spdk_bdev bdev = { .name = "X",
		                  .blocklen = 512,
		                  .blockcnt = 8,
		                  .module = &other_module,
		                  .fn_table = &fns };

	REQUIRE(spdk_bdev_register(&bdev) == 0);
	CHECK_EQ(call(bdev_null_resize, "{'name':'X','new_size':1}"), -EINVAL);
	CHECK_EQ(call(bdev_null_delete, "{'name':'X'}"), -ENODEV);
	CHECK_EQ(spdk_bdev_get_num_blocks(&bdev), 8);
	spdk_bdev_unregister(&bdev, NULL, NULL);
	settle();
	CHECK(spdk_bdev_get_by_name("X") == NULL);
}

/* The last: what it leaves, the module's end takes away. */
static void
left_to_the_end(void)
{
	CHECK_EQ(call(bdev_null_create, "{'name':'N0','num_blocks':8,'block_size':512}"), 0);
	CHECK_EQ(call(bdev_null_create, "{'name':'N1','num_blocks':8,'block_size':512}"), 0);
	CHECK_STR(g_said, "");
}

static const struct test_case cases[] = {
	TEST(create_and_delete),
	TEST(params_are_checked),
	TEST(bad_formats),
	TEST(duplicates),
	TEST(config),
	TEST(io),
	TEST(resize),
	TEST(of_another_module),
	TEST(left_to_the_end),
};
TEST_MAIN_WITH("drivers/null", cases, host_start, host_stop)
