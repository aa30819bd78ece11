/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* libs: -lelf */

/* Probes of this very program are found where they are: a nop with its arguments in the registers
 * that the BPF side reads, and the semaphore that guards it. */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/util/probe.h"
#include "services/mond/sdt.c"

PROBE_DEFINE_SEMAPHORE(test_one);

static uint64_t g_seen;

__attribute__((noinline)) static void
site(uint64_t value)
{
	if (PROBE_ENABLED(test_one)) {
		PROBE6(test_one, value, 2, 3, 4, 5, 6);
	}
	g_seen += value;
}

__attribute__((noinline)) static void
another_site(uint64_t value)
{
	if (PROBE_ENABLED(test_one)) {
		PROBE6(test_one, value, 0, 0, 0, 0, 0);
	}
	g_seen -= value;
}

static void
read_at(uint64_t offset, void *out, size_t len)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	CHECK_EQ(pread(fd, out, len, (off_t)offset), (ssize_t)len);
	close(fd);
}

static void
every_site_is_found_in_the_file(void)
{
	struct sdt_site sites[8];
	uint8_t code;
	int i, count;

	site(1);
	another_site(1);
	count = sdt_find("/proc/self/exe", "calandria", "test_one", sites, 8);
	CHECK_EQ(count, 2);
	for (i = 0; i < count; i++) {
		read_at(sites[i].offset, &code, 1);
		CHECK_EQ(code, 0x90);
		CHECK(sites[i].semaphore != 0);
		CHECK_EQ(sites[i].semaphore, sites[0].semaphore);
	}
	CHECK(count < 2 || sites[0].offset != sites[1].offset);
	/* There is room for one only: it is not exceeded. */
	CHECK_EQ(sdt_find("/proc/self/exe", "calandria", "test_one", sites, 1), 1);
}

static void
what_is_not_there_says_so(void)
{
	struct sdt_site sites[1];

	CHECK_EQ(sdt_find("/proc/self/exe", "calandria", "test_two", sites, 1), -ENOENT);
	CHECK_EQ(sdt_find("/proc/self/exe", "spdk", "test_one", sites, 1), -ENOENT);
	CHECK_EQ(sdt_find("/no/such/file", "calandria", "test_one", sites, 1), -ENOENT);
	CHECK_EQ(sdt_find("/proc/self/status", "calandria", "test_one", sites, 1), -ENOEXEC);
}

/* A copy of this program with a byte changed anywhere in its notes: an answer, not a crash. */
static void
damaged_notes_are_survived(void)
{
	char path[] = "/tmp/cal-sdt-XXXXXX";
	struct sdt_site sites[8];
	static uint8_t image[64 << 20];
	ssize_t len;
	size_t at;
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = mkstemp(path);

	REQUIRE(in >= 0 && out >= 0);
	len = read(in, image, sizeof(image));
	REQUIRE(len > 0 && (size_t)len < sizeof(image));
	REQUIRE(write(out, image, (size_t)len) == len);
	for (at = 0; at + 8 < (size_t)len; at++) {
		uint8_t bad = 0xff;
		size_t i;

		if (memcmp(image + at, "stapsdt", 8) != 0) {
			continue;
		}
		for (i = at - 12; i < at + 64 && i < (size_t)len; i++) {
			CHECK_EQ(pwrite(out, &bad, 1, (off_t)i), 1);
			sdt_find(path, "calandria", "test_one", sites, 8);
			CHECK_EQ(pwrite(out, &image[i], 1, (off_t)i), 1);
		}
	}
	CHECK_EQ(sdt_find(path, "calandria", "test_one", sites, 8), 2);
	close(in);
	close(out);
	unlink(path);
}

static const struct test_case cases[] = {
	TEST(every_site_is_found_in_the_file),
	TEST(what_is_not_there_says_so),
	TEST(damaged_notes_are_survived),
};

TEST_MAIN("services/mond/sdt", cases)
