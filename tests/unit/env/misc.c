/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Time, PCI addresses and small work on folders. */

#include "tests/unit/test.h"

#include "core/env/env_private.h"

static uint64_t
raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Against the kernel's clock over 100 ms, ten times as long as it was measured over. */
static void
test_tick_rate(void)
{
	uint64_t hz = spdk_get_ticks_hz(), ticks, ns;
	double ratio;

	ns = raw_ns();
	ticks = spdk_get_ticks();
	usleep(100000);
	ticks = spdk_get_ticks() - ticks;
	ns = raw_ns() - ns;
	ratio = (double)ticks / (double)hz / ((double)ns / 1e9);
	if (!test_under_valgrind()) {
		CHECK(ratio > 0.9995 && ratio < 1.0005);
	}
	CHECK_EQ(spdk_get_ticks_hz(), hz);
}

static void
test_delay(void)
{
	uint64_t ns = raw_ns();

	spdk_delay_us(2000);
	CHECK(raw_ns() - ns >= 1990000);
	spdk_pause();
}

static void
test_tid(void)
{
	CHECK_EQ(spdk_get_tid(), getpid());
}

static int
pci(const char *text, const char *normal)
{
	struct spdk_pci_addr addr;
	char buf[16];
	int rc = spdk_pci_addr_parse(&addr, text);

	if (rc == 0) {
		REQUIRE(spdk_pci_addr_fmt(buf, sizeof(buf), &addr) == 0);
		CHECK_STR(buf, normal);
	}
	return rc;
}

static void
test_pci_addresses(void)
{
	struct spdk_pci_addr low = { 0, 1, 2, 3 }, high = { 0, 1, 3, 0 }, far = { 1, 0, 0, 0 };
	char tiny[12];

	CHECK_EQ(pci("0000:01:02.3", "0000:01:02.3"), 0);
	CHECK_EQ(pci("10000:ff:1f.7", "10000:ff:1f.7"), 0);
	CHECK_EQ(pci("0000.01.02.3", "0000:01:02.3"), 0);
	CHECK_EQ(pci("01:02.3", "0000:01:02.3"), 0);
	CHECK_EQ(pci("01:02", "0000:01:02.0"), 0);
	CHECK_EQ(pci("", ""), -EINVAL);
	CHECK_EQ(pci("01", ""), -EINVAL);
	CHECK_EQ(pci("01:", ""), -EINVAL);
	CHECK_EQ(pci("0000:100:02.3", ""), -EINVAL);
	CHECK_EQ(pci("0000:01:20.3", ""), -EINVAL);
	CHECK_EQ(pci("0000:01:02.8", ""), -EINVAL);
	CHECK_EQ(pci("0000:01:02.3.4", ""), -EINVAL);
	CHECK_EQ(pci("g:01:02.3", ""), -EINVAL);
	CHECK_EQ(pci("100000000:01:02.3", ""), -EINVAL);
	CHECK(spdk_pci_addr_compare(&low, &high) < 0);
	CHECK(spdk_pci_addr_compare(&far, &high) > 0);
	CHECK_EQ(spdk_pci_addr_compare(&low, &low), 0);
	CHECK_EQ(spdk_pci_addr_fmt(tiny, sizeof(tiny), &low), -ENOSPC);
}

static void
test_folders(void)
{
	char root[] = "/tmp/cal-unit-dir-XXXXXX", path[128], outside[128];

	REQUIRE(mkdtemp(root) != NULL);
	snprintf(outside, sizeof(outside), "%s.kept", root);
	REQUIRE(mkdir(outside, 0700) == 0);
	snprintf(path, sizeof(path), "%s/a", root);
	CHECK_EQ(env_dir_make(path), 0);
	CHECK_EQ(env_dir_make(path), 0);
	snprintf(path, sizeof(path), "%s/a/link", root);
	REQUIRE(symlink(outside, path) == 0);
	snprintf(path, sizeof(path), "%s/a/b", root);
	CHECK_EQ(env_dir_make(path), 0);
	snprintf(path, sizeof(path), "%s/a/b/c/d", root);
	CHECK_EQ(env_dir_make(path), -ENOENT);
	env_dir_remove(root);
	CHECK(access(root, F_OK) != 0);
	/* What a link in it points to is not its own. */
	CHECK_EQ(access(outside, F_OK), 0);
	rmdir(outside);
	env_dir_remove(root);
}

static void *
affinity_count(void *arg)
{
	cpu_set_t set;

	REQUIRE(sched_getaffinity(0, sizeof(set), &set) == 0);
	*(int *)arg = CPU_COUNT(&set);
	return arg;
}

static void
test_unaffinitized_call(void)
{
	cpu_set_t one, before, after, online;
	int count = 0;

	REQUIRE(env_machine_cpus("online", &online) == 0);
	REQUIRE(sched_getaffinity(0, sizeof(before), &before) == 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0) {
		return;
	}
	CHECK(spdk_call_unaffinitized(affinity_count, &count) == &count);
	CHECK_EQ(count, CPU_COUNT(&online));
	REQUIRE(sched_getaffinity(0, sizeof(after), &after) == 0);
	CHECK(CPU_EQUAL(&after, &one));
	CHECK(spdk_call_unaffinitized(NULL, &count) == NULL);
	sched_setaffinity(0, sizeof(before), &before);
}

static const struct test_case g_cases[] = {
	TEST(test_tick_rate),     TEST(test_delay),   TEST(test_tid),
	TEST(test_pci_addresses), TEST(test_folders), TEST(test_unaffinitized_call),
};

TEST_MAIN("env/misc", g_cases)
