/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices in memory, through the block layer and through their RPC methods. */

#include "tests/unit/drivers/host.h"

#include "drivers/malloc/malloc_rpc.c"
#include "ipc/gate/control.h"

/* The control pthread that gives memory back: later than the caller goes on, and when g_hold is
 * set, not before posts_run(). */
static void (*g_post_fn[16])(void *arg);
static void *g_post_arg[16];
static unsigned g_posts;
static int g_post_rc;
static bool g_hold;

int
control_post(void (*fn)(void *arg), void *arg)
{
	if (g_post_rc == 0 && g_hold) {
		g_post_fn[g_posts] = fn;
		g_post_arg[g_posts++] = arg;
	} else if (g_post_rc == 0) {
		spdk_thread_send_msg(g_app, fn, arg);
	}
	return g_post_rc;
}

static void
posts_run(void)
{
	while (g_posts > 0) {
		g_posts--;
		g_post_fn[g_posts](g_post_arg[g_posts]);
	}
	settle();
}

static void
create_and_delete(void)
{
	struct spdk_bdev *bdev;
	int before = g_mem_used;

	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':1024,'block_size':4096}"), 0);
	CHECK_STR(g_answer.text, "\"M\"");
	bdev = spdk_bdev_get_by_name("M");
	REQUIRE(bdev != NULL);
	CHECK_STR(spdk_bdev_get_product_name(bdev), "Malloc disk");
	CHECK_STR(spdk_bdev_get_module_name(bdev), "malloc");
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 1024);
	CHECK_EQ(spdk_bdev_get_block_size(bdev), 4096);
	CHECK_EQ(spdk_bdev_get_numa_id(bdev), SPDK_ENV_NUMA_ID_ANY);
	CHECK_EQ(g_mem_numa_id, SPDK_ENV_NUMA_ID_ANY);
	CHECK_EQ(g_mem_used, before + 4);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), 0);
	CHECK_STR(g_answer.text, "true");
	CHECK(spdk_bdev_get_by_name("M") == NULL);
	CHECK_EQ(g_mem_used, before);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), -ENODEV);

	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':8,'block_size':512,'numa_id':1,'md_size':8}"),
	         0);
	CHECK_EQ(spdk_bdev_get_numa_id(spdk_bdev_get_by_name("M")), 1);
	CHECK_EQ(g_mem_numa_id, 1);
	/* Nobody takes it any more: it is given back at once. */
	g_post_rc = -ESHUTDOWN;
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), 0);
	g_post_rc = 0;
	CHECK_EQ(g_mem_used, before);
}

/* Who hears that a device is gone may count on its memory. It is given back by another thread: DPDK
 * clears it. */
static void
gone_means_free(void)
{
	int before = g_mem_used;
	struct spdk_json_val *values;
	char text[] = "{\"name\":\"M\"}";

	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':8,'block_size':512}"), 0);
	g_hold = true;
	values = parse(text);
	memset(&g_answer, 0, sizeof(g_answer));
	bdev_malloc_delete(NULL, values);
	settle();
	CHECK_EQ(g_posts, 1);
	CHECK_EQ(g_answer.count, 0);
	CHECK_EQ(g_mem_used, before + 1);
	/* Its name is free already. */
	CHECK(spdk_bdev_get_by_name("M") == NULL);
	posts_run();
	CHECK_EQ(g_mem_used, before);
	CHECK_EQ(g_answer.count, 1);
	CHECK_STR(g_answer.text, "true");
	g_hold = false;
	free(values);
}

static void
params_are_checked(void)
{
	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':1024}"),
	         SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(bdev_malloc_create, "{'num_blocks':1,'block_size':512,'x':1}"),
	         SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(bdev_malloc_delete, "{}"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK(spdk_bdev_get_by_name("M") == NULL);
	g_said[0] = '\0';
}

static void
bad_formats(void)
{
	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':0,'block_size':512}"), -EINVAL);
	CHECK(said_once("num_blocks", "M"));
	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':8,'block_size':520}"), -EINVAL);
	CHECK(said_once("block_size 520", "M"));
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':8,'block_size':512,'physical_block_size':1000}"),
	         -EINVAL);
	CHECK(said_once("physical_block_size 1000", "M"));
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':8,'block_size':512,'md_size':9}"),
	         -EINVAL);
	CHECK(said_once("md_size 9", "M"));
	CHECK_EQ(call(bdev_malloc_create, "{'num_blocks':8,'block_size':512,'dif_type':3}"),
	         -EINVAL);
	CHECK(said_once("dif_type 3", "Malloc"));
	/* 2^64 bytes; with metadata the first beyond them. */
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':36028797018963968,'block_size':512}"),
	         -EINVAL);
	CHECK(said_once("36028797018963968 blocks", "M"));
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':35474507834056831,'block_size':512,'md_size':8}"),
	         -EINVAL);
	CHECK(said_once("35474507834056831 blocks", "M"));
	CHECK(spdk_bdev_get_by_name("M") == NULL);
	CHECK_EQ(g_posts, 0);
}

static void
names(void)
{
	/* Somebody has the second and the third already. */
	CHECK_EQ(call(bdev_malloc_create, "{'name':'Malloc1','num_blocks':8,'block_size':512}"), 0);
	CHECK_EQ(call(bdev_malloc_create, "{'name':'Malloc2','num_blocks':8,'block_size':512}"), 0);
	CHECK_EQ(call(bdev_malloc_create, "{'num_blocks':8,'block_size':512}"), 0);
	CHECK_STR(g_answer.text, "\"Malloc0\"");
	CHECK_EQ(call(bdev_malloc_create, "{'num_blocks':8,'block_size':512}"), 0);
	CHECK_STR(g_answer.text, "\"Malloc3\"");
	/* One that failed has used no name up; one that is gone is not given again. */
	g_mem_left = 0;
	CHECK_EQ(call(bdev_malloc_create, "{'num_blocks':8,'block_size':512}"), -ENOMEM);
	CHECK(said_once("memory", "Malloc4"));
	g_mem_left = -1;
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'Malloc3'}"), 0);
	CHECK_EQ(call(bdev_malloc_create, "{'num_blocks':8,'block_size':512}"), 0);
	CHECK_STR(g_answer.text, "\"Malloc4\"");

	CHECK_EQ(call(bdev_malloc_create, "{'name':'Malloc0','num_blocks':8,'block_size':512}"),
	         -EEXIST);
	CHECK(said_once("exists already", "Malloc0"));
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'Malloc0'}"), 0);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'Malloc1'}"), 0);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'Malloc2'}"), 0);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'Malloc4'}"), 0);
	posts_run();
}

static void
the_same_uuid(void)
{
	CHECK_EQ(call(bdev_malloc_create, "{'name':'A','num_blocks':8,'block_size':512,"
	                                  "'uuid':'e524acae-8c26-43e4-882a-461b8690583b'}"),
	         0);
	CHECK_EQ(call(bdev_malloc_create, "{'name':'B','num_blocks':8,'block_size':512,"
	                                  "'uuid':'e524acae-8c26-43e4-882a-461b8690583b'}"),
	         -EEXIST);
	CHECK(said_once("e524acae-8c26-43e4-882a-461b8690583b", "B"));
	CHECK(spdk_bdev_get_by_name("B") == NULL);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'A'}"), 0);
	posts_run();
}

static void
out_of_memory(void)
{
	int before = g_mem_used;

	/* 16 EiB less a block: what the log line counts does not wrap around. */
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':36028797018963967,'block_size':512}"),
	         -ENOMEM);
	CHECK(said_once("17592186044416 MB", "M"));
	/* Enough for the data, not for the metadata. */
	g_mem_left = 1;
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':8,'block_size':512,'md_size':8}"),
	         -ENOMEM);
	CHECK(said_once("-s", "M"));
	/* Enough for the first two megabytes of three. */
	g_mem_left = 2;
	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':6144,'block_size':512}"),
	         -ENOMEM);
	CHECK(strstr(g_answer.text, "needs 4 MB") != NULL);
	CHECK(said_once("-s", "M"));
	g_mem_left = -1;
	posts_run();
	CHECK_EQ(g_mem_used, before);
	CHECK(spdk_bdev_get_by_name("M") == NULL);
}

static void
config(void)
{
	CHECK_EQ(call(bdev_malloc_create, "{'name':'M','num_blocks':8,'block_size':512}"), 0);
	config_round_trip("M", "\"bdev_malloc_create\"", bdev_malloc_create, bdev_malloc_delete);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), 0);

	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','uuid':'e524acae-8c26-43e4-882a-461b8690583b','num_blocks':64,"
	              "'block_size':4096,'physical_block_size':8192,'optimal_io_boundary':16,"
	              "'md_size':64,'md_interleave':true,'dif_is_head_of_md':true,"
	              "'dif_pi_format':1,'numa_id':1}"),
	         0);
	config_round_trip("M", "\"bdev_malloc_create\"", bdev_malloc_create, bdev_malloc_delete);
	CHECK_STR(g_answer.text,
	          "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"M\",\"num_blocks\":64,"
	          "\"block_size\":4096,\"physical_block_size\":8192,"
	          "\"uuid\":\"e524acae-8c26-43e4-882a-461b8690583b\",\"optimal_io_boundary\":16,"
	          "\"md_size\":64,\"md_interleave\":true,\"dif_type\":0,"
	          "\"dif_is_head_of_md\":true,\"dif_pi_format\":1,\"numa_id\":1}}");
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), 0);

	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'M','num_blocks':64,'block_size':4096,'md_size':16}"),
	         0);
	config_round_trip("M", "\"md_interleave\":false", bdev_malloc_create, bdev_malloc_delete);
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), 0);
	posts_run();
}

/* --- I/O -------------------------------------------------------------------------------------- */

static void
fill(uint8_t *buf, size_t len, uint8_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		buf[i] = (uint8_t)(seed + i * 7 + i / 251);
	}
}

static bool
all_are(const uint8_t *buf, size_t len, uint8_t value)
{
	size_t i;

	for (i = 0; i < len && buf[i] == value; i++) {
	}
	return i == len;
}

static void
make(const char *params)
{
	REQUIRE(call(bdev_malloc_create, params) == 0);
	device_open("M");
}

static void
gone(void)
{
	device_close();
	CHECK_EQ(call(bdev_malloc_delete, "{'name':'M'}"), 0);
	posts_run();
	CHECK_STR(g_said, "");
}

#define B 512u

static void
read_and_write(void)
{
	uint8_t in[8 * B], out[8 * B];
	struct iovec *iovs = NULL;

	make("{'name':'M','num_blocks':64,'block_size':512}");
	/* New is zero. */
	memset(in, 0xff, sizeof(in));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 0, 8, io_done, NULL)));
	CHECK(all_are(in, sizeof(in), 0));
	/* Up to the last block, and no block beside. */
	fill(out, sizeof(out), 3);
	CHECK(io_ends(spdk_bdev_write_blocks(g_desc, g_ch, out, 56, 8, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 56, 8, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 48, 8, io_done, NULL)));
	CHECK(all_are(in, sizeof(in), 0));
	CHECK_EQ(spdk_bdev_write_blocks(g_desc, g_ch, out, 57, 8, io_done, NULL), -EINVAL);
	CHECK_EQ(spdk_bdev_read_blocks(g_desc, g_ch, in, 64, 1, io_done, NULL), -EINVAL);
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 64, 0, io_done, NULL)));
	/* Flush and reset have nothing to do. */
	CHECK(io_ends(spdk_bdev_flush_blocks(g_desc, g_ch, 0, 64, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_reset(g_desc, g_ch, io_done, NULL)));
	/* Without a buffer it gets one; not a longer one than there is. */
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, NULL, 56, 8, io_done, &iovs)));
	REQUIRE(iovs != NULL);
	gone();
	make("{'name':'M','num_blocks':512,'block_size':512}");
	CHECK(!io_ends(spdk_bdev_read_blocks(g_desc, g_ch, NULL, 0, 265, io_done, NULL)));
	CHECK(said_once("without a buffer", "M"));
	gone();
}

static void
vectors(void)
{
	uint8_t in[4 * B], out[4 * B];
	struct iovec from[] = { { out, 1 }, { out + 1, 1000 }, { NULL, 0 }, { out + 1001, 1047 } };
	struct iovec to[] = { { in, 600 }, { in + 600, 1448 } };
	struct iovec shorter[] = { { in, B }, { in + B, 8 } };
	struct iovec longer[] = { { in, B }, { in + B, B } };

	make("{'name':'M','num_blocks':64,'block_size':512}");
	fill(out, sizeof(out), 9);
	CHECK(io_ends(spdk_bdev_writev_blocks(g_desc, g_ch, from, 4, 2, 4, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_readv_blocks(g_desc, g_ch, to, 2, 2, 4, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	/* Vectors that do not fit the blocks: never past the blocks, and an error when too short.
	 */
	CHECK(!io_ends(spdk_bdev_writev_blocks(g_desc, g_ch, shorter, 2, 8, 2, io_done, NULL)));
	CHECK(said_once("vectors", "M"));
	CHECK(!io_ends(spdk_bdev_readv_blocks(g_desc, g_ch, shorter, 2, 8, 2, io_done, NULL)));
	CHECK(said_once("vectors", "M"));
	fill(in, sizeof(in), 77);
	CHECK(io_ends(spdk_bdev_writev_blocks(g_desc, g_ch, longer, 2, 63, 1, io_done, NULL)));
	memcpy(out, in, B);
	memset(in, 0xee, sizeof(in));
	CHECK(io_ends(spdk_bdev_readv_blocks(g_desc, g_ch, longer, 2, 63, 1, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, B), 0);
	CHECK(all_are(in + B, B, 0xee));
	gone();
}

static void
unmap_and_zeroes(void)
{
	uint8_t in[8 * B], out[8 * B];

	make("{'name':'M','num_blocks':64,'block_size':512}");
	fill(out, sizeof(out), 5);
	CHECK(io_ends(spdk_bdev_write_blocks(g_desc, g_ch, out, 0, 8, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_unmap_blocks(g_desc, g_ch, 1, 2, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_write_zeroes_blocks(g_desc, g_ch, 5, 2, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 0, 8, io_done, NULL)));
	memset(out + B, 0, 2ul * B);
	memset(out + 5ul * B, 0, 2ul * B);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	gone();
}

/* The memory is in pieces of 1 MiB: a block, a vector and a clearing that lie across two. */
static void
across_chunks(void)
{
	static uint8_t in[6 * 576], out[6 * 576];
	uint64_t first = (1u << 20) / 576 - 2;
	struct iovec iovs[] = { { out, 100 }, { out + 100, sizeof(out) - 100 } };
	struct spdk_bdev *bdev;

	make("{'name':'M','num_blocks':4096,'block_size':512,'md_size':64,'md_interleave':true}");
	bdev = spdk_bdev_desc_get_bdev(g_desc);
	CHECK_EQ(bdev->max_unmap, (256u << 10) / 576);
	fill(out, sizeof(out), 11);
	CHECK(io_ends(spdk_bdev_writev_blocks(g_desc, g_ch, iovs, 2, first, 6, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, first, 6, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK(io_ends(spdk_bdev_unmap_blocks(g_desc, g_ch, first + 1, 3, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, first, 6, io_done, NULL)));
	memset(out + 576, 0, 3ul * 576);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	/* The whole device, in many pieces. */
	CHECK(io_ends(spdk_bdev_unmap_blocks(g_desc, g_ch, 0, 4096, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, first, 6, io_done, NULL)));
	CHECK(all_are(in, sizeof(in), 0));
	gone();
}

static void
metadata_separate(void)
{
	uint8_t in[4 * B], out[4 * B], md_in[4 * 16], md_out[4 * 16];
	struct iovec iov = { out, sizeof(out) };

	make("{'name':'M','num_blocks':64,'block_size':512,'md_size':16}");
	CHECK(spdk_bdev_is_md_separate(spdk_bdev_desc_get_bdev(g_desc)));
	CHECK_EQ(spdk_bdev_get_block_size(spdk_bdev_desc_get_bdev(g_desc)), 512);
	fill(out, sizeof(out), 1);
	fill(md_out, sizeof(md_out), 2);
	CHECK(io_ends(spdk_bdev_writev_blocks_with_md(g_desc, g_ch, &iov, 1, md_out, 60, 4, io_done,
	                                              NULL)));
	CHECK(io_ends(
		spdk_bdev_read_blocks_with_md(g_desc, g_ch, in, md_in, 60, 4, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK_EQ(memcmp(md_in, md_out, sizeof(md_in)), 0);
	/* Data alone leaves the metadata as it is. */
	fill(out, sizeof(out), 8);
	CHECK(io_ends(spdk_bdev_write_blocks(g_desc, g_ch, out, 60, 4, io_done, NULL)));
	CHECK(io_ends(
		spdk_bdev_read_blocks_with_md(g_desc, g_ch, in, md_in, 60, 4, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK_EQ(memcmp(md_in, md_out, sizeof(md_in)), 0);
	/* What is unmapped has no metadata either. */
	CHECK(io_ends(spdk_bdev_unmap_blocks(g_desc, g_ch, 61, 1, io_done, NULL)));
	CHECK(io_ends(
		spdk_bdev_read_blocks_with_md(g_desc, g_ch, in, md_in, 60, 4, io_done, NULL)));
	memset(out + B, 0, B);
	memset(md_out + 16, 0, 16);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK_EQ(memcmp(md_in, md_out, sizeof(md_in)), 0);
	gone();
}

static void
metadata_interleaved(void)
{
	uint8_t in[2 * (B + 64)], out[2 * (B + 64)];
	struct spdk_bdev *bdev;

	make("{'name':'M','num_blocks':64,'block_size':512,'md_size':64,'md_interleave':true}");
	bdev = spdk_bdev_desc_get_bdev(g_desc);
	CHECK(spdk_bdev_is_md_interleaved(bdev));
	CHECK_EQ(spdk_bdev_get_block_size(bdev), 576);
	CHECK_EQ(spdk_bdev_get_data_block_size(bdev), 512);
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 64);
	fill(out, sizeof(out), 6);
	CHECK(io_ends(spdk_bdev_write_blocks(g_desc, g_ch, out, 62, 2, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 62, 2, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK(io_ends(spdk_bdev_write_zeroes_blocks(g_desc, g_ch, 63, 1, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 62, 2, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, B + 64), 0);
	CHECK(all_are(in + B + 64, B + 64, 0));
	CHECK_EQ(spdk_bdev_read_blocks_with_md(g_desc, g_ch, in, out, 0, 1, io_done, NULL),
	         -EINVAL);
	gone();
}

static void
boundary(void)
{
	uint8_t in[8 * B], out[8 * B];
	struct spdk_bdev *bdev;

	make("{'name':'M','num_blocks':64,'block_size':512,'optimal_io_boundary':3}");
	bdev = spdk_bdev_desc_get_bdev(g_desc);
	CHECK_EQ(spdk_bdev_get_optimal_io_boundary(bdev), 3);
	CHECK(bdev->split_on_optimal_io_boundary);
	fill(out, sizeof(out), 4);
	CHECK(io_ends(spdk_bdev_write_blocks(g_desc, g_ch, out, 1, 8, io_done, NULL)));
	CHECK(io_ends(spdk_bdev_read_blocks(g_desc, g_ch, in, 1, 8, io_done, NULL)));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	gone();
	make("{'name':'M','num_blocks':64,'block_size':512}");
	CHECK(!spdk_bdev_desc_get_bdev(g_desc)->split_on_optimal_io_boundary);
	gone();
}

/* The last: what it leaves, the module's end takes away. */
static void
left_to_the_end(void)
{
	g_post_rc = -ESHUTDOWN;
	CHECK_EQ(call(bdev_malloc_create, "{'name':'X','num_blocks':8,'block_size':512}"), 0);
	CHECK_EQ(call(bdev_malloc_create,
	              "{'name':'Y','num_blocks':8,'block_size':512,'md_size':8}"),
	         0);
	CHECK_STR(g_said, "");
}

static const struct test_case cases[] = {
	TEST(create_and_delete),
	TEST(gone_means_free),
	TEST(params_are_checked),
	TEST(bad_formats),
	TEST(names),
	TEST(the_same_uuid),
	TEST(out_of_memory),
	TEST(config),
	TEST(read_and_write),
	TEST(vectors),
	TEST(unmap_and_zeroes),
	TEST(across_chunks),
	TEST(metadata_separate),
	TEST(metadata_interleaved),
	TEST(boundary),
	TEST(left_to_the_end),
};
TEST_MAIN_WITH("drivers/malloc", cases, host_start, host_stop)
