/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -lseccomp -lcap-ng -ldl */

/* What a service in its sandbox can do, tried in a child process for each: every system call of
 * this machine's table that it does not keep, and those that it keeps with arguments that it must
 * not. Each case says without which line of services/sandbox it fails. */

#include "services/sandbox/capabilities.c"
#include "services/sandbox/filter.c"
#include "services/sandbox/policy.c"
#include "services/sandbox/sandbox.c"

#include "tests/unit/test.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NUM_SYSCALLS 1024

static const struct sandbox_policy *const policies[] = { &sandbox_rpcd, &sandbox_confd,
	                                                 &sandbox_mond };
#define NUM_POLICIES 3

static char g_dir[] = "/tmp/cal-sandbox-test.XXXXXX";
static pid_t g_parent;

static int
setup(void)
{
	g_parent = getpid();
	unsetenv("CAL_SANDBOX");
	return mkdtemp(g_dir) != NULL ? 0 : -1;
}

static int
teardown(void)
{
	return rmdir(g_dir);
}

/* --- in a child --------------------------------------------------------------------------------
 */

enum { OK = 0, NO_SANDBOX = 100, SAID_NO = 101 };

static void
enter(const struct sandbox_policy *policy)
{
	char err[512];

	alarm(20); /* a system call that should not be there may wait for ever */
	if (sandbox_drop(policy, NULL, err, sizeof(err)) != 0 ||
	    sandbox_enter(policy, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		_exit(NO_SANDBOX);
	}
}

/* The wait status of a child that runs `fn` in the sandbox. */
static int
in_sandbox(const struct sandbox_policy *policy, int (*fn)(long), long arg)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		enter(policy);
		_exit(fn(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return -1;
	}
	return status;
}

static bool
died(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static bool
fine(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == OK;
}

/* Arguments of which nothing comes, should the kernel see them. */
static long
try(long number)
{
	return syscall(number, -1l, -1l, -1l, -1l, -1l, -1l);
}

static int
try_it(long number)
{
	try(number);
	return OK;
}

/* --- cases -------------------------------------------------------------------------------------
 */

/* Fails without the SCMP_ACT_KILL_PROCESS rules of fill(). */
static void
deadly_calls_kill(void)
{
	const char *const *name;
	int i, number;

	for (i = 0; i < NUM_POLICIES; i++) {
		for (name = sandbox_deadly; *name != NULL; name++) {
			number = number_of(*name);
			if (number >= 0 && !is_kept(policies[i], *name) &&
			    !died(in_sandbox(policies[i], try_it, number))) {
				fprintf(stderr, "%s: %s does not kill\n", policies[i]->name, *name);
				CHECK(false);
			}
		}
	}
	/* What this is about: none of the services has these. */
	for (i = 0; i < NUM_POLICIES; i++) {
		CHECK(died(in_sandbox(policies[i], try_it, SYS_execve)));
		CHECK(died(in_sandbox(policies[i], try_it, SYS_mount)));
		CHECK(died(in_sandbox(policies[i], try_it, SYS_setns)));
	}
	CHECK(died(in_sandbox(&sandbox_rpcd, try_it, SYS_bpf)));
	CHECK(fine(in_sandbox(&sandbox_mond, try_it, SYS_bpf)));
}

static bool
is_one_of(const char *const *names, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count && names[i] != NULL && strcmp(names[i], name) != 0; i++) {
	}
	return i < count && names[i] != NULL;
}

static int
everything_else(long which)
{
	int number, wrong = 0, tried = 0;

	for (number = 0; number < NUM_SYSCALLS; number++) {
		/* The kernel's own, from its trampolines for uprobes: elsewhere SIGILL. */
		if (number == 335 || number == 336) {
			continue;
		}
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

		/* Numbers that this libseccomp has no name for are of newer kernels. */
		if (name == NULL ||
		    (!is_kept(policies[which], name) && !is_one_of(sandbox_deadly, 256, name) &&
		     !is_one_of(to_itself, NUM_TO_ITSELF, name))) {
			errno = 0;
			tried++;
			if (try(number) != -1 || errno != ENOSYS) {
				fprintf(stderr, "%s: %s (%d): %s\n", policies[which]->name,
				        name != NULL ? name : "?", number, strerror(errno));
				wrong++;
			}
		}
		free(name);
	}
	return wrong == 0 && tried > NUM_SYSCALLS / 2 ? OK : SAID_NO;
}

/* Fails (and does odd things) without SCMP_ACT_ERRNO(ENOSYS) for the rest, and with another order
 * of the two filters. */
static void
the_rest_is_not_there(void)
{
	int i;

	for (i = 0; i < NUM_POLICIES; i++) {
		CHECK(fine(in_sandbox(policies[i], everything_else, i)));
	}
	CHECK(is_kept(&sandbox_rpcd, "accept4") && !is_kept(&sandbox_confd, "accept4"));
	CHECK(!is_kept(&sandbox_rpcd, "socket") && !is_kept(&sandbox_rpcd, "connect") &&
	      !is_kept(&sandbox_mond, "clone3") && !is_kept(&sandbox_confd, "chmod"));
}

static int
refuses(long result, const char *what)
{
	if (result != -1 || errno != EPERM) {
		fprintf(stderr, "%s: %ld, %s\n", what, result, strerror(errno));
		return 1;
	}
	return 0;
}
#define REFUSES(call) (errno = 0, refuses((long)(call), #call))

static int
wrong_arguments(long which)
{
	char byte = 'x';
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC), wrong = 0;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	wrong += fd < 0 || page == MAP_FAILED;
	wrong += REFUSES(
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wrong += REFUSES(mprotect(page, 4096, PROT_READ | PROT_EXEC));
	wrong += REFUSES(openat(AT_FDCWD, "/dev/null", O_WRONLY));
	wrong += REFUSES(openat(AT_FDCWD, "/dev/null", O_RDWR));
	wrong += REFUSES(openat(AT_FDCWD, "/dev/null", O_RDONLY | O_TRUNC));
	wrong += REFUSES(openat(AT_FDCWD, "/dev/null", O_WRONLY | O_CREAT, 0600));
	wrong += REFUSES(openat(AT_FDCWD, "/proc/nowhere", O_RDONLY | O_CREAT, 0600));
	wrong += REFUSES(
		openat(AT_FDCWD, "/proc/nowhere", O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, 0600));
	wrong += REFUSES(openat(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600));
	wrong += REFUSES(fcntl(fd, F_SETOWN, 1));
	wrong += REFUSES(fcntl(fd, F_SETSIG, SIGKILL));
	wrong += REFUSES(fcntl(fd, F_SETLEASE, F_UNLCK));
	wrong += REFUSES(ioctl(0, TIOCSTI, &byte));
	wrong += REFUSES(ioctl(0, 0x541c /* TIOCLINUX */, &byte));
	wrong += REFUSES(ioctl(0, TIOCSCTTY, 0));
	wrong += REFUSES(syscall(SYS_kill, g_parent, 0));
	wrong += REFUSES(syscall(SYS_kill, -1, 0));
	wrong += REFUSES(syscall(SYS_kill, 0, 0));
#ifndef SANITIZER
	wrong += REFUSES(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	wrong += REFUSES(prctl(PR_SET_PTRACER, 1, 0, 0, 0));
	wrong += REFUSES(prctl(PR_SET_SECCOMP, 0, 0, 0, 0));
	wrong += REFUSES(prctl(PR_SET_MM, 0, 0, 0, 0));
	wrong += REFUSES(syscall(SYS_tgkill, g_parent, g_parent, 0));
#endif
	if (policies[which] != &sandbox_confd) {
		wrong += REFUSES(
			openat(AT_FDCWD, "/proc/nowhere", O_WRONLY | O_CREAT | O_EXCL, 0600));
	}
	if (policies[which] != &sandbox_mond) {
		wrong += REFUSES(ioctl(0, PERF_EVENT_IOC_ENABLE, 0));
	}
	return wrong == 0 ? OK : SAID_NO;
}

/* Fails without the filter of arguments (the first load() of sandbox_filter_load()), and each line
 * without the mask or value of its entry in policy.c. */
static void
other_arguments_are_refused(void)
{
	int i;

	for (i = 0; i < NUM_POLICIES; i++) {
		CHECK(fine(in_sandbox(policies[i], wrong_arguments, i)));
	}
}

#ifdef __x86_64__
static int
as_i386(long number)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory");
	return result == -ENOSYS ? OK : SAID_NO;
}

static int
as_x32(long number)
{
	try(0x40000000 | number);
	return OK;
}

/* Fails without SCMP_FLTATR_ACT_BADARCH (libseccomp's own default kills a thread, not all). */
static void
other_abis_kill(void)
{
	int status = in_sandbox(&sandbox_rpcd, as_i386, 20 /* getpid */);

	CHECK(died(status));
	CHECK(died(in_sandbox(&sandbox_rpcd, as_x32, SYS_getpid)));
	CHECK(died(in_sandbox(&sandbox_mond, as_x32, SYS_read)));
}
#endif

/* --- threads that were there before -------------------------------------------------------------
 */

static int g_go[2];

static void *
older_thread(void *arg)
{
	char byte;

	/* Waits where pthread_cancel() may end it, too. */
	while (read(g_go[0], &byte, 1) == 1) {
		try(SYS_execve);
		_exit(SAID_NO);
	}
	return NULL;
}

static int
with_older_thread(const struct sandbox_policy *policy, bool cancel)
{
	pid_t pid = fork();
	pthread_t thread;
	void *result;
	int status;

	if (pid == 0) {
		if (pipe(g_go) != 0 || pthread_create(&thread, NULL, older_thread, NULL) != 0) {
			_exit(NO_SANDBOX);
		}
		enter(policy);
		if (cancel) {
			_exit(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0 &&
			                      result == PTHREAD_CANCELED
			              ? OK
			              : SAID_NO);
		}
		_exit(write(g_go[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0 ? SAID_NO
		                                                                     : NO_SANDBOX);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The first fails without SCMP_FLTATR_CTL_TSYNC, the second without the dlopen() of
 * sandbox_enter(). */
static void
older_threads_are_in_it(void)
{
	int i;

	for (i = 0; i < NUM_POLICIES; i++) {
		CHECK(died(with_older_thread(policies[i], false)));
		CHECK(fine(with_older_thread(policies[i], true)));
	}
}

/* --- what must work -----------------------------------------------------------------------------
 */

static int
daily_work(long unused)
{
	struct flock byte = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
	struct stat st;
	void *block;
	int fd, i;

	for (i = 0; i < 200; i++) {
		block = malloc((size_t)i * 40000 + 1);
		if (block == NULL) {
			return SAID_NO;
		}
		memset(block, i, (size_t)i * 40000 + 1);
		block = realloc(block, (size_t)i * 80000 + 1);
		free(block);
	}
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || fcntl(fd, F_OFD_SETLK, &byte) != 0 ||
	    flock(fd, LOCK_SH) != 0 || close(fd) != 0) {
		return SAID_NO;
	}
	usleep(1000);
	return access("/proc/self/exe", F_OK) == 0 && raise(0) == 0 && kill(getpid(), 0) == 0
	               ? OK
	               : SAID_NO;
}

static int
aborts(long unused)
{
	abort();
}

static int
keeps_a_file(long unused)
{
	char next[64], path[64];
	int fd;

	snprintf(next, sizeof(next), "%s/next", g_dir);
	snprintf(path, sizeof(path), "%s/kept", g_dir);
	fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && close(fd) == 0 &&
	                       rename(next, path) == 0 && unlink(path) == 0
	               ? OK
	               : SAID_NO;
}

static void
daily_work_goes_on(void)
{
	int i, status;

	for (i = 0; i < NUM_POLICIES; i++) {
		CHECK(fine(in_sandbox(policies[i], daily_work, 0)));
		status = in_sandbox(policies[i], aborts, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
	CHECK(fine(in_sandbox(&sandbox_confd, keeps_a_file, 0)));
}

/* --- entering -----------------------------------------------------------------------------------
 */

static int
in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		_exit(fn());
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int
cannot(void)
{
	char err[512] = "";
	int rc;

	/* Without no_new_privs only CAP_SYS_ADMIN may load a filter. */
	if (setgid(65534) != 0 || setuid(65534) != 0) {
		return NO_SANDBOX;
	}
	rc = sandbox_enter(&sandbox_rpcd, err, sizeof(err));
	return rc == -EACCES && strcmp(err,
	                               "the sandbox cannot be entered (seccomp filter: "
	                               "Permission denied): allow that to the service, or start "
	                               "it with CAL_SANDBOX=off in its environment to run "
	                               "without") == 0
	               ? OK
	               : SAID_NO;
}

static int
off(void)
{
	char err[512] = "";

	setenv("CAL_SANDBOX", "off", 1);
	return sandbox_drop(&sandbox_rpcd, NULL, err, sizeof(err)) == 0 &&
	                       sandbox_enter(&sandbox_rpcd, err, sizeof(err)) == 0 &&
	                       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 &&
	                       prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0
	               ? OK
	               : SAID_NO;
}

static int
misspelt(void)
{
	char err[512] = "";

	setenv("CAL_SANDBOX", "no", 1);
	return sandbox_drop(&sandbox_rpcd, NULL, err, sizeof(err)) == -EINVAL &&
	                       strcmp(err, "CAL_SANDBOX is 'no': it takes 'off', to run without a "
	                                   "sandbox, or 'on'") == 0
	               ? OK
	               : SAID_NO;
}

/* A service that could not enter must hear of it: the second fails without the check of the
 * variable's value. */
static void
entering_may_fail(void)
{
	if (geteuid() == 0) {
		CHECK(fine(in_child(cannot)));
	}
	CHECK(fine(in_child(misspelt)));
	CHECK(fine(in_child(off)));
}

static const struct test_case cases[] = {
	TEST(deadly_calls_kill),
	TEST(the_rest_is_not_there),
	TEST(other_arguments_are_refused),
#ifdef __x86_64__
	TEST(other_abis_kill),
#endif
	TEST(older_threads_are_in_it),
	TEST(daily_work_goes_on),
	TEST(entering_may_fail),
};
TEST_MAIN_WITH("services/sandbox/filter", cases, setup, teardown)
