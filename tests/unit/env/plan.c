/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The checks before the start, on a machine that a folder makes up. */

#include "tests/unit/test.h"

#include <sys/sysmacros.h>

#include "core/env/env_internal.h"
#include "core/env/env_private.h"

static char g_root[] = "/tmp/cal-unit-plan-XXXXXX";
static char g_huge[64], g_huge1g[64];
static char g_err[512];
static int g_forbidden_cpu = -1;

/* In place of the real one: the CPUs are made up, too. */
bool
env_cpu_is_allowed(unsigned cpu)
{
	return (int)cpu != g_forbidden_cpu;
}

__attribute__((format(printf, 2, 3))) static void
put(const char *text, const char *format, ...)
{
	char path[512], *slash;
	va_list ap;
	FILE *f;
	int n;

	n = snprintf(path, sizeof(path), "%s/", g_root);
	va_start(ap, format);
	vsnprintf(path + n, sizeof(path) - (size_t)n, format, ap);
	va_end(ap);
	for (slash = path + n; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "w");
	REQUIRE(f != NULL);
	REQUIRE(fputs(text, f) >= 0);
	fclose(f);
}

static void
put_pages(unsigned kb, const char *total, const char *available, const char *reserved)
{
	put(total, "sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages", kb);
	put(available, "sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", kb);
	put(reserved, "sys/kernel/mm/hugepages/hugepages-%ukB/resv_hugepages", kb);
	put("0\n", "sys/kernel/mm/hugepages/hugepages-%ukB/surplus_hugepages", kb);
	put("0\n", "sys/kernel/mm/hugepages/hugepages-%ukB/nr_overcommit_hugepages", kb);
}

static void
put_mounts(bool two_megabytes, bool gigabyte)
{
	char text[512];

	snprintf(text, sizeof(text), "tmpfs /run tmpfs rw 0 0\n");
	if (two_megabytes) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         "none %s hugetlbfs rw,relatime,pagesize=2M 0 0\n", g_huge);
	}
	if (gigabyte) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         "none %s hugetlbfs rw,relatime,pagesize=1024M 0 0\n", g_huge1g);
	}
	put(text, "proc/mounts");
}

/* Four CPUs present, three of them on, on one node, 200 of 256 pages free. */
static void
machine_usual(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/sys %s/proc", g_root, g_root);
	REQUIRE(system(command) == 0);
	put("0-3\n", "sys/devices/system/cpu/present");
	put("0-2\n", "sys/devices/system/cpu/online");
	put("0-3\n", "sys/devices/system/node/node0/cpulist");
	put("MemTotal: 1 kB\nHugepagesize:       2048 kB\n", "proc/meminfo");
	put_pages(2048, "256\n", "200\n", "0\n");
	put_mounts(true, false);
}

static struct spdk_env_opts
options(void)
{
	struct spdk_env_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.opts_size = sizeof(opts);
	spdk_env_opts_init(&opts);
	return opts;
}

static int
check(const struct spdk_env_opts *opts)
{
	g_err[0] = '\0';
	return env_primary_check(opts, g_err, sizeof(g_err));
}

#define CHECK_SAYS(opts_, rc_, part_)                         \
	do {                                                  \
		CHECK_EQ(check(opts_), rc_);                  \
		CHECK(strstr(g_err, part_) != NULL);          \
		if (strstr(g_err, part_) == NULL) {           \
			fprintf(stderr, "said: %s\n", g_err); \
		}                                             \
	} while (0)

static void
test_usual_machine_passes(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan;

	machine_usual();
	CHECK_EQ(check(&opts), 0);
	env_opts_copy(&opts, &opts);
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_EQ(plan.total_mb, 256);
	CHECK_EQ(plan.num_nodes, 1);
	CHECK_EQ(plan.mem_mb[0], 256);
	CHECK_EQ(plan.main_core, 0);
	CHECK_STR(plan.hugedir.path, g_huge);
	CHECK_EQ(plan.hugedir.page_size, 2u << 20);
}

static void
test_cores(void)
{
	struct spdk_env_opts opts = options();

	machine_usual();
	opts.core_mask = "0x11";
	CHECK_SAYS(&opts, -EINVAL, "core 4 does not exist: this machine has 0-3");
	opts.core_mask = "[0,3]";
	CHECK_SAYS(&opts, -EINVAL, "core 3 is offline");
	g_forbidden_cpu = 2;
	opts.core_mask = "0x6";
	CHECK_SAYS(&opts, -EPERM, "core 2 is not allowed to this process");
	g_forbidden_cpu = -1;
	opts.core_mask = "nonsense";
	CHECK_SAYS(&opts, -EINVAL, "\"nonsense\" cannot be read");
	opts.core_mask = "0x1";
	opts.lcore_map = "0@1";
	CHECK_SAYS(&opts, -EINVAL, "use one of them");
	opts.core_mask = NULL;
	CHECK_EQ(check(&opts), 0);
	opts.lcore_map = "0@9";
	CHECK_SAYS(&opts, -EINVAL, "core 9 does not exist");
	opts.lcore_map = "0@";
	CHECK_SAYS(&opts, -EINVAL, "\"0@\" cannot be read");
	opts.lcore_map = "0,1";
	opts.main_core = 1;
	CHECK_EQ(check(&opts), 0);
	opts.main_core = 2;
	CHECK_SAYS(&opts, -EINVAL, "main core 2 is not one");
	opts.main_core = 2000;
	CHECK_SAYS(&opts, -EINVAL, "main core 2000 is not one");
	opts.main_core = -1;
	opts.lcore_map = "130@0";
	CHECK_SAYS(&opts, -EINVAL, "core 130 cannot be used under its own number");
}

static void
test_hugepages(void)
{
	struct spdk_env_opts opts = options();

	machine_usual();
	opts.mem_size = 402;
	CHECK_SAYS(&opts, -ENOMEM, "402 MB are wanted (-s) but only 400 MB of hugepages are free");
	opts.mem_size = 400;
	CHECK_EQ(check(&opts), 0);
	/* Promised to somebody else, though still free. */
	put_pages(2048, "256\n", "200\n", "100\n");
	CHECK_SAYS(&opts, -ENOMEM, "only 200 MB");
	/* The kernel may make some when asked. */
	put("100\n", "sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages");
	CHECK_EQ(check(&opts), 0);

	put_pages(2048, "0\n", "0\n", "0\n");
	CHECK_SAYS(&opts, -ENOMEM, "no hugepages: run `scripts/setup.sh config`");
	machine_usual();
	put_mounts(false, false);
	CHECK_SAYS(&opts, -ENOENT, "no hugetlbfs is mounted: run `scripts/setup.sh config`");
	opts.no_huge = true;
	CHECK_EQ(check(&opts), 0);
}

static void
test_hugedir(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan;
	char sub[128];

	machine_usual();
	opts.hugedir = "/tmp";
	CHECK_SAYS(&opts, -ENOENT, "/tmp is not on a mounted hugetlbfs");
	snprintf(sub, sizeof(sub), "%sx", g_huge);
	opts.hugedir = sub;
	CHECK_SAYS(&opts, -ENOENT, "is not on a mounted hugetlbfs");
	snprintf(sub, sizeof(sub), "%s/sub", g_huge);
	mkdir(sub, 0700);
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_STR(plan.hugedir.path, sub);
	rmdir(sub);
	CHECK_SAYS(&opts, -EACCES, "no permission");
}

/* The smallest pages that suffice: EAL would take a gigabyte for two megabytes. */
static void
test_page_sizes(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan;

	machine_usual();
	put_pages(1048576, "4\n", "4\n", "0\n");
	put_mounts(true, true);
	opts.mem_size = 256;
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_STR(plan.hugedir.path, g_huge);
	CHECK_EQ(plan.total_mb, 256);
	opts.mem_size = 1500;
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_STR(plan.hugedir.path, g_huge1g);
	CHECK_EQ(plan.total_mb, 2048);
	opts.mem_size = 5000;
	CHECK_SAYS(&opts, -ENOMEM, "5120 MB are wanted");
	/* An odd megabyte is rounded up to a page. */
	opts.mem_size = 33;
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_EQ(plan.total_mb, 34);
}

static void
test_two_nodes(void)
{
	struct spdk_env_opts opts = options();
	struct env_plan plan;

	machine_usual();
	put("0\n", "sys/devices/system/node/node0/cpulist");
	put("1-3\n", "sys/devices/system/node/node2/cpulist");
	put("50\n", "sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages");
	put("150\n", "sys/devices/system/node/node2/hugepages/hugepages-2048kB/free_hugepages");
	opts.mem_size = 102;
	opts.core_mask = "0x7";
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_EQ(plan.num_nodes, 3);
	CHECK_EQ(plan.mem_mb[0], 52);
	CHECK_EQ(plan.mem_mb[1], 0);
	CHECK_EQ(plan.mem_mb[2], 50);
	opts.core_mask = "0x6";
	REQUIRE(env_plan_make(&opts, &plan, g_err, sizeof(g_err)) == 0);
	CHECK_EQ(plan.mem_mb[0], 0);
	CHECK_EQ(plan.mem_mb[2], 102);
	opts.core_mask = "0x1";
	CHECK_SAYS(&opts, -ENOMEM,
	           "102 MB are wanted on NUMA node 0 but only 100 MB of hugepages are free there");
}

static void
test_other_options(void)
{
	struct spdk_env_opts opts = options();
	struct spdk_pci_addr addr = { 0 };

	machine_usual();
	opts.iova_mode = "phys";
	CHECK_SAYS(&opts, -EINVAL, "\"pa\" or \"va\"");
	opts.iova_mode = "va";
	CHECK_EQ(check(&opts), 0);
	opts.pci_allowed = opts.pci_blocked = &addr;
	CHECK_SAYS(&opts, -EINVAL, "both allowed (-A) and blocked (-B)");
}

static void
test_no_permission(void)
{
	struct spdk_env_opts opts = options();
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		return;
	}
	machine_usual();
	chmod(g_root, 0755);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		/* nobody */
		if (setuid(65534) != 0) {
			_exit(2);
		}
		_exit(check(&opts) == -EACCES && strstr(g_err, "run as root") != NULL ? 0 : 1);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
test_sysfs_missing(void)
{
	struct spdk_env_opts opts = options();

	machine_usual();
	env_machine_set_roots("/nonexistent", NULL);
	CHECK_SAYS(&opts, -ENOENT, "is /sys mounted?");
}

/* A caller that was built before opts_size knows 112 bytes: no more are read or written. */
static void
test_older_callers(void)
{
	struct spdk_env_opts opts, copy;
	size_t known = offsetof(struct spdk_env_opts, opts_size);

	memset(&opts, 0xa5, sizeof(opts));
	opts.opts_size = 0;
	spdk_env_opts_init(&opts);
	CHECK_EQ(opts.shm_id, -1);
	CHECK_EQ(opts.mem_size, -1);
	CHECK_EQ(opts.main_core, -1);
	CHECK_STR(opts.core_mask, "0x1");
	CHECK_EQ(opts.opts_size, 0);
	CHECK_EQ(((unsigned char *)&opts)[known + sizeof(size_t)], 0xa5);
	env_opts_copy(&copy, &opts);
	CHECK(!copy.enforce_numa);
	CHECK_EQ(copy.mem_size, 256);

	memset(&opts, 0xa5, sizeof(opts));
	opts.opts_size = sizeof(opts);
	spdk_env_opts_init(&opts);
	CHECK_EQ(opts.opts_size, sizeof(opts));
	CHECK(!opts.enforce_numa);
	opts.enforce_numa = true;
	env_opts_copy(&copy, &opts);
	CHECK(copy.enforce_numa);
	opts.opts_size = offsetof(struct spdk_env_opts, core_mask);
	env_opts_copy(&copy, &opts);
	CHECK_STR(copy.core_mask, "0x1");
	CHECK(!copy.enforce_numa);
}

/* Somebody holds the folder's lock and does not go on. */
static void
test_flock_holder_is_named(void)
{
	char name[64], text[128];
	struct stat st;
	int fd;

	machine_usual();
	fd = open(g_huge, O_RDONLY);
	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	snprintf(text, sizeof(text),
	         "1: POSIX  ADVISORY  WRITE 7 %02x:%02x:%lu 0 EOF\n"
	         "2: FLOCK  ADVISORY  WRITE 4711 %02x:%02x:%lu 0 EOF\n",
	         major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino, major(st.st_dev),
	         minor(st.st_dev), (unsigned long)st.st_ino);
	put(text, "proc/locks");
	put("dpdk-app\n", "proc/4711/comm");
	CHECK_EQ(env_machine_flock_holder(fd, name, sizeof(name)), 4711);
	CHECK_STR(name, "dpdk-app");
	put("", "proc/locks");
	CHECK_EQ(env_machine_flock_holder(fd, name, sizeof(name)), 0);
	close(fd);
}

static char g_sys[64], g_proc[64];

static int
setup(void)
{
	if (mkdtemp(g_root) == NULL) {
		return -1;
	}
	snprintf(g_huge, sizeof(g_huge), "%s/huge", g_root);
	snprintf(g_huge1g, sizeof(g_huge1g), "%s/huge1g", g_root);
	snprintf(g_sys, sizeof(g_sys), "%s/sys", g_root);
	snprintf(g_proc, sizeof(g_proc), "%s/proc", g_root);
	env_machine_set_roots(g_sys, g_proc);
	return mkdir(g_huge, 0700) != 0 || mkdir(g_huge1g, 0700) != 0;
}

static int
teardown(void)
{
	env_dir_remove(g_root);
	return access(g_root, F_OK) == 0;
}

static const struct test_case g_cases[] = {
	TEST(test_usual_machine_passes),
	TEST(test_cores),
	TEST(test_hugepages),
	TEST(test_hugedir),
	TEST(test_page_sizes),
	TEST(test_two_nodes),
	TEST(test_other_options),
	TEST(test_no_permission),
	TEST(test_older_callers),
	TEST(test_flock_holder_is_named),
	TEST(test_sysfs_missing),
};

TEST_MAIN_WITH("env/plan", g_cases, setup, teardown)
