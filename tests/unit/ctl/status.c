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

#include "ctl/command.c"
#include "ctl/instance.c"
#include "ctl/json.c"
#include "ctl/latency.c"
#include "ctl/status.c"
#include "ctl/table.c"
#include "ctl/term.c"
#include "ctl/units.c"
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

static void
fake_running(void)
{
	struct cal_state_main *m = &fake.state.main;

	memset(&fake, 0, sizeof(fake));
	fake.alive = true;
	m->pid = getpid();
	m->state = CAL_RUN_RUNNING;
	m->started_ns = realtime_ns() - 5000000000u;
	m->since_ns = m->started_ns + 1000000000u;
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
	char err[128];

	CHECK_EQ(status(true), expected_rc);
	/* One line of JSON; what comes after it is for stderr. */
	REQUIRE(strchr(output, '\n') != NULL);
	REQUIRE(ctl_json_parse(output, (size_t)(strchr(output, '\n') - output), &root, err,
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
	CHECK(strstr(output, "256 MiB, 16 MiB used (6.2 %), 210 allocations") != NULL);
	CHECK(strstr(output, "rpcd") != NULL);
	CHECK(strstr(output, "SIGKILL") != NULL);
	CHECK(strstr(output, "STALE") == NULL);

	root = status_json(CTL_OK);
	CHECK_STR(ctl_json_str(root, "state"), "running");
	CHECK_STR(ctl_json_str(root, "version"), "0.1.0");
	CHECK_EQ(ctl_json_u64(root, "pid"), (uint64_t)getpid());
	CHECK(ctl_json_double(root, "uptime_s") >= 5 && ctl_json_double(root, "uptime_s") < 60);
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
	CHECK(strstr(output, "dead, it was running, in bdev_uring_create\n") != NULL);
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
	fake.state.main.state = CAL_RUN_FAILED;
	strcpy(fake.state.main.reason, "no hugepages");
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

static void
waiting_ends(void)
{
	opts.timeout_ms = 20;
	opts.wait = "running";
	fake_running();
	CHECK_EQ(status(false), CTL_OK);
	opts.wait = "stopping";
	CHECK_EQ(status(false), CTL_FAILED);
	CHECK(strstr(output, "is not stopping after 0.02 s: it is running") != NULL);
	opts.wait = "stopped";
	fake.rc = -ENOENT;
	CHECK_EQ(status(false), CTL_OK);
	opts.wait = "running";
	CHECK_EQ(status(false), CTL_NO_PRIMARY);
	fake_running();
	fake.state.main.state = CAL_RUN_FAILED;
	strcpy(fake.state.main.reason, "why");
	CHECK_EQ(status(false), CTL_FAILED);
	CHECK(strstr(output, "failed to start: why") != NULL);
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
	TEST(waiting_ends),
};
TEST_MAIN("ctl/status", cases)
