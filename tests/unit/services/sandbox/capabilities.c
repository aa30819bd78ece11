/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -lseccomp -lcap-ng -ldl */

/* What is left of root's capabilities, and that there is no way back; the same for a user who has
 * none. In child processes; skipped but for the last case unless started by root. */

#include "services/sandbox/capabilities.c"
#include "services/sandbox/filter.c"
#include "services/sandbox/policy.c"
#include "services/sandbox/sandbox.c"

#include "tests/unit/test.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

static char g_ours[] = "/tmp/cal-sandbox-test.XXXXXX", g_theirs[] = "/tmp/cal-sandbox-test.XXXXXX";

static int
setup(void)
{
	unsetenv("CAL_SANDBOX");
	return mkdtemp(g_ours) != NULL && mkdtemp(g_theirs) != NULL &&
	                       (geteuid() != 0 || chown(g_theirs, NOBODY, NOBODY) == 0)
	               ? 0
	               : -1;
}

static int
teardown(void)
{
	return rmdir(g_ours) | rmdir(g_theirs);
}

static bool
in_child(bool (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		_exit(fn() ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* A line of /proc/self/status, as the kernel says it. */
static uint64_t
status_of(const char *key)
{
	FILE *in = fopen("/proc/self/status", "re");
	uint64_t value = UINT64_MAX;
	char line[256];

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
			value = strtoull(line + strlen(key) + 1, NULL, 16);
		}
	}
	if (in != NULL) {
		fclose(in);
	}
	return value;
}

static bool
says(const char *key, uint64_t expected)
{
	uint64_t value = status_of(key);

	if (value != expected) {
		fprintf(stderr, "%s: %llx, not %llx\n", key, (unsigned long long)value,
		        (unsigned long long)expected);
	}
	return value == expected;
}

static bool
has_exactly(uint64_t kept, bool bounded)
{
	return says("CapEff", kept) && says("CapPrm", kept) && says("CapInh", 0) &&
	       says("CapAmb", 0) && says("NoNewPrivs", 1) && (!bounded || says("CapBnd", 0));
}

static bool
drop(const struct sandbox_policy *policy, const char *folder)
{
	char err[512];

	if (sandbox_drop(policy, folder, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		return false;
	}
	return true;
}

static bool
rpcd_has_none(void)
{
	return drop(&sandbox_rpcd, g_ours) && has_exactly(0, true);
}

static bool
confd_has_none(void)
{
	return drop(&sandbox_confd, NULL) && has_exactly(0, true);
}

static bool
mond_has_its_own(void)
{
	return drop(&sandbox_mond, NULL) && has_exactly(1ull << CAP_SYS_ADMIN, true);
}

/* Capabilities that its parent wanted it to have, even executing a program. */
static bool
inherited_ones_go(void)
{
	capng_get_caps_process();
	capng_update(CAPNG_ADD, CAPNG_INHERITABLE, CAP_NET_ADMIN);
	return capng_apply(CAPNG_SELECT_CAPS) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0 &&
	       status_of("CapAmb") != 0 && drop(&sandbox_rpcd, NULL) && has_exactly(0, true);
}

/* Without the locked bits root's user id alone would bring them back with an exec, but for the
 * bounding set and no_new_privs, which are there, too. (glibc's setuid() would have
 * ThreadSanitizer's thread do it as well, which may, and abort since the two differ.) */
static bool
no_way_back(void)
{
	return drop(&sandbox_rpcd, NULL) && prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) == SECUREBITS &&
	       prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) != 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) != 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 && syscall(SYS_setuid, 1) != 0 &&
	       open("/proc/sys/kernel/core_pattern", O_RDONLY) >= 0 && chown(g_ours, 1, 1) != 0 &&
	       access(g_theirs, W_OK) != 0;
}

/* has_exactly() fails without: the second half of sandbox_capabilities_drop(), CAPNG_SELECT_ALL for
 * the bounding set, PR_SET_NO_NEW_PRIVS; no_way_back() without PR_SET_SECUREBITS. */
static void
root_keeps_what_is_written(void)
{
	if (geteuid() != 0) {
		return;
	}
	CHECK(in_child(rpcd_has_none));
	CHECK(in_child(confd_has_none));
	CHECK(in_child(mond_has_its_own));
	CHECK(in_child(inherited_ones_go));
	CHECK(in_child(no_way_back));
}

static bool
theirs(void)
{
	char path[64];
	bool written;
	int fd;

	if (!drop(&sandbox_confd, g_theirs) || !has_exactly(1ull << CAP_DAC_OVERRIDE, true)) {
		return false;
	}
	snprintf(path, sizeof(path), "%s/file", g_theirs);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	written = fd >= 0 && close(fd) == 0 && unlink(path) == 0;
	return written;
}

static bool
world_writable(void)
{
	return drop(&sandbox_rpcd, "/tmp") && has_exactly(0, true);
}

static bool
nowhere(void)
{
	return drop(&sandbox_rpcd, "/nowhere/at/all") && has_exactly(0, true);
}

/* Root may be told to work in a user's folder: it goes on working, with the one capability that
 * this takes. Fails without needs_dac_override(). */
static void
a_folder_of_somebody_else(void)
{
	if (geteuid() != 0) {
		return;
	}
	CHECK(in_child(theirs));
	CHECK(in_child(world_writable));
	CHECK(in_child(nowhere));
}

static bool
nobody(void)
{
	char err[512];

	if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
		return false;
	}
	return drop(&sandbox_mond, NULL) && has_exactly(0, false) &&
	       sandbox_enter(&sandbox_mond, err, sizeof(err)) == 0 && says("Seccomp", 2);
}

/* Who has no capabilities enters all the same. */
static void
a_user_without_any(void)
{
	CHECK(in_child(nobody));
}

static const struct test_case cases[] = {
	TEST(root_keeps_what_is_written),
	TEST(a_folder_of_somebody_else),
	TEST(a_user_without_any),
};
TEST_MAIN_WITH("services/sandbox/capabilities", cases, setup, teardown)
