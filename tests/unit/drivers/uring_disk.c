/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Devices on real files, in memory and on a disk, through the block layer and the RPC methods, by
 * the real io_uring. */

#define HOST_IO_POOL 2048
#include "tests/unit/drivers/host.h"

#include "drivers/uring/uring_rpc.c"
#include "ipc/gate/control.h"
#include "core/thread/thread_internal.h"
#include "spdk/event.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define BLOCK  512ul
#define BLOCKS 8192ul

/* --- the world around ------------------------------------------------------------------------- */

static void (*g_post_fn)(void *arg);
static unsigned g_posts;
static int g_post_rc;

static void *
post_run(void *arg)
{
	g_post_fn(arg);
	return NULL;
}

/* The control pthread: one that does this and ends. */
int
control_post(void (*fn)(void *arg), void *arg)
{
	pthread_t thread;

	if (g_post_rc != 0) {
		return g_post_rc;
	}
	g_posts++;
	g_post_fn = fn;
	if (pthread_create(&thread, NULL, post_run, arg) != 0) {
		abort();
	}
	pthread_join(thread, NULL);
	return 0;
}

/* There is one reactor, and it takes no events. */
uint32_t
spdk_env_get_first_core(void)
{
	return 0;
}

uint32_t
spdk_env_get_next_core(uint32_t prev_core)
{
	return UINT32_MAX;
}

uint32_t
spdk_env_get_core_count(void)
{
	return 1;
}

struct spdk_event *
spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	return NULL;
}

void
spdk_event_call(struct spdk_event *event)
{
}

/* Where devices are tried: O_DIRECT, and through the page cache. */
static const char *const g_places[] = { "/var/tmp", "/dev/shm" };
static char g_path[64];
static int g_fd;

static void
make_file(const char *place)
{
	snprintf(g_path, sizeof(g_path), "%s/cal-uring-disk.XXXXXX", place);
	g_fd = mkstemp(g_path);
	REQUIRE(g_fd >= 0);
	REQUIRE(ftruncate(g_fd, (off_t)(BLOCKS * BLOCK)) == 0);
}

static int
create(const char *name)
{
	char params[256];

	snprintf(params, sizeof(params), "{'name':'%s','filename':'%s'}", name, g_path);
	return call(rpc_bdev_uring_create, params);
}

static struct spdk_bdev *
make_device(const char *place)
{
	make_file(place);
	REQUIRE(create("U") == 0);
	g_said[0] = '\0';
	return device_open("U");
}

static void
end_device(void)
{
	device_close();
	CHECK_EQ(call(rpc_bdev_uring_delete, "{'name':'U'}"), 0);
	close(g_fd);
	unlink(g_path);
}

/* Poll until `ios` have ended in all; 10 s is for ever. */
static void
until(unsigned ios)
{
	time_t end = time(NULL) + 10;

	while (g_ios < ios && time(NULL) < end) {
		settle();
	}
	CHECK_EQ(g_ios, ios);
}

static bool
ends_well(int rc)
{
	unsigned good = g_good_ios;

	REQUIRE(rc == 0);
	until(g_ios + 1);
	return g_good_ios == good + 1;
}

static unsigned
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	REQUIRE(dir != NULL);
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

static void
fill(uint8_t *buf, size_t len, unsigned seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		buf[i] = (uint8_t)(seed + i * 7 + i / BLOCK);
	}
}

/* --- cases ------------------------------------------------------------------------------------ */

static void
create_and_delete(void)
{
	unsigned before = open_files();
	struct spdk_bdev *bdev;
	char uuid[SPDK_UUID_STRING_LEN];

	make_file("/var/tmp");
	CHECK_EQ(create("U"), 0);
	CHECK_STR(g_answer.text, "\"U\"");
	bdev = spdk_bdev_get_by_name("U");
	REQUIRE(bdev != NULL);
	CHECK_STR(spdk_bdev_get_product_name(bdev), "URING bdev");
	CHECK_STR(spdk_bdev_get_module_name(bdev), "uring");
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), BLOCKS);
	CHECK_EQ(spdk_bdev_get_block_size(bdev), BLOCK);
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), spdk_bdev_get_uuid(bdev));
	CHECK(spdk_bdev_get_by_name(uuid) == bdev);
	config_of(bdev);
	CHECK(strstr(g_answer.text, g_path) != NULL && strstr(g_answer.text, uuid) != NULL);
	config_round_trip("U", "bdev_uring_create", rpc_bdev_uring_create, rpc_bdev_uring_delete);

	CHECK_EQ(create("U"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(rpc_bdev_uring_delete, "{'name':'U'}"), 0);
	CHECK_STR(g_answer.text, "true");
	CHECK(spdk_bdev_get_by_name("U") == NULL);
	CHECK_EQ(call(rpc_bdev_uring_delete, "{'name':'U'}"), -ENODEV);
	close(g_fd);
	unlink(g_path);
	CHECK_EQ(open_files(), before);
	g_said[0] = '\0';
}

static void
create_refused(void)
{
	unsigned before = open_files();

	snprintf(g_path, sizeof(g_path), "/var/tmp/cal-uring-no-such-file");
	g_said[0] = '\0';
	CHECK_EQ(create("U"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK(said_once("No such file", g_path));
	snprintf(g_path, sizeof(g_path), "/var/tmp");
	CHECK_EQ(create("U"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK(said_once("directory", g_path));
	CHECK_EQ(call(rpc_bdev_uring_create, "{'name':'U'}"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	CHECK_EQ(call(rpc_bdev_uring_create, "{'name':'U','filename':'/x','size':1}"),
	         SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	make_file("/var/tmp");
	/* The layer refuses it after everything has been opened. */
	g_said[0] = '\0';
	CHECK_EQ(create(""), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	g_post_rc = -ESHUTDOWN;
	CHECK_EQ(create("U"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
	g_post_rc = 0;
	close(g_fd);
	unlink(g_path);
	CHECK_EQ(open_files(), before);
	g_said[0] = '\0';
}

static void
nobody_closes_for_us(void)
{
	unsigned before = open_files();

	make_file("/var/tmp");
	CHECK_EQ(create("U"), 0);
	g_post_rc = -ENOMEM;
	CHECK_EQ(call(rpc_bdev_uring_delete, "{'name':'U'}"), 0);
	g_post_rc = 0;
	close(g_fd);
	unlink(g_path);
	CHECK_EQ(open_files(), before);
}

static void
data(const char *place)
{
	static uint8_t buf[64 * BLOCK + 1], from_file[64 * BLOCK];
	struct iovec iovs[3], *got;
	unsigned seed = 1, blocks;

	make_device(place);
	/* Of all sizes, from an address that O_DIRECT cannot use. */
	for (blocks = 1; blocks <= 64; blocks += 21, seed++) {
		fill(buf + 1, blocks * BLOCK, seed);
		CHECK(ends_well(
			spdk_bdev_write_blocks(g_desc, g_ch, buf + 1, 100, blocks, io_done, NULL)));
		CHECK(ends_well(spdk_bdev_flush_blocks(g_desc, g_ch, 0, BLOCKS, io_done, NULL)));
		REQUIRE(pread(g_fd, from_file, blocks * BLOCK, 100 * BLOCK) ==
		        (ssize_t)(blocks * BLOCK));
		CHECK(memcmp(buf + 1, from_file, blocks * BLOCK) == 0);
	}
	/* Odd vectors. */
	fill(buf, 4 * BLOCK, seed);
	iovs[0] = (struct iovec){ buf, 700 };
	iovs[1] = (struct iovec){ buf + 700, 3 };
	iovs[2] = (struct iovec){ buf + 703, 4 * BLOCK - 703 };
	CHECK(ends_well(
		spdk_bdev_writev_blocks(g_desc, g_ch, iovs, 3, BLOCKS - 4, 4, io_done, NULL)));
	memset(from_file, 0, sizeof(from_file));
	iovs[0].iov_base = from_file;
	iovs[1].iov_base = from_file + 700;
	iovs[2].iov_base = from_file + 703;
	CHECK(ends_well(
		spdk_bdev_readv_blocks(g_desc, g_ch, iovs, 3, BLOCKS - 4, 4, io_done, NULL)));
	CHECK(memcmp(buf, from_file, 4 * BLOCK) == 0);
	/* Into a buffer of the layer's. */
	CHECK(ends_well(spdk_bdev_read_blocks(g_desc, g_ch, NULL, BLOCKS - 4, 4, io_done, &got)));
	/* Nothing at all, at the very end. */
	CHECK(ends_well(spdk_bdev_read_blocks(g_desc, g_ch, buf, BLOCKS, 0, io_done, NULL)));
	CHECK_STR(g_said, "");
	end_device();
}

static void
data_on_disk(void)
{
	data("/var/tmp");
}

static void
data_in_memory(void)
{
	data("/dev/shm");
}

static bool
is_all(const uint8_t *buf, size_t len, uint8_t value)
{
	size_t i;

	for (i = 0; i < len && buf[i] == value; i++) {
	}
	return i == len;
}

static void
holes(const char *place)
{
	static uint8_t buf[512 * BLOCK];
	struct stat before, after;
	struct spdk_bdev *bdev = make_device(place);

	REQUIRE(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_UNMAP));
	memset(buf, 0xee, sizeof(buf));
	CHECK(ends_well(spdk_bdev_write_blocks(g_desc, g_ch, buf, 0, 512, io_done, NULL)));
	CHECK(ends_well(spdk_bdev_write_zeroes_blocks(g_desc, g_ch, 8, 16, io_done, NULL)));
	CHECK(ends_well(spdk_bdev_write_zeroes_blocks(g_desc, g_ch, 99, 1, io_done, NULL)));
	CHECK(ends_well(spdk_bdev_write_zeroes_blocks(g_desc, g_ch, 99, 0, io_done, NULL)));
	CHECK(ends_well(spdk_bdev_flush_blocks(g_desc, g_ch, 0, BLOCKS, io_done, NULL)));
	CHECK_EQ(fstat(g_fd, &before), 0);
	CHECK(ends_well(spdk_bdev_unmap_blocks(g_desc, g_ch, 256, 256, io_done, NULL)));
	CHECK_EQ(fstat(g_fd, &after), 0);
	CHECK(after.st_blocks <= before.st_blocks - 256);
	CHECK_EQ(after.st_size, (off_t)(BLOCKS * BLOCK));
	CHECK(ends_well(spdk_bdev_read_blocks(g_desc, g_ch, buf, 0, 512, io_done, NULL)));
	CHECK(is_all(buf, 8 * BLOCK, 0xee));
	CHECK(is_all(buf + 8 * BLOCK, 16 * BLOCK, 0));
	CHECK(is_all(buf + 24 * BLOCK, 75 * BLOCK, 0xee));
	CHECK(is_all(buf + 99 * BLOCK, BLOCK, 0));
	CHECK(is_all(buf + 100 * BLOCK, 156 * BLOCK, 0xee));
	CHECK(is_all(buf + 256 * BLOCK, 256 * BLOCK, 0));
	CHECK_STR(g_said, "");
	end_device();
}

static void
holes_on_disk(void)
{
	holes("/var/tmp");
}

static void
holes_in_memory(void)
{
	holes("/dev/shm");
}

#define MANY 1800u

/* More than the ring takes at a time, and than may be under way. */
static void
more_than_fits(void)
{
	static uint8_t out[MANY * BLOCK], in[MANY * BLOCK];
	unsigned i, before, good;
	size_t place;

	for (place = 0; place < SPDK_COUNTOF(g_places); place++) {
		make_device(g_places[place]);
		before = g_ios;
		good = g_good_ios;
		fill(out, sizeof(out), (unsigned)place);
		for (i = 0; i < MANY; i++) {
			CHECK_EQ(spdk_bdev_write_blocks(g_desc, g_ch, out + i * BLOCK, i, 1,
			                                io_done, NULL),
			         0);
		}
		until(before + MANY);
		for (i = 0; i < MANY; i++) {
			CHECK_EQ(spdk_bdev_read_blocks(g_desc, g_ch, in + i * BLOCK, i, 1, io_done,
			                               NULL),
			         0);
		}
		until(before + 2 * MANY);
		CHECK_EQ(g_good_ios - good, 2 * MANY);
		CHECK(memcmp(in, out, sizeof(in)) == 0);
		CHECK_STR(g_said, "");
		end_device();
	}
}

static unsigned g_ios_at_reset;

static void
reset_done(struct spdk_bdev_io *io, bool success, void *arg)
{
	g_ios_at_reset = g_ios;
	io_done(io, success, NULL);
}

static void
reset_waits(void)
{
	static uint8_t buf[64 * BLOCK];
	unsigned i, before;

	make_device("/var/tmp");
	before = g_ios;
	for (i = 0; i < 32; i++) {
		CHECK_EQ(spdk_bdev_write_blocks(g_desc, g_ch, buf, i * 64ul, 64, io_done, NULL), 0);
	}
	CHECK_EQ(spdk_bdev_reset(g_desc, g_ch, reset_done, NULL), 0);
	until(before + 33);
	CHECK_EQ(g_ios_at_reset, before + 32);
	/* With nothing under way. */
	CHECK(ends_well(spdk_bdev_reset(g_desc, g_ch, reset_done, NULL)));
	CHECK(ends_well(spdk_bdev_read_blocks(g_desc, g_ch, buf, 0, 1, io_done, NULL)));
	end_device();
}

/* The file loses its second half under the device: a read across the new end first comes back short
 * and then empty. */
static void
file_shrinks(void)
{
	static uint8_t buf[16 * BLOCK];
	size_t place;

	for (place = 0; place < SPDK_COUNTOF(g_places); place++) {
		make_device(g_places[place]);
		REQUIRE(ftruncate(g_fd, (off_t)(BLOCKS * BLOCK / 2)) == 0);
		CHECK(!ends_well(spdk_bdev_read_blocks(g_desc, g_ch, buf, BLOCKS / 2 - 8, 16,
		                                       io_done, NULL)));
		CHECK(said_once("Input/output error", "U"));
		CHECK(!ends_well(
			spdk_bdev_read_blocks(g_desc, g_ch, buf, BLOCKS - 1, 1, io_done, NULL)));
		CHECK_STR(g_said, "");
		CHECK(ends_well(spdk_bdev_read_blocks(g_desc, g_ch, buf, BLOCKS / 2 - 8, 8, io_done,
		                                      NULL)));
		end_device();
	}
}

static int
rescan(void)
{
	return call(rpc_bdev_uring_rescan, "{'name':'U'}");
}

static void
file_grows(void)
{
	static uint8_t buf[BLOCK];
	struct spdk_bdev *bdev = make_device("/var/tmp");

	CHECK_EQ(rescan(), 0);
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), BLOCKS);
	REQUIRE(ftruncate(g_fd, (off_t)(2 * BLOCKS * BLOCK)) == 0);
	CHECK_EQ(spdk_bdev_read_blocks(g_desc, g_ch, buf, BLOCKS, 1, io_done, NULL), -EINVAL);
	CHECK_EQ(rescan(), 0);
	CHECK_STR(g_answer.text, "true");
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 2 * BLOCKS);
	CHECK(ends_well(
		spdk_bdev_read_blocks(g_desc, g_ch, buf, 2 * BLOCKS - 1, 1, io_done, NULL)));
	/* Not while somebody uses what would go, nor to half a block, nor to nothing. */
	REQUIRE(ftruncate(g_fd, (off_t)(BLOCKS * BLOCK)) == 0);
	g_said[0] = '\0';
	CHECK_EQ(rescan(), -EBUSY);
	CHECK(said_once("cannot take on", "U"));
	REQUIRE(ftruncate(g_fd, (off_t)(BLOCKS * BLOCK + 1)) == 0);
	CHECK_EQ(rescan(), -EINVAL);
	CHECK(said_once("no whole blocks", "U"));
	REQUIRE(ftruncate(g_fd, 0) == 0);
	CHECK_EQ(rescan(), -EINVAL);
	CHECK_EQ(spdk_bdev_get_num_blocks(bdev), 2 * BLOCKS);
	g_post_rc = -ESHUTDOWN;
	CHECK_EQ(rescan(), -ESHUTDOWN);
	g_post_rc = 0;
	g_said[0] = '\0';
	end_device();
	CHECK_EQ(rescan(), -ENODEV);
	CHECK_EQ(call(rpc_bdev_uring_rescan, "{}"), SPDK_JSONRPC_ERROR_INTERNAL_ERROR);
}

/* --- a thread that moves ---------------------------------------------------------------------- */

static uint8_t g_moved[64 * BLOCK];

static void *
elsewhere(void *arg)
{
	until(*(unsigned *)arg);
	spdk_set_thread(NULL);
	return NULL;
}

/* I/O submitted by one OS thread ends on another, with some of it not yet submitted. */
static void
thread_moves(void)
{
	unsigned i, turn, goal, good;
	pthread_t thread;
	size_t place;

	for (place = 0; place < SPDK_COUNTOF(g_places); place++) {
		make_device(g_places[place]);
		good = g_good_ios;
		for (turn = 0; turn < 50; turn++) {
			goal = g_ios + 64;
			for (i = 0; i < 64; i++) {
				if (i == 32) {
					spdk_thread_poll(g_app, 0, 0);
				}
				CHECK_EQ(spdk_bdev_write_blocks(g_desc, g_ch, g_moved + i * BLOCK,
				                                turn * 64 + i, 1, io_done, NULL),
				         0);
			}
			spdk_set_thread(NULL);
			REQUIRE(pthread_create(&thread, NULL, elsewhere, &goal) == 0);
			pthread_join(thread, NULL);
			spdk_set_thread(g_app);
		}
		CHECK_EQ(g_good_ios - good, 50 * 64);
		CHECK_STR(g_said, "");
		end_device();
	}
}

/* One turn of the thread, for which it has to have a reason while it sleeps. */
static bool
turn_comes(void)
{
	struct pollfd pfd = { .fd = spdk_thread_get_interrupt_fd(g_app), .events = POLLIN };

	if (thread_in_interrupt(g_app) && poll(&pfd, 1, 10000) != 1) {
		return false;
	}
	spdk_thread_poll(g_app, 0, 0);
	return true;
}

static void
flip_mode(void)
{
	if (thread_in_interrupt(g_app)) {
		thread_interrupt_leave(g_app);
	} else {
		REQUIRE(thread_interrupt_enter(g_app) == 0);
	}
}

/* On a thread that sleeps, that wakes up and falls asleep with I/O under way. */
static void
asleep(void)
{
	unsigned place, turn, i, goal, good;

	for (place = 0; place < SPDK_COUNTOF(g_places); place++) {
		make_device(g_places[place]);
		good = g_good_ios;
		for (turn = 0; turn < 200; turn++) {
			if (turn % 3 == 0) {
				flip_mode();
			}
			goal = g_ios + 16;
			for (i = 0; i < 16; i++) {
				if (i == 8 && turn % 5 == 0) {
					REQUIRE(turn_comes());
				}
				if (i == 9 && turn % 7 == 0) {
					flip_mode();
				}
				CHECK_EQ(spdk_bdev_write_blocks(g_desc, g_ch, g_moved + i * BLOCK,
				                                turn * 16 + i, 1, io_done, NULL),
				         0);
			}
			if (turn % 4 == 0) {
				flip_mode();
			}
			while (g_ios < goal && turn_comes()) {
			}
			REQUIRE(g_ios == goal);
		}
		CHECK_EQ(g_good_ios - good, 200 * 16);
		CHECK_STR(g_said, "");
		thread_interrupt_leave(g_app);
		end_device();
	}
}

/* Without a descriptor to be told by. */
static void
asleep_without_eventfd(void)
{
	struct rlimit before, none;
	unsigned goal, i;

	REQUIRE(thread_interrupt_enter(g_app) == 0);
	thread_interrupt_leave(g_app);
	make_device("/dev/shm");
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	REQUIRE(thread_interrupt_enter(g_app) == 0);
	setrlimit(RLIMIT_NOFILE, &before);
	CHECK(said_once("looked for", "U"));
	g_said[0] = '\0';
	goal = g_ios + 100;
	for (i = 0; i < 100; i++) {
		CHECK_EQ(spdk_bdev_write_blocks(g_desc, g_ch, g_moved, i, 1, io_done, NULL), 0);
		if (i % 10 == 9) {
			while (g_ios < goal - 99 + i && turn_comes()) {
				fake_delay_us(100);
			}
		}
	}
	CHECK_EQ(g_ios, goal);
	thread_interrupt_leave(g_app);
	end_device();
}

static const struct test_case cases[] = {
	TEST(create_and_delete),
	TEST(create_refused),
	TEST(nobody_closes_for_us),
	TEST(data_on_disk),
	TEST(data_in_memory),
	TEST(holes_on_disk),
	TEST(holes_in_memory),
	TEST(more_than_fits),
	TEST(reset_waits),
	TEST(file_shrinks),
	TEST(file_grows),
	TEST(thread_moves),
	TEST(asleep),
	TEST(asleep_without_eventfd),
};
TEST_MAIN_WITH("drivers/uring_disk", cases, host_start, host_stop)
