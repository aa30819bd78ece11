/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `status` before a state file and a stats segment that we write: hung, crashed, absent. */
/* libs: -ljson-c */

#include <fcntl.h>
#include <unistd.h>

/* Ours in place of the library's, which are in one object file with much else. */
#define cal_state_read     fake_state_read
#define cal_instance_owner fake_instance_owner
#define cal_stats_open     fake_stats_open
#define cal_stats_close    fake_stats_close
#define cal_state_wait     fake_state_wait

#include "ctl/command.c"
#include "ctl/instance.c"
#include "ctl/json.c"
#include "ctl/latency.c"
#include "ctl/orphans.c"
#include "ctl/status.c"
#include "ctl/table.c"
#include "ctl/term.c"
#include "ctl/units.c"
#include "ctl/wait_state.c"
#include "tests/unit/test.h"

#define HZ 1000000000ull

static struct {
	struct cal_stats_reactor reactors[CAL_STATS_MAX_REACTORS];
	struct cal_stats_memory memory;
	struct cal_stats_header header;
	struct cal_state_file state;
	int rc;
	bool alive;
	bool has_stats;
} fake;

int
cal_state_read(int id, struct cal_state_file *out, bool *alive)
{
	*alive = fake.alive;
	*out = fake.state;
	return fake.rc;
}

int
cal_stats_open(int id, struct cal_stats_view *view)
{
	if (!fake.has_stats) {
		return -ENOENT;
	}
	*view = (struct cal_stats_view){
		.header = &fake.header,
		.reactors = fake.reactors,
		.memory = &fake.memory,
	};
	return 0;
}

void
cal_stats_close(struct cal_stats_view *view)
{
}

pid_t
cal_instance_owner(int id)
{
	return 0;
}

static uint64_t
realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t
mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* It is in `state` since `ms` ago. */
static void
fake_enter(uint32_t state, unsigned ms)
{
	struct cal_state_main *m = &fake.state.main;

	m->state = state;
	m->since_ns = realtime_ns() - ms * 1000000ull;
	m->entered_ns[state] = m->since_ns;
	m->entered_mono_ns[state] = mono_ns() - ms * 1000000ull;
	m->doing[0] = '\0';
	m->doing_mono_ns = 0;
}

static void
fake_doing(const char *what, unsigned ms)
{
	snprintf(fake.state.main.doing, sizeof(fake.state.main.doing), "%s", what);
	fake.state.main.doing_mono_ns = mono_ns() - ms * 1000000ull;
}

/* What happens next when somebody waits: a step of the story each time. */
static void (*g_story)(unsigned step);
static unsigned g_step;

void
cal_state_wait(int id, const struct cal_state_file *seen, uint32_t timeout_ms)
{
	CHECK(timeout_ms <= 50);
	if (g_story != NULL) {
		g_story(g_step++);
	} else {
		usleep(timeout_ms * 1000);
	}
}

static void
fake_running(void)
{
	struct cal_state_main *m = &fake.state.main;

	memset(&fake, 0, sizeof(fake));
	fake.alive = true;
	m->pid = getpid();
	m->started_ns = realtime_ns() - 5000000000u;
	fake_enter(CAL_RUN_ENV, 5000);
	fake_enter(CAL_RUN_SUBSYSTEM_INIT, 4800);
	fake_enter(CAL_RUN_RUNNING, 4000);
	strcpy(m->app_name, "calandria");
	strcpy(m->version, "0.1.0");
	strcpy(m->rpc_socket, "/var/tmp/spdk.sock");
	fake.state.num_services = 2;
	strcpy(fake.state.services[0].name, "rpcd");
	fake.state.services[0].pid = 42;
	fake.state.services[0].state = CAL_SERVICE_RUNNING;
	fake.state.services[0].restarts = 3;
	fake.state.services[0].last_status = 9; /* killed by SIGKILL */
	strcpy(fake.state.services[1].name, "mond");
	fake.state.services[1].state = CAL_SERVICE_BACKOFF;
	fake.has_stats = true;
	fake.header.tsc_hz = HZ;
	fake.memory.heap_bytes = 256u << 20;
	fake.memory.heap_used_bytes = 16u << 20;
	fake.memory.heap_allocs = 210;
	fake.reactors[2].in_use = 1;
	fake.reactors[2].lcore = 1;
	fake.reactors[2].busy_tsc = 1;
	fake.reactors[2].idle_tsc = 3;
	fake.reactors[2].threads = 2;
	fake.reactors[2].heartbeat_tsc = __rdtsc();
}

static char output[16384];

/* Runs `status`; what it printed is in `output`. */
static int
status(bool json)
{
	struct ctl ctl = { .instance = 7, .json = json };
	char path[] = "/tmp/ctl-status-XXXXXX";
	int fd = mkstemp(path), out, err, rc;
	ssize_t n;

	REQUIRE(fd >= 0);
	unlink(path);
	fflush(NULL);
	out = dup(STDOUT_FILENO);
	err = dup(STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	rc = run(&ctl, 0, NULL);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	n = pread(fd, output, sizeof(output) - 1, 0);
	output[n > 0 ? n : 0] = '\0';
	close(fd);
	return rc;
}

static struct json_object *
status_json(int expected_rc)
{
	struct json_object *root;
	char err[128], *line;

	CHECK_EQ(status(true), expected_rc);
	/* One line of JSON; what comes before or after it is for stderr. */
	line = strchr(output, '{');
	REQUIRE(line != NULL && strchr(line, '\n') != NULL);
	REQUIRE(ctl_json_parse(line, (size_t)(strchr(line, '\n') - line), &root, err,
	                       sizeof(err)) == 0);
	return root;
}

static void
a_running_one(void)
{
	struct json_object *root, *r, *s;

	fake_running();
	CHECK_EQ(status(false), CTL_OK);
	CHECK(strstr(output, "Instance 7: running for 4.0") != NULL);
	CHECK(strstr(output, "  passed    env 200 ms, subsystem_init 800 ms\n") != NULL);
	CHECK(strstr(output, "256 MiB, 16 MiB used (6.2 %), 210 allocations") != NULL);
	CHECK(strstr(output, "rpcd") != NULL);
	CHECK(strstr(output, "SIGKILL") != NULL);
	CHECK(strstr(output, "STALE") == NULL);

	root = status_json(CTL_OK);
	CHECK_STR(ctl_json_str(root, "state"), "running");
	CHECK_STR(ctl_json_str(root, "version"), "0.1.0");
	CHECK_EQ(ctl_json_u64(root, "pid"), (uint64_t)getpid());
	CHECK(ctl_json_double(root, "uptime_s") >= 5 && ctl_json_double(root, "uptime_s") < 60);
	CHECK(ctl_json_double(root, "state_s") >= 4 && ctl_json_double(root, "state_s") < 60);
	REQUIRE(ctl_json_len(ctl_json_get(root, "passed")) == 2);
	s = ctl_json_at(ctl_json_get(root, "passed"), 1);
	CHECK_STR(ctl_json_str(s, "state"), "subsystem_init");
	CHECK(ctl_json_double(s, "spent_s") > 0.799 && ctl_json_double(s, "spent_s") < 0.81);
	CHECK(ctl_json_get(root, "doing_s") == NULL);
	CHECK(ctl_json_get(root, "reason") == NULL);
	CHECK(ctl_json_get(root, "doing") == NULL);
	CHECK_EQ(ctl_json_u64(ctl_json_get(root, "memory"), "heap_bytes"), 256u << 20);
	CHECK_EQ(ctl_json_u64(ctl_json_get(root, "memory"), "heap_free_bytes"), 240u << 20);
	CHECK_EQ(ctl_json_u64(ctl_json_get(root, "memory"), "heap_allocs"), 210);
	REQUIRE(ctl_json_len(ctl_json_get(root, "reactors")) == 1);
	r = ctl_json_at(ctl_json_get(root, "reactors"), 0);
	CHECK_EQ(ctl_json_u64(r, "lcore"), 1);
	CHECK(!ctl_json_bool(r, "stale"));
	CHECK(ctl_json_get(r, "running") == NULL);
	REQUIRE(ctl_json_len(ctl_json_get(root, "services")) == 2);
	s = ctl_json_at(ctl_json_get(root, "services"), 0);
	CHECK_EQ(ctl_json_u64(s, "pid"), 42);
	CHECK_EQ(ctl_json_u64(s, "restarts"), 3);
	CHECK_STR(ctl_json_str(s, "state"), "running");
	s = ctl_json_at(ctl_json_get(root, "services"), 1);
	CHECK_EQ(ctl_json_u64(s, "pid"), 0);
	CHECK_STR(ctl_json_str(s, "state"), "backoff");
	json_object_put(root);
}

static void
a_hung_reactor_is_stale_and_says_in_what(void)
{
	struct json_object *root, *r;

	fake_running();
	fake.reactors[2].heartbeat_tsc = __rdtsc() - 3 * HZ;
	fake.reactors[2].running_what = CAL_RUNNING_POLLER;
	fake.reactors[2].running_fn = 0xabc;
	fake.reactors[2].running_thread = 5;
	CHECK_EQ(status(false), CTL_OK);
	CHECK(strstr(output, "STALE") != NULL);
	CHECK(strstr(output, "poller of thread 5, 0xabc") != NULL);
	root = status_json(CTL_OK);
	r = ctl_json_at(ctl_json_get(root, "reactors"), 0);
	CHECK(ctl_json_bool(r, "stale"));
	CHECK(ctl_json_double(r, "heartbeat_age_ms") >= 3000);
	CHECK_STR(ctl_json_str(ctl_json_get(r, "running"), "what"), "poller");
	CHECK_STR(ctl_json_str(ctl_json_get(r, "running"), "function"), "0xabc");
	json_object_put(root);
}

static void
a_sleeping_reactor_is_not_stale(void)
{
	struct json_object *root;

	fake_running();
	fake.reactors[2].heartbeat_tsc = __rdtsc() - 3 * HZ;
	fake.reactors[2].in_interrupt = 1;
	root = status_json(CTL_OK);
	CHECK(!ctl_json_bool(ctl_json_at(ctl_json_get(root, "reactors"), 0), "stale"));
	json_object_put(root);
	/* In the middle of something it does not sleep. */
	fake.reactors[2].running_what = CAL_RUNNING_MESSAGE;
	root = status_json(CTL_OK);
	CHECK(ctl_json_bool(ctl_json_at(ctl_json_get(root, "reactors"), 0), "stale"));
	json_object_put(root);
}

static void
a_crashed_one_is_failed_and_exits_3(void)
{
	struct json_object *root;

	fake_running();
	fake.alive = false;
	strcpy(fake.state.main.doing, "bdev_uring_create");
	CHECK_EQ(status(false), CTL_NO_PRIMARY);
	CHECK(strstr(output, "dead") != NULL);
	CHECK(strstr(output, "dead, it was running (bdev_uring_create)\n") != NULL);
	root = status_json(CTL_NO_PRIMARY);
	CHECK_STR(ctl_json_str(root, "state"), "failed");
	CHECK_STR(ctl_json_str(root, "last_state"), "running");
	CHECK(strstr(ctl_json_str(root, "reason"), "without an orderly stop") != NULL);
	CHECK(!ctl_json_bool(root, "alive"));
	CHECK_EQ(ctl_json_u64(ctl_json_at(ctl_json_get(root, "services"), 0), "pid"), 0);
	json_object_put(root);
}

static void
a_start_that_failed_keeps_its_reason(void)
{
	struct json_object *root;

	fake_running();
	fake.alive = false;
	fake.has_stats = false;
	fake_enter(CAL_RUN_FAILED, 100);
	strcpy(fake.state.main.reason, "no hugepages");
	CHECK_EQ(status(false), CTL_NO_PRIMARY);
	CHECK(strstr(output, "Instance 7: failed, at ") != NULL);
	CHECK(strstr(output, "reason    no hugepages") != NULL);
	root = status_json(CTL_NO_PRIMARY);
	CHECK_STR(ctl_json_str(root, "state"), "failed");
	CHECK_STR(ctl_json_str(root, "reason"), "no hugepages");
	CHECK_EQ(ctl_json_len(ctl_json_get(root, "reactors")), 0);
	CHECK(ctl_json_get(ctl_json_get(root, "memory"), "heap_allocs") != NULL);
	json_object_put(root);
}

static void
none_at_all_has_the_same_shape(void)
{
	static const char *const keys[] = { "state",  "pid",      "version", "uptime_s",
		                            "memory", "reactors", "services" };
	struct json_object *root;
	size_t i;

	memset(&fake, 0, sizeof(fake));
	fake.rc = -ENOENT;
	CHECK_EQ(status(false), CTL_NO_PRIMARY);
	CHECK(strstr(output, "no primary of instance 7 runs; ") != NULL);
	root = status_json(CTL_NO_PRIMARY);
	CHECK_STR(ctl_json_str(root, "state"), "none");
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		CHECK(ctl_json_get(root, keys[i]) != NULL);
	}
	json_object_put(root);
}

/* What is in progress, and for how long: the clock goes on in the reader, whatever the primary
 * does. */
static void
what_is_in_progress_has_a_clock(void)
{
	struct json_object *root;

	fake_running();
	fake.state.main.entered_ns[CAL_RUN_RUNNING] = 0;
	fake.state.main.entered_mono_ns[CAL_RUN_RUNNING] = 0;
	fake_enter(CAL_RUN_SUBSYSTEM_INIT, 4100);
	fake_doing("subsystem slow", 3000);
	CHECK_EQ(status(false), CTL_OK);
	CHECK(strstr(output, "Instance 7: subsystem_init for 4.1") != NULL);
	CHECK(strstr(output, "  doing     subsystem slow, for 3.0") != NULL);
	usleep(50000);
	root = status_json(CTL_OK);
	CHECK_STR(ctl_json_str(root, "doing"), "subsystem slow");
	CHECK(ctl_json_double(root, "doing_s") >= 3.05);
	CHECK(ctl_json_double(root, "state_s") >= 4.15);
	json_object_put(root);
	/* A clock that was set does not show: it is not the one of the time of day. */
	fake.state.main.since_ns += 3600ull * 1000000000u;
	CHECK_EQ(status(false), CTL_OK);
	CHECK(strstr(output, "subsystem_init for 4.1") != NULL);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int
wait_for(const char *state, unsigned timeout_ms, void (*story)(unsigned step))
{
	int rc;

	opts.wait = state;
	opts.timeout_ms = timeout_ms;
	g_story = story;
	g_step = 0;
	rc = status(false);
	opts.wait = NULL;
	g_story = NULL;
	return rc;
}

static void
fake_starting(void)
{
	fake_running();
	memset(fake.state.main.entered_ns, 0, sizeof(fake.state.main.entered_ns));
	memset(fake.state.main.entered_mono_ns, 0, sizeof(fake.state.main.entered_mono_ns));
	fake_enter(CAL_RUN_ENV, 20);
}

static void
it_starts(unsigned step)
{
	static const uint32_t way[] = { CAL_RUN_STARTUP_RPC, CAL_RUN_SUBSYSTEM_INIT, CAL_RUN_CONFIG,
		                        CAL_RUN_RUNNING };

	fake_enter(way[step < 4 ? step : 3], 0);
}

static void
it_fails(unsigned step)
{
	if (step == 2) {
		fake_enter(CAL_RUN_FAILED, 0);
		strcpy(fake.state.main.reason, "why");
	} else if (step == 3) {
		fake.alive = false;
	}
}

static void
it_stops(unsigned step)
{
	if (step == 0) {
		fake_enter(CAL_RUN_STOPPING, 0);
	} else if (step == 1) {
		fake_enter(CAL_RUN_STOPPED, 0);
	} else {
		fake.rc = -ENOENT;
		fake.alive = false;
	}
}

static void
it_goes_without_a_word(unsigned step)
{
	fake.rc = -ENOENT;
	fake.alive = false;
}

static void
it_is_killed(unsigned step)
{
	fake.alive = false;
}

static void
a_state_is_reached(void)
{
	static const char *const states[] = { "env", "startup_rpc", "subsystem_init", "config",
		                              "running" };
	size_t i;

	for (i = 0; i < 5; i++) {
		fake_starting();
		CHECK_EQ(wait_for(states[i], 5000, it_starts), CTL_OK);
		CHECK_EQ(g_step, i);
	}
	/* It has been there, or has gone by. */
	fake_running();
	CHECK_EQ(wait_for("env", 20, NULL), CTL_OK);
	CHECK_EQ(wait_for("config", 20, NULL), CTL_OK);
	fake_enter(CAL_RUN_STOPPING, 0);
	CHECK_EQ(wait_for("running", 20, NULL), CTL_OK);
	CHECK_EQ(wait_for("stopping", 20, NULL), CTL_OK);
	fake_running();
	CHECK_EQ(wait_for("stopping", 5000, it_stops), CTL_OK);
	fake_running();
	CHECK_EQ(wait_for("stopped", 5000, it_stops), CTL_OK);
	fake_running();
	CHECK_EQ(wait_for("stopped", 5000, it_goes_without_a_word), CTL_OK);
	CHECK(strstr(output, "Instance 7: stopped") != NULL);
	fake_running();
	CHECK_EQ(wait_for("stopped", 5000, it_is_killed), CTL_OK);
	fake_running();
	CHECK_EQ(wait_for("failed", 5000, it_is_killed), CTL_OK);
	fake_starting();
	CHECK_EQ(wait_for("failed", 5000, it_fails), CTL_OK);
}

static void
a_state_that_will_not_come_ends_the_waiting(void)
{
	uint64_t begin = ctl_now_ns();

	fake_starting();
	CHECK_EQ(wait_for("running", 60000, it_fails), CTL_FAILED);
	CHECK(strstr(output, "instance 7 failed to start and will not be running: why\n") != NULL);
	fake_running();
	CHECK_EQ(wait_for("failed", 60000, it_stops), CTL_FAILED);
	CHECK(strstr(output, "instance 7 has stopped and will not be failed\n") != NULL);
	fake_starting();
	CHECK_EQ(wait_for("running", 60000, it_goes_without_a_word), CTL_FAILED);
	CHECK(strstr(output, "instance 7 has stopped and will not be running\n") != NULL);
	fake_starting();
	CHECK_EQ(wait_for("running", 60000, it_stops), CTL_FAILED);
	CHECK(strstr(output, "instance 7 is stopping and will not be running\n") != NULL);
	fake_starting();
	fake_doing("method x", 0);
	CHECK_EQ(wait_for("running", 60000, it_is_killed), CTL_FAILED);
	CHECK(strstr(output, " died and will not be running; it was env (method x)\n") != NULL);
	CHECK(ctl_now_ns() - begin < 10ull * 1000000000u);
}

static void
a_dead_one_may_be_taken_over(void)
{
	uint64_t begin;

	/* The file of one that failed some time ago. */
	fake_starting();
	fake_enter(CAL_RUN_FAILED, 1000);
	strcpy(fake.state.main.reason, "why");
	fake.alive = false;
	begin = ctl_now_ns();
	CHECK_EQ(wait_for("running", 60000, NULL), CTL_FAILED);
	CHECK(strstr(output, "failed to start and will not be running: why") != NULL);
	CHECK(ctl_now_ns() - begin >= 900000000u);
	CHECK(ctl_now_ns() - begin < 10ull * 1000000000u);
	/* One that there is no trace of may come as late as it likes. */
	fake.rc = -ENOENT;
	CHECK_EQ(wait_for("running", 1200, NULL), CTL_NO_PRIMARY);
	CHECK(strstr(output, "is not running after 1.2 s: no primary of it runs") != NULL);
	CHECK_EQ(wait_for("stopped", 20, NULL), CTL_OK);
}

static void
what_was_not_in_time_is_told_with_what_went_on(void)
{
	struct json_object *root;

	fake_running();
	CHECK_EQ(wait_for("stopping", 20, NULL), CTL_FAILED);
	CHECK(strstr(output, "is not stopping after 0.02 s: it is running for 4.0") != NULL);
	fake_starting();
	fake_enter(CAL_RUN_SUBSYSTEM_INIT, 2500);
	fake_doing("subsystem slow", 2200);
	CHECK_EQ(wait_for("running", 20, NULL), CTL_FAILED);
	CHECK(strstr(output, "is not running after 0.02 s: it is subsystem_init for 2.5") != NULL);
	CHECK(strstr(output, " (subsystem slow, for 2.2") != NULL);
	/* With --json there is a line in any case. */
	opts.wait = "running";
	root = status_json(CTL_FAILED);
	CHECK_STR(ctl_json_str(root, "state"), "subsystem_init");
	json_object_put(root);
	opts.wait = "frobbed";
	CHECK_EQ(status(false), CTL_USAGE);
	opts.wait = NULL;
}

static const struct test_case cases[] = {
	TEST(a_running_one),
	TEST(a_hung_reactor_is_stale_and_says_in_what),
	TEST(a_sleeping_reactor_is_not_stale),
	TEST(a_crashed_one_is_failed_and_exits_3),
	TEST(a_start_that_failed_keeps_its_reason),
	TEST(none_at_all_has_the_same_shape),
	TEST(what_is_in_progress_has_a_clock),
	TEST(a_state_is_reached),
	TEST(a_state_that_will_not_come_ends_the_waiting),
	TEST(a_dead_one_may_be_taken_over),
	TEST(what_was_not_in_time_is_told_with_what_went_on),
};
TEST_MAIN("ctl/status", cases)
