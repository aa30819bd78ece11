/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -ljson-c */

#include "services/confd/state_file.c"

#include "tests/unit/test.h"

#include <ftw.h>
#include <sys/wait.h>

static char g_dir[] = "/tmp/cal-state-test.XXXXXX";
static char g_err[512];

static int
setup(void)
{
	return mkdtemp(g_dir) != NULL ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int
teardown(void)
{
	return nftw(g_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int
open_it(struct state_file *file)
{
	g_err[0] = '\0';
	return state_file_open(file, g_dir, 7, g_err, sizeof(g_err));
}

static void
check_content(const char *path, const char *want)
{
	char text[256] = "";
	FILE *in = fopen(path, "re");

	REQUIRE(in != NULL);
	CHECK_EQ(fread(text, 1, sizeof(text) - 1, in), strlen(want));
	CHECK_STR(text, want);
	fclose(in);
}

static void
written_as_a_whole(void)
{
	struct state_file file;
	char when[64], aside[PATH_MAX], again[PATH_MAX];
	struct stat st;

	REQUIRE(open_it(&file) == 0);
	CHECK_EQ(state_file_since(&file, "%F", when, sizeof(when)), -ENOENT);
	REQUIRE(symlink(file.path, file.path) == 0);
	CHECK_EQ(state_file_since(&file, "%F", when, sizeof(when)), -ELOOP);
	REQUIRE(unlink(file.path) == 0);
	CHECK_EQ(state_file_set_aside(&file, aside, sizeof(aside)), -ENOENT);
	CHECK_EQ(state_file_write(&file, "one", 3), 0);
	check_content(file.path, "one");
	CHECK(stat(file.path, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK_EQ(state_file_since(&file, "%Y", when, sizeof(when)), 0);
	CHECK_EQ(strlen(when), 4);

	/* The name of the day stays with what had it; a second time it is there already. */
	CHECK_EQ(state_file_set_aside(&file, aside, sizeof(aside)), 0);
	CHECK_EQ(state_file_set_aside(&file, again, sizeof(again)), 0);
	CHECK_STR(aside, again);
	CHECK_EQ(state_file_write(&file, "two!", 4), 0);
	check_content(file.path, "two!");
	check_content(aside, "one");

	/* What a killed one left is no obstacle, and a write that fails changes nothing. */
	CHECK_EQ(close(open(file.next, O_WRONLY | O_CREAT, 0644)), 0);
	CHECK_EQ(state_file_write(&file, "three", 5), 0);
	check_content(file.path, "three");
	CHECK(access(file.next, F_OK) != 0);
	CHECK(stat(file.path, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK_EQ(link(aside, file.next), 0); /* … and is never written into */
	CHECK_EQ(state_file_write(&file, "three", 5), 0);
	check_content(aside, "one");
	CHECK_EQ(mkdir(file.next, 0700), 0);
	CHECK_EQ(state_file_write(&file, "four", 4), -EISDIR);
	check_content(file.path, "three");
	CHECK_EQ(rmdir(file.next), 0);
	state_file_close(&file);
	CHECK(file.lock_fd == -1 && file.dir_fd == -1);
}

/* Another process has it for a while: it is waited for. */
static void
one_at_a_time(void)
{
	struct state_file file;
	int go[2], status;
	char byte;
	pid_t pid;

	REQUIRE(pipe(go) == 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		if (open_it(&file) != 0 || write(go[1], "x", 1) != 1) {
			_exit(1);
		}
		usleep(150000);
		_exit(0);
	}
	REQUIRE(read(go[0], &byte, 1) == 1);
	CHECK_EQ(open_it(&file), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	state_file_close(&file);
	close(go[0]);
	close(go[1]);
}

static void
folders_that_will_not_do(void)
{
	struct state_file file;
	char path[PATH_MAX];

	CHECK_EQ(state_file_open(&file, "/nowhere/at/all", 7, g_err, sizeof(g_err)), -ENOENT);
	CHECK_STR(g_err, "--state-dir /nowhere/at/all: No such file or directory; name a folder");
	REQUIRE(open_it(&file) == 0);
	CHECK_EQ(state_file_write(&file, "x", 1), 0);
	snprintf(path, sizeof(path), "%s", file.path);
	state_file_close(&file);
	CHECK_EQ(state_file_open(&file, path, 7, g_err, sizeof(g_err)), -ENOTDIR);
}

static const struct test_case cases[] = { TEST(written_as_a_whole), TEST(one_at_a_time),
	                                  TEST(folders_that_will_not_do) };
TEST_MAIN_WITH("services/confd/state_file", cases, setup, teardown)
