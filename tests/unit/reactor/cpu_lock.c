/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/reactor/fake_cores.h"
#include "tests/unit/test.h"

#include "core/reactor/reactor_internal.h"

#include <signal.h>

static char g_folder[] = "/tmp/cal-cpu-lock-XXXXXX";
static const uint32_t g_cores[] = { 1, 2, 5 };

static int
setup(void)
{
	if (mkdtemp(g_folder) == NULL) {
		return 1;
	}
	fake_cores(3, g_cores);
	return setenv("CALANDRIA_CPU_LOCK_DIR", g_folder, 1);
}

static int
teardown(void)
{
	return rmdir(g_folder); /* fails if a file was left */
}

static const char *
lock_file(uint32_t core)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/spdk_cpu_lock_%03u", g_folder, core);
	return path;
}

/* A child that holds a lock file as SPDK does, with a process lock and its pid inside (or, `ours`,
 * by our own function), until it is killed. */
static pid_t
hold(uint32_t core, bool ours)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2], fd, busy;
	pid_t pid, owner;
	char c = 0;

	REQUIRE(pipe(ready) == 0);
	pid = fork();
	if (pid == 0) {
		if (ours) {
			fake_cores(1, &core);
			c = reactors_lock_cores(&busy, &owner) == 0;
		} else {
			fd = open(lock_file(core), O_RDWR | O_CREAT, 0600);
			pid = getpid();
			c = fcntl(fd, F_SETLK, &lock) == 0 &&
			    write(fd, &pid, sizeof(pid)) == sizeof(pid);
		}
		if (write(ready[1], &c, 1) == 1) {
			pause();
		}
		_exit(1);
	}
	close(ready[1]);
	CHECK(read(ready[0], &c, 1) == 1 && c == 1);
	close(ready[0]);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
locks_hold_the_owners_pid(void)
{
	int32_t pid = 0;
	pid_t owner;
	int busy, fd;

	CHECK_EQ(reactors_lock_cores(&busy, &owner), 0);
	CHECK_EQ(reactors_lock_cores(&busy, &owner), 0); /* nothing more to take */
	fd = open(lock_file(5), O_RDONLY);
	CHECK(read(fd, &pid, sizeof(pid)) == sizeof(pid) && pid == getpid());
	close(fd);
	CHECK(access(lock_file(3), F_OK) != 0);
	reactors_unlock_cores();
	CHECK(access(lock_file(5), F_OK) != 0);
	reactors_unlock_cores();
}

static void
a_busy_core_is_named_with_its_owner(void)
{
	int busy, ours;
	pid_t owner, pid;

	for (ours = 0; ours < 2; ours++) {
		pid = hold(2, ours);
		CHECK_EQ(reactors_lock_cores(&busy, &owner), -EBUSY);
		CHECK_EQ(busy, 2);
		CHECK_EQ(owner, pid);
		/* None is kept: core 1 was free and is free again. */
		CHECK(access(lock_file(1), F_OK) != 0);
		end(pid);
		/* What a killed owner leaves is taken over. */
		CHECK_EQ(access(lock_file(2), F_OK), 0);
		CHECK_EQ(reactors_lock_cores(&busy, &owner), 0);
		reactors_unlock_cores();
	}
}

static void
an_unusable_folder_is_an_error(void)
{
	pid_t owner;
	int busy;

	setenv("CALANDRIA_CPU_LOCK_DIR", "/nonexistent", 1);
	CHECK_EQ(reactors_lock_cores(&busy, &owner), -ENOENT);
	CHECK_EQ(busy, 1);
	CHECK_EQ(owner, 0);
	setenv("CALANDRIA_CPU_LOCK_DIR", g_folder, 1);
}

static const struct test_case cases[] = {
	TEST(locks_hold_the_owners_pid),
	TEST(a_busy_core_is_named_with_its_owner),
	TEST(an_unusable_folder_is_an_error),
};

TEST_MAIN_WITH("reactor/cpu_lock", cases, setup, teardown)
