/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What is made of a file: the choice of block size and alignment, and files of all kinds opened. */

#include "tests/unit/test.h"

#include "drivers/uring/uring.h"

#include <fcntl.h>
#include <sys/stat.h>

static char g_dir[] = "/tmp/cal-uring-file.XXXXXX";
static char g_path[128];
static char g_why[URING_WHY_SIZE];
static struct uring_file g_file;

static int
setup(void)
{
	return mkdtemp(g_dir) != NULL ? 0 : -1;
}

static int
teardown(void)
{
	return rmdir(g_dir);
}

static int
choose(struct uring_probe probe, uint32_t block_size)
{
	memset(&g_file, 0, sizeof(g_file));
	g_why[0] = '\0';
	return uring_file_choose(&probe, block_size, &g_file, g_why);
}

static const struct uring_probe file_512 = {
	.size = 1 << 20, .direct = true, .offset_align = 512, .memory_align = 4
};
static const struct uring_probe file_4096 = {
	.size = 1 << 20, .direct = true, .offset_align = 4096, .memory_align = 512
};
static const struct uring_probe memory_file = { .size = 1 << 20 };
static const struct uring_probe disk_4096 = { .is_block_device = true,
	                                      .size = 1 << 20,
	                                      .logical_block = 4096,
	                                      .direct = true,
	                                      .offset_align = 4096,
	                                      .memory_align = 512 };

static void
block_size_of_itself(void)
{
	CHECK_EQ(choose(file_512, 0), 0);
	CHECK_EQ(g_file.block_size, 512);
	CHECK(g_file.direct);
	CHECK_EQ(g_file.align, 512);
	CHECK_EQ(g_file.size, 1 << 20);
	CHECK_EQ(choose(file_4096, 0), 0);
	CHECK_EQ(g_file.block_size, 4096);
	CHECK(g_file.direct);
	CHECK_EQ(g_file.align, 4096);
	CHECK_EQ(choose(memory_file, 0), 0);
	CHECK_EQ(g_file.block_size, 512);
	CHECK(!g_file.direct);
	CHECK_EQ(g_file.align, 1);
	CHECK_EQ(choose(disk_4096, 0), 0);
	CHECK_EQ(g_file.block_size, 4096);
}

static void
block_size_wanted(void)
{
	CHECK_EQ(choose(file_512, 4096), 0);
	CHECK_EQ(g_file.block_size, 4096);
	CHECK_EQ(g_file.align, 512);
	/* Blocks smaller than O_DIRECT can do: without it. */
	CHECK_EQ(choose(file_4096, 512), 0);
	CHECK_EQ(g_file.block_size, 512);
	CHECK(!g_file.direct);
	CHECK_EQ(g_file.align, 1);
}

static void
refused(void)
{
	struct uring_probe odd = file_512;

	CHECK_EQ(choose(file_512, 100), -EINVAL);
	CHECK(strstr(g_why, "100") != NULL);
	CHECK_EQ(choose(file_512, 256), -EINVAL);
	CHECK_EQ(choose(file_512, 1536), -EINVAL);
	CHECK_EQ(choose(disk_4096, 512), -EINVAL);
	CHECK(strstr(g_why, "4096") != NULL);
	CHECK_EQ(choose(file_512, 2 << 20), -EINVAL);
	odd.size = 1000;
	CHECK_EQ(choose(odd, 0), -EINVAL);
	CHECK(strstr(g_why, "1000") != NULL && strstr(g_why, "512") != NULL);
	odd.size = 0;
	CHECK_EQ(choose(odd, 0), -EINVAL);
	CHECK(strstr(g_why, "empty") != NULL);
}

static const char *
path(const char *name)
{
	snprintf(g_path, sizeof(g_path), "%s/%s", g_dir, name);
	return g_path;
}

static int
open_it(const char *name, uint32_t block_size)
{
	g_why[0] = '\0';
	return uring_file_open(path(name), block_size, &g_file, g_why);
}

static void
make_file(const char *name, off_t size)
{
	int fd = open(path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

	REQUIRE(fd >= 0);
	REQUIRE(ftruncate(fd, size) == 0);
	close(fd);
}

static void
a_file(void)
{
	struct stat st;
	int flags;

	make_file("file", 1 << 20);
	REQUIRE(open_it("file", 0) == 0);
	CHECK_EQ(g_file.size, 1 << 20);
	flags = fcntl(g_file.fd, F_GETFL);
	CHECK_EQ((flags & O_DIRECT) != 0, g_file.direct);
	CHECK_EQ(flags & O_ACCMODE, O_RDWR);
	CHECK_EQ(flags & O_NONBLOCK, 0);
	CHECK(fcntl(g_file.fd, F_GETFD) & FD_CLOEXEC);
	/* Looking has changed nothing. */
	CHECK_EQ(fstat(g_file.fd, &st), 0);
	CHECK_EQ(st.st_size, 1 << 20);
	CHECK_EQ(st.st_blocks, 0);
	uring_file_close(&g_file);
	CHECK_EQ(g_file.fd, -1);
	unlink(path("file"));
}

static int
lowest_free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void
no_file(void)
{
	int fd = lowest_free_fd();

	CHECK_EQ(open_it("missing", 0), -ENOENT);
	CHECK_STR(g_why, "No such file or directory");
	CHECK_EQ(open_it(".", 0), -EISDIR);
	CHECK(strstr(g_why, "directory") != NULL);
	REQUIRE(mkfifo(path("fifo"), 0600) == 0);
	CHECK_EQ(open_it("fifo", 0), -EINVAL);
	CHECK(strstr(g_why, "neither") != NULL);
	unlink(path("fifo"));
	make_file("odd", 1000);
	CHECK_EQ(open_it("odd", 0), -EINVAL);
	CHECK(strstr(g_why, "not a multiple") != NULL);
	CHECK_EQ(g_file.fd, -1);
	make_file("odd", 0);
	CHECK_EQ(open_it("odd", 0), -EINVAL);
	unlink(path("odd"));
	CHECK_EQ(uring_file_open("/dev/null", 0, &g_file, g_why), -EINVAL);
	/* None of these has left anything open. */
	CHECK_EQ(lowest_free_fd(), fd);
}

static void
a_file_in_memory(void)
{
	char name[] = "/dev/shm/cal-uring.XXXXXX";
	int fd = mkstemp(name);

	REQUIRE(fd >= 0);
	CHECK_EQ(ftruncate(fd, 65536), 0);
	close(fd);
	REQUIRE(uring_file_open(name, 0, &g_file, g_why) == 0);
	CHECK(!g_file.direct);
	CHECK_EQ(fcntl(g_file.fd, F_GETFL) & O_DIRECT, 0);
	CHECK(g_file.can_punch);
	CHECK_EQ(g_file.align, 1);
	uring_file_close(&g_file);
	unlink(name);
}

static const struct test_case cases[] = {
	TEST(block_size_of_itself),
	TEST(block_size_wanted),
	TEST(refused),
	TEST(a_file),
	TEST(no_file),
	TEST(a_file_in_memory),
};
TEST_MAIN_WITH("drivers/uring_file", cases, setup, teardown)
