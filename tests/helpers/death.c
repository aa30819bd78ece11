/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */

/* Runs a program again and again and kills it each time one step later, for
 * tests/integration/death_*.py:
 *
 *   death -i ID -p PRIMARY [-f FROM] [-t TO] [-s STEP] [-S SIGNAL] [-w MS] [-1|-a|-m] -- PROGRAM
 * ARG...
 *
 * A step is a stop at a system call, entry or exit, of any of its threads, from its first connect()
 * on: all that can be seen of it from outside happens in between. With -1 a step is an instruction
 * between two marks (death_client.c), with -a also what comes before the connect(), with -m only
 * what comes after the mark that it is attached. It is killed at steps FROM, FROM + STEP, … by
 * SIGNAL (default 9), after it was held there for MS milliseconds.
 *
 * After each kill it waits until the primary has as many links and descriptors as before the first,
 * and says "STEP SYSCALL MICROSECONDS" with how long it was until then, without what the primary's
 * control pthread waited for a CPU meanwhile. What stays for longer than
 * LEFT_US is said as "STEP SYSCALL stays: …", and the exit status is 1. With -l nothing is killed:
 * it says how many steps there are and at which one the program said that it is attached. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "calandria/stats.h"
#include "tests/helpers/death.h"

#define LEFT_US      2000000
#define CALM_US      2000 /* nothing has changed for so long */
#define NAP_US       100
#define BEFORE_LOOKS 20
#define QUIET_MS     300 /* a program that makes no step for so long has arrived */

struct counts {
	uint64_t links;
	unsigned fds;
	unsigned folders;
};

static struct {
	int instance;
	pid_t primary;
	long from, to, step;
	int signal;
	long hold_ms;
	bool by_instruction;
	bool list;
	bool all;      /* steps count from its exec on */
	bool attached; /* from when it is attached on */
	char **program;
} g_opts = { .from = 1, .to = -1, .step = 1, .signal = SIGKILL };

static struct cal_stats_view g_stats;
static struct counts g_before;
static char g_links_dir[CAL_PATH_MAX], g_fds_dir[64];
static int g_schedstat = -1; /* of the primary's control pthread */

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
nap(long us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

static unsigned
entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		n += entry->d_name[0] != '.';
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return n;
}

static void
open_schedstat(void)
{
	char path[64 + NAME_MAX], name[16];
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)g_opts.primary);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL && g_schedstat < 0) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", (int)g_opts.primary,
		         entry->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0) {
			continue;
		}
		memset(name, 0, sizeof(name));
		if (read(fd, name, sizeof(name) - 1) > 0 && strcmp(name, "cal-control\n") == 0) {
			snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat",
			         (int)g_opts.primary, entry->d_name);
			g_schedstat = open(path, O_RDONLY);
		}
		close(fd);
	}
	if (dir != NULL) {
		closedir(dir);
	}
}

/* For how long the control pthread could have run and had no CPU. */
static int64_t
waited_us(void)
{
	char text[64] = "";
	uint64_t ns = 0;

	if (pread(g_schedstat, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%*u %" SCNu64, &ns) != 1) {
		return 0;
	}
	return (int64_t)(ns / 1000);
}

static struct counts
look(void)
{
	uint64_t ended = __atomic_load_n(&g_stats.links->ended, __ATOMIC_ACQUIRE);

	return (struct counts){
		.links = __atomic_load_n(&g_stats.links->granted, __ATOMIC_ACQUIRE) - ended,
		.fds = entries(g_fds_dir),
		.folders = entries(g_links_dir),
	};
}

static bool
is_as_before(const struct counts *counts)
{
	return counts->links == g_before.links && counts->fds == g_before.fds &&
	       counts->folders == g_before.folders;
}

/* What there is without a death: as it has been for some time. */
static void
look_before(void)
{
	struct counts counts;
	int calm = 0;

	g_before = look();
	while (calm < BEFORE_LOOKS) {
		nap(1000);
		counts = look();
		calm = is_as_before(&counts) ? calm + 1 : 0;
		g_before = counts;
	}
}

/* Until nothing of it is left, and for a while nothing comes back: the gate may only be about to
 * read what the dead has sent. Returns the microseconds since `death` of the last trace, or -1 with
 * what stays in *left. */
static int64_t
wait_until_reclaimed(int64_t death, int64_t waited_before, struct counts *left)
{
	int64_t last = death, waited_last = waited_before, now;

	for (;;) {
		*left = look();
		now = now_us();
		if (!is_as_before(left)) {
			last = now;
			waited_last = waited_us();
		} else if (now - last > CALM_US) {
			/* (What it waited is counted when the waiting is over: some of it may be
			 * older.) */
			waited_last -= waited_before;
			return last - death > waited_last ? last - death - waited_last : 0;
		}
		if (now - death > LEFT_US) {
			return -1;
		}
		nap(NAP_US);
	}
}

/* --- the traced program ----------------------------------------------------------------------- */

struct run {
	pid_t pid;
	long steps;    /* made so far */
	long attached; /* at which of them it said so */
	bool counting;
	bool ended;
	pid_t stepped; /* the thread that is followed by instruction, 0: none */
	long nr;       /* of the system call it is at */
	bool entry;
};

static pid_t
start(void)
{
	const struct rlimit none = { 0, 0 };
	pid_t pid = fork();
	int fd;

	if (pid != 0) {
		return pid;
	}
	fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execv(g_opts.program[0], g_opts.program);
	_exit(127);
}

/* The next change of a child, or 0 when there is none for QUIET_MS, or -1 when all are gone. */
static pid_t
next_stop(int *status)
{
	struct timespec quiet = { .tv_nsec = QUIET_MS * 1000000L };
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		pid = waitpid(-1, status, __WALL | WNOHANG);
		if (pid != 0) {
			return pid;
		}
		if (sigtimedwait(&set, NULL, &quiet) < 0 && errno == EAGAIN) {
			return 0;
		}
	}
}

/* Its next instruction is the system call of a mark: the end of what is looked at. */
static bool
is_at_mark(pid_t tid)
{
	struct user_regs_struct regs;
	long text;

	ptrace(PTRACE_GETREGS, tid, NULL, &regs);
	errno = 0;
	text = ptrace(PTRACE_PEEKTEXT, tid, (void *)regs.rip, NULL);
	return errno == 0 && (text & 0xffff) == 0x050f && regs.rax == DEATH_MARK_CALL;
}

/* A stop at a system call. Returns whether it counts as a step. */
static bool
at_call(struct run *run, pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info), &info) <= 0) {
		return false;
	}
	run->entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
	if (run->entry) {
		run->nr = (long)info.entry.nr;
		run->counting |= (run->nr == SYS_connect && !g_opts.attached) || g_opts.all;
		if (run->nr == DEATH_MARK_CALL && info.entry.args[0] == DEATH_MARK_ATTACHED) {
			run->attached = run->steps;
			run->counting = true;
		}
		if (run->nr == DEATH_MARK_CALL && info.entry.args[0] == DEATH_MARK_BEGIN &&
		    g_opts.by_instruction) {
			run->stepped = tid;
		}
	}
	return run->counting && !g_opts.by_instruction;
}

/* Let a thread go on after a stop, which may be a step. Returns whether it was. */
static bool
go_on(struct run *run, pid_t tid, int status, bool dying)
{
	int sig = WSTOPSIG(status), how = dying ? PTRACE_CONT : PTRACE_SYSCALL;
	bool step = false;

	if (sig == (SIGTRAP | 0x80)) {
		step = at_call(run, tid);
		sig = 0;
	} else if (sig == SIGTRAP && status >> 16 == 0 && tid == run->stepped) {
		step = true;
		sig = 0;
		if (is_at_mark(tid)) {
			run->stepped = 0;
		}
	} else if (sig == SIGTRAP || sig == SIGSTOP) {
		sig = 0; /* an exec, a clone, a new thread */
	}
	if (step) {
		run->steps++;
		if (!dying && !g_opts.list && run->steps == g_opts.from) {
			return true; /* stays where it is */
		}
	}
	if (!dying && tid == run->stepped && !(run->nr == DEATH_MARK_CALL && run->entry)) {
		how = PTRACE_SINGLESTEP;
	}
	ptrace(how, tid, NULL, (void *)(long)sig);
	return false;
}

/* All threads to their end; the kernel tells of a process's end only when its threads are reaped.
 */
static void
bury(struct run *run)
{
	int status;
	pid_t tid;

	while ((tid = next_stop(&status)) >= 0) {
		if (tid > 0 && WIFSTOPPED(status)) {
			go_on(run, tid, status, true);
		} else if (tid == 0) {
			kill(run->pid, SIGKILL);
		}
	}
}

/* Until its step g_opts.from (returns the thread that stands there), or its end or rest (returns
 * 0). */
static pid_t
run_to_step(struct run *run)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
	                     PTRACE_O_EXITKILL;
	int status;
	pid_t tid;

	memset(run, 0, sizeof(*run));
	run->pid = start();
	waitpid(run->pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, run->pid, NULL, (void *)options);
	ptrace(PTRACE_SYSCALL, run->pid, NULL, NULL);
	while ((tid = next_stop(&status)) > 0) {
		if (WIFSTOPPED(status) && go_on(run, tid, status, false)) {
			return tid;
		}
	}
	run->ended = tid < 0;
	return 0;
}

/* Returns whether nothing of it stays. */
static bool
kill_at(struct run *run, pid_t tid)
{
	struct counts left;
	int64_t death, waited, took;

	nap(g_opts.hold_ms * 1000);
	waited = waited_us();
	death = now_us();
	if (g_opts.signal == SIGKILL) {
		kill(run->pid, SIGKILL);
	} else {
		syscall(SYS_tgkill, run->pid, tid, g_opts.signal);
		ptrace(PTRACE_CONT, tid, NULL, NULL);
	}
	bury(run);
	took = wait_until_reclaimed(death, waited, &left);
	if (took < 0) {
		printf("%ld %ld%s stays: %ld links, %d descriptors, %d folders\n", g_opts.from,
		       run->nr, run->entry ? "" : "'", (long)(left.links - g_before.links),
		       (int)(left.fds - g_before.fds), (int)(left.folders - g_before.folders));
	} else {
		printf("%ld %ld%s %lld\n", g_opts.from, run->nr, run->entry ? "" : "'",
		       (long long)took);
	}
	fflush(stdout);
	return took >= 0;
}

static int
kill_everywhere(void)
{
	struct run run;
	int failed = 0;
	pid_t tid;

	for (; g_opts.to < 0 || g_opts.from <= g_opts.to; g_opts.from += g_opts.step) {
		tid = run_to_step(&run);
		if (tid == 0) {
			kill(run.pid, SIGKILL);
			bury(&run);
			break;
		}
		failed |= !kill_at(&run, tid);
	}
	return failed;
}

static int
list(void)
{
	struct run run;

	run_to_step(&run);
	printf("%ld %ld %s\n", run.steps, run.attached, run.ended ? "ended" : "rests");
	kill(run.pid, SIGKILL);
	bury(&run);
	return 0;
}

static int
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "i:p:f:t:s:S:w:1aml")) != -1) {
		switch (c) {
		case 'i':
			g_opts.instance = atoi(optarg);
			break;
		case 'p':
			g_opts.primary = atoi(optarg);
			break;
		case 'f':
			g_opts.from = atol(optarg);
			break;
		case 't':
			g_opts.to = atol(optarg);
			break;
		case 's':
			g_opts.step = atol(optarg);
			break;
		case 'S':
			g_opts.signal = atoi(optarg);
			break;
		case 'w':
			g_opts.hold_ms = atol(optarg);
			break;
		case '1':
			g_opts.by_instruction = true;
			break;
		case 'a':
			g_opts.all = true;
			break;
		case 'm':
			g_opts.attached = true;
			break;
		case 'l':
			g_opts.list = true;
			break;
		default:
			return -1;
		}
	}
	g_opts.program = argv + optind;
	return g_opts.primary > 0 && optind < argc && g_opts.from > 0 && g_opts.step > 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	sigset_t set;

	if (options(argc, argv) != 0) {
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (cal_stats_open(g_opts.instance, &g_stats) != 0 ||
	    cal_instance_path(g_links_dir, sizeof(g_links_dir), g_opts.instance, CAL_LINK_DIR) !=
	            0) {
		fprintf(stderr, "death: no primary %d\n", g_opts.instance);
		return 3;
	}
	snprintf(g_fds_dir, sizeof(g_fds_dir), "/proc/%d/fd", (int)g_opts.primary);
	open_schedstat();
	look_before();
	return g_opts.list ? list() : kill_everywhere();
}
