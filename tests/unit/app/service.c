/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The supervisor with its real control pthread and gate; the services are shell scripts. */

#include "core/app/service.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "core/app/app_internal.h"
#include "ipc/gate/control.h"
#include "ipc/gate/gate.h"
#include "spdk/log.h"
#include "tests/unit/test.h"

#define ID 1

static char g_root[] = "/tmp/cal-service-XXXXXX";
static char g_libexec[64];
static int g_lock_fd;
static int g_events[8];
static char g_text[512];

static int
setup(void)
{
	test_needs_pidfd();
	if (mkdtemp(g_root) == NULL) {
		return 1;
	}
	snprintf(g_libexec, sizeof(g_libexec), "%s/libexec", g_root);
	setenv("CALANDRIA_RUN_ROOT", g_root, 1);
	setenv("CALANDRIA_LIBEXEC", g_libexec, 1);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return mkdir(g_libexec, 0700);
}

static int
teardown(void)
{
	char path[PATH_MAX];
	static const char *const names[] = { "cal-rpcd", "cal-confd", "cal-mond" };

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", g_libexec, names[i]);
		(void)unlink(path);
	}
	return rmdir(g_libexec) == 0 && rmdir(g_root) == 0 ? 0 : 1;
}

static void
script(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", g_libexec, name);
	(void)unlink(path);
	if (text == NULL) {
		return;
	}
	f = fopen(path, "we");
	REQUIRE(f != NULL);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fchmod(fileno(f), 0755);
	fclose(f);
}

static void
on_event(enum service_event event, const char *name, const char *text)
{
	snprintf(g_text, sizeof(g_text), "%s", text);
	__atomic_fetch_add(&g_events[event], 1, __ATOMIC_RELEASE);
}

static int
event_count(enum service_event event)
{
	return __atomic_load_n(&g_events[event], __ATOMIC_ACQUIRE);
}

static void
no_link(void *ctx, struct link *link)
{
}

static void
on_report(void *ctx, const char *name, pid_t pid, enum gate_report_code code, const char *text)
{
	service_report(name, pid, code, text);
}

static void
on_peer(void *ctx, const char *name, pid_t pid, bool connected)
{
	service_peer(name, pid, connected);
}

static void
on_alive(void *ctx, const char *name, pid_t pid)
{
	service_alive(name, pid);
}

static const struct gate_ops g_ops = {
	.link_up = no_link,
	.link_down = no_link,
	.report = on_report,
	.peer = on_peer,
	.alive = on_alive,
};

static int
up_on_control(void *arg)
{
	int rc = gate_listen(ID, &g_ops, NULL);

	return rc == 0 ? service_start_all() : rc;
}

static void
up(const char *rpc_socket)
{
	struct service_opts opts = {
		.instance = ID,
		.rpc_socket = rpc_socket,
		.event = on_event,
	};
	pid_t owner;

	memset(g_events, 0, sizeof(g_events));
	g_lock_fd = cal_instance_claim(ID, &owner);
	REQUIRE(g_lock_fd >= 0);
	REQUIRE(service_init(&opts) == 0);
	REQUIRE(control_start() == 0);
	REQUIRE(control_call(up_on_control, NULL) == 0);
}

static int g_gone; /* set on the control pthread */

static void
on_gone(void *ctx)
{
	__atomic_store_n(&g_gone, 1, __ATOMIC_RELEASE);
}

static int
stop_on_control(void *arg)
{
	gate_close("the test ends");
	service_stop_all(on_gone, NULL);
	return 0;
}

static int
fini_on_control(void *arg)
{
	gate_fini();
	return 0;
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#define WAIT_FOR(cond_)                                 \
	do {                                            \
		uint64_t until_ = now_ms() + 5000;      \
		while (!(cond_) && now_ms() < until_) { \
			usleep(1000);                   \
		}                                       \
		CHECK(cond_);                           \
	} while (0)

static void
stop_begin(void)
{
	g_gone = 0;
	CHECK_EQ(control_call(stop_on_control, NULL), 0);
}

static void
stop_end(void)
{
	WAIT_FOR(__atomic_load_n(&g_gone, __ATOMIC_ACQUIRE));
	CHECK_EQ(control_call(fini_on_control, NULL), 0);
	control_stop();
	service_fini();
	cal_instance_release(ID, g_lock_fd);
}

static void
down(void)
{
	stop_begin();
	stop_end();
}

static struct cal_state_service
shown(int i)
{
	struct cal_state_service all[CAL_STATE_MAX_SERVICES] = {};

	app_service_list(all, CAL_STATE_MAX_SERVICES);
	return all[i];
}

/* Restarts that were asked for: the last one's outcome. */
static struct app_restart g_restart;
static int g_answered;

static void
on_restarted(struct app_restart *restart)
{
	__atomic_store_n(&g_answered, 1, __ATOMIC_RELEASE);
}

static int
restart_with(const char *name, const char *binary)
{
	memset(&g_restart, 0, sizeof(g_restart));
	snprintf(g_restart.name, sizeof(g_restart.name), "%s", name);
	snprintf(g_restart.binary, sizeof(g_restart.binary), "%s", binary);
	g_restart.done = on_restarted;
	__atomic_store_n(&g_answered, 0, __ATOMIC_RELEASE);
	return app_service_restart(&g_restart);
}

static int
restart(const char *name)
{
	return restart_with(name, "");
}

static bool
is_answered(void)
{
	return __atomic_load_n(&g_answered, __ATOMIC_ACQUIRE) != 0;
}

#define ANSWER (g_restart.ones[0])

#define RPCD 0

static const char *
log_read(const char *service)
{
	static char content[8192];
	char rel[32], path[CAL_PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(rel, sizeof(rel), "log/%s.log", service);
	if (cal_instance_path(path, sizeof(path), ID, rel) != 0) {
		return "";
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return "";
	}
	n = read(fd, content, sizeof(content) - 1);
	close(fd);
	content[n > 0 ? n : 0] = '\0';
	return content;
}

static bool
log_has(const char *service, const char *text)
{
	return strstr(log_read(service), text) != NULL;
}

static unsigned long long
log_number(const char *service, const char *label)
{
	const char *at = strstr(log_read(service), label);

	return at != NULL ? strtoull(at + strlen(label), NULL, 16) : ~0ull;
}

static void
backoff_doubles_to_its_limit(void)
{
	CHECK_EQ(service_backoff_ms(0, false), 0);
	CHECK_EQ(service_backoff_ms(1, false), 0);
	CHECK_EQ(service_backoff_ms(2, false), 100);
	CHECK_EQ(service_backoff_ms(3, false), 200);
	CHECK_EQ(service_backoff_ms(7, false), 3200);
	CHECK_EQ(service_backoff_ms(8, false), 5000);
	CHECK_EQ(service_backoff_ms(4000000000u, false), 5000);
	/* One that served serves again within a second. */
	CHECK_EQ(service_backoff_ms(1, true), 0);
	CHECK_EQ(service_backoff_ms(2, true), 100);
	CHECK_EQ(service_backoff_ms(5, true), 500);
	CHECK_EQ(service_backoff_ms(4000000000u, true), 500);
}

/* Only descriptors 0 to 3, no blocked or ignored signal, the two variables, the log. */
static void
nothing_of_ours_reaches_a_service(void)
{
	sigset_t blocked;
	int leak;

	leak = dup2(STDERR_FILENO, 20); /* on purpose not close-on-exec */
	REQUIRE(leak == 20);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	script("cal-rpcd", "for f in /proc/$$/fd/*; do printf 'fd=%s ' ${f##*/}; done\n"
	                   "grep -E '^Sig(Blk|Ign)' /proc/self/status\n"
	                   "echo service_fd=$CAL_SERVICE_FD instance=$CAL_INSTANCE args=\"$*\"\n"
	                   "echo to-stderr >&2\n"
	                   "exec sleep 100");
	up("/tmp/some.sock");
	WAIT_FOR(log_has("rpcd", "to-stderr"));
	CHECK(log_has("rpcd", "fd=0 fd=1 "));
	CHECK(log_has("rpcd", "fd=3 "));
	/* (The shell has the folder open while it expands its name.) */
	CHECK(!log_has("rpcd", "fd=5 ") && !log_has("rpcd", "fd=20 "));
	CHECK(log_has("rpcd", "SigBlk:\t0000000000000000"));
	CHECK_EQ(log_number("rpcd", "SigIgn:") & (1ull << (SIGPIPE - 1)), 0);
	CHECK(log_has("rpcd", "service_fd=3 instance=1 args=-i 1 -r /tmp/some.sock"));
	down();
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(leak);
}

static void
one_that_is_killed_comes_back_at_once(void)
{
	struct cal_state_service before, after;
	uint64_t begin;

	script("cal-rpcd", "exec sleep 100");
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0);
	before = shown(RPCD);
	CHECK_STR(before.name, "rpcd");
	CHECK_EQ(before.state, CAL_SERVICE_STARTING);
	CHECK_EQ(before.restarts, 0);
	begin = now_ms();
	kill(before.pid, SIGKILL);
	WAIT_FOR(shown(RPCD).pid > 0 && shown(RPCD).pid != before.pid);
	CHECK(now_ms() - begin < 90);
	after = shown(RPCD);
	CHECK_EQ(after.restarts, 1);
	CHECK(WIFSIGNALED(after.last_status) && WTERMSIG(after.last_status) == SIGKILL);
	/* Its zombie is left for later: to reap it may take the kernel seconds. */
	CHECK(kill(before.pid, 0) == 0);
	WAIT_FOR(kill(before.pid, 0) != 0);
	down();
	CHECK(kill(after.pid, 0) != 0);
}

static void
a_crash_loop_is_put_off_and_told(void)
{
	script("cal-rpcd", "exit 3");
	up("/tmp/some.sock");
	/* 0 + 100 + 200 + 400 ms */
	WAIT_FOR(event_count(SERVICE_EVENT_LOOP) == 1);
	CHECK(strstr(g_text, "cal-rpcd") != NULL && strstr(g_text, "exit status 3") != NULL);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_CRASH_LOOP);
	CHECK_EQ(shown(RPCD).pid, 0);
	CHECK_EQ(shown(RPCD).restarts, 4);
	CHECK_EQ(shown(RPCD).ends_in_row, 5);
	/* Asked for, it starts at once, whatever the back-off. */
	script("cal-rpcd", "exec sleep 100");
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(shown(RPCD).pid > 0);
	down();
}

static void
one_that_does_not_listen_is_killed(void)
{
	struct cal_state_service before;
	uint64_t begin;

	script("cal-rpcd", "trap '' TERM\necho ready\nwhile :; do sleep 100; done");
	up("/tmp/some.sock");
	WAIT_FOR(log_has("rpcd", "ready"));
	before = shown(RPCD);
	begin = now_ms();
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(shown(RPCD).state == CAL_SERVICE_STOPPING);
	WAIT_FOR(shown(RPCD).pid > 0 && shown(RPCD).pid != before.pid);
	CHECK(now_ms() - begin >= SERVICE_RESTART_GRACE - 10);
	CHECK(now_ms() - begin < SERVICE_RESTART_GRACE + 500);
	CHECK_EQ(shown(RPCD).restarts, 1);
	usleep(50000); /* until it has set its trap again */
	begin = now_ms();
	down();
	CHECK(now_ms() - begin >= SERVICE_STOP_GRACE - 10);
	CHECK(now_ms() - begin < SERVICE_STOP_GRACE + 500);
}

/* A process that hangs in the kernel does not heed even this. */
static bool g_unkillable;

int
pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned flags)
{
	return g_unkillable ? 0 : (int)syscall(SYS_pidfd_send_signal, pidfd, sig, info, flags);
}

static void
one_that_hangs_in_the_kernel_is_left(void)
{
	struct cal_state_service before;
	uint64_t begin;

	script("cal-rpcd", "trap '' TERM\necho ready\nwhile :; do sleep 100; done");
	up("/tmp/some.sock");
	WAIT_FOR(log_has("rpcd", "ready"));
	before = shown(RPCD);
	g_unkillable = true;
	begin = now_ms();
	down();
	CHECK(now_ms() - begin >= SERVICE_STOP_GIVE_UP - 10);
	CHECK(now_ms() - begin < SERVICE_STOP_GIVE_UP + 500);
	CHECK(kill(before.pid, SIGKILL) == 0);
	CHECK(waitpid(before.pid, NULL, 0) == before.pid);
	g_unkillable = false;
	/* It is no part of the next start. */
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && shown(RPCD).pid != before.pid);
	down();
}

/* --- a successor -------------------------------------------------------------------------------
 */

#define SAYS_PID "echo \"pid $$.\"\nexec sleep 100"

/* The pid that the last of the processes has printed. */
static pid_t
last_pid(void)
{
	const char *at = log_read("rpcd"), *next;
	pid_t pid = 0;

	while ((next = strstr(at, "pid ")) != NULL && strchr(next, '.') != NULL) {
		pid = (pid_t)atoi(next + 4);
		at = next + 4;
	}
	return pid;
}

static pid_t g_reporter;

static int
ready_on_control(void *arg)
{
	service_report("rpcd", g_reporter, GATE_REPORT_READY, "");
	return 0;
}

static void
report_ready(pid_t pid)
{
	g_reporter = pid;
	CHECK_EQ(control_call(ready_on_control, NULL), 0);
}

static int g_asked_again;

static void
on_asked_again(struct app_restart *restart)
{
	__atomic_store_n(&g_asked_again, 1, __ATOMIC_RELEASE);
}

/* Have one that serves and its successor, which does not yet. */
static void
up_with_successor(pid_t *old, pid_t *next)
{
	static struct app_restart again;

	g_asked_again = 0;
	script("cal-rpcd", SAYS_PID);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	*old = shown(RPCD).pid;
	report_ready(*old);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(last_pid() != *old);
	*next = last_pid();
	/* Until the successor serves nothing has changed. */
	CHECK_EQ(shown(RPCD).pid, *old);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	CHECK_EQ(shown(RPCD).restarts, 0);
	CHECK(kill(*old, 0) == 0);
	/* Asked again meanwhile: one at a time. Fails without -EBUSY in begin(). */
	memset(&again, 0, sizeof(again));
	snprintf(again.name, sizeof(again.name), "rpcd");
	again.done = on_asked_again;
	CHECK_EQ(app_service_restart(&again), 0);
	WAIT_FOR(__atomic_load_n(&g_asked_again, __ATOMIC_ACQUIRE) != 0);
	CHECK_EQ(again.ones[0].rc, -EBUSY);
	CHECK(strstr(again.ones[0].text, "already") != NULL);
	CHECK_EQ(last_pid(), *next);
	CHECK(!is_answered());
}

static bool
has_gone(pid_t pid)
{
	char path[32], stat[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return true;
	}
	(void)!read(fd, stat, sizeof(stat) - 1);
	close(fd);
	return strstr(stat, ") Z") != NULL;
}

static void
a_successor_that_serves_is_shown(void)
{
	pid_t old, next;

	up_with_successor(&old, &next);
	report_ready(next);
	CHECK_EQ(shown(RPCD).pid, next);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	CHECK_EQ(shown(RPCD).restarts, 1);
	CHECK(is_answered());
	CHECK_EQ(g_restart.num, 1);
	CHECK_EQ(ANSWER.rc, 0);
	CHECK_EQ(ANSWER.pid, next);
	CHECK_EQ(ANSWER.old_pid, old);
	/* The old one goes by itself, or is made to. */
	WAIT_FOR(has_gone(old));
	CHECK_EQ(shown(RPCD).pid, next);
	CHECK_EQ(event_count(SERVICE_EVENT_READY), 2);
	/* And so on. */
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(last_pid() != next);
	report_ready(last_pid());
	CHECK_EQ(shown(RPCD).restarts, 2);
	down();
	CHECK(has_gone(next) && has_gone(last_pid()));
}

static void
a_successor_that_dies_changes_nothing(void)
{
	pid_t old, next;
	char text[32];

	up_with_successor(&old, &next);
	kill(next, SIGKILL);
	WAIT_FOR(is_answered());
	CHECK(has_gone(next));
	/* Its last words, how it ended, who serves. */
	CHECK_EQ(ANSWER.rc, -ECHILD);
	CHECK(strstr(ANSWER.text, "signal 9") != NULL && strstr(ANSWER.text, "serves on") != NULL);
	snprintf(text, sizeof(text), "pid %d.", (int)next);
	CHECK(strstr(ANSWER.text, text) != NULL);
	usleep(50000);
	CHECK_EQ(shown(RPCD).pid, old);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	CHECK_EQ(shown(RPCD).restarts, 0);
	/* The next one may do better. */
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(last_pid() != next);
	report_ready(last_pid());
	CHECK_EQ(shown(RPCD).pid, last_pid());
	down();
}

static void
a_successor_is_there_when_the_old_one_dies(void)
{
	pid_t old, next;

	up_with_successor(&old, &next);
	kill(old, SIGKILL);
	WAIT_FOR(shown(RPCD).pid == next);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_STARTING);
	CHECK_EQ(shown(RPCD).restarts, 1);
	CHECK(WIFSIGNALED(shown(RPCD).last_status));
	report_ready(next);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	usleep(30000);
	CHECK_EQ(last_pid(), next); /* and there is no third */
	down();
}

static pid_t g_greeter;

static int
hello_on_control(void *arg)
{
	service_peer("rpcd", g_greeter, true);
	return 0;
}

static int
alive_on_control(void *arg)
{
	service_alive("rpcd", g_greeter);
	return 0;
}

static int
greet(pid_t pid)
{
	g_greeter = pid;
	return control_call(hello_on_control, NULL);
}

/* It says hello and answers pings, but cannot take over: the old one is ended for it. */
static void
one_that_does_not_hand_over_is_ended(void)
{
	uint64_t begin = now_ms();
	pid_t old, next;

	up_with_successor(&old, &next);
	CHECK_EQ(greet(next), 0);
	usleep((SERVICE_HANDOVER_LIMIT + 100) * 1000);
	CHECK(!has_gone(old));
	CHECK_EQ(control_call(alive_on_control, NULL), 0);
	WAIT_FOR(shown(RPCD).pid == next);
	CHECK(now_ms() - begin >= SERVICE_HANDOVER_LIMIT);
	CHECK(has_gone(old) && !has_gone(next));
	CHECK(!is_answered());
	report_ready(next);
	CHECK(is_answered());
	CHECK_EQ(ANSWER.rc, 0);
	CHECK_EQ(ANSWER.pid, next);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	CHECK_EQ(shown(RPCD).restarts, 1);
	down();
}

/* Fails without SERVICE_ALIVE_LIMIT (not_alive()): then the old one is ended for one that hangs. */
static void
a_successor_that_hangs_changes_nothing(void)
{
	pid_t old, next;

	up_with_successor(&old, &next);
	CHECK_EQ(greet(next), 0);
	/* The one that serves is not to blame: it answers. */
	g_greeter = old;
	WAIT_FOR(control_call(alive_on_control, NULL) == 0 && is_answered());
	CHECK_EQ(ANSWER.rc, -ETIMEDOUT);
	CHECK(strstr(ANSWER.text, "hangs") != NULL && strstr(ANSWER.text, "serves on") != NULL);
	WAIT_FOR(has_gone(next));
	CHECK_EQ(shown(RPCD).pid, old);
	CHECK(!has_gone(old));
	down();
}

/* Fails without the look at `greeted` in handover_over(): a program that is none of ours. */
static void
a_successor_that_says_nothing_changes_nothing(void)
{
	pid_t old, next;

	up_with_successor(&old, &next);
	WAIT_FOR(is_answered());
	CHECK_EQ(ANSWER.rc, -ETIMEDOUT);
	CHECK(strstr(ANSWER.text, "hello") != NULL);
	WAIT_FOR(has_gone(next));
	CHECK_EQ(shown(RPCD).pid, old);
	CHECK(!has_gone(old));
	down();
}

/* The old one has gone for it, and it does not serve: what was before comes back. Fails without
 * service_restart_promoted()'s timer, and without `kept` in service_binary_usual(). */
static void
one_that_takes_over_and_does_not_serve_is_replaced(void)
{
	char path[PATH_MAX];
	uint64_t until;
	pid_t old, next;

	script("cal-rpcd", SAYS_PID);
	script("cal-other", "echo \"pid $$.\"\necho other program\nexec sleep 100");
	snprintf(path, sizeof(path), "%s/cal-other", g_libexec);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	old = shown(RPCD).pid;
	report_ready(old);
	CHECK_EQ(restart_with("rpcd", path), 0);
	WAIT_FOR(last_pid() != old);
	next = last_pid();
	CHECK_EQ(greet(next), 0);
	kill(old, SIGKILL);
	WAIT_FOR(shown(RPCD).pid == next);
	until = now_ms() + SERVICE_READY_LIMIT + 1000;
	while (!is_answered() && now_ms() < until) {
		usleep(10000);
	}
	CHECK(is_answered());
	CHECK_EQ(ANSWER.rc, -ETIMEDOUT);
	CHECK(strstr(ANSWER.text, "other program") != NULL);
	WAIT_FOR(has_gone(next) && shown(RPCD).pid > 0 && shown(RPCD).pid != next &&
	         last_pid() == shown(RPCD).pid);
	CHECK_STR(shown(RPCD).binary, "");
	report_ready(last_pid());
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_RUNNING);
	script("cal-other", NULL);
	down();
}

/* Fails without service_proc_ready() (nothing is kept) and when it keeps what did not serve. */
static void
a_chosen_program_is_kept_once_it_serves(void)
{
	char path[PATH_MAX], folder[PATH_MAX];
	pid_t pid;

	script("cal-rpcd", SAYS_PID);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	pid = last_pid();
	report_ready(pid);
	/* One that ends. */
	script("cal-other", "echo no such luck >&2\nexit 7");
	snprintf(path, sizeof(path), "%s/cal-other", g_libexec);
	CHECK_EQ(restart_with("rpcd", path), 0);
	WAIT_FOR(is_answered());
	CHECK_EQ(ANSWER.rc, -ECHILD);
	CHECK(strstr(ANSWER.text, "exit status 7") != NULL);
	CHECK(strstr(ANSWER.text, "no such luck") != NULL);
	CHECK_EQ(shown(RPCD).pid, pid);
	CHECK_STR(shown(RPCD).binary, "");
	/* One that takes over. */
	script("cal-other", "echo other\n" SAYS_PID);
	CHECK_EQ(restart_with("rpcd", path), 0);
	WAIT_FOR(last_pid() != pid);
	pid = last_pid();
	CHECK_STR(shown(RPCD).binary, "");
	report_ready(pid);
	CHECK_STR(shown(RPCD).binary, path);
	/* A later start, asked for or not, is of it. */
	kill(pid, SIGKILL);
	WAIT_FOR(last_pid() != pid && shown(RPCD).pid == last_pid());
	pid = last_pid();
	CHECK(strstr(strstr(strstr(log_read("rpcd"), "other") + 1, "other"), "pid") != NULL);
	report_ready(pid);
	/* And back, by the name, by the folder that has the default one in it, and by its path. */
	snprintf(folder, sizeof(folder), "%s", g_libexec);
	CHECK_EQ(restart_with("rpcd", folder), 0);
	WAIT_FOR(last_pid() != pid);
	pid = last_pid();
	report_ready(pid);
	CHECK_STR(shown(RPCD).binary, "");
	CHECK_EQ(restart_with("rpcd", "default"), 0);
	WAIT_FOR(last_pid() != pid);
	report_ready(last_pid());
	CHECK_STR(shown(RPCD).binary, "");
	script("cal-other", NULL);
	down();
}

static void
refused(const char *binary, int rc, const char *text)
{
	CHECK_EQ(restart_with("rpcd", binary), 0);
	WAIT_FOR(is_answered());
	CHECK_EQ(ANSWER.rc, rc);
	CHECK(strstr(ANSWER.text, text) != NULL);
	if (ANSWER.rc != rc || strstr(ANSWER.text, text) == NULL) {
		printf("%s: %d '%s', not %d '%s'\n", binary, ANSWER.rc, ANSWER.text, rc, text);
	}
}

/* Each refusal fails without its check in service_binary.c. */
static void
a_program_that_others_can_change_is_refused(void)
{
	char path[PATH_MAX], other[PATH_MAX], folder[PATH_MAX];
	pid_t pid;

	script("cal-rpcd", SAYS_PID);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	pid = last_pid();
	report_ready(pid);
	script("cal-other", SAYS_PID);
	snprintf(path, sizeof(path), "%s/cal-other", g_libexec);
	refused("cal-other", -EINVAL, "begin with /");
	refused("/dev/null", -EINVAL, "no regular file");
	refused("/nowhere/cal-rpcd", -ENOENT, "/nowhere/cal-rpcd");
	chmod(path, 0644);
	refused(path, -EACCES, "not executable");
	chmod(path, 0775);
	refused(path, -EACCES, "others than root");
	chmod(path, 0757);
	refused(path, -EACCES, "others than root");
	chmod(path, 0755);
	chmod(g_libexec, 0777);
	refused(path, -EACCES, g_libexec);
	/* Also by a link from a folder that is fine. */
	snprintf(other, sizeof(other), "%s/link", g_root);
	CHECK_EQ(symlink(path, other), 0);
	refused(other, -EACCES, g_libexec);
	unlink(other);
	chmod(g_libexec, 0700);
	if (geteuid() == 0) {
		CHECK_EQ(chown(path, 65534, 65534), 0);
		refused(path, -EACCES, "belongs to user 65534");
	}
	/* A folder without it. */
	snprintf(folder, sizeof(folder), "%s/empty", g_root);
	CHECK_EQ(mkdir(folder, 0700), 0);
	refused(folder, -ENOENT, "empty/cal-rpcd");
	rmdir(folder);
	CHECK_EQ(last_pid(), pid);
	CHECK_EQ(shown(RPCD).pid, pid);
	script("cal-other", NULL);
	down();
}

/* What cannot be started at all leaves the one that serves alone, and is told. Fails when
 * begin_successor() ends the present one first. */
static void
a_successor_that_cannot_be_started_changes_nothing(void)
{
	char path[PATH_MAX];
	pid_t pid;
	int fd;

	script("cal-rpcd", SAYS_PID);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	pid = last_pid();
	report_ready(pid);
	snprintf(path, sizeof(path), "%s/cal-other", g_libexec);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	REQUIRE(write(fd, "\177ELF garbage", 12) == 12);
	refused(path, -ETXTBSY, "cannot be started");
	close(fd);
	refused(path, -ENOEXEC, "serves on");
	script("cal-other", NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	REQUIRE(write(fd, "#!/no/such/shell\n", 17) == 17);
	close(fd);
	refused(path, -ENOENT, "cannot be started");
	CHECK_EQ(shown(RPCD).pid, pid);
	CHECK(!has_gone(pid));
	script("cal-other", NULL);
	down();
}

static void
a_stop_ends_both(void)
{
	pid_t old, next;

	up_with_successor(&old, &next);
	down();
	CHECK(has_gone(old) && has_gone(next));
	/* Who waits is told. Fails without service_restart_stop(). */
	CHECK(is_answered());
	CHECK_EQ(ANSWER.rc, -ESHUTDOWN);
}

/* Nor is one in the way that does not run. */
static void
a_stop_ends_stopped_ones(void)
{
	pid_t old, next;

	up_with_successor(&old, &next);
	kill(old, SIGSTOP);
	kill(next, SIGSTOP);
	down();
	CHECK(has_gone(old) && has_gone(next));
}

#define DEAF "trap '' TERM\n" SAYS_PID

/* What services said before they heard of the stop comes after it began, and has no say in when
 * they are killed. Fails without the look at `stopping` in on_ready(), and in service_alive(). */
static void
a_stop_is_not_put_off(void)
{
	pid_t old, next;

	script("cal-rpcd", DEAF);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	old = shown(RPCD).pid;
	report_ready(old);
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(last_pid() != old);
	next = last_pid();
	stop_begin();
	report_ready(next);
	g_greeter = next;
	CHECK_EQ(control_call(alive_on_control, NULL), 0);
	report_ready(old);
	stop_end();
	CHECK(has_gone(old) && has_gone(next));
}

/* The same at a restart. Fails without the look at `restart_asked` in on_ready(): then it is
 * neither killed nor replaced. */
static void
one_that_is_ready_too_late_is_ended_all_the_same(void)
{
	pid_t old;

	script("cal-rpcd", DEAF);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	old = shown(RPCD).pid;
	CHECK_EQ(restart("rpcd"), 0);
	WAIT_FOR(shown(RPCD).state == CAL_SERVICE_STOPPING);
	report_ready(old);
	WAIT_FOR(last_pid() != old);
	CHECK(has_gone(old));
	WAIT_FOR(shown(RPCD).pid == last_pid());
	report_ready(last_pid());
	CHECK(is_answered() && ANSWER.rc == 0);
	down();
}

static int
gives_up_on_control(void *arg)
{
	service_report("rpcd", g_reporter, GATE_REPORT_FAILED, "not on this machine");
	return 0;
}

/* A program that was only tried says that it never can: what was there before is started. Fails
 * without service_is_unproven() in on_end_of_serving(). */
static void
a_trial_that_gives_up_is_replaced(void)
{
	char path[PATH_MAX];
	pid_t tried;

	script("cal-rpcd", SAYS_PID);
	script("cal-other", SAYS_PID);
	snprintf(path, sizeof(path), "%s/cal-other", g_libexec);
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0 && last_pid() == shown(RPCD).pid);
	tried = last_pid();
	CHECK_EQ(restart_with("rpcd", path), 0);
	WAIT_FOR(last_pid() != tried);
	tried = g_reporter = last_pid();
	CHECK_EQ(control_call(gives_up_on_control, NULL), 0);
	kill(tried, SIGTERM);
	WAIT_FOR(is_answered());
	CHECK(strstr(ANSWER.text, "not on this machine") != NULL);
	WAIT_FOR(last_pid() != tried);
	WAIT_FOR(shown(RPCD).pid == last_pid());
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_STARTING);
	/* The usual one is believed. */
	g_reporter = last_pid();
	CHECK_EQ(control_call(gives_up_on_control, NULL), 0);
	kill(g_reporter, SIGTERM);
	WAIT_FOR(shown(RPCD).state == CAL_SERVICE_OFF);
	script("cal-other", NULL);
	down();
}

/* --- starts that fail --------------------------------------------------------------------------
 */

/* No memory for a process, or too many of them. */
static int g_spawn_error;

int
posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
            const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	static int (*real)(pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
	                   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);

	if (__atomic_load_n(&g_spawn_error, __ATOMIC_ACQUIRE) != 0) {
		return __atomic_load_n(&g_spawn_error, __ATOMIC_ACQUIRE);
	}
	if (real == NULL) {
		*(void **)&real = dlsym(RTLD_NEXT, "posix_spawn");
	}
	return real(pid, path, actions, attr, argv, envp);
}

static void
a_start_that_fails_is_tried_again(void)
{
	static const int errors[] = { EAGAIN, ENOMEM };
	pid_t pid;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		__atomic_store_n(&g_spawn_error, errors[i], __ATOMIC_RELEASE);
		script("cal-rpcd", SAYS_PID);
		up("/tmp/some.sock");
		WAIT_FOR(shown(RPCD).ends_in_row >= 3);
		CHECK_EQ(shown(RPCD).state, CAL_SERVICE_BACKOFF);
		CHECK_EQ(shown(RPCD).start_error, errors[i]);
		CHECK_EQ(shown(RPCD).pid, 0);
		__atomic_store_n(&g_spawn_error, 0, __ATOMIC_RELEASE);
		WAIT_FOR(shown(RPCD).pid > 0);
		CHECK_EQ(shown(RPCD).start_error, 0);
		CHECK_EQ(shown(RPCD).state, CAL_SERVICE_STARTING);
		/* The same while one serves: it goes on. */
		pid = shown(RPCD).pid;
		report_ready(pid);
		__atomic_store_n(&g_spawn_error, errors[i], __ATOMIC_RELEASE);
		CHECK_EQ(restart("rpcd"), 0);
		WAIT_FOR(is_answered());
		CHECK_EQ(ANSWER.rc, -errors[i]);
		CHECK_EQ(shown(RPCD).pid, pid);
		__atomic_store_n(&g_spawn_error, 0, __ATOMIC_RELEASE);
		down();
	}
}

/* Too many processes of a user: the kernel's own answer. */
static void
too_many_processes_are_an_error(void)
{
	static char *const argv[] = { "true", NULL };
	const struct rlimit none = { 0, 0 };
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		return; /* (There is always one process of a user that is not root.) */
	}
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0 ||
		    setrlimit(RLIMIT_NPROC, &none) != 0) {
			_exit(2);
		}
		_exit(service_spawn("/bin/true", argv, 0, "/dev/null") == -EAGAIN ? 0 : 1);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

/* Neither descriptors nor memory are needed to wait for better times: fails with the back-off on a
 * timer that has to be allocated, or that would need a descriptor. */
static void
without_descriptors_it_is_tried_again(void)
{
	struct rlimit before, few;
	int fd;

	script("cal-rpcd", "exec sleep 100");
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0);
	REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
	fd = dup(0);
	few = before;
	few.rlim_cur = (rlim_t)fd; /* not one more */
	close(fd);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
	kill(shown(RPCD).pid, SIGKILL);
	WAIT_FOR(shown(RPCD).state == CAL_SERVICE_BACKOFF && shown(RPCD).ends_in_row >= 3);
	CHECK_EQ(shown(RPCD).start_error, EMFILE);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
	WAIT_FOR(shown(RPCD).pid > 0);
	down();
}

/* Fails without service_oom_adjust(). */
static void
services_go_before_the_primary(void)
{
	char path[64], text[16] = "";
	int fd;

	script("cal-rpcd", "exec sleep 100");
	up("/tmp/some.sock");
	WAIT_FOR(shown(RPCD).pid > 0);
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)shown(RPCD).pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	CHECK(atoi(text) >= SERVICE_OOM_SCORE_ADJ);
	down();
}

static void
a_missing_program_is_told(void)
{
	script("cal-rpcd", NULL);
	up("/tmp/some.sock");
	WAIT_FOR(event_count(SERVICE_EVENT_NO_BINARY) == 1);
	CHECK(strstr(g_text, "cal-rpcd") != NULL && strstr(g_text, g_libexec) != NULL);
	/* It may come. Fails when a start without program is the last. */
	WAIT_FOR(shown(RPCD).state == CAL_SERVICE_BACKOFF);
	CHECK_EQ(shown(RPCD).start_error, ENOENT);
	script("cal-rpcd", "exec sleep 100");
	WAIT_FOR(shown(RPCD).pid > 0);
	CHECK_EQ(event_count(SERVICE_EVENT_NO_BINARY), 1);
	down();
}

static void
restart_names_are_checked(void)
{
	script("cal-rpcd", "exec sleep 100");
	up(NULL);
	CHECK_EQ(restart("nobody"), -ENOENT);
	CHECK_EQ(restart("rpcd"), -ENOTSUP);
	CHECK_EQ(shown(RPCD).state, CAL_SERVICE_OFF);
	down();
}

static const struct test_case cases[] = {
	TEST(backoff_doubles_to_its_limit),
	TEST(nothing_of_ours_reaches_a_service),
	TEST(one_that_is_killed_comes_back_at_once),
	TEST(a_crash_loop_is_put_off_and_told),
	TEST(one_that_does_not_listen_is_killed),
	TEST(one_that_hangs_in_the_kernel_is_left),
	TEST(a_successor_that_serves_is_shown),
	TEST(a_successor_that_dies_changes_nothing),
	TEST(a_successor_is_there_when_the_old_one_dies),
	TEST(one_that_does_not_hand_over_is_ended),
	TEST(a_successor_that_hangs_changes_nothing),
	TEST(a_successor_that_says_nothing_changes_nothing),
	TEST(one_that_takes_over_and_does_not_serve_is_replaced),
	TEST(a_chosen_program_is_kept_once_it_serves),
	TEST(a_program_that_others_can_change_is_refused),
	TEST(a_successor_that_cannot_be_started_changes_nothing),
	TEST(a_stop_ends_both),
	TEST(a_stop_ends_stopped_ones),
	TEST(a_stop_is_not_put_off),
	TEST(one_that_is_ready_too_late_is_ended_all_the_same),
	TEST(a_trial_that_gives_up_is_replaced),
	TEST(a_start_that_fails_is_tried_again),
	TEST(too_many_processes_are_an_error),
	TEST(without_descriptors_it_is_tried_again),
	TEST(services_go_before_the_primary),
	TEST(a_missing_program_is_told),
	TEST(restart_names_are_checked),
};
TEST_MAIN_WITH("service", cases, setup, teardown)
