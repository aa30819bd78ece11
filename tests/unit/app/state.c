/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "core/app/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/app/app_internal.h"
#include "tests/unit/test.h"

static char g_root[] = "/tmp/cal-state-XXXXXX";

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
names_are_those_of_the_document(void)
{
	CHECK_STR(cal_run_state_name(CAL_RUN_NONE), "none");
	CHECK_STR(cal_run_state_name(CAL_RUN_SUBSYSTEM_INIT), "subsystem_init");
	CHECK_STR(cal_run_state_name(CAL_RUN_FAILED), "failed");
	CHECK_STR(cal_run_state_name(CAL_RUN_NUM_STATES), "unknown");
	CHECK_STR(cal_service_state_name(CAL_SERVICE_BACKOFF), "backoff");
	CHECK_STR(cal_service_state_name(99), "unknown");
}

static void
what_is_written_is_read(void)
{
	struct cal_state_service services[2] = { { .name = "rpcd", .pid = 7, .state = 2 },
		                                 { .name = "confd", .restarts = 3 } };
	struct cal_state_service copy[CAL_STATE_MAX_SERVICES];
	static struct cal_state_file seen;
	bool alive;
	pid_t owner;
	int fd;

	CHECK_EQ(cal_state_read(1, &seen, &alive), -ENOENT);
	fd = cal_instance_claim(1, &owner);
	REQUIRE(fd >= 0);
	REQUIRE(state_create(1, "unit") == 0);
	state_set_rpc_socket("/tmp/r.sock");
	state_enter(CAL_RUN_ENV);
	app_state_doing("method %s", "bdev_malloc_create");
	app_state_error("%s", "a reason");
	state_publish_services(services, 2);

	REQUIRE(cal_state_read(1, &seen, &alive) == 0);
	CHECK(alive);
	CHECK_EQ(seen.main.pid, getpid());
	CHECK_EQ(seen.main.state, CAL_RUN_ENV);
	CHECK_STR(seen.main.app_name, "unit");
	CHECK_STR(seen.main.doing, "method bdev_malloc_create");
	CHECK_STR(seen.main.reason, "a reason");
	CHECK_STR(seen.main.rpc_socket, "/tmp/r.sock");
	CHECK(seen.main.started_ns != 0);
	CHECK_EQ(seen.main.since_ns, seen.main.entered_ns[CAL_RUN_ENV]);
	CHECK_EQ(seen.main.entered_ns[CAL_RUN_RUNNING], 0);
	CHECK_EQ(seen.num_services, 2);
	CHECK_STR(seen.services[1].name, "confd");
	CHECK_EQ(seen.services[1].restarts, 3);
	CHECK_EQ(state_copy_services(copy, CAL_STATE_MAX_SERVICES), 2);
	CHECK_EQ(copy[0].pid, 7);
	CHECK_EQ(state_copy_services(copy, 1), 1);

	/* A new state has nothing in progress, and keeps the last error. */
	state_enter(CAL_RUN_RUNNING);
	CHECK_EQ(app_state(), CAL_RUN_RUNNING);
	REQUIRE(cal_state_read(1, &seen, &alive) == 0);
	CHECK_STR(seen.main.doing, "");
	CHECK_STR(seen.main.reason, "a reason");
	state_destroy();
	cal_instance_release(1, fd);
	CHECK_EQ(cal_state_read(1, &seen, &alive), -ENOENT);
}

static void
long_texts_are_cut(void)
{
	static struct cal_state_file seen;
	char text[1000];
	bool alive;
	pid_t owner;
	int fd;

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fd = cal_instance_claim(2, &owner);
	REQUIRE(fd >= 0);
	REQUIRE(state_create(2, text) == 0);
	app_state_doing("%s", text);
	app_state_error("%s", text);
	REQUIRE(cal_state_read(2, &seen, &alive) == 0);
	CHECK_EQ(strlen(seen.main.app_name), sizeof(seen.main.app_name) - 1);
	CHECK_EQ(strlen(seen.main.doing), sizeof(seen.main.doing) - 1);
	CHECK_EQ(strlen(seen.main.reason), sizeof(seen.main.reason) - 1);
	state_destroy();
	cal_instance_release(2, fd);
}

/* What a crash leaves is readable: also a lock that stays odd for ever. */
static void
the_dead_can_be_read(void)
{
	static struct cal_state_file seen;
	char path[CAL_PATH_MAX];
	uint32_t odd = 5;
	pid_t child, owner;
	int status, fd;
	bool alive;

	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		if (cal_instance_claim(3, &owner) < 0 || state_create(3, "dead") != 0) {
			_exit(1);
		}
		state_enter(CAL_RUN_CONFIG);
		raise(SIGKILL);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status));
	REQUIRE(cal_instance_path(path, sizeof(path), 3, CAL_STATE_NAME) == 0);
	fd = open(path, O_RDWR);
	REQUIRE(fd >= 0);
	CHECK_EQ(pwrite(fd, &odd, sizeof(odd), offsetof(struct cal_state_file, main_seq)), 4);
	close(fd);
	REQUIRE(cal_state_read(3, &seen, &alive) == 0);
	CHECK(!alive);
	CHECK_EQ(seen.main.pid, child);
	CHECK_EQ(seen.main.state, CAL_RUN_CONFIG);

	/* Another layout, and half a file, are refused and not misread. */
	CHECK_EQ(truncate(path, 100), 0);
	CHECK_EQ(cal_state_read(3, &seen, &alive), -EPROTO);
	CHECK_EQ(truncate(path, 0), 0);
	CHECK_EQ(truncate(path, 4096), 0);
	CHECK_EQ(cal_state_read(3, &seen, &alive), -EPROTO);
	fd = cal_instance_claim(3, &owner);
	REQUIRE(fd >= 0);
	cal_instance_release(3, fd);
}

/* A reader beside a busy writer never sees half of a write. */
static void
readers_see_whole_writes(void)
{
	static struct cal_state_file seen;
	pid_t child, owner;
	int fd, i, status;
	bool alive;
	char a[100], b[100];

	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	a[99] = b[99] = '\0';
	fd = cal_instance_claim(4, &owner);
	REQUIRE(fd >= 0);
	REQUIRE(state_create(4, "busy") == 0);
	app_state_doing("%s", a);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		for (;;) {
			app_state_doing("%s", a);
			app_state_doing("%s", b);
			usleep(1);
		}
	}
	for (i = 0; i < 2000; i++) {
		REQUIRE(cal_state_read(4, &seen, &alive) == 0);
		if (strcmp(seen.main.doing, a) != 0 && strcmp(seen.main.doing, b) != 0) {
			break;
		}
	}
	CHECK_EQ(i, 2000);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	state_destroy();
	cal_instance_release(4, fd);
}

/* For how long something has lasted is computed by who looks, so it goes on while the writer hangs;
 * and the time of day has no part in it. */
static void
what_lasts_has_a_clock(void)
{
	static struct cal_state_file seen;
	struct cal_state_main *m = &seen.main;
	uint64_t before;
	pid_t owner;
	bool alive;
	int fd;

	fd = cal_instance_claim(5, &owner);
	REQUIRE(fd >= 0);
	REQUIRE(state_create(5, "unit") == 0);
	state_enter(CAL_RUN_ENV);
	usleep(20000);
	state_enter(CAL_RUN_SUBSYSTEM_INIT);
	app_state_doing("subsystem %s", "x");
	usleep(10000);
	REQUIRE(cal_state_read(5, &seen, &alive) == 0);
	CHECK(cal_state_spent_ns(m, CAL_RUN_ENV) >= 20000000u);
	CHECK_EQ(cal_state_spent_ns(m, CAL_RUN_ENV),
	         m->entered_mono_ns[CAL_RUN_SUBSYSTEM_INIT] - m->entered_mono_ns[CAL_RUN_ENV]);
	CHECK_EQ(cal_state_spent_ns(m, CAL_RUN_STARTUP_RPC), 0);
	CHECK_EQ(cal_state_spent_ns(m, 77), 0);
	before = cal_state_doing_ns(m);
	CHECK(before >= 10000000u);
	usleep(1000);
	CHECK(cal_state_doing_ns(m) >= before + 1000000u);
	CHECK(cal_state_spent_ns(m, CAL_RUN_SUBSYSTEM_INIT) >= cal_state_doing_ns(m));
	/* Straight to failed from there: that ends what came before. */
	state_enter(CAL_RUN_FAILED);
	REQUIRE(cal_state_read(5, &seen, &alive) == 0);
	CHECK_EQ(cal_state_doing_ns(m), 0);
	CHECK_EQ(cal_state_spent_ns(m, CAL_RUN_SUBSYSTEM_INIT),
	         m->entered_mono_ns[CAL_RUN_FAILED] - m->entered_mono_ns[CAL_RUN_SUBSYSTEM_INIT]);
	state_destroy();
	cal_instance_release(5, fd);
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *
enter_later(void *arg)
{
	usleep(30000);
	app_state_doing("this wakes nobody");
	usleep(20000);
	state_enter(CAL_RUN_RUNNING);
	return NULL;
}

static void
who_waits_is_woken(void)
{
	static struct cal_state_file seen, late;
	uint64_t begin = now_ns();
	pthread_t thread;
	pid_t owner;
	bool alive;
	int fd;

	/* Nothing there: a short sleep, and no busy loop. */
	cal_state_wait(6, NULL, 1000);
	CHECK(now_ns() - begin >= 4000000u);
	CHECK(now_ns() - begin < 500000000u || test_under_valgrind());

	fd = cal_instance_claim(6, &owner);
	REQUIRE(fd >= 0);
	REQUIRE(state_create(6, "unit") == 0);
	state_enter(CAL_RUN_ENV);
	REQUIRE(cal_state_read(6, &seen, &alive) == 0);
	/* The time is kept when nothing happens. */
	begin = now_ns();
	cal_state_wait(6, &seen, 20);
	CHECK(now_ns() - begin >= 20000000u);
	/* A new state wakes at once, and long before the time is over. */
	REQUIRE(pthread_create(&thread, NULL, enter_later, NULL) == 0);
	begin = now_ns();
	do {
		cal_state_wait(6, &seen, 60000);
		REQUIRE(cal_state_read(6, &seen, &alive) == 0);
	} while (seen.main.state == CAL_RUN_ENV && now_ns() - begin < 70000000000u);
	CHECK(now_ns() - begin < 10000000000u);
	CHECK_EQ(seen.main.state, CAL_RUN_RUNNING);
	pthread_join(thread, NULL);
	/* What has changed since one looked is not waited for, nor another process's file. */
	late = seen;
	state_enter(CAL_RUN_STOPPING);
	begin = now_ns();
	cal_state_wait(6, &late, 60000);
	late.main.pid++;
	cal_state_wait(6, &late, 60000);
	CHECK(now_ns() - begin < 10000000000u);
	state_destroy();
	cal_instance_release(6, fd);
}

/* The forced end of a start comes from another thread than the one that hung. That one may come to
 * life again a moment later: its words do not count any more. */
static void *
write_much(void *arg)
{
	bool *stop = arg;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		state_enter(CAL_RUN_STOPPING);
		app_state_doing("subsystem %s", "x");
		app_state_error("%s", "another reason");
	}
	return NULL;
}

static void
the_last_word_stays(void)
{
	static struct cal_state_file seen;
	pthread_t thread;
	bool alive, stop;
	pid_t owner;
	int fd, i;

	for (i = 0; i < 50; i++) {
		stop = false;
		fd = cal_instance_claim(7, &owner);
		REQUIRE(fd >= 0);
		REQUIRE(state_create(7, "unit") == 0);
		state_enter(CAL_RUN_ENV);
		REQUIRE(pthread_create(&thread, NULL, write_much, &stop) == 0);
		usleep(rand() % 200);
		state_end("it hangs");
		usleep(100);
		__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		state_set_rpc_socket("/tmp/late.sock");
		REQUIRE(cal_state_read(7, &seen, &alive) == 0);
		CHECK_EQ(seen.main_seq % 2, 0);
		CHECK_EQ(seen.main.state, CAL_RUN_FAILED);
		CHECK_STR(seen.main.reason, "it hangs");
		CHECK_STR(seen.main.doing, "");
		CHECK_STR(seen.main.rpc_socket, "");
		state_destroy();
		cal_instance_release(7, fd);
	}
}

/* Who reads while a file is made finds none or a whole one. */
static void *
create_often(void *arg)
{
	bool *stop = arg;
	pid_t owner;
	int fd, i;

	for (i = 0; i < 100; i++) {
		fd = cal_instance_claim(8, &owner);
		if (fd < 0 || state_create(8, "unit") != 0) {
			break;
		}
		state_destroy();
		cal_instance_release(8, fd);
	}
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
	return NULL;
}

static void
no_half_file_is_seen(void)
{
	static struct cal_state_file seen;
	bool alive, stop = false;
	pthread_t thread;
	unsigned other = 0;
	int rc;

	REQUIRE(pthread_create(&thread, NULL, create_often, &stop) == 0);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		rc = cal_state_read(8, &seen, &alive);
		other += rc != 0 && rc != -ENOENT;
	}
	pthread_join(thread, NULL);
	CHECK_EQ(other, 0);
}

static const struct test_case cases[] = {
	TEST(the_last_word_stays),
	TEST(no_half_file_is_seen),
	TEST(what_lasts_has_a_clock),
	TEST(who_waits_is_woken),
	TEST(names_are_those_of_the_document),
	TEST(what_is_written_is_read),
	TEST(long_texts_are_cut),
	TEST(the_dead_can_be_read),
	TEST(readers_see_whole_writes),
};
TEST_MAIN_WITH("state", cases, setup, teardown)
