/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "ipc/stats/layout.h"

#define ID 110

static char g_root[] = "/tmp/cal-unit-stats-XXXXXX";
static char g_path[CAL_PATH_MAX];

/* In place of core/util's: the segment is all that is tested here. */
int
cal_instance_path(char *buf, size_t size, int id, const char *name)
{
	int n = snprintf(buf, size, "%s/%d%s%s", g_root, id, *name ? "/" : "", name);

	return n < (int)size ? 0 : -ENAMETOOLONG;
}

mode_t
cal_instance_mode(int id, mode_t mode)
{
	return mode;
}

static int
setup(void)
{
	char folder[CAL_PATH_MAX];

	if (mkdtemp(g_root) == NULL || cal_instance_path(folder, sizeof(folder), ID, "") != 0 ||
	    cal_instance_path(g_path, sizeof(g_path), ID, CAL_STATS_NAME) != 0) {
		return -1;
	}
	return mkdir(folder, 0700);
}

static int
teardown(void)
{
	char folder[CAL_PATH_MAX];

	unlink(g_path);
	cal_instance_path(folder, sizeof(folder), ID, "");
	rmdir(folder);
	return rmdir(g_root);
}

/* Writers may count before there is a segment, and nothing of it is lost when there is one. */
static void
test_values_move_with_the_segment(void)
{
	struct cal_stats_view view;

	cal_stats_reactor(3)->iterations = 33;
	cal_stats_memory()->heap_allocs = 7;
	CHECK_EQ(cal_stats_fd(), -ENOENT);
	REQUIRE(cal_stats_create(ID, 2596142000ull) == 0);
	CHECK_EQ(cal_stats_create(ID, 1), -EALREADY);
	CHECK_EQ(cal_stats_reactor(3)->iterations, 33);
	cal_stats_links()->granted = 5;

	REQUIRE(cal_stats_open(ID, &view) == 0);
	CHECK_EQ(view.header->tsc_hz, 2596142000ull);
	CHECK_EQ(view.reactors[3].iterations, 33);
	CHECK_EQ(view.memory->heap_allocs, 7);
	CHECK_EQ(view.links->granted, 5);
	/* The reader sees what is written later, too. */
	cal_stats_reactor(3)->iterations = 34;
	CHECK_EQ(view.reactors[3].iterations, 34);

	cal_stats_destroy();
	CHECK_EQ(cal_stats_reactor(3)->iterations, 34);
	CHECK_EQ(cal_stats_fd(), -ENOENT);
	CHECK_EQ(view.reactors[3].iterations, 34);
	cal_stats_close(&view);
	CHECK(view.header == NULL);
	cal_stats_reactor(3)->iterations = 0;
	cal_stats_memory()->heap_allocs = 0;
	cal_stats_links()->granted = 0;
}

static void
test_slots_end(void)
{
	CHECK(cal_stats_reactor(CAL_STATS_MAX_REACTORS - 1) != NULL);
	CHECK(cal_stats_reactor(CAL_STATS_MAX_REACTORS) == NULL);
}

/* In a child: lose every capability, as services do, and open the file behind `fd` for writing. */
static int
reopen_without_capabilities(int fd)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	char path[32];
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (syscall(SYS_capset, &header, none) < 0) {
			_exit(200);
		}
		_exit(open(path, O_RDWR) < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Nor can the file be opened anew through it, by somebody without capabilities, though it be our
 * user. Fails with mode 0600 in segment_make(). */
static void
test_granted_descriptor_cannot_be_reopened(void)
{
	REQUIRE(cal_stats_create(ID, 1) == 0);
	CHECK_EQ(reopen_without_capabilities(cal_stats_fd()), EACCES);
	cal_stats_destroy();
}

/* The descriptor that is granted cannot be used to write. Fails with O_RDWR in cal_stats_create().
 */
static void
test_granted_descriptor_is_read_only(void)
{
	struct cal_stats_view view;

	REQUIRE(cal_stats_create(ID, 1) == 0);
	CHECK_EQ(fcntl(cal_stats_fd(), F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK(fcntl(cal_stats_fd(), F_GETFD) & FD_CLOEXEC);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cal_stats_fd(), 0) ==
	      MAP_FAILED);
	REQUIRE(cal_stats_open_fd(cal_stats_fd(), &view) == 0);
	CHECK_EQ(view.size, sizeof(struct stats_segment));
	cal_stats_close(&view);
	cal_stats_destroy();
}

static void
mark(uint8_t *map, size_t size, uint32_t offset, uint32_t width)
{
	REQUIRE(offset + width <= size);
	memset(map + offset, 1, width);
}

/* Every byte of a block that is not reserved has a metric that names it. */
static void
check_described(const struct cal_stats_view *view, const char *prefix, uint32_t block,
                uint32_t used, uint32_t stride, uint32_t count)
{
	const struct cal_stats_metric *metrics =
		(const void *)((const char *)view->header + view->header->metrics_offset);
	uint8_t map[256] = { 0 };
	uint32_t i;

	for (i = 0; i < view->header->num_metrics; i++) {
		if (strncmp(metrics[i].name, prefix, strlen(prefix)) == 0) {
			CHECK_EQ(metrics[i].count, count);
			CHECK(count == 1 || metrics[i].stride == stride);
			mark(map, used, metrics[i].offset - block, metrics[i].width);
		}
	}
	CHECK(memchr(map, 0, used) == NULL);
}

static void
test_every_field_is_described(void)
{
	struct cal_stats_view view;

	REQUIRE(cal_stats_create(ID, 1) == 0);
	REQUIRE(cal_stats_open(ID, &view) == 0);
	check_described(&view, "reactor.", view.header->reactors_offset,
	                offsetof(struct cal_stats_reactor, reserved),
	                sizeof(struct cal_stats_reactor), CAL_STATS_MAX_REACTORS);
	check_described(&view, "memory.", view.header->memory_offset,
	                offsetof(struct cal_stats_memory, reserved), 0, 1);
	check_described(&view, "links.", view.header->links_offset,
	                offsetof(struct cal_stats_links, reserved), 0, 1);
	cal_stats_close(&view);
	cal_stats_destroy();
}

static void
test_value_by_name(void)
{
	const struct cal_stats_metric *metric;
	struct cal_stats_view view;

	REQUIRE(cal_stats_create(ID, 1) == 0);
	cal_stats_reactor(2)->busy_tsc = 1ull << 40;
	cal_stats_reactor(127)->lcore = 4000000000u;
	REQUIRE(cal_stats_open(ID, &view) == 0);

	metric = cal_stats_find(&view, "reactor.busy_tsc");
	REQUIRE(metric != NULL);
	CHECK_EQ(metric->type, CAL_STATS_COUNTER);
	CHECK_EQ(metric->unit, CAL_STATS_TICKS);
	CHECK_EQ(cal_stats_value(&view, metric, 2), 1ull << 40);
	CHECK_EQ(cal_stats_value(&view, metric, 1), 0);
	CHECK_EQ(cal_stats_value(&view, metric, CAL_STATS_MAX_REACTORS), 0);
	metric = cal_stats_find(&view, "reactor.lcore");
	REQUIRE(metric != NULL);
	CHECK_EQ(cal_stats_value(&view, metric, 127), 4000000000u);
	CHECK(cal_stats_find(&view, "reactor.no_such_thing") == NULL);

	cal_stats_close(&view);
	cal_stats_destroy();
	memset(cal_stats_reactor(2), 0, sizeof(struct cal_stats_reactor));
	memset(cal_stats_reactor(127), 0, sizeof(struct cal_stats_reactor));
}

static int
open_bytes(const void *bytes, size_t size)
{
	struct cal_stats_view view;
	int fd, rc;

	unlink(g_path);
	fd = open(g_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, bytes, size) == (ssize_t)size);
	close(fd);
	rc = cal_stats_open(ID, &view);
	if (rc == 0) {
		cal_stats_close(&view);
	} else {
		CHECK(view.header == NULL);
	}
	return rc;
}

static void
test_damaged_files_are_refused(void)
{
	static struct stats_segment good, bad;

	stats_layout_describe(&good, 1);
	CHECK_EQ(open_bytes(&good, sizeof(good)), 0);
	CHECK_EQ(open_bytes(&good, 0), -EPROTO);
	CHECK_EQ(open_bytes(&good, sizeof(good.header) - 1), -EPROTO);
	CHECK_EQ(open_bytes(&good, sizeof(good.header)), -EPROTO);
	CHECK_EQ(open_bytes(&good, sizeof(good) - 1), -EPROTO);

#define DAMAGED(change_)                                          \
	do {                                                      \
		bad = good;                                       \
		change_;                                          \
		CHECK_EQ(open_bytes(&bad, sizeof(bad)), -EPROTO); \
	} while (0)
	DAMAGED(bad.header.magic ^= 1);
	DAMAGED(bad.header.version++);
	DAMAGED(bad.header.header_size = 8);
	DAMAGED(bad.header.segment_size = sizeof(bad) + 1);
	DAMAGED(bad.header.segment_size = 100);
	DAMAGED(bad.header.reactors_offset = UINT32_MAX - 127);
	DAMAGED(bad.header.reactors_offset += 64);
	DAMAGED(bad.header.memory_offset = sizeof(bad));
	DAMAGED(bad.header.links_offset = sizeof(bad) - 1);
	DAMAGED(bad.header.metrics_offset = 3);
	DAMAGED(bad.header.num_metrics = UINT32_MAX);
	DAMAGED(bad.metrics[0].count = UINT32_MAX);
	DAMAGED(bad.metrics[0].stride = UINT32_MAX);
	DAMAGED(bad.metrics[1].offset = sizeof(bad));
	DAMAGED(bad.metrics[2].width = 0);
	DAMAGED(bad.metrics[2].width = 3);
	DAMAGED(bad.metrics[2].offset += 1);
	DAMAGED(memset(bad.metrics[3].name, 'x', sizeof(bad.metrics[3].name)));
#undef DAMAGED
	unlink(g_path);
}

/* A table of a later writer: blocks elsewhere, more metrics, a header that grew. */
static void
test_reader_goes_by_the_offsets(void)
{
	static struct {
		struct stats_segment segment;
		struct cal_stats_metric more[2];
		uint64_t value __attribute__((aligned(64)));
	} later;
	struct cal_stats_view view;
	int fd;

	stats_layout_describe(&later.segment, 1);
	later.segment.header.segment_size = sizeof(later);
	later.segment.header.metrics_offset = offsetof(__typeof__(later), more);
	later.segment.header.num_metrics = 2;
	later.more[0] = (struct cal_stats_metric){ .name = "new.one", .width = 8, .count = 0 };
	later.more[1] = (struct cal_stats_metric){ .name = "new.two",
		                                   .width = 8,
		                                   .count = 1,
		                                   .offset = offsetof(__typeof__(later), value) };
	later.value = 99;

	fd = memfd_create("stats", MFD_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, &later, sizeof(later)) == (ssize_t)sizeof(later));
	REQUIRE(cal_stats_open_fd(fd, &view) == 0);
	CHECK_EQ(cal_stats_value(&view, cal_stats_find(&view, "new.two"), 0), 99);
	CHECK_EQ(cal_stats_value(&view, cal_stats_find(&view, "new.one"), 0), 0);
	CHECK(cal_stats_find(&view, "memory.heap_bytes") == NULL);
	cal_stats_close(&view);
	close(fd);
}

static void
test_no_instance(void)
{
	struct cal_stats_view view;

	CHECK_EQ(cal_stats_open(ID + 1, &view), -ENOENT);
	CHECK(view.header == NULL);
	CHECK_EQ(cal_stats_create(ID + 1, 1), -ENOENT);
	CHECK_EQ(cal_stats_fd(), -ENOENT);
	cal_stats_close(&view);
}

static const struct test_case g_cases[] = {
	TEST(test_values_move_with_the_segment),
	TEST(test_slots_end),
	TEST(test_granted_descriptor_is_read_only),
	TEST(test_granted_descriptor_cannot_be_reopened),
	TEST(test_every_field_is_described),
	TEST(test_value_by_name),
	TEST(test_damaged_files_are_refused),
	TEST(test_reader_goes_by_the_offsets),
	TEST(test_no_instance),
};

TEST_MAIN_WITH("stats/segment", g_cases, setup, teardown)
