/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "calandria/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

static char g_root[] = "/tmp/cal-instance-XXXXXX";

static int
setup(void)
{
	return mkdtemp(g_root) != NULL && setenv("CALANDRIA_RUN_ROOT", g_root, 1) == 0 ? 0 : 1;
}

static int
teardown(void)
{
	return rmdir(g_root);
}

static void
path_is_composed_and_bounded(void)
{
	char path[CAL_PATH_MAX], tiny[8], expected[CAL_PATH_MAX];

	CHECK_EQ(cal_instance_path(path, sizeof(path), 7, "state"), 0);
	snprintf(expected, sizeof(expected), "%s/7/state", g_root);
	CHECK_STR(path, expected);
	CHECK_EQ(cal_instance_path(path, sizeof(path), 7, ""), 0);
	snprintf(expected, sizeof(expected), "%s/7", g_root);
	CHECK_STR(path, expected);
	CHECK_EQ(cal_instance_path(tiny, sizeof(tiny), 7, "state"), -ENAMETOOLONG);
}

static void
claim_excludes_and_release_removes(void)
{
	char path[CAL_PATH_MAX];
	pid_t owner;
	int fd, second;

	CHECK_EQ(cal_instance_owner(1), 0);
	fd = cal_instance_claim(1, &owner);
	REQUIRE(fd >= 0);
	CHECK_EQ(cal_instance_owner(1), getpid());
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	/* A second open file description is a second claimer, as another process would be. */
	second = cal_instance_claim(1, &owner);
	CHECK_EQ(second, -EBUSY);
	CHECK_EQ(owner, getpid());
	/* Asking does not take it. */
	CHECK_EQ(cal_instance_owner(1), getpid());
	cal_instance_release(1, fd);
	CHECK_EQ(cal_instance_owner(1), 0);
	REQUIRE(cal_instance_path(path, sizeof(path), 1, "") == 0);
	CHECK(access(path, F_OK) != 0);
}

static void
file_write(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, "x", 1) == 1);
	close(fd);
}

/* What a killed primary leaves: folders in folders, and a link that must not be followed. Only the
 * monitor's socket stays (fails without g_keep_claim), and not for longer than that primary. */
static void
leftovers_of_the_dead_are_removed(void)
{
	char base[CAL_PATH_MAX], path[PATH_MAX], outside[] = "/tmp/cal-outside-XXXXXX";
	pid_t owner, child;
	int fd, status;

	REQUIRE(mkdtemp(outside) != NULL);
	file_write(outside, "precious");
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		_exit(cal_instance_claim(2, &owner) >= 0 ? 0 : 1);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
	REQUIRE(cal_instance_path(base, sizeof(base), 2, "") == 0);
	CHECK_EQ(access(base, F_OK), 0);
	CHECK_EQ(cal_instance_owner(2), 0);
	snprintf(path, sizeof(path), "%s/link", base);
	REQUIRE(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/link/3", base);
	REQUIRE(mkdir(path, 0700) == 0);
	file_write(path, "config");
	file_write(base, "state");
	file_write(base, CAL_MONITOR_SOCKET);
	snprintf(path, sizeof(path), "%s/elsewhere", base);
	REQUIRE(symlink(outside, path) == 0);

	fd = cal_instance_claim(2, &owner);
	REQUIRE(fd >= 0);
	CHECK_EQ(cal_instance_owner(2), getpid());
	snprintf(path, sizeof(path), "%s/state", base);
	CHECK(access(path, F_OK) != 0);
	snprintf(path, sizeof(path), "%s/link", base);
	CHECK(access(path, F_OK) != 0);
	snprintf(path, sizeof(path), "%s/" CAL_MONITOR_SOCKET, base);
	CHECK_EQ(access(path, F_OK), 0);
	cal_instance_release(2, fd);
	snprintf(path, sizeof(path), "%s/precious", outside);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(outside), 0);
	CHECK(access(base, F_OK) != 0);
}

/* Processes that claim and release in a hurry: there is never more than one owner. */
static void
claims_race(void)
{
	char marker[64];
	int i, round, status, fd;
	pid_t pids[4], owner;

	snprintf(marker, sizeof(marker), "%s/marker", g_root);
	for (i = 0; i < 4; i++) {
		pids[i] = fork();
		REQUIRE(pids[i] >= 0);
		if (pids[i] != 0) {
			continue;
		}
		for (round = 0; round < 200; round++) {
			fd = cal_instance_claim(3, &owner);
			if (fd < 0) {
				if (fd != -EBUSY && fd != -EAGAIN) {
					_exit(1);
				}
				continue;
			}
			if (mkdir(marker, 0700) != 0) {
				_exit(2);
			}
			rmdir(marker);
			cal_instance_release(3, fd);
		}
		_exit(0);
	}
	for (i = 0; i < 4; i++) {
		REQUIRE(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(cal_instance_owner(3), 0);
}

/* A killed primary's service goes on putting files there for a while. */
static void
others_still_fill_it(void)
{
	char path[CAL_PATH_MAX], name[CAL_PATH_MAX + 16];
	pid_t owner, child;
	int fd, i, status;

	REQUIRE(cal_instance_path(path, sizeof(path), 4, "link") == 0);
	child = fork();
	if (child == 0) {
		for (i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "%s/%d", path, i);
			(void)mkdir(path, 0700);
			(void)mkdir(name, 0700);
			usleep(i % 8 == 0 ? 100 : 0);
		}
		_exit(0);
	}
	fd = cal_instance_claim(4, &owner);
	for (i = 0; i < 200 && fd >= 0; i++) {
		close(fd);
		fd = cal_instance_claim(4, &owner);
	}
	CHECK_EQ(fd < 0 ? fd : 0, 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	if (fd >= 0) {
		cal_instance_release(4, fd);
	}
}

static const struct test_case cases[] = {
	TEST(path_is_composed_and_bounded),
	TEST(claim_excludes_and_release_removes),
	TEST(leftovers_of_the_dead_are_removed),
	TEST(claims_race),
	TEST(others_still_fill_it),
};
TEST_MAIN_WITH("instance", cases, setup, teardown)
